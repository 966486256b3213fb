//! Numbers of transactions and snapshots. A transaction is given a number when it first asks for one; nothing that was committed is ever hidden
//! from a later snapshot, so that none lists transactions in progress.

use super::super::{
    Body::{Native, Scalar, Set},
    Call, Row, Value, row,
};
use crate::error::{Result, SqlError, SqlState};

pub(super) const ROWS: &[Row] = &[
    row("txid_current()", Scalar(current)),
    row("pg_current_xact_id()", Scalar(current)),
    row("txid_current_if_assigned()", Scalar(if_assigned)),
    row("pg_current_xact_id_if_assigned()", Scalar(if_assigned)),
    row("txid_current_snapshot()", Scalar(snapshot)),
    row("pg_current_snapshot()", Scalar(snapshot)),
    row("txid_snapshot_xmin(txid_snapshot)", Scalar(|call| bound(call, 0))),
    row("pg_snapshot_xmin(pg_snapshot)", Scalar(|call| bound(call, 0))),
    row("txid_snapshot_xmax(txid_snapshot)", Scalar(|call| bound(call, 1))),
    row("pg_snapshot_xmax(pg_snapshot)", Scalar(|call| bound(call, 1))),
    row("txid_snapshot_xip(txid_snapshot)", Set(|_| Ok(Box::new(std::iter::empty())))),
    row("pg_snapshot_xip(pg_snapshot)", Set(|_| Ok(Box::new(std::iter::empty())))),
    row("pg_blocking_pids(integer)", Native("'{}'")),
    row("pg_safe_snapshot_blocking_pids(integer)", Native("'{}'")),
    row("pg_trigger_depth()", Native("0")),
];

fn number(call: &Call<'_>, service: &str) -> Result<Option<i64>> {
    let answer = call.cx.services.call(service, &[])?;
    answer.map(|digits| digits.parse().map_err(|_| SqlError::internal(format!("{service} answered \"{digits}\"")))).transpose()
}

fn current(call: &Call<'_>) -> Result<Value> {
    Ok(number(call, "txid_current")?.map_or(Value::Null, Value::Integer))
}

fn if_assigned(call: &Call<'_>) -> Result<Value> {
    Ok(number(call, "txid_current_if_assigned")?.map_or(Value::Null, Value::Integer))
}

fn snapshot(call: &Call<'_>) -> Result<Value> {
    let next = number(call, "txid_next")?.unwrap_or(1);
    Ok(Value::Text(format!("{next}:{next}:")))
}

fn bound(call: &Call<'_>, part: usize) -> Result<Value> {
    let text = call.text(0)?;
    let invalid = || SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid input syntax for type pg_snapshot: \"{text}\""));
    let digits = text.split(':').nth(part).ok_or_else(invalid)?;
    digits.parse().map(Value::Integer).map_err(|_| invalid())
}
