//! `.slt` files: SQL statements with what PostgreSQL answers, run through the simple and the extended protocol on any server.
//!
//! A record is a block of lines ended by an empty one: `statement ok`, `statement error SQLSTATE` or `query`, then the SQL; after `----` a
//! query has a line `name:type …` and its rows in text form, `|` between columns, `NULL` for a null. Lines that begin with `#` are comments.

use std::fmt::Write;

use postgres::{
    Client, NoTls, SimpleQueryMessage,
    types::{FromSql, Type},
};

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Line of its SQL in the file, from 1.
    pub line: usize,
    /// Comment lines above it.
    pub comments: Vec<String>,
    /// The SQL.
    pub sql: String,
    /// What it answers.
    pub answer: Answer,
}

/// What a statement answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It succeeds; its rows, if any, don't matter.
    Done,
    /// It fails with this SQLSTATE.
    Error(String),
    /// It answers rows.
    Rows {
        /// `name:type` of each column.
        columns: Vec<String>,
        /// Rows in text form, `|` between columns.
        rows: Vec<String>,
    },
}

/// Reads a file's records.
///
/// # Panics
/// At a record that is none, with its line.
pub fn parse(text: &str) -> Vec<Record> {
    let mut records = Vec::new();
    let mut comments = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        if line.starts_with('#') {
            comments.push(line.to_owned());
            continue;
        }
        let mut sql = Vec::new();
        let mut result = None;
        for (_, line) in lines.by_ref() {
            if line.is_empty() {
                break;
            }
            match (&mut result, line) {
                (None, "----") => result = Some(Vec::new()),
                (None, line) => sql.push(line),
                (Some(result), line) => result.push(line.to_owned()),
            }
        }
        let answer = match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["statement", "ok"] => Answer::Done,
            ["statement", "error"] => Answer::Error(String::new()),
            ["statement", "error", code] => Answer::Error(code.to_owned()),
            ["query"] => {
                let mut result = result.unwrap_or_default();
                let columns = if result.is_empty() { String::new() } else { result.remove(0) };
                Answer::Rows { columns: columns.split('\t').filter(|c| !c.is_empty()).map(str::to_owned).collect(), rows: result }
            }
            _ => panic!("line {}: no record begins with {line:?}", number + 1),
        };
        records.push(Record { line: number + 2, comments: std::mem::take(&mut comments), sql: sql.join("\n"), answer });
    }
    records
}

/// Writes records as [`parse`] reads them.
pub fn print(records: &[Record]) -> String {
    let mut out = String::new();
    for record in records {
        for comment in &record.comments {
            let _ = writeln!(out, "{comment}");
        }
        let head = match &record.answer {
            Answer::Done => "statement ok".to_owned(),
            Answer::Error(code) => format!("statement error {code}"),
            Answer::Rows { .. } => "query".to_owned(),
        };
        let _ = writeln!(out, "{head}\n{}", record.sql);
        if let Answer::Rows { columns, rows } = &record.answer {
            let _ = writeln!(out, "----\n{}", columns.join("\t"));
            for row in rows {
                let _ = writeln!(out, "{row}");
            }
        }
        out.push('\n');
    }
    out
}

/// A server under test, connected to one database.
pub struct Server {
    client: Client,
}

fn row_text(cells: impl Iterator<Item = Option<String>>) -> String {
    let cells: Vec<String> = cells.map(|c| c.map_or_else(|| "NULL".to_owned(), |c| c.replace('\\', "\\\\").replace('\n', "\\n"))).collect();
    // An empty line would end the record.
    if cells.len() == 1 && cells[0].is_empty() { "(empty)".to_owned() } else { cells.join("|") }
}

fn failed(error: &postgres::Error) -> Answer {
    Answer::Error(error.code().map_or_else(|| format!("no SQLSTATE: {error}"), |c| c.code().to_owned()))
}

impl Server {
    /// Connects.
    ///
    /// # Panics
    /// If that fails.
    pub fn connect(url: &str) -> Server {
        Server { client: Client::connect(url, NoTls).unwrap_or_else(|e| panic!("{url}: {e:?}")) }
    }

    /// What a record answers through the simple protocol. Column types are not told there.
    pub fn simple(&mut self, record: &Record) -> Answer {
        let messages = match self.client.simple_query(&record.sql) {
            Ok(messages) => messages,
            Err(error) => return failed(&error),
        };
        if !matches!(record.answer, Answer::Rows { .. }) {
            return Answer::Done;
        }
        let mut columns = Vec::new();
        let mut rows = Vec::new();
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(description) => columns = description.iter().map(|c| c.name().to_owned()).collect(),
                SimpleQueryMessage::Row(row) => rows.push(row_text((0..row.len()).map(|i| row.get(i).map(str::to_owned)))),
                _ => {}
            }
        }
        Answer::Rows { columns, rows }
    }

    /// What a record answers through the extended protocol with binary results: columns with their types, rows in hexadecimal.
    pub fn extended(&mut self, record: &Record) -> Answer {
        let answer = self.client.prepare(&record.sql).and_then(|statement| {
            let columns = statement.columns().iter().map(|c| format!("{}:{}", c.name(), c.type_().name())).collect();
            let rows = self.client.query(&statement, &[])?;
            let rows = rows.iter().map(|row| row_text((0..row.len()).map(|i| row.get::<_, Option<Raw>>(i).map(|r| r.0)))).collect();
            Ok(Answer::Rows { columns, rows })
        });
        match answer {
            Err(error) => failed(&error),
            Ok(_) if !matches!(record.answer, Answer::Rows { .. }) => Answer::Done,
            Ok(rows) => rows,
        }
    }
}

/// A value's bytes as they came.
struct Raw(String);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(raw.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
