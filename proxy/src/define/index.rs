//! `CREATE INDEX`, `ALTER INDEX`. A btree, hash, gin, gist, brin or spgist index becomes a SQLite index over the same keys: what it is
//! declared as is kept for the catalogs (`DefineIndex` in `indexcmds.c`).

use peergres_sync::schema::{Index, IndexKey, Object, QualifiedName, Table, physical_name};
use sqlparser::ast::{CreateIndex, Expr, IndexColumn, IndexType, OrderBySort};

use super::{
    definer::{Definer, undefined_column},
    naming::{Names, columns_part},
    physical::{self, literal, quote},
};
use crate::{
    bind::{self, Clause, fold},
    error::{Result, SqlError, SqlState},
    execute::failure,
    types::{TypeRef, oid},
};

/// `CREATE INDEX`.
pub(super) fn create(definer: &mut Definer<'_>, create: &CreateIndex) -> Result<()> {
    let table = definer.table(&create.table_name)?;
    let method = match &create.using {
        None | Some(IndexType::BTree) => "btree".to_owned(),
        Some(other) => other.to_string().to_lowercase(),
    };
    if !matches!(method.as_str(), "btree" | "hash" | "gin" | "gist" | "spgist" | "brin") {
        return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, format!("access method \"{method}\" does not exist")));
    }
    if create.unique && method != "btree" {
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, format!("access method \"{method}\" does not support unique indexes")));
    }
    let mut names = Vec::with_capacity(create.columns.len());
    let keys = create.columns.iter().map(|column| key(definer, &table, column, &mut names)).collect::<Result<Vec<_>>>()?;
    for key in &keys {
        has_opclass(definer, &table, key, &method)?;
    }
    let include = create.include.iter().map(fold).collect::<Vec<_>>();
    if let Some(missing) = include.iter().find(|name| table.columns.iter().all(|column| column.name != **name)) {
        return Err(SqlError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{missing}\" does not exist")));
    }
    let name = match &create.name {
        Some(name) => QualifiedName { schema: table.name.schema.clone(), name: bind::schema_and_name(name, &definer.cx)?.1 },
        None => {
            let schema = definer.schema();
            let name = Names::new(&schema, &table.name.schema).choose(&table.name.name, &columns_part(&names), "idx");
            QualifiedName { schema: table.name.schema.clone(), name }
        }
    };
    if definer.refuse_existing(&name, create.if_not_exists)? {
        return Ok(());
    }
    let index = Index {
        physical: physical_name(&name.schema, &name.name),
        name,
        table: table.name.clone(),
        unique: create.unique,
        nulls_not_distinct: create.nulls_distinct == Some(false),
        method,
        keys,
        include,
        predicate: predicate(definer, &table, create.predicate.as_ref())?,
        constraint: None,
        comment: None,
    };
    put(definer, &table, index)
}

/// 42704 where the access method has no default operator class for a column's type, and none is named (`pg_opclass`).
fn has_opclass(definer: &Definer<'_>, table: &Table, key: &IndexKey, method: &str) -> Result<()> {
    let column = key.column.as_ref().and_then(|name| table.columns.iter().find(|c| c.name == *name));
    let (Some(column), None) = (column, &key.opclass) else { return Ok(()) };
    let ty = definer.type_named(&column.type_name)?;
    let catalog = &definer.cx.catalog;
    let found = catalog.type_by_oid(ty.oid);
    let category = found.map_or(' ', |ty| ty.category);
    let fits = match method {
        "gin" => category == 'A' || ty.oid == oid::JSONB,
        "gist" => matches!(category, 'R' | 'G'),
        _ => true,
    };
    if fits {
        return Ok(());
    }
    let shown = catalog.format_type(TypeRef::new(ty.oid), &definer.path);
    let message = format!("data type {shown} has no default operator class for access method \"{method}\"");
    Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message)
        .hint("You must specify an operator class for the index or define a default operator class for the data type."))
}

