//! Reading and writing `sync_devices`.
//!
//! Enters: an open connection or database, and who is meant. Leaves: [`Device`]s; and for a decision, an entry of the log and the table
//! derived from all entries, in one transaction.

use std::{collections::BTreeSet, sync::Arc};

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use super::{
    Device, DeviceError, keys,
    membership::{self, Entry},
    slots,
};
use crate::{
    clock::{self, DeviceId, Version},
    commit::{Durability, Transaction},
    identity::{Author, Identity, Keys, PublicKey},
    log::RowImage,
    schema::{Object, Sequence},
    store::{Database, LockWait},
};

/// How many devices may wait for authorization: strangers can't fill the disk.
pub const MAX_PENDING: usize = 64;
const MINUTE_MICROS: i64 = 60_000_000;
/// The slot of the device that others were paired with first.
const FOUNDER: u32 = 0;
/// Length to which names and addresses are held.
const MAX_TEXT: usize = 200;

/// Who asks to be let in.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Its id.
    pub device_id: DeviceId,
    /// Its name.
    pub device_name: String,
    /// Its key; the request was signed with it.
    pub public_key: PublicKey,
    /// Its address in the tailnet.
    pub tailscale_ip: Option<String>,
    /// Where its HTTP API is.
    pub url: Option<String>,
}

const COLUMNS: &str = "device_id, device_name, public_key, tailscale_ip, url, slot, is_authorized, registered_at, revoked_after, fork, standing, last_seen, clock_ahead";

fn device(row: &Row<'_>, me: DeviceId) -> rusqlite::Result<Device> {
    let device_id = Uuid::from_bytes(row.get::<_, [u8; 16]>(0)?);
    let public_key: String = row.get(2)?;
    let standing: u64 = row.get(10)?;
    Ok(Device {
        device_id,
        device_name: row.get(1)?,
        fingerprint: PublicKey::parse(&public_key).map(|key| key.fingerprint().to_string()).unwrap_or_default(),
        public_key,
        tailscale_ip: row.get(3)?,
        url: row.get(4)?,
        slot: row.get(5)?,
        is_authorized: row.get(6)?,
        is_revoked: standing > 0 && standing.is_multiple_of(2),
        registered_at: row.get(7)?,
        accepted_until: row.get(8)?,
        is_forked: row.get::<_, Option<String>>(9)?.is_some(),
        is_self: device_id == me,
        standing,
        last_seen: row.get(11)?,
        clock_ahead_ms: row.get(12)?,
    })
}

/// All devices, this one first, then by name.
pub fn list(connection: &Connection, me: DeviceId) -> rusqlite::Result<Vec<Device>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM sync_devices ORDER BY device_id <> ?1, device_name, device_id"))?;
    let rows = statement.query_map([me.as_bytes()], |row| device(row, me))?;
    rows.collect()
}

/// A device by id.
pub(crate) fn get(connection: &Connection, me: DeviceId, id: DeviceId) -> rusqlite::Result<Option<Device>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM sync_devices WHERE device_id = ?1"))?;
    statement.query_row([id.as_bytes()], |row| device(row, me)).optional()
}

/// The devices that are found forked.
pub(crate) fn forked(connection: &Connection) -> rusqlite::Result<BTreeSet<DeviceId>> {
    let mut statement = connection.prepare_cached("SELECT device_id FROM sync_devices WHERE fork IS NOT NULL")?;
    let rows = statement.query_map([], |row| row.get(0).map(Uuid::from_bytes))?;
    rows.collect()
}

/// A device by its id, by the beginning of its id (four characters at least), or by its name.
pub fn find(connection: &Connection, me: DeviceId, text: &str) -> Result<Device, DeviceError> {
    let fits = |d: &Device| d.device_name == text || (text.len() >= 4 && d.device_id.to_string().starts_with(&text.to_ascii_lowercase()));
    let mut fitting = list(connection, me)?.into_iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(device), None) => Ok(device),
        (None, _) => Err(DeviceError::NotFound(text.to_owned())),
        (Some(_), Some(_)) => Err(DeviceError::Ambiguous(text.to_owned())),
    }
}

/// What is known of a device as an author of changes; none while it has never been authorized, or once it is found forked.
pub fn author(connection: &Connection, me: DeviceId, id: DeviceId) -> rusqlite::Result<Option<Author>> {
    let Some(device) = get(connection, me, id)?.filter(|d| d.standing > 0 && !d.is_forked) else { return Ok(None) };
    let Some(keys) = keys::of(connection, &device)? else { return Ok(None) };
    let (version, hash) = last_of(connection, id)?;
    let accepted_until = if device.is_authorized { None } else { Some(device.accepted_until.unwrap_or(0)) };
    Ok(Some(Author { keys, version, hash, accepted_until, standing: device.standing }))
}

