//! Errors that belong to the world as a whole.

use std::any::type_name;

use bevy_ecs::entity::Entity;
use thiserror::Error;

use crate::id::KINDS_MAX;
use crate::statechart::ChartError;

/// Why an actor type could not be registered.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// It is registered already. Not fatal: register once, with its settings, before the first spawn.
    #[error("actor type `{actor}` is registered already; register it once, with its settings, before spawning it")]
    Twice {
        /// The actor type.
        actor: &'static str,
    },
    /// There are too many types. Not fatal for the others.
    #[error("a world holds at most {KINDS_MAX} actor types")]
    TooMany,
    /// The actor's `Params` cannot be read while its handlers run in parallel. Fatal for this type:
    /// change its `Params`.
    #[error("the `Params` of actor type `{actor}` cannot be used: {why}")]
    Params {
        /// The actor type.
        actor: &'static str,
        /// What conflicts.
        why: String,
    },
    /// The actor's chart is wrong. Fatal for this type: change the chart.
    #[error(transparent)]
    Chart(#[from] ChartError),
}

/// Why an actor could not be spawned.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpawnError {
    /// A handler named an actor type that the world does not know. Not fatal: register it when the
    /// world is set up.
    #[error("actor type `{actor}` is not registered; call `throng.register::<{actor}>()` before a handler spawns or addresses it")]
    NotRegistered {
        /// The actor type.
        actor: &'static str,
    },
}

impl SpawnError {
    pub(crate) fn not_registered<A: ?Sized>() -> Self {
        Self::NotRegistered { actor: type_name::<A>() }
    }
}

/// Why an entity could not be adopted as an actor.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdoptError {
    /// The entity does not exist (any more). Not fatal.
    #[error("entity {0} does not exist")]
    NoSuchEntity(Entity),
    /// The entity has a mailbox of this type already. Not fatal: ask its `Mailbox` for the id.
    #[error("entity {0} is such an actor already; its `Mailbox` component knows its id")]
    Already(Entity),
}
