//! COPY's text and csv formats, apart from any table: bytes of lines enter, fields leave, and back. Rules: PostgreSQL manual, "COPY",
//! "File Formats".

use crate::{
    error::{Result, SqlError, SqlState},
    parse::copy::{Format, Header, Options},
};

/// Options checked, with their defaults filled in.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Text, csv or binary.
    pub format: Format,
    /// Between fields.
    pub delimiter: u8,
    /// What stands for NULL.
    pub null: Vec<u8>,
    /// Whether and how there is a header.
    pub header: Header,
    /// Csv's quote.
    pub quote: u8,
    /// Csv's escape.
    pub escape: u8,
    /// Whether the data are in ISO 8859-1; else they are in UTF-8.
    pub latin1: bool,
}

impl Layout {
    /// Bytes of the data's encoding as UTF-8.
    pub(crate) fn decoded(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.latin1 { bytes.into_iter().map(char::from).collect::<String>().into_bytes() } else { bytes }
    }

    /// UTF-8 in the data's encoding; 22P05 where it has no such character.
    pub(crate) fn encoded<'b>(&self, bytes: &'b [u8]) -> Result<std::borrow::Cow<'b, [u8]>> {
        if !self.latin1 {
            return Ok(bytes.into());
        }
        let text = String::from_utf8_lossy(bytes);
        let one = |c: char| {
            u8::try_from(u32::from(c)).map_err(|_| {
                let shown: Vec<String> = c.to_string().bytes().map(|b| format!("0x{b:02x}")).collect();
                let message = format!(
                    "character with byte sequence {} in encoding \"UTF8\" has no equivalent in encoding \"LATIN1\"",
                    shown.join(" ")
                );
                SqlError::new(SqlState("22P05"), message)
            })
        };
        text.chars().map(one).collect::<Result<Vec<u8>>>().map(Into::into)
    }
}

fn refuse<T>(message: impl Into<String>) -> Result<T> {
    Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message))
}

fn invalid<T>(message: impl Into<String>) -> Result<T> {
    Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message))
}

fn syntax<T>(message: &str) -> Result<T> {
    Err(SqlError::new(SqlState::SYNTAX_ERROR, message))
}

fn one_byte(text: &str, what: &str) -> Result<u8> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => refuse(format!("COPY {what} must be a single one-byte character")),
    }
}

impl Layout {
    /// Checks options, as PostgreSQL's `ProcessCopyOptions` does.
    pub(crate) fn new(options: &Options, to: bool) -> Result<Layout> {
        let csv = options.format == Format::Csv;
        if options.format == Format::Binary {
            if options.delimiter.is_some() {
                return syntax("cannot specify DELIMITER in BINARY mode");
            }
            if options.null.is_some() {
                return syntax("cannot specify NULL in BINARY mode");
            }
            if options.header != Header::Off {
                return refuse("cannot specify HEADER in BINARY mode");
            }
        }
        if !csv {
            let only_csv = [
                (options.quote.is_some(), "COPY quote available only in CSV mode"),
                (options.escape.is_some(), "COPY escape available only in CSV mode"),
                (options.force_quote.is_some(), "COPY force quote available only in CSV mode"),
                (options.force_not_null.is_some(), "COPY force not null available only in CSV mode"),
                (options.force_null.is_some(), "COPY force null available only in CSV mode"),
            ];
            if let Some((_, message)) = only_csv.iter().find(|(given, _)| *given) {
                return refuse(*message);
            }
        }
        let direction = [
            (options.force_quote.is_some() && !to, "COPY force quote only available using COPY TO"),
            (options.force_not_null.is_some() && to, "COPY force not null only available using COPY FROM"),
            (options.force_null.is_some() && to, "COPY force null only available using COPY FROM"),
            (options.header == Header::Match && to, "cannot use \"match\" with HEADER in COPY TO"),
        ];
        if let Some((_, message)) = direction.iter().find(|(wrong, _)| *wrong) {
            return refuse(*message);
        }
        let latin1 = match options.encoding.as_ref().map(|name| name.to_ascii_lowercase().replace(['-', '_'], "")) {
            None => false,
            Some(name) => match name.as_str() {
                "utf8" | "unicode" | "sqlascii" => false,
                "latin1" | "iso88591" => true,
                _ => return refuse(format!("COPY encoding \"{name}\" is not supported")),
            },
        };
        let delimiter = one_byte(options.delimiter.as_deref().unwrap_or(if csv { "," } else { "\t" }), "delimiter")?;
        let quote = one_byte(options.quote.as_deref().unwrap_or("\""), "quote")?;
        let escape = options.escape.as_deref().map_or(Ok(quote), |e| one_byte(e, "escape"))?;
        let null = options.null.clone().unwrap_or_else(|| if csv { "" } else { "\\N" }.to_owned()).into_bytes();
        let layout = Layout { format: options.format, delimiter, null, header: options.header, quote, escape, latin1 };
        layout.check_characters()?;
        Ok(layout)
    }

