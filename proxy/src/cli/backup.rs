//! `backup` and `restore`.
//!
//! Enters: a file, a data directory, a passphrase (a file, the environment, or asked for on the terminal). Leaves: the backup, or the directory; progress on
//! standard error where that is a terminal. Both work on the files themselves, whether or not a server is running there.

use std::{io::IsTerminal as _, path::Path};

use peergres_sync::backup::{self, Passphrase};
use serde_json::{Value as Json, json};

use super::{
    BackupArgs, RestoreArgs,
    place::{Failure, Place, number, text, time},
    shown::{Shown, size},
};

/// The environment's variable that holds a passphrase.
const VARIABLE: &str = "PEERGRES_PASSPHRASE";
/// A new passphrase has as many characters at least.
const SHORTEST: usize = 8;

/// Writes an encrypted backup.
pub fn write(args: &BackupArgs, place: &Place) -> Result<(), Failure> {
    place.must_be_data()?;
    let passphrase = passphrase(args.passphrase_file.as_deref(), true)?;
    let mut shown = Shown::default();
    let manifest = backup::write(&place.directory, &args.file, &passphrase, &mut |what, done, all| shown.show(what, done, all));
    shown.clear();
    let manifest = manifest.map_err(|e| Failure(e.to_string()))?;
    let bytes = std::fs::metadata(&args.file).map_or(0, |about| about.len());
    let written = json!({ "file": args.file, "bytes": bytes, "databases": manifest.files.len(), "created_at": manifest.created_at });
    place.print(&written, |w| format!("{}: {} databases, {}", text(w, "file"), number(w, "databases"), size(number(w, "bytes"))))
}

/// Makes a data directory of a backup.
pub fn restore(args: &RestoreArgs, place: &Place) -> Result<(), Failure> {
    let passphrase = passphrase(args.passphrase_file.as_deref(), false)?;
    let mut shown = Shown::default();
    let restored =
        backup::restore(&args.file, &passphrase, &place.directory, args.name.as_deref(), place.setup.clone(), &mut |what, done, all| {
            shown.show(what, done, all)
        });
    shown.clear();
    let restored = restored.map_err(|e| Failure(e.to_string()))?;
    let mut answer = serde_json::to_value(&restored).map_err(|e| Failure(e.to_string()))?;
    if let Json::Object(members) = &mut answer {
        members.insert("data".to_owned(), json!(place.directory));
    }
    place.print(&answer, |answer| {
        let at = answer.get("created_at").and_then(Json::as_i64).map(time).unwrap_or_default();
        let (data, former) = (text(answer, "data"), text(answer, "former_device_id"));
        let mut lines = format!(
            "{data} is restored, as of {at}: {} databases, {} changes verified\nIt is a new device: {}\n",
            number(answer, "files"),
            number(answer, "changes"),
            text(answer, "device_id"),
        );
        if restored.was_paired {
            lines +=
                "To sync with the others again, run there: peergres invite\nand here:                               peergres join CODE\n";
        }
        lines + &format!("If the old device is gone for good, afterwards: peergres device revoke {former}")
    })
}

/// The passphrase: of the file, else of the environment, else asked for on the terminal; twice where it is a new one.
fn passphrase(file: Option<&Path>, is_new: bool) -> Result<Passphrase, Failure> {
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).map_err(|e| Failure(format!("{}: {e}", path.display())))?;
        return checked(text.trim_end_matches(['\n', '\r']).to_owned(), is_new);
    }
    if let Some(text) = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty()) {
        return checked(text, is_new);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure(format!("a backup has a passphrase: give --passphrase-file FILE, or set {VARIABLE}")));
    }
    let ask = |question: &str| rpassword::prompt_password(question).map_err(|e| Failure(format!("the passphrase can't be read: {e}")));
    let given = ask("Passphrase: ")?;
    if is_new && ask("Once more: ")? != given {
        return Err(Failure("the two are not the same".to_owned()));
    }
    checked(given, is_new)
}

fn checked(text: String, is_new: bool) -> Result<Passphrase, Failure> {
    if text.is_empty() || (is_new && text.chars().count() < SHORTEST) {
        return Err(Failure(format!("a passphrase has at least {SHORTEST} characters")));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_comes_from_a_file_without_its_line_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "long enough\r\n").unwrap();
        let read = passphrase(Some(file.path()), true).unwrap();
        assert_eq!(peergres_sync::backup::expose(&read), "long enough");
        std::fs::write(file.path(), "short\n").unwrap();
        assert!(passphrase(Some(file.path()), true).is_err());
        assert!(passphrase(Some(file.path()), false).is_ok(), "a backup of another tool's making may have a short one");
    }
}
