//! [`Schema`]: all objects of one database at one moment, found by OID, by class and name, and tables by their name in SQLite.
//!
//! Enters: rows of `peergres_objects`, and changes to them. Leaves: an immutable snapshot, cheap to share, and a changed copy of it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::{Connection, params};

use super::{ConstraintRule, Object, ObjectClass, QualifiedName, Sequence, Table};
use crate::store::StoreError;

/// The first OID of users' objects, as in PostgreSQL.
pub const FIRST_OID: u32 = 16384;
/// Where temporary objects get theirs: they die with their session and are never stored. The bits above stay free for what goes with an
/// object: its row type and array type.
pub const FIRST_TEMPORARY_OID: u32 = 0x0800_0000;
/// The first OID that is none of a temporary object again.
const END_OF_TEMPORARY_OIDS: u32 = 0x1000_0000;
/// OIDs are given out in steps, so that what goes with an object (a table's row type and array type, a type's array type) can have the ones
/// that follow.
pub const OIDS_PER_OBJECT: u32 = 8;
/// What the names of sessions' temporary schemas begin with.
pub const TEMPORARY_PREFIX: &str = "pg_temp";
/// Key of the next OID in `peergres_meta`.
const NEXT_OID: &str = "next_oid";

static GENERATION: AtomicU64 = AtomicU64::new(1);
static TEMPORARY_OID: AtomicU64 = AtomicU64::new(0);

/// All objects of one database at one moment, with their OIDs; immutable, cheap to share.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Rises with every change; unique within the process, also for uncommitted ones.
    pub generation: u64,
    /// Whether it is that of the replicated database.
    pub replicated: bool,
    /// Objects by OID (16384 and up; stable across restarts, local to the device).
    pub objects: BTreeMap<u32, Arc<Object>>,
    // Shared keys: a schema is copied for every change, and the copy of a map of owned names would cost more than the change.
    names: HashMap<Arc<(ObjectClass, QualifiedName)>, u32>,
    physical: HashMap<Arc<str>, u32>,
    next_oid: u32,
}

