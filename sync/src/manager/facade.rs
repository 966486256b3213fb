//! The library's front, under the names of the original specification: [`SyncManager`], [`DeviceManager`], [`ChangeTracker`],
//! [`ConflictResolver`].
//!
//! Enters: a data directory, and what a program wants of it. Leaves: typed answers; each front works on the same [`Replica`]. Programs that need
//! SQL use the server or the crate `peergres`; this front makes plain tables and writes rows.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use rusqlite::{params_from_iter, types::Value};
use serde_json::{Map, Value as Json};

use super::{
    replica::{Replica, ReplicaError},
    server::{ServeError, Server},
    status::{Status, status},
};
use crate::{
    backup::{self, BackupError},
    clock::DeviceId,
    commit::{Durability, Transaction},
    conflicts::{self, Conflict, Filter, Strategies, Strategy},
    devices::{self, Device, Registration},
    identity::PublicKey,
    log::{self, LoggedChange, Operation, RowImage},
    peers::{self, PeerError, Round, sync_round},
    schema::{Column, Constraint, ConstraintRule, Layout, Object, QualifiedName, Table, physical_column, physical_name},
    store::{Database, LockWait, Node, StoreError, no_setup},
    value::{Storage, from_json},
};

/// What happened to a row.
pub type SyncOperation = Operation;
/// What decides a conflict without a person: `LocalWins`, `RemoteWins`, `LatestTimestampWins`, `Manual`.
pub type ConflictResolution = Strategy;

/// Why the library could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The node.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// A peer.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// What was given.
    #[error("{0}")]
    Invalid(String),
}

/// Errors that reach a [`SyncError`] by way of a [`ReplicaError`].
macro_rules! through_replica {
    ($($error:ty),*) => {$(
        impl From<$error> for SyncError {
            fn from(error: $error) -> Self {
                SyncError::Replica(error.into())
            }
        }
    )*};
}

through_replica!(StoreError, rusqlite::Error, crate::identity::IdentityError, crate::devices::DeviceError, crate::conflicts::ConflictError);

/// One node: its device, its server, its rounds.
pub struct SyncManager {
    replica: Arc<Replica>,
    serving: Mutex<Option<tokio::task::JoinHandle<Result<(), ServeError>>>>,
}

impl std::fmt::Debug for SyncManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SyncManager").field("replica", &self.replica).finish_non_exhaustive()
    }
}

impl SyncManager {
    /// Opens a data directory, made where it is missing; the replicated database is `app`.
    pub fn new(directory: impl AsRef<Path>) -> Result<SyncManager, SyncError> {
        SyncManager::with_strategies(directory, Strategies::default())
    }

    /// As [`SyncManager::new`], with what decides conflicts without a person.
    pub fn with_strategies(directory: impl AsRef<Path>, strategies: Strategies) -> Result<SyncManager, SyncError> {
        let node = Node::open(directory.as_ref(), "app", no_setup())?;
        Ok(SyncManager { replica: Replica::open(&node, None, strategies)?, serving: Mutex::new(None) })
    }

    /// Gives this device its name; its id and key are there already. Answers its id.
    pub fn initialize_device(&self, device_name: &str) -> Result<DeviceId, SyncError> {
        self.replica.identity().rename(device_name)?;
        Ok(self.replica.identity().device_id)
    }

    /// Serves the HTTP API at an address such as `127.0.0.1:8080` (port 0 takes any), in the background of the tokio runtime. Answers where.
    pub async fn start_server(&self, address: &str) -> Result<SocketAddr, SyncError> {
        let server = Server::bind_replica(Arc::clone(&self.replica), address, &[], None, None).await?;
        let address = server.address();
        let task = tokio::spawn(server.run(std::future::pending()));
        if let Some(former) = self.serving.lock().unwrap_or_else(std::sync::PoisonError::into_inner).replace(task) {
            former.abort();
        }
        Ok(address)
    }

    /// One round with the device at an address.
    pub async fn sync_with_peer(&self, url: &str) -> Result<Round, SyncError> {
        let result = sync_round(&self.replica, url).await;
        self.replica.schedule().note(url, &result);
        Ok(result?)
    }

