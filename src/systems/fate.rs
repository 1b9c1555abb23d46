//! Ends and signals: how incarnations end, and who hears of it.
//!
//! # Model
//!
//! All of it is a queue of [`Event`]s, worked off on one thread. The end of an incarnation cuts its ties, which
//! puts signals and notices on their way, and is fed to its supervisor's plan, whose outputs are put on the queue
//! (`supervise` carries them out). A start that fails is tried again in the next round, and what hooks ask for waits for
//! the next round, too. So every event of a round has a cause that is used up by it, and the queue runs empty.
//!
//! # Source
//!
//! Erlang/OTP: "Processes", section Errors; `gen_server:terminate/2`.

use bevy_ecs::world::World;

use super::engine::Engine;
use super::lives::{Event, How, LifeEvent, LifeStep, Timer};
use super::node::Place;
use crate::actor::{ExitReason, Failure, Notice, Order};
use crate::id::ActorId;
use crate::supervision::{Input, Output, Verdict};
use crate::world::Leaving;

impl Engine {
    /// Works until nothing is left to be done in this round.
    pub(super) fn work_off(&mut self, world: &mut World) {
        while let Some(event) = self.lives.queue.pop_front() {
            match event {
                Event::Do { supervisor, incarnation, output, because } => {
                    if self.lives.node(supervisor).is_some_and(|node| node.incarnation == incarnation) {
                        self.carry_out_plan(world, supervisor, output, because);
                    } else if let Output::Removed(_, gone) = output {
                        self.let_go(world, gone.who, gone.reason.as_ref());
                    }
                }
                Event::Signal { to, from, reason, how } => self.take_signal(world, to, from, reason, how),
                Event::Guard { id, reason } => {
                    self.lives.fallen.remove(&id);
                    self.guard(world, id, &Failure::from(&reason), &reason);
                }
            }
        }
        if self.hub.used > 0 {
            self.gather();
        }
    }

    /// Tells subscribers of a step in an actor's life.
    pub(super) fn tell_step(&mut self, actor: ActorId, what: LifeStep) {
        if self.lives.told.is_none() {
            return;
        }
        let (name, tick) = (self.name_of(actor), self.hub.tick);
        self.lives.told.as_mut().into_iter().for_each(|told| told.push(LifeEvent { actor, name: name.clone(), tick, what: what.clone() }));
    }

    /// Whether the present incarnation of an actor lives.
    pub(super) fn lives(&self, id: ActorId) -> bool {
        if !self.is_alive(id) || self.lives.fallen.contains(&id) {
            return false;
        }
        match self.place(id) {
            None => true,
            Some(Place::ORPHAN) => true,
            Some(place) => self.supervisor_at(place).is_some_and(|node| node.is_up(place.key)),
        }
    }

    pub(super) fn place(&self, id: ActorId) -> Option<Place> {
        self.runners.get(id.kind() as usize)?.place(id)
    }

    // ---- ends

    /// Ends an incarnation; with `terminates`, its hook runs before, and may take its time.
    pub(super) fn end(&mut self, world: &mut World, id: ActorId, mut reason: ExitReason, terminates: bool) {
        if terminates {
            if self.lives.ties.get(id).is_some_and(|tie| tie.leaving.is_some()) {
                return;
            }
            self.tell_step(id, LifeStep::Terminating(reason.clone()));
            let before = self.hub.orders.len();
            self.runners[id.kind() as usize].terminate(world, &mut self.hub, id, &reason);
            if self.hub.orders.len() > before {
                let (ticks, instead) = self.sort_last_orders(id, before);
                reason = instead.unwrap_or(reason);
                if ticks > 0 {
                    return self.linger(world, id, reason, ticks);
                }
            }
        }
        self.finish(world, id, reason);
    }

