//! Runs one statement: a prepared statement and its parameters enter; rows go to the client or into a spool, and how it ended leaves.

use std::{
    ops::ControlFlow,
    rc::Rc,
    sync::Arc,
    time::{Instant, SystemTime},
};

use rusqlite::{Row, types::Value};
use sqlparser::ast::{NonBlock, Select, SetExpr, Statement, TableFactor};

use super::{
    Session,
    block::{now, writer},
    context,
    plans::{Compiled, Prepared},
    services::Shared,
    stages,
    wire::{Severity, Stream},
};
use crate::{
    define::Written,
    encode::Format,
    error::{Result, SqlError, SqlState},
    execute::{
        Execution,
        plan::{Plan, Tag},
    },
    parse::{Node, command::Command},
};

/// How a statement ended.
pub(super) enum Done {
    /// With rows to count.
    Rows(Tag, u64),
    /// With a fixed tag.
    Fixed(&'static str),
    /// With another tag.
    Text(String),
}

/// How the client wants the result.
#[derive(Clone, Copy)]
pub(super) struct Delivery<'a> {
    /// Whether a RowDescription goes first (the simple protocol).
    pub describe: bool,
    /// Formats of the columns.
    pub formats: &'a [Format],
    /// Parameters in storage form.
    pub parameters: &'a [Value],
}

/// Takes a row of a result.
pub(super) type Sink<'s> = dyn FnMut(&mut Stream, &Row<'_>) -> Result<ControlFlow<()>> + 's;

impl Session {
    /// Readies the session for a statement: the clock, the interrupt flag, what others see.
    pub(super) fn begin_statement(&mut self, text: &str) {
        self.shared.handle.begin_statement();
        self.statement_time = now();
        self.report_cursors();
        let mut activity = self.shared.handle.activity.lock();
        activity.state = "active";
        let time = SystemTime::now();
        activity.query_start = Some(time);
        activity.state_change = time;
        if activity.transaction_start.is_none() {
            activity.transaction_start = Some(time);
        }
        if *activity.query != *text {
            activity.query = Arc::from(text);
        }
    }

    /// Runs a statement under its timeout.
    pub(super) fn run_statement(&mut self, prepared: &Rc<Prepared>, delivery: Delivery<'_>) -> Result<Done> {
        let timeout = self.shared.settings.borrow().derived().statement_timeout;
        let server = self.server.clone();
        let _watched = timeout.map(|t| server.watchdog.watch(Instant::now() + t, &self.shared.handle));
        let done = self.dispatch(prepared, delivery);
        done.map_err(|error| self.shared.interrupted_or(error))
    }

    fn dispatch(&mut self, prepared: &Rc<Prepared>, delivery: Delivery<'_>) -> Result<Done> {
        match &prepared.parsed.node {
            Node::Command(command) => {
                let ends_block = matches!(**command, Command::Commit { .. } | Command::Rollback { .. } | Command::RollbackTo(_));
                if !ends_block {
                    self.refuse_if_failed()?;
                }
                self.enter_block();
                self.command(command, prepared, delivery)
            }
            node => {
                self.refuse_if_failed()?;
                self.enter_block();
                if stages::defines(node) { self.define(node, prepared) } else { self.query(prepared, delivery) }
            }
        }
    }

