//! `pg_type`: the types that users made, the row types of tables and views, and the array types of all of these.

use std::collections::HashMap;

use peergres_sync::schema::{Object, TypeDefinition, UserType};

use super::{
    super::segment::{Cell, Segment, row},
    world::{self, OWNER, World, function},
};
use crate::types::{Kind, Oid, ROW_OID_BIT, Type, TypeRef};

/// Input, output, receive and send functions by name.
const ENUM: [&str; 4] = ["enum_in", "enum_out", "enum_recv", "enum_send"];
const RECORD: [&str; 4] = ["record_in", "record_out", "record_recv", "record_send"];
const ARRAY: [&str; 4] = ["array_in", "array_out", "array_recv", "array_send"];

/// The types of this database.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    let made: HashMap<Oid, &UserType> = world
        .schema
        .objects
        .iter()
        .filter_map(|(oid, object)| match &**object {
            Object::Type(made) => Some((*oid, made)),
            _ => None,
        })
        .collect();
    let mut types: Vec<&Type> = world.catalog.user_types().map(|ty| &**ty).collect();
    types.sort_by_key(|ty| ty.oid);
    for ty in types {
        out.push(of_type(world, ty, made.get(&ty.oid).copied()));
    }
}

/// What differs from kind to kind.
struct Facts {
    letter: char,
    relation: Oid,
    functions: [Oid; 4],
    not_null: bool,
    base: TypeRef,
    default: Option<String>,
}

fn facts(world: &World<'_>, ty: &Type, made: Option<&UserType>) -> Facts {
    let functions = |names: [&str; 4]| names.map(function);
    let base = Facts { letter: 'b', relation: 0, functions: functions(ARRAY), not_null: false, base: TypeRef::new(0), default: None };
    match &ty.kind {
        Kind::Enum(_) => Facts { letter: 'e', functions: functions(ENUM), ..base },
        // The row type of a table is the table's OID with a bit set; a composite type is its own relation.
        Kind::Composite(_) => {
            let relation = if made.is_some() { ty.oid } else { ty.oid & !ROW_OID_BIT };
            Facts { letter: 'c', relation, functions: functions(RECORD), ..base }
        }
        Kind::Domain(of) => {
            let (not_null, default) = match made.map(|made| &made.definition) {
                Some(TypeDefinition::Domain { not_null, default, .. }) => (*not_null, default.clone()),
                _ => (false, None),
            };
            let [_, output, _, send] = type_functions(world, of.oid);
            let functions = [function("domain_in"), output, function("domain_recv"), send];
            Facts { letter: 'd', functions, not_null, base: *of, default, ..base }
        }
        _ => base,
    }
}

/// The four functions of a type.
fn type_functions(world: &World<'_>, oid: Oid) -> [Oid; 4] {
    let served = super::by_name("pg_type");
    let column = |name: &str| served.relation.column(name).expect("pg_type has it").0;
    let built_in = served.built_in().and_then(|rows| rows.one(column("oid"), rusqlite::types::ValueRef::Integer(i64::from(oid))));
    match built_in {
        Some(row) => ["typinput", "typoutput", "typreceive", "typsend"].map(|name| row[column(name)].integer() as Oid),
        None => world.catalog.type_by_oid(oid).map_or([0; 4], |ty| facts(world, ty, None).functions),
    }
}

fn of_type(world: &World<'_>, ty: &Type, made: Option<&UserType>) -> Vec<Cell> {
    let (physical, facts) = (world.physical(ty.oid), facts(world, ty, made));
    let is_array = world::is_array(ty);
    row![
        ty.oid,
        &ty.name,
        world.namespace(&ty.schema),
        OWNER,
        physical.length,
        physical.by_value,
        facts.letter,
        ty.category,
        ty.preferred,
        true, // typisdefined
        ty.delimiter,
        facts.relation,
        if is_array { function("array_subscript_handler") } else { 0 },
        ty.element(),
        ty.array,
        facts.functions[0],
        facts.functions[1],
        facts.functions[2],
        facts.functions[3],
        0, // typmodin
        0, // typmodout
        if is_array { function("array_typanalyze") } else { 0 },
        physical.align,
        physical.storage,
        facts.not_null,
        facts.base.oid,
        facts.base.typmod,
        0, // typndims
        physical.collation,
        facts.default.as_ref(), // typdefaultbin, as text
        facts.default,
        Cell::Null,
    ]
}
