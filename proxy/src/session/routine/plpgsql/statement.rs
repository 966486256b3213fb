//! Statements, one after the other.

use super::frame::{Flow, Frame};
use crate::{
    error::{Result, SqlError, SqlState},
    parse::plpgsql::{Expression, Kind, Statement, Statements, Target},
    types::{TypeRef, Value, oid},
};

impl Frame<'_> {
    /// Runs statements until one of them leaves.
    pub(super) fn statements(&mut self, statements: &[Statement]) -> Result<Flow> {
        for statement in statements {
            let outer = self.at;
            self.at = (statement.line, name_of(&statement.kind));
            let flow = self.statement(&statement.kind).map_err(|error| self.told(error))?;
            self.at = outer;
            if !matches!(flow, Flow::Next) {
                return Ok(flow);
            }
            if self.host.shared.handle.interrupted() != crate::session::registry::Interrupt::None {
                return Err(self.host.shared.handle.interrupted().error());
            }
        }
        Ok(Flow::Next)
    }

    /// An error with the place where it came up, where none is told yet.
    fn told(&self, mut error: SqlError) -> SqlError {
        let place = self.place();
        let fields = error.fields_mut();
        fields.position = None;
        match &mut fields.context {
            Some(context) if context.contains(&place) => {}
            Some(context) if !context.lines().any(|line| line.starts_with("PL/pgSQL")) => *context = format!("{context}\n{place}"),
            Some(_) => {}
            None => fields.context = Some(place),
        }
        error
    }

    fn statement(&mut self, kind: &Kind) -> Result<Flow> {
        match kind {
            Kind::Block(block) => return self.block(block),
            Kind::If(branches, otherwise) => return self.if_statement(branches, otherwise),
            Kind::Case(operand, branches, otherwise) => return self.case_statement(operand.as_ref(), branches, otherwise.as_ref()),
            Kind::Loop(label, condition, body) => return self.plain_loop(label.as_ref(), condition.as_ref(), body),
            Kind::ForRange { label, variable, reverse, bounds, body } => {
                return self.range_loop(label.as_ref(), variable, *reverse, bounds, body);
            }
            Kind::ForRows(label, targets, source, body) => return self.row_loop(label.as_ref(), targets, source, body),
            Kind::ForEach(label, targets, slice, array, body) => return self.array_loop(label.as_ref(), targets, *slice, array, body),
            Kind::Exit(leaves, label, when) => {
                if let Some(when) = when
                    && !self.condition(when)?
                {
                    return Ok(Flow::Next);
                }
                return Ok(if *leaves { Flow::Exit(label.clone()) } else { Flow::Continue(label.clone()) });
            }
            Kind::Return(value) => return self.return_statement(value.as_ref()),
            Kind::Assign(target, value) => self.assign(target, value)?,
            Kind::ReturnNext(value) => self.return_next(value.as_ref())?,
            Kind::ReturnQuery(source) => self.return_query(source)?,
            Kind::Raise(raise) => self.raise(raise)?,
            Kind::Assert(condition, message) => self.assert(condition, message.as_ref())?,
            Kind::Sql(statement, into) => self.sql(statement, into.as_ref())?,
            Kind::Perform(query) => self.perform(query)?,
            Kind::Execute(command, into, using) => self.execute(command, into.as_ref(), using)?,
            Kind::Diagnostics(stacked, items) => self.diagnostics(*stacked, items)?,
            Kind::Open(name, source, arguments) => self.open(name, source.as_ref(), arguments)?,
            Kind::Fetch(direction, name, targets) => self.fetch(direction, name, targets.as_deref())?,
            Kind::Close(name) => self.close(name)?,
            Kind::Null => {}
            Kind::End(what) => return Err(SqlError::unsupported(format!("{what} in a procedure"))),
        }
        Ok(Flow::Next)
    }

    fn if_statement(&mut self, branches: &[(Expression, Statements)], otherwise: &[Statement]) -> Result<Flow> {
        for (condition, statements) in branches {
            if self.condition(condition)? {
                return self.statements(statements);
            }
        }
        self.statements(otherwise)
    }

    fn case_statement(
        &mut self,
        operand: Option<&Expression>,
        branches: &[(Vec<Expression>, Statements)],
        otherwise: Option<&Statements>,
    ) -> Result<Flow> {
        // The operand is a variable that each test compares with.
        let first = self.enter(None);
        if let Some(operand) = operand {
            let (value, ty) = self.value(operand)?;
            self.add("~case", ty, value);
        }
        let mut chosen = None;
        'branches: for (tests, statements) in branches {
            for test in tests {
                let holds = match operand {
                    None => self.condition(test)?,
                    Some(_) => {
                        let compared = Expression { id: test.id, text: format!("\"~case\" = ({})", test.text) };
                        self.condition(&compared)?
                    }
                };
                if holds {
                    chosen = Some(statements);
                    break 'branches;
                }
            }
        }
        self.leave(first);
        match (chosen, otherwise) {
            (Some(statements), _) | (None, Some(statements)) => self.statements(statements),
            (None, None) => {
                let error = SqlError::new(SqlState("20000"), "case not found");
                Err(error.hint("CASE statement is missing ELSE part."))
            }
        }
    }

    fn diagnostics(&mut self, stacked: bool, items: &[(Target, String)]) -> Result<()> {
        if stacked && self.handled.is_empty() {
            let message = "GET STACKED DIAGNOSTICS cannot be used outside an exception handler";
            return Err(SqlError::new(SqlState("0Z002"), message));
        }
        for (target, item) in items {
            let error = self.handled.last().map(SqlError::fields);
            let text = |text: Option<String>| (Value::Text(text.unwrap_or_default()), TypeRef::new(oid::TEXT));
            let (value, ty) = match item.as_str() {
                "row_count" => (Value::Integer(self.row_count as i64), TypeRef::new(oid::INT8)),
                "pg_context" => text(Some(self.place())),
                "returned_sqlstate" => text(error.map(|error| error.state.to_owned())),
                "message_text" => text(error.map(|error| error.message.clone())),
                "pg_exception_detail" => text(error.and_then(|error| error.detail.clone())),
                "pg_exception_hint" => text(error.and_then(|error| error.hint.clone())),
                "pg_exception_context" => text(error.and_then(|error| error.context.clone())),
                "column_name" => text(error.and_then(|error| error.column.clone())),
                "constraint_name" => text(error.and_then(|error| error.constraint.clone())),
                "pg_datatype_name" => text(error.and_then(|error| error.datatype.clone())),
                "table_name" => text(error.and_then(|error| error.table.clone())),
                "schema_name" => text(error.and_then(|error| error.schema.clone())),
                _ => return Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("unrecognized GET DIAGNOSTICS item at or near \"{item}\""))),
            };
            self.assign_value(target, value, ty)?;
        }
        Ok(())
    }
}

