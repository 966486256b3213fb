//! Answers the statements that steer the session.

use std::rc::Rc;

use pgwire::messages::data::FieldDescription;
use sqlparser::ast::{DataType, Expr};

use super::{
    Session,
    cursor::Options,
    plans::{Compiled, Named, Prepared},
    run::{Delivery, Done},
};
use crate::{
    encode::Format,
    error::{Result, SqlError, SqlState},
    parse::{
        Node, Parsed,
        command::{Command, Discard, Modes, SettingValue},
    },
    types::oid,
};

impl Session {
    /// Answers a command. The caller has opened a block and refused what an aborted one refuses.
    pub(super) fn command(&mut self, command: &Command, prepared: &Rc<Prepared>, delivery: Delivery<'_>) -> Result<Done> {
        let fixed = match command {
            Command::Begin(modes, begin) => {
                self.begin_block(*modes)?;
                if *begin { "BEGIN" } else { "START TRANSACTION" }
            }
            Command::Commit { chain } => self.commit(*chain)?,
            Command::Rollback { chain } => {
                self.rollback(*chain)?;
                "ROLLBACK"
            }
            Command::Savepoint(name) => {
                self.savepoint(name.clone())?;
                "SAVEPOINT"
            }
            Command::Release(name) => {
                self.release_savepoint(name)?;
                "RELEASE"
            }
            Command::RollbackTo(name) => {
                self.rollback_to(name)?;
                "ROLLBACK"
            }
            Command::SetTransaction(modes) => {
                self.set_transaction(*modes)?;
                "SET"
            }
            Command::SetCharacteristics(modes) => {
                self.set_characteristics(*modes)?;
                "SET"
            }
            Command::Set { name, value, local } => {
                self.set(name, value, *local)?;
                "SET"
            }
            Command::Reset(name) => {
                match name {
                    Some(name) => self.shared.settings.borrow_mut().reset(name)?,
                    None => self.shared.settings.borrow_mut().reset_all(),
                }
                "RESET"
            }
            Command::Show(name) => return self.show(name.as_deref(), delivery),
            Command::Execute { name, arguments } => return self.execute(name, arguments, delivery),
            Command::Fetch { name, direction, moves } => return self.fetch(name, *direction, *moves, delivery),
            Command::Copy(copy) => return self.copy(copy, prepared),
            Command::Explain(statement, options) => return self.explain(statement, options, prepared, delivery),
            other => self.other(other, prepared)?,
        };
        Ok(Done::Fixed(fixed))
    }

