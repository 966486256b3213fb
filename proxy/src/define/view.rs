//! `CREATE VIEW`: the query is bound once for its columns and kept as PostgreSQL text; the binder expands it where the view is named.

use std::ops::ControlFlow;

use peergres_sync::schema::{Object, QualifiedName, View};
use sqlparser::ast::{
    CreateView, Ident, ObjectName, ObjectNamePart, Query, Statement, TableAlias, TableAliasColumnDef, TableFactor, Visit, VisitMut,
    Visitor, VisitorMut,
};

use super::definer::Definer;
use crate::{
    bind::{self, fold},
    error::{Result, SqlError, SqlState},
    types::{TypeRef, oid},
};

/// `CREATE VIEW`.
pub(super) fn create(definer: &mut Definer<'_>, create: &CreateView) -> Result<()> {
    let name = definer.creation_name_of(&create.name, create.temporary)?;
    let former = match definer.schema().get(peergres_sync::commit::ObjectClass::Relation, &name).map(AsRef::as_ref) {
        Some(Object::View(view)) if create.or_replace => Some(view.clone()),
        Some(_) if create.or_replace => {
            return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a view", name.name)));
        }
        _ => None,
    };
    if former.is_none() && definer.refuse_existing(&name, create.if_not_exists)? {
        return Ok(());
    }
    let plan = bind::plan(&Statement::Query(create.query.clone()), definer.source, &[], &definer.cx)?;
    if !plan.parameters.is_empty() {
        return Err(SqlError::new(SqlState::UNDEFINED_PARAMETER, "there is no parameter $1"));
    }
    // A plan's columns are of the types that go over the wire, where domains do not show.
    let bound = bind::query(&create.query, definer.source, &definer.cx)?;
    let mut columns: Vec<(String, String)> = Vec::with_capacity(plan.columns.len());
    if create.columns.len() > plan.columns.len() {
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, "CREATE VIEW specifies more column names than columns"));
    }
    for (index, output) in bound.columns.iter().enumerate() {
        let name = create.columns.get(index).map_or_else(|| output.name.clone(), |column| fold(&column.name));
        let ty = if output.ty.oid == oid::UNKNOWN { TypeRef::new(oid::TEXT) } else { output.ty };
        if columns.iter().any(|(other, _)| *other == name) {
            return Err(SqlError::new(SqlState::DUPLICATE_COLUMN, format!("column \"{name}\" specified more than once")));
        }
        columns.push((name, definer.cx.catalog.qualified_type_name(ty)));
    }
    if let Some(former) = &former {
        keeps_columns(former, &columns)?;
    }
    let mut query = (*create.query).clone();
    qualify(definer, &mut query)?;
    let view = View { name, columns, query: query.to_string(), comment: former.and_then(|view| view.comment) };
    definer.apply(&[], vec![Object::View(view)], Vec::new()).map(|_| ())
}

/// `CREATE OR REPLACE` may only add columns at the end (`checkViewTupleDesc`).
fn keeps_columns(former: &View, columns: &[(String, String)]) -> Result<()> {
    let refuse = |message: String| Err(SqlError::new(SqlState::INVALID_TABLE_DEFINITION, message));
    if columns.len() < former.columns.len() {
        return refuse("cannot drop columns from view".to_owned());
    }
    for ((old_name, old_type), (new_name, new_type)) in former.columns.iter().zip(columns) {
        if old_name != new_name {
            return refuse(format!("cannot change name of view column \"{old_name}\" to \"{new_name}\""));
        }
        if old_type != new_type {
            return refuse(format!("cannot change data type of view column \"{old_name}\" from {old_type} to {new_type}"));
        }
    }
    Ok(())
}

