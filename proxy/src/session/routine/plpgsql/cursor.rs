//! Cursors: their rows are found when they are opened, and then handed out.

use super::{frame::Frame, query::Found};
use crate::{
    error::{Result, SqlError, SqlState},
    parse::plpgsql::{Expression, Source, Target},
    types::Value,
};

/// An open cursor.
pub(super) struct Open {
    found: Found,
    /// The row it stands on, from 1; 0 before the first.
    position: usize,
}

/// Arguments of a bound cursor, by name or in order.
type Arguments = [(Option<String>, Expression)];

impl Frame<'_> {
    /// The rows of a bound cursor with its arguments as variables.
    pub(super) fn cursor_rows(&mut self, name: &str, arguments: &Arguments) -> Result<Found> {
        let Some((parameters, query)) = self.declared.get(name).cloned() else {
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("cursor \"{name}\" has no query")));
        };
        if parameters.len() != arguments.len() {
            let what = if parameters.len() > arguments.len() { "not enough" } else { "too many" };
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("{what} arguments for cursor \"{name}\"")));
        }
        let mut values = Vec::with_capacity(parameters.len());
        for (at, (parameter, ty)) in parameters.iter().enumerate() {
            let named = arguments.iter().find(|(given, _)| given.as_ref() == Some(parameter));
            let (_, argument) = named.unwrap_or(&arguments[at]);
            let ty = self.declared_type(ty)?;
            values.push((parameter.clone(), ty, self.value_of_type(argument, ty)?));
        }
        let first = self.enter(None);
        for (parameter, ty, value) in values {
            self.add(&parameter, ty, value);
        }
        let found = self.rows_of(&Source::Query(query));
        self.leave(first);
        found
    }

    /// `OPEN`.
    pub(super) fn open(&mut self, name: &str, source: Option<&Source>, arguments: &Arguments) -> Result<()> {
        let variable = self.variable_of(name)?;
        let found = match source {
            Some(source) => self.rows_of(source)?,
            None => self.cursor_rows(name, arguments)?,
        };
        let portal = match &self.slots[variable].value {
            Value::Text(portal) => portal.clone(),
            _ => {
                self.portals += 1;
                format!("<unnamed portal {}>", self.portals)
            }
        };
        if self.cursors.contains_key(&portal) {
            return Err(SqlError::new(SqlState::DUPLICATE_CURSOR, format!("cursor \"{portal}\" already in use")));
        }
        self.slots[variable].value = Value::Text(portal.clone());
        self.cursors.insert(portal, Open { found, position: 0 });
        Ok(())
    }

    fn variable_of(&self, name: &str) -> Result<usize> {
        let found = self.find(std::slice::from_ref(&name.to_owned()));
        found.map(|(place, _)| place).ok_or_else(|| SqlError::new(SqlState::SYNTAX_ERROR, format!("\"{name}\" is not a known variable")))
    }

    fn portal_of(&self, name: &str) -> Result<String> {
        match &self.slots[self.variable_of(name)?].value {
            Value::Text(portal) => Ok(portal.clone()),
            _ => Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, format!("cursor variable \"{name}\" is null"))),
        }
    }

    /// `FETCH` and `MOVE`.
    pub(super) fn fetch(&mut self, direction: &str, name: &str, targets: Option<&[Target]>) -> Result<()> {
        let portal = self.portal_of(name)?;
        let missing = || SqlError::new(SqlState::INVALID_CURSOR_NAME, format!("cursor \"{portal}\" does not exist"));
        let open = self.cursors.get_mut(&portal).ok_or_else(missing)?;
        let (length, at) = (open.found.rows.len(), open.position);
        let words: Vec<&str> = direction.split(' ').filter(|word| !word.is_empty()).collect();
        let number = |text: &str| text.parse::<i64>().map_err(|_| SqlError::unsupported(format!("FETCH {direction}")));
        let to = match words.as_slice() {
            [] | ["next"] | ["forward"] => at + 1,
            ["prior"] | ["backward"] => at.saturating_sub(1),
            ["first"] => 1,
            ["last"] => length,
            ["all"] | ["forward" | "relative", "all"] => length + 1,
            ["absolute", count] => usize::try_from(number(count)?).unwrap_or(0),
            ["relative" | "forward", count] => usize::try_from(at as i64 + number(count)?).unwrap_or(0),
            _ => return Err(SqlError::unsupported(format!("FETCH {direction}"))),
        };
        open.position = to.min(length + 1);
        let row = to.checked_sub(1).and_then(|index| open.found.rows.get(index)).cloned();
        let columns = open.found.columns.clone();
        self.set_found(row.is_some());
        self.row_count = u64::from(row.is_some());
        match targets {
            Some(targets) => self.take_row(targets, &columns, row.as_ref()),
            None => Ok(()),
        }
    }

    /// `CLOSE`.
    pub(super) fn close(&mut self, name: &str) -> Result<()> {
        let portal = self.portal_of(name)?;
        match self.cursors.remove(&portal) {
            Some(_) => Ok(()),
            None => Err(SqlError::new(SqlState::INVALID_CURSOR_NAME, format!("cursor \"{portal}\" does not exist"))),
        }
    }
}
