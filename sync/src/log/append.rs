//! How entries come into the log: this device's own at commit, verified ones of peers when they are applied.
//!
//! Enters: net changes, or a peer's transaction. Leaves: rows of the log, this device's small transactions in the journal, all others filed; and the
//! state moved on.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Statement, params};

use super::{
    Change, Head, LogError, LogState, Operation, SchemaChange, Transaction,
    canonical::{ChangeText, Header, kept_hash},
    canonical_json,
    image::{record_id, write_image},
    journal,
};
use crate::{
    capture::{Capture, NetChange, RowChange},
    clock::{Clock, DeviceId, Version, VersionVector, now_millis},
    store::StoreError,
    value::{ValueError, to_json},
};

/// What came of appending a peer's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is new.
    New {
        /// Position of its first change.
        position: i64,
        /// By how many milliseconds its clock was further ahead than a clock may be.
        clock_ahead_ms: Option<u64>,
    },
    /// It was held already.
    Known,
}

const INSERT_CHANGE: &str =
    "INSERT INTO sync_log_filed (position, device_id, version, table_name, record_id, operation, data, old_data, timestamp, hash,
     transaction_first, clock, resolves, pruned)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?6 = 'PRUNED')";
const INSERT_TRANSACTION: &str =
    "INSERT INTO sync_transactions_filed (position, device_id, first_version, last_version, clock, context, hash)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
/// The same parameters as [`INSERT_CHANGE`].
const JOURNAL_CHANGE: &str =
    "INSERT INTO sync_journal (position, device_id, version, table_name, record_id, operation, data, old_data, timestamp,
     hash, transaction_first, clock, resolves)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
const JOURNAL_TRANSACTION: &str = "UPDATE sync_journal SET context = ?2, transaction_hash = ?3 WHERE position = ?1";

/// Where a transaction is appended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// In the journal.
    Journal,
    /// Filed at once.
    Filed,
}

/// What a transaction of this device wrote.
pub(crate) struct Written<'a> {
    /// Its rows and schema changes.
    pub(crate) capture: &'a Capture,
    /// Entries that are no row of a replicated table.
    pub(crate) recorded: &'a [Change],
    /// The conflict that its rows resolve.
    pub(crate) resolves: Option<&'a str>,
}

/// Appends what was written as this device's next transaction, to the journal unless it is large or must be filed; without an effect nothing is
/// appended. Answers how many changes are in the journal now that were not before.
pub(crate) fn append_local(
    connection: &Connection,
    state: &mut Arc<LogState>,
    written: &Written<'_>,
    file: bool,
) -> Result<u64, StoreError> {
    let Written { capture, recorded, resolves } = *written;
    let clock = state.clock.tick(now_millis());
    let device_id = state.device;
    let part = if !file && capture.is_within(journal::MOST_CHANGES.saturating_sub(recorded.len()), journal::MOST_BYTES) {
        Part::Journal
    } else {
        journal::file_all(connection)?;
        Part::Filed
    };
    let previous = state.heads.get(&device_id);
    let first_version = previous.map_or(0, |head| head.version) + 1;
    let mut rows = Rows::new(connection, part, device_id, clock, state.position, first_version)?;
    let (mut data, mut old_data) = (String::new(), String::new());
    capture.for_each_change(|change| {
        data.clear();
        old_data.clear();
        match change {
            NetChange::Row(row) => append_row(&mut rows, row, &mut data, &mut old_data, recorded, resolves),
            NetChange::Schema(change) => append_schema(&mut rows, change),
        }
    })?;
    for change in recorded {
        rows.append_recorded(change)?;
    }
    if rows.hashes.is_empty() {
        return Ok(0);
    }
    let last_version = rows.version - 1;
    let journaled = if part == Part::Journal { rows.hashes.len() as u64 } else { 0 };
    let context = Arc::clone(&state.others);
    let header = Header { device_id, first_version, last_version, clock, context: &context };
    append_header(connection, Arc::make_mut(state), part, &header, rows.hashes)?;
    Ok(journaled)
}

