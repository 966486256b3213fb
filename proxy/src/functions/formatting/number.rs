//! Numbers by a template (`NUM_processor` on its way out).

use num_bigint::BigInt;

use super::{
    number_template::{Node, SignPlace, Template},
    ordinal,
};
use crate::{
    error::{Result, SqlError},
    functions::{Body::Scalar, Call, Row, row},
    types::{
        Value,
        decimal::{Decimal, Numeric, power_of_ten},
    },
};

/// The rows.
pub(super) const ROWS: &[Row] = &[
    row("to_char(integer,text)", Scalar(|c| integer(c, false))),
    row("to_char(bigint,text)", Scalar(|c| integer(c, true))),
    row("to_char(numeric,text)", Scalar(numeric)),
    row("to_char(real,text)", Scalar(|c| float(c, 6))),
    row("to_char(double precision,text)", Scalar(|c| float(c, 15))),
    row("to_number(text,text)", Scalar(super::number_input::to_number)),
];

/// The text of a number without its sign, cut for the template.
struct Digits {
    text: String,
    negative: bool,
    /// Blanks before it.
    spaces: usize,
}

fn finished(template: &Template, digits: Digits) -> Result<Value> {
    let mut out = Writer::new(template, digits).write()?;
    // A number that is shorter than its template ends the text there.
    if let Some(end) = out.find('\0') {
        out.truncate(end);
    }
    Ok(Value::Text(out))
}

/// Blanks before a number that has room, `#` for one that has not.
fn fitted(template: &Template, text: String, negative: bool) -> Digits {
    let before = text.find('.').unwrap_or(text.len());
    if before > template.before {
        let mut filled = "#".repeat(template.before + template.after + 1);
        filled.replace_range(template.before..=template.before, ".");
        return Digits { text: filled, negative, spaces: 0 };
    }
    Digits { text, negative, spaces: template.before - before }
}

fn integer(call: &Call<'_>, wide: bool) -> Result<Value> {
    let (value, mut template) = (call.int(0)?, Template::parse(call.text(1)?)?);
    if call.text(1)?.is_empty() {
        return Ok(Value::Text(String::new()));
    }
    if template.roman {
        return finished(&template, Digits { text: roman(Some(value)), negative: false, spaces: 0 });
    }
    if template.exponent {
        let text = match wide {
            true => scientific(&Decimal::integer(value), template.after),
            false => float_scientific(value as f64, template.after),
        };
        return finished(&template, Digits { text, negative: false, spaces: 0 });
    }
    let mut value = value;
    if template.shifted {
        value = match wide {
            true => 10i64
                .checked_pow(template.shift as u32)
                .and_then(|f| value.checked_mul(f))
                .ok_or_else(|| SqlError::out_of_range("bigint"))?,
            // PostgreSQL multiplies integers without looking for an overflow here.
            false => i64::from((value as i32).wrapping_mul(10f64.powi(template.shift as i32) as i32)),
        };
        template.before += template.shift;
    }
    let mut text = value.unsigned_abs().to_string();
    if template.after > 0 && text.len() <= template.before {
        text = format!("{text}.{}", "0".repeat(template.after));
    }
    let digits = fitted(&template, text, value < 0);
    finished(&template, digits)
}

fn numeric(call: &Call<'_>) -> Result<Value> {
    let (value, mut template) = (call.numeric(0)?, Template::parse(call.text(1)?)?);
    if call.text(1)?.is_empty() {
        return Ok(Value::Text(String::new()));
    }
    if template.roman {
        let Numeric::Finite(value) = &value else {
            let what = if matches!(value, Numeric::NaN) { "NaN" } else { "infinity" };
            return Err(SqlError::new(crate::error::SqlState::FEATURE_NOT_SUPPORTED, format!("cannot convert {what} to integer")));
        };
        let whole = value.round(0).to_i64().filter(|v| i32::try_from(*v).is_ok()).ok_or_else(|| SqlError::out_of_range("integer"))?;
        return finished(&template, Digits { text: roman(Some(whole)), negative: false, spaces: 0 });
    }
    if template.exponent {
        let text = match &value {
            Numeric::Finite(value) => scientific(value, template.after),
            _ => hashes(&template),
        };
        return finished(&template, Digits { text, negative: false, spaces: 0 });
    }
    let shown = match value {
        Numeric::Finite(value) => {
            let shifted = Decimal { coefficient: value.coefficient * power_of_ten(template.shift as u32), scale: value.scale };
            Numeric::Finite(shifted.round(template.after as i64))
        }
        other => other,
    };
    template.before += template.shift;
    let text = shown.to_string();
    let negative = text.starts_with('-');
    let digits = fitted(&template, text.trim_start_matches('-').to_owned(), negative);
    finished(&template, digits)
}

