//! A value of any type as JSON (`datum_to_json`). Enters: a value in storage form and its type; leaves: JSON text.

use super::nested::{self, Item};
use crate::{
    error::{Result, SqlError},
    session::context::Context,
    types::{
        Kind, Oid, Type, ValueRef,
        array::{from_canonical, type_by_oid},
        binary::{stored_integer, stored_text},
        composite,
        datetime::{calendar::Civil, format, is_finite, zone::Zone},
        json::escape,
        oid,
    },
};

/// How a type's values become JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    Bool,
    Number,
    Date,
    Timestamp,
    Timestamptz,
    Json,
    Array,
    Composite,
    Other,
}

/// The category of a type, that of its base for a domain.
pub(super) fn category(ty: &Type) -> Category {
    match ty.oid {
        oid::BOOL => Category::Bool,
        oid::INT2 | oid::INT4 | oid::INT8 | oid::FLOAT4 | oid::FLOAT8 | oid::NUMERIC => Category::Number,
        oid::DATE => Category::Date,
        oid::TIMESTAMP => Category::Timestamp,
        oid::TIMESTAMPTZ => Category::Timestamptz,
        oid::JSON | oid::JSONB => Category::Json,
        oid::RECORD => Category::Composite,
        _ => match ty.kind {
            Kind::Array(_) => Category::Array,
            Kind::Composite(_) => Category::Composite,
            _ => Category::Other,
        },
    }
}

/// The type of an OID, a domain's base type for a domain.
pub(crate) fn base_type(oid: Oid, cx: &Context) -> Result<&Type> {
    let ty = type_by_oid(oid, cx)?;
    match &ty.kind {
        Kind::Domain(base) => base_type(base.oid, cx),
        _ => Ok(ty),
    }
}

/// A value's output text.
pub(super) fn text_of(value: ValueRef<'_>, ty: &Type, cx: &Context) -> Result<String> {
    let mut out = Vec::new();
    ty.codec.output(value, ty, cx, &mut out)?;
    String::from_utf8(out).map_err(|_| SqlError::internal("a type's output is not UTF-8"))
}

/// Appends a value; `pretty` puts line feeds between the members of an array or a row.
pub(crate) fn write(value: ValueRef<'_>, oid: Oid, pretty: bool, cx: &Context, out: &mut String) -> Result<()> {
    if matches!(value, ValueRef::Null) {
        out.push_str("null");
        return Ok(());
    }
    let ty = base_type(oid, cx)?;
    match category(ty) {
        Category::Bool => out.push_str(if stored_integer(value)? != 0 { "true" } else { "false" }),
        Category::Number => {
            let text = text_of(value, ty, cx)?;
            if text.ends_with(|c: char| c.is_ascii_digit()) {
                out.push_str(&text);
            } else {
                escape(&text, out);
            }
        }
        Category::Date => {
            let style = format::ISO;
            escape(&format::date(stored_integer(value)?, style), out);
        }
        Category::Timestamp => escape(&timestamp(stored_integer(value)?, None), out),
        Category::Timestamptz => escape(&timestamp(stored_integer(value)?, Some(cx.time_zone)), out),
        Category::Json => out.push_str(stored_text(value)?),
        Category::Array => {
            let Kind::Array(element) = ty.kind else { return Err(SqlError::internal("an array type without an element")) };
            write_items(&nested::array(stored_text(value)?)?, element, pretty, cx, out)?;
        }
        Category::Composite => write_row(stored_text(value)?, ty, pretty, cx, out)?,
        Category::Other => escape(&text_of(value, ty, cx)?, out),
    }
    Ok(())
}

fn timestamp(micros: i64, zone: Option<Zone>) -> String {
    if !is_finite(micros) {
        return format::infinity(micros).unwrap_or_default().to_owned();
    }
    match zone {
        None => format::json(&Civil::from_micros(micros), None),
        Some(zone) => {
            let (civil, offset) = zone.to_local(micros);
            format::json(&civil, Some(offset))
        }
    }
}

fn write_text(text: &str, oid: Oid, cx: &Context, out: &mut String) -> Result<()> {
    let ty = base_type(oid, cx)?;
    let value = from_canonical(text, ty, cx)?;
    write((&value).into(), ty.oid, false, cx, out)
}

fn write_items(items: &[Item], element: Oid, pretty: bool, cx: &Context, out: &mut String) -> Result<()> {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(if pretty { ",\n " } else { "," });
        }
        match item {
            Item::Null => out.push_str("null"),
            Item::List(items) => write_items(items, element, false, cx, out)?,
            Item::Text(text) => write_text(text, element, cx, out)?,
        }
    }
    out.push(']');
    Ok(())
}

fn write_row(text: &str, ty: &Type, pretty: bool, cx: &Context, out: &mut String) -> Result<()> {
    let fields = composite::parse(text)?;
    out.push('{');
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            out.push_str(if pretty { ",\n " } else { "," });
        }
        let attribute = match &ty.kind {
            Kind::Composite(attributes) => attributes.get(at).map(|(name, ty)| (name.clone(), ty.oid)),
            _ => None,
        };
        let (name, oid) = attribute.unwrap_or_else(|| (format!("f{}", at + 1), oid::TEXT));
        escape(&name, out);
        out.push(':');
        match field {
            None => out.push_str("null"),
            Some(text) => write_text(text, oid, cx, out)?,
        }
    }
    out.push('}');
    Ok(())
}
