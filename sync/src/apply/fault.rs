//! Why a change did not get into its table: something that may be different later, or the store itself.
//!
//! Enters: errors of SQLite and of values. Leaves: [`Fault`], which says whether the transaction waits or the batch ends.

use rusqlite::{Error, ErrorCode};

use crate::{log::LogError, store::StoreError, value::ValueError};

/// See the file's head.
#[derive(Debug)]
pub(super) enum Fault {
    /// The transaction waits; why, in words.
    Blocked(String),
    /// The batch ends: disk full, I/O error, a bug.
    Store(StoreError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
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
