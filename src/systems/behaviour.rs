//! What is done with the actors of a type: the part of a keeper that knows their trait.
//!
//! # Model
//!
//! A [`Keeper`](super::keeper::Keeper) holds slots and mail of any type with a mailbox. What a message, a
//! birth or a failure means is its behaviour's: [`ActorBehaviour`] calls the methods of [`Actor`];
//! a mail system ([`Mail`](super::Mail)) takes the mail alone.

#![expect(unsafe_code, reason = "hooks hold an actor's state and read the world's other parts at once")]

use std::any::Any;
use std::collections::VecDeque;

use bevy_ecs::change_detection::{DetectChangesMut, Mut};
use bevy_ecs::component::ComponentId;
use bevy_ecs::entity::Entity;
use bevy_ecs::query::WorldQuery;
use bevy_ecs::system::{Query, SystemState};
use bevy_ecs::world::World;
use bevy_ecs::world::unsafe_world_cell::UnsafeWorldCell;

use super::config::{ActorConfig, Fresh};
use super::hub::Hub;
use super::pass::{Crew, Sight, run_pass};
use super::shift::{Receive, Shift};
use crate::actor::{
    Actor, ActorFailure, AskEnd, AskTables, Batch, Context, End, ExitReason, Failure, FailureKind, Handled, HasMailbox, Newborn, Notice,
    Nursery, Signal, Turn, TypeAsks, Undelivered, Wish, drop_because,
};
use crate::digest::{DigestOf, Digester};
use crate::error::RegisterError;
use crate::id::ActorId;
use crate::mailbox::DeadReason;
use crate::panics;
use crate::supervision::{RestartIntensity, Start};
use crate::world::{Life, Mailbox, Roster};

/// What a pass, a birth, an end and a failure mean for actors of type `A`.
pub(crate) trait Behaviour<A: HasMailbox>: Send {
    /// Handles the mail that waits; `false` if it cannot.
    fn handle(&mut self, world: &mut World, hub: &mut Hub, roster: &mut Roster<A>, cell_component: ComponentId) -> bool;

    /// Whether its actors are visited once a tick.
    fn ticks(&self) -> bool {
        false
    }

    /// Puts newborn actors into the world.
    fn bear(&mut self, _world: &mut World, _hub: &mut Hub, _roster: &mut Roster<A>, _births: Vec<Newborn<A>>) {}

    /// Remembers how to make fresh state for actors.
    fn set_factories(&mut self, _ids: &[ActorId], _fresh: &(dyn Any + Send + Sync)) {}

    /// Runs hooks of actors that stop; `terminate` first if a reason is given.
    fn ending(
        &mut self,
        _world: &mut World,
        _hub: &mut Hub,
        _roster: &Roster<A>,
        _ids: &[ActorId],
        _hook: Ending,
        _reason: Option<&ExitReason>,
    ) {
    }

    /// Forgets what is known of an actor that is gone.
    fn forget(&mut self, _id: ActorId) {}

    /// Takes the state off an actor that stops, so that a panic in its `Drop` hurts nobody.
    fn drop_state(&mut self, _world: &mut World, _hub: &mut Hub, _entity: Entity, _id: ActorId) {}

    /// How often its actors may be restarted, and whether their mail is kept; `None` if never.
    fn restarts(&self, _id: ActorId) -> Option<(RestartIntensity, bool)> {
        None
    }

    /// The rules by which actors are restarted for which there is a way to make fresh state.
    fn restart_rules(&self) -> Option<(RestartIntensity, bool)> {
        None
    }

    /// Starts an incarnation: a newborn, or fresh state in place of the old. `fresh` makes the state, else the
    /// actor's own factory.
    fn begin(&mut self, _world: &mut World, _hub: &mut Hub, _roster: &mut Roster<A>, _id: ActorId, _with: Beginning<'_>) -> Start {
        Start::Failed(ExitReason::NoProc)
    }

    /// Runs the hook at the end of an incarnation.
    fn terminate(&mut self, _world: &mut World, _hub: &mut Hub, _roster: &Roster<A>, _id: ActorId, _reason: &ExitReason) {}

    /// Hands over notices, in order.
    fn notified(&mut self, _world: &mut World, _hub: &mut Hub, _roster: &Roster<A>, _id: ActorId, _notices: VecDeque<Notice>) {}

