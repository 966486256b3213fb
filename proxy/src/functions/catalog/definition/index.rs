//! `pg_get_indexdef`.

use peergres_sync::schema::{Index, IndexKey, Object, QualifiedName};

use super::{super::super::Call, Value, expression, flag, oid, text};
use crate::{
    catalog::{Relation, lookup, type_name::quote_identifier},
    error::Result,
    session::context::Context,
    types::registered::relation::visible_name,
};

/// `pg_get_indexdef(oid [, column, pretty])`: the whole statement, or one column's text where its number is not 0.
pub(super) fn definition(call: &Call<'_>) -> Result<Value> {
    let oid = oid(call, 0)?;
    let built_in;
    let index = match call.cx.catalog.schema.objects.get(&oid).map(|object| &**object) {
        Some(Object::Index(index)) => index,
        _ => match of_catalog(oid, call.cx)? {
            Some(found) => {
                built_in = found;
                &built_in
            }
            None => return text(None),
        },
    };
    let table = call.cx.catalog.relation(Some(&index.table.schema), &index.table.name, &[]).map(AsRef::as_ref);
    let (column, is_pretty) = if call.args.len() > 1 { (call.int(1)?, flag(call, 2)?) } else { (0, false) };
    let shape = Shape { index, table, is_pretty, cx: call.cx };
    text(Some(match usize::try_from(column) {
        Ok(0) | Err(_) => shape.statement(),
        Ok(number) => shape.column(number - 1),
    }))
}

/// An index of a catalog relation, from the rows of `pg_index` and `pg_class`: plain columns in a B-tree.
fn of_catalog(oid: u32, cx: &Context) -> Result<Option<Index>> {
    let (Some(row), Some(class)) = (lookup::row("pg_index", "indexrelid", oid, cx)?, lookup::row("pg_class", "oid", oid, cx)?) else {
        return Ok(None);
    };
    let Some(table) = cx.catalog.relation_by_oid(row.integer("indrelid") as u32) else { return Ok(None) };
    let key = |number: &str| {
        let number: i16 = number.parse().ok()?;
        let column = table.columns.iter().find(|column| column.number == number)?;
        Some(IndexKey { column: Some(column.name.clone()), expression: None, opclass: None, descending: false, nulls_first: false })
    };
    Ok(Some(Index {
        name: QualifiedName { schema: table.name.schema.clone(), name: class.text("relname").unwrap_or_default().to_owned() },
        physical: String::new(),
        table: table.name.clone(),
        unique: row.is("indisunique"),
        nulls_not_distinct: false,
        method: "btree".to_owned(),
        keys: row.text("indkey").unwrap_or_default().split(' ').filter_map(key).collect(),
        include: Vec::new(),
        predicate: None,
        constraint: None,
        comment: None,
    }))
}

struct Shape<'a> {
    index: &'a Index,
    table: Option<&'a Relation>,
    is_pretty: bool,
    cx: &'a Context,
}

impl Shape<'_> {
    fn statement(&self) -> String {
        let index = self.index;
        let unique = if index.unique { "UNIQUE " } else { "" };
        let qualified = || format!("{}.{}", quote_identifier(&index.table.schema), quote_identifier(&index.table.name));
        let table = match self.table {
            Some(table) if self.is_pretty => visible_name(table, self.cx),
            _ => qualified(),
        };
        let keys: Vec<String> = index.keys.iter().map(|key| self.key(key)).collect();
        let name = quote_identifier(&index.name.name);
        let mut out = format!("CREATE {unique}INDEX {name} ON {table} USING {} ({})", index.method, keys.join(", "));
        if !index.include.is_empty() {
            let columns: Vec<String> = index.include.iter().map(|column| quote_identifier(column)).collect();
            out += &format!(" INCLUDE ({})", columns.join(", "));
        }
        if index.nulls_not_distinct {
            out += " NULLS NOT DISTINCT";
        }
        if let Some(predicate) = &index.predicate {
            out += &format!(" WHERE {}", self.expression(&predicate.text));
        }
        out
    }

    fn expression(&self, stored: &str) -> String {
        expression::shown(stored, self.table, self.is_pretty, self.cx)
    }

    /// A key's column or expression alone.
    fn subject(&self, key: &IndexKey) -> String {
        match (&key.column, &key.expression) {
            (Some(column), _) => quote_identifier(column),
            (None, Some(stored)) => {
                let shown = self.expression(&stored.text);
                if expression::is_call(&shown) { shown } else { format!("({shown})") }
            }
            (None, None) => String::new(),
        }
    }

    fn key(&self, key: &IndexKey) -> String {
        let mut out = self.subject(key);
        if let Some(class) = &key.opclass {
            out += &format!(" {class}");
        }
        match (key.descending, key.nulls_first) {
            (true, true) => out += " DESC",
            (true, false) => out += " DESC NULLS LAST",
            (false, true) => out += " NULLS FIRST",
            (false, false) => {}
        }
        out
    }

    /// The text of one column, included ones after the keys; empty beyond the last.
    fn column(&self, at: usize) -> String {
        match self.index.keys.get(at) {
            Some(key) => self.subject(key),
            None => self.index.include.get(at - self.index.keys.len()).map(|column| quote_identifier(column)).unwrap_or_default(),
        }
    }
}
