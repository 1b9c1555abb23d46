//! The order of things: what happens in a tick, and who does it.
//!
//! # Model
//!
//! `tick` runs rounds; a round runs a `pass` for each actor type with mail; a pass deals its blocks
//! out to workers, each of which works a `shift`. What was born, failed or asked to stop is settled
//! when the round ends (`settle`).

mod asks;
mod behaviour;
mod config;
mod engine;
mod fate;
mod hub;
mod jobs;
mod keeper;
mod keyed;
mod lens;
mod lives;
mod mail;
mod node;
mod parts;
mod pass;
mod pools;
mod registry;
mod requests;
mod rings;
mod sets;
mod settle;
mod shift;
mod spec;
mod supervise;
mod tick;
mod timers;
mod tree;

pub use config::ActorConfig;
pub use engine::{Stats, ThrongOptions};
pub use jobs::{JobLog, JobMode};
pub use keyed::KeyedConfig;
pub use lives::{ChildReply, LifeEvent, LifeStep};
pub use mail::Mail;
pub use sets::{ActorRound, ActorTick, ThrongSystems};
pub use spec::{ChildSpec, NoMail, Supervisor, SupervisorSpec};
pub use supervise::{ChildKey, ShutdownReport, Unstopped};
pub use tree::{SupervisionTree, TreeNode};

pub(crate) use behaviour::{ActorBehaviour, Behaviour};
pub(crate) use config::Fresh;
pub(crate) use engine::Engine;
pub(crate) use mail::MailSystem;
pub(crate) use pools::SPAWN_BATCH;
pub(crate) use supervise::ChildRequest;
pub(crate) use tick::{begin_tick, run_rounds};
pub(crate) use timers::fire_timers;
