//! What all actor types share while a round runs.

use std::time::Duration;

use rayon::ThreadPool;

use super::asks::Asks;
use crate::actor::{Act, HasMailbox, Knocks, Nursery, Order, Outbox, OutboxCell, Return, Signal, Stop, TurnEnv, WorldNo};
use crate::id::{ActorId, Kind};
use crate::mailbox::DeadLetter;
use crate::registry::Registry;
use crate::types::TypeMap;
use crate::world::Family;

/// Claims for each thread that a pass is cut into at most. More than one evens out uneven blocks.
const CLAIMS_PER_THREAD: usize = 8;

/// The time that a tick stands for if nothing else is set: bevy's fixed time step.
pub(crate) const TICK_PERIOD_DEFAULT: Duration = Duration::from_micros(15_625);

/// Lines that a tick logs at most; the rest is in the counts.
pub(crate) const LOG_LINES: u32 = 32;

/// Which way rounds are run; both give the same result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// By the size of the pass.
    #[default]
    Auto,
    /// All on the calling thread.
    Never,
    /// Cut up, however small.
    Always,
}

/// Outboxes, workers, ids, and what happened in this round.
pub(crate) struct Hub {
    /// One for each claim; the first also serves the host and the hooks.
    pub(crate) outboxes: Vec<OutboxCell>,
    /// Outboxes that may hold mail or births.
    pub(crate) used: usize,
    pub(crate) nurseries: Vec<Nursery>,
    pub(crate) kinds: TypeMap<Kind>,
    pub(crate) family: Family,
    /// Positions of the actors born in this pass, by type.
    born: Vec<(Kind, u64)>,
    /// Parents with children born in this round, in order.
    pub(crate) kin: Vec<(ActorId, ActorId)>,
    pub(crate) acts: Vec<Act>,
    /// Messages to keys under which nobody is active.
    pub(crate) knocks: Knocks,
    pub(crate) stops: Vec<Stop>,
    /// Orders about lives, with those who gave them.
    pub(crate) orders: Vec<(ActorId, Order)>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) asks: Asks,
    pub(crate) registry: Registry,
    pub(crate) dead: Vec<DeadLetter>,
    pub(crate) unroutable: u64,
    pub(crate) world: WorldNo,
    pub(crate) tick: u64,
    pub(crate) round: u32,
    /// Actors that have stopped or were lost since the world began.
    pub(crate) ended: u64,
    pub(crate) seed: u64,
    /// The time that a tick stands for.
    pub(crate) tick_period: Duration,
    pub(crate) threads: usize,
    pub(crate) pool: Option<ThreadPool>,
    pub(crate) sharing: Sharing,
    /// Rounds that a pass may run on its own while all mail is for one block of its own actors.
    pub(crate) relay_max: u32,
    /// Rounds that the last pass ran on its own.
    pub(crate) relayed: u32,
    pub(crate) keep_dead: bool,
    /// Sessions of hooks in this tick.
    pub(crate) sessions: u32,
    /// Lines that this tick may still log about failures, hooks and dead letters.
    pub(crate) log_left: u32,
}

impl Hub {
    pub(crate) fn new(threads: usize, seed: u64) -> Self {
        Self {
            outboxes: vec![OutboxCell::new(Outbox::default())],
            used: 0,
            nurseries: Vec::new(),
            kinds: TypeMap::default(),
            family: Family::default(),
            born: Vec::new(),
            kin: Vec::new(),
            acts: Vec::new(),
            knocks: Knocks::default(),
            stops: Vec::new(),
            orders: Vec::new(),
            signals: Vec::new(),
            asks: Asks::default(),
            registry: Registry::default(),
            dead: Vec::new(),
            unroutable: 0,
            world: WorldNo::default(),
            tick: 0,
            round: 0,
            ended: 0,
            seed,
            tick_period: TICK_PERIOD_DEFAULT,
            threads,
            pool: helpers(threads),
            sharing: Sharing::Auto,
            relay_max: 0,
            relayed: 0,
            keep_dead: false,
            sessions: 0,
            log_left: LOG_LINES,
        }
    }

    /// Stands in where the hub is lent out.
    pub(crate) fn vacant() -> Self {
        Self::new(1, 0)
    }

