//! `CREATE`, `DROP` and `ALTER TRIGGER`, and `ALTER TABLE … ENABLE | DISABLE TRIGGER`.

use std::rc::Rc;

use peergres_sync::{
    commit::ObjectClass,
    schema::{Object, QualifiedName, Table, Trigger},
};
use sqlparser::ast::{Ident, ObjectName};

use super::definer::{Definer, undefined_column};
use crate::{
    bind::{self, Clause, Scope, fold},
    error::{Result, SqlError, SqlState},
    parse::definition::CreateTrigger,
    session::{
        context::Context,
        variables::{Level, Variable, Variables},
    },
    types::{TypeRef, oid},
};

/// `CREATE TRIGGER`.
pub(super) fn create(definer: &mut Definer<'_>, create: &CreateTrigger) -> Result<()> {
    let table = table_of(definer, &create.table)?;
    let name = fold(&create.name);
    let function = function(definer, &create.function)?;
    let mut columns = Vec::new();
    for column in &create.columns {
        let column = fold(column);
        if table.columns.iter().all(|known| known.name != column) {
            return Err(undefined_column(&table, &column));
        }
        columns.push(column);
    }
    if let Some(when) = &create.when {
        check_when(definer, create, &table, when)?;
    }
    let key = Trigger::key(&table.name, &name);
    let former = definer.schema().get(ObjectClass::Trigger, &key).cloned();
    if former.is_some() && !create.or_replace {
        let message = format!("trigger \"{name}\" for relation \"{}\" already exists", table.name.name);
        return Err(SqlError::new(SqlState::DUPLICATE_OBJECT, message));
    }
    let trigger = Trigger {
        name,
        table: table.name,
        function,
        before: create.before,
        events: create.events.clone(),
        columns,
        row: create.row,
        when: create.when.as_ref().map(ToString::to_string),
        arguments: create.arguments.clone(),
        enabled: true,
        comment: None,
    };
    definer.apply(&[], vec![Object::Trigger(trigger)], Vec::new()).map(|_| ())
}

fn table_of(definer: &Definer<'_>, name: &ObjectName) -> Result<Table> {
    match definer.relation(name)?.as_deref() {
        Some(Object::View(_)) => Err(SqlError::unsupported("a trigger on a view")),
        _ => definer.table(name),
    }
}

/// The function, which must take nothing and return a trigger.
fn function(definer: &Definer<'_>, name: &ObjectName) -> Result<QualifiedName> {
    let (schema, bare) = bind::schema_and_name(name, &definer.cx)?;
    let known = definer.schema();
    let path = schema.map_or_else(|| definer.path.clone(), |schema| vec![schema]);
    for schema in path {
        let key = QualifiedName { schema: schema.clone(), name: format!("{bare}()") };
        if let Some(Object::Function(function)) = known.get(ObjectClass::Function, &key).map(AsRef::as_ref) {
            if function.returns != "trigger" {
                return Err(SqlError::new(SqlState::INVALID_OBJECT_DEFINITION, format!("function {bare} must return type trigger")));
            }
            return Ok(QualifiedName { schema, name: bare });
        }
    }
    Err(SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("function {bare}() does not exist")))
}

/// WHEN speaks of NEW and OLD, of those that there are.
fn check_when(definer: &Definer<'_>, create: &CreateTrigger, table: &Table, when: &sqlparser::ast::Expr) -> Result<()> {
    let row = definer.schema().oid(ObjectClass::Relation, &table.name).unwrap_or(0) | crate::types::ROW_OID_BIT;
    let has = |events: &str| create.row && create.events.chars().all(|event| events.contains(event));
    let mut variables = Vec::new();
    for (number, (name, events)) in [("new", "iu"), ("old", "ud")].into_iter().enumerate() {
        if has(events) {
            variables.push(Variable { name: name.to_owned(), ty: TypeRef::new(row), number: number as u32 + 1 });
        }
    }
    let variables = Variables { levels: vec![Level { label: None, variables }], strict: false };
    let cx = Context { variables: Some(Rc::new(variables)), ..definer.cx.clone() };
    let bound = bind::expression(when, definer.source, &mut Scope::empty(Clause::Check), &cx).map_err(|error| {
        let told = error.fields().message.clone();
        let missing = |name: &str, what: &str| {
            let message = format!("{what} trigger's WHEN condition cannot reference {name} values");
            SqlError::new(SqlState::INVALID_OBJECT_DEFINITION, message)
        };
        let what = if create.row { if create.events.contains('i') { "INSERT" } else { "DELETE" } } else { "statement" };
        match told.as_str() {
            "missing FROM-clause entry for table \"new\"" => missing("NEW", what),
            "missing FROM-clause entry for table \"old\"" => missing("OLD", what),
            _ => error,
        }
    })?;
    if bound.ty.oid != oid::BOOL && bound.ty.oid != oid::UNKNOWN {
        let shown = definer.cx.catalog.format_type(bound.ty, &definer.path);
        return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, format!("argument of WHEN must be type boolean, not type {shown}")));
    }
    Ok(())
}

