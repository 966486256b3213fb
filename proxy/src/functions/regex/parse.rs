//! PostgreSQL's grammar of regular expressions (`regc_lex.c`, `regcomp.c`). Enters: a pattern and its flags; leaves: a tree, or 2201B.

use super::{
    bracket::{self, Set},
    cache::{Flags, invalid},
};
use crate::error::Result;

/// An expression.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) root: Alternation,
    pub(super) flags: Flags,
    pub(super) groups: usize,
}

/// Branches between `|`.
pub(super) type Alternation = Vec<Vec<Piece>>;

/// An atom and how often it comes.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) atom: Atom,
    pub(super) quantifier: Option<Quantifier>,
}

/// How often, and whether rather more or rather less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quantifier {
    pub(super) min: u32,
    pub(super) max: Option<u32>,
    pub(super) lazy: bool,
    /// Written `{m}`: it has no preference of its own.
    pub(super) fixed: bool,
}

/// What matches.
#[derive(Debug)]
pub(super) enum Atom {
    Char(char),
    Any,
    Set(Set),
    Group { inner: Alternation, captures: bool },
    Look { inner: Alternation, behind: bool, negative: bool },
    BackReference(u32),
    LineStart,
    LineEnd,
    TextStart,
    TextEnd,
    WordStart,
    WordEnd,
    WordEdge,
    NotWordEdge,
}

/// The greatest repetition count.
const MAX_COUNT: u32 = 255;
/// Deeper nesting is refused.
const MAX_DEPTH: usize = 250;

struct Parser {
    chars: Vec<char>,
    at: usize,
    flags: Flags,
    groups: usize,
    closed: Vec<bool>,
    in_look: usize,
    depth: usize,
}

