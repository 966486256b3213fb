//! Where a row may stand: unique keys and foreign keys between rows that came from different devices.
//!
//! Enters: rows that found no place, rows that came, rows that went. Leaves: every constraint of the database holding, and what does not show
//! in `sync_conflicts`. What comes out is a function of the rows as their writes merge:
//!
//! - Of rows that want one key, the one that claimed it first (clock, device) has it: all that wait and all that are in their way are taken out and put
//!   in again in the order of their claims. Whoever finds its key taken is set aside whole.
//! - A row that was deleted while another device made one refer to it shows again, as long as that lasts. A row whose parent can't show is
//!   set aside too.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
    sync::Arc,
};

use rusqlite::Connection;

use super::{
    aside::{self, Why},
    fault::Fault,
    keys::Keys,
    record::writes_of,
    references::{incoming, outgoing},
    rows::{RowTable, current_row},
};
use crate::{
    clock::DeviceId,
    conflicts::{self, RecordKey},
    log::RowImage,
    merge::{Found, Kind, Merged, Rank, Side, WriteId, conflict_id, merge},
    schema::{Layouts, Schema},
    store::StoreError,
};

/// How often placing may move further rows before it is left at that.
const ROUNDS: usize = 32;

/// Rows that have to be looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Loose {
    /// Records whose row found its key taken: table and record.
    pub(super) homeless: BTreeSet<(String, String)>,
    /// Rows that came, whose parents must be there.
    pub(super) came: BTreeSet<(String, String)>,
    /// Rows that went, and what they were: others may refer to them.
    pub(super) went: Vec<(String, String, RowImage)>,
}

impl Loose {
    /// Whether there is nothing to look at.
    pub(super) fn is_empty(&self) -> bool {
        self.homeless.is_empty() && self.came.is_empty() && self.went.is_empty()
    }
}

/// See the file's head.
pub(super) struct Placer<'a> {
    pub(super) connection: &'a Connection,
    pub(super) me: DeviceId,
    pub(super) schema: Arc<Schema>,
    pub(super) layouts: Arc<Layouts>,
    tables: HashMap<String, Option<Rc<RowTable>>>,
    new_conflicts: u64,
}

/// A row that wants a place.
struct Candidate {
    record: String,
    row: RowImage,
    claim: Rank,
    was_in: bool,
}

