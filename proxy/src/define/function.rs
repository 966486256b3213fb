//! `CREATE FUNCTION`, `CREATE PROCEDURE`: kept as an object, with the body as text. Enters: the syntax. Leaves: the object; a body in SQL has
//! been bound once, so that what is wrong with it shows now (`ProcedureCreate`, `fmgr_sql_validator`).

use peergres_sync::{
    commit::ObjectClass,
    schema::{Function, FunctionProperties, Object},
};

use super::definer::{Definer, undefined_relation};
use crate::{
    bind::{self, fold},
    catalog::Catalog,
    error::{Result, SqlError, SqlState},
    parse::definition::{CreateRoutine, Parameter, RoutineBody, RoutineOptions, TypeName},
    types::{Kind, TypeRef, oid},
};

/// `CREATE FUNCTION`, `CREATE PROCEDURE`.
pub(super) fn create(definer: &mut Definer<'_>, create: &CreateRoutine) -> Result<()> {
    let (language, body, atomic) = language_and_body(create)?;
    let name = definer.creation_name(&create.name)?;
    let (arguments, modes) = parameters(definer, create)?;
    let (returns, returns_set) = result(definer, create, &arguments, &modes)?;
    let mut function = Function {
        name,
        arguments,
        modes,
        returns,
        returns_set,
        volatility: 'v',
        strict: false,
        body,
        language,
        procedure: create.procedure,
        atomic,
        properties: FunctionProperties::default(),
        comment: None,
    };
    apply_options(&mut function, &create.options)?;
    replaces(definer, create, &mut function)?;
    // The body may call the function itself, so that it is there before it is checked.
    definer.apply(&[], vec![Object::Function(function.clone())], Vec::new())?;
    check_body(definer, &function)
}

fn language_and_body(create: &CreateRoutine) -> Result<(String, String, bool)> {
    let refuse = |message: &str| Err(SqlError::new(SqlState("42P13"), message));
    let language = match (create.language.as_deref(), &create.body) {
        (Some(language), _) => language.to_owned(),
        (None, Some(RoutineBody::Atomic(_))) => "sql".to_owned(),
        (None, _) => return refuse("no language specified"),
    };
    match (language.as_str(), &create.body) {
        ("sql" | "plpgsql", None) => refuse("no function body specified"),
        ("sql", Some(RoutineBody::Atomic(text))) => Ok((language, text.clone(), true)),
        ("sql" | "plpgsql", Some(RoutineBody::Text(text))) => Ok((language, text.clone(), false)),
        ("plpgsql", Some(RoutineBody::Atomic(_))) => refuse("inline SQL function body only valid for language SQL"),
        ("c" | "internal", _) => Err(SqlError::unsupported(format!("language \"{language}\""))),
        ("plperl" | "plperlu" | "plpython3u" | "plpythonu" | "pltcl" | "pltclu" | "plv8", _) => {
            Err(SqlError::unsupported(format!("language \"{language}\"")))
        }
        _ => Err(SqlError::new(SqlState::UNDEFINED_OBJECT, format!("language \"{language}\" does not exist"))),
    }
}

/// A type that a function names.
pub(super) fn type_of(definer: &Definer<'_>, name: &TypeName) -> Result<TypeRef> {
    match name {
        TypeName::Named(ty) => definer.cx.catalog.data_type(ty, &definer.path),
        TypeName::OfColumn(path) => {
            let parts = bind::name_parts(path)?;
            let (schema, table, column) = match parts.as_slice() {
                [table, column] => (None, table, column),
                [schema, table, column] => (Some(schema.as_str()), table, column),
                _ => return Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("improper %TYPE reference (too few dotted names): {path}"))),
            };
            let relation = definer.cx.catalog.relation(schema, table, &definer.path).ok_or_else(|| undefined_relation(schema, table))?;
            match relation.column(column) {
                Some((_, found)) => Ok(found.ty),
                None => {
                    let message = format!("column \"{column}\" of relation \"{table}\" does not exist");
                    Err(SqlError::new(SqlState::UNDEFINED_COLUMN, message))
                }
            }
        }
    }
}

type Parameters = (Vec<(String, String, Option<String>)>, String);

