//! What the benches share.

#![allow(dead_code, reason = "each bench uses a part")]

use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, SamplingMode, measurement::WallTime};
use throng::{Throng, ThrongOptions};

/// A world on so many threads that runs one round a tick.
pub(crate) fn one_round(threads: usize) -> Throng {
    Throng::new(ThrongOptions::new().threads(threads).rounds_max(1))
}

/// A world on one thread that runs until it is quiet.
pub(crate) fn until_quiet() -> Throng {
    Throng::new(ThrongOptions::new().threads(1).rounds_max(u32::MAX))
}

/// Times one run of `work`.
#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
pub(crate) fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// A group whose runs take milliseconds: few samples, of equal length.
pub(crate) fn slow_group<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    group
}

/// Runs benches as criterion's own `main` does.
pub(crate) fn run(benches: &[fn(&mut Criterion)]) {
    let mut criterion = Criterion::default().configure_from_args();
    benches.iter().for_each(|bench| bench(&mut criterion));
    criterion.final_summary();
}
