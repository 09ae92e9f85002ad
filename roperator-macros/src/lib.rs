//! The attribute macros of roperator: tokens in, tokens out.
//!
//! A declaration goes through four rooms: `parse` reads the tokens, `model` judges them, `expand` writes what was
//! accepted, and `fallback` writes stubs in place of what was not. The expansion is constants and one-line
//! implementations; it never contains logic, which lives in the library.
//!
//! Use the macros through `roperator`, which re-exports them.

mod errors;
mod expand;
mod fallback;
mod model;
mod names;
mod parse;
#[cfg(test)]
mod snapshots;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;

/// Declares an operator: the custom resource it serves and the kinds of children it owns.
///
/// ```ignore
/// #[operator(
///     parent = EchoServer,
///     children(
///         Pod = recreate(accessor = workers),
///         Service = apply,
///         Job = apply(on_immutable = recreate),
///     ),
///     name = "echo",
///     field_manager = "echo.example.com",
///     finalizer,
///     previous_names("echoer"),
/// )]
/// pub struct EchoOperator;
/// ```
///
/// | key | meaning | default |
/// |---|---|---|
/// | `parent = PATH` | the custom resource that the operator serves | required |
/// | `children(PATH = STRATEGY, …)` | the kinds it owns, and how each is updated | none |
/// | `name = "…"` | a DNS label: the operator's name on the cluster | the struct's name in kebab case, without `Operator` |
/// | `field_manager = "…"` | the owner of the fields it writes | the name |
/// | `finalizer`, `finalizer = "domain/name"` | `#[finalize]` runs before a parent goes | no finalizer; `roperator.dev/NAME` |
/// | `previous_names("…", …)` | names, field managers and finalizers it had before, whose children and fields it takes over | none |
/// | `crate = PATH` | where the library is, if not at `::roperator` | `::roperator` |
///
/// | strategy | what happens to a child that differs |
/// |---|---|
/// | `apply` | server-side apply: only the fields that the operator gives are its own |
/// | `replace` | by a PUT of the desired fields laid over the live object |
/// | `recreate` | it is deleted and created anew |
/// | `on_delete` | it stays as it is until somebody deletes it |
///
/// Each strategy takes `accessor = IDENT`, the name of the method on `request.children()` (by default the plural of the
/// kind in snake case), and `apply` and `replace` take `on_immutable = recreate`, for a change that the API server
/// refuses because a field is immutable.
#[proc_macro_attribute]
pub fn operator(arguments: TokenStream, item: TokenStream) -> TokenStream {
    declared(arguments.into(), item.into()).into()
}

/// Makes a function the operator's answer to "what should there be?".
///
/// ```ignore
/// #[sync]
/// fn sync(request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> { /* … */ }
/// ```
///
/// The function may be `async`, and may take the operator itself as a first argument, `&EchoOperator`. The operator is
/// the one in the signature; where an alias hides it, `#[sync(EchoOperator)]` says it outright. The function stays as
/// it is and can be called like any other, in a test for instance. `crate = PATH` as in `#[operator]`.
#[proc_macro_attribute]
pub fn sync(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handled(model::Role::Sync, arguments.into(), item.into()).into()
}

/// Makes a function the operator's farewell to a parent, for an operator that declares a `finalizer`.
///
/// ```ignore
/// #[finalize]
/// async fn finalize(request: &SyncRequest<EchoOperator>) -> Result<FinalizeResponse<EchoOperator>> { /* … */ }
/// ```
///
/// The same forms as for `#[sync]`.
#[proc_macro_attribute]
pub fn finalize(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handled(model::Role::Finalize, arguments.into(), item.into()).into()
}

fn declared(arguments: Tokens, item: Tokens) -> Tokens {
    let generated = match model::operator::check(&parse::pieces(arguments), parse::item(&item)) {
        Ok(operator) => expand::operator(&operator),
        Err(rejected) => fallback::operator(*rejected),
    };
    Tokens::from_iter([item, generated])
}

fn handled(role: model::Role, arguments: Tokens, item: Tokens) -> Tokens {
    let generated = match model::handler::check(role, &parse::pieces(arguments), parse::function(&item)) {
        Ok(handler) => expand::handler(&handler),
        Err(rejected) => fallback::handler(*rejected),
    };
    Tokens::from_iter([item, generated])
}
