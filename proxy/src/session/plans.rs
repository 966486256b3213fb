//! Prepared statements and the session's cache of them: text enters; parsed statements with their plans leave, made once per schema
//! generation and search path. The hot path neither parses nor binds.

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc};

use rusqlite::types::Value;

use super::{
    Session,
    context::{Context, DateStyle, IntervalStyle, Microseconds},
    settings::Derived,
};
use crate::{
    catalog::Catalog,
    encode::{Columns, Format},
    error::{Result, SqlError, SqlState},
    execute::plan::Plan,
    parse::{Parsed, parse, template::Lifted},
    types::{Oid, datetime::zone::Zone},
};

/// A statement that can be run again and again.
pub(crate) struct Prepared {
    /// The whole query text that it stood in; positions count from its start.
    pub source: Rc<str>,
    /// The statement.
    pub parsed: Parsed,
    /// The parameters' types as the client declared them, 0 where it left them open.
    pub declared: Vec<Oid>,
    compiled: RefCell<Option<(Version, Rc<Compiled>)>>,
}

/// What a plan depends on beside its text.
#[derive(Clone, PartialEq)]
struct Version {
    generation: u64,
    path: Arc<[String]>,
    /// Settings under which literals are read.
    time_zone: Zone,
    date_style: DateStyle,
    interval_style: IntervalStyle,
    /// The transaction's time, for a plan that holds no longer.
    time: Option<Microseconds>,
}

/// A plan with what encoding its rows needs.
pub(crate) struct Compiled {
    /// The plan.
    pub plan: Plan,
    /// Encoders of its result.
    pub columns: Columns,
    /// The catalog that it was made with.
    pub catalog: Arc<Catalog>,
    /// Types of its parameters.
    pub parameters: Vec<Arc<crate::types::Type>>,
}

impl Prepared {
    /// Of a statement that was parsed.
    pub(crate) fn new(source: Rc<str>, parsed: Parsed, declared: Vec<Oid>) -> Rc<Self> {
        Rc::new(Prepared { source, parsed, declared, compiled: RefCell::new(None) })
    }
}

/// A prepared statement under its name. What it answered when it was made is what its user counts on.
pub(crate) struct Named {
    pub(super) prepared: Rc<Prepared>,
    /// Its plan when it was made; none where it has none.
    pub(super) first: Option<Rc<Compiled>>,
    /// When it was made.
    pub(super) since: Microseconds,
    /// The PREPARE that made it; none where a message did.
    pub(super) sql: Option<Rc<str>>,
}

impl Named {
    /// Made now, by a message.
    pub(super) fn new(prepared: Rc<Prepared>, first: Option<Rc<Compiled>>) -> Self {
        Named { prepared, first, since: super::now(), sql: None }
    }

    /// Made by a PREPARE of that text.
    pub(super) fn by_sql(self, text: Rc<str>) -> Self {
        Named { sql: Some(text), ..self }
    }
}

/// The statements of one query text.
pub(crate) type Statements = Rc<[Rc<Prepared>]>;

/// Statements by query text and declared types.
#[derive(Default)]
pub(crate) struct Cache {
    texts: HashMap<Rc<str>, Vec<(Vec<Oid>, Statements)>>,
    /// Statements that differ in whole numbers only, by their template; none where there is no such statement.
    templates: HashMap<String, Option<Rc<Prepared>>>,
    lifted: Lifted,
}

/// So many texts are kept; when there are more, all are forgotten, which costs each living one a new parse.
const CACHE_TEXTS: usize = 1000;
/// Longer texts are not kept.
const CACHE_BYTES: usize = 16 * 1024;

impl Cache {
    /// The statements of a query text.
    pub(crate) fn statements(&mut self, sql: &str, declared: &[Oid]) -> Result<Statements> {
        let known = self.texts.get(sql).and_then(|list| list.iter().find(|(types, _)| types == declared));
        if let Some((_, statements)) = known {
            return Ok(statements.clone());
        }
        let source: Rc<str> = sql.into();
        let prepare = |parsed| Prepared::new(source.clone(), parsed, declared.to_vec());
        let statements: Statements = parse(sql)?.into_iter().map(prepare).collect();
        if sql.len() <= CACHE_BYTES {
            if self.texts.len() >= CACHE_TEXTS {
                self.texts.clear();
            }
            self.texts.entry(source).or_default().push((declared.to_vec(), statements.clone()));
        }
        Ok(statements)
    }

