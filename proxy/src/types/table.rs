//! The rows of the table of types: `data/pg_type.csv` joined with codecs by name, and the types that users make.
//! Enters: the data file, or a schema object with its OID. Leaves: [`Type`]s.

use std::{collections::HashMap, sync::Arc};

use peergres_sync::schema::{TypeDefinition, UserType};

use super::{
    Codec, Kind, Oid, Storage, Type, TypeRef, array, bit, boolean, bytes, composite, float, integer, network, numeric, range, registered,
    text, unsupported,
};

/// The array type of a user's type has the type's OID with this bit set.
pub const ARRAY_OID_BIT: Oid = 0x4000_0000;
/// The row type of a table or view has the relation's OID with this bit set.
pub const ROW_OID_BIT: Oid = 0x2000_0000;

/// Codecs by `typname`. Arrays, ranges, multiranges and pseudo-types find theirs by kind; a type without one answers 0A000.
const CODECS: &[(&str, Storage, &dyn Codec)] = &[
    ("bool", Storage::Boolean, &boolean::Boolean),
    ("int2", Storage::Integer, &integer::INT2),
    ("int4", Storage::Integer, &integer::INT4),
    ("int8", Storage::Integer, &integer::INT8),
    ("oid", Storage::Integer, &integer::OID),
    ("xid", Storage::Integer, &integer::OID),
    ("cid", Storage::Integer, &integer::OID),
    ("xid8", Storage::Integer, &integer::INT8),
    ("float4", Storage::Real, &float::Float::Single),
    ("float8", Storage::Real, &float::Float::Double),
    ("numeric", Storage::Text, &numeric::NumericCodec),
    ("text", Storage::Text, &text::Text::Plain),
    ("varchar", Storage::Text, &text::Text::Varying),
    ("bpchar", Storage::Text, &text::Text::Padded),
    ("name", Storage::Text, &text::Text::Name),
    ("char", Storage::Text, &text::Text::Char),
    ("unknown", Storage::Text, &text::Text::Plain),
    ("cstring", Storage::Text, &text::Text::Plain),
    ("refcursor", Storage::Text, &text::Text::Plain),
    ("aclitem", Storage::Text, &text::TextOnly),
    ("pg_node_tree", Storage::Text, &text::Text::Plain),
    ("pg_ndistinct", Storage::Text, &text::Text::Plain),
    ("pg_dependencies", Storage::Text, &text::Text::Plain),
    ("pg_mcv_list", Storage::Text, &text::Text::Plain),
    ("pg_snapshot", Storage::Text, &text::Text::Plain),
    ("txid_snapshot", Storage::Text, &text::Text::Plain),
    ("void", Storage::Text, &text::Void),
    ("trigger", Storage::Text, &text::Void),
    ("record", Storage::Text, &composite::CompositeCodec),
    ("tid", Storage::Text, &text::Pair::Tid),
    ("pg_lsn", Storage::Text, &text::Pair::Lsn),
    ("bytea", Storage::Bytes, &bytes::Bytea),
    ("uuid", Storage::Uuid, &bytes::UuidCodec),
    ("bit", Storage::Text, &bit::Bits { varying: false }),
    ("varbit", Storage::Text, &bit::Bits { varying: true }),
    ("inet", Storage::Text, &network::Network { cidr: false }),
    ("cidr", Storage::Text, &network::Network { cidr: true }),
    ("macaddr", Storage::Text, &network::Mac(6)),
    ("macaddr8", Storage::Text, &network::Mac(8)),
    ("regclass", Storage::Integer, &registered::Registered),
    ("regcollation", Storage::Integer, &registered::Registered),
    ("regconfig", Storage::Integer, &registered::Registered),
    ("regdictionary", Storage::Integer, &registered::Registered),
    ("regnamespace", Storage::Integer, &registered::Registered),
    ("regoper", Storage::Integer, &registered::Registered),
    ("regoperator", Storage::Integer, &registered::Registered),
    ("regproc", Storage::Integer, &registered::Registered),
    ("regprocedure", Storage::Integer, &registered::Registered),
    ("regrole", Storage::Integer, &registered::Registered),
    ("regtype", Storage::Integer, &registered::Registered),
    ("date", Storage::Date, &super::date::DateCodec),
    ("time", Storage::Time, &super::time::TimeCodec),
    ("timetz", Storage::Text, &super::timetz::TimetzCodec),
    ("timestamp", Storage::Timestamp, &super::timestamp::TimestampCodec),
    ("timestamptz", Storage::Timestamptz, &super::timestamp::TimestamptzCodec),
    ("interval", Storage::Text, &super::interval::IntervalCodec),
    ("json", Storage::Text, &super::json::JsonCodec),
    ("jsonb", Storage::Text, &super::jsonb::JsonbCodec),
    ("jsonpath", Storage::Text, &super::jsonpath::JsonpathCodec),
];

/// Types whose order or equality is not that of their stored bytes; the collation bears the type's name.
const COLLATED: &[&str] = &["numeric", "bpchar", "interval", "timetz", "jsonb", "inet", "cidr", "pg_lsn"];

/// All built-in types, pseudo-types included.
pub fn built_in() -> Vec<Type> {
    let rows = records(include_str!("../../data/pg_type.csv"));
    let names: HashMap<Oid, String> = rows.iter().map(|r| (number(&r[0]), r[1].to_owned())).collect();
    let ranges = Ranges::read(&rows);
    rows.iter().map(|row| built_in_type(row, &names, &ranges)).collect()
}

fn records(text: &str) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(text.as_bytes()).into_records().map(|r| r.expect("the data files are well-formed CSV")).collect()
}

