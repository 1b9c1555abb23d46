//! Telling an actor a message of another type.
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

fn main() {
    let mut throng = Throng::default();
    let lamp = throng.spawn(Lamp);
    throng.tell(lamp, "on");
}
