//! The grammar of transaction control: BEGIN, COMMIT, ROLLBACK, SAVEPOINT and their forms.

use super::command::{Command, Grammar, Parsing};
use sqlparser::tokenizer::Token;

/// Isolation levels; READ UNCOMMITTED is READ COMMITTED in PostgreSQL, but keeps its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// `READ UNCOMMITTED`.
    ReadUncommitted,
    /// `READ COMMITTED`.
    ReadCommitted,
    /// `REPEATABLE READ`.
    RepeatableRead,
    /// `SERIALIZABLE`.
    Serializable,
}

impl Isolation {
    /// As `SHOW transaction_isolation` says it.
    pub fn name(self) -> &'static str {
        match self {
            Isolation::ReadUncommitted => "read uncommitted",
            Isolation::ReadCommitted => "read committed",
            Isolation::RepeatableRead => "repeatable read",
            Isolation::Serializable => "serializable",
        }
    }

    /// By that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Isolation::ReadUncommitted, Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable]
            .into_iter()
            .find(|level| level.name() == name)
    }

    /// Whether one snapshot serves the whole transaction.
    pub fn keeps_snapshot(self) -> bool {
        matches!(self, Isolation::RepeatableRead | Isolation::Serializable)
    }
}

/// Transaction modes, as far as given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// `ISOLATION LEVEL`.
    pub isolation: Option<Isolation>,
    /// `READ ONLY` or `READ WRITE`.
    pub read_only: Option<bool>,
    /// `DEFERRABLE` or `NOT DEFERRABLE`.
    pub deferrable: Option<bool>,
}

pub(super) fn modes(g: &mut Grammar<'_, '_>) -> Parsing<Modes> {
    let mut modes = Modes::default();
    loop {
        if g.words(&["isolation", "level"]) {
            modes.isolation = Some(level(g)?);
        } else if g.words(&["read", "only"]) {
            modes.read_only = Some(true);
        } else if g.words(&["read", "write"]) {
            modes.read_only = Some(false);
        } else if g.words(&["not", "deferrable"]) {
            modes.deferrable = Some(false);
        } else if g.word("deferrable") {
            modes.deferrable = Some(true);
        } else {
            return Ok(modes);
        }
        _ = g.parser.consume_token(&Token::Comma);
    }
}

fn level(g: &mut Grammar<'_, '_>) -> Parsing<Isolation> {
    let levels: [(&[&str], Isolation); 4] = [
        (&["read", "uncommitted"], Isolation::ReadUncommitted),
        (&["read", "committed"], Isolation::ReadCommitted),
        (&["repeatable", "read"], Isolation::RepeatableRead),
        (&["serializable"], Isolation::Serializable),
    ];
    match levels.iter().find(|(words, _)| g.words(words)) {
        Some((_, level)) => Ok(*level),
        None => Err(g.unexpected()),
    }
}

fn chain(g: &mut Grammar<'_, '_>) -> Parsing<bool> {
    if !g.word("and") {
        return Ok(false);
    }
    let no = g.word("no");
    g.expect("chain")?;
    Ok(!no)
}

pub(super) fn transaction(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    let first = g.peek(0);
    g.parser.next_token();
    let noise = |g: &mut Grammar<'_, '_>| _ = g.word("work") || g.word("transaction");
    match first.as_str() {
        "begin" => {
            noise(g);
            Ok(Command::Begin(modes(g)?, true))
        }
        "start" => {
            g.expect("transaction")?;
            Ok(Command::Begin(modes(g)?, false))
        }
        "commit" | "end" => {
            if g.word("prepared") {
                return Err(crate::error::SqlError::unsupported("COMMIT PREPARED").into());
            }
            noise(g);
            Ok(Command::Commit { chain: chain(g)? })
        }
        "savepoint" => Ok(Command::Savepoint(g.name()?)),
        "release" => {
            g.word("savepoint");
            Ok(Command::Release(g.name()?))
        }
        _ => {
            if g.word("prepared") {
                return Err(crate::error::SqlError::unsupported("ROLLBACK PREPARED").into());
            }
            noise(g);
            if first == "rollback" && g.word("to") {
                g.word("savepoint");
                return Ok(Command::RollbackTo(g.name()?));
            }
            Ok(Command::Rollback { chain: chain(g)? })
        }
    }
}
