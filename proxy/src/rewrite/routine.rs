//! Calls of functions that users made: in their place stands their one expression, or a call that hands them to the session
//! ([`crate::session::context::Services::routine`]), which runs their body.

use super::{Printer, quote_identifier, quote_text};
use crate::{
    bind::{
        self,
        tree::{Call, FromFunction},
    },
    error::{Result, SqlError},
    types::TypeRef,
};

/// The function that runs a body; it may give another answer each time.
const RUN: &str = "peergres.routine(\"any\")";
/// The same for a function that is declared immutable.
const RUN_IMMUTABLE: &str = "peergres.immutable_routine(\"any\")";
/// The function that gives the rows of a body.
const ROWS: &str = "peergres.routine_rows(\"any\")";

impl Printer<'_> {
    /// A call in an expression.
    pub(super) fn routine(&mut self, call: &Call, result: TypeRef) -> Result<String> {
        if let Some(expr) = bind::routine::inlined(call, result, self.cx) {
            return self.expression(&expr);
        }
        let signature = if call.proc.volatility == 'i' { RUN_IMMUTABLE } else { RUN };
        let (types, args) = self.routine_call(call, result)?;
        Ok(format!("{}({}, {})", quote_identifier(signature), quote_text(&types), args.join(", ")))
    }

    /// A call in FROM, as a table.
    pub(super) fn routine_table(&mut self, call: &Call, function: &FromFunction) -> Result<String> {
        let (mut types, args) = self.routine_call(call, function.expr.ty)?;
        if function.defined {
            let columns: Vec<String> =
                function.columns.iter().map(|c| format!("{}/{}:{}", self.base(c.ty.concrete()), c.ty.typmod, c.name)).collect();
            types += &format!(";{}", columns.join("\u{1f}"));
        }
        Ok(format!("{}({}, {})", quote_identifier(ROWS), quote_text(&types), args.join(", ")))
    }

    /// The types of the call, and what it passes on: the function's schema and name, then the arguments.
    fn routine_call(&mut self, call: &Call, result: TypeRef) -> Result<(String, Vec<String>)> {
        let Some(function) = &call.proc.body else { return Err(SqlError::internal("a function that no user made")) };
        let args = super::call::gather_variadic(&call.proc, &call.args, call.variadic_array);
        let printed = self.all(&args)?;
        let name = peergres_sync::schema::Object::Function((**function).clone()).name();
        let mut all = vec![quote_text(&name.schema), quote_text(&name.name)];
        all.extend(printed);
        Ok((self.types_literal(&args, result.concrete()), all))
    }
}
