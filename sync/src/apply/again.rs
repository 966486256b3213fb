//! Records merged anew because some of their writes were emptied: the log was pruned as another device's is.
//!
//! Enters: records. Leaves: their rows as the writes that are left give them. A record of which only changes are left, nothing that they were
//! made upon, is inserted anew as it stands: a write of this device, which brings it back everywhere.

use std::{collections::BTreeSet, rc::Rc};

use super::{
    fault::Fault,
    place::{Loose, Placer},
    record::{settle, writes_of},
    rows::{RowTable, current_row},
};
use crate::{
    commit::{Transaction, enforce},
    conflicts::RecordKey,
    merge::Action,
    store::StoreError,
};

/// See the file's head; answers how many records were inserted anew.
pub(crate) fn settle_again(transaction: &mut Transaction, records: &BTreeSet<(String, String)>) -> Result<u64, StoreError> {
    enforce(transaction.connection(), false)?;
    let done = settle_all(transaction, records);
    enforce(transaction.connection(), true)?;
    match done {
        Ok(revived) => Ok(revived),
        Err(fault) => Err(StoreError::Corrupt(fault.reason()?)),
    }
}

fn settle_all(transaction: &mut Transaction, records: &BTreeSet<(String, String)>) -> Result<u64, Fault> {
    let (schema, layouts, me) = (transaction.schema(), transaction.layouts(), transaction.log_state().device);
    let (mut loose, mut revived) = (Loose::default(), 0);
    for (table_name, record_id) in records {
        let Some(table) = RowTable::find(&schema, &layouts, table_name).map(Rc::new) else { continue };
        let before = current_row(transaction.connection(), &table.layout, record_id)?;
        let writes = writes_of(transaction.connection(), RecordKey { table_name, record_id })?;
        let founded = writes.is_empty() || writes.iter().any(|write| write.action != Action::Update);
        if let (false, Some(row)) = (founded, &before) {
            transaction.without_capture(|inner| table.delete(inner.connection(), record_id))?;
            table.insert(transaction.connection(), record_id, row)?;
            revived += 1;
            continue;
        }
        let settled = transaction.without_capture(|inner| settle(inner.connection(), me, &table, record_id, None))?;
        if settled.homeless {
            loose.homeless.insert((table_name.clone(), record_id.clone()));
        }
        if let Some(row) = before.filter(|_| writes.is_empty()) {
            loose.went.push((table_name.clone(), record_id.clone(), row));
        }
    }
    transaction.without_capture(|inner| Placer::new(inner.connection(), me, schema, layouts).place(&mut loose, true))?;
    Ok(revived)
}
