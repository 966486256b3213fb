//! Rows to bytes: SQLite values in storage form enter, DataRow messages in text or binary form leave, appended to the output buffer.
//! Integers and plain text are written here without a call or an allocation; all else goes through its type's codec.

use std::sync::Arc;

use pgwire::messages::data::FieldDescription;
use rusqlite::{Row, types::ValueRef};

use crate::{
    catalog::Catalog,
    error::{Result, SqlError, SqlState},
    execute::plan::OutputColumn,
    session::context::Context,
    types::{Kind, Storage, Type, oid},
};

/// Text or binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The type's output function.
    Text,
    /// The type's send function.
    Binary,
}

impl Format {
    /// By its code on the wire.
    pub fn by_code(code: i16) -> Result<Format> {
        match code {
            0 => Ok(Format::Text),
            1 => Ok(Format::Binary),
            _ => Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("unsupported format code: {code}"))),
        }
    }
}

/// How a value becomes bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Path {
    /// A whole number in decimal digits.
    Decimal,
    /// Text as it lies.
    Plain,
    /// Through the codec.
    Codec,
}

/// One column of a result, ready to encode.
#[derive(Clone)]
pub struct Column {
    /// Its type, a domain's base type in a domain's place.
    pub ty: Arc<Type>,
    typmod: i32,
    path: Path,
}

/// The columns of a result.
#[derive(Clone, Default)]
pub struct Columns(pub Vec<Column>);

impl Columns {
    /// Of a plan's output.
    pub fn new(columns: &[OutputColumn], catalog: &Catalog) -> Result<Columns> {
        columns.iter().map(|c| Column::new(c.ty.oid, c.ty.typmod, catalog)).collect::<Result<_>>().map(Columns)
    }

    /// RowDescription's fields.
    pub fn describe(&self, columns: &[OutputColumn], formats: &[Format]) -> Vec<FieldDescription> {
        let describe = |(n, (column, output)): (usize, (&Column, &OutputColumn))| {
            let binary = format_at(formats, n) == Format::Binary;
            FieldDescription::new(
                output.name.clone(),
                output.table as i32,
                output.number,
                column.shown_oid(),
                column.ty.length,
                column.typmod,
                i16::from(binary),
            )
        };
        self.0.iter().zip(columns).enumerate().map(describe).collect()
    }

    /// Appends a DataRow. On error nothing is appended.
    pub fn row(&self, row: &Row<'_>, formats: &[Format], cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        self.data_row(formats, cx, out, |n| row.get_ref(n).map_err(|e| SqlError::internal(e.to_string())))
    }

    /// Appends a DataRow of values that are at hand.
    pub fn values<'v>(&self, values: &[ValueRef<'v>], formats: &[Format], cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        self.data_row(formats, cx, out, |n| Ok(values.get(n).copied().unwrap_or(ValueRef::Null)))
    }

    fn data_row<'v>(
        &self,
        formats: &[Format],
        cx: &Context,
        out: &mut Vec<u8>,
        value: impl Fn(usize) -> Result<ValueRef<'v>>,
    ) -> Result<()> {
        let start = out.len();
        out.extend_from_slice(&[b'D', 0, 0, 0, 0]);
        out.extend_from_slice(&(self.0.len() as u16).to_be_bytes());
        for (n, column) in self.0.iter().enumerate() {
            if let Err(error) = value(n).and_then(|v| column.field(v, format_at(formats, n), cx, out)) {
                out.truncate(start);
                return Err(error);
            }
        }
        let Ok(length) = i32::try_from(out.len() - start - 1) else {
            out.truncate(start);
            return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "a row of more than 2 GB cannot be sent"));
        };
        out[start + 1..start + 5].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}

/// The format of the n-th column: none given is text, one given is for all.
pub fn format_at(formats: &[Format], n: usize) -> Format {
    match formats {
        [] => Format::Text,
        [one] => *one,
        many => many.get(n).copied().unwrap_or(Format::Text),
    }
}

impl Column {
    /// The type's OID for clients: `record` for a row without a named type.
    fn shown_oid(&self) -> u32 {
        if crate::types::anonymous::by_oid(self.ty.oid).is_some() { oid::RECORD } else { self.ty.oid }
    }

    /// Of a type.
    pub fn new(type_oid: u32, typmod: i32, catalog: &Catalog) -> Result<Column> {
        let unknown = |oid: u32| SqlError::internal(format!("no type with OID {oid}"));
        let concrete = crate::types::TypeRef { oid: type_oid, typmod }.concrete();
        let mut ty = catalog.type_by_oid(concrete).ok_or_else(|| unknown(type_oid))?;
        // A row's modifier is the number of its shape, which is nobody else's business.
        let mut typmod = if concrete == type_oid { typmod } else { -1 };
        while let Kind::Domain(base) = &ty.kind {
            typmod = base.typmod;
            ty = catalog.type_by_oid(base.oid).ok_or_else(|| unknown(base.oid))?;
        }
        let path = match ty.oid {
            oid::INT2 | oid::INT4 | oid::INT8 | oid::OID => Path::Decimal,
            oid::TEXT | oid::VARCHAR | oid::JSON | oid::NAME => Path::Plain,
            _ => Path::Codec,
        };
        debug_assert!(path != Path::Plain || ty.storage == Storage::Text);
        Ok(Column { ty: ty.clone(), typmod, path })
    }

    /// Appends a length and the value's bytes.
    fn field(&self, value: ValueRef<'_>, format: Format, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        if value == ValueRef::Null {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            return Ok(());
        }
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        match format {
            Format::Text => self.text(value, cx, out)?,
            Format::Binary => match (self.path, value) {
                (Path::Plain, ValueRef::Text(text)) => out.extend_from_slice(text),
                _ => self.ty.codec.send(value, &self.ty, cx, out)?,
            },
        }
        let length = i32::try_from(out.len() - start - 4)
            .map_err(|_| SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "a value of more than 2 GB cannot be sent"))?;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    /// Appends the value's text form.
    pub fn text(&self, value: ValueRef<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        match (self.path, value) {
            (Path::Decimal, ValueRef::Integer(n)) => decimal(n, out),
            (Path::Plain, ValueRef::Text(text)) => out.extend_from_slice(text),
            _ => self.ty.codec.output(value, &self.ty, cx, out)?,
        }
        Ok(())
    }
}

/// Appends a whole number in decimal digits.
pub fn decimal(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_written_whole() {
        for n in [0, 7, -1, 10, 1234567890, i64::MAX, i64::MIN] {
            let mut out = b"x".to_vec();
            super::decimal(n, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("x{n}"));
        }
    }
}
