//! Where a command works: the data directory and what the configuration says of it.
//!
//! Enters: the merged configuration. Leaves: calls of the node's API, and one object or some lines on standard output.

use std::{io::Write as _, path::PathBuf};

use peergres_sync::{
    conflicts::Strategies,
    manager::{Access, AccessError},
    store::Setup,
};
use serde_json::Value as Json;

/// Why a command failed: one clear line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        Failure(error.to_string())
    }
}

/// Where a command works.
#[derive(Clone)]
pub struct Place {
    /// The data directory.
    pub directory: PathBuf,
    /// The replicated database.
    pub database: String,
    /// Where the PostgreSQL wire listens when the server runs.
    pub pg: String,
    /// Where the HTTP API listens when the server runs.
    pub http: String,
    /// The peers that the configuration names.
    pub peers: Vec<String>,
    /// Where other devices reach the HTTP API, if not where it listens.
    pub public_url: Option<String>,
    /// What decides conflicts without a person.
    pub strategies: Strategies,
    /// Whether to print one JSON object.
    pub json: bool,
    /// What connections need: the functions and collations of the SQL pipeline.
    pub setup: Setup,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl Place {
    /// Runs `work` with access to the node: through its server, or on its files. A directory that was never set up is not made by the way.
    pub fn access<T>(&self, work: impl AsyncFnOnce(&Access) -> Result<T, Failure>) -> Result<T, Failure> {
        self.must_be_data()?;
        self.access_or_make(work)
    }

    /// Refuses a directory that was never set up.
    pub fn must_be_data(&self) -> Result<(), Failure> {
        if self.directory.join("admin.token").exists() {
            return Ok(());
        }
        let directory = self.directory.display();
        Err(Failure(format!("{directory} is not a data directory yet; make it one with: peergres init --data {directory}")))
    }

    /// As [`Place::access`], and makes what is missing.
    pub fn access_or_make<T>(&self, work: impl AsyncFnOnce(&Access) -> Result<T, Failure>) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|e| Failure(format!("cannot start: {e}")))?;
        runtime.block_on(async {
            let access = Access::open(&self.directory, &self.database, self.setup.clone(), self.strategies.clone()).await?;
            work(&access).await
        })
    }

    /// `GET` of the node's API.
    pub fn get(&self, path: &str) -> Result<Json, Failure> {
        self.access(async |access| Ok(access.get(path).await?))
    }

    /// `POST` to the node's API.
    pub fn post(&self, path: &str, body: &Json) -> Result<Json, Failure> {
        self.access(async |access| Ok(access.post(path, body).await?))
    }

    /// Prints the object with `--json`, else the lines.
    pub fn print(&self, object: &Json, lines: impl FnOnce(&Json) -> String) -> Result<(), Failure> {
        let text = if self.json { object.to_string() } else { lines(object) };
        let mut out = std::io::stdout().lock();
        // A reader that has gone away (`| head`) is no failure.
        match writeln!(out, "{}", text.trim_end()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure(format!("standard output: {error}"))),
            _ => Ok(()),
        }
    }
}

/// A text member, or nothing.
pub(super) fn text<'a>(object: &'a Json, member: &str) -> &'a str {
    object.get(member).and_then(Json::as_str).unwrap_or_default()
}

/// A number member, or 0.
pub(super) fn number(object: &Json, member: &str) -> u64 {
    object.get(member).and_then(Json::as_u64).unwrap_or(0)
}

/// The members of a list.
pub(super) fn items<'a>(object: &'a Json, member: &str) -> &'a [Json] {
    object.get(member).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// A time in microseconds since 1970, as UTC.
pub(super) fn time(micros: i64) -> String {
    chrono::DateTime::from_timestamp_micros(micros).map(|t| t.format("%Y-%m-%d %H:%M:%S UTC").to_string()).unwrap_or_default()
}

/// Rows as columns of equal width, under their headings.
pub(super) fn columns(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = headings.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let mut out = line(&mut headings.iter().copied());
    for row in rows {
        out.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    out
}

/// A path segment, percent-encoded.
pub(super) fn segment(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "long".to_owned()], vec!["bcd".to_owned(), "x".to_owned()]];
        assert_eq!(columns(&["ID", "NAME"], &rows), "ID   NAME\na    long\nbcd  x\n");
    }

    #[test]
    fn a_segment_holds_no_separator() {
        assert_eq!(segment("a/b?c d"), "a%2Fb%3Fc%20d");
    }
}
