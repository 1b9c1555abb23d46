//! The trait as rustc sees it: its async methods give futures that are `Send`.

use quote::quote;
use syn::{ItemTrait, ReturnType, TraitItem, TraitItemFn, parse_quote};

use super::method::is_reentrant;

/// Writes `async fn` as a function that gives a future. Implementations may write `async fn` all the same.
pub(super) fn that_are_send(mut item: ItemTrait) -> ItemTrait {
    for part in &mut item.items {
        if let TraitItem::Fn(method) = part {
            method.attrs.retain(|attribute| !is_reentrant(attribute));
            if method.sig.asyncness.take().is_some() {
                give_a_future(method);
            }
        }
    }
    item
}

fn give_a_future(method: &mut TraitItemFn) {
    let output = match &method.sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => quote!(#ty),
    };
    method.sig.output = parse_quote!(-> impl ::core::future::Future<Output = #output> + ::core::marker::Send + 'static);
    if let Some(body) = method.default.take() {
        method.default = Some(parse_quote!({ async move #body }));
    }
}
