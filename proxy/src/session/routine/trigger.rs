//! Fires triggers. Enters: which ones, for which event, and the temporary table of the rows. Leaves: those rows as BEFORE triggers want them, or
//! what AFTER triggers did (`ExecBRInsertTriggers` and its kin).

use std::{rc::Rc, sync::Arc};

use peergres_sync::schema::{QualifiedName, Trigger};
use rusqlite::params_from_iter;

use super::{
    super::{
        context::{self, Context},
        services::Shared,
        variables::{Level, Variable, Variables},
    },
    Host, Routine, fields,
    host::Nested,
    plpgsql::{self, Firing},
    record,
};
use crate::{
    bind::routine::Shape,
    error::{Result, SqlError, SqlState},
    execute::{failure, plan::Fire},
    rewrite::quote_identifier,
    types::{TypeRef, Value, oid},
};

/// So many rows are taken from the temporary table at once.
const PAGE: i64 = 500;

/// A trigger made ready: its function, and its WHEN.
struct Ready {
    trigger: Arc<Trigger>,
    routine: Routine,
    body: plpgsql::Body,
    when: Option<Nested>,
}

/// The rows of one event, or none of a statement.
struct Rows<'f> {
    fire: &'f Fire,
    columns: Vec<(String, TypeRef)>,
    row: TypeRef,
    relation: u32,
}

impl Shared {
    /// Fires triggers for a step of a change.
    pub(in crate::session) fn fire_triggers(&self, fire: &Fire) -> Result<()> {
        let cx = context::current();
        let _depth = super::Depth::enter(&self.routines.depth)?;
        let relation = cx.catalog.relation(Some(&fire.table.schema), &fire.table.name, &[]);
        let relation = relation.ok_or_else(|| SqlError::internal("a trigger's table is gone"))?;
        let rows = Rows {
            fire,
            columns: relation.columns.iter().map(|column| (column.name.clone(), column.ty)).collect(),
            row: TypeRef::new(relation.oid | crate::types::ROW_OID_BIT),
            relation: relation.oid,
        };
        let ready = fire.triggers.iter().map(|trigger| self.trigger(trigger, &cx)).collect::<Result<Vec<_>>>()?;
        let host = Host::new(self, &cx, false, true);
        let done = match &fire.rows {
            None => ready.iter().try_for_each(|one| rows.run(one, &host, Value::Null, Value::Null).map(|_| ())),
            Some(name) => rows.each(name, &ready, &host),
        };
        context::enter(cx);
        done
    }

    fn trigger(&self, trigger: &Arc<Trigger>, cx: &Context) -> Result<Ready> {
        let missing = || SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("function {}() does not exist", trigger.function.name));
        let key = QualifiedName { schema: trigger.function.schema.clone(), name: format!("{}()", trigger.function.name) };
        let oid = cx.catalog.schema.oid(peergres_sync::commit::ObjectClass::Function, &key).ok_or_else(missing)?;
        let function = cx.catalog.proc(oid).and_then(|proc| proc.body.clone()).ok_or_else(missing)?;
        if function.language != "plpgsql" {
            return Err(SqlError::unsupported(format!("a trigger in language \"{}\"", function.language)));
        }
        let body = plpgsql::Body::parse(&function.body)?;
        let routine = Routine { function, types: Vec::new(), shape: Shape::Void, code: super::Code::Block };
        let when = trigger.when.as_ref().map(|when| Nested::of(&format!("SELECT {when}"))).transpose()?;
        Ok(Ready { trigger: trigger.clone(), routine, body, when })
    }
}

