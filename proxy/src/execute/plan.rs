//! What the pipeline's front (parse, bind, rewrite) hands to its back (execute, encode): SQLite statements to run in order, and
//! the PostgreSQL description of their parameters and rows.

use std::sync::Arc;

use peergres_sync::schema::{QualifiedName, Trigger};

use crate::types::{Oid, TypeRef};

/// A column of the result, as RowDescription tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputColumn {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: TypeRef,
    /// OID of the table it comes from, 0 for an expression.
    pub table: Oid,
    /// Its number there, 0 for an expression.
    pub number: i16,
}

/// A statement that reads or changes rows, ready for SQLite.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Run in order on one connection. Parameters are bound by number: PostgreSQL's `$n` is SQLite's `?n`, in storage form.
    pub steps: Vec<Step>,
    /// The result's columns; empty where there is no result.
    pub columns: Vec<OutputColumn>,
    /// The parameters' types.
    pub parameters: Vec<Oid>,
    /// What CommandComplete says.
    pub tag: Tag,
    /// Whether it needs the write lock (data changes, `FOR UPDATE`, `nextval`, …).
    pub writes: bool,
    /// Whether it holds for this transaction only: a literal such as `'now'` was read.
    pub timely: bool,
}

/// One SQLite statement of a plan.
#[derive(Clone, Debug)]
pub struct Step {
    /// SQLite text.
    pub sql: String,
    /// What its rows and effect mean.
    pub role: Role,
    /// The table that it changes; none for a reading step.
    pub target: Option<Arc<Target>>,
    /// Whether no row may be changed twice (21000): the last column of the step's rows is the row's key.
    pub once: bool,
    /// Triggers to be fired, in place of a statement.
    pub fire: Option<Arc<Fire>>,
}

/// Triggers to be fired at one point of a change.
#[derive(Clone, Debug)]
pub struct Fire {
    /// The table that is changed.
    pub table: QualifiedName,
    /// The triggers, in order.
    pub triggers: Vec<Arc<Trigger>>,
    /// `i`nsert, `u`pdate, `d`elete.
    pub event: char,
    /// Whether the rows are not changed yet.
    pub before: bool,
    /// The temporary table of the rows; none where the statement as a whole is meant.
    pub rows: Option<String>,
    /// Its columns, in the order of the table's.
    pub columns: Vec<String>,
}

impl Step {
    /// A step that reads.
    pub fn read(sql: impl Into<String>, role: Role) -> Self {
        Step { sql: sql.into(), role, target: None, once: false, fire: None }
    }

    /// A step that fires triggers.
    pub fn fire(fire: Fire) -> Self {
        Step { sql: String::new(), role: Role::Auxiliary, target: None, once: false, fire: Some(Arc::new(fire)) }
    }

    /// A step that changes rows of `target`.
    pub fn change(sql: impl Into<String>, role: Role, target: Target) -> Self {
        Step { sql: sql.into(), role, target: Some(Arc::new(target)), once: false, fire: None }
    }
}

/// What a data change works on: needed only to tell a failure in PostgreSQL's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The table.
    pub table: QualifiedName,
    /// What happens to its rows.
    pub action: Action,
    /// A SQLite query over the same parameters that gives the rows as they would be: every column of the table by its SQLite name.
    /// Run only after a failure, to find the row at fault.
    pub new_rows: Option<String>,
}

/// The kinds of data changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `INSERT`, `COPY`.
    Insert,
    /// `UPDATE`.
    Update,
    /// `DELETE`, `TRUNCATE`.
    Delete,
}

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its rows are the result, column for column in storage form; they count for the tag where the tag counts rows.
    Result,
    /// A data change whose affected rows count for the tag.
    Change,
    /// Preparation or clean-up (temporary tables of a data-modifying CTE, …).
    Auxiliary,
}

/// The command tag of CommandComplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `SELECT n`.
    Select,
    /// `INSERT 0 n`.
    Insert,
    /// `UPDATE n`.
    Update,
    /// `DELETE n`.
    Delete,
    /// `MERGE n`.
    Merge,
    /// A fixed tag: `CREATE TABLE`, `BEGIN`, …
    Fixed(&'static str),
}
