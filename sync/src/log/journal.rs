//! The journal: where this device's own transactions lie until they are filed.
//!
//! A commit writes its log rows into `sync_journal`, which has no index: one page at its end, not one for every index of the log. Many of them are
//! filed at a time (`store::filer`), when a page of an index takes many entries at once. The views `sync_log` and `sync_transactions` show both
//! parts as one, so readers need not know; whoever changes a row of the log, or appends elsewhere than in the journal, files it all first.
//! Enters: a connection within a write transaction. Leaves: rows moved from `sync_journal` to `sync_log_filed` and `sync_transactions_filed`.

use rusqlite::Connection;

/// Moves the rows that a condition chooses.
macro_rules! filing {
    ($condition:literal) => {
        [
            concat!(
                "INSERT INTO sync_log_filed (position, device_id, version, table_name, record_id, operation, data, old_data, timestamp, hash,
                 transaction_first, clock, resolves)
                 SELECT position, device_id, version, table_name, record_id, operation, data, old_data, timestamp, hash, transaction_first,
                 clock, resolves FROM sync_journal ",
                $condition
            ),
            concat!(
                "INSERT INTO sync_transactions_filed (position, device_id, first_version, last_version, clock, context, hash)
                 SELECT position - (version - transaction_first), device_id, transaction_first, version, clock, context, transaction_hash
                 FROM (SELECT * FROM sync_journal ",
                $condition,
                ") WHERE transaction_hash IS NOT NULL"
            ),
            concat!("DELETE FROM sync_journal ", $condition),
        ]
    };
}

/// SQLite statements that file all, in their order.
pub const FILE_ALL: [&str; 3] = filing!("");
const FILE_UNTIL: [&str; 3] = filing!("WHERE position <= ?1");

/// Transactions of so many changes at most, and of so many bytes, go through the journal: larger ones fill pages of the indexes by themselves.
pub(super) const MOST_CHANGES: usize = 64;
/// See [`MOST_CHANGES`].
pub(super) const MOST_BYTES: usize = 16 << 10;

/// How many changes wait to be filed.
pub(crate) fn waiting(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached("SELECT count(*) FROM sync_journal")?.query_row([], |row| row.get(0))
}

/// Files all.
pub(crate) fn file_all(connection: &Connection) -> rusqlite::Result<()> {
    let any: bool = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM sync_journal)")?.query_row([], |row| row.get(0))?;
    if any { FILE_ALL.iter().try_for_each(|sql| connection.prepare_cached(sql)?.execute([]).map(drop)) } else { Ok(()) }
}

/// Files the oldest transactions, about so many changes; answers whether there were as many.
pub(crate) fn file_some(connection: &Connection, changes: u32) -> rusqlite::Result<bool> {
    let until: Option<i64> = connection
        .prepare_cached(
            "SELECT min(position) FROM sync_journal
             WHERE transaction_hash IS NOT NULL AND position >= (SELECT min(position) FROM sync_journal) + ?1 - 1",
        )?
        .query_row([changes], |row| row.get(0))?;
    let Some(until) = until else { return file_all(connection).map(|()| false) };
    FILE_UNTIL.iter().try_for_each(|sql| connection.prepare_cached(sql)?.execute([until]).map(drop))?;
    Ok(true)
}

#[cfg(test)]
mod tests;
