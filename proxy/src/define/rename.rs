//! Renaming tables, columns and other relations. SQLite renames what stands in its own texts; the stored expressions of ours are renamed
//! as syntax and made ready again.

use peergres_sync::{
    commit::ObjectClass,
    schema::{ConstraintRule, Expression, Object, QualifiedName, Sequence, Table, View, physical_column, physical_name},
};
use sqlparser::ast::{Expr, Ident, ObjectName, VisitMut, VisitorMut};
use std::ops::ControlFlow;

use super::{
    definer::{Definer, parse_expression},
    index, materialized,
    physical::quote,
    view,
};
use crate::{
    bind::{self, Clause, fold},
    error::{Result, SqlError, SqlState},
    parse::definition::Kind,
};

/// `ALTER TABLE … RENAME TO`.
pub(super) fn table(definer: &mut Definer<'_>, table: &Table, new_name: &str) -> Result<()> {
    let name = QualifiedName { schema: table.name.schema.clone(), name: new_name.to_owned() };
    relocate(definer, table, name)
}

/// Gives a table another name or schema; what names it follows.
pub(super) fn relocate(definer: &mut Definer<'_>, table: &Table, name: QualifiedName) -> Result<()> {
    definer.refuse_existing(&name, false)?;
    let mut new = table.clone();
    new.name = name.clone();
    new.physical = physical_name(&name.schema, &name.name);
    follow(&mut new, &table.name, &name);
    let mut put = vec![Object::Table(new.clone())];
    for object in definer.schema().objects.values() {
        match &**object {
            Object::Index(index) if index.table == table.name => {
                let mut index = index.clone();
                index.table = name.clone();
                put.push(Object::Index(index));
            }
            Object::Sequence(sequence) if sequence.owned_by.as_ref().is_some_and(|(owner, _)| *owner == table.name) => {
                let mut sequence = sequence.clone();
                if let Some((owner, _)) = &mut sequence.owned_by {
                    *owner = name.clone();
                }
                put.push(Object::Sequence(sequence));
            }
            Object::Table(other) if other.name != table.name => {
                let mut changed = other.clone();
                let reads = materialized::as_view(other).filter(|view| view::relations(view).contains(&table.name));
                if let Some(view) = &reads {
                    changed = materialized::with_query(other, view::with_renamed_relation(view, &table.name, &name)?);
                }
                if follow(&mut changed, &table.name, &name) || reads.is_some() {
                    put.push(Object::Table(changed));
                }
            }
            Object::View(view) if view::relations(view).contains(&table.name) => {
                put.push(Object::View(view::with_renamed_relation(view, &table.name, &name)?));
            }
            _ => {}
        }
    }
    let (triggers, mut gone) = super::trigger::relocated(definer, &table.name, &name);
    put.extend(triggers);
    gone.push((ObjectClass::Relation, table.name.clone()));
    let sqlite = vec![format!("ALTER TABLE {} RENAME TO {}", quote(&table.physical), quote(&new.physical))];
    definer.apply(&sqlite, put, gone).map(|_| ())
}

/// Foreign keys lead to the new name.
fn follow(table: &mut Table, from: &QualifiedName, to: &QualifiedName) -> bool {
    let mut changed = false;
    for constraint in &mut table.constraints {
        if let ConstraintRule::ForeignKey { references, .. } = &mut constraint.rule
            && references == from
        {
            references.clone_from(to);
            changed = true;
        }
    }
    changed
}

/// Another relation: an index, a view, a sequence.
pub(super) fn relation(definer: &mut Definer<'_>, object: &Object, new_name: &str) -> Result<()> {
    let name = QualifiedName { schema: object.name().schema, name: new_name.to_owned() };
    match object {
        Object::Index(found) => index::rename(definer, &found.clone(), new_name),
        Object::View(view) => relocate_view(definer, view, name),
        Object::Sequence(sequence) => relocate_sequence(definer, sequence, name),
        _ => Err(SqlError::internal("a relation was expected")),
    }
}

/// Gives a view another name or schema; views over it follow.
pub(super) fn relocate_view(definer: &mut Definer<'_>, view: &View, name: QualifiedName) -> Result<()> {
    definer.refuse_existing(&name, false)?;
    let mut put = vec![Object::View(View { name: name.clone(), ..view.clone() })];
    for other in definer.views() {
        if view::relations(&other).contains(&view.name) {
            put.push(Object::View(view::with_renamed_relation(&other, &view.name, &name)?));
        }
    }
    definer.apply(&[], put, vec![(ObjectClass::Relation, view.name.clone())]).map(|_| ())
}

