//! From the first byte to the first ReadyForQuery: encryption requests, cancel requests, protocol version, authentication, settings.
//! Enters: a fresh connection; leaves: a [`Start`] for a session, or nothing.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use pgwire::messages::startup::{Authentication, NegotiateProtocolVersion};

use super::{
    scram::{Binding, Exchange},
    settings::Settings,
    wire::{Ended, Frontend, Severity, Stream},
};
use crate::{
    error::{Result, SqlError, SqlState},
    server::Server,
};

/// SSLRequest's code.
const SSL_REQUEST: u32 = 80_877_103;
/// GSSENCRequest's code.
const GSS_REQUEST: u32 = 80_877_104;
/// CancelRequest's code.
const CANCEL_REQUEST: u32 = 80_877_102;
/// The newest minor version of protocol 3 that is spoken.
const NEWEST_MINOR: u32 = 2;
/// How long the start-up may take, as PostgreSQL's `authentication_timeout`.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

/// What a session starts with.
pub(crate) struct Start {
    /// User.
    pub user: String,
    /// Database.
    pub database: String,
    /// Minor version of the protocol.
    pub minor: u32,
    /// Settings, with what the client asked for.
    pub settings: Settings,
}

/// Runs the start-up; none where the connection has served its purpose (a cancel request) or is gone.
pub(crate) fn start(stream: &mut Stream, server: &Arc<Server>) -> Option<Start> {
    match negotiate(stream, server) {
        Ok(start) => start,
        Err(Stop::Gone) => None,
        Err(Stop::Refused(error)) => {
            stream.output.error(Severity::Fatal, &error);
            _ = stream.flush();
            None
        }
    }
}

enum Stop {
    Gone,
    Refused(SqlError),
}

impl From<Ended> for Stop {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Closed => Stop::Gone,
            Ended::Violation(error) => Stop::Refused(error),
        }
    }
}

impl From<SqlError> for Stop {
    fn from(error: SqlError) -> Self {
        Stop::Refused(error)
    }
}

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Stop::Gone
    }
}

/// The first byte of a TLS handshake, where a startup packet has a zero.
const HANDSHAKE: u8 = 0x16;

fn negotiate(stream: &mut Stream, server: &Arc<Server>) -> Result<Option<Start>, Stop> {
    let (mut ssl, mut gss) = (false, false);
    if stream.first_byte()? == HANDSHAKE {
        encrypt_directly(stream, server)?;
        ssl = true;
        gss = true;
    }
    loop {
        let (code, body) = stream.startup_packet()?;
        match code {
            SSL_REQUEST if !ssl => ssl = true,
            GSS_REQUEST if !gss => gss = true,
            CANCEL_REQUEST => {
                if let Some((pid, secret)) = body.split_at_checked(4) {
                    server.registry.cancel(i32::from_be_bytes([pid[0], pid[1], pid[2], pid[3]]), secret);
                }
                return Ok(None);
            }
            _ => return startup(stream, server, code, &body).map(Some),
        }
        // Bytes that follow unencrypted could be injected by someone in between (CVE-2021-23214).
        if stream.has_input() {
            let error = SqlError::new(SqlState::PROTOCOL_VIOLATION, "received unencrypted data after SSL request");
            return Err(Stop::Refused(error));
        }
        match &server.tls {
            Some(tls) if code == SSL_REQUEST && stream.socket().peer().is_some() => {
                stream.answer(b'S')?;
                stream.encrypt(tls.config.clone())?;
                gss = true;
            }
            _ => stream.answer(b'N')?,
        }
    }
}

/// TLS from the first byte, as PostgreSQL 17 has it: the protocol must be named, so that another one's client is not taken for ours.
fn encrypt_directly(stream: &mut Stream, server: &Arc<Server>) -> Result<(), Stop> {
    let Some(tls) = &server.tls else { return Err(Stop::Gone) };
    stream.encrypt(tls.config.clone())?;
    if stream.names_protocol() {
        return Ok(());
    }
    let message = "received direct SSL connection request without ALPN protocol negotiation extension";
    Err(SqlError::new(SqlState::PROTOCOL_VIOLATION, message).into())
}

