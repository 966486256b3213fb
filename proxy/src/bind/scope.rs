//! What names mean at one place of a statement: the FROM items in reach, level by level, and what the clause allows.

use std::sync::Arc;

use super::tree::{ColumnRef, Expr, ExprKind, SourceId};
use crate::{
    catalog::Relation,
    error::{Result, SqlError, SqlState},
    types::{Oid, TypeRef},
};

/// The clause that is being bound: what it allows, and what errors call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Clause {
    Select,
    Where,
    GroupBy,
    Having,
    OrderBy,
    DistinctOn,
    JoinCondition,
    JoinUsing,
    From,
    Limit,
    Offset,
    Values,
    Filter,
    Window,
    Aggregate,
    Insert,
    Update,
    Returning,
    OnConflict,
    Merge,
    Check,
    Default,
    IndexExpression,
    IndexPredicate,
    Generated,
    AlterType,
    Execute,
    Call,
    CopyWhere,
}

impl Clause {
    /// What PostgreSQL's errors call the place.
    pub fn name(self) -> &'static str {
        match self {
            Clause::Select => "SELECT",
            Clause::Where => "WHERE",
            Clause::GroupBy => "GROUP BY",
            Clause::Having => "HAVING",
            Clause::OrderBy => "ORDER BY",
            Clause::DistinctOn => "DISTINCT ON",
            Clause::JoinCondition | Clause::JoinUsing => "JOIN conditions",
            Clause::From => "functions in FROM",
            Clause::Limit => "LIMIT",
            Clause::Offset => "OFFSET",
            Clause::Values => "VALUES",
            Clause::Filter => "FILTER",
            Clause::Window => "window definitions",
            Clause::Aggregate => "aggregate function calls",
            Clause::Insert => "INSERT",
            Clause::Update => "UPDATE",
            Clause::Returning => "RETURNING",
            Clause::OnConflict => "ON CONFLICT",
            Clause::Merge => "MERGE WHEN conditions",
            Clause::Check => "check constraints",
            Clause::Default => "DEFAULT expressions",
            Clause::IndexExpression => "index expressions",
            Clause::IndexPredicate => "index predicates",
            Clause::Generated => "column generation expressions",
            Clause::AlterType => "transform expressions",
            Clause::Execute => "EXECUTE parameters",
            Clause::Call => "CALL arguments",
            Clause::CopyWhere => "COPY FROM WHERE conditions",
        }
    }

    /// Whether aggregates may stand there.
    pub fn allows_aggregates(self) -> bool {
        matches!(self, Clause::Select | Clause::Having | Clause::OrderBy | Clause::DistinctOn | Clause::Window)
    }

    /// Whether window functions may stand there.
    pub fn allows_windows(self) -> bool {
        matches!(self, Clause::Select | Clause::OrderBy | Clause::DistinctOn)
    }

    /// Whether set-returning functions may stand there.
    pub fn allows_sets(self) -> bool {
        matches!(self, Clause::Select | Clause::OrderBy | Clause::DistinctOn | Clause::GroupBy | Clause::From | Clause::Window)
    }

    /// Whether subqueries may stand there.
    pub fn allows_subqueries(self) -> bool {
        !matches!(
            self,
            Clause::Check
                | Clause::Default
                | Clause::IndexExpression
                | Clause::IndexPredicate
                | Clause::Generated
                | Clause::AlterType
                | Clause::Execute
                | Clause::Call
                | Clause::CopyWhere
        )
    }
}

/// A column by its name in a scope, and the expression it stands for.
#[derive(Clone, Debug)]
pub struct ScopeColumn {
    /// Name.
    pub name: String,
    /// What it is: mostly a column of the item's source; for merged columns of a join any expression.
    pub expr: Expr,
}

/// A FROM item in reach.
#[derive(Clone, Debug)]
pub struct ScopeItem {
    /// The name by which columns are qualified; none for an unnamed join.
    pub alias: Option<String>,
    /// Its schema, where it goes by its own name.
    pub schema: Option<String>,
    /// The table's name where an alias hides it (for hints).
    pub hidden_name: Option<String>,
    /// Its source.
    pub source: SourceId,
    /// OID of its row type, 0 for an anonymous one.
    pub row_type: Oid,
    /// Whether it is a function with a scalar result, whose alias alone is its value.
    pub scalar: bool,
    /// Its columns.
    pub columns: Vec<ScopeColumn>,
    /// Whether its columns can be named without the alias (false for what a join merged or renamed).
    pub columns_visible: bool,
    /// Whether it can be named by its alias.
    pub alias_visible: bool,
    /// False where it may only be named from a later part of FROM by LATERAL, which is not written.
    pub lateral_ok: bool,
}

/// One level of names.
pub struct Scope<'p> {
    /// The level around this one.
    pub parent: Option<&'p Scope<'p>>,
    /// FROM items.
    pub items: Vec<ScopeItem>,
    /// The clause being bound.
    pub clause: Clause,
    /// Named windows.
    pub windows: Vec<(String, super::tree::Window)>,
    /// `VALUE` of a domain's CHECK: its base type.
    pub domain_value: Option<TypeRef>,
}

/// What a name was found to be.
pub enum Found {
    /// A column.
    Column(Expr),
    /// Nothing.
    Nothing,
}

