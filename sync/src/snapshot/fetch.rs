//! Downloading a snapshot piece by piece, and taking it in.
//!
//! Enters: a peer. Leaves: its changes in the log and the tables, as if they had come page by page. What was downloaded stays in a file until it
//! has been taken in whole: after an interruption, of either side, the next round goes on where it stopped.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::http::{StatusCode, header};
use flate2::read::GzDecoder;

use super::{FORMAT, Header, INCOMING, Line, Part, recover};
use crate::{
    devices::{
        acknowledgements::{self, Acknowledgement},
        membership::Entry,
    },
    log::Operation,
    manager::{Replica, ReplicaError},
    peers::{Download, PeerError, PeerIdentity, Round, SnapshotProgress, compare_heads, take_in_from, wire},
    store::StoreError,
};

/// The longest line, that is the largest transaction.
const MAX_LINE_BYTES: u64 = 1 << 30;
/// How long to wait for a snapshot to grow.
const PATIENCE: Duration = Duration::from_millis(100);

/// Takes the peer's snapshot where that is the way to go on: nothing of any other device is held yet, a download was interrupted, or peers have
/// pruned what is held whole here.
pub(crate) async fn take_if_wanted(replica: &Arc<Replica>, peer: &PeerIdentity, round: &mut Round) -> Result<(), PeerError> {
    let device = peer.device_id;
    let wanted = replica.blocking(move |r| {
        let me = r.identity().device_id;
        let empty = r.database().log_state().held().0.keys().all(|author| *author == me);
        Ok(empty || find_partial(r.node().directory(), device).is_some() || recover::is_due(r.database())?)
    });
    if wanted.await? { take_snapshot(replica, peer, round).await } else { Ok(()) }
}

/// Takes the peer's snapshot. A peer that has none to give is no failure: its log can be had page by page.
pub(crate) async fn take_snapshot(replica: &Arc<Replica>, peer: &PeerIdentity, round: &mut Round) -> Result<(), PeerError> {
    let Some(path) = download(replica, peer).await? else { return Ok(()) };
    let url = peer.url.clone();
    let unusable = move |reason: String| PeerError::Unusable { url: url.clone(), reason };
    let (file, from) = (path.clone(), peer.url.clone());
    let taken = replica.blocking(move |r| {
        let result = take_in(r, &file, &from);
        r.schedule().note_snapshot(&from, None);
        // One that can't be used is not tried again; one that was taken in is not needed any more.
        if let Err(error) = fs::remove_file(&file) {
            tracing::warn!(%error, "a snapshot that was taken in could not be removed");
        }
        Ok(result)
    });
    let taken = taken.await?.map_err(unusable)?;
    *round += taken;
    Ok(())
}

/// What there is of an interrupted download from a device: the file, and the snapshot's id.
fn find_partial(directory: &Path, device: uuid::Uuid) -> Option<(PathBuf, String)> {
    let begin = format!("{INCOMING}{device}-");
    let entries = fs::read_dir(directory).ok()?;
    entries.flatten().find_map(|entry| {
        let name = entry.file_name().to_str()?.strip_prefix(&begin)?.to_owned();
        Some((entry.path(), name))
    })
}

/// Removes what interrupted downloads have left.
pub(super) fn forget_partial(directory: &Path) -> Result<(), ReplicaError> {
    let failed = |path: &Path, source| ReplicaError::Store(StoreError::Io { path: path.to_owned(), source });
    for entry in fs::read_dir(directory).map_err(|error| failed(directory, error))?.flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(INCOMING)) {
            fs::remove_file(entry.path()).map_err(|error| failed(&entry.path(), error))?;
        }
    }
    Ok(())
}

/// Downloads all of it; none where the peer has no snapshots to give.
async fn download(replica: &Arc<Replica>, peer: &PeerIdentity) -> Result<Option<PathBuf>, PeerError> {
    let directory = replica.node().directory().to_owned();
    let local = |error: std::io::Error| PeerError::Local(format!("the snapshot can't be kept: {error}"));
    // What peers have pruned by now, only a snapshot of now tells.
    let fresh = replica.blocking(|r| recover::is_due(r.database())).await?;
    let mut partial = find_partial(&directory, peer.device_id);
    let mut restarted = false;
    loop {
        let offset = partial.as_ref().and_then(|(path, _)| fs::metadata(path).ok()).map_or(0, |about| about.len());
        let query = match &partial {
            Some((_, id)) => format!("?id={id}&offset={offset}"),
            None => format!("?fresh={fresh}"),
        };
        let piece = replica.client().download(peer, "/sync/snapshot", &query).await?;
        match piece.status {
            StatusCode::PARTIAL_CONTENT | StatusCode::ACCEPTED | StatusCode::RANGE_NOT_SATISFIABLE => {}
            StatusCode::NOT_FOUND if partial.is_none() => return Ok(None),
            // The peer has it no more: all anew, once.
            StatusCode::GONE if !restarted => {
                if let Some((path, _)) = partial.take() {
                    fs::remove_file(path).map_err(local)?;
                }
                restarted = true;
                continue;
            }
            status => {
                let detail = format!("no snapshot (HTTP status {status})");
                return Err(PeerError::Refused { url: peer.url.clone(), status: status.as_u16(), detail });
            }
        }
        let (id, total) = describe(peer, &piece)?;
        let path = match &partial {
            Some((path, _)) => path.clone(),
            None => directory.join(format!("{INCOMING}{}-{id}", peer.device_id)),
        };
        append(&path, &piece.body).map_err(local)?;
        let have = offset + piece.body.len() as u64;
        replica.schedule().note_snapshot(&peer.url, Some(SnapshotProgress { bytes: have, total, changes: 0 }));
        partial = Some((path.clone(), id));
        if total == Some(have) {
            return Ok(Some(path));
        }
        if piece.body.is_empty() {
            tokio::time::sleep(PATIENCE).await;
        }
    }
}

