//! `CREATE TABLE AS` and `SELECT INTO`: a table with the columns of a query, filled with its rows.

use std::ops::ControlFlow;

use peergres_sync::schema::Table;
use sqlparser::ast::{Expr, ObjectName, ObjectNamePart, Query, SetExpr, Statement};

use super::{
    column, create_table,
    definer::Definer,
    physical::{Extras, quote},
};
use crate::{
    bind::{self, fold},
    error::{Result, SqlError, SqlState},
    execute::{ConstraintTiming, Execution, failure, plan::Plan},
    parse::definition::{CreateTableAs, Persistence},
    types::{TypeRef, oid},
};

/// The table that a SELECT … INTO names.
pub(super) fn into_target(query: &Query) -> Option<&sqlparser::ast::SelectInto> {
    match &*query.body {
        SetExpr::Select(select) => select.into.as_ref(),
        _ => None,
    }
}

/// `SELECT … INTO table`.
pub(super) fn select_into(definer: &mut Definer<'_>, query: &Query) -> Result<u64> {
    let mut query = query.clone();
    let SetExpr::Select(select) = &mut *query.body else { return Err(SqlError::internal("SELECT INTO was expected")) };
    let Some(into) = select.into.take() else { return Err(SqlError::internal("SELECT INTO was expected")) };
    let name = match into.targets.as_slice() {
        [Expr::Identifier(ident)] => ObjectName(vec![ObjectNamePart::Identifier(ident.clone())]),
        [Expr::CompoundIdentifier(parts)] => ObjectName(parts.iter().cloned().map(ObjectNamePart::Identifier).collect()),
        _ => return Err(SqlError::unsupported("this form of SELECT INTO")),
    };
    let name = definer.creation_name_of(&name, into.temporary)?;
    definer.refuse_existing(&name, false)?;
    let table = create_table::empty(definer, &name, into.unlogged);
    fill(definer, table, &[], query, true)
}

/// `CREATE TABLE … AS`: the number of rows, none where it ends without having run the query.
pub(super) fn create(definer: &mut Definer<'_>, create: &CreateTableAs) -> Result<Option<u64>> {
    let name = definer.creation_name_of(&create.name, create.persistence == Persistence::Temporary)?;
    if definer.refuse_existing(&name, create.if_not_exists)? {
        return Ok(None);
    }
    create_table::on_commit(definer, &name, create.on_commit)?;
    let names: Vec<String> = create.columns.iter().map(fold).collect();
    let table = create_table::empty(definer, &name, create.persistence == Persistence::Unlogged);
    let rows = fill(definer, table, &names, (*create.query).clone(), create.with_data)?;
    Ok(create.with_data.then_some(rows))
}

/// Makes a table with the columns of a query, and fills it where `with_data` says so.
pub(super) fn fill(definer: &mut Definer<'_>, mut table: Table, names: &[String], query: Query, with_data: bool) -> Result<u64> {
    let plan = bind::plan(&Statement::Query(Box::new(query)), definer.source, &[], &definer.cx)?;
    if names.len() > plan.columns.len() {
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, "too many column names were specified"));
    }
    for (index, output) in plan.columns.iter().enumerate() {
        let ty = if output.ty.oid == oid::UNKNOWN { TypeRef::new(oid::TEXT) } else { output.ty };
        let column = column::plain(definer, table.next_column_number, names.get(index).unwrap_or(&output.name), ty)?;
        create_table::add_column(&mut table, column)?;
    }
    create_table::put(definer, table.clone(), Vec::new(), Vec::new(), Extras::default())?;
    if with_data { insert(definer, &table, &plan) } else { Ok(0) }
}

/// Puts the rows of a query into a table of its columns; answers how many.
pub(super) fn insert(definer: &Definer<'_>, table: &Table, plan: &Plan) -> Result<u64> {
    if table.columns.is_empty() {
        return Ok(0);
    }
    let columns: Vec<String> = table.columns.iter().map(|column| quote(&column.physical)).collect();
    let places: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
    let insert = format!("INSERT INTO {} ({}) VALUES ({})", quote(&table.physical), columns.join(", "), places.join(", "));
    let schema = definer.schema();
    let connection = definer.transaction.connection();
    let mut statement = connection.prepare(&insert).map_err(failure::plain)?;
    let timing = ConstraintTiming::default();
    let mut count = 0;
    Execution { connection, schema: &schema, timing: &timing }.run(plan, &[], &mut |row| {
        for index in 0..columns.len() {
            let value = row.get_ref(index).map_err(failure::plain)?;
            statement.raw_bind_parameter(index + 1, rusqlite::types::ToSqlOutput::Borrowed(value)).map_err(failure::plain)?;
        }
        statement.raw_execute().map_err(failure::plain)?;
        count += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(count)
}