fn append_row(
    rows: &mut Rows<'_>,
    row: RowChange<'_>,
    data: &mut String,
    old: &mut String,
    recorded: &[Change],
    resolves: Option<&str>,
) -> Result<(), StoreError> {
    let log_name = &row.layout.log_name;
    let malformed = |e: crate::value::ValueError| StoreError::Corrupt(format!("table {log_name}: {e}"));
    let record_id = record_id(row.layout, &row.key).map_err(malformed)?;
    let Some(row) = beside_resolution(row, &record_id, recorded).map_err(malformed)? else { return Ok(()) };
    if !row.after.is_empty() {
        write_image(row.layout, &row.after, data).map_err(malformed)?;
    }
    if !row.before.is_empty() {
        write_image(row.layout, &row.before, old).map_err(malformed)?;
    }
    rows.append(&ChangeText {
        version: rows.version,
        table_name: &row.layout.log_name,
        record_id: &record_id,
        operation: row.operation.as_str(),
        data: (!row.after.is_empty()).then_some(data),
        old_data: (!row.before.is_empty()).then_some(old),
        resolves,
    })
}

/// What a row's change says beside the resolution of a conflict that the same transaction records of the row; nothing where that says it all.
fn beside_resolution<'a>(mut row: RowChange<'a>, record_id: &str, recorded: &[Change]) -> Result<Option<RowChange<'a>>, ValueError> {
    let of_row = |change: &&Change| change.resolves.is_some() && change.table_name == row.layout.log_name && change.record_id == record_id;
    let Some(resolution) = recorded.iter().find(of_row) else { return Ok(Some(row)) };
    let said = match (row.operation, resolution.operation) {
        (Operation::Delete, Operation::Delete) => return Ok(None),
        (Operation::Insert | Operation::Update, Operation::Update) => resolution.data.as_ref(),
        _ => None,
    };
    let Some(said) = said else { return Ok(Some(row)) };
    let mut beside = Vec::new();
    for (position, cell) in row.after.iter().enumerate() {
        let column = &row.layout.columns[position];
        if let (Some(value), true) = (cell, column.logged)
            && said.get(&column.name) != Some(&to_json(column.storage, *value)?)
        {
            beside.push(position);
        }
    }
    match row.operation {
        _ if beside.is_empty() => Ok(None),
        Operation::Update => {
            for position in (0..row.after.len()).filter(|position| !beside.contains(position)) {
                (row.before[position], row.after[position]) = (None, None);
            }
            Ok(Some(row))
        }
        _ => Ok(Some(row)),
    }
}

fn append_schema(rows: &mut Rows<'_>, change: &SchemaChange) -> Result<(), StoreError> {
    let data = canonical_json(&change.to_image());
    rows.append(&ChangeText {
        version: rows.version,
        table_name: "",
        record_id: &change.subject(),
        operation: Operation::Ddl.as_str(),
        data: Some(&data),
        old_data: None,
        resolves: None,
    })
}

/// Writes one transaction's changes.
struct Rows<'c> {
    insert: rusqlite::CachedStatement<'c>,
    device_id: DeviceId,
    clock: Clock,
    /// The version that the next change gets.
    version: Version,
    first_version: Version,
    position: i64,
    hashes: Vec<[u8; 32]>,
}

impl<'c> Rows<'c> {
    fn new(
        connection: &'c Connection,
        part: Part,
        device_id: DeviceId,
        clock: Clock,
        position: i64,
        version: Version,
    ) -> Result<Self, StoreError> {
        let insert = connection.prepare_cached(if part == Part::Journal { JOURNAL_CHANGE } else { INSERT_CHANGE })?;
        Ok(Rows { insert, device_id, clock, version, first_version: version, position, hashes: Vec::new() })
    }

    fn append(&mut self, change: &ChangeText<'_>) -> Result<(), StoreError> {
        let hash = change.hash();
        self.position += 1;
        insert_change(&mut self.insert, self.position, self.device_id, change, self.clock, &hash, self.first_version)?;
        self.version += 1;
        self.hashes.push(hash);
        Ok(())
    }
}

impl Rows<'_> {
    /// An entry that is no row of a replicated table, as it is.
    fn append_recorded(&mut self, change: &Change) -> Result<(), StoreError> {
        let data = change.data.as_ref().map(canonical_json);
        let old_data = change.old_data.as_ref().map(canonical_json);
        self.append(&ChangeText {
            version: self.version,
            table_name: &change.table_name,
            record_id: &change.record_id,
            operation: change.operation.as_str(),
            data: data.as_deref(),
            old_data: old_data.as_deref(),
            resolves: change.resolves.as_deref(),
        })
    }
}

