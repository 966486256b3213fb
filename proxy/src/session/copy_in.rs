//! COPY … FROM STDIN: CopyData enters, rows are inserted by one prepared INSERT whose parameters are the fields. Memory holds one message
//! and one line at most.

use std::{ops::ControlFlow, sync::Arc};

use peergres_sync::schema::Object;
use pgwire::messages::copy::CopyInResponse;
use rusqlite::types::Value;

use super::{
    Session,
    context::Context,
    copy_out::{BINARY_HEADER, quote, quote_all},
    copy_text::{Field, Layout, Reader},
    plans::Compiled,
    run::Done,
    wire::{Ended, Frontend},
};
use crate::{
    catalog::{RelationColumn, RelationKind},
    error::{Result, SqlError, SqlState},
    execute::Execution,
    parse::copy::{Columns, Copy, Format, Header, Source},
    types::Type,
};

/// The table side of a COPY.
pub(super) struct Target {
    pub(super) columns: Vec<RelationColumn>,
    pub(super) is_view: bool,
    name: String,
}

/// What turns fields into a row.
struct Loader {
    table: String,
    names: Vec<String>,
    types: Vec<(Arc<Type>, i32)>,
    layout: Layout,
    force_not_null: Vec<bool>,
    force_null: Vec<bool>,
    compiled: std::rc::Rc<Compiled>,
    cx: std::rc::Rc<Context>,
    rows: u64,
}

