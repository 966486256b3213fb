//! What stands on what: views on relations, foreign keys on keys, columns on types and sequences, all on their schema. Enters: objects to
//! be dropped; leaves: what else would have to go (`findDependentObjects` in `dependency.c`).

use std::collections::BTreeSet;

use peergres_sync::{
    commit::ObjectClass,
    schema::{ConstraintRule, Object, QualifiedName, Schema, TypeDefinition},
};

use super::view;
use crate::error::{SqlError, SqlState};

/// Something that can be dropped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// An object.
    Object(ObjectClass, QualifiedName),
    /// A constraint of a table.
    Constraint(QualifiedName, String),
    /// A column's default.
    Default(QualifiedName, String),
    /// A column.
    Column(QualifiedName, String),
}

impl Item {
    /// As messages call it; names outside the search path with their schema.
    pub(super) fn describe(&self, schema: &Schema, path: &[String]) -> String {
        let shown = |name: &QualifiedName| {
            if name.schema.is_empty() || path.contains(&name.schema) { name.name.clone() } else { format!("{}.{}", name.schema, name.name) }
        };
        match self {
            Item::Object(ObjectClass::Trigger, name) => match schema.get(ObjectClass::Trigger, name).map(AsRef::as_ref) {
                Some(Object::Trigger(trigger)) => format!("trigger {} on table {}", trigger.name, shown(&trigger.table)),
                _ => format!("trigger {}", name.name),
            },
            Item::Object(class, name) => format!("{} {}", noun(schema, *class, name), shown(name)),
            Item::Constraint(table, constraint) => format!("constraint {constraint} on table {}", shown(table)),
            Item::Default(table, column) => format!("default value for column {column} of table {}", shown(table)),
            Item::Column(table, column) => format!("column {column} of table {}", shown(table)),
        }
    }
}

fn noun(schema: &Schema, class: ObjectClass, name: &QualifiedName) -> &'static str {
    match schema.get(class, name).map(AsRef::as_ref) {
        Some(Object::Table(table)) if table.materialized.is_some() => "materialized view",
        Some(Object::Table(_)) => "table",
        Some(Object::Index(_)) => "index",
        Some(Object::Sequence(_)) => "sequence",
        Some(Object::View(_)) => "view",
        Some(Object::Type(_)) => "type",
        Some(Object::Function(function)) if function.procedure => "procedure",
        Some(Object::Function(_)) => "function",
        Some(Object::Extension(_)) => "extension",
        Some(Object::Trigger(_)) => "trigger",
        Some(Object::Namespace(_)) | None => class.noun(),
    }
}

/// What belongs to the item and goes silently with it: indexes and owned sequences of a table.
pub(super) fn belongings(schema: &Schema, item: &Item) -> Vec<Item> {
    let Item::Object(ObjectClass::Relation, name) = item else { return Vec::new() };
    let belongs = |object: &Object| match object {
        Object::Index(index) => index.table == *name,
        Object::Sequence(sequence) => sequence.owned_by.as_ref().is_some_and(|(owner, _)| owner == name),
        Object::Trigger(trigger) => trigger.table == *name,
        _ => false,
    };
    schema.objects.values().filter(|object| belongs(object)).map(|object| Item::Object(object.class(), object.name())).collect()
}

/// What depends on the item directly.
pub(super) fn dependents(schema: &Schema, item: &Item) -> Vec<Item> {
    schema.objects.values().flat_map(|object| depends(object, item)).collect()
}

