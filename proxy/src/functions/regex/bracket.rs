//! Bracket expressions, class shorthands and character escapes. Enters: the pattern's characters; leaves: sets of ranges.

use super::cache::invalid;
use crate::error::Result;

/// A set of characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) ranges: Vec<(char, char)>,
    pub(super) negated: bool,
}

const DIGIT: &[(char, char)] = &[('0', '9')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
const SPACE: &[(char, char)] = &[('\t', '\r'), (' ', ' ')];

/// `\d`, `\s`, `\w` and their opposites.
pub(super) fn shorthand(letter: char) -> Set {
    let ranges = match letter.to_ascii_lowercase() {
        'd' => DIGIT,
        's' => SPACE,
        _ => WORD,
    };
    Set { ranges: ranges.to_vec(), negated: letter.is_ascii_uppercase() }
}

/// A class by name, in the C locale.
fn class(name: &str) -> Result<&'static [(char, char)]> {
    Ok(match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\u{7f}')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')],
        "digit" => DIGIT,
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => SPACE,
        "upper" => &[('A', 'Z')],
        "word" => WORD,
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return Err(invalid("invalid character class")),
    })
}

/// From behind the opening bracket; answers the set and where the pattern goes on.
pub(super) fn parse(chars: &[char], mut at: usize) -> Result<(Set, usize)> {
    let unbalanced = || invalid("brackets [] not balanced");
    let mut set = Set::default();
    if chars.get(at) == Some(&'^') {
        set.negated = true;
        at += 1;
    }
    let first = at;
    loop {
        let c = *chars.get(at).ok_or_else(unbalanced)?;
        if c == ']' && at > first {
            return Ok((set, at + 1));
        }
        if c == '[' && chars.get(at + 1) == Some(&':') {
            let (name, next) = named(chars, at + 2, ':')?;
            set.ranges.extend_from_slice(class(&name)?);
            at = next;
            continue;
        }
        if c == '\\' && matches!(chars.get(at + 1), Some('d' | 's' | 'w')) {
            set.ranges.extend(shorthand(chars[at + 1]).ranges);
            at += 2;
            continue;
        }
        let (low, next) = member(chars, at)?;
        at = next;
        let is_range = chars.get(at) == Some(&'-') && chars.get(at + 1).is_some_and(|c| *c != ']');
        if !is_range {
            set.ranges.push((low, low));
            continue;
        }
        let (high, next) = member(chars, at + 1)?;
        if high < low {
            return Err(invalid("invalid character range"));
        }
        set.ranges.push((low, high));
        at = next;
    }
}

/// One character of a bracket expression.
fn member(chars: &[char], at: usize) -> Result<(char, usize)> {
    match (chars[at], chars.get(at + 1)) {
        ('[', Some(&mark @ ('.' | '='))) => {
            let (name, next) = named(chars, at + 2, mark)?;
            let mut letters = name.chars();
            match (letters.next(), letters.next()) {
                (Some(c), None) => Ok((c, next)),
                _ => Err(invalid("invalid collating element")),
            }
        }
        ('\\', _) => escaped(chars, at + 1),
        (c, _) => Ok((c, at + 1)),
    }
}

/// `name:]`, from behind the opening mark.
fn named(chars: &[char], from: usize, mark: char) -> Result<(String, usize)> {
    let length = chars[from..].windows(2).position(|pair| pair == [mark, ']']).ok_or_else(|| invalid("brackets [] not balanced"))?;
    Ok((chars[from..from + length].iter().collect(), from + length + 2))
}

/// A character escape, from behind the backslash; answers the character and where the pattern goes on.
pub(super) fn escaped(chars: &[char], at: usize) -> Result<(char, usize)> {
    let wrong = || invalid("invalid escape \\ sequence");
    let c = *chars.get(at).ok_or_else(wrong)?;
    let plain = match c {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'B' => '\\',
        'e' => '\u{1b}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        'c' => {
            let control = *chars.get(at + 1).ok_or_else(wrong)?;
            return Ok((char::from((control as u32 & 0x1f) as u8), at + 2));
        }
        'u' => return digits(chars, at + 1, 16, 4, 4),
        'U' => return digits(chars, at + 1, 16, 8, 8),
        'x' => return digits(chars, at + 1, 16, 1, 255),
        '0'..='9' => return digits(chars, at, 8, 1, 3),
        c if c.is_ascii_alphanumeric() => return Err(wrong()),
        c => c,
    };
    Ok((plain, at + 1))
}

fn digits(chars: &[char], from: usize, base: u32, min: usize, max: usize) -> Result<(char, usize)> {
    let mut value: u32 = 0;
    let mut at = from;
    while let Some(digit) = chars.get(at).and_then(|c| c.to_digit(base)).filter(|_| at - from < max) {
        value = value.saturating_mul(base).saturating_add(digit);
        at += 1;
    }
    if at - from < min {
        return Err(invalid("invalid escape \\ sequence"));
    }
    char::from_u32(value).map(|c| (c, at)).ok_or_else(|| invalid("invalid escape \\ sequence"))
}
