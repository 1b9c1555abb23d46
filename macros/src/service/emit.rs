//! A service, written out.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Type};

use super::Service;
use super::method::{Answer, Argument, Body, Method};

/// A variable that no user's name can hide.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// Where mistakes with a type are told, in code that has its own names.
fn place(ty: &Type) -> Span {
    Span::mixed_site().located_at(ty.span())
}

impl Service {
    pub(super) fn emit(&self) -> TokenStream {
        let (messages, debug, dispatch, calls) = (self.messages(), self.debug(), self.dispatch(), self.calls());
        let carried = self.methods.iter().map(Method::carried);
        quote! {
            #messages
            #debug
            #dispatch
            #calls
            const _: () = { #(#carried)* };
        }
    }

    fn messages(&self) -> TokenStream {
        let Self { visibility, name, messages, .. } = self;
        let doc = format!("What an actor with the service [`{name}`] is told: a message for each method.");
        let variants = self.methods.iter().map(Method::message);
        quote! {
            #[doc = #doc]
            #visibility enum #messages { #(#variants),* }
        }
    }

    fn debug(&self) -> TokenStream {
        let Self { messages, .. } = self;
        let formatter = local("formatter");
        let arms = self.methods.iter().map(|Method { shared, variant, .. }| {
            let cfgs = shared.iter().filter(|attribute| attribute.path().is_ident("cfg"));
            let text = variant.to_string();
            quote!(#(#cfgs)* Self::#variant { .. } => #text)
        });
        quote! {
            impl ::core::fmt::Debug for #messages {
                fn fmt(&self, #formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    #formatter.write_str(match self { #(#arms),* })
                }
            }
        }
    }

    fn dispatch(&self) -> TokenStream {
        let Self { visibility, name, messages, .. } = self;
        let (actor, cx) = (local("actor"), local("cx"));
        let arms = self.methods.iter().map(|method| method.arm(name, &actor, &cx));
        quote! {
            impl #messages {
                /// Calls the method that this message stands for, and answers if it is asked to.
                ///
                /// # Errors
                ///
                /// The failure that the method ends with.
                #[inline]
                #visibility fn dispatch<A: #name>(self, #actor: &mut A, #cx: &::throng::Context<'_, A>) -> ::throng::Handled {
                    match self { #(#arms),* }
                }
            }
        }
    }

    fn calls(&self) -> TokenStream {
        let Self { visibility, name, messages, calls, methods } = self;
        let doc = format!("The methods of [`{name}`] as calls: of whatever a [`{messages}`] can be told to.");
        let calls_of_methods = methods.iter().map(|method| method.call(messages));
        quote! {
            #[doc = #doc]
            #visibility trait #calls: ::throng::Destination<#messages> + Copy + Send + 'static {
                #(#calls_of_methods)*
            }

            impl<D: ::throng::Destination<#messages> + Copy + Send + 'static> #calls for D {}
        }
    }
}

