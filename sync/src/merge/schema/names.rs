//! An author's names for tables and columns, and what these are called here.
//!
//! Enters: an object as its author wrote it, the author's world and this one. Leaves: the object with the names of this one, also in the
//! expressions that it carries, whose names are told from literals and keywords by reading them as tokens.

use super::World;
use crate::schema::{Column, Constraint, ConstraintRule, Expression, Index, Object, ObjectClass, QualifiedName, Table, physical_column};

/// See the file's head.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) theirs: &'a World,
    pub(super) here: &'a World,
}

/// Columns that are called otherwise here: from, to.
pub(super) type Renamed = Vec<(String, String)>;

impl Names<'_> {
    /// What a relation is called here.
    pub(super) fn relation(&self, name: &QualifiedName) -> QualifiedName {
        let held = self.theirs.get(ObjectClass::Relation, name).and_then(|held| self.here.by_origin(held.origin));
        held.map_or_else(|| name.clone(), |held| held.object.name())
    }

    /// The columns of a table that are called otherwise here.
    pub(super) fn columns(&self, table: &QualifiedName) -> Renamed {
        let Some(theirs) = self.theirs.get(ObjectClass::Relation, table) else { return Vec::new() };
        let Some(here) = self.here.by_origin(theirs.origin) else { return Vec::new() };
        let pair = |origin| Some((theirs.column_name(origin)?, here.column_name(self.here.column_origin(origin))?));
        let pairs = theirs.columns.keys().filter_map(pair);
        pairs.filter(|(from, to)| from != to).map(|(from, to)| (from.to_owned(), to.to_owned())).collect()
    }

    /// The object with the names of this world; its own name stays.
    pub(super) fn follow(&self, object: Object) -> Object {
        match object {
            Object::Table(mut table) => {
                let renamed = self.columns(&table.name);
                let own = table.name.clone();
                for constraint in &mut table.constraints {
                    *constraint = self.constraint(constraint.clone(), &own, &renamed);
                }
                table.columns.iter_mut().for_each(|column| self.column(column));
                Object::Table(table)
            }
            Object::Index(index) => Object::Index(self.index(index)),
            Object::Sequence(mut sequence) => {
                if let Some((table, column)) = &mut sequence.owned_by {
                    rename(column, &self.columns(table));
                    *table = self.relation(table);
                }
                Object::Sequence(sequence)
            }
            Object::Trigger(mut trigger) => {
                trigger.table = self.relation(&trigger.table);
                Object::Trigger(trigger)
            }
            Object::View(mut view) => {
                for (key, held) in &self.theirs.objects {
                    let here = self.relation(&key.1);
                    if key.0 == ObjectClass::Relation && held.table().is_some() && here != key.1 {
                        view.query = replace_relation(&view.query, &key.1, &here);
                    }
                }
                Object::View(view)
            }
            other => other,
        }
    }

    fn index(&self, mut index: Index) -> Index {
        let renamed = self.columns(&index.table);
        index.table = self.relation(&index.table);
        for key in &mut index.keys {
            key.column.iter_mut().for_each(|column| rename(column, &renamed));
            key.expression.iter_mut().for_each(|expression| follow_expression(expression, &renamed));
        }
        index.include.iter_mut().for_each(|column| rename(column, &renamed));
        index.predicate.iter_mut().for_each(|expression| follow_expression(expression, &renamed));
        index
    }

    /// A column that draws from a sequence goes on drawing from it.
    pub(super) fn column(&self, column: &mut Column) {
        if let Some(sequence) = &column.sequence {
            let here = self.relation(sequence);
            if here != *sequence {
                column.default = column.default.as_ref().map(|text| replace_relation(text, sequence, &here));
                column.sequence = Some(here);
            }
        }
    }

    /// A constraint of a table: its columns, the table that it refers to, its expression.
    pub(super) fn constraint(&self, mut constraint: Constraint, own: &QualifiedName, renamed: &Renamed) -> Constraint {
        match &mut constraint.rule {
            ConstraintRule::PrimaryKey { columns } | ConstraintRule::Unique { columns, .. } => {
                columns.iter_mut().for_each(|column| rename(column, renamed));
            }
            ConstraintRule::ForeignKey { columns, references, referenced_columns, .. } => {
                columns.iter_mut().for_each(|column| rename(column, renamed));
                let of_parent = if references == own { renamed.clone() } else { self.columns(references) };
                referenced_columns.iter_mut().for_each(|column| rename(column, &of_parent));
                *references = self.relation(references);
            }
            ConstraintRule::Check { expression, sqlite } => {
                *expression = rename_tokens(expression, renamed);
                *sqlite = rename_tokens(sqlite, &physical(renamed));
            }
        }
        constraint
    }
}

