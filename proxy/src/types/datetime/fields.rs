//! Cutting a date or time text into fields (PostgreSQL's `ParseDateTime`). Enters: the text; leaves: fields in lower case, each with its kind.

use super::Fault;

/// What a field looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// Digits, perhaps with a fraction.
    Number,
    /// A word.
    Word,
    /// A word with a sign.
    Special,
    /// A date with separators, or a zone name.
    Date,
    /// A time with colons.
    Time,
    /// A signed number.
    Zone,
}

/// A field.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Its text in lower case.
    pub(crate) text: String,
    /// What it looks like.
    pub(crate) kind: FieldKind,
}

/// More fields than any date has.
const MAX_FIELDS: usize = 25;

/// The text's characters still to be read.
struct Scanner<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.position).copied().unwrap_or(0)
    }

    fn take(&mut self, text: &mut String) {
        text.push(char::from(self.peek().to_ascii_lowercase()));
        self.position += 1;
    }

    fn take_while(&mut self, text: &mut String, wanted: impl Fn(u8) -> bool) {
        while self.position < self.bytes.len() && wanted(self.peek()) {
            self.take(text);
        }
    }

    fn number(&mut self) -> Field {
        let mut text = String::new();
        let digit = |c: u8| c.is_ascii_digit();
        self.take_while(&mut text, digit);
        let kind = match self.peek() {
            b':' => {
                self.take_while(&mut text, |c| c.is_ascii_digit() || c == b':' || c == b'.');
                FieldKind::Time
            }
            delimiter @ (b'-' | b'/' | b'.') => {
                self.take(&mut text);
                if self.peek().is_ascii_digit() {
                    self.take_while(&mut text, digit);
                    if self.peek() == delimiter {
                        self.take_while(&mut text, |c| c.is_ascii_digit() || c == delimiter);
                        FieldKind::Date
                    } else if delimiter == b'.' {
                        FieldKind::Number
                    } else {
                        FieldKind::Date
                    }
                } else {
                    self.take_while(&mut text, |c| c.is_ascii_alphanumeric() || c == delimiter);
                    FieldKind::Date
                }
            }
            _ => FieldKind::Number,
        };
        Field { text, kind }
    }

    fn word(&mut self) -> Field {
        let mut text = String::new();
        self.take_while(&mut text, |c| c.is_ascii_alphabetic());
        let next = self.peek();
        let is_date =
            matches!(next, b'-' | b'/' | b'.') || ((next == b'+' || next.is_ascii_digit()) && super::tokens::date_word(&text).is_none());
        if !is_date {
            return Field { text, kind: FieldKind::Word };
        }
        self.take_while(&mut text, |c| matches!(c, b'+' | b'-' | b'/' | b'_' | b'.' | b':') || c.is_ascii_alphanumeric());
        Field { text, kind: FieldKind::Date }
    }

    fn signed(&mut self) -> Result<Field, Fault> {
        let mut text = String::new();
        self.take(&mut text);
        while self.peek().is_ascii_whitespace() {
            self.position += 1;
        }
        if self.peek().is_ascii_digit() {
            self.take_while(&mut text, |c| c.is_ascii_digit() || matches!(c, b':' | b'.' | b'-'));
            Ok(Field { text, kind: FieldKind::Zone })
        } else if self.peek().is_ascii_alphabetic() {
            self.take_while(&mut text, |c| c.is_ascii_alphabetic());
            Ok(Field { text, kind: FieldKind::Special })
        } else {
            Err(Fault::Format)
        }
    }
}

/// The fields of a text.
pub(crate) fn split(text: &str) -> Result<Vec<Field>, Fault> {
    let mut scanner = Scanner { bytes: text.as_bytes(), position: 0 };
    let mut fields = Vec::new();
    while scanner.position < scanner.bytes.len() {
        let field = match scanner.peek() {
            c if c.is_ascii_whitespace() || c == 0x0b => {
                scanner.position += 1;
                continue;
            }
            b'0'..=b'9' => scanner.number(),
            b'.' => {
                let mut text = String::new();
                scanner.take(&mut text);
                scanner.take_while(&mut text, |c| c.is_ascii_digit());
                Field { text, kind: FieldKind::Number }
            }
            c if c.is_ascii_alphabetic() => scanner.word(),
            b'+' | b'-' => scanner.signed()?,
            c if c.is_ascii_punctuation() => {
                scanner.position += 1;
                continue;
            }
            _ => return Err(Fault::Format),
        };
        if fields.len() == MAX_FIELDS {
            return Err(Fault::Format);
        }
        fields.push(field);
    }
    Ok(fields)
}
