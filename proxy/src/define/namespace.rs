//! `CREATE SCHEMA`. A schema lies in SQLite only as the first part of its relations' names.

use peergres_sync::schema::{Namespace, Object};
use sqlparser::ast::{SchemaName, Statement};

use super::definer::Definer;
use crate::{
    bind::{self, fold},
    error::{Result, SqlError, SqlState},
};

/// `CREATE SCHEMA`.
pub(super) fn create(definer: &mut Definer<'_>, statement: &Statement) -> Result<()> {
    let Statement::CreateSchema { schema_name, if_not_exists, .. } = statement else {
        return Err(SqlError::internal("CREATE SCHEMA was expected"));
    };
    // The owner is not kept: every object belongs to the one user.
    let name = match schema_name {
        SchemaName::Simple(name) | SchemaName::NamedAuthorization(name, _) => bind::name_parts(name)?.pop().unwrap_or_default(),
        SchemaName::UnnamedAuthorization(user) => fold(user),
    };
    if definer.schema().has_namespace(&name) {
        let error = SqlError::new(SqlState::DUPLICATE_SCHEMA, format!("schema \"{name}\" already exists"));
        if !*if_not_exists {
            return Err(error);
        }
        definer.notices.push(SqlError::new(SqlState::DUPLICATE_SCHEMA, format!("schema \"{name}\" already exists, skipping")));
        return Ok(());
    }
    if name.starts_with("pg_") {
        return Err(SqlError::new(SqlState("42939"), format!("unacceptable schema name \"{name}\""))
            .detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    definer.apply(&[], vec![Object::Namespace(Namespace { name, comment: None })], Vec::new()).map(|_| ())
}
