//! The planner of simple_one_for_one: any number of children of one template.
//!
//! # Model
//!
//! Children have no order and no names; a key is all there is of one that runs, and a bit. So a child costs its
//! carrier's eight bytes and that bit, and every input is O(1).
//!
//! # Source
//!
//! Erlang/OTP, `supervisor`: section "Supervision Principles", simple_one_for_one.

use std::collections::BTreeMap;

use super::Verdict;
use super::plan::{Ask, Child, ChildError, Input, Key, Output, Outputs, Start, Token};
use super::rules::{AutoShutdown, ChildRules, RestartPolicy, SupervisorRules};
use crate::actor::ExitReason;
use crate::world::History;

/// What a child that is not just running is at.
#[derive(Debug)]
enum Doing {
    /// It is started for the first time.
    Starting(Token),
    /// It is restarted.
    Reviving,
    /// It waits for its turn, which is in the window already or is yet to be counted.
    Restarting { counted: bool },
    /// It was told to stop.
    Stopping(Token),
}

/// One supervisor's plan. `S` is what the carrier keeps for a child.
#[derive(Debug)]
pub(crate) struct Pool<S> {
    rules: SupervisorRules,
    template: ChildRules,
    history: History,
    children: Vec<Option<S>>,
    free: Vec<Key>,
    /// By key: whether the present incarnation lives.
    up: Vec<u64>,
    /// Children that live.
    live: usize,
    /// Looked up only, but for the end of all.
    doing: BTreeMap<Key, Doing>,
    leaving: Option<ExitReason>,
    has_left: bool,
}

impl<S> Pool<S> {
    pub(crate) fn new(rules: SupervisorRules, template: ChildRules) -> Self {
        Self {
            rules,
            template,
            history: History::default(),
            children: Vec::new(),
            free: Vec::new(),
            up: Vec::new(),
            live: 0,
            doing: BTreeMap::new(),
            leaving: None,
            has_left: false,
        }
    }

    /// It starts without children.
    pub(crate) fn boot(&mut self, out: &mut Outputs<S>) {
        out.push(Output::Booted);
    }

    /// Takes one input.
    pub(crate) fn feed(&mut self, now: u64, input: Input<S>, out: &mut Outputs<S>) {
        if self.has_left {
            return;
        }
        match input {
            Input::Exited(key, reason) => self.exited(key, &reason, now, out),
            Input::Started(key, start) => self.started(key, start, out),
            Input::Turn(key) => {
                if let Some(Doing::Restarting { counted }) = self.doing.get(&key) {
                    let counted = *counted;
                    self.doing.remove(&key);
                    self.restart(key, counted, now, out);
                }
            }
            Input::Deadline(key) => {
                if self.leaving.is_some() {
                    out.push(Output::KillAll);
                } else if matches!(self.doing.get(&key), Some(Doing::Stopping(_))) {
                    out.push(Output::Kill(key));
                }
            }
            Input::Leave(reason) => self.leave(reason, out),
            Input::Ask(token, ask) => self.ask(token, ask, out),
        }
    }

    pub(crate) fn data(&self, key: Key) -> Option<&S> {
        self.children.get(key as usize)?.as_ref()
    }

    pub(crate) fn data_mut(&mut self, key: Key) -> Option<&mut S> {
        self.children.get_mut(key as usize)?.as_mut()
    }

    /// Whether a child's present incarnation lives.
    pub(crate) fn is_up(&self, key: Key) -> bool {
        self.up.get(key as usize / 64).is_some_and(|word| word >> (key % 64) & 1 == 1)
    }

    pub(crate) fn template(&self) -> &ChildRules {
        &self.template
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// All children, by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &S)> {
        self.children.iter().zip(0..).filter_map(|(child, key)| Some((key, child.as_ref()?)))
    }

    pub(crate) fn len(&self) -> usize {
        self.children.len() - self.free.len()
    }

    fn set_up(&mut self, key: Key, up: bool) {
        let (word, bit) = (key as usize / 64, 1_u64 << (key % 64));
        if word >= self.up.len() {
            self.up.resize(word + 1, 0);
        }
        let was = self.up[word] & bit != 0;
        if up {
            self.up[word] |= bit;
        } else {
            self.up[word] &= !bit;
        }
        self.live = self.live + usize::from(up) - usize::from(was);
    }

