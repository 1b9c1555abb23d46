//! The cost of full mailboxes and of failures.

mod support;

use bevy_ecs::component::Component;
use criterion::{BenchmarkId, Criterion, Throughput};
use throng::{Actor, ActorConfig, ActorFailure, ActorRef, Context, Handled, MailboxConfig, Overflow, RestartIntensity, Undelivered};

const BURST: u32 = 1_000;
const CAPACITY: u32 = 16;

/// Sends more than its receiver has room for.
#[derive(Component)]
struct Flooder {
    receiver: ActorRef<Receiver>,
    back: u64,
}

impl Actor for Flooder {
    type Msg = u32;
    type Params = ();

    fn handle(&mut self, messages: u32, cx: &Context<'_, Self>) -> Handled {
        (0..messages).for_each(|n| cx.tell(self.receiver, Load::Fine(n)));
        Ok(())
    }

    fn undelivered(&mut self, _notice: Undelivered, _cx: &Context<'_, Self>) -> Result<(), Undelivered> {
        self.back += 1;
        Ok(())
    }
}

#[derive(Component)]
struct Receiver(u64);

#[derive(Clone, Copy)]
enum Load {
    Fine(u32),
    Err,
    Panic,
}

impl Actor for Receiver {
    type Msg = Load;
    type Params = ();

    fn handle(&mut self, load: Load, _cx: &Context<'_, Self>) -> Handled {
        match load {
            Load::Fine(n) => self.0 += u64::from(n),
            Load::Err => return Err(ActorFailure::msg("as ordered")),
            Load::Panic => panic!("as ordered"),
        }
        Ok(())
    }
}

fn receivers(mailbox: MailboxConfig<Load>) -> ActorConfig<Receiver> {
    ActorConfig::new().mailbox(mailbox).fresh(|_| Receiver(0)).restart(RestartIntensity::UNLIMITED)
}

/// A thousand messages for a mailbox with room for sixteen, by each policy.
fn overflow(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "overflow");
    group.throughput(Throughput::Elements(u64::from(BURST)));
    for policy in [Overflow::Backpressure, Overflow::Bounce, Overflow::DropNewest, Overflow::DropOldest, Overflow::Fail] {
        group.bench_function(BenchmarkId::from_parameter(format!("{policy:?}")), |bencher| {
            let mut throng = support::until_quiet();
            let mailbox = MailboxConfig::new(CAPACITY).expect("not zero").overflow(policy);
            throng.register_with(receivers(mailbox)).expect("registered once");
            let receiver = throng.spawn(Receiver(0));
            let flooder = throng.spawn(Flooder { receiver, back: 0 });
            bencher.iter(|| {
                throng.tell(flooder, BURST);
                throng.tick();
            });
            assert!(throng.stats().mail.is_balanced(), "{:?}", throng.stats());
        });
    }
    group.finish();
}

/// A thousand actors that fail in one round and are restarted; beside it, the same messages handled well.
fn failure(criterion: &mut Criterion) {
    let mut group = support::slow_group(criterion, "failure");
    group.throughput(Throughput::Elements(u64::from(BURST)));
    for (name, load) in [("none", Load::Fine(1)), ("err", Load::Err), ("panic", Load::Panic)] {
        group.bench_function(name, |bencher| {
            let mut throng = support::until_quiet();
            throng.register_with(receivers(MailboxConfig::default())).expect("registered once");
            let actors = throng.spawn_many((0..BURST).map(|_| Receiver(0)));
            bencher.iter(|| {
                throng.tell_many(actors.iter().map(|actor| (actor, load)));
                throng.tick();
            });
            assert!(throng.stats().mail.is_balanced(), "{:?}", throng.stats());
        });
    }
    group.finish();
}

/// Bursts of mail for sixty workers, without failures and with one message in a hundred that panics. What a panic costs is the
/// difference of the two, over the number of panics.
fn fork_join(criterion: &mut Criterion) {
    const MESSAGES: usize = 60_000;
    /// Messages of a tick, as in `fjthroughput` of the peers.
    const DEAL: usize = 10_000;
    let mut group = support::slow_group(criterion, "fork_join");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    for (name, every) in [("none", usize::MAX), ("one_panic_in_100", 100)] {
        group.bench_function(name, |bencher| {
            let mut throng = support::until_quiet();
            throng.register_with(receivers(MailboxConfig::unbounded())).expect("registered once");
            let workers = throng.spawn_many((0..60).map(|_| Receiver(0)));
            // All workers have their share of them.
            let load = |n: usize| if (n + n / 60 + 1).is_multiple_of(every) { Load::Panic } else { Load::Fine(1) };
            let failing = (0..MESSAGES).filter(|&n| matches!(load(n), Load::Panic)).count();
            bencher.iter(|| {
                for burst in 0..MESSAGES / DEAL {
                    let burst = burst * DEAL..(burst + 1) * DEAL;
                    throng.tell_many(burst.map(|n| (workers.get(n % 60).expect("of sixty"), load(n))));
                    throng.tick();
                }
            });
            let stats = throng.stats();
            assert!(stats.mail.is_balanced() && stats.mail.queued == 0 && stats.mail.dead() == 0, "{stats:?}");
            assert_eq!(stats.mail.failed, stats.mail.handled / MESSAGES as u64 * failing as u64);
        });
    }
    group.finish();
}

fn main() {
    support::run(&[overflow, failure, fork_join]);
}