    /// What an actor ordered in `terminate`: ticks to linger, and another reason. The rest is kept.
    fn sort_last_orders(&mut self, id: ActorId, before: usize) -> (u64, Option<ExitReason>) {
        let (mut ticks, mut reason) = (0, None);
        for (by, order) in self.hub.orders.split_off(before) {
            match order {
                Order::Linger(n) if by == id => ticks = n,
                Order::Exit(other) if by == id => reason = Some(other),
                order => self.hub.orders.push((by, order)),
            }
        }
        (ticks, reason)
    }

    fn linger(&mut self, world: &mut World, id: ActorId, reason: ExitReason, ticks: u64) {
        self.runners[id.kind() as usize].halt(world, id);
        let due = self.hub.tick.checked_add(ticks);
        let timer = due.map(|due| self.lives.wheel.set(due, Timer::Leave(id)));
        self.lives.ties.entry(id).leaving = Some(Leaving { reason, timer });
    }

    /// An actor has taken its time.
    pub(super) fn finish_lingering(&mut self, world: &mut World, id: ActorId) {
        let leaving = self.lives.ties.get_mut(id).and_then(|tie| tie.leaving.as_mut());
        if let Some(leaving) = leaving {
            leaving.timer = None;
            let reason = leaving.reason.clone();
            self.finish(world, id, reason);
        }
    }

    /// The incarnation is gone: whoever is tied to it hears of it, and its supervisor decides.
    pub(super) fn finish(&mut self, world: &mut World, id: ActorId, reason: ExitReason) {
        self.cut_ties(id, &reason);
        match self.place(id) {
            Some(Place::ORPHAN) => self.let_go(world, Some(id), Some(&reason)),
            Some(place) => {
                if !self.restart_at_once(world, id, place, &reason) {
                    // Nothing runs on the old state.
                    self.runners[id.kind() as usize].halt(world, id);
                    self.tell_supervisor(place, reason);
                }
            }
            None if self.lives.is_supervisor(id) => self.let_go(world, Some(id), Some(&reason)),
            None if self.lives.is_plain() => self.guard(world, id, &Failure::from(&reason), &reason),
            None => {
                self.lives.fallen.insert(id);
                self.lives.queue.push_back(Event::Guard { id, reason });
            }
        }
    }

    fn tell_supervisor(&mut self, place: Place, reason: ExitReason) {
        let Some(node) = self.lives.nodes.get_mut(place.supervisor as usize).and_then(Option::as_deref_mut) else { return };
        let supervisor = node.id;
        node.note_exit(place.key, &reason);
        if let Some(timer) = node.take_deadline(place.key) {
            self.lives.wheel.cancel(timer);
        }
        self.lives.feed(self.hub.tick, supervisor, Input::Exited(place.key, reason));
    }

    /// Ends what an incarnation is tied to, and tells all that wanted to hear.
    pub(super) fn cut_ties(&mut self, id: ActorId, reason: &ExitReason) {
        self.stats.exits += 1;
        self.tell_step(id, LifeStep::Exited(reason.clone()));
        if self.lives.ties.is_empty() {
            return;
        }
        let cut = self.lives.ties.cut(id, reason);
        if let Some(timer) = cut.timer {
            self.lives.wheel.cancel(timer);
        }
        for to in cut.links {
            self.lives.queue.push_back(Event::Signal { to, from: Some(id), reason: reason.clone(), how: How::Link });
        }
        for (observer, monitor) in cut.monitored_by {
            self.give_notice(observer, Notice::Down { actor: id, reason: reason.clone(), monitor });
        }
    }

    /// An actor without a supervisor has ended: it is restarted, or gone.
    pub(super) fn guard(&mut self, world: &mut World, id: ActorId, failure: &Failure, reason: &ExitReason) {
        if !self.is_alive(id) {
            return;
        }
        let verdict = if reason.is_normal() {
            Verdict::GiveUp
        } else if let Some(goes_on) = self.renew(world, id, failure) {
            if goes_on {
                return;
            }
            Verdict::GiveUp
        } else {
            let before = self.hub.orders.len();
            let verdict = self.runners[id.kind() as usize].supervise(world, &mut self.hub, id, failure);
            self.heed_ties(before);
            verdict
        };
        match verdict {
            Verdict::Restart => {
                self.stats.restarts += 1;
                self.tell_restart(id, reason);
            }
            Verdict::GiveUp => self.give_up(world, id, reason),
        }
        if self.runners[id.kind() as usize].has_mail() {
            self.awake.wake(id.kind());
        }
    }

