//! The forms of EXPLAIN over plans as SQLite tells them.

use super::*;

fn account(options: &Explain) -> Account<'_> {
    let row = |id, parent, detail: &str| Row { id, parent, detail: detail.to_owned() };
    let rows = vec![
        row(1, 0, "SEARCH s1 USING INDEX public.t_a_key (a=? AND b>?)"),
        row(2, 0, "SCAN s2 LEFT-JOIN"),
        row(3, 0, "CORRELATED SCALAR SUBQUERY 1"),
        row(4, 3, "SCAN s3 VIRTUAL TABLE INDEX 0:"),
        row(5, 0, "USE TEMP B-TREE FOR ORDER BY"),
    ];
    let sql = "SELECT … FROM \"public.t\" AS \"s1\" LEFT JOIN \"u\" AS \"s2\" … \"generate_series(integer,integer)\"(1, (2)) AS \"s3\"";
    Account { root: of_steps(&[(sql.to_owned(), rows)], None), options, planning: Duration::from_micros(1500), measured: None }
}

fn options(format: ExplainFormat) -> Explain {
    Explain { format, ..Explain::default() }
}

#[test]
fn text_shows_the_tree_in_postgresql_s_words() {
    let mut options = options(ExplainFormat::Text);
    options.costs = false;
    assert_eq!(
        account(&options).lines().join("\n"),
        "Sort\n  ->  Nested Loop Left Join\n        ->  Index Scan using t_a_key on t\n              Index Cond: (a = ? AND b > ?)\n        ->  Seq Scan on u\n  SubPlan 1\n    ->  Function Scan on generate_series"
    );
    options.costs = true;
    assert_eq!(account(&options).lines()[0], "Sort  (cost=0.00..0.00 rows=0 width=0)");
    options.analyze = true;
    let measured = Some(Measured { rows: 3, execution: Duration::from_micros(2500) });
    let lines = Account { measured, ..account(&options) }.lines();
    assert_eq!(lines[0], "Sort  (cost=0.00..0.00 rows=0 width=0) (actual time=0.000..2.500 rows=3 loops=1)");
    assert_eq!(lines[lines.len() - 2..], ["Planning Time: 1.500 ms", "Execution Time: 2.500 ms"]);
}

#[test]
fn json_parses_and_names_what_tools_read() {
    let options = options(ExplainFormat::Json);
    let parsed: serde_json::Value = serde_json::from_str(&account(&options).lines()[0]).expect("it is JSON");
    let plan = &parsed[0]["Plan"];
    assert_eq!(plan["Node Type"], "Sort");
    assert_eq!(plan["Plans"][0]["Join Type"], "Left");
    assert_eq!(plan["Plans"][0]["Plans"][0]["Index Name"], "t_a_key");
    assert_eq!(plan["Plans"][1]["Parent Relationship"], "SubPlan");
}

#[test]
fn yaml_and_xml_nest_as_the_plan_does() {
    let yaml = options(ExplainFormat::Yaml);
    let text = account(&yaml).lines().remove(0);
    assert!(text.starts_with("- Plan: \n    Node Type: \"Sort\"\n    Parallel Aware: false\n"), "{text}");
    let xml = options(ExplainFormat::Xml);
    let text = account(&xml).lines().remove(0);
    assert!(text.contains("<Plans>\n        <Plan>\n          <Node-Type>Nested Loop</Node-Type>"), "{text}");
    assert!(text.ends_with("</explain>"), "{text}");
}
