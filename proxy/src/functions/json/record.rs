//! JSON as rows of known types: `json_to_record`, `json_populate_record`, their sets and `jsonb` twins (`populate_record`).

use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Body::Set, Call, Row, Rows, row},
    types::{
        Kind as TypeKind, Type, TypeRef, Value,
        array::{Array, canonical_text, from_canonical, type_by_oid},
        composite,
        json::{Kind, Node, parse},
        oid,
    },
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("json_to_record(json)", Set(|c| to_record(c, "json_to_record"))),
    row("jsonb_to_record(jsonb)", Set(|c| to_record(c, "jsonb_to_record"))),
    row("json_to_recordset(json)", Set(|c| to_set(c, 0, &defined(c)?, "json_to_recordset"))),
    row("jsonb_to_recordset(jsonb)", Set(|c| to_set(c, 0, &defined(c)?, "jsonb_to_recordset"))),
    row("json_populate_record(anyelement,json,boolean)", Scalar(|c| populate(c, "json_populate_record"))),
    row("jsonb_populate_record(anyelement,jsonb)", Scalar(|c| populate(c, "jsonb_populate_record"))),
    row("json_populate_recordset(anyelement,json,boolean)", Set(|c| to_set(c, 1, &attributes(c)?, "json_populate_recordset"))),
    row("jsonb_populate_recordset(anyelement,jsonb)", Set(|c| to_set(c, 1, &attributes(c)?, "jsonb_populate_recordset"))),
];

/// Names and types of columns.
type Columns = Vec<(String, TypeRef)>;

/// The column definition list: `23/-1:a,25/-1:b`.
fn defined(call: &Call<'_>) -> Result<Columns> {
    let bad = || SqlError::internal("a column definition list can be read");
    let column = |part: &str| {
        let (ty, name) = part.split_once(':').ok_or_else(bad)?;
        let (oid, typmod) = ty.split_once('/').ok_or_else(bad)?;
        Ok((name.to_owned(), TypeRef { oid: oid.parse().map_err(|_| bad())?, typmod: typmod.parse().map_err(|_| bad())? }))
    };
    call.extra.split('\u{1f}').filter(|part| !part.is_empty()).map(column).collect()
}

/// The attributes of the row type that the first argument has.
fn attributes(call: &Call<'_>) -> Result<Columns> {
    match &call.type_at(0)?.kind {
        TypeKind::Composite(attributes) => Ok(attributes.to_vec()),
        _ => Err(SqlError::new(SqlState::DATATYPE_MISMATCH, "first argument must be a row type")),
    }
}

fn bad_text(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
}

fn to_record(call: &Call<'_>, name: &str) -> Result<Rows> {
    let node = parse(call.text(0)?)?;
    let fields = fields(&node, &defined(call)?, &[], call, name)?;
    Ok(Box::new(std::iter::once(Ok(fields))))
}

