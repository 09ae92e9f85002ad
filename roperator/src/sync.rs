//! Calls the user's code, and survives it.
//!
//! In: a request. Out: the response, or how the handler failed. A panic, an error or a passed deadline ends one turn and
//! nothing else; code that blocks its thread blocks nobody else's.

mod places;

use std::{
    any::Any,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::JoinHandle,
};
use tracing::Instrument;

use self::places::Place;
use crate::error::{Error, Result, Retry};

/// How a handler failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandlerError {
    #[error("{}", .0.chain())]
    Failed(Error),
    #[error("the handler panicked: {0}")]
    Panicked(String),
    #[error("the handler did not answer within {} s; it cannot run again for this object before it ends", .0.as_secs_f32())]
    TimedOut(Duration),
    #[error("the handler was cancelled")]
    Cancelled,
}

impl HandlerError {
    pub fn retry(&self) -> Retry {
        match self {
            Self::Failed(error) => error.retry(),
            Self::Panicked(_) | Self::TimedOut(_) | Self::Cancelled => Retry::Transient,
        }
    }

    /// One word for conditions and events.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Failed(_) | Self::Cancelled => "HandlerFailed",
            Self::Panicked(_) => "HandlerPanicked",
            Self::TimedOut(_) => "HandlerTimedOut",
        }
    }
}

/// How long an aborted handler may take to end before it counts as blocked.
const ABORT_TIME: Duration = Duration::from_millis(100);

/// A handler that runs past its deadline: no second one may start for its object before it ends.
pub(crate) type Hung = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs a handler's future in a task of its own, with a deadline.
///
/// # Cancellation
/// Past the deadline the future is dropped at its next `await`; if it blocks instead, [`Hung`] ends when it does.
pub(crate) async fn guarded<T: Send + 'static>(
    deadline: Duration,
    future: impl Future<Output = Result<T>> + Send + 'static,
) -> (Result<T, HandlerError>, Option<Hung>) {
    let mut task = AbortOnDrop(tokio::spawn(OffWorker(Box::pin(future)).in_current_span()));
    match tokio::time::timeout(deadline, &mut task.0).await {
        Ok(Ok(result)) => (result.map_err(HandlerError::Failed), None),
        Ok(Err(error)) if error.is_panic() => (Err(HandlerError::Panicked(panic_message(&*error.into_panic()))), None),
        Ok(Err(_)) => (Err(HandlerError::Cancelled), None),
        Err(_) => {
            task.0.abort();
            // What waits ends at once; only what blocks does not.
            if tokio::time::timeout(ABORT_TIME, &mut task.0).await.is_ok() {
                return (Err(HandlerError::TimedOut(deadline)), None);
            }
            let hung = async move {
                // How it ends does not matter any more.
                let _ = (&mut task.0).await;
            };
            (Err(HandlerError::TimedOut(deadline)), Some(Box::pin(hung)))
        }
    }
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Polls a future so that, if it blocks, other tasks go on: where the task is while a worker stays free, and otherwise after
/// the worker's other tasks have moved to another thread. (A runtime with a single thread has none to move them to.)
struct OffWorker<F>(Pin<Box<F>>);

impl<F: Future> Future for OffWorker<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let runtime = Handle::current();
        match runtime.runtime_flavor() {
            RuntimeFlavor::CurrentThread => self.0.as_mut().poll(context),
            _ => match Place::take(&runtime) {
                Some(_place) => self.0.as_mut().poll(context),
                None => tokio::task::block_in_place(|| self.0.as_mut().poll(context)),
            },
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn blocking_code_blocks_nobody_else_and_ends_when_it_does() {
        let (result, hung) = guarded::<()>(SHORT, async {
            std::thread::sleep(SHORT * 10);
            Ok(())
        })
        .await;
        assert!(matches!(result, Err(HandlerError::TimedOut(_))));
        let started = std::time::Instant::now();
        hung.unwrap().await;
        assert!(started.elapsed() > SHORT, "the blocked handler was still running");
    }

    /// The worker that a timer woke is the one that would have waited for the next: while it is blocked, nobody does, unless
    /// another is woken.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_turn_that_a_timer_started_and_that_blocks_stops_no_timer() {
        for _ in 0..5 {
            let started = std::time::Instant::now();
            let turn = tokio::spawn(async {
                tokio::time::sleep(SHORT).await;
                guarded::<()>(SHORT, async {
                    std::thread::sleep(SHORT * 20);
                    Ok(())
                })
                .await
            });
            let (result, hung) = turn.await.unwrap();
            assert!(matches!(result, Err(HandlerError::TimedOut(_))));
            assert!(started.elapsed() < SHORT * 10, "{:?}", started.elapsed());
            hung.unwrap().await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_that_block_leave_a_worker_to_the_others() {
        let blocks = || {
            guarded::<()>(SHORT, async {
                std::thread::sleep(SHORT * 10);
                Ok(())
            })
        };
        let started = std::time::Instant::now();
        let blocked = tokio::spawn(futures::future::join_all([blocks(), blocks(), blocks()]));
        tokio::time::sleep(SHORT / 2).await;
        let (quick, _) = guarded(SHORT * 5, async { Ok(1) }).await;
        assert_eq!(quick.unwrap(), 1);
        let results = blocked.await.unwrap();
        assert!(
            started.elapsed() < SHORT * 8,
            "the deadlines passed while all three blocked"
        );
        assert!(results.iter().all(|(result, hung)| result.is_err() && hung.is_some()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_future_that_never_ends_is_dropped_at_its_deadline() {
        let (result, hung) = guarded::<()>(SHORT, std::future::pending()).await;
        assert_eq!(result.unwrap_err().reason(), "HandlerTimedOut");
        assert!(hung.is_none());
    }

    #[tokio::test]
    async fn panics_and_errors_are_told_apart() {
        let (panicked, _) = guarded::<()>(SHORT, async { panic!("no {}", 1) }).await;
        assert_eq!(panicked.unwrap_err().to_string(), "the handler panicked: no 1");
        let (failed, _) = guarded::<()>(SHORT, async { Err(Error::terminal("no")) }).await;
        assert_eq!(failed.unwrap_err().retry(), Retry::Terminal);
    }
}
