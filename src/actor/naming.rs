//! What handlers do with names and topics.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::outbox::Act;
use super::{Actor, ActorRef, Context, HasMailbox, Outbox, OutboxCell, Turn};
use crate::id::{ActorId, Kind};
use crate::mailbox::{Audience, Shout};
use crate::registry::{NameError, Registry, TopicError};

/// A named channel for messages of type `M` to any number of members: two words, `Copy`, may travel in messages.
///
/// Members are actors of any types that understand `M`. A message is published once and read by all, as with
/// a broadcast, each getting a clone. It reaches those who were members when the round began in which it was
/// published, and are alive when it is delivered; in the publisher's name, and in order with the
/// publisher's other messages. Membership is weak: actors that stop drop out.
///
/// # Examples
///
/// ```
/// use bevy_ecs::component::Component;
/// use throng::prelude::*;
///
/// #[derive(Clone)]
/// struct Price(u32);
///
/// #[derive(Component, Default)]
/// struct Trader { last: u32 }
/// impl Actor for Trader {
///     type Msg = Price;
///     type Params = ();
///     fn handle(&mut self, Price(price): Price, _cx: &Context<'_, Self>) -> Handled {
///         self.last = price;
///         Ok(())
///     }
/// }
///
/// let mut throng = Throng::default();
/// let prices: Topic<Price> = throng.topic("prices")?;
/// let trader = throng.spawn(Trader::default());
/// throng.subscribe(prices, trader);
/// throng.publish(prices, Price(7));
/// throng.tick();
/// assert_eq!(throng.state(trader).unwrap().last, 7);
/// # Ok::<(), throng::TopicError>(())
/// ```
#[doc(alias = "group")]
pub struct Topic<M> {
    pub(crate) index: u32,
    carries: PhantomData<fn(M)>,
}

impl<M> Topic<M> {
    pub(crate) fn new(index: u32) -> Self {
        Self { index, carries: PhantomData }
    }
}

impl<M> Clone for Topic<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Topic<M> {}

impl<M> fmt::Debug for Topic<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Topic").field(&self.index).finish()
    }
}

/// Hands a topic's message to the members of one type.
struct Publish<M>(fn(&mut Outbox, Kind, Option<ActorId>, Arc<M>, Arc<Audience>));

/// Publishes a message in somebody's name.
pub(crate) fn publish<M: Clone + Send + Sync + 'static>(
    registry: &Registry,
    outbox: &OutboxCell,
    from: Option<ActorId>,
    topic: Topic<M>,
    msg: M,
) {
    let msg = Arc::new(msg);
    for branch in registry.topics.branches(topic.index) {
        let Some(publish) = branch.publish.downcast_ref::<Publish<M>>() else { continue };
        outbox.with(|outbox| publish.0(outbox, branch.kind, from, msg.clone(), branch.audience.clone()));
    }
}

/// How messages of type `M` are published to actors of type `A`.
pub(crate) fn publish_to<A: HasMailbox, M: Clone + Send + Sync + 'static>() -> Arc<dyn Any + Send + Sync>
where
    A::Msg: From<M>,
{
    Arc::new(Publish::<M>(|outbox, kind, from, msg, audience| {
        let make = Box::new(move || A::Msg::from(M::clone(&msg)));
        outbox.shout::<A>(kind, Shout { from, make, audience: Some(audience) });
    }))
}

/// A change of names or members, asked for in a call.
pub(crate) enum Change {
    Register { name: Arc<str>, actor: ActorId },
    Unregister { name: Arc<str>, actor: ActorId },
    Join { topic: u32, actor: ActorId, publish: Arc<dyn Any + Send + Sync> },
    Leave { topic: u32, actor: ActorId },
    Resize { pool: u32, members: usize },
}

impl Turn<'_> {
    /// Calls this actor by a name, from the end of the round on. The name is released when the actor stops, and
    /// stays over restarts.
    ///
    /// # Errors
    ///
    /// [`NameError::Taken`] if another actor had the name when the round began. Of several actors that take a
    /// free name in one round the first in the order of calls gets it, and the others fail.
    pub fn register_name(&self, name: impl Into<Arc<str>>) -> Result<(), NameError> {
        let (name, actor) = (name.into(), self.id());
        self.registry().names.check(&name, actor)?;
        self.change(Change::Register { name, actor });
        Ok(())
    }

    /// Gives up a name of this actor's, at the end of the round; does nothing if it is not this actor's.
    pub fn unregister_name(&self, name: impl Into<Arc<str>>) {
        self.change(Change::Unregister { name: name.into(), actor: self.id() });
    }

    /// The actor of type `A` that had a name when the round began. O(log names).
    #[must_use]
    pub fn whereis<A: HasMailbox>(&self, name: &str) -> Option<ActorRef<A>> {
        let holder = self.registry().names.holder(name)?;
        (self.kind_of::<A>() == Some(holder.kind())).then(|| ActorRef::from_id(holder))
    }

    /// A topic by its name; `None` if the host has not opened it (see [`Throng::topic`](crate::Throng::topic)).
    ///
    /// # Errors
    ///
    /// [`TopicError::OtherType`] if it carries other messages.
    pub fn topic<M: 'static>(&self, name: &str) -> Result<Option<Topic<M>>, TopicError> {
        Ok(self.registry().topics.find::<M>(name)?.map(Topic::new))
    }

    /// Sends a message to all members of a topic: one message for each of their types, which each reader clones
    /// when it reads. O(types + blocks of members) to send.
    #[doc(alias = "broadcast")]
    pub fn publish<M: Clone + Send + Sync + 'static>(&self, topic: Topic<M>, msg: M) {
        publish(self.registry(), self.outbox(), Some(self.id()), topic, msg);
    }

    /// Leaves a topic at the end of the round. What was published until then still comes.
    pub fn unsubscribe<M>(&self, topic: Topic<M>) {
        self.change(Change::Leave { topic: topic.index, actor: self.id() });
    }

    fn change(&self, change: Change) {
        self.outbox().with(|outbox| outbox.act(Act::Change(change)));
    }
}

impl<A: Actor> Context<'_, A> {
    /// Joins a topic: what is published in the rounds after this one reaches this actor, once, however often it
    /// joins.
    #[doc(alias = "join")]
    pub fn subscribe<M: Clone + Send + Sync + 'static>(&self, topic: Topic<M>)
    where
        A::Msg: From<M>,
    {
        self.change(Change::Join { topic: topic.index, actor: self.id(), publish: publish_to::<A, M>() });
    }
}
