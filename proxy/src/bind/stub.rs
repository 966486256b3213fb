//! stub
use super::{Binder, scope::Scope, tree::Expr};
use crate::{
    error::{Result, SqlError},
    execute::plan::Plan,
};
use sqlparser::ast;

impl Binder<'_> {
    /// Binds an expression.
    pub fn expression(&mut self, _expr: &ast::Expr, _scope: &mut Scope<'_>) -> Result<Expr> {
        Err(SqlError::unsupported("this expression"))
    }
    /// Plans a query.
    pub fn plan_query(&mut self, _q: &ast::Query) -> Result<Plan> {
        Err(SqlError::unsupported("SELECT"))
    }
    /// Binds a query inside the given scope (its outer references).
    pub fn query(&mut self, _q: &ast::Query, _scope: &Scope<'_>) -> Result<super::Query> {
        Err(SqlError::unsupported("SELECT"))
    }
    /// The parameters' types; 42P18 where nothing decided one.
    pub fn finish_parameters(&mut self) -> Result<Vec<u32>> {
        Ok(self.parameters.clone())
    }
}
