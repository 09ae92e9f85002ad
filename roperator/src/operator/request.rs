//! What a handler is given.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;
use kube::core::ObjectMeta;

use crate::{
    kind::TypedKind,
    object::{DecodeError, Object},
    observed::Children,
    operator::{Dynamic, Operator, Parent},
};

/// The parent and its observed children at one moment. Cloning it is cheap.
pub struct SyncRequest<O: Operator = Dynamic>(Arc<Snapshot<O>>);

struct Snapshot<O: Operator> {
    object: Object,
    parent: O::Parent,
    children: O::Children,
    has_looked: AtomicBool,
    now: Timestamp,
}

impl<O: Operator> Clone for SyncRequest<O> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<O: Operator> fmt::Debug for SyncRequest<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncRequest")
            .field("parent", &self.0.object)
            .field("children", &self.0.children.len())
            .finish()
    }
}

impl<O: Operator> SyncRequest<O> {
    /// A request out of objects: what the runtime makes, and what a unit test of a handler may make by itself.
    ///
    /// # Errors
    /// When the parent does not decode.
    pub fn new(parent: Object, children: Vec<Object>, now: Timestamp) -> Result<Self, DecodeError> {
        Ok(Self(Arc::new(Snapshot {
            parent: O::Parent::from_object(&parent)?,
            object: parent,
            children: Children::new(children).into(),
            has_looked: AtomicBool::new(false),
            now,
        })))
    }

    /// The parent.
    #[must_use]
    pub fn parent(&self) -> &O::Parent {
        &self.0.parent
    }

    /// The parent as the API server sent it.
    #[must_use]
    pub fn parent_object(&self) -> &Object {
        &self.0.object
    }

    /// The observed children. A handler that never asks for them is not called for what its own writes made of them.
    #[must_use]
    pub fn children(&self) -> &O::Children {
        self.0.has_looked.store(true, Ordering::Relaxed);
        &self.0.children
    }

    /// Whether somebody asked for the children.
    pub(crate) fn has_looked(&self) -> bool {
        self.0.has_looked.load(Ordering::Relaxed)
    }

    /// The time: the runtime's clock, which tests can set. It is the time of day at the process's start and goes on with tokio's
    /// clock, so that it never jumps: a machine that was suspended, or whose clock was set, is behind or ahead until the
    /// process is started anew.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.now
    }

    /// The first child that a view failed to decode in this turn.
    pub(crate) fn poisoned(&self) -> Option<DecodeError> {
        self.0.children.poisoned()
    }

    /// Metadata for a child: the parent's name with `-suffix` behind it (the parent's name alone where the suffix is
    /// empty), in the parent's namespace. Children of a cluster-scoped parent still need a namespace if their kind has
    /// one.
    #[must_use]
    pub fn child_meta(&self, suffix: &str) -> ObjectMeta {
        let parent = self.0.object.name();
        let name = if suffix.is_empty() {
            parent.to_owned()
        } else {
            format!("{parent}-{suffix}")
        };
        ObjectMeta {
            name: Some(name),
            namespace: self.0.object.namespace().map(str::to_owned),
            ..ObjectMeta::default()
        }
    }
}

impl<O: Operator<Parent: TypedKind>> SyncRequest<O> {
    /// A request out of a typed parent and children (see [`Object::from_typed`] and [`Object::from_value`]), for unit tests
    /// of handlers.
    ///
    /// # Errors
    /// When the parent cannot be written as JSON, or parent or a child lack what every object has.
    pub fn for_test(parent: &O::Parent, children: Vec<Object>, now: Timestamp) -> Result<Self, crate::error::Error> {
        Ok(Self::new(Object::from_typed(parent)?, children, now)?)
    }
}
