//! Settings that are strings in form only: DateStyle, TimeZone, client_encoding, search_path, transaction levels, roles.
//! Enters: the text given; leaves: its canonical form, or PostgreSQL's refusal.

use std::str::FromStr;

use crate::{
    error::{Result, SqlError, SqlState},
    parse::command::Isolation,
    session::context::{DateFormat, DateOrder, DateStyle},
    types::datetime::zone::Zone,
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

/// A time zone by name (whatever its case), as hours east of Greenwich, or by POSIX specification: as it is shown and as it is used.
pub(super) fn zone(text: &str) -> Option<(String, Zone)> {
    let text = text.trim();
    if let Some(tz) = chrono_tz::TZ_VARIANTS.iter().copied().find(|tz| tz.name().eq_ignore_ascii_case(text)) {
        return Some((tz.name().to_owned(), Zone::Named(tz)));
    }
    let Ok(hours) = f64::from_str(text) else { return Zone::by_name(text).map(|zone| (text.to_owned(), zone)) };
    if !(-167.0..=167.0).contains(&hours) {
        return None;
    }
    let east = (hours * 3600.0) as i32;
    // Shown as a POSIX specification, which counts west of Greenwich.
    let shown = |seconds: i32| {
        let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
        let rest = if minutes % 60 == 0 { String::new() } else { format!(":{:02}", minutes % 60) };
        format!("{sign}{:02}{rest}", minutes / 60)
    };
    Some((format!("<{}>{}", shown(east), shown(-east)), Zone::Fixed(east)))
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
