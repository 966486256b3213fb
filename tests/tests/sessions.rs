//! The scripts of `tests/sessions`: several connections at once, message by message, on Peergres and on PostgreSQL 15, which is the judge.
//!
//! A line is `NAME VERB …`: `a: Q select 1` sends and shows the answer up to ReadyForQuery; several messages stand with ` ~ ` between them.
//! `a> …` only sends, and shows whether the answer has to wait; `a<` shows the answer; `a+` shows the next message that comes by itself.
//! `a cancel` asks for the running statement of `a` to be cancelled; `a cut` drops the connection without a word; `a open name=value …`
//! connects with these parameters on top of user and database (without it the first use connects); `sleep MILLISECONDS` waits. `SESSIONS=name` runs the
//! files whose name contains it.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path, thread, time::Duration};

use peergres_tests::{node::Node, oracle::Oracle, transcript::Client};

/// How long a statement must stay without an answer to count as one that waits.
const WAITING: Duration = Duration::from_millis(150);

struct Stage<'a> {
    port: u16,
    database: &'a str,
    clients: BTreeMap<String, Client>,
    log: String,
}

impl Stage<'_> {
    fn open(&mut self, name: &str, parameters: &str) -> &mut Client {
        let mut client = Client::tcp(self.port);
        let given = parameters.split(' ').filter_map(|p| p.split_once('='));
        let mut all = BTreeMap::from([("user", "postgres"), ("database", self.database)]);
        all.extend(given);
        client.start(&all.into_iter().collect::<Vec<_>>());
        let answer = client.answer();
        if answer.last().is_none_or(|m| m != "Z I") {
            let _ = writeln!(self.log, "  {}", answer.last().map_or("nothing", String::as_str));
        }
        self.clients.entry(name.to_owned()).insert_entry(client).into_mut()
    }

    fn client(&mut self, name: &str) -> &mut Client {
        if !self.clients.contains_key(name) {
            self.open(name, "");
        }
        self.clients.get_mut(name).expect("it was opened just now")
    }

    fn show(&mut self, answer: &[String]) {
        for message in answer {
            let _ = writeln!(self.log, "  {message}");
        }
    }

    fn step(&mut self, line: &str) {
        let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
        if head == "sleep" {
            return thread::sleep(Duration::from_millis(rest.parse().expect("milliseconds")));
        }
        let messages: Vec<&str> = rest.split(" ~ ").collect();
        if let Some(name) = head.strip_suffix(':') {
            self.client(name).send(&messages);
            let answer = self.client(name).answer();
            self.show(&answer);
        } else if let Some(name) = head.strip_suffix('>') {
            self.client(name).send(&messages);
            let waits = self.client(name).waits(WAITING);
            self.show(&[if waits { "waits" } else { "answers at once" }.to_owned()]);
        } else if let Some(name) = head.strip_suffix('<') {
            let answer = self.client(name).answer();
            self.show(&answer);
        } else if let Some(name) = head.strip_suffix('+') {
            let message = self.client(name).receive_within(Duration::from_secs(2));
            self.show(&[message.unwrap_or_else(|| "nothing".to_owned())]);
        } else if rest == "cancel" {
            let request = self.client(head).cancel_request();
            Client::tcp(self.port).packet(&request);
        } else if rest == "cut" {
            self.clients.remove(head);
        } else if let Some(parameters) = rest.strip_prefix("open") {
            self.open(head, parameters);
        } else {
            panic!("no such step: {line}");
        }
    }
}

/// A log without the row descriptions that an error follows at once: whether a fault is found before or after them is nobody's concern.
fn settled(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let overtaken = |n: usize| lines[n].starts_with("  T ") && lines.get(n + 1).is_some_and(|next| next.starts_with("  E "));
    (0..lines.len()).filter(|n| !overtaken(*n)).fold(String::new(), |text, n| text + lines[n] + "\n")
}

/// What a script shows on a server.
fn play(script: &str, port: u16, database: &str) -> String {
    let mut stage = Stage { port, database, clients: BTreeMap::new(), log: String::new() };
    for line in script.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let _ = writeln!(stage.log, "{line}");
        stage.step(line);
    }
    settled(&stage.log)
}

/// The lines of two logs side by side where they differ, with the step that they belong to.
fn difference(ours: &str, theirs: &str) -> String {
    let steps = |log: &str| {
        let mut steps: Vec<(String, String)> = Vec::new();
        for line in log.lines() {
            match line.strip_prefix("  ") {
                Some(message) => steps.last_mut().expect("a step comes first").1 += &format!("    {message}\n"),
                None => steps.push((line.to_owned(), String::new())),
            }
        }
        steps
    };
    let mut out = String::new();
    for ((step, ours), (_, theirs)) in steps(ours).iter().zip(&steps(theirs)) {
        if ours != theirs {
            let _ = write!(out, "{step}\n  ours\n{ours}  PostgreSQL\n{theirs}");
        }
    }
    out
}

#[test]
fn sessions_behave_as_those_of_postgresql() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sessions");
    let only = std::env::var("SESSIONS").unwrap_or_default();
    let oracle = Oracle::start(&["fsync=off"]);
    let mut files: Vec<_> = fs::read_dir(&folder).expect("tests/sessions is there").map(|e| e.expect("an entry").path()).collect();
    files.sort();
    let mut faults = String::new();
    let mut count = 0;
    for path in files {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        if !name.contains(&only) {
            continue;
        }
        let script = fs::read_to_string(&path).expect("a file can be read");
        let mut admin = postgres::Client::connect(&oracle.url("postgres"), postgres::NoTls).expect("the oracle accepts");
        admin.batch_execute(&format!("CREATE DATABASE {name}")).expect("a database can be made");
        let theirs = play(&script, oracle.port, &name);
        let node = Node::start(&name, &[]);
        let ours = play(&script, node.pg_port, "app");
        let different = difference(&ours, &theirs);
        if !different.is_empty() {
            let _ = writeln!(faults, "== {name}\n{different}");
        }
        count += 1;
    }
    assert!(count > 0, "no script was played");
    assert!(faults.is_empty(), "\n{faults}");
}
