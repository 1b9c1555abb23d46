//! What a handler can do: its turn, and the typed context around it.

#![expect(unsafe_code, reason = "the borrowed parameters of a worker are kept as a pointer: a struct cannot name their lifetime")]

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use bevy_ecs::system::SystemParamItem;
use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::ask::{AskKey, Asker, GoOn, Outward};
use super::asked::{AskPlace, AskTables};
use super::outbox::{Act, OutletPort, Stop};
use super::returns::WorldNo;
use super::stage::TaskId;
use super::task::Started;
use super::tasks::Tasks;
use super::{Actor, ActorRef, ClaimOrder, Destination, HasMailbox, Nursery, OutboxCell};
use crate::error::SpawnError;
use crate::id::{ActorId, BlockId, Kind, MemberId};
use crate::mailbox::Shout;
use crate::registry::Registry;
use crate::types::TypeMap;

/// Hooks draw from other streams than the handler calls of the same round.
const HOOK_DRAWS: u32 = 1 << 31;

/// What all turns of a pass share.
#[derive(Clone, Copy)]
pub(crate) struct TurnEnv<'a> {
    pub(crate) tick: u64,
    pub(crate) round: u32,
    pub(crate) seed: u64,
    pub(crate) kinds: &'a TypeMap<Kind>,
    pub(crate) nurseries: &'a [Nursery],
    /// Sessions of hooks before this one in this tick: each draws from streams of its own.
    pub(crate) sessions: u32,
    /// The time that a tick stands for.
    pub(crate) tick_period: Duration,
    pub(crate) world: WorldNo,
    pub(crate) registry: &'a Registry,
}

/// What the handler asked for that the engine must see to at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish(u8);

impl Wish {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const STOP: u8 = 1;
    const POSTPONE: u8 = 2;
    const REPLAY: u8 = 4;
    pub(crate) const EXIT: u8 = 8;
    pub(crate) const IGNORE: u8 = 16;
    /// It started async blocks.
    const START: u8 = 32;
    /// It entered or left turns; see [`Context::note_turns`].
    const TURN: u8 = 64;

    pub(crate) fn stop(self) -> bool {
        self.0 & Self::STOP != 0
    }
    pub(crate) fn postpone(self) -> bool {
        self.0 & Self::POSTPONE != 0
    }
    pub(crate) fn replay(self) -> bool {
        self.0 & Self::REPLAY != 0
    }
    pub(crate) fn exit(self) -> bool {
        self.0 & Self::EXIT != 0
    }
    pub(crate) fn start(self) -> bool {
        self.0 & Self::START != 0
    }
    pub(crate) fn turn(self) -> bool {
        self.0 & Self::TURN != 0
    }
    pub(crate) fn ignore(self) -> bool {
        self.0 & Self::IGNORE != 0
    }
}

