//! `random()` and `setseed()`: PostgreSQL's generator (xoroshiro128**), so that a seed gives the same numbers here. Its state is the
//! session's, that is, the thread's.

use std::cell::Cell;

use super::{
    Body::Scalar,
    Call, Row, Value,
    arguments::{float_value, text_value},
    row,
};
use crate::error::{Result, SqlError, SqlState};

/// The rows.
pub(super) const ROWS: &[Row] = &[row("random()", Scalar(|_| float_value(next()))), row("setseed(double precision)", Scalar(seed))];

thread_local! {
    static STATE: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut value = *state;
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

fn seeded(mut seed: u64) -> (u64, u64) {
    match (split_mix(&mut seed), split_mix(&mut seed)) {
        (0, 0) => (0x5851_F42D_4C95_7F2D, 0x1405_7B7E_F767_814F),
        state => state,
    }
}

fn next() -> f64 {
    let (s0, s1) = STATE.get().unwrap_or_else(|| {
        let mut bytes = [0; 8];
        // Without the system's random bytes the clock will do: nothing secret is made of these numbers.
        let seed =
            getrandom::fill(&mut bytes).map_or_else(|_| crate::types::datetime::zone::wall_clock() as u64, |()| u64::from_le_bytes(bytes));
        seeded(seed)
    });
    let sx = s1 ^ s0;
    let value = s0.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
    STATE.set(Some((s0.rotate_left(24) ^ sx ^ (sx << 16), sx.rotate_left(37))));
    (value >> 12) as f64 * (-52f64).exp2()
}

fn seed(call: &Call<'_>) -> Result<Value> {
    let seed = call.float(0)?;
    if !(-1.0..=1.0).contains(&seed) {
        let message = format!("setseed parameter {seed} is out of allowed range [-1,1]");
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    STATE.set(Some(seeded((((1u64 << 52) - 1) as f64 * seed) as i64 as u64)));
    text_value("")
}
