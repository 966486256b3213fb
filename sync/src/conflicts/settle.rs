//! Settling conflicts: resolving, ignoring, reopening.
//!
//! Enters: a conflict's id and what is wanted. Leaves: the row as wanted, and an entry of the log that names the conflict; it travels like any
//! other write and closes the conflict wherever it arrives.
//!
//! The row is written by plain statements, so that all its constraints and cascades hold and are captured. On top stands one change
//! that confirms every cell in question, marked with the conflict: it is there also where nothing in the table had to change.

use std::{collections::BTreeSet, sync::Arc};

use rusqlite::{ErrorCode, params_from_iter, types::Value};
use serde_json::Value as Json;

use super::{
    Conflict, ConflictError, Kind, Status, Winner,
    record::DECISIONS,
    settled::{self, Way},
    store::{find, show},
};
use crate::{
    apply::quote,
    commit::{Durability, Transaction},
    log::{Change, Operation, RowImage, key_values},
    schema::Layout,
    store::{Database, LockWait},
    value::{Storage, from_json, to_json},
};

/// Decides a conflict: the winner's side is shown from now on, with the columns of `data` (a JSON object) put over it. Answers the conflict as closed.
pub fn resolve(database: &Arc<Database>, id: &str, winner: Winner, data: Option<Json>) -> Result<Conflict, ConflictError> {
    settle(database, id, Durability::Wait, |transaction| resolve_in(transaction, id, winner, data))
}

/// Leaves a pending conflict as it is, on every device.
pub fn ignore(database: &Arc<Database>, id: &str) -> Result<Conflict, ConflictError> {
    settle(database, id, Durability::Wait, |transaction| ignore_in(transaction, id))
}

/// Makes an ignored conflict pending again, on every device.
pub fn reopen(database: &Arc<Database>, id: &str) -> Result<Conflict, ConflictError> {
    settle(database, id, Durability::Wait, |transaction| reopen_in(transaction, id))
}

pub(super) fn settle(
    database: &Arc<Database>,
    id: &str,
    durability: Durability,
    work: impl FnOnce(&mut Transaction) -> Result<(), ConflictError>,
) -> Result<Conflict, ConflictError> {
    let mut transaction = database.begin(&LockWait::default(), None)?;
    work(&mut transaction)?;
    match transaction.commit(durability) {
        Err(crate::store::StoreError::Sqlite(error)) => Err(unfit(error)),
        other => {
            other?;
            show(database, id)
        }
    }
}

/// As [`ignore`], inside a transaction that is open already.
pub fn ignore_in(transaction: &mut Transaction, id: &str) -> Result<(), ConflictError> {
    decide(transaction, id, Status::Pending, Status::Ignored)
}

/// As [`reopen`], inside a transaction that is open already.
pub fn reopen_in(transaction: &mut Transaction, id: &str) -> Result<(), ConflictError> {
    decide(transaction, id, Status::Ignored, Status::Pending)
}

fn decide(transaction: &mut Transaction, id: &str, from: Status, to: Status) -> Result<(), ConflictError> {
    let conflict = find(transaction.connection(), transaction.log_state().device, id)?;
    if conflict.status != from {
        return Err(ConflictError::Closed { id: conflict.id, status: conflict.status.as_str() });
    }
    let image = |status: Status| RowImage::from_iter([("status".to_owned(), status.as_str().into())]);
    let change = Change {
        version: 0,
        table_name: DECISIONS.to_owned(),
        record_id: conflict.id.clone(),
        operation: Operation::Update,
        data: Some(image(to)),
        old_data: Some(image(from)),
        resolves: None,
    };
    transaction.record(change);
    transaction.connection().execute("UPDATE sync_conflicts SET status = ?2 WHERE id = ?1", [&conflict.id, to.as_str()])?;
    Ok(())
}

