//! A recipient of messages that do not convert.
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
    let _: Recipient<bool> = Throng::default().spawn(Lamp).recipient();
    let _: Recipient<String> = Throng::default().spawn(Lamp).recipient();
}
