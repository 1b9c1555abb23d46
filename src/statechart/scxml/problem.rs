//! What can be wrong with a document.

use thiserror::Error;

/// Why a document could not be read: all that is wrong with it.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("the SCXML document cannot be read:{}", .problems.iter().map(|problem| format!("\n- {problem}")).collect::<String>())]
#[non_exhaustive]
pub struct ScxmlError {
    /// What is wrong, in the order of lines.
    pub problems: Vec<ScxmlProblem>,
}

/// One thing that is wrong with a document. Lines count from 1.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScxmlProblem {
    /// It is no XML.
    #[error("it is no XML: {0}")]
    Syntax(String),
    /// Something is not what it should be.
    #[error("line {line}: {what}")]
    Wrong {
        /// Where.
        line: u32,
        /// What is wrong, and what to do.
        what: String,
    },
    /// An element or an attribute that is not carried out.
    #[error("line {line}: {what} is not supported: {remedy}")]
    Unsupported {
        /// Where.
        line: u32,
        /// What it is.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// An expression that cannot be read.
    #[error("line {line}: the expression `{text}` cannot be read: {reason}")]
    Expression {
        /// Where.
        line: u32,
        /// The expression.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that nothing is bound to.
    #[error("line {line}: the {kind} `{name}` is not bound: give `ScxmlBindings` a function for it")]
    Unbound {
        /// Where.
        line: u32,
        /// What it names.
        kind: &'static str,
        /// The name.
        name: String,
    },
}

impl ScxmlProblem {
    /// The line, if it has one.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        match self {
            Self::Syntax(_) => None,
            Self::Wrong { line, .. } | Self::Unsupported { line, .. } | Self::Expression { line, .. } | Self::Unbound { line, .. } => {
                Some(*line)
            }
        }
    }
}
