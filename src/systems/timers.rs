//! Timers that are due become mail.
//!
//! # Model
//!
//! Each actor type has a wheel with the mail for its actors. What handlers set goes onto the wheels when
//! their pass is gathered, in the order of claims; what is due comes off them in the phase before the
//! rounds, type by type. A name (an actor and one of its keys) leads to the timer that it was given last.
//!
//! # Invariants
//!
//! 1. A timer of an actor that has stopped is dropped when it falls due, or earlier, when as many timers
//!    were set as were pending after the last sweep: stopped actors leave at most that many behind.
//! 2. Of the names, no more than half lead to timers that are over, and [`SWEEP_MIN`].

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash};

use bevy_ecs::world::World;

use super::engine::Engine;
use super::keeper::{Keeper, Runner};
use crate::actor::{Failure, FailureKind, HasMailbox, Load, Outbox, OutboxCell, Routed, Signal, Timer};
use crate::digest::Digester;
use crate::id::{ActorId, Kind};
use crate::panics;
use crate::registry::Registry;
use crate::wheel::TimerKey;
use crate::world::Roster;

/// Timers and names beyond which a sweep is worth while.
const SWEEP_MIN: usize = 1_024;

/// An actor and one of its keys.
type Name = (ActorId, u64);

/// What the timers of all types have in common.
#[derive(Default)]
pub(super) struct Timers {
    /// Kinds whose wheels may hold timers, ascending.
    kinds: Vec<Kind>,
    /// Looked up, never iterated for a result.
    names: HashMap<Name, (Kind, TimerKey), BuildHasherDefault<Digester>>,
    /// Timers set since the last sweep.
    set: usize,
    /// So many call for the next, if actors ended meanwhile.
    sweep_at: usize,
    /// Actors that had ended at the last sweep.
    ended: u64,
    named: Vec<Option<(Kind, TimerKey)>>,
}

/// The timers for actors of one type.
pub(crate) trait TypeTimers {
    fn len(&self) -> usize;
    fn next_due(&self) -> Option<u64>;
    /// Takes what an outbox set. `named` gets the timers with keys, in the places of their deeds.
    fn set(&mut self, tick: u64, outbox: &mut Outbox, named: &mut [Option<(Kind, TimerKey)>]) -> usize;
    fn cancel(&mut self, key: TimerKey);
    fn is_pending(&self, key: TimerKey) -> bool;
    /// Makes mail of what falls due up to `tick`. Returns how many timers it dropped for their owner's sake.
    fn fire(&mut self, tick: u64, others: Others<'_>, out: (&Registry, &OutboxCell), signals: &mut Vec<Signal>) -> u64;
    /// Drops the timers whose owner has stopped; returns how many.
    fn sweep(&mut self, others: Others<'_>) -> u64;
}

/// The runners of all types but one.
#[derive(Clone, Copy)]
pub(crate) struct Others<'a> {
    before: &'a [Box<dyn Runner>],
    after: &'a [Box<dyn Runner>],
}

impl<'a> Others<'a> {
    fn split(runners: &'a mut [Box<dyn Runner>], kind: Kind) -> Option<(Self, &'a mut Box<dyn Runner>)> {
        let (before, rest) = runners.split_at_mut_checked(kind as usize)?;
        let (one, after) = rest.split_first_mut()?;
        Some((Self { before, after }, one))
    }

    /// Whether an actor of another type lives.
    fn is_alive(self, id: ActorId) -> bool {
        let kind = id.kind() as usize;
        let runner = self.before.get(kind).or_else(|| self.after.get(kind.checked_sub(self.before.len() + 1)?));
        runner.is_some_and(|runner| runner.entity(id).is_some())
    }
}

impl<A: HasMailbox> TypeTimers for Keeper<A> {
    fn len(&self) -> usize {
        self.wheel.len()
    }

    fn next_due(&self) -> Option<u64> {
        self.wheel.next_due()
    }

    fn set(&mut self, tick: u64, outbox: &mut Outbox, named: &mut [Option<(Kind, TimerKey)>]) -> usize {
        if self.wheel.is_empty() {
            // It was not advanced while it was empty.
            self.wheel.advance(tick, |_| None);
        }
        let kind = self.roster.kind;
        let mut settings = outbox.timers.take::<A>(kind);
        let set = settings.len();
        for setting in settings.drain(..) {
            match setting.name {
                Some(place) => named[place as usize] = Some((kind, self.wheel.set(setting.due, setting.timer))),
                None => self.wheel.set_for_good(setting.due, setting.timer),
            }
        }
        outbox.timers.give_back::<A>(kind, settings);
        set
    }

    fn cancel(&mut self, key: TimerKey) {
        drop_timer(self.wheel.cancel(key));
    }

    fn is_pending(&self, key: TimerKey) -> bool {
        self.wheel.get(key).is_some()
    }

    fn fire(&mut self, tick: u64, others: Others<'_>, (registry, outbox): (&Registry, &OutboxCell), signals: &mut Vec<Signal>) -> u64 {
        let mut dropped = 0;
        let Self { wheel, roster, .. } = self;
        wheel.advance(tick, |timer| {
            if !owner_lives(roster, others, timer.owner) {
                drop_timer(Some(timer));
                dropped += 1;
                return None;
            }
            let Timer { to, owner, load } = timer;
            let tell = |msg| outbox.with(|outbox| outbox.tell::<A>(to, owner, msg));
            let sent = match load {
                Load::Routed(routed) => {
                    let Routed { route, load } = *routed;
                    let sent = send(load, |msg| route(registry, outbox, owner, msg));
                    sent.map(|again| again.map(|load| Load::Routed(Box::new(Routed { route, load }))))
                }
                load => send(load, tell),
            };
            outbox.with(Outbox::begin);
            match sent {
                Ok(again) => again.map(|load| (tick.saturating_add(load.period()), Timer { to, owner, load })),
                Err(reason) => {
                    let failure = Failure { kind: FailureKind::Panic, reason };
                    signals.extend(owner.map(|owner| Signal::Failed(owner, failure)));
                    None
                }
            }
        });
        dropped
    }

