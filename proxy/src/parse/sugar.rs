//! What the library's grammar has no place for, said in tokens that it has: `EXCLUDE` of a window's frame becomes a first key of PARTITION
//! BY, a quantified `OPERATOR(pg_catalog.=)` the operator, `ROWS FROM` the name of a function, the star of `(row).*` a field, `TABLE t` a select. The names begin with `~`, and the binder
//! takes them back.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan, Word},
};

use super::keyword;
use crate::error::SqlError;

/// Begins the name of a frame's exclusion: `~exclude ties`.
pub(crate) const EXCLUDE: &str = "~exclude ";
/// The name of the function that `ROWS FROM` becomes.
pub(crate) const ROWS_FROM: &str = "~rows from";

/// The field that the star of `(row).*` becomes.
pub(crate) const STAR: &str = "~*";

/// 0A000 for clauses of common table expressions that nothing here does yet.
pub(super) fn refuse(tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    for at in 0..tokens.len() {
        let Some(first) = keyword(&tokens[at].token).filter(|first| matches!(first.as_str(), "search" | "cycle")) else { continue };
        let follows = before(tokens, at).is_some_and(|before| tokens[before].token == Token::RParen);
        let next = significant(tokens, at + 1).and_then(|next| keyword(&tokens[next].token));
        let is_search = next.is_some_and(|next| matches!(next.as_str(), "depth" | "breadth"));
        if follows && (is_search || first == "cycle") {
            return Err(SqlError::unsupported(format!("{} of a common table expression", first.to_uppercase())));
        }
    }
    Ok(())
}

/// Begins the name among those of USING that stands for the join's alias.
pub(crate) const USING_ALIAS: &str = "~as ";

/// Replaces what the grammar lacks.
pub(super) fn desugar(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let has = |word: &str| tokens.iter().any(|token| keyword(&token.token).is_some_and(|found| found == word));
    let (has_exclusions, has_rows_from, has_table, has_using) = (has("exclude"), has("rows"), has("table"), has("using"));
    if has("operator") {
        quantified_operators(&mut tokens);
    }
    if has_exclusions {
        while exclusion(&mut tokens) {}
    }
    if has_rows_from {
        rows_from(&mut tokens);
    }
    if has_table {
        table(&mut tokens);
    }
    if has_using {
        using_aliases(&mut tokens);
    }
    star(&mut tokens);
    tokens
}

/// `JOIN … USING (a) AS x`: the alias becomes a name in the list.
fn using_aliases(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        if let Some((close, alias)) = using_alias(tokens, at) {
            let Token::Word(given) = &tokens[alias].token else { unreachable!("an alias is a word") };
            let folded = if given.quote_style.is_some() { given.value.clone() } else { given.value.to_ascii_lowercase() };
            let comma = TokenWithSpan { token: Token::Comma, span: tokens[close].span };
            let named = name(&tokens[alias], format!("{USING_ALIAS}{folded}"));
            let end = tokens[close].clone();
            tokens.splice(close..=alias, [comma, named, end]);
        }
        at += 1;
    }
}

/// Where the list of the USING at a place ends, and where the alias behind it stands.
fn using_alias(tokens: &[TokenWithSpan], at: usize) -> Option<(usize, usize)> {
    let open = significant(tokens, at + 1).filter(|open| is_word(tokens, Some(at), "using") && tokens[*open].token == Token::LParen)?;
    let is_name = |token: &Token| matches!(token, Token::Word(_) | Token::Comma | Token::Whitespace(_));
    let close = (open + 1..tokens.len()).find(|at| !is_name(&tokens[*at].token))?;
    let word = significant(tokens, close + 1).filter(|word| tokens[close].token == Token::RParen && is_word(tokens, Some(*word), "as"))?;
    let alias = significant(tokens, word + 1)?;
    matches!(tokens[alias].token, Token::Word(_)).then_some((close, alias))
}

/// `x OPERATOR(pg_catalog.=) ANY (…)`: the library takes a quantifier after a bare operator only. All operators stand in pg_catalog.
fn quantified_operators(tokens: &mut Vec<TokenWithSpan>) {
    let mut from = 0;
    while let Some(at) = (from..tokens.len()).find(|at| is_word(tokens, Some(*at), "operator")) {
        from = at + 1;
        let mut places = vec![at];
        while let Some(next) = significant(tokens, places[places.len() - 1] + 1).filter(|_| places.len() < 7) {
            places.push(next);
        }
        let [_, open, schema, dot, operator, close, quantifier] = places[..] else { continue };
        let is = |place: usize, token: &Token| tokens[place].token == *token;
        let is_quantified = ["any", "all", "some"].iter().any(|word| is_word(tokens, Some(quantifier), word));
        let is_qualified = is(open, &Token::LParen) && is_word(tokens, Some(schema), "pg_catalog") && is(dot, &Token::Period);
        if is_qualified && is(close, &Token::RParen) && is_quantified {
            let bare = tokens[operator].clone();
            tokens.splice(at..=close, [bare]);
        }
    }
}

fn name(like: &TokenWithSpan, value: String) -> TokenWithSpan {
    let word = Word { value, quote_style: Some('"'), keyword: Keyword::NoKeyword };
    TokenWithSpan { token: Token::Word(word), span: like.span }
}

fn word(like: &TokenWithSpan, text: &str) -> TokenWithSpan {
    TokenWithSpan { token: Token::make_keyword(text), span: like.span }
}

/// The next token at or after a place that is no white space.
fn significant(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
    (from..tokens.len()).find(|at| !matches!(tokens[*at].token, Token::Whitespace(_)))
}

