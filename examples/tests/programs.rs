//! Every program of this crate runs to its end and says what its head promises.

use std::process::Command;

/// Runs a program; answers its standard output.
fn run(program: &str) -> String {
    let output = Command::new(program).output().expect("the program starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success(), "{program}\n--- out\n{out}\n--- err\n{err}");
    out
}

#[test]
fn two_devices_sync() {
    let out = run(env!("CARGO_BIN_EXE_sync_two_devices"));
    assert!(out.contains("one round: pushed 1, pulled 1, conflicts 0"), "{out}");
    assert!(out.contains("laptop and phone hold the same"), "{out}");
}

#[test]
fn a_write_arrives_by_itself() {
    assert!(run(env!("CARGO_BIN_EXE_auto_sync")).contains("the reading arrived after"));
}

#[test]
fn a_conflict_is_resolved_by_a_side_and_by_hand() {
    let out = run(env!("CARGO_BIN_EXE_resolve_conflict"));
    assert!(out.starts_with("2 conflicts\n") && out.ends_with("both are at rest\n"), "{out}");
}

#[test]
fn devices_are_registered_authorized_and_revoked() {
    let out = run(env!("CARGO_BIN_EXE_manage_devices"));
    assert!(out.contains("authorized: false") && out.contains("phone takes part") && out.contains("phone is revoked: true"), "{out}");
}

#[test]
fn changes_are_tracked_with_before_and_after() {
    let out = run(env!("CARGO_BIN_EXE_track_changes"));
    assert!(out.contains(r#"UPDATE {"amount":"1000.00"} -> {"amount":"900.00"}"#), "{out}");
    assert_eq!(out.lines().count(), 3, "{out}");
}

#[test]
fn a_backup_is_exported() {
    let out = run(env!("CARGO_BIN_EXE_export_backup"));
    assert!(out.trim().trim_end_matches(" bytes").parse::<u64>().is_ok_and(|bytes| bytes > 4096), "{out}");
}
