//! The objects of one resource: all versions that history still has, and the writes in their order.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use tokio::sync::watch;

use super::{At, Event, Object, Page, Query, Revision};

/// The versions of one object, the newest last. A deletion is a version too, as long as history reaches before it.
#[derive(Debug, Default)]
struct Versions(Vec<(Revision, Option<Arc<Object>>)>);

impl Versions {
    fn newest(&self) -> Option<&Arc<Object>> {
        self.0.last().and_then(|(_, object)| object.as_ref())
    }

    fn at(&self, at: At) -> Option<&Arc<Object>> {
        let At::Exactly(revision) = at else {
            return self.newest();
        };
        let version = self.0.iter().rev().find(|(written, _)| *written <= revision);
        version.and_then(|(_, object)| object.as_ref())
    }
}

/// The objects of one resource. Writes are made by [`super::history`], which hands out the revisions.
#[derive(Debug)]
pub(super) struct Collection {
    objects: BTreeMap<Arc<str>, Versions>,
    live: usize,
    log: VecDeque<Arc<Event>>,
    /// The revision of the newest event.
    changes: watch::Sender<Revision>,
    /// How often the resource ceased to be served.
    endings: u64,
    /// When it last did.
    ended: Revision,
}

impl Collection {
    pub(super) fn new() -> Self {
        Self {
            objects: BTreeMap::new(),
            live: 0,
            log: VecDeque::new(),
            changes: watch::Sender::new(0),
            endings: 0,
            ended: 0,
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Revision> {
        self.changes.subscribe()
    }

    /// Lets the watches look whether they still are.
    pub(super) fn wake(&self) {
        self.changes.send_modify(|_| {});
    }

    /// The resource is no longer served. What was written stays in history, for those who have not seen it yet.
    pub(super) fn end(&mut self, revision: Revision) {
        self.endings += 1;
        self.ended = revision;
        self.objects.retain(|_, versions| versions.newest().is_none());
        self.live = 0;
        self.wake();
    }

    /// How often the resource ceased to be served, and when it last did.
    pub(super) const fn endings(&self) -> (u64, Revision) {
        (self.endings, self.ended)
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
        versions.0.push((event.revision(), version));
        self.changes.send_replace(event.revision());
        self.log.push_back(event);
    }

    /// Forgets the oldest event, which is of this revision, and what the object was before it.
    pub(super) fn forget(&mut self, revision: Revision) {
        let is_oldest = self.log.front().is_some_and(|event| event.revision() == revision);
        if !is_oldest {
            return;
        }
        let Some(event) = self.log.pop_front() else { return };
        let key = &event.object.key;
        if let Some(versions) = self.objects.get_mut(key) {
            versions.0.retain(|(revision, _)| *revision >= event.revision());
            if matches!(versions.0.as_slice(), [(_, None)]) {
                self.objects.remove(key);
            }
        }
    }

    pub(super) fn page(&self, query: &Query<'_>, revision: Revision) -> Page {
        let mut page = Page {
            revision,
            objects: Vec::new(),
            next: None,
            remaining: 0,
        };
        for (key, object) in self.range(query) {
            if page.next.is_some() {
                page.remaining += 1;
            } else if query.limit.is_some_and(|limit| page.objects.len() >= limit) {
                // Whether the filter takes it or not: the real server does not look ahead either.
                page.next = Some(Arc::clone(key));
                page.remaining = 1;
            } else if (query.filter)(object) {
                page.objects.push(Arc::clone(object));
            }
        }
        page
    }

    fn range<'a>(&'a self, query: &Query<'a>) -> impl Iterator<Item = (&'a Arc<str>, &'a Arc<Object>)> {
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
            .filter_map(move |(key, versions)| Some((key, versions.at(at)?)))
    }

    /// What was written after a revision.
    pub(super) fn after(&self, revision: Revision) -> Vec<Arc<Event>> {
        let first = self.log.partition_point(|event| event.revision() <= revision);
        self.log.range(first..).cloned().collect()
    }
}
