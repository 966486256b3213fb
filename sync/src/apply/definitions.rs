//! The schema changes of the log as one world, and what a change of the log is about in it.
//!
//! Enters: a connection. Leaves: the [`World`] that all schema changes held make together, and for a row's change the table that its author
//! meant, whatever that is called by now. Kept per thread until the log holds another schema change or decision.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use rusqlite::Connection;
use uuid::Uuid;

use crate::{
    clock::{DeviceId, Version, VersionVector},
    conflicts::{DECISIONS, OWN_TABLES, RecordKey},
    log::{LoggedChange, Operation, RowImage, SchemaChange, changes_of_table, record_ids, schema_changes},
    merge::{
        Write, WriteId,
        schema::{ColumnOrigin, Decision, Definition, Folder, Held, Origin, World},
    },
    schema::{ObjectClass, QualifiedName},
    store::StoreError,
};

/// See the file's head.
pub(crate) struct Definitions {
    folder: Folder,
    /// What all of it says together.
    pub(crate) world: Rc<World>,
    /// Whether names alone tell what a change is about.
    pub(super) plain: bool,
}

/// What a row's change is about.
pub(super) enum Target {
    /// A table that is there.
    Here(Here),
    /// A table that was dropped.
    Gone(Origin),
    /// A table that somebody decided against, who had or had not seen the change.
    LeftOut(bool),
    /// A table that is not there yet, as far as anybody here can tell.
    Nowhere,
}

/// A table that is there, as the author of a change knew it.
pub(super) struct Here {
    /// What the log calls it now.
    pub(super) log_name: String,
    /// Columns that are called otherwise now: from, to.
    renamed: Vec<(String, String)>,
    /// Columns that are gone, by the author's names for them.
    pub(super) lost: Vec<(String, ColumnOrigin)>,
}

impl Here {
    /// An image with the names of now, without what is gone.
    pub(super) fn follow(&self, image: &RowImage) -> RowImage {
        let name =
            |column: &String| self.renamed.iter().find(|(from, _)| from == column).map_or_else(|| column.clone(), |(_, to)| to.clone());
        let there = image.iter().filter(|(column, _)| !self.lost.iter().any(|(lost, _)| lost == *column));
        there.map(|(column, value)| (name(column), value.clone())).collect()
    }
}

/// What a record's writes say of columns that were dropped, by column.
pub(super) type Lost = Vec<(ColumnOrigin, Vec<Write>)>;

/// The log's last schema change and last decision, and the hash of the former.
type Mark = (String, i64, i64, Vec<u8>);

thread_local! {
    static LAST: RefCell<Option<(Mark, Rc<Definitions>)>> = const { RefCell::new(None) };
}

impl Definitions {
    /// Of all that is held.
    pub(crate) fn held(connection: &Connection) -> Result<Rc<Definitions>, StoreError> {
        let mark = mark(connection)?;
        let known = LAST.with_borrow(|last| last.as_ref().filter(|(of, _)| *of == mark).map(|(_, known)| Rc::clone(known)));
        if let Some(known) = known {
            return Ok(known);
        }
        let read = Rc::new(Definitions::without(connection, |_| false)?);
        LAST.set(Some((mark, Rc::clone(&read))));
        Ok(read)
    }

    /// Of all that is held but for some entries.
    pub(super) fn without(connection: &Connection, leave_out: impl Fn(WriteId) -> bool) -> Result<Definitions, StoreError> {
        let id = |logged: &LoggedChange| WriteId { device: logged.device_id, version: logged.change.version };
        let mut definitions = Vec::new();
        for logged in schema_changes(connection)?.into_iter().filter(|logged| !leave_out(id(logged))) {
            let Some(change) = logged.change.data.as_ref().and_then(|data| SchemaChange::from_image(data).ok()) else { continue };
            definitions.push(Definition {
                id: id(&logged),
                first_version: logged.first_version,
                clock: logged.clock,
                context: Arc::new(logged.context),
                change: Arc::new(change),
            });
        }
        let decided = changes_of_table(connection, DECISIONS)?.into_iter().filter(|logged| !leave_out(id(logged)));
        let folder = Folder::new(definitions, decided.filter_map(decision).collect());
        let world = folder.world();
        Ok(Definitions { plain: world.is_plain(), folder, world })
    }

