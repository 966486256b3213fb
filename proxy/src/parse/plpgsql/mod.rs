//! PL/pgSQL: the text of a body enters; a tree of blocks and statements leaves (`pl_gram.y`). Expressions and SQL statements stay text, each
//! with a number of its own, since what their names mean is known only where they run.

mod block;
mod flow;
mod lexer;
mod raise;
mod statement;

use crate::error::Result;

/// A body.
#[derive(Clone, Debug)]
pub struct Body {
    /// The outermost block.
    pub block: Block,
    /// What is SQL in it, each as a statement.
    pub texts: Vec<String>,
}

/// The tree of a body.
pub fn parse(text: &str) -> Result<Body> {
    let mut parser = block::Parser::new(text)?;
    let block = parser.body()?;
    Ok(Body { block, texts: parser.texts() })
}

/// The syntax of a body, that of the SQL in it included.
pub fn check(text: &str) -> Result<()> {
    for text in parse(text)?.texts {
        match super::parse(&text) {
            // What is not supported is refused where it runs.
            Err(error) if error.state() == crate::error::SqlState::SYNTAX_ERROR.0 => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// `[DECLARE …] BEGIN … [EXCEPTION …] END`.
#[derive(Clone, Debug)]
pub struct Block {
    /// `<<label>>`.
    pub label: Option<String>,
    /// `DECLARE`.
    pub declarations: Vec<Declaration>,
    /// The statements.
    pub statements: Vec<Statement>,
    /// `EXCEPTION WHEN`: names of conditions, statements.
    pub handlers: Vec<(Vec<Condition>, Vec<Statement>)>,
}

/// A condition of EXCEPTION.
#[derive(Clone, Debug)]
pub enum Condition {
    /// `SQLSTATE '…'`.
    State(String),
    /// By its name in lower case; `others` is any.
    Named(String),
}

/// A declaration.
#[derive(Clone, Debug)]
pub enum Declaration {
    /// A variable.
    Variable {
        /// Its name.
        name: String,
        /// `CONSTANT`.
        constant: bool,
        /// Its type.
        ty: TypeText,
        /// `NOT NULL`.
        not_null: bool,
        /// `DEFAULT`.
        default: Option<Expression>,
    },
    /// `ALIAS FOR`.
    Alias(String, String),
    /// `CURSOR FOR`: names and types of its arguments, the query.
    Cursor(String, Vec<(String, TypeText)>, Expression),
}

/// A type as declared.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeText {
    /// By its name.
    Named(String),
    /// `x%TYPE`: a variable, or a table's column.
    Of(Vec<String>),
    /// `t%ROWTYPE`.
    Row(Vec<String>),
}

/// An expression or statement in SQL.
#[derive(Clone, Debug)]
pub struct Expression {
    /// Its number in the body.
    pub id: usize,
    /// Its text.
    pub text: String,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The line that it begins in, from 1.
    pub line: usize,
    /// What it does.
    pub kind: Kind,
}

/// Something that can be assigned to: a variable, a field of a record, an element of an array.
#[derive(Clone, Debug)]
pub struct Target {
    /// Dotted names.
    pub path: Vec<String>,
    /// Subscripts behind them.
    pub subscripts: Vec<Expression>,
}

/// `INTO`.
#[derive(Clone, Debug)]
pub struct Into {
    /// `STRICT`.
    pub strict: bool,
    /// The targets.
    pub targets: Vec<Target>,
}

/// Where rows come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A query.
    Query(Expression),
    /// `EXECUTE`, with what USING passes.
    Dynamic(Expression, Vec<Expression>),
    /// A cursor's name, and its arguments.
    Cursor(String, Vec<(Option<String>, Expression)>),
}

/// Statements that several branches lead to.
pub type Statements = Vec<Statement>;

/// What a statement does.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A nested block.
    Block(Box<Block>),
    /// `target := value`.
    Assign(Target, Expression),
    /// `IF`, ELSIF, ELSE.
    If(Vec<(Expression, Statements)>, Statements),
    /// `CASE`: the operand; tests and statements; ELSE.
    Case(Option<Expression>, Vec<(Vec<Expression>, Statements)>, Option<Statements>),
    /// `LOOP`, `WHILE … LOOP`.
    Loop(Option<String>, Option<Expression>, Statements),
    /// `FOR i IN a..b`.
    ForRange {
        /// `<<label>>`.
        label: Option<String>,
        /// The loop's own variable.
        variable: String,
        /// `REVERSE`.
        reverse: bool,
        /// First, last, step.
        bounds: Box<(Expression, Expression, Option<Expression>)>,
        /// What is repeated.
        body: Statements,
    },
    /// `FOR r IN query`.
    ForRows(Option<String>, Vec<Target>, Source, Statements),
    /// `FOREACH x [SLICE n] IN ARRAY a`.
    ForEach(Option<String>, Vec<Target>, usize, Expression, Statements),
    /// `EXIT`, or `CONTINUE`: label, WHEN.
    Exit(bool, Option<String>, Option<Expression>),
    /// `RETURN`.
    Return(Option<Expression>),
    /// `RETURN NEXT`.
    ReturnNext(Option<Expression>),
    /// `RETURN QUERY`.
    ReturnQuery(Source),
    /// `RAISE`.
    Raise(Box<Raise>),
    /// `ASSERT`.
    Assert(Expression, Option<Expression>),
    /// A statement in SQL.
    Sql(Expression, Option<Into>),
    /// `PERFORM`.
    Perform(Expression),
    /// `EXECUTE`.
    Execute(Expression, Option<Into>, Vec<Expression>),
    /// `GET [STACKED] DIAGNOSTICS`.
    Diagnostics(bool, Vec<(Target, String)>),
    /// `OPEN`: the cursor, and the query of an unbound one.
    Open(String, Option<Source>, Vec<(Option<String>, Expression)>),
    /// `FETCH` and `MOVE`: direction as text, the cursor, targets.
    Fetch(String, String, Option<Vec<Target>>),
    /// `CLOSE`.
    Close(String),
    /// `NULL`.
    Null,
    /// `COMMIT` or `ROLLBACK`.
    End(&'static str),
}

/// `RAISE`.
#[derive(Clone, Debug, Default)]
pub struct Raise {
    /// `debug`, `log`, `info`, `notice`, `warning`, `exception`; none for an error to be raised again.
    pub level: Option<String>,
    /// The format, and what stands for its `%`.
    pub format: Option<String>,
    /// Arguments of the format.
    pub arguments: Vec<Expression>,
    /// A condition by name or SQLSTATE.
    pub condition: Option<Condition>,
    /// `USING`.
    pub options: Vec<(String, Expression)>,
}
