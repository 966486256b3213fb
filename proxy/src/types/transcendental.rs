//! Square root, exponential, logarithms and powers of decimals, to the scales that `numeric.c` chooses.
//! Enters: [`Decimal`]s. Leaves: [`Decimal`]s, rounded; inside, fixed-point big integers with guard digits.

use num_bigint::BigInt;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::decimal::{Decimal, MAX_DISPLAY_SCALE, SIGNIFICANT, divide_rounding, overflow, power_of_ten};
use crate::error::Result;

#[allow(clippy::approx_constant, reason = "PostgreSQL's own digits, which decide the scale of results")]
const LOG10_E: f64 = 0.434_294_481_903_252;

/// The scale for a result of about that decimal weight, no smaller than `least`.
fn display_scale(weight: i64, least: u32) -> u32 {
    (SIGNIFICANT - weight).max(i64::from(least)).clamp(0, MAX_DISPLAY_SCALE) as u32
}

/// Square root of a number that is not negative.
pub(crate) fn square_root(d: &Decimal) -> Decimal {
    let (weight, _) = d.lead();
    square_root_to(d, display_scale((weight + 1) * 2 - 1, d.scale))
}

/// Square root with so many digits after the point.
pub(crate) fn square_root_to(d: &Decimal, scale: u32) -> Decimal {
    let fine = scale + 4 + d.scale;
    let radicand = &d.coefficient * power_of_ten(2 * fine - d.scale);
    Decimal { coefficient: radicand.sqrt(), scale: fine }.round(i64::from(scale))
}

/// `estimate_ln_dweight`: decimal weight of the logarithm of a positive number.
fn logarithm_weight(d: &Decimal) -> i64 {
    let one = Decimal::integer(1);
    let (low, high) = (Decimal { coefficient: 9.into(), scale: 1 }, Decimal { coefficient: 11.into(), scale: 1 });
    if *d >= low && *d <= high {
        let x = d.add(&one, true);
        let (weight, first) = x.lead();
        return if x.coefficient.is_zero() { 0 } else { weight * 4 + (first as f64).log10() as i64 };
    }
    (logarithm_estimate(d).abs().log10()) as i64
}

/// The natural logarithm as a float, also of numbers that no float can hold.
fn logarithm_estimate(d: &Decimal) -> f64 {
    let digits = d.coefficient.magnitude().to_string();
    let head: f64 = digits[..digits.len().min(17)].parse().expect("decimal digits are a float");
    let dropped = digits.len() as f64 - digits.len().min(17) as f64;
    head.ln() + (dropped - f64::from(d.scale)) * std::f64::consts::LN_10
}

/// `ln` of a positive number.
pub(crate) fn natural_logarithm(d: &Decimal) -> Decimal {
    let scale = display_scale(logarithm_weight(d), d.scale);
    Decimal { coefficient: fixed_logarithm(d, scale + 8), scale: scale + 8 }.round(i64::from(scale))
}

/// `log(base, number)` of positive numbers; the base is not one.
pub(crate) fn logarithm(base: &Decimal, number: &Decimal) -> Decimal {
    let weight = logarithm_weight(number) - logarithm_weight(base);
    let scale = display_scale(weight, base.scale.max(number.scale));
    let fine = scale + 20 + logarithm_weight(base).unsigned_abs() as u32 + logarithm_weight(number).unsigned_abs() as u32;
    let (n, b) = (fixed_logarithm(number, fine), fixed_logarithm(base, fine));
    Decimal { coefficient: divide_rounding(&(n * power_of_ten(scale)), &b), scale }
}

/// `exp`; 22003 where the result has too many digits.
pub(crate) fn exponential(d: &Decimal) -> Result<Decimal> {
    let weight = (d.to_f64() * LOG10_E).clamp(-1000.0, 1000.0);
    let scale = display_scale(weight as i64, d.scale);
    exponential_to(d, scale)
}

fn exponential_to(d: &Decimal, scale: u32) -> Result<Decimal> {
    let estimate = d.to_f64() * LOG10_E;
    if estimate > 131_072.0 {
        return Err(overflow());
    }
    if estimate < -f64::from(scale) - 2.0 {
        return Ok(Decimal { coefficient: BigInt::zero(), scale });
    }
    let fine = scale + estimate.max(0.0) as u32 + 24;
    let coefficient = fixed_exponential(&d.round(i64::from(fine)).at_scale(fine), fine);
    Decimal { coefficient, scale: fine }.round(i64::from(scale)).checked()
}

/// `power(base, exponent)`; the caller has dealt with zero and negative bases that have no real result.
pub(crate) fn power(base: &Decimal, exponent: &Decimal) -> Result<Decimal> {
    if exponent.is_whole() {
        if let Some(n) = exponent.to_i64().filter(|n| i32::try_from(*n).is_ok()) {
            return integer_power(base, n, (SIGNIFICANT as u32).max(base.scale).min(MAX_DISPLAY_SCALE as u32));
        }
    }
    if base.coefficient.is_zero() {
        return Ok(Decimal { coefficient: BigInt::zero(), scale: SIGNIFICANT as u32 });
    }
    let (magnitude, is_negative) = (Decimal { coefficient: base.coefficient.abs(), scale: base.scale }, base.coefficient.is_negative());
    let weight = (logarithm_estimate(&magnitude) * exponent.to_f64() * LOG10_E).clamp(-1000.0, 140_000.0);
    let scale = display_scale(weight as i64, base.scale.max(exponent.scale));
    let result = general_power(&magnitude, exponent, scale)?;
    let is_odd = is_negative && exponent.is_whole() && exponent.round(0).coefficient.bit(0);
    Ok(if is_odd { Decimal { coefficient: -result.coefficient, scale } } else { result })
}

