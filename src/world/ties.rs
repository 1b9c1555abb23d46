//! Who is linked with, monitors or watches whom; and what waits in the control lane.
//!
//! # Model
//!
//! Only actors that have ties have an entry. An entry belongs to an address; most of it to the present
//! incarnation, and [`Ties::cut`] takes that out when the incarnation ends.
//!
//! # Invariants
//!
//! 1. Every relation is noted at both ends: links, monitors with the monitored, watchers with the watched.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hash};

use crate::actor::{ExitReason, MonitorRef, Notice};
use crate::digest::Digester;
use crate::id::ActorId;
use crate::wheel::TimerKey;

/// An actor that takes its time to end.
#[derive(Debug, Hash)]
pub(crate) struct Leaving {
    pub(crate) reason: ExitReason,
    /// When its time is over; none if only a kill ends it.
    pub(crate) timer: Option<TimerKey>,
}

/// The ties of one address.
#[derive(Debug, Default, Hash)]
pub(crate) struct Tie {
    pub(crate) traps: bool,
    pub(crate) holds: bool,
    pub(crate) links: BTreeSet<ActorId>,
    /// Whom this actor monitors, by reference.
    pub(crate) monitors: BTreeMap<MonitorRef, ActorId>,
    pub(crate) monitored_by: BTreeSet<(ActorId, MonitorRef)>,
    pub(crate) watches: BTreeSet<ActorId>,
    pub(crate) watched_by: BTreeSet<ActorId>,
    /// Notices that wait to be taken.
    pub(crate) notices: VecDeque<Notice>,
    pub(crate) leaving: Option<Leaving>,
    /// Why the last incarnation ended, if somebody watches.
    pub(crate) last: Option<ExitReason>,
}

impl Tie {
    fn is_empty(&self) -> bool {
        !self.traps
            && !self.holds
            && self.links.is_empty()
            && self.monitors.is_empty()
            && self.monitored_by.is_empty()
            && self.watches.is_empty()
            && self.watched_by.is_empty()
            && self.notices.is_empty()
            && self.leaving.is_none()
    }
}

/// What the end of an incarnation sets off.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    pub(crate) links: BTreeSet<ActorId>,
    pub(crate) monitored_by: BTreeSet<(ActorId, MonitorRef)>,
    pub(crate) timer: Option<TimerKey>,
}

/// All ties. Looked up by id; the order of the map is not part of any result.
#[derive(Debug, Default)]
pub(crate) struct Ties {
    ties: HashMap<ActorId, Box<Tie>, BuildHasherDefault<Digester>>,
}

impl Ties {
    pub(crate) fn is_empty(&self) -> bool {
        self.ties.is_empty()
    }

    pub(crate) fn get(&self, id: ActorId) -> Option<&Tie> {
        if self.ties.is_empty() {
            return None;
        }
        self.ties.get(&id).map(|tie| &**tie)
    }

    pub(crate) fn get_mut(&mut self, id: ActorId) -> Option<&mut Tie> {
        if self.ties.is_empty() {
            return None;
        }
        self.ties.get_mut(&id).map(|tie| &mut **tie)
    }

    pub(crate) fn entry(&mut self, id: ActorId) -> &mut Tie {
        self.ties.entry(id).or_default()
    }

    /// Feeds all ties, in the order of ids.
    pub(crate) fn digest(&self, digester: &mut Digester) {
        let mut ties: Vec<_> = self.ties.iter().collect();
        ties.sort_unstable_by_key(|&(id, _)| *id);
        ties.hash(digester);
    }

    /// Drops an entry that holds nothing.
    pub(crate) fn tidy(&mut self, id: ActorId) {
        if self.get(id).is_some_and(Tie::is_empty) {
            self.ties.remove(&id);
        }
    }

    pub(crate) fn link(&mut self, a: ActorId, b: ActorId) {
        self.entry(a).links.insert(b);
        self.entry(b).links.insert(a);
    }

    pub(crate) fn unlink(&mut self, a: ActorId, b: ActorId) {
        for (one, other) in [(a, b), (b, a)] {
            if let Some(tie) = self.get_mut(one) {
                tie.links.remove(&other);
                self.tidy(one);
            }
        }
    }

    pub(crate) fn monitor(&mut self, observer: ActorId, actor: ActorId, monitor: MonitorRef) {
        self.entry(observer).monitors.insert(monitor, actor);
        self.entry(actor).monitored_by.insert((observer, monitor));
    }

    pub(crate) fn demonitor(&mut self, observer: ActorId, monitor: MonitorRef) {
        let Some(actor) = self.get_mut(observer).and_then(|tie| tie.monitors.remove(&monitor)) else { return };
        if let Some(tie) = self.get_mut(actor) {
            tie.monitored_by.remove(&(observer, monitor));
            self.tidy(actor);
        }
        self.tidy(observer);
    }

    pub(crate) fn watch(&mut self, watcher: ActorId, actor: ActorId) {
        self.entry(watcher).watches.insert(actor);
        self.entry(actor).watched_by.insert(watcher);
    }

    pub(crate) fn unwatch(&mut self, watcher: ActorId, actor: ActorId) {
        if let Some(tie) = self.get_mut(watcher) {
            tie.watches.remove(&actor);
            self.tidy(watcher);
        }
        if let Some(tie) = self.get_mut(actor) {
            tie.watched_by.remove(&watcher);
            self.tidy(actor);
        }
    }

    /// Ends an incarnation: takes its ties out at both ends.
    pub(crate) fn cut(&mut self, id: ActorId, reason: &ExitReason) -> Cut {
        let Some(tie) = self.get_mut(id) else { return Cut::default() };
        let links = std::mem::take(&mut tie.links);
        let monitors = std::mem::take(&mut tie.monitors);
        let monitored_by = std::mem::take(&mut tie.monitored_by);
        tie.notices.clear();
        (tie.traps, tie.holds) = (false, false);
        let timer = tie.leaving.take().and_then(|leaving| leaving.timer);
        tie.last = (!tie.watched_by.is_empty()).then(|| reason.clone());
        for &other in &links {
            if let Some(tie) = self.get_mut(other) {
                tie.links.remove(&id);
                self.tidy(other);
            }
        }
        for (monitor, actor) in monitors {
            if let Some(tie) = self.get_mut(actor) {
                tie.monitored_by.remove(&(id, monitor));
                self.tidy(actor);
            }
        }
        for &(observer, monitor) in &monitored_by {
            if let Some(tie) = self.get_mut(observer) {
                tie.monitors.remove(&monitor);
                self.tidy(observer);
            }
        }
        self.tidy(id);
        Cut { links, monitored_by, timer }
    }

    /// Forgets an address; returns its watchers.
    pub(crate) fn forget(&mut self, id: ActorId) -> BTreeSet<ActorId> {
        if self.ties.is_empty() {
            return BTreeSet::new();
        }
        let Some(tie) = self.ties.remove(&id) else { return BTreeSet::new() };
        for &actor in &tie.watches {
            if let Some(other) = self.get_mut(actor) {
                other.watched_by.remove(&id);
                self.tidy(actor);
            }
        }
        for &watcher in &tie.watched_by {
            if let Some(other) = self.get_mut(watcher) {
                other.watches.remove(&id);
                self.tidy(watcher);
            }
        }
        tie.watched_by
    }
}