impl<'p> Scope<'p> {
    /// A scope with nothing in reach.
    pub fn empty(clause: Clause) -> Scope<'static> {
        Scope { parent: None, items: Vec::new(), clause, windows: Vec::new(), domain_value: None }
    }

    /// A scope inside another.
    pub fn inside(parent: &'p Scope<'p>, clause: Clause) -> Scope<'p> {
        Scope { parent: Some(parent), items: Vec::new(), clause, windows: Vec::new(), domain_value: None }
    }

    /// The scope of an expression over one table's columns, as CHECK, DEFAULT and indexes have it: columns print without a qualifier.
    pub fn of_relation(relation: &Relation, clause: Clause) -> Scope<'static> {
        let mut scope = Scope::empty(clause);
        scope.items.push(ScopeItem::of_relation(relation, None, SourceId::BARE));
        scope
    }

    /// The column of that name without a qualifier, at this level or the nearest outer one; 42702 where two have it.
    pub fn column(&self, name: &str, position: usize) -> Result<Found> {
        let mut level = Some(self);
        while let Some(scope) = level {
            let mut found: Option<&Expr> = None;
            for item in scope.items.iter().filter(|item| item.columns_visible) {
                for column in item.columns.iter().filter(|column| column.name == name) {
                    if !item.lateral_ok {
                        return Err(lateral_error(item, position));
                    }
                    if found.is_some() {
                        return Err(ambiguous_column(name, position));
                    }
                    found = Some(&column.expr);
                }
            }
            if let Some(expr) = found {
                return Ok(Found::Column(expr.clone().at(position)));
            }
            level = scope.parent;
        }
        Ok(Found::Nothing)
    }

    /// The FROM item of that name, at this level or the nearest outer one.
    pub fn item(&self, schema: Option<&str>, name: &str, position: usize) -> Result<Option<&ScopeItem>> {
        let mut level = Some(self);
        while let Some(scope) = level {
            let matches = |item: &&ScopeItem| {
                item.alias_visible
                    && item.alias.as_deref() == Some(name)
                    && schema.is_none_or(|schema| item.schema.as_deref() == Some(schema))
            };
            let mut found = scope.items.iter().filter(matches);
            if let Some(item) = found.next() {
                if found.next().is_some() {
                    let message = format!("table reference \"{name}\" is ambiguous");
                    return Err(SqlError::new(SqlState::AMBIGUOUS_ALIAS, message).at(position));
                }
                if !item.lateral_ok {
                    return Err(lateral_error(item, position));
                }
                return Ok(Some(item));
            }
            level = scope.parent;
        }
        Ok(None)
    }

    /// Every item of every level, inner first (for hints).
    pub fn all_items(&self) -> Vec<&ScopeItem> {
        let mut out = Vec::new();
        let mut level = Some(self);
        while let Some(scope) = level {
            out.extend(&scope.items);
            level = scope.parent;
        }
        out
    }

    /// Whether the source is one of this level's.
    pub fn owns(&self, source: SourceId) -> bool {
        let owns = |expr: &Expr| expr.any(&mut |e| matches!(&e.kind, ExprKind::Column(c) if c.source == source));
        self.items.iter().any(|item| item.source == source || item.columns.iter().any(|column| owns(&column.expr)))
    }
}

/// 42P10 for an item on the other side of a join that adds rows by itself.
fn lateral_error(item: &ScopeItem, position: usize) -> SqlError {
    let name = item.alias.as_deref().unwrap_or("unnamed_join");
    SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, format!("invalid reference to FROM-clause entry for table \"{name}\""))
        .detail("The combining JOIN type must be INNER or LEFT for a LATERAL reference.")
        .at(position)
}

/// 42702.
pub(super) fn ambiguous_column(name: &str, position: usize) -> SqlError {
    SqlError::new(SqlState::AMBIGUOUS_COLUMN, format!("column reference \"{name}\" is ambiguous")).at(position)
}

impl ScopeItem {
    /// An item with the columns of a relation under `alias`, or its own name.
    pub fn of_relation(relation: &Relation, alias: Option<&str>, source: SourceId) -> ScopeItem {
        let columns = relation.columns.iter().enumerate().map(|(index, column)| ScopeColumn {
            name: column.name.clone(),
            expr: Expr::new(
                ExprKind::Column(ColumnRef {
                    source,
                    index,
                    physical: Arc::from(column.physical.as_str()),
                    name: Arc::from(column.name.as_str()),
                    table: relation.oid,
                    number: column.number,
                    nullable: !column.not_null,
                    optional: false,
                }),
                column.ty,
            ),
        });
        ScopeItem {
            alias: Some(alias.unwrap_or(&relation.name.name).to_owned()),
            schema: alias.is_none().then(|| relation.name.schema.clone()),
            hidden_name: alias.map(|_| relation.name.name.clone()),
            source,
            row_type: relation.oid | crate::types::ROW_OID_BIT,
            scalar: false,
            columns: columns.collect(),
            columns_visible: true,
            alias_visible: true,
            lateral_ok: true,
        }
    }

    /// An item over a subquery or function whose columns are `c1`, `c2`, … in SQLite.
    pub fn of_columns(alias: &str, source: SourceId, columns: &[(String, TypeRef)]) -> ScopeItem {
        let column = |(index, (name, ty)): (usize, &(String, TypeRef))| ScopeColumn {
            name: name.clone(),
            expr: output_column(source, index, name, *ty),
        };
        ScopeItem {
            alias: Some(alias.to_owned()),
            schema: None,
            hidden_name: None,
            source,
            row_type: 0,
            scalar: false,
            columns: columns.iter().enumerate().map(column).collect(),
            columns_visible: true,
            alias_visible: true,
            lateral_ok: true,
        }
    }
}

/// A column of a subquery's output: `c1`, `c2`, … in SQLite.
pub fn output_column(source: SourceId, index: usize, name: &str, ty: TypeRef) -> Expr {
    let physical = Arc::from(format!("c{}", index + 1));
    let column = ColumnRef { source, index, physical, name: Arc::from(name), table: 0, number: 0, nullable: true, optional: false };
    Expr::new(ExprKind::Column(column), ty)
}
