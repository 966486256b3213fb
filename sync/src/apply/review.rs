//! All records of which the writes of several devices are held, looked at again after schema changes met what their authors had not seen.
//!
//! Enters: the tables as the schema changes together say. Leaves: rows and conflicts that are a function of the entries held, whatever
//! the schema was when each of them came.

use std::collections::BTreeSet;

use super::{aside, definitions::Definitions, fault::Fault, lost, place::Loose, record, rows::RowTable};
use crate::{
    clock::DeviceId,
    commit::Transaction as WriteTransaction,
    conflicts::{self, RecordKey},
    log::contested_record_ids,
};

/// See the file's head; answers how many conflicts are new.
pub(super) fn review(transaction: &WriteTransaction, me: DeviceId, loose: &mut Loose) -> Result<u64, Fault> {
    let connection = transaction.connection();
    let definitions = Definitions::held(connection)?;
    let mut new = 0;
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    for held in definitions.world.objects.values().filter(|held| held.table().is_some()) {
        let name = held.object.name().to_string();
        let Some(table) = RowTable::find(&transaction.schema(), &transaction.layouts(), &name) else { continue };
        let cut = definitions.world.gone_columns.values().any(|gone| gone.last.table == held.origin);
        let mut records: BTreeSet<String> = BTreeSet::new();
        for log_name in definitions.log_names(held.origin) {
            records.extend(contested_record_ids(connection, &log_name)?);
        }
        if cut || definitions.log_names(held.origin).len() > 1 {
            records.extend(definitions.records_of(connection, held.origin)?);
        }
        let in_question = conflicts::records_in_question(connection)?;
        records.extend(in_question.into_iter().filter(|(of, _)| *of == name).map(|(_, record)| record));
        for record in records {
            let key = (name.clone(), record);
            let settled = record::settle(connection, me, &table, &key.1, None)?;
            new += settled.found;
            if settled.homeless {
                loose.homeless.insert(key.clone());
            }
            loose.came.insert(key.clone());
            seen.insert(key);
        }
    }
    for (origin, gone) in definitions.world.gone.iter().filter(|(_, gone)| gone.last.table().is_some()) {
        let name = gone.last.object.name().to_string();
        for record in definitions.records_of(connection, *origin)? {
            if seen.insert((name.clone(), record.clone())) {
                new += lost::table_row(connection, me, &definitions, *origin, &record)?;
            }
        }
    }
    for (table_name, record_id) in conflicts::records_in_question(connection)? {
        if seen.contains(&(table_name.clone(), record_id.clone())) || definitions.is_there(&table_name) {
            continue;
        }
        let key = RecordKey { table_name: &table_name, record_id: &record_id };
        conflicts::record_found(connection, me, key, &[])?;
        conflicts::close_placed(connection, key, None)?;
        aside::remove(connection, &table_name, &record_id)?;
    }
    Ok(new)
}
