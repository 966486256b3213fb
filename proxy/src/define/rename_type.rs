//! `ALTER TYPE | DOMAIN … RENAME TO | SET SCHEMA`: columns and other types that say its name follow.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Constraint, ConstraintRule, Object, QualifiedName, Table, TypeDefinition, UserType},
};

use super::{alter, definer::Definer};
use crate::{
    catalog::type_name::quote_identifier,
    error::{Result, SqlError, SqlState},
};

/// Gives a type another name or schema.
pub(super) fn relocate(definer: &mut Definer<'_>, found: &UserType, name: QualifiedName) -> Result<()> {
    if name == found.name {
        return Ok(());
    }
    if definer.cx.catalog.type_by_name(Some(&name.schema), &name.name).is_some() {
        return Err(SqlError::new(SqlState::DUPLICATE_OBJECT, format!("type \"{}\" already exists", name.name)));
    }
    let (old, new) = (shown(&found.name), shown(&name));
    refuse_expressions(definer, &found.name)?;
    let mut put = vec![Object::Type(UserType { name: name.clone(), ..found.clone() })];
    let replace = |text: &String| replaced(text, &old, &new);
    for object in definer.schema().objects.values() {
        match &**object {
            Object::Type(other) if other.name != found.name => {
                let mut changed = other.clone();
                match &mut changed.definition {
                    TypeDefinition::Domain { base, .. } => *base = replace(base),
                    TypeDefinition::Composite { attributes } => attributes.iter_mut().for_each(|(_, ty)| *ty = replace(ty)),
                    TypeDefinition::Enum { .. } => {}
                }
                if changed != *other {
                    put.push(Object::Type(changed));
                }
            }
            Object::Function(function) => {
                let names = |ty: &String| replace(ty) != *ty;
                if function.arguments.iter().any(|(_, ty, _)| names(ty)) || names(&function.returns) {
                    return Err(SqlError::unsupported(format!("renaming a type that function \"{}\" names", function.name.name)));
                }
            }
            _ => {}
        }
    }
    let tables = definer.objects(|object| match object {
        Object::Table(table) => Some(table.clone()),
        _ => None,
    });
    let views = definer.views();
    definer.apply(&[], put, vec![(ObjectClass::Type, found.name.clone())])?;
    for mut view in views {
        let before = view.clone();
        view.columns.iter_mut().for_each(|(_, ty)| *ty = replaced(ty, &old, &new));
        if view != before {
            definer.apply(&[], vec![Object::View(view)], Vec::new())?;
        }
    }
    for table in tables {
        columns(definer, &table, &old, &new)?;
    }
    Ok(())
}

/// The columns of a table get the type's new name, and the collation that is named after it.
fn columns(definer: &mut Definer<'_>, table: &Table, old: &str, new: &str) -> Result<()> {
    let mut changed = table.clone();
    for column in &mut changed.columns {
        column.type_name = replaced(&column.type_name, old, new);
        if column.type_name != table.columns.iter().find(|c| c.number == column.number).map_or("", |c| c.type_name.as_str()) {
            let ty = definer.type_named(&column.type_name)?;
            column.collation = definer.cx.catalog.type_by_oid(ty.oid).and_then(|ty| ty.collation.clone());
        }
    }
    if changed == *table { Ok(()) } else { alter::put(definer, table, changed) }
}

fn shown(name: &QualifiedName) -> String {
    format!("{}.{}", quote_identifier(&name.schema), quote_identifier(&name.name))
}

/// A stored type name with the type's name replaced, its brackets kept.
fn replaced(text: &str, old: &str, new: &str) -> String {
    match text.strip_prefix(old) {
        Some(rest) if rest.is_empty() || rest.starts_with('[') || rest.starts_with('(') => format!("{new}{rest}"),
        _ => text.to_owned(),
    }
}

/// Stored expressions say the type by name: where one does, the renaming is refused.
fn refuse_expressions(definer: &Definer<'_>, name: &QualifiedName) -> Result<()> {
    let says = |text: &str| {
        text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name.name) && text.contains("::")
            || text.to_ascii_lowercase().contains("cast(") && text.contains(&name.name)
    };
    let of_constraint = |constraint: &Constraint| matches!(&constraint.rule, ConstraintRule::Check { expression, .. } if says(expression));
    let found = definer.objects(|object| match object {
        Object::Table(table) => {
            let in_columns =
                table.columns.iter().any(|c| c.default.as_deref().is_some_and(says) || c.generated.as_deref().is_some_and(says));
            (in_columns || table.constraints.iter().any(of_constraint)).then(|| table.name.name.clone())
        }
        Object::Index(index) => {
            let in_keys = index.keys.iter().any(|key| key.expression.as_ref().is_some_and(|e| says(&e.text)));
            let in_predicate = index.predicate.as_ref().is_some_and(|e| says(&e.text));
            (in_keys || in_predicate).then(|| index.name.name.clone())
        }
        Object::View(view) => says(&view.query).then(|| view.name.name.clone()),
        _ => None,
    });
    match found.first() {
        Some(found) => Err(SqlError::unsupported(format!("renaming type \"{}\", which an expression of \"{found}\" names,", name.name))),
        None => Ok(()),
    }
}
