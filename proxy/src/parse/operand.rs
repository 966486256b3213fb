//! Forms of expressions that the library's grammar lacks, said in nodes that it has: typed literals of any type, VARIADIC arguments, TRIM and
//! SUBSTRING by words, LIKE ANY, nested GROUPING SETS; and the refusal of comparisons in a chain. The dialect asks at each operand and operator.

use std::{collections::HashMap, sync::LazyLock};

use sqlparser::{
    ast::{BinaryOperator, DataType, Expr, Ident, ObjectName, TrimWhereField, TypedString},
    keywords::Keyword,
    parser::{Parser, ParserError},
    tokenizer::{Token, Word},
};

use super::keyword;

/// Prefix of an argument that is the array of a variadic function's last ones.
pub(crate) const VARIADIC: &str = "VARIADIC";

type Parsed = Option<Result<Expr, ParserError>>;

/// An operand that begins with a word.
pub(super) fn operand(parser: &mut Parser<'_>) -> Parsed {
    if parser.peek_token_ref().token == Token::LParen {
        return query(parser);
    }
    let Token::Word(first) = &parser.peek_token_ref().token else { return None };
    let second = &parser.peek_nth_token_ref(1).token;
    let words = (first.quote_style.is_none()).then(|| first.value.to_ascii_lowercase());
    match (words.as_deref(), second) {
        (Some("variadic"), _) => {
            parser.next_token();
            let value = parser.parse_expr().map(Box::new);
            Some(value.map(|value| Expr::Prefixed { prefix: Ident::new(VARIADIC), value }))
        }
        (Some("trim"), Token::LParen) => trim(parser),
        (Some("interval"), Token::LParen) => interval(parser),
        (Some("grouping"), Token::Word(_)) if is_word(parser, 1, "sets") => Some(grouping_sets(parser)),
        (_, Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_) | Token::DollarQuotedString(_)) if names_type(first) => {
            Some(typed_literal(parser))
        }
        _ => None,
    }
}

/// `((SELECT …) UNION …)`: where several parentheses lead to a query, the outermost may be the query's own.
fn query(parser: &mut Parser<'_>) -> Parsed {
    let depth = (0..MOST_PARENTHESES).take_while(|at| parser.peek_nth_token_ref(*at).token == Token::LParen).count();
    let begins = ["select", "values", "with", "table"].iter().any(|word| is_word(parser, depth, word));
    if depth < 2 || !begins {
        return None;
    }
    let parsed = parser.maybe_parse(|parser| {
        parser.expect_token(&Token::LParen)?;
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        Ok(Expr::Subquery(query))
    });
    parsed.transpose()
}

/// So many parentheses may lead to a query that is looked for behind them.
const MOST_PARENTHESES: usize = 16;

fn is_word(parser: &Parser<'_>, at: usize, wanted: &str) -> bool {
    keyword(&parser.peek_nth_token_ref(at).token).is_some_and(|word| word == wanted)
}

/// Whether a word can be the type of a literal: not a reserved one, nor one of those with rules of their own (`func_name Sconst`).
fn names_type(word: &Word) -> bool {
    static CATEGORIES: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
        let lines = include_str!("../../data/keywords.csv").lines().skip(1);
        lines.filter_map(|line| line.split_once(',')).map(|(word, rest)| (word, &rest[..1])).collect()
    });
    let is_word = |category: &str| matches!(category, "U" | "T");
    word.quote_style.is_some() || CATEGORIES.get(&*word.value.to_ascii_lowercase()).is_none_or(|category| is_word(category))
}

fn typed_literal(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let name = parser.parse_identifier()?;
    let value = parser.parse_value()?;
    Ok(Expr::TypedString(TypedString {
        data_type: DataType::Custom(ObjectName::from(vec![name]), Vec::new()),
        value,
        uses_odbc_syntax: false,
    }))
}

/// `INTERVAL(p) '…'`.
fn interval(parser: &mut Parser<'_>) -> Parsed {
    let is_literal =
        parser.peek_nth_token_ref(3).token == Token::RParen && matches!(parser.peek_nth_token_ref(4).token, Token::SingleQuotedString(_));
    let Token::Number(digits, _) = &parser.peek_nth_token_ref(2).token else { return None };
    let precision = digits.parse().ok().filter(|_| is_literal)?;
    for _ in 0..4 {
        parser.next_token();
    }
    let data_type = DataType::Interval { fields: None, precision: Some(precision) };
    Some(parser.parse_value().map(|value| Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false })))
}

