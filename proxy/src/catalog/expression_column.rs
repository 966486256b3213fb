//! The columns of a table that an expression in canonical text names.

use std::ops::ControlFlow;

use peergres_sync::schema::Table;
use sqlparser::ast::{Expr, Visit, Visitor};

/// Their numbers, each once, in the order in which they stand; none where the text is not understood.
pub(super) fn expression_columns(text: &str, table: &Table) -> Vec<i16> {
    struct Columns<'t>(&'t Table, Vec<i16>);
    impl Visitor for Columns<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            let name = match expression {
                Expr::Identifier(name) => Some(name),
                Expr::CompoundIdentifier(names) => names.last(),
                _ => None,
            };
            let column = name.and_then(|name| self.0.columns.iter().find(|column| column.name == name.value));
            if let Some(column) = column
                && !self.1.contains(&column.number)
            {
                self.1.push(column.number);
            }
            ControlFlow::Continue(())
        }
    }
    let mut columns = Columns(table, Vec::new());
    if let Ok(expression) = crate::parse::stored_expression(text) {
        let _ = expression.visit(&mut columns);
    }
    columns.1
}