/// Puts an index, its keys being told apart first if it is unique.
pub(super) fn put(definer: &mut Definer<'_>, table: &Table, index: Index) -> Result<()> {
    refuse_duplicates(definer, table, &index)?;
    let sqlite: Vec<String> = physical::create_index(&index, table).into_iter().collect();
    definer.apply(&sqlite, vec![Object::Index(index)], Vec::new()).map(|_| ())
}

/// 23505 with the key that stands twice.
pub(super) fn refuse_duplicates(definer: &Definer<'_>, table: &Table, index: &Index) -> Result<()> {
    if !index.unique {
        return Ok(());
    }
    let (mut keys, mut shown) = (Vec::new(), Vec::new());
    for key in &index.keys {
        let column = key.column.as_ref().and_then(|name| table.columns.iter().find(|c| c.name == *name));
        match (column, &key.expression) {
            (Some(column), _) => {
                keys.push(quote(&column.physical));
                shown.push(column.name.clone());
            }
            (None, Some(expression)) => {
                keys.push(format!("({})", expression.sqlite));
                shown.push(expression.text.clone());
            }
            (None, None) => {}
        }
    }
    let mut conditions: Vec<String> = index.predicate.iter().map(|p| format!("({})", p.sqlite)).collect();
    if !index.nulls_not_distinct {
        conditions.extend(keys.iter().map(|key| format!("{key} IS NOT NULL")));
    }
    let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let list = keys.join(", ");
    let sql = format!("SELECT {list} FROM {}{filter} GROUP BY {list} HAVING count(*) > 1 LIMIT 1", quote(&table.physical));
    let connection = definer.transaction.connection();
    let mut statement = connection.prepare(&sql).map_err(failure::plain)?;
    let mut rows = statement.query([]).map_err(failure::plain)?;
    let Some(row) = rows.next().map_err(failure::plain)? else { return Ok(()) };
    let mut values = Vec::with_capacity(shown.len());
    for (at, name) in shown.iter().enumerate() {
        values.push(crate::execute::value_text(table, name, &row.get(at).map_err(failure::plain)?));
    }
    Err(SqlError::new(SqlState::UNIQUE_VIOLATION, format!("could not create unique index \"{}\"", index.name.name))
        .detail(format!("Key ({})=({}) is duplicated.", shown.join(", "), values.join(", ")))
        .table(&table.name.schema, &table.name.name)
        .constraint(&index.name.name))
}