    /// Offers a bounced message to its sender; `Err` if it was not taken, with it if it is still there.
    fn undelivered(
        &mut self,
        _world: &mut World,
        _hub: &mut Hub,
        _roster: &Roster<A>,
        _id: ActorId,
        notice: Undelivered,
    ) -> Result<(), Option<Undelivered>> {
        Err(Some(notice))
    }

    /// The pending asks of its actors, if they can ask.
    fn asks(&mut self) -> Option<&mut dyn TypeAsks> {
        None
    }

    /// An actor is restarted: the asks that it made until now are another state's.
    fn forget_asks(&mut self, _id: ActorId) {}

    /// Feeds an actor's state to a digest.
    fn digest(&self, _world: &World, _entity: Entity, _digester: &mut Digester) {}

    /// How kept mail is fed to a digest.
    fn digest_of_mail(&self) -> Option<DigestOf<A::Msg>> {
        None
    }
}

/// What an incarnation begins with.
#[derive(Clone, Copy)]
pub(crate) struct Beginning<'a> {
    /// A [`Fresh`] of the actor's type; none: the actor's own.
    pub(crate) fresh: Option<&'a (dyn Any + Send + Sync)>,
    /// What ended the incarnation whose place it takes; none for a newborn.
    pub(crate) failure: Option<&'a Failure>,
}

/// Which end-of-life hooks to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Stopping,
    Stopped,
    /// One after the other, for an actor without children.
    Both,
}

/// A type whose mail nobody handles yet: it waits.
pub(crate) struct Unhandled;

impl<A: HasMailbox> Behaviour<A> for Unhandled {
    fn handle(&mut self, _: &mut World, _: &mut Hub, _: &mut Roster<A>, _: ComponentId) -> bool {
        false
    }
}

/// The behaviour that a type's [`Actor`] implementation gives.
pub(crate) struct ActorBehaviour<A: Actor> {
    config: ActorConfig<A>,
    state: ComponentId,
    /// Each worker's parameters.
    locals: Vec<SystemState<A::Params>>,
    /// Pending asks of its actors.
    asks: AskTables<A>,
    /// How to make fresh state for actors that were spawned with a factory, by slot.
    factories: Vec<Option<Fresh<A>>>,
    /// Actors whose `started` has not run yet.
    unstarted: Vec<ActorId>,
    /// The missing parameters were reported.
    reported: bool,
}

impl<A: Actor> ActorBehaviour<A> {
    /// Checks that the parameters can be read while the states are written.
    pub(crate) fn new(world: &mut World, config: ActorConfig<A>) -> Result<Self, RegisterError> {
        let refuse = |why: String| RegisterError::Params { actor: std::any::type_name::<A>(), why };
        type Access<'w, 's, A> = (Query<'w, 's, (&'static Mailbox<A>, &'static mut A)>, <A as Actor>::Params);
        panics::catch(|| SystemState::<Access<'_, '_, A>>::new(world)).map_err(refuse)?;
        let params = SystemState::<A::Params>::new(world);
        if !params.meta().is_send() {
            return Err(refuse("they hold non-send data, which worker threads cannot read".to_owned()));
        }
        if params.meta().has_deferred() {
            return Err(refuse("they defer changes to the world (`Commands`), which handlers may not make".to_owned()));
        }
        let state = <&mut A as WorldQuery>::init_state(world);
        Ok(Self {
            config,
            state,
            locals: vec![params],
            asks: AskTables::default(),
            factories: Vec::new(),
            unstarted: Vec::new(),
            reported: false,
        })
    }

    fn factory(&self, id: ActorId) -> Option<&Fresh<A>> {
        self.factories.get(id.slot() as usize).and_then(Option::as_ref).or(self.config.fresh.as_ref())
    }

    /// Whether the world has what the handlers read. Reports once when it has not.
    fn params_are_there(&mut self, world: &World) -> bool {
        match self.locals[0].get(world) {
            Ok(_) => {
                self.reported = false;
                true
            }
            Err(error) => {
                if !self.reported {
                    tracing::error!(actor_type = std::any::type_name::<A>(), %error, "handlers cannot run until the world has what their `Params` read; their mail waits");
                    self.reported = true;
                }
                false
            }
        }
    }

