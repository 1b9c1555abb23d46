//! Changes of names and topics take effect when the round is settled.

use super::engine::Engine;
use crate::actor::{Change, Failure, FailureKind, Signal};
use crate::digest::Digester;
use crate::id::ActorId;

impl Engine {
    /// Carries a change out.
    pub(super) fn change(&mut self, change: Change) {
        match change {
            Change::Register { actor, .. } | Change::Join { actor, .. } if !self.is_alive(actor) => {}
            Change::Register { name, actor } => {
                if let Err(error) = self.hub.registry.names.register(name, actor) {
                    let failure = Failure { kind: FailureKind::Error, reason: error.to_string() };
                    self.hub.signals.push(Signal::Failed(actor, failure));
                }
            }
            Change::Unregister { name, actor } => {
                if self.hub.registry.names.holder(&name) == Some(actor) {
                    self.hub.registry.names.unregister(&name);
                }
            }
            Change::Join { topic, actor, publish } => self.hub.registry.topics.join(topic, actor, publish),
            Change::Resize { pool, members } => self.hub.registry.pools.resize(pool, members),
            Change::Leave { topic, actor } => self.hub.registry.topics.leave(topic, actor),
        }
    }

    /// The live members of a topic, by type and in the order of their ids.
    pub(crate) fn members(&self, topic: u32) -> Vec<ActorId> {
        let branches = self.hub.registry.topics.branches(topic).iter();
        branches.flat_map(|branch| branch.audience.members(branch.kind)).filter(|&member| self.is_alive(member)).collect()
    }

    pub(super) fn digest_registry(&self, digester: &mut Digester) {
        self.hub.registry.names.digest(digester);
        self.hub.registry.pools.digest(digester);
        self.hub.registry.topics.digest(|id| self.is_alive(id), digester);
    }
}
