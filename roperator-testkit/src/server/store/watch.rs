//! A watch: a place in the log of a resource that moves on. It holds no events of its own, so a slow watcher costs nothing;
//! one that falls behind compaction is told so.

use std::sync::Arc;

use tokio::sync::watch::Receiver;

use super::{Event, ReadError, Revision, Store};
use crate::server::status::GroupResource;

/// A watch of one resource.
#[derive(Debug)]
pub struct Watch {
    resource: GroupResource,
    after: Revision,
    changes: Receiver<Revision>,
    /// Which generation of watches it is of.
    generation: u64,
    /// How often the resource had ceased to be served when it began.
    endings: u64,
}

impl Watch {
    pub(super) const fn new(
        resource: GroupResource,
        after: Revision,
        changes: Receiver<Revision>,
        generation: u64,
        endings: u64,
    ) -> Self {
        Self {
            resource,
            after,
            changes,
            generation,
            endings,
        }
    }

    /// Everything up to here was delivered.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.after
    }

    /// The events that came since the last call, in order; waits until there is one.
    ///
    /// # Errors
    ///
    /// When compaction was faster than this watch, or the resource is no longer served.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self, store: &Store) -> Result<Vec<Arc<Event>>, ReadError> {
        loop {
            self.changes.borrow_and_update();
            let events = self.poll(store)?;
            if !events.is_empty() {
                return Ok(events);
            }
            // The sender goes with the collection.
            self.changes.changed().await.map_err(|_| ReadError::Closed)?;
        }
    }

    /// The events that came since the last call, in order, without waiting. Afterwards [`Self::revision`] is the store's.
    ///
    /// # Errors
    ///
    /// When compaction was faster than this watch.
    pub fn poll(&mut self, store: &Store) -> Result<Vec<Arc<Event>>, ReadError> {
        let inner = store.read();
        if inner.generation() != self.generation {
            return Err(ReadError::Closed);
        }
        inner.reaches(self.after)?;
        let Some(collection) = inner.collection(&self.resource) else {
            return Err(ReadError::Closed);
        };
        let mut events = collection.after(self.after);
        let (endings, ended) = collection.endings();
        if endings != self.endings {
            // The last of it is still to be told: the objects that went with their definition.
            events.retain(|event| event.revision() <= ended);
            self.after = self.after.max(ended);
            return if events.is_empty() {
                Err(ReadError::Closed)
            } else {
                Ok(events)
            };
        }
        // A watch may begin in the future: what comes before is not for it.
        self.after = self.after.max(inner.revision());
        Ok(events)
    }
}
