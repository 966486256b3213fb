-- What the replicated database has besides: the change log, the devices and what is known of them, the conflicts.
-- Values lie in storage form (sync::value): UUIDs as 16-byte BLOBs, timestamps as microseconds since 1970-01-01 UTC, booleans as 0 and 1.

-- One row per change; (device_id, version) names it for ever, position is the order in which this device came to hold it.
-- transaction_first is the first version of its transaction, which sync_transactions describes. A pruned row is no longer shown; when
-- no later merge can need it, it becomes an empty one (operation PRUNED) that only keeps its hash, for the chain.
CREATE TABLE sync_log (
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
    is_synced         INTEGER NOT NULL DEFAULT 0,
    transaction_first INTEGER NOT NULL,
    clock             INTEGER NOT NULL,
    won               INTEGER,
    resolves          TEXT,
    pruned            INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX sync_log_version ON sync_log (device_id, version);
CREATE INDEX sync_log_record ON sync_log (table_name, record_id);
CREATE INDEX sync_log_is_synced ON sync_log (is_synced);
CREATE INDEX sync_log_timestamp ON sync_log (timestamp);
CREATE INDEX sync_log_resolves ON sync_log (resolves) WHERE resolves IS NOT NULL;

CREATE INDEX sync_log_pruned ON sync_log (pruned) WHERE pruned = 1;

-- The log as people see it.
CREATE VIEW peergres_log AS
    SELECT position, device_id, table_name, record_id, operation, data, old_data, version, timestamp, hash, is_synced, transaction_first,
           clock, won, resolves
    FROM sync_log WHERE pruned = 0;

-- One row per transaction; position is that of its first change, context stands only where it differs from the device's transaction before.
CREATE TABLE sync_transactions (
    position      INTEGER PRIMARY KEY,
    device_id     BLOB    NOT NULL,
    first_version INTEGER NOT NULL,
    last_version  INTEGER NOT NULL,
    clock         INTEGER NOT NULL,
    context       TEXT,
    hash          BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX sync_transactions_version ON sync_transactions (device_id, first_version);
CREATE INDEX sync_transactions_context ON sync_transactions (device_id, first_version) WHERE context IS NOT NULL;

CREATE TABLE sync_devices (
    device_id     BLOB    NOT NULL PRIMARY KEY,
    device_name   TEXT    NOT NULL,
    public_key    TEXT    NOT NULL,
    tailscale_ip  TEXT,
    url           TEXT,
    slot          INTEGER UNIQUE,
    is_authorized INTEGER NOT NULL DEFAULT 0,
    -- Causal length of its membership: 0 is pending, odd is in, even is out.
    standing      INTEGER NOT NULL DEFAULT 0,
    registered_at INTEGER NOT NULL,
    authorized_at INTEGER,
    revoked_at    INTEGER,
    -- The last version that is accepted of a revoked device.
    revoked_after INTEGER,
    -- Proof that two histories bear this identity, as JSON: version and both hashes.
    fork          TEXT,
    -- How far its clock was ahead when it was found off, in milliseconds.
    clock_ahead   INTEGER,
    last_seen     INTEGER
) STRICT, WITHOUT ROWID;

-- What authors signed: the heads of their chains as they were handed out. A page of the log that is passed on ends at one of them.
CREATE TABLE sync_heads (
    device_id BLOB    NOT NULL,
    version   INTEGER NOT NULL,
    hash      BLOB    NOT NULL,
    signature BLOB    NOT NULL,
    PRIMARY KEY (device_id, version)
) STRICT, WITHOUT ROWID;

-- Each device's own signed word for what it holds, as it came, to be passed on.
CREATE TABLE sync_statements (
    device_id BLOB NOT NULL PRIMARY KEY,
    statement TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What each device has said it holds of each author: its version vector, one row per author.
CREATE TABLE sync_acknowledgements (
    device_id BLOB    NOT NULL,
    author_id BLOB    NOT NULL,
    version   INTEGER NOT NULL,
    PRIMARY KEY (device_id, author_id)
) STRICT, WITHOUT ROWID;

-- Up to where is_synced is true, for each author.
CREATE TABLE sync_horizon (
    device_id BLOB    NOT NULL PRIMARY KEY,
    version   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The id is derived from what conflicts, so that it is the same on every device. shown says which side the table shows: local or remote.
CREATE TABLE sync_conflicts (
    id             TEXT    NOT NULL PRIMARY KEY,
    table_name     TEXT    NOT NULL,
    record_id      TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    column_names   TEXT,
    local_data     TEXT,
    remote_data    TEXT,
    ancestor_data  TEXT,
    local_device   BLOB,
    local_version  INTEGER,
    local_clock    INTEGER,
    remote_device  BLOB,
    remote_version INTEGER,
    remote_clock   INTEGER,
    shown          TEXT    NOT NULL DEFAULT 'local',
    status         TEXT    NOT NULL DEFAULT 'pending',
    resolution     TEXT,
    created_at     INTEGER NOT NULL,
    resolved_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_conflicts_record ON sync_conflicts (table_name, record_id);
CREATE INDEX sync_conflicts_status ON sync_conflicts (status);

-- Changes that are in the log but not in the tables yet, whole transactions at a time: position is that of the change in the log.
CREATE TABLE sync_blocked (
    position   INTEGER PRIMARY KEY,
    device_id  BLOB    NOT NULL,
    version    INTEGER NOT NULL,
    table_name TEXT    NOT NULL,
    record_id  TEXT    NOT NULL,
    reason     TEXT    NOT NULL
) STRICT;
CREATE INDEX sync_blocked_record ON sync_blocked (table_name, record_id);

-- Records whose row in the table is not what their own writes alone say: 'unique' and 'orphan' rows are set aside, because another row has their key
-- or their parent is not there; 'revived' ones show although they were deleted, because other rows refer to them. Derived, the same everywhere.
CREATE TABLE sync_aside (
    table_name TEXT NOT NULL,
    record_id  TEXT NOT NULL,
    kind       TEXT NOT NULL,
    PRIMARY KEY (table_name, record_id)
) STRICT, WITHOUT ROWID;
