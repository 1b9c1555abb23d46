//! Faults of inbound batches, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;

use super::inlet::Inbound;

/// What goes wrong with the batch of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchFault {
    Drop,
    DelayTo(u64),
    Reverse,
}

/// Faults for the next tick, and batches that come later.
#[derive(Resource, Default)]
pub(crate) struct BatchFaults(Mutex<State>);

#[derive(Default)]
struct State {
    next: Vec<BatchFault>,
    delayed: BTreeMap<u64, Vec<Box<dyn Inbound>>>,
}

impl BatchFaults {
    pub(crate) fn add(&self, fault: BatchFault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next.push(fault);
    }
}

/// What comes in with a tick instead of a batch: delayed batches first.
pub(super) fn break_batch(world: &World, tick: u64, mut batch: Vec<Box<dyn Inbound>>) -> Vec<Box<dyn Inbound>> {
    let Some(faults) = world.get_resource::<BatchFaults>() else { return batch };
    let mut state = faults.0.lock().unwrap_or_else(PoisonError::into_inner);
    for fault in std::mem::take(&mut state.next) {
        match fault {
            BatchFault::Drop => batch.clear(),
            BatchFault::Reverse => batch.reverse(),
            BatchFault::DelayTo(later) => state.delayed.entry(later).or_default().append(&mut batch),
        }
    }
    let later = state.delayed.split_off(&tick.saturating_add(1));
    let due = std::mem::replace(&mut state.delayed, later);
    due.into_values().flatten().chain(batch).collect()
}
