//! Polls that are made where the task is, and a lookout for those that block.
//!
//! A poll that returns at once, as nearly all do, costs least on the worker that it is on. One that blocks keeps that
//! worker. So one worker always stays out of it; and since that one may sleep while the blocked one was about to wait for
//! I/O and timers in its place, a thread of our own wakes it. The thread sleeps while no handler is called.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    thread::{Builder, Thread},
    time::Duration,
};

use tokio::runtime::Handle;

/// So long a blocking poll may keep its runtime from waiting for I/O.
const TICK: Duration = Duration::from_millis(20);

/// So many ticks without any poll, and the lookout sleeps.
const IDLE_TICKS: u32 = 50;

static LOOKOUT: Mutex<Option<Lookout>> = Mutex::new(None);

struct Lookout {
    thread: Thread,
    sleeps: bool,
    begun: u64,
    /// The polls that are made on workers at the moment, in the whole process.
    polls: HashMap<u64, Handle>,
}

/// A place on a worker, for one poll.
pub(super) struct Place(u64);

impl Place {
    /// `None`: no worker would stay free.
    pub(super) fn take(runtime: &Handle) -> Option<Self> {
        let workers = runtime.metrics().num_workers();
        if workers < 2 {
            return None;
        }
        let mut lookout = lock();
        if lookout.is_none() {
            *lookout = Some(start()?);
        }
        let lookout = lookout.as_mut()?;
        if lookout.polls.len() + 1 >= workers {
            return None;
        }
        lookout.begun += 1;
        lookout.polls.insert(lookout.begun, runtime.clone());
        if std::mem::take(&mut lookout.sleeps) {
            lookout.thread.unpark();
        }
        Some(Self(lookout.begun))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(lookout) = lock().as_mut() {
            lookout.polls.remove(&self.0);
        }
    }
}

fn lock() -> MutexGuard<'static, Option<Lookout>> {
    LOOKOUT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `None`: the system has no thread left.
fn start() -> Option<Lookout> {
    let thread = Builder::new()
        .name("roperator-lookout".to_owned())
        .spawn(look_out)
        .ok()?;
    Some(Lookout {
        thread: thread.thread().clone(),
        sleeps: false,
        begun: 0,
        polls: HashMap::new(),
    })
}

fn look_out() {
    let (mut idle, mut begun) = (0, 0);
    loop {
        let (runtimes, sleeps): (Vec<Handle>, bool) = {
            let mut lookout = lock();
            // It is there once the thread is started.
            let Some(lookout) = lookout.as_mut() else { continue };
            idle = if lookout.begun == begun && lookout.polls.is_empty() {
                idle + 1
            } else {
                0
            };
            begun = lookout.begun;
            lookout.sleeps = idle >= IDLE_TICKS;
            (lookout.polls.values().cloned().collect(), lookout.sleeps)
        };
        for runtime in runtimes {
            // A task from outside wakes a worker, which then waits for I/O and timers.
            runtime.spawn(async {});
        }
        if sleeps {
            std::thread::park();
            idle = 0;
        } else {
            std::thread::sleep(TICK);
        }
    }
}
