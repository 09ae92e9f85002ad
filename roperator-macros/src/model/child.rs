//! The rules of `children(…)`: kinds, strategies, options and the accessors that they get.

use proc_macro2::{Span, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Ident, Path};

use super::{Child, Children, OnImmutable, Strategy, value};
use crate::errors::Errors;
use crate::names::{listed, nearest, plural, snake};
use crate::parse::{Head, List, Piece, Term, word};

const FORM: &str = "children(Pod = recreate, Service = apply)";
const STRATEGIES: [&str; 4] = ["apply", "replace", "recreate", "on_delete"];
const OPTIONS: [&str; 2] = ["accessor", "on_immutable"];

/// The methods of the library's own `Children`, to which the generated type dereferences.
const TAKEN: [&str; 7] = ["iter", "get", "len", "is_empty", "with_type", "of_type", "poisoned"];

/// Stands for a strategy that could not be read, in a declaration that will not be expanded.
const UNKNOWN: Strategy = Strategy::Apply {
    on_immutable: OnImmutable::Report,
};

/// Adds the children that a `children(…)` declares to those that are there.
pub(super) fn read(piece: &Piece, children: &mut Children, errors: &mut Errors) {
    let Some(list) = list(piece, errors) else {
        children.refused.extend(lone_kind(piece));
        return;
    };
    for piece in &list.pieces {
        add(piece, children, errors);
    }
}

/// Adds the child that one piece declares.
pub(super) fn add(piece: &Piece, children: &mut Children, errors: &mut Errors) {
    value::comma(piece, errors);
    let before = errors.count();
    let Some(child) = child(piece, errors) else { return };
    if errors.count() == before {
        value::surplus(piece, &form(&child.kind), errors);
    }
    if is_distinct(&child, piece, &children.accepted, errors) {
        children.accepted.push(child);
    } else {
        children.refused.push(child);
    }
}

/// `Pod` of `children = Pod`.
fn lone_kind(piece: &Piece) -> Option<Child> {
    match &piece.assigned.as_ref()?.value.head {
        Head::Path(kind) => Some(Child {
            accessor: accessor(kind),
            strategy: UNKNOWN,
            kind: kind.clone(),
        }),
        _ => None,
    }
}

/// Whether a piece reads like a child, `Pod = recreate`, wherever it stands.
pub(super) fn is_strategy(piece: &Piece) -> bool {
    let value = piece.assigned.as_ref().map(|assigned| &assigned.value.head);
    matches!(value, Some(Head::Path(path)) if word(path).is_some_and(|word| STRATEGIES.contains(&word.as_str())))
}

fn list<'p>(piece: &'p Piece, errors: &mut Errors) -> Option<&'p List> {
    let mend = format!("write `{FORM}`");
    match (&piece.subject.list, &piece.assigned) {
        (Some(list), None) => {
            value::parentheses(list, FORM, errors);
            Some(list)
        }
        (None, Some(assigned)) => {
            errors.report(
                &assigned.sign,
                format!(
                    "`{}` stands between `children` and its list",
                    value::spelled(&assigned.sign)
                ),
                mend,
            );
            assigned.value.list.as_ref()
        }
        (Some(_), Some(assigned)) => {
            errors.report(&assigned.value, "`children` takes a list and nothing else", mend);
            piece.subject.list.as_ref()
        }
        (None, None) => {
            errors.report(piece, "`children` has no list", mend);
            None
        }
    }
}

fn child(piece: &Piece, errors: &mut Errors) -> Option<Child> {
    let kind = kind(piece, errors)?;
    value::no_generics(&kind, errors);
    let options = Options::read(piece, &kind, errors);
    Some(Child {
        accessor: options.accessor.unwrap_or_else(|| accessor(&kind)),
        strategy: options.strategy,
        kind,
    })
}

fn kind(piece: &Piece, errors: &mut Errors) -> Option<Path> {
    match &piece.subject.head {
        Head::Path(path) => Some(path.clone()),
        Head::Text(text) => {
            let bare = text.value();
            errors.report(
                text,
                "a kind is a path, not a string",
                format!("leave the quotes out: `{bare} = apply`"),
            );
            text.parse().ok()
        }
        _ => {
            let problem = format!("`{}` is no child", value::spelled(piece));
            errors.report(piece, problem, "write a kind and its strategy: `Pod = recreate`");
            None
        }
    }
}

/// `Pod` → `pods`, in the place of the kind.
fn accessor(kind: &Path) -> Ident {
    match kind.segments.last() {
        Some(segment) => {
            let name = plural(&snake(&segment.ident.unraw().to_string()));
            let span = Span::call_site().located_at(segment.ident.span());
            if is_keyword(&name) {
                Ident::new_raw(&name, span)
            } else {
                Ident::new(&name, span)
            }
        }
        // The parser yields no empty path.
        None => Ident::new("children", Span::call_site()),
    }
}

/// What stands behind the `=`.
struct Options {
    strategy: Strategy,
    accessor: Option<Ident>,
}