impl<'a> Placer<'a> {
    pub(super) fn new(connection: &'a Connection, me: DeviceId, schema: Arc<Schema>, layouts: Arc<Layouts>) -> Placer<'a> {
        Placer { connection, me, schema, layouts, tables: HashMap::new(), new_conflicts: 0 }
    }

    /// Places all; with `again`, also tries what was set aside. Answers how many conflicts are new.
    pub(super) fn place(mut self, loose: &mut Loose, again: bool) -> Result<u64, Fault> {
        let listed = if again { aside::list(self.connection)? } else { Vec::new() };
        let (revived, set_aside): (Vec<_>, Vec<_>) = listed.into_iter().partition(|(.., why)| *why == Why::Revived);
        loose.homeless.extend(set_aside.into_iter().map(|(table, record, _)| (table, record)));
        for _ in 0..ROUNDS {
            self.seat_all(loose)?;
            self.look_after_children(loose)?;
            self.look_for_parents(loose)?;
            if loose.is_empty() {
                break;
            }
        }
        for (table, record, _) in revived {
            self.release(&table, &record)?;
        }
        Ok(self.new_conflicts)
    }

    fn table(&mut self, log_name: &str) -> Option<Rc<RowTable>> {
        if let Some(table) = self.tables.get(log_name) {
            return table.clone();
        }
        let found = RowTable::find(&self.schema, &self.layouts, log_name).map(Rc::new);
        self.tables.insert(log_name.to_owned(), found.clone());
        found
    }

    fn merged(&self, table_name: &str, record_id: &str) -> Result<Merged, StoreError> {
        let writes = writes_of(self.connection, RecordKey { table_name, record_id })?;
        Ok(merge(record_id, &writes))
    }

    /// Finds places for the rows that have none, table by table.
    fn seat_all(&mut self, loose: &mut Loose) -> Result<(), Fault> {
        let mut by_table: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (table, record) in std::mem::take(&mut loose.homeless) {
            by_table.entry(table).or_default().push(record);
        }
        for (name, records) in by_table {
            let Some(table) = self.table(&name) else { continue };
            let mut candidates = Vec::new();
            for record in records {
                let merged = self.merged(&name, &record)?;
                let Some(row) = merged.row.as_ref().filter(|_| !table.exists(self.connection, &record).unwrap_or(true)) else {
                    self.no_longer(&name, &record)?;
                    loose.came.insert((name.clone(), record));
                    continue;
                };
                let row = row.iter().filter(|(column, _)| table.has(column)).map(|(c, v)| (c.clone(), v.clone())).collect();
                let schema = Arc::clone(&self.schema);
                let claim = schema.table_by_log_name(&name).map(|t| Keys::of(&schema, t, &table.layout).claim(&merged)).unwrap_or_default();
                candidates.push(Candidate { record, row, claim, was_in: false });
            }
            self.seat(&name, &table, candidates, loose)?;
        }
        Ok(())
    }

    /// Puts rows in by the order of their claims.
    fn seat(&mut self, name: &str, table: &RowTable, mut candidates: Vec<Candidate>, loose: &mut Loose) -> Result<(), Fault> {
        candidates.sort_by_key(|candidate| candidate.claim);
        let mut seated = Vec::new();
        let mut clash = false;
        for candidate in &candidates {
            match table.insert(self.connection, &candidate.record, &candidate.row) {
                Ok(_) => seated.push(&candidate.record),
                Err(Fault::Unique(_)) => {
                    clash = true;
                    break;
                }
                Err(Fault::Check(reason) | Fault::Blocked(reason)) => {
                    tracing::warn!(table = name, record = candidate.record, reason, "a row that was set aside does not fit");
                    aside::put(self.connection, name, &candidate.record, Why::Unique)?;
                }
                Err(other) => return Err(other),
            }
        }
        if !clash {
            for candidate in &candidates {
                self.seated(name, &candidate.record, loose)?;
            }
            return Ok(());
        }
        for record in seated {
            table.delete(self.connection, record)?;
        }
        self.contest(name, table, candidates, loose)
    }

    /// Takes out whoever is in the way, then puts all in, first claim first.
    fn contest(&mut self, name: &str, table: &RowTable, mut candidates: Vec<Candidate>, loose: &mut Loose) -> Result<(), Fault> {
        let schema = Arc::clone(&self.schema);
        let Some(described) = schema.table_by_log_name(name) else { return Ok(()) };
        let keys = Keys::of(&schema, described, &table.layout);
        let mut in_the_way = BTreeSet::new();
        for candidate in &candidates {
            in_the_way.extend(keys.holders(self.connection, &candidate.row)?.into_iter().map(|(holder, _)| holder));
        }
        for record in in_the_way {
            let Some(row) = current_row(self.connection, &table.layout, &record)? else { continue };
            let claim = keys.claim(&self.merged(name, &record)?);
            table.delete(self.connection, &record)?;
            candidates.push(Candidate { record, row, claim, was_in: true });
        }
        candidates.sort_by_key(|candidate| candidate.claim);
        let mut losers = Vec::new();
        for candidate in &candidates {
            match table.insert(self.connection, &candidate.record, &candidate.row) {
                Ok(_) => self.seated(name, &candidate.record, loose)?,
                Err(Fault::Store(error)) => return Err(Fault::Store(error)),
                Err(_) => losers.push(candidate),
            }
        }
        for loser in losers {
            let holders = keys.holders(self.connection, &loser.row)?;
            let holder = holders.iter().filter_map(|(record, columns)| Some((candidates.iter().find(|c| c.record == *record)?, columns)));
            aside::put(self.connection, name, &loser.record, Why::Unique)?;
            if let Some((holder, columns)) = holder.min_by_key(|(holder, _)| holder.claim) {
                self.record_taken(name, holder, loser, columns)?;
            }
            if loser.was_in {
                loose.went.push((name.to_owned(), loser.record.clone(), loser.row.clone()));
            }
        }
        Ok(())
    }

    fn seated(&mut self, name: &str, record: &str, loose: &mut Loose) -> Result<(), Fault> {
        self.no_longer(name, record)?;
        loose.came.insert((name.to_owned(), record.to_owned()));
        Ok(())
    }

    /// Nothing keeps the record from being as its writes say.
    fn no_longer(&mut self, name: &str, record: &str) -> Result<(), StoreError> {
        aside::remove(self.connection, name, record)?;
        let key = RecordKey { table_name: name, record_id: record };
        conflicts::close_placed(self.connection, key, None)
    }

    fn record_taken(&mut self, name: &str, holder: &Candidate, loser: &Candidate, columns: &[String]) -> Result<(), StoreError> {
        let (shown, kept) = (side(holder.claim, Some(holder.row.clone())), side(loser.claim, Some(loser.row.clone())));
        let id = conflict_id(&loser.record, Kind::Unique.as_str(), shown.id, kept.id);
        self.open(name, &loser.record, Found { id, kind: Kind::Unique, columns: columns.to_vec(), shown, kept, ancestor: None })
    }

    fn open(&mut self, name: &str, record: &str, found: Found) -> Result<(), StoreError> {
        let key = RecordKey { table_name: name, record_id: record };
        self.new_conflicts += conflicts::open(self.connection, self.me, key, &found)?;
        conflicts::close_placed(self.connection, key, Some(&found.id))
    }

    /// Rows that went although others refer to them come back; where they can't, those others are looked at.
    fn look_after_children(&mut self, loose: &mut Loose) -> Result<(), Fault> {
        let schema = Arc::clone(&self.schema);
        for (name, record, row) in std::mem::take(&mut loose.went) {
            let Some(parent) = schema.table_by_log_name(&name) else { continue };
            for reference in incoming(&schema, &parent.name) {
                let Some(layout) = self.layouts.get(reference.child.physical.as_bytes()).cloned() else { continue };
                if reference.left_behind(self.connection, &layout, &row, 1)?.is_empty() || self.revive(&name, &record, loose)? {
                    continue;
                }
                let children = reference.left_behind(self.connection, &layout, &row, -1)?;
                loose.came.extend(children.into_iter().map(|child| (layout.log_name.clone(), child)));
            }
        }
        Ok(())
    }

    /// Rows that came must have their parents.
    fn look_for_parents(&mut self, loose: &mut Loose) -> Result<(), Fault> {
        let schema = Arc::clone(&self.schema);
        for (name, record) in std::mem::take(&mut loose.came) {
            let (Some(described), Some(table)) = (schema.table_by_log_name(&name), self.table(&name)) else { continue };
            for reference in outgoing(&schema, described) {
                let Some(wanted) = reference.missing(self.connection, &table.layout, &record)? else { continue };
                let mut found = false;
                for parent in reference.deleted_parents(self.connection, &self.layouts, &wanted)? {
                    found = found || self.revive(&reference.parent.name.to_string(), &parent, loose)?;
                }
                if !found || reference.missing(self.connection, &table.layout, &record)?.is_some() {
                    self.orphan(&name, &table, &record, loose)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Shows a deleted row again; false where it can't.
    fn revive(&mut self, name: &str, record: &str, loose: &mut Loose) -> Result<bool, Fault> {
        let Some(table) = self.table(name) else { return Ok(false) };
        let merged = self.merged(name, record)?;
        if merged.row.is_some() || merged.last.is_empty() {
            return Ok(false);
        }
        let row: RowImage = merged.last.iter().filter(|(column, _)| table.has(column)).map(|(c, v)| (c.clone(), v.clone())).collect();
        match table.insert(self.connection, record, &row) {
            Ok(_) => {}
            Err(Fault::Store(error)) => return Err(Fault::Store(error)),
            Err(_) => return Ok(false),
        }
        aside::put(self.connection, name, record, Why::Revived)?;
        let deleted = merged.ranks.get("").copied().unwrap_or_default();
        if let Some((child, columns)) = self.first_child(name, &row)? {
            let (shown, kept) = (side(child, Some(row)), side(deleted, None));
            let id = conflict_id(record, Kind::ForeignKey.as_str(), kept.id, kept.id);
            self.open(name, record, Found { id, kind: Kind::ForeignKey, columns, shown, kept, ancestor: None })?;
        }
        loose.came.insert((name.to_owned(), record.to_owned()));
        Ok(true)
    }

    /// The write by which the first row that refers to this one is there, and the columns referred to.
    fn first_child(&mut self, name: &str, row: &RowImage) -> Result<Option<(Rank, Vec<String>)>, Fault> {
        let schema = Arc::clone(&self.schema);
        let Some(parent) = schema.table_by_log_name(name) else { return Ok(None) };
        for reference in incoming(&schema, &parent.name) {
            let Some(layout) = self.layouts.get(reference.child.physical.as_bytes()).cloned() else { continue };
            if let Some(child) = reference.first_child(self.connection, &layout, row)? {
                let rank = self.merged(&layout.log_name, &child)?.ranks.get("").copied().unwrap_or_default();
                return Ok(Some((rank, reference.referenced.to_vec())));
            }
        }
        Ok(None)
    }

    /// Sets a row aside that has no parent.
    fn orphan(&mut self, name: &str, table: &RowTable, record: &str, loose: &mut Loose) -> Result<(), Fault> {
        let Some(row) = current_row(self.connection, &table.layout, record)? else { return Ok(()) };
        table.delete(self.connection, record)?;
        aside::put(self.connection, name, record, Why::Orphan)?;
        let rank = self.merged(name, record)?.ranks.get("").copied().unwrap_or_default();
        let (shown, kept) = (side(rank, None), side(rank, Some(row.clone())));
        let id = conflict_id(record, "orphan", kept.id, kept.id);
        self.open(name, record, Found { id, kind: Kind::ForeignKey, columns: Vec::new(), shown, kept, ancestor: None })?;
        loose.went.push((name.to_owned(), record.to_owned(), row));
        Ok(())
    }

    /// A row that showed only because others referred to it goes when none does any more.
    fn release(&mut self, name: &str, record: &str) -> Result<(), Fault> {
        let Some(table) = self.table(name) else { return Ok(()) };
        let merged = self.merged(name, record)?;
        if merged.row.is_none() {
            let row = current_row(self.connection, &table.layout, record)?;
            if let Some(row) = &row
                && self.first_child(name, row)?.is_some()
            {
                return Ok(());
            }
            table.delete(self.connection, record)?;
        }
        Ok(self.no_longer(name, record)?)
    }
}

fn side((clock, device, version): Rank, data: Option<RowImage>) -> Side {
    Side { id: WriteId { device, version }, clock, data }
}
