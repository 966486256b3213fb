//! What a peer handed over, on its way in: verified, its signed heads kept, applied, membership derived anew.
//!
//! Enters: transactions and heads as they came. Leaves: [`Intake`]: what was applied, and whose part was refused and why. A part that is
//! wrong never stops the others.

use std::{collections::BTreeSet, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rusqlite::{Connection, params};

use crate::{
    apply::{self, Applied},
    clock::DeviceId,
    commit::Durability,
    conflicts::{self, Strategies},
    devices::{
        self, DeviceError, KEYS_TABLE, acknowledgements,
        membership::{self, Entry},
    },
    identity::{Author, Identity, PublicKey, SignedHead, VerifyError, verify},
    log::{Change, Operation, Transaction, hash_at},
    store::{Database, LockWait, StoreError},
};

/// What came of a page.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// What was applied.
    pub applied: Applied,
    /// The users' tables that it touches.
    pub tables: BTreeSet<String>,
    /// What was refused.
    pub refused: Vec<VerifyError>,
}

/// Takes a page in. It is durable when this returns.
pub fn take_in(
    database: &Arc<Database>,
    identity: &Identity,
    strategies: &Strategies,
    transactions: Vec<Transaction>,
    heads: &[SignedHead],
) -> Result<Intake, DeviceError> {
    take_in_from(database, identity, strategies, transactions, heads, &[])
}

/// As [`take_in`]; an authorized device says who the authors are that are not known here yet. It could as well authorize them by an entry of the
/// log, which may come after their changes.
pub(crate) fn take_in_from(
    database: &Arc<Database>,
    identity: &Identity,
    strategies: &Strategies,
    transactions: Vec<Transaction>,
    heads: &[SignedHead],
    members: &[Entry],
) -> Result<Intake, DeviceError> {
    if transactions.is_empty() {
        // What waits for a schema change made here is tried again.
        return Ok(Intake { applied: apply::apply(database, transactions, strategies)?, ..Intake::default() });
    }
    let reader = database.glance()?;
    let me = identity.device_id;
    let mut trouble = None;
    let author = |id: DeviceId| match devices::author_or(&reader, me, id, members) {
        Ok(author) => author,
        Err(error) => {
            trouble = Some(error);
            None
        }
    };
    let forked_before: BTreeSet<DeviceId> = devices::forked(&reader)?;
    let introduced = |transaction: &Transaction| {
        let mut told = introductions(&reader, transaction);
        told.retain(|(device, _)| !forked_before.contains(device));
        told
    };
    let (verified, mut refused) = verify(transactions, heads, author, introduced);
    if let Some(error) = trouble {
        return Err(error.into());
    }
    let forked: BTreeSet<DeviceId> =
        refused.iter().filter(|e| matches!(e, VerifyError::Forked { .. })).map(VerifyError::device_id).collect();
    for error in &refused {
        tracing::warn!(device = %error.device_id(), %error, "changes were refused");
        if forked.contains(&error.device_id()) {
            devices::put_fork(database, error.device_id(), &error.to_string())?;
        }
    }
    let (mut transactions, heads) = verified.into_parts();
    // What bears this device's own signature and is not held here was written by a copy of it.
    if let Some(alien) = transactions.iter().find(|t| t.device_id == me) {
        let error = VerifyError::Forked { device_id: me, version: alien.first_version };
        devices::put_fork(database, me, &error.to_string())?;
        tracing::error!(%error, "another device uses this device's key: a copied data directory");
        refused.push(error);
        transactions.retain(|t| t.device_id != me);
    }
    if transactions.is_empty() {
        return Ok(Intake { refused, ..Intake::default() });
    }
    keep_heads(database, &heads)?;
    let members_change =
        transactions.iter().any(|t| t.changes.iter().any(|c| c.table_name == membership::TABLE || c.table_name == KEYS_TABLE));
    let changes = transactions.iter().flat_map(|t| &t.changes);
    let of_users =
        |c: &&Change| c.operation != Operation::Ddl && c.operation != Operation::Pruned && !c.table_name.starts_with(conflicts::OWN_TABLES);
    let tables = changes.filter(of_users).map(|c| c.table_name.clone()).collect();
    let applied = apply::apply(database, transactions, strategies)?;
    for device in &applied.forked {
        devices::put_fork(database, *device, "two transactions bear one version")?;
    }
    if members_change {
        devices::refresh(database, identity)?;
    }
    acknowledgements::refresh(database, identity)?;
    Ok(Intake { applied, tables, refused })
}

/// Looks for forks: a head that its author signed, of a version that is held here with another hash. Two histories bear one identity then.
pub fn compare_heads(database: &Arc<Database>, identity: &Identity, heads: &[SignedHead]) -> Result<(), DeviceError> {
    let reader = database.glance()?;
    for head in heads {
        let Some((last_version, hash)) = hash_at(&reader, head.device_id, head.version)? else { continue };
        if last_version == head.version && hash == head.hash {
            continue;
        }
        let Some(device) = devices::get(&reader, identity.device_id, head.device_id)?.filter(|d| !d.is_forked) else { continue };
        let key = PublicKey::parse(&device.public_key).ok();
        if key.is_some_and(|key| head.verifies(&key)) {
            tracing::error!(device = %head.device_id, version = head.version, "a device is forked: two histories bear its identity");
            devices::put_fork(database, head.device_id, &serde_json::to_string(head).expect("ids, numbers and text are JSON"))?;
        }
    }
    Ok(())
}

/// The devices that a transaction makes known. Some changes of one may be held before it is.
fn introductions(connection: &Connection, transaction: &Transaction) -> Vec<(DeviceId, Author)> {
    let entries = transaction.changes.iter().filter_map(Entry::from_change);
    let author = |entry: Entry| {
        let (version, hash) = devices::last_of(connection, entry.device_id).ok()?;
        Some((entry.device_id, Author { version, hash, ..entry.author()? }))
    };
    entries.filter_map(author).collect()
}

/// Keeps the signatures, before what they vouch for: one that is kept for nothing does no harm, one that is missing stops relaying.
fn keep_heads(database: &Arc<Database>, heads: &[SignedHead]) -> Result<(), StoreError> {
    let transaction = database.begin(&LockWait::default(), None)?;
    for head in heads {
        let Ok(signature) = STANDARD.decode(&head.signature) else { continue };
        transaction.connection().execute(
            "INSERT OR REPLACE INTO sync_heads (device_id, version, hash, signature) VALUES (?1, ?2, ?3, ?4)",
            params![head.device_id.as_bytes(), head.version, head.hash, signature],
        )?;
    }
    transaction.commit(Durability::NoWait)?;
    Ok(())
}
