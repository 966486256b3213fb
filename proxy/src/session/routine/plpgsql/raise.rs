//! `RAISE` and `ASSERT`.

use super::{condition, frame::Frame};
use crate::{
    error::{Result, SqlError, SqlState},
    parse::plpgsql::{Expression, Raise},
    session::wire::Severity,
    types::{TypeRef, oid},
};

impl Frame<'_> {
    /// `RAISE`.
    pub(super) fn raise(&mut self, raise: &Raise) -> Result<()> {
        let Some(level) = &raise.level else {
            let outside = SqlError::new(SqlState("0Z002"), "RAISE without parameters cannot be used outside an exception handler");
            return Err(self.handled.last().cloned().unwrap_or(outside));
        };
        let mut state = match &raise.condition {
            Some(named) => Some(condition::of(named)?),
            None => None,
        };
        let mut message = match &raise.format {
            Some(format) => Some(self.formatted(format, &raise.arguments)?),
            None => None,
        };
        let mut error = SqlError::new(SqlState::RAISE_EXCEPTION, String::new());
        for (option, value) in &raise.options {
            let null = || SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "RAISE statement option cannot be null");
            let text = self.text(value)?.ok_or_else(null)?;
            let fields = error.fields_mut();
            match option.as_str() {
                "errcode" => {
                    let unknown = || SqlError::new(SqlState::UNDEFINED_OBJECT, format!("unrecognized exception condition \"{text}\""));
                    state = Some(condition::state(&text).ok_or_else(unknown)?);
                }
                "message" if message.is_some() => {
                    return Err(SqlError::new(SqlState::SYNTAX_ERROR, "RAISE option already specified: MESSAGE"));
                }
                "message" => message = Some(text),
                "detail" => fields.detail = Some(text),
                "hint" => fields.hint = Some(text),
                "column" => fields.column = Some(text),
                "constraint" => fields.constraint = Some(text),
                "datatype" => fields.datatype = Some(text),
                "table" => fields.table = Some(text),
                "schema" => fields.schema = Some(text),
                _ => return Err(SqlError::new(SqlState::SYNTAX_ERROR, "unrecognized RAISE statement option")),
            }
        }
        let named = raise.condition.as_ref().and_then(|condition| condition.name().map(str::to_owned));
        let fields = error.fields_mut();
        let (severity, usual) = match level.as_str() {
            "exception" => (None, SqlState::RAISE_EXCEPTION.0),
            "warning" => (Some(Severity::Warning), "01000"),
            "notice" => (Some(Severity::Notice), "00000"),
            "info" => (Some(Severity::Info), "00000"),
            "log" => (Some(Severity::Log), "00000"),
            _ => (Some(Severity::Debug), "00000"),
        };
        fields.state = state.map_or(usual, |state| state.0);
        fields.message = message.or(named).unwrap_or_else(|| fields.state.to_owned());
        match severity {
            None => Err(error),
            Some(severity) => {
                let place = self.place();
                error.fields_mut().context = Some(place);
                self.host.shared.remark(severity, error);
                Ok(())
            }
        }
    }

    /// The format with its arguments in place of `%`.
    fn formatted(&mut self, format: &str, arguments: &[Expression]) -> Result<String> {
        let (mut out, mut arguments) = (String::new(), arguments.iter());
        let mut chars = format.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '%' if chars.next_if_eq(&'%').is_some() => out.push('%'),
                '%' => {
                    let Some(argument) = arguments.next() else {
                        return Err(SqlError::new(SqlState::SYNTAX_ERROR, "too few parameters specified for RAISE"));
                    };
                    let (value, ty) = self.value(argument)?;
                    let text = self.cast(value, ty, TypeRef::new(oid::TEXT))?;
                    match text {
                        crate::types::Value::Text(text) => out.push_str(&text),
                        _ => out.push_str("<NULL>"),
                    }
                }
                c => out.push(c),
            }
        }
        Ok(out)
    }

    /// `ASSERT`.
    pub(super) fn assert(&mut self, condition: &Expression, message: Option<&Expression>) -> Result<()> {
        if self.host.shared.settings.borrow().show("plpgsql.check_asserts").as_deref() == Some("off") || self.condition(condition)? {
            return Ok(());
        }
        let text = match message {
            Some(message) => self.text(message)?,
            None => None,
        };
        Err(SqlError::new(SqlState("P0004"), text.unwrap_or_else(|| "assertion failed".to_owned())))
    }
}
