//! What INSERT, UPDATE and DELETE have in common: the table that is changed, the values that columns take by themselves, RETURNING, and
//! the names by which a failure is told (`setTargetTable`, `rewriteTargetListIU`, `transformReturningList`).

use std::sync::Arc;

use peergres_sync::schema::{Column, IdentityKind, Object, Table};
use sqlparser::ast::{self, Ident, ObjectName, SelectItem};

use super::{
    Binder, Clause, Scope, SourceId,
    binder::{fold, schema_and_name},
    scope::ScopeItem,
    tree::{ColumnRef, Expr, ExprKind, From, RelationRef, Target as Item},
};
use crate::{
    catalog::{Relation, RelationKind, type_name::quote_identifier},
    error::{Result, SqlError, SqlState},
    execute::plan::{OutputColumn, Plan, Role, Step, Tag},
    parse::change::{Body, Change},
    rewrite::{self, Printer},
    types::{TypeRef, oid},
};

/// The table that a statement changes.
#[derive(Clone)]
pub(super) struct Changed {
    pub(super) relation: Arc<Relation>,
    pub(super) table: Table,
    pub(super) source: SourceId,
    /// Its names in a scope.
    pub(super) item: ScopeItem,
    /// Its triggers.
    pub(super) triggers: Vec<Arc<peergres_sync::schema::Trigger>>,
}

impl Changed {
    /// `"t" AS "s1"`.
    pub(super) fn sqlite(&self) -> String {
        format!("{} AS {}", rewrite::quote_identifier(&self.table.physical), self.alias())
    }

    /// The alias in SQLite.
    pub(super) fn alias(&self) -> String {
        format!("\"s{}\"", self.source.0)
    }

    /// The table as an item of FROM.
    pub(super) fn from(&self) -> From {
        From::Relation { source: self.source, relation: RelationRef(self.relation.clone()), sample: None }
    }

    /// What tells its rows apart in SQLite, as a column of the table.
    pub(super) fn key(&self) -> Expr {
        let physical = self.table.row_key();
        let column = ColumnRef {
            source: self.source,
            index: usize::MAX,
            physical: Arc::from(physical),
            name: Arc::from(physical),
            table: 0,
            number: 0,
            nullable: false,
            optional: false,
        };
        let ty = if self.table.hidden_key { oid::UUID } else { oid::INT8 };
        Expr::new(ExprKind::Column(column), TypeRef::new(ty))
    }

    /// A column's position; 42703 where there is none.
    pub(super) fn position(&self, binder: &Binder<'_>, ident: &Ident) -> Result<usize> {
        let name = fold(ident);
        self.table.columns.iter().position(|column| column.name == name).ok_or_else(|| {
            let message = format!("column \"{name}\" of relation \"{}\" does not exist", self.table.name.name);
            SqlError::new(SqlState::UNDEFINED_COLUMN, message).at(binder.position(ident.span))
        })
    }

    /// A column's type.
    pub(super) fn ty(&self, at: usize) -> TypeRef {
        self.relation.columns[at].ty
    }

    /// The scope of expressions over the table.
    pub(super) fn scope(&self, clause: Clause) -> Scope<'static> {
        Scope { items: vec![self.item.clone()], ..Scope::empty(clause) }
    }

    /// A description for telling failures.
    pub(super) fn target(&self, action: crate::execute::plan::Action, new_rows: Option<String>) -> crate::execute::plan::Target {
        crate::execute::plan::Target { table: self.table.name.clone(), action, new_rows }
    }
}

