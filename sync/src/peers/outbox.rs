//! A page of the log as it is handed to a peer: whole transactions in the order in which this device came to hold them, which is a causal
//! order, with the signed heads that vouch for every author's part.
//!
//! Enters: what the peer holds, or a position. Leaves: [`Outgoing`]. Only what is on disk is handed out. This device signs its own chain
//! where the page ends; of another author only the signatures that it gave are at hand, so a page goes on until each part ends at one.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use crate::{
    clock::{DeviceId, Version, VersionVector},
    devices,
    identity::{Identity, SignedHead},
    log::{Page, PageLimit, Transaction, page_after, page_beyond, transaction_at},
    store::{Database, StoreError},
};

/// Where a page begins.
#[derive(Clone, Debug)]
pub enum Since {
    /// After a position of this device's log.
    Position(i64),
    /// Beyond what a peer holds.
    Known(VersionVector),
}

/// A page.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    /// Whole transactions in causal order.
    pub transactions: Vec<Transaction>,
    /// The heads that vouch for them.
    pub heads: Vec<SignedHead>,
    /// The position after them.
    pub position: i64,
    /// Whether there is more.
    pub more: bool,
}

/// The page that begins there; about as large as `limit` says, larger where a transaction is, or where a part must reach its author's signature.
pub fn outgoing(database: &Arc<Database>, identity: &Identity, since: Since, limit: PageLimit) -> Result<Outgoing, StoreError> {
    outgoing_within(database, identity, since, limit, database.durable().position)
}

/// As [`outgoing`], up to a position that is durable, and at which a commit ended.
pub(crate) fn outgoing_within(
    database: &Arc<Database>,
    identity: &Identity,
    since: Since,
    limit: PageLimit,
    bound: i64,
) -> Result<Outgoing, StoreError> {
    let reader = database.glance()?;
    let mut known = match &since {
        Since::Known(known) => known.clone(),
        Since::Position(_) => VersionVector::default(),
    };
    let next = |known: &VersionVector, after: i64, limit: PageLimit| -> Result<Page, StoreError> {
        match &since {
            Since::Known(_) => page_beyond(&reader, known, bound, limit),
            Since::Position(_) => page_after(&reader, after, bound, limit),
        }
    };
    let start = if let Since::Position(position) = since { position } else { 0 };
    let mut page = next(&known, start, limit)?;
    let mut out = Outgoing { position: start.max(page.position), more: page.more, ..Outgoing::default() };
    let mut ends: BTreeMap<DeviceId, (Version, Version)> = BTreeMap::new();
    loop {
        for transaction in &page.transactions {
            let part = ends.entry(transaction.device_id).or_insert((transaction.first_version, 0));
            part.1 = transaction.last_version;
            known.0.insert(transaction.device_id, transaction.last_version);
        }
        out.more = page.more;
        out.position = out.position.max(page.position);
        out.transactions.append(&mut page.transactions);
        let mut open = false;
        for (device, (_, last)) in ends.iter().filter(|(device, _)| **device != identity.device_id) {
            open |= head_at(&reader, *device, *last)?.is_none();
        }
        if !open || !page.more {
            break;
        }
        page = next(&known, out.position, PageLimit { changes: 64, ..limit })?;
    }
    for (device, (first, last)) in ends {
        // The head before the part lets the receiver see that both speak of one history.
        let before = first - 1;
        if device == identity.device_id {
            if let Some((_, transaction)) = transaction_at(&reader, device, before)? {
                out.heads.push(SignedHead::sign(&identity.key(), device, before, transaction.hash));
            }
            let hash = out.transactions.iter().rev().find(|t| t.device_id == device).expect("the part has a transaction").hash;
            out.heads.push(SignedHead::sign(&identity.key(), device, last, hash));
        } else {
            out.heads.extend(heads_between(&reader, device, before, last)?);
        }
    }
    devices::attach_rotations(&reader, &mut out.heads)?;
    Ok(out)
}

fn head_at(connection: &Connection, device: DeviceId, version: Version) -> rusqlite::Result<Option<()>> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM sync_heads WHERE device_id = ?1 AND version = ?2")?;
    statement.query_row(params![device.as_bytes(), version], |_| Ok(())).optional()
}

fn heads_between(connection: &Connection, device: DeviceId, first: Version, last: Version) -> rusqlite::Result<Vec<SignedHead>> {
    let mut statement = connection
        .prepare_cached("SELECT device_id, version, hash, signature FROM sync_heads WHERE device_id = ?1 AND version BETWEEN ?2 AND ?3")?;
    let rows = statement.query_map(params![device.as_bytes(), first, last], signed_head)?;
    rows.collect()
}

/// A row of `sync_heads`.
pub(crate) fn signed_head(row: &Row<'_>) -> rusqlite::Result<SignedHead> {
    let signature: Vec<u8> = row.get(3)?;
    Ok(SignedHead {
        device_id: Uuid::from_bytes(row.get(0)?),
        version: row.get(1)?,
        hash: row.get(2)?,
        signature: STANDARD.encode(signature),
        rotations: Vec::new(),
    })
}

/// The newest head of every chain held, as far as it was signed: with them two devices that hold equally much find out that they do not hold
/// the same. This device's own is signed for the occasion.
pub fn newest_heads(database: &Arc<Database>, identity: &Identity) -> Result<Vec<SignedHead>, StoreError> {
    database.flush();
    let reader = database.glance()?;
    let mut statement = reader.prepare_cached(
        "SELECT device_id, version, hash, signature FROM sync_heads AS h
         WHERE version = (SELECT max(version) FROM sync_heads AS newer WHERE newer.device_id = h.device_id) AND device_id <> ?1",
    )?;
    let mut heads: Vec<SignedHead> = statement.query_map([identity.device_id.as_bytes()], signed_head)?.collect::<Result<_, _>>()?;
    if let Some(own) = database.log_state().head(identity.device_id) {
        heads.push(SignedHead::sign(&identity.key(), identity.device_id, own.version, own.hash));
    }
    devices::attach_rotations(&reader, &mut heads)?;
    Ok(heads)
}
