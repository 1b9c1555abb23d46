//! Asks come to their end: answered, unanswered or timed out.
//!
//! # Model
//!
//! When a round is settled, what ended asks in it (answers, dropped tickets) is looked up on the wheels of the
//! outboxes; time-outs come off the same wheels in the phase of timers. Then the askers go on, type by type,
//! in the order in which the asks ended. What an asker does here is handled in the next round.
//!
//! # Invariants
//!
//! 1. A continuation runs at most once: whoever ends the ask takes it off the wheel.
//! 2. It runs on the state that asked. Asks of a state that failed since are dropped when they end.

#![expect(unsafe_code, reason = "continuations hold an actor's state and read the world's other parts at once, as hooks do")]

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hash};

use bevy_ecs::world::World;
use bevy_ecs::world::unsafe_world_cell::UnsafeWorldCell;

use super::behaviour::{ActorBehaviour, cell_of, state_of};
use super::engine::Engine;
use super::hub::Hub;
use crate::actor::{Act, Actor, AskError, AskKey, Context, End, Failure, FailureKind, GoOn, Outbox, Outward, PendingAsk, Signal, Wish};
use crate::digest::Digester;
use crate::id::{ActorId, Kind};
use crate::panics;
use crate::world::{Life, Mailbox, Roster};

/// Restarts that are remembered before the list is looked through.
const RESTARTS_KEPT: usize = 1_024;

/// An ask that is over.
pub(crate) struct EndedAsk {
    asker: ActorId,
    /// Who answered.
    from: Option<ActorId>,
    go_on: Box<dyn Any + Send>,
    end: End,
}

/// What became of asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AskStats {
    /// Asks whose call succeeded, and those from outside.
    pub asked: u64,
    /// Ended with an answer.
    pub answered: u64,
    /// Ended without: timed out, not delivered, dropped.
    pub unanswered: u64,
    /// Dropped because the asker had failed or stopped.
    pub dropped: u64,
    /// Not ended yet.
    pub pending: usize,
    /// Answers that came after the end.
    pub late: u64,
}

impl AskStats {
    /// Whether every ask is accounted for.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.asked == self.answered + self.unanswered + self.dropped + self.pending as u64
    }
}

/// What the hub keeps about asks.
#[derive(Default)]
pub(crate) struct Asks {
    /// Over, with their askers yet to go on.
    ended: Vec<EndedAsk>,
    /// As `ended`, for askers who cannot run in this tick.
    stalled: Vec<EndedAsk>,
    /// For the outside, with the tick's end.
    pub(crate) outward: Vec<(Outward, End)>,
    /// Actors with the moment of their last restart. Looked up, never iterated for a result.
    restarted: HashMap<ActorId, u64, BuildHasherDefault<Digester>>,
    stats: AskStats,
}

impl Asks {
    pub(crate) fn is_quiet(&self) -> bool {
        self.ended.is_empty()
    }

    /// Those who could not go on in the last tick may try again.
    pub(crate) fn begin_tick(&mut self) {
        self.ended.append(&mut self.stalled);
    }
}

impl Hub {
    /// Ends an ask, if it is still pending.
    pub(super) fn end_ask(&mut self, key: AskKey, from: Option<ActorId>, end: End) {
        let outbox = self.outboxes.get_mut(key.outbox as usize).filter(|_| key.world == self.world);
        match outbox.and_then(|outbox| outbox.get_mut().asks.cancel(key.place)) {
            Some(ask) => self.finish(ask, from, end),
            None => {
                self.asks.stats.late += u64::from(end.is_ok());
                drop_end(end);
            }
        }
    }

    fn finish(&mut self, ask: PendingAsk, from: Option<ActorId>, end: End) {
        let Self { asks, .. } = self;
        match ask.asker {
            Some(asker) if asks.restarted.get(&asker).is_some_and(|&restart| restart >= ask.moment) => {
                asks.stats.dropped += 1;
                drop_end(end);
            }
            Some(asker) => asks.ended.push(EndedAsk { asker, from, go_on: ask.go_on, end }),
            None => {
                match &end {
                    Ok(_) => asks.stats.answered += 1,
                    Err(_) => asks.stats.unanswered += 1,
                }
                if let Ok(outward) = ask.go_on.downcast::<Outward>() {
                    asks.outward.push((*outward, end));
                }
            }
        }
    }

