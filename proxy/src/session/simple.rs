//! The simple protocol: a query string enters; each of its statements is answered in turn, all in one implicit transaction unless BEGIN
//! and COMMIT among them say otherwise. The first error ends it.

use super::{
    Session,
    plans::Statements,
    run::{Delivery, Done},
};
use crate::error::Result;

impl Session {
    /// Answers a query string, up to but without ReadyForQuery.
    pub(super) fn simple_query(&mut self, sql: &str) {
        self.portals.remove("");
        self.shared.statements.borrow_mut().remove("");
        if let Err(error) = self.statements_of(sql) {
            self.fail(&error);
        }
    }

    fn statements_of(&mut self, sql: &str) -> Result<()> {
        if let Some((prepared, values)) = self.template(sql) {
            self.begin_statement(sql);
            let done = self.run_statement(&prepared, Delivery { describe: true, formats: &[], parameters: &values })?;
            self.finish_implicit()?;
            self.complete(done);
            return Ok(());
        }
        let statements = self.cache.statements(sql, &[])?;
        if statements.is_empty() {
            self.stream.output.bare(b'I');
            return Ok(());
        }
        self.among_several = statements.len() > 1;
        let outcome = self.run_all(&statements);
        self.among_several = false;
        outcome
    }

    fn run_all(&mut self, statements: &Statements) -> Result<()> {
        for (n, prepared) in statements.iter().enumerate() {
            self.begin_statement(&prepared.source);
            let done = self.run_statement(prepared, Delivery { describe: true, formats: &[], parameters: &[] })?;
            // The last statement is complete only when what it did is committed.
            if n + 1 == statements.len() {
                self.finish_implicit()?;
            }
            self.complete(done);
        }
        Ok(())
    }

    /// CommandComplete.
    pub(super) fn complete(&mut self, done: Done) {
        match done {
            Done::Rows(tag, rows) => self.stream.output.complete(tag, rows),
            Done::Fixed(tag) => self.stream.output.complete_text(tag),
            Done::Text(tag) => self.stream.output.complete_text(&tag),
        }
    }
}
