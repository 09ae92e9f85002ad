//! What the server was seen to keep of our writes.
//!
//! In: children whose write the watch showed whole, or not. Out: whether the next write of the same kind, namespace and
//! set of fields has to be looked at. It is one for all parents of an operator.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::desired::DesiredChild;

/// More are not worth their room: each child has fields of its own then.
const MOST: usize = 1024;

/// The kinds, namespaces and sets of fields of which all was kept that was written. That depends on schemas and webhooks,
/// hardly ever on the single object.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<HashSet<u64>>);

impl Kept {
    fn lock(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has(&self, child: &DesiredChild) -> bool {
        self.lock().contains(&Self::key(child))
    }

    pub(super) fn add(&self, child: &DesiredChild) {
        let mut kept = self.lock();
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(Self::key(child));
    }

    pub(super) fn remove(&self, child: &DesiredChild) {
        self.lock().remove(&Self::key(child));
    }

    fn key(child: &DesiredChild) -> u64 {
        let mut hasher = DefaultHasher::new();
        // Webhooks are often chosen by namespace.
        (&child.kind, &child.key.namespace, child.applied.short_fields()).hash(&mut hasher);
        hasher.finish()
    }
}
