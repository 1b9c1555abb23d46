//! Traits that are no services.
use throng::prelude::*;
use throng::service;

#[service]
trait Shelf<T>: Actor {
    type Goods;
    const ROOM: u32;
    fn put(&mut self, goods: T);
}

#[service]
trait Empty: Actor {}

#[service(name = "ShelfMessage")]
trait Named: Actor {
    fn put(&mut self, goods: u32);
}

#[service]
struct NoTrait;

fn main() {}
