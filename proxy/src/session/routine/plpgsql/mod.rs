//! Bodies in PL/pgSQL (`pl_exec.c`). Enters: a function's tree and the values of its arguments. Leaves: the rows of its result. Everything in
//! SQL goes through [`super::Host`], with the variables as its parameters.

mod condition;
mod cursor;
mod declare;
mod evaluate;
mod frame;
mod loops;
mod query;
mod raise;
mod result;
mod statement;

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    rc::Rc,
};

use super::{Host, Routine, Rows, host::Nested};
use crate::{
    error::{Result, SqlError, SqlState},
    parse::plpgsql as tree,
    types::{TypeRef, Value},
};

use frame::{Flow, Frame};

/// A body made ready: its tree, and its statements in SQL once they have been parsed.
pub(in crate::session) struct Body {
    tree: tree::Body,
    nested: RefCell<HashMap<usize, Rc<Nested>>>,
    casts: RefCell<HashMap<String, Rc<Nested>>>,
    /// Expressions whose value gets to its variable's type by way of text.
    by_text: RefCell<HashSet<usize>>,
}

/// What a trigger's function is called with beside its arguments.
pub(in crate::session) struct Firing {
    /// The row's type.
    pub(in crate::session) row: TypeRef,
    /// `NEW`, as a row in text form.
    pub(in crate::session) new: Value,
    /// `OLD`.
    pub(in crate::session) old: Value,
    /// `TG_NAME` and its kin, by name.
    pub(in crate::session) facts: Vec<(&'static str, TypeRef, Value)>,
}

impl Body {
    /// Of a text.
    pub(in crate::session) fn parse(text: &str) -> Result<Body> {
        let tree = tree::parse(text)?;
        Ok(Body { tree, nested: RefCell::default(), casts: RefCell::default(), by_text: RefCell::default() })
    }

    /// Runs it as a function or procedure.
    pub(in crate::session) fn run(&self, routine: &Routine, host: &Host<'_>, args: Vec<Value>) -> Result<Rows> {
        let mut frame = Frame::new(self, routine, host);
        frame.parameters(args)?;
        let flow = frame.block(&self.tree.block)?;
        frame.finish(flow)
    }

    /// Runs it as a trigger: the row that goes on, none where nothing does. Only where the row is `wanted` it must be one.
    pub(in crate::session) fn fire(&self, routine: &Routine, host: &Host<'_>, firing: Firing, wanted: bool) -> Result<Option<Value>> {
        let row = firing.row;
        let mut frame = Frame::new(self, routine, host);
        frame.trigger_variables(firing);
        match frame.block(&self.tree.block)? {
            Flow::Return(value) if wanted => frame.returned_row(value, row),
            Flow::Return(_) => Ok(None),
            _ => {
                let error = SqlError::new(SqlState("2F005"), "control reached end of trigger procedure without RETURN");
                Err(error.context(frame.place()))
            }
        }
    }
}
