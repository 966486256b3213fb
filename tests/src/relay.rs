//! A TCP relay that fails: it refuses, cuts, delays, and says everything twice.
//!
//! Enters: a node's HTTP port and a seed. Leaves: an address that leads to the node most of the time. What it does to a connection is drawn when the
//! connection comes, so that a run is repeated by its seed as far as the machine's scheduler lets it.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use crate::writer::Random;

/// What happens to one connection.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It is passed on.
    Honest,
    /// It is closed before anything is said.
    Refused,
    /// It is closed after so many bytes of the request.
    CutRequest(u64),
    /// It is closed after so many bytes of the answer.
    CutAnswer(u64),
    /// Every piece is held up so many milliseconds.
    Slow(u64),
    /// What the client said is said a second time, on a connection of its own.
    Twice,
}

/// See the file's head.
pub struct Relay {
    port: u16,
    honest: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
    faults: Arc<AtomicU64>,
}

impl Relay {
    /// A relay to a port of this machine.
    ///
    /// # Panics
    /// If no port is free.
    pub fn to(target: u16, seed: u64) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let relay = Relay { port, honest: Arc::default(), closed: Arc::default(), faults: Arc::default() };
        let (honest, closed, faults) = (Arc::clone(&relay.honest), Arc::clone(&relay.closed), Arc::clone(&relay.faults));
        let random = Mutex::new(Random::new(seed));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let drawn = fate(&mut random.lock().expect("nobody panics while drawing"));
                let fate = match () {
                    () if closed.load(Ordering::SeqCst) => Fate::Refused,
                    () if honest.load(Ordering::SeqCst) => Fate::Honest,
                    () => drawn,
                };
                faults.fetch_add(u64::from(!matches!(fate, Fate::Honest)), Ordering::SeqCst);
                thread::spawn(move || serve(client, target, fate));
            }
        });
        relay
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Whether it passes everything on as it is from now on.
    pub fn set_honest(&self, honest: bool) {
        self.honest.store(honest, Ordering::SeqCst);
    }

    /// Whether it refuses everything from now on: a partition.
    pub fn set_closed(&self, closed: bool) {
        self.closed.store(closed, Ordering::SeqCst);
    }

    /// How many connections it has failed.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::SeqCst)
    }
}

fn fate(random: &mut Random) -> Fate {
    match random.below(20) {
        0 => Fate::Refused,
        1 => Fate::CutRequest(random.below(3000)),
        2 => Fate::CutAnswer(random.below(3000)),
        3 => Fate::CutAnswer(random.below(100_000)),
        4 | 5 => Fate::Slow(random.below(60)),
        6 | 7 => Fate::Twice,
        _ => Fate::Honest,
    }
}

fn serve(client: TcpStream, target: u16, fate: Fate) {
    if matches!(fate, Fate::Refused) {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { return };
    let (Ok(from), Ok(to)) = (client.try_clone(), server.try_clone()) else { return };
    let forth = thread::spawn(move || {
        let limit = if let Fate::CutRequest(bytes) = fate { bytes } else { u64::MAX };
        pass(from, to, limit, fate)
    });
    let limit = if let Fate::CutAnswer(bytes) = fate { bytes } else { u64::MAX };
    pass(server, client, limit, fate);
    let said = forth.join().unwrap_or_default();
    if matches!(fate, Fate::Twice)
        && let Ok(mut again) = TcpStream::connect(("127.0.0.1", target))
    {
        let _ = again.write_all(&said);
        let _ = again.set_read_timeout(Some(Duration::from_secs(2)));
        let _ = again.read(&mut [0; 4096]);
    }
}

/// Passes on up to `limit` bytes; answers what it passed where that is to be said again.
fn pass(mut from: TcpStream, mut to: TcpStream, limit: u64, fate: Fate) -> Vec<u8> {
    let (mut bytes, mut passed, mut said) = ([0; 16384], 0_u64, Vec::new());
    loop {
        let read = from.read(&mut bytes).unwrap_or(0);
        if let Fate::Slow(millis) = fate {
            thread::sleep(Duration::from_millis(millis));
        }
        let take = read.min(usize::try_from(limit - passed).unwrap_or(usize::MAX));
        if matches!(fate, Fate::Twice) && said.len() < 1 << 20 {
            said.extend_from_slice(&bytes[..take]);
        }
        passed += take as u64;
        let broken = read == 0 || to.write_all(&bytes[..take]).is_err();
        if broken || take < read {
            let how = if take < read { Shutdown::Both } else { Shutdown::Write };
            let _ = (to.shutdown(how), from.shutdown(if take < read { Shutdown::Both } else { Shutdown::Read }));
            return said;
        }
    }
}