fn startup(stream: &mut Stream, server: &Arc<Server>, code: u32, body: &Bytes) -> Result<Start, Stop> {
    let (major, asked_minor) = (code >> 16, code & 0xffff);
    if major != 3 {
        let message = format!("unsupported frontend protocol {major}.{asked_minor}: server supports 3.0 to 3.{NEWEST_MINOR}");
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message).into());
    }
    let minor = if asked_minor >= NEWEST_MINOR { NEWEST_MINOR } else { 0 };
    let parameters = parameters(body)?;
    let extensions: Vec<String> = parameters.keys().filter(|name| name.starts_with("_pq_.")).cloned().collect();
    if minor != asked_minor || !extensions.is_empty() {
        stream.output.message(&NegotiateProtocolVersion::new(((3 << 16) | minor) as i32, extensions));
    }
    let missing = || SqlError::new(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "no PostgreSQL user name specified in startup packet");
    let user = parameters.get("user").filter(|u| !u.is_empty()).ok_or_else(missing)?.clone();
    let database = parameters.get("database").filter(|d| !d.is_empty()).unwrap_or(&user).clone();
    if parameters.get("replication").is_some_and(|r| super::settings::definition::boolean(r) != Some(false)) {
        return Err(SqlError::unsupported("the replication protocol").into());
    }
    authenticate(stream, server, &user)?;
    if server.node.database(&database).is_err() {
        let message = format!("database \"{database}\" does not exist");
        return Err(SqlError::new(SqlState::INVALID_CATALOG_NAME, message).into());
    }
    let mut settings = Settings::new(&user);
    server.tell(&mut settings);
    apply(&mut settings, &parameters)?;
    Ok(Start { user, database, minor, settings })
}

/// Names and values, each ended by a NUL; an empty name ends the list.
fn parameters(body: &[u8]) -> Result<BTreeMap<String, String>> {
    let malformed = || SqlError::new(SqlState::PROTOCOL_VIOLATION, "invalid startup packet layout: expected terminator as last byte");
    let mut parts = body.split(|b| *b == 0);
    let mut parameters = BTreeMap::new();
    loop {
        let name = super::wire::frontend::text(parts.next().ok_or_else(malformed)?)?;
        if name.is_empty() {
            // The list's terminator is the packet's last byte, after which split yields one more empty part.
            return if parts.next() == Some(b"".as_slice()) && parts.next().is_none() { Ok(parameters) } else { Err(malformed()) };
        }
        let value = super::wire::frontend::text(parts.next().ok_or_else(malformed)?)?;
        parameters.insert(name.to_owned(), value.to_owned());
    }
}

fn apply(settings: &mut Settings, parameters: &BTreeMap<String, String>) -> Result<()> {
    if let Some(options) = parameters.get("options") {
        for (name, value) in options_of(options)? {
            settings.set_default(&name, &value)?;
        }
    }
    for (name, value) in parameters {
        if !matches!(name.as_str(), "user" | "database" | "options" | "replication") && !name.starts_with("_pq_.") {
            settings.set_default(name, value)?;
        }
    }
    Ok(())
}

/// The parameter `options`: `-c name=value` and `--name=value`, separated by spaces, with backslash as escape.
fn options_of(text: &str) -> Result<Vec<(String, String)>> {
    let mut words = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => words.last_mut().expect("the list starts with one word").extend(chars.next()),
            c if c.is_whitespace() => words.push(String::new()),
            c => words.last_mut().expect("the list starts with one word").push(c),
        }
    }
    let mut words = words.into_iter().filter(|w| !w.is_empty());
    let mut settings = Vec::new();
    while let Some(word) = words.next() {
        let assignment = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") => words.next().unwrap_or_default(),
            Some(rest) => rest.to_owned(),
            None => String::new(),
        };
        let (name, value) = assignment
            .split_once('=')
            .ok_or_else(|| SqlError::new(SqlState::SYNTAX_ERROR, format!("invalid command-line argument for server process: {word}")))?;
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

