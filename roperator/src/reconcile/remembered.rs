//! What is remembered of a parent from turn to turn, beside what the API server holds.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    config::Backoff,
    diff::{self, Kept},
    losses::SOON,
    object::{Object, ResourceVersion},
};

/// So often in a row an overwritten status is written again at once.
const FREE_REWRITES: u32 = 3;

/// What is remembered of a parent from turn to turn, beside what the API server holds.
#[derive(Default)]
pub(super) struct Remembered {
    pub(super) children: diff::Memory,
    pub(super) status: Option<WrittenStatus>,
    /// What the server made of it, if that is something else.
    pub(super) kept_status: Option<(u64, u64)>,
    /// The failure that was last told of in an Event.
    pub(super) told: Option<u64>,
}

/// Our last write of a status.
pub(super) struct WrittenStatus {
    pub(super) hash: u64,
    pub(super) version: ResourceVersion,
    pub(super) at: Instant,
    /// How often in a row the same was written because somebody had overwritten it.
    pub(super) rewrites: u32,
}

impl Remembered {
    pub(super) fn new(kept: &Arc<Kept>) -> Self {
        Self {
            children: diff::Memory::new(kept),
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.children.is_empty() && self.status.is_none() && self.kept_status.is_none() && self.told.is_none()
    }

    /// Whether the observed status is what the server made of the same status when we wrote it: its schema may prune or
    /// default fields, and writing them again would change nothing.
    pub(super) fn keeps_status(&mut self, parent: &Object, desired: u64, observed: u64) -> bool {
        if self.kept_status == Some((desired, observed)) {
            return true;
        }
        let is_own = self
            .status
            .as_ref()
            .is_some_and(|written| written.hash == desired && written.version == *parent.resource_version());
        if is_own {
            tracing::warn!(parent = %parent.key(), "the API server does not keep the status as it was written: its schema prunes or defaults a field");
            self.kept_status = Some((desired, observed));
        }
        is_own
    }
}

impl Remembered {
    /// How often in a row this status has been written again, this time included.
    ///
    /// # Errors
    /// How long to wait before it is.
    pub(super) fn rewrites(&self, desired: u64, backoff: &Backoff) -> Result<u32, Duration> {
        let Some(last) = self.status.as_ref().filter(|last| last.hash == desired) else {
            return Ok(0);
        };
        let rewrites = last.rewrites.saturating_add(1);
        let pause = match rewrites.saturating_sub(FREE_REWRITES) {
            0 => Duration::ZERO,
            beyond => backoff.delay(beyond),
        };
        let passed = last.at.elapsed();
        if passed > SOON.max(pause * 2) {
            return Ok(0);
        }
        match pause.saturating_sub(passed) {
            Duration::ZERO => Ok(rewrites),
            left => Err(left),
        }
    }
}
