//! Aggregates that compute: count, sum, avg, variances and regressions, exact where PostgreSQL's are. All can run over moving frames.

use num_bigint::BigInt;
use num_traits::Zero;

use super::{
    Aggregate,
    Body::{self, NativeAggregate},
    Call, Row, Value, ValueRef,
    arguments::{fitting, float_value, numeric_value},
    row,
};
use crate::{
    error::{Result, SqlError},
    session::context::Context,
    types::decimal::{Decimal, Numeric, small, small_text},
    types::transcendental,
};

pub(super) const ROWS: &[Row] = &[
    row("count(\"any\")", NativeAggregate("count")),
    row("count()", NativeAggregate("count")),
    row("sum(smallint)", NativeAggregate("sum")),
    row("sum(integer)", NativeAggregate("sum")),
    row("sum(bigint)", Body::Aggregate(|_| Box::new(Exact::new(Outcome::Sum)))),
    row("sum(numeric)", Body::Aggregate(|_| Box::new(Exact::new(Outcome::Sum)))),
    row("avg(smallint)", Body::Aggregate(|_| Box::new(Exact::new(Outcome::Average)))),
    row("avg(integer)", Body::Aggregate(|_| Box::new(Exact::new(Outcome::Average)))),
    row("avg(bigint)", Body::Aggregate(|_| Box::new(Exact::new(Outcome::Average)))),
    row("avg(numeric)", Body::Aggregate(|_| Box::new(Exact::new(Outcome::Average)))),
    row("sum(real)", Body::Aggregate(|_| Box::new(Floats::new(Statistic::SingleSum)))),
    row("sum(double precision)", Body::Aggregate(|_| Box::new(Floats::new(Statistic::Sum)))),
    row("avg(real)", Body::Aggregate(|_| Box::new(Floats::new(Statistic::Average)))),
    row("avg(double precision)", Body::Aggregate(|_| Box::new(Floats::new(Statistic::Average)))),
];

/// The rows of the spread aggregates, for each type that has them.
macro_rules! spread {
    ($type:literal, $make:expr) => {
        [
            row(concat!("variance(", $type, ")"), Body::Aggregate(|_| Box::new($make(Spread::SAMPLE)))),
            row(concat!("var_samp(", $type, ")"), Body::Aggregate(|_| Box::new($make(Spread::SAMPLE)))),
            row(concat!("var_pop(", $type, ")"), Body::Aggregate(|_| Box::new($make(Spread { sample: false, root: false })))),
            row(concat!("stddev(", $type, ")"), Body::Aggregate(|_| Box::new($make(Spread { sample: true, root: true })))),
            row(concat!("stddev_samp(", $type, ")"), Body::Aggregate(|_| Box::new($make(Spread { sample: true, root: true })))),
            row(concat!("stddev_pop(", $type, ")"), Body::Aggregate(|_| Box::new($make(Spread { sample: false, root: true })))),
        ]
    };
}

pub(super) const SPREADS: &[&[Row]] = &[
    &spread!("smallint", |s| Exact::new(Outcome::Spread(s))),
    &spread!("integer", |s| Exact::new(Outcome::Spread(s))),
    &spread!("bigint", |s| Exact::new(Outcome::Spread(s))),
    &spread!("numeric", |s| Exact::new(Outcome::Spread(s))),
    &spread!("real", |s| Floats::new(Statistic::Spread(s))),
    &spread!("double precision", |s| Floats::new(Statistic::Spread(s))),
];

/// Which variance: of a sample or the population; its root or itself.
#[derive(Clone, Copy)]
struct Spread {
    sample: bool,
    root: bool,
}

impl Spread {
    const SAMPLE: Spread = Spread { sample: true, root: false };
}

/// What an exact accumulator answers.
#[derive(Clone, Copy)]
enum Outcome {
    Sum,
    Average,
    Spread(Spread),
}

