//! Loops.

use super::frame::{Flow, Frame};
use crate::{
    error::{Result, SqlError, SqlState},
    parse::plpgsql::{Expression, Source, Statement, Target},
    types::{
        Kind, TypeRef, Value,
        array::{Array, from_canonical},
        oid,
    },
};

/// The first, the last and the step of a FOR over integers.
type Bounds = (Expression, Expression, Option<Expression>);

/// What a turn of a loop leads to.
enum Turn {
    Again,
    Done(Flow),
}

impl Frame<'_> {
    fn turn(&mut self, label: Option<&String>, body: &[Statement]) -> Result<Turn> {
        Ok(match self.statements(body)? {
            Flow::Next | Flow::Continue(None) => Turn::Again,
            Flow::Continue(wanted) if wanted.as_ref() == label => Turn::Again,
            Flow::Exit(None) => Turn::Done(Flow::Next),
            Flow::Exit(wanted) if wanted.as_ref() == label => Turn::Done(Flow::Next),
            flow => Turn::Done(flow),
        })
    }

    pub(super) fn plain_loop(&mut self, label: Option<&String>, condition: Option<&Expression>, body: &[Statement]) -> Result<Flow> {
        loop {
            if let Some(condition) = condition
                && !self.condition(condition)?
            {
                return Ok(Flow::Next);
            }
            if let Turn::Done(flow) = self.turn(label, body)? {
                return Ok(flow);
            }
            if self.host.shared.handle.interrupted() != crate::session::registry::Interrupt::None {
                return Err(self.host.shared.handle.interrupted().error());
            }
        }
    }

    pub(super) fn range_loop(
        &mut self,
        label: Option<&String>,
        variable: &str,
        reverse: bool,
        bounds: &Bounds,
        body: &[Statement],
    ) -> Result<Flow> {
        let (mut at, last) = (self.integer(&bounds.0, "lower bound")?, self.integer(&bounds.1, "upper bound")?);
        let step = match &bounds.2 {
            Some(step) => self.integer(step, "BY value")?,
            None => 1,
        };
        if step <= 0 {
            return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "BY value of FOR loop must be greater than zero"));
        }
        let first = self.enter(label.cloned());
        let place = self.add(variable, TypeRef::new(oid::INT4), Value::Null);
        let (mut found, mut ended) = (false, Flow::Next);
        while if reverse { at >= last } else { at <= last } {
            found = true;
            self.slots[place].value = Value::Integer(at);
            if let Turn::Done(flow) = self.turn(label, body)? {
                ended = flow;
                break;
            }
            at += if reverse { -step } else { step };
        }
        self.leave(first);
        self.set_found(found);
        Ok(ended)
    }

    pub(super) fn row_loop(&mut self, label: Option<&String>, targets: &[Target], source: &Source, body: &[Statement]) -> Result<Flow> {
        let result = self.rows_of(source)?;
        let first = self.enter(label.cloned());
        // A loop over a cursor makes its own variable, as one over a query may not.
        if let (Source::Cursor(..), [Target { path, .. }]) = (source, targets) {
            self.add(&path[0], TypeRef::new(oid::RECORD), Value::Null);
        }
        let (found, mut ended) = (!result.rows.is_empty(), Flow::Next);
        for row in &result.rows {
            self.take_row(targets, &result.columns, Some(row))?;
            if let Turn::Done(flow) = self.turn(label, body)? {
                ended = flow;
                break;
            }
        }
        self.leave(first);
        self.set_found(found);
        Ok(ended)
    }

    pub(super) fn array_loop(
        &mut self,
        label: Option<&String>,
        targets: &[Target],
        slice: usize,
        array: &Expression,
        body: &[Statement],
    ) -> Result<Flow> {
        if slice > 0 {
            return Err(SqlError::unsupported("FOREACH … SLICE"));
        }
        let (value, ty) = self.value(array)?;
        let Value::Text(text) = value else {
            return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "FOREACH expression must not be null"));
        };
        let cx = self.host.context();
        let Some(Kind::Array(element)) = cx.catalog.type_by_oid(ty.oid).map(|ty| ty.kind.clone()) else {
            let shown = cx.catalog.format_type(ty, &cx.search_path);
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, format!("FOREACH expression must yield an array, not type {shown}")));
        };
        let of = cx.catalog.type_by_oid(element).cloned().ok_or_else(|| SqlError::internal("an array of no type"))?;
        let elements = Array::parse(&text, of.delimiter)?.elements;
        let first = self.enter(label.cloned());
        let (found, mut ended) = (!elements.is_empty(), Flow::Next);
        for element in elements {
            let value = match element {
                Some(text) => from_canonical(&text, &of, &cx)?,
                None => Value::Null,
            };
            self.assign_value(&targets[0], value, TypeRef::new(of.oid))?;
            if let Turn::Done(flow) = self.turn(label, body)? {
                ended = flow;
                break;
            }
        }
        self.leave(first);
        self.set_found(found);
        Ok(ended)
    }
}
