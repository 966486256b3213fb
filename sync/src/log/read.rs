//! Reading the log: pages of whole transactions in causal order, single transactions, all changes of a record.
//!
//! Enters: a position in this device's log or a version vector, and a bound (what is durable: nothing beyond it may be handed out, or a
//! crash here would fork this device's chain there). Leaves: [`Page`]s. A device appends a transaction only after all that its author had
//! seen, so the order of positions is a causal order. What a query here orders by, it also selects: only then does SQLite reach into both halves of
//! the views by index.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{Change, LogError, Operation, RowImage, Transaction, canonical::pruned_data, state::authors};
use crate::{
    clock::{Clock, DeviceId, Version, VersionVector},
    store::StoreError,
};

/// How much a page may hold. A page holds at least one transaction, however large.
#[derive(Clone, Copy, Debug)]
pub struct PageLimit {
    /// Changes.
    pub changes: usize,
    /// Bytes of their images.
    pub bytes: usize,
}

impl Default for PageLimit {
    fn default() -> Self {
        PageLimit { changes: 5_000, bytes: 4 << 20 }
    }
}

/// Whole transactions in causal order.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The transactions.
    pub transactions: Vec<Transaction>,
    /// Position of the last change among them; the position asked for where there is none.
    pub position: i64,
    /// Whether there are more.
    pub more: bool,
}

/// A change with what its transaction says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedChange {
    /// Position in this device's log.
    pub position: i64,
    /// Author.
    pub device_id: DeviceId,
    /// Reading of the author's clock.
    pub clock: Clock,
    /// First version of its transaction.
    pub first_version: Version,
    /// What the author had seen of others; of itself it had seen all before `first_version`.
    pub context: VersionVector,
    /// Whether it won when it was merged; none where that was no question.
    pub won: Option<bool>,
    /// Whether every authorized device has acknowledged it.
    pub is_synced: bool,
    /// The change.
    pub change: Change,
}

const CHANGE: &str = "version, table_name, record_id, operation, data, old_data, resolves, hash";

/// The transactions after a position, up to `bound`.
pub fn page_after(connection: &Connection, after: i64, bound: i64, limit: PageLimit) -> Result<Page, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT position, device_id, first_version, last_version, clock, hash FROM sync_transactions
         WHERE position > ?1 AND position <= ?2 ORDER BY position",
    )?;
    let mut rows = statement.query(params![after, bound])?;
    let mut reader = PageReader::new(connection, after, bound, limit);
    while let Some(row) = rows.next()? {
        if !reader.take(header(row)?)? {
            break;
        }
    }
    Ok(reader.page)
}

/// The transactions that someone who knows `known` does not know, up to `bound`.
pub fn page_beyond(connection: &Connection, known: &VersionVector, bound: i64, limit: PageLimit) -> Result<Page, StoreError> {
    let mut reader = PageReader::new(connection, 0, bound, limit);
    let mut statement = connection.prepare_cached(
        "SELECT position, device_id, first_version, last_version, clock, hash FROM sync_transactions
         WHERE device_id = ?1 AND first_version > ?2 ORDER BY first_version LIMIT 1",
    )?;
    // One chain per author, each in order; the chain that is next by position gives the next transaction.
    let mut next = BTreeMap::new();
    let mut advance = |next: &mut BTreeMap<i64, Transaction>, device: DeviceId, version: Version| -> Result<(), StoreError> {
        let found = statement.query_row(params![device.as_bytes(), version], |row| Ok(header(row))).optional()?;
        if let Some((position, transaction)) = found.transpose()? {
            next.insert(position, transaction);
        }
        Ok(())
    };
    for device in authors(connection)? {
        advance(&mut next, device, known.get(device))?;
    }
    while let Some((position, transaction)) = next.pop_first() {
        let (device, version) = (transaction.device_id, transaction.last_version);
        if position > bound || !reader.take((position, transaction))? {
            break;
        }
        advance(&mut next, device, version)?;
    }
    Ok(reader.page)
}

/// The last version and the hash of the transaction that a version belongs to.
pub fn hash_at(connection: &Connection, device: DeviceId, version: Version) -> Result<Option<(Version, [u8; 32])>, StoreError> {
    let sql =
        "SELECT last_version, hash FROM sync_transactions WHERE device_id = ?1 AND first_version <= ?2 ORDER BY first_version DESC LIMIT 1";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![device.as_bytes(), version], |row| Ok((row.get::<_, Version>(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.filter(|(last, _)| *last >= version))
}

/// The transaction that holds a version of a device, and its position.
pub fn transaction_at(connection: &Connection, device: DeviceId, version: Version) -> Result<Option<(i64, Transaction)>, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT position, device_id, first_version, last_version, clock, hash FROM sync_transactions
             WHERE device_id = ?1 AND first_version <= ?2 ORDER BY first_version DESC LIMIT 1",
        )?
        .query_row(params![device.as_bytes(), version], |row| Ok(header(row)))
        .optional()?
        .transpose()?;
    match found.filter(|(_, transaction)| transaction.last_version >= version) {
        None => Ok(None),
        Some((position, mut transaction)) => {
            transaction.context = context_of(connection, device, transaction.first_version)?;
            read_changes(connection, position, &mut transaction)?;
            Ok(Some((position, transaction)))
        }
    }
}

