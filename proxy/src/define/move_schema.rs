//! `ALTER … SET SCHEMA` and `ALTER SCHEMA … RENAME TO`: an object and what belongs to it get another schema, one after the other.

use std::sync::Arc;

use peergres_sync::{
    commit::ObjectClass,
    schema::{Namespace, Object, QualifiedName, Table},
};
use sqlparser::ast::ObjectName;

use super::{
    definer::{Definer, no_namespace},
    index, rename, rename_type,
    user_type::undefined_type,
};
use crate::{
    bind,
    error::{Result, SqlError, SqlState},
    parse::definition::Kind,
};

fn refuse_absent(definer: &Definer<'_>, schema: &str) -> Result<()> {
    if definer.schema().has_namespace(schema) { Ok(()) } else { Err(no_namespace(schema)) }
}

/// `ALTER TABLE | VIEW | SEQUENCE … SET SCHEMA`.
pub(super) fn relation(definer: &mut Definer<'_>, object: &Object, schema: &str) -> Result<()> {
    refuse_absent(definer, schema)?;
    let name = QualifiedName { schema: schema.to_owned(), name: object.name().name };
    if object.name().schema == schema {
        return Ok(());
    }
    match object {
        Object::Table(table) => self::table(definer, table, name),
        Object::View(view) => rename::relocate_view(definer, view, name),
        Object::Sequence(sequence) if sequence.owned_by.is_some() => {
            let owner = sequence.owned_by.as_ref().map(|(table, _)| table.name.clone()).unwrap_or_default();
            Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, "cannot move an owned sequence into another schema")
                .detail(format!("Sequence \"{}\" is linked to table \"{owner}\".", sequence.name.name)))
        }
        Object::Sequence(sequence) => rename::relocate_sequence(definer, sequence, name),
        _ => Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a table", name.name))),
    }
}

/// A table takes its indexes and sequences along.
fn table(definer: &mut Definer<'_>, table: &Table, name: QualifiedName) -> Result<()> {
    let schema = name.schema.clone();
    rename::relocate(definer, table, name.clone())?;
    for found in definer.indexes(&name) {
        let moved = QualifiedName { schema: schema.clone(), name: found.name.name.clone() };
        index::relocate(definer, &found, moved)?;
    }
    for sequence in definer.owned_sequences(&name) {
        let moved = QualifiedName { schema: schema.clone(), name: sequence.name.name.clone() };
        rename::relocate_sequence(definer, &sequence, moved)?;
    }
    Ok(())
}

/// `ALTER TYPE | DOMAIN … SET SCHEMA`.
pub(super) fn other(definer: &mut Definer<'_>, kind: Kind, name: &ObjectName, schema: &str) -> Result<()> {
    refuse_absent(definer, schema)?;
    match kind {
        Kind::Type | Kind::Domain => {
            let Some(found) = definer.user_type(name)? else {
                return Err(undefined_type(&bind::schema_and_name(name, &definer.cx)?.1));
            };
            let new = QualifiedName { schema: schema.to_owned(), name: found.name.name.clone() };
            rename_type::relocate(definer, &found, new)
        }
        Kind::Schema | Kind::Database => Err(SqlError::new(SqlState::SYNTAX_ERROR, "syntax error at or near \"schema\"")),
    }
}

/// `ALTER SCHEMA … RENAME TO`: all that is in it moves over.
pub(super) fn rename(definer: &mut Definer<'_>, name: &ObjectName, to: &str) -> Result<()> {
    let from = bind::schema_and_name(name, &definer.cx)?.1;
    refuse_absent(definer, &from)?;
    if definer.schema().has_namespace(to) {
        return Err(SqlError::new(SqlState::DUPLICATE_SCHEMA, format!("schema \"{to}\" already exists")));
    }
    if to.starts_with("pg_") {
        return Err(SqlError::new(SqlState("42939"), format!("unacceptable schema name \"{to}\""))
            .detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    let key = QualifiedName { schema: String::new(), name: from.clone() };
    let Some(Object::Namespace(former)) = definer.schema().get(ObjectClass::Namespace, &key).map(Arc::as_ref).cloned() else {
        return Err(SqlError::unsupported(format!("renaming the schema {from}")));
    };
    definer.apply(&[], vec![Object::Namespace(Namespace { name: to.to_owned(), ..former.clone() })], Vec::new())?;
    let inside = definer.objects(|object| (object.name().schema == from).then(|| object.clone()));
    for object in inside {
        match &object {
            Object::Type(found) => {
                rename_type::relocate(definer, found, QualifiedName { schema: to.to_owned(), name: found.name.name.clone() })?;
            }
            Object::Function(function) => {
                let mut function = function.clone();
                function.name.schema = to.to_owned();
                definer.apply(&[], vec![Object::Function(function)], vec![(ObjectClass::Function, object.name())])?;
            }
            Object::Index(_) => {}
            Object::Sequence(sequence) if sequence.owned_by.is_some() => {}
            other => {
                // What moved with its table is there already under its new name.
                let still = definer.schema().get(other.class(), &other.name()).cloned();
                if let Some(still) = still {
                    relation(definer, &still, to)?;
                }
            }
        }
    }
    let left = QualifiedName { schema: String::new(), name: from };
    definer.apply(&[], Vec::new(), vec![(ObjectClass::Namespace, left)]).map(|_| ())
}
