//! The attribute `#[service]`.
//!
//! # Model
//!
//! The trait is read into a [`Service`], with everything that is wrong with it; only a service without mistakes is
//! written out. The trait itself stays as it is, so that rustc checks its implementations, and explains what is wrong
//! with them, as those of any trait; only the futures of its async methods are said to be `Send`.

mod emit;
mod futures;
mod method;
mod types;

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident};
use syn::{Error, Ident, ItemTrait, TraitItem, Visibility};

use self::method::Method;

/// A trait whose methods become messages.
struct Service {
    visibility: Visibility,
    name: Ident,
    /// The enum of messages.
    messages: Ident,
    /// The trait of calls.
    calls: Ident,
    methods: Vec<Method>,
}

/// The trait, and what is made of it; or the trait with the errors.
pub(crate) fn expand(arguments: TokenStream, item: ItemTrait) -> TokenStream {
    let mut tokens = futures::that_are_send(item.clone()).into_token_stream();
    match read(arguments, item) {
        Ok(service) => tokens.extend(service.emit()),
        Err(error) => tokens.extend(error.into_compile_error()),
    }
    tokens
}

/// Reads all of the trait before it gives up, so that all mistakes are told at once.
fn read(arguments: TokenStream, item: ItemTrait) -> Result<Service, Error> {
    let mut mistakes = Mistakes::default();
    if !arguments.is_empty() {
        mistakes.note(&arguments, "`#[service]` takes no arguments");
    }
    if !item.generics.params.is_empty() {
        mistakes.note(&item.generics, "a service has no generics: its messages are one enum, which actors name as their `Msg`");
    }
    let mut methods: Vec<Method> = Vec::new();
    for part in &item.items {
        let TraitItem::Fn(part) = part else {
            mistakes.note(part, "a service has methods only: each becomes a message");
            continue;
        };
        let Some(method) = mistakes.take(Method::read(part)) else { continue };
        if let Some(earlier) = methods.iter().find(|earlier| earlier.variant == method.variant) {
            let why = format!("`{}` and `{}` both make the message `{}`: rename one", earlier.name, method.name, method.variant);
            mistakes.note(&method.name, &why);
        }
        methods.push(method);
    }
    if item.items.is_empty() {
        mistakes.note(&item.ident, "a service needs a method");
    }
    let (messages, calls) = (format_ident!("{}Msg", item.ident), format_ident!("{}Calls", item.ident));
    mistakes.none().map(|()| Service { visibility: item.vis, name: item.ident, messages, calls, methods })
}

/// Gathers errors.
#[derive(Default)]
struct Mistakes(Option<Error>);

impl Mistakes {
    fn note(&mut self, place: impl ToTokens, why: &str) {
        self.add(Error::new_spanned(place, why));
    }

    fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn take<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    fn none(self) -> Result<(), Error> {
        self.0.map_or(Ok(()), Err)
    }
}