/// One call of a handler: who runs, who sent the message, and the outbox.
///
/// All methods take `&self`, so a handler can send while it iterates its own fields. What it sends
/// leaves when the call succeeds, and is handled in the next round.
pub struct Turn<'a> {
    outbox: &'a OutboxCell,
    env: TurnEnv<'a>,
    order: Cell<(u32, u32)>,
    before: &'a [std::sync::atomic::AtomicBool],
    me: Cell<ActorId>,
    /// The sender, as a member of the block that is its source.
    from: Cell<Option<MemberId>>,
    source: Cell<BlockId>,
    wish: Cell<Wish>,
    round: Cell<u32>,
    /// Random generators drawn since the block began.
    draws: Cell<u32>,
    /// Monitors set since the block began.
    monitors: Cell<u32>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(outbox: &'a OutboxCell, env: TurnEnv<'a>, before: &'a [std::sync::atomic::AtomicBool], me: ActorId) -> Self {
        Self {
            outbox,
            env,
            order: Cell::new((0, 1)),
            before,
            me: Cell::new(me),
            from: Cell::new(None),
            source: Cell::new(BlockId::NONE),
            wish: Cell::new(Wish::NONE),
            round: Cell::new(env.round),
            draws: Cell::new(HOOK_DRAWS | (env.sessions << 8)),
            monitors: Cell::new(HOOK_DRAWS | (env.sessions << 8)),
        }
    }

    /// Starts a call.
    #[inline]
    pub(crate) fn begin(&self, me: ActorId, from: Option<ActorId>) {
        self.set_sender(from);
        self.begin_from(me, from.map(ActorId::member_id));
    }

    /// Starts a call for a message from a member of the [source](Turn::set_source).
    #[inline]
    pub(crate) fn begin_from(&self, me: ActorId, from: Option<MemberId>) {
        self.me.set(me);
        self.from.set(from);
        self.outbox.with(super::Outbox::begin);
    }

    /// Starts another call of the same actor's, for the same message.
    pub(crate) fn begin_again(&self) {
        self.outbox.with(super::Outbox::begin);
    }

    /// Tells of which block the senders of the following messages are.
    pub(crate) fn set_source(&self, source: BlockId) {
        self.source.set(source);
    }

    pub(crate) fn set_sender(&self, from: Option<ActorId>) {
        self.from.set(from.map(ActorId::member_id));
        self.source.set(from.map_or(BlockId::NONE, ActorId::block_id));
    }

    /// The block that the following calls belong to: number `chunk` of `chunks` in this pass.
    #[inline]
    pub(crate) fn begin_block(&self, chunk: u32, chunks: u32) {
        self.order.set((chunk, chunks));
        self.draws.set(0);
        self.monitors.set(0);
        self.outbox.with(super::Outbox::begin_block);
    }

    #[inline]
    pub(crate) fn wishes_nothing(&self) -> bool {
        self.wish.get() == Wish::NONE
    }

    pub(crate) fn wishes_to_postpone(&self) -> bool {
        self.wish.get().postpone()
    }

    pub(crate) fn take_wish(&self) -> Wish {
        self.wish.replace(Wish::NONE)
    }

    pub(crate) fn outbox(&self) -> &'a OutboxCell {
        self.outbox
    }

    pub(crate) fn wish(&self, bits: u8) {
        self.wish.set(Wish(self.wish.get().0 | bits));
    }

    pub(crate) fn next_monitor(&self) -> u32 {
        self.monitors.replace(self.monitors.get().wrapping_add(1))
    }

    /// The running actor.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.me.get()
    }

    /// Who sent the message; `None` if it came from outside.
    #[must_use]
    pub fn sender(&self) -> Option<ActorId> {
        self.from.get().map(|from| self.source.get().member(from))
    }

    /// The number of the running tick, from 1.
    #[must_use]
    pub fn tick(&self) -> u64 {
        self.env.tick
    }

    /// The number of the running round in its tick, from 0.
    #[must_use]
    pub fn round(&self) -> u32 {
        self.round.get()
    }

    pub(crate) fn world(&self) -> WorldNo {
        self.env.world
    }

    pub(crate) fn registry(&self) -> &'a Registry {
        self.env.registry
    }

    /// Notes an ask of another thread.
    pub(crate) fn note_ask_from_outside(&self, due: u64, outward: Outward) -> AskKey {
        self.outbox.with(|outbox| outbox.ask_from_outside(self.env.world, due, outward))
    }

    pub(crate) fn tick_period(&self) -> Duration {
        self.env.tick_period
    }

    /// The same worker goes on with the next round, which is about one block.
    #[inline]
    pub(crate) fn next_round(&self) {
        self.round.set(self.round.get() + 1);
        self.begin_block(0, 1);
    }

    /// Sends a message. It arrives in the next round, if this call succeeds.
    ///
    /// Messages to one receiver arrive in the order sent. Sending cannot fail: what cannot be
    /// delivered becomes a [`DeadLetter`](crate::DeadLetter) or follows the receiver's
    /// [`Overflow`](crate::Overflow) policy.
    #[inline]
    #[doc(alias = "cast")]
    #[doc(alias = "send")]
    pub fn tell<M>(&self, to: impl Destination<M>, msg: M) {
        let from = Some(self.me.get());
        to.deliver(self.env.registry, self.outbox, from, msg);
    }

    /// Sends a copy of a message to each receiver, in order.
    pub fn tell_all<M: Clone, D: Destination<M>>(&self, to: impl IntoIterator<Item = D>, msg: M) {
        for receiver in to {
            self.tell(receiver, msg.clone());
        }
    }

    /// Sends a message to every actor of type `A` that is alive in the next round.
    ///
    /// One message travels, which each reader clones when it reads: O(1) to send.
    ///
    /// # Panics
    ///
    /// Panics (which fails the running actor) if `A` is not registered.
    #[doc(alias = "publish")]
    pub fn broadcast<A: HasMailbox>(&self, msg: A::Msg)
    where
        A::Msg: Clone + Sync,
    {
        let Some(kind) = self.kind_of::<A>() else { panic!("{}", SpawnError::not_registered::<A>()) };
        let shout = Shout { from: Some(self.me.get()), make: Box::new(move || msg.clone()), audience: None };
        self.outbox.with(|outbox| outbox.shout::<A>(kind, shout));
    }

    /// Passes a message on in its sender's name.
    pub fn forward<M>(&self, to: impl Destination<M>, msg: M) {
        to.deliver(self.env.registry, self.outbox, self.sender(), msg);
    }

    /// Spawns a child, which stops when this actor stops. Its reference can be used at once; its
    /// entity is there when the round ends.
    ///
    /// # Panics
    ///
    /// Panics (which fails the running actor) if `A` is not registered; see [`Turn::try_spawn`].
    pub fn spawn<A: Actor>(&self, state: A) -> ActorRef<A> {
        self.try_spawn(state).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`Turn::spawn`], with an error instead of a panic.
    ///
    /// # Errors
    ///
    /// [`SpawnError::NotRegistered`] if the world does not know the type yet: a handler cannot
    /// register, since that changes the world. Call `register::<A>()` when the world is set up.
    pub fn try_spawn<A: Actor>(&self, state: A) -> Result<ActorRef<A>, SpawnError> {
        let parent = Some(self.me.get());
        self.give_birth(parent, state)
    }

    /// As [`Turn::spawn`], but under the root: the new actor does not stop with this one.
    ///
    /// # Errors
    ///
    /// As [`Turn::try_spawn`].
    pub fn try_spawn_detached<A: Actor>(&self, state: A) -> Result<ActorRef<A>, SpawnError> {
        self.give_birth(None, state)
    }

    fn give_birth<A: Actor>(&self, parent: Option<ActorId>, state: A) -> Result<ActorRef<A>, SpawnError> {
        let kind = self.kind_of::<A>().ok_or_else(SpawnError::not_registered::<A>)?;
        let nursery = &self.env.nurseries[kind as usize];
        let (chunk, chunks) = self.order.get();
        let order = ClaimOrder { chunk, chunks, before: self.before };
        let id = self.outbox.with(|outbox| outbox.give_birth(kind, nursery, &order, parent, state));
        Ok(ActorRef::from_id(id))
    }

    pub(crate) fn kind_of<A: HasMailbox>(&self) -> Option<Kind> {
        self.env.kinds.get(&TypeId::of::<A>()).copied()
    }

    /// Stops this actor when the call succeeds. It handles nothing more; mail that waits for it
    /// becomes dead letters.
    pub fn stop_self(&self) {
        let me = self.me.get();
        self.outbox.with(|outbox| outbox.stop(Stop { id: me, leaves: true }));
        self.wish(Wish::STOP);
    }

    /// Stops an actor and its children when the round ends. Stopping goes past user mail.
    pub fn stop(&self, actor: impl Into<ActorId>) {
        let actor = actor.into();
        self.outbox.with(|outbox| outbox.stop(Stop { id: actor, leaves: false }));
    }

    /// Hands a value to the outside when the tick ends.
    pub fn emit<T: Send + 'static>(&self, port: OutletPort<T>, value: T) {
        let value = Box::new(value);
        self.outbox.with(|outbox| outbox.act(Act::Emit { port: port.index, value }));
    }

    /// Makes all postponed messages due again, in their old order.
    pub fn replay_postponed(&self) {
        self.wish(Wish::REPLAY);
    }

    /// A fresh generator of random numbers: a pure function of the world's seed, this actor, the tick,
    /// the round, and how many generators its block of actors drew before; never of threads.
    ///
    /// Each call gives another stream. To draw many numbers at little cost, keep a generator in the
    /// actor's state.
    #[must_use]
    pub fn rng(&self) -> Xoshiro256PlusPlus {
        let draw = self.draws.get();
        self.draws.set(draw.wrapping_add(1));
        let parts = [self.env.seed, self.me.get().to_bits(), self.env.tick, u64::from(self.round.get()), u64::from(draw)];
        Xoshiro256PlusPlus::seed_from_u64(parts.into_iter().fold(0, crate::digest::mix))
    }
}

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("actor", &self.me.get())
            .field("sender", &self.sender())
            .field("tick", &self.env.tick)
            .field("round", &self.round.get())
            .finish_non_exhaustive()
    }
}

