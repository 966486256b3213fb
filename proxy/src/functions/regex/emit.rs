//! Writing a parsed expression in the engine's syntax. Enters: the tree; leaves: the engine's pattern.

use super::{
    bracket::Set,
    parse::{Alternation, Atom, Parsed, Piece, Quantifier},
};

const WORD: &str = "[0-9A-Z_a-z]";

struct Emitter<'p> {
    parsed: &'p Parsed,
    /// What the whole prefers, where its parts do not agree.
    forced: Option<bool>,
    out: String,
}

/// The engine's pattern.
pub(super) fn emit(parsed: &Parsed) -> String {
    let mut preferences = Vec::new();
    quantifiers(&parsed.root, &mut preferences);
    let mixed = preferences.contains(&true) && preferences.contains(&false);
    let forced = if mixed { Some(preference(&parsed.root).unwrap_or(false)) } else { None };
    let mut emitter = Emitter { parsed, forced, out: String::new() };
    emitter.alternation(&parsed.root);
    emitter.out
}

/// All quantifiers' preferences: true for the shortest.
fn quantifiers(alternation: &Alternation, out: &mut Vec<bool>) {
    for piece in alternation.iter().flatten() {
        if let Some(quantifier) = piece.quantifier.filter(|q| !q.fixed) {
            out.push(quantifier.lazy);
        }
        if let Atom::Group { inner, .. } = &piece.atom {
            quantifiers(inner, out);
        }
    }
}

/// What an expression prefers: its first quantified atom decides, branches are greedy (manual, "Regular Expression Matching Rules").
fn preference(alternation: &Alternation) -> Option<bool> {
    let [branch] = &alternation[..] else { return Some(false) };
    branch.iter().find_map(|piece| match (&piece.quantifier, &piece.atom) {
        (Some(quantifier), _) if !quantifier.fixed => Some(quantifier.lazy),
        (_, Atom::Group { inner, .. }) => preference(inner),
        _ => None,
    })
}

/// The text of a branch that is nothing but characters.
fn plain(branch: &[Piece]) -> Option<usize> {
    branch.iter().all(|piece| piece.quantifier.is_none() && matches!(piece.atom, Atom::Char(_))).then_some(branch.len())
}

impl Emitter<'_> {
    fn alternation(&mut self, alternation: &Alternation) {
        let mut branches: Vec<&Vec<Piece>> = alternation.iter().collect();
        if alternation.iter().all(|branch| plain(branch).is_some()) {
            branches.sort_by_key(|branch| std::cmp::Reverse(branch.len()));
        }
        for (at, branch) in branches.into_iter().enumerate() {
            if at > 0 {
                self.out.push('|');
            }
            for piece in branch {
                self.piece(piece);
            }
        }
    }

    fn piece(&mut self, piece: &Piece) {
        let Some(Quantifier { min, max, lazy, fixed }) = piece.quantifier else {
            self.atom(&piece.atom);
            return;
        };
        // A group of its own keeps an atom of several characters together.
        let wrapped = matches!(piece.atom, Atom::BackReference(_));
        if wrapped {
            self.out.push_str("(?:");
        }
        // `(…){1,1}?` says of the group itself that it prefers less.
        let outer = self.forced;
        if !fixed && max == Some(min) {
            self.forced = Some(lazy);
        }
        self.atom(&piece.atom);
        self.forced = outer;
        if wrapped {
            self.out.push(')');
        }
        match (min, max) {
            (0, None) => self.out.push('*'),
            (1, None) => self.out.push('+'),
            (0, Some(1)) => self.out.push('?'),
            (min, None) => self.out.push_str(&format!("{{{min},}}")),
            (min, Some(max)) => self.out.push_str(&format!("{{{min},{max}}}")),
        }
        if self.forced.unwrap_or(lazy) && max != Some(min) {
            self.out.push('?');
        }
    }

    fn group(&mut self, opening: &str, inner: &Alternation) {
        self.out.push_str(opening);
        self.alternation(inner);
        self.out.push(')');
    }

    fn atom(&mut self, atom: &Atom) {
        let flags = self.parsed.flags;
        match atom {
            Atom::Char(c) if flags.ignore_case && c.is_ascii_alphabetic() => {
                self.set(&Set { ranges: vec![(*c, *c)], negated: false });
            }
            Atom::Char(c) => push_char(*c, &mut self.out),
            Atom::Any => self.out.push_str(if flags.dot_stops { "[^\\n]" } else { "(?s:.)" }),
            Atom::Set(set) => self.set(set),
            Atom::Group { inner, captures } => self.group(if *captures { "(" } else { "(?:" }, inner),
            Atom::Look { inner, behind, negative } => {
                let opening = match (behind, negative) {
                    (false, false) => "(?=",
                    (false, true) => "(?!",
                    (true, false) => "(?<=",
                    (true, true) => "(?<!",
                };
                self.group(opening, inner);
            }
            Atom::BackReference(number) if flags.ignore_case => self.out.push_str(&format!("(?i:\\{number})")),
            Atom::BackReference(number) => self.out.push_str(&format!("(?:\\{number})")),
            Atom::LineStart => self.out.push_str(if flags.line_anchors { "(?m:^)" } else { "\\A" }),
            Atom::LineEnd => self.out.push_str(if flags.line_anchors { "(?m:$)" } else { "\\z" }),
            Atom::TextStart => self.out.push_str("\\A"),
            Atom::TextEnd => self.out.push_str("\\z"),
            Atom::WordStart => self.out.push_str(&format!("(?:(?<!{WORD})(?={WORD}))")),
            Atom::WordEnd => self.out.push_str(&format!("(?:(?<={WORD})(?!{WORD}))")),
            Atom::WordEdge => self.out.push_str(&format!("(?:(?<!{WORD})(?={WORD})|(?<={WORD})(?!{WORD}))")),
            Atom::NotWordEdge => self.out.push_str(&format!("(?:(?<!{WORD})(?!{WORD})|(?<={WORD})(?={WORD}))")),
        }
    }

    fn set(&mut self, set: &Set) {
        let flags = self.parsed.flags;
        self.out.push_str(if set.negated { "[^" } else { "[" });
        if set.negated && flags.dot_stops {
            self.out.push_str("\\n");
        }
        for &(low, high) in &set.ranges {
            push_range(low, high, &mut self.out);
            if flags.ignore_case {
                for (from, to, shift) in [('a', 'z', -32_i32), ('A', 'Z', 32)] {
                    let (low, high) = (low.max(from), high.min(to));
                    if low <= high {
                        let moved = |c: char| char::from((c as i32 + shift) as u8);
                        push_range(moved(low), moved(high), &mut self.out);
                    }
                }
            }
        }
        self.out.push(']');
    }
}

fn push_range(low: char, high: char, out: &mut String) {
    push_char(low, out);
    if high > low {
        out.push('-');
        push_char(high, out);
    }
}

/// A character that means itself.
fn push_char(c: char, out: &mut String) {
    if c.is_ascii_alphanumeric() || (!c.is_ascii() && !c.is_control()) {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", c as u32));
    }
}
