//! Blocks and declarations: variables come into being with their defaults, and go with their block; a block with EXCEPTION undoes what it
//! wrote when it fails.

use super::frame::{Flow, Frame};
use crate::{
    error::{Result, SqlError, SqlState},
    parse::plpgsql::{Block, Declaration, Expression, TypeText},
    types::{TypeRef, Value, oid},
};

/// A bound cursor: its arguments, its query.
pub(super) type Cursor = (Vec<(String, TypeText)>, Expression);

impl Frame<'_> {
    /// Runs a block.
    pub(super) fn block(&mut self, block: &Block) -> Result<Flow> {
        let first = self.enter(block.label.clone());
        let done = self.declare(block).and_then(|()| self.guarded(block));
        self.leave(first);
        match done? {
            Flow::Exit(Some(label)) if block.label.as_ref() == Some(&label) => Ok(Flow::Next),
            flow => Ok(flow),
        }
    }

    fn declare(&mut self, block: &Block) -> Result<()> {
        for declaration in &block.declarations {
            match declaration {
                Declaration::Variable { name, constant, ty, not_null, default } => {
                    let ty = self.declared_type(ty)?;
                    // The default is evaluated before the name is known: it may speak of an outer variable of the same name.
                    let (value, shape) = match default {
                        None => (Value::Null, ty),
                        Some(default) if ty.oid == oid::RECORD && ty.typmod < 0 => self.value(default)?,
                        Some(default) => (self.value_of_type(default, ty)?, ty),
                    };
                    if *not_null && value == Value::Null {
                        let message = match default {
                            None => format!("variable \"{name}\" must have a default value, since it's declared NOT NULL"),
                            Some(_) => format!("null value cannot be assigned to variable \"{name}\" declared NOT NULL"),
                        };
                        return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, message));
                    }
                    let place = self.add(name, ty, value);
                    self.reshape(place, shape);
                    self.slots[place].constant = *constant;
                    self.slots[place].not_null = *not_null;
                }
                Declaration::Alias(name, of) => {
                    let found = self.find(std::slice::from_ref(of));
                    let (place, _) =
                        found.ok_or_else(|| SqlError::new(SqlState::UNDEFINED_OBJECT, format!("variable \"{of}\" does not exist")))?;
                    self.name(name, place);
                }
                Declaration::Cursor(name, arguments, query) => {
                    self.add(name, TypeRef::new(oid::TEXT), Value::Text(name.clone()));
                    self.declared.insert(name.clone(), (arguments.clone(), query.clone()));
                }
            }
        }
        Ok(())
    }

    /// A type as a declaration names it.
    pub(super) fn declared_type(&self, ty: &TypeText) -> Result<TypeRef> {
        let cx = self.host.context();
        match ty {
            TypeText::Named(text) if text.eq_ignore_ascii_case("record") => Ok(TypeRef::new(oid::RECORD)),
            TypeText::Named(text) if text.eq_ignore_ascii_case("refcursor") => Ok(TypeRef::new(oid::TEXT)),
            TypeText::Named(text) => cx.catalog.parse_type(text, &cx.search_path),
            TypeText::Of(path) => {
                if let Some((place, taken)) = self.find(path)
                    && taken == path.len()
                {
                    return Ok(self.slots[place].ty);
                }
                let (schema, table, column) = match path.as_slice() {
                    [table, column] => (None, table, column),
                    [schema, table, column] => (Some(schema.as_str()), table, column),
                    _ => {
                        let message = format!("variable \"{}\" does not exist", path.join("."));
                        return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message));
                    }
                };
                let relation = cx.catalog.relation(schema, table, &cx.search_path).ok_or_else(|| missing(table))?;
                match relation.column(column) {
                    Some((_, found)) => Ok(found.ty),
                    None => {
                        let message = format!("column \"{column}\" of relation \"{table}\" does not exist");
                        Err(SqlError::new(SqlState::UNDEFINED_COLUMN, message))
                    }
                }
            }
            TypeText::Row(path) => {
                let (schema, table) = match path.as_slice() {
                    [table] => (None, table),
                    [schema, table] => (Some(schema.as_str()), table),
                    _ => return Err(missing(&path.join("."))),
                };
                let relation = cx.catalog.relation(schema, table, &cx.search_path).ok_or_else(|| missing(table))?;
                Ok(TypeRef::new(relation.oid | crate::types::ROW_OID_BIT))
            }
        }
    }

    /// The statements of a block, and its handlers if they fail.
    fn guarded(&mut self, block: &Block) -> Result<Flow> {
        if block.handlers.is_empty() {
            return self.statements(&block.statements);
        }
        let (host, depth, first) = (self.host, self.depth(), self.slots.len());
        let error = match host.attempt(|| self.statements(&block.statements)) {
            Ok(flow) => return Ok(flow),
            Err(error) => error,
        };
        let Some((_, statements)) =
            block.handlers.iter().find(|(conditions, _)| conditions.iter().any(|c| super::condition::covers(c, &error)))
        else {
            return Err(error);
        };
        self.cut(depth, first);
        let inner = self.enter(None);
        self.add("sqlstate", TypeRef::new(oid::TEXT), Value::Text(error.state().to_owned()));
        self.add("sqlerrm", TypeRef::new(oid::TEXT), Value::Text(error.fields().message.clone()));
        self.handled.push(error);
        let done = self.statements(statements);
        self.handled.pop();
        self.leave(inner);
        done
    }
}

fn missing(relation: &str) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_TABLE, format!("relation \"{relation}\" does not exist"))
}
