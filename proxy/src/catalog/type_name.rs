//! Type names as SQL writes them, to types and back: `integer`, `character varying(20)`, `timestamp(3) with time zone`, `text[]`,
//! `public.mood`. Enters: text or a syntax node; leaves: a [`TypeRef`], or the name as `format_type` prints it.

use sqlparser::ast::DataType;

use super::{Catalog, built_in};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{Oid, Type, TypeRef, name::numeric_typmod, oid},
};

/// SQL's names of types whose `typname` is another.
const SQL_NAMES: &[(&str, &str)] = &[
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
    ("varchar", "varchar"),
    ("character", "bpchar"),
    ("national character", "bpchar"),
    ("nchar", "bpchar"),
    ("char", "bpchar"),
    ("timestamp without time zone", "timestamp"),
    ("timestamp with time zone", "timestamptz"),
    ("time without time zone", "time"),
    ("time with time zone", "timetz"),
    ("bit varying", "varbit"),
];

/// The `typname` behind a name as SQL writes it: itself where it is no other.
pub fn typname(name: &str) -> &str {
    SQL_NAMES.iter().find(|(long, _)| *long == name).map_or(name, |(_, typname)| typname)
}

/// The domains of `information_schema`, which stand here for their base types: no client sees a domain on the wire.
const INFORMATION_SCHEMA: &[(&str, Oid)] = &[
    ("sql_identifier", oid::NAME),
    ("character_data", oid::VARCHAR),
    ("cardinal_number", oid::INT4),
    ("yes_or_no", oid::VARCHAR),
    ("time_stamp", oid::TIMESTAMPTZ),
];

/// Interval's fields and their bits in a modifier (`datetime.h`: INTERVAL_MASK).
const INTERVAL_FIELDS: &[(&str, i32)] = &[
    ("year", 1 << 2),
    ("month", 1 << 1),
    ("day", 1 << 3),
    ("hour", 1 << 10),
    ("minute", 1 << 11),
    ("second", 1 << 12),
    ("year to month", 1 << 2 | 1 << 1),
    ("day to hour", 1 << 3 | 1 << 10),
    ("day to minute", 1 << 3 | 1 << 10 | 1 << 11),
    ("day to second", 1 << 3 | 1 << 10 | 1 << 11 | 1 << 12),
    ("hour to minute", 1 << 10 | 1 << 11),
    ("hour to second", 1 << 10 | 1 << 11 | 1 << 12),
    ("minute to second", 1 << 11 | 1 << 12),
];

/// A type name taken apart.
#[derive(Debug, Default, PartialEq)]
struct Parsed {
    schema: Option<String>,
    name: String,
    quoted: bool,
    modifiers: Vec<i64>,
    arrays: usize,
    interval_fields: Option<i32>,
    /// `%TYPE` and other forms that are not understood.
    malformed: bool,
}

/// Takes a type name apart.
fn parse(text: &str) -> Parsed {
    let mut out = Parsed::default();
    let mut words: Vec<String> = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                let mut word = String::new();
                while let Some(c) = chars.next() {
                    if c == '"' && chars.next_if_eq(&'"').is_none() {
                        break;
                    }
                    word.push(c);
                }
                out.quoted = true;
                words.push(word);
            }
            '.' => out.schema = words.pop(),
            '(' => {
                let inside: String = chars.by_ref().take_while(|c| *c != ')').collect();
                for part in inside.split(',') {
                    match part.trim().trim_end_matches("CHARACTERS").trim().parse() {
                        Ok(number) => out.modifiers.push(number),
                        Err(_) => out.malformed = true,
                    }
                }
            }
            '[' => {
                chars.by_ref().take_while(|c| *c != ']').for_each(drop);
                out.arrays += 1;
            }
            c if c.is_whitespace() => {}
            c if c.is_alphanumeric() || c == '_' || c == '$' => {
                let mut word = c.to_lowercase().to_string();
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || matches!(c, '_' | '$')) {
                    word.extend(c.to_lowercase());
                }
                words.push(word);
            }
            _ => out.malformed = true,
        }
    }
    if words.len() > 1 && words.last().is_some_and(|w| w == "array") && !out.quoted {
        words.pop();
        out.arrays += 1;
    }
    if words.len() > 1 && words[0] == "interval" {
        let fields = words[1..].join(" ");
        out.interval_fields = INTERVAL_FIELDS.iter().find(|(name, _)| *name == fields).map(|(_, bits)| *bits);
        out.malformed |= out.interval_fields.is_none();
        words.truncate(1);
    }
    out.name = words.join(" ");
    out
}

