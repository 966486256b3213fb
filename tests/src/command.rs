//! Runs a program to its end within a time limit and keeps what it said.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What a finished program left.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Finished {
    /// Standard output of a program that must have succeeded.
    ///
    /// # Panics
    /// With all that it said, if it did not.
    pub fn expect_success(self, what: &str) -> String {
        assert_eq!(self.code, Some(0), "{what} failed\n--- out\n{}\n--- err\n{}", self.out, self.err);
        self.out
    }
}

/// Runs `command` with `input` on its standard input; kills it after `limit`.
///
/// # Panics
/// If the program can't be started, or did not end in time.
pub fn run(command: &mut Command, input: &str, limit: Duration) -> Finished {
    let shown = format!("{command:?}");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("{shown}: {e}"));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_owned();
    // A child may end without reading its input.
    let writer = thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let out = reader(child.stdout.take().expect("stdout is piped"));
    let err = reader(child.stderr.take().expect("stderr is piped"));
    let end = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{shown}: not done within {limit:?}\n{}", err.join().unwrap_or_default());
        }
        thread::sleep(Duration::from_millis(5));
    };
    let _ = writer.join();
    Finished { code: status.code(), out: out.join().unwrap_or_default(), err: err.join().unwrap_or_default() }
}

fn reader(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
