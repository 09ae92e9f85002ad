//! What stands behind a key: a path or a text. A slip in the form is reported, and the value taken all the same.

use std::fmt::Display;

use proc_macro2::{Delimiter, TokenStream};
use quote::ToTokens;
use syn::{LitStr, Path, PathArguments};

use crate::errors::Errors;
use crate::parse::{Head, List, Piece, Term};

/// The term in `key = term`; `form` is how it should have been written.
pub(super) fn assigned<'p>(piece: &'p Piece, form: &str, errors: &mut Errors) -> Option<&'p Term> {
    let key = spelled(&piece.subject.head);
    match (&piece.assigned, &piece.subject.list) {
        (Some(assigned), None) => {
            sign(piece, form, errors);
            if assigned.value.is_nothing() {
                errors.report(piece, format!("`{key}` has no value"), format!("write `{form}`"));
                return None;
            }
            Some(&assigned.value)
        }
        (None, None) => {
            if piece.surplus.is_empty() {
                errors.report(piece, format!("`{key}` has no value"), format!("write `{form}`"));
            } else {
                errors.report(piece, format!("`{key}` needs a `=`"), format!("write `{form}`"));
            }
            None
        }
        (None, Some(list)) => {
            let only = match list.pieces.as_slice() {
                [only] if only.assigned.is_none() => Some(&only.subject),
                _ => None,
            };
            let mend = only.map_or_else(|| form.to_owned(), |only| form_with(piece, spelled(only)));
            errors.report(list, format!("`{key}` takes no list"), format!("write `{mend}`"));
            only
        }
        (Some(_), Some(list)) => {
            errors.report(list, format!("`{key}` takes no list"), format!("write `{form}`"));
            None
        }
    }
}

/// Judges the sign between a key and its value.
pub(super) fn sign(piece: &Piece, form: &str, errors: &mut Errors) {
    if let Some(assigned) = &piece.assigned {
        let written = spelled(&assigned.sign);
        if written != "=" {
            let mend = match assigned.value.is_nothing() {
                true => form.to_owned(),
                false => form_with(piece, spelled(&assigned.value)),
            };
            errors.report(
                &assigned.sign,
                format!("`{written}` stands where `=` should"),
                format!("write `{mend}`"),
            );
        }
    }
}

/// `key = value` with the user's own key.
fn form_with(piece: &Piece, value: impl Display) -> String {
    format!("{} = {value}", spelled(&piece.subject.head))
}

/// The path to a type in `key = path`.
pub(super) fn path(piece: &Piece, form: &str, errors: &mut Errors) -> Option<Path> {
    let term = assigned(piece, form, errors)?;
    no_list(term, form, errors);
    match &term.head {
        Head::Path(path) => Some(path.clone()),
        Head::Text(text) => {
            let mend = format!("leave the quotes out: `{}`", form_with(piece, text.value()));
            errors.report(text, "a path is no string", mend);
            text.parse().ok()
        }
        _ => {
            errors.report(
                term,
                format!("`{}` is no path", spelled(term)),
                format!("write `{form}`"),
            );
            None
        }
    }
}

/// The text in `key = "text"`.
pub(super) fn text(piece: &Piece, form: &str, errors: &mut Errors) -> Option<LitStr> {
    let term = assigned(piece, form, errors)?;
    no_list(term, form, errors);
    if piece.surplus.is_empty() {
        string(term, errors)
    } else {
        // A call of `concat!` or the like.
        let written = format!("{}{}", spelled(term), spelled(&piece.surplus));
        errors.report(
            TokenStream::from_iter([term.to_token_stream(), piece.surplus.clone()]),
            format!("`{written}` is no string"),
            "write it out, in quotes: the declaration is read before macros and constants are",
        );
        None
    }
}

/// A term that is a text.
pub(super) fn string(term: &Term, errors: &mut Errors) -> Option<LitStr> {
    if let Head::Text(text) = &term.head {
        return Some(text.clone());
    }
    let written = spelled(term);
    let mend = match &term.head {
        Head::Path(_) => format!("put it in quotes: `\"{written}\"`"),
        _ => "write it out, in quotes".to_owned(),
    };
    errors.report(term, format!("`{written}` is no string"), mend);
    None
}

/// Whether a path names a kind; the expansion could not name the accessor and the declaration of a generic one.
pub(super) fn no_generics(path: &Path, errors: &mut Errors) {
    for segment in &path.segments {
        if !matches!(segment.arguments, PathArguments::None) {
            errors.report(
                &segment.arguments,
                format!("`{}` has generic arguments", spelled(path)),
                format!(
                    "name the concrete type, `type {ident}Of… = {path};`, and use that name here",
                    ident = segment.ident,
                    path = spelled(path)
                ),
            );
        }
    }
}

/// Reports what is left over behind a piece; for a piece that is not known to be wrong already.
pub(super) fn surplus(piece: &Piece, form: &str, errors: &mut Errors) {
    if !piece.surplus.is_empty() {
        let surplus = spelled(&piece.surplus);
        errors.report(
            &piece.surplus,
            format!("`{surplus}` has no place here"),
            format!("write `{form}`"),
        );
    }
}

/// Reports the comma that a piece lacks before it.
pub(super) fn comma(piece: &Piece, errors: &mut Errors) {
    if piece.unseparated {
        let subject = spelled(&piece.subject.head);
        errors.report(
            &piece.subject.head,
            format!("a comma is missing before `{subject}`"),
            format!("write `, {subject}`"),
        );
    }
}

/// Judges the kind of brackets around a list.
pub(super) fn parentheses(list: &List, form: &str, errors: &mut Errors) {
    if list.delimiter != Delimiter::Parenthesis {
        errors.report(list, "a list stands in parentheses", format!("write `{form}`"));
    }
}

fn no_list(term: &Term, form: &str, errors: &mut Errors) {
    if let Some(list) = &term.list
        && !matches!(term.head, Head::Nothing)
    {
        errors.report(list, "options have no place here", format!("write `{form}`"));
    }
}

/// Tokens as a user would write them: without spaces in paths.
pub(super) fn spelled(tokens: impl ToTokens) -> String {
    let stream: TokenStream = tokens.into_token_stream();
    let text = stream.to_string();
    [
        (" :: ", "::"),
        (":: ", "::"),
        (" < ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" ,", ","),
        (" !", "!"),
    ]
    .iter()
    .fold(text, |text, (from, to)| text.replace(from, to))
}

impl Term {
    fn is_nothing(&self) -> bool {
        matches!(self.head, Head::Nothing) && self.list.is_none()
    }
}
