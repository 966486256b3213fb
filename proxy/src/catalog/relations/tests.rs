//! The catalog relations of a database with one object of every kind, read through SQLite as statements read them.

use std::{path::Path, rc::Rc, sync::Arc};

use peergres_sync::{
    commit::Transaction,
    store::{LockWait, Node},
};

use super::*;
use crate::session::context;

const SCRIPT: &[&str] = &[
    "CREATE SCHEMA shop",
    "COMMENT ON SCHEMA shop IS 'a shop'",
    "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')",
    "CREATE TYPE point3 AS (x int, y numeric(5,2), z text)",
    "CREATE DOMAIN short AS varchar(10) DEFAULT 'x' NOT NULL CHECK (VALUE <> 'q')",
    "CREATE TABLE shop.owner (id integer PRIMARY KEY, name text UNIQUE)",
    "CREATE TABLE t (id serial PRIMARY KEY, n numeric(10,2) CHECK (n > 0), s text[], m mood, p point3, d short,
     g int GENERATED ALWAYS AS (1 + 1) STORED, i bigint GENERATED ALWAYS AS IDENTITY, o int REFERENCES shop.owner ON DELETE CASCADE)",
    "COMMENT ON COLUMN t.n IS 'a number'",
    "CREATE VIEW v AS SELECT id, s FROM t",
    "CREATE INDEX ti ON t (lower(d), (n + 1), id DESC) WHERE n > 0",
    "CREATE SEQUENCE loose START 5",
    "CREATE FUNCTION twice(x integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT x * 2'",
    "CREATE EXTENSION IF NOT EXISTS pgcrypto",
];

