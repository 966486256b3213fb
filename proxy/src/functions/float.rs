//! Floating-point arithmetic and mathematics: overflow and underflow are 22003, division by zero 22012, as in `float.c`.

use std::f64::consts::PI;

use super::{
    Body::{Native, Scalar},
    Call, Row, Value,
    arguments::{float_value, int_value, numeric_value},
    row,
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{
        decimal::{Numeric, division_by_zero},
        float::stored,
    },
};

/// The operations of one pair of types; `single` results are rounded to float4.
macro_rules! arithmetic {
    ($single:literal, $types:literal, $prefix:literal) => {
        [
            row(concat!($prefix, "pl(", $types, ")"), Scalar(|c| binary::<$single>(c, |a, b| a + b))),
            row(concat!($prefix, "mi(", $types, ")"), Scalar(|c| binary::<$single>(c, |a, b| a - b))),
            row(concat!($prefix, "mul(", $types, ")"), Scalar(multiply::<$single>)),
            row(concat!($prefix, "div(", $types, ")"), Scalar(divide::<$single>)),
        ]
    };
}

pub(super) const TOPICS: &[&[Row]] = &[
    &arithmetic!(true, "real,real", "float4"),
    &arithmetic!(false, "double precision,double precision", "float8"),
    &arithmetic!(false, "real,double precision", "float48"),
    &arithmetic!(false, "double precision,real", "float84"),
    ROWS,
];

const ROWS: &[Row] = &[
    row("float4um(real)", Scalar(|c| float_value(-c.float(0)?))),
    row("float8um(double precision)", Scalar(|c| float_value(-c.float(0)?))),
    row("float4up(real)", Native("{0}")),
    row("float8up(double precision)", Native("{0}")),
    row("float4abs(real)", Scalar(|c| float_value(c.float(0)?.abs()))),
    row("float8abs(double precision)", Scalar(|c| float_value(c.float(0)?.abs()))),
    row("abs(real)", Scalar(|c| float_value(c.float(0)?.abs()))),
    row("abs(double precision)", Scalar(|c| float_value(c.float(0)?.abs()))),
    row("float4larger(real,real)", Native("max({0}, {1})")),
    row("float8larger(double precision,double precision)", Native("max({0}, {1})")),
    row("float4smaller(real,real)", Native("min({0}, {1})")),
    row("float8smaller(double precision,double precision)", Native("min({0}, {1})")),
    row("float8(real)", Native("{0}")),
    row("float4(double precision)", Scalar(narrow)),
    row("float8(numeric)", Scalar(|c| float_value(crate::types::float::parse(c.text(0)?, false)?))),
    row("float4(numeric)", Scalar(|c| float_value(crate::types::float::parse(c.text(0)?, true)?))),
    row("numeric(double precision)", Scalar(|c| numeric_value(&Numeric::from_float(c.float(0)?, 15)?))),
    row("numeric(real)", Scalar(|c| numeric_value(&Numeric::from_float(c.float(0)?, 6)?))),
    row("ceil(double precision)", Scalar(|c| float_value(c.float(0)?.ceil()))),
    row("ceiling(double precision)", Scalar(|c| float_value(c.float(0)?.ceil()))),
    row("floor(double precision)", Scalar(|c| float_value(c.float(0)?.floor()))),
    row("round(double precision)", Scalar(|c| float_value(c.float(0)?.round_ties_even()))),
    row("dround(double precision)", Scalar(|c| float_value(c.float(0)?.round_ties_even()))),
    row("trunc(double precision)", Scalar(|c| float_value(c.float(0)?.trunc()))),
    row("dtrunc(double precision)", Scalar(|c| float_value(c.float(0)?.trunc()))),
    row("sign(double precision)", Scalar(|c| float_value(sign(c.float(0)?)))),
    row("sqrt(double precision)", Scalar(square_root)),
    row("dsqrt(double precision)", Scalar(square_root)),
    row("cbrt(double precision)", Scalar(|c| float_value(c.float(0)?.cbrt()))),
    row("dcbrt(double precision)", Scalar(|c| float_value(c.float(0)?.cbrt()))),
    row("pow(double precision,double precision)", Scalar(power)),
    row("power(double precision,double precision)", Scalar(power)),
    row("dpow(double precision,double precision)", Scalar(power)),
    row("exp(double precision)", Scalar(exponential)),
    row("dexp(double precision)", Scalar(exponential)),
    row("ln(double precision)", Scalar(|c| logarithm(c, f64::ln))),
    row("dlog1(double precision)", Scalar(|c| logarithm(c, f64::ln))),
    row("log(double precision)", Scalar(|c| logarithm(c, f64::log10))),
    row("log10(double precision)", Scalar(|c| logarithm(c, f64::log10))),
    row("dlog10(double precision)", Scalar(|c| logarithm(c, f64::log10))),
    row("pi()", Scalar(|_| float_value(PI))),
    row("degrees(double precision)", Scalar(|c| overflow_checked(c.float(0)?, c.float(0)? / (PI / 180.0)))),
    row("radians(double precision)", Scalar(|c| float_value(c.float(0)? * (PI / 180.0)))),
    row("sin(double precision)", Scalar(|c| periodic(c, f64::sin))),
    row("cos(double precision)", Scalar(|c| periodic(c, f64::cos))),
    row("tan(double precision)", Scalar(|c| periodic(c, f64::tan))),
    row("cot(double precision)", Scalar(|c| periodic(c, |x| 1.0 / x.tan()))),
    row("asin(double precision)", Scalar(|c| within(c, -1.0, 1.0, f64::asin))),
    row("acos(double precision)", Scalar(|c| within(c, -1.0, 1.0, f64::acos))),
    row("atan(double precision)", Scalar(|c| float_value(c.float(0)?.atan()))),
    row("atan2(double precision,double precision)", Scalar(|c| float_value(c.float(0)?.atan2(c.float(1)?)))),
    row("sinh(double precision)", Scalar(|c| float_value(c.float(0)?.sinh()))),
    row("cosh(double precision)", Scalar(|c| float_value(c.float(0)?.cosh()))),
    row("tanh(double precision)", Scalar(|c| float_value(c.float(0)?.tanh()))),
    row("asinh(double precision)", Scalar(|c| float_value(c.float(0)?.asinh()))),
    row("acosh(double precision)", Scalar(|c| within(c, 1.0, f64::INFINITY, f64::acosh))),
    row("atanh(double precision)", Scalar(|c| within(c, -1.0, 1.0, f64::atanh))),
    row("sind(double precision)", Scalar(|c| periodic(c, sine_of_degrees))),
    row("cosd(double precision)", Scalar(|c| periodic(c, cosine_of_degrees))),
    row("tand(double precision)", Scalar(|c| periodic(c, |x| sine_of_degrees(x) / cosine_of_degrees(x) + 0.0))),
    row("cotd(double precision)", Scalar(|c| periodic(c, |x| cosine_of_degrees(x) / sine_of_degrees(x) + 0.0))),
    row("asind(double precision)", Scalar(|c| within(c, -1.0, 1.0, |x| exact_degrees(x.asin())))),
    row("acosd(double precision)", Scalar(|c| within(c, -1.0, 1.0, |x| exact_degrees(x.acos())))),
    row("atand(double precision)", Scalar(|c| float_value(exact_degrees(c.float(0)?.atan())))),
    row("atan2d(double precision,double precision)", Scalar(|c| float_value(exact_degrees(c.float(0)?.atan2(c.float(1)?))))),
    row("width_bucket(double precision,double precision,double precision,integer)", Scalar(width_bucket)),
];

