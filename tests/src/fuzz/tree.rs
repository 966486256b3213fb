//! Generated text as a tree, so that it can be shrunk: a node is pieces of SQL with child nodes between them.

use super::values::SAMPLES;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Type, by its place in [`SAMPLES`].
    pub ty: usize,
    /// One more than there are children.
    pub pieces: Vec<String>,
    /// What stands between the pieces.
    pub children: Vec<Node>,
}

impl Node {
    /// Without children.
    pub fn leaf(ty: usize, sql: impl Into<String>) -> Node {
        Node { ty, pieces: vec![sql.into()], children: Vec::new() }
    }

    /// NULL of a type.
    pub fn null(ty: usize) -> Node {
        Node::leaf(ty, format!("NULL::{}", SAMPLES[ty].ty))
    }

    /// `before child between child … after`.
    pub fn of(ty: usize, before: &str, children: Vec<Node>, between: &str, after: &str) -> Node {
        let mut pieces = vec![between.to_owned(); children.len() + 1];
        pieces[0] = before.to_owned();
        *pieces.last_mut().expect("there is at least one piece") = after.to_owned();
        Node { ty, pieces, children }
    }

    /// As SQL.
    pub fn sql(&self) -> String {
        let mut out = self.pieces[0].clone();
        for (child, piece) in self.children.iter().zip(&self.pieces[1..]) {
            out.push_str(&child.sql());
            out.push_str(piece);
        }
        out
    }

    /// Smaller trees of the same type: a descendant in its place, NULL, a sample, or one child made smaller.
    pub fn smaller(&self) -> Vec<Node> {
        let mut found: Vec<Node> = self.children.iter().filter(|c| c.ty == self.ty).cloned().collect();
        if !self.children.is_empty() {
            found.push(Node::null(self.ty));
            found.extend(SAMPLES[self.ty].texts.iter().take(3).map(|text| literal(self.ty, text)));
        }
        for (n, child) in self.children.iter().enumerate() {
            found.extend(child.smaller().into_iter().map(|smaller| {
                let mut node = self.clone();
                node.children[n] = smaller;
                node
            }));
        }
        found
    }
}

/// A literal of a type.
pub fn literal(ty: usize, text: &str) -> Node {
    let quoted = if text.contains("''") { text.to_owned() } else { text.replace('\'', "''") };
    Node::leaf(ty, format!("'{quoted}'::{}", SAMPLES[ty].ty))
}
