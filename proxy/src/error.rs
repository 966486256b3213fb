//! What can go wrong in answering a statement, in the terms of PostgreSQL's ErrorResponse: SQLSTATE, message and fields.
//! Nothing enters; every stage of the pipeline leaves through here, and `session` sends it.
//! Field meanings: PostgreSQL manual, "Error and Notice Message Fields".

use std::{fmt, panic::Location};

/// The result of every stage.
pub type Result<T, E = SqlError> = std::result::Result<T, E>;

/// A five-character SQLSTATE (PostgreSQL manual, appendix A).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct SqlState(pub &'static str);

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        impl SqlState { $($(#[$doc])* #[doc = concat!("SQLSTATE ", $code, ".")] pub const $name: SqlState = SqlState($code);)* }
    };
}

states! {
    WARNING = "01000";
    CONNECTION_FAILURE = "08006";
    PROTOCOL_VIOLATION = "08P01";
    FEATURE_NOT_SUPPORTED = "0A000";
    CARDINALITY_VIOLATION = "21000";
    STRING_DATA_RIGHT_TRUNCATION = "22001";
    NULL_VALUE_NOT_ALLOWED = "22004";
    NUMERIC_VALUE_OUT_OF_RANGE = "22003";
    INVALID_DATETIME_FORMAT = "22007";
    DATETIME_FIELD_OVERFLOW = "22008";
    INVALID_TIME_ZONE_DISPLACEMENT_VALUE = "22009";
    SUBSTRING_ERROR = "22011";
    DIVISION_BY_ZERO = "22012";
    INVALID_PRECEDING_OR_FOLLOWING_SIZE = "22013";
    INVALID_ARGUMENT_FOR_LOGARITHM = "2201E";
    INVALID_ARGUMENT_FOR_POWER_FUNCTION = "2201F";
    INVALID_ARGUMENT_FOR_WIDTH_BUCKET_FUNCTION = "2201G";
    INVALID_ROW_COUNT_IN_LIMIT_CLAUSE = "2201W";
    INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE = "2201X";
    INVALID_REGULAR_EXPRESSION = "2201B";
    INVALID_ESCAPE_CHARACTER = "22019";
    INVALID_ESCAPE_SEQUENCE = "22025";
    CHARACTER_NOT_IN_REPERTOIRE = "22021";
    INVALID_PARAMETER_VALUE = "22023";
    ARRAY_SUBSCRIPT_ERROR = "2202E";
    INVALID_TEXT_REPRESENTATION = "22P02";
    INVALID_BINARY_REPRESENTATION = "22P03";
    BAD_COPY_FILE_FORMAT = "22P04";
    UNTRANSLATABLE_CHARACTER = "22P05";
    INVALID_JSON_TEXT = "22032";
    INTEGRITY_CONSTRAINT_VIOLATION = "23000";
    RESTRICT_VIOLATION = "23001";
    NOT_NULL_VIOLATION = "23502";
    FOREIGN_KEY_VIOLATION = "23503";
    UNIQUE_VIOLATION = "23505";
    CHECK_VIOLATION = "23514";
    INVALID_CURSOR_STATE = "24000";
    ACTIVE_SQL_TRANSACTION = "25001";
    READ_ONLY_SQL_TRANSACTION = "25006";
    NO_ACTIVE_SQL_TRANSACTION = "25P01";
    IN_FAILED_SQL_TRANSACTION = "25P02";
    IDLE_IN_TRANSACTION_SESSION_TIMEOUT = "25P03";
    INVALID_SQL_STATEMENT_NAME = "26000";
    INVALID_AUTHORIZATION_SPECIFICATION = "28000";
    INVALID_PASSWORD = "28P01";
    DEPENDENT_OBJECTS_STILL_EXIST = "2BP01";
    INVALID_CURSOR_NAME = "34000";
    INVALID_CATALOG_NAME = "3D000";
    INVALID_SCHEMA_NAME = "3F000";
    INVALID_SAVEPOINT_SPECIFICATION = "3B001";
    SERIALIZATION_FAILURE = "40001";
    DEADLOCK_DETECTED = "40P01";
    SYNTAX_ERROR = "42601";
    INVALID_FOREIGN_KEY = "42830";
    INVALID_NAME = "42602";
    NAME_TOO_LONG = "42622";
    INSUFFICIENT_PRIVILEGE = "42501";
    CANNOT_COERCE = "42846";
    GROUPING_ERROR = "42803";
    WINDOWING_ERROR = "42P20";
    INVALID_RECURSION = "42P19";
    DATATYPE_MISMATCH = "42804";
    WRONG_OBJECT_TYPE = "42809";
    INDETERMINATE_DATATYPE = "42P18";
    INDETERMINATE_COLLATION = "42P22";
    GENERATED_ALWAYS = "428C9";
    UNDEFINED_COLUMN = "42703";
    UNDEFINED_FUNCTION = "42883";
    UNDEFINED_TABLE = "42P01";
    UNDEFINED_PARAMETER = "42P02";
    UNDEFINED_OBJECT = "42704";
    DUPLICATE_COLUMN = "42701";
    DUPLICATE_CURSOR = "42P03";
    DUPLICATE_DATABASE = "42P04";
    DUPLICATE_FUNCTION = "42723";
    DUPLICATE_PREPARED_STATEMENT = "42P05";
    DUPLICATE_SCHEMA = "42P06";
    DUPLICATE_TABLE = "42P07";
    DUPLICATE_ALIAS = "42712";
    DUPLICATE_OBJECT = "42710";
    AMBIGUOUS_ALIAS = "42P09";
    AMBIGUOUS_COLUMN = "42702";
    AMBIGUOUS_FUNCTION = "42725";
    AMBIGUOUS_PARAMETER = "42P08";
    INVALID_COLUMN_REFERENCE = "42P10";
    INVALID_COLUMN_DEFINITION = "42611";
    INVALID_OBJECT_DEFINITION = "42P17";
    INVALID_TABLE_DEFINITION = "42P16";
    WITH_CHECK_OPTION_VIOLATION = "44000";
    INSUFFICIENT_RESOURCES = "53000";
    DISK_FULL = "53100";
    OUT_OF_MEMORY = "53200";
    TOO_MANY_CONNECTIONS = "53300";
    PROGRAM_LIMIT_EXCEEDED = "54000";
    STATEMENT_TOO_COMPLEX = "54001";
    TOO_MANY_COLUMNS = "54011";
    TOO_MANY_ARGUMENTS = "54023";
    OBJECT_NOT_IN_PREREQUISITE_STATE = "55000";
    OBJECT_IN_USE = "55006";
    CANT_CHANGE_RUNTIME_PARAM = "55P02";
    LOCK_NOT_AVAILABLE = "55P03";
    UNSAFE_NEW_ENUM_VALUE_USAGE = "55P04";
    QUERY_CANCELED = "57014";
    ADMIN_SHUTDOWN = "57P01";
    CANNOT_CONNECT_NOW = "57P03";
    IO_ERROR = "58030";
    RAISE_EXCEPTION = "P0001";
    INTERNAL_ERROR = "XX000";
    DATA_CORRUPTED = "XX001";
}

/// The fields of an ErrorResponse or NoticeResponse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// SQLSTATE.
    pub state: &'static str,
    /// The primary message, as PostgreSQL words it wherever clients read it.
    pub message: String,
    /// Detail line.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Position in the statement, in characters, from 1.
    pub position: Option<usize>,
    /// Where it happened (COPY line and column, a function's body).
    pub context: Option<String>,
    /// Schema of the object concerned.
    pub schema: Option<String>,
    /// Table concerned.
    pub table: Option<String>,
    /// Column concerned.
    pub column: Option<String>,
    /// Data type concerned.
    pub datatype: Option<String>,
    /// Constraint concerned.
    pub constraint: Option<String>,
    /// The routine of PostgreSQL's that raises this error, where clients tell by it what went wrong.
    pub routine: Option<&'static str>,
    /// Where in this program it was raised.
    pub origin: Origin,
}

