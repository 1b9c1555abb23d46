//! Expressions of a document, in whichever language its data model has.

use std::sync::Arc;

use super::super::model::{EventNames, Trigger};
#[cfg(feature = "scxml-ecmascript")]
use super::super::state_id::StateId;
#[cfg(feature = "scxml-ecmascript")]
use super::ecmascript::Script;
use super::event::ScxmlEvent;
use super::native::Native;
use super::session::ScxmlSession;
use super::value::ScxmlValue;

/// The language of a document's expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataModel {
    /// No data: conditions are `In('state')`, and nothing else is an expression.
    Null,
    /// Integers, booleans and strings, and lists and records of them: comparisons, arithmetic, logic, `a ? b : c`, `typeof`,
    /// fields and elements.
    ///
    /// All of it is ECMAScript with the meaning that it has there, but that lists and records are equal when they hold the
    /// same. What ECMAScript would convert (`1 == '1'`), or what leaves the integers (`7 / 2`), is an error when it is
    /// evaluated.
    Native,
    /// ECMAScript, by the interpreter of `boa_engine`.
    ///
    /// Variables are plain data between evaluations: functions are kept as their source, and what two variables share is
    /// copied. There is no clock and no chance in it (`Date` and `Math.random` are gone), and what the language comes with
    /// cannot be changed, so that equal instances go equal ways on all threads.
    #[cfg(feature = "scxml-ecmascript")]
    Ecmascript,
}

/// What an expression sees.
pub(super) struct Scope<'a> {
    pub(super) session: &'a ScxmlSession,
    pub(super) trigger: &'a Trigger<'a, ScxmlEvent>,
    pub(super) names: &'a EventNames,
    pub(super) is_in: &'a dyn Fn(&str) -> bool,
    /// All states: for a language that cannot call `is_in`.
    #[cfg(feature = "scxml-ecmascript")]
    pub(super) states: &'a [StateId],
}

/// An expression that was read.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Native(Native),
    #[cfg(feature = "scxml-ecmascript")]
    Script(Script),
    /// One that could not be read: why. To evaluate it is an error.
    Broken(String),
}

/// A place that can be assigned to.
#[derive(Clone, Debug)]
pub(super) enum Location {
    /// A declared variable by its number.
    Variable(usize),
    /// An assignment to be done by the language: of [`ECMA_VALUE`].
    #[cfg(feature = "scxml-ecmascript")]
    Script(Script),
    Broken(String),
}

/// The variable that holds what a [`Location::Script`] assigns.
#[cfg(feature = "scxml-ecmascript")]
pub(super) const ECMA_VALUE: &str = "__value";

impl DataModel {
    /// Reads an expression over declared variables.
    pub(super) fn expression(self, text: &str, declared: &[Arc<str>]) -> Result<Expression, String> {
        match self {
            Self::Null => match Native::read(text, &[])? {
                Native::In(state) if matches!(*state, Native::Value(_)) => Ok(Expression::Native(Native::In(state))),
                _ => Err("the null data model has no expressions but `In('state')`".to_owned()),
            },
            Self::Native => Native::read(text, declared).map(Expression::Native),
            #[cfg(feature = "scxml-ecmascript")]
            Self::Ecmascript => Script::expression(text).map(Expression::Script),
        }
    }

    /// Reads a place to assign to.
    pub(super) fn location(self, text: &str, declared: &[Arc<str>]) -> Result<Location, String> {
        match self {
            Self::Null => Err("the null data model has no variables".to_owned()),
            Self::Native => {
                let at = declared.iter().position(|known| **known == *text.trim());
                at.map(Location::Variable)
                    .ok_or_else(|| format!("there is no variable `{}` to assign to: declare it with `data`", text.trim()))
            }
            #[cfg(feature = "scxml-ecmascript")]
            Self::Ecmascript => Script::assignment(text).map(Location::Script),
        }
    }

    /// Reads a script.
    pub(super) fn script(self, text: &str) -> Result<Expression, String> {
        match self {
            Self::Null | Self::Native => {
                let _ = text;
                Err("this data model has no scripts: use `assign`, or the ECMAScript data model (feature `scxml-ecmascript`)".to_owned())
            }
            #[cfg(feature = "scxml-ecmascript")]
            Self::Ecmascript => Script::program(text).map(Expression::Script),
        }
    }
}

impl Expression {
    /// Evaluates it without changing anything.
    pub(super) fn value(&self, scope: &Scope<'_>) -> Result<ScxmlValue, String> {
        match self {
            Self::Native(native) => native.value(scope),
            #[cfg(feature = "scxml-ecmascript")]
            Self::Script(script) => script.value(scope),
            Self::Broken(why) => Err(why.clone()),
        }
    }

    /// The condition in a form that guards are made of.
    pub(super) fn as_native(&self) -> Option<&Native> {
        match self {
            Self::Native(native) => Some(native),
            _ => None,
        }
    }
}

/// What stands as text in an element: data if it reads as such, and otherwise text with single spaces.
pub(super) fn content(text: &str) -> ScxmlValue {
    let number = || text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(ScxmlValue::from);
    let words = || (&*text.split_whitespace().collect::<Vec<_>>().join(" ")).into();
    Native::constant(text).or_else(number).unwrap_or_else(words)
}
