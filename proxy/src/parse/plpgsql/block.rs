//! Blocks and declarations, and the parser's means: looking at tokens, taking them, cutting expressions out of the text.

use super::{
    Block, Condition, Declaration, Expression, Statement, TypeText,
    lexer::{self, Kind, Token},
};
use crate::error::{Result, SqlError, SqlState};

/// The state of parsing one body.
pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    tokens: Vec<Token>,
    at: usize,
    /// Expressions and statements so far; true for a statement.
    found: Vec<(String, bool)>,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Result<Self> {
        Ok(Parser { text, tokens: lexer::tokens(text)?, at: 0, found: Vec::new() })
    }

    pub(super) fn token(&self, ahead: usize) -> Token {
        self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    pub(super) fn spelt(&self, token: Token) -> &'t str {
        &self.text[token.start..token.end]
    }

    pub(super) fn advance(&mut self) -> Token {
        let token = self.token(0);
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    /// The word that comes, in lower case; empty where it is none.
    pub(super) fn peek(&self, ahead: usize) -> String {
        let token = self.token(ahead);
        if token.kind == Kind::Word { self.spelt(token).to_ascii_lowercase() } else { String::new() }
    }

    pub(super) fn is_symbol(&self, ahead: usize, symbol: &str) -> bool {
        let token = self.token(ahead);
        token.kind == Kind::Symbol && self.spelt(token) == symbol
    }

    pub(super) fn word(&mut self, word: &str) -> bool {
        let found = self.peek(0) == word;
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(0, symbol);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn unexpected(&self) -> SqlError {
        let token = self.token(0);
        let message = match token.kind {
            Kind::End => "syntax error at end of input".to_owned(),
            _ => format!("syntax error at or near \"{}\"", self.spelt(token)),
        };
        SqlError::new(SqlState::SYNTAX_ERROR, message)
    }

    /// The line of the token that comes, from 1. A body usually begins with a line break behind the quotes, which does not count.
    pub(super) fn line(&self) -> usize {
        self.text[..self.token(0).start].matches('\n').count() + 1
    }

    /// An identifier, folded.
    pub(super) fn name(&mut self) -> Result<String> {
        let token = self.token(0);
        let name = match token.kind {
            Kind::Word => self.spelt(token).to_lowercase(),
            Kind::Quoted => self.spelt(token).trim_matches('"').replace("\"\"", "\""),
            Kind::Number if self.spelt(token).starts_with('$') => self.spelt(token).to_owned(),
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(name)
    }

    /// A string's value.
    pub(super) fn string(&mut self) -> Result<String> {
        let token = self.token(0);
        if token.kind != Kind::Text {
            return Err(self.unexpected());
        }
        self.advance();
        let spelt = self.spelt(token);
        if let Some(rest) = spelt.strip_prefix('$') {
            let tag = rest.find('$').map_or(0, |end| end + 2);
            return Ok(spelt[tag..spelt.len() - tag].to_owned());
        }
        let open = spelt.find('\'').unwrap_or(0);
        let inside = spelt[open + 1..spelt.len() - 1].replace("''", "'");
        let escapes = open == 1 && matches!(spelt.as_bytes()[0], b'e' | b'E');
        Ok(if escapes { unescaped(&inside) } else { inside })
    }

    pub(super) fn expression_of(&mut self, text: &str) -> Expression {
        let text = text.trim().to_owned();
        self.found.push((text.clone(), false));
        Expression { id: self.found.len(), text }
    }

    /// A statement in SQL.
    pub(super) fn statement_of(&mut self, text: &str) -> Expression {
        let statement = self.expression_of(text);
        if let Some(last) = self.found.last_mut() {
            last.1 = true;
        }
        statement
    }

    /// What is SQL, each as a statement.
    pub(super) fn texts(&self) -> Vec<String> {
        let begins = |text: &str, words: &[&str]| {
            let first: String = text.chars().take_while(|c| c.is_alphabetic()).collect();
            words.contains(&first.to_ascii_lowercase().as_str())
        };
        let query = ["select", "with", "values", "table", "insert", "update", "delete", "merge"];
        let one = |(text, is_statement): &(String, bool)| match *is_statement || begins(text, &query) {
            true => text.clone(),
            false => format!("SELECT {text}"),
        };
        self.found.iter().map(one).collect()
    }

    /// The text up to one of the words or symbols, outside of parentheses and CASE; the end is not taken.
    pub(super) fn until(&mut self, ends: &[&str]) -> Result<&'t str> {
        let start = self.token(0).start;
        let (mut depth, mut cases) = (0_usize, 0_usize);
        loop {
            let token = self.token(0);
            let spelt = self.spelt(token).to_ascii_lowercase();
            let is_plain = matches!(token.kind, Kind::Word | Kind::Symbol);
            match spelt.as_str() {
                _ if token.kind == Kind::End => return Err(self.unexpected()),
                _ if is_plain && depth == 0 && cases == 0 && ends.contains(&spelt.as_str()) => {
                    return Ok(&self.text[start..token.start]);
                }
                "(" | "[" if is_plain => depth += 1,
                ")" | "]" if is_plain => depth = depth.saturating_sub(1),
                "case" if token.kind == Kind::Word => cases += 1,
                "end" if token.kind == Kind::Word && cases > 0 => cases -= 1,
                ";" if is_plain => return Err(self.unexpected()),
                _ => {}
            }
            self.advance();
        }
    }

    /// An expression up to one of the words or symbols; the end is not taken.
    pub(super) fn expression(&mut self, ends: &[&str]) -> Result<Expression> {
        let text = self.until(ends)?;
        if text.trim().is_empty() {
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, "missing expression"));
        }
        Ok(self.expression_of(text))
    }

    /// The body as a whole.
    pub(super) fn body(&mut self) -> Result<Block> {
        while self.symbol("#") {
            // `#variable_conflict …` and its kin.
            let option = self.name()?;
            let value = self.name()?;
            if option != "variable_conflict" || value != "error" {
                return Err(SqlError::unsupported(format!("#{option} {value}")));
            }
        }
        let label = self.label()?;
        let block = self.block(label)?;
        self.symbol(";");
        if self.token(0).kind == Kind::End { Ok(block) } else { Err(self.unexpected()) }
    }

    /// `<<label>>`.
    pub(super) fn label(&mut self) -> Result<Option<String>> {
        if !self.symbol("<<") {
            return Ok(None);
        }
        let label = self.name()?;
        self.expect_symbol(">>")?;
        Ok(Some(label))
    }

    /// A block from DECLARE or BEGIN to END, its semicolon left.
    pub(super) fn block(&mut self, label: Option<String>) -> Result<Block> {
        let mut declarations = Vec::new();
        while self.word("declare") {
            while self.peek(0) != "begin" && self.peek(0) != "declare" {
                declarations.push(self.declaration()?);
            }
        }
        self.expect_word("begin")?;
        let statements = self.statements(&["end", "exception"])?;
        let mut handlers = Vec::new();
        if self.word("exception") {
            while self.word("when") {
                let mut conditions = vec![self.condition()?];
                while self.word("or") {
                    conditions.push(self.condition()?);
                }
                self.expect_word("then")?;
                handlers.push((conditions, self.statements(&["end", "when"])?));
            }
        }
        self.expect_word("end")?;
        if !self.is_symbol(0, ";") && self.token(0).kind != Kind::End {
            self.end_label(label.as_deref())?;
        }
        Ok(Block { label, declarations, statements, handlers })
    }

    /// The label behind END, which must be that of the beginning.
    pub(super) fn end_label(&mut self, label: Option<&str>) -> Result<()> {
        if self.is_symbol(0, ";") {
            return Ok(());
        }
        let end = self.name()?;
        match label {
            Some(label) if label == end => Ok(()),
            Some(label) => {
                let message = format!("end label \"{end}\" differs from block's label \"{label}\"");
                Err(SqlError::new(SqlState::SYNTAX_ERROR, message))
            }
            None => Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("end label \"{end}\" specified for unlabeled block"))),
        }
    }

    /// A condition of EXCEPTION or RAISE.
    pub(super) fn condition(&mut self) -> Result<Condition> {
        if self.word("sqlstate") {
            return Ok(Condition::State(self.string()?));
        }
        Ok(Condition::Named(self.name()?))
    }

    fn declaration(&mut self) -> Result<Declaration> {
        let name = self.name()?;
        if self.word("alias") {
            self.expect_word("for")?;
            let of = self.name()?;
            self.expect_symbol(";")?;
            return Ok(Declaration::Alias(name, of));
        }
        let scroll = self.peek(0) == "no" && self.peek(1) == "scroll" || self.peek(0) == "scroll";
        if scroll {
            self.word("no");
            self.word("scroll");
        }
        if self.peek(0) == "cursor" && (self.is_symbol(1, "(") || matches!(self.peek(1).as_str(), "for" | "is")) {
            self.advance();
            let arguments = if self.symbol("(") { self.cursor_parameters()? } else { Vec::new() };
            if !self.word("for") {
                self.expect_word("is")?;
            }
            let query = self.expression(&[";"])?;
            self.expect_symbol(";")?;
            return Ok(Declaration::Cursor(name, arguments, query));
        }
        let constant = self.word("constant");
        let ty = self.type_text(&[";", "not", "default", ":=", "=", "collate"])?;
        if self.word("collate") {
            self.until(&[";", "not", "default", ":=", "="])?;
        }
        let not_null = self.word("not");
        if not_null {
            self.expect_word("null")?;
        }
        let default = if self.word("default") || self.symbol(":=") || self.symbol("=") { Some(self.expression(&[";"])?) } else { None };
        self.expect_symbol(";")?;
        Ok(Declaration::Variable { name, constant, ty, not_null, default })
    }

    fn cursor_parameters(&mut self) -> Result<Vec<(String, TypeText)>> {
        let mut out = Vec::new();
        loop {
            let name = self.name()?;
            out.push((name, self.type_text(&[",", ")"])?));
            if !self.symbol(",") {
                break;
            }
        }
        self.expect_symbol(")")?;
        Ok(out)
    }

    /// A type up to one of the words or symbols.
    pub(super) fn type_text(&mut self, ends: &[&str]) -> Result<TypeText> {
        let text = self.until(ends)?.trim();
        let lower = text.to_ascii_lowercase();
        let names = |text: &str| text.split('.').map(|part| fold(part.trim())).collect();
        let cut = |suffix: &str| lower.strip_suffix(suffix).map(|rest| text[..rest.len()].trim_end());
        let before = |word: &str| cut(word).and_then(|rest| rest.strip_suffix('%')).map(str::trim_end);
        match (before("rowtype"), before("type")) {
            (Some(rest), _) => Ok(TypeText::Row(names(rest))),
            (None, Some(rest)) => Ok(TypeText::Of(names(rest))),
            (None, None) if text.is_empty() => Err(SqlError::new(SqlState::SYNTAX_ERROR, "missing data type declaration")),
            (None, None) => Ok(TypeText::Named(text.to_owned())),
        }
    }

    /// Statements up to one of the words, which is not taken.
    pub(super) fn statements(&mut self, ends: &[&str]) -> Result<Vec<Statement>> {
        let mut out = Vec::new();
        while !ends.contains(&self.peek(0).as_str()) {
            if self.token(0).kind == Kind::End {
                return Err(self.unexpected());
            }
            out.push(self.statement()?);
        }
        Ok(out)
    }
}

/// A name as an identifier is folded.
fn fold(text: &str) -> String {
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => text.to_lowercase(),
    }
}

/// The escapes that occur in messages.
fn unescaped(text: &str) -> String {
    let (mut out, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => {}
            },
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, parse};

    #[test]
    fn a_body_is_taken_apart() {
        let body = parse("DECLARE x int := 1; BEGIN IF x > (SELECT 1) THEN x := case when true then 2 end; END IF; RETURN x; END").unwrap();
        assert_eq!(body.block.declarations.len(), 1);
        assert!(matches!(&body.block.statements[0].kind, Kind::If(branches, _) if branches[0].0.text == "x > (SELECT 1)"));
        assert!(matches!(&body.block.statements[1].kind, Kind::Return(Some(_))));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_token() {
        for text in ["BEGIN IF true RETURN 1; END IF; END", "BEGIN x := ; END", "BEGIN", "BEGIN END LOOP; END", "SELECT 1"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