    /// Makes room for the asks of all actors that there are.
    fn fit_asks(&mut self, hub: &Hub) {
        let nursery = hub.kinds.get(&std::any::TypeId::of::<A>()).map(|&kind| &hub.nurseries[kind as usize]);
        self.asks.fit(nursery.map_or(0, Nursery::slots));
    }

    /// Runs hooks on the calling thread. What they send leaves from the first outbox.
    fn with_context<R>(
        &mut self,
        world: &mut World,
        hub: &mut Hub,
        run: impl FnOnce(&Context<'_, A>, UnsafeWorldCell<'_>) -> R,
    ) -> Option<R> {
        hub.sessions += 1;
        self.fit_asks(hub);
        let (env, outbox) = hub.desk();
        let world = world.as_unsafe_world_cell();
        // SAFETY: the world is borrowed exclusively; `run` touches states of `A` only, which the
        // parameters do not read (checked in `new`).
        let params = unsafe { self.locals[0].get_unchecked(world) }.ok()?;
        // SAFETY: no pass runs, so this thread has all blocks to itself.
        let context = unsafe { Context::<A>::new(Turn::new(outbox, env, &[], ActorId::new(0, 0, 1)), &params, &self.asks) };
        let result = run(&context, world);
        drop(params);
        hub.collect(1);
        Some(result)
    }
}

/// Calls one hook; what it did is undone if it fails.
fn call_hook<A: Actor>(context: &Context<'_, A>, id: ActorId, hook: impl FnOnce() -> Handled) -> Result<Wish, String> {
    context.begin(id, None);
    let result = match panics::catch(hook) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(panic),
    };
    if result.is_ok() && context.wishes_nothing() {
        return Ok(Wish::NONE);
    }
    if result.is_err() {
        context.roll_back();
    }
    context.begin_later();
    let wish = context.take_wish();
    panics::drop_quietly(context.take_postponed());
    result.map(|()| wish)
}

/// Calls `started`. Unless the actor runs then, what it did is undone.
fn call_start<A: Actor>(context: &Context<'_, A>, id: ActorId, hook: impl FnOnce() -> Handled) -> Result<Wish, Start> {
    context.begin(id, None);
    let result = panics::catch(hook);
    if matches!(result, Ok(Ok(()))) && context.wishes_nothing() {
        return Ok(Wish::NONE);
    }
    let wish = context.take_wish();
    let exit = if wish.exit() { context.outbox().with(|outbox| outbox.last_exit()) } else { None };
    panics::drop_quietly(context.take_postponed());
    let begun = match (result, exit) {
        (Err(panic), _) => Start::Failed(ExitReason::Panic(panic.into())),
        (Ok(_), Some(reason)) => Start::Failed(reason),
        (Ok(Err(error)), None) => Start::Failed(ExitReason::Error(error.to_string().into())),
        (Ok(Ok(())), None) if wish.ignore() => Start::Ignored,
        (Ok(Ok(())), None) => {
            context.begin_later();
            return Ok(wish);
        }
    };
    context.roll_back();
    Err(begun)
}

fn params_missing() -> Start {
    Start::Failed(ExitReason::Error("the world lacks what its `Params` read".into()))
}

/// An actor that ends handles nothing more, until it is restarted.
fn halt<A: Actor>(world: &mut World, roster: &Roster<A>, id: ActorId) {
    if let Some(mut cell) = roster.slots.entity(id).ok().and_then(|entity| world.get_mut::<Mailbox<A>>(entity)) {
        cell.bypass_change_detection().held_mut().get_or_insert_default().life = Life::Failed;
    }
}

/// An actor that closed its mailbox was restarted.
fn reopen<A: Actor>(world: &World, roster: &Roster<A>, id: ActorId) {
    if let Some(cell) = roster.slots.entity(id).ok().and_then(|entity| world.get::<Mailbox<A>>(entity)) {
        cell.reopen();
    }
}

/// An actor that stopped itself in a hook takes no more mail.
fn close<A: Actor>(world: &World, roster: &Roster<A>, id: ActorId) {
    if let Some(cell) = roster.slots.entity(id).ok().and_then(|entity| world.get::<Mailbox<A>>(entity)) {
        cell.close();
    }
}

