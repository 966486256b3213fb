//! `pg_get_keywords`, `pg_options_to_table`, `pg_partition_ancestors` and other small sets of rows.

use super::super::{
    Body::{Native, Set},
    Call, Row, Rows, Value, row,
};
use crate::{catalog::RelationKind, error::Result, types::array::Array};

pub(super) const ROWS: &[Row] = &[
    row("pg_get_keywords()", Set(keywords)),
    row("pg_options_to_table(text[])", Set(options)),
    row("pg_partition_ancestors(regclass)", Set(|_| Ok(Box::new(std::iter::empty())))),
    row("pg_partition_root(regclass)", Native("NULL")),
    row("pg_partition_tree(regclass)", Set(|_| Ok(Box::new(std::iter::empty())))),
    row("pg_get_publication_tables(text)", Set(|_| Ok(Box::new(std::iter::empty())))),
    row("pg_relation_is_publishable(regclass)", super::super::Body::Scalar(is_publishable)),
];

/// Words, their categories, and whether each may be a label without AS.
fn keywords(_call: &Call<'_>) -> Result<Rows> {
    let lines = include_str!("../../../data/keywords.csv").lines().skip(1);
    Ok(Box::new(lines.filter_map(|line| {
        let mut fields = line.splitn(4, ',');
        let (word, category, label, description) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let bare = if label == "t" { "can be bare label" } else { "requires AS" };
        let text = |text: &str| Value::Text(text.trim_matches('"').to_owned());
        Some(Ok(vec![text(word), text(category), Value::Integer((label == "t").into()), text(description), text(bare)]))
    })))
}

/// `{name=value,…}` as rows; an option without a value has NULL.
fn options(call: &Call<'_>) -> Result<Rows> {
    let elements = Array::parse(call.text(0)?, ',')?.elements;
    Ok(Box::new(elements.into_iter().flatten().map(|option| {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name.to_owned(), Value::Text(value.to_owned())),
            None => (option, Value::Null),
        };
        Ok(vec![Value::Text(name), value])
    })))
}

/// Tables of users are; what is built in is not.
fn is_publishable(call: &Call<'_>) -> Result<Value> {
    let found = call.cx.catalog.relation_by_oid(call.int(0)? as crate::types::Oid);
    Ok(found.map_or(Value::Null, |relation| Value::Integer((relation.kind == RelationKind::Table && relation.oid >= 16384).into())))
}
