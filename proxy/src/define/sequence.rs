//! Sequences: their options with PostgreSQL's defaults and bounds (`init_params` in `sequence.c`). A sequence lies nowhere in SQLite but
//! in the catalog and the table of positions.

use peergres_sync::{
    commit::ObjectClass,
    schema::{Object, QualifiedName, Sequence},
};
use sqlparser::ast::{DataType, Expr, ObjectName, SequenceOptions, UnaryOperator, Value};

use super::definer::{Definer, undefined_column, undefined_relation};
use crate::{
    bind,
    catalog::type_name::quote_identifier,
    error::{Result, SqlError, SqlState},
    parse::definition::SequenceClauses,
    types::oid,
};

/// `CREATE SEQUENCE`.
pub(super) fn create(
    definer: &mut Definer<'_>,
    name: &ObjectName,
    clauses: &SequenceClauses,
    temporary: bool,
    if_not_exists: bool,
) -> Result<()> {
    let name = definer.creation_name_of(name, temporary)?;
    if definer.refuse_existing(&name, if_not_exists)? {
        return Ok(());
    }
    let type_name = match &clauses.data_type {
        None => "bigint".to_owned(),
        Some(data_type) => integer_type(definer, data_type)?,
    };
    let mut sequence = with_options(name, &type_name, &clauses.options)?;
    if let Some(owner) = &clauses.owned_by {
        sequence.owned_by = owned_by_column(definer, owner)?;
    }
    definer.apply(&[], vec![Object::Sequence(sequence)], Vec::new()).map(|_| ())
}

fn integer_type(definer: &Definer<'_>, data_type: &DataType) -> Result<String> {
    let ty = definer.cx.catalog.data_type(data_type, &definer.path)?;
    if !matches!(ty.oid, oid::INT2 | oid::INT4 | oid::INT8) {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "sequence type must be smallint, integer, or bigint"));
    }
    Ok(definer.cx.catalog.qualified_type_name(ty))
}

/// `ALTER SEQUENCE`: options that are not given stay.
pub(super) fn alter(definer: &mut Definer<'_>, name: &ObjectName, clauses: &SequenceClauses, if_exists: bool) -> Result<()> {
    let (schema, bare) = bind::schema_and_name(name, &definer.cx)?;
    let former = match definer.relation(name)?.as_deref() {
        Some(Object::Sequence(sequence)) => sequence.clone(),
        Some(_) => return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{bare}\" is not a sequence"))),
        None => {
            let error = undefined_relation(schema.as_deref(), &bare);
            if !if_exists {
                return Err(error);
            }
            definer.notice(format!("{}, skipping", error.fields().message));
            return Ok(());
        }
    };
    let mut changed = changed_options(definer, &former, clauses)?;
    if let Some(owner) = &clauses.owned_by {
        changed.owned_by = owned_by_column(definer, owner)?;
    }
    put_changed(definer, &former, changed, clauses.restart)
}

/// The sequence with the options given, those of before elsewhere (`init_params` with `isInit` false).
fn changed_options(definer: &Definer<'_>, former: &Sequence, clauses: &SequenceClauses) -> Result<Sequence> {
    let type_name = match &clauses.data_type {
        Some(data_type) => integer_type(definer, data_type)?,
        None => former.type_name.clone(),
    };
    with_changes(former, &type_name, &clauses.options)
}

/// As [`changed_options`], for a sequence of an identity column too.
pub(super) fn with_changes(former: &Sequence, type_name: &str, options: &[SequenceOptions]) -> Result<Sequence> {
    let mut all = Vec::with_capacity(6);
    let given = |same: fn(&SequenceOptions) -> bool| options.iter().any(same);
    if !given(|o| matches!(o, SequenceOptions::IncrementBy(..))) {
        all.push(SequenceOptions::IncrementBy(whole(former.increment), true));
    }
    // Bounds that were the type's own follow the type.
    let retyped = type_name != former.type_name;
    let (least, greatest) = bounds(&former.type_name);
    if !(given(|o| matches!(o, SequenceOptions::MinValue(_))) || retyped && former.min == least) {
        all.push(SequenceOptions::MinValue(Some(whole(former.min))));
    }
    if !(given(|o| matches!(o, SequenceOptions::MaxValue(_))) || retyped && former.max == greatest) {
        all.push(SequenceOptions::MaxValue(Some(whole(former.max))));
    }
    if !given(|o| matches!(o, SequenceOptions::StartWith(..))) {
        all.push(SequenceOptions::StartWith(whole(former.start), true));
    }
    if !given(|o| matches!(o, SequenceOptions::Cache(_))) {
        all.push(SequenceOptions::Cache(whole(former.cache)));
    }
    if !given(|o| matches!(o, SequenceOptions::Cycle(_))) {
        all.push(SequenceOptions::Cycle(!former.cycle));
    }
    all.extend(options.iter().cloned());
    let mut changed = with_options(former.name.clone(), type_name, &all)?;
    changed.owned_by.clone_from(&former.owned_by);
    changed.comment.clone_from(&former.comment);
    changed.natural_until = former.natural_until;
    Ok(changed)
}

/// Puts a changed sequence, and moves its position where RESTART says so.
pub(super) fn put_changed(definer: &mut Definer<'_>, former: &Sequence, changed: Sequence, restarted: Option<Option<i64>>) -> Result<()> {
    if changed != *former {
        definer.apply(&[], vec![Object::Sequence(changed.clone())], Vec::new())?;
    }
    match restarted {
        Some(with) => restart(definer, &changed, with),
        None => Ok(()),
    }
}

