//! `pg_class`: tables, indexes, sequences, views and composite types.

use std::collections::HashSet;

use peergres_sync::schema::{ConstraintRule, Index, Object, QualifiedName, Table, TypeDefinition};

use super::{
    super::segment::{Cell, Segment, row},
    world::{OWNER, World},
};
use crate::types::{Oid, ROW_OID_BIT};

/// What differs from relation to relation.
struct Class<'a> {
    oid: Oid,
    name: &'a QualifiedName,
    row_type: Oid,
    method: Oid,
    persistence: char,
    kind: char,
    columns: usize,
    checks: usize,
    has_index: bool,
    has_rules: bool,
    has_triggers: bool,
    is_populated: bool,
}

impl Class<'_> {
    fn is_stored(&self) -> bool {
        matches!(self.kind, 'r' | 'm' | 'i' | 'S')
    }

    fn is_heap(&self) -> bool {
        matches!(self.kind, 'r' | 'm')
    }

    fn row(&self, world: &World<'_>) -> Vec<Cell> {
        row![
            self.oid,
            &self.name.name,
            world.namespace(&self.name.schema),
            self.row_type,
            0,
            OWNER,
            self.method,
            if self.is_stored() { self.oid } else { 0 }, // relfilenode
            0,                                           // reltablespace
            0,                                           // relpages
            if self.kind == 'i' { 0.0 } else { -1.0 },   // reltuples: -1 says that nobody has counted
            0,                                           // relallvisible
            0,                                           // reltoastrelid
            self.has_index,
            false, // relisshared
            self.persistence,
            self.kind,
            self.columns,
            self.checks,
            self.has_rules,
            self.has_triggers,
            false, // relhassubclass
            false, // relrowsecurity
            false, // relforcerowsecurity
            self.is_populated,
            if self.is_heap() { 'd' } else { 'n' },
            false, // relispartition
            0,     // relrewrite
            if self.is_heap() { 3 } else { 0 },
            i64::from(self.is_heap()), // relminmxid
            Cell::Null,
            Cell::Null,
            Cell::Null,
        ]
    }
}

/// The relations of this database.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    let indexed: HashSet<&QualifiedName> = world.indexes().map(|(_, index)| &index.table).collect();
    let mut referenced = referenced(world);
    referenced.extend(world.schema.objects.values().filter_map(|object| match &**object {
        Object::Trigger(trigger) => Some(&trigger.table),
        _ => None,
    }));
    for (oid, object) in &world.schema.objects {
        let class = match &**object {
            Object::Table(table) => of_table(*oid, table, &indexed, &referenced),
            Object::Index(index) => of_index(*oid, index),
            Object::Sequence(sequence) => Class { kind: 'S', columns: 3, ..plain(*oid, &sequence.name) },
            Object::View(view) => {
                let row_type = oid | ROW_OID_BIT;
                Class { row_type, kind: 'v', columns: view.columns.len(), has_rules: true, ..plain(*oid, &view.name) }
            }
            Object::Type(made) => match &made.definition {
                TypeDefinition::Composite { attributes } => {
                    Class { row_type: *oid, kind: 'c', columns: attributes.len(), ..plain(*oid, &made.name) }
                }
                _ => continue,
            },
            _ => continue,
        };
        out.push(class.row(world));
    }
}

fn plain(oid: Oid, name: &QualifiedName) -> Class<'_> {
    Class {
        oid,
        name,
        row_type: 0,
        method: 0,
        persistence: if name.schema.starts_with("pg_temp") { 't' } else { 'p' },
        kind: 'r',
        columns: 0,
        checks: 0,
        has_index: false,
        has_rules: false,
        has_triggers: false,
        is_populated: true,
    }
}

fn of_table<'a>(oid: Oid, table: &'a Table, indexed: &HashSet<&QualifiedName>, referenced: &HashSet<&QualifiedName>) -> Class<'a> {
    let count = |wanted: fn(&ConstraintRule) -> bool| table.constraints.iter().filter(|constraint| wanted(&constraint.rule)).count();
    let base = plain(oid, &table.name);
    Class {
        row_type: oid | ROW_OID_BIT,
        method: 2,
        kind: if table.materialized.is_some() { 'm' } else { base.kind },
        has_rules: table.materialized.is_some(),
        is_populated: table.materialized.as_ref().is_none_or(|view| view.populated),
        persistence: if table.unlogged { 'u' } else { base.persistence },
        // Dropped columns count.
        columns: (table.next_column_number - 1).max(0) as usize,
        checks: count(|rule| matches!(rule, ConstraintRule::Check { .. })),
        has_index: indexed.contains(&table.name),
        // A foreign key is enforced by triggers on both sides; and there are those that users made.
        has_triggers: referenced.contains(&table.name) || count(|rule| matches!(rule, ConstraintRule::ForeignKey { .. })) > 0,
        ..base
    }
}

fn of_index(oid: Oid, index: &Index) -> Class<'_> {
    let base = plain(oid, &index.name);
    Class { method: access_method(&index.method), kind: 'i', columns: index.keys.len() + index.include.len(), ..base }
}

/// The OID of an access method by name.
pub(in crate::catalog) fn access_method(name: &str) -> Oid {
    let methods = super::by_name("pg_am").built_in().expect("pg_am has built-in rows");
    methods.one(1, rusqlite::types::ValueRef::Text(name.as_bytes())).map_or(0, |row| row[0].integer() as Oid)
}

/// The tables that foreign keys refer to.
fn referenced<'a>(world: &World<'a>) -> HashSet<&'a QualifiedName> {
    let rules = world.tables().flat_map(|(_, table)| table.constraints.iter().map(|constraint| &constraint.rule));
    rules
        .filter_map(|rule| match rule {
            ConstraintRule::ForeignKey { references, .. } => Some(references),
            _ => None,
        })
        .collect()
}