/// All changes of a record, in the order in which this device came to hold them.
pub fn changes_of_record(connection: &Connection, table_name: &str, record_id: &str) -> Result<Vec<LoggedChange>, StoreError> {
    let sql = format!("SELECT {LOGGED} FROM sync_log WHERE table_name = ?1 AND record_id = ?2 ORDER BY position");
    read_logged(connection, &sql, [table_name, record_id])
}

const LOGGED: &str = "version, table_name, record_id, operation, data, old_data, resolves, hash, position, device_id, clock, transaction_first, won, is_synced";

/// All schema changes that are held, in the order in which this device came to hold them.
pub fn schema_changes(connection: &Connection) -> Result<Vec<LoggedChange>, StoreError> {
    let sql = format!("SELECT {LOGGED} FROM sync_log WHERE table_name = '' AND record_id > '' AND operation = 'DDL' ORDER BY position");
    read_logged(connection, &sql, [])
}

/// All changes of one table.
pub fn changes_of_table(connection: &Connection, table_name: &str) -> Result<Vec<LoggedChange>, StoreError> {
    let sql = format!("SELECT {LOGGED} FROM sync_log WHERE table_name = ?1 ORDER BY position");
    read_logged(connection, &sql, [table_name])
}

/// All changes of rows between two positions, both included.
pub fn row_changes_between(connection: &Connection, from: i64, until: i64) -> Result<Vec<LoggedChange>, StoreError> {
    let sql = format!(
        "SELECT {LOGGED} FROM sync_log WHERE position BETWEEN ?1 AND ?2 AND operation IN ('INSERT', 'UPDATE', 'DELETE')
         AND table_name NOT LIKE 'peergres.%' ORDER BY position"
    );
    read_logged(connection, &sql, [from, until])
}

/// The ids of all records that changes of a table speak of.
pub fn record_ids(connection: &Connection, table_name: &str) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT DISTINCT record_id FROM sync_log WHERE table_name = ?1")?;
    let rows = statement.query_map([table_name], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The ids of the records of which changes of several devices are held.
pub fn contested_record_ids(connection: &Connection, table_name: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT record_id FROM sync_log WHERE table_name = ?1 GROUP BY record_id HAVING min(device_id) <> max(device_id)";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([table_name], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Position and hash of the last schema change; zero and nothing where there is none.
pub fn last_schema_change(connection: &Connection) -> Result<(i64, Vec<u8>), StoreError> {
    let position: Option<i64> = connection
        .prepare_cached("SELECT max(position) FROM sync_log WHERE table_name = '' AND record_id > ''")?
        .query_row([], |row| row.get(0))?;
    let Some(position) = position else { return Ok((0, Vec::new())) };
    let hash = connection.prepare_cached("SELECT hash FROM sync_log WHERE position = ?1")?.query_row([position], |row| row.get(0))?;
    Ok((position, hash))
}

/// Position of the last change of a table; zero where there is none.
pub fn last_position_of(connection: &Connection, table_name: &str) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce(max(position), 0) FROM sync_log WHERE table_name = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([table_name], |row| row.get(0))?)
}

fn read_logged<P: rusqlite::Params>(connection: &Connection, sql: &str, params: P) -> Result<Vec<LoggedChange>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        changes.push(logged(connection, row)?);
    }
    Ok(changes)
}

/// The columns of [`LOGGED`].
fn logged(connection: &Connection, row: &Row<'_>) -> Result<LoggedChange, StoreError> {
    let (device_id, first_version) = (device(row, 9)?, row.get(11)?);
    Ok(LoggedChange {
        position: row.get(8)?,
        device_id,
        clock: Clock(row.get(10)?),
        first_version,
        context: context_of(connection, device_id, first_version)?,
        won: row.get(12)?,
        is_synced: row.get(13)?,
        change: change(row)?,
    })
}

/// The context of a device's transaction: the newest that was stored up to it.
pub fn context_of(connection: &Connection, device: DeviceId, first_version: Version) -> Result<VersionVector, StoreError> {
    let stored: Option<String> = connection
        .prepare_cached(
            "SELECT context, first_version FROM sync_transactions WHERE device_id = ?1 AND first_version <= ?2 AND context IS NOT NULL
             ORDER BY first_version DESC LIMIT 1",
        )?
        .query_row(params![device.as_bytes(), first_version], |row| row.get(0))
        .optional()?;
    match stored {
        None => Ok(VersionVector::default()),
        Some(text) => serde_json::from_str(&text).map_err(|e| StoreError::Corrupt(format!("context of device {device}: {e}"))),
    }
}

