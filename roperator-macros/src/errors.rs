//! Mistakes in, compile errors out. All that are independent of each other are reported together; each is a problem
//! and its mend, at the user's own tokens.

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    /// Adds a mistake: what is wrong with the tokens `at`, and how to mend it.
    pub(crate) fn report(&mut self, at: impl ToTokens, problem: impl Display, mend: impl Display) {
        self.0.push(syn::Error::new_spanned(at, text(problem, mend)));
    }

    /// Adds a mistake that is an omission, so that only the attribute itself can be pointed at.
    pub(crate) fn report_missing(&mut self, problem: impl Display, mend: impl Display) {
        self.0
            .push(syn::Error::new(proc_macro2::Span::call_site(), text(problem, mend)));
    }

    /// Points at a second place that belongs to the mistake just reported.
    pub(crate) fn point(&mut self, at: impl ToTokens, remark: impl Display) {
        self.0.push(syn::Error::new_spanned(at, remark));
    }

    /// How many there are; by comparing, a caller sees whether a step added any.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One `compile_error!` for each.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.0.iter().map(syn::Error::to_compile_error).collect()
    }
}

fn text(problem: impl Display, mend: impl Display) -> String {
    format!("{problem}\nhelp: {mend}")
}
