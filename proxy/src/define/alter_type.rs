//! `ALTER TYPE` of enums: new labels, other names. Values lie as their labels, so that a renamed label is rewritten where it stands.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Object, Table, TypeDefinition, UserType},
};
use sqlparser::ast::ObjectName;

use super::{
    definer::Definer,
    dependency,
    physical::{literal, quote},
    user_type::{check_label, undefined_type},
};
use crate::{
    bind::{self, fold},
    error::{Result, SqlError, SqlState},
    parse::definition::AttributeAction,
};

/// The type of that name; 42704 where there is none.
fn found(definer: &Definer<'_>, name: &ObjectName) -> Result<UserType> {
    match definer.user_type(name)? {
        Some(found) => Ok(found),
        None => Err(undefined_type(&bind::schema_and_name(name, &definer.cx)?.1)),
    }
}

fn labels(found: &mut UserType) -> Result<&mut Vec<String>> {
    let name = found.name.name.clone();
    match &mut found.definition {
        TypeDefinition::Enum { labels } => Ok(labels),
        _ => Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("{name} is not an enum"))),
    }
}

/// `ALTER TYPE … ADD VALUE`.
pub(super) fn add_value(
    definer: &mut Definer<'_>,
    name: &ObjectName,
    value: &str,
    position: Option<&(String, usize)>,
    if_not_exists: bool,
) -> Result<()> {
    let mut found = found(definer, name)?;
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
            let found = labels.iter().position(|label| label == neighbour.as_str());
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

/// `ALTER TYPE … RENAME VALUE`.
pub(super) fn rename_value(definer: &mut Definer<'_>, name: &ObjectName, from: &str, to: &str) -> Result<()> {
    let mut found = found(definer, name)?;
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

/// `ALTER TYPE … ADD | DROP | RENAME ATTRIBUTE` of a composite type. Values lie as text in the attributes' order: adding one at the end
/// or dropping one rewrites nothing only where no column is of the type.
pub(super) fn attributes(definer: &mut Definer<'_>, name: &ObjectName, actions: &[AttributeAction]) -> Result<()> {
    let mut found = found(definer, name)?;
    let shown = found.name.name.clone();
    let item = dependency::Item::Object(ObjectClass::Type, found.name.clone());
    let in_use = dependency::dependents(&definer.schema(), &item).iter().any(|item| matches!(item, dependency::Item::Column(..)));
    let TypeDefinition::Composite { attributes } = &mut found.definition else {
        return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{shown}\" is not a composite type")));
    };
    let position = |attributes: &[(String, String)], name: &str| attributes.iter().position(|(other, _)| other == name);
    let missing =
        |name: &str| SqlError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" of relation \"{shown}\" does not exist"));
    let mut notices = Vec::new();
    for action in actions {
        let moves = !matches!(action, AttributeAction::Rename(..));
        if moves && in_use {
            return Err(SqlError::unsupported(format!("changing the attributes of type \"{shown}\" while a column is of it")));
        }
        match action {
            AttributeAction::Add(name, data_type) => {
                let name = fold(name);
                if position(attributes, &name).is_some() {
                    let message = format!("column \"{name}\" of relation \"{shown}\" already exists");
                    return Err(SqlError::new(SqlState::DUPLICATE_COLUMN, message));
                }
                let ty = definer.cx.catalog.data_type(data_type, &definer.path)?;
                attributes.push((name, definer.cx.catalog.qualified_type_name(ty)));
            }
            AttributeAction::Drop { name, if_exists } => match position(attributes, &fold(name)) {
                Some(at) => drop(attributes.remove(at)),
                None if *if_exists => notices.push(format!("{}, skipping", missing(&fold(name)).fields().message)),
                None => return Err(missing(&fold(name))),
            },
            AttributeAction::Rename(from, to) => {
                let at = position(attributes, &fold(from)).ok_or_else(|| missing(&fold(from)))?;
                attributes[at].0 = fold(to);
            }
            AttributeAction::Retype(name, data_type) => {
                let at = position(attributes, &fold(name)).ok_or_else(|| missing(&fold(name)))?;
                let ty = definer.cx.catalog.data_type(data_type, &definer.path)?;
                attributes[at].1 = definer.cx.catalog.qualified_type_name(ty);
            }
        }
    }
    notices.into_iter().for_each(|notice| definer.notice(notice));
    definer.apply(&[], vec![Object::Type(found)], Vec::new()).map(|_| ())
}
