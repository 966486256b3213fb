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
    error::{Result, SqlError},
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
mod drop;
mod extension;
mod function;
mod index;
mod like;
mod namespace;
mod naming;
pub(crate) mod physical;
mod rebuild;
mod rename;
mod sequence;
mod table_as;
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

/// Whether the statement is a definition (else it is `bind`'s).
pub fn defines(statement: &Statement) -> bool {
    match statement {
        Statement::Query(query) => table_as::into_target(query).is_some(),
        _ => !tag(statement).is_empty(),
    }
}

/// The command tag, empty for what is no definition.
pub fn tag(statement: &Statement) -> &'static str {
    match statement {
        Statement::CreateTable(create) if create.query.is_some() => "SELECT",
        Statement::Query(_) => "SELECT",
        Statement::CreateTable(_) => "CREATE TABLE",
        Statement::CreateIndex(_) => "CREATE INDEX",
        Statement::CreateView(_) => "CREATE VIEW",
        Statement::CreateSequence { .. } => "CREATE SEQUENCE",
        Statement::CreateSchema { .. } => "CREATE SCHEMA",
        Statement::CreateType { .. } => "CREATE TYPE",
        Statement::CreateDomain(_) => "CREATE DOMAIN",
        Statement::CreateExtension(_) => "CREATE EXTENSION",
        Statement::CreateFunction(_) => "CREATE FUNCTION",
        Statement::AlterTable(_) => "ALTER TABLE",
        Statement::AlterIndex { .. } => "ALTER INDEX",
        Statement::AlterType(_) => "ALTER TYPE",
        Statement::AlterSchema(_) => "ALTER SCHEMA",
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
        Statement::DropFunction(_) => "DROP FUNCTION",
        Statement::DropDomain(_) => "DROP DOMAIN",
        Statement::DropExtension(_) => "DROP EXTENSION",
        Statement::Truncate(_) => "TRUNCATE TABLE",
        Statement::Comment { .. } => "COMMENT",
        _ => "",
    }
}

/// Runs a definition (see [`defines`]) in a write transaction; `source` is the text that its positions count in. On failure the
/// transaction holds half of it: the session rolls it back, as after any error.
pub fn run(definition: &Statement, source: &str, transaction: &mut Transaction, cx: &Context) -> Result<Outcome> {
    let mut definer = Definer::new(transaction, cx, source, definition.to_string());
    let rows = statement(&mut definer, definition)?;
    Ok(Outcome { notices: definer.notices, rows, on_commit: definer.on_commit })
}

fn statement(definer: &mut Definer<'_>, statement: &Statement) -> Result<Option<u64>> {
    match statement {
        Statement::Query(query) => return table_as::select_into(definer, query).map(Some),
        Statement::CreateTable(create) if create.query.is_some() => return table_as::create(definer, create).map(Some),
        Statement::CreateTable(create) => create_table::create(definer, create),
        Statement::CreateIndex(create) => index::create(definer, create),
        Statement::CreateView(create) => view::create(definer, create),
        Statement::CreateSequence { .. } => sequence::create(definer, statement),
        Statement::CreateSchema { .. } => namespace::create(definer, statement),
        Statement::CreateType { name, representation } => user_type::create(definer, name, representation.as_ref()),
        Statement::CreateDomain(create) => user_type::create_domain(definer, create),
        Statement::CreateExtension(create) => extension::create(definer, create),
        Statement::CreateFunction(create) => function::create(definer, create),
        Statement::AlterTable(alter) => alter::table(definer, alter),
        Statement::AlterIndex { name, operation } => index::alter(definer, name, operation),
        Statement::AlterType(alter) => alter_type::alter(definer, alter),
        Statement::AlterSchema(alter) => namespace::alter(definer, alter),
        Statement::Drop { .. } => drop::objects(definer, statement),
        Statement::DropFunction(drop) => function::drop(definer, drop),
        Statement::DropDomain(drop) => drop::domain(definer, drop),
        Statement::DropExtension(drop) => extension::drop(definer, drop),
        Statement::Truncate(truncate) => truncate::truncate(definer, truncate),
        Statement::Comment { .. } => comment::comment(definer, statement),
        other => Err(SqlError::unsupported(other.to_string().split(' ').next().unwrap_or("this statement"))),
    }?;
    Ok(None)
}

#[cfg(test)]
mod tests;
