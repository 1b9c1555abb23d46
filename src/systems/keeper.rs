//! One actor type, with its own type forgotten: what the engine calls.

use std::any::{Any, type_name};
use std::collections::VecDeque;

use bevy_ecs::change_detection::DetectChangesMut;
use bevy_ecs::component::ComponentId;
use bevy_ecs::entity::Entity;
use bevy_ecs::world::World;

use super::behaviour::{Beginning, Behaviour, Ending};
use super::hub::Hub;
use super::mail::MailSystem;
use super::node::Place;
use super::timers::TypeTimers;
use crate::actor::{
    AskEnd, ExitReason, Failure, FailureKind, HasMailbox, LaneSlot, Notice, Outbox, Signal, Timer, TypeAsks, Undelivered, drop_because,
};
use crate::digest::Digester;
use crate::id::ActorId;
use crate::mailbox::{DeadLetter, DeadReason, Envelope, Lane, MailStats, MailboxConfig};
use crate::panics;
use crate::supervision::{RestartIntensity, Start, Verdict};
use crate::wheel::Wheel;
use crate::world::{Held, Life, Mailbox, Roster, Tally};

/// The actors of one type, as the engine sees them.
pub(crate) trait Runner: Send {
    fn as_any(&mut self) -> &mut dyn Any;
    fn type_name(&self) -> &'static str;
    fn entity(&self, id: ActorId) -> Option<Entity>;
    fn live(&self) -> usize;
    fn stats(&mut self) -> MailStats;
    fn digest(&mut self, world: &mut World, digester: &mut Digester);

    fn take_over(&mut self, lane: &mut LaneSlot);
    fn take_over_answers(&mut self, lane: &mut Lane<AskEnd>);
    fn take_births(&mut self, outbox: &mut Outbox);
    /// The pending asks of the type's actors, if they can ask.
    fn asks(&mut self) -> Option<&mut dyn TypeAsks>;
    fn timers(&mut self) -> &mut dyn TypeTimers;
    fn has_mail(&self) -> bool;
    fn begin_round(&mut self);
    /// A tick begins: `true` if the type's actors are to be visited in it.
    fn begin_tick(&mut self) -> bool;
    /// Lets an actor act unasked from the next tick on, or no more.
    fn set_ticking(&mut self, id: ActorId, ticks: bool);
    /// Handles the mail that waits; `false` if nobody could.
    fn run(&mut self, world: &mut World, hub: &mut Box<Hub>) -> bool;
    /// Actors that wait to be put into the world.
    fn newborn(&self) -> Vec<ActorId>;
    /// Puts newborn actors into the world.
    fn bear(&mut self, world: &mut World, hub: &mut Hub);

    fn ending(&mut self, world: &mut World, hub: &mut Hub, ids: &[ActorId], hook: Ending, reason: Option<&ExitReason>);
    /// Starts an incarnation: of a newborn, or in place of the one that ended.
    fn begin(&mut self, world: &mut World, hub: &mut Hub, id: ActorId, with: Beginning<'_>, keep_mailbox: bool) -> Start;
    fn terminate(&mut self, world: &mut World, hub: &mut Hub, id: ActorId, reason: &ExitReason);
    fn notified(&mut self, world: &mut World, hub: &mut Hub, id: ActorId, notices: VecDeque<Notice>);
    /// Lets an actor handle nothing more until it is restarted.
    fn halt(&mut self, world: &mut World, id: ActorId);
    /// Whose child it is, if it has a supervisor.
    fn place(&self, id: ActorId) -> Option<Place>;
    fn set_place(&mut self, id: ActorId, place: Place);
    fn remove(&mut self, world: &mut World, hub: &mut Hub, ids: &[ActorId]);
    fn forget_lost(&mut self, hub: &mut Hub, id: ActorId, held: Option<Box<dyn Any + Send>>);
    fn supervise(&mut self, world: &mut World, hub: &mut Hub, id: ActorId, failure: &Failure) -> Verdict;
    fn mute(&mut self, world: &mut World, id: ActorId, mute: bool);
    /// Offers a bounced message to its sender; `Err` if it was not taken, with it if it is still there.
    fn undelivered(&mut self, world: &mut World, hub: &mut Hub, id: ActorId, notice: Undelivered) -> Result<(), Option<Undelivered>>;
    fn all_ids(&self) -> Vec<ActorId>;
    /// Whether a message of another's waits in an actor's mailbox. O(messages in it).
    fn has_mail_from(&self, world: &mut World, id: ActorId, from: ActorId) -> bool;
    /// Whether mail waits in mailboxes of the type.
    fn has_kept(&self) -> bool;
    /// Messages that wait in an actor's mailbox.
    fn queued(&self, world: &mut World, id: ActorId) -> u32;
}

pub(crate) struct Keeper<A: HasMailbox> {
    pub(crate) roster: Box<Roster<A>>,
    pub(crate) cell_component: ComponentId,
    pub(crate) behaviour: Box<dyn Behaviour<A>>,
    /// Reads the mail in place of the behaviour.
    pub(crate) system: Option<MailSystem<A>>,
    /// Mail for later.
    pub(crate) wheel: Wheel<Timer<A::Msg>>,
    /// Supervised actors' places, by slot.
    pub(crate) places: Vec<Place>,
}

impl<A: HasMailbox> Keeper<A> {
    /// Runs `change` on the box of a live actor's mailbox; drops the box when it holds nothing.
    fn with_held<R>(&self, world: &mut World, id: ActorId, change: impl FnOnce(&mut Held<A::Msg>) -> R) -> Option<R> {
        let entity = self.entity(id)?;
        let mut cell = world.get_mut::<Mailbox<A>>(entity)?;
        let slot = cell.bypass_change_detection().held_mut();
        let held = slot.get_or_insert_default();
        let result = change(held);
        if held.is_idle() {
            *slot = None;
        }
        Some(result)
    }

