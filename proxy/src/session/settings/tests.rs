//! Values given, values shown, refusals; as PostgreSQL 15 answers them.

use super::*;

fn set(settings: &mut Settings, name: &str, values: &[&str]) -> String {
    let list = SettingValue::List(values.iter().map(|v| (*v).to_owned()).collect());
    match settings.set(name, &list, false) {
        Ok(_) => settings.show(name).unwrap_or_default(),
        Err(e) => e.fields().message.clone(),
    }
}

#[test]
fn values_are_checked_and_shown_as_postgresql_does() {
    let cases: &[(&str, &[&str], &str)] = &[
        ("work_mem", &["1.5GB"], "1536MB"),
        ("work_mem", &["4096"], "4MB"),
        ("work_mem", &["abc"], "invalid value for parameter \"work_mem\": \"abc\""),
        ("work_mem", &["10"], "10 kB is outside the valid range for parameter \"work_mem\" (64 .. 2147483647)"),
        ("statement_timeout", &["60000"], "1min"),
        ("statement_timeout", &["-5"], "-5 ms is outside the valid range for parameter \"statement_timeout\" (0 .. 2147483647)"),
        ("vacuum_cost_delay", &["1.5"], "1500us"),
        ("enable_seqscan", &["maybe"], "parameter \"enable_seqscan\" requires a Boolean value"),
        ("enable_seqscan", &["of"], "off"),
        ("datestyle", &["german", "dmy"], "German, DMY"),
        ("datestyle", &["iso, ymd"], "ISO, YMD"),
        ("timezone", &["america/new_york"], "America/New_York"),
        ("timezone", &["-3"], "<-03>+03"),
        ("timezone", &["foo"], "invalid value for parameter \"TimeZone\": \"foo\""),
        ("search_path", &["a", "B c", "x"], "a, \"B c\", x"),
        ("search_path", &[""], "\"\""),
        ("foo", &["1"], "unrecognized configuration parameter \"foo\""),
        ("foo.bar", &["1"], "1"),
        ("server_version", &["1"], "parameter \"server_version\" cannot be changed"),
        ("max_connections", &["1"], "parameter \"max_connections\" cannot be changed without restarting the server"),
        ("ssl", &["on"], "parameter \"ssl\" cannot be changed now"),
        ("log_connections", &["on"], "parameter \"log_connections\" cannot be set after connection start"),
        ("work_mem", &["1", "2"], "SET work_mem takes only one argument"),
        ("default_transaction_isolation", &["SERIALIZABLE"], "serializable"),
        ("geqo_seed", &["1.4"], "1.4 is outside the valid range for parameter \"geqo_seed\" (0 .. 1)"),
    ];
    for (name, values, expected) in cases {
        assert_eq!(set(&mut Settings::new("postgres"), name, values), *expected, "{name} = {values:?}");
    }
}

#[test]
fn transactions_undo_and_forget() {
    let mut s = Settings::new("postgres");
    set(&mut s, "work_mem", &["1MB"]);
    s.commit();
    let mark = s.mark();
    set(&mut s, "work_mem", &["2MB"]);
    let savepoint = s.mark();
    s.set("work_mem", &SettingValue::List(vec!["3MB".to_owned()]), true).unwrap();
    assert_eq!(s.show("work_mem").as_deref(), Some("3MB"));
    s.rewind(savepoint);
    assert_eq!(s.show("work_mem").as_deref(), Some("2MB"));
    s.rewind(mark);
    assert_eq!(s.show("work_mem").as_deref(), Some("1MB"));
    s.set("work_mem", &SettingValue::List(vec!["3MB".to_owned()]), true).unwrap();
    s.commit();
    assert_eq!(s.show("work_mem").as_deref(), Some("1MB"));
    s.reset("work_mem").unwrap();
    assert_eq!(s.show("work_mem").as_deref(), Some("4MB"));
}

#[test]
fn every_initial_value_is_canonical() {
    let s = Settings::new("postgres");
    // File modes, which nobody sets here, are shown in octal.
    for definition in all().iter().filter(|d| !d.initial.is_empty() && d.when == definition::When::Session) {
        let kept = definition.canonical(&definition.initial, "").unwrap_or_else(|e| panic!("{}: {e}", definition.name));
        assert_eq!(kept, definition.initial, "{}", definition.name);
        assert!(s.show(&definition.name).is_some());
    }
}
