//! `status`.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::{
    place::{Failure, Place, columns, items, number, text, time},
    shown::size,
};

/// Prints the node's status.
pub fn run(place: &Place) -> Result<(), Failure> {
    place.print(&place.get("/sync/status")?, lines)
}

fn lines(status: &Json) -> String {
    let mut out = format!(
        "device       {} ({})\nfingerprint  {}\ndatabase     {}\n",
        text(status, "device_name"),
        text(status, "device_id"),
        text(status, "fingerprint"),
        text(status, "database")
    );
    let log = status.get("log").unwrap_or(&Json::Null);
    let _ = writeln!(out, "log          {} changes, {} not yet on every device", number(log, "changes"), number(log, "unsynced"));
    let _ = writeln!(out, "conflicts    {} pending", number(status, "pending_conflicts"));
    for (member, words) in [("pending_devices", "waits to be authorized"), ("forked_devices", "is forked: nothing more of it is accepted")]
    {
        for device in items(status, member).iter().filter_map(Json::as_str) {
            let _ = writeln!(out, "device       {device} {words}");
        }
    }
    let peer = |peer: &Json| {
        let contact = peer.get("last_contact").and_then(Json::as_i64).map_or_else(|| "never".to_owned(), time);
        let at_work = peer.get("snapshot").filter(|snapshot| snapshot.is_object()).map(|snapshot| match number(snapshot, "changes") {
            0 => format!("downloading its snapshot: {}", size(number(snapshot, "bytes"))),
            changes => format!("taking over its snapshot: {changes} changes"),
        });
        vec![text(peer, "url").to_owned(), contact, at_work.unwrap_or_else(|| text(peer, "last_error").to_owned())]
    };
    let peers: Vec<Vec<String>> = items(status, "peers").iter().map(peer).collect();
    if !peers.is_empty() {
        let _ = write!(out, "\n{}", columns(&["PEER", "LAST CONTACT", "NOW"], &peers));
    }
    let lag = |device: &Json| {
        let seconds = device.get("seconds").and_then(Json::as_f64).unwrap_or(0.0);
        let seen = device.get("last_seen").and_then(Json::as_i64).map_or_else(|| "never".to_owned(), time);
        let clock = match number(device, "clock_ahead_ms") {
            0 => String::new(),
            ahead => format!("its clock was {} s ahead", ahead / 1000),
        };
        vec![text(device, "device_name").to_owned(), number(device, "changes").to_string(), format!("{seconds:.0} s"), seen, clock]
    };
    let behind: Vec<Vec<String>> = items(status, "devices").iter().map(lag).collect();
    if !behind.is_empty() {
        let _ = write!(out, "\n{}", columns(&["DEVICE", "BEHIND BY", "SINCE", "LAST SEEN", "CLOCK"], &behind));
    }
    let blocked = |change: &Json| {
        vec![text(change, "table_name").to_owned(), text(change, "record_id").to_owned(), text(change, "reason").to_owned()]
    };
    let blocked: Vec<Vec<String>> = items(status, "blocked").iter().map(blocked).collect();
    if !blocked.is_empty() {
        let _ = write!(out, "\n{}", columns(&["BLOCKED TABLE", "RECORD", "WHY"], &blocked));
    }
    out
}
