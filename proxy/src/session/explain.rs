//! EXPLAIN: a statement enters; SQLite's account of its plan leaves in PostgreSQL's frame, and with ANALYZE what running it showed.

use std::{ops::ControlFlow, rc::Rc, time::Instant};

use pgwire::messages::data::FieldDescription;

use super::{
    Session,
    block::writer,
    plans::{Compiled, Prepared},
    run::{Delivery, Done},
};
use crate::{
    error::{Result, SqlError},
    execute::{
        failure,
        plan::{Plan, Role, Tag},
    },
    explain::{Account, Measured, Row, of_steps},
    parse::{
        Node, Parsed,
        command::{Command, Explain, ExplainFormat},
    },
    types::oid,
};

/// The one column of the answer, of the type that its form has.
pub(super) fn fields(options: &Explain) -> Vec<FieldDescription> {
    let ty = match options.format {
        ExplainFormat::Text | ExplainFormat::Yaml => oid::TEXT,
        ExplainFormat::Json => oid::JSON,
        ExplainFormat::Xml => oid::XML,
    };
    vec![FieldDescription::new("QUERY PLAN".to_owned(), 0, 0, ty, -1, -1, 0)]
}

impl Session {
    /// EXPLAIN.
    pub(super) fn explain(&mut self, statement: &Node, options: &Explain, from: &Prepared, delivery: Delivery<'_>) -> Result<Done> {
        let begun = Instant::now();
        let (prepared, parameters) = self.explained(statement, from)?;
        let parameters = if parameters.is_empty() { delivery.parameters } else { &parameters };
        let compiled = self.compile(&prepared)?;
        let planning = begun.elapsed();
        if options.analyze && compiled.plan.writes {
            self.place_to_write("EXPLAIN")?;
        }
        let root =
            of_steps(&self.query_plan(&compiled.plan)?, changed(&compiled.plan).as_ref().map(|(verb, table)| (*verb, table.as_str())));
        let measured = if options.analyze { Some(self.measured(&compiled, parameters)?) } else { None };
        let account = Account { root, options, planning, measured };
        if delivery.describe {
            self.stream.output.row_description(fields(options));
        }
        for line in account.lines() {
            self.stream.output.text_row(&[Some(&line)]);
        }
        Ok(Done::Fixed("EXPLAIN"))
    }

    /// The statement that is to be explained, and its parameters where it brings them: those of EXECUTE.
    fn explained(&mut self, statement: &Node, from: &Prepared) -> Result<(Rc<Prepared>, Vec<rusqlite::types::Value>)> {
        let node = match statement {
            Node::Command(command) => match &**command {
                Command::Execute { name, arguments } => {
                    let compiled = self.compile_named(name)?;
                    return Ok((self.statement(name)?, self.evaluate(arguments, &compiled)?));
                }
                Command::Declare { query, .. } => Node::Statement(Box::new(sqlparser::ast::Statement::Query(query.clone()))),
                _ => return Err(SqlError::unsupported("EXPLAIN of this statement")),
            },
            Node::Definition(_) => return Err(SqlError::unsupported("EXPLAIN of this statement")),
            other => other.clone(),
        };
        let parsed = Parsed { node, span: from.parsed.span.clone() };
        Ok((Prepared::new(from.source.clone(), parsed, from.declared.clone()), Vec::new()))
    }

    /// SQLite's account of each step that gives or changes rows, with the step's text.
    fn query_plan(&mut self, plan: &Plan) -> Result<Vec<(String, Vec<Row>)>> {
        let reader = self.place_to_read()?;
        let shared = self.shared.clone();
        let open = shared.open.borrow();
        let connection = match &reader {
            Some(reader) => reader,
            None => writer(&open)?.connection(),
        };
        let mut steps = Vec::new();
        for step in plan.steps.iter().filter(|step| step.role != Role::Auxiliary) {
            // A step that reads what the one before it makes can't be looked at by itself.
            let Ok(mut explain) = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", step.sql)) else { continue };
            let row = |row: &rusqlite::Row<'_>| Ok(Row { id: row.get(0)?, parent: row.get(1)?, detail: row.get(3)? });
            // Not bound: a plan does not depend on its parameters' values.
            let rows = explain.raw_query().mapped(row).collect::<rusqlite::Result<_>>().map_err(failure::plain)?;
            steps.push((step.sql.clone(), rows));
        }
        Ok(steps)
    }

    /// Runs the statement for its rows' number and the time that it takes.
    fn measured(&mut self, compiled: &Compiled, parameters: &[rusqlite::types::Value]) -> Result<Measured> {
        let begun = Instant::now();
        let mut rows = 0;
        self.run(compiled, parameters, &mut |_, _| {
            rows += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Measured { rows, execution: begun.elapsed() })
    }
}

/// What a plan does to which table.
fn changed(plan: &Plan) -> Option<(&'static str, String)> {
    let verb = match plan.tag {
        Tag::Insert => "Insert",
        Tag::Update => "Update",
        Tag::Delete => "Delete",
        Tag::Merge => "Merge",
        Tag::Select | Tag::Fixed(_) => return None,
    };
    let target = plan.steps.iter().find_map(|step| step.target.as_ref())?;
    Some((verb, target.table.name.clone()))
}
