//! The structured forms of EXPLAIN: a tree of named values enters; JSON, YAML or XML as PostgreSQL lays it out leaves.

use std::fmt::Write;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// As it is written.
    Number(String),
    Bool(bool),
    Map(Vec<(&'static str, Value)>),
    List(Vec<Value>),
}

/// JSON: a list of one query.
pub(super) fn json(query: &Value) -> String {
    let mut out = "[\n  ".to_owned();
    json_value(query, 2, &mut out);
    out + "\n]"
}

fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

fn json_value(value: &Value, indent: usize, out: &mut String) {
    let blank = " ".repeat(indent);
    match value {
        Value::Text(text) => out.push_str(&quoted(text)),
        Value::Number(number) => out.push_str(number),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Map(fields) => {
            out.push('{');
            for (at, (name, value)) in fields.iter().enumerate() {
                let _ = write!(out, "{}\n{blank}  {}: ", if at > 0 { "," } else { "" }, quoted(name));
                json_value(value, indent + 2, out);
            }
            let _ = write!(out, "\n{blank}}}");
        }
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                let _ = write!(out, "{}\n{blank}  ", if at > 0 { "," } else { "" });
                json_value(item, indent + 2, out);
            }
            let _ = write!(out, "\n{blank}]");
        }
    }
}

/// YAML: a list of one query.
pub(super) fn yaml(query: &Value) -> String {
    let mut out = "- ".to_owned();
    yaml_value(query, 2, &mut out);
    out.trim_end().to_owned()
}

fn yaml_value(value: &Value, indent: usize, out: &mut String) {
    let blank = " ".repeat(indent);
    match value {
        Value::Text(text) => out.push_str(&quoted(text)),
        Value::Number(number) => out.push_str(number),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Map(fields) => {
            for (at, (name, value)) in fields.iter().enumerate() {
                let _ = write!(out, "{}{name}: ", if at > 0 { format!("\n{blank}") } else { String::new() });
                match value {
                    Value::Map(_) => {
                        let _ = write!(out, "\n{blank}  ");
                        yaml_value(value, indent + 2, out);
                    }
                    other => yaml_value(other, indent, out),
                }
            }
        }
        Value::List(items) => {
            for item in items {
                let _ = write!(out, "\n{blank}  - ");
                yaml_value(item, indent + 4, out);
            }
        }
    }
}

/// XML: a document of one query.
pub(super) fn xml(query: &Value) -> String {
    let mut out = "<explain xmlns=\"http://www.postgresql.org/2009/explain\">\n".to_owned();
    xml_element("Query", query, 2, &mut out);
    out + "</explain>"
}

fn xml_element(name: &str, value: &Value, indent: usize, out: &mut String) {
    let (blank, tag) = (" ".repeat(indent), name.replace(' ', "-"));
    let text = match value {
        Value::Text(text) => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        Value::Number(number) => number.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Map(fields) => {
            let _ = writeln!(out, "{blank}<{tag}>");
            fields.iter().for_each(|(name, value)| xml_element(name, value, indent + 2, out));
            let _ = writeln!(out, "{blank}</{tag}>");
            return;
        }
        Value::List(items) => {
            let _ = writeln!(out, "{blank}<{tag}>");
            items.iter().for_each(|item| xml_element(tag.trim_end_matches('s'), item, indent + 2, out));
            let _ = writeln!(out, "{blank}</{tag}>");
            return;
        }
    };
    let _ = writeln!(out, "{blank}<{tag}>{text}</{tag}>");
}
