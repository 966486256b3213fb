//! Walks a path over a document: each step sends its results to the next one.

use num_traits::Zero;

use crate::{
    error::{SqlError, SqlState},
    types::{
        decimal::Numeric,
        jsonb::Jsonb,
        jsonpath::{Item, Kind, Method},
    },
};

/// Why a path failed.
pub(super) struct Failure {
    pub(super) error: SqlError,
    /// Whether `silent` and predicates make nothing of it.
    pub(super) can_be_silent: bool,
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Failure { error, can_be_silent: false }
    }
}

pub(super) type Outcome<T> = Result<T, Failure>;

/// A failure of the document to fit the path.
pub(super) fn fail<T>(state: &'static str, message: impl Into<String>) -> Outcome<T> {
    Err(Failure { error: SqlError::new(SqlState(state), message), can_be_silent: true })
}

/// The document and the place in it.
pub(super) struct Evaluator<'d> {
    root: &'d Jsonb,
    variables: &'d Jsonb,
    pub(super) strict: bool,
}

/// What surrounds a step.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    /// `@`.
    pub(super) current: &'p Jsonb,
    /// Length of the innermost array subscripted.
    pub(super) length: Option<usize>,
    /// Whether structural errors are passed over, as below `**`.
    pub(super) forgiving: bool,
}

impl<'d> Evaluator<'d> {
    pub(super) fn new(root: &'d Jsonb, variables: &'d Jsonb, strict: bool) -> Self {
        Evaluator { root, variables, strict }
    }

    /// All that a path finds.
    pub(super) fn run(&self, item: &Item, out: &mut Vec<Jsonb>) -> Outcome<()> {
        let place = Place { current: self.root, length: None, forgiving: !self.strict };
        self.item(item, self.root, place, !self.strict, out)
    }

