//! A checked model in, the code that the user's program gets out. Nothing can fail here, and nothing is decided.

mod children;
mod declaration;
mod handler;

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens;

pub(crate) use children::{children, children_ident};
pub(crate) use handler::{handler, signature};

use crate::model::Operator;

/// All that `#[operator]` adds to its struct.
pub(crate) fn operator(operator: &Operator) -> TokenStream {
    TokenStream::from_iter([
        declaration::declaration(operator),
        children(&operator.library, &operator.target, &operator.children),
    ])
}

/// Tokens as they are, but for mistakes in them to be shown in another place.
pub(crate) fn moved(tokens: impl ToTokens, to: Span) -> TokenStream {
    let moved = tokens.into_token_stream().into_iter().map(|mut token| {
        if let TokenTree::Group(group) = &token {
            token = Group::new(group.delimiter(), moved(group.stream(), to)).into();
        }
        token.set_span(token.span().located_at(to));
        token
    });
    moved.collect()
}

/// Where the compiler should point for generated code: at `tokens`, but as code of the macro, so that no lint takes it
/// for the user's own.
pub(crate) fn place(tokens: impl ToTokens) -> Span {
    let last = tokens.into_token_stream().into_iter().last();
    Span::call_site().located_at(last.map_or_else(Span::call_site, |token: TokenTree| token.span()))
}
