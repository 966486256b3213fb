//! Backups of a library's node, restored.

use serde_json::json;

use super::*;
use crate::{SyncManager, SyncOperation, store::no_setup, value::Storage};

fn filled(directory: &std::path::Path) -> SyncManager {
    let manager = SyncManager::new(directory).unwrap();
    manager.changes().create_table("notes", &[("id", Storage::Integer), ("body", Storage::Text)]).unwrap();
    for id in 1..=20 {
        let data = json!({ "body": format!("note {id}") });
        manager.changes().log_change("notes", &id.to_string(), SyncOperation::Insert, data.as_object().unwrap()).unwrap();
    }
    manager
}

fn quietly(_: &str, _: u64, _: u64) {}

#[test]
fn a_backup_made_while_serving_is_restored_as_a_new_device() {
    let home = tempfile::tempdir().unwrap();
    let manager = filled(&home.path().join("old"));
    let former = manager.replica().identity().device_id;
    let file = home.path().join("backup.age");
    manager.export_encrypted_backup(&file, "correct horse").unwrap();
    assert!(manager.export_encrypted_backup(&file, "correct horse").is_err(), "nothing is overwritten");
    let right: Passphrase = "correct horse".to_owned().into();
    let target = home.path().join("new");
    let wrong = restore(&file, &"battery staple".to_owned().into(), &target, None, no_setup(), &mut quietly);
    assert!(matches!(wrong, Err(BackupError::Passphrase(_))) && !target.exists(), "{wrong:?}");
    let restored = restore(&file, &right, &target, None, no_setup(), &mut quietly).unwrap();
    assert_eq!((restored.former_device_id, restored.was_paired), (former, false));
    assert_ne!(restored.device_id, former);
    let again = restore(&file, &right, &target, None, no_setup(), &mut quietly);
    assert!(matches!(again, Err(BackupError::NotEmpty(_))), "{again:?}");
    let other = SyncManager::new(&target).unwrap();
    assert_eq!(other.replica().identity().device_id, restored.device_id);
    let held = other.replica().held();
    assert_eq!(held.get(former), manager.replica().held().get(former));
    other.changes().log_change("notes", "21", SyncOperation::Insert, json!({ "body": "new" }).as_object().unwrap()).unwrap();
    assert_eq!(other.replica().verify_log().unwrap().faults, [""; 0]);
}

#[test]
fn a_damaged_backup_restores_nothing() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("backup.age");
    let passphrase: Passphrase = "correct horse".to_owned().into();
    write(filled(&home.path().join("old")).replica().node().directory(), &file, &passphrase, &mut quietly).unwrap();
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for (name, bytes) in [("cut", &whole[..whole.len() - 100]), ("flipped", &flipped), ("empty", &[]), ("text", b"not a backup at all")] {
        std::fs::write(&file, bytes).unwrap();
        let target = home.path().join(name);
        let result = restore(&file, &passphrase, &target, None, no_setup(), &mut quietly);
        assert!(result.is_err() && !target.exists(), "{name}: {result:?}");
    }
}
