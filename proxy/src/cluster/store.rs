//! [`Cluster`]: the state on disk. It is written whole to a file beside the old one, synced, and put in its place.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::{Mutex, RwLock};

use super::{Change, State};

/// The file's name in the data directory.
const FILE: &str = "cluster.json";

/// The state on disk and in memory.
pub struct Cluster {
    path: PathBuf,
    state: RwLock<Arc<State>>,
    writing: Mutex<()>,
}

impl Cluster {
    /// Reads a data directory's file; none is an empty state.
    pub fn open(directory: &Path) -> io::Result<Cluster> {
        let path = directory.join(FILE);
        let state = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(error),
        };
        Ok(Cluster { path, state: RwLock::new(Arc::new(state)), writing: Mutex::new(()) })
    }

    /// The state as it stands.
    pub fn state(&self) -> Arc<State> {
        self.state.read().clone()
    }

    /// Takes a transaction's changes over, durably.
    pub fn commit(&self, changes: &[Change]) -> io::Result<()> {
        let _one_at_a_time = self.writing.lock();
        let mut state = (*self.state()).clone();
        changes.iter().for_each(|change| state.apply(change));
        self.write(&state)?;
        *self.state.write() = Arc::new(state);
        Ok(())
    }

    fn write(&self, state: &State) -> io::Result<()> {
        let beside = self.path.with_extension("json.new");
        // It holds what passwords are checked against.
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(state).map_err(io::Error::other)?)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        match self.path.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Role;
    use super::*;

    #[test]
    fn what_was_committed_is_there_after_opening_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let cluster = Cluster::open(directory.path()).expect("opens");
        cluster.commit(&[Change::Put(Role::new("me")), Change::Comment("role", "me".into(), Some("hello".into()))]).expect("commits");
        let state = Cluster::open(directory.path()).expect("opens").state();
        assert!(state.has_role("me"));
        assert_eq!(state.comment("role", "me"), Some("hello"));
        cluster.commit(&[Change::Drop("me".into())]).expect("commits");
        assert!(!Cluster::open(directory.path()).expect("opens").state().has_role("me"));
    }
}
