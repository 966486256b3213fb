//! Peers that are down, slow, lying, or no Peergres at all: sync says so, applies nothing of it, and the node serves on.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use peergres_tests::{
    command::Finished,
    fleet::{assert_equal, join, settle},
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

/// What a relay does to what it passes on.
#[derive(Default)]
struct Lie {
    /// Whether it is honest now.
    honest: AtomicBool,
    /// How often it lied.
    told: AtomicUsize,
}

const TRUTH: &[u8] = b"the truth of ben";
/// Of the same length, which is told beforehand.
const LIE: &[u8] = b"a lie about ben!";

/// How a compressed body begins.
const GZIP: &[u8] = &[0x1F, 0x8B, 0x08];

/// Passes bytes on in both directions, and puts [`LIE`] for [`TRUTH`] on the way.
fn relay(port: u16, lie: Arc<Lie>) -> String {
    listen(move |client| {
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
        let double = |stream: &TcpStream| stream.try_clone().expect("a socket can be doubled");
        let (from, to, forth) = (double(&client), double(&server), lie.clone());
        thread::spawn(move || pass(from, to, &forth));
        pass(server, client, &lie);
    })
}

fn pass(mut from: TcpStream, mut to: TcpStream, lie: &Lie) {
    let mut bytes = [0; 65536];
    loop {
        let read = from.read(&mut bytes).unwrap_or(0);
        while let Some(at) = bytes[..read].windows(TRUTH.len()).position(|window| window == TRUTH) {
            if lie.honest.load(Ordering::SeqCst) {
                break;
            }
            bytes[at..at + LIE.len()].copy_from_slice(LIE);
            lie.told.fetch_add(1, Ordering::SeqCst);
        }
        // Of what is compressed, any byte will do.
        let packed = bytes[..read].windows(GZIP.len()).position(|window| window == GZIP).map(|at| at + 40).filter(|at| *at < read);
        if let (Some(at), false) = (packed, lie.honest.load(Ordering::SeqCst)) {
            bytes[at] ^= 0x20;
            lie.told.fetch_add(1, Ordering::SeqCst);
        }
        if read == 0 || to.write_all(&bytes[..read]).is_err() {
            let _ = to.shutdown(Shutdown::Write);
            return;
        }
    }
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

/// A node that others know by the address of a relay alone.
fn behind(name: &str, lie: &Arc<Lie>) -> Node {
    let mut node = Node::prepare(name, BY_HAND);
    fs::create_dir_all(node.data()).expect("the data directory can be made");
    let config = format!("public_url = \"{}\"\n", relay(node.http_port, lie.clone()));
    fs::write(node.data().join("peergres.toml"), config).expect("the configuration can be written");
    node.restart();
    node
}

#[test]
fn a_lie_on_the_way_is_refused_whole() {
    let lie = Arc::new(Lie::default());
    let (anna, ben) = (behind("anna", &lie), behind("ben", &lie));
    anna.psql("CREATE TABLE note (id int PRIMARY KEY, body text); INSERT INTO note VALUES (1, 'first')").expect_success("a note");
    lie.honest.store(true, Ordering::SeqCst);
    join(&anna, &ben);
    ben.wait_for("SELECT count(*) FROM note", "1\n", Duration::from_secs(20));
    settle(&[&anna, &ben]);
    lie.honest.store(false, Ordering::SeqCst);
    let script = "INSERT INTO note VALUES (2, 'another'); INSERT INTO note VALUES (3, 'the truth of ben')";
    ben.psql(script).expect_success("ben's notes");
    for node in [&anna, &ben] {
        let finished = node.command(&["sync"]);
        assert_ne!(finished.code, Some(0), "a lie went unnoticed: {finished:?}");
        assert_eq!(finished.err.lines().count(), 1, "{finished:?}");
    }
    assert!(lie.told.load(Ordering::SeqCst) > 0, "the relay found nothing to change");
    assert_eq!(anna.rows("SELECT count(*) FROM note WHERE id > 1"), "0\n", "something of it was applied");

    // The same relays, honest, are no obstacle: what is signed names the device, not the address.
    lie.honest.store(true, Ordering::SeqCst);
    anna.command(&["sync"]).expect_success("an honest relay");
    anna.wait_for("SELECT body FROM note WHERE id = 3", "the truth of ben\n", Duration::from_secs(20));
    settle(&[&anna, &ben]);
    assert_equal(&[&anna, &ben]);
}
