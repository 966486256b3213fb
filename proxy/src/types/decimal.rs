//! Exact decimal numbers behind numeric: an integer coefficient of any size and a scale, with PostgreSQL's rules for scales
//! (`numeric.c`). Enters: text forms. Leaves: text forms; small values never touch a big integer in `numeric`'s hot operators.

use std::{cmp::Ordering, fmt};

use num_bigint::{BigInt, Sign};
use num_traits::{One, Signed, ToPrimitive, Zero};

use crate::error::{Result, SqlError, SqlState};

/// Most digits after the point of any numeric.
pub(crate) const MAX_SCALE: u32 = 16383;
/// Most digits before the point.
const MAX_WHOLE_DIGITS: u64 = 131_072;
/// Significant digits that inexact results aim at (`NUMERIC_MIN_SIG_DIGITS`).
pub(crate) const SIGNIFICANT: i64 = 16;
/// Most digits after the point of an inexact result (`NUMERIC_MAX_DISPLAY_SCALE`).
pub(crate) const MAX_DISPLAY_SCALE: i64 = 1000;

/// A finite numeric: `coefficient / 10^scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    /// All digits.
    pub(crate) coefficient: BigInt,
    /// Digits after the point.
    pub(crate) scale: u32,
}

/// Any numeric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Numeric {
    /// Not a number; equal to itself and greater than all.
    NaN,
    /// Infinity, negative if so flagged.
    Infinite(bool),
    /// A number.
    Finite(Decimal),
}

/// 10 to the power of `n`.
pub(crate) fn power_of_ten(n: u32) -> BigInt {
    BigInt::from(10).pow(n)
}

/// 22003, for what has too many digits.
pub(crate) fn overflow() -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")
}

/// 22012.
pub(crate) fn division_by_zero() -> SqlError {
    SqlError::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}

/// `n / d`, halves away from zero.
pub(crate) fn divide_rounding(n: &BigInt, d: &BigInt) -> BigInt {
    let (quotient, rest) = (n / d, n % d);
    if (rest.abs() << 1) < d.abs() {
        return quotient;
    }
    if (n.sign() == Sign::Minus) == (d.sign() == Sign::Minus) { quotient + 1 } else { quotient - 1 }
}

impl Decimal {
    /// A whole number.
    pub(crate) fn integer(value: impl Into<BigInt>) -> Decimal {
        Decimal { coefficient: value.into(), scale: 0 }
    }

    /// The coefficient at a scale no smaller than its own.
    pub(crate) fn at_scale(&self, scale: u32) -> BigInt {
        &self.coefficient * power_of_ten(scale - self.scale)
    }

    /// Rounded to `scale` digits after the point (before it where negative), halves away from zero.
    pub(crate) fn round(&self, scale: i64) -> Decimal {
        self.cut(scale, divide_rounding)
    }

    /// Cut at `scale` digits, towards zero.
    pub(crate) fn truncate(&self, scale: i64) -> Decimal {
        self.cut(scale, |n, d| n / d)
    }

    fn cut(&self, scale: i64, divide: impl Fn(&BigInt, &BigInt) -> BigInt) -> Decimal {
        let scale = scale.clamp(-131_073, i64::from(MAX_SCALE));
        let kept = scale.max(0) as u32;
        let drop = i64::from(self.scale) - scale;
        if drop <= 0 {
            return Decimal { coefficient: self.at_scale(kept), scale: kept };
        }
        let quotient = divide(&self.coefficient, &power_of_ten(drop as u32));
        let coefficient = if scale < 0 { quotient * power_of_ten((-scale) as u32) } else { quotient };
        Decimal { coefficient, scale: kept }
    }

    /// Position of the leading decimal digit: 0 for units, -1 for tenths; none for zero.
    pub(crate) fn exponent(&self) -> Option<i64> {
        if self.coefficient.is_zero() {
            return None;
        }
        Some(self.coefficient.magnitude().to_string().len() as i64 - i64::from(self.scale) - 1)
    }

    /// Weight and value of the first digit in base 10000, in which `numeric.c` reckons scales; zero has weight 0.
    pub(crate) fn lead(&self) -> (i64, i64) {
        let Some(exponent) = self.exponent() else { return (0, 0) };
        let width = exponent.rem_euclid(4) as usize + 1;
        let mut digits = self.coefficient.magnitude().to_string();
        while digits.len() < width {
            digits.push('0');
        }
        (exponent.div_euclid(4), digits[..width].parse().expect("at most four decimal digits"))
    }

    /// The nearest float.
    pub(crate) fn to_f64(&self) -> f64 {
        self.to_string().parse().expect("a numeric's text is a float's too")
    }

    /// The nearest 64-bit integer, if it fits.
    pub(crate) fn to_i64(&self) -> Option<i64> {
        self.round(0).coefficient.to_i64()
    }

