//! `jsonb`: a tree. Storage: TEXT exactly as PostgreSQL prints it (keys by length, then bytes; of duplicates the last), with the
//! collation `jsonb`.

use std::cmp::Ordering;

use super::{
    Codec, Type, Value, ValueRef,
    binary::stored_text,
    decimal::Numeric,
    json::{self, Kind, Node},
    numeric,
};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// The codec of `jsonb`.
pub struct JsonbCodec;

/// A `jsonb` value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Jsonb {
    /// `null`.
    Null,
    /// A string.
    String(String),
    /// A number in numeric's text form.
    Number(String),
    /// A boolean.
    Bool(bool),
    /// An array.
    Array(Vec<Jsonb>),
    /// An object, its keys in storage order and unique.
    Object(Vec<(String, Jsonb)>),
}

/// The order in which keys are stored: by length, then by bytes.
pub fn key_order(left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

impl Jsonb {
    /// Reads a text as a user writes it.
    pub fn parse(text: &str) -> Result<Jsonb> {
        Jsonb::from_node(&json::parse(text)?)
    }

    /// Reads the storage form.
    pub fn from_storage(text: &str) -> Result<Jsonb> {
        Jsonb::parse(text)
    }

    /// From a JSON tree.
    pub fn from_node(node: &Node<'_>) -> Result<Jsonb> {
        Ok(match &node.kind {
            Kind::Null => Jsonb::Null,
            Kind::Bool(value) => Jsonb::Bool(*value),
            Kind::Number => Jsonb::number(node.source)?,
            Kind::String(string) => Jsonb::String(string.clone()),
            Kind::Array(elements) => Jsonb::Array(elements.iter().map(Jsonb::from_node).collect::<Result<_>>()?),
            Kind::Object(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| Ok((key.clone(), Jsonb::from_node(value)?)));
                Jsonb::object(pairs.collect::<Result<_>>()?)
            }
        })
    }

    /// A number as JSON writes it, or any numeric.
    pub fn number(source: &str) -> Result<Jsonb> {
        let plain = !source.contains(['e', 'E', '+']) && !source.starts_with("-0") && source.len() < 400;
        if plain && source.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return Ok(Jsonb::Number(source.to_owned()));
        }
        Ok(Jsonb::Number(Numeric::parse(source)?.to_string()))
    }

    /// An object of pairs in any order; of duplicates the last stays.
    pub fn object(mut pairs: Vec<(String, Jsonb)>) -> Jsonb {
        pairs.sort_by(|left, right| key_order(&left.0, &right.0));
        let mut unique: Vec<(String, Jsonb)> = Vec::with_capacity(pairs.len());
        for pair in pairs {
            match unique.last_mut() {
                Some(last) if last.0 == pair.0 => *last = pair,
                _ => unique.push(pair),
            }
        }
        Jsonb::Object(unique)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Jsonb> {
        let Jsonb::Object(pairs) = self else { return None };
        pairs.binary_search_by(|(k, _)| key_order(k, key)).ok().map(|at| &pairs[at].1)
    }

    /// An element by its position, counted from the end where it is negative.
    pub fn element(&self, position: i64) -> Option<&Jsonb> {
        let Jsonb::Array(elements) = self else { return None };
        let position = if position < 0 { position + elements.len() as i64 } else { position };
        usize::try_from(position).ok().and_then(|at| elements.get(at))
    }

    /// The storage form.
    pub fn to_storage(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Appends the storage form.
    pub fn write(&self, out: &mut String) {
        match self {
            Jsonb::Null => out.push_str("null"),
            Jsonb::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Jsonb::Number(number) => out.push_str(number),
            Jsonb::String(string) => json::escape(string, out),
            Jsonb::Array(elements) => {
                out.push('[');
                for (at, element) in elements.iter().enumerate() {
                    out.push_str(if at > 0 { ", " } else { "" });
                    element.write(out);
                }
                out.push(']');
            }
            Jsonb::Object(pairs) => {
                out.push('{');
                for (at, (key, value)) in pairs.iter().enumerate() {
                    out.push_str(if at > 0 { ", " } else { "" });
                    json::escape(key, out);
                    out.push_str(": ");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// As `->>` gives it.
    pub fn as_text(&self) -> Option<String> {
        match self {
            Jsonb::Null => None,
            Jsonb::String(string) => Some(string.clone()),
            other => Some(other.to_storage()),
        }
    }

    /// The type's name as `jsonb_typeof` has it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Jsonb::Null => "null",
            Jsonb::Bool(_) => "boolean",
            Jsonb::Number(_) => "number",
            Jsonb::String(_) => "string",
            Jsonb::Array(_) => "array",
            Jsonb::Object(_) => "object",
        }
    }

    /// Whether it is neither array nor object.
    pub fn is_scalar(&self) -> bool {
        !matches!(self, Jsonb::Array(_) | Jsonb::Object(_))
    }

    /// Equality of meaning: numbers by value.
    pub fn same(&self, other: &Jsonb) -> bool {
        self.compare(other) == Ordering::Equal
    }

    fn rank(&self) -> u8 {
        match self {
            Jsonb::Null => 0,
            Jsonb::String(_) => 1,
            Jsonb::Number(_) => 2,
            Jsonb::Bool(_) => 3,
            Jsonb::Array(_) => 4,
            Jsonb::Object(_) => 5,
        }
    }

    /// PostgreSQL's order of whole values, where an empty array comes before scalars.
    pub fn order(&self, other: &Jsonb) -> Ordering {
        match (self, other) {
            (Jsonb::Array(elements), scalar) if elements.is_empty() && scalar.is_scalar() => Ordering::Less,
            (scalar, Jsonb::Array(elements)) if elements.is_empty() && scalar.is_scalar() => Ordering::Greater,
            _ => self.compare(other),
        }
    }

    fn compare(&self, other: &Jsonb) -> Ordering {
        match (self, other) {
            (Jsonb::String(left), Jsonb::String(right)) => left.cmp(right),
            (Jsonb::Number(left), Jsonb::Number(right)) => numeric::compare_text(left, right),
            (Jsonb::Bool(left), Jsonb::Bool(right)) => left.cmp(right),
            (Jsonb::Array(left), Jsonb::Array(right)) => {
                let by_length = left.len().cmp(&right.len());
                let mut pairs = left.iter().zip(right);
                by_length.then_with(|| pairs.find_map(|(l, r)| unequal(l.compare(r))).unwrap_or(Ordering::Equal))
            }
            (Jsonb::Object(left), Jsonb::Object(right)) => {
                let by_length = left.len().cmp(&right.len());
                let mut pairs = left.iter().zip(right);
                let pair = |((lk, lv), (rk, rv)): (&(String, Jsonb), &(String, Jsonb))| unequal(lk.cmp(rk).then_with(|| lv.compare(rv)));
                by_length.then_with(|| pairs.find_map(pair).unwrap_or(Ordering::Equal))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

fn unequal(order: Ordering) -> Option<Ordering> {
    (order != Ordering::Equal).then_some(order)
}

impl Codec for JsonbCodec {
    fn input(&self, text: &str, _: &Type, _: i32, _: &Context) -> Result<Value> {
        Ok(Value::Text(Jsonb::parse(text)?.to_storage()))
    }

    fn output(&self, value: ValueRef<'_>, _: &Type, _: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(stored_text(value)?.as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], ty: &Type, typmod: i32, cx: &Context) -> Result<Value> {
        match bytes.split_first() {
            Some((1, text)) => self.input(json::utf8(text)?, ty, typmod, cx),
            Some((version, _)) => Err(SqlError::internal(format!("unsupported jsonb version number {version}"))),
            None => Err(SqlError::new(SqlState::PROTOCOL_VIOLATION, "no data left in message")),
        }
    }

    fn send(&self, value: ValueRef<'_>, _: &Type, _: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.push(1);
        out.extend_from_slice(stored_text(value)?.as_bytes());
        Ok(())
    }

    fn compare(&self, left: &str, right: &str, _: &Type, _: &Context) -> Ordering {
        if left == right {
            return Ordering::Equal;
        }
        match (Jsonb::from_storage(left), Jsonb::from_storage(right)) {
            (Ok(left), Ok(right)) => left.order(&right),
            _ => left.cmp(right),
        }
    }
}
