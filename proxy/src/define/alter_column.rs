//! `ALTER TABLE … ADD | DROP | ALTER COLUMN`.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Column, ConstraintRule, IdentityKind, Object, Table},
};
use sqlparser::ast::{AlterColumnOperation, ColumnDef, DataType, Expr, GeneratedAs};

use super::{
    alter, alter_constraint,
    column::{self, Read},
    constraint, create_table,
    definer::Definer,
    dependency::{self, Item},
    drop as dropping, index,
    naming::Names,
    physical::{self, quote},
    rename, view,
};
use crate::{
    bind::{self, Clause, tree::ExprKind},
    error::{Result, SqlError, SqlState},
    execute::failure,
    rewrite,
    types::TypeRef,
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
        return Err(SqlError::unsupported("ALTER TABLE ADD COLUMN of a generated column"));
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
    if not_null {
        alter_constraint::refuse_nulls(definer, &new, std::slice::from_ref(&name))?;
        let former = new.clone();
        new.columns.last_mut().expect("it was added").not_null = true;
        alter::put(definer, &former, new)?;
    }
    for (given, at) in read.constraints {
        let given = constraint::of_column(&name, given, at);
        let table = definer.schema().table(&table.name).cloned().expect("it is being altered");
        alter_constraint::add_given(definer, &table, &given, false)?;
    }
    Ok(())
}

/// Gives the rows that are there the new column's default. What is the same for all of them on every device is part of the definition; what
/// differs (`nextval`, random) is a change of each row, and logged as one.
fn fill(definer: &mut Definer<'_>, table: &mut Table, column: &str, default: &bind::Expr) -> Result<()> {
    if matches!(default.kind, ExprKind::Constant(rusqlite::types::Value::Null)) {
        return Ok(());
    }
    let at = index::column_position(table, column)?;
    let update = format!(
        "UPDATE {} SET {} = {}",
        quote(&table.physical),
        quote(&table.columns[at].physical),
        rewrite::expression(default, &definer.cx)?
    );
    if is_immutable(default) {
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
        .filter(|v| view::relations(v).contains(&table.name) && view::names_column(v, name))
        .map(|v| Item::Object(ObjectClass::Relation, v.name))
        .collect();
    if !views.is_empty() {
        refuse_or_drop(definer, table, name, &views, cascade)?;
    }
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
    let mut new = table.clone();
    new.columns.remove(at);
    definer.apply(&sqlite, vec![Object::Table(new)], removals).map(|_| ())
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
pub(super) fn alter(definer: &mut Definer<'_>, table: &Table, name: &str, operation: &AlterColumnOperation) -> Result<()> {
    let at = index::column_position(table, name)?;
    let mut new = table.clone();
    match operation {
        AlterColumnOperation::SetNotNull => {
            alter_constraint::refuse_nulls(definer, table, std::slice::from_ref(&table.columns[at].name))?;
            new.columns[at].not_null = true;
            alter::put(definer, table, new)
        }
        AlterColumnOperation::DropNotNull => {
            let in_key = table
                .primary_key()
                .is_some_and(|key| matches!(&key.rule, ConstraintRule::PrimaryKey { columns } if columns.iter().any(|c| c == name)));
            if in_key {
                return Err(SqlError::new(SqlState::INVALID_TABLE_DEFINITION, format!("column \"{name}\" is in a primary key")));
            }
            if table.columns[at].identity.is_some() {
                let message = format!("column \"{name}\" of relation \"{}\" is an identity column", table.name.name);
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
            }
            new.columns[at].not_null = false;
            alter::put(definer, table, new)
        }
        AlterColumnOperation::SetDefault { value } => {
            refuse_default(table, &table.columns[at])?;
            let ty = definer.type_named(&table.columns[at].type_name)?;
            let bound = definer.bind(value, None, Clause::Default, Some(ty))?;
            new.columns[at].default = create_table::default_text(definer, &bound)?;
            definer.apply(&[], vec![Object::Table(new)], Vec::new()).map(|_| ())
        }
        AlterColumnOperation::DropDefault => {
            refuse_default(table, &table.columns[at])?;
            new.columns[at].default = None;
            definer.apply(&[], vec![Object::Table(new)], Vec::new()).map(|_| ())
        }
        AlterColumnOperation::SetDataType { data_type, using, .. } => retype(definer, table, at, data_type, using.as_ref()),
        AlterColumnOperation::AddGenerated { generated_as, sequence_options } => {
            let kind = if *generated_as == Some(GeneratedAs::ByDefault) { IdentityKind::ByDefault } else { IdentityKind::Always };
            add_identity(definer, table, at, kind, sequence_options.as_deref().unwrap_or_default())
        }
    }
}

fn refuse_default(table: &Table, column: &Column) -> Result<()> {
    let what = match (column.identity, &column.generated) {
        (Some(_), _) => "an identity column",
        (None, Some(_)) => "a generated column",
        (None, None) => return Ok(()),
    };
    Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("column \"{}\" of relation \"{}\" is {what}", column.name, table.name.name)))
}

