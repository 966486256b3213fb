//! Runs functions and procedures that users made. Enters: a call with its values. Leaves: the rows of its result. A body runs where the
//! statement that calls it runs: on the writer inside a write transaction, else on the session's own connection.

mod block;
mod command;
mod host;
pub(super) mod plpgsql;
mod sql;
mod trigger;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
};

use peergres_sync::schema::{Function, Object, ObjectClass, QualifiedName};

use super::{
    context::{self, Context, RoutineCall},
    services::Shared,
};
use crate::{
    bind::routine::Shape,
    catalog::Catalog,
    error::{Result, SqlError, SqlState},
    types::{Oid, TypeRef, Value, array::canonical_text, composite},
};

pub(super) use host::Host;

/// How deep calls may nest.
const DEPTH_LIMIT: usize = 120;

/// The rows of a result.
pub(super) type Rows = Vec<Vec<Value>>;

/// The functions that a session has made ready to run, and how deep it is in calls of them.
#[derive(Default)]
pub(crate) struct Routines {
    ready: RefCell<HashMap<Key, Ready>>,
    depth: Cell<usize>,
}

/// Schema and name of a function, the concrete types that it is called with, and that of its result.
type Key = (String, String, Vec<Oid>, Oid);

/// A function made ready, and the object that it was made from.
type Ready = (Arc<Object>, Rc<Routine>);

/// So many functions are kept ready.
const READY_MAX: usize = 500;

/// A function made ready to run with arguments of certain types.
pub(super) struct Routine {
    /// Its definition.
    pub(super) function: Arc<Function>,
    /// The concrete types of its input parameters.
    pub(super) types: Vec<TypeRef>,
    /// What it gives back.
    pub(super) shape: Shape,
    code: Code,
}

enum Code {
    Sql(sql::Body),
    Plpgsql(plpgsql::Body),
    /// Of a body without a name, which is run by itself.
    Block,
}

/// Counts a call while it lives.
struct Depth<'r>(&'r Cell<usize>);

impl<'r> Depth<'r> {
    fn enter(depth: &'r Cell<usize>) -> Result<Self> {
        if depth.get() >= DEPTH_LIMIT {
            let error = SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded");
            return Err(error.hint("Functions that call themselves need an end."));
        }
        depth.set(depth.get() + 1);
        Ok(Depth(depth))
    }
}

impl Drop for Depth<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Shared {
    /// Runs a function: its rows with one value per column, a single value where the call stands in an expression.
    pub(super) fn call_routine(&self, call: &RoutineCall<'_>) -> Result<Rows> {
        let _depth = Depth::enter(&self.routines.depth)?;
        let outer = context::current();
        let routine = self.ready(call, &outer)?;
        if routine.function.strict && call.args.contains(&Value::Null) {
            return Ok(Vec::new());
        }
        let settings = self.enter_settings(&routine.function)?;
        let host = Host::new(self, &outer, settings.is_some(), routine.function.volatility == 'v');
        let rows = match &routine.code {
            Code::Sql(body) => body.run(&routine, &host, call.args.clone()),
            Code::Plpgsql(body) => body.run(&routine, &host, call.args.clone()),
            Code::Block => Err(SqlError::internal("a body without a name was called")),
        };
        if let Some(mark) = settings {
            self.settings.borrow_mut().rewind(mark);
        }
        context::enter(outer.clone());
        rows.and_then(|rows| if call.in_rows { Ok(rows) } else { together(rows, &routine.shape, &outer) })
    }

    /// `SET` of the function's definition, in force until it ends.
    fn enter_settings(&self, function: &Function) -> Result<Option<usize>> {
        if function.properties.settings.is_empty() {
            return Ok(None);
        }
        let mark = self.settings.borrow().mark();
        for setting in &function.properties.settings {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            self.settings.borrow_mut().set_config(name, value, true)?;
        }
        Ok(Some(mark))
    }

