//! What differs between two objects, as sets of fields. Data in: two values and their shape. Data out: a comparison.

use std::collections::BTreeMap;

use serde_json::Value;

use super::path::{PathElement, equal_values};
use super::reset::Reset;
use super::schema::{Kind, ListAtom, MapAtom, Schema, as_list, as_map, zip_maps};
use super::set::{FieldSet, Node};
use crate::server::shape::ShapeId;

/// The fields that differ between two objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Only in the second.
    pub added: FieldSet,
    /// In both, but different.
    pub modified: FieldSet,
    /// Only in the first.
    pub removed: FieldSet,
}

impl Comparison {
    /// The comparison without the fields that do not count.
    #[must_use]
    pub fn without(self, reset: &Reset) -> Self {
        Self {
            added: reset.filter(self.added),
            modified: reset.filter(self.modified),
            removed: reset.filter(self.removed),
        }
    }
}

/// The same for what is at and below one place.
#[derive(Default)]
struct Differences {
    added: Node,
    modified: Node,
    removed: Node,
}

impl Differences {
    fn put(&mut self, element: &PathElement, below: Self) {
        for (node, below) in [
            (&mut self.added, below.added),
            (&mut self.modified, below.modified),
            (&mut self.removed, below.removed),
        ] {
            if !below.is_empty() {
                node.children.add(element.clone(), below);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }
}

impl Schema<'_> {
    /// What differs between two objects.
    #[must_use]
    pub fn compare(self, old: &Value, new: &Value) -> Comparison {
        let differences = self.differences(self.root, Some(old), Some(new));
        Comparison {
            added: differences.added.children,
            modified: differences.modified.children,
            removed: differences.removed.children,
        }
    }

    fn differences(self, shape: ShapeId, old: Option<&Value>, new: Option<&Value>) -> Differences {
        let mut found = Differences::default();
        let atom = self.atom(shape);
        let (was, is) = (atom.deduce(old), atom.deduce(new));
        let mut leaf = false;
        if new.is_none() {
            leaf |= self.compare_as(was.kind(), old, new, &mut found);
        } else {
            if old.is_some() && was != is {
                self.compare_as(was.kind(), old, new, &mut found);
            }
            leaf |= self.compare_as(is.kind(), old, new, &mut found);
        }
        if !leaf {
            found.added.member |= old.is_none();
            found.removed.member |= new.is_none();
        }
        found
    }

    /// Compares two values as if they were of that kind; says whether they were a leaf.
    fn compare_as(self, kind: Kind<'_>, old: Option<&Value>, new: Option<&Value>, found: &mut Differences) -> bool {
        match kind {
            Kind::Map(map) => {
                let (was, is) = (as_map(old), as_map(new));
                let empty = was.is_none_or(serde_json::Map::is_empty) && is.is_none_or(serde_json::Map::is_empty);
                if !map.is_atomic() && !empty {
                    self.compare_fields(map, old, new, found);
                    return false;
                }
            }
            Kind::List(list) => {
                let (was, is) = (as_list(old), as_list(new));
                let empty = was.is_none_or(<[Value]>::is_empty) && is.is_none_or(<[Value]>::is_empty);
                if !list.is_atomic() && !empty {
                    self.compare_items(list, was.unwrap_or_default(), is.unwrap_or_default(), found);
                    return false;
                }
            }
            Kind::Scalar(_) => {}
        }
        match (old, new) {
            (None, _) => found.added.member = true,
            (_, None) => found.removed.member = true,
            (Some(old), Some(new)) => found.modified.member |= !equal_values(old, new),
        }
        true
    }

    fn compare_fields(self, map: MapAtom<'_>, old: Option<&Value>, new: Option<&Value>, found: &mut Differences) {
        zip_maps(as_map(old), as_map(new), |name, old, new| {
            // Most of an object does not change, and what is equal differs in nothing.
            if old == new {
                return;
            }
            let below = self.differences(map.field(name), old, new);
            if !below.is_empty() {
                found.put(&PathElement::field(name), below);
            }
        });
    }

    fn compare_items(self, list: ListAtom<'_>, old: &[Value], new: &[Value], found: &mut Differences) {
        let mut items: BTreeMap<PathElement, (Vec<&Value>, Vec<&Value>)> = BTreeMap::new();
        for item in old {
            if let Ok(element) = list.element(item) {
                items.entry(element).or_default().0.push(item);
            }
        }
        for item in new {
            if let Ok(element) = list.element(item) {
                items.entry(element).or_default().1.push(item);
            }
        }
        for (element, (old, new)) in items {
            let mut below = Differences::default();
            match (old.as_slice(), new.as_slice()) {
                ([] | [_], [] | [_]) => {
                    below = self.differences(list.items(), old.first().copied(), new.first().copied());
                }
                // Items that cannot be told apart are one atomic thing.
                ([_, _, ..], [_, _, ..]) => {
                    let same = old.len() == new.len() && old.iter().zip(&new).all(|(old, new)| equal_values(old, new));
                    below.modified.member = !same;
                }
                ([_, _, ..], _) => {
                    if let Some(new) = new.first() {
                        below = self.differences(list.items(), None, Some(new));
                    }
                    below.removed.member = true;
                }
                (_, [_, _, ..]) => {
                    if let Some(old) = old.first() {
                        below = self.differences(list.items(), Some(old), None);
                    }
                    below.added.member = true;
                }
            }
            found.put(&element, below);
        }
    }
}
