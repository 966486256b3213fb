//! The typed tree: a statement in PostgreSQL's terms, every name resolved, every expression with its type, every cast explicit.
//!
//! Columns are named by their source, whose number is unique within the statement, so that an outer reference looks like any
//! other and moving a subtree needs no level arithmetic. Constants are in storage form.

use std::sync::Arc;

use rusqlite::types::Value;

use crate::{
    catalog::Proc,
    types::{Oid, TypeRef, anonymous, oid},
};

mod query;
mod sources;
mod walk;

pub use query::*;

/// A row source of the statement: an item of a FROM clause, a subquery's output, the target of a data change. It is `"s7"` in SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

impl SourceId {
    /// Columns without a qualifier: the expressions of CHECK, DEFAULT, indexes and RETURNING.
    pub const BARE: SourceId = SourceId(0);
    /// `excluded` of ON CONFLICT.
    pub const EXCLUDED: SourceId = SourceId(u32::MAX);
}

/// An expression with its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its type.
    pub ty: TypeRef,
    /// Where it stands in the statement: characters from 1, 0 where unknown.
    pub position: usize,
}

/// The kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A value in storage form; of type `unknown`, a literal whose type is not decided yet, as TEXT.
    Constant(Value),
    /// `$n`.
    Parameter(u32),
    /// A column.
    Column(ColumnRef),
    /// A function, operator or cast that is a row of `pg_proc`.
    Call(Box<Call>),
    /// An aggregate.
    Aggregate(Box<Aggregate>),
    /// A window function, or an aggregate over a window.
    Window(Box<WindowCall>),
    /// The same value under another type (binary-coercible, or a domain's base).
    Relabel(Box<Expr>, CastForm),
    /// Through the output function of one type and the input function of the other.
    InputOutput(Box<Expr>, CastForm),
    /// Each element of an array cast: the expression of one element, over [`ExprKind::Element`].
    ArrayCast(Box<Expr>, Box<Expr>, CastForm),
    /// Each field of a row cast to a composite type, or one row type to another.
    RowCast(Box<Expr>, CastForm),
    /// A domain's NOT NULL and CHECK applied.
    DomainCheck(Box<Expr>, CastForm),
    /// The element that an [`ExprKind::ArrayCast`] is at; also `VALUE` in a domain's CHECK.
    Element,
    /// AND of two or more.
    And(Vec<Expr>),
    /// OR of two or more.
    Or(Vec<Expr>),
    /// NOT.
    Not(Box<Expr>),
    /// `IS [NOT] NULL`.
    IsNull {
        /// What is tested.
        expr: Box<Expr>,
        /// NOT.
        negated: bool,
    },
    /// `IS [NOT] TRUE | FALSE | UNKNOWN`.
    IsTruth {
        /// What is tested.
        expr: Box<Expr>,
        /// TRUE, FALSE, or none for UNKNOWN.
        truth: Option<bool>,
        /// NOT.
        negated: bool,
    },
    /// CASE; with an operand, each condition is the comparison already, over [`ExprKind::CaseOperand`].
    Case {
        /// The operand.
        operand: Option<Box<Expr>>,
        /// Conditions and results.
        whens: Vec<(Expr, Expr)>,
        /// ELSE; none is NULL.
        otherwise: Option<Box<Expr>>,
    },
    /// The operand of the innermost CASE.
    CaseOperand,
    /// COALESCE.
    Coalesce(Vec<Expr>),
    /// NULLIF: the call of `=`; the result is its first argument.
    NullIf(Box<Expr>),
    /// GREATEST or LEAST.
    MinMax {
        /// GREATEST.
        greatest: bool,
        /// The arguments, of one type.
        args: Vec<Expr>,
    },
    /// `IS [NOT] DISTINCT FROM`: the call of `=`; `negated` is NOT DISTINCT.
    Distinct {
        /// The call of `=`.
        equal: Box<Expr>,
        /// NOT.
        negated: bool,
    },
    /// `x IN (…)` and `x NOT IN (…)` over a list: the operator applied to each, as `any` or `all`.
    InList {
        /// What is looked for.
        expr: Box<Expr>,
        /// The list, coerced to one type.
        list: Vec<Expr>,
        /// `=` (IN) or `<>` (NOT IN).
        operator: OperatorRef,
        /// NOT IN.
        negated: bool,
    },
    /// `x op ANY|ALL (array)`.
    ArrayComparison {
        /// Left operand.
        left: Box<Expr>,
        /// The array.
        array: Box<Expr>,
        /// The operator, over left and element.
        operator: OperatorRef,
        /// ALL.
        all: bool,
    },
    /// A subquery in an expression.
    Subquery(Box<Subquery>),
    /// `ARRAY[…]`; `nested` where the elements are arrays themselves.
    Array {
        /// The elements, of one type.
        elements: Vec<Expr>,
        /// Whether they are arrays.
        nested: bool,
    },
    /// `ROW(…)` or a whole-row reference.
    Row {
        /// The fields.
        fields: Vec<Expr>,
        /// Their names.
        names: Vec<String>,
    },
    /// `a[i]`, `a[i:j]`, `j['key']`.
    Subscript {
        /// Array or jsonb.
        container: Box<Expr>,
        /// One per dimension.
        subscripts: Vec<Subscript>,
    },
    /// The container with one element, slice or member replaced: `SET a[i] = v`.
    Assign {
        /// Array or jsonb.
        container: Box<Expr>,
        /// One per dimension.
        subscripts: Vec<Subscript>,
        /// The new value.
        value: Box<Expr>,
    },
    /// `(row).field`.
    Field {
        /// The row.
        row: Box<Expr>,
        /// Position of the field, from 0.
        index: usize,
        /// Its name.
        name: String,
    },
    /// `expr COLLATE "name"`.
    Collate(Box<Expr>, String),
    /// `CURRENT_DATE` and its kin, `CURRENT_USER` …
    SqlValue(SqlValue),
    /// `GROUPING(…)`: positions of the arguments in the select's `group_by`.
    Grouping(Vec<usize>),
    /// `DEFAULT` in VALUES or SET.
    Default,
    /// `nextval` of an identity or serial column is an ordinary call; this is the next value of a table's hidden key.
    HiddenKey,
}

