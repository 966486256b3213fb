//! The grammar of DO.

use sqlparser::tokenizer::Token;

use super::command::{Command, Grammar, Parsing};

/// `DO`: the body, and the language before it or behind it.
pub(super) fn block(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    g.expect("do")?;
    let (mut language, mut body) = (None, None);
    while !g.ends() {
        if g.word("language") {
            let quoted = matches!(g.parser.peek_token_ref().token, Token::SingleQuotedString(_));
            language = Some(if quoted { g.string()?.to_lowercase() } else { g.name()? });
        } else if body.is_none() {
            body = Some(g.string()?);
        } else {
            return Err(g.unexpected());
        }
    }
    match body {
        Some(body) => Ok(Command::Do { language: language.unwrap_or_else(|| "plpgsql".to_owned()), body }),
        None => Err(g.unexpected()),
    }
}
