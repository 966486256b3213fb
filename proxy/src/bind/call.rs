//! CALL: the procedure is found by all of its parameters, those that only come out included; their values are the row of the result
//! (`ExecuteCallStmt`).

use std::sync::Arc;

use sqlparser::ast;

use super::{
    Binder, Clause, Scope,
    binder::name_parts,
    candidate::Choice,
    from::nth_column,
    function::{Given, Resolved, candidate},
    tree::{Call, CallForm, Expr, ExprKind, From, FromFunction, ProcRef, Target as Item},
};
use crate::{
    catalog::{Proc, ProcKind},
    error::{Result, SqlError, SqlState},
    execute::plan::{OutputColumn, Plan, Role, Step, Tag},
    types::{Oid, TypeRef},
};

impl Binder<'_> {
    /// Plans `CALL name(…)`.
    pub(super) fn plan_call(&mut self, function: &ast::Function) -> Result<Plan> {
        let position = self.position_at(&function.name);
        let written = self.written(function, &Scope::empty(Clause::Call))?;
        let given: Vec<Oid> = written.args.iter().map(|arg| arg.ty.oid).collect();
        let mut parts = name_parts(&function.name)?;
        let name = parts.pop().unwrap_or_default();
        let (proc, resolved) = self.procedure(parts.pop().as_deref(), &name, &given, &written.names, position)?;
        let declared = resolved.declared.len();
        let (_, args, _) = self.complete_arguments(resolved, written.args, position)?;
        let Some(body) = proc.body.clone() else { return Err(SqlError::internal("a procedure that no user made")) };
        self.writes |= super::routine::writes(&body, &self.catalog);
        // What only comes out is not passed on.
        let modes: Vec<char> = body.parameters().map(|(mode, _)| mode).collect();
        let is_input = |at: usize| modes.get(at).or(modes.last()).is_none_or(|mode| *mode != 'o');
        debug_assert_eq!(declared, args.len());
        let args: Vec<Expr> = args.into_iter().enumerate().filter(|(at, _)| is_input(*at)).map(|(_, arg)| arg).collect();
        let types: Vec<Oid> = args.iter().map(|arg| arg.ty.oid).collect();
        let column = |output: &crate::catalog::OutputArgument| {
            let ty = self.resolve_polymorphic(&proc.args, &types, output.ty).map_or(output.ty, |(_, ty)| ty);
            OutputColumn { name: output.name.clone(), ty: TypeRef::new(ty), table: 0, number: 0 }
        };
        let columns: Vec<OutputColumn> = proc.outputs.iter().map(column).collect();
        let result = TypeRef::new(proc.result);
        let call = Call { proc: ProcRef(proc), args, variadic_array: false, form: CallForm::Function };
        let expr = Expr::new(ExprKind::Call(Box::new(call)), result);
        let source = self.new_source();
        let item = |(at, column): (usize, &OutputColumn)| Item { expr: nth_column(source, at, column), name: column.name.clone() };
        let mut targets: Vec<Item> = columns.iter().enumerate().map(item).collect();
        if targets.is_empty() {
            targets.push(Item { expr: Expr::null(TypeRef::new(crate::types::oid::TEXT)), name: "call".to_owned() });
        }
        let functions = vec![FromFunction { expr, columns: columns.clone(), defined: false }];
        let query = self.select_of(targets, vec![From::Function { source, functions, ordinality: false }], None);
        let role = if columns.is_empty() { Role::Auxiliary } else { Role::Result };
        let steps = vec![Step::read(crate::rewrite::query(&query, self.cx)?, role)];
        Ok(Plan {
            steps,
            columns,
            parameters: self.finish_parameters()?,
            tag: Tag::Fixed("CALL"),
            writes: self.writes,
            timely: self.timely,
        })
    }

    /// The procedure, and how the arguments fit all of its parameters.
    fn procedure(
        &self,
        schema: Option<&str>,
        name: &str,
        given: &[Oid],
        names: &[Option<String>],
        position: usize,
    ) -> Result<(Arc<Proc>, Resolved)> {
        let visible = |proc: &&Arc<Proc>| schema.map_or_else(|| self.path.contains(&proc.schema), |schema| proc.schema == schema);
        let mut found: Vec<(Arc<Proc>, Resolved)> = Vec::new();
        for proc in self.catalog.procs(name).filter(visible).filter(|proc| proc.kind == ProcKind::Procedure) {
            found.extend(candidate(&Arc::new(self.with_all_parameters(proc)), given.len(), names, false).map(|fit| (proc.clone(), fit)));
        }
        let shapes: Vec<Vec<Oid>> = found.iter().map(|(_, fit)| fit.in_order()).collect();
        let slices: Vec<&[Oid]> = shapes.iter().map(Vec::as_slice).collect();
        let exact = shapes.iter().position(|shape| shape == given);
        let qualified = schema.map_or(name.to_owned(), |schema| format!("{schema}.{name}"));
        let signature = || format!("{qualified}({})", self.named_type_list(given, names));
        match exact.map_or_else(|| self.choose(&slices, given), Choice::One) {
            Choice::One(at) => Ok(found.swap_remove(at)),
            Choice::Ambiguous => Err(SqlError::new(SqlState::AMBIGUOUS_FUNCTION, format!("procedure {} is not unique", signature()))
                .hint("Could not choose a best candidate procedure. You might need to add explicit type casts.")
                .at(position)),
            Choice::None => {
                // A function of that name would be called another way.
                if self.resolve_function(schema, name, Given { types: given, names, variadic: false }, position).is_ok() {
                    let error = SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("{} is not a procedure", signature()));
                    return Err(error.hint("To call a function, use SELECT.").at(position));
                }
                Err(SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("procedure {} does not exist", signature()))
                    .hint("No procedure matches the given name and argument types. You might need to add explicit type casts.")
                    .at(position))
            }
        }
    }

    /// A procedure whose arguments are all of its parameters.
    fn with_all_parameters(&self, proc: &Proc) -> Proc {
        let Some(body) = &proc.body else { return proc.clone() };
        let ty = |name: &str| self.catalog.parse_type(name, &self.path).map_or(crate::types::oid::UNKNOWN, |ty| ty.oid);
        Proc {
            args: body.arguments.iter().map(|(_, name, _)| ty(name)).collect(),
            arg_names: body.arguments.iter().map(|(name, ..)| name.clone()).collect(),
            ..proc.clone()
        }
    }
}
