//! Reads a path (`jsonpath_gram.y`, `jsonpath_scan.l`): cut into tokens first, then by precedence.

use super::{Item, Jsonpath, Kind, Method};
use crate::{
    error::{Result, SqlError, SqlState},
    types::jsonb::Jsonb,
};

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A word without quotes.
    Word(String),
    /// A string in quotes.
    String(String),
    /// `$name`, `$"name"`.
    Variable(String),
    Number(String),
    /// Punctuation.
    Mark(&'static str),
}

const MARKS: &[&str] = &[
    "**", "&&", "||", "==", "!=", "<>", "<=", ">=", "$", "@", ".", "*", "[", "]", "(", ")", "{", "}", ",", "?", "!", "<", ">", "+", "-",
    "/", "%",
];

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// How many filters are around.
    filters: usize,
    /// How many subscripts are around.
    subscripts: usize,
}

fn syntax(near: Option<&Token>) -> SqlError {
    let message = match near {
        None => "syntax error at end of jsonpath input".to_owned(),
        Some(token) => {
            let text = match token {
                Token::Word(text) | Token::String(text) | Token::Variable(text) | Token::Number(text) => text,
                Token::Mark(mark) => *mark,
            };
            format!("syntax error at or near \"{text}\" of jsonpath input")
        }
    };
    SqlError::new(SqlState::SYNTAX_ERROR, message)
}

/// Reads a path.
pub(super) fn parse(source: &str) -> Result<Jsonpath> {
    let tokens = tokens(source)?;
    if tokens.is_empty() {
        let message = format!("invalid input syntax for type jsonpath: \"{source}\"");
        return Err(SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, message));
    }
    let mut parser = Parser { tokens, at: 0, filters: 0, subscripts: 0 };
    let strict = parser.word("strict");
    if !strict {
        parser.word("lax");
    }
    let item = parser.either()?;
    match parser.tokens.get(parser.at) {
        None => Ok(Jsonpath { strict, item }),
        token => Err(syntax(token)),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || !c.is_ascii()
}

fn tokens(source: &str) -> Result<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = source;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let Some(first) = rest.chars().next() else { return Ok(out) };
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").ok_or_else(|| syntax(None))?.1;
        } else if first == '"' {
            let (text, tail) = quoted(&rest[1..])?;
            out.push(Token::String(text));
            rest = tail;
        } else if first == '$' && rest[1..].starts_with(|c: char| is_word(c) || c == '"') {
            if let Some(inner) = rest[1..].strip_prefix('"') {
                let (text, tail) = quoted(inner)?;
                out.push(Token::Variable(text));
                rest = tail;
            } else {
                let end = rest[1..].find(|c| !is_word(c)).map_or(rest.len(), |at| at + 1);
                out.push(Token::Variable(rest[1..end].to_owned()));
                rest = &rest[end..];
            }
        } else if first.is_ascii_digit() || first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            let end = number_length(rest);
            if rest[end..].starts_with(is_word) {
                return Err(SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    format!("trailing junk after numeric literal at or near \"{}\" of jsonpath input", &rest[..end + 1]),
                ));
            }
            out.push(Token::Number(rest[..end].to_owned()));
            rest = &rest[end..];
        } else if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            out.push(Token::Mark(mark));
            rest = &rest[mark.len()..];
        } else if is_word(first) || first == '\\' {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            if end == 0 {
                return Err(syntax(None));
            }
            out.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            return Err(syntax(Some(&Token::Word(first.to_string()))));
        }
    }
}

fn number_length(text: &str) -> usize {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(0);
    if text[end..].starts_with('.')
        && (digits(end + 1) > 0 || end > 0 && !text[end + 1..].starts_with(|c: char| is_word(c) || c == '*' || c == '"'))
    {
        end += 1 + digits(end + 1);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let exponent = digits((end + 1 + sign).min(text.len()));
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

/// A string after its opening quote, and what follows it.
fn quoted(text: &str) -> Result<(String, &str)> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                // JSON's escapes, and JavaScript's `\x41`, `\v`, `\'`.
                let source = format!("\"{}\"", plain_escapes(&text[..at]));
                return match Jsonb::parse(&source)? {
                    Jsonb::String(value) => Ok((value, &text[at + 1..])),
                    _ => Err(syntax(None)),
                };
            }
            _ => {}
        }
    }
    Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("unterminated quoted string at or near \"\"{text}\" of jsonpath input")))
}