    /// Refuses what PostgreSQL's format can't hold.
    pub(crate) fn checked(self) -> Result<Decimal> {
        if self.coefficient.bits() > 64 && self.exponent().is_some_and(|e| e >= MAX_WHOLE_DIGITS as i64) {
            return Err(overflow());
        }
        Ok(if self.scale > MAX_SCALE { self.round(i64::from(MAX_SCALE)) } else { self })
    }

    /// Quotient at the scale `select_div_scale` chooses.
    pub(crate) fn divide(&self, by: &Decimal) -> Result<Decimal> {
        if by.coefficient.is_zero() {
            return Err(division_by_zero());
        }
        let ((weight, first), (by_weight, by_first)) = (self.lead(), by.lead());
        let quotient_weight = weight - by_weight - i64::from(first <= by_first);
        let scale = (SIGNIFICANT - quotient_weight * 4).max(i64::from(self.scale)).max(i64::from(by.scale));
        self.divide_to(by, scale.clamp(0, MAX_DISPLAY_SCALE) as u32).checked()
    }

    /// Quotient at a given scale; the divisor is not zero.
    pub(crate) fn divide_to(&self, by: &Decimal, scale: u32) -> Decimal {
        let shift = i64::from(scale) + i64::from(by.scale) - i64::from(self.scale);
        let (mut n, mut d) = (self.coefficient.clone(), by.coefficient.clone());
        if shift >= 0 {
            n *= power_of_ten(shift as u32)
        } else {
            d *= power_of_ten((-shift) as u32)
        }
        Decimal { coefficient: divide_rounding(&n, &d), scale }
    }

    /// Remainder with the sign of the dividend.
    pub(crate) fn remainder(&self, by: &Decimal) -> Result<Decimal> {
        if by.coefficient.is_zero() {
            return Err(division_by_zero());
        }
        let scale = self.scale.max(by.scale);
        Ok(Decimal { coefficient: self.at_scale(scale) % by.at_scale(scale), scale })
    }

    /// Sum or difference.
    pub(crate) fn add(&self, other: &Decimal, negate: bool) -> Decimal {
        let scale = self.scale.max(other.scale);
        let (l, r) = (self.at_scale(scale), other.at_scale(scale));
        Decimal { coefficient: if negate { l - r } else { l + r }, scale }
    }

    /// Product.
    pub(crate) fn multiply(&self, other: &Decimal) -> Decimal {
        Decimal { coefficient: &self.coefficient * &other.coefficient, scale: self.scale + other.scale }
    }

    /// Whether it is a whole number.
    pub(crate) fn is_whole(&self) -> bool {
        self.scale == 0 || (&self.coefficient % power_of_ten(self.scale)).is_zero()
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        self.at_scale(scale).cmp(&other.at_scale(scale))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.coefficient.is_negative() {
            f.write_str("-")?;
        }
        let digits = self.coefficient.magnitude().to_string();
        let scale = self.scale as usize;
        if scale == 0 {
            return f.write_str(&digits);
        }
        match digits.len().checked_sub(scale) {
            Some(whole) if whole > 0 => write!(f, "{}.{}", &digits[..whole], &digits[whole..]),
            _ => write!(f, "0.{digits:0>scale$}"),
        }
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Numeric::NaN => f.write_str("NaN"),
            Numeric::Infinite(negative) => f.write_str(if *negative { "-Infinity" } else { "Infinity" }),
            Numeric::Finite(decimal) => decimal.fmt(f),
        }
    }
}

impl Numeric {
    /// A whole number.
    pub(crate) fn integer(value: impl Into<BigInt>) -> Numeric {
        Numeric::Finite(Decimal::integer(value))
    }

