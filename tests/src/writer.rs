//! A client that writes until its server dies, and remembers what was acknowledged.
//!
//! Enters: a connection string and a seed. Leaves: [`Acknowledged`], to be checked against a node later. Each transaction inserts some rows
//! of table `written`, all with the transaction's number, so that half a transaction would be seen; now and then one also updates a row
//! that all writers share.

use std::{collections::BTreeMap, thread, time::Duration};

use postgres::{Client, NoTls};

use crate::node::Node;

/// Random numbers that a seed repeats (xorshift64*, Marsaglia 2003, Vigna 2016).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed; the same seed, the same numbers.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// Rows of each acknowledged transaction, by writer and number.
pub type Acknowledged = BTreeMap<(String, i64), i64>;

/// The tables that writers write to.
pub const TABLES: &str =
    "CREATE TABLE written (writer text, number bigint, part int, body text NOT NULL, PRIMARY KEY (writer, number, part));
    CREATE TABLE shared (id int PRIMARY KEY, value text NOT NULL);
    INSERT INTO shared SELECT n, 'none' FROM generate_series(1, 5) AS n;";

/// Starts writing, until the server is gone; `number` is the first transaction's.
pub fn write(url: &str, writer: &str, number: i64, mut random: Random) -> thread::JoinHandle<Acknowledged> {
    let (url, writer) = (url.to_owned(), writer.to_owned());
    thread::spawn(move || {
        let mut acknowledged = Acknowledged::new();
        let Ok(mut client) = Client::connect(&url, NoTls) else { return acknowledged };
        for number in number.. {
            let rows = i64::try_from(random.below(30)).expect("it is below 30") + 1;
            let mut transaction = |client: &mut Client| -> Result<(), postgres::Error> {
                let mut open = client.transaction()?;
                let insert = "INSERT INTO written SELECT $1, $2, part, repeat('x', 40) FROM generate_series(1, $3::int) AS part";
                open.execute(insert, &[&writer, &number, &i32::try_from(rows).expect("it is below 31")])?;
                if random.below(4) == 0 {
                    let id = i32::try_from(random.below(5)).expect("it is below 5") + 1;
                    open.execute("UPDATE shared SET value = $1 WHERE id = $2", &[&format!("{writer} {number}"), &id])?;
                }
                open.commit()
            };
            match transaction(&mut client) {
                Ok(()) => drop(acknowledged.insert((writer.clone(), number), rows)),
                Err(error) if error.as_db_error().is_some_and(|e| !e.code().code().starts_with("57P")) => {
                    panic!("{writer} {number}: {error:?}")
                }
                // The server is gone, or going: what this transaction became is not known.
                Err(_) => return acknowledged,
            }
        }
        acknowledged
    })
}

/// All that was acknowledged is there, and no transaction is there by half.
///
/// # Panics
/// With the first transaction that is missing or halved.
pub fn check(node: &Node, acknowledged: &Acknowledged) {
    let query = "SELECT writer, number, count(*), max(part) FROM written GROUP BY writer, number";
    let rows = node.rows(query);
    let found: BTreeMap<(String, i64), (i64, i64)> = rows
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            let number = |at: usize| cells[at].parse::<i64>().unwrap_or_else(|e| panic!("{line}: {e}"));
            ((cells[0].to_owned(), number(1)), (number(2), number(3)))
        })
        .collect();
    for (key, rows) in acknowledged {
        assert_eq!(found.get(key).map(|(count, _)| count), Some(rows), "{}: acknowledged transaction {key:?}", node.name());
    }
    for (key, (count, last)) in found {
        assert_eq!(count, last, "{}: a transaction is there by half: {key:?}", node.name());
    }
}

/// Waits a moment that differs from time to time.
pub fn pause(random: &mut Random, least_ms: u64, most_ms: u64) {
    thread::sleep(Duration::from_millis(least_ms + random.below(most_ms - least_ms)));
}
