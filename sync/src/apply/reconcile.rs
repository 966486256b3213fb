//! The database made to follow the world of its schema changes, where their ready statements would not come together.
//!
//! Enters: the world that the tables are in, and the one that they are to be in. Leaves: SQLite's tables and the catalog as the latter says.
//! A table that both have keeps its rows, column by column as identities tell; one that comes (back), or gets a column back, gets its rows
//! from the log.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    definitions::Definitions,
    fault::Fault,
    lost,
    place::Loose,
    record,
    rows::{RowTable, quote},
    unique,
};
use crate::{
    clock::DeviceId,
    commit::Transaction as WriteTransaction,
    log::SchemaChange,
    merge::schema::{ColumnOrigin, Held, Origin, World},
    schema::{
        HIDDEN_KEY, Index, Object, Table,
        physical::{Extras, create_index, create_table},
    },
};

/// What is to be done.
struct Plan<'a> {
    before: &'a World,
    after: &'a World,
    sqlite: Vec<String>,
    /// Tables that are made, or made anew.
    remade: Vec<Origin>,
    /// Tables whose rows come from the log.
    refilled: Vec<Origin>,
}

/// See the file's head.
pub(super) fn follow(
    transaction: &mut WriteTransaction,
    me: DeviceId,
    before: &Definitions,
    after: &Definitions,
    statement: &str,
    loose: &mut Loose,
) -> Result<(), Fault> {
    let mut plan = Plan { before: &before.world, after: &after.world, sqlite: Vec::new(), remade: Vec::new(), refilled: Vec::new() };
    plan.tables();
    let unique: Vec<Object> =
        plan.new_objects().into_iter().filter(|object| matches!(object, Object::Index(index) if index.unique)).collect();
    unique::clear(transaction, &unique, loose)?;
    plan.indexes();
    let objects = plan.new_objects();
    let removed = before.world.objects.keys().filter(|key| !after.world.objects.contains_key(*key)).cloned().collect();
    let change = SchemaChange { statement: statement.to_owned(), objects, removed, sqlite: plan.sqlite.clone() };
    if change.objects.is_empty() && change.removed.is_empty() && change.sqlite.is_empty() {
        return Ok(());
    }
    transaction.define_logged(&change)?;
    refill(transaction, me, after, &plan.refilled, loose)?;
    let went = after.world.gone.iter().filter(|(origin, _)| plan.was_there(**origin));
    for (origin, _) in went {
        for record in after.records_of(transaction.connection(), *origin)? {
            lost::table_row(transaction.connection(), me, after, *origin, &record)?;
        }
    }
    Ok(())
}

/// Rows that the log tells of, into tables that do not have them.
fn refill(transaction: &WriteTransaction, me: DeviceId, after: &Definitions, tables: &[Origin], loose: &mut Loose) -> Result<(), Fault> {
    let connection = transaction.connection();
    for origin in tables {
        let Some(name) = after.world.by_origin(*origin).map(|held| held.object.name().to_string()) else { continue };
        let Some(table) = RowTable::find(&transaction.schema(), &transaction.layouts(), &name) else { continue };
        for record in after.records_of(connection, *origin)? {
            let settled = record::settle(connection, me, &table, &record, None)?;
            let key = (name.clone(), record);
            if settled.homeless {
                loose.homeless.insert(key.clone());
            }
            loose.came.insert(key);
        }
    }
    Ok(())
}

