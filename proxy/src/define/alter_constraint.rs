//! `ALTER TABLE … ADD | DROP | RENAME | VALIDATE CONSTRAINT`: existing rows are looked through first, then the table's text changes.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Constraint, ConstraintRule, Index, Object, Table},
};
use sqlparser::ast::{ConstraintUsingIndex, TableConstraint};

use super::{
    alter,
    constraint::{self, Given},
    definer::Definer,
    dependency, index,
    naming::Names,
    physical::{self, quote},
    rebuild,
};
use crate::{
    bind::fold,
    error::{Result, SqlError, SqlState},
    execute::foreign_key::ForeignKey,
};

/// `ADD CONSTRAINT`.
pub(super) fn add(definer: &mut Definer<'_>, table: &Table, written: &TableConstraint, not_valid: bool) -> Result<()> {
    match written {
        TableConstraint::PrimaryKeyUsingIndex(using) => using_index(definer, table, using, true),
        TableConstraint::UniqueUsingIndex(using) => using_index(definer, table, using, false),
        other => add_given(definer, table, &constraint::of_table(other)?, not_valid),
    }
}

/// Adds one constraint.
pub(super) fn add_given(definer: &mut Definer<'_>, table: &Table, given: &Given<'_>, not_valid: bool) -> Result<()> {
    let schema = definer.schema();
    let mut names = Names::new(&schema, &table.name.schema);
    let mut new = table.clone();
    let (mut made, served) = constraint::add(definer, &mut new, &mut names, given)?;
    if let Some(served) = &served {
        definer.refuse_existing(&served.name, false)?;
    }
    made.validated = !not_valid;
    if let Some(last) = new.constraints.last_mut() {
        last.validated = !not_valid;
    }
    match (&made.rule, served) {
        (ConstraintRule::PrimaryKey { columns }, Some(served)) => {
            refuse_nulls(definer, table, columns)?;
            index::refuse_duplicates(definer, table, &served)?;
            rebuild::with_key(definer, table, new, vec![served])
        }
        (ConstraintRule::Unique { .. }, Some(served)) => {
            index::refuse_duplicates(definer, table, &served)?;
            let sqlite: Vec<String> = physical::create_index(&served, &new).into_iter().collect();
            definer.apply(&sqlite, vec![Object::Table(new), Object::Index(served)], Vec::new()).map(|_| ())
        }
        _ => {
            if !not_valid {
                look_through(definer, &new, &made)?;
            }
            alter::put(definer, table, new)
        }
    }
}

/// 23502 where a column that becomes NOT NULL holds NULL.
pub(super) fn refuse_nulls(definer: &Definer<'_>, table: &Table, columns: &[String]) -> Result<()> {
    for column in table.columns.iter().filter(|column| columns.contains(&column.name)) {
        if definer.exists(&format!("SELECT 1 FROM {} WHERE {} IS NULL", quote(&table.physical), quote(&column.physical)))? {
            return Err(SqlError::new(
                SqlState::NOT_NULL_VIOLATION,
                format!("column \"{}\" of relation \"{}\" contains null values", column.name, table.name.name),
            )
            .table(&table.name.schema, &table.name.name)
            .column(&column.name));
        }
    }
    Ok(())
}

/// 23514 or 23503 where a row violates the constraint.
pub(super) fn look_through(definer: &Definer<'_>, table: &Table, made: &Constraint) -> Result<()> {
    match &made.rule {
        ConstraintRule::Check { sqlite, .. } => {
            if definer.exists(&format!("SELECT 1 FROM {} WHERE NOT ({sqlite})", quote(&table.physical)))? {
                return Err(SqlError::new(
                    SqlState::CHECK_VIOLATION,
                    format!("check constraint \"{}\" of relation \"{}\" is violated by some row", made.name, table.name.name),
                )
                .table(&table.name.schema, &table.name.name)
                .constraint(&made.name));
            }
        }
        ConstraintRule::ForeignKey { columns, match_full, .. } => {
            if *match_full && columns.len() > 1 {
                let nulls: Vec<String> = table
                    .columns
                    .iter()
                    .filter(|column| columns.contains(&column.name))
                    .map(|column| format!("({} IS NULL)", quote(&column.physical)))
                    .collect();
                let mixed = format!("{} NOT IN (0, {})", nulls.join(" + "), nulls.len());
                if definer.exists(&format!("SELECT 1 FROM {} WHERE {mixed}", quote(&table.physical)))? {
                    let message =
                        format!("insert or update on table \"{}\" violates foreign key constraint \"{}\"", table.name.name, made.name);
                    return Err(SqlError::new(SqlState::FOREIGN_KEY_VIOLATION, message)
                        .detail("MATCH FULL does not allow mixing of null and nonnull key values.")
                        .table(&table.name.schema, &table.name.name)
                        .constraint(&made.name));
                }
            }
            let schema = definer.schema();
            if let Some(key) = ForeignKey::new(&schema, table, made)
                && let Some(orphan) = key.find_orphan(definer.transaction.connection())?
            {
                return Err(key.missing_parent(&orphan));
            }
        }
        _ => {}
    }
    Ok(())
}

