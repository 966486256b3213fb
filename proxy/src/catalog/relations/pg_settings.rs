//! `pg_settings`: the settings of this session.

use super::super::segment::{Cell, Segment, row};
use crate::{
    error::Result,
    session::{
        context::Context,
        settings::definition::{Definition, Kind},
    },
};

/// The settings that PostgreSQL lists.
pub(super) fn rows(cx: &Context, out: &mut Segment) -> Result<()> {
    for report in cx.services.settings() {
        let definition = report.definition;
        let (least, greatest, words) = bounds(definition);
        let source = match () {
            () if report.value != report.reset_value => "session",
            () if report.value != definition.boot => "configuration file",
            () => "default",
        };
        out.push(row![
            &definition.name,
            report.value,
            (!definition.unit.is_empty()).then_some(&definition.unit),
            &definition.category,
            &definition.description,
            Cell::Null,
            &definition.context,
            &definition.vartype,
            source,
            least,
            greatest,
            words,
            &definition.boot,
            report.reset_value,
            Cell::Null,
            Cell::Null,
            false,
        ]);
    }
    Ok(())
}

/// `min_val`, `max_val` and `enumvals`.
fn bounds(definition: &Definition) -> (Option<String>, Option<String>, Option<String>) {
    match &definition.kind {
        Kind::Integer(least, greatest) => (Some(least.to_string()), Some(greatest.to_string()), None),
        Kind::Real(least, greatest) => (Some(short(*least)), Some(short(*greatest)), None),
        Kind::Enum(words) => {
            let words: Vec<String> =
                words.iter().map(|word| if word.contains(' ') { format!("\"{word}\"") } else { word.clone() }).collect();
            (None, None, Some(format!("{{{}}}", words.join(","))))
        }
        Kind::Bool | Kind::String => (None, None, None),
    }
}

/// A number as C's `%g` prints it.
fn short(number: f64) -> String {
    let plain = number.to_string();
    if number == 0.0 || (1e-4..1e6).contains(&number.abs()) {
        return plain;
    }
    let scientific = format!("{number:.5e}");
    let (digits, power) = scientific.split_once('e').expect("the format has an exponent");
    let power: i32 = power.parse().expect("an exponent is a number");
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}
