//! The layer below the trait: a system of your own that reads mail together with components.
//!
//! # Model
//!
//! A type that only implements [`HasMailbox`](crate::HasMailbox) has its mail handled by a system with a
//! [`Mail`] parameter. The system runs in the rounds in which the type has mail, and only then. The
//! trait's own handlers go through the same pass.

#![expect(unsafe_code, reason = "implements a system parameter, and looks at components through a lens")]

use std::any::type_name;
use std::marker::PhantomData;
use std::sync::Mutex;

use bevy_ecs::change_detection::Tick;
use bevy_ecs::component::ComponentId;
use bevy_ecs::query::{QueryData, SingleEntityQueryData};
use bevy_ecs::resource::Resource;
use bevy_ecs::system::{BoxedSystem, Query, ResMut, SystemAccess, SystemMeta, SystemParam, SystemParamValidationError};
use bevy_ecs::world::World;
use bevy_ecs::world::unsafe_world_cell::UnsafeWorldCell;

use super::hub::Hub;
use super::pass::{Crew, Sight, run_pass_in};
use super::shift::{Receive, Shift};
use crate::actor::{AskEnd, Batch, Handled, HasMailbox, Turn};
use crate::id::ActorId;
use crate::panics;
use crate::world::{Mailbox, Roster};

/// The mail of all `A`s in this round, with the components `D` of each receiver.
///
/// # Examples
///
/// ```
/// use bevy_ecs::prelude::*;
/// use throng::prelude::*;
///
/// #[derive(Component)]
/// struct Ship;
/// impl HasMailbox for Ship {
///     type Msg = f32;
/// }
/// #[derive(Component)]
/// struct Speed(f32);
///
/// fn thrust(mut mail: Mail<Ship, &mut Speed>) {
///     mail.par_for_each(|mut speed, push, _turn| {
///         speed.0 += push;
///         Ok(())
///     });
/// }
///
/// let mut throng = Throng::default();
/// throng.add_mail_system::<Ship, _>(thrust);
/// let entity = throng.world_mut().spawn((Ship, Speed(1.0))).id();
/// let ship: ActorRef<Ship> = throng.adopt(entity).unwrap();
/// throng.tell(ship, 0.5);
/// throng.tick();
/// assert_eq!(throng.world().get::<Speed>(entity).unwrap().0, 1.5);
/// ```
#[derive(SystemParam)]
pub struct Mail<'w, 's, A: HasMailbox, D: SingleEntityQueryData + 'static> {
    room: ResMut<'w, MailRoom<A>>,
    receivers: Receivers<'w, 's, A, D>,
}

impl<A: HasMailbox, D: SingleEntityQueryData + 'static> std::fmt::Debug for Mail<'_, '_, A, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mail<{}>", type_name::<A>())
    }
}

impl<A: HasMailbox, D: SingleEntityQueryData + 'static> Mail<'_, '_, A, D> {
    /// Calls `handle` for each message, in parallel over blocks of receivers; each receiver's mail in
    /// order. The same rules hold as for [`Actor::handle`](crate::Actor::handle): a call that fails or panics
    /// fails its receiver only, and what it sent is taken back.
    ///
    /// Does nothing when called twice, or outside a round: then there is no mail.
    pub fn par_for_each<F>(&mut self, handle: F)
    where
        F: Fn(D::Item<'_, '_>, A::Msg, &Turn<'_>) -> Handled + Sync,
    {
        let Some((mut roster, mut hub)) = self.room.take() else { return };
        let crew = ClosureCrew { handle, sees: PhantomData };
        let Receivers { world, state, cell_component, ticks, .. } = &self.receivers;
        let mut locals = vec![(); hub.claims_max()];
        let sight = Sight { cell_component: *cell_component, state: &state.columns };
        // SAFETY: the parameter's access is registered: mailboxes of `A` are read, and `D` is accessed;
        // the resource is borrowed exclusively, so there is one such pass at a time.
        unsafe {
            run_pass_in::<A, D, _>(*world, *ticks, &mut hub, &mut roster, &crew, &mut locals, sight);
        }
        self.room.put_back(roster, hub);
    }
}

/// Where a type's mail is while its system runs.
#[derive(Resource)]
struct MailRoom<A: HasMailbox>(Mutex<Option<Contents<A>>>);

type Contents<A> = (Box<Roster<A>>, Box<Hub>);

impl<A: HasMailbox> MailRoom<A> {
    fn take(&mut self) -> Option<Contents<A>> {
        self.0.get_mut().ok()?.take()
    }

    fn put_back(&mut self, roster: Box<Roster<A>>, hub: Box<Hub>) {
        if let Ok(room) = self.0.get_mut() {
            *room = Some((roster, hub));
        }
    }
}

/// Access to the components of receivers, by row.
struct Receivers<'w, 's, A: HasMailbox, D: SingleEntityQueryData + 'static> {
    world: UnsafeWorldCell<'w>,
    state: &'s ReceiversState<A, D>,
    cell_component: ComponentId,
    ticks: (Tick, Tick),
}

/// The registered access, and the state that lenses are made from.
struct ReceiversState<A: HasMailbox, D: SingleEntityQueryData + 'static> {
    access: <Query<'static, 'static, (&'static Mailbox<A>, D)> as SystemParam>::State,
    columns: D::State,
    cell_component: ComponentId,
}

