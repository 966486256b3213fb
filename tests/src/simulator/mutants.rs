//! Faults to be planted in the merge, so that the judge is judged: each is one text of one file replaced by another.
//!
//! Enters: nothing. Leaves: [`MUTANTS`]. `cargo run -p peergres-tests --bin mutants` builds and plays each in a copy of the sources; the product
//! itself knows nothing of them.

/// A fault.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What is wrong, in words.
    pub name: &'static str,
    /// The file, from the workspace's root.
    pub file: &'static str,
    /// What stands there, once.
    pub original: &'static str,
    /// What is put in its place.
    pub fault: &'static str,
}

const fn mutant(name: &'static str, file: &'static str, original: &'static str, fault: &'static str) -> Mutant {
    Mutant { name, file, original, fault }
}

const HEADS: &str = "sync/src/merge/heads.rs";
const CELLS: &str = "sync/src/merge/cells.rs";
const INCARNATIONS: &str = "sync/src/merge/incarnations.rs";
const MERGE: &str = "sync/src/merge/mod.rs";
const PLACE: &str = "sync/src/apply/place.rs";
const RECORD: &str = "sync/src/apply/record.rs";
const SIGHT: &str = "sync/src/apply/sight.rs";
const APPLIER: &str = "sync/src/apply/applier.rs";
const HEAD: &str = "sync/src/identity/head.rs";
const APPEND: &str = "sync/src/log/append.rs";

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    mutant("the least head shows", HEADS, "std::cmp::Reverse(self.writes[*head].rank())", "self.writes[*head].rank()"),
    mutant("a head that was seen stays one", HEADS, "heads.retain(|head| !write.saw(&self.writes[*head]));", ""),
    mutant("all resolutions of a conflict count", HEADS, "Some(conflict) if settled.contains(&conflict) => false,", ""),
    mutant("a resolution replaces what it did not decide about", HEADS, "!equal(**other) && !is_side(**other)", "false"),
    mutant("equal values conflict", CELLS, "!same(value(**other), value(*shown))", "true"),
    mutant("conflicts over columns are forgotten", MERGE, "merged.conflicts.extend(columns.conflicts);", ""),
    mutant("conflicts over the row are forgotten", MERGE, "merged.conflicts.push(cells.whole_rows(*shown, *other));", ""),
    mutant("clocks alone say who had seen whom", MERGE, "self.saw_id(other.id)", "self.clock > other.clock"),
    mutant("ties of clocks are left to chance", MERGE, "(self.clock, self.id.device, self.id.version)", "(self.clock, DeviceId::nil(), 0)"),
    mutant(
        "rows begun apart are mixed",
        INCARNATIONS,
        "1 if all_saw_an_insert(writes) => incarnations.fill(1),",
        "1.. => incarnations.fill(1),",
    ),
    mutant(
        "the later claim keeps the key",
        PLACE,
        "        candidates.sort_by_key(|candidate| candidate.claim);\n        let mut losers",
        "        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.claim));\n        let mut losers",
    ),
    mutant(
        "who holds the key keeps it",
        PLACE,
        "candidates.push(Candidate { record, row, claim, was_in: true });",
        "candidates.push(Candidate { record, row, claim: Default::default(), was_in: true });",
    ),
    mutant("a row set aside is no conflict", PLACE, "self.record_taken(name, holder, loser, columns)?;", "let _ = (holder, columns);"),
    mutant(
        "a row set aside never comes back",
        PLACE,
        "loose.homeless.extend(set_aside.into_iter().map(|(table, record, _)| (table, record)));",
        "drop(set_aside);",
    ),
    mutant(
        "parents do not come back",
        PLACE,
        "found = found || self.revive(&reference.parent.name.to_string(), &parent, loose)?;",
        "let _ = parent;",
    ),
    mutant(
        "children of a deleted row are not looked for",
        PLACE,
        "for (name, record, row) in std::mem::take(&mut loose.went) {",
        "loose.went.clear();\n        for (name, record, row) in Vec::<(String, String, RowImage)>::new() {",
    ),
    mutant("a row that came back stays for ever", PLACE, "self.release(&table, &record)?;", "let _ = (&table, &record);"),
    mutant("a merged row is not written", RECORD, "if table.update(connection, record_id, &row)? == 0 {", "if row.is_empty() {"),
    mutant(
        "a merged deletion does not delete",
        RECORD,
        "        table.delete(connection, record_id)?;\n        return Ok(());",
        "        return Ok(());",
    ),
    mutant("nobody else ever writes", SIGHT, "if self.is_unseen(Uuid::from_bytes(row.get(0)?), row.get(1)?) {", "if false {"),
    mutant("what an author had not seen begins too late", SIGHT, "sight.from = sight.from.min(first);", "sight.from = first;"),
    mutant("half a transaction stays when the rest can't be applied", APPLIER, "        self.transaction.rewind(&mark)?;\n", ""),
    mutant(
        "conflicts of written records stay open",
        RECORD,
        "        record_found(connection, me, key, &merge(table_name, record_id, &writes))?;\n",
        "        let _ = (&writes, me, record_found);\n",
    ),
    mutant("a gap in versions goes through", HEAD, "if transaction.first_version != version + 1 {", "if false {"),
    mutant("signatures are not looked at", HEAD, "&& &h.hash == hash && h.verifies(&from.key))", "&& &h.hash == hash)"),
    mutant(
        "a device that was shut out is heard",
        HEAD,
        "from.accepted_until.filter(|until| transaction.last_version > *until)",
        "from.accepted_until.filter(|_| false)",
    ),
    mutant(
        "what an author had seen need not be held",
        APPEND,
        "        Some((of, needed)) => Err(LogError::MissingContext { device_id, first_version, of: *of, needed: *needed }),\n",
        "        Some(_) => Ok(()),\n",
    ),
];
