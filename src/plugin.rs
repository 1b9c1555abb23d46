//! Throng as a plugin of a Bevy app.

use bevy_app::{App, MainScheduleOrder, Plugin, Update};

use crate::actor::{Actor, KeyedActor};
use crate::systems::{ActorConfig, ActorTick, KeyedConfig, ThrongOptions};
use crate::throng::{Throng, install};

/// Runs one tick of actors in each frame, after `Update`.
///
/// # Examples
///
/// ```
/// use bevy_app::App;
/// use bevy_ecs::component::Component;
/// use throng::prelude::*;
///
/// #[derive(Component, Default)]
/// struct Score(u32);
/// impl Actor for Score {
///     type Msg = u32;
///     type Params = ();
///     fn handle(&mut self, points: u32, _cx: &Context<'_, Self>) -> Handled {
///         self.0 += points;
///         Ok(())
///     }
/// }
///
/// let mut app = App::new();
/// app.add_plugins(ThrongPlugin::default()).add_actor::<Score>();
/// let score = Throng::of(app.world_mut()).spawn(Score(0));
/// Throng::of(app.world_mut()).tell(score, 3);
/// app.update();
/// assert_eq!(Throng::of(app.world_mut()).state(score).unwrap().0, 3);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ThrongPlugin {
    /// The settings of the world of actors.
    pub options: ThrongOptions,
}

impl Plugin for ThrongPlugin {
    fn build(&self, app: &mut App) {
        install(app.world_mut(), &self.options);
        app.world_mut().resource_mut::<MainScheduleOrder>().insert_after(Update, ActorTick);
    }
}

/// Registering actor types with an app.
pub trait ThrongAppExt {
    /// Makes an actor type known with its default settings.
    ///
    /// # Panics
    ///
    /// Panics if it is known already, or its `Params` cannot be used.
    fn add_actor<A: Actor>(&mut self) -> &mut Self {
        self.add_actor_with(ActorConfig::<A>::new())
    }

    /// Makes an actor type known, with settings.
    ///
    /// # Panics
    ///
    /// As [`ThrongAppExt::add_actor`].
    fn add_actor_with<A: Actor>(&mut self, config: ActorConfig<A>) -> &mut Self;

    /// Makes a type of actors known that are addressed by key.
    ///
    /// # Panics
    ///
    /// As [`ThrongAppExt::add_actor`].
    fn add_keyed_actor<A: KeyedActor>(&mut self, config: KeyedConfig<A>) -> &mut Self;
}

impl ThrongAppExt for App {
    fn add_actor_with<A: Actor>(&mut self, config: ActorConfig<A>) -> &mut Self {
        if let Err(error) = Throng::of(self.world_mut()).register_with(config) {
            panic!("{error}");
        }
        self
    }

    fn add_keyed_actor<A: KeyedActor>(&mut self, config: KeyedConfig<A>) -> &mut Self {
        if let Err(error) = Throng::of(self.world_mut()).register_keyed(config) {
            panic!("{error}");
        }
        self
    }
}
