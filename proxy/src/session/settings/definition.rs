//! The table of settings: `data/pg_settings.csv`, a row per setting as `pg_settings` of PostgreSQL 15 has it, with the few values that tell
//! of this server put in. Enters: nothing; leaves: definitions by name, and values checked and put into canonical form.

use std::{collections::HashMap, sync::LazyLock};

use crate::error::{Result, SqlError, SqlState};

use super::{special, unit};

/// Who may change a setting, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Never.
    Internal,
    /// At the server's start.
    Postmaster,
    /// By reloading the configuration.
    Sighup,
    /// At a session's start.
    Backend,
    /// Any time.
    Session,
}

/// What values a setting takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `on`, `off`.
    Bool,
    /// A whole number between bounds, with a unit.
    Integer(i64, i64),
    /// A number between bounds, with a unit.
    Real(f64, f64),
    /// Anything, or what [`special`] checks.
    String,
    /// One of the words.
    Enum(Vec<String>),
}

/// One setting.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name as shown.
    pub name: String,
    /// The value of a fresh session, in base units.
    pub initial: String,
    /// The built-in default.
    pub boot: String,
    /// Unit: `kB`, `8kB`, `ms`, `s`, `min`, `B`, `MB` or none.
    pub unit: String,
    /// Category.
    pub category: String,
    /// `context` as the view shows it.
    pub context: String,
    /// `vartype` as the view shows it.
    pub vartype: String,
    /// Who may change it.
    pub when: When,
    /// What values it takes.
    pub kind: Kind,
    /// One line about it.
    pub description: String,
}

/// Values that tell of this server rather than of the one that the table was read from.
const OURS: [(&str, &str); 14] = [
    ("TimeZone", "Etc/UTC"),
    ("application_name", ""),
    ("cluster_name", "peergres"),
    ("config_file", ""),
    ("data_directory", ""),
    ("default_text_search_config", "pg_catalog.simple"),
    ("external_pid_file", ""),
    ("hba_file", ""),
    ("ident_file", ""),
    ("lc_collate", "C"),
    ("lc_ctype", "C"),
    ("lc_messages", "C"),
    ("server_version", SERVER_VERSION),
    ("server_version_num", "150018"),
];

/// What `server_version` says.
pub const SERVER_VERSION: &str = "15.18 (Peergres 0.1.0)";

/// Settings of PostgreSQL that its view does not list.
const HIDDEN: [(&str, &str); 5] =
    [("is_superuser", "on"), ("session_authorization", "postgres"), ("role", "none"), ("seed", "0"), ("default_with_oids", "off")];

fn read() -> Vec<Definition> {
    let mut reader = csv::Reader::from_reader(&include_bytes!("../../../data/pg_settings.csv")[..]);
    let mut definitions: Vec<Definition> =
        reader.records().map(|r| definition(&r.expect("pg_settings.csv is part of the program and well-formed"))).collect();
    for (name, initial) in HIDDEN {
        let kind = match name {
            "is_superuser" | "default_with_oids" => Kind::Bool,
            "seed" => Kind::Real(-1.0, 1.0),
            _ => Kind::String,
        };
        let when = if name == "is_superuser" { When::Internal } else { When::Session };
        definitions.push(Definition {
            name: name.to_owned(),
            initial: initial.to_owned(),
            boot: initial.to_owned(),
            unit: String::new(),
            category: String::new(),
            context: String::new(),
            vartype: String::new(),
            when,
            kind,
            description: String::new(),
        });
    }
    definitions.sort_by_key(|d| d.name.to_ascii_lowercase());
    definitions
}

