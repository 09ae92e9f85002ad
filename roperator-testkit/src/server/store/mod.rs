//! A multi-version store: writes of encoded objects go in, each under the next revision of one global counter; objects,
//! lists as of any revision still in history, watches of a resource and feeds of all of them come out. It never looks into
//! an object, and it knows no kinds: what selectors ask for is handed in beside the bytes.

mod collection;
mod feed;
mod history;
mod watch;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

use self::history::Inner;
pub use self::{feed::Feed, history::Limits, watch::Watch};
use crate::server::status::GroupResource;

/// The number of a write. One counter for the whole store: what Kubernetes shows as `resourceVersion`.
pub type Revision = u64;

/// One version of an object.
#[derive(Debug)]
pub struct Object {
    /// Where it is among the objects of its resource: `namespace/name`, or `name` for those of the cluster.
    pub key: Arc<str>,
    /// The write that made this version.
    pub revision: Revision,
    /// What it is.
    pub content: Content,
}

/// What an object is, whichever write made it so: it is encoded before the write has a number.
#[derive(Debug, Clone)]
pub struct Content {
    /// The object, encoded; its `resourceVersion` is not in it.
    pub json: Bytes,
    /// By which schema it is encoded, for kinds whose schemas change; whoever decodes it knows what that means.
    pub schema: Option<Arc<str>>,
    /// Its labels, sorted by key.
    pub labels: Box<[(Box<str>, Box<str>)]>,
    /// What field selectors can ask for beside its name and namespace.
    pub fields: Box<[(Box<str>, Box<str>)]>,
}

impl Object {
    /// Its namespace; empty for objects of the cluster.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.key.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.split_once('/').map_or(&*self.key, |(_, name)| name)
    }
}

/// Where an object is: the key below its resource.
#[must_use]
pub fn key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() {
        return name.to_owned();
    }
    format!("{namespace}/{name}")
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// An object that was not there.
    Created,
    /// Another version of an object.
    Updated,
    /// The object is gone; the event has its last state, under the revision of the deletion.
    Deleted,
}

/// One write, as watches see it.
#[derive(Debug)]
pub struct Event {
    /// What it did.
    pub kind: EventKind,
    /// The object as the write left it, or as it last was.
    pub object: Arc<Object>,
    /// The version before.
    pub previous: Option<Arc<Object>>,
}

impl Event {
    /// The write's revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.object.revision
    }
}

/// One write, with the resource it was made to, as feeds see it.
#[derive(Debug)]
pub struct Write {
    /// The resource.
    pub resource: GroupResource,
    /// What was written.
    pub event: Arc<Event>,
}

/// Which state a read is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The newest there is.
    Newest,
    /// The state right after this write.
    Exactly(Revision),
}

/// What of a resource to list.
pub struct Query<'a> {
    /// The resource.
    pub resource: &'a GroupResource,
    /// The namespace; empty for all.
    pub namespace: &'a str,
    /// As of when.
    pub at: At,
    /// The key to begin with, for a list that goes on.
    pub start: Option<&'a str>,
    /// At most so many objects; all if `None`.
    pub limit: Option<usize>,
    /// Which objects count; all if `None`. It may take its time: nobody waits for it.
    pub filter: Option<&'a dyn Fn(&Object) -> bool>,
}

/// Part of a list, or all of it.
#[derive(Debug)]
pub struct Page {
    /// The state it is of.
    pub revision: Revision,
    /// The objects, by key.
    pub objects: Vec<Arc<Object>>,
    /// Where the rest begins, if the limit cut the list: right behind what was looked at last, so that what is created
    /// there meanwhile is seen by those who go on in a newer state.
    pub next: Option<String>,
}

impl Page {
    /// What a query takes of the objects that there are.
    fn of(query: &Query<'_>, revision: Revision, found: Vec<Arc<Object>>) -> Self {
        let mut page = Self {
            revision,
            objects: Vec::new(),
            next: None,
        };
        let mut last: Option<Arc<str>> = None;
        for object in found {
            if query.limit.is_some_and(|limit| page.objects.len() >= limit) {
                // Whether the filter takes it or not: the real server does not look ahead either.
                page.next = Some(last.map_or_else(|| object.key.to_string(), |last| format!("{last}\0")));
                break;
            }
            last = Some(Arc::clone(&object.key));
            if query.filter.is_none_or(|filter| filter(&object)) {
                page.objects.push(object);
            }
        }
        page
    }
}

/// Why a read was not possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// History no longer reaches so far back, or what was served then was served otherwise.
    #[error("too old resource version: {asked} ({oldest})")]
    Compacted {
        /// What was asked for.
        asked: Revision,
        /// The oldest there is.
        oldest: Revision,
    },
    /// No write has that number yet.
    #[error("Too large resource version: {asked}, current: {current}")]
    Future {
        /// What was asked for.
        asked: Revision,
        /// The newest there is.
        current: Revision,
    },
    /// The resource is no longer served, or all watches were ended.
    #[error("the watch has ended")]
    Closed,
}