/// Sums of exact numbers: in machine integers as long as they fit, by scale, so that a row leaving a frame lowers the scale again.
struct Exact {
    result: Outcome,
    count: i64,
    nans: i64,
    infinities: [i64; 2],
    /// Sum at `scale`, as long as it fits.
    fast: i128,
    scale: u32,
    /// What `fast` could not hold.
    slow: Decimal,
    /// Sum of squares, for spreads.
    squares: Decimal,
    /// How many inputs had each scale.
    scales: Vec<i64>,
}

impl Exact {
    fn new(result: Outcome) -> Exact {
        let zero = || Decimal::integer(0);
        Exact { result, count: 0, nans: 0, infinities: [0; 2], fast: 0, scale: 0, slow: zero(), squares: zero(), scales: Vec::new() }
    }

    fn take(&mut self, call: &Call<'_>, direction: i64) -> Result<()> {
        let (text, value);
        let (number, scale) = match call.args[0] {
            ValueRef::Null => return Ok(()),
            ValueRef::Integer(i) => (Some(i128::from(i)), 0),
            _ => {
                text = call.text(0)?;
                small(text).map_or((None, 0), |(n, s)| (Some(n), s))
            }
        };
        self.count += direction;
        let is_spread = matches!(self.result, Outcome::Spread(_));
        if let Some(number) = number.filter(|_| !is_spread) {
            self.note_scale(scale, direction);
            if self.add_fast(number * i128::from(direction), scale).is_some() {
                return Ok(());
            }
        }
        value = match number {
            Some(n) => Numeric::Finite(Decimal { coefficient: n.into(), scale }),
            None => call.numeric(0)?,
        };
        match value {
            Numeric::NaN => self.nans += direction,
            Numeric::Infinite(negative) => self.infinities[usize::from(negative)] += direction,
            Numeric::Finite(d) => {
                if number.is_none() || is_spread {
                    self.note_scale(d.scale, direction);
                }
                self.slow = self.slow.add(&d, direction < 0);
                if is_spread {
                    self.squares = self.squares.add(&d.multiply(&d), direction < 0);
                }
            }
        }
        Ok(())
    }

    fn note_scale(&mut self, scale: u32, direction: i64) {
        let scale = scale as usize;
        if self.scales.len() <= scale {
            self.scales.resize(scale + 1, 0);
        }
        self.scales[scale] += direction;
    }

    fn add_fast(&mut self, number: i128, scale: u32) -> Option<()> {
        if scale > self.scale {
            self.fast = self.fast.checked_mul(10i128.checked_pow(scale - self.scale)?)?;
            self.scale = scale;
        }
        let number = number.checked_mul(10i128.checked_pow(self.scale - scale)?)?;
        self.fast = self.fast.checked_add(number)?;
        Some(())
    }

    /// The largest scale among the rows inside.
    fn result_scale(&self) -> u32 {
        self.scales.iter().rposition(|n| *n > 0).unwrap_or(0) as u32
    }

    fn total(&self) -> Decimal {
        let fast = Decimal { coefficient: self.fast.into(), scale: self.scale };
        let total = if self.slow.coefficient.is_zero() { fast } else { fast.add(&self.slow, false) };
        total.round(i64::from(self.result_scale()))
    }

    fn spread(&self, spread: Spread) -> Result<Numeric> {
        let n = Decimal::integer(self.count);
        let total = self.total();
        let numerator = n.multiply(&self.squares).add(&total.multiply(&total), true);
        let numerator = numerator.round(i64::from(2 * self.result_scale()));
        if numerator.coefficient <= BigInt::zero() {
            return Ok(Numeric::integer(0));
        }
        let divisor = if spread.sample { n.multiply(&Decimal::integer(self.count - 1)) } else { n.multiply(&n) };
        let variance = numerator.divide(&divisor)?;
        Ok(Numeric::Finite(if spread.root { transcendental::square_root_to(&variance, variance.scale) } else { variance }))
    }
}

