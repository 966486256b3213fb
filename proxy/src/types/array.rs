//! Arrays: TEXT in PostgreSQL's form (`{1,NULL,"a b"}`, `[0:1]={…}`, nested for more dimensions), elements in their types' canonical
//! text. int2vector and oidvector (`1 2 3`) are arrays from subscript 0.

use std::cmp::Ordering;

use super::{Codec, Kind, Oid, Storage, Type, Value, ValueRef, integer::bad_binary, text::text};
use crate::{
    error::{Result, SqlError, SqlState},
    functions::compare_values,
    session::context::Context,
};

/// The codec of arrays.
pub(super) struct ArrayCodec;

/// An array: dimensions (lower bound, length; none when empty) and elements in row-major order, NULL as none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Array {
    /// Lower bound and length of each dimension.
    pub(crate) dimensions: Vec<(i32, i32)>,
    /// Elements' texts.
    pub(crate) elements: Vec<Option<String>>,
}

/// Most dimensions of an array.
pub(crate) const MAX_DIMENSIONS: usize = 6;

fn malformed(text: &str, detail: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("malformed array literal: \"{text}\"")).detail(detail)
}

impl Array {
    /// A one-dimensional array from subscript 1.
    pub(crate) fn from_elements(elements: Vec<Option<String>>) -> Array {
        let dimensions = if elements.is_empty() { Vec::new() } else { vec![(1, elements.len() as i32)] };
        Array { dimensions, elements }
    }

    /// Reads `array_in`'s form, or a vector's.
    pub(crate) fn parse(source: &str, delimiter: char) -> Result<Array> {
        let trimmed = source.trim_matches(|c: char| c.is_ascii_whitespace());
        let mut bounds = Vec::new();
        let mut rest = trimmed;
        if rest.starts_with('[') {
            while let Some(inner) = rest.strip_prefix('[') {
                let (range, tail) = inner.split_once(']').ok_or_else(|| malformed(source, "Missing \"]\" after array dimensions."))?;
                let (lower, upper) = range.split_once(':').unwrap_or(("1", range));
                let number = |t: &str| {
                    t.trim().parse::<i32>().map_err(|_| malformed(source, "\"[\" must introduce explicitly-specified array dimensions."))
                };
                let (lower, upper) = (number(lower)?, number(upper)?);
                if upper < lower {
                    return Err(SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "upper bound cannot be less than lower bound"));
                }
                bounds.push((lower, upper - lower + 1));
                rest = tail.trim_start();
            }
            rest = rest.strip_prefix('=').ok_or_else(|| malformed(source, "Missing \"=\" after array dimensions."))?.trim_start();
        } else if !rest.starts_with('{') {
            if rest.chars().all(|c| c.is_ascii_digit() || c == ' ' || c == '-') {
                return Ok(Array::vector(rest));
            }
            return Err(malformed(source, "Array value must start with \"{\" or dimension information."));
        }
        let mut reader = Reader { source, rest, delimiter, array: Array::default(), lengths: Vec::new(), depth: None };
        reader.level(0)?;
        if !reader.rest.trim().is_empty() {
            return Err(malformed(source, "Junk after closing right brace."));
        }
        let mut array = reader.array;
        if array.elements.is_empty() {
            return Ok(Array::default());
        }
        array.dimensions = reader.lengths.iter().map(|n| (1, *n)).collect();
        if !bounds.is_empty() {
            if bounds.iter().map(|b| b.1).ne(array.dimensions.iter().map(|d| d.1)) {
                return Err(malformed(source, "Specified array dimensions do not match array contents."));
            }
            array.dimensions = bounds;
        }
        Ok(array)
    }

    fn vector(text: &str) -> Array {
        let elements: Vec<_> = text.split_ascii_whitespace().map(|e| Some(e.to_owned())).collect();
        Array { dimensions: if elements.is_empty() { Vec::new() } else { vec![(0, elements.len() as i32)] }, elements }
    }

    /// Writes `array_out`'s form.
    pub(crate) fn write(&self, delimiter: char) -> String {
        let mut out = String::with_capacity(self.elements.len() * 4 + 2);
        if self.elements.is_empty() {
            return "{}".to_owned();
        }
        if self.dimensions.iter().any(|d| d.0 != 1) {
            for (lower, length) in &self.dimensions {
                out.push_str(&format!("[{lower}:{}]", lower + length - 1));
            }
            out.push('=');
        }
        let mut next = self.elements.iter();
        write_level(&self.dimensions, &mut next, delimiter, &mut out);
        out
    }

    /// `{1,2}` of an int2vector or oidvector type is written `1 2`.
    pub(crate) fn write_as(&self, ty: &Type) -> String {
        if ty.name.ends_with("vector") {
            let elements: Vec<&str> = self.elements.iter().flatten().map(String::as_str).collect();
            return elements.join(" ");
        }
        self.write(ty.delimiter)
    }
}