/// As [`author`]; of a device that is not known here at all, what `members` say of it.
pub(crate) fn author_or(connection: &Connection, me: DeviceId, id: DeviceId, members: &[Entry]) -> rusqlite::Result<Option<Author>> {
    if let Some(author) = author(connection, me, id)? {
        return Ok(Some(author));
    }
    let named = members.iter().find(|entry| entry.device_id == id).and_then(Entry::author);
    let Some(named) = named else { return Ok(None) };
    // Whoever waits for a person's decision here, or is forked, is known.
    if get(connection, me, id)?.is_some_and(|device| device.is_forked || device.standing > 0) {
        return Ok(None);
    }
    let (version, hash) = last_of(connection, id)?;
    Ok(Some(Author { version, hash, ..named }))
}

/// The end of a device's chain as it is held here.
pub(crate) fn last_of(connection: &Connection, id: DeviceId) -> rusqlite::Result<(Version, [u8; 32])> {
    let mut statement = connection.prepare_cached(
        "SELECT last_version, hash, first_version FROM sync_transactions WHERE device_id = ?1 ORDER BY first_version DESC LIMIT 1",
    )?;
    let held = statement.query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(held.unwrap_or((0, [0; 32])))
}

/// Takes a registration: the device is pending until a person authorizes it. Again is no error, and keeps what was decided.
pub fn register(database: &Arc<Database>, identity: &Identity, registration: &Registration) -> Result<Device, DeviceError> {
    let me = identity.device_id;
    for text in [Some(&registration.device_name), registration.tailscale_ip.as_ref(), registration.url.as_ref()].into_iter().flatten() {
        if text.is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
            return Err(DeviceError::Invalid(format!("names and addresses have 1 to {MAX_TEXT} bytes and no control characters")));
        }
    }
    let transaction = database.begin(&LockWait::default(), None)?;
    let connection = transaction.connection();
    let key = registration.public_key.to_base64();
    if let Some(known) = get(connection, me, registration.device_id)? {
        if known.public_key != key {
            return Err(DeviceError::KeyDiffers(known.device_id));
        }
        if known.is_revoked {
            return Err(DeviceError::Revoked(known.device_id));
        }
        if known.url != registration.url && registration.url.is_some() {
            connection
                .execute("UPDATE sync_devices SET url = ?2 WHERE device_id = ?1", params![known.device_id.as_bytes(), registration.url])?;
            transaction.commit(Durability::Wait)?;
        }
        return Ok(known);
    }
    let pending: usize =
        connection
            .query_row("SELECT count(*) FROM sync_devices WHERE standing = 0 AND device_id <> ?1", [me.as_bytes()], |row| row.get(0))?;
    if pending >= MAX_PENDING {
        return Err(DeviceError::TooManyPending);
    }
    connection.execute(
        "INSERT INTO sync_devices (device_id, device_name, public_key, tailscale_ip, url, registered_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            registration.device_id.as_bytes(),
            registration.device_name,
            key,
            registration.tailscale_ip,
            registration.url,
            clock::now_micros()
        ],
    )?;
    let device = get(connection, me, registration.device_id)?.expect("it was inserted just now");
    transaction.commit(Durability::Wait)?;
    Ok(device)
}

/// Authorizes a device that has registered, here and, by an entry of the log, everywhere. The first pairing also writes down this device itself.
/// `slot` is given where the inviter has chosen it; else the next free one is taken.
pub fn authorize(database: &Arc<Database>, identity: &Identity, id: DeviceId, slot: Option<u32>) -> Result<Device, DeviceError> {
    let mut transaction = database.begin(&LockWait::default(), None)?;
    let device = authorize_in(&mut transaction, identity, id, slot)?;
    transaction.commit(Durability::Wait)?;
    Ok(device)
}

/// As [`authorize`], in a transaction that is open already.
pub fn authorize_in(transaction: &mut Transaction, identity: &Identity, id: DeviceId, slot: Option<u32>) -> Result<Device, DeviceError> {
    let me = identity.device_id;
    let device = get(transaction.connection(), me, id)?.ok_or_else(|| DeviceError::NotFound(id.to_string()))?;
    if device.is_authorized {
        return Ok(device);
    }
    let devices = list(transaction.connection(), me)?;
    let mut used: Vec<u32> = devices.iter().filter_map(|d| d.slot).collect();
    let own = devices.iter().find(|d| d.is_self);
    let own_slot = own.and_then(|d| d.slot).unwrap_or(0);
    used.push(own_slot);
    let slot = match device.slot.or(slot) {
        Some(slot) => slot,
        None => slots::next_slot(own_slot, &used).ok_or_else(|| DeviceError::Invalid("all slots are in use".to_owned()))?,
    };
    let entry = entry_of(&device, slot, device.standing + 1, None);
    decide(transaction, me, &entry)?;
    Ok(get(transaction.connection(), me, id)?.expect("the entry is about it"))
}

