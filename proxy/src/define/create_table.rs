//! `CREATE TABLE`: columns, constraints, their indexes and sequences, put in one schema change.

use peergres_sync::schema::{Column, Index, Object, QualifiedName, Sequence, TEMPORARY_PREFIX, Table, physical_name};
use sqlparser::ast::OnCommit;

use super::{
    column::{self, Read},
    constraint::{self, Given, Written},
    definer::Definer,
    like,
    naming::Names,
    physical::{self, Extras},
};
use crate::{
    bind::Clause,
    error::{Result, SqlError, SqlState},
    parse::definition::{CreateTable, Element, Persistence},
};

/// `CREATE TABLE` with a list of columns, constraints and LIKEs.
pub(super) fn create(definer: &mut Definer<'_>, create: &CreateTable) -> Result<()> {
    let name = definer.creation_name_of(&create.name, create.persistence == Persistence::Temporary)?;
    if definer.refuse_existing(&name, create.if_not_exists)? {
        return Ok(());
    }
    let schema = definer.schema();
    let mut names = Names::new(&schema, &name.schema);
    names.take(&name.name);
    let mut table = empty(definer, &name, create.persistence == Persistence::Unlogged);
    let mut reads = Vec::with_capacity(create.elements.len());
    let mut given: Vec<Given<'_>> = Vec::new();
    let mut likes = Vec::new();
    let mut sequences: Vec<Sequence> = Vec::new();
    for element in &create.elements {
        match element {
            Element::Column(definition) => reads.push(add_read(definer, &mut table, &mut names, definition)?),
            Element::Constraint(written) => given.push(constraint::of_table(written)?),
            Element::Like(clause) => likes.push(like::columns(definer, &mut table, &mut names, &mut sequences, clause)?),
        }
    }
    let mut extras = extras(definer, &table)?;
    for read in &reads {
        generated(definer, &mut table, read, &mut extras)?;
    }
    sequences.extend(reads.iter_mut().filter_map(|read| read.sequence.take()));
    let mut at_columns: Vec<Given<'_>> = Vec::new();
    for read in reads {
        let column = read.column.name.clone();
        at_columns.extend(read.constraints.into_iter().map(|(name, at)| constraint::of_column(&column, name, at)));
    }
    at_columns.append(&mut given);
    let mut indexes = add_constraints(definer, &mut table, &mut names, at_columns)?;
    for like in likes {
        indexes.extend(like::constraints(definer, &mut table, &mut names, like)?);
    }
    on_commit(definer, &name, create.on_commit)?;
    put(definer, table, sequences, indexes, extras)
}