fn write_level<'a>(dimensions: &[(i32, i32)], next: &mut impl Iterator<Item = &'a Option<String>>, delimiter: char, out: &mut String) {
    out.push('{');
    for i in 0..dimensions[0].1 {
        if i > 0 {
            out.push(delimiter);
        }
        if dimensions.len() > 1 {
            write_level(&dimensions[1..], next, delimiter, out);
        } else {
            match next.next() {
                Some(Some(element)) => write_element(element, delimiter, out),
                _ => out.push_str("NULL"),
            }
        }
    }
    out.push('}');
}

fn write_element(element: &str, delimiter: char, out: &mut String) {
    let special = |c: char| matches!(c, '"' | '\\' | '{' | '}' | ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c') || c == delimiter;
    if !element.is_empty() && !element.contains(special) && !element.eq_ignore_ascii_case("null") {
        return out.push_str(element);
    }
    out.push('"');
    for c in element.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// The state of reading nested braces.
struct Reader<'a> {
    source: &'a str,
    rest: &'a str,
    delimiter: char,
    array: Array,
    lengths: Vec<i32>,
    depth: Option<usize>,
}

impl Reader<'_> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
    }

    fn level(&mut self, depth: usize) -> Result<()> {
        if depth >= MAX_DIMENSIONS {
            return Err(SqlError::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!("number of array dimensions ({}) exceeds the maximum allowed ({MAX_DIMENSIONS})", depth + 1),
            ));
        }
        self.rest = self.rest.strip_prefix('{').ok_or_else(|| malformed(self.source, "Unexpected array element."))?;
        let mut count = 0;
        loop {
            self.skip_blanks();
            match self.rest.chars().next() {
                None => return Err(malformed(self.source, "Unexpected end of input.")),
                Some('}') if count == 0 => break,
                Some('{') => self.level(depth + 1)?,
                Some(c) if c == self.delimiter || c == '}' => {
                    return Err(malformed(self.source, &format!("Unexpected \"{c}\" character.")));
                }
                Some(_) => {
                    if self.depth.is_some_and(|d| d != depth) {
                        return Err(self.ragged());
                    }
                    self.depth = Some(depth);
                    let element = self.element()?;
                    self.array.elements.push(element);
                }
            }
            count += 1;
            self.skip_blanks();
            if let Some(rest) = self.rest.strip_prefix(self.delimiter) {
                self.rest = rest;
                self.skip_blanks();
                if self.rest.starts_with('}') {
                    return Err(malformed(self.source, "Unexpected \"}\" character."));
                }
            } else if self.rest.starts_with('}') {
                break;
            } else {
                return Err(malformed(self.source, "Unexpected array element."));
            }
        }
        self.rest = &self.rest[1..];
        while self.lengths.len() <= depth {
            self.lengths.push(-1);
        }
        if self.lengths[depth] >= 0 && self.lengths[depth] != count {
            return Err(self.ragged());
        }
        self.lengths[depth] = count;
        Ok(())
    }

    fn ragged(&self) -> SqlError {
        malformed(self.source, "Multidimensional arrays must have sub-arrays with matching dimensions.")
    }

    fn element(&mut self) -> Result<Option<String>> {
        let mut out = String::new();
        let mut chars = self.rest.char_indices();
        if self.rest.starts_with('"') {
            chars.next();
            loop {
                match chars.next() {
                    Some((_, '\\')) => out.extend(chars.next().map(|(_, c)| c)),
                    Some((at, '"')) => {
                        self.rest = &self.rest[at + 1..];
                        return Ok(Some(out));
                    }
                    Some((_, c)) => out.push(c),
                    None => return Err(malformed(self.source, "Unexpected end of input.")),
                }
            }
        }
        let (mut escaped, mut kept) = (false, 0);
        while let Some((at, c)) = chars.next() {
            if c == self.delimiter || c == '}' {
                self.rest = &self.rest[at..];
                out.truncate(kept);
                return Ok(if !escaped && out.eq_ignore_ascii_case("null") { None } else { Some(out) });
            }
            match c {
                '\\' => {
                    escaped = true;
                    out.extend(chars.next().map(|(_, c)| c));
                    kept = out.len();
                }
                '"' | '{' => return Err(malformed(self.source, "Unexpected array element.")),
                c => {
                    out.push(c);
                    if !c.is_ascii_whitespace() {
                        kept = out.len();
                    }
                }
            }
        }
        Err(malformed(self.source, "Unexpected end of input."))
    }
}