fn general_power(base: &Decimal, exponent: &Decimal, scale: u32) -> Result<Decimal> {
    let size = logarithm_estimate(base) * exponent.to_f64() * LOG10_E;
    if size > 131_072.0 {
        return Err(overflow());
    }
    // `power_var` and `power_var_int` answer zero where the result is far below what can be shown.
    if size < -2000.0 * 3.01 {
        return Ok(Decimal { coefficient: BigInt::zero(), scale: MAX_DISPLAY_SCALE as u32 });
    }
    let fine = scale + size.abs() as u32 + 30 + exponent.exponent().unwrap_or(0).max(0) as u32;
    let logarithm = Decimal { coefficient: fixed_logarithm(base, fine), scale: fine };
    exponential_to(&logarithm.multiply(exponent).round(i64::from(fine)), scale)
}

/// `power_var_int`: exact by squaring where that stays short.
fn integer_power(base: &Decimal, n: i64, scale: u32) -> Result<Decimal> {
    if base.coefficient.is_zero() {
        return Ok(Decimal { coefficient: if n == 0 { power_of_ten(scale) } else { BigInt::zero() }, scale });
    }
    let magnitude = Decimal { coefficient: base.coefficient.abs(), scale: base.scale };
    if logarithm_estimate(&magnitude) * (n as f64) * LOG10_E > 131_072.0 {
        return Err(overflow());
    }
    if logarithm_estimate(&magnitude) * (n as f64) * LOG10_E + 1.0 < -(MAX_DISPLAY_SCALE as f64) {
        return Ok(Decimal { coefficient: BigInt::zero(), scale: MAX_DISPLAY_SCALE as u32 });
    }
    let times = n.unsigned_abs();
    let result = if times.saturating_mul(base.coefficient.bits()) < 2_000_000 {
        let raised = Decimal { coefficient: base.coefficient.pow(times as u32), scale: base.scale * times as u32 };
        if n < 0 { Decimal::integer(1).divide_to(&raised, scale) } else { raised.round(i64::from(scale)) }
    } else {
        let result = general_power(&magnitude, &Decimal::integer(n), scale)?;
        if base.coefficient.is_negative() && n % 2 != 0 { Decimal { coefficient: -result.coefficient, scale } } else { result }
    };
    result.checked()
}

/// `ln` times 10^fine: powers of two are split off, the rest is `2 atanh((m - 1) / (m + 1))`.
fn fixed_logarithm(d: &Decimal, fine: u32) -> BigInt {
    let guard = fine + 12;
    let one = power_of_ten(guard);
    let shift = logarithm_estimate(d) / std::f64::consts::LN_2;
    let twos = shift.round() as i64;
    let mut mantissa = &d.coefficient * &one;
    let mut divisor = power_of_ten(d.scale);
    if twos >= 0 {
        divisor <<= twos.unsigned_abs() as usize
    } else {
        mantissa <<= twos.unsigned_abs() as usize
    }
    let m = mantissa / divisor;
    let rest = inverse_hyperbolic_tangent(&((&m - &one) * &one / (&m + &one)), &one) << 1;
    let third = &one / BigInt::from(3);
    let ln2 = inverse_hyperbolic_tangent(&third, &one) << 1;
    divide_rounding(&(rest + ln2 * twos), &power_of_ten(guard - fine))
}

fn inverse_hyperbolic_tangent(z: &BigInt, one: &BigInt) -> BigInt {
    let square = z * z / one;
    let (mut sum, mut term, mut n) = (z.clone(), z.clone(), 1u32);
    while !term.is_zero() {
        term = &term * &square / one;
        n += 2;
        sum += &term / n;
    }
    sum
}

/// `exp(x / 10^fine)` times 10^fine: halved until small, summed, squared back.
fn fixed_exponential(x: &BigInt, fine: u32) -> BigInt {
    let halvings = (x.abs() / power_of_ten(fine)).to_u64().map_or(64, |whole| 68 - u64::from(whole.leading_zeros())) as u32;
    let guard = fine + halvings / 3 + 8;
    let one = power_of_ten(guard);
    let small = (x * power_of_ten(guard - fine)) >> halvings as usize;
    let (mut sum, mut term, mut n) = (one.clone(), one.clone(), BigInt::one());
    while !term.is_zero() {
        term = &term * &small / (&one * &n);
        sum += &term;
        n += 1;
        if term.magnitude().is_one() && term.is_negative() {
            break;
        }
    }
    for _ in 0..halvings {
        sum = &sum * &sum / &one;
    }
    divide_rounding(&sum, &power_of_ten(guard - fine))
}
