//! Templates of numbers, cut into nodes, with what they ask for as a whole (`parse_format` with `NUM_keywords`, `NUMDesc_prepare`).

use super::date_template::quoted;
use crate::error::{Result, SqlError, SqlState};

/// A piece of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Nine,
    Zero,
    Comma,
    Point,
    LocalPoint,
    Group,
    Currency,
    Blank,
    Fill,
    Minus,
    Plus,
    Sign,
    LocalSign,
    Brackets,
    Roman,
    LowerRoman,
    Ordinal,
    LowerOrdinal,
    Shift,
    Exponent,
    Unused,
    Literal(char),
}

const KEYS: &[(&str, Node)] = &[
    (",", Node::Comma),
    (".", Node::Point),
    ("0", Node::Zero),
    ("9", Node::Nine),
    ("B", Node::Blank),
    ("C", Node::Unused),
    ("D", Node::LocalPoint),
    ("EEEE", Node::Exponent),
    ("FM", Node::Fill),
    ("G", Node::Group),
    ("L", Node::Currency),
    ("MI", Node::Minus),
    ("PL", Node::Plus),
    ("PR", Node::Brackets),
    ("RN", Node::Roman),
    ("SG", Node::Sign),
    ("SP", Node::Unused),
    ("S", Node::LocalSign),
    ("TH", Node::Ordinal),
    ("V", Node::Shift),
    ("b", Node::Blank),
    ("c", Node::Unused),
    ("d", Node::LocalPoint),
    ("eeee", Node::Exponent),
    ("fm", Node::Fill),
    ("g", Node::Group),
    ("l", Node::Currency),
    ("mi", Node::Minus),
    ("pl", Node::Plus),
    ("pr", Node::Brackets),
    ("rn", Node::LowerRoman),
    ("sg", Node::Sign),
    ("sp", Node::Unused),
    ("s", Node::LocalSign),
    ("th", Node::LowerOrdinal),
    ("v", Node::Shift),
];

/// Where the sign of `S` goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SignPlace {
    #[default]
    None,
    Before,
    After,
}

/// A template.
#[derive(Clone, Debug, Default)]
pub(super) struct Template {
    pub(super) nodes: Vec<Node>,
    /// Digits before the point.
    pub(super) before: usize,
    /// Digits after it.
    pub(super) after: usize,
    pub(super) sign: SignPlace,
    /// Digits before the `S`.
    pub(super) before_sign: usize,
    /// Digits of `V`.
    pub(super) shift: usize,
    /// Place of the first `0`, from 1; 0 where there is none.
    pub(super) zero_start: usize,
    pub(super) zero_end: usize,
    pub(super) decimal: bool,
    pub(super) zero: bool,
    pub(super) blank: bool,
    pub(super) fill: bool,
    pub(super) local_sign: bool,
    pub(super) brackets: bool,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) roman: bool,
    pub(super) shifted: bool,
    pub(super) exponent: bool,
}

impl Template {
    /// Reads a template; 42601 where its parts do not go together.
    pub(super) fn parse(text: &str) -> Result<Template> {
        let mut out = Template::default();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some((name, node)) = KEYS.iter().find(|(name, _)| rest.starts_with(name)) {
                rest = &rest[name.len()..];
                out.add(*node)?;
                out.nodes.push(*node);
                continue;
            }
            let mut chars = rest.chars();
            match chars.next() {
                None => break,
                Some('"') => quoted(&mut chars, |c| out.nodes.push(Node::Literal(c))),
                Some('\\') if chars.as_str().starts_with('"') => {
                    chars.next();
                    out.nodes.push(Node::Literal('"'));
                }
                Some(c) => out.nodes.push(Node::Literal(c)),
            }
            rest = chars.as_str();
        }
        Ok(out)
    }

    fn add(&mut self, node: Node) -> Result<()> {
        let fail = |message: &str| Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
        if self.exponent && node != Node::Exponent {
            return fail("\"EEEE\" must be the last pattern used");
        }
        match node {
            Node::Nine if self.brackets => return fail("\"9\" must be ahead of \"PR\""),
            Node::Nine if self.shifted => self.shift += 1,
            Node::Nine if self.decimal => self.after += 1,
            Node::Nine => self.before += 1,
            Node::Zero if self.brackets => return fail("\"0\" must be ahead of \"PR\""),
            Node::Zero => {
                if !self.zero && !self.decimal {
                    self.zero = true;
                    self.zero_start = self.before + 1;
                }
                if self.decimal {
                    self.after += 1;
                } else {
                    self.before += 1;
                }
                self.zero_end = self.before + self.after;
            }
            Node::Blank => self.blank |= self.before == 0 && self.after == 0 && !self.zero,
            Node::Point | Node::LocalPoint if self.decimal => return fail("multiple decimal points"),
            Node::Point | Node::LocalPoint if self.shifted => return fail("cannot use \"V\" and decimal point together"),
            Node::Point | Node::LocalPoint => self.decimal = true,
            Node::Fill => self.fill = true,
            Node::LocalSign if self.local_sign => return fail("cannot use \"S\" twice"),
            Node::LocalSign if self.plus || self.minus || self.brackets => {
                return fail("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together");
            }
            Node::LocalSign => {
                self.local_sign = true;
                self.sign = if self.decimal { SignPlace::After } else { SignPlace::Before };
                if !self.decimal {
                    self.before_sign = self.before;
                }
            }
            Node::Minus if self.local_sign => return fail("cannot use \"S\" and \"MI\" together"),
            Node::Minus => self.minus = true,
            Node::Plus if self.local_sign => return fail("cannot use \"S\" and \"PL\" together"),
            Node::Plus => self.plus = true,
            Node::Sign if self.local_sign => return fail("cannot use \"S\" and \"SG\" together"),
            Node::Sign => (self.minus, self.plus) = (true, true),
            Node::Brackets if self.local_sign || self.plus || self.minus => {
                return fail("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together");
            }
            Node::Brackets => self.brackets = true,
            Node::Roman | Node::LowerRoman => self.roman = true,
            Node::Shift if self.decimal => return fail("cannot use \"V\" and decimal point together"),
            Node::Shift => self.shifted = true,
            Node::Exponent if self.exponent => return fail("cannot use \"EEEE\" twice"),
            Node::Exponent => {
                let others = [self.blank, self.fill, self.local_sign, self.brackets, self.minus, self.plus, self.roman, self.shifted];
                if others.contains(&true) {
                    return Err(SqlError::new(SqlState::SYNTAX_ERROR, "\"EEEE\" is incompatible with other formats")
                        .detail("\"EEEE\" may only be used together with digit and decimal point patterns."));
                }
                self.exponent = true;
            }
            _ => {}
        }
        Ok(())
    }
}