fn add_identity(
    definer: &mut Definer<'_>,
    table: &Table,
    at: usize,
    kind: IdentityKind,
    options: &[sqlparser::ast::SequenceOptions],
) -> Result<()> {
    let column = table.columns[at].clone();
    let whole = |what: &str| format!("column \"{}\" of relation \"{}\" {what}", column.name, table.name.name);
    if column.identity.is_some() {
        return Err(SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, whole("is already an identity column")));
    }
    if column.default.is_some() {
        return Err(SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, whole("already has a default value")));
    }
    if !column.not_null {
        return Err(SqlError::new(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            whole("must be declared NOT NULL before identity can be added"),
        ));
    }
    let ty = definer.type_named(&column.type_name)?;
    let schema = definer.schema();
    let mut names = Names::new(&schema, &table.name.schema);
    let mut read = Read { column, ty, default: None, generated: None, sequence: None, constraints: Vec::new() };
    column::identity(&mut read, &table.name, &mut names, kind, options)?;
    let mut new = table.clone();
    new.columns[at] = read.column;
    let mut put: Vec<Object> = read.sequence.map(Object::Sequence).into_iter().collect();
    put.push(Object::Table(new));
    definer.apply(&[], put, Vec::new()).map(|_| ())
}

/// `TYPE`: the values are converted where they stand. While that runs the column is of SQLite's type ANY, so that its place stays.
fn retype(definer: &mut Definer<'_>, table: &Table, at: usize, data_type: &DataType, using: Option<&Expr>) -> Result<()> {
    let old = &table.columns[at];
    let name = old.name.clone();
    let ty = definer.cx.catalog.data_type(data_type, &definer.path)?;
    let former_type = definer.type_named(&old.type_name)?;
    let mut column = column::plain(definer, old.number, &name, ty)?;
    refuse_dependents(definer, table, &name)?;
    let value = match using {
        Some(expr) => definer.bind(expr, Some(table), Clause::AlterType, None)?,
        None => {
            definer.bind(&Expr::Identifier(sqlparser::ast::Ident::with_quote('"', name.clone())), Some(table), Clause::AlterType, None)?
        }
    };
    let converted =
        bind::coerce(value, ty, bind::CoercionContext::Assignment, &definer.cx).map_err(|_| no_cast(definer, &name, ty, using))?;
    column.not_null = old.not_null;
    column.identity = old.identity;
    column.sequence.clone_from(&old.sequence);
    column.comment.clone_from(&old.comment);
    if let Some(text) = &old.default {
        let bound = definer.bind_text(text, None, Clause::Default, Some(former_type))?;
        let bound = bind::coerce(bound, ty, bind::CoercionContext::Assignment, &definer.cx).map_err(|_| {
            let shown = definer.cx.catalog.format_type(ty, &definer.path);
            SqlError::new(
                SqlState::DATATYPE_MISMATCH,
                format!("default for column \"{name}\" cannot be cast automatically to type {shown}"),
            )
        })?;
        column.default = create_table::default_text(definer, &bound)?;
    }
    let mut new = table.clone();
    new.columns[at] = column;
    if rename::is_rowid(table, &name) != rename::is_rowid(&new, &name) {
        return Err(SqlError::unsupported("ALTER COLUMN TYPE of an integer primary key to another kind of type"));
    }
    let sqlite = conversion(definer, table, &new, at, &converted)?;
    definer.apply(&sqlite, vec![Object::Table(new)], Vec::new()).map(|_| ())
}

