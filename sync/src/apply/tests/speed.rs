//! How fast batches go in: `cargo test --release -p peergres-sync speed -- --ignored --nocapture`.

use std::time::Instant;

use super::*;

const ROWS_WRITTEN: u64 = 100_000;

fn rate(what: &str, news: Vec<Transaction>, to: &Device) {
    let changes: usize = news.iter().map(|transaction| transaction.changes.len()).sum();
    let start = Instant::now();
    let taken = to.take(news);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!((taken.changes, taken.blocked), (changes as u64, 0));
    println!("{what}: {changes} changes, {:.0} rows/s", changes as f64 / seconds);
}

fn write(device: &Device, one_by_one: bool, sql: &str) {
    let mut transaction = begin(&device.database);
    for id in 1..=ROWS_WRITTEN {
        transaction.connection().prepare_cached(sql).unwrap().execute([id]).unwrap();
        if one_by_one && id % 10 == 0 {
            transaction.commit(Durability::NoWait).unwrap();
            transaction = begin(&device.database);
        }
    }
    transaction.commit(Durability::Wait).unwrap();
}

#[test]
#[ignore = "a measurement"]
fn rates_of_batches() {
    let [a, b] = devices();
    a.run("DELETE FROM t");
    meet(&[&a, &b]);
    write(&a, false, "INSERT INTO t VALUES (?1, 'some text of a usual length', ?1 * 7)");
    rate("one transaction, inserts, nobody else wrote", a.news_for(&b), &b);
    write(&a, false, "UPDATE t SET b = b + 1 WHERE id = ?1");
    rate("one transaction, updates, nobody else wrote", a.news_for(&b), &b);
    write(&a, true, "UPDATE t SET b = b + 1 WHERE id = ?1");
    rate("transactions of ten, nobody else wrote", a.news_for(&b), &b);
    b.run("INSERT INTO t VALUES (0, 'of b', 0)");
    write(&a, false, "UPDATE t SET b = b + 1 WHERE id = ?1");
    rate("one transaction, updates, others wrote other rows", a.news_for(&b), &b);
    write(&a, true, "UPDATE t SET b = b + 1 WHERE id = ?1");
    rate("transactions of ten, others wrote other rows", a.news_for(&b), &b);
    meet(&[&a, &b]);
    write(&a, false, "UPDATE t SET b = b + 1 WHERE id = ?1");
    write(&b, false, "UPDATE t SET a = 'x' WHERE id = ?1");
    rate("one transaction, updates, others wrote other columns of each row", a.news_for(&b), &b);
}
