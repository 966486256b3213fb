//! [`Host`]: where a body's statements are planned and run. Enters: statements with the variables in reach and their values. Leaves: rows.

use std::{cell::RefCell, ops::ControlFlow, rc::Rc, sync::Arc};

use peergres_sync::commit::StatementMark;
use rusqlite::Connection;

use super::super::{
    context::{self, Context},
    services::Shared,
    stages,
    variables::Variables,
};
use crate::{
    bind::routine::without_position,
    catalog::Catalog,
    define::Written,
    error::{Result, SqlError, SqlState},
    execute::{
        Execution, failure,
        plan::{Plan, Tag},
    },
    parse::{Node, Parsed},
    types::{Oid, TypeRef, Value},
};

/// A statement of a body, with its plan once it has one.
pub(in crate::session) struct Nested {
    pub(in crate::session) parsed: Parsed,
    source: Rc<str>,
    planned: RefCell<Option<Planned>>,
}

/// A plan, and what it was made for.
struct Planned {
    generation: u64,
    path: Arc<[String]>,
    types: Vec<TypeRef>,
    result: Option<Vec<TypeRef>>,
    plan: Rc<Plan>,
}

impl Nested {
    /// A statement that was parsed from a text.
    pub(in crate::session) fn new(source: Rc<str>, parsed: Parsed) -> Self {
        Nested { parsed, source, planned: RefCell::new(None) }
    }

    /// The one statement of a text.
    pub(in crate::session) fn of(text: &str) -> Result<Self> {
        let mut parsed = crate::parse::parse(text).map_err(without_position)?;
        match (parsed.pop(), parsed.is_empty()) {
            (Some(only), true) => Ok(Nested::new(text.into(), only)),
            _ => Err(SqlError::new(SqlState::SYNTAX_ERROR, "a single statement was expected")),
        }
    }

    /// Whether it has a plan, rather than defining objects or steering the session.
    pub(in crate::session) fn has_plan(&self) -> bool {
        match &self.parsed.node {
            Node::Command(_) => false,
            node => !stages::defines(node),
        }
    }
}

/// Takes one row of a result.
pub(in crate::session) type Sink<'s> = dyn FnMut(Vec<Value>) -> Result<ControlFlow<()>> + 's;

/// Where the statements of a body run.
pub(in crate::session) struct Host<'s> {
    pub(in crate::session) shared: &'s Shared,
    base: Rc<Context>,
    /// Whether settings may have changed since the calling statement began.
    own_settings: bool,
    /// Whether data may be changed.
    pub(in crate::session) may_write: bool,
}

impl<'s> Host<'s> {
    /// For a body that is called in a context.
    pub(in crate::session) fn new(shared: &'s Shared, outer: &Rc<Context>, own_settings: bool, may_write: bool) -> Self {
        Host { shared, base: outer.clone(), own_settings, may_write }
    }

    /// The catalog as it stands now.
    pub(in crate::session) fn catalog(&self) -> Arc<Catalog> {
        let schema = self.shared.schema();
        if schema.generation == self.base.catalog.schema.generation {
            return self.base.catalog.clone();
        }
        self.shared.server.catalogs.of(&schema, Some(&self.base.catalog))
    }

    /// The context of a statement.
    pub(in crate::session) fn context(&self) -> Rc<Context> {
        let catalog = self.catalog();
        if !self.own_settings && Arc::ptr_eq(&catalog, &self.base.catalog) && self.base.variables.is_none() {
            return self.base.clone();
        }
        let settings = self.shared.settings.borrow();
        let derived = settings.derived();
        // A temporary schema stays at the front of the path.
        let temporary = self.base.search_path.first().filter(|schema| schema.starts_with(peergres_sync::schema::TEMPORARY_PREFIX));
        let path: Arc<[String]> = match temporary {
            Some(temporary) if derived.search_path.first() != Some(temporary) => {
                std::iter::once(temporary.clone()).chain(derived.search_path.iter().cloned()).collect()
            }
            _ => derived.search_path.clone(),
        };
        Rc::new(Context {
            catalog,
            search_path: path,
            time_zone: derived.time_zone,
            date_style: derived.date_style,
            interval_style: derived.interval_style,
            extra_float_digits: derived.extra_float_digits,
            bytea_escape: derived.bytea_escape,
            variables: None,
            ..(*self.base).clone()
        })
    }

    /// The plan of a statement over variables of these types.
    pub(in crate::session) fn plan(
        &self,
        nested: &Nested,
        variables: &Rc<Variables>,
        types: &[TypeRef],
        result: Option<&[TypeRef]>,
    ) -> Result<Rc<Plan>> {
        let cx = self.context();
        let generation = cx.catalog.schema.generation;
        if let Some(planned) = &*nested.planned.borrow()
            && planned.generation == generation
            && planned.path == cx.search_path
            && planned.types == types
            && planned.result.as_deref() == result
        {
            return Ok(planned.plan.clone());
        }
        context::enter(cx.clone());
        let oids: Vec<Oid> = types.iter().map(|ty| ty.oid).collect();
        let inner = Context { variables: Some(variables.clone()), ..(*cx).clone() };
        let plan = Rc::new(stages::plan_nested(&nested.parsed.node, &nested.source, &oids, &inner, result)?);
        let planned = Planned {
            generation,
            path: cx.search_path.clone(),
            types: types.to_vec(),
            result: result.map(<[_]>::to_vec),
            plan: plan.clone(),
        };
        // A plan that says what time it was is good for once.
        *nested.planned.borrow_mut() = Some(planned).filter(|planned| !planned.plan.timely);
        Ok(plan)
    }

