//! A client that speaks the wire message by message: a script of messages to send enters; what came back leaves, a line per message.
//!
//! Sent: `Q text`; `P name|query|oid,oid`; `B portal|statement|parameter|…` (text, `NULL` for NULL); `DS name`, `DP name`; `E portal|limit`;
//! `CS name`, `CP name`; `d data` (with `\n`, `\t`); `c`; `f reason`; `S`; `H`. Received: kind and content, see [`show`].

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::Arc,
    time::Duration,
};

use peergres::{
    config::{Config, Given},
    functions,
    server::{self, Listening},
};
use peergres_sync::store::Node;

/// A server in a directory of its own.
pub struct TestServer {
    pub listening: Option<Listening>,
    _directory: tempfile::TempDir,
}

impl TestServer {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let given = Given { pg: Some("127.0.0.1:0".to_owned()), max_connections: Some(10), ..Given::default() };
        let config = Config::load(directory.path().to_owned(), given).expect("a configuration");
        let node = Node::open(&config.data, &config.database, Arc::new(functions::register)).expect("a data directory");
        TestServer { listening: Some(server::start(&config, node).expect("a server")), _directory: directory }
    }

    pub fn socket(&self) -> UnixStream {
        let path = self.listening.as_ref().and_then(|l| l.path.as_ref()).expect("a Unix socket");
        let socket = UnixStream::connect(path).expect("a connection");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        socket
    }

    pub fn connect(&self) -> Client {
        self.connect_with(&[("user", "postgres"), ("database", "app")])
    }

    pub fn connect_with(&self, parameters: &[(&str, &str)]) -> Client {
        let mut client = Client { socket: self.socket(), key: Vec::new() };
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        for (name, value) in parameters {
            body.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
        }
        body.push(0);
        client.raw(&[&(body.len() as u32 + 4).to_be_bytes()[..], &body].concat());
        client
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.shut_down();
        }
    }
}

/// A connection.
pub struct Client {
    pub socket: UnixStream,
    pub key: Vec<u8>,
}

impl Client {
    pub fn raw(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the server reads");
    }

    /// Sends messages.
    pub fn send(&mut self, script: &[&str]) {
        let bytes: Vec<u8> = script.iter().flat_map(|line| encode(line)).collect();
        self.raw(&bytes);
    }

    /// The next message; none at the end of the connection.
    pub fn receive(&mut self) -> Option<String> {
        let mut head = [0; 5];
        self.socket.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length - 4];
        self.socket.read_exact(&mut body).ok()?;
        if head[0] == b'K' {
            self.key = body.clone();
        }
        Some(show(head[0], &body))
    }

    /// All messages up to ReadyForQuery, or the end.
    pub fn answer(&mut self) -> Vec<String> {
        let mut messages = Vec::new();
        while let Some(message) = self.receive() {
            let ready = message.starts_with('Z');
            messages.push(message);
            if ready {
                break;
            }
        }
        messages
    }

    /// Sends messages and compares what comes back, up to ReadyForQuery.
    pub fn check(&mut self, script: &[&str], expected: &[&str]) {
        self.send(script);
        assert_eq!(self.answer(), expected, "after {script:?}");
    }
}

fn text(field: &str) -> String {
    field.replace("\\n", "\n").replace("\\t", "\t")
}

