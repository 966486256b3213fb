//! What the server is told: flags over environment over `peergres.toml`. Enters: flags as given and a data directory; leaves: a [`Config`], or
//! one clear line about what is wrong.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use peergres_sync::{backup, conflicts::Strategies, manager::LOG_RETENTION};
use serde::Deserialize;

/// Whether connections are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsUse {
    /// Never.
    Off,
    /// If the client asks for it.
    #[default]
    Offer,
    /// Always, but from this machine.
    Require,
}

/// What the server is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The data directory.
    pub data: PathBuf,
    /// Address of the PostgreSQL wire.
    pub pg: String,
    /// Address of the HTTP API.
    pub http: String,
    /// Peers to sync with.
    pub peers: Vec<String>,
    /// How often.
    pub sync_interval: Duration,
    /// This device's name; the host's where none is given.
    pub name: Option<String>,
    /// The replicated database.
    pub database: String,
    /// The password demanded of connections from other addresses.
    pub password: Option<String>,
    /// Whether connections from this machine need no password.
    pub trust_loopback: bool,
    /// Whether connections are encrypted.
    pub tls: TlsUse,
    /// The certificate, and those that vouch for it, in PEM form; a self-made one where none is given.
    pub tls_cert: Option<PathBuf>,
    /// Its private key, in PEM form.
    pub tls_key: Option<PathBuf>,
    /// Where the Unix socket lies; the data directory where none is given.
    pub socket_directory: Option<PathBuf>,
    /// How many sessions there may be.
    pub max_connections: usize,
    /// Where other devices reach the HTTP API, if not where it listens.
    pub public_url: Option<String>,
    /// What decides conflicts without a person.
    pub strategies: Strategies,
    /// For how long changes stay in the log that every device has; none keeps them for ever.
    pub log_retention: Option<Duration>,
    /// Tables that are this device's own: `sessions`, `cache_*`, `schema.table`.
    pub exclude: Vec<String>,
    /// Backups by themselves.
    pub backup: Option<backup::Schedule>,
}

/// What was given in one place; the same names in the file, as flags, and with `PEERGRES_` before them in the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Address of the PostgreSQL wire.
    pub pg: Option<String>,
    /// Address of the HTTP API.
    pub http: Option<String>,
    /// Peers.
    pub peers: Option<Vec<String>>,
    /// How often to sync: `5s`, `500ms`, `2m`, `1h`.
    pub sync_interval: Option<String>,
    /// The device's name.
    pub name: Option<String>,
    /// The replicated database.
    pub database: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// Whether connections from this machine need no password, as is the default.
    pub trust_loopback: Option<bool>,
    /// Whether connections are encrypted: `off`, `offer` or `require`.
    pub tls: Option<TlsUse>,
    /// The certificate's file.
    pub tls_cert: Option<PathBuf>,
    /// The private key's file.
    pub tls_key: Option<PathBuf>,
    /// Where the Unix socket lies.
    pub socket_directory: Option<PathBuf>,
    /// How many sessions there may be.
    pub max_connections: Option<usize>,
    /// Where other devices reach the HTTP API.
    pub public_url: Option<String>,
    /// What decides conflicts: `default`, and by table under `tables`; `LatestTimestampWins`, `LocalWins`, `RemoteWins` or `Manual`.
    /// In the environment only the default.
    pub strategies: Option<Strategies>,
    /// For how long changes stay in the log that every device has: `90d`, `12h`, `2w`, or `forever`.
    pub log_retention: Option<String>,
    /// What is synced.
    pub sync: Option<GivenSync>,
    /// Backups by themselves; in the file alone.
    pub backup: Option<backup::Schedule>,
}

/// `[sync]` in the file; `PEERGRES_SYNC_EXCLUDE` in the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenSync {
    /// Tables that are not replicated when they are made.
    #[serde(default)]
    pub exclude: Vec<String>,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file does not say what it should.
    #[error("{}, line {line}: {message}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A value is no value of its kind.
    #[error("{0}: \"{1}\" is not {2}")]
    Value(&'static str, String, &'static str),
}

/// The data directory where none is named.
pub const DEFAULT_DATA: &str = "./peergres-data";

