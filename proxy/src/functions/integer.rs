//! Integer arithmetic, bits and casts, with PostgreSQL's checks: 22003 out of range, 22012 by zero. smallint, integer and bigint in
//! all mixtures; the result's width is the wider one's.

use super::{
    Body::{Native, Scalar},
    Call, Row, Value,
    arguments::{bool_value, fitting, float_value, int_value, text_value},
    row,
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{
        boolean,
        decimal::{Numeric, division_by_zero, factorial, greatest_common_divisor},
    },
};

/// The four operations of one pair of types.
macro_rules! arithmetic {
    ($width:literal, $types:literal, $prefix:literal) => {
        [
            row(concat!($prefix, "pl(", $types, ")"), Scalar(add::<$width>)),
            row(concat!($prefix, "mi(", $types, ")"), Scalar(subtract::<$width>)),
            row(concat!($prefix, "mul(", $types, ")"), Scalar(multiply::<$width>)),
            row(concat!($prefix, "div(", $types, ")"), Scalar(divide::<$width>)),
        ]
    };
}

/// What each integer type has for itself.
macro_rules! own {
    ($width:literal, $type:literal, $prefix:literal) => {
        [
            row(concat!($prefix, "mod(", $type, ",", $type, ")"), Scalar(modulo)),
            row(concat!("mod(", $type, ",", $type, ")"), Scalar(modulo)),
            row(concat!($prefix, "um(", $type, ")"), Scalar(negate::<$width>)),
            row(concat!($prefix, "up(", $type, ")"), Native("{0}")),
            row(concat!($prefix, "abs(", $type, ")"), Scalar(absolute::<$width>)),
            row(concat!("abs(", $type, ")"), Scalar(absolute::<$width>)),
            row(concat!($prefix, "and(", $type, ",", $type, ")"), Native("({0} & {1})")),
            row(concat!($prefix, "or(", $type, ",", $type, ")"), Native("({0} | {1})")),
            row(concat!($prefix, "xor(", $type, ",", $type, ")"), Native("(({0} | {1}) - ({0} & {1}))")),
            row(concat!($prefix, "not(", $type, ")"), Native("(~{0})")),
            row(concat!($prefix, "shl(", $type, ",integer)"), Scalar(shift_left::<$width>)),
            row(concat!($prefix, "shr(", $type, ",integer)"), Scalar(shift_right::<$width>)),
            row(concat!($prefix, "larger(", $type, ",", $type, ")"), Native("max({0}, {1})")),
            row(concat!($prefix, "smaller(", $type, ",", $type, ")"), Native("min({0}, {1})")),
            row(concat!($prefix, "(real)"), Scalar(from_float::<$width>)),
            row(concat!($prefix, "(double precision)"), Scalar(from_float::<$width>)),
            row(concat!($prefix, "(numeric)"), Scalar(from_numeric::<$width>)),
        ]
    };
}

pub(super) const TOPICS: &[&[Row]] = &[
    &arithmetic!(2, "smallint,smallint", "int2"),
    &arithmetic!(4, "integer,integer", "int4"),
    &arithmetic!(8, "bigint,bigint", "int8"),
    &arithmetic!(4, "smallint,integer", "int24"),
    &arithmetic!(4, "integer,smallint", "int42"),
    &arithmetic!(8, "smallint,bigint", "int28"),
    &arithmetic!(8, "bigint,smallint", "int82"),
    &arithmetic!(8, "integer,bigint", "int48"),
    &arithmetic!(8, "bigint,integer", "int84"),
    &own!(2, "smallint", "int2"),
    &own!(4, "integer", "int4"),
    &own!(8, "bigint", "int8"),
    ROWS,
];

const ROWS: &[Row] = &[
    row("int2(integer)", Scalar(narrow::<2>)),
    row("int2(bigint)", Scalar(narrow::<2>)),
    row("int4(bigint)", Scalar(narrow::<4>)),
    row("int4(smallint)", Native("{0}")),
    row("int8(smallint)", Native("{0}")),
    row("int8(integer)", Native("{0}")),
    row("int8(oid)", Native("{0}")),
    row("oid(bigint)", Scalar(to_oid)),
    row("oidlarger(oid,oid)", Native("max({0}, {1})")),
    row("oidsmaller(oid,oid)", Native("min({0}, {1})")),
    row("int4(boolean)", Native("{0}")),
    row("bool(integer)", Native("({0} <> 0)")),
    row("int4(\"char\")", Scalar(from_char)),
    row("char(integer)", Scalar(to_char)),
    row("text(boolean)", Native("CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END")),
    row("booland_statefunc(boolean,boolean)", Native("({0} & {1})")),
    row("boolor_statefunc(boolean,boolean)", Native("({0} | {1})")),
    row("gcd(integer,integer)", Scalar(gcd::<4>)),
    row("gcd(bigint,bigint)", Scalar(gcd::<8>)),
    row("lcm(integer,integer)", Scalar(lcm::<4>)),
    row("lcm(bigint,bigint)", Scalar(lcm::<8>)),
    row("factorial(bigint)", Scalar(numeric_factorial)),
    row("to_hex(integer)", Scalar(|c| text_value(format!("{:x}", c.int(0)? as i32)))),
    row("to_hex(bigint)", Scalar(|c| text_value(format!("{:x}", c.int(0)?)))),
    row("bit_count(bytea)", Scalar(|c| int_value(c.bytes(0)?.iter().map(|b| i64::from(b.count_ones())).sum::<i64>()))),
    row("int4inc(integer)", Scalar(|c| fitting::<4>(c.int(0)?.checked_add(1)))),
    row("int8inc(bigint)", Scalar(|c| fitting::<8>(c.int(0)?.checked_add(1)))),
    row(
        "boolin(cstring)",
        Scalar(|c| bool_value(boolean::parse(c.text(0)?).ok_or_else(|| SqlError::invalid_text("boolean", c.text(0).unwrap_or_default()))?)),
    ),
    row("float8(smallint)", Native("CAST({0} AS REAL)")),
    row("float8(integer)", Native("CAST({0} AS REAL)")),
    row("float8(bigint)", Native("CAST({0} AS REAL)")),
    row("float4(smallint)", Native("CAST({0} AS REAL)")),
    row("float4(integer)", Scalar(|c| float_value(f64::from(c.int(0)? as f32)))),
    row("float4(bigint)", Scalar(|c| float_value(f64::from(c.int(0)? as f32)))),
    row("numeric(smallint)", Native("CAST({0} AS TEXT)")),
    row("numeric(integer)", Native("CAST({0} AS TEXT)")),
    row("numeric(bigint)", Native("CAST({0} AS TEXT)")),
];

