//! `pg_available_extensions` and `pg_available_extension_versions`: the extensions that are known by name.

use peergres_sync::schema::Object;

use super::{
    super::{
        extension::EXTENSIONS,
        segment::{Cell, Segment, row},
    },
    world::World,
};

/// The version of an extension that CREATE EXTENSION made.
fn installed<'a>(world: &World<'a>, name: &str) -> Option<&'a str> {
    world.schema.objects.values().find_map(|object| match &**object {
        Object::Extension(extension) if extension.name == name => Some(extension.version.as_str()),
        _ => None,
    })
}

/// By name.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    for (name, version, comment) in EXTENSIONS {
        let installed = if *name == "plpgsql" { Some(*version) } else { installed(world, name) };
        out.push(row![*name, *version, installed, *comment]);
    }
}

/// By name and version.
pub(super) fn versions(world: &World<'_>, out: &mut Segment) {
    for (name, version, comment) in EXTENSIONS {
        let is_installed = *name == "plpgsql" || installed(world, name) == Some(*version);
        let fixed = (*name == "plpgsql").then_some("pg_catalog");
        out.push(row![*name, *version, is_installed, true, true, fixed.is_none(), fixed, Cell::Null, *comment]);
    }
}