/// The snapshot's id and, once it is whole, its size.
fn describe(peer: &PeerIdentity, piece: &Download) -> Result<(String, Option<u64>), PeerError> {
    let text = |name: &header::HeaderName| piece.headers.get(name).and_then(|value| value.to_str().ok());
    let id = text(&header::ETAG).map(|tag| tag.trim_matches('"')).filter(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    let unusable = || PeerError::Unusable { url: peer.url.clone(), reason: "its snapshot has no name".to_owned() };
    let total = text(&header::CONTENT_RANGE).and_then(|range| range.rsplit('/').next()).and_then(|total| total.parse().ok());
    Ok((id.ok_or_else(unusable)?.to_owned(), total))
}

fn append(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().append(true).create(true).mode(0o600).open(path)?.write_all(bytes)
}

/// A snapshot's lines, one at a time.
pub(super) struct Reader {
    lines: BufReader<GzDecoder<BufReader<File>>>,
    /// Its members.
    members: Vec<Entry>,
    /// What devices are known to hold.
    acknowledgements: Vec<Acknowledgement>,
    count: u64,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Reader, String> {
        let file = File::open(path).map_err(|e| e.to_string())?;
        let mut lines = BufReader::with_capacity(1 << 18, GzDecoder::new(BufReader::new(file)));
        let first = read_line(&mut lines)?;
        let header: Header = serde_json::from_slice(&first).map_err(|e| format!("this is not a snapshot: {e}"))?;
        if header.peergres_snapshot != FORMAT {
            return Err(format!("its snapshot has format {}, made by a newer peergres", header.peergres_snapshot));
        }
        Ok(Reader { lines, members: header.members, acknowledgements: header.acknowledgements, count: 0 })
    }

    /// The next part; none after the last. A snapshot that ends without saying so is an error.
    pub(super) fn next(&mut self) -> Result<Option<Part>, String> {
        let line = read_line(&mut self.lines)?;
        match serde_json::from_slice(&line).map_err(|e| format!("its snapshot can't be read: {e}"))? {
            Line::Part(part) => {
                self.count += part.changes.len() as u64;
                Ok(Some(part))
            }
            Line::End(end) if end.end == self.count => Ok(None),
            Line::End(_) => Err("its snapshot is not whole".to_owned()),
        }
    }
}

fn read_line(lines: &mut impl BufRead) -> Result<Vec<u8>, String> {
    let mut line = Vec::new();
    lines.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(|e| format!("its snapshot is damaged: {e}"))?;
    if line.last() == Some(&b'\n') { Ok(line) } else { Err("its snapshot is not whole".to_owned()) }
}

/// Takes a snapshot in, part by part, each verified and durable before the next one.
fn take_in(replica: &Arc<Replica>, path: &Path, url: &str) -> Result<Round, String> {
    let say = |error: ReplicaError| error.to_string();
    let (database, me) = (replica.database(), replica.identity().device_id);
    let began_empty = database.log_state().held().0.keys().all(|author| *author == me);
    let mut reader = Reader::open(path)?;
    let size = fs::metadata(path).map_or(0, |about| about.len());
    let members = std::mem::take(&mut reader.members);
    acknowledgements::take(database, replica.identity(), &reader.acknowledgements).map_err(|e| say(e.into()))?;
    let (mut round, mut pruned) = (Round::default(), false);
    while let Some(part) = reader.next()? {
        pruned |= part.changes.iter().any(|change| change.operation == Operation::Pruned);
        let transactions = wire::from_wire(part.changes)?;
        compare_heads(database, replica.identity(), &part.heads).map_err(|e| say(e.into()))?;
        let intake = take_in_from(database, replica.identity(), replica.strategies(), transactions, &part.heads, &members);
        let intake = intake.map_err(|e| say(e.into()))?;
        replica.announce(&intake);
        round.pulled += intake.applied.changes;
        round.conflicts += intake.applied.conflicts;
        let progress = SnapshotProgress { bytes: size, total: Some(size), changes: round.pulled };
        replica.schedule().note_snapshot(url, Some(progress));
        if let Some(error) = intake.refused.first() {
            return Err(error.to_string());
        }
    }
    if pruned && !began_empty || recover::is_due(database).map_err(say)? {
        recover::adopt(replica, Reader::open(path)?)?;
    }
    Ok(round)
}
