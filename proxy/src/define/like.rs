//! `CREATE TABLE … (LIKE other INCLUDING …)`: the columns of another table with their NOT NULL, and what INCLUDING says beside
//! (`transformTableLikeClause`, `expandTableLikeClause` in `parse_utilcmd.c`).

use peergres_sync::schema::{Column, ConstraintRule, Index, QualifiedName, Sequence, Table, physical_name};

use super::{
    create_table,
    definer::Definer,
    naming::{Names, columns_part},
};
use crate::{
    error::Result,
    parse::definition::{LikeClause, LikeOption},
};

/// A LIKE whose columns were copied, its constraints and indexes to follow.
pub(super) struct Copied {
    original: Table,
    constraints: bool,
    indexes: bool,
    comments: bool,
}

fn includes(clause: &LikeClause, wanted: LikeOption) -> bool {
    let said = clause.options.iter().rev().find(|(option, _)| *option == wanted || *option == LikeOption::All);
    said.is_some_and(|(_, including)| *including)
}

/// Copies the columns; sequences of identity columns are made anew.
pub(super) fn columns(
    definer: &Definer<'_>,
    table: &mut Table,
    names: &mut Names<'_>,
    sequences: &mut Vec<Sequence>,
    clause: &LikeClause,
) -> Result<Copied> {
    let original = definer.table(&clause.name)?;
    let defaults = includes(clause, LikeOption::Defaults);
    let comments = includes(clause, LikeOption::Comments);
    for column in &original.columns {
        let generated = column.generated.clone().filter(|_| includes(clause, LikeOption::Generated));
        let mut copy = Column {
            number: table.next_column_number,
            default: column.default.clone().filter(|_| defaults),
            identity: None,
            sequence: None,
            generated,
            comment: column.comment.clone().filter(|_| comments),
            ..column.clone()
        };
        if let (Some(kind), Some(sequence), true) = (column.identity, &column.sequence, includes(clause, LikeOption::Identity)) {
            copy.identity = Some(kind);
            let name = QualifiedName { schema: table.name.schema.clone(), name: names.choose(&table.name.name, &column.name, "seq") };
            let own = definer.schema().sequence(sequence).cloned();
            sequences.extend(own.map(|own| Sequence {
                name: name.clone(),
                owned_by: Some((table.name.clone(), column.name.clone())),
                natural_until: None,
                comment: None,
                ..own
            }));
            copy.sequence = Some(name);
        }
        create_table::add_column(table, copy)?;
    }
    let (constraints, indexes) = (includes(clause, LikeOption::Constraints), includes(clause, LikeOption::Indexes));
    Ok(Copied { original, constraints, indexes, comments })
}

/// Copies CHECKs, keys and indexes.
pub(super) fn constraints(definer: &Definer<'_>, table: &mut Table, names: &mut Names<'_>, like: Copied) -> Result<Vec<Index>> {
    let Copied { original, constraints, indexes, comments } = like;
    for constraint in &original.constraints {
        if constraints && matches!(constraint.rule, ConstraintRule::Check { .. }) {
            let mut copy = constraint.clone();
            copy.comment = copy.comment.filter(|_| comments);
            table.constraints.push(copy);
        }
    }
    if !indexes {
        return Ok(Vec::new());
    }
    let mut made = Vec::new();
    for index in definer.indexes(&original.name) {
        made.push(index_like(table, names, &original, &index, comments));
    }
    Ok(made)
}

fn index_like(table: &mut Table, names: &mut Names<'_>, original: &Table, index: &Index, comments: bool) -> Index {
    let key = index.constraint.as_ref().and_then(|name| original.constraints.iter().find(|c| c.name == *name));
    let parts: Vec<String> = index.keys.iter().map(|key| key.column.clone().unwrap_or_else(|| "expr".to_owned())).collect();
    let is_primary = key.is_some_and(|key| matches!(key.rule, ConstraintRule::PrimaryKey { .. }));
    let name = match (key.is_some(), is_primary) {
        (_, true) => names.choose(&table.name.name, "", "pkey"),
        (true, false) => names.choose(&table.name.name, &columns_part(&parts), "key"),
        (false, false) => names.choose(&table.name.name, &columns_part(&parts), "idx"),
    };
    if let Some(key) = key {
        let mut copy = key.clone();
        copy.name.clone_from(&name);
        copy.comment = copy.comment.filter(|_| comments);
        table.constraints.push(copy);
    }
    if is_primary {
        table.hidden_key = false;
    }
    let rowid = is_primary && table.rowid_column().is_some();
    let physical = if rowid { String::new() } else { physical_name(&table.name.schema, &name) };
    Index {
        physical,
        table: table.name.clone(),
        constraint: key.map(|_| name.clone()),
        comment: index.comment.clone().filter(|_| comments),
        name: QualifiedName { schema: table.name.schema.clone(), name },
        ..index.clone()
    }
}
