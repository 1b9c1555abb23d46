//! One worker's outgoing side: mail by type, births, and wishes, all of which a failing call takes back.
//!
//! # Model
//!
//! Everything a handler does goes through its worker's [`Outbox`]. Each deed is noted in a log that is
//! emptied when a call begins; when the call fails, the log is undone from its end. What the engine
//! itself learns on the way (failures, dead letters, muting) is not the handler's deed and stays.

#![expect(unsafe_code, reason = "a checked cast by TypeId, and a cell that one worker uses at a time; both on the path of every message")]

use std::any::{Any, TypeId};
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;

use super::answers::{Answers, Leg};
use super::ask::{AskKey, Asker, Outward};
use super::exit::Order;
use super::keyed::{Keep, KeyedActor};
use super::knocks::{Knock, Knocks};
use super::naming::Change;
use super::offload::Job;
use super::returns::{AskEnd, Return, Returned, WorldNo, bring, reason, take_returns};
use super::timer::{Load, Named, TimerDeeds, TimerSpec};
use super::{ClaimOrder, ExitReason, Failure, HasMailbox, Nursery, Undelivered};
use crate::id::{ActorId, BlockId, Kind};
use crate::mailbox::{DeadLetter, Envelope, Lane, Segment, Shout};
use crate::panics;
use crate::wheel::Wheel;

/// An exit to the outside world, made by [`Throng::outlet`](crate::Throng::outlet); may travel in messages.
///
/// What handlers [emit](crate::Turn::emit) into it leaves at the end of the tick, in order.
pub struct OutletPort<T> {
    pub(crate) index: u32,
    pub(crate) carries: PhantomData<fn(T)>,
}

impl<T> Clone for OutletPort<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for OutletPort<T> {}

impl<T> fmt::Debug for OutletPort<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OutletPort").field(&self.index).finish()
    }
}

/// What a handler wants done when the round ends.
pub(crate) enum Act {
    /// Hand a value to the outside.
    Emit { port: u32, value: Box<dyn Any + Send> },
    /// Change names or members.
    Change(Change),
    /// Run a job outside the tick.
    Job(Job),
    /// End an ask from outside.
    Return(Return),
    /// Let an actor act unasked, or no more.
    Tick(ActorId, bool),
    /// Do something with a keyed actor's state.
    Keep(ActorId, Keep),
    /// Take in what the store of a kind has done.
    Stored(Kind, Returned),
}

/// An actor to be stopped when the round ends. Apart from the other deeds, since there may be as many as
/// actors.
#[derive(Clone, Copy)]
pub(crate) struct Stop {
    pub(crate) id: ActorId,
    /// By its own wish.
    pub(crate) leaves: bool,
}

/// What the engine learned while it handled mail; applied when the round ends, never undone.
pub(crate) enum Signal {
    /// An actor failed.
    Failed(ActorId, Failure),
    /// A message of this sender waits for room elsewhere.
    Mute(ActorId),
    /// A message of this sender found room at last.
    Unmute(ActorId),
    /// A message comes back to its sender.
    Bounce { to: ActorId, notice: Undelivered },
}

/// A lane of some message type.
pub(crate) trait AnyLane: Send {
    fn undo(&mut self, block: u32);
    fn undo_shout(&mut self);
    fn is_empty(&self) -> bool;
    fn sibling(&self) -> Box<dyn AnyLane>;
}

impl<M: Send + 'static> AnyLane for Lane<M> {
    fn undo(&mut self, block: u32) {
        self.pop(block);
    }
    fn undo_shout(&mut self) {
        self.unshout();
    }
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
    fn sibling(&self) -> Box<dyn AnyLane> {
        Box::new(Self::sibling(self))
    }
}

/// A lane with the actor type it is for.
pub(crate) struct LaneSlot {
    actor: TypeId,
    lane: Box<dyn AnyLane>,
}

impl LaneSlot {
    pub(crate) fn new<A: HasMailbox>() -> Self {
        Self { actor: TypeId::of::<A>(), lane: Box::new(Lane::<A::Msg>::default()) }
    }