impl Session {
    /// The table of a COPY and the columns listed, all but generated ones where none are.
    pub(super) fn copy_table(&mut self, table: &[String], listed: &[String]) -> Result<Target> {
        let catalog = self.catalog();
        let path = self.search_path();
        let (schema, name) = match table {
            [name] => (None, name),
            [schema, name] => (Some(schema.as_str()), name),
            _ => return Err(SqlError::unsupported("a cross-database reference")),
        };
        let relation = catalog
            .relation(schema, name, &path)
            .ok_or_else(|| SqlError::new(SqlState::UNDEFINED_TABLE, format!("relation \"{}\" does not exist", table.join("."))))?;
        let generated = |column: &str| match relation.object.as_deref() {
            Some(Object::Table(t)) => t.columns.iter().any(|c| c.name == column && c.generated.is_some()),
            _ => false,
        };
        let mut columns = Vec::new();
        for name in listed {
            let (_, column) = relation.column(name).ok_or_else(|| {
                let message = format!("column \"{name}\" of relation \"{}\" does not exist", relation.name.name);
                SqlError::new(SqlState::UNDEFINED_COLUMN, message)
            })?;
            if columns.iter().any(|c: &RelationColumn| c.name == *name) {
                return Err(SqlError::new(SqlState::DUPLICATE_COLUMN, format!("column \"{name}\" specified more than once")));
            }
            if generated(name) {
                let error = SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, format!("column \"{name}\" is a generated column"));
                return Err(error.detail("Generated columns cannot be used in COPY."));
            }
            columns.push(column.clone());
        }
        if listed.is_empty() {
            columns.extend(relation.columns.iter().filter(|c| !generated(&c.name)).cloned());
        }
        let is_view = relation.kind == RelationKind::View && relation.name.schema != "pg_catalog";
        Ok(Target { columns, is_view, name: relation.name.name.clone() })
    }

    pub(super) fn copy_in(&mut self, copy: &Copy, layout: Layout) -> Result<Done> {
        let Source::Table(table, listed) = &copy.source else {
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, "COPY FROM needs a table"));
        };
        let target = self.copy_table(table, listed)?;
        if target.is_view {
            let error = SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("cannot copy to view \"{}\"", target.name));
            return Err(error.hint("To enable copying to a view, provide an INSTEAD OF INSERT trigger."));
        }
        self.place_to_write("COPY FROM")?;
        let mut loader = self.loader(copy, layout, &target, table)?;
        let width = target.columns.len();
        let code = i16::from(loader.layout.format == Format::Binary);
        self.stream.output.message(&CopyInResponse::new(code as i8, width as i16, vec![code; width]));
        super::context::enter(loader.cx.clone());
        let loaded = if code == 1 { self.load_binary(&mut loader) } else { self.load_lines(&mut loader) };
        loaded?;
        self.check_loaded(&loader)?;
        Ok(Done::Text(format!("COPY {}", loader.rows)))
    }

    fn loader(&mut self, copy: &Copy, layout: Layout, target: &Target, table: &[String]) -> Result<Loader> {
        let names: Vec<String> = target.columns.iter().map(|c| c.name.clone()).collect();
        let flags = |columns: &Option<Columns>, option: &str| match columns {
            None => Ok(vec![false; names.len()]),
            Some(Columns::All) => Ok(vec![true; names.len()]),
            Some(Columns::Some(list)) => match list.iter().find(|name| !names.contains(name)) {
                Some(name) => {
                    let message = format!("{option} column \"{name}\" not referenced by COPY");
                    Err(SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, message))
                }
                None => Ok(names.iter().map(|n| list.contains(n)).collect()),
            },
        };
        let list: Vec<_> = names.iter().map(|n| quote(n)).collect();
        let list = list.join(", ");
        let parameters: Vec<_> = (1..=names.len()).map(|n| format!("${n}")).collect();
        let values = format!("VALUES ({})", parameters.join(", "));
        let sql = match &copy.filter {
            None => format!("INSERT INTO {} ({list}) {values}", quote_all(table)),
            Some(filter) => {
                let alias = quote(&target.name);
                format!("INSERT INTO {} ({list}) SELECT {list} FROM ({values}) AS {alias} ({list}) WHERE {filter}", quote_all(table))
            }
        };
        let declared = target.columns.iter().map(|c| c.ty.oid).collect();
        let prepared = self.derived_statement(sql, declared)?;
        let compiled = self.compile(&prepared)?;
        let types = target.columns.iter().zip(&compiled.parameters).map(|(c, ty)| (ty.clone(), c.ty.typmod)).collect();
        Ok(Loader {
            table: target.name.clone(),
            types,
            layout,
            force_not_null: flags(&copy.options.force_not_null, "FORCE_NOT_NULL")?,
            force_null: flags(&copy.options.force_null, "FORCE_NULL")?,
            cx: self.context(compiled.catalog.clone()),
            compiled,
            names,
            rows: 0,
        })
    }

    /// The next piece of data; none at CopyDone.
    fn copy_data(&mut self) -> Result<Option<bytes::Bytes>> {
        loop {
            let frame = self.stream.frame().map_err(|ended| match ended {
                Ended::Closed => {
                    SqlError::new(SqlState::CONNECTION_FAILURE, "unexpected EOF on client connection with an open transaction")
                }
                Ended::Violation(error) => error,
            })?;
            self.refuse_if_interrupted()?;
            return match Frontend::decode(frame.kind, &frame.body)? {
                Frontend::CopyData(_) => Ok(Some(frame.body)),
                Frontend::CopyDone => Ok(None),
                Frontend::CopyFail(reason) => Err(SqlError::new(SqlState::QUERY_CANCELED, format!("COPY from stdin failed: {reason}"))),
                // In the extended protocol a Sync may have been sent ahead.
                Frontend::Flush | Frontend::Sync => continue,
                _ => {
                    let message = format!("unexpected message type 0x{:02X} during COPY from stdin", frame.kind);
                    Err(SqlError::new(SqlState::PROTOCOL_VIOLATION, message))
                }
            };
        }
    }

    fn load_lines(&mut self, loader: &mut Loader) -> Result<()> {
        let mut reader = Reader::new(loader.layout.clone());
        let mut at_end = false;
        while !at_end {
            match self.copy_data()? {
                Some(data) => reader.feed(&data)?,
                None => at_end = true,
            }
            loop {
                let cut = reader.line(at_end);
                let at = format!("COPY {}, line {}", loader.table, reader.line);
                let Some(line) = cut.map_err(|e| e.context(at.clone()))? else { break };
                let shown = || format!("{at}: \"{}\"", String::from_utf8_lossy(&line).chars().take(100).collect::<String>());
                let fields = reader.fields(&line).map_err(|e| e.context(shown()))?;
                if reader.line == 1 && loader.layout.header != Header::Off {
                    loader.check_header(&fields).map_err(|e| e.context(shown()))?;
                    continue;
                }
                let row = loader.row(&fields, &at).map_err(|e| if e.fields().context.is_some() { e } else { e.context(shown()) })?;
                // PostgreSQL inserts in batches: a key that is taken comes to light when the line itself is gone.
                let late = |e: &SqlError| e.state() == SqlState::UNIQUE_VIOLATION.0;
                self.insert(loader, &row).map_err(|e| if late(&e) { e.context(at.clone()) } else { e.context(shown()) })?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, loader: &mut Loader, row: &[Value]) -> Result<()> {
        let shared = self.shared.clone();
        let open = shared.open.borrow();
        let plan = &loader.compiled.plan;
        let (rows, _) = self.execution(&open, loader)?.run_part(plan, row, &mut |_| Ok(ControlFlow::Continue(())))?;
        loader.rows += rows;
        Ok(())
    }

    fn execution<'e>(&'e self, open: &'e Option<peergres_sync::commit::Transaction>, loader: &'e Loader) -> Result<Execution<'e>> {
        let connection = super::block::writer(open)?.connection();
        Ok(Execution { connection, schema: &loader.compiled.catalog.schema, timing: &self.block.timing })
    }

    /// A COPY is one statement: its foreign keys are looked at when all rows are in.
    fn check_loaded(&self, loader: &Loader) -> Result<()> {
        let shared = self.shared.clone();
        let open = shared.open.borrow();
        let targets = loader.compiled.plan.steps.iter().filter_map(|step| step.target.as_deref());
        self.execution(&open, loader)?.check_foreign_keys(targets)
    }

    fn load_binary(&mut self, loader: &mut Loader) -> Result<()> {
        let mut pending: Vec<u8> = Vec::new();
        let mut head = true;
        let mut ended = false;
        let broken = |message: &str| SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, message);
        while let Some(data) = self.copy_data()? {
            if ended {
                return Err(broken("received copy data after EOF marker"));
            }
            pending.extend_from_slice(&data);
            if head {
                if pending.len() < BINARY_HEADER.len() {
                    continue;
                }
                if pending[..11] != BINARY_HEADER[..11] {
                    return Err(broken("COPY file signature not recognized"));
                }
                if pending[11..19] != BINARY_HEADER[11..19] {
                    return Err(broken("unrecognized critical flags in COPY file header"));
                }
                pending.drain(..BINARY_HEADER.len());
                head = false;
            }
            let mut at = 0;
            while let Some((fields, next)) = binary_tuple(&pending[at..], loader.types.len())? {
                at += next;
                let Some(fields) = fields else {
                    ended = true;
                    break;
                };
                let context = format!("COPY {}, line {}", loader.table, loader.rows + 1);
                let row = loader.binary_row(&fields).map_err(|e| e.context(context.clone()))?;
                self.insert(loader, &row).map_err(|e| e.context(context))?;
            }
            pending.drain(..at);
        }
        // PostgreSQL does not insist on the trailer, and some drivers send none.
        if ended || pending.is_empty() { Ok(()) } else { Err(broken("unexpected EOF in COPY data")) }
    }
}