/// The state of a live actor.
///
/// # Safety
///
/// Nothing else refers to that state.
unsafe fn state_of<'w, A: Actor>(world: UnsafeWorldCell<'w>, roster: &Roster<A>, id: ActorId) -> Option<Mut<'w, A>> {
    let entity = roster.slots.entity(id).ok()?;
    // SAFETY: promised by the caller.
    unsafe { world.get_entity(entity).ok()?.get_mut::<A>() }
}

impl<A: Actor> Behaviour<A> for ActorBehaviour<A> {
    fn handle(&mut self, world: &mut World, hub: &mut Hub, roster: &mut Roster<A>, cell_component: ComponentId) -> bool {
        // Nothing but a host's system can take a resource away, and it runs before or after all rounds, or
        // between rounds, where nothing is relayed.
        if (hub.round == 0 || hub.relay_max == 0) && !self.params_are_there(world) {
            return false;
        }
        if !self.unstarted.is_empty() {
            self.start_late(world, hub, roster);
        }
        self.fit_asks(hub);
        let sight = Sight { cell_component, state: &self.state };
        run_pass::<A, &'static mut A, _>(world, hub, roster, &ActorCrew { asks: &self.asks }, &mut self.locals, sight, SystemState::new);
        true
    }

    fn ticks(&self) -> bool {
        A::TICKS
    }

    fn bear(&mut self, world: &mut World, hub: &mut Hub, roster: &mut Roster<A>, mut births: Vec<Newborn<A>>) {
        let started = if self.params_are_there(world) {
            // Before they are in the world: here their states lie in a row.
            self.start(world, hub, &mut births)
        } else {
            self.unstarted.extend(births.iter().map(|birth| birth.id));
            Started::default()
        };
        let ids: Vec<ActorId> = births.iter().map(|birth| birth.id).collect();
        let bundles = births.into_iter().map(|birth| (birth.state, Mailbox::<A>::new(birth.id)));
        let entities: Vec<_> = world.spawn_batch(bundles).collect();
        let Some(first) = entities.first().and_then(|&entity| world.entities().get_spawned(entity).ok()) else { return };
        // A batch takes consecutive rows; where it should not, rows are hints that are verified.
        for ((&id, entity), row) in ids.iter().zip(entities).zip(first.table_row.index() as u32..) {
            roster.slots.insert(id, entity, first.table_id, row);
        }
        started.settle(world, hub, roster);
    }

    fn set_factories(&mut self, ids: &[ActorId], fresh: &(dyn Any + Send + Sync)) {
        let fresh = fresh.downcast_ref::<Fresh<A>>().expect("invariant: the engine passes a factory of this type");
        let Some(last) = ids.iter().map(|id| id.slot() as usize).max() else { return };
        if last >= self.factories.len() {
            self.factories.resize(last + 1, None);
        }
        for id in ids {
            self.factories[id.slot() as usize] = Some(fresh.clone());
        }
    }

    fn ending(&mut self, world: &mut World, hub: &mut Hub, roster: &Roster<A>, ids: &[ActorId], hook: Ending, reason: Option<&ExitReason>) {
        let panicked = self.with_context(world, hub, |context, world| {
            let mut panicked = Vec::new();
            for &id in ids {
                // SAFETY: one actor after the other; the reference ends with the call.
                let Some(mut state) = (unsafe { state_of(world, roster, id) }) else { continue };
                // Two calls: a panic in one does not take the other's messages back.
                if let Some(reason) = reason {
                    let result = call_hook(context, id, || {
                        state.terminate(reason, context);
                        Ok(())
                    });
                    panicked.extend(result.err().map(|reason| (id, reason)));
                }
                if hook != Ending::Stopped {
                    let result = call_hook(context, id, || {
                        state.stopping(context);
                        Ok(())
                    });
                    panicked.extend(result.err().map(|reason| (id, reason)));
                }
                if hook != Ending::Stopping {
                    let result = call_hook(context, id, || {
                        state.stopped(context);
                        Ok(())
                    });
                    panicked.extend(result.err().map(|reason| (id, reason)));
                }
            }
            panicked
        });
        for (id, reason) in panicked.unwrap_or_default() {
            report_mishaps::<A>(hub, id, [reason]);
        }
    }

    fn forget(&mut self, id: ActorId) {
        self.asks.bury(id);
        if let Some(factory) = self.factories.get_mut(id.slot() as usize) {
            *factory = None;
        }
    }

