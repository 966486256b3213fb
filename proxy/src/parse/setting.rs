//! The grammar of settings: SET, RESET, SHOW and their special forms (TIME ZONE, NAMES, ROLE, SESSION AUTHORIZATION, …).

use sqlparser::tokenizer::Token;

use super::{
    command::{Command, Grammar, Parsing},
    transaction,
};
use crate::error::SqlError;

/// What SET gives a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingValue {
    /// `DEFAULT`.
    Default,
    /// `FROM CURRENT`.
    Current,
    /// A list of words, strings and numbers, each as its text.
    List(Vec<String>),
}

pub(super) fn setting(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    let first = g.peek(0);
    g.parser.next_token();
    match first.as_str() {
        "set" => set(g),
        "reset" => Ok(Command::Reset(if g.word("all") { None } else { Some(variable(g)?) })),
        _ => Ok(Command::Show(if g.word("all") { None } else { Some(variable(g)?) })),
    }
}

/// A setting's name in SHOW and RESET, with the spellings of several words.
fn variable(g: &mut Grammar<'_, '_>) -> Parsing<String> {
    let spellings: [(&[&str], &str); 3] = [
        (&["time", "zone"], "timezone"),
        (&["transaction", "isolation", "level"], "transaction_isolation"),
        (&["session", "authorization"], "session_authorization"),
    ];
    match spellings.iter().find(|(words, _)| g.words(words)) {
        Some((_, name)) => Ok((*name).to_owned()),
        None => Ok(g.dotted()?.join(".")),
    }
}

fn constraint_names(g: &mut Grammar<'_, '_>) -> Parsing<Vec<Vec<String>>> {
    let mut names = vec![g.dotted()?];
    while g.parser.consume_token(&Token::Comma) {
        names.push(g.dotted()?);
    }
    Ok(names)
}

fn set(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    if g.words(&["session", "characteristics", "as", "transaction"]) {
        return Ok(Command::SetCharacteristics(transaction::modes(g)?));
    }
    if g.word("constraints") {
        let names = if g.word("all") { None } else { Some(constraint_names(g)?) };
        let deferred = g.word("deferred");
        if !deferred {
            g.expect("immediate")?;
        }
        return Ok(Command::SetConstraints { names, deferred });
    }
    let local = g.word("local");
    if !local && g.peek(0) == "session" && g.peek(1) != "authorization" {
        g.word("session");
    }
    if g.peek(0) == "transaction" && !matches!(g.parser.peek_nth_token_ref(1).token, Token::Eq) {
        g.word("transaction");
        if g.word("snapshot") {
            return Err(SqlError::unsupported("SET TRANSACTION SNAPSHOT").into());
        }
        let modes = transaction::modes(g)?;
        return if modes == transaction::Modes::default() { Err(g.unexpected()) } else { Ok(Command::SetTransaction(modes)) };
    }
    let special: [(&[&str], &str); 5] = [
        (&["schema"], "search_path"),
        (&["time", "zone"], "timezone"),
        (&["session", "authorization"], "session_authorization"),
        (&["role"], "role"),
        (&["names"], "client_encoding"),
    ];
    let plain_role = g.peek(0) == "role" && matches!(g.parser.peek_nth_token_ref(1).token, Token::Eq);
    if !plain_role && let Some((_, name)) = special.iter().find(|(words, _)| g.words(words)) {
        let value = special_value(g, name)?;
        return Ok(Command::Set { name: (*name).to_owned(), value, local });
    }
    let name = g.dotted()?.join(".");
    if g.words(&["from", "current"]) {
        return Ok(Command::Set { name, value: SettingValue::Current, local });
    }
    if !g.word("to") {
        g.expect_token(&Token::Eq)?;
    }
    Ok(Command::Set { name, value: values(g)?, local })
}

/// The value of SET TIME ZONE, SET ROLE, SET NAMES, …, where there is no equals sign.
fn special_value(g: &mut Grammar<'_, '_>, name: &str) -> Parsing<SettingValue> {
    if g.ends() && name == "client_encoding" {
        return Ok(SettingValue::Default);
    }
    if name == "timezone" && g.word("local") {
        return Ok(SettingValue::Default);
    }
    if name == "timezone" && g.peek(0) == "interval" {
        g.word("interval");
        let text = g.string()?;
        if g.word("hour") && g.word("to") {
            g.expect("minute")?;
        }
        return Ok(SettingValue::List(vec![text]));
    }
    values(g)
}

fn values(g: &mut Grammar<'_, '_>) -> Parsing<SettingValue> {
    if g.word("default") {
        return Ok(SettingValue::Default);
    }
    let mut list = Vec::new();
    loop {
        list.push(value(g)?);
        if !g.parser.consume_token(&Token::Comma) {
            return Ok(SettingValue::List(list));
        }
    }
}

fn value(g: &mut Grammar<'_, '_>) -> Parsing<String> {
    let sign = if g.parser.consume_token(&Token::Minus) {
        "-"
    } else {
        _ = g.parser.consume_token(&Token::Plus);
        ""
    };
    match g.parser.peek_token().token {
        Token::Number(digits, _) => {
            g.parser.next_token();
            Ok(format!("{sign}{digits}"))
        }
        _ if !sign.is_empty() => Err(g.unexpected()),
        Token::Word(_) => g.name(),
        _ => g.string(),
    }
}
