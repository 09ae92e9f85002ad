//! One operator at work: its queue, its workers, and the way from an event to a turn.
//!
//! In: changes of the stores. Out: turns, at most one a parent at a time and a bounded number in all; each is followed by
//! the wait for its own writes to be seen.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::{
    sync::{Notify, oneshot, watch},
    task::JoinSet,
    time::Instant,
};
use tracing::Instrument;

use crate::{
    apply::Seen,
    config::OperatorConfig,
    error::Retry,
    object::{Object, ObjectKey},
    operator::{Dispatch, Handler, Operator},
    reconcile::{Outcome, Reconciler, Regardless, Stores, TurnEnd},
    runtime::{
        metrics::{ControllerMetrics, TurnResult},
        queue::{Depth, Job, Queue, Reason},
    },
    watch::Delta,
};

/// A parent without a good turn for so long, whose turns are stale, is not just overtaken by the world: something is wrong.
const STUCK: u32 = 5;

/// A write that is not seen for this long is asked for with a GET.
const READ_BACK_DEADLINE: Duration = Duration::from_secs(5);

/// While there are turns, some timer is due so soon. Tokio wakes its driver for each new timer that is due before all others,
/// and every request, handler and wait of a turn has one of its own: with an earlier one there is nothing to wake for.
const PULSE: Duration = Duration::from_secs(2);

/// A reconciler without its operator's type.
pub(crate) trait Reconcile: Send + Sync + 'static {
    fn config(&self) -> &Arc<OperatorConfig>;
    fn parents(&self) -> &Stores;
    fn children(&self) -> &[Stores];
    fn turn<'a>(&'a self, key: &'a ObjectKey) -> BoxFuture<'a, TurnEnd>;
    fn is_own_status(&self, parent: &Object) -> bool;
    /// A child has gone, or is no child of this parent any more.
    fn lost(&self, parent: &ObjectKey, child: &Object);
    /// Whether nothing changed since a turn but by its own writes, which its handler would not see.
    fn is_done(&self, key: &ObjectKey, last: &Regardless) -> bool;
    /// Learns what the parent's kind can hold in its status.
    fn prepare(&self) -> BoxFuture<'_, ()>;
    /// Reads one object and gives it to its store.
    fn refresh<'a>(&'a self, seen: &'a Seen) -> BoxFuture<'a, bool>;
}

impl<O, H> Reconcile for Reconciler<O, H>
where
    O: Operator<Finalization: Dispatch<O, H>>,
    H: Handler<O>,
{
    fn config(&self) -> &Arc<OperatorConfig> {
        &self.config
    }

    fn parents(&self) -> &Stores {
        &self.parents
    }

    fn children(&self) -> &[Stores] {
        &self.children
    }

    fn turn<'a>(&'a self, key: &'a ObjectKey) -> BoxFuture<'a, TurnEnd> {
        Box::pin(Reconciler::turn(self, key))
    }

    fn is_own_status(&self, parent: &Object) -> bool {
        Reconciler::is_own_status(self, parent)
    }

    fn lost(&self, parent: &ObjectKey, child: &Object) {
        Reconciler::lost(self, parent, child);
    }

    fn is_done(&self, key: &ObjectKey, last: &Regardless) -> bool {
        Reconciler::is_done(self, key, last)
    }

    fn prepare(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.check_support())
    }

    fn refresh<'a>(&'a self, seen: &'a Seen) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let stores = std::iter::once(&self.parents).chain(&self.children);
            let Some(store) = stores
                .filter_map(|stores| stores.of(&seen.key))
                .find(|store| store.key().kind == seen.kind)
            else {
                return true;
            };
            self.read(store, &seen.key).await.is_ok()
        })
    }
}

/// One operator at work.
pub(crate) struct Controller {
    reconciler: Arc<dyn Reconcile>,
    queue: Mutex<Queue<ObjectKey>>,
    wake: Notify,
    /// The turns that run, and since when.
    running: Mutex<HashMap<ObjectKey, Instant>>,
    metrics: ControllerMetrics,
    is_ready: AtomicBool,
    is_stopping: AtomicBool,
}

