//! An actor whose state is no component.
use throng::prelude::*;

struct Lamp;

impl Actor for Lamp {
    type Msg = ();
    type Params = ();
    fn handle(&mut self, (): (), _: &Context<'_, Self>) -> Handled {
        Ok(())
    }
}

fn main() {}
