//! What talks to the socket, apart from what answers: frames enter and leave a blocking stream, buffered both ways.
//!
//! Output is written at Sync, when 64 kB have gathered, and before every read that would wait. Input is read in large pieces; a frame is
//! cut off without copying. While a session waits for notifications or has an idle timeout, it waits in poll(2) for its socket and a wake-up pipe.

pub mod backend;
pub mod frontend;
mod transport;

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub use backend::{Output, Severity};
pub use frontend::{Bind, Frontend, Target};

use self::transport::Transport;
use crate::{
    error::{SqlError, SqlState},
    tls::Encryption,
};

/// A connection of either kind.
#[derive(Debug)]
pub enum Socket {
    /// Over a network address.
    Tcp(TcpStream),
    /// Over a path.
    Unix(UnixStream),
}

impl Socket {
    /// A second handle on the same connection.
    pub fn try_clone(&self) -> io::Result<Socket> {
        match self {
            Socket::Tcp(s) => s.try_clone().map(Socket::Tcp),
            Socket::Unix(s) => s.try_clone().map(Socket::Unix),
        }
    }

    /// Ends reading: a blocked read returns at once.
    pub fn stop_reading(&self) {
        _ = match self {
            Socket::Tcp(s) => s.shutdown(Shutdown::Read),
            Socket::Unix(s) => s.shutdown(Shutdown::Read),
        };
    }