fn number(field: &str) -> Oid {
    field.parse().expect("the data files hold OIDs where OIDs are due")
}

/// `pg_range`: subtypes by range, ranges by multirange.
struct Ranges {
    subtypes: HashMap<String, Oid>,
    ranges: HashMap<String, Oid>,
}

impl Ranges {
    fn read(types: &[csv::StringRecord]) -> Ranges {
        let by_name: HashMap<&str, Oid> = types.iter().map(|r| (&r[1], number(&r[0]))).collect();
        let mut ranges = Ranges { subtypes: HashMap::new(), ranges: HashMap::new() };
        for row in records(include_str!("../../data/pg_range.csv")) {
            let subtype = crate::catalog::type_name::typname(&row[1]);
            ranges.subtypes.insert(row[0].to_owned(), by_name[subtype]);
            ranges.ranges.insert(row[2].to_owned(), by_name[&row[0]]);
        }
        ranges
    }
}

fn built_in_type(row: &csv::StringRecord, names: &HashMap<Oid, String>, ranges: &Ranges) -> Type {
    let (name, element) = (row[1].to_owned(), number(&row[8]));
    let is_vector = matches!(&*name, "int2vector" | "oidvector");
    let kind = match &row[4] {
        "p" => Kind::Pseudo,
        "r" => Kind::Range(ranges.subtypes[&name]),
        "m" => Kind::Multirange(ranges.ranges[&name]),
        _ if &row[11] == "array_in" || is_vector => Kind::Array(element),
        _ => Kind::Base,
    };
    let (storage, codec) = match CODECS.iter().find(|(n, ..)| *n == name) {
        Some(&(_, storage, codec)) => (storage, codec),
        None => (Storage::Text, codec_by_kind(&kind)),
    };
    let collation = match &kind {
        Kind::Array(element) if !is_vector => Some(format!("array:{}", names[element])),
        Kind::Range(_) | Kind::Multirange(_) => Some(name.clone()),
        _ if COLLATED.contains(&&*name) => Some(name.clone()),
        _ => None,
    };
    Type {
        oid: number(&row[0]),
        schema: "pg_catalog".to_owned(),
        kind,
        category: row[5].chars().next().expect("typcategory is one character"),
        preferred: &row[6] == "t",
        length: row[2].parse().expect("typlen is a number"),
        delimiter: row[7].chars().next().expect("typdelim is one character"),
        array: number(&row[9]),
        storage,
        collation,
        codec,
        name,
    }
}

fn codec_by_kind(kind: &Kind) -> &'static dyn Codec {
    match kind {
        Kind::Array(_) => &array::ArrayCodec,
        Kind::Enum(_) => &composite::EnumCodec,
        Kind::Domain(_) => &composite::DomainCodec,
        Kind::Composite(_) => &composite::CompositeCodec,
        Kind::Range(_) => &range::RangeCodec,
        Kind::Multirange(_) => &range::MultirangeCodec,
        Kind::Base | Kind::Pseudo => &unsupported::Unsupported,
    }
}

/// Answers a type name as the object has it: `numeric(10,2)`, `public.mood`.
pub(super) type Resolve<'a> = dyn Fn(&str) -> Option<(TypeRef, Arc<Type>)> + 'a;

/// A user's type and its array type; none where a name does not resolve.
pub fn user(object: &UserType, oid: Oid, resolve: &Resolve<'_>) -> Option<(Type, Type)> {
    let (schema, name) = (&object.name.schema, &object.name.name);
    let ty = match &object.definition {
        TypeDefinition::Enum { labels } => {
            let kind = Kind::Enum(Arc::new(labels.clone()));
            made(oid, schema, name, kind, 'E', Some(format!("enum:{schema}.{name}")))
        }
        TypeDefinition::Composite { attributes } => {
            let attributes = attributes.iter().map(|(n, t)| Some((n.clone(), resolve(t)?.0))).collect::<Option<Vec<_>>>()?;
            return Some(row_type(schema, name, oid, attributes));
        }
        TypeDefinition::Domain { base, .. } => {
            let (base, base_type) = resolve(base)?;
            let domain = made(oid, schema, name, Kind::Domain(base), base_type.category, base_type.collation.clone());
            Type { storage: base_type.storage, delimiter: base_type.delimiter, length: base_type.length, ..domain }
        }
    };
    let array = array_of(&ty);
    Some((ty, array))
}

/// The composite type of a table, view or `CREATE TYPE … AS (…)`, and its array type.
pub fn row_type(schema: &str, name: &str, oid: Oid, attributes: Vec<(String, TypeRef)>) -> (Type, Type) {
    let ty = made(oid, schema, name, Kind::Composite(Arc::new(attributes)), 'C', Some(format!("row:{schema}.{name}")));
    let array = array_of(&ty);
    (ty, array)
}

fn made(oid: Oid, schema: &str, name: &str, kind: Kind, category: char, collation: Option<String>) -> Type {
    Type {
        oid,
        schema: schema.to_owned(),
        name: name.to_owned(),
        codec: codec_by_kind(&kind),
        length: if category == 'E' { 4 } else { -1 },
        kind,
        category,
        preferred: false,
        delimiter: ',',
        array: oid | ARRAY_OID_BIT,
        storage: Storage::Text,
        collation,
    }
}

/// The array type over `element`; its name is the element's after an underscore, as `makeArrayTypeName` begins.
fn array_of(element: &Type) -> Type {
    let kind = Kind::Array(element.oid);
    let name = format!("_{}", element.name);
    let collation = format!("array:{}.{}", element.schema, element.name);
    let array = made(element.array, &element.schema, &name, kind, 'A', Some(collation));
    Type { array: 0, delimiter: element.delimiter, ..array }
}