    /// Ends the asks whose time is over.
    pub(super) fn end_late_asks(&mut self) {
        let mut late = Vec::new();
        for outbox in &mut self.outboxes {
            let asks = &mut outbox.get_mut().asks;
            if !asks.is_empty() {
                asks.advance(self.tick, |ask| {
                    late.push(ask);
                    None
                });
            }
        }
        // Which outbox an ask is in depends on threads; its asker, moment and number within do not.
        late.sort_unstable_by_key(|ask| (ask.asker, ask.moment, ask.number));
        for ask in late {
            self.finish(ask, None, Err(AskError::TimedOut));
        }
    }

    /// The asks that an actor made until now were another state's.
    pub(super) fn forget_asks(&mut self, asker: ActorId) {
        let pending = self.pending_asks();
        if pending == 0 {
            self.asks.restarted.clear();
            return;
        }
        self.asks.restarted.insert(asker, self.moment);
        if self.asks.restarted.len() > 2 * pending + RESTARTS_KEPT {
            let waiting: HashSet<ActorId> = self.all_asks().filter_map(|ask| ask.1.asker).collect();
            self.asks.restarted.retain(|asker, _| waiting.contains(asker));
        }
    }

    fn all_asks(&mut self) -> impl Iterator<Item = (u64, &PendingAsk)> {
        self.outboxes.iter_mut().flat_map(|outbox| outbox.get_mut().asks.iter())
    }

    /// Who of a kind waits for the end of an ask, or of a job.
    pub(super) fn askers(&mut self, kind: Kind) -> HashSet<ActorId> {
        let over: Vec<ActorId> = self.asks.ended.iter().chain(&self.asks.stalled).map(|ask| ask.asker).collect();
        let pending = self.all_asks().filter_map(|(_, ask)| ask.asker);
        pending.chain(over).filter(|asker| asker.kind() == kind).collect()
    }

    fn pending_asks(&mut self) -> usize {
        self.outboxes.iter_mut().map(|outbox| outbox.get_mut().asks.len()).sum()
    }

    pub(super) fn ask_stats(&mut self) -> AskStats {
        let asked = self.outboxes.iter_mut().map(|outbox| outbox.get_mut().asks_made()).sum();
        let pending = self.pending_asks() + self.asks.ended.len() + self.asks.stalled.len();
        AskStats { asked, pending, ..self.asks.stats.clone() }
    }

    pub(super) fn digest_asks(&mut self, digester: &mut Digester) {
        let mut pending: Vec<_> = self.all_asks().map(|(due, ask)| (ask.asker, due)).collect();
        pending.sort_unstable();
        pending.hash(digester);
        let stats = &self.asks.stats;
        (stats.answered, stats.unanswered, stats.dropped, stats.late).hash(digester);
    }
}

impl Engine {
    /// Ends the asks that these deeds end; gives the other deeds back.
    pub(super) fn end_asks(&mut self, acts: &mut Vec<Act>) {
        let others = acts.extract_if(.., |act| matches!(act, Act::Answer(_) | Act::Return(_)));
        for act in others {
            match act {
                Act::Answer(answer) => self.hub.end_ask(answer.ticket.redeem(), Some(answer.from), Ok(answer.value)),
                Act::Return(back) => self.hub.end_ask(back.key, None, back.end),
                _ => {}
            }
        }
    }

    /// Lets those go on whose asks are over.
    pub(super) fn go_on(&mut self, world: &mut World) {
        if self.hub.asks.ended.is_empty() {
            return;
        }
        let mut ended = std::mem::take(&mut self.hub.asks.ended);
        // Stable: the order within a type stays.
        ended.sort_by_key(|ask| ask.asker.kind());
        let last_kind = ended.last().map(|ask| ask.asker.kind());
        while ended.first().map(|ask| ask.asker.kind()) != last_kind {
            let kind = ended[0].asker.kind();
            let others = ended.partition_point(|ask| ask.asker.kind() == kind);
            let others = ended.split_off(others);
            self.go_on_all(world, kind, &mut ended);
            ended = others;
        }
        if let Some(kind) = last_kind {
            self.go_on_all(world, kind, &mut ended);
        }
        // For its memory. Nothing is ended by going on, but at the end of a later round.
        if self.hub.asks.ended.is_empty() {
            self.hub.asks.ended = ended;
        }
    }

