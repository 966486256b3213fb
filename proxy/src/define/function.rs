//! `CREATE FUNCTION … LANGUAGE sql`: kept as an object, with its body as text.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Function, Object, QualifiedName},
};
use sqlparser::ast::{
    ArgMode, CreateFunction, CreateFunctionBody, DropFunction, Expr, FunctionBehavior, FunctionCalledOnNull, FunctionReturnType,
    ObjectName, Value,
};

use super::definer::Definer;
use crate::{
    bind::{self, fold},
    error::{Result, SqlError, SqlState},
    types::TypeRef,
};

/// An argument's default, of the argument's type, as `pg_get_expr` prints it.
fn default_text(definer: &Definer<'_>, expr: &sqlparser::ast::Expr, ty: TypeRef) -> Result<String> {
    let bound = definer.bind(expr, None, bind::Clause::Default, Some(ty))?;
    Ok(definer.expression(&bound)?.text)
}

/// `CREATE FUNCTION`.
pub(super) fn create(definer: &mut Definer<'_>, create: &CreateFunction) -> Result<()> {
    let language = create.language.as_ref().map(fold);
    match language.as_deref() {
        Some("sql") => {}
        None if matches!(create.function_body, Some(CreateFunctionBody::Return(_))) => {}
        None => return Err(SqlError::new(SqlState::INVALID_OBJECT_DEFINITION, "no language specified")),
        Some(other) => return Err(SqlError::unsupported(format!("language \"{other}\""))),
    }
    let name = definer.creation_name(&create.name)?;
    let catalog = definer.cx.catalog.clone();
    let mut arguments = Vec::new();
    for argument in create.args.iter().flatten() {
        if !matches!(argument.mode, None | Some(ArgMode::In)) {
            return Err(SqlError::unsupported("OUT, INOUT and VARIADIC arguments"));
        }
        let ty = catalog.data_type(&argument.data_type, &definer.path)?;
        let name = argument.name.as_ref().map(fold).unwrap_or_default();
        let type_name = catalog.qualified_type_name(ty);
        let default = argument.default_expr.as_ref().map(|expr| default_text(definer, expr, ty)).transpose()?;
        arguments.push((name, type_name, default));
    }
    let (returns, returns_set) = match &create.return_type {
        Some(FunctionReturnType::DataType(ty)) => (catalog.qualified_type_name(catalog.data_type(ty, &definer.path)?), false),
        Some(FunctionReturnType::SetOf(ty)) => (catalog.qualified_type_name(catalog.data_type(ty, &definer.path)?), true),
        None => ("void".to_owned(), false),
    };
    let function = Function {
        name,
        arguments,
        returns,
        returns_set,
        volatility: match create.behavior {
            Some(FunctionBehavior::Immutable) => 'i',
            Some(FunctionBehavior::Stable) => 's',
            _ => 'v',
        },
        strict: matches!(create.called_on_null, Some(FunctionCalledOnNull::Strict | FunctionCalledOnNull::ReturnsNullOnNullInput)),
        body: body(create)?,
        comment: None,
    };
    let object = Object::Function(function);
    if !create.or_replace && definer.schema().get(ObjectClass::Function, &object.name()).is_some() {
        return Err(SqlError::new(
            SqlState::DUPLICATE_FUNCTION,
            format!("function \"{}\" already exists with same argument types", bind::schema_and_name(&create.name, &definer.cx)?.1),
        ));
    }
    definer.apply(&[], vec![object], Vec::new()).map(|_| ())
}

fn body(create: &CreateFunction) -> Result<String> {
    match &create.function_body {
        Some(CreateFunctionBody::AsBeforeOptions { body, .. } | CreateFunctionBody::AsAfterOptions(body)) => match body {
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Ok(text.clone()),
                Value::DollarQuotedString(text) => Ok(text.value.clone()),
                other => Err(SqlError::unsupported(format!("the function body {other}"))),
            },
            other => Err(SqlError::unsupported(format!("the function body {other}"))),
        },
        Some(CreateFunctionBody::Return(expr)) => Ok(format!("SELECT {expr}")),
        _ => Err(SqlError::unsupported("this form of a function's body")),
    }
}

/// `DROP FUNCTION`.
pub(super) fn drop(definer: &mut Definer<'_>, drop: &DropFunction) -> Result<()> {
    for description in &drop.func_desc {
        let (schema, name) = bind::schema_and_name(&description.name, &definer.cx)?;
        let types = description.args.as_ref().map(|args| {
            args.iter()
                .map(|argument| definer.cx.catalog.data_type(&argument.data_type, &definer.path))
                .map(|ty| ty.map(|ty| definer.cx.catalog.qualified_type_name(ty)))
                .collect::<Result<Vec<_>>>()
        });
        let types = types.transpose()?;
        let found: Vec<QualifiedName> = definer.objects(|object| match object {
            Object::Function(function) => {
                let own: Vec<&str> = function.arguments.iter().map(|(_, ty, _)| ty.as_str()).collect();
                let here = schema.as_ref().map_or_else(|| definer.path.contains(&function.name.schema), |s| *s == function.name.schema);
                let same = types.as_ref().is_none_or(|types| types.iter().map(String::as_str).eq(own.iter().copied()));
                (function.name.name == name && here && same).then(|| object.name())
            }
            _ => None,
        });
        let shown = format!("{name}({})", types.unwrap_or_default().join(","));
        match found.as_slice() {
            [only] => {
                definer.apply(&[], Vec::new(), vec![(ObjectClass::Function, only.clone())])?;
            }
            [] if drop.if_exists => definer.notice(format!("function {shown} does not exist, skipping")),
            [] if description.args.is_none() => {
                return Err(SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("could not find a function named \"{name}\"")));
            }
            [] => return Err(SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("function {shown} does not exist"))),
            _ => {
                return Err(SqlError::new(SqlState::AMBIGUOUS_FUNCTION, format!("function name \"{name}\" is not unique"))
                    .hint("Specify the argument list to select the function unambiguously."));
            }
        }
    }
    Ok(())
}

/// The one function of that name.
pub(super) fn only(definer: &Definer<'_>, name: &ObjectName) -> Result<Function> {
    let (schema, bare) = bind::schema_and_name(name, &definer.cx)?;
    let found = definer.objects(|object| match object {
        Object::Function(function) => {
            let here = schema.as_ref().map_or_else(|| definer.path.contains(&function.name.schema), |s| *s == function.name.schema);
            (function.name.name == bare && here).then(|| function.clone())
        }
        _ => None,
    });
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("could not find a function named \"{bare}\""))),
        _ => Err(SqlError::new(SqlState::AMBIGUOUS_FUNCTION, format!("function name \"{bare}\" is not unique"))
            .hint("Specify the argument list to select the function unambiguously.")),
    }
}
