//! Functions and procedures that exist: found by name and argument types, altered, dropped.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Function, Object, QualifiedName, Trigger},
};

use super::{
    definer::Definer,
    dependency::{self, Item},
    drop,
    function::{apply_options, shown, type_of},
};
use crate::{
    bind,
    error::{Result, SqlError, SqlState},
    parse::definition::{RoutineAction, RoutineKind, RoutineName, TypeName},
};

/// The one that a statement names.
pub(super) fn find(definer: &Definer<'_>, kind: RoutineKind, name: &RoutineName) -> Result<Function> {
    let (schema, bare) = bind::schema_and_name(&name.name, &definer.cx)?;
    let path = &definer.path;
    let types = name.parameters.as_ref().map(|list| input_types(definer, list)).transpose()?;
    let all = name.parameters.as_ref().map(|list| all_types(definer, list)).transpose()?;
    let mut found: Vec<Function> = definer.objects(|object| match object {
        Object::Function(function) if function.name.name == bare => {
            let here = schema.as_ref().map_or_else(|| path.contains(&function.name.schema), |schema| *schema == function.name.schema);
            let inputs = function.inputs().map(|(_, ty, _)| ty);
            let same = types.as_ref().is_none_or(|types| types.iter().eq(inputs));
            // A procedure may also be named by all of its parameters.
            let whole = function.procedure && all.as_ref().is_some_and(|all| all.iter().eq(function.arguments.iter().map(|(_, ty, _)| ty)));
            (here && (same || whole)).then(|| function.clone())
        }
        _ => None,
    });
    // What stands first in the search path hides what has the same arguments further on.
    if schema.is_none() && types.is_some() {
        found.sort_by_key(|function| path.iter().position(|schema| *schema == function.name.schema));
        found.truncate(1);
    }
    let whole = schema.map_or_else(|| bare.clone(), |schema| format!("{schema}.{bare}"));
    match found.as_slice() {
        [only] => of_kind(definer, kind, only).map(|()| only.clone()),
        [] => {
            let message = match &types {
                Some(_) => format!("{} {whole}({}) does not exist", kind.noun(), shown_types(definer, name)?),
                None => format!("could not find a {} named \"{whole}\"", kind.noun()),
            };
            Err(SqlError::new(SqlState::UNDEFINED_FUNCTION, message))
        }
        _ => {
            let error = SqlError::new(SqlState::AMBIGUOUS_FUNCTION, format!("{} name \"{whole}\" is not unique", kind.noun()));
            Err(error.hint(format!("Specify the argument list to select the {} unambiguously.", kind.noun())))
        }
    }
}

fn of_kind(definer: &Definer<'_>, kind: RoutineKind, function: &Function) -> Result<()> {
    let right = match kind {
        RoutineKind::Function => !function.procedure,
        RoutineKind::Procedure => function.procedure,
        RoutineKind::Routine => true,
    };
    if right {
        return Ok(());
    }
    let message = format!("{} is not a {}", shown(definer, function), kind.noun());
    Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, message))
}

fn input_types(definer: &Definer<'_>, list: &[(char, TypeName)]) -> Result<Vec<String>> {
    let inputs = list.iter().filter(|(mode, _)| !matches!(mode, 'o' | 't'));
    inputs.map(|(_, ty)| Ok(definer.cx.catalog.qualified_type_name(crate::types::TypeRef::new(type_of(definer, ty)?.oid)))).collect()
}

fn all_types(definer: &Definer<'_>, list: &[(char, TypeName)]) -> Result<Vec<String>> {
    list.iter().map(|(_, ty)| Ok(definer.cx.catalog.qualified_type_name(crate::types::TypeRef::new(type_of(definer, ty)?.oid)))).collect()
}

fn shown_types(definer: &Definer<'_>, name: &RoutineName) -> Result<String> {
    let types = name.parameters.iter().flatten().filter(|(mode, _)| !matches!(mode, 'o' | 't'));
    let one = |(_, ty): &(char, TypeName)| Ok(definer.cx.catalog.format_type(type_of(definer, ty)?, &definer.path));
    Ok(types.map(one).collect::<Result<Vec<_>>>()?.join(","))
}