/// A built-in type by its name as SQL writes it, modifiers and arrays included.
pub fn built_in_type(text: &str) -> Option<TypeRef> {
    let parsed = parse(text);
    if parsed.malformed || parsed.schema.as_deref().is_some_and(|s| s != "pg_catalog" && s != "information_schema") {
        return None;
    }
    resolve(&parsed, &|schema, name| {
        if let (Some("information_schema"), Some((_, base))) = (schema, INFORMATION_SCHEMA.iter().find(|(n, _)| *n == name)) {
            return Some((*base, 0));
        }
        built_in::types().by_name.get(name).map(|ty| (ty.oid, ty.array))
    })
    .ok()?
}

/// Answers a type's OID and its array type's by schema and `typname`.
type Find<'a> = dyn Fn(Option<&str>, &str) -> Option<(Oid, Oid)> + 'a;

/// Resolves what was parsed.
fn resolve(parsed: &Parsed, find: &Find<'_>) -> Result<Option<TypeRef>> {
    let sql_name = (!parsed.quoted && parsed.schema.is_none())
        .then(|| SQL_NAMES.iter().find(|(name, _)| *name == parsed.name).map(|(_, typname)| *typname))
        .flatten();
    let mut typname = sql_name.unwrap_or(&parsed.name);
    if parsed.name == "float" && !parsed.quoted {
        typname = match parsed.modifiers.first() {
            Some(..=0) => return Err(precision_error("precision for type float must be at least 1 bit")),
            Some(1..=24) => "float4",
            None | Some(25..=53) => "float8",
            Some(_) => return Err(precision_error("precision for type float must be less than 54 bits")),
        };
    }
    let Some((mut ty, array)) = find(parsed.schema.as_deref(), typname) else { return Ok(None) };
    let typmod = if parsed.name == "float" { -1 } else { typmod(ty, parsed, sql_name.is_some())? };
    if parsed.arrays > 0 {
        if array == 0 {
            return Ok(None);
        }
        ty = array;
    }
    Ok(Some(TypeRef { oid: ty, typmod }))
}

fn precision_error(message: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

/// The modifier as the type's `typmodin` packs it.
fn typmod(ty: Oid, parsed: &Parsed, sql_name: bool) -> Result<i32> {
    let first = parsed.modifiers.first().copied();
    let length = |name: &str, limit: i64| match first {
        Some(n) if n < 1 => Err(precision_error(&format!("length for type {name} must be at least 1"))),
        Some(n) if n > limit => Err(precision_error(&format!("length for type {name} cannot exceed {limit}"))),
        Some(n) => Ok(Some(n as i32)),
        None => Ok(None),
    };
    Ok(match ty {
        oid::VARCHAR => length("varchar", 10_485_760)?.map_or(-1, |n| n + 4),
        oid::BPCHAR => length("char", 10_485_760)?.map_or(if sql_name { 5 } else { -1 }, |n| n + 4),
        oid::BIT => length("bit", 83_886_080)?.unwrap_or(if parsed.quoted { -1 } else { 1 }),
        oid::VARBIT => length("varbit", 83_886_080)?.unwrap_or(-1),
        oid::NUMERIC => match (first, parsed.modifiers.get(1).copied().unwrap_or(0)) {
            (None, _) => -1,
            (Some(p), _) if !(1..=1000).contains(&p) => {
                return Err(precision_error(&format!("NUMERIC precision {p} must be between 1 and 1000")));
            }
            (_, s) if !(-1000..=1000).contains(&s) => {
                return Err(precision_error(&format!("NUMERIC scale {s} must be between -1000 and 1000")));
            }
            (Some(p), s) => ((p as i32) << 16 | (s as i32 & 0x7ff)) + 4,
        },
        oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::TIME | oid::TIMETZ => first.map_or(-1, |p| p.clamp(0, 6) as i32),
        oid::INTERVAL => match (parsed.interval_fields, first) {
            (None, None) => -1,
            (fields, precision) => fields.unwrap_or(0x7fff) << 16 | precision.map_or(0xffff, |p| p.clamp(0, 6) as i32),
        },
        _ if first.is_some() => {
            let name = built_in::types().by_oid.get(&ty).map_or(parsed.name.clone(), |t| t.name.clone());
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("type modifier is not allowed for type \"{name}\"")));
        }
        _ => -1,
    })
}

