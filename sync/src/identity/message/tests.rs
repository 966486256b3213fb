//! Signatures of messages against RFC 9421's own example, and what must not verify.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::*;

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// RFC 9421, appendix B.2.6. Its `@authority` and `content-length` are stood for by fields of those values, as our profile has no authority.
#[test]
fn the_rfcs_example_has_the_rfcs_signature() {
    let seed: [u8; 32] = URL_SAFE_NO_PAD.decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU").unwrap().try_into().unwrap();
    let public = URL_SAFE_NO_PAD.decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs").unwrap();
    let key = DeviceKey::from_seed(&seed);
    assert_eq!(key.public().as_bytes().as_slice(), public);
    let fields = headers(&[("date", "Tue, 20 Apr 2021 02:07:55 GMT"), ("content-type", "application/json"), ("content-length", "18")]);
    let input = r#"("date" "@method" "@path" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#;
    let dictionary: Dictionary = Parser::new(&format!("sig-b26={input}")).parse().unwrap();
    let Some(ListEntry::InnerList(list)) = dictionary.get("sig-b26") else { panic!("an inner list") };
    let message = MessageParts::Request(RequestParts { method: "POST", path: "/foo", query: None, headers: &fields });
    let base = signature_base(&message, list).unwrap();
    // The lines are the RFC's but for the authority; with it put in, so is the signature.
    let full = base
        .replace("\"@path\": /foo\n", "\"@path\": /foo\n\"@authority\": example.com\n")
        .replace("\"@path\" \"content-type\"", "\"@path\" \"@authority\" \"content-type\"");
    let expected = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
    assert_eq!(STANDARD.encode(key.sign(full.as_bytes())), expected);
}

fn parameters(key_id: &str) -> SignatureParameters {
    SignatureParameters { created: 1_700_000_000, nonce: "n0".to_owned(), key_id: key_id.to_owned() }
}

#[test]
fn a_signed_request_verifies_and_an_altered_one_does_not() {
    let key = DeviceKey::generate().unwrap();
    let receiver = Uuid::new_v4();
    let signed = sign_request(&key, &parameters("me"), receiver, ("POST", "/sync/push", Some("a=1")), b"body").unwrap();
    let open =
        |method, path, query, headers: &HeaderMap| open_signature(&MessageParts::Request(RequestParts { method, path, query, headers }));
    let good = open("POST", "/sync/push", Some("a=1"), &signed).unwrap();
    assert_eq!(good.parameters, parameters("me"));
    assert!(good.verifies(&key.public()) && !good.verifies(&DeviceKey::generate().unwrap().public()));
    assert_eq!(check_digest(&signed, b"body"), Ok(()));
    assert_eq!(check_digest(&signed, b"bodi"), Err(MessageError::Digest));
    for (method, path, query) in [
        ("GET", "/sync/push", Some("a=1")),
        ("POST", "/sync/pull", Some("a=1")),
        ("POST", "/sync/push", Some("a=2")),
        ("POST", "/sync/push", None),
    ] {
        assert!(!open(method, path, query, &signed).unwrap().verifies(&key.public()), "{method} {path} {query:?}");
    }
    for (name, value) in [("peergres-receiver", Uuid::new_v4().to_string()), ("content-digest", "sha-256=:AAAA:".to_owned())] {
        let mut altered = signed.clone();
        altered.insert(name, HeaderValue::from_str(&value).unwrap());
        assert!(!open("POST", "/sync/push", Some("a=1"), &altered).unwrap().verifies(&key.public()), "{name}");
    }
}

#[test]
fn a_signature_that_covers_too_little_is_refused() {
    let unsigned = headers(&[("content-digest", "sha-256=:AAAA:")]);
    let cases = [
        (None, MessageError::Unsigned),
        (Some(r#"x=("@method");created=1;nonce="n";keyid="k""#), MessageError::Unsigned),
        (Some(r#"x=("@method");created=1;nonce="n";keyid="k";tag="peergres""#), MessageError::Uncovered(r#""@path""#.to_owned())),
        (
            Some(r#"x=("@method" "@path" "@query" "peergres-receiver" "content-digest");nonce="n";keyid="k";tag="peergres""#),
            MessageError::Uncovered("created".to_owned()),
        ),
        (
            Some(r#"x=("@method" "@path" "@query" "peergres-receiver" "content-digest");created=1;nonce="n";keyid="k";tag="peergres""#),
            MessageError::Unknown(r#""peergres-receiver""#.to_owned()),
        ),
        (Some("x=(((;tag"), MessageError::Unsigned),
    ];
    for (input, expected) in cases {
        let mut fields = unsigned.clone();
        if let Some(input) = input {
            fields.insert("signature-input", HeaderValue::from_str(input).unwrap());
            fields.insert("signature", HeaderValue::from_static("x=:AAAA:"));
        }
        let message = MessageParts::Request(RequestParts { method: "GET", path: "/", query: None, headers: &fields });
        assert_eq!(open_signature(&message).unwrap_err(), expected, "{input:?}");
    }
}

#[test]
fn an_answer_is_bound_to_its_request() {
    let (client, server) = (DeviceKey::generate().unwrap(), DeviceKey::generate().unwrap());
    let request = |nonce: &str| {
        let parameters = SignatureParameters { nonce: nonce.to_owned(), ..parameters("client") };
        sign_request(&client, &parameters, Uuid::nil(), ("POST", "/sync/pull", None), b"q").unwrap()
    };
    let (first, second) = (request("1"), request("2"));
    let parts = |headers| RequestParts { method: "POST", path: "/sync/pull", query: None, headers };
    let answer = sign_answer(&server, &parameters("server"), 200, b"a", parts(&first)).unwrap();
    let open = |status, request| open_signature(&MessageParts::Answer { status, headers: &answer, request });
    assert!(open(200, parts(&first)).unwrap().verifies(&server.public()));
    assert!(!open(500, parts(&first)).unwrap().verifies(&server.public()));
    assert!(!open(200, parts(&second)).unwrap().verifies(&server.public()));
}