/// One key; its contribution to an automatic name goes to `names`.
fn key(definer: &Definer<'_>, table: &Table, written: &IndexColumn, names: &mut Vec<String>) -> Result<IndexKey> {
    let options = &written.column.options;
    let descending = matches!(options.sort, Some(OrderBySort::Desc));
    let opclass = written.operator_class.as_ref().map(|name| bind::name_parts(name).map(|parts| parts.join("."))).transpose()?;
    let mut out = IndexKey { column: None, expression: None, opclass, descending, nulls_first: options.nulls_first.unwrap_or(descending) };
    let mut expr = &written.column.expr;
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    if let Expr::Identifier(ident) = expr {
        let name = fold(ident);
        if table.columns.iter().all(|column| column.name != name) {
            return Err(SqlError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist")));
        }
        names.push(name.clone());
        out.column = Some(name);
        return Ok(out);
    }
    let bound = definer.bind(expr, Some(table), Clause::IndexExpression, None)?;
    refuse_changing(&bound, "functions in index expression must be marked IMMUTABLE")?;
    names.push(match expr {
        Expr::Function(function) => bind::name_parts(&function.name)?.pop().unwrap_or_default(),
        _ => "expr".to_owned(),
    });
    let mut expression = definer.expression(&bound)?;
    if let Some(collation) = definer.cx.catalog.type_by_oid(bound.ty.oid).and_then(|ty| ty.collation.as_ref()) {
        expression.sqlite = format!("({}) COLLATE {}", expression.sqlite, quote(collation));
    }
    out.expression = Some(expression);
    Ok(out)
}

fn refuse_changing(bound: &bind::Expr, message: &str) -> Result<()> {
    let changing = bound.any(&mut |e| matches!(&e.kind, bind::tree::ExprKind::Call(call) if call.proc.volatility != 'i'));
    if changing { Err(SqlError::new(SqlState::INVALID_OBJECT_DEFINITION, message)) } else { Ok(()) }
}

fn predicate(definer: &Definer<'_>, table: &Table, written: Option<&Expr>) -> Result<Option<peergres_sync::schema::Expression>> {
    let Some(expr) = written else { return Ok(None) };
    let bound = definer.bind(expr, Some(table), Clause::IndexPredicate, Some(TypeRef::new(oid::BOOL)))?;
    refuse_changing(&bound, "functions in index predicate must be marked IMMUTABLE")?;
    definer.expression(&bound).map(Some)
}

/// Renames an index, and the constraint that it serves.
pub(super) fn rename(definer: &mut Definer<'_>, index: &Index, new_name: &str) -> Result<()> {
    relocate(definer, index, QualifiedName { schema: index.name.schema.clone(), name: new_name.to_owned() })
}

/// Gives an index another name or schema.
pub(super) fn relocate(definer: &mut Definer<'_>, index: &Index, name: QualifiedName) -> Result<()> {
    let new_name = name.name.clone();
    let mut renamed = index.clone();
    renamed.name = name;
    definer.refuse_existing(&renamed.name, false)?;
    let mut sqlite = Vec::new();
    if !index.physical.is_empty() {
        renamed.physical = physical_name(&renamed.name.schema, &new_name);
        sqlite = rename_index_text(&index.physical, &renamed.physical);
    }
    let mut put = Vec::new();
    if let Some(constraint) = &index.constraint {
        renamed.constraint = Some(new_name.clone());
        if let Some(mut table) = definer.schema().table(&index.table).cloned() {
            for one in table.constraints.iter_mut().filter(|one| one.name == *constraint) {
                one.name.clone_from(&new_name);
            }
            put.push(Object::Table(table));
        }
    }
    put.push(Object::Index(renamed));
    definer.apply(&sqlite, put, vec![(peergres_sync::commit::ObjectClass::Relation, index.name.clone())]).map(|_| ())
}

/// SQLite has no `ALTER INDEX`: the name is changed in the schema table, and in the text that stands there.
pub(super) fn rename_index_text(old: &str, new: &str) -> Vec<String> {
    vec![
        "PRAGMA writable_schema = ON".to_owned(),
        format!(
            "UPDATE sqlite_schema SET name = {new}, sql = replace(sql, {before}, {after}) WHERE type = 'index' AND name = {old}",
            new = literal(new),
            before = literal(&format!("INDEX {} ON", quote(old))),
            after = literal(&format!("INDEX {} ON", quote(new))),
            old = literal(old),
        ),
        "CREATE VIEW \"~version\" AS SELECT 1".to_owned(),
        "DROP VIEW \"~version\"".to_owned(),
        "PRAGMA writable_schema = RESET".to_owned(),
    ]
}

/// Whether the index uses the column, in keys, INCLUDE, expressions or predicate.
pub(super) fn uses_column(definer: &Definer<'_>, table: &Table, index: &Index, column: &str) -> bool {
    let plain = index.keys.iter().any(|key| key.column.as_deref() == Some(column)) || index.include.iter().any(|name| name == column);
    let expressions = index.keys.iter().filter_map(|key| key.expression.as_ref()).chain(&index.predicate);
    plain || expressions.map(|e| &e.text).any(|text| text_uses(definer, table, text, column))
}

/// Whether a stored expression over the table names the column.
pub(super) fn text_uses(definer: &Definer<'_>, table: &Table, text: &str, column: &str) -> bool {
    definer
        .bind_text(text, Some(table), Clause::IndexExpression, None)
        .is_ok_and(|bound| super::constraint::columns_of(&bound).iter().any(|name| name == column))
}

/// A column of the table; 42703 where there is none.
pub(super) fn column_position(table: &Table, name: &str) -> Result<usize> {
    table.columns.iter().position(|column| column.name == name).ok_or_else(|| undefined_column(table, name))
}