    fn check_characters(&self) -> Result<()> {
        let csv = self.format == Format::Csv;
        if matches!(self.delimiter, b'\n' | b'\r') {
            return invalid("COPY delimiter cannot be newline or carriage return");
        }
        if self.null.iter().any(|b| matches!(b, b'\n' | b'\r')) {
            return invalid("COPY null representation cannot use newline or carriage return");
        }
        if !csv
            && (self.delimiter == b'\\' || self.delimiter == b'.' || self.delimiter.is_ascii_lowercase() || self.delimiter.is_ascii_digit())
        {
            return invalid(format!("COPY delimiter cannot be \"{}\"", char::from(self.delimiter)));
        }
        if csv && self.delimiter == self.quote {
            return invalid("COPY delimiter and quote must be different");
        }
        if self.format != Format::Binary && self.null.contains(&self.delimiter) {
            return refuse("COPY delimiter must not appear in the NULL specification");
        }
        if csv && self.null.contains(&self.quote) {
            return refuse("CSV quote character must not appear in the NULL specification");
        }
        Ok(())
    }

    /// Appends a field of text format, or of csv with or without quotes as needed.
    pub(crate) fn write_field(&self, value: &[u8], force_quote: bool, alone: bool, out: &mut Vec<u8>) {
        if self.format == Format::Csv {
            self.write_csv(value, force_quote, alone, out);
            return;
        }
        for &byte in value {
            let escaped = match byte {
                8 => b'b',
                12 => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                11 => b'v',
                b'\\' => b'\\',
                other if other == self.delimiter => other,
                other => {
                    out.push(other);
                    continue;
                }
            };
            out.extend_from_slice(&[b'\\', escaped]);
        }
    }

    fn write_csv(&self, value: &[u8], force_quote: bool, alone: bool, out: &mut Vec<u8>) {
        let special = |b: &u8| *b == self.delimiter || *b == self.quote || *b == b'\n' || *b == b'\r';
        let quoted = force_quote || value == self.null || value.iter().any(special) || (alone && value == b"\\.");
        if !quoted {
            out.extend_from_slice(value);
            return;
        }
        out.push(self.quote);
        for &byte in value {
            if byte == self.quote || byte == self.escape {
                out.push(self.escape);
            }
            out.push(byte);
        }
        out.push(self.quote);
    }
}

/// A field of a line: its bytes, and whether it was quoted; no bytes is NULL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Field {
    /// The bytes, unescaped.
    pub bytes: Vec<u8>,
    /// Whether it is the NULL marker.
    pub null: bool,
}

/// Cuts a stream of bytes into lines and lines into fields.
pub(crate) struct Reader {
    layout: Layout,
    pending: Vec<u8>,
    scanned: usize,
    in_quote: bool,
    /// Whether the end marker `\.` was seen; what follows is ignored.
    pub ended: bool,
    /// The number of the last line cut off.
    pub line: u64,
}

/// A line may be so long.
const LINE_BYTES: usize = 1 << 30;

impl Reader {
    /// For a layout.
    pub(crate) fn new(layout: Layout) -> Self {
        Reader { layout, pending: Vec::new(), scanned: 0, in_quote: false, ended: false, line: 0 }
    }