impl Rows<'_> {
    /// Goes through the rows of the temporary table, page by page.
    fn each(&self, name: &str, ready: &[Ready], host: &Host<'_>) -> Result<()> {
        let mut after = 0;
        loop {
            let page = self.page(name, after, host)?;
            let Some((last, ..)) = page.last() else { return Ok(()) };
            after = *last;
            for (rowid, new, old) in page {
                self.one(name, ready, host, (rowid, new, old))?;
            }
        }
    }

    /// Rows from a place on: number, NEW, OLD.
    fn page(&self, name: &str, after: i64, host: &Host<'_>) -> Result<Vec<(i64, Value, Value)>> {
        let mut list: Vec<String> = self.fire.columns.iter().map(|column| quote_identifier(column)).collect();
        if self.fire.event == 'u' {
            list.extend((0..self.columns.len()).map(|at| quote_identifier(&crate::bind::old_column(at))));
        }
        let sql =
            format!("SELECT rowid, {} FROM temp.{} WHERE rowid > ?1 ORDER BY rowid LIMIT {PAGE}", list.join(", "), quote_identifier(name));
        let width = self.columns.len();
        let cx = host.context();
        let rows = host.on_writer(|connection| {
            let mut statement = connection.prepare_cached(&sql).map_err(failure::plain)?;
            let mut rows = statement.query([after]).map_err(failure::plain)?;
            let mut out = Vec::new();
            while let Some(row) = rows.next().map_err(failure::plain)? {
                let rowid: i64 = row.get(0).map_err(failure::plain)?;
                let values = (1..=list.len()).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<Value>>>().map_err(failure::plain)?;
                out.push((rowid, values));
            }
            Ok(out)
        })?;
        rows.into_iter()
            .map(|(rowid, values)| {
                let current = record(&values[..width], &self.columns, &cx)?;
                Ok(match self.fire.event {
                    'i' => (rowid, current, Value::Null),
                    'd' => (rowid, Value::Null, current),
                    _ => (rowid, current, record(&values[width..], &self.columns, &cx)?),
                })
            })
            .collect()
    }

    /// One row through all triggers.
    fn one(&self, name: &str, ready: &[Ready], host: &Host<'_>, (rowid, new, old): (i64, Value, Value)) -> Result<()> {
        let mut now = new.clone();
        for one in ready {
            let Some(result) = self.run(one, host, now.clone(), old.clone())? else { continue };
            if !self.fire.before {
                continue;
            }
            match result {
                // The row is left out of the change.
                None => {
                    let sql = format!("DELETE FROM temp.{} WHERE rowid = ?1", quote_identifier(name));
                    return host.on_writer(|connection| execute(connection, &sql, [rowid]));
                }
                Some(row) if self.fire.event != 'd' => now = row,
                Some(_) => {}
            }
        }
        if now == new {
            return Ok(());
        }
        let cx = host.context();
        let values = fields(&now, &self.columns, &cx)?;
        let set: Vec<String> =
            self.fire.columns.iter().enumerate().map(|(at, column)| format!("{} = ?{}", quote_identifier(column), at + 2)).collect();
        let sql = format!("UPDATE temp.{} SET {} WHERE rowid = ?1", quote_identifier(name), set.join(", "));
        let values = std::iter::once(Value::Integer(rowid)).chain(values);
        host.on_writer(|connection| execute(connection, &sql, params_from_iter(values)))
    }

    /// Runs one trigger, if its WHEN holds: the row that its function returns.
    fn run(&self, ready: &Ready, host: &Host<'_>, new: Value, old: Value) -> Result<Option<Option<Value>>> {
        if let Some(when) = &ready.when
            && !self.holds(when, host, &new, &old)?
        {
            return Ok(None);
        }
        let firing = Firing { row: self.row, new, old, facts: self.facts(&ready.trigger) };
        ready.body.fire(&ready.routine, host, firing, self.fire.rows.is_some() && self.fire.before).map(Some)
    }

    fn holds(&self, when: &Nested, host: &Host<'_>, new: &Value, old: &Value) -> Result<bool> {
        let variable = |(number, name): (u32, &str)| Variable { name: name.to_owned(), ty: self.row, number };
        let variables = [(1, "new"), (2, "old")].map(variable).to_vec();
        let variables = Rc::new(Variables { levels: vec![Level { label: None, variables }], strict: false });
        let plan = host.plan(when, &variables, &[self.row, self.row], Some(&[TypeRef::new(oid::BOOL)]))?;
        let mut holds = false;
        host.run(&plan, &[new.clone(), old.clone()], &mut |row| {
            holds = row.first() == Some(&Value::Integer(1));
            Ok(std::ops::ControlFlow::Break(()))
        })?;
        Ok(holds)
    }

    fn facts(&self, trigger: &Trigger) -> Vec<(&'static str, TypeRef, Value)> {
        let text = |text: &str| Value::Text(text.to_owned());
        let (name, string) = (TypeRef::new(oid::NAME), TypeRef::new(oid::TEXT));
        let event = match self.fire.event {
            'i' => "INSERT",
            'u' => "UPDATE",
            _ => "DELETE",
        };
        let elements = trigger.arguments.iter().map(|argument| Some(argument.clone())).collect();
        let mut arguments = crate::types::array::Array::from_elements(elements).write(',');
        // Numbered from 0, as nowhere else.
        if !trigger.arguments.is_empty() {
            arguments = format!("[0:{}]={arguments}", trigger.arguments.len() - 1);
        }
        vec![
            ("tg_name", name, text(&trigger.name)),
            ("tg_when", string, text(if trigger.before { "BEFORE" } else { "AFTER" })),
            ("tg_level", string, text(if trigger.row { "ROW" } else { "STATEMENT" })),
            ("tg_op", string, text(event)),
            ("tg_relid", TypeRef::new(oid::OID), Value::Integer(self.relation.into())),
            ("tg_relname", name, text(&trigger.table.name)),
            ("tg_table_name", name, text(&trigger.table.name)),
            ("tg_table_schema", name, text(&trigger.table.schema)),
            ("tg_nargs", TypeRef::new(oid::INT4), Value::Integer(trigger.arguments.len() as i64)),
            ("tg_argv", TypeRef::new(oid::TEXT_ARRAY), Value::Text(arguments)),
        ]
    }
}

fn execute(connection: &rusqlite::Connection, sql: &str, parameters: impl rusqlite::Params) -> Result<()> {
    let done = connection.prepare_cached(sql).and_then(|mut statement| statement.execute(parameters));
    done.map(drop).map_err(failure::plain)
}
