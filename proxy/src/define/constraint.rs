//! Constraints: syntax enters, [`Constraint`]s and the indexes that serve them leave (`transformTableConstraint`, `DefineIndex`,
//! `ATAddForeignKeyConstraint`).

use peergres_sync::schema::{Constraint, ConstraintRule, Index, IndexKey, Object, QualifiedName, ReferentialAction, Table, physical_name};
use sqlparser::ast::{
    CheckConstraint, ConstraintCharacteristics, ConstraintReferenceMatchKind, DeferrableInitial, Expr, ForeignKeyConstraint, Ident,
    IndexColumn, NullsDistinctOption, PrimaryKeyConstraint, TableConstraint, UniqueConstraint,
};

use super::{
    column::AtColumn,
    definer::Definer,
    naming::{Names, columns_part},
};
use crate::{
    bind::{Clause, fold},
    error::{Result, SqlError, SqlState},
    types::{TypeRef, oid},
};

/// A constraint as written, wherever it stood.
pub(super) enum Written<'a> {
    Primary(&'a PrimaryKeyConstraint),
    Unique(&'a UniqueConstraint),
    Check(&'a CheckConstraint),
    Foreign(&'a ForeignKeyConstraint),
}

/// A constraint with its name, where one was given, and the column at which it stood.
pub(super) struct Given<'a> {
    pub(super) name: Option<String>,
    pub(super) column: Option<String>,
    pub(super) written: Written<'a>,
}

/// A constraint of a table's list.
pub(super) fn of_table(constraint: &TableConstraint) -> Result<Given<'_>> {
    let (name, written) = match constraint {
        TableConstraint::PrimaryKey(key) => (&key.name, Written::Primary(key)),
        TableConstraint::Unique(key) => (&key.name, Written::Unique(key)),
        TableConstraint::Check(check) => (&check.name, Written::Check(check)),
        TableConstraint::ForeignKey(key) => (&key.name, Written::Foreign(key)),
        TableConstraint::Exclude(_) => return Err(SqlError::unsupported("an exclusion constraint")),
        other => return Err(SqlError::unsupported(format!("the constraint {other}"))),
    };
    Ok(Given { name: name.as_ref().map(fold), column: None, written })
}

/// A constraint at a column.
pub(super) fn of_column<'a>(column: &str, name: Option<&Ident>, at: AtColumn<'a>) -> Given<'a> {
    let written = match at {
        AtColumn::Primary(key) => Written::Primary(key),
        AtColumn::Unique(key) => Written::Unique(key),
        AtColumn::Check(check) => Written::Check(check),
        AtColumn::Foreign(key) => Written::Foreign(key),
    };
    Given { name: name.map(fold), column: Some(column.to_owned()), written }
}

/// Adds a constraint to `table` (an object not yet put); answers it with the index that serves it.
pub(super) fn add(
    definer: &Definer<'_>,
    table: &mut Table,
    names: &mut Names<'_>,
    given: &Given<'_>,
) -> Result<(Constraint, Option<Index>)> {
    if let Some(name) = &given.name {
        if table.constraints.iter().any(|constraint| constraint.name == *name) {
            return Err(SqlError::new(
                SqlState::DUPLICATE_OBJECT,
                format!("constraint \"{name}\" for relation \"{}\" already exists", table.name.name),
            ));
        }
        names.take(name);
    }
    let (constraint, index) = match &given.written {
        Written::Primary(key) => primary(table, names, given, key)?,
        Written::Unique(key) => unique(table, names, given, key)?,
        Written::Check(key) => (check(definer, table, names, given, key)?, None),
        Written::Foreign(key) => (foreign(definer, table, names, given, key)?, None),
    };
    table.constraints.push(constraint.clone());
    Ok((constraint, index))
}

/// Columns of a key; 42703 where one does not exist, 42701 where one stands twice.
fn key_columns(table: &Table, given: &Given<'_>, columns: &[IndexColumn], what: &str) -> Result<Vec<String>> {
    if let (Some(column), true) = (&given.column, columns.is_empty()) {
        return Ok(vec![column.clone()]);
    }
    let mut out: Vec<String> = Vec::with_capacity(columns.len());
    for column in columns {
        let Expr::Identifier(ident) = &column.column.expr else {
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("a column name was expected, not {}", column.column.expr)));
        };
        let name = fold(ident);
        if table.columns.iter().all(|column| column.name != name) {
            return Err(SqlError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" named in key does not exist")));
        }
        if out.contains(&name) {
            return Err(SqlError::new(SqlState::DUPLICATE_COLUMN, format!("column \"{name}\" appears twice in {what} constraint")));
        }
        out.push(name);
    }
    Ok(out)
}

