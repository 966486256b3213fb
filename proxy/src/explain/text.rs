//! The text form of EXPLAIN, a line for each node and each detail of it (`ExplainNode`).

use super::{Account, Node};

/// All lines.
pub(super) fn lines(account: &Account<'_>) -> Vec<String> {
    let mut out = Vec::new();
    node(account, &account.root, 0, true, &mut out);
    let milliseconds = |time: std::time::Duration| format!("{:.3} ms", time.as_secs_f64() * 1000.0);
    if account.shows_summary() {
        out.push(format!("Planning Time: {}", milliseconds(account.planning)));
        if let Some(measured) = &account.measured {
            out.push(format!("Execution Time: {}", milliseconds(measured.execution)));
        }
    }
    out
}

fn node(account: &Account<'_>, node_: &Node, depth: usize, is_root: bool, out: &mut Vec<String>) {
    // Each level is six columns deeper: two blanks more than the arrow takes.
    let mut indent = if depth == 0 { String::new() } else { " ".repeat(depth * 6 - 4) };
    if let Some(name) = &node_.subplan {
        out.push(format!("{indent}{name}"));
        indent += "  ";
    }
    let arrow = if depth == 0 && node_.subplan.is_none() { "" } else { "->  " };
    out.push(format!("{indent}{arrow}{}{}", node_.label(), numbers(account, is_root)));
    let inside = " ".repeat(indent.len() + arrow.len() + 2);
    out.extend(node_.details.iter().map(|(name, value)| format!("{inside}{name}: {value}")));
    let deeper = depth + 1 + usize::from(node_.subplan.is_some()).min(depth);
    for child in &node_.children {
        node(account, child, deeper, false, out);
    }
}

fn numbers(account: &Account<'_>, is_root: bool) -> String {
    let mut out = String::new();
    if account.options.costs {
        out += "  (cost=0.00..0.00 rows=0 width=0)";
    }
    if let (Some(measured), true) = (&account.measured, is_root) {
        let time =
            if account.shows_timing() { format!("time=0.000..{:.3} ", measured.execution.as_secs_f64() * 1000.0) } else { String::new() };
        out += if account.options.costs { " " } else { "  " };
        out += &format!("(actual {time}rows={} loops=1)", measured.rows);
    }
    out
}
