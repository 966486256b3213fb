//! A differential fuzzer: from PostgreSQL's own catalogs it makes expressions and queries, asks Peergres and PostgreSQL, and shrinks what
//! they answer differently to the smallest statement that still differs.
//!
//! Enters: a seed and a budget. Leaves: differences, each an `.slt` record with its seed. What Peergres does not support (0A000) is
//! counted, not a difference: it says so itself.

use std::collections::{BTreeMap, HashSet};

use fastrand::Rng;
use postgres::{Client, NoTls};

use crate::slt::{Answer, Record, Server};

pub mod generate;
pub mod query;
pub mod signatures;
pub mod tree;
pub mod values;

use generate::Generator;
use query::Query;

/// Steps of shrinking at the most.
const SHRINK_STEPS: usize = 400;

/// Two answers to one statement.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Seed of the statement.
    pub seed: u64,
    /// The statement, made small.
    pub sql: String,
    /// What Peergres answers.
    pub ours: Answer,
    /// What PostgreSQL answers.
    pub theirs: Answer,
}

/// What a run found.
#[derive(Debug, Default)]
pub struct Report {
    /// Statements asked.
    pub asked: u64,
    /// Of these, both sides answered rows.
    pub answered: u64,
    /// Statements that Peergres refused with 0A000, by its words.
    pub unsupported: BTreeMap<String, u64>,
    /// What differs, one for each kind of statement.
    pub differences: Vec<Difference>,
    shapes: HashSet<String>,
}

/// Both servers, with the same tables.
pub struct Fuzzer {
    ours: Server,
    theirs: Server,
    our_url: String,
    signatures: signatures::Signatures,
}

impl Fuzzer {
    /// Connects to two fresh databases and makes the tables.
    ///
    /// # Panics
    /// If a server does not answer, or the tables can't be made on both.
    pub fn start(our_url: &str, their_url: &str) -> Fuzzer {
        let connect = |url: &str| Client::connect(url, NoTls).unwrap_or_else(|e| panic!("{url}: {e:?}"));
        let (mut ours, mut theirs) = (connect(our_url), connect(their_url));
        for statement in generate::tables(&mut Rng::with_seed(1)) {
            match ours.batch_execute(&statement) {
                Err(error) if error.code().is_some_and(|code| code.code() == "0A000") => continue,
                done => done.unwrap_or_else(|e| panic!("Peergres: {statement}: {e:?}")),
            }
            theirs.batch_execute(&statement).unwrap_or_else(|e| panic!("PostgreSQL: {statement}: {e:?}"));
        }
        let signatures = signatures::load(&mut theirs);
        let mut fuzzer =
            Fuzzer { ours: Server::connect(our_url), theirs: Server::connect(their_url), our_url: our_url.to_owned(), signatures };
        fuzzer.theirs.simple(&record("SET statement_timeout = '5s'"));
        fuzzer.settle();
        fuzzer
    }

    fn settle(&mut self) {
        self.ours.simple(&record("SET statement_timeout = '5s'"));
    }

    /// Asks `count` statements from `seed` on.
    pub fn run(&mut self, seed: u64, count: u64, report: &mut Report) {
        for seed in seed..seed + count {
            let query = Generator { rng: Rng::with_seed(seed), signatures: &self.signatures }.query();
            let (ours, theirs) = self.ask(&query.sql());
            report.asked += 1;
            report.answered += u64::from(matches!((&ours, &theirs), (Answer::Rows { .. }, Answer::Rows { .. })));
            if is_unsupported(&ours) {
                *report.unsupported.entry(self.words(&query)).or_default() += 1;
            } else if !agree(&ours, &theirs) {
                let found = self.shrink(seed, query);
                if report.shapes.insert(shape(&found.sql)) {
                    report.differences.push(found);
                }
            }
        }
    }

    /// Both answers: columns and types as prepared, rows in text.
    fn ask(&mut self, sql: &str) -> (Answer, Answer) {
        let record = record(sql);
        let theirs = described(&mut self.theirs, &record);
        let ours = described(&mut self.ours, &record);
        if matches!(&ours, Answer::Error(code) if code.starts_with("no SQLSTATE")) {
            // A connection that broke is a difference of its own; the next statement gets a new one.
            self.ours = Server::connect(&self.our_url);
            self.settle();
        }
        (ours, theirs)
    }

