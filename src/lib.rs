#![doc = include_str!("../README.md")]

mod actor;
mod border;
mod cache;
mod charted;
mod digest;
mod error;
mod id;
mod mailbox;
mod panics;
#[cfg(feature = "bevy_app")]
mod plugin;
pub mod prelude;
pub mod statechart;
mod supervision;
mod systems;
mod throng;
mod types;
mod wheel;
mod world;

pub use actor::{
    Actor, ActorFailure, ActorRef, ActorRefs, AskError, Asking, Batch, Context, Destination, ExitReason, Failure, FailureKind, Handled,
    HasMailbox, MonitorRef, Notice, OutletPort, Recipient, ReplyTo, Turn, Undelivered,
};
pub use border::{Inlet, Pace, PaceReport, PendingReply, SendError, TrySendError};
pub use charted::{ChartActor, ChartMail, Charted, Charting, SharedChart};
pub use digest::{Digester, StateDigest};
pub use error::{AdoptError, RegisterError, SpawnError};
pub use id::{ActorId, KINDS_MAX};
pub use mailbox::{ConfigError, DeadLetter, DeadReason, MailStats, MailboxConfig, Overflow};
pub use supervision::{
    AutoShutdown, Backoff, ChildError, ChildState, Failed, RestartIntensity, RestartPolicy, RestartStrategy, Shutdown, SpecError,
};
pub use systems::{
    ActorConfig, ActorRound, ActorTick, AskStats, ChildKey, ChildReply, ChildSpec, LifeEvent, LifeStep, Mail, NoMail, ShutdownReport,
    Stats, SupervisionTree, Supervisor, SupervisorSpec, ThrongOptions, ThrongSystems, TreeNode, Unstopped,
};
pub use throng::Throng;
pub use world::Mailbox;

#[cfg(feature = "bevy_app")]
pub use plugin::{ThrongAppExt, ThrongPlugin};
