//! `RAISE`.

use super::{Condition, Kind, Raise, block::Parser, lexer};
use crate::error::{Result, SqlError, SqlState};

impl Parser<'_> {
    /// `RAISE [level] ['format' [, …] | condition | SQLSTATE '…'] [USING …];`
    pub(super) fn raise_statement(&mut self) -> Result<Kind> {
        let mut raise = Raise::default();
        if self.symbol(";") {
            return Ok(Kind::Raise(Box::new(raise)));
        }
        let level = self.peek(0);
        let known = matches!(level.as_str(), "debug" | "log" | "info" | "notice" | "warning" | "exception");
        if known {
            self.advance();
        }
        raise.level = Some(if known { level } else { "exception".to_owned() });
        if self.token(0).kind == lexer::Kind::Text {
            raise.format = Some(self.string()?);
            while self.symbol(",") {
                raise.arguments.push(self.expression(&[",", ";", "using"])?);
            }
            let wanted = placeholders(raise.format.as_deref().unwrap_or_default());
            let message = match raise.arguments.len() {
                given if given < wanted => "too few parameters specified for RAISE",
                given if given > wanted => "too many parameters specified for RAISE",
                _ => "",
            };
            if !message.is_empty() {
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
            }
        } else if self.peek(0) != "using" && !self.is_symbol(0, ";") {
            let condition = self.condition()?;
            raise.condition = Some(condition);
        }
        if self.word("using") {
            loop {
                let option = self.name()?;
                if !self.symbol("=") {
                    self.expect_symbol(":=")?;
                }
                raise.options.push((option, self.expression(&[",", ";"])?));
                if !self.symbol(",") {
                    break;
                }
            }
        }
        self.expect_symbol(";")?;
        Ok(Kind::Raise(Box::new(raise)))
    }
}

/// How many arguments a format asks for; `%%` is a percent sign.
fn placeholders(format: &str) -> usize {
    format.replace("%%", "").matches('%').count()
}

impl Condition {
    /// Its name, where it has one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Condition::Named(name) => Some(name),
            Condition::State(_) => None,
        }
    }
}
