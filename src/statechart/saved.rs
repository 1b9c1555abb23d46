//! Configurations as they are kept in snapshots (feature `serde`).
//!
//! States and kinds of events are saved by their numbers in the chart, so a snapshot is good for the chart that it was
//! taken of: [`Chart::check`](super::Chart::check) finds out what does not fit. What active states invoke is not saved; it
//! is invoked anew.

use std::collections::VecDeque;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use super::configuration::Configuration;
use super::effects::Queued;
use super::model::Model;
use super::set::StateSet;
use super::timers::{TimerName, Timers};

/// What is written.
#[derive(serde::Serialize)]
#[serde(rename = "Configuration")]
struct Written<'a, E> {
    /// In document order. Without the root, 0, once the chart is done.
    active: Vec<usize>,
    history: Vec<Vec<usize>>,
    order: &'a [u16],
    timers: &'a Timers<E>,
    postponed: &'a VecDeque<Queued<E>>,
    output: Option<&'a E>,
}

/// What is read.
#[derive(serde::Deserialize)]
#[serde(rename = "Configuration")]
struct Read<E> {
    active: Vec<usize>,
    history: Vec<Vec<usize>>,
    order: Vec<u16>,
    timers: Timers<E>,
    postponed: VecDeque<Queued<E>>,
    output: Option<E>,
}

impl<M: Model> Serialize for Configuration<M>
where
    M::Event: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list = |set: &M::Set| set.ascending().collect::<Vec<_>>();
        let (no_timers, none_postponed) = (Timers::default(), VecDeque::new());
        let written = Written {
            active: list(&self.active),
            history: self.history().iter().map(list).collect(),
            order: self.order(),
            timers: self.memory.as_ref().map_or(&no_timers, |memory| &memory.timers),
            postponed: self.more().map_or(&none_postponed, |more| &more.postponed),
            output: self.output(),
        };
        written.serialize(serializer)
    }
}

impl<'de, M: Model> Deserialize<'de> for Configuration<M>
where
    M::Event: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Read::<M::Event>::deserialize(deserializer)?;
        let set = |states: &Vec<usize>| {
            states.iter().try_fold(M::Set::default(), |set, &state| {
                let fits = state < M::Set::CAPACITY;
                let error = || D::Error::custom(format!("state {state} does not fit a set of {}", M::Set::CAPACITY));
                fits.then(|| set.with(state)).ok_or_else(error)
            })
        };
        let mut configuration = Self { active: set(&read.active)?, memory: None };
        if read.timers.len() > 0 {
            configuration.memory().timers = read.timers;
        }
        if !(read.history.is_empty() && read.order.is_empty() && read.postponed.is_empty() && read.output.is_none()) {
            let more = configuration.remember();
            more.history = read.history.iter().map(set).collect::<Result<_, _>>()?;
            more.order = read.order.into();
            more.postponed = read.postponed;
            more.output = read.output;
        }
        Ok(configuration)
    }
}

impl Serialize for TimerName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_str().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TimerName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(std::sync::Arc::<str>::from(name).into())
    }
}
