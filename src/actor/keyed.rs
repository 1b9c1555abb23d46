//! Actors that are addressed by key.
//!
//! # Model
//!
//! Mail to a key goes straight to the actor that is active under it. Where nobody is, it is a deed of the call, and
//! the engine activates somebody when the round is settled. Who is active changes only then, and when a tick ends,
//! so within a round all mail to a key takes the same way, and keeps its order.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::knocks::Knock;
use super::outbox::Act;
use super::refs::{Destination, sealed};
use super::timer::{Load, TimerSpec};
use super::{Actor, Context, OutboxCell};
use crate::id::ActorId;
use crate::registry::{Directory, Registry};
use crate::store::ActorKey;

/// An actor that is addressed by key: a *virtual* actor. It need not be spawned. The first message to its key
/// activates it, with the state that was saved for the key or with fresh state; when it has been idle for some
/// ticks its state is saved and it leaves the world, until the next message.
///
/// Register the type with [`Throng::register_keyed`](crate::Throng::register_keyed), and address its actors with
/// [`keyed`].
///
/// # Examples
///
/// ```
/// use bevy_ecs::component::Component;
/// use throng::prelude::*;
/// use throng::{KeyedActor, KeyedConfig, MemoryStore, Persist, PersistError, keyed};
///
/// #[derive(Component)]
/// struct Player { name: String, points: u32 }
///
/// impl Actor for Player {
///     type Msg = u32;
///     type Params = ();
///     fn handle(&mut self, points: u32, _cx: &Context<'_, Self>) -> Handled {
///         self.points += points;
///         Ok(())
///     }
/// }
///
/// impl KeyedActor for Player {
///     type Key = String;
///     fn activate(name: &String) -> Self {
///         Player { name: name.clone(), points: 0 }
///     }
/// }
///
/// // With a format of serde's this is a line each.
/// impl Persist for Player {
///     fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), PersistError> {
///         bytes.extend(format!("{} {}", self.points, self.name).into_bytes());
///         Ok(())
///     }
///     fn decode(bytes: &[u8]) -> Result<Self, PersistError> {
///         let text = std::str::from_utf8(bytes).map_err(PersistError::new)?;
///         let (points, name) = text.split_once(' ').ok_or_else(|| PersistError::new("no space in it"))?;
///         Ok(Player { name: name.to_owned(), points: points.parse().map_err(PersistError::new)? })
///     }
/// }
///
/// let mut throng = Throng::default();
/// throng.register_keyed(KeyedConfig::<Player>::new().idle_ticks(2).store("players", MemoryStore::default()))?;
/// let ada = || keyed::<Player>("ada".to_owned());
/// throng.tell(ada(), 3);
/// throng.run_until_quiet(100);
/// let active = throng.active(&ada()).expect("the message has activated her");
/// assert_eq!(throng.state(active).unwrap().points, 3);
///
/// // Nothing comes for a while: her state is saved, and she leaves the world.
/// while throng.active(&ada()).is_some() {
///     throng.tick();
/// }
/// throng.tell(ada(), 4);
/// throng.run_until_quiet(100);
/// let again = throng.active(&ada()).unwrap();
/// assert_eq!(throng.state(again).unwrap().points, 7);
/// # Ok::<(), throng::RegisterError>(())
/// ```
#[doc(alias = "grain")]
#[doc(alias = "entity")]
#[doc(alias = "virtual actor")]
pub trait KeyedActor: Actor {
    /// What its actors are addressed by.
    type Key: ActorKey;

    /// Makes the state of an actor whose key has none saved. It runs in the tick, on any of its threads (unless the type is
    /// [pinned](Actor::PINNED)), and depends on nothing but the key:
    /// what an actor needs of the world it takes in [`Actor::started`], which runs at each activation.
    fn activate(key: &Self::Key) -> Self;
}

/// The address of an actor of type `A` by key: a destination like an [`ActorRef`](super::ActorRef), for handlers,
/// the host and other threads, that never ends. It may travel in messages.
///
/// Made by [`keyed`].
pub struct Keyed<A: KeyedActor> {
    key: A::Key,
}

/// The actor of type `A` under a key, whether or not it is active.
///
/// Mail to it is never lost for want of an actor: what comes while it is loaded waits, in order, within the mailbox's
/// capacity. If the state cannot be loaded for good, it becomes dead letters ([`DeadReason::NotLoaded`](crate::DeadReason)).
///
/// # Examples
///
/// ```
/// # use bevy_ecs::component::Component;
/// # use throng::prelude::*;
/// # use throng::{KeyedActor, KeyedConfig};
/// use throng::keyed;
/// # #[derive(Component)]
/// # struct Lamp(bool);
/// # impl Actor for Lamp { type Msg = bool; type Params = ();
/// #   fn handle(&mut self, on: bool, _: &Context<'_, Self>) -> Handled { self.0 = on; Ok(()) } }
/// # impl KeyedActor for Lamp { type Key = u32; fn activate(_: &u32) -> Self { Lamp(false) } }
///
/// #[derive(Component)]
/// struct Switch;
/// impl Actor for Switch {
///     type Msg = bool;
///     type Params = ();
///     fn handle(&mut self, on: bool, cx: &Context<'_, Self>) -> Handled {
///         cx.tell(keyed::<Lamp>(7), on);
///         Ok(())
///     }
/// }
///
/// let mut throng = Throng::default();
/// throng.register_keyed(KeyedConfig::<Lamp>::new())?;
/// let switch = throng.spawn(Switch);
/// throng.tell(switch, true);
/// throng.tick();
/// let lamp = throng.active(&keyed::<Lamp>(7)).unwrap();
/// assert!(throng.state(lamp).unwrap().0);
/// # Ok::<(), throng::RegisterError>(())
/// ```
pub fn keyed<A: KeyedActor>(key: A::Key) -> Keyed<A> {
    Keyed { key }
}

