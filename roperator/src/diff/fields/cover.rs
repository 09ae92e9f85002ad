//! Which parts of desired a set owns.
//!
//! In: a set, desired, and perhaps live. Out: readable paths such as `.spec.containers[name="app"].image`, in the order of
//! desired. Values are not compared, except where [bare nodes in doubt](super) leave nothing else.
//!
//! # The cases
//!
//! | desired | is covered when |
//! |---|---|
//! | `null`, `{}`, `[]` | always: the server may drop these, and then owns nothing for anybody |
//! | `false`, `0`, `""` in a built-in kind's spec, no member of a map of texts, and live has nothing there | always, for the same reason |
//! | anything | its node is bare (an atomic map or list, a scalar) |
//! | a scalar | its node is owned itself; one that is only on the way to others is not |
//! | a map | each member is, by its `f:` child; list steps there do not count |
//! | a list, and the node has none or only `f:` children | never, as a whole: an atomic list that somebody took, or an emptied one |
//! | an item that is a map | a `k:` child that agrees on the key members that the item states (at least one) covers it; any will do, when several agree. Failing that its `i:` child |
//! | an item that is a scalar | there is a `v:` child for it, or an `i:` child |
//! | an item that is a list, or `null` | there is an `i:` child: no set has such elements |

use std::fmt::Write as _;
use std::ops::Deref;

use serde_json::{Map, Value};

use crate::kind::is_built_in_group;

use super::element::{Key, Texts, contains, is_zero, member};
use super::{FieldSet, Node, Own};

/// How far down the object a map is: at the top and in its metadata, some members are nobody's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Object,
    Metadata,
    Below,
}

impl Place {
    /// Whether managed fields never mention this member: it says which object it is, or is the server's.
    pub(super) fn is_untracked(self, name: &str) -> bool {
        match self {
            Self::Object => matches!(name, "apiVersion" | "kind"),
            Self::Metadata => matches!(name, "name" | "namespace") || self.is_the_servers(name),
            Self::Below => false,
        }
    }

    /// Whether only the server writes this member.
    pub(super) fn is_the_servers(self, name: &str) -> bool {
        self == Self::Metadata
            && matches!(
                name,
                "creationTimestamp"
                    | "deletionGracePeriodSeconds"
                    | "deletionTimestamp"
                    | "generateName"
                    | "generation"
                    | "managedFields"
                    | "resourceVersion"
                    | "selfLink"
                    | "uid"
            )
    }

    pub(super) fn inside(self, name: &str) -> Self {
        if self == Self::Object && name == "metadata" {
            Self::Metadata
        } else {
            Self::Below
        }
    }
}

impl FieldSet {
    #[cfg(test)]
    /// The leaves of `desired` that this set does not own, trusting every bare node. Empty: covered. A list or keyed item of
    /// which nothing is owned is one leaf.
    pub(crate) fn uncovered(&self, desired: &Value) -> Vec<String> {
        self.walk(desired, Question::Owned, Live::Unasked).out
    }

    /// As [`FieldSet::uncovered`], but bare nodes of `Update` entries are trusted only where `live` says what `desired`
    /// says: where it does not, somebody took the last member of a map or list of ours.
    ///
    /// What is in here and not in `uncovered` may also be something atomic that the server or a webhook changed as we wrote
    /// it. So heal it by turning the `Update` entry into an `Apply` entry *and* applying: after that it is not in doubt.
    pub(crate) fn drifted(&self, desired: &Value, live: &impl Deref<Target = Value>) -> Vec<String> {
        self.asked(desired, Question::Owned, live)
    }

    /// The maps that `desired` states to be empty, that `live` fills, and of which this set owns nothing: somebody else filled,
    /// say, `podSelector: {}`. Or the server dropped our empty map, and others have added to theirs since (labels, mostly).
    ///
    /// An apply takes such a place, and then it is not in here again. A PUT does not: never ask this for PUTs.
    pub(crate) fn filled(&self, desired: &Value, live: &impl Deref<Target = Value>) -> Vec<String> {
        self.asked(desired, Question::Filled, live)
    }