/// `ALTER VIEW … RENAME COLUMN`; a view that reads the column reads it under its old name still.
pub(super) fn view_column(definer: &mut Definer<'_>, view: &View, from: &str, to: &str) -> Result<()> {
    let Some(at) = view.columns.iter().position(|(name, _)| name == from) else {
        return Err(SqlError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{from}\" does not exist")));
    };
    if view.columns.iter().any(|(name, _)| name == to) {
        let message = format!("column \"{to}\" of relation \"{}\" already exists", view.name.name);
        return Err(SqlError::new(SqlState::DUPLICATE_COLUMN, message));
    }
    let old: Vec<String> = view.columns.iter().map(|(name, _)| name.clone()).collect();
    let mut new = view.clone();
    new.columns[at].0 = to.to_owned();
    let mut put = vec![Object::View(new)];
    for other in definer.views() {
        if view::relations(&other).contains(&view.name) {
            put.push(Object::View(view::with_column_names(&other, &view.name, &old)?));
        }
    }
    definer.apply(&[], put, Vec::new()).map(|_| ())
}

/// Gives a sequence another name or schema; the columns that draw from it follow.
pub(super) fn relocate_sequence(definer: &mut Definer<'_>, sequence: &Sequence, name: QualifiedName) -> Result<()> {
    definer.refuse_existing(&name, false)?;
    let mut put = vec![Object::Sequence(Sequence { name: name.clone(), ..sequence.clone() })];
    let tables = definer.objects(|object| match object {
        Object::Table(table) => Some(table.clone()),
        _ => None,
    });
    for mut table in tables {
        let mut draws = false;
        for column in &mut table.columns {
            if column.sequence.as_ref() == Some(&sequence.name) {
                column.sequence = Some(name.clone());
                draws = true;
            }
            if super::dependency::draws_from(column.default.as_deref(), &sequence.name) {
                column.default = Some(super::sequence::nextval(&name));
                draws = true;
            }
        }
        if draws {
            put.push(Object::Table(table));
        }
    }
    definer.apply(&[], put, vec![(ObjectClass::Relation, sequence.name.clone())]).map(|_| ())
}

/// `ALTER SCHEMA | TYPE | DOMAIN … RENAME TO`.
pub(super) fn other(definer: &mut Definer<'_>, kind: Kind, name: &ObjectName, to: &str) -> Result<()> {
    match kind {
        Kind::Type | Kind::Domain => {
            let Some(found) = definer.user_type(name)? else {
                return Err(super::user_type::undefined_type(&bind::schema_and_name(name, &definer.cx)?.1));
            };
            let new = QualifiedName { schema: found.name.schema.clone(), name: to.to_owned() };
            super::rename_type::relocate(definer, &found, new)
        }
        Kind::Schema => super::move_schema::rename(definer, name, to),
        Kind::Database => Err(SqlError::unsupported("ALTER DATABASE RENAME TO")),
    }
}

/// `ALTER … OWNER TO`: all belongs to the one user; the object must exist.
pub(super) fn owner(definer: &mut Definer<'_>, kind: Kind, name: &ObjectName) -> Result<()> {
    let bare = bind::schema_and_name(name, &definer.cx)?.1;
    match kind {
        Kind::Schema if !definer.schema().has_namespace(&bare) => Err(super::definer::no_namespace(&bare)),
        Kind::Type | Kind::Domain if definer.user_type(name)?.is_none() => Err(super::user_type::undefined_type(&bare)),
        _ => Ok(()),
    }
}

/// `ALTER TABLE … RENAME COLUMN`.
pub(super) fn column(definer: &mut Definer<'_>, table: &Table, from: &str, to: &str) -> Result<()> {
    let at = index::column_position(table, from)?;
    if table.columns.iter().any(|column| column.name == to) {
        return Err(SqlError::new(
            SqlState::DUPLICATE_COLUMN,
            format!("column \"{to}\" of relation \"{}\" already exists", table.name.name),
        ));
    }
    let mut new = table.clone();
    new.columns[at].name = to.to_owned();
    new.columns[at].physical = physical_column(to);
    for column in &mut new.columns {
        if let Some(text) = &mut column.generated {
            *text = rename_in(text, from, to)?;
        }
    }
    for constraint in &mut new.constraints {
        let own = matches!(&constraint.rule, ConstraintRule::ForeignKey { references, .. } if *references == table.name);
        match &mut constraint.rule {
            ConstraintRule::PrimaryKey { columns } | ConstraintRule::Unique { columns, .. } => replace(columns, from, to),
            ConstraintRule::ForeignKey { columns, referenced_columns, .. } => {
                replace(columns, from, to);
                if own {
                    replace(referenced_columns, from, to);
                }
            }
            ConstraintRule::Check { expression, .. } => *expression = rename_in(expression, from, to)?,
        }
    }
    let checks: Vec<(usize, String)> = new
        .constraints
        .iter()
        .enumerate()
        .filter_map(|(n, constraint)| match &constraint.rule {
            ConstraintRule::Check { expression, .. } => Some((n, expression.clone())),
            _ => None,
        })
        .collect();
    for (n, text) in checks {
        let ready = ready(definer, &new, &text)?;
        if let ConstraintRule::Check { sqlite, .. } = &mut new.constraints[n].rule {
            *sqlite = ready.sqlite;
        }
    }
    for n in 0..new.columns.len() {
        if let Some(text) = new.columns[n].generated.clone() {
            let ty = definer.type_named(&new.columns[n].type_name)?;
            let bound = definer.bind_text(&text, Some(&new), Clause::Generated, Some(ty))?;
            new.columns[n].generated_sqlite = Some(definer.expression(&bound)?.sqlite);
        }
    }
    let sqlite = vec![format!(
        "ALTER TABLE {} RENAME COLUMN {} TO {}",
        quote(&table.physical),
        quote(&table.columns[at].physical),
        quote(&new.columns[at].physical)
    )];
    let put = followers(definer, table, &new, from, to)?;
    definer.apply(&sqlite, put, Vec::new()).map(|_| ())
}

