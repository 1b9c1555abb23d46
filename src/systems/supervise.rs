//! Carrying out what supervisors' plans say: starts, stops, restarts, answers.

use std::any::Any;
use std::sync::Arc;

use bevy_ecs::world::World;

use super::behaviour::Beginning;
use super::config::Fresh;
use super::engine::Engine;
use super::lives::{Answer, ChildReply, Event, How, LifeStep, Timer};
use super::node::{Gone, Kid, Node, Place, Plan};
use super::spec::{ChildSpec, Make, StartWith, Supervisor, SupervisorSpec, known};
use crate::actor::{ActorRef, ExitReason, Failure};
use crate::id::{ActorId, Kind};
use crate::supervision::{Ask, Child, ChildError, Input, Key, Output, Shutdown, SpecError, Start};

/// A request about a child of a supervisor.
pub(crate) enum ChildRequest {
    Start(ChildSpec),
    StartFromTemplate,
    Terminate(ChildKey),
    Restart(ChildKey),
    Delete(ChildKey),
}

/// What a shutdown came to; see [`Throng::shutdown_within`](crate::Throng::shutdown_within).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Whether all mail was handled before.
    pub quiet: bool,
    /// Ticks that the supervisors took to stop.
    pub ticks: u64,
    /// Supervised actors that did not stop in time and were killed.
    pub unstopped: Vec<Unstopped>,
    /// States of keyed actors that could not be saved in time.
    pub unsaved: usize,
}

/// An actor that did not stop in time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unstopped {
    /// The actor.
    pub actor: ActorId,
    /// Its name in its supervisor, if it has one.
    pub name: Option<Arc<str>>,
}

/// A request from a handler, with the place for its answer.
pub(crate) struct Request {
    pub(crate) what: ChildRequest,
    pub(crate) reply: ChildReply,
}

/// Which child is meant: by its name, or by its id (children of a simple_one_for_one supervisor have no names).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildKey {
    /// By name.
    Name(Arc<str>),
    /// By the id it has now.
    Id(ActorId),
}

impl From<&str> for ChildKey {
    fn from(name: &str) -> Self {
        Self::Name(name.into())
    }
}

impl From<Arc<str>> for ChildKey {
    fn from(name: Arc<str>) -> Self {
        Self::Name(name)
    }
}

impl From<String> for ChildKey {
    fn from(name: String) -> Self {
        Self::Name(name.into())
    }
}

impl From<ActorId> for ChildKey {
    fn from(id: ActorId) -> Self {
        Self::Id(id)
    }
}

impl<A> From<ActorRef<A>> for ChildKey {
    fn from(actor: ActorRef<A>) -> Self {
        Self::Id(actor.into())
    }
}

impl Engine {
    pub(super) fn supervisor_at(&self, place: Place) -> Option<&Node> {
        self.lives.nodes.get(place.supervisor as usize)?.as_deref()
    }

    /// A supervisor's own name, or an actor's name in its supervisor.
    pub(super) fn name_of(&self, id: ActorId) -> Option<Arc<str>> {
        if let Some(node) = self.lives.node(id) {
            return Some(node.spec.name.clone());
        }
        if let Some((_, name)) = self.lives.last_gone.as_ref().filter(|(gone, _)| *gone == id) {
            return Some(name.clone());
        }
        let place = self.place(id)?;
        self.supervisor_at(place)?.name_of(place.key)
    }

    // ---- the outside's requests

    /// Starts a tree under the root.
    pub(crate) fn start_tree(&mut self, world: &mut World, spec: SupervisorSpec) -> Result<ActorId, ChildError> {
        spec.check()?;
        self.register_all(world, &spec)?;
        let id = self.bear_supervisor(world)?;
        self.enthrone(id, Arc::new(spec));
        self.work_off(world);
        match self.lives.boots.remove(&id) {
            Some(Err(reason)) => Err(ChildError::Start(reason)),
            _ => Ok(id),
        }
    }

    /// Makes the types of all workers known, so that nothing can be wrong with them later.
    fn register_all(&mut self, world: &mut World, spec: &SupervisorSpec) -> Result<(), SpecError> {
        let mut all = spec.with_all_below().into_iter().flat_map(SupervisorSpec::all_children);
        all.try_for_each(|child| self.kind_of_child(world, child).map(drop))
    }