fn include_columns(table: &Table, columns: &[Ident]) -> Result<Vec<String>> {
    columns
        .iter()
        .map(|ident| {
            let name = fold(ident);
            match table.columns.iter().any(|column| column.name == name) {
                true => Ok(name),
                false => Err(SqlError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" named in key does not exist"))),
            }
        })
        .collect()
}

fn primary(table: &mut Table, names: &mut Names<'_>, given: &Given<'_>, key: &PrimaryKeyConstraint) -> Result<(Constraint, Option<Index>)> {
    if table.primary_key().is_some() {
        return Err(SqlError::new(
            SqlState::INVALID_TABLE_DEFINITION,
            format!("multiple primary keys for table \"{}\" are not allowed", table.name.name),
        ));
    }
    refuse_deferrable(key.characteristics.as_ref())?;
    let columns = key_columns(table, given, &key.columns, "primary key")?;
    let include = include_columns(table, &key.include)?;
    for column in &mut table.columns {
        column.not_null |= columns.contains(&column.name);
    }
    let name = given.name.clone().unwrap_or_else(|| names.choose(&table.name.name, "", "pkey"));
    table.hidden_key = false;
    let rule = ConstraintRule::PrimaryKey { columns: columns.clone() };
    let constraint = plain(name.clone(), rule);
    let mut with_key = table.clone();
    with_key.constraints.push(constraint.clone());
    let physical = with_key.rowid_column().is_none().then(|| physical_name(&table.name.schema, &name));
    let mut index = key_index(table, &name, &columns, include, false);
    index.physical = physical.unwrap_or_default();
    Ok((constraint, Some(index)))
}

fn unique(table: &Table, names: &mut Names<'_>, given: &Given<'_>, key: &UniqueConstraint) -> Result<(Constraint, Option<Index>)> {
    refuse_deferrable(key.characteristics.as_ref())?;
    let columns = key_columns(table, given, &key.columns, "unique")?;
    let include = include_columns(table, &key.include)?;
    let nulls_not_distinct = matches!(key.nulls_distinct, NullsDistinctOption::NotDistinct);
    let name = given.name.clone().unwrap_or_else(|| names.choose(&table.name.name, &columns_part(&columns), "key"));
    let index = key_index(table, &name, &columns, include, nulls_not_distinct);
    Ok((plain(name, ConstraintRule::Unique { columns, nulls_not_distinct }), Some(index)))
}

/// A unique index cannot wait for COMMIT in SQLite.
fn refuse_deferrable(characteristics: Option<&ConstraintCharacteristics>) -> Result<()> {
    match characteristics {
        Some(c) if c.deferrable == Some(true) || c.initially == Some(DeferrableInitial::Deferred) => {
            Err(SqlError::unsupported("a deferrable unique constraint"))
        }
        _ => Ok(()),
    }
}

fn plain(name: String, rule: ConstraintRule) -> Constraint {
    Constraint { name, rule, deferrable: false, initially_deferred: false, validated: true, comment: None }
}

/// The index that serves a key; it bears the constraint's name.
fn key_index(table: &Table, name: &str, columns: &[String], include: Vec<String>, nulls_not_distinct: bool) -> Index {
    Index {
        name: QualifiedName { schema: table.name.schema.clone(), name: name.to_owned() },
        physical: physical_name(&table.name.schema, name),
        table: table.name.clone(),
        unique: true,
        nulls_not_distinct,
        method: "btree".to_owned(),
        keys: columns
            .iter()
            .map(|column| IndexKey { column: Some(column.clone()), expression: None, opclass: None, descending: false, nulls_first: false })
            .collect(),
        include,
        predicate: None,
        constraint: Some(name.to_owned()),
        comment: None,
    }
}

