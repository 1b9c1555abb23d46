//! The macros of `throng`. Use them from there.

mod chart_event;
mod service;

use syn::{DeriveInput, Error, ItemTrait, parse_macro_input};

/// Derives `ChartEvent` for an enum, with an enum of its kinds that has the same name and `Kind` after it.
///
/// A variant's kind has the variant's name; `#[event("go.left")]` gives it another, whose tokens `on_prefix`
/// matches.
#[proc_macro_derive(ChartEvent, attributes(event))]
pub fn chart_event(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    chart_event::expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// Makes a service of a trait: its methods become messages, and calls of a reference to an actor.
///
/// For `trait Account` it makes
///
/// - `enum AccountMsg`, one variant a method, which an actor names as its `Msg`; `AccountMsg::dispatch` calls the
///   method that a message stands for;
/// - `trait AccountCalls`, with which an `ActorRef` of such an actor and a `Recipient<AccountMsg>` have the methods as
///   calls: `account.deposit(cx, 5)`.
///
/// Docs and `#[cfg]` of a method hold for its variant and its call, too.
///
/// # Methods
///
/// A method takes `&mut self` or `&self`, then, if it wants it, the context as `cx: &Context<'_, Self>`, then what the
/// message carries: owned, `Send` values.
///
/// | returns | the call |
/// |---|---|
/// | nothing | tells |
/// | `Handled` | tells; an `Err` fails the actor |
/// | `T` | asks for a `T` |
/// | `Result<T, ActorFailure>` | asks for a `T`; an `Err` fails the actor, and the asker gets `AskError::NoReply` |
/// | nothing, and its last parameter is a `ReplyTo<T>` | asks for a `T`, which the method answers when it can |
///
/// The two results are known by their names: another name for one of them is an answer like any other.
///
/// An `async` method takes `this: This<Self>` in place of `&mut self` and the context, and runs as with
/// `Context::run_async`: until it is over the actor takes no other mail. `#[reentrant]` lets it (`run_async_reentrant`). Its
/// future has to be `Send`.
///
/// # Calls
///
/// A call takes first what it starts from:
///
/// | from | a call that tells gives | a call that asks gives |
/// |---|---|---|
/// | a handler: `cx` | nothing | `Asking`: go on with `then` |
/// | an async block: `this` | nothing | a future: `AskFuture` |
/// | another thread: `&inlet` | `Result<(), TrySendError<_>>`, at once | `PendingReply`: wait, or await |
/// | the host: `&mut throng` | nothing | |
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use bevy_ecs::component::Component;
/// use throng::prelude::*;
/// use throng::service;
///
/// #[service]
/// pub trait Account: Actor {
///     /// Puts money in.
///     fn deposit(&mut self, amount: u64);
///     /// What is in it.
///     fn balance(&self) -> u64;
/// }
///
/// #[derive(Component)]
/// struct Savings(u64);
///
/// impl Account for Savings {
///     fn deposit(&mut self, amount: u64) {
///         self.0 += amount;
///     }
///     fn balance(&self) -> u64 {
///         self.0
///     }
/// }
///
/// impl Actor for Savings {
///     type Msg = AccountMsg;
///     type Params = ();
///     fn handle(&mut self, msg: AccountMsg, cx: &Context<'_, Self>) -> Handled {
///         msg.dispatch(self, cx)
///     }
/// }
///
/// let mut throng = Throng::default();
/// let savings = throng.spawn(Savings(0));
/// let inlet = throng.inlet();
/// savings.deposit(&mut throng, 3);
/// savings.deposit(&inlet, 4)?;
/// let balance = savings.balance(&inlet);
/// throng.tick();
/// assert_eq!(balance.wait(Duration::from_secs(1))?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[proc_macro_attribute]
pub fn service(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let item = parse_macro_input!(item as ItemTrait);
    service::expand(arguments.into(), item).into()
}
