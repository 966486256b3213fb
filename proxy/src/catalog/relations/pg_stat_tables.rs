//! The statistics views of tables, indexes and sequences. Nothing is counted here, as in PostgreSQL under `track_counts = off`: each
//! object has its row, and its counters are zero.

use super::{
    super::{
        segment::{Cell, Segment, row},
        virtual_table::Parts,
    },
    world::World,
};

/// A stored relation with its schema's name.
struct Counted {
    oid: i64,
    schema: String,
    name: String,
    has_index: bool,
}

/// A row of a catalog relation by column name.
fn column(relation: &str, name: &str) -> usize {
    super::by_name(relation).relation.column(name).expect("it is asked for by a name of catalog_columns.csv").0
}

fn parts(world: &World<'_>, relation: &str) -> Parts {
    super::by_name(relation).parts(world.catalog)
}

/// The relations of a kind.
fn of_kind(world: &World<'_>, kinds: &[&str]) -> Vec<Counted> {
    let [oid, name, namespace, kind, indexed] =
        ["oid", "relname", "relnamespace", "relkind", "relhasindex"].map(|name| column("pg_class", name));
    let namespaces = parts(world, "pg_namespace");
    let schema = |oid: i64| namespaces.rows().find(|row| row[0].integer() == oid).map_or(String::new(), |row| row[1].text().to_owned());
    let classes = parts(world, "pg_class");
    classes
        .rows()
        .filter(|row| kinds.contains(&row[kind].text()))
        .map(|row| Counted {
            oid: row[oid].integer(),
            schema: schema(row[namespace].integer()),
            name: row[name].text().to_owned(),
            has_index: row[indexed].integer() != 0,
        })
        .collect()
}

/// The indexes: index, table.
fn indexes(world: &World<'_>) -> Vec<(Counted, Counted)> {
    let [index, table] = ["indexrelid", "indrelid"].map(|name| column("pg_index", name));
    let counted = of_kind(world, &["r", "i", "t", "m"]);
    let by_oid: std::collections::HashMap<i64, &Counted> = counted.iter().map(|relation| (relation.oid, relation)).collect();
    let copy = |oid: i64| {
        by_oid.get(&oid).map(|found| Counted { oid, schema: found.schema.clone(), name: found.name.clone(), has_index: found.has_index })
    };
    parts(world, "pg_index").rows().filter_map(|row| Some((copy(row[index].integer())?, copy(row[table].integer())?))).collect()
}

fn zeros(count: usize) -> impl Iterator<Item = Cell> {
    (0..count).map(|_| Cell::from(0))
}

/// Counters of a table's indexes: NULL where it has none.
fn of_indexes(table: &Counted) -> impl Iterator<Item = Cell> + use<> {
    let cell = if table.has_index { Cell::from(0) } else { Cell::Null };
    std::iter::repeat_n(cell, 2)
}

fn nulls(count: usize) -> impl Iterator<Item = Cell> {
    (0..count).map(|_| Cell::Null)
}

const TABLES: &[&str] = &["r", "t", "m"];

/// `pg_stat_all_tables`.
pub(super) fn all_tables(world: &World<'_>, out: &mut Segment) {
    for table in of_kind(world, TABLES) {
        let indexes = of_indexes(&table);
        let mut row = row![table.oid, table.schema, table.name];
        row.extend(zeros(2));
        row.extend(indexes);
        row.extend(zeros(8));
        row.extend(nulls(4));
        row.extend(zeros(4));
        out.push(row);
    }
}

/// `pg_stat_xact_all_tables`.
pub(super) fn transaction_tables(world: &World<'_>, out: &mut Segment) {
    for table in of_kind(world, TABLES) {
        let indexes = of_indexes(&table);
        let mut row = row![table.oid, table.schema, table.name];
        row.extend(zeros(2));
        row.extend(indexes);
        row.extend(zeros(4));
        out.push(row);
    }
}

/// `pg_statio_all_tables`.
pub(super) fn block_tables(world: &World<'_>, out: &mut Segment) {
    for table in of_kind(world, TABLES) {
        let indexes = of_indexes(&table);
        let mut row = row![table.oid, table.schema, table.name];
        row.extend(zeros(2));
        row.extend(indexes);
        row.extend(nulls(4));
        out.push(row);
    }
}

/// `pg_statio_all_sequences`.
pub(super) fn block_sequences(world: &World<'_>, out: &mut Segment) {
    for sequence in of_kind(world, &["S"]) {
        out.push(row![sequence.oid, sequence.schema, sequence.name, 0, 0]);
    }
}

/// `pg_stat_all_indexes`.
pub(super) fn all_indexes(world: &World<'_>, out: &mut Segment) {
    for (index, table) in indexes(world) {
        out.push(row![table.oid, index.oid, table.schema, table.name, index.name, 0, 0, 0]);
    }
}

/// `pg_statio_all_indexes`.
pub(super) fn block_indexes(world: &World<'_>, out: &mut Segment) {
    for (index, table) in indexes(world) {
        out.push(row![table.oid, index.oid, table.schema, table.name, index.name, 0, 0]);
    }
}
