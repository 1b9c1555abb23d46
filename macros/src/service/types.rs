//! What the macro reads off the types of a method, which it knows by their names alone.

use syn::visit::Visit;
use syn::{GenericArgument, Lifetime, Path, PathArguments, PathSegment, Type, TypeImplTrait, TypeReference};

use super::Mistakes;

/// Whether a type is `&Context<..>`.
pub(super) fn is_context(ty: &Type) -> bool {
    matches!(ty, Type::Reference(reference) if last_segment(&reference.elem).is_some_and(|last| last.ident == "Context"))
}

/// Whether a type is `This<..>`.
pub(super) fn is_this(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|last| last.ident == "This")
}

/// Whether a type is `()`.
pub(super) fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// Whether a type is `Handled`, which is `Result<(), ActorFailure>`.
pub(super) fn is_handled(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|last| last.ident == "Handled" && last.arguments.is_none())
}

/// The `T` of a `Result<T, ActorFailure>`.
pub(super) fn unless_failed(ty: &Type) -> Option<&Type> {
    let [Some(answer), Some(failure)] = arguments(ty, "Result")? else { return None };
    last_segment(failure).filter(|last| last.ident == "ActorFailure").map(|_| answer)
}

/// The `T` of a `ReplyTo<T>`.
pub(super) fn answered_later(ty: &Type) -> Option<&Type> {
    let [answer, None] = arguments(ty, "ReplyTo")? else { return None };
    answer
}

/// The first two type arguments of a type with this name.
fn arguments<'t>(ty: &'t Type, name: &str) -> Option<[Option<&'t Type>; 2]> {
    let last = last_segment(ty).filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    Some([types.next(), types.next()])
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}

/// Notes what a message cannot carry.
pub(super) fn check_carried(ty: &Type, mistakes: &mut Mistakes) {
    Carried(mistakes).visit_type(ty);
}

struct Carried<'m>(&'m mut Mistakes);

impl Visit<'_> for Carried<'_> {
    fn visit_type_reference(&mut self, reference: &TypeReference) {
        if reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static") {
            return syn::visit::visit_type_reference(self, reference);
        }
        self.0.note(reference, "a message owns what it carries: take `String` for `&str`, `Vec<T>` for `&[T]`, `Arc<T>` to share");
    }

    fn visit_lifetime(&mut self, lifetime: &Lifetime) {
        if lifetime.ident != "static" {
            self.0.note(lifetime, "a message owns what it carries: no lifetime but `'static`");
        }
    }

    fn visit_type_impl_trait(&mut self, ty: &TypeImplTrait) {
        self.0.note(ty, "a message carries values of named types: the enum has a field for each");
    }

    fn visit_path(&mut self, path: &Path) {
        if path.segments.first().is_some_and(|first| first.ident == "Self") {
            self.0.note(path, "messages do not know which type implements the service: name the type, or take a `Recipient`");
            return;
        }
        syn::visit::visit_path(self, path);
    }
}
