//! The store's refusals in PostgreSQL's words.

use peergres_sync::{schema::SequenceError, store::StoreError};

use crate::{
    error::{SqlError, SqlState},
    execute::failure,
};

/// A failure of the store.
pub(crate) fn store(error: StoreError) -> SqlError {
    let message = error.to_string();
    match error {
        StoreError::Sqlite(error) => failure::plain(error),
        StoreError::LockTimeout => SqlError::new(SqlState::LOCK_NOT_AVAILABLE, message),
        StoreError::LockNotAvailable => SqlError::new(SqlState::LOCK_NOT_AVAILABLE, message),
        StoreError::Cancelled => SqlError::new(SqlState::QUERY_CANCELED, message),
        StoreError::DatabaseExists(_) => SqlError::new(SqlState::DUPLICATE_DATABASE, message),
        StoreError::NoDatabase(_) => SqlError::new(SqlState::INVALID_CATALOG_NAME, message),
        StoreError::ReplicatedDatabase(_) => SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message),
        StoreError::ReplicatedTemplate(_) => SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message),
        StoreError::Io { .. } => SqlError::new(SqlState::IO_ERROR, message),
        StoreError::Corrupt(_) => SqlError::new(SqlState::DATA_CORRUPTED, message),
        _ => SqlError::internal(message),
    }
}

/// The refusal of the write lock; where no `lock_timeout` was set it is the holder's idleness that ended the wait.
pub(crate) fn lock(error: StoreError, in_vain: bool) -> SqlError {
    let timed_out = matches!(error, StoreError::LockTimeout);
    let error = store(error);
    if !(timed_out && in_vain) {
        return error;
    }
    error
        .detail("Another session's transaction has written and is idle since. One transaction writes at a time.")
        .hint("End that transaction, or set idle_in_transaction_session_timeout.")
}

/// A sequence's refusal.
pub(crate) fn sequence(error: &SequenceError) -> SqlError {
    let state = match error {
        SequenceError::Exhausted { .. } => SqlState("2200H"),
        SequenceError::OutOfBounds { .. } => SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
    };
    SqlError::new(state, error.to_string())
}
