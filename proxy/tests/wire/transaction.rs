//! Transaction control over the wire.

use crate::client::TestServer;

#[test]
fn an_error_aborts_a_block_until_its_end() {
    let server = TestServer::start();
    let mut c = server.connect();
    c.answer();
    let aborted = "E 25P02 current transaction is aborted, commands ignored until end of transaction block";
    c.check(&["Q begin"], &["C BEGIN", "Z T"]);
    c.check(&["Q begin"], &["N 25001 there is already a transaction in progress", "C BEGIN", "Z T"]);
    c.check(&["Q set work_mem = '1MB'"], &["C SET", "Z T"]);
    c.check(&["Q set nonsense = 1"], &["E 42704 unrecognized configuration parameter \"nonsense\"", "Z E"]);
    c.check(&["Q show work_mem"], &[aborted, "Z E"]);
    c.check(&["P |show work_mem", "S"], &[aborted, "Z E"]);
    c.check(&["Q commit"], &["C ROLLBACK", "Z I"]);
    c.check(&["Q show work_mem"], &["T work_mem:25", "D 4MB", "C SHOW", "Z I"]);
    c.check(&["Q commit"], &["N 25P01 there is no transaction in progress", "C COMMIT", "Z I"]);
}

#[test]
fn savepoints_nest_and_may_share_a_name() {
    let server = TestServer::start();
    let mut c = server.connect();
    c.answer();
    c.check(&["Q savepoint a"], &["E 25P01 SAVEPOINT can only be used in transaction blocks", "Z I"]);
    c.check(
        &["Q begin; set work_mem = '1MB'; savepoint a; set work_mem = '2MB'; savepoint a; set work_mem = '3MB'"],
        &["C BEGIN", "C SET", "C SAVEPOINT", "C SET", "C SAVEPOINT", "C SET", "Z T"],
    );
    c.check(&["Q rollback to a; show work_mem"], &["C ROLLBACK", "T work_mem:25", "D 2MB", "C SHOW", "Z T"]);
    c.check(&["Q release a; rollback to a; show work_mem"], &["C RELEASE", "C ROLLBACK", "T work_mem:25", "D 1MB", "C SHOW", "Z T"]);
    c.check(&["Q release b"], &["E 3B001 savepoint \"b\" does not exist", "Z E"]);
    c.check(&["Q rollback to a"], &["C ROLLBACK", "Z T"]);
    c.check(&["Q commit; show work_mem"], &["C COMMIT", "T work_mem:25", "D 1MB", "C SHOW", "Z I"]);
}

#[test]
fn modes_are_set_shown_and_chained() {
    let server = TestServer::start();
    let mut c = server.connect();
    c.answer();
    c.check(&["Q begin isolation level serializable, read only"], &["C BEGIN", "Z T"]);
    let shown = ["T transaction_isolation:25", "D serializable", "C SHOW", "T transaction_read_only:25", "D on", "C SHOW", "Z T"];
    c.check(&["Q show transaction_isolation; show transaction_read_only"], &shown);
    c.check(&["Q commit and chain"], &["C COMMIT", "Z T"]);
    c.check(&["Q show transaction_isolation; show transaction_read_only"], &shown);
    c.check(&["Q rollback"], &["C ROLLBACK", "Z I"]);
    c.check(&["Q commit and chain"], &["E 25P01 COMMIT AND CHAIN can only be used in transaction blocks", "Z I"]);
    c.check(
        &["Q set session characteristics as transaction isolation level repeatable read; show transaction_isolation"],
        &["C SET", "T transaction_isolation:25", "D read committed", "C SHOW", "Z I"],
    );
    c.check(&["Q show transaction_isolation"], &["T transaction_isolation:25", "D repeatable read", "C SHOW", "Z I"]);
}

#[test]
fn idle_sessions_end_when_their_time_is_up() {
    let server = TestServer::start();
    let mut c = server.connect();
    c.answer();
    c.check(&["Q set idle_in_transaction_session_timeout = 50; begin"], &["C SET", "C BEGIN", "Z T"]);
    assert_eq!(c.answer(), ["E 25P03 terminating connection due to idle-in-transaction timeout"]);
    let mut c = server.connect();
    c.answer();
    c.check(&["Q set idle_session_timeout = '50ms'"], &["C SET", "Z I"]);
    assert_eq!(c.answer(), ["E 57P05 terminating connection due to idle-session timeout"]);
}
