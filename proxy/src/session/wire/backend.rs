//! Messages of the server: appended to a session's output buffer. Frequent ones are written here byte by byte; the rest through pgwire's types.

use bytes::BytesMut;
use pgwire::messages::{
    Message,
    data::{FieldDescription, ParameterDescription, RowDescription},
    response::{CommandComplete, ErrorResponse, NoticeResponse},
};

use crate::{
    error::{Fields, SqlError},
    execute::plan::Tag,
};

/// How bad a notice or an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// A remark for developers.
    Debug,
    /// A remark for the log.
    Log,
    /// A remark.
    Notice,
    /// A warning.
    Warning,
    /// Something for the curious.
    Info,
    /// The statement failed.
    Error,
    /// The session ends.
    Fatal,
}

impl Severity {
    /// Its place in `client_min_messages`, beginning with the remarks for developers.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Severity::Debug | Severity::Log => 0,
            Severity::Notice => 1,
            Severity::Warning => 2,
            Severity::Info | Severity::Error | Severity::Fatal => 3,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Severity::Debug => "DEBUG",
            Severity::Log => "LOG",
            Severity::Notice => "NOTICE",
            Severity::Warning => "WARNING",
            Severity::Info => "INFO",
            Severity::Error => "ERROR",
            Severity::Fatal => "FATAL",
        }
    }
}

/// Bytes on their way to the client.
#[derive(Default)]
pub struct Output {
    /// Encoded messages; row encoders append to it.
    pub bytes: Vec<u8>,
    scratch: BytesMut,
}

impl Output {
    /// Any message of pgwire's.
    pub fn message(&mut self, message: &impl Message) {
        self.scratch.clear();
        if message.encode(&mut self.scratch).is_ok() {
            self.bytes.extend_from_slice(&self.scratch);
        }
    }

    /// A message that is its kind alone: ParseComplete `1`, BindComplete `2`, CloseComplete `3`, NoData `n`, EmptyQueryResponse `I`,
    /// PortalSuspended `s`, CopyDone `c`.
    pub fn bare(&mut self, kind: u8) {
        self.bytes.extend_from_slice(&[kind, 0, 0, 0, 4]);
    }

    /// Begins a message whose length is not known; [`Output::end`] takes the answer.
    pub fn begin(&mut self, kind: u8) -> usize {
        self.bytes.push(kind);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        start
    }

    /// Ends a message.
    pub fn end(&mut self, start: usize) {
        let length = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// ReadyForQuery: `I`, `T` or `E`.
    pub fn ready(&mut self, status: u8) {
        self.bytes.extend_from_slice(&[b'Z', 0, 0, 0, 5, status]);
    }

    /// CommandComplete of a statement with rows.
    pub fn complete(&mut self, tag: Tag, rows: u64) {
        let (word, counted) = match tag {
            Tag::Select => ("SELECT ", true),
            Tag::Insert => ("INSERT 0 ", true),
            Tag::Update => ("UPDATE ", true),
            Tag::Delete => ("DELETE ", true),
            Tag::Merge => ("MERGE ", true),
            Tag::Fixed(word) => (word, false),
        };
        let start = self.begin(b'C');
        self.bytes.extend_from_slice(word.as_bytes());
        if counted {
            crate::encode::decimal(rows as i64, &mut self.bytes);
        }
        self.bytes.push(0);
        self.end(start);
    }

    /// CommandComplete with any text.
    pub fn complete_text(&mut self, tag: &str) {
        self.message(&CommandComplete::new(tag.to_owned()));
    }

    /// RowDescription.
    pub fn row_description(&mut self, fields: Vec<FieldDescription>) {
        self.message(&RowDescription::new(fields));
    }

    /// ParameterDescription.
    pub fn parameter_description(&mut self, types: &[u32]) {
        self.message(&ParameterDescription::new(types.to_vec()));
    }

    /// A row of text values, for answers made here.
    pub fn text_row(&mut self, values: &[Option<&str>]) {
        let start = self.begin(b'D');
        self.bytes.extend_from_slice(&(values.len() as u16).to_be_bytes());
        for value in values {
            match value {
                None => self.bytes.extend_from_slice(&(-1_i32).to_be_bytes()),
                Some(text) => {
                    self.bytes.extend_from_slice(&(text.len() as i32).to_be_bytes());
                    self.bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
        self.end(start);
    }

    /// ErrorResponse.
    pub fn error(&mut self, severity: Severity, error: &SqlError) {
        self.message(&ErrorResponse::new(fields(severity, error.fields())));
    }

    /// NoticeResponse.
    pub fn notice(&mut self, severity: Severity, notice: &SqlError) {
        self.message(&NoticeResponse::new(fields(severity, notice.fields())));
    }
}

fn fields(severity: Severity, error: &Fields) -> Vec<(u8, String)> {
    // A NUL would end the field early.
    let clean = |text: &str| text.replace('\0', "");
    let name = severity.name().to_owned();
    let mut out = vec![(b'S', name.clone()), (b'V', name), (b'C', error.state.to_owned()), (b'M', clean(&error.message))];
    let optional = [
        (b'D', &error.detail),
        (b'H', &error.hint),
        (b'W', &error.context),
        (b's', &error.schema),
        (b't', &error.table),
        (b'c', &error.column),
        (b'd', &error.datatype),
        (b'n', &error.constraint),
    ];
    if let Some(position) = error.position {
        out.push((b'P', position.to_string()));
    }
    if let Some((file, line)) = error.origin.place() {
        // A routine's name, where none that clients know is given, is its file's.
        let stem = std::path::Path::new(file).file_stem().map_or_else(|| file.to_owned(), |stem| stem.to_string_lossy().into_owned());
        out.extend([(b'F', file.to_owned()), (b'L', line.to_string()), (b'R', error.routine.map_or(stem, str::to_owned))]);
    }
    out.extend(optional.into_iter().filter_map(|(code, value)| value.as_ref().map(|v| (code, clean(v)))));
    out
}
