//! The grammar of functions and procedures: CREATE, ALTER, DROP, and how other statements name one. Enters: tokens. Leaves: parameters, options
//! and the body as text; whether they fit together is for `define` to say.

use sqlparser::{
    ast::{DataType, Expr, Ident, ObjectName},
    tokenizer::Token,
};

use super::{Definition, alter};
use crate::{
    error::{SqlError, SqlState},
    parse::command::{Grammar, Parsing},
};

/// A type as functions name it.
#[derive(Clone, Debug)]
pub enum TypeName {
    /// By its name.
    Named(DataType),
    /// `table.column%TYPE`.
    OfColumn(ObjectName),
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// `i`n, `o`ut, in and out (`b`), `v`ariadic, column of a `t`able.
    pub mode: char,
    /// Its name.
    pub name: Option<Ident>,
    /// Its type.
    pub ty: TypeName,
    /// `DEFAULT`.
    pub default: Option<Expr>,
}

/// A function's body.
#[derive(Clone, Debug)]
pub enum RoutineBody {
    /// As a string.
    Text(String),
    /// `RETURN …` or `BEGIN ATOMIC … END`.
    Atomic(String),
}

/// Options of CREATE and ALTER, each none where it is not written.
#[derive(Clone, Debug, Default)]
pub struct RoutineOptions {
    /// `i`, `s` or `v`.
    pub volatility: Option<char>,
    /// `STRICT`.
    pub strict: Option<bool>,
    /// `SECURITY DEFINER`.
    pub security_definer: Option<bool>,
    /// `LEAKPROOF`.
    pub leakproof: Option<bool>,
    /// `PARALLEL`: `u`, `r` or `s`.
    pub parallel: Option<char>,
    /// `COST`.
    pub cost: Option<f64>,
    /// `ROWS`.
    pub rows: Option<f64>,
    /// `SET name = value`.
    pub settings: Vec<(String, String)>,
    /// `RESET name`, none for ALL.
    pub reset: Vec<Option<String>>,
}

/// `CREATE FUNCTION`, `CREATE PROCEDURE`.
#[derive(Clone, Debug)]
pub struct CreateRoutine {
    /// `OR REPLACE`.
    pub or_replace: bool,
    /// Whether it is a procedure.
    pub procedure: bool,
    /// Its name.
    pub name: ObjectName,
    /// Parameters, the columns of RETURNS TABLE among them.
    pub parameters: Vec<Parameter>,
    /// `RETURNS`: the type, none for TABLE; and whether it is a set.
    pub returns: Option<(Option<TypeName>, bool)>,
    /// `LANGUAGE`.
    pub language: Option<String>,
    /// The body.
    pub body: Option<RoutineBody>,
    /// Options.
    pub options: RoutineOptions,
}

/// A function or procedure as other statements name it; without a list of arguments where its name is enough.
#[derive(Clone, Debug)]
pub struct RoutineName {
    /// Its name.
    pub name: ObjectName,
    /// Modes and types of its parameters.
    pub parameters: Option<Vec<(char, TypeName)>>,
}

/// What kind of routine a statement speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoutineKind {
    /// A function.
    Function,
    /// A procedure.
    Procedure,
    /// Either.
    Routine,
}

impl RoutineKind {
    /// As messages call it.
    pub fn noun(self) -> &'static str {
        match self {
            RoutineKind::Function => "function",
            RoutineKind::Procedure => "procedure",
            RoutineKind::Routine => "routine",
        }
    }

    /// By its keyword.
    pub(in crate::parse) fn by_word(word: &str) -> Option<Self> {
        Some(match word {
            "function" => RoutineKind::Function,
            "procedure" => RoutineKind::Procedure,
            "routine" => RoutineKind::Routine,
            _ => return None,
        })
    }
}

/// `CREATE [OR REPLACE] FUNCTION | PROCEDURE`.
pub(super) fn create(g: &mut Grammar<'_, '_>) -> Parsing<Definition> {
    g.expect("create")?;
    let or_replace = g.words(&["or", "replace"]);
    let procedure = g.word("procedure");
    if !procedure {
        g.expect("function")?;
    }
    let name = g.parser.parse_object_name(false)?;
    let mut parameters = parameters(g)?;
    let returns = if g.word("returns") { Some(returns(g, &mut parameters)?) } else { None };
    let mut create =
        CreateRoutine { or_replace, procedure, name, parameters, returns, language: None, body: None, options: RoutineOptions::default() };
    while !g.ends() {
        clause(g, &mut create)?;
    }
    Ok(Definition::CreateRoutine(Box::new(create)))
}

