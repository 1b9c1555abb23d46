//! Methods whose messages have one name.
use throng::prelude::*;
use throng::service;

#[service]
trait Shelf: Actor {
    fn put_all(&mut self);
    fn put__all(&mut self);
}

#[service]
trait Table: Actor {
    fn lay(&mut self);
    fn lay(&mut self, plates: u32);
}

fn main() {}
