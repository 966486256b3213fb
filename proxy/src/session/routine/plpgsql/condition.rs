//! Names of conditions (manual, appendix A), as EXCEPTION and RAISE use them: one word for one or several SQLSTATEs.

use std::{
    collections::{HashMap, HashSet},
    sync::{LazyLock, Mutex, PoisonError},
};

use crate::{
    error::{SqlError, SqlState},
    parse::plpgsql::Condition,
};

/// SQLSTATEs by the name of their condition.
static NAMES: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let mut names: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in include_str!("../../../../data/errcodes.txt").lines().filter(|line| !line.starts_with(['#', ' '])) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [state, _, _, name] = words.as_slice() {
            names.entry(name).or_default().push(state);
        }
    }
    names
});

/// SQLSTATEs that are not among PostgreSQL's, kept for the life of the process: errors carry them by reference.
static OWN: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);

/// So many SQLSTATEs of their own may functions raise.
const OWN_MAX: usize = 10_000;

/// The SQLSTATE of that name or spelling.
pub(super) fn state(text: &str) -> Option<SqlState> {
    if let Some(found) = NAMES.get(text).and_then(|states| states.first()) {
        return Some(SqlState(found));
    }
    if text.len() != 5 || !text.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()) {
        return None;
    }
    if let Some(known) = NAMES.values().flatten().find(|known| **known == text) {
        return Some(SqlState(known));
    }
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = own.get(text) {
        return Some(SqlState(known));
    }
    if own.len() >= OWN_MAX {
        return None;
    }
    let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
    own.insert(kept);
    Some(SqlState(kept))
}

/// The SQLSTATE of a condition; 42704 where its name is none.
pub(super) fn of(condition: &Condition) -> Result<SqlState, SqlError> {
    let (text, unknown) = match condition {
        Condition::State(text) => (text, format!("invalid SQLSTATE code \"{text}\"")),
        Condition::Named(name) => (name, format!("unrecognized exception condition \"{name}\"")),
    };
    state(text).ok_or_else(|| SqlError::new(SqlState::UNDEFINED_OBJECT, unknown))
}

/// Whether a handler's condition covers an error. One that ends in three zeros stands for its class.
pub(super) fn covers(condition: &Condition, error: &SqlError) -> bool {
    let raised = error.state();
    let matches = |state: &str| state == raised || state.ends_with("000") && raised.get(..2) == state.get(..2);
    match condition {
        Condition::State(state) => matches(state),
        // What a user or an ASSERT stops is not for everyone to catch.
        Condition::Named(name) if name == "others" => !matches!(raised, "57014" | "P0004"),
        Condition::Named(name) => NAMES.get(name.as_str()).is_some_and(|states| states.iter().any(|state| matches(state))),
    }
}
