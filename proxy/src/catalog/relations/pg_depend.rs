//! `pg_depend`: what falls with what. Clients read from it the columns that own sequences, the constraints behind indexes, the tables that
//! views read, and what belongs to an extension.

use peergres_sync::schema::{Column, Constraint, ConstraintRule, Index, Object, QualifiedName, Sequence, Table, TypeDefinition, View};

use super::{
    super::{
        derived::{default_oid, oid_in, rule_oid},
        expression_columns,
        segment::{Segment, row},
    },
    world::{World, class, numbers},
};
use crate::types::{Kind, Oid, ROW_OID_BIT};

/// An object as `pg_depend` names it: catalog relation, OID, column.
type Address = (Oid, Oid, i16);

struct Dependencies<'a> {
    world: &'a World<'a>,
    out: &'a mut Segment,
}

/// The dependencies of this database's objects.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    let mut all = Dependencies { world, out };
    all.of_types();
    for (oid, object) in &world.schema.objects {
        match &**object {
            Object::Table(table) => {
                all.of_table(*oid, table);
                if let Some(view) = crate::define::materialized::as_view(table) {
                    all.of_rule(*oid, &view);
                }
            }
            Object::Index(index) => all.of_index(*oid, index),
            Object::Sequence(sequence) => all.of_sequence(*oid, sequence),
            Object::View(view) => all.of_view(*oid, view),
            Object::Function(function) => all.in_namespace((class::FUNCTION, *oid, 0), &function.name.schema),
            Object::Extension(extension) => all.in_namespace((class::EXTENSION, *oid, 0), &extension.schema),
            Object::Type(made) => {
                if let TypeDefinition::Domain { checks, .. } = &made.definition {
                    for at in 0..checks.len() {
                        all.add((class::CONSTRAINT, oid_in(*oid, at), 0), (class::TYPE, *oid, 0), 'a');
                    }
                }
            }
            Object::Trigger(trigger) => {
                let this = (class::TRIGGER, *oid, 0);
                all.add(this, (class::RELATION, world.relation(&trigger.table), 0), 'a');
                let key = QualifiedName { schema: trigger.function.schema.clone(), name: format!("{}()", trigger.function.name) };
                if let Some(function) = world.schema.oid(peergres_sync::schema::ObjectClass::Function, &key) {
                    all.add(this, (class::FUNCTION, function, 0), 'n');
                }
            }
            Object::Namespace(_) => {}
        }
    }
}