/// The type of an OID, XX000 without one.
pub(crate) fn type_by_oid(oid: Oid, cx: &Context) -> Result<&std::sync::Arc<Type>> {
    cx.catalog.type_by_oid(oid).ok_or_else(|| SqlError::internal(format!("cache lookup failed for type {oid}")))
}

/// The settings in which texts inside stored values are written: ISO dates, UTC, shortest floats, hex bytes.
pub(crate) fn canonical(cx: &Context) -> Context {
    Context { catalog: cx.catalog.clone(), transaction_time: cx.transaction_time, statement_time: cx.statement_time, ..Context::default() }
}

/// A value's canonical text, as it stands inside arrays, composites and ranges.
pub(crate) fn canonical_text(value: ValueRef<'_>, ty: &Type, cx: &Context) -> Result<String> {
    if let ValueRef::Text(bytes) = value {
        return Ok(String::from_utf8_lossy(bytes).into_owned());
    }
    if let (ValueRef::Integer(oid), true) = (value, is_registered(ty)) {
        return Ok(oid.to_string());
    }
    let mut out = Vec::new();
    if depends_on_settings(ty) {
        ty.codec.output(value, ty, &canonical(cx), &mut out)?
    } else {
        ty.codec.output(value, ty, cx, &mut out)?
    }
    String::from_utf8(out).map_err(|_| SqlError::internal(format!("output of type {} is not UTF-8", ty.name)))
}

/// The value whose canonical text that is.
pub(crate) fn from_canonical(text: &str, ty: &Type, cx: &Context) -> Result<Value> {
    match ty.storage {
        Storage::Text => Ok(Value::Text(text.to_owned())),
        _ if depends_on_settings(ty) => ty.codec.input(text, ty, -1, &canonical(cx)),
        _ => ty.codec.input(text, ty, -1, cx),
    }
}

/// Whether the type shows an OID by the name of what bears it: `regtype` and its kin. Inside arrays stands the number, so that an array is one of
/// `oid` too, and so that a renamed object shows its new name.
pub(crate) fn is_registered(ty: &Type) -> bool {
    ty.storage == Storage::Integer && ty.name.starts_with("reg") && matches!(ty.kind, Kind::Base)
}

fn depends_on_settings(ty: &Type) -> bool {
    !matches!(ty.storage, Storage::Integer | Storage::Boolean | Storage::Uuid)
}

/// Whether a stored text of the type reads otherwise under other settings, so that it is rewritten on its way out.
pub(crate) fn shown_by_settings(ty: &Type, cx: &Context) -> bool {
    let inner = |oid: Oid| cx.catalog.type_by_oid(oid).is_none_or(|ty| shown_by_settings(ty, cx));
    match &ty.kind {
        Kind::Array(element) => inner(*element),
        Kind::Range(subtype) => inner(*subtype),
        Kind::Multirange(range) => inner(*range),
        Kind::Domain(base) => inner(base.oid),
        Kind::Composite(attributes) => attributes.iter().any(|(_, t)| inner(t.oid)),
        Kind::Enum(_) => false,
        Kind::Base => {
            ty.category == 'T'
                || is_registered(ty)
                || matches!(
                    ty.storage,
                    Storage::Real | Storage::Bytes | Storage::Date | Storage::Time | Storage::Timestamp | Storage::Timestamptz
                )
        }
        Kind::Pseudo => true,
    }
}

/// A text element read under the session's settings, modifier applied, and written canonically.
fn normalize(text: &str, ty: &Type, typmod: i32, cx: &Context) -> Result<String> {
    let value = ty.codec.input(text, ty, typmod, cx)?;
    canonical_text((&value).into(), ty, cx)
}

/// A canonical element as the session's settings show it.
pub(crate) fn shown(text: &str, ty: &Type, cx: &Context) -> Result<String> {
    let value = from_canonical(text, ty, cx)?;
    let mut out = Vec::new();
    ty.codec.output((&value).into(), ty, cx, &mut out)?;
    String::from_utf8(out).map_err(|_| SqlError::internal(format!("output of type {} is not UTF-8", ty.name)))
}

impl Codec for ArrayCodec {
    fn input(&self, text: &str, ty: &Type, typmod: i32, cx: &Context) -> Result<Value> {
        let element = type_by_oid(ty.element(), cx)?;
        let mut array = Array::parse(text, ty.delimiter)?;
        for slot in array.elements.iter_mut().flatten() {
            *slot = normalize(slot, element, typmod, cx)?;
        }
        Ok(Value::Text(array.write_as(ty)))
    }

    fn output(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let stored = text(value)?;
        if !shown_by_settings(ty, cx) {
            out.extend_from_slice(stored.as_bytes());
            return Ok(());
        }
        let element = type_by_oid(ty.element(), cx)?;
        let mut array = Array::parse(stored, ty.delimiter)?;
        for slot in array.elements.iter_mut().flatten() {
            *slot = shown(slot, element, cx)?;
        }
        out.extend_from_slice(array.write_as(ty).as_bytes());
        Ok(())
    }

