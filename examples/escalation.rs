//! A crash, a restart, and an escalation, told as they happen.
//!
//! A bakery has an oven and a baker under one supervisor, which may restart them twice in ten ticks. The third crash is
//! too much: it gives up, and the bakery above it, which waits a little before restarts, opens it anew.

#![expect(clippy::print_stdout, reason = "an example talks")]

use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::{ActorFailure, Backoff, ChildSpec, ExitReason, LifeEvent, LifeStep, Supervisor};

/// Burns what is left in it for too long.
#[derive(Component, Default)]
struct Oven {
    loaves: u32,
}

impl Actor for Oven {
    type Msg = u32;
    type Params = ();

    fn handle(&mut self, loaves: u32, _: &Context<'_, Self>) -> Handled {
        self.loaves += loaves;
        if self.loaves > 100 {
            return Err(ActorFailure::msg(format!("{} loaves are too many", self.loaves)));
        }
        Ok(())
    }
}

/// Cleans up before he goes, which takes him two ticks.
#[derive(Component)]
struct Baker;

impl Actor for Baker {
    type Msg = ();
    type Params = ();

    fn handle(&mut self, (): (), _: &Context<'_, Self>) -> Handled {
        Ok(())
    }

    fn started(&mut self, cx: &Context<'_, Self>) -> Handled {
        cx.trap_exit(true);
        Ok(())
    }

    fn terminate(&mut self, _: &ExitReason, cx: &Context<'_, Self>) {
        cx.linger(2);
    }
}

fn tell(event: &LifeEvent) {
    let name = event.name.as_deref().unwrap_or("somebody");
    let what = match &event.what {
        LifeStep::Started => "starts".to_owned(),
        LifeStep::Terminating(reason) => format!("is about to end: {reason}"),
        LifeStep::Exited(reason) => format!("has ended: {reason}"),
        other => format!("{other:?}"),
    };
    println!("  tick {:>2}  {name} {what}", event.tick);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut throng = Throng::new(ThrongOptions::new().threads(1));
    let events = throng.life_events(1_000);
    let kitchen = Supervisor::one_for_all("kitchen")
        .intensity(2, 10)
        .child(ChildSpec::new("oven", |_| Oven::default()))
        .child(ChildSpec::new("baker", |_| Baker));
    let bakery = Supervisor::one_for_one("bakery")
        .intensity(3, 100)
        .backoff(Backoff { initial_ticks: 3, ticks_max: 30, jitter_ticks: 0 })
        .child(kitchen);
    let bakery = throng.start_tree(bakery)?;
    println!("The bakery opens.");
    for crash in 1..=3 {
        println!("Crash {crash}: too many loaves for the oven.");
        throng.broadcast::<Oven>(101);
        throng.run_ticks(if crash < 3 { 3 } else { 8 });
        events.try_iter().for_each(|event| tell(&event));
    }
    println!("Now it looks like this:\n{}", throng.supervision_tree());
    throng.stop_tree(bakery, ExitReason::Shutdown);
    let report = throng.shutdown_within(10);
    events.try_iter().for_each(|event| tell(&event));
    println!("Closed after {} ticks; {} did not stop in time.", report.ticks, report.unstopped.len());
    Ok(())
}