    /// From now on syncs by itself with these peers and with those known from pairing, every `interval` and whenever something was written.
    /// Call it within a tokio runtime.
    pub fn enable_auto_sync(&self, peers: &[&str], interval: Duration) {
        for url in peers {
            self.replica.schedule().add(&self.replica, url);
        }
        self.replica.schedule().start(&self.replica, interval);
    }

    /// This device, its peers, what is behind, pending or blocked.
    pub fn sync_status(&self) -> Result<Status, SyncError> {
        Ok(status(&self.replica)?)
    }

    /// Writes a consistent copy of the replicated database to a new file, while all goes on: a SQLite file, not encrypted.
    pub fn export_backup(&self, file: impl AsRef<Path>) -> Result<(), SyncError> {
        let file = file.as_ref();
        if file.exists() {
            return Err(SyncError::Invalid(format!("{} is there already", file.display())));
        }
        Ok(backup::copy_database(self.replica.database().path(), file, &mut |_, _| {})?)
    }

    /// Writes an encrypted backup of all databases to a new file, while all goes on; `peergres restore` or [`backup::restore`] makes a device of
    /// it again.
    pub fn export_encrypted_backup(&self, file: impl AsRef<Path>, passphrase: &str) -> Result<(), SyncError> {
        let passphrase = passphrase.to_owned().into();
        backup::write(self.replica.node().directory(), file.as_ref(), &passphrase, &mut |_, _, _| {})?;
        Ok(())
    }

    /// A one-time code with which another device can join; `url` is where it reaches this one.
    pub fn invite(&self, url: &str) -> Result<String, SyncError> {
        Ok(self.replica.invite(url)?.0)
    }

    /// Joins the devices of whoever made the code.
    pub async fn join(&self, code: &str) -> Result<Round, SyncError> {
        Ok(peers::join(&self.replica, code).await?)
    }

    /// The devices.
    pub fn devices(&self) -> DeviceManager {
        DeviceManager { replica: Arc::clone(&self.replica) }
    }

    /// The changes.
    pub fn changes(&self) -> ChangeTracker {
        ChangeTracker { replica: Arc::clone(&self.replica) }
    }

    /// The conflicts.
    pub fn conflicts(&self) -> ConflictResolver {
        ConflictResolver { replica: Arc::clone(&self.replica) }
    }

    /// What all of these work on.
    pub fn replica(&self) -> &Arc<Replica> {
        &self.replica
    }
}

