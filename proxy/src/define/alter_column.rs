//! `ALTER TABLE … ADD | DROP | ALTER COLUMN`.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Column, ConstraintRule, Object, Table},
};
use sqlparser::ast::{ColumnDef, Ident};

use super::{
    alter, alter_constraint, column, constraint, create_table,
    definer::Definer,
    dependency::Item,
    drop as dropping, identity, index,
    naming::Names,
    physical::{self, quote},
    retype, view,
};
use crate::{
    bind::{self, Clause, tree::ExprKind},
    error::{Result, SqlError, SqlState},
    execute::failure,
    parse::definition::ColumnAction,
    rewrite,
};

/// `ADD COLUMN`: the text gets a piece; a default fills the rows that are there.
pub(super) fn add(definer: &mut Definer<'_>, table: &Table, definition: &ColumnDef, if_not_exists: bool) -> Result<()> {
    let schema = definer.schema();
    let mut names = Names::new(&schema, &table.name.schema);
    let mut read = column::read(definer, &table.name, &mut names, table.next_column_number, definition)?;
    let name = read.column.name.clone();
    if table.columns.iter().any(|column| column.name == name) {
        let message = format!("column \"{name}\" of relation \"{}\" already exists", table.name.name);
        if if_not_exists {
            definer.notices.push(SqlError::new(SqlState::DUPLICATE_COLUMN, format!("{message}, skipping")));
            return Ok(());
        }
        return Err(SqlError::new(SqlState::DUPLICATE_COLUMN, message));
    }
    if read.generated.is_some() {
        return add_generated(definer, table, read);
    }
    let not_null = std::mem::take(&mut read.column.not_null);
    let mut new = table.clone();
    create_table::add_column(&mut new, read.column.clone())?;
    let mut objects: Vec<Object> = read.sequence.take().map(Object::Sequence).into_iter().collect();
    // The sequence first: the default of a serial column names it.
    objects.push(Object::Table(new.clone()));
    let (before, after) = (create_table::extras(definer, table)?, create_table::extras(definer, &new)?);
    definer.apply(&physical::edit(table, &new, &before, &after), objects, Vec::new())?;
    let default = match (read.default, &read.column.default, &read.column.sequence) {
        (Some(expr), _, _) => Some(definer.bind(expr, None, Clause::Default, Some(read.ty))?),
        (None, Some(text), _) => Some(definer.bind_text(text, None, Clause::Default, Some(read.ty))?),
        (None, None, Some(sequence)) => {
            let text = super::sequence::nextval(sequence);
            Some(definer.bind_text(&text, None, Clause::Default, Some(read.ty))?)
        }
        (None, None, None) => None,
    };
    if let Some(bound) = &default {
        fill(definer, &mut new, &name, bound)?;
        if read.default.is_some() {
            let text = create_table::default_text(definer, bound)?;
            let column = new.columns.last_mut().expect("it was added");
            column.default = text;
            definer.apply(&[], vec![Object::Table(new.clone())], Vec::new())?;
        }
    }
    constrain_added(definer, new, not_null, read.constraints)
}

