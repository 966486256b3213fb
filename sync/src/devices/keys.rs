//! Rotations of keys as entries of the log, under [`TABLE`].
//!
//! Enters: a new key. Leaves: an entry signed by the old one, which travels like any; and of each device, the keys that vouch for its chain.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use rusqlite::Connection;
use serde_json::Value as Json;

use super::{Device, DeviceError, registry};
use crate::{
    clock::DeviceId,
    commit::Durability,
    identity::{DeviceKey, Identity, Keys, PublicKey, Rotation, SignedHead},
    log::{Change, Operation},
    store::{Database, LockWait},
};

/// The name under which rotations stand in the log.
pub const TABLE: &str = "peergres.sync_keys";

/// A device's rotations that are held, in the order in which they came.
pub(crate) fn rotations(connection: &Connection, id: DeviceId) -> rusqlite::Result<Vec<Rotation>> {
    let mut statement =
        connection.prepare_cached("SELECT data FROM sync_log WHERE table_name = ?1 AND record_id = ?2 ORDER BY position")?;
    let texts: Vec<Option<String>> = statement.query_map([TABLE, &id.to_string()], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(texts.iter().flatten().filter_map(|text| serde_json::from_str(text).ok()).collect())
}

/// The keys that vouch for a device's chain; none where its key can't be read.
pub(crate) fn of(connection: &Connection, device: &Device) -> rusqlite::Result<Option<Keys>> {
    let Ok(key) = PublicKey::parse(&device.public_key) else { return Ok(None) };
    Ok(Some(Keys::follow(device.device_id, key, &rotations(connection, device.device_id)?)))
}

/// Lets heads carry how their devices' keys came about, for those who know only an older one.
pub(crate) fn attach(connection: &Connection, heads: &mut [SignedHead]) -> rusqlite::Result<()> {
    let mut known: BTreeMap<DeviceId, Vec<Rotation>> = BTreeMap::new();
    for head in heads {
        // One head of a device says it for all of a page.
        head.rotations = match known.entry(head.device_id) {
            Entry::Occupied(mut found) => std::mem::take(found.get_mut()),
            Entry::Vacant(free) => std::mem::take(free.insert(rotations(connection, head.device_id)?)),
        };
    }
    Ok(())
}

/// Writes the rotation to `next` into the log, signed by the key that there is.
pub(crate) fn record(database: &Arc<Database>, identity: &Identity, next: &DeviceKey) -> Result<Rotation, DeviceError> {
    let me = identity.device_id;
    let mut transaction = database.begin(&LockWait::default(), None)?;
    let until = transaction.log_state().head(me).map_or(0, |head| head.version);
    let rotation = Rotation::sign(&identity.key(), me, &next.public(), until);
    let Ok(Json::Object(data)) = serde_json::to_value(&rotation) else { unreachable!("a struct of plain fields is a JSON object") };
    transaction.record(Change {
        version: 0,
        table_name: TABLE.to_owned(),
        record_id: me.to_string(),
        operation: Operation::Insert,
        data: Some(data),
        old_data: None,
        resolves: None,
    });
    registry::put_key(transaction.connection(), me, &next.public())?;
    transaction.commit(Durability::Wait)?;
    Ok(rotation)
}
