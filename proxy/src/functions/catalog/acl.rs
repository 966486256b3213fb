//! Access control lists in text form: `{role=privileges/grantor}` (`acl.c`). Enters: an aclitem[], or a kind of object and its owner.
//! Leaves: the default list, or one row per privilege.

use super::super::{
    Body::{Scalar, Set},
    Call, Row, Rows, Value, row,
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{
        Oid,
        array::Array,
        registered::named::{role_by_name, role_name, undefined_role},
    },
};

pub(super) const ROWS: &[Row] = &[
    row("acldefault(\"char\",oid)", Scalar(default)),
    row("aclexplode(aclitem[])", Set(explode)),
    row("makeaclitem(oid,oid,text,boolean)", Scalar(make)),
];

/// The letter of each privilege, and its word.
const PRIVILEGES: &[(char, &str)] = &[
    ('a', "INSERT"),
    ('r', "SELECT"),
    ('w', "UPDATE"),
    ('d', "DELETE"),
    ('D', "TRUNCATE"),
    ('x', "REFERENCES"),
    ('t', "TRIGGER"),
    ('X', "EXECUTE"),
    ('U', "USAGE"),
    ('C', "CREATE"),
    ('T', "TEMPORARY"),
    ('c', "CONNECT"),
    ('s', "SET"),
    ('A', "ALTER SYSTEM"),
];

/// What everybody may do by default, and what the owner may, by kind of object.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("r", "", "arwdDxt"),
    ("c", "", ""),
    ("s", "", "rwU"),
    ("d", "Tc", "CTc"),
    ("f", "X", "X"),
    ("l", "U", "U"),
    ("L", "", "rw"),
    ("n", "", "UC"),
    ("t", "", "C"),
    ("F", "", "U"),
    ("S", "", "U"),
    ("T", "U", "U"),
    ("p", "", "sA"),
];

/// A role's name in an item, quoted unless it is of letters, digits and underscores.
fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn default(call: &Call<'_>) -> Result<Value> {
    let kind = call.text(0)?;
    let Some((_, everybody, owner)) = DEFAULTS.iter().find(|(known, ..)| *known == kind) else {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("unrecognized object type abbreviation: {kind}")));
    };
    let oid = call.int(1)? as Oid;
    let name = quoted(&role_name(oid, call.cx)?.unwrap_or_else(|| oid.to_string()));
    let mut items = Vec::new();
    if !everybody.is_empty() {
        items.push(Some(format!("={everybody}/{name}")));
    }
    if !owner.is_empty() {
        items.push(Some(format!("{name}={owner}/{name}")));
    }
    let list = items.into_iter().flatten().collect::<Vec<_>>();
    Ok(Value::Text(format!("{{{}}}", list.join(","))))
}

/// One item: who, which letters (a star after one is the grant option), by whom.
fn parse(item: &str) -> Option<(String, &str, String)> {
    let (who, rest) = name(item)?;
    let (letters, by) = rest.strip_prefix('=')?.split_once('/')?;
    let (by, _) = name(by)?;
    Some((who, letters, by))
}

fn name(text: &str) -> Option<(String, &str)> {
    match text.strip_prefix('"') {
        Some(inside) => {
            let end = inside.find('"')?;
            Some((inside[..end].to_owned(), &inside[end + 1..]))
        }
        None => {
            let end = text.find(['=', '/']).unwrap_or(text.len());
            Some((text[..end].to_owned(), &text[end..]))
        }
    }
}

fn explode(call: &Call<'_>) -> Result<Rows> {
    let role = |name: &str| -> Result<i64> {
        match name {
            "" => Ok(0),
            name => role_by_name(name, call.cx)?.map(i64::from).ok_or_else(|| undefined_role(name)),
        }
    };
    let mut out = Vec::new();
    for item in Array::parse(call.text(0)?, ',')?.elements.iter().flatten() {
        let invalid = || SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid aclitem: \"{item}\""));
        let (who, letters, by) = parse(item).ok_or_else(invalid)?;
        let (grantee, grantor) = (role(&who)?, role(&by)?);
        let mut letters = letters.chars().peekable();
        let mut found = Vec::new();
        while let Some(letter) = letters.next() {
            let at = PRIVILEGES.iter().position(|(known, _)| *known == letter).ok_or_else(invalid)?;
            found.push((at, letters.next_if_eq(&'*').is_some()));
        }
        found.sort_unstable();
        out.extend(found.into_iter().map(|(at, grantable)| {
            let word = Value::Text(PRIVILEGES[at].1.to_owned());
            Ok(vec![Value::Integer(grantor), Value::Integer(grantee), word, Value::Integer(grantable.into())])
        }));
    }
    Ok(Box::new(out.into_iter()))
}

fn make(call: &Call<'_>) -> Result<Value> {
    let star = if call.boolean(3)? { "*" } else { "" };
    let mut letters = String::new();
    for word in call.text(2)?.split(',').map(|word| word.trim().to_ascii_uppercase()) {
        let found = PRIVILEGES.iter().find(|(_, known)| *known == word || word == "TEMP" && *known == "TEMPORARY");
        let (letter, _) =
            found.ok_or_else(|| SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("unrecognized privilege type: \"{word}\"")))?;
        letters.push(*letter);
        letters.push_str(star);
    }
    let role = |i: usize| -> Result<String> {
        let oid = call.int(i)? as Oid;
        Ok(if oid == 0 { String::new() } else { quoted(&role_name(oid, call.cx)?.unwrap_or_else(|| oid.to_string())) })
    };
    Ok(Value::Text(format!("{}={letters}/{}", role(0)?, role(1)?)))
}
