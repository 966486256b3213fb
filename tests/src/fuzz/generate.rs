//! Random expressions and queries over the tables that [`tables`] makes: mostly well typed, sometimes not.

use fastrand::Rng;

use super::{
    query::{Query, Source},
    signatures::{Form, Signature, Signatures},
    tree::{Node, literal},
    values::{SAMPLES, index_of},
};

/// One argument in so many is of a random type.
const ILL_TYPED: u32 = 40;
/// Rows of each table.
const ROWS: usize = 12;

/// Makes the tables: one column per type, filled cell by cell with samples and nulls, so that a value which one side does not support
/// is left out on both.
pub fn tables(rng: &mut Rng) -> Vec<String> {
    let mut statements = Vec::new();
    for table in ["t0", "t1"] {
        let columns: Vec<String> = SAMPLES.iter().enumerate().map(|(n, s)| format!("c{n} {}", s.ty)).collect();
        statements.push(format!("CREATE TABLE {table} (id integer PRIMARY KEY, {})", columns.join(", ")));
        statements.push(format!("INSERT INTO {table} (id) SELECT * FROM generate_series(1, {ROWS})"));
        for id in 1..=ROWS {
            statements.extend((0..SAMPLES.len()).map(|ty| format!("UPDATE {table} SET c{ty} = {} WHERE id = {id}", value(rng, ty).sql())));
        }
    }
    statements
}

fn value(rng: &mut Rng, ty: usize) -> Node {
    if rng.u32(..8) == 0 { Node::null(ty) } else { literal(ty, rng.choice(SAMPLES[ty].texts).expect("every type has samples")) }
}

/// Draws from what can be applied.
pub struct Generator<'a> {
    /// Randomness.
    pub rng: Rng,
    /// What there is.
    pub signatures: &'a Signatures,
}

