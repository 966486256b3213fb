//! Flags, and the expressions compiled last. Enters: a pattern and its flags; leaves: a compiled expression, kept for the next call.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use super::{emit, parse};
use crate::error::{Result, SqlError, SqlState};

/// How many expressions a thread keeps.
const CAPACITY: usize = 64;

/// What changes an expression's meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    /// `i`: letters match in either case.
    pub(crate) ignore_case: bool,
    /// `q`: the pattern is plain text.
    pub(crate) literal: bool,
    /// `x`: blanks and comments are left out.
    pub(crate) expanded: bool,
    /// `n`, `p`: `.` and `[^…]` do not match a line feed.
    pub(crate) dot_stops: bool,
    /// `n`, `w`: `^` and `$` match at line feeds.
    pub(crate) line_anchors: bool,
    /// `b`, `e`: older flavours, which are refused.
    pub(crate) older: bool,
    /// `g`: every match.
    pub(crate) global: bool,
}

impl Flags {
    /// Reads the flags that a function was given.
    pub(crate) fn parse(text: &str) -> Result<Flags> {
        let mut flags = Flags::default();
        for letter in text.chars() {
            if !flags.set(letter) {
                let message = format!("invalid regular expression option: \"{letter}\"");
                return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message));
            }
        }
        Ok(flags)
    }

    /// Applies one letter; false where it means nothing.
    pub(super) fn set(&mut self, letter: char) -> bool {
        match letter {
            'g' => self.global = true,
            'i' => self.ignore_case = true,
            'c' => self.ignore_case = false,
            'n' | 'm' => (self.dot_stops, self.line_anchors) = (true, true),
            'p' => (self.dot_stops, self.line_anchors) = (true, false),
            'w' => (self.dot_stops, self.line_anchors) = (false, true),
            's' => (self.dot_stops, self.line_anchors) = (false, false),
            'q' => self.literal = true,
            'x' => self.expanded = true,
            't' => self.expanded = false,
            'b' | 'e' => self.older = letter == 'b',
            _ => return false,
        }
        true
    }
}

/// A compiled expression.
pub(crate) struct Regex {
    engine: fancy_regex::Regex,
    /// Capturing groups.
    pub(crate) groups: usize,
}

/// A match: where the whole and each group begin and end, in bytes.
pub(crate) type Spans = Vec<Option<(usize, usize)>>;

impl Regex {
    /// The first match from `start` on, with lines and anchors seen from the text's beginning.
    pub(crate) fn find_at(&self, text: &str, start: usize) -> Result<Option<Spans>> {
        let found = self.engine.captures_from_pos(text, start).map_err(|error| failed(&error.to_string()))?;
        Ok(found.map(|captures| captures.iter().map(|group| group.map(|m| (m.start(), m.end()))).collect()))
    }

    /// Whether there is a match.
    pub(crate) fn is_match(&self, text: &str) -> Result<bool> {
        self.engine.is_match(text).map_err(|error| failed(&error.to_string()))
    }
}

/// 2201B.
pub(super) fn invalid(reason: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_REGULAR_EXPRESSION, format!("invalid regular expression: {reason}"))
}

fn failed(reason: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_REGULAR_EXPRESSION, format!("regular expression failed: {reason}"))
}

thread_local! {
    static KEPT: RefCell<VecDeque<(String, Flags, Rc<Regex>)>> = const { RefCell::new(VecDeque::new()) };
}

/// The compiled expression, the one kept if it was used lately.
pub(crate) fn compile(pattern: &str, flags: Flags) -> Result<Rc<Regex>> {
    let flags = Flags { global: false, ..flags };
    KEPT.with(|kept| {
        let mut kept = kept.borrow_mut();
        if let Some(at) = kept.iter().position(|(p, f, _)| *f == flags && p == pattern) {
            if at > 0 {
                let entry = kept.remove(at).expect("the position was just found");
                kept.push_front(entry);
            }
            return Ok(kept[0].2.clone());
        }
        let regex = Rc::new(build(pattern, flags)?);
        kept.truncate(CAPACITY - 1);
        kept.push_front((pattern.to_owned(), flags, regex.clone()));
        Ok(regex)
    })
}

fn build(pattern: &str, flags: Flags) -> Result<Regex> {
    if flags.older {
        return Err(SqlError::unsupported("a basic regular expression (option \"b\")"));
    }
    let parsed = parse::parse(pattern, flags)?;
    let source = emit::emit(&parsed);
    let engine = fancy_regex::Regex::new(&source).map_err(|error| invalid(&error.to_string()))?;
    Ok(Regex { engine, groups: parsed.groups })
}