    /// `array_recv`: dimension count, NULL flag, element type, then (length, lower bound) each, then elements with their lengths.
    fn receive(&self, bytes: &[u8], ty: &Type, typmod: i32, cx: &Context) -> Result<Value> {
        let element = type_by_oid(ty.element(), cx)?;
        let mut rest = bytes;
        let mut word = || -> Result<i32> {
            let (head, tail) = rest.split_first_chunk::<4>().ok_or_else(bad_binary)?;
            rest = tail;
            Ok(i32::from_be_bytes(*head))
        };
        let (count, _flags, sent) = (word()?, word()?, word()? as Oid);
        if !(0..=MAX_DIMENSIONS as i32).contains(&count) {
            return Err(SqlError::new(SqlState::INVALID_BINARY_REPRESENTATION, format!("invalid number of dimensions: {count}")));
        }
        if sent != element.oid {
            let name = |oid| cx.catalog.format_type_with(oid, None, &cx.search_path);
            let message = format!(
                "binary data has array element type {sent} ({}) instead of expected {} ({})",
                name(sent),
                element.oid,
                name(element.oid)
            );
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message));
        }
        let mut array = Array::default();
        let mut total: usize = i32::from(count > 0) as usize;
        for _ in 0..count {
            let (length, lower) = (word()?, word()?);
            total = usize::try_from(length).ok().and_then(|n| total.checked_mul(n)).filter(|n| *n <= 1 << 27).ok_or_else(bad_binary)?;
            array.dimensions.push((lower, length));
        }
        for _ in 0..total {
            let (head, tail) = rest.split_first_chunk::<4>().ok_or_else(bad_binary)?;
            let length = i32::from_be_bytes(*head);
            if length < 0 {
                rest = tail;
                array.elements.push(None);
                continue;
            }
            let (data, tail) = tail.split_at_checked(length as usize).ok_or_else(bad_binary)?;
            rest = tail;
            let value = element.codec.receive(data, element, typmod, cx)?;
            array.elements.push(Some(canonical_text((&value).into(), element, cx)?));
        }
        Ok(Value::Text(array.write_as(ty)))
    }

    fn send(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let element = type_by_oid(ty.element(), cx)?;
        let array = Array::parse(text(value)?, ty.delimiter)?;
        let mut put = |n: i32| out.extend_from_slice(&n.to_be_bytes());
        put(array.dimensions.len() as i32);
        put(i32::from(array.elements.contains(&None)));
        put(element.oid as i32);
        for (lower, length) in &array.dimensions {
            put(*length);
            put(*lower);
        }
        for slot in &array.elements {
            let at = out.len();
            out.extend_from_slice(&(-1i32).to_be_bytes());
            if let Some(text) = slot {
                let value = from_canonical(text, element, cx)?;
                element.codec.send((&value).into(), element, cx, out)?;
                let length = (out.len() - at - 4) as i32;
                out[at..at + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(())
    }

    /// `array_cmp`: elements in order, NULL greatest; then length, then dimensions.
    fn compare(&self, left: &str, right: &str, ty: &Type, cx: &Context) -> Ordering {
        if left == right {
            return Ordering::Equal;
        }
        let (Ok(l), Ok(r), Ok(element)) =
            (Array::parse(left, ty.delimiter), Array::parse(right, ty.delimiter), type_by_oid(ty.element(), cx))
        else {
            return left.cmp(right);
        };
        for pair in l.elements.iter().zip(&r.elements) {
            let order = match pair {
                (Some(l), Some(r)) => compare_canonical(l, r, element, cx),
                (l, r) => l.is_none().cmp(&r.is_none()),
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        let by_length = l.elements.len().cmp(&r.elements.len()).then(l.dimensions.len().cmp(&r.dimensions.len()));
        by_length
            .then_with(|| l.dimensions.iter().map(|d| d.1).cmp(r.dimensions.iter().map(|d| d.1)))
            .then_with(|| l.dimensions.cmp(&r.dimensions))
    }
}

/// Order of two values of a type, each in canonical text.
pub(crate) fn compare_canonical(left: &str, right: &str, ty: &Type, cx: &Context) -> Ordering {
    if ty.storage == Storage::Text {
        return if ty.collation.is_some() { ty.codec.compare(left, right, ty, cx) } else { left.cmp(right) };
    }
    match (from_canonical(left, ty, cx), from_canonical(right, ty, cx)) {
        (Ok(l), Ok(r)) => compare_values((&l).into(), (&r).into(), ty, cx),
        _ => left.cmp(right),
    }
}
