//! Random fleets that change their schema while they write: however batches come, all end with the same tables, rows and conflicts.

use std::collections::{BTreeMap, BTreeSet};

use super::{fleet::Dice, *};
use crate::schema::{Column, Table};

/// The tables that a device has, by name.
fn tables(device: &Device) -> Vec<Table> {
    let mut tables: Vec<Table> = device.database.schema().tables().cloned().collect();
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    tables
}

fn define(device: &Device, sql: &str, put: Vec<Object>, removed: &[&str]) {
    let mut transaction = begin(&device.database);
    let removed = removed.iter().map(|name| (ObjectClass::Relation, public(name))).collect();
    if transaction.define(sql, &[sql.to_owned()], put, removed).is_ok() {
        transaction.commit(Durability::NoWait).unwrap();
    }
}

fn text_columns(table: &Table) -> Vec<Column> {
    table.columns.iter().filter(|column| column.storage == Text).cloned().collect()
}

/// One random change of the schema; one that can't be made is as good as none.
fn change_schema(device: &Device, dice: &mut Dice) {
    let all = tables(device);
    let names = ["t", "u", "v"];
    let name = names[dice.roll(3) as usize];
    let Some(table) = all.get(dice.roll(all.len().max(1) as u64) as usize).cloned() else { return create(device, dice, name) };
    let old = table.name.name.clone();
    let column = ["a", "c", "d", "e"][dice.roll(4) as usize];
    let of_text = text_columns(&table);
    match dice.roll(8) {
        0 | 1 => create(device, dice, name),
        2 | 3 if table.columns.iter().all(|known| known.name != column) => {
            let mut new = table.clone();
            let mut added = table.columns[0].clone();
            (added.number, added.name, added.physical) = (new.next_column_number, column.to_owned(), column.to_owned());
            (added.storage, added.type_name) = (Text, "text".to_owned());
            new.columns.push(added);
            new.next_column_number += 1;
            define(device, &format!("ALTER TABLE {old} ADD COLUMN {column} TEXT"), vec![Object::Table(new)], &[]);
        }
        4 if of_text.len() > 1 => {
            let gone = of_text[dice.roll(of_text.len() as u64) as usize].name.clone();
            let mut new = table.clone();
            new.columns.retain(|known| known.name != gone);
            define(device, &format!("ALTER TABLE {old} DROP COLUMN {gone}"), vec![Object::Table(new)], &[]);
        }
        5 if !of_text.is_empty() && table.columns.iter().all(|known| known.name != column) => {
            let from = of_text[dice.roll(of_text.len() as u64) as usize].name.clone();
            let mut new = table.clone();
            for known in new.columns.iter_mut().filter(|known| known.name == from) {
                (known.name, known.physical) = (column.to_owned(), column.to_owned());
            }
            define(device, &format!("ALTER TABLE {old} RENAME COLUMN {from} TO {column}"), vec![Object::Table(new)], &[]);
        }
        6 if all.iter().all(|known| known.name.name != name) => {
            let mut new = table.clone();
            (new.name, new.physical) = (public(name), name.to_owned());
            define(device, &format!("ALTER TABLE {old} RENAME TO {name}"), vec![Object::Table(new)], &[&old]);
        }
        7 => define(device, &format!("DROP TABLE {old}"), vec![], &[&old]),
        _ => {}
    }
}

fn create(device: &Device, dice: &mut Dice, name: &str) {
    if device.database.schema().table(&public(name)).is_some() {
        return;
    }
    let columns: &[(&str, _)] =
        if dice.roll(2) == 0 { &[("id", Integer), ("a", Text)] } else { &[("id", Integer), ("a", Text), ("e", Text)] };
    fixture::create(&device.database, name, columns, &["id"]);
}

