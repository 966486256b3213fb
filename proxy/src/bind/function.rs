//! Function calls: which of those of a name is meant, and the node that calls it (`parse_func.c`; manual 10.3).

use std::sync::Arc;

use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments};

use super::{
    Binder, CoercionContext, Scope,
    binder::{fold, name_parts},
    candidate::Choice,
    coerce::Pathway,
    tree::{Call, CallForm, Expr, ExprKind, ProcRef, SortKey},
};
use crate::{
    catalog::{Proc, ProcKind},
    error::{Result, SqlError, SqlState},
    types::{Oid, TypeRef, oid},
};

/// A function as found for a call.
pub(super) struct Resolved {
    /// The function.
    pub(super) proc: Arc<Proc>,
    /// Declared types of the arguments as given, variadic ones spread out.
    pub(super) declared: Vec<Oid>,
    /// For each given argument, its position among `declared`.
    order: Vec<usize>,
    /// Whether the last argument is the array of the variadic ones.
    pub(super) variadic_array: bool,
}

impl Resolved {
    /// The declared types in the order of the arguments as given.
    pub(super) fn in_order(&self) -> Vec<Oid> {
        self.order.iter().map(|slot| self.declared[*slot]).collect()
    }
}

/// A call's arguments as written.
#[derive(Default)]
pub(super) struct Written {
    pub(super) args: Vec<Expr>,
    pub(super) names: Vec<Option<String>>,
    pub(super) star: bool,
    /// Whether the last argument was written with VARIADIC.
    variadic: bool,
    pub(super) distinct: bool,
    pub(super) order_by: Vec<SortKey>,
    pub(super) within_group: bool,
    pub(super) filter: Option<Expr>,
}

