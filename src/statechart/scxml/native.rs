//! Expressions over integers, booleans and strings: a part of ECMAScript that reads the same and means the same.
//!
//! # Model
//!
//! An expression is read once, with the numbers of the variables that it names, and evaluated without a look at names.
//! Where ECMAScript would turn a value into one of another kind, or leave the whole numbers, evaluation fails instead: what
//! this data model computes, ECMAScript computes alike. But lists and records are equal when they hold the same.

use std::sync::Arc;

use super::event;
use super::expression::Scope;
use super::value::ScxmlValue;

/// How many words and signs an expression may have, and how many operators with fields and elements: it is evaluated by
/// recursion.
const TOKENS_MAX: usize = 1_000;
const OPERATORS_MAX: usize = 200;
/// How deep brackets and signs before a value may be nested.
const DEPTH_MAX: usize = 50;

/// An expression that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Native {
    Value(ScxmlValue),
    /// A declared variable by its number.
    Variable(usize),
    System(System),
    Field(Box<Self>, Arc<str>),
    Index(Box<Self>, Box<Self>),
    In(Box<Self>),
    Not(Box<Self>),
    Negative(Box<Self>),
    TypeOf(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Choose(Box<[Self; 3]>),
    Both(&'static str, Box<Self>, Box<Self>),
    List(Vec<Self>),
    Record(Vec<(Arc<str>, Self)>),
}

/// What the processor provides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    Event,
    SessionId,
    Name,
    Processors,
}

const SYSTEM: [(&str, System); 4] =
    [("_event", System::Event), ("_sessionid", System::SessionId), ("_name", System::Name), ("_ioprocessors", System::Processors)];

impl Native {
    /// Reads an expression over declared variables.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or outside of this data model.
    pub(super) fn read(text: &str, declared: &[Arc<str>]) -> Result<Self, String> {
        let tokens = tokens(text)?;
        if tokens.len() > TOKENS_MAX {
            return Err(format!("an expression has at most {TOKENS_MAX} words and signs"));
        }
        let mut reader = Reader { tokens: &tokens, declared, depth: 0, operators: 0 };
        let expression = reader.expression()?;
        match reader.tokens.first() {
            None => Ok(expression),
            Some(token) => Err(format!("nothing is expected where `{token}` stands")),
        }
    }

    /// Evaluates it.
    ///
    /// # Errors
    ///
    /// Why it has no value.
    pub(super) fn value(&self, scope: &Scope<'_>) -> Result<ScxmlValue, String> {
        Ok(match self {
            Self::Value(value) => value.clone(),
            Self::Variable(at) => scope.session.declared(*at).cloned().unwrap_or_default(),
            Self::System(system) => system.value(scope),
            Self::Field(of, name) if **of == Self::System(System::Event) && event::FIELDS.contains(&&**name) => {
                event::field(scope.trigger, scope.names, name)
            }
            Self::Field(of, name) => field(&of.value(scope)?, name)?,
            Self::Index(of, at) => index(&of.value(scope)?, &at.value(scope)?)?,
            Self::In(state) => match state.value(scope)? {
                ScxmlValue::Text(state) => (scope.is_in)(&state).into(),
                other => return Err(format!("`In` asks for the id of a state, and not for {other}")),
            },
            Self::Not(inner) => (!inner.value(scope)?.is_true()).into(),
            Self::Negative(inner) => both("-", &0_i64.into(), &inner.value(scope)?)?,
            Self::TypeOf(inner) => inner.value(scope)?.type_name().into(),
            Self::And(a, b) => {
                let a = a.value(scope)?;
                if a.is_true() { b.value(scope)? } else { a }
            }
            Self::Or(a, b) => {
                let a = a.value(scope)?;
                if a.is_true() { a } else { b.value(scope)? }
            }
            Self::Choose(parts) => {
                let [condition, yes, no] = &**parts;
                if condition.value(scope)?.is_true() { yes.value(scope)? } else { no.value(scope)? }
            }
            Self::Both(sign, a, b) => both(sign, &a.value(scope)?, &b.value(scope)?)?,
            Self::List(values) => ScxmlValue::List(values.iter().map(|value| value.value(scope)).collect::<Result<_, _>>()?),
            Self::Record(fields) => {
                let fields: Result<Vec<_>, String> = fields.iter().map(|(name, value)| Ok((name.clone(), value.value(scope)?))).collect();
                ScxmlValue::record(fields?)
            }
        })
    }

    /// The value of an expression without variables.
    pub(super) fn constant(text: &str) -> Option<ScxmlValue> {
        Self::read(text, &[]).ok()?.fold()
    }

