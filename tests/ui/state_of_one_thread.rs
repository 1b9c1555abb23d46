//! A state that cannot go to another thread.
use bevy_ecs::component::Component;
use std::rc::Rc;
use throng::prelude::*;

#[derive(Component)]
struct Painter {
    canvas: Rc<u32>,
}

impl Actor for Painter {
    type Msg = ();
    type Params = ();
    fn handle(&mut self, (): (), _: &Context<'_, Self>) -> Handled {
        Ok(())
    }
}

fn main() {}
