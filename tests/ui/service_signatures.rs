//! Methods that cannot become messages.
use std::borrow::Cow;
use throng::prelude::*;
use throng::service;

#[service]
trait Shelf: Actor {
    fn no_receiver(goods: u32);
    fn by_value(self, goods: u32);
    fn boxed(self: Box<Self>);
    async fn later(&mut self) -> u32;
    async fn without_this(goods: u32) -> u32;
    #[reentrant]
    fn sooner(&mut self);
    unsafe fn unsafely(&mut self);
    fn generic<T>(&mut self, goods: T);
    fn generic_with_bounds(&mut self)
    where
        Self: Sized;
    fn borrows(&mut self, label: &str);
    fn borrows_inside(&mut self, label: Option<Cow<'_, str>>);
    fn lends(&self) -> &u32;
    fn any_iterator(&mut self, goods: impl Iterator<Item = u32>);
    fn gives_some_iterator(&self) -> impl Iterator<Item = u32>;
    fn knows_itself(&mut self, other: ActorRef<Self>);
    fn context_last(&mut self, goods: u32, cx: &Context<'_, Self>);
    fn unnamed(&mut self, _: u32);
    fn asks_twice(&mut self, reply: u32) -> u32;
    fn id(&self) -> u32;
    fn self_(&self);
}

fn main() {}