/// `DROP FUNCTION | PROCEDURE | ROUTINE`.
pub(super) fn drop(definer: &mut Definer<'_>, kind: RoutineKind, names: &[RoutineName], if_exists: bool, cascade: bool) -> Result<()> {
    let mut items = Vec::with_capacity(names.len());
    for name in names {
        match find(definer, kind, name) {
            Ok(function) => items.push(Item::Object(ObjectClass::Function, Object::Function(function).name())),
            Err(error) if if_exists && error.state() == SqlState::UNDEFINED_FUNCTION.0 => {
                let message = error.fields().message.clone();
                let message = match name.parameters {
                    Some(_) => message,
                    None => format!("{} {}() does not exist", kind.noun(), bind::schema_and_name(&name.name, &definer.cx)?.1),
                };
                definer.notice(format!("{message}, skipping"));
            }
            // A type that is not there makes a function that is not there either.
            Err(error) if if_exists && matches!(error.state(), "42704" | "3F000") => {
                definer.notice(format!("{}, skipping", error.fields().message));
            }
            Err(error) => return Err(error),
        }
    }
    items.dedup();
    drop::remove(definer, &items, cascade)
}

/// `ALTER FUNCTION | PROCEDURE | ROUTINE`.
pub(super) fn alter(definer: &mut Definer<'_>, kind: RoutineKind, name: &RoutineName, action: &RoutineAction) -> Result<()> {
    match action {
        RoutineAction::Rename(to) => {
            relocate(definer, kind, name, |old| QualifiedName { schema: old.schema.clone(), name: bind::fold(to) })
        }
        RoutineAction::SetSchema(to) => {
            relocate(definer, kind, name, |old| QualifiedName { schema: bind::fold(to), name: old.name.clone() })
        }
        RoutineAction::Owner(_) => find(definer, kind, name).map(|_| ()),
        RoutineAction::Options(options) => {
            let mut function = find(definer, kind, name)?;
            apply_options(&mut function, options)?;
            definer.apply(&[], vec![Object::Function(function)], Vec::new()).map(|_| ())
        }
    }
}

fn relocate(
    definer: &mut Definer<'_>,
    kind: RoutineKind,
    name: &RoutineName,
    to: impl FnOnce(&QualifiedName) -> QualifiedName,
) -> Result<()> {
    let function = find(definer, kind, name)?;
    let old = Object::Function(function.clone()).name();
    let moved = Object::Function(Function { name: to(&function.name), ..function.clone() });
    let key = moved.name();
    if key == old {
        return Ok(());
    }
    if !definer.schema().has_namespace(&key.schema) {
        return Err(super::definer::no_namespace(&key.schema));
    }
    if definer.schema().get(ObjectClass::Function, &key).is_some() {
        let message = format!("function {} already exists in schema \"{}\"", key.name, key.schema);
        return Err(SqlError::new(SqlState::DUPLICATE_FUNCTION, message));
    }
    let mut put = vec![moved];
    let schema = definer.schema();
    for dependent in dependency::dependents(&schema, &Item::Object(ObjectClass::Function, old.clone())) {
        // Stored texts name a function; triggers can follow it.
        match &dependent {
            Item::Object(ObjectClass::Trigger, name) => {
                if let Some(Object::Trigger(trigger)) = schema.get(ObjectClass::Trigger, name).map(AsRef::as_ref) {
                    let bare = key.name.split('(').next().unwrap_or_default().to_owned();
                    let function = QualifiedName { schema: key.schema.clone(), name: bare };
                    put.push(Object::Trigger(Trigger { function, ..trigger.clone() }));
                }
            }
            other => {
                let what = other.describe(&schema, &definer.path);
                return Err(SqlError::unsupported(format!("renaming a function that {what} uses")));
            }
        }
    }
    definer.apply(&[], put, vec![(ObjectClass::Function, old)]).map(|_| ())
}
