//! `device id | list | authorize | revoke`.

use serde_json::{Value as Json, json};

use super::{
    DeviceCommand,
    place::{Failure, Place, columns, items, segment, text},
};

/// Runs it.
pub fn run(command: &DeviceCommand, place: &Place) -> Result<(), Failure> {
    match command {
        DeviceCommand::Id => {
            let status = place.get("/sync/status")?;
            let id = json!({
                "device_id": text(&status, "device_id"),
                "device_name": text(&status, "device_name"),
                "fingerprint": text(&status, "fingerprint"),
            });
            place.print(&id, |id| {
                format!("{}\nname         {}\nfingerprint  {}", text(id, "device_id"), text(id, "device_name"), text(id, "fingerprint"))
            })
        }
        DeviceCommand::List => place.print(&place.get("/devices/list")?, table),
        DeviceCommand::Authorize { id } => {
            let device = place.post("/devices/authorize", &json!({ "device_id": id }))?;
            place.print(&device, |d| format!("{} ({}) is authorized", text(d, "device_name"), text(d, "device_id")))
        }
        DeviceCommand::Revoke { id } => {
            let device = place.post(&format!("/devices/{}/revoke", segment(id)), &json!({}))?;
            place.print(&device, |d| format!("{} ({}) is revoked", text(d, "device_name"), text(d, "device_id")))
        }
        DeviceCommand::RotateKey => {
            let device = place.post("/devices/rotate-key", &json!({}))?;
            place.print(&device, |d| {
                format!(
                    "{} ({}) has a new key; the other devices learn of it with the next round\nfingerprint  {}",
                    text(d, "device_name"),
                    text(d, "device_id"),
                    text(d, "fingerprint")
                )
            })
        }
    }
}

fn table(list: &Json) -> String {
    let flag = |device: &Json, member: &str| device.get(member).and_then(Json::as_bool).unwrap_or(false);
    let state = |device: &Json| match () {
        () if flag(device, "is_self") => "this device",
        () if flag(device, "is_forked") => "forked",
        () if flag(device, "is_revoked") => "revoked",
        () if flag(device, "is_authorized") => "authorized",
        () => "pending",
    };
    let row = |device: &Json| {
        let state = state(device).to_owned();
        vec![text(device, "device_id").to_owned(), text(device, "device_name").to_owned(), state, text(device, "fingerprint").to_owned()]
    };
    let rows: Vec<Vec<String>> = items(list, "devices").iter().map(row).collect();
    columns(&["DEVICE", "NAME", "STATE", "FINGERPRINT"], &rows)
}
