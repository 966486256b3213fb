//! A session's settings: SET, SET LOCAL, RESET and SHOW enter; values leave, and [`Derived`], what the code itself reads.
//!
//! A transaction's changes are kept in an undo log: ROLLBACK restores all, ROLLBACK TO those since the savepoint, COMMIT forgets what was LOCAL.

pub mod definition;
mod special;
mod unit;

use std::{collections::HashMap, sync::Arc, time::Duration};

use crate::{
    error::{Result, SqlError, SqlState},
    parse::command::{Isolation, SettingValue},
    session::context::{DateStyle, IntervalStyle},
    types::datetime::zone::Zone,
};
use definition::{Definition, all, index};

/// Which setting: one of the table's, or a custom one (`a.b`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Known(usize),
    Custom(String),
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Slot {
    session: Option<String>,
    local: Option<String>,
}

impl Slot {
    fn effective(&self) -> Option<&String> {
        self.local.as_ref().or(self.session.as_ref())
    }
}

/// Settings that the code reads often, in ready form.
#[derive(Clone, Debug)]
pub struct Derived {
    /// `search_path`, `$user` replaced.
    pub search_path: Arc<[String]>,
    /// `TimeZone`.
    pub time_zone: Zone,
    /// `DateStyle`.
    pub date_style: DateStyle,
    /// `IntervalStyle`.
    pub interval_style: IntervalStyle,
    /// `extra_float_digits`.
    pub extra_float_digits: i32,
    /// `bytea_output` is `escape`.
    pub bytea_escape: bool,
    /// `statement_timeout`.
    pub statement_timeout: Option<Duration>,
    /// `lock_timeout`.
    pub lock_timeout: Option<Duration>,
    /// `idle_in_transaction_session_timeout`.
    pub idle_in_transaction_timeout: Option<Duration>,
    /// `idle_session_timeout`.
    pub idle_timeout: Option<Duration>,
    /// `synchronous_commit` is not `off`.
    pub durable: bool,
    /// `default_transaction_isolation`.
    pub default_isolation: Isolation,
    /// `default_transaction_read_only`.
    pub default_read_only: bool,
    /// `default_transaction_deferrable`.
    pub default_deferrable: bool,
    /// `client_min_messages`, as a rank: only notices of at least that rank are sent.
    pub least_notice: u8,
}

/// The settings whose changes the client is told of (ParameterStatus), in PostgreSQL's order.
pub const REPORTED: [&str; 13] = [
    "in_hot_standby",
    "integer_datetimes",
    "TimeZone",
    "IntervalStyle",
    "is_superuser",
    "application_name",
    "default_transaction_read_only",
    "DateStyle",
    "standard_conforming_strings",
    "session_authorization",
    "client_encoding",
    "server_version",
    "server_encoding",
];

/// A session's settings.
pub struct Settings {
    user: String,
    /// What RESET goes back to, where it is not the table's initial value.
    defaults: HashMap<Key, String>,
    slots: HashMap<Key, Slot>,
    undo: Vec<(Key, Slot)>,
    version: u64,
    derived: Arc<Derived>,
}

impl Settings {
    /// Of a new session of that user.
    pub fn new(user: &str) -> Self {
        let mut settings = Settings {
            user: user.to_owned(),
            defaults: HashMap::new(),
            slots: HashMap::new(),
            undo: Vec::new(),
            version: 0,
            derived: Arc::new(Derived::initial()),
        };
        if let Some(n) = index("session_authorization") {
            settings.defaults.insert(Key::Known(n), user.to_owned());
        }
        settings.derive();
        settings
    }

    /// Rises with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What the code reads.
    pub fn derived(&self) -> &Arc<Derived> {
        &self.derived
    }

    fn key(&self, name: &str) -> Result<Key> {
        if let Some(n) = index(name) {
            return Ok(Key::Known(n));
        }
        match name.split_once('.') {
            Some((class, rest)) if !class.is_empty() && !rest.is_empty() => Ok(Key::Custom(name.to_ascii_lowercase())),
            _ => Err(unrecognized(name)),
        }
    }

    fn kept(&self, key: &Key) -> Option<String> {
        let set = self.slots.get(key).and_then(Slot::effective).or_else(|| self.defaults.get(key)).cloned();
        match key {
            Key::Known(n) => Some(set.unwrap_or_else(|| all()[*n].initial.clone())),
            Key::Custom(_) => set,
        }
    }

    /// The value as SHOW says it; none where there is no such setting.
    pub fn show(&self, name: &str) -> Option<String> {
        let key = self.key(name).ok()?;
        let kept = self.kept(&key)?;
        Some(match key {
            Key::Known(n) => all()[n].shown(&kept),
            Key::Custom(_) => kept,
        })
    }

    /// The value in base units, as `pg_settings` has it.
    pub fn raw(&self, name: &str) -> Option<String> {
        self.kept(&self.key(name).ok()?)
    }

