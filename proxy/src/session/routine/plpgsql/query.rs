//! Statements in SQL: plain ones, PERFORM, EXECUTE, and where their rows go.

use std::{ops::ControlFlow, rc::Rc};

use super::{
    super::{Rows, host::Nested, record},
    evaluate::columns_of,
    frame::Frame,
};
use crate::{
    error::{Result, SqlError, SqlState},
    execute::plan::{Plan, Tag},
    parse::{
        Node,
        plpgsql::{Expression, Into, Source, Target},
    },
    session::variables::Variables,
    types::{TypeRef, Value, anonymous, oid},
};

/// Rows with what their columns are.
#[derive(Default)]
pub(super) struct Found {
    pub(super) columns: Vec<(String, TypeRef)>,
    pub(super) rows: Rows,
}

fn columns(plan: &Plan) -> Vec<(String, TypeRef)> {
    plan.columns.iter().map(|column| (column.name.clone(), column.ty)).collect()
}

impl Frame<'_> {
    /// Runs a statement that has a plan; `limit` rows are kept.
    fn run(&mut self, plan: &Plan, values: &[Value], limit: usize) -> Result<Found> {
        let mut rows = Rows::new();
        let count = self.host.run(plan, values, &mut |row| {
            rows.push(row);
            // All of a data change runs, whatever is asked of its rows.
            Ok(if rows.len() >= limit && !plan.writes { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        self.row_count = count;
        Ok(Found { columns: columns(plan), rows })
    }

    /// The rows of a static query.
    fn query(&mut self, expression: &Expression, limit: usize) -> Result<Found> {
        let nested = self.nested(expression, !expression.is_query() && !self.is_change(expression))?;
        let (variables, types) = (self.variables(), self.types());
        let plan = self.host.plan(&nested, &variables, &types, None)?;
        self.run(&plan, &self.values(), limit)
    }

    fn is_change(&self, expression: &Expression) -> bool {
        let first: String = expression.text.chars().take_while(|c| c.is_alphabetic()).collect();
        matches!(first.to_ascii_lowercase().as_str(), "insert" | "update" | "delete" | "merge")
    }

    /// A statement in SQL.
    pub(super) fn sql(&mut self, statement: &Expression, into: Option<&Into>) -> Result<()> {
        let nested = self.nested(statement, false)?;
        if !nested.has_plan() {
            return match &nested.parsed.node {
                Node::Command(command) => self.host.command(command),
                _ => self.host.define(&nested),
            };
        }
        let (variables, types) = (self.variables(), self.types());
        let plan = self.host.plan(&nested, &variables, &types, None)?;
        if into.is_none() && plan.tag == Tag::Select {
            let error = SqlError::new(SqlState::SYNTAX_ERROR, "query has no destination for result data");
            return Err(error.hint("If you want to discard the results of a SELECT, use PERFORM instead."));
        }
        if into.is_none() && plan.tag == Tag::Fixed("CALL") && !plan.columns.is_empty() {
            return Err(SqlError::unsupported("CALL with output parameters in PL/pgSQL"));
        }
        if into.is_none() && !plan.columns.is_empty() && plan.tag != Tag::Fixed("CALL") {
            let error = SqlError::new(SqlState::SYNTAX_ERROR, "query has no destination for result data");
            return Err(error);
        }
        let found = self.run(&plan, &self.values(), if into.is_some() { 2 } else { usize::MAX })?;
        match into {
            Some(into) => self.into(into, found, plan.tag != Tag::Select),
            None => {
                if plan.tag != Tag::Fixed("CALL") {
                    self.set_found(self.row_count > 0);
                }
                Ok(())
            }
        }
    }

    /// `PERFORM`: the rows are thrown away.
    pub(super) fn perform(&mut self, query: &Expression) -> Result<()> {
        let nested = self.nested(query, true)?;
        let (variables, types) = (self.variables(), self.types());
        let plan = self.host.plan(&nested, &variables, &types, None)?;
        let count = self.host.run(&plan, &self.values(), &mut |_| Ok(ControlFlow::Continue(())))?;
        self.row_count = count;
        self.set_found(count > 0);
        Ok(())
    }

    /// INTO: the first row, or NULLs.
    fn into(&mut self, into: &Into, found: Found, changes: bool) -> Result<()> {
        let given = found.rows.len();
        if (into.strict || changes) && given > 1 {
            let error = SqlError::new(SqlState("P0003"), "query returned more than one row");
            return Err(error.hint("Make sure the query returns a single row, or use LIMIT 1."));
        }
        if into.strict && given == 0 {
            return Err(SqlError::new(SqlState("P0002"), "query returned no rows"));
        }
        self.row_count = u64::from(given > 0);
        self.take_row(&into.targets, &found.columns, found.rows.first())?;
        self.set_found(given > 0);
        Ok(())
    }

    /// Puts a row's columns into targets: one by one, or all of them into one record.
    pub(super) fn take_row(&mut self, targets: &[Target], columns: &[(String, TypeRef)], row: Option<&Vec<Value>>) -> Result<()> {
        if let [only] = targets
            && let Some(place) = self.takes_rows(only, columns)
        {
            return self.take_whole(place, columns, row);
        }
        for (at, target) in targets.iter().enumerate() {
            let (value, ty) = match (row.and_then(|row| row.get(at)), columns.get(at)) {
                (Some(value), Some((_, ty))) => (value.clone(), *ty),
                _ => (Value::Null, TypeRef::new(oid::TEXT)),
            };
            self.assign_value(target, value, ty)?;
        }
        Ok(())
    }

    /// The variable of a target that takes a row as a whole.
    fn takes_rows(&self, target: &Target, columns: &[(String, TypeRef)]) -> Option<usize> {
        let (place, taken) = self.find(&target.path)?;
        let slot = &self.slots[place];
        let is_plain = target.path.len() == taken && target.subscripts.is_empty();
        let is_row = slot.open || columns_of(slot.ty, &self.host.catalog()).is_some();
        // A single column of the variable's own type is the row itself.
        let is_same = !slot.open && matches!(columns, [(_, ty)] if ty.oid == slot.ty.oid);
        (is_plain && is_row && !is_same).then_some(place)
    }

    fn take_whole(&mut self, place: usize, columns: &[(String, TypeRef)], row: Option<&Vec<Value>>) -> Result<()> {
        let cx = self.host.context();
        if self.slots[place].open {
            let value = match row {
                Some(row) => record(row, columns, &cx)?,
                None => record(&vec![Value::Null; columns.len()], columns, &cx)?,
            };
            self.reshape(place, anonymous::record(columns.to_vec()));
            return self.store(place, value);
        }
        let wanted = columns_of(self.slots[place].ty, &cx.catalog).unwrap_or_default();
        let Some(row) = row else { return self.store(place, Value::Null) };
        let mut values = Vec::with_capacity(wanted.len());
        for (at, (_, ty)) in wanted.iter().enumerate() {
            values.push(match (row.get(at), columns.get(at)) {
                (Some(value), Some((_, from))) => self.cast(value.clone(), *from, *ty)?,
                _ => Value::Null,
            });
        }
        let value = record(&values, &wanted, &cx)?;
        self.store(place, value)
    }

    /// The rows that a loop, RETURN QUERY or a cursor goes through.
    pub(super) fn rows_of(&mut self, source: &Source) -> Result<Found> {
        match source {
            Source::Query(query) => self.query(query, usize::MAX),
            Source::Dynamic(command, using) => {
                let text = self.command_text(command)?;
                let (types, values) = self.using(using)?;
                self.dynamic(&text, &types, &values, usize::MAX)
            }
            Source::Cursor(name, arguments) => {
                if self.declared.contains_key(name) {
                    return self.cursor_rows(name, arguments);
                }
                Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("\"{name}\" is not a known cursor")))
            }
        }
    }

    pub(super) fn command_text(&mut self, command: &Expression) -> Result<String> {
        let null = || SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "query string argument of EXECUTE is null");
        self.text(command)?.ok_or_else(null)
    }

    fn using(&mut self, using: &[Expression]) -> Result<(Vec<TypeRef>, Vec<Value>)> {
        let (mut types, mut values) = (Vec::with_capacity(using.len()), Vec::with_capacity(using.len()));
        for expression in using {
            let (value, ty) = self.value(expression)?;
            types.push(ty);
            values.push(value);
        }
        Ok((types, values))
    }

    /// The statements of a text; the rows of the last one.
    fn dynamic(&mut self, text: &str, types: &[TypeRef], values: &[Value], limit: usize) -> Result<Found> {
        let parsed = crate::parse::parse(text).map_err(crate::bind::routine::without_position)?;
        let source: Rc<str> = text.into();
        let mut found = Found::default();
        for parsed in parsed {
            let nested = Nested::new(source.clone(), parsed);
            if nested.has_plan() {
                let plan = self.host.plan(&nested, &Rc::new(Variables::default()), types, None)?;
                found = self.run(&plan, values, limit)?;
                continue;
            }
            match &nested.parsed.node {
                Node::Command(command) => self.host.command(command)?,
                _ => self.host.define(&nested)?,
            }
            self.row_count = 0;
        }
        Ok(found)
    }

    /// `EXECUTE`: FOUND stays as it was.
    pub(super) fn execute(&mut self, command: &Expression, into: Option<&Into>, using: &[Expression]) -> Result<()> {
        let text = self.command_text(command)?;
        let (types, values) = self.using(using)?;
        let found = self.dynamic(&text, &types, &values, if into.is_some() { 2 } else { usize::MAX })?;
        let Some(into) = into else { return Ok(()) };
        let given = found.rows.len();
        if into.strict && given != 1 {
            return Err(match given {
                0 => SqlError::new(SqlState("P0002"), "query returned no rows"),
                _ => SqlError::new(SqlState("P0003"), "query returned more than one row"),
            });
        }
        self.take_row(&into.targets, &found.columns, found.rows.first())
    }
}