    fn ready(&self, call: &RoutineCall<'_>, cx: &Context) -> Result<Rc<Routine>> {
        let missing = || SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("function {} does not exist", call.name));
        let name = QualifiedName { schema: call.schema.to_owned(), name: call.name.to_owned() };
        let schema = &cx.catalog.schema;
        let object = schema.get(ObjectClass::Function, &name).ok_or_else(missing)?;
        let key = (name.schema.clone(), name.name.clone(), call.types.to_vec(), call.result);
        if call.columns.is_none()
            && let Some((made_from, ready)) = self.routines.ready.borrow().get(&key)
            && Arc::ptr_eq(made_from, object)
        {
            return Ok(ready.clone());
        }
        let oid = schema.oid(ObjectClass::Function, &name).ok_or_else(missing)?;
        let proc = cx.catalog.proc(oid).ok_or_else(missing)?;
        let function = proc.body.clone().ok_or_else(missing)?;
        let shape = Shape::of(proc, call.types, call.result, call.columns.clone(), cx);
        let types = input_types(&function, call.types, &cx.catalog);
        let code = match function.language.as_str() {
            "sql" => Code::Sql(sql::Body::parse(&function)?),
            "plpgsql" => Code::Plpgsql(plpgsql::Body::parse(&function.body)?),
            other => return Err(SqlError::unsupported(format!("language \"{other}\""))),
        };
        let routine = Rc::new(Routine { function, types, shape, code });
        let mut kept = self.routines.ready.borrow_mut();
        if kept.len() >= READY_MAX {
            kept.clear();
        }
        kept.insert(key, (object.clone(), routine.clone()));
        Ok(routine)
    }
}

/// The declared types where they are types of values, else those that the call has.
fn input_types(function: &Function, given: &[Oid], catalog: &Catalog) -> Vec<TypeRef> {
    let one = |(at, (_, name, _)): (usize, &(String, String, Option<String>))| {
        let declared = catalog.parse_type(name, &[]).unwrap_or(TypeRef::new(crate::types::oid::UNKNOWN));
        let is_open = catalog
            .type_by_oid(declared.oid)
            .is_none_or(|ty| ty.schema == "pg_catalog" && (ty.name.starts_with("any") || ty.name == "record"));
        let concrete = given.get(at).copied().unwrap_or(declared.oid);
        if is_open { of_concrete(concrete) } else { declared }
    };
    function.inputs().enumerate().map(one).collect()
}

/// A concrete type's reference: shapes of anonymous rows are modifiers of `record`.
fn of_concrete(oid: Oid) -> TypeRef {
    match crate::types::anonymous::by_oid(oid) {
        Some(shape) => match &shape.kind {
            crate::types::Kind::Composite(columns) => crate::types::anonymous::record(columns.to_vec()),
            _ => TypeRef::new(oid),
        },
        None => TypeRef::new(oid),
    }
}

/// Rows as values of one column: their fields put together where the function gives rows.
fn together(rows: Rows, shape: &Shape, cx: &Context) -> Result<Rows> {
    let Shape::Row(columns) = shape else { return Ok(rows) };
    rows.into_iter().map(|row| record(&row, columns, cx).map(|value| vec![value])).collect()
}

/// A row as one value.
pub(super) fn record(row: &[Value], columns: &[(String, TypeRef)], cx: &Context) -> Result<Value> {
    let mut fields = Vec::with_capacity(columns.len());
    for (value, (_, ty)) in row.iter().zip(columns) {
        fields.push(match value {
            Value::Null => None,
            value => {
                let found = cx.catalog.type_by_oid(ty.concrete());
                let found = found.ok_or_else(|| SqlError::internal(format!("cache lookup failed for type {}", ty.oid)))?;
                Some(canonical_text(value.into(), found, cx)?)
            }
        });
    }
    Ok(Value::Text(composite::write(&fields)))
}

/// A row value taken apart.
pub(super) fn fields(value: &Value, columns: &[(String, TypeRef)], cx: &Context) -> Result<Vec<Value>> {
    let Value::Text(text) = value else { return Ok(vec![Value::Null; columns.len()]) };
    let mut parsed = composite::parse(text)?;
    parsed.resize(columns.len(), None);
    parsed
        .into_iter()
        .zip(columns)
        .map(|(field, (_, ty))| match field {
            None => Ok(Value::Null),
            Some(text) => {
                let found = cx.catalog.type_by_oid(ty.concrete());
                let found = found.ok_or_else(|| SqlError::internal(format!("cache lookup failed for type {}", ty.oid)))?;
                crate::types::array::from_canonical(&text, found, cx)
            }
        })
        .collect()
}
