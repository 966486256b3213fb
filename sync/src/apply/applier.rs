//! The walk of a batch: append to the log, then each change into its table, each transaction whole or blocked.
//!
//! Enters: a batch. Leaves: log and tables changed within one SQLite transaction, and the report.

use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
    sync::Arc,
};

use rusqlite::{Connection, params};

use super::{
    Applied, aside, blocked,
    definitions::{Definitions, Target},
    fault::Fault,
    lost,
    order::Waiting,
    place::{Loose, Placer},
    record, review,
    rows::{RowTable, current_row},
    schema,
    sight::Sight,
};
use crate::{
    clock::DeviceId,
    commit::{Durability, Transaction as WriteTransaction},
    conflicts,
    log::{Appended, Change, LogError, Operation, RowImage, Transaction, changes_of_record, transaction_at},
    merge::WriteId,
    store::{Database, StoreError},
};

/// How many waiting transactions are tried again with a batch; after a schema change all are.
const RETRIED: usize = 256;

/// See the file's head.
pub(super) struct Applier {
    transaction: WriteTransaction,
    me: DeviceId,
    tables: HashMap<String, Option<Rc<RowTable>>>,
    /// Whether any conflict is open, so that a change may close one.
    conflicts_open: bool,
    /// Whether any transaction waits.
    any_blocked: bool,
    /// Whether the schema changed.
    schema_changed: bool,
    /// Whether anything is set aside.
    any_aside: bool,
    /// Rows whose place is looked at when the batch is in.
    loose: Loose,
    /// Whether anybody chose between schema changes.
    any_choice: bool,
    /// Whether schema changes met what their authors had not seen, so that all that rests on the schema is looked at again.
    to_review: bool,
    /// The schema changes held, while none comes.
    definitions: Option<Rc<Definitions>>,
    /// Whether what waited is tried again: its records may have later writes by now, so all are merged.
    retrying: bool,
}

impl Applier {
    pub(super) fn begin(database: &Arc<Database>, schema_changed: bool) -> Result<Applier, StoreError> {
        let transaction = database.begin_applying()?;
        let connection = transaction.connection();
        let conflicts_open = conflicts::any_open(connection)?;
        let any_blocked = blocked::any(connection)?;
        let me = transaction.log_state().device;
        let any_aside = aside::any(connection)?;
        let any_choice = schema::any_choice(connection)?;
        Ok(Applier {
            me,
            tables: HashMap::new(),
            conflicts_open,
            any_blocked,
            schema_changed,
            any_aside,
            loose: Loose::default(),
            retrying: false,
            any_choice,
            to_review: false,
            definitions: None,
            transaction,
        })
    }

