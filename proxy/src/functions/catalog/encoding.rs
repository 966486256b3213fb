//! Numbers and names of encodings (`pg_wchar.h`, `encnames.c`).

use super::super::{
    Body::{Native, Scalar},
    Call, Row, Value, row,
};
use crate::error::Result;

pub(super) const ROWS: &[Row] = &[
    row("pg_encoding_to_char(integer)", Scalar(to_name)),
    row("pg_char_to_encoding(name)", Scalar(to_number)),
    row("pg_encoding_max_length(integer)", Scalar(max_length)),
    row("getdatabaseencoding()", Native("'UTF8'")),
];

/// Names by number, and the bytes that a character takes at most.
const ENCODINGS: &[(&str, i64)] = &[
    ("SQL_ASCII", 1),
    ("EUC_JP", 3),
    ("EUC_CN", 2),
    ("EUC_KR", 3),
    ("EUC_TW", 4),
    ("EUC_JIS_2004", 3),
    ("UTF8", 4),
    ("MULE_INTERNAL", 4),
    ("LATIN1", 1),
    ("LATIN2", 1),
    ("LATIN3", 1),
    ("LATIN4", 1),
    ("LATIN5", 1),
    ("LATIN6", 1),
    ("LATIN7", 1),
    ("LATIN8", 1),
    ("LATIN9", 1),
    ("LATIN10", 1),
    ("WIN1256", 1),
    ("WIN1258", 1),
    ("WIN866", 1),
    ("WIN874", 1),
    ("KOI8R", 1),
    ("WIN1251", 1),
    ("WIN1252", 1),
    ("ISO_8859_5", 1),
    ("ISO_8859_6", 1),
    ("ISO_8859_7", 1),
    ("ISO_8859_8", 1),
    ("WIN1250", 1),
    ("WIN1253", 1),
    ("WIN1254", 1),
    ("WIN1255", 1),
    ("WIN1257", 1),
    ("KOI8U", 1),
    ("SJIS", 2),
    ("BIG5", 2),
    ("GBK", 2),
    ("UHC", 2),
    ("GB18030", 4),
    ("JOHAB", 3),
    ("SHIFT_JIS_2004", 2),
];

/// Other names, letters and digits only.
const ALIASES: &[(&str, &str)] = &[
    ("unicode", "UTF8"),
    ("abc", "WIN1258"),
    ("alt", "WIN866"),
    ("iso88591", "LATIN1"),
    ("iso88592", "LATIN2"),
    ("iso88593", "LATIN3"),
    ("iso88594", "LATIN4"),
    ("iso88599", "LATIN5"),
    ("iso885910", "LATIN6"),
    ("iso885913", "LATIN7"),
    ("iso885914", "LATIN8"),
    ("iso885915", "LATIN9"),
    ("iso885916", "LATIN10"),
    ("koi8", "KOI8R"),
    ("mskanji", "SJIS"),
    ("shiftjis", "SJIS"),
    ("tcvn", "WIN1258"),
    ("vscii", "WIN1258"),
    ("win", "WIN1251"),
    ("win932", "SJIS"),
    ("win936", "GBK"),
    ("win949", "UHC"),
    ("win950", "BIG5"),
];

fn to_name(call: &Call<'_>) -> Result<Value> {
    let found = usize::try_from(call.int(0)?).ok().and_then(|number| ENCODINGS.get(number));
    Ok(Value::Text(found.map_or("", |(name, _)| name).to_owned()))
}

fn clean(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn to_number(call: &Call<'_>) -> Result<Value> {
    let name = clean(call.text(0)?);
    let name = name.strip_prefix("windows").map_or_else(|| name.clone(), |rest| format!("win{rest}"));
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, full)| clean(full));
    let found = ENCODINGS.iter().position(|(known, _)| clean(known) == name);
    Ok(Value::Integer(found.map_or(-1, |number| number as i64)))
}

fn max_length(call: &Call<'_>) -> Result<Value> {
    let found = usize::try_from(call.int(0)?).ok().and_then(|number| ENCODINGS.get(number));
    Ok(found.map_or(Value::Null, |(_, length)| Value::Integer(*length)))
}