    /// One step from a value; `unwrap` lets it look into an array.
    pub(super) fn item(&self, item: &Item, value: &Jsonb, place: Place<'_>, unwrap: bool, out: &mut Vec<Jsonb>) -> Outcome<()> {
        match &item.kind {
            Kind::Literal(literal) => self.next(item, literal, place, out),
            Kind::Variable(name) => match self.variables.get(name) {
                Some(value) => self.next(item, value, place, out),
                None => {
                    let message = format!("could not find jsonpath variable \"{name}\"");
                    Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message).into())
                }
            },
            Kind::Root => self.next(item, self.root, Place { current: place.current, ..place }, out),
            Kind::Current => self.next(item, place.current, place, out),
            Kind::Last => match place.length {
                Some(length) => self.next(item, &Jsonb::Number((length as i64 - 1).to_string()), place, out),
                None => Err(SqlError::internal("last outside a subscript").into()),
            },
            Kind::Key(key) => self.key(item, key, value, place, unwrap, out),
            Kind::AnyKey => match value {
                Jsonb::Object(pairs) => pairs.iter().try_for_each(|(_, value)| self.next(item, value, place, out)),
                Jsonb::Array(_) if unwrap => self.each_element(item, value, place, out),
                _ if !place.forgiving => fail("2203C", "jsonpath wildcard member accessor can only be applied to an object"),
                _ => Ok(()),
            },
            Kind::AnyElement => match value {
                Jsonb::Array(elements) => elements.iter().try_for_each(|value| self.next(item, value, place, out)),
                _ if !self.strict => self.next(item, value, place, out),
                _ if !place.forgiving => fail("22039", "jsonpath wildcard array accessor can only be applied to an array"),
                _ => Ok(()),
            },
            Kind::Elements(ranges) => self.elements(item, ranges, value, place, out),
            Kind::Anywhere(first, last) => {
                let last = last.unwrap_or(u32::MAX);
                let first = first.unwrap_or(u32::MAX);
                if first == 0 {
                    self.next(item, value, Place { forgiving: true, ..place }, out)?;
                }
                self.below(item, value, (first, last), 1, place, out)
            }
            Kind::Filter(test) => {
                if let (Jsonb::Array(_), true) = (value, unwrap) {
                    return self.each_element(item, value, place, out);
                }
                let inside = Place { current: value, ..place };
                if self.predicate(test, value, inside)? == Some(true) {
                    return self.next(item, value, place, out);
                }
                Ok(())
            }
            Kind::Method(method) => self.method(item, *method, value, place, unwrap, out),
            Kind::Datetime(_) => Err(SqlError::unsupported("the jsonpath method .datetime()").into()),
            Kind::Arithmetic(operator, left, right) => {
                let number = self.arithmetic(operator, left, right, value, place)?;
                self.next(item, &number, place, out)
            }
            Kind::Sign(sign, inner) => self.signed(item, sign, inner, value, place, out),
            _ => {
                let result = self.predicate_alone(item, value, place)?;
                self.next(item, &result.map_or(Jsonb::Null, Jsonb::Bool), place, out)
            }
        }
    }

    fn predicate_alone(&self, item: &Item, value: &Jsonb, place: Place<'_>) -> Outcome<Option<bool>> {
        self.predicate(item, value, place)
    }

    /// Goes on from a result, or keeps it.
    fn next(&self, item: &Item, value: &Jsonb, place: Place<'_>, out: &mut Vec<Jsonb>) -> Outcome<()> {
        match &item.next {
            Some(next) => self.item(next, value, place, !self.strict, out),
            None => {
                out.push(value.clone());
                Ok(())
            }
        }
    }

    /// The same step from each element of an array.
    fn each_element(&self, item: &Item, value: &Jsonb, place: Place<'_>, out: &mut Vec<Jsonb>) -> Outcome<()> {
        let Jsonb::Array(elements) = value else { return Ok(()) };
        elements.iter().try_for_each(|element| self.item(item, element, place, false, out))
    }

    fn key(&self, item: &Item, key: &str, value: &Jsonb, place: Place<'_>, unwrap: bool, out: &mut Vec<Jsonb>) -> Outcome<()> {
        match value {
            Jsonb::Object(_) => match value.get(key) {
                Some(member) => self.next(item, member, place, out),
                None if !place.forgiving => fail("2203A", format!("JSON object does not contain key \"{key}\"")),
                None => Ok(()),
            },
            Jsonb::Array(_) if unwrap => self.each_element(item, value, place, out),
            _ if !place.forgiving => fail("2203A", "jsonpath member accessor can only be applied to an object"),
            _ => Ok(()),
        }
    }

    fn elements(&self, item: &Item, ranges: &[(Item, Option<Item>)], value: &Jsonb, place: Place<'_>, out: &mut Vec<Jsonb>) -> Outcome<()> {
        let single = std::slice::from_ref(value);
        let elements = match value {
            Jsonb::Array(elements) => elements.as_slice(),
            _ if !self.strict => single,
            _ if !place.forgiving => return fail("22039", "jsonpath array accessor can only be applied to an array"),
            _ => return Ok(()),
        };
        let inside = Place { length: Some(elements.len()), ..place };
        for (from, to) in ranges {
            let from = self.subscript(from, value, inside)?;
            let to = match to {
                Some(to) => self.subscript(to, value, inside)?,
                None => from,
            };
            if !place.forgiving && (from < 0 || from > to || to >= elements.len() as i64) {
                return fail("22033", "jsonpath array subscript is out of bounds");
            }
            for at in from.max(0)..=to.min(elements.len() as i64 - 1) {
                self.next(item, &elements[at as usize], place, out)?;
            }
        }
        Ok(())
    }

    fn subscript(&self, item: &Item, value: &Jsonb, place: Place<'_>) -> Outcome<i64> {
        let mut found = Vec::new();
        self.item(item, value, place, !self.strict, &mut found)?;
        let [Jsonb::Number(number)] = found.as_slice() else {
            return fail("22033", "jsonpath array subscript is not a single numeric value");
        };
        let whole = match Numeric::parse(number)? {
            Numeric::Finite(number) => number.truncate(0).to_i64().filter(|n| i32::try_from(*n).is_ok()),
            _ => None,
        };
        whole.map_or_else(|| fail("22033", "jsonpath array subscript is out of integer range"), Ok)
    }

    /// What lies below a value, at levels within bounds.
    fn below(&self, item: &Item, value: &Jsonb, levels: (u32, u32), level: u32, place: Place<'_>, out: &mut Vec<Jsonb>) -> Outcome<()> {
        if level > levels.1 && levels.1 != u32::MAX {
            return Ok(());
        }
        let children: Vec<&Jsonb> = match value {
            Jsonb::Object(pairs) => pairs.iter().map(|(_, value)| value).collect(),
            Jsonb::Array(elements) => elements.iter().collect(),
            _ => return Ok(()),
        };
        for child in children {
            let is_leaf = child.is_scalar();
            if level >= levels.0 || levels.0 == u32::MAX && levels.1 == u32::MAX && is_leaf {
                self.next(item, child, Place { forgiving: true, ..place }, out)?;
            }
            self.below(item, child, levels, level + 1, place, out)?;
        }
        Ok(())
    }

    fn method(&self, item: &Item, method: Method, value: &Jsonb, place: Place<'_>, unwrap: bool, out: &mut Vec<Jsonb>) -> Outcome<()> {
        let name = method.name();
        match (method, value) {
            (Method::Type, value) => self.next(item, &Jsonb::String(value.type_name().to_owned()), place, out),
            (Method::Size, Jsonb::Array(elements)) => self.next(item, &Jsonb::Number(elements.len().to_string()), place, out),
            (Method::Size, _) if !self.strict => self.next(item, &Jsonb::Number("1".to_owned()), place, out),
            (Method::Size, _) if place.forgiving => Ok(()),
            (Method::Size, _) => fail("22039", format!("jsonpath item method .{name}() can only be applied to an array")),
            (_, Jsonb::Array(_)) if unwrap => self.each_element(item, value, place, out),
            (Method::Abs | Method::Floor | Method::Ceiling, Jsonb::Number(number)) => {
                let number = match Numeric::parse(number)? {
                    Numeric::Finite(number) if method == Method::Abs => Numeric::Finite(crate::types::decimal::Decimal {
                        coefficient: number.coefficient.magnitude().clone().into(),
                        scale: number.scale,
                    }),
                    Numeric::Finite(number) => {
                        let cut = number.truncate(0);
                        let above = cut > number;
                        let below = cut < number;
                        let one = crate::types::decimal::Decimal::integer(1);
                        Numeric::Finite(match method {
                            Method::Floor if above => cut.add(&one, true),
                            Method::Ceiling if below => cut.add(&one, false),
                            _ => cut,
                        })
                    }
                    other => other,
                };
                self.next(item, &Jsonb::number(&number.to_string())?, place, out)
            }
            (Method::Abs | Method::Floor | Method::Ceiling, _) => {
                fail("22036", format!("jsonpath item method .{name}() can only be applied to a numeric value"))
            }
            (Method::Double, Jsonb::Number(text) | Jsonb::String(text)) => {
                let is_number = matches!(value, Jsonb::Number(_));
                match crate::types::float::parse(text, false) {
                    Ok(number) if number.is_finite() => {
                        let shown = if is_number { text.clone() } else { Numeric::from_float(number, 15)?.to_string() };
                        self.next(item, &Jsonb::number(&shown)?, place, out)
                    }
                    Ok(_) => fail("22036", format!("NaN or Infinity is not allowed for jsonpath item method .{name}()")),
                    Err(_) if is_number => fail(
                        "22036",
                        format!("numeric argument of jsonpath item method .{name}() is out of range for type double precision"),
                    ),
                    Err(_) => fail(
                        "22036",
                        format!(
                            "string argument of jsonpath item method .{name}() is not a valid representation of a double precision number"
                        ),
                    ),
                }
            }
            (Method::Double, _) => {
                fail("22036", format!("jsonpath item method .{name}() can only be applied to a string or numeric value"))
            }
            (Method::Keyvalue, Jsonb::Object(pairs)) => pairs.iter().try_for_each(|(key, member)| {
                let pair = vec![
                    ("key".to_owned(), Jsonb::String(key.clone())),
                    ("value".to_owned(), member.clone()),
                    ("id".to_owned(), Jsonb::Number("0".to_owned())),
                ];
                self.next(item, &Jsonb::object(pair), place, out)
            }),
            (Method::Keyvalue, _) => fail("2203C", format!("jsonpath item method .{name}() can only be applied to an object")),
        }
    }

    /// The values of an operand, arrays unwrapped in lax mode.
    pub(super) fn operand(&self, item: &Item, value: &Jsonb, place: Place<'_>) -> Outcome<Vec<Jsonb>> {
        let mut found = Vec::new();
        self.item(item, value, place, !self.strict, &mut found)?;
        if self.strict {
            return Ok(found);
        }
        let spread = |value: Jsonb| match value {
            Jsonb::Array(elements) => elements,
            other => vec![other],
        };
        Ok(found.into_iter().flat_map(spread).collect())
    }

    fn arithmetic(&self, operator: &str, left: &Item, right: &Item, value: &Jsonb, place: Place<'_>) -> Outcome<Jsonb> {
        let (l, r) = (self.operand(left, value, place)?, self.operand(right, value, place)?);
        let [Jsonb::Number(l)] = l.as_slice() else {
            return fail("22038", format!("left operand of jsonpath operator {operator} is not a single numeric value"));
        };
        let [Jsonb::Number(r)] = r.as_slice() else {
            return fail("22038", format!("right operand of jsonpath operator {operator} is not a single numeric value"));
        };
        let (Numeric::Finite(l), Numeric::Finite(r)) = (Numeric::parse(l)?, Numeric::parse(r)?) else {
            return Ok(Jsonb::Number("NaN".to_owned()));
        };
        if matches!(operator, "/" | "%") && r.coefficient.is_zero() {
            return fail("22012", "division by zero");
        }
        let result = match operator {
            "+" => l.add(&r, false),
            "-" => l.add(&r, true),
            "*" => l.multiply(&r),
            "/" => l.divide(&r)?,
            _ => l.remainder(&r)?,
        };
        Ok(Jsonb::number(&Numeric::Finite(result).to_string())?)
    }

    fn signed(&self, item: &Item, sign: &str, inner: &Item, value: &Jsonb, place: Place<'_>, out: &mut Vec<Jsonb>) -> Outcome<()> {
        for operand in self.operand(inner, value, place)? {
            let Jsonb::Number(number) = &operand else {
                return fail("2203B", format!("operand of unary jsonpath operator {sign} is not a numeric value"));
            };
            let number = if sign == "-" { Numeric::parse(number)?.negate().to_string() } else { number.clone() };
            self.next(item, &Jsonb::number(&number)?, place, out)?;
        }
        Ok(())
    }
}