fn write(device: &Device, dice: &mut Dice) {
    let all = tables(device);
    let Some(table) = all.get(dice.roll(all.len().max(1) as u64) as usize) else { return };
    let of_text = text_columns(table);
    let Some(column) = of_text.get(dice.roll(of_text.len().max(1) as u64) as usize) else { return };
    let (name, column, id, value) = (&table.name.name, &column.name, dice.roll(3), dice.roll(100));
    let sql = match dice.roll(5) {
        0 | 1 => format!("INSERT OR IGNORE INTO {name} (id, {column}) VALUES ({id}, '{value}')"),
        2 | 3 => format!("UPDATE {name} SET {column} = '{value}' WHERE id = {id}"),
        _ => format!("DELETE FROM {name} WHERE id = {id}"),
    };
    let transaction = begin(&device.database);
    transaction.connection().execute_batch(&sql).unwrap();
    transaction.commit(Durability::NoWait).unwrap();
}

fn hand_over(from: &Device, to: &Device, dice: &mut Dice) {
    let mut news = from.news_for(to);
    let kept = dice.roll(news.len() as u64 + 1) as usize;
    news.truncate(if dice.roll(3) == 0 { kept } else { news.len() });
    for index in (1..news.len()).rev() {
        news.swap(index, dice.roll(index as u64 + 1) as usize);
    }
    to.take(news);
}

/// All rows of all tables, by table and column name.
fn rows(device: &Device) -> BTreeMap<String, Vec<String>> {
    let row = |table: &Table| {
        let mut names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        names.sort_unstable();
        let parts: Vec<String> = names.iter().map(|name| format!("'{name}=' || coalesce({name}, '-')")).collect();
        device.rows(&format!("SELECT {} FROM {} ORDER BY id", parts.join(" || ' ' || "), table.physical))
    };
    tables(device).iter().map(|table| (table.name.name.clone(), row(table))).collect()
}

fn shape(device: &Device) -> BTreeMap<String, BTreeSet<String>> {
    tables(device)
        .into_iter()
        .map(|table| (table.name.name.clone(), table.columns.into_iter().map(|column| column.name).collect()))
        .collect()
}

fn settle_one(device: &Device, dice: &mut Dice) {
    let pending = device.pending();
    let Some(conflict) = pending.get(dice.roll(pending.len().max(1) as u64) as usize) else { return };
    let winner = if dice.roll(2) == 0 { Winner::Local } else { Winner::Remote };
    match conflicts::resolve(&device.database, &conflict.id, winner, None) {
        Ok(_) | Err(ConflictError::Blocked(_) | ConflictError::Invalid(_)) => {}
        Err(other) => panic!("{other}"),
    }
}

fn play(seed: u64, steps: usize, settling: bool) {
    let mut dice = Dice(seed);
    let devices: [Device; 3] = if dice.roll(2) == 0 { devices() } else { std::array::from_fn(|_| Device::new()) };
    for _ in 0..steps {
        let (one, other) = (dice.roll(3) as usize, dice.roll(3) as usize);
        match dice.roll(9) {
            0 | 1 if one != other => hand_over(&devices[one], &devices[other], &mut dice),
            2..=4 => change_schema(&devices[one], &mut dice),
            5 if settling => settle_one(&devices[one], &mut dice),
            _ => write(&devices[one], &mut dice),
        }
    }
    let [a, b, c] = &devices;
    meet(&[a, b, c]);
    let waiting = |device: &Device| -> BTreeSet<(DeviceId, u64)> {
        blocked(&device.database).unwrap().into_iter().map(|blocked| (blocked.device_id, blocked.version)).collect()
    };
    for other in [b, c] {
        assert_eq!(shape(a), shape(other), "seed {seed}");
        assert_eq!(rows(a), rows(other), "seed {seed}");
        assert_eq!(ids(a), ids(other), "seed {seed}");
        assert_eq!(waiting(a), waiting(other), "seed {seed}");
    }
    // A newcomer to whom all comes at once.
    let late = Device::new();
    meet(&[a, &late]);
    assert_eq!((shape(a), rows(a)), (shape(&late), rows(&late)), "seed {seed}");
    assert_eq!(ids(a), ids(&late), "seed {seed}");
    assert_eq!(waiting(a), waiting(&late), "seed {seed}");
}

#[test]
fn random_schema_changes_end_equal() {
    super::fleet::seeds().for_each(|seed| play(seed + 2_000_000, 14, false));
}

#[test]
fn random_schema_changes_with_choices_end_equal() {
    super::fleet::seeds().for_each(|seed| play(seed + 3_000_000, 18, true));
}
