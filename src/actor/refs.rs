//! References to actors: typed by actor, or by message.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use super::timer::{Load, TimerSpec};
use super::{HasMailbox, OutboxCell};
use crate::id::ActorId;
use crate::registry::Registry;

/// A reference to an actor of type `A`: eight bytes, `Copy`, owning nothing.
///
/// It belongs to the world it comes from, and stays valid over restarts. Once the actor has stopped, mail to it becomes a dead letter, even
/// if its slot has a new holder.
///
/// # Examples
///
/// ```
/// # use throng::prelude::*;
/// # #[derive(bevy_ecs::component::Component)] struct Lamp(bool);
/// # impl Actor for Lamp { type Msg = bool; type Params = ();
/// #   fn handle(&mut self, on: bool, _: &Context<'_, Self>) -> Handled { self.0 = on; Ok(()) } }
/// let mut throng = Throng::default();
/// let lamp: ActorRef<Lamp> = throng.spawn(Lamp(false));
/// throng.tell(lamp, true);
/// throng.tick();
/// throng.stop(lamp.id());
/// throng.tell(lamp, false);
/// throng.tick();
/// assert_eq!(throng.stats().mail.dead(), 1);
/// ```
pub struct ActorRef<A> {
    id: ActorId,
    actor: PhantomData<fn() -> A>,
}

impl<A: HasMailbox> ActorRef<A> {
    /// Types an id whose type is known to be `A`.
    pub(crate) fn from_id(id: ActorId) -> Self {
        Self { id, actor: PhantomData }
    }

    /// The untyped identity.
    #[must_use]
    pub fn id(self) -> ActorId {
        self.id
    }

    /// A reference typed by a message that converts into this actor's, so that different actor types
    /// can be addressed alike.
    #[must_use]
    pub fn recipient<M: 'static>(self) -> Recipient<M>
    where
        A::Msg: From<M>,
    {
        Recipient {
            id: self.id,
            send: |outbox, to, from, msg| deliver::<A>(outbox, to, from, msg.into()),
            schedule: |outbox, to, spec, load| schedule::<A>(outbox, to, spec, load.convert()),
        }
    }
}

/// A reference to any actor that accepts `M`.
///
/// # Examples
///
/// ```
/// # use throng::prelude::*;
/// # use bevy_ecs::component::Component;
/// # #[derive(Component, Default)] struct Ear(u32);
/// # #[derive(Component, Default)] struct Eye(u32);
/// enum See { Light(u32) }
/// impl From<u32> for See { fn from(n: u32) -> Self { See::Light(n) } }
/// # impl Actor for Ear { type Msg = u32; type Params = ();
/// #   fn handle(&mut self, n: u32, _: &Context<'_, Self>) -> Handled { self.0 += n; Ok(()) } }
/// # impl Actor for Eye { type Msg = See; type Params = ();
/// #   fn handle(&mut self, see: See, _: &Context<'_, Self>) -> Handled { let See::Light(n) = see; self.0 += n; Ok(()) } }
/// let mut throng = Throng::default();
/// let ear = throng.spawn(Ear::default());
/// let eye = throng.spawn(Eye::default());
/// let senses: [Recipient<u32>; 2] = [ear.recipient(), eye.recipient()];
/// for sense in senses {
///     throng.tell(sense, 5);
/// }
/// throng.tick();
/// assert_eq!(throng.state(ear).unwrap().0 + throng.state(eye).unwrap().0, 10);
/// ```
pub struct Recipient<M> {
    id: ActorId,
    send: fn(&OutboxCell, ActorId, Option<ActorId>, M),
    schedule: fn(&OutboxCell, ActorId, TimerSpec, Load<M>),
}

impl<M> Recipient<M> {
    /// The untyped identity.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.id
    }
}

/// Whatever a message of type `M` can be told to.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not accept a `{M}`",
    label = "wrong message type for this receiver",
    note = "an `ActorRef<A>` and a `Keyed<A>` take `A::Msg`; a `Recipient<M>` takes `M`"
)]
pub trait Destination<M>: sealed::Sealed<M> {}

/// Sends. User code (a conversion) has run before, not inside the borrow of the outbox.
#[inline]
fn deliver<A: HasMailbox>(outbox: &OutboxCell, to: ActorId, from: Option<ActorId>, msg: A::Msg) {
    outbox.with(|outbox| outbox.tell::<A>(to, from, msg));
}

fn schedule<A: HasMailbox>(outbox: &OutboxCell, to: ActorId, spec: TimerSpec, load: Load<A::Msg>) {
    outbox.with(|outbox| outbox.set_timer::<A>(to, spec, load));
}

pub(crate) mod sealed {
    use super::{ActorId, Load, OutboxCell, Registry, TimerSpec};

    pub trait Sealed<M> {
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
        fn deliver(self, registry: &Registry, outbox: &OutboxCell, from: Option<ActorId>, msg: M);

        #[doc(hidden)]
        #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
        fn schedule(self, registry: &Registry, outbox: &OutboxCell, spec: TimerSpec, load: Load<M>);

        /// The actor that it leads to now, if there is one.
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
        fn receiver(&self, registry: &Registry) -> Option<ActorId>;
    }
}

impl<A: HasMailbox> Destination<A::Msg> for ActorRef<A> {}

impl<A: HasMailbox> sealed::Sealed<A::Msg> for ActorRef<A> {
    #[inline]
    #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
    fn deliver(self, _: &Registry, outbox: &OutboxCell, from: Option<ActorId>, msg: A::Msg) {
        deliver::<A>(outbox, self.id, from, msg);
    }

    #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
    fn schedule(self, _: &Registry, outbox: &OutboxCell, spec: TimerSpec, load: Load<A::Msg>) {
        schedule::<A>(outbox, self.id, spec, load);
    }

    #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
    fn receiver(&self, _: &Registry) -> Option<ActorId> {
        Some(self.id)
    }
}

impl<M> Destination<M> for Recipient<M> {}

impl<M> sealed::Sealed<M> for Recipient<M> {
    #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
    fn deliver(self, _: &Registry, outbox: &OutboxCell, from: Option<ActorId>, msg: M) {
        (self.send)(outbox, self.id, from, msg);
    }

    #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
    fn schedule(self, _: &Registry, outbox: &OutboxCell, spec: TimerSpec, load: Load<M>) {
        (self.schedule)(outbox, self.id, spec, load);
    }

    #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
    fn receiver(&self, _: &Registry) -> Option<ActorId> {
        Some(self.id)
    }
}

/// Implements the traits of a plain id for a reference type, without asking anything of its parameter.
macro_rules! like_its_id {
    ($name:ident) => {
        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<T> Copy for $name<T> {}
        impl<T> PartialEq for $name<T> {
            fn eq(&self, other: &Self) -> bool {
                self.id == other.id
            }
        }
        impl<T> Eq for $name<T> {}
        impl<T> PartialOrd for $name<T> {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
        impl<T> Ord for $name<T> {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.id.cmp(&other.id)
            }
        }
        impl<T> Hash for $name<T> {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.id.hash(state);
            }
        }
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.id)
            }
        }
        impl<T> From<$name<T>> for ActorId {
            fn from(reference: $name<T>) -> Self {
                reference.id
            }
        }
    };
}
like_its_id!(ActorRef);
like_its_id!(Recipient);
