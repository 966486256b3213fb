//! `DROP`: objects and all that goes with them, in one schema change.

use std::collections::BTreeMap;

use peergres_sync::{
    commit::ObjectClass,
    schema::{ConstraintRule, Index, Object, QualifiedName, Table},
};
use sqlparser::ast::{DropBehavior, DropDomain, ObjectName, ObjectType, Statement};

use super::{
    create_table,
    definer::{Definer, no_namespace, undefined_relation},
    dependency::{self, Item},
    physical::{self, quote},
    user_type::undefined_type,
};
use crate::{
    bind,
    error::{Result, SqlError, SqlState},
};

/// `DROP TABLE | VIEW | INDEX | SEQUENCE | SCHEMA | TYPE`.
pub(super) fn objects(definer: &mut Definer<'_>, statement: &Statement) -> Result<()> {
    let Statement::Drop { object_type, if_exists, names, cascade, .. } = statement else {
        return Err(SqlError::internal("DROP was expected"));
    };
    of_kind(definer, *object_type, names, *if_exists, *cascade)
}

/// Drops objects of one kind by name.
pub(super) fn of_kind(
    definer: &mut Definer<'_>,
    object_type: ObjectType,
    names: &[ObjectName],
    if_exists: bool,
    cascade: bool,
) -> Result<()> {
    let mut items = Vec::with_capacity(names.len());
    for name in names {
        match find(definer, object_type, name) {
            Ok(item) => items.push(item),
            Err(error) if if_exists && is_absence(&error) => {
                let message = error.fields().message.clone();
                definer.notice(format!("{}, skipping", absent(object_type, &message)));
            }
            Err(error) => return Err(error),
        }
    }
    items.dedup();
    remove(definer, &items, cascade)
}

fn is_absence(error: &SqlError) -> bool {
    [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_OBJECT, SqlState::INVALID_SCHEMA_NAME].iter().any(|state| error.state() == state.0)
}

/// DROP speaks of a `table`, `view`, … where other statements speak of a relation.
fn absent(kind: ObjectType, message: &str) -> String {
    match message.strip_prefix("relation ") {
        Some(rest) => format!("{} {rest}", kind.to_string().to_lowercase()),
        None => message.to_owned(),
    }
}

/// `DROP DOMAIN`.
pub(super) fn domain(definer: &mut Definer<'_>, drop: &DropDomain) -> Result<()> {
    let name = &drop.name;
    match find(definer, ObjectType::Type, name) {
        Ok(item) => remove(definer, &[item], matches!(drop.drop_behavior, Some(DropBehavior::Cascade))),
        Err(error) if drop.if_exists && is_absence(&error) => {
            let message = error.fields().message.clone();
            definer.notice(format!("{message}, skipping"));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn find(definer: &Definer<'_>, kind: ObjectType, name: &ObjectName) -> Result<Item> {
    let (schema, bare) = bind::schema_and_name(name, &definer.cx)?;
    match kind {
        ObjectType::Schema => {
            let key = QualifiedName { schema: String::new(), name: bare.clone() };
            match definer.schema().get(ObjectClass::Namespace, &key) {
                Some(_) => Ok(Item::Object(ObjectClass::Namespace, key)),
                None if definer.schema().has_namespace(&bare) => Err(SqlError::new(
                    SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
                    format!("cannot drop schema {bare} because it is required by the database system"),
                )),
                None => Err(no_namespace(&bare)),
            }
        }
        ObjectType::Type => match definer.user_type(name)? {
            Some(found) => Ok(Item::Object(ObjectClass::Type, found.name)),
            None => Err(undefined_type(&bare)),
        },
        _ => {
            let Some(object) = definer.relation(name)? else {
                let mut error = undefined_relation(schema.as_deref(), &bare);
                if kind == ObjectType::Index {
                    error = SqlError::new(SqlState::UNDEFINED_OBJECT, error.fields().message.clone());
                }
                let message = absent(kind, &error.fields().message);
                error.fields_mut().message = message;
                return Err(error);
            };
            let (right, noun, article) = match kind {
                ObjectType::Table => (is_table(&object, false), "table", "a"),
                ObjectType::MaterializedView => (is_table(&object, true), "materialized view", "a"),
                ObjectType::View => (matches!(*object, Object::View(_)), "view", "a"),
                ObjectType::Index => (matches!(*object, Object::Index(_)), "index", "an"),
                ObjectType::Sequence => (matches!(*object, Object::Sequence(_)), "sequence", "a"),
                other => return Err(SqlError::unsupported(format!("DROP {other}"))),
            };
            if !right {
                return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{bare}\" is not {article} {noun}")));
            }
            serves_constraint(&object)?;
            Ok(Item::Object(ObjectClass::Relation, object.name()))
        }
    }
}

