//! Three devices in a line, where the ends never meet: what one end writes reaches the other through the middle, which need not be trusted.

use peergres_tests::{
    chinook,
    fleet::{assert_equal, conflicts, contents, join, settle, sync},
    node::Node,
};

const BY_HAND: &[&str] = &["--sync-interval", "1h"];

#[test]
fn the_ends_of_a_line_agree() {
    let mut left = Node::start("left", BY_HAND);
    chinook::load(&left);
    let mut middle = Node::start("middle", BY_HAND);
    join(&left, &middle);
    settle(&[&left, &middle]);

    // Only one end is ever on.
    left.stop();
    let mut right = Node::start("right", BY_HAND);
    join(&middle, &right);
    settle(&[&middle, &right]);
    assert_equal(&[&middle, &right]);
    assert_eq!(contents(&right).len(), 11);

    // A write travels at once, so that the middle must be off while either end writes.
    middle.stop();
    let edits = "UPDATE track SET name = 'by right', composer = 'right' WHERE track_id = 1;
        UPDATE customer SET phone = '+1 555 0103' WHERE customer_id = 1;
        INSERT INTO artist (artist_id, name) VALUES (9001, 'Right');
        DELETE FROM invoice_line WHERE invoice_line_id = 1;";
    right.psql(edits).expect_success("right's edits");
    right.stop();

    left.restart();
    let edits = "UPDATE track SET name = 'by left' WHERE track_id = 1;
        UPDATE customer SET email = 'left@example.org' WHERE customer_id = 1;
        INSERT INTO artist (artist_id, name) VALUES (9002, 'Left');
        UPDATE invoice_line SET quantity = 2 WHERE invoice_line_id = 1;";
    left.psql(edits).expect_success("left's edits");
    middle.restart();
    settle(&[&left, &middle]);
    left.stop();
    right.restart();
    settle(&[&middle, &right]);
    right.stop();
    left.restart();
    settle(&[&left, &middle]);
    assert_equal(&[&left, &middle]);
    let pending = conflicts(&left);
    assert_eq!(pending.len(), 2, "{pending:?}");
    for id in pending.keys() {
        left.command(&["conflicts", "resolve", id, "--winner", "local"]).expect_success("left resolves for its own side");
    }
    settle(&[&left, &middle]);
    left.stop();
    right.restart();
    settle(&[&middle, &right]);
    right.stop();
    left.restart();
    settle(&[&left, &middle]);

    // All on, to be compared.
    right.restart();
    assert_equal(&[&left, &middle, &right]);
    assert!(conflicts(&right).is_empty(), "{:?}", conflicts(&right));
    let track = "SELECT name, composer FROM track WHERE track_id = 1";
    assert_eq!(right.rows(track), "by left|right\n");
    assert_eq!(right.rows("SELECT phone, email FROM customer WHERE customer_id = 1"), "+1 555 0103|left@example.org\n");
    assert_eq!(right.rows("SELECT quantity FROM invoice_line WHERE invoice_line_id = 1"), "2\n");
    assert_eq!([sync(&left, &middle), sync(&middle, &right), sync(&right, &middle)], [[0; 3]; 3], "all are at rest");
}