/// `TRIM([BOTH | LEADING | TRAILING] FROM x, …)`: without what to trim.
fn trim(parser: &mut Parser<'_>) -> Parsed {
    let side = match keyword(&parser.peek_nth_token_ref(2).token).as_deref() {
        Some("both") => Some(TrimWhereField::Both),
        Some("leading") => Some(TrimWhereField::Leading),
        Some("trailing") => Some(TrimWhereField::Trailing),
        _ => None,
    };
    let from = if side.is_some() { 3 } else { 2 };
    if !is_word(parser, from, "from") {
        return None;
    }
    for _ in 0..=from {
        parser.next_token();
    }
    Some(parser.parse_comma_separated(Parser::parse_expr).and_then(|mut list| {
        parser.expect_token(&Token::RParen)?;
        let expr = Box::new(list.remove(0));
        let trim_characters = (!list.is_empty()).then_some(list);
        Ok(Expr::Trim { expr, trim_where: side, trim_what: None, trim_characters })
    }))
}

/// `GROUPING SETS (…)` inside another one.
fn grouping_sets(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.next_token();
    parser.next_token();
    parser.expect_token(&Token::LParen)?;
    let sets = parser.parse_comma_separated(|parser| {
        if parser.consume_tokens(&[Token::LParen, Token::RParen]) {
            return Ok(Vec::new());
        }
        parser.parse_expr().map(|expr| vec![expr])
    })?;
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::GroupingSets(sets))
}

/// What an operator after `left` makes of it, where the library does not know it; `precedence` is that of LIKE.
pub(super) fn operation(parser: &mut Parser<'_>, left: &Expr, precedence: u8) -> Parsed {
    if is_comparison(&parser.peek_token_ref().token) {
        return is_compared(left).then(|| parser.expected_ref("no comparison of a comparison", parser.peek_token_ref()));
    }
    if is_word(parser, 0, "similar") && !is_word(parser, 1, "to") {
        return Some(similar(parser, left, precedence));
    }
    let negated = is_word(parser, 0, "not");
    let at = usize::from(negated);
    let operator = match (keyword(&parser.peek_nth_token_ref(at).token).as_deref()?, negated) {
        ("like", false) => BinaryOperator::PGLikeMatch,
        ("like", true) => BinaryOperator::PGNotLikeMatch,
        ("ilike", false) => BinaryOperator::PGILikeMatch,
        ("ilike", true) => BinaryOperator::PGNotILikeMatch,
        _ => return None,
    };
    let all = is_word(parser, at + 1, "all");
    let is_any = is_word(parser, at + 1, "any") || is_word(parser, at + 1, "some");
    if !(all || is_any) || parser.peek_nth_token_ref(at + 2).token != Token::LParen {
        return None;
    }
    for _ in 0..at + 3 {
        parser.next_token();
    }
    Some(quantified(parser, left, operator, all))
}

/// `x LIKE ANY (…)`, from what is in the parentheses on.
fn quantified(parser: &mut Parser<'_>, left: &Expr, compare_op: BinaryOperator, all: bool) -> Result<Expr, ParserError> {
    let is_query = ["select", "with", "values"].iter().any(|word| is_word(parser, 0, word));
    let right = if is_query { Expr::Subquery(parser.parse_query()?) } else { parser.parse_expr()? };
    parser.expect_token(&Token::RParen)?;
    let (left, right) = (Box::new(left.clone()), Box::new(right));
    Ok(match all {
        true => Expr::AllOp { left, compare_op, right },
        false => Expr::AnyOp { left, compare_op, right, is_some: false },
    })
}

/// `x SIMILAR p ESCAPE e`, which stands in SUBSTRING only: as the node of SIMILAR TO, which can't stand there.
fn similar(parser: &mut Parser<'_>, left: &Expr, precedence: u8) -> Result<Expr, ParserError> {
    parser.next_token();
    let pattern = Box::new(parser.parse_subexpr(precedence)?);
    parser.expect_keyword_is(Keyword::ESCAPE)?;
    let escape = Box::new(parser.parse_subexpr(precedence)?);
    Ok(Expr::SimilarTo { negated: false, expr: Box::new(left.clone()), pattern, escape_char: Some(escape) })
}

fn is_comparison(token: &Token) -> bool {
    matches!(token, Token::Eq | Token::Neq | Token::Lt | Token::Gt | Token::LtEq | Token::GtEq)
}

/// Comparisons do not associate: `a = b = c` is none.
fn is_compared(expr: &Expr) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(expr, Expr::BinaryOp { op: Eq | NotEq | Lt | Gt | LtEq | GtEq, .. })
}
