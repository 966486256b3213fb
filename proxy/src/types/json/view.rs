//! Looking into the storage form of `jsonb` without making a tree of it: a text enters; parts of it leave, as they lie there. The form is
//! canonical (`super::super::jsonb`), so that equal strings are equal texts and keys are unique.

/// A value, as the text that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View<'a>(pub(crate) &'a str);

/// The members of an object or the elements of an array, one after another.
pub(crate) struct Parts<'a> {
    text: &'a str,
    at: usize,
    is_object: bool,
}

impl<'a> View<'a> {
    /// Whether it is an object.
    pub(crate) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Whether it is an array.
    pub(crate) fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    /// Whether it is neither.
    pub(crate) fn is_scalar(self) -> bool {
        !self.is_object() && !self.is_array()
    }

    /// Members as key (quoted, escaped) and value; elements with an empty key; nothing of a scalar.
    pub(crate) fn parts(self) -> Parts<'a> {
        Parts { text: if self.is_scalar() { "" } else { self.0 }, at: 1, is_object: self.is_object() }
    }

    /// The value of a key, given as it lies: quoted and escaped.
    pub(crate) fn member(self, key: &str) -> Option<View<'a>> {
        self.is_object().then(|| self.parts().find(|(known, _)| *known == key).map(|(_, value)| value)).flatten()
    }

    /// Whether it contains the other: members and elements in any order; an array also contains a bare scalar.
    pub(crate) fn contains(self, inner: View<'_>) -> bool {
        if self.is_array() && inner.is_scalar() {
            return self.parts().any(|(_, element)| element.same(inner));
        }
        self.contains_at(inner)
    }

    fn contains_at(self, inner: View<'_>) -> bool {
        if self.is_object() && inner.is_object() {
            return inner.parts().all(|(key, wanted)| self.member(key).is_some_and(|found| found.contains_at(wanted)));
        }
        if self.is_array() && inner.is_array() {
            return inner.parts().all(|(_, wanted)| match wanted.is_scalar() {
                true => self.parts().any(|(_, element)| element.same(wanted)),
                false => self.parts().any(|(_, element)| !element.is_scalar() && element.contains_at(wanted)),
            });
        }
        self.is_scalar() && self.same(inner)
    }

    /// Whether two scalars are the same; numbers are so at any scale.
    fn same(self, other: View<'_>) -> bool {
        let is_number = |text: &str| text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        self.0 == other.0
            || is_number(self.0) && is_number(other.0) && crate::types::numeric::compare_text(self.0, other.0) == std::cmp::Ordering::Equal
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = (&'a str, View<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(|b| matches!(b, b' ' | b',')) {
            self.at += 1;
        }
        if bytes.get(self.at).is_none_or(|b| matches!(b, b']' | b'}')) {
            return None;
        }
        let key = if self.is_object {
            let end = end_of_value(bytes, self.at);
            let key = &self.text[self.at..end];
            self.at = end;
            while bytes.get(self.at).is_some_and(|b| matches!(b, b' ' | b':')) {
                self.at += 1;
            }
            key
        } else {
            ""
        };
        let end = end_of_value(bytes, self.at);
        let value = &self.text[self.at..end];
        self.at = end;
        Some((key, View(value)))
    }
}

/// Where the value that begins at a place ends.
fn end_of_value(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while let Some(inside) = bytes.get(at).filter(|b| **b != b'"') {
                    at += if *inside == b'\\' { 2 } else { 1 };
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            b',' | b':' | b' ' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
        if depth == 0 && matches!(byte, b'"' | b'}' | b']') {
            return at;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_as_they_lie() {
        let view = View(r#"{"a": 1, "b": [true, {"c": "x, \" ]"}], "é": null, "long": {"z": -1.50}}"#);
        let parts: Vec<(&str, &str)> = view.parts().map(|(key, value)| (key, value.0)).collect();
        assert_eq!(parts, [("\"a\"", "1"), ("\"b\"", r#"[true, {"c": "x, \" ]"}]"#), ("\"é\"", "null"), ("\"long\"", r#"{"z": -1.50}"#)]);
        assert_eq!(view.member("\"b\"").expect("b").parts().nth(1).expect("an object").1.0, r#"{"c": "x, \" ]"}"#);
        assert_eq!(View("[]").parts().count() + View("{}").parts().count() + View("7").parts().count(), 0);
    }

    #[test]
    fn containment_is_postgresql_s() {
        let contains = |outer, inner| View(outer).contains(View(inner));
        assert!(contains(r#"{"a": 1.0, "b": [1, 2]}"#, r#"{"a": 1, "b": [2]}"#));
        assert!(contains("[1, [2]]", "[[2]]") && contains("[1, 2]", "2") && contains("1", "1.0") && contains("{}", "{}"));
        assert!(!contains("[[1]]", "[1]") && !contains("1", "[1]") && !contains(r#"{"a": {}}"#, r#"{"a": []}"#));
    }
}
