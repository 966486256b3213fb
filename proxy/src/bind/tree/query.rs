//! Queries in the typed tree: SELECT, set operations, VALUES, common table expressions and the items of FROM.

use std::sync::Arc;

use super::{Expr, SortKey, SourceId};
use crate::{catalog::Relation, execute::plan::OutputColumn};

/// A query: the body with what applies to its whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// `WITH`.
    pub ctes: Vec<Cte>,
    /// `WITH RECURSIVE`.
    pub recursive: bool,
    /// What it is.
    pub body: QueryBody,
    /// `ORDER BY`: over the select's sources, or over [`Query::output`] for a set operation or VALUES.
    pub order_by: Vec<SortKey>,
    /// `LIMIT`.
    pub limit: Option<Expr>,
    /// `OFFSET`.
    pub offset: Option<Expr>,
    /// `FETCH FIRST … WITH TIES`.
    pub with_ties: bool,
    /// The columns that it yields.
    pub columns: Vec<OutputColumn>,
    /// The source by which its own output is referred to (ORDER BY of a set operation).
    pub output: SourceId,
    /// `FOR UPDATE` and its kin.
    pub locks: bool,
}

/// The kinds of query bodies.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryBody {
    /// SELECT.
    Select(Box<Select>),
    /// UNION, INTERSECT, EXCEPT.
    SetOperation(Box<SetOperation>),
    /// VALUES.
    Values(Vec<Vec<Expr>>),
    /// A data change with RETURNING, or SELECT over its result, prepared elsewhere: the name of the temporary table that holds the rows.
    Materialized(String),
}

/// A set operation; the columns of both sides are already of the result's types.
#[derive(Clone, Debug, PartialEq)]
pub struct SetOperation {
    /// Which.
    pub operator: SetOperator,
    /// ALL.
    pub all: bool,
    /// Left side.
    pub left: Query,
    /// Right side.
    pub right: Query,
}

/// Set operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SetOperator {
    Union,
    Intersect,
    Except,
}

/// A SELECT.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// ALL, DISTINCT, DISTINCT ON.
    pub distinct: Distinct,
    /// The select list.
    pub targets: Vec<Target>,
    /// FROM: comma-separated items.
    pub from: Vec<From>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// GROUP BY: all expressions that occur.
    pub group_by: Vec<Expr>,
    /// The grouping sets as positions in `group_by`; none for a plain GROUP BY of all.
    pub grouping_sets: Option<Vec<Vec<usize>>>,
    /// HAVING.
    pub having: Option<Expr>,
    /// Whether it groups: GROUP BY, HAVING or an aggregate.
    pub grouped: bool,
}

/// DISTINCT.
#[derive(Clone, Debug, PartialEq)]
pub enum Distinct {
    /// Not.
    All,
    /// DISTINCT.
    Distinct,
    /// DISTINCT ON.
    On(Vec<Expr>),
}

/// An item of a select list.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The expression.
    pub expr: Expr,
    /// Its output name.
    pub name: String,
}

/// A common table expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Cte {
    /// Name in SQLite, unique in the statement.
    pub physical: String,
    /// Its query; the columns are `c1`, `c2`, …
    pub query: Query,
    /// Whether it refers to itself.
    pub recursive: bool,
    /// `MATERIALIZED` (true), `NOT MATERIALIZED` (false).
    pub materialized: Option<bool>,
    /// Types of the columns.
    pub columns: Vec<OutputColumn>,
}

/// An item of FROM.
#[derive(Clone, Debug, PartialEq)]
pub enum From {
    /// A table or catalog relation.
    Relation {
        /// Its source.
        source: SourceId,
        /// Which.
        relation: RelationRef,
        /// TABLESAMPLE: percentage.
        sample: Option<Expr>,
    },
    /// A subquery; columns are `c1`, `c2`, …
    Query {
        /// Its source.
        source: SourceId,
        /// The query.
        query: Box<Query>,
        /// Whether it may refer to earlier items.
        lateral: bool,
    },
    /// A common table expression; columns are `c1`, `c2`, …
    Cte {
        /// Its source.
        source: SourceId,
        /// Its name in SQLite.
        physical: String,
    },
    /// Functions; columns are `c1`, `c2`, … over all functions, then the ordinality.
    Function {
        /// Its source.
        source: SourceId,
        /// The calls: several by ROWS FROM.
        functions: Vec<FromFunction>,
        /// WITH ORDINALITY.
        ordinality: bool,
    },
    /// A join.
    Join {
        /// Kind.
        kind: JoinKind,
        /// Left side.
        left: Box<From>,
        /// Right side.
        right: Box<From>,
        /// Condition; none for CROSS.
        on: Option<Expr>,
    },
}

/// A function in FROM.
#[derive(Clone, Debug, PartialEq)]
pub struct FromFunction {
    /// The call (set-returning or not).
    pub expr: Expr,
    /// Types of its columns.
    pub columns: Vec<OutputColumn>,
    /// Whether the columns come from a column definition list, by which the function must be told names and types.
    pub defined: bool,
}

/// A relation, compared by its OID.
#[derive(Clone, Debug)]
pub struct RelationRef(pub Arc<Relation>);

impl PartialEq for RelationRef {
    fn eq(&self, other: &Self) -> bool {
        self.0.oid == other.0.oid
    }
}

impl std::ops::Deref for RelationRef {
    type Target = Relation;
    fn deref(&self) -> &Relation {
        &self.0
    }
}

/// The kinds of joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
}
