//! Set-returning functions as SQLite's table-valued functions: one generic virtual table, eponymous under the signature.
//! Enters: arguments in hidden columns, the types literal first where the signature is polymorphic. Leaves: rows of `c1` … `cN` and `ordinality`.

use std::ffi::c_int;

use rusqlite::{
    Connection,
    vtab::{Context as ColumnContext, Filters, IndexConstraintOp, IndexInfo},
};

use super::{Body, Call, Entry, Rows, Value, ValueRef, register::CallTypes, register::fail};
use crate::{
    error::SqlError,
    ffi::{self, Cursor, Table},
    session::context,
};

/// Registers one function.
pub(super) fn register(connection: &Connection, entry: &'static Entry) -> rusqlite::Result<()> {
    ffi::register(connection, entry.signature, SetTable { entry })
}

/// Hidden columns: as many as any set-returning function has arguments, the types literal, and variadic ones.
const ARGUMENTS: usize = 104;

/// One function in SQLite's eyes.
#[derive(Clone, Copy)]
struct SetTable {
    entry: &'static Entry,
}

impl Table for SetTable {
    type Cursor = SetCursor;

    fn declaration(&self) -> String {
        let columns: Vec<String> = (1..=self.entry.columns).map(|i| format!("c{i}")).collect();
        let hidden: Vec<String> = (1..=ARGUMENTS).map(|i| format!("a{i} HIDDEN")).collect();
        format!("CREATE TABLE x({}, ordinality, {})", columns.join(", "), hidden.join(", "))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        let first = self.entry.columns as c_int + 1;
        let mut argv: Vec<(c_int, usize)> = Vec::new();
        for (i, constraint) in info.constraints().enumerate() {
            if constraint.column() < first || constraint.operator() != IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ {
                continue;
            }
            if !constraint.is_usable() {
                return Ok(false);
            }
            argv.push((constraint.column(), i));
        }
        argv.sort_unstable();
        for (n, (_, i)) in argv.iter().enumerate() {
            let mut usage = info.constraint_usage(*i);
            usage.set_argv_index(n as c_int + 1);
            usage.set_omit(true);
        }
        info.set_estimated_cost(100.0);
        info.set_estimated_rows(100);
        Ok(true)
    }

    fn open(&self) -> SetCursor {
        SetCursor { entry: self.entry, rows: Box::new(std::iter::empty()), row: None, number: 0 }
    }
}

/// A call under way.
struct SetCursor {
    entry: &'static Entry,
    rows: Rows,
    row: Option<Vec<Value>>,
    number: i64,
}

impl Cursor for SetCursor {
    fn filter(&mut self, _plan: c_int, args: &Filters<'_>) -> rusqlite::Result<()> {
        let Body::Set(body) = self.entry.body else { unreachable!("only set-returning bodies are registered as tables") };
        let values: Vec<ValueRef<'_>> = args.iter().collect();
        let (types, values) = match (self.entry.polymorphic, values.split_first()) {
            (true, Some((literal, rest))) => (CallTypes::parse(*literal).map_err(fail)?, rest),
            (true, None) => return Err(fail(SqlError::internal(format!("{} is called without its types", self.entry.signature)))),
            (false, _) => (CallTypes::default(), &values[..]),
        };
        self.number = 0;
        self.rows = if self.entry.strict && values.contains(&ValueRef::Null) {
            Box::new(std::iter::empty())
        } else {
            let call = Call { args: values, types: &types.arguments, result: types.result, extra: &types.extra, cx: &context::current() };
            body(&call).map_err(fail)?
        };
        self.next()
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        self.row = self.rows.next().transpose().map_err(fail)?;
        self.number += 1;
        Ok(())
    }

    fn eof(&self) -> bool {
        self.row.is_none()
    }

    fn column(&self, ctx: &mut ColumnContext, i: c_int) -> rusqlite::Result<()> {
        let i = i as usize;
        if i == self.entry.columns {
            return ctx.set_result(self.number);
        }
        match self.row.as_ref().and_then(|row| row.get(i)) {
            Some(value) => ctx.set_result(value),
            None => ctx.set_result(&Value::Null),
        }
    }

    fn rowid(&self) -> i64 {
        self.number
    }
}
