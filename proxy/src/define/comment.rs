//! `COMMENT ON`.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Object, QualifiedName},
};
use sqlparser::ast::{CommentObject, ObjectName, Statement};

use super::{
    definer::{Definer, no_namespace, undefined_column, undefined_relation},
    user_type::undefined_type,
};
use crate::{
    bind,
    error::{Result, SqlError, SqlState},
    parse::definition::Commented,
};

/// `COMMENT ON`.
pub(super) fn comment(definer: &mut Definer<'_>, statement: &Statement) -> Result<()> {
    let Statement::Comment { object_type, object_name, comment, .. } = statement else {
        return Err(SqlError::internal("COMMENT was expected"));
    };
    // An empty comment is none.
    let comment = comment.clone().filter(|text| !text.is_empty());
    let object = match object_type {
        CommentObject::Column => column(definer, object_name, comment)?,
        CommentObject::Schema => match namespace(definer, object_name, comment)? {
            Some(object) => object,
            None => return Ok(()),
        },
        CommentObject::Type | CommentObject::Domain => {
            let Some(mut found) = definer.user_type(object_name)? else {
                return Err(undefined_type(&bind::schema_and_name(object_name, &definer.cx)?.1));
            };
            found.comment = comment;
            Object::Type(found)
        }
        CommentObject::Table | CommentObject::View | CommentObject::MaterializedView | CommentObject::Index | CommentObject::Sequence => {
            relation(definer, *object_type, object_name, comment)?
        }
        // Known and empty: extensions, roles and databases carry no comment of a user here.
        CommentObject::Extension | CommentObject::Database => return Ok(()),
        other => return Err(SqlError::unsupported(format!("COMMENT ON {other}"))),
    };
    definer.apply(&[], vec![object], Vec::new()).map(|_| ())
}

/// `COMMENT ON CONSTRAINT`, `COMMENT ON FUNCTION`.
pub(super) fn on_part(definer: &mut Definer<'_>, on: &Commented, comment: Option<String>) -> Result<()> {
    let object = match on {
        Commented::Constraint { domain: true, .. } => return Err(SqlError::unsupported("COMMENT ON CONSTRAINT ON DOMAIN")),
        Commented::Constraint { name, of, .. } => {
            let (mut table, name) = (definer.table(of)?, bind::fold(name));
            match table.constraints.iter_mut().find(|one| one.name == name) {
                Some(found) => found.comment = comment,
                None => {
                    let message = format!("constraint \"{name}\" for table \"{}\" does not exist", table.name.name);
                    return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message));
                }
            }
            Object::Table(table)
        }
        Commented::Trigger(name, table) => super::trigger::commented(definer, name, table, comment)?,
        Commented::Routine(kind, name) => {
            let mut found = super::function_named::find(definer, *kind, name)?;
            found.comment = comment;
            Object::Function(found)
        }
    };
    definer.apply(&[], vec![object], Vec::new()).map(|_| ())
}

fn relation(definer: &Definer<'_>, kind: CommentObject, name: &ObjectName, comment: Option<String>) -> Result<Object> {
    let (schema, bare) = bind::schema_and_name(name, &definer.cx)?;
    let Some(found) = definer.relation(name)? else { return Err(undefined_relation(schema.as_deref(), &bare)) };
    let mut object = (*found).clone();
    let (slot, right, noun) = match &mut object {
        Object::Table(table) => {
            let is_table = table.materialized.is_none();
            let wanted = if is_table { CommentObject::Table } else { CommentObject::MaterializedView };
            (&mut table.comment, kind == wanted, "a table")
        }
        Object::View(view) => (&mut view.comment, kind == CommentObject::View, "a view"),
        Object::Index(index) => (&mut index.comment, kind == CommentObject::Index, "an index"),
        Object::Sequence(sequence) => (&mut sequence.comment, kind == CommentObject::Sequence, "a sequence"),
        _ => return Err(SqlError::internal("an object that is no relation stands among relations")),
    };
    if !right {
        let _ = noun;
        let wanted = kind.to_string().to_lowercase();
        let article = if wanted.starts_with('i') { "an" } else { "a" };
        return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{bare}\" is not {article} {wanted}")));
    }
    *slot = comment;
    Ok(object)
}

fn column(definer: &Definer<'_>, name: &ObjectName, comment: Option<String>) -> Result<Object> {
    let mut owner = name.clone();
    let column = bind::name_parts(name)?.pop().unwrap_or_default();
    owner.0.pop();
    if owner.0.is_empty() {
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, "column name must be qualified"));
    }
    let mut table = definer.table(&owner)?;
    match table.columns.iter_mut().find(|one| one.name == column) {
        Some(found) => found.comment = comment,
        None => return Err(undefined_column(&table, &column)),
    }
    Ok(Object::Table(table))
}

fn namespace(definer: &Definer<'_>, name: &ObjectName, comment: Option<String>) -> Result<Option<Object>> {
    let name = bind::name_parts(name)?.pop().unwrap_or_default();
    let schema = definer.schema();
    match schema.get(ObjectClass::Namespace, &QualifiedName { schema: String::new(), name: name.clone() }).map(AsRef::as_ref) {
        Some(Object::Namespace(found)) => {
            let mut found = found.clone();
            found.comment = comment;
            Ok(Some(Object::Namespace(found)))
        }
        // `public` is built in and has its own comment.
        _ if schema.has_namespace(&name) => Ok(None),
        _ => Err(no_namespace(&name)),
    }
}