impl Aggregate for Exact {
    fn step(&mut self, call: &Call<'_>) -> Result<()> {
        self.take(call, 1)
    }

    fn inverse(&mut self, call: &Call<'_>) -> Result<()> {
        self.take(call, -1)
    }

    fn value(&self, _cx: &Context) -> Result<Value> {
        let least = if matches!(self.result, Outcome::Spread(Spread { sample: true, .. })) { 2 } else { 1 };
        if self.count < least {
            return Ok(Value::Null);
        }
        let infinities = self.infinities[0] + self.infinities[1];
        if self.nans > 0
            || (infinities > 0 && (infinities != self.infinities[0].max(self.infinities[1]) || matches!(self.result, Outcome::Spread(_))))
        {
            return numeric_value(&Numeric::NaN);
        }
        if infinities > 0 {
            return numeric_value(&Numeric::Infinite(self.infinities[1] > 0));
        }
        match self.result {
            Outcome::Sum if self.slow.coefficient.is_zero() && self.scale == self.result_scale() => {
                Ok(Value::Text(small_text(self.fast, self.scale)))
            }
            Outcome::Sum => numeric_value(&Numeric::Finite(self.total().checked()?)),
            Outcome::Average => numeric_value(&Numeric::Finite(self.total().divide(&Decimal::integer(self.count))?)),
            Outcome::Spread(spread) => numeric_value(&self.spread(spread)?),
        }
    }
}

/// What a float accumulator answers.
#[derive(Clone, Copy)]
enum Statistic {
    SingleSum,
    Sum,
    Average,
    Spread(Spread),
}

/// Floats are summed in order, since subtraction would not give back what addition took; a moving frame sums again.
struct Floats {
    statistic: Statistic,
    values: std::collections::VecDeque<f64>,
}

impl Floats {
    fn new(statistic: Statistic) -> Floats {
        Floats { statistic, values: std::collections::VecDeque::new() }
    }

    fn sum(&self, single: bool) -> f64 {
        self.values.iter().fold(0.0, |sum, v| if single { f64::from((sum + v) as f32) } else { sum + v })
    }
}

/// Sum of squares of deviations by Youngs and Cramer's recurrence, as `float8_accum` keeps it.
fn deviations(values: impl Iterator<Item = f64>) -> f64 {
    let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        n += 1.0;
        sum += value;
        if n > 1.0 {
            let difference = value * n - sum;
            squares += difference * difference / (n * (n - 1.0));
        } else if !value.is_finite() {
            squares = f64::NAN;
        }
    }
    squares
}

impl Aggregate for Floats {
    fn step(&mut self, call: &Call<'_>) -> Result<()> {
        if !call.is_null(0) {
            self.values.push_back(call.float(0)?);
        }
        Ok(())
    }

    fn inverse(&mut self, call: &Call<'_>) -> Result<()> {
        if !call.is_null(0) {
            self.values.pop_front();
        }
        Ok(())
    }