fn depends(object: &Object, item: &Item) -> Vec<Item> {
    let itself = || vec![Item::Object(object.class(), object.name())];
    match (item, object) {
        (Item::Object(ObjectClass::Namespace, namespace), object) => {
            if object.name().schema == namespace.name && !matches!(object, Object::Index(_) | Object::Trigger(_)) {
                itself()
            } else {
                Vec::new()
            }
        }
        (Item::Object(ObjectClass::Relation, name), Object::View(view)) => {
            if view::relations(view).contains(name) {
                itself()
            } else {
                Vec::new()
            }
        }
        (Item::Object(ObjectClass::Relation, name), Object::Table(table))
            if table.materialized.as_ref().is_some_and(|view| view::relations_of(&view.query).contains(name)) =>
        {
            itself()
        }
        (Item::Object(ObjectClass::Relation, name), Object::Table(table)) => {
            let foreign = table.constraints.iter().filter(|constraint| match &constraint.rule {
                ConstraintRule::ForeignKey { references, .. } => references == name && table.name != *name,
                _ => false,
            });
            let mut out: Vec<Item> = foreign.map(|constraint| Item::Constraint(table.name.clone(), constraint.name.clone())).collect();
            let defaults = table.columns.iter().filter(|column| draws_from(column.default.as_deref(), name));
            out.extend(defaults.map(|column| Item::Default(table.name.clone(), column.name.clone())));
            out
        }
        (Item::Object(ObjectClass::Type, name), Object::Table(table)) => {
            let columns = table.columns.iter().filter(|column| is_of_type(&column.type_name, name));
            columns.map(|column| Item::Column(table.name.clone(), column.name.clone())).collect()
        }
        (Item::Object(ObjectClass::Type, name), Object::View(view)) => {
            if view.columns.iter().any(|(_, ty)| is_of_type(ty, name)) {
                itself()
            } else {
                Vec::new()
            }
        }
        (Item::Object(ObjectClass::Type, name), Object::Type(other)) if other.name != *name => match &other.definition {
            TypeDefinition::Domain { base, .. } if is_of_type(base, name) => itself(),
            TypeDefinition::Composite { attributes } if attributes.iter().any(|(_, ty)| is_of_type(ty, name)) => itself(),
            _ => Vec::new(),
        },
        (Item::Object(ObjectClass::Function, name), _) => calls_of(object, name),
        (Item::Object(ObjectClass::Type, name), Object::Function(function)) => {
            let mut types = function.arguments.iter().map(|(_, ty, _)| ty).chain([&function.returns]);
            if types.any(|ty| is_of_type(ty, name)) { itself() } else { Vec::new() }
        }
        (Item::Object(ObjectClass::Relation, name), Object::Function(function)) => {
            let mut types = function.arguments.iter().map(|(_, ty, _)| ty).chain([&function.returns]);
            if types.any(|ty| is_of_type(ty, name)) { itself() } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

/// What of an object calls a function.
fn calls_of(object: &Object, name: &QualifiedName) -> Vec<Item> {
    let itself = || vec![Item::Object(object.class(), object.name())];
    match object {
        Object::Trigger(trigger) => {
            let key = QualifiedName { schema: trigger.function.schema.clone(), name: format!("{}()", trigger.function.name) };
            if key == *name { itself() } else { Vec::new() }
        }
        Object::View(view) if calls(&view.query, name) => itself(),
        Object::Table(table) => {
            let checks = table.constraints.iter().filter(|constraint| match &constraint.rule {
                ConstraintRule::Check { expression, .. } => calls(expression, name),
                _ => false,
            });
            let mut out: Vec<Item> = checks.map(|constraint| Item::Constraint(table.name.clone(), constraint.name.clone())).collect();
            let says = |text: &Option<String>| text.as_deref().is_some_and(|text| calls(text, name));
            let defaults = table.columns.iter().filter(|column| says(&column.default));
            out.extend(defaults.map(|column| Item::Default(table.name.clone(), column.name.clone())));
            let generated = table.columns.iter().filter(|column| says(&column.generated));
            out.extend(generated.map(|column| Item::Column(table.name.clone(), column.name.clone())));
            out
        }
        Object::Index(index) => {
            let mut texts = index.keys.iter().filter_map(|key| key.expression.as_ref()).chain(&index.predicate);
            if texts.any(|expression| calls(&expression.text, name)) { itself() } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

/// Whether a stored text calls a function of that name; another one of the same name, with other arguments, counts too.
fn calls(text: &str, function: &QualifiedName) -> bool {
    use crate::catalog::type_name::quote_identifier;
    let bare = function.name.split('(').next().unwrap_or_default();
    let called = format!("{}(", quote_identifier(bare));
    text.match_indices(&called).any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '$')))
}

/// Whether a stored type name is that type, or an array of it.
fn is_of_type(type_name: &str, name: &QualifiedName) -> bool {
    use crate::catalog::type_name::quote_identifier;
    let base = type_name.trim_end_matches("[]");
    let full = format!("{}.{}", quote_identifier(&name.schema), quote_identifier(&name.name));
    base == full || base.strip_prefix(&full).is_some_and(|rest| rest.starts_with('('))
}

/// Whether a default is `nextval` of the sequence.
pub(super) fn draws_from(default: Option<&str>, sequence: &QualifiedName) -> bool {
    use crate::catalog::type_name::quote_identifier;
    let Some(inside) = default.and_then(|text| text.strip_prefix("nextval('")).and_then(|text| text.split("'::regclass").next()) else {
        return false;
    };
    let name = quote_identifier(&sequence.name);
    let full = format!("{}.{name}", quote_identifier(&sequence.schema));
    inside == full || sequence.schema == "public" && inside == name
}

/// All that goes when `wanted` is dropped: belongings, and with `cascade` dependents; without it 2BP01 where there are any.
pub(super) fn closure(schema: &Schema, path: &[String], wanted: &[Item], cascade: bool) -> Result<Vec<Item>, SqlError> {
    let mut going: Vec<Item> = wanted.to_vec();
    let mut seen: BTreeSet<Item> = wanted.iter().cloned().collect();
    let mut silent: BTreeSet<Item> = BTreeSet::new();
    let mut lines: Vec<String> = Vec::new();
    let mut at = 0;
    // Belongings first, so that a table's own sequence does not count as depending.
    while at < going.len() {
        let item = going[at].clone();
        for belonging in belongings(schema, &item) {
            if seen.insert(belonging.clone()) {
                silent.insert(belonging.clone());
                going.push(belonging);
            }
        }
        for dependent in dependents(schema, &item) {
            let owner = match &dependent {
                Item::Constraint(table, _) | Item::Default(table, _) | Item::Column(table, _) => {
                    Some(Item::Object(ObjectClass::Relation, table.clone()))
                }
                Item::Object(..) => None,
            };
            if owner.is_some_and(|owner| seen.contains(&owner)) || !seen.insert(dependent.clone()) {
                continue;
            }
            lines.push(format!("{} depends on {}", dependent.describe(schema, path), item.describe(schema, path)));
            going.push(dependent);
        }
        at += 1;
    }
    if lines.is_empty() || cascade {
        return Ok(going);
    }
    let message = match wanted {
        [only] => format!("cannot drop {} because other objects depend on it", only.describe(schema, path)),
        _ => "cannot drop desired object(s) because other objects depend on them".to_owned(),
    };
    Err(SqlError::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message)
        .detail(lines.join("\n"))
        .hint("Use DROP ... CASCADE to drop the dependent objects too."))
}

/// The NOTICE of a cascade: the one object by name, or how many with their names in the detail.
pub(super) fn cascade_notice(schema: &Schema, path: &[String], wanted: &[Item], going: &[Item]) -> Option<SqlError> {
    let quiet: BTreeSet<Item> = wanted.iter().flat_map(|item| belongings(schema, item)).collect();
    let silent = |item: &&Item| !wanted.contains(item) && !quiet.contains(*item);
    let told: Vec<String> = going
        .iter()
        .filter(silent)
        .filter(|item| !going.iter().any(|other| belongings(schema, other).contains(item)))
        .map(|item| format!("drop cascades to {}", item.describe(schema, path)))
        .collect();
    let state = SqlState("00000");
    match told.as_slice() {
        [] => None,
        [only] => Some(SqlError::new(state, only.clone())),
        many => Some(SqlError::new(state, format!("drop cascades to {} other objects", many.len())).detail(many.join("\n"))),
    }
}
