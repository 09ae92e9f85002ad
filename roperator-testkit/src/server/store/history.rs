//! All collections under one counter, and how much of the past they keep.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tokio::sync::watch;

use super::{At, Event, EventKind, Object, Page, Query, ReadError, Revision, Stale, Write, collection::Collection};
use crate::server::status::GroupResource;

/// How much of the past a store keeps. What is beyond either limit is compacted, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At most so many writes; 100,000 by default.
    pub writes: usize,
    /// At most so many bytes of versions that were replaced or deleted; 32 MiB by default.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            writes: 100_000,
            bytes: 32 << 20,
        }
    }
}

#[derive(Debug)]
pub(super) struct Inner {
    limits: Limits,
    revision: Revision,
    /// Everything up to here is forgotten.
    compacted: Revision,
    collections: HashMap<GroupResource, Collection>,
    /// The writes that are still known, the oldest first; also those of resources that are no longer served.
    order: VecDeque<Arc<Write>>,
    /// The revision of the newest write.
    writes: watch::Sender<Revision>,
    /// The size of the versions that only history has.
    past: usize,
    /// How often all watches were ended.
    generation: u64,
}

impl Inner {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            revision: 1,
            compacted: 0,
            collections: HashMap::new(),
            order: VecDeque::new(),
            writes: watch::Sender::new(1),
            past: 0,
            generation: 0,
        }
    }

    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn end_watches(&mut self) {
        self.generation += 1;
        for collection in self.collections.values() {
            collection.wake();
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Revision> {
        self.writes.subscribe()
    }

    /// What was written after a revision.
    pub(super) fn after(&self, revision: Revision) -> Vec<Arc<Write>> {
        let first = self.order.partition_point(|write| write.event.revision() <= revision);
        self.order.range(first..).cloned().collect()
    }

    /// All objects there are.
    pub(super) fn snapshot(&self) -> Vec<(GroupResource, Arc<Object>)> {
        let all = self.collections.iter().flat_map(|(resource, collection)| {
            let objects = collection.all();
            objects.map(|object| (resource.clone(), Arc::clone(object)))
        });
        all.collect()
    }

    pub(super) const fn revision(&self) -> Revision {
        self.revision
    }

    pub(super) const fn advance(&mut self) -> Revision {
        self.revision += 1;
        self.revision
    }

    pub(super) fn collection(&self, resource: &GroupResource) -> Option<&Collection> {
        self.collections.get(resource)
    }

    pub(super) fn collection_mut(&mut self, resource: &GroupResource) -> &mut Collection {
        if !self.collections.contains_key(resource) {
            self.collections.insert(resource.clone(), Collection::new());
        }
        self.collections.entry(resource.clone()).or_insert_with(Collection::new)
    }

    /// Whether everything after a revision is still known.
    pub(super) const fn reaches(&self, revision: Revision) -> Result<(), ReadError> {
        if revision < self.compacted {
            return Err(ReadError::Compacted {
                asked: revision,
                oldest: self.compacted,
            });
        }
        Ok(())
    }

    pub(super) fn list(&self, query: &Query<'_>) -> Result<Page, ReadError> {
        let revision = match query.at {
            At::Newest => self.revision,
            At::Exactly(asked) if asked > self.revision => {
                return Err(ReadError::Future {
                    asked,
                    current: self.revision,
                });
            }
            At::Exactly(asked) => {
                self.reaches(asked)?;
                asked
            }
        };
        Ok(self.collection(query.resource).map_or(
            Page {
                revision,
                objects: Vec::new(),
                next: None,
                remaining: 0,
            },
            |collection| collection.page(query, revision),
        ))
    }

    pub(super) fn put(
        &mut self,
        resource: &GroupResource,
        key: &str,
        expected: Option<Revision>,
        build: impl FnOnce(Revision) -> Object,
    ) -> Result<Arc<Object>, Stale> {
        let live = self.expect(resource, key, expected)?;
        let object = Arc::new(build(self.revision + 1));
        let kind = if live.is_some() {
            EventKind::Updated
        } else {
            EventKind::Created
        };
        self.record(resource, kind, Arc::clone(&object), live);
        Ok(object)
    }

    pub(super) fn remove(
        &mut self,
        resource: &GroupResource,
        key: &str,
        expected: Revision,
        build: impl FnOnce(Revision) -> Object,
    ) -> Result<Arc<Object>, Stale> {
        let live = self.expect(resource, key, Some(expected))?;
        let object = Arc::new(build(self.revision + 1));
        self.record(resource, EventKind::Deleted, Arc::clone(&object), live);
        Ok(object)
    }

    fn expect(
        &self,
        resource: &GroupResource,
        key: &str,
        expected: Option<Revision>,
    ) -> Result<Option<Arc<Object>>, Stale> {
        let live = self
            .collection(resource)
            .and_then(|collection| collection.get(key))
            .cloned();
        if live.as_ref().map(|object| object.revision) == expected {
            Ok(live)
        } else {
            Err(Stale(live))
        }
    }

    fn record(
        &mut self,
        resource: &GroupResource,
        kind: EventKind,
        object: Arc<Object>,
        previous: Option<Arc<Object>>,
    ) {
        let revision = self.advance();
        debug_assert_eq!(
            revision, object.revision,
            "the builder uses the revision that it is given"
        );
        self.past += previous.as_ref().map_or(0, |object| object.json.len());
        let version = (kind != EventKind::Deleted).then(|| Arc::clone(&object));
        if version.is_none() {
            self.past += object.json.len();
        }
        let event = Arc::new(Event { kind, object, previous });
        self.collection_mut(resource).record(version, Arc::clone(&event));
        self.order.push_back(Arc::new(Write {
            resource: resource.clone(),
            event,
        }));
        self.writes.send_replace(revision);
        while self.order.len() > self.limits.writes || self.past > self.limits.bytes {
            let Some(oldest) = self.order.front().map(|write| write.event.revision()) else {
                return;
            };
            self.compact(oldest);
        }
    }

    pub(super) fn compact(&mut self, revision: Revision) {
        self.compacted = self.compacted.max(revision.min(self.revision));
        while self
            .order
            .front()
            .is_some_and(|write| write.event.revision() <= self.compacted)
        {
            let Some(write) = self.order.pop_front() else { return };
            let event = &write.event;
            if let Some(collection) = self.collections.get_mut(&write.resource) {
                collection.forget(event.revision());
            }
            let mut freed = event.previous.as_ref().map_or(0, |object| object.json.len());
            if event.kind == EventKind::Deleted {
                freed += event.object.json.len();
            }
            self.past = self.past.saturating_sub(freed);
        }
    }

    pub(super) fn close(&mut self, resource: &GroupResource) {
        let revision = self.revision;
        self.collection_mut(resource).end(revision);
    }
}
