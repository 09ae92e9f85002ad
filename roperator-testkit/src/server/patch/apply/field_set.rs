//! From values to the sets of their fields, and what such sets need to know of shapes. Data in: a value or a set, and
//! its shape. Data out: a set.

use std::collections::BTreeMap;

use serde_json::Value;

use super::path::PathElement;
use super::schema::{Kind, ListAtom, MapAtom, Schema, as_list, as_map};
use super::set::{FieldSet, Node};
use crate::server::shape::ShapeId;

impl Schema<'_> {
    /// All fields of an object that can be owned.
    #[must_use]
    pub fn field_set(self, object: &Value) -> FieldSet {
        self.node(self.root, object).children
    }

    fn node(self, shape: ShapeId, value: &Value) -> Node {
        match self.atom(shape).deduce(Some(value)).kind() {
            Kind::Scalar(_) => Node::leaf(),
            Kind::Map(map) if map.is_atomic() => Node::leaf(),
            Kind::List(list) if list.is_atomic() => Node::leaf(),
            Kind::Map(map) => Node {
                member: false,
                children: self.fields_of(map, value),
            },
            Kind::List(list) => Node {
                member: false,
                children: self.items_of(list, value),
            },
        }
    }

    fn fields_of(self, map: MapAtom<'_>, value: &Value) -> FieldSet {
        let mut set = FieldSet::default();
        for (name, value) in as_map(Some(value)).into_iter().flatten() {
            let declared = map.declared(name);
            let mut node = self.node(map.field(name), value);
            // A named field is owned by what is in it; it is itself only owned where there is nothing.
            let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
            node.member |= empty || declared.is_none();
            set.add(PathElement::field(name), node);
        }
        set
    }

    fn items_of(self, list: ListAtom<'_>, value: &Value) -> FieldSet {
        let mut items: BTreeMap<PathElement, Vec<&Value>> = BTreeMap::new();
        for item in as_list(Some(value)).unwrap_or_default() {
            if let Ok(element) = list.element(item) {
                items.entry(element).or_default().push(item);
            }
        }
        let mut set = FieldSet::default();
        for (element, items) in items {
            let mut node = Node::leaf();
            // Items that cannot be told apart are owned as one.
            if let [item] = items.as_slice() {
                node.children = self.node(list.items(), item).children;
            }
            set.add(element, node);
        }
        set
    }

    /// The set, with all named fields in which something is owned as members.
    #[must_use]
    pub fn with_named_fields(self, set: &FieldSet) -> FieldSet {
        self.named(Some(self.root), set)
    }

    fn named(self, shape: Option<ShapeId>, set: &FieldSet) -> FieldSet {
        let atom = shape.map(|shape| self.atom(shape));
        let (map, list) = (atom.and_then(|atom| atom.map), atom.and_then(|atom| atom.list));
        let mut named = FieldSet::default();
        for (element, node) in set.iter() {
            let (declared, below) = match (element, map, list) {
                (PathElement::Field(name), Some(map), _) => (map.declared(name).is_some(), Some(map.field(name))),
                (PathElement::Key(_), _, Some(list)) => (false, Some(list.items())),
                _ => (false, None),
            };
            let member = node.member || (declared && !node.children.is_empty());
            let children = self.named(below, &node.children);
            named.add(element.clone(), Node { member, children });
        }
        named
    }

    /// The set as it must be now that something in it has become atomic: owned as a whole by who owned a part. `None`
    /// if there is no such thing. What has become granular stays as it is.
    #[must_use]
    pub fn reconcile(self, set: &FieldSet) -> Option<FieldSet> {
        self.reconcile_children(self.root, set)
    }

    fn reconcile_children(self, shape: ShapeId, set: &FieldSet) -> Option<FieldSet> {
        let atom = self.atom(shape);
        let below = |element: &PathElement| match (atom.kind(), element) {
            (Kind::Map(map), _) if map.is_deduced(self) => None,
            (Kind::Map(map), PathElement::Field(name)) => Some(map.field(name)),
            (Kind::List(list), _) => Some(list.items()),
            _ => None,
        };
        let mut changed: Option<FieldSet> = None;
        for (element, node) in set.iter().filter(|(_, node)| !node.children.is_empty()) {
            let Some(shape) = below(element) else {
                continue;
            };
            let replaced = if self.is_atomic(shape) {
                Some(Node::leaf())
            } else {
                self.reconcile_children(shape, &node.children).map(|children| Node {
                    member: node.member,
                    children,
                })
            };
            if let Some(node) = replaced {
                let mut one = FieldSet::default();
                one.add(element.clone(), Node::leaf());
                let rest = changed.as_ref().unwrap_or(set).recursive_difference(&one);
                let mut whole = rest;
                whole.add(element.clone(), node);
                changed = Some(whole);
            }
        }
        changed
    }

    fn is_atomic(self, shape: ShapeId) -> bool {
        match self.atom(shape).kind() {
            Kind::Map(map) => map.is_atomic() && !map.is_deduced(self),
            Kind::List(list) => list.is_atomic(),
            Kind::Scalar(_) => false,
        }
    }
}
