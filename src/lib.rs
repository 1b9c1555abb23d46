#![doc = include_str!("../README.md")]

mod actor;
mod border;
mod cache;
mod charted;
mod digest;
mod error;
mod id;
mod keyed;
mod mailbox;
mod panics;
mod parcel;
#[cfg(feature = "bevy_app")]
mod plugin;
pub mod prelude;
mod registry;
pub mod statechart;
mod store;
mod supervision;
mod systems;
#[cfg(feature = "testkit")]
pub mod testkit;
mod throng;
mod types;
mod wheel;
mod world;

#[doc(hidden)]
pub use actor::carried;
pub use actor::{
    Actor, ActorFailure, ActorRef, ActorRefs, AskError, AskFrom, AskFuture, AskStats, Asking, Batch, Context, Destination, ExitReason,
    Failure, FailureKind, Handled, HasMailbox, JobError, Keyed, KeyedActor, MonitorRef, Notice, OutletPort, Pinned, PinnedError, Pool,
    Recipient, ReplyTo, Ring, Router, Routing, SendOrPinned, TellFrom, This, Topic, Turn, Undelivered, keyed,
};
pub use border::{Inlet, Pace, PaceReport, PendingReply, SendError, TrySendError};
pub use charted::{Callback, ChartActor, ChartMail, Charted, Charting, SendBack, SharedChart};
pub use digest::{Digester, StateDigest};
pub use error::{AdoptError, RegisterError, SpawnError};
pub use id::{ActorId, KINDS_MAX};
pub use keyed::{KeyedStats, StoreFailure, StoreWork};
pub use mailbox::{ConfigError, DeadLetter, DeadReason, MailStats, MailboxConfig, Overflow};
pub use registry::{NameError, TopicError};
#[cfg(feature = "store")]
pub use store::RedbStore;
pub use store::{ActorKey, KeyBatch, MemoryStore, Persist, PersistError, SaveBatch, Store, StoreError};
pub use supervision::{
    AutoShutdown, Backoff, ChildError, ChildState, Failed, RestartIntensity, RestartPolicy, RestartStrategy, Shutdown, SpecError,
};
pub use systems::{
    ActorConfig, ActorRound, ActorTick, ChildKey, ChildReply, ChildSpec, JobLog, JobMode, KeyedConfig, LifeEvent, LifeStep, Mail, NoMail,
    ShutdownReport, Stats, SupervisionTree, Supervisor, SupervisorSpec, ThrongOptions, ThrongSystems, TreeNode, Unstopped,
};
pub use throng::Throng;
pub use throng_macros::service;
pub use world::Mailbox;

#[cfg(feature = "bevy_app")]
pub use plugin::{ThrongAppExt, ThrongPlugin};

/// The guide's recipes, as tests.
#[cfg(doctest)]
mod guide {
    macro_rules! chapters {
        ($($name:ident $file:literal)*) => {
            $(#[doc = include_str!(concat!("../docs/guide/src/", $file))] mod $name {})*
        };
    }
    chapters!(ask "ask.md" services "services.md" pinned "pinned.md" timers "timers.md" naming "naming.md" pools "pools.md");
    chapters!(offload "offload.md" async_blocks "async.md" orleans "orleans.md" charts "charts.md");
    #[cfg(feature = "xstate-json")]
    chapters!(xstate "xstate.md");
    #[cfg(feature = "scxml")]
    chapters!(scxml "scxml.md");
    #[cfg(feature = "testkit")]
    chapters!(testkit "testkit.md");
}