/// As [`resolve`], inside a transaction that is open already (the SQL function).
pub fn resolve_in(transaction: &mut Transaction, id: &str, winner: Winner, data: Option<Json>) -> Result<(), ConflictError> {
    let conflict = find(transaction.connection(), transaction.log_state().device, id)?;
    if conflict.status == Status::Resolved {
        return Err(ConflictError::Closed { id: conflict.id, status: conflict.status.as_str() });
    }
    let over = match data {
        None | Some(Json::Null) => RowImage::new(),
        Some(Json::Object(over)) => over,
        Some(other) => return Err(ConflictError::Invalid(format!("the data must be a JSON object of columns, not {other}"))),
    };
    if matches!(conflict.kind, Kind::Schema | Kind::Dropped) {
        return choose(transaction, &conflict, winner, &over);
    }
    let schema = transaction.schema();
    let table = schema.table_by_log_name(&conflict.table_name);
    let gone = || ConflictError::Invalid(format!("there is no table {}", conflict.table_name));
    let layout = table.and_then(|table| transaction.layouts().get(table.physical.as_bytes()).cloned()).ok_or_else(gone)?;
    let side = match winner {
        Winner::Local => &conflict.local_data,
        Winner::Remote => &conflict.remote_data,
    };
    let row = Row { transaction, layout: &layout, conflict: &conflict };
    if conflict.kind == Kind::Unique && winner == conflict.shown {
        // The record in question is the one that was set aside: whoever takes the other side gives it up.
        let hint = "values can be given to the row that was set aside; the other one can be updated like any row";
        return if over.is_empty() { row.delete() } else { Err(ConflictError::Invalid(hint.to_owned())) };
    }
    match side {
        Some(side) => row.put(side, over),
        None if over.is_empty() => row.delete(),
        None => Err(ConflictError::Invalid("that side deleted the row: choose the other side to give it values".to_owned())),
    }
}

/// Decides about schema changes: one of them, or the row's change that a DROP had not seen. The log says what was chosen; every device,
/// this one too, makes its tables follow.
fn choose(transaction: &mut Transaction, conflict: &Conflict, winner: Winner, over: &RowImage) -> Result<(), ConflictError> {
    if !over.is_empty() {
        return Err(ConflictError::Invalid("a choice between schema changes takes no values".to_owned()));
    }
    let connection = transaction.connection();
    let (local, remote) = settled::sides(connection, &conflict.id)?;
    let wanted = if winner == Winner::Local { conflict.local_device } else { conflict.remote_device };
    let (chosen, against) = if local.device == wanted { (local, remote) } else { (remote, local) };
    let void = crate::apply::gives_way(connection, chosen, against)?.map_err(ConflictError::Blocked)?;
    let entry = settled::entry(connection, &conflict.id, Way::Chosen, Some(settled::Choice::new(chosen, against, void)))?;
    transaction.record(entry);
    Ok(())
}

/// The row that a conflict is about.
struct Row<'a> {
    transaction: &'a mut Transaction,
    layout: &'a Layout,
    conflict: &'a Conflict,
}