    /// A statement with a plan, its rows sent as they come.
    pub(super) fn query(&mut self, prepared: &Prepared, delivery: Delivery<'_>) -> Result<Done> {
        let mut compiled = self.compile(prepared)?;
        if compiled.plan.parameters.len() > delivery.parameters.len() {
            return Err(no_parameter(delivery.parameters.len() + 1, &prepared.source));
        }
        for attempt in 0.. {
            if compiled.plan.writes {
                self.lock_rows(prepared, &compiled.plan)?;
                // The schema may have changed while this waited for the lock.
                compiled = self.compile(prepared)?;
            }
            let sent = self.stream.output.bytes.len();
            // Only the extended protocol, which describes by itself, brings parameters.
            if let (true, Some(_)) = (delivery.describe && delivery.parameters.is_empty(), compiled.plan.parameters.first()) {
                return Err(SqlError::new(SqlState::UNDEFINED_PARAMETER, "there is no parameter $1"));
            }
            let has_rows = !compiled.plan.columns.is_empty() || matches!(compiled.plan.tag, crate::execute::plan::Tag::Select);
            if delivery.describe && has_rows {
                let fields = compiled.columns.describe(&compiled.plan.columns, delivery.formats);
                self.stream.output.row_description(fields);
            }
            let described = self.stream.output.bytes.len();
            let cx = self.context(compiled.catalog.clone());
            let columns = &compiled.columns;
            let counted = self.run(&compiled, delivery.parameters, &mut |stream, row| {
                columns.row(row, delivery.formats, &cx, &mut stream.output.bytes)?;
                stream.flush_if_full().map_err(|_| connection_lost())?;
                Ok(ControlFlow::Continue(()))
            });
            match counted {
                Ok(rows) => return Ok(Done::Rows(compiled.plan.tag, rows)),
                Err(error) => {
                    // A plan made for a schema that has changed since: once more with the new one, if the client has seen nothing yet.
                    let untouched = self.stream.output.bytes.len() == described;
                    if attempt > 0 || !untouched || self.schema().generation == compiled.catalog.schema.generation {
                        return Err(error);
                    }
                    self.stream.output.bytes.truncate(sent);
                    compiled = self.compile(prepared)?;
                }
            }
        }
        unreachable!("the loop leaves at its second turn at the latest")
    }

    /// The write lock for a statement: it stands for the locks on rows, so that NOWAIT is about it.
    fn lock_rows(&mut self, prepared: &Prepared, plan: &Plan) -> Result<()> {
        // What lies in temporary tables is the session's own, and may be changed even then.
        let is_temporary = |target: &crate::execute::plan::Target| target.table.schema.starts_with("pg_temp");
        let mut targets = plan.steps.iter().filter_map(|step| step.target.as_deref()).peekable();
        if targets.peek().is_none() || !targets.all(is_temporary) {
            self.refuse_if_read_only(statement_name(prepared, plan))?;
        }
        let Some(relation) = relation_not_waited_for(prepared) else { return self.take_write_lock(false) };
        self.take_write_lock(true).map_err(|error| match error.state() == SqlState::LOCK_NOT_AVAILABLE.0 {
            true => SqlError::new(SqlState::LOCK_NOT_AVAILABLE, format!("could not obtain lock on row in relation \"{relation}\"")),
            false => error,
        })
    }

    /// Runs a plan where the transaction's state says; each row goes to the sink. Answers the rows that count for the tag.
    pub(super) fn run(&mut self, compiled: &Compiled, parameters: &[Value], sink: &mut Sink<'_>) -> Result<u64> {
        context::enter(self.context(compiled.catalog.clone()));
        self.run_again(compiled, parameters, sink)
    }

