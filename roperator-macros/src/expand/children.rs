//! The type of `request.children()`: one typed accessor a child over the library's own `Children`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Path};

use super::{moved, place};
use crate::model::{Child, Target};

pub(crate) fn children(library: &Path, target: &Target, children: &[Child]) -> TokenStream {
    let visibility = &target.visibility;
    let ident = children_ident(target);
    let accessors = children.iter().map(|child| accessor(library, target, child));
    let inherent = match children {
        [] => TokenStream::new(),
        _ => quote!(impl #ident { #(#accessors)* }),
    };
    let doc = format!(" The observed children of [`{}`].", target.ident);
    quote! {
        #[doc = #doc]
        #visibility struct #ident(#library::Children);
        #inherent
        impl ::core::convert::From<#library::Children> for #ident {
            fn from(children: #library::Children) -> Self {
                Self(children)
            }
        }
        impl ::core::ops::Deref for #ident {
            type Target = #library::Children;
            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    }
}

/// `EchoOperator` → `EchoOperatorChildren`.
pub(crate) fn children_ident(target: &Target) -> Ident {
    format_ident!("{}Children", target.ident, span = place(&target.ident))
}

fn accessor(library: &Path, target: &Target, Child { kind, accessor, .. }: &Child) -> TokenStream {
    let visibility = &target.visibility;
    let name = kind
        .segments
        .last()
        .map(|segment| segment.ident.to_string())
        .unwrap_or_default();
    let doc = format!(" The `{name}` children, as last observed.");
    // A kind that is none is a mistake at the kind.
    let at_kind = place(kind);
    let library = moved(library, at_kind);
    let view = quote_spanned!(at_kind=> #library::View<'_, #kind>);
    let body = quote_spanned!(at_kind=> self.0.with_type());
    quote! {
        #[doc = #doc]
        #visibility fn #accessor(&self) -> #view {
            #body
        }
    }
}