fn find(definer: &Definer<'_>, table: &Table, name: &str) -> Result<Trigger> {
    match definer.schema().get(ObjectClass::Trigger, &Trigger::key(&table.name, name)).map(AsRef::as_ref) {
        Some(Object::Trigger(found)) => Ok(found.clone()),
        _ => {
            let message = format!("trigger \"{name}\" for table \"{}\" does not exist", table.name.name);
            Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message))
        }
    }
}

/// `DROP TRIGGER`.
pub(super) fn drop(definer: &mut Definer<'_>, name: &Ident, table: &ObjectName, if_exists: bool) -> Result<()> {
    let found = definer.table(table).and_then(|table| find(definer, &table, &fold(name)));
    match found {
        Ok(found) => {
            let key = Trigger::key(&found.table, &found.name);
            definer.apply(&[], Vec::new(), vec![(ObjectClass::Trigger, key)]).map(|_| ())
        }
        Err(error) if if_exists && matches!(error.state(), "42P01" | "42704" | "3F000") => {
            let message = error.fields().message.replace("for table", "for relation");
            definer.notice(format!("{message}, skipping"));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// `ALTER TRIGGER … RENAME TO`.
pub(super) fn rename(definer: &mut Definer<'_>, name: &Ident, table: &ObjectName, to: &Ident) -> Result<()> {
    let table = definer.table(table)?;
    let (found, to) = (find(definer, &table, &fold(name))?, fold(to));
    if definer.schema().get(ObjectClass::Trigger, &Trigger::key(&table.name, &to)).is_some() {
        let message = format!("trigger \"{to}\" for relation \"{}\" already exists", table.name.name);
        return Err(SqlError::new(SqlState::DUPLICATE_OBJECT, message));
    }
    let old = Trigger::key(&table.name, &found.name);
    definer.apply(&[], vec![Object::Trigger(Trigger { name: to, ..found })], vec![(ObjectClass::Trigger, old)]).map(|_| ())
}

/// `ENABLE | DISABLE TRIGGER name | ALL | USER`. Foreign keys stay in force: data that is loaded with them off would not be checked.
pub(super) fn switch(definer: &mut Definer<'_>, table: &Table, name: &str, enabled: bool) -> Result<()> {
    let chosen = if matches!(name, "all" | "user") { of_table(definer, &table.name) } else { vec![find(definer, table, name)?] };
    let put: Vec<Object> = chosen
        .into_iter()
        .filter(|trigger| trigger.enabled != enabled)
        .map(|trigger| Object::Trigger(Trigger { enabled, ..trigger }))
        .collect();
    if put.is_empty() {
        return Ok(());
    }
    definer.apply(&[], put, Vec::new()).map(|_| ())
}

/// The triggers of a table.
pub(super) fn of_table(definer: &Definer<'_>, table: &QualifiedName) -> Vec<Trigger> {
    definer.objects(|object| match object {
        Object::Trigger(trigger) if trigger.table == *table => Some(trigger.clone()),
        _ => None,
    })
}

/// The triggers of a table under its new name: what is put, and what is taken away.
pub(super) fn relocated(
    definer: &Definer<'_>,
    from: &QualifiedName,
    to: &QualifiedName,
) -> (Vec<Object>, Vec<(ObjectClass, QualifiedName)>) {
    let triggers = of_table(definer, from);
    let gone = triggers.iter().map(|trigger| (ObjectClass::Trigger, Trigger::key(from, &trigger.name))).collect();
    (triggers.into_iter().map(|trigger| Object::Trigger(Trigger { table: to.clone(), ..trigger })).collect(), gone)
}

/// `COMMENT ON TRIGGER`.
pub(super) fn commented(definer: &Definer<'_>, name: &Ident, table: &ObjectName, comment: Option<String>) -> Result<Object> {
    let table = definer.table(table)?;
    Ok(Object::Trigger(Trigger { comment, ..find(definer, &table, &fold(name))? }))
}
