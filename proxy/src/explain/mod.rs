//! EXPLAIN: SQLite's account of a plan enters; what PostgreSQL would call its nodes leaves, as text, JSON, YAML or XML, in the frame that
//! tools read. SQLite does not estimate costs, so that they are told as zero.

mod document;
mod node;
mod text;

use std::time::Duration;

pub(crate) use node::{Node, Row, of_steps};

use crate::parse::command::{Explain, ExplainFormat};

/// What running the statement showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Rows of the result.
    pub(crate) rows: u64,
    /// How long it ran.
    pub(crate) execution: Duration,
}

/// A plan with all that can be told of it.
#[derive(Debug)]
pub(crate) struct Account<'a> {
    /// The topmost node.
    pub(crate) root: Node,
    /// What was asked.
    pub(crate) options: &'a Explain,
    /// How long planning took.
    pub(crate) planning: Duration,
    /// Of `ANALYZE`.
    pub(crate) measured: Option<Measured>,
}

impl Account<'_> {
    /// The lines to show, one a row.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self.options.format {
            ExplainFormat::Text => text::lines(self),
            ExplainFormat::Json => vec![document::json(&self.document())],
            ExplainFormat::Yaml => vec![document::yaml(&self.document())],
            ExplainFormat::Xml => vec![document::xml(&self.document())],
        }
    }

    /// Whether times are shown.
    fn shows_summary(&self) -> bool {
        self.options.summary.unwrap_or(self.options.analyze)
    }

    fn shows_timing(&self) -> bool {
        self.options.timing.unwrap_or(true)
    }

    fn document(&self) -> document::Value {
        use document::Value::{List, Map};
        let mut query = vec![("Plan", Map(self.properties(&self.root, true)))];
        if self.shows_summary() {
            query.push(("Planning Time", milliseconds(self.planning)));
        }
        if let Some(measured) = &self.measured {
            query.push(("Triggers", List(Vec::new())));
            if self.shows_summary() {
                query.push(("Execution Time", milliseconds(measured.execution)));
            }
        }
        Map(query)
    }

    fn properties(&self, node: &Node, is_root: bool) -> Vec<(&'static str, document::Value)> {
        use document::Value::{Bool, List, Map, Number, Text};
        let mut out = vec![("Node Type", Text(node.kind.clone()))];
        out.extend(node.operation.as_ref().map(|operation| ("Operation", Text(operation.clone()))));
        out.extend(node.strategy.map(|strategy| ("Strategy", Text(strategy.to_owned()))));
        out.extend((!is_root).then(|| ("Parent Relationship", Text(node.relationship.to_owned()))));
        out.extend(node.subplan.as_ref().map(|name| ("Subplan Name", Text(name.clone()))));
        out.push(("Parallel Aware", Bool(false)));
        out.push(("Async Capable", Bool(false)));
        out.extend(node.join.map(|join| ("Join Type", Text(join.to_owned()))));
        out.extend(node.index.as_ref().map(|index| ("Index Name", Text(index.clone()))));
        out.extend(node.relation.as_ref().map(|relation| (node.relation_key(), Text(relation.clone()))));
        out.extend(node.relation.as_ref().map(|relation| ("Alias", Text(relation.clone()))));
        if self.options.costs {
            let zero = || Number("0.00".to_owned());
            let none = || Number("0".to_owned());
            out.extend([("Startup Cost", zero()), ("Total Cost", zero()), ("Plan Rows", none()), ("Plan Width", none())]);
        }
        if let (Some(measured), true) = (&self.measured, is_root) {
            if self.shows_timing() {
                out.push(("Actual Startup Time", Number("0.000".to_owned())));
                out.push(("Actual Total Time", milliseconds(measured.execution)));
            }
            out.push(("Actual Rows", Number(measured.rows.to_string())));
            out.push(("Actual Loops", Number("1".to_owned())));
        }
        out.extend(node.details.iter().map(|(name, value)| (*name, Text(value.clone()))));
        if !node.children.is_empty() {
            out.push(("Plans", List(node.children.iter().map(|child| Map(self.properties(child, false))).collect())));
        }
        out
    }
}

fn milliseconds(time: Duration) -> document::Value {
    document::Value::Number(format!("{:.3}", time.as_secs_f64() * 1000.0))
}

#[cfg(test)]
mod tests;