    /// The statement with parameters that the text is an instance of, and their values; none where it has to be taken as it stands.
    fn template(&mut self, sql: &str) -> Option<(Rc<Prepared>, Vec<Value>)> {
        if !self.lifted.lift(sql) {
            return None;
        }
        let prepared = match self.templates.get(&self.lifted.template) {
            Some(known) => known.clone()?,
            None => {
                let parsed = parse(sql).ok()?;
                let template = self.lifted.parameterize(&parsed, sql);
                let prepared = template.map(|parsed| Prepared::new(sql.into(), parsed, self.lifted.types()));
                if self.templates.len() >= CACHE_TEXTS {
                    self.templates.clear();
                }
                self.templates.insert(self.lifted.template.clone(), prepared.clone());
                prepared?
            }
        };
        Some((prepared, self.lifted.numbers.iter().map(|(_, number)| Value::Integer(*number)).collect()))
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.texts.clear();
        self.templates.clear();
    }
}

impl Session {
    /// What a statement may know, at the state of the catalog that it runs in.
    pub(super) fn context(&self, catalog: Arc<Catalog>) -> Rc<Context> {
        let settings = self.shared.settings.borrow();
        let derived: &Derived = settings.derived();
        Rc::new(Context {
            catalog,
            search_path: self.search_path(),
            time_zone: derived.time_zone,
            date_style: derived.date_style,
            interval_style: derived.interval_style,
            extra_float_digits: derived.extra_float_digits,
            bytea_escape: derived.bytea_escape,
            transaction_time: self.block.started,
            statement_time: self.statement_time,
            services: self.shared.clone(),
            variables: None,
        })
    }

    /// The statement with parameters that a query text is an instance of, ready to run, and their values. None where it has to be taken as it
    /// stands, as it also has where anything is wrong with it, so that errors tell their place in the text.
    pub(super) fn template(&mut self, sql: &str) -> Option<(Rc<Prepared>, Vec<Value>)> {
        if self.block.status == super::block::Status::Failed {
            return None;
        }
        let (prepared, values) = self.cache.template(sql)?;
        self.enter_block();
        self.compile(&prepared).ok().map(|_| (prepared, values))
    }

    /// The catalog of the schema that the next statement sees.
    pub(super) fn catalog(&mut self) -> Arc<Catalog> {
        let schema = self.schema();
        match &self.catalog {
            Some((generation, catalog)) if *generation == schema.generation => catalog.clone(),
            before => {
                let before = before.as_ref().map(|(_, catalog)| &**catalog);
                let catalog = self.server.catalogs.of(&schema, before);
                self.catalog = Some((schema.generation, catalog.clone()));
                catalog
            }
        }
    }

    fn version(&self, generation: u64, path: Arc<[String]>) -> Version {
        let settings = self.shared.settings.borrow();
        let Derived { time_zone, date_style, interval_style, .. } = **settings.derived();
        Version { generation, path, time_zone, date_style, interval_style, time: None }
    }

    /// The plan of a statement that reads or changes rows, made now if the schema has changed since.
    pub(super) fn compile(&mut self, prepared: &Prepared) -> Result<Rc<Compiled>> {
        let schema = self.schema();
        let path = self.search_path();
        let mut version = self.version(schema.generation, path);
        if let Some((made_for, compiled)) = &*prepared.compiled.borrow() {
            version.time = made_for.time.map(|_| self.block.started);
            if *made_for == version {
                return Ok(compiled.clone());
            }
        }
        let catalog = self.catalog();
        let cx = self.context(catalog.clone());
        super::context::enter(cx.clone());
        let plan = super::stages::plan(&prepared.parsed.node, &prepared.source, &prepared.declared, &cx)?;
        version.time = plan.timely.then_some(self.block.started);
        let compiled = Rc::new(Compiled::new(plan, catalog)?);
        *prepared.compiled.borrow_mut() = Some((version, compiled.clone()));
        Ok(compiled)
    }
}