impl Binder<'_> {
    /// A call written as a function.
    pub(super) fn function(&mut self, function: &ast::Function, scope: &Scope<'_>) -> Result<Expr> {
        let position = self.position_at(&function.name);
        if function.null_treatment.is_some() || !matches!(function.parameters, FunctionArguments::None) {
            return Err(SqlError::unsupported("this form of function call").at(position));
        }
        if let Some(bound) = self.special_function(function, position, scope)? {
            return Ok(bound.at(position));
        }
        let written = self.written(function, scope)?;
        let mut parts = name_parts(&function.name)?;
        let name = parts.pop().unwrap_or_default();
        let schema = parts.pop();
        self.call(schema.as_deref(), &name, written, function.over.as_ref(), scope, position)
    }

    /// A call by name over bound arguments.
    pub fn call_named(&mut self, name: &str, args: Vec<Expr>, form: CallForm, position: usize) -> Result<Expr> {
        let given: Vec<Oid> = args.iter().map(|arg| arg.ty.oid).collect();
        let resolved = self.resolve_function(Some("pg_catalog"), name, Given { types: &given, names: &[], variadic: false }, position)?;
        self.plain_call(resolved, args, form, position)
    }

    pub(super) fn written(&mut self, function: &ast::Function, scope: &Scope<'_>) -> Result<Written> {
        let mut written = Written::default();
        match &function.args {
            FunctionArguments::None => {}
            FunctionArguments::Subquery(_) => return Err(SqlError::unsupported("a subquery as the argument list")),
            FunctionArguments::List(list) => {
                written.distinct = list.duplicate_treatment == Some(ast::DuplicateTreatment::Distinct);
                for arg in &list.args {
                    self.argument(arg, &mut written, scope)?;
                }
                for clause in &list.clauses {
                    match clause {
                        FunctionArgumentClause::OrderBy(keys) => written.order_by = self.sort_keys(keys, scope)?,
                        other => return Err(SqlError::unsupported(format!("{other} in a function call"))),
                    }
                }
            }
        }
        if !function.within_group.is_empty() {
            if let Some(first) = written.order_by.first() {
                let message = "cannot use multiple ORDER BY clauses with WITHIN GROUP";
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).at(first.expr.position));
            }
            written.within_group = true;
            written.order_by = self.sort_keys(&function.within_group, scope)?;
        }
        if let Some(filter) = &function.filter {
            let bound = self.expression(filter, scope)?;
            written.filter = Some(self.coerce_to_boolean(bound, "FILTER")?);
        }
        Ok(written)
    }

    fn argument(&mut self, arg: &FunctionArg, written: &mut Written, scope: &Scope<'_>) -> Result<()> {
        let (name, value) = match arg {
            FunctionArg::Unnamed(value) => (None, value),
            FunctionArg::Named { name, arg, .. } => (Some(fold(name)), arg),
            FunctionArg::ExprNamed { name: ast::Expr::Identifier(name), arg, .. } => (Some(fold(name)), arg),
            FunctionArg::ExprNamed { .. } => return Err(SqlError::unsupported("this argument name")),
        };
        match value {
            FunctionArgExpr::Expr(expr) => {
                if name.is_none() && written.names.iter().any(Option::is_some) {
                    let message = "positional argument cannot follow named argument";
                    return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).at(self.position_at(expr)));
                }
                let expr = match expr {
                    ast::Expr::Prefixed { prefix, value } if prefix.value == crate::parse::VARIADIC => {
                        written.variadic = true;
                        value
                    }
                    // Only the last argument may be the array.
                    _ if written.variadic => return Err(SqlError::syntax(",", self.position_at(expr).saturating_sub(2))),
                    other => other,
                };
                let bound = self.expression(expr, scope)?;
                written.args.push(bound);
                written.names.push(name);
            }
            FunctionArgExpr::Wildcard => written.star = true,
            FunctionArgExpr::QualifiedWildcard(table) => {
                let row = super::name::whole_row(self.item_named(table, scope)?);
                written.args.push(row.at(self.position_at(table)));
                written.names.push(None);
            }
            FunctionArgExpr::WildcardWithOptions(_) => return Err(SqlError::unsupported("* with options")),
        }
        Ok(())
    }

    fn call(
        &mut self,
        schema: Option<&str>,
        name: &str,
        written: Written,
        over: Option<&ast::WindowType>,
        scope: &Scope<'_>,
        position: usize,
    ) -> Result<Expr> {
        let mut given: Vec<Oid> = written.args.iter().map(|arg| arg.ty.oid).collect();
        if written.within_group {
            given.extend(written.order_by.iter().map(|key| key.expr.ty.oid));
        }
        let names: Vec<Option<String>> = written.names.clone();
        let plain = !written.star && !written.distinct && written.order_by.is_empty() && written.filter.is_none() && over.is_none();
        if let (true, [arg]) = (plain && !written.variadic && names.iter().all(Option::is_none), written.args.as_slice()) {
            if let Some(bound) = self.cast_by_name(schema, name, arg, position)? {
                return Ok(bound);
            }
        }
        let known = Given { types: &given, names: &names, variadic: written.variadic };
        let resolved = self.resolve_function(schema, name, known, position)?;
        if let (true, oid::ANY, Some(array)) = (written.variadic, resolved.proc.variadic, written.args.last())
            && self.element_of(self.base_oid(array.ty.oid)) == 0
        {
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, "VARIADIC argument must be an array").at(array.position));
        }
        let kind = resolved.proc.kind;
        match kind {
            ProcKind::Function if !plain => {
                let (what, state) = if over.is_some() {
                    ("OVER specified, but {} is not a window function nor an aggregate function", SqlState::WRONG_OBJECT_TYPE)
                } else if written.distinct {
                    ("DISTINCT specified, but {} is not an aggregate function", SqlState::WRONG_OBJECT_TYPE)
                } else if written.filter.is_some() {
                    ("FILTER specified, but {} is not an aggregate function", SqlState::WRONG_OBJECT_TYPE)
                } else if written.star {
                    ("{}(*) specified, but {} is not an aggregate function", SqlState::WRONG_OBJECT_TYPE)
                } else {
                    ("ORDER BY specified, but {} is not an aggregate function", SqlState::WRONG_OBJECT_TYPE)
                };
                Err(SqlError::new(state, what.replace("{}", name)).at(position))
            }
            ProcKind::Function => {
                let proc = resolved.proc.clone();
                if proc.returns_set && !scope.clause.allows_sets() {
                    let message = format!("set-returning functions are not allowed in {}", scope.clause.name());
                    return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(position));
                }
                self.plain_call(resolved, written.args, CallForm::Function, position)
            }
            ProcKind::Procedure => {
                let message = format!("{}({}) is a procedure", name, self.type_list(&given));
                Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, message).hint("To call a procedure, use CALL.").at(position))
            }
            ProcKind::Aggregate if over.is_none() => self.aggregate(resolved, written, scope, position),
            ProcKind::Aggregate | ProcKind::Window => self.window_call(resolved, written, over, scope, position),
        }
    }

    /// A function call with its arguments coerced and its defaults filled in.
    pub(super) fn plain_call(&mut self, resolved: Resolved, args: Vec<Expr>, form: CallForm, position: usize) -> Result<Expr> {
        let variadic_array = resolved.variadic_array;
        let (proc, args, result) = self.complete_arguments(resolved, args, position)?;
        self.writes |= matches!(proc.name.as_str(), "nextval" | "setval") && proc.schema == "pg_catalog";
        self.writes |= crate::catalog::own::writes(&proc);
        self.writes |= proc.body.as_ref().is_some_and(|function| super::routine::writes(function, &self.catalog));
        let result = self.routine_row(&proc, &args, result);
        let call = Call { proc: ProcRef(proc), args, variadic_array, form };
        Ok(Expr::new(ExprKind::Call(Box::new(call)), result).at(position))
    }

    /// Puts arguments in order, adds defaults, coerces; answers the result type too.
    pub(super) fn complete_arguments(
        &mut self,
        resolved: Resolved,
        args: Vec<Expr>,
        position: usize,
    ) -> Result<(Arc<Proc>, Vec<Expr>, Oid)> {
        let proc = resolved.proc;
        let mut slots: Vec<Option<Expr>> = vec![None; resolved.declared.len()];
        for (arg, slot) in args.into_iter().zip(&resolved.order) {
            slots[*slot] = Some(arg);
        }
        let first_default = proc.args.len() - proc.defaults.len();
        let mut ordered = Vec::with_capacity(slots.len());
        for (at, slot) in slots.into_iter().enumerate() {
            ordered.push(match slot {
                Some(arg) => arg,
                None => self.default_argument(&proc.defaults[at - first_default])?,
            });
        }
        let (args, result) = self.coerce_arguments(ordered, &resolved.declared, proc.result, position)?;
        Ok((proc, args, result))
    }

    fn default_argument(&mut self, text: &str) -> Result<Expr> {
        let parsed =
            crate::parse::stored_expression(text).map_err(|error| SqlError::internal(format!("default of an argument: {error}")))?;
        let bound = self.expression(&parsed, &Scope::empty(super::Clause::Default))?;
        Ok(bound.at(0))
    }

    /// `int4('5')`, `text(x)`, `date(t)`: a type's name as a function of one argument is a cast, unless a function fits exactly.
    fn cast_by_name(&mut self, schema: Option<&str>, name: &str, arg: &Expr, position: usize) -> Result<Option<Expr>> {
        let Some(target) = self.catalog.type_named(schema, name, &self.path).map(|ty| ty.oid) else { return Ok(None) };
        if self.catalog.procs(name).any(|proc| proc.args == [arg.ty.oid]) {
            return Ok(None);
        }
        let works = arg.is_unknown()
            || match self.pathway(arg.ty.oid, target, CoercionContext::Explicit) {
                Pathway::Relabel => true,
                Pathway::InputOutput => !((arg.ty.oid == oid::RECORD || self.is_composite(arg.ty.oid)) && self.category(target).0 == 'S'),
                _ => false,
            };
        if !works {
            return Ok(None);
        }
        Ok(Some(self.explicit_cast(arg.clone(), TypeRef::new(target))?.at(position)))
    }

    /// Finds the function for what is known of the arguments.
    pub(super) fn resolve_function(&self, schema: Option<&str>, name: &str, known: Given<'_>, position: usize) -> Result<Resolved> {
        let Given { types: given, names, variadic } = known;
        let visible = |proc: &&Arc<Proc>| match schema {
            Some(schema) => proc.schema == schema,
            None => proc.schema == "pg_catalog" || proc.schema == "peergres" || self.path.contains(&proc.schema),
        };
        let mut candidates: Vec<Resolved> = Vec::new();
        for proc in self.catalog.procs(name).filter(visible) {
            let Some(candidate) = candidate(proc, given.len(), names, variadic) else { continue };
            // Of two with the same arguments, the one that is not variadic stays.
            match candidates.iter().position(|known| known.declared == candidate.declared && known.order == candidate.order) {
                Some(at) if candidates[at].proc.variadic != 0 => candidates[at] = candidate,
                Some(_) => {}
                None => candidates.push(candidate),
            }
        }
        let shapes: Vec<Vec<Oid>> = candidates.iter().map(|c| c.order.iter().map(|slot| c.declared[*slot]).collect()).collect();
        if let Some(at) = shapes.iter().position(|shape| shape == given) {
            return Ok(candidates.swap_remove(at));
        }
        let slices: Vec<&[Oid]> = shapes.iter().map(Vec::as_slice).collect();
        let qualified = schema.map_or(name.to_owned(), |schema| format!("{schema}.{name}"));
        let signature = || format!("{qualified}({})", self.named_type_list(given, names));
        match self.choose(&slices, given) {
            Choice::One(at) => Ok(candidates.swap_remove(at)),
            Choice::None => Err(SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("function {} does not exist", signature()))
                .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
                .at(position)),
            Choice::Ambiguous => Err(SqlError::new(SqlState::AMBIGUOUS_FUNCTION, format!("function {} is not unique", signature()))
                .hint("Could not choose a best candidate function. You might need to add explicit type casts.")
                .at(position)),
        }
    }

    pub(super) fn type_list(&self, types: &[Oid]) -> String {
        types.iter().map(|ty| self.type_name(*ty)).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn named_type_list(&self, types: &[Oid], names: &[Option<String>]) -> String {
        let one = |(at, ty): (usize, &Oid)| match names.get(at) {
            Some(Some(name)) => format!("{name} => {}", self.type_name(*ty)),
            _ => self.type_name(*ty),
        };
        types.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
    }

    /// 0A000 for a set where there is one value for each row.
    pub(super) fn refuse_sets(&self, exprs: &[Expr], message: &str) -> Result<()> {
        let is_set = |e: &Expr| matches!(&e.kind, ExprKind::Call(call) if call.proc.returns_set);
        let Some(set) = exprs.iter().find_map(|expr| expr.find(&is_set)) else { return Ok(()) };
        let hint = "You might be able to move the set-returning function into a LATERAL FROM item.";
        Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message).hint(hint).at(set.position))
    }

    fn window_call(
        &mut self,
        resolved: Resolved,
        written: Written,
        over: Option<&ast::WindowType>,
        scope: &Scope<'_>,
        position: usize,
    ) -> Result<Expr> {
        let name = resolved.proc.name.clone();
        let fail = |state, message: String| Err(SqlError::new(state, message).at(position));
        let Some(over) = over else {
            return fail(SqlState::WRONG_OBJECT_TYPE, format!("window function {name} requires an OVER clause"));
        };
        if !scope.clause.allows_windows() {
            let message = match scope.clause {
                super::Clause::Window => "window functions are not allowed in window definitions".to_owned(),
                clause => format!("window functions are not allowed in {}", clause.name()),
            };
            return fail(SqlState::WINDOWING_ERROR, message);
        }
        if written.distinct {
            return fail(SqlState::FEATURE_NOT_SUPPORTED, "DISTINCT is not implemented for window functions".to_owned());
        }
        if !written.order_by.is_empty() {
            return fail(SqlState::FEATURE_NOT_SUPPORTED, "aggregate ORDER BY is not implemented for window functions".to_owned());
        }
        if written.filter.is_some() && resolved.proc.kind == ProcKind::Window {
            return fail(SqlState::FEATURE_NOT_SUPPORTED, "FILTER is not implemented for non-aggregate window functions".to_owned());
        }
        if resolved.proc.kind == ProcKind::Aggregate && written.args.is_empty() && !written.star {
            return fail(SqlState::WRONG_OBJECT_TYPE, format!("{name}(*) must be used to call a parameterless aggregate function"));
        }
        self.refuse_sets(&written.args, "window function calls cannot contain set-returning function calls")?;
        if written.args.iter().any(Expr::has_window) {
            return fail(SqlState::WINDOWING_ERROR, "window function calls cannot be nested".to_owned());
        }
        let window = self.window(over, scope)?;
        let (star, filter) = (written.star, written.filter);
        let (proc, args, result) = self.complete_arguments(resolved, written.args, position)?;
        let call = super::tree::WindowCall { proc: ProcRef(proc), args, filter, window, star };
        Ok(Expr::new(ExprKind::Window(Box::new(call)), TypeRef::new(result)).at(position))
    }
}

