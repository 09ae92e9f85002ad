//! What one turn sees: the parent and its children, as they were at one moment.
//!
//! In: objects of the stores. Out: [`Children`] and their typed and untyped views, which decode an object once a turn. An
//! object that does not decode is skipped by the plain views and *poisons* the request: the response is then discarded
//! and the object reported. Pure: no client, no clock.

use std::{
    any::Any,
    collections::BTreeMap,
    marker::PhantomData,
    sync::{Mutex, OnceLock, PoisonError},
};

use serde::de::DeserializeOwned;

use crate::{
    kind::{Kind, TypedKind},
    object::{DecodeError, Object, ObjectKey, Uid},
};

/// The parent and its children, as they were at one moment.
#[derive(Clone, Debug)]
pub(crate) struct ObservedState {
    pub parent: Object,
    /// By kind, in the order of the declaration, then by key.
    pub children: Vec<Object>,
}

impl ObservedState {
    pub fn child(&self, kind: &Kind, key: &ObjectKey) -> Option<&Object> {
        self.children
            .iter()
            .find(|child| child.kind() == kind && child.key() == key)
    }
}

/// A child and what it was decoded to in this turn.
struct Cell {
    object: Object,
    decoded: OnceLock<Box<Decoded>>,
}

/// A list that only grows, so that references into it stay valid without a lock.
struct Decoded {
    value: Box<dyn Any + Send + Sync>,
    next: OnceLock<Box<Decoded>>,
}

impl Cell {
    fn decode<K: DeserializeOwned + Send + Sync + 'static>(&self) -> Result<&K, &DecodeError> {
        let mut slot = &self.decoded;
        loop {
            let node = slot.get_or_init(|| {
                Box::new(Decoded {
                    value: Box::new(self.object.decode::<K>()),
                    next: OnceLock::new(),
                })
            });
            if let Some(result) = node.value.downcast_ref::<Result<K, DecodeError>>() {
                return result.as_ref();
            }
            slot = &node.next;
        }
    }
}

/// The observed children of one parent: those whose controller is this parent and that are of a declared kind.
///
/// Children that are being deleted are among them ([`Object::is_deleting`]); they count as there until they are gone.
pub struct Children {
    cells: Vec<Cell>,
    undecodable: Mutex<BTreeMap<Uid, DecodeError>>,
}

impl Children {
    /// Children out of objects, for tests of handlers.
    #[must_use]
    pub fn new(objects: Vec<Object>) -> Self {
        let cells = objects
            .into_iter()
            .map(|object| Cell {
                object,
                decoded: OnceLock::new(),
            })
            .collect();
        Self {
            cells,
            undecodable: Mutex::default(),
        }
    }

    /// All children, of all kinds.
    pub fn iter(&self) -> impl Iterator<Item = &Object> {
        self.cells.iter().map(|cell| &cell.object)
    }

    /// How many children there are, of all kinds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is no child of any kind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The children of a Rust type's kind, decoded.
    #[must_use]
    pub fn with_type<K: TypedKind>(&self) -> View<'_, K> {
        View {
            children: self,
            kind: PhantomData,
        }
    }

    /// The children of a kind, as they are.
    #[must_use]
    pub fn of_type<'r>(&'r self, kind: &'r Kind) -> RawView<'r> {
        RawView { children: self, kind }
    }

    /// The first child that a view failed to decode in this turn.
    #[must_use]
    pub(crate) fn poisoned(&self) -> Option<DecodeError> {
        let undecodable = self.undecodable.lock().unwrap_or_else(PoisonError::into_inner);
        undecodable.values().next().cloned()
    }

    fn poison(&self, object: &Object, error: &DecodeError) {
        let mut undecodable = self.undecodable.lock().unwrap_or_else(PoisonError::into_inner);
        undecodable.entry(object.uid().clone()).or_insert_with(|| error.clone());
    }
}

/// The children of one Rust type.
pub struct View<'r, K> {
    children: &'r Children,
    kind: PhantomData<fn() -> K>,
}

impl<K> Clone for View<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for View<'_, K> {}

