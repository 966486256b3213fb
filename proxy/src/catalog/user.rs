//! The objects of the database's schema as catalog entries: types, relations and functions that users made.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use peergres_sync::schema::{ConstraintRule, Function, Object, QualifiedName, Schema, Table, UserType, physical_column};

use super::{
    Catalog,
    proc::{self, OutputArgument, Proc, ProcKind},
    relation::{Relation, RelationColumn, RelationKind},
};
use crate::types::{self, Oid, Type, TypeRef, oid};

fn add_type(catalog: &mut Catalog, (ty, array): (Type, Type)) {
    for ty in [Arc::new(ty), Arc::new(array)] {
        catalog.types.insert(ty.oid, ty.clone());
        catalog.type_names.entry(ty.name.clone()).or_default().push(ty);
    }
}

/// An object and its OID.
pub(super) type Entry<'a> = (Oid, &'a Arc<Object>);

/// What one schema has and another one has not, object by object: an object that was replaced is on both sides.
pub(super) struct Difference<'a> {
    pub(super) gone: Vec<Entry<'a>>,
    pub(super) new: Vec<Entry<'a>>,
}

impl<'a> Difference<'a> {
    /// Objects are compared by address: schemas share those that are the same.
    pub(super) fn between(old: &'a Schema, new: &'a Schema) -> Difference<'a> {
        let mut difference = Difference { gone: Vec::new(), new: Vec::new() };
        let (mut before, mut after) = (old.objects.iter().peekable(), new.objects.iter().peekable());
        loop {
            let order = match (before.peek(), after.peek()) {
                (Some((old, _)), Some((new, _))) => old.cmp(new),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return difference,
            };
            let gone = if order.is_le() { before.next() } else { None };
            let made = if order.is_ge() { after.next() } else { None };
            if let (Some((_, gone)), Some((_, made))) = (gone, made)
                && Arc::ptr_eq(gone, made)
            {
                continue;
            }
            difference.gone.extend(gone.map(|(oid, object)| (*oid, object)));
            difference.new.extend(made.map(|(oid, object)| (*oid, object)));
        }
    }

    /// Whether objects that did not change mean the same after as before: they name types, and schemas, by name.
    pub(super) fn is_local(&self) -> bool {
        !self.gone.iter().any(|(_, object)| matches!(***object, Object::Type(_) | Object::Namespace(_)))
    }
}

