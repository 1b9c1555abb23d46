//! The mark of a failed actor.

use bevy_ecs::component::Component;

use crate::actor::Failure;
use crate::id::ActorId;

/// On an entity whose actor has failed and whose supervisor has not yet decided.
///
/// It is there from the end of the round in which the actor failed until the supervise step of the same
/// round, so observers see it (`On<Add, Failed>`), and systems hardly ever.
#[derive(Component, Debug)]
#[component(storage = "SparseSet")]
pub struct Failed {
    pub(crate) id: ActorId,
    pub(crate) failure: Failure,
}

impl Failed {
    /// The actor.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.id
    }

    /// How it failed.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        &self.failure
    }
}
