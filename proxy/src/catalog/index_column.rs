//! The columns of an index as `pg_attribute` has them: a name for each key (`ChooseIndexColumnNames`, `FigureIndexColname`), and its type.

use peergres_sync::schema::{Index, Table};
use sqlparser::ast::{Expr, ObjectNamePart};

use std::sync::Arc;

use super::Catalog;
use crate::{
    bind::{self, Clause, Scope},
    session::context::Context,
    types::{TypeRef, oid},
};

/// A name for each key and included column, made different by numbers.
pub(super) fn names(index: &Index) -> Vec<String> {
    let keys = index.keys.iter().map(|key| match (&key.column, &key.expression) {
        (Some(column), _) => column.clone(),
        (None, Some(expression)) => parsed(&expression.text).and_then(|expression| figured(&expression)).unwrap_or("expr".to_owned()),
        (None, None) => "expr".to_owned(),
    });
    let mut names: Vec<String> = Vec::new();
    for wanted in keys.chain(index.include.iter().cloned()) {
        let mut name = wanted.clone();
        let mut number = 1;
        while names.contains(&name) {
            name = format!("{wanted}{number}");
            number += 1;
        }
        names.push(name);
    }
    names
}

fn parsed(text: &str) -> Option<Expr> {
    crate::parse::stored_expression(text).ok()
}

/// The name that an expression suggests: of its function, column or type.
fn figured(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.clone()),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => figured(inner),
        Expr::Cast { expr, data_type, .. } => figured(expr).or_else(|| Some(data_type.to_string().to_lowercase())),
        Expr::Function(function) => match function.name.0.last() {
            Some(ObjectNamePart::Identifier(name)) => Some(name.value.clone()),
            _ => None,
        },
        Expr::Case { .. } => Some("case".to_owned()),
        _ => None,
    }
}

/// The type of each key and included column.
pub(super) fn types(catalog: &Arc<Catalog>, index: &Index, table: &Table) -> Vec<TypeRef> {
    let of_column = |name: &String| {
        let column = table.columns.iter().find(|column| column.name == *name);
        column.and_then(|column| catalog.parse_type(&column.type_name, &[]).ok()).unwrap_or(TypeRef::new(oid::TEXT))
    };
    let keys = index.keys.iter().map(|key| match (&key.column, &key.expression) {
        (Some(column), _) => of_column(column),
        (None, Some(expression)) => of_expression(catalog, &expression.text, table),
        (None, None) => TypeRef::new(oid::TEXT),
    });
    keys.chain(index.include.iter().map(of_column)).collect()
}

/// The type of an expression over a table's columns, which bound when the index was made.
fn of_expression(catalog: &Arc<Catalog>, text: &str, table: &Table) -> TypeRef {
    let bound = || {
        let relation = catalog.relation(Some(&table.name.schema), &table.name.name, &[])?;
        let cx = Context { catalog: catalog.clone(), ..Context::default() };
        bind::expression(&parsed(text)?, text, &mut Scope::of_relation(relation, Clause::IndexExpression), &cx).ok()
    };
    bound().map_or(TypeRef::new(oid::TEXT), |bound| bound.ty)
}