fn encode(line: &str) -> Vec<u8> {
    let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
    let fields: Vec<&str> = rest.split('|').collect();
    let mut body = Vec::new();
    let mut cstring = |s: &str| {
        body.extend_from_slice(s.as_bytes());
        body.push(0);
    };
    match kind {
        "Q" | "f" => cstring(rest),
        "P" => {
            cstring(fields[0]);
            cstring(fields[1]);
            let types: Vec<u32> = fields.get(2).map_or_else(Vec::new, |t| t.split(',').map(|o| o.parse().expect("an OID")).collect());
            body.extend_from_slice(&(types.len() as u16).to_be_bytes());
            types.iter().for_each(|oid| body.extend_from_slice(&oid.to_be_bytes()));
        }
        "B" => {
            cstring(fields[0]);
            cstring(fields.get(1).unwrap_or(&""));
            let parameters = fields.get(2..).unwrap_or_default();
            body.extend_from_slice(&[0, 0]);
            body.extend_from_slice(&(parameters.len() as u16).to_be_bytes());
            for parameter in parameters {
                if *parameter == "NULL" {
                    body.extend_from_slice(&(-1_i32).to_be_bytes());
                } else {
                    body.extend_from_slice(&(parameter.len() as u32).to_be_bytes());
                    body.extend_from_slice(parameter.as_bytes());
                }
            }
            body.extend_from_slice(&[0, 0]);
        }
        "DS" | "DP" | "CS" | "CP" => {
            body.push(kind.as_bytes()[1]);
            body.extend_from_slice(rest.as_bytes());
            body.push(0);
        }
        "E" => {
            cstring(fields[0]);
            let limit: i32 = fields.get(1).map_or(0, |l| l.parse().expect("a limit"));
            body.extend_from_slice(&limit.to_be_bytes());
        }
        "d" => body.extend_from_slice(text(rest).as_bytes()),
        _ => {}
    }
    [&[kind.as_bytes()[0]][..], &(body.len() as u32 + 4).to_be_bytes(), &body].concat()
}

fn cstrings(body: &[u8]) -> Vec<String> {
    body.split(|b| *b == 0).map(|s| String::from_utf8_lossy(s).into_owned()).collect()
}

fn int16(body: &[u8], at: usize) -> usize {
    u16::from_be_bytes([body[at], body[at + 1]]) as usize
}

fn int32(body: &[u8], at: usize) -> i32 {
    i32::from_be_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]])
}

/// A message in a line: `T name:type,…`, `D value|NULL`, `C tag`, `Z I`, `E 42601 message`, `N 25P01 message`, `S name=value`, `t oid,…`,
/// `A channel payload`, `d data`; else the kind alone.
fn show(kind: u8, body: &[u8]) -> String {
    let kind_name = char::from(kind);
    match kind {
        b'T' => {
            let mut at = 2;
            let mut columns = Vec::new();
            for _ in 0..int16(body, 0) {
                let end = at + body[at..].iter().position(|b| *b == 0).expect("a name");
                columns.push(format!("{}:{}", String::from_utf8_lossy(&body[at..end]), int32(body, end + 7)));
                at = end + 19;
            }
            format!("T {}", columns.join(","))
        }
        b'D' => {
            let mut at = 2;
            let mut values = Vec::new();
            for _ in 0..int16(body, 0) {
                let length = int32(body, at);
                at += 4;
                if length < 0 {
                    values.push("NULL".to_owned());
                } else {
                    values.push(String::from_utf8_lossy(&body[at..at + length as usize]).into_owned());
                    at += length as usize;
                }
            }
            format!("D {}", values.join("|"))
        }
        b'E' | b'N' => {
            let fields = cstrings(body);
            let field = |code: char| fields.iter().find_map(|f| f.strip_prefix(code)).unwrap_or_default().to_owned();
            format!("{kind_name} {} {}", field('C'), field('M'))
        }
        b'S' => {
            let parts = cstrings(body);
            format!("S {}={}", parts[0], parts[1])
        }
        b't' => {
            let types: Vec<_> = (0..int16(body, 0)).map(|n| int32(body, 2 + 4 * n).to_string()).collect();
            format!("t {}", types.join(","))
        }
        b'A' => {
            let parts = cstrings(&body[4..]);
            format!("A {} {}", parts[0], parts[1])
        }
        b'C' => format!("C {}", cstrings(body)[0]),
        b'Z' => format!("Z {}", char::from(body[0])),
        b'd' => format!("d {}", String::from_utf8_lossy(body).replace('\n', "\\n").replace('\t', "\\t")),
        _ => kind_name.to_string(),
    }
}