    fn register_child(&mut self, world: &mut World, child: &ChildSpec) -> Result<(), SpecError> {
        self.kind_of_child(world, child)?;
        child.below().map_or(Ok(()), |spec| self.register_all(world, spec))
    }

    /// Tells a supervisor to stop, as its own would.
    pub(crate) fn stop_supervisor(&mut self, world: &mut World, supervisor: ActorId, reason: ExitReason) {
        self.take_signal(world, supervisor, None, reason, How::Parent);
        self.work_off(world);
    }

    /// An exit signal from outside.
    pub(crate) fn signal_from_outside(&mut self, world: &mut World, to: ActorId, reason: ExitReason) {
        self.take_signal(world, to, None, reason, How::Explicit);
        self.work_off(world);
    }

    /// Asks a supervisor on the outside's behalf.
    pub(crate) fn request(&mut self, world: &mut World, supervisor: ActorId, what: ChildRequest) -> ChildReply {
        let reply = ChildReply::new();
        self.ask(world, supervisor, Request { what, reply: reply.clone() });
        self.work_off(world);
        reply
    }

    /// Asks a supervisor on a handler's behalf.
    pub(super) fn ask_for(&mut self, world: &mut World, supervisor: ActorId, request: Box<dyn Any + Send>) {
        if let Ok(request) = request.downcast::<Request>() {
            self.ask(world, supervisor, *request);
        }
    }

    fn ask(&mut self, world: &mut World, supervisor: ActorId, request: Request) {
        match self.put_question(world, supervisor, request.what) {
            Ok(ask) => {
                let token = self.lives.expect_reply(supervisor, request.reply);
                self.lives.feed(self.hub.tick, supervisor, Input::Ask(token, ask));
            }
            Err(refusal) => request.reply.give(Err(refusal)),
        }
    }

    fn put_question(&mut self, world: &mut World, supervisor: ActorId, what: ChildRequest) -> Result<Ask<Kid>, ChildError> {
        let node = self.lives.node(supervisor).ok_or(ChildError::NoProc)?;
        let pooled = match &node.plan {
            Plan::Ordered(_) => None,
            Plan::Pool { pool, template, .. } => Some((pool.template().clone(), template.clone())),
        };
        Ok(match what {
            ChildRequest::Start(spec) => {
                spec.below().map_or(Ok(()), SupervisorSpec::check)?;
                self.register_child(world, &spec)?;
                let mut kid = Kid::new(spec);
                let rules = match pooled {
                    Some((rules, _)) => {
                        kid.who = Some(self.reserve_for(world, &kid.spec)?);
                        rules
                    }
                    None => kid.spec.rules.clone(),
                };
                Ask::Start(rules, kid)
            }
            ChildRequest::StartFromTemplate => {
                let (rules, template) = pooled.ok_or(ChildError::BadCombination)?;
                let who = Some(self.reserve_for(world, &template)?);
                Ask::Start(rules, Kid { spec: template, who, deadline: None, restarts: 0, last: None })
            }
            ChildRequest::Terminate(child) => Ask::Terminate(self.meant(supervisor, child)),
            ChildRequest::Restart(child) => Ask::Restart(self.meant(supervisor, child)),
            ChildRequest::Delete(child) => Ask::Delete(self.meant(supervisor, child)),
        })
    }

    /// What a supervisor's template is called, and the kind of actors that it makes.
    pub(super) fn template_of(&mut self, world: &mut World, supervisor: ActorId) -> Result<(Arc<str>, Kind), ChildError> {
        let node = self.lives.node(supervisor).ok_or(ChildError::NoProc)?;
        let Plan::Pool { template, .. } = &node.plan else { return Err(ChildError::BadCombination) };
        let template = template.clone();
        Ok((template.rules.name.clone(), self.kind_of_child(world, &template)?))
    }

