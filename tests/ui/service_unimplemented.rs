//! An implementation that differs from its service, and a message without one.
use bevy_ecs::component::Component;
use throng::prelude::*;
use throng::service;

#[service]
trait Shelf: Actor {
    fn put(&mut self, goods: u32);
    fn count(&self) -> u32;
}

#[derive(Component)]
struct Oak(u32);

impl Shelf for Oak {
    fn put(&mut self, goods: u64) {
        self.0 += goods;
    }
}

impl Actor for Oak {
    type Msg = ShelfMsg;
    type Params = ();
    fn handle(&mut self, msg: ShelfMsg, cx: &Context<'_, Self>) -> Handled {
        msg.dispatch(self, cx)
    }
}

#[derive(Component)]
struct Pine;

impl Actor for Pine {
    type Msg = ShelfMsg;
    type Params = ();
    fn handle(&mut self, msg: ShelfMsg, cx: &Context<'_, Self>) -> Handled {
        msg.dispatch(self, cx)
    }
}

fn main() {}
