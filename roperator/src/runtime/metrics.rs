//! What is counted, under the names that controller-runtime gave to it, so that dashboards and alerts fit.
//!
//! No metric has a label of an object's name: their number does not grow with the cluster.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64},
    },
    time::Duration,
};

use http::{Method, StatusCode};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::{
    api::Observer,
    kind::Kind,
    runtime::queue::{Depth, Reason},
    watch::WatchObserver,
};

/// Seconds of a turn, as controller-runtime has them, and below them what turns without a request take.
const TURN_BUCKETS: [f64; 43] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8,
    0.9, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 15.0, 20.0, 25.0, 30.0,
    40.0, 50.0, 60.0,
];

/// Seconds in the queue and of work, as client-go's workqueue has them: from 10 ns to 1000 s, each ten times the last.
const QUEUE_BUCKETS: [f64; 12] = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0];

/// Seconds of a request, as client-go has them, and below them what a server near by takes.
const REQUEST_BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0,
];

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ControllerLabel {
    controller: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    controller: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    controller: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerbLabels {
    controller: String,
    verb: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    name: String,
    controller: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DepthLabels {
    name: String,
    controller: String,
    priority: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    api_version: String,
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WatchLabels {
    api_version: String,
    kind: String,
    event: String,
}

/// All that a process counts.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    reconciles: Family<ResultLabels, Counter>,
    errors: Family<ControllerLabel, Counter>,
    terminal_errors: Family<ControllerLabel, Counter>,
    panics: Family<ControllerLabel, Counter>,
    timeouts: Family<ControllerLabel, Counter>,
    reconcile_time: Histograms<ControllerLabel>,
    max_concurrent: Family<ControllerLabel, Gauge>,
    active_workers: Family<ControllerLabel, Gauge>,
    reasons: Family<ReasonLabels, Counter>,
    writes: Family<VerbLabels, Counter>,
    queue_depth: Family<DepthLabels, Gauge>,
    unfinished: Family<QueueLabels, Gauge<f64, AtomicU64>>,
    longest: Family<QueueLabels, Gauge<f64, AtomicU64>>,
    queue_adds: Family<QueueLabels, Counter>,
    queue_retries: Family<QueueLabels, Counter>,
    queue_time: Histograms<QueueLabels>,
    work_time: Histograms<QueueLabels>,
    requests: Family<RequestLabels, Counter>,
    request_time: Histograms<RequestLabels>,
    cached: Family<KindLabels, Gauge<i64, AtomicI64>>,
    watch_events: Family<WatchLabels, Counter>,
    watch_errors: Family<KindLabels, Counter>,
}

impl Metrics {
    pub fn new() -> Arc<Self> {
        let metrics = Self {
            registry: Mutex::default(),
            reconciles: Family::default(),
            errors: Family::default(),
            terminal_errors: Family::default(),
            panics: Family::default(),
            timeouts: Family::default(),
            reconcile_time: Family::new_with_constructor(|| Histogram::new(TURN_BUCKETS)),
            max_concurrent: Family::default(),
            active_workers: Family::default(),
            reasons: Family::default(),
            writes: Family::default(),
            queue_depth: Family::default(),
            unfinished: Family::default(),
            longest: Family::default(),
            queue_adds: Family::default(),
            queue_retries: Family::default(),
            queue_time: Family::new_with_constructor(|| Histogram::new(QUEUE_BUCKETS)),
            work_time: Family::new_with_constructor(|| Histogram::new(QUEUE_BUCKETS)),
            requests: Family::default(),
            request_time: Family::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS)),
            cached: Family::default(),
            watch_events: Family::default(),
            watch_errors: Family::default(),
        };
        metrics.register();
        Arc::new(metrics)
    }

    /// The registry appends `_total` to counters.
    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let controller = registry.sub_registry_with_prefix("controller_runtime");
        controller.register("reconcile", "Turns by their result", self.reconciles.clone());
        controller.register("reconcile_errors", "Turns that failed", self.errors.clone());
        controller.register(
            "terminal_reconcile_errors",
            "Turns that failed for good",
            self.terminal_errors.clone(),
        );
        controller.register("reconcile_panics", "Handlers that panicked", self.panics.clone());
        controller.register(
            "reconcile_timeouts",
            "Handlers that passed their deadline",
            self.timeouts.clone(),
        );
        controller.register(
            "reconcile_time_seconds",
            "How long turns took",
            self.reconcile_time.clone(),
        );
        controller.register(
            "max_concurrent_reconciles",
            "Turns that may run at a time",
            self.max_concurrent.clone(),
        );
        controller.register("active_workers", "Turns that run", self.active_workers.clone());
        let queue = registry.sub_registry_with_prefix("workqueue");
        queue.register("depth", "Parents that wait for a turn", self.queue_depth.clone());
        queue.register(
            "unfinished_work_seconds",
            "How long the turns that run have taken so far, together",
            self.unfinished.clone(),
        );
        queue.register(
            "longest_running_processor_seconds",
            "How long the longest of them has taken so far",
            self.longest.clone(),
        );
        queue.register("adds", "Turns that were begun", self.queue_adds.clone());
        queue.register(
            "retries",
            "Turns that are to be retried, stale ones included",
            self.queue_retries.clone(),
        );
        queue.register(
            "queue_duration_seconds",
            "How long parents waited for a turn",
            self.queue_time.clone(),
        );
        queue.register("work_duration_seconds", "How long turns took", self.work_time.clone());
        let client = registry.sub_registry_with_prefix("rest_client");
        client.register(
            "requests",
            "Requests beside watches, by method and status code",
            self.requests.clone(),
        );
        client.register(
            "request_duration_seconds",
            "How long requests took",
            self.request_time.clone(),
        );
        let own = registry.sub_registry_with_prefix("roperator");
        own.register(
            "turn_reasons",
            "Why turns ran; one may have several reasons",
            self.reasons.clone(),
        );
        own.register("writes", "Writes by what they did", self.writes.clone());
        own.register("cached_objects", "Objects held in memory", self.cached.clone());
        own.register("watch_events", "Events of watches", self.watch_events.clone());
        own.register("watch_errors", "Watches that failed", self.watch_errors.clone());
    }

    /// All metrics as Prometheus reads them.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        match encode(&mut text, &registry) {
            Ok(()) => text,
            Err(error) => format!("# the metrics could not be written: {error}\n"),
        }
    }

    pub fn cached(&self, kind: &Kind, objects: usize) {
        self.cached
            .get_or_create(&kind_labels(kind))
            .set(i64::try_from(objects).unwrap_or(i64::MAX));
    }

    /// The metrics of one operator.
    pub fn of(self: &Arc<Self>, controller: &str) -> ControllerMetrics {
        ControllerMetrics {
            metrics: self.clone(),
            controller: controller.to_owned(),
        }
    }
}

