//! `CREATE DOMAIN`, `ALTER DOMAIN`: a type with a default, NOT NULL and CHECKs over VALUE, which the binder puts wherever a value becomes
//! one of the domain.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Expression, Object, Table, TypeDefinition, UserType},
};
use sqlparser::ast::{DataType, Expr, Ident, ObjectName};

use super::{
    create_table::default_text,
    definer::Definer,
    dependency::{self, Item},
    physical::quote,
    user_type::{new_name, put, undefined_type},
};
use crate::{
    bind::{self, Clause, Scope, fold},
    error::{Result, SqlError, SqlState},
    parse::definition::DomainAction,
    types::{TypeRef, oid},
};

/// `CREATE DOMAIN`.
pub(super) fn create(
    definer: &mut Definer<'_>,
    name: &ObjectName,
    data_type: &DataType,
    default: Option<&Expr>,
    not_null: bool,
    written: &[(Option<Ident>, Expr)],
) -> Result<()> {
    let name = new_name(definer, name)?;
    let base = definer.cx.catalog.data_type(data_type, &definer.path)?;
    let default = bind_default(definer, default, base)?;
    let mut checks: Vec<(String, Expression)> = Vec::new();
    for (given, expr) in written {
        let chosen = check_name(&name.name, given.as_ref(), &checks);
        checks.push((chosen, bind_check(definer, expr, base)?));
    }
    let base = definer.cx.catalog.qualified_type_name(base);
    put(definer, name, TypeDefinition::Domain { base, not_null, default, checks })
}

fn bind_default(definer: &Definer<'_>, default: Option<&Expr>, base: TypeRef) -> Result<Option<String>> {
    let Some(expr) = default else { return Ok(None) };
    let bound = definer.bind(expr, None, Clause::Default, Some(base))?;
    default_text(definer, &bound)
}

/// A CHECK over VALUE.
fn bind_check(definer: &Definer<'_>, expr: &Expr, base: TypeRef) -> Result<Expression> {
    let mut scope = Scope::empty(Clause::Check);
    scope.domain_value = Some(base);
    let bound = bind::expression(expr, definer.source, &mut scope, &definer.cx)?;
    let bound = bind::coerce(bound, TypeRef::new(oid::BOOL), bind::CoercionContext::Assignment, &definer.cx)?;
    definer.expression(&bound)
}

fn check_name(domain: &str, given: Option<&Ident>, checks: &[(String, Expression)]) -> String {
    if let Some(name) = given {
        return fold(name);
    }
    let taken = |name: &str| checks.iter().any(|(other, _)| other == name);
    let plain = format!("{domain}_check");
    if !taken(&plain) {
        return plain;
    }
    (1..).map(|n| format!("{domain}_check{n}")).find(|name| !taken(name)).expect("there are more numbers than constraints")
}

