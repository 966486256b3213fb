//! `TRUNCATE`: the rows are deleted one by one as far as capture is concerned, so that they stand in the log.

use std::collections::BTreeSet;

use peergres_sync::schema::{ConstraintRule, Object, QualifiedName, Table};
use sqlparser::ast::{CascadeOption, Truncate, TruncateIdentityOption};

use super::{definer::Definer, physical::quote};
use crate::{
    error::{Result, SqlError, SqlState},
    execute::failure,
};

/// `TRUNCATE`.
pub(super) fn truncate(definer: &mut Definer<'_>, truncate: &Truncate) -> Result<()> {
    let mut tables: Vec<Table> = Vec::new();
    for target in &truncate.table_names {
        let table = definer.table(&target.name)?;
        if table.materialized.is_some() {
            return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a table", table.name.name)));
        }
        if tables.iter().all(|other| other.name != table.name) {
            tables.push(table);
        }
    }
    let cascade = matches!(truncate.cascade, Some(CascadeOption::Cascade));
    let referencing = referencing(definer, &tables);
    if let (Some((table, parent)), false) = (referencing.first(), cascade) {
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, "cannot truncate a table referenced in a foreign key constraint")
            .detail(format!("Table \"{}\" references \"{}\".", table.name.name, parent.name))
            .hint(format!("Truncate table \"{}\" at the same time, or use TRUNCATE ... CASCADE.", table.name.name)));
    }
    for (table, _) in referencing {
        definer.notice(format!("truncate cascades to table \"{}\"", table.name.name));
        tables.push(table);
    }
    let connection = definer.transaction.connection();
    // Referencing rows go first, so that no action of a foreign key has anything to do.
    for table in tables.iter().rev() {
        connection.execute(&format!("DELETE FROM {}", quote(&table.physical)), []).map_err(failure::plain)?;
    }
    if matches!(truncate.identity, Some(TruncateIdentityOption::Restart)) {
        for table in &tables {
            for sequence in definer.owned_sequences(&table.name) {
                super::sequence::restart(definer, &sequence, None)?;
            }
        }
    }
    Ok(())
}

/// The tables not among `tables` that refer to them, directly or through others, each with the table that it refers to.
fn referencing(definer: &Definer<'_>, tables: &[Table]) -> Vec<(Table, QualifiedName)> {
    let mut named: BTreeSet<QualifiedName> = tables.iter().map(|table| table.name.clone()).collect();
    let all = definer.objects(|object| match object {
        Object::Table(table) => Some(table.clone()),
        _ => None,
    });
    let mut found = Vec::new();
    loop {
        let next = all.iter().filter(|table| !named.contains(&table.name)).find_map(|table| {
            table.constraints.iter().find_map(|constraint| match &constraint.rule {
                ConstraintRule::ForeignKey { references, .. } if named.contains(references) => Some((table.clone(), references.clone())),
                _ => None,
            })
        });
        let Some((table, parent)) = next else { return found };
        named.insert(table.name.clone());
        found.push((table, parent));
    }
}
