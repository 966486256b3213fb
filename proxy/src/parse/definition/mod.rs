//! The grammar of definitions whose PostgreSQL forms differ from the general dialect: tables, sequences, domains and every ALTER. Tokens enter;
//! a [`Definition`] leaves, or nothing where the statement is another's. Single expressions, types and queries are read by `sqlparser`.

mod alter;
mod comment;
mod domain;
mod refused;
mod routine;
mod sequence;
mod table;
mod trigger;

use sqlparser::ast::{DataType, Expr, Ident, ObjectName};

pub use alter::{AlterTable, ColumnAction, TableAction};
pub use routine::{CreateRoutine, Parameter, RoutineBody, RoutineKind, RoutineName, RoutineOptions, TypeName};
pub use sequence::SequenceClauses;
pub use table::{CreateTable, CreateTableAs, Element, LikeClause, LikeOption, Persistence};
pub use trigger::CreateTrigger;

use super::command::{Grammar, Parsing};

/// A definition.
#[derive(Clone, Debug)]
pub enum Definition {
    /// `CREATE TABLE (…)`.
    CreateTable(CreateTable),
    /// `CREATE TABLE … AS`.
    CreateTableAs(CreateTableAs),
    /// `CREATE FUNCTION`, `CREATE PROCEDURE`.
    CreateRoutine(Box<CreateRoutine>),
    /// `CREATE TRIGGER`.
    CreateTrigger(Box<CreateTrigger>),
    /// `DROP TRIGGER`.
    DropTrigger {
        /// `IF EXISTS`.
        if_exists: bool,
        /// Its name.
        name: Ident,
        /// Its table.
        table: ObjectName,
    },
    /// `ALTER TRIGGER … RENAME TO`.
    RenameTrigger {
        /// Its name.
        name: Ident,
        /// Its table.
        table: ObjectName,
        /// The new name.
        to: Ident,
    },
    /// `DROP FUNCTION`, `DROP PROCEDURE`, `DROP ROUTINE`.
    DropRoutine {
        /// What kind the statement speaks of.
        kind: RoutineKind,
        /// `IF EXISTS`.
        if_exists: bool,
        /// Which.
        names: Vec<RoutineName>,
        /// `CASCADE`.
        cascade: bool,
    },
    /// `ALTER FUNCTION`, `ALTER PROCEDURE`, `ALTER ROUTINE`.
    AlterRoutine {
        /// What kind the statement speaks of.
        kind: RoutineKind,
        /// Which.
        name: RoutineName,
        /// What changes.
        action: RoutineAction,
    },
    /// `CREATE MATERIALIZED VIEW`.
    CreateMaterializedView(CreateTableAs),
    /// `REFRESH MATERIALIZED VIEW`.
    Refresh {
        /// Which.
        name: ObjectName,
        /// `CONCURRENTLY`.
        concurrently: bool,
        /// False for `WITH NO DATA`.
        with_data: bool,
    },
    /// `ALTER TABLE`, and the same actions under ALTER VIEW, INDEX and SEQUENCE.
    AlterTable(AlterTable),
    /// `CREATE SEQUENCE`.
    CreateSequence {
        /// `TEMPORARY`.
        temporary: bool,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// Its name.
        name: ObjectName,
        /// Its options.
        clauses: SequenceClauses,
    },
    /// `ALTER SEQUENCE` with options.
    AlterSequence {
        /// `IF EXISTS`.
        if_exists: bool,
        /// Its name.
        name: ObjectName,
        /// The options that change.
        clauses: SequenceClauses,
    },
    /// `DROP INDEX CONCURRENTLY`.
    DropIndex {
        /// `IF EXISTS`.
        if_exists: bool,
        /// Which.
        names: Vec<ObjectName>,
        /// `CASCADE`.
        cascade: bool,
    },
    /// `CREATE DOMAIN`.
    CreateDomain {
        /// Its name.
        name: ObjectName,
        /// The type beneath.
        data_type: DataType,
        /// `DEFAULT`.
        default: Option<Expr>,
        /// `NOT NULL`.
        not_null: bool,
        /// `CHECK`, each with its name.
        checks: Vec<(Option<Ident>, Expr)>,
    },
    /// `ALTER DOMAIN`.
    AlterDomain {
        /// Its name.
        name: ObjectName,
        /// What changes.
        action: DomainAction,
    },
    /// `ALTER TYPE … ADD | DROP | ALTER | RENAME ATTRIBUTE`.
    AlterAttributes {
        /// The composite type.
        name: ObjectName,
        /// What changes.
        actions: Vec<AttributeAction>,
    },
    /// `ALTER TYPE … ADD VALUE`.
    AddValue {
        /// The enum.
        name: ObjectName,
        /// The new label.
        value: String,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// A label, and 0 for BEFORE it or 1 for AFTER it.
        position: Option<(String, usize)>,
    },
    /// `ALTER TYPE … RENAME VALUE`.
    RenameValue {
        /// The enum.
        name: ObjectName,
        /// The label.
        from: String,
        /// Its new text.
        to: String,
    },
    /// `ALTER … RENAME TO` of what is no relation.
    Rename {
        /// What kind of object.
        kind: Kind,
        /// Its name.
        name: ObjectName,
        /// The new one.
        to: Ident,
    },
    /// `ALTER … SET SCHEMA` of what is no relation.
    SetSchema {
        /// What kind of object.
        kind: Kind,
        /// Its name.
        name: ObjectName,
        /// Where it goes.
        schema: Ident,
    },
    /// `COMMENT ON CONSTRAINT`, `COMMENT ON FUNCTION`.
    Comment {
        /// What it is on.
        on: Commented,
        /// The text, none to take it away.
        text: Option<String>,
    },
    /// `ALTER … OWNER TO` of what is no relation.
    Owner {
        /// What kind of object.
        kind: Kind,
        /// Its name.
        name: ObjectName,
        /// The role.
        to: String,
    },
}