impl Controller {
    pub fn new(reconciler: Arc<dyn Reconcile>, metrics: ControllerMetrics) -> Arc<Self> {
        metrics.max_concurrent(reconciler.config().concurrency);
        let queue = Mutex::new(Queue::new());
        let controller = Arc::new(Self {
            reconciler,
            queue,
            wake: Notify::new(),
            running: Mutex::default(),
            metrics,
            is_ready: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
        });
        controller.listen();
        controller
    }

    pub fn name(&self) -> &str {
        &self.reconciler.config().name
    }

    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Relaxed)
    }

    pub fn refresh_metrics(&self) {
        self.metrics.depth(self.queue().depth());
        let now = Instant::now();
        let running = self.running();
        self.metrics
            .running(running.values().map(|since| now.duration_since(*since)));
    }

    fn queue(&self) -> MutexGuard<'_, Queue<ObjectKey>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<ObjectKey, Instant>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A store may hold more than this operator watches: another one's namespaces.
    fn add(&self, key: &ObjectKey, reason: Reason) {
        if key
            .namespace
            .as_deref()
            .is_some_and(|namespace| !self.reconciler.config().watches_namespace(namespace))
        {
            return;
        }
        self.queue().add(key, reason, Instant::now());
        self.wake.notify_one();
    }

    /// The stores outlive the controller: they hold it weakly.
    fn listen(self: &Arc<Self>) {
        for store in &self.reconciler.parents().0 {
            let controller = Arc::downgrade(self);
            store.listen(Box::new(move |delta| {
                if let Some(controller) = controller.upgrade() {
                    controller.on_parent(delta);
                }
            }));
        }
        for store in self.reconciler.children().iter().flat_map(|stores| &stores.0) {
            let controller = Arc::downgrade(self);
            store.listen(Box::new(move |delta| {
                if let Some(controller) = controller.upgrade() {
                    controller.on_child(delta);
                }
            }));
        }
    }

    fn on_parent(&self, delta: &Delta<'_>) {
        let Some(object) = delta.new.or(delta.old) else { return };
        let reason = match (delta.old, delta.new) {
            _ if delta.initial => Reason::Listed,
            (Some(old), Some(new)) if is_same_but_for_status(old, new) => {
                if self.reconciler.is_own_status(new) {
                    return;
                }
                Reason::Status
            }
            _ => Reason::Parent,
        };
        self.add(object.key(), reason);
    }

    fn on_child(&self, delta: &Delta<'_>) {
        let reason = if delta.initial && delta.new.is_some() {
            Reason::Listed
        } else {
            Reason::Child
        };
        let owners = [delta.old, delta.new].map(|child| child.and_then(|child| self.parent_of(child)));
        let [old, new] = owners;
        let is_other = delta
            .new
            .is_some_and(|new| delta.old.is_some_and(|old| old.uid() != new.uid()));
        if let (Some(parent), Some(child)) = (&old, delta.old)
            && (old != new || is_other)
        {
            self.reconciler.lost(parent, child);
            self.add(parent, reason);
        }
        new.iter().for_each(|key| self.add(key, reason));
    }

    /// The parent that a child names as its controller, if it is one of this operator's.
    fn parent_of(&self, child: &Object) -> Option<ObjectKey> {
        let config = self.reconciler.config();
        let owner = child
            .controller()
            .filter(|owner| config.parent.is_named(&owner.api_version, &owner.kind))?;
        let label = child.label(&config.operator_label)?;
        config.names().find(|name| *name == label)?;
        let namespace = child.namespace().filter(|_| config.parent.is_namespaced());
        Some(ObjectKey::new(namespace, &owner.name))
    }

    /// Works until `stop` says so; then ends the turns that run, and returns.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let synced = self.clone().synced();
        tokio::select! {
            () = synced => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        tracing::info!(operator = self.name(), "reconciling");
        self.is_ready.store(true, Ordering::Relaxed);
        // The turns that run, and those whose writes are waited for.
        let mut tasks = JoinSet::new();
        let mut pulse = pin!(tokio::time::sleep(PULSE));
        let mut has_pulse = false;
        loop {
            while let Some(ended) = tasks.try_join_next() {
                if let Err(error) = ended {
                    tracing::error!(%error, "a turn ended abnormally");
                }
            }
            while self.running().len() < self.reconciler.config().concurrency {
                let Some(job) = self.next() else { break };
                tasks.spawn(self.clone().work(self.begin(&job), job));
            }
            if !has_pulse && !tasks.is_empty() {
                pulse.as_mut().reset(Instant::now() + PULSE);
                has_pulse = true;
            }
            let timer = self.queue().next_timer();
            let is_full = self.running().len() >= self.reconciler.config().concurrency;
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = self.wake.notified() => {}
                () = sleep_until(timer), if !is_full => {}
                () = &mut pulse, if has_pulse => has_pulse = false,
            }
        }
        self.is_stopping.store(true, Ordering::SeqCst);
        while !self.running().is_empty() {
            self.wake.notified().await;
        }
    }

    fn begin(self: &Arc<Self>, job: &Job<ObjectKey>) -> EndTurn {
        let started = Instant::now();
        self.running().insert(job.key.clone(), started);
        EndTurn {
            controller: self.clone(),
            key: job.key.clone(),
            started,
            ended: false,
        }
    }

    fn next(&self) -> Option<Job<ObjectKey>> {
        let mut queue = self.queue();
        let job = queue.next(Instant::now());
        self.metrics.depth(queue.depth());
        job
    }

    /// Waits until every kind is listed: before that, a child that exists would look missing.
    async fn synced(self: Arc<Self>) {
        let stores = self
            .reconciler
            .children()
            .iter()
            .chain([self.reconciler.parents()])
            .flat_map(|stores| &stores.0);
        for store in stores {
            // The sender lives in the store, which we hold.
            let _ = store.health().wait_for(|health| health.synced).await;
        }
        self.reconciler.prepare().await;
    }

    /// A turn, and the wait for what it wrote, which keeps nobody else waiting.
    async fn work(self: Arc<Self>, mut running: EndTurn, job: Job<ObjectKey>) {
        let reasons = job
            .reasons
            .iter()
            .map(|reason| reason.as_str())
            .collect::<Vec<_>>()
            .join(",");
        let generation = self
            .reconciler
            .parents()
            .get(&job.key)
            .and_then(|parent| parent.generation());
        let span = tracing::info_span!(
            "reconcile", operator = self.name(), kind = self.reconciler.config().parent.kind(), object = %job.key, generation, reasons
        );
        async {
            self.metrics.begun(job.reasons.iter().copied(), job.waited);
            let mut end = self.reconciler.turn(&job.key).await;
            running.ended = true;
            let result = self.conclude(&job.key, &end);
            self.metrics.ended(result, running.started.elapsed());
            let waits = self.unseen(std::mem::take(&mut end.seen));
            let held = Held {
                controller: &self,
                key: &job.key,
            };
            drop(running);
            self.read_back(&job.key, end, waits).await;
            drop(held);
        }
        .instrument(span)
        .await;
    }

    /// Says when the next turn is, if it is known by now.
    fn conclude(&self, key: &ObjectKey, end: &TurnEnd) -> TurnResult {
        let config = self.reconciler.config();
        let mut queue = self.queue();
        let now = Instant::now();
        match &end.outcome {
            Outcome::Gone => {
                queue.forget(key);
                TurnResult::Success
            }
            Outcome::Settled { resync_after } => {
                queue.succeeded(key);
                match resync_after {
                    Some(delay) => {
                        queue.add_at(key, Reason::Resync, now + *delay);
                        TurnResult::RequeueAfter
                    }
                    None => TurnResult::Success,
                }
            }
            Outcome::Stale(message) => {
                let failures = queue.failed(key);
                let delay = config.backoff.delay(failures);
                // Once or twice is how the world goes on meanwhile. More is something that will not be as we see it.
                if failures < STUCK {
                    tracing::debug!(?delay, "{message}; observing again");
                } else {
                    tracing::warn!(failures, retry_in = ?delay, "{message}, again and again; observing again");
                }
                queue.add_at(key, Reason::Retry, now + delay);
                TurnResult::Stale
            }
            Outcome::Failed(failure) => {
                let failures = queue.failed(key);
                let is_terminal = failure.retry == Retry::Terminal;
                let delay = if is_terminal {
                    config.backoff.max
                } else {
                    config.backoff.delay(failures)
                };
                let delay = failure.retry_after.map_or(delay, |asked| delay.max(asked));
                tracing::warn!(failures, reason = failure.reason, terminal = is_terminal, retry_in = ?delay, "{}", failure.message);
                queue.add_at(key, Reason::Retry, now + delay);
                if let Some(asked) = failure.retry_after {
                    queue.hold(key, now + asked);
                }
                TurnResult::Error {
                    terminal: is_terminal,
                    reason: failure.reason,
                }
            }
        }
    }

    /// Waits until the stores show what the turn wrote and its handler has ended; then there is no next turn for these writes
    /// alone, where its handler would not see them.
    async fn read_back(&self, key: &ObjectKey, end: TurnEnd, waits: Vec<(Seen, oneshot::Receiver<()>)>) {
        let deadline = Instant::now() + READ_BACK_DEADLINE;
        for (seen, mut wait) in waits {
            let mut deadline = deadline;
            while tokio::time::timeout_at(deadline, &mut wait).await.is_err() {
                tracing::info!(object = %seen.key, kind = seen.kind.kind(), "a write is not seen in the watch; reading it");
                if self.reconciler.refresh(&seen).await {
                    break;
                }
                deadline = Instant::now() + READ_BACK_DEADLINE;
            }
        }
        if let Some(hung) = end.hung {
            hung.await;
        }
        if let Some(last) = end.regardless {
            // The reason goes first: what happens while the children are compared is a new one.
            let is_pardoned = self.queue().pardon(key, Reason::Child);
            if is_pardoned && !self.reconciler.is_done(key, &last) {
                self.queue().add(key, Reason::Child, Instant::now());
            }
        }
    }

    /// What of a turn's writes the stores do not show yet.
    fn unseen(&self, seen: Vec<Seen>) -> Vec<(Seen, oneshot::Receiver<()>)> {
        let unseen = |seen: Seen| {
            if let Some(verb) = seen.verb {
                tracing::debug!(object = %seen.key, kind = seen.kind.kind(), "{verb}");
                self.metrics.wrote(verb);
            }
            let wait = self.expect(&seen)?;
            Some((seen, wait))
        };
        seen.into_iter().filter_map(unseen).collect()
    }

    fn expect(&self, seen: &Seen) -> Option<oneshot::Receiver<()>> {
        let stores = self.reconciler.children().iter().chain([self.reconciler.parents()]);
        let mut of_key = stores.filter_map(|stores| stores.of(&seen.key));
        let store = of_key.find(|store| store.key().kind == seen.kind)?;
        store.expect(&seen.key, seen.expected.clone())
    }

    /// Wakes the loop if there is anything that it could do: keys that wait for a turn, or for their time.
    fn wake_for_work(&self) {
        let queue = self.queue();
        let has_work = queue.depth() != Depth::default() || queue.next_timer().is_some();
        if has_work || self.is_stopping.load(Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }
}