fn check(definer: &Definer<'_>, table: &Table, names: &mut Names<'_>, given: &Given<'_>, check: &CheckConstraint) -> Result<Constraint> {
    let bound = definer.bind(&check.expr, Some(table), Clause::Check, None)?;
    if bound.ty.oid != oid::BOOL && !bound.is_unknown() {
        return Err(SqlError::new(
            SqlState::DATATYPE_MISMATCH,
            format!("argument of CHECK must be type boolean, not type {}", definer.cx.catalog.format_type(bound.ty, &definer.path)),
        )
        .at(bound.position));
    }
    let bound = crate::bind::coerce(bound, TypeRef::new(oid::BOOL), crate::bind::CoercionContext::Assignment, &definer.cx)?;
    let expression = definer.expression(&bound)?;
    let name = given.name.clone().unwrap_or_else(|| {
        let columns = columns_of(&bound);
        // Wherever it stands, a check of one column is named after that column, and any other after the table (`AddRelationNewConstraints`).
        let second = if let [only] = columns.as_slice() { only.clone() } else { String::new() };
        names.choose(&table.name.name, &second, "check")
    });
    Ok(plain(name, ConstraintRule::Check { expression: expression.text, sqlite: expression.sqlite }))
}

/// The columns that an expression names, each once.
pub(super) fn columns_of(expr: &crate::bind::Expr) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    expr.any(&mut |e| {
        if let crate::bind::tree::ExprKind::Column(column) = &e.kind
            && !out.iter().any(|name| **name == *column.name)
        {
            out.push(column.name.to_string());
        }
        false
    });
    out
}

fn foreign(
    definer: &Definer<'_>,
    table: &Table,
    names: &mut Names<'_>,
    given: &Given<'_>,
    key: &ForeignKeyConstraint,
) -> Result<Constraint> {
    let columns: Vec<String> = match &given.column {
        Some(column) if key.columns.is_empty() => vec![column.clone()],
        _ => key.columns.iter().map(fold).collect(),
    };
    let types = columns
        .iter()
        .map(|name| {
            let column = table.columns.iter().find(|column| column.name == *name);
            let column = column.ok_or_else(|| {
                let message = format!("column \"{name}\" referenced in foreign key constraint does not exist");
                SqlError::new(SqlState::UNDEFINED_COLUMN, message)
            })?;
            definer.type_named(&column.type_name)
        })
        .collect::<Result<Vec<_>>>()?;
    let own = definer.creation_name(&key.foreign_table).is_ok_and(|name| name == table.name);
    let parent = if own { table.clone() } else { definer.table(&key.foreign_table)? };
    let referenced_columns = referenced_columns(&parent, key)?;
    if referenced_columns.len() != columns.len() {
        return Err(SqlError::new(SqlState::INVALID_FOREIGN_KEY, "number of referencing and referenced columns for foreign key disagree"));
    }
    require_unique(definer, &parent, &referenced_columns)?;
    let name = given.name.clone().unwrap_or_else(|| names.choose(&table.name.name, &columns_part(&columns), "fkey"));
    for ((column, referenced), ty) in columns.iter().zip(&referenced_columns).zip(&types) {
        comparable(definer, &name, column, *ty, &parent, referenced)?;
    }
    if key.on_delete == Some(sqlparser::ast::ReferentialAction::SetDefault)
        || key.on_update == Some(sqlparser::ast::ReferentialAction::SetDefault)
    {
        return Err(SqlError::unsupported("the referential action SET DEFAULT"));
    }
    let match_full = match key.match_kind {
        Some(ConstraintReferenceMatchKind::Full) => true,
        Some(ConstraintReferenceMatchKind::Partial) => return Err(SqlError::unsupported("MATCH PARTIAL")),
        _ => false,
    };
    let rule = ConstraintRule::ForeignKey {
        columns,
        references: parent.name,
        referenced_columns,
        on_update: action(key.on_update.as_ref()),
        on_delete: action(key.on_delete.as_ref()),
        match_full,
    };
    let initially_deferred = key.characteristics.as_ref().is_some_and(|c| c.initially == Some(DeferrableInitial::Deferred));
    let deferrable = initially_deferred || key.characteristics.as_ref().is_some_and(|c| c.deferrable == Some(true));
    Ok(Constraint { deferrable, initially_deferred, ..plain(name, rule) })
}

