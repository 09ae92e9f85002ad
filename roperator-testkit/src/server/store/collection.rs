//! The objects of one resource: all versions that history still has, and the writes in their order.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use tokio::sync::watch;

use super::{At, Event, Object, Query, ReadError, Revision};

/// The versions of one object, the newest last. A deletion is a version too, as long as history reaches before it.
#[derive(Debug, Default)]
struct Versions(VecDeque<(Revision, Option<Arc<Object>>)>);

impl Versions {
    fn newest(&self) -> Option<&Arc<Object>> {
        self.0.back().and_then(|(_, object)| object.as_ref())
    }

    fn at(&self, at: At) -> Option<&Arc<Object>> {
        let At::Exactly(revision) = at else {
            return self.newest();
        };
        let later = self.0.partition_point(|(written, _)| *written <= revision);
        let (_, object) = self.0.get(later.checked_sub(1)?)?;
        object.as_ref()
    }

    /// Forgets what was replaced by the version of a revision, and that version too if it is the deletion of the object and
    /// the last that is known. Says whether nothing is left.
    fn forget_before(&mut self, revision: Revision) -> bool {
        while self.0.front().is_some_and(|(written, _)| *written < revision) {
            self.0.pop_front();
        }
        self.0.len() == 1 && self.newest().is_none()
    }
}

/// The objects of one resource. Writes are made by [`super::history`], which hands out the revisions.
#[derive(Debug)]
pub(super) struct Collection {
    objects: BTreeMap<Arc<str>, Versions>,
    live: usize,
    log: VecDeque<Arc<Event>>,
    /// The newest write that is no longer in the log.
    forgotten: Revision,
    /// No watch goes on from before: the objects were served otherwise then.
    begins: Revision,
    /// Tells those who watch of the newest write. They end when it does, and see what it told of.
    changes: watch::Sender<Revision>,
}

impl Collection {
    /// No objects yet, in a store at this revision.
    pub(super) fn new(revision: Revision) -> Self {
        Self {
            objects: BTreeMap::new(),
            live: 0,
            log: VecDeque::new(),
            forgotten: 0,
            begins: 0,
            changes: watch::Sender::new(revision),
        }
    }

    /// Tells of the writes after a revision.
    pub(super) fn subscribe(&self, after: Revision) -> Result<watch::Receiver<Revision>, ReadError> {
        if after < self.begins {
            return Err(ReadError::Compacted {
                asked: after,
                oldest: self.begins,
            });
        }
        Ok(self.changes.subscribe())
    }

    /// Ends all watches. They see what was written until now.
    pub(super) fn end_watches(&mut self, revision: Revision) {
        self.changes = watch::Sender::new(revision);
    }

    /// Ends all watches, and lets none go on from before. Lists still have what history has.
    pub(super) fn begin_anew(&mut self, revision: Revision) {
        self.begins = revision;
        self.end_watches(revision);
    }

    pub(super) const fn len(&self) -> usize {
        self.live
    }

    pub(super) fn get(&self, key: &str) -> Option<&Arc<Object>> {
        self.objects.get(key)?.newest()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.values().filter_map(Versions::newest)
    }

    pub(super) fn record(&mut self, version: Option<Arc<Object>>, event: Arc<Event>) {
        let versions = self.objects.entry(Arc::clone(&event.object.key)).or_default();
        self.live -= usize::from(versions.newest().is_some());
        self.live += usize::from(version.is_some());
        versions.0.push_back((event.revision(), version));
        self.changes.send_replace(event.revision());
        self.log.push_back(event);
    }

    /// Forgets the oldest event, if it is of this revision, and what the object was before it.
    pub(super) fn forget(&mut self, revision: Revision) {
        if self.log.front().is_none_or(|event| event.revision() != revision) {
            return;
        }
        let Some(event) = self.log.pop_front() else { return };
        self.forgotten = revision;
        let key = &event.object.key;
        let versions = self.objects.get_mut(key);
        if versions.is_some_and(|versions| versions.forget_before(revision)) {
            self.objects.remove(key);
        }
    }

    /// The newest write that is no longer known.
    pub(super) const fn forgotten(&self) -> Revision {
        self.forgotten
    }

    /// The objects that a query may take: what its filter takes of them is not known here.
    pub(super) fn find(&self, query: &Query<'_>) -> Vec<Arc<Object>> {
        let limit = query.limit.filter(|_| query.filter.is_none());
        // One more tells where the list goes on.
        let limit = limit.map_or(usize::MAX, |limit| limit.saturating_add(1));
        self.range(query).take(limit).map(Arc::clone).collect()
    }

    pub(super) fn remaining(&self, query: &Query<'_>) -> usize {
        self.range(query).count()
    }

    fn range<'a>(&'a self, query: &Query<'a>) -> impl Iterator<Item = &'a Arc<Object>> {
        let prefix = if query.namespace.is_empty() {
            String::new()
        } else {
            format!("{}/", query.namespace)
        };
        let start = query
            .start
            .filter(|start| **start > *prefix)
            .unwrap_or(&prefix)
            .to_owned();
        let at = query.at;
        self.objects
            .range::<str, _>((Bound::Included(&*start), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(&prefix))
            .filter_map(move |(_, versions)| versions.at(at))
    }

    /// What was written after a revision, and not after another.
    pub(super) fn between(&self, after: Revision, until: Revision) -> impl Iterator<Item = &Arc<Event>> {
        let first = self.log.partition_point(|event| event.revision() <= after);
        let events = self.log.range(first..);
        events.take_while(move |event| event.revision() <= until)
    }
}
