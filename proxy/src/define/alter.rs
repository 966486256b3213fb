//! `ALTER TABLE`: each action in turn, the table read anew before it.

use peergres_sync::schema::{Object, QualifiedName, Table};

use super::{
    alter_column, alter_constraint, create_table,
    definer::{Definer, undefined_relation},
    move_schema, physical, rename,
};
use crate::{
    bind::{self, fold},
    error::{Result, SqlError, SqlState},
    parse::definition::{AlterTable, TableAction},
};

/// `ALTER TABLE`, and ALTER VIEW, INDEX, SEQUENCE with the actions that fit them.
pub(super) fn table(definer: &mut Definer<'_>, alter: &AlterTable) -> Result<()> {
    let (schema, bare) = bind::schema_and_name(&alter.name, &definer.cx)?;
    let Some(object) = definer.relation(&alter.name)? else {
        // A relation of the system is known by name, and refused as such.
        let error = match alter.if_exists {
            true => undefined_relation(schema.as_deref(), &bare),
            false => definer.table(&alter.name).err().unwrap_or_else(|| undefined_relation(schema.as_deref(), &bare)),
        };
        if alter.if_exists {
            definer.notice(format!("{}, skipping", error.fields().message));
            return Ok(());
        }
        return Err(error);
    };
    fits(alter.noun, &object, &bare)?;
    let mut name = object.name();
    for action in &alter.actions {
        let Some(object) = definer.schema().get(peergres_sync::commit::ObjectClass::Relation, &name).cloned() else {
            return Err(SqlError::internal("the relation was there just now"));
        };
        match action {
            TableAction::Rename(to) => {
                let to = fold(to);
                match &*object {
                    Object::Table(table) => rename::table(definer, table, &to)?,
                    other => rename::relation(definer, other, &to)?,
                }
                name.name = to;
            }
            TableAction::SetSchema(to) => {
                let to = fold(to);
                move_schema::relation(definer, &object, &to)?;
                name = QualifiedName { schema: to, name: name.name };
            }
            // All belongs to the one user; heaps, statistics and replica identities of PostgreSQL's have no counterpart to be tuned.
            TableAction::Owner(_) | TableAction::Tune => {}
            other => match &*object {
                Object::Table(table) if table.materialized.is_some() && !matches!(other, TableAction::RenameColumn(..)) => {
                    return Err(SqlError::unsupported("this action of ALTER MATERIALIZED VIEW"));
                }
                Object::Table(table) => self::action(definer, table.clone(), other)?,
                Object::View(view) => view_action(definer, view, other)?,
                _ => return Err(SqlError::unsupported(format!("this action of ALTER {}", alter.noun.to_uppercase()))),
            },
        }
    }
    Ok(())
}

/// ALTER TABLE may name any relation; the others their own kind only.
fn fits(noun: &str, object: &Object, bare: &str) -> Result<()> {
    let (right, article) = match noun {
        "view" => (matches!(object, Object::View(_)), "a"),
        "materialized view" => (matches!(object, Object::Table(table) if table.materialized.is_some()), "a"),
        "index" => (matches!(object, Object::Index(_)), "an"),
        "sequence" => (matches!(object, Object::Sequence(_)), "a"),
        _ => (true, "a"),
    };
    if right { Ok(()) } else { Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{bare}\" is not {article} {noun}"))) }
}

fn view_action(definer: &mut Definer<'_>, view: &peergres_sync::schema::View, action: &TableAction) -> Result<()> {
    match action {
        TableAction::RenameColumn(from, to) => rename::view_column(definer, view, &fold(from), &fold(to)),
        _ => Err(SqlError::unsupported("this action of ALTER VIEW")),
    }
}

fn action(definer: &mut Definer<'_>, table: Table, action: &TableAction) -> Result<()> {
    use TableAction as Action;
    match action {
        Action::AddColumn(definition, if_not_exists) => alter_column::add(definer, &table, definition, *if_not_exists),
        Action::DropColumn { name, if_exists, cascade } => {
            let name = fold(name);
            if table.columns.iter().all(|column| column.name != name) && *if_exists {
                definer.notice(format!("column \"{name}\" of relation \"{}\" does not exist, skipping", table.name.name));
                return Ok(());
            }
            alter_column::drop(definer, &table, &name, *cascade)
        }
        Action::RenameColumn(from, to) => rename::column(definer, &table, &fold(from), &fold(to)),
        Action::AlterColumn(column, op) => alter_column::alter(definer, &table, &fold(column), op),
        Action::AddConstraint(constraint, not_valid) => alter_constraint::add(definer, &table, constraint, *not_valid),
        Action::DropConstraint { name, if_exists, cascade } => alter_constraint::drop(definer, &table, &fold(name), *if_exists, *cascade),
        Action::AlterConstraint(name, deferrable, deferred) => {
            alter_constraint::set_timing(definer, &table, &fold(name), *deferrable, *deferred)
        }
        Action::RenameConstraint(from, to) => alter_constraint::rename(definer, &table, &fold(from), &fold(to)),
        Action::ValidateConstraint(name) => alter_constraint::validate(definer, &table, &fold(name)),
        Action::Triggers(name, enabled) => super::trigger::switch(definer, &table, name, *enabled),
        Action::SetLogged(logged) if table.unlogged != *logged => Ok(()),
        Action::SetLogged(logged) => {
            let what = if *logged { "LOGGED" } else { "UNLOGGED" };
            Err(SqlError::unsupported(format!("ALTER TABLE SET {what}")))
        }
        Action::ClusterOn(index) => {
            let index = fold(index);
            if definer.indexes(&table.name).iter().any(|found| found.name.name == index) {
                return Ok(());
            }
            let message = format!("index \"{index}\" for table \"{}\" does not exist", table.name.name);
            Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message))
        }
        Action::Rename(_) | Action::SetSchema(_) | Action::Owner(_) | Action::Tune => Ok(()),
    }
}

/// Puts a table in a new form whose rows lie as before.
pub(super) fn put(definer: &mut Definer<'_>, old: &Table, new: Table) -> Result<()> {
    let (before, after) = (create_table::extras(definer, old)?, create_table::extras(definer, &new)?);
    let sqlite = physical::edit(old, &new, &before, &after);
    definer.apply(&sqlite, vec![Object::Table(new)], Vec::new()).map(|_| ())
}
