//! Messages of the client: a frame's bytes enter, a [`Frontend`] borrowing from them leaves.
//!
//! pgwire's own decoders index without looking at the frame's end, and a short frame would panic; these check each read and answer 08P01,
//! refuse text that is not UTF-8 (22021), and copy nothing. Layouts: PostgreSQL manual, "Message Formats".

use pgwire::messages::{copy, extendedquery as extended, simplequery, startup, terminate};

use crate::error::{Result, SqlError, SqlState};

/// A message of the client.
#[derive(Debug)]
pub enum Frontend<'a> {
    /// A simple query.
    Query(&'a str),
    /// Make a prepared statement.
    Parse {
        /// Its name, empty for the unnamed one.
        name: &'a str,
        /// Its text.
        query: &'a str,
        /// Parameter types, 0 where left open.
        types: Vec<u32>,
    },
    /// Make a portal.
    Bind(Bind<'a>),
    /// Ask for a description.
    Describe(Target<'a>),
    /// Run a portal.
    Execute {
        /// Its name.
        portal: &'a str,
        /// Row limit, 0 for none.
        limit: i32,
    },
    /// Forget a statement or portal.
    Close(Target<'a>),
    /// Send what is pending.
    Flush,
    /// End of an extended query.
    Sync,
    /// Good-bye.
    Terminate,
    /// Part of a COPY.
    CopyData(&'a [u8]),
    /// End of a COPY.
    CopyDone,
    /// The client gives up a COPY.
    CopyFail(&'a str),
    /// Password or SASL data; its form depends on the moment.
    Password(&'a [u8]),
    /// The fast path to functions, which is obsolete.
    FunctionCall,
}

/// A statement or a portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A prepared statement.
    Statement(&'a str),
    /// A portal.
    Portal(&'a str),
}

/// Bind's fields.
#[derive(Debug)]
pub struct Bind<'a> {
    /// The portal to make.
    pub portal: &'a str,
    /// The statement it runs.
    pub statement: &'a str,
    /// Formats of the parameters: none, one for all, or one each.
    pub parameter_formats: Vec<i16>,
    /// The parameters.
    pub parameters: Vec<Option<&'a [u8]>>,
    /// Formats of the result's columns: none, one for all, or one each.
    pub result_formats: Vec<i16>,
}

/// Bytes of a message's body, each read checked.
struct Body<'a> {
    rest: &'a [u8],
}

fn malformed() -> SqlError {
    SqlError::new(SqlState::PROTOCOL_VIOLATION, "invalid message format")
}

impl<'a> Body<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (head, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| SqlError::new(SqlState::PROTOCOL_VIOLATION, "insufficient data left in message"))?;
        self.rest = rest;
        Ok(head)
    }

    fn int16(&mut self) -> Result<i16> {
        self.take(2).map(|b| i16::from_be_bytes([b[0], b[1]]))
    }

    fn int32(&mut self) -> Result<i32> {
        self.take(4).map(|b| i32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    }

    /// A count, which is unsigned.
    fn count(&mut self) -> Result<usize> {
        self.int16().map(|n| n as u16 as usize)
    }

    fn text(&mut self) -> Result<&'a str> {
        let end = self
            .rest
            .iter()
            .position(|b| *b == 0)
            .ok_or_else(|| SqlError::new(SqlState::PROTOCOL_VIOLATION, "invalid string in message"))?;
        let bytes = self.take(end + 1)?;
        text(&bytes[..end])
    }

    fn int16s(&mut self) -> Result<Vec<i16>> {
        (0..self.count()?).map(|_| self.int16()).collect()
    }

    fn target(&mut self) -> Result<Target<'a>> {
        match self.take(1)?[0] {
            extended::TARGET_TYPE_BYTE_STATEMENT => Ok(Target::Statement(self.text()?)),
            extended::TARGET_TYPE_BYTE_PORTAL => Ok(Target::Portal(self.text()?)),
            other => Err(SqlError::new(SqlState::PROTOCOL_VIOLATION, format!("invalid message subtype {other}"))),
        }
    }

    fn bind(&mut self) -> Result<Bind<'a>> {
        let (portal, statement) = (self.text()?, self.text()?);
        let parameter_formats = self.int16s()?;
        let count = self.count()?;
        let mut parameters = Vec::with_capacity(count.min(self.rest.len() / 4));
        for _ in 0..count {
            parameters.push(match self.int32()? {
                -1 => None,
                length => Some(self.take(usize::try_from(length).map_err(|_| malformed())?)?),
            });
        }
        Ok(Bind { portal, statement, parameter_formats, parameters, result_formats: self.int16s()? })
    }
}

/// Text, which must be UTF-8 (22021 otherwise).
pub(crate) fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|e| {
        let bad = &bytes[e.valid_up_to()..];
        let shown: Vec<_> = bad.iter().take(e.error_len().unwrap_or(bad.len()).min(4)).map(|b| format!("0x{b:02x}")).collect();
        SqlError::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" ")))
    })
}