fn insert_change(
    insert: &mut Statement<'_>,
    position: i64,
    device_id: DeviceId,
    change: &ChangeText<'_>,
    clock: Clock,
    hash: &[u8; 32],
    first_version: Version,
) -> Result<(), StoreError> {
    insert.execute(params![
        position,
        device_id.as_bytes(),
        change.version,
        change.table_name,
        change.record_id,
        change.operation,
        change.data,
        change.old_data,
        clock.micros(),
        hash,
        first_version,
        clock.0,
        change.resolves,
    ])?;
    Ok(())
}

/// Writes the transaction's own row and moves the state on.
fn append_header(
    connection: &Connection,
    state: &mut LogState,
    part: Part,
    header: &Header<'_>,
    hashes: Vec<[u8; 32]>,
) -> Result<(), StoreError> {
    let previous = state.heads.get(&header.device_id);
    let hash = header.hash(&previous.map_or([0; 32], |head| head.hash), hashes.iter().copied());
    let same_context = previous.is_some_and(|head| *head.context == *header.context);
    let stored = (!same_context).then(|| context_text(header.context));
    let last = state.position + i64::try_from(hashes.len()).expect("a transaction has fewer than 2^63 changes");
    if part == Part::Journal {
        connection.prepare_cached(JOURNAL_TRANSACTION)?.execute(params![last, stored, hash])?;
    } else {
        connection.prepare_cached(INSERT_TRANSACTION)?.execute(params![
            state.position + 1,
            header.device_id.as_bytes(),
            header.first_version,
            header.last_version,
            header.clock.0,
            stored,
            hash
        ])?;
    }
    let context = match previous {
        Some(head) if same_context => Arc::clone(&head.context),
        _ => Arc::new(header.context.clone()),
    };
    state.position = last;
    state.heads.insert(header.device_id, Head { version: header.last_version, hash, clock: header.clock, context });
    if header.device_id == state.device {
        state.clock = header.clock;
    } else {
        state.note_others();
    }
    Ok(())
}

fn context_text(context: &VersionVector) -> String {
    serde_json::to_string(context).expect("a map of UUIDs to numbers is JSON")
}

/// Appends a peer's transaction. Its signature has been checked; chain, numbering, context and hash are checked here once more, since
/// nothing that is wrong here could ever be taken out again.
pub(crate) fn append_remote(connection: &Connection, state: &mut Arc<LogState>, entry: &Transaction) -> Result<Appended, StoreError> {
    let device_id = entry.device_id;
    let held = state.head(device_id).map_or(0, |head| head.version);
    if entry.last_version <= held {
        return known(connection, entry);
    }
    fits(state, entry, held)?;
    closed(connection, state, entry)?;
    let hashes: Vec<[u8; 32]> = entry.changes.iter().map(super::change_hash).collect();
    let previous = state.head(device_id).map_or([0; 32], |head| head.hash);
    if entry.header().hash(&previous, hashes.iter().copied()) != entry.hash {
        return Err(LogError::WrongHash { device_id, first_version: entry.first_version }.into());
    }
    let mut insert = connection.prepare_cached(INSERT_CHANGE)?;
    let position = state.position + 1;
    for (index, (change, hash)) in (0..).zip(entry.changes.iter().zip(&hashes)) {
        insert_remote(&mut insert, position + index, entry, change, hash)?;
    }
    let state = Arc::make_mut(state);
    append_header(connection, state, Part::Filed, &entry.header(), hashes)?;
    let clock_ahead_ms = state.see(entry.clock, now_millis());
    Ok(Appended::New { position, clock_ahead_ms })
}

fn insert_remote(
    insert: &mut Statement<'_>,
    position: i64,
    entry: &Transaction,
    change: &Change,
    hash: &[u8; 32],
) -> Result<(), StoreError> {
    let data = change.data.as_ref().filter(|_| change.operation != Operation::Pruned).map(canonical_json);
    let old_data = change.old_data.as_ref().map(canonical_json);
    let text = ChangeText {
        version: change.version,
        table_name: &change.table_name,
        record_id: &change.record_id,
        operation: change.operation.as_str(),
        data: data.as_deref(),
        old_data: old_data.as_deref(),
        resolves: change.resolves.as_deref(),
    };
    insert_change(insert, position, entry.device_id, &text, entry.clock, hash, entry.first_version)
}