/// PostgreSQL's long name of a built-in type, as signatures have it; `typname` where the type is not known.
pub fn format_built_in(ty: Oid) -> String {
    match built_in::types().by_oid.get(&ty) {
        Some(found) => match built_in::types().by_oid.get(&found.element()) {
            Some(element) if found.name.starts_with('_') => format!("{}[]", long_name(&element.name)),
            _ => long_name(&found.name),
        },
        None => format!("{ty}"),
    }
}

fn long_name(typname: &str) -> String {
    match typname {
        "char" => "\"char\"".to_owned(),
        "any" => "\"any\"".to_owned(),
        "bpchar" => "character".to_owned(),
        _ => SQL_NAMES.iter().find(|(_, t)| *t == typname).map_or(typname, |(name, _)| name).to_owned(),
    }
}

/// A modifier as `typmodout` prints it: `(10,2)`; for timestamps it stands inside the name.
fn typmod_text(ty: Oid, typmod: i32) -> String {
    if typmod < 0 {
        return String::new();
    }
    match ty {
        oid::VARCHAR | oid::BPCHAR => format!("({})", typmod - 4),
        oid::NUMERIC => numeric_typmod(typmod).map(|(precision, scale)| format!("({precision},{scale})")).unwrap_or_default(),
        oid::INTERVAL => {
            let (fields, precision) = (typmod >> 16 & 0x7fff, typmod & 0xffff);
            let mut out = String::new();
            if let Some((name, _)) = INTERVAL_FIELDS.iter().find(|(_, bits)| *bits == fields) {
                out = format!(" {name}");
            }
            if precision != 0xffff {
                out += &format!("({precision})");
            }
            out
        }
        _ => format!("({typmod})"),
    }
}

/// The name of a type that is no array, as messages have it: one of another schema than `public` with that schema. `typmod` as in
/// [`Catalog::format_type_with`].
pub fn format_row(row: &Type, typmod: Option<i32>) -> String {
    match (row.schema.as_str(), row.oid, typmod) {
        ("pg_catalog", oid::BPCHAR, Some(-1)) => return "bpchar".to_owned(),
        ("pg_catalog", oid::BIT, Some(-1)) => return "\"bit\"".to_owned(),
        ("pg_catalog", ..) => {}
        ("public", ..) => return quote_identifier(&row.name),
        (schema, ..) => return format!("{}.{}", quote_identifier(schema), quote_identifier(&row.name)),
    }
    let (name, modifier) = (long_name(&row.name), typmod_text(row.oid, typmod.unwrap_or(-1)));
    match name.split_once(' ') {
        Some((first, rest)) if name.starts_with("time") => format!("{first}{modifier} {rest}"),
        _ => name + &modifier,
    }
}