// SAFETY: the access registered is that of a query for the mailboxes and `D`; nothing else is touched.
unsafe impl<A: HasMailbox, D: SingleEntityQueryData + 'static> SystemParam for Receivers<'_, '_, A, D> {
    type State = ReceiversState<A, D>;
    type Item<'w, 's> = Receivers<'w, 's, A, D>;

    fn init_state(world: &mut World) -> Self::State {
        ReceiversState {
            access: Query::<(&'static Mailbox<A>, D)>::init_state(world),
            columns: D::init_state(world),
            cell_component: world.register_component::<Mailbox<A>>(),
        }
    }

    fn init_access(state: &Self::State, meta: &mut SystemMeta, access: &mut SystemAccess, world: &mut World) {
        Query::<(&'static Mailbox<A>, D)>::init_access(&state.access, meta, access, world);
    }

    unsafe fn get_param<'w, 's>(
        state: &'s mut Self::State,
        meta: &SystemMeta,
        world: UnsafeWorldCell<'w>,
        change_tick: Tick,
    ) -> Result<Self::Item<'w, 's>, SystemParamValidationError> {
        let cell_component = state.cell_component;
        Ok(Receivers { world, state, cell_component, ticks: (meta.get_last_run(), change_tick) })
    }
}

/// A system that runs over a type's mail, in place of the type's own behaviour.
pub(crate) struct MailSystem<A: HasMailbox> {
    system: BoxedSystem,
    reads: PhantomData<fn(A)>,
}

impl<A: HasMailbox> MailSystem<A> {
    pub(crate) fn new(world: &mut World, mut system: BoxedSystem) -> Self {
        world.insert_resource(MailRoom::<A>(Mutex::new(None)));
        system.initialize(world);
        Self { system, reads: PhantomData }
    }

    /// Runs the system; `false` if it did not read the mail.
    pub(crate) fn run(&mut self, world: &mut World, hub: &mut Box<Hub>, roster: &mut Box<Roster<A>>) -> bool {
        let passes = roster.passes;
        let lent_hub = std::mem::replace(hub, Box::new(Hub::vacant()));
        let lent_roster = std::mem::replace(roster, Box::new(Roster::vacant()));
        world.resource_mut::<MailRoom<A>>().put_back(lent_roster, lent_hub);
        let ran = panics::catch(|| self.system.run((), world));
        let (lent_roster, lent_hub) = world.resource_mut::<MailRoom<A>>().take().expect("invariant: a mail system puts back what it takes");
        *hub = lent_hub;
        *roster = lent_roster;
        match ran {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(actor_type = type_name::<A>(), %error, "a mail system did not run; its mail waits"),
            Err(panic) => tracing::error!(actor_type = type_name::<A>(), panic, "a mail system panicked outside its handlers"),
        }
        // What the system did not read waits for the next tick.
        roster.passes != passes
    }
}

/// Workers that call a closure.
struct ClosureCrew<F, A, D> {
    handle: F,
    sees: PhantomData<fn(A, D)>,
}

impl<A, D, F> Crew<A, D> for ClosureCrew<F, A, D>
where
    A: HasMailbox,
    D: SingleEntityQueryData + 'static,
    F: Fn(D::Item<'_, '_>, A::Msg, &Turn<'_>) -> Handled + Sync,
{
    type Local = ();

    unsafe fn work(&self, (): &mut (), _: UnsafeWorldCell<'_>, turn: Turn<'_>, shift: Shift<'_, '_, A, D>) {
        let receiver = ClosureReceiver { handle: &self.handle, turn };
        panics::quietly(|| shift.run(&receiver));
    }
}

struct ClosureReceiver<'a, F> {
    handle: &'a F,
    turn: Turn<'a>,
}

impl<A, D, F> Receive<A, D> for ClosureReceiver<'_, F>
where
    A: HasMailbox,
    D: QueryData,
    F: Fn(D::Item<'_, '_>, A::Msg, &Turn<'_>) -> Handled,
{
    const BATCH: bool = false;

    fn turn(&self) -> &Turn<'_> {
        &self.turn
    }

    fn receive(&self, item: D::Item<'_, '_>, msg: A::Msg) -> Handled {
        (self.handle)(item, msg, &self.turn)
    }

    fn tick(&self, _: D::Item<'_, '_>) -> Handled {
        Ok(())
    }

    fn receive_batch(&self, _: D::Item<'_, '_>, _: Batch<'_, A::Msg>) -> Handled {
        Ok(())
    }

    fn take_postponed(&self) -> Vec<(Option<ActorId>, A::Msg)> {
        Vec::new()
    }

    unsafe fn go_on(&self, _: Option<D::Item<'_, '_>>, _: AskEnd) -> Option<Handled> {
        None
    }

    fn roll_back(&self) {
        self.turn.outbox().with(|outbox| outbox.roll_back(self.turn.world()));
    }

    fn has_started(&self) -> bool {
        false
    }

    fn begin_next(&self, _: D::Item<'_, '_>) -> Handled {
        Ok(())
    }

    fn drop_started(&self) {}

    fn take_turns(&self) -> i32 {
        0
    }
}
