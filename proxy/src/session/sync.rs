//! What the functions of schema `peergres` ask of the session. Enters: a service's name and arguments; leaves: a round with the peers, or an
//! [`Order`] that waits until its statement has run and is then carried out in the session's transaction, with which it stands or falls.

use std::str::FromStr as _;

use peergres_sync::{
    conflicts::Winner,
    manager::{Control, ControlError, Order},
};

use super::{services::Shared, store_error};
use crate::error::{Result, SqlError, SqlState};

/// A request's id, or a word: refused where it is NULL.
fn required<'a>(args: &'a [Option<String>], at: usize, what: &str) -> Result<&'a str> {
    let missing = || SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, format!("{what} must not be null"));
    args.get(at).and_then(Option::as_deref).ok_or_else(missing)
}

fn told(error: ControlError) -> SqlError {
    match error {
        ControlError::Store(error) => store_error::store(error),
        ControlError::NotFound(message) => SqlError::new(SqlState::UNDEFINED_OBJECT, message),
        ControlError::Invalid(message) => SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message),
        ControlError::State(message) => SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message),
        ControlError::Peer(message) => SqlError::new(SqlState::CONNECTION_FAILURE, message),
        ControlError::Cancelled => SqlError::new(SqlState::QUERY_CANCELED, "canceling statement due to user request"),
        other => SqlError::internal(other.to_string()),
    }
}

impl Shared {
    fn control(&self) -> Result<&Control> {
        let hint = "Connect to the replicated database; the others are local.";
        let local = || SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "this database is not synced").hint(hint);
        self.server.control().filter(|_| self.database.is_replicated()).ok_or_else(local)
    }

    /// Does or notes what a function asks for.
    pub(super) fn sync_service(&self, service: &str, args: &[Option<String>]) -> Result<Option<String>> {
        let order = match service {
            "peergres.sync_now" => return self.sync_now().map(Some),
            "peergres_prune" => Order::Prune,
            "peergres.resolve_conflict" => Order::Resolve {
                id: required(args, 0, "id")?.to_owned(),
                winner: winner(required(args, 1, "winner")?)?,
                data: args.get(2).and_then(Option::as_deref).map(serde_json::Value::from_str).transpose().map_err(|e| {
                    let message = format!("data is not JSON: {e}");
                    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message)
                })?,
            },
            "peergres.ignore_conflict" => Order::Ignore { id: required(args, 0, "id")?.to_owned() },
            "peergres.authorize_device" => Order::Authorize { device: required(args, 0, "id")?.to_owned() },
            "peergres.revoke_device" => Order::Revoke { device: required(args, 0, "id")?.to_owned() },
            other => return Err(SqlError::unsupported(other)),
        };
        self.control()?;
        let mut orders = self.orders.borrow_mut();
        if !(order == Order::Prune && orders.contains(&order)) {
            orders.push(order);
        }
        Ok(None)
    }

    /// A round with all peers: what arrives is committed by the round itself, so the session must not hold the write lock.
    fn sync_now(&self) -> Result<String> {
        let control = self.control()?;
        let holds = self.open.try_borrow().map_or(true, |open| open.is_some());
        if holds || self.in_block.get() {
            let message = "peergres.sync_now() cannot run inside a transaction block";
            return Err(SqlError::new(SqlState::ACTIVE_SQL_TRANSACTION, message));
        }
        let round = control.sync_now(&self.handle.cancelled).map_err(told)?;
        serde_json::to_string(&round).map_err(|e| SqlError::internal(e.to_string()))
    }

    /// Carries out what the statement asked for.
    pub(super) fn carry_out_orders(&self) -> Result<()> {
        let control = self.control()?;
        let mut open = self.open.borrow_mut();
        let transaction = open.as_mut().ok_or_else(|| SqlError::internal("no write transaction is open"))?;
        for order in self.orders.take() {
            control.carry_out(transaction, order).map_err(told)?;
        }
        Ok(())
    }
}

fn winner(text: &str) -> Result<Winner> {
    match text.to_ascii_lowercase().as_str() {
        "local" => Ok(Winner::Local),
        "remote" => Ok(Winner::Remote),
        _ => {
            let message = format!("invalid winner \"{text}\"");
            Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message).hint("Give 'local' or 'remote'."))
        }
    }
}
