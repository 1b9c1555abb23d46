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

use super::exit::Order;
use super::{ClaimOrder, ExitReason, Failure, HasMailbox, Nursery, Undelivered};
use crate::id::{ActorId, Kind};
use crate::mailbox::{DeadLetter, Lane, Segment, Shout};
use crate::panics;

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
    /// Stop this actor.
    Stop(ActorId),
    /// Stop this actor, by its own wish.
    Leave(ActorId),
    /// Hand a value to the outside.
    Emit { port: u32, value: Box<dyn Any + Send> },
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
    Mail { kind: Kind, block: u32 },
    Shout { kind: Kind },
    Birth { kind: Kind },
    Act,
    Order,
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
    log: Vec<Deed>,
    births: Vec<Option<Box<dyn AnyBirths>>>,
    /// Kinds that may have births.
    birth_kinds: Vec<Kind>,
    /// Every position reserved in this pass, taken back or not.
    positions: Vec<(Kind, u64, bool)>,
    reserved: Vec<Reserved>,
    /// Parents with the children they had in this pass, in order.
    pub(crate) kin: Vec<(ActorId, ActorId)>,
    pub(crate) acts: Vec<Act>,
    /// Orders about lives, with those who gave them.
    pub(crate) orders: Vec<(ActorId, Order)>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) dead: Vec<DeadLetter>,
    /// Messages for actors of no type known here.
    pub(crate) unroutable: u64,
}

impl Outbox {
    /// Makes room for one more actor type.
    pub(crate) fn add_kind<A: HasMailbox>(&mut self) {
        self.lanes.push(LaneSlot::new::<A>());
        self.births.push(None);
    }

    /// An empty outbox for the same actor types.
    pub(crate) fn sibling(&self) -> Self {
        Self {
            lanes: self.lanes.iter().map(LaneSlot::sibling).collect(),
            births: self.lanes.iter().map(|_| None).collect(),
            ..Self::default()
        }
    }

    /// Starts the log of a new call.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.log.clear();
    }

    /// Sends a message.
    #[inline(always)]
    pub(crate) fn tell<A: HasMailbox>(&mut self, to: ActorId, from: Option<ActorId>, msg: A::Msg) {
        let kind = to.kind();
        let Some(lane) = self.lanes.get_mut(kind as usize).and_then(LaneSlot::lane_mut::<A>) else {
            self.unroutable += 1;
            return;
        };
        if lane.push(to, from, msg) {
            self.dirty.push(kind);
        }
        self.log.push(Deed::Mail { kind, block: to.block() });
    }

    /// Puts an emptied segment where the next mail of its type is written.
    pub(crate) fn shelve<A: HasMailbox>(&mut self, kind: Kind, segment: Segment<A::Msg>) {
        if let Some(lane) = self.lanes.get_mut(kind as usize).and_then(LaneSlot::lane_mut::<A>) {
            lane.shelf.give(segment);
        }
    }

    /// Sends a message to all actors of a kind.
    pub(crate) fn shout<A: HasMailbox>(&mut self, kind: Kind, shout: Shout<A::Msg>) {
        let lane = self.lanes.get_mut(kind as usize).and_then(LaneSlot::lane_mut::<A>);
        lane.expect("invariant: the kind was looked up by its actor type").shout(shout);
        self.dirty.push(kind);
        self.log.push(Deed::Shout { kind });
    }

    /// Notes a wish.
    pub(crate) fn act(&mut self, act: Act) {
        self.acts.push(act);
        self.log.push(Deed::Act);
    }

    /// Notes an order about lives.
    pub(crate) fn order(&mut self, by: ActorId, order: Order) {
        self.orders.push((by, order));
        self.log.push(Deed::Order);
    }

    /// The reason that the running call gave last for its actor's end.
    pub(crate) fn last_exit(&self) -> Option<ExitReason> {
        let ordered = self.log.iter().filter(|deed| matches!(deed, Deed::Order)).count();
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
        self.log.push(Deed::Birth { kind });
        id
    }

    /// A new block begins: its spawns are counted from zero.
    #[inline]
    pub(crate) fn begin_block(&mut self) {
        if !self.reserved.is_empty() {
            self.reserved.clear();
        }
    }

    /// Takes back all that the running call did.
    #[cold]
    pub(crate) fn roll_back(&mut self) {
        while let Some(deed) = self.log.pop() {
            // What is dropped here may panic when it is dropped.
            let undone = panics::catch(|| match deed {
                Deed::Mail { kind, block } => self.lanes[kind as usize].lane.undo(block),
                Deed::Shout { kind } => self.lanes[kind as usize].lane.undo_shout(),
                Deed::Birth { kind } => self.undo_birth(kind),
                Deed::Act => drop(self.acts.pop()),
                Deed::Order => drop(self.orders.pop()),
            });
            if let Err(panic) = undone {
                tracing::warn!(panic, "a message or a state that was taken back panicked when it was dropped");
            }
        }
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

    /// Takes the mail out if it is all there is: of one kind, for one block, in one segment, and nothing
    /// else was done or noticed.
    pub(crate) fn take_only_segment<A: HasMailbox>(&mut self, kind: Kind) -> Option<Segment<A::Msg>> {
        let idle =
            self.acts.is_empty() && self.orders.is_empty() && self.signals.is_empty() && self.dead.is_empty() && self.positions.is_empty();
        if self.dirty != [kind] || !idle {
            return None;
        }
        let segment = self.lanes[kind as usize].lane_mut::<A>()?.take_only_segment()?;
        self.dirty.clear();
        Some(segment)
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
