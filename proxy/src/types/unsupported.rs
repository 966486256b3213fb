//! The codec of types that exist by name only: every use answers 0A000.

use super::{Codec, Type, Value, ValueRef};
use crate::{
    error::{Result, SqlError},
    session::context::Context,
};

/// Refuses everything, with the type's name.
pub(super) struct Unsupported;

fn refuse<T>(ty: &Type) -> Result<T> {
    Err(SqlError::unsupported(format_args!("type {}", ty.name)))
}

impl Codec for Unsupported {
    fn input(&self, _text: &str, ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        refuse(ty)
    }

    fn output(&self, _value: ValueRef<'_>, ty: &Type, _cx: &Context, _out: &mut Vec<u8>) -> Result<()> {
        refuse(ty)
    }

    fn receive(&self, _bytes: &[u8], ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        refuse(ty)
    }

    fn send(&self, _value: ValueRef<'_>, ty: &Type, _cx: &Context, _out: &mut Vec<u8>) -> Result<()> {
        refuse(ty)
    }
}
