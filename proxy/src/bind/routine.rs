//! Functions that users made in SQL: their bodies as statements over their parameters, checked when they are made, bound when they are
//! called, and put in place of the call where they are one expression (`functions.c`, `inline_function` of `clauses.c`).
//!
//! Enters: a function's object and the types that it is called with. Leaves: plans, or an expression.

use std::{borrow::Cow, cell::Cell, collections::HashSet, rc::Rc};

use peergres_sync::schema::Function;
use sqlparser::ast::{self, SelectItem, SetExpr, Statement};

use super::{
    Binder, CoercionContext, Scope,
    from::nth_column,
    tree::{Call, CastForm, Expr, ExprKind, From, Query, Target as Item},
};
use crate::{
    catalog::{Catalog, Proc, ProcKind},
    error::{Result, SqlError, SqlState},
    execute::plan::{OutputColumn, Plan, Role, Step, Tag},
    parse::{Node, Parsed},
    session::{
        context::Context,
        variables::{Level, Variable, Variables},
    },
    types::{Kind, Oid, TypeRef, oid},
};

/// What a function gives back.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Nothing.
    Void,
    /// One value.
    Scalar(TypeRef),
    /// A row of these columns.
    Row(Vec<(String, TypeRef)>),
    /// A record whose columns the body decides.
    Record,
}

impl Shape {
    /// Of a call: the concrete types of arguments and result, and the columns of a definition list.
    pub fn of(proc: &Proc, types: &[Oid], result: Oid, columns: Option<Vec<(String, TypeRef)>>, cx: &Context) -> Shape {
        if let Some(columns) = columns {
            return Shape::Row(columns);
        }
        if proc.outputs.len() > 1 || proc.kind == ProcKind::Procedure && !proc.outputs.is_empty() {
            let binder = Binder::new(cx, "", &[]);
            let column = |output: &crate::catalog::OutputArgument| {
                let resolved = binder.resolve_polymorphic(&proc.args, types, output.ty).map_or(output.ty, |(_, ty)| ty);
                (output.name.clone(), TypeRef::new(resolved))
            };
            return Shape::Row(proc.outputs.iter().map(column).collect());
        }
        if proc.result == oid::VOID {
            return Shape::Void;
        }
        // A domain stands at its base type in the call, but has checks of its own.
        let is_open = cx.catalog.type_by_oid(proc.result).is_some_and(|ty| ty.schema == "pg_catalog" && ty.name.starts_with("any"));
        let ty = if is_open { result } else { proc.result };
        match composite(ty, &cx.catalog) {
            Some(attributes) => Shape::Row(attributes),
            None if ty == oid::RECORD => Shape::Record,
            None => Shape::Scalar(TypeRef::new(ty)),
        }
    }
}

/// The attributes of a composite type, or of a domain over one.
pub fn composite(ty: Oid, catalog: &Catalog) -> Option<Vec<(String, TypeRef)>> {
    match catalog.type_by_oid(ty).map(|ty| &ty.kind)? {
        Kind::Composite(attributes) => Some(attributes.to_vec()),
        Kind::Domain(base) => composite(base.oid, catalog),
        _ => None,
    }
}

/// The body as a list of statements.
fn text(function: &Function) -> Cow<'_, str> {
    match function.body.strip_prefix("RETURN ").filter(|_| function.atomic) {
        Some(expression) => Cow::Owned(format!("SELECT {expression}")),
        None if function.atomic => {
            let inside = function.body.strip_prefix("BEGIN ATOMIC").and_then(|rest| rest.trim_end().strip_suffix("END"));
            Cow::Borrowed(inside.unwrap_or(&function.body))
        }
        None => Cow::Borrowed(&function.body),
    }
}

/// The statements of a body, and the text that they stand in.
pub fn statements(function: &Function) -> Result<(Rc<str>, Vec<Parsed>)> {
    let text = text(function);
    let parsed = crate::parse::parse(&text).map_err(without_position)?;
    Ok((Rc::from(&*text), parsed))
}

/// An error inside a body has no place in the statement that the client sent.
pub fn without_position(mut error: SqlError) -> SqlError {
    error.fields_mut().position = None;
    error
}

/// The parameters as names.
pub fn variables(function: &Function, types: &[TypeRef]) -> Variables {
    let parameters = function.inputs().zip(types).zip(1..);
    let variables = parameters.map(|((parameter, ty), number)| Variable { name: parameter.0.clone(), ty: *ty, number }).collect();
    Variables { levels: vec![Level { label: Some(function.name.name.clone()), variables }], strict: false }
}

