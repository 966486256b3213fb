//! `invite` and `join`.

use serde_json::json;

use super::{
    InviteArgs, JoinArgs,
    place::{Failure, Place, number, text},
};

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
    let answer = place.access_or_make(async |access| Ok(access.post("/devices/pair", &body).await?))?;
    place.print(&answer, |round| format!("joined: {} changes came, {} went", number(round, "pulled"), number(round, "pushed")))
}