impl Generator<'_> {
    /// A random statement.
    pub fn query(&mut self) -> Query {
        let source = match self.rng.u32(..10) {
            0..=3 => Source::Nothing,
            4..=7 => Source::Table,
            _ => Source::Join(self.rng.choice(&["JOIN", "LEFT JOIN", "FULL JOIN", "RIGHT JOIN"]).expect("there are some")),
        };
        let tables: &[&str] = match source {
            Source::Nothing => &[],
            Source::Table => &["t0"],
            Source::Join(_) => &["t0", "t1"],
        };
        let depth = if tables.is_empty() { 3 } else { 2 };
        let mut query = Query { source, ..Query::default() };
        if !tables.is_empty() && self.rng.u32(..3) == 0 {
            query.filter = Some(self.expression(boolean(), 2, tables));
        }
        match self.rng.u32(..6) {
            0 if !tables.is_empty() => self.grouped(&mut query, tables),
            1 if !tables.is_empty() => {
                let window = self.window(tables);
                query.columns.push(window);
            }
            _ => {
                for _ in 0..=self.rng.usize(..2) {
                    let ty = self.any_type();
                    query.columns.push(self.expression(ty, depth, tables));
                }
                query.distinct = !tables.is_empty() && self.rng.u32(..8) == 0;
            }
        }
        query
    }

    fn grouped(&mut self, query: &mut Query, tables: &[&str]) {
        if self.rng.bool() {
            let ty = self.any_type();
            query.group = Some(self.expression(ty, 1, tables));
        }
        for _ in 0..=self.rng.usize(..2) {
            if let Some(aggregate) = self.aggregate(tables) {
                query.columns.push(aggregate);
            }
        }
        if query.columns.is_empty() {
            query.columns.push(Node::leaf(index_of("bigint").expect("bigint is among the samples"), "count(*)"));
        }
    }

    /// An aggregate whose answer does not depend on the rows' order.
    fn aggregate(&mut self, tables: &[&str]) -> Option<Node> {
        let signature = self.pick(&self.signatures.aggregate)?;
        let ordered = matches!(&signature.form, Form::Call(name) if name.contains("agg"));
        let arguments: Vec<Node> = signature.arguments.iter().map(|ty| self.expression(*ty, 1, tables)).collect();
        let Form::Call(name) = &signature.form else { return None };
        let order = if ordered { if tables.len() > 1 { " ORDER BY t0.id, t1.id" } else { " ORDER BY t0.id" } } else { "" };
        let star = if arguments.is_empty() { "*" } else { "" };
        Some(Node::of(signature.result, &format!("{name}({star}"), arguments, ", ", &format!("{order})")))
    }

    fn window(&mut self, tables: &[&str]) -> Node {
        let from = if self.rng.bool() { &self.signatures.window } else { &self.signatures.aggregate };
        let Some(signature) = self.pick(from) else { return Node::null(boolean()) };
        let Form::Call(name) = &signature.form else { return Node::null(boolean()) };
        let order = if tables.len() > 1 { "t0.id, t1.id" } else { "t0.id" };
        let frame = *self
            .rng
            .choice(&["", " ROWS 1 PRECEDING", " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW", " GROUPS CURRENT ROW"])
            .expect("there are some");
        let mut children: Vec<Node> = signature.arguments.iter().map(|ty| self.expression(*ty, 1, tables)).collect();
        let star = if children.is_empty() && name == "count" { "*" } else { "" };
        let mut node = Node::of(signature.result, &format!("{name}({star}"), std::mem::take(&mut children), ", ", "");
        let key = self.any_type();
        node.children.push(self.expression(key, 1, tables));
        node.pieces.last_mut().expect("a piece").push_str(") OVER (PARTITION BY ");
        node.pieces.push(format!(" ORDER BY {order}{frame})"));
        node
    }

    fn any_type(&mut self) -> usize {
        self.rng.usize(..SAMPLES.len())
    }

    fn pick(&mut self, from: &std::collections::BTreeMap<usize, Vec<Signature>>) -> Option<Signature> {
        let lists: Vec<&Vec<Signature>> = from.values().collect();
        let list = *self.rng.clone().choice(&lists)?;
        let picked = list.get(self.rng.usize(..list.len()))?;
        Some(picked.clone())
    }

    /// A random expression of a type.
    pub fn expression(&mut self, ty: usize, depth: u32, tables: &[&str]) -> Node {
        let ty = if self.rng.u32(..ILL_TYPED) == 0 { self.any_type() } else { ty };
        if depth == 0 || self.rng.u32(..6) == 0 {
            return self.leaf(ty, tables);
        }
        match self.rng.u32(..16) {
            0 => self.special(ty, depth, tables),
            1 if ty == boolean() => self.logic(depth, tables),
            _ => match self.signatures.scalar.get(&ty).filter(|list| !list.is_empty()) {
                Some(list) => {
                    let signature = list[self.rng.usize(..list.len())].clone();
                    self.apply(&signature, depth, tables)
                }
                None => self.leaf(ty, tables),
            },
        }
    }

    fn leaf(&mut self, ty: usize, tables: &[&str]) -> Node {
        match self.rng.choice(tables) {
            Some(table) if self.rng.u32(..4) > 0 => Node::leaf(ty, format!("{table}.c{ty}")),
            _ => {
                let value = value(&mut self.rng, ty);
                let bare = ["integer", "numeric", "boolean"].contains(&SAMPLES[ty].ty) && self.rng.u32(..4) == 0;
                if bare { Node::leaf(ty, bare_literal(&value)) } else { value }
            }
        }
    }

    fn apply(&mut self, signature: &Signature, depth: u32, tables: &[&str]) -> Node {
        let arguments: Vec<Node> = signature.arguments.iter().map(|ty| self.expression(*ty, depth - 1, tables)).collect();
        match &signature.form {
            Form::Binary(name) => Node::of(signature.result, "(", arguments, &format!(" {name} "), ")"),
            Form::Prefix(name) => Node::of(signature.result, &format!("({name} "), arguments, "", ")"),
            Form::Call(name) => Node::of(signature.result, &format!("\"{name}\"("), arguments, ", ", ")"),
            Form::Cast => Node::of(signature.result, "(", arguments, "", &format!(")::{}", SAMPLES[signature.result].ty)),
        }
    }

    /// What is no function: CASE, COALESCE, NULLIF, GREATEST.
    fn special(&mut self, ty: usize, depth: u32, tables: &[&str]) -> Node {
        let mut one = |ty| self.expression(ty, depth - 1, tables);
        match (one(boolean()), one(ty), one(ty)) {
            (condition, a, b) if condition.sql().len() % 3 == 0 => {
                Node { ty, pieces: ["CASE WHEN ", " THEN ", " ELSE ", " END"].map(str::to_owned).to_vec(), children: vec![condition, a, b] }
            }
            (condition, a, b) if condition.sql().len() % 3 == 1 => Node::of(ty, "COALESCE(", vec![a, b], ", ", ")"),
            (_, a, b) => Node::of(ty, "NULLIF(", vec![a, b], ", ", ")"),
        }
    }

    fn logic(&mut self, depth: u32, tables: &[&str]) -> Node {
        let ty = self.any_type();
        match self.rng.u32(..6) {
            0 => Node::of(
                boolean(),
                "(",
                vec![self.expression(boolean(), depth - 1, tables), self.expression(boolean(), depth - 1, tables)],
                " AND ",
                ")",
            ),
            1 => Node::of(
                boolean(),
                "(",
                vec![self.expression(boolean(), depth - 1, tables), self.expression(boolean(), depth - 1, tables)],
                " OR ",
                ")",
            ),
            2 => Node::of(boolean(), "(NOT ", vec![self.expression(boolean(), depth - 1, tables)], "", ")"),
            3 => Node::of(boolean(), "(", vec![self.expression(ty, depth - 1, tables)], "", " IS NULL)"),
            4 => {
                let parts = vec![self.expression(ty, depth - 1, tables), self.leaf(ty, tables), self.leaf(ty, tables)];
                Node { ty: boolean(), pieces: ["(", " IN (", ", ", "))"].map(str::to_owned).to_vec(), children: parts }
            }
            _ => Node::of(
                boolean(),
                "(",
                vec![self.expression(ty, depth - 1, tables), self.expression(ty, depth - 1, tables)],
                " IS DISTINCT FROM ",
                ")",
            ),
        }
    }
}

fn boolean() -> usize {
    index_of("boolean").expect("boolean is among the samples")
}

/// `1.5` instead of `'1.5'::numeric`, where that is an expression.
fn bare_literal(value: &Node) -> String {
    let sql = value.sql();
    let text = sql.split('\'').nth(1).unwrap_or("NULL");
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.') && !text.is_empty();
    if plain { text.to_owned() } else { sql }
}