    /// A schema change by its name.
    pub(super) fn definition(&self, id: WriteId) -> Option<&Definition> {
        self.folder.definition(id)
    }

    /// The table of that name that is there now.
    fn named(world: &World, log_name: &str) -> Option<Arc<Held>> {
        let table = |schema: &str, name: &str| {
            let name = QualifiedName { schema: schema.to_owned(), name: name.to_owned() };
            world.get(ObjectClass::Relation, &name).filter(|held| held.table().is_some()).cloned()
        };
        let split = || log_name.match_indices('.').find_map(|(dot, _)| table(&log_name[..dot], &log_name[dot + 1..]));
        table("public", log_name).or_else(split)
    }

    /// Whether there is a table of that name now.
    pub(super) fn is_there(&self, log_name: &str) -> bool {
        Definitions::named(&self.world, log_name).is_some()
    }

    /// What a change is about that an author with this sight wrote.
    pub(super) fn target(&self, device: DeviceId, version: Version, context: &VersionVector, log_name: &str) -> Target {
        let view = self.folder.view(device, version, context);
        let theirs = Definitions::named(&view, log_name);
        let gone =
            || view.gone.iter().filter(|(_, gone)| gone.last.object.name().to_string() == log_name).map(|(origin, _)| *origin).next_back();
        let Some(origin) = theirs.as_ref().map(|held| held.origin).or_else(gone) else { return Target::Nowhere };
        let Some(here) = self.world.by_origin(origin) else {
            let origin = self.world.origin(origin);
            let unit = self.folder.definition(origin.0).map(|by| (by.id.device, by.first_version));
            return match unit {
                _ if self.world.gone.contains_key(&origin) => Target::Gone(origin),
                Some(unit) if self.world.left_out.contains(&unit) => {
                    Target::LeftOut(self.folder.was_seen_by_who_left_out(unit, WriteId { device, version }))
                }
                _ => Target::Nowhere,
            };
        };
        let mut target = Here { log_name: here.object.name().to_string(), renamed: Vec::new(), lost: Vec::new() };
        for column in theirs.iter().flat_map(|held| held.columns.keys()) {
            let Some(name) = theirs.as_ref().and_then(|held| held.column_name(column)) else { continue };
            let mine = self.world.column_origin(column);
            match here.column_name(mine) {
                Some(now) if now == name => {}
                Some(now) => target.renamed.push((name.to_owned(), now.to_owned())),
                None if self.world.gone_columns.contains_key(mine) => target.lost.push((name.to_owned(), mine.clone())),
                None => {}
            }
        }
        Target::Here(target)
    }

    /// Whether the table's name tells which of the log's changes are about it, and its columns' names which of its columns.
    fn is_plain(&self, held: &Held) -> bool {
        let world = &self.world;
        let own = world.names.get(&held.origin);
        let shared = |name: &QualifiedName| world.names.iter().any(|(origin, names)| *origin != held.origin && names.contains(name));
        world.waiting.is_empty()
            && world.left_out.is_empty()
            && own.is_none_or(|names| names.len() == 1 && !names.iter().any(shared))
            && held.columns.keys().all(|origin| held.column_name(origin) == Some(origin.1.as_str()))
            && !world.gone_columns.values().any(|gone| gone.last.table == held.origin)
    }

    /// A record's writes, and what they say of columns that are gone. None where the names of now are enough.
    fn followed(&self, connection: &Connection, key: RecordKey<'_>) -> Result<Option<(Vec<Write>, Lost)>, StoreError> {
        if self.plain {
            return Ok(None);
        }
        match Definitions::named(&self.world, key.table_name) {
            Some(held) if !self.is_plain(&held) => Ok(Some(self.writes_of(connection, held.origin, key.record_id)?)),
            _ => Ok(None),
        }
    }

