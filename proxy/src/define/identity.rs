//! `ALTER COLUMN … ADD GENERATED | SET GENERATED | RESTART | DROP IDENTITY`: the column and the sequence that it owns.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Column, IdentityKind, Object, Table},
};
use sqlparser::ast::{GeneratedAs, SequenceOptions};

use super::{
    column::{self, Read},
    definer::Definer,
    naming::Names,
    sequence,
};
use crate::error::{Result, SqlError, SqlState};

/// As the catalog has it.
pub(super) fn kind(written: GeneratedAs) -> IdentityKind {
    if written == GeneratedAs::ByDefault { IdentityKind::ByDefault } else { IdentityKind::Always }
}

fn not_identity(table: &Table, column: &Column) -> SqlError {
    let message = format!("column \"{}\" of relation \"{}\" is not an identity column", column.name, table.name.name);
    SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
}

/// `SET GENERATED`, `SET` of sequence options, `RESTART`.
pub(super) fn set(
    definer: &mut Definer<'_>,
    table: &Table,
    at: usize,
    kind: Option<IdentityKind>,
    options: &[SequenceOptions],
    restart: Option<Option<i64>>,
) -> Result<()> {
    let column = &table.columns[at];
    if column.identity.is_none() {
        return Err(not_identity(table, column));
    }
    if let Some(kind) = kind {
        let mut new = table.clone();
        new.columns[at].identity = Some(kind);
        definer.apply(&[], vec![Object::Table(new)], Vec::new())?;
    }
    let Some(former) = column.sequence.as_ref().and_then(|name| definer.schema().sequence(name).cloned()) else {
        return Err(SqlError::internal("an identity column without a sequence"));
    };
    let changed = sequence::with_changes(&former, &former.type_name, options)?;
    sequence::put_changed(definer, &former, changed, restart)
}

/// `DROP IDENTITY`: the sequence goes with it.
pub(super) fn drop(definer: &mut Definer<'_>, table: &Table, at: usize, if_exists: bool) -> Result<()> {
    let column = &table.columns[at];
    if column.identity.is_none() {
        let error = not_identity(table, column);
        if if_exists {
            definer.notice(format!("{}, skipping", error.fields().message));
            return Ok(());
        }
        return Err(error);
    }
    let mut new = table.clone();
    new.columns[at].identity = None;
    let removed = new.columns[at].sequence.take().map(|name| (ObjectClass::Relation, name));
    definer.apply(&[], vec![Object::Table(new)], removed.into_iter().collect()).map(|_| ())
}

/// `ADD GENERATED … AS IDENTITY`.
pub(super) fn add(
    definer: &mut Definer<'_>,
    table: &Table,
    at: usize,
    kind: IdentityKind,
    options: &[sqlparser::ast::SequenceOptions],
) -> Result<()> {
    let column = table.columns[at].clone();
    let whole = |what: &str| format!("column \"{}\" of relation \"{}\" {what}", column.name, table.name.name);
    if column.identity.is_some() {
        return Err(SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, whole("is already an identity column")));
    }
    if column.default.is_some() {
        return Err(SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, whole("already has a default value")));
    }
    if !column.not_null {
        return Err(SqlError::new(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            whole("must be declared NOT NULL before identity can be added"),
        ));
    }
    let ty = definer.type_named(&column.type_name)?;
    let schema = definer.schema();
    let mut names = Names::new(&schema, &table.name.schema);
    let mut read = Read { column, ty, default: None, generated: None, sequence: None, constraints: Vec::new() };
    column::identity(&mut read, &table.name, &mut names, kind, options)?;
    let mut new = table.clone();
    new.columns[at] = read.column;
    let mut put: Vec<Object> = read.sequence.map(Object::Sequence).into_iter().collect();
    put.push(Object::Table(new));
    definer.apply(&[], put, Vec::new()).map(|_| ())
}
