//! The statements that 15 clients were recorded to send, through both protocols, here and on PostgreSQL 15: columns with their types, parameters,
//! rows and SQLSTATE agree, but for those that `tests/data/client_statements_differences.txt` names with the reason.
//!
//! A client's statements run in order in one session over the tables of `client_statements_setup.sql`. Parameters get a sample value of
//! their type. OIDs of users' objects are each server's own and count as equal; rows of a query without ORDER BY are compared as a set.
//! `CLIENT=name` runs one client's, `SHOW_DIFFERENCES=1` prints every difference.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use peergres_tests::{node::Node, oracle::Oracle};
use postgres::{
    Client, NoTls, SimpleQueryMessage,
    types::{FromSql, IsNull, ToSql, Type, private::BytesMut},
};

/// A recorded statement.
#[derive(Clone, Debug)]
struct Recorded {
    client: String,
    sql: String,
}

fn recorded(json: &str) -> Vec<Recorded> {
    let list: Vec<serde_json::Value> = serde_json::from_str(json).expect("the recording is a JSON array");
    let text = |entry: &serde_json::Value, key: &str| entry[key].as_str().expect("an entry has client and sql").to_owned();
    list.iter().map(|entry| Recorded { client: text(entry, "client"), sql: text(entry, "sql") }).collect()
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
struct Answer {
    /// SQLSTATE, empty for success.
    state: String,
    parameters: Vec<String>,
    columns: Vec<String>,
    rows: Vec<String>,
}

impl Answer {
    fn failed(error: &postgres::Error) -> Answer {
        let state = error.code().map_or_else(|| format!("no SQLSTATE: {error}"), |code| code.code().to_owned());
        Answer { state, parameters: Vec::new(), columns: Vec::new(), rows: Vec::new() }
    }
}

/// A value of whatever type a parameter has.
#[derive(Debug)]
struct Sample;

impl ToSql for Sample {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match *ty {
            Type::INT2 => 1i16.to_sql(ty, out),
            Type::INT4 => 1i32.to_sql(ty, out),
            Type::INT8 => 1i64.to_sql(ty, out),
            Type::OID => 1259u32.to_sql(ty, out),
            Type::BOOL => true.to_sql(ty, out),
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN | Type::BPCHAR => "author".to_sql(ty, out),
            _ => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    postgres::types::to_sql_checked!();
}

/// A value's bytes as they came; a user's OID is not looked at.
struct Raw(String);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let is_oid = matches!(ty.name(), "oid" | "regclass" | "regtype" | "regproc" | "regprocedure" | "regnamespace" | "regrole");
        if is_oid && raw.len() == 4 && u32::from_be_bytes(raw.try_into()?) >= 16384 {
            return Ok(Raw("<oid>".to_owned()));
        }
        if matches!(*ty, Type::OID_ARRAY | Type::OID_VECTOR | Type::REGTYPE_ARRAY) && raw.len() > 20 {
            let items = raw[20..].chunks(8).map(|item| match item {
                [_, _, _, _, number @ ..] if number.len() == 4 => {
                    oid_or_mark(u32::from_be_bytes([number[0], number[1], number[2], number[3]]))
                }
                other => format!("{other:?}"),
            });
            return Ok(Raw(items.collect::<Vec<_>>().join(" ")));
        }
        Ok(Raw(match std::str::from_utf8(raw) {
            Ok(text) if text.chars().all(|c| !c.is_control() || c == '\n') => text.to_owned(),
            _ => raw.iter().fold("\\x".to_owned(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }),
        }))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn oid_or_mark(oid: u32) -> String {
    if oid >= 16384 { "<oid>".to_owned() } else { oid.to_string() }
}

/// Numbers of users' objects in a cell of text form.
fn without_oids(cell: &str) -> String {
    let is_list = !cell.is_empty() && cell.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '{' | '}' | ','));
    if !is_list {
        return cell.to_owned();
    }
    let mut out = String::new();
    let mut number = String::new();
    for c in cell.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        match number.parse::<u32>() {
            Ok(oid) if oid >= 16384 => out.push_str("<oid>"),
            _ => out.push_str(&number),
        }
        number.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

/// Whether an ORDER BY stands outside all parentheses.
fn is_ordered(sql: &str) -> bool {
    let mut depth = 0;
    let outside: String = sql
        .chars()
        .filter(|c| {
            depth += i32::from(*c == '(') - i32::from(*c == ')');
            depth == 0
        })
        .collect();
    outside.to_lowercase().contains("order by")
}

fn settle(sql: &str, mut rows: Vec<String>) -> Vec<String> {
    if !is_ordered(sql) {
        rows.sort();
    }
    rows
}

fn copied(client: &mut Client, sql: &str) -> Option<Answer> {
    let lower = sql.trim_start().to_lowercase();
    if !lower.starts_with("copy") {
        return None;
    }
    let rows = if lower.contains("from stdin") {
        client.copy_in(sql).and_then(|mut writer| {
            let _ = writer.flush();
            writer.finish().map(|count| vec![count.to_string()])
        })
    } else {
        client.copy_out(sql).map(|mut reader| {
            let mut bytes = Vec::new();
            let _ = reader.read_to_end(&mut bytes);
            vec![String::from_utf8_lossy(&bytes).into_owned()]
        })
    };
    Some(match rows {
        Ok(rows) => Answer { state: String::new(), parameters: Vec::new(), columns: Vec::new(), rows },
        Err(error) => Answer::failed(&error),
    })
}

fn simple(client: &mut Client, sql: &str) -> Answer {
    if let Some(answer) = copied(client, sql) {
        return answer;
    }
    let messages = match client.simple_query(sql) {
        Ok(messages) => messages,
        Err(error) => return Answer::failed(&error),
    };
    let (mut columns, mut rows) = (Vec::new(), Vec::new());
    for message in messages {
        match message {
            SimpleQueryMessage::RowDescription(found) => columns = found.iter().map(|column| column.name().to_owned()).collect(),
            SimpleQueryMessage::Row(row) => {
                let cells: Vec<String> = (0..row.len()).map(|i| row.get(i).map_or_else(|| "NULL".to_owned(), without_oids)).collect();
                rows.push(cells.join("|"));
            }
            _ => {}
        }
    }
    Answer { state: String::new(), parameters: Vec::new(), columns, rows: settle(sql, rows) }
}

fn extended(client: &mut Client, sql: &str) -> Answer {
    if let Some(answer) = copied(client, sql) {
        return answer;
    }
    let answer = client.prepare(sql).and_then(|statement| {
        let parameters: Vec<String> = statement.params().iter().map(|ty| ty.name().to_owned()).collect();
        let columns = statement.columns().iter().map(|c| format!("{}:{}", c.name(), c.type_().name())).collect();
        let samples: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|_| &Sample as &(dyn ToSql + Sync)).collect();
        let rows = client.query(&statement, &samples)?;
        let cell = |row: &postgres::Row, i: usize| row.get::<_, Option<Raw>>(i).map_or_else(|| "NULL".to_owned(), |raw| raw.0);
        let rows = rows.iter().map(|row| (0..row.len()).map(|i| cell(row, i)).collect::<Vec<_>>().join("|")).collect();
        Ok(Answer { state: String::new(), parameters, columns, rows: settle(sql, rows) })
    });
    answer.unwrap_or_else(|error| Answer::failed(&error))
}