impl Schema {
    /// Reads a database's objects.
    pub fn load(connection: &Connection) -> Result<Schema, StoreError> {
        let replicated = peergres_migrations::is_replicated(connection)?;
        let mut schema = Schema { generation: next_generation(), replicated, next_oid: FIRST_OID, ..Schema::default() };
        let stored =
            connection.query_row("SELECT max(value) FROM peergres_meta WHERE key = ?1", [NEXT_OID], |row| row.get::<_, Option<u32>>(0))?;
        let mut statement = connection.prepare("SELECT oid, definition FROM peergres_objects ORDER BY oid")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (oid, definition): (u32, String) = (row.get(0)?, row.get(1)?);
            let object = serde_json::from_str(&definition).map_err(|e| StoreError::Corrupt(format!("object {oid}: {e}")))?;
            schema.insert(oid, Arc::new(object));
            schema.next_oid = oid + OIDS_PER_OBJECT;
        }
        schema.next_oid = schema.next_oid.max(stored.unwrap_or(FIRST_OID));
        Ok(schema)
    }

    /// Removes what sessions of a former run left behind: their temporary tables, which no catalog names any more.
    pub(crate) fn sweep_temporary(connection: &Connection) -> Result<(), StoreError> {
        let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB ?1")?;
        let names = statement.query_map([format!("{TEMPORARY_PREFIX}_*.*")], |row| row.get::<_, String>(0))?;
        for name in names.collect::<rusqlite::Result<Vec<_>>>()? {
            connection.execute_batch(&format!("DROP TABLE \"{}\"", name.replace('"', "\"\"")))?;
        }
        connection
            .prepare("DELETE FROM peergres_sequences WHERE oid >= ?1 AND oid < ?2")?
            .execute([FIRST_TEMPORARY_OID, END_OF_TEMPORARY_OIDS])?;
        Ok(())
    }

    /// A schema of these objects that no database holds: for tests, and for replaying a log.
    pub fn of(objects: impl IntoIterator<Item = Object>) -> Schema {
        let mut schema = Schema { generation: next_generation(), next_oid: FIRST_OID, ..Schema::default() };
        for object in objects {
            let oid = schema.allocate();
            schema.insert(oid, Arc::new(object));
        }
        schema
    }

    /// An object by class and name.
    pub fn get(&self, class: ObjectClass, name: &QualifiedName) -> Option<&Arc<Object>> {
        self.oid(class, name).and_then(|oid| self.objects.get(&oid))
    }

    /// An object's OID by class and name.
    pub fn oid(&self, class: ObjectClass, name: &QualifiedName) -> Option<u32> {
        // The map's key owns its name; a borrowed lookup would need a second map.
        self.names.get(&(class, name.clone())).copied()
    }

    /// A table by name.
    pub fn table(&self, name: &QualifiedName) -> Option<&Table> {
        self.get(ObjectClass::Relation, name).and_then(|object| as_table(object))
    }

    /// A table by its name in SQLite.
    pub fn table_by_physical(&self, physical: &str) -> Option<&Table> {
        self.physical.get(physical).and_then(|oid| self.objects.get(oid)).and_then(|object| as_table(object))
    }

    /// A table by the name that the log gives it: `schema.name`, the schema left out where it is `public`.
    pub fn table_by_log_name(&self, name: &str) -> Option<&Table> {
        let public = QualifiedName { schema: "public".to_owned(), name: name.to_owned() };
        self.table(&public).or_else(|| {
            name.match_indices('.')
                .find_map(|(dot, _)| self.table(&QualifiedName { schema: name[..dot].to_owned(), name: name[dot + 1..].to_owned() }))
        })
    }

    /// A sequence by name.
    pub fn sequence(&self, name: &QualifiedName) -> Option<&Sequence> {
        match self.get(ObjectClass::Relation, name)?.as_ref() {
            Object::Sequence(sequence) => Some(sequence),
            _ => None,
        }
    }

    /// All tables, in order of OID.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.objects.values().filter_map(|object| as_table(object))
    }

    /// All tables, referenced ones before those that refer to them; where references run in a circle, in order of OID.
    pub fn tables_by_reference(&self) -> Vec<&Table> {
        let mut waiting: Vec<&Table> = self.tables().collect();
        let mut placed = BTreeSet::new();
        let mut order = Vec::with_capacity(waiting.len());
        while !waiting.is_empty() {
            let ready = waiting
                .iter()
                .position(|table| referenced(table).all(|name| *name == table.name || placed.contains(name) || self.table(name).is_none()))
                .unwrap_or(0);
            let table = waiting.remove(ready);
            placed.insert(&table.name);
            order.push(table);
        }
        order
    }

    /// Whether there is a schema of that name: the built-in ones, and those that users made.
    pub fn has_namespace(&self, name: &str) -> bool {
        matches!(name, "public" | "pg_catalog" | "information_schema" | "pg_toast" | "peergres")
            || self.oid(ObjectClass::Namespace, &QualifiedName { schema: String::new(), name: name.to_owned() }).is_some()
    }

    /// Puts and removes objects, in the database and in this copy. An object that replaces one of its class and name keeps its OID, and so does
    /// one that is put in the same breath as one of its kind is removed under another name: a renaming. Answers the OIDs of `put`.
    pub(crate) fn change(
        &mut self,
        connection: &Connection,
        put: &[Object],
        remove: &[(ObjectClass, QualifiedName)],
    ) -> Result<Vec<u32>, StoreError> {
        self.generation = next_generation();
        let mut removed = Vec::new();
        for (class, name) in remove {
            let oid = self.oid(*class, name).ok_or_else(|| StoreError::NoObject(*class, name.clone()))?;
            let object = self.take(oid).ok_or_else(|| StoreError::NoObject(*class, name.clone()))?;
            if !object.is_temporary() {
                connection.prepare_cached("DELETE FROM peergres_objects WHERE oid = ?1")?.execute([oid])?;
            }
            removed.push((oid, object));
        }
        let new: Vec<&Object> = put.iter().filter(|object| self.oid(object.class(), &object.name()).is_none()).collect();
        let mut oids = Vec::with_capacity(put.len());
        let before = self.next_oid;
        for object in put {
            let name = object.name();
            let fresh = |schema: &mut Schema| if object.is_temporary() { temporary_oid() } else { schema.allocate() };
            let oid = match self.oid(object.class(), &name) {
                Some(oid) => oid,
                None => renamed(&mut removed, object, &new).unwrap_or_else(|| fresh(self)),
            };
            if !object.is_temporary() {
                let definition = serde_json::to_string(object).map_err(|e| StoreError::Corrupt(format!("object {name}: {e}")))?;
                connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO peergres_objects (oid, class, schema, name, definition) VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![oid, object.class().as_str(), name.schema, name.name, definition])?;
            }
            self.take(oid);
            self.insert(oid, Arc::new(object.clone()));
            oids.push(oid);
        }
        if self.next_oid != before {
            connection
                .prepare_cached("INSERT OR REPLACE INTO peergres_meta (key, value) VALUES (?1, ?2)")?
                .execute(params![NEXT_OID, self.next_oid])?;
        }
        Ok(oids)
    }

    fn allocate(&mut self) -> u32 {
        let oid = self.next_oid;
        self.next_oid += OIDS_PER_OBJECT;
        oid
    }

    fn insert(&mut self, oid: u32, object: Arc<Object>) {
        if let Object::Table(table) = object.as_ref() {
            self.physical.insert(Arc::from(table.physical.as_str()), oid);
        }
        self.names.insert(Arc::new((object.class(), object.name())), oid);
        self.objects.insert(oid, object);
    }

    fn take(&mut self, oid: u32) -> Option<Arc<Object>> {
        let object = self.objects.remove(&oid)?;
        self.names.remove(&(object.class(), object.name()));
        if let Object::Table(table) = object.as_ref() {
            self.physical.remove(table.physical.as_str());
        }
        Some(object)
    }
}

