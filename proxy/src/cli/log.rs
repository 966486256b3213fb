//! `log show | verify | prune`.

use serde_json::{Value as Json, json};

use super::{
    LogCommand,
    place::{Failure, Place, columns, items, number, segment, text, time},
};

/// Runs it. `log verify` fails if anything is found.
pub fn run(command: &LogCommand, place: &Place) -> Result<(), Failure> {
    match command {
        LogCommand::Show { table, record_id } => {
            let path = format!("/log/history?table={}&record_id={}", segment(table), segment(record_id));
            place.print(&place.get(&path)?, history)
        }
        LogCommand::Verify => {
            let report = place.post("/log/verify", &json!({}))?;
            place.print(&report, |report| {
                let faults: Vec<&str> = items(report, "faults").iter().filter_map(Json::as_str).collect();
                let replayed = match report.get("replayed").and_then(Json::as_bool) {
                    Some(true) => format!(", replayed to {} rows of {} tables", number(report, "rows"), number(report, "tables")),
                    _ => ", not replayed".to_owned(),
                };
                let (changes, devices) = (number(report, "changes"), number(report, "devices"));
                let summary = format!("{changes} changes of {devices} devices checked{replayed}");
                if faults.is_empty() { format!("{summary}: all good") } else { format!("{summary}\n{}", faults.join("\n")) }
            })?;
            match items(&report, "faults").len() {
                0 => Ok(()),
                n => Err(Failure(format!("the log is damaged: {n} faults"))),
            }
        }
        LogCommand::Prune { older_than } => {
            let pruned = place.post("/log/prune", &json!({ "older_than_seconds": older_than.as_secs() }))?;
            place.print(&pruned, |p| format!("{} changes pruned, {} of them emptied", number(p, "pruned"), number(p, "emptied")))
        }
    }
}

fn history(answer: &Json) -> String {
    let entries = items(answer, "history");
    if entries.is_empty() {
        return "the log has nothing of this record".to_owned();
    }
    let row = |entry: &Json| {
        let at = entry.get("timestamp").and_then(Json::as_i64).map(time).unwrap_or_default();
        let who = if text(entry, "device_name").is_empty() { text(entry, "device_id") } else { text(entry, "device_name") };
        let image = |member: &str| entry.get(member).filter(|data| !data.is_null()).map(Json::to_string).unwrap_or_default();
        vec![at, who.to_owned(), text(entry, "operation").to_owned(), image("before"), image("after")]
    };
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    columns(&["WHEN", "WHO", "WHAT", "BEFORE", "AFTER"], &rows)
}
