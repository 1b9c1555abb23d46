//! Configurations as they are kept in snapshots (feature `serde`).
//!
//! States and kinds of events are saved by their numbers in the chart, so a snapshot is good for the chart that it was
//! taken of: [`Chart::check`](super::Chart::check) finds out what does not fit. What active states invoke is not saved; it
//! is invoked anew.

use std::collections::VecDeque;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use super::configuration::{Configuration, Memory};
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
    timers: Option<&'a Timers<E>>,
    postponed: Option<&'a VecDeque<Queued<E>>>,
    output: Option<&'a E>,
}

/// What is read.
#[derive(serde::Deserialize)]
#[serde(rename = "Configuration")]
struct Read<E> {
    active: Vec<usize>,
    history: Vec<Vec<usize>>,
    order: Vec<u16>,
    timers: Option<Timers<E>>,
    postponed: Option<VecDeque<Queued<E>>>,
    output: Option<E>,
}

impl<M: Model> Serialize for Configuration<M>
where
    M::Event: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let memory = self.memory.as_deref();
        let list = |set: &M::Set| set.ascending().collect::<Vec<_>>();
        let written = Written {
            active: list(&self.active),
            history: memory.map_or_else(Vec::new, |memory| memory.history.iter().map(list).collect()),
            order: memory.map_or(&[], |memory| &memory.order),
            timers: memory.map(|memory| &memory.timers),
            postponed: memory.map(|memory| &memory.postponed),
            output: memory.and_then(|memory| memory.output.as_ref()),
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
        if let (Some(timers), Some(postponed)) = (read.timers, read.postponed) {
            let memory = configuration.memory.insert(Box::<Memory<M>>::default());
            memory.history = read.history.iter().map(set).collect::<Result<_, _>>()?;
            memory.order = read.order.into();
            memory.timers = timers;
            memory.postponed = postponed;
            memory.output = read.output;
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
