//! Registers every body with a SQLite connection, under the signature as the function's name.
//! Enters: a connection. Leaves: the same, knowing scalars, aggregates (as window functions), table-valued functions and collations.

use std::sync::Arc;

use rusqlite::{
    Connection,
    functions::{Aggregate as SqliteAggregate, Context as SqliteContext, FunctionFlags, WindowAggregate},
};

use super::{Aggregate, Body, Call, Entry, Value, ValueRef, collation, registry, set};
use crate::{
    error::{Result, SqlError},
    session::context,
    types::Oid,
};

/// Registers all functions and collations. Meant for each new connection: bodies are static, so it costs a hash entry each.
pub fn register(connection: &Connection) -> rusqlite::Result<()> {
    collation::register(connection)?;
    crate::execute::hidden_key::register(connection)?;
    crate::execute::null_key::register(connection)?;
    crate::execute::twice::register(connection)?;
    crate::catalog::virtual_table::register(connection)?;
    super::sync::register(connection)?;
    for entry in registry::entries() {
        let mut flags = FunctionFlags::SQLITE_UTF8;
        flags.set(FunctionFlags::SQLITE_DETERMINISTIC, entry.immutable);
        match entry.body {
            Body::Native(_) | Body::NativeAggregate(_) => {}
            Body::Scalar(body) => {
                connection.create_scalar_function(entry.signature, -1, flags, move |cx| scalar(entry, body, cx))?;
            }
            Body::Aggregate(make) => {
                connection.create_window_function(entry.signature, -1, flags, Trampoline { entry, distinct: false, make })?;
                connection.create_window_function(
                    &*distinct_name(entry.signature),
                    -1,
                    flags,
                    Trampoline { entry, distinct: true, make },
                )?;
            }
            Body::Set(_) => set::register(connection, entry)?,
        }
    }
    Ok(())
}

/// The types literal of a polymorphic call: `1007,23>1007`.
#[derive(Clone, Default)]
pub(super) struct CallTypes {
    pub(super) arguments: Vec<Oid>,
    pub(super) result: Oid,
    pub(super) extra: String,
}

impl CallTypes {
    pub(super) fn parse(literal: ValueRef<'_>) -> Result<CallTypes> {
        let bad = || SqlError::internal("a polymorphic call begins with its types");
        let text = literal.as_str().map_err(|_| bad())?;
        let (types, extra) = text.split_once(';').unwrap_or((text, ""));
        let (arguments, result) = types.split_once('>').ok_or_else(bad)?;
        let number = |t: &str| t.parse().map_err(|_| bad());
        let arguments = arguments.split(',').filter(|t| !t.is_empty()).map(number).collect::<Result<_>>()?;
        Ok(CallTypes { arguments, result: number(result)?, extra: extra.to_owned() })
    }
}

/// Keeps the error for the session and tells SQLite to unwind.
pub(super) fn fail(error: SqlError) -> rusqlite::Error {
    context::raise(error);
    rusqlite::Error::UserFunctionError("raised".into())
}

/// Runs `body` over a SQLite call's arguments from number `skip`, without allocating for up to eight of them.
fn with_arguments<T>(cx: &SqliteContext<'_>, skip: usize, body: impl FnOnce(&[ValueRef<'_>]) -> T) -> T {
    let count = cx.len() - skip;
    let mut few = [ValueRef::Null; 8];
    if count <= few.len() {
        for (i, slot) in few[..count].iter_mut().enumerate() {
            *slot = cx.get_raw(skip + i);
        }
        body(&few[..count])
    } else {
        let many: Vec<_> = (skip..cx.len()).map(|i| cx.get_raw(i)).collect();
        body(&many)
    }
}

fn call_types(entry: &Entry, cx: &SqliteContext<'_>) -> rusqlite::Result<Option<Arc<CallTypes>>> {
    if !entry.polymorphic {
        return Ok(None);
    }
    if cx.is_empty() {
        return Err(fail(SqlError::internal(format!("{} is called without its types", entry.signature))));
    }
    cx.get_or_create_aux(0, |literal| CallTypes::parse(literal).map_err(fail)).map(Some)
}

