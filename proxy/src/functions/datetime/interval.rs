//! Arithmetic of intervals, `justify_*`, `sum` and `avg` over them.

use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Aggregate, Body, Body::Scalar, Call, Row, row},
    session::context::Context,
    types::{Oid, Value, datetime::out_of_range, interval::Interval},
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("interval_um(interval)", Scalar(|c| stored(c.interval(0)?.negate()))),
    row("interval_pl(interval,interval)", Scalar(|c| stored(c.interval(0)?.add(&c.interval(1)?)))),
    row("interval_mi(interval,interval)", Scalar(|c| stored(c.interval(0)?.add(&c.interval(1)?.negate()?)))),
    row("interval_mul(interval,double precision)", Scalar(|c| stored(c.interval(0)?.multiply(c.float(1)?)))),
    row("mul_d_interval(double precision,interval)", Scalar(|c| stored(c.interval(1)?.multiply(c.float(0)?)))),
    row("interval_div(interval,double precision)", Scalar(divide)),
    row("interval_larger(interval,interval)", Scalar(|c| choose(c, true))),
    row("interval_smaller(interval,interval)", Scalar(|c| choose(c, false))),
    row("justify_hours(interval)", Scalar(|c| stored(c.interval(0)?.justify_hours()))),
    row("justify_days(interval)", Scalar(|c| stored(c.interval(0)?.justify_days()))),
    row("justify_interval(interval)", Scalar(|c| stored(c.interval(0)?.justify()))),
    row("sum(interval)", Body::Aggregate(|_: &[Oid]| Box::new(Total { sum: Interval::default(), count: 0, average: false }))),
    row("avg(interval)", Body::Aggregate(|_: &[Oid]| Box::new(Total { sum: Interval::default(), count: 0, average: true }))),
];

fn stored(interval: Result<Interval>) -> Result<Value> {
    interval.map(|interval| Value::Text(interval.to_storage()))
}

fn divide(call: &Call<'_>) -> Result<Value> {
    let divisor = call.float(1)?;
    if divisor == 0.0 {
        return Err(SqlError::new(SqlState::DIVISION_BY_ZERO, "division by zero"));
    }
    stored(call.interval(0)?.divide(divisor))
}

fn choose(call: &Call<'_>, larger: bool) -> Result<Value> {
    let (left, right) = (call.interval(0)?, call.interval(1)?);
    stored(Ok(if (left.span() > right.span()) == larger { left } else { right }))
}

/// A running sum.
struct Total {
    sum: Interval,
    count: i64,
    average: bool,
}

impl Aggregate for Total {
    fn step(&mut self, call: &Call<'_>) -> Result<()> {
        if !call.is_null(0) {
            self.sum = self.sum.add(&call.interval(0)?)?;
            self.count += 1;
        }
        Ok(())
    }

    fn inverse(&mut self, call: &Call<'_>) -> Result<()> {
        if !call.is_null(0) {
            self.sum = self.sum.add(&call.interval(0)?.negate()?)?;
            self.count -= 1;
        }
        Ok(())
    }

    fn value(&self, _: &Context) -> Result<Value> {
        match (self.count, self.average) {
            (0, _) => Ok(Value::Null),
            (_, false) => stored(Ok(self.sum)),
            (count, true) => stored(self.sum.divide(count as f64).map_err(|_| out_of_range("interval"))),
        }
    }
}
