//! Bytes to and from the client, encrypted or not. Enters: a connected socket, and a handshake where the client asks for TLS; leaves: blocking reads and
//! writes. rustls does no I/O of its own: it is handed bytes as they come, on the session's own thread.

use std::{
    io::{self, BufRead, ErrorKind, Read, Write},
    sync::Arc,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection};

use super::Socket;
use crate::tls::Encryption;

/// A socket, and what encrypts it.
pub(super) struct Transport {
    pub(super) socket: Socket,
    tls: Option<Box<ServerConnection>>,
}

/// So long a good-bye may take.
const GOODBYE: Duration = Duration::from_secs(1);

fn broken(error: rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

impl Transport {
    /// Not encrypted yet.
    pub(super) fn new(socket: Socket) -> Self {
        Transport { socket, tls: None }
    }

    /// Begins TLS; `first` are bytes of the client's that were read already. `between` is called before each read.
    pub(super) fn encrypt(
        &mut self,
        config: Arc<ServerConfig>,
        mut first: &[u8],
        mut between: impl FnMut(&Socket) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut connection = ServerConnection::new(config).map_err(broken)?;
        while connection.is_handshaking() {
            let processed = if first.is_empty() {
                between(&self.socket)?;
                match connection.read_tls(&mut self.socket) {
                    Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                    Ok(_) => connection.process_new_packets(),
                    Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                    Err(e) => return Err(e),
                }
            } else {
                connection.read_tls(&mut first)?;
                connection.process_new_packets()
            };
            // Also after an error, which is told in an alert.
            while connection.wants_write() {
                connection.write_tls(&mut self.socket)?;
            }
            processed.map_err(broken)?;
        }
        self.tls = Some(Box::new(connection));
        Ok(())
    }

    /// How it is encrypted.
    pub(super) fn encryption(&self) -> Option<Encryption> {
        self.tls.as_deref().and_then(Encryption::of)
    }

    /// Whether the client named the protocol in its handshake.
    pub(super) fn names_protocol(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.alpn_protocol().is_some())
    }

    /// As [`Read::read`].
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.read(buffer),
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.socket).read(buffer),
        }
    }

    /// As [`Write::write_all`], and sent at once.
    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            None => self.socket.write_all(bytes),
            Some(tls) => {
                let mut stream = rustls::Stream::new(tls.as_mut(), &mut self.socket);
                stream.write_all(bytes)?;
                stream.flush()
            }
        }
    }

    /// Whether decrypted bytes wait to be read.
    pub(super) fn has_input(&mut self) -> bool {
        self.tls.as_mut().is_some_and(|tls| matches!(tls.reader().fill_buf(), Ok(bytes) if !bytes.is_empty()))
    }

    /// After the socket has become readable: whether [`Transport::read`] would answer at once. A record may carry nothing for us, or be here in part.
    pub(super) fn receive(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(true) };
        match tls.read_tls(&mut self.socket) {
            Ok(0) => return Ok(true),
            Ok(_) => {}
            Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => return Ok(false),
            Err(e) => return Err(e),
        }
        let state = tls.process_new_packets().map_err(broken)?;
        while tls.wants_write() {
            tls.write_tls(&mut self.socket)?;
        }
        Ok(state.plaintext_bytes_to_read() > 0 || state.peer_has_closed())
    }
}

impl Drop for Transport {
    /// Says good-bye, so that the client can tell the end from a cut.
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            if self.socket.set_write_timeout(Some(GOODBYE)).is_ok() {
                while tls.wants_write() && tls.write_tls(&mut self.socket).is_ok_and(|n| n > 0) {}
            }
        }
    }
}
