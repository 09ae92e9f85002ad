//! The time that the server's answers carry. It goes with tokio's clock, so that in a test whose clock is paused an hour's
//! wait is over at once, and the timestamps say an hour.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that began with the server.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Timestamp,
    at: Instant,
}

impl Clock {
    /// A clock that shows the present.
    #[must_use]
    pub fn start() -> Self {
        Self {
            began: Timestamp::now(),
            at: Instant::now(),
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.at.elapsed()).unwrap_or(SignedDuration::MAX);
        self.began.saturating_add(passed).unwrap_or(Timestamp::MAX)
    }
}

/// A time as Kubernetes writes it: whole seconds, UTC.
#[must_use]
pub fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
