//! A table whose key changes is written anew: the key is how rows are found, in SQLite and in the log.
//!
//! The log tells it as the rows' departure under their old ids, the definition, and their arrival under the new ones, in one transaction
//! ("a changed primary key is logged as delete and insert"): so every device, and a replay, gets the same ids without knowing this room.

use peergres_sync::schema::{ConstraintRule, Index, Object, Table};

use super::{
    create_table,
    definer::Definer,
    physical::{self, quote},
};
use crate::{error::Result, execute::failure};

/// Where rows wait while their table is made anew.
const PARKED: &str = "~parked";

/// Gives the table the form `new`, whose key is another; `served` are the indexes that come with the key.
pub(super) fn with_key(definer: &mut Definer<'_>, old: &Table, new: Table, served: Vec<Index>) -> Result<()> {
    let columns: Vec<String> =
        new.columns.iter().filter(|column| column.generated.is_none()).map(|column| quote(&column.physical)).collect();
    let list = columns.join(", ");
    let order = new.rowid_column().map(|key| format!(" ORDER BY {}", quote(&key.physical))).unwrap_or_default();
    let has_rows = definer.exists(&format!("SELECT 1 FROM {}", quote(&old.physical)))?;
    let (release, restore) = referencing(definer, old, &new)?;
    if has_rows {
        uncaptured(definer, &[format!("CREATE TABLE {} AS SELECT {list} FROM {}", quote(PARKED), quote(&old.physical))])?;
        uncaptured(definer, &release)?;
        run(definer, &format!("DELETE FROM {}", quote(&old.physical)))?;
        uncaptured(definer, &restore)?;
    }
    let extras = create_table::extras(definer, &new)?;
    let mut sqlite = release;
    sqlite.push(format!("DROP TABLE {}", quote(&old.physical)));
    sqlite.push(physical::create_table(&new, &extras));
    let kept = definer.indexes(&old.name).into_iter().filter(|index| served.iter().all(|other| other.name != index.name));
    sqlite.extend(kept.chain(served.iter().cloned()).filter_map(|index| physical::create_index(&index, &new)));
    sqlite.extend(restore);
    let physical_name = quote(&new.physical);
    let mut put = vec![Object::Table(new)];
    put.extend(served.into_iter().map(Object::Index));
    definer.apply(&sqlite, put, Vec::new())?;
    if has_rows {
        run(definer, &format!("INSERT INTO {physical_name} ({list}) SELECT {list} FROM {}{order}", quote(PARKED)))?;
        uncaptured(definer, &[format!("DROP TABLE {}", quote(PARKED))])?;
    }
    Ok(())
}

fn run(definer: &Definer<'_>, sql: &str) -> Result<()> {
    definer.transaction.connection().execute(sql, []).map(|_| ()).map_err(failure::plain)
}

fn uncaptured(definer: &mut Definer<'_>, statements: &[String]) -> Result<()> {
    definer
        .transaction
        .without_capture(|transaction| statements.iter().try_for_each(|sql| transaction.connection().execute_batch(sql)))
        .map_err(failure::plain)
}

/// What takes the foreign keys that lead to the table off other tables, and what puts them back: SQLite deletes the rows of a table that
/// it drops, and would act on what refers to them.
fn referencing(definer: &Definer<'_>, old: &Table, new: &Table) -> Result<(Vec<String>, Vec<String>)> {
    let (mut release, mut restore) = (Vec::new(), Vec::new());
    let others = definer.objects(|object| match object {
        Object::Table(table) if table.name != old.name => Some(table.clone()),
        _ => None,
    });
    for other in others {
        let mut without = other.clone();
        without
            .constraints
            .retain(|constraint| !matches!(&constraint.rule, ConstraintRule::ForeignKey { references, .. } if *references == old.name));
        if without.constraints.len() == other.constraints.len() {
            continue;
        }
        let bare = create_table::extras(definer, &without)?;
        let mut full = create_table::extras(definer, &other)?;
        release.extend(physical::edit(&other, &without, &full, &bare));
        for table in full.referenced.iter_mut().filter(|table| table.name == new.name) {
            table.clone_from(new);
        }
        restore.extend(physical::edit(&without, &other, &bare, &full));
    }
    Ok((release, restore))
}
