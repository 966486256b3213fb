//! `DO`: a body without a name, run outside of any other statement, so that it can define objects too.

use std::sync::Arc;

use peergres_sync::schema::{Function, FunctionProperties, QualifiedName};

use super::{Host, Routine, plpgsql};
use crate::{
    bind::routine::{Shape, writes},
    error::{Result, SqlError, SqlState},
    session::{Session, context, run::tell_remarks},
};

impl Session {
    /// Runs the body of DO.
    pub(in crate::session) fn run_block(&mut self, language: &str, body: &str) -> Result<()> {
        match language {
            "plpgsql" => {}
            "sql" => {
                let message = format!("language \"{language}\" does not support inline code execution");
                return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            _ => return Err(SqlError::unsupported(format!("language \"{language}\""))),
        }
        let function = Function {
            name: QualifiedName { schema: String::new(), name: String::new() },
            arguments: Vec::new(),
            modes: String::new(),
            returns: "void".to_owned(),
            returns_set: false,
            volatility: 'v',
            strict: false,
            body: body.to_owned(),
            language: language.to_owned(),
            procedure: false,
            atomic: false,
            properties: FunctionProperties::default(),
            comment: None,
        };
        let body = plpgsql::Body::parse(&function.body)?;
        let mut catalog = self.catalog();
        if writes(&function, &catalog) {
            self.place_to_write("DO")?;
            catalog = self.catalog();
        } else {
            self.place_to_read()?;
        }
        let cx = self.context(catalog);
        context::enter(cx.clone());
        let shared = self.shared.clone();
        let routine = Routine { function: Arc::new(function), types: Vec::new(), shape: Shape::Void, code: super::Code::Block };
        let done = body.run(&routine, &Host::new(&shared, &cx, true, true), Vec::new());
        let least = shared.settings.borrow().derived().least_notice;
        tell_remarks(&shared, &mut self.stream, least);
        done?;
        self.note_made();
        Ok(())
    }
}
