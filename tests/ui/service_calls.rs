//! Calls that cannot be.
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
    fn put(&mut self, goods: u32) {
        self.0 += goods;
    }
    fn count(&self) -> u32 {
        self.0
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
    let (oak, lamp) = (throng.spawn(Oak(0)), throng.spawn(Lamp));
    oak.put(&mut throng, "one");
    oak.put(5);
    oak.count(&mut throng);
    lamp.put(&mut throng, 5);
}
