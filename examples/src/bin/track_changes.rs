//! The log: rows are written, each change is logged with before and after, and what no other device has yet is listed.
//! Enters: nothing. Leaves: the unsynced changes, on standard output.

use std::error::Error;

use peergres_sync::{SyncManager, SyncOperation, value::Storage};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let manager = SyncManager::new(home.path())?;
    let changes = manager.changes();
    changes.create_table("loans", &[("id", Storage::Uuid), ("borrower", Storage::Text), ("amount", Storage::Text)])?;
    let id = "0190a5f0-0000-7000-8000-000000000001";
    let image = |value: serde_json::Value| value.as_object().cloned().unwrap_or_default();
    changes.log_change("loans", id, SyncOperation::Insert, &image(json!({ "borrower": "Ada", "amount": "1000.00" })))?;
    changes.log_change("loans", id, SyncOperation::Update, &image(json!({ "amount": "900.00" })))?;
    changes.log_change("loans", id, SyncOperation::Delete, &image(json!({})))?;
    for change in changes.get_unsynced_changes()?.iter().filter(|change| change.change.table_name == "loans") {
        let image = |image: &Option<_>| serde_json::to_string(image).unwrap_or_default();
        let (before, after) = (image(&change.change.old_data), image(&change.change.data));
        println!("version {}: {} {before} -> {after}", change.change.version, change.change.operation.as_str());
    }
    Ok(())
}