    /// How long a read may take.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Socket::Tcp(s) => s.set_read_timeout(timeout),
            Socket::Unix(s) => s.set_read_timeout(timeout),
        }
    }

    /// How long a write may take.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Socket::Tcp(s) => s.set_write_timeout(timeout),
            Socket::Unix(s) => s.set_write_timeout(timeout),
        }
    }

    /// The peer's address and port, none for a path.
    pub fn peer(&self) -> Option<std::net::SocketAddr> {
        match self {
            Socket::Tcp(s) => s.peer_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    /// The address that the peer connected to, none for a path.
    pub fn local(&self) -> Option<std::net::SocketAddr> {
        match self {
            Socket::Tcp(s) => s.local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(s) => s.as_fd(),
            Socket::Unix(s) => s.as_fd(),
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

/// Why no further message comes.
#[derive(Debug)]
pub enum Ended {
    /// The connection is gone.
    Closed,
    /// The client broke the protocol; it is told, and the connection ends.
    Violation(SqlError),
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Ended::Closed
    }
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The client sent something.
    Input,
    /// Another session woke this one.
    Signal,
    /// The time is up.
    Timeout,
}

/// Output is written when so much has gathered.
const OUTPUT_BYTES: usize = 64 * 1024;
/// A read asks for so much.
const INPUT_BYTES: usize = 16 * 1024;

/// A frame: the message's kind and body.
pub struct Frame {
    /// Its kind.
    pub kind: u8,
    /// Its body.
    pub body: Bytes,
}

/// A buffered connection.
pub struct Stream {
    transport: Transport,
    wake: UnixStream,
    input: BytesMut,
    deadline: Option<Instant>,
    /// What will be sent.
    pub output: Output,
}

impl Stream {
    /// Over a socket; `wake` is the reading end of the session's wake-up pipe.
    pub fn new(socket: Socket, wake: UnixStream) -> io::Result<Self> {
        wake.set_nonblocking(true)?;
        Ok(Stream {
            transport: Transport::new(socket),
            wake,
            input: BytesMut::with_capacity(INPUT_BYTES),
            deadline: None,
            output: Output::default(),
        })
    }

    /// The socket.
    pub fn socket(&self) -> &Socket {
        &self.transport.socket
    }

    /// Begins TLS, with what the client has sent already as its first bytes.
    pub fn encrypt(&mut self, config: Arc<rustls::ServerConfig>) -> io::Result<()> {
        let first = self.input.split();
        let deadline = self.deadline;
        self.transport.encrypt(config, &first, |socket| limit_read(socket, deadline))
    }

    /// How the connection is encrypted.
    pub fn encryption(&self) -> Option<Encryption> {
        self.transport.encryption()
    }

    /// Whether the client named the protocol in its TLS handshake.
    pub fn names_protocol(&self) -> bool {
        self.transport.names_protocol()
    }

    /// The first byte that the client sent, waiting for it.
    pub fn first_byte(&mut self) -> Result<u8, Ended> {
        while self.input.is_empty() {
            self.fill()?;
        }
        Ok(self.input[0])
    }

    /// By when the client must have sent what is read; none for any time.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        self.deadline = deadline;
        self.transport.socket.set_read_timeout(None)
    }

    /// Sends all that is pending.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.output.bytes.is_empty() {
            self.transport.write_all(&self.output.bytes)?;
            self.output.bytes.clear();
            if self.output.bytes.capacity() > 16 * OUTPUT_BYTES {
                self.output.bytes.shrink_to(OUTPUT_BYTES);
            }
        }
        Ok(())
    }

    /// Sends what is pending if it is much.
    pub fn flush_if_full(&mut self) -> io::Result<()> {
        if self.output.bytes.len() >= OUTPUT_BYTES { self.flush() } else { Ok(()) }
    }

    /// Whether a message, or a part of one, lies ready.
    pub fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// Waits until the client sends, another session wakes this one, or the time is up.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<Woken> {
        if self.has_input() || self.transport.has_input() {
            return Ok(Woken::Input);
        }
        self.flush()?;
        let end = timeout.map(|t| Instant::now() + t);
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let left = left.map(|t| Timespec { tv_sec: t.as_secs() as i64, tv_nsec: i64::from(t.subsec_nanos()) });
            let socket = PollFd::from_borrowed_fd(self.transport.socket.descriptor(), PollFlags::IN);
            let mut fds = [socket, PollFd::from_borrowed_fd(self.wake.as_fd(), PollFlags::IN)];
            match poll(&mut fds, left.as_ref()) {
                Err(rustix::io::Errno::INTR) => return Ok(Woken::Signal),
                Err(e) => return Err(e.into()),
                Ok(0) => return Ok(Woken::Timeout),
                Ok(_) if !fds[1].revents().is_empty() => {
                    let mut sink = [0_u8; 64];
                    while matches!(self.wake.read(&mut sink), Ok(n) if n > 0) {}
                    return Ok(Woken::Signal);
                }
                Ok(_) if self.transport.receive()? => return Ok(Woken::Input),
                Ok(_) => {}
            }
        }
    }

    fn fill(&mut self) -> Result<(), Ended> {
        self.flush()?;
        let filled = self.input.len();
        self.input.reserve(INPUT_BYTES);
        self.input.resize(filled + INPUT_BYTES, 0);
        loop {
            limit_read(&self.transport.socket, self.deadline)?;
            match self.transport.read(&mut self.input[filled..]) {
                Ok(0) => return Err(Ended::Closed),
                Ok(n) => {
                    self.input.truncate(filled + n);
                    return Ok(());
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Ended::Closed),
            }
        }
    }

    /// The next frame, waiting for it.
    pub fn frame(&mut self) -> Result<Frame, Ended> {
        while self.input.len() < 5 {
            if let Some(kind) = self.input.first() {
                Self::known(*kind)?;
            }
            self.fill()?;
        }
        let kind = self.input[0];
        let limit = Self::known(kind)?;
        let length = u32::from_be_bytes([self.input[1], self.input[2], self.input[3], self.input[4]]) as usize;
        if !(4..=limit).contains(&length) {
            return Err(Ended::Violation(SqlError::new(SqlState::PROTOCOL_VIOLATION, "invalid message length")));
        }
        while self.input.len() < length + 1 {
            self.fill()?;
        }
        let mut body = self.input.split_to(length + 1).freeze();
        Ok(Frame { kind, body: body.split_off(5) })
    }

    fn known(kind: u8) -> Result<usize, Ended> {
        Frontend::limit(kind)
            .ok_or_else(|| Ended::Violation(SqlError::new(SqlState::PROTOCOL_VIOLATION, format!("invalid frontend message type {kind}"))))
    }

    /// The next packet of the start-up phase, which has no kind: its code and the rest of its body.
    pub fn startup_packet(&mut self) -> Result<(u32, Bytes), Ended> {
        while self.input.len() < 4 {
            self.fill()?;
        }
        let length = u32::from_be_bytes([self.input[0], self.input[1], self.input[2], self.input[3]]) as usize;
        if !(8..=STARTUP_BYTES).contains(&length) {
            return Err(Ended::Violation(SqlError::new(SqlState::PROTOCOL_VIOLATION, "invalid length of startup packet")));
        }
        while self.input.len() < length {
            self.fill()?;
        }
        let packet = self.input.split_to(length).freeze();
        Ok((u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]), packet.slice(8..)))
    }

    /// A single byte at once: the answer to SSLRequest and GSSENCRequest.
    pub fn answer(&mut self, byte: u8) -> io::Result<()> {
        self.transport.write_all(&[byte])
    }
}

/// Lets the next read take no longer than until the deadline.
fn limit_read(socket: &Socket, deadline: Option<Instant>) -> io::Result<()> {
    let Some(deadline) = deadline else { return Ok(()) };
    let left = deadline.checked_duration_since(Instant::now()).filter(|d| !d.is_zero()).ok_or(ErrorKind::TimedOut)?;
    socket.set_read_timeout(Some(left))
}

/// PostgreSQL's `MAX_STARTUP_PACKET_LENGTH`.
const STARTUP_BYTES: usize = 10_000;
