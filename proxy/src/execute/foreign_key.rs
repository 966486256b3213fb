//! Foreign keys: SQLite counts the violations of a transaction (every key of ours is deferred there) and names none. After a
//! statement that left some, and before COMMIT, the row at fault is looked for here. Enters: the schema and what the statement
//! changed; leaves: 23503 in PostgreSQL's words, for the referencing or the referenced side.
//! Manual: "Constraints", `SET CONSTRAINTS`; wording of `ri_triggers.c`, `ri_ReportViolation`.

use std::collections::HashMap;

use peergres_sync::schema::{Constraint, ConstraintRule, Object, QualifiedName, Schema, Table};
use rusqlite::{Connection, types::Value};

use super::{
    failure,
    plan::{Action, Target},
    row_text::{key_text, text_of},
};
use crate::error::{Result, SqlError, SqlState};

/// Which deferrable constraints are checked when, as `SET CONSTRAINTS` left it for this transaction.
#[derive(Clone, Debug, Default)]
pub struct ConstraintTiming {
    /// `SET CONSTRAINTS ALL`: true for DEFERRED.
    all: Option<bool>,
    /// Single constraints by schema and name.
    named: HashMap<(String, String), bool>,
}

impl ConstraintTiming {
    /// As `SET CONSTRAINTS ALL IMMEDIATE` leaves it.
    pub fn immediate() -> Self {
        ConstraintTiming { all: Some(false), named: HashMap::new() }
    }

    /// `SET CONSTRAINTS ALL`.
    pub fn set_all(&mut self, deferred: bool) {
        self.named.clear();
        self.all = Some(deferred);
    }

    /// `SET CONSTRAINTS name`: 42704 where there is none, 42809 where it is not deferrable.
    pub fn set(&mut self, schema: &Schema, namespace: Option<&str>, name: &str, deferred: bool) -> Result<()> {
        let mut found = false;
        for (table, constraint) in constraints(schema) {
            if constraint.name == name && namespace.is_none_or(|wanted| wanted == table.name.schema) {
                if !constraint.deferrable {
                    return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("constraint \"{name}\" is not deferrable")));
                }
                found = true;
                self.named.insert((table.name.schema.clone(), name.to_owned()), deferred);
            }
        }
        if found {
            return Ok(());
        }
        Err(SqlError::new(SqlState::UNDEFINED_OBJECT, format!("constraint \"{name}\" does not exist")))
    }

    /// Whether the constraint's check waits for COMMIT.
    pub fn is_deferred(&self, table: &QualifiedName, constraint: &Constraint) -> bool {
        if !constraint.deferrable {
            return false;
        }
        self.named.get(&(table.schema.clone(), constraint.name.clone())).copied().or(self.all).unwrap_or(constraint.initially_deferred)
    }
}

/// All tables' constraints.
fn constraints(schema: &Schema) -> impl Iterator<Item = (&Table, &Constraint)> {
    schema
        .objects
        .values()
        .filter_map(|object| match &**object {
            Object::Table(table) => Some(table),
            _ => None,
        })
        .flat_map(|table| table.constraints.iter().map(move |constraint| (table, constraint)))
}

/// One foreign key with both its ends.
pub(crate) struct ForeignKey<'s> {
    /// The referencing table.
    pub(crate) table: &'s Table,
    /// The constraint.
    pub(crate) constraint: &'s Constraint,
    columns: &'s [String],
    referenced: &'s Table,
    referenced_columns: &'s [String],
}

impl<'s> ForeignKey<'s> {
    /// The foreign key that `constraint` of `table` is, if it is one.
    pub(crate) fn new(schema: &'s Schema, table: &'s Table, constraint: &'s Constraint) -> Option<Self> {
        let ConstraintRule::ForeignKey { columns, references, referenced_columns, .. } = &constraint.rule else {
            return None;
        };
        let referenced = if *references == table.name { table } else { failure::table(schema, references)? };
        Some(ForeignKey { table, constraint, columns, referenced, referenced_columns })
    }

