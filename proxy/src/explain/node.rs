//! Nodes of a plan: the rows of SQLite's `EXPLAIN QUERY PLAN` (<https://sqlite.org/eqp.html>) enter, a tree in PostgreSQL's words leaves.

use std::collections::HashMap;

/// A row of `EXPLAIN QUERY PLAN`.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its number.
    pub(crate) id: i64,
    /// The number of the row it belongs to, 0 at the top.
    pub(crate) parent: i64,
    /// What it says.
    pub(crate) detail: String,
}

/// A node of a plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// PostgreSQL's name of it: `Seq Scan`.
    pub(crate) kind: String,
    /// Of a data change: `Insert`.
    pub(crate) operation: Option<String>,
    /// Of an aggregate or set operation.
    pub(crate) strategy: Option<&'static str>,
    /// Of a join.
    pub(crate) join: Option<&'static str>,
    /// What it reads: a table's name, a function's, an alias.
    pub(crate) relation: Option<String>,
    /// The index that it uses.
    pub(crate) index: Option<String>,
    /// What it is to the node above: `Outer`, `Inner`, `Member`, `Subquery`, `InitPlan`, `SubPlan`.
    pub(crate) relationship: &'static str,
    /// The name of an InitPlan or SubPlan.
    pub(crate) subplan: Option<String>,
    /// `Index Cond` and the like.
    pub(crate) details: Vec<(&'static str, String)>,
    /// The nodes below.
    pub(crate) children: Vec<Node>,
}

impl Node {
    fn of(kind: &str, children: Vec<Node>) -> Node {
        Node { kind: kind.to_owned(), relationship: "Outer", children, ..Node::default() }
    }

    /// Under which name the structured forms tell what it reads.
    pub(super) fn relation_key(&self) -> &'static str {
        match self.kind.as_str() {
            "Function Scan" => "Function Name",
            "CTE Scan" => "CTE Name",
            _ => "Relation Name",
        }
    }

    /// What the text form calls it: `Index Scan using i on t`.
    pub(super) fn label(&self) -> String {
        let kind = match (&self.operation, self.join) {
            (Some(operation), _) => operation.clone(),
            (None, Some("Left")) => format!("{} Left Join", self.kind),
            _ => self.kind.clone(),
        };
        let index = self.index.as_ref().map_or(String::new(), |index| format!(" using {index}"));
        let relation = self.relation.as_ref().map_or(String::new(), |relation| format!(" on {relation}"));
        format!("{kind}{index}{relation}")
    }
}

/// The plan of a statement's steps, each its SQLite text and rows; `change` names what the statement does to which table.
pub(crate) fn of_steps(steps: &[(String, Vec<Row>)], change: Option<(&str, &str)>) -> Node {
    let mut roots: Vec<Node> = steps
        .iter()
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(sql, rows)| Reader { rows, names: names(sql), parts: HashMap::new(), subplans: 0 }.tree(0))
        .collect();
    let root = match roots.len() {
        0 => Node::of("Result", Vec::new()),
        1 => roots.remove(0),
        _ => Node::of("Append", roots),
    };
    match change {
        None => root,
        Some((operation, table)) => {
            Node { operation: Some(operation.to_owned()), relation: Some(table.to_owned()), ..Node::of("ModifyTable", vec![root]) }
        }
    }
}

/// What the aliases of our SQLite text stand for: `"t" AS "s1"`.
fn names(sql: &str) -> HashMap<String, String> {
    let mut out = HashMap::new();
    for (at, _) in sql.match_indices(" AS \"s") {
        let alias = sql[at + 5..].split('"').next().unwrap_or_default();
        let before = sql[..at].trim_end();
        // A call's arguments stand between a function's name and its alias.
        let name = match before.strip_suffix(')') {
            Some(_) => before[..opening(before)].trim_end(),
            None => before,
        };
        let Some(name) = name.strip_suffix('"').and_then(|name| name.rsplit('"').next()) else { continue };
        let name = name.split('(').next().unwrap_or(name);
        let name = name.rsplit('.').next().unwrap_or(name);
        out.insert(alias.to_owned(), name.to_owned());
    }
    out
}

/// Where the last parenthesis of a text opens.
fn opening(text: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' if depth == 1 => return at,
            b'(' => depth -= 1,
            _ => {}
        }
    }
    0
}

struct Reader<'a> {
    rows: &'a [Row],
    names: HashMap<String, String>,
    /// Subqueries that other rows read by name.
    parts: HashMap<String, Node>,
    subplans: usize,
}

