//! Progress of long work, shown while it lasts.
//!
//! Enters: what is being done and how far it has come. Leaves: a line on standard error that replaces itself, where that is a terminal.

use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

/// Progress on one line of a terminal, a few times a second.
#[derive(Default)]
pub(super) struct Shown {
    last: Option<Instant>,
    width: usize,
}

impl Shown {
    /// Shows what is being done, and how far it has come.
    pub(super) fn show(&mut self, what: &str, done: u64, all: u64) {
        if self.last.is_some_and(|last| last.elapsed() < Duration::from_millis(200)) || !std::io::stderr().is_terminal() {
            return;
        }
        self.last = Some(Instant::now());
        let share = if all > 0 && done > 0 { format!(" {} of {}", size(done), size(all)) } else { String::new() };
        let line = format!("{what}{share}");
        self.print(&line);
    }

    fn print(&mut self, line: &str) {
        let width = line.chars().count();
        let blank = " ".repeat(self.width.saturating_sub(width));
        self.width = width;
        let mut out = std::io::stderr().lock();
        // Whoever does not see the progress misses nothing.
        let _ = write!(out, "\r{line}{blank}").and_then(|()| out.flush());
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if self.last.is_some() {
            self.print("");
            self.print("\r");
        }
    }
}

/// Bytes in words.
pub(super) fn size(bytes: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} bytes") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_words() {
        assert_eq!([size(0), size(999), size(1_500), size(2_000_000_000)], ["0 bytes", "999 bytes", "1.5 kB", "2.0 GB"]);
    }
}
