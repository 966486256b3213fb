//! Strategies: what decides a conflict without a person.
//!
//! Enters: the pending conflicts of which this device wrote one side. Leaves: a resolution of each, where the table's strategy is to take a side.
//!
//! The fleet comes to rest: a resolution replaces the writes that it decided about, two resolutions of one conflict are settled by clock, and a conflict
//! between two resolutions of different ones is left to a person. So each plain write is decided about once per device at most.

use std::sync::Arc;

use super::{ConflictError, Filter, Kind, Strategies, Strategy, Winner, list_on, record::both_settled, settle::settle};
use crate::{
    commit::Durability,
    store::{Database, StoreError},
};

/// Decides what there is to decide.
pub(crate) fn decide(database: &Arc<Database>, strategies: &Strategies) -> Result<(), StoreError> {
    let takes_a_side = |strategy: &Strategy| matches!(strategy, Strategy::LocalWins | Strategy::RemoteWins);
    if !takes_a_side(&strategies.default) && !strategies.tables.values().any(takes_a_side) {
        return Ok(());
    }
    let mut decided = false;
    // A decision about one of several values leaves the next one pending; each round leaves fewer.
    while round(database, strategies)? {
        decided = true;
    }
    if decided {
        database.flush();
    }
    Ok(())
}

/// Decides what is pending now; answers whether there was anything.
fn round(database: &Arc<Database>, strategies: &Strategies) -> Result<bool, StoreError> {
    let reader = database.reader()?;
    let me = database.log_state().device;
    let filter = Filter { limit: Some(usize::MAX >> 1), ..Filter::default() };
    let pending = list_on(&reader, me, &filter).map_err(store_error)?;
    let mut decided = false;
    for conflict in pending {
        let winner = match strategies.of(&conflict.table_name) {
            Strategy::LocalWins => Winner::Local,
            Strategy::RemoteWins => Winner::Remote,
            Strategy::LatestTimestampWins | Strategy::Manual => continue,
        };
        let of_rows = matches!(conflict.kind, Kind::UpdateUpdate | Kind::DeleteUpdate | Kind::InsertInsert);
        if !of_rows || conflict.local_device != me || both_settled(&reader, &conflict.id)? {
            continue;
        }
        match settle(database, &conflict.id, Durability::NoWait, |t| super::resolve_in(t, &conflict.id, winner, None)) {
            Ok(_) => decided = true,
            // It was closed in the meantime, by the decision about another one of its row.
            Err(ConflictError::Closed { .. } | ConflictError::NotFound(_)) => {}
            Err(ConflictError::Store(error)) => return Err(error),
            Err(error) => {
                tracing::warn!(conflict = conflict.id, %error, "the strategy's choice can't be written; the conflict waits for a person")
            }
        }
    }
    Ok(decided)
}

fn store_error(error: ConflictError) -> StoreError {
    match error {
        ConflictError::Store(error) => error,
        other => StoreError::Corrupt(other.to_string()),
    }
}