/// Clients that only read share a database; each of the others has its own.
fn group(client: &str, all: &[Recorded]) -> String {
    let reads = |sql: &str| {
        let word = sql.split_whitespace().next().unwrap_or_default().to_lowercase();
        matches!(word.as_str(), "select" | "show" | "set" | "with")
    };
    if all.iter().filter(|r| r.client == client).all(|r| reads(&r.sql)) {
        return "readers".to_owned();
    }
    client.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// A server: makes a database with the setup's tables where it is first asked for, and a session in it.
struct Server<'a> {
    url_of: Box<dyn Fn(&str) -> String + 'a>,
    made: Vec<String>,
    setup: String,
}

impl Server<'_> {
    fn session(&mut self, database: &str) -> Client {
        if !self.made.iter().any(|made| made == database) {
            let mut admin = Client::connect(&(self.url_of)("postgres"), NoTls).expect("the server accepts");
            admin.batch_execute(&format!("CREATE DATABASE \"{database}\"")).expect("a database can be made");
            let mut session = Client::connect(&(self.url_of)(database), NoTls).expect("the database accepts");
            session.batch_execute(&self.setup).expect("the setup's tables can be made");
            self.made.push(database.to_owned());
        }
        let mut session = Client::connect(&(self.url_of)(database), NoTls).expect("the database accepts");
        session.batch_execute("SET statement_timeout = '20s'").expect("a timeout can be set");
        session
    }
}

