//! A service whose messages cannot go to another thread.
use std::rc::Rc;
use throng::prelude::*;
use throng::service;

#[service]
trait Shelf: Actor {
    fn put(&mut self, goods: Rc<u32>);
    fn count(&self) -> Rc<u32>;
}

fn main() {}
