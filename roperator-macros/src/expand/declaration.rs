//! The operator's declaration: a constant, the types that belong to it, and a marker for each child.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::children::children_ident;
use super::{moved, place};
use crate::model::{Child, Finalizer, OnImmutable, Operator, Strategy};

pub(super) fn declaration(operator: &Operator) -> TokenStream {
    let Operator {
        library, parent, name, ..
    } = operator;
    let ident = &operator.target.ident;
    let children_ident = children_ident(&operator.target);
    let finalization = match operator.finalizer.is_declared() {
        true => quote!(WithFinalizer),
        false => quote!(WithoutFinalizer),
    };
    let children = operator.children.iter().map(|declared| child(operator, declared));
    let choices = choices(operator);
    let kinds = operator.children.iter().map(|child| &child.kind);
    let at_parent = place(parent);
    let library_moved = moved(library, at_parent);
    let value = quote_spanned!(at_parent=>
        #library_moved::Declaration::new::<#parent>(#name, &[#(#children),*]) #choices
    );
    let parent_type = quote_spanned!(at_parent=> type Parent = #parent;);
    quote! {
        impl #library::Operator for #ident {
            #parent_type
            type Children = #children_ident;
            type Finalization = #library::#finalization;
            fn declaration() -> ::core::option::Option<#library::Declaration> {
                ::core::option::Option::Some(<Self as #library::Declared>::DECLARATION)
            }
        }
        impl #library::Declared for #ident {
            const DECLARATION: #library::Declaration = #value;
        }
        #(impl #library::Declares<#kinds> for #ident {})*
    }
}

fn child(operator: &Operator, Child { kind, strategy, .. }: &Child) -> TokenStream {
    let Operator { library, parent, .. } = operator;
    let (strategy, on_immutable) = match strategy {
        Strategy::Apply { on_immutable } => (quote!(apply), *on_immutable),
        Strategy::Replace { on_immutable } => (quote!(replace), *on_immutable),
        Strategy::Recreate => (quote!(recreate), OnImmutable::Report),
        Strategy::OnDelete => (quote!(on_delete), OnImmutable::Report),
    };
    let choice = match on_immutable {
        OnImmutable::Report => TokenStream::new(),
        OnImmutable::Recreate => quote!(.on_immutable_recreate()),
    };
    // A kind that does not fit the parent is a mistake at the kind, also where the compiler blames the parent.
    let at_kind = place(kind);
    let library_moved = moved(library, at_kind);
    let parent = moved(parent, at_kind);
    quote_spanned!(at_kind=>
        #library_moved::ChildDeclaration::#strategy::<#parent, #kind>() #choice
    )
}

/// What the declaration says beyond the defaults.
fn choices(operator: &Operator) -> TokenStream {
    let field_manager = operator.field_manager.iter().map(|text| quote!(.field_manager(#text)));
    let finalizer = match &operator.finalizer {
        Finalizer::Undeclared => TokenStream::new(),
        Finalizer::Default => quote!(.with_finalizer()),
        Finalizer::Named(text) => quote!(.finalizer(#text)),
    };
    let previous_names = match operator.previous_names.as_slice() {
        [] => TokenStream::new(),
        names => quote!(.previous_names(&[#(#names),*])),
    };
    quote!(#(#field_manager)* #finalizer #previous_names)
}
