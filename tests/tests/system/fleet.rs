//! Four nodes behind faulty relays, each written to, killed, frozen and told to sync at random: after quiet all are equal, every log verifies, and
//! every acknowledged write is accounted for. `PEERGRES_SEED` repeats a run, `PEERGRES_FLEET_SECONDS` makes it longer.

use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use peergres_tests::{
    chinook,
    fleet::{assert_equal, conflicts, join, settle},
    node::Node,
    relay::Relay,
    writer::{self, Acknowledged, Random, TABLES},
};
use postgres::{Client, NoTls};

const NODES: usize = 4;
/// Transaction numbers of one life of a writer lie below those of the next.
const LIFE_NUMBERS: i64 = 1_000_000;

/// Tables with keys that devices contend for.
const CONTENDED: &str = "CREATE TABLE team (id serial PRIMARY KEY, name text NOT NULL UNIQUE, budget int CHECK (budget >= 0));
    CREATE TABLE person (id serial PRIMARY KEY, mail text NOT NULL, team_id int REFERENCES team ON DELETE CASCADE, boss_id int REFERENCES person
        ON DELETE SET NULL, note text);
    CREATE UNIQUE INDEX person_mail ON person (lower(mail)) WHERE note IS DISTINCT FROM 'gone';
    INSERT INTO team (name, budget) SELECT 'team ' || n, n FROM generate_series(1, 5) AS n;";

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Edits the shared tables until the server is gone; answers the notes that it was told are in.
fn edit(url: &str, name: &str, life: i64, mut random: Random) -> thread::JoinHandle<Vec<String>> {
    let (url, name) = (url.to_owned(), name.to_owned());
    thread::spawn(move || {
        let mut acknowledged = Vec::new();
        let Ok(mut client) = Client::connect(&url, NoTls) else { return acknowledged };
        for number in 0.. {
            let (team, track) = (random.below(6) + 1, random.below(40) + 1);
            let note = format!("{name} {life} {number}");
            let person = format!("INSERT INTO person (mail, team_id, note) VALUES ('p{}@x', {team}, '{note}')", random.below(30));
            let statement = match random.below(9) {
                0..=2 => person,
                3 => format!("UPDATE team SET name = 'team {}' WHERE id = {team}", random.below(9)),
                4 => format!("INSERT INTO team (name, budget) VALUES ('team {}', {number})", random.below(12)),
                5 => format!("DELETE FROM team WHERE id = {team}"),
                6 => format!("UPDATE track SET name = '{note}', unit_price = unit_price + 0.01 WHERE track_id = {track}"),
                7 => format!("DELETE FROM playlist_track WHERE track_id = {track}"),
                _ => format!("UPDATE person SET boss_id = (SELECT min(id) FROM person), mail = upper(mail) WHERE team_id = {team}"),
            };
            match client.batch_execute(&statement) {
                Ok(()) if statement.starts_with("INSERT INTO person") => acknowledged.push(note),
                Ok(()) => {}
                // What a constraint says no to is as good as not said.
                Err(error) if error.as_db_error().is_some_and(|e| e.code().code().starts_with("23")) => {}
                Err(error) if error.as_db_error().is_some_and(|e| !e.code().code().starts_with("57P")) => panic!("{statement}: {error:?}"),
                Err(_) => return acknowledged,
            }
            thread::sleep(Duration::from_millis(random.below(30)));
        }
        acknowledged
    })
}

/// A node and those who write to it.
struct Member {
    node: Node,
    relay: Relay,
    writer: Option<thread::JoinHandle<Acknowledged>>,
    editor: Option<thread::JoinHandle<Vec<String>>>,
    life: i64,
}

impl Member {
    fn start(name: &str, random: &mut Random) -> Member {
        let mut node = Node::prepare(name, &["--sync-interval", "300ms"]);
        let relay = Relay::to(node.http_port, random.below(u64::MAX));
        relay.set_honest(true);
        fs::create_dir_all(node.data()).expect("a folder can be made");
        fs::write(node.data().join("peergres.toml"), format!("public_url = \"{}\"\n", relay.url())).expect("a file can be written");
        node.restart();
        Member { node, relay, writer: None, editor: None, life: 0 }
    }

    fn write(&mut self, random: &mut Random) {
        self.life += 1;
        let (url, name) = (self.node.url("app"), self.node.name().to_owned());
        self.writer = Some(writer::write(&url, &name, self.life * LIFE_NUMBERS, Random::new(random.below(u64::MAX))));
        self.editor = Some(edit(&url, &name, self.life, Random::new(random.below(u64::MAX))));
    }

    /// Kills it; what its writers were told is kept.
    fn kill(&mut self, told: &mut Told) {
        self.node.kill();
        told.written.extend(self.writer.take().map(|w| w.join().expect("a writer ends with its server")).unwrap_or_default());
        told.notes.extend(self.editor.take().map(|e| e.join().expect("an editor ends with its server")).unwrap_or_default());
    }

