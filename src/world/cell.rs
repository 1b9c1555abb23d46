//! The mailbox as a component: sixteen bytes for an actor that has nothing special.
//!
//! # Model
//!
//! The cell holds the actor's id, which proves that a guessed row is the right one, and a pointer to
//! what only some actors have: kept mail, settings of their own, a failure, muting. An actor without
//! such a box takes its mail straight from the delivery buckets.
//!
//! # Invariants
//!
//! 1. During a pass only the worker that owns the actor's block touches `held`; others may read `id`
//!    when their guess of a row is wrong.
//! 2. The id's top bit says that the actor is closed: it has asked to stop and takes no more mail.

#![expect(unsafe_code, reason = "workers reach cells of their own block through shared references; see invariant 1")]

use std::any::Any;
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::fmt;
use std::hash::Hash;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bevy_ecs::change_detection::DetectChangesMut;
use bevy_ecs::component::Component;
use bevy_ecs::lifecycle::HookContext;
use bevy_ecs::resource::Resource;
use bevy_ecs::world::DeferredWorld;

use super::History;
use crate::actor::HasMailbox;
use crate::digest::{DigestOf, Digester};
use crate::id::ActorId;
use crate::mailbox::{Envelope, KeptMail, MailboxConfig};

const CLOSED: u64 = 1 << 63;

/// The mailbox of an actor: the component that makes an entity an actor of type `A`.
///
/// It is put on and taken off by throng alone. Query it to learn an entity's [`ActorId`].
#[derive(Component)]
#[component(on_remove = note_loss::<A>)]
pub struct Mailbox<A: HasMailbox> {
    id: AtomicU64,
    held: UnsafeCell<Option<Box<Held<A::Msg>>>>,
}

// SAFETY: `id` is atomic; `held` is reached only through `held`, whose callers keep invariant 1, and
// through `&mut self`. What it holds is `Send`, as messages are.
unsafe impl<A: HasMailbox> Sync for Mailbox<A> {}

/// Whether an actor may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Life {
    #[default]
    Running,
    /// It failed; its supervisor has not decided yet.
    Failed,
}

/// What an actor is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posture {
    /// It runs and has nothing to do.
    pub(crate) is_at_rest: bool,
    pub(crate) has_failed: bool,
}

/// What only some mailboxes have.
#[derive(Debug)]
pub(crate) struct Held<M> {
    pub(crate) kept: KeptMail<M>,
    /// Mail that found no room and stays with its senders, in order of arrival.
    pub(crate) parked: VecDeque<Envelope<M>>,
    /// Of those, how many came from outside, where nobody can be muted.
    pub(crate) parked_from_outside: u32,
    /// How many messages of this actor are parked elsewhere.
    pub(crate) muted: u32,
    /// Async blocks that are to be over before it takes mail.
    pub(crate) turns: u32,
    /// The worker will visit it when the block's buckets are empty.
    pub(crate) is_listed: bool,
    /// It is listed, and has room for whatever comes.
    pub(crate) takes_all: bool,
    pub(crate) life: Life,
    pub(crate) config: Option<Box<MailboxConfig<M>>>,
    /// Ticks of the restarts within the supervisor's window.
    pub(crate) restarts: History,
}

impl<M> Default for Held<M> {
    fn default() -> Self {
        Self {
            kept: KeptMail::default(),
            parked: VecDeque::new(),
            parked_from_outside: 0,
            muted: 0,
            turns: 0,
            is_listed: false,
            takes_all: false,
            life: Life::Running,
            config: None,
            restarts: History::default(),
        }
    }
}

impl<M> Held<M> {
    /// Whether the actor takes its mail like one that holds nothing.
    fn is_open(&self) -> bool {
        self.is_at_rest() && self.config.is_none()
    }

    /// Whether nothing would be lost without the box.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_open() && self.restarts.is_empty()
    }

    /// Whether the actor runs and has nothing to do.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.kept.is_empty() && self.parked.is_empty() && self.muted == 0 && self.turns == 0 && self.life == Life::Running
    }

    /// Whether the actor may take kept mail. One in a turn may not; a muted actor may not, unless it is full itself.
    pub(crate) fn may_run(&self, capacity: usize) -> bool {
        self.life == Life::Running && self.turns == 0 && (self.muted == 0 || self.kept.len() >= capacity || !self.parked.is_empty())
    }

    /// Feeds what later rounds depend on: of messages their senders and, if it is known how, their content.
    pub(crate) fn digest(&self, content: Option<DigestOf<M>>, digester: &mut Digester) {
        (self.muted, self.turns, self.life == Life::Failed, &self.restarts, self.parked_from_outside).hash(digester);
        let parked = self.parked.iter().map(|envelope| (false, envelope));
        for (is_postponed, envelope) in self.kept.iter().chain(parked) {
            (is_postponed, envelope.from).hash(digester);
            if let Some(content) = content {
                content(&envelope.msg, digester);
            }
        }
    }

    /// Messages in it.
    pub(crate) fn queued(&self) -> usize {
        self.kept.len() + self.parked.len()
    }
}

