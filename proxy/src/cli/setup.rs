//! `init` and `migrate`: the set-up without serving.

use peergres_sync::{manager::Replica, store::Node};
use serde_json::json;

use super::{
    InitArgs,
    place::{Failure, Place, text},
};

/// Makes the identity, the databases and the tables where they are missing.
pub fn init(args: &InitArgs, place: &Place) -> Result<(), Failure> {
    let database = args.database.as_deref().unwrap_or(&place.database);
    let node = Node::open(&place.directory, database, place.setup.clone()).map_err(|e| Failure(e.to_string()))?;
    let replica = Replica::open(&node, args.name.as_deref(), place.strategies.clone()).map_err(|e| Failure(e.to_string()))?;
    let identity = replica.identity();
    let made = json!({
        "device_id": identity.device_id,
        "device_name": identity.device_name(),
        "fingerprint": identity.fingerprint().to_string(),
        "data": place.directory,
    });
    place
        .print(&made, |made| format!("{} is ready: device {} ({})", text(made, "data"), text(made, "device_name"), text(made, "device_id")))
}

/// Brings the tables of an older version up to date.
pub fn migrate(place: &Place) -> Result<(), Failure> {
    if !place.directory.is_dir() {
        return Err(Failure(format!("{} is not a data directory; make one with: peergres init", place.directory.display())));
    }
    Node::open(&place.directory, &place.database, place.setup.clone()).map_err(|e| Failure(e.to_string()))?;
    place.print(&json!({ "migrated": true }), |_| "the tables are up to date".to_owned())
}
