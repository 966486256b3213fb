//! The database's objects as plain data: what `CREATE` made, in terms that can be stored, logged and carried to a peer.
//!
//! Types and expressions stand here as PostgreSQL text (opaque to this crate) beside the ready SQLite text, so that applying a
//! peer's schema change never needs the SQL pipeline. OIDs are local to a device and kept beside an object, not in it.

use serde::{Deserialize, Serialize};

mod class;
mod key;
mod layout;
pub mod physical;
mod sequences;
mod snapshot;
mod trigger;
mod view;

pub use class::ObjectClass;
pub use layout::{Layout, LayoutColumn, Layouts};
pub use sequences::{SLOTS, SequenceError, SequenceState, Sequences};
pub use snapshot::{FIRST_OID, FIRST_TEMPORARY_OID, OIDS_PER_OBJECT, Schema, TEMPORARY_PREFIX};
pub use trigger::Trigger;
pub use view::{Materialized, View};

use crate::value::Storage;

/// A schema and a name in it, as PostgreSQL folded them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QualifiedName {
    /// Schema, `public` by default.
    pub schema: String,
    /// Name.
    pub name: String,
}

/// One object of the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Object {
    /// `CREATE SCHEMA`; its qualified name has an empty schema.
    Namespace(Namespace),
    /// `CREATE TABLE`.
    Table(Table),
    /// `CREATE INDEX`, and the index of a primary key or unique constraint.
    Index(Index),
    /// `CREATE SEQUENCE`, and the sequence of a serial or identity column.
    Sequence(Sequence),
    /// `CREATE VIEW`.
    View(View),
    /// `CREATE TYPE … AS ENUM`, `CREATE TYPE … AS (…)`, `CREATE DOMAIN`.
    Type(UserType),
    /// `CREATE FUNCTION`, `CREATE PROCEDURE`.
    Function(Function),
    /// `CREATE EXTENSION`; its qualified name has an empty schema.
    Extension(Extension),
    /// `CREATE TRIGGER`.
    Trigger(Trigger),
}

/// A schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Namespace {
    /// Name.
    pub name: String,
    /// `COMMENT ON`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Name.
    pub name: QualifiedName,
    /// Name in SQLite ([`physical_name`]).
    pub physical: String,
    /// The living columns, by number.
    pub columns: Vec<Column>,
    /// Constraints, in the order of their creation. NOT NULL stands at its column.
    pub constraints: Vec<Constraint>,
    /// The number that the next added column gets; numbers of dropped ones are not used again.
    pub next_column_number: i16,
    /// Whether its changes are captured and travel.
    pub replicated: bool,
    /// `UNLOGGED`.
    #[serde(default)]
    pub unlogged: bool,
    /// The SQLite column that holds the hidden row id of a table without a primary key ([`HIDDEN_KEY`]).
    #[serde(default)]
    pub hidden_key: bool,
    /// `COMMENT ON`.
    #[serde(default)]
    pub comment: Option<String>,
    /// What makes it a materialized view.
    #[serde(default)]
    pub materialized: Option<Materialized>,
}

/// The SQLite column of a hidden row id: a 16-byte UUID (version 7), primary key of a WITHOUT ROWID table.
pub const HIDDEN_KEY: &str = "~rowid";

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// `attnum`, from 1.
    pub number: i16,
    /// Name.
    pub name: String,
    /// Name in SQLite.
    pub physical: String,
    /// PostgreSQL's name of the type with its modifier, schema-qualified unless built in: `numeric(10,2)`, `public.mood`, `text[]`.
    pub type_name: String,
    /// How its values lie in SQLite.
    pub storage: Storage,
    /// SQLite collation that gives the type's order and equality, none where bytes do.
    #[serde(default)]
    pub collation: Option<String>,
    /// `NOT NULL`.
    pub not_null: bool,
    /// `DEFAULT`, as PostgreSQL text in canonical form (what `pg_get_expr` prints).
    #[serde(default)]
    pub default: Option<String>,
    /// `GENERATED … AS IDENTITY`.
    #[serde(default)]
    pub identity: Option<IdentityKind>,
    /// The sequence that a serial or identity column owns.
    #[serde(default)]
    pub sequence: Option<QualifiedName>,
    /// `GENERATED ALWAYS AS (…) STORED`, as PostgreSQL text.
    #[serde(default)]
    pub generated: Option<String>,
    /// The same, ready for SQLite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_sqlite: Option<String>,
    /// What rows hold that are older than the column, ready for SQLite: the default with which it was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// `COMMENT ON`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// The two kinds of identity columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// `GENERATED ALWAYS`.
    Always,
    /// `GENERATED BY DEFAULT`.
    ByDefault,
}

