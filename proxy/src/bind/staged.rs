//! Data changes in two stages: all that a statement reads is found first, into temporary tables, then the rows are changed. That is
//! PostgreSQL's rule that a statement sees the state before it, for what SQLite, which changes row after row, would show otherwise: WITH with
//! data changes, MERGE, RETURNING with subqueries or columns of other tables, assignments that read their own table.
//!
//! Enters: bound changes. Leaves: steps, those that find before those that change (manual: "WITH Queries", "Data-Modifying Statements").

use super::{
    Binder,
    change::{Changed, guard_key},
    conflict::Conflict,
    delete::BoundDelete,
    insert::{BoundInsert, Rows},
    staged_conflict::{insertable, keys_beside, refuse_twice},
    tree::{ColumnRef, Expr, ExprKind, From, Query, QueryBody, Subquery, SubqueryKind, Target as Item},
    update::{Assigned, BoundUpdate},
};
use crate::{
    error::{Result, SqlError, SqlState},
    execute::plan::{Action, Fire, OutputColumn, Plan, Role, Step, Tag},
    parse::change::{Body, Change, WithItem},
    rewrite::{self, Printer, quote_identifier},
    types::{TypeRef, oid},
};

/// The steps of a statement so far.
#[derive(Default)]
pub(super) struct Program {
    /// What finds rows.
    find: Vec<Step>,
    /// What changes them.
    change: Vec<Step>,
    /// The temporary tables made.
    tables: Vec<String>,
    /// Whether the statement being staged is the one whose rows count.
    counts: bool,
}

/// What a staged change gives back: the temporary table of RETURNING and its columns.
pub(super) type Returned = Option<(String, Vec<OutputColumn>)>;

impl Program {
    /// A temporary table filled by a query; its name.
    pub(super) fn table(&mut self, label: &str, query: &str) -> String {
        let name = format!("~{label}{}", self.tables.len() + 1);
        self.table_named(&name, query);
        name
    }

    fn table_named(&mut self, name: &str, query: &str) {
        self.find.push(Step::read(format!("CREATE TEMP TABLE {} AS {query}", quote_identifier(name)), Role::Auxiliary));
        self.tables.push(name.to_owned());
    }

    /// A further step of finding.
    pub(super) fn find(&mut self, sql: String) {
        self.find.push(Step::read(sql, Role::Auxiliary));
    }

    /// Triggers fired before anything is changed.
    pub(super) fn find_by_firing(&mut self, fire: Fire) {
        self.find.push(Step::fire(fire));
    }

    /// Triggers fired once all is changed.
    pub(super) fn change_by_firing(&mut self, fire: Fire) {
        self.change.push(Step::fire(fire));
    }

    /// A step of changing.
    pub(super) fn change(&mut self, sql: String, target: crate::execute::plan::Target) {
        let role = if self.counts { Role::Change } else { Role::Auxiliary };
        self.change.push(Step::change(sql, role, target));
    }

    /// All steps, the result in the middle.
    fn steps(self, result: Option<String>) -> Vec<Step> {
        let mut steps = self.find;
        steps.extend(self.change);
        steps.extend(
            result.map(|table| Step::read(format!("SELECT * FROM temp.{} ORDER BY rowid", quote_identifier(&table)), Role::Result)),
        );
        let drops = self.tables.iter().rev();
        steps.extend(drops.map(|name| Step::read(format!("DROP TABLE temp.{}", quote_identifier(name)), Role::Auxiliary)));
        steps
    }
}

pub(super) fn temp(name: &str) -> String {
    format!("temp.{}", quote_identifier(name))
}