    /// Makes room for one more actor type.
    pub(crate) fn add_kind<A: HasMailbox>(&mut self) -> Kind {
        let kind = self.nurseries.len() as Kind;
        self.nurseries.push(Nursery::new(kind));
        for outbox in &mut self.outboxes {
            outbox.get_mut().add_kind::<A>();
        }
        kind
    }

    /// How many claims a pass is cut into at most.
    pub(crate) fn claims_max(&self) -> usize {
        if self.threads > 1 { self.threads * CLAIMS_PER_THREAD } else { 1 }
    }

    /// The environment of turns, and the first outbox.
    pub(crate) fn desk(&self) -> (TurnEnv<'_>, &OutboxCell) {
        (self.env(), &self.outboxes[0])
    }

    pub(crate) fn env(&self) -> TurnEnv<'_> {
        TurnEnv {
            tick: self.tick,
            round: self.round,
            seed: self.seed,
            kinds: &self.kinds,
            nurseries: &self.nurseries,
            sessions: self.sessions,
            tick_period: self.tick_period,
            world: self.world,
            registry: &self.registry,
        }
    }

    /// The registry, and the host's outbox: what is written there goes out with the next round.
    pub(crate) fn host(&mut self) -> (&Registry, &OutboxCell) {
        self.outboxes[0].get_mut().begin();
        (&self.registry, &self.outboxes[0])
    }

    /// Whether one more line may be logged in this tick.
    pub(crate) fn may_log(&mut self) -> bool {
        self.log_left = self.log_left.saturating_sub(1);
        self.log_left > 0
    }

    /// Takes what the first `outboxes` outboxes hold apart from mail and births, in order.
    pub(crate) fn collect(&mut self, outboxes: usize) {
        self.used = self.used.max(outboxes);
        for outbox in &mut self.outboxes[..outboxes] {
            let outbox = outbox.get_mut();
            move_all(&mut outbox.kin, &mut self.kin);
            move_all(&mut outbox.acts, &mut self.acts);
            self.knocks.append(&mut outbox.knocks);
            move_all(&mut outbox.stops, &mut self.stops);
            move_all(&mut outbox.orders, &mut self.orders);
            move_all(&mut outbox.signals, &mut self.signals);
            move_all(&mut outbox.dead, &mut self.dead);
            self.unroutable += std::mem::take(&mut outbox.unroutable);
            outbox.take_positions(|kind, position| self.born.push((kind, position)));
        }
        self.settle_ids();
        self.take_returns();
    }

    /// Takes over which asks ended on this thread without a context.
    pub(crate) fn take_returns(&mut self) {
        self.outboxes[0].get_mut().take_returns();
    }

    /// Brings asks to their end with the next round.
    pub(crate) fn bring_in(&mut self, back: Return) {
        self.outboxes[0].get_mut().bring_in(back);
    }

    /// Gives unused positions of the pass back, type by type.
    fn settle_ids(&mut self) {
        if self.born.is_empty() {
            return;
        }
        self.born.sort_unstable();
        for births in self.born.chunk_by(|a, b| a.0 == b.0) {
            let positions = births.iter().map(|birth| birth.1).collect();
            self.nurseries[births[0].0 as usize].settle(positions);
        }
        self.born.clear();
    }

    pub(crate) fn has_deeds(&self) -> bool {
        let is_done = self.acts.is_empty() && self.stops.is_empty() && self.orders.is_empty() && self.signals.is_empty();
        !is_done || !self.knocks.is_empty()
    }
}

/// As [`Vec::append`], without a copy if there is nothing to append to.
fn move_all<T>(from: &mut Vec<T>, to: &mut Vec<T>) {
    if to.is_empty() { std::mem::swap(from, to) } else { to.append(from) }
}

/// A pool for all threads but the one that runs the tick.
fn helpers(threads: usize) -> Option<ThreadPool> {
    let build = |helpers| rayon::ThreadPoolBuilder::new().num_threads(helpers).thread_name(|n| format!("throng-{n}")).build();
    let helpers = threads.checked_sub(1).filter(|&n| n > 0)?;
    build(helpers)
        .inspect_err(|error| tracing::error!(%error, helpers, "no worker threads; throng goes on with one thread, with the same results"))
        .ok()
}