    fn words(&mut self, query: &Query) -> String {
        let mut client = Client::connect(&self.our_url, NoTls).expect("Peergres accepts");
        match client.simple_query(&query.sql()) {
            Err(error) => error.as_db_error().map_or_else(|| error.to_string(), |e| e.message().to_owned()),
            Ok(_) => "supported at the second try".to_owned(),
        }
    }

    fn shrink(&mut self, seed: u64, mut query: Query) -> Difference {
        let mut steps = 0;
        'smaller: loop {
            for candidate in query.smaller() {
                steps += 1;
                if steps > SHRINK_STEPS {
                    break 'smaller;
                }
                let (ours, theirs) = self.ask(&candidate.sql());
                if !is_unsupported(&ours) && !agree(&ours, &theirs) {
                    query = candidate;
                    continue 'smaller;
                }
            }
            break;
        }
        let sql = query.sql();
        let (ours, theirs) = self.ask(&sql);
        Difference { seed, sql, ours, theirs }
    }
}

impl Difference {
    /// As a record for `tests/slt`.
    pub fn record(&self) -> String {
        let comments = vec![format!("# seed {}; ours was {:?}", self.seed, self.ours)];
        crate::slt::print(&[Record { line: 0, comments, sql: self.sql.clone(), answer: self.theirs.clone() }])
    }
}

fn record(sql: &str) -> Record {
    Record { line: 0, comments: Vec::new(), sql: sql.to_owned(), answer: Answer::Rows { columns: Vec::new(), rows: Vec::new() } }
}

/// Rows in text, with the types that the extended protocol tells.
fn described(server: &mut Server, record: &Record) -> Answer {
    match (server.simple(record), server.extended(record)) {
        (Answer::Rows { rows, .. }, Answer::Rows { columns, .. }) => {
            let mut rows = rows;
            // Of equal values that print differently, DISTINCT and GROUP BY may keep either.
            rows.sort_by_cached_key(|row| row.split('|').map(|cell| if cell == "-0" { "0" } else { cell }).collect::<Vec<_>>().join("|"));
            Answer::Rows { columns, rows }
        }
        (Answer::Error(code), _) | (_, Answer::Error(code)) => Answer::Error(code),
        (other, _) => other,
    }
}

fn is_unsupported(answer: &Answer) -> bool {
    matches!(answer, Answer::Error(code) if code == "0A000")
}

/// Whether two answers mean the same. Of several faulty parts of one statement either may fail first (the manual, 4.2.14), so any two data
/// exceptions (class 22) agree; floating point agrees to 12 digits, since the C libraries differ in the last ones.
fn agree(ours: &Answer, theirs: &Answer) -> bool {
    match (ours, theirs) {
        (Answer::Error(a), Answer::Error(b)) => a == b || (is_data_exception(a) && is_data_exception(b)),
        (Answer::Rows { columns: a, rows: x }, Answer::Rows { columns: b, rows: y }) => {
            a == b && x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x == y || close(x, y))
        }
        // PostgreSQL evaluates what is constant before it knows that there is no row (the manual, 38.7).
        (Answer::Rows { rows, .. }, Answer::Error(code)) => rows.is_empty() && is_data_exception(code),
        _ => false,
    }
}

/// Class 22, and what PostgreSQL does not support of a value (`cannot convert NaN to integer`).
fn is_data_exception(code: &str) -> bool {
    code.starts_with("22") || code == "0A000"
}

fn close(x: &str, y: &str) -> bool {
    let (x, y): (Vec<&str>, Vec<&str>) = (x.split('|').collect(), y.split('|').collect());
    x.len() == y.len()
        && x.iter().zip(&y).all(|(x, y)| {
            x == y
                || match (x.parse::<f64>(), y.parse::<f64>()) {
                    (Ok(a), Ok(b)) => (a - b).abs() <= a.abs().max(b.abs()) * 1e-12,
                    _ => false,
                }
        })
}

/// The statement without its literals: differences of one shape are one.
fn shape(sql: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    for c in sql.chars() {
        match c {
            '\'' => quoted = !quoted,
            _ if quoted || c.is_ascii_digit() => {}
            c => out.push(c),
        }
    }
    out
}
