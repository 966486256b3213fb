//! `ALTER TYPE` of enums: new labels, other names. Values lie as their labels, so that a renamed label is rewritten where it stands.

use peergres_sync::schema::{Object, Table, TypeDefinition, UserType};
use sqlparser::ast::{AlterType, AlterTypeAddValuePosition, AlterTypeOperation};

use super::{
    definer::Definer,
    physical::{literal, quote},
    user_type::{check_label, undefined_type},
};
use crate::{
    bind,
    error::{Result, SqlError, SqlState},
};

/// `ALTER TYPE`.
pub(super) fn alter(definer: &mut Definer<'_>, alter: &AlterType) -> Result<()> {
    let Some(found) = definer.user_type(&alter.name)? else {
        return Err(undefined_type(&bind::schema_and_name(&alter.name, &definer.cx)?.1));
    };
    match &alter.operation {
        AlterTypeOperation::AddValue(add) => {
            let position = match &add.position {
                None => None,
                Some(AlterTypeAddValuePosition::Before(label)) => Some((label.value.as_str(), 0)),
                Some(AlterTypeAddValuePosition::After(label)) => Some((label.value.as_str(), 1)),
            };
            add_value(definer, found, &add.value.value, position, add.if_not_exists)
        }
        AlterTypeOperation::RenameValue(rename) => rename_value(definer, found, &rename.from.value, &rename.to.value),
        AlterTypeOperation::Rename(_) => Err(SqlError::unsupported("ALTER TYPE RENAME TO")),
    }
}

fn labels(found: &mut UserType) -> Result<&mut Vec<String>> {
    let name = found.name.name.clone();
    match &mut found.definition {
        TypeDefinition::Enum { labels } => Ok(labels),
        _ => Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("{name} is not an enum"))),
    }
}

fn add_value(
    definer: &mut Definer<'_>,
    mut found: UserType,
    value: &str,
    position: Option<(&str, usize)>,
    if_not_exists: bool,
) -> Result<()> {
    check_label(value)?;
    let labels = labels(&mut found)?;
    if labels.iter().any(|label| label == value) {
        if !if_not_exists {
            return Err(SqlError::new(SqlState::DUPLICATE_OBJECT, format!("enum label \"{value}\" already exists")));
        }
        definer.notices.push(SqlError::new(SqlState::DUPLICATE_OBJECT, format!("enum label \"{value}\" already exists, skipping")));
        return Ok(());
    }
    let at = match position {
        None => labels.len(),
        Some((neighbour, after)) => {
            let found = labels.iter().position(|label| label == neighbour);
            found.ok_or_else(|| no_label(neighbour))? + after
        }
    };
    labels.insert(at, value.to_owned());
    // The order of labels is the collation's, which reads the catalog: indexes stay in order, since no value of the new label is there.
    definer.apply(&[], vec![Object::Type(found)], Vec::new()).map(|_| ())
}

fn no_label(label: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("\"{label}\" is not an existing enum label"))
}

fn rename_value(definer: &mut Definer<'_>, mut found: UserType, from: &str, to: &str) -> Result<()> {
    check_label(to)?;
    let type_name = definer
        .cx
        .catalog
        .type_by_name(Some(&found.name.schema), &found.name.name)
        .map(|ty| definer.cx.catalog.qualified_type_name(crate::types::TypeRef::new(ty.oid)));
    let labels = labels(&mut found)?;
    let at = labels.iter().position(|label| label == from).ok_or_else(|| no_label(from))?;
    if labels.iter().any(|label| label == to) {
        return Err(SqlError::new(SqlState::DUPLICATE_OBJECT, format!("enum label \"{to}\" already exists")));
    }
    labels[at] = to.to_owned();
    let tables = definer.objects(|object| match object {
        Object::Table(table) => Some(table.clone()),
        _ => None,
    });
    let mut updates = Vec::new();
    for table in &tables {
        updates.extend(renamed_in(table, type_name.as_deref(), from, to)?);
    }
    definer.apply(&updates, vec![Object::Type(found)], Vec::new()).map(|_| ())
}

/// The columns of the type get the new label; in arrays of it labels can't be told from their neighbours by SQLite alone.
fn renamed_in(table: &Table, type_name: Option<&str>, from: &str, to: &str) -> Result<Vec<String>> {
    let array = type_name.map(|name| format!("{name}[]"));
    if table.columns.iter().any(|column| array.as_deref() == Some(&column.type_name)) {
        return Err(SqlError::unsupported("renaming a label of an enum that has array columns"));
    }
    let columns = table.columns.iter().filter(|column| type_name == Some(&column.type_name));
    Ok(columns
        .map(|column| {
            let (table, column) = (quote(&table.physical), quote(&column.physical));
            format!("UPDATE {table} SET {column} = {} WHERE {column} COLLATE BINARY = {}", literal(to), literal(from))
        })
        .collect())
}