/// The file's lines: `number reason`, the number counted from 0; a reason that begins with `open:` is a fault still to be mended.
fn expected(path: &Path) -> BTreeMap<usize, String> {
    let text = fs::read_to_string(path).expect("the list of differences can be read");
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let entry = |line: &str| {
        let (number, reason) = line.split_once(' ').expect("a line has a number and a reason");
        (number.parse().expect("a line begins with a number"), reason.to_owned())
    };
    lines.map(entry).collect()
}

fn described(answer: &Answer, other: &Answer) -> String {
    let part = |name: &str, mine: &[String], theirs: &[String]| {
        let differing: Vec<&String> = mine.iter().filter(|item| !theirs.contains(item)).take(3).collect();
        if mine == theirs { String::new() } else { format!(" {name}({}) {differing:?}", mine.len()) }
    };
    let state = if answer.state == other.state { String::new() } else { format!(" state {:?}", answer.state) };
    state
        + &part("parameters", &answer.parameters, &other.parameters)
        + &part("columns", &answer.columns, &other.columns)
        + &part("rows", &answer.rows, &other.rows)
}

#[test]
fn recorded_statements_of_clients_answer_as_on_postgresql() {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data");
    let read = |name: &str| fs::read_to_string(data.join(name)).expect("the file is there");
    let all = recorded(&read("client_statements.json"));
    let only = std::env::var("CLIENT").unwrap_or_default();
    let (oracle, node) = (Oracle::start(&["fsync=off"]), Node::start("client_statements", &[]));
    let setup = read("client_statements_setup.sql");
    let mut theirs = Server { url_of: Box::new(|d| oracle.url(d)), made: Vec::new(), setup: setup.clone() };
    let mut ours = Server { url_of: Box::new(|d| node.url(d)), made: Vec::new(), setup };
    let mut clients: Vec<&str> = Vec::new();
    for recorded in &all {
        if !clients.contains(&recorded.client.as_str()) && recorded.client.contains(&only) {
            clients.push(&recorded.client);
        }
    }
    let mut found: BTreeMap<usize, String> = BTreeMap::new();
    let mut count = 0;
    for client in clients {
        for (protocol, run) in [("simple", simple as fn(&mut Client, &str) -> Answer), ("extended", extended)] {
            let database = format!("{}_{protocol}", group(client, &all));
            let (mut there, mut here) = (theirs.session(&database), ours.session(&database));
            for (number, recorded) in all.iter().enumerate().filter(|(_, r)| r.client == client) {
                count += 1;
                let (right, mine) = (run(&mut there, &recorded.sql), run(&mut here, &recorded.sql));
                if here.is_closed() {
                    assert!(Client::connect(&node.url("postgres"), NoTls).is_ok(), "{}\n{}", recorded.sql, node.said());
                    here = ours.session(&database);
                }
                if right != mine {
                    let text = found.entry(number).or_default();
                    let (mine, right) = (described(&mine, &right), described(&right, &mine));
                    let _ = writeln!(text, "  {protocol}\n    ours      {mine}\n    PostgreSQL{right}");
                }
            }
        }
    }
    assert!(count > 0, "no statement was run");
    let known = expected(&data.join("client_statements_differences.txt"));
    let is_new = |number: &usize| !known.contains_key(number) || std::env::var_os("SHOW_DIFFERENCES").is_some();
    let shown: Vec<String> = found
        .iter()
        .filter(|(number, _)| is_new(number))
        .map(|(number, text)| format!("{number} {}: {}\n{text}", all[*number].client, all[*number].sql))
        .collect();
    // What only some releases of PostgreSQL 15 have may differ or not.
    let must_differ = known.iter().filter(|(_, reason)| only.is_empty() && !reason.starts_with("minor:"));
    let mended: Vec<&usize> = must_differ.map(|(number, _)| number).filter(|number| !found.contains_key(number)).collect();
    println!("{} of {} statements differ", found.len(), all.len());
    assert!(shown.is_empty() && mended.is_empty(), "{} differ\n{}\nno longer differ: {mended:?}", found.len(), shown.join("\n"));
}
