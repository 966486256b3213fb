//! Bodies in SQL: their statements one after the other, the rows of the last one for the result (`functions.c`).

use std::{cell::OnceCell, ops::ControlFlow, rc::Rc};

use peergres_sync::schema::Function;

use super::{Host, Routine, Rows, fields, host::Nested};
use crate::{
    bind::routine::{self, Shape},
    error::{Result, SqlError, SqlState},
    execute::plan::Plan,
    session::variables::Variables,
    types::{TypeRef, Value},
};

/// A body's statements.
pub(super) struct Body {
    statements: Vec<Nested>,
    variables: OnceCell<Rc<Variables>>,
}

impl Body {
    /// Of a function.
    pub(super) fn parse(function: &Function) -> Result<Body> {
        let (source, parsed) = routine::statements(function)?;
        let statements = parsed.into_iter().map(|parsed| Nested::new(source.clone(), parsed)).collect();
        Ok(Body { statements, variables: OnceCell::new() })
    }

    /// Runs it.
    pub(super) fn run(&self, routine: &Routine, host: &Host<'_>, args: Vec<Value>) -> Result<Rows> {
        let name = &routine.function.name.name;
        let variables = self.variables.get_or_init(|| Rc::new(routine::variables(&routine.function, &routine.types)));
        let mut rows = Rows::new();
        for (at, nested) in self.statements.iter().enumerate() {
            let is_last = at + 1 == self.statements.len() && routine.shape != Shape::Void;
            let told = |error: SqlError| match error.fields().context {
                Some(_) => error,
                None => error.context(format!("SQL function \"{name}\" statement {}", at + 1)),
            };
            self.statement(nested, is_last.then_some(&mut rows), routine, host, variables, &args).map_err(told)?;
        }
        // A function whose result is nothing has one row all the same.
        if routine.shape == Shape::Void && !routine.function.returns_set {
            rows.push(vec![Value::Null]);
        }
        Ok(rows)
    }

    fn statement(
        &self,
        nested: &Nested,
        rows: Option<&mut Rows>,
        routine: &Routine,
        host: &Host<'_>,
        variables: &Rc<Variables>,
        args: &[Value],
    ) -> Result<()> {
        if !nested.has_plan() {
            return match &nested.parsed.node {
                crate::parse::Node::Command(command) => host.command(command),
                _ => host.define(nested),
            };
        }
        let Some(rows) = rows else {
            let plan = host.plan(nested, variables, &routine.types, None)?;
            return host.run(&plan, args, &mut |_| Ok(ControlFlow::Continue(()))).map(|_| ());
        };
        let wanted = wanted(&routine.shape);
        let plan = host.plan(nested, variables, &routine.types, wanted.as_deref())?;
        let one = !routine.function.returns_set;
        let first = rows.len();
        host.run(&plan, args, &mut |row| {
            rows.push(row);
            // All of a data change runs, whatever is asked of its rows.
            Ok(if one && !plan.writes { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if one {
            rows.truncate(first + 1);
        }
        fit(rows, &plan, routine, host)
    }
}

/// The types that the columns of the last statement are coerced to.
fn wanted(shape: &Shape) -> Option<Vec<TypeRef>> {
    match shape {
        Shape::Scalar(ty) => Some(vec![*ty]),
        Shape::Row(columns) => Some(columns.iter().map(|(_, ty)| *ty).collect()),
        Shape::Void | Shape::Record => None,
    }
}

/// Brings rows into the declared shape: a column that is the whole row is taken apart.
fn fit(rows: &mut Rows, plan: &Plan, routine: &Routine, host: &Host<'_>) -> Result<()> {
    let cx = host.context();
    match (&routine.shape, plan.columns.len()) {
        (Shape::Row(columns), 1) if columns.len() != 1 || routine::composite(plan.columns[0].ty.concrete(), &cx.catalog).is_some() => {
            for row in rows.iter_mut() {
                let whole = row.pop().unwrap_or(Value::Null);
                *row = fields(&whole, columns, &cx)?;
            }
            Ok(())
        }
        (Shape::Row(columns), given) if columns.len() != given => Err(mismatch(routine, &cx)),
        (Shape::Scalar(_), given) if given != 1 => Err(mismatch(routine, &cx)),
        // Rows whose columns nobody declared become values here, so that they can stand in an expression.
        (Shape::Record, _) => {
            let columns: Vec<(String, TypeRef)> = plan.columns.iter().map(|column| (column.name.clone(), column.ty)).collect();
            for row in rows.iter_mut() {
                *row = vec![super::record(row, &columns, &cx)?];
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn mismatch(routine: &Routine, cx: &crate::session::context::Context) -> SqlError {
    let shown = match cx.catalog.parse_type(&routine.function.returns, &[]) {
        Ok(ty) => cx.catalog.format_type(ty, &cx.search_path),
        Err(_) => routine.function.returns.clone(),
    };
    SqlError::new(SqlState("42P13"), format!("return type mismatch in function declared to return {shown}"))
}
