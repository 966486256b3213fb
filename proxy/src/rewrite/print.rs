//! [`Printer`]: the state of printing one statement.

use std::collections::HashSet;

use rusqlite::types::Value;

use super::quote_text;
use crate::{
    bind::tree::{Expr, SourceId},
    error::{Result, SqlError, SqlState},
    session::context::Context,
    types::{Kind, Oid, TypeRef},
};

/// How deep the printed text may nest; SQLite's own limit is 1000.
const DEPTH_LIMIT: usize = 600;

/// The state of printing one statement.
pub struct Printer<'a> {
    pub(super) cx: &'a Context,
    /// Printed operands of the CASEs around, innermost last.
    pub(super) case_operands: Vec<String>,
    /// What [`crate::bind::tree::ExprKind::Element`] prints as.
    pub(super) elements: Vec<String>,
    /// The grouping set being printed: keys that it lacks are NULL.
    pub(super) grouping: Option<GroupingSet>,
    /// Sources whose columns print without a qualifier.
    pub(super) bare: HashSet<SourceId>,
    depth: usize,
}

/// One grouping set of a query that has several.
#[derive(Clone)]
pub(super) struct GroupingSet {
    /// All grouping expressions.
    pub(super) keys: Vec<Expr>,
    /// Positions of those in the set.
    pub(super) present: Vec<usize>,
}

impl<'a> Printer<'a> {
    /// A printer.
    pub fn new(cx: &'a Context) -> Self {
        Printer { cx, case_operands: Vec::new(), elements: Vec::new(), grouping: None, bare: HashSet::from([SourceId::BARE]), depth: 0 }
    }

    /// The columns of `source` print without a qualifier (the target of a data change, in RETURNING).
    pub fn bare(mut self, source: SourceId) -> Self {
        self.bare.insert(source);
        self
    }

    /// `VALUE` of a domain's CHECK prints as this text.
    pub fn with_value(mut self, text: &str) -> Self {
        self.elements.push(text.to_owned());
        self
    }

    pub(super) fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEPTH_LIMIT {
            return Err(SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"));
        }
        self.depth += 1;
        let result = work(self);
        self.depth -= 1;
        result
    }

    /// The name by which a source's columns are qualified.
    pub(super) fn source_name(source: SourceId) -> String {
        match source {
            SourceId::EXCLUDED => "excluded".to_owned(),
            SourceId(number) => format!("\"s{number}\""),
        }
    }

    /// The collation of a type, none where bytes give order and equality.
    pub(super) fn collation(&self, ty: Oid) -> Option<&str> {
        self.cx.catalog.type_by_oid(ty)?.collation.as_deref()
    }

    /// The expression's text with its type's collation, where it has one.
    pub(super) fn collated(&self, text: String, ty: Oid) -> String {
        match self.collation(ty) {
            Some(collation) => format!("{text} COLLATE {}", super::quote_identifier(collation)),
            None => text,
        }
    }

    /// The type below a domain.
    pub(super) fn base(&self, ty: Oid) -> Oid {
        let mut ty = TypeRef::new(ty);
        while let Some(Kind::Domain(base)) = self.cx.catalog.type_by_oid(ty.oid).map(|found| &found.kind) {
            ty = *base;
        }
        ty.oid
    }

    /// A constant in storage form.
    pub(super) fn constant(value: &Value) -> String {
        match value {
            Value::Null => "NULL".to_owned(),
            Value::Integer(i64::MIN) => "(-9223372036854775807 - 1)".to_owned(),
            Value::Integer(number) if *number < 0 => format!("({number})"),
            Value::Integer(number) => number.to_string(),
            Value::Real(number) if number.is_infinite() => (if *number > 0.0 { "9e999" } else { "(-9e999)" }).to_owned(),
            Value::Real(number) if number.is_sign_negative() => format!("({number:?})"),
            Value::Real(number) => format!("{number:?}"),
            Value::Text(text) => quote_text(text),
            Value::Blob(bytes) => {
                let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("x'{digits}'")
            }
        }
    }
}
