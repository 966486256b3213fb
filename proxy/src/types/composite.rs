//! Enums, domains and composites: what users make. Enums lie as their label, domains as their base type, composites as TEXT in
//! `record_out`'s form `(1,"a b",)`.

use std::cmp::Ordering;

use super::{
    Codec, Kind, Type, TypeRef, Value, ValueRef,
    array::{canonical_text, compare_canonical, from_canonical, shown, shown_by_settings, type_by_oid},
    integer::bad_binary,
    text::{text, utf8},
};
use crate::{
    catalog::type_name::format_row,
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// The codec of enums.
pub(super) struct EnumCodec;

impl Codec for EnumCodec {
    fn input(&self, text: &str, ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        match &ty.kind {
            Kind::Enum(labels) if labels.iter().any(|l| l == text) => Ok(Value::Text(text.to_owned())),
            _ => {
                let message = format!("invalid input value for enum {}: \"{text}\"", format_row(ty, None));
                Err(SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, message))
            }
        }
    }

    fn output(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(text(value)?.as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], ty: &Type, typmod: i32, cx: &Context) -> Result<Value> {
        self.input(utf8(bytes)?, ty, typmod, cx)
    }

    fn send(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        self.output(value, ty, cx, out)
    }

    fn compare(&self, left: &str, right: &str, ty: &Type, _cx: &Context) -> Ordering {
        let Kind::Enum(labels) = &ty.kind else { return left.cmp(right) };
        let place = |label: &str| labels.iter().position(|l| l == label);
        place(left).cmp(&place(right)).then_with(|| if place(left).is_none() { left.cmp(right) } else { Ordering::Equal })
    }
}

/// The codec of domains: the base type's, under the domain's modifier.
pub(super) struct DomainCodec;

fn base(ty: &Type) -> TypeRef {
    match ty.kind {
        Kind::Domain(base) => base,
        _ => TypeRef::new(ty.oid),
    }
}

impl Codec for DomainCodec {
    fn input(&self, text: &str, ty: &Type, _typmod: i32, cx: &Context) -> Result<Value> {
        let (base, row) = (base(ty), type_by_oid(base(ty).oid, cx)?);
        row.codec.input(text, row, base.typmod, cx)
    }

    fn output(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let row = type_by_oid(base(ty).oid, cx)?;
        row.codec.output(value, row, cx, out)
    }

    fn receive(&self, bytes: &[u8], ty: &Type, _typmod: i32, cx: &Context) -> Result<Value> {
        let (base, row) = (base(ty), type_by_oid(base(ty).oid, cx)?);
        row.codec.receive(bytes, row, base.typmod, cx)
    }

    fn send(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let row = type_by_oid(base(ty).oid, cx)?;
        row.codec.send(value, row, cx, out)
    }

    fn compare(&self, left: &str, right: &str, ty: &Type, cx: &Context) -> Ordering {
        match type_by_oid(base(ty).oid, cx) {
            Ok(row) => row.codec.compare(left, right, row, cx),
            Err(_) => left.cmp(right),
        }
    }
}

/// The codec of composites, and of record, whose fields then count as text.
pub(super) struct CompositeCodec;

/// Cuts `record_out`'s form into its fields, NULL as none.
pub(crate) fn parse(source: &str) -> Result<Vec<Option<String>>> {
    let malformed = |detail: &str| {
        SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("malformed record literal: \"{source}\"")).detail(detail)
    };
    let inner = source.trim().strip_prefix('(').ok_or_else(|| malformed("Missing left parenthesis."))?;
    let inner = inner.strip_suffix(')').ok_or_else(|| malformed("Missing right parenthesis."))?;
    let (mut fields, mut chars) = (Vec::new(), inner.chars().peekable());
    if inner.is_empty() {
        return Ok(fields);
    }
    loop {
        let (mut field, mut some) = (String::new(), false);
        let mut quoted = false;
        loop {
            match chars.peek() {
                None if quoted => return Err(malformed("Unexpected end of input.")),
                Some(',') if !quoted => break,
                None => break,
                Some(_) => {}
            }
            some = true;
            match chars.next().expect("peeked") {
                '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
                '"' => quoted = !quoted,
                '\\' => field.push(chars.next().ok_or_else(|| malformed("Unexpected end of input."))?),
                c => field.push(c),
            }
        }
        fields.push(some.then_some(field));
        if chars.next().is_none() {
            return Ok(fields);
        }
    }
}

/// Writes fields as `record_out` does.
pub(crate) fn write(fields: &[Option<String>]) -> String {
    let mut out = String::from("(");
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        let Some(field) = field else { continue };
        let is_special = |c: char| matches!(c, '"' | '\\' | '(' | ')' | ',') || c.is_ascii_whitespace() || c == '\x0b';
        if !field.is_empty() && !field.contains(is_special) {
            out.push_str(field);
            continue;
        }
        out.push('"');
        for c in field.chars() {
            if matches!(c, '"' | '\\') {
                out.push(c);
            }
            out.push(c);
        }
        out.push('"');
    }
    out.push(')');
    out
}

