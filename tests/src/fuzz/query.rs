//! A generated statement, with its parts apart so that they can be dropped one by one.

use super::tree::Node;

/// What FROM names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// No FROM.
    #[default]
    Nothing,
    /// `t0`.
    Table,
    /// `t0` joined with `t1` by `id`.
    Join(&'static str),
}

/// A SELECT.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// FROM.
    pub source: Source,
    /// SELECT list.
    pub columns: Vec<Node>,
    /// WHERE.
    pub filter: Option<Node>,
    /// GROUP BY; also a column then.
    pub group: Option<Node>,
    /// SELECT DISTINCT.
    pub distinct: bool,
}

impl Query {
    /// As SQL.
    pub fn sql(&self) -> String {
        let columns: Vec<String> = self.group.iter().chain(&self.columns).map(Node::sql).collect();
        let mut sql = format!("SELECT {}{}", if self.distinct { "DISTINCT " } else { "" }, columns.join(", "));
        match self.source {
            Source::Nothing => {}
            Source::Table => sql.push_str(" FROM t0"),
            // The ids overlap in part, so that outer joins have something to fill.
            Source::Join(kind) => sql.push_str(&format!(" FROM t0 {kind} t1 ON t0.id = t1.id + 3")),
        }
        if let Some(filter) = &self.filter {
            sql.push_str(&format!(" WHERE {}", filter.sql()));
        }
        if let Some(group) = &self.group {
            sql.push_str(&format!(" GROUP BY {}", group.sql()));
        }
        sql
    }

    /// Smaller statements.
    pub fn smaller(&self) -> Vec<Query> {
        let mut found = Vec::new();
        if self.columns.len() > 1 {
            for n in 0..self.columns.len() {
                let mut query = self.clone();
                query.columns.remove(n);
                found.push(query);
            }
        }
        if self.filter.is_some() {
            found.push(Query { filter: None, ..self.clone() });
        }
        if self.group.is_some() {
            found.push(Query { group: None, ..self.clone() });
        }
        if self.distinct {
            found.push(Query { distinct: false, ..self.clone() });
        }
        if matches!(self.source, Source::Join(_)) {
            found.push(Query { source: Source::Table, ..self.clone() });
        }
        if self.source == Source::Table {
            found.push(Query { source: Source::Nothing, filter: None, ..self.clone() });
        }
        for (n, column) in self.columns.iter().enumerate() {
            found.extend(column.smaller().into_iter().map(|smaller| {
                let mut query = self.clone();
                query.columns[n] = smaller;
                query
            }));
        }
        for (part, put) in [(&self.filter, true), (&self.group, false)] {
            for smaller in part.iter().flat_map(Node::smaller) {
                let mut query = self.clone();
                *(if put { &mut query.filter } else { &mut query.group }) = Some(smaller);
                found.push(query);
            }
        }
        found
    }
}