    /// An actor has ended for good.
    pub(super) fn give_up(&mut self, world: &mut World, id: ActorId, reason: &ExitReason) {
        if !reason.is_normal() {
            self.note_given_up(id, reason);
        }
        self.let_go(world, Some(id), Some(reason));
    }

    fn note_given_up(&mut self, id: ActorId, reason: &ExitReason) {
        self.stats.given_up += 1;
        if self.hub.may_log() {
            let actor_type = self.runners[id.kind() as usize].type_name();
            tracing::error!(actor = %id, actor_type, %reason, "an actor is given up after its failure, and stops");
        }
    }

    /// A new incarnation runs at an old address.
    pub(super) fn tell_restart(&mut self, id: ActorId, reason: &ExitReason) {
        self.tell_step(id, LifeStep::Started);
        for watcher in self.watchers(id) {
            self.give_notice(watcher, Notice::Restarted { actor: id, reason: reason.clone() });
        }
    }

    fn watchers(&self, id: ActorId) -> Vec<ActorId> {
        self.lives.ties.get(id).map(|tie| tie.watched_by.iter().copied().collect()).unwrap_or_default()
    }

    /// Gives an address up whose incarnation has ended.
    pub(super) fn let_go(&mut self, world: &mut World, who: Option<ActorId>, reason: Option<&ExitReason>) {
        let Some(id) = who else { return };
        if self.is_alive(id) {
            self.stop_tree(world, id, false, reason.unwrap_or(&ExitReason::Shutdown));
        } else {
            // Its start failed: nobody ever had this id.
            self.hub.nurseries[id.kind() as usize].free(id);
        }
    }

    /// Kills an actor: nothing of its own runs.
    pub(super) fn kill(&mut self, world: &mut World, id: ActorId) {
        if self.lives.is_supervisor(id) {
            self.abandon(world, id, &ExitReason::Killed);
        } else {
            self.finish(world, id, ExitReason::Killed);
        }
    }

    // ---- signals and notices

    /// An exit signal arrives.
    pub(super) fn take_signal(&mut self, world: &mut World, to: ActorId, from: Option<ActorId>, reason: ExitReason, how: How) {
        if !self.lives(to) {
            return;
        }
        if how == How::Explicit && reason == ExitReason::Kill {
            return self.kill(world, to);
        }
        if self.lives.is_supervisor(to) {
            // It traps exits; those of strangers are none of its business.
            if how == How::Parent {
                self.lives.feed(self.hub.tick, to, Input::Leave(reason));
            }
            return;
        }
        let (traps, leaves) = self.lives.ties.get(to).map_or((false, false), |tie| (tie.traps, tie.leaving.is_some()));
        if traps && how == How::Parent {
            self.end(world, to, reason, true);
        } else if traps {
            if !leaves {
                self.give_notice(to, Notice::Exit { from, reason });
            }
        } else if reason != ExitReason::Normal || (how == How::Explicit && from == Some(to)) {
            self.finish(world, to, reason);
        }
    }

    /// Puts a notice into an actor's control lane; it is handed over in the next round.
    pub(super) fn give_notice(&mut self, to: ActorId, notice: Notice) {
        if !self.lives(to) || self.lives.is_supervisor(to) {
            return;
        }
        let tie = self.lives.ties.entry(to);
        tie.notices.push_back(notice);
        if tie.notices.len() == 1 && !tie.holds {
            self.lives.hearers.push(to);
        }
    }

