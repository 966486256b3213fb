//! `invite` and `join`.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{
    InviteArgs, JoinArgs,
    place::{Failure, Place, items, number, text},
    shown::Shown,
};

/// How often it is looked how far a snapshot has come.
const LOOK: Duration = Duration::from_millis(300);

/// Prints a one-time code. Without a running server the code names the address at which it will listen.
pub fn invite(args: &InviteArgs, place: &Place) -> Result<(), Failure> {
    let answer = place.access(async |access| {
        let address = match &args.address {
            Some(address) => Some(address.clone()),
            None if access.is_server() => None,
            None => Some(place.public_url.clone().unwrap_or_else(|| format!("http://{}", place.http))),
        };
        Ok(access.post("/devices/invite", &json!({ "address": address })).await?)
    })?;
    place.print(&answer, |answer| format!("On the other device, within ten minutes:\n\n    peergres join {}\n", text(answer, "code")))
}

/// Joins the devices of whoever gave out the code.
pub fn join(args: &JoinArgs, place: &Place) -> Result<(), Failure> {
    let body = json!({ "code": args.code, "name": args.name });
    let mut shown = Shown::default();
    let answer = place.access_or_make(async |access| {
        let mut joining = std::pin::pin!(access.post("/devices/pair", &body));
        loop {
            match tokio::time::timeout(LOOK, &mut joining).await {
                Ok(answer) => return Ok(answer?),
                // What is not known of the way is not shown.
                Err(_) => access.get("/sync/status").await.map(|status| show(&mut shown, &status)).unwrap_or_default(),
            }
        }
    });
    shown.clear();
    let answer = answer?;
    place.print(&answer, |round| format!("joined: {} changes came, {} went", number(round, "pulled"), number(round, "pushed")))
}

/// How far the snapshot of the inviter has come.
fn show(shown: &mut Shown, status: &Json) {
    let Some(snapshot) = items(status, "peers").iter().filter_map(|peer| peer.get("snapshot")).find(|snapshot| snapshot.is_object()) else {
        return;
    };
    match number(snapshot, "changes") {
        0 => shown.show("downloading the snapshot", number(snapshot, "bytes"), number(snapshot, "total")),
        changes => shown.show(&format!("taking over: {changes} changes"), 0, 0),
    }
}
