//! The implementation that lets the runtime call a user's function.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::Ident;

use super::{moved, place};
use crate::model::{Call, Handler, Role};

pub(crate) fn handler(handler: &Handler) -> TokenStream {
    let Handler { role, operator, .. } = handler;
    let at_function = place(&handler.function);
    let library = moved(&handler.library, at_function);
    let request = Ident::new("request", Span::mixed_site().located_at(at_function));
    let signature = signature(*role, &library, &request, at_function);
    let call = call(handler, request);
    let implemented = format_ident!("{}", role.implemented_trait());
    quote_spanned! {at_function=>
        const _: () = {
            impl #library::#implemented for #operator {
                #signature {
                    #call
                }
            }
        };
    }
}

/// The call of the user's function. What it returns is judged at its return type, as if the user had written it there,
/// and each argument at its type.
fn call(handler: &Handler, mut request: Ident) -> TokenStream {
    let at_output = first_span(&handler.output);
    let library = moved(&handler.library, at_output);
    let state = handler.state.iter().map(|state| {
        let at_state = Span::call_site().located_at(first_span(state));
        quote_spanned!(at_state=> self,)
    });
    request.set_span(request.span().located_at(first_span(&handler.request)));
    let mut function = handler.function.clone();
    function.set_span(function.span().located_at(at_output));
    let wait = match handler.call {
        Call::Plain => TokenStream::new(),
        Call::Awaited => quote_spanned!(at_output=> .await),
    };
    let outcome = match handler.role {
        Role::Sync => quote_spanned!(at_output=> outcome),
        Role::Finalize => quote_spanned!(at_output=> finalized),
    };
    quote_spanned!(at_output=> #library::__private::#outcome(#function(#(#state)* #request) #wait))
}

/// The signature of the method that a role implements.
pub(crate) fn signature(role: Role, library: &impl ToTokens, request: impl ToTokens, span: Span) -> TokenStream {
    let name = format_ident!("{}", role.name(), span = span);
    let response = format_ident!("{}", role.response(), span = span);
    quote_spanned! {span=>
        async fn #name(&self, #request: &#library::SyncRequest<Self>) -> #library::Result<#library::#response<Self>>
    }
}

/// The first word of some tokens: `Result` rather than the arrow before it or the last `>` of its arguments.
fn first_span(tokens: &TokenStream) -> Span {
    tokens
        .clone()
        .into_iter()
        .find(|token| !matches!(token, TokenTree::Punct(_)))
        .map_or_else(Span::call_site, |token| token.span())
}
