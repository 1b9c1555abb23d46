//! Parameters that could change the world.
use bevy_ecs::component::Component;
use bevy_ecs::resource::Resource;
use bevy_ecs::system::ResMut;
use throng::prelude::*;

#[derive(Resource)]
struct Score(u32);

#[derive(Component)]
struct Lamp;

impl Actor for Lamp {
    type Msg = ();
    type Params = ResMut<'static, Score>;
    fn handle(&mut self, (): (), _: &Context<'_, Self>) -> Handled {
        Ok(())
    }
}

fn main() {}