    /// The writes of a record of a table, be it there or gone, under all names that the table ever had.
    pub(super) fn writes_of(&self, connection: &Connection, origin: Origin, record_id: &str) -> Result<(Vec<Write>, Lost), StoreError> {
        let (mut writes, mut lost) = (Vec::new(), Lost::new());
        for table_name in self.log_names(origin) {
            let key = RecordKey { table_name: &table_name, record_id };
            for mut write in super::record::written(connection, key)? {
                match self.target(write.id.device, write.id.version, &write.context, &table_name) {
                    Target::Here(here) if self.is_origin(&here.log_name, origin) => {
                        for (name, column) in &here.lost {
                            let Some(value) = write.data.get(name) else { continue };
                            let mut part = write.clone();
                            part.data = RowImage::from_iter([(column.1.clone(), value.clone())]);
                            match lost.iter_mut().find(|(known, _)| known == column) {
                                Some((_, parts)) => parts.push(part),
                                None => lost.push((column.clone(), vec![part])),
                            }
                        }
                        (write.data, write.old) = (here.follow(&write.data), here.follow(&write.old));
                        writes.push(write);
                    }
                    Target::Gone(gone) if gone == origin => writes.push(write),
                    _ => {}
                }
            }
        }
        Ok((writes, lost))
    }

    fn is_origin(&self, log_name: &str, origin: Origin) -> bool {
        Definitions::named(&self.world, log_name).is_some_and(|held| held.origin == origin)
    }

    /// Every name under which the log may speak of a table.
    pub(super) fn log_names(&self, origin: Origin) -> Vec<String> {
        let of = self.world.names.iter().filter(|(other, _)| self.world.origin(**other) == origin);
        let mut names: Vec<String> = of.flat_map(|(_, names)| names).map(ToString::to_string).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The ids of all records that a table ever had.
    pub(super) fn records_of(&self, connection: &Connection, origin: Origin) -> Result<Vec<String>, StoreError> {
        let mut records = Vec::new();
        for name in self.log_names(origin) {
            records.extend(record_ids(connection, &name)?);
        }
        records.sort();
        records.dedup();
        Ok(records)
    }

    /// Every name under which the log may speak of the table that is there under a name.
    pub(super) fn names_of(&self, log_name: &str) -> Vec<String> {
        match Definitions::named(&self.world, log_name) {
            Some(held) if !self.is_plain(&held) => self.log_names(held.origin),
            _ => vec![log_name.to_owned()],
        }
    }
}

/// A record's writes under the names of now, and what they say of columns that are gone.
pub(super) fn writes_and_lost(connection: &Connection, key: RecordKey<'_>) -> Result<(Vec<Write>, Lost), StoreError> {
    if !key.table_name.starts_with(OWN_TABLES)
        && let Some(followed) = Definitions::held(connection)?.followed(connection, key)?
    {
        return Ok(followed);
    }
    Ok((super::record::written(connection, key)?, Lost::new()))
}

fn mark(connection: &Connection) -> Result<Mark, StoreError> {
    let path = connection.path().unwrap_or_default().to_owned();
    let (position, hash) = crate::log::last_schema_change(connection)?;
    Ok((path, position, crate::log::last_position_of(connection, DECISIONS)?, hash))
}

/// A decision that names the write that is to be made, and the one that is not.
fn decision(logged: LoggedChange) -> Option<Decision> {
    let data = logged.change.data.as_ref().filter(|_| logged.change.operation == Operation::Update)?;
    let write = |name: &str| {
        let (device, version): (Uuid, Version) = serde_json::from_value(data.get(name)?.clone()).ok()?;
        Some(WriteId { device, version })
    };
    Some(Decision {
        id: WriteId { device: logged.device_id, version: logged.change.version },
        clock: logged.clock,
        context: Arc::new(logged.context.clone()),
        conflict: logged.change.record_id.clone(),
        chosen: write("chosen")?,
        against: write("against")?,
        void: data.get("void").is_some_and(|void| *void == true),
    })
}
