//! What an actor does and what it may ask for, free of any actor library.

/// One kind of actor. Addresses are indices into the population, looked up by
/// the peer in a shared table, so that no peer pays for cloning addresses.
pub trait Behaviour: Send + Sync + Unpin + 'static {
    /// The one message type of the population.
    type Msg: Copy + Send + Sync + Unpin + 'static;

    /// Whether the gate counts this actor's end instead of its arrivals.
    const MORTAL: bool = false;

    /// Handles one message.
    fn handle<O: Outbox<Self::Msg>>(&mut self, message: Self::Msg, out: &mut O);
}

/// What a handler may do besides changing its own state.
pub trait Outbox<M> {
    /// Sends `message` to the actor with index `to`.
    fn send(&mut self, to: u32, message: M);

    /// Adds to the checksum of the run.
    fn add(&mut self, digest: u64);

    /// Tells the driver that one awaited thing has happened.
    fn arrive(&mut self);

    /// Stops this actor after the handler.
    fn stop(&mut self);
}

/// A closed bench: kicked once, it runs until enough has arrived.
pub struct Scene<B: Behaviour> {
    /// Actors in the population, helpers included.
    pub size: u32,
    /// Makes the actor with an index.
    pub make: Box<dyn Fn(u32) -> B + Send + Sync>,
    /// The messages that start it, as (recipient, message).
    pub kicks: Vec<(u32, B::Msg)>,
    /// Arrivals after which the work is done.
    pub awaited: u64,
    /// Sent to all after the clock has stopped; each answers with its digest.
    pub audit: Option<B::Msg>,
}
