//! SQLite's failures in PostgreSQL's words: SQLSTATE, message, detail, and the constraint, table and column that ORMs read.
//!
//! Enters: a SQLite error and what the statement was changing; leaves: a [`SqlError`]. SQLite tells a constraint in one sentence
//! (`UNIQUE constraint failed: t.a, t.b`); rather than taking that apart, every sentence that the schema could give rise to is
//! compared with it. The row at fault is found by running the target's `new_rows` again.

use peergres_sync::schema::{Column, ConstraintRule, Index, Object, QualifiedName, Schema, Table};
use rusqlite::{Connection, ErrorCode, ffi, types::Value};

use super::{
    Execution,
    foreign_key::quote,
    plan::Target,
    row_text::{key_text, row_text, text_of},
};
use crate::{
    error::{SqlError, SqlState},
    session::context::take_raised,
};

/// So much of a statement is shown where SQLite refuses it.
const SHOWN_CHARS: usize = 500;

/// A failure before it is explained.
#[derive(Debug)]
pub enum Raw {
    /// SQLite's.
    Sqlite(rusqlite::Error),
    /// One in PostgreSQL's words already.
    Told(SqlError),
}

impl From<rusqlite::Error> for Raw {
    fn from(error: rusqlite::Error) -> Self {
        Raw::Sqlite(error)
    }
}

/// Explains a failure of a step.
pub(crate) fn explain(raw: Raw, target: Option<&Target>, parameters: &[Value], at: &Execution<'_>) -> SqlError {
    match raw {
        Raw::Told(error) => error,
        Raw::Sqlite(error) => match (constraint_code(&error), target) {
            (Some((code, message)), Some(target)) => {
                let rows = NewRows { connection: at.connection, query: target.new_rows.as_deref(), parameters };
                constraint(code, message, Some(&target.table), at.schema, &rows).unwrap_or_else(|| plain(error))
            }
            (Some((code, message)), None) => {
                constraint(code, message, None, at.schema, &NewRows { connection: at.connection, query: None, parameters })
                    .unwrap_or_else(|| plain(error))
            }
            (None, _) => with_key_row(plain(error), target, parameters, at),
        },
    }
}

/// A NULL key is refused before SQLite sees the row: the row is found all the same.
fn with_key_row(error: SqlError, target: Option<&Target>, parameters: &[Value], at: &Execution<'_>) -> SqlError {
    let (Some(target), true, None) = (target, error.state() == SqlState::NOT_NULL_VIOLATION.0, &error.fields().detail) else {
        return error;
    };
    let Some(table) = table(at.schema, &target.table) else { return error };
    let Some(column) = table.columns.iter().find(|c| Some(c.name.as_str()) == error.fields().column.as_deref()) else { return error };
    let rows = NewRows { connection: at.connection, query: target.new_rows.as_deref(), parameters };
    let all: Vec<&Column> = table.columns.iter().collect();
    let row = rows.first(&all, &format!("n.{} IS NULL", quote(&column.physical)));
    with_row(error, table, row)
}

/// The extended code and message of a constraint failure.
fn constraint_code(error: &rusqlite::Error) -> Option<(i32, &str)> {
    match error {
        rusqlite::Error::SqliteFailure(failure, Some(message)) if failure.code == ErrorCode::ConstraintViolation => {
            Some((failure.extended_code, message))
        }
        _ => None,
    }
}

/// Explains a failure that has nothing to do with a table: what a function raised, an interrupt, the disk, SQLite's own limits.
pub fn plain(error: rusqlite::Error) -> SqlError {
    if let Some(raised) = take_raised() {
        return raised;
    }
    let rusqlite::Error::SqliteFailure(failure, message) = &error else {
        return match &error {
            rusqlite::Error::SqlInputError { error: failure, msg, sql, .. } => {
                by_code(failure.code, msg).context(format!("SQLite statement: {}", sql.chars().take(SHOWN_CHARS).collect::<String>()))
            }
            other => SqlError::internal(other.to_string()),
        };
    };
    by_code(failure.code, message.as_deref().unwrap_or_default())
}

