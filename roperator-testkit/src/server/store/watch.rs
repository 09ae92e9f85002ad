//! A watch: a place in the log of a resource that moves on. It holds no events of its own, so a slow watcher costs nothing;
//! one that falls behind compaction is told so.

use std::sync::Arc;

use tokio::sync::watch::Receiver;

use super::{Event, ReadError, Revision, Store};
use crate::server::status::GroupResource;

/// A watch that is far behind gets no more bytes of objects than about so many at once.
const PIECE: usize = 256 << 10;

/// A watch of one resource.
#[derive(Debug)]
pub struct Watch {
    resource: GroupResource,
    after: Revision,
    /// The newest write to the resource. It ends when the watch is to end, and what it told last is the last to be seen.
    changes: Receiver<Revision>,
}

impl Watch {
    pub(super) const fn new(resource: GroupResource, after: Revision, changes: Receiver<Revision>) -> Self {
        Self {
            resource,
            after,
            changes,
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
            // Whether it has changed or ended, the next look tells.
            let _ = self.changes.changed().await;
        }
    }

    /// The events that came since the last call, in order, without waiting: all of them, so that [`Self::revision`] is the
    /// store's afterwards, or as many as are good at once.
    ///
    /// # Errors
    ///
    /// When compaction was faster than this watch, or it is over.
    pub fn poll(&mut self, store: &Store) -> Result<Vec<Arc<Event>>, ReadError> {
        let inner = store.read();
        let collection = inner.collection(&self.resource).ok_or(ReadError::Closed)?;
        // What was forgotten of other resources is not missed.
        if self.after < collection.forgotten() {
            return Err(ReadError::Compacted {
                asked: self.after,
                oldest: inner.compacted(),
            });
        }
        let is_over = self.changes.has_changed().is_err();
        let until = if is_over {
            *self.changes.borrow()
        } else {
            inner.revision()
        };
        let mut waiting = collection.between(self.after, until);
        let mut events = Vec::new();
        let mut room = PIECE;
        while room > 0
            && let Some(event) = waiting.next()
        {
            room = room.saturating_sub(event.object.content.json.len());
            events.push(Arc::clone(event));
        }
        if is_over && events.is_empty() {
            return Err(ReadError::Closed);
        }
        let delivered = match events.last() {
            Some(last) if room == 0 => last.revision(),
            _ => until,
        };
        // A watch may begin in the future: what comes before is not for it.
        self.after = self.after.max(delivered);
        Ok(events)
    }
}