    /// Takes what can be taken.
    pub(super) fn take(&mut self, batch: Vec<Transaction>, applied: &mut Applied) -> Result<(), StoreError> {
        let mut waiting = Waiting::new(batch);
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for device in waiting.devices() {
                while let Some(entry) = waiting.next(device, &self.transaction.log_state()) {
                    moved = true;
                    if let Err(error) = self.take_one(&entry, applied) {
                        refuse(device, error, applied)?;
                        waiting.forget(device);
                    }
                }
            }
        }
        applied.missing = waiting.missing(&self.transaction.log_state().held());
        Ok(())
    }

    fn take_one(&mut self, entry: &Transaction, applied: &mut Applied) -> Result<(), StoreError> {
        let sight = Sight::of(self.transaction.connection(), &self.transaction.log_state(), entry)?;
        let Appended::New { position, clock_ahead_ms } = self.transaction.append_remote(entry)? else { return Ok(()) };
        applied.transactions += 1;
        applied.changes += entry.changes.len() as u64;
        if let Some(ahead) = clock_ahead_ms {
            let sql = "UPDATE sync_devices SET clock_ahead = ?2 WHERE device_id = ?1";
            self.transaction.connection().execute(sql, params![entry.device_id.as_bytes(), ahead])?;
        }
        self.put(entry, position, &sight, applied)?;
        Ok(())
    }

    /// Puts a transaction into the tables, or notes that it waits; answers whether it is in.
    fn put(&mut self, entry: &Transaction, position: i64, sight: &Sight, applied: &mut Applied) -> Result<bool, StoreError> {
        let mark = self.transaction.mark()?;
        let mut found = 0;
        let mut loose = Loose::default();
        let done = self.changes(entry, position, sight, &mut found, &mut loose).and_then(|()| self.place(&mut loose, &mut found));
        let Err(fault) = done else {
            self.transaction.release(mark)?;
            self.conflicts_open |= found > 0;
            applied.conflicts += found;
            self.loose.came.append(&mut loose.came);
            self.loose.went.append(&mut loose.went);
            return Ok(true);
        };
        let reason = fault.reason()?;
        self.transaction.rewind(&mark)?;
        self.transaction.release(mark)?;
        self.tables.clear();
        self.definitions = None;
        tracing::info!(device = %entry.device_id, version = entry.first_version, reason, "a transaction waits");
        let connection = self.transaction.connection();
        blocked::note(connection, position, entry, &reason)?;
        self.any_blocked = true;
        if entry.changes.iter().any(|change| change.operation == Operation::Ddl) {
            applied.conflicts += schema::record_contradictions(&self.transaction, self.me)?;
        }
        Ok(false)
    }

    /// Finds places for the rows of one transaction that found their keys taken, perhaps by each other.
    fn place(&mut self, loose: &mut Loose, found: &mut u64) -> Result<(), Fault> {
        if loose.homeless.is_empty() {
            return Ok(());
        }
        let mut homeless = Loose { homeless: std::mem::take(&mut loose.homeless), ..Loose::default() };
        *found += self.placer().place(&mut homeless, false)?;
        self.any_aside = self.any_aside || aside::any(self.transaction.connection())?;
        Ok(())
    }

    fn placer(&self) -> Placer<'_> {
        Placer::new(self.transaction.connection(), self.me, self.transaction.schema(), self.transaction.layouts())
    }

    /// When the batch is in: foreign keys, and what was set aside.
    pub(super) fn place_all(&mut self, applied: &mut Applied) -> Result<(), StoreError> {
        let mut loose = std::mem::take(&mut self.loose);
        if std::mem::take(&mut self.to_review) {
            match review::review(&self.transaction, self.me, &mut loose) {
                Ok(found) => applied.conflicts += found,
                Err(fault) => tracing::warn!(reason = fault.reason()?, "not all that rests on the schema could be looked at"),
            }
            self.any_aside = aside::any(self.transaction.connection())?;
        }
        if loose.came.is_empty() && loose.went.is_empty() && !self.any_aside {
            return Ok(());
        }
        match self.placer().place(&mut loose, self.any_aside) {
            Ok(found) => applied.conflicts += found,
            Err(fault) => tracing::warn!(reason = fault.reason()?, "not every row found its place"),
        }
        Ok(())
    }

    fn changes(&mut self, entry: &Transaction, position: i64, sight: &Sight, found: &mut u64, loose: &mut Loose) -> Result<(), Fault> {
        for change in &entry.changes {
            match change.operation {
                Operation::Ddl => {
                    let is_plain = sight.is_whole() && !self.any_blocked && !self.any_choice;
                    if is_plain {
                        schema::apply_ready(&mut self.transaction, change)?;
                        (self.schema_changed, self.definitions) = (true, None);
                        self.tables.clear();
                        continue;
                    }
                    *found += schema::apply(&mut self.transaction, self.me, entry, change, sight, loose)?;
                    self.schema_has_changed(found)?;
                }
                // What is left of it is its hash; what superseded it is told by other changes.
                Operation::Pruned => {}
                _ if change.table_name.starts_with(conflicts::OWN_TABLES) => {
                    conflicts::note_decision(self.transaction.connection(), self.me, change)?;
                    if change.table_name == conflicts::DECISIONS && change.data.as_ref().is_some_and(|data| data.contains_key("chosen")) {
                        let decision = WriteId { device: entry.device_id, version: change.version };
                        schema::decided(&mut self.transaction, self.me, decision, loose)?;
                        self.schema_has_changed(found)?;
                    }
                }
                _ => *found += self.row(entry, change, position, sight, loose)?,
            }
        }
        Ok(())
    }

    /// What rested on the schema is looked at again.
    fn schema_has_changed(&mut self, found: &mut u64) -> Result<(), Fault> {
        self.tables.clear();
        self.definitions = None;
        self.schema_changed = true;
        self.to_review = true;
        self.any_choice = schema::any_choice(self.transaction.connection())?;
        *found += schema::record_contradictions(&self.transaction, self.me)?;
        self.any_blocked |= schema::note_waiting(&self.transaction)?;
        Ok(())
    }

    fn definitions(&mut self) -> Result<Rc<Definitions>, StoreError> {
        if let Some(known) = &self.definitions {
            return Ok(Rc::clone(known));
        }
        let held = Definitions::held(self.transaction.connection())?;
        Ok(Rc::clone(self.definitions.insert(held)))
    }

    /// One row's change, of a transaction that begins at `position`; answers how many conflicts are new. It is about the table that its
    /// author meant, whatever that is called by now.
    fn row(&mut self, entry: &Transaction, change: &Change, position: i64, sight: &Sight, loose: &mut Loose) -> Result<u64, Fault> {
        if sight.is_whole() && !self.any_blocked && !self.any_choice {
            return self.named_row(change, position, sight, false, loose);
        }
        let definitions = self.definitions()?;
        let world = &definitions.world;
        let named = definitions.plain
            || (world.waiting.is_empty() && world.left_out.is_empty() && sight.sees_schema(self.transaction.connection())?);
        if named {
            return self.named_row(change, position, sight, false, loose);
        }
        match definitions.target(entry.device_id, change.version, &entry.context, &change.table_name) {
            Target::Here(here) => {
                let mut followed = Change { table_name: here.log_name.clone(), ..change.clone() };
                followed.data = change.data.as_ref().map(|data| here.follow(data));
                self.named_row(&followed, position, sight, true, loose)
            }
            Target::Gone(origin) => Ok(lost::table_row(self.transaction.connection(), self.me, &definitions, origin, &change.record_id)?),
            // Who decided against the table had seen what was in it.
            Target::LeftOut(true) => Ok(0),
            Target::LeftOut(false) => Err(Fault::Blocked(format!("another table {} was chosen", change.table_name))),
            Target::Nowhere => Err(Fault::Blocked(format!("there is no table {}", change.table_name))),
        }
    }

    /// Whether an earlier change of the record waits: of this table, not of another one that bears or bore its name.
    fn waits_before(&mut self, change: &Change, position: i64) -> Result<bool, StoreError> {
        let definitions = self.definitions()?;
        let connection = self.transaction.connection();
        for name in definitions.names_of(&change.table_name) {
            if !blocked::holds(connection, &name, &change.record_id, position)? {
                continue;
            }
            let waiting = blocked::of_record(connection, &name, &change.record_id)?;
            for logged in changes_of_record(connection, &name, &change.record_id)?.into_iter().filter(|logged| logged.position < position) {
                let id = WriteId { device: logged.device_id, version: logged.change.version };
                let of_this = || match definitions.target(id.device, id.version, &logged.context, &name) {
                    Target::Here(here) => here.log_name == change.table_name,
                    _ => false,
                };
                if waiting.contains(&id) && (definitions.plain || of_this()) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// A row's change under the names of now; with `contested` its record is merged anew in any case.
    fn named_row(&mut self, change: &Change, position: i64, sight: &Sight, contested: bool, loose: &mut Loose) -> Result<u64, Fault> {
        let table = self.table(&change.table_name).ok_or_else(|| Fault::Blocked(format!("there is no table {}", change.table_name)))?;
        if self.any_blocked && self.waits_before(change, position)? {
            return Err(Fault::Blocked("an earlier change of the record waits".to_owned()));
        }
        let connection = self.transaction.connection();
        // Where the author had seen all that is held, and all of that is in its place here, foreign keys hold as they held there.
        let watched = !sight.is_whole() || self.retrying || self.any_blocked || self.any_aside || !self.loose.is_empty();
        if watched && !table.referred.is_empty() {
            let before = current_row(connection, &table.layout, &change.record_id)?;
            let found = self.write(&table, change, sight, contested, loose)?;
            if let Some(before) = before {
                loose.went.extend(lost_key(self.transaction.connection(), &table, change, before)?);
            }
            note_child(&table, change, loose);
            return Ok(found);
        }
        if watched {
            note_child(&table, change, loose);
        }
        self.write(&table, change, sight, contested, loose)
    }

    fn write(&mut self, table: &RowTable, change: &Change, sight: &Sight, contested: bool, loose: &mut Loose) -> Result<u64, Fault> {
        let mut contested = contested || self.retrying;
        if !contested && !sight.is_whole() {
            for name in self.definitions()?.names_of(&change.table_name) {
                contested = contested || sight.is_contested(self.transaction.connection(), &name, &change.record_id)?;
            }
        }
        let connection = self.transaction.connection();
        let contested = contested || (self.conflicts_open && conflicts::is_open(connection, &change.table_name, &change.record_id)?);
        let key = || (change.table_name.clone(), change.record_id.clone());
        if !contested {
            match straight(connection, table, change) {
                Ok(true) => return Ok(0),
                Ok(false) => {}
                Err(Fault::Unique(_)) => {
                    table.delete(connection, &change.record_id)?;
                    loose.homeless.insert(key());
                    return Ok(0);
                }
                Err(other) => return Err(other),
            }
        }
        let settled = record::settle(connection, self.me, table, &change.record_id, change.data.as_ref())?;
        if settled.homeless {
            loose.homeless.insert(key());
        }
        self.conflicts_open |= settled.found > 0;
        Ok(settled.found)
    }

    fn table(&mut self, log_name: &str) -> Option<Rc<RowTable>> {
        if let Some(table) = self.tables.get(log_name) {
            return table.clone();
        }
        let found = RowTable::find(&self.transaction.schema(), &self.transaction.layouts(), log_name).map(Rc::new);
        self.tables.insert(log_name.to_owned(), found.clone());
        found
    }

    /// Tries again what waits, as long as that helps.
    pub(super) fn retry(&mut self, applied: &mut Applied) -> Result<(), StoreError> {
        let mut tried = BTreeSet::new();
        while self.any_blocked {
            let limit = if std::mem::take(&mut self.schema_changed) { usize::MAX >> 1 } else { RETRIED };
            let mut helped = false;
            for (device, first) in blocked::waiting(self.transaction.connection(), limit)? {
                helped |= self.retry_one(device, first, applied)?;
            }
            self.any_blocked = blocked::any(self.transaction.connection())?;
            if !helped || !tried.insert(blocked::count(self.transaction.connection())?) {
                break;
            }
        }
        Ok(())
    }

    fn retry_one(&mut self, device: DeviceId, first: u64, applied: &mut Applied) -> Result<bool, StoreError> {
        let connection = self.transaction.connection();
        let Some((position, entry)) = transaction_at(connection, device, first)? else { return Ok(false) };
        let sight = Sight::of(connection, &self.transaction.log_state(), &entry)?;
        self.retrying = true;
        let in_tables = self.put(&entry, position, &sight, applied);
        self.retrying = false;
        let in_tables = in_tables?;
        if in_tables {
            blocked::clear(self.transaction.connection(), position, &entry)?;
        }
        Ok(in_tables)
    }

    /// Commits; answers how many changes wait.
    pub(super) fn commit(self, durability: Durability) -> Result<u64, StoreError> {
        let waiting = blocked::count(self.transaction.connection())?;
        self.transaction.commit(durability)?;
        Ok(waiting)
    }
}

/// Remembers a row that came, where foreign keys lead from it.
fn note_child(table: &RowTable, change: &Change, loose: &mut Loose) {
    if table.refers {
        loose.came.insert((change.table_name.clone(), change.record_id.clone()));
    }
}

/// The row as it was, if it is gone or another row to those that refer to it.
fn lost_key(
    connection: &Connection,
    table: &RowTable,
    change: &Change,
    before: RowImage,
) -> Result<Option<(String, String, RowImage)>, Fault> {
    let after = current_row(connection, &table.layout, &change.record_id)?;
    let same = after.is_some_and(|after| table.referred.iter().all(|column| after.get(column) == before.get(column)));
    Ok((!same).then(|| (change.table_name.clone(), change.record_id.clone(), before)))
}

/// The change of a record that nobody else was writing; false where the row is not as its author had it.
fn straight(connection: &Connection, table: &RowTable, change: &Change) -> Result<bool, Fault> {
    let changed = match (change.operation, &change.data) {
        (Operation::Delete, _) => {
            table.delete(connection, &change.record_id)?;
            1
        }
        (Operation::Insert, Some(data)) => match table.insert(connection, &change.record_id, data) {
            Err(Fault::Unique(_)) if table.exists(connection, &change.record_id)? => 0,
            other => other?,
        },
        (_, Some(data)) => table.update(connection, &change.record_id, data)?,
        (_, None) => return Err(Fault::Blocked(format!("version {} has no data", change.version))),
    };
    Ok(changed > 0)
}

/// What does not fit the log ends the intake from its author, never that from others.
fn refuse(device: DeviceId, error: StoreError, applied: &mut Applied) -> Result<(), StoreError> {
    match error {
        StoreError::Log(LogError::Fork { .. } | LogError::NotWrittenHere { .. }) => {
            tracing::error!(%device, %error, "a device is forked: two histories bear its identity");
            if !applied.forked.contains(&device) {
                applied.forked.push(device);
            }
            Ok(())
        }
        StoreError::Log(_) => {
            tracing::warn!(%device, %error, "an entry was refused");
            Ok(())
        }
        other => Err(other),
    }
}