    /// The lane, if it is one for actors of type `A`.
    #[inline]
    pub(crate) fn lane_mut<A: HasMailbox>(&mut self) -> Option<&mut Lane<A::Msg>> {
        if self.actor != TypeId::of::<A>() {
            return None;
        }
        let lane: *mut dyn AnyLane = &raw mut *self.lane;
        // SAFETY: `new` and `sibling` are the only makers and note the actor type, which was just compared and
        // which determines the lane's type; the pointer comes from the exclusive borrow of `self`.
        Some(unsafe { &mut *lane.cast::<Lane<A::Msg>>() })
    }

    /// An empty lane of the same type and depot.
    pub(crate) fn sibling(&self) -> Self {
        Self { actor: self.actor, lane: self.lane.sibling() }
    }

    /// Exchanges two lanes of one type.
    pub(crate) fn swap(&mut self, other: &mut Self) {
        debug_assert_eq!(self.actor, other.actor);
        std::mem::swap(self, other);
    }
}

/// An actor born in this pass, not yet an entity.
pub(crate) struct Newborn<A> {
    pub(crate) id: ActorId,
    pub(crate) state: A,
}

/// Births of one actor type.
pub(crate) trait AnyBirths: Any + Send {
    fn undo(&mut self);
}

impl<A: Send + 'static> AnyBirths for Vec<Newborn<A>> {
    fn undo(&mut self) {
        self.pop();
    }
}

/// One deed of the running call.
#[derive(Clone, Copy)]
enum Deed {
    Mail { to: BlockId },
    Answer { to: BlockId },
    Shout { kind: Kind },
    Birth { kind: Kind },
    Act,
    Stop,
    Timer { kind: Kind },
    TimerCancelled,
    Ask,
    Order,
    Knock { kind: Kind },
}

/// A [`Deed`] in four bytes, since one is noted for each message. A message is its receiver's block, whose two
/// highest bits are zero; an answer has the second bit set besides; the others have the highest bit set, then a
/// number of their own, and their kind.
#[derive(Clone, Copy)]
struct Note(u32);

impl Note {
    const OTHER: u32 = 1 << 31;
    const ANSWER: u32 = 1 << 30;

    fn deed(self) -> Deed {
        if self.0 & Self::OTHER == 0 {
            let to = BlockId::from_bits(self.0 & !Self::ANSWER);
            return if self.0 & Self::ANSWER == 0 { Deed::Mail { to } } else { Deed::Answer { to } };
        }
        let kind = self.0 as Kind;
        match (self.0 & !Self::OTHER) >> 16 {
            0 => Deed::Shout { kind },
            1 => Deed::Birth { kind },
            2 => Deed::Act,
            3 => Deed::Timer { kind },
            4 => Deed::TimerCancelled,
            5 => Deed::Ask,
            6 => Deed::Order,
            7 => Deed::Knock { kind },
            _ => Deed::Stop,
        }
    }
}

impl From<Deed> for Note {
    #[inline]
    fn from(deed: Deed) -> Self {
        let (number, kind) = match deed {
            Deed::Mail { to } => return Self(to.to_bits()),
            Deed::Answer { to } => return Self(Self::ANSWER | to.to_bits()),
            Deed::Shout { kind } => (0, kind),
            Deed::Birth { kind } => (1, kind),
            Deed::Act => (2, 0),
            Deed::Timer { kind } => (3, kind),
            Deed::TimerCancelled => (4, 0),
            Deed::Ask => (5, 0),
            Deed::Order => (6, 0),
            Deed::Knock { kind } => (7, kind),
            Deed::Stop => (8, 0),
        };
        Self(Self::OTHER | number << 16 | u32::from(kind))
    }
}

/// Births and positions of one kind by the running block.
struct Reserved {
    kind: Kind,
    count: u32,
}