    fn meant(&self, supervisor: ActorId, child: ChildKey) -> Child {
        match child {
            ChildKey::Name(name) => Child::Name(name),
            ChildKey::Id(id) if !self.is_alive(id) => Child::Gone,
            ChildKey::Id(id) => {
                let place = self.place(id).filter(|place| self.supervisor_at(*place).is_some_and(|node| node.id == supervisor));
                place.map_or(Child::Stranger, |place| Child::Key(place.key))
            }
        }
    }

    fn reserve_for(&mut self, world: &mut World, spec: &ChildSpec) -> Result<ActorId, ChildError> {
        let kind = self.kind_of_child(world, spec)?;
        Ok(self.hub.nurseries[kind as usize].take_one())
    }

    fn kind_of_child(&mut self, world: &mut World, spec: &ChildSpec) -> Result<Kind, SpecError> {
        let known = match &spec.start {
            StartWith::Worker(make) => make.kind(self, world),
            StartWith::Supervisor(_) => self.supervisor_kind(world),
        };
        known.map_err(|error| SpecError::ActorType { child: spec.rules.name.clone(), why: error.to_string() })
    }

    fn supervisor_kind(&mut self, world: &mut World) -> Result<Kind, crate::error::RegisterError> {
        let kind = known::<Supervisor>(self, world)?;
        self.lives.kind = Some(kind);
        Ok(kind)
    }

    // ---- the end of all

    /// Tells all supervisors under the root to stop, the youngest first.
    pub(crate) fn stop_roots(&mut self, world: &mut World) {
        let roots: Vec<ActorId> = self.lives.nodes.iter().flatten().map(|node| node.id).filter(|&id| self.place(id).is_none()).collect();
        for id in roots.into_iter().rev() {
            self.stop_supervisor(world, id, ExitReason::Shutdown);
        }
    }

    pub(crate) fn has_supervisors(&self) -> bool {
        self.lives.supervisors > 0
    }

    /// Kills all that supervisors still watch over, and the supervisors; tells who it was.
    pub(crate) fn force_all(&mut self, world: &mut World) -> Vec<Unstopped> {
        let mut unstopped = Vec::new();
        let nodes: Vec<ActorId> = self.lives.nodes.iter().flatten().map(|node| node.id).collect();
        for supervisor in nodes {
            let kids = self.lives.node(supervisor).map(Node::kids).unwrap_or_default();
            for (key, id) in kids {
                if self.child_up(supervisor, key) == Some(id) && !self.lives.is_supervisor(id) {
                    unstopped.push(Unstopped { actor: id, name: self.name_of(id) });
                }
            }
            self.abandon(world, supervisor, &ExitReason::Killed);
        }
        for late in &unstopped {
            if self.is_alive(late.actor) {
                self.finish(world, late.actor, ExitReason::Killed);
            }
        }
        self.work_off(world);
        self.stats.forced += unstopped.len() as u64;
        unstopped
    }

    // ---- plans

    /// Does what a plan says.
    pub(super) fn carry_out_plan(&mut self, world: &mut World, supervisor: ActorId, output: Output<Gone>, because: Option<ExitReason>) {
        match output {
            Output::Start(key) => self.start_child(world, supervisor, key, because),
            Output::Stop(key, shutdown) => self.stop_child(world, supervisor, key, shutdown),
            Output::Kill(key) => self.force(world, supervisor, key),
            Output::StopAll(shutdown) => self.stop_pool(world, supervisor, shutdown),
            Output::KillAll => {
                let kids = self.lives.node(supervisor).map(Node::kids).unwrap_or_default();
                kids.into_iter().for_each(|(key, _)| self.force(world, supervisor, key));
            }
            Output::Later { key, ticks } => self.put_off(supervisor, key, ticks),
            Output::Release(key) => self.release(world, supervisor, key),
            Output::Removed(_, gone) => self.let_go(world, gone.who, gone.reason.as_ref()),
            Output::Reply(token, answer) => self.answer(supervisor, token, answer),
            Output::Booted => self.booted(supervisor),
            Output::BootFailed(reason) => self.boot_failed(supervisor, reason),
            Output::GaveUp => self.gave_up(supervisor),
            Output::Exit(reason) => self.leave(world, supervisor, reason),
        }
    }

