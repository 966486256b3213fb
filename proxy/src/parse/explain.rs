//! EXPLAIN: its options in either form, and the statement that it is about.

use sqlparser::tokenizer::Token;

use super::{
    Failure,
    command::{Command, Grammar, Parsing},
};
use crate::error::{SqlError, SqlState};

/// What EXPLAIN is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explain {
    /// Run the statement.
    pub analyze: bool,
    /// Show costs.
    pub costs: bool,
    /// Show planning and execution time; none where it follows `analyze`.
    pub summary: Option<bool>,
    /// Show times of nodes; none for what is usual.
    pub timing: Option<bool>,
    /// The form of the answer.
    pub format: ExplainFormat,
}

/// Forms of EXPLAIN's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ExplainFormat {
    Text,
    Json,
    Yaml,
    Xml,
}

impl Default for Explain {
    fn default() -> Self {
        Explain { analyze: false, costs: true, summary: None, timing: None, format: ExplainFormat::Text }
    }
}

pub(super) fn explain(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    g.expect("explain")?;
    let mut explain = Explain::default();
    // A parenthesis begins options, or the query itself.
    let begins_option = matches!(g.parser.peek_nth_token_ref(1).token, Token::Word(_)) && !begins_query(g);
    if g.parser.peek_token_ref().token == Token::LParen && begins_option {
        g.parser.next_token();
        options(g, &mut explain)?;
    } else {
        explain.analyze = g.word("analyze") || g.word("analyse");
        g.word("verbose");
    }
    let node = super::node(g.parser, g.sql, g.positions)?;
    Ok(Command::Explain(Box::new(node), explain))
}

fn begins_query(g: &Grammar<'_, '_>) -> bool {
    let word = super::keyword(&g.parser.peek_nth_token_ref(1).token);
    word.is_some_and(|word| matches!(word.as_str(), "select" | "with" | "values" | "table"))
}

fn options(g: &mut Grammar<'_, '_>, explain: &mut Explain) -> Parsing<()> {
    let mut wants = (false, false);
    loop {
        let option = g.name()?;
        let value = match &g.parser.peek_token_ref().token {
            Token::Word(_) => Some(g.name()?),
            Token::SingleQuotedString(_) => Some(g.string()?),
            Token::Number(..) => Some(g.integer()?.to_string()),
            _ => None,
        };
        match option.as_str() {
            "analyze" => explain.analyze = boolean(&option, value.as_deref())?,
            "costs" => explain.costs = boolean(&option, value.as_deref())?,
            "summary" => explain.summary = Some(boolean(&option, value.as_deref())?),
            "timing" => {
                explain.timing = Some(boolean(&option, value.as_deref())?);
                wants.0 = explain.timing == Some(true);
            }
            "wal" => wants.1 = boolean(&option, value.as_deref())?,
            // There is nothing more to tell for these.
            "verbose" | "buffers" | "settings" => drop(boolean(&option, value.as_deref())?),
            "format" => explain.format = format(value.as_deref().unwrap_or_default())?,
            _ => {
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("unrecognized EXPLAIN option \"{option}\"")).into());
            }
        }
        if !g.parser.consume_token(&Token::Comma) {
            break;
        }
    }
    g.expect_token(&Token::RParen)?;
    for (name, wanted) in [("WAL", wants.1), ("TIMING", wants.0)] {
        if wanted && !explain.analyze {
            return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("EXPLAIN option {name} requires ANALYZE")).into());
        }
    }
    Ok(())
}

fn boolean(option: &str, value: Option<&str>) -> Result<bool, Failure> {
    match value.map(str::to_ascii_lowercase).as_deref() {
        None | Some("true" | "on" | "1") => Ok(true),
        Some("false" | "off" | "0") => Ok(false),
        Some(_) => Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("{option} requires a Boolean value")).into()),
    }
}

fn format(value: &str) -> Result<ExplainFormat, Failure> {
    Ok(match value {
        "text" => ExplainFormat::Text,
        "json" => ExplainFormat::Json,
        "yaml" => ExplainFormat::Yaml,
        "xml" => ExplainFormat::Xml,
        other => {
            let message = format!("unrecognized value for EXPLAIN option \"format\": \"{other}\"");
            return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message).into());
        }
    })
}
