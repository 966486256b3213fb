//! Arrays as trees, for what looks at their dimensions, and `text[]` as texts. Enters: storage text; leaves: items, and back.

use crate::{
    error::Result,
    types::{Value, array::Array},
};

/// An element of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// NULL.
    Null,
    /// An element's text form.
    Text(String),
    /// A further dimension.
    List(Vec<Item>),
}

/// The elements of an array, its lower bounds left out.
pub(crate) fn array(text: &str) -> Result<Vec<Item>> {
    let Array { dimensions, elements } = Array::parse(text, ',')?;
    let mut items: Vec<Item> = elements.into_iter().map(|element| element.map_or(Item::Null, Item::Text)).collect();
    for (_, length) in dimensions.iter().skip(1).rev() {
        let mut rest = items.into_iter().peekable();
        items = Vec::new();
        while rest.peek().is_some() {
            items.push(Item::List(rest.by_ref().take(*length as usize).collect()));
        }
    }
    Ok(items)
}

/// The elements of a `text[]`; further dimensions one after the other.
pub(crate) fn texts(text: &str) -> Result<Vec<Option<String>>> {
    Ok(Array::parse(text, ',')?.elements)
}

/// A `text[]` of these elements.
pub(crate) fn text_array(elements: Vec<Option<String>>) -> Value {
    Value::Text(Array::from_elements(elements).write(','))
}
