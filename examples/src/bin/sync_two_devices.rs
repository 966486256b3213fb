//! Two devices on one machine: the first makes a table and a row, the second joins by a code, both write, one round, both hold the same.
//! Enters: nothing. Leaves: what each holds, on standard output.

use std::error::Error;

use peergres_sync::{SyncManager, SyncOperation, value::Storage};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let laptop = SyncManager::new(home.path().join("laptop"))?;
    laptop.initialize_device("laptop")?;
    laptop.changes().create_table("notes", &[("id", Storage::Integer), ("body", Storage::Text)])?;
    let row = |body: &str| json!({ "body": body }).as_object().cloned().unwrap_or_default();
    laptop.changes().log_change("notes", "1", SyncOperation::Insert, &row("written on the laptop"))?;
    let address = laptop.start_server("127.0.0.1:0").await?;

    let phone = SyncManager::new(home.path().join("phone"))?;
    phone.initialize_device("phone")?;
    let code = laptop.invite(&format!("http://{address}"))?;
    let joined = phone.join(&code).await?;
    println!("the phone joined: {} changes came", joined.pulled);

    phone.changes().log_change("notes", "2", SyncOperation::Insert, &row("written on the phone"))?;
    laptop.changes().log_change("notes", "1", SyncOperation::Update, &row("rewritten on the laptop"))?;
    let round = phone.sync_with_peer(&format!("http://{address}")).await?;
    println!("one round: pushed {}, pulled {}, conflicts {}", round.pushed, round.pulled, round.conflicts);

    let (a, b) = (laptop.sync_status()?, phone.sync_status()?);
    assert_eq!(a.known, b.known);
    println!("{} and {} hold the same {} changes", a.device_name, b.device_name, a.log.changes);
    Ok(())
}
