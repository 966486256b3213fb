//! Judges the simulator: plants each fault of its table in a copy of the sources, builds it, plays seeds, and tells whether it was caught.
//!
//! Enters: a folder for the copy and its build. Leaves: a line for each fault; the exit code is 1 if any was missed or no longer fits the sources.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use clap::Parser;
use peergres_tests::simulator::mutants::{MUTANTS, Mutant};

#[derive(Parser)]
struct Arguments {
    /// Where the copy and its build go; it may be there from an earlier time.
    #[arg(long, default_value = "target/mutants")]
    folder: PathBuf,
    /// How many seeds each is given.
    #[arg(long, default_value_t = 1500)]
    seeds: u64,
    /// Only faults whose name contains this.
    #[arg(long, default_value = "")]
    name: String,
}

/// What came of a fault.
enum Outcome {
    Caught(String),
    Missed,
    Stale,
    Broken,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace holds this crate");
    fs::create_dir_all(&arguments.folder).expect("the folder can be made");
    let copy = arguments.folder.canonicalize().expect("the folder is there");
    let mut missed = 0;
    for mutant in MUTANTS.iter().filter(|mutant| mutant.name.contains(&arguments.name)) {
        let told = match play(root, &copy, mutant, arguments.seeds) {
            Outcome::Caught(how) => format!("caught  {}: {how}", mutant.name),
            Outcome::Missed => format!("MISSED  {}", mutant.name),
            Outcome::Stale => format!("STALE   {}: its text is not in {}", mutant.name, mutant.file),
            Outcome::Broken => format!("BROKEN  {}: it does not compile", mutant.name),
        };
        missed += u32::from(!told.starts_with("caught"));
        println!("{told}");
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play(root: &Path, copy: &Path, mutant: &Mutant, seeds: u64) -> Outcome {
    for name in ["Cargo.toml", "Cargo.lock", ".cargo", "migrations", "sync", "proxy", "tests", "examples"] {
        mirror(&root.join(name), &copy.join(name));
    }
    let file = copy.join(mutant.file);
    let source = fs::read_to_string(&file).expect("the file is there");
    if source.matches(mutant.original).count() != 1 {
        return Outcome::Stale;
    }
    fs::write(&file, source.replacen(mutant.original, mutant.fault, 1)).expect("the copy can be written");
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--locked", "-p", "peergres-tests", "--bin", "simulate", "--target-dir"]).arg(copy.join("target"));
    let built = build.current_dir(copy).stderr(Stdio::null()).status().expect("cargo runs");
    if !built.success() {
        return Outcome::Broken;
    }
    let mut simulate = Command::new(copy.join("target/debug/simulate"));
    simulate.args(["--failures", "1", "--short", "--seeds", &seeds.to_string()]);
    let done = simulate.output().expect("the simulator runs");
    let said = String::from_utf8_lossy(&done.stdout).lines().next().unwrap_or_default().to_owned();
    if done.status.success() { Outcome::Missed } else { Outcome::Caught(said.chars().take(160).collect()) }
}

/// Copies what differs, so that what is the same is not built again.
fn mirror(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder can be made");
        for entry in fs::read_dir(from).expect("a folder can be read") {
            let name = entry.expect("an entry can be read").file_name();
            if name != "target" {
                mirror(&from.join(&name), &to.join(&name));
            }
        }
        return;
    }
    let contents = fs::read(from).expect("a source can be read");
    if fs::read(to).ok().as_ref() != Some(&contents) {
        fs::write(to, contents).expect("the copy can be written");
    }
}
