//! Templates of dates and times, cut into nodes (`parse_format` with `DCH_keywords`).

/// A piece of a template.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// A pattern.
    Field(Field),
    /// Punctuation, which input may answer with any other.
    Separator(char),
    /// White space.
    Space(char),
    /// Any other character, also a quoted one.
    Literal(char),
}

/// A pattern with its modifiers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// As written: `Month`, `hh24`.
    pub(super) name: &'static str,
    /// Which.
    pub(super) key: Key,
    /// `FM`.
    pub(super) fill: bool,
    /// `TH` or `th`.
    pub(super) ordinal: Option<Case>,
}

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Title,
    Lower,
}

/// The patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// `AM` and its kin: with dots or not.
    HalfDay(Case, bool),
    /// `AD` and its kin: with dots or not.
    Era(Case, bool),
    Century,
    DayName(Case),
    DayAbbreviation(Case),
    DayOfYear,
    IsoDayOfYear,
    Day,
    Weekday,
    IsoWeekday,
    /// `FF1` to `FF6`.
    Fraction(u32),
    Milliseconds,
    Microseconds,
    Exact,
    Hour24,
    Hour12,
    IsoWeek,
    /// `IYYY` to `I`: how many digits.
    IsoYear(u32),
    Julian,
    Minute,
    Month,
    MonthName(Case),
    MonthAbbreviation(Case),
    Offset,
    OffsetHours,
    OffsetMinutes,
    Quarter,
    Roman(Case),
    SecondOfDay,
    Second,
    Zone(Case),
    Week,
    WeekOfMonth,
    /// `Y,YYY`.
    YearWithComma,
    /// `YYYY` to `Y`: how many digits.
    Year(u32),
}

/// Patterns, those that begin with another one before it.
const KEYS: &[(&str, Key)] = &[
    ("A.D.", Key::Era(Case::Upper, true)),
    ("A.M.", Key::HalfDay(Case::Upper, true)),
    ("AD", Key::Era(Case::Upper, false)),
    ("AM", Key::HalfDay(Case::Upper, false)),
    ("B.C.", Key::Era(Case::Upper, true)),
    ("BC", Key::Era(Case::Upper, false)),
    ("CC", Key::Century),
    ("DAY", Key::DayName(Case::Upper)),
    ("DDD", Key::DayOfYear),
    ("DD", Key::Day),
    ("DY", Key::DayAbbreviation(Case::Upper)),
    ("Day", Key::DayName(Case::Title)),
    ("Dy", Key::DayAbbreviation(Case::Title)),
    ("D", Key::Weekday),
    ("FF1", Key::Fraction(1)),
    ("FF2", Key::Fraction(2)),
    ("FF3", Key::Fraction(3)),
    ("FF4", Key::Fraction(4)),
    ("FF5", Key::Fraction(5)),
    ("FF6", Key::Fraction(6)),
    ("FX", Key::Exact),
    ("HH24", Key::Hour24),
    ("HH12", Key::Hour12),
    ("HH", Key::Hour12),
    ("IDDD", Key::IsoDayOfYear),
    ("ID", Key::IsoWeekday),
    ("IW", Key::IsoWeek),
    ("IYYY", Key::IsoYear(4)),
    ("IYY", Key::IsoYear(3)),
    ("IY", Key::IsoYear(2)),
    ("I", Key::IsoYear(1)),
    ("J", Key::Julian),
    ("MI", Key::Minute),
    ("MM", Key::Month),
    ("MONTH", Key::MonthName(Case::Upper)),
    ("MON", Key::MonthAbbreviation(Case::Upper)),
    ("MS", Key::Milliseconds),
    ("Month", Key::MonthName(Case::Title)),
    ("Mon", Key::MonthAbbreviation(Case::Title)),
    ("OF", Key::Offset),
    ("P.M.", Key::HalfDay(Case::Upper, true)),
    ("PM", Key::HalfDay(Case::Upper, false)),
    ("Q", Key::Quarter),
    ("RM", Key::Roman(Case::Upper)),
    ("SSSSS", Key::SecondOfDay),
    ("SSSS", Key::SecondOfDay),
    ("SS", Key::Second),
    ("TZH", Key::OffsetHours),
    ("TZM", Key::OffsetMinutes),
    ("TZ", Key::Zone(Case::Upper)),
    ("US", Key::Microseconds),
    ("WW", Key::Week),
    ("W", Key::WeekOfMonth),
    ("Y,YYY", Key::YearWithComma),
    ("YYYY", Key::Year(4)),
    ("YYY", Key::Year(3)),
    ("YY", Key::Year(2)),
    ("Y", Key::Year(1)),
    ("a.d.", Key::Era(Case::Lower, true)),
    ("a.m.", Key::HalfDay(Case::Lower, true)),
    ("ad", Key::Era(Case::Lower, false)),
    ("am", Key::HalfDay(Case::Lower, false)),
    ("b.c.", Key::Era(Case::Lower, true)),
    ("bc", Key::Era(Case::Lower, false)),
    ("cc", Key::Century),
    ("day", Key::DayName(Case::Lower)),
    ("ddd", Key::DayOfYear),
    ("dd", Key::Day),
    ("dy", Key::DayAbbreviation(Case::Lower)),
    ("d", Key::Weekday),
    ("ff1", Key::Fraction(1)),
    ("ff2", Key::Fraction(2)),
    ("ff3", Key::Fraction(3)),
    ("ff4", Key::Fraction(4)),
    ("ff5", Key::Fraction(5)),
    ("ff6", Key::Fraction(6)),
    ("fx", Key::Exact),
    ("hh24", Key::Hour24),
    ("hh12", Key::Hour12),
    ("hh", Key::Hour12),
    ("iddd", Key::IsoDayOfYear),
    ("id", Key::IsoWeekday),
    ("iw", Key::IsoWeek),
    ("iyyy", Key::IsoYear(4)),
    ("iyy", Key::IsoYear(3)),
    ("iy", Key::IsoYear(2)),
    ("i", Key::IsoYear(1)),
    ("j", Key::Julian),
    ("mi", Key::Minute),
    ("mm", Key::Month),
    ("month", Key::MonthName(Case::Lower)),
    ("mon", Key::MonthAbbreviation(Case::Lower)),
    ("ms", Key::Milliseconds),
    ("of", Key::Offset),
    ("p.m.", Key::HalfDay(Case::Lower, true)),
    ("pm", Key::HalfDay(Case::Lower, false)),
    ("q", Key::Quarter),
    ("rm", Key::Roman(Case::Lower)),
    ("sssss", Key::SecondOfDay),
    ("ssss", Key::SecondOfDay),
    ("ss", Key::Second),
    ("tzh", Key::OffsetHours),
    ("tzm", Key::OffsetMinutes),
    ("tz", Key::Zone(Case::Lower)),
    ("us", Key::Microseconds),
    ("ww", Key::Week),
    ("w", Key::WeekOfMonth),
    ("y,yyy", Key::YearWithComma),
    ("yyyy", Key::Year(4)),
    ("yyy", Key::Year(3)),
    ("yy", Key::Year(2)),
    ("y", Key::Year(1)),
];