    fn fold(self) -> Option<ScxmlValue> {
        match self {
            Self::Value(value) => Some(value),
            Self::Negative(inner) => both("-", &0_i64.into(), &inner.fold()?).ok(),
            Self::List(values) => Some(ScxmlValue::List(values.into_iter().map(Self::fold).collect::<Option<_>>()?)),
            Self::Record(fields) => {
                let fields: Option<Vec<_>> = fields.into_iter().map(|(name, value)| Some((name, value.fold()?))).collect();
                Some(ScxmlValue::record(fields?))
            }
            _ => None,
        }
    }
}

impl System {
    fn value(self, scope: &Scope<'_>) -> ScxmlValue {
        match self {
            Self::Event => event::record(scope.trigger, scope.names),
            Self::SessionId => scope.session.id.clone().into(),
            Self::Name => scope.session.name.clone().into(),
            Self::Processors => scope.session.processors(),
        }
    }
}

/// What all objects have by their prototype.
const INHERITED: [&str; 12] = [
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
];

fn field(of: &ScxmlValue, name: &str) -> Result<ScxmlValue, String> {
    match of {
        ScxmlValue::List(values) if name == "length" => Ok((values.len() as i64).into()),
        ScxmlValue::Text(text) if name == "length" => Ok((text.encode_utf16().count() as i64).into()),
        ScxmlValue::Record(_) if !is_inherited(of, name) => Ok(of.get(name).clone()),
        of => Err(format!("{of} has no field `{name}`")),
    }
}

/// Whether a record has a name only by its prototype, of which this data model knows nothing.
fn is_inherited(record: &ScxmlValue, name: &str) -> bool {
    INHERITED.contains(&name) && *record.get(name) == ScxmlValue::Undefined
}

fn index(of: &ScxmlValue, at: &ScxmlValue) -> Result<ScxmlValue, String> {
    match (of, at) {
        (ScxmlValue::List(values), ScxmlValue::Integer(at)) => {
            Ok(usize::try_from(*at).ok().and_then(|at| values.get(at)).cloned().unwrap_or_default())
        }
        (of, ScxmlValue::Text(name)) => field(of, name),
        (of, at) => Err(format!("{of} has no element {at}")),
    }
}

fn both(sign: &str, a: &ScxmlValue, b: &ScxmlValue) -> Result<ScxmlValue, String> {
    use ScxmlValue::{Integer, Text};
    let unfit = || format!("`{sign}` is not for {} and {}: {a} {sign} {b}", a.type_name(), b.type_name());
    Ok(match (sign, a, b) {
        ("===", a, b) => (a == b).into(),
        ("!==", a, b) => (a != b).into(),
        ("==", a, b) => alike(a, b).ok_or_else(unfit)?.into(),
        ("!=", a, b) => (!alike(a, b).ok_or_else(unfit)?).into(),
        ("in", Text(name), ScxmlValue::Record(fields)) if !is_inherited(b, name) => fields.iter().any(|(known, _)| known == name).into(),
        ("+", Text(a), b @ (Text(_) | Integer(_) | ScxmlValue::Bool(_))) => (&*format!("{a}{b}")).into(),
        ("+", a @ (Integer(_) | ScxmlValue::Bool(_)), Text(b)) => (&*format!("{a}{b}")).into(),
        ("<" | "<=" | ">" | ">=", Integer(a), Integer(b)) => ordered(sign, a.cmp(b)).into(),
        ("<" | "<=" | ">" | ">=", Text(a), Text(b)) => ordered(sign, a.encode_utf16().cmp(b.encode_utf16())).into(),
        (_, Integer(a), Integer(b)) => {
            let value = match sign {
                "+" => a.checked_add(*b),
                "-" => a.checked_sub(*b),
                "*" => a.checked_mul(*b),
                "%" => a.checked_rem(*b),
                "/" if a.checked_rem(*b) == Some(0) => a.checked_div(*b),
                _ => None,
            };
            value.ok_or_else(|| format!("{a} {sign} {b} is no integer"))?.into()
        }
        _ => return Err(unfit()),
    })
}

/// Whether values of one kind are equal; `undefined` and `null` are alike, and unlike all else.
fn alike(a: &ScxmlValue, b: &ScxmlValue) -> Option<bool> {
    use ScxmlValue::{Null, Undefined};
    let nothing = |value: &ScxmlValue| matches!(value, Undefined | Null);
    match (a, b) {
        (a, b) if nothing(a) || nothing(b) => Some(nothing(a) && nothing(b)),
        (a, b) if std::mem::discriminant(a) == std::mem::discriminant(b) => Some(a == b),
        _ => None,
    }
}

