//! A copy of the replicated database, consistent while all goes on.
//! Enters: nothing. Leaves: the copy's size, on standard output.

use std::error::Error;

use peergres_sync::{SyncManager, value::Storage};

fn main() -> Result<(), Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let manager = SyncManager::new(home.path().join("data"))?;
    manager.changes().create_table("notes", &[("id", Storage::Integer), ("body", Storage::Text)])?;
    let copy = home.path().join("copy.db");
    manager.export_backup(&copy)?;
    println!("{} bytes", std::fs::metadata(&copy)?.len());
    Ok(())
}