fn range_error(message: &str) -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message.to_owned())
}

/// A result that is infinite though its argument was not is an overflow.
fn overflow_checked(argument: f64, result: f64) -> Result<Value> {
    if result.is_infinite() && !argument.is_infinite() {
        return Err(range_error("value out of range: overflow"));
    }
    Ok(stored(result))
}

fn rounded<const SINGLE: bool>(value: f64) -> f64 {
    if SINGLE { f64::from(value as f32) } else { value }
}

fn binary<const SINGLE: bool>(call: &Call<'_>, operation: fn(f64, f64) -> f64) -> Result<Value> {
    let (a, b) = (call.float(0)?, call.float(1)?);
    overflow_checked(if a.is_infinite() { a } else { b }, rounded::<SINGLE>(operation(a, b)))
}

fn underflow_checked(result: f64, may_be_zero: bool) -> Result<()> {
    if result == 0.0 && !may_be_zero { Err(range_error("value out of range: underflow")) } else { Ok(()) }
}

fn multiply<const SINGLE: bool>(call: &Call<'_>) -> Result<Value> {
    let (a, b) = (call.float(0)?, call.float(1)?);
    let result = rounded::<SINGLE>(a * b);
    underflow_checked(result, a == 0.0 || b == 0.0)?;
    overflow_checked(if a.is_infinite() { a } else { b }, result)
}

fn divide<const SINGLE: bool>(call: &Call<'_>) -> Result<Value> {
    let (a, b) = (call.float(0)?, call.float(1)?);
    if b == 0.0 && !a.is_nan() {
        return Err(division_by_zero());
    }
    let result = rounded::<SINGLE>(a / b);
    underflow_checked(result, a == 0.0 || b.is_infinite())?;
    overflow_checked(a, result)
}

