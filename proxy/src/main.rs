//! The command `peergres`: the command line enters; `serve` runs here, the other commands in [`peergres::cli`].
//! Exit codes: 0 done, 1 refused or failed with one clear line on standard error, 2 wrong usage (clap's).

use std::{error::Error, io::IsTerminal, path::PathBuf, process::ExitCode, sync::Arc};

use peergres::{
    cli::{Cli, Command, Place, ServeArgs},
    config::{Config, DEFAULT_DATA, Given},
    functions, server,
};
use peergres_sync::{ServeOptions, manager, store::Node};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

fn main() -> ExitCode {
    let cli = Cli::from_arguments(std::env::args_os());
    log_to_standard_error();
    let data = cli.global.data.unwrap_or_else(|| PathBuf::from(DEFAULT_DATA));
    let done = match cli.command {
        Command::Serve(args) => serve(data, args),
        command => other(data, cli.global.json, &command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peergres: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Warnings and errors, or what `PEERGRES_LOG` asks for (`debug`, `peergres=trace`).
fn log_to_standard_error() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("PEERGRES_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).init();
}

/// Opens the data directory; on a fresh one this makes the identity, the databases and the tables.
fn open(config: &Config) -> Result<Arc<Node>, Box<dyn Error>> {
    Ok(Node::open(&config.data, &config.database, Arc::new(functions::register))?)
}

/// Runs a command other than `serve`.
fn other(data: PathBuf, json: bool, command: &Command) -> Result<(), Box<dyn Error>> {
    let config = Config::load(data, Given::default())?;
    let place = Place {
        directory: config.data,
        database: config.database,
        pg: config.pg,
        http: config.http,
        peers: config.peers,
        public_url: config.public_url,
        strategies: config.strategies,
        json,
        setup: Arc::new(functions::register),
    };
    Ok(command.run(&place)?)
}

fn serve(data: PathBuf, args: ServeArgs) -> Result<(), Box<dyn Error>> {
    let flags = Given {
        pg: args.pg,
        http: args.http,
        peers: Some(args.peers).filter(|peers| !peers.is_empty()),
        sync_interval: args.sync_interval,
        name: args.name,
        database: args.database,
        ..Given::default()
    };
    let config = Config::load(data, flags)?;
    // Taken before anything is served, so that a signal in between is not lost.
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let node = open(&config)?;
    node.replicated().leave_out(config.exclude.clone());
    let sync = manager::start(
        &node,
        ServeOptions {
            http: config.http.clone(),
            peers: config.peers.clone(),
            sync_interval: config.sync_interval,
            name: config.name.clone(),
            strategies: config.strategies.clone(),
            public_url: config.public_url.clone(),
            log_retention: config.log_retention,
        },
    )?;
    if let Some(schedule) = config.backup.clone() {
        schedule.start(&config.data)?;
    }
    let listening = server::start(&config, node)?;
    listening.server.attach(sync.control());
    say_how_to_connect(&config, &listening);
    signals.forever().next();
    // A second signal does not wait for sessions to end.
    std::thread::spawn(move || {
        signals.forever().next();
        std::process::exit(1);
    });
    let ended = listening.shut_down();
    sync.stop()?;
    if ended { Ok(()) } else { Err("some sessions did not end in time".into()) }
}

fn say_how_to_connect(config: &Config, listening: &server::Listening) {
    let Some(address) = listening.addresses.first() else { return };
    println!("Ready. Your database is \"{}\", in {}.", config.database, config.data.display());
    println!("Connect an application:  postgresql://postgres@{address}/{}", config.database);
    println!("Connect by hand:         psql -h {} -p {} -U postgres {}", address.ip(), address.port(), config.database);
}