fn definition(row: &csv::StringRecord) -> Definition {
    let field = |n: usize| row.get(n).unwrap_or_default();
    let name = field(0).to_owned();
    let initial = OURS.iter().find(|(n, _)| *n == name).map_or(field(1), |(_, value)| value).to_owned();
    let kind = match field(5) {
        "bool" => Kind::Bool,
        "integer" => Kind::Integer(field(6).parse().unwrap_or(i64::MIN), field(7).parse().unwrap_or(i64::MAX)),
        "real" => Kind::Real(field(6).parse().unwrap_or(f64::MIN), field(7).parse().unwrap_or(f64::MAX)),
        "enum" => Kind::Enum(field(8).trim_matches(['{', '}']).split(',').map(|v| v.trim_matches('"').to_owned()).collect()),
        _ => Kind::String,
    };
    let when = match field(4) {
        "internal" => When::Internal,
        "postmaster" => When::Postmaster,
        "sighup" => When::Sighup,
        "backend" | "superuser-backend" => When::Backend,
        _ => When::Session,
    };
    Definition {
        name,
        initial,
        boot: field(9).to_owned(),
        unit: field(2).to_owned(),
        category: field(3).to_owned(),
        context: field(4).to_owned(),
        vartype: field(5).to_owned(),
        when,
        kind,
        description: field(10).to_owned(),
    }
}

/// All settings, by name without regard to case.
pub fn all() -> &'static [Definition] {
    static ALL: LazyLock<Vec<Definition>> = LazyLock::new(read);
    &ALL
}

/// The number of the setting of that name in [`all`], whatever its case.
pub fn index(name: &str) -> Option<usize> {
    static NAMES: LazyLock<HashMap<String, usize>> =
        LazyLock::new(|| all().iter().enumerate().map(|(i, d)| (d.name.to_ascii_lowercase(), i)).collect());
    NAMES.get(name).or_else(|| NAMES.get(&name.to_ascii_lowercase())).copied()
}

impl Definition {
    /// Refuses a change that is not allowed now.
    pub fn check_changeable(&self, at_start: bool) -> Result<()> {
        let refuse = |what: &str| Err(SqlError::new(SqlState::CANT_CHANGE_RUNTIME_PARAM, format!("parameter \"{}\" {what}", self.name)));
        match self.when {
            When::Internal => refuse("cannot be changed"),
            When::Postmaster => refuse("cannot be changed without restarting the server"),
            When::Sighup => refuse("cannot be changed now"),
            When::Backend if !at_start => refuse("cannot be set after connection start"),
            _ => Ok(()),
        }
    }

    /// A value as it is kept: checked, in base units, words in their canonical spelling.
    pub fn canonical(&self, text: &str, current: &str) -> Result<String> {
        match &self.kind {
            Kind::Bool => match boolean(text) {
                Some(true) if self.name == "default_with_oids" => Err(SqlError::unsupported("a table declared WITH OIDS")),
                Some(value) => Ok(if value { "on" } else { "off" }.to_owned()),
                None => {
                    Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("parameter \"{}\" requires a Boolean value", self.name)))
                }
            },
            Kind::Integer(min, max) => unit::integer(self, text, *min, *max),
            Kind::Real(min, max) => unit::real(self, text, *min, *max),
            Kind::Enum(words) => self.word(text, words),
            Kind::String => special::canonical(&self.name, text, current),
        }
    }

    fn word(&self, text: &str, words: &[String]) -> Result<String> {
        if let Some(word) = words.iter().find(|w| w.eq_ignore_ascii_case(text)) {
            return Ok(word.clone());
        }
        // Enumerations with on and off among their words take the other spellings of a boolean as well.
        let spelt = boolean(text).map(|b| if b { "on" } else { "off" });
        if let Some(word) = spelt.and_then(|spelt| words.iter().find(|w| *w == spelt)) {
            return Ok(word.clone());
        }
        Err(self.invalid(text).hint(format!("Available values: {}.", words.join(", "))))
    }

    /// 22023: not a value of this setting.
    pub fn invalid(&self, text: &str) -> SqlError {
        SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid value for parameter \"{}\": \"{text}\"", self.name))
    }

    /// A kept value as SHOW says it: with the largest unit that divides it.
    pub fn shown(&self, kept: &str) -> String {
        match self.kind {
            Kind::Integer(..) | Kind::Real(..) => unit::shown(&self.unit, kept),
            _ => kept.to_owned(),
        }
    }
}

/// PostgreSQL's `parse_bool`: any unambiguous beginning of true, false, yes, no, on, off; 1 and 0.
pub fn boolean(text: &str) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| lower.len() >= least && word.starts_with(&lower);
    match () {
        () if begins("true", 1) || begins("yes", 1) || begins("on", 2) || lower == "1" => Some(true),
        () if begins("false", 1) || begins("no", 1) || begins("off", 2) || lower == "0" => Some(false),
        () => None,
    }
}
