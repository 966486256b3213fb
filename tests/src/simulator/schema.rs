//! Random schemas: tables with keys, unique keys of several kinds, foreign keys with actions, checks and NOT NULL.
//!
//! Enters: random numbers. Leaves: [`TableSpec`]s, which the writer and the judge read, and the objects and SQLite statements that make them, in
//! the form that `proxy::define` gives.

use peergres_sync::{
    schema::{
        Column, Constraint, ConstraintRule, Expression, HIDDEN_KEY, Index, IndexKey, Object, QualifiedName, ReferentialAction, Table,
    },
    value::Storage,
};

/// A column of a simulated table.
#[derive(Clone, Debug)]
pub(crate) struct ColumnSpec {
    /// Its name.
    pub(crate) name: String,
    /// Whether it holds text; else a number.
    pub(crate) is_text: bool,
    /// `NOT NULL`.
    pub(crate) not_null: bool,
}

/// A unique key beside the primary one.
#[derive(Clone, Debug)]
pub(crate) struct UniqueSpec {
    /// Name of its index.
    pub(crate) name: String,
    /// Its columns.
    pub(crate) columns: Vec<String>,
    /// Whether its first column counts in lower case.
    pub(crate) lower: bool,
    /// Column that must be greater than zero for the key to count.
    pub(crate) where_positive: Option<String>,
}

/// A foreign key to the first key column of its parent.
#[derive(Clone, Debug)]
pub(crate) struct ForeignSpec {
    /// The referring column.
    pub(crate) column: String,
    /// The parent table, perhaps the table itself.
    pub(crate) parent: String,
    /// The column referred to.
    pub(crate) parent_column: String,
    /// `ON DELETE`.
    pub(crate) on_delete: ReferentialAction,
}

/// A simulated table.
#[derive(Clone, Debug)]
pub(crate) struct TableSpec {
    /// Its name.
    pub(crate) name: String,
    /// Its columns, those of the key first.
    pub(crate) columns: Vec<ColumnSpec>,
    /// The names of the key's columns; none where the key is hidden.
    pub(crate) key: Vec<String>,
    /// Unique keys.
    pub(crate) uniques: Vec<UniqueSpec>,
    /// Foreign keys.
    pub(crate) foreign: Vec<ForeignSpec>,
    /// A pair of columns of which the first must not be greater than the second.
    pub(crate) check: Option<(String, String)>,
}

/// A random schema: two or three tables; each may refer to those before it and to itself.
pub(crate) fn random(rng: &mut fastrand::Rng) -> Vec<TableSpec> {
    let count = rng.usize(2..4);
    let mut tables: Vec<TableSpec> = Vec::new();
    for number in 0..count {
        let table = random_table(rng, format!("t{number}"), &tables);
        tables.push(table);
    }
    tables
}

fn column(name: &str, is_text: bool, not_null: bool) -> ColumnSpec {
    ColumnSpec { name: name.to_owned(), is_text, not_null }
}

/// A table that may refer to `parents`.
pub(crate) fn random_table(rng: &mut fastrand::Rng, name: String, parents: &[TableSpec]) -> TableSpec {
    let (mut columns, key) = match rng.u32(0..6) {
        0..=3 => (vec![column("id", false, true)], vec!["id".to_owned()]),
        4 => (vec![column("k1", true, true), column("k2", false, true)], vec!["k1".to_owned(), "k2".to_owned()]),
        _ => (Vec::new(), Vec::new()),
    };
    columns.push(column("a", true, rng.u32(0..4) == 0));
    columns.push(column("b", false, false));
    columns.push(column("c", false, false));
    let mut uniques = Vec::new();
    if rng.u32(0..3) == 0 {
        let name = format!("{name}_a_key");
        uniques.push(UniqueSpec { name, columns: vec!["a".to_owned()], lower: rng.bool(), where_positive: None });
    }
    if rng.u32(0..3) == 0 {
        let where_positive = rng.bool().then(|| "c".to_owned());
        let columns = if rng.bool() { vec!["b".to_owned(), "c".to_owned()] } else { vec!["b".to_owned()] };
        uniques.push(UniqueSpec { name: format!("{name}_b_key"), columns, lower: false, where_positive });
    }
    let mut foreign = Vec::new();
    let mut refer = |rng: &mut fastrand::Rng, parent: &str, parent_column: &str| {
        let on_delete = [ReferentialAction::NoAction, ReferentialAction::Cascade, ReferentialAction::SetNull][rng.usize(0..3)];
        let spec = column(&format!("r{}", foreign.len()), false, false);
        foreign.push(ForeignSpec {
            column: spec.name.clone(),
            parent: parent.to_owned(),
            parent_column: parent_column.to_owned(),
            on_delete,
        });
        columns.push(spec);
    };
    for parent in parents.iter().filter(|parent| parent.key == ["id"]) {
        if rng.u32(0..2) == 0 {
            refer(rng, &parent.name, "id");
        }
    }
    if key == ["id"] && rng.u32(0..4) == 0 {
        refer(rng, &name, "id");
    }
    let check = (rng.u32(0..3) == 0).then(|| ("b".to_owned(), "c".to_owned()));
    TableSpec { name, columns, key, uniques, foreign, check }
}

