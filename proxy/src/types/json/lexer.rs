//! JSON's tokens, with PostgreSQL's errors (`jsonapi.c`). Enters: text; leaves: tokens with their place.

use crate::error::{SqlError, SqlState};

/// A token's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    Comma,
    Colon,
    String,
    Number,
    True,
    False,
    Null,
    End,
}

/// The text, the current token and its place.
pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where the token before ended.
    pub(super) previous_end: usize,
    /// The current string without its escapes, where they are asked for.
    pub(super) string: String,
    decode: bool,
}

/// Whether a byte belongs to a word (PostgreSQL's `JSON_ALPHANUMERIC_CHAR`).
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl<'a> Lexer<'a> {
    /// Begins before the first token; `decode` asks for strings without their escapes.
    pub(super) fn new(text: &'a str, decode: bool) -> Self {
        Lexer { text, token: Token::End, start: 0, end: 0, previous_end: 0, string: String::new(), decode }
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    /// Moves to the next token.
    pub(super) fn advance(&mut self) -> Result<(), SqlError> {
        self.previous_end = self.end;
        let bytes = self.text.as_bytes();
        let mut at = self.end;
        while at < bytes.len() && matches!(bytes[at], b' ' | b'\t' | b'\n' | b'\r') {
            at += 1;
        }
        self.start = at;
        self.end = at + 1;
        if at >= bytes.len() {
            self.end = at;
            self.token = Token::End;
            return Ok(());
        }
        self.token = match bytes[at] {
            b'{' => Token::ObjectStart,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayStart,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            b'"' => return self.read_string(),
            b'-' | b'0'..=b'9' => return self.read_number(),
            _ => return self.read_word(),
        };
        Ok(())
    }

    fn read_word(&mut self) -> Result<(), SqlError> {
        let mut at = self.start;
        while at < self.text.len() && is_word(self.byte(at)) {
            at += 1;
        }
        if at == self.start {
            self.end = self.start + 1;
            return Err(self.invalid_token());
        }
        self.end = at;
        self.token = match &self.text[self.start..at] {
            "true" => Token::True,
            "false" => Token::False,
            "null" => Token::Null,
            _ => return Err(self.invalid_token()),
        };
        Ok(())
    }

    fn read_number(&mut self) -> Result<(), SqlError> {
        let mut at = self.start;
        let mut valid = true;
        let digits = |at: &mut usize| {
            let from = *at;
            while self.byte(*at).is_ascii_digit() {
                *at += 1;
            }
            *at > from
        };
        if self.byte(at) == b'-' {
            at += 1;
        }
        if self.byte(at) == b'0' {
            at += 1;
        } else {
            valid &= digits(&mut at);
        }
        if self.byte(at) == b'.' {
            at += 1;
            valid &= digits(&mut at);
        }
        if matches!(self.byte(at), b'e' | b'E') {
            at += 1;
            if matches!(self.byte(at), b'+' | b'-') {
                at += 1;
            }
            valid &= digits(&mut at);
        }
        while at < self.text.len() && is_word(self.byte(at)) {
            valid = false;
            at += 1;
        }
        self.end = at;
        self.token = Token::Number;
        if valid { Ok(()) } else { Err(self.invalid_token()) }
    }

    fn read_string(&mut self) -> Result<(), SqlError> {
        self.token = Token::String;
        self.string.clear();
        let bytes = self.text.as_bytes();
        let mut at = self.start + 1;
        let mut plain = at;
        let mut high = None;
        loop {
            let Some(&byte) = bytes.get(at) else {
                self.end = at;
                return Err(self.invalid_token());
            };
            match byte {
                b'"' => break,
                0..=0x1f => {
                    self.end = at;
                    return Err(self.error(format!("Character with value 0x{byte:02x} must be escaped.")));
                }
                b'\\' => {
                    if self.decode {
                        if plain < at && high.is_some() {
                            self.end = at;
                            return Err(self.low_surrogate_missing());
                        }
                        self.string.push_str(&self.text[plain..at]);
                    }
                    at = self.read_escape(at + 1, &mut high)?;
                    plain = at;
                }
                _ => at += 1,
            }
        }
        self.end = at + 1;
        if self.decode {
            if high.is_some() {
                return Err(self.low_surrogate_missing());
            }
            self.string.push_str(&self.text[plain..at]);
        }
        Ok(())
    }

    /// What follows a backslash; answers where the next character is.
    fn read_escape(&mut self, at: usize, high: &mut Option<u32>) -> Result<usize, SqlError> {
        if at >= self.text.len() {
            self.end = at;
            return Err(self.invalid_token());
        }
        let byte = self.byte(at);
        if byte == b'u' {
            return self.read_unicode(at + 1, high);
        }
        let plain = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            _ => {
                let letter = self.text[at..].chars().next().unwrap_or(' ');
                self.end = at + letter.len_utf8();
                return Err(self.error(format!("Escape sequence \"\\{letter}\" is invalid.")));
            }
        };
        if self.decode {
            if high.is_some() {
                self.end = at;
                return Err(self.low_surrogate_missing());
            }
            self.string.push(plain);
        }
        Ok(at + 1)
    }

    /// Four hexadecimal digits.
    fn read_unicode(&mut self, at: usize, high: &mut Option<u32>) -> Result<usize, SqlError> {
        let mut code = 0;
        for i in 0..4 {
            if at + i >= self.text.len() {
                self.end = at + i;
                return Err(self.invalid_token());
            }
            let Some(digit) = char::from(self.byte(at + i)).to_digit(16) else {
                let letter = self.text[at + i..].chars().next().unwrap_or(' ');
                self.end = at + i + letter.len_utf8();
                return Err(self.error("\"\\u\" must be followed by four hexadecimal digits.".to_owned()));
            };
            code = code * 16 + digit;
        }
        self.end = at + 4;
        if !self.decode {
            return Ok(at + 4);
        }
        match (code, high.take()) {
            (0xD800..=0xDBFF, None) => *high = Some(code),
            (0xD800..=0xDBFF, Some(_)) => {
                return Err(self.error("Unicode high surrogate must not follow a high surrogate.".to_owned()));
            }
            (0xDC00..=0xDFFF, Some(first)) => {
                let joined = 0x10000 + ((first & 0x3FF) << 10) + (code & 0x3FF);
                self.string.extend(char::from_u32(joined));
            }
            (0xDC00..=0xDFFF, None) | (_, Some(_)) => return Err(self.low_surrogate_missing()),
            (0, None) => {
                let error = SqlError::new(SqlState::UNTRANSLATABLE_CHARACTER, "unsupported Unicode escape sequence");
                return Err(self.placed(error.detail("\\u0000 cannot be converted to text.")));
            }
            (code, None) => self.string.extend(char::from_u32(code)),
        }
        Ok(at + 4)
    }

    fn low_surrogate_missing(&self) -> SqlError {
        self.error("Unicode low surrogate must follow a high surrogate.".to_owned())
    }

    fn invalid_token(&self) -> SqlError {
        self.error(format!("Token \"{}\" is invalid.", self.token_text()))
    }

    /// The current token as written.
    pub(super) fn token_text(&self) -> &'a str {
        &self.text[self.start..self.ceiling(self.end)]
    }

    /// The next character boundary.
    fn ceiling(&self, mut at: usize) -> usize {
        while !self.text.is_char_boundary(at) {
            at += 1;
        }
        at
    }

    /// 22P02 with the detail and the line.
    pub(super) fn error(&self, detail: String) -> SqlError {
        let error = SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type json");
        self.placed(error.detail(detail))
    }

    /// With the line and the text around the token (PostgreSQL's `report_json_context`).
    fn placed(&self, error: SqlError) -> SqlError {
        let before = &self.text[..self.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        let end = self.ceiling(self.end);
        let mut from = line_start;
        while end - from >= 50 {
            from = self.ceiling(from + 1);
        }
        if from - line_start <= 3 {
            from = line_start;
        }
        let prefix = if from > line_start { "..." } else { "" };
        let more = self.token != Token::End && end < self.text.len() && !matches!(self.byte(end), b'\n' | b'\r');
        error.context(format!("JSON data, line {line}: {prefix}{}{}", &self.text[from..end], if more { "..." } else { "" }))
    }
}
