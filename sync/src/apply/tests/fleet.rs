//! Random fleets: devices that write, meet and get batches in every order, and are equal in the end.

use std::collections::BTreeMap;

use super::{
    constraints::{equal, fleet},
    *,
};

/// Numbers from a seed (an LCG's high bits): a run is its seed.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A random statement; one that a constraint says no to is as good as none.
fn statement(dice: &mut Dice) -> String {
    let (p, c, text) = (dice.roll(4), dice.roll(6), ["x", "y", "z"][dice.roll(3) as usize]);
    match dice.roll(10) {
        0 | 1 => format!("INSERT INTO p VALUES ({p}, '{text}')"),
        2 => format!("UPDATE p SET name = '{text}' WHERE id = {p}"),
        3 => format!("DELETE FROM p WHERE id = {p}"),
        4..=6 => format!("INSERT INTO c VALUES ({c}, {p}, '{text}{}')", dice.roll(3)),
        7 => format!("UPDATE c SET p = {p} WHERE id = {c}"),
        8 => format!("UPDATE c SET q = '{text}{}' WHERE id = {c}", dice.roll(3)),
        _ => format!("DELETE FROM c WHERE id = {c}"),
    }
}

fn write(device: &Device, dice: &mut Dice) {
    let mut transaction = begin(&device.database);
    for _ in 0..=dice.roll(3) {
        let mark = transaction.mark().unwrap();
        if transaction.connection().execute_batch(&statement(dice)).is_err() {
            transaction.rewind(&mark).unwrap();
        }
        transaction.release(mark).unwrap();
    }
    // A deferred foreign key may say no at the end.
    let _ = transaction.commit(Durability::NoWait);
}

/// Hands over a part of what the other lacks, shuffled, some of it twice.
fn hand_over(from: &Device, to: &Device, dice: &mut Dice) {
    let mut news = from.news_for(to);
    let kept = dice.roll(news.len() as u64 + 1) as usize;
    news.truncate(if dice.roll(3) == 0 { kept } else { news.len() });
    for index in (1..news.len()).rev() {
        news.swap(index, dice.roll(index as u64 + 1) as usize);
    }
    news.extend(news.first().cloned());
    to.take(news);
}

const STATE: &str =
    "SELECT 'p' || id || name FROM p UNION ALL SELECT 'c' || id || '>' || coalesce(p, '-') || coalesce(q, '-') FROM c ORDER BY 1";

/// What shows is what the writes of each record say, except for what is set aside or came back.
fn assert_rows_are_merged(device: &Device, seed: u64) {
    let reader = device.database.reader().unwrap();
    let aside: BTreeMap<(String, String), String> = {
        let mut statement = reader.prepare("SELECT table_name, record_id, kind FROM sync_aside").unwrap();
        let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let records: Vec<(String, String)> = {
        let mut statement = reader.prepare("SELECT DISTINCT table_name, record_id FROM sync_log WHERE table_name IN ('p', 'c')").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let (schema, layouts) = (device.database.schema(), crate::schema::Layouts::load(&reader, &device.database.schema()).unwrap());
    for (table, record) in records {
        let layout = layouts.get(schema.table_by_log_name(&table).unwrap().physical.as_bytes()).unwrap();
        let shown = current_row(&reader, layout, &record).unwrap();
        let key = conflicts::RecordKey { table_name: &table, record_id: &record };
        let merged = crate::merge::merge(&record, &writes_of(&reader, key).unwrap());
        match aside.get(&(table.clone(), record.clone())).map(String::as_str) {
            None => assert_eq!(shown, merged.row, "seed {seed}: {table} {record}"),
            Some("revived") => assert!(shown.is_some() && merged.row.is_none(), "seed {seed}: {table} {record}"),
            Some(_) => assert!(shown.is_none() && merged.row.is_some(), "seed {seed}: {table} {record}"),
        }
    }
}

fn play(seed: u64, strategies: [Strategy; 3]) {
    let mut dice = Dice(seed);
    let mut devices: [Device; 3] = fleet();
    for (device, strategy) in devices.iter_mut().zip(strategies) {
        device.strategies.default = strategy;
    }
    for step in 0..40 {
        let (one, other) = (dice.roll(3) as usize, dice.roll(3) as usize);
        match dice.roll(3) {
            0 if one != other => hand_over(&devices[one], &devices[other], &mut dice),
            _ => write(&devices[one], &mut dice),
        }
        for device in &devices {
            let broken = device.rows("SELECT \"table\" || ' ' || rowid FROM pragma_foreign_key_check");
            assert_eq!(broken, [""; 0], "seed {seed}, step {step}");
        }
    }
    let [a, b, c] = &devices;
    meet(&[a, b, c]);
    for device in [a, b, c] {
        assert_eq!(blocked(&device.database).unwrap(), [], "seed {seed}");
        assert_rows_are_merged(device, seed);
    }
    assert_eq!(a.rows(STATE), b.rows(STATE), "seed {seed}");
    assert_eq!(a.rows(STATE), c.rows(STATE), "seed {seed}");
    equal(&[a, b, c], STATE);
}

pub(super) fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let from = number("PEERGRES_SEED", 0);
    from..from + number("PEERGRES_SEEDS", 12)
}

#[test]
fn random_fleets_end_equal() {
    seeds().for_each(|seed| play(seed, [Strategy::LatestTimestampWins; 3]));
}

#[test]
fn random_fleets_with_strategies_come_to_rest_and_end_equal() {
    seeds().for_each(|seed| play(seed + 1_000_000, [Strategy::LocalWins, Strategy::RemoteWins, Strategy::LocalWins]));
}