/// Collects transactions into a page until it is full.
struct PageReader<'c> {
    connection: &'c Connection,
    bound: i64,
    limit: PageLimit,
    changes: usize,
    bytes: usize,
    /// Contexts are mostly those of the device's transaction before.
    contexts: HashMap<DeviceId, (Version, VersionVector)>,
    page: Page,
}

impl<'c> PageReader<'c> {
    fn new(connection: &'c Connection, after: i64, bound: i64, limit: PageLimit) -> Self {
        let page = Page { transactions: Vec::new(), position: after, more: false };
        PageReader { connection, bound, limit, changes: 0, bytes: 0, contexts: HashMap::new(), page }
    }

    /// Adds a transaction; false where the page is full or the bound reached.
    fn take(&mut self, (position, mut transaction): (i64, Transaction)) -> Result<bool, StoreError> {
        let count = usize::try_from(transaction.last_version - transaction.first_version + 1).unwrap_or(usize::MAX);
        let end = position + i64::try_from(count).unwrap_or(i64::MAX) - 1;
        if end > self.bound {
            return Ok(false);
        }
        let full = self.changes.saturating_add(count) > self.limit.changes || self.bytes >= self.limit.bytes;
        if full && !self.page.transactions.is_empty() {
            self.page.more = true;
            return Ok(false);
        }
        transaction.context = self.context(&transaction)?;
        self.bytes += read_changes(self.connection, position, &mut transaction)?;
        self.changes += count;
        self.page.position = end;
        self.page.transactions.push(transaction);
        Ok(true)
    }

    fn context(&mut self, transaction: &Transaction) -> Result<VersionVector, StoreError> {
        let device = transaction.device_id;
        let own: Option<String> = self
            .connection
            .prepare_cached("SELECT context FROM sync_transactions WHERE device_id = ?1 AND first_version = ?2")?
            .query_row(params![device.as_bytes(), transaction.first_version], |row| row.get(0))?;
        let context = match (own, self.contexts.remove(&device)) {
            (None, Some((last, context))) if last + 1 == transaction.first_version => context,
            _ => context_of(self.connection, device, transaction.first_version)?,
        };
        self.contexts.insert(device, (transaction.last_version, context.clone()));
        Ok(context)
    }
}

/// Reads a transaction's changes; answers the bytes of their images.
fn read_changes(connection: &Connection, position: i64, transaction: &mut Transaction) -> Result<usize, StoreError> {
    let sql = format!("SELECT {CHANGE}, position FROM sync_log WHERE position >= ?1 AND position <= ?1 + ?2 ORDER BY position");
    let mut statement = connection.prepare_cached(&sql)?;
    let span = i64::try_from(transaction.last_version - transaction.first_version).unwrap_or(i64::MAX - position);
    let mut rows = statement.query([position, span])?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        for column in [4, 5] {
            bytes += row.get_ref(column)?.as_str_or_null().ok().flatten().map_or(0, str::len);
        }
        transaction.changes.push(change(row)?);
    }
    Ok(bytes)
}

/// The columns position, device_id, first_version, last_version, clock, hash.
fn header(row: &Row<'_>) -> Result<(i64, Transaction), StoreError> {
    let transaction = Transaction {
        device_id: device(row, 1)?,
        first_version: row.get(2)?,
        last_version: row.get(3)?,
        clock: Clock(row.get(4)?),
        context: VersionVector::default(),
        changes: Vec::new(),
        hash: row.get(5)?,
    };
    if transaction.first_version == 0 || transaction.last_version < transaction.first_version {
        return Err(StoreError::Corrupt(format!("a transaction of device {} has no versions", transaction.device_id)));
    }
    Ok((row.get(0)?, transaction))
}

fn device(row: &Row<'_>, column: usize) -> Result<DeviceId, StoreError> {
    Uuid::from_slice(row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?)
        .map_err(|_| StoreError::Corrupt("a device's identifier in the log is not a UUID".to_owned()))
}

/// The columns of [`CHANGE`].
fn change(row: &Row<'_>) -> Result<Change, StoreError> {
    let operation: String = row.get(3)?;
    let operation = Operation::from_name(&operation).ok_or_else(|| LogError::Malformed(format!("operation {operation}")))?;
    Ok(Change {
        version: row.get(0)?,
        table_name: row.get(1)?,
        record_id: row.get(2)?,
        operation,
        data: if operation == Operation::Pruned { Some(pruned_data(&row.get(7)?)) } else { image(row, 4)? },
        old_data: image(row, 5)?,
        resolves: row.get(6)?,
    })
}

fn image(row: &Row<'_>, column: usize) -> Result<Option<RowImage>, StoreError> {
    let Some(text) = row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from)? else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|e| LogError::Malformed(format!("image: {e}")).into())
}