    /// Starts a child: fresh state in place of the old if its address was kept, else at a new address.
    fn start_child(&mut self, world: &mut World, supervisor: ActorId, key: Key, because: Option<ExitReason>) {
        let Some(node) = self.lives.node(supervisor) else { return };
        let (Some(spec), who) = (node.spec_of(key), node.who(key)) else { return };
        let kept = who.filter(|&id| self.is_alive(id));
        let reason = kept.map(|_| because.or_else(|| node.last_exit(key).cloned()).unwrap_or(ExitReason::Shutdown));
        let id = match kept.or(who) {
            Some(id) => id,
            None => match self.reserve_for(world, &spec) {
                Ok(id) => id,
                Err(error) => {
                    let reason = ExitReason::Error(error.to_string().into());
                    return self.lives.feed(self.hub.tick, supervisor, Input::Started(key, Start::Failed(reason)));
                }
            },
        };
        match &spec.start {
            StartWith::Worker(make) => self.start_worker(world, supervisor, key, id, &**make, spec.keep_mailbox, reason.as_ref()),
            StartWith::Supervisor(spec) => self.start_supervisor(world, supervisor, key, id, spec.clone(), reason),
        }
    }

    /// The usual end in a pool: fresh state at once, and no event in between. Nobody may be tied to anybody, so that nothing that
    /// happens in this round can come between an end and this restart; `false` if it has to go the long way.
    pub(super) fn restart_at_once(&mut self, world: &mut World, id: ActorId, place: Place, reason: &ExitReason) -> bool {
        if !self.lives.ties.is_empty() || self.lives.is_supervisor(id) {
            return false;
        }
        let node = self.lives.nodes.get_mut(place.supervisor as usize).and_then(Option::as_deref_mut);
        let Some(Node { id: supervisor, plan: Plan::Pool { pool, template, own, last, .. }, .. }) = node else { return false };
        if !own.is_empty() || !pool.restarts_at_once(place.key, reason, self.hub.tick) {
            return false;
        }
        *last = Some(reason.clone());
        let (supervisor, spec) = (*supervisor, template.clone());
        if let StartWith::Worker(make) = &spec.start {
            self.start_worker(world, supervisor, place.key, id, &**make, spec.keep_mailbox, Some(reason));
        }
        true
    }

    #[expect(clippy::too_many_arguments, reason = "one start, told in full")]
    fn start_worker(
        &mut self,
        world: &mut World,
        supervisor: ActorId,
        key: Key,
        id: ActorId,
        make: &dyn Make,
        keep_mailbox: bool,
        reason: Option<&ExitReason>,
    ) {
        let before = self.hub.orders.len();
        let failure = reason.map(Failure::from);
        let with = Beginning { fresh: Some(make.fresh()), failure: failure.as_ref() };
        let runner = &mut self.runners[id.kind() as usize];
        let start = runner.begin(world, &mut self.hub, id, with, keep_mailbox);
        if start == Start::Running {
            if reason.is_none() {
                runner.set_place(id, Place { supervisor: supervisor.slot(), key });
            }
            if runner.has_mail() {
                self.awake.wake(id.kind());
            }
            self.settle_in(supervisor, key, id, reason);
        } else {
            self.tell_failed_start(supervisor, key, id, &start);
            if reason.is_none() {
                self.forget_unborn(supervisor, key, id);
            }
        }
        // Its place is known by now: it lives.
        match self.lives.node_mut(supervisor).map(|node| &mut node.plan) {
            Some(Plan::Pool { pool, .. }) if start == Start::Running && reason.is_some() && pool.is_at_rest() => pool.runs_again(key),
            _ => self.lives.feed(self.hub.tick, supervisor, Input::Started(key, start)),
        }
        self.heed_ties(before);
    }

    /// An incarnation of a child has begun.
    fn settle_in(&mut self, supervisor: ActorId, key: Key, id: ActorId, reason: Option<&ExitReason>) {
        let restarted = reason.is_some();
        if let Some(node) = self.lives.node_mut(supervisor) {
            if restarted || node.has_ended(key) {
                node.note_restart(key);
            }
            if !restarted {
                node.set_who(key, Some(id));
            }
        }
        match reason {
            Some(reason) => {
                self.stats.restarts += 1;
                tracing::debug!(actor = %id, %supervisor, %reason, tick = self.hub.tick, "a child is restarted");
                self.tell_restart(id, reason);
            }
            None => self.tell_step(id, LifeStep::Started),
        }
    }

