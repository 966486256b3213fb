//! COPY … TO STDOUT: the rows of a table or query leave as CopyData, one message a row.

use std::{ops::ControlFlow, rc::Rc};

use pgwire::messages::copy::CopyOutResponse;
use rusqlite::types::ValueRef;

use super::{Session, copy_text::Layout, plans::Prepared, run::Done};
use crate::{
    encode::Columns,
    error::{Result, SqlError, SqlState},
    execute::plan::OutputColumn,
    parse::{
        self,
        copy::{self, Copy, Format, Header, Source},
    },
};

/// The signature that a binary COPY begins with, flags and extension length included.
pub(super) const BINARY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

impl Session {
    /// COPY in either direction.
    pub(super) fn copy(&mut self, copy: &Copy, from: &Rc<Prepared>) -> Result<Done> {
        let layout = Layout::new(&copy.options, copy.to)?;
        if copy.to { self.copy_out(copy, layout, from) } else { self.copy_in(copy, layout) }
    }

    /// A statement made here, ready to compile.
    pub(super) fn derived_statement(&self, sql: String, declared: Vec<u32>) -> Result<Rc<Prepared>> {
        let source: Rc<str> = sql.into();
        let parsed = parse::parse(&source)?.pop().ok_or_else(|| SqlError::internal("no statement"))?;
        Ok(Prepared::new(source, parsed, declared))
    }

    fn copy_out(&mut self, copy: &Copy, layout: Layout, from: &Prepared) -> Result<Done> {
        let prepared = match &copy.source {
            Source::Query(query) => {
                let node = (**query).clone();
                Prepared::new(from.source.clone(), parse::Parsed { node, span: from.parsed.span.clone() }, Vec::new())
            }
            Source::Table(table, columns) => {
                let target = self.copy_table(table, columns)?;
                if target.is_view {
                    let message = format!("cannot copy from view \"{}\"", table.last().map_or("", String::as_str));
                    let error = SqlError::new(SqlState::WRONG_OBJECT_TYPE, message);
                    return Err(error.hint("Try the COPY (SELECT ...) TO variant."));
                }
                let list: Vec<_> = target.columns.iter().map(|c| quote(&c.name)).collect();
                let list = if list.is_empty() { String::new() } else { list.join(", ") };
                self.derived_statement(format!("SELECT {list} FROM {}", quote_all(table)), Vec::new())?
            }
        };
        if let (Source::Table(table, _), Some(copy::Columns::Some(list))) = (&copy.source, &copy.options.force_quote) {
            // A name that is no column at all is told before one that is not copied.
            self.copy_table(table, list)?;
        }
        let mut compiled = self.compile(&prepared)?;
        if compiled.plan.writes {
            self.place_to_write("COPY")?;
            compiled = self.compile(&prepared)?;
        }
        let writer = Writer::new(copy, layout, &compiled.columns, &compiled.plan.columns)?;
        let code = i16::from(writer.layout.format == Format::Binary);
        let width = compiled.columns.0.len();
        self.stream.output.message(&CopyOutResponse::new(code as i8, width as i16, vec![code; width]));
        writer.head(&compiled.plan.columns, &mut self.stream.output);
        let cx = self.context(compiled.catalog.clone());
        let mut scratch = Vec::new();
        // The binary signature goes with the first row, or with the trailer: clients count on a message per row.
        let mut signature = if code == 1 { BINARY_HEADER } else { &[] };
        let rows = self.run(&compiled, &[], &mut |stream, row| {
            let output = &mut stream.output;
            let start = output.begin(b'd');
            output.bytes.extend_from_slice(std::mem::take(&mut signature));
            for n in 0..width {
                let value = row.get_ref(n).map_err(|e| SqlError::internal(e.to_string()))?;
                if let Err(error) = writer.field(n, value, &cx, &mut scratch, &mut output.bytes) {
                    output.bytes.truncate(start - 1);
                    return Err(error);
                }
            }
            if code == 0 {
                output.bytes.push(b'\n');
            }
            output.end(start);
            stream.flush_if_full().map_err(|e| SqlError::new(SqlState::CONNECTION_FAILURE, e.to_string()))?;
            Ok(ControlFlow::Continue(()))
        })?;
        if code == 1 {
            let start = self.stream.output.begin(b'd');
            self.stream.output.bytes.extend_from_slice(signature);
            self.stream.output.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
            self.stream.output.end(start);
        }
        self.stream.output.bare(b'c');
        Ok(Done::Text(format!("COPY {rows}")))
    }
}

/// Writes rows in a layout.
struct Writer<'c> {
    layout: Layout,
    columns: &'c Columns,
    force_quote: Vec<bool>,
}

impl<'c> Writer<'c> {
    fn new(copy: &Copy, layout: Layout, columns: &'c Columns, names: &[OutputColumn]) -> Result<Self> {
        let mut force_quote = vec![false; names.len()];
        match &copy.options.force_quote {
            None => {}
            Some(copy::Columns::All) => force_quote.fill(true),
            Some(copy::Columns::Some(list)) => {
                for name in list {
                    let at = names.iter().position(|c| c.name == *name).ok_or_else(|| {
                        SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, format!("FORCE_QUOTE column \"{name}\" not referenced by COPY"))
                    })?;
                    force_quote[at] = true;
                }
            }
        }
        Ok(Writer { layout, columns, force_quote })
    }

    /// The header line, where there is one.
    fn head(&self, names: &[OutputColumn], output: &mut super::wire::Output) {
        if self.layout.format != Format::Binary && self.layout.header != Header::Off {
            let start = output.begin(b'd');
            for (n, column) in names.iter().enumerate() {
                if n > 0 {
                    output.bytes.push(self.layout.delimiter);
                }
                self.layout.write_field(column.name.as_bytes(), false, names.len() == 1, &mut output.bytes);
            }
            output.bytes.push(b'\n');
            output.end(start);
        }
    }

    fn field(&self, n: usize, value: ValueRef<'_>, cx: &super::context::Context, scratch: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<()> {
        let column = &self.columns.0[n];
        if self.layout.format == Format::Binary {
            if n == 0 {
                out.extend_from_slice(&(self.columns.0.len() as i16).to_be_bytes());
            }
            if value == ValueRef::Null {
                out.extend_from_slice(&(-1_i32).to_be_bytes());
                return Ok(());
            }
            scratch.clear();
            column.ty.codec.send(value, &column.ty, cx, scratch)?;
            out.extend_from_slice(&(scratch.len() as i32).to_be_bytes());
            out.extend_from_slice(scratch);
            return Ok(());
        }
        if n > 0 {
            out.push(self.layout.delimiter);
        }
        if value == ValueRef::Null {
            out.extend_from_slice(&self.layout.null);
            return Ok(());
        }
        scratch.clear();
        column.text(value, cx, scratch)?;
        let encoded = self.layout.encoded(scratch)?;
        self.layout.write_field(&encoded, self.force_quote[n], self.columns.0.len() == 1, out);
        Ok(())
    }
}

/// A quoted identifier.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A quoted dotted name.
pub(super) fn quote_all(parts: &[String]) -> String {
    parts.iter().map(|p| quote(p)).collect::<Vec<_>>().join(".")
}