    fn value(&self, _cx: &Context) -> Result<Value> {
        let n = self.values.len() as f64;
        if self.values.is_empty() {
            return Ok(Value::Null);
        }
        let is_finite = self.values.iter().all(|v| v.is_finite());
        let result = match self.statistic {
            Statistic::SingleSum => self.sum(true),
            Statistic::Sum => self.sum(false),
            Statistic::Average => self.sum(false) / n,
            Statistic::Spread(Spread { sample: true, .. }) if n < 2.0 => return Ok(Value::Null),
            Statistic::Spread(spread) => {
                let variance = deviations(self.values.iter().copied()) / if spread.sample { n - 1.0 } else { n };
                if spread.root { variance.sqrt() } else { variance }
            }
        };
        if result.is_infinite() && is_finite {
            return Err(SqlError::new(crate::error::SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow"));
        }
        float_value(result)
    }
}

/// The regression and covariance aggregates: of Y and X, both not NULL.
macro_rules! regression {
    ($name:literal, $of:expr) => {
        row(
            concat!($name, "(double precision,double precision)"),
            Body::Aggregate(|_| Box::new(Pairs { of: $of, values: std::collections::VecDeque::new() })),
        )
    };
}

pub(super) const REGRESSIONS: &[Row] = &[
    row("regr_count(double precision,double precision)", Body::Aggregate(|_| Box::new(PairCount(0)))),
    regression!("covar_pop", |m| Some(m.sxy / m.n)),
    regression!("covar_samp", |m| (m.n > 1.0).then(|| m.sxy / (m.n - 1.0))),
    regression!("corr", |m| (m.sxx != 0.0 && m.syy != 0.0).then(|| m.sxy / (m.sxx * m.syy).sqrt())),
    regression!("regr_sxx", |m| Some(m.sxx)),
    regression!("regr_syy", |m| Some(m.syy)),
    regression!("regr_sxy", |m| Some(m.sxy)),
    regression!("regr_avgx", |m| Some(m.sx / m.n)),
    regression!("regr_avgy", |m| Some(m.sy / m.n)),
    regression!("regr_slope", |m| (m.sxx != 0.0).then(|| m.sxy / m.sxx)),
    regression!("regr_intercept", |m| (m.sxx != 0.0).then(|| (m.sy - m.sx * m.sxy / m.sxx) / m.n)),
    regression!("regr_r2", |m| (m.sxx != 0.0).then(|| if m.syy == 0.0 { 1.0 } else { m.sxy * m.sxy / (m.sxx * m.syy) })),
];

/// Counts, sums and sums of products of deviations.
#[derive(Clone, Copy, Default)]
struct Moments {
    n: f64,
    sx: f64,
    sxx: f64,
    sy: f64,
    syy: f64,
    sxy: f64,
}

/// Pairs kept for a regression.
struct Pairs {
    of: fn(&Moments) -> Option<f64>,
    values: std::collections::VecDeque<(f64, f64)>,
}

impl Aggregate for Pairs {
    fn step(&mut self, call: &Call<'_>) -> Result<()> {
        if !call.is_null(0) && !call.is_null(1) {
            self.values.push_back((call.float(0)?, call.float(1)?));
        }
        Ok(())
    }

    fn inverse(&mut self, call: &Call<'_>) -> Result<()> {
        if !call.is_null(0) && !call.is_null(1) {
            self.values.pop_front();
        }
        Ok(())
    }

    fn value(&self, _cx: &Context) -> Result<Value> {
        let mut m = Moments::default();
        for (y, x) in &self.values {
            (m.n, m.sx, m.sy) = (m.n + 1.0, m.sx + x, m.sy + y);
            if m.n > 1.0 {
                let (dx, dy, scale) = (x * m.n - m.sx, y * m.n - m.sy, 1.0 / (m.n * (m.n - 1.0)));
                m.sxx += dx * dx * scale;
                m.syy += dy * dy * scale;
                m.sxy += dx * dy * scale;
            } else {
                // What is not finite leaves no variance, as `float8_regr_accum` has it from the first pair on.
                let poison = |value: f64| if value.is_finite() { 0.0 } else { f64::NAN };
                (m.sxx, m.syy, m.sxy) = (poison(*x), poison(*y), poison(*x) + poison(*y));
            }
        }
        if m.n == 0.0 {
            return Ok(Value::Null);
        }
        (self.of)(&m).map_or(Ok(Value::Null), float_value)
    }
}

/// `regr_count`.
struct PairCount(i64);

impl Aggregate for PairCount {
    fn step(&mut self, call: &Call<'_>) -> Result<()> {
        self.0 += i64::from(!call.is_null(0) && !call.is_null(1));
        Ok(())
    }

    fn inverse(&mut self, call: &Call<'_>) -> Result<()> {
        self.0 -= i64::from(!call.is_null(0) && !call.is_null(1));
        Ok(())
    }

    fn value(&self, _cx: &Context) -> Result<Value> {
        fitting::<8>(Some(self.0))
    }
}
