//! Why a change did not get into its table: something that may be different later, or the store itself.
//!
//! Enters: errors of SQLite and of values. Leaves: [`Fault`], which says whether another row is in the way, the transaction waits, or the batch
//! ends.

use rusqlite::{Error, ErrorCode, ffi};

use crate::{log::LogError, store::StoreError, value::ValueError};

/// See the file's head.
#[derive(Debug)]
pub(super) enum Fault {
    /// Another row has the key.
    Unique(String),
    /// A CHECK or NOT NULL says no.
    Check(String),
    /// The transaction waits; why, in words.
    Blocked(String),
    /// The batch ends: disk full, I/O error, a bug.
    Store(StoreError),
}

impl Fault {
    /// Why the transaction waits; an error where it is the store's.
    pub(super) fn reason(self) -> Result<String, StoreError> {
        match self {
            Fault::Unique(reason) | Fault::Check(reason) | Fault::Blocked(reason) => Ok(reason),
            Fault::Store(error) => Err(error),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let of_sqlite = match &error {
            Error::SqliteFailure(of_sqlite, _) | Error::SqlInputError { error: of_sqlite, .. } => *of_sqlite,
            _ => return Fault::Store(StoreError::Sqlite(error)),
        };
        match (of_sqlite.extended_code, of_sqlite.code) {
            (ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID, _) => {
                Fault::Unique(error.to_string())
            }
            (ffi::SQLITE_CONSTRAINT_CHECK | ffi::SQLITE_CONSTRAINT_NOTNULL, _) => Fault::Check(error.to_string()),
            (
                _,
                ErrorCode::ConstraintViolation
                | ErrorCode::Unknown
                | ErrorCode::TypeMismatch
                | ErrorCode::TooBig
                | ErrorCode::SchemaChanged,
            ) => Fault::Blocked(error.to_string()),
            _ => Fault::Store(StoreError::Sqlite(error)),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Sqlite(error) => error.into(),
            // A schema change over objects that are not as its author had them.
            StoreError::NoObject(..) | StoreError::ObjectExists(..) | StoreError::Corrupt(_) => Fault::Blocked(error.to_string()),
            other => Fault::Store(other),
        }
    }
}

impl From<ValueError> for Fault {
    fn from(error: ValueError) -> Self {
        Fault::Blocked(error.to_string())
    }
}

impl From<LogError> for Fault {
    fn from(error: LogError) -> Self {
        Fault::Blocked(error.to_string())
    }
}