/// Reads a pattern.
pub(super) fn parse(pattern: &str, mut flags: Flags) -> Result<Parsed> {
    let mut pattern = pattern;
    if let Some(rest) = pattern.strip_prefix("***=") {
        flags.literal = true;
        pattern = rest;
    } else if let Some(rest) = pattern.strip_prefix("***:") {
        pattern = rest;
    } else if pattern.starts_with("***") {
        return Err(invalid("invalid embedded option"));
    }
    if flags.literal {
        let piece = |c| Piece { atom: Atom::Char(c), quantifier: None };
        return Ok(Parsed { root: vec![pattern.chars().map(piece).collect()], flags, groups: 0 });
    }
    let mut parser = Parser { chars: pattern.chars().collect(), at: 0, flags, groups: 0, closed: vec![false], in_look: 0, depth: 0 };
    parser.embedded_options()?;
    let root = parser.alternation()?;
    if parser.at < parser.chars.len() {
        return Err(invalid("parentheses () not balanced"));
    }
    Ok(Parsed { root, flags: parser.flags, groups: parser.groups })
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn looking_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.looking_at(text);
        if found {
            self.at += text.chars().count();
        }
        found
    }

    /// `(?i)` and the like, at the beginning only.
    fn embedded_options(&mut self) -> Result<()> {
        if !self.looking_at("(?") || !self.chars.get(2).is_some_and(char::is_ascii_alphabetic) {
            return Ok(());
        }
        self.at = 2;
        while let Some(letter) = self.peek().filter(char::is_ascii_alphabetic) {
            if letter == 'g' || !self.flags.set(letter) {
                return Err(invalid("invalid embedded option"));
            }
            self.at += 1;
        }
        if !self.take(")") {
            return Err(invalid("invalid embedded option"));
        }
        if self.flags.literal {
            return Err(crate::error::SqlError::unsupported("the embedded option q"));
        }
        Ok(())
    }

    /// Blanks and comments, where they are left out.
    fn skip(&mut self) {
        loop {
            if self.looking_at("(?#") {
                while self.peek().is_some_and(|c| c != ')') {
                    self.at += 1;
                }
                self.at += 1;
            } else if self.flags.expanded && self.peek().is_some_and(char::is_whitespace) {
                self.at += 1;
            } else if self.flags.expanded && self.peek() == Some('#') {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.at += 1;
                }
            } else {
                return;
            }
        }
    }

    fn alternation(&mut self) -> Result<Alternation> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(invalid("regular expression is too complex"));
        }
        let mut branches = vec![self.branch()?];
        while self.take("|") {
            branches.push(self.branch()?);
        }
        self.depth -= 1;
        Ok(branches)
    }

    fn branch(&mut self) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        loop {
            self.skip();
            match self.peek() {
                None | Some('|' | ')') => return Ok(pieces),
                Some(_) => {}
            }
            let atom = self.atom()?;
            self.skip();
            let quantifier = self.quantifier()?;
            let is_constraint = !matches!(atom, Atom::Char(_) | Atom::Any | Atom::Set(_) | Atom::Group { .. } | Atom::BackReference(_));
            if is_constraint && quantifier.is_some() {
                return Err(invalid("quantifier operand invalid"));
            }
            pieces.push(Piece { atom, quantifier });
        }
    }

    fn quantifier(&mut self) -> Result<Option<Quantifier>> {
        let mut fixed = false;
        let (min, max) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') if self.chars.get(self.at + 1).is_some_and(char::is_ascii_digit) => {
                self.at += 1;
                let comma = self.chars[self.at..].iter().find(|c| !c.is_ascii_digit()) == Some(&',');
                fixed = !comma;
                self.bounds()?
            }
            _ => return Ok(None),
        };
        self.at += 1;
        let lazy = self.take("?");
        self.skip();
        let repeated = matches!(self.peek(), Some('*' | '+' | '?'))
            || (self.peek() == Some('{') && self.chars.get(self.at + 1).is_some_and(char::is_ascii_digit));
        if repeated {
            return Err(invalid("quantifier operand invalid"));
        }
        Ok(Some(Quantifier { min, max, lazy, fixed }))
    }

    /// `2}`, `2,}`, `2,3}`; leaves the closing brace.
    fn bounds(&mut self) -> Result<(u32, Option<u32>)> {
        let min = self.count()?;
        let max = if self.take(",") { if self.peek() == Some('}') { None } else { Some(self.count()?) } } else { Some(min) };
        if self.peek() != Some('}') {
            return Err(invalid("braces {} not balanced"));
        }
        if max.is_some_and(|max| max < min) {
            return Err(invalid("invalid repetition count(s)"));
        }
        Ok((min, max))
    }

    fn count(&mut self) -> Result<u32> {
        let mut count = 0;
        let from = self.at;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            count = count * 10 + digit;
            self.at += 1;
            if count > MAX_COUNT {
                return Err(invalid("invalid repetition count(s)"));
            }
        }
        if self.at == from { Err(invalid("invalid repetition count(s)")) } else { Ok(count) }
    }

    fn atom(&mut self) -> Result<Atom> {
        let c = self.chars[self.at];
        match c {
            '(' => self.parenthesis(),
            '[' => {
                if self.take("[[:<:]]") {
                    return Ok(Atom::WordStart);
                }
                if self.take("[[:>:]]") {
                    return Ok(Atom::WordEnd);
                }
                let (set, next) = bracket::parse(&self.chars, self.at + 1)?;
                self.at = next;
                Ok(Atom::Set(set))
            }
            '*' | '+' | '?' => Err(invalid("quantifier operand invalid")),
            '{' if self.chars.get(self.at + 1).is_some_and(char::is_ascii_digit) => Err(invalid("quantifier operand invalid")),
            '\\' => self.escape(),
            _ => {
                self.at += 1;
                Ok(match c {
                    '.' => Atom::Any,
                    '^' => Atom::LineStart,
                    '$' => Atom::LineEnd,
                    c => Atom::Char(c),
                })
            }
        }
    }

    fn parenthesis(&mut self) -> Result<Atom> {
        for (opening, behind, negative) in [("(?=", false, false), ("(?!", false, true), ("(?<=", true, false), ("(?<!", true, true)] {
            if self.take(opening) {
                self.in_look += 1;
                let inner = self.alternation()?;
                self.in_look -= 1;
                self.close()?;
                return Ok(Atom::Look { inner, behind, negative });
            }
        }
        let captures = if self.take("(?:") {
            false
        } else if self.looking_at("(?") {
            return Err(invalid("quantifier operand invalid"));
        } else {
            self.at += 1;
            self.in_look == 0
        };
        let number = self.groups + 1;
        if captures {
            self.groups = number;
            self.closed.push(false);
        }
        let inner = self.alternation()?;
        self.close()?;
        if captures {
            self.closed[number] = true;
        }
        Ok(Atom::Group { inner, captures })
    }

    fn close(&mut self) -> Result<()> {
        if self.take(")") { Ok(()) } else { Err(invalid("parentheses () not balanced")) }
    }

    /// What a backslash begins.
    fn escape(&mut self) -> Result<Atom> {
        self.at += 1;
        let c = self.peek().ok_or_else(|| invalid("invalid escape \\ sequence"))?;
        let constraint = match c {
            'A' => Some(Atom::TextStart),
            'Z' => Some(Atom::TextEnd),
            'm' => Some(Atom::WordStart),
            'M' => Some(Atom::WordEnd),
            'y' => Some(Atom::WordEdge),
            'Y' => Some(Atom::NotWordEdge),
            'd' | 's' | 'w' | 'D' | 'S' | 'W' => Some(Atom::Set(bracket::shorthand(c))),
            _ => None,
        };
        if let Some(atom) = constraint {
            self.at += 1;
            return Ok(atom);
        }
        if c.is_ascii_digit() && c != '0' {
            return self.back_reference();
        }
        let (c, next) = bracket::escaped(&self.chars, self.at)?;
        self.at = next;
        Ok(Atom::Char(c))
    }

    fn back_reference(&mut self) -> Result<Atom> {
        let from = self.at;
        let mut number = 0;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)).filter(|_| self.at < from + 3) {
            number = number * 10 + digit;
            self.at += 1;
        }
        if self.at - from > 1 && number as usize > self.groups {
            // More than one digit and no such group: an octal escape.
            let (c, next) = bracket::escaped(&self.chars, from)?;
            self.at = next;
            return Ok(Atom::Char(c));
        }
        if self.in_look > 0 || !self.closed.get(number as usize).copied().unwrap_or(false) {
            return Err(invalid("invalid backreference number"));
        }
        Ok(Atom::BackReference(number))
    }
}