    #[cfg(test)]
    /// [`FieldSet::drifted`] and [`FieldSet::filled`], with the live object at hand from the beginning.
    pub(super) fn at_once(&self, desired: &Value, live: &Value) -> [Vec<String>; 2] {
        [Question::Owned, Question::Filled].map(|question| self.walk(desired, question, Live::At(Some(live))).out)
    }

    /// Most answers need nothing of the live object, which is looked at (and may only then be decoded) for the others.
    fn asked(&self, desired: &Value, question: Question, live: &impl Deref<Target = Value>) -> Vec<String> {
        let walk = self.walk(desired, question, Live::Unasked);
        if walk.would_ask {
            self.walk(desired, question, Live::At(Some(live))).out
        } else {
            walk.out
        }
    }

    fn walk(&self, desired: &Value, question: Question, live: Live<'_>) -> Walk {
        let mut walk = Walk {
            question,
            would_ask: false,
            texts: Texts::Exactly,
            in_spec: Texts::Exactly,
            path: String::new(),
            out: Vec::new(),
        };
        if let Value::Object(desired) = desired {
            walk.in_spec = in_spec(desired);
            walk.map(Some(&self.root), desired, live, Place::Object);
        }
        walk
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    /// What is not owned?
    Owned,
    /// Which empty map is neither owned nor empty?
    Filled,
}

/// The live value beside the desired one.
#[derive(Clone, Copy)]
enum Live<'a> {
    /// Nobody asks for it.
    Unasked,
    At(Option<&'a Value>),
}

impl<'a> Live<'a> {
    fn then(self, step: impl FnOnce(&'a Value) -> Option<&'a Value>) -> Self {
        match self {
            Self::Unasked => Self::Unasked,
            Self::At(value) => Self::At(value.and_then(step)),
        }
    }
}

struct Walk {
    question: Question,
    /// Whether something was left open that only the live object tells.
    would_ask: bool,
    /// How texts are compared here.
    texts: Texts,
    in_spec: Texts,
    path: String,
    out: Vec<String>,
}

/// How texts are compared in the spec of an object: custom resources are kept as they are written.
pub(super) fn in_spec(object: &Map<String, Value>) -> Texts {
    let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    if is_built_in_group(api_version.split_once('/').map_or("", |(group, _)| group)) {
        Texts::InSpec
    } else {
        Texts::Exactly
    }
}

impl Walk {
    fn value(&mut self, node: Option<&Node>, desired: &Value, live: Live<'_>, place: Place) {
        let own = node.map_or(Own::Nothing, |node| node.own);
        if own == Own::All {
            return;
        }
        match desired {
            Value::Null => {}
            Value::Object(map) if map.is_empty() => self.empty(node, live),
            Value::Array(items) if items.is_empty() => {}
            Value::Object(_) | Value::Array(_) if own == Own::Perhaps && self.says(live, desired) => {}
            Value::Object(map) => self.map(node, map, live, place),
            Value::Array(items) => self.list(node, items, live),
            zero if own == Own::Nothing && self.texts == Texts::InSpec && is_zero(zero) && self.is_absent(live) => {}
            _ if own == Own::Nothing => self.missing(),
            _ => {}
        }
    }

    fn map(&mut self, node: Option<&Node>, desired: &Map<String, Value>, live: Live<'_>, place: Place) {
        for (name, value) in desired {
            if place.is_untracked(name) {
                continue;
            }
            let length = self.path.len();
            push_member(&mut self.path, name);
            let child = node.and_then(|node| node.fields.get(name));
            let texts = self.texts;
            self.texts = match place {
                Place::Object if name == "spec" => self.in_spec,
                _ => texts.inside(name),
            };
            self.value(child, value, live.then(|live| live.get(name)), place.inside(name));
            self.texts = texts;
            self.path.truncate(length);
        }
    }

    fn list(&mut self, node: Option<&Node>, desired: &[Value], live: Live<'_>) {
        let Some(node) = node.filter(|node| node.knows_items()) else {
            self.missing();
            return;
        };
        for (index, item) in desired.iter().enumerate() {
            let length = self.path.len();
            push_item(&mut self.path, node, index, item);
            self.item(node, index, item, live);
            self.path.truncate(length);
        }
    }

