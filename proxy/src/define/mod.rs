//! Definitions: CREATE, ALTER, DROP and their kin. Enters: a statement and a write transaction. Leaves: objects of
//! [`peergres_sync::schema`] put and removed together with ready SQLite statements, all through [`Transaction::define`], so that they are
//! transactional, logged and replicated.
//!
//! A table's SQLite text is made of pieces, one line each ([`physical`]). Whatever does not change how rows lie (constraints, NOT NULL,
//! new columns) replaces single pieces of that text in `sqlite_schema`, which costs nothing whatever the table's size and which two
//! devices can do side by side; only a change of the key rewrites the table ([`rebuild`]).

use peergres_sync::{commit::Transaction, schema::QualifiedName};
use sqlparser::ast::{ObjectType, OnCommit, Statement};

use crate::{
    bind,
    error::{Result, SqlError},
    parse::{
        Node,
        definition::{Definition, Kind, RoutineKind},
    },
    session::context::Context,
};

mod alter;
mod alter_column;
mod alter_constraint;
mod alter_type;
mod column;
mod comment;
mod constraint;
mod create_table;
mod definer;
mod dependency;
mod domain;
mod drop;
mod extension;
mod function;
mod function_named;
mod identity;
mod index;
mod like;
pub(crate) mod materialized;
mod move_schema;
mod namespace;
mod naming;
pub(crate) mod physical;
mod rebuild;
mod rename;
mod rename_type;
mod retype;
mod sequence;
mod table_as;
mod trigger;
mod truncate;
mod user_type;
pub(crate) mod view;

use definer::Definer;

/// What running a definition brought beside the objects.
#[derive(Debug, Default)]
pub struct Outcome {
    /// NOTICEs, with SQLSTATE 00000 or the one that PostgreSQL gives.
    pub notices: Vec<SqlError>,
    /// Rows that `CREATE TABLE AS` filled in.
    pub rows: Option<u64>,
    /// Temporary tables that COMMIT empties or drops.
    pub on_commit: Vec<(QualifiedName, OnCommit)>,
}

/// A definition as the session hands it over.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// Its syntax (see [`defines`]).
    pub node: &'a Node,
    /// The text that its positions count in.
    pub source: &'a str,
    /// Its own text, as the log shows it.
    pub text: &'a str,
}

/// Whether the statement is a definition (else it is `bind`'s).
pub fn defines(node: &Node) -> bool {
    match node {
        Node::Definition(_) => true,
        Node::Statement(statement) => match &**statement {
            Statement::Query(query) => table_as::into_target(query).is_some(),
            _ => !tag(node).is_empty(),
        },
        Node::Command(_) | Node::Change(_) => false,
    }
}

/// The command tag, empty for what is no definition.
pub fn tag(node: &Node) -> &'static str {
    match node {
        Node::Definition(definition) => tag_of_definition(definition),
        Node::Statement(statement) => tag_of_statement(statement),
        Node::Command(_) | Node::Change(_) => "",
    }
}

fn tag_of_definition(definition: &Definition) -> &'static str {
    match definition {
        Definition::CreateTable(_) => "CREATE TABLE",
        Definition::CreateTableAs(_) => "CREATE TABLE AS",
        Definition::CreateRoutine(create) if create.procedure => "CREATE PROCEDURE",
        Definition::CreateRoutine(_) => "CREATE FUNCTION",
        Definition::CreateTrigger(_) => "CREATE TRIGGER",
        Definition::DropTrigger { .. } => "DROP TRIGGER",
        Definition::RenameTrigger { .. } => "ALTER TRIGGER",
        Definition::DropRoutine { kind, .. } => match kind {
            RoutineKind::Function => "DROP FUNCTION",
            RoutineKind::Procedure => "DROP PROCEDURE",
            RoutineKind::Routine => "DROP ROUTINE",
        },
        Definition::AlterRoutine { kind, .. } => match kind {
            RoutineKind::Function => "ALTER FUNCTION",
            RoutineKind::Procedure => "ALTER PROCEDURE",
            RoutineKind::Routine => "ALTER ROUTINE",
        },
        Definition::CreateMaterializedView(_) => "CREATE MATERIALIZED VIEW",
        Definition::Refresh { .. } => "REFRESH MATERIALIZED VIEW",
        Definition::AlterTable(alter) => match alter.noun {
            "view" => "ALTER VIEW",
            "materialized view" => "ALTER MATERIALIZED VIEW",
            "index" => "ALTER INDEX",
            "sequence" => "ALTER SEQUENCE",
            _ => "ALTER TABLE",
        },
        Definition::CreateSequence { .. } => "CREATE SEQUENCE",
        Definition::AlterSequence { .. } => "ALTER SEQUENCE",
        Definition::DropIndex { .. } => "DROP INDEX",
        Definition::CreateDomain { .. } => "CREATE DOMAIN",
        Definition::Comment { .. } => "COMMENT",
        Definition::AlterDomain { .. } => "ALTER DOMAIN",
        Definition::AlterAttributes { .. } | Definition::AddValue { .. } | Definition::RenameValue { .. } => "ALTER TYPE",
        Definition::Rename { kind, .. } | Definition::SetSchema { kind, .. } | Definition::Owner { kind, .. } => match kind {
            Kind::Schema => "ALTER SCHEMA",
            Kind::Type => "ALTER TYPE",
            Kind::Domain => "ALTER DOMAIN",
            Kind::Database => "ALTER DATABASE",
        },
    }
}

