//! The command line: its shape, and the commands that concern devices, sync, conflicts and the log.
//!
//! Enters: arguments. Leaves: lines for people, or with `--json` one object. A command works whether or not the server is running on
//! the data directory: `peergres_sync::access` goes through its HTTP API or works on the files. Exit codes: 0 done, 1 refused or failed with one
//! clear line on standard error, 2 wrong usage (clap's).

pub mod backup;
pub mod conflicts;
pub mod devices;
pub mod doctor;
pub mod log;
pub mod pairing;
pub mod papers;
mod place;
pub mod setup;
mod shown;
pub mod status;
pub mod sync;

pub use place::{Failure, Place};

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The version, and of a packaged program which build it is.
const VERSION: &str = match option_env!("PEERGRES_BUILD") {
    Some(build) => build,
    None => env!("CARGO_PKG_VERSION"),
};

/// `peergres`.
#[derive(Debug, Parser)]
#[command(name = "peergres", version = VERSION, about, propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the command line; wrong usage ends the process with exit code 2.
    pub fn from_arguments(arguments: impl IntoIterator<Item = OsString>) -> Cli {
        Cli::parse_from(tell_data_apart(arguments))
    }
}

/// `--data` names the data directory, and of `conflicts resolve` also the values of one's own: what begins as a JSON object is the latter.
fn tell_data_apart(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut told = Vec::new();
    let mut arguments = arguments.into_iter().peekable();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        let begins_object = |value: &str| value.trim_start().starts_with('{');
        if text == "--data" && arguments.peek().is_some_and(|value| begins_object(&value.to_string_lossy())) {
            told.push("--custom-data".into());
        } else if let Some(value) = text.strip_prefix("--data=").filter(|value| begins_object(value)) {
            told.push(format!("--custom-data={value}").into());
        } else {
            told.push(argument);
        }
    }
    told
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The data directory [default: ./peergres-data]
    #[arg(long, global = true, value_name = "DIR", env = "PEERGRES_DATA")]
    pub data: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start everything: the PostgreSQL wire, HTTP, and sync with the peers
    Serve(ServeArgs),
    /// Make the identity, the databases and the tables, without serving
    Init(InitArgs),
    /// Bring the tables of an older version up to date
    Migrate,
    /// This device, and the devices it syncs with
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Print a one-time code with which another device can join
    Invite(InviteArgs),
    /// Join the devices of whoever gave out the code
    Join(JoinArgs),
    /// Sync once, now
    Sync(SyncArgs),
    /// This device, its peers, what is behind, pending or blocked
    Status,
    /// Conflicts between devices, and their resolution
    Conflicts(ConflictsArgs),
    /// The audit trail
    #[command(subcommand)]
    Log(LogCommand),
    /// Write an encrypted copy of all databases
    Backup(BackupArgs),
    /// Make a data directory from a backup, as a new device
    Restore(RestoreArgs),
    /// Say what is wrong and what to do about it
    Doctor,
    /// Print a shell's completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages
    Man {
        /// The directory to write to
        directory: PathBuf,
    },
}

impl Command {
    /// Runs a command other than `serve`.
    pub fn run(&self, place: &Place) -> Result<(), Failure> {
        match self {
            Command::Serve(_) => Err(Failure("serve is started by the program itself".to_owned())),
            Command::Init(args) => setup::init(args, place),
            Command::Migrate => setup::migrate(place),
            Command::Device(command) => devices::run(command, place),
            Command::Invite(args) => pairing::invite(args, place),
            Command::Join(args) => pairing::join(args, place),
            Command::Sync(args) => sync::run(args, place),
            Command::Status => status::run(place),
            Command::Conflicts(args) => conflicts::run(args, place),
            Command::Log(command) => log::run(command, place),
            Command::Backup(args) => backup::write(args, place),
            Command::Restore(args) => backup::restore(args, place),
            Command::Doctor => doctor::run(place),
            Command::Completions { shell } => {
                papers::completions(*shell);
                Ok(())
            }
            Command::Man { directory } => papers::man(directory),
        }
    }
}

/// `serve`.
#[derive(Clone, Debug, Default, Args)]
pub struct ServeArgs {
    /// Address of the PostgreSQL wire [default: 127.0.0.1:5433]
    #[arg(long, value_name = "ADDRESS")]
    pub pg: Option<String>,
    /// Address of the HTTP API [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub http: Option<String>,
    /// A peer to sync with; may be given several times
    #[arg(long = "peer", value_name = "URL")]
    pub peers: Vec<String>,
    /// How often to sync with each peer, such as 5s, 500ms or 2m [default: 5s]
    #[arg(long, value_name = "DURATION")]
    pub sync_interval: Option<String>,
    /// This device's name [default: the host's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The replicated database [default: app]
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
}