/// Whether an entry that comes a second time is the one that is held.
fn known(connection: &Connection, entry: &Transaction) -> Result<Appended, StoreError> {
    let held: Option<[u8; 32]> = connection
        .prepare_cached("SELECT hash FROM sync_transactions WHERE device_id = ?1 AND first_version = ?2 AND last_version = ?3")?
        .query_row(params![entry.device_id.as_bytes(), entry.first_version, entry.last_version], |row| row.get(0))
        .optional()?;
    match held {
        Some(hash) if hash == entry.hash => Ok(Appended::Known),
        _ => Err(LogError::Fork { device_id: entry.device_id, version: entry.first_version }.into()),
    }
}

/// Whether a pruned change has nothing but its hash.
fn is_empty(change: &Change) -> bool {
    let bare = change.table_name.is_empty() && change.record_id.is_empty() && change.old_data.is_none() && change.resolves.is_none();
    bare && kept_hash(change).is_some()
}

fn fits(state: &LogState, entry: &Transaction, held: Version) -> Result<(), LogError> {
    let (device_id, first_version) = (entry.device_id, entry.first_version);
    if first_version <= held {
        return Err(LogError::Fork { device_id, version: first_version });
    }
    if device_id == state.device {
        return Err(LogError::NotWrittenHere { version: first_version });
    }
    if first_version != held + 1 {
        return Err(LogError::Gap { device_id, first_version, held });
    }
    let numbered = entry.changes.iter().map(|change| change.version).eq(first_version..=entry.last_version);
    if !numbered || entry.changes.is_empty() {
        return Err(LogError::Malformed(format!(
            "the changes of version {first_version} of device {device_id} are not numbered one by one"
        )));
    }
    if i64::try_from(entry.last_version).is_err() || entry.clock.0 > (1 << 63) - 1 {
        return Err(LogError::Malformed(format!("version {first_version} of device {device_id} has a number beyond 63 bits")));
    }
    let missing = |(of, needed): (&DeviceId, &Version)| {
        (*of == device_id && *needed >= first_version) || (*of != device_id && state.head(*of).is_none_or(|head| head.version < *needed))
    };
    if let Some(change) = entry.changes.iter().find(|change| change.operation == Operation::Pruned && !is_empty(change)) {
        let version = change.version;
        return Err(LogError::Malformed(format!("change {version} of device {device_id} is pruned, but not down to a hash")));
    }
    match entry.context.0.iter().find(|(of, needed)| missing((of, needed))) {
        Some((of, needed)) => Err(LogError::MissingContext { device_id, first_version, of: *of, needed: *needed }),
        None => Ok(()),
    }
}

/// Whether the context is closed: who has seen a transaction has seen all of it, and all that its author had seen. The merge rests on that.
fn closed(connection: &Connection, state: &LogState, entry: &Transaction) -> Result<(), StoreError> {
    let device_id = entry.device_id;
    let own = state.head(device_id);
    if own.is_some_and(|head| *head.context == entry.context) {
        return Ok(());
    }
    let open = |of: DeviceId, version: Version| LogError::OpenContext { device_id, first_version: entry.first_version, of, version };
    if let Some(head) = own.filter(|head| !entry.context.covers(&head.context)) {
        return Err(open(device_id, head.version).into());
    }
    let before = |of: DeviceId| own.map_or(0, |head| head.context.get(of));
    for (&of, &version) in entry.context.0.iter().filter(|(of, version)| **version > before(**of)) {
        let seen = match state.head(of) {
            Some(head) if head.version == version => Arc::clone(&head.context),
            _ => {
                let whole = connection
                    .prepare_cached(
                        "SELECT first_version, last_version FROM sync_transactions WHERE device_id = ?1 AND first_version <= ?2
                         ORDER BY first_version DESC LIMIT 1",
                    )?
                    .query_row(params![of.as_bytes(), version], |row| Ok((row.get::<_, Version>(0)?, row.get::<_, Version>(1)?)))
                    .optional()?;
                let Some((first, _)) = whole.filter(|(_, last)| *last == version) else { return Err(open(of, version).into()) };
                Arc::new(super::context_of(connection, of, first)?)
            }
        };
        let all = seen.0.iter().all(|(other, version)| *other == device_id || entry.context.contains(*other, *version));
        if !all {
            return Err(open(of, version).into());
        }
    }
    Ok(())
}