fn ordered(sign: &str, order: std::cmp::Ordering) -> bool {
    match sign {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Value(ScxmlValue),
    Sign(&'static str),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Value(value) => write!(f, "{value}"),
            Self::Sign(sign) => f.write_str(sign),
        }
    }
}

/// Longer signs stand before those that they begin with.
const SIGNS: [&str; 26] = [
    "===", "!==", "==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "%", "!", "(", ")", "[", "]", "{", "}", ".", ",", ":",
    "?",
];

/// By precedence, the loosest first, below `||` and `&&`.
const LEVELS: [&[&str]; 4] = [&["===", "!==", "==", "!="], &["<=", ">=", "<", ">", "in"], &["+", "-"], &["*", "/", "%"]];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            (Token::Sign(sign), &rest[sign.len()..])
        } else if first == '\'' || first == '"' {
            string(rest, first)?
        } else {
            word(rest, first)?
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

fn string(rest: &str, quote: char) -> Result<(Token, &str), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => text.push(match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, 't')) => '\t',
                Some((_, 'r')) => '\r',
                Some((_, char @ ('\\' | '\'' | '"' | '/'))) => char,
                _ => return Err("in a string, `\\` stands before n, t, r, a quote or itself".to_owned()),
            }),
            char if char == quote => return Ok((Token::Value((&*text).into()), &rest[at + 1..])),
            char => text.push(char),
        }
    }
    Err("a string has no end".to_owned())
}

fn word(rest: &str, first: char) -> Result<(Token, &str), String> {
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    let token = match word {
        "" => return Err(format!("`{first}` means nothing here")),
        "true" => Token::Value(true.into()),
        "false" => Token::Value(false.into()),
        "undefined" => Token::Value(ScxmlValue::Undefined),
        "null" => Token::Value(ScxmlValue::Null),
        "in" => Token::Sign("in"),
        number if first.is_ascii_digit() => {
            let value = number.parse::<i64>().ok().filter(|_| !after.starts_with('.'));
            Token::Value(value.ok_or_else(|| format!("`{number}..` is no integer that fits"))?.into())
        }
        name => Token::Name(name.to_owned()),
    };
    Ok((token, after))
}

struct Reader<'a> {
    tokens: &'a [Token],
    declared: &'a [Arc<str>],
    depth: usize,
    operators: usize,
}