fn is_word(tokens: &[TokenWithSpan], at: Option<usize>, wanted: &str) -> bool {
    at.and_then(|at| keyword(&tokens[at].token)).is_some_and(|found| found == wanted)
}

/// Moves one `EXCLUDE` to the front of its window; false where there is none left.
fn exclusion(tokens: &mut Vec<TokenWithSpan>) -> bool {
    for at in 0..tokens.len() {
        if !is_word(tokens, Some(at), "exclude") {
            continue;
        }
        let Some(first) = significant(tokens, at + 1) else { continue };
        let second = significant(tokens, first + 1);
        let (what, end) = match keyword(&tokens[first].token).as_deref() {
            Some("ties") => ("ties", first),
            Some("group") => ("group", first),
            Some("current") if is_word(tokens, second, "row") => ("current row", second.unwrap_or(first)),
            Some("no") if is_word(tokens, second, "others") => ("no others", second.unwrap_or(first)),
            _ => continue,
        };
        let Some(open) = opening(tokens, at) else { continue };
        let unit = |token: &TokenWithSpan| keyword(&token.token).is_some_and(|w| matches!(w.as_str(), "rows" | "range" | "groups"));
        if !tokens[open..at].iter().any(unit) {
            continue;
        }
        let like = tokens[at].clone();
        tokens.drain(at..=end);
        if what != "no others" {
            insert_key(tokens, open + 1, &like, format!("{EXCLUDE}{what}"));
        }
        return true;
    }
    false
}

/// The parenthesis around a place.
fn opening(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    let mut depth = 0;
    (0..at).rev().find(|at| match tokens[*at].token {
        Token::RParen => {
            depth += 1;
            false
        }
        Token::LParen if depth == 0 => true,
        Token::LParen => {
            depth -= 1;
            false
        }
        _ => false,
    })
}

/// Puts a key before those of PARTITION BY.
fn insert_key(tokens: &mut Vec<TokenWithSpan>, start: usize, like: &TokenWithSpan, key: String) {
    let blank = TokenWithSpan { token: Token::Whitespace(sqlparser::tokenizer::Whitespace::Space), span: like.span };
    let Some(mut first) = significant(tokens, start) else { return };
    let begins =
        |at: usize| keyword(&tokens[at].token).is_some_and(|w| matches!(w.as_str(), "partition" | "order" | "rows" | "range" | "groups"));
    if !begins(first) {
        // The name of the window that this one is copied from.
        first = significant(tokens, first + 1).unwrap_or(first);
    }
    if is_word(tokens, Some(first), "partition") {
        let by = significant(tokens, first + 1).unwrap_or(first);
        let comma = TokenWithSpan { token: Token::Comma, span: like.span };
        tokens.splice(by + 1..by + 1, [blank, name(like, key), comma]);
    } else {
        tokens.splice(first..first, [word(like, "PARTITION"), blank.clone(), word(like, "BY"), blank.clone(), name(like, key), blank]);
    }
}

fn rows_from(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        let from = significant(tokens, at + 1);
        let open = from.and_then(|from| significant(tokens, from + 1));
        let is_call = open.is_some_and(|open| tokens[open].token == Token::LParen);
        if let (true, true, Some(from)) = (is_word(tokens, Some(at), "rows"), is_call && is_word(tokens, from, "from"), from) {
            let function = name(&tokens[at], ROWS_FROM.to_owned());
            tokens.splice(at..=from, [function]);
        }
        at += 1;
    }
}

/// The token before a place that is no white space.
fn before(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    (0..at).rev().find(|at| !matches!(tokens[*at].token, Token::Whitespace(_)))
}

/// `TABLE t` where a query may begin is `SELECT * FROM t`.
fn table(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        if is_word(tokens, Some(at), "table") {
            let begins = match before(tokens, at).map(|before| &tokens[before].token) {
                None | Some(Token::SemiColon | Token::LParen) => true,
                Some(token) => keyword(token).is_some_and(|w| matches!(w.as_str(), "union" | "intersect" | "except" | "all" | "distinct")),
            };
            let names = significant(tokens, at + 1).is_some_and(|next| matches!(tokens[next].token, Token::Word(_)));
            if begins && names {
                let like = tokens[at].clone();
                let blank = TokenWithSpan { token: Token::Whitespace(sqlparser::tokenizer::Whitespace::Space), span: like.span };
                let star = TokenWithSpan { token: Token::Mul, span: like.span };
                tokens.splice(at..=at, [word(&like, "SELECT"), blank.clone(), star, blank, word(&like, "FROM")]);
            }
        }
        at += 1;
    }
}

/// The star of `(row).*` and `(row).field.*` becomes a field.
fn star(tokens: &mut [TokenWithSpan]) {
    for at in 0..tokens.len() {
        if tokens[at].token != Token::Mul {
            continue;
        }
        let Some(mut place) = before(tokens, at).filter(|dot| tokens[*dot].token == Token::Period) else { continue };
        // Back over fields, to what the first one is of.
        let is_row = loop {
            match before(tokens, place) {
                Some(known) if matches!(tokens[known].token, Token::RParen | Token::RBracket) => break true,
                Some(known) if matches!(tokens[known].token, Token::Word(_)) => match before(tokens, known) {
                    Some(dot) if tokens[dot].token == Token::Period => place = dot,
                    _ => break false,
                },
                _ => break false,
            }
        };
        if is_row {
            tokens[at] = name(&tokens[at], STAR.to_owned());
        }
    }
}
