//! A context belongs to its call's thread.
use bevy_ecs::component::Component;
use throng::prelude::*;

#[derive(Component)]
struct Lamp;

impl Actor for Lamp {
    type Msg = ();
    type Params = ();
    fn handle(&mut self, (): (), cx: &Context<'_, Self>) -> Handled {
        std::thread::scope(|scope| {
            scope.spawn(|| cx.stop_self());
        });
        Ok(())
    }
}

fn main() {}