/// The table, its indexes and sequences, and the tables that refer to the column.
fn followers(definer: &Definer<'_>, table: &Table, new: &Table, from: &str, to: &str) -> Result<Vec<Object>> {
    let mut put = vec![Object::Table(new.clone())];
    // A view goes on saying the old names, by a list of them behind the table's name.
    let names: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
    for view in definer.views() {
        if view::relations(&view).contains(&table.name) {
            put.push(Object::View(view::with_column_names(&view, &table.name, &names)?));
        }
    }
    for other in definer.objects(|object| if let Object::Table(other) = object { Some(other.clone()) } else { None }) {
        if let Some(view) = materialized::as_view(&other).filter(|view| view::relations(view).contains(&table.name)) {
            put.push(Object::Table(materialized::with_query(&other, view::with_column_names(&view, &table.name, &names)?)));
        }
    }
    for mut index in definer.indexes(&table.name) {
        replace(&mut index.include, from, to);
        for key in &mut index.keys {
            if key.column.as_deref() == Some(from) {
                key.column = Some(to.to_owned());
            }
            if let Some(expression) = &mut key.expression {
                *expression = ready(definer, new, &rename_in(&expression.text, from, to)?)?;
            }
        }
        if let Some(predicate) = &mut index.predicate {
            *predicate = ready(definer, new, &rename_in(&predicate.text, from, to)?)?;
        }
        put.push(Object::Index(index));
    }
    for mut sequence in definer.owned_sequences(&table.name) {
        if let Some((_, column)) = &mut sequence.owned_by
            && column == from
        {
            *column = to.to_owned();
            put.push(Object::Sequence(sequence));
        }
    }
    let others = definer.objects(|object| match object {
        Object::Table(other) if other.name != table.name => Some(other.clone()),
        _ => None,
    });
    for mut other in others {
        let before = other.clone();
        for constraint in &mut other.constraints {
            if let ConstraintRule::ForeignKey { references, referenced_columns, .. } = &mut constraint.rule
                && *references == table.name
            {
                replace(referenced_columns, from, to);
            }
        }
        if other != before {
            put.push(Object::Table(other));
        }
    }
    Ok(put)
}

fn replace(names: &mut [String], from: &str, to: &str) {
    names.iter_mut().filter(|name| *name == from).for_each(|name| *name = to.to_owned());
}

fn ready(definer: &Definer<'_>, table: &Table, text: &str) -> Result<Expression> {
    definer.expression(&definer.bind_text(text, Some(table), Clause::Check, None)?)
}

/// Renames a column in a stored expression.
fn rename_in(text: &str, from: &str, to: &str) -> Result<String> {
    struct Rename<'n>(&'n str, &'n str);
    impl VisitorMut for Rename<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let ident = match expr {
                Expr::Identifier(ident) => Some(ident),
                Expr::CompoundIdentifier(parts) => parts.last_mut(),
                _ => None,
            };
            if let Some(ident) = ident
                && fold(ident) == self.0
            {
                *ident = Ident::with_quote('"', self.1);
            }
            ControlFlow::Continue(())
        }
    }
    let mut expr = parse_expression(text)?;
    let _ = VisitMut::visit(&mut expr, &mut Rename(from, to));
    Ok(expr.to_string())
}

/// Whether the column is the SQLite rowid, whose declaration differs from other columns'.
pub(super) fn is_rowid(table: &Table, name: &str) -> bool {
    table.rowid_column().is_some_and(|column| column.name == name)
}
