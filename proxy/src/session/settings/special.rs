//! Settings that are strings in form only: DateStyle, TimeZone, client_encoding, search_path, transaction levels, roles.
//! Enters: the text given; leaves: its canonical form, or PostgreSQL's refusal.

use std::str::FromStr;

use crate::{
    error::{Result, SqlError, SqlState},
    parse::command::Isolation,
    session::context::{DateFormat, DateOrder, DateStyle},
};

fn invalid(name: &str, text: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid value for parameter \"{name}\": \"{text}\""))
}

/// The canonical form of a string setting.
pub(super) fn canonical(name: &str, text: &str, current: &str) -> Result<String> {
    match name {
        "DateStyle" => date_style(text, current).map(|style| date_style_text(&style)),
        "TimeZone" | "log_timezone" => zone(text).map(|(shown, _)| shown).ok_or_else(|| invalid(name, text)),
        "client_encoding" => encoding(text).map(str::to_owned).ok_or_else(|| invalid(name, text)),
        "transaction_isolation" | "default_transaction_isolation" => {
            let level = Isolation::by_name(&text.to_ascii_lowercase()).ok_or_else(|| invalid(name, text))?;
            Ok(level.name().to_owned())
        }
        // A role is a name; until roles exist, every name is the owner of all (trust), as DESIGN section 2 has it.
        "role" | "session_authorization" => Ok(text.to_owned()),
        "application_name" | "cluster_name" => Ok(text.bytes().map(|b| if (32..127).contains(&b) { char::from(b) } else { '?' }).collect()),
        "default_table_access_method" if text != "heap" => {
            Err(invalid(name, text).detail(format!("Table access method \"{text}\" does not exist.")))
        }
        "timezone_abbreviations" if !matches!(text, "Default" | "Australia" | "India") => Err(invalid(name, text)),
        _ => Ok(text.to_owned()),
    }
}

/// `DateStyle`: words for format and order, in any sequence, each at most once; what is not given stays.
fn date_style(text: &str, current: &str) -> Result<DateStyle> {
    let mut style =
        if current.is_empty() { DateStyle { format: DateFormat::Iso, order: DateOrder::Mdy } } else { parse_date_style(current) };
    let (mut format, mut order) = (false, false);
    let refuse = |detail: String| Err(invalid("DateStyle", text).detail(detail));
    for word in text.split(',').map(|w| w.trim().trim_matches('"').to_ascii_lowercase()) {
        let given_format = match word.as_str() {
            "iso" => Some(DateFormat::Iso),
            "sql" => Some(DateFormat::Sql),
            "german" => Some(DateFormat::German),
            w if w.starts_with("postgres") => Some(DateFormat::Postgres),
            _ => None,
        };
        let given_order = match word.as_str() {
            "ymd" => Some(DateOrder::Ymd),
            "dmy" => Some(DateOrder::Dmy),
            w if w.starts_with("euro") => Some(DateOrder::Dmy),
            "mdy" | "us" => Some(DateOrder::Mdy),
            w if w.starts_with("noneuro") => Some(DateOrder::Mdy),
            _ => None,
        };
        match (given_format, given_order, word.as_str()) {
            (Some(_), _, _) if format => return refuse("Conflicting \"datestyle\" specifications.".to_owned()),
            (_, Some(_), _) if order => return refuse("Conflicting \"datestyle\" specifications.".to_owned()),
            (Some(f), _, _) => {
                style.format = f;
                format = true;
                if f == DateFormat::German && !order {
                    style.order = DateOrder::Dmy;
                }
            }
            (_, Some(o), _) => {
                style.order = o;
                order = true;
            }
            (_, _, "default") => style = DateStyle { format: DateFormat::Iso, order: DateOrder::Mdy },
            _ => return refuse(format!("Unrecognized key word: \"{word}\".")),
        }
    }
    Ok(style)
}

fn date_style_text(style: &DateStyle) -> String {
    let format = match style.format {
        DateFormat::Iso => "ISO",
        DateFormat::Sql => "SQL",
        DateFormat::Postgres => "Postgres",
        DateFormat::German => "German",
    };
    let order = match style.order {
        DateOrder::Mdy => "MDY",
        DateOrder::Dmy => "DMY",
        DateOrder::Ymd => "YMD",
    };
    format!("{format}, {order}")
}

/// A canonical `DateStyle`.
pub(super) fn parse_date_style(kept: &str) -> DateStyle {
    let (format, order) = kept.split_once(", ").unwrap_or((kept, "MDY"));
    let format = match format {
        "SQL" => DateFormat::Sql,
        "Postgres" => DateFormat::Postgres,
        "German" => DateFormat::German,
        _ => DateFormat::Iso,
    };
    let order = match order {
        "DMY" => DateOrder::Dmy,
        "YMD" => DateOrder::Ymd,
        _ => DateOrder::Mdy,
    };
    DateStyle { format, order }
}

/// A time zone by name (whatever its case) or as whole hours east of Greenwich, as it is shown and as it is used.
///
/// Offsets that are not whole hours between -14 and +12 have no zone in the tz database and are refused.
pub(super) fn zone(text: &str) -> Option<(String, chrono_tz::Tz)> {
    let text = text.trim();
    if let Some(tz) = chrono_tz::TZ_VARIANTS.iter().copied().find(|tz| tz.name().eq_ignore_ascii_case(text)) {
        return Some((tz.name().to_owned(), tz));
    }
    if let Some(inner) = text.strip_prefix('<') {
        // The form in which an offset is shown: `<-03>+03`.
        return zone(inner.split_once('>')?.0);
    }
    let hours = match text.split_once(':') {
        Some((hours, minutes)) if minutes.bytes().all(|b| b == b'0' || b == b':') => f64::from_str(hours).ok()?,
        Some(_) => return None,
        None => f64::from_str(text).ok()?,
    };
    if hours.fract() != 0.0 || !(-12.0..=14.0).contains(&hours) {
        return None;
    }
    // The zones Etc/GMT count west of Greenwich.
    let west = -hours as i32;
    let tz = chrono_tz::Tz::from_str(&if west == 0 { "Etc/GMT".to_owned() } else { format!("Etc/GMT{west:+}") }).ok()?;
    let shown = format!("<{:+03}>{:+03}", -west, west);
    Some((shown, tz))
}

/// Client encodings that are served: text goes over the wire as UTF-8; SQL_ASCII promises nothing else.
fn encoding(text: &str) -> Option<&'static str> {
    let folded: String = text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    match folded.as_str() {
        "utf8" | "unicode" => Some("UTF8"),
        "sqlascii" => Some("SQL_ASCII"),
        _ => None,
    }
}
