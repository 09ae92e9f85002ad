//! The rules of `#[operator]` as a whole: its item, its keys, and the names it gives on the cluster.

use syn::ext::IdentExt;
use syn::{Ident, Item, LitStr, Path};

use super::{Children, Finalizer, Operator, RejectedOperator, Target, child, default_library, text, value};
use crate::errors::Errors;
use crate::names::{kebab, listed, nearest};
use crate::parse::{Head, Piece, Term};

/// The forms of the keys, in the order of the documentation.
const KEYS: [(&str, Key); 7] = [
    ("parent", Key::Parent),
    ("children", Key::Children),
    ("name", Key::Name),
    ("field_manager", Key::FieldManager),
    ("finalizer", Key::Finalizer),
    ("previous_names", Key::PreviousNames),
    ("crate", Key::Crate),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Parent,
    Children,
    Name,
    FieldManager,
    Finalizer,
    PreviousNames,
    Crate,
}

impl Key {
    /// How the key is written.
    fn form(self) -> &'static str {
        match self {
            Self::Parent => "parent = EchoServer",
            Self::Children => "children(Pod = recreate, Service = apply)",
            Self::Name => "name = \"echo\"",
            Self::FieldManager => "field_manager = \"echo.example.com\"",
            Self::Finalizer => "finalizer` or `finalizer = \"example.com/cleanup\"",
            Self::PreviousNames => "previous_names(\"old-name\")",
            Self::Crate => "crate = path::to::roperator",
        }
    }
}

/// What the keys gave so far.
#[derive(Default)]
struct Draft {
    seen: Vec<Key>,
    parent: Option<Path>,
    children: Children,
    name: Option<LitStr>,
    field_manager: Option<LitStr>,
    finalizer: Option<Finalizer>,
    previous_names: Vec<LitStr>,
    library: Option<Path>,
}

/// Judges the arguments of `#[operator]` and the item under it.
pub(crate) fn check(pieces: &[Piece], item: syn::Result<Item>) -> Result<Operator, Box<RejectedOperator>> {
    let mut errors = Errors::default();
    let target = target(item, &mut errors);
    let mut draft = Draft::default();
    for piece in pieces {
        draft.read(piece, &mut errors);
    }
    if !draft.seen.contains(&Key::Parent) {
        errors.report_missing(
            "`parent` is missing",
            "name the custom resource that the operator serves: `parent = EchoServer`",
        );
    }
    draft.refuse_parent_as_child(&mut errors);
    // A name is made even of a struct that is not quite right, so that every rule about names has its say.
    let name = draft.name.clone().or_else(|| {
        let unnamed = !draft.seen.contains(&Key::Name);
        target
            .as_ref()
            .filter(|_| unnamed)
            .and_then(|target| derived_name(&target.ident, &mut errors))
    });
    draft.check_previous_names(name.as_ref(), &mut errors);

    let library = draft.library.unwrap_or_else(default_library);
    let finalizer = draft.finalizer.unwrap_or(Finalizer::Undeclared);
    match (target, draft.parent, name, errors.is_empty()) {
        (Some(target), Some(parent), Some(name), true) => Ok(Operator {
            library,
            target,
            name,
            parent,
            children: draft.children.accepted,
            field_manager: draft.field_manager,
            finalizer,
            previous_names: draft.previous_names,
        }),
        (target, parent, ..) => Err(Box::new(RejectedOperator {
            errors,
            library,
            target,
            parent,
            children: draft.children,
            finalizer,
        })),
    }
}

/// The type under the attribute. One that cannot be an operator is reported, and still good for stubs.
fn target(item: syn::Result<Item>, errors: &mut Errors) -> Option<Target> {
    const PROBLEM: &str = "`#[operator]` declares a struct";
    let item = match item {
        Ok(item) => item,
        Err(error) => {
            errors.report_missing(
                format!("`#[operator]` could not read what stands under it: {error}"),
                "put it on a struct",
            );
            return None;
        }
    };
    let (visibility, ident, generics) = match item {
        Item::Struct(item) => {
            if item.generics.lt_token.is_some() {
                errors.report(
                    &item.generics,
                    format!("the operator `{}` is generic", item.ident),
                    "declare one struct for each kind of parent, and share code through functions; a field may be a `Box<dyn …>`",
                );
            }
            (item.vis, item.ident, item.generics)
        }
        Item::Enum(item) => {
            let mend = format!("write `struct {};`, and keep the enum in a field", item.ident);
            errors.report(item.enum_token, format!("{PROBLEM}, not an enum"), mend);
            (item.vis, item.ident, item.generics)
        }
        Item::Union(item) => {
            let mend = format!("write `struct {};`", item.ident);
            errors.report(item.union_token, format!("{PROBLEM}, not a union"), mend);
            (item.vis, item.ident, item.generics)
        }
        Item::Fn(item) => {
            errors.report(
                item.sig.fn_token,
                format!("{PROBLEM}, not a function"),
                "write `#[operator(…)] pub struct EchoOperator;`, and `#[sync]` on this function",
            );
            return None;
        }
        other => {
            errors.report(other, PROBLEM, "write `#[operator(…)] pub struct EchoOperator;`");
            return None;
        }
    };
    Some(Target {
        visibility,
        ident,
        generics,
    })
}