/// Writes this device's own entry, unless there is one: from then on it has that slot.
pub(crate) fn introduce_self(database: &Arc<Database>, identity: &Identity, slot: u32) -> Result<(), DeviceError> {
    let mut transaction = database.begin(&LockWait::default(), None)?;
    if introduce_self_in(&mut transaction, identity, slot)? {
        transaction.commit(Durability::Wait)?;
    }
    Ok(())
}

/// As [`introduce_self`], in a transaction that is open already; answers whether there was none.
pub(crate) fn introduce_self_in(transaction: &mut Transaction, identity: &Identity, slot: u32) -> Result<bool, DeviceError> {
    let me = identity.device_id;
    if get(transaction.connection(), me, me)?.is_some_and(|d| d.standing > 0) {
        return Ok(false);
    }
    let entry = Entry {
        device_id: me,
        device_name: identity.device_name(),
        public_key: identity.public_key().to_base64(),
        tailscale_ip: None,
        slot,
        standing: 1,
        accepted_until: None,
    };
    if slot == FOUNDER {
        keep_natural_numbers(transaction)?;
    }
    decide(transaction, me, &entry)?;
    Ok(true)
}

/// Writes where each sequence stands into its definition, which travels: the first pairing. What was numbered naturally stays behind all slots.
fn keep_natural_numbers(transaction: &mut Transaction) -> Result<(), DeviceError> {
    let database = Arc::clone(transaction.database());
    let mut standing = Vec::new();
    let schema = transaction.schema();
    let is_own = |sequence: &Sequence| {
        let owner = sequence.owned_by.as_ref().and_then(|(table, _)| schema.table(table));
        owner.is_some_and(|table| !table.replicated)
    };
    for (oid, object) in &schema.objects {
        if let (Object::Sequence(sequence), Some(drawn)) = (object.as_ref(), database.sequences().drawn(*oid))
            && !is_own(sequence)
        {
            standing.push(Object::Sequence(Sequence { natural_until: Some(drawn), ..sequence.clone() }));
        }
    }
    if !standing.is_empty() {
        transaction.define("-- Where each sequence stood at the first pairing", &[], standing, Vec::new())?;
    }
    Ok(())
}

/// Writes this device's row, as long as no entry of the log tells of it, so that it can be read like the others.
pub(crate) fn show_self(database: &Arc<Database>, identity: &Identity) -> Result<(), DeviceError> {
    let me = identity.device_id;
    let (name, key) = (identity.device_name(), identity.public_key().to_base64());
    let known = get(&*database.glance()?, me, me)?;
    if known.is_some_and(|d| d.standing > 0 || (d.device_name == name && d.public_key == key)) {
        return Ok(());
    }
    let transaction = database.begin(&LockWait::default(), None)?;
    transaction.connection().execute(
        "INSERT INTO sync_devices (device_id, device_name, public_key, is_authorized, registered_at) VALUES (?1, ?2, ?3, 1, ?4)
         ON CONFLICT (device_id) DO UPDATE SET device_name = ?2, public_key = ?3",
        params![me.as_bytes(), name, key, clock::now_micros()],
    )?;
    transaction.commit(Durability::Wait)?;
    Ok(())
}

/// From here on this device's sequences draw from its own slot, if it has one.
pub(crate) fn take_slot(database: &Arc<Database>, me: DeviceId) -> Result<(), DeviceError> {
    let own = get(&*database.glance()?, me, me)?;
    if let Some(slot) = own.and_then(|device| device.slot) {
        set_slot(database, slot);
    }
    Ok(())
}

fn set_slot(database: &Database, slot: u32) {
    if let Ok(slot) = u16::try_from(slot) {
        database.sequences().set_slot(slot);
    }
}

/// Shuts a device out: nothing later than what is held of it now is accepted, from whoever relays it. A pending one is forgotten.
pub fn revoke(database: &Arc<Database>, identity: &Identity, id: DeviceId) -> Result<Device, DeviceError> {
    let mut transaction = database.begin(&LockWait::default(), None)?;
    let device = revoke_in(&mut transaction, identity, id)?;
    transaction.commit(Durability::Wait)?;
    Ok(device)
}