/// `ALTER DOMAIN`.
pub(super) fn alter(definer: &mut Definer<'_>, name: &ObjectName, action: &DomainAction) -> Result<()> {
    let bare = bind::schema_and_name(name, &definer.cx)?.1;
    let Some(mut found) = definer.user_type(name)? else { return Err(undefined_type(&bare)) };
    let TypeDefinition::Domain { base, .. } = &found.definition else {
        return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{bare}\" is not a domain")));
    };
    let base = definer.type_named(base)?;
    let users = columns_of(definer, &found);
    // Values inside arrays can't be looked at one by one.
    let looks = matches!(action, DomainAction::NotNull(true) | DomainAction::AddCheck(_, _, true));
    if let (true, Some((table, at))) = (looks, users.iter().find(|(table, at)| table.columns[*at].type_name.ends_with("[]"))) {
        let column = format!("{}.{}", table.name.name, table.columns[*at].name);
        let message = format!("cannot alter type \"{bare}\" because column \"{column}\" uses it");
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    let TypeDefinition::Domain { not_null, default, checks, .. } = &mut found.definition else {
        return Err(SqlError::internal("it was a domain just now"));
    };
    let absent =
        |name: &str| SqlError::new(SqlState::UNDEFINED_OBJECT, format!("constraint \"{name}\" of domain \"{bare}\" does not exist"));
    match action {
        DomainAction::Default(expr) => *default = bind_default(definer, expr.as_ref(), base)?,
        DomainAction::NotNull(wanted) => {
            if *wanted {
                refuse_nulls(definer, &users)?;
            }
            *not_null = *wanted;
        }
        DomainAction::AddCheck(given, expr, valid) => {
            let chosen = check_name(&bare, given.as_ref(), checks);
            if checks.iter().any(|(other, _)| *other == chosen) {
                let message = format!("constraint \"{chosen}\" for domain \"{bare}\" already exists");
                return Err(SqlError::new(SqlState::DUPLICATE_OBJECT, message));
            }
            let check = bind_check(definer, expr, base)?;
            if *valid && !users.is_empty() {
                refuse_violations(definer, &users, expr)?;
            }
            checks.push((chosen, check));
        }
        DomainAction::DropConstraint { name, if_exists } => {
            let name = fold(name);
            let before = checks.len();
            checks.retain(|(other, _)| *other != name);
            if checks.len() == before {
                if !*if_exists {
                    return Err(absent(&name));
                }
                let message = format!("{}, skipping", absent(&name).fields().message);
                definer.notice(message);
                return Ok(());
            }
        }
        DomainAction::RenameConstraint(from, to) => {
            let from = fold(from);
            let check = checks.iter_mut().find(|(other, _)| *other == from).ok_or_else(|| absent(&from))?;
            check.0 = fold(to);
        }
        DomainAction::Validate(name) => {
            let name = fold(name);
            if checks.iter().all(|(other, _)| *other != name) {
                return Err(absent(&name));
            }
            return Ok(());
        }
    }
    definer.apply(&[], vec![Object::Type(found)], Vec::new()).map(|_| ())
}

/// The columns of the domain, each with its table.
fn columns_of(definer: &Definer<'_>, found: &UserType) -> Vec<(Table, usize)> {
    let schema = definer.schema();
    dependency::dependents(&schema, &Item::Object(ObjectClass::Type, found.name.clone()))
        .into_iter()
        .filter_map(|item| match item {
            Item::Column(table, column) => {
                let table = schema.table(&table)?.clone();
                let at = table.columns.iter().position(|c| c.name == column)?;
                Some((table, at))
            }
            _ => None,
        })
        .collect()
}

fn refuse_nulls(definer: &Definer<'_>, users: &[(Table, usize)]) -> Result<()> {
    for (table, at) in users {
        let column = &table.columns[*at];
        if definer.exists(&format!("SELECT 1 FROM {} WHERE {} IS NULL", quote(&table.physical), quote(&column.physical)))? {
            let message = format!("column \"{}\" of table \"{}\" contains null values", column.name, table.name.name);
            return Err(SqlError::new(SqlState::NOT_NULL_VIOLATION, message)
                .table(&table.name.schema, &table.name.name)
                .column(&column.name));
        }
    }
    Ok(())
}

/// 23514 where a value that is there violates the CHECK: it is bound anew over each column.
fn refuse_violations(definer: &Definer<'_>, users: &[(Table, usize)], expr: &Expr) -> Result<()> {
    use sqlparser::ast::{VisitMut, VisitorMut};
    struct Replace<'n>(&'n str);
    impl VisitorMut for Replace<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> std::ops::ControlFlow<()> {
            if let Expr::Identifier(ident) = expr
                && fold(ident) == "value"
            {
                *ident = Ident::with_quote('"', self.0);
            }
            std::ops::ControlFlow::Continue(())
        }
    }
    for (table, at) in users {
        let column = &table.columns[*at];
        let mut over = expr.clone();
        let _ = VisitMut::visit(&mut over, &mut Replace(&column.name));
        let bound = definer.bind(&over, Some(table), Clause::Check, Some(TypeRef::new(oid::BOOL)))?;
        let condition = definer.expression(&bound)?.sqlite;
        if definer.exists(&format!("SELECT 1 FROM {} WHERE NOT ({condition})", quote(&table.physical)))? {
            let message =
                format!("column \"{}\" of table \"{}\" contains values that violate the new constraint", column.name, table.name.name);
            return Err(SqlError::new(SqlState::CHECK_VIOLATION, message).table(&table.name.schema, &table.name.name).column(&column.name));
        }
    }
    Ok(())
}