    /// What RESET would give, in base units.
    pub fn reset_value(&self, definition: &Definition) -> String {
        let key = index(&definition.name).map(Key::Known);
        key.and_then(|k| self.defaults.get(&k).cloned()).unwrap_or_else(|| definition.initial.clone())
    }

    /// SET: `local` for SET LOCAL and for settings of the current transaction. Answers the value as kept.
    pub fn set(&mut self, name: &str, value: &SettingValue, local: bool) -> Result<String> {
        let key = self.key(name)?;
        if let Key::Known(n) = key {
            all()[n].check_changeable(false)?;
        }
        let current = self.kept(&key);
        let value = match value {
            SettingValue::Default => None,
            SettingValue::Current => current,
            SettingValue::List(list) => Some(self.canonical(&key, list, &current.unwrap_or_default())?),
        };
        let shown = value.clone();
        self.change(key.clone(), |slot, reset| {
            if local {
                slot.local = Some(value.unwrap_or(reset));
            } else {
                slot.session = value;
                slot.local = None;
            }
        });
        Ok(shown.or_else(|| self.kept(&key)).unwrap_or_default())
    }

    /// A value given when the session starts (startup packet, `options`): RESET goes back to it.
    pub fn set_default(&mut self, name: &str, text: &str) -> Result<()> {
        let key = self.key(name)?;
        if let Key::Known(n) = key {
            all()[n].check_changeable(true)?;
        }
        let current = self.kept(&key).unwrap_or_default();
        let value = match &key {
            Key::Known(n) => all()[*n].canonical(text, &current)?,
            Key::Custom(_) => text.to_owned(),
        };
        self.defaults.insert(key, value);
        self.derive();
        Ok(())
    }

    /// A value of the server's own (`data_directory`, `port`), which no session can change.
    pub fn tell(&mut self, name: &str, value: &str) {
        if let Some(n) = index(name) {
            self.defaults.insert(Key::Known(n), value.to_owned());
        }
    }

    fn canonical(&self, key: &Key, list: &[String], current: &str) -> Result<String> {
        let Key::Known(n) = key else { return Ok(list.join(", ")) };
        let definition = &all()[*n];
        if is_list(&definition.name) {
            let quoted: Vec<String> = list.iter().map(|name| quote(name)).collect();
            return definition.canonical(&quoted.join(", "), current);
        }
        match list {
            [one] => definition.canonical(one, current),
            _ if definition.name == "DateStyle" => definition.canonical(&list.join(", "), current),
            _ => Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("SET {} takes only one argument", definition.name))),
        }
    }

    fn change(&mut self, key: Key, edit: impl FnOnce(&mut Slot, String)) {
        let reset = self.defaults.get(&key).cloned().unwrap_or_else(|| match &key {
            Key::Known(n) => all()[*n].initial.clone(),
            Key::Custom(_) => String::new(),
        });
        let slot = self.slots.entry(key.clone()).or_default();
        let before = slot.clone();
        edit(slot, reset);
        if let (Key::Custom(_), None, None) = (&key, &slot.session, &slot.local) {
            // A custom setting that was reset stays known, and empty.
            slot.session = Some(String::new());
        }
        self.undo.push((key, before));
        self.derive();
    }

    /// `set_config(name, value, is_local)`, whose value is one text with its own list syntax.
    pub fn set_config(&mut self, name: &str, text: &str, local: bool) -> Result<String> {
        let list = match self.key(name)? {
            Key::Known(n) if is_list(&all()[n].name) => split_list(text),
            _ => vec![text.to_owned()],
        };
        self.set(name, &SettingValue::List(list), local)?;
        Ok(self.show(name).unwrap_or_default())
    }

    /// RESET of one.
    pub fn reset(&mut self, name: &str) -> Result<()> {
        if let Key::Custom(custom) = self.key(name)?
            && !self.slots.contains_key(&Key::Custom(custom))
        {
            return Err(unrecognized(name));
        }
        self.set(name, &SettingValue::Default, false).map(drop)
    }

    /// RESET ALL: all that a session can set, but not the state of the current transaction.
    pub fn reset_all(&mut self) {
        let keeps = |key: &Key| match key {
            Key::Known(n) => {
                let name = all()[*n].name.as_str();
                name.starts_with("transaction_") || matches!(name, "role" | "session_authorization" | "seed")
            }
            Key::Custom(_) => false,
        };
        let keys: Vec<Key> = self.slots.keys().filter(|k| !keeps(k)).cloned().collect();
        for key in keys {
            self.change(key, |slot, _| *slot = Slot::default());
        }
    }

    /// A point in the undo log, for a savepoint.
    pub fn mark(&self) -> usize {
        self.undo.len()
    }

    /// Undoes all changes since the mark.
    pub fn rewind(&mut self, mark: usize) {
        if self.undo.len() > mark {
            while self.undo.len() > mark {
                if let Some((key, slot)) = self.undo.pop() {
                    self.slots.insert(key, slot);
                }
            }
            self.derive();
        }
    }

    /// The transaction committed: LOCAL values go.
    pub fn commit(&mut self) {
        if self.undo.is_empty() {
            return;
        }
        self.undo.clear();
        let mut changed = false;
        for slot in self.slots.values_mut() {
            changed |= slot.local.take().is_some();
        }
        if changed {
            self.derive();
        }
    }

    /// Name, value and description of every setting, custom ones after the table's.
    pub fn list(&self) -> Vec<(String, String, String)> {
        let known = all()
            .iter()
            .filter(|d| !d.vartype.is_empty())
            .map(|d| (d.name.clone(), self.show(&d.name).unwrap_or_default(), d.description.clone()));
        let mut custom: Vec<_> = self
            .slots
            .keys()
            .filter_map(|k| match k {
                Key::Custom(name) => Some((name.clone(), self.kept(k)?, String::new())),
                Key::Known(_) => None,
            })
            .collect();
        custom.sort();
        known.chain(custom).collect()
    }

    fn derive(&mut self) {
        self.version += 1;
        let get = |name: &str| self.raw(name).unwrap_or_default();
        let millis = |name: &str| match get(name).parse::<u64>() {
            Ok(0) | Err(_) => None,
            Ok(n) => Some(Duration::from_millis(n)),
        };
        let user = match get("role") {
            role if role == "none" || role.is_empty() => self.user.clone(),
            role => role,
        };
        let path = split_list(&get("search_path")).into_iter().map(|name| if name == "$user" { user.clone() } else { name });
        let derived = Derived {
            search_path: path.filter(|name| !name.is_empty()).collect(),
            time_zone: special::zone(&get("TimeZone")).map_or(Zone::Named(chrono_tz::UTC), |(_, zone)| zone),
            date_style: special::parse_date_style(&get("DateStyle")),
            interval_style: match get("IntervalStyle").as_str() {
                "postgres_verbose" => IntervalStyle::PostgresVerbose,
                "sql_standard" => IntervalStyle::SqlStandard,
                "iso_8601" => IntervalStyle::Iso8601,
                _ => IntervalStyle::Postgres,
            },
            extra_float_digits: get("extra_float_digits").parse().unwrap_or(1),
            bytea_escape: get("bytea_output") == "escape",
            statement_timeout: millis("statement_timeout"),
            lock_timeout: millis("lock_timeout"),
            idle_in_transaction_timeout: millis("idle_in_transaction_session_timeout"),
            idle_timeout: millis("idle_session_timeout"),
            durable: get("synchronous_commit") != "off",
            default_isolation: Isolation::by_name(&get("default_transaction_isolation")).unwrap_or(Isolation::ReadCommitted),
            default_read_only: get("default_transaction_read_only") == "on",
            default_deferrable: get("default_transaction_deferrable") == "on",
            least_notice: rank(&get("client_min_messages")),
        };
        self.derived = Arc::new(derived);
    }
}

