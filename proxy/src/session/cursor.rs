//! Portals: what Bind and DECLARE make. A cursor's rows are set aside when it is declared (PostgreSQL's cursors are insensitive, too), so that no
//! SQLite statement outlives its message; FETCH and MOVE then only count.

use std::rc::Rc;

use pgwire::messages::data::FieldDescription;
use rusqlite::types::{Value, ValueRef};
use sqlparser::ast::{Query, Statement};

use super::{
    Session,
    context::Microseconds,
    plans::{Compiled, Prepared},
    report::CursorReport,
    run::{Delivery, Done},
    spool::Spool,
};
use crate::{
    encode::Format,
    error::{Result, SqlError, SqlState},
    parse::{Node, Parsed, command::Direction},
};

/// What a portal has of its result.
pub(super) enum Rows {
    /// Nothing yet.
    Waiting,
    /// The rows, set aside.
    Spooled(Spool),
    /// It was sent whole.
    Done,
}

/// A portal, or a cursor.
pub(crate) struct Portal {
    /// The statement.
    pub(super) prepared: Rc<Prepared>,
    /// Its parameters.
    pub(super) parameters: Vec<Value>,
    /// Formats of its result.
    pub(super) formats: Vec<Format>,
    /// Its plan, where it has one.
    pub(super) compiled: Option<Rc<Compiled>>,
    /// Its rows.
    pub(super) rows: Rows,
    /// The row that it stands on, from 1; 0 before the first, one more than there are after the last.
    pub(super) position: i64,
    scroll: bool,
    hold: bool,
    held: bool,
    /// How many savepoints there were when it was made.
    depth: usize,
    /// When it was made.
    since: Microseconds,
}

impl Portal {
    /// What Bind makes.
    pub(super) fn bound(
        prepared: Rc<Prepared>,
        parameters: Vec<Value>,
        formats: Vec<Format>,
        compiled: Option<Rc<Compiled>>,
        depth: usize,
    ) -> Self {
        Portal {
            prepared,
            parameters,
            formats,
            compiled,
            rows: Rows::Waiting,
            position: 0,
            scroll: false,
            hold: false,
            held: false,
            depth,
            since: super::now(),
        }
    }
}

/// DECLARE's options.
pub(super) struct Options {
    pub(super) binary: bool,
    pub(super) scroll: Option<bool>,
    pub(super) hold: bool,
}

/// Where a direction leads: the rows to show, as first, last and step, and the new position.
fn walk(direction: Direction, position: i64, length: i64) -> (Vec<i64>, i64) {
    let end = length + 1;
    let one = |target: i64| {
        let target = target.clamp(0, end);
        (if (1..=length).contains(&target) { vec![target] } else { Vec::new() }, target)
    };
    match direction {
        Direction::Forward(0) => one(position),
        Direction::Forward(count) if count > 0 => {
            let last = position.saturating_add(count);
            ((position + 1..=last.min(length)).collect(), last.min(end))
        }
        Direction::Forward(count) => {
            let first = position.saturating_add(count);
            ((first.max(1)..position).rev().collect(), first.max(0))
        }
        Direction::Absolute(number) if number < 0 => one(end.saturating_add(number)),
        Direction::Absolute(number) => one(number),
        Direction::Relative(number) => one(position.saturating_add(number)),
    }
}

impl Session {
    /// DECLARE.
    pub(super) fn declare(&mut self, name: &str, query: &Query, options: Options, from: &Prepared) -> Result<()> {
        if !options.hold && !self.in_some_block() {
            let message = "DECLARE CURSOR can only be used in transaction blocks";
            return Err(SqlError::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message));
        }
        if self.portals.contains_key(name) {
            return Err(SqlError::new(SqlState::DUPLICATE_CURSOR, format!("cursor \"{name}\" already exists")));
        }
        let node = Node::Statement(Box::new(Statement::Query(Box::new(query.clone()))));
        let prepared = Prepared::new(from.source.clone(), Parsed { node, span: from.parsed.span.clone() }, Vec::new());
        let (compiled, spool) = self.set_aside(&prepared, &[], "DECLARE CURSOR")?;
        let formats = if options.binary { vec![Format::Binary] } else { Vec::new() };
        let mut portal = Portal::bound(prepared, Vec::new(), formats, Some(compiled), self.block.savepoints.len());
        portal.rows = Rows::Spooled(spool);
        portal.scroll = options.scroll != Some(false);
        portal.hold = options.hold;
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    fn missing_cursor(name: &str) -> SqlError {
        SqlError::new(SqlState::INVALID_CURSOR_NAME, format!("cursor \"{name}\" does not exist"))
    }

    /// FETCH and MOVE.
    pub(super) fn fetch(&mut self, name: &str, direction: Direction, moves: bool, delivery: Delivery<'_>) -> Result<Done> {
        let mut portal = self.portals.remove(name).ok_or_else(|| Self::missing_cursor(name))?;
        // What Bind made is a cursor, too, and runs when it is first fetched from.
        if matches!(portal.rows, Rows::Waiting) && portal.compiled.is_some() {
            let (compiled, spool) = self.set_aside(&portal.prepared, &portal.parameters, "FETCH")?;
            portal.compiled = Some(compiled);
            portal.rows = Rows::Spooled(spool);
        } else if matches!(portal.rows, Rows::Done) && portal.compiled.is_some() {
            portal.rows = Rows::Spooled(Spool::default());
        }
        let counted = self.fetch_from(&mut portal, direction, moves, delivery);
        self.portals.insert(name.to_owned(), portal);
        let word = if moves { "MOVE" } else { "FETCH" };
        counted.map(|n| Done::Text(format!("{word} {n}")))
    }