/// Adds objects.
pub(super) fn add(catalog: &mut Catalog, objects: &[Entry<'_>]) {
    for (oid, object) in objects {
        if let Object::Namespace(namespace) = &***object {
            catalog.namespaces.push((*oid, namespace.name.clone()));
        }
    }
    add_types(catalog, objects);
    add_relations(catalog, objects);
    add_functions(catalog, objects);
}

/// Removes relations with their row types, and functions.
pub(super) fn remove(catalog: &mut Catalog, objects: &[Entry<'_>]) {
    for (oid, _) in objects {
        for ty in [oid | types::ROW_OID_BIT, oid | types::ROW_OID_BIT | types::ARRAY_OID_BIT] {
            if let Some(ty) = catalog.types.remove(&ty) {
                forget(&mut catalog.type_names, &ty.name, |known| known.oid == ty.oid);
            }
        }
        if let Some(relation) = catalog.relations_by_oid.remove(oid) {
            forget(&mut catalog.relations, &relation.name.name, |known| known.oid == *oid);
        }
        if let Some(proc) = catalog.functions_by_oid.remove(oid) {
            forget(&mut catalog.functions, &proc.name, |known| known.oid == *oid);
        }
    }
}

fn forget<T>(by_name: &mut HashMap<String, Vec<Arc<T>>>, name: &str, is_it: impl Fn(&T) -> bool) {
    let Some(list) = by_name.get_mut(name) else { return };
    list.retain(|known| !is_it(known));
    if list.is_empty() {
        by_name.remove(name);
    }
}

/// Adds the types that users made, in an order in which each finds those it stands on, and the row types of tables and views.
fn add_types(catalog: &mut Catalog, objects: &[Entry<'_>]) {
    let mut waiting: Vec<(Oid, &UserType)> = Vec::new();
    for (oid, object) in objects {
        if let Object::Type(made) = &***object {
            waiting.push((*oid, made));
        }
    }
    loop {
        let before = waiting.len();
        waiting.retain(|(oid, made)| {
            let resolve = |text: &str| {
                let ty = catalog.parse_type(text, &[]).ok()?;
                Some((ty, catalog.type_by_oid(ty.oid)?.clone()))
            };
            match types::user(made, *oid, &resolve) {
                Some(pair) => {
                    add_type(catalog, pair);
                    false
                }
                None => true,
            }
        });
        if waiting.len() == before {
            break;
        }
    }
    for (oid, object) in objects {
        let (name, columns): (&QualifiedName, Vec<(String, TypeRef)>) = match &***object {
            Object::Table(table) => (&table.name, table.columns.iter().map(|c| (c.name.clone(), type_of(catalog, &c.type_name))).collect()),
            Object::View(view) => (&view.name, view.columns.iter().map(|(n, t)| (n.clone(), type_of(catalog, t))).collect()),
            _ => continue,
        };
        let row = types::row_type(&name.schema, &name.name, oid | types::ROW_OID_BIT, columns);
        add_type(catalog, row);
    }
}

fn type_of(catalog: &Catalog, name: &str) -> TypeRef {
    catalog.parse_type(name, &[]).unwrap_or(TypeRef::new(oid::TEXT))
}

/// Adds tables, views, indexes, sequences and composite types as relations.
fn add_relations(catalog: &mut Catalog, objects: &[Entry<'_>]) {
    for (oid, object) in objects {
        let Some(relation) = relation_of(catalog, *oid, object) else { continue };
        let relation = Arc::new(relation);
        catalog.relations_by_oid.insert(*oid, relation.clone());
        catalog.relations.entry(relation.name.name.clone()).or_default().push(relation);
    }
}

fn relation_of(catalog: &Catalog, oid: Oid, object: &Arc<Object>) -> Option<Relation> {
    let (name, kind, columns, physical) = match &**object {
        Object::Table(table) => (&table.name, RelationKind::Table, table_columns(catalog, table), table.physical.clone()),
        Object::View(view) => {
            let columns = view.columns.iter().map(|(name, ty)| (name.clone(), type_of(catalog, ty)));
            (&view.name, RelationKind::View, plain_columns(columns), String::new())
        }
        Object::Index(index) => (&index.name, RelationKind::Index, Vec::new(), index.physical.clone()),
        Object::Sequence(sequence) => {
            let columns = [("last_value", oid::INT8), ("log_cnt", oid::INT8), ("is_called", oid::BOOL)];
            let columns = columns.map(|(name, ty)| (name.to_owned(), TypeRef::new(ty)));
            (&sequence.name, RelationKind::Sequence, plain_columns(columns.into_iter()), String::new())
        }
        Object::Type(UserType { name, definition: peergres_sync::schema::TypeDefinition::Composite { attributes }, .. }) => {
            let columns = attributes.iter().map(|(name, ty)| (name.clone(), type_of(catalog, ty)));
            (name, RelationKind::Composite, plain_columns(columns), String::new())
        }
        _ => return None,
    };
    let query = match &**object {
        Object::View(view) => Some(view.query.clone()),
        Object::Table(table) => table.materialized.as_ref().map(|view| view.query.clone()),
        _ => None,
    };
    let primary_key = match &**object {
        Object::Table(table) => primary_key(table),
        _ => Vec::new(),
    };
    Some(Relation { oid, name: name.clone(), kind, columns, physical, object: Some(object.clone()), query, primary_key })
}

fn table_columns(catalog: &Catalog, table: &Table) -> Vec<RelationColumn> {
    let key: Vec<usize> = primary_key(table);
    let column = |(at, c): (usize, &peergres_sync::schema::Column)| RelationColumn {
        number: c.number,
        name: c.name.clone(),
        physical: c.physical.clone(),
        ty: type_of(catalog, &c.type_name),
        not_null: c.not_null || key.contains(&at),
    };
    table.columns.iter().enumerate().map(column).collect()
}

fn plain_columns(columns: impl Iterator<Item = (String, TypeRef)>) -> Vec<RelationColumn> {
    let column = |(at, (name, ty)): (usize, (String, TypeRef))| RelationColumn {
        number: at as i16 + 1,
        physical: physical_column(&name),
        name,
        ty,
        not_null: false,
    };
    columns.enumerate().map(column).collect()
}

fn primary_key(table: &Table) -> Vec<usize> {
    let key = table.constraints.iter().find_map(|constraint| match &constraint.rule {
        ConstraintRule::PrimaryKey { columns } => Some(columns),
        _ => None,
    });
    let position = |name: &String| table.columns.iter().position(|column| column.name == *name);
    key.map(|columns| columns.iter().filter_map(position).collect()).unwrap_or_default()
}

/// Adds the functions written in SQL.
fn add_functions(catalog: &mut Catalog, objects: &[Entry<'_>]) {
    for (oid, object) in objects {
        let Object::Function(function) = &***object else { continue };
        let proc = Arc::new(proc_of(catalog, *oid, function));
        catalog.functions_by_oid.insert(*oid, proc.clone());
        catalog.functions.entry(proc.name.clone()).or_default().push(proc);
    }
}

fn proc_of(catalog: &Catalog, oid: Oid, function: &Function) -> Proc {
    let resolve = |text: &str| catalog.parse_type(text, &[]).ok().map(|ty| ty.oid);
    let type_of = |ty: &str| resolve(ty).unwrap_or(oid::UNKNOWN);
    let args: Vec<Oid> = function.inputs().map(|(_, ty, _)| type_of(ty)).collect();
    let is_output = |mode: char| matches!(mode, 'o' | 'b' | 't');
    let unnamed = |at: usize| format!("column{}", at + 1);
    let outputs: Vec<OutputArgument> = function
        .parameters()
        .filter(|(mode, _)| is_output(*mode))
        .enumerate()
        .map(|(at, (_, (name, ty, _)))| OutputArgument { name: if name.is_empty() { unnamed(at) } else { name.clone() }, ty: type_of(ty) })
        .collect();
    let variadic = function.parameters().find(|(mode, _)| *mode == 'v').map_or(0, |(_, (_, ty, _))| match type_of(ty) {
        oid::ANYARRAY => oid::ANYELEMENT,
        oid::ANYCOMPATIBLEARRAY => oid::ANYCOMPATIBLE,
        array => match catalog.type_by_oid(array).map(|ty| &ty.kind) {
            Some(types::Kind::Array(element)) => *element,
            _ => array,
        },
    });
    Proc {
        oid,
        schema: function.name.schema.clone(),
        name: function.name.name.clone(),
        kind: if function.procedure { ProcKind::Procedure } else { ProcKind::Function },
        returns_set: function.returns_set,
        strict: function.strict,
        volatility: function.volatility,
        variadic,
        result: resolve(&function.returns).unwrap_or(oid::VOID),
        signature: proc::signature(&function.name.name, &args, &|ty| catalog.format_type(TypeRef::new(ty), &["public".to_owned()])),
        args,
        arg_names: function.inputs().map(|(name, ..)| name.clone()).collect(),
        defaults: function.inputs().filter_map(|(_, _, default)| default.clone()).collect(),
        outputs,
        direct_args: 0,
        aggregate_kind: 'n',
        body: Some(Arc::new(function.clone())),
    }
}
