//! `ALTER TABLE`: each action in turn, the table read anew before it.

use peergres_sync::schema::{Object, Table};
use sqlparser::ast::{AlterTable, AlterTableOperation, DropBehavior, ObjectName, RenameTableNameKind};

use super::{
    alter_column, alter_constraint, create_table,
    definer::{Definer, undefined_relation},
    physical, rename,
};
use crate::{
    bind::{self, fold},
    error::{Result, SqlError, SqlState},
};

/// `ALTER TABLE`.
pub(super) fn table(definer: &mut Definer<'_>, alter: &AlterTable) -> Result<()> {
    match definer.relation(&alter.name)?.as_deref() {
        None => {
            let (schema, bare) = bind::schema_and_name(&alter.name, &definer.cx)?;
            let error = undefined_relation(schema.as_deref(), &bare);
            if alter.if_exists {
                definer.notice(format!("{}, skipping", error.fields().message));
                return Ok(());
            }
            return Err(error);
        }
        // ALTER TABLE may name any relation where the action fits it: all have a name and an owner.
        Some(Object::Index(_) | Object::View(_) | Object::Sequence(_)) => return other_relation(definer, alter),
        Some(_) => {}
    }
    let mut name = alter.name.clone();
    for operation in &alter.operations {
        let table = definer.table(&name)?;
        if let AlterTableOperation::RenameTable { table_name } = operation {
            let (RenameTableNameKind::As(new_name) | RenameTableNameKind::To(new_name)) = table_name;
            let new_name = bind::schema_and_name(new_name, &definer.cx)?.1;
            rename::table(definer, &table, &new_name)?;
            name = ObjectName::from(vec![
                sqlparser::ast::Ident::with_quote('"', table.name.schema.clone()),
                sqlparser::ast::Ident::with_quote('"', new_name),
            ]);
            continue;
        }
        action(definer, table, operation)?;
    }
    Ok(())
}

fn other_relation(definer: &mut Definer<'_>, alter: &AlterTable) -> Result<()> {
    let Some(object) = definer.relation(&alter.name)? else { return Err(SqlError::internal("the relation was there just now")) };
    for operation in &alter.operations {
        match (operation, &*object) {
            (AlterTableOperation::OwnerTo { .. }, _) => {}
            (AlterTableOperation::RenameTable { table_name: RenameTableNameKind::As(name) | RenameTableNameKind::To(name) }, object) => {
                let name = bind::schema_and_name(name, &definer.cx)?.1;
                rename::relation(definer, object, &name)?;
            }
            (other, _) => return Err(SqlError::unsupported(format!("ALTER TABLE {other} on this kind of relation"))),
        }
    }
    Ok(())
}

fn action(definer: &mut Definer<'_>, table: Table, operation: &AlterTableOperation) -> Result<()> {
    use AlterTableOperation as Action;
    match operation {
        Action::AddColumn { if_not_exists, column_def, column_position: None, .. } => {
            alter_column::add(definer, &table, column_def, *if_not_exists)
        }
        Action::DropColumn { column_names, if_exists, drop_behavior, .. } => {
            let mut table = table;
            for name in column_names {
                let name = fold(name);
                if table.columns.iter().all(|column| column.name != name) && *if_exists {
                    definer.notice(format!("column \"{name}\" of relation \"{}\" does not exist, skipping", table.name.name));
                    continue;
                }
                alter_column::drop(definer, &table, &name, cascades(drop_behavior.as_ref()))?;
                table = definer.schema().table(&table.name).cloned().expect("it was altered, not dropped");
            }
            Ok(())
        }
        Action::RenameColumn { old_column_name, new_column_name } => {
            rename::column(definer, &table, &fold(old_column_name), &fold(new_column_name))
        }
        Action::AlterColumn { column_name, op } => alter_column::alter(definer, &table, &fold(column_name), op),
        Action::AddConstraint { constraint, not_valid } => alter_constraint::add(definer, &table, constraint, *not_valid),
        Action::DropConstraint { if_exists, name, drop_behavior } => {
            alter_constraint::drop(definer, &table, &fold(name), *if_exists, cascades(drop_behavior.as_ref()))
        }
        Action::RenameConstraint { old_name, new_name } => alter_constraint::rename(definer, &table, &fold(old_name), &fold(new_name)),
        Action::ValidateConstraint { name } => alter_constraint::validate(definer, &table, &fold(name)),
        // All belongs to the one user; heaps, statistics and replica identities of PostgreSQL's have no counterpart to be tuned.
        Action::OwnerTo { .. } | Action::SetOptionsParens { .. } | Action::ReplicaIdentity { .. } => Ok(()),
        Action::EnableTrigger { name } | Action::DisableTrigger { name } => triggers(&table, &fold(name)),
        Action::SetLogged | Action::SetUnlogged => {
            let mut changed = table;
            changed.unlogged = matches!(operation, Action::SetUnlogged);
            Err(SqlError::unsupported(format!(
                "ALTER TABLE {} SET {}",
                changed.name.name,
                if changed.unlogged { "UNLOGGED" } else { "LOGGED" }
            )))
        }
        other => Err(SqlError::unsupported(format!("ALTER TABLE {other}"))),
    }
}

/// There are no triggers of a user's to be switched, and foreign keys stay in force: data that is loaded with them off would not be checked.
fn triggers(table: &Table, name: &str) -> Result<()> {
    if matches!(name, "all" | "user") {
        return Ok(());
    }
    Err(SqlError::new(SqlState::UNDEFINED_OBJECT, format!("trigger \"{name}\" for table \"{}\" does not exist", table.name.name)))
}

fn cascades(behavior: Option<&DropBehavior>) -> bool {
    matches!(behavior, Some(DropBehavior::Cascade))
}

/// Puts a table in a new form whose rows lie as before.
pub(super) fn put(definer: &mut Definer<'_>, old: &Table, new: Table) -> Result<()> {
    let (before, after) = (create_table::extras(definer, old)?, create_table::extras(definer, &new)?);
    let sqlite = physical::edit(old, &new, &before, &after);
    definer.apply(&sqlite, vec![Object::Table(new)], Vec::new()).map(|_| ())
}
