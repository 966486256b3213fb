//! `migration DIR [DATABASE]`: brings every database file of a data directory to the newest format.
//!
//! Enters: the directory, and the name of the replicated database (default `app`). Leaves: a line per file; exit code 0, 1 (refused or
//! failed, one line on standard error) or 2 (wrong usage). The server does the same by itself when it starts.

use std::{error::Error, path::Path, process::ExitCode};

use peergres_migrations::{Scope, is_replicated, migrate};
use rusqlite::Connection;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (directory, replicated) = match arguments.as_slice() {
        [directory] if !directory.starts_with('-') => (directory, "app"),
        [directory, replicated] if !directory.starts_with('-') => (directory, replicated.as_str()),
        _ => {
            eprintln!("usage: migration DIR [DATABASE]");
            return ExitCode::from(2);
        }
    };
    match migrate_directory(Path::new(directory), replicated) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("migration: {directory}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn migrate_directory(directory: &Path, replicated: &str) -> Result<(), Box<dyn Error>> {
    let mut files: Vec<_> = std::fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?.into_iter().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "db"));
    files.sort();
    let main = directory.join(format!("{replicated}.db"));
    if !files.contains(&main) {
        files.push(main.clone());
    }
    for file in files {
        let mut connection = Connection::open(&file)?;
        let scope = if file == main || is_replicated(&connection)? { Scope::Replicated } else { Scope::Every };
        let taken = migrate(&mut connection, scope).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("{}: {} steps taken, format {}", file.display(), taken.len(), peergres_migrations::newest());
    }
    Ok(())
}
