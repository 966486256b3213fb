//! Where this device's sequences stand. A definition is an object and travels; a position is the device's own.
//!
//! Before the first pairing a sequence counts as in PostgreSQL: start, start + increment, … From then on the n-th value of the sequence
//! belongs to the device with slot n mod [`SLOTS`], so that two devices that can't talk never draw the same one; a device draws the next
//! value of its own slot. With 256 slots an integer column has eight million values for each device. Values that were drawn naturally stay
//! behind: the pairing writes where each sequence stood into its definition (`natural_until`), and no slot begins below.
//!
//! Enters: `nextval`, `setval`, `RESTART`. Leaves: values, never rolled back; positions are stored by the next commit.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;
use rusqlite::{Connection, params};

use super::Sequence;
use crate::store::StoreError;

/// How many devices can draw from one sequence; a slot is never given out again.
pub const SLOTS: u16 = 256;

/// Why a sequence gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// `nextval` ran past the last value (SQLSTATE 2200H).
    #[error("nextval: reached {} value of sequence \"{name}\" ({bound})", if *.ascending { "maximum" } else { "minimum" })]
    Exhausted {
        /// The sequence.
        name: String,
        /// Whether it counts upwards.
        ascending: bool,
        /// Its last value.
        bound: i64,
    },
    /// `setval` outside of the bounds (SQLSTATE 22003).
    #[error("setval: value {value} is out of bounds for sequence \"{name}\" ({min}..{max})")]
    OutOfBounds {
        /// The sequence.
        name: String,
        /// The value asked for.
        value: i64,
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
}

/// A position, as `SELECT last_value, is_called FROM sequence` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceState {
    /// The last value drawn or set.
    pub last_value: i64,
    /// False where `last_value` itself is the next one to come.
    pub is_called: bool,
    /// Set by hand (`setval`, `RESTART`): then `natural_until` does not lift it.
    is_set: bool,
}

/// The positions of one database's sequences, by OID.
#[derive(Debug, Default)]
pub struct Sequences(Mutex<Positions>);

#[derive(Debug, Default)]
struct Positions {
    states: HashMap<u32, SequenceState>,
    /// Changed since last stored.
    dirty: BTreeSet<u32>,
    slot: Option<u16>,
}

impl Sequences {
    /// Reads the positions and this device's slot.
    pub(crate) fn load(connection: &Connection) -> Result<Sequences, StoreError> {
        let mut statement = connection.prepare("SELECT oid, last_value, is_called, is_set FROM peergres_sequences")?;
        let states = statement
            .query_map([], |row| Ok((row.get(0)?, SequenceState { last_value: row.get(1)?, is_called: row.get(2)?, is_set: row.get(3)? })))?
            .collect::<rusqlite::Result<_>>()?;
        let slot = connection.query_row("SELECT max(value) FROM peergres_meta WHERE key = 'slot'", [], |row| row.get(0))?;
        Ok(Sequences(Mutex::new(Positions { states, dirty: BTreeSet::new(), slot })))
    }

    /// `nextval`.
    pub fn next_value(&self, oid: u32, sequence: &Sequence) -> Result<i64, SequenceError> {
        let mut positions = self.0.lock();
        let now = positions.states.get(&oid).copied();
        let index = Index::of(sequence);
        let mut next = match now {
            Some(state) if state.is_called => index.of_value(state.last_value) + 1,
            Some(state) => index.of_value(state.last_value),
            None => 0,
        };
        if let Some(slot) = positions.slot {
            if let Some(natural) = sequence.natural_until.filter(|_| !now.is_some_and(|state| state.is_set)) {
                next = next.max(index.of_value(natural) + 1);
            }
            next = in_slot(next, slot);
        }
        let mut value = index.value(next);
        if value < i128::from(sequence.min) || value > i128::from(sequence.max) {
            let ascending = sequence.increment > 0;
            if !sequence.cycle {
                let bound = if ascending { sequence.max } else { sequence.min };
                return Err(SequenceError::Exhausted { name: sequence.name.name.clone(), ascending, bound });
            }
            let first = index.first_within(sequence);
            value = index.value(positions.slot.map_or(first, |slot| in_slot(first, slot)));
            if positions.slot.is_none() {
                // PostgreSQL begins a new round at the bound itself.
                value = i128::from(if ascending { sequence.min } else { sequence.max });
            }
        }
        let value = i64::try_from(value).unwrap_or(if sequence.increment > 0 { sequence.min } else { sequence.max });
        let is_set = now.is_some_and(|state| state.is_set);
        positions.put(oid, SequenceState { last_value: value, is_called: true, is_set });
        Ok(value)
    }