/// `ADD PRIMARY KEY | UNIQUE USING INDEX`: the index takes the constraint's name.
fn using_index(definer: &mut Definer<'_>, table: &Table, using: &ConstraintUsingIndex, primary: bool) -> Result<()> {
    let name = fold(&using.index_name);
    let Some(found) = definer.indexes(&table.name).into_iter().find(|index| index.name.name == name) else {
        return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, format!("index \"{name}\" does not exist")));
    };
    let refuse = |why: &str| Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is not {why} index")));
    if !found.unique {
        return refuse("a unique");
    }
    let columns: Option<Vec<String>> = found.keys.iter().map(|key| key.column.clone()).collect();
    let (Some(columns), None) = (columns, &found.predicate) else {
        return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("index \"{name}\" contains expressions or is partial"))
            .detail("Cannot create a primary key or unique constraint using such an index."));
    };
    let constraint_name = using.name.as_ref().map_or_else(|| name.clone(), fold);
    if constraint_name != name {
        index::rename(definer, &found, &constraint_name)?;
    }
    let Some(mut served) = definer.indexes(&table.name).into_iter().find(|index| index.name.name == constraint_name) else {
        return Err(SqlError::internal("the renamed index is gone"));
    };
    served.constraint = Some(constraint_name.clone());
    let nulls_not_distinct = served.nulls_not_distinct;
    let rule = if primary {
        ConstraintRule::PrimaryKey { columns: columns.clone() }
    } else {
        ConstraintRule::Unique { columns: columns.clone(), nulls_not_distinct }
    };
    let made = Constraint { name: constraint_name, rule, deferrable: false, initially_deferred: false, validated: true, comment: None };
    let mut new = table.clone();
    new.constraints.push(made);
    if !primary {
        return definer.apply(&[], vec![Object::Table(new), Object::Index(served)], Vec::new()).map(|_| ());
    }
    if table.primary_key().is_some() {
        return Err(SqlError::new(
            SqlState::INVALID_TABLE_DEFINITION,
            format!("multiple primary keys for table \"{}\" are not allowed", table.name.name),
        ));
    }
    refuse_nulls(definer, table, &columns)?;
    for column in new.columns.iter_mut().filter(|column| columns.contains(&column.name)) {
        column.not_null = true;
    }
    new.hidden_key = false;
    if new.rowid_column().is_some() {
        served.physical = String::new();
    }
    rebuild::with_key(definer, table, new, vec![served])
}

/// `DROP CONSTRAINT`.
pub(super) fn drop(definer: &mut Definer<'_>, table: &Table, name: &str, if_exists: bool, cascade: bool) -> Result<()> {
    let Some(found) = table.constraints.iter().find(|constraint| constraint.name == *name).cloned() else {
        let message = format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name.name);
        if if_exists {
            definer.notice(format!("{message}, skipping"));
            return Ok(());
        }
        return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message));
    };
    if let ConstraintRule::PrimaryKey { columns } | ConstraintRule::Unique { columns, .. } = &found.rule {
        release_referencing(definer, table, &found, columns, cascade)?;
    }
    let table = definer.schema().table(&table.name).cloned().expect("it is being altered");
    let mut new = table.clone();
    new.constraints.retain(|constraint| constraint.name != *name);
    let served: Vec<Index> = definer.indexes(&table.name).into_iter().filter(|index| index.constraint.as_deref() == Some(name)).collect();
    let removals = served.iter().map(|index| (ObjectClass::Relation, index.name.clone())).collect::<Vec<_>>();
    match found.rule {
        ConstraintRule::PrimaryKey { .. } => {
            new.hidden_key = true;
            definer.apply(&drops(&served), Vec::new(), removals)?;
            rebuild::with_key(definer, &table, new, Vec::new())
        }
        ConstraintRule::Unique { .. } => definer.apply(&drops(&served), vec![Object::Table(new)], removals).map(|_| ()),
        _ => alter::put(definer, &table, new),
    }
}