    fn signal(&self, signal: &str) {
        let _ = Command::new("kill").args([signal, &self.node.pid().to_string()]).status();
    }
}

/// What clients were told is in.
#[derive(Default)]
struct Told {
    written: Acknowledged,
    notes: Vec<String>,
}

fn disturb(members: &mut [Member], told: &mut Told, random: &mut Random) {
    let index = usize::try_from(random.below(NODES as u64)).expect("a small number");
    let member = &mut members[index];
    match random.below(10) {
        0..=2 => {
            member.kill(told);
            writer::pause(random, 10, 400);
            member.node.restart();
            member.write(random);
        }
        3 | 4 => {
            member.signal("-STOP");
            writer::pause(random, 50, 1500);
            member.signal("-CONT");
        }
        5 | 6 => {
            member.relay.set_closed(true);
            writer::pause(random, 100, 1500);
            member.relay.set_closed(false);
        }
        7 => {
            // It may fail, but with one line and in time.
            let done = member.node.command(&["sync"]);
            assert!(done.code == Some(0) || (done.code == Some(1) && done.err.lines().count() == 1), "{done:?}");
        }
        8 => {
            if let Some(id) = conflicts(&member.node).keys().next() {
                let winner = if random.below(2) == 0 { "local" } else { "remote" };
                let done = member.node.command(&["conflicts", "resolve", id, "--winner", winner]);
                assert!(done.code == Some(0) || done.err.lines().count() == 1, "{done:?}");
            }
        }
        _ => drop(member.node.json(&["status"])),
    }
}

/// Every note is in a row that shows, in a conflict, or in the log under a write that had seen it.
fn account_for(node: &Node, notes: &[String]) {
    let shown = node.rows("SELECT note FROM person");
    let kept = node
        .rows("SELECT coalesce(local_data::text, '') || coalesce(remote_data::text, '') FROM sync_conflicts WHERE table_name = 'person'");
    let mut lost: BTreeMap<&str, String> = BTreeMap::new();
    let logged = node.rows("SELECT operation || ' ' || record_id || ' ' || coalesce(data::text, '') || coalesce(old_data::text, '') FROM sync_log WHERE table_name = 'person'");
    for note in notes {
        let mark = format!("\"{note}\"");
        let deleted = || logged.lines().any(|line| line.starts_with("DELETE") && line.contains(&mark));
        if !shown.lines().any(|line| line == note) && !kept.contains(&mark) && !deleted() {
            lost.insert(note, logged.lines().filter(|line| line.contains(&mark)).collect());
        }
    }
    assert!(lost.is_empty(), "{} of {} notes are nowhere on {}: {lost:?}", lost.len(), notes.len(), node.name());
}

#[test]
fn a_fleet_under_faults_loses_nothing_and_ends_equal() {
    let seed = number("PEERGRES_SEED", 20_260_301);
    let budget = Duration::from_secs(number("PEERGRES_FLEET_SECONDS", 20));
    eprintln!("PEERGRES_SEED={seed}");
    let mut random = Random::new(seed);
    let mut members: Vec<Member> = ["anna", "ben", "cleo", "dora"].iter().map(|name| Member::start(name, &mut random)).collect();
    chinook::load(&members[0].node);
    members[0].node.psql(&format!("{TABLES}{CONTENDED}")).expect_success("the tables");
    // A chain of invitations: who was invited last has met only one of the others.
    for joiner in 1..NODES {
        join(&members[joiner - 1].node, &members[joiner].node);
    }
    let mut told = Told::default();
    for member in &mut members {
        member.relay.set_honest(false);
        member.write(&mut random);
    }
    let end = Instant::now() + budget;
    while Instant::now() < end {
        writer::pause(&mut random, 20, 600);
        disturb(&mut members, &mut told, &mut random);
    }
    for member in &mut members {
        member.kill(&mut told);
        member.relay.set_honest(true);
        member.node.restart();
    }
    let faults: u64 = members.iter().map(|member| member.relay.faults()).sum();
    eprintln!("{} transactions and {} notes acknowledged, {faults} connections failed", told.written.len(), told.notes.len());
    assert!(faults > 0 && told.written.len() > 20 && told.notes.len() > 5, "nothing happened");
    let nodes: Vec<&Node> = members.iter().map(|member| &member.node).collect();
    for _ in 0..3 {
        settle(&nodes);
    }
    assert_equal(&nodes);
    for node in nodes {
        writer::check(node, &told.written);
        account_for(node, &told.notes);
        let blocked = node.json(&["status"])["blocked"].clone();
        assert_eq!(blocked, serde_json::json!([]), "{}", node.name());
    }
}