fn parameters(definer: &Definer<'_>, create: &CreateRoutine) -> Result<Parameters> {
    let refuse = |message: String| Err(SqlError::new(SqlState("42P13"), message));
    let (mut out, mut modes) = (Vec::with_capacity(create.parameters.len()), String::new());
    let (mut variadic, mut has_default) = (false, false);
    for parameter in &create.parameters {
        let is_input = matches!(parameter.mode, 'i' | 'b' | 'v');
        let ty = type_of(definer, &parameter.ty)?;
        // A function's modifiers of types are dropped, as PostgreSQL does.
        let ty = TypeRef::new(ty.oid);
        let name = parameter.name.as_ref().map(fold).unwrap_or_default();
        refuse_twice(create, parameter, &name)?;
        if variadic && is_input {
            return refuse("VARIADIC parameter must be the last input parameter".to_owned());
        }
        if parameter.mode == 'v' {
            variadic = true;
            let is_array = matches!(definer.cx.catalog.type_by_oid(ty.oid).map(|ty| &ty.kind), Some(Kind::Array(_)));
            if !is_array && !matches!(ty.oid, oid::ANYARRAY | oid::ANYCOMPATIBLEARRAY | oid::ANY) {
                return refuse("VARIADIC parameter must be an array".to_owned());
            }
        }
        let default = match &parameter.default {
            Some(_) if !is_input => return refuse("only input parameters can have default values".to_owned()),
            Some(expr) => {
                has_default = true;
                let target = (!is_polymorphic(ty.oid)).then_some(ty);
                let bound = definer.bind(expr, None, bind::Clause::Default, target)?;
                Some(definer.expression(&bound)?.text)
            }
            None if has_default && is_input && parameter.mode != 'v' => {
                return refuse("input parameters after one with a default value must also have defaults".to_owned());
            }
            None => None,
        };
        out.push((name, definer.cx.catalog.qualified_type_name(ty), default));
        modes.push(parameter.mode);
    }
    if modes.chars().all(|mode| mode == 'i') {
        modes.clear();
    }
    Ok((out, modes))
}

/// Two inputs, or two outputs, of one name.
fn refuse_twice(create: &CreateRoutine, parameter: &Parameter, name: &str) -> Result<()> {
    let side = |mode: char| (matches!(mode, 'i' | 'b' | 'v'), matches!(mode, 'o' | 'b' | 't'));
    let clashes = |other: &Parameter| {
        let ((a, b), (c, d)) = (side(parameter.mode), side(other.mode));
        other.name.as_ref().is_some_and(|other| fold(other) == name) && (a && c || b && d)
    };
    if name.is_empty() || create.parameters.iter().filter(|other| clashes(other)).count() < 2 {
        return Ok(());
    }
    Err(SqlError::new(SqlState("42P13"), format!("parameter name \"{name}\" used more than once")))
}

pub(super) fn is_polymorphic(ty: u32) -> bool {
    Catalog::built_in().type_by_oid(ty).is_some_and(|ty| ty.schema == "pg_catalog" && ty.name.starts_with("any"))
}

/// The result type, and whether it is a set.
fn result(
    definer: &Definer<'_>,
    create: &CreateRoutine,
    arguments: &[(String, String, Option<String>)],
    modes: &str,
) -> Result<(String, bool)> {
    let outputs: Vec<&String> =
        modes.chars().zip(arguments).filter(|(mode, _)| matches!(mode, 'o' | 'b' | 't')).map(|(_, (_, ty, _))| ty).collect();
    let implied = match outputs.as_slice() {
        [] => None,
        [only] if !create.procedure => Some((*only).clone()),
        _ => Some("record".to_owned()),
    };
    match (&create.returns, implied) {
        (Some((None, _)), Some(implied)) => Ok((implied, true)),
        (Some((Some(ty), set)), implied) => {
            let catalog = &definer.cx.catalog;
            let ty = type_of(definer, ty).inspect_err(|_| ())?;
            let given = catalog.qualified_type_name(TypeRef::new(ty.oid));
            match implied {
                Some(implied) if implied != given => {
                    Err(SqlError::new(SqlState("42P13"), format!("function result type must be {implied} because of OUT parameters")))
                }
                _ => Ok((given, *set)),
            }
        }
        (None, Some(implied)) => Ok((implied, false)),
        (_, None) if create.procedure => Ok(("void".to_owned(), false)),
        (_, None) => Err(SqlError::new(SqlState("42P13"), "function result type must be specified")),
    }
}

