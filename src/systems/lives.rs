//! What the engine keeps about lives: ties, supervisors, what is under way, and who wants to hear of it.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasherDefault, Hash};
use std::sync::{Arc, OnceLock};

use super::node::{Gone, Kid, Node};
use crate::actor::ExitReason;
use crate::digest::Digester;
use crate::id::{ActorId, Kind};
use crate::supervision::{ChildError, Input, Key, Output, Token};
use crate::wheel::Wheel;
use crate::world::Ties;

/// How a signal comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Somebody sent it.
    Explicit,
    /// A linked actor ended.
    Link,
    /// From the receiver's supervisor.
    Parent,
}

/// What is to be done next, in order.
pub(super) enum Event {
    /// A supervisor's plan says so.
    Do {
        supervisor: ActorId,
        incarnation: u32,
        output: Output<Gone>,
        /// The exit that this restart is for, if it follows at once.
        because: Option<ExitReason>,
    },
    Signal {
        to: ActorId,
        from: Option<ActorId>,
        reason: ExitReason,
        how: How,
    },
    /// An actor without a supervisor has ended.
    Guard {
        id: ActorId,
        reason: ExitReason,
    },
}

/// What happens at a tick to come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Timer {
    /// A child has had its time to stop.
    Deadline { supervisor: ActorId, incarnation: u32, key: Key },
    /// A restart that was put off.
    Turn { supervisor: ActorId, incarnation: u32, key: Key },
    /// An actor has taken its time to end.
    Leave(ActorId),
}

/// The answer to a request about a child; there at once if the supervisor is at rest and the request comes from
/// outside a tick, else when the supervisor has come to it.
///
/// # Examples
///
/// See [`Throng::start_child`](crate::Throng::start_child).
#[derive(Clone)]
pub struct ChildReply(Arc<OnceLock<Answer>>);

/// The child that was started, if one was.
pub(crate) type Answer = Result<Option<ActorId>, ChildError>;

impl ChildReply {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    pub(super) fn give(&self, answer: Answer) {
        // A request is answered once.
        let _ = self.0.set(answer);
    }

    /// The answer, if it is there: the child that was started, `None` if its `started` said
    /// [`ignore`](crate::Turn::ignore) or nothing was to be started.
    ///
    /// # Errors
    ///
    /// The inner `Err` says why the request was refused.
    #[must_use]
    pub fn get(&self) -> Option<&Result<Option<ActorId>, ChildError>> {
        self.0.get()
    }
}

impl fmt::Debug for ChildReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChildReply").field(&self.get()).finish()
    }
}

/// A step in the life of an actor; see [`Throng::life_events`](crate::Throng::life_events).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LifeEvent {
    /// The actor.
    pub actor: ActorId,
    /// Its name in its supervisor, or its own if it is a supervisor; `None` if it has none.
    pub name: Option<Arc<str>>,
    /// The tick.
    pub tick: u64,
    /// What happened.
    pub what: LifeStep,
}

/// What happened to an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LifeStep {
    /// An incarnation has started. A supervisor has begun to start its children.
    Started,
    /// Its start failed. A supervisor has stopped those of its children again that had started.
    StartFailed(ExitReason),
    /// Its start said `ignore`.
    StartIgnored,
    /// [`Actor::terminate`](crate::Actor::terminate) is about to run.
    Terminating(ExitReason),
    /// An incarnation has ended.
    Exited(ExitReason),
}

/// All about lives.
pub(crate) struct Lives {
    pub(crate) ties: Ties,
    /// Supervisors that live, by slot.
    pub(super) nodes: Vec<Option<Box<Node>>>,
    pub(super) supervisors: usize,
    pub(super) kind: Option<Kind>,
    /// The supervisor that went last, and its name: its end is told when it is gone.
    pub(super) last_gone: Option<(ActorId, Arc<str>)>,
    pub(super) incarnations: u32,
    pub(super) queue: VecDeque<Event>,
    pub(super) wheel: Wheel<Timer>,
    /// Retries for the next round.
    pub(super) turns: Vec<(ActorId, u32, Key)>,
    /// Actors with notices to be handed over in the next round, in order.
    pub(super) hearers: Vec<ActorId>,
    /// Actors without a supervisor that have ended, and are restarted or removed in a moment. Never iterated.
    pub(super) fallen: HashSet<ActorId, BuildHasherDefault<Digester>>,
    pub(super) replies: BTreeMap<Token, (ActorId, ChildReply)>,
    pub(super) next_token: Token,
    /// How starts of whole trees ended.
    pub(super) boots: BTreeMap<ActorId, Result<(), ExitReason>>,
    /// Steps to be told to subscribers; none if there are none.
    pub(crate) told: Option<Vec<LifeEvent>>,
}

