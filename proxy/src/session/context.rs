//! What a running statement may know of its session: settings that change how values are read and written, the catalog, the time.
//!
//! SQLite calls functions and collations back without an argument of ours, so the current context stands in a thread-local slot while a
//! statement runs; a session lives on one thread. Bodies take `&Context` and never look the slot up themselves.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use super::{
    report::{CursorReport, LockReport, SessionReport, SettingReport, StatementReport},
    variables::Variables,
};
use crate::{
    catalog::Catalog,
    error::{Result, SqlError},
    execute::plan::Fire,
    types::{Oid, TypeRef, Value, datetime::zone::Zone},
};

/// Microseconds since 1970-01-01 UTC.
pub type Microseconds = i64;

/// What a running statement may know of its session.
#[derive(Clone)]
pub struct Context {
    /// Types, functions and relations as this statement sees them.
    pub catalog: Arc<Catalog>,
    /// `search_path`, its names in order, `$user` replaced.
    pub search_path: Arc<[String]>,
    /// `TimeZone`.
    pub time_zone: Zone,
    /// `DateStyle`.
    pub date_style: DateStyle,
    /// `IntervalStyle`.
    pub interval_style: IntervalStyle,
    /// `extra_float_digits`.
    pub extra_float_digits: i32,
    /// `bytea_output` is `escape`.
    pub bytea_escape: bool,
    /// `now()`: start of the transaction.
    pub transaction_time: Microseconds,
    /// `statement_timestamp()`.
    pub statement_time: Microseconds,
    /// Session state that functions may ask for or change: settings, sequences, notifications, advisory locks.
    pub services: Rc<dyn Services>,
    /// Inside a function: its parameters and variables.
    pub variables: Option<Rc<Variables>>,
}

/// `DateStyle`: the output format and the order of fields in input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateStyle {
    /// Output format.
    pub format: DateFormat,
    /// Order of day, month and year.
    pub order: DateOrder,
}

/// Output formats of dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateFormat {
    /// `2024-02-29`.
    Iso,
    /// `02/29/2024`.
    Sql,
    /// `Thu Feb 29 2024`.
    Postgres,
    /// `29.02.2024`.
    German,
}

/// Orders of date fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// Month, day, year.
    Mdy,
    /// Day, month, year.
    Dmy,
    /// Year, month, day.
    Ymd,
}

/// Output styles of intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalStyle {
    /// `1 mon 2 days 03:04:05`.
    Postgres,
    /// `@ 1 mon 2 days 3 hours 4 mins 5 secs`.
    PostgresVerbose,
    /// `+0-1 +2 +3:04:05`.
    SqlStandard,
    /// `P1M2DT3H4M5S`.
    Iso8601,
}

/// A call of a function that a user made.
pub struct RoutineCall<'a> {
    /// The function's schema.
    pub schema: &'a str,
    /// Its name with its argument types, as its object has it.
    pub name: &'a str,
    /// The values of its input parameters.
    pub args: Vec<Value>,
    /// Their concrete types.
    pub types: &'a [Oid],
    /// The concrete type of the result.
    pub result: Oid,
    /// The types of a column definition list.
    pub columns: Option<Vec<(String, TypeRef)>>,
    /// Whether the columns of a row are wanted one by one, rather than as one value.
    pub in_rows: bool,
}

/// Session state behind functions; the defaults answer 0A000 or nothing, as outside a session.
pub trait Services {
    /// `current_user`.
    fn user(&self) -> String {
        "postgres".to_owned()
    }
    /// `current_database()`.
    fn database(&self) -> String {
        String::new()
    }
    /// `pg_backend_pid()`.
    fn backend_pid(&self) -> i32 {
        0
    }
    /// `current_setting(name)`: none where no such setting exists.
    fn setting(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }
    /// `set_config(name, value, is_local)`: the value as kept.
    fn set_setting(&self, name: &str, value: &str, local: bool) -> Result<String> {
        let _ = (name, value, local);
        Err(SqlError::unsupported("set_config outside a session"))
    }
    /// All settings.
    fn settings(&self) -> Vec<SettingReport> {
        Vec::new()
    }
    /// All sessions.
    fn sessions(&self) -> Vec<SessionReport> {
        Vec::new()
    }
    /// All advisory locks, those that are waited for included.
    fn locks(&self) -> Vec<LockReport> {
        Vec::new()
    }
    /// The session's prepared statements that have a name.
    fn statements(&self) -> Vec<StatementReport> {
        Vec::new()
    }
    /// The session's cursors that have a name.
    fn cursors(&self) -> Vec<CursorReport> {
        Vec::new()
    }
    /// All databases by name, in order.
    fn databases(&self) -> Vec<String> {
        Vec::new()
    }
    /// Runs a function or procedure that a user made: the rows of its result, one value per column.
    fn routine(&self, call: &RoutineCall<'_>) -> Result<Vec<Vec<Value>>> {
        Err(SqlError::unsupported(format!("calling the function {} outside a session", call.name)))
    }
    /// Fires triggers for a step of a change.
    fn fire(&self, fire: &Fire) -> Result<()> {
        Err(SqlError::unsupported(format!("a trigger on \"{}\" outside a session", fire.table.name)))
    }
    /// Any other service, by function name, over text arguments: `nextval`, `setval`, `currval`, `lastval`, `pg_notify`,
    /// `pg_advisory_lock`, `pg_cancel_backend`, … Answers the function's result in text form, none for NULL or void.
    fn call(&self, service: &str, args: &[Option<String>]) -> Result<Option<String>> {
        let _ = args;
        Err(SqlError::unsupported(service))
    }
}

/// Services outside a session: none.
pub struct NoServices;

impl Services for NoServices {}

impl Default for Context {
    fn default() -> Self {
        Context {
            catalog: Catalog::built_in(),
            search_path: Arc::new(["public".to_owned()]),
            time_zone: Zone::Named(chrono_tz::UTC),
            date_style: DateStyle { format: DateFormat::Iso, order: DateOrder::Mdy },
            interval_style: IntervalStyle::Postgres,
            extra_float_digits: 1,
            bytea_escape: false,
            transaction_time: 0,
            statement_time: 0,
            services: Rc::new(NoServices),
            variables: None,
        }
    }
}

impl Context {
    /// The same with the search path in which stored texts (defaults, checks, views) are written and read: `public` alone, so that they
    /// mean the same to every session.
    pub fn canonical(&self) -> Context {
        Context { search_path: Arc::new(["public".to_owned()]), variables: None, ..self.clone() }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Context>>> = const { RefCell::new(None) };
    static RAISED: RefCell<Option<SqlError>> = const { RefCell::new(None) };
}

/// The context of the statement that runs on this thread, or the default one.
pub fn current() -> Rc<Context> {
    CURRENT.with(|slot| slot.borrow_mut().get_or_insert_with(|| Rc::new(Context::default())).clone())
}

/// Makes `context` this thread's.
pub fn enter(context: Rc<Context>) {
    CURRENT.with(|slot| *slot.borrow_mut() = Some(context));
}

/// Keeps the error that a function raised while SQLite unwinds to the statement ([`take_raised`]).
pub fn raise(error: SqlError) {
    RAISED.with(|slot| *slot.borrow_mut() = Some(error));
}

/// The error that a function raised, if one did since last asked.
pub fn take_raised() -> Option<SqlError> {
    RAISED.with(|slot| slot.borrow_mut().take())
}
