//! The `.slt` files of `tests/slt`, through both protocols, on Peergres and on PostgreSQL 15: names, types, rows and SQLSTATE agree.
//!
//! `UPDATE_SLT=1` writes PostgreSQL's answers into the files. `SLT=name` runs the files whose name contains it.

use std::{fs, path::Path};

use peergres_tests::{
    node::Node,
    oracle::Oracle,
    slt::{Answer, Record, Server, parse, print},
};

fn database(url_of: impl Fn(&str) -> String, name: &str) -> Server {
    let mut admin = postgres::Client::connect(&url_of("postgres"), postgres::NoTls).expect("the server accepts");
    admin.batch_execute(&format!("CREATE DATABASE {name}")).expect("a database can be made");
    Server::connect(&url_of(name))
}

/// A connection for each protocol: to databases of their own, or to one that holds the data set which the file's first line names.
fn connections(url_of: impl Fn(&str) -> String, name: &str, data: Option<&str>) -> (Server, Server) {
    let Some(data) = data else {
        return (database(&url_of, &format!("{name}_simple")), database(&url_of, &format!("{name}_extended")));
    };
    let simple = database(&url_of, name);
    let script = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(data)).expect("the data set is there");
    // The scripts are psql's, and begin with what only their own databases need.
    let script: Vec<&str> =
        script.lines().filter(|l| !l.starts_with("\\c ") && !l.contains("DATABASE") && !l.contains("default_with_oids")).collect();
    peergres_tests::node::psql(&url_of(name), &script.join("\n")).expect_success(data);
    (simple, Server::connect(&url_of(name)))
}

/// The data set that a file's records ask: `# data: chinook.sql`.
fn data_set(text: &str) -> Option<&str> {
    text.lines().next()?.strip_prefix("# data: ")
}

/// PostgreSQL's answers, with names and types of columns.
fn asked(oracle: &Oracle, name: &str, data: Option<&str>, records: &[Record]) -> (Vec<Answer>, Vec<Answer>) {
    let (mut simple, mut extended) = connections(|d| oracle.url(d), name, data);
    records.iter().map(|r| (simple.simple(r), extended.extended(r))).unzip()
}

fn compare(name: &str, record: &Record, protocol: &str, ours: &Answer, theirs: &Answer, faults: &mut Vec<String>) {
    if ours != theirs {
        faults.push(format!("{name}:{} {protocol}\n{}\n  ours       {ours:?}\n  PostgreSQL {theirs:?}\n", record.line, record.sql));
    }
}

fn described(simple: &Answer, extended: &Answer) -> Answer {
    match (simple, extended) {
        (Answer::Rows { rows, .. }, Answer::Rows { columns, .. }) => Answer::Rows { columns: columns.clone(), rows: rows.clone() },
        (simple, _) => simple.clone(),
    }
}

#[test]
fn statements_answer_as_postgresql_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("slt");
    let only = std::env::var("SLT").unwrap_or_default();
    let oracle = Oracle::start(&["fsync=off"]);
    let update = std::env::var_os("UPDATE_SLT").is_some();
    let node = (!update).then(|| Node::start("slt", &[]));
    let mut faults = Vec::new();
    let mut count = 0;
    let mut files: Vec<_> = fs::read_dir(&folder).expect("tests/slt is there").map(|e| e.expect("an entry").path()).collect();
    files.sort();
    for path in files {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().replace('-', "_");
        if !name.contains(&only) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a file can be read");
        let (data, mut records) = (data_set(&text), parse(&text));
        let (simple, extended) = asked(&oracle, &name, data, &records);
        let truth: Vec<Answer> = simple.iter().zip(&extended).map(|(s, e)| described(s, e)).collect();
        let Some(node) = &node else {
            for (record, answer) in records.iter_mut().zip(&truth) {
                record.answer = answer.clone();
            }
            fs::write(&path, print(&records)).expect("a file can be written");
            count += records.len();
            continue;
        };
        let (mut ours_simple, mut ours_extended) = connections(|d| node.url(d), &name, data);
        for (i, record) in records.iter().enumerate() {
            count += 1;
            compare(&name, record, "file", &record.answer, &truth[i], &mut faults);
            compare(&name, record, "simple", &ours_simple.simple(record), &simple[i], &mut faults);
            compare(&name, record, "extended", &ours_extended.extended(record), &extended[i], &mut faults);
        }
    }
    assert!(count > 0, "no record was run");
    let shown = faults.iter().take(200).cloned().collect::<Vec<_>>().join("\n");
    assert!(faults.is_empty(), "{} of {count} records differ\n{shown}", faults.len());
}