    /// Hands over the notices of the last round.
    pub(super) fn hand_over_notices(&mut self, world: &mut World) {
        for id in std::mem::take(&mut self.lives.hearers) {
            let Some(tie) = self.lives.ties.get_mut(id).filter(|tie| !tie.holds && tie.leaving.is_none()) else { continue };
            let notices = std::mem::take(&mut tie.notices);
            self.lives.ties.tidy(id);
            self.stats.notices += notices.len() as u64;
            self.runners[id.kind() as usize].notified(world, &mut self.hub, id, notices);
        }
    }

    // ---- orders

    /// Carries out what handlers and hooks ordered.
    pub(super) fn heed_orders(&mut self, world: &mut World) {
        let mut orders = std::mem::take(&mut self.hub.orders);
        for (by, order) in orders.drain(..) {
            if !self.lives(by) {
                continue;
            }
            match order {
                Order::Exit(reason) => self.end(world, by, reason, true),
                Order::Signal { to, reason } => {
                    self.lives.queue.push_back(Event::Signal { to, from: Some(by), reason, how: How::Explicit });
                }
                Order::Ask { supervisor, request } => self.ask_for(world, supervisor, request),
                tie => self.heed_tie(by, tie),
            }
        }
        // The list goes back for its memory.
        orders.append(&mut self.hub.orders);
        self.hub.orders = orders;
    }

    /// Carries out what a start ordered about ties, at once; the rest waits for the next round.
    pub(super) fn heed_ties(&mut self, before: usize) {
        if self.hub.orders.len() == before {
            return;
        }
        for (by, order) in self.hub.orders.split_off(before) {
            match order {
                Order::Exit(_) | Order::Signal { .. } | Order::Ask { .. } => self.hub.orders.push((by, order)),
                tie => self.heed_tie(by, tie),
            }
        }
    }

    fn heed_tie(&mut self, by: ActorId, order: Order) {
        match order {
            Order::TrapExit(on) => {
                self.lives.ties.entry(by).traps = on;
                self.lives.ties.tidy(by);
            }
            Order::Link(other) if other == by => {}
            Order::Link(other) if self.lives(other) => self.lives.ties.link(by, other),
            Order::Link(actor) => {
                let traps = self.lives.ties.get(by).is_some_and(|tie| tie.traps);
                let trapped = Notice::Exit { from: Some(actor), reason: ExitReason::NoProc };
                self.give_notice(by, if traps { trapped } else { Notice::LinkRefused { actor } });
            }
            Order::Unlink(other) => self.lives.ties.unlink(by, other),
            Order::Monitor { actor, .. } if actor == by => {}
            Order::Monitor { actor, monitor } if self.lives(actor) => self.lives.ties.monitor(by, actor, monitor),
            Order::Monitor { actor, monitor } => self.give_notice(by, Notice::Down { actor, reason: ExitReason::NoProc, monitor }),
            Order::Demonitor { monitor, flush } => self.demonitor(by, monitor, flush),
            Order::Watch(actor) if self.is_alive(actor) => self.lives.ties.watch(by, actor),
            Order::Watch(actor) => self.give_notice(by, Notice::Stopped { actor, reason: ExitReason::NoProc }),
            Order::Unwatch(actor) => self.lives.ties.unwatch(by, actor),
            Order::HoldNotices(holds) => self.hold_notices(by, holds),
            // Only `terminate` takes time.
            Order::Linger(_) | Order::Exit(_) | Order::Signal { .. } | Order::Ask { .. } => {}
        }
    }

    fn demonitor(&mut self, by: ActorId, monitor: crate::actor::MonitorRef, flush: bool) {
        self.lives.ties.demonitor(by, monitor);
        if flush && let Some(tie) = self.lives.ties.get_mut(by) {
            tie.notices.retain(|notice| !matches!(notice, Notice::Down { monitor: of, .. } if *of == monitor));
            self.lives.ties.tidy(by);
        }
    }

    fn hold_notices(&mut self, by: ActorId, holds: bool) {
        let tie = self.lives.ties.entry(by);
        let released = tie.holds && !holds && !tie.notices.is_empty();
        tie.holds = holds;
        if released {
            self.lives.hearers.push(by);
        }
        self.lives.ties.tidy(by);
    }
}
