//! `ALTER TABLE` with all its actions, the same actions under ALTER VIEW, INDEX and SEQUENCE, and ALTER of what is no relation.

use sqlparser::{
    ast::{ColumnDef, ColumnOption, DataType, Expr, GeneratedAs, Ident, ObjectName, SequenceOptions, TableConstraint},
    tokenizer::Token,
};

use super::{AttributeAction, Definition, Kind, RoutineAction, RoutineKind, domain, routine as routines, sequence, table};
use crate::{
    error::SqlError,
    parse::command::{Grammar, Parsing},
};

/// `ALTER TABLE | VIEW | INDEX | SEQUENCE`.
#[derive(Clone, Debug)]
pub struct AlterTable {
    /// `TABLE`, `VIEW`, `MATERIALIZED VIEW`, `INDEX` or `SEQUENCE` in lower case.
    pub noun: &'static str,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// The relation.
    pub name: ObjectName,
    /// What is done to it, in order.
    pub actions: Vec<TableAction>,
}

/// One action of ALTER TABLE.
#[derive(Clone, Debug)]
pub enum TableAction {
    /// `ADD COLUMN`; true for IF NOT EXISTS.
    AddColumn(Box<ColumnDef>, bool),
    /// `DROP COLUMN`.
    DropColumn {
        /// Which.
        name: Ident,
        /// `IF EXISTS`.
        if_exists: bool,
        /// `CASCADE`.
        cascade: bool,
    },
    /// `ADD CONSTRAINT`; true for NOT VALID.
    AddConstraint(Box<TableConstraint>, bool),
    /// `DROP CONSTRAINT`.
    DropConstraint {
        /// Which.
        name: Ident,
        /// `IF EXISTS`.
        if_exists: bool,
        /// `CASCADE`.
        cascade: bool,
    },
    /// `ALTER CONSTRAINT`: deferrable, initially deferred.
    AlterConstraint(Ident, bool, bool),
    /// `VALIDATE CONSTRAINT`.
    ValidateConstraint(Ident),
    /// `RENAME CONSTRAINT`.
    RenameConstraint(Ident, Ident),
    /// `RENAME COLUMN`.
    RenameColumn(Ident, Ident),
    /// `RENAME TO`.
    Rename(Ident),
    /// `SET SCHEMA`.
    SetSchema(Ident),
    /// `OWNER TO`.
    Owner(String),
    /// `ALTER COLUMN`.
    AlterColumn(Ident, ColumnAction),
    /// `SET LOGGED`, `SET UNLOGGED`.
    SetLogged(bool),
    /// `ENABLE | DISABLE TRIGGER name`; true for ENABLE.
    Triggers(String, bool),
    /// What tunes PostgreSQL's heap, statistics or replication: nothing here has it.
    Tune,
    /// `CLUSTER ON index`.
    ClusterOn(Ident),
}

/// One action of ALTER COLUMN.
#[derive(Clone, Debug)]
pub enum ColumnAction {
    /// `SET DEFAULT`, none for DROP DEFAULT.
    Default(Option<Expr>),
    /// `SET NOT NULL`, `DROP NOT NULL`.
    NotNull(bool),
    /// `TYPE … USING …`.
    Type(DataType, Option<Expr>),
    /// `ADD GENERATED … AS IDENTITY`.
    AddIdentity(GeneratedAs, Vec<SequenceOptions>),
    /// `SET GENERATED`, `SET` sequence options, `RESTART`.
    SetIdentity {
        /// `SET GENERATED`.
        kind: Option<GeneratedAs>,
        /// `SET` of sequence options.
        options: Vec<SequenceOptions>,
        /// `RESTART`.
        restart: Option<Option<i64>>,
    },
    /// `DROP IDENTITY`; true for IF EXISTS.
    DropIdentity(bool),
    /// `DROP EXPRESSION`; true for IF EXISTS.
    DropExpression(bool),
    /// Statistics, storage, compression.
    Tune,
}

/// An ALTER, none where it is another grammar's.
pub(super) fn alter(g: &mut Grammar<'_, '_>) -> Parsing<Option<Definition>> {
    let noun = match g.peek(1).as_str() {
        "table" => "table",
        "materialized" => "materialized view",
        "view" => "view",
        "index" => "index",
        "sequence" => "sequence",
        "domain" | "type" | "schema" | "database" => return other(g),
        "function" | "procedure" | "routine" => return routine(g).map(Some),
        _ => return Ok(None),
    };
    g.expect("alter")?;
    g.word("materialized");
    g.parser.next_token();
    let if_exists = g.words(&["if", "exists"]);
    if g.words(&["all", "in"]) {
        return Err(SqlError::unsupported("ALTER … ALL IN TABLESPACE").into());
    }
    g.word("only");
    let name = g.parser.parse_object_name(false)?;
    _ = g.parser.consume_token(&Token::Mul);
    if noun == "sequence" && !matches!(g.peek(0).as_str(), "rename" | "owner" | "set") {
        let clauses = sequence::clauses(g)?;
        return Ok(Some(Definition::AlterSequence { if_exists, name, clauses }));
    }
    let mut actions = vec![action(g)?];
    while g.parser.consume_token(&Token::Comma) {
        actions.push(action(g)?);
    }
    Ok(Some(Definition::AlterTable(AlterTable { noun, if_exists, name, actions })))
}