fn tag_of_statement(statement: &Statement) -> &'static str {
    match statement {
        Statement::Query(_) => "SELECT",
        Statement::CreateIndex(_) => "CREATE INDEX",
        Statement::CreateView(_) => "CREATE VIEW",
        Statement::CreateSchema { .. } => "CREATE SCHEMA",
        Statement::CreateType { .. } => "CREATE TYPE",
        Statement::CreateExtension(_) => "CREATE EXTENSION",
        Statement::Drop { object_type, .. } => match object_type {
            ObjectType::Table => "DROP TABLE",
            ObjectType::View => "DROP VIEW",
            ObjectType::MaterializedView => "DROP MATERIALIZED VIEW",
            ObjectType::Index => "DROP INDEX",
            ObjectType::Schema => "DROP SCHEMA",
            ObjectType::Sequence => "DROP SEQUENCE",
            ObjectType::Type => "DROP TYPE",
            _ => "",
        },
        Statement::DropDomain(_) => "DROP DOMAIN",
        Statement::DropExtension(_) => "DROP EXTENSION",
        Statement::Truncate(_) => "TRUNCATE TABLE",
        Statement::Comment { .. } => "COMMENT",
        _ => "",
    }
}

/// Runs a definition (see [`defines`]) in a write transaction. On failure the transaction holds half of it: the session rolls it back,
/// as after any error.
pub fn run(written: Written<'_>, transaction: &mut Transaction, cx: &Context) -> Result<Outcome> {
    let mut definer = Definer::new(transaction, cx, written.source, written.text.to_owned());
    let rows = match written.node {
        Node::Definition(definition) => self::definition(&mut definer, definition)?,
        Node::Statement(statement) => self::statement(&mut definer, statement)?,
        Node::Command(_) | Node::Change(_) => return Err(SqlError::internal("this statement defines nothing")),
    };
    Ok(Outcome { notices: definer.notices, rows, on_commit: definer.on_commit })
}

fn definition(definer: &mut Definer<'_>, definition: &Definition) -> Result<Option<u64>> {
    match definition {
        Definition::CreateTableAs(create) => return table_as::create(definer, create),
        Definition::CreateMaterializedView(create) => return materialized::create(definer, create),
        Definition::Refresh { name, concurrently, with_data } => materialized::refresh(definer, name, *concurrently, *with_data),
        Definition::CreateTable(create) => create_table::create(definer, create),
        Definition::CreateRoutine(create) => function::create(definer, create),
        Definition::CreateTrigger(create) => trigger::create(definer, create),
        Definition::DropTrigger { if_exists, name, table } => trigger::drop(definer, name, table, *if_exists),
        Definition::RenameTrigger { name, table, to } => trigger::rename(definer, name, table, to),
        Definition::DropRoutine { kind, if_exists, names, cascade } => function_named::drop(definer, *kind, names, *if_exists, *cascade),
        Definition::AlterRoutine { kind, name, action } => function_named::alter(definer, *kind, name, action),
        Definition::AlterTable(alter) => alter::table(definer, alter),
        Definition::CreateSequence { temporary, if_not_exists, name, clauses } => {
            sequence::create(definer, name, clauses, *temporary, *if_not_exists)
        }
        Definition::AlterSequence { if_exists, name, clauses } => sequence::alter(definer, name, clauses, *if_exists),
        Definition::DropIndex { if_exists, names, cascade } => drop::of_kind(definer, ObjectType::Index, names, *if_exists, *cascade),
        Definition::CreateDomain { name, data_type, default, not_null, checks } => {
            domain::create(definer, name, data_type, default.as_ref(), *not_null, checks)
        }
        Definition::Comment { on, text } => comment::on_part(definer, on, text.clone()),
        Definition::AlterDomain { name, action } => domain::alter(definer, name, action),
        Definition::AlterAttributes { name, actions } => alter_type::attributes(definer, name, actions),
        Definition::AddValue { name, value, if_not_exists, position } => {
            alter_type::add_value(definer, name, value, position.as_ref(), *if_not_exists)
        }
        Definition::RenameValue { name, from, to } => alter_type::rename_value(definer, name, from, to),
        Definition::Rename { kind, name, to } => rename::other(definer, *kind, name, &bind::fold(to)),
        Definition::SetSchema { kind, name, schema } => move_schema::other(definer, *kind, name, &bind::fold(schema)),
        Definition::Owner { kind, name, .. } => rename::owner(definer, *kind, name),
    }?;
    Ok(None)
}

fn statement(definer: &mut Definer<'_>, statement: &Statement) -> Result<Option<u64>> {
    match statement {
        Statement::Query(query) => return table_as::select_into(definer, query).map(Some),
        Statement::CreateIndex(create) => index::create(definer, create),
        Statement::CreateView(create) => view::create(definer, create),
        Statement::CreateSchema { .. } => namespace::create(definer, statement),
        Statement::CreateType { name, representation } => user_type::create(definer, name, representation.as_ref()),
        Statement::CreateExtension(create) => extension::create(definer, create),
        Statement::Drop { .. } => drop::objects(definer, statement),
        Statement::DropDomain(drop) => drop::domain(definer, drop),
        Statement::DropExtension(drop) => extension::drop(definer, drop),
        Statement::Truncate(truncate) => truncate::truncate(definer, truncate),
        Statement::Comment { .. } => comment::comment(definer, statement),
        other => Err(SqlError::unsupported(crate::parse::name_of(&other.to_string()))),
    }?;
    Ok(None)
}

#[cfg(test)]
mod tests;
