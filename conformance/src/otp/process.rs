//! A process of a case: a worker under a supervisor, or a plain one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{ActorFailure, ExitReason, MonitorRef, Notice};

/// What all processes of a case write to.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Start attempts, by name.
    pub(super) attempts: HashMap<String, u64>,
    /// Names of processes, and whether they are workers.
    pub(super) names: HashMap<ActorId, (String, bool)>,
    /// Receivers and what they got.
    pub(super) mail: Vec<(String, String)>,
    /// The result of the running step, if it is not `ok`.
    pub(super) result: Option<String>,
}

/// The notes, shared.
pub(super) type Shared = Arc<Mutex<Notes>>;

pub(super) fn notes(shared: &Shared) -> MutexGuard<'_, Notes> {
    shared.lock().expect("no process panics while it writes")
}

/// How a start attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Init {
    Ok,
    Fail,
    Crash,
    Ignore,
}

/// How a worker behaves.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    pub(super) traps: bool,
    /// By start attempt.
    pub(super) init: HashMap<u64, Init>,
    /// Ticks that it takes to stop when it is told to.
    pub(super) delay: u64,
    /// The reason with which it stops then, if not the one it is told.
    pub(super) exit: Option<ExitReason>,
}

/// What a process is told.
pub(super) enum Op {
    Plain(String),
    Exit(ExitReason),
    Fail(String),
    Link(ActorId),
    Unlink(ActorId),
    Monitor(ActorId, String),
    Demonitor(String, bool),
    TrapExit(bool),
    Signal(ActorId, ExitReason),
    Send(ActorRef<Process>, String),
    Spawn { name: String, link: bool, monitor: Option<String> },
    Hold(bool),
}

/// A process.
#[derive(Component)]
pub(super) struct Process {
    name: String,
    shared: Shared,
    manner: Manner,
    init: Init,
    /// It ends by itself.
    own_end: bool,
    holds: bool,
    labels: HashMap<String, MonitorRef>,
}

impl Process {
    fn new(name: &str, shared: &Shared, manner: Manner, init: Init) -> Self {
        Self { name: name.to_owned(), shared: shared.clone(), manner, init, own_end: false, holds: false, labels: HashMap::new() }
    }

    /// A plain process.
    pub(super) fn plain(name: &str, shared: &Shared, traps: bool) -> Self {
        let manner = Manner { traps, init: HashMap::new(), delay: 0, exit: None };
        Self::new(name, shared, manner, Init::Ok)
    }

    /// The next start attempt of a worker.
    pub(super) fn worker(id: ActorId, name: &str, shared: &Shared, manner: &Manner) -> Self {
        let mut notes = notes(shared);
        notes.names.insert(id, (name.to_owned(), true));
        let attempt = notes.attempts.entry(name.to_owned()).or_default();
        *attempt += 1;
        let init = manner.init.get(attempt).copied().unwrap_or(Init::Ok);
        drop(notes);
        Self::new(name, shared, manner.clone(), init)
    }

    fn got(&self, what: String) {
        notes(&self.shared).mail.push((self.name.clone(), what));
    }

    fn name_of(&self, id: ActorId) -> String {
        notes(&self.shared).names.get(&id).map_or_else(|| id.to_string(), |(name, _)| name.clone())
    }

    fn spawn(&mut self, name: String, link: bool, monitor: Option<String>, cx: &Context<'_, Self>) -> Handled {
        let child = cx.try_spawn_detached(Self::plain(&name, &self.shared, false))?;
        notes(&self.shared).names.insert(child.id(), (name, false));
        if link {
            cx.link(child);
        }
        if let Some(label) = monitor {
            self.labels.insert(label, cx.monitor(child));
        }
        Ok(())
    }
}

impl Actor for Process {
    type Msg = Op;
    type Params = ();

    fn started(&mut self, cx: &Context<'_, Self>) -> Handled {
        cx.trap_exit(self.manner.traps);
        match self.init {
            Init::Ok => {}
            Init::Fail => cx.exit(ExitReason::custom("fail")),
            Init::Crash => cx.exit(ExitReason::custom("init_crash")),
            Init::Ignore => cx.ignore(),
        }
        Ok(())
    }

    fn handle(&mut self, op: Op, cx: &Context<'_, Self>) -> Handled {
        match op {
            Op::Plain(msg) if self.holds => cx.postpone(Op::Plain(msg)),
            Op::Plain(msg) => self.got(format!("msg {msg}")),
            Op::Exit(reason) => {
                self.own_end = true;
                cx.exit(reason);
            }
            Op::Fail(text) => {
                self.own_end = true;
                return Err(ActorFailure::msg(text));
            }
            Op::Link(other) => cx.link(other),
            Op::Unlink(other) => cx.unlink(other),
            Op::Monitor(actor, label) => {
                self.labels.insert(label, cx.monitor(actor));
            }
            Op::Demonitor(label, flush) => {
                if let Some(&monitor) = self.labels.get(&label) {
                    cx.demonitor(monitor, flush);
                }
            }
            Op::TrapExit(on) => cx.trap_exit(on),
            Op::Signal(to, reason) => cx.exit_signal(to, reason),
            Op::Send(to, msg) => cx.tell(to, Op::Plain(msg)),
            Op::Spawn { name, link, monitor } => return self.spawn(name, link, monitor, cx),
            Op::Hold(true) => {
                self.holds = true;
                cx.hold_notices();
            }
            Op::Hold(false) => {
                self.holds = false;
                cx.replay_postponed();
                cx.release_notices();
            }
        }
        Ok(())
    }

    fn terminate(&mut self, _: &ExitReason, cx: &Context<'_, Self>) {
        if self.own_end {
            return;
        }
        if let Some(reason) = &self.manner.exit {
            cx.exit(reason.clone());
        }
        if self.manner.delay > 0 {
            cx.linger(self.manner.delay);
        }
    }

    fn notified(&mut self, notice: Notice, _: &Context<'_, Self>) -> Handled {
        match notice {
            Notice::Exit { from, reason } => {
                let from = from.map_or_else(|| "env".to_owned(), |from| self.name_of(from));
                self.got(format!("exit {from} {reason}"));
            }
            Notice::Down { actor, reason, monitor } => {
                let label = self.labels.iter().find(|(_, known)| **known == monitor).map_or("?", |(label, _)| label);
                self.got(format!("down {} {reason} {label}", self.name_of(actor)));
            }
            Notice::LinkRefused { .. } => notes(&self.shared).result = Some("error:noproc".to_owned()),
            other => self.got(format!("unexpected {other:?}")),
        }
        Ok(())
    }
}