impl Given {
    /// From `peergres.toml` in the data directory, nothing where there is none.
    pub fn from_file(data: &Path) -> Result<Given, ConfigError> {
        let path = data.join("peergres.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Given::default()),
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        toml::from_str(&text).map_err(|e| {
            let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            ConfigError::File { path, line, message: e.message().replace('\n', " ") }
        })
    }

    /// From the environment, asked for by name.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Given, ConfigError> {
        let get = |name: &str| variable(&format!("PEERGRES_{name}")).filter(|v| !v.is_empty());
        let max_connections = match get("MAX_CONNECTIONS") {
            Some(text) => Some(text.parse().map_err(|_| ConfigError::Value("PEERGRES_MAX_CONNECTIONS", text, "a number of connections"))?),
            None => None,
        };
        let words = "LatestTimestampWins, LocalWins, RemoteWins or Manual";
        let strategies =
            word("PEERGRES_STRATEGIES", words, get("STRATEGIES"))?.map(|default| Strategies { default, ..Strategies::default() });
        Ok(Given {
            pg: get("PG"),
            http: get("HTTP"),
            peers: get("PEERS").map(|list| list.split(',').map(|p| p.trim().to_owned()).collect()),
            sync_interval: get("SYNC_INTERVAL"),
            name: get("NAME"),
            database: get("DATABASE"),
            password: get("PASSWORD"),
            trust_loopback: word("PEERGRES_TRUST_LOOPBACK", "true or false", get("TRUST_LOOPBACK"))?,
            tls: word("PEERGRES_TLS", "off, offer or require", get("TLS"))?,
            tls_cert: get("TLS_CERT").map(PathBuf::from),
            tls_key: get("TLS_KEY").map(PathBuf::from),
            socket_directory: get("SOCKET_DIRECTORY").map(PathBuf::from),
            max_connections,
            public_url: get("PUBLIC_URL"),
            strategies,
            log_retention: get("LOG_RETENTION"),
            sync: get("SYNC_EXCLUDE").map(|list| GivenSync { exclude: list.split(',').map(|name| name.trim().to_owned()).collect() }),
            backup: None,
        })
    }

    /// What is given here, and what `other` says where nothing is.
    #[must_use]
    pub fn or(self, other: Given) -> Given {
        Given {
            pg: self.pg.or(other.pg),
            http: self.http.or(other.http),
            peers: self.peers.or(other.peers),
            sync_interval: self.sync_interval.or(other.sync_interval),
            name: self.name.or(other.name),
            database: self.database.or(other.database),
            password: self.password.or(other.password),
            trust_loopback: self.trust_loopback.or(other.trust_loopback),
            tls: self.tls.or(other.tls),
            tls_cert: self.tls_cert.or(other.tls_cert),
            tls_key: self.tls_key.or(other.tls_key),
            socket_directory: self.socket_directory.or(other.socket_directory),
            max_connections: self.max_connections.or(other.max_connections),
            public_url: self.public_url.or(other.public_url),
            strategies: self.strategies.or(other.strategies),
            log_retention: self.log_retention.or(other.log_retention),
            sync: self.sync.or(other.sync),
            backup: self.backup.or(other.backup),
        }
    }
}

impl Config {
    /// Flags over environment over the data directory's file.
    pub fn load(data: PathBuf, flags: Given) -> Result<Config, ConfigError> {
        let environment = Given::from_environment(|name| std::env::var(name).ok())?;
        let given = flags.or(environment).or(Given::from_file(&data)?);
        Config::new(data, given)
    }

    fn new(data: PathBuf, given: Given) -> Result<Config, ConfigError> {
        let sync_interval = match &given.sync_interval {
            Some(text) => {
                duration(text).ok_or_else(|| ConfigError::Value("sync_interval", text.clone(), "a duration such as 5s, 500ms or 2m"))?
            }
            None => Duration::from_secs(5),
        };
        let log_retention = match given.log_retention {
            None => Some(LOG_RETENTION),
            Some(text) if text == "forever" => None,
            Some(text) => {
                Some(age(&text).ok_or(ConfigError::Value("log_retention", text, "an age such as 90d, 12h or 2w, or \"forever\""))?)
            }
        };
        Ok(Config {
            data,
            pg: given.pg.unwrap_or_else(|| "127.0.0.1:5433".to_owned()),
            http: given.http.unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
            peers: given.peers.unwrap_or_default(),
            sync_interval,
            name: given.name,
            database: given.database.unwrap_or_else(|| "app".to_owned()),
            password: given.password,
            trust_loopback: given.trust_loopback.unwrap_or(true),
            tls: given.tls.unwrap_or_default(),
            tls_cert: given.tls_cert,
            tls_key: given.tls_key,
            socket_directory: given.socket_directory,
            max_connections: given.max_connections.unwrap_or(100),
            public_url: given.public_url,
            strategies: given.strategies.unwrap_or_default(),
            log_retention,
            exclude: given.sync.unwrap_or_default().exclude,
            backup: given.backup,
        })
    }
}

