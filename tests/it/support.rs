//! Actors whose behaviour comes with their mail, and the settings that every body runs under.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{ActorFailure, Failure, Undelivered};

/// How long a body may take under one setting before it counts as hanging.
const HANGS: Duration = Duration::from_secs(300);

/// Slots in a block of actors: more actors than this are worked in several blocks.
pub(crate) const BLOCK: usize = 1 << 14;

/// Runs a body at 1, 2 and 8 threads, with passes cut by size, always and never.
pub(crate) fn everywhere(body: impl Fn(ThrongOptions) + Send + Sync + 'static) {
    let body = Arc::new(body);
    let settings = [
        ThrongOptions::new().threads(1),
        ThrongOptions::new().threads(2).share_always(true),
        ThrongOptions::new().threads(2).share_always(false),
        ThrongOptions::new().threads(8).share_always(true),
    ];
    for options in settings {
        let body = body.clone();
        let shown = format!("{options:?}");
        within(HANGS, &shown, move || body(options));
    }
}

/// Runs a body on a thread of its own and fails if it hangs.
pub(crate) fn within(limit: Duration, what: &str, body: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let worker = std::thread::spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(body));
        let _ = done.send(());
        result
    });
    assert!(wait.recv_timeout(limit).is_ok(), "hangs with {what}");
    let result = worker.join().expect("the body's panic is caught");
    assert!(result.is_ok(), "failed with {what}");
}

/// What a [`Probe`] is told.
pub(crate) enum Say<const N: usize> {
    /// Note this number.
    Note(u32),
    /// Do this.
    Do(Job<N>),
}

type Job<const N: usize> = Arc<dyn Fn(&mut Probe<N>, &Context<'_, Probe<N>>) -> Handled + Send + Sync>;

impl<const N: usize> Clone for Say<N> {
    fn clone(&self) -> Self {
        match self {
            Self::Note(n) => Self::Note(*n),
            Self::Do(job) => Self::Do(job.clone()),
        }
    }
}

/// A message that makes its reader run a closure.
pub(crate) fn act<const N: usize>(job: impl Fn(&mut Probe<N>, &Context<'_, Probe<N>>) -> Handled + Send + Sync + 'static) -> Say<N> {
    Say::Do(Arc::new(job))
}

/// A message that makes its reader return an error.
pub(crate) fn fail<const N: usize>() -> Say<N> {
    act(|_, _| Err(ActorFailure::msg("as told")))
}

/// A message that makes its reader panic.
pub(crate) fn burst<const N: usize>() -> Say<N> {
    act(|_, _| panic!("as told"))
}

/// Which hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    Started,
    Stopping,
    Stopped,
    Restarting,
    Undelivered,
}

type HookJob<const N: usize> = Arc<dyn Fn(Hook, &mut Probe<N>, &Context<'_, Probe<N>>) -> Handled + Send + Sync>;

/// One note that was handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) n: u32,
    pub(crate) from: Option<ActorId>,
    pub(crate) tick: u64,
    pub(crate) round: u32,
}

/// An actor that does what it is told. `N` makes as many types of it as a test needs.
#[derive(Component, Default)]
pub(crate) struct Probe<const N: usize> {
    pub(crate) heard: Vec<Heard>,
    pub(crate) back: Vec<u32>,
    /// A mark for the test's own use.
    pub(crate) mark: u32,
    pub(crate) hook: Option<HookJob<N>>,
}

impl<const N: usize> Probe<N> {
    pub(crate) fn hooked(hook: impl Fn(Hook, &mut Self, &Context<'_, Self>) -> Handled + Send + Sync + 'static) -> Self {
        Self { hook: Some(Arc::new(hook)), ..Self::default() }
    }

    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.heard.iter().map(|heard| heard.n).collect()
    }

    fn run_hook(&mut self, hook: Hook, cx: &Context<'_, Self>) -> Handled {
        match self.hook.clone() {
            Some(job) => job(hook, self, cx),
            None => Ok(()),
        }
    }
}

impl<const N: usize> Actor for Probe<N> {
    type Msg = Say<N>;
    type Params = ();

    fn handle(&mut self, msg: Say<N>, cx: &Context<'_, Self>) -> Handled {
        match msg {
            Say::Note(n) => {
                let (from, tick, round) = (cx.sender(), cx.tick(), cx.round());
                self.heard.push(Heard { n, from, tick, round });
                Ok(())
            }
            Say::Do(job) => job(self, cx),
        }
    }

    fn started(&mut self, cx: &Context<'_, Self>) -> Handled {
        self.run_hook(Hook::Started, cx)
    }

    fn stopping(&mut self, cx: &Context<'_, Self>) {
        let _ = self.run_hook(Hook::Stopping, cx);
    }

    fn stopped(&mut self, cx: &Context<'_, Self>) {
        let _ = self.run_hook(Hook::Stopped, cx);
    }

    fn restarting(&mut self, _: &Failure, cx: &Context<'_, Self>) {
        let _ = self.run_hook(Hook::Restarting, cx);
    }

    fn undelivered(&mut self, notice: Undelivered, cx: &Context<'_, Self>) -> Result<(), Undelivered> {
        let _ = self.run_hook(Hook::Undelivered, cx);
        match notice.downcast::<Say<N>>()? {
            Say::Note(n) => self.back.push(n),
            Say::Do(_) => self.back.push(u32::MAX),
        }
        Ok(())
    }
}

/// All actors of a type, in the order of their ids.
pub(crate) fn all_of<A: Actor>(throng: &mut Throng) -> Vec<ActorRef<A>> {
    let world = throng.world_mut();
    let mut query = world.query::<&throng::Mailbox<A>>();
    let mut ids: Vec<ActorId> = query.iter(world).map(throng::Mailbox::actor_id).collect();
    ids.sort_unstable();
    ids.into_iter().filter_map(|id| throng.actor_ref(id)).collect()
}

/// The notes that an actor of a world has handled.
pub(crate) fn numbers<const N: usize>(throng: &mut Throng, actor: ActorRef<Probe<N>>) -> Vec<u32> {
    throng.state(actor).map(Probe::numbers).expect("the actor lives")
}

/// Runs until quiet, checking the accounting after each tick.
pub(crate) fn settle(throng: &mut Throng) {
    for _ in 0..10_000 {
        if throng.is_quiet() {
            return;
        }
        throng.tick();
        let mail = throng.stats().mail;
        assert!(mail.is_balanced(), "{mail:?}");
    }
    panic!("never quiet: {:?}", throng.stats());
}

/// Runs until quiet; all mail must be accounted for and none be left.
pub(crate) fn settle_all(throng: &mut Throng) {
    settle(throng);
    assert_eq!(throng.stats().mail.queued, 0, "mail is left: {:?}", throng.stats());
}

/// A list that closures in several actors write.
pub(crate) type Diary = Arc<Mutex<Vec<String>>>;

pub(crate) fn note(diary: &Diary, line: impl Into<String>) {
    diary.lock().expect("not poisoned").push(line.into());
}

pub(crate) fn lines(diary: &Diary) -> Vec<String> {
    diary.lock().expect("not poisoned").clone()
}
