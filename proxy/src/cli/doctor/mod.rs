//! `doctor`: what is wrong with this node, and what to do about it.
//!
//! Enters: the data directory's files, the node's status, its devices and the report over its log. Leaves: a finding a line, each with its cure;
//! exit code 1 where there is any. A node that can't be opened at all is a finding too. What is looked at without the node stands in [`machine`].

mod machine;

use serde_json::{Value as Json, json};

use super::place::{Failure, Place, items, number, text};

/// Something that is wrong.
struct Finding {
    problem: String,
    cure: String,
}

fn finding(problem: impl Into<String>, cure: impl Into<String>) -> Finding {
    Finding { problem: problem.into(), cure: cure.into() }
}

/// Looks at everything, and prints what is found.
pub fn run(place: &Place) -> Result<(), Failure> {
    place.must_be_data()?;
    let mut findings = machine::look(place);
    match place.get("/sync/status") {
        Err(Failure(why)) => findings.push(finding(why, "see the line itself; nothing else can be looked at until it is cured")),
        Ok(status) => {
            findings.extend(peers(&status));
            findings.extend(own_clock(&status));
            findings.extend(devices(&place.get("/devices/list")?));
            findings.extend(data(&status));
            let report = place.post("/log/verify", &json!({}))?;
            let faults = items(&report, "faults").iter().filter_map(Json::as_str);
            findings.extend(faults.map(|fault| finding(format!("the log: {fault}"), "restore a backup as a new device, and join again")));
        }
    }
    let list: Vec<Json> = findings.iter().map(|f| json!({ "problem": f.problem, "cure": f.cure })).collect();
    place.print(&json!({ "findings": list }), lines)?;
    match findings.len() {
        0 => Ok(()),
        n => Err(Failure(format!("{n} findings"))),
    }
}

fn lines(answer: &Json) -> String {
    let findings = items(answer, "findings");
    if findings.is_empty() {
        return "all is well".to_owned();
    }
    findings.iter().map(|f| format!("{}\n    {}\n", text(f, "problem"), text(f, "cure"))).collect()
}

/// How far this device's clock may be behind what it has seen, before it is told.
const MAX_BEHIND_MS: u64 = 60_000;

/// A clock that was set back: what is written carries the time of what was seen before.
fn own_clock(status: &Json) -> Option<Finding> {
    let behind = number(status, "clock_behind_ms");
    (behind > MAX_BEHIND_MS).then(|| {
        let problem = format!("this device's clock is {} s behind what it has written or seen", behind / 1000);
        finding(problem, "set the clock right (timedatectl set-ntp true); nothing is lost meanwhile, the log goes on from the later time")
    })
}

fn peers(status: &Json) -> Vec<Finding> {
    let failing = |peer: &Json| {
        let error = text(peer, "last_error");
        let cure = if error.contains("not authorized") || error.contains("not known") {
            "authorize the device on the other side, or pair anew: peergres invite there, peergres join CODE here"
        } else {
            "see that the other device is on and that its address is right; rounds go on by themselves"
        };
        (!error.is_empty()).then(|| finding(format!("peer {}: {error}", text(peer, "url")), cure))
    };
    items(status, "peers").iter().filter_map(failing).collect()
}

fn devices(list: &Json) -> Vec<Finding> {
    let mut findings = Vec::new();
    for device in items(list, "devices") {
        let (name, id) = (text(device, "device_name"), text(device, "device_id"));
        let is = |member: &str| device.get(member).and_then(Json::as_bool).unwrap_or(false);
        if is("is_forked") {
            let cure = "a copied data directory: revoke the device, and let each copy join anew from an empty directory";
            findings.push(finding(format!("device {name} ({id}) is forked: two histories bear its identity"), cure));
        }
        if !is("is_authorized") && !is("is_revoked") {
            let cure = format!("peergres device authorize {id}, or peergres device revoke {id}");
            findings.push(finding(format!("device {name} ({id}) waits to be authorized"), cure));
        }
        let ahead = number(device, "clock_ahead_ms");
        if ahead > 0 {
            let cure = "set its clock right; meanwhile its writes win where two are concurrent";
            findings.push(finding(format!("the clock of device {name} was {} s ahead", ahead / 1000), cure));
        }
    }
    findings
}

fn data(status: &Json) -> Vec<Finding> {
    let mut findings = Vec::new();
    let conflicts = number(status, "pending_conflicts");
    if conflicts > 0 {
        findings
            .push(finding(format!("{conflicts} conflicts wait for a decision"), "peergres conflicts; then: peergres conflicts resolve ID"));
    }
    let blocked = items(status, "blocked");
    if let Some(first) = blocked.first() {
        let problem = format!("{} changes wait to be put into their tables: {}", blocked.len(), text(first, "reason"));
        findings.push(finding(problem, "bring the schema up to that of the device that wrote them; they are tried again with each round"));
    }
    findings
}