impl Plan<'_> {
    /// What an object of the world after was before.
    fn former(&self, held: &Held) -> Option<&Arc<Held>> {
        let same = |former: &&Arc<Held>| self.after.origin(former.origin) == held.origin;
        self.before.objects.values().find(same)
    }

    fn was_there(&self, origin: Origin) -> bool {
        self.before.objects.values().any(|held| self.after.origin(held.origin) == origin && held.table().is_some())
    }

    fn new_objects(&self) -> Vec<Object> {
        let new = self.after.objects.values().filter(|held| self.former(held).is_none_or(|former| former.object != held.object));
        let mut objects: Vec<Object> = new.map(|held| held.object.clone()).collect();
        // A sequence before the table that draws from it, a table before its indexes.
        objects.sort_by_key(|object| match object {
            Object::Namespace(_) => 0,
            Object::Type(_) => 1,
            Object::Sequence(_) => 2,
            Object::Table(_) => 3,
            Object::Index(_) => 4,
            _ => 5,
        });
        objects
    }

    fn tables(&mut self) {
        let stays = |held: &Arc<Held>| self.after.by_origin(held.origin).is_some();
        let mut going: Vec<String> = Vec::new();
        for held in self.before.objects.values().filter(|held| !stays(held)) {
            going.extend(held.table().map(|table| format!("DROP TABLE {}", quote(&table.physical))));
        }
        let (mut making, mut naming) = (Vec::new(), Vec::new());
        let mut count = 0;
        let tables: Vec<Arc<Held>> = self.after.objects.values().filter(|held| held.table().is_some()).cloned().collect();
        for held in tables {
            let Some(table) = held.table() else { continue };
            let former = self.former(&held).cloned();
            let text = create_table(table, &extras(self.after, table));
            let Some((former, before)) = former.as_ref().and_then(|former| Some((former, former.table()?))) else {
                naming.push(text);
                self.remade.push(held.origin);
                self.refilled.push(held.origin);
                continue;
            };
            let filled = self.filled((former, before), (&held, table));
            if filled.iter().any(|(origin, _)| self.after.was_added_apart(origin)) {
                self.refilled.push(held.origin);
            }
            if create_table(before, &extras(self.before, before)) == text {
                naming.extend(filled.into_iter().map(|(_, fill)| fill));
                continue;
            }
            count += 1;
            let parked = format!("~merge{count}");
            making.push(create_table(&Table { physical: parked.clone(), ..table.clone() }, &extras(self.after, table)));
            making.push(self.copy(&parked, (former, before), (&held, table)));
            going.push(format!("DROP TABLE {}", quote(&before.physical)));
            naming.push(format!("ALTER TABLE {} RENAME TO {}", quote(&parked), quote(&table.physical)));
            self.remade.push(held.origin);
            let back = |origin| {
                self.before.gone_columns.contains_key(origin) || self.before.gone_columns.contains_key(self.after.column_origin(origin))
            };
            if held.columns.keys().any(back) && !self.refilled.contains(&held.origin) {
                self.refilled.push(held.origin);
            }
        }
        self.sqlite.extend(making);
        self.sqlite.extend(going);
        self.sqlite.extend(naming);
    }

    /// The columns that were there and get what rows from before them hold, and how such rows get it.
    fn filled(&self, (former, before): (&Held, &Table), (held, table): (&Held, &Table)) -> Vec<(ColumnOrigin, String)> {
        let fill = |(origin, number): (&ColumnOrigin, &i16)| {
            let now = table.columns.iter().find(|column| column.number == *number && column.generated.is_none())?;
            let missing = now.missing.as_ref()?;
            let (_, old) = former.columns.iter().find(|(old, _)| self.after.column_origin(old) == origin)?;
            let was = before.columns.iter().find(|column| column.number == *old)?;
            let column = quote(&now.physical);
            (was.missing.as_ref() != Some(missing))
                .then(|| (origin.clone(), format!("UPDATE {} SET {column} = ({missing}) WHERE {column} IS NULL", quote(&table.physical))))
        };
        held.columns.iter().filter_map(fill).collect()
    }

    /// Takes the rows over, column by column.
    fn copy(&self, parked: &str, (former, before): (&Held, &Table), (held, table): (&Held, &Table)) -> String {
        let (mut to, mut from) = (Vec::new(), Vec::new());
        if table.hidden_key && before.hidden_key {
            to.push(quote(HIDDEN_KEY));
            from.push(quote(HIDDEN_KEY));
        }
        let old: BTreeMap<_, i16> =
            former.columns.iter().map(|(origin, number)| (self.after.column_origin(origin).clone(), *number)).collect();
        for (origin, number) in &held.columns {
            let Some(column) = table.columns.iter().find(|column| column.number == *number && column.generated.is_none()) else { continue };
            // A later change of the author may have brought the column while the one that adds it waited.
            let brought = || {
                old.iter().find(|(known, _)| {
                    let came = known.0.device == origin.0.device && known.1 == origin.1;
                    came && !held.columns.contains_key(*known) && !self.after.gone_columns.contains_key(*known)
                })
            };
            let number = old.get(origin).or_else(|| brought().map(|(_, number)| number));
            let source = number.and_then(|number| before.columns.iter().find(|column| column.number == *number));
            match (source, &column.missing) {
                (Some(source), Some(missing)) if source.missing.as_ref() != Some(missing) => {
                    from.push(format!("coalesce({}, ({missing}))", quote(&source.physical)));
                }
                (Some(source), _) => from.push(quote(&source.physical)),
                (None, Some(missing)) => from.push(format!("({missing})")),
                (None, None) => continue,
            }
            to.push(quote(&column.physical));
        }
        format!("INSERT INTO {} ({}) SELECT {} FROM {}", quote(parked), to.join(", "), from.join(", "), quote(&before.physical))
    }

    fn indexes(&mut self) {
        let index = |held: &Arc<Held>| match &held.object {
            Object::Index(index) => Some(index.clone()),
            _ => None,
        };
        let remade = |world: &World, index: &Index| {
            world
                .get(crate::schema::ObjectClass::Relation, &index.table)
                .is_some_and(|table| self.remade.contains(&self.after.origin(table.origin)))
        };
        let mut first = Vec::new();
        for held in self.before.objects.values() {
            let Some(old) = index(held).filter(|old| !old.physical.is_empty()) else { continue };
            let same = self.after.by_origin(held.origin).is_some_and(|now| now.object == held.object);
            let table_stays = self
                .before
                .get(crate::schema::ObjectClass::Relation, &old.table)
                .is_some_and(|table| self.after.by_origin(table.origin).is_some());
            if !same && table_stays && !remade(self.before, &old) {
                first.push(format!("DROP INDEX {}", quote(&old.physical)));
            }
        }
        let mut last = Vec::new();
        for held in self.after.objects.values() {
            let Some(new) = index(held) else { continue };
            let same = self.former(held).is_some_and(|former| former.object == held.object);
            if same && !remade(self.after, &new) {
                continue;
            }
            let table = self.after.get(crate::schema::ObjectClass::Relation, &new.table).and_then(|held| held.table());
            last.extend(table.and_then(|table| create_index(&new, table)));
        }
        first.append(&mut self.sqlite);
        first.extend(last);
        self.sqlite = first;
    }
}

/// What the text of a table needs beside its object.
fn extras(world: &World, table: &Table) -> Extras {
    let generated = table.columns.iter().filter_map(|column| Some((column.name.clone(), column.generated_sqlite.clone()?))).collect();
    let referenced = world.objects.values().filter_map(|held| held.table()).cloned().collect();
    Extras { generated, referenced }
}
