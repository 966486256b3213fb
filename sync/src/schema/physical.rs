//! How a table and its indexes lie in SQLite: objects enter, ready SQLite text leaves (ARCHITECTURE.md, "Schema").
//!
//! The text of a table is one piece a line, columns first; [`edit`] turns one form of a table into another by replacing pieces, in place,
//! and fails where a piece is not found: then another device's definition contradicts this one.

use super::{Column, Constraint, ConstraintRule, HIDDEN_KEY, Index, IndexKey, ReferentialAction, Table};
use crate::value::Storage;

/// What the name of the CHECK begins with that stands for MATCH FULL.
pub const MATCH_FULL: &str = "~full ";

/// A name in SQL.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in SQL quotes.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What the text of a table needs beside its object.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Per generated column (by name), its expression ready for SQLite.
    pub generated: Vec<(String, String)>,
    /// Per referenced table: its columns' SQLite names are the physical ones of that table.
    pub referenced: Vec<Table>,
}

fn column_piece(table: &Table, column: &Column, extras: &Extras) -> String {
    let declared = match column.storage {
        Storage::Real => "ANY",
        Storage::Text => "TEXT",
        Storage::Bytes | Storage::Uuid => "BLOB",
        _ => "INTEGER",
    };
    let mut out = format!("{} {declared}", quote(&column.physical));
    if table.rowid_column().is_some_and(|key| key.name == column.name) {
        out.push_str(" PRIMARY KEY");
    }
    if column.not_null {
        out.push_str(" NOT NULL");
    }
    if let Some(collation) = &column.collation {
        out.push_str(&format!(" COLLATE {}", quote(collation)));
    }
    if let Some((_, expression)) = extras.generated.iter().find(|(name, _)| *name == column.name) {
        out.push_str(&format!(" GENERATED ALWAYS AS ({expression}) STORED"));
    }
    out
}

fn hidden_key_piece() -> String {
    format!("{} BLOB NOT NULL PRIMARY KEY DEFAULT (peergres_row_id())", quote(HIDDEN_KEY))
}

fn physical_columns(table: &Table, names: &[String]) -> String {
    let one = |name: &String| quote(table.columns.iter().find(|c| c.name == *name).map_or(name.as_str(), |c| &c.physical));
    names.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn constraint_pieces(table: &Table, constraint: &Constraint, extras: &Extras) -> Vec<String> {
    match &constraint.rule {
        ConstraintRule::PrimaryKey { .. } | ConstraintRule::Unique { .. } => Vec::new(),
        ConstraintRule::Check { sqlite, .. } => vec![format!("CONSTRAINT {} CHECK ({sqlite})", quote(&constraint.name))],
        ConstraintRule::ForeignKey { columns, references, referenced_columns, on_update, on_delete, match_full } => {
            let parent = if *references == table.name { Some(table) } else { extras.referenced.iter().find(|t| t.name == *references) };
            let Some(parent) = parent else { return Vec::new() };
            let mut pieces = vec![format!(
                "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){}{} DEFERRABLE INITIALLY DEFERRED",
                quote(&constraint.name),
                physical_columns(table, columns),
                quote(&parent.physical),
                physical_columns(parent, referenced_columns),
                action(" ON UPDATE", *on_update),
                action(" ON DELETE", *on_delete),
            )];
            if *match_full && columns.len() > 1 {
                let nulls: Vec<String> =
                    columns.iter().map(|c| format!("{} IS NULL", physical_columns(table, std::slice::from_ref(c)))).collect();
                let same: Vec<String> = nulls.windows(2).map(|pair| format!("({}) = ({})", pair[0], pair[1])).collect();
                pieces.push(format!("CONSTRAINT {} CHECK ({})", quote(&format!("{MATCH_FULL}{}", constraint.name)), same.join(" AND ")));
            }
            pieces
        }
    }
}

/// RESTRICT differs from NO ACTION in that it never waits; both are checked by the executor after the statement.
fn action(clause: &str, action: ReferentialAction) -> String {
    let what = match action {
        ReferentialAction::NoAction | ReferentialAction::Restrict => return String::new(),
        ReferentialAction::Cascade => "CASCADE",
        ReferentialAction::SetNull => "SET NULL",
        ReferentialAction::SetDefault => "SET DEFAULT",
    };
    format!("{clause} {what}")
}

/// The pieces of a table: columns, then constraints.
fn pieces(table: &Table, extras: &Extras) -> (Vec<String>, Vec<String>) {
    let mut columns: Vec<String> = table.columns.iter().map(|column| column_piece(table, column, extras)).collect();
    if table.hidden_key {
        columns.insert(0, hidden_key_piece());
    }
    let constraints = table.constraints.iter().flat_map(|constraint| constraint_pieces(table, constraint, extras)).collect();
    (columns, constraints)
}

fn ending(table: &Table) -> &'static str {
    if table.hidden_key { "\n) STRICT, WITHOUT ROWID" } else { "\n) STRICT" }
}

