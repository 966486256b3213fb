//! CREATE DATABASE and DROP DATABASE. Enters: names and options. Leaves: databases of the node.

use std::{sync::Arc, time::Duration};

use super::{Session, context::Services, registry::Handle, store_error, wire::Severity};
use crate::error::{Result, SqlError, SqlState};

/// Sessions that end give up their database a moment later (`CountOtherDBBackends` waits for them as long).
const PATIENCE: u32 = 100;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

impl Session {
    /// An empty database, or a copy of one that nobody uses.
    pub(super) fn create_database(&mut self, name: &str, template: Option<&str>) -> Result<()> {
        self.refuse_in_block("CREATE DATABASE")?;
        if let Some(template) = template {
            if !self.server.node.databases().iter().any(|(known, _)| known == template) {
                let message = format!("template database \"{template}\" does not exist");
                return Err(SqlError::new(SqlState::INVALID_CATALOG_NAME, message));
            }
            self.wait_for_others(template);
            self.refuse_in_use(template, "source database")?;
        }
        self.server.node.create_database(name, template).map_err(store_error::store)
    }

    pub(super) fn drop_database(&mut self, name: &str, if_exists: bool, force: bool) -> Result<()> {
        self.refuse_in_block("DROP DATABASE")?;
        if !self.server.node.databases().iter().any(|(n, _)| n == name) {
            let missing = SqlError::new(SqlState::INVALID_CATALOG_NAME, format!("database \"{name}\" does not exist"));
            if !if_exists {
                return Err(missing);
            }
            let notice = SqlError::new(SqlState("00000"), format!("database \"{name}\" does not exist, skipping"));
            self.notice(Severity::Notice, &notice);
            return Ok(());
        }
        if name == self.shared.database.name() {
            return Err(SqlError::new(SqlState::OBJECT_IN_USE, "cannot drop the currently open database"));
        }
        if force {
            self.others_in(name).iter().for_each(|session| session.terminate());
            self.wait_for_others(name);
        }
        self.refuse_in_use(name, "database")?;
        self.server.node.drop_database(name).map_err(store_error::store)
    }

    /// The other sessions of a database.
    fn others_in(&self, database: &str) -> Vec<Arc<Handle>> {
        let own = self.shared.backend_pid();
        self.server.registry.list().into_iter().filter(|session| session.database == database && session.pid != own).collect()
    }

    fn wait_for_others(&self, database: &str) {
        for _ in 0..PATIENCE {
            if self.others_in(database).is_empty() {
                break;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// 55006 while other sessions use it.
    fn refuse_in_use(&self, database: &str, what: &str) -> Result<()> {
        let count = self.others_in(database).len();
        if count == 0 {
            return Ok(());
        }
        let other = if count == 1 { "There is 1 other session".to_owned() } else { format!("There are {count} other sessions") };
        let error = SqlError::new(SqlState::OBJECT_IN_USE, format!("{what} \"{database}\" is being accessed by other users"));
        Err(error.detail(format!("{other} using the database.")))
    }
}
