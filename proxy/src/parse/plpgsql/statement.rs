//! Statements: which one begins here; assignments, SQL with INTO, EXECUTE, cursors, diagnostics.

use super::{Expression, Into, Kind, Statement, Target, block::Parser, lexer};
use crate::{
    error::{Result, SqlError, SqlState},
    types::name::split_at_commas,
};

impl Parser<'_> {
    /// One statement with its semicolon.
    pub(super) fn statement(&mut self) -> Result<Statement> {
        let line = self.line();
        let label = self.label()?;
        let kind = self.kind(label)?;
        Ok(Statement { line, kind })
    }

    fn kind(&mut self, label: Option<String>) -> Result<Kind> {
        let first = self.peek(0);
        match first.as_str() {
            "declare" | "begin" => {
                let block = self.block(label)?;
                self.expect_symbol(";")?;
                return Ok(Kind::Block(Box::new(block)));
            }
            "loop" => {
                let body = self.loop_body(label.as_deref())?;
                return Ok(Kind::Loop(label, None, body));
            }
            "while" => {
                self.advance();
                let condition = self.expression(&["loop"])?;
                let body = self.loop_body(label.as_deref())?;
                return Ok(Kind::Loop(label, Some(condition), body));
            }
            "for" => {
                self.advance();
                return self.for_statement(label);
            }
            "foreach" => {
                self.advance();
                return self.foreach_statement(label);
            }
            _ if label.is_some() => return Err(self.unexpected()),
            _ => {}
        }
        if self.assigns() {
            return self.assignment();
        }
        let steering = matches!(
            first.as_str(),
            "if" | "case"
                | "exit"
                | "continue"
                | "return"
                | "raise"
                | "assert"
                | "perform"
                | "execute"
                | "get"
                | "open"
                | "fetch"
                | "move"
                | "close"
                | "null"
                | "commit"
                | "rollback"
        );
        if !steering {
            return self.sql();
        }
        self.advance();
        self.steering(&first)
    }

    fn steering(&mut self, first: &str) -> Result<Kind> {
        match first {
            "if" => self.if_statement(),
            "case" => self.case_statement(),
            "exit" => self.exit_statement(true),
            "continue" => self.exit_statement(false),
            "return" => self.return_statement(),
            "raise" => self.raise_statement(),
            "assert" => {
                let condition = self.expression(&[";", ","])?;
                let message = if self.symbol(",") { Some(self.expression(&[";"])?) } else { None };
                self.expect_symbol(";")?;
                Ok(Kind::Assert(condition, message))
            }
            "perform" => {
                let query = self.expression(&[";"])?;
                self.expect_symbol(";")?;
                Ok(Kind::Perform(query))
            }
            "execute" => self.execute(),
            "get" => self.diagnostics(),
            "open" => self.open(),
            "fetch" | "move" => self.fetch(first == "fetch"),
            "close" => {
                let name = self.name()?;
                self.expect_symbol(";")?;
                Ok(Kind::Close(name))
            }
            "null" => self.expect_symbol(";").map(|()| Kind::Null),
            _ => {
                self.until(&[";"])?;
                self.expect_symbol(";")?;
                Ok(Kind::End(if first == "commit" { "COMMIT" } else { "ROLLBACK" }))
            }
        }
    }

    /// Whether an assignment begins here: names, fields and subscripts, then `:=` or `=`.
    fn assigns(&self) -> bool {
        let is_name = |ahead: usize| {
            matches!(self.token(ahead).kind, lexer::Kind::Word | lexer::Kind::Quoted) || self.spelt(self.token(ahead)).starts_with('$')
        };
        if !is_name(0) {
            return false;
        }
        let mut ahead = 1;
        loop {
            if self.is_symbol(ahead, ".") && is_name(ahead + 1) {
                ahead += 2;
            } else if self.is_symbol(ahead, "[") {
                let mut depth = 0_usize;
                loop {
                    match self.token(ahead) {
                        token if token.kind == lexer::Kind::End => return false,
                        token if self.spelt(token) == "[" => depth += 1,
                        token if self.spelt(token) == "]" => depth -= 1,
                        _ => {}
                    }
                    ahead += 1;
                    if depth == 0 {
                        break;
                    }
                }
            } else {
                return self.is_symbol(ahead, ":=") || self.is_symbol(ahead, "=");
            }
        }
    }

    fn assignment(&mut self) -> Result<Kind> {
        let target = self.target()?;
        if !self.symbol(":=") {
            self.expect_symbol("=")?;
        }
        let value = self.expression(&[";"])?;
        self.expect_symbol(";")?;
        Ok(Kind::Assign(target, value))
    }

    /// Something that can be assigned to.
    pub(super) fn target(&mut self) -> Result<Target> {
        let mut path = vec![self.name()?];
        while self.symbol(".") {
            path.push(self.name()?);
        }
        let mut subscripts = Vec::new();
        while self.symbol("[") {
            subscripts.push(self.expression(&["]"])?);
            self.expect_symbol("]")?;
        }
        Ok(Target { path, subscripts })
    }

    fn targets(&mut self) -> Result<Vec<Target>> {
        let mut out = vec![self.target()?];
        while self.symbol(",") {
            out.push(self.target()?);
        }
        Ok(out)
    }

    /// A statement in SQL; INTO is taken out of it, unless it belongs to INSERT INTO or MERGE INTO.
    fn sql(&mut self) -> Result<Kind> {
        let start = self.token(0).start;
        let (mut depth, mut before, mut into, mut text) = (0_usize, String::new(), None, String::new());
        let first = self.peek(0);
        let mut from = start;
        loop {
            let token = self.token(0);
            let spelt = self.spelt(token);
            match token.kind {
                lexer::Kind::End => return Err(self.unexpected()),
                lexer::Kind::Symbol => match spelt {
                    ";" if depth == 0 => break,
                    "(" | "[" => depth += 1,
                    ")" | "]" => depth = depth.saturating_sub(1),
                    _ => {}
                },
                _ => {}
            }
            let word = self.peek(0);
            let is_own = matches!(before.as_str(), "insert" | "merge") || matches!(first.as_str(), "create" | "import");
            if word == "into" && depth == 0 && !is_own {
                if into.is_some() {
                    return Err(SqlError::new(SqlState::SYNTAX_ERROR, "INTO specified more than once"));
                }
                text.push_str(&self.text[from..token.start]);
                self.advance();
                into = Some(self.into_targets()?);
                from = self.token(0).start;
                continue;
            }
            before = word;
            self.advance();
        }
        text.push_str(&self.text[from..self.token(0).start]);
        self.expect_symbol(";")?;
        let statement = self.statement_of(&text);
        Ok(Kind::Sql(statement, into))
    }

    fn into_targets(&mut self) -> Result<Into> {
        let strict = self.word("strict");
        Ok(Into { strict, targets: self.targets()? })
    }

    fn execute(&mut self) -> Result<Kind> {
        let command = self.expression(&[";", "into", "using"])?;
        let (mut into, mut using) = (None, Vec::new());
        loop {
            if self.word("into") {
                into = Some(self.into_targets()?);
            } else if self.word("using") {
                using = self.list(&[";", "into"])?;
            } else {
                break;
            }
        }
        self.expect_symbol(";")?;
        Ok(Kind::Execute(command, into, using))
    }

    fn diagnostics(&mut self) -> Result<Kind> {
        let stacked = self.word("stacked");
        self.word("current");
        self.expect_word("diagnostics")?;
        let mut items = Vec::new();
        loop {
            let target = self.target()?;
            if !self.symbol(":=") {
                self.expect_symbol("=")?;
            }
            items.push((target, self.name()?));
            if !self.symbol(",") {
                break;
            }
        }
        self.expect_symbol(";")?;
        Ok(Kind::Diagnostics(stacked, items))
    }

    fn open(&mut self) -> Result<Kind> {
        let name = self.name()?;
        if self.word("no") {
            self.expect_word("scroll")?;
        } else {
            self.word("scroll");
        }
        let (mut source, mut arguments) = (None, Vec::new());
        if self.word("for") {
            source = Some(self.source(&[";"])?);
        } else if self.symbol("(") {
            let text = self.until(&[")"])?;
            arguments = split_at_commas(text).into_iter().map(|argument| self.cursor_argument(argument)).collect();
            self.expect_symbol(")")?;
        }
        self.expect_symbol(";")?;
        Ok(Kind::Open(name, source, arguments))
    }

    /// `FETCH [direction FROM] cursor INTO …;`, `MOVE [direction FROM] cursor;`
    fn fetch(&mut self, takes: bool) -> Result<Kind> {
        let mut words = Vec::new();
        while !self.is_symbol(0, ";") && self.peek(0) != "into" {
            let token = self.advance();
            if token.kind == lexer::Kind::End {
                return Err(self.unexpected());
            }
            words.push(self.spelt(token).to_lowercase());
        }
        let cursor = words.pop().ok_or_else(|| self.unexpected())?;
        words.retain(|word| !matches!(word.as_str(), "from" | "in"));
        let targets = if takes {
            self.expect_word("into")?;
            Some(self.targets()?)
        } else {
            None
        };
        self.expect_symbol(";")?;
        Ok(Kind::Fetch(words.join(" "), cursor, targets))
    }
}

impl Expression {
    /// Whether it is a query already, rather than an expression.
    pub fn is_query(&self) -> bool {
        let first: String = self.text.chars().take_while(|c| c.is_alphabetic()).collect();
        matches!(first.to_ascii_lowercase().as_str(), "select" | "with" | "values" | "table")
    }
}
