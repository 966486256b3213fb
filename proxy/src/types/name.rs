//! Names and lists taken apart: dotted identifiers, parts between commas; and a numeric's modifier. How types are named stands in [`crate::catalog::type_name`].
//! Enters: text or a modifier. Leaves: their parts.

/// Dotted identifiers, folded unless quoted; a run of words ("double precision") is one. With each, whether it was quoted.
pub fn identifiers(text: &str) -> Option<Vec<(String, bool)>> {
    let mut parts = Vec::new();
    let mut chars = text.trim().chars().peekable();
    loop {
        let mut part = String::new();
        let quoted = chars.peek() == Some(&'"');
        if quoted {
            chars.next();
            loop {
                match chars.next()? {
                    '"' if chars.peek() == Some(&'"') => part.push(chars.next()?),
                    '"' => break,
                    c => part.push(c),
                }
            }
        } else {
            while let Some(c) = chars.next_if(|c| *c != '.' && *c != '"') {
                if c != ' ' || !part.ends_with(' ') {
                    part.extend(c.to_lowercase());
                }
            }
            part.truncate(part.trim_end().len());
        }
        if part.is_empty() {
            return None;
        }
        parts.push((part, quoted));
        match chars.next() {
            None => return Some(parts),
            Some('.') => {}
            Some(_) => return None,
        }
    }
}

/// Precision and scale of a numeric's modifier; none without one.
pub fn numeric_typmod(typmod: i32) -> Option<(i32, i32)> {
    (typmod >= 4).then(|| (((typmod - 4) >> 16) & 0xffff, (((typmod - 4) & 0x7ff) ^ 1024) - 1024))
}

/// Parts between commas outside of parentheses and quotes; a blank last one is none.
pub fn split_at_commas(text: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut start, mut parts) = (0_i32, false, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' | '[' if !quoted => depth += 1,
            ')' | ']' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !text[start..].trim().is_empty() {
        parts.push(&text[start..]);
    }
    parts
}
