//! `CREATE EXTENSION`: what some extensions offer is built in; the statement registers their names.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Extension, Object, QualifiedName},
};
use sqlparser::ast::{CreateExtension, DropExtension};

use super::definer::Definer;
use crate::{
    bind::fold,
    catalog::extension::{EXTENSIONS, is_offered},
    error::{Result, SqlError, SqlState},
};

fn key(name: &str) -> QualifiedName {
    QualifiedName { schema: String::new(), name: name.to_owned() }
}

/// `CREATE EXTENSION`.
pub(super) fn create(definer: &mut Definer<'_>, create: &CreateExtension) -> Result<()> {
    let name = fold(&create.name);
    let Some((_, version, _)) = EXTENSIONS.iter().find(|(known, ..)| *known == name) else {
        return Err(SqlError::unsupported(format!("extension \"{name}\"")));
    };
    if name == "plpgsql" || definer.schema().get(ObjectClass::Extension, &key(&name)).is_some() {
        if !create.if_not_exists {
            return Err(SqlError::new(SqlState::DUPLICATE_OBJECT, format!("extension \"{name}\" already exists")));
        }
        definer.notices.push(SqlError::new(SqlState::DUPLICATE_OBJECT, format!("extension \"{name}\" already exists, skipping")));
        return Ok(());
    }
    if !is_offered(&name) {
        definer.notice(format!("extension \"{name}\" is known by name; its types, functions and operators are not supported"));
    }
    let schema = create.schema.as_ref().map_or_else(|| "public".to_owned(), fold);
    let extension = Extension { name, version: (*version).to_owned(), schema };
    definer.apply(&[], vec![Object::Extension(extension)], Vec::new()).map(|_| ())
}

/// `DROP EXTENSION`.
pub(super) fn drop(definer: &mut Definer<'_>, drop: &DropExtension) -> Result<()> {
    for name in &drop.names {
        let name = fold(name);
        if definer.schema().get(ObjectClass::Extension, &key(&name)).is_some() {
            definer.apply(&[], Vec::new(), vec![(ObjectClass::Extension, key(&name))])?;
        } else if drop.if_exists {
            definer.notice(format!("extension \"{name}\" does not exist, skipping"));
        } else {
            return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, format!("extension \"{name}\" does not exist")));
        }
    }
    Ok(())
}