    /// Lets those of one type go on.
    fn go_on_all(&mut self, world: &mut World, kind: Kind, ended: &mut Vec<EndedAsk>) {
        let runner = &mut self.runners[kind as usize];
        runner.go_on(world, &mut self.hub, ended);
        self.hub.asks.stalled.append(ended);
        if runner.has_mail() {
            self.awake.wake(kind);
        }
    }
}

/// Runs continuations; leaves them there if they cannot run now.
pub(super) fn go_on<A: Actor>(
    behaviour: &mut ActorBehaviour<A>,
    world: &mut World,
    hub: &mut Hub,
    roster: &mut Roster<A>,
    ended: &mut Vec<EndedAsk>,
) {
    if !behaviour.params_are_there(world) {
        return;
    }
    let outcome = behaviour.with_context(world, hub, |context, world| {
        let mut session = Session { context, world, roster, outcome: Outcome::default() };
        ended.drain(..).for_each(|ask| session.go_on(ask));
        session.outcome
    });
    let mut outcome = outcome.unwrap_or_default();
    hub.asks.stats.answered += outcome.answered;
    hub.asks.stats.unanswered += outcome.unanswered;
    hub.asks.stats.dropped += outcome.dropped;
    hub.signals.append(&mut outcome.failed);
    roster.due.append(&mut outcome.due);
}

/// What came of continuations.
#[derive(Default)]
struct Outcome {
    failed: Vec<Signal>,
    /// Slots with postponed mail that is due again.
    due: Vec<u32>,
    answered: u64,
    unanswered: u64,
    dropped: u64,
}

/// Askers of one type go on, one after the other.
struct Session<'c, 'a, 'w, A: Actor> {
    context: &'c Context<'a, A>,
    world: UnsafeWorldCell<'w>,
    roster: &'c Roster<A>,
    outcome: Outcome,
}

impl<A: Actor> Session<'_, '_, '_, A> {
    fn go_on(&mut self, EndedAsk { asker, from, go_on, end }: EndedAsk) {
        // SAFETY: no pass runs, and both references end with this call.
        let parts = unsafe { cell_of(self.world, self.roster, asker).zip(state_of(self.world, self.roster, asker)) };
        let running = parts.filter(|(cell, _)| cell.is(asker) && is_running(cell)).zip(go_on.downcast::<GoOn<A>>().ok());
        let Some(((cell, mut state), go_on)) = running else {
            self.outcome.dropped += 1;
            return drop_end(end);
        };
        match &end {
            Ok(_) => self.outcome.answered += 1,
            Err(_) => self.outcome.unanswered += 1,
        }
        self.context.begin(asker, from);
        let mut kind = FailureKind::Panic;
        let called = panics::catch(|| {
            let handled = go_on.0(&mut state, end, self.context);
            kind = FailureKind::Error;
            handled.map_err(|error| error.to_string())
        });
        panics::drop_quietly(self.context.take_postponed());
        let wish = self.context.take_wish();
        match called.and_then(|handled| handled) {
            Ok(()) => self.heed(wish, asker, cell),
            Err(reason) => {
                self.context.outbox().with(Outbox::roll_back);
                // SAFETY: no pass runs.
                unsafe { cell.held() }.get_or_insert_default().life = Life::Failed;
                self.outcome.failed.push(Signal::Failed(asker, Failure { kind, reason }));
            }
        }
    }

    fn heed(&mut self, wish: Wish, asker: ActorId, cell: &Mailbox<A>) {
        if wish.replay()
            // SAFETY: no pass runs.
            && let Some(held) = unsafe { cell.held() }
        {
            held.kept.replay();
            self.outcome.due.push(asker.slot());
        }
        if wish.stop() {
            cell.close();
        }
    }
}

fn is_running<A: Actor>(cell: &Mailbox<A>) -> bool {
    // SAFETY: no pass runs; the reference ends here.
    unsafe { cell.held() }.as_ref().is_none_or(|held| held.life == Life::Running)
}

/// Drops an answer that nobody takes.
fn drop_end(end: End) {
    if let Some(panic) = panics::drop_quietly(end) {
        tracing::warn!(panic, "an answer that came too late panicked when it was dropped");
    }
}