impl<A: HasMailbox> Mailbox<A> {
    pub(crate) fn new(id: ActorId) -> Self {
        Self { id: AtomicU64::new(id.to_bits()), held: UnsafeCell::new(None) }
    }

    /// Whether this is the cell of `id`, and open.
    #[inline]
    pub(crate) fn is(&self, id: ActorId) -> bool {
        self.id.load(Ordering::Relaxed) == id.to_bits()
    }

    /// Takes no more mail.
    pub(crate) fn close(&self) {
        self.id.fetch_or(CLOSED, Ordering::Relaxed);
    }

    /// Takes mail again: the actor closed it, and was restarted.
    pub(crate) fn reopen(&self) {
        self.id.fetch_and(!CLOSED, Ordering::Relaxed);
    }

    fn is_closed(&self) -> bool {
        self.id.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// The actor that the entity is, unless it takes no more mail.
    #[inline]
    pub(crate) fn open_id(&self) -> Option<ActorId> {
        let bits = self.id.load(Ordering::Relaxed);
        (bits & CLOSED == 0).then(|| ActorId::from_bits(bits))
    }

    /// The actor that the entity is.
    #[must_use]
    pub fn actor_id(&self) -> ActorId {
        ActorId::from_bits(self.id.load(Ordering::Relaxed) & !CLOSED)
    }

    /// Closes the mailbox and takes out what it holds.
    pub(crate) fn retire(&mut self) -> Option<Box<Held<A::Msg>>> {
        self.close();
        self.held.get_mut().take()
    }

    /// Whether mail may be handled straight away.
    ///
    /// # Safety
    ///
    /// As [`Mailbox::held`].
    #[inline]
    pub(crate) unsafe fn is_open(&self) -> bool {
        // SAFETY: the caller owns the block.
        unsafe { &*self.held.get() }.as_ref().is_none_or(|held| held.is_open())
    }

    /// Whether the actor may act without mail: it runs, and is not muted.
    ///
    /// # Safety
    ///
    /// As [`Mailbox::held`].
    #[inline]
    pub(crate) unsafe fn may_tick(&self) -> bool {
        // SAFETY: the caller owns the block.
        unsafe { &*self.held.get() }.as_ref().is_none_or(|held| held.life == Life::Running && held.muted == 0)
    }

    /// What the actor is about.
    ///
    /// # Safety
    ///
    /// As [`Mailbox::held`], or no pass runs.
    pub(crate) unsafe fn posture(&self) -> Posture {
        // SAFETY: nobody writes it, by the caller's promise.
        let held = unsafe { &*self.held.get() };
        held.as_ref().map_or(Posture { is_at_rest: true, has_failed: false }, |held| Posture {
            is_at_rest: held.is_at_rest(),
            has_failed: held.life == Life::Failed,
        })
    }

    /// The box, through a shared reference.
    ///
    /// # Safety
    ///
    /// The caller is the only one who touches this cell's box while the reference lives: it owns the
    /// actor's block in the running pass.
    #[expect(clippy::mut_from_ref, reason = "the block's owner has the cell to itself")]
    pub(crate) unsafe fn held(&self) -> &mut Option<Box<Held<A::Msg>>> {
        // SAFETY: promised by the caller.
        unsafe { &mut *self.held.get() }
    }

    pub(crate) fn held_mut(&mut self) -> &mut Option<Box<Held<A::Msg>>> {
        self.held.get_mut()
    }
}

/// Actors whose entity the host app despawned, with what their mailboxes held.
#[derive(Resource, Default)]
pub(crate) struct Lost(Mutex<Vec<Loss>>);

type Loss = (ActorId, Option<Box<dyn Any + Send>>);

impl Lost {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_ok_and(|losses| losses.is_empty())
    }

    pub(crate) fn take(&mut self) -> Vec<Loss> {
        self.0.get_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// A mailbox goes. If throng did not retire it first, its actor is lost.
fn note_loss<A: HasMailbox>(mut world: DeferredWorld<'_>, hook: HookContext) {
    let Some(mut cell) = world.get_mut::<Mailbox<A>>(hook.entity) else { return };
    if cell.is_closed() && cell.held_mut().is_none() {
        return;
    }
    let cell = cell.bypass_change_detection();
    let id = cell.actor_id();
    let held = cell.retire().map(|held| held as Box<dyn Any + Send>);
    if let Some(mut lost) = world.get_resource_mut::<Lost>()
        && let Ok(losses) = lost.0.get_mut()
    {
        losses.push((id, held));
    }
}

impl<A: HasMailbox> fmt::Debug for Mailbox<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("actor_id", &self.actor_id()).finish_non_exhaustive()
    }
}
