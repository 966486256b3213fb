//! The table of functions: PostgreSQL's signatures from `data/pg_proc.csv`, each joined with a body of ours by its signature.
//!
//! A body is one row in a topic file ([`string`], [`math`], …): `row("lower(text)", Scalar(lower))`. Registration with SQLite, type
//! inference and `pg_proc` derive from it; a signature without a body answers 0A000 with its name. Operators and casts resolve to
//! functions too (`oprcode`, `castfunc`), so that `int4pl(integer,integer)` is where integer addition lives.

use std::panic::{RefUnwindSafe, UnwindSafe};

pub use rusqlite::types::{Value, ValueRef};

use crate::{error::Result, session::context::Context, types::Oid};

mod aggregate;
pub(crate) mod arguments;
mod array;
mod bit;
mod bytea;
mod catalog;
mod coercion;
mod collation;
mod collect;
mod comparison;
pub mod coverage;
mod datetime;
mod enums;
mod float;
mod formatting;
mod guard;
mod information_schema;
mod integer;
mod json;
mod jsonb;
mod jsonpath;
mod multirange;
mod network;
mod numeric;
mod pack;
pub(crate) mod pattern;
mod random;
mod range;
mod regex;
mod register;
mod registered;
mod registry;
mod results;
mod routine;
mod series;
mod set;
mod sorted;
mod string;
mod sync;
mod system;
mod text_format;
mod window;

pub(crate) use collation::compare as compare_values;
pub(crate) use jsonpath::check_pattern;
pub use register::{distinct_name, register};
pub use registry::{Entry, lookup, signature};

/// The topics' rows. A new topic adds its line here and nowhere else.
const TOPICS: &[&[&[Row]]] = &[
    &[
        coercion::ROWS,
        guard::ROWS,
        pack::ROWS,
        bit::ROWS,
        enums::ROWS,
        jsonpath::ROWS,
        network::ROWS,
        random::ROWS,
        numeric::ROWS,
        string::ROWS,
        system::ROWS,
        sync::ROWS,
        routine::ROWS,
        information_schema::ROWS,
        text_format::ROWS,
        pattern::ROWS,
        array::ROWS,
        registered::ROWS,
        series::ROWS,
        bytea::ROWS,
        aggregate::ROWS,
        collect::ROWS,
        window::ROWS,
        aggregate::REGRESSIONS,
    ],
    aggregate::SPREADS,
    window::EXTREMES,
    catalog::TOPICS,
    catalog::DEFINITIONS,
    catalog::PRIVILEGES,
    integer::TOPICS,
    float::TOPICS,
    datetime::TOPICS,
    formatting::TOPICS,
    json::TOPICS,
    jsonb::TOPICS,
    regex::TOPICS,
    range::TOPICS,
    multirange::TOPICS,
];

/// A function call as a body sees it.
pub struct Call<'a> {
    /// The arguments, in storage form. A strict function is never called with a NULL.
    pub args: &'a [ValueRef<'a>],
    /// The arguments' concrete types, filled where the signature is polymorphic or variadic "any"; empty otherwise.
    pub types: &'a [Oid],
    /// The result's concrete type, filled as `types` is; 0 otherwise.
    pub result: Oid,
    /// What the statement tells beyond types: a column definition list, sort keys; empty mostly.
    pub extra: &'a str,
    /// The session: settings, catalog, clock.
    pub cx: &'a Context,
}

/// A scalar function's body.
pub type Scalar = fn(&Call<'_>) -> Result<Value>;

/// A running aggregate. `inverse` is called for moving window frames only, on rows in the order of their steps.
pub trait Aggregate: Send + UnwindSafe + RefUnwindSafe {
    /// Takes in one row.
    fn step(&mut self, call: &Call<'_>) -> Result<()>;
    /// Takes out the oldest row.
    fn inverse(&mut self, call: &Call<'_>) -> Result<()>;
    /// The result for what was taken in.
    fn value(&self, cx: &Context) -> Result<Value>;
}

/// The rows of a set-returning function: one value per output column.
pub type Rows = Box<dyn Iterator<Item = Result<Vec<Value>>>>;

/// What runs when a function is called.
#[derive(Clone, Copy)]
pub enum Body {
    /// A SQLite expression (its calls get no types literal) whose meaning is PostgreSQL's on storage forms; `{0}`, `{1}` … stand for the arguments, in parentheses where needed.
    Native(&'static str),
    /// A Rust function, registered with SQLite under the signature as its (quoted) name.
    Scalar(Scalar),
    /// A Rust aggregate, also usable as a window function; `fn(argument types) -> state`.
    Aggregate(fn(&[Oid]) -> Box<dyn Aggregate>),
    /// A SQLite aggregate or window function whose meaning is PostgreSQL's, by its SQLite name: `count`, `row_number`.
    NativeAggregate(&'static str),
    /// A set-returning function, registered as a table-valued function under the signature: columns `c1`, `c2`, … and `ordinality`.
    Set(fn(&Call<'_>) -> Result<Rows>),
}

/// One row: a signature as `data/pg_proc.csv` has it, `name(type,type)` with PostgreSQL's long type names, and its body.
pub struct Row {
    /// `lower(text)`.
    pub signature: &'static str,
    /// Its body.
    pub body: Body,
}

/// A row of the table.
pub const fn row(signature: &'static str, body: Body) -> Row {
    Row { signature, body }
}