    fn remove(&mut self, key: Key, out: &mut Outputs<S>) {
        if let Some(data) = self.children.get_mut(key as usize).and_then(Option::take) {
            self.doing.remove(&key);
            self.free.push(key);
            out.push(Output::Removed(key, data));
        }
    }

    fn started(&mut self, key: Key, start: Start, out: &mut Outputs<S>) {
        let doing = if self.doing.is_empty() { None } else { self.doing.remove(&key) };
        let token = match doing {
            Some(Doing::Starting(token)) => Some(token),
            _ => None,
        };
        match start {
            Start::Running => {
                self.set_up(key, true);
                out.extend(token.map(|token| Output::Reply(token, Ok(Some(key)))));
                if self.leaving.is_some() {
                    out.push(Output::Stop(key, self.template.shutdown));
                }
            }
            Start::Ignored => {
                self.remove(key, out);
                out.extend(token.map(|token| Output::Reply(token, Ok(None))));
                self.check_left(out);
            }
            Start::Failed(reason) => match token {
                Some(token) => {
                    self.remove(key, out);
                    out.push(Output::Reply(token, Err(ChildError::Start(reason))));
                    self.check_left(out);
                }
                None if self.leaving.is_some() => {
                    self.remove(key, out);
                    self.check_left(out);
                }
                None => self.wait(key, false, 0, out),
            },
        }
    }

    fn wait(&mut self, key: Key, counted: bool, ticks: u64, out: &mut Outputs<S>) {
        self.doing.insert(key, Doing::Restarting { counted });
        out.push(Output::Later { key, ticks });
    }

    fn exited(&mut self, key: Key, reason: &ExitReason, now: u64, out: &mut Outputs<S>) {
        if !self.is_up(key) {
            return;
        }
        self.set_up(key, false);
        let ordered = if self.doing.is_empty() { None } else { self.doing.remove(&key) };
        if let Some(Doing::Stopping(token)) = ordered {
            self.remove(key, out);
            out.push(Output::Reply(token, Ok(None)));
            return self.check_left(out);
        }
        if self.leaving.is_some() {
            self.remove(key, out);
            return self.check_left(out);
        }
        if self.restarts(reason) {
            return self.restart(key, false, now, out);
        }
        self.remove(key, out);
        let leaves = self.template.significant
            && match self.rules.auto_shutdown {
                AutoShutdown::Never => false,
                AutoShutdown::AnySignificant => true,
                AutoShutdown::AllSignificant => self.len() == 0,
            };
        if leaves {
            self.leave(ExitReason::Shutdown, out);
        }
    }

    fn restart(&mut self, key: Key, counted: bool, now: u64, out: &mut Outputs<S>) {
        if !counted {
            if self.rules.intensity.decide(&mut self.history, now) == Verdict::GiveUp {
                out.push(Output::GaveUp);
                self.remove(key, out);
                return self.leave(ExitReason::Shutdown, out);
            }
            let ticks = self.rules.delay(self.history.len(), now);
            if ticks > 0 {
                return self.wait(key, true, ticks, out);
            }
        }
        // Workers start at once: only a supervisor is worth a note.
        out.push(Output::Start(key));
    }

    /// The usual end of a child: it is to be restarted at once, and nothing else is to be done. Then that is noted, and
    /// [`Pool::runs_again`] is to follow; else nothing has happened yet.
    pub(crate) fn restarts_at_once(&mut self, key: Key, reason: &ExitReason, now: u64) -> bool {
        let usual = self.is_at_rest() && self.rules.backoff.is_none() && self.is_up(key);
        if !usual || !self.restarts(reason) || !self.rules.intensity.has_room(&mut self.history, now) {
            return false;
        }
        self.rules.intensity.decide(&mut self.history, now);
        self.set_up(key, false);
        true
    }

