//! Desired laid over live, for the writes that are no applies.
//!
//! In: a set, the live object and desired. Out: the live object with desired in it, and without what we dropped. Server-side
//! apply does both by itself, with the schema; here the set is all that is known of lists.
//!
//! `metadata.finalizers` is always a set and `metadata.ownerReferences` always keyed by `uid`, for these two are known, are shared
//! with others by design, and must survive a set in which they do not occur. What only the server writes in metadata is
//! never changed.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::cover::Place;
use super::element::{Key, member, same};
use super::{FieldSet, Node, Own};

impl FieldSet {
    /// Lays `desired` over `live`. Maps are merged. So are lists that this set knows as keyed, item by item: the item that
    /// agrees on the key members that desired states is merged, and otherwise appended. To sets the desired elements are added.
    /// Every other list is replaced; only an empty one leaves a list alone of which this set owns nothing. `null` members of desired are absent ones, and change nothing.
    pub(crate) fn overlay(&self, live: &mut Value, desired: &Value) {
        lay(Some(&self.root), live, desired, Place::Object);
    }

    /// Removes from `live` what this set owns and `desired` does not state any more: dropped members, keyed items and set
    /// elements. What others own inside of these stays, with the key members that it needs; a map or item that is then empty,
    /// or only a key, goes.
    ///
    /// A bare node owns all that is below it, so that an atomic map (`selector`) loses the members that desired does not
    /// state; except where a map of that name is never atomic (`labels`, `data`, …). Of lists that the set does not know as
    /// keyed or as a set, only whole ones are removed: [`FieldSet::overlay`] replaces them.
    pub(crate) fn remove_dropped(&self, live: &mut Value, desired: &Value) {
        drop_from(&self.root, live, desired);
    }
}

/// What is known of a list.
enum List<'a> {
    Keyed {
        names: BTreeSet<&'a str>,
        ours: Vec<&'a Key>,
    },
    Set,
    Atomic,
}

impl<'a> List<'a> {
    fn of(node: Option<&'a Node>, known: Option<Self>) -> Self {
        match node {
            Some(node) if !node.keys.is_empty() => {
                let names = node.keys.keys().flat_map(Key::names).collect();
                Self::Keyed {
                    names,
                    ours: node.keys.keys().collect(),
                }
            }
            Some(node) if !node.values.is_empty() => Self::Set,
            _ => known.unwrap_or(Self::Atomic),
        }
    }

    fn known(place: Place, name: &str) -> Option<Self> {
        match (place, name) {
            (Place::Metadata, "finalizers") => Some(Self::Set),
            (Place::Metadata, "ownerReferences") => Some(Self::Keyed {
                names: ["uid"].into(),
                ours: Vec::new(),
            }),
            _ => None,
        }
    }
}

fn lay(node: Option<&Node>, live: &mut Value, desired: &Value, place: Place) {
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => {
            for (name, value) in desired.iter().filter(|(_, value)| !value.is_null()) {
                if !place.is_the_servers(name) {
                    let child = node.and_then(|node| node.fields.get(name));
                    let entry = live.entry(name.as_str()).or_insert(Value::Null);
                    match (entry, value) {
                        (Value::Array(live), Value::Array(desired)) => {
                            lay_list(child, List::of(child, List::known(place, name)), live, desired);
                        }
                        (entry, value) => lay(child, entry, value, place.inside(name)),
                    }
                }
            }
        }
        (Value::Array(live), Value::Array(desired)) => lay_list(node, List::of(node, None), live, desired),
        (live, desired) => *live = without_nulls(desired),
    }
}

fn lay_list(node: Option<&Node>, list: List<'_>, live: &mut Vec<Value>, desired: &[Value]) {
    match list {
        // Empty asks for nothing, and nothing here is ours.
        List::Atomic if desired.is_empty() && node.is_none() => {}
        List::Atomic => *live = desired.iter().map(without_nulls).collect(),
        List::Set => {
            for element in desired {
                if !live
                    .iter()
                    .any(|other| other == element || is_same_scalar(other, element))
                {
                    live.push(without_nulls(element));
                }
            }
        }
        List::Keyed { names, ours } => {
            let targets = targets(&names, &ours, live, desired);
            for (item, target) in desired.iter().zip(targets) {
                match target.and_then(|index| live.get_mut(index)) {
                    Some(found) => {
                        let child = node.and_then(|node| {
                            let live = found.as_object()?;
                            node.keys
                                .iter()
                                .find(|(key, _)| key.is_of(live))
                                .map(|(_, child)| child)
                        });
                        lay(child, found, item, Place::Below);
                    }
                    None => live.push(without_nulls(item)),
                }
            }
        }
    }
}

