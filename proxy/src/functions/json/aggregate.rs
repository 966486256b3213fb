//! `json_agg`, `json_object_agg` and their `jsonb` twins.

use std::collections::VecDeque;

use super::{
    build::{key, text},
    datum::{Category, base_type, category},
};
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Aggregate, Body, Call, Row, row},
    session::context::Context,
    types::{Oid, Value, json::escape, jsonb::Jsonb},
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("json_agg(anyelement)", Body::Aggregate(|_: &[Oid]| Box::new(Collected::new(Form::JsonArray)))),
    row("jsonb_agg(anyelement)", Body::Aggregate(|_: &[Oid]| Box::new(Collected::new(Form::JsonbArray)))),
    row("json_object_agg(\"any\",\"any\")", Body::Aggregate(|_: &[Oid]| Box::new(Collected::new(Form::JsonObject)))),
    row("jsonb_object_agg(\"any\",\"any\")", Body::Aggregate(|_: &[Oid]| Box::new(Collected::new(Form::JsonbObject)))),
];

/// What is made of the members.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    JsonArray,
    JsonbArray,
    JsonObject,
    JsonbObject,
}

/// The members so far, each ready to be written.
struct Collected {
    form: Form,
    members: VecDeque<String>,
    on_lines: bool,
}

impl Collected {
    fn new(form: Form) -> Self {
        Collected { form, members: VecDeque::new(), on_lines: false }
    }

    fn member(&self, call: &Call<'_>) -> Result<String> {
        if matches!(self.form, Form::JsonArray | Form::JsonbArray) {
            return text(call, 0, false);
        }
        if call.is_null(0) {
            return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "field name must not be null"));
        }
        let mut member = String::new();
        escape(&key(call, 0)?, &mut member);
        member.push_str(" : ");
        member.push_str(&text(call, 1, false)?);
        Ok(member)
    }
}

impl Aggregate for Collected {
    fn step(&mut self, call: &Call<'_>) -> Result<()> {
        let member = self.member(call)?;
        if self.form == Form::JsonArray && !call.is_null(0) {
            let ty = base_type(call.types.first().copied().unwrap_or_default(), call.cx)?;
            self.on_lines = matches!(category(ty), Category::Array | Category::Composite);
        }
        let line = self.on_lines && !self.members.is_empty();
        self.members.push_back(if line { format!("\n {member}") } else { member });
        Ok(())
    }

    fn inverse(&mut self, _: &Call<'_>) -> Result<()> {
        self.members.pop_front();
        Ok(())
    }

    fn value(&self, _: &Context) -> Result<Value> {
        if self.members.is_empty() {
            return Ok(Value::Null);
        }
        let members = self.members.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        Ok(Value::Text(match self.form {
            Form::JsonArray => format!("[{}]", members.trim_start()),
            Form::JsonObject => format!("{{ {members} }}"),
            Form::JsonbArray => Jsonb::parse(&format!("[{members}]"))?.to_storage(),
            Form::JsonbObject => Jsonb::parse(&format!("{{{members}}}"))?.to_storage(),
        }))
    }
}