    /// Gives one actor mailbox settings of its own; `false` if it does not live.
    pub(crate) fn configure(&self, world: &mut World, id: ActorId, config: MailboxConfig<A::Msg>) -> bool {
        self.with_held(world, id, |held| held.config = Some(Box::new(config))).is_some()
    }

    /// Notes a failure: whether the actor may be restarted by these rules, and whether it keeps its mail then.
    pub(super) fn may_restart(&self, world: &mut World, tick: u64, id: ActorId, rules: Option<(RestartIntensity, bool)>) -> Option<bool> {
        let (intensity, keep_mailbox) = rules?;
        let verdict = self.with_held(world, id, |held| intensity.decide(&mut held.restarts, tick));
        (verdict == Some(Verdict::Restart)).then_some(keep_mailbox)
    }

    /// Lets an actor run on that was restarted in place.
    fn resume(&mut self, world: &mut World, hub: &mut Hub, id: ActorId, keep_mailbox: bool) {
        let resumed = self.with_held(world, id, |held| {
            held.life = Life::Running;
            held.turns = 0;
            let drops = !keep_mailbox && !held.kept.is_empty();
            let dropped = drops.then(|| Box::new(Held { kept: std::mem::take(&mut held.kept), ..Held::default() }));
            (dropped, held.kept.has_due() || !held.parked.is_empty())
        });
        if let Some((dropped, has_due)) = resumed {
            self.bury(hub, dropped, DeadReason::Restarted);
            if has_due {
                self.roster.due.push(id.slot());
            }
        }
    }

    /// Turns all that a mailbox holds into dead letters.
    fn bury(&mut self, hub: &mut Hub, held: Option<Box<Held<A::Msg>>>, reason: DeadReason) {
        let Some(mut held) = held else { return };
        let mut tally = Tally { kept: -(held.queued() as i64), ..Tally::default() };
        tally.dead[reason as usize] = held.queued() as u64;
        let parked = std::mem::take(&mut held.parked);
        hub.signals.extend(parked.iter().filter_map(|envelope| envelope.from).map(Signal::Unmute));
        for envelope in held.kept.drain().chain(parked) {
            if hub.keep_dead {
                hub.dead.push(DeadLetter::of(envelope, reason, hub.tick));
            } else if let Some(panic) = drop_because(reason, || panics::drop_quietly(envelope))
                && hub.may_log()
            {
                tracing::warn!(message_type = type_name::<A::Msg>(), panic, "a message panicked when it was dropped");
            }
        }
        self.roster.count(tally);
    }

