//! Input and output against what PostgreSQL answered (`cases.tsv`: IntervalStyle, input, typmod, output or SQLSTATE).

use super::Interval;
use crate::session::context::IntervalStyle;

#[test]
fn texts_are_read_and_written_as_postgresql_does() {
    let mut wrong = Vec::new();
    for line in include_str!("cases.tsv").lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [style, input, typmod, expected] = cells[..] else { panic!("{line}") };
        let style = match style {
            "postgres" => IntervalStyle::Postgres,
            "postgres_verbose" => IntervalStyle::PostgresVerbose,
            "sql_standard" => IntervalStyle::SqlStandard,
            _ => IntervalStyle::Iso8601,
        };
        let typmod = typmod.parse().expect("a number");
        let got = match Interval::parse(input, typmod, style) {
            Ok(interval) => {
                assert_eq!(Interval::from_storage(&interval.to_storage()), Ok(interval), "{line}");
                interval.format(style)
            }
            Err(error) => error.state().to_owned(),
        };
        if got != expected {
            wrong.push(format!("{line} <> {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} wrong", wrong.join("\n"), wrong.len());
}