/// A message put back, with its sender.
type Postponed<M> = (Option<ActorId>, M);

/// A handler's context: its [`Turn`], to which it dereferences, with what only an actor of type `A` can do.
///
/// It belongs to the call's thread, so this does not compile:
///
/// ```compile_fail,E0277
/// # use throng::prelude::*;
/// # #[derive(bevy_ecs::component::Component)] struct Lamp;
/// # impl Actor for Lamp { type Msg = (); type Params = ();
/// fn handle(&mut self, (): (), cx: &Context<'_, Self>) -> Handled {
///     std::thread::scope(|scope| scope.spawn(|| cx.stop_self()).join().unwrap());
///     Ok(())
/// }
/// # }
/// ```
pub struct Context<'a, A: Actor> {
    turn: Turn<'a>,
    /// Points to a `SystemParamItem<'x, 'x, A::Params>` that outlives `'a`.
    params: *const (),
    postponed: Cell<Vec<Postponed<A::Msg>>>,
    /// Pending asks of the actors of this type.
    asks: &'a AskTables<A>,
    /// Async blocks that the running call started.
    started: RefCell<VecDeque<Started>>,
    /// Turns that the actor entered less those it left, in the running call.
    turns: Cell<i32>,
    params_outlive: PhantomData<&'a ()>,
}