impl Options {
    fn read(piece: &Piece, kind: &Path, errors: &mut Errors) -> Self {
        let mut options = Self {
            strategy: UNKNOWN,
            accessor: None,
        };
        let name = value::spelled(kind);
        let Some(assigned) = &piece.assigned else {
            let mend = any_strategy(&name);
            match &piece.subject.list {
                Some(list) => errors.report(list, format!("the strategy of `{name}` stands in parentheses"), mend),
                None => errors.report(piece, format!("`{name}` has no strategy"), mend),
            }
            return options;
        };
        if let Some(list) = &piece.subject.list {
            let mend = format!("put options behind the strategy: `{name} = apply(…)`");
            errors.report(list, format!("options stand behind the kind `{name}`"), mend);
        }
        value::sign(piece, &form(kind), errors);
        let strategy = strategy(piece, &assigned.value, &name, errors);
        options.strategy = strategy.unwrap_or(options.strategy);
        if let Some(list) = &assigned.value.list {
            if !matches!(assigned.value.head, Head::Nothing) {
                value::parentheses(list, &format!("{name} = apply(accessor = …)"), errors);
            }
            let mut seen: Vec<String> = Vec::new();
            for piece in &list.pieces {
                options.option(piece, &mut seen, strategy, errors);
            }
        }
        options
    }

    /// Takes one option; `strategy` is absent where it is not known, so that nothing can be said about their fit.
    fn option(&mut self, piece: &Piece, seen: &mut Vec<String>, strategy: Option<Strategy>, errors: &mut Errors) {
        let before = errors.count();
        let Some(option) = option(piece, errors) else { return };
        if seen.iter().any(|seen| seen == option) {
            errors.report(
                &piece.subject,
                format!("`{option}` is given twice"),
                "keep one of the two",
            );
            return;
        }
        seen.push(option.to_owned());
        if option == "accessor" {
            self.accessor = chosen_accessor(piece, errors);
        } else {
            self.recreate_on_immutable(piece, strategy, errors);
        }
        if errors.count() == before {
            value::surplus(piece, &format!("{option} = …"), errors);
        }
    }

    fn recreate_on_immutable(&mut self, piece: &Piece, strategy: Option<Strategy>, errors: &mut Errors) {
        const FORM: &str = "on_immutable = recreate";
        match strategy {
            Some(Strategy::Recreate) => errors.report(
                piece,
                "`recreate` makes the child anew on every change, immutable or not",
                "remove `on_immutable`, or write `apply(on_immutable = recreate)` to do so only where it must be",
            ),
            Some(Strategy::OnDelete) => errors.report(
                piece,
                "`on_delete` never changes a child, so it meets no immutable field",
                "remove `on_immutable`, or use `apply(on_immutable = recreate)`",
            ),
            Some(Strategy::Apply { .. } | Strategy::Replace { .. }) | None => {
                let Some(term) = value::assigned(piece, FORM, errors) else {
                    return;
                };
                if !matches!(&term.head, Head::Path(path) if path.is_ident("recreate")) || term.list.is_some() {
                    errors.report(
                        term,
                        format!("`on_immutable` cannot be `{}`", value::spelled(term)),
                        "the one way past an immutable field is `on_immutable = recreate`; without it the problem is \
                         reported and the child stays",
                    );
                }
            }
        }
        match &mut self.strategy {
            Strategy::Apply { on_immutable } | Strategy::Replace { on_immutable } => {
                *on_immutable = OnImmutable::Recreate;
            }
            Strategy::Recreate | Strategy::OnDelete => {}
        }
    }
}

fn strategy(piece: &Piece, term: &Term, kind: &str, errors: &mut Errors) -> Option<Strategy> {
    let written = match &term.head {
        Head::Path(path) => path.segments.last().map(|segment| segment.ident.unraw().to_string()),
        Head::Text(text) => {
            let bare = text.value();
            let meant = nearest(&bare, STRATEGIES).unwrap_or("apply");
            errors.report(
                text,
                "a strategy is a word, not a string",
                format!("write `{kind} = {meant}`"),
            );
            return known(&bare);
        }
        _ => None,
    };
    let Some(written) = written else {
        if term.to_token_stream().is_empty() {
            let mend = any_strategy(kind);
            errors.report(piece, format!("`{kind}` has no strategy"), mend);
        } else {
            let problem = format!("`{}` is no strategy", value::spelled(term));
            errors.report(term, problem, any_strategy(kind));
        }
        return None;
    };
    let strategy = known(&written);
    if let (Some(strategy), Head::Path(path)) = (strategy, &term.head)
        && path.get_ident().is_some()
    {
        return Some(strategy);
    }
    let problem = format!("`{}` is no strategy", value::spelled(&term.head));
    let mend = match (nearest(&written, STRATEGIES), elsewhere(&written)) {
        (_, Some(mend)) => mend.to_owned(),
        (Some(meant), None) => format!("did you mean `{meant}`?"),
        (None, None) => format!("the strategies are {}", listed(STRATEGIES, "and")),
    };
    errors.report(&term.head, problem, mend);
    nearest(&written, STRATEGIES).and_then(known)
}