fn kind_labels(kind: &Kind) -> KindLabels {
    KindLabels {
        api_version: kind.api_version().to_owned(),
        kind: kind.kind().to_owned(),
    }
}

impl Observer for Metrics {
    fn requested(&self, method: &Method, code: Option<StatusCode>, took: Duration) {
        let code = code.map_or_else(|| "<error>".to_owned(), |code| code.as_str().to_owned());
        let labels = RequestLabels {
            method: method.to_string(),
            code,
        };
        self.requests.get_or_create(&labels).inc();
        self.request_time.get_or_create(&labels).observe(took.as_secs_f64());
    }
}

impl WatchObserver for Metrics {
    fn received(&self, kind: &Kind, event: &str) {
        let labels = WatchLabels {
            api_version: kind.api_version().to_owned(),
            kind: kind.kind().to_owned(),
            event: event.to_owned(),
        };
        self.watch_events.get_or_create(&labels).inc();
    }

    fn failed(&self, kind: &Kind) {
        self.watch_errors.get_or_create(&kind_labels(kind)).inc();
    }
}

/// How a turn is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnResult {
    Success,
    RequeueAfter,
    Stale,
    Error { terminal: bool, reason: &'static str },
}

/// The metrics of one operator.
#[derive(Clone)]
pub(crate) struct ControllerMetrics {
    metrics: Arc<Metrics>,
    controller: String,
}

impl ControllerMetrics {
    fn label(&self) -> ControllerLabel {
        ControllerLabel {
            controller: self.controller.clone(),
        }
    }

    fn queue_labels(&self) -> QueueLabels {
        QueueLabels {
            name: self.controller.clone(),
            controller: self.controller.clone(),
        }
    }

    pub fn max_concurrent(&self, turns: usize) {
        self.metrics
            .max_concurrent
            .get_or_create(&self.label())
            .set(i64::try_from(turns).unwrap_or(i64::MAX));
    }