impl Row<'_> {
    /// Writes the chosen values.
    fn put(self, side: &RowImage, over: RowImage) -> Result<(), ConflictError> {
        let mut chosen: RowImage = side.clone();
        chosen.retain(|column, _| self.layout.columns.iter().any(|known| known.name == *column && known.logged));
        let key: BTreeSet<&str> = self.layout.key.iter().map(|position| self.layout.columns[*position].name.as_str()).collect();
        for (column, json) in over {
            let known = self.layout.columns.iter().find(|known| known.name == column && known.logged);
            let known = known.ok_or_else(|| ConflictError::Invalid(format!("there is no column {column}")))?;
            let json = lenient(known.storage, json);
            if key.contains(column.as_str()) && chosen.get(&column).or(self.key_image()?.get(&column)) != Some(&json) {
                return Err(ConflictError::Invalid(format!("column {column} is of the key and can't be changed this way")));
            }
            chosen.insert(column, json);
        }
        let before = self.current()?;
        self.write(&chosen, before.is_some())?;
        if before.is_none() {
            // A row that was not there is there with all its columns.
            chosen.extend(self.current()?.into_iter().flatten());
        }
        let old = before.map(|before| chosen.keys().filter_map(|c| before.get(c).map(|v| (c.clone(), v.clone()))).collect());
        self.confirm(Operation::Update, Some(chosen), old)
    }

    fn key_image(&self) -> Result<RowImage, ConflictError> {
        let values = self.key()?;
        let pairs = self.layout.key.iter().zip(&values).filter_map(|(position, value)| {
            let column = &self.layout.columns[*position];
            to_json(column.storage, value.into()).ok().map(|json| (column.name.clone(), json))
        });
        Ok(pairs.collect())
    }

    fn write(&self, chosen: &RowImage, exists: bool) -> Result<(), ConflictError> {
        let connection = self.transaction.connection();
        let table = quote(&self.layout.physical);
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (position, column) in self.layout.columns.iter().enumerate() {
            let Some(json) = chosen.get(&column.name).filter(|_| column.logged) else { continue };
            if exists && self.layout.key.contains(&position) {
                continue;
            }
            names.push(quote(&column.physical));
            values.push(from_json(column.storage, json).map_err(|e| ConflictError::Invalid(format!("column {}: {e}", column.name)))?);
        }
        if exists && names.is_empty() {
            return Ok(());
        }
        let sql = if exists {
            values.extend(self.key()?);
            format!("UPDATE {table} SET {} = ? WHERE {}", names.join(" = ?, "), self.condition())
        } else {
            for position in self.layout.key.iter().filter(|position| !self.layout.columns[**position].logged) {
                names.push(quote(&self.layout.columns[*position].physical));
                values.extend(self.key()?);
            }
            format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), vec!["?"; names.len()].join(", "))
        };
        let mark = self.transaction.statement();
        connection.execute(&sql, params_from_iter(values)).map_err(|error| {
            self.transaction.statement_failed(mark);
            unfit(error)
        })?;
        Ok(())
    }

    /// Removes the row.
    fn delete(self) -> Result<(), ConflictError> {
        let before = self.current()?;
        let sql = format!("DELETE FROM {} WHERE {}", quote(&self.layout.physical), self.condition());
        let mark = self.transaction.statement();
        self.transaction.connection().execute(&sql, params_from_iter(self.key()?)).map_err(|error| {
            self.transaction.statement_failed(mark);
            unfit(error)
        })?;
        let old = before.or_else(|| self.conflict.local_data.clone()).or_else(|| self.conflict.remote_data.clone());
        self.confirm(Operation::Delete, None, old)
    }

    /// The entry that names the conflict, which stands for all that was written of this row here; and the one that tells how it ended.
    fn confirm(self, operation: Operation, data: Option<RowImage>, old_data: Option<RowImage>) -> Result<(), ConflictError> {
        let way = if operation == Operation::Delete { Way::Deleted } else { Way::Chosen };
        let settled = settled::entry(self.transaction.connection(), &self.conflict.id, way, None)?;
        self.transaction.record(Change {
            version: 0,
            table_name: self.conflict.table_name.clone(),
            record_id: self.conflict.record_id.clone(),
            operation,
            data,
            old_data,
            resolves: Some(self.conflict.id.clone()),
        });
        self.transaction.record(settled);
        Ok(())
    }

    fn key(&self) -> Result<Vec<Value>, ConflictError> {
        key_values(self.layout, &self.conflict.record_id).map_err(|e| ConflictError::Invalid(e.to_string()))
    }

    fn condition(&self) -> String {
        let parts = self.layout.key.iter().map(|position| format!("{} = ?", quote(&self.layout.columns[*position].physical)));
        parts.collect::<Vec<_>>().join(" AND ")
    }

    /// The row as it is.
    fn current(&self) -> Result<Option<RowImage>, ConflictError> {
        crate::apply::current_row(self.transaction.connection(), self.layout, &self.conflict.record_id).map_err(ConflictError::Store)
    }
}

/// A person may write a number or a list where the log's form is text.
fn lenient(storage: Storage, json: Json) -> Json {
    match (storage, json) {
        (Storage::Text, json @ (Json::Number(_) | Json::Bool(_) | Json::Object(_) | Json::Array(_))) => Json::String(json.to_string()),
        (_, json) => json,
    }
}

/// What a constraint says no to is the caller's fault.
fn unfit(error: rusqlite::Error) -> ConflictError {
    let of_sqlite = match &error {
        rusqlite::Error::SqliteFailure(of_sqlite, _) | rusqlite::Error::SqlInputError { error: of_sqlite, .. } => Some(of_sqlite.code),
        _ => None,
    };
    match of_sqlite {
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::Unknown) => ConflictError::Invalid(error.to_string()),
        _ => error.into(),
    }
}
