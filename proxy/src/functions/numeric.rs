//! Arithmetic and mathematics of numeric, with PostgreSQL's rules for scale, NaN and the infinities (`numeric.c`). Sums and products
//! of short numbers are done in machine integers.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use super::{
    Body::{Native, Scalar},
    Call, Row, Value,
    arguments::{fitting, int_value, numeric_value, text_value},
    row,
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{
        decimal::{Decimal, Numeric, division_by_zero, greatest_common_divisor, power_of_ten, small, small_text},
        numeric::compare_text,
        transcendental,
    },
};

pub(super) const ROWS: &[Row] = &[
    row("numeric_add(numeric,numeric)", Scalar(|c| sum(c, false))),
    row("numeric_sub(numeric,numeric)", Scalar(|c| sum(c, true))),
    row("numeric_mul(numeric,numeric)", Scalar(multiply)),
    row("numeric_div(numeric,numeric)", Scalar(divide)),
    row("numeric_mod(numeric,numeric)", Scalar(modulo)),
    row("mod(numeric,numeric)", Scalar(modulo)),
    row("div(numeric,numeric)", Scalar(divide_whole)),
    row("numeric_div_trunc(numeric,numeric)", Scalar(divide_whole)),
    row("numeric_uminus(numeric)", Scalar(|c| numeric_value(&c.numeric(0)?.negate()))),
    row("numeric_uplus(numeric)", Native("{0}")),
    row("numeric_abs(numeric)", Scalar(absolute)),
    row("abs(numeric)", Scalar(absolute)),
    row("numeric_inc(numeric)", Scalar(|c| numeric_value(&plus(c.numeric(0)?, Numeric::integer(1), false)?))),
    row("numeric_larger(numeric,numeric)", Scalar(|c| extreme(c, true))),
    row("numeric_smaller(numeric,numeric)", Scalar(|c| extreme(c, false))),
    row("numeric(numeric,integer)", Scalar(|c| numeric_value(&c.numeric(0)?.with_typmod(c.int(1)? as i32)?))),
    row("sign(numeric)", Scalar(sign)),
    row("round(numeric)", Scalar(|c| places(c, Decimal::round, true))),
    row("trunc(numeric)", Scalar(|c| places(c, Decimal::truncate, false))),
    row("round(numeric,integer)", Scalar(|c| places(c, Decimal::round, true))),
    row("trunc(numeric,integer)", Scalar(|c| places(c, Decimal::truncate, false))),
    row("ceil(numeric)", Scalar(|c| finite(c, |d| towards(d, true)))),
    row("ceiling(numeric)", Scalar(|c| finite(c, |d| towards(d, true)))),
    row("floor(numeric)", Scalar(|c| finite(c, |d| towards(d, false)))),
    row("sqrt(numeric)", Scalar(square_root)),
    row("numeric_sqrt(numeric)", Scalar(square_root)),
    row("exp(numeric)", Scalar(exponential)),
    row("numeric_exp(numeric)", Scalar(exponential)),
    row("ln(numeric)", Scalar(natural_logarithm)),
    row("numeric_ln(numeric)", Scalar(natural_logarithm)),
    row("log(numeric)", Scalar(|c| logarithm(Numeric::integer(10), c.numeric(0)?))),
    row("log10(numeric)", Scalar(|c| logarithm(Numeric::integer(10), c.numeric(0)?))),
    row("log(numeric,numeric)", Scalar(|c| logarithm(c.numeric(0)?, c.numeric(1)?))),
    row("numeric_log(numeric,numeric)", Scalar(|c| logarithm(c.numeric(0)?, c.numeric(1)?))),
    row("power(numeric,numeric)", Scalar(power)),
    row("pow(numeric,numeric)", Scalar(power)),
    row("numeric_power(numeric,numeric)", Scalar(power)),
    row("gcd(numeric,numeric)", Scalar(gcd)),
    row("lcm(numeric,numeric)", Scalar(lcm)),
    row("scale(numeric)", Scalar(scale)),
    row("min_scale(numeric)", Scalar(min_scale)),
    row("trim_scale(numeric)", Scalar(|c| finite(c, |d| d.truncate(trimmed_scale(d))))),
    row("width_bucket(numeric,numeric,numeric,integer)", Scalar(width_bucket)),
];

