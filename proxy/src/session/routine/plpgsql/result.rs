//! What a function gives back: RETURN, RETURN NEXT, RETURN QUERY, and output parameters.

use super::{
    super::{Rows, fields, record},
    evaluate::columns_of,
    frame::{Flow, Frame},
};
use crate::{
    bind::routine::Shape,
    error::{Result, SqlError, SqlState},
    parse::plpgsql::{Expression, Source},
    types::{TypeRef, Value},
};

impl Frame<'_> {
    fn has_outputs(&self) -> bool {
        self.routine.function.parameters().any(|(mode, _)| matches!(mode, 'o' | 'b' | 't'))
    }

    /// The values of the output parameters.
    fn outputs(&self) -> Vec<Value> {
        // `found` comes first, then the parameters in order.
        let function = &self.routine.function;
        let outputs = function.parameters().enumerate().filter(|(_, (mode, _))| matches!(mode, 'o' | 'b' | 't'));
        outputs.map(|(at, _)| self.slots[at + 1].value.clone()).collect()
    }

    /// `RETURN`.
    pub(super) fn return_statement(&mut self, value: Option<&Expression>) -> Result<Flow> {
        let refuse = |message: &str| Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message));
        let Some(value) = value else {
            let is_open = matches!(self.routine.shape, Shape::Void) || self.has_outputs() || self.routine.function.returns_set;
            return if is_open {
                Ok(Flow::Return(Value::Null))
            } else {
                Err(SqlError::new(SqlState::SYNTAX_ERROR, "missing expression at or near \";\""))
            };
        };
        if self.routine.function.returns_set {
            let error = SqlError::new(SqlState::DATATYPE_MISMATCH, "RETURN cannot have a parameter in function returning set");
            return Err(error.hint("Use RETURN NEXT or RETURN QUERY."));
        }
        if self.has_outputs() {
            return refuse("RETURN cannot have a parameter in function with OUT parameters");
        }
        match self.routine.shape.clone() {
            Shape::Void if self.is_trigger() => {
                let (value, ty) = self.value(value)?;
                self.returned = ty;
                Ok(Flow::Return(value))
            }
            Shape::Void if self.routine.function.procedure => refuse("RETURN cannot have a parameter in a procedure"),
            Shape::Void => refuse("RETURN cannot have a parameter in function returning void"),
            Shape::Scalar(ty) => Ok(Flow::Return(self.value_of_type(value, ty)?)),
            Shape::Row(columns) => {
                let (row, ty) = self.value(value)?;
                Ok(Flow::Return(self.fit_row(row, ty, &columns)?))
            }
            Shape::Record => Ok(Flow::Return(self.value(value)?.0)),
        }
    }

    fn is_trigger(&self) -> bool {
        self.routine.function.returns == "trigger"
    }

    /// A row value of one type as one of another: column by column.
    fn fit_row(&self, row: Value, ty: TypeRef, columns: &[(String, TypeRef)]) -> Result<Value> {
        if row == Value::Null {
            return Ok(row);
        }
        let cx = self.host.context();
        let Some(given) = columns_of(ty, &cx.catalog) else {
            return Err(SqlError::new(
                SqlState::DATATYPE_MISMATCH,
                "cannot return non-composite value from function returning composite type",
            ));
        };
        if given.len() != columns.len() {
            let error = SqlError::new(SqlState::DATATYPE_MISMATCH, "returned record type does not match expected record type");
            let detail = format!("Number of returned columns ({}) does not match expected column count ({}).", given.len(), columns.len());
            return Err(error.detail(detail));
        }
        let mut values = fields(&row, &given, &cx)?;
        for (value, ((_, from), (_, to))) in values.iter_mut().zip(given.iter().zip(columns)) {
            *value = self.cast(std::mem::replace(value, Value::Null), *from, *to)?;
        }
        record(&values, columns, &cx)
    }

    /// The row that a trigger's function returned, in the table's shape.
    pub(super) fn returned_row(&self, value: Value, row: TypeRef) -> Result<Option<Value>> {
        if value == Value::Null {
            return Ok(None);
        }
        if self.returned.oid == row.oid {
            return Ok(Some(value));
        }
        let columns = columns_of(row, &self.host.catalog()).unwrap_or_default();
        self.fit_row(value, self.returned, &columns).map(Some)
    }

    fn needs_set(&self) -> Result<()> {
        if self.routine.function.returns_set {
            return Ok(());
        }
        Err(SqlError::new(SqlState::DATATYPE_MISMATCH, "cannot use RETURN NEXT in a non-SETOF function"))
    }

    /// `RETURN NEXT`.
    pub(super) fn return_next(&mut self, value: Option<&Expression>) -> Result<()> {
        self.needs_set()?;
        let row = match (value, self.routine.shape.clone()) {
            (None, _) if self.has_outputs() => self.outputs(),
            (None, _) => return Err(SqlError::new(SqlState::SYNTAX_ERROR, "RETURN NEXT must have a parameter")),
            (Some(_), _) if self.has_outputs() => {
                let message = "RETURN NEXT cannot have a parameter in function with OUT parameters";
                return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message));
            }
            (Some(value), Shape::Scalar(ty)) => vec![self.value_of_type(value, ty)?],
            (Some(value), Shape::Row(columns)) => {
                let (row, ty) = self.value(value)?;
                let row = self.fit_row(row, ty, &columns)?;
                fields(&row, &columns, &self.host.context())?
            }
            (Some(value), _) => vec![self.value(value)?.0],
        };
        self.rows.push(row);
        Ok(())
    }

    /// `RETURN QUERY`.
    pub(super) fn return_query(&mut self, source: &Source) -> Result<()> {
        if !self.routine.function.returns_set {
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, "cannot use RETURN QUERY in a non-SETOF function"));
        }
        let mut found = self.rows_of(source)?;
        let wanted = match &self.routine.shape {
            Shape::Row(columns) => columns.iter().map(|(_, ty)| *ty).collect(),
            Shape::Scalar(ty) => vec![*ty],
            _ => Vec::new(),
        };
        if !wanted.is_empty() {
            self.same_structure(&found.columns, &wanted)?;
        } else {
            // Rows whose columns nobody declared become values.
            let cx = self.host.context();
            for row in &mut found.rows {
                *row = vec![record(row, &found.columns, &cx)?];
            }
        }
        self.row_count = found.rows.len() as u64;
        self.set_found(!found.rows.is_empty());
        self.rows.append(&mut found.rows);
        Ok(())
    }

    fn same_structure(&self, given: &[(String, TypeRef)], wanted: &[TypeRef]) -> Result<()> {
        let error = SqlError::new(SqlState::DATATYPE_MISMATCH, "structure of query does not match function result type");
        if given.len() != wanted.len() {
            let detail = format!("Number of returned columns ({}) does not match expected column count ({}).", given.len(), wanted.len());
            return Err(error.detail(detail));
        }
        let catalog = self.host.catalog();
        for (at, ((_, given), wanted)) in given.iter().zip(wanted).enumerate() {
            if given.oid != wanted.oid {
                let name = |ty: TypeRef| catalog.format_type(ty, &["public".to_owned()]);
                let detail = format!("Returned type {} does not match expected type {} in column {}.", name(*given), name(*wanted), at + 1);
                return Err(error.detail(detail));
            }
        }
        Ok(())
    }

    /// The rows of the result, once the body has ended.
    pub(super) fn finish(&mut self, flow: Flow) -> Result<Rows> {
        let function = self.routine.function.clone();
        if function.returns_set {
            return Ok(std::mem::take(&mut self.rows));
        }
        if self.has_outputs() {
            return Ok(vec![self.outputs()]);
        }
        match (flow, &self.routine.shape) {
            (Flow::Return(_), Shape::Void) | (_, Shape::Void) => Ok(vec![vec![Value::Text(String::new())]]),
            (Flow::Return(value), Shape::Row(columns)) => {
                Ok(vec![fields(&value, columns, &self.host.context())?]).map(|rows| match value {
                    // A row that is NULL as a whole stays that, as far as a row of values can say it.
                    Value::Null => vec![vec![Value::Null; columns.len()]],
                    _ => rows,
                })
            }
            (Flow::Return(value), _) => Ok(vec![vec![value]]),
            _ => {
                self.at = (0, "");
                let error = SqlError::new(SqlState("2F005"), "control reached end of function without RETURN");
                Err(error.context(self.place()))
            }
        }
    }
}
