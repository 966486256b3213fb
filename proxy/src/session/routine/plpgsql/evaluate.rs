//! Expressions and assignment: an expression is a SELECT over the variables; its value is cast to the type of what it is assigned to, by way
//! of text where no cast leads there (`exec_eval_expr`, `exec_cast_value`).

use std::{ops::ControlFlow, rc::Rc};

use super::{
    super::{fields, host::Nested, record},
    frame::Frame,
};
use crate::{
    bind::routine,
    error::{Result, SqlError, SqlState},
    functions,
    parse::plpgsql::{Expression, Target},
    session::variables::{Level, Variable, Variables},
    types::{Kind, Oid, TypeRef, Value, oid},
};

/// The columns of a row type, anonymous ones included.
pub(super) fn columns_of(ty: TypeRef, catalog: &crate::catalog::Catalog) -> Option<Vec<(String, TypeRef)>> {
    routine::composite(ty.concrete(), catalog)
}

impl Frame<'_> {
    /// The statement that an expression is.
    pub(super) fn nested(&self, expression: &Expression, select: bool) -> Result<Rc<Nested>> {
        if let Some(known) = self.body.nested.borrow().get(&expression.id) {
            return Ok(known.clone());
        }
        let text = if select { format!("SELECT {}", expression.text) } else { expression.text.clone() };
        let nested = Rc::new(Nested::of(&text)?);
        self.body.nested.borrow_mut().insert(expression.id, nested.clone());
        Ok(nested)
    }

    /// An expression's value and type.
    pub(super) fn value(&mut self, expression: &Expression) -> Result<(Value, TypeRef)> {
        self.value_as(expression, None)
    }

    fn value_as(&mut self, expression: &Expression, target: Option<TypeRef>) -> Result<(Value, TypeRef)> {
        let nested = self.nested(expression, true)?;
        let (variables, types) = (self.variables(), self.types());
        let plan = self.host.plan(&nested, &variables, &types, target.as_ref().map(std::slice::from_ref))?;
        if plan.columns.len() != 1 {
            let message = format!("query \"SELECT {}\" returned {} columns", expression.text, plan.columns.len());
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
        }
        let (mut found, mut several) = (None, false);
        self.host.run(&plan, &self.values(), &mut |mut row| {
            several = found.is_some();
            if several {
                return Ok(ControlFlow::Break(()));
            }
            found = row.pop();
            Ok(ControlFlow::Continue(()))
        })?;
        if several {
            let message = format!("query \"SELECT {}\" returned more than one row", expression.text);
            return Err(SqlError::new(SqlState::CARDINALITY_VIOLATION, message));
        }
        Ok((found.unwrap_or(Value::Null), plan.columns[0].ty))
    }

    /// An expression's value in a type.
    pub(super) fn value_of_type(&mut self, expression: &Expression, target: TypeRef) -> Result<Value> {
        if target.oid == oid::RECORD || target.oid == oid::UNKNOWN {
            return Ok(self.value(expression)?.0);
        }
        let by_text = self.body.by_text.borrow().contains(&expression.id);
        if !by_text {
            match self.value_as(expression, Some(target)) {
                Err(error) if error.state() == SqlState::DATATYPE_MISMATCH.0 => {
                    self.body.by_text.borrow_mut().insert(expression.id);
                }
                done => return Ok(done?.0),
            }
        }
        let (value, ty) = self.value(expression)?;
        self.cast(value, ty, target)
    }

    /// A condition; NULL counts as false.
    pub(super) fn condition(&mut self, expression: &Expression) -> Result<bool> {
        Ok(self.value_of_type(expression, TypeRef::new(oid::BOOL))? == Value::Integer(1))
    }

    /// An integer; 22004 for NULL, with what it is.
    pub(super) fn integer(&mut self, expression: &Expression, what: &str) -> Result<i64> {
        match self.value_of_type(expression, TypeRef::new(oid::INT4))? {
            Value::Integer(number) => Ok(number),
            _ => Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, format!("{what} of FOR loop cannot be null"))),
        }
    }

    /// A value as text; none for NULL.
    pub(super) fn text(&mut self, expression: &Expression) -> Result<Option<String>> {
        match self.value_of_type(expression, TypeRef::new(oid::TEXT))? {
            Value::Text(text) => Ok(Some(text)),
            _ => Ok(None),
        }
    }

    /// A value of one type in another.
    pub(super) fn cast(&self, value: Value, from: TypeRef, to: TypeRef) -> Result<Value> {
        if from == to || from.oid == to.oid && to.typmod < 0 || to.oid == oid::RECORD || value == Value::Null && !self.is_domain(to.oid) {
            return Ok(value);
        }
        let catalog = self.host.catalog();
        let shown = catalog.qualified_type_name(to);
        for text in ["SELECT $1".to_owned(), format!("SELECT ($1)::text::{shown}")] {
            let known = self.body.casts.borrow().get(&text).cloned();
            let nested = match known {
                Some(nested) => nested,
                None => {
                    let nested = Rc::new(Nested::of(&text)?);
                    self.body.casts.borrow_mut().insert(text.clone(), nested.clone());
                    nested
                }
            };
            let variable = Variable { name: String::new(), ty: from, number: 1 };
            let variables = Rc::new(Variables { levels: vec![Level { label: None, variables: vec![variable] }], strict: false });
            let plan = match self.host.plan(&nested, &variables, &[from], Some(&[to])) {
                Err(error) if error.state() == SqlState::DATATYPE_MISMATCH.0 => continue,
                plan => plan?,
            };
            let mut cast = Value::Null;
            self.host.run(&plan, &[value], &mut |mut row| {
                cast = row.pop().unwrap_or(Value::Null);
                Ok(ControlFlow::Break(()))
            })?;
            return Ok(cast);
        }
        let name = |ty| catalog.format_type(ty, &["public".to_owned()]);
        Err(SqlError::new(SqlState::DATATYPE_MISMATCH, format!("cannot cast type {} to {}", name(from), name(to))))
    }

    fn is_domain(&self, ty: Oid) -> bool {
        matches!(self.host.catalog().type_by_oid(ty).map(|ty| ty.kind.clone()), Some(Kind::Domain(_)))
    }

    /// `target := expression`.
    pub(super) fn assign(&mut self, target: &Target, expression: &Expression) -> Result<()> {
        let (place, taken) = self.place_of(target)?;
        if target.path.len() == taken && target.subscripts.is_empty() {
            if self.slots[place].open {
                let (value, ty) = self.value(expression)?;
                return self.store_row(place, value, ty);
            }
            let ty = self.slots[place].ty;
            let value = self.value_of_type(expression, ty)?;
            return self.store(place, value);
        }
        let ty = self.type_of(target)?;
        let value = self.value_of_type(expression, ty)?;
        self.put(target, value)
    }

    /// A value of some type into a target.
    pub(super) fn assign_value(&mut self, target: &Target, value: Value, ty: TypeRef) -> Result<()> {
        let (place, taken) = self.place_of(target)?;
        if target.path.len() == taken && target.subscripts.is_empty() && self.slots[place].open {
            return self.store_row(place, value, ty);
        }
        let wanted = self.type_of(target)?;
        let value = self.cast(value, ty, wanted)?;
        self.put(target, value)
    }

    fn store_row(&mut self, place: usize, value: Value, ty: TypeRef) -> Result<()> {
        if ty.oid != oid::RECORD && columns_of(ty, &self.host.catalog()).is_none() && value != Value::Null {
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, "cannot assign non-composite value to a record variable"));
        }
        self.reshape(place, ty);
        self.store(place, value)
    }

    fn place_of(&self, target: &Target) -> Result<(usize, usize)> {
        self.find(&target.path).ok_or_else(|| {
            let name = target.path.join(".");
            SqlError::new(SqlState::SYNTAX_ERROR, format!("\"{name}\" is not a known variable"))
        })
    }

    /// The type that a target takes.
    pub(super) fn type_of(&self, target: &Target) -> Result<TypeRef> {
        let (place, taken) = self.place_of(target)?;
        let mut ty = self.slots[place].ty;
        for field in &target.path[taken..] {
            ty = self.field_of(place, ty, field)?.1;
        }
        for _ in &target.subscripts {
            let catalog = self.host.catalog();
            ty = match catalog.type_by_oid(self.base(ty)).map(|ty| ty.kind.clone()) {
                Some(Kind::Array(element)) => TypeRef::new(element),
                _ if self.base(ty) == oid::JSONB => TypeRef::new(oid::JSONB),
                // A further dimension of the same array.
                _ => ty,
            };
        }
        Ok(ty)
    }

    fn base(&self, ty: TypeRef) -> Oid {
        let catalog = self.host.catalog();
        let mut ty = ty;
        while let Some(Kind::Domain(base)) = catalog.type_by_oid(ty.oid).map(|ty| ty.kind.clone()) {
            ty = base;
        }
        ty.oid
    }

    fn field_of(&self, place: usize, ty: TypeRef, field: &str) -> Result<(usize, TypeRef)> {
        let name = &self.slots[place].name;
        let Some(columns) = columns_of(ty, &self.host.catalog()) else {
            let error = SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, format!("record \"{name}\" is not assigned yet"));
            return Err(error.detail("The tuple structure of a not-yet-assigned record is indeterminate."));
        };
        let found = columns.iter().position(|(column, _)| column == field);
        let at = found.ok_or_else(|| SqlError::new(SqlState::UNDEFINED_COLUMN, format!("record \"{name}\" has no field \"{field}\"")))?;
        Ok((at, columns[at].1))
    }

    /// Puts a value of the right type where the target is: into a variable, or into a part of what it holds.
    fn put(&mut self, target: &Target, value: Value) -> Result<()> {
        let (place, taken) = self.place_of(target)?;
        let (ty, whole) = (self.slots[place].ty, self.slots[place].value.clone());
        let subscripts = target.subscripts.iter().map(|subscript| self.value(subscript)).collect::<Result<Vec<_>>>()?;
        let new = self.with_part(place, whole, ty, &target.path[taken..], &subscripts, value)?;
        self.store(place, new)
    }

    fn with_part(
        &self,
        place: usize,
        whole: Value,
        ty: TypeRef,
        path: &[String],
        subscripts: &[(Value, TypeRef)],
        value: Value,
    ) -> Result<Value> {
        let Some((field, rest)) = path.split_first() else {
            return if subscripts.is_empty() { Ok(value) } else { self.with_element(whole, ty, subscripts, value) };
        };
        let cx = self.host.context();
        let (at, field_type) = self.field_of(place, ty, field)?;
        let columns = columns_of(ty, &cx.catalog).unwrap_or_default();
        let mut values = fields(&whole, &columns, &cx)?;
        let inner = std::mem::replace(&mut values[at], Value::Null);
        values[at] = self.with_part(place, inner, field_type, rest, subscripts, value)?;
        record(&values, &columns, &cx)
    }

    /// `a[i] := v`, by the functions that assignment in UPDATE uses.
    fn with_element(&self, whole: Value, ty: TypeRef, subscripts: &[(Value, TypeRef)], value: Value) -> Result<Value> {
        let base = self.base(ty);
        let (signature, element) = match (base, self.host.catalog().type_by_oid(base).map(|ty| ty.kind.clone())) {
            (oid::JSONB, _) => ("peergres.assign_member(jsonb,jsonb,\"any\")", oid::JSONB),
            (_, Some(Kind::Array(element))) => ("peergres.assign_element(anyarray,anyelement,\"any\")", element),
            _ => {
                return Err(SqlError::new(
                    SqlState::DATATYPE_MISMATCH,
                    "cannot subscript this type because it does not support subscripting",
                ));
            }
        };
        let Some(functions::Body::Scalar(body)) = functions::lookup(signature).map(|entry| entry.body) else {
            return Err(SqlError::internal("assignment to an element has no body"));
        };
        let mut values = vec![whole, value];
        let mut types = vec![base, element];
        for (subscript, ty) in subscripts {
            values.push(subscript.clone());
            types.push(ty.oid);
        }
        let args: Vec<functions::ValueRef<'_>> = values.iter().map(Into::into).collect();
        body(&functions::Call { args: &args, types: &types, result: base, extra: "", cx: &self.host.context() })
    }
}
