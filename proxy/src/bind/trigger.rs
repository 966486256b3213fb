//! Triggers in a staged change: BEFORE after the rows are found and before anything is changed, AFTER once all is changed. Enters: the change and
//! its temporary tables. Leaves: steps that fire them (manual, chapter 39). All rows go through BEFORE, then all are changed, then all go
//! through AFTER, so that a trigger that reads its own table sees none of the statement's rows, or all of them.

use std::sync::Arc;

use peergres_sync::schema::{QualifiedName, Trigger};

use super::{
    Binder,
    change::Changed,
    staged::{Program, temp},
    update::Assigned,
};
use crate::{error::Result, execute::plan::Fire, rewrite::quote_identifier};

/// The name of the column in which an updated row's former value waits for its triggers.
pub(super) fn old_column(at: usize) -> String {
    format!("~o{}", at + 1)
}

impl Changed {
    /// The triggers that an event fires.
    fn fired(&self, event: char, before: bool, row: bool, assigned: Option<&Assigned>) -> Vec<Arc<Trigger>> {
        let touches = |trigger: &Trigger| {
            trigger.columns.is_empty()
                || assigned
                    .is_none_or(|assigned| assigned.columns().iter().any(|at| trigger.columns.contains(&self.table.columns[*at].name)))
        };
        let fits =
            |trigger: &&Arc<Trigger>| trigger.events.contains(event) && trigger.before == before && trigger.row == row && touches(trigger);
        self.triggers.iter().filter(fits).cloned().collect()
    }

    /// Whether an event fires any trigger.
    pub(super) fn fires(&self, event: char) -> bool {
        self.triggers.iter().any(|trigger| trigger.events.contains(event))
    }

    /// Whether any trigger may change the rows of an event.
    pub(super) fn reshapes(&self, event: char) -> bool {
        self.triggers.iter().any(|trigger| trigger.before && trigger.row && trigger.events.contains(event))
    }

    fn fire(&self, triggers: Vec<Arc<Trigger>>, event: char, before: bool, rows: Option<&str>) -> Fire {
        let columns = self.table.columns.iter().map(|column| column.physical.clone()).collect();
        Fire { table: self.table.name.clone(), triggers, event, before, rows: rows.map(str::to_owned), columns }
    }
}

impl Binder<'_> {
    /// The triggers of a table that are in force, in the order in which they fire.
    pub(super) fn triggers_of(&self, table: &QualifiedName) -> Vec<Arc<Trigger>> {
        self.catalog.triggers(table).iter().filter(|trigger| trigger.enabled).cloned().collect()
    }

    /// BEFORE STATEMENT.
    pub(super) fn before_statement(&self, program: &mut Program, changed: &Changed, event: char, assigned: Option<&Assigned>) {
        let triggers = changed.fired(event, true, false, assigned);
        if !triggers.is_empty() {
            program.find_by_firing(changed.fire(triggers, event, true, None));
        }
    }

    /// BEFORE ROW for the rows of a temporary table; what SQLite computes of them is computed again.
    pub(super) fn before_rows(
        &mut self,
        program: &mut Program,
        changed: &Changed,
        event: char,
        rows: &str,
        assigned: Option<&Assigned>,
    ) -> Result<()> {
        let triggers = changed.fired(event, true, true, assigned);
        if triggers.is_empty() {
            return Ok(());
        }
        program.find_by_firing(changed.fire(triggers, event, true, Some(rows)));
        let mut set = Vec::new();
        for (at, column) in changed.table.columns.iter().enumerate() {
            if let Some(expression) = self.generation(changed, at)?.filter(|_| event != 'd') {
                set.push(format!("{} = ({expression})", quote_identifier(&column.physical)));
            }
        }
        if !set.is_empty() {
            program.find(format!("UPDATE {} SET {}", temp(rows), set.join(", ")));
        }
        Ok(())
    }

    /// AFTER ROW for the rows of a temporary table.
    pub(super) fn after_rows(&self, program: &mut Program, changed: &Changed, event: char, rows: &str, assigned: Option<&Assigned>) {
        let triggers = changed.fired(event, false, true, assigned);
        if !triggers.is_empty() {
            program.change_by_firing(changed.fire(triggers, event, false, Some(rows)));
        }
    }

    /// AFTER STATEMENT.
    pub(super) fn after_statement(&self, program: &mut Program, changed: &Changed, event: char, assigned: Option<&Assigned>) {
        let triggers = changed.fired(event, false, false, assigned);
        if !triggers.is_empty() {
            program.change_by_firing(changed.fire(triggers, event, false, None));
        }
    }

    /// The columns that an INSERT gives values: all that SQLite does not compute, where a trigger may have filled others.
    pub(super) fn inserted_columns(&self, changed: &Changed, columns: &[usize]) -> Vec<usize> {
        if !changed.reshapes('i') {
            return columns.to_vec();
        }
        (0..changed.table.columns.len()).filter(|at| changed.table.columns[*at].generated.is_none()).collect()
    }
}