impl Catalog {
    /// The type of that name as SQL writes it, names without a schema searched along `path`. 42704 where there is none.
    pub fn parse_type(&self, text: &str, path: &[String]) -> Result<TypeRef> {
        let parsed = parse(text);
        if parsed.malformed {
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("invalid type name \"{text}\"")));
        }
        let find = |schema: Option<&str>, name: &str| {
            if let (Some("information_schema"), Some((_, base))) = (schema, INFORMATION_SCHEMA.iter().find(|(known, _)| *known == name)) {
                return Some((*base, 0));
            }
            self.type_named(schema, name, path).map(|ty| (ty.oid, ty.array))
        };
        resolve(&parsed, &find)?.ok_or_else(|| {
            if let Some(schema) = parsed.schema.as_deref().filter(|schema| !self.has_namespace(schema)) {
                return SqlError::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{schema}\" does not exist"));
            }
            let schema = parsed.schema.as_ref().map(|s| format!("{s}.")).unwrap_or_default();
            let brackets = if parsed.arrays > 0 { "[]" } else { "" };
            SqlError::new(SqlState::UNDEFINED_OBJECT, format!("type \"{schema}{}{brackets}\" does not exist", parsed.name))
        })
    }

    /// The type that a syntax node names.
    pub fn data_type(&self, node: &DataType, path: &[String]) -> Result<TypeRef> {
        match node {
            DataType::Regclass => Ok(TypeRef::new(oid::REGCLASS)),
            _ => self.parse_type(&node.to_string(), path),
        }
    }

    /// The type's name with its modifier, where it has one, as `format_type` prints it; user types outside `path` with their schema.
    pub fn format_type(&self, ty: TypeRef, path: &[String]) -> String {
        self.format_type_with(ty.oid, Some(ty.typmod), path)
    }

    /// The type's name; `typmod` none is "not given", which for `character` and `bit` is not the same as "has none".
    pub fn format_type_with(&self, ty: Oid, typmod: Option<i32>, path: &[String]) -> String {
        let Some(found) = self.type_by_oid(ty) else { return "???".to_owned() };
        if found.element() != 0 && found.name.starts_with('_') {
            return format!("{}[]", self.format_type_with(found.element(), typmod, path));
        }
        if found.schema != "pg_catalog" {
            let visible = self.type_named(None, &found.name, path).is_some_and(|visible| visible.oid == found.oid);
            let name = quote_identifier(&found.name);
            return if visible { name } else { format!("{}.{name}", quote_identifier(&found.schema)) };
        }
        format_row(found, typmod)
    }

    /// The type's name as it stands in a [`peergres_sync::schema`] object: schema-qualified unless built in.
    pub fn qualified_type_name(&self, ty: TypeRef) -> String {
        self.format_type(ty, &["pg_catalog".to_owned()])
    }
}

/// An identifier as `quote_ident` prints it.
pub fn quote_identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !is_reserved(name);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Whether the word is a keyword that `quote_ident` quotes: any that is not unreserved.
fn is_reserved(word: &str) -> bool {
    use std::{collections::HashSet, sync::LazyLock};
    static RESERVED: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
        let lines = include_str!("../../data/keywords.csv").lines().skip(1);
        lines.filter_map(|line| line.split_once(',')).filter(|(_, rest)| !rest.starts_with('U')).map(|(word, _)| word).collect()
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
            ("interval day to second(3)", "interval day to second(3)"),
            ("pg_catalog.int8", "bigint"),
            ("double  precision", "double precision"),
            ("\"char\"", "\"char\""),
            ("char", "character(1)"),
            ("text[][]", "text[]"),
            ("_text", "text[]"),
            ("int2vector", "int2vector"),
        ] {
            let read = catalog.parse_type(text, &[]).expect(text);
            assert_eq!(catalog.format_type(read, &[]), expected, "{text}");
        }
        assert_eq!(catalog.parse_type("nosuch", &[]).expect_err("no such type").state(), "42704");
    }
}