fn by_code(code: ErrorCode, message: &str) -> SqlError {
    let (state, text) = match code {
        ErrorCode::OperationInterrupted => (SqlState::QUERY_CANCELED, "canceling statement due to user request"),
        ErrorCode::DiskFull => (SqlState::DISK_FULL, "could not extend file: No space left on device"),
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => (SqlState::IO_ERROR, message),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => (SqlState::DATA_CORRUPTED, message),
        ErrorCode::OutOfMemory => (SqlState::OUT_OF_MEMORY, "out of memory"),
        ErrorCode::TooBig => (SqlState::PROGRAM_LIMIT_EXCEEDED, message),
        ErrorCode::ReadOnly => (SqlState::READ_ONLY_SQL_TRANSACTION, message),
        ErrorCode::DatabaseBusy => (SqlState::SERIALIZATION_FAILURE, "could not serialize access due to concurrent update"),
        ErrorCode::DatabaseLocked => (SqlState::OBJECT_IN_USE, message),
        _ if let Some((_, state, text)) = REWORDED.iter().find(|(words, ..)| message.contains(words)) => (*state, *text),
        _ if message.contains("integer overflow") => (SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "bigint out of range"),
        _ if TOO_COMPLEX.iter().any(|limit| message.contains(limit)) => (SqlState::STATEMENT_TOO_COMPLEX, message),
        _ => (SqlState::INTERNAL_ERROR, message),
    };
    SqlError::new(state, text)
}

/// SQLite's refusals of arguments of window functions, which PostgreSQL words otherwise.
const REWORDED: &[(&str, SqlState, &str)] = &[
    ("frame starting offset must be a non-negative", SqlState("22013"), "frame starting offset must not be negative"),
    ("frame ending offset must be a non-negative", SqlState("22013"), "frame ending offset must not be negative"),
    ("argument of ntile must be", SqlState("22014"), "argument of ntile must be greater than zero"),
    ("second argument to nth_value must be", SqlState("22016"), "argument of nth_value must be greater than zero"),
];

/// SQLite's limits on a statement, as its messages name them (<https://sqlite.org/limits.html>).
const TOO_COMPLEX: &[&str] = &[
    "parser stack overflow",
    "Recursion limit",
    "Expression tree is too large",
    "too many terms",
    "too many columns",
    "too many attached",
    "at most 64 tables",
    "too many SQL variables",
    "too many arguments",
    "too many FROM clause terms",
    "statement too long",
];

/// The rows that the failed statement would have made.
pub(crate) struct NewRows<'a> {
    /// Where to look.
    pub(crate) connection: &'a Connection,
    /// [`Target::new_rows`].
    pub(crate) query: Option<&'a str>,
    /// The statement's parameters.
    pub(crate) parameters: &'a [Value],
}

impl NewRows<'_> {
    /// The columns of the first new row that meets `condition`, an expression over the alias `n`.
    fn first(&self, columns: &[&Column], condition: &str) -> Option<Vec<Value>> {
        let query = self.query?;
        let list: Vec<String> = columns.iter().map(|c| format!("n.{}", quote(&c.physical))).collect();
        let sql = format!("SELECT {} FROM ({query}) AS n WHERE {condition} LIMIT 1", list.join(", "));
        let found = self.run(&sql, columns.len());
        // What a function raised while the rows were looked at again is not the failure that is told.
        take_raised();
        found
    }

    fn run(&self, sql: &str, width: usize) -> Option<Vec<Value>> {
        let mut statement = self.connection.prepare(sql).ok()?;
        super::bind(&mut statement, self.parameters).ok()?;
        let mut rows = statement.raw_query();
        let row = rows.next().ok()??;
        (0..width).map(|index| row.get(index).ok()).collect()
    }
}

/// Explains a constraint failure; none where the schema knows no such constraint.
pub(crate) fn constraint(
    code: i32,
    message: &str,
    target: Option<&QualifiedName>,
    schema: &Schema,
    rows: &NewRows<'_>,
) -> Option<SqlError> {
    if let Some(raised) = take_raised() {
        return Some(raised);
    }
    let (kind, what) = message.split_once(" constraint failed: ")?;
    let mut tables: Vec<&Table> = tables(schema).collect();
    tables.sort_by_key(|table| Some(&table.name) != target);
    tables.into_iter().find_map(|table| match code {
        ffi::SQLITE_CONSTRAINT_NOTNULL => not_null(table, what, rows),
        ffi::SQLITE_CONSTRAINT_CHECK => check(table, what, rows),
        _ if kind == "UNIQUE" => unique(schema, table, what, rows),
        _ => None,
    })
}