/// Sum or difference of any two numerics.
pub(super) fn plus(a: Numeric, b: Numeric, negate: bool) -> Result<Numeric> {
    let b = if negate { b.negate() } else { b };
    Ok(match (a, b) {
        (Numeric::NaN, _) | (_, Numeric::NaN) => Numeric::NaN,
        (Numeric::Infinite(x), Numeric::Infinite(y)) => {
            if x == y {
                Numeric::Infinite(x)
            } else {
                Numeric::NaN
            }
        }
        (Numeric::Infinite(x), _) | (_, Numeric::Infinite(x)) => Numeric::Infinite(x),
        (Numeric::Finite(a), Numeric::Finite(b)) => Numeric::Finite(a.add(&b, false).checked()?),
    })
}

/// Two short numerics at a common scale.
fn aligned(a: &str, b: &str) -> Option<(i128, i128, u32)> {
    let ((a, a_scale), (b, b_scale)) = (small(a)?, small(b)?);
    let scale = a_scale.max(b_scale);
    let raise = |value: i128, from: u32| value.checked_mul(10i128.checked_pow(scale - from)?);
    Some((raise(a, a_scale)?, raise(b, b_scale)?, scale))
}

fn sum(call: &Call<'_>, negate: bool) -> Result<Value> {
    if let Some((a, b, scale)) = aligned(call.text(0)?, call.text(1)?) {
        if let Some(result) = if negate { a.checked_sub(b) } else { a.checked_add(b) } {
            return text_value(small_text(result, scale));
        }
    }
    numeric_value(&plus(call.numeric(0)?, call.numeric(1)?, negate)?)
}

fn multiply(call: &Call<'_>) -> Result<Value> {
    if let (Some((a, a_scale)), Some((b, b_scale))) = (small(call.text(0)?), small(call.text(1)?)) {
        if let Some(product) = a.checked_mul(b) {
            return text_value(small_text(product, a_scale + b_scale));
        }
    }
    let (a, b) = (call.numeric(0)?, call.numeric(1)?);
    numeric_value(&match (&a, &b) {
        (Numeric::NaN, _) | (_, Numeric::NaN) => Numeric::NaN,
        (Numeric::Finite(a), Numeric::Finite(b)) => Numeric::Finite(a.multiply(b).checked()?),
        _ => match a.signum() * b.signum() {
            0 => Numeric::NaN,
            sign => Numeric::Infinite(sign < 0),
        },
    })
}

fn divide(call: &Call<'_>) -> Result<Value> {
    let (a, b) = (call.numeric(0)?, call.numeric(1)?);
    numeric_value(&quotient(&a, &b, |a, b| a.divide(b))?)
}

fn quotient(a: &Numeric, b: &Numeric, finite: impl Fn(&Decimal, &Decimal) -> Result<Decimal>) -> Result<Numeric> {
    Ok(match (a, b) {
        (Numeric::NaN, _) | (_, Numeric::NaN) => Numeric::NaN,
        (Numeric::Infinite(_), Numeric::Infinite(_)) => Numeric::NaN,
        (Numeric::Infinite(_), _) => match a.signum() * b.signum() {
            0 => return Err(division_by_zero()),
            sign => Numeric::Infinite(sign < 0),
        },
        (Numeric::Finite(_), Numeric::Infinite(_)) => Numeric::integer(0),
        (Numeric::Finite(a), Numeric::Finite(b)) => Numeric::Finite(finite(a, b)?),
    })
}

fn divide_whole(call: &Call<'_>) -> Result<Value> {
    let whole = |a: &Decimal, b: &Decimal| {
        let rest = a.remainder(b)?;
        Ok(a.add(&rest, true).divide_to(b, 0))
    };
    numeric_value(&quotient(&call.numeric(0)?, &call.numeric(1)?, whole)?)
}

fn modulo(call: &Call<'_>) -> Result<Value> {
    let (a, b) = (call.numeric(0)?, call.numeric(1)?);
    numeric_value(&match (&a, &b) {
        (Numeric::NaN, _) | (_, Numeric::NaN) => Numeric::NaN,
        (Numeric::Infinite(_), _) if b.signum() == 0 => return Err(division_by_zero()),
        (Numeric::Infinite(_), _) => Numeric::NaN,
        (Numeric::Finite(_), Numeric::Infinite(_)) => a,
        (Numeric::Finite(a), Numeric::Finite(b)) => Numeric::Finite(a.remainder(b)?),
    })
}

fn absolute(call: &Call<'_>) -> Result<Value> {
    text_value(call.text(0)?.trim_start_matches('-'))
}

