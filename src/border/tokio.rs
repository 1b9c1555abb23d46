//! Futures of async blocks that run on Tokio.
//!
//! # Model
//!
//! A future is a job that runs on Tokio in place of a job thread: it starts when its tick ends, it counts in
//! `jobs_max`, its result comes in at a tick edge, and it is in the job log.

use crossbeam_channel::Sender;
use tokio::runtime::Handle;

use super::offload::{Done, Goal};
use crate::actor::{AskError, End, OutsideFuture};

/// Threads of Tokio's if none was given: futures wait rather than work.
const THREADS: usize = 1;

/// Where futures run: the host's Tokio, or one of our own, made with the first future.
pub(super) struct Runtime {
    host: Option<Handle>,
    own: Option<tokio::runtime::Runtime>,
}

impl Runtime {
    pub(super) fn new(host: Option<Handle>) -> Self {
        Self { host, own: None }
    }

    /// Runs a future, whose end goes to `results`.
    pub(super) fn start(&mut self, number: u64, goal: Goal, future: OutsideFuture, results: Sender<Done>) {
        let mut report = Report { number, goal, results: Some(results) };
        let Some(handle) = self.handle() else { return };
        // Dropped with its report if Tokio was shut down.
        handle.spawn(async move { report.send(future.await) });
    }

    fn handle(&mut self) -> Option<&Handle> {
        if self.host.is_none() && self.own.is_none() {
            let built =
                tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).thread_name("throng-tokio").enable_all().build();
            match built {
                Ok(runtime) => self.own = Some(runtime),
                Err(error) => tracing::error!(%error, "Tokio could not be started: futures outside end without a result"),
            }
        }
        self.host.as_ref().or_else(|| self.own.as_ref().map(tokio::runtime::Runtime::handle))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Not waiting for futures, which is forbidden within Tokio's threads.
        if let Some(own) = self.own.take() {
            own.shutdown_background();
        }
    }
}

/// The end of a future that is owed, and comes as [`JobError::Lost`](crate::JobError::Lost) if it is dropped.
struct Report {
    number: u64,
    goal: Goal,
    results: Option<Sender<Done>>,
}

impl Report {
    fn send(&mut self, end: End) {
        if let Some(results) = self.results.take() {
            // A world that is gone needs no result.
            let _ = results.send(Done { number: self.number, goal: self.goal, end });
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.send(Err(AskError::NoReply));
    }
}
