//! Specs that cannot work.

use std::sync::Arc;

use thiserror::Error;

/// Why a tree of supervisors cannot work. Found before anything is started; names the child.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpecError {
    /// Two children of one supervisor have the same name. Fatal for the tree: rename one.
    #[error("supervisor `{supervisor}` has two children named `{child}`; rename one of them")]
    DuplicateName {
        /// The supervisor.
        supervisor: Arc<str>,
        /// The name.
        child: Arc<str>,
    },
    /// A permanent child is restarted whenever it ends, so it can never be what its supervisor shuts down for. Fatal for the tree: make it
    /// transient or temporary, or not significant.
    #[error(
        "child `{child}` of supervisor `{supervisor}` is significant and permanent; make it transient or temporary, or not significant"
    )]
    SignificantPermanent {
        /// The supervisor.
        supervisor: Arc<str>,
        /// The child.
        child: Arc<str>,
    },
    /// A significant child under a supervisor that never shuts down by itself. Fatal for the tree: set `auto_shutdown`.
    #[error(
        "child `{child}` of supervisor `{supervisor}` is significant, but the supervisor's auto_shutdown is never; set it, or make the child not significant"
    )]
    SignificantWithNever {
        /// The supervisor.
        supervisor: Arc<str>,
        /// The child.
        child: Arc<str>,
    },
    /// A window without length. Fatal for the tree: give at least 1 tick.
    #[error("supervisor `{supervisor}` has a restart period of 0 ticks; give at least 1")]
    PeriodZero {
        /// The supervisor.
        supervisor: Arc<str>,
    },
    /// A simple_one_for_one supervisor was given named children. Fatal for the tree: give it a template only, and start children at run time.
    #[error("supervisor `{supervisor}` is simple_one_for_one and starts without children; `{child}` can only be started at run time")]
    ChildOfPool {
        /// The supervisor.
        supervisor: Arc<str>,
        /// The child.
        child: Arc<str>,
    },
    /// The `Params` of a child's actor type cannot be used. Fatal for the tree.
    #[error("the actor type of child `{child}` cannot be registered: {why}")]
    ActorType {
        /// The child.
        child: Arc<str>,
        /// The reason.
        why: String,
    },
}