/// The statements that convert the values and give the column its new declaration; indexes over it are made anew.
fn conversion(definer: &Definer<'_>, table: &Table, new: &Table, at: usize, converted: &bind::Expr) -> Result<Vec<String>> {
    let name = &table.columns[at].name;
    let (before, after) = (create_table::extras(definer, table)?, create_table::extras(definer, new)?);
    let unchanged = matches!(converted.kind, ExprKind::Column(_) | ExprKind::Relabel(..))
        && table.columns[at].storage == new.columns[at].storage
        && table.columns[at].collation == new.columns[at].collation;
    if unchanged || rename::is_rowid(table, name) {
        return Ok(physical::edit(table, new, &before, &after));
    }
    let over: Vec<_> = definer.indexes(&table.name).into_iter().filter(|found| index::uses_column(definer, table, found, name)).collect();
    let mut sqlite: Vec<String> =
        over.iter().filter(|found| !found.physical.is_empty()).map(|found| format!("DROP INDEX {}", quote(&found.physical))).collect();
    let mut between = table.clone();
    between.columns[at].storage = peergres_sync::value::Storage::Real;
    between.columns[at].collation = None;
    sqlite.extend(physical::edit(table, &between, &before, &before));
    let value = rewrite::expression(converted, &definer.cx)?;
    sqlite.push(format!("UPDATE {} SET {} = {value}", quote(&table.physical), quote(&table.columns[at].physical)));
    sqlite.extend(physical::edit(&between, new, &before, &after));
    sqlite.extend(over.iter().filter_map(|found| physical::create_index(found, new)));
    Ok(sqlite)
}

fn no_cast(definer: &Definer<'_>, name: &str, ty: TypeRef, using: Option<&Expr>) -> SqlError {
    let shown = definer.cx.catalog.format_type(ty, &definer.path);
    match using {
        Some(_) => SqlError::new(
            SqlState::DATATYPE_MISMATCH,
            format!("result of USING clause for column \"{name}\" cannot be cast automatically to type {shown}"),
        )
        .hint("You might need to add an explicit cast."),
        None => SqlError::new(SqlState::DATATYPE_MISMATCH, format!("column \"{name}\" cannot be cast automatically to type {shown}"))
            .hint(format!("You might need to specify \"USING {name}::{shown}\".")),
    }
}

/// Views keep the types of their columns, CHECKs and generated columns their ready expressions.
fn refuse_dependents(definer: &Definer<'_>, table: &Table, name: &str) -> Result<()> {
    let schema = definer.schema();
    if let Some(view) = definer.views().iter().find(|v| view::relations(v).contains(&table.name) && view::names_column(v, name)) {
        let shown = Item::Object(ObjectClass::Relation, view.name.clone()).describe(&schema, &definer.path);
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, "cannot alter type of a column used by a view or rule")
            .detail(format!("rule _RETURN on {shown} depends on column \"{name}\"")));
    }
    let generated = |column: &Column| column.generated.as_ref().is_some_and(|text| index::text_uses(definer, table, text, name));
    if table.columns.iter().any(generated) {
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, "cannot alter type of a column used by a generated column"));
    }
    let checks = table.constraints.iter().any(|made| match &made.rule {
        ConstraintRule::Check { expression, .. } => index::text_uses(definer, table, expression, name),
        ConstraintRule::ForeignKey { columns, .. } => columns.iter().any(|column| column == name),
        _ => false,
    });
    let referenced = dependency::dependents(&schema, &Item::Object(ObjectClass::Relation, table.name.clone()))
        .iter()
        .any(|item| matches!(item, Item::Constraint(..)));
    let in_key = table.constraints.iter().any(|made| {
        matches!(&made.rule, ConstraintRule::PrimaryKey { columns } | ConstraintRule::Unique { columns, .. } if columns.iter().any(|c| c == name))
    });
    if checks || referenced && in_key {
        return Err(SqlError::unsupported("ALTER COLUMN TYPE of a column that a check or foreign key stands on"));
    }
    Ok(())
}
