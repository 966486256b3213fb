//! The programs of `tests/clients`, each run against PostgreSQL 15 and against a node with the same assertions.
//!
//! A program takes a connection string, and ends with `ok` as its last line. `CLIENTS=name` runs those whose name contains it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use peergres_tests::{command::run, node::Node, oracle::Oracle};

/// Program and interpreter, below `tests`.
const PROGRAMS: &[(&str, &str)] = &[
    ("clients/python/psycopg3.py", ".venv/bin/python"),
    ("clients/python/asyncpg_client.py", ".venv/bin/python"),
    ("clients/node/pg.js", "node"),
    ("clients/node/postgres.js", "node"),
];

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
            let finished = run(Command::new(interpreter(with)).arg(&path).arg(url), "", Duration::from_secs(120));
            if finished.code != Some(0) || finished.out.trim_end().lines().last() != Some("ok") {
                faults.push(format!("== {program} on {server}\n{}{}", finished.out, finished.err));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
