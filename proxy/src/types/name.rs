//! Names of types: PostgreSQL's long names and modifiers, read (`character varying(20)`, `public.mood[]`) and written (`format_type`).
//! Enters: text, or an OID and modifier. Leaves: a [`TypeName`] or [`TypeRef`], or text.

use super::{Kind, Oid, Type, TypeRef, oid};
use crate::{
    catalog::Catalog,
    error::{Result, SqlError, SqlState},
};

/// Long names and the `typname` behind each; the first of a `typname` is the one that `format_type` writes.
const LONG: &[(&str, &str)] = &[
    ("boolean", "bool"),
    ("smallint", "int2"),
    ("integer", "int4"),
    ("int", "int4"),
    ("bigint", "int8"),
    ("real", "float4"),
    ("double precision", "float8"),
    ("numeric", "numeric"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("character varying", "varchar"),
    ("char varying", "varchar"),
    ("national character varying", "varchar"),
    ("character", "bpchar"),
    ("nchar", "bpchar"),
    ("national character", "bpchar"),
    ("bit varying", "varbit"),
    ("time without time zone", "time"),
    ("time with time zone", "timetz"),
    ("timestamp without time zone", "timestamp"),
    ("timestamp with time zone", "timestamptz"),
];

/// The `typname` behind a long name; none where the name is not special.
pub fn internal(long: &str) -> Option<&'static str> {
    LONG.iter().find(|(l, _)| *l == long).map(|(_, i)| *i)
}

/// A type as written: schema, `typname`, modifiers in parentheses, and how many `[]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeName {
    /// Schema, where one was written.
    pub schema: Option<String>,
    /// `typname`: long names are replaced.
    pub name: String,
    /// What stood in parentheses.
    pub modifiers: Vec<i32>,
    /// `[]`, counted.
    pub dimensions: usize,
}

/// Reads a type's name.
pub fn parse(text: &str) -> Result<TypeName> {
    let invalid = || SqlError::new(SqlState::SYNTAX_ERROR, format!("invalid type name \"{text}\""));
    let mut rest = text.trim();
    let mut dimensions = 0;
    while let Some(head) = rest.strip_suffix(']') {
        let open = head.rfind('[').ok_or_else(invalid)?;
        rest = head[..open].trim_end();
        dimensions += 1;
    }
    if let Some(head) = strip_suffix_word(rest, "array") {
        rest = head;
        dimensions += 1;
    }
    let (mut modifiers, mut tail) = (Vec::new(), "");
    let mut head = rest;
    if let Some(open) = unquoted(rest, '(') {
        let close = rest.rfind(')').filter(|c| *c > open).ok_or_else(invalid)?;
        for m in rest[open + 1..close].split(',') {
            modifiers.push(m.trim().parse().map_err(|_| invalid())?);
        }
        (head, tail) = (rest[..open].trim_end(), rest[close + 1..].trim());
    }
    let mut parts = identifiers(head).ok_or_else(invalid)?;
    if !tail.is_empty() {
        parts.last_mut().ok_or_else(invalid)?.0.push_str(&format!(" {}", tail.to_ascii_lowercase()));
    }
    let (name, quoted) = parts.pop().ok_or_else(invalid)?;
    let schema = parts.pop().map(|(s, _)| s);
    if !parts.is_empty() {
        return Err(invalid());
    }
    if quoted || schema.is_some() {
        return Ok(TypeName { schema, name, modifiers, dimensions });
    }
    let name = match &*name {
        "char" | "character" | "nchar" if modifiers.is_empty() => {
            modifiers.push(1);
            "bpchar".to_owned()
        }
        "char" => "bpchar".to_owned(),
        "bit" if modifiers.is_empty() => {
            modifiers.push(1);
            name
        }
        "float" => match modifiers.drain(..).next() {
            Some(1..=24) => "float4".to_owned(),
            _ => "float8".to_owned(),
        },
        long if long.starts_with("interval ") => "interval".to_owned(),
        long => internal(long).map_or_else(|| name.clone(), str::to_owned),
    };
    Ok(TypeName { schema, name, modifiers, dimensions })
}

fn strip_suffix_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(word.len())?;
    let (head, tail) = (text.get(..at)?, text.get(at..)?);
    (tail.eq_ignore_ascii_case(word) && head.ends_with(' ')).then(|| head.trim_end())
}

fn unquoted(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    text.char_indices()
        .find(|&(_, c)| {
            quoted ^= c == '"';
            !quoted && c == wanted
        })
        .map(|(i, _)| i)
}

