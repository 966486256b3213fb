//! Syncing by itself: after the first pairing a write arrives on the other device without anybody asking for it.
//! Enters: nothing. Leaves: how long it took, on standard output.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use peergres_sync::{SyncManager, SyncOperation, value::Storage};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let desk = SyncManager::new(home.path().join("desk"))?;
    desk.changes().create_table("readings", &[("id", Storage::Integer), ("value", Storage::Real)])?;
    let address = desk.start_server("127.0.0.1:0").await?;
    let sensor = SyncManager::new(home.path().join("sensor"))?;
    sensor.join(&desk.invite(&format!("http://{address}"))?).await?;
    sensor.enable_auto_sync(&[], Duration::from_secs(1));

    let before = desk.sync_status()?.log.changes;
    let data = json!({ "value": 21.5 }).as_object().cloned().unwrap_or_default();
    sensor.changes().log_change("readings", "1", SyncOperation::Insert, &data)?;
    let written = Instant::now();
    while desk.sync_status()?.log.changes == before {
        tokio::time::sleep(Duration::from_millis(2)).await;
        if written.elapsed() > Duration::from_secs(20) {
            return Err("the change did not arrive".into());
        }
    }
    println!("the reading arrived after {} ms", written.elapsed().as_millis());
    Ok(())
}
