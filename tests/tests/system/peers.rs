//! Peers that are down, slow, lying, or no Peergres at all: sync says so, applies nothing of it, and the node serves on.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use peergres_tests::{
    command::Finished,
    fleet::{assert_equal, join, settle, sync},
    node::Node,
    ports,
};

const BY_HAND: &[&str] = &["--sync-interval", "1h"];

/// Accepts connections and hands each to `serve` on a thread of its own, as long as the process lives.
fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    format!("http://{address}")
}

/// Reads a request's head, so that closing the socket does not reset it.
fn request(stream: &mut TcpStream) {
    let mut bytes = [0; 65536];
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = stream.read(&mut bytes);
}

/// Answers every request with these bytes.
fn says(answer: &'static str) -> String {
    listen(move |mut stream| {
        request(&mut stream);
        let _ = stream.write_all(answer.as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
        thread::sleep(Duration::from_millis(200));
    })
}

/// Passes bytes on in both directions, changing `truth` to `lie`, of the same length, in what the peer answers; counts the lies.
fn lies(peer: u16, truth: &'static str, lie: &'static str, told: Arc<AtomicUsize>) -> String {
    assert_eq!(truth.len(), lie.len(), "the length is told beforehand");
    listen(move |client| {
        let Ok(server) = TcpStream::connect(("127.0.0.1", peer)) else { return };
        let (mut from_client, mut to_server) =
            (client.try_clone().expect("a socket can be doubled"), server.try_clone().expect("so can this"));
        thread::spawn(move || {
            let _ = std::io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        });
        let (mut server, mut client, mut held) = (server, client, Vec::new());
        let mut bytes = [0; 65536];
        loop {
            let read = server.read(&mut bytes).unwrap_or(0);
            held.extend_from_slice(&bytes[..read]);
            let mut at = 0;
            while let Some(found) = held[at..].windows(truth.len()).position(|window| window == truth.as_bytes()) {
                held[at + found..at + found + truth.len()].copy_from_slice(lie.as_bytes());
                told.fetch_add(1, Ordering::Relaxed);
                at += found + truth.len();
            }
            if client.write_all(&held).is_err() || read == 0 {
                let _ = client.shutdown(Shutdown::Write);
                return;
            }
            held.clear();
        }
    })
}

/// A round with that peer fails in time with one line, and SQL goes on the while.
fn fails(node: &Node, url: &str, limit: Duration) -> String {
    let begun = Instant::now();
    let Finished { code, out, err } = node.command(&["sync", "--peer", url]);
    assert_eq!(code, Some(1), "{url}: {out}{err}");
    assert!(begun.elapsed() < limit, "{url}: {:?}", begun.elapsed());
    assert_eq!(err.lines().count(), 1, "{url}: {err}");
    node.psql("INSERT INTO note (body) VALUES ('still serving')").expect_success("the node serves on");
    err
}

fn paired() -> (Node, Node) {
    let (anna, ben) = (Node::start("anna", BY_HAND), Node::start("ben", BY_HAND));
    let note = "CREATE TABLE note (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), body text); INSERT INTO note (body) VALUES ('first')";
    anna.psql(note).expect_success("a note");
    join(&anna, &ben);
    settle(&[&anna, &ben]);
    (anna, ben)
}

#[test]
fn a_peer_that_is_down_or_slow_is_told_and_holds_nothing_up() {
    let (anna, ben) = paired();
    let down = fails(&anna, &format!("http://127.0.0.1:{}", ports::free()), Duration::from_secs(10));
    assert!(down.contains("127.0.0.1"), "{down}");
    // It accepts, and never answers.
    let silent = listen(|stream| {
        thread::sleep(Duration::from_secs(300));
        drop(stream);
    });
    let writing = thread::scope(|scope| {
        let round = scope.spawn(|| fails(&anna, &silent, Duration::from_secs(90)));
        let begun = Instant::now();
        for _ in 0..20 {
            anna.psql("INSERT INTO note (body) VALUES ('meanwhile')").expect_success("writing goes on");
        }
        let writing = begun.elapsed();
        round.join().expect("the round fails as it should");
        writing
    });
    assert!(writing < Duration::from_secs(20), "writing waited for a silent peer: {writing:?}");
    settle(&[&anna, &ben]);
    assert_equal(&[&anna, &ben]);
}

#[test]
fn what_is_no_peergres_is_told_and_harms_nothing() {
    let (anna, ben) = paired();
    let others = [
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<h1>Hello!</h1>",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2000000000000\r\n\r\n{\"changes\":[",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "",
    ];
    for answer in others {
        fails(&anna, &says(answer), Duration::from_secs(60));
    }
    settle(&[&anna, &ben]);
    assert_equal(&[&anna, &ben]);
}

#[test]
fn a_lie_on_the_way_is_refused_whole() {
    let (anna, ben) = paired();
    ben.psql("INSERT INTO note (body) VALUES ('the truth of ben')").expect_success("ben's note");
    let told = Arc::new(AtomicUsize::new(0));
    let relay = lies(ben.http_port, "the truth of ben", "a lie about ben!", told.clone());
    fails(&anna, &relay, Duration::from_secs(30));
    assert!(told.load(Ordering::Relaxed) > 0, "the relay found nothing to change");
    assert_eq!(anna.rows("SELECT count(*) FROM note WHERE body LIKE '%ben%'"), "0\n", "something of it was applied");

    // The same relay, honest, is no obstacle: what is signed names the device, not the address.
    let honest = lies(ben.http_port, "\u{1}", "\u{1}", Arc::default());
    anna.command(&["sync", "--peer", &honest]).expect_success("an honest relay");
    assert_eq!(anna.rows("SELECT body FROM note WHERE body LIKE '%ben%'"), "the truth of ben\n");
    settle(&[&anna, &ben]);
    assert_equal(&[&anna, &ben]);
    assert_eq!(sync(&anna, &ben), [0; 3]);
}