fn not_null(table: &Table, what: &str, rows: &NewRows<'_>) -> Option<SqlError> {
    let column = table.columns.iter().find(|column| what == format!("{}.{}", table.physical, column.physical))?;
    let error = null_in_column(table, &column.name);
    let all: Vec<&Column> = table.columns.iter().collect();
    Some(with_row(error, table, rows.first(&all, &format!("n.{} IS NULL", quote(&column.physical)))))
}

/// 23502, as `ExecConstraints` words it.
pub fn null_in_column(table: &Table, column: &str) -> SqlError {
    SqlError::new(
        SqlState::NOT_NULL_VIOLATION,
        format!("null value in column \"{column}\" of relation \"{}\" violates not-null constraint", table.name.name),
    )
    .table(&table.name.schema, &table.name.name)
    .column(column)
}

fn check(table: &Table, what: &str, rows: &NewRows<'_>) -> Option<SqlError> {
    if let Some(name) = what.strip_prefix(MATCH_FULL) {
        let constraint = table.constraints.iter().find(|c| c.name == name)?;
        return Some(
            SqlError::new(
                SqlState::FOREIGN_KEY_VIOLATION,
                format!("insert or update on table \"{}\" violates foreign key constraint \"{name}\"", table.name.name),
            )
            .detail("MATCH FULL does not allow mixing of null and nonnull key values.")
            .table(&table.name.schema, &table.name.name)
            .constraint(&constraint.name),
        );
    }
    let constraint = table.constraints.iter().find(|c| c.name == what)?;
    let ConstraintRule::Check { sqlite, .. } = &constraint.rule else { return None };
    let error = SqlError::new(
        SqlState::CHECK_VIOLATION,
        format!("new row for relation \"{}\" violates check constraint \"{what}\"", table.name.name),
    )
    .table(&table.name.schema, &table.name.name)
    .constraint(what);
    let all: Vec<&Column> = table.columns.iter().collect();
    Some(with_row(error, table, rows.first(&all, &format!("NOT ({sqlite})"))))
}

pub(crate) use peergres_sync::schema::physical::MATCH_FULL;

/// A unique key as SQLite names it in a failure, and as PostgreSQL does.
struct UniqueKey<'s> {
    name: &'s str,
    /// The index, for keys of expressions.
    index: Option<&'s Index>,
    /// Columns; empty for an index on expressions.
    columns: Vec<&'s Column>,
    sentence: String,
}

fn unique_keys<'s>(schema: &'s Schema, table: &'s Table) -> Vec<UniqueKey<'s>> {
    let sentence =
        |columns: &[&Column]| columns.iter().map(|c| format!("{}.{}", table.physical, c.physical)).collect::<Vec<_>>().join(", ");
    let by_name = |name: &str| table.columns.iter().find(|c| c.name == name);
    let mut keys = Vec::new();
    for constraint in &table.constraints {
        if let ConstraintRule::PrimaryKey { columns } = &constraint.rule {
            let columns: Vec<&Column> = columns.iter().filter_map(|c| by_name(c)).collect();
            keys.push(UniqueKey { name: &constraint.name, index: None, sentence: sentence(&columns), columns });
        }
    }
    for index in indexes(schema).filter(|index| index.unique && index.table == table.name) {
        let columns: Option<Vec<&Column>> = index.keys.iter().map(|key| by_name(key.column.as_deref()?)).collect();
        let by_index = format!("index '{}'", index.physical);
        match columns {
            Some(columns) if !index.nulls_not_distinct => {
                keys.push(UniqueKey { name: &index.name.name, index: Some(index), sentence: sentence(&columns), columns });
            }
            columns => {
                keys.push(UniqueKey {
                    name: &index.name.name,
                    index: Some(index),
                    sentence: by_index,
                    columns: columns.unwrap_or_default(),
                });
            }
        }
    }
    keys
}

