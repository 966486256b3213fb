//! `jsonpath`: a path's tree, its reader and its printer. Storage: TEXT in the form in which PostgreSQL prints it.

mod parse;
mod print;

use super::{
    Codec, Type, Value, ValueRef,
    text::{text, utf8},
};
use crate::{error::Result, session::context::Context};

/// The codec of `jsonpath`.
pub(super) struct JsonpathCodec;

/// A path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Jsonpath {
    /// `strict`: nothing is unwrapped, and a missing member is an error.
    pub(crate) strict: bool,
    /// What it evaluates.
    pub(crate) item: Item,
}

/// A step, and the one that goes on from its result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    /// What it is.
    pub(crate) kind: Kind,
    /// The next step.
    pub(crate) next: Option<Box<Item>>,
}

/// The kinds of steps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// `null`, `true`, `1.5`, `"text"`.
    Literal(super::jsonb::Jsonb),
    /// `$name`.
    Variable(String),
    /// `$`.
    Root,
    /// `@`.
    Current,
    /// `last`.
    Last,
    /// `.key`.
    Key(String),
    /// `.*`.
    AnyKey,
    /// `[*]`.
    AnyElement,
    /// `[1, 2 to last]`.
    Elements(Vec<(Item, Option<Item>)>),
    /// `.**{first to last}`; the last one is none for `last`.
    Anywhere(Option<u32>, Option<u32>),
    /// `? (…)`.
    Filter(Box<Item>),
    /// `.type()` and its kin.
    Method(Method),
    /// `.datetime("…")`.
    Datetime(Option<String>),
    /// `+ - * / %` over two operands.
    Arithmetic(&'static str, Box<Item>, Box<Item>),
    /// A sign.
    Sign(&'static str, Box<Item>),
    /// `== != < <= > >=`.
    Compare(&'static str, Box<Item>, Box<Item>),
    /// `&&`.
    And(Box<Item>, Box<Item>),
    /// `||`.
    Or(Box<Item>, Box<Item>),
    /// `!(…)`.
    Not(Box<Item>),
    /// `(…) is unknown`.
    IsUnknown(Box<Item>),
    /// `exists (…)`.
    Exists(Box<Item>),
    /// `starts with`.
    StartsWith(Box<Item>, Box<Item>),
    /// `like_regex "…" flag "…"`.
    LikeRegex(Box<Item>, String, String),
}

/// Methods without arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Method {
    Type,
    Size,
    Abs,
    Floor,
    Ceiling,
    Double,
    Keyvalue,
}

impl Method {
    /// All, by name.
    pub(crate) const ALL: &[(&str, Method)] = &[
        ("type", Method::Type),
        ("size", Method::Size),
        ("abs", Method::Abs),
        ("floor", Method::Floor),
        ("ceiling", Method::Ceiling),
        ("double", Method::Double),
        ("keyvalue", Method::Keyvalue),
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        Method::ALL.iter().find(|(_, method)| *method == self).map_or("", |(name, _)| name)
    }
}

impl Item {
    /// A step that none follows.
    pub(crate) fn new(kind: Kind) -> Item {
        Item { kind, next: None }
    }
}

impl Jsonpath {
    /// Reads a path.
    pub(crate) fn parse(source: &str) -> Result<Jsonpath> {
        parse::parse(source)
    }
}

impl Codec for JsonpathCodec {
    fn input(&self, source: &str, _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        Ok(Value::Text(print::print(&Jsonpath::parse(source)?)))
    }

    fn output(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(text(value)?.as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], ty: &Type, typmod: i32, cx: &Context) -> Result<Value> {
        // One byte of version, then the text.
        self.input(utf8(bytes.get(1..).unwrap_or_default())?, ty, typmod, cx)
    }

    fn send(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.push(1);
        out.extend_from_slice(text(value)?.as_bytes());
        Ok(())
    }
}
