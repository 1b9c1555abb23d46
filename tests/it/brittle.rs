//! Supervised actors that panic where it hurts: in `terminate`, in `notified`, and when their state is dropped.

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{ChildSpec, ExitReason, Notice, Supervisor};

use crate::support::*;

/// Where a brittle actor panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weakness {
    Terminate,
    Notified,
    Drop,
}

#[derive(Component)]
struct Brittle {
    weakness: Weakness,
    worked: u32,
}

enum Order {
    Work,
    Fail,
    Monitor(ActorId),
}

impl Actor for Brittle {
    type Msg = Order;
    type Params = ();

    fn handle(&mut self, order: Order, cx: &Context<'_, Self>) -> Handled {
        match order {
            Order::Work => self.worked += 1,
            Order::Fail => return Err(throng::ActorFailure::msg("as told")),
            Order::Monitor(whom) => drop(cx.monitor(whom)),
        }
        Ok(())
    }

    fn terminate(&mut self, _: &ExitReason, _: &Context<'_, Self>) {
        assert!(self.weakness != Weakness::Terminate, "in terminate");
    }

    fn notified(&mut self, _: Notice, _: &Context<'_, Self>) -> Handled {
        assert!(self.weakness != Weakness::Notified, "in notified");
        Ok(())
    }
}

impl Drop for Brittle {
    fn drop(&mut self) {
        assert!(self.weakness != Weakness::Drop, "in drop");
    }
}

#[test]
fn a_brittle_child_is_restarted_and_stops_like_others() {
    everywhere(|options| {
        for weakness in [Weakness::Terminate, Weakness::Notified, Weakness::Drop] {
            let mut throng = Throng::new(options.clone());
            let template = ChildSpec::new("brittle", move |_| Brittle { weakness, worked: 0 });
            let pool = throng.start_tree(Supervisor::simple_one_for_one("pool", template).unlimited_restarts()).unwrap();
            let workers: Vec<ActorRef<Brittle>> = (0..3)
                .map(|_| {
                    let reply = throng.start_from_template(pool);
                    let id = reply.get().cloned().unwrap().unwrap().unwrap();
                    throng.actor_ref(id).unwrap()
                })
                .collect();
            let stranger = throng.spawn(Probe::<0>::default());
            throng.tell(workers[0], Order::Work);
            throng.tell(workers[0], Order::Fail);
            throng.tell(workers[1], Order::Work);
            throng.tell(workers[2], Order::Monitor(stranger.id()));
            settle(&mut throng);
            throng.stop(stranger.id());
            settle(&mut throng);
            assert_eq!(throng.state(workers[0]).unwrap().worked, 0, "fresh state, {weakness:?}");
            assert_eq!(throng.state(workers[1]).unwrap().worked, 1, "others go on, {weakness:?}");
            let restarts = 1 + u64::from(weakness == Weakness::Notified);
            assert_eq!(throng.stats().restarts, restarts, "{weakness:?}");
            throng.stop_tree(pool, ExitReason::Shutdown);
            settle(&mut throng);
            assert_eq!(throng.stats().actors, 0, "{weakness:?}");
            assert!(throng.stats().mail.is_balanced());
        }
    });
}