/// Gives every relation of a query its schema, so that the text means the same under any search path.
pub(super) fn qualify(definer: &Definer<'_>, query: &mut Query) -> Result<()> {
    struct Qualify<'d, 't> {
        definer: &'d Definer<'t>,
        ctes: Vec<String>,
    }
    impl VisitorMut for Qualify<'_, '_> {
        type Break = SqlError;
        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
            let ctes = query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| fold(&cte.alias.name));
            self.ctes.extend(ctes);
            ControlFlow::Continue(())
        }
        fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<SqlError> {
            let parts = match bind::schema_and_name(name, &self.definer.cx) {
                Ok(parts) => parts,
                Err(error) => return ControlFlow::Break(error),
            };
            if let (None, bare) = parts
                && !self.ctes.contains(&bare)
                && let Some(relation) = self.definer.cx.catalog.relation(None, &bare, &self.definer.path)
            {
                name.0.insert(0, ObjectNamePart::Identifier(Ident::with_quote('"', relation.name.schema.clone())));
            }
            ControlFlow::Continue(())
        }
    }
    match VisitMut::visit(query, &mut Qualify { definer, ctes: Vec::new() }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The relations that a view's query names.
pub(crate) fn relations(view: &View) -> Vec<QualifiedName> {
    relations_of(&view.query)
}

/// The relations that a stored query names.
pub(crate) fn relations_of(query: &str) -> Vec<QualifiedName> {
    struct Names(Vec<QualifiedName>);
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
            if let Ok(mut parts) = bind::name_parts(name)
                && let (Some(last), Some(schema)) = (parts.pop(), parts.pop())
            {
                self.0.push(QualifiedName { schema, name: last });
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(Vec::new());
    if let Ok(query) = crate::parse::stored_query(query) {
        let _ = Visit::visit(&query, &mut names);
    }
    names.0
}

/// Whether a view's query names the column at a place among those of a relation that it reads: by name, or through `*`. A list of names behind
/// the relation gives the columns other names there.
pub(super) fn names_column(view: &View, relation: &QualifiedName, at: usize, column: &str) -> bool {
    struct Finds<'c>(&'c [String]);
    impl Visitor for Finds<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &sqlparser::ast::Expr) -> ControlFlow<()> {
            let found = match expr {
                sqlparser::ast::Expr::Identifier(ident) => self.0.contains(&fold(ident)),
                sqlparser::ast::Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|ident| self.0.contains(&fold(ident))),
                _ => false,
            };
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    let mut names = Vec::new();
    let read = with_factors(view, relation, &mut |_, alias| {
        let given = alias.as_ref().and_then(|alias| alias.columns.get(at)).map(|given| fold(&given.name));
        names.push(given.unwrap_or_else(|| column.to_owned()));
    });
    match (read, crate::parse::stored_query(&view.query)) {
        (Ok(_), Ok(query)) => view.query.contains('*') || Visit::visit(&query, &mut Finds(&names)).is_break(),
        _ => true,
    }
}

/// The view with a place taken out of the lists of names behind a relation, whose column there goes.
pub(super) fn without_column(view: &View, relation: &QualifiedName, at: usize) -> Result<View> {
    with_factors(view, relation, &mut |_, alias| {
        if let Some(alias) = alias
            && at < alias.columns.len()
        {
            alias.columns.remove(at);
        }
    })
}

/// The view with a relation's name exchanged; where the relation had no alias, its old name becomes one, so that columns qualified by it stay.
pub(super) fn with_renamed_relation(view: &View, from: &QualifiedName, to: &QualifiedName) -> Result<View> {
    let ident = |name: &str| Ident::with_quote('"', name);
    with_factors(view, from, &mut |name, alias| {
        *name = ObjectName(vec![ObjectNamePart::Identifier(ident(&to.schema)), ObjectNamePart::Identifier(ident(&to.name))]);
        if alias.is_none() && from.name != to.name {
            *alias = Some(TableAlias { explicit: true, name: ident(&from.name), columns: Vec::new(), at: None });
        }
    })
}

/// The view with a list of column names behind a relation, so that it reads the columns by these names whatever they are called.
pub(super) fn with_column_names(view: &View, relation: &QualifiedName, names: &[String]) -> Result<View> {
    with_factors(view, relation, &mut |_, alias| {
        let alias = alias.get_or_insert_with(|| TableAlias {
            explicit: true,
            name: Ident::with_quote('"', &relation.name),
            columns: Vec::new(),
            at: None,
        });
        // Names that the list gives already stay: they are what the view says.
        for name in names.iter().skip(alias.columns.len()) {
            alias.columns.push(TableAliasColumnDef { name: Ident::with_quote('"', name), data_type: None });
        }
    })
}

/// Exchanges every mention of a relation in FROM.
fn with_factors(view: &View, relation: &QualifiedName, change: &mut dyn FnMut(&mut ObjectName, &mut Option<TableAlias>)) -> Result<View> {
    struct Factors<'c>(&'c QualifiedName, &'c mut dyn FnMut(&mut ObjectName, &mut Option<TableAlias>));
    impl VisitorMut for Factors<'_> {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { name, alias, .. } = factor
                && let Ok(parts) = bind::name_parts(name)
                && let [schema, bare] = parts.as_slice()
                && *schema == self.0.schema
                && *bare == self.0.name
            {
                (self.1)(name, alias);
            }
            ControlFlow::Continue(())
        }
    }
    let mut query = crate::parse::stored_query(&view.query)
        .map_err(|e| SqlError::internal(format!("the stored query of view {} does not parse: {e}", view.name)))?;
    let _ = VisitMut::visit(&mut query, &mut Factors(relation, change));
    Ok(View { query: query.to_string(), ..view.clone() })
}
