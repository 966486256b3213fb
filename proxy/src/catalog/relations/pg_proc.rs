//! `pg_proc`: the functions that users made.

use peergres_sync::schema::{Function, Object};

use super::{
    super::segment::{Cell, Segment, row},
    world::{OWNER, World, array, vector},
};
use crate::types::Oid;

/// `sql` in `pg_language`.
const LANGUAGE_SQL: Oid = 14;

/// The functions of this database.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    for (oid, object) in &world.schema.objects {
        if let Object::Function(function) = &**object {
            out.push(of_function(world, *oid, function));
        }
    }
}

fn of_function(world: &World<'_>, oid: Oid, function: &Function) -> Vec<Cell> {
    let proc = world.catalog.proc(oid);
    let args: Vec<Oid> = proc.map(|proc| proc.args.clone()).unwrap_or_default();
    let outputs = proc.map(|proc| proc.outputs.as_slice()).unwrap_or_default();
    let names: Vec<&str> =
        function.arguments.iter().map(|(name, ..)| name.as_str()).chain(outputs.iter().map(|output| output.name.as_str())).collect();
    let defaults: Vec<&str> = function.arguments.iter().filter_map(|(_, _, default)| default.as_deref()).collect();
    let has_outputs = !outputs.is_empty();
    row![
        oid,
        &function.name.name,
        world.namespace(&function.name.schema),
        OWNER,
        LANGUAGE_SQL,
        100.0,
        if function.returns_set { 1000.0 } else { 0.0 },
        0, // provariadic
        0, // prosupport
        'f',
        false, // prosecdef
        false, // proleakproof
        function.strict,
        function.returns_set,
        function.volatility,
        'u',
        args.len(),
        defaults.len(),
        proc.map_or(0, |proc| proc.result),
        vector(&args),
        has_outputs.then(|| array(args.iter().copied().chain(outputs.iter().map(|output| output.ty)))),
        has_outputs.then(|| array(args.iter().map(|_| 'i').chain(outputs.iter().map(|_| 't')))),
        names.iter().any(|name| !name.is_empty()).then(|| array(names.iter().map(|name| element(name)))),
        (!defaults.is_empty()).then(|| defaults.join(", ")),
        Cell::Null, // protrftypes
        &function.body,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
    ]
}

/// A name as an array's element.
fn element(name: &str) -> String {
    let plain = !name.is_empty() && !name.eq_ignore_ascii_case("null") && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) }
}
