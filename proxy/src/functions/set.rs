//! Set-returning functions as SQLite's table-valued functions: one generic virtual table, eponymous under the signature.
//! Enters: arguments in hidden columns, the types literal first where the signature is polymorphic. Leaves: rows of `c1` … `cN` and `ordinality`.
#![allow(unsafe_code)] // SQLite's virtual tables are unsafe traits: the base structs must stand first, which #[repr(C)] guarantees.

use std::{
    borrow::Cow,
    ffi::{CStr, CString, c_int},
    marker::PhantomData,
};

use rusqlite::{
    Connection, ffi,
    vtab::{Context as ColumnContext, Filters, IndexConstraintOp, IndexInfo, Module, VTab, VTabConnection, VTabCursor},
};

use super::{Body, Call, Entry, Rows, Value, ValueRef, register::CallTypes, register::fail};
use crate::{error::SqlError, session::context};

/// Registers one function.
pub(super) fn register(connection: &Connection, entry: &'static Entry) -> rusqlite::Result<()> {
    const MODULE: Module<'static, SetTable> = Module::eponymous_only_module();
    connection.create_module(entry.signature, &MODULE, Some(entry))
}

/// Hidden columns: as many as any set-returning function has arguments, the types literal, and variadic ones.
const ARGUMENTS: usize = 12;

#[repr(C)]
struct SetTable {
    base: ffi::sqlite3_vtab,
    entry: &'static Entry,
}

unsafe impl<'vtab> VTab<'vtab> for SetTable {
    type Aux = &'static Entry;
    type Cursor = SetCursor<'vtab>;

    fn connect(
        _db: &mut VTabConnection,
        aux: Option<&Self::Aux>,
        _module_name: &[u8],
        _database_name: &[u8],
        _table_name: &[u8],
        _args: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        let entry = *aux.ok_or_else(|| fail(SqlError::internal("a table-valued function without its entry")))?;
        let columns: Vec<String> = (1..=entry.columns).map(|i| format!("c{i}")).collect();
        let hidden: Vec<String> = (1..=ARGUMENTS).map(|i| format!("a{i} HIDDEN")).collect();
        let sql = format!("CREATE TABLE x({}, ordinality, {})", columns.join(", "), hidden.join(", "));
        let sql = CString::new(sql).map_err(|e| rusqlite::Error::ModuleError(e.to_string()))?;
        Ok((Cow::Owned(sql), SetTable { base: ffi::sqlite3_vtab::default(), entry }))
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

    fn open(&'vtab mut self) -> rusqlite::Result<SetCursor<'vtab>> {
        Ok(SetCursor {
            base: ffi::sqlite3_vtab_cursor::default(),
            entry: self.entry,
            rows: Box::new(std::iter::empty()),
            row: None,
            number: 0,
            phantom: PhantomData,
        })
    }
}

#[repr(C)]
struct SetCursor<'vtab> {
    base: ffi::sqlite3_vtab_cursor,
    entry: &'static Entry,
    rows: Rows,
    row: Option<Vec<Value>>,
    number: i64,
    phantom: PhantomData<&'vtab SetTable>,
}

unsafe impl VTabCursor for SetCursor<'_> {
    fn filter(&mut self, _idx_num: c_int, _idx_str: Option<&str>, args: &Filters<'_>) -> rusqlite::Result<()> {
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
            let call = Call { args: values, types: &types.arguments, result: types.result, cx: &context::current() };
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
            return ctx.set_result(&self.number);
        }
        match self.row.as_ref().and_then(|row| row.get(i)) {
            Some(value) => ctx.set_result(value),
            None => ctx.set_result(&Value::Null),
        }
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        Ok(self.number)
    }
}
