//! `sync`.

use serde_json::json;

use super::{
    SyncArgs,
    place::{Failure, Place, number},
};

/// One round now, with one peer or with all.
pub fn run(args: &SyncArgs, place: &Place) -> Result<(), Failure> {
    let peers = if args.peer.is_none() { place.peers.clone() } else { Vec::new() };
    let round = place.post("/sync/now", &json!({ "peer": args.peer, "peers": peers }))?;
    place.print(&round, |round| {
        let (pushed, pulled, conflicts) = (number(round, "pushed"), number(round, "pulled"), number(round, "conflicts"));
        format!("pushed {pushed}, pulled {pulled}, conflicts {conflicts}")
    })
}