impl Dependencies<'_> {
    fn add(&mut self, from: Address, to: Address, kind: char) {
        self.out.push(row![from.0, from.1, from.2, to.0, to.1, to.2, kind]);
    }

    fn in_namespace(&mut self, from: Address, schema: &str) {
        self.add(from, (class::NAMESPACE, self.world.namespace(schema), 0), 'n');
    }

    /// On a type, where it is one that users made.
    fn on_type(&mut self, from: Address, ty: Oid) {
        let catalog = self.world.catalog;
        let ty = match catalog.type_by_oid(ty).map(|ty| &ty.kind) {
            Some(Kind::Array(element)) => *element,
            _ => ty,
        };
        if catalog.type_by_oid(ty).is_some_and(|ty| ty.schema != "pg_catalog") {
            self.add(from, (class::TYPE, ty, 0), 'n');
        }
    }

    fn of_types(&mut self) {
        let mut types: Vec<_> = self.world.catalog.user_types().cloned().collect();
        types.sort_by_key(|ty| ty.oid);
        for ty in types {
            let this = (class::TYPE, ty.oid, 0);
            match &ty.kind {
                Kind::Array(element) => self.add(this, (class::TYPE, *element, 0), 'i'),
                Kind::Composite(_) if ty.oid & ROW_OID_BIT != 0 => self.add(this, (class::RELATION, ty.oid & !ROW_OID_BIT, 0), 'i'),
                Kind::Composite(attributes) => {
                    self.in_namespace(this, &ty.schema);
                    self.add((class::RELATION, ty.oid, 0), this, 'i');
                    for (at, (_, attribute)) in attributes.iter().enumerate() {
                        self.on_type((class::RELATION, ty.oid, at as i16 + 1), attribute.oid);
                    }
                }
                Kind::Domain(base) => {
                    self.in_namespace(this, &ty.schema);
                    self.on_type(this, base.oid);
                }
                _ => self.in_namespace(this, &ty.schema),
            }
        }
    }

    fn of_table(&mut self, oid: Oid, table: &Table) {
        self.in_namespace((class::RELATION, oid, 0), &table.name.schema);
        for column in &table.columns {
            self.on_type((class::RELATION, oid, column.number), self.world.type_named(&column.type_name).oid);
            self.of_default(oid, column);
        }
        for (at, constraint) in table.constraints.iter().enumerate() {
            self.of_constraint((class::CONSTRAINT, oid_in(oid, at), 0), oid, table, constraint);
        }
    }

    fn of_default(&mut self, table: Oid, column: &Column) {
        let (this, of) = ((class::DEFAULT, default_oid(table, column.number), 0), (class::RELATION, table, column.number));
        if column.generated.is_some() {
            self.add(this, of, 'i');
        } else if let Some(default) = &column.default {
            self.add(this, of, 'a');
            if let Some(sequence) = self.sequence_of(column, default) {
                self.add(this, (class::RELATION, sequence, 0), 'n');
            }
        }
    }

    /// The sequence that a default draws from.
    fn sequence_of(&self, column: &Column, default: &str) -> Option<Oid> {
        let named = default.strip_prefix("nextval('")?.split('\'').next()?;
        let parts: Vec<String> = named.split('.').map(|part| part.trim_matches('"').to_owned()).collect();
        let name = match (parts.as_slice(), &column.sequence) {
            ([schema, name], _) => QualifiedName { schema: schema.clone(), name: name.clone() },
            ([name], Some(own)) if own.name == *name => own.clone(),
            ([name], _) => QualifiedName { schema: "public".to_owned(), name: name.clone() },
            _ => return None,
        };
        Some(self.world.relation(&name)).filter(|oid| *oid != 0)
    }

    fn of_constraint(&mut self, this: Address, oid: Oid, table: &Table, constraint: &Constraint) {
        let on_columns = |all: &mut Self, relation: Oid, columns: Vec<i16>, kind: char| {
            columns.into_iter().for_each(|column| all.add(this, (class::RELATION, relation, column), kind));
        };
        match &constraint.rule {
            ConstraintRule::PrimaryKey { columns } | ConstraintRule::Unique { columns, .. } => {
                on_columns(self, oid, numbers(table, columns), 'a');
            }
            ConstraintRule::Check { expression, .. } => {
                let columns = expression_columns(expression, table);
                on_columns(self, oid, columns.clone(), 'a');
                on_columns(self, oid, columns, 'n');
            }
            ConstraintRule::ForeignKey { columns, references, referenced_columns, .. } => {
                on_columns(self, oid, numbers(table, columns), 'a');
                let Some(target) = self.world.schema.table(references) else { return };
                on_columns(self, self.world.relation(references), numbers(target, referenced_columns), 'n');
                self.add(this, (class::RELATION, self.world.index_of_key(references, referenced_columns), 0), 'n');
            }
        }
    }

    fn of_index(&mut self, oid: Oid, index: &Index) {
        let Some(table) = self.world.schema.table(&index.table) else { return };
        let (this, table_oid) = ((class::RELATION, oid, 0), self.world.relation(&index.table));
        let constraint =
            index.constraint.as_ref().and_then(|name| table.constraints.iter().position(|constraint| constraint.name == *name));
        if let Some(at) = constraint {
            return self.add(this, (class::CONSTRAINT, oid_in(table_oid, at), 0), 'i');
        }
        let plain: Vec<String> = index.keys.iter().filter_map(|key| key.column.clone()).chain(index.include.iter().cloned()).collect();
        let expressions = index.keys.iter().filter_map(|key| key.expression.as_ref()).chain(&index.predicate);
        let mut columns = numbers(table, &plain);
        // As in `index_create`: an index over expressions alone depends on its table as a whole, whatever columns they read.
        if columns.is_empty() {
            self.add(this, (class::RELATION, table_oid, 0), 'a');
        }
        columns.extend(expressions.flat_map(|expression| expression_columns(&expression.text, table)));
        columns.into_iter().for_each(|column| self.add(this, (class::RELATION, table_oid, column), 'a'));
    }

    fn of_sequence(&mut self, oid: Oid, sequence: &Sequence) {
        let this = (class::RELATION, oid, 0);
        self.in_namespace(this, &sequence.name.schema);
        let Some((table, column)) = &sequence.owned_by else { return };
        let Some(column) = self.world.schema.table(table).and_then(|table| table.columns.iter().find(|known| known.name == *column)) else {
            return;
        };
        let kind = if column.identity.is_some() { 'i' } else { 'a' };
        self.add(this, (class::RELATION, self.world.relation(table), column.number), kind);
    }

    fn of_view(&mut self, oid: Oid, view: &View) {
        self.in_namespace((class::RELATION, oid, 0), &view.name.schema);
        for (at, (_, ty)) in view.columns.iter().enumerate() {
            self.on_type((class::RELATION, oid, at as i16 + 1), self.world.type_named(ty).oid);
        }
        self.of_rule(oid, view);
    }

    fn of_rule(&mut self, oid: Oid, view: &View) {
        let (rule, this) = ((class::RULE, rule_oid(oid), 0), (class::RELATION, oid, 0));
        self.add(rule, this, 'i');
        self.add(rule, this, 'n');
        let mut seen = Vec::new();
        for (relation, column) in super::super::view_column::columns(self.world.catalog, view) {
            if !seen.contains(&(relation, column)) {
                seen.push((relation, column));
                self.add(rule, (class::RELATION, relation, column), 'n');
            }
        }
    }
}
