//! Column references and whole rows: `a`, `t.a`, `s.t.a`, `t` (`parse_relation.c`), with PostgreSQL's errors and hints.

use sqlparser::ast::Ident;

use super::{
    Binder, Scope,
    binder::fold,
    scope::{Clause, Found, ScopeItem},
    tree::{Expr, ExprKind},
};
use crate::{
    error::{Result, SqlError, SqlState},
    session::variables::Meaning,
    types::{TypeRef, oid},
};

impl Binder<'_> {
    /// A name without a dot: a column, a whole row, `DEFAULT`, `VALUE`.
    pub(super) fn identifier(&mut self, ident: &Ident, scope: &Scope<'_>) -> Result<Expr> {
        let (name, position) = (fold(ident), self.position(ident.span));
        let variable = self.variable(std::slice::from_ref(&name), position)?;
        match (scope.column(&name, position)?, variable) {
            (Found::Column(_), Some((_, true))) => return Err(self.ambiguous_variable(&name, position)),
            (Found::Column(expr), _) | (Found::Nothing, Some((expr, _))) => return Ok(expr),
            (Found::Nothing, None) => {}
        }
        if ident.quote_style.is_none() {
            if let (Some(ty), "value") = (scope.domain_value, name.as_str()) {
                return Ok(Expr::new(ExprKind::Element, ty).at(position));
            }
            if name == "default" && matches!(scope.clause, Clause::Values | Clause::Insert | Clause::Update | Clause::Merge) {
                return Ok(Expr::new(ExprKind::Default, TypeRef::new(oid::UNKNOWN)).at(position));
            }
            if let Some(value) = super::syntax::sql_value(&name) {
                return Ok(super::syntax::sql_value_expr(value).at(position));
            }
        }
        if name == "tableoid" {
            let tables: Vec<_> = scope.all_items().into_iter().filter(|item| item.row_type != 0).collect();
            if let [item] = tables.as_slice() {
                return Ok(table_oid(item, position));
            }
        }
        if let Some(item) = scope.item(None, &name, position)? {
            return Ok(whole_row(item).at(position));
        }
        Err(self.undefined_column(None, &name, scope, position))
    }

    /// A name with dots.
    pub(super) fn compound_identifier(&mut self, parts: &[Ident], scope: &Scope<'_>) -> Result<Expr> {
        let names: Vec<String> = parts.iter().map(fold).collect();
        let position = self.position(parts[0].span);
        if scope.item(None, &names[0], position)?.is_none()
            && let Some((expr, _)) = self.variable(&names, position)?
        {
            return Ok(expr);
        }
        let (schema, table, column, fields) = match names.as_slice() {
            [table, column] => (None, table, column, &[][..]),
            [schema, table, column] => match scope.item(None, schema, position)? {
                Some(_) => (None, schema, table, std::slice::from_ref(column)),
                None => (Some(schema.as_str()), table, column, &[][..]),
            },
            [_, schema, table, column] => (Some(schema.as_str()), table, column, &[][..]),
            _ => {
                let message = format!("improper qualified name (too many dotted names): {}", names.join("."));
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).at(position));
            }
        };
        let mut found = match scope.item(schema, table, position)? {
            Some(item) => self.column_of(item, table, column, scope, position)?,
            None if schema.is_none() => match scope.column(table, position)? {
                Found::Column(row) if self.is_composite(row.ty.oid) => self.field(row, column, position)?,
                _ => return Err(self.missing_item(table, scope, position)),
            },
            None => return Err(self.missing_item(table, scope, position)),
        };
        for field in fields {
            found = self.field(found, field, position)?;
        }
        Ok(found)
    }

    /// The variable of the function around that a dotted name means, fields behind it taken; and whether a column of that name is an error.
    pub(super) fn variable(&mut self, names: &[String], position: usize) -> Result<Option<(Expr, bool)>> {
        let Some(variables) = self.cx.variables.clone() else { return Ok(None) };
        let Meaning::Variable(variable, taken) = variables.find(names) else { return Ok(None) };
        let mut expr = Expr::new(ExprKind::Parameter(variable.number), variable.ty).at(position);
        if variable.ty.oid == oid::RECORD && variable.ty.typmod < 0 {
            let error =
                SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, format!("record \"{}\" is not assigned yet", variable.name));
            return Err(error.detail("The tuple structure of a not-yet-assigned record is indeterminate."));
        }
        for field in &names[taken..] {
            expr = match self.field(expr, field, position) {
                Err(_) if variable.ty.oid == oid::RECORD => {
                    let message = format!("record \"{}\" has no field \"{field}\"", variable.name);
                    return Err(SqlError::new(SqlState::UNDEFINED_COLUMN, message));
                }
                found => found?,
            };
        }
        Ok(Some((expr, variables.strict)))
    }

    fn ambiguous_variable(&self, name: &str, position: usize) -> SqlError {
        super::scope::ambiguous_column(name, position).detail("It could refer to either a PL/pgSQL variable or a table column.")
    }

    fn column_of(&self, item: &ScopeItem, table: &str, column: &str, scope: &Scope<'_>, position: usize) -> Result<Expr> {
        let mut matching = item.columns.iter().filter(|candidate| candidate.name == column);
        match (matching.next(), matching.next()) {
            (Some(found), None) => Ok(found.expr.clone().at(position)),
            (Some(_), Some(_)) => Err(super::scope::ambiguous_column(column, position)),
            (None, _) if column == "tableoid" && item.row_type != 0 => Ok(table_oid(item, position)),
            (None, _) => Err(self.undefined_column(Some(table), column, scope, position)),
        }
    }

    /// 42703, with the name that was perhaps meant.
    pub(super) fn undefined_column(&self, table: Option<&str>, name: &str, scope: &Scope<'_>, position: usize) -> SqlError {
        let message = match table {
            Some(table) => format!("column {table}.{name} does not exist"),
            None => format!("column \"{name}\" does not exist"),
        };
        let error = SqlError::new(SqlState::UNDEFINED_COLUMN, message).at(position);
        let mut best: Option<(usize, String)> = None;
        for item in scope.all_items() {
            let Some(alias) = &item.alias else { continue };
            let penalty = usize::from(table.is_some_and(|table| table != alias));
            for column in &item.columns {
                let distance = edit_distance(name, &column.name) + penalty;
                let near = distance <= 3 && distance * 2 <= name.chars().count().max(1);
                if near && best.as_ref().is_none_or(|(known, _)| distance < *known) {
                    best = Some((distance, format!("{alias}.{}", column.name)));
                }
            }
        }
        match best {
            Some((_, meant)) => error.hint(format!("Perhaps you meant to reference the column \"{meant}\".")),
            None => error,
        }
    }

    /// 42P01 for a qualifier that names no FROM item.
    pub(super) fn missing_item(&self, name: &str, scope: &Scope<'_>, position: usize) -> SqlError {
        let hidden = scope.all_items().into_iter().find(|item| item.hidden_name.as_deref() == Some(name));
        match hidden.and_then(|item| item.alias.as_deref()) {
            Some(alias) => {
                let message = format!("invalid reference to FROM-clause entry for table \"{name}\"");
                SqlError::new(SqlState::UNDEFINED_TABLE, message)
                    .hint(format!("Perhaps you meant to reference the table alias \"{alias}\"."))
                    .at(position)
            }
            None => {
                let message = format!("missing FROM-clause entry for table \"{name}\"");
                SqlError::new(SqlState::UNDEFINED_TABLE, message).at(position)
            }
        }
    }
}