/// A key between its turn and the next. However the wait ends, the next turn may come.
struct Held<'a> {
    controller: &'a Controller,
    key: &'a ObjectKey,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.controller.queue().release(self.key, Instant::now());
        self.controller.wake_for_work();
    }
}

/// A turn whose future is dropped or panics still ends.
struct EndTurn {
    controller: Arc<Controller>,
    key: ObjectKey,
    started: Instant,
    ended: bool,
}

impl Drop for EndTurn {
    fn drop(&mut self) {
        let controller = &self.controller;
        controller.running().remove(&self.key);
        if !self.ended {
            let mut queue = controller.queue();
            let delay = controller.reconciler.config().backoff.delay(queue.failed(&self.key));
            queue.add_at(&self.key, Reason::Retry, Instant::now() + delay);
            queue.release(&self.key, Instant::now());
            drop(queue);
            controller.metrics.ended(
                TurnResult::Error {
                    terminal: false,
                    reason: "Aborted",
                },
                self.started.elapsed(),
            );
        }
        controller.wake_for_work();
    }
}

/// Whether a parent changed in nothing but its status, as far as a sync is concerned.
fn is_same_but_for_status(old: &Object, new: &Object) -> bool {
    old.uid() == new.uid()
        && old.generation().is_some()
        && old.generation() == new.generation()
        && old.is_deleting() == new.is_deleting()
        && old.finalizers().eq(new.finalizers())
        && old.labels().eq(new.labels())
        && old.controller() == new.controller()
        && old.has_annotations_of(new)
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
