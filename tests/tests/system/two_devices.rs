//! Two devices: one is loaded, the other joins, both are edited while apart, and two conflicts are settled, one each way.

use std::{path::Path, process::Command, time::Duration};

use peergres_tests::{
    chinook,
    command::run,
    fleet::{assert_equal, conflicts, contents, join, settle, sync},
    node::{Node, binary},
};

/// Syncs only when told.
const BY_HAND: &[&str] = &["--sync-interval", "1h"];

#[test]
fn a_conflict_of_two_devices_is_settled_on_both() {
    let mut anna = Node::start("anna", BY_HAND);
    chinook::load(&anna);
    let mut ben = Node::start("ben", BY_HAND);
    join(&anna, &ben);
    settle(&[&anna, &ben]);
    assert_equal(&[&anna, &ben]);
    let tables = contents(&ben);
    assert_eq!(tables.len(), 11, "{:?}", tables.keys());
    assert_eq!(tables.values().map(Vec::len).sum::<usize>(), 15_607);

    // Apart: one of the two is always off.
    ben.stop();
    let edits = "UPDATE artist SET name = 'AC-DC' WHERE artist_id = 1;
        UPDATE customer SET phone = '+1 555 0100' WHERE customer_id = 1;
        UPDATE track SET name = 'by anna' WHERE track_id = 1;
        DELETE FROM invoice_line WHERE invoice_line_id = 1;";
    anna.psql(edits).expect_success("anna's edits");
    anna.stop();
    ben.restart();
    let edits = "UPDATE artist SET name = 'Axxept' WHERE artist_id = 2;
        UPDATE customer SET email = 'luis@example.org' WHERE customer_id = 1;
        UPDATE track SET name = 'by ben' WHERE track_id = 1;
        UPDATE invoice_line SET quantity = 2 WHERE invoice_line_id = 1;";
    ben.psql(edits).expect_success("ben's edits");
    anna.restart();

    settle(&[&anna, &ben]);
    assert_equal(&[&anna, &ben]);
    let artists = "SELECT name FROM artist WHERE artist_id IN (1, 2) ORDER BY artist_id";
    assert_eq!(anna.rows(artists), "AC-DC\nAxxept\n", "different rows merge");
    let customer = "SELECT phone, email FROM customer WHERE customer_id = 1";
    assert_eq!(anna.rows(customer), "+1 555 0100|luis@example.org\n", "different columns of one row merge");
    let pending = conflicts(&ben);
    assert_eq!(pending.len(), 2, "{pending:?}");
    let of = |table: &str| {
        let found = pending.iter().find(|(_, conflict)| conflict["table_name"] == table);
        found.unwrap_or_else(|| panic!("no conflict of {table}: {pending:?}")).0.clone()
    };
    let (track, invoice_line) = (of("track"), of("invoice_line"));

    anna.command(&["conflicts", "resolve", &track, "--winner", "local"]).expect_success("anna resolves for her own side");
    ben.command(&["conflicts", "resolve", &invoice_line, "--winner", "remote"]).expect_success("ben resolves for the other side");
    settle(&[&anna, &ben]);
    assert_equal(&[&anna, &ben]);
    assert!(conflicts(&anna).is_empty(), "{:?}", conflicts(&anna));
    for node in [&anna, &ben] {
        assert_eq!(node.rows("SELECT name FROM track WHERE track_id = 1"), "by anna\n", "{}", node.name());
        assert_eq!(node.rows("SELECT count(*) FROM invoice_line WHERE invoice_line_id = 1"), "0\n", "{}", node.name());
        assert_eq!(node.rows("SELECT count(*) FROM sync_log WHERE NOT is_synced"), "0\n", "{}", node.name());
    }
    assert_eq!([sync(&anna, &ben), sync(&ben, &anna)], [[0; 3]; 2], "both are at rest");
}

#[test]
fn a_write_arrives_by_itself() {
    let anna = Node::start("anna", &["--sync-interval", "200ms"]);
    anna.psql("CREATE TABLE note (id int PRIMARY KEY, body text); INSERT INTO note VALUES (1, 'first')").expect_success("a note");
    let ben = Node::start("ben", &["--sync-interval", "200ms"]);
    join(&anna, &ben);
    anna.psql("INSERT INTO note VALUES (2, 'from anna')").expect_success("anna's note");
    ben.psql("INSERT INTO note VALUES (3, 'from ben')").expect_success("ben's note");
    for node in [&anna, &ben] {
        node.wait_for("SELECT count(*) FROM note", "3\n", Duration::from_secs(20));
    }
    assert_equal(&[&anna, &ben]);
}

#[test]
fn the_example_script_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace holds this crate");
    let mut script = Command::new("bash");
    script.arg(root.join("examples/two_devices.sh")).env("PEERGRES_BINARY", binary());
    let said = run(&mut script, "", Duration::from_secs(120)).expect_success("examples/two_devices.sh");
    assert!(said.contains("Both devices agree"), "{said}");
}