/// One of a setting's words.
fn word<T: serde::de::DeserializeOwned>(name: &'static str, words: &'static str, text: Option<String>) -> Result<Option<T>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    // A JSON literal, such as true, or a word.
    let literal = serde_json::from_str(&text).or_else(|_| serde_json::from_value(serde_json::Value::from(text.as_str())));
    literal.map(Some).map_err(|_| ConfigError::Value(name, text, words))
}

/// A whole number with a unit; seconds where there is none.
pub fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let millis = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(millis).filter(|ms| *ms > 0).map(Duration::from_millis)
}

/// An age: a whole number with a unit, from seconds to years.
pub fn age(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        "y" => 31_557_600,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_over_environment_over_file() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("peergres.toml"), "pg = \"a:1\"\nname = \"file\"\nsync_interval = \"2m\"\n").unwrap();
        let file = Given::from_file(directory.path()).unwrap();
        let environment = Given::from_environment(|n| (n == "PEERGRES_NAME").then(|| "environment".to_owned())).unwrap();
        let flags = Given { pg: Some("b:2".to_owned()), ..Given::default() };
        let config = Config::new(directory.path().to_owned(), flags.or(environment).or(file)).unwrap();
        assert_eq!((config.pg.as_str(), config.name.as_deref()), ("b:2", Some("environment")));
        assert_eq!((config.sync_interval, config.database.as_str()), (Duration::from_secs(120), "app"));
    }

    #[test]
    fn a_wrong_key_is_named_with_its_line() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("peergres.toml"), "pg = \"a:1\"\n\nprot = 5\n").unwrap();
        let error = Given::from_file(directory.path()).unwrap_err().to_string();
        assert!(error.contains("line 3: unknown field `prot`"), "{error}");
    }

    #[test]
    fn strategies_are_named_per_node_and_per_table() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("peergres.toml");
        std::fs::write(&file, "[strategies]\ndefault = \"Manual\"\ntables = { notes = \"LocalWins\" }\n").unwrap();
        let strategies = Given::from_file(directory.path()).unwrap().strategies.unwrap();
        assert_eq!(strategies.default, peergres_sync::ConflictResolution::Manual);
        assert_eq!(strategies.tables["notes"], peergres_sync::ConflictResolution::LocalWins);
        std::fs::write(&file, "[strategies]\ndefault = \"Coin\"\n").unwrap();
        let error = Given::from_file(directory.path()).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("Coin"), "{error}");
        let environment = Given::from_environment(|n| (n == "PEERGRES_STRATEGIES").then(|| "RemoteWins".to_owned())).unwrap();
        assert_eq!(environment.strategies.unwrap().default, peergres_sync::ConflictResolution::RemoteWins);
        assert!(Given::from_environment(|n| (n == "PEERGRES_STRATEGIES").then(|| "x".to_owned())).is_err());
    }

    #[test]
    fn the_log_is_kept_for_ninety_days_or_as_long_as_is_said() {
        let of = |text: Option<&str>| {
            let given = Given { log_retention: text.map(str::to_owned), ..Given::default() };
            Config::new(PathBuf::from("data"), given).map(|config| config.log_retention.map(|age| age.as_secs()))
        };
        assert_eq!(of(None).unwrap(), Some(90 * 86_400));
        assert_eq!(of(Some("2w")).unwrap(), Some(14 * 86_400));
        assert_eq!(of(Some("forever")).unwrap(), None);
        assert!(of(Some("long")).unwrap_err().to_string().contains("log_retention"));
    }

    #[test]
    fn tables_are_left_out_by_name() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("peergres.toml"), "name = \"a\"\n[sync]\nexclude = [\"sessions\", \"cache_*\"]\n").unwrap();
        let config = Config::new(directory.path().to_owned(), Given::from_file(directory.path()).unwrap()).unwrap();
        assert_eq!(config.exclude, ["sessions", "cache_*"]);
        let environment = Given::from_environment(|n| (n == "PEERGRES_SYNC_EXCLUDE").then(|| "a, b".to_owned())).unwrap();
        assert_eq!(environment.sync.unwrap().exclude, ["a", "b"]);
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("3"), Some(Duration::from_secs(3)));
        for wrong in ["", "x", "0s", "5y", "99999999999999999999s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