/// Dotted identifiers, folded unless quoted; a run of words ("double precision") is one. With each, whether it was quoted.
pub fn identifiers(text: &str) -> Option<Vec<(String, bool)>> {
    let mut parts = Vec::new();
    let mut chars = text.trim().chars().peekable();
    loop {
        let mut part = String::new();
        let quoted = chars.peek() == Some(&'"');
        if quoted {
            chars.next();
            loop {
                match chars.next()? {
                    '"' if chars.peek() == Some(&'"') => part.push(chars.next()?),
                    '"' => break,
                    c => part.push(c),
                }
            }
        } else {
            while let Some(c) = chars.next_if(|c| *c != '.' && *c != '"') {
                if c != ' ' || !part.ends_with(' ') {
                    part.extend(c.to_lowercase());
                }
            }
            part.truncate(part.trim_end().len());
        }
        if part.is_empty() {
            return None;
        }
        parts.push((part, quoted));
        match chars.next() {
            None => return Some(parts),
            Some('.') => {}
            Some(_) => return None,
        }
    }
}

/// Resolves a type's name in the catalog, modifiers and all; 42704 where there is no such type.
pub fn resolve(text: &str, catalog: &Catalog) -> Result<TypeRef> {
    let name = parse(text)?;
    let missing = || SqlError::new(SqlState::UNDEFINED_OBJECT, format!("type \"{}\" does not exist", text.trim()));
    let ty = catalog.type_by_name(name.schema.as_deref(), &name.name).ok_or_else(missing)?;
    let typmod = if name.modifiers.is_empty() { -1 } else { typmod(ty.oid, &name.modifiers)? };
    if name.dimensions == 0 {
        return Ok(TypeRef { oid: ty.oid, typmod });
    }
    if ty.array == 0 { Err(missing()) } else { Ok(TypeRef { oid: ty.array, typmod }) }
}

/// The `typmodin` functions: what stood in parentheses, packed as `atttypmod`.
pub fn typmod(ty: Oid, modifiers: &[i32]) -> Result<i32> {
    let invalid = |message: String| SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message);
    let single = || match modifiers {
        [n] => Ok(*n),
        _ => Err(invalid("invalid type modifier".to_owned())),
    };
    match ty {
        oid::VARCHAR | oid::BPCHAR | oid::BIT | oid::VARBIT => {
            let (n, name) = (
                single()?,
                if ty == oid::VARCHAR {
                    "varchar"
                } else if ty == oid::BPCHAR {
                    "char"
                } else if ty == oid::BIT {
                    "bit"
                } else {
                    "bit varying"
                },
            );
            if n < 1 {
                return Err(invalid(format!("length for type {name} must be at least 1")));
            }
            if n > 10_485_760 && matches!(ty, oid::VARCHAR | oid::BPCHAR) {
                return Err(invalid(format!("length for type {name} cannot exceed 10485760")));
            }
            Ok(if matches!(ty, oid::VARCHAR | oid::BPCHAR) { n + 4 } else { n })
        }
        oid::NUMERIC => {
            let (precision, scale) = match modifiers {
                [p] => (*p, 0),
                [p, s] => (*p, *s),
                _ => return Err(invalid("invalid NUMERIC type modifier".to_owned())),
            };
            if !(1..=1000).contains(&precision) {
                return Err(invalid(format!("NUMERIC precision {precision} must be between 1 and 1000")));
            }
            if !(-1000..=1000).contains(&scale) {
                return Err(invalid(format!("NUMERIC scale {scale} must be between -1000 and 1000")));
            }
            Ok(((precision << 16) | (scale & 0x7ff)) + 4)
        }
        oid::TIME | oid::TIMETZ | oid::TIMESTAMP | oid::TIMESTAMPTZ => {
            let n = single()?;
            if n < 0 { Err(invalid(format!("TIMESTAMP({n}) precision must not be negative"))) } else { Ok(n.min(6)) }
        }
        oid::INTERVAL => match modifiers {
            [precision] => Ok((0x7fff << 16) | (*precision).clamp(0, 6)),
            [range, precision] => Ok((range << 16) | (*precision).clamp(0, 0xffff)),
            _ => Err(invalid("invalid INTERVAL type modifier".to_owned())),
        },
        _ => Err(SqlError::new(SqlState::SYNTAX_ERROR, "type modifier is not allowed for this type")),
    }
}

/// Precision and scale of a numeric's modifier; none without one.
pub fn numeric_typmod(typmod: i32) -> Option<(i32, i32)> {
    (typmod >= 4).then(|| (((typmod - 4) >> 16) & 0xffff, (((typmod - 4) & 0x7ff) ^ 1024) - 1024))
}