fn action(g: &mut Grammar<'_, '_>) -> Parsing<TableAction> {
    match g.peek(0).as_str() {
        "add" => add(g),
        "drop" => drop_action(g),
        "alter" => alter_action(g),
        "rename" => rename(g),
        "set" => set(g),
        "validate" => {
            g.word("validate");
            g.expect("constraint")?;
            Ok(TableAction::ValidateConstraint(g.parser.parse_identifier()?))
        }
        "owner" => owner(g).map(TableAction::Owner),
        "enable" | "disable" => triggers(g),
        "reset" => {
            g.word("reset");
            table::parameters(g)?;
            Ok(TableAction::Tune)
        }
        "cluster" => {
            g.word("cluster");
            g.expect("on")?;
            Ok(TableAction::ClusterOn(g.parser.parse_identifier()?))
        }
        "replica" => {
            g.word("replica");
            g.expect("identity")?;
            if g.words(&["using", "index"]) {
                g.name()?;
            } else if !["default", "full", "nothing"].iter().any(|word| g.word(word)) {
                return Err(g.unexpected());
            }
            Ok(TableAction::Tune)
        }
        other @ ("inherit" | "no" | "of" | "not" | "attach" | "detach" | "force" | "options") => {
            Err(SqlError::unsupported(format!("ALTER TABLE {}", other.to_uppercase())).into())
        }
        _ => Err(g.unexpected()),
    }
}

fn add(g: &mut Grammar<'_, '_>) -> Parsing<TableAction> {
    g.expect("add")?;
    if let Some(constraint) = table::constraint(g)? {
        let not_valid = g.words(&["not", "valid"]);
        return Ok(TableAction::AddConstraint(Box::new(constraint), not_valid));
    }
    g.word("column");
    let if_not_exists = super::if_not_exists(g);
    Ok(TableAction::AddColumn(Box::new(table::column(g)?), if_not_exists))
}

fn drop_action(g: &mut Grammar<'_, '_>) -> Parsing<TableAction> {
    g.expect("drop")?;
    let constraint = g.word("constraint");
    if !constraint {
        g.word("column");
    }
    let if_exists = g.words(&["if", "exists"]);
    let name = g.parser.parse_identifier()?;
    let cascade = cascade(g);
    Ok(match constraint {
        true => TableAction::DropConstraint { name, if_exists, cascade },
        false => TableAction::DropColumn { name, if_exists, cascade },
    })
}

/// `CASCADE`; RESTRICT is what nothing means.
pub(super) fn cascade(g: &mut Grammar<'_, '_>) -> bool {
    let cascade = g.word("cascade");
    if !cascade {
        g.word("restrict");
    }
    cascade
}

fn alter_action(g: &mut Grammar<'_, '_>) -> Parsing<TableAction> {
    g.expect("alter")?;
    if g.word("constraint") {
        let name = g.parser.parse_identifier()?;
        let characteristics = g.parser.parse_constraint_characteristics()?;
        let deferred = characteristics.as_ref().is_some_and(|c| c.initially == Some(sqlparser::ast::DeferrableInitial::Deferred));
        let deferrable = deferred || characteristics.is_some_and(|c| c.deferrable == Some(true));
        return Ok(TableAction::AlterConstraint(name, deferrable, deferred));
    }
    g.word("column");
    let name = g.parser.parse_identifier()?;
    Ok(TableAction::AlterColumn(name, column_action(g)?))
}