impl<'a, A: Actor> Context<'a, A> {
    /// Wraps a turn with the worker's parameters and the pending asks of its actors.
    ///
    /// # Safety
    ///
    /// The context begins calls only of actors whose blocks its thread has to itself.
    pub(crate) unsafe fn new<'x: 'a>(turn: Turn<'a>, params: &'a SystemParamItem<'x, 'x, A::Params>, asks: &'a AskTables<A>) -> Self {
        Self {
            turn,
            params: std::ptr::from_ref(params).cast(),
            postponed: Cell::new(Vec::new()),
            asks,
            started: RefCell::new(VecDeque::new()),
            turns: Cell::new(0),
            params_outlive: PhantomData,
        }
    }

    /// Notes an ask of the running call.
    #[inline]
    pub(crate) fn note_ask(&self, due: u64, go_on: GoOn<A>) -> AskKey {
        let asker = self.turn.id();
        // SAFETY: the asker is the actor of the running call, whose block this thread has to itself.
        let place = unsafe { self.asks.ask(asker, due, go_on) };
        self.turn.outbox.with(super::Outbox::note_ask);
        AskKey { world: self.turn.env.world, asker: Asker::Actor(asker, place) }
    }

    /// Takes the continuation of an ask of the running actor's that is over; see [`AskTables::claim`].
    ///
    /// # Safety
    ///
    /// This thread has the actor's block to itself.
    #[inline(always)]
    pub(crate) unsafe fn claim(&self, place: AskPlace, is_answer: bool, can_run: bool) -> Option<GoOn<A>> {
        // SAFETY: promised by the caller.
        unsafe { self.asks.claim(self.turn.id(), place, is_answer, can_run) }
    }