/// Takes over what CREATE or ALTER says.
pub(super) fn apply_options(function: &mut Function, options: &RoutineOptions) -> Result<()> {
    let properties = &mut function.properties;
    let only_of_functions = options.volatility.is_some() || options.strict.is_some() || options.cost.is_some() || options.rows.is_some();
    if function.procedure && only_of_functions {
        return Err(SqlError::new(SqlState("42P13"), "invalid attribute in procedure definition"));
    }
    function.volatility = options.volatility.unwrap_or(function.volatility);
    function.strict = options.strict.unwrap_or(function.strict);
    properties.security_definer = options.security_definer.unwrap_or(properties.security_definer);
    properties.leakproof = options.leakproof.unwrap_or(properties.leakproof);
    if let Some(parallel) = options.parallel {
        properties.parallel = Some(parallel).filter(|letter| *letter != 'u');
    }
    if options.rows.is_some() && !function.returns_set {
        let message = "ROWS is not applicable when function does not return a set";
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    properties.cost = options.cost.or(properties.cost);
    properties.rows = options.rows.or(properties.rows);
    for name in &options.reset {
        match name {
            None => properties.settings.clear(),
            Some(name) => properties.settings.retain(|kept| kept.split_once('=').is_none_or(|(known, _)| known != name)),
        }
    }
    for (name, value) in &options.settings {
        properties.settings.retain(|kept| kept.split_once('=').is_none_or(|(known, _)| known != name));
        properties.settings.push(format!("{name}={value}"));
    }
    Ok(())
}

/// What was there before under the same name and argument types: refused, or replaced where the result stays the same.
fn replaces(definer: &Definer<'_>, create: &CreateRoutine, function: &mut Function) -> Result<()> {
    let key = Object::Function(function.clone()).name();
    let schema = definer.schema();
    let Some(Object::Function(former)) = schema.get(ObjectClass::Function, &key).map(AsRef::as_ref) else { return Ok(()) };
    if !create.or_replace {
        let message = format!("function \"{}\" already exists with same argument types", function.name.name);
        return Err(SqlError::new(SqlState::DUPLICATE_FUNCTION, message));
    }
    if former.procedure != function.procedure {
        let noun = if former.procedure { "procedure" } else { "function" };
        let error = SqlError::new(SqlState::WRONG_OBJECT_TYPE, "cannot change routine kind");
        return Err(error.detail(format!("\"{}\" is a {noun}.", former.name.name)));
    }
    let noun = if former.procedure { "PROCEDURE" } else { "FUNCTION" };
    let hint = format!("Use DROP {noun} {} first.", shown(definer, former));
    if former.returns != function.returns || former.returns_set != function.returns_set {
        return Err(SqlError::new(SqlState("42P13"), "cannot change return type of existing function").hint(hint));
    }
    let outputs = |function: &Function| {
        let is_output = |mode: char| matches!(mode, 'o' | 'b' | 't');
        function.parameters().filter(|(mode, _)| is_output(*mode)).map(|(_, (name, ty, _))| (name.clone(), ty.clone())).collect::<Vec<_>>()
    };
    if outputs(former) != outputs(function) {
        let error = SqlError::new(SqlState("42P13"), "cannot change return type of existing function");
        return Err(error.detail("Row type defined by OUT parameters is different.").hint(hint));
    }
    for (before, after) in former.inputs().zip(function.inputs()) {
        if !before.0.is_empty() && before.0 != after.0 {
            let message = format!("cannot change name of input parameter \"{}\"", before.0);
            return Err(SqlError::new(SqlState("42P13"), message).hint(hint));
        }
        if before.2.is_some() && after.2.is_none() {
            let message = "cannot remove parameter defaults from existing function";
            return Err(SqlError::new(SqlState("42P13"), message).hint(hint));
        }
    }
    function.comment.clone_from(&former.comment);
    Ok(())
}

/// `f(integer,text)`.
pub(super) fn shown(definer: &Definer<'_>, function: &Function) -> String {
    let types: Vec<String> = function
        .inputs()
        .map(|(_, ty, _)| match definer.type_named(ty) {
            Ok(ty) => definer.cx.catalog.format_type(ty, &definer.path),
            Err(_) => ty.clone(),
        })
        .collect();
    format!("{}({})", function.name.name, types.join(","))
}

/// Binds the body, unless `check_function_bodies` is off.
fn check_body(definer: &Definer<'_>, function: &Function) -> Result<()> {
    if definer.cx.services.setting("check_function_bodies").as_deref() == Some("off") {
        return Ok(());
    }
    match function.language.as_str() {
        "sql" => bind::routine::check(function, &definer.cx),
        "plpgsql" => crate::parse::plpgsql::check(&function.body).map_err(bind::routine::without_position),
        _ => Ok(()),
    }
}
