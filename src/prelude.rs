//! What most programs need.

#[doc(no_inline)]
pub use crate::{
    Actor, ActorConfig, ActorId, ActorRef, AskError, Context, Handled, HasMailbox, Mail, MailboxConfig, OutletPort, Overflow, Pace,
    Recipient, ReplyTo, RestartIntensity, Throng, ThrongOptions, ThrongSystems, Topic,
};

#[cfg(feature = "bevy_app")]
#[doc(no_inline)]
pub use crate::{ThrongAppExt, ThrongPlugin};
