//! How offloaded jobs are run, and when their results came.

/// How offloaded jobs are run; see [`Context::offload`](crate::Context::offload).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobMode {
    /// On threads of their own. A result comes in with the tick that begins after it is there.
    #[default]
    Threads,
    /// On the thread that ticks, when the next tick begins: slow, and the same in each run.
    Inline,
    /// On the thread that ticks, in the order and at the ticks of a recorded run. A job that is not in the log
    /// never ends.
    Replay(JobLog),
}

/// Which results of jobs came in with which tick. Jobs are numbered in the order in which calls asked for them.
///
/// Record one with [`Throng::record_jobs`](crate::Throng::record_jobs).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobLog {
    /// Tick and number, in the order in which they came in.
    entries: Vec<(u64, u64)>,
}

impl JobLog {
    pub(crate) fn note(&mut self, tick: u64, job: u64) {
        self.entries.push((tick, job));
    }

    /// The jobs whose results came in with a tick, in order.
    pub(crate) fn of_tick(&self, tick: u64) -> impl Iterator<Item = u64> {
        let first = self.entries.partition_point(|entry| entry.0 < tick);
        self.entries[first..].iter().take_while(move |entry| entry.0 == tick).map(|entry| entry.1)
    }

    /// How many results came in.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no result came in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
