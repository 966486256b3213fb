//! `CREATE TYPE` (enum, composite). A type lies in SQLite only as the storage class and collation of its columns.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Object, QualifiedName, TypeDefinition, UserType},
};
use sqlparser::ast::{ObjectName, UserDefinedTypeRepresentation};

use super::definer::Definer;
use crate::{
    bind::{self, fold},
    error::{Result, SqlError, SqlState},
};

/// `CREATE TYPE`.
pub(super) fn create(definer: &mut Definer<'_>, name: &ObjectName, representation: Option<&UserDefinedTypeRepresentation>) -> Result<()> {
    let name = new_name(definer, name)?;
    let definition = match representation {
        Some(UserDefinedTypeRepresentation::Enum { labels }) => {
            let labels: Vec<String> = labels.iter().map(|label| label.value.clone()).collect();
            for (index, label) in labels.iter().enumerate() {
                check_label(label)?;
                if labels[..index].contains(label) {
                    return Err(SqlError::new(
                        SqlState::UNIQUE_VIOLATION,
                        "duplicate key value violates unique constraint \"pg_enum_typid_label_index\"",
                    ));
                }
            }
            TypeDefinition::Enum { labels }
        }
        Some(UserDefinedTypeRepresentation::Composite { attributes }) => {
            let mut out: Vec<(String, String)> = Vec::with_capacity(attributes.len());
            for attribute in attributes {
                let ty = definer.cx.catalog.data_type(&attribute.data_type, &definer.path)?;
                let attribute = fold(&attribute.name);
                if out.iter().any(|(other, _)| *other == attribute) {
                    return Err(SqlError::new(SqlState::DUPLICATE_COLUMN, format!("column \"{attribute}\" specified more than once")));
                }
                out.push((attribute, definer.cx.catalog.qualified_type_name(ty)));
            }
            TypeDefinition::Composite { attributes: out }
        }
        Some(UserDefinedTypeRepresentation::Range { .. }) => return Err(SqlError::unsupported("CREATE TYPE AS RANGE")),
        _ => return Err(SqlError::unsupported("CREATE TYPE of a base type")),
    };
    put(definer, name, definition)
}

/// `NAMEDATALEN` bounds a label.
pub(super) fn check_label(label: &str) -> Result<()> {
    if label.len() <= 63 {
        return Ok(());
    }
    Err(SqlError::new(SqlState::INVALID_NAME, format!("invalid enum label \"{label}\"")).detail("Labels must be 63 bytes or less."))
}

pub(super) fn new_name(definer: &Definer<'_>, name: &ObjectName) -> Result<QualifiedName> {
    let name = definer.creation_name(name)?;
    if definer.cx.catalog.type_by_name(Some(&name.schema), &name.name).is_some() {
        return Err(SqlError::new(SqlState::DUPLICATE_OBJECT, format!("type \"{}\" already exists", name.name)));
    }
    Ok(name)
}

pub(super) fn put(definer: &mut Definer<'_>, name: QualifiedName, definition: TypeDefinition) -> Result<()> {
    definer.apply(&[], vec![Object::Type(UserType { name, definition, comment: None })], Vec::new()).map(|_| ())
}

impl Definer<'_> {
    /// A type that a user made, by name along the search path.
    pub(super) fn user_type(&self, name: &ObjectName) -> Result<Option<UserType>> {
        let (schema, name) = bind::schema_and_name(name, &self.cx)?;
        let known = self.schema();
        let find = |schema: &String| {
            let key = QualifiedName { schema: schema.clone(), name: name.clone() };
            match known.get(ObjectClass::Type, &key).map(AsRef::as_ref) {
                Some(Object::Type(found)) => Some(found.clone()),
                _ => None,
            }
        };
        Ok(match &schema {
            Some(schema) => find(schema),
            None => self.path.iter().find_map(find),
        })
    }
}

/// 42704.
pub(super) fn undefined_type(name: &str) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist"))
}
