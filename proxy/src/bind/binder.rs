//! [`Binder`]: the state of binding one statement: catalog, search path, parameters, sources, common table expressions in reach.

use std::sync::Arc;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Spanned};
use sqlparser::tokenizer::{Location, Span};

use super::tree::{Cte, SourceId};
use crate::{
    catalog::Catalog,
    error::{Result, SqlError, SqlState},
    execute::plan::OutputColumn,
    session::context::Context,
    types::{Oid, Type, oid},
};

/// How deep expressions and queries may nest.
const DEPTH_LIMIT: usize = 400;

/// A common table expression in reach.
#[derive(Clone, Debug)]
pub(super) struct CteInReach {
    /// Its name.
    pub(super) name: String,
    /// Its name in SQLite.
    pub(super) physical: String,
    /// Its columns; none while the non-recursive part of a recursive one is being bound.
    pub(super) columns: Option<Vec<OutputColumn>>,
    /// How often it has been named so far.
    pub(super) uses: usize,
}

/// The state of binding one statement.
pub struct Binder<'a> {
    /// The session's context.
    pub cx: &'a Context,
    /// The catalog.
    pub catalog: Arc<Catalog>,
    /// The search path, `pg_catalog` where it is named.
    pub path: Vec<String>,
    /// Whether the statement needs the write lock.
    pub writes: bool,
    /// Whether a literal was read that means another time tomorrow: `'now'`.
    pub(super) timely: bool,
    /// Data-modifying common table expressions, to be run before the statement: filled by the binding of WITH.
    pub materialized: Vec<Cte>,
    pub(super) parameters: Vec<Oid>,
    pub(super) ctes: Vec<CteInReach>,
    /// Names of data changes in WITH that return nothing.
    pub(super) silent: Vec<String>,
    pub(super) views: Vec<Oid>,
    /// The grouping expressions of the select being bound.
    pub(super) group_keys: Vec<super::tree::Expr>,
    source_text: String,
    line_starts: Vec<usize>,
    next_source: u32,
    next_cte: u32,
    depth: usize,
}

impl<'a> Binder<'a> {
    /// A binder for one statement. `parameter_types`: 0 where the client left a type open.
    pub fn new(cx: &'a Context, source: &str, parameter_types: &[Oid]) -> Self {
        let mut line_starts = vec![0];
        for (at, c) in source.chars().enumerate() {
            if c == '\n' {
                line_starts.push(at + 1);
            }
        }
        let open = |oid: &Oid| if *oid == 0 { oid::UNKNOWN } else { *oid };
        Binder {
            cx,
            catalog: cx.catalog.clone(),
            path: search_path(cx),
            writes: false,
            timely: false,
            materialized: Vec::new(),
            parameters: parameter_types.iter().map(open).collect(),
            ctes: Vec::new(),
            silent: Vec::new(),
            views: Vec::new(),
            group_keys: Vec::new(),
            source_text: source.to_owned(),
            line_starts,
            next_source: 1,
            next_cte: 1,
            depth: 0,
        }
    }

    /// A source number not used before in this statement.
    pub fn new_source(&mut self) -> SourceId {
        let source = SourceId(self.next_source);
        self.next_source += 1;
        source
    }

    /// A name in SQLite for a common table expression.
    pub fn new_cte_name(&mut self) -> String {
        let name = format!("w{}", self.next_cte);
        self.next_cte += 1;
        name
    }

    /// Characters from 1, 0 where the location is empty.
    pub fn position_of(&self, location: Location) -> usize {
        match (location.line, location.column) {
            (0, _) | (_, 0) => 0,
            (line, column) => self.line_starts.get(line as usize - 1).map_or(0, |start| start + column as usize),
        }
    }

    /// The position of a span's start.
    pub fn position(&self, span: Span) -> usize {
        self.position_of(span.start)
    }

    /// The position of a syntax node's start.
    pub fn position_at(&self, node: &impl Spanned) -> usize {
        self.position(node.span())
    }

    /// Makes all positions 0, as while binding a view's text.
    pub(super) fn hide_positions(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.line_starts)
    }

    /// Undoes [`Binder::hide_positions`].
    pub(super) fn restore_positions(&mut self, lines: Vec<usize>) {
        self.line_starts = lines;
    }

    /// The statement's text.
    pub fn source_text(&self) -> &str {
        &self.source_text
    }

    /// Runs `work` one level deeper; 54001 where statements nest too deep.
    pub(super) fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEPTH_LIMIT {
            return Err(SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"));
        }
        self.depth += 1;
        let result = work(self);
        self.depth -= 1;
        result
    }

    /// A type by OID; XX000 where there is none.
    pub fn type_of(&self, oid: Oid) -> Result<&Arc<Type>> {
        self.catalog.type_by_oid(oid).ok_or_else(|| SqlError::internal(format!("cache lookup failed for type {oid}")))
    }

    /// A type's name for messages.
    pub fn type_name(&self, oid: Oid) -> String {
        self.catalog.format_type_with(oid, None, &self.path)
    }
}

/// The effective search path, without the implicit `pg_catalog`.
pub fn search_path(cx: &Context) -> Vec<String> {
    cx.search_path.to_vec()
}

/// An identifier as PostgreSQL folds it: lower case unless quoted.
pub fn fold(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// The folded parts of a name.
pub fn name_parts(name: &ObjectName) -> Result<Vec<String>> {
    let part = |part: &ObjectNamePart| match part {
        ObjectNamePart::Identifier(ident) => Ok(fold(ident)),
        ObjectNamePart::Function(_) => Err(SqlError::unsupported("a function as a part of a name")),
    };
    name.0.iter().map(part).collect()
}

/// Schema and name of an object; a leading database name must be the current one.
pub fn schema_and_name(name: &ObjectName, cx: &Context) -> Result<(Option<String>, String)> {
    let mut parts = name_parts(name)?;
    let last = parts.pop().ok_or_else(|| SqlError::internal("an empty name"))?;
    match parts.as_slice() {
        [] => Ok((None, last)),
        [schema] => Ok((Some(schema.clone()), last)),
        [database, schema] if *database == cx.services.database() => Ok((Some(schema.clone()), last)),
        _ => {
            let whole = format!("{}.{last}", parts.join("."));
            let message = match parts.len() {
                2 => format!("cross-database references are not implemented: \"{whole}\""),
                _ => format!("improper qualified name (too many dotted names): {whole}"),
            };
            Err(SqlError::new(if parts.len() == 2 { SqlState::FEATURE_NOT_SUPPORTED } else { SqlState::SYNTAX_ERROR }, message))
        }
    }
}