    /// Reads what `numeric_in` reads.
    pub(crate) fn parse(text: &str) -> Result<Numeric> {
        let invalid = || SqlError::invalid_text("numeric", text);
        let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
        let (negative, rest) = match trimmed.as_bytes() {
            [b'-', ..] => (true, &trimmed[1..]),
            [b'+', ..] => (false, &trimmed[1..]),
            _ => (false, trimmed),
        };
        match rest.as_bytes().first() {
            Some(b'0'..=b'9' | b'.') => {}
            _ if rest.eq_ignore_ascii_case("nan") && rest.len() == trimmed.len() => return Ok(Numeric::NaN),
            _ if rest.eq_ignore_ascii_case("infinity") || rest.eq_ignore_ascii_case("inf") => return Ok(Numeric::Infinite(negative)),
            _ => return Err(invalid()),
        }
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], rest[at + 1..].parse::<i64>().map_err(|_| invalid())?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
            return Err(invalid());
        }
        let digits = format!("{whole}{fraction}");
        let coefficient: BigInt = match digits.parse::<i128>() {
            Ok(small) => small.into(),
            Err(_) => BigInt::parse_bytes(digits.as_bytes(), 10).ok_or_else(invalid)?,
        };
        let coefficient = if negative { -coefficient } else { coefficient };
        let scale = fraction.len() as i64 - exponent;
        if scale.abs() > 200_000 {
            return if coefficient.is_zero() || scale > 0 { Ok(Numeric::integer(0)) } else { Err(overflow()) };
        }
        let decimal = if scale >= 0 {
            Decimal { coefficient, scale: scale as u32 }
        } else {
            Decimal { coefficient: coefficient * power_of_ten((-scale) as u32), scale: 0 }
        };
        decimal.checked().map(Numeric::Finite)
    }

    /// `numeric(float8)`: 15 significant digits, as `float8_numeric` prints them.
    pub(crate) fn from_float(value: f64, digits: usize) -> Result<Numeric> {
        if value.is_nan() {
            return Ok(Numeric::NaN);
        }
        if value.is_infinite() {
            return Ok(Numeric::Infinite(value < 0.0));
        }
        let text = format!("{value:.*e}", digits - 1);
        let (mantissa, exponent) = text.split_once('e').expect("{:e} prints an exponent");
        let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
        Numeric::parse(&format!("{mantissa}e{exponent}"))
    }

    /// -1, 0 or 1; NaN counts as 1.
    pub(crate) fn signum(&self) -> i32 {
        match self {
            Numeric::NaN | Numeric::Infinite(false) => 1,
            Numeric::Infinite(true) => -1,
            Numeric::Finite(d) => match d.coefficient.sign() {
                Sign::Minus => -1,
                Sign::NoSign => 0,
                Sign::Plus => 1,
            },
        }
    }

    /// The number with the other sign.
    pub(crate) fn negate(self) -> Numeric {
        match self {
            Numeric::NaN => Numeric::NaN,
            Numeric::Infinite(negative) => Numeric::Infinite(!negative),
            Numeric::Finite(d) => Numeric::Finite(Decimal { coefficient: -d.coefficient, scale: d.scale }),
        }
    }

    /// The nearest float.
    pub(crate) fn to_f64(&self) -> f64 {
        match self {
            Numeric::NaN => f64::NAN,
            Numeric::Infinite(true) => f64::NEG_INFINITY,
            Numeric::Infinite(false) => f64::INFINITY,
            Numeric::Finite(d) => d.to_f64(),
        }
    }

    /// As a column of that modifier takes it: rounded to its scale, 22003 where digits are too many (`apply_typmod`).
    pub(crate) fn with_typmod(self, typmod: i32) -> Result<Numeric> {
        let Some((precision, scale)) = super::name::numeric_typmod(typmod) else { return Ok(self) };
        let message = |detail: String| SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow").detail(detail);
        match self {
            Numeric::NaN => Ok(Numeric::NaN),
            Numeric::Infinite(_) => {
                Err(message(format!("A field with precision {precision}, scale {scale} cannot hold an infinite value.")))
            }
            Numeric::Finite(decimal) => {
                let rounded = decimal.round(i64::from(scale));
                let whole = i64::from(precision) - i64::from(scale);
                if rounded.exponent().is_some_and(|e| e >= whole) {
                    let limit = if whole == 0 { "1".to_owned() } else { format!("10^{whole}") };
                    let detail =
                        format!("A field with precision {precision}, scale {scale} must round to an absolute value less than {limit}.");
                    return Err(message(detail));
                }
                Ok(Numeric::Finite(rounded))
            }
        }
    }
}

/// A short finite numeric as a machine integer and a scale; none for what is long or not finite.
pub(crate) fn small(text: &str) -> Option<(i128, u32)> {
    if text.len() > 36 {
        return None;
    }
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (mut value, mut scale, mut after_point) = (0i128, 0, false);
    for b in digits {
        match b {
            b'0'..=b'9' => {
                value = value * 10 + i128::from(b - b'0');
                scale += u32::from(after_point);
            }
            b'.' => after_point = true,
            _ => return None,
        }
    }
    Some((if negative { -value } else { value }, scale))
}

/// The text of `value / 10^scale`.
pub(crate) fn small_text(value: i128, scale: u32) -> String {
    let digits = value.unsigned_abs().to_string();
    let (sign, scale) = (if value < 0 { "-" } else { "" }, scale as usize);
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    match digits.len().checked_sub(scale) {
        Some(whole) if whole > 0 => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
        _ => format!("{sign}0.{digits:0>scale$}"),
    }
}

/// The greatest common divisor's absolute value.
pub(crate) fn greatest_common_divisor(mut a: BigInt, mut b: BigInt) -> BigInt {
    while !b.is_zero() {
        (a, b) = (b.clone(), a % b);
    }
    a.abs()
}

/// `n!`.
pub(crate) fn factorial(n: i64) -> BigInt {
    (2..=n).fold(BigInt::one(), |product, i| product * i)
}