/// Plans a statement of a body; with `result` its columns are coerced to these types by assignment.
pub fn plan(node: &Node, source: &str, types: &[Oid], cx: &Context, result: Option<&[TypeRef]>) -> Result<Plan> {
    let mut binder = Binder::new(cx, source, types);
    let plan = match node {
        Node::Statement(statement) => match &**statement {
            Statement::Query(query) => binder.plan_coerced(query, result),
            other => Err(SqlError::unsupported(crate::parse::name_of(&other.to_string()))),
        },
        Node::Change(change) => binder.plan_change(change),
        Node::Command(_) | Node::Definition(_) => Err(SqlError::internal("this statement has no plan")),
    };
    let plan = plan.map_err(without_position)?;
    if plan.parameters.len() > types.len() {
        return Err(SqlError::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter ${}", types.len() + 1)));
    }
    Ok(plan)
}

impl Binder<'_> {
    fn plan_coerced(&mut self, query: &ast::Query, result: Option<&[TypeRef]>) -> Result<Plan> {
        let bound = self.query(query, None)?;
        let bound = match result {
            Some(types) if types.len() == bound.columns.len() => self.coerce_columns(bound, types)?,
            _ => self.settle_columns(bound)?,
        };
        let columns = bound.columns.iter().map(|c| OutputColumn { ty: c.ty, ..c.clone() }).collect();
        let parameters = self.finish_parameters()?;
        let steps = vec![Step::read(crate::rewrite::query(&bound, self.cx)?, Role::Result)];
        Ok(Plan { steps, columns, parameters, tag: Tag::Select, writes: self.writes, timely: self.timely })
    }

    fn coerce_columns(&mut self, mut query: Query, types: &[TypeRef]) -> Result<Query> {
        let open = |(column, ty): (&OutputColumn, &TypeRef)| match column.ty.oid {
            oid::UNKNOWN if ty.oid != oid::RECORD => TypeRef::new(self.base_type(*ty).oid),
            oid::UNKNOWN => TypeRef::new(oid::TEXT),
            _ => column.ty,
        };
        let settled: Vec<TypeRef> = query.columns.iter().zip(types).map(open).collect();
        self.retype(&mut query, &settled)?;
        if query.columns.iter().zip(types).all(|(column, ty)| column.ty == *ty || column.ty.oid == ty.oid && ty.typmod < 0) {
            return Ok(query);
        }
        let source = self.new_source();
        let mut targets = Vec::with_capacity(types.len());
        for (at, (column, ty)) in query.columns.iter().zip(types).enumerate() {
            let expr = self.coerce_to(nth_column(source, at, column), *ty, CoercionContext::Assignment)?;
            targets.push(Item { expr, name: column.name.clone() });
        }
        let from = From::Query { source, query: Box::new(query), lateral: false };
        let mut around = self.select_of(targets, vec![from], None);
        around.columns.iter_mut().zip(types).for_each(|(column, ty)| column.ty = *ty);
        Ok(around)
    }
}

/// What is wrong with a body shows when the function is made.
pub fn check(function: &Function, cx: &Context) -> Result<()> {
    let context = |error: SqlError| error.context(format!("SQL function \"{}\"", function.name.name));
    let (source, parsed) = statements(function).map_err(context)?;
    let types: Vec<TypeRef> = function.inputs().map(|(_, ty, _)| cx.catalog.parse_type(ty, &cx.search_path)).collect::<Result<_>>()?;
    let returns = cx.catalog.parse_type(&function.returns, &cx.search_path)?;
    let is_open = |ty: &TypeRef| cx.catalog.type_by_oid(ty.oid).is_some_and(|ty| ty.schema == "pg_catalog" && ty.name.starts_with("any"));
    if types.iter().chain([&returns]).any(is_open) {
        return Ok(());
    }
    let inner = Context { variables: Some(Rc::new(variables(function, &types))), ..cx.clone() };
    let oids: Vec<Oid> = types.iter().map(|ty| ty.oid).collect();
    let mut last = None;
    for parsed in &parsed {
        last = match &parsed.node {
            Node::Statement(_) | Node::Change(_) => Some(plan(&parsed.node, &source, &oids, &inner, None).map_err(context)?),
            Node::Command(_) | Node::Definition(_) => None,
        };
    }
    check_result(function, returns, last.as_ref(), cx).map_err(context)
}