    fn drop_state(&mut self, world: &mut World, hub: &mut Hub, entity: Entity, id: ActorId) {
        self.forget(id);
        if !std::mem::needs_drop::<A>() {
            return;
        }
        let state = world.get_entity_mut(entity).ok().and_then(|mut entity| entity.take::<A>());
        report_mishaps::<A>(hub, id, drop_because(DeadReason::Stopped, || panics::drop_quietly(state)));
    }

    fn restarts(&self, id: ActorId) -> Option<(RestartIntensity, bool)> {
        self.factory(id).and_then(|_| self.restart_rules())
    }

    fn restart_rules(&self) -> Option<(RestartIntensity, bool)> {
        Some((self.config.restart, self.config.keep_mailbox))
    }

    fn begin(&mut self, world: &mut World, hub: &mut Hub, roster: &mut Roster<A>, id: ActorId, with: Beginning<'_>) -> Start {
        let given = with.fresh.map(|fresh| fresh.downcast_ref::<Fresh<A>>().expect("invariant: specs are made for their type"));
        let Some(factory) = given.or_else(|| self.factory(id)).cloned() else {
            return Start::Failed(ExitReason::Error("there is no way to make fresh state".into()));
        };
        match with.failure {
            Some(failure) => self.revive(world, hub, roster, id, &factory, failure),
            None => self.bear_one(world, hub, roster, id, &factory),
        }
    }

    fn terminate(&mut self, world: &mut World, hub: &mut Hub, roster: &Roster<A>, id: ActorId, reason: &ExitReason) {
        let result = self.with_context(world, hub, |context, world| {
            // SAFETY: the only reference.
            let mut state = unsafe { state_of(world, roster, id) }?;
            let hook = || {
                state.bypass_change_detection().terminate(reason, context);
                Ok(())
            };
            call_hook(context, id, hook).err()
        });
        report_mishaps::<A>(hub, id, result.flatten());
    }

    fn notified(&mut self, world: &mut World, hub: &mut Hub, roster: &Roster<A>, id: ActorId, notices: VecDeque<Notice>) {
        let called = self.with_context(world, hub, |context, world| {
            for notice in notices {
                // SAFETY: the reference ends with the call.
                let Some(mut state) = (unsafe { state_of(world, roster, id) }) else { return Ok(Wish::NONE) };
                let wish = call_hook(context, id, || state.notified(notice, context))?;
                if wish.stop() || wish.exit() {
                    return Ok(wish);
                }
            }
            Ok(Wish::NONE)
        });
        match called {
            Some(Ok(wish)) if wish.stop() => close(world, roster, id),
            Some(Ok(wish)) if wish.exit() => halt(world, roster, id),
            Some(Err(reason)) => {
                halt(world, roster, id);
                hub.signals.push(Signal::Failed(id, Failure { kind: FailureKind::Error, reason }));
            }
            _ => {}
        }
    }

    fn undelivered(
        &mut self,
        world: &mut World,
        hub: &mut Hub,
        roster: &Roster<A>,
        id: ActorId,
        notice: Undelivered,
    ) -> Result<(), Option<Undelivered>> {
        let mut result = Err(None);
        let called = self.with_context(world, hub, |context, world| {
            // SAFETY: the only reference.
            let Some(mut state) = (unsafe { state_of(world, roster, id) }) else { return Ok(Wish::NONE) };
            call_hook(context, id, || {
                result = state.undelivered(notice, context).map_err(Some);
                Ok(())
            })
        });
        match called {
            Some(Ok(wish)) if wish.stop() => close(world, roster, id),
            Some(Err(reason)) => hub.signals.push(Signal::Failed(id, Failure { kind: FailureKind::Panic, reason })),
            _ => {}
        }
        result
    }

    fn asks(&mut self) -> Option<&mut dyn TypeAsks> {
        Some(&mut self.asks)
    }

    fn forget_asks(&mut self, id: ActorId) {
        self.asks.forget(id);
    }

    fn digest(&self, world: &World, entity: Entity, digester: &mut Digester) {
        if let (Some(digest), Some(state)) = (self.config.digest, world.get::<A>(entity)) {
            digest(state, digester);
        }
    }

    fn digest_of_mail(&self) -> Option<DigestOf<A::Msg>> {
        self.config.digest_mail
    }
}