/// Runs `body` on a connection of a database that holds what [`SCRIPT`] makes.
fn with_objects(body: impl FnOnce(&rusqlite::Connection)) {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::open(Path::new(directory.path()), "app", Arc::new(crate::functions::register)).expect("opens");
    let database = node.database("app").expect("is there");
    let mut transaction = database.begin(&LockWait::default(), None).expect("begins");
    let cx = |transaction: &Transaction| Context { catalog: Catalog::for_schema(transaction.schema()), ..Context::default() };
    for line in SCRIPT {
        for parsed in crate::parse::parse(line).expect(line) {
            let cx = cx(&transaction);
            let written = crate::define::Written { node: &parsed.node, source: line, text: line };
            crate::define::run(written, &mut transaction, &cx).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
    context::enter(Rc::new(cx(&transaction)));
    body(transaction.connection());
}

fn answers(connection: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).expect(sql);
    let width = statement.column_count();
    let rows = statement.query_map([], |row| {
        let values: Vec<String> = (0..width)
            .map(|n| match row.get::<_, rusqlite::types::Value>(n).expect("a value") {
                rusqlite::types::Value::Null => "NULL".to_owned(),
                rusqlite::types::Value::Integer(number) => number.to_string(),
                rusqlite::types::Value::Real(number) => number.to_string(),
                rusqlite::types::Value::Text(text) => text,
                rusqlite::types::Value::Blob(_) => "blob".to_owned(),
            })
            .collect();
        Ok(values.join(" "))
    });
    rows.expect(sql).map(|row| row.expect("a row")).collect()
}

#[test]
fn every_relation_can_be_read_and_its_rows_fit_its_columns() {
    with_objects(|connection| {
        for served in served() {
            let name = served.relation.physical.replace('"', "\"\"");
            let mut statement = connection.prepare(&format!("SELECT * FROM \"{name}\"")).expect("prepares");
            let mut rows = statement.query([]).expect("runs");
            while let Some(row) = rows.next().expect("a row") {
                for (at, column) in served.relation.columns.iter().enumerate() {
                    let value: rusqlite::types::Value = row.get(at).expect("a value");
                    let (ty, name) = (served.type_of(column), &served.relation.name.name);
                    let fits = match value {
                        rusqlite::types::Value::Null => !column.not_null,
                        rusqlite::types::Value::Integer(_) => !matches!(ty.storage, crate::types::Storage::Text),
                        rusqlite::types::Value::Real(_) => ty.storage == crate::types::Storage::Real,
                        _ => matches!(ty.storage, crate::types::Storage::Text | crate::types::Storage::Bytes),
                    };
                    assert!(fits, "{name}.{}: {value:?}", column.name);
                }
            }
        }
    });
}

#[test]
fn oids_are_unique_and_lead_to_rows() {
    with_objects(|connection| {
        for served in served().iter().filter(|served| served.relation.columns[0].name == "oid") {
            let name = &served.relation.physical;
            let twice = answers(connection, &format!("SELECT oid, count(*) FROM \"{name}\" GROUP BY oid HAVING count(*) > 1"));
            assert!(twice.is_empty(), "{name}: {twice:?}");
        }
        for (from, column, to) in [
            ("pg_attribute", "attrelid", "pg_class"),
            ("pg_attribute", "atttypid", "pg_type"),
            ("pg_class", "relnamespace", "pg_namespace"),
            ("pg_class", "reltype", "pg_type"),
            ("pg_class", "relam", "pg_am"),
            ("pg_type", "typrelid", "pg_class"),
            ("pg_type", "typelem", "pg_type"),
            ("pg_type", "typarray", "pg_type"),
            ("pg_type", "typbasetype", "pg_type"),
            ("pg_type", "typinput", "pg_proc"),
            ("pg_type", "typnamespace", "pg_namespace"),
            ("pg_index", "indexrelid", "pg_class"),
            ("pg_index", "indrelid", "pg_class"),
            ("pg_constraint", "conrelid", "pg_class"),
            ("pg_constraint", "contypid", "pg_type"),
            ("pg_constraint", "conindid", "pg_class"),
            ("pg_constraint", "confrelid", "pg_class"),
            ("pg_attrdef", "adrelid", "pg_class"),
            ("pg_enum", "enumtypid", "pg_type"),
            ("pg_sequence", "seqrelid", "pg_class"),
            ("pg_sequence", "seqtypid", "pg_type"),
            ("pg_rewrite", "ev_class", "pg_class"),
            ("pg_proc", "prorettype", "pg_type"),
            ("pg_proc", "prolang", "pg_language"),
            ("pg_extension", "extnamespace", "pg_namespace"),
        ] {
            let lost = answers(
                connection,
                &format!(
                    "SELECT a.* FROM \"pg_catalog.{from}\" a WHERE a.{column} <> 0
                     AND NOT EXISTS (SELECT 1 FROM \"pg_catalog.{to}\" b WHERE b.oid = a.{column})"
                ),
            );
            assert!(lost.is_empty(), "{from}.{column}: {lost:?}");
        }
    });
}

#[test]
fn dependencies_lead_from_object_to_object() {
    with_objects(|connection| {
        for (class, oid, column) in [("classid", "objid", "objsubid"), ("refclassid", "refobjid", "refobjsubid")] {
            for (relation, key) in [
                ("pg_class", 1259),
                ("pg_type", 1247),
                ("pg_proc", 1255),
                ("pg_attrdef", 2604),
                ("pg_constraint", 2606),
                ("pg_namespace", 2615),
                ("pg_rewrite", 2618),
                ("pg_extension", 3079),
            ] {
                let lost = answers(
                    connection,
                    &format!(
                        "SELECT * FROM \"pg_catalog.pg_depend\" WHERE {class} = {key}
                         AND {oid} NOT IN (SELECT oid FROM \"pg_catalog.{relation}\")"
                    ),
                );
                assert!(lost.is_empty(), "{class} {relation}: {lost:?}");
            }
            let lost = answers(
                connection,
                &format!(
                    "SELECT * FROM \"pg_catalog.pg_depend\" d WHERE {class} = 1259 AND {column} <> 0 AND NOT EXISTS
                     (SELECT 1 FROM \"pg_catalog.pg_attribute\" a WHERE a.attrelid = d.{oid} AND a.attnum = d.{column})"
                ),
            );
            assert!(lost.is_empty(), "{class}: {lost:?}");
        }
        let owned = "SELECT s.relname, t.relname, d.refobjsubid, d.deptype FROM \"pg_catalog.pg_depend\" d
             JOIN \"pg_catalog.pg_class\" s ON s.oid = d.objid AND s.relkind = 'S' JOIN \"pg_catalog.pg_class\" t ON t.oid = d.refobjid
             WHERE d.classid = 1259 AND d.refclassid = 1259 ORDER BY 1";
        assert_eq!(answers(connection, owned), ["t_i_seq t 8 i", "t_id_seq t 1 a"]);
        let read = "SELECT DISTINCT t.relname, d.refobjsubid FROM \"pg_catalog.pg_rewrite\" r
             JOIN \"pg_catalog.pg_depend\" d ON d.objid = r.oid AND d.classid = 2618 JOIN \"pg_catalog.pg_class\" t ON t.oid = d.refobjid
             WHERE r.ev_class >= 16384 ORDER BY 1, 2";
        assert_eq!(answers(connection, read), ["t 1", "t 3", "v 0"]);
    });
}

#[test]
fn a_lookup_is_no_scan() {
    with_objects(|connection| {
        let plan = answers(
            connection,
            "EXPLAIN QUERY PLAN SELECT a.attname FROM \"pg_catalog.pg_class\" c
             JOIN \"pg_catalog.pg_attribute\" a ON a.attrelid = c.oid WHERE c.relname = 't'",
        );
        assert!(plan.iter().all(|line| !line.ends_with("VIRTUAL TABLE INDEX 0:")), "{plan:?}");
        let columns = answers(
            connection,
            "SELECT a.attname FROM \"pg_catalog.pg_class\" c
             JOIN \"pg_catalog.pg_attribute\" a ON a.attrelid = c.oid WHERE c.relname = 't' AND a.attnum > 0 ORDER BY a.attnum",
        );
        assert_eq!(columns, ["id", "n", "s", "m", "p", "d", "g", "i", "o"]);
    });
}