impl Binder<'_> {
    /// A plan of one staged change.
    pub(super) fn plan_staged(&mut self, stage: impl FnOnce(&mut Self, &mut Program) -> Result<Returned>, tag: Tag) -> Result<Plan> {
        let mut program = Program { counts: true, ..Program::default() };
        let returned = stage(self, &mut program)?;
        self.finish(program, returned, tag)
    }

    fn finish(&mut self, program: Program, returned: Returned, tag: Tag) -> Result<Plan> {
        let (table, columns) = returned.map_or((None, Vec::new()), |(table, columns)| (Some(table), columns));
        Ok(Plan { steps: program.steps(table), columns, parameters: self.finish_parameters()?, tag, writes: true, timely: self.timely })
    }

    /// WITH whose parts change rows, or that stands before a change: every part becomes a temporary table.
    pub(super) fn plan_with(&mut self, change: &Change) -> Result<Plan> {
        self.writes = true;
        let mut program = Program::default();
        let mut names: Vec<String> = Vec::new();
        for item in &change.with {
            let ident = match item {
                WithItem::Query(cte) => &cte.alias.name,
                WithItem::Change(name, ..) => name,
            };
            let name = super::binder::fold(ident);
            if names.contains(&name) {
                let message = format!("WITH query name \"{name}\" specified more than once");
                return Err(SqlError::new(SqlState::DUPLICATE_ALIAS, message).at(self.position(ident.span)));
            }
            names.push(name.clone());
            match item {
                WithItem::Query(cte) => {
                    let token = sqlparser::ast::helpers::attached_token::AttachedToken::empty();
                    let with = sqlparser::ast::With { with_token: token, recursive: change.recursive, cte_tables: vec![(**cte).clone()] };
                    for bound in self.with_clause(&with, None)? {
                        let (physical, columns) = (bound.physical.clone(), bound.columns.clone());
                        let query = self.around(QueryBody::Materialized(physical.clone()), columns, vec![bound]);
                        program.table_named(&physical, &rewrite::query(&query, self.cx)?);
                    }
                }
                WithItem::Change(_, aliases, body) => {
                    let returned = self.stage_body(&mut program, body)?;
                    self.in_reach(name, aliases, returned)?;
                }
            }
        }
        program.counts = true;
        let (returned, tag) = match &change.body {
            Body::Query(query) => {
                let bound = self.query(query, None)?;
                let bound = self.settle_columns(bound)?;
                let columns = bound.columns.iter().map(|c| OutputColumn { ty: self.base_type(c.ty), ..c.clone() }).collect();
                let table = program.table("result", &rewrite::query(&bound, self.cx)?);
                program.counts = false;
                // The rows of the query count, whatever its WITH changed.
                program.change.iter_mut().for_each(|step| step.role = Role::Auxiliary);
                (Some((table, columns)), Tag::Select)
            }
            body => {
                let tag = match body {
                    Body::Insert(_) => Tag::Insert,
                    Body::Update(_) => Tag::Update,
                    Body::Delete(_) => Tag::Delete,
                    _ => Tag::Merge,
                };
                (self.stage_body(&mut program, body)?, tag)
            }
        };
        self.finish(program, returned, tag)
    }

    fn stage_body(&mut self, program: &mut Program, body: &Body) -> Result<Returned> {
        match body {
            Body::Insert(insert) => {
                let bound = self.bind_insert(insert)?;
                self.stage_insert(program, bound)
            }
            Body::Update(update) => {
                let bound = self.bind_update(update)?;
                self.stage_update(program, bound)
            }
            Body::Delete(delete) => {
                let bound = self.bind_delete(delete)?;
                self.stage_delete(program, bound)
            }
            Body::Merge(merge) => self.stage_merge(program, merge),
            Body::Query(_) | Body::Call(_) => Err(SqlError::internal("this is no data change")),
        }
    }

    /// Leaves what a change returned in reach of what follows.
    fn in_reach(&mut self, name: String, aliases: &[sqlparser::ast::Ident], returned: Returned) -> Result<()> {
        let Some((physical, mut columns)) = returned else {
            self.silent.push(name);
            return Ok(());
        };
        if aliases.len() > columns.len() {
            let message = format!("WITH query \"{name}\" has {} columns available but {} columns specified", columns.len(), aliases.len());
            return Err(SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, message));
        }
        for (column, alias) in columns.iter_mut().zip(aliases) {
            column.name = super::binder::fold(alias);
        }
        self.ctes.push(super::binder::CteInReach { name, physical, columns: Some(columns), uses: 0 });
        Ok(())
    }

    fn around(&mut self, body: QueryBody, columns: Vec<OutputColumn>, ctes: Vec<super::tree::Cte>) -> Query {
        let mut query = self.select_of(Vec::new(), Vec::new(), None);
        query.body = body;
        query.columns = columns;
        query.recursive = ctes.iter().any(|cte| cte.recursive);
        query.ctes = ctes;
        query
    }

    /// The columns that SQLite computes, put into rows that have all others: `SELECT … FROM (rows)` with all columns, and what begins with `~`.
    pub(super) fn with_generated(&mut self, changed: &Changed, rows: &str, beside: &[String]) -> Result<String> {
        let mut list = beside.to_vec();
        for (at, column) in changed.table.columns.iter().enumerate() {
            let name = quote_identifier(&column.physical);
            list.push(match self.generation(changed, at)? {
                Some(expression) => format!("({expression}) AS {name}"),
                None => name,
            });
        }
        Ok(format!("SELECT {} FROM ({rows})", list.join(", ")))
    }

    /// RETURNING over the rows of a temporary table, which has the table's columns by their names and other tables' as `~c1`, `~c2`, ….
    fn returned(&mut self, program: &mut Program, changed: &Changed, found: &str, items: Option<Vec<Item>>) -> Result<Returned> {
        let Some(items) = items else { return Ok(None) };
        let columns = self.output(&items);
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            list.push(format!("{} AS c{}", Printer::new(self.cx).expression(&item.expr)?, index + 1));
        }
        let sql = format!("SELECT {} FROM {} AS {} ORDER BY {}.rowid", list.join(", "), temp(found), changed.alias(), changed.alias());
        let name = self.new_cte_name();
        program.table_named(&name, &sql);
        Ok(Some((name, columns)))
    }

    /// Columns of other tables in RETURNING become columns `~c1`, … of the found rows; they are added to `kept`.
    fn keep_foreign(&self, changed: &Changed, expr: &mut Expr, kept: &mut Vec<Expr>) -> Result<()> {
        if let ExprKind::Subquery(subquery) = &expr.kind {
            let (mut used, mut defined) = Default::default();
            subquery.query.sources(&mut used, &mut defined);
            if used.iter().any(|source| !defined.contains(source) && *source != changed.source) {
                return Err(SqlError::unsupported("a subquery in RETURNING over columns of another table"));
            }
        }
        if let ExprKind::Column(column) = &mut expr.kind {
            if column.source != changed.source {
                let whole = Expr { kind: ExprKind::Column(column.clone()), ..expr.clone() };
                let at = kept.iter().position(|known| known.kind == whole.kind).unwrap_or(kept.len());
                if at == kept.len() {
                    kept.push(whole);
                }
                let ExprKind::Column(column) = &mut expr.kind else { return Ok(()) };
                *column = ColumnRef {
                    source: changed.source,
                    physical: std::sync::Arc::from(format!("~c{}", at + 1)),
                    optional: false,
                    ..column.clone()
                };
            }
            return Ok(());
        }
        let mut outcome = Ok(());
        expr.for_each_child_mut(&mut |child| {
            if outcome.is_ok() {
                outcome = self.keep_foreign(changed, child, kept);
            }
        });
        outcome
    }

    fn keep_all_foreign(&self, changed: &Changed, returned: &mut Option<Vec<Item>>) -> Result<Vec<Expr>> {
        let mut kept = Vec::new();
        for item in returned.iter_mut().flatten() {
            self.keep_foreign(changed, &mut item.expr, &mut kept)?;
        }
        Ok(kept)
    }

    /// DELETE.
    pub(super) fn stage_delete(&mut self, program: &mut Program, bound: BoundDelete) -> Result<Returned> {
        let BoundDelete { changed, mut sources, filter, mut returned } = bound;
        let kept = self.keep_all_foreign(&changed, &mut returned)?;
        let joined = !sources.is_empty();
        sources.insert(0, changed.from());
        self.before_statement(program, &changed, 'd', None);
        let found = self.found(program, &changed, &Assigned::default(), sources, filter, kept)?;
        if joined {
            once_each(program, &found);
        }
        self.before_rows(program, &changed, 'd', &found, None)?;
        let key = quote_identifier(changed.table.row_key());
        let sql =
            format!("DELETE FROM {} WHERE {key} IN (SELECT \"~key\" FROM {})", quote_identifier(&changed.table.physical), temp(&found));
        program.change(sql, changed.target(Action::Delete, None));
        self.after_rows(program, &changed, 'd', &found, None);
        self.after_statement(program, &changed, 'd', None);
        self.returned(program, &changed, &found, returned)
    }

    /// UPDATE.
    pub(super) fn stage_update(&mut self, program: &mut Program, bound: BoundUpdate) -> Result<Returned> {
        let BoundUpdate { changed, assigned, mut sources, filter, mut returned } = bound;
        let kept = self.keep_all_foreign(&changed, &mut returned)?;
        let joined = !sources.is_empty();
        sources.insert(0, changed.from());
        self.before_statement(program, &changed, 'u', Some(&assigned));
        let found = self.found(program, &changed, &assigned, sources, filter, kept)?;
        if joined {
            once_each(program, &found);
        }
        self.update_found(program, &changed, &assigned, &found)?;
        self.after_statement(program, &changed, 'u', Some(&assigned));
        self.returned(program, &changed, &found, returned)
    }

    /// Changes the found rows, their triggers before and after.
    pub(super) fn update_found(&mut self, program: &mut Program, changed: &Changed, assigned: &Assigned, found: &str) -> Result<()> {
        self.before_rows(program, changed, 'u', found, Some(assigned))?;
        self.apply_update(program, changed, assigned, found);
        self.after_rows(program, changed, 'u', found, Some(assigned));
        Ok(())
    }

    fn apply_update(&mut self, program: &mut Program, changed: &Changed, assigned: &Assigned, found: &str) {
        let key = format!("{}.{}", changed.alias(), quote_identifier(changed.table.row_key()));
        let null = Expr::null(TypeRef::new(oid::INT8));
        let is_computed = |at: &usize| changed.table.columns[*at].generated.is_some();
        // A trigger may have changed any column.
        let columns: Vec<usize> = match changed.reshapes('u') {
            true => (0..changed.table.columns.len()).filter(|at| !is_computed(at)).collect(),
            false => assigned.columns(),
        };
        let set = columns.into_iter().map(|at| {
            let name = quote_identifier(&changed.table.columns[at].physical);
            format!("{name} = {}", guard_key(changed, at, &null, format!("\"~f\".{name}")))
        });
        let set: Vec<String> = set.collect();
        if set.is_empty() {
            return;
        }
        let sql =
            format!("UPDATE {} SET {} FROM {} AS \"~f\" WHERE {key} = \"~f\".\"~key\"", changed.sqlite(), set.join(", "), temp(found));
        let columns: Vec<String> = changed.table.columns.iter().map(|c| quote_identifier(&c.physical)).collect();
        let new_rows = format!("SELECT {} FROM {}", columns.join(", "), temp(found));
        program.change(sql, changed.target(Action::Update, Some(new_rows)));
    }

    /// The rows that a change concerns, with their keys, as they will be: `~key`, the columns, what RETURNING keeps of other tables.
    pub(super) fn found(
        &mut self,
        program: &mut Program,
        changed: &Changed,
        assigned: &Assigned,
        sources: Vec<From>,
        filter: Option<Expr>,
        kept: Vec<Expr>,
    ) -> Result<String> {
        let mut targets = vec![Item { expr: changed.key(), name: "~key".to_owned() }];
        let deletes = assigned.columns().is_empty();
        for (at, column) in changed.table.columns.iter().enumerate() {
            let old = changed.item.columns[at].expr.clone();
            let expr = match self.assigned_expr(assigned, at) {
                Some(new) => new,
                None => old,
            };
            targets.push(Item { expr, name: column.physical.clone() });
        }
        for (at, column) in changed.item.columns.iter().enumerate().filter(|_| !deletes && changed.fires('u')) {
            targets.push(Item { expr: column.expr.clone(), name: super::trigger::old_column(at) });
        }
        for (index, expr) in kept.into_iter().enumerate() {
            targets.push(Item { expr, name: format!("~c{}", index + 1) });
        }
        let list: Vec<String> =
            targets.iter().enumerate().map(|(index, item)| format!("c{} AS {}", index + 1, quote_identifier(&item.name))).collect();
        let beside: Vec<String> =
            targets.iter().map(|item| &item.name).filter(|name| name.starts_with('~')).map(|n| quote_identifier(n)).collect();
        let query = self.select_of(targets, sources, filter);
        let rows = format!("SELECT {} FROM ({})", list.join(", "), rewrite::query(&query, self.cx)?);
        let rows = if deletes { rows } else { self.with_generated(changed, &rows, &beside)? };
        Ok(program.table("found", &rows))
    }

    /// The value that a column is assigned.
    pub(super) fn assigned_expr(&mut self, assigned: &Assigned, at: usize) -> Option<Expr> {
        if let Some((_, value)) = assigned.single.iter().find(|(column, _)| *column == at) {
            return Some(value.clone());
        }
        assigned.several.iter().find_map(|(columns, query)| {
            let index = columns.iter().position(|column| *column == at)?;
            let source = self.new_source();
            let column = query.columns[index].clone();
            let expr = super::from::nth_column(source, index, &column);
            let from = From::Query { source, query: Box::new(query.clone()), lateral: false };
            let one = self.select_of(vec![Item { expr, name: column.name }], vec![from], None);
            Some(Expr::new(ExprKind::Subquery(Box::new(Subquery { kind: SubqueryKind::Scalar, query: one })), column.ty))
        })
    }

    /// INSERT.
    pub(super) fn stage_insert(&mut self, program: &mut Program, bound: BoundInsert) -> Result<Returned> {
        let BoundInsert { changed, columns, rows, conflict, returned } = bound;
        self.before_statement(program, &changed, 'i', None);
        let rows = self.insert_rows_whole(&changed, &columns, &rows)?;
        let rows = self.with_generated(&changed, &rows, &[])?;
        let mut new = program.table("new", &rows);
        self.before_rows(program, &changed, 'i', &new, None)?;
        let columns = self.inserted_columns(&changed, &columns);
        let Some(conflict) = conflict else {
            self.apply_insert(program, &changed, &columns, &new);
            self.after_rows(program, &changed, 'i', &new, None);
            self.after_statement(program, &changed, 'i', None);
            return self.returned(program, &changed, &new, returned);
        };
        let all = new;
        keys_beside(program, &all, &conflict.keys);
        if conflict.update.is_some() {
            refuse_twice(program, &all, &conflict.keys);
        }
        new = insertable(program, &changed, &all, &conflict.keys);
        self.apply_insert(program, &changed, &columns, &new);
        self.after_rows(program, &changed, 'i', &new, None);
        let mut parts = vec![new];
        if let Conflict { update: Some((assigned, filter)), keys, .. } = conflict {
            let key = keys.into_iter().next().ok_or_else(|| SqlError::internal("DO UPDATE means a key"))?;
            parts.push(self.stage_conflict_update(program, &changed, &all, &key, &assigned, filter.as_ref())?);
        }
        self.after_statement(program, &changed, 'i', None);
        let columns: Vec<String> = changed.table.columns.iter().map(|c| quote_identifier(&c.physical)).collect();
        let list = columns.join(", ");
        let union: Vec<String> = parts.iter().map(|part| format!("SELECT {list}, \"~row\" FROM {}", temp(part))).collect();
        let told = program.table("told", &format!("SELECT {list} FROM ({}) ORDER BY \"~row\"", union.join(" UNION ALL ")));
        self.returned(program, &changed, &told, returned)
    }

    fn apply_insert(&mut self, program: &mut Program, changed: &Changed, columns: &[usize], new: &str) {
        let null = Expr::null(TypeRef::new(oid::INT8));
        let names: Vec<String> = columns.iter().map(|at| quote_identifier(&changed.table.columns[*at].physical)).collect();
        let values: Vec<String> = columns.iter().zip(&names).map(|(at, name)| guard_key(changed, *at, &null, name.clone())).collect();
        let all: Vec<String> = changed.table.columns.iter().map(|c| quote_identifier(&c.physical)).collect();
        let target = changed.target(Action::Insert, Some(format!("SELECT {} FROM {}", all.join(", "), temp(new))));
        let table = quote_identifier(&changed.table.physical);
        let sql = match names.is_empty() {
            // A table without given columns: SQLite wants at least one, and NULL is what each becomes.
            true => {
                let first = changed.table.columns.iter().find(|c| c.generated.is_none()).map(|c| quote_identifier(&c.physical));
                let first = first.unwrap_or_else(|| quote_identifier(changed.table.row_key()));
                format!("INSERT INTO {table} ({first}) SELECT NULL FROM {} ORDER BY rowid", temp(new))
            }
            false => format!("INSERT INTO {table} ({}) SELECT {} FROM {} ORDER BY rowid", names.join(", "), values.join(", "), temp(new)),
        };
        program.change(sql, target);
    }

    /// A query for the new rows: all columns by their names, NULL where nothing is given.
    pub(super) fn insert_rows_whole(&mut self, changed: &Changed, columns: &[usize], rows: &Rows) -> Result<String> {
        let (prefix, source) = match rows {
            Rows::Values(rows) if columns.is_empty() => ("column", format!("VALUES {}", vec!["(NULL)"; rows.len()].join(", "))),
            Rows::Values(rows) => {
                let mut printed = Vec::with_capacity(rows.len());
                for row in rows {
                    let values = row.iter().map(|value| rewrite::expression(value, self.cx)).collect::<Result<Vec<_>>>()?;
                    printed.push(format!("({})", values.join(", ")));
                }
                ("column", format!("VALUES {}", printed.join(", ")))
            }
            Rows::Query(query) => ("c", rewrite::query(query, self.cx)?),
        };
        let all = changed.table.columns.iter().enumerate().map(|(at, column)| {
            let name = quote_identifier(&column.physical);
            match columns.iter().position(|filled| *filled == at) {
                Some(index) => format!("{prefix}{} AS {name}", index + 1),
                None => format!("NULL AS {name}"),
            }
        });
        Ok(format!("SELECT {} FROM ({source})", all.collect::<Vec<_>>().join(", ")))
    }
}

/// Of the matches of one row only the first counts.
pub(super) fn once_each(program: &mut Program, found: &str) {
    program.find(format!("DELETE FROM {0} WHERE rowid NOT IN (SELECT min(rowid) FROM {0} GROUP BY \"~key\")", temp(found)));
}
