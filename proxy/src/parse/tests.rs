//! Statements in, their kind and place out; refusals in PostgreSQL's words.

use super::*;

fn kinds(sql: &str) -> String {
    let name = |p: &Parsed| match &p.node {
        Node::Command(c) => format!("{c:?}"),
        Node::Statement(_) | Node::Definition(_) | Node::Change(_) => format!("`{}`", &sql[p.span.clone()]),
    };
    match parse(sql) {
        Ok(list) => list.iter().map(name).collect::<Vec<_>>().join(" | "),
        Err(e) => format!("{} at {}", e.fields().message, e.fields().position.unwrap_or(0)),
    }
}

#[test]
fn statements_keep_their_place() {
    let cases = [
        ("", ""),
        (" ; ; ", ""),
        ("select 1;  select 'é;x' , 2 -- end\n; ", "`select 1` | `select 'é;x' , 2`"),
        (
            "begin isolation level repeatable read, read only",
            "Begin(Modes { isolation: Some(RepeatableRead), read_only: Some(true), deferrable: None }, true)",
        ),
        ("abort and chain", "Rollback { chain: true }"),
        ("rollback to savepoint \"A\"", "RollbackTo(\"A\")"),
        ("SET LOCAL search_path TO a, \"B\"", "Set { name: \"search_path\", value: List([\"a\", \"B\"]), local: true }"),
        ("set time zone 'UTC'", "Set { name: \"timezone\", value: List([\"UTC\"]), local: false }"),
        ("set x.y = -1", "Set { name: \"x.y\", value: List([\"-1\"]), local: false }"),
        ("show transaction isolation level", "Show(Some(\"transaction_isolation\"))"),
        ("fetch backward all in c", "Fetch { name: \"c\", direction: Forward(-9223372036854775807), moves: false }"),
        ("move 3 from c", "Fetch { name: \"c\", direction: Forward(3), moves: true }"),
        ("unlisten *", "Unlisten(None)"),
        (
            "lock a.b, c in share row exclusive mode nowait",
            "Lock { tables: [[\"a\", \"b\"], [\"c\"]], mode: \"SHARE ROW EXCLUSIVE\", nowait: true }",
        ),
    ];
    for (sql, expected) in cases {
        assert_eq!(kinds(sql), expected, "{sql}");
    }
}

#[test]
fn syntax_errors_are_worded_as_postgresql_does() {
    let cases = [
        ("selec 1", "syntax error at or near \"selec\" at 1"),
        ("select 'é', from from t", "syntax error at or near \"from\" at 18"),
        ("select 'abc", "unterminated quoted string at or near \"'abc\" at 8"),
        ("select (1", "syntax error at end of input at 10"),
        ("begin foo", "syntax error at or near \"foo\" at 7"),
    ];
    for (sql, expected) in cases {
        assert_eq!(kinds(sql), expected, "{sql}");
    }
}

#[test]
fn deep_nesting_is_an_error() {
    let sql = format!("select {}1{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(parse(&sql).unwrap_err().state(), "54001");
}

#[test]
fn commands_that_are_not_here_are_named() {
    let cases = [
        ("CREATE RULE r AS ON INSERT TO t DO NOTHING", "0A000", "CREATE RULE is not supported"),
        ("CREATE PUBLICATION p FOR ALL TABLES", "0A000", "CREATE PUBLICATION is not supported"),
        ("CREATE RULES r", "42601", "syntax error at or near \"RULES\""),
    ];
    for (sql, state, message) in cases {
        let error = parse(sql).expect_err(sql);
        assert_eq!(error.to_string(), format!("{message} ({state})"), "{sql}");
    }
}