type Tuple<'d> = (Option<Vec<Option<&'d [u8]>>>, usize);

/// The next tuple and its length, none where it is not all here; a tuple of no fields is the end marker.
fn binary_tuple(data: &[u8], width: usize) -> Result<Option<Tuple<'_>>> {
    let broken = |message: &str| SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, message);
    let Some(count) = data.first_chunk::<2>().map(|c| i16::from_be_bytes(*c)) else { return Ok(None) };
    if count == -1 {
        return Ok(Some((None, 2)));
    }
    if count as usize != width {
        return Err(broken(&format!("row field count is {count}, expected {width}")));
    }
    let mut at = 2;
    let mut fields = Vec::with_capacity(width);
    for _ in 0..width {
        let Some(length) = data.get(at..).and_then(|d| d.first_chunk::<4>()).map(|c| i32::from_be_bytes(*c)) else { return Ok(None) };
        at += 4;
        fields.push(match length {
            -1 => None,
            0.. => {
                let Some(bytes) = data.get(at..at + length as usize) else { return Ok(None) };
                at += length as usize;
                Some(bytes)
            }
            _ => return Err(broken("invalid field size")),
        });
    }
    Ok(Some((Some(fields), at)))
}

impl Loader {
    fn check_header(&self, fields: &[Field]) -> Result<()> {
        if self.layout.header != Header::Match {
            return Ok(());
        }
        let broken = |message: String| Err(SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, message));
        if fields.len() != self.names.len() {
            return broken(format!("wrong number of fields in header line: got {}, expected {}", fields.len(), self.names.len()));
        }
        for (n, (field, name)) in fields.iter().zip(&self.names).enumerate() {
            let given = String::from_utf8_lossy(&field.bytes);
            if given != name.as_str() {
                return broken(format!("column name mismatch in header line field {}: got \"{given}\", expected \"{name}\"", n + 1));
            }
        }
        Ok(())
    }

    fn row(&self, fields: &[Field], at: &str) -> Result<Vec<Value>> {
        let broken = |message: String| Err(SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, message));
        // A table without columns takes empty lines.
        let blank = self.names.is_empty() && fields.len() == 1 && fields[0].bytes.is_empty();
        if fields.len() > self.names.len() && !blank {
            return broken("extra data after last expected column".to_owned());
        }
        let mut row = Vec::with_capacity(self.names.len());
        for (n, name) in self.names.iter().enumerate() {
            let Some(field) = fields.get(n) else { return broken(format!("missing data for column \"{name}\"")) };
            let forced = self.force_null[n] && field.bytes == self.layout.null;
            if (field.null && !self.force_not_null[n]) || forced {
                row.push(Value::Null);
                continue;
            }
            let (ty, typmod) = &self.types[n];
            let value = super::wire::frontend::text(&field.bytes).and_then(|text| ty.codec.input(text, ty, *typmod, &self.cx));
            row.push(value.map_err(|e| {
                let shown: String = String::from_utf8_lossy(&field.bytes).chars().take(100).collect();
                e.context(format!("{at}, column {name}: \"{shown}\""))
            })?);
        }
        Ok(row)
    }

    fn binary_row(&self, fields: &[Option<&[u8]>]) -> Result<Vec<Value>> {
        let receive = |(field, (ty, typmod)): (&Option<&[u8]>, &(Arc<Type>, i32))| match field {
            None => Ok(Value::Null),
            Some(bytes) => ty.codec.receive(bytes, ty, *typmod, &self.cx),
        };
        fields.iter().zip(&self.types).map(receive).collect()
    }
}