    /// Despawns an actor's entity; whoever takes its row is told so.
    fn despawn(&mut self, world: &mut World, entity: Entity) {
        let Ok(location) = world.entities().get_spawned(entity) else { return };
        world.despawn(entity);
        let table = world.storages().tables.get(location.table_id);
        let moved = table.and_then(|table| table.entities().get(location.table_row.index()));
        if let Some(cell) = moved.and_then(|&entity| world.get::<Mailbox<A>>(entity)) {
            let id = cell.actor_id();
            self.roster.slots.moved(id, location.table_row.index() as u32);
        }
    }
}

impl<A: HasMailbox> Runner for Keeper<A> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn type_name(&self) -> &'static str {
        type_name::<A>()
    }

    fn entity(&self, id: ActorId) -> Option<Entity> {
        self.roster.slots.entity(id).ok()
    }

    fn live(&self) -> usize {
        self.roster.slots.live()
    }

    fn stats(&mut self) -> MailStats {
        self.roster.stats()
    }

    fn digest(&mut self, world: &mut World, digester: &mut Digester) {
        use std::hash::Hash;
        let content = self.behaviour.digest_of_mail();
        for (id, entity) in self.roster.slots.iter() {
            (id, self.roster.ticking.has(id)).hash(digester);
            self.behaviour.digest(world, entity, digester);
            if let Some(mut cell) = world.get_mut::<Mailbox<A>>(entity)
                && let Some(held) = cell.bypass_change_detection().held_mut().as_deref().filter(|held| !held.is_idle())
            {
                held.digest(content, digester);
            }
        }
        let stats = self.roster.stats();
        (stats.sent, stats.handled, stats.failed, stats.queued, stats.dead_by_reason).hash(digester);
        (stats.overflowed, stats.postponed).hash(digester);
        self.digest_timers(digester);
    }

    fn take_over(&mut self, lane: &mut LaneSlot) {
        self.roster.take_over(lane);
    }

    fn take_over_answers(&mut self, lane: &mut Lane<AskEnd>) {
        self.roster.answers.take_over(lane);
    }

    fn asks(&mut self) -> Option<&mut dyn TypeAsks> {
        self.behaviour.asks()
    }

    fn take_births(&mut self, outbox: &mut Outbox) {
        let kind = self.roster.kind;
        self.roster.births.append(&mut outbox.take_births::<A>(kind));
    }

    fn timers(&mut self) -> &mut dyn TypeTimers {
        self
    }

    fn has_mail(&self) -> bool {
        self.roster.has_mail()
    }

    fn begin_round(&mut self) {
        self.roster.begin_round();
    }

    fn begin_tick(&mut self) -> bool {
        self.roster.ticks = self.roster.slots.live() > 0 && !self.roster.ticking.is_empty();
        self.roster.ticks
    }

    fn set_ticking(&mut self, id: ActorId, ticks: bool) {
        if self.roster.slots.check(id).is_ok() {
            self.roster.ticking.set(id, ticks);
        }
    }

    fn run(&mut self, world: &mut World, hub: &mut Box<Hub>) -> bool {
        match &mut self.system {
            Some(system) => system.run(world, hub, &mut self.roster),
            None => self.behaviour.handle(world, hub, &mut self.roster, self.cell_component),
        }
    }

    fn newborn(&self) -> Vec<ActorId> {
        self.roster.births.iter().map(|birth| birth.id).collect()
    }

    fn bear(&mut self, world: &mut World, hub: &mut Hub) {
        let births = std::mem::take(&mut self.roster.births);
        self.behaviour.bear(world, hub, &mut self.roster, births);
    }

    fn ending(&mut self, world: &mut World, hub: &mut Hub, ids: &[ActorId], hook: Ending, reason: Option<&ExitReason>) {
        self.behaviour.ending(world, hub, &self.roster, ids, hook, reason);
    }

    fn begin(&mut self, world: &mut World, hub: &mut Hub, id: ActorId, with: Beginning<'_>, keep_mailbox: bool) -> Start {
        if with.failure.is_some() {
            self.behaviour.forget_asks(id);
            self.roster.ticking.set(id, false);
        }
        let begun = self.behaviour.begin(world, hub, &mut self.roster, id, with);
        if begun == Start::Running && with.failure.is_some() {
            self.resume(world, hub, id, keep_mailbox);
        }
        begun
    }

    fn terminate(&mut self, world: &mut World, hub: &mut Hub, id: ActorId, reason: &ExitReason) {
        self.behaviour.terminate(world, hub, &self.roster, id, reason);
    }

    fn notified(&mut self, world: &mut World, hub: &mut Hub, id: ActorId, notices: VecDeque<Notice>) {
        self.behaviour.notified(world, hub, &self.roster, id, notices);
    }

    fn halt(&mut self, world: &mut World, id: ActorId) {
        self.with_held(world, id, |held| held.life = Life::Failed);
    }

    fn place(&self, id: ActorId) -> Option<Place> {
        let place = self.places.get(id.slot() as usize).copied().filter(|place| place.is_taken())?;
        self.entity(id).map(|_| place)
    }

    fn set_place(&mut self, id: ActorId, place: Place) {
        let slot = id.slot() as usize;
        if slot >= self.places.len() {
            if !place.is_taken() {
                return;
            }
            self.places.resize(slot + 1, Place::NONE);
        }
        self.places[slot] = place;
    }

    /// Strikes actors out and despawns them. Their ids become free in the order given.
    fn remove(&mut self, world: &mut World, hub: &mut Hub, ids: &[ActorId]) {
        let mut gone = Vec::with_capacity(ids.len());
        for &id in ids {
            if let Some(entity) = self.roster.slots.remove(id) {
                self.roster.ticking.set(id, false);
                self.set_place(id, Place::NONE);
                hub.family.remove(id);
                hub.ended += 1;
                hub.registry.release(id);
                hub.nurseries[self.roster.kind as usize].free(id);
                gone.push((id, entity));
            }
        }
        // The last rows first: then no row has to move.
        gone.sort_unstable_by_key(|&(id, _)| std::cmp::Reverse(id));
        for (id, entity) in gone {
            let held = world.get_mut::<Mailbox<A>>(entity).and_then(|mut cell| cell.bypass_change_detection().retire());
            self.bury(hub, held, DeadReason::Stopped);
            self.behaviour.drop_state(world, hub, entity, id);
            self.despawn(world, entity);
        }
    }

    /// The host app despawned an actor's entity, or took its mailbox off.
    fn forget_lost(&mut self, hub: &mut Hub, id: ActorId, held: Option<Box<dyn Any + Send>>) {
        // It may have been told to stop since, which struck it out already.
        if self.roster.slots.remove(id).is_some() {
            self.roster.ticking.set(id, false);
            self.set_place(id, Place::NONE);
            hub.family.remove(id);
            hub.ended += 1;
            hub.registry.release(id);
            hub.nurseries[self.roster.kind as usize].free(id);
            self.behaviour.forget(id);
        }
        let held = held.and_then(|held| held.downcast::<Held<A::Msg>>().ok());
        self.bury(hub, held, DeadReason::Stopped);
    }

    fn supervise(&mut self, world: &mut World, hub: &mut Hub, id: ActorId, failure: &Failure) -> Verdict {
        let rules = self.behaviour.restarts(id);
        let Some(keep_mailbox) = self.may_restart(world, hub.tick, id, rules) else { return Verdict::GiveUp };
        // Until fresh state is there the actor stays failed, so that nothing runs on the old.
        match self.begin(world, hub, id, Beginning { fresh: None, failure: Some(failure) }, keep_mailbox) {
            Start::Running => {}
            Start::Ignored => return Verdict::GiveUp,
            Start::Failed(reason) => {
                let reason = match reason {
                    ExitReason::Error(text) | ExitReason::Panic(text) => text.as_ref().to_owned(),
                    other => other.to_string(),
                };
                hub.signals.push(Signal::Failed(id, Failure { kind: FailureKind::Start, reason }));
            }
        }
        Verdict::Restart
    }

    fn mute(&mut self, world: &mut World, id: ActorId, mute: bool) {
        let due = self.with_held(world, id, |held| {
            held.muted = if mute { held.muted + 1 } else { held.muted.saturating_sub(1) };
            held.muted == 0 && held.kept.has_due()
        });
        if due == Some(true) {
            self.roster.due.push(id.slot());
        }
    }

    fn undelivered(&mut self, world: &mut World, hub: &mut Hub, id: ActorId, notice: Undelivered) -> Result<(), Option<Undelivered>> {
        if self.entity(id).is_none() {
            return Err(Some(notice));
        }
        self.behaviour.undelivered(world, hub, &self.roster, id, notice)
    }

    fn has_mail_from(&self, world: &mut World, id: ActorId, from: ActorId) -> bool {
        let is_from = |envelope: &Envelope<A::Msg>| envelope.from == Some(from);
        self.with_held(world, id, |held| held.kept.iter().map(|kept| kept.1).chain(&held.parked).any(is_from)) == Some(true)
    }

    fn has_kept(&self) -> bool {
        self.roster.has_kept()
    }

    fn queued(&self, world: &mut World, id: ActorId) -> u32 {
        self.with_held(world, id, |held| held.queued() as u32).unwrap_or(0)
    }

    fn all_ids(&self) -> Vec<ActorId> {
        self.roster.slots.iter().map(|(id, _)| id).collect()
    }
}