    /// What `SELECT last_value, is_called` shows.
    pub fn state(&self, oid: u32, sequence: &Sequence) -> SequenceState {
        let untouched = SequenceState { last_value: sequence.start, is_called: false, is_set: false };
        self.0.lock().states.get(&oid).copied().unwrap_or(untouched)
    }

    /// `setval`.
    pub fn set_value(&self, oid: u32, sequence: &Sequence, value: i64, is_called: bool) -> Result<(), SequenceError> {
        if value < sequence.min || value > sequence.max {
            let (min, max) = (sequence.min, sequence.max);
            return Err(SequenceError::OutOfBounds { name: sequence.name.name.clone(), value, min, max });
        }
        self.0.lock().put(oid, SequenceState { last_value: value, is_called, is_set: true });
        Ok(())
    }

    /// `ALTER SEQUENCE … RESTART [WITH]`, `TRUNCATE … RESTART IDENTITY`.
    pub fn restart(&self, oid: u32, sequence: &Sequence, with: Option<i64>) -> Result<(), SequenceError> {
        self.set_value(oid, sequence, with.unwrap_or(sequence.start), false)
    }

    /// This device's slot; none before the first pairing.
    pub fn slot(&self) -> Option<u16> {
        self.0.lock().slot
    }

    /// From now on draws from this slot only.
    pub(crate) fn set_slot(&self, slot: u16) {
        self.0.lock().slot = Some(slot);
    }

    /// Where a sequence stands that has been drawn from naturally.
    pub(crate) fn drawn(&self, oid: u32) -> Option<i64> {
        self.0.lock().states.get(&oid).filter(|state| state.is_called).map(|state| state.last_value)
    }

    /// Stores what has changed; answers the OIDs, to be taken back with [`Sequences::unstored`] if the transaction fails.
    pub(crate) fn store(&self, connection: &Connection) -> Result<Vec<u32>, StoreError> {
        let mut positions = self.0.lock();
        if positions.dirty.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = connection
            .prepare_cached("INSERT OR REPLACE INTO peergres_sequences (oid, last_value, is_called, is_set) VALUES (?1, ?2, ?3, ?4)")?;
        for oid in &positions.dirty {
            let state = &positions.states[oid];
            statement.execute(params![oid, state.last_value, state.is_called, state.is_set])?;
        }
        Ok(std::mem::take(&mut positions.dirty).into_iter().collect())
    }

    /// Marks positions as still to be stored.
    pub(crate) fn unstored(&self, oids: Vec<u32>) {
        self.0.lock().dirty.extend(oids);
    }
}

impl Positions {
    fn put(&mut self, oid: u32, state: SequenceState) {
        self.states.insert(oid, state);
        self.dirty.insert(oid);
    }
}

/// Values by their number in the sequence: start has 0. In 128 bits, where nothing overflows.
struct Index {
    start: i128,
    increment: i128,
}

impl Index {
    fn of(sequence: &Sequence) -> Index {
        Index { start: i128::from(sequence.start), increment: i128::from(sequence.increment) }
    }

    /// The number of a value; of one between two, the number before it.
    fn of_value(&self, value: i64) -> i128 {
        (i128::from(value) - self.start).div_euclid(self.increment)
    }

    fn value(&self, index: i128) -> i128 {
        self.start + index * self.increment
    }

    /// The number of the first value of a new round.
    fn first_within(&self, sequence: &Sequence) -> i128 {
        let bound = if sequence.increment > 0 { sequence.min } else { sequence.max };
        let index = self.of_value(bound);
        if self.value(index) == i128::from(bound) { index } else { index + 1 }
    }
}

/// The first number from `index` on that belongs to the slot.
fn in_slot(index: i128, slot: u16) -> i128 {
    let slots = i128::from(SLOTS);
    index + (i128::from(slot) - index).rem_euclid(slots)
}