/// NOT NULL and the constraints that were written with a column, once it is there and filled.
fn constrain_added(
    definer: &mut Definer<'_>,
    mut table: Table,
    not_null: bool,
    constraints: Vec<(Option<&Ident>, column::AtColumn<'_>)>,
) -> Result<()> {
    let name = table.columns.last().expect("it was added").name.clone();
    if not_null {
        alter_constraint::refuse_nulls(definer, &table, std::slice::from_ref(&name))?;
        let former = table.clone();
        table.columns.last_mut().expect("it was added").not_null = true;
        alter::put(definer, &former, table.clone())?;
    }
    for (given, at) in constraints {
        let given = constraint::of_column(&name, given, at);
        let table = definer.schema().table(&table.name).cloned().expect("it is being altered");
        alter_constraint::add_given(definer, &table, &given, false)?;
    }
    Ok(())
}

/// A computed column: SQLite adds none to a table, but a stored one lies in the row like any other. So it comes as a plain column, is
/// filled, and then its text says how.
fn add_generated(definer: &mut Definer<'_>, table: &Table, mut read: column::Read<'_>) -> Result<()> {
    let not_null = std::mem::take(&mut read.column.not_null);
    let mut new = table.clone();
    create_table::add_column(&mut new, read.column.clone())?;
    let plain = new.clone();
    let before = create_table::extras(definer, table)?;
    let mut after = before.clone();
    create_table::generated(definer, &mut new, &read, &mut after)?;
    let (_, expression) = after.generated.last().cloned().ok_or_else(|| SqlError::internal("the column is computed"))?;
    let column = quote(&read.column.physical);
    let mut sqlite = physical::edit(table, &plain, &before, &before);
    sqlite.push(format!("UPDATE {} SET {column} = {expression}", quote(&table.physical)));
    sqlite.extend(physical::edit(&plain, &new, &before, &after));
    definer.apply(&sqlite, vec![Object::Table(new.clone())], Vec::new())?;
    constrain_added(definer, new, not_null, read.constraints)
}

/// Gives the rows that are there the new column's default. What is the same for all of them on every device is part of the definition; what
/// differs (`nextval`, random) is a change of each row, and logged as one.
fn fill(definer: &mut Definer<'_>, table: &mut Table, column: &str, default: &bind::Expr) -> Result<()> {
    if matches!(default.kind, ExprKind::Constant(rusqlite::types::Value::Null)) {
        return Ok(());
    }
    let at = index::column_position(table, column)?;
    let value = rewrite::expression(default, &definer.cx)?;
    let update = format!("UPDATE {} SET {} = {value}", quote(&table.physical), quote(&table.columns[at].physical));
    if is_immutable(default) {
        table.columns[at].missing = Some(value);
        return definer.apply(&[update], vec![Object::Table(table.clone())], Vec::new()).map(|_| ());
    }
    definer.transaction.connection().execute(&update, []).map(|_| ()).map_err(failure::plain)
}

fn is_immutable(bound: &bind::Expr) -> bool {
    !bound.any(&mut |e| match &e.kind {
        ExprKind::Call(call) => call.proc.volatility != 'i',
        ExprKind::SqlValue(_) | ExprKind::InputOutput(..) => true,
        _ => false,
    })
}

/// `DROP COLUMN`: what names it goes first.
pub(super) fn drop(definer: &mut Definer<'_>, table: &Table, name: &str, cascade: bool) -> Result<()> {
    let at = index::column_position(table, name)?;
    let views: Vec<Item> = definer
        .views()
        .into_iter()
        .filter(|v| view::relations(v).contains(&table.name) && view::names_column(v, &table.name, at, name))
        .map(|v| Item::Object(ObjectClass::Relation, v.name))
        .collect();
    if !views.is_empty() {
        refuse_or_drop(definer, table, name, &views, cascade)?;
    }
    drop_generated(definer, table, name, cascade)?;
    for made in &table.constraints {
        if uses(definer, table, &made.rule, name) {
            alter_constraint::drop(definer, table, &made.name, true, cascade)?;
        }
    }
    let table = definer.schema().table(&table.name).cloned().expect("it is being altered");
    let mut sqlite = Vec::new();
    let mut removals = Vec::new();
    for found in definer.indexes(&table.name) {
        if index::uses_column(definer, &table, &found, name) {
            sqlite.push(format!("DROP INDEX {}", quote(&found.physical)));
            removals.push((ObjectClass::Relation, found.name));
        }
    }
    for sequence in definer.owned_sequences(&table.name) {
        if sequence.owned_by.as_ref().is_some_and(|(_, column)| column == name) {
            removals.push((ObjectClass::Relation, sequence.name));
        }
    }
    sqlite.push(format!("ALTER TABLE {} DROP COLUMN {}", quote(&table.physical), quote(&table.columns[at].physical)));
    let at = index::column_position(&table, name)?;
    let mut new = table.clone();
    new.columns.remove(at);
    let mut put = vec![Object::Table(new)];
    for view in definer.views().iter().filter(|v| view::relations(v).contains(&table.name)) {
        put.push(Object::View(view::without_column(view, &table.name, at)?));
    }
    definer.apply(&sqlite, put, removals).map(|_| ())
}

/// Columns that are computed from the one that goes go first.
fn drop_generated(definer: &mut Definer<'_>, table: &Table, name: &str, cascade: bool) -> Result<()> {
    let computed: Vec<Item> = table
        .columns
        .iter()
        .filter(|column| column.generated.as_ref().is_some_and(|text| index::text_uses(definer, table, text, name)))
        .map(|column| Item::Column(table.name.clone(), column.name.clone()))
        .collect();
    if computed.is_empty() {
        return Ok(());
    }
    if !cascade {
        return refuse_or_drop(definer, table, name, &computed, false);
    }
    for item in &computed {
        let shown = item.describe(&definer.schema(), &definer.path);
        definer.notice(format!("drop cascades to {shown}"));
        let Item::Column(_, column) = item else { continue };
        let table = definer.schema().table(&table.name).cloned().expect("it is being altered");
        drop(definer, &table, column, true)?;
    }
    Ok(())
}

fn refuse_or_drop(definer: &mut Definer<'_>, table: &Table, name: &str, views: &[Item], cascade: bool) -> Result<()> {
    if cascade {
        return dropping::remove(definer, views, true);
    }
    let schema = definer.schema();
    let own = Item::Column(table.name.clone(), name.to_owned()).describe(&schema, &definer.path);
    let lines: Vec<String> = views.iter().map(|view| format!("{} depends on {own}", view.describe(&schema, &definer.path))).collect();
    Err(SqlError::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, format!("cannot drop {own} because other objects depend on it"))
        .detail(lines.join("\n"))
        .hint("Use DROP ... CASCADE to drop the dependent objects too."))
}