    fn item(&mut self, node: &Node, index: usize, item: &Value, live: Live<'_>) {
        let by_index = || u64::try_from(index).ok().and_then(|index| node.indexes.get(&index));
        let at_index = || live.then(|live| live.get(index));
        match item {
            Value::Object(map) if map.is_empty() => {}
            Value::Object(map) => {
                let mut found = node.keys.iter().filter(|(key, _)| key.is_asked_for_by(map)).peekable();
                if found.peek().is_none() {
                    return match by_index() {
                        Some(child) => self.value(Some(child), item, at_index(), Place::Below),
                        None => self.missing(),
                    };
                }
                // Of several that agree, the first that covers; if none does, the first is as good as any to report.
                let mut first = None;
                for (key, child) in found {
                    let before = self.out.len();
                    self.value(Some(child), item, live.then(|live| keyed_item(live, key)), Place::Below);
                    let missing = self.out.split_off(before);
                    if missing.is_empty() {
                        return;
                    }
                    first.get_or_insert(missing);
                }
                self.out.extend(first.into_iter().flatten());
            }
            Value::Array(_) | Value::Null => match by_index() {
                Some(child) => self.value(Some(child), item, at_index(), Place::Below),
                None => self.missing(),
            },
            _ => {
                if by_index().is_none() && !node.values.keys().any(|value| value.is(item)) {
                    self.missing();
                }
            }
        }
    }

    fn empty(&mut self, node: Option<&Node>, live: Live<'_>) {
        if self.question == Question::Filled && node.is_none() && self.is_filled(live) {
            self.out.push(self.path.clone());
        }
    }

    /// Whether live says what desired says.
    fn says(&mut self, live: Live<'_>, desired: &Value) -> bool {
        match live {
            Live::Unasked => self.ask(true),
            Live::At(value) => contains(value, desired, self.texts),
        }
    }

    /// Whether live has nothing here.
    fn is_absent(&mut self, live: Live<'_>) -> bool {
        match live {
            Live::Unasked => self.ask(false),
            Live::At(value) => value.is_none_or(Value::is_null),
        }
    }

    /// Whether live has a map here that is not empty.
    fn is_filled(&mut self, live: Live<'_>) -> bool {
        match live {
            Live::Unasked => self.ask(false),
            Live::At(value) => value.and_then(Value::as_object).is_some_and(|map| !map.is_empty()),
        }
    }

    fn ask(&mut self, unasked: bool) -> bool {
        self.would_ask = true;
        unasked
    }

    fn missing(&mut self) {
        if self.question == Question::Owned {
            self.out.push(self.path.clone());
        }
    }
}

impl Node {
    fn knows_items(&self) -> bool {
        !(self.keys.is_empty() && self.values.is_empty() && self.indexes.is_empty())
    }
}

fn keyed_item<'a>(live: &'a Value, key: &Key) -> Option<&'a Value> {
    live.as_array()?
        .iter()
        .find(|item| item.as_object().is_some_and(|item| key.is_of(item)))
}

fn push_member(path: &mut String, name: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.chars().all(plain) {
        path.push('.');
        path.push_str(name);
    } else {
        push_fmt(path, format_args!("[{name:?}]"));
    }
}

fn push_item(path: &mut String, node: &Node, index: usize, item: &Value) {
    match item {
        Value::Object(map) => {
            let start = path.len();
            if let Some(key) = node
                .keys
                .keys()
                .find(|key| key.is_asked_for_by(map))
                .or(node.keys.keys().next())
            {
                for (name, value) in key.names().filter_map(|name| Some((name, member(map, name)?))) {
                    path.push(if path.len() == start { '[' } else { ',' });
                    push_fmt(path, format_args!("{name}={value}"));
                }
            }
            if path.len() == start {
                push_fmt(path, format_args!("[{index}"));
            }
            path.push(']');
        }
        Value::Null | Value::Array(_) => push_fmt(path, format_args!("[{index}]")),
        _ if node.values.is_empty() => push_fmt(path, format_args!("[{index}]")),
        scalar => push_fmt(path, format_args!("[{scalar}]")),
    }
}

fn push_fmt(path: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _always_ok = path.write_fmt(text);
}
