//! TLS: asked for, direct, declined; what a client may not mix; SCRAM bound to the certificate; cancelling over TLS.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use peergres_tests::command::run;

use crate::client::TestServer;

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// psql with a connection string of key words; its output, or its complaint.
fn psql(server: &TestServer, options: &str, sql: &str) -> Result<String, String> {
    let connection = format!("port={} user=postgres dbname=app {options}", server.address().port());
    let finished = run(Command::new("psql").args(["-X", "-At", "-c", sql, &connection]), "", Duration::from_secs(30));
    if finished.code == Some(0) { Ok(finished.out.trim_end().to_owned()) } else { Err(finished.err) }
}

const MINE: &str = "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()";

#[test]
fn a_client_may_ask_for_tls_and_verify_the_server() {
    let server = TestServer::start();
    let root = server.directory().join("server.crt");
    let root = root.display();
    let verified = format!("sslrootcert={root}");
    for (options, expected) in [
        ("host=localhost sslmode=disable".to_owned(), "f|"),
        ("host=localhost sslmode=require".to_owned(), "t|TLSv1.3"),
        ("host=localhost sslmode=prefer ssl_max_protocol_version=TLSv1.2".to_owned(), "t|TLSv1.2"),
        (format!("host=localhost sslmode=verify-ca {verified}"), "t|TLSv1.3"),
        (format!("host=localhost sslmode=verify-full {verified}"), "t|TLSv1.3"),
        (format!("host=127.0.0.1 sslmode=verify-full {verified}"), "t|TLSv1.3"),
    ] {
        assert_eq!(psql(&server, &options, MINE).as_deref(), Ok(expected), "{options}");
    }
    let other = psql(&server, &format!("host=elsewhere hostaddr=127.0.0.1 sslmode=verify-full {verified}"), MINE).unwrap_err();
    assert!(other.contains("does not match host name"), "{other}");
    let unknown = psql(&server, "host=localhost sslmode=verify-full sslrootcert=/dev/null", MINE).unwrap_err();
    assert!(unknown.contains("certificate"), "{unknown}");
    assert_eq!(psql(&server, "host=localhost sslmode=require", "show ssl").as_deref(), Ok("on"));
}

#[test]
fn a_large_result_and_a_notification_come_through_tls() {
    let server = TestServer::start();
    let out = psql(&server, "host=localhost sslmode=require", "select repeat(md5(n::text), 1000) from generate_series(1, 200) n").unwrap();
    assert_eq!((out.lines().count(), out.len()), (200, 200 * 32_000 + 199));
    let script = "listen news; notify news, 'hello'; select 1";
    let heard = psql(&server, "host=localhost sslmode=require", script).unwrap();
    assert!(heard.contains("hello"), "{heard}");
}

#[test]
fn tls_may_be_off() {
    let server = TestServer::with("tls = \"off\"");
    assert_eq!(psql(&server, "host=localhost sslmode=prefer", MINE).as_deref(), Ok("f|"));
    assert!(psql(&server, "host=localhost sslmode=require", MINE).unwrap_err().contains("server does not support SSL"));
}

#[test]
fn passwords_are_bound_to_the_certificate() {
    let server = TestServer::with("password = \"secret\"\ntrust_loopback = false");
    for (options, expected) in [
        ("sslmode=require channel_binding=require password=secret", Ok("1")),
        ("sslmode=require channel_binding=disable password=secret", Ok("1")),
        ("sslmode=disable password=secret", Ok("1")),
        ("sslmode=disable channel_binding=require password=secret", Err("channel binding required")),
        ("sslmode=require password=wrong", Err("password authentication failed for user \"postgres\"")),
    ] {
        let got = psql(&server, &format!("host=localhost {options}"), "select 1");
        match expected {
            Ok(out) => assert_eq!(got.as_deref(), Ok(out), "{options}"),
            Err(words) => assert!(got.as_ref().is_err_and(|e| e.contains(words)), "{options}: {got:?}"),
        }
    }
}

fn to_the_end(mut stream: TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut all = Vec::new();
    _ = stream.read_to_end(&mut all);
    all
}

#[test]
fn what_comes_before_the_handshake_is_refused() {
    let server = TestServer::start();
    // A start-up packet sent along with the request would be read as if it had come encrypted (CVE-2021-23214).
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(&[&SSL_REQUEST[..], b"\0\0\0\x16\0\x03\0\0user\0me\0\0"].concat()).unwrap();
    let said = String::from_utf8_lossy(&to_the_end(stream)).into_owned();
    assert!(said.starts_with('E') && said.contains("received unencrypted data after SSL request"), "{said}");
    // Not TLS at all after the request.
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(&SSL_REQUEST).unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    assert_eq!(byte, *b"S");
    stream.write_all(b"hello, hello, hello").unwrap();
    assert!(to_the_end(stream).len() < 20, "an alert at most");
}

#[test]
fn a_handshake_that_does_not_go_on_holds_nothing_up() {
    let server = TestServer::start();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(&SSL_REQUEST).unwrap();
    let begun = Instant::now();
    assert_eq!(psql(&server, "host=localhost sslmode=require", "select 1").as_deref(), Ok("1"));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_certificate_of_ones_own_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = (directory.path().join("own.crt"), directory.path().join("own.key"));
    let made = run(
        Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=own",
                "-addext",
                "subjectAltName=DNS:own.test",
            ])
            .args(["-keyout", &key.display().to_string(), "-out", &certificate.display().to_string()]),
        "",
        Duration::from_secs(60),
    );
    assert_eq!(made.code, Some(0), "{}", made.err);
    let settings =
        format!("tls_cert = \"{}\"\ntls_key = \"{}\"\npassword = \"secret\"\ntrust_loopback = false", certificate.display(), key.display());
    let server = TestServer::with(&settings);
    let options = format!(
        "host=own.test hostaddr=127.0.0.1 password=secret channel_binding=require sslmode=verify-full sslrootcert={}",
        certificate.display()
    );
    assert_eq!(psql(&server, &options, "select 1").as_deref(), Ok("1"));
    assert!(!server.directory().join("server.crt").exists());
}
