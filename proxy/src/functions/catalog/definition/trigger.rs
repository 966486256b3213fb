//! `pg_get_triggerdef`.

use peergres_sync::schema::{Object, Trigger};

use super::{super::super::Call, Value, flag, oid, text};
use crate::{catalog::type_name::quote_identifier, error::Result, types::registered::relation::visible_name};

/// `pg_get_triggerdef(oid [, pretty])`.
pub(super) fn definition(call: &Call<'_>) -> Result<Value> {
    let found = call.cx.catalog.schema.objects.get(&oid(call, 0)?).map(AsRef::as_ref);
    let Some(Object::Trigger(trigger)) = found else { return text(None) };
    let is_pretty = flag(call, 1)?;
    let qualified = format!("{}.{}", quote_identifier(&trigger.table.schema), quote_identifier(&trigger.table.name));
    let table = match call.cx.catalog.relation(Some(&trigger.table.schema), &trigger.table.name, &[]) {
        Some(relation) if is_pretty => visible_name(relation, call.cx),
        _ => qualified,
    };
    text(Some(of_trigger(trigger, &table, call.cx.search_path.contains(&trigger.function.schema))))
}

fn of_trigger(trigger: &Trigger, table: &str, is_visible: bool) -> String {
    let mut events = Vec::new();
    for (letter, word) in [('i', "INSERT"), ('d', "DELETE"), ('u', "UPDATE")] {
        if trigger.events.contains(letter) {
            let columns: Vec<String> = trigger.columns.iter().map(|column| quote_identifier(column)).collect();
            let of = if letter == 'u' && !columns.is_empty() { format!(" OF {}", columns.join(", ")) } else { String::new() };
            events.push(format!("{word}{of}"));
        }
    }
    let timing = if trigger.before { "BEFORE" } else { "AFTER" };
    let level = if trigger.row { "ROW" } else { "STATEMENT" };
    let name = quote_identifier(&trigger.name);
    let mut out = format!("CREATE TRIGGER {name} {timing} {} ON {table} FOR EACH {level}", events.join(" OR "));
    if let Some(when) = &trigger.when {
        out += &format!(" WHEN ({when})");
    }
    let function = quote_identifier(&trigger.function.name);
    let function = if is_visible { function } else { format!("{}.{function}", quote_identifier(&trigger.function.schema)) };
    let arguments: Vec<String> = trigger.arguments.iter().map(|argument| format!("'{}'", argument.replace('\'', "''"))).collect();
    format!("{out} EXECUTE FUNCTION {function}({})", arguments.join(", "))
}