/// Why an object was not created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCreated {
    /// There is one already.
    Exists,
    /// What it was to be beside is no longer as it was.
    Moved,
}

/// The object was not as the writer thought.
#[derive(Debug)]
pub struct Stale;

/// The store. Its lock is held while maps are read and changed, never across an await, nor while anybody looks into objects.
#[derive(Debug)]
pub struct Store {
    inner: RwLock<Inner>,
}

impl Store {
    /// An empty store, at revision 1, as etcd begins.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            inner: RwLock::new(Inner::new(limits)),
        }
    }

    /// The newest revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.read().revision()
    }

    /// The newest version of an object.
    #[must_use]
    pub fn get(&self, resource: &GroupResource, key: &str) -> Option<Arc<Object>> {
        self.read().collection(resource)?.get(key).cloned()
    }

    /// The objects of a resource.
    ///
    /// # Errors
    ///
    /// When the state that is asked for is no longer, or not yet, known.
    pub fn list(&self, query: &Query<'_>) -> Result<Page, ReadError> {
        let (revision, found) = self.read().find(query)?;
        Ok(Page::of(query, revision, found))
    }

    /// All objects of a resource in a namespace, or in all if it is empty, as they are now.
    #[must_use]
    pub fn all(&self, resource: &GroupResource, namespace: &str) -> Vec<Arc<Object>> {
        let query = Query {
            resource,
            namespace,
            at: At::Newest,
            start: None,
            limit: None,
            filter: None,
        };
        // The newest state is never too old.
        self.list(&query).map_or_else(|_| Vec::new(), |page| page.objects)
    }

    /// How many objects a list has from its start on, whatever its filter and its limit are.
    ///
    /// # Errors
    ///
    /// When the state that is asked for is no longer, or not yet, known.
    pub fn remaining(&self, query: &Query<'_>) -> Result<usize, ReadError> {
        self.read().remaining(query)
    }

    /// How many objects of a resource there are.
    #[must_use]
    pub fn count(&self, resource: &GroupResource) -> usize {
        self.read().collection(resource).map_or(0, collection::Collection::len)
    }

    /// Writes an object that is not there yet, as long as others, each of its own resource, are as the writer saw them.
    ///
    /// # Errors
    ///
    /// When it is there, or one of the others has changed or gone; nothing is written then.
    pub fn create(
        &self,
        resource: &GroupResource,
        key: &str,
        content: Content,
        beside: &[(&GroupResource, Arc<Object>)],
    ) -> Result<Arc<Object>, NotCreated> {
        self.write().create(resource, key, content, beside)
    }

    /// Writes a version of an object: `expected` is the revision of the version that it replaces, `None` if there must be
    /// none.
    ///
    /// # Errors
    ///
    /// When another version is there; nothing is written then.
    pub fn put(
        &self,
        resource: &GroupResource,
        key: &str,
        expected: Option<Revision>,
        content: Content,
    ) -> Result<Arc<Object>, Stale> {
        self.write().put(resource, key, expected, content)
    }

    /// Removes an object that is at revision `expected`. `last` is what watches are shown of it, under the revision of the
    /// removal.
    ///
    /// # Errors
    ///
    /// When another version is there, or none; nothing is removed then.
    pub fn remove(
        &self,
        resource: &GroupResource,
        key: &str,
        expected: Revision,
        last: Content,
    ) -> Result<Arc<Object>, Stale> {
        self.write().remove(resource, key, expected, last)
    }

    /// A watch of everything that is written to a resource after the given revision.
    ///
    /// # Errors
    ///
    /// When history no longer reaches so far back, or the resource is served otherwise since. A revision that is still to
    /// come is waited for.
    pub fn watch(&self, resource: &GroupResource, after: Revision) -> Result<Watch, ReadError> {
        let mut inner = self.write();
        inner.reaches(after)?;
        let changes = inner.collection_mut(resource).subscribe(after)?;
        Ok(Watch::new(resource.clone(), after, changes))
    }

    /// All objects of all resources, in no order, and a feed of everything that is written after this.
    #[must_use]
    pub fn feed(&self) -> (Vec<(GroupResource, Arc<Object>)>, Feed) {
        let inner = self.read();
        (inner.snapshot(), Feed::new(inner.revision(), inner.subscribe()))
    }

    /// Forgets all history up to and including a revision: lists of older states and watches from before expire.
    pub fn compact(&self, revision: Revision) {
        self.write().compact(revision);
    }

    /// Ends all watches, as a server does that stops.
    pub fn end_watches(&self) {
        self.write().end_watches();
    }

    /// Ends all watches of a resource, which is served otherwise from now on, or no longer: who watches lists it again. Its
    /// objects stay as they are.
    pub fn begin_anew(&self, resource: &GroupResource) {
        self.write().begin_anew(resource);
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