impl Lives {
    pub(crate) fn new() -> Self {
        Self {
            ties: Ties::default(),
            nodes: Vec::new(),
            supervisors: 0,
            kind: None,
            last_gone: None,
            incarnations: 0,
            queue: VecDeque::new(),
            wheel: Wheel::new(0),
            turns: Vec::new(),
            hearers: Vec::new(),
            fallen: HashSet::default(),
            replies: BTreeMap::new(),
            next_token: 0,
            boots: BTreeMap::new(),
            told: None,
        }
    }

    /// Whether no actor has ties or a supervisor, and nobody listens.
    pub(super) fn is_plain(&self) -> bool {
        self.ties.is_empty() && self.supervisors == 0 && self.told.is_none()
    }

    /// The next tick at which something is due.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.wheel.next_due()
    }

    /// Feeds supervisors, ties and what is put off.
    pub(super) fn digest(&self, digester: &mut Digester) {
        self.ties.digest(digester);
        self.nodes.iter().flatten().for_each(|node| node.digest(digester));
        (self.wheel.next_due(), self.wheel.len(), &self.turns, &self.hearers).hash(digester);
    }

    /// Whether the next round has something to do here.
    pub(super) fn has_deeds(&self) -> bool {
        !self.turns.is_empty() || !self.hearers.is_empty()
    }

    pub(super) fn node(&self, supervisor: ActorId) -> Option<&Node> {
        if self.kind != Some(supervisor.kind()) {
            return None;
        }
        self.nodes.get(supervisor.slot() as usize)?.as_deref().filter(|node| node.id == supervisor)
    }

    pub(super) fn node_mut(&mut self, supervisor: ActorId) -> Option<&mut Node> {
        if self.kind != Some(supervisor.kind()) {
            return None;
        }
        self.nodes.get_mut(supervisor.slot() as usize)?.as_deref_mut().filter(|node| node.id == supervisor)
    }

    pub(super) fn is_supervisor(&self, id: ActorId) -> bool {
        self.kind == Some(id.kind())
    }

    pub(super) fn put_node(&mut self, node: Node) {
        let slot = node.id.slot() as usize;
        if slot >= self.nodes.len() {
            self.nodes.resize_with(slot + 1, || None);
        }
        self.supervisors += usize::from(self.nodes[slot].is_none());
        self.nodes[slot] = Some(Box::new(node));
    }

    pub(super) fn take_node(&mut self, supervisor: ActorId) -> Option<Box<Node>> {
        self.node(supervisor)?;
        self.supervisors -= 1;
        let node = self.nodes[supervisor.slot() as usize].take();
        self.last_gone = node.as_ref().map(|node| (supervisor, node.spec.name.clone()));
        node
    }

    /// Starts a supervisor's plan.
    pub(super) fn boot(&mut self, now: u64, supervisor: ActorId) {
        let Some(node) = self.nodes.get_mut(supervisor.slot() as usize).and_then(Option::as_deref_mut) else { return };
        let (queue, incarnation) = (&mut self.queue, node.incarnation);
        node.boot(now, &mut |output| queue.push_back(Event::Do { supervisor, incarnation, output, because: None }));
    }

    /// Feeds a supervisor's plan; what it says is put on the queue.
    pub(super) fn feed(&mut self, now: u64, supervisor: ActorId, input: Input<Kid>) {
        if self.kind != Some(supervisor.kind()) {
            return;
        }
        let node = self.nodes.get_mut(supervisor.slot() as usize).and_then(Option::as_deref_mut);
        let Some(node) = node.filter(|node| node.id == supervisor) else { return };
        let exit = if let Input::Exited(key, reason) = &input { Some((*key, reason.clone())) } else { None };
        let (queue, incarnation) = (&mut self.queue, node.incarnation);
        node.feed(now, input, &mut |output| {
            let because = match (&output, &exit) {
                (Output::Start(key), Some((exited, reason))) if key == exited => Some(reason.clone()),
                _ => None,
            };
            queue.push_back(Event::Do { supervisor, incarnation, output, because });
        });
    }

    /// The next incarnation's number.
    pub(super) fn next_incarnation(&mut self) -> u32 {
        self.incarnations = self.incarnations.wrapping_add(1);
        self.incarnations
    }

    /// A request's number; its answer goes into `reply`.
    pub(super) fn expect_reply(&mut self, supervisor: ActorId, reply: ChildReply) -> Token {
        let token = self.next_token;
        self.next_token += 1;
        self.replies.insert(token, (supervisor, reply));
        token
    }

    /// A supervisor is gone: nobody answers what it was asked.
    pub(super) fn refuse_all(&mut self, supervisor: ActorId) {
        self.replies.retain(|_, (asked, reply)| {
            if *asked == supervisor {
                reply.give(Err(ChildError::NoProc));
            }
            *asked != supervisor
        });
    }
}
