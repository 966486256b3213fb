//! `pg_get_functiondef`, `pg_get_function_arguments`, `pg_get_function_result` and their kin, from the rows of `pg_proc`.

use std::fmt::Write;

use super::{
    super::super::{Body::Scalar, Call, Row, Value, row},
    oid, text,
};
use crate::{
    catalog::{
        lookup::{self, CatalogRow},
        type_name::quote_identifier,
    },
    error::{Result, SqlError, SqlState},
    session::context::Context,
    types::{Oid, array::Array},
};

pub(super) const ROWS: &[Row] = &[
    row("pg_get_functiondef(oid)", Scalar(definition)),
    row("pg_get_function_arguments(oid)", Scalar(|call| described(call, |function| function.arguments(true, false)))),
    row("pg_get_function_identity_arguments(oid)", Scalar(|call| described(call, |function| function.arguments(false, false)))),
    row("pg_get_function_result(oid)", Scalar(result)),
    row("pg_get_function_arg_default(oid,integer)", Scalar(default)),
    row(
        "pg_get_function_sqlbody(oid)",
        Scalar(|call| {
            text(lookup::row("pg_proc", "oid", oid(call, 0)?, call.cx)?.and_then(|row| row.text("prosqlbody").map(str::to_owned)))
        }),
    ),
];

/// A function of `pg_proc`, its arrays taken apart.
struct Function<'a> {
    row: CatalogRow,
    /// All arguments: mode, name, type.
    arguments: Vec<(char, String, Oid)>,
    cx: &'a Context,
}