fn public(name: &str) -> QualifiedName {
    QualifiedName { schema: "public".to_owned(), name: name.to_owned() }
}

fn constraint(name: String, rule: ConstraintRule) -> Constraint {
    Constraint { name, rule, deferrable: false, initially_deferred: false, validated: true, comment: None }
}

fn key_of(column: Option<&str>, expression: Option<Expression>) -> IndexKey {
    IndexKey { column: column.map(str::to_owned), expression, opclass: None, descending: false, nulls_first: false }
}

impl ColumnSpec {
    fn object(&self, number: i16) -> Column {
        Column {
            number,
            name: self.name.clone(),
            physical: self.name.clone(),
            type_name: if self.is_text { "text" } else { "integer" }.to_owned(),
            storage: if self.is_text { Storage::Text } else { Storage::Integer },
            collation: None,
            not_null: self.not_null,
            default: None,
            identity: None,
            sequence: None,
            generated: None,
            generated_sqlite: None,
            missing: None,
            comment: None,
        }
    }

    fn sqlite(&self, is_rowid: bool) -> String {
        let kind = if self.is_text { "TEXT" } else { "INTEGER" };
        let primary = if is_rowid { " PRIMARY KEY" } else { "" };
        let not_null = if self.not_null { " NOT NULL" } else { "" };
        format!("\"{}\" {kind}{primary}{not_null}", self.name)
    }
}

impl TableSpec {
    /// Whether its key is the SQLite rowid.
    pub(crate) fn is_rowid(&self) -> bool {
        self.key == ["id"]
    }

    /// The objects and the statements that make it.
    pub(crate) fn definition(&self) -> (Vec<Object>, Vec<String>) {
        let mut objects = vec![Object::Table(self.object())];
        let mut lines: Vec<String> = Vec::new();
        if self.key.is_empty() {
            lines.push(format!("\"{HIDDEN_KEY}\" BLOB NOT NULL PRIMARY KEY"));
        }
        lines.extend(self.columns.iter().map(|column| column.sqlite(self.is_rowid() && column.name == "id")));
        if let Some((low, high)) = &self.check {
            lines.push(format!("CONSTRAINT \"{}_check\" CHECK ({})", self.name, check(low, high)));
        }
        for foreign in &self.foreign {
            let action = match foreign.on_delete {
                ReferentialAction::Cascade => " ON DELETE CASCADE",
                ReferentialAction::SetNull => " ON DELETE SET NULL",
                _ => "",
            };
            lines.push(format!(
                "CONSTRAINT \"{}_{}_fkey\" FOREIGN KEY (\"{}\") REFERENCES \"{}\" (\"{}\"){action} DEFERRABLE INITIALLY DEFERRED",
                self.name, foreign.column, foreign.column, foreign.parent, foreign.parent_column
            ));
        }
        let rowid = if self.key.is_empty() { ", WITHOUT ROWID" } else { "" };
        let mut sqlite = vec![format!("CREATE TABLE \"{}\" (\n{}\n) STRICT{rowid}", self.name, lines.join(",\n"))];
        if !self.key.is_empty() {
            let name = format!("{}_pkey", self.name);
            let keys = self.key.iter().map(|column| key_of(Some(column), None)).collect();
            let physical = if self.is_rowid() { String::new() } else { name.clone() };
            if !self.is_rowid() {
                sqlite.push(format!("CREATE UNIQUE INDEX \"{name}\" ON \"{}\" (\"{}\")", self.name, self.key.join("\", \"")));
            }
            objects.push(Object::Index(self.index(&name, physical, keys, None, Some(name.clone()))));
        }
        for unique in &self.uniques {
            let (object, statement) = self.unique(unique);
            objects.push(object);
            sqlite.push(statement);
        }
        (objects, sqlite)
    }