fn attributes(ty: &Type) -> Option<&[(String, TypeRef)]> {
    match &ty.kind {
        Kind::Composite(attributes) => Some(attributes),
        _ => None,
    }
}

fn counted(source: &str, fields: &[Option<String>], wanted: usize) -> Result<()> {
    if fields.len() == wanted || (wanted == 1 && fields.is_empty()) {
        return Ok(());
    }
    let detail = if fields.len() < wanted { "Too few columns." } else { "Too many columns." };
    Err(SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("malformed record literal: \"{source}\"")).detail(detail))
}

impl Codec for CompositeCodec {
    fn input(&self, source: &str, ty: &Type, _typmod: i32, cx: &Context) -> Result<Value> {
        let Some(attributes) = attributes(ty) else {
            return Err(SqlError::unsupported("input of anonymous composite types"));
        };
        let mut fields = parse(source)?;
        counted(source, &fields, attributes.len())?;
        fields.resize(attributes.len(), None);
        for (slot, (_, of)) in fields.iter_mut().zip(attributes) {
            if let Some(text) = slot {
                let row = type_by_oid(of.oid, cx)?;
                let value = row.codec.input(text, row, of.typmod, cx)?;
                *text = canonical_text((&value).into(), row, cx)?;
            }
        }
        Ok(Value::Text(write(&fields)))
    }

    fn output(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let stored = text(value)?;
        let Some(attributes) = attributes(ty).filter(|_| shown_by_settings(ty, cx)) else {
            out.extend_from_slice(stored.as_bytes());
            return Ok(());
        };
        let mut fields = parse(stored)?;
        for (slot, (_, of)) in fields.iter_mut().zip(attributes) {
            if let Some(text) = slot {
                *text = shown(text, type_by_oid(of.oid, cx)?, cx)?;
            }
        }
        out.extend_from_slice(write(&fields).as_bytes());
        Ok(())
    }

    /// `record_recv`: field count, then type and length of each with its bytes.
    fn receive(&self, bytes: &[u8], ty: &Type, _typmod: i32, cx: &Context) -> Result<Value> {
        let attributes = attributes(ty).ok_or_else(|| SqlError::unsupported("input of anonymous composite types"))?;
        let mut rest = bytes;
        let word = |rest: &mut &[u8]| -> Result<i32> {
            let (head, tail) = rest.split_first_chunk::<4>().ok_or_else(bad_binary)?;
            *rest = tail;
            Ok(i32::from_be_bytes(*head))
        };
        if word(&mut rest)? as usize != attributes.len() {
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, "wrong number of columns"));
        }
        let mut fields = Vec::with_capacity(attributes.len());
        for (_, of) in attributes {
            let (sent, length) = (word(&mut rest)? as u32, word(&mut rest)?);
            if sent != of.oid {
                return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, "binary data has another type than the column"));
            }
            if length < 0 {
                fields.push(None);
                continue;
            }
            let (data, tail) = rest.split_at_checked(length as usize).ok_or_else(bad_binary)?;
            rest = tail;
            let row = type_by_oid(of.oid, cx)?;
            let value = row.codec.receive(data, row, of.typmod, cx)?;
            fields.push(Some(canonical_text((&value).into(), row, cx)?));
        }
        Ok(Value::Text(write(&fields)))
    }

    fn send(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let fields = parse(text(value)?)?;
        let as_text = TypeRef::new(super::oid::TEXT);
        out.extend_from_slice(&(fields.len() as i32).to_be_bytes());
        for (i, field) in fields.iter().enumerate() {
            let of = attributes(ty).and_then(|a| a.get(i)).map_or(as_text, |(_, of)| *of);
            out.extend_from_slice(&of.oid.to_be_bytes());
            let at = out.len();
            out.extend_from_slice(&(-1i32).to_be_bytes());
            if let Some(text) = field {
                let row = type_by_oid(of.oid, cx)?;
                let value = from_canonical(text, row, cx)?;
                row.codec.send((&value).into(), row, cx, out)?;
                let length = (out.len() - at - 4) as i32;
                out[at..at + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(())
    }

    /// `record_cmp`: fields in order, NULL greatest.
    fn compare(&self, left: &str, right: &str, ty: &Type, cx: &Context) -> Ordering {
        let (Ok(l), Ok(r)) = (parse(left), parse(right)) else { return left.cmp(right) };
        for (i, pair) in l.iter().zip(&r).enumerate() {
            let row = attributes(ty).and_then(|a| a.get(i)).and_then(|(_, of)| cx.catalog.type_by_oid(of.oid));
            let order = match (pair, row) {
                ((Some(l), Some(r)), Some(row)) => compare_canonical(l, r, row, cx),
                ((Some(l), Some(r)), None) => l.cmp(r),
                ((l, r), _) => l.is_none().cmp(&r.is_none()),
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        l.len().cmp(&r.len())
    }
}
