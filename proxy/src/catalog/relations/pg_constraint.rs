//! `pg_constraint`: the constraints of tables and domains. Expressions stand as PostgreSQL text, which `pg_get_expr` answers as it is.

use peergres_sync::schema::{Constraint, ConstraintRule, Expression, Object, QualifiedName, ReferentialAction, Table, TypeDefinition};

use super::{
    super::{
        derived::oid_in,
        expression_columns,
        operator_class::equality,
        segment::{Cell, Segment, row},
    },
    world::{World, array, numbers},
};
use crate::types::Oid;

/// What differs from constraint to constraint.
struct Facts {
    kind: char,
    deferrable: bool,
    deferred: bool,
    validated: bool,
    table: Oid,
    domain: Oid,
    index: Oid,
    foreign: Foreign,
    key: Option<String>,
    expression: Option<String>,
}

/// What a foreign key adds.
struct Foreign {
    table: Oid,
    on_update: char,
    on_delete: char,
    matching: char,
    key: Option<String>,
    /// `=` of key and foreign key, of keys, of foreign keys.
    operators: [Option<String>; 3],
}

impl Foreign {
    fn none() -> Foreign {
        Foreign { table: 0, on_update: ' ', on_delete: ' ', matching: ' ', key: None, operators: [None, None, None] }
    }
}

fn row_of(oid: Oid, name: &str, namespace: Oid, facts: Facts) -> Vec<Cell> {
    let Foreign { table, on_update, on_delete, matching, key, operators: [between, of_key, of_foreign] } = facts.foreign;
    row![
        oid,
        name,
        namespace,
        facts.kind,
        facts.deferrable,
        facts.deferred,
        facts.validated,
        facts.table,
        facts.domain,
        facts.index,
        0, // conparentid
        table,
        on_update,
        on_delete,
        matching,
        true, // conislocal
        0,    // coninhcount
        facts.kind != 'c',
        facts.key,
        key,
        between,
        of_key,
        of_foreign,
        Cell::Null, // confdelsetcols
        Cell::Null, // conexclop
        facts.expression,
    ]
}

/// The constraints of this database.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    for (oid, object) in &world.schema.objects {
        match &**object {
            Object::Table(table) => {
                for (at, constraint) in table.constraints.iter().enumerate() {
                    let facts = of_table(world, *oid, table, constraint);
                    out.push(row_of(oid_in(*oid, at), &constraint.name, world.namespace(&table.name.schema), facts));
                }
            }
            Object::Type(made) => {
                let TypeDefinition::Domain { checks, .. } = &made.definition else { continue };
                for (at, (name, expression)) in checks.iter().enumerate() {
                    out.push(row_of(oid_in(*oid, at), name, world.namespace(&made.name.schema), of_domain(*oid, expression)));
                }
            }
            _ => {}
        }
    }
}

fn of_domain(domain: Oid, expression: &Expression) -> Facts {
    Facts {
        kind: 'c',
        deferrable: false,
        deferred: false,
        validated: true,
        table: 0,
        domain,
        index: 0,
        foreign: Foreign::none(),
        key: None,
        expression: Some(expression.text.clone()),
    }
}

fn of_table(world: &World<'_>, oid: Oid, table: &Table, constraint: &Constraint) -> Facts {
    let base = Facts {
        kind: 'c',
        deferrable: constraint.deferrable,
        deferred: constraint.initially_deferred,
        validated: constraint.validated,
        table: oid,
        domain: 0,
        index: 0,
        foreign: Foreign::none(),
        key: None,
        expression: None,
    };
    let key = |columns: &[String]| Some(array(numbers(table, columns)));
    match &constraint.rule {
        ConstraintRule::PrimaryKey { columns } => {
            Facts { kind: 'p', index: world.index_of(&table.name, &constraint.name), key: key(columns), ..base }
        }
        ConstraintRule::Unique { columns, .. } => {
            Facts { kind: 'u', index: world.index_of(&table.name, &constraint.name), key: key(columns), ..base }
        }
        ConstraintRule::Check { expression, .. } => {
            let columns = expression_columns(expression, table);
            let key = (!columns.is_empty()).then(|| array(columns));
            Facts { key, expression: Some(expression.clone()), ..base }
        }
        ConstraintRule::ForeignKey { columns, references, referenced_columns, .. } => Facts {
            kind: 'f',
            index: world.index_of_key(references, referenced_columns),
            foreign: foreign(world, table, &constraint.rule).unwrap_or(Foreign::none()),
            key: key(columns),
            ..base
        },
    }
}