fn to_set(call: &Call<'_>, at: usize, columns: &Columns, name: &str) -> Result<Rows> {
    if call.is_null(at) {
        return Ok(Box::new(std::iter::empty()));
    }
    let node = parse(call.text(at)?)?;
    let Kind::Array(elements) = &node.kind else {
        let what = if matches!(node.kind, Kind::Object(_)) { "an object" } else { "a scalar" };
        let message = match name.starts_with("jsonb") {
            true => format!("cannot call {name} on a non-array"),
            false => format!("cannot call {name} on {what}"),
        };
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    };
    let defaults = defaults(call, at)?;
    let mut rows = Vec::with_capacity(elements.len());
    for element in elements {
        if !matches!(element.kind, Kind::Object(_)) {
            let message = format!("argument of {name} must be an array of objects");
            return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        rows.push(Ok(fields(element, columns, &defaults, call, name)?));
    }
    Ok(Box::new(rows.into_iter()))
}

/// The fields of the row given as the first argument, where there is one.
fn defaults(call: &Call<'_>, at: usize) -> Result<Vec<Option<String>>> {
    if at == 0 || call.is_null(0) { Ok(Vec::new()) } else { composite::parse(call.text(0)?) }
}

fn populate(call: &Call<'_>, name: &str) -> Result<Value> {
    if call.is_null(1) {
        return if call.is_null(0) { Ok(Value::Null) } else { Ok(Value::Text(call.text(0)?.to_owned())) };
    }
    let columns = attributes(call)?;
    let node = parse(call.text(1)?)?;
    let values = fields(&node, &columns, &defaults(call, 1)?, call, name)?;
    written(&values, &columns, call).map(Value::Text)
}

fn written(values: &[Value], columns: &Columns, call: &Call<'_>) -> Result<String> {
    let text = |(value, (_, ty)): (&Value, &(String, TypeRef))| match value {
        Value::Null => Ok(None),
        value => canonical_text(value.into(), call.type_of(ty.oid)?, call.cx).map(Some),
    };
    Ok(composite::write(&values.iter().zip(columns).map(text).collect::<Result<Vec<_>>>()?))
}

/// The columns' values out of an object; what it lacks is as in `defaults`.
fn fields(node: &Node<'_>, columns: &Columns, defaults: &[Option<String>], call: &Call<'_>, name: &str) -> Result<Vec<Value>> {
    let Kind::Object(pairs) = &node.kind else {
        let message = match &node.kind {
            Kind::Array(_) => format!("cannot call {name} on an array"),
            _ => format!("cannot call {name} on a scalar"),
        };
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    };
    let mut out = Vec::with_capacity(columns.len());
    for (at, (column, ty)) in columns.iter().enumerate() {
        out.push(match pairs.iter().rev().find(|(key, _)| key == column) {
            Some((_, member)) => value(member, *ty, call, column)?,
            None => match defaults.get(at).and_then(Option::as_ref) {
                Some(text) => from_canonical(text, call.type_of(ty.oid)?, call.cx)?,
                None => Value::Null,
            },
        });
    }
    Ok(out)
}

/// One JSON value as a value of a type.
fn value(node: &Node<'_>, target: TypeRef, call: &Call<'_>, column: &str) -> Result<Value> {
    let ty = call.type_of(target.oid)?;
    match (&ty.kind, &node.kind) {
        (TypeKind::Domain(base), _) => value(node, *base, call, column),
        (_, Kind::Null) => Ok(Value::Null),
        (_, _) if target.oid == oid::JSON => Ok(Value::Text(node.source.to_owned())),
        (_, _) if target.oid == oid::JSONB => ty.codec.input(node.source, ty, -1, call.cx),
        (TypeKind::Composite(attributes), Kind::Object(_)) => {
            let columns = attributes.to_vec();
            let values = fields(node, &columns, &[], call, "populate_composite")?;
            written(&values, &columns, call).map(Value::Text)
        }
        (TypeKind::Array(element), Kind::Array(_)) => array(node, TypeRef { oid: *element, typmod: target.typmod }, ty, call, column),
        (TypeKind::Array(_), Kind::String(text)) => ty.codec.input(text, ty, target.typmod, call.cx),
        (TypeKind::Array(_), _) => Err(bad_text("expected JSON array").hint(format!("See the value of key \"{column}\"."))),
        (_, Kind::String(text)) => ty.codec.input(text, ty, target.typmod, call.cx),
        _ => ty.codec.input(node.source, ty, target.typmod, call.cx),
    }
}

fn array(node: &Node<'_>, element: TypeRef, ty: &Type, call: &Call<'_>, column: &str) -> Result<Value> {
    let mut out = Array::default();
    dimensions(node, &mut out.dimensions);
    collect(node, 0, element, &mut out, call, column)?;
    if out.elements.is_empty() {
        out = Array::default();
    }
    Ok(Value::Text(out.write_as(ty)))
}

/// The lengths of nested arrays, as the first of each level has them.
fn dimensions(node: &Node<'_>, out: &mut Vec<(i32, i32)>) {
    if let Kind::Array(elements) = &node.kind {
        out.push((1, elements.len() as i32));
        if let Some(first) = elements.first() {
            dimensions(first, out);
        }
    }
}

fn collect(node: &Node<'_>, level: usize, element: TypeRef, out: &mut Array, call: &Call<'_>, column: &str) -> Result<()> {
    let malformed = || bad_text("malformed JSON array").detail("Multidimensional arrays must have sub-arrays with matching dimensions.");
    match (&node.kind, out.dimensions.get(level)) {
        (Kind::Array(elements), Some((_, length))) if elements.len() as i32 == *length => {
            elements.iter().try_for_each(|inner| collect(inner, level + 1, element, out, call, column))
        }
        (Kind::Array(_), _) => Err(malformed()),
        (_, Some(_)) => Err(malformed()),
        (_, None) => {
            let ty = type_by_oid(element.oid, call.cx)?;
            let text = match value(node, element, call, column)? {
                Value::Null => None,
                value => Some(canonical_text((&value).into(), ty, call.cx)?),
            };
            out.elements.push(text);
            Ok(())
        }
    }
}
