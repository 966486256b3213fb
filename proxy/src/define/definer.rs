//! [`Definer`]: the state of running one definition: the transaction, the context with the catalog as it stands, notices.

use std::sync::Arc;

use peergres_sync::{
    commit::{ObjectClass, Transaction},
    schema::{Index, Namespace, Object, QualifiedName, Schema, Sequence, TEMPORARY_PREFIX, Table, View},
    store::StoreError,
};
use sqlparser::ast::{ObjectName, OnCommit};

use crate::{
    bind::{self, Clause, Scope},
    catalog::{Relation, RelationColumn, RelationKind},
    error::{Result, SqlError, SqlState},
    execute::failure,
    rewrite,
    session::context::{self, Context},
    types::TypeRef,
};

/// An object to be removed.
pub(super) type Removal = (ObjectClass, QualifiedName);

/// The state of running one definition.
pub(super) struct Definer<'t> {
    pub(super) transaction: &'t mut Transaction,
    pub(super) cx: Context,
    /// The text that positions count in.
    pub(super) source: &'t str,
    /// The statement as the log shows it.
    pub(super) text: String,
    /// NOTICEs to be sent.
    pub(super) notices: Vec<SqlError>,
    /// Temporary tables that COMMIT empties or drops.
    pub(super) on_commit: Vec<(QualifiedName, OnCommit)>,
    /// Search path without the implicit `pg_catalog`.
    pub(super) path: Vec<String>,
}

impl<'t> Definer<'t> {
    pub(super) fn new(transaction: &'t mut Transaction, cx: &Context, source: &'t str, text: String) -> Self {
        let path = bind::search_path(cx);
        Definer { transaction, cx: cx.clone(), source, text, notices: Vec::new(), on_commit: Vec::new(), path }
    }

    /// The schema as it stands.
    pub(super) fn schema(&self) -> Arc<Schema> {
        self.transaction.schema()
    }

    /// Runs SQLite statements, puts and removes objects: one schema change. What is bound afterwards sees it.
    pub(super) fn apply(&mut self, sqlite: &[String], put: Vec<Object>, remove: Vec<Removal>) -> Result<Vec<u32>> {
        let text = self.text.clone();
        let oids = self.transaction.define(&text, sqlite, put, remove).map_err(store)?;
        self.cx.catalog = self.cx.catalog.next(self.schema());
        context::enter(std::rc::Rc::new(self.cx.clone()));
        Ok(oids)
    }

    /// Adds a NOTICE.
    pub(super) fn notice(&mut self, message: String) {
        self.notices.push(SqlError::new(SqlState("00000"), message));
    }

    /// Whether a SQLite query gives a row.
    pub(super) fn exists(&self, sql: &str) -> Result<bool> {
        let connection = self.transaction.connection();
        connection.prepare(sql).and_then(|mut statement| statement.exists([])).map_err(failure::plain)
    }

