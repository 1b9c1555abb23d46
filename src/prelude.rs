//! What most programs need.

#[doc(no_inline)]
pub use crate::{
    Actor, ActorConfig, ActorId, ActorRef, Context, Handled, HasMailbox, Mail, MailboxConfig, OutletPort, Overflow, Pace, Recipient,
    RestartIntensity, Throng, ThrongOptions, ThrongSystems,
};

#[cfg(feature = "bevy_app")]
#[doc(no_inline)]
pub use crate::{ThrongAppExt, ThrongPlugin};