impl Draft {
    fn read(&mut self, piece: &Piece, errors: &mut Errors) {
        value::comma(piece, errors);
        let before = errors.count();
        if child::is_strategy(piece) && piece.key().is_none_or(|word| known(&word).is_none()) {
            let mend = format!("children stand in a list: `children({})`", value::spelled(piece));
            errors.report(piece, "this child stands among the keys of `#[operator]`", mend);
            child::add(piece, &mut self.children, errors);
            return;
        }
        let Some(key) = key(piece, errors) else { return };
        if self.seen.contains(&key) && errors.count() == before {
            let word = value::spelled(&piece.subject.head);
            let mend = match key {
                Key::Children => "put all children into one list",
                Key::PreviousNames => "put all names into one list",
                _ => "keep one of the two",
            };
            errors.report(&piece.subject.head, format!("`{word}` is given twice"), mend);
        }
        self.seen.push(key);
        let form = key.form();
        match key {
            Key::Parent => {
                let path = value::path(piece, form, errors);
                path.iter().for_each(|path| value::no_generics(path, errors));
                self.parent = self.parent.take().or(path);
            }
            Key::Children => child::read(piece, &mut self.children, errors),
            Key::Name => {
                let text = value::text(piece, form, errors).filter(|name| named("name", name, errors));
                self.name = self.name.take().or(text);
            }
            Key::FieldManager => {
                let text = value::text(piece, form, errors);
                text.iter().for_each(|text| {
                    if let Err(complaint) = text::field_manager(&text.value()) {
                        let mend = "use 1 to 128 printable characters, for instance the operator's name";
                        errors.report(text, format!("this field manager {complaint}"), mend);
                    }
                });
                self.field_manager = self.field_manager.take().or(text);
            }
            Key::Finalizer => {
                let finalizer = finalizer(piece, errors);
                self.finalizer = self.finalizer.take().or(Some(finalizer));
            }
            Key::PreviousNames => self.previous_names.extend(previous_names(piece, errors)),
            Key::Crate => {
                let path = value::path(piece, form, errors);
                self.library = self.library.take().or(path);
            }
        }
        if errors.count() == before {
            value::surplus(piece, form, errors);
        }
    }

    /// A parent that owned parents would beget children without end.
    fn refuse_parent_as_child(&mut self, errors: &mut Errors) {
        let Some(parent) = self.parent.as_ref().map(value::spelled) else {
            return;
        };
        for child in &self.children.accepted {
            if value::spelled(&child.kind) == parent {
                errors.report(
                    &child.kind,
                    format!("the parent `{parent}` is declared as its own child"),
                    "remove it from `children`; for a tree of objects declare a second custom resource",
                );
            }
        }
    }

    fn check_previous_names(&self, current: Option<&LitStr>, errors: &mut Errors) {
        let mut seen: Vec<String> = Vec::new();
        for previous in &self.previous_names {
            let text = previous.value();
            if current.is_some_and(|current| current.value() == text) {
                let problem = format!("`{text}` is the operator's present name");
                errors.report(previous, problem, "list only names that it had before");
            } else if seen.contains(&text) {
                errors.report(
                    previous,
                    format!("the previous name `{text}` is listed twice"),
                    "remove one",
                );
            }
            seen.push(text);
        }
    }
}

/// The key of a piece; a word that is near one is reported and taken for it.
fn key(piece: &Piece, errors: &mut Errors) -> Option<Key> {
    let keys = || KEYS.iter().map(|(word, _)| *word);
    let Some(word) = piece.key() else {
        errors.report(
            piece,
            format!("`{}` is no key of `#[operator]`", value::spelled(piece)),
            format!("the keys are {}", listed(keys(), "and")),
        );
        return None;
    };
    if let Some(key) = known(&word) {
        return Some(key);
    }
    let problem = format!("`{word}` is no key of `#[operator]`");
    let meant = nearest(&word, keys()).or_else(|| synonym(&word));
    match meant {
        Some(meant) => errors.report(&piece.subject.head, problem, format!("did you mean `{meant}`?")),
        None => errors.report(
            &piece.subject.head,
            problem,
            format!("the keys are {}", listed(keys(), "and")),
        ),
    }
    meant.and_then(known)
}

fn known(word: &str) -> Option<Key> {
    KEYS.iter().find(|(known, _)| *known == word).map(|(_, key)| *key)
}