fn whole(value: i64) -> Expr {
    let digits = Expr::value(Value::Number(value.unsigned_abs().to_string(), false));
    if value < 0 { Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(digits) } } else { digits }
}

fn bounds(type_name: &str) -> (i64, i64) {
    match type_name {
        "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
        "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    }
}

/// `OWNED BY table.column`, or NONE.
fn owned_by_column(definer: &Definer<'_>, owner: &ObjectName) -> Result<Option<(QualifiedName, String)>> {
    let mut parts = owner.clone();
    let last = bind::name_parts(owner)?.pop().unwrap_or_default();
    parts.0.pop();
    if parts.0.is_empty() {
        if last == "none" {
            return Ok(None);
        }
        return Err(
            SqlError::new(SqlState::SYNTAX_ERROR, "invalid OWNED BY option").hint("Specify OWNED BY table.column or OWNED BY NONE.")
        );
    }
    let table = definer.table(&parts)?;
    if table.columns.iter().all(|column| column.name != last) {
        return Err(undefined_column(&table, &last));
    }
    Ok(Some((table.name, last)))
}

/// A sequence of an integer type with these options.
pub(super) fn with_options(name: QualifiedName, type_name: &str, options: &[SequenceOptions]) -> Result<Sequence> {
    let (least, greatest) = bounds(type_name);
    let (mut increment, mut min, mut max, mut start, mut cache, mut cycle) = (1, None, None, None, 1, false);
    for option in options {
        match option {
            SequenceOptions::IncrementBy(value, _) => increment = number(value)?,
            SequenceOptions::MinValue(value) => min = value.as_ref().map(number).transpose()?,
            SequenceOptions::MaxValue(value) => max = value.as_ref().map(number).transpose()?,
            SequenceOptions::StartWith(value, _) => start = Some(number(value)?),
            SequenceOptions::Cache(value) => cache = number(value)?,
            SequenceOptions::Cycle(no) => cycle = !*no,
        }
    }
    let invalid = |message: String| SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message);
    if increment == 0 {
        return Err(invalid("INCREMENT must not be zero".to_owned()));
    }
    let max = max.unwrap_or(if increment > 0 { greatest } else { -1 });
    let min = min.unwrap_or(if increment > 0 { 1 } else { least });
    for (bound, word) in [(max, "MAXVALUE"), (min, "MINVALUE")] {
        if bound < least || bound > greatest {
            return Err(invalid(format!("{word} ({bound}) is out of range for sequence data type {type_name}")));
        }
    }
    if min >= max {
        return Err(invalid(format!("MINVALUE ({min}) must be less than MAXVALUE ({max})")));
    }
    let start = start.unwrap_or(if increment > 0 { min } else { max });
    if start < min {
        return Err(invalid(format!("START value ({start}) cannot be less than MINVALUE ({min})")));
    }
    if start > max {
        return Err(invalid(format!("START value ({start}) cannot be greater than MAXVALUE ({max})")));
    }
    if cache <= 0 {
        return Err(invalid(format!("CACHE ({cache}) must be greater than zero")));
    }
    Ok(Sequence {
        name,
        type_name: type_name.to_owned(),
        start,
        increment,
        min,
        max,
        cache,
        cycle,
        natural_until: None,
        owned_by: None,
        comment: None,
    })
}

fn number(expr: &Expr) -> Result<i64> {
    let text = match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => Some(digits.to_string()),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => return negative(expr),
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => return number(expr),
        _ => None,
    };
    text.and_then(|digits| digits.parse().ok())
        .ok_or_else(|| SqlError::new(SqlState::SYNTAX_ERROR, format!("a whole number was expected, not {expr}")))
}

fn negative(expr: &Expr) -> Result<i64> {
    format!("-{expr}").parse().map_err(|_| SqlError::new(SqlState::SYNTAX_ERROR, format!("a whole number was expected, not -{expr}")))
}

/// A sequence's `nextval` as a stored default has it: the schema only where it is not `public`, since stored text is read with that path.
pub(super) fn nextval(sequence: &QualifiedName) -> String {
    let shown = match sequence.schema.as_str() {
        "public" => quote_identifier(&sequence.name),
        schema => format!("{}.{}", quote_identifier(schema), quote_identifier(&sequence.name)),
    };
    format!("nextval('{}'::regclass)", shown.replace('\'', "''"))
}

impl Definer<'_> {
    /// 42P07 where a relation of that name exists; with `skip` a NOTICE instead, and true.
    pub(super) fn refuse_existing(&mut self, name: &QualifiedName, skip: bool) -> Result<bool> {
        if self.schema().get(ObjectClass::Relation, name).is_none() {
            return Ok(false);
        }
        let error = SqlError::new(SqlState::DUPLICATE_TABLE, format!("relation \"{}\" already exists", name.name));
        if !skip {
            return Err(error);
        }
        self.notices.push(SqlError::new(SqlState::DUPLICATE_TABLE, format!("relation \"{}\" already exists, skipping", name.name)));
        Ok(true)
    }
}

/// `RESTART`: the next value is the start, or the one given. Positions are the device's own and not logged.
pub(super) fn restart(definer: &Definer<'_>, sequence: &Sequence, with: Option<i64>) -> Result<()> {
    let Some(oid) = definer.schema().oid(ObjectClass::Relation, &sequence.name) else {
        return Err(SqlError::internal("a sequence without an OID"));
    };
    let database = definer.transaction.database();
    database
        .sequences()
        .restart(oid, sequence, with)
        .map_err(|error| SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, error.to_string()))
}