fn clause(g: &mut Grammar<'_, '_>, create: &mut CreateRoutine) -> Parsing<()> {
    match g.peek(0).as_str() {
        "language" => {
            g.word("language");
            let quoted = matches!(g.parser.peek_token_ref().token, Token::SingleQuotedString(_));
            create.language = Some(if quoted { g.string()?.to_lowercase() } else { g.name()? });
        }
        "as" => {
            g.word("as");
            create.body = Some(RoutineBody::Text(g.string()?));
            if g.parser.consume_token(&Token::Comma) {
                g.string()?;
            }
        }
        "return" => {
            g.word("return");
            let start = g.start(&g.parser.peek_token());
            g.parser.parse_expr()?;
            create.body = Some(RoutineBody::Atomic(format!("RETURN {}", slice(g, start).trim_end())));
        }
        "begin" => create.body = Some(RoutineBody::Atomic(atomic(g)?)),
        "window" => return Err(SqlError::unsupported("a window function in SQL").into()),
        "transform" => return Err(SqlError::unsupported("TRANSFORM").into()),
        _ if option(g, &mut create.options)? => {}
        _ => return Err(g.unexpected()),
    }
    Ok(())
}

/// The text from a byte to the next token.
fn slice<'p>(g: &Grammar<'p, '_>, start: usize) -> &'p str {
    let token = g.parser.peek_token();
    let end = if token.token == Token::EOF { g.sql.len() } else { g.start(&token) };
    &g.sql[start..end]
}

/// `BEGIN ATOMIC … END`: CASE has an END of its own.
fn atomic(g: &mut Grammar<'_, '_>) -> Parsing<String> {
    g.expect("begin")?;
    g.expect("atomic")?;
    let start = g.start(&g.parser.peek_token());
    let mut depth = 0_usize;
    loop {
        match g.peek(0).as_str() {
            "case" => depth += 1,
            "end" if depth == 0 => break,
            "end" => depth -= 1,
            _ if g.parser.peek_token_ref().token == Token::EOF => return Err(g.unexpected()),
            _ => {}
        }
        g.parser.next_token();
    }
    let body = slice(g, start).trim_end().to_owned();
    g.expect("end")?;
    Ok(format!("BEGIN ATOMIC\n {body}\nEND"))
}

/// An option of CREATE or ALTER, if one is next.
fn option(g: &mut Grammar<'_, '_>, options: &mut RoutineOptions) -> Parsing<bool> {
    g.word("external");
    type Fixed = (&'static [&'static str], fn(&mut RoutineOptions));
    let fixed: [Fixed; 10] = [
        (&["immutable"], |o| o.volatility = Some('i')),
        (&["stable"], |o| o.volatility = Some('s')),
        (&["volatile"], |o| o.volatility = Some('v')),
        (&["strict"], |o| o.strict = Some(true)),
        (&["returns", "null", "on", "null", "input"], |o| o.strict = Some(true)),
        (&["called", "on", "null", "input"], |o| o.strict = Some(false)),
        (&["security", "definer"], |o| o.security_definer = Some(true)),
        (&["security", "invoker"], |o| o.security_definer = Some(false)),
        (&["leakproof"], |o| o.leakproof = Some(true)),
        (&["not", "leakproof"], |o| o.leakproof = Some(false)),
    ];
    if let Some((_, set)) = fixed.iter().find(|(words, _)| g.words(words)) {
        set(options);
        return Ok(true);
    }
    match g.peek(0).as_str() {
        "parallel" => {
            g.word("parallel");
            let letter = match g.name()?.as_str() {
                "safe" => 's',
                "restricted" => 'r',
                "unsafe" => 'u',
                _ => {
                    let message = "parameter \"parallel\" must be SAFE, RESTRICTED, or UNSAFE";
                    return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).into());
                }
            };
            options.parallel = Some(letter);
        }
        "cost" => {
            g.word("cost");
            options.cost = Some(positive(g, "COST")?);
        }
        "rows" => {
            g.word("rows");
            options.rows = Some(positive(g, "ROWS")?);
        }
        "support" => return Err(SqlError::unsupported("SUPPORT").into()),
        "set" => {
            g.word("set");
            options.settings.push(setting(g)?);
        }
        "reset" => {
            g.word("reset");
            options.reset.push(if g.word("all") { None } else { Some(g.dotted()?.join(".")) });
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn positive(g: &mut Grammar<'_, '_>, what: &str) -> Parsing<f64> {
    let token = g.parser.peek_token();
    let Token::Number(digits, _) = &token.token else { return Err(g.unexpected()) };
    let value: f64 = digits.parse().map_err(|_| g.unexpected())?;
    g.parser.next_token();
    if value > 0.0 {
        return Ok(value);
    }
    Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("{what} must be positive")).into())
}

/// `name TO value, …`, `name = value, …`.
fn setting(g: &mut Grammar<'_, '_>) -> Parsing<(String, String)> {
    let name = g.dotted()?.join(".");
    if g.words(&["from", "current"]) {
        return Err(SqlError::unsupported("SET … FROM CURRENT").into());
    }
    if !g.word("to") {
        g.expect_token(&Token::Eq)?;
    }
    let mut values = Vec::new();
    loop {
        values.push(match g.parser.peek_token_ref().token {
            Token::Word(_) => g.name()?,
            Token::Number(..) | Token::Minus | Token::Plus => g.integer()?.to_string(),
            _ => g.string()?,
        });
        if !g.parser.consume_token(&Token::Comma) {
            return Ok((name, values.join(", ")));
        }
    }
}

