//! Statements that steer the session, inside of a body: those that make sense there.

use super::Host;
use crate::{
    error::{Result, SqlError, SqlState},
    parse::command::Command,
};

impl Host<'_> {
    /// Carries out a command.
    pub(in crate::session) fn command(&self, command: &Command) -> Result<()> {
        match command {
            Command::Set { name, value, local } => self.shared.settings.borrow_mut().set(name, value, *local).map(drop),
            Command::Reset(Some(name)) => self.shared.settings.borrow_mut().reset(name),
            Command::Notify { channel, payload } => self.shared.notify(channel, payload),
            // The one write lock that the body holds stands for all locks.
            Command::Lock { .. } => Ok(()),
            Command::Begin(..) | Command::Commit { .. } | Command::Rollback { .. } | Command::Savepoint(_) => {
                let error = SqlError::new(SqlState("0A000"), "transaction control in a function");
                Err(SqlError::unsupported(error.fields().message.clone()))
            }
            _ => Err(SqlError::unsupported("this command in a function")),
        }
    }
}