fn unique(schema: &Schema, table: &Table, what: &str, rows: &NewRows<'_>) -> Option<SqlError> {
    let key = unique_keys(schema, table).into_iter().find(|key| key.sentence == what)?;
    let error = SqlError::new(SqlState::UNIQUE_VIOLATION, format!("duplicate key value violates unique constraint \"{}\"", key.name))
        .table(&table.name.schema, &table.name.name)
        .constraint(key.name);
    if key.columns.is_empty() {
        return Some(key.index.map_or(error.clone(), |index| with_expressions(error, table, index, rows)));
    }
    let equal: Vec<String> = key.columns.iter().map(|c| format!("t.{0} IS n.{0}", quote(&c.physical))).collect();
    let taken = format!("EXISTS (SELECT 1 FROM {} AS t WHERE {})", quote(&table.physical), equal.join(" AND "));
    let found = rows.first(&key.columns, &taken).or_else(|| rows.first(&key.columns, "true"));
    Some(match found {
        Some(values) => {
            let names: Vec<String> = key.columns.iter().map(|c| c.name.clone()).collect();
            let values: Vec<String> = names.iter().zip(&values).map(|(name, value)| text_of(table, name, value)).collect();
            error.detail(format!("{} already exists.", key_text(&names, &values)))
        }
        None => error,
    })
}

/// The detail of a key with expressions: their values in the first new row whose key is taken.
fn with_expressions(error: SqlError, table: &Table, index: &Index, rows: &NewRows<'_>) -> SqlError {
    let Some(query) = rows.query else { return error };
    let parts: Vec<(String, String, Option<&str>)> = index
        .keys
        .iter()
        .filter_map(|key| match (&key.column, &key.expression) {
            (Some(name), _) => {
                let column = table.columns.iter().find(|c| c.name == *name)?;
                Some((column.name.clone(), quote(&column.physical), Some(column.name.as_str())))
            }
            (None, Some(expression)) => Some((expression.text.clone(), format!("({})", expression.sqlite), None)),
            (None, None) => None,
        })
        .collect();
    let names: Vec<String> = (0..parts.len()).map(|n| format!("k{n}")).collect();
    let list: Vec<String> = parts.iter().zip(&names).map(|((_, sqlite, _), name)| format!("{sqlite} AS {name}")).collect();
    let equal: Vec<String> = parts.iter().zip(&names).map(|((_, sqlite, _), name)| format!("{sqlite} IS n.{name}")).collect();
    let sql = format!(
        "SELECT * FROM (SELECT {} FROM ({query})) AS n WHERE EXISTS (SELECT 1 FROM {} WHERE {}) LIMIT 1",
        list.join(", "),
        quote(&table.physical),
        equal.join(" AND ")
    );
    let found = rows.run(&sql, parts.len());
    take_raised();
    let Some(values) = found else { return error };
    let shown: Vec<String> = parts.iter().map(|(text, ..)| text.clone()).collect();
    let values: Vec<String> =
        parts.iter().zip(&values).map(|((_, _, column), value)| text_of(table, column.unwrap_or_default(), value)).collect();
    error.detail(format!("{} already exists.", key_text(&shown, &values)))
}

fn with_row(error: SqlError, table: &Table, row: Option<Vec<Value>>) -> SqlError {
    match row {
        Some(row) => error.detail(format!("Failing row contains ({}).", row_text(table, &row))),
        None => error,
    }
}

/// All tables.
pub(crate) fn tables(schema: &Schema) -> impl Iterator<Item = &Table> {
    schema.objects.values().filter_map(|object| match &**object {
        Object::Table(table) => Some(table),
        _ => None,
    })
}

/// All indexes.
fn indexes(schema: &Schema) -> impl Iterator<Item = &Index> {
    schema.objects.values().filter_map(|object| match &**object {
        Object::Index(index) => Some(index),
        _ => None,
    })
}

/// A table by name.
pub(crate) fn table<'s>(schema: &'s Schema, name: &QualifiedName) -> Option<&'s Table> {
    tables(schema).find(|table| table.name == *name)
}
