//! The extended protocol: Parse, Bind, Describe, Execute and Close enter; their answers leave. An error ends the message, and the loop
//! skips to Sync.

use std::{ops::ControlFlow, rc::Rc};

use rusqlite::types::Value;

use super::{
    Session,
    cursor::{Portal, Rows},
    plans::{Compiled, Named, Prepared},
    run::{Delivery, Done},
    spool::Spool,
    wire::{Bind, Frontend, Target},
};
use crate::{
    encode::Format,
    error::{Result, SqlError, SqlState},
    parse::{Node, Parsed, command::Command},
};

impl Session {
    /// Answers one message of the extended protocol.
    pub(super) fn extended(&mut self, message: Frontend<'_>) -> Result<()> {
        match message {
            Frontend::Parse { name, query, types } => self.parse_message(name, query, types),
            Frontend::Bind(bind) => self.bind_message(bind),
            Frontend::Describe(Target::Statement(name)) => self.describe_statement(name),
            Frontend::Describe(Target::Portal(name)) => self.describe_portal(name),
            Frontend::Execute { portal, limit } => self.execute_message(portal, limit),
            Frontend::Close(Target::Statement(name)) => {
                self.shared.statements.borrow_mut().remove(name);
                self.stream.output.bare(b'3');
                Ok(())
            }
            Frontend::Close(Target::Portal(name)) => {
                self.portals.remove(name);
                self.stream.output.bare(b'3');
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn parse_message(&mut self, name: &str, query: &str, types: Vec<u32>) -> Result<()> {
        if name.is_empty() {
            self.shared.statements.borrow_mut().remove("");
        } else if self.shared.statements.borrow().contains_key(name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(SqlError::new(SqlState::DUPLICATE_PREPARED_STATEMENT, message));
        }
        let statements = self.cache.statements(query, &types)?;
        let prepared = match &*statements {
            [] => empty(),
            [one] => one.clone(),
            _ => {
                let message = "cannot insert multiple commands into a prepared statement";
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
            }
        };
        if !ends_block(&prepared) {
            self.refuse_if_failed()?;
        }
        // Names and types are resolved now, so that errors come where PostgreSQL raises them.
        let mut first = None;
        if plannable(&prepared) {
            self.enter_block();
            first = Some(self.compile(&prepared)?);
        }
        self.keep(name, Named::new(prepared, first));
        self.stream.output.bare(b'1');
        Ok(())
    }

    fn bind_message(&mut self, bind: Bind<'_>) -> Result<()> {
        let prepared = self.statement(bind.statement)?;
        if !ends_block(&prepared) {
            self.refuse_if_failed()?;
        }
        let formats = |codes: &[i16]| codes.iter().map(|c| Format::by_code(*c)).collect::<Result<Vec<_>>>();
        let given = formats(&bind.parameter_formats)?;
        if given.len() > 1 && given.len() != bind.parameters.len() {
            let message = format!("bind message has {} parameter formats but {} parameters", given.len(), bind.parameters.len());
            return Err(SqlError::new(SqlState::PROTOCOL_VIOLATION, message));
        }
        if !bind.portal.is_empty() && self.portals.contains_key(bind.portal) {
            let message = format!("cursor \"{}\" already exists", bind.portal);
            return Err(SqlError::new(SqlState::DUPLICATE_CURSOR, message));
        }
        let results = formats(&bind.result_formats)?;
        let mut parameters = Vec::new();
        let mut compiled = None;
        if plannable(&prepared) {
            self.enter_block();
            let plan = self.compile_named(bind.statement)?;
            if results.len() > 1 && results.len() != plan.columns.0.len() {
                let message = format!("bind message has {} result formats but query has {} columns", results.len(), plan.columns.0.len());
                return Err(SqlError::new(SqlState::PROTOCOL_VIOLATION, message));
            }
            let cx = self.context(plan.catalog.clone());
            if !bind.parameters.is_empty() {
                super::context::enter(cx.clone());
            }
            parameters = plan.parameters(&bind.parameters, &given, bind.statement, &cx)?;
            compiled = Some(plan);
        } else if !bind.parameters.is_empty() {
            let message = format!(
                "bind message supplies {} parameters, but prepared statement \"{}\" requires 0",
                bind.parameters.len(),
                bind.statement
            );
            return Err(SqlError::new(SqlState::PROTOCOL_VIOLATION, message));
        }
        // The statement's form may have been fixed anew just now.
        let prepared = self.statement(bind.statement)?;
        let portal = Portal::bound(prepared, parameters, results, compiled, self.block.savepoints.len());
        self.portals.insert(bind.portal.to_owned(), portal);
        self.stream.output.bare(b'2');
        Ok(())
    }

    fn describe_statement(&mut self, name: &str) -> Result<()> {
        let prepared = self.statement(name)?;
        if plannable(&prepared) {
            self.refuse_if_failed()?;
            self.enter_block();
            let compiled = self.compile_named(name)?;
            self.stream.output.parameter_description(&compiled.plan.parameters);
        } else {
            self.stream.output.parameter_description(&[]);
        }
        self.describe(&prepared, &[])
    }

    fn portal(&self, name: &str) -> Result<&Portal> {
        self.portals.get(name).ok_or_else(|| SqlError::new(SqlState::INVALID_CURSOR_NAME, format!("portal \"{name}\" does not exist")))
    }

    fn describe_portal(&mut self, name: &str) -> Result<()> {
        let portal = self.portal(name)?;
        let (prepared, formats) = (portal.prepared.clone(), portal.formats.clone());
        if !ends_block(&prepared) {
            self.refuse_if_failed()?;
        }
        self.describe(&prepared, &formats)
    }

    /// RowDescription or NoData.
    fn describe(&mut self, prepared: &Rc<Prepared>, formats: &[Format]) -> Result<()> {
        match self.description(prepared, formats)? {
            Some(fields) if !fields.is_empty() || selects(prepared) => self.stream.output.row_description(fields),
            _ => self.stream.output.bare(b'n'),
        }
        Ok(())
    }

    fn execute_message(&mut self, name: &str, limit: i32) -> Result<()> {
        let portal = self.portal(name)?;
        let prepared = portal.prepared.clone();
        if is_empty(&prepared) {
            self.stream.output.bare(b'I');
            return Ok(());
        }
        self.begin_statement(&prepared.source);
        let portal = self.portal(name)?;
        if matches!(portal.rows, Rows::Spooled(_)) {
            self.refuse_if_failed()?;
            return self.resume(name, limit);
        }
        if matches!(portal.rows, Rows::Done) {
            let message = format!("portal \"{name}\" cannot be run");
            return Err(SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
        }
        let formats = portal.formats.clone();
        let parameters = portal.parameters.clone();
        let reads_rows = portal.compiled.as_ref().is_some_and(|c| !c.plan.columns.is_empty());
        if let Some(portal) = self.portals.get_mut(name) {
            portal.rows = Rows::Done;
        }
        if limit > 0 && reads_rows {
            return self.execute_limited(name, &prepared, limit as usize);
        }
        let done = self.run_statement(&prepared, Delivery { describe: false, formats: &formats, parameters: &parameters })?;
        self.complete(done);
        Ok(())
    }

    /// Runs a portal to its end, sets its rows aside, and sends the first of them.
    fn execute_limited(&mut self, name: &str, prepared: &Rc<Prepared>, limit: usize) -> Result<()> {
        let parameters = self.portal(name)?.parameters.clone();
        let (compiled, spool) = self.set_aside(prepared, &parameters, "SELECT")?;
        if let Some(portal) = self.portals.get_mut(name) {
            portal.compiled = Some(compiled);
            portal.rows = Rows::Spooled(spool);
        }
        self.resume(name, limit.try_into().unwrap_or(i32::MAX))
    }

    /// Runs a statement to its end; its rows, set aside, and the plan that they are of.
    pub(super) fn set_aside(&mut self, prepared: &Rc<Prepared>, parameters: &[Value], what: &str) -> Result<(Rc<Compiled>, Spool)> {
        self.enter_block();
        self.refuse_if_failed()?;
        let mut compiled = self.compile(prepared)?;
        if compiled.plan.writes {
            self.place_to_write(what)?;
            compiled = self.compile(prepared)?;
        }
        let mut spool = Spool::default();
        let width = compiled.columns.0.len();
        self.run(&compiled, parameters, &mut |_, row| {
            spool.push(row, width)?;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((compiled, spool))
    }

    /// Sends the next rows of a portal whose rows were set aside.
    fn resume(&mut self, name: &str, limit: i32) -> Result<()> {
        let Some(mut portal) = self.portals.remove(name) else { return Ok(()) };
        let outcome = self.send_next(&mut portal, limit);
        self.portals.insert(name.to_owned(), portal);
        match outcome? {
            Some(done) => self.complete(done),
            None => self.stream.output.bare(b's'),
        }
        Ok(())
    }

    fn send_next(&mut self, portal: &mut Portal, limit: i32) -> Result<Option<Done>> {
        let (Some(compiled), Rows::Spooled(spool)) = (&portal.compiled, &mut portal.rows) else {
            return Err(SqlError::internal("the portal has no rows"));
        };
        let cx = self.context(compiled.catalog.clone());
        let wanted = if limit > 0 { limit as usize } else { usize::MAX };
        let first = portal.position as usize;
        let end = first.saturating_add(wanted).min(spool.len());
        for n in first..end {
            let row = spool.row(n)?;
            let values: Vec<_> = row.iter().map(rusqlite::types::ValueRef::from).collect();
            compiled.columns.values(&values, &portal.formats, &cx, &mut self.stream.output.bytes)?;
            self.stream.flush_if_full().map_err(|e| SqlError::new(SqlState::CONNECTION_FAILURE, e.to_string()))?;
        }
        portal.position = end as i64;
        // As in PostgreSQL: a limit that is just met suspends, even where no row is left.
        if end - first == wanted {
            return Ok(None);
        }
        Ok(Some(Done::Rows(compiled.plan.tag, (end - first) as u64)))
    }
}

/// Whether a statement goes through `bind`.
fn plannable(prepared: &Prepared) -> bool {
    !matches!(&prepared.parsed.node, Node::Command(_)) && !super::stages::defines(&prepared.parsed.node)
}

/// Whether a statement answers with rows even where it selects no column.
fn selects(prepared: &Prepared) -> bool {
    matches!(&prepared.parsed.node, Node::Statement(_))
}

/// Whether a statement may run in a block that an error aborted.
fn ends_block(prepared: &Prepared) -> bool {
    matches!(&prepared.parsed.node, Node::Command(c) if matches!(**c, Command::Commit { .. } | Command::Rollback { .. } | Command::RollbackTo(_)))
}

/// The empty statement, a DISCARD of nothing with no text.
fn empty() -> Rc<Prepared> {
    let node = Node::Command(Box::new(Command::Rollback { chain: false }));
    Prepared::new("".into(), Parsed { node, span: 0..0 }, Vec::new())
}

fn is_empty(prepared: &Prepared) -> bool {
    prepared.source.is_empty()
}
