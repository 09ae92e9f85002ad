//! What happens by itself in a cluster: dependents go with their owners, namespaces are emptied. Data in: what there is, the
//! feed of everything that is written, and word of other kinds being served. Data out: writes like anybody's, through the
//! registry, in the name of the real `kube-controller-manager`. Nothing else of a cluster moves: no workloads, no nodes, no
//! default service accounts.
//!
//! One task does it all, driven by these alone: it neither sleeps nor polls, so that the order of things is the same with
//! a paused clock and without. What the real controllers delay (a namespace is looked at five seconds after its deletion, a
//! refused write is tried again ever more slowly) happens at once here, or with the next write that may change the outcome.

mod garbage;
mod head;
mod namespaces;

use std::sync::Arc;

use self::{garbage::Collector, namespaces::Emptier};
use tokio::sync::watch;

use crate::server::{
    registry::Registry,
    store::{Feed, ReadError},
};

/// Who the controllers are, in managed fields.
const MANAGER: &str = "kube-controller-manager";

/// Runs all controllers; ends never. They see everything that is written from the call on, however late the future is
/// polled for the first time.
pub fn run(registry: Arc<Registry>) -> impl Future<Output = ()> + Send {
    let mut kinds = registry.kinds();
    let mut picture = registry.store.feed();
    async move {
        loop {
            let (objects, mut feed) = picture;
            let mut controllers = Controllers {
                collector: Collector::new(Arc::clone(&registry), &objects),
                emptier: Emptier::new(Arc::clone(&registry), &objects),
            };
            drop(objects);
            while let Ok(()) = controllers.step(&registry, &mut feed, &mut kinds).await {}
            // They fell behind compaction: what was missed is told by a new picture of all there is.
            picture = registry.store.feed();
        }
    }
}

struct Controllers {
    collector: Collector,
    emptier: Emptier,
}

impl Controllers {
    /// Looks at what was written, and whether other kinds are served, and does one thing about it. Waits if there is nothing
    /// to do.
    async fn step(
        &mut self,
        registry: &Registry,
        feed: &mut Feed,
        kinds: &mut watch::Receiver<()>,
    ) -> Result<(), ReadError> {
        let is_busy = self.collector.is_busy() || self.emptier.is_busy();
        let writes = if is_busy {
            // Others get their turn between two things, as they do beside the real controllers.
            tokio::task::yield_now().await;
            feed.poll(&registry.store)?
        } else {
            tokio::select! {
                writes = feed.next(&registry.store) => writes?,
                Ok(()) = kinds.changed() => {
                    // It is looked at below, as when it changes while there is something to do.
                    kinds.mark_changed();
                    Vec::new()
                }
            }
        };
        for write in &writes {
            self.collector.observe(write);
            self.emptier.observe(write);
        }
        if kinds.has_changed().unwrap_or(false) {
            kinds.mark_unchanged();
            self.collector.resume();
            self.emptier.begin_anew();
        }
        if self.collector.is_busy() {
            self.collector.work();
        } else {
            self.emptier.work();
        }
        Ok(())
    }
}

#[cfg(test)]
mod races;
#[cfg(test)]
mod recoveries;
#[cfg(test)]
mod tests;