fn column_action(g: &mut Grammar<'_, '_>) -> Parsing<ColumnAction> {
    if g.words(&["set", "default"]) {
        return Ok(ColumnAction::Default(Some(g.parser.parse_expr()?)));
    }
    if g.words(&["drop", "default"]) {
        return Ok(ColumnAction::Default(None));
    }
    if g.words(&["set", "not", "null"]) {
        return Ok(ColumnAction::NotNull(true));
    }
    if g.words(&["drop", "not", "null"]) {
        return Ok(ColumnAction::NotNull(false));
    }
    if g.words(&["set", "data", "type"]) || g.word("type") {
        let data_type = g.parser.parse_data_type()?;
        if g.word("collate") {
            let collation = g.parser.parse_object_name(false)?;
            let name = collation.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.clone()).unwrap_or_default();
            if !matches!(name.as_str(), "C" | "POSIX" | "default") {
                return Err(SqlError::unsupported(format!("collation \"{name}\"")).into());
            }
        }
        let using = if g.word("using") { Some(g.parser.parse_expr()?) } else { None };
        return Ok(ColumnAction::Type(data_type, using));
    }
    if g.words(&["add", "generated"]) {
        let kind = table::generated_kind(g)?;
        g.expect("as")?;
        g.expect("identity")?;
        let ColumnOption::Generated { sequence_options, .. } = table::identity_options(g, kind)? else { return Err(g.unexpected()) };
        return Ok(ColumnAction::AddIdentity(kind, sequence_options.unwrap_or_default()));
    }
    for (words, is_identity) in [(["drop", "identity"], true), (["drop", "expression"], false)] {
        if g.words(&words) {
            let if_exists = g.words(&["if", "exists"]);
            return Ok(if is_identity { ColumnAction::DropIdentity(if_exists) } else { ColumnAction::DropExpression(if_exists) });
        }
    }
    if g.peek(0) == "set" && matches!(g.peek(1).as_str(), "statistics" | "storage" | "compression") {
        g.parser.next_token();
        g.parser.next_token();
        _ = g.parser.consume_token(&Token::Minus);
        g.parser.next_token();
        return Ok(ColumnAction::Tune);
    }
    if matches!(g.peek(0).as_str(), "set" | "reset") && g.parser.peek_nth_token_ref(1).token == Token::LParen {
        g.parser.next_token();
        table::parameters(g)?;
        return Ok(ColumnAction::Tune);
    }
    set_identity(g)
}

/// `SET GENERATED …`, `SET INCREMENT …`, `RESTART …`, several of them in a row.
fn set_identity(g: &mut Grammar<'_, '_>) -> Parsing<ColumnAction> {
    let (mut kind, mut options, mut restart) = (None, Vec::new(), None);
    loop {
        if g.words(&["set", "generated"]) {
            kind = Some(table::generated_kind(g)?);
        } else if g.peek(0) == "restart" {
            g.word("restart");
            let with = g.word("with");
            let valued = with || matches!(g.parser.peek_token_ref().token, Token::Number(..) | Token::Minus | Token::Plus);
            restart = Some(if valued { Some(g.integer()?) } else { None });
        } else if g.word("set") {
            sequence::clause_of_identity(g, &mut options)?;
        } else if kind.is_none() && options.is_empty() && restart.is_none() {
            return Err(g.unexpected());
        } else {
            return Ok(ColumnAction::SetIdentity { kind, options, restart });
        }
    }
}

fn rename(g: &mut Grammar<'_, '_>) -> Parsing<TableAction> {
    g.expect("rename")?;
    if g.word("to") {
        return Ok(TableAction::Rename(g.parser.parse_identifier()?));
    }
    let constraint = g.word("constraint");
    if !constraint {
        g.word("column");
    }
    let from = g.parser.parse_identifier()?;
    g.expect("to")?;
    let to = g.parser.parse_identifier()?;
    Ok(if constraint { TableAction::RenameConstraint(from, to) } else { TableAction::RenameColumn(from, to) })
}

fn set(g: &mut Grammar<'_, '_>) -> Parsing<TableAction> {
    g.expect("set")?;
    if g.word("schema") {
        return Ok(TableAction::SetSchema(g.parser.parse_identifier()?));
    }
    if g.word("logged") {
        return Ok(TableAction::SetLogged(true));
    }
    if g.word("unlogged") {
        return Ok(TableAction::SetLogged(false));
    }
    if g.words(&["without", "cluster"]) || g.words(&["without", "oids"]) {
        return Ok(TableAction::Tune);
    }
    if g.word("tablespace") {
        table::tablespace(g)?;
        return Ok(TableAction::Tune);
    }
    if g.words(&["access", "method"]) {
        let method = g.name()?;
        return match method.as_str() {
            "heap" => Ok(TableAction::Tune),
            _ => Err(SqlError::unsupported(format!("access method \"{method}\"")).into()),
        };
    }
    table::parameters(g)?;
    Ok(TableAction::Tune)
}

fn owner(g: &mut Grammar<'_, '_>) -> Parsing<String> {
    g.expect("owner")?;
    g.expect("to")?;
    g.name()
}