impl<'a> Frontend<'a> {
    /// The message of that kind with that body.
    pub fn decode(kind: u8, body: &'a [u8]) -> Result<Frontend<'a>> {
        let mut body = Body { rest: body };
        let message = match kind {
            simplequery::MESSAGE_TYPE_BYTE_QUERY => Frontend::Query(body.text()?),
            extended::MESSAGE_TYPE_BYTE_PARSE => {
                let (name, query) = (body.text()?, body.text()?);
                let types = (0..body.count()?).map(|_| body.int32().map(|n| n as u32)).collect::<Result<_>>()?;
                Frontend::Parse { name, query, types }
            }
            extended::MESSAGE_TYPE_BYTE_BIND => Frontend::Bind(body.bind()?),
            extended::MESSAGE_TYPE_BYTE_DESCRIBE => Frontend::Describe(body.target()?),
            extended::MESSAGE_TYPE_BYTE_EXECUTE => Frontend::Execute { portal: body.text()?, limit: body.int32()? },
            extended::MESSAGE_TYPE_BYTE_CLOSE => Frontend::Close(body.target()?),
            extended::MESSAGE_TYPE_BYTE_FLUSH => Frontend::Flush,
            extended::MESSAGE_TYPE_BYTE_SYNC => Frontend::Sync,
            terminate::MESSAGE_TYPE_BYTE_TERMINATE => Frontend::Terminate,
            copy::MESSAGE_TYPE_BYTE_COPY_DATA => return Ok(Frontend::CopyData(body.rest)),
            copy::MESSAGE_TYPE_BYTE_COPY_DONE => Frontend::CopyDone,
            copy::MESSAGE_TYPE_BYTE_COPY_FAIL => Frontend::CopyFail(body.text()?),
            startup::MESSAGE_TYPE_BYTE_PASSWORD_MESSAGE_FAMILY => return Ok(Frontend::Password(body.rest)),
            b'F' => return Ok(Frontend::FunctionCall),
            other => return Err(SqlError::new(SqlState::PROTOCOL_VIOLATION, format!("invalid frontend message type {other}"))),
        };
        if body.rest.is_empty() { Ok(message) } else { Err(malformed()) }
    }

    /// How long a message of that kind may be; none for a kind that does not exist.
    pub fn limit(kind: u8) -> Option<usize> {
        match kind {
            simplequery::MESSAGE_TYPE_BYTE_QUERY
            | extended::MESSAGE_TYPE_BYTE_PARSE
            | extended::MESSAGE_TYPE_BYTE_BIND
            | copy::MESSAGE_TYPE_BYTE_COPY_DATA
            | b'F' => Some(LARGE),
            extended::MESSAGE_TYPE_BYTE_DESCRIBE
            | extended::MESSAGE_TYPE_BYTE_EXECUTE
            | extended::MESSAGE_TYPE_BYTE_CLOSE
            | extended::MESSAGE_TYPE_BYTE_FLUSH
            | extended::MESSAGE_TYPE_BYTE_SYNC
            | terminate::MESSAGE_TYPE_BYTE_TERMINATE
            | copy::MESSAGE_TYPE_BYTE_COPY_DONE
            | copy::MESSAGE_TYPE_BYTE_COPY_FAIL
            | startup::MESSAGE_TYPE_BYTE_PASSWORD_MESSAGE_FAMILY => Some(SMALL),
            _ => None,
        }
    }
}

/// PostgreSQL's `PQ_LARGE_MESSAGE_LIMIT`.
const LARGE: usize = 0x3fff_fffe;
/// PostgreSQL's `PQ_SMALL_MESSAGE_LIMIT`.
const SMALL: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_frames_are_protocol_errors() {
        let whole = b"\0s\0\0\x01\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\x01\0\0";
        assert!(
            matches!(Frontend::decode(b'B', whole), Ok(Frontend::Bind(b)) if b.statement == "s" && b.parameters == [Some(&b"ab"[..]), None])
        );
        for length in 0..whole.len() {
            assert_eq!(Frontend::decode(b'B', &whole[..length]).unwrap_err().state(), "08P01", "{length}");
        }
        for kind in 0..=255_u8 {
            for body in [&b""[..], b"\xff", b"\xff\xff\xff\xff\xff", b"S", b"\0\0\0"] {
                _ = Frontend::decode(kind, body);
            }
        }
        assert_eq!(Frontend::decode(b'Q', b"select '\xe9'\0").unwrap_err().state(), "22021");
        assert_eq!(Frontend::decode(b'S', b"x").unwrap_err().state(), "08P01");
    }
}