    fn sweep(&mut self, others: Others<'_>) -> u64 {
        let before = self.wheel.len();
        let Self { wheel, roster, .. } = self;
        wheel.retain(|timer| owner_lives(roster, others, timer.owner), |timer| drop_timer(Some(timer)));
        (before - self.wheel.len()) as u64
    }
}

/// Sends what falls due; returns what falls due again, or how making its message panicked.
fn send<M: 'static>(load: Load<M>, send: impl FnOnce(M)) -> Result<Option<Load<M>>, String> {
    match load {
        Load::Once(msg) => {
            send(msg);
            Ok(None)
        }
        Load::Every(interval) => {
            send(panics::catch(|| (interval.make)())?);
            Ok(Some(Load::Every(interval)))
        }
        Load::Routed(_) => unreachable!("invariant: routes are not nested"),
    }
}

fn owner_lives<A: HasMailbox>(roster: &Roster<A>, others: Others<'_>, owner: Option<ActorId>) -> bool {
    owner.is_none_or(|id| if id.kind() == roster.kind { roster.slots.check(id).is_ok() } else { others.is_alive(id) })
}

/// Drops a timer whose message may panic when it is dropped.
fn drop_timer<M>(timer: Option<Timer<M>>) {
    if let Some(panic) = panics::drop_quietly(timer) {
        tracing::warn!(panic, "the message of a timer panicked when it was dropped");
    }
}

impl<A: HasMailbox> Keeper<A> {
    pub(super) fn digest_timers(&self, digester: &mut Digester) {
        for (due, timer) in self.wheel.iter() {
            (due, timer.to, timer.owner, timer.load.period()).hash(digester);
        }
    }
}

/// The system of [`ThrongSystems::Timers`](super::ThrongSystems::Timers).
pub(crate) fn fire_timers(world: &mut World) {
    Engine::scope(world, |engine, world| {
        engine.tend_pools(world);
        engine.fire_timers(world);
    });
}

impl Engine {
    fn fire_timers(&mut self, world: &mut World) {
        self.end_late_asks(world);
        self.sweep_timers();
        let Self { hub, runners, timers, stats, .. } = self;
        timers.kinds.retain(|&kind| {
            let Some((others, runner)) = Others::split(runners, kind) else { return false };
            stats.timers_dropped += runner.timers().fire(hub.tick, others, (&hub.registry, &hub.outboxes[0]), &mut hub.signals);
            runner.timers().len() > 0
        });
    }

    pub(crate) fn next_timer_tick(&mut self) -> Option<u64> {
        self.gather();
        self.timers.kinds.iter().filter_map(|&kind| self.runners[kind as usize].timers().next_due()).min()
    }

    /// Lets ticks pass that are not run.
    pub(crate) fn skip_ticks(&mut self, ticks: u64) {
        // Timers that the host set count from the last tick.
        self.set_timers(0);
        self.hub.tick = self.hub.tick.saturating_add(ticks);
    }

    /// Puts what an outbox set onto the wheels.
    #[inline]
    pub(super) fn set_timers(&mut self, outbox: usize) {
        if !self.hub.outboxes[outbox].get_mut().timers.is_empty() {
            self.set_timers_of(outbox);
        }
    }

    fn set_timers_of(&mut self, outbox: usize) {
        let Self { hub, runners, timers, .. } = self;
        let tick = hub.tick;
        let outbox = hub.outboxes[outbox].get_mut();
        timers.named.clear();
        timers.named.resize(outbox.timers.named.len(), None);
        for kind in std::mem::take(&mut outbox.timers.kinds) {
            timers.set += runners[kind as usize].timers().set(tick, outbox, &mut timers.named);
            if let Err(at) = timers.kinds.binary_search(&kind) {
                timers.kinds.insert(at, kind);
            }
        }
        for (named, set) in outbox.timers.named.drain(..).zip(timers.named.drain(..)) {
            let name = (named.owner, named.key);
            let before = match set {
                Some(timer) => timers.names.insert(name, timer),
                None => timers.names.remove(&name),
            };
            if let Some((kind, key)) = before {
                runners[kind as usize].timers().cancel(key);
            }
        }
    }

    /// Once a tick: how often within one depends on the number of claims.
    fn sweep_timers(&mut self) {
        let Self { hub, runners, timers, stats, .. } = self;
        let pending = |timers: &Timers, runners: &mut [Box<dyn Runner>]| -> usize {
            timers.kinds.iter().map(|&kind| runners[kind as usize].timers().len()).sum()
        };
        if timers.set >= timers.sweep_at.max(SWEEP_MIN) {
            if timers.ended != hub.ended {
                for &kind in &timers.kinds {
                    let Some((others, runner)) = Others::split(runners, kind) else { continue };
                    stats.timers_dropped += runner.timers().sweep(others);
                }
                timers.ended = hub.ended;
            }
            timers.set = 0;
            timers.sweep_at = pending(timers, runners);
        }
        if timers.names.len() > SWEEP_MIN && timers.names.len() > 2 * pending(timers, runners) + SWEEP_MIN {
            timers.names.retain(|_, &mut (kind, key)| runners[kind as usize].timers().is_pending(key));
        }
    }
}
