//! What is looked at without the node: permissions, disk, addresses, the write-ahead logs, and whether the databases' files are whole.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use super::{
    super::{place::Place, shown::size},
    Finding, finding,
};

/// Below so much room a node is in danger.
const LEAST_ROOM_BYTES: u64 = 500_000_000;
/// A write-ahead log that is larger has not been brought home for long.
const LARGEST_WAL_BYTES: u64 = 512 << 20;
const SECRETS: [&str; 5] = ["device.key", "device.key.next", "admin.token", "invitations.json", "device.json"];

/// Looks at all of it.
pub(super) fn look(place: &Place) -> Vec<Finding> {
    let directory = &place.directory;
    let mut findings = permissions(directory);
    findings.extend(room(directory));
    findings.extend(addresses(place));
    for file in databases(directory) {
        findings.extend(wal(&file));
        findings.extend(integrity(&file, place));
    }
    findings
}

/// Secrets that others may read, and a directory that can't be written to.
fn permissions(directory: &Path) -> Vec<Finding> {
    let private = |name: &&str| {
        let path = directory.join(name);
        let mode = fs::metadata(&path).ok()?.permissions().mode() & 0o777;
        let shown = path.display();
        (mode & 0o077 != 0).then(|| finding(format!("{shown} can be read by others (mode {mode:o})"), format!("chmod 600 {shown}")))
    };
    let mut findings: Vec<Finding> = SECRETS.iter().filter_map(private).collect();
    if let Err(error) = tempfile::tempfile_in(directory) {
        let owner = fs::metadata(directory).map_or(0, |about| about.uid());
        let cure = format!("run peergres as the directory's owner (user id {owner}), on a file system that is mounted for writing");
        findings.push(finding(format!("{} can't be written to: {error}", directory.display()), cure));
    }
    findings
}

/// The room that is left on the disk.
fn room(directory: &Path) -> Option<Finding> {
    let about = rustix::fs::statvfs(directory).ok()?;
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    let held: u64 = databases(directory).iter().filter_map(|file| fs::metadata(file).ok()).map(|about| about.len()).sum();
    (free < LEAST_ROOM_BYTES.max(held / 10)).then(|| {
        let problem = format!("only {} are free on the disk of {}", size(free), directory.display());
        finding(problem, "make room, or move the data directory to a larger disk; writes fail when it is full, and nothing that was acknowledged is lost")
    })
}

/// Addresses that something else has, where no server of this directory runs.
fn addresses(place: &Place) -> Vec<Finding> {
    if place.directory.join("server.json").exists() {
        return Vec::new();
    }
    let taken = |(address, flag): (&str, &str)| {
        let error = TcpListener::bind(address).err()?;
        let cure = format!("stop what listens there, or choose another address: peergres serve --{flag} ADDRESS");
        Some(finding(format!("cannot listen on {address}: {error}"), cure))
    };
    [(place.pg.as_str(), "pg"), (place.http.as_str(), "http")].into_iter().filter_map(taken).collect()
}

fn databases(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|extension| extension == "db")).collect();
    files.sort();
    files
}

fn wal(file: &Path) -> Option<Finding> {
    let mut path = file.as_os_str().to_owned();
    path.push("-wal");
    let bytes = fs::metadata(&path).ok()?.len();
    (bytes > LARGEST_WAL_BYTES).then(|| {
        let problem = format!("the write-ahead log of {} has {}", file.display(), size(bytes));
        finding(problem, "a session reads in one transaction for very long: SELECT pid, xact_start, query FROM pg_stat_activity, then end it; or restart")
    })
}

/// SQLite's own check of the whole file.
fn integrity(file: &Path, place: &Place) -> Option<Finding> {
    let check = || -> rusqlite::Result<String> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        (place.setup)(&connection)?;
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
    };
    let cure = "stop the server, keep a copy of the directory, and restore the last backup: peergres restore FILE --data NEW; or let a new directory join";
    match check() {
        Ok(said) if said == "ok" => None,
        Ok(fault) => Some(finding(format!("{} is damaged: {fault}", file.display()), cure)),
        Err(error) => Some(finding(format!("{} can't be read: {error}", file.display()), cure)),
    }
}
