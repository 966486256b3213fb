//! The built-in rows of `data/`, read once per process: types, functions, operators, casts, catalog relations and views.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use peergres_sync::schema::{QualifiedName, physical_column, physical_name};

use super::{
    proc::{self, Proc, ProcKind},
    relation::{Relation, RelationColumn, RelationKind},
    relations, type_name,
};
use crate::types::{self, Oid, Type, TypeRef, oid};

/// One row of `pg_operator`.
#[derive(Debug)]
pub struct Operator {
    /// OID.
    pub oid: Oid,
    /// `+`, `@>`, …
    pub name: String,
    /// Left operand's type, 0 for a prefix operator.
    pub left: Oid,
    /// Right operand's type.
    pub right: Oid,
    /// Result type.
    pub result: Oid,
    /// OID of the commutator, 0 where there is none.
    pub commutator: Oid,
    /// OID of the negator, 0 where there is none.
    pub negator: Oid,
    /// The function that computes it.
    pub proc: Arc<Proc>,
}

/// One row of `pg_cast`.
#[derive(Debug, Clone, Copy)]
pub struct Cast {
    /// The function, none unless `method` is [`CastMethod::Function`].
    pub proc: Oid,
    /// Where it applies by itself.
    pub context: CastContext,
    /// How it works.
    pub method: CastMethod,
}

/// Where a cast applies: each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CastContext {
    /// Anywhere.
    Implicit,
    /// When storing into a column.
    Assignment,
    /// Only when written.
    Explicit,
}

/// How a cast works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CastMethod {
    /// A function.
    Function,
    /// Nothing to do.
    Binary,
    /// The output function of one, the input function of the other.
    InputOutput,
}

/// Types by OID and name.
pub struct Types {
    /// By OID.
    pub by_oid: HashMap<Oid, Arc<Type>>,
    /// By `typname`.
    pub by_name: HashMap<String, Arc<Type>>,
}

/// Functions by OID and name.
pub struct Procs {
    /// By OID.
    pub by_oid: HashMap<Oid, Arc<Proc>>,
    /// By name.
    pub by_name: HashMap<String, Vec<Arc<Proc>>>,
}

/// Operators by OID and name.
pub struct Operators {
    /// By OID.
    pub by_oid: HashMap<Oid, Arc<Operator>>,
    /// By name.
    pub by_name: HashMap<String, Vec<Arc<Operator>>>,
}

/// Relations by OID and name.
pub struct Relations {
    /// By OID.
    pub by_oid: HashMap<Oid, Arc<Relation>>,
    /// By name.
    pub by_name: HashMap<String, Vec<Arc<Relation>>>,
}

/// The built-in types.
pub fn types() -> &'static Types {
    static TYPES: LazyLock<Types> = LazyLock::new(|| {
        let mut out = Types { by_oid: HashMap::new(), by_name: HashMap::new() };
        for ty in types::built_in() {
            let ty = Arc::new(ty);
            out.by_oid.insert(ty.oid, ty.clone());
            out.by_name.insert(ty.name.clone(), ty);
        }
        out
    });
    &TYPES
}

/// The rows of a file of `data/` without its heading.
fn rows(data: &'static str) -> impl Iterator<Item = csv::StringRecord> {
    let reader = csv::ReaderBuilder::new().flexible(true).from_reader(data.as_bytes());
    reader.into_records().map(|row| row.expect("the files of data/ are well-formed"))
}

fn number(text: &str) -> Oid {
    text.parse().unwrap_or(0)
}

/// The built-in functions.
pub fn procs() -> &'static Procs {
    static PROCS: LazyLock<Procs> = LazyLock::new(|| {
        let aggregates: HashMap<Oid, (char, usize)> = rows(include_str!("../../data/pg_aggregate.csv"))
            .map(|row| (number(&row[0]), (row[2].chars().next().unwrap_or('n'), row[3].parse().unwrap_or(0))))
            .collect();
        let mut out = Procs { by_oid: HashMap::new(), by_name: HashMap::new() };
        for row in rows(include_str!("../../data/pg_proc.csv")) {
            let proc = Arc::new(proc_of(&row, &aggregates));
            out.by_oid.insert(proc.oid, proc.clone());
            out.by_name.entry(proc.name.clone()).or_default().push(proc);
        }
        for proc in super::own::procs().chain(super::information_schema::procs()).map(Arc::new) {
            out.by_oid.insert(proc.oid, proc.clone());
            out.by_name.entry(proc.name.clone()).or_default().push(proc);
        }
        out
    });
    &PROCS
}

/// oid,proname,prokind,proretset,proisstrict,provolatile,provariadic,pronargs,pronargdefaults,prorettype,args,argtypes,description
fn proc_of(row: &csv::StringRecord, aggregates: &HashMap<Oid, (char, usize)>) -> Proc {
    let arguments = proc::arguments(&row[10], &proc::built_in_type);
    let oid = number(&row[0]);
    let (aggregate_kind, direct_args) = aggregates.get(&oid).copied().unwrap_or(('n', 0));
    Proc {
        oid,
        schema: "pg_catalog".to_owned(),
        name: row[1].to_owned(),
        kind: match &row[2] {
            "a" => ProcKind::Aggregate,
            "w" => ProcKind::Window,
            "p" => ProcKind::Procedure,
            _ => ProcKind::Function,
        },
        returns_set: &row[3] == "t",
        strict: &row[4] == "t",
        volatility: row[5].chars().next().unwrap_or('v'),
        variadic: if &row[6] == "-" { 0 } else { proc::built_in_type(&row[6]).unwrap_or(0) },
        result: proc::built_in_type(&row[9]).unwrap_or(oid::UNKNOWN),
        signature: proc::signature(&row[1], &arguments.types, &|ty| type_name::format_built_in(ty)),
        args: arguments.types,
        arg_names: arguments.names,
        defaults: arguments.defaults,
        outputs: arguments.outputs,
        direct_args,
        aggregate_kind,
        body: None,
    }
}