impl<'a> Function<'a> {
    fn find(oid: Oid, cx: &'a Context) -> Result<Option<Function<'a>>> {
        let Some(row) = lookup::row("pg_proc", "oid", oid, cx)? else { return Ok(None) };
        let items = |column: &str| -> Result<Option<Vec<Option<String>>>> {
            row.text(column).map(|text| Array::parse(text, ',').map(|array| array.elements)).transpose()
        };
        let inputs = || row.text("proargtypes").unwrap_or_default().split(' ').filter_map(|oid| oid.parse().ok()).collect::<Vec<Oid>>();
        let types = match items("proallargtypes")? {
            Some(all) => all.iter().flatten().filter_map(|oid| oid.parse().ok()).collect(),
            None => inputs(),
        };
        let (modes, names) = (items("proargmodes")?, items("proargnames")?);
        let at = |list: &Option<Vec<Option<String>>>, i: usize| list.as_ref().and_then(|list| list.get(i).cloned().flatten());
        let argument = |(i, ty): (usize, &Oid)| {
            let mode = at(&modes, i).and_then(|mode| mode.chars().next()).unwrap_or('i');
            (mode, at(&names, i).unwrap_or_default(), *ty)
        };
        let arguments = types.iter().enumerate().map(argument).collect();
        Ok(Some(Function { row, arguments, cx }))
    }

    fn type_name(&self, oid: Oid) -> String {
        self.cx.catalog.format_type_with(oid, None, &self.cx.search_path)
    }

    /// The default of input argument `at` (from 0) of `inputs`, where it has one.
    fn default(&self, at: usize, inputs: usize) -> Option<String> {
        let defaults = &self.cx.catalog.proc(self.row.integer("oid") as Oid)?.defaults;
        defaults.get(at.checked_sub(inputs.checked_sub(defaults.len())?)?).cloned()
    }

    fn inputs(&self) -> usize {
        self.arguments.iter().filter(|(mode, ..)| matches!(mode, 'i' | 'b' | 'v')).count()
    }

    /// `print_function_arguments`: those of RETURNS TABLE only if `of_table`, all others otherwise.
    fn arguments(&self, with_defaults: bool, of_table: bool) -> String {
        let inputs = self.inputs();
        // The direct arguments of an ordered-set aggregate stand before ORDER BY.
        let direct = self.cx.catalog.proc(self.row.integer("oid") as Oid).filter(|proc| proc.aggregate_kind != 'n').map(|p| p.direct_args);
        let (mut out, mut seen, mut printed) = (String::new(), 0, 0);
        for (mode, name, ty) in &self.arguments {
            let is_input = matches!(mode, 'i' | 'b' | 'v');
            seen += usize::from(is_input);
            if (*mode == 't') != of_table {
                continue;
            }
            match direct {
                Some(direct) if printed == direct => out += if printed == 0 { "ORDER BY " } else { " ORDER BY " },
                _ if printed > 0 => out += ", ",
                _ => {}
            }
            let word = match mode {
                'o' => "OUT ",
                'b' => "INOUT ",
                'v' => "VARIADIC ",
                _ => "",
            };
            // A procedure's plain arguments are marked, so that the text can be told from one of types alone.
            let word = if *mode == 'i' && self.row.letter("prokind") == 'p' { "IN " } else { word };
            let name = if name.is_empty() { String::new() } else { format!("{} ", quote_identifier(name)) };
            let _ = write!(out, "{word}{name}{}", self.type_name(*ty));
            if let Some(default) = self.default(seen.wrapping_sub(1), inputs).filter(|_| with_defaults && is_input) {
                let _ = write!(out, " DEFAULT {default}");
            }
            printed += 1;
            // The last argument of a variadic ordered-set aggregate is direct and aggregated at once.
            if direct.is_some_and(|direct| printed == direct) && printed == self.arguments.len() {
                let _ = write!(out, " ORDER BY {word}{name}{}", self.type_name(*ty));
            }
        }
        out
    }

    fn result(&self) -> String {
        if self.row.is("proretset") && self.arguments.iter().any(|(mode, ..)| *mode == 't') {
            return format!("TABLE({})", self.arguments(false, true));
        }
        let set = if self.row.is("proretset") { "SETOF " } else { "" };
        format!("{set}{}", self.type_name(self.row.integer("prorettype") as Oid))
    }

    /// The clauses between LANGUAGE and AS, each after a blank.
    fn properties(&self) -> Result<String> {
        let row = &self.row;
        let mut out = String::new();
        if row.letter("prokind") == 'w' {
            out += " WINDOW";
        }
        out += match row.letter("provolatile") {
            'i' => " IMMUTABLE",
            's' => " STABLE",
            _ => "",
        };
        out += match row.letter("proparallel") {
            's' => " PARALLEL SAFE",
            'r' => " PARALLEL RESTRICTED",
            _ => "",
        };
        for (column, word) in [("proisstrict", " STRICT"), ("prosecdef", " SECURITY DEFINER"), ("proleakproof", " LEAKPROOF")] {
            out += if row.is(column) { word } else { "" };
        }
        /// `internal` and `c`, whose cost is 1 where nothing was said.
        const CHEAP: [i64; 2] = [12, 13];
        let usual = if CHEAP.contains(&row.integer("prolang")) { 1.0 } else { 100.0 };
        let (cost, rows) = (row.real("procost"), row.real("prorows"));
        if cost != usual {
            let _ = write!(out, " COST {cost}");
        }
        if rows > 0.0 && rows != 1000.0 {
            let _ = write!(out, " ROWS {rows}");
        }
        if let Some(support) = self.cx.catalog.proc(row.integer("prosupport") as Oid) {
            let _ = write!(out, " SUPPORT {}", quote_identifier(&support.name));
        }
        Ok(out)
    }

    fn definition(&self) -> Result<String> {
        let row = &self.row;
        let name = row.text("proname").unwrap_or_default();
        let is_procedure = match row.letter("prokind") {
            'a' => return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is an aggregate function"))),
            kind => kind == 'p',
        };
        let schema = self.cx.catalog.namespace_name(row.integer("pronamespace") as Oid).unwrap_or_default();
        let language = lookup::row("pg_language", "oid", row.integer("prolang") as Oid, self.cx)?;
        let language = language.as_ref().and_then(|row| row.text("lanname")).unwrap_or("sql");
        let word = if is_procedure { "PROCEDURE" } else { "FUNCTION" };
        let mut out =
            format!("CREATE OR REPLACE {word} {}.{}({})\n", quote_identifier(schema), quote_identifier(name), self.arguments(true, false));
        if !is_procedure {
            let _ = writeln!(out, " RETURNS {}", self.result());
        }
        let _ = writeln!(out, " LANGUAGE {}", quote_identifier(language));
        let properties = self.properties()?;
        if !properties.is_empty() {
            let _ = writeln!(out, "{properties}");
        }
        for setting in row.text("proconfig").map(|list| Array::parse(list, ',')).transpose()?.into_iter().flat_map(|list| list.elements) {
            if let Some((name, value)) = setting.as_deref().and_then(|setting| setting.split_once('=')) {
                let value =
                    if matches!(name, "search_path" | "DateStyle") { value.to_owned() } else { format!("'{}'", value.replace('\'', "''")) };
                let _ = writeln!(out, " SET {name} TO {value}");
            }
        }
        if let Some(body) = row.text("prosqlbody") {
            let _ = writeln!(out, "{body}");
            return Ok(out);
        }
        let body = row.text("prosrc").unwrap_or_default();
        let mut tag = word.to_lowercase();
        while body.contains(&format!("${tag}$")) {
            tag.push('x');
        }
        let _ = writeln!(out, "AS ${tag}${body}${tag}$");
        Ok(out)
    }
}

fn described(call: &Call<'_>, describe: fn(&Function<'_>) -> String) -> Result<Value> {
    text(Function::find(oid(call, 0)?, call.cx)?.as_ref().map(describe))
}

fn definition(call: &Call<'_>) -> Result<Value> {
    text(Function::find(oid(call, 0)?, call.cx)?.map(|function| function.definition()).transpose()?)
}

/// NULL for a procedure.
fn result(call: &Call<'_>) -> Result<Value> {
    let found = Function::find(oid(call, 0)?, call.cx)?.filter(|function| function.row.letter("prokind") != 'p');
    text(found.map(|function| function.result()))
}

/// The default of the argument of that number, from 1, counted among all.
fn default(call: &Call<'_>) -> Result<Value> {
    let Some(function) = Function::find(oid(call, 0)?, call.cx)? else { return text(None) };
    let Some(at) = usize::try_from(call.int(1)? - 1).ok().filter(|at| *at < function.arguments.len()) else { return text(None) };
    if !matches!(function.arguments[at].0, 'i' | 'b' | 'v') {
        return text(None);
    }
    let before = function.arguments[..at].iter().filter(|(mode, ..)| matches!(mode, 'i' | 'b' | 'v')).count();
    text(function.default(before, function.inputs()))
}