/// Punctuation of ASCII.
pub(super) fn is_separator(c: char) -> bool {
    c.is_ascii_graphic() && !c.is_ascii_alphanumeric()
}

/// Cuts a template.
pub(super) fn nodes(template: &str) -> Vec<Node> {
    let mut out = Vec::new();
    let mut rest = template;
    while !rest.is_empty() {
        let (mut fill, mut translated) = (false, false);
        for (prefix, is_fill) in [("FM", true), ("fm", true), ("TM", false), ("tm", false)] {
            if let Some(tail) = rest.strip_prefix(prefix) {
                (fill, translated, rest) = (is_fill, !is_fill, tail);
                break;
            }
        }
        if let Some((name, key)) = KEYS.iter().find(|(name, _)| rest.starts_with(name)) {
            rest = &rest[name.len()..];
            // Names in the locale's language have no fixed width.
            fill |= translated && matches!(key, Key::MonthName(_) | Key::DayName(_));
            let mut ordinal = None;
            for (suffix, case) in [("TH", Some(Case::Upper)), ("th", Some(Case::Lower)), ("SP", None)] {
                if let Some(tail) = rest.strip_prefix(suffix) {
                    (ordinal, rest) = (case, tail);
                    break;
                }
            }
            out.push(Node::Field(Field { name, key: *key, fill, ordinal }));
            continue;
        }
        let mut chars = rest.chars();
        match chars.next() {
            None => break,
            Some('"') => {
                quoted(&mut chars, |c| out.push(Node::Literal(c)));
            }
            Some(mut c) => {
                if c == '\\' && chars.as_str().starts_with('"') {
                    c = chars.next().unwrap_or(c);
                }
                out.push(if is_separator(c) {
                    Node::Separator(c)
                } else if c.is_ascii_whitespace() || c == '\x0b' {
                    Node::Space(c)
                } else {
                    Node::Literal(c)
                });
            }
        }
        rest = chars.as_str();
    }
    out
}

/// The characters up to the closing quote; a backslash quotes the next one.
pub(super) fn quoted(chars: &mut std::str::Chars<'_>, mut each: impl FnMut(char)) {
    while let Some(c) = chars.next() {
        match c {
            '"' => return,
            '\\' => match chars.next() {
                Some(next) => each(next),
                None => each('\\'),
            },
            c => each(c),
        }
    }
}

impl Key {
    /// Whether it stands for digits, so that a field before it has its fixed width.
    pub(super) fn is_digits(self) -> bool {
        matches!(
            self,
            Key::Century
                | Key::DayOfYear
                | Key::IsoDayOfYear
                | Key::Day
                | Key::Weekday
                | Key::IsoWeekday
                | Key::Milliseconds
                | Key::Microseconds
                | Key::Hour24
                | Key::Hour12
                | Key::IsoWeek
                | Key::IsoYear(_)
                | Key::Julian
                | Key::Minute
                | Key::Month
                | Key::OffsetMinutes
                | Key::Quarter
                | Key::SecondOfDay
                | Key::Second
                | Key::Week
                | Key::WeekOfMonth
                | Key::YearWithComma
                | Key::Year(_)
        )
    }

    /// The calendar that it belongs to: true for ISO weeks, false for months, none for either.
    pub(super) fn is_iso(self) -> Option<bool> {
        match self {
            Key::IsoDayOfYear | Key::IsoWeekday | Key::IsoWeek | Key::IsoYear(_) => Some(true),
            Key::DayOfYear
            | Key::Day
            | Key::Weekday
            | Key::Month
            | Key::MonthName(_)
            | Key::MonthAbbreviation(_)
            | Key::Roman(_)
            | Key::Week
            | Key::WeekOfMonth
            | Key::YearWithComma
            | Key::Year(_) => Some(false),
            _ => None,
        }
    }
}