fn foreign(world: &World<'_>, table: &Table, rule: &ConstraintRule) -> Option<Foreign> {
    let ConstraintRule::ForeignKey { columns, references, referenced_columns, on_update, on_delete, match_full } = rule else {
        return None;
    };
    let target = world.schema.table(references)?;
    let pairs: Vec<(Oid, Oid)> = types(world, target, referenced_columns).into_iter().zip(types(world, table, columns)).collect();
    let operators = |of: fn(&(Oid, Oid)) -> (Oid, Oid)| {
        let found = pairs.iter().map(of).map(|(left, right)| equality(world.catalog, left, right));
        Some(array(found))
    };
    Some(Foreign {
        table: world.relation(references),
        on_update: action(*on_update),
        on_delete: action(*on_delete),
        matching: if *match_full { 'f' } else { 's' },
        key: Some(array(numbers(target, referenced_columns))),
        operators: [operators(|pair| *pair), operators(|(key, _)| (*key, *key)), operators(|(_, foreign)| (*foreign, *foreign))],
    })
}

fn types(world: &World<'_>, table: &Table, names: &[String]) -> Vec<Oid> {
    let of = |name: &String| {
        table.columns.iter().find(|column| column.name == *name).map_or(0, |column| world.type_named(&column.type_name).oid)
    };
    names.iter().map(of).collect()
}

/// `confupdtype` and `confdeltype`.
fn action(action: ReferentialAction) -> char {
    match action {
        ReferentialAction::NoAction => 'a',
        ReferentialAction::Restrict => 'r',
        ReferentialAction::Cascade => 'c',
        ReferentialAction::SetNull => 'n',
        ReferentialAction::SetDefault => 'd',
    }
}

impl World<'_> {
    /// The index that serves a constraint, 0 where there is none.
    pub(super) fn index_of(&self, table: &QualifiedName, constraint: &str) -> Oid {
        let serves = |index: &peergres_sync::schema::Index| index.table == *table && index.constraint.as_deref() == Some(constraint);
        // An index bears its constraint's name, mostly.
        let namesake = self.relation(&QualifiedName { schema: table.schema.clone(), name: constraint.to_owned() });
        match self.schema.objects.get(&namesake).map(|object| &**object) {
            Some(Object::Index(index)) if serves(index) => namesake,
            _ => self.indexes().find(|(_, index)| serves(index)).map_or(0, |(oid, _)| oid),
        }
    }

    /// The unique index over these columns that a foreign key leans on.
    pub(super) fn index_of_key(&self, table: &QualifiedName, columns: &[String]) -> Oid {
        let Some(table) = self.schema.table(table) else { return 0 };
        let same = |key: &[String]| key.len() == columns.len() && columns.iter().all(|column| key.contains(column));
        let constraint = table.constraints.iter().find(|constraint| match &constraint.rule {
            ConstraintRule::PrimaryKey { columns } | ConstraintRule::Unique { columns, .. } => same(columns),
            _ => false,
        });
        match constraint {
            Some(constraint) => self.index_of(&table.name, &constraint.name),
            None => {
                let fits = |index: &peergres_sync::schema::Index| {
                    let keys: Option<Vec<String>> = index.keys.iter().map(|key| key.column.clone()).collect();
                    index.unique && index.predicate.is_none() && index.table == table.name && keys.is_some_and(|keys| same(&keys))
                };
                self.indexes().find(|(_, index)| fits(index)).map_or(0, |(oid, _)| oid)
            }
        }
    }
}
