//! `pg_proc`: the functions that users made.

use peergres_sync::schema::{Function, Object};

use super::{
    super::segment::{Cell, Segment, row},
    world::{OWNER, World, array, vector},
};
use crate::types::Oid;

/// `sql` and `plpgsql` in `pg_language`.
const LANGUAGES: &[(&str, Oid)] = &[("sql", 14), ("plpgsql", 13563)];

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
    let names: Vec<&str> = function.arguments.iter().map(|(name, ..)| name.as_str()).collect();
    let defaults: Vec<&str> = function.inputs().filter_map(|(_, _, default)| default.as_deref()).collect();
    let has_modes = !function.modes.is_empty();
    let properties = &function.properties;
    let language = LANGUAGES.iter().find(|(name, _)| *name == function.language).map_or(0, |(_, oid)| *oid);
    row![
        oid,
        &function.name.name,
        world.namespace(&function.name.schema),
        OWNER,
        language,
        properties.cost.unwrap_or(100.0),
        if function.returns_set { properties.rows.unwrap_or(1000.0) } else { 0.0 },
        proc.map_or(0, |proc| proc.variadic),
        0, // prosupport
        if function.procedure { 'p' } else { 'f' },
        properties.security_definer,
        properties.leakproof,
        function.strict,
        function.returns_set,
        function.volatility,
        properties.parallel.unwrap_or('u'),
        args.len(),
        defaults.len(),
        proc.map_or(0, |proc| proc.result),
        vector(&args),
        has_modes.then(|| array(function.arguments.iter().map(|(_, ty, _)| world.type_named(ty).oid))),
        has_modes.then(|| array(function.modes.chars())),
        names.iter().any(|name| !name.is_empty()).then(|| array(names.iter().map(|name| element(name)))),
        (!defaults.is_empty()).then(|| defaults.join(", ")),
        Cell::Null, // protrftypes
        if function.atomic { "" } else { &function.body },
        Cell::Null, // probin
        function.atomic.then_some(&function.body),
        (!properties.settings.is_empty()).then(|| array(properties.settings.iter().map(|setting| element(setting)))),
        Cell::Null, // proacl
    ]
}

/// A name as an array's element.
fn element(name: &str) -> String {
    let plain = !name.is_empty() && !name.eq_ignore_ascii_case("null") && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) }
}