fn triggers(g: &mut Grammar<'_, '_>) -> Parsing<TableAction> {
    let enables = g.peek(0) == "enable";
    g.parser.next_token();
    _ = g.word("always") || g.word("replica");
    if g.word("trigger") {
        return Ok(TableAction::Triggers(g.name()?, enables));
    }
    if g.peek(0) == "row" {
        return Err(SqlError::unsupported("row-level security").into());
    }
    g.expect("rule")?;
    Err(SqlError::unsupported("a rule").into())
}

/// `ALTER FUNCTION | PROCEDURE | ROUTINE`.
fn routine(g: &mut Grammar<'_, '_>) -> Parsing<Definition> {
    g.expect("alter")?;
    let kind = RoutineKind::by_word(&g.peek(0)).ok_or_else(|| g.unexpected())?;
    g.parser.next_token();
    let name = routines::named(g)?;
    let action = if g.words(&["rename", "to"]) {
        RoutineAction::Rename(g.parser.parse_identifier()?)
    } else if g.words(&["set", "schema"]) {
        RoutineAction::SetSchema(g.parser.parse_identifier()?)
    } else if g.peek(0) == "owner" {
        RoutineAction::Owner(owner(g)?)
    } else if g.words(&["depends", "on"]) || g.words(&["no", "depends", "on"]) {
        return Err(SqlError::unsupported("DEPENDS ON EXTENSION").into());
    } else {
        RoutineAction::Options(routines::options(g)?)
    };
    Ok(Definition::AlterRoutine { kind, name, action })
}

/// ALTER of what is no relation.
fn other(g: &mut Grammar<'_, '_>) -> Parsing<Option<Definition>> {
    g.expect("alter")?;
    let kind = match g.peek(0).as_str() {
        "schema" => Kind::Schema,
        "type" => Kind::Type,
        "domain" => Kind::Domain,
        _ => Kind::Database,
    };
    g.parser.next_token();
    let name = g.parser.parse_object_name(false)?;
    if g.words(&["rename", "to"]) {
        return Ok(Some(Definition::Rename { kind, name, to: g.parser.parse_identifier()? }));
    }
    if g.words(&["set", "schema"]) {
        return Ok(Some(Definition::SetSchema { kind, name, schema: g.parser.parse_identifier()? }));
    }
    if g.peek(0) == "owner" {
        return Ok(Some(Definition::Owner { kind, name, to: owner(g)? }));
    }
    match kind {
        Kind::Domain => Ok(Some(Definition::AlterDomain { name, action: domain::action(g)? })),
        Kind::Type if g.peek(1) == "attribute" => {
            let mut actions = vec![attribute(g)?];
            while g.parser.consume_token(&Token::Comma) {
                actions.push(attribute(g)?);
            }
            Ok(Some(Definition::AlterAttributes { name, actions }))
        }
        Kind::Type if matches!((g.peek(0).as_str(), g.peek(1).as_str()), ("add" | "rename", "value")) => value(g, name).map(Some),
        _ => Err(g.unexpected()),
    }
}

/// `ADD VALUE`, `RENAME VALUE` of an enum.
fn value(g: &mut Grammar<'_, '_>, name: ObjectName) -> Parsing<Definition> {
    if g.words(&["rename", "value"]) {
        let from = g.string()?;
        g.expect("to")?;
        return Ok(Definition::RenameValue { name, from, to: g.string()? });
    }
    g.expect("add")?;
    g.expect("value")?;
    let if_not_exists = super::if_not_exists(g);
    let value = g.string()?;
    let position = if g.word("before") {
        Some((g.string()?, 0))
    } else if g.word("after") {
        Some((g.string()?, 1))
    } else {
        None
    };
    Ok(Definition::AddValue { name, value, if_not_exists, position })
}

fn attribute(g: &mut Grammar<'_, '_>) -> Parsing<AttributeAction> {
    let what = g.peek(0);
    g.parser.next_token();
    g.expect("attribute")?;
    match what.as_str() {
        "add" => {
            let name = g.parser.parse_identifier()?;
            let data_type = g.parser.parse_data_type()?;
            cascade(g);
            Ok(AttributeAction::Add(name, data_type))
        }
        "drop" => {
            let if_exists = g.words(&["if", "exists"]);
            let name = g.parser.parse_identifier()?;
            cascade(g);
            Ok(AttributeAction::Drop { name, if_exists })
        }
        "rename" => {
            let from = g.parser.parse_identifier()?;
            g.expect("to")?;
            let to = g.parser.parse_identifier()?;
            cascade(g);
            Ok(AttributeAction::Rename(from, to))
        }
        _ => {
            let name = g.parser.parse_identifier()?;
            if !g.words(&["set", "data", "type"]) {
                g.expect("type")?;
            }
            let data_type = g.parser.parse_data_type()?;
            cascade(g);
            Ok(AttributeAction::Retype(name, data_type))
        }
    }
}