fn float(call: &Call<'_>, digits: usize) -> Result<Value> {
    let (value, mut template) = (call.float(0)?, Template::parse(call.text(1)?)?);
    if call.text(1)?.is_empty() {
        return Ok(Value::Text(String::new()));
    }
    if template.roman {
        let whole = value.round_ties_even();
        let whole = (whole.is_finite() && whole.abs() < 2e9).then_some(whole as i64);
        return finished(&template, Digits { text: roman(whole), negative: false, spaces: 0 });
    }
    if template.exponent {
        let text = match value.is_finite() {
            true => float_scientific(value, template.after),
            false => hashes(&template),
        };
        return finished(&template, Digits { text, negative: false, spaces: 0 });
    }
    let factor = 10f64.powi(template.shift as i32);
    let shifted = if digits == 6 { f64::from(value as f32 * factor as f32) } else { value * factor };
    template.before += template.shift;
    let text = if shifted.is_finite() {
        let whole = format!("{:.0}", shifted.abs()).len();
        if whole >= digits {
            template.after = 0;
        } else if whole + template.after > digits {
            template.after = digits - whole;
        }
        format!("{shifted:.*}", template.after)
    } else if shifted.is_nan() {
        template.after = template.after.min(digits - 3);
        "NaN".to_owned()
    } else {
        template.after = template.after.min(digits.saturating_sub(8));
        (if shifted < 0.0 { "-Infinity" } else { "Infinity" }).to_owned()
    };
    let negative = text.starts_with('-');
    let cut = fitted(&template, text.trim_start_matches('-').to_owned(), negative);
    finished(&template, cut)
}

/// `%+.*e`, a blank in the place of a plus.
fn float_scientific(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    let blank = if value.is_sign_negative() { "" } else { " " };
    format!("{blank}{mantissa}e{sign}{exponent:0>2}")
}