fn drops(indexes: &[Index]) -> Vec<String> {
    indexes.iter().filter(|index| !index.physical.is_empty()).map(|index| format!("DROP INDEX {}", quote(&index.physical))).collect()
}

/// Foreign keys that lean on the key go with CASCADE, and forbid it without.
fn release_referencing(definer: &mut Definer<'_>, table: &Table, key: &Constraint, columns: &[String], cascade: bool) -> Result<()> {
    let leaning = definer.objects(|object| match object {
        Object::Table(other) => {
            let found = other.constraints.iter().find(|constraint| match &constraint.rule {
                ConstraintRule::ForeignKey { references, referenced_columns, .. } => {
                    *references == table.name
                        && referenced_columns.len() == columns.len()
                        && referenced_columns.iter().all(|c| columns.contains(c))
                }
                _ => false,
            });
            found.map(|constraint| (other.clone(), constraint.name.clone()))
        }
        _ => None,
    });
    if let (Some((other, constraint)), false) = (leaning.first(), cascade) {
        let schema = definer.schema();
        let own = dependency::Item::Constraint(table.name.clone(), key.name.clone()).describe(&schema, &definer.path);
        let leaning = dependency::Item::Constraint(other.name.clone(), constraint.clone()).describe(&schema, &definer.path);
        return Err(SqlError::new(
            SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
            format!("cannot drop {own} because other objects depend on it"),
        )
        .detail(format!("{leaning} depends on index {}", key.name))
        .hint("Use DROP ... CASCADE to drop the dependent objects too."));
    }
    for (other, constraint) in leaning {
        definer.notice(format!("drop cascades to constraint {constraint} on table {}", other.name.name));
        drop(definer, &other, &constraint, false, false)?;
    }
    Ok(())
}

/// `RENAME CONSTRAINT`.
pub(super) fn rename(definer: &mut Definer<'_>, table: &Table, old: &str, new_name: &str) -> Result<()> {
    if table.constraints.iter().all(|constraint| constraint.name != *old) {
        return Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("constraint \"{old}\" for table \"{}\" does not exist", table.name.name),
        ));
    }
    if table.constraints.iter().any(|constraint| constraint.name == *new_name) {
        return Err(SqlError::new(
            SqlState::DUPLICATE_OBJECT,
            format!("constraint \"{new_name}\" for relation \"{}\" already exists", table.name.name),
        ));
    }
    if let Some(served) = definer.indexes(&table.name).into_iter().find(|index| index.constraint.as_deref() == Some(old)) {
        return index::rename(definer, &served, new_name);
    }
    let mut new = table.clone();
    for constraint in new.constraints.iter_mut().filter(|constraint| constraint.name == *old) {
        constraint.name = new_name.to_owned();
    }
    alter::put(definer, table, new)
}

/// `VALIDATE CONSTRAINT`.
pub(super) fn validate(definer: &mut Definer<'_>, table: &Table, name: &str) -> Result<()> {
    let mut new = table.clone();
    let Some(found) = new.constraints.iter_mut().find(|constraint| constraint.name == *name) else {
        return Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name.name),
        ));
    };
    if found.validated {
        return Ok(());
    }
    found.validated = true;
    let made = found.clone();
    look_through(definer, table, &made)?;
    definer.apply(&[], vec![Object::Table(new)], Vec::new()).map(|_| ())
}

/// `ALTER CONSTRAINT`: when a foreign key is checked.
pub(super) fn set_timing(definer: &mut Definer<'_>, table: &Table, name: &str, deferrable: bool, deferred: bool) -> Result<()> {
    let mut new = table.clone();
    let Some(found) = new.constraints.iter_mut().find(|constraint| constraint.name == *name) else {
        return Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name.name),
        ));
    };
    if !matches!(found.rule, ConstraintRule::ForeignKey { .. }) {
        return Err(SqlError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("constraint \"{name}\" of relation \"{}\" is not a foreign key constraint", table.name.name),
        ));
    }
    found.deferrable = deferrable;
    found.initially_deferred = deferred;
    definer.apply(&[], vec![Object::Table(new)], Vec::new()).map(|_| ())
}