fn uses(definer: &Definer<'_>, table: &Table, rule: &ConstraintRule, column: &str) -> bool {
    match rule {
        ConstraintRule::PrimaryKey { columns } | ConstraintRule::Unique { columns, .. } => columns.iter().any(|c| c == column),
        ConstraintRule::ForeignKey { columns, references, referenced_columns, .. } => {
            columns.iter().any(|c| c == column) || *references == table.name && referenced_columns.iter().any(|c| c == column)
        }
        ConstraintRule::Check { expression, .. } => index::text_uses(definer, table, expression, column),
    }
}

/// `ALTER COLUMN`.
pub(super) fn alter(definer: &mut Definer<'_>, table: &Table, name: &str, action: &ColumnAction) -> Result<()> {
    let at = index::column_position(table, name)?;
    let mut new = table.clone();
    match action {
        ColumnAction::NotNull(true) => {
            alter_constraint::refuse_nulls(definer, table, std::slice::from_ref(&table.columns[at].name))?;
            new.columns[at].not_null = true;
            alter::put(definer, table, new)
        }
        ColumnAction::NotNull(false) => {
            refuse_nullable(table, name)?;
            new.columns[at].not_null = false;
            alter::put(definer, table, new)
        }
        ColumnAction::Default(value) => {
            refuse_default(table, &table.columns[at])?;
            let ty = definer.type_named(&table.columns[at].type_name)?;
            new.columns[at].default = match value {
                Some(value) => {
                    let bound = definer.bind(value, None, Clause::Default, Some(ty))?;
                    create_table::default_text(definer, &bound)?
                }
                None => None,
            };
            definer.apply(&[], vec![Object::Table(new)], Vec::new()).map(|_| ())
        }
        ColumnAction::Type(data_type, using) => retype::retype(definer, table, at, data_type, using.as_ref()),
        ColumnAction::AddIdentity(kind, options) => identity::add(definer, table, at, identity::kind(*kind), options),
        ColumnAction::SetIdentity { kind, options, restart } => {
            identity::set(definer, table, at, kind.map(identity::kind), options, *restart)
        }
        ColumnAction::DropIdentity(if_exists) => identity::drop(definer, table, at, *if_exists),
        ColumnAction::DropExpression(if_exists) => drop_expression(definer, table, at, *if_exists),
        ColumnAction::Tune => Ok(()),
    }
}

fn refuse_nullable(table: &Table, name: &str) -> Result<()> {
    let in_key = table
        .primary_key()
        .is_some_and(|key| matches!(&key.rule, ConstraintRule::PrimaryKey { columns } if columns.iter().any(|c| c == name)));
    if in_key {
        return Err(SqlError::new(SqlState::INVALID_TABLE_DEFINITION, format!("column \"{name}\" is in a primary key")));
    }
    if table.columns.iter().any(|column| column.name == name && column.identity.is_some()) {
        let message = format!("column \"{name}\" of relation \"{}\" is an identity column", table.name.name);
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
    }
    Ok(())
}

/// `DROP EXPRESSION`: the column keeps its values, which SQLite forgets with the expression: they are set aside meanwhile.
fn drop_expression(definer: &mut Definer<'_>, table: &Table, at: usize, if_exists: bool) -> Result<()> {
    let column = &table.columns[at];
    if column.generated.is_none() {
        let message = format!("column \"{}\" of relation \"{}\" is not a stored generated column", column.name, table.name.name);
        if if_exists {
            definer.notice(format!("{message}, skipping"));
            return Ok(());
        }
        return Err(SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
    }
    // A stored generated column lies in the row like any other: only the text tells them apart.
    let mut new = table.clone();
    (new.columns[at].generated, new.columns[at].generated_sqlite) = (None, None);
    alter::put(definer, table, new)
}

fn refuse_default(table: &Table, column: &Column) -> Result<()> {
    let what = match (column.identity, &column.generated) {
        (Some(_), _) => "an identity column",
        (None, Some(_)) => "a generated column",
        (None, None) => return Ok(()),
    };
    Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("column \"{}\" of relation \"{}\" is {what}", column.name, table.name.name)))
}
