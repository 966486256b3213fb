//! Against what PostgreSQL answered (`cases.tsv`: pattern, flags, text, replacement of all by `<\&>`, first match's groups or SQLSTATE).

use super::*;
use crate::functions::json::nested::text_array;
use crate::types::Value;

#[test]
fn expressions_match_what_postgresql_matches() {
    let mut wrong = Vec::new();
    for line in include_str!("cases.tsv").lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [pattern, flags, text, expected] = cells[..] else { panic!("{line}") };
        let text = text.replace("\\n", "\n");
        let run = || -> crate::error::Result<String> {
            let regex = compile(pattern, Flags::parse(flags)?)?;
            let Some(spans) = regex.find_at(&text, 0)? else { return Ok("-".to_owned()) };
            let groups = if regex.groups == 0 { &spans[..1] } else { &spans[1..] };
            match text_array(groups.iter().map(|span| span.map(|(a, b)| text[a..b].to_owned())).collect()) {
                Value::Text(array) => Ok(array.replace('\n', "\\n")),
                other => panic!("{other:?}"),
            }
        };
        let got = run().unwrap_or_else(|error| error.state().to_owned());
        if got != expected {
            wrong.push(format!("{line} <> {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} wrong", wrong.join("\n"), wrong.len());
}
