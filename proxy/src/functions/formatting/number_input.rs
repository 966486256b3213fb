//! `to_number`: a number read by a template (`NUM_processor` on its way in).

use super::number_template::{Node, SignPlace, Template};
use crate::{
    error::{Result, SqlError, SqlState},
    functions::Call,
    types::{
        Value,
        decimal::{Decimal, Numeric, power_of_ten},
    },
};

/// The state of reading.
struct Reader<'t> {
    template: &'t Template,
    text: &'t str,
    at: usize,
    sign: char,
    digits: String,
    before: usize,
    after: usize,
    has_point: bool,
}

/// A number in a text.
pub(super) fn to_number(call: &Call<'_>) -> Result<Value> {
    let (text, template) = (call.text(0)?, call.text(1)?);
    if template.is_empty() {
        return Ok(Value::Null);
    }
    let template = Template::parse(template)?;
    for (used, name) in [(template.exponent, "EEEE"), (template.roman, "RN")] {
        if used {
            return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, format!("\"{name}\" not supported for input")));
        }
    }
    let mut reader = Reader { template: &template, text, at: 0, sign: ' ', digits: String::new(), before: 0, after: 0, has_point: false };
    reader.read();
    let digits = reader.digits.strip_suffix('.').unwrap_or(&reader.digits);
    let number = format!("{}{digits}", reader.sign);
    let (precision, scale) = (template.before + template.shift + reader.after, reader.after);
    let typmod = ((precision << 16) | scale) as i32 + 4;
    let value = Numeric::parse(&number)?.with_typmod(typmod)?;
    let value = match value {
        Numeric::Finite(value) if template.shifted => {
            // `power(10, -n)` has 16 digits after the point.
            let factor = Decimal { coefficient: power_of_ten(16u32.saturating_sub(template.shift as u32)), scale: 16 };
            Numeric::Finite(value.multiply(&factor))
        }
        other => other,
    };
    Ok(Value::Text(value.to_string()))
}

impl Reader<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    fn read(&mut self) {
        for node in &self.template.nodes {
            if self.is_at_end() {
                return;
            }
            match node {
                Node::Nine | Node::Zero | Node::Point | Node::LocalPoint => self.digit(*node),
                Node::Comma | Node::Group => {
                    if self.byte(self.at) != Some(b',') {
                        continue;
                    }
                }
                Node::Currency => {
                    self.skip(1);
                    continue;
                }
                Node::Ordinal | Node::LowerOrdinal => {
                    self.skip(2);
                    continue;
                }
                Node::Minus | Node::Plus | Node::Sign => match (self.byte(self.at), node) {
                    (Some(b'-'), Node::Minus | Node::Sign) => self.sign = '-',
                    (Some(b'+'), Node::Plus | Node::Sign) => self.sign = '+',
                    _ => {
                        self.skip(1);
                        continue;
                    }
                },
                Node::Literal(_) => {
                    self.at += self.text[self.at..].chars().next().map_or(1, char::len_utf8);
                    continue;
                }
                _ => continue,
            }
            self.at += 1;
            while !self.text.is_char_boundary(self.at.min(self.text.len())) {
                self.at += 1;
            }
        }
    }

    /// Skips characters that can't belong to a number.
    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
                Some(c) if !"0123456789.,+-".contains(c) => self.at += c.len_utf8(),
                _ => return,
            }
        }
    }

    fn digit(&mut self, node: Node) {
        let template = self.template;
        if self.byte(self.at) == Some(b' ') {
            self.at += 1;
        }
        if self.is_at_end() {
            return;
        }
        if self.sign == ' ' && matches!(node, Node::Zero | Node::Nine) && self.before + self.after == 0 {
            let byte = self.byte(self.at);
            let is_negative = byte == Some(b'-') || template.brackets && byte == Some(b'<');
            let may_have_sign = !template.local_sign || template.sign == SignPlace::Before;
            if may_have_sign && is_negative {
                self.sign = '-';
                self.at += 1;
            } else if may_have_sign && byte == Some(b'+') {
                self.sign = '+';
                self.at += 1;
            }
        }
        let Some(byte) = self.byte(self.at) else { return };
        let mut is_read = false;
        if byte.is_ascii_digit() {
            if self.has_point && self.after == template.after {
                return;
            }
            self.digits.push(char::from(byte));
            if self.has_point {
                self.after += 1;
            } else {
                self.before += 1;
            }
            is_read = true;
        } else if template.decimal && !self.has_point && byte == b'.' {
            self.digits.push('.');
            (self.has_point, is_read) = (true, true);
        }
        if self.sign == ' ' && self.before + self.after > 0 {
            let next = self.byte(self.at + 1);
            if template.local_sign && is_read && next.is_some_and(|b| !b.is_ascii_digit()) {
                if let Some(sign @ (b'-' | b'+')) = next {
                    self.sign = char::from(sign);
                    self.at += 1;
                }
            } else if !is_read && !template.local_sign && (template.plus || template.minus) && matches!(byte, b'-' | b'+') {
                self.sign = char::from(byte);
            }
        }
    }
}