/// As [`revoke`], in a transaction that is open already.
pub fn revoke_in(transaction: &mut Transaction, identity: &Identity, id: DeviceId) -> Result<Device, DeviceError> {
    let me = identity.device_id;
    if id == me {
        return Err(DeviceError::Own);
    }
    let mut device = get(transaction.connection(), me, id)?.ok_or_else(|| DeviceError::NotFound(id.to_string()))?;
    if device.is_revoked {
        return Ok(device);
    }
    if device.standing == 0 {
        transaction.connection().execute("DELETE FROM sync_devices WHERE device_id = ?1", [id.as_bytes()])?;
        device.is_revoked = true;
    } else {
        let held = author(transaction.connection(), me, id)?.map_or(0, |author| author.version);
        let entry = entry_of(&device, device.slot.unwrap_or(0), device.standing + 1, Some(held));
        decide(transaction, me, &entry)?;
        device = get(transaction.connection(), me, id)?.expect("the entry is about it");
    }
    Ok(device)
}

/// After a restore: the device that was backed up becomes another one, whose changes are accepted; this one takes its place. A device that was
/// paired takes a slot that hardly anybody else has, until it is given one.
pub(crate) fn succeed(database: &Arc<Database>, identity: &Identity, former: DeviceId, was_paired: bool) -> Result<(), DeviceError> {
    let me = identity.device_id;
    let mut transaction = database.begin(&LockWait::default(), None)?;
    if was_paired {
        let used: Vec<u32> = list(transaction.connection(), me)?.iter().filter_map(|device| device.slot).collect();
        let mut byte = [0_u8];
        getrandom::fill(&mut byte).map_err(|e| DeviceError::Invalid(format!("no randomness from the operating system: {e}")))?;
        let begin = slots::SLOTS / 2 + u32::from(byte[0]) % (slots::SLOTS / 2);
        let free = (begin..slots::SLOTS).chain((1..begin).rev()).find(|slot| !used.contains(slot));
        let slot = free.ok_or_else(|| DeviceError::Invalid("all slots are in use".to_owned()))?;
        introduce_self_in(&mut transaction, identity, slot)?;
    } else {
        transaction.connection().execute("UPDATE sync_devices SET is_authorized = 0 WHERE device_id = ?1", [former.as_bytes()])?;
        authorize_in(&mut transaction, identity, former, Some(slots::SLOTS - 1))?;
    }
    transaction.commit(Durability::Wait)?;
    Ok(())
}

/// Derives `sync_devices` from all membership entries of the log: after entries of others have come. A revocation that cuts off less
/// than this device had accepted before it knew is answered with one that cuts off no more than that, so that all come to hold the same.
pub fn refresh(database: &Arc<Database>, identity: &Identity) -> Result<(), DeviceError> {
    let me = identity.device_id;
    let mut transaction = database.begin(&LockWait::default(), None)?;
    let devices = derive(transaction.connection(), me, &[])?;
    for device in devices.iter().filter(|d| d.is_revoked && !d.is_self) {
        let held = held_version(transaction.connection(), device.device_id)?;
        if held > device.accepted_until.unwrap_or(0) {
            let entry = entry_of(device, device.slot.unwrap_or(0), device.standing, Some(held));
            decide(&mut transaction, me, &entry)?;
        }
    }
    transaction.commit(Durability::Wait)?;
    Ok(())
}

/// As [`refresh`], where the log has membership entries at all: at the start, in case the last end came in between.
pub(crate) fn refresh_if_any(database: &Arc<Database>, identity: &Identity) -> Result<(), DeviceError> {
    let any: bool =
        database
            .glance()?
            .query_row("SELECT EXISTS (SELECT 1 FROM sync_log WHERE table_name = ?1)", [membership::TABLE], |row| row.get(0))?;
    if any { refresh(database, identity) } else { Ok(()) }
}

/// Notes that a device was in touch, to the minute.
pub fn saw(database: &Arc<Database>, id: DeviceId) -> Result<(), DeviceError> {
    let now = clock::now_micros();
    let seen: Option<i64> = database
        .glance()?
        .query_row("SELECT last_seen FROM sync_devices WHERE device_id = ?1", [id.as_bytes()], |row| row.get(0))
        .optional()?
        .flatten();
    if seen.is_some_and(|seen| now - seen < MINUTE_MICROS) {
        return Ok(());
    }
    let transaction = database.begin(&LockWait::default(), None)?;
    transaction.connection().execute("UPDATE sync_devices SET last_seen = ?2 WHERE device_id = ?1", params![id.as_bytes(), now])?;
    transaction.commit(Durability::NoWait)?;
    Ok(())
}