/// `CREATE TABLE`.
pub fn create_table(table: &Table, extras: &Extras) -> String {
    let (mut all, constraints) = pieces(table, extras);
    all.extend(constraints);
    format!("CREATE TABLE {} (\n{}{}", quote(&table.physical), all.join(",\n"), ending(table))
}

/// The SQLite statements that turn the text of `old` into that of `new`, whose rows lie alike; empty where the texts are equal.
/// A column of `new` that `old` lacks is appended to the columns.
pub fn edit(old: &Table, new: &Table, before: &Extras, after: &Extras) -> Vec<String> {
    let ((old_columns, old_constraints), (new_columns, new_constraints)) = (pieces(old, before), pieces(new, after));
    let mut replacements: Vec<(String, String)> = Vec::new();
    for (index, piece) in new_columns.iter().enumerate() {
        match old_columns.get(index) {
            Some(former) if former == piece => {}
            Some(former) => replacements.push((format!("\n{former}"), format!("\n{piece}"))),
            None => {
                let last = &new_columns[index - 1];
                replacements.push((format!("\n{last}"), format!("\n{last},\n{piece}")));
            }
        }
    }
    for piece in old_constraints.iter().filter(|piece| !new_constraints.contains(piece)) {
        replacements.push((format!(",\n{piece}"), String::new()));
    }
    for piece in new_constraints.iter().filter(|piece| !old_constraints.contains(piece)) {
        replacements.push((ending(new).to_owned(), format!(",\n{piece}{}", ending(new))));
    }
    rewrite_text(&new.physical, &replacements)
}

/// Replaces parts of a table's text. A part that is not there makes SQLite fail ("integer overflow" of `abs`), and with it the definition.
fn rewrite_text(physical: &str, replacements: &[(String, String)]) -> Vec<String> {
    if replacements.is_empty() {
        return Vec::new();
    }
    let mut out = vec!["PRAGMA writable_schema = ON".to_owned()];
    for (from, to) in replacements {
        out.push(format!(
            "UPDATE sqlite_schema SET sql = CASE WHEN instr(sql, {0}) > 0 THEN replace(sql, {0}, {1}) ELSE abs(-9223372036854775807 - 1) END WHERE type = 'table' AND name = {2}",
            literal(from),
            literal(to),
            literal(physical),
        ));
    }
    // Making and dropping something raises SQLite's schema version, by which other connections and a rollback notice the new text.
    out.push("CREATE VIEW \"~version\" AS SELECT 1".to_owned());
    out.push("DROP VIEW \"~version\"".to_owned());
    out.push("PRAGMA writable_schema = RESET".to_owned());
    out
}

/// `CREATE INDEX`; none where the key is the SQLite rowid.
pub fn create_index(index: &Index, table: &Table) -> Option<String> {
    if index.physical.is_empty() {
        return None;
    }
    let mut keys: Vec<String> = index.keys.iter().flat_map(|key| index_key(key, index, table)).collect();
    if !index.unique {
        keys.extend(index.include.iter().map(|name| physical_columns(table, std::slice::from_ref(name))));
    }
    let mut out = format!(
        "CREATE {}INDEX {} ON {} ({})",
        if index.unique { "UNIQUE " } else { "" },
        quote(&index.physical),
        quote(&table.physical),
        keys.join(", ")
    );
    if let Some(predicate) = &index.predicate {
        out.push_str(&format!(" WHERE {}", predicate.sqlite));
    }
    Some(out)
}

/// One key; where NULLs count as equal two, since SQLite holds them all apart: whether it is NULL, and the value with a stand-in for NULL.
fn index_key(key: &IndexKey, index: &Index, table: &Table) -> Vec<String> {
    let column = key.column.as_ref().and_then(|name| table.columns.iter().find(|c| c.name == *name));
    let expression = match (column, &key.expression) {
        (Some(column), _) => quote(&column.physical),
        (None, Some(expression)) => format!("({})", expression.sqlite),
        (None, None) => return Vec::new(),
    };
    let direction = if key.descending { " DESC" } else { "" };
    if index.unique && index.nulls_not_distinct {
        let collation = column.and_then(|c| c.collation.as_ref()).map(|c| format!(" COLLATE {}", quote(c))).unwrap_or_default();
        return vec![format!("({expression} IS NULL)"), format!("ifnull({expression}, 0){collation}{direction}")];
    }
    vec![format!("{expression}{direction}")]
}
