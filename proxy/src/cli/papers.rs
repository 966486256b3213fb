//! `completions` and `man`: what shells and readers of manual pages want, made from the definition of the command line.
//!
//! Enters: a shell, or a directory. Leaves: a script on standard output, or a page for each command.

use std::{fs, io, path::Path};

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, place::Failure};

/// Prints a shell's completions.
pub fn completions(shell: Shell) {
    clap_complete::generate(shell, &mut Cli::command(), "peergres", &mut io::stdout().lock());
}

/// Writes the manual pages, `peergres.1` and one for each command.
pub fn man(directory: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure(format!("{}: {error}", directory.display()));
    fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), directory).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let directory = tempfile::tempdir().unwrap();
        man(directory.path()).unwrap();
        for name in ["peergres.1", "peergres-serve.1", "peergres-backup.1", "peergres-device-rotate-key.1"] {
            let page = fs::read_to_string(directory.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(page.contains(".TH"), "{name}");
        }
    }

    #[test]
    fn completions_know_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "peergres", &mut out);
            assert!(String::from_utf8(out).unwrap().contains("rotate-key"));
        }
    }
}
