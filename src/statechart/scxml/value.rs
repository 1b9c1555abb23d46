//! What variables hold and events carry.

use std::fmt::{self, Display};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A value of an SCXML document: plain data, which is cloned, compared and hashed by what it holds.
///
/// # Examples
///
/// ```
/// use throng::statechart::ScxmlValue;
///
/// let order = ScxmlValue::record([("item", "tea".into()), ("pots", 2.into())]);
/// assert_eq!(order.get("pots"), &ScxmlValue::Integer(2));
/// assert_eq!(order.get("sugar"), &ScxmlValue::Undefined);
/// assert_eq!(order.to_string(), "{item: \"tea\", pots: 2}");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ScxmlValue {
    /// Nothing was put there.
    #[default]
    Undefined,
    /// Nothing, by intention.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Another number, which only ECMAScript makes.
    Number(ScxmlNumber),
    /// Text.
    Text(Arc<str>),
    /// Values in order.
    List(Vec<Self>),
    /// Values by name: no name twice, names that are numbers first, and the others in the order in which they were put there.
    Record(Vec<(Arc<str>, Self)>),
    /// The source of a function, which only ECMAScript makes. What it would close over is not kept.
    Function(Arc<str>),
}

/// A number that is not whole, or not a number. Equal are those of equal bits, which are what serde writes: not every
/// format has a word for what is not a number.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(from = "u64", into = "u64"))]
pub struct ScxmlNumber(pub f64);

#[cfg(feature = "serde")]
impl From<u64> for ScxmlNumber {
    fn from(bits: u64) -> Self {
        Self(f64::from_bits(bits))
    }
}

#[cfg(feature = "serde")]
impl From<ScxmlNumber> for u64 {
    fn from(ScxmlNumber(number): ScxmlNumber) -> Self {
        number.to_bits()
    }
}

impl PartialEq for ScxmlNumber {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for ScxmlNumber {}

impl Hash for ScxmlNumber {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl ScxmlValue {
    /// The value of a name in a record; undefined where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &Self {
        const NOTHING: &ScxmlValue = &ScxmlValue::Undefined;
        match self {
            Self::Record(fields) => fields.iter().find(|(known, _)| &**known == name).map_or(NOTHING, |(_, value)| value),
            _ => NOTHING,
        }
    }

    /// A record of these fields; of several of one name the last one counts.
    pub fn record<N: Into<Arc<str>>>(fields: impl IntoIterator<Item = (N, Self)>) -> Self {
        let mut record: Vec<(Arc<str>, Self)> = Vec::new();
        for (name, value) in fields {
            let name = name.into();
            match record.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => record.push((name, value)),
            }
        }
        // As ECMAScript orders them.
        record.sort_by_key(|(name, _)| number(name).unwrap_or(u32::MAX));
        Self::Record(record)
    }

    /// Whether it counts as true in a condition, by ECMAScript's rule: all but `undefined`, `null`, `false`, zero, what is
    /// not a number, and empty text.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Self::Undefined | Self::Null => false,
            Self::Bool(value) => *value,
            Self::Integer(value) => *value != 0,
            Self::Number(ScxmlNumber(value)) => *value != 0.0 && !value.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::List(_) | Self::Record(_) | Self::Function(_) => true,
        }
    }

    /// The word for its kind that `typeof` gives.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Null | Self::List(_) | Self::Record(_) => "object",
            Self::Bool(_) => "boolean",
            Self::Integer(_) | Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::Function(_) => "function",
        }
    }
}

/// The number that a name is, if it is written as numbers are.
fn number(name: &str) -> Option<u32> {
    let plain = name == "0" || name.starts_with(|first: char| ('1'..='9').contains(&first));
    name.parse().ok().filter(|_| plain)
}

impl Display for ScxmlValue {
    /// As in an expression, with text in quotes only inside of lists and records.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = |value: &Self, f: &mut fmt::Formatter<'_>| match value {
            Self::Text(text) => write!(f, "{text:?}"),
            other => write!(f, "{other}"),
        };
        match self {
            Self::Undefined => f.write_str("undefined"),
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Number(ScxmlNumber(value)) => write!(f, "{value}"),
            Self::Text(text) | Self::Function(text) => f.write_str(text),
            Self::List(values) => {
                f.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    f.write_str(if at > 0 { ", " } else { "" })?;
                    inner(value, f)?;
                }
                f.write_str("]")
            }
            Self::Record(fields) => {
                f.write_str("{")?;
                for (at, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{name}: ", if at > 0 { ", " } else { "" })?;
                    inner(value, f)?;
                }
                f.write_str("}")
            }
        }
    }
}

impl From<bool> for ScxmlValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for ScxmlValue {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for ScxmlValue {
    /// Whole numbers become integers, as far as all of them have their own number. Zero loses its sign.
    fn from(value: f64) -> Self {
        const SAFE: f64 = 9_007_199_254_740_991.0;
        if value.fract() == 0.0 && value.abs() <= SAFE { Self::Integer(value as i64) } else { Self::Number(ScxmlNumber(value)) }
    }
}

impl<N: Into<Arc<str>>, V: Into<Self>, const LEN: usize> From<[(N, V); LEN]> for ScxmlValue {
    fn from(fields: [(N, V); LEN]) -> Self {
        Self::record(fields.map(|(name, value)| (name, value.into())))
    }
}

impl From<&str> for ScxmlValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Arc<str>> for ScxmlValue {
    fn from(text: Arc<str>) -> Self {
        Self::Text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_they_are_written() {
        let list = ScxmlValue::List(vec![1_i64.into(), "a".into(), true.into(), ScxmlValue::Null, 0.5.into()]);
        let record = ScxmlValue::record([("a", list), ("b", ScxmlValue::Undefined), ("b", "text".into())]);
        assert_eq!(record.to_string(), "{a: [1, \"a\", true, null, 0.5], b: \"text\"}");
        assert_eq!(record.get("b"), &"text".into());
        assert_eq!(record.get("c"), &ScxmlValue::Undefined);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn every_value_is_read_as_it_was_written() {
        let numbers = [0.5, -0.0, f64::NAN, f64::INFINITY].map(|number| ScxmlValue::Number(ScxmlNumber(number)));
        let others = [ScxmlValue::Undefined, ScxmlValue::Null, ScxmlValue::Function("() => 1".into()), "text".into()];
        let value = ScxmlValue::record([("numbers", ScxmlValue::List(numbers.into())), ("others", ScxmlValue::List(others.into()))]);
        let text = serde_json::to_string(&value).expect("it can be written");
        assert_eq!(serde_json::from_str::<ScxmlValue>(&text).expect("it can be read"), value);
    }

    #[test]
    fn whole_numbers_are_integers_and_others_keep_their_bits() {
        assert_eq!(ScxmlValue::from(3.0), 3_i64.into());
        assert_eq!(ScxmlValue::from(-0.0), 0_i64.into());
        let names = ScxmlValue::record([("b", true), ("10", true), ("9", true), ("01", true)].map(|(name, value)| (name, value.into())));
        assert_eq!(names.to_string(), "{9: true, 10: true, b: true, 01: true}");
        assert_eq!(ScxmlValue::from(f64::NAN), f64::NAN.into());
        assert!(matches!(ScxmlValue::from(1e300), ScxmlValue::Number(_)));
        let truths = [ScxmlValue::Undefined, ScxmlValue::Null, false.into(), 0_i64.into(), f64::NAN.into(), "".into()];
        assert!(truths.iter().all(|value| !value.is_true()));
        assert!(ScxmlValue::List(vec![]).is_true() && ScxmlValue::from("0").is_true());
    }
}
