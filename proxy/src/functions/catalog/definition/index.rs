//! `pg_get_indexdef`.

use peergres_sync::schema::{Index, IndexKey, Object};

use super::{super::super::Call, Value, expression, flag, oid, text};
use crate::{
    catalog::{Relation, type_name::quote_identifier},
    error::Result,
    session::context::Context,
    types::registered::relation::visible_name,
};

/// `pg_get_indexdef(oid [, column, pretty])`: the whole statement, or one column's text where its number is not 0.
pub(super) fn definition(call: &Call<'_>) -> Result<Value> {
    let oid = oid(call, 0)?;
    let Some(Object::Index(index)) = call.cx.catalog.schema.objects.get(&oid).map(|object| &**object) else { return text(None) };
    let table = call.cx.catalog.relation(Some(&index.table.schema), &index.table.name, &[]).map(AsRef::as_ref);
    let (column, is_pretty) = if call.args.len() > 1 { (call.int(1)?, flag(call, 2)?) } else { (0, false) };
    let shape = Shape { index, table, is_pretty, cx: call.cx };
    text(Some(match usize::try_from(column) {
        Ok(0) | Err(_) => shape.statement(),
        Ok(number) => shape.column(number - 1),
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
