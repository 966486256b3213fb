//! `ALTER COLUMN … TYPE`: the values are converted where they stand, indexes over them made anew.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Column, ConstraintRule, Object, Table},
};
use sqlparser::ast::{DataType, Expr};

use super::{
    alter_constraint, column, create_table,
    definer::Definer,
    dependency::Item,
    index,
    physical::{self, quote},
    rename, view,
};
use crate::{
    bind::{self, Clause, tree::ExprKind},
    error::{Result, SqlError, SqlState},
    rewrite,
    types::TypeRef,
};

/// `TYPE`: the values are converted where they stand. While that runs the column is of SQLite's type ANY, so that its place stays.
pub(super) fn retype(definer: &mut Definer<'_>, table: &Table, at: usize, data_type: &DataType, using: Option<&Expr>) -> Result<()> {
    let old = &table.columns[at];
    let name = old.name.clone();
    let ty = definer.cx.catalog.data_type(data_type, &definer.path)?;
    let former_type = definer.type_named(&old.type_name)?;
    let mut column = column::plain(definer, old.number, &name, ty)?;
    refuse_dependents(definer, table, at)?;
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
    refuse_keys(definer, table, &new, at)?;
    let bound_anew = checks_anew(definer, table, &mut new, &name)?;
    let sqlite = conversion(definer, table, &new, at, &converted)?;
    definer.apply(&sqlite, vec![Object::Table(new.clone())], Vec::new())?;
    for made in new.constraints.iter().filter(|made| bound_anew.contains(&made.name) && made.validated) {
        alter_constraint::look_through(definer, &new, made)?;
    }
    Ok(())
}

/// CHECKs over the column are bound to its new type; their names.
fn checks_anew(definer: &Definer<'_>, table: &Table, new: &mut Table, name: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let retyped = new.clone();
    for made in &mut new.constraints {
        if let ConstraintRule::Check { expression, sqlite } = &mut made.rule
            && index::text_uses(definer, table, expression, name)
        {
            let bound = definer.bind_text(expression, Some(&retyped), Clause::Check, Some(TypeRef::new(crate::types::oid::BOOL)))?;
            let ready = definer.expression(&bound)?;
            *expression = ready.text;
            *sqlite = ready.sqlite;
            found.push(made.name.clone());
        }
    }
    Ok(found)
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
    // What the values are checked against meanwhile would be neither the old nor the new.
    between.constraints.retain(|made| new.constraints.contains(made));
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
fn refuse_dependents(definer: &Definer<'_>, table: &Table, at: usize) -> Result<()> {
    let name = table.columns[at].name.as_str();
    let schema = definer.schema();
    if let Some(view) =
        definer.views().iter().find(|v| view::relations(v).contains(&table.name) && view::names_column(v, &table.name, at, name))
    {
        let shown = Item::Object(ObjectClass::Relation, view.name.clone()).describe(&schema, &definer.path);
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, "cannot alter type of a column used by a view or rule")
            .detail(format!("rule _RETURN on {shown} depends on column \"{name}\"")));
    }
    let generated = |column: &Column| column.generated.as_ref().is_some_and(|text| index::text_uses(definer, table, text, name));
    if table.columns.iter().any(generated) {
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, "cannot alter type of a column used by a generated column"));
    }
    Ok(())
}

/// A foreign key compares values of both ends as they lie in SQLite: a column at one of them must go on lying alike.
fn refuse_keys(definer: &Definer<'_>, table: &Table, new: &Table, at: usize) -> Result<()> {
    let (old, column) = (&table.columns[at], &new.columns[at]);
    if old.storage == column.storage && old.collation == column.collation {
        return Ok(());
    }
    let own = table.constraints.iter().any(|made| match &made.rule {
        ConstraintRule::ForeignKey { columns, .. } => columns.contains(&old.name),
        _ => false,
    });
    let leaning = definer.objects(|object| match object {
        Object::Table(other) => other
            .constraints
            .iter()
            .any(|made| matches!(&made.rule, ConstraintRule::ForeignKey { references, referenced_columns, .. } if *references == table.name && referenced_columns.contains(&old.name)))
            .then_some(()),
        _ => None,
    });
    if own || !leaning.is_empty() {
        return Err(SqlError::unsupported("ALTER COLUMN TYPE to another kind of type where a foreign key stands"));
    }
    Ok(())
}