    /// Live changes have controller-runtime's priority of changes, the background that of initial lists.
    pub fn depth(&self, waiting: Depth) {
        for (priority, waiting) in [("0", waiting.live), ("-100", waiting.background)] {
            let labels = DepthLabels {
                name: self.controller.clone(),
                controller: self.controller.clone(),
                priority,
            };
            let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
            self.metrics.queue_depth.get_or_create(&labels).set(waiting);
        }
    }

    /// For how long the turns that run have been running.
    pub fn running(&self, times: impl Iterator<Item = Duration>) {
        let (sum, longest) = times.fold(Default::default(), |(sum, longest): (Duration, Duration), time| {
            (sum + time, longest.max(time))
        });
        let labels = self.queue_labels();
        self.metrics.unfinished.get_or_create(&labels).set(sum.as_secs_f64());
        self.metrics.longest.get_or_create(&labels).set(longest.as_secs_f64());
    }

    pub fn begun(&self, reasons: impl IntoIterator<Item = Reason>, waited: Duration) {
        self.metrics.active_workers.get_or_create(&self.label()).inc();
        self.metrics.queue_adds.get_or_create(&self.queue_labels()).inc();
        self.metrics
            .queue_time
            .get_or_create(&self.queue_labels())
            .observe(waited.as_secs_f64());
        for reason in reasons {
            let labels = ReasonLabels {
                controller: self.controller.clone(),
                reason: reason.as_str(),
            };
            self.metrics.reasons.get_or_create(&labels).inc();
        }
    }

    pub fn wrote(&self, verb: &'static str) {
        let labels = VerbLabels {
            controller: self.controller.clone(),
            verb,
        };
        self.metrics.writes.get_or_create(&labels).inc();
    }

    pub fn ended(&self, result: TurnResult, took: Duration) {
        let metrics = &self.metrics;
        metrics.active_workers.get_or_create(&self.label()).dec();
        metrics
            .reconcile_time
            .get_or_create(&self.label())
            .observe(took.as_secs_f64());
        metrics
            .work_time
            .get_or_create(&self.queue_labels())
            .observe(took.as_secs_f64());
        let result_label = match result {
            TurnResult::Success => "success",
            TurnResult::RequeueAfter => "requeue_after",
            TurnResult::Stale => "requeue",
            TurnResult::Error { .. } => "error",
        };
        let labels = ResultLabels {
            controller: self.controller.clone(),
            result: result_label,
        };
        metrics.reconciles.get_or_create(&labels).inc();
        if matches!(result, TurnResult::Stale | TurnResult::Error { .. }) {
            metrics.queue_retries.get_or_create(&self.queue_labels()).inc();
        }
        if let TurnResult::Error { terminal, reason } = result {
            metrics.errors.get_or_create(&self.label()).inc();
            if terminal {
                metrics.terminal_errors.get_or_create(&self.label()).inc();
            }
            match reason {
                "HandlerPanicked" => {
                    metrics.panics.get_or_create(&self.label()).inc();
                }
                "HandlerTimedOut" => {
                    metrics.timeouts.get_or_create(&self.label()).inc();
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_controller_runtime() {
        let metrics = Metrics::new();
        let controller = metrics.of("echo");
        controller.begun([Reason::Parent], Duration::from_millis(1));
        controller.ended(
            TurnResult::Error {
                terminal: true,
                reason: "HandlerPanicked",
            },
            Duration::from_millis(3),
        );
        controller.depth(Depth { live: 1, background: 7 });
        controller.running([3, 4].map(Duration::from_secs).into_iter());
        metrics.requested(&Method::POST, Some(StatusCode::CREATED), Duration::from_millis(1));
        let text = metrics.encode();
        for line in [
            r#"controller_runtime_reconcile_total{controller="echo",result="error"} 1"#,
            r#"controller_runtime_terminal_reconcile_errors_total{controller="echo"} 1"#,
            r#"controller_runtime_reconcile_panics_total{controller="echo"} 1"#,
            r#"controller_runtime_active_workers{controller="echo"} 0"#,
            r#"workqueue_depth{name="echo",controller="echo",priority="0"} 1"#,
            r#"workqueue_depth{name="echo",controller="echo",priority="-100"} 7"#,
            r#"workqueue_unfinished_work_seconds{name="echo",controller="echo"} 7.0"#,
            r#"workqueue_longest_running_processor_seconds{name="echo",controller="echo"} 4.0"#,
            r#"rest_client_requests_total{method="POST",code="201"} 1"#,
            r#"roperator_turn_reasons_total{controller="echo",reason="parent"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
