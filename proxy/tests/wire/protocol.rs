//! The simple and the extended protocol.

use crate::client::TestServer;

#[test]
fn a_simple_query_answers_each_statement_and_stops_at_an_error() {
    let server = TestServer::start();
    let mut c = server.connect();
    c.answer();
    c.check(&["Q "], &["I", "Z I"]);
    c.check(&["Q ;;"], &["I", "Z I"]);
    c.check(
        &["Q show enable_sort; set enable_sort = off; show enable_sort"],
        &["T enable_sort:25", "D on", "C SHOW", "C SET", "T enable_sort:25", "D off", "C SHOW", "Z I"],
    );
    // One implicit transaction: the error undoes what came before it.
    c.check(
        &["Q set enable_sort = on; set nonsense = 1; show enable_sort"],
        &["C SET", "E 42704 unrecognized configuration parameter \"nonsense\"", "Z I"],
    );
    c.check(&["Q show enable_sort"], &["T enable_sort:25", "D off", "C SHOW", "Z I"]);
    c.check(&["Q show work_mem show"], &["E 42601 syntax error at or near \"show\"", "Z I"]);
}

#[test]
fn the_extended_protocol_describes_before_it_runs_and_skips_to_sync_after_an_error() {
    let server = TestServer::start();
    let mut c = server.connect();
    c.answer();
    c.check(
        &["P s|show work_mem", "DS s", "B |s", "DP ", "E ", "S"],
        &["1", "t ", "T work_mem:25", "2", "T work_mem:25", "D 4MB", "C SHOW", "Z I"],
    );
    c.check(&["B |s", "E ", "B |s", "E ", "S"], &["2", "D 4MB", "C SHOW", "2", "D 4MB", "C SHOW", "Z I"]);
    c.check(&["P s|show work_mem", "B |s", "E ", "S"], &["E 42P05 prepared statement \"s\" already exists", "Z I"]);
    c.check(&["CS s", "CS s", "B |s", "S"], &["3", "3", "E 26000 prepared statement \"s\" does not exist", "Z I"]);
    c.check(&["P |", "B ", "DP ", "E ", "S"], &["1", "2", "n", "I", "Z I"]);
    c.check(&["E x", "S"], &["E 34000 portal \"x\" does not exist", "Z I"]);
    c.check(&["P |show a; show b", "S"], &["E 42601 cannot insert multiple commands into a prepared statement", "Z I"]);
    c.check(
        &["P |show work_mem", "B ||1", "S"],
        &["1", "E 08P01 bind message supplies 1 parameters, but prepared statement \"\" requires 0", "Z I"],
    );
}

#[test]
fn a_pipeline_is_one_transaction_up_to_sync() {
    let server = TestServer::start();
    let mut c = server.connect();
    c.answer();
    c.check(
        &["P |set enable_sort = off", "B ", "E ", "P |set nonsense = 1", "B ", "E ", "P |show work_mem", "S"],
        &["1", "2", "C SET", "1", "2", "E 42704 unrecognized configuration parameter \"nonsense\"", "Z I"],
    );
    c.check(&["Q show enable_sort"], &["T enable_sort:25", "D on", "C SHOW", "Z I"]);
}

#[test]
fn notifications_arrive_at_commit_and_at_idle_sessions() {
    let server = TestServer::start();
    let (mut a, mut b) = (server.connect(), server.connect());
    a.answer();
    b.answer();
    a.check(&["Q listen news"], &["C LISTEN", "Z I"]);
    b.check(
        &["Q begin; notify news, 'one'; notify news, 'one'; notify other, 'x'"],
        &["C BEGIN", "C NOTIFY", "C NOTIFY", "C NOTIFY", "Z T"],
    );
    b.check(&["Q commit"], &["C COMMIT", "Z I"]);
    assert_eq!(a.receive().unwrap(), "A news one");
    b.check(&["Q begin; notify news, 'lost'; rollback; notify news, 'two'"], &["C BEGIN", "C NOTIFY", "C ROLLBACK", "C NOTIFY", "Z I"]);
    assert_eq!(a.receive().unwrap(), "A news two");
    a.check(&["Q notify news"], &["C NOTIFY", "A news ", "Z I"]);
    a.check(&["Q unlisten *; notify news"], &["C UNLISTEN", "C NOTIFY", "Z I"]);
}

