-- The journal: where this device's own transactions lie first, so that COMMIT writes one page of log and not one for every index. They are filed
-- later, many at a time. Each of them is in the journal or filed, never both; the views sync_log and sync_transactions show all.

DROP VIEW peergres_log;
ALTER TABLE sync_log RENAME TO sync_log_filed;
ALTER TABLE sync_transactions RENAME TO sync_transactions_filed;

-- The columns of sync_log_filed that a change has from the start. The row of a transaction's last change tells of the transaction, too.
CREATE TABLE sync_journal (
    position          INTEGER PRIMARY KEY,
    device_id         BLOB    NOT NULL,
    version           INTEGER NOT NULL,
    table_name        TEXT    NOT NULL,
    record_id         TEXT    NOT NULL,
    operation         TEXT    NOT NULL,
    data              TEXT,
    old_data          TEXT,
    timestamp         INTEGER NOT NULL,
    hash              BLOB    NOT NULL,
    transaction_first INTEGER NOT NULL,
    clock             INTEGER NOT NULL,
    resolves          TEXT,
    context           TEXT,
    transaction_hash  BLOB
) STRICT;

-- The casts give both halves the same affinities, without which SQLite would read a view's whole half where an index leads to a row.
CREATE VIEW sync_log AS
    SELECT position, device_id, version, table_name, record_id, operation, data, old_data, timestamp, hash, is_synced, transaction_first,
           clock, won, resolves, pruned
    FROM sync_log_filed
    UNION ALL
    SELECT position, device_id, version, table_name, record_id, operation, data, old_data, timestamp, hash, CAST(0 AS INTEGER),
           transaction_first, clock, CAST(NULL AS INTEGER), resolves, CAST(0 AS INTEGER)
    FROM sync_journal;

CREATE VIEW sync_transactions AS
    SELECT position, device_id, first_version, last_version, clock, context, hash FROM sync_transactions_filed
    UNION ALL
    SELECT CAST(position - (version - transaction_first) AS INTEGER), device_id, transaction_first, version, clock, context, transaction_hash
    FROM sync_journal WHERE transaction_hash IS NOT NULL;

-- The log as people see it.
CREATE VIEW peergres_log AS
    SELECT position, device_id, table_name, record_id, operation, data, old_data, version, timestamp, hash, is_synced, transaction_first,
           clock, won, resolves
    FROM sync_log WHERE pruned = 0;
