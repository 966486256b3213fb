//! [`Frame`]: one run of a body: its variables, where it stands, what it has given back so far.

use std::{collections::HashMap, rc::Rc};

use super::{
    super::{Host, Routine, Rows},
    Body, Firing,
    cursor::Open,
};
use crate::{
    bind::routine::Shape,
    error::{Result, SqlError, SqlState},
    session::variables::{Level, Variable, Variables},
    types::{TypeRef, Value, oid},
};

/// A variable.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) ty: TypeRef,
    pub(super) value: Value,
    pub(super) constant: bool,
    pub(super) not_null: bool,
    /// Declared as `record`: it takes the shape of what it is assigned.
    pub(super) open: bool,
}

/// Names that a block brought, by the place of their variable.
#[derive(Clone, Debug)]
struct Names {
    label: Option<String>,
    names: Vec<(String, usize)>,
}

/// How a statement ended.
#[derive(Debug)]
pub(super) enum Flow {
    /// The next statement runs.
    Next,
    /// A loop or block is left; none for the innermost loop.
    Exit(Option<String>),
    /// A loop goes on with its next turn.
    Continue(Option<String>),
    /// The function ends with this value.
    Return(Value),
}

/// One run of a body.
pub(super) struct Frame<'r> {
    pub(super) body: &'r Body,
    pub(super) routine: &'r Routine,
    pub(super) host: &'r Host<'r>,
    pub(super) slots: Vec<Slot>,
    levels: Vec<Names>,
    variables: Option<Rc<Variables>>,
    /// What RETURN NEXT and RETURN QUERY gave so far.
    pub(super) rows: Rows,
    /// The errors that handlers are busy with, innermost last.
    pub(super) handled: Vec<SqlError>,
    /// Rows of the last statement in SQL.
    pub(super) row_count: u64,
    pub(super) cursors: HashMap<String, Open>,
    /// Cursors as declared: arguments and query.
    pub(super) declared: HashMap<String, super::declare::Cursor>,
    pub(super) portals: usize,
    found: usize,
    /// The type of what a trigger's function returned.
    pub(super) returned: TypeRef,
    /// Where it stands: line, and what kind of statement.
    pub(super) at: (usize, &'static str),
}

impl<'r> Frame<'r> {
    pub(super) fn new(body: &'r Body, routine: &'r Routine, host: &'r Host<'r>) -> Self {
        let outermost = Names { label: Some(routine.function.name.name.clone()), names: Vec::new() };
        let mut frame = Frame {
            body,
            routine,
            host,
            slots: Vec::new(),
            levels: vec![outermost],
            variables: None,
            rows: Rows::new(),
            handled: Vec::new(),
            row_count: 0,
            cursors: HashMap::new(),
            declared: HashMap::new(),
            portals: 0,
            found: 0,
            returned: TypeRef::new(oid::RECORD),
            at: (0, ""),
        };
        frame.found = frame.add("found", TypeRef::new(oid::BOOL), Value::Integer(0));
        frame
    }

    /// A new variable in the innermost level; its place.
    pub(super) fn add(&mut self, name: &str, ty: TypeRef, value: Value) -> usize {
        let open = ty.oid == oid::RECORD && ty.typmod < 0;
        let place = self.slots.len();
        self.slots.push(Slot { name: name.to_owned(), ty, value, constant: false, not_null: false, open });
        self.name(name, place);
        place
    }

    /// One more name for a variable.
    pub(super) fn name(&mut self, name: &str, place: usize) {
        self.variables = None;
        if let Some(level) = self.levels.last_mut() {
            level.names.push((name.to_owned(), place));
        }
    }

    /// The function's parameters, those that only come out included, by name and as `$n`.
    pub(super) fn parameters(&mut self, args: Vec<Value>) -> Result<()> {
        let mut inputs = args.into_iter().zip(&self.routine.types);
        let function = self.routine.function.clone();
        let outputs = match &self.routine.shape {
            Shape::Row(columns) => columns.iter().map(|(_, ty)| *ty).collect(),
            Shape::Scalar(ty) => vec![*ty],
            _ => Vec::new(),
        };
        let mut outputs = outputs.into_iter();
        let mut number = 0;
        for (mode, (name, type_name, _)) in function.parameters() {
            let mut given = None;
            if matches!(mode, 'i' | 'b' | 'v') {
                number += 1;
                given = inputs.next();
            }
            let output = if matches!(mode, 'o' | 'b' | 't') { outputs.next() } else { None };
            let (value, ty) = match (given, output) {
                (Some((value, ty)), _) => (value, *ty),
                (None, Some(ty)) => (Value::Null, ty),
                (None, None) => (Value::Null, self.host.catalog().parse_type(type_name, &[])?),
            };
            let place = self.add(name, ty, value);
            if matches!(mode, 'i' | 'b' | 'v') {
                self.name(&format!("${number}"), place);
            }
        }
        Ok(())
    }