impl<A: Actor> ActorBehaviour<A> {
    /// Starts one actor; it is put into the world only if that succeeds.
    fn bear_one(&mut self, world: &mut World, hub: &mut Hub, roster: &mut Roster<A>, id: ActorId, factory: &Fresh<A>) -> Start {
        let begun = self.with_context(world, hub, |context, _| {
            let mut state = match panics::catch(|| factory(id)) {
                Ok(state) => state,
                Err(panic) => return Err((Start::Failed(ExitReason::Panic(panic.into())), None)),
            };
            match call_start(context, id, || state.started(context)) {
                Ok(wish) => Ok((state, wish)),
                Err(begun) => Err((begun, panics::drop_quietly(state))),
            }
        });
        let (state, wish) = match begun.unwrap_or_else(|| Err((params_missing(), None))) {
            Ok(begun) => begun,
            Err((begun, mishap)) => {
                report_mishaps::<A>(hub, id, mishap);
                return begun;
            }
        };
        let entity = world.spawn((state, Mailbox::<A>::new(id))).id();
        if let Ok(location) = world.entities().get_spawned(entity) {
            roster.slots.insert(id, entity, location.table_id, location.table_row.index() as u32);
        }
        if wish.stop() {
            close(world, roster, id);
        }
        Start::Running
    }

    /// Puts fresh state in place of the old.
    fn revive(
        &mut self,
        world: &mut World,
        hub: &mut Hub,
        roster: &Roster<A>,
        id: ActorId,
        factory: &Fresh<A>,
        failure: &Failure,
    ) -> Start {
        let mut mishaps = Vec::new();
        let begun = self.with_context(world, hub, |context, world| {
            // SAFETY: the reference ends before the next is made.
            if let Some(mut state) = unsafe { state_of(world, roster, id) } {
                let result = call_hook(context, id, || {
                    state.restarting(failure, context);
                    Ok(())
                });
                mishaps.extend(result.err());
            }
            let mut fresh = panics::catch(|| factory(id)).map_err(|panic| Start::Failed(ExitReason::Panic(panic.into())))?;
            let wish = match call_start(context, id, || fresh.started(context)) {
                Ok(wish) => wish,
                Err(begun) => {
                    mishaps.extend(panics::drop_quietly(fresh));
                    return Err(begun);
                }
            };
            // SAFETY: as above.
            let old = unsafe { state_of(world, roster, id) }.map(|mut state| std::mem::replace(&mut *state, fresh));
            mishaps.extend(panics::drop_quietly(old));
            Ok(wish)
        });
        report_mishaps::<A>(hub, id, mishaps);
        match begun.unwrap_or_else(|| Err(params_missing())) {
            Ok(wish) => {
                reopen(world, roster, id);
                if wish.stop() {
                    close(world, roster, id);
                }
                Start::Running
            }
            Err(begun) => begun,
        }
    }

    /// Runs `started` on newborn actors.
    fn start(&mut self, world: &mut World, hub: &mut Hub, births: &mut [Newborn<A>]) -> Started {
        let started = self.with_context(world, hub, |context, _| {
            let mut started = Started::default();
            for birth in births {
                let begun = call_hook(context, birth.id, || birth.state.started(context));
                if begun != Ok(Wish::NONE) {
                    started.note(birth.id, begun);
                }
            }
            started
        });
        started.unwrap_or_default()
    }

    /// Starts actors whose `Params` were missing when they were spawned, before their first mail.
    fn start_late(&mut self, world: &mut World, hub: &mut Hub, roster: &Roster<A>) {
        let ids = std::mem::take(&mut self.unstarted);
        let started = self.with_context(world, hub, |context, world| {
            let mut started = Started::default();
            for id in ids {
                // SAFETY: one actor after the other; the reference ends with the call.
                let Some(mut state) = (unsafe { state_of(world, roster, id) }) else { continue };
                started.note(id, call_hook(context, id, || state.started(context)));
            }
            started
        });
        started.unwrap_or_default().settle(world, hub, roster);
    }
}

/// What came of `started` hooks.
#[derive(Default)]
struct Started {
    /// Actors that stopped themselves.
    closed: Vec<ActorId>,
    /// Actors that are to end.
    halted: Vec<ActorId>,
    failed: Vec<(ActorId, String)>,
}

