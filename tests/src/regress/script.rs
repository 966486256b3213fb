//! psql scripts as PostgreSQL's regression tests write them: text enters; statements, with the data of COPY, and the few backslash
//! commands that steer the rest leave, each with its line.
//!
//! What psql alone shows (`\d`, `\pset`, …) is left out: it says nothing about a server.

/// One thing that a script does.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Sends a statement.
    Statement {
        /// Line on which it begins, from 1.
        line: usize,
        /// Its text, variables not yet put in.
        sql: String,
        /// Lines of data that follow `COPY … FROM STDIN`.
        data: Option<String>,
        /// `\gset`: its one row becomes variables, with this before their names.
        into: Option<String>,
    },
    /// `\set NAME VALUE…`, variables not yet put in.
    Set(String, String),
    /// `\getenv NAME …`.
    Environment(String),
    /// `\c`: begins a session anew.
    Reconnect,
}

/// Where the reader stands within a statement.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

/// The steps of a script.
pub fn steps(text: &str) -> Vec<Step> {
    let mut reader = Reader { text, at: 0, line: 1 };
    let mut steps = Vec::new();
    while let Some(step) = reader.step() {
        steps.extend(step);
    }
    steps
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip(&mut self, bytes: usize) {
        self.line += self.text[self.at..self.at + bytes].matches('\n').count();
        self.at += bytes;
    }

    /// The next step, if what comes next is one that counts; none at the end.
    fn step(&mut self) -> Option<Vec<Step>> {
        let (mut sql, mut line, mut depth) = (String::new(), self.line, 0usize);
        loop {
            let Some(next) = self.rest().chars().next() else {
                return (!sql.trim().is_empty()).then(|| vec![statement(line, &sql, None, None)]);
            };
            if sql.trim().is_empty() {
                line = self.line;
                sql.clear();
            }
            match next {
                '\\' if self.rest().starts_with("\\;") => {
                    sql.push(';');
                    self.skip(2);
                }
                '\\' => {
                    let steps = self.backslash(line, &sql);
                    if let Some(steps) = steps {
                        return Some(steps);
                    }
                }
                ';' if depth == 0 => {
                    self.skip(1);
                    let data = reads_input(&sql).then(|| self.data());
                    return Some(vec![statement(line, &sql, data, None)]);
                }
                _ => {
                    depth = match next {
                        '(' => depth + 1,
                        ')' => depth.saturating_sub(1),
                        _ => depth,
                    };
                    let length = self.token(&sql);
                    if !self.rest().starts_with("--") {
                        sql.push_str(&self.text[self.at..self.at + length]);
                    }
                    self.skip(length);
                }
            }
        }
    }

    /// Bytes of the comment, literal or character that comes next.
    fn token(&self, before: &str) -> usize {
        let rest = self.rest();
        let next = rest.chars().next().map_or(0, char::len_utf8);
        let until = |from: usize, end: &str| rest[from..].find(end).map_or(rest.len(), |n| from + n + end.len());
        match rest.as_bytes() {
            [b'-', b'-', ..] => rest.find('\n').unwrap_or(rest.len()),
            [b'/', b'*', ..] => comment(rest),
            [b'\'', ..] if escapes(before) => escaped(rest),
            [quote @ (b'\'' | b'"'), ..] => until(1, if *quote == b'"' { "\"" } else { "'" }),
            [b'$', ..] => {
                let tag = rest[1..].find('$').map(|n| &rest[..n + 2]);
                let is_tag = |t: &&str| {
                    t[1..t.len() - 1].chars().all(|c| c.is_alphanumeric() || c == '_') && !t[1..].starts_with(|c: char| c.is_ascii_digit())
                };
                tag.filter(is_tag).map_or(next, |tag| until(tag.len(), tag))
            }
            _ => next,
        }
    }

    /// A backslash command; `sql` is what stands before it.
    fn backslash(&mut self, line: usize, sql: &str) -> Option<Vec<Step>> {
        let length = self.rest().find('\n').map_or(self.rest().len(), |n| n + 1);
        let command = self.rest()[..length].trim().to_owned();
        self.skip(length);
        let (name, argument) = command.split_once(char::is_whitespace).unwrap_or((&command, ""));
        let argument = argument.trim();
        match name {
            "\\gset" => return Some(vec![statement(line, sql, None, Some(argument.to_owned()))]),
            _ if name.starts_with("\\g") && name != "\\getenv" => return Some(vec![statement(line, sql, None, None)]),
            "\\crosstabview" => return Some(vec![statement(line, sql, None, None)]),
            _ => {}
        }
        if !sql.trim().is_empty() {
            return None;
        }
        let word = argument.split_whitespace().next().unwrap_or_default().to_owned();
        Some(match name {
            "\\set" => vec![Step::Set(word.clone(), argument[word.len()..].trim().to_owned())],
            "\\getenv" => vec![Step::Environment(word)],
            "\\c" => vec![Step::Reconnect],
            _ => vec![],
        })
    }

    /// The lines up to `\.`, from the next one on.
    fn data(&mut self) -> String {
        self.skip(self.rest().find('\n').map_or(self.rest().len(), |n| n + 1));
        let end = self.rest().find("\\.\n").unwrap_or(self.rest().len());
        let data = self.rest()[..end].to_owned();
        self.skip((end + 3).min(self.rest().len()));
        data
    }
}

fn statement(line: usize, sql: &str, data: Option<String>, into: Option<String>) -> Step {
    Step::Statement { line, sql: sql.trim().to_owned(), data, into }
}

/// Whether a statement is `COPY … FROM STDIN`.
fn reads_input(sql: &str) -> bool {
    let words: Vec<String> = sql.split_whitespace().map(str::to_lowercase).collect();
    words.first().is_some_and(|w| w == "copy") && words.windows(2).any(|w| w[0] == "from" && w[1] == "stdin")
}

/// Whether a quote after this begins a literal with backslash escapes.
fn escapes(before: &str) -> bool {
    let mut letters = before.chars().rev();
    letters.next().is_some_and(|c| c.eq_ignore_ascii_case(&'e')) && !letters.next().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// Bytes of a literal with backslash escapes.
fn escaped(text: &str) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text.as_bytes()[at] {
            b'\\' => at += 2,
            b'\'' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Bytes of a comment that may hold others.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(script: &str) -> Vec<String> {
        let text = |step| match step {
            Step::Statement { sql, .. } => Some(sql),
            _ => None,
        };
        steps(script).into_iter().filter_map(text).collect()
    }

    #[test]
    fn a_script_falls_apart_at_semicolons_outside_of_literals() {
        assert_eq!(
            sql("SELECT ';', \"a;b\", $q$;$q$; -- x;\nSELECT E'\\';' /* ; */;"),
            ["SELECT ';', \"a;b\", $q$;$q$", "SELECT E'\\';' /* ; */"]
        );
        assert_eq!(
            sql("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3"),
            ["CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "SELECT 3"]
        );
    }

    #[test]
    fn data_of_copy_and_backslash_commands_are_told_apart() {
        let found = steps("\\set a b :c\nCOPY t FROM STDIN;\n1\t2\n\\.\n\\d t\nSELECT 1 AS x \\gset p_\n");
        assert_eq!(
            found,
            [
                Step::Set("a".into(), "b :c".into()),
                Step::Statement { line: 2, sql: "COPY t FROM STDIN".into(), data: Some("1\t2\n".into()), into: None },
                Step::Statement { line: 6, sql: "SELECT 1 AS x".into(), data: None, into: Some("p_".into()) },
            ]
        );
    }
}
