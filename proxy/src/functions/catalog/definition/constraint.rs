//! `pg_get_constraintdef`.

use peergres_sync::schema::{Constraint, ConstraintRule, Index, Object, QualifiedName, ReferentialAction, Table};

use super::{super::super::Call, Value, expression, flag, oid, text};
use crate::{
    catalog::{derived::FoundConstraint, type_name::quote_identifier},
    error::Result,
    session::context::Context,
    types::{Kind, TypeRef, registered::relation::visible_name},
};

/// `pg_get_constraintdef(oid [, pretty])`.
pub(super) fn definition(call: &Call<'_>) -> Result<Value> {
    let is_pretty = flag(call, 1)?;
    text(call.cx.catalog.constraint(oid(call, 0)?).map(|found| match found {
        FoundConstraint::Table(oid, table, constraint) => of_table(oid, table, constraint, is_pretty, call.cx),
        FoundConstraint::Domain(domain, _, (_, check)) => {
            let base = match call.cx.catalog.type_by_oid(domain).map(|ty| &ty.kind) {
                Some(Kind::Domain(base)) => *base,
                _ => TypeRef::new(crate::types::oid::TEXT),
            };
            format!("CHECK ({})", expression::of_domain(&check.text, base, is_pretty, call.cx))
        }
    }))
}

fn of_table(oid: u32, table: &Table, constraint: &Constraint, is_pretty: bool, cx: &Context) -> String {
    let mut out = match &constraint.rule {
        ConstraintRule::PrimaryKey { columns } => format!("PRIMARY KEY ({}){}", list(columns), include(table, constraint, cx)),
        ConstraintRule::Unique { columns, nulls_not_distinct } => {
            let nulls = if *nulls_not_distinct { "NULLS NOT DISTINCT " } else { "" };
            format!("UNIQUE {nulls}({}){}", list(columns), include(table, constraint, cx))
        }
        ConstraintRule::Check { expression: check, .. } => {
            let relation = cx.catalog.relation_by_oid(oid).map(AsRef::as_ref);
            format!("CHECK ({})", expression::shown(check, relation, is_pretty, cx))
        }
        ConstraintRule::ForeignKey { .. } => foreign_key(&constraint.rule, cx),
    };
    if constraint.deferrable {
        out += " DEFERRABLE";
    }
    if constraint.initially_deferred {
        out += " INITIALLY DEFERRED";
    }
    if !constraint.validated {
        out += " NOT VALID";
    }
    out
}

fn list(columns: &[String]) -> String {
    columns.iter().map(|column| quote_identifier(column)).collect::<Vec<_>>().join(", ")
}

/// The INCLUDE of a constraint's index.
fn include(table: &Table, constraint: &Constraint, cx: &Context) -> String {
    let serves = |index: &&Index| index.table == table.name && index.constraint.as_deref() == Some(&constraint.name);
    let mut indexes = cx.catalog.schema.objects.values().filter_map(|object| match &**object {
        Object::Index(index) => Some(index),
        _ => None,
    });
    match indexes.find(serves) {
        Some(index) if !index.include.is_empty() => format!(" INCLUDE ({})", list(&index.include)),
        _ => String::new(),
    }
}

fn foreign_key(rule: &ConstraintRule, cx: &Context) -> String {
    let ConstraintRule::ForeignKey { columns, references, referenced_columns, on_update, on_delete, match_full } = rule else {
        return String::new();
    };
    let mut out = format!("FOREIGN KEY ({}) REFERENCES {}({})", list(columns), table_name(references, cx), list(referenced_columns));
    if *match_full {
        out += " MATCH FULL";
    }
    for (event, action) in [("UPDATE", on_update), ("DELETE", on_delete)] {
        let action = match action {
            ReferentialAction::NoAction => continue,
            ReferentialAction::Restrict => "RESTRICT",
            ReferentialAction::Cascade => "CASCADE",
            ReferentialAction::SetNull => "SET NULL",
            ReferentialAction::SetDefault => "SET DEFAULT",
        };
        out += &format!(" ON {event} {action}");
    }
    out
}

/// A table's name, with its schema unless it is visible.
fn table_name(name: &QualifiedName, cx: &Context) -> String {
    match cx.catalog.relation(Some(&name.schema), &name.name, &[]) {
        Some(relation) => visible_name(relation, cx),
        None => format!("{}.{}", quote_identifier(&name.schema), quote_identifier(&name.name)),
    }
}
