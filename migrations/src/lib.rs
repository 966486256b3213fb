//! The tables that Peergres itself needs, as numbered SQL, and how they come into a database.
//!
//! Enters: a connection to one database file. Leaves: the same file at the newest format, all steps in one transaction, or an error and
//! nothing changed. The format's number stands in SQLite's `user_version`; `application_id` marks the file as ours.

use rusqlite::{Connection, TransactionBehavior};

/// SQLite's `application_id` of our files: `PGRS`.
pub const APPLICATION_ID: i32 = 0x5047_5253;

/// Which databases a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every database.
    Every,
    /// The replicated one.
    Replicated,
}

/// One step.
#[derive(Debug)]
pub struct Migration {
    /// Its number, from 1; the format that a database has after it.
    pub number: i32,
    /// What it is about.
    pub name: &'static str,
    /// The databases that it changes; the others only take its number.
    pub scope: Scope,
    /// The statements.
    pub sql: &'static str,
}

/// All steps, in order. A released step never changes; growth is a new one.
pub const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "objects", scope: Scope::Every, sql: include_str!("../sql/0001_objects.sql") },
    Migration { number: 2, name: "sync", scope: Scope::Replicated, sql: include_str!("../sql/0002_sync.sql") },
    Migration { number: 3, name: "journal", scope: Scope::Replicated, sql: include_str!("../sql/0003_journal.sql") },
];

/// Why a database was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// SQLite said no.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A newer program made the file.
    #[error(
        "the data format of this database is version {found}, made by a newer peergres; this one knows versions up to {known}: use the newer program"
    )]
    Newer {
        /// The file's format.
        found: i32,
        /// The newest format that this program knows.
        known: i32,
    },
    /// Another program's SQLite file.
    #[error("this SQLite file was not made by peergres")]
    Foreign,
    /// The database was made for the other scope.
    #[error("this database is not the replicated one")]
    NotReplicated,
}

/// The newest format.
pub fn newest() -> i32 {
    MIGRATIONS.last().map_or(0, |m| m.number)
}

/// Brings a database to the newest format and answers the numbers of the steps that were taken.
pub fn migrate(connection: &mut Connection, scope: Scope) -> Result<Vec<i32>, MigrationError> {
    let found = format_of(connection)?;
    if found >= newest() {
        return is_replicated(connection)
            .map_err(MigrationError::from)
            .and_then(|r| if r || scope == Scope::Every { Ok(Vec::new()) } else { Err(MigrationError::NotReplicated) });
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut taken = Vec::new();
    let found = format_of(&transaction)?;
    for step in MIGRATIONS.iter().filter(|m| m.number > found) {
        if step.scope == Scope::Every || scope == Scope::Replicated {
            transaction.execute_batch(step.sql)?;
        }
        taken.push(step.number);
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", newest())?;
    transaction.commit()?;
    Ok(taken)
}

/// Whether the database has the tables of the replicated one.
pub fn is_replicated(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sync_log')", [], |row| row.get(0))
}

fn format_of(connection: &Connection) -> Result<i32, MigrationError> {
    let application: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let found: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if application != APPLICATION_ID {
        let empty: bool = connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?;
        return if empty && found == 0 { Ok(0) } else { Err(MigrationError::Foreign) };
    }
    if found > newest() {
        return Err(MigrationError::Newer { found, known: newest() });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_by_one() {
        assert!(MIGRATIONS.iter().enumerate().all(|(i, m)| m.number as usize == i + 1));
    }

    #[test]
    fn a_database_is_migrated_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert_eq!(migrate(&mut connection, Scope::Replicated).unwrap(), [1, 2, 3]);
        assert_eq!(migrate(&mut connection, Scope::Replicated).unwrap(), [0; 0]);
        assert!(is_replicated(&connection).unwrap());
    }

    #[test]
    fn a_log_of_the_second_format_is_kept() {
        let mut connection = Connection::open_in_memory().unwrap();
        for step in &MIGRATIONS[..2] {
            connection.execute_batch(step.sql).unwrap();
        }
        connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        connection.pragma_update(None, "user_version", 2).unwrap();
        // What a table of the application may hold must not be in the way: functions and collations that this connection does not know.
        connection
            .execute_batch(
                "CREATE TABLE t (a INTEGER CHECK (abs(a) > 0)); PRAGMA writable_schema = ON;
            UPDATE sqlite_schema SET sql = replace(sql, 'abs', '\"of the pipeline\"') WHERE name = 't'; PRAGMA writable_schema = RESET",
            )
            .unwrap();
        connection
            .execute_batch(
                "INSERT INTO sync_log (position, device_id, version, table_name, record_id, operation, timestamp, hash, transaction_first, clock)
                 VALUES (1, x'01', 1, 't', '1', 'DELETE', 2, x'03', 1, 4);
                 INSERT INTO sync_transactions VALUES (1, x'01', 1, 1, 4, NULL, x'05')",
            )
            .unwrap();
        assert_eq!(migrate(&mut connection, Scope::Replicated).unwrap(), [3]);
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM sync_log JOIN sync_transactions USING (position, device_id, clock)"), 1);
        assert_eq!(count("SELECT count(*) FROM peergres_log WHERE record_id = '1' AND is_synced = 0"), 1);
        assert_eq!(count("SELECT count(*) FROM sync_log_filed INDEXED BY sync_log_record WHERE table_name = 't'"), 1);
    }

    #[test]
    fn a_local_database_has_no_log() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Scope::Every).unwrap();
        assert!(!is_replicated(&connection).unwrap());
        assert!(matches!(migrate(&mut connection, Scope::Replicated), Err(MigrationError::NotReplicated)));
    }

    #[test]
    fn newer_and_foreign_files_are_refused_untouched() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Scope::Every).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(migrate(&mut connection, Scope::Every), Err(MigrationError::Newer { found: 99, .. })));
        let mut foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(matches!(migrate(&mut foreign, Scope::Every), Err(MigrationError::Foreign)));
    }
}