fn extreme(call: &Call<'_>, greatest: bool) -> Result<Value> {
    let (a, b) = (call.text(0)?, call.text(1)?);
    text_value(if (compare_text(a, b) == std::cmp::Ordering::Less) == greatest { b } else { a })
}

fn sign(call: &Call<'_>) -> Result<Value> {
    match call.numeric(0)? {
        Numeric::NaN => text_value("NaN"),
        n => text_value(n.signum().to_string()),
    }
}

fn finite(call: &Call<'_>, f: impl Fn(&Decimal) -> Decimal) -> Result<Value> {
    match call.numeric(0)? {
        Numeric::Finite(d) => numeric_value(&Numeric::Finite(f(&d))),
        other => numeric_value(&other),
    }
}

/// A short number cut after some of its digits, or rounded there, halves away from zero; none for a longer one.
fn small_places(text: &str, wanted: i64, rounds: bool) -> Option<String> {
    let (value, scale) = small(text)?;
    let wanted = u32::try_from(wanted).ok().filter(|wanted| *wanted <= scale)?;
    let unit = 10i128.checked_pow(scale - wanted)?;
    let (quotient, rest) = (value / unit, value % unit);
    let is_up = rounds && rest.unsigned_abs() * 2 >= unit.unsigned_abs();
    Some(small_text(if is_up { quotient + value.signum() } else { quotient }, wanted))
}

fn places(call: &Call<'_>, f: fn(&Decimal, i64) -> Decimal, rounds: bool) -> Result<Value> {
    let wanted = if call.args.len() > 1 { call.int(1)? } else { 0 };
    if let Some(text) = small_places(call.text(0)?, wanted, rounds) {
        return text_value(text);
    }
    let scale = wanted.clamp(-131_073, i64::from(crate::types::decimal::MAX_SCALE));
    match call.numeric(0)? {
        Numeric::Finite(d) => numeric_value(&Numeric::Finite(f(&d, scale).checked()?)),
        other => numeric_value(&other),
    }
}

fn towards(d: &Decimal, up: bool) -> Decimal {
    let cut = d.truncate(0);
    let is_away = !d.is_whole() && (d.coefficient.is_negative() != up);
    match (is_away, up) {
        (true, true) => Decimal::integer(cut.coefficient + 1),
        (true, false) => Decimal::integer(cut.coefficient - 1),
        _ => cut,
    }
}

fn square_root(call: &Call<'_>) -> Result<Value> {
    let value = call.numeric(0)?;
    if value.signum() < 0 {
        return Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, "cannot take square root of a negative number"));
    }
    numeric_value(&match value {
        Numeric::Finite(d) => Numeric::Finite(transcendental::square_root(&d)),
        other => other,
    })
}

fn exponential(call: &Call<'_>) -> Result<Value> {
    numeric_value(&match call.numeric(0)? {
        Numeric::Finite(d) => Numeric::Finite(transcendental::exponential(&d)?),
        Numeric::Infinite(true) => Numeric::integer(0),
        other => other,
    })
}

fn positive(value: &Numeric) -> Result<()> {
    let refuse = |what: &str| Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_LOGARITHM, format!("cannot take logarithm of {what}")));
    match value.signum() {
        0 => refuse("zero"),
        1 => Ok(()),
        _ => refuse("a negative number"),
    }
}

fn natural_logarithm(call: &Call<'_>) -> Result<Value> {
    let value = call.numeric(0)?;
    positive(&value)?;
    numeric_value(&match value {
        Numeric::Finite(d) => Numeric::Finite(transcendental::natural_logarithm(&d)),
        other => other,
    })
}

fn logarithm(base: Numeric, number: Numeric) -> Result<Value> {
    positive(&base)?;
    positive(&number)?;
    numeric_value(&match (base, number) {
        (Numeric::NaN, _) | (_, Numeric::NaN) => Numeric::NaN,
        (Numeric::Finite(base), Numeric::Finite(number)) => {
            if base == Decimal::integer(1) || base.cmp(&Decimal::integer(1)).is_eq() {
                return Err(division_by_zero());
            }
            Numeric::Finite(transcendental::logarithm(&base, &number))
        }
        (Numeric::Infinite(_), Numeric::Infinite(_)) => Numeric::NaN,
        (Numeric::Infinite(_), _) => Numeric::integer(0),
        (_, infinite) => infinite,
    })
}