fn add<const W: usize>(call: &Call<'_>) -> Result<Value> {
    fitting::<W>(call.int(0)?.checked_add(call.int(1)?))
}

fn subtract<const W: usize>(call: &Call<'_>) -> Result<Value> {
    fitting::<W>(call.int(0)?.checked_sub(call.int(1)?))
}

fn multiply<const W: usize>(call: &Call<'_>) -> Result<Value> {
    fitting::<W>(call.int(0)?.checked_mul(call.int(1)?))
}

fn divide<const W: usize>(call: &Call<'_>) -> Result<Value> {
    match call.int(1)? {
        0 => Err(division_by_zero()),
        by => fitting::<W>(call.int(0)?.checked_div(by)),
    }
}

fn modulo(call: &Call<'_>) -> Result<Value> {
    match call.int(1)? {
        0 => Err(division_by_zero()),
        by => int_value(call.int(0)?.wrapping_rem(by)),
    }
}

fn negate<const W: usize>(call: &Call<'_>) -> Result<Value> {
    fitting::<W>(call.int(0)?.checked_neg())
}

fn absolute<const W: usize>(call: &Call<'_>) -> Result<Value> {
    fitting::<W>(call.int(0)?.checked_abs())
}

fn narrow<const W: usize>(call: &Call<'_>) -> Result<Value> {
    fitting::<W>(Some(call.int(0)?))
}

/// Shifts count modulo the type's width, as the machine's do, and drop what overflows.
fn shift_left<const W: usize>(call: &Call<'_>) -> Result<Value> {
    let (value, by) = (call.int(0)?, call.int(1)? as u32);
    int_value(match W {
        2 => i64::from((value as i32).wrapping_shl(by) as i16),
        4 => i64::from((value as i32).wrapping_shl(by)),
        _ => value.wrapping_shl(by),
    })
}

fn shift_right<const W: usize>(call: &Call<'_>) -> Result<Value> {
    let (value, by) = (call.int(0)?, call.int(1)? as u32);
    int_value(if W == 8 { value.wrapping_shr(by) } else { i64::from((value as i32).wrapping_shr(by)) })
}

/// Halves go to the even neighbour, as `rint` does.
fn from_float<const W: usize>(call: &Call<'_>) -> Result<Value> {
    let rounded = call.float(0)?.round_ties_even();
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded);
    fitting::<W>(fits.then_some(rounded as i64))
}

fn from_numeric<const W: usize>(call: &Call<'_>) -> Result<Value> {
    let name = ["", "", "smallint", "", "integer", "", "", "", "bigint"][W];
    let refuse = |what: &str| Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, format!("cannot convert {what} to {name}")));
    match call.numeric(0)? {
        Numeric::NaN => refuse("NaN"),
        Numeric::Infinite(_) => refuse("infinity"),
        Numeric::Finite(d) => fitting::<W>(d.to_i64()),
    }
}

fn to_oid(call: &Call<'_>) -> Result<Value> {
    let value = call.int(0)?;
    if u32::try_from(value).is_ok() { int_value(value) } else { Err(SqlError::out_of_range("OID")) }
}

fn from_char(call: &Call<'_>) -> Result<Value> {
    int_value(call.text(0)?.bytes().next().map_or(0, |b| i64::from(b as i8)))
}

fn to_char(call: &Call<'_>) -> Result<Value> {
    match call.int(0)? {
        0 => text_value(""),
        code @ 1..=127 => text_value(char::from(code as u8)),
        _ => Err(SqlError::out_of_range("\"char\"")),
    }
}

fn gcd<const W: usize>(call: &Call<'_>) -> Result<Value> {
    let divisor = greatest_common_divisor(call.int(0)?.into(), call.int(1)?.into());
    fitting::<W>(i64::try_from(divisor).ok())
}

fn lcm<const W: usize>(call: &Call<'_>) -> Result<Value> {
    let (a, b) = (call.int(0)?, call.int(1)?);
    if a == 0 || b == 0 {
        return int_value(0);
    }
    let divisor = greatest_common_divisor(a.into(), b.into());
    let multiple = i128::try_from(num_bigint::BigInt::from(a) / divisor * b).ok().map(i128::unsigned_abs);
    fitting::<W>(multiple.and_then(|m| i64::try_from(m).ok()))
}

fn numeric_factorial(call: &Call<'_>) -> Result<Value> {
    match call.int(0)? {
        n if n < 0 => Err(SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "factorial of a negative number is undefined")),
        n if n > 32_177 => Err(SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")),
        n => text_value(factorial(n).to_string()),
    }
}
