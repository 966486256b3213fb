//! A client that speaks the wire message by message: a script of messages to send enters; what came back leaves, a line per message.
//!
//! Sent: `Q text`; `P name|query|oid,oid`; `B portal|statement|parameter|…` (text, `NULL` for NULL); `DS name`, `DP name`; `E portal|limit`;
//! `CS name`, `CP name`; `d data` (with `\n`, `\t`); `c`; `f reason`; `S`; `H`; `X`. Received: kind and content, see `show`.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    time::Duration,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What stands in place of an answer that did not come.
const LATE: &str = "(no answer in time)";

/// A connection of either kind.
#[derive(Debug)]
pub enum Socket {
    /// Over a network address.
    Tcp(TcpStream),
    /// Over a path.
    Unix(UnixStream),
}

impl Socket {
    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        match self {
            Socket::Tcp(s) => s.set_read_timeout(Some(timeout)),
            Socket::Unix(s) => s.set_read_timeout(Some(timeout)),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(s) => s.read(buffer),
            Socket::Unix(s) => s.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(s) => s.write(buffer),
            Socket::Unix(s) => s.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection, message by message.
#[derive(Debug)]
pub struct Client {
    socket: Socket,
    /// Bytes that came and are no whole message yet.
    input: Vec<u8>,
    /// Body of BackendKeyData: the process id and the cancel key.
    pub key: Vec<u8>,
}

impl Client {
    /// Over a fresh connection; nothing is sent.
    ///
    /// # Panics
    /// If the connection takes no time limit.
    pub fn new(socket: Socket) -> Client {
        socket.set_read_timeout(PATIENCE).expect("a connection takes a time limit");
        Client { socket, input: Vec::new(), key: Vec::new() }
    }

    /// Over TCP on 127.0.0.1; nothing is sent.
    ///
    /// # Panics
    /// If nobody listens.
    pub fn tcp(port: u16) -> Client {
        let socket = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        socket.set_nodelay(true).expect("a connection takes TCP_NODELAY");
        Client::new(Socket::Tcp(socket))
    }

    /// Sends StartupMessage of protocol 3.0.
    pub fn start(&mut self, parameters: &[(&str, &str)]) {
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        for (name, value) in parameters {
            body.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
        }
        body.push(0);
        self.packet(&body);
    }

    /// Sends a packet of the start-up phase, which has no kind.
    pub fn packet(&mut self, body: &[u8]) {
        self.raw(&[&(body.len() as u32 + 4).to_be_bytes()[..], body].concat());
    }

    /// The body of a CancelRequest for this session.
    pub fn cancel_request(&self) -> Vec<u8> {
        [&80_877_102_u32.to_be_bytes()[..], &self.key].concat()
    }

    /// Sends bytes; a server that has hung up is noticed when its answer is read.
    pub fn raw(&mut self, bytes: &[u8]) {
        _ = self.socket.write_all(bytes);
    }

    /// One byte: the answer to SSLRequest and GSSENCRequest.
    ///
    /// # Panics
    /// If none comes.
    pub fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.socket.read_exact(&mut byte).expect("a byte comes");
        byte[0]
    }

    /// Sends messages.
    pub fn send(&mut self, script: &[&str]) {
        let bytes: Vec<u8> = script.iter().flat_map(|line| encode(line)).collect();
        self.raw(&bytes);
    }

    fn buffered(&mut self) -> Option<String> {
        let head: [u8; 5] = *self.input.first_chunk()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize + 1;
        if self.input.len() < length {
            return None;
        }
        let frame: Vec<u8> = self.input.drain(..length).collect();
        if head[0] == b'K' {
            self.key = frame[5..].to_vec();
        }
        Some(show(head[0], &frame[5..]))
    }

    fn within(&mut self, time: Duration) -> Arrival {
        loop {
            if let Some(message) = self.buffered() {
                return Arrival::Message(message);
            }
            let mut chunk = [0; 16 * 1024];
            _ = self.socket.set_read_timeout(time);
            match self.socket.read(&mut chunk) {
                Ok(0) => return Arrival::End,
                Ok(n) => self.input.extend_from_slice(&chunk[..n]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Arrival::Nothing,
                Err(_) => return Arrival::End,
            }
        }
    }

    /// The next message; none at the end of the connection, and a line that is no message when neither comes in time.
    pub fn receive(&mut self) -> Option<String> {
        match self.within(PATIENCE) {
            Arrival::Message(message) => Some(message),
            Arrival::End => None,
            Arrival::Nothing => Some(LATE.to_owned()),
        }
    }

    /// The next message if one comes within that time.
    pub fn receive_within(&mut self, time: Duration) -> Option<String> {
        match self.within(time) {
            Arrival::Message(message) => Some(message),
            _ => None,
        }
    }

    /// Whether nothing comes within that time.
    pub fn waits(&mut self, time: Duration) -> bool {
        if !self.input.is_empty() {
            return false;
        }
        let mut byte = [0];
        _ = self.socket.set_read_timeout(time);
        match self.socket.read(&mut byte) {
            Ok(0) => false,
            Ok(_) => {
                self.input.push(byte[0]);
                false
            }
            Err(e) => matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    /// All messages up to ReadyForQuery, or the end.
    pub fn answer(&mut self) -> Vec<String> {
        let mut messages = Vec::new();
        while let Some(message) = self.receive() {
            let ready = message.starts_with('Z') || message == LATE;
            messages.push(message);
            if ready {
                break;
            }
        }
        messages
    }

    /// Sends messages and compares what comes back, up to ReadyForQuery.
    ///
    /// # Panics
    /// If it is something else.
    pub fn check(&mut self, script: &[&str], expected: &[&str]) {
        self.send(script);
        assert_eq!(self.answer(), expected, "after {script:?}");
    }
}

enum Arrival {
    Message(String),
    Nothing,
    End,
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