fn power(call: &Call<'_>) -> Result<Value> {
    let (base, exponent) = (call.numeric(0)?, call.numeric(1)?);
    let refuse = |message: &str| Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message.to_owned()));
    let (Numeric::Finite(b), Numeric::Finite(e)) = (&base, &exponent) else {
        let is_one = |n: &Numeric| matches!(n, Numeric::Finite(d) if d.cmp(&Decimal::integer(1)).is_eq());
        if is_one(&base) || exponent.signum() == 0 {
            return text_value("1");
        }
        if base.signum() == 0 && exponent.signum() < 0 {
            return refuse("zero raised to a negative power is undefined");
        }
        if base.signum() < 0 && matches!(&exponent, Numeric::Finite(e) if !e.is_whole()) {
            return refuse("a negative number raised to a non-integer power yields a complex result");
        }
        return numeric_value(&Numeric::from_float(base.to_f64().powf(exponent.to_f64()), 15)?);
    };
    if b.coefficient.is_zero() && e.coefficient.is_negative() {
        return refuse("zero raised to a negative power is undefined");
    }
    if b.coefficient.is_negative() && !e.is_whole() {
        return refuse("a negative number raised to a non-integer power yields a complex result");
    }
    numeric_value(&Numeric::Finite(transcendental::power(b, e)?))
}

/// Both coefficients at the larger scale; none where one is not finite.
fn common(call: &Call<'_>) -> Result<Option<(BigInt, BigInt, u32)>> {
    Ok(match (call.numeric(0)?, call.numeric(1)?) {
        (Numeric::Finite(a), Numeric::Finite(b)) => {
            let scale = a.scale.max(b.scale);
            Some((a.at_scale(scale), b.at_scale(scale), scale))
        }
        _ => None,
    })
}

fn gcd(call: &Call<'_>) -> Result<Value> {
    let Some((a, b, scale)) = common(call)? else { return text_value("NaN") };
    numeric_value(&Numeric::Finite(Decimal { coefficient: greatest_common_divisor(a, b), scale }))
}

fn lcm(call: &Call<'_>) -> Result<Value> {
    let Some((a, b, scale)) = common(call)? else { return text_value("NaN") };
    let coefficient =
        if a.is_zero() || b.is_zero() { BigInt::zero() } else { (&a / greatest_common_divisor(a.clone(), b.clone()) * b).abs() };
    numeric_value(&Numeric::Finite(Decimal { coefficient, scale }.checked()?))
}

fn scale(call: &Call<'_>) -> Result<Value> {
    match call.numeric(0)? {
        Numeric::Finite(d) => int_value(d.scale),
        _ => Ok(Value::Null),
    }
}

fn trimmed_scale(d: &Decimal) -> i64 {
    let mut scale = d.scale;
    while scale > 0 && (&d.coefficient % power_of_ten(d.scale - scale + 1)).is_zero() {
        scale -= 1;
    }
    i64::from(scale)
}

fn min_scale(call: &Call<'_>) -> Result<Value> {
    match call.numeric(0)? {
        Numeric::Finite(d) => int_value(trimmed_scale(&d)),
        _ => Ok(Value::Null),
    }
}

fn width_bucket(call: &Call<'_>) -> Result<Value> {
    let (value, low, high, count) = (call.numeric(0)?, call.numeric(1)?, call.numeric(2)?, call.int(3)?);
    let refuse = |message: &str| Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_WIDTH_BUCKET_FUNCTION, message.to_owned()));
    if count <= 0 {
        return refuse("count must be greater than zero");
    }
    if [&value, &low, &high].contains(&&Numeric::NaN) {
        return refuse("operand, lower bound, and upper bound cannot be NaN");
    }
    let (Numeric::Finite(low), Numeric::Finite(high)) = (low, high) else {
        return refuse("lower and upper bounds must be finite");
    };
    if low.cmp(&high).is_eq() {
        return refuse("lower bound cannot equal upper bound");
    }
    let is_rising = low < high;
    let value = match value {
        Numeric::Finite(value) => value,
        other => return fitting::<4>(Some(if (other.signum() < 0) == is_rising { 0 } else { count + 1 })),
    };
    let (position, last) =
        if is_rising { (value.add(&low, true), high.add(&low, true)) } else { (low.add(&value, true), low.add(&high, true)) };
    if position.coefficient.is_negative() {
        return int_value(0);
    }
    if position >= last {
        return fitting::<4>(Some(count + 1));
    }
    let scale = position.scale.max(last.scale);
    let bucket: BigInt = position.at_scale(scale) * count / last.at_scale(scale) + 1;
    fitting::<4>(bucket.to_i64())
}