    /// The commands that answer with nothing but their tag.
    fn other(&mut self, command: &Command, prepared: &Rc<Prepared>) -> Result<&'static str> {
        Ok(match command {
            Command::Prepare { name, types, statement, span } => {
                self.prepare(name, types, statement, span.clone(), prepared)?;
                "PREPARE"
            }
            Command::Deallocate(None) => {
                self.shared.statements.borrow_mut().clear();
                "DEALLOCATE ALL"
            }
            Command::Deallocate(Some(name)) => {
                self.statement(name)?;
                self.shared.statements.borrow_mut().remove(name);
                "DEALLOCATE"
            }
            Command::Declare { name, binary, scroll, hold, query } => {
                self.declare(name, query, Options { binary: *binary, scroll: *scroll, hold: *hold }, prepared)?;
                "DECLARE CURSOR"
            }
            Command::Close(name) => {
                self.close(name.as_deref())?;
                if name.is_some() { "CLOSE CURSOR" } else { "CLOSE CURSOR ALL" }
            }
            Command::Listen(channel) => {
                self.block.listens.push((Some(channel.clone()), true));
                "LISTEN"
            }
            Command::Unlisten(channel) => {
                self.block.listens.push((channel.clone(), false));
                "UNLISTEN"
            }
            Command::Notify { channel, payload } => {
                self.shared.notify(channel, payload)?;
                "NOTIFY"
            }
            Command::Discard(what) => self.discard(*what)?,
            Command::Lock { tables, mode, nowait } => {
                self.lock(tables, mode, *nowait)?;
                "LOCK TABLE"
            }
            Command::Do { language, body } => {
                self.run_block(language, body)?;
                "DO"
            }
            Command::Checkpoint => {
                self.reader.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).map_err(crate::execute::failure::plain)?;
                "CHECKPOINT"
            }
            Command::SetConstraints { names, deferred } => {
                self.set_constraints(names.as_deref(), *deferred)?;
                "SET CONSTRAINTS"
            }
            Command::Maintain(kind, names) => self.maintain(*kind, names)?,
            Command::CreateDatabase { name, template } => {
                self.create_database(name, template.as_deref())?;
                "CREATE DATABASE"
            }
            Command::DropDatabase { name, if_exists, force } => {
                self.drop_database(name, *if_exists, *force)?;
                "DROP DATABASE"
            }
            _ => return Err(SqlError::internal("this command is answered elsewhere")),
        })
    }

    /// The columns that a statement will answer with; none where it answers with a tag alone.
    pub(super) fn description(&mut self, prepared: &Rc<Prepared>, formats: &[Format]) -> Result<Option<Vec<FieldDescription>>> {
        let command = match &prepared.parsed.node {
            node if super::stages::defines(node) => return Ok(None),
            Node::Statement(_) | Node::Definition(_) | Node::Change(_) => {
                self.enter_block();
                let compiled = self.compile(prepared)?;
                return Ok(Some(compiled.columns.describe(&compiled.plan.columns, formats)));
            }
            Node::Command(command) => command,
        };
        match &**command {
            Command::Show(Some(name)) => {
                let shown = self.setting_name(name);
                Ok(Some(text_fields(&[&shown])))
            }
            Command::Show(None) => Ok(Some(text_fields(&["name", "setting", "description"]))),
            Command::Explain(_, options) => Ok(Some(super::explain::fields(options))),
            Command::Fetch { name, moves: false, .. } => self.describe_cursor(name, formats),
            Command::Execute { name, .. } => {
                let inner = self.statement(name)?;
                if self.has_plan(name) {
                    self.compile_named(name)?;
                }
                self.description(&inner, formats)
            }
            _ => Ok(None),
        }
    }

    fn set_transaction(&mut self, modes: Modes) -> Result<()> {
        if !self.in_some_block() {
            self.warn(SqlState::NO_ACTIVE_SQL_TRANSACTION, "SET TRANSACTION can only be used in transaction blocks");
        }
        self.set_modes(modes)
    }

    fn set_characteristics(&mut self, modes: Modes) -> Result<()> {
        let mut settings = self.shared.settings.borrow_mut();
        let mut set = |name: &str, value: &str| settings.set(name, &SettingValue::List(vec![value.to_owned()]), false).map(drop);
        if let Some(isolation) = modes.isolation {
            set("default_transaction_isolation", isolation.name())?;
        }
        if let Some(read_only) = modes.read_only {
            set("default_transaction_read_only", if read_only { "on" } else { "off" })?;
        }
        if let Some(deferrable) = modes.deferrable {
            set("default_transaction_deferrable", if deferrable { "on" } else { "off" })?;
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &SettingValue, local: bool) -> Result<()> {
        if local && !self.in_some_block() {
            self.warn(SqlState::NO_ACTIVE_SQL_TRANSACTION, "SET LOCAL can only be used in transaction blocks");
        }
        if self.set_transaction_setting(name, value)? {
            return Ok(());
        }
        self.shared.settings.borrow_mut().set(name, value, local).map(drop)
    }

    /// `transaction_isolation` and its kin are the block's state rather than settings.
    fn set_transaction_setting(&mut self, name: &str, value: &SettingValue) -> Result<bool> {
        let SettingValue::List(list) = value else { return Ok(false) };
        let text = list.first().map(String::as_str).unwrap_or_default();
        let mut modes = Modes::default();
        let on = || super::settings::definition::boolean(text);
        match name {
            "transaction_isolation" => modes.isolation = crate::parse::command::Isolation::by_name(&text.to_ascii_lowercase()),
            "transaction_read_only" => modes.read_only = on(),
            "transaction_deferrable" => modes.deferrable = on(),
            _ => return Ok(false),
        }
        if modes == Modes::default() {
            // Lets the setting's own check word the refusal.
            self.shared.settings.borrow_mut().set(name, value, true)?;
        }
        self.set_modes(modes)?;
        Ok(true)
    }

    fn setting_name(&self, name: &str) -> String {
        let index = super::settings::definition::index(name);
        index.map_or_else(|| name.to_owned(), |n| super::settings::definition::all()[n].name.clone())
    }

    fn show(&mut self, name: Option<&str>, delivery: Delivery<'_>) -> Result<Done> {
        let Some(name) = name else {
            if delivery.describe {
                self.stream.output.row_description(text_fields(&["name", "setting", "description"]));
            }
            for (name, _, description) in self.shared.settings.borrow().list() {
                let value = self.shared.shown(&name).unwrap_or_default();
                self.stream.output.text_row(&[Some(&name), Some(&value), Some(&description)]);
            }
            return Ok(Done::Fixed("SHOW"));
        };
        let value = self
            .shared
            .shown(name)
            .ok_or_else(|| SqlError::new(SqlState::UNDEFINED_OBJECT, format!("unrecognized configuration parameter \"{name}\"")))?;
        if delivery.describe {
            let shown = self.setting_name(name);
            self.stream.output.row_description(text_fields(&[&shown]));
        }
        self.stream.output.text_row(&[Some(&value)]);
        Ok(Done::Fixed("SHOW"))
    }

    fn prepare(&mut self, name: &str, types: &[DataType], statement: &Node, span: std::ops::Range<usize>, from: &Prepared) -> Result<()> {
        if self.shared.statements.borrow().contains_key(name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(SqlError::new(SqlState::DUPLICATE_PREPARED_STATEMENT, message));
        }
        let catalog = self.catalog();
        let path = self.search_path();
        let declared = types.iter().map(|t| catalog.data_type(t, &path).map(|t| t.oid)).collect::<Result<Vec<_>>>()?;
        let node = statement.clone();
        let prepared = Prepared::new(from.source.clone(), Parsed { node, span }, declared);
        let first = self.compile(&prepared)?;
        let written = from.source[from.parsed.span.clone()].into();
        self.keep(name, Named::new(prepared, Some(first)).by_sql(written));
        Ok(())
    }

    fn execute(&mut self, name: &str, arguments: &[Expr], delivery: Delivery<'_>) -> Result<Done> {
        let prepared = self.statement(name)?;
        if let Node::Command(command) = &prepared.parsed.node {
            return self.command(&command.clone(), &prepared, delivery);
        }
        let compiled = self.compile_named(name)?;
        let prepared = self.statement(name)?;
        if compiled.parameters.len() != arguments.len() {
            let message = format!("wrong number of parameters for prepared statement \"{name}\"");
            let detail = format!("Expected {} parameters but got {}.", compiled.parameters.len(), arguments.len());
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).detail(detail));
        }
        let parameters = self.evaluate(arguments, &compiled)?;
        self.query(&prepared, Delivery { parameters: &parameters, ..delivery })
    }

    /// The values of EXECUTE's arguments, each cast to its parameter's type.
    pub(super) fn evaluate(&mut self, arguments: &[Expr], target: &Compiled) -> Result<Vec<rusqlite::types::Value>> {
        if arguments.is_empty() {
            return Ok(Vec::new());
        }
        let path = self.search_path();
        let cast = |(argument, ty): (&Expr, &u32)| {
            format!("CAST({argument} AS {})", target.catalog.format_type(crate::types::TypeRef::new(*ty), &path))
        };
        let list: Vec<_> = arguments.iter().zip(&target.plan.parameters).map(cast).collect();
        let sql: Rc<str> = format!("SELECT {}", list.join(", ")).into();
        let parsed = crate::parse::parse(&sql)?.pop().ok_or_else(|| SqlError::internal("no statement"))?;
        let compiled = self.compile(&Prepared::new(sql, parsed, Vec::new()))?;
        Ok(self.collect(&compiled, &[])?.pop().unwrap_or_default())
    }

    fn discard(&mut self, what: Discard) -> Result<&'static str> {
        let tag = match what {
            Discard::Plans => {
                self.cache.clear();
                return Ok("DISCARD PLANS");
            }
            Discard::Sequences => {
                self.shared.forget_sequences();
                return Ok("DISCARD SEQUENCES");
            }
            Discard::Temp => {
                self.discard_temporary()?;
                "DISCARD TEMP"
            }
            Discard::All => {
                self.refuse_in_block("DISCARD ALL")?;
                self.portals.clear();
                self.shared.statements.borrow_mut().clear();
                self.cache.clear();
                self.discard_temporary()?;
                self.shared.settings.borrow_mut().reset_all();
                self.shared.forget_sequences();
                self.shared.handle.unlisten(None);
                self.server.registry.locks.unlock_all(self.shared.handle.pid);
                "DISCARD ALL"
            }
        };
        Ok(tag)
    }

    /// LOCK TABLE: the modes that exclude writers take the write lock; the others have nothing to wait for, since readers never wait.
    fn lock(&mut self, tables: &[Vec<String>], mode: &str, nowait: bool) -> Result<()> {
        if !self.in_some_block() {
            let message = "LOCK TABLE can only be used in transaction blocks";
            return Err(SqlError::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message));
        }
        let catalog = self.catalog();
        let path = self.search_path();
        for table in tables {
            let (schema, name) = match table.as_slice() {
                [name] => (None, name),
                [schema, name] => (Some(schema.as_str()), name),
                _ => return Err(SqlError::unsupported("a cross-database reference")),
            };
            if catalog.relation(schema, name, &path).is_none() {
                let message = format!("relation \"{}\" does not exist", table.join("."));
                return Err(SqlError::new(SqlState::UNDEFINED_TABLE, message));
            }
        }
        if matches!(mode, "ACCESS SHARE" | "ROW SHARE") {
            return Ok(());
        }
        self.take_write_lock(nowait).map_err(|error| match tables {
            [.., table] if error.state() == SqlState::LOCK_NOT_AVAILABLE.0 && nowait => {
                let name = table.last().map(String::as_str).unwrap_or_default();
                SqlError::new(SqlState::LOCK_NOT_AVAILABLE, format!("could not obtain lock on relation \"{name}\""))
            }
            _ => error,
        })
    }
}

/// Fields of type text.
fn text_fields(names: &[&str]) -> Vec<FieldDescription> {
    names.iter().map(|name| FieldDescription::new((*name).to_owned(), 0, 0, oid::TEXT, -1, -1, 0)).collect()
}