    /// Where a new object of that name goes: the schema named, or the first of the search path that exists. 3F000 where there is none.
    pub(super) fn creation_name(&self, name: &ObjectName) -> Result<QualifiedName> {
        let (schema, name) = bind::schema_and_name(name, &self.cx)?;
        let known = self.schema();
        let schema = match schema {
            Some(schema) if known.has_namespace(&schema) => schema,
            Some(schema) => return Err(no_namespace(&schema)),
            None => self
                .path
                .iter()
                .find(|schema| !schema.starts_with(TEMPORARY_PREFIX) && known.has_namespace(schema))
                .cloned()
                .ok_or_else(|| SqlError::new(SqlState::INVALID_SCHEMA_NAME, "no schema has been selected to create in"))?,
        };
        if matches!(schema.as_str(), "pg_catalog" | "information_schema" | "pg_toast" | "peergres") {
            return Err(SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("permission denied to create \"{schema}.{name}\""))
                .detail("System catalog modifications are currently disallowed."));
        }
        Ok(QualifiedName { schema, name })
    }

    /// Where a new object goes that may be temporary: `temporary` where the statement says so, or where it names the schema `pg_temp`.
    pub(super) fn creation_name_of(&mut self, name: &ObjectName, temporary: bool) -> Result<QualifiedName> {
        let (schema, bare) = bind::schema_and_name(name, &self.cx)?;
        let own = format!("{TEMPORARY_PREFIX}_{}", self.cx.services.backend_pid());
        match schema.as_deref() {
            None if temporary => {}
            Some(schema) if schema == own || schema == TEMPORARY_PREFIX => {}
            Some(_) if temporary => {
                let message = "cannot create temporary relation in non-temporary schema";
                return Err(SqlError::new(SqlState("42P16"), message));
            }
            _ => return self.creation_name(name),
        }
        if !self.schema().has_namespace(&own) {
            self.apply(&[], vec![Object::Namespace(Namespace { name: own.clone(), comment: None })], Vec::new())?;
        }
        Ok(QualifiedName { schema: own, name: bare })
    }

    /// An existing relation by name along the search path.
    pub(super) fn relation(&self, name: &ObjectName) -> Result<Option<Arc<Object>>> {
        let (schema, name) = bind::schema_and_name(name, &self.cx)?;
        let known = self.schema();
        let find =
            |schema: &str| known.get(ObjectClass::Relation, &QualifiedName { schema: schema.to_owned(), name: name.clone() }).cloned();
        match schema {
            Some(schema) if !known.has_namespace(&schema) => Err(no_namespace(&schema)),
            Some(schema) => Ok(find(&schema)),
            None => Ok(self.path.iter().find_map(|schema| find(schema))),
        }
    }

    /// A table by name; 42P01 where there is none, 42809 where it is something else.
    pub(super) fn table(&self, name: &ObjectName) -> Result<Table> {
        match self.relation(name)?.as_deref() {
            Some(Object::Table(table)) => Ok(table.clone()),
            Some(_) => {
                Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a table", bind::schema_and_name(name, &self.cx)?.1)))
            }
            None => {
                let (schema, bare) = bind::schema_and_name(name, &self.cx)?;
                if self.cx.catalog.relation(schema.as_deref(), &bare, &self.path).is_some() {
                    return Err(SqlError::new(
                        SqlState::INSUFFICIENT_PRIVILEGE,
                        format!("permission denied: \"{bare}\" is a system catalog"),
                    ));
                }
                Err(undefined_relation(schema.as_deref(), &bare))
            }
        }
    }

    /// All objects of the schema that `pick` picks.
    pub(super) fn objects<T>(&self, pick: impl Fn(&Object) -> Option<T>) -> Vec<T> {
        self.schema().objects.values().filter_map(|object| pick(object)).collect()
    }

    /// The indexes of a table.
    pub(super) fn indexes(&self, table: &QualifiedName) -> Vec<Index> {
        self.objects(|object| match object {
            Object::Index(index) if index.table == *table => Some(index.clone()),
            _ => None,
        })
    }

    /// All views.
    pub(super) fn views(&self) -> Vec<View> {
        self.objects(|object| match object {
            Object::View(view) => Some(view.clone()),
            _ => None,
        })
    }

    /// The sequences that columns of a table own.
    pub(super) fn owned_sequences(&self, table: &QualifiedName) -> Vec<Sequence> {
        self.objects(|object| match object {
            Object::Sequence(sequence) if sequence.owned_by.as_ref().is_some_and(|(owner, _)| owner == table) => Some(sequence.clone()),
            _ => None,
        })
    }

    /// Binds an expression over a table's columns, coerced to `target` by assignment if given; answers it typed.
    pub(super) fn bind(
        &self,
        expr: &sqlparser::ast::Expr,
        table: Option<&Table>,
        clause: Clause,
        target: Option<TypeRef>,
    ) -> Result<bind::Expr> {
        let relation = table.map(|table| self.provisional(table)).transpose()?;
        let mut scope = relation.as_ref().map_or_else(|| Scope::empty(clause), |relation| Scope::of_relation(relation, clause));
        Self::bind_in(expr, self.source, &mut scope, target, &self.cx)
    }

    fn bind_in(
        expr: &sqlparser::ast::Expr,
        source: &str,
        scope: &mut Scope<'_>,
        target: Option<TypeRef>,
        cx: &Context,
    ) -> Result<bind::Expr> {
        let bound = bind::expression(expr, source, scope, cx)?;
        match target {
            Some(target) => bind::coerce(bound, target, bind::CoercionContext::Assignment, cx),
            None => Ok(bound),
        }
    }

    /// An expression ready for SQLite and in PostgreSQL's canonical form.
    pub(super) fn expression(&self, bound: &bind::Expr) -> Result<peergres_sync::schema::Expression> {
        Ok(peergres_sync::schema::Expression {
            text: bind::deparse(bound, &self.cx.canonical()),
            sqlite: rewrite::expression(bound, &self.cx)?,
        })
    }

    /// Binds text in canonical form (a stored default, CHECK, …) again.
    pub(super) fn bind_text(&self, text: &str, table: Option<&Table>, clause: Clause, target: Option<TypeRef>) -> Result<bind::Expr> {
        let relation = table.map(|table| self.provisional(table)).transpose()?;
        let mut scope = relation.as_ref().map_or_else(|| Scope::empty(clause), |relation| Scope::of_relation(relation, clause));
        Self::bind_in(&parse_expression(text)?, "", &mut scope, target, &self.cx.canonical())
    }

    /// A table that is not in the catalog yet, or not in this form, as the binder sees it.
    pub(super) fn provisional(&self, table: &Table) -> Result<Relation> {
        let columns = table.columns.iter().map(|column| {
            Ok(RelationColumn {
                number: column.number,
                name: column.name.clone(),
                physical: column.physical.clone(),
                ty: self.type_named(&column.type_name)?,
                not_null: column.not_null,
            })
        });
        Ok(Relation {
            oid: self.schema().oid(ObjectClass::Relation, &table.name).unwrap_or(0),
            name: table.name.clone(),
            kind: RelationKind::Table,
            columns: columns.collect::<Result<_>>()?,
            physical: table.physical.clone(),
            object: None,
            query: None,
            primary_key: Vec::new(),
        })
    }

    /// The type of a stored type name.
    pub(super) fn type_named(&self, name: &str) -> Result<TypeRef> {
        self.cx.catalog.parse_type(name, &self.path)
    }
}

/// Parses one expression.
pub(super) fn parse_expression(text: &str) -> Result<sqlparser::ast::Expr> {
    crate::parse::stored_expression(text).map_err(|e| SqlError::internal(format!("a stored expression does not parse: {e}")))
}

/// The store's refusals in PostgreSQL's words.
pub(super) fn store(error: StoreError) -> SqlError {
    match error {
        StoreError::Sqlite(error) => failure::plain(error),
        other => SqlError::internal(other.to_string()),
    }
}

/// 3F000.
pub(super) fn no_namespace(schema: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{schema}\" does not exist"))
}

/// 42P01.
pub(super) fn undefined_relation(schema: Option<&str>, name: &str) -> SqlError {
    let whole = schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}"));
    SqlError::new(SqlState::UNDEFINED_TABLE, format!("relation \"{whole}\" does not exist"))
}

/// 42703 for a column of a relation.
pub(super) fn undefined_column(table: &Table, column: &str) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{column}\" of relation \"{}\" does not exist", table.name.name))
}