/// `RETURNS`: columns of a TABLE become parameters.
fn returns(g: &mut Grammar<'_, '_>, parameters: &mut Vec<Parameter>) -> Parsing<(Option<TypeName>, bool)> {
    if g.peek(0) == "table" && g.parser.peek_nth_token_ref(1).token == Token::LParen {
        g.word("table");
        g.expect_token(&Token::LParen)?;
        loop {
            let name = Some(g.parser.parse_identifier()?);
            parameters.push(Parameter { mode: 't', name, ty: type_name(g)?, default: None });
            if !g.parser.consume_token(&Token::Comma) {
                break;
            }
        }
        g.expect_token(&Token::RParen)?;
        return Ok((None, true));
    }
    let set = g.word("setof");
    Ok((Some(type_name(g)?), set))
}

fn type_name(g: &mut Grammar<'_, '_>) -> Parsing<TypeName> {
    let ty = g.parser.parse_data_type()?;
    if g.parser.peek_token_ref().token == Token::Mod && g.peek(1) == "type" {
        g.parser.next_token();
        g.parser.next_token();
        return match ty {
            DataType::Custom(name, _) => Ok(TypeName::OfColumn(name)),
            _ => Err(g.unexpected()),
        };
    }
    Ok(TypeName::Named(ty))
}

/// The list of parameters, in parentheses.
fn parameters(g: &mut Grammar<'_, '_>) -> Parsing<Vec<Parameter>> {
    g.expect_token(&Token::LParen)?;
    let mut out = Vec::new();
    if g.parser.consume_token(&Token::RParen) {
        return Ok(out);
    }
    loop {
        out.push(parameter(g)?);
        if !g.parser.consume_token(&Token::Comma) {
            break;
        }
    }
    g.expect_token(&Token::RParen)?;
    Ok(out)
}

fn mode(g: &mut Grammar<'_, '_>) -> Option<char> {
    // `IN OUT` is INOUT.
    if g.words(&["in", "out"]) {
        return Some('b');
    }
    let letter = match g.peek(0).as_str() {
        "in" => 'i',
        "out" => 'o',
        "inout" => 'b',
        "variadic" => 'v',
        _ => return None,
    };
    g.parser.next_token();
    Some(letter)
}

fn parameter(g: &mut Grammar<'_, '_>) -> Parsing<Parameter> {
    let mut letter = mode(g);
    let first = g.parser.peek_token();
    let mut ty = type_name(g)?;
    let mut name = None;
    if !parameter_ends(g) {
        // What was read was the name.
        let Token::Word(word) = &first.token else { return Err(g.unexpected()) };
        name = Some(word.clone().into_ident(first.span));
        letter = letter.or_else(|| mode(g));
        ty = type_name(g)?;
    }
    let has_default = g.word("default") || g.parser.consume_token(&Token::Eq) || g.parser.consume_token(&Token::Assignment);
    let default = if has_default { Some(g.parser.parse_expr()?) } else { None };
    Ok(Parameter { mode: letter.unwrap_or('i'), name, ty, default })
}

fn parameter_ends(g: &Grammar<'_, '_>) -> bool {
    matches!(g.parser.peek_token_ref().token, Token::Comma | Token::RParen | Token::Eq | Token::Assignment) || g.peek(0) == "default"
}

/// A function or procedure by name, perhaps with the types of its parameters.
pub(in crate::parse) fn named(g: &mut Grammar<'_, '_>) -> Parsing<RoutineName> {
    let name = g.parser.parse_object_name(false)?;
    let parameters = match g.parser.peek_token_ref().token {
        Token::LParen => Some(parameters(g)?.into_iter().map(|parameter| (parameter.mode, parameter.ty)).collect()),
        _ => None,
    };
    Ok(RoutineName { name, parameters })
}

/// `DROP FUNCTION | PROCEDURE | ROUTINE`.
pub(super) fn drop(g: &mut Grammar<'_, '_>, kind: RoutineKind) -> Parsing<Definition> {
    g.expect("drop")?;
    g.parser.next_token();
    let if_exists = g.words(&["if", "exists"]);
    let mut names = vec![named(g)?];
    while g.parser.consume_token(&Token::Comma) {
        names.push(named(g)?);
    }
    Ok(Definition::DropRoutine { kind, if_exists, names, cascade: alter::cascade(g) })
}

/// What follows the name in `ALTER FUNCTION`.
pub(super) fn options(g: &mut Grammar<'_, '_>) -> Parsing<RoutineOptions> {
    let mut options = RoutineOptions::default();
    if !option(g, &mut options)? {
        return Err(g.unexpected());
    }
    while option(g, &mut options)? {}
    alter::cascade(g);
    Ok(options)
}
