//! The OID alias types (regclass, regtype, regproc, …): INTEGER in SQLite, a name in text form, resolved through the catalog.
//!
//! Each type is a row of [`KINDS`]: how a name finds its OID, and how an OID shows. Enters: a name as `regclassin` and its kin take it,
//! or an OID; leaves: the other.

use super::{
    Codec, Oid, Type, Value, ValueRef,
    integer::{bad_binary, integer},
    text::utf8,
};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

pub(crate) mod named;
mod operator;
pub(crate) mod procedure;
mod qualified;
pub(crate) mod relation;

pub(crate) use qualified::Qualified;

/// What a well-formed name finds: an OID, or the error that says that there is none.
pub(crate) type Found = Result<Oid>;

/// One alias type.
pub(crate) struct Kind {
    /// `typname`.
    name: &'static str,
    /// Finds a name; the outer error is of a text that is no name at all.
    find: fn(&str, &Context) -> Result<Found>,
    /// Shows an OID, none where nothing bears it.
    show: fn(Oid, &Context) -> Option<String>,
    /// How OID 0 shows.
    zero: &'static str,
}

/// The alias types.
const KINDS: &[Kind] = &[
    Kind { name: "regclass", find: relation::find, show: relation::show, zero: "-" },
    Kind { name: "regtype", find: named::find_type, show: named::show_type, zero: "-" },
    Kind { name: "regproc", find: procedure::find_name, show: procedure::show_name, zero: "-" },
    Kind { name: "regprocedure", find: procedure::find, show: procedure::show, zero: "-" },
    Kind { name: "regoper", find: operator::find_name, show: operator::show_name, zero: "0" },
    Kind { name: "regoperator", find: operator::find, show: operator::show, zero: "0" },
    Kind { name: "regnamespace", find: named::find_namespace, show: named::show_namespace, zero: "-" },
    Kind { name: "regrole", find: named::find_role, show: named::show_role, zero: "-" },
    Kind { name: "regcollation", find: named::find_collation, show: named::show_collation, zero: "-" },
    Kind { name: "regconfig", find: named::find_configuration, show: named::show_configuration, zero: "-" },
    Kind { name: "regdictionary", find: named::find_dictionary, show: named::show_dictionary, zero: "-" },
];

/// The alias type of that `typname`.
pub(crate) fn kind(name: &str) -> Result<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| SqlError::internal(format!("{name} is no alias of oid")))
}

impl Kind {
    /// The OID of a name, never of a number.
    pub(crate) fn find(&self, text: &str, cx: &Context) -> Result<Found> {
        (self.find)(text, cx)
    }

    /// The OID of a name, as `to_regclass` and its kin answer it: none where there is none of that name.
    pub(crate) fn lookup(&self, text: &str, cx: &Context) -> Result<Option<Oid>> {
        Ok((self.find)(text, cx)?.ok())
    }

    /// The OID of a name, a number, or `-`.
    pub(crate) fn read(&self, text: &str, cx: &Context) -> Result<Oid> {
        if text == self.zero {
            return Ok(0);
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().map_err(|_| {
                SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("value \"{text}\" is out of range for type oid"))
            });
        }
        (self.find)(text, cx)?
    }

    /// The text of an OID: the shortest name that finds it, or the number.
    pub(crate) fn write(&self, oid: Oid, cx: &Context) -> String {
        if oid == 0 {
            return self.zero.to_owned();
        }
        (self.show)(oid, cx).unwrap_or_else(|| oid.to_string())
    }
}

/// The codec of the alias types.
pub(super) struct Registered;

impl Codec for Registered {
    fn input(&self, text: &str, ty: &Type, _typmod: i32, cx: &Context) -> Result<Value> {
        kind(&ty.name)?.read(text, cx).map(|oid| Value::Integer(oid.into()))
    }

    fn output(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let text = kind(&ty.name)?.write(integer(value)? as Oid, cx);
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], ty: &Type, typmod: i32, cx: &Context) -> Result<Value> {
        match <[u8; 4]>::try_from(bytes) {
            Ok(number) => Ok(Value::Integer(u32::from_be_bytes(number).into())),
            Err(_) if bytes.is_empty() => Err(bad_binary()),
            Err(_) => self.input(utf8(bytes)?, ty, typmod, cx),
        }
    }

    fn send(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&(integer(value)? as u32).to_be_bytes());
        Ok(())
    }
}