    /// What a trigger's function finds.
    pub(super) fn trigger_variables(&mut self, firing: Firing) {
        self.add("new", firing.row, firing.new);
        self.add("old", firing.row, firing.old);
        for (name, ty, value) in firing.facts {
            self.add(name, ty, value);
        }
    }

    /// Opens a level of names.
    pub(super) fn enter(&mut self, label: Option<String>) -> usize {
        self.variables = None;
        self.levels.push(Names { label, names: Vec::new() });
        self.slots.len()
    }

    /// Closes the innermost level; variables from that place on are gone.
    pub(super) fn leave(&mut self, first: usize) {
        self.variables = None;
        self.levels.pop();
        self.slots.truncate(first);
    }

    /// How many levels are open, for what an error leaves behind.
    pub(super) fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Goes back to so many levels and variables.
    pub(super) fn cut(&mut self, depth: usize, first: usize) {
        self.variables = None;
        self.levels.truncate(depth);
        self.slots.truncate(first);
    }

    /// The variable that a dotted name begins with: its place, and how many parts that took.
    pub(super) fn find(&self, path: &[String]) -> Option<(usize, usize)> {
        let first = path.first()?;
        for level in self.levels.iter().rev() {
            if let Some((_, place)) = level.names.iter().rev().find(|(name, _)| name == first) {
                return Some((*place, 1));
            }
            if let (true, Some(second)) = (level.label.as_ref() == Some(first), path.get(1))
                && let Some((_, place)) = level.names.iter().rev().find(|(name, _)| name == second)
            {
                return Some((*place, 2));
            }
        }
        None
    }

    /// The names as the binder looks them up.
    pub(super) fn variables(&mut self) -> Rc<Variables> {
        if let Some(known) = &self.variables {
            return known.clone();
        }
        let level = |names: &Names| Level {
            label: names.label.clone(),
            variables: names
                .names
                .iter()
                .map(|(name, place)| Variable { name: name.clone(), ty: self.slots[*place].ty, number: *place as u32 + 1 })
                .collect(),
        };
        let made = Rc::new(Variables { levels: self.levels.iter().map(level).collect(), strict: true });
        self.variables = Some(made.clone());
        made
    }

    /// A variable has another type now.
    pub(super) fn reshape(&mut self, place: usize, ty: TypeRef) {
        if self.slots[place].ty != ty {
            self.slots[place].ty = ty;
            self.variables = None;
        }
    }

    pub(super) fn types(&self) -> Vec<TypeRef> {
        self.slots.iter().map(|slot| slot.ty).collect()
    }

    pub(super) fn values(&self) -> Vec<Value> {
        self.slots.iter().map(|slot| slot.value.clone()).collect()
    }

    pub(super) fn set_found(&mut self, found: bool) {
        self.slots[self.found].value = Value::Integer(found.into());
    }

    /// Stores a value of the variable's type.
    pub(super) fn store(&mut self, place: usize, value: Value) -> Result<()> {
        let slot = &mut self.slots[place];
        if slot.constant {
            return Err(SqlError::new(SqlState("22005"), format!("variable \"{}\" is declared CONSTANT", slot.name)));
        }
        if slot.not_null && value == Value::Null {
            let message = format!("null value cannot be assigned to variable \"{}\" declared NOT NULL", slot.name);
            return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, message));
        }
        slot.value = value;
        Ok(())
    }

    /// Where it stands, as an error's context tells it.
    pub(super) fn place(&self) -> String {
        let function = &self.routine.function;
        let what = match function.name.name.as_str() {
            "" => "inline_code_block".to_owned(),
            _ => {
                let catalog = self.host.catalog();
                let types = function.inputs().map(|(_, ty, _)| match catalog.parse_type(ty, &[]) {
                    Ok(ty) => catalog.format_type(ty, &["public".to_owned()]),
                    Err(_) => ty.clone(),
                });
                format!("function {}({})", function.name.name, types.collect::<Vec<_>>().join(","))
            }
        };
        let (line, kind) = self.at;
        if line == 0 { format!("PL/pgSQL {what}") } else { format!("PL/pgSQL {what} line {line} at {kind}") }
    }
}
