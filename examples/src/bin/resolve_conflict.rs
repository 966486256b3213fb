//! A conflict: two devices change one value while apart; both learn of it, one decides, and the decision travels.
//! Enters: nothing. Leaves: the conflict and how it was settled, on standard output.

use std::error::Error;

use peergres_sync::{SyncManager, SyncOperation, Winner, value::Storage};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let a = SyncManager::new(home.path().join("a"))?;
    a.initialize_device("a")?;
    let image = |city: &str| json!({ "city": city }).as_object().cloned().unwrap_or_default();
    a.changes().create_table("people", &[("id", Storage::Integer), ("city", Storage::Text)])?;
    a.changes().log_change("people", "1", SyncOperation::Insert, &image("Rome"))?;
    a.changes().log_change("people", "2", SyncOperation::Insert, &image("Oslo"))?;
    let url = format!("http://{}", a.start_server("127.0.0.1:0").await?);
    let b = SyncManager::new(home.path().join("b"))?;
    b.initialize_device("b")?;
    b.join(&a.invite(&url)?).await?;

    for (record, here, there) in [("1", "Paris", "Berlin"), ("2", "Lima", "Kyiv")] {
        a.changes().log_change("people", record, SyncOperation::Update, &image(here))?;
        b.changes().log_change("people", record, SyncOperation::Update, &image(there))?;
    }
    let round = b.sync_with_peer(&url).await?;
    println!("{} conflicts", round.conflicts);
    let pending = b.conflicts().get_pending_conflicts()?;
    let ids = |manager: &SyncManager| -> Result<Vec<String>, Box<dyn Error>> {
        Ok(manager.conflicts().get_pending_conflicts()?.into_iter().map(|conflict| conflict.id).collect())
    };
    let (mut here, mut there) = (ids(&a)?, ids(&b)?);
    here.sort();
    there.sort();
    assert_eq!(here, there, "the same conflicts on both");
    for (conflict, decision) in pending.iter().zip([None, Some("Vienna")]) {
        println!("{} {}: {:?} or {:?}", conflict.table_name, conflict.record_id, conflict.local_data, conflict.remote_data);
        match decision {
            None => b.conflicts().resolve_conflict(&conflict.id, Winner::Local)?,
            Some(city) => b.conflicts().manual_resolve(&conflict.id, image(city))?,
        };
    }
    b.sync_with_peer(&url).await?;
    assert!(ids(&a)?.is_empty() && ids(&b)?.is_empty());
    println!("both are at rest");
    Ok(())
}
