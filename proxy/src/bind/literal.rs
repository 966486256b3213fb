//! Literals and parameters: numbers by their size, strings of unknown type, `$n`.

use rusqlite::types::Value;
use sqlparser::ast::{self, ValueWithSpan};

use super::{
    Binder,
    tree::{Expr, ExprKind},
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{Oid, TypeRef, oid},
};

/// The greatest number of a parameter in the protocol.
const PARAMETER_LIMIT: u32 = 65_535;

fn constant(value: Value, ty: Oid) -> Expr {
    Expr::new(ExprKind::Constant(value), TypeRef::new(ty))
}

impl Binder<'_> {
    /// A literal or a parameter.
    pub(super) fn literal(&mut self, value: &ValueWithSpan) -> Result<Expr> {
        let position = self.position(value.span);
        let text = |text: &String| Ok(constant(Value::Text(text.clone()), oid::UNKNOWN));
        let bound = match &value.value {
            ast::Value::Number(text, _) => return self.number(text, position),
            ast::Value::SingleQuotedString(s) | ast::Value::EscapedStringLiteral(s) | ast::Value::UnicodeStringLiteral(s) => text(s),
            // `N'…'` is of type character, whose trailing blanks mean nothing (`gram.y`, "NCHAR").
            ast::Value::NationalStringLiteral(s) => Ok(constant(Value::Text(s.clone()), oid::BPCHAR)),
            ast::Value::DollarQuotedString(s) => text(&s.value),
            ast::Value::SingleQuotedByteStringLiteral(bits) => self.typed_constant(bits, "b", oid::BIT),
            ast::Value::HexStringLiteral(digits) => self.typed_constant(digits, "x", oid::BIT),
            ast::Value::Boolean(value) => Ok(constant(Value::Integer(i64::from(*value)), oid::BOOL)),
            ast::Value::Null => Ok(constant(Value::Null, oid::UNKNOWN)),
            ast::Value::Placeholder(name) => self.parameter(name, position),
            other => Err(SqlError::unsupported(format!("literal {other}"))),
        };
        bound.map(|expr| expr.at(position)).map_err(|error| error.at(position))
    }

    fn typed_constant(&mut self, text: &str, prefix: &str, ty: Oid) -> Result<Expr> {
        let found = self.type_of(ty)?.clone();
        let value = found.codec.input(&format!("{prefix}{text}"), &found, -1, self.cx)?;
        Ok(constant(value, ty))
    }

    /// A number: integer or bigint where it fits, else numeric.
    pub(super) fn number(&mut self, text: &str, position: usize) -> Result<Expr> {
        let text: String = text.chars().filter(|c| *c != '_').collect();
        let bound = match text.parse::<i64>() {
            Ok(value) if i32::try_from(value).is_ok() => constant(Value::Integer(value), oid::INT4),
            Ok(value) => constant(Value::Integer(value), oid::INT8),
            Err(_) => {
                let found = self.type_of(oid::NUMERIC)?.clone();
                constant(found.codec.input(&text, &found, -1, self.cx).map_err(|e| e.at(position))?, oid::NUMERIC)
            }
        };
        Ok(bound.at(position))
    }

    fn parameter(&mut self, name: &str, position: usize) -> Result<Expr> {
        let number: u32 = match name.strip_prefix('$').and_then(|digits| digits.parse().ok()) {
            Some(number) => number,
            None => return Err(SqlError::syntax(name, position)),
        };
        if number == 0 || number > PARAMETER_LIMIT {
            return Err(SqlError::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter {name}")));
        }
        if self.parameters.len() < number as usize {
            self.parameters.resize(number as usize, oid::UNKNOWN);
        }
        let ty = self.parameters[number as usize - 1];
        Ok(Expr::new(ExprKind::Parameter(number), TypeRef::new(ty)))
    }

    /// The parameters' types; 42P18 where nothing decided one.
    pub fn finish_parameters(&mut self) -> Result<Vec<Oid>> {
        for (at, ty) in self.parameters.iter().enumerate() {
            if *ty == oid::UNKNOWN {
                let message = format!("could not determine data type of parameter ${}", at + 1);
                return Err(SqlError::new(SqlState::INDETERMINATE_DATATYPE, message));
            }
        }
        Ok(self.parameters.clone())
    }
}