/// A table's constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constraint {
    /// Name.
    pub name: String,
    /// What it demands.
    pub rule: ConstraintRule,
    /// `DEFERRABLE`.
    #[serde(default)]
    pub deferrable: bool,
    /// `INITIALLY DEFERRED`.
    #[serde(default)]
    pub initially_deferred: bool,
    /// False after `NOT VALID`.
    pub validated: bool,
    /// `COMMENT ON`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// What a constraint demands; columns by their logical names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ConstraintRule {
    /// `PRIMARY KEY`; its index bears the constraint's name, unless the key is the SQLite rowid.
    PrimaryKey {
        /// Key columns in order.
        columns: Vec<String>,
    },
    /// `UNIQUE`; its index bears the constraint's name.
    Unique {
        /// Key columns in order.
        columns: Vec<String>,
        /// `NULLS NOT DISTINCT`.
        nulls_not_distinct: bool,
    },
    /// `FOREIGN KEY`.
    ForeignKey {
        /// Referencing columns.
        columns: Vec<String>,
        /// Referenced table.
        references: QualifiedName,
        /// Referenced columns, always filled in.
        referenced_columns: Vec<String>,
        /// `ON UPDATE`.
        on_update: ReferentialAction,
        /// `ON DELETE`.
        on_delete: ReferentialAction,
        /// `MATCH FULL`.
        match_full: bool,
    },
    /// `CHECK`.
    Check {
        /// As PostgreSQL text in canonical form.
        expression: String,
        /// The ready SQLite expression.
        sqlite: String,
    },
}

/// What happens to referencing rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferentialAction {
    /// `NO ACTION`.
    NoAction,
    /// `RESTRICT`.
    Restrict,
    /// `CASCADE`.
    Cascade,
    /// `SET NULL`.
    SetNull,
    /// `SET DEFAULT`.
    SetDefault,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Name.
    pub name: QualifiedName,
    /// Name in SQLite; empty where the key is the SQLite rowid and no index exists.
    pub physical: String,
    /// Its table.
    pub table: QualifiedName,
    /// `UNIQUE`.
    pub unique: bool,
    /// `NULLS NOT DISTINCT`.
    #[serde(default)]
    pub nulls_not_distinct: bool,
    /// Access method as the statement named it: `btree`, `hash`, `gin`, …
    pub method: String,
    /// Keys in order.
    pub keys: Vec<IndexKey>,
    /// `INCLUDE` columns.
    #[serde(default)]
    pub include: Vec<String>,
    /// `WHERE`, as PostgreSQL text and ready for SQLite.
    #[serde(default)]
    pub predicate: Option<Expression>,
    /// The constraint that it serves.
    #[serde(default)]
    pub constraint: Option<String>,
    /// `COMMENT ON`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// One key of an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexKey {
    /// The column's name, where the key is a plain column.
    #[serde(default)]
    pub column: Option<String>,
    /// The expression, where it is not.
    #[serde(default)]
    pub expression: Option<Expression>,
    /// Operator class as named, where it is not the default.
    #[serde(default)]
    pub opclass: Option<String>,
    /// `DESC`.
    #[serde(default)]
    pub descending: bool,
    /// `NULLS FIRST`.
    #[serde(default)]
    pub nulls_first: bool,
}

/// An expression as PostgreSQL prints it, and as SQLite runs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expression {
    /// PostgreSQL text in canonical form.
    pub text: String,
    /// SQLite text.
    pub sqlite: String,
}

/// A sequence's definition; its position is device-local state, not part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    /// Name.
    pub name: QualifiedName,
    /// `smallint`, `integer` or `bigint`.
    pub type_name: String,
    /// `START`.
    pub start: i64,
    /// `INCREMENT`.
    pub increment: i64,
    /// `MINVALUE`.
    pub min: i64,
    /// `MAXVALUE`.
    pub max: i64,
    /// `CACHE`.
    pub cache: i64,
    /// `CYCLE`.
    pub cycle: bool,
    /// The last value that was drawn before the first pairing, when numbering was natural; from there on each device draws values of its
    /// own slot only ([`Sequences`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub natural_until: Option<i64>,
    /// `OWNED BY`: table and column.
    #[serde(default)]
    pub owned_by: Option<(QualifiedName, String)>,
    /// `COMMENT ON`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// A type made by a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserType {
    /// Name.
    pub name: QualifiedName,
    /// What it is.
    pub definition: TypeDefinition,
    /// `COMMENT ON`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// The kinds of types a user can make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TypeDefinition {
    /// Labels in their sort order.
    Enum {
        /// The labels.
        labels: Vec<String>,
    },
    /// Attribute names and type names.
    Composite {
        /// The attributes.
        attributes: Vec<(String, String)>,
    },
    /// A constrained base type.
    Domain {
        /// PostgreSQL name of the base type, with modifier.
        base: String,
        /// `NOT NULL`.
        not_null: bool,
        /// `DEFAULT`.
        default: Option<String>,
        /// Name and expression (over `VALUE`) of each CHECK.
        checks: Vec<(String, Expression)>,
    },
}