impl Derived {
    fn initial() -> Self {
        Derived {
            search_path: Arc::new(["public".to_owned()]),
            time_zone: Zone::Named(chrono_tz::UTC),
            date_style: special::parse_date_style("ISO, MDY"),
            interval_style: IntervalStyle::Postgres,
            extra_float_digits: 1,
            bytea_escape: false,
            statement_timeout: None,
            lock_timeout: None,
            idle_in_transaction_timeout: None,
            idle_timeout: None,
            durable: true,
            default_isolation: Isolation::ReadCommitted,
            default_read_only: false,
            default_deferrable: false,
            least_notice: rank("notice"),
        }
    }
}

/// The rank of a level of `client_min_messages`.
fn rank(level: &str) -> u8 {
    match level {
        "error" => 3,
        "warning" => 2,
        "notice" => 1,
        _ => 0,
    }
}

fn unrecognized(name: &str) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_OBJECT, format!("unrecognized configuration parameter \"{name}\""))
}

/// Settings that hold a list of identifiers (`GUC_LIST_QUOTE`).
fn is_list(name: &str) -> bool {
    matches!(
        name,
        "search_path" | "temp_tablespaces" | "session_preload_libraries" | "shared_preload_libraries" | "local_preload_libraries"
    )
}

fn quote(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// The names in a list of identifiers, unquoted and folded (PostgreSQL's `SplitIdentifierString`).
pub(crate) fn split_list(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('"') {
            let mut name = String::new();
            let mut chars = inner.char_indices().peekable();
            let mut end = inner.len();
            while let Some((i, c)) = chars.next() {
                match c {
                    '"' if chars.next_if(|(_, next)| *next == '"').is_some() => name.push('"'),
                    '"' => {
                        end = i + 1;
                        break;
                    }
                    _ => name.push(c),
                }
            }
            names.push(name);
            rest = &inner[end..];
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            names.push(rest[..end].trim().to_ascii_lowercase());
            rest = &rest[end..];
        }
        rest = rest.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    names
}

#[cfg(test)]
mod tests;