/// What a comment is on, where a name alone does not say it.
#[derive(Clone, Debug)]
pub enum Commented {
    /// A constraint of a table, or of a domain.
    Constraint {
        /// Its name.
        name: Ident,
        /// The table or domain.
        of: ObjectName,
        /// Whether that is a domain.
        domain: bool,
    },
    /// A function or procedure.
    Routine(RoutineKind, RoutineName),
    /// A trigger of a table.
    Trigger(Ident, ObjectName),
}

/// What ALTER FUNCTION does.
#[derive(Clone, Debug)]
pub enum RoutineAction {
    /// `RENAME TO`.
    Rename(Ident),
    /// `SET SCHEMA`.
    SetSchema(Ident),
    /// `OWNER TO`.
    Owner(String),
    /// Options.
    Options(RoutineOptions),
}

/// Kinds of objects that are no relations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A schema.
    Schema,
    /// A type.
    Type,
    /// A domain.
    Domain,
    /// A database.
    Database,
}

/// What ALTER DOMAIN does.
#[derive(Clone, Debug)]
pub enum DomainAction {
    /// `SET DEFAULT`, none for DROP DEFAULT.
    Default(Option<Expr>),
    /// `SET NOT NULL`, `DROP NOT NULL`.
    NotNull(bool),
    /// `ADD CONSTRAINT … CHECK`, false for NOT VALID.
    AddCheck(Option<Ident>, Expr, bool),
    /// `DROP CONSTRAINT`.
    DropConstraint {
        /// Its name.
        name: Ident,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `RENAME CONSTRAINT`.
    RenameConstraint(Ident, Ident),
    /// `VALIDATE CONSTRAINT`.
    Validate(Ident),
}

/// What ALTER TYPE does to an attribute.
#[derive(Clone, Debug)]
pub enum AttributeAction {
    /// `ADD ATTRIBUTE`.
    Add(Ident, DataType),
    /// `DROP ATTRIBUTE`.
    Drop {
        /// Its name.
        name: Ident,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `RENAME ATTRIBUTE`.
    Rename(Ident, Ident),
    /// `ALTER ATTRIBUTE … TYPE`.
    Retype(Ident, DataType),
}

/// The definition that begins at the parser's place, if it is one of these.
pub(super) fn definition(g: &mut Grammar<'_, '_>) -> Parsing<Option<Definition>> {
    refused::refuse(g)?;
    match g.peek(0).as_str() {
        "create" => create(g),
        "alter" if g.peek(1) == "trigger" => trigger::rename(g).map(Some),
        "alter" => alter::alter(g),
        "comment" => comment::comment(g),
        "refresh" => table::refresh(g).map(Some),
        "drop" if g.peek(1) == "index" && g.peek(2) == "concurrently" => drop_concurrently(g).map(Some),
        "drop" if g.peek(1) == "trigger" => trigger::drop(g).map(Some),
        "drop" => match RoutineKind::by_word(&g.peek(1)) {
            Some(kind) => routine::drop(g, kind).map(Some),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// `DROP INDEX CONCURRENTLY`: nothing runs beside a definition here, so that it is the plain one.
fn drop_concurrently(g: &mut Grammar<'_, '_>) -> Parsing<Definition> {
    g.expect("drop")?;
    g.expect("index")?;
    g.expect("concurrently")?;
    let if_exists = g.words(&["if", "exists"]);
    let mut names = vec![g.parser.parse_object_name(false)?];
    while g.parser.consume_token(&sqlparser::tokenizer::Token::Comma) {
        names.push(g.parser.parse_object_name(false)?);
    }
    let cascade = alter::cascade(g);
    Ok(Definition::DropIndex { if_exists, names, cascade })
}

fn create(g: &mut Grammar<'_, '_>) -> Parsing<Option<Definition>> {
    let temporary_at = match g.peek(1).as_str() {
        "local" | "global" => 2,
        _ => 1,
    };
    let temporary = matches!(g.peek(temporary_at).as_str(), "temp" | "temporary");
    let at = match temporary {
        true => temporary_at + 1,
        false if g.peek(1) == "unlogged" => 2,
        false => 1,
    };
    let replaces = if g.peek(1) == "or" { 3 } else { at };
    match g.peek(at.max(replaces)).as_str() {
        "function" | "procedure" => routine::create(g).map(Some),
        "trigger" => trigger::create(g).map(Some),
        "constraint" if g.peek(at.max(replaces) + 1) == "trigger" => trigger::create(g).map(Some),
        _ if replaces != at => Ok(None),
        "table" => table::create(g).map(Some),
        "materialized" if at == 1 => table::materialized_view(g).map(Some),
        "sequence" => sequence::create(g).map(Some),
        "domain" if at == 1 => domain::create(g).map(Some),
        _ => Ok(None),
    }
}

/// `IF NOT EXISTS`.
fn if_not_exists(g: &mut Grammar<'_, '_>) -> bool {
    g.words(&["if", "not", "exists"])
}