impl Reader<'_> {
    fn deepen(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(format!("it is nested deeper than {DEPTH_MAX}")) } else { Ok(()) }
    }

    fn count_operator(&mut self) -> Result<(), String> {
        self.operators += 1;
        if self.operators > OPERATORS_MAX { Err(format!("an expression has at most {OPERATORS_MAX} operators")) } else { Ok(()) }
    }

    /// Two values with a sign between them.
    fn join(&mut self, join: impl FnOnce(Box<Native>, Box<Native>) -> Native, left: Native, right: Native) -> Result<Native, String> {
        self.count_operator()?;
        Ok(join(Box::new(left), Box::new(right)))
    }

    fn next(&mut self) -> Result<Token, String> {
        let (first, rest) = self.tokens.split_first().ok_or("something is missing at the end")?;
        self.tokens = rest;
        Ok(first.clone())
    }

    /// Goes over a sign if it is next.
    fn takes(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.first(), Some(Token::Sign(next)) if *next == sign);
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(format!("`{sign}` is missing")) }
    }

    fn expression(&mut self) -> Result<Native, String> {
        self.deepen()?;
        let condition = self.any()?;
        let chosen = if self.takes("?") {
            let yes = self.expression()?;
            self.expect(":")?;
            Native::Choose(Box::new([condition, yes, self.expression()?]))
        } else {
            condition
        };
        self.depth -= 1;
        Ok(chosen)
    }

    fn any(&mut self) -> Result<Native, String> {
        let mut left = self.all()?;
        while self.takes("||") {
            let right = self.all()?;
            left = self.join(Native::Or, left, right)?;
        }
        Ok(left)
    }

    fn all(&mut self) -> Result<Native, String> {
        let mut left = self.level(0)?;
        while self.takes("&&") {
            let right = self.level(0)?;
            left = self.join(Native::And, left, right)?;
        }
        Ok(left)
    }

    fn level(&mut self, level: usize) -> Result<Native, String> {
        let Some(signs) = LEVELS.get(level) else { return self.single() };
        let mut left = self.level(level + 1)?;
        while let Some(&Token::Sign(sign)) = self.tokens.first()
            && signs.contains(&sign)
        {
            self.tokens = &self.tokens[1..];
            let right = self.level(level + 1)?;
            left = self.join(|left, right| Native::Both(sign, left, right), left, right)?;
        }
        Ok(left)
    }

    /// A value with the signs before and after it.
    fn single(&mut self) -> Result<Native, String> {
        let before: fn(Box<Native>) -> Native = match self.tokens.first() {
            Some(Token::Sign("!")) => Native::Not,
            Some(Token::Sign("-")) => Native::Negative,
            Some(Token::Name(name)) if name == "typeof" => Native::TypeOf,
            _ => {
                let token = self.next()?;
                let value = self.primary(token)?;
                return self.inside(value);
            }
        };
        self.next()?;
        self.deepen()?;
        let single = before(Box::new(self.single()?));
        self.depth -= 1;
        Ok(single)
    }

    fn primary(&mut self, token: Token) -> Result<Native, String> {
        match token {
            Token::Value(value) => Ok(Native::Value(value)),
            Token::Sign("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Sign("[") => self.list(),
            Token::Sign("{") => self.record(),
            Token::Sign(sign) => Err(format!("a value is expected where `{sign}` stands")),
            Token::Name(name) if name == "In" => {
                self.expect("(")?;
                let state = self.expression()?;
                self.expect(")")?;
                Ok(Native::In(Box::new(state)))
            }
            Token::Name(name) => {
                if let Some((_, system)) = SYSTEM.into_iter().find(|(known, _)| *known == name) {
                    return Ok(Native::System(system));
                }
                let at = self.declared.iter().position(|known| **known == *name);
                at.map(Native::Variable).ok_or_else(|| format!("there is no variable `{name}`: declare it with `data`"))
            }
        }
    }

    /// Fields and elements.
    fn inside(&mut self, mut value: Native) -> Result<Native, String> {
        loop {
            if self.takes(".") {
                let Token::Name(name) = self.next()? else { return Err("a name is expected after `.`".to_owned()) };
                value = Native::Field(Box::new(value), name.into());
            } else if self.takes("[") {
                let at = self.expression()?;
                self.expect("]")?;
                value = match at {
                    Native::Value(ScxmlValue::Text(name)) => Native::Field(Box::new(value), name),
                    at => Native::Index(Box::new(value), Box::new(at)),
                };
            } else {
                return Ok(value);
            }
            self.count_operator()?;
        }
    }

    fn list(&mut self) -> Result<Native, String> {
        let mut values = Vec::new();
        while !self.takes("]") {
            values.push(self.expression()?);
            if !self.takes(",") {
                self.expect("]")?;
                break;
            }
        }
        Ok(Native::List(values))
    }

    fn record(&mut self) -> Result<Native, String> {
        let mut fields = Vec::new();
        while !self.takes("}") {
            let name: Arc<str> = match self.next()? {
                Token::Name(name) if name != "__proto__" => name.into(),
                Token::Value(ScxmlValue::Text(name)) if &*name == "__proto__" => return Err("a record has no prototype".to_owned()),
                Token::Value(ScxmlValue::Text(name)) => name,
                token => return Err(format!("a name is expected where `{token}` stands")),
            };
            self.expect(":")?;
            fields.push((name, self.expression()?));
            if !self.takes(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(Native::Record(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::model::{EventNames, Trigger};
    use super::super::session::ScxmlSession;
    use super::*;

    fn value(text: &str) -> Result<ScxmlValue, String> {
        let declared: Vec<Arc<str>> = ["a", "b", "c", "list", "$r"].map(Into::into).into();
        let mut session = ScxmlSession::new("chart".into(), &declared).with_id("one");
        session.set("a", 2);
        session.set("b", "x");
        session.set("list", ScxmlValue::List(vec![10.into(), 20.into()]));
        session.set("$r", ScxmlValue::record([("f", ScxmlValue::record([("g g", 7.into())]))]));
        let scope = Scope {
            session: &session,
            trigger: &Trigger::Own("done.state.s"),
            names: &EventNames::default(),
            is_in: &|state| state == "here",
            #[cfg(feature = "scxml-ecmascript")]
            states: &[],
        };
        Native::read(text, &declared)?.value(&scope)
    }

    #[test]
    fn expressions_are_read_by_precedence_and_evaluated() {
        let integers = [
            ("a + 3 * 2 - 1", 7),
            ("(a + 3) * 2", 10),
            ("-a - -3", 1),
            ("9 / 3 % 2", 1),
            ("-7 % 3", -1),
            ("a == 2 ? 5 : 6", 5),
            ("false ? 1 : true ? 2 : 3", 2),
            ("c || 4", 4),
            ("list[1] + list.length", 22),
            ("$r.f['g g']", 7),
            ("[1, [2, 3]][1][0]", 2),
            ("{x: 1, 'y': 8}.y", 8),
            ("b.length", 1),
        ];
        for (text, wanted) in integers {
            assert_eq!(value(text), Ok(wanted.into()), "{text}");
        }
        let truths = [
            "a == 2 && b === 'x'",
            "a < 2 || !(b == 'y')",
            "a >= 2 && a <= 2 && a > 1",
            "In('here') && !In('the' + 're')",
            "typeof c === 'undefined' && typeof a === 'number' && typeof list === \"object\"",
            "c == null && c !== null && a != undefined",
            "'f' in $r && !('g' in $r)",
            "b + 1 + true == 'x1true' && 1 + b === '1x'",
            "'a' < 'b' && '10' < '9'",
            "'it\\'s' == \"it's\"",
            "_event.name == 'done.state.s' && _event.type == 'platform' && _event.data === undefined",
            "_sessionid == 'one' && _name == 'chart' && _ioprocessors.scxml.location == '#_scxml_one'",
            "list == [10, 20]",
            "1 !== '1'",
        ];
        for text in truths {
            assert_eq!(value(text), Ok(true.into()), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_told() {
        let wrong = [
            ("d == 1", "there is no variable `d`: declare it with `data`"),
            ("a b", "nothing is expected where `b` stands"),
            ("a +", "something is missing at the end"),
            ("(a", "`)` is missing"),
            ("* a", "a value is expected where `*` stands"),
            ("'open", "a string has no end"),
            ("1.5", "`1..` is no integer that fits"),
            ("99999999999999999999", "`99999999999999999999..` is no integer that fits"),
            ("a = 1", "`=` means nothing here"),
            ("a.1", "a name is expected after `.`"),
            ("{'__proto__': a}", "a record has no prototype"),
            ("return", "there is no variable `return`: declare it with `data`"),
        ];
        for (text, problem) in wrong {
            assert_eq!(value(text), Err(problem.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_ecmascript_would_convert_has_no_value() {
        let wrong = [
            ("a == '2'", "`==` is not for number and string: 2 == 2"),
            ("a + list", "`+` is not for number and object: 2 + [10, 20]"),
            ("7 / 2", "7 / 2 is no integer"),
            ("7 % 0", "7 % 0 is no integer"),
            ("9223372036854775807 + 1", "9223372036854775807 + 1 is no integer"),
            ("b < 1", "`<` is not for string and number: x < 1"),
            ("c.x", "undefined has no field `x`"),
            ("c[0]", "undefined has no element 0"),
            ("list.map", "[10, 20] has no field `map`"),
            ("a.b", "2 has no field `b`"),
            ("$r.toString", "{f: {g g: 7}} has no field `toString`"),
            ("In(1)", "`In` asks for the id of a state, and not for 1"),
        ];
        for (text, problem) in wrong {
            assert_eq!(value(text), Err(problem.to_owned()), "{text}");
        }
    }

    #[test]
    fn nesting_and_length_have_limits() {
        let nested = |open: &str, close: &str, times: usize| value(&format!("{}1{}", open.repeat(times), close.repeat(times)));
        assert_eq!(nested("(", ")", 49), Ok(1.into()));
        let deep = Err("it is nested deeper than 50".to_owned());
        assert_eq!(nested("(", ")", 50), deep);
        assert_eq!(nested("!", "", 50), deep);
        assert_eq!(nested("true ? 1 : ", "", 50), deep);
        assert_eq!(nested("list[", "]", 50), deep);
        assert_eq!(nested("(", ")", 10_000), Err("an expression has at most 1000 words and signs".to_owned()));
        assert_eq!(nested("1 + ", "", 200), Ok(201.into()));
        assert_eq!(nested("1 + ", "", 201), Err("an expression has at most 200 operators".to_owned()));
        assert_eq!(value(&format!("a{}", ".b".repeat(201))), Err("an expression has at most 200 operators".to_owned()));
    }

    #[test]
    fn constants_have_no_variables() {
        assert_eq!(Native::constant(" [1, -2, {\"k\": true}] ").map(|value| value.to_string()).as_deref(), Some("[1, -2, {k: true}]"));
        assert_eq!(Native::constant("a"), None);
        assert_eq!(Native::constant("1 + 1"), None);
    }
}