fn physical(renamed: &Renamed) -> Renamed {
    renamed.iter().map(|(from, to)| (physical_column(from), physical_column(to))).collect()
}

fn follow_expression(expression: &mut Expression, renamed: &Renamed) {
    expression.text = rename_tokens(&expression.text, renamed);
    expression.sqlite = rename_tokens(&expression.sqlite, &physical(renamed));
}

fn rename(name: &mut String, renamed: &Renamed) {
    if let Some((_, to)) = renamed.iter().find(|(from, _)| from == name) {
        name.clone_from(to);
    }
}

/// A piece of SQL text.
enum Token<'a> {
    /// A name, quoted or not: as it is written, and what it means.
    Name(&'a str, String),
    /// Anything else.
    Other(&'a str),
}

/// Splits a text into names and what is between them; literals are never names.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            quote @ (b'"' | b'\'') => {
                at += 1;
                while at < bytes.len() && (bytes[at] != quote || bytes.get(at + 1) == Some(&quote)) {
                    at += if bytes[at] == quote { 2 } else { 1 };
                }
                at = (at + 1).min(bytes.len());
                let piece = &text[start..at];
                found.push(match quote {
                    b'"' => Token::Name(piece, piece[1..piece.len().max(2) - 1].replace("\"\"", "\"")),
                    _ => Token::Other(piece),
                });
            }
            first if first.is_ascii_alphabetic() || first == b'_' || first >= 0x80 => {
                while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || matches!(bytes[at], b'_' | b'$') || bytes[at] >= 0x80) {
                    at += 1;
                }
                found.push(Token::Name(&text[start..at], text[start..at].to_ascii_lowercase()));
            }
            _ => {
                at += 1;
                while !text.is_char_boundary(at) {
                    at += 1;
                }
                found.push(Token::Other(&text[start..at]));
            }
        }
    }
    found
}

/// Renames columns in an expression.
pub(super) fn rename_tokens(text: &str, renamed: &Renamed) -> String {
    if renamed.is_empty() {
        return text.to_owned();
    }
    let tokens = tokens(text);
    let mut out = String::with_capacity(text.len());
    for (at, token) in tokens.iter().enumerate() {
        match token {
            // A name before a parenthesis is a function's.
            Token::Name(written, name) if !matches!(tokens.get(at + 1), Some(Token::Other("("))) => {
                match renamed.iter().find(|(from, _)| from == name) {
                    Some((_, to)) => out.push_str(&quoted(to)),
                    None => out.push_str(written),
                }
            }
            Token::Name(written, _) | Token::Other(written) => out.push_str(written),
        }
    }
    out
}

/// Whether an expression speaks of a name.
pub(super) fn mentions(text: &str, name: &str) -> bool {
    tokens(text).iter().any(|token| matches!(token, Token::Name(_, known) if known == name))
}

/// Whether a query reads a relation; names in it carry their schema.
pub(super) fn reads(text: &str, relation: &QualifiedName) -> bool {
    tokens(text).windows(3).any(|three| is_relation(three, relation))
}

fn is_relation(three: &[Token<'_>], relation: &QualifiedName) -> bool {
    matches!(three, [Token::Name(_, schema), Token::Other("."), Token::Name(_, name)] if *schema == relation.schema && *name == relation.name)
}

/// Puts a relation's new name into a text that names it with its schema.
fn replace_relation(text: &str, from: &QualifiedName, to: &QualifiedName) -> String {
    let tokens = tokens(text);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < tokens.len() {
        if tokens.get(at..at + 3).is_some_and(|three| is_relation(three, from)) {
            out.push_str(&format!("{}.{}", quoted(&to.schema), quoted(&to.name)));
            at += 3;
            continue;
        }
        let (Token::Name(written, _) | Token::Other(written)) = &tokens[at];
        out.push_str(written);
        at += 1;
    }
    out
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table's columns by name, as what is written in `renamed` calls them.
pub(super) fn column_named<'t>(table: &'t Table, name: &str) -> Option<&'t Column> {
    table.columns.iter().find(|column| column.name == name)
}
