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
        match error.sqlite_error().map(|error| error.extended_code) {
            Some(ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID) => {
                return Fault::Unique(error.to_string());
            }
            Some(ffi::SQLITE_CONSTRAINT_CHECK | ffi::SQLITE_CONSTRAINT_NOTNULL) => return Fault::Check(error.to_string()),
            _ => {}
        }
        let of_the_change = matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::ConstraintViolation
                    | ErrorCode::Unknown
                    | ErrorCode::TypeMismatch
                    | ErrorCode::TooBig
                    | ErrorCode::SchemaChanged
            )
        );
        if of_the_change { Fault::Blocked(error.to_string()) } else { Fault::Store(StoreError::Sqlite(error)) }
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