/// The system column `tableoid`: the OID of the table that a row lies in.
fn table_oid(item: &ScopeItem, position: usize) -> Expr {
    let of_table = i64::from(item.row_type & !crate::types::ROW_OID_BIT);
    Expr::new(ExprKind::Constant(rusqlite::types::Value::Integer(of_table)), TypeRef::new(oid::OID)).at(position)
}

/// A FROM item as one value: a row, or the only column of a function with a scalar result.
pub(super) fn whole_row(item: &ScopeItem) -> Expr {
    if item.scalar {
        return item.columns[0].expr.clone();
    }
    let fields: Vec<Expr> = item.columns.iter().map(|column| column.expr.clone()).collect();
    let is_absent = absent_row(&fields);
    let record = Expr::row(fields, item.columns.iter().map(|column| column.name.clone()).collect());
    let row = match item.row_type {
        0 => record,
        row_type => Expr::new(ExprKind::Relabel(Box::new(record), super::tree::CastForm::Implicit), TypeRef::new(row_type)),
    };
    match is_absent {
        None => row,
        Some(test) => {
            let ty = row.ty;
            let whens = vec![(test, Expr::null(ty))];
            Expr::new(ExprKind::Case { operand: None, whens, otherwise: Some(Box::new(row)) }, ty)
        }
    }
}

/// Whether an outer join found no row, so that all columns are NULL and the row itself is; none where the columns do not come from an
/// outer join.
fn absent_row(fields: &[Expr]) -> Option<Expr> {
    let is_optional = |field: &Expr| matches!(&field.kind, ExprKind::Column(column) if column.optional);
    if fields.is_empty() || !fields.iter().all(is_optional) {
        return None;
    }
    let test = |field: &Expr| Expr::boolean(ExprKind::IsNull { expr: Box::new(field.clone()), negated: false });
    Some(super::condition::all_of(fields.iter().map(test).collect()))
}

/// Levenshtein's distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
