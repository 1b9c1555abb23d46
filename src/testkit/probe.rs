//! An actor that a test listens with.

use std::fmt::{self, Debug, Write};
use std::sync::Mutex;

use bevy_ecs::component::Component;

use crate::actor::{Actor, ActorRef, Context, Handled};
use crate::id::ActorId;
use crate::throng::Throng;

/// A message that a probe got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard<M> {
    /// The message.
    pub msg: M,
    /// Who sent it; `None` if it came from outside.
    pub from: Option<ActorId>,
    /// The tick in which it was handled.
    pub tick: u64,
}

/// The actor behind a [`Probe`]: it keeps what it is told.
#[derive(Component)]
pub struct Listener<M: Send + 'static> {
    heard: Mutex<Vec<Heard<M>>>,
}

impl<M: Send + 'static> Actor for Listener<M> {
    type Msg = M;
    type Params = ();

    fn handle(&mut self, msg: M, cx: &Context<'_, Self>) -> Handled {
        let heard = Heard { msg, from: cx.sender(), tick: cx.tick() };
        self.heard.get_mut().map_err(|_| crate::actor::ActorFailure::msg("a probe's list is poisoned"))?.push(heard);
        Ok(())
    }
}

impl<M: Send + 'static> Debug for Listener<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener(..)")
    }
}

type Rule<M> = Box<dyn Fn(&M) -> bool>;

/// A test's ear among the actors: it is told messages like any actor, and says what it expects.
///
/// What is neither expected, nor [allowed](Probe::allow), nor [disallowed](Probe::disallow) waits until it is
/// expected. There is an example in the guide.
pub struct Probe<M: Send + Debug + 'static> {
    actor: ActorRef<Listener<M>>,
    allowed: Vec<Rule<M>>,
    disallowed: Vec<(String, Rule<M>)>,
    /// Heard and not yet expected.
    waiting: Vec<Heard<M>>,
}

impl<M: Send + Debug + 'static> Probe<M> {
    /// Spawns a probe.
    pub fn spawn(throng: &mut Throng) -> Self {
        let actor = throng.spawn(Listener { heard: Mutex::default() });
        Self { actor, allowed: Vec::new(), disallowed: Vec::new(), waiting: Vec::new() }
    }

    /// Its reference, to be told messages.
    #[must_use]
    pub fn actor(&self) -> ActorRef<Listener<M>> {
        self.actor
    }

    /// Messages that may come any time, and are passed over.
    pub fn allow(&mut self, rule: impl Fn(&M) -> bool + 'static) -> &mut Self {
        self.allowed.push(Box::new(rule));
        self
    }

    /// Messages that must never come; `what` says which, for the failure's text.
    pub fn disallow(&mut self, what: impl Into<String>, rule: impl Fn(&M) -> bool + 'static) -> &mut Self {
        self.disallowed.push((what.into(), Box::new(rule)));
        self
    }

    /// Runs up to `ticks` ticks until a message comes for which `rule` holds, and takes it.
    ///
    /// # Panics
    ///
    /// Panics if it does not come, or a disallowed one does; with `what`, and all that came instead.
    #[track_caller]
    pub fn expect(&mut self, throng: &mut Throng, ticks: u64, what: &str, rule: impl Fn(&M) -> bool) -> M {
        for tick in 0..=ticks {
            self.listen(throng);
            if let Some(at) = self.waiting.iter().position(|heard| rule(&heard.msg)) {
                return self.waiting.remove(at).msg;
            }
            if tick < ticks {
                throng.tick();
            }
        }
        panic!("expected {what} within {ticks} ticks{}", self.came_instead());
    }

    /// Runs `ticks` ticks, in which nothing may come that is not allowed.
    ///
    /// # Panics
    ///
    /// Panics with what came.
    #[track_caller]
    pub fn expect_nothing(&mut self, throng: &mut Throng, ticks: u64) {
        for _ in 0..ticks {
            throng.tick();
        }
        self.listen(throng);
        assert!(self.waiting.is_empty(), "expected nothing for {ticks} ticks{}", self.came_instead());
    }

    /// What came and was not expected yet, in order.
    pub fn waiting(&mut self, throng: &mut Throng) -> &[Heard<M>] {
        self.listen(throng);
        &self.waiting
    }

    #[track_caller]
    fn listen(&mut self, throng: &mut Throng) {
        let heard = match throng.state(self.actor) {
            Some(listener) => listener.heard.lock().map(|mut heard| std::mem::take(&mut *heard)).unwrap_or_default(),
            None => panic!("the probe {} was stopped", self.actor.id()),
        };
        for heard in heard {
            if let Some((what, _)) = self.disallowed.iter().find(|(_, rule)| rule(&heard.msg)) {
                panic!("{what} is disallowed, but came{}", line(&heard));
            }
            if !self.allowed.iter().any(|rule| rule(&heard.msg)) {
                self.waiting.push(heard);
            }
        }
    }

    fn came_instead(&self) -> String {
        let mut text = if self.waiting.is_empty() { "; nothing came".to_owned() } else { "; there came".to_owned() };
        self.waiting.iter().for_each(|heard| text.push_str(&line(heard)));
        text
    }
}

fn line<M: Debug>(heard: &Heard<M>) -> String {
    let mut text = format!("\n  in tick {}: {:?}", heard.tick, heard.msg);
    match heard.from {
        // Writing to a string does not fail.
        Some(from) => drop(write!(text, " from {from}")),
        None => text.push_str(" from outside"),
    }
    text
}

impl<M: Send + Debug + 'static> Debug for Probe<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("actor", &self.actor).field("waiting", &self.waiting).finish_non_exhaustive()
    }
}
