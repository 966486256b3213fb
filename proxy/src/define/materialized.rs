//! Materialized views: a table that keeps the rows of a query as they were when it was last refreshed. The table is this device's alone, as an
//! unlogged one is: refreshed on two devices at once, its rows would be there twice.

use peergres_sync::schema::{Index, Materialized, Object, Table, View};
use sqlparser::ast::{ObjectName, Statement};

use super::{create_table, definer::Definer, physical::quote, table_as, view};
use crate::{
    bind::{self, fold},
    error::{Result, SqlError, SqlState},
    execute::failure,
    parse::definition::CreateTableAs,
};

/// `CREATE MATERIALIZED VIEW`: the number of rows, none where it has not run the query.
pub(super) fn create(definer: &mut Definer<'_>, create: &CreateTableAs) -> Result<Option<u64>> {
    let name = definer.creation_name(&create.name)?;
    if definer.refuse_existing(&name, create.if_not_exists)? {
        return Ok(None);
    }
    let mut stored = (*create.query).clone();
    view::qualify(definer, &mut stored)?;
    let materialized = Materialized { query: stored.to_string(), populated: create.with_data };
    let table = Table { unlogged: false, materialized: Some(materialized), ..create_table::empty(definer, &name, true) };
    let names: Vec<String> = create.columns.iter().map(fold).collect();
    let rows = table_as::fill(definer, table, &names, (*create.query).clone(), create.with_data)?;
    Ok(create.with_data.then_some(rows))
}

/// `REFRESH MATERIALIZED VIEW`.
pub(super) fn refresh(definer: &mut Definer<'_>, name: &ObjectName, concurrently: bool, with_data: bool) -> Result<()> {
    let table = definer.table(name)?;
    let Some(materialized) = table.materialized.clone() else {
        let message = format!("\"{}\" is not a materialized view", table.name.name);
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    };
    if concurrently {
        may_refresh_concurrently(definer, &table, &materialized)?;
    }
    let connection = definer.transaction.connection();
    connection.execute(&format!("DELETE FROM {}", quote(&table.physical)), []).map_err(failure::plain)?;
    if with_data {
        let cx = definer.cx.canonical();
        let parsed = crate::parse::stored_query(&materialized.query);
        let query = parsed.map_err(|error| SqlError::internal(format!("the stored query of {} does not parse: {error}", table.name)))?;
        let plan = bind::plan(&Statement::Query(query), &materialized.query, &[], &cx)?;
        table_as::insert(definer, &table, &plan)?;
    }
    if materialized.populated != with_data {
        let materialized = Some(Materialized { populated: with_data, ..materialized });
        definer.apply(&[], vec![Object::Table(Table { materialized, ..table })], Vec::new())?;
    }
    Ok(())
}

/// Readers never wait here, so that CONCURRENTLY is the plain refresh; PostgreSQL's conditions hold all the same.
fn may_refresh_concurrently(definer: &Definer<'_>, table: &Table, materialized: &Materialized) -> Result<()> {
    if !materialized.populated {
        let message = "CONCURRENTLY cannot be used when the materialized view is not populated";
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    let whole = |index: &Index| index.unique && index.predicate.is_none() && index.keys.iter().all(|key| key.column.is_some());
    if definer.indexes(&table.name).iter().any(whole) {
        return Ok(());
    }
    let message = format!("cannot refresh materialized view \"{}.{}\" concurrently", table.name.schema, table.name.name);
    Err(SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
        .hint("Create a unique index with no WHERE clause on one or more columns of the materialized view."))
}

/// A materialized view as a view: what its query reads, and under which names.
pub(crate) fn as_view(table: &Table) -> Option<View> {
    let materialized = table.materialized.as_ref()?;
    let columns = table.columns.iter().map(|column| (column.name.clone(), column.type_name.clone())).collect();
    Some(View { name: table.name.clone(), columns, query: materialized.query.clone(), comment: table.comment.clone() })
}

/// The materialized view with the query of a view that was made of it.
pub(super) fn with_query(table: &Table, view: View) -> Table {
    let materialized = table.materialized.as_ref().map(|old| Materialized { query: view.query, populated: old.populated });
    Table { materialized, ..table.clone() }
}
