//! Checks that a printed statement makes while it runs: a domain's constraints, the counts of LIMIT and OFFSET, the one row of a
//! scalar subquery. Like [`super::coercion`]'s, these functions are our own.

use super::{Aggregate, Body, Body::Scalar, Call, Row, Value, row};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// The rows.
pub(super) const ROWS: &[Row] = &[
    row("peergres.raise(text,text,text,text,text)", Scalar(raise)),
    // As the tables of earlier versions call it in their checks.
    row("peergres.raise(text,text)", Scalar(raise)),
    row("peergres.row_count(bigint,text)", Scalar(row_count)),
    row("peergres.percentage(real)", Scalar(percentage)),
    row("peergres.single(\"any\")", Body::Aggregate(|_| Box::new(Single::default()))),
];

/// Fails for a domain: SQLSTATE, message, schema, domain, constraint (empty where it is NOT NULL).
fn raise(call: &Call<'_>) -> Result<Value> {
    let state = match call.text(0)? {
        "23502" => SqlState::NOT_NULL_VIOLATION,
        "23514" => SqlState::CHECK_VIOLATION,
        _ => SqlState::RAISE_EXCEPTION,
    };
    let mut error = SqlError::new(state, call.text(1)?);
    if call.args.len() < 5 {
        return Err(error);
    }
    let constraint = call.text(4)?;
    let fields = error.fields_mut();
    (fields.schema, fields.datatype) = (Some(call.text(2)?.to_owned()), Some(call.text(3)?.to_owned()));
    fields.constraint = (!constraint.is_empty()).then(|| constraint.to_owned());
    Err(error)
}

/// The share of rows that TABLESAMPLE takes, in percent.
fn percentage(call: &Call<'_>) -> Result<Value> {
    const INVALID_TABLESAMPLE_ARGUMENT: SqlState = SqlState("2202H");
    if call.is_null(0) {
        return Err(SqlError::new(INVALID_TABLESAMPLE_ARGUMENT, "TABLESAMPLE parameter cannot be null"));
    }
    let percent = call.float(0)?;
    match (0.0..=100.0).contains(&percent) {
        true => Ok(Value::Real(percent)),
        false => Err(SqlError::new(INVALID_TABLESAMPLE_ARGUMENT, "sample percentage must be between 0 and 100")),
    }
}

/// A count of rows for LIMIT or OFFSET, which must not be negative.
fn row_count(call: &Call<'_>) -> Result<Value> {
    let count = call.int(0)?;
    if count >= 0 {
        return Ok(Value::Integer(count));
    }
    let clause = call.text(1)?;
    let state = match clause {
        "LIMIT" => SqlState::INVALID_ROW_COUNT_IN_LIMIT_CLAUSE,
        _ => SqlState::INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE,
    };
    Err(SqlError::new(state, format!("{clause} must not be negative")))
}

/// The value of the only row; 21000 at a second one.
#[derive(Default)]
struct Single(Option<Value>);

impl Aggregate for Single {
    fn step(&mut self, call: &Call<'_>) -> Result<()> {
        if self.0.is_some() {
            let message = "more than one row returned by a subquery used as an expression";
            return Err(SqlError::new(SqlState::CARDINALITY_VIOLATION, message));
        }
        let value = call.args[0].try_into();
        self.0 = Some(value.map_err(|_| SqlError::internal("a value is UTF-8"))?);
        Ok(())
    }

    fn inverse(&mut self, _call: &Call<'_>) -> Result<()> {
        self.0 = None;
        Ok(())
    }

    fn value(&self, _cx: &Context) -> Result<Value> {
        Ok(self.0.clone().unwrap_or(Value::Null))
    }
}
