//! The programs of `tests/clients`, each run against PostgreSQL 15 and against a node with the same assertions.
//!
//! A program takes a connection string, and ends with `ok` as its last line. `CLIENTS=name` runs those whose name contains it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use peergres_tests::{command::run, node::Node, oracle::Oracle};

/// Programs below `tests`, and the command that runs each.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("clients/python/psycopg3.py", PYTHON),
    ("clients/python/psycopg2_client.py", PYTHON),
    ("clients/python/asyncpg_client.py", PYTHON),
    ("clients/python/pg8000_client.py", PYTHON),
    ("clients/python/sqlalchemy_alembic.py", PYTHON),
    ("clients/python/django_app.py", PYTHON),
    ("clients/node/pg.js", &["node"]),
    ("clients/node/postgres.js", &["node"]),
    ("clients/node/knex.js", &["node"]),
    ("clients/node/kysely.js", &["node"]),
    ("clients/node/typeorm.js", &["node"]),
    ("clients/perl/dbd_pg.pl", &["perl"]),
    ("clients/php/pdo.php", &["php"]),
    ("clients/ruby/pg.rb", &["ruby"]),
    ("clients/java/Jdbc.java", &["java", "-cp", "/usr/share/java/postgresql.jar"]),
    ("clients/go/main.go", &["go", "run"]),
];

const PYTHON: &[&str] = &[".venv/bin/python"];

fn interpreter(name: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    match name.contains('/') {
        true => {
            assert!(own.exists(), "{} is missing: tests/setup makes it", own.display());
            own
        }
        false => name.into(),
    }
}

#[test]
fn client_programs_do_the_same_on_both_servers() {
    let only = std::env::var("CLIENTS").unwrap_or_default();
    let oracle = Oracle::start(&["fsync=off"]);
    let node = Node::start("clients", &[]);
    let mut faults = Vec::new();
    let programs: Vec<_> = PROGRAMS.iter().filter(|(program, _)| program.contains(&only)).collect();
    assert!(!programs.is_empty(), "no program was run");
    for (program, with) in programs {
        for (server, url) in [("PostgreSQL", oracle.url("postgres")), ("Peergres", node.url("app"))] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(program);
            let mut command = Command::new(interpreter(with[0]));
            // Debian's packages of Go libraries lie in a GOPATH.
            command.args(&with[1..]).arg(&path).arg(url).env("GO111MODULE", "off").env("GOPATH", "/usr/share/gocode");
            let finished = run(&mut command, "", Duration::from_secs(300));
            if finished.code != Some(0) || finished.out.trim_end().lines().last() != Some("ok") {
                faults.push(format!("== {program} on {server}\n{}{}", finished.out, finished.err));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