    /// Whether all its children just run, as far as they are not being restarted at once.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.doing.is_empty() && self.leaving.is_none()
    }

    /// A child that was restarted at once runs.
    pub(crate) fn runs_again(&mut self, key: Key) {
        self.set_up(key, true);
    }

    fn restarts(&self, reason: &ExitReason) -> bool {
        match self.template.restart {
            RestartPolicy::Permanent => true,
            RestartPolicy::Transient => !reason.is_normal(),
            RestartPolicy::Temporary => false,
        }
    }

    /// A restart takes its time: its end will be told with [`Input::Started`].
    pub(crate) fn note_reviving(&mut self, key: Key) {
        self.doing.entry(key).or_insert(Doing::Reviving);
    }

    fn leave(&mut self, reason: ExitReason, out: &mut Outputs<S>) {
        if self.leaving.is_some() {
            return;
        }
        self.leaving = Some(reason);
        let waiting: Vec<Key> =
            self.doing.iter().filter(|(_, doing)| matches!(doing, Doing::Restarting { .. })).map(|(&key, _)| key).collect();
        waiting.into_iter().for_each(|key| self.remove(key, out));
        if self.live > 0 {
            out.push(Output::StopAll(self.template.shutdown));
        }
        self.check_left(out);
    }

    fn check_left(&mut self, out: &mut Outputs<S>) {
        if self.live == 0
            && !self.doing.values().any(|doing| matches!(doing, Doing::Starting(_) | Doing::Reviving))
            && let Some(reason) = self.leaving.clone()
        {
            self.has_left = true;
            out.push(Output::Exit(reason));
        }
    }

    fn ask(&mut self, token: Token, ask: Ask<S>, out: &mut Outputs<S>) {
        if self.leaving.is_some() {
            return out.push(Output::Reply(token, Err(ChildError::NoProc)));
        }
        match ask {
            Ask::Start(_, data) => {
                let key = self.free.pop().unwrap_or_else(|| {
                    self.children.push(None);
                    (self.children.len() - 1) as Key
                });
                self.children[key as usize] = Some(data);
                self.doing.insert(key, Doing::Starting(token));
                out.push(Output::Start(key));
            }
            Ask::Terminate(Child::Key(key)) => self.terminate(token, key, out),
            Ask::Terminate(Child::Gone) => out.push(Output::Reply(token, Ok(None))),
            Ask::Terminate(Child::Stranger) => out.push(Output::Reply(token, Err(ChildError::NotFound))),
            Ask::Terminate(Child::Name(_)) | Ask::Restart(_) | Ask::Delete(_) => {
                out.push(Output::Reply(token, Err(ChildError::SimpleOneForOne)));
            }
        }
    }

    fn terminate(&mut self, token: Token, key: Key, out: &mut Outputs<S>) {
        if self.is_up(key) && !self.doing.contains_key(&key) {
            self.doing.insert(key, Doing::Stopping(token));
            return out.push(Output::Stop(key, self.template.shutdown));
        }
        if let Some(Doing::Restarting { .. }) = self.doing.get(&key) {
            self.remove(key, out);
        }
        out.push(Output::Reply(token, Ok(None)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::supervision::{RestartIntensity, RestartStrategy, Shutdown};

    fn pool(restart: RestartPolicy, intensity: u32, auto_shutdown: AutoShutdown) -> Pool<()> {
        let rules = SupervisorRules {
            strategy: RestartStrategy::SimpleOneForOne,
            intensity: RestartIntensity { intensity, period_ticks: 5 },
            auto_shutdown,
            backoff: None,
            seed: 0,
        };
        let significant = auto_shutdown != AutoShutdown::Never;
        Pool::new(rules, ChildRules { name: "".into(), restart, shutdown: Shutdown::Infinity, significant })
    }

    /// Carries a plan out; starts succeed unless told otherwise, stops are done at once.
    struct Carrier {
        pool: Pool<()>,
        /// Whether usual restarts take the short way.
        short: bool,
        now: u64,
        up: Vec<Key>,
        turns: Vec<Key>,
        fails: bool,
        answers: usize,
        exit: Option<ExitReason>,
    }

    impl Carrier {
        fn feed(&mut self, input: Input<()>) {
            if let Input::Exited(key, reason) = &input {
                self.up.retain(|up| up != key);
                if self.short && !self.fails && self.pool.restarts_at_once(*key, reason, self.now) {
                    self.pool.runs_again(*key);
                    return self.up.push(*key);
                }
            }
            let mut out = Outputs::new();
            self.pool.feed(self.now, input, &mut out);
            for output in out {
                assert!(self.exit.is_none(), "nothing follows an exit");
                match output {
                    Output::Start(key) if std::mem::take(&mut self.fails) => {
                        self.feed(Input::Started(key, Start::Failed(ExitReason::NoProc)));
                    }
                    Output::Start(key) => {
                        self.up.push(key);
                        self.feed(Input::Started(key, Start::Running));
                    }
                    Output::Stop(key, _) => self.feed(Input::Exited(key, ExitReason::Shutdown)),
                    Output::StopAll(_) => {
                        for key in self.up.clone() {
                            self.feed(Input::Exited(key, ExitReason::Shutdown));
                        }
                    }
                    Output::Later { key, .. } => self.turns.push(key),
                    Output::Reply(..) => self.answers += 1,
                    Output::Exit(reason) => {
                        assert!(self.up.is_empty(), "all children go first");
                        self.exit = Some(reason);
                    }
                    _ => {}
                }
            }
        }

        fn rest(&mut self) {
            for _ in 0..1_000 {
                if self.turns.is_empty() {
                    return;
                }
                std::mem::take(&mut self.turns).into_iter().for_each(|key| self.feed(Input::Turn(key)));
            }
            panic!("never comes to rest");
        }
    }

    fn play(short: bool, mut carrier: Carrier, steps: &[(u8, prop::sample::Index)]) -> (Vec<Key>, usize, Option<ExitReason>, usize) {
        carrier.short = short;
        let mut asked = 0;
        for (step, at) in steps {
            let key = (!carrier.up.is_empty()).then(|| carrier.up[at.index(carrier.up.len())]);
            match (step, key) {
                _ if carrier.exit.is_some() => break,
                (0..=2, _) => {
                    asked += 1;
                    let rules = carrier.pool.template().clone();
                    carrier.feed(Input::Ask(0, Ask::Start(rules, ())));
                }
                (3..=6, Some(key)) => carrier.feed(Input::Exited(key, ExitReason::Killed)),
                (7, Some(key)) => carrier.feed(Input::Exited(key, ExitReason::Normal)),
                (8, Some(key)) => {
                    asked += 1;
                    carrier.feed(Input::Ask(0, Ask::Terminate(Child::Key(key))));
                }
                (9, _) => carrier.fails = true,
                (10, _) => carrier.now += 2,
                _ => carrier.rest(),
            }
        }
        carrier.fails = false;
        carrier.rest();
        assert_eq!(carrier.answers, asked);
        carrier.up.sort_unstable();
        assert!(carrier.up.iter().all(|&key| carrier.pool.is_up(key)));
        assert_eq!(carrier.pool.live, carrier.up.len());
        let (up, len, exit) = (carrier.up.clone(), carrier.pool.history().len(), carrier.exit.clone());
        carrier.feed(Input::Leave(ExitReason::Shutdown));
        assert!(carrier.exit.is_some());
        (up, len, exit, asked)
    }

    proptest! {
        /// A pool comes to rest with what it believes to run running, and the short way of usual restarts ends as the long.
        #[test]
        fn any_sequence_comes_to_rest(
            restart in prop_oneof![Just(RestartPolicy::Permanent), Just(RestartPolicy::Transient), Just(RestartPolicy::Temporary)],
            intensity in 0u32..5,
            steps in prop::collection::vec((0u8..12, any::<prop::sample::Index>()), 0..60),
        ) {
            let carrier = || Carrier {
                pool: pool(restart, intensity, AutoShutdown::Never),
                short: false, now: 0, up: Vec::new(), turns: Vec::new(), fails: false, answers: 0, exit: None,
            };
            prop_assert_eq!(play(false, carrier(), &steps), play(true, carrier(), &steps));
        }
    }

    #[test]
    fn all_significant_leaves_when_nobody_is_left() {
        let mut carrier = Carrier {
            pool: pool(RestartPolicy::Temporary, 1, AutoShutdown::AllSignificant),
            short: false,
            now: 0,
            up: Vec::new(),
            turns: Vec::new(),
            fails: false,
            answers: 0,
            exit: None,
        };
        for _ in 0..2 {
            let rules = carrier.pool.template().clone();
            carrier.feed(Input::Ask(0, Ask::Start(rules, ())));
        }
        carrier.feed(Input::Exited(0, ExitReason::Normal));
        assert_eq!(carrier.exit, None);
        carrier.feed(Input::Exited(1, ExitReason::Killed));
        assert_eq!(carrier.exit, Some(ExitReason::Shutdown));
    }
}
