//! `conflicts [list] | show | resolve | ignore`.

use serde_json::{Value as Json, json};

use super::{
    ConflictsArgs, ConflictsCommand, WinnerArg,
    place::{Failure, Place, columns, items, segment, text, time},
};

/// Runs it.
pub fn run(args: &ConflictsArgs, place: &Place) -> Result<(), Failure> {
    match &args.command {
        None | Some(ConflictsCommand::List) => {
            let path = if args.all { "/conflicts/list?all=true" } else { "/conflicts/list" };
            place.print(&place.get(path)?, table)
        }
        Some(ConflictsCommand::Show { id }) => place.print(&place.get(&format!("/conflicts/{}", segment(id)))?, sides),
        Some(ConflictsCommand::Resolve { id, winner, custom_data }) => {
            let data = custom_data.as_deref().map(serde_json::from_str::<Json>).transpose();
            let data = data.map_err(|e| Failure(format!("--data is not JSON: {e}")))?;
            if data.as_ref().is_some_and(|data| !data.is_object()) {
                return Err(Failure("--data must be a JSON object of columns".to_owned()));
            }
            let winner = winner.map(|winner| match winner {
                WinnerArg::Local => "local",
                WinnerArg::Remote => "remote",
            });
            let body = json!({ "winner": winner, "custom_data": data });
            let conflict = place.post(&format!("/conflicts/{}/resolve", segment(id)), &body)?;
            place.print(&conflict, |c| format!("conflict {} is resolved", text(c, "id")))
        }
        Some(ConflictsCommand::Ignore { id }) => {
            let conflict = place.post(&format!("/conflicts/{}/ignore", segment(id)), &json!({}))?;
            place.print(&conflict, |c| format!("conflict {} is ignored", text(c, "id")))
        }
    }
}

fn table(list: &Json) -> String {
    let conflicts = items(list, "conflicts");
    if conflicts.is_empty() {
        return "no conflicts".to_owned();
    }
    let names = |c: &Json| items(c, "columns").iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", ");
    let row = |c: &Json| {
        let cells = ["id", "table_name", "record_id", "kind", "status"].map(|member| text(c, member).to_owned());
        cells.into_iter().chain([names(c)]).collect()
    };
    let rows: Vec<Vec<String>> = conflicts.iter().map(row).collect();
    columns(&["CONFLICT", "TABLE", "RECORD", "KIND", "STATUS", "COLUMNS"], &rows)
}

fn sides(conflict: &Json) -> String {
    let side = |name: &str| {
        let member = |suffix: &str| format!("{name}_{suffix}");
        let at = conflict.get(member("timestamp")).and_then(Json::as_i64).map(time).unwrap_or_default();
        let data = conflict.get(member("data")).filter(|data| !data.is_null()).map_or_else(|| "(deleted)".to_owned(), Json::to_string);
        format!("{name:<8}  {data}\n          by {} at {at}\n", text(conflict, &member("device")))
    };
    let ancestor = conflict.get("ancestor").filter(|data| !data.is_null()).map_or_else(|| "(none)".to_owned(), Json::to_string);
    format!(
        "conflict  {} ({}, {})\nrecord    {} of {}\n{}{}before    {ancestor}\nshown     {}",
        text(conflict, "id"),
        text(conflict, "kind"),
        text(conflict, "status"),
        text(conflict, "record_id"),
        text(conflict, "table_name"),
        side("local"),
        side("remote"),
        text(conflict, "shown")
    )
}
