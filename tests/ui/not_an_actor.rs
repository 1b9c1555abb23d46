//! Spawning what is no actor.
use bevy_ecs::component::Component;
use throng::prelude::*;

#[derive(Component)]
struct Lamp;

impl Actor for Lamp {
    type Msg = bool;
    type Params = ();
    fn handle(&mut self, _: bool, _: &Context<'_, Self>) -> Handled {
        Ok(())
    }
}

struct Chair;

fn main() {
    let mut throng = Throng::default();
    throng.spawn(Lamp);
    throng.spawn(Chair);
}