fn scalar(entry: &'static Entry, body: super::Scalar, cx: &mut SqliteContext<'_>) -> rusqlite::Result<Value> {
    let types = call_types(entry, cx)?;
    let (arguments, result, extra) = types.as_ref().map_or((&[][..], 0, ""), |t| (&t.arguments[..], t.result, &*t.extra));
    with_arguments(cx, usize::from(entry.polymorphic), |args| {
        if entry.strict && args.contains(&ValueRef::Null) {
            return Ok(Value::Null);
        }
        body(&Call { args, types: arguments, result, extra, cx: &context::current() }).map_err(fail)
    })
}

/// The name under which an aggregate's DISTINCT form is registered; it always takes types.
pub fn distinct_name(signature: &str) -> String {
    format!("{signature} distinct")
}

/// One aggregate's function with SQLite, plain or over distinct rows.
struct Trampoline {
    entry: &'static Entry,
    distinct: bool,
    make: fn(&[Oid]) -> Box<dyn Aggregate>,
}

/// One group's state.
struct Running {
    state: Box<dyn Aggregate>,
    types: CallTypes,
}

impl Trampoline {
    fn start(&self, types: CallTypes) -> Running {
        let state = if self.distinct { Box::new(super::sorted::Distinct::new(self.make)) } else { (self.make)(&types.arguments) };
        Running { state, types }
    }

    /// Whether calls begin with their types.
    fn typed(&self) -> bool {
        self.distinct || self.entry.polymorphic
    }

    fn each(
        &self,
        cx: &SqliteContext<'_>,
        running: &mut Running,
        take: fn(&mut dyn Aggregate, &Call<'_>) -> Result<()>,
    ) -> rusqlite::Result<()> {
        with_arguments(cx, usize::from(self.typed()), |args| {
            let types = &running.types;
            let call = Call { args, types: &types.arguments, result: types.result, extra: &types.extra, cx: &context::current() };
            take(&mut *running.state, &call).map_err(fail)
        })
    }
}

impl SqliteAggregate<Running, Value> for Trampoline {
    fn init(&self, cx: &mut SqliteContext<'_>) -> rusqlite::Result<Running> {
        let types = if self.typed() && !cx.is_empty() { CallTypes::parse(cx.get_raw(0)).map_err(fail)? } else { CallTypes::default() };
        Ok(self.start(types))
    }

    fn step(&self, cx: &mut SqliteContext<'_>, running: &mut Running) -> rusqlite::Result<()> {
        self.each(cx, running, |state, call| state.step(call))
    }

    fn finalize(&self, _cx: &mut SqliteContext<'_>, running: Option<Running>) -> rusqlite::Result<Value> {
        let running = running.unwrap_or_else(|| self.start(CallTypes::default()));
        running.state.value(&context::current()).map_err(fail)
    }
}

impl WindowAggregate<Running, Value> for Trampoline {
    fn value(&self, running: Option<&mut Running>) -> rusqlite::Result<Value> {
        match running {
            Some(running) => running.state.value(&context::current()).map_err(fail),
            None => self.start(CallTypes::default()).state.value(&context::current()).map_err(fail),
        }
    }

    fn inverse(&self, cx: &mut SqliteContext<'_>, running: &mut Running) -> rusqlite::Result<()> {
        self.each(cx, running, |state, call| state.inverse(call))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registering_is_cheap_enough_for_every_connection() {
        register(&Connection::open_in_memory().expect("opens")).expect("registers");
        let connection = Connection::open_in_memory().expect("opens");
        let start = std::time::Instant::now();
        register(&connection).expect("registers");
        assert!(start.elapsed() < std::time::Duration::from_millis(200), "{:?}", start.elapsed());
    }

    #[test]
    fn strict_templates_answer_null_for_null() {
        let connection = Connection::open_in_memory().expect("opens");
        register(&connection).expect("registers");
        let mut wrong = Vec::new();
        for entry in registry::entries().filter(|entry| entry.strict) {
            let Body::Native(template) = entry.body else { continue };
            let count = (0..9).take_while(|n| template.contains(&format!("{{{n}}}"))).count();
            for null in 0..count {
                let fill = |text: String, n| text.replace(&format!("{{{n}}}"), if n == null { "NULL" } else { "1" });
                let sql = (0..count).fold(template.to_owned(), fill);
                let answer = connection.query_row(&format!("SELECT {sql}"), [], |row| row.get::<_, Value>(0));
                if answer.is_ok_and(|value| value != Value::Null) {
                    wrong.push(format!("{}: {sql}", entry.signature));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
