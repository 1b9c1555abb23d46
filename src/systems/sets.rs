//! Names to order systems by.

use bevy_ecs::schedule::{ScheduleLabel, SystemSet};

/// The schedule of one tick. Add systems to it to run them before, between and after its phases.
#[derive(ScheduleLabel, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ActorTick;

/// The schedule that runs after each round of a tick, once something is added to it.
#[derive(ScheduleLabel, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ActorRound;

/// The phases of a tick, in order.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ThrongSystems {
    /// Mail from outside comes in.
    Inlet,
    /// Timers that are due become mail.
    Timers,
    /// Rounds of deliver, handle and supervise until no mail is left.
    Rounds,
    /// What handlers emitted goes out.
    Outlet,
}