    fn tell_failed_start(&mut self, supervisor: ActorId, key: Key, id: ActorId, start: &Start) {
        let name = self.lives.node(supervisor).and_then(|node| node.name_of(key));
        let step = match start {
            Start::Failed(reason) => {
                self.stats.failed_starts += 1;
                if self.hub.may_log() {
                    tracing::warn!(actor = %id, child = name.as_deref(), %reason, "a child's start failed");
                }
                LifeStep::StartFailed(reason.clone())
            }
            _ => LifeStep::StartIgnored,
        };
        if let Some(told) = &mut self.lives.told {
            told.push(super::lives::LifeEvent { actor: id, name, tick: self.hub.tick, what: step });
        }
    }

    /// Nobody ever lived at this address. A pool keeps it until the child is removed.
    fn forget_unborn(&mut self, supervisor: ActorId, key: Key, id: ActorId) {
        if self.lives.node(supervisor).is_some_and(|node| node.who(key).is_none()) {
            self.hub.nurseries[id.kind() as usize].free(id);
        }
    }

    /// Starts a supervisor as a child: it tells when it has started its own children.
    fn start_supervisor(
        &mut self,
        world: &mut World,
        parent: ActorId,
        key: Key,
        id: ActorId,
        spec: Arc<SupervisorSpec>,
        reason: Option<ExitReason>,
    ) {
        if reason.is_none() {
            self.embody(world, id);
            self.runners[id.kind() as usize].set_place(id, Place { supervisor: parent.slot(), key });
        }
        if let Some(Node { plan: Plan::Pool { pool, .. }, .. }) = self.lives.node_mut(parent) {
            pool.note_reviving(key);
        }
        self.enthrone(id, spec);
        self.settle_in(parent, key, id, reason.as_ref());
    }

    /// A new supervisor under the root.
    fn bear_supervisor(&mut self, world: &mut World) -> Result<ActorId, SpecError> {
        let kind =
            self.supervisor_kind(world).map_err(|error| SpecError::ActorType { child: "supervisor".into(), why: error.to_string() })?;
        let id = self.hub.nurseries[kind as usize].take_one();
        self.embody(world, id);
        Ok(id)
    }

    fn embody(&mut self, world: &mut World, id: ActorId) {
        let fresh: Fresh<Supervisor> = Arc::new(|_| Supervisor::mark());
        let with = Beginning { fresh: Some(&fresh), failure: None };
        self.runners[id.kind() as usize].begin(world, &mut self.hub, id, with, true);
    }

    /// Makes a supervisor begin its work.
    fn enthrone(&mut self, id: ActorId, spec: Arc<SupervisorSpec>) {
        let incarnation = self.lives.next_incarnation();
        let is_root = self.place(id).is_none();
        self.lives.put_node(Node::new(id, incarnation, spec, self.hub.seed));
        if is_root {
            self.tell_step(id, LifeStep::Started);
        }
        self.lives.boot(self.hub.tick, id);
    }

    fn booted(&mut self, supervisor: ActorId) {
        if let Some(node) = self.lives.node_mut(supervisor) {
            node.booting = false;
        }
        self.tell_parent(supervisor, Start::Running);
    }

    fn boot_failed(&mut self, supervisor: ActorId, reason: ExitReason) {
        if self.place(supervisor).is_none() {
            self.lives.boots.insert(supervisor, Err(reason));
        }
    }

    /// Tells a supervisor's own supervisor how its start ended.
    fn tell_parent(&mut self, id: ActorId, start: Start) {
        let Some(place) = self.place(id) else { return };
        if let Some(parent) = self.supervisor_at(place).map(|node| node.id) {
            self.lives.feed(self.hub.tick, parent, Input::Started(place.key, start));
        }
    }