/// A reference to a column of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnRef {
    /// The source.
    pub source: SourceId,
    /// Position among the source's columns, from 0.
    pub index: usize,
    /// Name in SQLite.
    pub physical: Arc<str>,
    /// Name in PostgreSQL.
    pub name: Arc<str>,
    /// OID of the table, 0 where it is none.
    pub table: Oid,
    /// Number in the table, 0 where it is none.
    pub number: i16,
    /// False where NULL is impossible.
    pub nullable: bool,
    /// Whether it stands on the far side of an outer join, whose rows may be absent.
    pub optional: bool,
}

/// A call of a row of `pg_proc`.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function.
    pub proc: ProcRef,
    /// The arguments; those of a VARIADIC, unless `variadic_array`, one by one after the fixed ones.
    pub args: Vec<Expr>,
    /// Written with the keyword VARIADIC: the last argument is the array.
    pub variadic_array: bool,
    /// How it was written.
    pub form: CallForm,
}

/// A function, compared by its OID.
#[derive(Clone, Debug)]
pub struct ProcRef(pub Arc<Proc>);

impl PartialEq for ProcRef {
    fn eq(&self, other: &Self) -> bool {
        self.0.oid == other.0.oid
    }
}

impl std::ops::Deref for ProcRef {
    type Target = Proc;
    fn deref(&self) -> &Proc {
        &self.0
    }
}

/// How a call was written.
#[derive(Clone, Debug, PartialEq)]
pub enum CallForm {
    /// `f(…)`.
    Function,
    /// With special syntax, printed so: `EXTRACT(… FROM …)`; the name is the keyword.
    Syntax(&'static str),
    /// An operator.
    Operator(Oid),
    /// A cast.
    Cast(CastForm),
}

/// How a cast came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastForm {
    /// Put there by the binder; not printed.
    Implicit,
    /// Written.
    Explicit,
}

/// An operator over two operands, already resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorRef {
    /// OID in `pg_operator`.
    pub oid: Oid,
    /// Its function.
    pub proc: ProcRef,
    /// Its name.
    pub name: String,
}

/// An aggregate call.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// The aggregate.
    pub proc: ProcRef,
    /// Direct arguments of an ordered-set aggregate.
    pub direct: Vec<Expr>,
    /// Arguments; empty for `count(*)`.
    pub args: Vec<Expr>,
    /// `DISTINCT`.
    pub distinct: bool,
    /// `ORDER BY`, inside or by WITHIN GROUP.
    pub order_by: Vec<SortKey>,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Expr>,
    /// `VARIADIC` array given.
    pub variadic_array: bool,
    /// `*`.
    pub star: bool,
}