/// For each desired item the index of the live item that it is to be merged into.
///
/// No live item is taken twice, and the desired items that state most of their key choose first: of two that share a port, the
/// one without a protocol gets the one that is left. Among several it takes one that we own.
fn targets(names: &BTreeSet<&str>, ours: &[&Key], live: &[Value], desired: &[Value]) -> Vec<Option<usize>> {
    let stated = |item: &Value| -> usize {
        item.as_object().map_or(0, |item| {
            names.iter().filter(|name| member(item, name).is_some()).count()
        })
    };
    let mut order: Vec<(usize, &Value)> = desired.iter().enumerate().collect();
    order.sort_by_key(|(_, item)| std::cmp::Reverse(stated(item)));
    let mut taken = BTreeSet::new();
    let mut targets = vec![None; desired.len()];
    for (index, item) in order {
        let free = || live.iter().enumerate().filter(|(index, _)| !taken.contains(index));
        let fits = || free().filter(|(_, other)| agree(names, other, item));
        let is_ours = |other: &Value| {
            other
                .as_object()
                .is_some_and(|other| ours.iter().any(|key| key.is_of(other)))
        };
        let target = fits()
            .find(|(_, other)| is_ours(other))
            .or_else(|| fits().next())
            .map(|(index, _)| index);
        taken.extend(target);
        if let Some(slot) = targets.get_mut(index) {
            *slot = target;
        }
    }
    targets
}

/// Whether `desired` may mean `live`: it states part of the key, and that is equal. An item without any key is not one that the
/// server would take; it is left alone if it is there already.
fn agree(names: &BTreeSet<&str>, live: &Value, desired: &Value) -> bool {
    let (Value::Object(live), Value::Object(item)) = (live, desired) else {
        return *live == without_nulls(desired);
    };
    let mut stated = names
        .iter()
        .filter_map(|name| Some((name, member(item, name)?)))
        .peekable();
    if stated.peek().is_none() {
        return without_nulls(desired).as_object() == Some(live);
    }
    stated.all(|(name, value)| member(live, name).is_some_and(|other| same(other, value)))
}

fn drop_from(node: &Node, live: &mut Value, desired: &Value) {
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) if node.own >= Own::Perhaps && node.fields.is_empty() => {
            keep_stated(live, desired);
        }
        (Value::Object(live), Value::Object(desired)) => {
            for (name, child) in node.fields.iter() {
                let Some(found) = live.get_mut(name).filter(|found| !child.is_remainder(name, found)) else {
                    continue;
                };
                match member(desired, name) {
                    Some(stated) => drop_from(child, found, stated),
                    None => {
                        if prune(child, found, &[]) {
                            live.remove(name);
                        }
                    }
                }
            }
        }
        (Value::Array(live), Value::Array(desired)) => {
            live.retain_mut(|item| match item {
                Value::Object(map) => {
                    let Some((key, child)) = node.keys.iter().find(|(key, _)| key.is_of(map)) else {
                        return true;
                    };
                    let stated = desired
                        .iter()
                        .find(|item| item.as_object().is_some_and(|item| key.is_asked_for_by(item)));
                    match stated {
                        Some(stated) => {
                            drop_from(child, item, stated);
                            true
                        }
                        None => !prune(child, item, &key.names().collect::<Vec<_>>()),
                    }
                }
                Value::Null | Value::Array(_) => true,
                scalar => {
                    !node.values.keys().any(|value| value.is(scalar))
                        || desired.iter().any(|other| is_same_scalar(other, scalar))
                }
            });
        }
        // Another type: laying desired over it replaces it.
        _ => {}
    }
}

/// Removes what `node` owns, and says whether nothing is left that is anybody's. `keys` are the members that stay as long
/// as anything else does.
fn prune(node: &Node, live: &mut Value, keys: &[&str]) -> bool {
    if node.is_bare() {
        return true;
    }
    match live {
        Value::Object(map) => {
            for (name, child) in node.fields.iter() {
                if let Some(found) = map.get_mut(name)
                    && !keys.contains(&name.as_str())
                    && !child.is_remainder(name, found)
                    && prune(child, found, &[])
                {
                    map.remove(name);
                }
            }
            map.keys().all(|name| keys.contains(&name.as_str()))
        }
        Value::Array(_) => {
            drop_from(node, live, &Value::Array(Vec::new()));
            live.as_array().is_none_or(Vec::is_empty)
        }
        // Ours if it is owned itself; a scalar where the set only knows of things below is somebody else's.
        _ => node.own != Own::Nothing,
    }
}

/// Removes from something atomic what desired does not state. Lists in it are replaced by the overlay.
fn keep_stated(live: &mut Map<String, Value>, desired: &Map<String, Value>) {
    live.retain(|name, value| match (value, member(desired, name)) {
        (_, None) => false,
        (Value::Object(live), Some(Value::Object(desired))) => {
            keep_stated(live, desired);
            true
        }
        _ => true,
    });
}

impl Node {
    /// Whether this bare node, for the member `name`, owns nothing of the map that is there: it is of a name that is nowhere
    /// atomic (no built-in type has one), so that it was ours when it was empty, or others took its members.
    fn is_remainder(&self, name: &str, live: &Value) -> bool {
        self.is_bare()
            && live.as_object().is_some_and(|live| !live.is_empty())
            && matches!(
                name,
                "annotations"
                    | "binaryData"
                    | "data"
                    | "labels"
                    | "limits"
                    | "metadata"
                    | "requests"
                    | "resources"
                    | "securityContext"
                    | "spec"
                    | "status"
                    | "stringData"
                    | "template"
            )
    }
}

fn is_same_scalar(one: &Value, other: &Value) -> bool {
    let is_scalar = |value: &Value| !value.is_object() && !value.is_array();
    is_scalar(one) && is_scalar(other) && same(one, other)
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let stated = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                stated
                    .map(|(name, value)| (name.clone(), without_nulls(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        scalar => scalar.clone(),
    }
}
