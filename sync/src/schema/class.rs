//! Under which key an object is found: its class (the name space that it shares with others) and its qualified name.

use serde::{Deserialize, Serialize};

use super::{Object, QualifiedName, TEMPORARY_PREFIX, Trigger};

/// The name spaces of objects, as PostgreSQL divides them: relations (tables, indexes, sequences, views) share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectClass {
    /// Schemas.
    Namespace,
    /// Tables, indexes, sequences, views.
    Relation,
    /// Types.
    Type,
    /// Functions; an object's name there is `name(type,type)`, since functions may share a name.
    Function,
    /// Extensions.
    Extension,
    /// Triggers; an object's name there is `table.trigger`.
    Trigger,
}

impl ObjectClass {
    /// As it stands in `peergres_objects`.
    pub fn as_str(self) -> &'static str {
        match self {
            ObjectClass::Namespace => "namespace",
            ObjectClass::Relation => "relation",
            ObjectClass::Type => "type",
            ObjectClass::Function => "function",
            ObjectClass::Extension => "extension",
            ObjectClass::Trigger => "trigger",
        }
    }

    /// PostgreSQL's word in messages.
    pub fn noun(self) -> &'static str {
        match self {
            ObjectClass::Namespace => "schema",
            other => other.as_str(),
        }
    }
}

impl Object {
    /// Its class.
    pub fn class(&self) -> ObjectClass {
        match self {
            Object::Namespace(_) => ObjectClass::Namespace,
            Object::Table(_) | Object::Index(_) | Object::Sequence(_) | Object::View(_) => ObjectClass::Relation,
            Object::Type(_) => ObjectClass::Type,
            Object::Function(_) => ObjectClass::Function,
            Object::Extension(_) => ObjectClass::Extension,
            Object::Trigger(_) => ObjectClass::Trigger,
        }
    }

    /// Its qualified name, as a key within its class: a function's name is followed by its argument types.
    pub fn name(&self) -> QualifiedName {
        match self {
            Object::Namespace(namespace) => QualifiedName { schema: String::new(), name: namespace.name.clone() },
            Object::Extension(extension) => QualifiedName { schema: String::new(), name: extension.name.clone() },
            Object::Table(table) => table.name.clone(),
            Object::Index(index) => index.name.clone(),
            Object::Sequence(sequence) => sequence.name.clone(),
            Object::View(view) => view.name.clone(),
            Object::Type(user_type) => user_type.name.clone(),
            Object::Trigger(trigger) => Trigger::key(&trigger.table, &trigger.name),
            Object::Function(function) => {
                let types: Vec<&str> = function.inputs().map(|(_, type_name, _)| type_name.as_str()).collect();
                QualifiedName { schema: function.name.schema.clone(), name: format!("{}({})", function.name.name, types.join(",")) }
            }
        }
    }

    /// Whether it lives in a session's temporary schema: never stored, never logged.
    pub fn is_temporary(&self) -> bool {
        match self {
            Object::Index(index) => index.table.schema.starts_with(TEMPORARY_PREFIX),
            Object::Namespace(namespace) => namespace.name.starts_with(TEMPORARY_PREFIX),
            other => other.name().schema.starts_with(TEMPORARY_PREFIX),
        }
    }
}

impl std::fmt::Display for QualifiedName {
    /// As the log names a table: the schema is left out where it is `public`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.schema.is_empty() || self.schema == "public" { f.write_str(&self.name) } else { write!(f, "{}.{}", self.schema, self.name) }
    }
}