    fn stop_child(&mut self, world: &mut World, supervisor: ActorId, key: Key, shutdown: Shutdown) {
        let Some(id) = self.child_up(supervisor, key) else { return };
        match shutdown {
            Shutdown::BrutalKill => return self.kill(world, id),
            Shutdown::Ticks(ticks) => {
                let timer = self.set_deadline(supervisor, key, ticks);
                if let (Some(node), Some(timer)) = (self.lives.node_mut(supervisor), timer) {
                    node.set_deadline(key, timer);
                }
            }
            Shutdown::Infinity => {}
        }
        self.take_signal(world, id, Some(supervisor), ExitReason::Shutdown, How::Parent);
    }

    fn child_up(&self, supervisor: ActorId, key: Key) -> Option<ActorId> {
        let node = self.lives.node(supervisor)?;
        node.who(key).filter(|_| node.is_up(key))
    }

    fn set_deadline(&mut self, supervisor: ActorId, key: Key, ticks: u64) -> Option<crate::wheel::TimerKey> {
        let incarnation = self.lives.node(supervisor)?.incarnation;
        let due = self.hub.tick.checked_add(ticks)?;
        Some(self.lives.wheel.set(due, Timer::Deadline { supervisor, incarnation, key }))
    }

    /// A child did not stop in time.
    fn force(&mut self, world: &mut World, supervisor: ActorId, key: Key) {
        let Some(id) = self.child_up(supervisor, key) else { return };
        self.stats.forced += 1;
        if self.hub.may_log() {
            tracing::warn!(actor = %id, child = self.name_of(id).as_deref(), "a child did not stop in time, and is killed");
        }
        self.kill(world, id);
    }

    /// Tells all children of a pool to stop.
    fn stop_pool(&mut self, world: &mut World, supervisor: ActorId, shutdown: Shutdown) {
        let kids = self.lives.node(supervisor).map(Node::kids).unwrap_or_default();
        for &(key, id) in &kids {
            if self.child_up(supervisor, key) != Some(id) {
                continue;
            }
            match shutdown {
                Shutdown::BrutalKill => self.kill(world, id),
                _ => self.take_signal(world, id, Some(supervisor), ExitReason::Shutdown, How::Parent),
            }
        }
        let left = kids.iter().any(|&(key, id)| self.child_up(supervisor, key) == Some(id));
        if let Shutdown::Ticks(ticks) = shutdown
            && left
        {
            let timer = self.set_deadline(supervisor, 0, ticks);
            if let Some(node) = self.lives.node_mut(supervisor) {
                node.deadline = timer;
            }
        }
    }

    fn put_off(&mut self, supervisor: ActorId, key: Key, ticks: u64) {
        let Some(incarnation) = self.lives.node(supervisor).map(|node| node.incarnation) else { return };
        if ticks == 0 {
            self.lives.turns.push((supervisor, incarnation, key));
        } else {
            let due = self.hub.tick.saturating_add(ticks);
            self.lives.wheel.set(due, Timer::Turn { supervisor, incarnation, key });
        }
    }

    /// What is due at this tick.
    pub(super) fn ring(&mut self, world: &mut World) {
        let mut due = Vec::new();
        self.lives.wheel.advance(self.hub.tick, |timer| {
            due.push(timer);
            None
        });
        for timer in due {
            match timer {
                Timer::Deadline { supervisor, incarnation, key } => self.feed_if(supervisor, incarnation, Input::Deadline(key)),
                Timer::Turn { supervisor, incarnation, key } => self.feed_if(supervisor, incarnation, Input::Turn(key)),
                Timer::Leave(id) => self.finish_lingering(world, id),
            }
        }
        self.work_off(world);
    }

    /// The retries that were put off to this round.
    pub(super) fn take_turns(&mut self) {
        for (supervisor, incarnation, key) in std::mem::take(&mut self.lives.turns) {
            self.feed_if(supervisor, incarnation, Input::Turn(key));
        }
    }

    fn feed_if(&mut self, supervisor: ActorId, incarnation: u32, input: Input<Kid>) {
        if self.lives.node(supervisor).is_some_and(|node| node.incarnation == incarnation) {
            self.lives.feed(self.hub.tick, supervisor, input);
        }
    }

