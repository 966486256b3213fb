//! The types that the fuzzer draws from, each with texts that its input function takes: ordinary ones, edges, and the empty ones.

/// A type and its sample values.
#[derive(Debug)]
pub struct Samples {
    /// As `format_type` prints it.
    pub ty: &'static str,
    /// Texts that its input function takes.
    pub texts: &'static [&'static str],
}

const fn samples(ty: &'static str, texts: &'static [&'static str]) -> Samples {
    Samples { ty, texts }
}

/// All types of the fuzzer, in a fixed order: seeds depend on it.
pub const SAMPLES: &[Samples] = &[
    samples("boolean", &["t", "f", "true", "off"]),
    samples("smallint", &["0", "1", "-1", "7", "32767", "-32768"]),
    samples("integer", &["0", "1", "-1", "2", "3", "10", "42", "2147483647", "-2147483648"]),
    samples("bigint", &["0", "1", "-1", "5", "100", "9223372036854775807", "-9223372036854775808"]),
    samples("real", &["0", "1.5", "-2.25", "3.4e38", "1e-40", "NaN", "Infinity"]),
    samples("double precision", &["0", "0.1", "-1.5", "2", "1e300", "1e-300", "NaN", "-Infinity", "123456789.123"]),
    samples("numeric", &["0", "1", "-1", "0.10", "1.50", "-2.5", "123456789012345678901234567890.12345", "NaN", "1e10", "0.000001"]),
    samples("text", &["", "a", "abc", "ABC", "Hello World", "é", "%", "_", "12", " x ", "a\\b", "日本", "a,b,c", "O''Brien"]),
    samples("character varying", &["", "abc", "äöü", "x y"]),
    samples("name", &["abc", "pg_class", ""]),
    samples("bytea", &["\\x", "\\x00", "\\xdeadbeef", "abc"]),
    samples("date", &["2024-01-31", "2024-02-29", "1999-12-31", "0001-01-01", "infinity", "4713-01-01 BC", "1970-01-01"]),
    samples("time without time zone", &["00:00:00", "12:34:56.789", "23:59:59.999999", "24:00:00"]),
    samples("time with time zone", &["00:00:00+00", "12:34:56.5+02", "23:59:59-08:30"]),
    samples(
        "timestamp without time zone",
        &["2024-01-31 10:20:30.123456", "1970-01-01", "2000-02-29 23:59:59", "infinity", "0044-03-15 BC"],
    ),
    samples(
        "timestamp with time zone",
        &["2024-01-31 10:20:30+00", "1970-01-01 00:00:00+05:30", "2024-07-01 12:00:00 Europe/Berlin", "-infinity"],
    ),
    samples("interval", &["0", "1 day", "1 mon", "-1 year 2 mons", "36:00:00", "1 mon -1 day 01:02:03.5", "100 years"]),
    samples("uuid", &["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    samples("json", &["null", "1", "\"a\"", "{\"a\": 1, \"b\": [1, 2, {\"c\": null}]}", "[]", "[1, \"x\", true]", "{\"a\":1,\"a\":2}"]),
    samples("jsonb", &["null", "1", "\"a\"", "{\"a\": 1, \"b\": [1, 2, {\"c\": null}]}", "[]", "{}", "[1, \"x\", true]", "1.50"]),
    samples("integer[]", &["{}", "{1,2,3}", "{NULL,5}", "{{1,2},{3,4}}", "[2:3]={7,8}"]),
    samples("bigint[]", &["{}", "{9,8,7}", "{NULL}"]),
    samples("text[]", &["{}", "{a,b,c}", "{\"a b\",NULL,\"\"}", "{{x},{y}}"]),
    samples("numeric[]", &["{}", "{1.0,2.50}", "{NULL,NaN}"]),
    samples("int4range", &["empty", "[1,10)", "(,5]", "[3,3]", "(,)"]),
    samples("int8range", &["empty", "[1,10)", "[100,)"]),
    samples("numrange", &["empty", "[1.5,2.5]", "(,0)", "[2.5,)"]),
    samples("daterange", &["empty", "[2024-01-01,2024-02-01)", "[2024-01-15,)"]),
    samples("tsrange", &["empty", "[2024-01-01 00:00,2024-01-02 12:00)", "(,2024-01-01]"]),
    samples("int4multirange", &["{}", "{[1,3),[5,9)}", "{(,2]}"]),
    samples("nummultirange", &["{}", "{[1.1,2.2]}"]),
    samples("inet", &["192.168.1.5", "10.0.0.0/8", "::1", "2001:db8::/32", "192.168.1.5/24"]),
    samples("cidr", &["192.168.0.0/16", "10.0.0.0/8", "2001:db8::/32"]),
    samples("macaddr", &["08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff"]),
    samples("bit", &["0", "1"]),
    samples("bit varying", &["", "101", "11110000"]),
    samples("oid", &["0", "23", "4294967295"]),
];

/// A type's place in [`SAMPLES`].
pub fn index_of(ty: &str) -> Option<usize> {
    SAMPLES.iter().position(|s| s.ty == ty)
}