    /// Lets this actor's [`Actor::tick`] run in every tick from the next on, or no more.
    ///
    /// For a few actors that act of their own accord among many that sleep, which cost nothing. It holds until it is
    /// set again, or the actor is restarted; as all that a call does, it is taken back if the call fails. Where
    /// [`Actor::TICKS`] is set, all actors of the type act, and this changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use bevy_ecs::component::Component;
    /// use throng::prelude::*;
    ///
    /// /// Burns down once it is lit.
    /// #[derive(Component)]
    /// struct Fuse(u32);
    ///
    /// struct Light;
    ///
    /// impl Actor for Fuse {
    ///     type Msg = Light;
    ///     type Params = ();
    ///
    ///     fn handle(&mut self, _: Light, cx: &Context<'_, Self>) -> Handled {
    ///         cx.set_ticking(true);
    ///         Ok(())
    ///     }
    ///
    ///     fn tick(&mut self, cx: &Context<'_, Self>) -> Handled {
    ///         self.0 -= 1;
    ///         cx.set_ticking(self.0 > 0);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut throng = Throng::default();
    /// let fuses = throng.spawn_many([Fuse(3), Fuse(3)]).to_vec();
    /// throng.tell(fuses[0], Light);
    /// throng.run_ticks(9);
    /// assert_eq!((throng.state(fuses[0]).unwrap().0, throng.state(fuses[1]).unwrap().0), (0, 3));
    /// ```
    pub fn set_ticking(&self, ticks: bool) {
        self.turn.outbox.with(|outbox| outbox.act(Act::Tick(self.turn.id(), ticks)));
    }

    /// Takes back all that the running call did.
    #[cold]
    pub(crate) fn roll_back(&self) {
        let asks = self.turn.outbox.with(|outbox| outbox.roll_back(self.turn.env.world));
        // SAFETY: the asker is the actor of the running call, whose block this thread has to itself.
        unsafe { self.asks.undo(self.turn.id(), asks) };
        self.drop_started();
        self.turns.set(0);
    }

    /// Runs `use_them` on the async blocks that lie beside those of `actor`, whose call runs. It must not run
    /// user code.
    pub(super) fn with_tasks<R>(&self, actor: ActorId, use_them: impl FnOnce(&mut Tasks) -> R) -> R {
        // SAFETY: it is the actor of the running call, whose block this thread has to itself.
        unsafe { self.asks.with_tasks(actor, use_them) }
    }

    pub(super) fn reserve_task(&self) -> TaskId {
        let actor = self.turn.id();
        let (index, generation) = self.with_tasks(actor, |tasks| tasks.reserve(actor));
        TaskId { world: self.turn.env.world, actor, index, generation }
    }

    pub(super) fn note_started(&self, started: Started) {
        self.started.borrow_mut().push_back(started);
        self.turn.wish(Wish::START);
    }

    /// Whether there are async blocks that the last call started, and that have not begun.
    #[inline]
    pub(crate) fn has_started(&self) -> bool {
        !self.started.borrow().is_empty()
    }

    pub(super) fn take_started(&self) -> Option<Started> {
        self.started.borrow_mut().pop_front()
    }

    /// Notes that the actor entered (1) or left (-1) a turn.
    pub(super) fn note_turns(&self, turns: i32) {
        if turns != 0 {
            self.turns.set(self.turns.get() + turns);
            self.turn.wish(Wish::TURN);
        }
    }

    /// Turns that the actor entered less those it left since the last time.
    pub(crate) fn take_turns(&self) -> i32 {
        self.turns.take()
    }

    /// What the actor declared to read from the world.
    #[must_use]
    pub fn params(&self) -> &SystemParamItem<'_, '_, A::Params> {
        // SAFETY: `new` got a reference to this type, with longer lifetimes, that outlives `'a` and so
        // `self`. Shortening the item's lifetimes behind a shared reference is sound: the parameters are
        // read-only and hold `'static` types only, so nothing shorter-lived can be written into them.
        unsafe { &*self.params.cast() }
    }

    /// A reference to the running actor.
    #[must_use]
    pub fn me(&self) -> ActorRef<A> {
        ActorRef::from_id(self.turn.id())
    }

    /// Puts the message back where it was in the mailbox, to be skipped until
    /// [`Turn::replay_postponed`]. A message postponed very often is reported once.
    pub fn postpone(&self, msg: A::Msg) {
        let mut postponed = self.postponed.take();
        postponed.push((self.turn.sender(), msg));
        self.postponed.set(postponed);
        self.turn.wish(Wish::POSTPONE);
    }

    pub(crate) fn take_postponed(&self) -> Vec<Postponed<A::Msg>> {
        self.postponed.take()
    }
}

impl<'a, A: Actor> Deref for Context<'a, A> {
    type Target = Turn<'a>;

    fn deref(&self) -> &Turn<'a> {
        &self.turn
    }
}

impl<A: Actor> fmt::Debug for Context<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("turn", &self.turn).finish_non_exhaustive()
    }
}