/// A call over a window.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowCall {
    /// The function.
    pub proc: ProcRef,
    /// Arguments.
    pub args: Vec<Expr>,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Expr>,
    /// Its window.
    pub window: Window,
    /// `*`.
    pub star: bool,
}

/// A window, names resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The name by which it was called, for printing.
    pub name: Option<String>,
    /// `PARTITION BY`.
    pub partition_by: Vec<Expr>,
    /// `ORDER BY`.
    pub order_by: Vec<SortKey>,
    /// The frame, none for the default.
    pub frame: Option<Frame>,
}

/// A window's frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// ROWS, RANGE or GROUPS.
    pub unit: FrameUnit,
    /// Start.
    pub start: FrameBound,
    /// End.
    pub end: FrameBound,
    /// EXCLUDE.
    pub exclude: Option<FrameExclusion>,
}

/// What a frame counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FrameUnit {
    Rows,
    Range,
    Groups,
}

/// What a frame leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FrameExclusion {
    CurrentRow,
    Group,
    Ties,
}

/// A frame's end.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum FrameBound {
    UnboundedPreceding,
    Preceding(Box<Expr>),
    CurrentRow,
    Following(Box<Expr>),
    UnboundedFollowing,
}

/// A key of ORDER BY; NULLS as written or PostgreSQL's default.
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    /// The expression.
    pub expr: Expr,
    /// DESC.
    pub descending: bool,
    /// NULLS FIRST.
    pub nulls_first: bool,
}

/// One subscript.
#[derive(Clone, Debug, PartialEq)]
pub enum Subscript {
    /// `[i]`.
    Index(Expr),
    /// `[i:j]`.
    Slice(Option<Expr>, Option<Expr>),
}

/// A subquery in an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Subquery {
    /// What is asked of it.
    pub kind: SubqueryKind,
    /// The query.
    pub query: Query,
}

/// What an expression asks of its subquery.
#[derive(Clone, Debug, PartialEq)]
pub enum SubqueryKind {
    /// `EXISTS`.
    Exists,
    /// `(SELECT …)`.
    Scalar,
    /// `ARRAY(SELECT …)`.
    Array,
    /// `x op ANY (SELECT …)`, `IN`: the test over the subquery's columns, which stand as columns of `source`.
    Any {
        /// The left operands.
        left: Vec<Expr>,
        /// One operator per column.
        operators: Vec<OperatorRef>,
        /// The subquery's columns as the right operands, casts included, over `source`.
        right: Vec<Expr>,
        /// The source of the subquery's columns.
        source: SourceId,
    },
    /// `x op ALL (SELECT …)`: as for `Any`.
    All {
        /// The left operands.
        left: Vec<Expr>,
        /// One operator per column.
        operators: Vec<OperatorRef>,
        /// The right operands.
        right: Vec<Expr>,
        /// The source of the subquery's columns.
        source: SourceId,
    },
    /// `(a, b) = (SELECT …)`: as for `Any`, over at most one row.
    Row {
        /// The left operands.
        left: Vec<Expr>,
        /// One operator per column.
        operators: Vec<OperatorRef>,
        /// The right operands.
        right: Vec<Expr>,
        /// The source of the subquery's columns.
        source: SourceId,
    },
}

/// Values that SQL writes without parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SqlValue {
    CurrentDate,
    CurrentTime,
    CurrentTimestamp,
    LocalTime,
    LocalTimestamp,
    CurrentUser,
    SessionUser,
    CurrentCatalog,
    CurrentSchema,
}

impl Expr {
    /// An expression without a position.
    pub fn new(kind: ExprKind, ty: TypeRef) -> Self {
        Expr { kind, ty, position: 0 }
    }

    /// A boolean expression.
    pub fn boolean(kind: ExprKind) -> Self {
        Expr::new(kind, TypeRef::new(oid::BOOL))
    }

    /// A row of anonymous type.
    pub fn row(fields: Vec<Expr>, names: Vec<String>) -> Self {
        let ty = anonymous::record(names.iter().cloned().zip(fields.iter().map(|field| field.ty)).collect());
        Expr::new(ExprKind::Row { fields, names }, ty)
    }

    /// NULL of the given type.
    pub fn null(ty: TypeRef) -> Self {
        Expr::new(ExprKind::Constant(Value::Null), ty)
    }

    /// The same at a position.
    #[must_use]
    pub fn at(mut self, position: usize) -> Self {
        self.position = position;
        self
    }

    /// Whether it is a literal or parameter whose type is still open.
    pub fn is_unknown(&self) -> bool {
        self.ty.oid == oid::UNKNOWN
    }
}