impl Session {
    /// Keeps a prepared statement under a name.
    pub(super) fn keep(&mut self, name: &str, named: Named) {
        self.shared.statements.borrow_mut().insert(name.to_owned(), named);
    }

    /// A prepared statement by name.
    pub(super) fn statement(&self, name: &str) -> Result<Rc<Prepared>> {
        self.shared.statements.borrow().get(name).map(|named| named.prepared.clone()).ok_or_else(|| {
            let message = match name {
                "" => "unnamed prepared statement does not exist".to_owned(),
                name => format!("prepared statement \"{name}\" does not exist"),
            };
            SqlError::new(SqlState::INVALID_SQL_STATEMENT_NAME, message)
        })
    }

    /// Whether the prepared statement of that name has a plan.
    pub(super) fn has_plan(&self, name: &str) -> bool {
        self.shared.statements.borrow().get(name).is_some_and(|named| named.first.is_some())
    }

    /// The plan of the prepared statement of that name. Where the schema has changed since, its parameters keep their types, and a result
    /// of other columns is 0A000, as PostgreSQL's `RevalidateCachedQuery` has it.
    pub(super) fn compile_named(&mut self, name: &str) -> Result<Rc<Compiled>> {
        let prepared = self.statement(name)?;
        let mut compiled = self.compile(&prepared)?;
        let Some(first) = self.shared.statements.borrow().get(name).and_then(|named| named.first.clone()) else { return Ok(compiled) };
        if Rc::ptr_eq(&first, &compiled) {
            return Ok(compiled);
        }
        if first.plan.parameters != compiled.plan.parameters {
            let fixed = Prepared::new(prepared.source.clone(), prepared.parsed.clone(), first.plan.parameters.clone());
            compiled = self.compile(&fixed)?;
            if let Some(named) = self.shared.statements.borrow_mut().get_mut(name) {
                named.prepared = fixed;
            }
        }
        let (now, then) = (&compiled.plan.columns, &first.plan.columns);
        if now.len() != then.len() || now.iter().zip(then).any(|(a, b)| (&a.name, a.ty) != (&b.name, b.ty)) {
            // Drivers prepare anew when they see this routine.
            let error = SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, "cached plan must not change result type");
            return Err(error.routine("RevalidateCachedQuery"));
        }
        Ok(compiled)
    }
}

impl Compiled {
    /// Of a plan.
    pub(crate) fn new(plan: Plan, catalog: Arc<Catalog>) -> Result<Compiled> {
        let columns = Columns::new(&plan.columns, &catalog)?;
        let unknown = |oid: &Oid| SqlError::internal(format!("no type with OID {oid}"));
        let parameters =
            plan.parameters.iter().map(|oid| catalog.type_by_oid(*oid).cloned().ok_or_else(|| unknown(oid))).collect::<Result<_>>()?;
        Ok(Compiled { plan, columns, catalog, parameters })
    }

    /// Bind's parameters in storage form.
    pub(crate) fn parameters(&self, given: &[Option<&[u8]>], formats: &[Format], name: &str, cx: &Context) -> Result<Vec<Value>> {
        if given.len() != self.parameters.len() {
            let message = format!(
                "bind message supplies {} parameters, but prepared statement \"{name}\" requires {}",
                given.len(),
                self.parameters.len()
            );
            return Err(SqlError::new(SqlState::PROTOCOL_VIOLATION, message));
        }
        let mut values = Vec::with_capacity(given.len());
        for (n, (bytes, ty)) in given.iter().zip(&self.parameters).enumerate() {
            values.push(match (bytes, crate::encode::format_at(formats, n)) {
                (None, _) => Value::Null,
                (Some(bytes), Format::Text) => {
                    let text = crate::types::text::utf8(bytes)?;
                    ty.codec.input(text, ty, -1, cx)?
                }
                (Some(bytes), Format::Binary) => ty.codec.receive(bytes, ty, -1, cx)?,
            });
        }
        Ok(values)
    }
}
