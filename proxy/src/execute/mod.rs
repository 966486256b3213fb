//! Runs plans on a SQLite connection. Enters: a [`plan::Plan`] and its parameters in storage form; leaves: rows, one call of a
//! closure each, and the number of rows for the command tag; or a failure in PostgreSQL's words ([`failure`]).
//!
//! A statement that fails half-way is not undone here: PostgreSQL aborts the whole transaction, or what came since a savepoint,
//! and the session rolls back to there.

use std::ops::ControlFlow;

use peergres_sync::schema::Schema;
use rusqlite::{Connection, Row, Statement, types::Value};

use crate::error::Result;

pub mod failure;
pub mod foreign_key;
pub mod hidden_key;
pub mod null_key;
pub mod plan;
mod row_text;
pub mod twice;

pub(crate) use row_text::text_of as value_text;

pub use foreign_key::ConstraintTiming;
use plan::{Plan, Role, Step};

/// Where a plan runs: the connection (a reader, or the writer's inside a transaction) and the schema that it was made for.
#[derive(Clone, Copy)]
pub struct Execution<'a> {
    /// The connection.
    pub connection: &'a Connection,
    /// The schema, to tell a failure.
    pub schema: &'a Schema,
    /// What `SET CONSTRAINTS` said.
    pub timing: &'a ConstraintTiming,
}

/// Takes one row of the result; [`ControlFlow::Break`] ends the run early (a cursor that is closed, a row limit).
pub type RowSink<'s> = dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>> + 's;

impl Execution<'_> {
    /// Runs all steps in order. Answers the number of rows for the command tag: rows changed, or rows of the result where no step counts as a change.
    pub fn run(&self, plan: &Plan, parameters: &[Value], sink: &mut RowSink<'_>) -> Result<u64> {
        let (rows, wrote) = self.run_part(plan, parameters, sink)?;
        if wrote {
            self.check_foreign_keys(plan.steps.iter().filter_map(|step| step.target.as_deref()))?;
        }
        Ok(rows)
    }

    /// [`Execution::run`] as a part of a statement: foreign keys are not looked at yet. Answers also whether it changed rows.
    pub fn run_part(&self, plan: &Plan, parameters: &[Value], sink: &mut RowSink<'_>) -> Result<(u64, bool)> {
        let mut outcome = Outcome::default();
        for step in &plan.steps {
            self.step(step, parameters, sink, &mut outcome)
                .map_err(|error| failure::explain(error, step.target.as_deref(), parameters, self))?;
        }
        Ok((if outcome.counted { outcome.changed } else { outcome.rows }, outcome.wrote))
    }

    /// After a data change: 23503 where it left a foreign key violated whose check is not deferred.
    pub fn check_foreign_keys<'t>(&self, changed: impl Iterator<Item = &'t plan::Target>) -> Result<()> {
        if crate::ffi::has_foreign_key_violations(self.connection) {
            foreign_key::check(self.connection, self.schema, self.timing, &changed.collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// Before COMMIT, and at `SET CONSTRAINTS … IMMEDIATE` (with the new timing): 23503 where any foreign key is violated.
    pub fn check_deferred(&self, all: bool) -> Result<()> {
        if crate::ffi::has_foreign_key_violations(self.connection) {
            let none = ConstraintTiming::immediate();
            foreign_key::check(self.connection, self.schema, if all { &none } else { self.timing }, &[])?;
        }
        Ok(())
    }

    fn step(&self, step: &Step, parameters: &[Value], sink: &mut RowSink<'_>, outcome: &mut Outcome) -> Result<(), failure::Raw> {
        if let Some(fire) = &step.fire {
            return crate::session::context::current().services.fire(fire).map_err(failure::Raw::Told);
        }
        let mut statement = self.connection.prepare_cached(&step.sql)?;
        bind(&mut statement, parameters)?;
        let mut rows = statement.raw_query();
        let mut seen = std::collections::HashSet::new();
        while let Some(row) = rows.next()? {
            if step.once {
                let last = row.as_ref().column_count() - 1;
                // A key is an integer or the bytes of a hidden one.
                let key = match row.get_ref(last)? {
                    rusqlite::types::ValueRef::Integer(number) => number.to_be_bytes().to_vec(),
                    rusqlite::types::ValueRef::Blob(bytes) => bytes.to_vec(),
                    _ => continue,
                };
                if !seen.insert(key) {
                    return Err(failure::Raw::Told(twice::refusal(false)));
                }
            }
            if step.role == Role::Result {
                outcome.rows += 1;
                if sink(row).map_err(failure::Raw::Told)?.is_break() {
                    break;
                }
            }
        }
        drop(rows);
        outcome.wrote |= step.target.is_some();
        if step.role == Role::Change {
            outcome.counted = true;
            outcome.changed += self.connection.changes();
        }
        Ok(())
    }
}

/// What the steps of a plan did so far.
#[derive(Default)]
struct Outcome {
    rows: u64,
    changed: u64,
    counted: bool,
    wrote: bool,
}

/// Binds PostgreSQL's `$n` to SQLite's `?n`; a step need not use them all.
pub(crate) fn bind(statement: &mut Statement<'_>, parameters: &[Value]) -> rusqlite::Result<()> {
    let used = statement.parameter_count().min(parameters.len());
    for (index, value) in parameters[..used].iter().enumerate() {
        statement.raw_bind_parameter(index + 1, value)?;
    }
    Ok(())
}
