//! The OID alias types (regclass, regtype, regproc, …): INTEGER in SQLite, a name in text form, resolved through the catalog.

use super::{
    Codec, Oid, Type, TypeRef, Value, ValueRef,
    integer::{bad_binary, integer},
    name,
    text::utf8,
};
use crate::{
    error::{Result, SqlError},
    session::context::Context,
};

/// The codec of the alias types.
pub(super) struct Registered;

impl Codec for Registered {
    fn input(&self, text: &str, ty: &Type, _typmod: i32, cx: &Context) -> Result<Value> {
        let trimmed = text.trim();
        if trimmed == "-" {
            return Ok(Value::Integer(0));
        }
        if let Ok(number) = trimmed.parse::<Oid>() {
            return Ok(Value::Integer(number.into()));
        }
        match &*ty.name {
            "regtype" => name::resolve(trimmed, &cx.catalog).map(|t| Value::Integer(t.oid.into())),
            _ => Err(SqlError::unsupported(format_args!("a name as {}", ty.name))),
        }
    }

    fn output(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let oid = integer(value)? as Oid;
        let known = || match &*ty.name {
            "regtype" => cx.catalog.type_by_oid(oid).map(|_| name::format(TypeRef::new(oid), &cx.catalog)),
            _ => None,
        };
        let text = if oid == 0 { "-".to_owned() } else { known().unwrap_or_else(|| oid.to_string()) };
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