    /// Takes in bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        self.pending.extend_from_slice(bytes);
        if self.pending.len() > LINE_BYTES {
            return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "a line of COPY data is too long"));
        }
        Ok(())
    }

    /// The next whole line, without its end; at the end of the data, what is left.
    pub(crate) fn line(&mut self, at_end: bool) -> Result<Option<Vec<u8>>> {
        if self.ended {
            return Ok(None);
        }
        let csv = self.layout.format == Format::Csv;
        while self.scanned < self.pending.len() {
            let byte = self.pending[self.scanned];
            if csv {
                if self.in_quote && byte == self.layout.escape && self.layout.escape != self.layout.quote {
                    // The escaped byte is passed over, once it is here.
                    if self.scanned + 1 >= self.pending.len() && !at_end {
                        return Ok(None);
                    }
                    self.scanned += 2;
                    continue;
                }
                if byte == self.layout.quote {
                    self.in_quote = !self.in_quote;
                }
            } else if byte == b'\\' {
                if self.scanned + 1 >= self.pending.len() && !at_end {
                    return Ok(None);
                }
                // A backslash before a line end makes it data; the end marker is looked for in the whole line.
                self.scanned += 2;
                continue;
            }
            self.scanned += 1;
            if byte == b'\n' && !self.in_quote {
                return Ok(self.cut(self.scanned));
            }
        }
        if at_end && self.in_quote {
            self.line += 1;
            return Err(SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, "unterminated CSV quoted field"));
        }
        if at_end && !self.pending.is_empty() {
            return Ok(self.cut(self.pending.len()));
        }
        Ok(None)
    }

    fn cut(&mut self, end: usize) -> Option<Vec<u8>> {
        let mut line: Vec<u8> = self.pending.drain(..end.min(self.pending.len())).collect();
        self.scanned = 0;
        self.in_quote = false;
        self.line += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        if line == b"\\." {
            self.ended = true;
            self.pending.clear();
            return None;
        }
        Some(line)
    }

    /// The fields of a line.
    pub(crate) fn fields(&self, line: &[u8]) -> Result<Vec<Field>> {
        let mut fields = self.raw_fields(line)?;
        if self.layout.latin1 {
            for field in &mut fields {
                field.bytes = self.layout.decoded(std::mem::take(&mut field.bytes));
            }
        }
        Ok(fields)
    }

    fn raw_fields(&self, line: &[u8]) -> Result<Vec<Field>> {
        if self.layout.format == Format::Csv { self.csv_fields(line) } else { Ok(self.text_fields(line)) }
    }

    fn text_fields(&self, line: &[u8]) -> Vec<Field> {
        let mut fields = Vec::new();
        let mut at = 0;
        loop {
            let start = at;
            let mut bytes = Vec::new();
            while at < line.len() && line[at] != self.layout.delimiter {
                if line[at] == b'\\' && at + 1 < line.len() {
                    at = unescape(line, at + 1, &mut bytes);
                } else {
                    bytes.push(line[at]);
                    at += 1;
                }
            }
            let null = line[start..at] == *self.layout.null;
            fields.push(Field { bytes, null });
            if at >= line.len() {
                return fields;
            }
            at += 1;
        }
    }

    fn csv_fields(&self, line: &[u8]) -> Result<Vec<Field>> {
        let Layout { delimiter, quote, escape, .. } = self.layout;
        let mut fields = Vec::new();
        let mut at = 0;
        loop {
            let mut field = Vec::new();
            let mut was_quoted = false;
            let mut in_quote = false;
            while at < line.len() && (in_quote || line[at] != delimiter) {
                let byte = line[at];
                at += 1;
                if in_quote && byte == escape && line.get(at).is_some_and(|next| *next == quote || *next == escape) {
                    field.push(line[at]);
                    at += 1;
                } else if byte == quote {
                    in_quote = !in_quote;
                    was_quoted = true;
                } else {
                    field.push(byte);
                }
            }
            if in_quote {
                return Err(SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, "unterminated CSV quoted field"));
            }
            let null = !was_quoted && field == self.layout.null;
            fields.push(Field { bytes: field, null });
            if at >= line.len() {
                return Ok(fields);
            }
            at += 1;
        }
    }
}

