//! Captured rows as the log writes them: images in their one spelling, and record ids.
//!
//! Enters: a layout and values by position. Leaves: JSON text; and from a record's id the key's values back.

use rusqlite::types::{Value, ValueRef};
use serde_json::Value as Json;

use super::LogError;
use crate::{
    schema::Layout,
    value::{ValueError, from_json, from_text_form, text_form, write_json},
};

/// Appends the image of the known cells, in the order of their names.
pub(crate) fn write_image(layout: &Layout, cells: &[Option<ValueRef<'_>>], out: &mut String) -> Result<(), ValueError> {
    out.push('{');
    let mut first = true;
    for &position in &layout.by_name {
        let Some(value) = cells[position] else { continue };
        if !first {
            out.push(',');
        }
        first = false;
        let column = &layout.columns[position];
        out.push_str(&column.label);
        write_json(column.storage, value, out)?;
    }
    out.push('}');
    Ok(())
}

/// A record's id: the key in text form, the parts as a JSON array where there are several.
pub fn record_id(layout: &Layout, key: &[ValueRef<'_>]) -> Result<String, ValueError> {
    if let ([value], [position]) = (key, &layout.key[..]) {
        return Ok(text_form(layout.columns[*position].storage, *value)?.unwrap_or_else(|| "null".to_owned()));
    }
    let mut out = String::from("[");
    for (index, (value, position)) in key.iter().zip(&layout.key).enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_json(layout.columns[*position].storage, *value, &mut out)?;
    }
    out.push(']');
    Ok(out)
}

/// The key's values, in the key's order, from a record's id.
pub fn key_values(layout: &Layout, record_id: &str) -> Result<Vec<Value>, LogError> {
    if let [position] = layout.key[..] {
        return Ok(vec![from_text_form(layout.columns[position].storage, record_id)?]);
    }
    let malformed = || LogError::Malformed(format!("{record_id} is not the id of a record of {}", layout.log_name));
    let parts: Vec<Json> = serde_json::from_str(record_id).map_err(|_| malformed())?;
    if parts.len() != layout.key.len() {
        return Err(malformed());
    }
    let value = |(part, position): (&Json, &usize)| Ok(from_json(layout.columns[*position].storage, part)?);
    parts.iter().zip(&layout.key).map(value).collect()
}
