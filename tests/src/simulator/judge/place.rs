//! Rows that are not where their own writes say, because of other rows: set aside over a key, without a parent, or back for their children.
//!
//! Enters: such a record, and what shows. Leaves: nothing, or why it should not be so. A reason must be there: another row that shows and claimed the key
//! earlier, a parent that does not show, a child that does; and an open conflict must say so and keep the row.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{
    super::{
        schema::{TableSpec, UniqueSpec},
        truth::Image,
    },
    conflicts::Standing,
    merge::Expected,
    rows::{Record, Shown},
    text,
};

fn spec<'a>(tables: &'a [TableSpec], name: &str) -> Result<&'a TableSpec, String> {
    tables.iter().find(|table| table.name == name).ok_or_else(|| format!("there is no table {name}"))
}

/// The key's values of a row; none where it has none.
fn values(unique: &UniqueSpec, row: &Image) -> Option<Vec<String>> {
    let positive = |column: &String| row.get(column).and_then(Json::as_i64).is_some_and(|number| number > 0);
    if unique.where_positive.as_ref().is_some_and(|column| !positive(column)) {
        return None;
    }
    let value = |column: &String| {
        let value = row.get(column).filter(|value| !value.is_null())?;
        Some(if unique.lower { text(value).to_ascii_lowercase() } else { text(value) })
    };
    unique.columns.iter().map(value).collect()
}

type Claim = Option<(u64, uuid::Uuid, u64)>;

/// When a row came by its keys: the latest of the writes that gave it a column of one.
fn claim(table: &TableSpec, expected: &Expected) -> Claim {
    let of_a_key = |column: &&String| {
        table.key.contains(column)
            || table.uniques.iter().any(|unique| unique.columns.contains(column) || unique.where_positive.as_ref() == Some(column))
    };
    expected.ranks.iter().filter(|(column, _)| of_a_key(column) && !(table.is_rowid() && *column == "id")).map(|(_, rank)| *rank).max()
}

/// A row that does not show although its writes say so.
pub(crate) fn set_aside(
    record: &Record,
    row: &Image,
    expected: &Expected,
    records: &BTreeMap<Record, Expected>,
    shown: &Shown,
    standing: &Standing,
    tables: &[TableSpec],
) -> Result<(), String> {
    let table = spec(tables, &record.0)?;
    if !standing.explains(record, &["unique", "foreign_key"]) {
        return Err("it is set aside, and no conflict says so".to_owned());
    }
    if !standing.keeps_row(record, row) {
        return Err("it is set aside, and no open conflict keeps it".to_owned());
    }
    let others = || shown.0.iter().filter(|(other, _)| other.0 == record.0 && *other != record);
    let in_the_way =
        |other: &Image| table.uniques.iter().any(|unique| values(unique, row).is_some_and(|own| values(unique, other) == Some(own)));
    let blockers: Vec<&Record> = others().filter(|(_, other)| in_the_way(other)).map(|(other, _)| other).collect();
    if blockers.is_empty() {
        return orphan(row, table, shown).then_some(()).ok_or_else(|| "it is set aside, and nothing is in its way".to_owned());
    }
    let own = claim(table, expected);
    let earlier = |other: &&Record| records.get(*other).is_none_or(|expected| expected.row.is_none() || claim(table, expected) < own);
    if blockers.iter().any(earlier) { Ok(()) } else { Err(format!("it claimed its key before {blockers:?}, which show")) }
}

/// Whether a parent of the row does not show.
fn orphan(row: &Image, table: &TableSpec, shown: &Shown) -> bool {
    table.foreign.iter().any(|foreign| {
        let wanted = row.get(&foreign.column).filter(|value| !value.is_null());
        wanted.is_some_and(|wanted| {
            !shown.0.iter().any(|((name, _), parent)| *name == foreign.parent && parent.get(&foreign.parent_column) == Some(wanted))
        })
    })
}

/// A row that shows although its writes say that it is gone.
pub(crate) fn came_back(record: &Record, row: &Image, shown: &Shown, standing: &Standing, tables: &[TableSpec]) -> Result<(), String> {
    if !standing.explains(record, &["foreign_key", "check"]) {
        return Err("it came back, and no conflict says so".to_owned());
    }
    let refers = |table: &TableSpec, child: &Image| {
        table.foreign.iter().any(|f| {
            f.parent == record.0 && child.get(&f.column).is_some_and(|value| !value.is_null() && row.get(&f.parent_column) == Some(value))
        })
    };
    let wanted = tables.iter().any(|table| shown.0.iter().any(|((name, _), child)| *name == table.name && refers(table, child)));
    if wanted || standing.explains(record, &["check"]) { Ok(()) } else { Err("it came back, and no row refers to it".to_owned()) }
}