    /// [`Session::run`] in the context that already stands: for a plan run many times over.
    pub(super) fn run_again(&mut self, compiled: &Compiled, parameters: &[Value], sink: &mut Sink<'_>) -> Result<u64> {
        let reader = if compiled.plan.writes { None } else { self.place_to_read()? };
        let shared = self.shared.clone();
        let open = shared.open.borrow();
        let connection = match &reader {
            Some(reader) => reader,
            None => writer(&open)?.connection(),
        };
        let execution = Execution { connection, schema: &compiled.catalog.schema, timing: &self.block.timing };
        // Several steps of a reading plan must see one snapshot.
        let together = reader.is_some() && compiled.plan.steps.len() > 1 && connection.is_autocommit();
        let failed = |e| shared.interrupted_or(crate::execute::failure::plain(e));
        if together {
            connection.execute_batch("BEGIN").map_err(failed)?;
        }
        let stream = &mut self.stream;
        shared.orders.borrow_mut().clear();
        let least = shared.settings.borrow().derived().least_notice;
        let counted = execution.run(&compiled.plan, parameters, &mut |row| {
            tell_remarks(&shared, stream, least);
            sink(stream, row)
        });
        tell_remarks(&shared, stream, least);
        if together && !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK").map_err(failed)?;
        }
        let counted = counted.map_err(|e| shared.interrupted_or(e))?;
        drop(open);
        if !shared.orders.borrow().is_empty() {
            shared.carry_out_orders()?;
        }
        self.note_made();
        Ok(counted)
    }

    /// Temporary tables that functions made.
    pub(super) fn note_made(&mut self) {
        if !self.shared.made.borrow().is_empty() {
            let made = self.shared.made.take();
            self.note_temporary(made);
        }
    }

    /// Runs a plan for its rows alone.
    pub(super) fn collect(&mut self, compiled: &Compiled, parameters: &[Value]) -> Result<Vec<Vec<Value>>> {
        if compiled.plan.writes {
            self.place_to_write("SELECT")?;
        }
        let width = compiled.columns.0.len();
        let mut rows = Vec::new();
        self.run(compiled, parameters, &mut |_, row| {
            let values = (0..width).map(|n| row.get::<_, Value>(n)).collect::<rusqlite::Result<Vec<_>>>();
            rows.push(values.map_err(crate::execute::failure::plain)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(rows)
    }

    /// A statement that defines objects.
    fn define(&mut self, node: &Node, prepared: &Prepared) -> Result<Done> {
        self.place_to_write(stages::tag(node))?;
        let catalog = self.catalog();
        let cx = self.context(catalog);
        context::enter(cx.clone());
        let shared = self.shared.clone();
        let mut open = shared.open.borrow_mut();
        let transaction = open.as_mut().ok_or_else(|| SqlError::internal("no write transaction is open"))?;
        let written = Written { node, source: &prepared.source, text: &prepared.source[prepared.parsed.span.clone()] };
        let outcome = stages::run_definition(written, transaction, &cx)?;
        drop(open);
        self.note_temporary(outcome.on_commit);
        for notice in &outcome.notices {
            self.notice(Severity::Notice, notice);
        }
        Ok(match outcome.rows {
            Some(rows) => Done::Rows(Tag::Select, rows),
            None => Done::Fixed(stages::tag(node)),
        })
    }
}

/// Hands the client what functions had to say.
pub(super) fn tell_remarks(shared: &Shared, stream: &mut Stream, least: u8) {
    if shared.warnings.borrow().is_empty() {
        return;
    }
    for (severity, remark) in shared.warnings.take() {
        if severity.rank() >= least {
            stream.output.notice(severity, &remark);
        }
    }
}

fn connection_lost() -> SqlError {
    SqlError::new(SqlState::CONNECTION_FAILURE, "connection to client lost")
}

/// The first relation of a query whose locks are asked for with NOWAIT.
fn relation_not_waited_for(prepared: &Prepared) -> Option<String> {
    let Node::Statement(statement) = &prepared.parsed.node else { return None };
    let Statement::Query(query) = &**statement else { return None };
    query.locks.iter().find(|lock| lock.nonblock == Some(NonBlock::Nowait))?;
    let named = |select: &Select| match &select.from.first()?.relation {
        TableFactor::Table { name, .. } => name.0.last()?.as_ident().map(crate::parse::fold),
        _ => None,
    };
    match &*query.body {
        SetExpr::Select(select) => Some(named(select).unwrap_or_default()),
        _ => Some(String::new()),
    }
}

/// The statement's name as 25006 says it.
fn statement_name(prepared: &Prepared, plan: &Plan) -> &'static str {
    match plan.tag {
        Tag::Insert => "INSERT",
        Tag::Update => "UPDATE",
        Tag::Delete => "DELETE",
        Tag::Merge => "MERGE",
        Tag::Fixed(tag) => tag,
        Tag::Select => match &prepared.parsed.node {
            Node::Statement(statement) => match &**statement {
                Statement::Query(query) if !query.locks.is_empty() => "SELECT FOR UPDATE",
                _ => "nextval()",
            },
            Node::Command(_) | Node::Definition(_) | Node::Change(_) => "SELECT",
        },
    }
}

/// 42P02, for a `$n` that nothing gives a value, as in the simple protocol.
fn no_parameter(number: usize, source: &str) -> SqlError {
    let name = format!("${number}");
    let position = source.find(&name).map_or(0, |at| source[..at].chars().count() + 1);
    SqlError::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter {name}")).at(position)
}