fn plain_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some(c @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u')) => out.extend(['\\', c]),
            Some('v') => out.push_str("\\u000b"),
            Some('x') => {
                let digits: String = chars.by_ref().take(2).collect();
                out.push_str(&format!("\\u00{digits}"));
            }
            Some(c) => out.push(c),
            None => {}
        }
    }
    out
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn mark(&mut self, mark: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Mark(known)) if *known == mark);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(known)) if known.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: &str) -> Result<()> {
        if self.mark(mark) { Ok(()) } else { Err(syntax(self.peek())) }
    }

    /// A predicate or an expression.
    fn either(&mut self) -> Result<Item> {
        let mut left = self.both()?;
        while self.mark("||") {
            left = Item::new(Kind::Or(Box::new(left), Box::new(self.both()?)));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Item> {
        let mut left = self.comparison()?;
        while self.mark("&&") {
            left = Item::new(Kind::And(Box::new(left), Box::new(self.comparison()?)));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Item> {
        if self.mark("!") {
            let inner = if self.word("exists") {
                self.exists()?
            } else {
                self.expect("(")?;
                let inner = self.either()?;
                self.expect(")")?;
                inner
            };
            return Ok(Item::new(Kind::Not(Box::new(inner))));
        }
        if matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case("exists")) {
            self.at += 1;
            return self.exists();
        }
        let left = self.sum()?;
        for (mark, operator) in [("==", "=="), ("!=", "!="), ("<>", "!="), ("<=", "<="), (">=", ">="), ("<", "<"), (">", ">")] {
            if self.mark(mark) {
                let right = self.sum()?;
                return Ok(Item::new(Kind::Compare(operator, Box::new(left), Box::new(right))));
            }
        }
        if self.word("starts") {
            if !self.word("with") {
                return Err(syntax(self.peek()));
            }
            let right = match self.tokens.get(self.at).cloned() {
                Some(Token::String(text)) => Kind::Literal(Jsonb::String(text)),
                Some(Token::Variable(name)) => Kind::Variable(name),
                other => return Err(syntax(other.as_ref())),
            };
            self.at += 1;
            return Ok(Item::new(Kind::StartsWith(Box::new(left), Box::new(Item::new(right)))));
        }
        if self.word("like_regex") {
            return self.like_regex(left);
        }
        Ok(left)
    }

    fn exists(&mut self) -> Result<Item> {
        self.expect("(")?;
        let inner = self.sum()?;
        self.expect(")")?;
        Ok(Item::new(Kind::Exists(Box::new(inner))))
    }

    fn like_regex(&mut self, left: Item) -> Result<Item> {
        let pattern = self.string()?;
        let mut flags = String::new();
        if self.word("flag") {
            let given = self.string()?;
            for flag in ['i', 's', 'm', 'x', 'q'] {
                if given.contains(flag) {
                    flags.push(flag);
                }
            }
            if let Some(wrong) = given.chars().find(|c| !"ismxq".contains(*c)) {
                let detail = format!("Unrecognized flag character \"{wrong}\" in LIKE_REGEX predicate.");
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, "invalid input syntax for type jsonpath").detail(detail));
            }
            if flags.contains('x') {
                return Err(SqlError::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "XQuery \"x\" flag (expanded regular expressions) is not implemented",
                ));
            }
        }
        crate::functions::check_pattern(&pattern, &flags)?;
        Ok(Item::new(Kind::LikeRegex(Box::new(left), pattern, flags)))
    }

    fn string(&mut self) -> Result<String> {
        match self.tokens.get(self.at).cloned() {
            Some(Token::String(text)) => {
                self.at += 1;
                Ok(text)
            }
            other => Err(syntax(other.as_ref())),
        }
    }

    fn sum(&mut self) -> Result<Item> {
        let mut left = self.product()?;
        loop {
            let operator = if self.mark("+") {
                "+"
            } else if self.mark("-") {
                "-"
            } else {
                return Ok(left);
            };
            left = Item::new(Kind::Arithmetic(operator, Box::new(left), Box::new(self.product()?)));
        }
    }

    fn product(&mut self) -> Result<Item> {
        let mut left = self.signed()?;
        loop {
            let operator = if self.mark("*") {
                "*"
            } else if self.mark("/") {
                "/"
            } else if self.mark("%") {
                "%"
            } else {
                return Ok(left);
            };
            left = Item::new(Kind::Arithmetic(operator, Box::new(left), Box::new(self.signed()?)));
        }
    }

    fn signed(&mut self) -> Result<Item> {
        for sign in ["+", "-"] {
            if self.mark(sign) {
                let inner = self.signed()?;
                // A sign before a number is the number's own.
                if let (Kind::Literal(Jsonb::Number(number)), None) = (&inner.kind, &inner.next) {
                    let number = match (sign, number.strip_prefix('-')) {
                        ("+", _) => number.clone(),
                        (_, Some(positive)) => positive.to_owned(),
                        (_, None) => format!("-{number}"),
                    };
                    return Ok(Item::new(Kind::Literal(Jsonb::number(&number)?)));
                }
                return Ok(Item::new(Kind::Sign(if sign == "+" { "+" } else { "-" }, Box::new(inner))));
            }
        }
        self.steps()
    }

    fn steps(&mut self) -> Result<Item> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        let mut first = match token {
            Some(Token::Mark("(")) => {
                let inner = self.either()?;
                self.expect(")")?;
                if self.word("is") {
                    if !self.word("unknown") {
                        return Err(syntax(self.peek()));
                    }
                    return Ok(Item::new(Kind::IsUnknown(Box::new(inner))));
                }
                inner
            }
            Some(Token::Mark("$")) => Item::new(Kind::Root),
            Some(Token::Mark("@")) if self.filters == 0 => {
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, "@ is not allowed in root expressions"));
            }
            Some(Token::Mark("@")) => Item::new(Kind::Current),
            Some(Token::Variable(name)) => Item::new(Kind::Variable(name)),
            Some(Token::String(text)) => Item::new(Kind::Literal(Jsonb::String(text))),
            Some(Token::Number(number)) => Item::new(Kind::Literal(Jsonb::number(&number)?)),
            Some(Token::Word(word)) => match word.as_str() {
                "null" => Item::new(Kind::Literal(Jsonb::Null)),
                "true" => Item::new(Kind::Literal(Jsonb::Bool(true))),
                "false" => Item::new(Kind::Literal(Jsonb::Bool(false))),
                "last" if self.subscripts == 0 => {
                    return Err(SqlError::new(SqlState::SYNTAX_ERROR, "LAST is allowed only in array subscripts"));
                }
                "last" => Item::new(Kind::Last),
                _ => return Err(syntax(Some(&Token::Word(word)))),
            },
            other => return Err(syntax(other.as_ref())),
        };
        let mut rest = Vec::new();
        while let Some(step) = self.step()? {
            rest.push(step);
        }
        let mut next = None;
        for kind in rest.into_iter().rev() {
            next = Some(Box::new(Item { kind, next }));
        }
        let mut last = &mut first;
        while last.next.is_some() {
            last = last.next.as_mut().expect("just seen");
        }
        last.next = next;
        Ok(first)
    }

    fn step(&mut self) -> Result<Option<Kind>> {
        if self.mark("?") {
            self.expect("(")?;
            self.filters += 1;
            let inner = self.either()?;
            self.filters -= 1;
            self.expect(")")?;
            return Ok(Some(Kind::Filter(Box::new(inner))));
        }
        if self.mark("[") {
            return self.elements().map(Some);
        }
        if !self.mark(".") {
            return Ok(None);
        }
        if self.mark("*") {
            return Ok(Some(Kind::AnyKey));
        }
        if self.mark("**") {
            return self.anywhere().map(Some);
        }
        match self.tokens.get(self.at).cloned() {
            Some(Token::String(key)) => {
                self.at += 1;
                Ok(Some(Kind::Key(key)))
            }
            Some(Token::Word(word)) => {
                self.at += 1;
                let is_call = matches!(self.peek(), Some(Token::Mark("(")));
                if is_call && word == "datetime" {
                    self.at += 1;
                    let template = if matches!(self.peek(), Some(Token::String(_))) { Some(self.string()?) } else { None };
                    self.expect(")")?;
                    return Ok(Some(Kind::Datetime(template)));
                }
                let method = Method::ALL.iter().find(|(name, _)| *name == word).filter(|_| is_call);
                if let Some((_, method)) = method {
                    self.at += 1;
                    self.expect(")")?;
                    return Ok(Some(Kind::Method(*method)));
                }
                Ok(Some(Kind::Key(word)))
            }
            other => Err(syntax(other.as_ref())),
        }
    }

    fn elements(&mut self) -> Result<Kind> {
        if self.mark("*") {
            self.expect("]")?;
            return Ok(Kind::AnyElement);
        }
        self.subscripts += 1;
        let mut ranges = Vec::new();
        loop {
            let from = self.sum()?;
            let to = if self.word("to") { Some(self.sum()?) } else { None };
            ranges.push((from, to));
            if !self.mark(",") {
                break;
            }
        }
        self.subscripts -= 1;
        self.expect("]")?;
        Ok(Kind::Elements(ranges))
    }

    fn anywhere(&mut self) -> Result<Kind> {
        if !self.mark("{") {
            return Ok(Kind::Anywhere(Some(0), None));
        }
        let first = self.level()?;
        let last = if self.word("to") { self.level()? } else { first };
        self.expect("}")?;
        Ok(Kind::Anywhere(first, last))
    }

    fn level(&mut self) -> Result<Option<u32>> {
        if self.word("last") {
            return Ok(None);
        }
        match self.tokens.get(self.at).cloned() {
            Some(Token::Number(number)) => {
                self.at += 1;
                number.parse().map(Some).map_err(|_| syntax(Some(&Token::Number(number))))
            }
            other => Err(syntax(other.as_ref())),
        }
    }
}