/// 42P13 where the last statement does not give what the function declares (`check_sql_fn_retval`).
fn check_result(function: &Function, returns: TypeRef, last: Option<&Plan>, cx: &Context) -> Result<()> {
    if returns.oid == oid::VOID {
        return Ok(());
    }
    let refuse = |detail: String| {
        let shown = cx.catalog.format_type(returns, &cx.search_path);
        Err(SqlError::new(SqlState("42P13"), format!("return type mismatch in function declared to return {shown}")).detail(detail))
    };
    let Some(last) = last.filter(|plan| !plan.columns.is_empty()) else {
        return refuse("Function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING.".to_owned());
    };
    let outputs = function.parameters().filter(|(mode, _)| matches!(mode, 'o' | 'b' | 't'));
    let outputs: Vec<TypeRef> = outputs.map(|(_, (_, ty, _))| cx.catalog.parse_type(ty, &cx.search_path)).collect::<Result<_>>()?;
    let wanted = match (outputs.len(), composite(returns.oid, &cx.catalog)) {
        (2.., _) => outputs,
        (_, Some(attributes)) if last.columns.len() != 1 => attributes.into_iter().map(|(_, ty)| ty).collect(),
        (_, Some(_)) => return Ok(()),
        _ if returns.oid == oid::RECORD => return Ok(()),
        _ => vec![returns],
    };
    if last.columns.len() != wanted.len() {
        return refuse(match (wanted.len(), last.columns.len()) {
            (1, _) => "Final statement must return exactly one column.".to_owned(),
            (wanted, given) if given < wanted => "Final statement returns too few columns.".to_owned(),
            _ => "Final statement returns too many columns.".to_owned(),
        });
    }
    let binder = Binder::new(cx, "", &[]);
    for (at, (column, ty)) in last.columns.iter().zip(&wanted).enumerate() {
        if column.ty.oid != ty.oid && !binder.can_assign(column.ty.oid, ty.oid) {
            let name = |ty: TypeRef| cx.catalog.format_type(TypeRef::new(ty.oid), &cx.search_path);
            return refuse(match wanted.len() {
                1 => format!("Actual return type is {}.", name(column.ty)),
                _ => format!("Final statement returns {} instead of {} at column {}.", name(column.ty), name(*ty), at + 1),
            });
        }
    }
    Ok(())
}

impl Binder<'_> {
    /// The type of a call: where a user's function has several output parameters, the row of them.
    pub(super) fn routine_row(&self, proc: &Proc, args: &[Expr], result: Oid) -> TypeRef {
        if proc.body.is_none() || proc.returns_set || proc.outputs.len() < 2 {
            return TypeRef::new(result);
        }
        let given: Vec<Oid> = args.iter().map(|arg| arg.ty.oid).collect();
        let column = |output: &crate::catalog::OutputArgument| {
            let resolved = self.resolve_polymorphic(&proc.args, &given, output.ty).map_or(output.ty, |(_, ty)| ty);
            (output.name.clone(), TypeRef::new(resolved))
        };
        crate::types::anonymous::record(proc.outputs.iter().map(column).collect())
    }

    fn can_assign(&self, from: Oid, to: Oid) -> bool {
        let (from, to) = (self.base_type(TypeRef::new(from)).oid, self.base_type(TypeRef::new(to)).oid);
        from == to || !matches!(self.pathway(from, to, CoercionContext::Assignment), super::coerce::Pathway::None)
    }
}

/// Words in a body that write, or may.
const WRITING: &[&str] = &[
    "insert", "update", "delete", "merge", "truncate", "copy", "nextval", "setval", "execute", "call", "create", "alter", "drop", "grant",
    "revoke", "comment", "lock", "refresh", "reindex", "share", "do", "reassign", "into",
];

/// Whether a call needs the write lock: what the body says, or what it calls. A word in a string counts too; that costs a lock, no more.
pub fn writes(function: &Function, catalog: &Catalog) -> bool {
    writes_beyond(function, catalog, &mut HashSet::new())
}

fn writes_beyond(function: &Function, catalog: &Catalog, seen: &mut HashSet<String>) -> bool {
    if function.volatility != 'v' || !seen.insert(function.name.name.clone()) {
        return false;
    }
    let lower = function.body.to_lowercase();
    let words = lower.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    let mut words: Vec<&str> = words.collect();
    words.sort_unstable();
    words.dedup();
    // INTO alone is PL/pgSQL's way of taking a row.
    words.iter().any(|word| *word != "into" && WRITING.contains(word))
        || words
            .iter()
            .any(|word| catalog.procs(word).filter_map(|proc| proc.body.as_ref()).any(|called| writes_beyond(called, catalog, seen)))
}

thread_local! {
    static INLINED: Cell<usize> = const { Cell::new(0) };
}

/// How deep bodies are put into bodies; what calls itself stops there.
const INLINED_MAX: usize = 4;

/// The expression that a call stands for; none where the body is more than one expression, or an argument would be evaluated twice.
pub fn inlined(call: &Call, result: TypeRef, cx: &Context) -> Option<Expr> {
    let function = call.proc.body.as_deref()?;
    let plain = function.language == "sql" && !function.returns_set && !function.procedure && call.proc.outputs.len() < 2;
    if !plain || function.properties.security_definer || !function.properties.settings.is_empty() || INLINED.get() >= INLINED_MAX {
        return None;
    }
    if matches!(call.proc.result, oid::VOID | oid::RECORD) || composite(result.oid, &cx.catalog).is_some() {
        return None;
    }
    INLINED.set(INLINED.get() + 1);
    let bound = bound_body(function, call, result, cx);
    INLINED.set(INLINED.get() - 1);
    substituted(bound?, call)
}

