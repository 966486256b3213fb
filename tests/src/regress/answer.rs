//! What a server answers to one statement, and how two answers differ.

use std::{fmt, io::Write};

use postgres::{Client, SimpleQueryMessage, error::ErrorPosition};

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Success: rows, if any, with the columns' names.
    Rows {
        /// Names, with types where they could be asked.
        columns: Vec<String>,
        /// Rows in text form, `|` between columns.
        rows: Vec<String>,
    },
    /// Failure.
    Error {
        /// SQLSTATE.
        code: String,
        /// Message.
        message: String,
        /// Position, detail, hint, and the fields that name objects.
        rest: String,
    },
    /// The connection ended.
    Broken(String),
}

/// How answers differ, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The connection broke.
    Broken,
    /// Other rows.
    Wrong,
    /// The same rows in another order than was asked for.
    Order,
    /// Other names or types of columns.
    Columns,
    /// An answer where PostgreSQL has an error.
    Accepted,
    /// An error where PostgreSQL has an answer.
    Refused,
    /// 0A000 where PostgreSQL has an answer.
    Unsupported,
    /// 0A000 where PostgreSQL has another error.
    UnsupportedError,
    /// Another SQLSTATE.
    State,
    /// Another message.
    Message,
    /// Another position, detail, hint or name.
    Fields,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

/// How the answers to `sql` differ, if they do.
pub fn difference(sql: &str, ours: &Answer, theirs: &Answer) -> Option<Kind> {
    let kind = match (ours, theirs) {
        (Answer::Broken(_), Answer::Broken(_)) => return None,
        (Answer::Broken(_), _) | (_, Answer::Broken(_)) => Kind::Broken,
        (Answer::Rows { columns, rows }, Answer::Rows { columns: their_columns, rows: their_rows }) => {
            if rows != their_rows {
                let sorted = |rows: &[String]| {
                    let mut rows = rows.to_vec();
                    rows.sort();
                    rows
                };
                if sorted(rows) != sorted(their_rows) {
                    return Some(Kind::Wrong);
                }
                if sql.to_lowercase().contains("order by") {
                    return Some(Kind::Order);
                }
            }
            if columns == their_columns {
                return None;
            }
            Kind::Columns
        }
        (Answer::Rows { .. }, Answer::Error { .. }) => Kind::Accepted,
        (Answer::Error { code, .. }, Answer::Rows { .. }) if code == "0A000" => Kind::Unsupported,
        (Answer::Error { .. }, Answer::Rows { .. }) => Kind::Refused,
        (Answer::Error { code, message, rest }, Answer::Error { code: their_code, message: their_message, rest: their_rest }) => match () {
            () if code != their_code && code == "0A000" => Kind::UnsupportedError,
            () if code != their_code => Kind::State,
            () if message != their_message => Kind::Message,
            () if rest != their_rest => Kind::Fields,
            () => return None,
        },
    };
    Some(kind)
}

/// What a client answers, by the simple protocol; columns' types are asked by preparing the statement as well.
pub fn ask(client: &mut Client, sql: &str, data: Option<&str>) -> Answer {
    if let Some(data) = data {
        let copied = client.copy_in(sql).and_then(|mut writer| {
            // A write that fails shows in what `finish` says.
            let _ = writer.write_all(data.as_bytes());
            writer.finish()
        });
        return copied.map_or_else(|e| failed(client, &e), |count| Answer::Rows { columns: vec![], rows: vec![format!("COPY {count}")] });
    }
    match client.simple_query(sql) {
        Ok(messages) => rows(client, sql, messages),
        Err(error) => failed(client, &error),
    }
}

fn rows(client: &mut Client, sql: &str, messages: Vec<SimpleQueryMessage>) -> Answer {
    let (mut columns, mut rows) = (Vec::new(), Vec::new());
    for message in messages {
        match message {
            SimpleQueryMessage::RowDescription(description) => columns = description.iter().map(|c| c.name().to_owned()).collect(),
            SimpleQueryMessage::Row(row) => {
                let cells: Vec<&str> = (0..row.len()).map(|i| row.get(i).unwrap_or("NULL")).collect();
                rows.push(cells.join("|"));
            }
            _ => {}
        }
    }
    let word = sql.split(|c: char| !c.is_alphabetic()).find(|w| !w.is_empty()).unwrap_or_default().to_lowercase();
    let is_query = ["select", "values", "with", "table"].contains(&word.as_str());
    if is_query && let Ok(statement) = client.prepare(sql) {
        columns = statement.columns().iter().map(|c| format!("{}:{}", c.name(), c.type_().name())).collect();
    }
    Answer::Rows { columns, rows }
}

fn failed(client: &Client, error: &postgres::Error) -> Answer {
    let Some(error) = error.as_db_error() else {
        let text = error.to_string();
        return if client.is_closed() {
            Answer::Broken(text)
        } else {
            Answer::Error { code: "-".into(), message: text, rest: String::new() }
        };
    };
    let position = match error.position() {
        Some(ErrorPosition::Original(at)) => format!("at {at}"),
        Some(ErrorPosition::Internal { position, query }) => format!("at {position} of {query}"),
        None => String::new(),
    };
    let fields = [("D", error.detail()), ("H", error.hint()), ("s", error.schema()), ("t", error.table()), ("c", error.column())];
    let more = [("d", error.datatype()), ("n", error.constraint())];
    let rest: Vec<String> = fields.into_iter().chain(more).filter_map(|(name, text)| text.map(|text| format!("{name}: {text}"))).collect();
    Answer::Error {
        code: error.code().code().to_owned(),
        message: error.message().to_owned(),
        rest: [vec![position], rest].concat().join(" "),
    }
}