    /// Runs a plan; answers the rows that count for its tag.
    pub(in crate::session) fn run(&self, plan: &Plan, values: &[Value], sink: &mut Sink<'_>) -> Result<u64> {
        if plan.writes && !self.may_write {
            let what = match plan.tag {
                Tag::Insert => "INSERT",
                Tag::Update => "UPDATE",
                Tag::Delete => "DELETE",
                Tag::Merge => "MERGE",
                Tag::Fixed(tag) => tag,
                Tag::Select => "SELECT FOR UPDATE",
            };
            return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not allowed in a non-volatile function")));
        }
        let cx = self.context();
        context::enter(cx.clone());
        self.on_connection(plan.writes, |connection| {
            let timing = self.shared.timing.borrow().clone();
            let execution = Execution { connection, schema: &cx.catalog.schema, timing: &timing };
            execution.run(plan, values, &mut |row| {
                let width = plan.columns.len();
                let row = (0..width).map(|n| row.get::<_, Value>(n)).collect::<rusqlite::Result<Vec<_>>>().map_err(failure::plain)?;
                let flow = sink(row)?;
                // What the sink ran may have entered another context.
                context::enter(cx.clone());
                Ok(flow)
            })
        })
    }

    /// Runs `work` on the writer.
    pub(super) fn on_writer<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.on_connection(true, work)
    }

    fn on_connection<T>(&self, writes: bool, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        match self.shared.open.try_borrow() {
            Ok(open) => match &*open {
                Some(transaction) => work(transaction.connection()),
                None if writes => Err(SqlError::unsupported("a write that the function does not show in its text")),
                None => work(&self.shared.reader),
            },
            Err(_) => Err(SqlError::unsupported("calling a function of a user's in a definition")),
        }
    }

    /// Runs a statement that defines objects: outside of any other statement only.
    pub(in crate::session) fn define(&self, nested: &Nested) -> Result<()> {
        let what = stages::tag(&nested.parsed.node);
        if !self.may_write {
            return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not allowed in a non-volatile function")));
        }
        let cx = self.context();
        context::enter(cx.clone());
        let Ok(mut open) = self.shared.open.try_borrow_mut() else {
            return Err(SqlError::unsupported(format!("{what} in a function that a query calls")));
        };
        let Some(transaction) = open.as_mut() else {
            return Err(SqlError::unsupported("a definition that the function does not show in its text"));
        };
        let span = nested.parsed.span.clone();
        let written = Written { node: &nested.parsed.node, source: &nested.source, text: &nested.source[span] };
        let outcome = stages::run_definition(written, transaction, &cx).map_err(without_position)?;
        drop(open);
        for notice in &outcome.notices {
            self.shared.remark(super::super::wire::Severity::Notice, notice.clone());
        }
        self.shared.made.borrow_mut().extend(outcome.on_commit);
        Ok(())
    }

    /// Runs `work` so that its failure undoes what it wrote.
    pub(in crate::session) fn attempt<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        // With the transaction in hand even schema changes are undone; inside of a statement, data alone can have changed.
        let whole = match self.shared.open.try_borrow_mut() {
            Ok(mut open) => open.as_mut().map(|transaction| transaction.mark().map_err(super::super::store_error::store)).transpose()?,
            Err(_) => return self.attempt_inside(work),
        };
        let Some(mark) = whole else { return work() };
        let done = work();
        let mut open = self.shared.open.try_borrow_mut().map_err(|_| SqlError::internal("the transaction is in use after a block"))?;
        if let Some(transaction) = open.as_mut() {
            if done.is_err() {
                transaction.rewind(&mark).map_err(super::super::store_error::store)?;
            }
            transaction.release(mark).map_err(super::super::store_error::store)?;
        }
        done
    }

    fn attempt_inside<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let begin = |connection: &Connection| connection.execute_batch("SAVEPOINT \"~block\"").map_err(failure::plain);
        let mark: Option<StatementMark> = match self.shared.open.try_borrow() {
            Ok(open) => match &*open {
                Some(transaction) => {
                    begin(transaction.connection())?;
                    Some(transaction.statement())
                }
                None => None,
            },
            Err(_) => None,
        };
        let done = work();
        if let (Some(mark), Ok(open)) = (mark, self.shared.open.try_borrow())
            && let Some(transaction) = &*open
        {
            let end = if done.is_err() { "ROLLBACK TO \"~block\"; RELEASE \"~block\"" } else { "RELEASE \"~block\"" };
            transaction.connection().execute_batch(end).map_err(failure::plain)?;
            if done.is_err() {
                transaction.statement_failed(mark);
            }
        }
        done
    }
}