impl<'r, K: TypedKind> View<'r, K> {
    /// All of them, by namespace and name. One that does not decode is left out, and the response discarded.
    pub fn iter(self) -> impl Iterator<Item = &'r K> + use<'r, K> {
        let children = self.children;
        self.cells().filter_map(move |cell| {
            cell.decode::<K>()
                .inspect_err(|error| children.poison(&cell.object, error))
                .ok()
        })
    }

    /// All of them, by namespace and name, with those that do not decode as errors: the handler takes care of them.
    pub fn try_iter(self) -> impl Iterator<Item = Result<&'r K, &'r DecodeError>> + use<'r, K> {
        self.cells().map(Cell::decode::<K>)
    }

    /// The first by namespace and name.
    #[must_use]
    pub fn first(self) -> Option<&'r K> {
        self.iter().next()
    }

    /// The one of this name; for cluster-scoped parents, the first namespace's.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'r K> {
        self.iter().find(|child| child.meta().name.as_deref() == Some(name))
    }

    /// Whether one of this name is there, decodable or not.
    #[must_use]
    pub fn exists(self, name: &str) -> bool {
        self.cells().any(|cell| cell.object.name() == name)
    }

    /// How many there are, decodable or not.
    #[must_use]
    pub fn count(self) -> usize {
        self.cells().count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.cells().next().is_none()
    }

    /// The objects behind the view, not decoded.
    pub fn as_raw(self) -> impl Iterator<Item = &'r Object> + use<'r, K> {
        self.cells().map(|cell| &cell.object)
    }

    fn cells(self) -> impl Iterator<Item = &'r Cell> + use<'r, K> {
        let kind = K::kind_of();
        self.children
            .cells
            .iter()
            .filter(move |cell| *cell.object.kind() == kind)
    }
}

impl<'r, K: TypedKind> IntoIterator for View<'r, K> {
    type Item = &'r K;
    type IntoIter = Box<dyn Iterator<Item = &'r K> + Send + 'r>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

/// The children of one kind, as objects.
#[derive(Clone, Copy)]
pub struct RawView<'r> {
    children: &'r Children,
    kind: &'r Kind,
}

impl<'r> RawView<'r> {
    /// All of them, by namespace and name.
    pub fn iter(self) -> impl Iterator<Item = &'r Object> + use<'r> {
        self.children.iter().filter(move |object| object.kind() == self.kind)
    }

    /// The first by namespace and name.
    #[must_use]
    pub fn first(self) -> Option<&'r Object> {
        self.iter().next()
    }

    /// The one of this name; for cluster-scoped parents, the first namespace's.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'r Object> {
        self.iter().find(|object| object.name() == name)
    }

    /// Whether one of this name is there.
    #[must_use]
    pub fn exists(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.first().is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::api::core::v1::{ConfigMap, Pod};

    use super::*;

    fn config_map(name: &str, data: &str) -> Object {
        let json = format!(r#"{{"metadata":{{"name":"{name}","namespace":"n","uid":"{name}"}},"data":{data}}}"#);
        Object::from_json(&json, &Arc::new(ConfigMap::kind_of()), &|_| false).unwrap()
    }

    #[test]
    fn views_are_typed_and_by_kind() {
        let children = Children::new(vec![config_map("a", r#"{"k":"v"}"#), config_map("b", "{}")]);
        assert_eq!(children.with_type::<ConfigMap>().count(), 2);
        assert!(children.with_type::<Pod>().is_empty());
        let first = children.with_type::<ConfigMap>().first().unwrap();
        assert_eq!(first.data.as_ref().unwrap()["k"], "v");
        assert!(std::ptr::eq(first, children.with_type::<ConfigMap>().get("a").unwrap()));
        assert!(children.of_type(&ConfigMap::kind_of()).exists("b"));
    }

    #[test]
    fn what_does_not_decode_is_skipped_and_poisons() {
        let children = Children::new(vec![config_map("a", "7"), config_map("b", "{}")]);
        let view = children.with_type::<ConfigMap>();
        assert_eq!(view.try_iter().filter(Result::is_err).count(), 1);
        assert!(children.poisoned().is_none(), "try_iter hands the error to the handler");
        assert_eq!(view.iter().count(), 1);
        let poison = children.poisoned().unwrap().to_string();
        assert!(poison.contains("ConfigMap n/a does not decode"), "{poison}");
    }
}
