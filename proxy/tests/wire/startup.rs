//! From the first byte to ReadyForQuery, and what ends a connection.

use crate::client::TestServer;

#[test]
fn a_client_is_told_thirteen_settings_and_a_key() {
    let server = TestServer::start();
    let mut client = server.connect_with(&[
        ("user", "me"),
        ("database", "app"),
        ("DateStyle", "german"),
        ("options", "-c TimeZone=Europe/Berlin --work_mem=1MB"),
        ("application_name", "test"),
    ]);
    let answer = client.answer();
    let expected = [
        "R",
        "S in_hot_standby=off",
        "S integer_datetimes=on",
        "S TimeZone=Europe/Berlin",
        "S IntervalStyle=postgres",
        "S is_superuser=on",
        "S application_name=test",
        "S default_transaction_read_only=off",
        "S DateStyle=German, DMY",
        "S standard_conforming_strings=on",
        "S session_authorization=me",
        "S client_encoding=UTF8",
        "S server_version=15.18 (Peergres 0.1.0)",
        "S server_encoding=UTF8",
        "K",
        "Z I",
    ];
    assert_eq!(answer, expected);
    client.check(&["Q show work_mem"], &["T work_mem:25", "D 1MB", "C SHOW", "Z I"]);
    client.check(
        &["Q reset all; set work_mem = 64; reset work_mem; show work_mem"],
        &["C RESET", "C SET", "C RESET", "T work_mem:25", "D 1MB", "C SHOW", "Z I"],
    );
    client.check(&["Q set datestyle = ymd"], &["C SET", "S DateStyle=German, YMD", "Z I"]);
}

#[test]
fn refusals_are_fatal_and_tell_why() {
    let server = TestServer::start();
    type Case<'c> = (&'c [(&'c str, &'c str)], &'c [&'c str]);
    let cases: [Case<'_>; 4] = [
        (&[("user", "me"), ("database", "none")], &["R", "E 3D000 database \"none\" does not exist"]),
        (&[("database", "app")], &["E 28000 no PostgreSQL user name specified in startup packet"]),
        (&[("user", "me"), ("database", "app"), ("work_mem", "x")], &["R", "E 22023 invalid value for parameter \"work_mem\": \"x\""]),
        (&[("user", "me"), ("database", "app"), ("replication", "true")], &["E 0A000 the replication protocol is not supported"]),
    ];
    for (parameters, expected) in cases {
        assert_eq!(server.connect_with(parameters).answer(), expected, "{parameters:?}");
    }
}

#[test]
fn there_is_a_limit_of_sessions() {
    let server = TestServer::start();
    let mut clients: Vec<_> = (0..10).map(|_| server.connect()).collect();
    assert!(clients.iter_mut().all(|c| c.answer().last().is_some_and(|m| m == "Z I")));
    assert_eq!(server.connect().answer().last().unwrap(), "E 53300 sorry, too many clients already");
    drop(clients.pop());
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(server.connect().answer().last().unwrap(), "Z I");
}

#[test]
fn encryption_is_declined_and_newer_protocols_are_negotiated() {
    let server = TestServer::start();
    let mut client = server.socket();
    for code in [80_877_103_u32, 80_877_104] {
        client.packet(&code.to_be_bytes());
        assert_eq!(client.byte(), b'N');
    }
    let body = [&((3_u32 << 16) | 9999).to_be_bytes()[..], b"user\0me\0database\0app\0_pq_.x\0\x31\0\0"].concat();
    client.packet(&body);
    let answer = client.answer();
    assert_eq!((answer[0].as_str(), answer.last().unwrap().as_str()), ("v", "Z I"));
    assert_eq!(client.key.len(), 4 + 32, "protocol 3.2 has long cancel keys");
}

#[test]
fn nonsense_ends_its_connection_and_nothing_else() {
    let server = TestServer::start();
    let mut other = server.connect();
    other.answer();
    let packets: [&[u8]; 6] = [
        b"\0\0\0\x04",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x08\0\0\0\0",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0\0\0\x0c\0\x03\0\0user",
        b"\0\0\0\x09\0\x02\0\0\0",
    ];
    for packet in packets {
        let mut client = server.socket();
        client.raw(packet);
        let answer = client.answer();
        assert!(answer.len() == 1 && answer[0].starts_with("E 0"), "{packet:?}: {answer:?}");
    }
    let messages: [&[u8]; 5] = [b"Q\0\0\0\x03", b"Q\0\0\0\x08abcd", b"?\0\0\0\x04", b"B\0\0\0\x06\0\0", b"P\0\0\0\x0cabc\0x\0\0\x01"];
    for message in messages {
        let mut client = server.connect();
        client.answer();
        client.raw(message);
        let answer = client.answer();
        assert!(answer.len() == 1 && answer[0].starts_with("E 08P01"), "{message:?}: {answer:?}");
    }
    other.check(&["Q show work_mem"], &["T work_mem:25", "D 4MB", "C SHOW", "Z I"]);
}
