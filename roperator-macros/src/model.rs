//! Spanned syntax in; a checked model out, or everything that is wrong with it together with what was right, for stubs.
//! Every rule of the macros lives here and in the modules below, and nowhere else.

pub(crate) mod child;
pub(crate) mod handler;
pub(crate) mod operator;
mod text;
mod value;

use proc_macro2::TokenStream;
use syn::{Generics, Ident, LitStr, Path, Visibility, parse_quote};

use crate::errors::Errors;

/// An accepted `#[operator]`.
pub(crate) struct Operator {
    pub(crate) library: Path,
    pub(crate) target: Target,
    pub(crate) name: LitStr,
    pub(crate) parent: Path,
    pub(crate) children: Vec<Child>,
    pub(crate) field_manager: Option<LitStr>,
    pub(crate) finalizer: Finalizer,
    pub(crate) previous_names: Vec<LitStr>,
}

/// The type that carries the attribute.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) visibility: Visibility,
    pub(crate) ident: Ident,
    /// Empty for an accepted operator: only a stub has any.
    pub(crate) generics: Generics,
}

/// A kind that the operator owns.
pub(crate) struct Child {
    pub(crate) kind: Path,
    pub(crate) strategy: Strategy,
    pub(crate) accessor: Ident,
}

/// The kinds that the operator owns, and those of which that could not be accepted.
#[derive(Default)]
pub(crate) struct Children {
    pub(crate) accepted: Vec<Child>,
    pub(crate) refused: Vec<Child>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    Apply { on_immutable: OnImmutable },
    Replace { on_immutable: OnImmutable },
    Recreate,
    OnDelete,
}

/// What to do about a change that the API server refuses because a field is immutable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnImmutable {
    Report,
    Recreate,
}

pub(crate) enum Finalizer {
    Undeclared,
    Default,
    Named(LitStr),
}

impl Finalizer {
    pub(crate) fn is_declared(&self) -> bool {
        !matches!(self, Self::Undeclared)
    }
}

/// What could be read of a `#[operator]` with mistakes: as much as its stubs need.
pub(crate) struct RejectedOperator {
    pub(crate) errors: Errors,
    pub(crate) library: Path,
    pub(crate) target: Option<Target>,
    pub(crate) parent: Option<Path>,
    pub(crate) children: Children,
    pub(crate) finalizer: Finalizer,
}

/// An accepted `#[sync]` or `#[finalize]`.
pub(crate) struct Handler {
    pub(crate) role: Role,
    pub(crate) library: Path,
    pub(crate) operator: Path,
    pub(crate) function: Ident,
    pub(crate) call: Call,
    /// The operator's argument, where the function takes it.
    pub(crate) state: Option<TokenStream>,
    pub(crate) request: TokenStream,
    pub(crate) output: TokenStream,
}

/// Which question of the runtime a function answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Sync,
    Finalize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Plain,
    Awaited,
}

/// What could be read of a `#[sync]` or `#[finalize]` with mistakes.
pub(crate) struct RejectedHandler {
    pub(crate) errors: Errors,
    pub(crate) role: Role,
    pub(crate) library: Path,
    /// Absent as well where a stub could not stand, in an `impl` block.
    pub(crate) operator: Option<Path>,
}

impl Role {
    /// The attribute, and the method it implements.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Finalize => "finalize",
        }
    }

    pub(crate) fn response(self) -> &'static str {
        match self {
            Self::Sync => "SyncResponse",
            Self::Finalize => "FinalizeResponse",
        }
    }

    pub(crate) fn implemented_trait(self) -> &'static str {
        match self {
            Self::Sync => "Handler",
            Self::Finalize => "Finalize",
        }
    }
}

fn default_library() -> Path {
    parse_quote!(::roperator)
}