impl Binder<'_> {
    /// The table that a statement names to change it.
    pub(super) fn changed(&mut self, name: &ObjectName, alias: Option<&Ident>) -> Result<Changed> {
        let position = self.position_at(name);
        let (schema, bare) = schema_and_name(name, self.cx).map_err(|error| error.at(position))?;
        let relation = self.relation(schema.as_deref(), &bare, position)?;
        let table = match (relation.kind, relation.object.as_deref()) {
            (RelationKind::Table, Some(Object::Table(table))) if table.materialized.is_some() => {
                return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("cannot change materialized view \"{bare}\"")));
            }
            (RelationKind::Table, Some(Object::Table(table))) => table.clone(),
            (RelationKind::View, Some(_)) => return Err(SqlError::unsupported(format!("changing the rows of view \"{bare}\""))),
            (RelationKind::Catalog | RelationKind::View, None) => {
                let error = SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("permission denied for table {bare}"));
                return Err(match crate::catalog::own::write_hint(&relation) {
                    Some(hint) => error.hint(hint),
                    None => error,
                });
            }
            (RelationKind::Sequence, _) => {
                return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("cannot change sequence \"{bare}\"")));
            }
            _ => return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("cannot open relation \"{bare}\"")).at(position)),
        };
        self.writes = true;
        let source = self.new_source();
        let shown = alias.map(fold);
        let item = ScopeItem::of_relation(&relation, shown.as_deref(), source);
        let triggers = self.triggers_of(&table.name);
        Ok(Changed { relation, table, source, item, triggers })
    }

    /// The value that a column takes where none is given: its identity's next, its default, its domain's, none for NULL.
    pub(super) fn default_value(&mut self, changed: &Changed, at: usize) -> Result<Option<Expr>> {
        let column = &changed.table.columns[at];
        let text = match (&column.default, column.identity, &column.sequence) {
            (Some(text), _, _) => text.clone(),
            (None, Some(_), Some(sequence)) => {
                let name = format!("{}.{}", quote_identifier(&sequence.schema), quote_identifier(&sequence.name));
                format!("nextval('{}'::regclass)", name.replace('\'', "''"))
            }
            _ => return Ok(None),
        };
        let parsed = crate::parse::stored_expression(&text)
            .map_err(|e| SqlError::internal(format!("the default of column {} does not parse: {e}", column.name)))?;
        let canonical = self.cx.canonical();
        let bound = Binder::new(&canonical, "", &[]).expression(&parsed, &Scope::empty(Clause::Default))?;
        let bound = self.coerce_for_column(bound, changed.ty(at), &column.name)?;
        Ok(Some(bound))
    }

    /// A value on its way into a column, DEFAULT replaced.
    pub(super) fn column_value(&mut self, changed: &Changed, at: usize, value: Expr) -> Result<Expr> {
        if matches!(value.kind, ExprKind::Default) {
            let ty = changed.ty(at);
            return Ok(self.default_value(changed, at)?.unwrap_or_else(|| Expr::null(ty)));
        }
        self.coerce_for_column(value, changed.ty(at), &changed.table.columns[at].name)
    }

    /// A generated column's expression, ready for SQLite over the table's bare columns.
    pub(super) fn generation(&mut self, changed: &Changed, at: usize) -> Result<Option<String>> {
        let column = &changed.table.columns[at];
        let Some(text) = &column.generated else { return Ok(None) };
        let parsed = crate::parse::stored_expression(text)
            .map_err(|e| SqlError::internal(format!("the expression of column {} does not parse: {e}", column.name)))?;
        let canonical = self.cx.canonical();
        let mut binder = Binder::new(&canonical, "", &[]);
        let bound = binder.expression(&parsed, &Scope::of_relation(&changed.relation, Clause::Generated))?;
        let bound = binder.coerce_for_column(bound, changed.ty(at), &column.name)?;
        rewrite::expression(&bound, self.cx).map(Some)
    }

    /// Plans a data change, or a query with data changes in its WITH.
    pub(super) fn plan_change(&mut self, change: &Change) -> Result<Plan> {
        if !change.with.is_empty() {
            return self.plan_with(change);
        }
        match &change.body {
            Body::Insert(insert) => {
                let bound = self.bind_insert(insert)?;
                if bound.must_stage() {
                    self.plan_staged(|binder, program| binder.stage_insert(program, bound), Tag::Insert)
                } else {
                    self.insert_directly(bound)
                }
            }
            Body::Update(update) => {
                let bound = self.bind_update(update)?;
                if bound.must_stage() {
                    self.plan_staged(|binder, program| binder.stage_update(program, bound), Tag::Update)
                } else {
                    self.update_directly(bound)
                }
            }
            Body::Delete(delete) => {
                if let Some(found) = self.own_deletion(&delete.table)? {
                    return self.delete_own(delete, found);
                }
                let bound = self.bind_delete(delete)?;
                if bound.must_stage() {
                    self.plan_staged(|binder, program| binder.stage_delete(program, bound), Tag::Delete)
                } else {
                    self.delete_directly(bound)
                }
            }
            Body::Merge(merge) => self.plan_staged(|binder, program| binder.stage_merge(program, merge), Tag::Merge),
            Body::Query(query) => self.plan_query(query),
            Body::Call(function) => self.plan_call(function),
        }
    }

    /// RETURNING, as typed items.
    pub(super) fn returning(&mut self, items: &[SelectItem], scope: &mut Scope<'_>) -> Result<Vec<Item>> {
        scope.clause = Clause::Returning;
        let mut targets = self.target_list(items, scope)?;
        for target in &mut targets {
            let expr = target.expr.clone();
            target.expr = self.settle_unknown(expr)?;
        }
        Ok(targets)
    }

    /// ` RETURNING …` and the result's columns, over the changed table alone.
    pub(super) fn returning_clause(&mut self, changed: &Changed, items: &[Item]) -> Result<(String, Vec<OutputColumn>)> {
        let mut printed = Vec::with_capacity(items.len());
        for item in items {
            printed.push(Printer::new(self.cx).bare(changed.source).expression(&item.expr)?);
        }
        Ok((format!(" RETURNING {}", printed.join(", ")), self.output(items)))
    }

    /// The result's columns.
    pub(super) fn output(&self, items: &[Item]) -> Vec<OutputColumn> {
        let column = |item: &Item| {
            let (table, number) = match &item.expr.kind {
                ExprKind::Column(column) => (column.table, column.number),
                _ => (0, 0),
            };
            OutputColumn { name: item.name.clone(), ty: self.base_type(item.expr.ty), table, number }
        };
        items.iter().map(column).collect()
    }

    /// WHERE of a data change.
    pub(super) fn filter(&mut self, condition: Option<&ast::Expr>, scope: &mut Scope<'_>) -> Result<Option<Expr>> {
        let Some(condition) = condition else { return Ok(None) };
        scope.clause = Clause::Where;
        let bound = self.expression(condition, scope)?;
        self.coerce_to_boolean(bound, "WHERE").map(Some)
    }

    /// A plan of one statement.
    pub(super) fn single(
        &mut self,
        sql: String,
        target: crate::execute::plan::Target,
        columns: Vec<OutputColumn>,
        tag: Tag,
    ) -> Result<Plan> {
        let role = if columns.is_empty() { Role::Change } else { Role::Result };
        let steps = vec![Step::change(sql, role, target)];
        Ok(Plan { steps, columns, parameters: self.finish_parameters()?, tag, writes: true, timely: self.timely })
    }
}