/// Whether it is a table, or the materialized view that some tables are.
fn is_table(object: &Object, materialized: bool) -> bool {
    matches!(object, Object::Table(table) if table.materialized.is_some() == materialized)
}

/// An index of a constraint goes by the constraint only; a sequence of an identity column with its column only.
fn serves_constraint(object: &Object) -> Result<()> {
    match object {
        Object::Index(Index { name, table, constraint: Some(constraint), .. }) => Err(SqlError::new(
            SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
            format!("cannot drop index {} because constraint {constraint} on table {} requires it", name.name, table.name),
        )
        .hint(format!("You can drop constraint {constraint} on table {} instead.", table.name))),
        _ => Ok(()),
    }
}

/// Drops items with their belongings, and with `cascade` their dependents.
pub(super) fn remove(definer: &mut Definer<'_>, wanted: &[Item], cascade: bool) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let schema = definer.schema();
    let path = definer.path.clone();
    let going = dependency::closure(&schema, &path, wanted, cascade)?;
    definer.notices.extend(dependency::cascade_notice(&schema, &path, wanted, &going));
    for item in &going {
        if let Item::Column(table, column) = item
            && let Some(table) = definer.schema().table(table).cloned()
        {
            super::alter_column::drop(definer, &table, column, true)?;
        }
    }
    let mut changed = tables_without(definer, &going);
    let mut sqlite = Vec::new();
    for (old, new) in changed.values() {
        let (before, after) = (create_table::extras(definer, old)?, create_table::extras(definer, new)?);
        sqlite.extend(physical::edit(old, new, &before, &after));
    }
    let mut removals = Vec::new();
    for item in &going {
        let Item::Object(class, name) = item else { continue };
        match schema.get(*class, name).map(AsRef::as_ref) {
            Some(Object::Table(table)) => {
                sqlite.push(format!("DROP TABLE {}", quote(&table.physical)));
                changed.remove(name);
            }
            // An index of a table that goes has gone with it.
            Some(Object::Index(index)) if !going.contains(&Item::Object(ObjectClass::Relation, index.table.clone())) => {
                if !index.physical.is_empty() {
                    sqlite.push(format!("DROP INDEX {}", quote(&index.physical)));
                }
            }
            _ => {}
        }
        removals.push((*class, name.clone()));
    }
    let put = changed.into_values().map(|(_, table)| Object::Table(table)).collect();
    definer.apply(&sqlite, put, removals).map(|_| ())
}

/// The tables that lose constraints or defaults, each as it is and as it will be. Foreign keys of tables that go are taken off too:
/// SQLite deletes the rows of a table that it drops, and would act on what refers to them.
fn tables_without(definer: &Definer<'_>, going: &[Item]) -> BTreeMap<QualifiedName, (Table, Table)> {
    let mut out: BTreeMap<QualifiedName, (Table, Table)> = BTreeMap::new();
    let goes = |name: &QualifiedName| going.contains(&Item::Object(ObjectClass::Relation, name.clone()));
    let tables = definer.objects(|object| match object {
        Object::Table(table) => Some(table.clone()),
        _ => None,
    });
    for table in tables {
        let mut new = table.clone();
        new.constraints.retain(|constraint| {
            let named = going.contains(&Item::Constraint(table.name.clone(), constraint.name.clone()));
            let dangling =
                matches!(&constraint.rule, ConstraintRule::ForeignKey { references, .. } if goes(references) && *references != table.name);
            !named && !dangling
        });
        for column in &mut new.columns {
            if going.contains(&Item::Default(table.name.clone(), column.name.clone())) {
                column.default = None;
            }
        }
        if new != table {
            out.insert(table.name.clone(), (table, new));
        }
    }
    out
}
