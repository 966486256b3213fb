//! Statements that steer: IF, CASE, loops, EXIT, RETURN.

use super::{Kind, Source, Statements, Target, block::Parser};
use crate::{error::Result, types::name::split_at_commas};

impl Parser<'_> {
    /// `IF … THEN … [ELSIF …] [ELSE …] END IF;`
    pub(super) fn if_statement(&mut self) -> Result<Kind> {
        let (mut branches, mut otherwise) = (Vec::new(), Vec::new());
        loop {
            let condition = self.expression(&["then"])?;
            self.expect_word("then")?;
            branches.push((condition, self.statements(&["elsif", "elseif", "else", "end"])?));
            if !(self.word("elsif") || self.word("elseif")) {
                break;
            }
        }
        if self.word("else") {
            otherwise = self.statements(&["end"])?;
        }
        self.closes("if")?;
        Ok(Kind::If(branches, otherwise))
    }

    /// `END word;`
    fn closes(&mut self, word: &str) -> Result<()> {
        self.expect_word("end")?;
        self.expect_word(word)?;
        self.expect_symbol(";")
    }

    /// `CASE [x] WHEN … THEN … [ELSE …] END CASE;`
    pub(super) fn case_statement(&mut self) -> Result<Kind> {
        let operand = if self.peek(0) == "when" { None } else { Some(self.expression(&["when"])?) };
        let (mut branches, mut otherwise) = (Vec::new(), None);
        while self.word("when") {
            let mut tests = vec![self.case_test(operand.is_some())?];
            while self.symbol(",") {
                tests.push(self.case_test(operand.is_some())?);
            }
            self.expect_word("then")?;
            branches.push((tests, self.statements(&["when", "else", "end"])?));
        }
        if self.word("else") {
            otherwise = Some(self.statements(&["end"])?);
        }
        self.closes("case")?;
        Ok(Kind::Case(operand, branches, otherwise))
    }

    fn case_test(&mut self, in_list: bool) -> Result<super::Expression> {
        if in_list { self.expression(&["then", ","]) } else { self.expression(&["then"]) }
    }

    /// `LOOP … END LOOP [label];`
    pub(super) fn loop_body(&mut self, label: Option<&str>) -> Result<Statements> {
        self.expect_word("loop")?;
        let body = self.statements(&["end"])?;
        self.expect_word("end")?;
        self.expect_word("loop")?;
        self.end_label(label)?;
        self.expect_symbol(";")?;
        Ok(body)
    }

    /// `FOR …`.
    pub(super) fn for_statement(&mut self, label: Option<String>) -> Result<Kind> {
        let mut targets = vec![self.target()?];
        while self.symbol(",") {
            targets.push(self.target()?);
        }
        self.expect_word("in")?;
        if self.word("execute") {
            let command = self.expression(&["using", "loop"])?;
            let using = if self.word("using") { self.list(&["loop"])? } else { Vec::new() };
            let body = self.loop_body(label.as_deref())?;
            return Ok(Kind::ForRows(label, targets, Source::Dynamic(command, using), body));
        }
        let reverse = self.word("reverse");
        let text = self.until(&["..", "loop"])?;
        if let ([Target { path, .. }], true) = (targets.as_slice(), self.is_symbol(0, "..")) {
            let variable = path.last().cloned().unwrap_or_default();
            let first = self.expression_of(text);
            self.expect_symbol("..")?;
            let last = self.expression(&["loop", "by"])?;
            let step = if self.word("by") { Some(self.expression(&["loop"])?) } else { None };
            let body = self.loop_body(label.as_deref())?;
            return Ok(Kind::ForRange { label, variable, reverse, bounds: Box::new((first, last, step)), body });
        }
        let source = self.rows_of(text);
        let body = self.loop_body(label.as_deref())?;
        Ok(Kind::ForRows(label, targets, source, body))
    }

    /// A query, or a cursor's name with arguments perhaps.
    fn rows_of(&mut self, text: &str) -> Source {
        let trimmed = text.trim();
        let name_ends = trimmed.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(trimmed.len());
        let (name, rest) = trimmed.split_at(name_ends);
        let rest = rest.trim();
        let is_cursor = !name.is_empty()
            && !matches!(name.to_ascii_lowercase().as_str(), "select" | "values" | "with" | "table" | "insert" | "update" | "delete")
            && (rest.is_empty() || rest.starts_with('(') && rest.ends_with(')'));
        if !is_cursor {
            return Source::Query(self.expression_of(text));
        }
        let inside = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or_default();
        let arguments = split_at_commas(inside).into_iter().map(|argument| self.cursor_argument(argument)).collect();
        Source::Cursor(name.to_lowercase(), arguments)
    }

    /// `name := value`, `name => value` or a value alone.
    pub(super) fn cursor_argument(&mut self, text: &str) -> (Option<String>, super::Expression) {
        let named = text.split_once(":=").or_else(|| text.split_once("=>"));
        match named {
            Some((name, value)) if name.trim().chars().all(|c| c.is_alphanumeric() || c == '_') => {
                (Some(name.trim().to_lowercase()), self.expression_of(value))
            }
            _ => (None, self.expression_of(text)),
        }
    }

    /// `FOREACH x [SLICE n] IN ARRAY a LOOP`.
    pub(super) fn foreach_statement(&mut self, label: Option<String>) -> Result<Kind> {
        let mut targets = vec![self.target()?];
        while self.symbol(",") {
            targets.push(self.target()?);
        }
        let mut slice = 0;
        if self.word("slice") {
            let token = self.advance();
            slice = self.spelt(token).parse().map_err(|_| self.unexpected())?;
        }
        self.expect_word("in")?;
        self.expect_word("array")?;
        let array = self.expression(&["loop"])?;
        let body = self.loop_body(label.as_deref())?;
        Ok(Kind::ForEach(label, targets, slice, array, body))
    }

    /// `EXIT [label] [WHEN …];`, `CONTINUE …`.
    pub(super) fn exit_statement(&mut self, leaves: bool) -> Result<Kind> {
        let label = if self.is_symbol(0, ";") || self.peek(0) == "when" { None } else { Some(self.name()?) };
        let when = if self.word("when") { Some(self.expression(&[";"])?) } else { None };
        self.expect_symbol(";")?;
        Ok(Kind::Exit(leaves, label, when))
    }

    /// `RETURN …;`
    pub(super) fn return_statement(&mut self) -> Result<Kind> {
        let kind = if self.word("next") {
            Kind::ReturnNext(self.optional()?)
        } else if self.word("query") {
            Kind::ReturnQuery(self.source(&[";"])?)
        } else {
            Kind::Return(self.optional()?)
        };
        self.expect_symbol(";")?;
        Ok(kind)
    }

    fn optional(&mut self) -> Result<Option<super::Expression>> {
        if self.is_symbol(0, ";") { Ok(None) } else { self.expression(&[";"]).map(Some) }
    }

    /// A query, or EXECUTE with USING.
    pub(super) fn source(&mut self, ends: &[&str]) -> Result<Source> {
        if !self.word("execute") {
            return Ok(Source::Query(self.expression(ends)?));
        }
        let mut with_using = ends.to_vec();
        with_using.push("using");
        let command = self.expression(&with_using)?;
        let using = if self.word("using") { self.list(ends)? } else { Vec::new() };
        Ok(Source::Dynamic(command, using))
    }

    /// Expressions between commas.
    pub(super) fn list(&mut self, ends: &[&str]) -> Result<Vec<super::Expression>> {
        let mut with_comma = ends.to_vec();
        with_comma.push(",");
        let mut out = vec![self.expression(&with_comma)?];
        while self.symbol(",") {
            out.push(self.expression(&with_comma)?);
        }
        Ok(out)
    }
}
