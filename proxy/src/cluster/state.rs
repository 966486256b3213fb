//! [`State`]: all roles and their like at one moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Name.
    pub name: String,
    /// `SUPERUSER`.
    pub superuser: bool,
    /// `INHERIT`.
    pub inherit: bool,
    /// `CREATEROLE`.
    pub create_role: bool,
    /// `CREATEDB`.
    pub create_database: bool,
    /// `LOGIN`.
    pub login: bool,
    /// `REPLICATION`.
    pub replication: bool,
    /// `BYPASSRLS`.
    pub bypass_row_security: bool,
    /// `CONNECTION LIMIT`, -1 for none.
    pub connection_limit: i32,
    /// `PASSWORD`, as a SCRAM verifier.
    #[serde(default)]
    pub password: Option<String>,
    /// `VALID UNTIL`, as text of a timestamptz.
    #[serde(default)]
    pub valid_until: Option<String>,
}

impl Role {
    /// As `CREATE ROLE name` makes it.
    pub fn new(name: &str) -> Self {
        Role {
            name: name.to_owned(),
            superuser: false,
            inherit: true,
            create_role: false,
            create_database: false,
            login: false,
            replication: false,
            bypass_row_security: false,
            connection_limit: -1,
            password: None,
            valid_until: None,
        }
    }
}

/// `GRANT role TO member`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The role.
    pub role: String,
    /// Who is a member.
    pub member: String,
    /// Who said so.
    pub grantor: String,
    /// `WITH ADMIN OPTION`.
    pub admin: bool,
}

/// `ALTER ROLE … SET`, `ALTER DATABASE … SET`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The role, none for all.
    #[serde(default)]
    pub role: Option<String>,
    /// The database, none for all.
    #[serde(default)]
    pub database: Option<String>,
    /// The setting.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// All roles and their like at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Rises with every change.
    #[serde(default)]
    pub generation: u64,
    /// The roles that were made here, beside PostgreSQL's own.
    #[serde(default)]
    pub roles: BTreeMap<String, Role>,
    /// Who is a member of which role.
    #[serde(default)]
    pub memberships: Vec<Membership>,
    /// Settings of roles and databases.
    #[serde(default)]
    pub settings: Vec<Setting>,
    /// Comments, by kind (`database`, `role`) and name.
    #[serde(default)]
    pub comments: Vec<(String, String, String)>,
    /// Owners of databases, where it is not `postgres`.
    #[serde(default)]
    pub owners: BTreeMap<String, String>,
}

/// PostgreSQL's own roles that stand for sets of rights.
pub const PREDEFINED: &[&str] = &[
    "pg_database_owner",
    "pg_read_all_data",
    "pg_write_all_data",
    "pg_monitor",
    "pg_read_all_settings",
    "pg_read_all_stats",
    "pg_stat_scan_tables",
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_execute_server_program",
    "pg_signal_backend",
    "pg_checkpoint",
];

impl State {
    /// Whether there is a role of that name: made here, or PostgreSQL's own.
    pub fn has_role(&self, name: &str) -> bool {
        name == "postgres" || self.roles.contains_key(name) || PREDEFINED.contains(&name)
    }

    /// Whether a role may do everything: whoever was not made a role of lesser rights, since trust admits any name.
    pub fn is_superuser(&self, name: &str) -> bool {
        self.roles.get(name).map_or_else(|| !PREDEFINED.contains(&name), |role| role.superuser)
    }

    /// A comment.
    pub fn comment(&self, kind: &str, name: &str) -> Option<&str> {
        self.comments.iter().find(|(known, of, _)| known == kind && of == name).map(|(.., text)| text.as_str())
    }
}