/// Where in this program an error was raised. Two errors that say the same are the same, wherever they come from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin(Option<&'static Location<'static>>);

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

impl Origin {
    /// File and line, which errors have that were made with [`SqlError::new`].
    pub fn place(self) -> Option<(&'static str, u32)> {
        self.0.map(|at| (at.file(), at.line()))
    }
}

/// An error as a PostgreSQL client sees it; one pointer wide, so that `Result` stays small on the hot path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError(Box<Fields>);

impl SqlError {
    /// An error of the given state with its primary message.
    #[track_caller]
    pub fn new(state: SqlState, message: impl Into<String>) -> Self {
        let origin = Origin(Some(Location::caller()));
        SqlError(Box::new(Fields { state: state.0, message: message.into(), origin, ..Fields::default() }))
    }

    /// 0A000: `what` is understood and not supported.
    #[track_caller]
    pub fn unsupported(what: impl fmt::Display) -> Self {
        Self::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not supported"))
    }

    /// 42601 at the position of the token, as PostgreSQL's parser words it.
    #[track_caller]
    pub fn syntax(near: &str, position: usize) -> Self {
        Self::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{near}\"")).at(position)
    }

    /// 22P02: `text` is no `type_name`.
    #[track_caller]
    pub fn invalid_text(type_name: &str, text: &str) -> Self {
        Self::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid input syntax for type {type_name}: \"{text}\""))
    }

    /// 22003: the value does not fit `type_name`.
    #[track_caller]
    pub fn out_of_range(type_name: &str) -> Self {
        Self::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{type_name} out of range"))
    }

    /// XX000: a bug of ours.
    #[track_caller]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(SqlState::INTERNAL_ERROR, message)
    }

    /// The state.
    pub fn state(&self) -> &str {
        self.0.state
    }

    /// All fields.
    pub fn fields(&self) -> &Fields {
        &self.0
    }

    /// All fields, to be changed.
    pub fn fields_mut(&mut self) -> &mut Fields {
        &mut self.0
    }

    /// With a detail line.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// With a position in the statement (characters, from 1); an earlier, more exact one stays.
    #[must_use]
    pub fn at(mut self, position: usize) -> Self {
        if position > 0 {
            self.0.position.get_or_insert(position);
        }
        self
    }

    /// With a context line.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.0.context = Some(context.into());
        self
    }

    /// With the table concerned.
    #[must_use]
    pub fn table(mut self, schema: &str, table: &str) -> Self {
        self.0.schema = Some(schema.to_owned());
        self.0.table = Some(table.to_owned());
        self
    }

    /// With the column concerned.
    #[must_use]
    pub fn column(mut self, column: &str) -> Self {
        self.0.column = Some(column.to_owned());
        self
    }

    /// As PostgreSQL's routine of that name raises it.
    #[must_use]
    pub fn routine(mut self, routine: &'static str) -> Self {
        self.0.routine = Some(routine);
        self
    }

    /// With the constraint concerned.
    #[must_use]
    pub fn constraint(mut self, constraint: &str) -> Self {
        self.0.constraint = Some(constraint.to_owned());
        self
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.message, self.0.state)
    }
}

impl std::error::Error for SqlError {}
