//! All collections under one counter, and how much of the past they keep.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tokio::sync::watch;

use super::{
    At, Content, Event, EventKind, NotCreated, Object, Query, ReadError, Revision, Stale, Write, collection::Collection,
};
use crate::server::status::GroupResource;

/// How much of the past a store keeps. What is beyond either limit is compacted, the oldest first.
///
/// ```
/// let limits = roperator_testkit::server::Limits::default().writes(1000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    writes: usize,
    bytes: usize,
}

impl Limits {
    /// At most so many writes; 100,000 by default. The newest is always kept, or no watch could be told of it.
    #[must_use]
    pub const fn writes(self, writes: usize) -> Self {
        let writes = if writes == 0 { 1 } else { writes };
        Self { writes, ..self }
    }

    /// At most so many bytes of versions that were replaced or deleted; 32 MiB by default.
    #[must_use]
    pub const fn bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }
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
        }
    }

    pub(super) fn end_watches(&mut self) {
        for collection in self.collections.values_mut() {
            collection.end_watches(self.revision);
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

    pub(super) fn collection(&self, resource: &GroupResource) -> Option<&Collection> {
        self.collections.get(resource)
    }

    pub(super) fn collection_mut(&mut self, resource: &GroupResource) -> &mut Collection {
        let revision = self.revision;
        self.collections
            .entry(resource.clone())
            .or_insert_with(|| Collection::new(revision))
    }

    /// Everything up to here is forgotten.
    pub(super) const fn compacted(&self) -> Revision {
        self.compacted
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

    /// The revision of the state that a read is of.
    fn state(&self, at: At) -> Result<Revision, ReadError> {
        match at {
            At::Newest => Ok(self.revision),
            At::Exactly(asked) if asked > self.revision => Err(ReadError::Future {
                asked,
                current: self.revision,
            }),
            At::Exactly(asked) => self.reaches(asked).map(|()| asked),
        }
    }

    pub(super) fn find(&self, query: &Query<'_>) -> Result<(Revision, Vec<Arc<Object>>), ReadError> {
        let revision = self.state(query.at)?;
        let collection = self.collection(query.resource);
        Ok((
            revision,
            collection.map_or_else(Vec::new, |collection| collection.find(query)),
        ))
    }

    pub(super) fn remaining(&self, query: &Query<'_>) -> Result<usize, ReadError> {
        self.state(query.at)?;
        let collection = self.collection(query.resource);
        Ok(collection.map_or(0, |collection| collection.remaining(query)))
    }

    pub(super) fn create(
        &mut self,
        resource: &GroupResource,
        key: &str,
        content: Content,
        beside: &[(&GroupResource, Arc<Object>)],
    ) -> Result<Arc<Object>, NotCreated> {
        for (resource, seen) in beside {
            let is_same = self.expect(resource, &seen.key, Some(seen.revision));
            is_same.map_err(|_| NotCreated::Moved)?;
        }
        self.put(resource, key, None, content).map_err(|_| NotCreated::Exists)
    }

    pub(super) fn put(
        &mut self,
        resource: &GroupResource,
        key: &str,
        expected: Option<Revision>,
        content: Content,
    ) -> Result<Arc<Object>, Stale> {
        let live = self.expect(resource, key, expected)?;
        let kind = if live.is_some() {
            EventKind::Updated
        } else {
            EventKind::Created
        };
        Ok(self.record(resource, key, kind, content, live))
    }

    pub(super) fn remove(
        &mut self,
        resource: &GroupResource,
        key: &str,
        expected: Revision,
        last: Content,
    ) -> Result<Arc<Object>, Stale> {
        let live = self.expect(resource, key, Some(expected))?;
        Ok(self.record(resource, key, EventKind::Deleted, last, live))
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
            Err(Stale)
        }
    }

    /// Writes, under the next revision.
    fn record(
        &mut self,
        resource: &GroupResource,
        key: &str,
        kind: EventKind,
        content: Content,
        previous: Option<Arc<Object>>,
    ) -> Arc<Object> {
        self.revision += 1;
        let key = previous
            .as_ref()
            .map_or_else(|| key.into(), |live| Arc::clone(&live.key));
        let object = Arc::new(Object {
            key,
            revision: self.revision,
            content,
        });
        self.past += previous.as_ref().map_or(0, |object| object.content.json.len());
        let version = (kind != EventKind::Deleted).then(|| Arc::clone(&object));
        if version.is_none() {
            self.past += object.content.json.len();
        }
        let event = Arc::new(Event {
            kind,
            object: Arc::clone(&object),
            previous,
        });
        self.collection_mut(resource).record(version, Arc::clone(&event));
        self.order.push_back(Arc::new(Write {
            resource: resource.clone(),
            event,
        }));
        self.writes.send_replace(self.revision);
        self.keep_limits();
        object
    }

    fn keep_limits(&mut self) {
        // The newest write is kept, however large what it replaces is: watches are still to be told of it.
        while self.order.len() > 1 && (self.order.len() > self.limits.writes || self.past > self.limits.bytes) {
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
            let mut freed = event.previous.as_ref().map_or(0, |object| object.content.json.len());
            if event.kind == EventKind::Deleted {
                freed += event.object.content.json.len();
            }
            self.past = self.past.saturating_sub(freed);
        }
    }

    pub(super) fn begin_anew(&mut self, resource: &GroupResource) {
        let revision = self.revision;
        self.collection_mut(resource).begin_anew(revision);
    }
}