impl Started {
    fn note(&mut self, id: ActorId, result: Result<Wish, String>) {
        match result {
            Ok(wish) if wish.stop() => self.closed.push(id),
            Ok(wish) if wish.exit() => self.halted.push(id),
            Ok(_) => {}
            Err(reason) => self.failed.push((id, reason)),
        }
    }

    /// Carries it out, once the actors are in the world.
    fn settle<A: Actor>(self, world: &mut World, hub: &mut Hub, roster: &Roster<A>) {
        for id in self.closed {
            close(world, roster, id);
        }
        for id in self.halted.into_iter().chain(self.failed.iter().map(|failed| failed.0)) {
            halt(world, roster, id);
        }
        let failed = self.failed.into_iter();
        hub.signals.extend(failed.map(|(id, reason)| Signal::Failed(id, Failure { kind: FailureKind::Start, reason })));
    }
}

/// Logs panics that change nothing: of hooks that end a life, and of `Drop`.
fn report_mishaps<A>(hub: &mut Hub, id: ActorId, mishaps: impl IntoIterator<Item = String>) {
    for reason in mishaps {
        if hub.may_log() {
            let actor_type = std::any::type_name::<A>();
            tracing::warn!(actor = %id, actor_type, reason, "a hook or a state's `Drop` panicked; the actor ends or restarts all the same");
        }
    }
}

/// Workers that call [`Actor::handle`].
struct ActorCrew<'a, A: Actor> {
    asks: &'a AskTables<A>,
}

impl<A: Actor> Crew<A, &'static mut A> for ActorCrew<'_, A> {
    const PINNED: bool = A::PINNED;

    type Local = SystemState<A::Params>;

    unsafe fn work(&self, local: &mut Self::Local, world: UnsafeWorldCell<'_>, turn: Turn<'_>, shift: Shift<'_, '_, A, &'static mut A>) {
        // SAFETY: the parameters are read-only and do not read `A` (checked at registration); the caller
        // grants everything else.
        let params = unsafe { local.get_unchecked(world) }.expect("invariant: the pass began with the parameters there");
        // SAFETY: the shift runs actors of its own blocks only.
        let context = unsafe { Context::new(turn, &params, self.asks) };
        panics::quietly(|| shift.run(&ActorReceiver { context }));
    }
}

/// Drops the end of an ask that nobody goes on with.
#[cold]
fn drop_late(end: End) {
    if let Some(panic) = panics::drop_quietly(end) {
        tracing::warn!(panic, "an answer that came too late panicked when it was dropped");
    }
}

struct ActorReceiver<'a, A: Actor> {
    context: Context<'a, A>,
}

impl<A: Actor> Receive<A, &'static mut A> for ActorReceiver<'_, A> {
    const BATCH: bool = A::BATCH;

    #[inline]
    fn turn(&self) -> &Turn<'_> {
        &self.context
    }

    #[inline(always)]
    fn receive(&self, mut state: Mut<'_, A>, msg: A::Msg) -> Result<(), ActorFailure> {
        state.handle(msg, &self.context)
    }

    #[inline(always)]
    fn tick(&self, mut state: Mut<'_, A>) -> Handled {
        state.tick(&self.context)
    }

    fn receive_batch(&self, mut state: Mut<'_, A>, mail: Batch<'_, A::Msg>) -> Result<(), ActorFailure> {
        state.handle_batch(mail, &self.context)
    }

    fn take_postponed(&self) -> Vec<(Option<ActorId>, A::Msg)> {
        self.context.take_postponed()
    }

    #[inline(always)]
    unsafe fn go_on(&self, asker: Option<Mut<'_, A>>, AskEnd { place, end }: AskEnd) -> Option<Handled> {
        // SAFETY: promised by the caller.
        let go_on = unsafe { self.context.claim(place, end.is_ok(), asker.is_some()) };
        match (asker, go_on) {
            (Some(mut state), Some(go_on)) => Some(go_on.run(&mut state, end, &self.context)),
            _ => {
                drop_late(end);
                None
            }
        }
    }

    fn roll_back(&self) {
        self.context.roll_back();
    }

    #[inline]
    fn has_started(&self) -> bool {
        self.context.has_started()
    }

    fn begin_next(&self, mut state: Mut<'_, A>) -> Handled {
        self.context.begin_next(&mut state)
    }

    fn drop_started(&self) {
        self.context.drop_started();
    }

    fn take_turns(&self) -> i32 {
        self.context.take_turns()
    }
}
