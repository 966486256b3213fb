//! `pg_index`: what an index is made of.

use std::collections::HashMap;

use peergres_sync::schema::{ConstraintRule, Index, IndexKey, QualifiedName, Table};

use super::{
    super::{
        index_column,
        operator_class::operator_class,
        segment::{Cell, Segment, row},
    },
    world::{World, numbers, vector},
};
use crate::types::Oid;

/// The indexes of this database.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    let tables: HashMap<&QualifiedName, (Oid, &Table)> = world.tables().map(|(oid, table)| (&table.name, (oid, table))).collect();
    for (oid, index) in world.indexes() {
        if let Some((table_oid, table)) = tables.get(&index.table) {
            out.push(of_index(world, oid, index, *table_oid, table));
        }
    }
}

fn of_index(world: &World<'_>, oid: Oid, index: &Index, table_oid: Oid, table: &Table) -> Vec<Cell> {
    let constraint = table.constraints.iter().find(|constraint| Some(&constraint.name) == index.constraint.as_ref());
    let types = index_column::types(world.catalog, index, table);
    let keys = || index.keys.iter().zip(&types);
    let number = |name: &String| numbers(table, std::slice::from_ref(name))[0];
    let key_number = |key: &IndexKey| key.column.as_ref().map_or(0, number);
    let option = |key: &IndexKey| i32::from(key.descending) | i32::from(key.nulls_first) << 1;
    let class =
        |(key, ty): (&IndexKey, &crate::types::TypeRef)| operator_class(world.catalog, &index.method, ty.oid, key.opclass.as_deref());
    let expressions: Vec<&str> = index.keys.iter().filter_map(|key| Some(key.expression.as_ref()?.text.as_str())).collect();
    row![
        oid,
        table_oid,
        index.keys.len() + index.include.len(),
        index.keys.len(),
        index.unique,
        index.nulls_not_distinct,
        constraint.is_some_and(|constraint| matches!(constraint.rule, ConstraintRule::PrimaryKey { .. })),
        false,                                                      // indisexclusion
        constraint.is_none_or(|constraint| !constraint.deferrable), // indimmediate
        false,                                                      // indisclustered
        true,                                                       // indisvalid
        false,                                                      // indcheckxmin
        true,                                                       // indisready
        true,                                                       // indislive
        false,                                                      // indisreplident
        vector(index.keys.iter().map(key_number).chain(index.include.iter().map(number))),
        vector(keys().map(|(_, ty)| world.physical(ty.oid).collation)),
        vector(keys().map(class)),
        vector(index.keys.iter().map(option)),
        (!expressions.is_empty()).then(|| expressions.join(", ")),
        index.predicate.as_ref().map(|predicate| &predicate.text),
    ]
}

impl super::super::Catalog {
    /// The columns of an index by number, 0 for an expression; empty where there is no such index.
    pub fn index_key(self: &std::sync::Arc<Self>, index: Oid) -> Vec<i64> {
        let served = super::by_name("pg_index");
        let column = |name: &str| served.relation.column(name).expect("pg_index has it").0;
        let parts = served.parts(self);
        let row = parts.one(column("indexrelid"), rusqlite::types::ValueRef::Integer(i64::from(index)));
        let key = row.map(|row| row[column("indkey")].text().to_owned()).unwrap_or_default();
        key.split(' ').filter_map(|number| number.parse().ok()).collect()
    }
}