fn narrow(call: &Call<'_>) -> Result<Value> {
    let value = call.float(0)?;
    let result = f64::from(value as f32);
    underflow_checked(result, value == 0.0)?;
    overflow_checked(value, result)
}

fn sign(value: f64) -> f64 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        0.0
    }
}

fn square_root(call: &Call<'_>) -> Result<Value> {
    let value = call.float(0)?;
    if value < 0.0 {
        return Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, "cannot take square root of a negative number"));
    }
    float_value(value.sqrt())
}

fn power(call: &Call<'_>) -> Result<Value> {
    let (base, exponent) = (call.float(0)?, call.float(1)?);
    let refuse = |message: &str| Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message.to_owned()));
    if base == 0.0 && exponent < 0.0 {
        return refuse("zero raised to a negative power is undefined");
    }
    if base < 0.0 && exponent.is_finite() && exponent.fract() != 0.0 {
        return refuse("a negative number raised to a non-integer power yields a complex result");
    }
    let result = base.powf(exponent);
    if base.is_finite() && exponent.is_finite() {
        underflow_checked(result, base == 0.0)?;
        return overflow_checked(0.0, result);
    }
    float_value(result)
}

fn exponential(call: &Call<'_>) -> Result<Value> {
    let value = call.float(0)?;
    let result = value.exp();
    underflow_checked(result, value.is_infinite())?;
    overflow_checked(value, result)
}

fn logarithm(call: &Call<'_>, function: fn(f64) -> f64) -> Result<Value> {
    let value = call.float(0)?;
    let refuse = |what: &str| Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_LOGARITHM, format!("cannot take logarithm of {what}")));
    if value == 0.0 {
        return refuse("zero");
    }
    if value < 0.0 {
        return refuse("a negative number");
    }
    float_value(function(value))
}

fn out_of_range<T>() -> Result<T> {
    Err(range_error("input is out of range"))
}

fn periodic(call: &Call<'_>, function: fn(f64) -> f64) -> Result<Value> {
    let value = call.float(0)?;
    if value.is_infinite() { out_of_range() } else { float_value(function(value)) }
}

fn within(call: &Call<'_>, low: f64, high: f64, function: fn(f64) -> f64) -> Result<Value> {
    let value = call.float(0)?;
    if value < low || value > high { out_of_range() } else { float_value(function(value)) }
}

/// Degrees rounded where they are as good as whole, so that exact cases come out exact.
fn exact_degrees(radians: f64) -> f64 {
    let degrees = radians * (180.0 / PI);
    let whole = degrees.round();
    if (degrees - whole).abs() < 1e-12 { whole } else { degrees }
}

/// `sind`: exact at multiples of 30 degrees.
fn sine_of_degrees(degrees: f64) -> f64 {
    let mut x = degrees % 360.0;
    let mut sign = 1.0;
    if x < 0.0 {
        (x, sign) = (-x, -sign);
    }
    if x > 180.0 {
        (x, sign) = (360.0 - x, -sign);
    }
    if x > 90.0 {
        x = 180.0 - x;
    }
    let first = |x: f64| 0.5 * (x * (PI / 180.0)).sin() / (30.0 * (PI / 180.0)).sin();
    let rest = |x: f64| 1.0 - 0.5 * (1.0 - (x * (PI / 180.0)).cos()) / (1.0 - (60.0 * (PI / 180.0)).cos());
    sign * if x <= 30.0 { first(x) } else { rest(90.0 - x) }
}

fn cosine_of_degrees(degrees: f64) -> f64 {
    sine_of_degrees((degrees % 360.0).abs() + 90.0)
}

fn width_bucket(call: &Call<'_>) -> Result<Value> {
    let (value, low, high, count) = (call.float(0)?, call.float(1)?, call.float(2)?, call.int(3)?);
    let refuse = |message: &str| Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_WIDTH_BUCKET_FUNCTION, message.to_owned()));
    if count <= 0 {
        return refuse("count must be greater than zero");
    }
    if value.is_nan() || low.is_nan() || high.is_nan() {
        return refuse("operand, lower bound, and upper bound cannot be NaN");
    }
    if low.is_infinite() || high.is_infinite() {
        return refuse("lower and upper bounds must be finite");
    }
    if low == high {
        return refuse("lower bound cannot equal upper bound");
    }
    let (position, last) = if low < high { (value - low, high - low) } else { (low - value, low - high) };
    int_value(if position < 0.0 {
        0
    } else if position >= last {
        count + 1
    } else {
        (position / last * count as f64) as i64 + 1
    })
}