/// What one worker wrote in one pass.
#[derive(Default)]
pub(crate) struct Outbox {
    lanes: Vec<LaneSlot>,
    /// Kinds whose lane may hold mail.
    dirty: Vec<Kind>,
    log: Vec<Note>,
    births: Vec<Option<Box<dyn AnyBirths>>>,
    /// Kinds that may have births.
    birth_kinds: Vec<Kind>,
    /// Every position reserved in this pass, taken back or not.
    positions: Vec<(Kind, u64, bool)>,
    reserved: Vec<Reserved>,
    /// Parents with the children they had in this pass, in order.
    pub(crate) kin: Vec<(ActorId, ActorId)>,
    pub(crate) acts: Vec<Act>,
    /// Messages to keys under which nobody is active.
    pub(crate) knocks: Knocks,
    pub(crate) stops: Vec<Stop>,
    /// Orders about lives, with those who gave them.
    pub(crate) orders: Vec<(ActorId, Order)>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) dead: Vec<DeadLetter>,
    pub(crate) timers: TimerDeeds,
    /// Ends of actors' asks.
    answers: Answers,
    /// Asks from outside with their time-outs; in the first outbox only.
    pub(crate) outward: Wheel<Outward>,
    /// Asks from outside, ever.
    pub(crate) asked_from_outside: u64,
    /// Messages for actors of no type known here.
    pub(crate) unroutable: u64,
}

impl Outbox {
    /// Makes room for one more actor type.
    pub(crate) fn add_kind<A: HasMailbox>(&mut self) {
        self.lanes.push(LaneSlot::new::<A>());
        self.births.push(None);
        self.answers.add_kind();
    }

    /// An empty outbox for the same actor types.
    pub(crate) fn sibling(&self) -> Self {
        Self {
            lanes: self.lanes.iter().map(LaneSlot::sibling).collect(),
            births: self.lanes.iter().map(|_| None).collect(),
            answers: self.answers.sibling(),
            ..Self::default()
        }
    }