fn next_generation() -> u64 {
    GENERATION.fetch_add(1, Ordering::Relaxed)
}

fn temporary_oid() -> u32 {
    let room = u64::from(END_OF_TEMPORARY_OIDS - FIRST_TEMPORARY_OID);
    let drawn = TEMPORARY_OID.fetch_add(u64::from(OIDS_PER_OBJECT), Ordering::Relaxed);
    // Sixteen million temporary objects in one process come round to the first again.
    FIRST_TEMPORARY_OID + u32::try_from(drawn % room).expect("a remainder is less than what it is divided by")
}

/// The OID of the removed object that `object` is under a new name: of the same kind, and of the same name in another schema or the only
/// one of its kind on both sides.
fn renamed(removed: &mut Vec<(u32, Arc<Object>)>, object: &Object, fresh: &[&Object]) -> Option<u32> {
    let kind = std::mem::discriminant(object);
    let same_kind = |other: &Object| std::mem::discriminant(other) == kind;
    let moved = removed.iter().position(|(_, old)| same_kind(old) && old.name().name == object.name().name);
    let only = || {
        let one = removed.iter().filter(|(_, old)| same_kind(old)).count() == 1 && fresh.iter().filter(|new| same_kind(new)).count() == 1;
        one.then(|| removed.iter().position(|(_, old)| same_kind(old))).flatten()
    };
    let index = moved.or_else(only)?;
    Some(removed.swap_remove(index).0)
}

fn as_table(object: &Object) -> Option<&Table> {
    match object {
        Object::Table(table) => Some(table),
        _ => None,
    }
}

fn referenced(table: &Table) -> impl Iterator<Item = &QualifiedName> {
    table.constraints.iter().filter_map(|constraint| match &constraint.rule {
        ConstraintRule::ForeignKey { references, .. } => Some(references),
        _ => None,
    })
}
