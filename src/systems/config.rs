//! The settings of an actor type.

use std::fmt;
use std::sync::Arc;

use crate::actor::Actor;
use crate::digest::{DigestOf, StateDigest};
use crate::id::ActorId;
use crate::mailbox::MailboxConfig;
use crate::supervision::RestartIntensity;

/// Makes fresh state for an actor.
pub(crate) type Fresh<A> = Arc<dyn Fn(ActorId) -> A + Send + Sync>;

/// How actors of type `A` are kept, restarted and digested.
///
/// # Examples
///
/// ```
/// use bevy_ecs::component::Component;
/// use throng::prelude::*;
///
/// #[derive(Component, Default, Hash)]
/// struct Counter(u64);
/// # impl Actor for Counter { type Msg = u64; type Params = ();
/// #   fn handle(&mut self, n: u64, _: &Context<'_, Self>) -> Handled { self.0 += n; Ok(()) } }
///
/// let mut throng = Throng::default();
/// throng.register_with(
///     ActorConfig::<Counter>::new()
///         .mailbox(MailboxConfig::new(64)?)
///         .fresh(|_id| Counter::default())
///         .restart(RestartIntensity { intensity: 3, period_ticks: 60 })
///         .digest(),
/// )?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ActorConfig<A: Actor> {
    pub(crate) mailbox: MailboxConfig<A::Msg>,
    pub(crate) fresh: Option<Fresh<A>>,
    pub(crate) restart: RestartIntensity,
    pub(crate) keep_mailbox: bool,
    pub(crate) digest: Option<DigestOf<A>>,
    pub(crate) digest_mail: Option<DigestOf<A::Msg>>,
}

impl<A: Actor> ActorConfig<A> {
    /// The defaults: a mailbox of 1,024 that pushes back; restarts as [`RestartIntensity::default`] for
    /// actors that were spawned with a way to make fresh state; the mailbox is kept over restarts.
    #[must_use]
    pub fn new() -> Self {
        Self {
            mailbox: MailboxConfig::default(),
            fresh: None,
            restart: RestartIntensity::default(),
            keep_mailbox: true,
            digest: None,
            digest_mail: None,
        }
    }

    /// Sets the mailboxes.
    #[must_use]
    pub fn mailbox(mut self, mailbox: MailboxConfig<A::Msg>) -> Self {
        self.mailbox = mailbox;
        self
    }

    /// Says how to make fresh state for an actor that was spawned by its state alone. Without it such
    /// an actor stops when it fails.
    #[must_use]
    pub fn fresh(mut self, fresh: impl Fn(ActorId) -> A + Send + Sync + 'static) -> Self {
        self.fresh = Some(Arc::new(fresh));
        self
    }

    /// Sets how often an actor may be restarted before it is given up and stopped.
    #[must_use]
    pub fn restart(mut self, intensity: RestartIntensity) -> Self {
        self.restart = intensity;
        self
    }

    /// Makes mail that waits when an actor is restarted dead letters, as OTP does.
    #[must_use]
    pub fn drop_mailbox_on_restart(mut self) -> Self {
        self.keep_mailbox = false;
        self
    }

    /// Takes the states of these actors into the world's digest.
    #[must_use]
    pub fn digest(mut self) -> Self
    where
        A: StateDigest,
    {
        self.digest = Some(A::digest);
        self
    }

    /// Takes the content of mail that is kept in these actors' mailboxes into the world's digest. Costs messages
    /// nothing.
    #[must_use]
    pub fn digest_mail(mut self) -> Self
    where
        A::Msg: StateDigest,
    {
        self.digest_mail = Some(A::Msg::digest);
        self
    }
}

impl<A: Actor> Default for ActorConfig<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Actor> fmt::Debug for ActorConfig<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorConfig")
            .field("mailbox", &self.mailbox)
            .field("fresh", &self.fresh.is_some())
            .field("restart", &self.restart)
            .field("keep_mailbox", &self.keep_mailbox)
            .field("digest", &self.digest.is_some())
            .field("digest_mail", &self.digest_mail.is_some())
            .finish()
    }
}