impl Method {
    fn fields(&self) -> impl Iterator<Item = (&Ident, TokenStream)> {
        let arguments = self.arguments.iter().map(|Argument { name, ty }| (name, quote!(#ty)));
        let later = match &self.answer {
            Answer::Later(Argument { name, ty }) => Some((name, quote!(#ty))),
            _ => None,
        };
        arguments.chain(later)
    }

    /// Where mistakes with what the method carries are told.
    fn place(&self) -> Span {
        self.arguments.first().map_or_else(|| self.name.span(), |argument| argument.ty.span()).resolved_at(Span::mixed_site())
    }

    /// The variant.
    fn message(&self) -> TokenStream {
        let Self { shared, variant, name: method, .. } = self;
        let fields = self.fields().map(|(name, ty)| {
            let doc = format!("The `{name}` of `{method}`.");
            quote!(#[doc = #doc] #name: #ty)
        });
        let reply = match &self.answer {
            Answer::Now { ty, .. } => Some(quote!(#[doc = "Where the answer goes."] reply: ::throng::ReplyTo<#ty>)),
            _ => None,
        };
        let fields: Vec<TokenStream> = fields.chain(reply).collect();
        if fields.is_empty() {
            return quote!(#(#shared)* #variant);
        }
        quote!(#(#shared)* #variant { #(#fields),* })
    }

    /// What is done with the message.
    fn arm(&self, service: &Ident, actor: &Ident, cx: &Ident) -> TokenStream {
        let Self { shared, name, variant, answer, body, .. } = self;
        let cfgs = shared.iter().filter(|attribute| attribute.path().is_ident("cfg"));
        let fields: Vec<&Ident> = self.fields().map(|(name, _)| name).collect();
        let values: Vec<Ident> = (0..fields.len()).map(|at| local(&format!("value_{at}"))).collect();
        let (reply, this) = (local("reply"), local("this"));
        let takes_reply = matches!(answer, Answer::Now { .. }).then(|| quote!(reply: #reply));
        let (called, send) = match body {
            Body::Call { wants_context } => {
                let context = wants_context.then(|| quote!(#cx,));
                (quote!(<A as #service>::#name(#actor, #context #(#values),*)), quote!(#cx.reply))
            }
            Body::Async { .. } => {
                let send = quote!((|reply, answer| #this.with(|_, cx| cx.reply(reply, answer))));
                (quote!(<A as #service>::#name(#this, #(#values),*).await), send)
            }
        };
        let done = match answer {
            Answer::None { may_fail: true } => called,
            Answer::None { may_fail: false } | Answer::Later(_) => quote!({ #called; ::core::result::Result::Ok(()) }),
            Answer::Now { ty, may_fail } => {
                let or_fail = may_fail.then(|| quote!(?));
                quote_spanned!(place(ty)=> { let answer = #called #or_fail; #send(#reply, answer); ::core::result::Result::Ok(()) })
            }
        };
        let run = match body {
            Body::Call { .. } => return quote!(#(#cfgs)* Self::#variant { #(#fields: #values,)* #takes_reply } => #done),
            Body::Async { is_reentrant: false } => quote!(run_async),
            Body::Async { is_reentrant: true } => quote!(run_async_reentrant),
        };
        quote! {
            #(#cfgs)* Self::#variant { #(#fields: #values,)* #takes_reply } => {
                #cx.#run(move |#this| async move { #done });
                ::core::result::Result::Ok(())
            }
        }
    }

    /// The call.
    fn call(&self, messages: &Ident) -> TokenStream {
        let Self { shared, name, variant, arguments, answer, .. } = self;
        let cx = local("cx");
        let names: Vec<&Ident> = arguments.iter().map(|argument| &argument.name).collect();
        let types = arguments.iter().map(|argument| &argument.ty);
        let Some(ty) = answer.ty() else {
            let caller = Ident::new("__Cx", self.place());
            return quote_spanned! {self.place()=>
                #(#shared)*
                fn #name<#caller: ::throng::TellFrom>(self, #cx: #caller, #(#names: #types),*) -> #caller::Told<#messages> {
                    ::throng::TellFrom::tell_from(#cx, self, #messages::#variant { #(#names),* })
                }
            };
        };
        let (reply, make) = (local("reply"), local("make"));
        let field = match answer {
            Answer::Later(reply) => reply.name.clone(),
            _ => format_ident!("reply"),
        };
        let caller = Ident::new("__Cx", place(ty));
        quote_spanned! {place(ty)=>
            #(#shared)*
            fn #name<#caller: ::throng::AskFrom>(
                self,
                #cx: #caller,
                #(#names: #types),*
            ) -> #caller::Asked<#messages, #ty, Self, impl ::core::ops::FnOnce(::throng::ReplyTo<#ty>) -> #messages + Send + 'static> {
                let #make = move |#reply| #messages::#variant { #(#names,)* #field: #reply };
                ::throng::AskFrom::ask_from(#cx, self, #make)
            }
        }
    }

    /// A check, at the types as the user wrote them, that they can travel.
    fn carried(&self) -> TokenStream {
        let cfgs = self.shared.iter().filter(|attribute| attribute.path().is_ident("cfg"));
        let types: Vec<&Type> = self.arguments.iter().map(|argument| &argument.ty).chain(self.answer.ty()).collect();
        let checks = types.iter().map(|ty| quote_spanned!(place(ty)=> ::throng::carried::<#ty>();));
        quote!(#(#cfgs)* const _: fn() = || { #(#checks)* };)
    }
}