/// `format_type`: the type as SQL writes it; names outside `pg_catalog` and `public` with their schema; `???` where there is no such type.
pub fn format(ty: TypeRef, catalog: &Catalog) -> String {
    if ty.oid == 0 {
        return "-".to_owned();
    }
    let Some(row) = catalog.type_by_oid(ty.oid) else { return "???".to_owned() };
    match row.kind {
        Kind::Array(element) if row.name.starts_with('_') => {
            format!("{}[]", format(TypeRef { oid: element, typmod: ty.typmod }, catalog))
        }
        _ => format_row(row, ty.typmod),
    }
}

/// `format_type` of a type that is no array.
pub fn format_row(row: &Type, typmod: i32) -> String {
    let long = |name: &'static str, suffix: &'static str| {
        if typmod < 0 { format!("{name}{suffix}") } else { format!("{name}({typmod}){suffix}") }
    };
    match row.oid {
        oid::VARCHAR if typmod > 4 => format!("character varying({})", typmod - 4),
        oid::BPCHAR if typmod > 4 => format!("character({})", typmod - 4),
        // Without a length it is not the SQL type `character`, which means `character(1)`.
        oid::BPCHAR => {
            if typmod == -1 {
                "character".to_owned()
            } else {
                "bpchar".to_owned()
            }
        }
        oid::BIT if typmod > 0 => format!("bit({typmod})"),
        oid::BIT => "bit".to_owned(),
        oid::VARBIT if typmod > 0 => format!("bit varying({typmod})"),
        oid::CHAR => "\"char\"".to_owned(),
        oid::NUMERIC => match numeric_typmod(typmod) {
            Some((precision, scale)) => format!("numeric({precision},{scale})"),
            None => "numeric".to_owned(),
        },
        oid::TIME => long("time", " without time zone"),
        oid::TIMETZ => long("time", " with time zone"),
        oid::TIMESTAMP => long("timestamp", " without time zone"),
        oid::TIMESTAMPTZ => long("timestamp", " with time zone"),
        oid::INTERVAL => format!("interval{}", interval_modifier(typmod)),
        _ if row.schema == "pg_catalog" => {
            let long = LONG.iter().find(|(_, i)| *i == row.name).map(|(l, _)| (*l).to_owned());
            long.unwrap_or_else(|| quote_name(&row.name))
        }
        _ if row.schema == "public" => quote_name(&row.name),
        _ => format!("{}.{}", quote_name(&row.schema), quote_name(&row.name)),
    }
}

fn interval_modifier(typmod: i32) -> String {
    if typmod < 0 {
        return String::new();
    }
    let (range, precision) = ((typmod >> 16) & 0x7fff, typmod & 0xffff);
    let fields = match range {
        0x0004 => " year",
        0x0002 => " month",
        0x0008 => " day",
        0x0400 => " hour",
        0x0800 => " minute",
        0x1000 => " second",
        0x0006 => " year to month",
        0x0408 => " day to hour",
        0x0c08 => " day to minute",
        0x1c08 => " day to second",
        0x0c00 => " hour to minute",
        0x1c00 => " hour to second",
        0x1800 => " minute to second",
        _ => "",
    };
    if precision == 0xffff { fields.to_owned() } else { format!("{fields}({precision})") }
}

/// `quote_ident`: in double quotes where the name is no plain lower-case identifier or is a reserved word.
pub fn quote_name(name: &str) -> String {
    let is_plain = !name.is_empty()
        && name.bytes().enumerate().all(|(i, b)| b == b'_' || b.is_ascii_lowercase() || (i > 0 && b.is_ascii_digit()))
        && !is_reserved(name);
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Whether a word is a keyword of any category but unreserved.
fn is_reserved(word: &str) -> bool {
    static RESERVED: std::sync::LazyLock<std::collections::HashSet<&'static str>> = std::sync::LazyLock::new(|| {
        let lines = include_str!("../../data/keywords.csv").lines().skip(1);
        lines.filter_map(|l| l.split_once(',')).filter(|(_, rest)| !rest.starts_with('U')).map(|(word, _)| word).collect()
    });
    RESERVED.contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_back() {
        let catalog = Catalog::built_in();
        for (text, expected) in [
            ("int", "integer"),
            ("varchar(20)", "character varying(20)"),
            ("numeric(10,2)[]", "numeric(10,2)[]"),
            ("numeric(3,-2)", "numeric(3,-2)"),
            ("timestamp(3) with time zone", "timestamp(3) with time zone"),
            ("pg_catalog.int8", "bigint"),
            ("double  precision", "double precision"),
            ("\"char\"", "\"char\""),
            ("char", "character(1)"),
            ("text[][]", "text[]"),
            ("_text", "text[]"),
            ("int2vector", "int2vector"),
        ] {
            let resolved = resolve(text, &catalog).expect(text);
            assert_eq!(format(resolved, &catalog), expected, "{text}");
        }
        assert_eq!(resolve("nosuch", &catalog).expect_err("no such type").state(), "42704");
    }
}