impl Reader<'_> {
    /// The rows below one as a tree: scans in a row are loops inside each other, what sorts or groups stands above them.
    fn tree(&mut self, parent: i64) -> Node {
        let (mut scans, mut above, mut aside): (Vec<Node>, Vec<Node>, Vec<Node>) = (Vec::new(), Vec::new(), Vec::new());
        let rows: Vec<Row> = self.rows.iter().filter(|row| row.parent == parent).cloned().collect();
        for row in rows {
            let detail = row.detail.as_str();
            let (first, rest) = detail.split_once(' ').unwrap_or((detail, ""));
            match first {
                "SCAN" | "SEARCH" => scans.push(self.scan(rest)),
                "CO-ROUTINE" | "MATERIALIZE" => {
                    let part = self.tree(row.id);
                    self.parts.insert(rest.to_owned(), part);
                }
                "USE" => above.extend(sorting(rest)),
                "COMPOUND" | "MERGE" => scans.push(self.compound(detail, row.id)),
                "SCALAR" | "LIST" | "CORRELATED" => {
                    self.subplans += 1;
                    let is_correlated = first == "CORRELATED";
                    let (relationship, word) = if is_correlated { ("SubPlan", "SubPlan") } else { ("InitPlan", "InitPlan") };
                    let shown =
                        if is_correlated { format!("{word} {}", self.subplans) } else { format!("{word} {} (returns $0)", self.subplans) };
                    aside.push(Node { relationship, subplan: Some(shown), ..self.tree(row.id) });
                }
                "MULTI-INDEX" => scans.push(Node::of("BitmapOr", vec![self.tree(row.id)])),
                "BLOOM" | "REUSE" => {}
                "INDEX" | "LEFT" | "RIGHT" | "LEFT-MOST" | "SETUP" | "RECURSIVE" => scans.push(self.tree(row.id)),
                _ => scans.push(Node::of(detail, self.below(row.id))),
            }
        }
        let mut root = scans.into_iter().reduce(joined).unwrap_or_else(|| Node::of("Result", Vec::new()));
        for node in above {
            root = Node { children: vec![root], ..node };
        }
        root.children.extend(aside);
        root
    }

    fn below(&mut self, id: i64) -> Vec<Node> {
        if self.rows.iter().any(|row| row.parent == id) { vec![self.tree(id)] } else { Vec::new() }
    }

    /// `s1`, `s1 USING INDEX i (a=? AND b>?)`, `CONSTANT ROW`, …
    fn scan(&mut self, what: &str) -> Node {
        if what == "CONSTANT ROW" {
            return Node::of("Result", Vec::new());
        }
        if what.ends_with("CONSTANT ROWS") || what.ends_with("-ROW VALUES CLAUSE") {
            return Node::of("Values Scan", Vec::new());
        }
        let is_left = what.ends_with(" LEFT-JOIN");
        let what = what.trim_end_matches(" LEFT-JOIN");
        let (name, how) = what.split_once(' ').unwrap_or((what, ""));
        let mut node = Node::of("Seq Scan", Vec::new());
        if let Some(part) = self.parts.remove(name) {
            node = Node::of("Subquery Scan", vec![Node { relationship: "Subquery", ..part }]);
        } else if how.starts_with("VIRTUAL TABLE") {
            node.kind = "Function Scan".to_owned();
        } else if let Some(how) = how.strip_prefix("USING ") {
            let (index, condition) = how.split_once(" (").map_or((how, ""), |(index, rest)| (index, rest.trim_end_matches(')')));
            let (kind, index) = match index {
                "INTEGER PRIMARY KEY" | "PRIMARY KEY" => ("Index Scan", "primary key"),
                index if index.starts_with("AUTOMATIC") => ("Index Scan", "automatic index"),
                index => match index.strip_prefix("COVERING INDEX ") {
                    Some(index) => ("Index Only Scan", index),
                    None => ("Index Scan", index.strip_prefix("INDEX ").unwrap_or(index)),
                },
            };
            node.kind = kind.to_owned();
            node.index = Some(index.rsplit('.').next().unwrap_or(index).to_owned());
            if !condition.is_empty() {
                node.details.push(("Index Cond", format!("({})", condition.replace('=', " = ").replace('>', " > ").replace('<', " < "))));
            }
        }
        let shown = self.names.get(name).cloned().unwrap_or_else(|| name.to_owned());
        node.relation = Some(shown);
        node.join = is_left.then_some("Left");
        node
    }

    /// `COMPOUND QUERY` with a row for each side, `MERGE (EXCEPT)` with LEFT and RIGHT.
    fn compound(&mut self, detail: &str, id: i64) -> Node {
        let sides: Vec<Row> = self.rows.iter().filter(|row| row.parent == id).cloned().collect();
        let words: Vec<String> = sides.iter().map(|row| row.detail.clone()).collect();
        let has = |word: &str| detail.contains(word) || words.iter().any(|side| side.starts_with(word));
        let children = sides.iter().map(|row| Node { relationship: "Member", ..self.tree(row.id) }).collect();
        let (kind, strategy) = match () {
            () if has("EXCEPT") => ("SetOp Except", Some("Hashed")),
            () if has("INTERSECT") => ("SetOp Intersect", Some("Hashed")),
            () if has("UNION ALL") || !has("UNION") => return Node::of("Append", children),
            () => ("HashAggregate", Some("Hashed")),
        };
        Node { strategy, ..Node::of(kind, vec![Node::of("Append", children)]) }
    }
}

/// What `USE TEMP B-TREE FOR …` does with the rows below it.
fn sorting(what: &str) -> Option<Node> {
    let purpose = what.strip_prefix("TEMP B-TREE FOR ")?;
    match purpose {
        "GROUP BY" => Some(Node { strategy: Some("Sorted"), ..Node::of("GroupAggregate", Vec::new()) }),
        "DISTINCT" => Some(Node::of("Unique", Vec::new())),
        purpose if purpose.ends_with("ORDER BY") => Some(Node::of("Sort", Vec::new())),
        _ => None,
    }
}

/// One scan inside another.
fn joined(outer: Node, inner: Node) -> Node {
    let join = inner.join.unwrap_or("Inner");
    let inner = Node { relationship: "Inner", join: None, ..inner };
    Node { join: Some(join), ..Node::of("Nested Loop", vec![outer, inner]) }
}