/// What is known of a call's arguments before its function is.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) types: &'a [Oid],
    /// Those of named arguments.
    pub(super) names: &'a [Option<String>],
    /// Whether the last one is the array of a variadic function's last ones.
    pub(super) variadic: bool,
}

/// The function as a candidate for so many arguments of such names: none where they do not go together.
pub(super) fn candidate(proc: &Arc<Proc>, given: usize, names: &[Option<String>], variadic: bool) -> Option<Resolved> {
    let (declared, wanted) = (proc.args.len(), given);
    if names.iter().any(Option::is_some) {
        let mut order = Vec::with_capacity(given);
        for (at, name) in names.iter().enumerate() {
            let slot = match name {
                None => at,
                Some(name) => proc.arg_names.iter().position(|known| known == name)?,
            };
            if order.contains(&slot) || slot >= declared {
                return None;
            }
            order.push(slot);
        }
        let optional = declared - proc.defaults.len();
        if (0..optional).any(|slot| !order.contains(&slot)) {
            return None;
        }
        return Some(Resolved { proc: proc.clone(), declared: proc.args.clone(), order, variadic_array: variadic });
    }
    let order = (0..given).collect();
    if proc.variadic != 0 && wanted >= declared && !variadic {
        let mut types = proc.args[..declared - 1].to_vec();
        types.resize(wanted, proc.variadic);
        return Some(Resolved { proc: proc.clone(), declared: types, order, variadic_array: false });
    }
    if wanted > declared || wanted + proc.defaults.len() < declared || (proc.variadic != 0) != variadic {
        return None;
    }
    Some(Resolved { proc: proc.clone(), declared: proc.args.clone(), order, variadic_array: variadic })
}