/// A statement's name in an error's context.
fn name_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Block(_) => "statement block",
        Kind::Assign(..) => "assignment",
        Kind::If(..) => "IF",
        Kind::Case(..) => "CASE",
        Kind::Loop(_, None, _) => "LOOP",
        Kind::Loop(..) => "WHILE",
        Kind::ForRange { .. } => "FOR with integer loop variable",
        Kind::ForRows(..) => "FOR over SELECT rows",
        Kind::ForEach(..) => "FOREACH over array",
        Kind::Exit(true, ..) => "EXIT",
        Kind::Exit(..) => "CONTINUE",
        Kind::Return(_) => "RETURN",
        Kind::ReturnNext(_) => "RETURN NEXT",
        Kind::ReturnQuery(_) => "RETURN QUERY",
        Kind::Raise(_) => "RAISE",
        Kind::Assert(..) => "ASSERT",
        Kind::Sql(..) => "SQL statement",
        Kind::Perform(_) => "PERFORM",
        Kind::Execute(..) => "EXECUTE",
        Kind::Diagnostics(..) => "GET DIAGNOSTICS",
        Kind::Open(..) => "OPEN",
        Kind::Fetch(..) => "FETCH",
        Kind::Close(_) => "CLOSE",
        Kind::Null => "NULL",
        Kind::End(what) => what,
    }
}