    fn fetch_from(&mut self, portal: &mut Portal, direction: Direction, moves: bool, delivery: Delivery<'_>) -> Result<usize> {
        let (Some(compiled), Rows::Spooled(spool)) = (&portal.compiled, &mut portal.rows) else {
            return Err(SqlError::new(SqlState::INVALID_CURSOR_STATE, "the cursor has no rows"));
        };
        let (rows, position) = walk(direction, portal.position, spool.len() as i64);
        if position < portal.position && !portal.scroll {
            let error = SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "cursor can only scan forward");
            return Err(error.hint("Declare it with SCROLL option to enable backward scan."));
        }
        portal.position = position;
        if moves {
            return Ok(rows.len());
        }
        let formats = if portal.formats.is_empty() { delivery.formats } else { &portal.formats };
        if delivery.describe {
            let fields = compiled.columns.describe(&compiled.plan.columns, formats);
            self.stream.output.row_description(fields);
        }
        let cx = self.context(compiled.catalog.clone());
        for n in &rows {
            let row = spool.row((n - 1) as usize)?;
            let values: Vec<_> = row.iter().map(ValueRef::from).collect();
            compiled.columns.values(&values, formats, &cx, &mut self.stream.output.bytes)?;
            self.stream.flush_if_full().map_err(|e| SqlError::new(SqlState::CONNECTION_FAILURE, e.to_string()))?;
        }
        Ok(rows.len())
    }

    /// The columns that FETCH would answer.
    pub(super) fn describe_cursor(&self, name: &str, formats: &[Format]) -> Result<Option<Vec<FieldDescription>>> {
        let portal = self.portals.get(name).ok_or_else(|| Self::missing_cursor(name))?;
        let formats = if portal.formats.is_empty() { formats } else { &portal.formats };
        Ok(portal.compiled.as_ref().map(|c| c.columns.describe(&c.plan.columns, formats)))
    }

    /// CLOSE.
    pub(super) fn close(&mut self, name: Option<&str>) -> Result<()> {
        match name {
            None => self.portals.clear(),
            Some(name) => drop(self.portals.remove(name).ok_or_else(|| Self::missing_cursor(name))?),
        }
        Ok(())
    }

    /// Tells the catalog of the cursors that have a name.
    pub(super) fn report_cursors(&self) {
        let named = self.portals.iter().filter(|(name, _)| !name.is_empty());
        if self.shared.cursors.borrow().is_empty() && self.portals.keys().all(String::is_empty) {
            return;
        }
        let report = |(name, portal): (&String, &Portal)| CursorReport {
            name: name.clone(),
            statement: portal.prepared.source[portal.prepared.parsed.span.clone()].to_owned(),
            holdable: portal.hold,
            binary: portal.formats.contains(&Format::Binary),
            scrollable: portal.scroll,
            since: portal.since,
        };
        *self.shared.cursors.borrow_mut() = named.map(report).collect();
    }

    /// At COMMIT: cursors WITH HOLD live on.
    pub(super) fn hold_cursors(&mut self) {
        self.portals.values_mut().for_each(|p| p.held |= p.hold);
    }

    /// At the end of a transaction: all portals go but those that outlive it.
    pub(super) fn drop_portals(&mut self) {
        self.portals.retain(|_, portal| portal.held);
    }

    /// At ROLLBACK TO: portals made since the savepoint go.
    pub(super) fn drop_portals_since(&mut self, savepoint: usize) {
        self.portals.retain(|_, portal| portal.held || portal.depth <= savepoint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_walk_as_postgresql_counts() {
        let cases: [(Direction, i64, &[i64], i64); 14] = [
            (Direction::Forward(1), 0, &[1], 1),
            (Direction::Forward(2), 2, &[3], 4),
            (Direction::Forward(i64::MAX), 0, &[1, 2, 3], 4),
            (Direction::Forward(0), 2, &[2], 2),
            (Direction::Forward(0), 0, &[], 0),
            (Direction::Forward(-1), 4, &[3], 3),
            (Direction::Forward(-5), 3, &[2, 1], 0),
            (Direction::Forward(-i64::MAX), 4, &[3, 2, 1], 0),
            (Direction::Absolute(2), 0, &[2], 2),
            (Direction::Absolute(-1), 0, &[3], 3),
            (Direction::Absolute(9), 0, &[], 4),
            (Direction::Absolute(0), 2, &[], 0),
            (Direction::Relative(-1), 3, &[2], 2),
            (Direction::Relative(0), 3, &[3], 3),
        ];
        for (direction, from, rows, to) in cases {
            assert_eq!(walk(direction, from, 3), (rows.to_vec(), to), "{direction:?} from {from}");
        }
    }
}