/// Notes what COMMIT does to a temporary table; 42P16 for any other.
pub(super) fn on_commit(definer: &mut Definer<'_>, name: &QualifiedName, action: Option<OnCommit>) -> Result<()> {
    match action {
        Some(_) if !name.schema.starts_with(TEMPORARY_PREFIX) => {
            Err(SqlError::new(SqlState("42P16"), "ON COMMIT can only be used on temporary tables"))
        }
        Some(action) if action != OnCommit::PreserveRows => {
            definer.on_commit.push((name.clone(), action));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Reads a column and appends it; its default is bound, a generation expression later, when all columns are known.
fn add_read<'a>(
    definer: &Definer<'_>,
    table: &mut Table,
    names: &mut Names<'_>,
    definition: &'a sqlparser::ast::ColumnDef,
) -> Result<Read<'a>> {
    let mut read = column::read(definer, &table.name, names, table.next_column_number, definition)?;
    add_column(table, read.column.clone())?;
    if let Some(expr) = read.default {
        let bound = definer.bind(expr, None, Clause::Default, Some(read.ty))?;
        read.column.default = default_text(definer, &bound)?;
        table.columns.last_mut().expect("it was added just now").default = read.column.default.clone();
    }
    Ok(read)
}

/// Adds constraints in PostgreSQL's order: the primary key, unique keys, checks, foreign keys.
pub(super) fn add_constraints(
    definer: &Definer<'_>,
    table: &mut Table,
    names: &mut Names<'_>,
    mut given: Vec<Given<'_>>,
) -> Result<Vec<Index>> {
    for one in &given {
        one.name.iter().for_each(|name| names.take(name));
    }
    given.sort_by_key(|one| match one.written {
        Written::Primary(_) => 0,
        Written::Unique(_) => 1,
        Written::Check(_) => 2,
        Written::Foreign(_) => 3,
    });
    let mut indexes = Vec::new();
    for one in &given {
        indexes.extend(constraint::add(definer, table, names, one)?.1);
    }
    Ok(indexes)
}

/// Puts a new table with all that belongs to it.
pub(super) fn put(
    definer: &mut Definer<'_>,
    table: Table,
    sequences: Vec<Sequence>,
    indexes: Vec<Index>,
    mut extras: Extras,
) -> Result<()> {
    extras.referenced = constraint::referenced_tables(definer, &table);
    let mut sqlite = vec![physical::create_table(&table, &extras)];
    sqlite.extend(indexes.iter().filter_map(|index| physical::create_index(index, &table)));
    let mut objects: Vec<Object> = sequences.into_iter().map(Object::Sequence).collect();
    objects.push(Object::Table(table));
    objects.extend(indexes.into_iter().map(Object::Index));
    definer.apply(&sqlite, objects, Vec::new()).map(|_| ())
}

/// A table without columns, and so far without a key. One that the configuration leaves out of sync is this device's own.
pub(super) fn empty(definer: &Definer<'_>, name: &QualifiedName, unlogged: bool) -> Table {
    let left_out = unlogged || name.schema.starts_with(TEMPORARY_PREFIX) || definer.transaction.database().leaves_out(name);
    Table {
        name: name.clone(),
        physical: physical_name(&name.schema, &name.name),
        columns: Vec::new(),
        constraints: Vec::new(),
        next_column_number: 1,
        replicated: !left_out,
        unlogged,
        hidden_key: true,
        materialized: None,
        comment: None,
    }
}

/// Appends a column; 42701 where its name is taken.
pub(super) fn add_column(table: &mut Table, column: Column) -> Result<()> {
    if table.columns.iter().any(|other| other.name == column.name) {
        return Err(SqlError::new(SqlState::DUPLICATE_COLUMN, format!("column \"{}\" specified more than once", column.name)));
    }
    if table.columns.len() >= MAX_COLUMNS {
        return Err(SqlError::new(SqlState::TOO_MANY_COLUMNS, "tables can have at most 1600 columns"));
    }
    table.next_column_number += 1;
    table.columns.push(column);
    Ok(())
}

/// PostgreSQL's `MaxHeapAttributeNumber`.
const MAX_COLUMNS: usize = 1600;

/// A default as it is stored: none for plain NULL.
pub(super) fn default_text(definer: &Definer<'_>, bound: &crate::bind::Expr) -> Result<Option<String>> {
    use crate::{bind::tree::ExprKind, types::Value};
    if matches!(bound.kind, ExprKind::Constant(Value::Null)) {
        return Ok(None);
    }
    definer.expression(bound).map(|expression| Some(expression.text))
}

/// Binds a generation expression over the table's columns.
pub(super) fn generated(definer: &Definer<'_>, table: &mut Table, read: &Read<'_>, extras: &mut Extras) -> Result<()> {
    let Some(expr) = read.generated else { return Ok(()) };
    let bound = definer.bind(expr, Some(table), Clause::Generated, Some(read.ty))?;
    let name = &read.column.name;
    for named in constraint::columns_of(&bound) {
        if table.columns.iter().any(|column| column.name == named && column.generated.is_some()) || named == *name {
            return Err(SqlError::new(
                SqlState::INVALID_OBJECT_DEFINITION,
                format!("cannot use generated column \"{named}\" in column generation expression"),
            )
            .detail("A generated column cannot reference another generated column."));
        }
    }
    let volatile = bound.any(&mut |e| match &e.kind {
        crate::bind::tree::ExprKind::Call(call) => call.proc.volatility != 'i',
        _ => false,
    });
    if volatile {
        return Err(SqlError::new(SqlState::INVALID_OBJECT_DEFINITION, "generation expression is not immutable"));
    }
    let expression = definer.expression(&bound)?;
    if let Some(column) = table.columns.iter_mut().find(|column| column.name == *name) {
        column.generated = Some(expression.text);
        column.generated_sqlite = Some(expression.sqlite.clone());
    }
    extras.generated.push((name.clone(), expression.sqlite));
    Ok(())
}

/// The generation expressions of an existing table, ready for SQLite.
pub(super) fn extras(definer: &Definer<'_>, table: &Table) -> Result<Extras> {
    let mut extras = Extras { generated: Vec::new(), referenced: constraint::referenced_tables(definer, table) };
    for column in &table.columns {
        if let Some(text) = &column.generated {
            let ty = definer.type_named(&column.type_name)?;
            let bound = definer.bind_text(text, Some(table), Clause::Generated, Some(ty))?;
            extras.generated.push((column.name.clone(), definer.expression(&bound)?.sqlite));
        }
    }
    Ok(extras)
}
