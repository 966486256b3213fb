//! `COMMENT ON CONSTRAINT` and `COMMENT ON FUNCTION`, whose objects are named by more than a name.

use super::{Commented, Definition, RoutineKind, routine};
use crate::parse::command::{Grammar, Parsing};

/// The comment, if it is on one of these.
pub(super) fn comment(g: &mut Grammar<'_, '_>) -> Parsing<Option<Definition>> {
    let word = g.peek(2);
    let kind = RoutineKind::by_word(&word);
    if !matches!(word.as_str(), "constraint" | "trigger") && kind.is_none() {
        return Ok(None);
    }
    g.expect("comment")?;
    g.expect("on")?;
    g.parser.next_token();
    let on = match kind {
        Some(kind) => Commented::Routine(kind, routine::named(g)?),
        None if word == "trigger" => {
            let name = g.parser.parse_identifier()?;
            g.expect("on")?;
            Commented::Trigger(name, g.parser.parse_object_name(false)?)
        }
        None => {
            let name = g.parser.parse_identifier()?;
            g.expect("on")?;
            let domain = g.word("domain");
            Commented::Constraint { name, of: g.parser.parse_object_name(false)?, domain }
        }
    };
    g.expect("is")?;
    // An empty comment is none.
    let text = if g.word("null") { None } else { Some(g.string()?).filter(|text| !text.is_empty()) };
    Ok(Some(Definition::Comment { on, text }))
}