/// What other frameworks call the same thing.
fn synonym(word: &str) -> Option<&'static str> {
    Some(match word {
        "kind" | "resource" | "parent_resource" | "crd" | "cr" => "parent",
        "owns" | "owned" | "child_resources" => "children",
        "manager" => "field_manager",
        "finalize" | "on_finalize" => "finalizer",
        "aliases" | "renamed_from" | "old_names" | "formerly" => "previous_names",
        "krate" | "roperator" => "crate",
        _ => return None,
    })
}

fn finalizer(piece: &Piece, errors: &mut Errors) -> Finalizer {
    if piece.assigned.is_none() && piece.subject.list.is_none() {
        return Finalizer::Default;
    }
    if let Some(Term {
        head: Head::Other(token),
        ..
    }) = piece.assigned.as_ref().map(|assigned| &assigned.value)
        && matches!(token.to_string().as_str(), "true" | "false")
    {
        let mend = match token.to_string().as_str() {
            "true" => "write `finalizer` alone, or `finalizer = \"example.com/cleanup\"`",
            _ => "leave `finalizer` out: there is none unless it is declared",
        };
        errors.report(token, "`finalizer` is not a switch", mend);
        return Finalizer::Default;
    }
    match value::text(piece, "finalizer = \"example.com/cleanup\"", errors) {
        Some(text) => {
            let finalizer = text.value();
            if let Err(complaint) = text::qualified(&finalizer) {
                let mend = match text::as_label(&finalizer) {
                    Some(name) if !finalizer.contains('/') => {
                        format!("put a domain of yours before it: `finalizer = \"example.com/{name}\"`")
                    }
                    _ => "write a domain and a name, `finalizer = \"example.com/cleanup\"`".to_owned(),
                };
                errors.report(&text, format!("the finalizer `{finalizer}` {complaint}"), mend);
            }
            Finalizer::Named(text)
        }
        None => Finalizer::Default,
    }
}

fn previous_names(piece: &Piece, errors: &mut Errors) -> Vec<LitStr> {
    let form = Key::PreviousNames.form();
    let list = match (&piece.subject.list, &piece.assigned) {
        (Some(list), None) => {
            value::parentheses(list, form, errors);
            list
        }
        (None, Some(assigned)) => {
            errors.report(
                piece,
                "`previous_names` takes a list in parentheses",
                format!("write `{form}`"),
            );
            match &assigned.value.list {
                Some(list) => list,
                None => return Vec::new(),
            }
        }
        _ => {
            errors.report(
                piece,
                "`previous_names` takes a list in parentheses",
                format!("write `{form}`"),
            );
            return Vec::new();
        }
    };
    let mut names = Vec::new();
    for piece in &list.pieces {
        let name = value::string(&piece.subject, errors);
        names.extend(name.filter(|name| is_previous_name(name, errors)));
        if piece.assigned.is_some() || !piece.surplus.is_empty() {
            errors.report(piece, "a previous name is a string alone", format!("write `{form}`"));
        }
    }
    names
}

/// Whether a text can be an operator's name.
fn named(what: &str, name: &LitStr, errors: &mut Errors) -> bool {
    let text = name.value();
    let judged = text::label(&text);
    if let Err(complaint) = &judged {
        let rule = "use small letters, digits and `-`, at most 63";
        let mend = match text::as_label(&text) {
            Some(label) => format!("{rule}: `\"{label}\"`"),
            None => rule.to_owned(),
        };
        errors.report(name, format!("the {what} `{text}` {complaint}"), mend);
    }
    judged.is_ok()
}

/// A previous name is an operator's name, a field manager or a finalizer: whatever may stand on the cluster of it.
fn is_previous_name(name: &LitStr, errors: &mut Errors) -> bool {
    let text = name.value();
    let judged = text::field_manager(&text);
    if let Err(complaint) = &judged {
        let mend = "write a name, a field manager or a finalizer that the operator had";
        errors.report(name, format!("the previous name `{text}` {complaint}"), mend);
    }
    judged.is_ok()
}

/// The struct's name in kebab case, without `Operator` at its end.
fn derived_name(ident: &Ident, errors: &mut Errors) -> Option<LitStr> {
    let unraw = ident.unraw().to_string();
    let stem = unraw.strip_suffix("Operator").unwrap_or(&unraw);
    let name = kebab(stem);
    if name.is_empty() {
        let problem = format!("no operator name can be made of `{unraw}`");
        errors.report(
            ident,
            problem,
            "give one: `name = \"echo\"`, or name the struct like `EchoOperator`",
        );
        return None;
    }
    if let Err(complaint) = text::label(&name) {
        let problem = format!("the operator name `{name}`, made of `{unraw}`, {complaint}");
        errors.report(ident, problem, "give another: `name = \"echo\"`");
        return None;
    }
    Some(LitStr::new(&name, ident.span()))
}