/// What follows a backslash in text format: appended unescaped; answers where to go on.
fn unescape(line: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let digits =
        |radix: u32, most: usize, from: usize| line[from..].iter().take(most).take_while(|b| char::from(**b).is_digit(radix)).count();
    let number = |radix: u32, from: usize, count: usize| {
        line[from..from + count].iter().fold(0_u32, |n, b| n * radix + char::from(*b).to_digit(radix).unwrap_or_default())
    };
    match line[at] {
        b'b' => out.push(8),
        b'f' => out.push(12),
        b'n' => out.push(b'\n'),
        b'r' => out.push(b'\r'),
        b't' => out.push(b'\t'),
        b'v' => out.push(11),
        b'0'..=b'7' => {
            let count = digits(8, 3, at);
            out.push(number(8, at, count) as u8);
            return at + count;
        }
        b'x' if digits(16, 2, at + 1) > 0 => {
            let count = digits(16, 2, at + 1);
            out.push(number(16, at + 1, count) as u8);
            return at + 1 + count;
        }
        other => out.push(other),
    }
    at + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &Options, data: &str) -> String {
        let layout = Layout::new(options, false).unwrap();
        let mut lines = Vec::new();
        // One byte at a time, so that every cut is met.
        let mut reader = Reader::new(layout);
        let mut take = |reader: &mut Reader, at_end| {
            while let Some(line) = reader.line(at_end)? {
                let fields = reader.fields(&line)?;
                let show = |f: &Field| if f.null { "NULL".to_owned() } else { format!("<{}>", String::from_utf8_lossy(&f.bytes)) };
                lines.push(fields.iter().map(show).collect::<String>());
            }
            Ok::<_, SqlError>(())
        };
        for byte in data.as_bytes() {
            reader.feed(&[*byte]).unwrap();
            if let Err(e) = take(&mut reader, false) {
                return e.to_string();
            }
        }
        if let Err(e) = take(&mut reader, true) {
            return e.to_string();
        }
        lines.join("|")
    }

    #[test]
    fn text_is_read_as_postgresql_reads_it() {
        let cases = [
            ("1\ta\n2\t\\N\n", "<1><a>|<2>NULL"),
            ("a\\tb\tc\\\\d\r\n", "<a\tb><c\\d>"),
            ("\\101\\x42\n\\.\nrest", "<AB>"),
            ("a\\\nb\n", "<a\nb>"),
            ("\n", "<>"),
            ("x", "<x>"),
        ];
        for (data, expected) in cases {
            assert_eq!(read(&Options::default(), data), expected, "{data:?}");
        }
    }

    #[test]
    fn csv_is_read_as_postgresql_reads_it() {
        let csv = Options { format: Format::Csv, ..Options::default() };
        let cases = [
            ("1,a\n2,\n3,\"\"\n", "<1><a>|<2>NULL|<3><>"),
            ("\"a\nb\",\"c\"\"d\"\n", "<a\nb><c\"d>"),
            ("\"a", "unterminated CSV quoted field (22P04)"),
            ("x\n\\.\ny", "<x>"),
        ];
        for (data, expected) in cases {
            assert_eq!(read(&csv, data), expected, "{data:?}");
        }
        let escaped = Options { escape: Some("\\".to_owned()), ..csv };
        assert_eq!(read(&escaped, "\"a\\\"b\\\\\",c\n"), "<a\"b\\><c>");
    }

    #[test]
    fn what_is_written_is_read_back() {
        for format in [Format::Text, Format::Csv] {
            let options = Options { format, ..Options::default() };
            let layout = Layout::new(&options, true).unwrap();
            for value in ["", "a", "\t,\"\\\n\r", "\\N", "\\.", "é"] {
                let mut out = Vec::new();
                layout.write_field(value.as_bytes(), false, true, &mut out);
                out.push(b'\n');
                assert_eq!(read(&options, std::str::from_utf8(&out).unwrap()), format!("<{value}>"), "{format:?} {value:?}");
            }
        }
    }

    #[test]
    fn options_that_do_not_fit_are_refused() {
        let cases = [
            (Options { delimiter: Some("ab".to_owned()), ..Options::default() }, "COPY delimiter must be a single one-byte character"),
            (Options { quote: Some("'".to_owned()), ..Options::default() }, "COPY quote available only in CSV mode"),
            (Options { delimiter: Some("a".to_owned()), ..Options::default() }, "COPY delimiter cannot be \"a\""),
            (Options { format: Format::Binary, null: Some(String::new()), ..Options::default() }, "cannot specify NULL in BINARY mode"),
        ];
        for (options, expected) in cases {
            assert_eq!(Layout::new(&options, false).unwrap_err().fields().message, expected);
        }
    }
}
