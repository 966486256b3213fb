//! What an author did to a table, done to the table as it is: column by column, constraint by constraint.
//!
//! Enters: the table as the author saw it and as it left it, and as it is here. Leaves: the table here, or what is in the way. Columns are
//! known by the change that added them, so that changes follow renamings and columns of different names come together.

use super::{
    Clash, ColumnOrigin, Gone, GoneColumn, Held, World,
    alter::Facets,
    names::{Renamed, column_named},
    step::Step,
};
use crate::{
    merge::WriteId,
    schema::{Column, Constraint, Object, QualifiedName, Table, physical_column, physical_name},
};

impl World {
    /// See the file's head. `base` is the table as the author knew it, with its columns' identities.
    pub(super) fn alter_table(&mut self, step: &Step<'_>, held: &mut Held, base: &Held, from: &Table, to: &Table) -> Result<(), Clash> {
        let Object::Table(mut table) = held.object.clone() else { return Ok(()) };
        let subject = table.name.clone();
        let mut facets = held.facets();
        self.soft(step, &subject, &mut facets, "name", &from.name, &to.name, &mut table.name);
        table.physical = physical_name(&table.name.schema, &table.name.name);
        for (origin, number) in &base.columns {
            let of = |table: &Table| table.columns.iter().find(|column| column.number == *number).cloned();
            if let Some(before) = of(from) {
                self.alter_column(step, held, &mut table, &mut facets, origin, &before, of(to).as_ref())?;
            }
        }
        for column in to.columns.iter().filter(|column| !base.columns.values().any(|number| *number == column.number)) {
            self.add_column(step, held, &mut table, &mut facets, column)?;
        }
        // The author's names for columns before and after; here they may have others.
        let renamed = step.names.as_ref().map(|names| names.columns(&to.name)).unwrap_or_default();
        let before = renamed_before(&renamed, base, from, to);
        self.alter_constraints(step, &mut table, &mut facets, (from, &before), (to, &renamed))?;
        if from.hidden_key != to.hidden_key {
            table.hidden_key = to.hidden_key;
        }
        self.soft(step, &subject, &mut facets, "comment", &from.comment, &to.comment, &mut table.comment);
        self.soft(step, &subject, &mut facets, "replicated", &from.replicated, &to.replicated, &mut table.replicated);
        self.soft(step, &subject, &mut facets, "unlogged", &from.unlogged, &to.unlogged, &mut table.unlogged);
        held.put_facets(facets);
        held.object = Object::Table(table);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one column: who, where, which, before and after")]
    fn alter_column(
        &mut self,
        step: &Step<'_>,
        held: &mut Held,
        table: &mut Table,
        facets: &mut Facets,
        theirs: &ColumnOrigin,
        from: &Column,
        to: Option<&Column>,
    ) -> Result<(), Clash> {
        let origin = self.column_origin(theirs).clone();
        let key = (held.object.class(), held.object.name());
        let at = held.columns.get(&origin).and_then(|number| table.columns.iter().position(|column| column.number == *number));
        let facet = |property: &str| format!("column {}/{}/{}.{property}", origin.0.device, origin.0.version, origin.1);
        let Some(to) = to else {
            let Some(at) = at else {
                self.gone_columns.entry(origin).and_modify(|gone| gone.also.push(step.by.id));
                return Ok(());
            };
            let column = table.columns.remove(at);
            held.columns.remove(&origin);
            let prefix = facet("");
            let others: Vec<WriteId> = facets.changed.iter().filter(|(name, _)| name.starts_with(&prefix)).map(|(_, id)| *id).collect();
            for other in others.into_iter().filter(|other| *other != step.by.id && !step.by.saw(*other)) {
                self.lost(step, &key, step.by.id, other);
            }
            let made = held.columns_made.remove(&origin).unwrap_or_else(|| column.clone());
            let last = GoneColumn { table: held.origin, name: column.name, made };
            self.gone_columns.insert(origin, Gone { last, by: step.by.id, also: Vec::new() });
            return Ok(());
        };
        if from == to {
            return Ok(());
        }
        let Some(at) = at else {
            if let Some(gone) = self.gone_columns.get(&origin) {
                let by = gone.by;
                self.lost(step, &key, by, step.by.id);
            }
            return Ok(());
        };
        let subject = table.name.clone();
        let mut column = table.columns[at].clone();
        self.soft(step, &subject, facets, &facet("name"), &from.name, &to.name, &mut column.name);
        if table.columns.iter().enumerate().any(|(other, known)| other != at && known.name == column.name) {
            let reason = format!("table \"{}\" has another column \"{}\"", subject.name, column.name);
            return Err(Clash { with: facets.changed.get(&format!("column {}", column.name)).copied(), subject, reason });
        }
        column.physical = physical_column(&column.name);
        let kind = |column: &Column| (column.type_name.clone(), column.storage, column.collation.clone());
        let (former, latter) = (kind(from), kind(to));
        if former != latter && !facets.is_done(step, &facet("type"), &former, &latter) && kind(&column) != latter {
            if kind(&column) != kind(from) {
                let reason = format!("column \"{}\" was given another type", column.name);
                return Err(Clash { with: facets.changed.get(&facet("type")).copied(), subject, reason });
            }
            (column.type_name, column.storage, column.collation) = kind(to);
            facets.changed.insert(facet("type"), step.by.id);
        }
        self.alter_properties(step, &subject, facets, &facet, (from, to), &mut column);
        table.columns[at] = column;
        Ok(())
    }

    /// What may be set by several: the later in the common order shows.
    fn alter_properties(
        &mut self,
        step: &Step<'_>,
        subject: &QualifiedName,
        facets: &mut Facets,
        facet: &impl Fn(&str) -> String,
        (from, to): (&Column, &Column),
        column: &mut Column,
    ) {
        self.soft(step, subject, facets, &facet("not_null"), &from.not_null, &to.not_null, &mut column.not_null);
        let (mut from, mut to) = (from.clone(), to.clone());
        if let Some(names) = &step.names {
            [&mut from, &mut to].into_iter().for_each(|column| names.column(column));
        }
        let drawn = |column: &Column| (column.default.clone(), column.identity, column.sequence.clone());
        let mut source = drawn(column);
        self.soft(step, subject, facets, &facet("default"), &drawn(&from), &drawn(&to), &mut source);
        (column.default, column.identity, column.sequence) = source;
        let computed = |column: &Column| (column.generated.clone(), column.generated_sqlite.clone());
        let mut formula = computed(column);
        self.soft(step, subject, facets, &facet("generated"), &computed(&from), &computed(&to), &mut formula);
        (column.generated, column.generated_sqlite) = formula;
        if from.missing != to.missing {
            column.missing.clone_from(&to.missing);
        }
        self.soft(step, subject, facets, &facet("comment"), &from.comment, &to.comment, &mut column.comment);
    }

    fn add_column(
        &mut self,
        step: &Step<'_>,
        held: &mut Held,
        table: &mut Table,
        facets: &mut Facets,
        added: &Column,
    ) -> Result<(), Clash> {
        let theirs: ColumnOrigin = (step.by.id, added.name.clone());
        let mut added = added.clone();
        if let Some(names) = &step.names {
            names.column(&mut added);
        }
        let facet = format!("column {}", added.name);
        if let Some(mine) = self.column_made_apart(step, held, table, &added) {
            self.same_columns.insert(theirs, mine);
            return Ok(());
        }
        if column_named(table, &added.name).is_some() {
            let reason = format!("table \"{}\" has another column \"{}\"", table.name.name, added.name);
            return Err(Clash { with: facets.changed.get(&facet).copied(), subject: table.name.clone(), reason });
        }
        held.columns_made.insert(theirs.clone(), added.clone());
        added.number = table.next_column_number;
        table.next_column_number += 1;
        held.columns.insert(theirs, added.number);
        table.columns.push(added);
        facets.changed.insert(facet, step.by.id);
        Ok(())
    }

    /// The column that another author added alike, whatever became of it. A dropped one only where its name was used again.
    fn column_made_apart(&self, step: &Step<'_>, held: &Held, table: &Table, added: &Column) -> Option<ColumnOrigin> {
        let alike = |made: &Column| Column { number: added.number, ..made.clone() } == *added;
        let apart = |origin: &ColumnOrigin| !step.by.saw(origin.0) && origin.0.device != step.by.id.device && origin.1 == added.name;
        let there = column_named(table, &added.name);
        let now = there
            .filter(|known| alike(known))
            .and_then(|known| held.columns.iter().find(|(_, number)| **number == known.number).map(|(origin, _)| origin.clone()));
        let living = || held.columns_made.iter().find(|(origin, made)| apart(origin) && alike(made)).map(|(origin, _)| origin.clone());
        let gone = || {
            let of_table = self.gone_columns.iter().filter(|(_, gone)| there.is_some() && gone.last.table == held.origin);
            of_table.filter(|(origin, gone)| apart(origin) && alike(&gone.last.made)).map(|(origin, _)| origin.clone()).next()
        };
        now.or_else(living).or_else(gone)
    }

    fn alter_constraints(
        &mut self,
        step: &Step<'_>,
        table: &mut Table,
        facets: &mut Facets,
        (from, from_names): (&Table, &Renamed),
        (to, to_names): (&Table, &Renamed),
    ) -> Result<(), Clash> {
        let here = |constraint: &Constraint, own: &QualifiedName, renamed: &Renamed| match &step.names {
            Some(names) => names.constraint(constraint.clone(), own, renamed),
            None => constraint.clone(),
        };
        let subject = table.name.clone();
        for before in &from.constraints {
            let after = to.constraints.iter().find(|constraint| constraint.name == before.name);
            let at = table.constraints.iter().position(|constraint| constraint.name == before.name);
            match (after, at) {
                (None, Some(at)) => drop(table.constraints.remove(at)),
                (Some(after), Some(at)) if before != after => {
                    let (before, after) = (here(before, &from.name, from_names), here(after, &to.name, to_names));
                    let facet = format!("constraint {}", before.name);
                    let mut now = table.constraints[at].clone();
                    self.soft(step, &subject, facets, &facet, &before, &after, &mut now);
                    table.constraints[at] = now;
                }
                _ => {}
            }
        }
        for added in to.constraints.iter().filter(|added| !from.constraints.iter().any(|known| known.name == added.name)) {
            let added = here(added, &to.name, to_names);
            let facet = format!("constraint {}", added.name);
            let is_key = |constraint: &Constraint| matches!(constraint.rule, crate::schema::ConstraintRule::PrimaryKey { .. });
            if let Some(known) = table.constraints.iter().find(|known| known.name == added.name || (is_key(known) && is_key(&added))) {
                if *known == added {
                    continue;
                }
                let reason = format!("table \"{}\" has another constraint \"{}\"", subject.name, known.name);
                let with = facets.changed.get(&format!("constraint {}", known.name)).or_else(|| facets.changed.get("")).copied();
                return Err(Clash { with, subject, reason });
            }
            table.constraints.push(added);
            facets.changed.insert(facet, step.by.id);
        }
        Ok(())
    }
}

/// What the columns are called here, by the names that the author knew them by before the change.
fn renamed_before(renamed: &Renamed, base: &Held, from: &Table, to: &Table) -> Renamed {
    let mut before = Renamed::new();
    for number in base.columns.values() {
        let name = |table: &Table| table.columns.iter().find(|column| column.number == *number).map(|column| column.name.clone());
        let (Some(former), Some(latter)) = (name(from), name(to)) else { continue };
        let here = renamed.iter().find(|(from, _)| *from == latter).map_or(latter, |(_, to)| to.clone());
        if former != here {
            before.push((former, here));
        }
    }
    before
}