/// 428C9 where a value is given that the column makes itself. `what` is `insert a non-DEFAULT value into` or `update`.
pub(super) fn refuse_given(column: &Column, inserting: bool) -> Result<()> {
    let message = match inserting {
        true => format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name),
        false => format!("column \"{}\" can only be updated to DEFAULT", column.name),
    };
    let error = SqlError::new(SqlState::GENERATED_ALWAYS, message);
    if column.generated.is_some() {
        return Err(error.detail(format!("Column \"{}\" is a generated column.", column.name)));
    }
    if column.identity == Some(IdentityKind::Always) {
        let error = error.detail(format!("Column \"{}\" is an identity column defined as GENERATED ALWAYS.", column.name));
        return Err(if inserting { error.hint("Use OVERRIDING SYSTEM VALUE to override.") } else { error });
    }
    Ok(())
}

/// A value for the SQLite rowid: NULL there would not be refused, but numbered.
pub(super) fn guard_key(changed: &Changed, at: usize, value: &Expr, printed: String) -> String {
    let column = &changed.table.columns[at];
    let is_key = changed.table.rowid_column().is_some_and(|key| key.name == column.name);
    let never_null = match &value.kind {
        ExprKind::Constant(constant) => *constant != rusqlite::types::Value::Null,
        ExprKind::Call(call) => call.proc.name == "nextval",
        ExprKind::Column(column) => !column.nullable,
        _ => false,
    };
    if !is_key || never_null {
        return printed;
    }
    format!("ifnull({printed}, {}({}))", crate::execute::null_key::FUNCTION, rewrite::quote_text(&changed.table.physical))
}