/// Notes the proof that a device is forked: nothing more is accepted of it.
pub fn put_fork(database: &Arc<Database>, id: DeviceId, proof: &str) -> Result<(), DeviceError> {
    let transaction = database.begin(&LockWait::default(), None)?;
    transaction
        .connection()
        .execute("UPDATE sync_devices SET fork = coalesce(fork, ?2) WHERE device_id = ?1", params![id.as_bytes(), proof])?;
    transaction.commit(Durability::Wait)?;
    Ok(())
}

fn held_version(connection: &Connection, id: DeviceId) -> rusqlite::Result<Version> {
    let last: Option<Version> =
        connection.prepare_cached(crate::log::LAST_VERSION)?.query_row([id.as_bytes()], |row| row.get(0)).optional()?;
    Ok(last.unwrap_or(0))
}

fn entry_of(device: &Device, slot: u32, standing: u64, accepted_until: Option<Version>) -> Entry {
    Entry {
        device_id: device.device_id,
        device_name: device.device_name.clone(),
        public_key: device.public_key.clone(),
        tailscale_ip: device.tailscale_ip.clone(),
        slot,
        standing,
        accepted_until,
    }
}

/// Writes an entry into the log and derives the table from all.
fn decide(transaction: &mut Transaction, me: DeviceId, entry: &Entry) -> Result<(), DeviceError> {
    transaction.record(entry.to_change());
    if entry.device_id == me {
        // A slot that is taken too early, because this is rolled back, costs some numbers and no more.
        set_slot(transaction.database(), entry.slot);
    }
    derive(transaction.connection(), me, std::slice::from_ref(entry))?;
    Ok(())
}

/// Writes down a device's key.
pub(super) fn put_key(connection: &Connection, id: DeviceId, key: &PublicKey) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE sync_devices SET public_key = ?2 WHERE device_id = ?1")?
        .execute(params![id.as_bytes(), key.to_base64()])?;
    Ok(())
}

/// `sync_devices` from the log's entries and `more`, which are not in the log yet. Pending devices stay as they are.
fn derive(connection: &Connection, me: DeviceId, more: &[Entry]) -> Result<Vec<Device>, DeviceError> {
    let mut statement = connection.prepare_cached("SELECT data FROM sync_log WHERE table_name = ?1")?;
    let texts: Vec<Option<String>> = statement.query_map([membership::TABLE], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let entries =
        texts.iter().flatten().filter_map(|text| serde_json::from_str::<RowImage>(text).ok()).filter_map(|d| Entry::from_data(&d));
    let now = clock::now_micros();
    for mut entry in membership::members(entries.chain(more.iter().cloned())).into_values() {
        if let Ok(key) = PublicKey::parse(&entry.public_key) {
            entry.public_key = Keys::follow(entry.device_id, key, &keys::rotations(connection, entry.device_id)?).current.to_base64();
        }
        connection
            .prepare_cached(
                "INSERT INTO sync_devices (device_id, device_name, public_key, tailscale_ip, slot, standing, is_authorized, revoked_after,
                     registered_at, authorized_at, revoked_at)
                 VALUES (?1, ?2, ?3, ?4, NULL, ?5, ?6, ?7, ?8, iif(?6, ?8, NULL), iif(?6, NULL, ?8))
                 ON CONFLICT (device_id) DO UPDATE SET device_name = ?2, public_key = ?3, tailscale_ip = ?4, standing = ?5,
                     is_authorized = ?6, revoked_after = ?7, authorized_at = iif(?6, coalesce(authorized_at, ?8), authorized_at),
                     revoked_at = iif(?6, NULL, coalesce(revoked_at, ?8))",
            )?
            .execute(params![
                entry.device_id.as_bytes(),
                entry.device_name,
                entry.public_key,
                entry.tailscale_ip,
                entry.standing,
                entry.is_authorized(),
                entry.accepted_until,
                now
            ])?;
        // A slot that two inviters gave out stays with whoever had it first here; slots tell keys apart, they grant nothing.
        connection.execute(
            "UPDATE OR IGNORE sync_devices SET slot = ?2 WHERE device_id = ?1 AND slot IS NOT ?2",
            params![entry.device_id.as_bytes(), entry.slot],
        )?;
    }
    super::acknowledgements::mark_synced(connection, me)?;
    Ok(list(connection, me)?)
}
