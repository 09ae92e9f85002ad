//! What was right in a declaration with mistakes in, its compile errors and stubs out. The stubs keep the compiler from
//! complaining about everything that builds on the declaration; they never run, since the errors stop the build.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::WhereClause;

use crate::expand;
use crate::expand::children_ident;
use crate::model::{RejectedHandler, RejectedOperator, Target};

pub(crate) fn operator(rejected: RejectedOperator) -> TokenStream {
    let stubs = rejected.target.as_ref().map(|target| operator_stubs(&rejected, target));
    let errors = rejected.errors.into_tokens();
    quote!(#errors #stubs)
}

fn operator_stubs(rejected: &RejectedOperator, target: &Target) -> TokenStream {
    let RejectedOperator { library, parent, .. } = rejected;
    let ident = &target.ident;
    let parent = match parent {
        Some(parent) => quote!(#parent),
        None => quote!(#library::__private::UnknownParent),
    };
    let finalization = match rejected.finalizer.is_declared() {
        true => quote!(WithFinalizer),
        false => quote!(WithoutFinalizer),
    };
    let children_ident = children_ident(target);
    let children = expand::children(library, target, &rejected.children.accepted);
    // The kinds are named, so that their imports are used.
    let refused = rejected.children.refused.iter().map(|child| &child.kind);

    let mut generics = target.generics.clone();
    if generics.lt_token.is_some() {
        let bound: WhereClause = syn::parse_quote!(where Self: ::core::marker::Send + ::core::marker::Sync + 'static);
        generics.make_where_clause().predicates.extend(bound.predicates);
    }
    let (parameters, arguments, bounds) = generics.split_for_impl();
    let mut with_kind = generics.clone();
    let kind = format_ident!("AnyKind", span = Span::mixed_site());
    with_kind.params.push(syn::parse_quote!(#kind));
    let (parameters_with_kind, ..) = with_kind.split_for_impl();
    quote! {
        impl #parameters #library::Operator for #ident #arguments #bounds {
            type Parent = #parent;
            type Children = #children_ident;
            type Finalization = #library::#finalization;
        }
        impl #parameters #library::Declared for #ident #arguments #bounds {
            const DECLARATION: #library::Declaration = #library::Declaration::new::<#parent>("rejected", &[]);
        }
        impl #parameters_with_kind #library::Declares<#kind> for #ident #arguments #bounds {}
        #children
        const _: ::core::marker::PhantomData<(#(#refused,)*)> = ::core::marker::PhantomData;
    }
}

pub(crate) fn handler(rejected: RejectedHandler) -> TokenStream {
    let RejectedHandler {
        role,
        library,
        operator,
        errors,
    } = rejected;
    let stub = operator.map(|operator| {
        let signature = expand::signature(role, &library, quote!(_), Span::call_site());
        let implemented = format_ident!("{}", role.implemented_trait());
        quote! {
            const _: () = {
                impl #library::#implemented for #operator {
                    #signature {
                        ::core::unimplemented!()
                    }
                }
            };
        }
    });
    let errors = errors.into_tokens();
    quote!(#errors #stub)
}
