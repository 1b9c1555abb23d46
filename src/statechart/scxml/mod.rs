//! Charts from SCXML documents.
//!
//! # Model
//!
//! A document becomes a chart whose actions are its executable content, and whose context holds its variables. The files, from
//! what users hold to what runs: `document`, `bindings`, `problem`; `xml` (the text), `writer` (states and transitions),
//! `reader` (executable content), `program` (all of it, ready to run); `content` (carries it out), `invoke` (children),
//! `session` and `event` (what is kept and sent), `value`;
//! `expression` (any language), `native` and `ecmascript` (each one).
//!
//! # Invariants
//!
//! 1. What an instance keeps is plain data: its session is cloned, hashed and compared.
//! 2. A block that fails raises one error event, and does nothing after it.
//!
//! # Source
//!
//! W3C, "State Chart XML (SCXML)", 1 September 2015.

mod bindings;
mod content;
mod document;
#[cfg(feature = "scxml-ecmascript")]
mod ecmascript;
mod event;
mod expression;
mod invoke;
mod native;
mod problem;
mod program;
mod reader;
mod session;
mod value;
mod writer;
mod xml;

pub use bindings::{ScxmlBindings, ScxmlMessage};
pub use document::ScxmlDocument;
pub(crate) use event::Instant;
pub use event::{ScxmlEvent, ScxmlEventType};
pub use expression::DataModel;
pub(crate) use invoke::Family;
pub use problem::{ScxmlError, ScxmlProblem};
pub use session::ScxmlSession;
pub use value::{ScxmlNumber, ScxmlValue};
