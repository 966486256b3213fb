//! `pg_get_constraintdef`.

use peergres_sync::schema::{Constraint, ConstraintRule, Index, Object, QualifiedName, ReferentialAction, Table};

use super::{super::super::Call, Value, expression, flag, oid, text};
use crate::{
    catalog::{derived::FoundConstraint, lookup, type_name::quote_identifier},
    error::Result,
    session::context::Context,
    types::{Kind, Oid, TypeRef, registered::relation::visible_name},
};

/// `pg_get_constraintdef(oid [, pretty])`.
pub(super) fn definition(call: &Call<'_>) -> Result<Value> {
    let (wanted, is_pretty) = (oid(call, 0)?, flag(call, 1)?);
    text(match call.cx.catalog.constraint(wanted) {
        Some(FoundConstraint::Table(oid, table, constraint)) => Some(of_table(oid, table, constraint, is_pretty, call.cx)),
        Some(FoundConstraint::Domain(domain, _, (_, check))) => Some(of_domain(domain, &check.text, is_pretty, call.cx)),
        None => of_catalog(wanted, is_pretty, call.cx)?,
    })
}

fn of_domain(domain: Oid, check: &str, is_pretty: bool, cx: &Context) -> String {
    let base = match cx.catalog.type_by_oid(domain).map(|ty| &ty.kind) {
        Some(Kind::Domain(base)) => *base,
        _ => match lookup::row("pg_type", "oid", domain, cx) {
            // The domains of information_schema are types of their own here.
            Ok(Some(row)) => TypeRef { oid: row.integer("typbasetype") as Oid, typmod: row.integer("typtypmod") as i32 },
            _ => TypeRef::new(crate::types::oid::TEXT),
        },
    };
    format!("CHECK ({})", expression::of_domain(check, base, is_pretty, cx))
}

/// A constraint of a catalog relation or a built-in domain, from its row.
fn of_catalog(oid: Oid, is_pretty: bool, cx: &Context) -> Result<Option<String>> {
    let Some(row) = lookup::row("pg_constraint", "oid", oid, cx)? else { return Ok(None) };
    let kind = match row.letter("contype") {
        'c' => return Ok(row.text("conbin").map(|check| of_domain(row.integer("contypid") as Oid, check, is_pretty, cx))),
        'p' => "PRIMARY KEY",
        _ => "UNIQUE",
    };
    let Some(table) = cx.catalog.relation_by_oid(row.integer("conrelid") as Oid) else { return Ok(None) };
    let numbers = row.text("conkey").unwrap_or_default().trim_matches(['{', '}']).split(',');
    let name = |number: &str| {
        let number: i16 = number.parse().ok()?;
        table.columns.iter().find(|column| column.number == number).map(|column| column.name.clone())
    };
    Ok(Some(format!("{kind} ({})", list(&numbers.filter_map(name).collect::<Vec<_>>()))))
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
