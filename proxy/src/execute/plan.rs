//! What the pipeline's front (parse, bind, rewrite) hands to its back (execute, encode): SQLite statements to run in order, and
//! the PostgreSQL description of their parameters and rows.

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
}

/// One SQLite statement of a plan.
#[derive(Clone, Debug)]
pub struct Step {
    /// SQLite text.
    pub sql: String,
    /// What its rows and effect mean.
    pub role: Role,
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