/// The built-in operators.
pub fn operators() -> &'static Operators {
    static OPERATORS: LazyLock<Operators> = LazyLock::new(|| {
        let mut out = Operators { by_oid: HashMap::new(), by_name: HashMap::new() };
        // oid,oprname,oprkind,oprcanmerge,oprcanhash,oprleft,oprright,oprresult,oprcom,oprnegate,oprcode
        for row in rows(include_str!("../../data/pg_operator.csv")) {
            let left = if &row[5] == "-" { 0 } else { proc::built_in_type(&row[5]).unwrap_or(0) };
            let (Some(right), Some(result)) = (proc::built_in_type(&row[6]), proc::built_in_type(&row[7])) else { continue };
            let Some(proc) = operator_proc(row[10].trim_start_matches("pg_catalog."), left, right) else { continue };
            let operator = Arc::new(Operator {
                oid: number(&row[0]),
                name: row[1].to_owned(),
                left,
                right,
                result,
                commutator: number(&row[8]),
                negator: number(&row[9]),
                proc,
            });
            out.by_oid.insert(operator.oid, operator.clone());
            out.by_name.entry(operator.name.clone()).or_default().push(operator);
        }
        out
    });
    &OPERATORS
}

/// The function behind an operator: the one of that name that takes the operands' types, or types that they are binary-coercible to.
fn operator_proc(name: &str, left: Oid, right: Oid) -> Option<Arc<Proc>> {
    let wanted: Vec<Oid> = [left, right].into_iter().filter(|ty| *ty != 0).collect();
    // A regproc prints its schema where its name alone has several meanings.
    let candidates = procs().by_name.get(name.strip_prefix("pg_catalog.").unwrap_or(name))?;
    candidates.iter().find(|proc| proc.args == wanted).or_else(|| candidates.iter().find(|proc| proc.args.len() == wanted.len())).cloned()
}

/// The built-in casts by source and target.
pub fn casts() -> &'static HashMap<(Oid, Oid), Cast> {
    static CASTS: LazyLock<HashMap<(Oid, Oid), Cast>> = LazyLock::new(|| {
        let cast = |row: csv::StringRecord| {
            let pair = (proc::built_in_type(&row[0])?, proc::built_in_type(&row[1])?);
            let context = match &row[3] {
                "i" => CastContext::Implicit,
                "a" => CastContext::Assignment,
                _ => CastContext::Explicit,
            };
            let method = match &row[4] {
                "f" => CastMethod::Function,
                "b" => CastMethod::Binary,
                _ => CastMethod::InputOutput,
            };
            Some((pair, Cast { proc: number(&row[2]), context, method }))
        };
        rows(include_str!("../../data/pg_cast.csv")).filter_map(cast).collect()
    });
    &CASTS
}

/// The catalog relations and built-in views.
pub fn relations() -> &'static Relations {
    static RELATIONS: LazyLock<Relations> = LazyLock::new(|| {
        let queries: HashMap<(String, String), String> = rows(include_str!("../../data/views.csv"))
            .map(|row| ((row[0].to_owned(), row[1].to_owned()), row[2].trim().trim_end_matches(';').to_owned()))
            .collect();
        let mut found: Vec<Relation> = Vec::new();
        // schema,relation,reloid,relkind,attnum,attname,type,atttypid,attnotnull
        for row in rows(include_str!("../../data/catalog_columns.csv")) {
            let name = QualifiedName { schema: row[0].to_owned(), name: row[1].to_owned() };
            if found.last().is_none_or(|last| last.name != name) {
                let direct = name.schema == "pg_catalog" && relations::is_direct(&name.name);
                let query = if direct { None } else { queries.get(&(name.schema.clone(), name.name.clone())).cloned() };
                found.push(Relation {
                    oid: number(&row[2]),
                    kind: if query.is_some() { RelationKind::View } else { RelationKind::Catalog },
                    physical: physical_name(&name.schema, &name.name),
                    name,
                    columns: Vec::new(),
                    object: None,
                    query,
                    primary_key: Vec::new(),
                });
            }
            let number: i16 = row[4].parse().unwrap_or(0);
            if number > 0 {
                let ty = type_name::built_in_type(&row[6]).unwrap_or(TypeRef::new(number_or_text(&row[7])));
                let last = found.last_mut().expect("one was pushed above");
                last.columns.push(RelationColumn {
                    number,
                    name: row[5].to_owned(),
                    physical: physical_column(&row[5]),
                    ty,
                    not_null: &row[8] == "t",
                });
            }
        }
        let mut out = Relations { by_oid: HashMap::new(), by_name: HashMap::new() };
        for relation in found.into_iter().map(Arc::new) {
            out.by_oid.insert(relation.oid, relation.clone());
            out.by_name.entry(relation.name.name.clone()).or_default().push(relation);
        }
        out
    });
    &RELATIONS
}

fn number_or_text(text: &str) -> Oid {
    let oid = number(text);
    if types().by_oid.contains_key(&oid) { oid } else { oid::TEXT }
}