#[test]
fn a_bound_portal_is_a_cursor() {
    let server = TestServer::start();
    let mut c = server.connect();
    c.answer();
    c.check(&["Q begin"], &["C BEGIN", "Z T"]);
    c.check(&["P |select n from generate_series(1, $1) n|23", "B walk||5", "S"], &["1", "2", "Z T"]);
    c.check(&["Q move 2 in walk; fetch 2 from walk"], &["C MOVE 2", "T n:23", "D 3", "D 4", "C FETCH 2", "Z T"]);
    c.check(&["Q select name, is_scrollable from pg_cursors"], &["T name:25,is_scrollable:16", "D walk|f", "C SELECT 1", "Z T"]);
    c.check(&["E walk", "S"], &["D 5", "C SELECT 1", "Z T"]);
    c.check(&["Q fetch prior from walk"], &["E 55000 cursor can only scan forward", "Z E"]);
    c.check(&["Q rollback"], &["C ROLLBACK", "Z I"]);
}

#[test]
fn a_select_of_nothing_has_rows_without_columns() {
    let server = TestServer::start();
    let mut c = server.connect();
    c.answer();
    c.check(&["Q select from generate_series(1, 1)"], &["T ", "D ", "C SELECT 1", "Z I"]);
    let script = ["P |select from generate_series(1, 1)", "DS ", "B ", "DP ", "E ", "S"];
    c.check(&script, &["1", "t ", "T ", "2", "T ", "D ", "C SELECT 1", "Z I"]);
}

#[test]
fn prepared_statements_are_listed() {
    let server = TestServer::start();
    let mut c = server.connect();
    c.answer();
    c.check(&["P a|select $1 + 1, $2|0,1043", "P |select 1", "S"], &["1", "1", "Z I"]);
    c.check(&["Q prepare b as select 1"], &["C PREPARE", "Z I"]);
    c.check(
        &["Q select name, statement, parameter_types, from_sql from pg_prepared_statements order by name"],
        &[
            "T name:25,statement:25,parameter_types:2211,from_sql:16",
            "D a|select $1 + 1, $2|{integer,\"character varying\"}|f",
            "D b|prepare b as select 1|{}|t",
            "C SELECT 2",
            "Z I",
        ],
    );
}

#[test]
fn a_session_that_ends_itself_says_why() {
    let server = TestServer::start();
    let mut c = server.connect();
    c.answer();
    c.send(&["Q select pg_terminate_backend(pg_backend_pid())"]);
    let answer = c.answer();
    assert_eq!(answer.last().map(String::as_str), Some("E 57P01 terminating connection due to administrator command"), "{answer:?}");
}

#[test]
fn binary_copy_sends_its_signature_with_the_first_row() {
    let server = TestServer::start();
    let mut c = server.connect();
    c.answer();
    for (rows, messages) in [("generate_series(1, 2)", 3), ("generate_series(1, 0)", 1)] {
        c.send(&[&format!("Q copy (select 1 from {rows}) to stdout (format binary)")]);
        let answer = c.answer();
        assert_eq!(answer.iter().filter(|m| m.starts_with('d')).count(), messages, "{answer:?}");
    }
}

#[test]
fn a_prepared_statement_can_be_explained() {
    let server = TestServer::start();
    let mut c = server.connect();
    c.answer();
    c.check(&["P s|select $1::int + n from generate_series(1, $2) n|0,0", "S"], &["1", "Z I"]);
    c.send(&["Q explain (verbose, format json) execute s(NULL, NULL)"]);
    let answer = c.answer();
    assert!(answer.iter().any(|m| m == "C EXPLAIN"), "{answer:?}");
}
