//! A function, aggregate, window function or procedure: one row of `pg_proc`, with its arguments taken apart.

use std::sync::Arc;

use peergres_sync::schema::Function;

use super::type_name;
use crate::types::{Oid, name::split_at_commas, oid};

/// One row of `pg_proc`.
#[derive(Debug, Clone)]
pub struct Proc {
    /// OID.
    pub oid: Oid,
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Function, aggregate, …
    pub kind: ProcKind,
    /// Whether it returns a set of rows.
    pub returns_set: bool,
    /// Whether a NULL argument makes the result NULL unseen.
    pub strict: bool,
    /// `i`mmutable, `s`table or `v`olatile.
    pub volatility: char,
    /// Element type of a VARIADIC last argument, 0 where there is none, `"any"` for VARIADIC "any".
    pub variadic: Oid,
    /// Result type.
    pub result: Oid,
    /// Input argument types; a variadic one stands as its array type (or `"any"`).
    pub args: Vec<Oid>,
    /// Input argument names, empty where they have none.
    pub arg_names: Vec<String>,
    /// Defaults of the last arguments, as PostgreSQL text.
    pub defaults: Vec<String>,
    /// OUT and TABLE arguments: the columns of the result.
    pub outputs: Vec<OutputArgument>,
    /// `lower(text)`: key into the table of functions.
    pub signature: String,
    /// For an ordered-set or hypothetical-set aggregate (`o`, `h`): how many arguments come before ORDER BY.
    pub direct_args: usize,
    /// `n`ormal, `o`rdered-set or `h`ypothetical-set.
    pub aggregate_kind: char,
    /// A function that users made.
    pub body: Option<Arc<Function>>,
}

/// The kinds of `pg_proc` rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcKind {
    /// Plain function.
    Function,
    /// Aggregate.
    Aggregate,
    /// Window function.
    Window,
    /// Procedure.
    Procedure,
}

/// An OUT argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputArgument {
    /// Its name, the result's column name.
    pub name: String,
    /// Its type.
    pub ty: Oid,
}

/// The function that answers a sequence's only row; it has no row in `pg_proc`.
pub fn sequence_state() -> Proc {
    let output = |(name, ty): (&str, Oid)| OutputArgument { name: name.to_owned(), ty };
    Proc {
        oid: 0,
        schema: "peergres".to_owned(),
        name: "sequence_state".to_owned(),
        kind: ProcKind::Function,
        returns_set: true,
        strict: true,
        volatility: 'v',
        variadic: 0,
        result: oid::RECORD,
        args: vec![oid::OID],
        arg_names: vec![String::new()],
        defaults: Vec::new(),
        outputs: [("last_value", oid::INT8), ("log_cnt", oid::INT8), ("is_called", oid::BOOL)].map(output).to_vec(),
        signature: "peergres.sequence_state(oid)".to_owned(),
        direct_args: 0,
        aggregate_kind: 'n',
        body: None,
    }
}

/// Arguments as `pg_get_function_arguments` prints them, taken apart.
#[derive(Default)]
pub(super) struct Arguments {
    /// Types of the input arguments.
    pub(super) types: Vec<Oid>,
    /// Names of the input arguments.
    pub(super) names: Vec<String>,
    /// Defaults of the last input arguments.
    pub(super) defaults: Vec<String>,
    /// Output arguments.
    pub(super) outputs: Vec<OutputArgument>,
}

/// Takes `"text, VARIADIC \"any\""`, `"years integer DEFAULT 0, OUT x text"` or `"double precision ORDER BY interval"` apart.
pub(super) fn arguments(text: &str, resolve: &dyn Fn(&str) -> Option<Oid>) -> Arguments {
    let mut out = Arguments::default();
    // The sorted arguments of a hypothetical-set aggregate are as many as the direct ones, and the same VARIADIC.
    let text = text.strip_suffix(" ORDER BY VARIADIC \"any\"").unwrap_or(text);
    for part in split_at_commas(&text.replace(" ORDER BY ", ", ").replace("ORDER BY ", "")) {
        let mut part = part.trim();
        if part.is_empty() {
            continue;
        }
        let (mut input, mut output) = (true, false);
        for (prefix, is_in, is_out) in
            [("OUT ", false, true), ("INOUT ", true, true), ("VARIADIC ", true, false), ("TABLE ", false, true), ("IN ", true, false)]
        {
            if let Some(rest) = part.strip_prefix(prefix) {
                (part, input, output) = (rest.trim(), is_in, is_out);
                break;
            }
        }
        let (part, default) = match part.split_once(" DEFAULT ") {
            Some((before, default)) => (before, Some(default.to_owned())),
            None => (part, None),
        };
        let (name, ty) = match resolve(part) {
            Some(ty) => (String::new(), ty),
            None => match part.split_once(' ').and_then(|(name, ty)| Some((name.trim_matches('"').to_owned(), resolve(ty.trim())?))) {
                Some(found) => found,
                None => (String::new(), oid::UNKNOWN),
            },
        };
        if output {
            out.outputs.push(OutputArgument { name: name.clone(), ty });
        }
        if input {
            out.types.push(ty);
            out.names.push(name);
            out.defaults.extend(default);
        }
    }
    out
}

/// `name(type,type)` with PostgreSQL's long type names.
pub(super) fn signature(name: &str, types: &[Oid], format: &dyn Fn(Oid) -> String) -> String {
    let types: Vec<String> = types.iter().map(|t| format(*t)).collect();
    format!("{name}({})", types.join(","))
}

/// The built-in type of that SQL name.
pub(super) fn built_in_type(text: &str) -> Option<Oid> {
    type_name::built_in_type(text).map(|ty| ty.oid)
}
