//! A message that cannot go to another thread.
use bevy_ecs::component::Component;
use std::rc::Rc;
use throng::prelude::*;

#[derive(Component)]
struct Lamp;

impl Actor for Lamp {
    type Msg = Rc<u32>;
    type Params = ();
    fn handle(&mut self, _: Rc<u32>, _: &Context<'_, Self>) -> Handled {
        Ok(())
    }
}

fn main() {}