fn bound_body(function: &Function, call: &Call, result: TypeRef, cx: &Context) -> Option<Expr> {
    let (_, parsed) = statements(function).ok()?;
    let [Parsed { node: Node::Statement(statement), .. }] = parsed.as_slice() else { return None };
    let Statement::Query(query) = &**statement else { return None };
    let expr = lone_expression(query)?;
    let types: Vec<TypeRef> = call.args.iter().map(|arg| arg.ty).collect();
    let oids: Vec<Oid> = types.iter().map(|ty| ty.oid).collect();
    let inner = Context { variables: Some(Rc::new(variables(function, &types))), ..cx.clone() };
    let mut binder = Binder::new(&inner, "", &oids);
    let bound = binder.expression(expr, &Scope::empty(super::Clause::Select)).ok()?;
    let target = if call.proc.result == result.oid || result.oid == 0 { TypeRef::new(call.proc.result) } else { result };
    let bound = binder.coerce_to(bound, target, CoercionContext::Assignment).ok()?;
    let simple = !bound.has_aggregate() && !bound.has_window() && !bound.has_set();
    let has_query = bound.any(&mut |e| matches!(e.kind, ExprKind::Subquery(_)));
    // What is declared steadier than its body is must not lose that (and what is volatile must not be moved about).
    let is_volatile = bound.any(&mut |e| matches!(&e.kind, ExprKind::Call(call) if call.proc.volatility == 'v'));
    (simple && !has_query && !(is_volatile && function.volatility != 'v')).then_some(bound)
}

/// `SELECT expression` and nothing else.
fn lone_expression(query: &ast::Query) -> Option<&ast::Expr> {
    let plain = query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none() && query.fetch.is_none();
    let SetExpr::Select(select) = &*query.body else { return None };
    let bare = select.from.is_empty() && select.selection.is_none() && select.having.is_none() && select.distinct.is_none();
    let ungrouped = matches!(&select.group_by, ast::GroupByExpr::Expressions(keys, modifiers) if keys.is_empty() && modifiers.is_empty());
    match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] if plain && bare && ungrouped && select.into.is_none() => {
            Some(expr)
        }
        _ => None,
    }
}

/// Puts the arguments in the place of the parameters.
fn substituted(mut body: Expr, call: &Call) -> Option<Expr> {
    let mut uses = vec![0_usize; call.args.len()];
    let mut known = true;
    body.any(&mut |e| {
        if let ExprKind::Parameter(number) = &e.kind {
            match uses.get_mut(*number as usize - 1) {
                Some(count) => *count += 1,
                None => known = false,
            }
        }
        false
    });
    let cheap = |arg: &Expr| matches!(arg.kind, ExprKind::Constant(_) | ExprKind::Column(_) | ExprKind::Parameter(_));
    let steady = |arg: &Expr| {
        !arg.any(&mut |e| matches!(&e.kind, ExprKind::Call(call) if call.proc.volatility == 'v') || matches!(e.kind, ExprKind::Subquery(_)))
    };
    let strict = call.proc.strict;
    let fits = uses.iter().zip(&call.args).all(|(count, arg)| match count + usize::from(strict) {
        0 => steady(arg),
        1 => true,
        _ => cheap(arg),
    });
    if !known || !fits || (strict && !call.args.iter().all(steady)) {
        return None;
    }
    let ty = body.ty;
    replace(&mut body, &call.args);
    if !strict || call.args.is_empty() {
        return Some(body);
    }
    let tests = call.args.iter().map(|arg| Expr::boolean(ExprKind::IsNull { expr: Box::new(untyped_row(arg)), negated: false })).collect();
    let any_null = Expr::boolean(ExprKind::Or(tests));
    let any_null = match any_null.kind {
        ExprKind::Or(mut tests) if tests.len() == 1 => tests.remove(0),
        kind => Expr::boolean(kind),
    };
    Some(Expr::new(ExprKind::Case { operand: None, whens: vec![(any_null, Expr::null(ty))], otherwise: Some(Box::new(body)) }, ty))
}

/// A row is NULL to a strict function only where it is absent, not where its fields are.
fn untyped_row(arg: &Expr) -> Expr {
    Expr::new(ExprKind::Relabel(Box::new(arg.clone()), CastForm::Implicit), TypeRef::new(oid::TEXT))
}

fn replace(expr: &mut Expr, args: &[Expr]) {
    if let ExprKind::Parameter(number) = expr.kind {
        if let Some(arg) = args.get(number as usize - 1) {
            *expr = arg.clone();
        }
        return;
    }
    expr.for_each_child_mut(&mut |child| replace(child, args));
}