    fn release(&mut self, world: &mut World, supervisor: ActorId, key: Key) {
        let Some(node) = self.lives.node_mut(supervisor) else { return };
        let (who, reason) = (node.who(key), node.last_exit(key).cloned());
        node.set_who(key, None);
        self.let_go(world, who, reason.as_ref());
    }

    fn answer(&mut self, supervisor: ActorId, token: u64, answer: Result<Option<Key>, ChildError>) {
        let node = self.lives.node(supervisor);
        let answer: Answer = answer.map(|key| key.and_then(|key| node?.who(key)));
        if let Some((_, reply)) = self.lives.replies.remove(&token) {
            reply.give(answer);
        }
    }

    fn gave_up(&mut self, supervisor: ActorId) {
        self.stats.given_up += 1;
        if self.hub.may_log() {
            let name = self.name_of(supervisor);
            tracing::error!(actor = %supervisor, supervisor = name.as_deref(), "a supervisor gives up after too many restarts, and stops");
        }
    }

    /// All children are gone: the supervisor goes, too.
    fn leave(&mut self, world: &mut World, supervisor: ActorId, reason: ExitReason) {
        let Some(node) = self.lives.take_node(supervisor) else { return };
        for (_, id) in node.kids().into_iter().rev() {
            self.let_go(world, Some(id), None);
        }
        self.close_books(world, &node, reason);
    }

    /// A supervisor ends at once: its children are told by the links that they have with it.
    pub(super) fn abandon(&mut self, world: &mut World, supervisor: ActorId, reason: &ExitReason) {
        let Some(node) = self.lives.take_node(supervisor) else { return };
        self.orphan(world, &node, reason);
        self.close_books(world, &node, reason.clone());
    }

    /// A supervisor's entity is gone; its children are told as if it had been killed.
    pub(super) fn orphan_children(&mut self, world: &mut World, supervisor: ActorId) {
        let Some(node) = self.lives.take_node(supervisor) else { return };
        self.orphan(world, &node, &ExitReason::Killed);
        self.lives.refuse_all(supervisor);
        if let Some(timer) = node.deadline {
            self.lives.wheel.cancel(timer);
        }
    }

    /// The entity of a child is gone: its address with it.
    pub(super) fn lose_child(&mut self, place: Place, id: ActorId) {
        let Some(node) = self.lives.nodes.get_mut(place.supervisor as usize).and_then(Option::as_deref_mut) else { return };
        let supervisor = node.id;
        // A pool names its children by their addresses: this one gets another.
        let another = match node.plan {
            Plan::Ordered(_) => None,
            Plan::Pool { .. } => Some(self.hub.nurseries[id.kind() as usize].take_one()),
        };
        node.set_who(place.key, another);
        if let Some(timer) = node.take_deadline(place.key) {
            self.lives.wheel.cancel(timer);
        }
        self.lives.feed(self.hub.tick, supervisor, Input::Exited(place.key, ExitReason::Killed));
    }

    fn orphan(&mut self, world: &mut World, node: &Node, reason: &ExitReason) {
        for (key, id) in node.kids() {
            if node.is_up(key) {
                self.runners[id.kind() as usize].set_place(id, Place::ORPHAN);
                let signal = Event::Signal { to: id, from: Some(node.id), reason: reason.clone(), how: How::Parent };
                self.lives.queue.push_back(signal);
            } else {
                self.let_go(world, Some(id), None);
            }
        }
    }

    /// Ends a supervisor whose node is taken out.
    fn close_books(&mut self, world: &mut World, node: &Node, reason: ExitReason) {
        let id = node.id;
        self.lives.refuse_all(id);
        if let Some(timer) = node.deadline {
            self.lives.wheel.cancel(timer);
        }
        if !node.booting {
            return self.finish(world, id, reason);
        }
        if let Some(told) = &mut self.lives.told {
            let (name, what) = (Some(node.spec.name.clone()), LifeStep::StartFailed(reason.clone()));
            told.push(super::lives::LifeEvent { actor: id, name, tick: self.hub.tick, what });
        }
        self.stats.failed_starts += 1;
        match self.place(id).filter(|&place| place != Place::ORPHAN) {
            Some(_) => self.tell_parent(id, Start::Failed(reason)),
            None => self.let_go(world, Some(id), Some(&reason)),
        }
    }
}
