//! `pg_attribute`: the columns of tables, indexes, sequences, views and composite types, system columns included.

use std::collections::{HashMap, HashSet};

use peergres_sync::schema::{Column, ConstraintRule, IdentityKind, Index, Object, QualifiedName, Table, TypeDefinition};

use super::{
    super::{
        index_column,
        segment::{Cell, Segment, row},
    },
    world::{self, World},
};
use crate::types::{Oid, TypeRef, oid};

/// Names and types of system columns, by number from -1 down.
const SYSTEM: &[(&str, Oid)] = &[("ctid", 27), ("xmin", 28), ("cmin", 29), ("xmax", 28), ("cmax", 29), ("tableoid", oid::OID)];

/// What differs from column to column.
struct Attribute<'a> {
    relation: Oid,
    name: &'a str,
    ty: TypeRef,
    number: i16,
    not_null: bool,
    has_default: bool,
    identity: char,
    generated: char,
    /// Dimensions as declared, 1 for any array; a view's column declares none.
    dimensions: bool,
}

impl Attribute<'_> {
    fn row(&self, world: &World<'_>) -> Vec<Cell> {
        let physical = world.physical(self.ty.oid);
        let is_array = world.catalog.type_by_oid(self.ty.oid).is_some_and(|ty| world::is_array(ty) && ty.name.starts_with('_'));
        row![
            self.relation,
            self.name,
            self.ty.oid,
            if self.number < 0 { 0 } else { -1 }, // attstattarget
            physical.length,
            self.number,
            self.dimensions && is_array,
            -1, // attcacheoff
            self.ty.typmod,
            physical.by_value,
            physical.align,
            physical.storage,
            "", // attcompression
            self.not_null,
            self.has_default,
            false, // atthasmissing
            self.identity,
            self.generated,
            false, // attisdropped
            true,  // attislocal
            0,     // attinhcount
            physical.collation,
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Null,
        ]
    }
}

fn plain(relation: Oid, name: &str, ty: TypeRef, number: i16) -> Attribute<'_> {
    Attribute { relation, name, ty, number, not_null: false, has_default: false, identity: '\0', generated: '\0', dimensions: true }
}

/// The columns of this database's relations.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    let tables: HashMap<&QualifiedName, &Table> = world.tables().map(|(_, table)| (&table.name, table)).collect();
    for (oid, object) in &world.schema.objects {
        match &**object {
            Object::Table(table) => of_table(world, *oid, table, out),
            Object::Index(index) => {
                if let Some(table) = tables.get(&index.table) {
                    of_index(world, *oid, index, table, out);
                }
            }
            Object::Sequence(_) => {
                for (at, (name, ty)) in
                    [("last_value", oid::INT8), ("log_cnt", oid::INT8), ("is_called", oid::BOOL)].into_iter().enumerate()
                {
                    out.push(Attribute { not_null: true, ..plain(*oid, name, TypeRef::new(ty), at as i16 + 1) }.row(world));
                }
                system(world, *oid, out);
            }
            Object::View(view) => of_pairs(world, *oid, &view.columns, false, out),
            Object::Type(made) => {
                if let TypeDefinition::Composite { attributes } = &made.definition {
                    of_pairs(world, *oid, attributes, true, out);
                }
            }
            _ => {}
        }
    }
}

fn system(world: &World<'_>, relation: Oid, out: &mut Segment) {
    for (at, (name, ty)) in SYSTEM.iter().enumerate() {
        out.push(Attribute { not_null: true, ..plain(relation, name, TypeRef::new(*ty), -1 - at as i16) }.row(world));
    }
}

fn of_pairs(world: &World<'_>, relation: Oid, columns: &[(String, String)], dimensions: bool, out: &mut Segment) {
    for (at, (name, ty)) in columns.iter().enumerate() {
        out.push(Attribute { dimensions, ..plain(relation, name, world.type_named(ty), at as i16 + 1) }.row(world));
    }
}

fn of_table(world: &World<'_>, relation: Oid, table: &Table, out: &mut Segment) {
    let key: HashSet<&String> = table
        .constraints
        .iter()
        .filter_map(|constraint| match &constraint.rule {
            ConstraintRule::PrimaryKey { columns } => Some(columns),
            _ => None,
        })
        .flatten()
        .collect();
    system(world, relation, out);
    let mut next = 1;
    for column in &table.columns {
        (next..column.number).for_each(|number| dropped(world, relation, number, out));
        next = column.number + 1;
        out.push(of_column(world, relation, column, key.contains(&column.name)).row(world));
    }
    (next..table.next_column_number).for_each(|number| dropped(world, relation, number, out));
}

fn of_column<'a>(world: &World<'_>, relation: Oid, column: &'a Column, in_key: bool) -> Attribute<'a> {
    Attribute {
        not_null: column.not_null || in_key,
        has_default: column.default.is_some() || column.generated.is_some(),
        identity: match column.identity {
            Some(IdentityKind::Always) => 'a',
            Some(IdentityKind::ByDefault) => 'd',
            None => '\0',
        },
        generated: if column.generated.is_some() { 's' } else { '\0' },
        ..plain(relation, &column.name, world.type_named(&column.type_name), column.number)
    }
}

/// The place that a dropped column leaves, so that numbers have no gaps.
fn dropped(world: &World<'_>, relation: Oid, number: i16, out: &mut Segment) {
    let name = format!("........pg.dropped.{number}........");
    let mut row = plain(relation, &name, TypeRef::new(0), number).row(world);
    let (at, _) = super::by_name("pg_attribute").relation.column("attisdropped").expect("pg_attribute has it");
    row[at] = Cell::from(true);
    out.push(row);
}

fn of_index(world: &World<'_>, relation: Oid, index: &Index, table: &Table, out: &mut Segment) {
    let names = index_column::names(index);
    let types = index_column::types(world.catalog, index, table);
    for (at, (name, ty)) in names.iter().zip(types).enumerate() {
        out.push(plain(relation, name, ty, at as i16 + 1).row(world));
    }
}