fn referenced_columns(parent: &Table, key: &ForeignKeyConstraint) -> Result<Vec<String>> {
    if !key.referred_columns.is_empty() {
        let names: Vec<String> = key.referred_columns.iter().map(fold).collect();
        return match names.iter().find(|name| parent.columns.iter().all(|column| column.name != **name)) {
            Some(name) => Err(SqlError::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{name}\" referenced in foreign key constraint does not exist"),
            )),
            None => Ok(names),
        };
    }
    match parent.primary_key().map(|constraint| &constraint.rule) {
        Some(ConstraintRule::PrimaryKey { columns }) => Ok(columns.clone()),
        _ => {
            Err(SqlError::new(SqlState::UNDEFINED_OBJECT, format!("there is no primary key for referenced table \"{}\"", parent.name.name)))
        }
    }
}

/// 42830 unless a key or a plain unique index covers exactly the referenced columns.
fn require_unique(definer: &Definer<'_>, parent: &Table, columns: &[String]) -> Result<()> {
    let same = |key: &[String]| key.len() == columns.len() && key.iter().all(|column| columns.contains(column));
    let by_constraint = parent.constraints.iter().any(|constraint| match &constraint.rule {
        ConstraintRule::PrimaryKey { columns } | ConstraintRule::Unique { columns, nulls_not_distinct: false } => same(columns),
        _ => false,
    });
    let by_index = || {
        definer.indexes(&parent.name).iter().any(|index| {
            let keys: Option<Vec<String>> = index.keys.iter().map(|key| key.column.clone()).collect();
            index.unique && index.predicate.is_none() && keys.is_some_and(|keys| same(&keys))
        })
    };
    if by_constraint || by_index() {
        return Ok(());
    }
    Err(SqlError::new(
        SqlState::INVALID_FOREIGN_KEY,
        format!("there is no unique constraint matching given keys for referenced table \"{}\"", parent.name.name),
    ))
}

/// 42804 where the two ends can't be compared for equality. Lying differently in SQLite they would never be equal.
fn comparable(definer: &Definer<'_>, name: &str, column: &str, ty: TypeRef, parent: &Table, referenced: &str) -> Result<()> {
    let other = parent.columns.iter().find(|c| c.name == referenced).expect("the referenced columns were looked up");
    let other_type = definer.type_named(&other.type_name)?;
    let catalog = &definer.cx.catalog;
    let (own, theirs) = (catalog.type_by_oid(ty.oid), catalog.type_by_oid(other_type.oid));
    let alike = match (own, theirs) {
        (Some(own), Some(theirs)) => own.oid == theirs.oid || own.storage == theirs.storage && own.collation == theirs.collation,
        _ => false,
    };
    if alike {
        return Ok(());
    }
    Err(SqlError::new(SqlState::DATATYPE_MISMATCH, format!("foreign key constraint \"{name}\" cannot be implemented")).detail(format!(
        "Key columns \"{column}\" and \"{referenced}\" are of incompatible types: {} and {}.",
        catalog.format_type(ty, &definer.path),
        catalog.format_type(other_type, &definer.path)
    )))
}

fn action(action: Option<&sqlparser::ast::ReferentialAction>) -> ReferentialAction {
    use sqlparser::ast::ReferentialAction as Written;
    match action {
        None | Some(Written::NoAction) => ReferentialAction::NoAction,
        Some(Written::Restrict) => ReferentialAction::Restrict,
        Some(Written::Cascade) => ReferentialAction::Cascade,
        Some(Written::SetNull) => ReferentialAction::SetNull,
        Some(Written::SetDefault) => ReferentialAction::SetDefault,
    }
}

/// The tables that a table's foreign keys lead to, for [`physical::Extras`].
pub(super) fn referenced_tables(definer: &Definer<'_>, table: &Table) -> Vec<Table> {
    let wanted: Vec<&QualifiedName> = table
        .constraints
        .iter()
        .filter_map(|constraint| match &constraint.rule {
            ConstraintRule::ForeignKey { references, .. } => Some(references),
            _ => None,
        })
        .collect();
    definer.objects(|object| match object {
        Object::Table(other) if wanted.contains(&&other.name) => Some(other.clone()),
        _ => None,
    })
}