fn authenticate(stream: &mut Stream, server: &Arc<Server>, user: &str) -> Result<(), Stop> {
    let near = stream.socket().peer().is_none_or(|peer| peer.ip().to_canonical().is_loopback());
    let encrypted = stream.encryption().is_some();
    if !near || !server.trust_loopback {
        if server.tls_required && !encrypted && !near {
            let error = SqlError::new(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "connections from other addresses must be encrypted");
            return Err(error.hint("Connect with sslmode=require.").into());
        }
        let Some(verifier) = &server.verifier else {
            let message = "connections from other addresses need a password, and none is set";
            return Err(SqlError::new(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, message).into());
        };
        let wrong = || SqlError::new(SqlState::INVALID_PASSWORD, format!("password authentication failed for user \"{user}\""));
        let end_point = server.tls.as_ref().filter(|_| encrypted).and_then(|tls| tls.end_point.as_deref());
        let mechanisms = [BOUND, UNBOUND];
        let offered = if end_point.is_some() { &mechanisms[..] } else { &mechanisms[1..] };
        stream.output.message(&Authentication::SASL(offered.iter().map(|m| (*m).to_owned()).collect()));
        let (mechanism, first) = sasl_choice(stream, offered)?;
        let binding = if mechanism == BOUND { Binding::Chosen(end_point.unwrap_or_default()) } else { Binding::of(end_point) };
        let exchange = Exchange::begin(verifier, &first, binding)?;
        stream.output.message(&Authentication::SASLContinue(exchange.server_first().to_owned().into()));
        let last = super::wire::frontend::text(&sasl(stream)?)?.to_owned();
        let answer = exchange.finish(verifier, &last)?.ok_or_else(wrong)?;
        stream.output.message(&Authentication::SASLFinal(answer.into()));
    }
    stream.output.message(&Authentication::Ok);
    Ok(())
}

/// The mechanism with channel binding, and the one without.
const BOUND: &str = "SCRAM-SHA-256-PLUS";
const UNBOUND: &str = "SCRAM-SHA-256";

fn no_sasl() -> SqlError {
    SqlError::new(SqlState::PROTOCOL_VIOLATION, "expected SASL response")
}

/// The data of SASLResponse.
fn sasl(stream: &mut Stream) -> Result<Bytes, Stop> {
    let frame = stream.frame()?;
    match Frontend::decode(frame.kind, &frame.body)? {
        Frontend::Password(_) => Ok(frame.body),
        _ => Err(no_sasl().into()),
    }
}

/// The mechanism and the data of SASLInitialResponse.
fn sasl_choice(stream: &mut Stream, offered: &[&'static str]) -> Result<(&'static str, String), Stop> {
    let body = sasl(stream)?;
    let end = body.iter().position(|b| *b == 0).ok_or_else(no_sasl)?;
    let Some(mechanism) = offered.iter().find(|m| m.as_bytes() == &body[..end]) else {
        return Err(SqlError::new(SqlState::PROTOCOL_VIOLATION, "client selected an invalid SASL authentication mechanism").into());
    };
    let (length, data) = body[end + 1..].split_at_checked(4).ok_or_else(no_sasl)?;
    if u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize != data.len() {
        return Err(no_sasl().into());
    }
    Ok((mechanism, super::wire::frontend::text(data)?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_to_the_last_byte() {
        assert_eq!(parameters(b"user\0me\0database\0\0\0").unwrap()["user"], "me");
        assert!(parameters(b"\0").unwrap().is_empty());
        for broken in [&b""[..], b"user", b"user\0", b"user\0me\0", b"user\0me\0\0x", b"\xff\0a\0\0"] {
            assert!(parameters(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn options_have_their_own_syntax() {
        let list = |s: &str| options_of(s).map(|l| l.into_iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(";"));
        assert_eq!(list("-c a=b  --work-mem=1MB -cgeqo=off -c x=a\\ b").unwrap(), "a=b;work_mem=1MB;geqo=off;x=a b");
        assert!(list("nonsense").is_err());
    }
}