    /// A query for the keys of referencing rows whose parent is missing.
    fn orphans(&self) -> String {
        let own: Vec<String> = self.columns.iter().map(|c| format!("c.{}", column(self.table, c))).collect();
        let other: Vec<String> = self.referenced_columns.iter().map(|c| format!("p.{}", column(self.referenced, c))).collect();
        let present: Vec<String> = own.iter().map(|c| format!("{c} IS NOT NULL")).collect();
        let equal: Vec<String> = own.iter().zip(&other).map(|(c, p)| format!("{p} = {c}")).collect();
        format!(
            "SELECT {} FROM {} AS c WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS p WHERE {}) LIMIT 1",
            own.join(", "),
            quote(&self.table.physical),
            present.join(" AND "),
            quote(&self.referenced.physical),
            equal.join(" AND "),
        )
    }

    /// The key of one referencing row without a parent, as text; none where all have one.
    pub(crate) fn find_orphan(&self, connection: &Connection) -> Result<Option<Vec<String>>> {
        let mut statement = connection.prepare(&self.orphans()).map_err(failure::plain)?;
        let mut rows = statement.query([]).map_err(failure::plain)?;
        let Some(row) = rows.next().map_err(failure::plain)? else { return Ok(None) };
        let mut values = Vec::with_capacity(self.columns.len());
        for (index, name) in self.columns.iter().enumerate() {
            let value: Value = row.get(index).map_err(failure::plain)?;
            values.push(text_of(self.table, name, &value));
        }
        Ok(Some(values))
    }

    /// 23503 as for a referencing row that was inserted or updated.
    pub(crate) fn missing_parent(&self, key: &[String]) -> SqlError {
        SqlError::new(
            SqlState::FOREIGN_KEY_VIOLATION,
            format!("insert or update on table \"{}\" violates foreign key constraint \"{}\"", self.table.name.name, self.constraint.name),
        )
        .detail(format!("{} is not present in table \"{}\".", key_text(self.columns, key), self.referenced.name.name))
        .table(&self.table.name.schema, &self.table.name.name)
        .constraint(&self.constraint.name)
    }

    /// 23503 as for a referenced row that was updated or deleted.
    fn still_referenced(&self, key: &[String]) -> SqlError {
        SqlError::new(
            SqlState::FOREIGN_KEY_VIOLATION,
            format!(
                "update or delete on table \"{}\" violates foreign key constraint \"{}\" on table \"{}\"",
                self.referenced.name.name, self.constraint.name, self.table.name.name
            ),
        )
        .detail(format!("{} is still referenced from table \"{}\".", key_text(self.referenced_columns, key), self.table.name.name))
        .table(&self.table.name.schema, &self.table.name.name)
        .constraint(&self.constraint.name)
    }
}

/// Looks for a violated key whose check is due: first those of the changed tables, then (cascades, COMMIT) all others.
pub(crate) fn check(connection: &Connection, schema: &Schema, timing: &ConstraintTiming, changed: &[&Target]) -> Result<()> {
    let mut keys: Vec<(u8, ForeignKey<'_>)> = constraints(schema)
        .filter(|(table, constraint)| !timing.is_deferred(&table.name, constraint))
        .filter_map(|(table, constraint)| ForeignKey::new(schema, table, constraint))
        .map(|key| (side(&key, changed), key))
        .collect();
    keys.sort_by_key(|(side, _)| *side);
    for (side, key) in keys {
        if let Some(values) = key.find_orphan(connection)? {
            let referencing = side == REFERENCING || changed.is_empty();
            return Err(if referencing { key.missing_parent(&values) } else { key.still_referenced(&values) });
        }
    }
    Ok(())
}

const REFERENCING: u8 = 0;
const REFERENCED: u8 = 1;
const NEITHER: u8 = 2;

/// Which end of the key the statement changed.
fn side(key: &ForeignKey<'_>, changed: &[&Target]) -> u8 {
    let touched =
        |table: &Table, actions: &[Action]| changed.iter().any(|target| target.table == table.name && actions.contains(&target.action));
    if touched(key.table, &[Action::Insert, Action::Update]) {
        REFERENCING
    } else if touched(key.referenced, &[Action::Update, Action::Delete]) {
        REFERENCED
    } else {
        NEITHER
    }
}

/// A SQLite identifier in quotes.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A column's SQLite name in quotes.
fn column(table: &Table, name: &str) -> String {
    quote(table.columns.iter().find(|c| c.name == name).map_or(name, |c| &c.physical))
}
