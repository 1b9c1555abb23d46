//! For tests of actors: probes, faults, exploration by seed, comparison across threads. Feature `testkit`.
//!
//! Time is virtual in any case: a tick takes as long as its mail, and a thousand ticks of waiting take none.
//! So a test runs the world with [`Throng::run_ticks`] and looks.
//!
//! # Examples
//!
//! ```
//! use bevy_ecs::component::Component;
//! use throng::prelude::*;
//! use throng::testkit::Probe;
//!
//! #[derive(Component)]
//! struct Echo;
//! impl Actor for Echo {
//!     type Msg = (u32, Recipient<u32>);
//!     type Params = ();
//!     fn handle(&mut self, (n, to): Self::Msg, cx: &Context<'_, Self>) -> Handled {
//!         cx.tell_after(3, to, n);
//!         Ok(())
//!     }
//! }
//!
//! let mut throng = Throng::default();
//! let echo = throng.spawn(Echo);
//! let mut probe = Probe::<u32>::spawn(&mut throng);
//! throng.tell(echo, (7, probe.actor().recipient()));
//! probe.expect_nothing(&mut throng, 3);
//! assert_eq!(probe.expect(&mut throng, 1, "the echo", |&n| n == 7), 7);
//! ```

mod explore;
mod faults;
mod probe;

pub use explore::{Finding, Model, explore, replay_steps};
pub use faults::{Fault, Faults};
pub use probe::{Heard, Listener, Probe};

use crate::systems::ThrongOptions;
use crate::throng::Throng;

/// Runs a scenario at 1, 2 and 8 threads, passes cut up and not, and compares the digests that it returns.
///
/// # Panics
///
/// Panics with the first difference: the setting, and the place in the list.
///
/// # Examples
///
/// ```
/// # use throng::prelude::*;
/// # #[derive(bevy_ecs::component::Component, Hash)] struct Sum(u64);
/// # impl Actor for Sum { type Msg = u64; type Params = ();
/// #   fn handle(&mut self, n: u64, _: &Context<'_, Self>) -> Handled { self.0 += n; Ok(()) } }
/// throng::testkit::same_on_any_threads(|options| {
///     let mut throng = Throng::new(options);
///     throng.register_with(ActorConfig::<Sum>::new().digest()).unwrap();
///     let sums = throng.spawn_many((0..100).map(Sum));
///     throng.tell_many(sums.iter().map(|sum| (sum, 3)));
///     throng::testkit::digests(&mut throng, 2)
/// });
/// ```
pub fn same_on_any_threads(scenario: impl Fn(ThrongOptions) -> Vec<u64>) {
    let first = scenario(ThrongOptions::new().threads(1));
    for (threads, shared) in [(1, true), (2, true), (2, false), (8, true)] {
        let digests = scenario(ThrongOptions::new().threads(threads).share_always(shared));
        let same = first.iter().zip(&digests).take_while(|(a, b)| a == b).count();
        assert!(
            first == digests,
            "the world differs from that on one thread with {threads} threads (share_always: {shared}): first at digest {same} of {}",
            first.len()
        );
    }
}

/// Runs so many ticks; the digest after each.
pub fn digests(throng: &mut Throng, ticks: u64) -> Vec<u64> {
    (0..ticks)
        .map(|_| {
            throng.tick();
            throng.digest()
        })
        .collect()
}
