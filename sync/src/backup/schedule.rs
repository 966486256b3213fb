//! Backups by themselves, while a server runs.
//!
//! Enters: where to, how often, how many to keep. Leaves: files named by time, `peergres-20260131-030000.backup`; the oldest go. A backup that fails is told and
//! tried again; no other is removed for it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{BackupError, Passphrase, io_error, write};
use crate::clock;

const BEGIN: &str = "peergres-";
const END: &str = ".backup";
/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_secs(60);

/// See the file's head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The directory that the backups go to.
    pub directory: PathBuf,
    /// The file that holds the passphrase.
    pub passphrase_file: PathBuf,
    /// How often, in hours.
    #[serde(default = "daily")]
    pub every_hours: u64,
    /// How many are kept.
    #[serde(default = "two_weeks")]
    pub keep: usize,
}

fn daily() -> u64 {
    24
}

fn two_weeks() -> usize {
    14
}

impl Schedule {
    /// Backs a data directory up whenever one is due, on a thread that ends with the process.
    pub fn start(self, data: &Path) -> std::io::Result<()> {
        let data = data.to_owned();
        let work = move || {
            loop {
                match self.run_if_due(&data) {
                    Ok(Some(file)) => tracing::info!(file = %file.display(), "a backup was written"),
                    Ok(None) => {}
                    Err(error) => tracing::error!(%error, "the backup that is due could not be written"),
                }
                std::thread::sleep(LOOK);
            }
        };
        std::thread::Builder::new().name("backup".to_owned()).spawn(work).map(drop)
    }

    /// Writes one if it is due, and removes the oldest beyond those that are kept; answers the file.
    pub fn run_if_due(&self, data: &Path) -> Result<Option<PathBuf>, BackupError> {
        fs::create_dir_all(&self.directory).map_err(io_error(&self.directory))?;
        let now = clock::now_micros() / 1_000_000;
        let files = self.files()?;
        let every = i64::try_from(self.every_hours.max(1)).unwrap_or(i64::MAX).saturating_mul(3_600);
        if files.last().is_some_and(|(at, _)| now.saturating_sub(*at) < every) {
            return Ok(None);
        }
        let text = fs::read_to_string(&self.passphrase_file).map_err(io_error(&self.passphrase_file))?;
        let passphrase: Passphrase = text.trim_end_matches(['\n', '\r']).to_owned().into();
        let name = chrono::DateTime::from_timestamp(now, 0).unwrap_or_default().format("%Y%m%d-%H%M%S");
        let file = self.directory.join(format!("{BEGIN}{name}{END}"));
        write(data, &file, &passphrase, &mut |_, _, _| {})?;
        let surplus = (files.len() + 1).saturating_sub(self.keep.max(1));
        for (_, old) in files.iter().take(surplus) {
            fs::remove_file(old).map_err(io_error(old))?;
        }
        Ok(Some(file))
    }

    /// The backups that are there, by their time in seconds since 1970, oldest first. Other files are none of ours.
    fn files(&self) -> Result<Vec<(i64, PathBuf)>, BackupError> {
        let entries = fs::read_dir(&self.directory).map_err(io_error(&self.directory))?;
        let time = |path: &Path| {
            let name = path.file_name()?.to_str()?.strip_prefix(BEGIN)?.strip_suffix(END)?;
            Some(chrono::NaiveDateTime::parse_from_str(name, "%Y%m%d-%H%M%S").ok()?.and_utc().timestamp())
        };
        let mut files: Vec<(i64, PathBuf)> =
            entries.flatten().map(|entry| entry.path()).filter_map(|path| Some((time(&path)?, path))).collect();
        files.sort();
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SyncManager;

    #[test]
    fn one_is_written_when_it_is_due_and_the_oldest_go() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        let _node = SyncManager::new(&data).unwrap();
        let passphrase_file = home.path().join("passphrase");
        fs::write(&passphrase_file, "correct horse\n").unwrap();
        let schedule = Schedule { directory: home.path().join("backups"), passphrase_file, every_hours: 1, keep: 2 };
        let first = schedule.run_if_due(&data).unwrap().expect("the first is due at once");
        assert_eq!(schedule.run_if_due(&data).unwrap(), None, "the next is not");
        // Of long ago, and something that is none of ours.
        let older = ["peergres-20200101-000000.backup", "peergres-20210101-000000.backup"].map(|name| schedule.directory.join(name));
        older.iter().for_each(|path| fs::write(path, b"old").unwrap());
        let foreign = schedule.directory.join("notes-20200101.backup");
        fs::write(&foreign, b"foreign").unwrap();
        fs::rename(&first, schedule.directory.join("peergres-20220101-000000.backup")).unwrap();
        let second = schedule.run_if_due(&data).unwrap().expect("the newest is old");
        let left: Vec<PathBuf> = schedule.files().unwrap().into_iter().map(|(_, path)| path).collect();
        assert_eq!(left, [schedule.directory.join("peergres-20220101-000000.backup"), second]);
        assert!(foreign.exists());
        fs::remove_file(&schedule.passphrase_file).unwrap();
        assert_eq!(schedule.run_if_due(&data).unwrap(), None);
    }
}
