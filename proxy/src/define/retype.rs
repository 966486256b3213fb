//! `ALTER COLUMN … TYPE`: the values are converted where they stand, indexes over them made anew.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Column, ConstraintRule, Object, Table},
};
use sqlparser::ast::{DataType, Expr};

use super::{
    column, create_table,
    definer::Definer,
    dependency::{self, Item},
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