/// What EEEE shows for NaN and the infinities.
fn hashes(template: &Template) -> String {
    let mut text: Vec<u8> = vec![b'#'; template.before + template.after + 6];
    text[0] = b' ';
    if let Some(slot) = text.get_mut(template.before + 1) {
        *slot = b'.';
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// `1.234e+05`, with a blank or minus before it.
fn scientific(value: &Decimal, digits: usize) -> String {
    let negative = value.coefficient < BigInt::from(0);
    let text = value.coefficient.magnitude().to_string();
    let mut exponent = text.len() as i64 - 1 - i64::from(value.scale);
    if text == "0" {
        exponent = 0;
    }
    // Rounding may make the mantissa 10, which PostgreSQL shows so.
    let head = Decimal { coefficient: BigInt::from(value.coefficient.magnitude().clone()), scale: (text.len() - 1) as u32 };
    let rounded = head.round(digits as i64);
    let mantissa = Decimal { coefficient: rounded.at_scale(digits as u32), scale: digits as u32 };
    let sign = if negative { '-' } else { ' ' };
    format!("{sign}{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// A number from 1 to 3999 in Roman digits, else `#`.
fn roman(value: Option<i64>) -> String {
    const PARTS: [(i64, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let Some(mut rest) = value.filter(|v| (1..=3999).contains(v)) else { return "#".repeat(15) };
    let mut out = String::new();
    for (amount, letters) in PARTS {
        while rest >= amount {
            out.push_str(letters);
            rest -= amount;
        }
    }
    out
}

/// The state of writing.
struct Writer<'t> {
    template: &'t Template,
    number: Vec<u8>,
    /// Place in `number`.
    at: usize,
    negative: bool,
    spaces: usize,
    sign_written: bool,
    sign_place: SignPlace,
    brackets: bool,
    zero_start: usize,
    count: usize,
    current: usize,
    inside: bool,
    /// Place of the last digit that matters, in fill mode.
    last: Option<usize>,
    out: String,
}

impl<'t> Writer<'t> {
    fn new(template: &'t Template, digits: Digits) -> Writer<'t> {
        let number = digits.text.into_bytes();
        let mut sign_place = template.sign;
        let mut brackets = template.brackets;
        let sign_written = if template.plus || template.minus {
            !template.plus || template.minus
        } else {
            brackets &= digits.negative || !template.fill;
            if sign_place == SignPlace::Before && template.before == template.before_sign {
                sign_place = SignPlace::After;
            }
            !digits.negative && template.fill && !template.local_sign
        };
        let mut last = None;
        if template.fill && template.decimal {
            last = last_relevant(&number);
            if let (Some(place), true) = (last, template.zero_end > digits.spaces) {
                let zero = (number.len() - 1).min(template.zero_end - digits.spaces);
                last = Some(place.max(zero));
            }
        }
        let mut count = (template.after + template.before).wrapping_sub(1);
        if !sign_written && digits.spaces == 0 {
            count = count.wrapping_add(1);
        }
        Writer {
            template,
            number,
            at: 0,
            negative: digits.negative,
            spaces: digits.spaces,
            sign_written,
            sign_place,
            brackets,
            zero_start: template.zero_start.saturating_sub(1),
            count,
            current: 0,
            inside: false,
            last,
            out: String::new(),
        }
    }

    fn write(mut self) -> Result<String> {
        if self.template.exponent {
            return Ok(String::from_utf8_lossy(&self.number).into_owned());
        }
        let fill = self.template.fill;
        for node in &self.template.nodes {
            match node {
                Node::Nine | Node::Zero | Node::Point | Node::LocalPoint => self.digit(*node),
                Node::Comma | Node::Group => match (self.inside, fill) {
                    (true, _) => self.out.push(','),
                    (false, false) => self.out.push(' '),
                    (false, true) => {}
                },
                Node::Currency => self.out.push(' '),
                Node::Roman | Node::LowerRoman => {
                    let mut text = String::from_utf8_lossy(&self.number).into_owned();
                    if *node == Node::LowerRoman {
                        text.make_ascii_lowercase();
                    }
                    self.out += &if fill { text } else { format!("{text:>15}") };
                }
                Node::Ordinal | Node::LowerOrdinal => {
                    if self.template.roman || self.number.first() == Some(&b'#') || self.negative || self.template.decimal {
                        continue;
                    }
                    let ending = ordinal(&String::from_utf8_lossy(&self.number))?;
                    self.out += &if *node == Node::Ordinal { ending.to_ascii_uppercase() } else { ending.to_owned() };
                }
                Node::Minus | Node::Plus => {
                    let (wanted, sign) = if *node == Node::Minus { (true, '-') } else { (false, '+') };
                    if self.negative == wanted {
                        self.out.push(sign);
                    } else if !fill {
                        self.out.push(' ');
                    }
                }
                Node::Sign => self.out.push(if self.negative { '-' } else { '+' }),
                Node::Literal(c) => self.out.push(*c),
                _ => {}
            }
        }
        Ok(self.out)
    }

    /// The digit at hand, 0 at the end of the number.
    fn byte(&self) -> u8 {
        self.number.get(self.at).copied().unwrap_or(0)
    }

    /// Whether the only digit before the point is a zero that needs not be shown: `.1`.
    fn is_needless_zero(&self) -> bool {
        !self.template.zero && self.at == 0 && self.byte() == b'0' && self.template.after != 0
    }

    fn ends_with_point(&self) -> bool {
        self.last.is_some_and(|last| self.number.get(last) == Some(&b'.'))
    }

    fn digit(&mut self, node: Node) {
        if self.template.roman {
            return;
        }
        let template = self.template;
        self.inside = false;
        let begins = self.current >= self.spaces || (template.zero && self.zero_start == self.current);
        if !self.sign_written && begins && (!self.is_needless_zero() || self.ends_with_point()) {
            self.sign();
        }
        if self.current < self.spaces && (self.zero_start > self.current || !template.zero) {
            if !template.fill {
                self.out.push(' ');
            }
        } else if template.zero && self.current < self.spaces && self.zero_start <= self.current {
            self.out.push('0');
            self.inside = true;
        } else {
            self.digit_of_number(node);
        }
        self.end_sign();
        self.current += 1;
    }

    fn sign(&mut self) {
        let template = self.template;
        if template.local_sign {
            if self.sign_place == SignPlace::Before {
                self.out.push(if self.negative { '-' } else { '+' });
                self.sign_written = true;
            }
        } else if self.brackets {
            self.out.push(if self.negative { '<' } else { ' ' });
            self.sign_written = true;
        } else {
            if self.negative {
                self.out.push('-');
            } else if !template.fill {
                self.out.push(' ');
            }
            self.sign_written = true;
        }
    }

    fn digit_of_number(&mut self, node: Node) {
        let template = self.template;
        if self.byte() == b'.' {
            if !self.ends_with_point() || template.fill {
                self.out.push('.');
            }
        } else if self.last.is_some_and(|last| self.at > last) && node != Node::Zero {
        } else if self.is_needless_zero() {
            if !template.fill {
                self.out.push(' ');
            } else if self.ends_with_point() {
                self.out.push('0');
            }
        } else {
            self.out.push(char::from(self.byte()));
            self.inside = true;
        }
        if self.at < self.number.len() {
            self.at += 1;
        }
    }

    /// The sign or bracket after the last digit.
    fn end_sign(&mut self) {
        let mut end = self.count.wrapping_add(usize::from(self.spaces > 0)).wrapping_add(usize::from(self.template.decimal));
        if self.last == Some(self.at) {
            end = self.current;
        }
        if self.current.wrapping_add(1) != end {
            return;
        }
        if self.sign_written && self.brackets {
            self.out.push(if self.negative { '>' } else { ' ' });
        } else if self.template.local_sign && self.sign_place == SignPlace::After {
            self.out.push(if self.negative { '-' } else { '+' });
        }
    }
}

/// The last digit after the point that is not 0, or the point.
fn last_relevant(number: &[u8]) -> Option<usize> {
    let point = number.iter().position(|b| *b == b'.')?;
    number.iter().enumerate().skip(point + 1).filter(|(_, b)| **b != b'0').map(|(at, _)| at).next_back().or(Some(point))
}