/// The mend for a child without a strategy.
fn any_strategy(kind: &str) -> String {
    let others = listed(STRATEGIES.into_iter().skip(1), "or");
    format!("write `{kind} = apply`, or {others} in its place")
}

fn known(word: &str) -> Option<Strategy> {
    Some(match word {
        "apply" => Strategy::Apply {
            on_immutable: OnImmutable::Report,
        },
        "replace" => Strategy::Replace {
            on_immutable: OnImmutable::Report,
        },
        "recreate" => Strategy::Recreate,
        "on_delete" => Strategy::OnDelete,
        _ => return None,
    })
}

/// What to write for a strategy of Metacontroller or of another framework.
fn elsewhere(word: &str) -> Option<&'static str> {
    Some(match snake(word).as_str() {
        "in_place" | "update" | "patch" | "merge" | "server_side_apply" | "ssa" => {
            "to change a child where it stands, use `apply`"
        }
        "rolling" | "rolling_in_place" | "rolling_update" => {
            "there is no rolling over children; use `apply`, or leave the rolling to a Deployment or StatefulSet"
        }
        "rolling_recreate" => {
            "there is no rolling over children; use `recreate`, or leave the rolling to a Deployment or StatefulSet"
        }
        "create" | "create_only" | "ignore" | "never" | "none" => {
            "to leave a child as it is until somebody deletes it, use `on_delete`"
        }
        "delete" => "to delete a child that differs and make it anew, use `recreate`",
        _ => return None,
    })
}

fn option(piece: &Piece, errors: &mut Errors) -> Option<&'static str> {
    let word = piece.key().unwrap_or_default();
    if let Some(option) = OPTIONS.into_iter().find(|option| *option == word) {
        return Some(option);
    }
    let meant = nearest(&word, OPTIONS);
    let mend = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "the options are `accessor = …` and `on_immutable = recreate`".to_owned(),
    };
    let problem = format!("`{}` is no option of a strategy", value::spelled(&piece.subject));
    errors.report(&piece.subject, problem, mend);
    meant
}

/// The method that the user chose, if it can be one.
fn chosen_accessor(piece: &Piece, errors: &mut Errors) -> Option<Ident> {
    const FORM: &str = "accessor = workers";
    let term = value::assigned(piece, FORM, errors)?;
    let ident = match &term.head {
        Head::Path(path) => path.get_ident().cloned(),
        Head::Other(TokenTree::Ident(ident)) => Some(ident.clone()),
        Head::Text(text) => {
            errors.report(
                text,
                "an accessor is a word, not a string",
                format!("leave the quotes out: `{FORM}`"),
            );
            return text.parse().ok().map(as_generated);
        }
        _ => None,
    };
    let Some(ident) = ident.filter(|_| term.list.is_none()) else {
        let problem = format!("`{}` cannot name a method", value::spelled(term));
        errors.report(term, problem, format!("write `{FORM}`"));
        return None;
    };
    let name = ident.to_string();
    if is_keyword(&name) {
        let problem = format!("`{name}` is a keyword of Rust");
        errors.report(
            &ident,
            problem,
            format!("choose another name, for instance `accessor = {name}_children`"),
        );
        return None;
    }
    if TAKEN.contains(&name.as_str()) {
        errors.report(
            &ident,
            format!("`{name}` is a method that all children have"),
            format!("choose another name, for instance `accessor = {name}_children`"),
        );
        return None;
    }
    Some(as_generated(ident))
}

/// The word in its place, but as the macro's own: lints about it would be lints about code that the user did not write.
fn as_generated(mut ident: Ident) -> Ident {
    ident.set_span(Span::call_site().located_at(ident.span()));
    ident
}

/// Whether a kind and its accessor are new among the children so far.
fn is_distinct(child: &Child, piece: &Piece, children: &[Child], errors: &mut Errors) -> bool {
    let name = value::spelled(&child.kind);
    if let Some(first) = children.iter().find(|first| value::spelled(&first.kind) == name) {
        errors.report(
            &piece.subject,
            format!("`{name}` is declared twice"),
            "remove one: a kind has one strategy",
        );
        errors.point(&first.kind, format!("`{name}` is declared here first"));
        return false;
    }
    if let Some(first) = children.iter().find(|first| first.accessor == child.accessor) {
        let accessor = &child.accessor;
        errors.report(
            &piece.subject,
            format!(
                "`{name}` and `{}` would both be read by `{accessor}()`",
                value::spelled(&first.kind)
            ),
            format!("give this one a name of its own: `{name} = apply(accessor = …)`"),
        );
        return false;
    }
    true
}

fn form(kind: &Path) -> String {
    format!("{} = apply", value::spelled(kind))
}

fn is_keyword(name: &str) -> bool {
    !name.starts_with("r#") && syn::parse_str::<Ident>(name).is_err()
}
