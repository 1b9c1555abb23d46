//! A method, read.

use syn::{Attribute, Error, FnArg, Ident, Pat, PatType, ReturnType, TraitItemFn, Type};

use super::Mistakes;
use super::types::{answered_later, check_carried, is_context, is_handled, is_this, is_unit, unless_failed};

/// Names that references to actors have for themselves: a call with such a name could not be reached.
const TAKEN: [&str; 3] = ["id", "actor_id", "recipient"];

/// A method that becomes a message.
pub(super) struct Method {
    /// Docs and conditions, which variant and call share.
    pub(super) shared: Vec<Attribute>,
    pub(super) name: Ident,
    pub(super) variant: Ident,
    pub(super) body: Body,
    pub(super) arguments: Vec<Argument>,
    pub(super) answer: Answer,
}

pub(super) struct Argument {
    pub(super) name: Ident,
    pub(super) ty: Type,
}

/// How a method runs.
#[derive(Clone, Copy)]
pub(super) enum Body {
    /// On the state, as a handler does.
    Call { wants_context: bool },
    /// As an async block.
    Async { is_reentrant: bool },
}

/// What a method gives.
pub(super) enum Answer {
    None {
        may_fail: bool,
    },
    Now {
        ty: Type,
        may_fail: bool,
    },
    /// The method answers the `ReplyTo` that it takes last.
    Later(Argument),
}

impl Method {
    pub(super) fn read(item: &TraitItemFn) -> Result<Self, Error> {
        let mut mistakes = Mistakes::default();
        let signature = &item.sig;
        let name = &signature.ident;
        if let Some(unsafety) = &signature.unsafety {
            mistakes.note(unsafety, "a service's methods are safe to call: anybody may send the message");
        }
        if !signature.generics.params.is_empty() {
            mistakes.note(&signature.generics, "a service's methods have no generics: each becomes one message");
        }
        if let Some(bounds) = &signature.generics.where_clause {
            mistakes.note(bounds, "a service's methods have no bounds: each becomes one message");
        }
        if TAKEN.iter().any(|taken| name == taken) {
            mistakes.note(name, "references to actors have a method of this name: the call could not be reached; rename it");
        }
        let variant = mistakes.take(variant(name)).unwrap_or_else(|| name.clone());
        let mut inputs = signature.inputs.iter().peekable();
        let receiver = inputs.next_if(|input| matches!(input, FnArg::Receiver(_)));
        let mut inputs = inputs.filter_map(typed).peekable();
        let reentrant = item.attrs.iter().find(|attribute| is_reentrant(attribute));
        let body = if signature.asyncness.is_some() {
            if let Some(receiver) = receiver {
                mistakes.note(receiver, "nothing borrowed lasts over an await: an async method takes `this: This<Self>`, and reaches the state with `this.with`");
            } else if inputs.next_if(|input| is_this(&input.ty)).is_none() {
                mistakes.note(name, "an async method of a service takes `this: This<Self>` first: the way to the actor's state");
            }
            Body::Async { is_reentrant: reentrant.is_some() }
        } else {
            match receiver {
                Some(FnArg::Receiver(receiver)) if receiver.reference.is_some() && receiver.colon_token.is_none() => {}
                Some(other) => mistakes.note(other, "a service's method takes `&mut self` or `&self`: the state stays with the actor"),
                None => mistakes.note(name, "a service's method takes `&mut self` or `&self`: it runs on the state of an actor"),
            }
            if let Some(reentrant) = reentrant {
                mistakes.note(reentrant, "only an async method can let the actor handle mail meanwhile");
            }
            Body::Call { wants_context: inputs.next_if(|input| is_context(&input.ty)).is_some() }
        };
        let mut arguments: Vec<Argument> = inputs.filter_map(|input| mistakes.take(argument(input))).collect();
        let answer = answer(&signature.output, &mut arguments);
        for argument in &arguments {
            check_carried(&argument.ty, &mut mistakes);
            if matches!(answer, Answer::Now { .. }) && argument.name == "reply" {
                mistakes.note(&argument.name, "the message's field `reply` leads to the asker: rename this one");
            }
        }
        if let Some(ty) = answer.ty() {
            check_carried(ty, &mut mistakes);
        }
        let is_shared = |attribute: &&Attribute| ["doc", "cfg"].iter().any(|shared| attribute.path().is_ident(shared));
        let shared = item.attrs.iter().filter(is_shared).cloned().collect();
        mistakes.none().map(|()| Self { shared, name: name.clone(), variant, body, arguments, answer })
    }
}

impl Answer {
    /// What an asker gets.
    pub(super) fn ty(&self) -> Option<&Type> {
        match self {
            Self::None { .. } => None,
            Self::Now { ty, .. } => Some(ty),
            Self::Later(reply) => answered_later(&reply.ty),
        }
    }
}

fn answer(output: &ReturnType, arguments: &mut Vec<Argument>) -> Answer {
    match output {
        ReturnType::Type(_, ty) if is_handled(ty) => Answer::None { may_fail: true },
        ReturnType::Type(_, ty) if !is_unit(ty) => match unless_failed(ty) {
            Some(answer) if is_unit(answer) => Answer::None { may_fail: true },
            Some(answer) => Answer::Now { ty: answer.clone(), may_fail: true },
            None => Answer::Now { ty: (**ty).clone(), may_fail: false },
        },
        _ => match arguments.pop_if(|last| answered_later(&last.ty).is_some()) {
            Some(reply) => Answer::Later(reply),
            None => Answer::None { may_fail: false },
        },
    }
}

/// Whether it says that the actor handles mail while the method waits.
pub(super) fn is_reentrant(attribute: &Attribute) -> bool {
    attribute.path().is_ident("reentrant")
}

fn typed(input: &FnArg) -> Option<&PatType> {
    match input {
        FnArg::Typed(input) => Some(input),
        FnArg::Receiver(_) => None,
    }
}

fn argument(input: &PatType) -> Result<Argument, Error> {
    if is_context(&input.ty) {
        return Err(Error::new_spanned(input, "the context comes first, behind `self`"));
    }
    match &*input.pat {
        Pat::Ident(pattern) => Ok(Argument { name: pattern.ident.clone(), ty: (*input.ty).clone() }),
        other => Err(Error::new_spanned(other, "a parameter needs a name: it becomes a field of the message")),
    }
}

/// The name of the message, in the manner of variants.
fn variant(method: &Ident) -> Result<Ident, Error> {
    let name = method.to_string();
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    };
    let variant: String = name.trim_start_matches("r#").split('_').map(capital).collect();
    let parsed = syn::parse_str::<Ident>(&variant);
    parsed
        .map(|mut ident| {
            ident.set_span(method.span());
            ident
        })
        .map_err(|_| Error::new_spanned(method, format!("the message would be called `{variant}`, which is no name: rename the method")))
}