    fn unique(&self, unique: &UniqueSpec) -> (Object, String) {
        let lower = |column: &str| Expression { text: format!("lower({column})"), sqlite: format!("lower(\"{column}\")") };
        let keys: Vec<IndexKey> = unique
            .columns
            .iter()
            .map(|column| if unique.lower { key_of(None, Some(lower(column))) } else { key_of(Some(column), None) })
            .collect();
        let text: Vec<String> = unique
            .columns
            .iter()
            .map(|column| if unique.lower { format!("(lower(\"{column}\"))") } else { format!("\"{column}\"") })
            .collect();
        let positive = |column: &String| Expression { text: format!("({column} > 0)"), sqlite: format!("(\"{column}\" > 0)") };
        let predicate = unique.where_positive.as_ref().map(positive);
        let condition = predicate.as_ref().map(|p| format!(" WHERE {}", p.sqlite)).unwrap_or_default();
        let statement = format!("CREATE UNIQUE INDEX \"{}\" ON \"{}\" ({}){condition}", unique.name, self.name, text.join(", "));
        (Object::Index(self.index(&unique.name, unique.name.clone(), keys, predicate, None)), statement)
    }

    fn index(&self, name: &str, physical: String, keys: Vec<IndexKey>, predicate: Option<Expression>, constraint: Option<String>) -> Index {
        Index {
            name: public(name),
            physical,
            table: public(&self.name),
            unique: true,
            nulls_not_distinct: false,
            method: "btree".to_owned(),
            keys,
            include: Vec::new(),
            predicate,
            constraint,
            comment: None,
        }
    }

    fn object(&self) -> Table {
        let mut constraints = Vec::new();
        if !self.key.is_empty() {
            constraints.push(constraint(format!("{}_pkey", self.name), ConstraintRule::PrimaryKey { columns: self.key.clone() }));
        }
        if let Some((low, high)) = &self.check {
            let rule = ConstraintRule::Check { expression: format!("({low} <= {high})"), sqlite: check(low, high) };
            constraints.push(constraint(format!("{}_check", self.name), rule));
        }
        for foreign in &self.foreign {
            let rule = ConstraintRule::ForeignKey {
                columns: vec![foreign.column.clone()],
                references: public(&foreign.parent),
                referenced_columns: vec![foreign.parent_column.clone()],
                on_update: ReferentialAction::NoAction,
                on_delete: foreign.on_delete,
                match_full: false,
            };
            constraints.push(constraint(format!("{}_{}_fkey", self.name, foreign.column), rule));
        }
        Table {
            name: public(&self.name),
            physical: self.name.clone(),
            columns: (1..).zip(&self.columns).map(|(number, column)| column.object(number)).collect(),
            constraints,
            next_column_number: i16::try_from(self.columns.len()).expect("few columns") + 1,
            replicated: true,
            unlogged: false,
            hidden_key: self.key.is_empty(),
            materialized: None,
            comment: None,
        }
    }

    /// The same table with one more column, and the statement that adds it to a table that is there.
    pub(crate) fn with_column(&self, name: &str) -> (TableSpec, Vec<Object>, Vec<String>) {
        let mut wider = self.clone();
        let added = column(name, true, false);
        let statement = format!("ALTER TABLE \"{}\" ADD COLUMN {}", self.name, added.sqlite(false));
        wider.columns.push(added);
        let objects = vec![Object::Table(wider.object())];
        (wider, objects, vec![statement])
    }
}

fn check(low: &str, high: &str) -> String {
    format!("(\"{low}\" <= \"{high}\")")
}