impl Drop for SyncManager {
    fn drop(&mut self) {
        self.replica.schedule().stop();
        if let Some(task) = self.serving.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

/// Which devices take part.
#[derive(Clone, Debug)]
pub struct DeviceManager {
    replica: Arc<Replica>,
}

impl DeviceManager {
    /// Registers a device; it is pending until it is authorized. The key is 32 bytes in base64 or hex, or PEM.
    pub fn register_device(&self, id: DeviceId, name: &str, public_key: &str, tailscale_ip: Option<&str>) -> Result<Device, SyncError> {
        let registration = Registration {
            device_id: id,
            device_name: name.to_owned(),
            public_key: PublicKey::parse(public_key).map_err(|e| SyncError::Invalid(e.to_string()))?,
            tailscale_ip: tailscale_ip.map(str::to_owned),
            url: None,
        };
        Ok(devices::register(self.replica.database(), self.replica.identity(), &registration)?)
    }

    /// Authorizes a device, here and on all others.
    pub fn authorize_device(&self, id: DeviceId) -> Result<Device, SyncError> {
        Ok(self.replica.authorize(&id.to_string())?)
    }

    /// Shuts a device out, here and on all others.
    pub fn revoke_device(&self, id: DeviceId) -> Result<Device, SyncError> {
        Ok(self.replica.revoke(&id.to_string())?)
    }

    /// The devices that take part, this one among them once it is paired.
    pub fn get_authorized_devices(&self) -> Result<Vec<Device>, SyncError> {
        let mut devices = self.replica.devices()?;
        devices.retain(|device| device.is_authorized);
        Ok(devices)
    }
}

/// Writes rows, so that the changes are logged, and reads the log.
#[derive(Clone, Debug)]
pub struct ChangeTracker {
    replica: Arc<Replica>,
}

impl ChangeTracker {
    /// Makes a plain table in `public`: columns and how their values lie; the first is the primary key.
    pub fn create_table(&self, name: &str, columns: &[(&str, Storage)]) -> Result<(), SyncError> {
        let (table, sqlite) = plain_table(name, columns).ok_or_else(|| SyncError::Invalid("a table has a column".to_owned()))?;
        let mut transaction = self.begin()?;
        if transaction.schema().tables().any(|held| held.name == table.name) {
            return Err(SyncError::Invalid(format!("relation \"{name}\" already exists")));
        }
        transaction.define(&format!("CREATE TABLE {name}"), &sqlite, vec![Object::Table(table)], Vec::new())?;
        transaction.commit(Durability::Wait)?;
        Ok(())
    }

    /// Inserts, updates or deletes the row, and so logs the change. `data` holds the columns to write, the record's key need not be among them.
    pub fn log_change(&self, table: &str, record_id: &str, operation: SyncOperation, data: &RowImage) -> Result<(), SyncError> {
        let transaction = self.begin()?;
        write_row(&transaction, table, record_id, operation, data)?;
        transaction.commit(Durability::Wait)?;
        Ok(())
    }

    /// The changes that not every authorized device is known to hold, oldest first.
    pub fn get_unsynced_changes(&self) -> Result<Vec<LoggedChange>, SyncError> {
        let reader = self.database().reader()?;
        let mut statement = reader.prepare("SELECT DISTINCT table_name, record_id FROM sync_log WHERE is_synced = 0")?;
        let records: Vec<(String, String)> = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let mut changes = Vec::new();
        for (table, record) in records {
            changes.extend(log::changes_of_record(&reader, &table, &record)?.into_iter().filter(|change| !change.is_synced));
        }
        changes.sort_by_key(|change| change.position);
        Ok(changes)
    }

    fn database(&self) -> &Arc<Database> {
        self.replica.database()
    }

    fn begin(&self) -> Result<Transaction, SyncError> {
        Ok(self.database().begin(&LockWait::default(), None)?)
    }
}

/// The conflicts, and their resolution.
#[derive(Clone, Debug)]
pub struct ConflictResolver {
    replica: Arc<Replica>,
}

impl ConflictResolver {
    /// The conflicts that wait for a decision.
    pub fn get_pending_conflicts(&self) -> Result<Vec<Conflict>, SyncError> {
        Ok(conflicts::list(self.replica.database(), &Filter::default())?)
    }

    /// Settles a conflict by a side, on every device.
    pub fn resolve_conflict(&self, id: &str, winner: conflicts::Winner) -> Result<Conflict, SyncError> {
        Ok(self.replica.resolve(id, winner, None)?)
    }

    /// Settles a conflict with values of one's own, on every device.
    pub fn manual_resolve(&self, id: &str, data: Map<String, Json>) -> Result<Conflict, SyncError> {
        Ok(self.replica.resolve(id, conflicts::Winner::Local, Some(Json::Object(data)))?)
    }
}

fn plain_table(name: &str, columns: &[(&str, Storage)]) -> Option<(Table, Vec<String>)> {
    let (key, key_storage) = *columns.first()?;
    let physical = physical_name("public", name);
    let definitions: Vec<String> =
        columns.iter().map(|(name, storage)| format!("{} {}", quote(&physical_column(name)), kind(*storage).0)).collect();
    let mut sqlite = vec![format!("CREATE TABLE {} ({}) STRICT", quote(&physical), definitions.join(", "))];
    let constraint = format!("{name}_pkey");
    if key_storage == Storage::Integer {
        sqlite[0] = sqlite[0].replacen(&definitions[0], &format!("{} PRIMARY KEY", definitions[0]), 1);
    } else {
        let index = quote(&physical_name("public", &constraint));
        sqlite.push(format!("CREATE UNIQUE INDEX {index} ON {} ({})", quote(&physical), quote(&physical_column(key))));
    }
    let column = |(number, (name, storage)): (i16, &(&str, Storage))| Column {
        number,
        name: (*name).to_owned(),
        physical: physical_column(name),
        type_name: kind(*storage).1.to_owned(),
        storage: *storage,
        collation: None,
        not_null: number == 1,
        default: None,
        identity: None,
        sequence: None,
        generated: None,
        generated_sqlite: None,
        missing: None,
        comment: None,
    };
    let rule = ConstraintRule::PrimaryKey { columns: vec![key.to_owned()] };
    let primary = Constraint { name: constraint, rule, deferrable: false, initially_deferred: false, validated: true, comment: None };
    let table = Table {
        name: QualifiedName { schema: "public".to_owned(), name: name.to_owned() },
        physical,
        next_column_number: i16::try_from(columns.len()).ok()? + 1,
        columns: (1..).zip(columns).map(column).collect(),
        constraints: vec![primary],
        replicated: true,
        unlogged: false,
        hidden_key: false,
        materialized: None,
        comment: None,
    };
    Some((table, sqlite))
}

/// SQLite's column type and PostgreSQL's type name.
fn kind(storage: Storage) -> (&'static str, &'static str) {
    match storage {
        Storage::Integer => ("INTEGER", "bigint"),
        Storage::Real => ("ANY", "double precision"),
        Storage::Boolean => ("INTEGER", "boolean"),
        Storage::Text => ("TEXT", "text"),
        Storage::Bytes => ("BLOB", "bytea"),
        Storage::Uuid => ("BLOB", "uuid"),
        Storage::Date => ("INTEGER", "date"),
        Storage::Time => ("INTEGER", "time without time zone"),
        Storage::Timestamp => ("INTEGER", "timestamp without time zone"),
        Storage::Timestamptz => ("INTEGER", "timestamp with time zone"),
    }
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn write_row(transaction: &Transaction, table: &str, record_id: &str, operation: SyncOperation, data: &RowImage) -> Result<(), SyncError> {
    let invalid = |reason: String| SyncError::Invalid(format!("{table} {record_id}: {reason}"));
    let (schema, name) = table.split_once('.').unwrap_or(("public", table));
    let layouts = transaction.layouts();
    let layout: &Layout =
        layouts.get(physical_name(schema, name).as_bytes()).ok_or_else(|| invalid("there is no such table".to_owned()))?;
    let key = log::key_values(layout, record_id).map_err(|e| invalid(e.to_string()))?;
    let key_names: Vec<String> = layout.key.iter().map(|position| quote(&layout.columns[*position].physical)).collect();
    let (mut names, mut values): (Vec<String>, Vec<Value>) = (Vec::new(), Vec::new());
    for (name, json) in data {
        let column = layout.columns.iter().find(|column| column.name == *name && column.logged);
        let column = column.ok_or_else(|| invalid(format!("there is no column {name}")))?;
        if key_names.contains(&quote(&column.physical)) {
            continue;
        }
        names.push(quote(&column.physical));
        values.push(from_json(column.storage, json).map_err(|e| invalid(e.to_string()))?);
    }
    let conditions: Vec<String> = key_names.iter().map(|name| format!("{name} = ?")).collect();
    let table = quote(&layout.physical);
    let sql = match operation {
        Operation::Insert => {
            names.extend(key_names);
            format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), vec!["?"; names.len()].join(", "))
        }
        Operation::Update if names.is_empty() => return Err(invalid("there is nothing to update".to_owned())),
        Operation::Update => format!("UPDATE {table} SET {} = ? WHERE {}", names.join(" = ?, "), conditions.join(" AND ")),
        Operation::Delete => {
            values.clear();
            format!("DELETE FROM {table} WHERE {}", conditions.join(" AND "))
        }
        Operation::Ddl | Operation::Pruned => return Err(invalid("schema changes are not made this way".to_owned())),
    };
    values.extend(key);
    match transaction.connection().execute(&sql, params_from_iter(values))? {
        0 => Err(invalid("there is no such row".to_owned())),
        _ => Ok(()),
    }
}
