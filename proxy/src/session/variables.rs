//! Names that stand for values in the statements of a function: its parameters, and the variables of PL/pgSQL. The binder makes parameters of
//! them (`sql_fn_post_column_ref`, `plpgsql_post_column_ref`). Enters: levels of names. Leaves: the variable that a name means.

use crate::types::TypeRef;

/// A variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name, empty where it has none.
    pub name: String,
    /// Its type.
    pub ty: TypeRef,
    /// The number of the parameter that carries its value.
    pub number: u32,
}

/// Variables of one block, or a function's parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// The block's label, or the function's name.
    pub label: Option<String>,
    /// The variables.
    pub variables: Vec<Variable>,
}

/// The variables in reach, outermost level first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables {
    /// The levels.
    pub levels: Vec<Level>,
    /// Whether a name that is a column's too is an error, as in PL/pgSQL; in SQL the column wins.
    pub strict: bool,
}

/// What a dotted name means.
pub enum Meaning<'v> {
    /// A variable, and the names of fields behind it.
    Variable(&'v Variable, usize),
    /// Nothing here.
    Nothing,
}

impl Variables {
    /// The variable that a dotted name begins with, and how many of its parts that takes.
    pub fn find(&self, parts: &[String]) -> Meaning<'_> {
        let Some(first) = parts.first() else { return Meaning::Nothing };
        for level in self.levels.iter().rev() {
            if let Some(found) = level.variables.iter().rev().find(|variable| !variable.name.is_empty() && variable.name == *first) {
                return Meaning::Variable(found, 1);
            }
            if let (Some(label), Some(second)) = (&level.label, parts.get(1))
                && label == first
                && let Some(found) = level.variables.iter().rev().find(|variable| variable.name == *second)
            {
                return Meaning::Variable(found, 2);
            }
        }
        Meaning::Nothing
    }

    /// The variable whose value a parameter carries.
    pub fn by_number(&self, number: u32) -> Option<&Variable> {
        self.levels.iter().flat_map(|level| &level.variables).find(|variable| variable.number == number)
    }
}
