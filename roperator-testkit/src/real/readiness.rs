//! Waiting for a process: it serves, it has ended, or the time is up. Never anything but questions.

use std::time::{Duration, Instant};

use http::Request;

use super::error::RealError;
use super::etcd::Etcd;
use super::process::Process;

/// How long a process has until it serves. Seconds are the rule; a loaded machine can take far longer.
const DEADLINE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(25);

/// Asks until the answer is there, the process has ended or the time is up.
// Not an `AsyncFn`: the compiler could not tell that the callers' futures are `Send`.
pub(super) async fn until_ready<T, F>(process: &mut Process, ask: impl Fn() -> F) -> Result<T, RealError>
where
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    while let Some(left) = DEADLINE.checked_sub(start.elapsed()) {
        process.check()?;
        if let Ok(Some(answer)) = tokio::time::timeout(left, ask()).await {
            return Ok(answer);
        }
        tokio::time::sleep(POLL).await;
    }
    Err(process.not_ready(DEADLINE))
}

pub(super) async fn is_up(etcd: Etcd) -> Option<()> {
    etcd.is_ready().await.then_some(())
}

/// Ready by its own account, and with the namespace that it makes a moment later.
pub(super) async fn is_serving(apiserver: kube::Client) -> Option<()> {
    for path in ["/readyz", "/api/v1/namespaces/default"] {
        let request = Request::get(path).body(Vec::new()).ok()?;
        apiserver.request_text(request).await.ok()?;
    }
    Some(())
}
