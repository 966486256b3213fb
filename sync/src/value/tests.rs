//! Every storage form goes to the log and comes back as it was.

use super::*;

/// Storage, value, JSON form.
fn cases() -> Vec<(Storage, Value, &'static str)> {
    use Storage::*;
    let (int, real) = (Value::Integer, Value::Real);
    let text = |t: &str| Value::Text(t.to_owned());
    vec![
        (Integer, int(i64::MIN), "-9223372036854775808"),
        (Integer, int(0), "0"),
        (Boolean, int(1), "true"),
        (Boolean, int(0), "false"),
        (Real, real(1.0), "1.0"),
        (Real, real(-0.0), "-0.0"),
        (Real, real(0.1 + 0.2), "0.30000000000000004"),
        (Real, real(f64::MAX), "1.7976931348623157e+308"),
        (Real, real(5e-324), "5e-324"),
        (Real, real(f64::INFINITY), "\"Infinity\""),
        (Real, real(f64::NEG_INFINITY), "\"-Infinity\""),
        (Real, Value::Blob(NAN.to_vec()), "\"NaN\""),
        (Text, text(""), "\"\""),
        (Text, text("a\"b\\c\nd\u{1}é"), "\"a\\\"b\\\\c\\nd\\u0001é\""),
        (Bytes, Value::Blob(vec![]), "\"\\\\x\""),
        (Bytes, Value::Blob(vec![0, 0xab, 255]), "\"\\\\x00abff\""),
        (Uuid, Value::Blob((0..16).collect()), "\"00010203-0405-0607-0809-0a0b0c0d0e0f\""),
        (Date, int(0), "\"1970-01-01\""),
        (Date, int(19_782), "\"2024-02-29\""),
        (Date, int(-1), "\"1969-12-31\""),
        (Date, int(-719_163), "\"0001-12-31 BC\""),
        (Date, int(-719_162), "\"0001-01-01\""),
        (Date, int(-2_440_588), "\"4714-11-24 BC\""),
        (Date, int(2_932_897), "\"10000-01-01\""),
        (Date, int(i64::MAX), "\"infinity\""),
        (Date, int(i64::MIN), "\"-infinity\""),
        (Time, int(0), "\"00:00:00\""),
        (Time, int(86_400_000_000), "\"24:00:00\""),
        (Time, int(47_045_678_000), "\"13:04:05.678\""),
        (Timestamp, int(-1), "\"1969-12-31 23:59:59.999999\""),
        (Timestamp, int(-62_135_596_800_000_001), "\"0001-12-31 23:59:59.999999 BC\""),
        (Timestamp, int(i64::MAX), "\"infinity\""),
        (Timestamptz, int(1_709_211_845_678_000), "\"2024-02-29 13:04:05.678+00\""),
        (Timestamptz, int(-62_135_596_800_000_001), "\"0001-12-31 23:59:59.999999+00 BC\""),
        (Timestamptz, int(i64::MIN), "\"-infinity\""),
        (Text, Value::Null, "null"),
    ]
}

#[test]
fn every_storage_class_goes_to_json_and_back() {
    for (storage, value, expected) in cases() {
        let mut json = String::new();
        write_json(storage, ValueRef::from(&value), &mut json).unwrap();
        assert_eq!(json, expected, "{storage:?} {value:?}");
        let parsed: Json = serde_json::from_str(&json).unwrap();
        assert_eq!(parsed.to_string(), json, "one spelling");
        assert_eq!(from_json(storage, &parsed).unwrap(), value);
        if let Some(text) = text_form(storage, ValueRef::from(&value)).unwrap() {
            assert_eq!(from_text_form(storage, &text).unwrap(), value, "{text}");
        }
    }
}

#[test]
fn every_day_of_ten_thousand_years_comes_back() {
    let mut day = -4_000_000;
    while day < 4_000_000 {
        assert_eq!(datetime::parse_date(&datetime::date(day)), Some(day));
        day += 61;
    }
}

#[test]
fn what_a_storage_class_does_not_allow_is_refused() {
    let wrong = [
        (Storage::Integer, "\"1\""),
        (Storage::Integer, "1.5"),
        (Storage::Boolean, "1"),
        (Storage::Real, "\"abc\""),
        (Storage::Bytes, "\"00\""),
        (Storage::Bytes, "\"\\\\x0\""),
        (Storage::Uuid, "\"x\""),
        (Storage::Date, "\"2024-13-01\""),
        (Storage::Date, "\"0000-01-01\""),
        (Storage::Time, "\"-1:00:00\""),
        (Storage::Timestamp, "\"2024-01-01\""),
        (Storage::Timestamptz, "\"2024-01-01 00:00:00\""),
        (Storage::Text, "{}"),
    ];
    for (storage, json) in wrong {
        assert!(from_json(storage, &serde_json::from_str(json).unwrap()).is_err(), "{storage:?} {json}");
    }
    assert!(write_json(Storage::Integer, ValueRef::Text(b"x"), &mut String::new()).is_err());
    assert!(write_json(Storage::Text, ValueRef::Text(&[0xff]), &mut String::new()).is_err());
}