impl<A: KeyedActor> Keyed<A> {
    /// The key.
    pub fn key(&self) -> &A::Key {
        &self.key
    }
}

/// What a keyed actor wants done with its state, when the tick ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Save it.
    Save,
    /// Save it, and let the actor leave the world.
    Passivate,
    /// Strike out what is saved.
    Erase,
}

fn directory<A: KeyedActor>(registry: &Registry) -> Option<&Directory<A::Key>> {
    registry.keys.get::<A, A::Key>()
}

/// Sends to a key. What runs of the user's (hashing, comparing, cloning a key) runs outside the outbox.
fn tell<A: KeyedActor>(registry: &Registry, outbox: &OutboxCell, key: A::Key, from: Option<ActorId>, msg: A::Msg) {
    let Some(directory) = directory::<A>(registry) else { return no_such_type::<A>(outbox) };
    match directory.find(&key) {
        Some(active) => outbox.with(|outbox| outbox.tell::<A>(active, from, msg)),
        None => outbox.with(|outbox| outbox.knock::<A>(directory.kind(), Knock { key, from, msg })),
    }
}

#[cold]
fn no_such_type<A>(outbox: &OutboxCell) {
    outbox.with(|outbox| outbox.unroutable += 1);
    let actor_type = std::any::type_name::<A>();
    tracing::error!(
        actor_type,
        "a message to a key is lost: this world does not know the type as a keyed one; call `register_keyed` first"
    );
}

impl<A: KeyedActor> Destination<A::Msg> for Keyed<A> {}

impl<A: KeyedActor> sealed::Sealed<A::Msg> for Keyed<A> {
    #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
    fn deliver(self, registry: &Registry, outbox: &OutboxCell, from: Option<ActorId>, msg: A::Msg) {
        tell::<A>(registry, outbox, self.key, from, msg);
    }

    #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
    fn schedule(self, registry: &Registry, outbox: &OutboxCell, spec: TimerSpec, load: Load<A::Msg>) {
        let Some(directory) = directory::<A>(registry) else { return no_such_type::<A>(outbox) };
        // A timer lies on the wheel of its receiver's type. Who has the key then is asked when it is due.
        let any = ActorId::new(directory.kind(), 0, 1);
        let key = self.key;
        let load = load.routed(move |registry, outbox, from, msg| tell::<A>(registry, outbox, key.clone(), from, msg));
        outbox.with(|outbox| outbox.set_timer::<A>(any, spec, load));
    }

    #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
    fn receiver(&self, registry: &Registry) -> Option<ActorId> {
        directory::<A>(registry)?.find(&self.key)
    }
}

impl<A: KeyedActor> Context<'_, A> {
    /// The key under which this actor is active; `None` if it was spawned otherwise.
    #[must_use]
    pub fn key(&self) -> Option<&A::Key> {
        directory::<A>(self.registry()).and_then(|directory| directory.key_of(self.id()))
    }

    /// Saves this actor's state when the tick ends, with all other states that are to be saved then. It stays active.
    /// Does nothing without a store.
    ///
    /// What is saved is the state at the end of the tick, or of a later one if a save is under way or has failed;
    /// see [`Throng::store_failures`](crate::Throng::store_failures).
    #[doc(alias = "WriteStateAsync")]
    pub fn save(&self) {
        self.keep(Keep::Save);
    }

    /// Saves this actor's state and lets it leave the world, without waiting until it is idle. It stays if mail comes
    /// before its state is saved.
    #[doc(alias = "DeactivateOnIdle")]
    pub fn passivate(&self) {
        self.keep(Keep::Passivate);
    }

    /// Strikes out what is saved of this actor when the tick ends. It stays active, and its state is saved anew
    /// as usual: stop it to be rid of that, too. Does nothing without a store.
    #[doc(alias = "ClearStateAsync")]
    pub fn erase(&self) {
        self.keep(Keep::Erase);
    }

    fn keep(&self, keep: Keep) {
        self.outbox().with(|outbox| outbox.act(Act::Keep(self.id(), keep)));
    }
}

impl<A: KeyedActor> Clone for Keyed<A> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone() }
    }
}

impl<A: KeyedActor<Key: Copy>> Copy for Keyed<A> {}

impl<A: KeyedActor> PartialEq for Keyed<A> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<A: KeyedActor> Eq for Keyed<A> {}

impl<A: KeyedActor> Hash for Keyed<A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl<A: KeyedActor> fmt::Debug for Keyed<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyed").field(&self.key).finish()
    }
}
