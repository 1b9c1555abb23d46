//! Expressions over plain variables: integers, booleans and strings, compared, added and joined by logic.

use std::collections::BTreeMap;

/// What a variable holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Datum {
    Integer(i64),
    Truth(bool),
    Text(String),
}

impl Datum {
    fn holds(&self) -> bool {
        match self {
            Self::Integer(value) => *value != 0,
            Self::Truth(value) => *value,
            Self::Text(value) => !value.is_empty(),
        }
    }
}

/// Variables by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Data(BTreeMap<String, Datum>);

impl Data {
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn set(&mut self, name: &str, value: Datum) {
        self.0.insert(name.to_owned(), value);
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    Value(Datum),
    Variable(String),
    In(String),
    Not(Box<Self>),
    Both(&'static str, Box<Self>, Box<Self>),
}

impl Expression {
    /// Reads an expression over declared variables.
    pub(super) fn read(text: &str, declared: &Data) -> Result<Self, String> {
        let outside = || format!("the expression `{text}` is outside of plain variables and predicates");
        let tokens = tokens(text).ok_or_else(outside)?;
        let mut reader = Reader { tokens: &tokens, declared };
        let expression = reader.level(0).filter(|_| reader.tokens.is_empty());
        expression.ok_or_else(outside)
    }

    pub(super) fn value(&self, data: &Data, is_in: &dyn Fn(&str) -> bool) -> Datum {
        match self {
            Self::Value(value) => value.clone(),
            Self::Variable(name) => data.0.get(name).cloned().unwrap_or(Datum::Truth(false)),
            Self::In(state) => Datum::Truth(is_in(state)),
            Self::Not(inner) => Datum::Truth(!inner.holds(data, is_in)),
            Self::Both("||", a, b) => Datum::Truth(a.holds(data, is_in) || b.holds(data, is_in)),
            Self::Both("&&", a, b) => Datum::Truth(a.holds(data, is_in) && b.holds(data, is_in)),
            Self::Both(operator, a, b) => both(operator, a.value(data, is_in), b.value(data, is_in)),
        }
    }

    pub(super) fn holds(&self, data: &Data, is_in: &dyn Fn(&str) -> bool) -> bool {
        self.value(data, is_in).holds()
    }
}

fn both(operator: &str, a: Datum, b: Datum) -> Datum {
    let order = match (&a, &b) {
        (Datum::Integer(a), Datum::Integer(b)) => Some(a.cmp(b)),
        (Datum::Text(a), Datum::Text(b)) => Some(a.cmp(b)),
        _ => None,
    };
    match (operator, a, b) {
        ("+", Datum::Integer(a), Datum::Integer(b)) => Datum::Integer(a.wrapping_add(b)),
        ("-", Datum::Integer(a), Datum::Integer(b)) => Datum::Integer(a.wrapping_sub(b)),
        ("+", Datum::Text(a), Datum::Text(b)) => Datum::Text(a + &b),
        ("==" | "===", a, b) => Datum::Truth(a == b),
        ("!=" | "!==", a, b) => Datum::Truth(a != b),
        ("<", ..) => Datum::Truth(order.is_some_and(std::cmp::Ordering::is_lt)),
        ("<=", ..) => Datum::Truth(order.is_some_and(std::cmp::Ordering::is_le)),
        (">", ..) => Datum::Truth(order.is_some_and(std::cmp::Ordering::is_gt)),
        (">=", ..) => Datum::Truth(order.is_some_and(std::cmp::Ordering::is_ge)),
        _ => Datum::Truth(false),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Value(Datum),
    Sign(&'static str),
}

/// Longer signs stand before those that they begin with.
const SIGNS: [&str; 15] = ["===", "!==", "==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "!", "(", ")"];

/// By precedence, the loosest first.
const LEVELS: [&[&str]; 5] = [&["||"], &["&&"], &["===", "!==", "==", "!="], &["<=", ">=", "<", ">"], &["+", "-"]];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            (Token::Sign(sign), &rest[sign.len()..])
        } else if first == '\'' || first == '"' {
            let end = rest[1..].find(first)? + 1;
            (Token::Value(Datum::Text(rest[1..end].to_owned())), &rest[end + 1..])
        } else {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let word = &rest[..end];
            let token = match word {
                "" => return None,
                "true" => Token::Value(Datum::Truth(true)),
                "false" => Token::Value(Datum::Truth(false)),
                _ if first.is_ascii_digit() => Token::Value(Datum::Integer(word.parse().ok()?)),
                _ => Token::Name(word.to_owned()),
            };
            (token, &rest[end..])
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Some(tokens)
}

struct Reader<'a> {
    tokens: &'a [Token],
    declared: &'a Data,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first.clone())
    }

    fn level(&mut self, level: usize) -> Option<Expression> {
        let Some(signs) = LEVELS.get(level) else { return self.single() };
        let mut left = self.level(level + 1)?;
        while let Some(&Token::Sign(sign)) = self.tokens.first()
            && signs.contains(&sign)
        {
            self.next();
            left = Expression::Both(sign, Box::new(left), Box::new(self.level(level + 1)?));
        }
        Some(left)
    }

    fn single(&mut self) -> Option<Expression> {
        match self.next()? {
            Token::Value(value) => Some(Expression::Value(value)),
            Token::Sign("!") => Some(Expression::Not(Box::new(self.single()?))),
            Token::Sign("(") => {
                let inner = self.level(0)?;
                (self.next()? == Token::Sign(")")).then_some(inner)
            }
            Token::Name(name) if name == "In" => match [self.next()?, self.next()?, self.next()?] {
                [Token::Sign("("), Token::Value(Datum::Text(state)), Token::Sign(")")] => Some(Expression::In(state)),
                _ => None,
            },
            Token::Name(name) if self.declared.has(&name) => Some(Expression::Variable(name)),
            Token::Name(_) | Token::Sign(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_by_precedence_and_evaluated() {
        let mut data = Data::default();
        data.set("a", Datum::Integer(2));
        data.set("b", Datum::Text("x".to_owned()));
        let value = |text: &str| Expression::read(text, &data).map(|expression| expression.value(&data, &|state| state == "here"));
        for (text, wanted) in [
            ("a + 3 - 1", Datum::Integer(4)),
            ("a == 2 && b === 'x'", Datum::Truth(true)),
            ("a < 2 || !(b == 'y')", Datum::Truth(true)),
            ("In('here') && !In('there')", Datum::Truth(true)),
            ("b + \"y\"", Datum::Text("xy".to_owned())),
            ("a >= 3", Datum::Truth(false)),
        ] {
            assert_eq!(value(text), Ok(wanted), "{text}");
        }
        for text in ["c == 1", "a.b", "f(a)", "a +", "(a", "_event.data", "'open", "a b"] {
            assert!(value(text).is_err(), "{text}");
        }
    }
}
