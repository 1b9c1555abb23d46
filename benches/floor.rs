//! What the language and the machine take by themselves: the floor below some figures of other benches.

mod support;

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};

use criterion::{BenchmarkId, Criterion, Throughput};

const PANICS: u32 = 1_000;

/// To unwind and to catch, with a hook that does nothing. Beside `failure` and `fork_join` of `trouble`.
fn panic(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "floor/panic");
    group.throughput(Throughput::Elements(u64::from(PANICS)));
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    group.bench_function("caught", |bencher| {
        let call = |n: u32| {
            if black_box(n) < PANICS {
                panic!("as ordered")
            }
        };
        bencher.iter(|| (0..PANICS).filter(|&n| catch_unwind(AssertUnwindSafe(|| call(n))).is_err()).count());
    });
    std::panic::set_hook(hook);
    group.finish();
}

/// To change one byte in each column of a thousand rows among a million, others in each round, as `sparse` of the peers
/// does: of one column; of what throng touches (cell, state, change tick); of what bevy does (place of the entity, state,
/// change tick).
fn scattered(criterion: &mut Criterion) {
    const ROWS: usize = 1_000_000;
    const TOUCHED: usize = 1_000;
    let mut group = criterion.benchmark_group("floor/scattered");
    group.throughput(Throughput::Elements(TOUCHED as u64));
    for (name, widths) in [("one", [16].as_slice()), ("throng", &[16, 16, 4]), ("bevy", &[24, 16, 4])] {
        group.bench_function(BenchmarkId::new("columns", name), |bencher| {
            let mut columns: Vec<(usize, Vec<u8>)> = widths.iter().map(|&width| (width, vec![1; ROWS * width])).collect();
            let mut offset = 0;
            bencher.iter(|| {
                offset = (offset + 7_919) % ROWS;
                for row in (0..TOUCHED).map(|n| (n * (ROWS / TOUCHED) + offset) % ROWS) {
                    columns.iter_mut().for_each(|(width, bytes)| bytes[row * *width] ^= 1);
                }
            });
        });
    }
    group.finish();
}

fn main() {
    support::run(&[panic, scattered]);
}