/// A function or procedure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Name.
    pub name: QualifiedName,
    /// All parameters in order: names (may be empty), type names, defaults.
    pub arguments: Vec<(String, String, Option<String>)>,
    /// A letter for each parameter, as `pg_proc.proargmodes` has them: `i`n, `o`ut, in and out (`b`), `v`ariadic, column of a `t`able.
    #[serde(default)]
    pub modes: String,
    /// Result type name.
    pub returns: String,
    /// `SETOF` or `RETURNS TABLE`.
    pub returns_set: bool,
    /// `i`, `s` or `v`.
    pub volatility: char,
    /// `STRICT`.
    pub strict: bool,
    /// The body.
    pub body: String,
    /// `sql`, `plpgsql`.
    #[serde(default = "language_sql")]
    pub language: String,
    /// Whether it is a procedure.
    #[serde(default)]
    pub procedure: bool,
    /// Whether the body was written as `BEGIN ATOMIC` or `RETURN`, not as a string.
    #[serde(default)]
    pub atomic: bool,
    /// Properties that are kept for being shown.
    #[serde(default)]
    pub properties: FunctionProperties,
    /// `COMMENT ON`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// What a definition says of a function beside its meaning.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FunctionProperties {
    /// `SECURITY DEFINER`.
    #[serde(default)]
    pub security_definer: bool,
    /// `LEAKPROOF`.
    #[serde(default)]
    pub leakproof: bool,
    /// `PARALLEL`: `s`afe or `r`estricted, none for unsafe.
    #[serde(default)]
    pub parallel: Option<char>,
    /// `COST`.
    #[serde(default)]
    pub cost: Option<f64>,
    /// `ROWS`.
    #[serde(default)]
    pub rows: Option<f64>,
    /// `SET`, each as `name=value`.
    #[serde(default)]
    pub settings: Vec<String>,
}

fn language_sql() -> String {
    "sql".to_owned()
}

impl Function {
    /// The parameters, each with the letter of its mode.
    pub fn parameters(&self) -> impl Iterator<Item = (char, &(String, String, Option<String>))> {
        let modes = self.modes.chars().chain(std::iter::repeat('i'));
        modes.zip(&self.arguments)
    }

    /// The parameters that a call gives values for.
    pub fn inputs(&self) -> impl Iterator<Item = &(String, String, Option<String>)> {
        self.parameters().filter(|(mode, _)| matches!(mode, 'i' | 'b' | 'v')).map(|(_, parameter)| parameter)
    }
}

/// An extension, by name; what it offers is built in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// Name.
    pub name: String,
    /// Version shown.
    pub version: String,
    /// Schema named.
    pub schema: String,
}

/// The name under which a table, column or index of that PostgreSQL name lies in SQLite, whose identifiers ignore ASCII case:
/// an upper-case letter X becomes `^x`, a `^` becomes `^^`; outside `public` the schema stands before a dot, and a dot in a name
/// becomes `^.`; a name that begins with `sync_`, `sqlite_` or `peergres` gets a `~` before it, since those are ours or SQLite's.
pub fn physical_name(schema: &str, name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    if schema == "public" {
        let lower = name.to_ascii_lowercase();
        if ["sync_", "sqlite_", "peergres"].iter().any(|p| lower.starts_with(p)) {
            out.push('~');
        }
    } else {
        escape(schema, &mut out);
        out.push('.');
    }
    escape(name, &mut out);
    out
}

/// The SQLite name of a column.
pub fn physical_column(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    escape(name, &mut out);
    out
}

fn escape(name: &str, out: &mut String) {
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('^');
            out.push(c.to_ascii_lowercase());
        } else {
            if matches!(c, '^' | '.' | '~') {
                out.push('^');
            }
            out.push(c);
        }
    }
}
