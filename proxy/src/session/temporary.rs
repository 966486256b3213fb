//! Temporary tables: they lie in the database like any other, in a schema of the session's own that its search path begins with, are
//! neither logged nor replicated, and go with the session. What a killed server left of them is swept at the next start.
//!
//! Enters: the session's search path, COMMIT, the session's end. Leaves: the path with the temporary schema, tables emptied or dropped.

use std::{cell::RefCell, sync::Arc};

use peergres_sync::{
    commit::ObjectClass,
    schema::{QualifiedName, TEMPORARY_PREFIX},
};
use sqlparser::ast::OnCommit;

use super::{Session, context, stages, store_error};
use crate::{
    error::{Result, SqlError},
    execute::failure,
    rewrite::quote_identifier,
};

/// A search path as set, and the same behind a temporary schema.
type Paths = (Arc<[String]>, Arc<[String]>);

/// What a session knows of its temporary tables.
#[derive(Default)]
pub(super) struct Temporary {
    /// What COMMIT does to which; one that is gone by then is passed over.
    on_commit: Vec<(QualifiedName, OnCommit)>,
    /// Whether the session has ever made one, so that the others need not look.
    used: bool,
    path: RefCell<Option<Paths>>,
}

impl Session {
    fn temporary_schema(&self) -> String {
        format!("{TEMPORARY_PREFIX}_{}", self.shared.handle.pid)
    }

    fn has_temporary(&self) -> bool {
        self.temporary.used && self.schema().has_namespace(&self.temporary_schema())
    }

    /// After a definition: whether it made the temporary schema, and what COMMIT will have to do.
    pub(super) fn note_temporary(&mut self, on_commit: Vec<(QualifiedName, OnCommit)>) {
        self.temporary.used |= self.schema().has_namespace(&self.temporary_schema());
        self.temporary.on_commit.extend(on_commit);
    }

    /// Where names are looked for: the session's temporary schema, if it has one, then `search_path`.
    pub(super) fn search_path(&self) -> Arc<[String]> {
        let set = self.shared.settings.borrow().derived().search_path.clone();
        if !self.has_temporary() {
            return set;
        }
        let mut kept = self.temporary.path.borrow_mut();
        match &*kept {
            Some((of, path)) if Arc::ptr_eq(of, &set) => path.clone(),
            _ => {
                let path: Arc<[String]> = std::iter::once(self.temporary_schema()).chain(set.iter().cloned()).collect();
                *kept = Some((set, path.clone()));
                path
            }
        }
    }

    /// Before COMMIT of a transaction that wrote: ON COMMIT DELETE ROWS and ON COMMIT DROP.
    pub(super) fn clear_temporary(&mut self) -> Result<()> {
        if self.temporary.on_commit.is_empty() || self.shared.open.borrow().is_none() {
            return Ok(());
        }
        let schema = self.schema();
        let actions = std::mem::take(&mut self.temporary.on_commit);
        for (name, action) in actions {
            let Some(table) = schema.get(ObjectClass::Relation, &name).and(schema.table(&name)) else { continue };
            match action {
                OnCommit::Drop => {
                    self.run_own(&format!("DROP TABLE {}.{}", quote_identifier(&name.schema), quote_identifier(&name.name)))?
                }
                _ => {
                    let open = self.shared.open.borrow();
                    let connection = super::block::writer(&open)?.connection();
                    connection.execute_batch(&format!("DELETE FROM {}", quote_identifier(&table.physical))).map_err(failure::plain)?;
                    drop(open);
                    self.temporary.on_commit.push((name, action));
                }
            }
        }
        Ok(())
    }

    /// Runs a definition of the session's own in the open write transaction.
    fn run_own(&mut self, sql: &str) -> Result<()> {
        let parsed = crate::parse::parse(sql)?.pop().ok_or_else(|| SqlError::internal("no statement"))?;
        let catalog = self.catalog();
        let cx = self.context(catalog);
        context::enter(cx.clone());
        let mut open = self.shared.open.borrow_mut();
        let transaction = open.as_mut().ok_or_else(|| SqlError::internal("no write transaction is open"))?;
        stages::run_definition(crate::define::Written { node: &parsed.node, source: sql, text: sql }, transaction, &cx).map(drop)
    }

    /// DISCARD TEMP: all temporary objects go.
    pub(super) fn discard_temporary(&mut self) -> Result<()> {
        if !self.has_temporary() {
            return Ok(());
        }
        self.take_write_lock(false)?;
        self.temporary.on_commit.clear();
        let schema = quote_identifier(&self.temporary_schema());
        self.run_own(&format!("DROP SCHEMA {schema} CASCADE"))
    }

    /// The session's end.
    pub(super) fn drop_temporary(&mut self) {
        if !self.has_temporary() {
            return;
        }
        // The interrupt that ends the session must not end this.
        let transaction = self.shared.database.begin(&peergres_sync::store::LockWait::default(), None).map_err(store_error::store);
        let dropped = transaction.and_then(|transaction| {
            *self.shared.open.borrow_mut() = Some(transaction);
            self.discard_temporary()?;
            let transaction = self.shared.open.borrow_mut().take();
            transaction.map_or(Ok(0), |t| t.commit(peergres_sync::commit::Durability::NoWait)).map_err(store_error::store)
        });
        if let Err(error) = dropped {
            self.shared.open.borrow_mut().take();
            tracing::warn!(%error, "temporary tables stay until the next start");
        }
    }
}
