//! PostgreSQL's own regression tests as a measure: a script runs on Peergres and on PostgreSQL, one session each, and what they
//! answer differently is counted and shown.
//!
//! Enters: two databases and the scripts of `src/test/regress/sql`, which are not part of this repository. Leaves: differences.

use std::{collections::BTreeMap, fs, path::Path};

use postgres::{Client, NoTls};

pub mod answer;
pub mod script;

use answer::{Answer, Kind};
use script::Step;

/// What one statement answers differently.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Line of the script.
    pub line: usize,
    /// The statement.
    pub sql: String,
    /// How the answers differ.
    pub kind: Kind,
    /// What Peergres answers.
    pub ours: Answer,
    /// What PostgreSQL answers.
    pub theirs: Answer,
}

/// One script's outcome.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Statements sent.
    pub asked: usize,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// Both servers.
pub struct Pair<'a> {
    ours: &'a str,
    theirs: &'a str,
    /// `src/test/regress`, for the data files of COPY.
    folder: &'a Path,
}

/// One script's run: both sessions, and psql's variables on either side.
struct Run<'a> {
    pair: &'a Pair<'a>,
    clients: [Client; 2],
    variables: [BTreeMap<String, String>; 2],
    outcome: Outcome,
}

/// A session that no statement can hold for ever.
fn connect(url: &str) -> Client {
    let mut client = Client::connect(url, NoTls).unwrap_or_else(|e| panic!("{url}: {e:?}"));
    client.batch_execute("SET statement_timeout = '20s'; SET datestyle = 'Postgres, MDY'; SET timezone = 'PST8PDT'; SET intervalstyle = 'postgres_verbose'").expect("settings");
    client
}

impl<'a> Pair<'a> {
    /// Two databases by their URLs, and the folder `src/test/regress`.
    pub fn new(ours: &'a str, theirs: &'a str, folder: &'a Path) -> Pair<'a> {
        Pair { ours, theirs, folder }
    }

    /// Runs the script `sql/NAME.sql`.
    ///
    /// # Panics
    /// If it can't be read, or a server does not accept.
    pub fn run(&self, name: &str) -> Outcome {
        let path = self.folder.join("sql").join(format!("{name}.sql"));
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let variables = BTreeMap::new();
        let mut run = Run {
            pair: self,
            clients: [connect(self.ours), connect(self.theirs)],
            variables: [variables.clone(), variables],
            outcome: Outcome::default(),
        };
        for step in script::steps(&text) {
            run.step(step);
        }
        run.outcome
    }
}

impl Run<'_> {
    fn step(&mut self, step: Step) {
        match step {
            Step::Environment(name) => {
                for variables in &mut self.variables {
                    variables.insert(name.clone(), self.pair.folder.display().to_string());
                }
            }
            Step::Set(name, value) => {
                for variables in &mut self.variables {
                    let value = words(&value, variables);
                    variables.insert(name.clone(), value);
                }
            }
            Step::Reconnect => self.clients = [connect(self.pair.ours), connect(self.pair.theirs)],
            Step::Statement { line, sql, data, into } => self.statement(line, &sql, data, into.as_deref()),
        }
    }

    fn statement(&mut self, line: usize, sql: &str, data: Option<String>, into: Option<&str>) {
        self.outcome.asked += 1;
        let answers = [1, 0].map(|side| {
            let sql = filled(sql, &self.variables[side]);
            let (sql, data) = from_file(&sql, data.clone());
            let answer = answer::ask(&mut self.clients[side], &sql, data.as_deref());
            if let (Some(prefix), Answer::Rows { columns, rows }) = (into, &answer)
                && let [row] = &rows[..]
            {
                let names = columns.iter().map(|c| c.split(':').next().unwrap_or(c));
                let named = names.zip(row.split('|')).map(|(name, value)| (format!("{prefix}{name}"), value.to_owned()));
                self.variables[side].extend(named);
            }
            answer
        });
        let [theirs, ours] = answers;
        if self.clients[0].is_closed() || self.clients[1].is_closed() {
            self.clients = [connect(self.pair.ours), connect(self.pair.theirs)];
        }
        if let Some(kind) = answer::difference(sql, &ours, &theirs) {
            self.outcome.differences.push(Difference { line, sql: sql.to_owned(), kind, ours, theirs });
        }
    }
}

/// `COPY … FROM 'file'` as COPY from the client with the file's content: the files lie with the tests, not with the servers.
fn from_file(sql: &str, data: Option<String>) -> (String, Option<String>) {
    let is_copy = sql.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("copy "));
    let lower = sql.to_lowercase();
    if let (true, Some(at)) = (is_copy, lower.find(" from '"))
        && let Some(path) = sql[at + 7..].split('\'').next()
        && let Ok(content) = fs::read_to_string(path)
    {
        return (sql.replacen(&format!("'{path}'"), "STDIN", 1), Some(content));
    }
    (sql.to_owned(), data)
}

/// psql's variables put in: `:name`, `:'name'` and `:"name"`.
fn filled(sql: &str, variables: &BTreeMap<String, String>) -> String {
    let mut text = sql.to_owned();
    for (name, value) in variables {
        text = text.replace(&format!(":'{name}'"), &format!("'{}'", value.replace('\'', "''")));
        text = text.replace(&format!(":\"{name}\""), &format!("\"{value}\""));
        let bare = format!(":{name}");
        let mut from = 0;
        while let Some(at) = text[from..].find(&bare).map(|n| from + n) {
            let ends = !text[at + bare.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
            let begins = !text[..at].ends_with([':', '\'']) && !text[..at].ends_with(|c: char| c.is_alphanumeric());
            if ends && begins {
                text.replace_range(at..at + bare.len(), value);
                from = at + value.len();
            } else {
                from = at + bare.len();
            }
        }
    }
    text
}

/// The value of `\set`: its words, put together.
fn words(value: &str, variables: &BTreeMap<String, String>) -> String {
    let word = |word: &str| {
        let quoted = word.strip_prefix('\'').and_then(|w| w.strip_suffix('\''));
        quoted.map_or_else(|| filled(word, variables), str::to_owned)
    };
    value.split_whitespace().map(word).collect()
}