/// `init`.
#[derive(Clone, Debug, Default, Args)]
pub struct InitArgs {
    /// This device's name [default: the host's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The replicated database [default: app]
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
}

/// `device …`.
#[derive(Clone, Debug, Subcommand)]
pub enum DeviceCommand {
    /// This device's id and fingerprint
    Id,
    /// All known devices
    List,
    /// Let a device sync with this one and all others
    Authorize {
        /// The device's id, or enough of its beginning, or its name
        id: String,
    },
    /// Shut a device out, here and on all others
    Revoke {
        /// The device's id, or enough of its beginning, or its name
        id: String,
    },
    /// Replace this device's key
    RotateKey,
}

/// `invite`.
#[derive(Clone, Debug, Args)]
pub struct InviteArgs {
    /// Where the other device reaches this one [default: where this one's HTTP API listens]
    #[arg(long, value_name = "URL")]
    pub address: Option<String>,
}

/// `join`.
#[derive(Clone, Debug, Args)]
pub struct JoinArgs {
    /// What `peergres invite` printed on the other device
    pub code: String,
    /// This device's name [default: the host's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// `backup`.
#[derive(Clone, Debug, Args)]
pub struct BackupArgs {
    /// The file to write
    pub file: PathBuf,
    /// A file that holds the passphrase [default: the environment's PEERGRES_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// `restore`.
#[derive(Clone, Debug, Args)]
pub struct RestoreArgs {
    /// The file to read
    pub file: PathBuf,
    /// A file that holds the passphrase [default: the environment's PEERGRES_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// The new device's name [default: that of the one that was backed up]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// `sync`.
#[derive(Clone, Debug, Args)]
pub struct SyncArgs {
    /// Only with this peer
    #[arg(long, value_name = "URL")]
    pub peer: Option<String>,
}

fn parse_age(text: &str) -> Result<std::time::Duration, String> {
    crate::config::age(text).ok_or_else(|| "not an age; give one such as 90d, 12h or 2w".to_owned())
}

/// `conflicts`.
#[derive(Clone, Debug, Args)]
pub struct ConflictsArgs {
    /// What to do; without it the pending ones are listed.
    #[command(subcommand)]
    pub command: Option<ConflictsCommand>,
    /// Also those that are resolved or ignored
    #[arg(long)]
    pub all: bool,
}

/// `conflicts …`.
#[derive(Clone, Debug, Subcommand)]
pub enum ConflictsCommand {
    /// The pending conflicts
    List,
    /// One conflict: both sides, their authors and times, the common ancestor
    Show {
        /// The conflict's id, or enough of its beginning
        id: String,
    },
    /// Settle a conflict, on every device
    Resolve {
        /// The conflict's id, or enough of its beginning
        id: String,
        /// Which side wins
        #[arg(long, value_enum, required_unless_present = "custom_data")]
        winner: Option<WinnerArg>,
        /// Values of your own instead: a JSON object of columns; --data '{…}' means the same
        #[arg(long, value_name = "JSON")]
        custom_data: Option<String>,
    },
    /// Leave what shows as it is, and forget the conflict
    Ignore {
        /// The conflict's id, or enough of its beginning
        id: String,
    },
}

/// A side of a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WinnerArg {
    /// This device's.
    Local,
    /// The other's.
    Remote,
}

/// `log …`.
#[derive(Clone, Debug, Subcommand)]
pub enum LogCommand {
    /// A record's history: who, when, before and after
    Show {
        /// The table
        table: String,
        /// The record's primary key
        record_id: String,
    },
    /// Check every chain and signature, and that replaying the log gives the tables
    Verify,
    /// Forget changes that every device has
    Prune {
        /// Only changes older than this, such as 90d
        #[arg(long, value_name = "AGE", value_parser = parse_age)]
        older_than: std::time::Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_option_names_a_directory_and_values() {
        let lines =
            ["peergres --data DIR conflicts resolve 1 --data {\"a\":1}", "peergres conflicts resolve 1 --data={\"a\":1} --data DIR"];
        for line in lines {
            let cli = Cli::from_arguments(line.split(' ').map(OsString::from));
            assert_eq!(cli.global.data, Some(PathBuf::from("DIR")), "{line}");
            let Command::Conflicts(ConflictsArgs { command: Some(ConflictsCommand::Resolve { custom_data, .. }), .. }) = cli.command else {
                panic!("{line} is another command");
            };
            assert_eq!(custom_data.as_deref(), Some("{\"a\":1}"), "{line}");
        }
    }

    #[test]
    fn the_definition_holds_together() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
