//! The derive of `ChartEvent`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Fields, Ident, LitStr, Variant};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream, Error> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(input, "`ChartEvent` is for enums: each variant is a kind of event"));
    };
    let event = &input.ident;
    let visibility = &input.vis;
    let kind = format_ident!("{event}Kind");
    let doc = format!("The kinds of [`{event}`].");
    let variants: Vec<&Ident> = data.variants.iter().map(|variant| &variant.ident).collect();
    let docs = variants.iter().map(|variant| format!("[`{event}::{variant}`]."));
    let names = data.variants.iter().map(name).collect::<Result<Vec<_>, _>>()?;
    for (at, name) in names.iter().enumerate() {
        if names[..at].iter().any(|earlier| earlier.value() == name.value()) {
            return Err(Error::new_spanned(name, "two kinds of event have this name"));
        }
    }
    let patterns = data.variants.iter().map(pattern);
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        #[doc = #doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #visibility enum #kind { #(#[doc = #docs] #variants),* }

        impl ::throng::statechart::EventKind for #kind {
            const NAMES: &'static [&'static str] = &[#(#names),*];

            #[inline]
            fn index(self) -> usize {
                self as usize
            }
        }

        impl #generics ::throng::statechart::ChartEvent for #event #arguments #bounds {
            type Kind = #kind;

            #[inline]
            fn kind(&self) -> #kind {
                match self { #(Self::#patterns => #kind::#variants),* }
            }
        }
    })
}

/// The name of a variant's kind.
fn name(variant: &Variant) -> Result<LitStr, Error> {
    match variant.attrs.iter().find(|attribute| attribute.path().is_ident("event")) {
        Some(attribute) => attribute.parse_args(),
        None => Ok(LitStr::new(&variant.ident.to_string(), variant.ident.span())),
    }
}

fn pattern(variant: &Variant) -> TokenStream {
    let ident = &variant.ident;
    match variant.fields {
        Fields::Named(_) => quote!(#ident { .. }),
        Fields::Unnamed(_) => quote!(#ident(..)),
        Fields::Unit => quote!(#ident),
    }
}