    /// Starts the log of a new call.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.log.clear();
    }

    /// Sends a message.
    ///
    /// What is seldom needed is in a function of its own that is called last, so that the usual way
    /// saves no registers. It is handed the message as part of an envelope: by itself it would be put
    /// together in memory for that call's sake and copied from there, and such a copy waits until the
    /// stores before it, to lines that are not in the cache, are done.
    #[inline(always)]
    pub(crate) fn tell<A: HasMailbox>(&mut self, to: ActorId, from: Option<ActorId>, msg: A::Msg) {
        if self.log.len() < self.log.capacity()
            && let Some(lane) = self.lanes.get_mut(to.kind() as usize).and_then(LaneSlot::lane_mut::<A>)
            && let Some(room) = lane.room(to.block(), from.map(ActorId::block_id))
        {
            room.fill(to, from, msg);
            self.log.push(Deed::Mail { to: to.block_id() }.into());
        } else {
            self.tell_slowly::<A>(Envelope { to, from, msg });
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_slowly<A: HasMailbox>(&mut self, envelope: Envelope<A::Msg>) {
        let (kind, to) = (envelope.to.kind(), envelope.to.block_id());
        let Some(lane) = self.lanes.get_mut(kind as usize).and_then(LaneSlot::lane_mut::<A>) else {
            self.unroutable += 1;
            return;
        };
        if lane.push(envelope) {
            self.dirty.push(kind);
        }
        self.log.push(Deed::Mail { to }.into());
    }

    /// Puts an emptied segment where the next mail of its type is written.
    pub(crate) fn shelve<A: HasMailbox>(&mut self, kind: Kind, segment: Segment<A::Msg>) {
        if let Some(lane) = self.lanes.get_mut(kind as usize).and_then(LaneSlot::lane_mut::<A>) {
            lane.shelf.give(segment);
        }
    }

    /// Exchanges the emptied segments of a kind with those of another outbox.
    ///
    /// A worker takes them along from claim to claim, since they are in its cache.
    pub(crate) fn swap_shelf<A: HasMailbox>(&mut self, kind: Kind, other: &mut Self) {
        let kind = kind as usize;
        if let (Some(mine), Some(theirs)) = (self.lanes[kind].lane_mut::<A>(), other.lanes[kind].lane_mut::<A>()) {
            std::mem::swap(&mut mine.shelf, &mut theirs.shelf);
        }
        self.answers.swap_shelf(kind as Kind, &mut other.answers);
    }

    /// Sends a message to all actors of a kind.
    pub(crate) fn shout<A: HasMailbox>(&mut self, kind: Kind, shout: Shout<A::Msg>) {
        let lane = self.lanes.get_mut(kind as usize).and_then(LaneSlot::lane_mut::<A>);
        lane.expect("invariant: the kind was looked up by its actor type").shout(shout);
        self.dirty.push(kind);
        self.log.push(Deed::Shout { kind }.into());
    }

    /// Notes who is to stop.
    pub(crate) fn stop(&mut self, stop: Stop) {
        self.stops.push(stop);
        self.log.push(Deed::Stop.into());
    }

    /// Notes a wish.
    pub(crate) fn act(&mut self, act: Act) {
        self.acts.push(act);
        self.log.push(Deed::Act.into());
    }

    /// Notes a message for somebody who is to be activated.
    pub(crate) fn knock<A: KeyedActor>(&mut self, kind: Kind, knock: Knock<A>) {
        self.knocks.push(kind, knock);
        self.log.push(Deed::Knock { kind }.into());
    }

    /// Sets a timer.
    pub(crate) fn set_timer<A: HasMailbox>(&mut self, to: ActorId, spec: TimerSpec, load: Load<A::Msg>) {
        let kind = to.kind();
        if self.lanes.get_mut(kind as usize).and_then(LaneSlot::lane_mut::<A>).is_none() {
            self.unroutable += 1;
            return;
        }
        self.timers.set::<A>(to, spec, load);
        self.log.push(Deed::Timer { kind }.into());
    }

    /// Cancels a timer by its key.
    pub(crate) fn cancel_timer(&mut self, owner: ActorId, key: u64) {
        self.timers.named.push(Named { owner, key });
        self.log.push(Deed::TimerCancelled.into());
    }

    /// Notes that the running call asked.
    #[inline]
    pub(crate) fn note_ask(&mut self) {
        self.log.push(Deed::Ask.into());
    }

    /// Notes an ask from outside.
    pub(crate) fn ask_from_outside(&mut self, world: WorldNo, due: u64, outward: Outward) -> AskKey {
        self.asked_from_outside += 1;
        AskKey { world, asker: Asker::Outside(self.outward.set(due, outward)) }
    }

    /// Answers an ask.
    #[inline]
    pub(crate) fn answer(&mut self, from: Option<ActorId>, Return { key, end }: Return) {
        match key.asker {
            Asker::Actor(asker, place) => {
                self.answers.push(asker, from, AskEnd { place, end });
                self.log.push(Deed::Answer { to: asker.block_id() }.into());
            }
            Asker::Outside(_) => self.act(Act::Return(Return { key, end })),
        }
    }

    /// Brings an ask to its end for something that is no deed of a call.
    pub(crate) fn bring_in(&mut self, Return { key, end }: Return) {
        match key.asker {
            Asker::Actor(asker, place) => self.answers.push(asker, None, AskEnd { place, end }),
            Asker::Outside(_) => self.acts.push(Act::Return(Return { key, end })),
        }
    }

    /// Takes over which asks ended on this thread without a context.
    #[inline]
    pub(crate) fn take_returns(&mut self) {
        take_returns(|back| self.bring_in(back));
    }

    /// Notes an order about lives.
    pub(crate) fn order(&mut self, by: ActorId, order: Order) {
        self.orders.push((by, order));
        self.log.push(Deed::Order.into());
    }

    /// The reason that the running call gave last for its actor's end.
    pub(crate) fn last_exit(&self) -> Option<ExitReason> {
        let ordered = self.log.iter().filter(|note| matches!(note.deed(), Deed::Order)).count();
        let orders = self.orders.iter().rev().take(ordered);
        orders.filter_map(|(_, order)| if let Order::Exit(reason) = order { Some(reason.clone()) } else { None }).next()
    }

    /// Reserves an id for an actor and keeps its state until the round ends.
    pub(crate) fn give_birth<A: Send + 'static>(
        &mut self,
        kind: Kind,
        nursery: &Nursery,
        order: &ClaimOrder<'_>,
        parent: Option<ActorId>,
        state: A,
    ) -> ActorId {
        let k = match self.reserved.iter_mut().find(|r| r.kind == kind) {
            Some(reserved) => {
                reserved.count += 1;
                reserved.count - 1
            }
            None => {
                self.reserved.push(Reserved { kind, count: 1 });
                0
            }
        };
        let (position, id) = nursery.reserve(k, order);
        self.positions.push((kind, position, true));
        let births = self.births[kind as usize].get_or_insert_with(|| Box::new(Vec::<Newborn<A>>::new()));
        let births: &mut dyn Any = &mut **births;
        let births = births.downcast_mut::<Vec<Newborn<A>>>().expect("invariant: births are kept by kind");
        births.push(Newborn { id, state });
        self.kin.extend(parent.map(|parent| (parent, id)));
        if self.birth_kinds.last() != Some(&kind) {
            self.birth_kinds.push(kind);
        }
        self.log.push(Deed::Birth { kind }.into());
        id
    }

    /// A new block begins: its spawns are counted from zero.
    #[inline]
    pub(crate) fn begin_block(&mut self) {
        if !self.reserved.is_empty() {
            self.reserved.clear();
        }
    }

    /// Takes back all that the running call did in this world, but for its asks, which it counts: those are in the
    /// table of the actor's block.
    #[cold]
    pub(crate) fn roll_back(&mut self, world: WorldNo) -> usize {
        let mut asks = 0;
        while let Some(note) = self.log.pop() {
            // What is dropped here may panic when it is dropped.
            let undone = panics::catch(|| match note.deed() {
                Deed::Mail { to } => self.lanes[to.kind() as usize].lane.undo(to.block()),
                Deed::Answer { to } => {
                    if let Some((asker, AskEnd { place, end })) = self.answers.pop(to) {
                        take_back(Return { key: AskKey { world, asker: Asker::Actor(asker, place) }, end });
                    }
                }
                Deed::Shout { kind } => self.lanes[kind as usize].lane.undo_shout(),
                Deed::Birth { kind } => self.undo_birth(kind),
                Deed::Act => match self.acts.pop() {
                    Some(Act::Return(back)) => take_back(back),
                    act => drop(act),
                },
                Deed::Stop => drop(self.stops.pop()),
                Deed::Timer { kind } => self.timers.undo_set(kind),
                Deed::Ask => asks += 1,
                Deed::TimerCancelled => {
                    self.timers.named.pop();
                }
                Deed::Order => drop(self.orders.pop()),
                Deed::Knock { kind } => self.knocks.undo(kind),
            });
            if let Err(panic) = undone {
                tracing::warn!(panic, "a message or a state that was taken back panicked when it was dropped");
            }
        }
        asks
    }

    fn undo_birth(&mut self, kind: Kind) {
        // Kin whose child is never born is passed over when it is entered.
        if let Some(births) = &mut self.births[kind as usize] {
            births.undo();
        }
        if let Some(last) = self.positions.iter_mut().rev().find(|p| p.0 == kind && p.2) {
            last.2 = false;
        }
    }

    /// An empty segment for mail of a kind.
    pub(crate) fn take_empty_segment<A: HasMailbox>(&mut self, kind: Kind) -> Segment<A::Msg> {
        self.lanes[kind as usize].lane_mut::<A>().map(|lane| lane.shelf.take()).unwrap_or_default()
    }

    /// An empty segment for ends of asks of a kind.
    pub(crate) fn take_empty_answers(&mut self, kind: Kind) -> Segment<AskEnd> {
        self.answers.take_empty_segment(kind)
    }

    /// Puts an emptied segment where the next ends of its type are written.
    pub(crate) fn shelve_answers(&mut self, kind: Kind, segment: Segment<AskEnd>) {
        self.answers.shelve(kind, segment);
    }

    /// Exchanges the mail, or the ends of asks, for an empty segment if that is all there is: of one kind, for
    /// one block and from one, in one segment, and nothing else was done or noticed.
    #[inline]
    pub(crate) fn exchange_only_segment<A: HasMailbox>(
        &mut self,
        kind: Kind,
        mail: &mut Segment<A::Msg>,
        answers: &mut Segment<AskEnd>,
    ) -> Leg {
        self.take_returns();
        let deeds = self.acts.len() + self.stops.len() + self.orders.len() + self.signals.len() + self.dead.len() + self.positions.len();
        if deeds != 0 || !self.knocks.is_empty() {
            return Leg::None;
        }
        let lane = self.lanes[kind as usize].lane_mut::<A>();
        if self.answers.is_drained() {
            let exchanged = if self.dirty == [kind] { lane.and_then(|lane| lane.exchange_only_segment(mail)) } else { None };
            return exchanged.map_or(Leg::None, |(to, from)| Leg::Mail { to, from });
        }
        let no_mail = self.dirty.is_empty() || (self.dirty == [kind] && lane.is_some_and(|lane| lane.is_drained()));
        let exchanged = if no_mail { self.answers.exchange_only_segment(kind, answers) } else { None };
        exchanged.map_or(Leg::None, |(to, from)| Leg::Answers { to, from })
    }

    /// Ends a run of exchanges, of which `mail` and `answers` are left.
    pub(crate) fn end_relay<A: HasMailbox>(&mut self, kind: Kind, mail: Segment<A::Msg>, answers: Segment<AskEnd>) {
        self.answers.end_relay(kind, answers);
        let Some(lane) = self.lanes[kind as usize].lane_mut::<A>() else { return };
        lane.shelf.give(mail);
        lane.end_relay();
        if lane.is_empty() {
            self.dirty.retain(|&dirty| dirty != kind);
        }
    }

    /// Hands every lane with ends of asks to `gather`.
    #[inline]
    pub(crate) fn gather_answers(&mut self, gather: impl FnMut(Kind, &mut Lane<AskEnd>)) {
        self.answers.gather(gather);
    }

    /// Hands every lane with mail to `gather`, in order of first use.
    pub(crate) fn gather(&mut self, mut gather: impl FnMut(Kind, &mut LaneSlot)) {
        for kind in self.dirty.drain(..) {
            let slot = &mut self.lanes[kind as usize];
            if !slot.lane.is_empty() {
                gather(kind, slot);
            }
        }
    }

    /// Positions of born actors by kind; rolled-back ones are left out. Ends the pass's counting.
    pub(crate) fn take_positions(&mut self, mut each: impl FnMut(Kind, u64)) {
        self.reserved.clear();
        for (kind, position, born) in self.positions.drain(..) {
            if born {
                each(kind, position);
            }
        }
    }

    /// Kinds that may have births, each maybe more than once.
    pub(crate) fn take_birth_kinds(&mut self) -> Vec<Kind> {
        std::mem::take(&mut self.birth_kinds)
    }

    /// Takes the births of one kind, in order.
    pub(crate) fn take_births<A: Send + 'static>(&mut self, kind: Kind) -> Vec<Newborn<A>> {
        let Some(births) = &mut self.births[kind as usize] else { return Vec::new() };
        let births: &mut dyn Any = &mut **births;
        births.downcast_mut::<Vec<Newborn<A>>>().map(std::mem::take).unwrap_or_default()
    }
}

/// An answer is not given after all.
fn take_back(back: Return) {
    bring(Return { key: back.key, end: Err(reason()) });
}

/// An outbox that a context writes through `&self`.
pub(crate) struct OutboxCell(UnsafeCell<Outbox>);

impl OutboxCell {
    pub(crate) fn new(outbox: Outbox) -> Self {
        Self(UnsafeCell::new(outbox))
    }

    /// Runs `f` on the outbox. `f` must not run user code, which could come back here; all callers
    /// are in this crate and only append to vectors of plain data.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Outbox) -> R) -> R {
        // SAFETY: the cell is not `Sync`, so no other thread is here; and no `f` calls user code or
        // another `with`, so this is the only reference.
        f(unsafe { &mut *self.0.get() })
    }

    pub(crate) fn get_mut(&mut self) -> &mut Outbox {
        self.0.get_mut()
    }
}
