//! A column's definition: type, options, serial and identity. Enters: the syntax; leaves: a [`Column`], the sequence that it owns, and
//! the constraints that stand at it, to be read with the table's own (`transformColumnDefinition` in `parse_utilcmd.c`).

use peergres_sync::schema::{Column, IdentityKind, QualifiedName, Sequence, physical_column};
use sqlparser::ast::{
    CheckConstraint, ColumnDef, ColumnOption, DataType, Expr, ForeignKeyConstraint, GeneratedAs, GeneratedExpressionMode, Ident,
    PrimaryKeyConstraint, SequenceOptions, UniqueConstraint,
};

use super::{definer::Definer, naming::Names, sequence};
use crate::{
    bind::{self, fold},
    error::{Result, SqlError, SqlState},
    types::{Kind, TypeRef, oid},
};

/// A constraint as written at a column, with the column's name.
pub(super) enum AtColumn<'a> {
    Primary(&'a PrimaryKeyConstraint),
    Unique(&'a UniqueConstraint),
    Check(&'a CheckConstraint),
    Foreign(&'a ForeignKeyConstraint),
}

/// A column read from its definition.
pub(super) struct Read<'a> {
    pub(super) column: Column,
    pub(super) ty: TypeRef,
    /// DEFAULT, to be bound when the table's columns are known.
    pub(super) default: Option<&'a Expr>,
    /// GENERATED ALWAYS AS (…) STORED.
    pub(super) generated: Option<&'a Expr>,
    pub(super) sequence: Option<Sequence>,
    pub(super) constraints: Vec<(Option<&'a Ident>, AtColumn<'a>)>,
}

/// `serial` and its kin: the integer type behind.
fn serial(data_type: &DataType) -> Option<u32> {
    let DataType::Custom(name, modifiers) = data_type else { return None };
    if !modifiers.is_empty() {
        return None;
    }
    match name.to_string().to_ascii_lowercase().as_str() {
        "smallserial" | "serial2" => Some(oid::INT2),
        "serial" | "serial4" => Some(oid::INT4),
        "bigserial" | "serial8" => Some(oid::INT8),
        _ => None,
    }
}

/// A column of a type, with nothing else said.
pub(super) fn plain(definer: &Definer<'_>, number: i16, name: &str, ty: TypeRef) -> Result<Column> {
    let catalog = &definer.cx.catalog;
    let found = catalog.type_by_oid(ty.oid).ok_or_else(|| SqlError::internal(format!("cache lookup failed for type {}", ty.oid)))?;
    if matches!(found.kind, Kind::Pseudo) || ty.oid == oid::UNKNOWN {
        return Err(SqlError::new(
            SqlState::INVALID_TABLE_DEFINITION,
            format!("column \"{name}\" has pseudo-type {}", catalog.format_type(ty, &definer.path)),
        ));
    }
    if RESERVED.contains(&name) {
        return Err(SqlError::new(SqlState::DUPLICATE_COLUMN, format!("column name \"{name}\" conflicts with a system column name")));
    }
    Ok(Column {
        number,
        name: name.to_owned(),
        physical: physical_column(name),
        type_name: catalog.qualified_type_name(ty),
        storage: found.storage,
        collation: found.collation.clone(),
        not_null: false,
        default: None,
        identity: None,
        sequence: None,
        generated: None,
        generated_sqlite: None,
        missing: None,
        comment: None,
    })
}

/// PostgreSQL's system columns.
const RESERVED: &[&str] = &["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// Reads a column definition of table `table`.
pub(super) fn read<'a>(
    definer: &Definer<'_>,
    table: &QualifiedName,
    names: &mut Names<'_>,
    number: i16,
    definition: &'a ColumnDef,
) -> Result<Read<'a>> {
    let name = fold(&definition.name);
    let serial = serial(&definition.data_type);
    let ty = match serial {
        Some(oid) => TypeRef::new(oid),
        None => definer.cx.catalog.data_type(&definition.data_type, &definer.path)?,
    };
    let column = plain(definer, number, &name, ty)?;
    let mut read = Read { column, ty, default: None, generated: None, sequence: None, constraints: Vec::new() };
    if serial.is_some() {
        own_sequence(&mut read, table, names, &[])?;
        read.column.not_null = true;
        let sequence = read.column.sequence.as_ref().expect("it was given one just now");
        read.column.default = Some(sequence::nextval(sequence));
    }
    let mut nullable = false;
    for option in &definition.options {
        match &option.option {
            ColumnOption::Null => nullable = true,
            other => self::option(&mut read, table, names, option.name.as_ref(), other)?,
        }
    }
    if nullable && read.column.not_null {
        return Err(SqlError::new(
            SqlState::SYNTAX_ERROR,
            format!("conflicting NULL/NOT NULL declarations for column \"{name}\" of table \"{}\"", table.name),
        ));
    }
    let more_than_one = [read.default.is_some() || serial.is_some(), read.column.identity.is_some(), read.generated.is_some()];
    if more_than_one.iter().filter(|given| **given).count() > 1 {
        return Err(conflicting(&read, table, &name));
    }
    Ok(read)
}

fn conflicting(read: &Read<'_>, table: &QualifiedName, name: &str) -> SqlError {
    let (first, second) = match (read.column.identity.is_some(), read.generated.is_some()) {
        (true, true) => ("identity", "generation expression"),
        (true, false) => ("default", "identity"),
        _ => ("default", "generation expression"),
    };
    SqlError::new(SqlState::SYNTAX_ERROR, format!("both {first} and {second} specified for column \"{name}\" of table \"{}\"", table.name))
}

fn option<'a>(
    read: &mut Read<'a>,
    table: &QualifiedName,
    names: &mut Names<'_>,
    name: Option<&'a Ident>,
    option: &'a ColumnOption,
) -> Result<()> {
    match option {
        ColumnOption::NotNull => read.column.not_null = true,
        ColumnOption::Default(expr) => {
            if read.default.is_some() || read.column.default.is_some() {
                return Err(SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    format!("multiple default values specified for column \"{}\" of table \"{}\"", read.column.name, table.name),
                ));
            }
            read.default = Some(expr);
        }
        ColumnOption::PrimaryKey(key) => read.constraints.push((name.or(key.name.as_ref()), AtColumn::Primary(key))),
        ColumnOption::Unique(key) => read.constraints.push((name.or(key.name.as_ref()), AtColumn::Unique(key))),
        ColumnOption::Check(check) => read.constraints.push((name.or(check.name.as_ref()), AtColumn::Check(check))),
        ColumnOption::ForeignKey(key) => read.constraints.push((name.or(key.name.as_ref()), AtColumn::Foreign(key))),
        ColumnOption::Generated { generated_as, sequence_options, generation_expr, generation_expr_mode, .. } => {
            match (generation_expr, generated_as) {
                (Some(expr), _) => {
                    if *generation_expr_mode == Some(GeneratedExpressionMode::Virtual) {
                        return Err(SqlError::unsupported("a virtual generated column"));
                    }
                    read.generated = Some(expr);
                }
                (None, kind) => {
                    let kind = if *kind == GeneratedAs::ByDefault { IdentityKind::ByDefault } else { IdentityKind::Always };
                    identity(read, table, names, kind, sequence_options.as_deref().unwrap_or_default())?;
                }
            }
        }
        ColumnOption::Collation(collation) => {
            let name = bind::name_parts(collation)?.pop().unwrap_or_default();
            if !matches!(name.as_str(), "C" | "POSIX" | "default" | "ucs_basic") {
                return Err(SqlError::unsupported(format!("collation \"{name}\"")));
            }
        }
        other => return Err(SqlError::unsupported(format!("the column option {other}"))),
    }
    Ok(())
}

/// Makes a column an identity column with a sequence of its own.
pub(super) fn identity(
    read: &mut Read<'_>,
    table: &QualifiedName,
    names: &mut Names<'_>,
    kind: IdentityKind,
    options: &[SequenceOptions],
) -> Result<()> {
    if !matches!(read.ty.oid, oid::INT2 | oid::INT4 | oid::INT8) {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "identity column type must be smallint, integer, or bigint"));
    }
    own_sequence(read, table, names, options)?;
    read.column.identity = Some(kind);
    read.column.not_null = true;
    Ok(())
}

fn own_sequence(read: &mut Read<'_>, table: &QualifiedName, names: &mut Names<'_>, options: &[SequenceOptions]) -> Result<()> {
    let name = names.choose(&table.name, &read.column.name, "seq");
    let name = QualifiedName { schema: table.schema.clone(), name };
    let mut made = sequence::with_options(name.clone(), &read.column.type_name, options)?;
    made.owned_by = Some((table.clone(), read.column.name.clone()));
    read.column.sequence = Some(name);
    read.sequence = Some(made);
    Ok(())
}
