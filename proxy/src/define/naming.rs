//! The names that PostgreSQL makes up for indexes, constraints and sequences. Enters: the table, the columns and a label; leaves: a name
//! that nothing bears yet (`ChooseRelationName`, `ChooseConstraintName`, `makeObjectName` in `indexcmds.c`).

use peergres_sync::{
    commit::ObjectClass,
    schema::{Object, QualifiedName, Schema},
};

/// `NAMEDATALEN` less the terminator.
const NAME_BYTES: usize = 63;

/// The names in use while several objects are made at once.
pub(super) struct Names<'s> {
    schema: &'s Schema,
    namespace: &'s str,
    taken: Vec<String>,
}

impl<'s> Names<'s> {
    pub(super) fn new(schema: &'s Schema, namespace: &'s str) -> Self {
        Names { schema, namespace, taken: Vec::new() }
    }

    /// Marks a name as given.
    pub(super) fn take(&mut self, name: &str) {
        self.taken.push(name.to_owned());
    }

    /// A name `first_second_label` that neither a relation nor a constraint of the schema bears.
    pub(super) fn choose(&mut self, first: &str, second: &str, label: &str) -> String {
        let mut number = 0;
        loop {
            let suffix = if number == 0 { label.to_owned() } else { format!("{label}{number}") };
            let name = object_name(first, second, &suffix);
            if !self.is_taken(&name) {
                self.take(&name);
                return name;
            }
            number += 1;
        }
    }

    fn is_taken(&self, name: &str) -> bool {
        let qualified = QualifiedName { schema: self.namespace.to_owned(), name: name.to_owned() };
        self.taken.iter().any(|taken| taken == name)
            || self.schema.get(ObjectClass::Relation, &qualified).is_some()
            || self.schema.objects.values().any(|object| match &**object {
                Object::Table(table) if table.name.schema == self.namespace => table.constraints.iter().any(|c| c.name == name),
                _ => false,
            })
    }
}

/// `makeObjectName`: the two names are cut, the longer first, until the whole fits.
fn object_name(first: &str, second: &str, label: &str) -> String {
    let fixed = if second.is_empty() { 1 } else { 2 } + label.len();
    let room = NAME_BYTES - fixed.min(NAME_BYTES);
    let (mut a, mut b) = (first.len(), second.len());
    while a + b > room {
        if a > b { a -= 1 } else { b -= 1 }
    }
    let (first, second) = (clip(first, a), clip(second, b));
    if second.is_empty() { format!("{first}_{label}") } else { format!("{first}_{second}_{label}") }
}

fn clip(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

/// The column part of an index's name, as `ChooseIndexNameAddition` makes it: all columns, cut at the length of a name.
pub(super) fn columns_part(columns: &[String]) -> String {
    let joined = columns.join("_");
    clip(&joined, NAME_BYTES).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_postgresqls() {
        let schema = Schema::default();
        let mut names = Names::new(&schema, "public");
        assert_eq!(names.choose("t", "", "pkey"), "t_pkey");
        assert_eq!(names.choose("t", "a_b", "key"), "t_a_b_key");
        assert_eq!(names.choose("t", "a_b", "key"), "t_a_b_key1");
        let long = "x".repeat(60);
        assert_eq!(names.choose(&long, &long, "fkey").len(), 63);
        assert_eq!(names.choose("short", &"é".repeat(40), "idx").len(), 62);
    }
}
