//! Single rows of catalog relations, for functions that answer from them: `obj_description`, `pg_get_functiondef` and their kin.
//! Enters: a relation, a column and a value. Leaves: the rows whose column equals the value, their cells by column name.

use std::sync::Arc;

use rusqlite::types::ValueRef;

use super::{
    Relation,
    relations::{self, Rows},
    segment::{Cell, Segment},
    virtual_table::Parts,
};
use crate::{error::Result, session::context::Context, types::Oid};

/// A row of a catalog relation.
pub(crate) struct CatalogRow {
    relation: Arc<Relation>,
    cells: Vec<Cell>,
}

impl CatalogRow {
    fn cell(&self, column: &str) -> &Cell {
        let (at, _) = self.relation.column(column).expect("it is asked for by a name of catalog_columns.csv");
        &self.cells[at]
    }

    /// A text, none for NULL.
    pub(crate) fn text(&self, column: &str) -> Option<&str> {
        match self.cell(column) {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An integer, a boolean or an OID; 0 for NULL.
    pub(crate) fn integer(&self, column: &str) -> i64 {
        self.cell(column).integer()
    }

    /// A float or an integer; 0 for NULL.
    pub(crate) fn real(&self, column: &str) -> f64 {
        match self.cell(column) {
            Cell::Real(number) => *number,
            cell => cell.integer() as f64,
        }
    }

    /// A boolean; false for NULL.
    pub(crate) fn is(&self, column: &str) -> bool {
        self.integer(column) != 0
    }

    /// A value of type "char"; a blank for NULL and for the empty one.
    pub(crate) fn letter(&self, column: &str) -> char {
        self.text(column).and_then(|text| text.chars().next()).unwrap_or(' ')
    }
}

/// The rows of `relation` whose `column` equals `value`.
pub(crate) fn rows(relation: &str, column: &str, value: ValueRef<'_>, cx: &Context) -> Result<Vec<CatalogRow>> {
    let served = relations::by_name(relation);
    let parts = match served.rows {
        Rows::Stored(_) => served.parts(&cx.catalog),
        Rows::Live(make) => {
            let mut own = Segment::new(served.relation.columns.len());
            make(cx, &mut own)?;
            Parts { built_in: served.built_in(), own: Some(Arc::new(own)) }
        }
    };
    let (at, _) = served.relation.column(column).expect("it is asked for by a name of catalog_columns.csv");
    let mut out = Vec::new();
    for part in [parts.built_in, parts.own.as_deref()].into_iter().flatten() {
        for row in part.find(at, value) {
            out.push(CatalogRow { relation: served.relation.clone(), cells: part.row(*row as usize).to_vec() });
        }
    }
    Ok(out)
}

/// The first row of `relation` whose `column` equals the OID or number.
pub(crate) fn row(relation: &str, column: &str, oid: Oid, cx: &Context) -> Result<Option<CatalogRow>> {
    Ok(rows(relation, column, ValueRef::Integer(oid.into()), cx)?.into_iter().next())
}

/// The rows of `relation` that have that name in `column`.
pub(crate) fn rows_named(relation: &str, column: &str, name: &str, cx: &Context) -> Result<Vec<CatalogRow>> {
    rows(relation, column, ValueRef::Text(name.as_bytes()), cx)
}
