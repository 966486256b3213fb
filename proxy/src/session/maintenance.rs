//! Answers VACUUM and its kin, and SET CONSTRAINTS.

use super::{Session, wire::Severity};
use crate::{
    error::{Result, SqlError, SqlState},
    parse::command::Maintenance,
};

impl Session {
    /// SET CONSTRAINTS: what becomes immediate is looked at now.
    pub(super) fn set_constraints(&mut self, names: Option<&[Vec<String>]>, deferred: bool) -> Result<()> {
        if !self.in_some_block() {
            let warning = SqlError::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, "SET CONSTRAINTS can only be used in transaction blocks");
            self.notice(Severity::Warning, &warning);
            return Ok(());
        }
        let schema = self.schema();
        match names {
            None => self.block.timing.set_all(deferred),
            Some(names) => {
                for parts in names {
                    let (namespace, name) = match parts.as_slice() {
                        [name] => (None, name),
                        [namespace, name] => (Some(namespace.as_str()), name),
                        _ => return Err(SqlError::unsupported("a cross-database reference")),
                    };
                    self.block.timing.set(&schema, namespace, name, deferred)?;
                }
            }
        }
        *self.shared.timing.borrow_mut() = self.block.timing.clone();
        let shared = self.shared.clone();
        let open = shared.open.borrow();
        match &*open {
            Some(transaction) if !deferred => {
                let execution =
                    crate::execute::Execution { connection: transaction.connection(), schema: &schema, timing: &self.block.timing };
                execution.check_deferred(false)
            }
            _ => Ok(()),
        }
    }

    /// VACUUM and its kin. SQLite keeps no dead rows of its own accord beyond free pages, needs no statistics to answer, and its indexes
    /// are never out of order: what is left to do is to tell a name that is none.
    pub(super) fn maintain(&mut self, kind: Maintenance, names: &[Vec<String>]) -> Result<&'static str> {
        if kind == Maintenance::Vacuum {
            self.refuse_in_block("VACUUM")?;
        }
        let catalog = self.catalog();
        let path = self.search_path();
        for parts in names {
            let (schema, name) = match parts.as_slice() {
                [name] => (None, name),
                [schema, name] => (Some(schema.as_str()), name),
                _ => return Err(SqlError::unsupported("a cross-database reference")),
            };
            if catalog.relation(schema, name, &path).is_none() && !self.names_index(schema, name) {
                let message = format!("relation \"{}\" does not exist", parts.join("."));
                return Err(SqlError::new(SqlState::UNDEFINED_TABLE, message));
            }
            if kind == Maintenance::Cluster(false) {
                let message = format!("there is no previously clustered index for table \"{name}\"");
                return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message));
            }
        }
        Ok(match kind {
            Maintenance::Vacuum => "VACUUM",
            Maintenance::Analyze => "ANALYZE",
            Maintenance::Reindex => "REINDEX",
            Maintenance::Cluster(_) => "CLUSTER",
        })
    }

    fn names_index(&mut self, schema: Option<&str>, name: &str) -> bool {
        let path = self.search_path();
        self.schema().objects.values().any(|object| match &**object {
            peergres_sync::schema::Object::Index(index) => {
                let here = schema.map_or_else(|| path.contains(&index.name.schema), |schema| index.name.schema == schema);
                index.name.name == name && here
            }
            _ => false,
        })
    }
}
