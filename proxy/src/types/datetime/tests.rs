//! Input and output against what PostgreSQL answered (`cases.tsv`: type, DateStyle, TimeZone, input, output or SQLSTATE).

use super::{calendar::*, format, zone::Zone};
use crate::{
    session::context::{Context, DateFormat, DateOrder, DateStyle},
    types::{date, time, timestamp, timetz::Timetz},
};

fn context(style: &str, zone: &str) -> Context {
    let (format, order) = style.split_once(", ").expect("a style and an order");
    let format = match format {
        "ISO" => DateFormat::Iso,
        "SQL" => DateFormat::Sql,
        "German" => DateFormat::German,
        _ => DateFormat::Postgres,
    };
    let order = match order {
        "MDY" => DateOrder::Mdy,
        "DMY" => DateOrder::Dmy,
        _ => DateOrder::Ymd,
    };
    Context { date_style: DateStyle { format, order }, time_zone: Zone::by_name(zone).expect("a zone"), ..Context::default() }
}

#[test]
fn texts_are_read_and_written_as_postgresql_does() {
    let mut wrong = Vec::new();
    for line in include_str!("cases.tsv").lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [ty, style, zone, input, expected] = cells[..] else { panic!("{line}") };
        let cx = context(style, zone);
        let read = match ty {
            "date" => date::parse(input, &cx).map(|v| format::date(v, cx.date_style)),
            "time" => time::parse(input, -1, &cx).map(format::time),
            "timetz" => Timetz::parse(input, -1, &cx).map(Timetz::to_storage),
            "timestamp" => timestamp::parse(input, -1, &cx).map(|v| format::timestamp(v, cx.date_style)),
            _ => timestamp::parse_tz(input, -1, &cx).map(|v| format::timestamptz(v, &cx)),
        };
        let got = read.unwrap_or_else(|error| error.state().to_owned());
        if got != expected {
            wrong.push(format!("{line} <> {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} wrong", wrong.join("\n"), wrong.len());
}

#[test]
fn every_day_of_the_calendar_has_its_number() {
    for days in (MIN_DAYS..END_DATE_DAYS).step_by(9973) {
        let (year, month, day) = date_from_days(days);
        assert_eq!(days_from_date(year, month, day), days);
    }
    assert_eq!(days_from_date(1970, 1, 1), 0);
    assert_eq!(days_from_date(2000, 1, 1), POSTGRES_EPOCH_DAYS);
    assert_eq!(iso_week(2021, 1, 3), (2020, 53));
}
