//! ON CONFLICT in two stages: which new rows meet a key that is taken is found before anything is changed (`ExecCheckIndexConstraints`).

use super::{
    Binder,
    change::Changed,
    conflict::Arbiter,
    staged::{Program, temp},
    tree::Expr,
    update::Assigned,
};
use crate::{
    error::Result,
    rewrite::{self, quote_identifier},
};

impl Binder<'_> {
    /// The rows that are there already, as DO UPDATE will leave them.
    pub(super) fn stage_conflict_update(
        &mut self,
        program: &mut Program,
        changed: &Changed,
        all: &str,
        key: &Arbiter,
        assigned: &Assigned,
        filter: Option<&Expr>,
    ) -> Result<String> {
        let mut list = vec![format!("{}.{} AS \"~key\"", changed.alias(), quote_identifier(changed.table.row_key()))];
        for (at, column) in changed.table.columns.iter().enumerate() {
            let name = quote_identifier(&column.physical);
            list.push(match self.assigned_expr(assigned, at) {
                Some(value) => format!("{} AS {name}", rewrite::expression(&value, self.cx)?),
                None => format!("{}.{name} AS {name}", changed.alias()),
            });
        }
        let mut beside = vec!["\"~key\"".to_owned(), "\"~row\"".to_owned()];
        for (at, column) in changed.table.columns.iter().enumerate().filter(|_| changed.fires('u')) {
            let old = quote_identifier(&super::trigger::old_column(at));
            list.push(format!("{}.{} AS {old}", changed.alias(), quote_identifier(&column.physical)));
            beside.push(old);
        }
        list.push("excluded.rowid AS \"~row\"".to_owned());
        let mut sql =
            format!("SELECT {} FROM {} AS excluded JOIN {} ON {}", list.join(", "), temp(all), changed.sqlite(), meets(changed, key, 0));
        if let Some(filter) = filter {
            sql += &format!(" WHERE {}", rewrite::condition(filter, self.cx)?);
        }
        let sql = self.with_generated(changed, &sql, &beside)?;
        let found = program.table("met", &sql);
        self.update_found(program, changed, assigned, &found)?;
        Ok(found)
    }
}

/// Adds to the new rows the values of each key, `~k1_1`, …, and whether the key's predicate holds, `~p1`.
pub(super) fn keys_beside(program: &mut Program, all: &str, keys: &[Arbiter]) {
    for (n, key) in keys.iter().enumerate() {
        let mut values: Vec<(String, String)> =
            key.parts.iter().enumerate().map(|(m, part)| (format!("\"~k{n}_{m}\""), part.clone())).collect();
        values.push((format!("\"~p{n}\""), key.predicate.clone().unwrap_or_else(|| "1".to_owned())));
        for (name, _) in &values {
            program.find(format!("ALTER TABLE {} ADD COLUMN {name}", temp(all)));
        }
        let set: Vec<String> = values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        program.find(format!("UPDATE {} SET {}", temp(all), set.join(", ")));
    }
}

/// The condition that a row of the table has the key of a new one, which stands as `excluded`.
fn meets(changed: &Changed, key: &Arbiter, n: usize) -> String {
    // The key's text names bare columns: inside this subquery they are the table's.
    let row = quote_identifier(changed.table.row_key());
    let equal: Vec<String> = key.parts.iter().enumerate().map(|(m, part)| format!("{part} = excluded.\"~k{n}_{m}\"")).collect();
    let predicate = key.predicate.as_ref().map(|p| format!(" AND ({p})")).unwrap_or_default();
    format!(
        "excluded.\"~p{n}\" AND {}.{row} IN (SELECT {row} FROM {} WHERE {}{predicate})",
        changed.alias(),
        quote_identifier(&changed.table.physical),
        equal.join(" AND ")
    )
}

/// 21000 where two new rows have one key.
pub(super) fn refuse_twice(program: &mut Program, all: &str, keys: &[Arbiter]) {
    for (n, key) in keys.iter().enumerate() {
        let parts: Vec<String> = (0..key.parts.len()).map(|m| format!("\"~k{n}_{m}\"")).collect();
        let filled: Vec<String> = parts.iter().map(|part| format!("{part} IS NOT NULL")).collect();
        program.find(format!(
            "SELECT {}(0) FROM {} WHERE \"~p{n}\" AND {} GROUP BY {} HAVING count(*) > 1",
            crate::execute::twice::FUNCTION,
            temp(all),
            filled.join(" AND "),
            parts.join(", ")
        ));
    }
}

/// The new rows whose keys nothing has, the first of each key.
pub(super) fn insertable(program: &mut Program, changed: &Changed, all: &str, keys: &[Arbiter]) -> String {
    let table = quote_identifier(&changed.table.physical);
    let free = keys.iter().enumerate().map(|(n, key)| {
        let equal: Vec<String> = key.parts.iter().enumerate().map(|(m, part)| format!("{part} = excluded.\"~k{n}_{m}\"")).collect();
        let predicate = key.predicate.as_ref().map(|p| format!(" AND ({p})")).unwrap_or_default();
        format!("NOT (excluded.\"~p{n}\" AND EXISTS (SELECT 1 FROM {table} WHERE {}{predicate}))", equal.join(" AND "))
    });
    let free: Vec<String> = free.collect();
    let filter = if free.is_empty() { "1".to_owned() } else { free.join(" AND ") };
    let new = program.table("free", &format!("SELECT *, rowid AS \"~row\" FROM {} AS excluded WHERE 0", temp(all)));
    for (n, key) in keys.iter().enumerate() {
        let parts: Vec<String> = (0..key.parts.len()).map(|m| format!("\"~k{n}_{m}\"")).collect();
        let index = quote_identifier(&format!("{new}_{n}"));
        program.find(format!("CREATE UNIQUE INDEX temp.{index} ON {} ({}) WHERE \"~p{n}\"", quote_identifier(&new), parts.join(", ")));
    }
    program.find(format!(
        "INSERT OR IGNORE INTO {} SELECT *, rowid FROM {} AS excluded WHERE {filter} ORDER BY rowid",
        temp(&new),
        temp(all)
    ));
    new
}
