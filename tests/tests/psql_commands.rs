//! psql's backslash commands and PostgreSQL's small programs: what they print of one schema is the same here and on PostgreSQL 15.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use peergres_tests::{command::run, node::Node, oracle::Oracle};

/// The commands; those whose text tells of the server itself (its databases, version, file sizes) are not among them, nor, for now, those
/// that print a view's query, whose layout is not PostgreSQL's yet.
const COMMANDS: &[&str] = &[
    "\\d",
    "\\dt",
    "\\d album",
    "\\d+ track",
    "\\d playlist_track",
    "\\d inventory.item",
    "\\d+ inventory.item",
    "\\d counter",
    "\\d cheap",
    "\\d album_pkey",
    "\\d inventory.item_lower",
    "\\d track_album_id_idx",
    "\\di",
    "\\di inventory.*",
    "\\dv",
    "\\ds",
    "\\dn",
    "\\dn+",
    "\\dT",
    "\\dT+ mood",
    "\\dT pair",
    "\\dD",
    "\\df",
    "\\df add",
    "\\df+ add",
    "\\sf add",
    "\\df pg_catalog.now",
    "\\sf now",
    "\\du",
    "\\dg",
    "\\db",
    "\\dp",
    "\\dp inventory.*",
    "\\z",
    "\\ddp",
    "\\dd",
    "\\do pg_catalog.||",
    "\\da pg_catalog.sum",
    "\\dFp",
    "\\dm",
    "\\dE",
    "\\det",
    "\\dew",
    "\\des",
    "\\dy",
    "\\dRp",
    "\\dRs",
    "\\dX",
    "\\dP",
    "\\dA",
    "\\dAc btree int4",
    "\\drds",
    "\\dconfig search_path",
    "\\encoding",
    "\\dt a*",
    "\\dt *.it*",
    "\\d nix",
    "\\dn inv*",
    "\\d pg_class",
    "\\dC text",
    "\\d pg_tables",
    "\\dt pg_catalog.pg_am",
];

fn psql(url: &str, arguments: &[&str]) -> String {
    let finished = run(Command::new("psql").args(["-X", "-d", url]).args(arguments), "", Duration::from_secs(120));
    format!("{}{}", finished.out, finished.err)
}

#[test]
fn backslash_commands_print_what_they_print_of_postgresql() {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data");
    let file = |name: &str| data.join(name).to_string_lossy().into_owned();
    assert!(fs::exists(file("chinook.sql")).expect("the folder can be read"));
    let (oracle, node) = (Oracle::start(&["fsync=off"]), Node::start("psql_commands", &[]));
    for url_of in [&|d: &str| oracle.url(d), &|d: &str| node.url(d)] as [&dyn Fn(&str) -> String; 2] {
        psql(&url_of("postgres"), &["-q", "-f", &file("chinook.sql")]);
        let said = psql(&url_of("chinook_serial"), &["-q", "-v", "ON_ERROR_STOP=1", "-f", &file("psql_commands_setup.sql")]);
        assert_eq!(said, "", "the setup loads");
    }
    let mut faults = Vec::new();
    for command in COMMANDS {
        let right = psql(&oracle.url("chinook_serial"), &["-c", command]);
        let mine = psql(&node.url("chinook_serial"), &["-c", command]);
        if right != mine {
            faults.push(format!("{command}\n-- ours\n{mine}\n-- PostgreSQL\n{right}"));
        }
    }
    assert!(faults.is_empty(), "{} of {} commands differ\n{}", faults.len(), COMMANDS.len(), faults.join("\n"));
}

#[test]
fn small_programs_of_postgresql_work() {
    let node = Node::start("programs", &[]);
    let port = node.pg_port.to_string();
    let call = |program: &str, arguments: &[&str]| {
        let place = ["-h", "127.0.0.1", "-p", &port, "-U", "postgres"];
        // pg_isready takes no `-w`.
        run(Command::new(program).args(place).args(arguments), "", Duration::from_secs(60))
    };
    let done = |program: &str, arguments: &[&str]| {
        let finished = call(program, arguments);
        finished.expect_success(program)
    };
    assert!(done("pg_isready", &[]).contains("accepting connections"));
    done("createdb", &["made"]);
    assert!(done("psql", &["-X", "-l", "-A", "-t"]).lines().any(|line| line.starts_with("made|postgres|UTF8|C|C|")));
    assert!(call("createdb", &["made"]).code != Some(0), "a second database of one name is refused");
    done("psql", &["-X", "-d", "made", "-c", "create table t (id int primary key)"]);
    done("vacuumdb", &["made"]);
    done("dropdb", &["made"]);
    assert!(call("dropdb", &["made"]).code != Some(0), "a database that is gone cannot be dropped");
}

#[test]
fn pg_dump_writes_what_postgresql_takes() {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data");
    let file = |name: &str| data.join(name).to_string_lossy().into_owned();
    let (oracle, node) = (Oracle::start(&["fsync=off"]), Node::start("pg_dump", &[]));
    psql(&node.url("postgres"), &["-q", "-f", &file("chinook.sql")]);
    let from = node.url("chinook_serial");
    assert_eq!(psql(&from, &["-q", "-v", "ON_ERROR_STOP=1", "-f", &file("psql_commands_setup.sql")]), "", "the setup loads");
    psql(&from, &["-c", "insert into inventory.item (code, price, tags) values ('it''s', 12.50, '{a,\"b c\"}')"]);
    let dump = run(Command::new("pg_dump").args(["-d", &from]), "", Duration::from_secs(120)).expect_success("pg_dump");
    psql(&oracle.url("postgres"), &["-c", "create database restored"]);
    let to = oracle.url("restored");
    let restored = run(Command::new("psql").args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &to]), &dump, Duration::from_secs(120));
    restored.expect_success("loading the dump into PostgreSQL");
    for query in
        ["select count(*), sum(milliseconds) from track", "select id, code, price, tags, m, twice from inventory.item", "\\d+ track"]
    {
        assert_eq!(psql(&from, &["-c", query]), psql(&to, &["-c", query]), "{query}");
    }
}
