//! A feed: a place in the order of all writes that moves on. Like a watch it holds no writes of its own and costs nothing
//! when nothing is written; one that falls behind compaction is told so, and its reader has to begin anew.

use std::sync::Arc;

use tokio::sync::watch::Receiver;

use super::{ReadError, Revision, Store, Write};

/// A feed of the writes to all resources.
#[derive(Debug)]
pub struct Feed {
    after: Revision,
    changes: Receiver<Revision>,
}

impl Feed {
    pub(super) const fn new(after: Revision, changes: Receiver<Revision>) -> Self {
        Self { after, changes }
    }

    /// The writes since the last call, in order; waits until there is one.
    ///
    /// # Errors
    ///
    /// When compaction was faster than this feed.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self, store: &Store) -> Result<Vec<Arc<Write>>, ReadError> {
        loop {
            self.changes.borrow_and_update();
            let writes = self.poll(store)?;
            if !writes.is_empty() {
                return Ok(writes);
            }
            self.changes.changed().await.map_err(|_| ReadError::Closed)?;
        }
    }

    /// The writes since the last call, in order, without waiting.
    ///
    /// # Errors
    ///
    /// When compaction was faster than this feed.
    pub fn poll(&mut self, store: &Store) -> Result<Vec<Arc<Write>>, ReadError> {
        let inner = store.read();
        inner.reaches(self.after)?;
        let writes = inner.after(self.after);
        self.after = inner.revision();
        Ok(writes)
    }
}
