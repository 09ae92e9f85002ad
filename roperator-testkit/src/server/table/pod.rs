//! What is said of a pod in a table: its containers' readiness, what it is doing, its restarts. Pods in, text out.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::duration;
use super::values::{has_condition, items, number, or, text};

/// What the pod is doing.
pub(super) fn status(pod: &Value) -> String {
    Summary::of(pod).status
}

/// How many containers are ready: `1/2`.
pub(super) fn ready(pod: &Value) -> String {
    let Summary { ready, total, .. } = Summary::of(pod);
    format!("{ready}/{total}")
}

/// How often containers were restarted, and when last: `3 (5m ago)`.
pub(super) fn restarts(pod: &Value, now: Timestamp) -> String {
    let Restarts { count, latest } = Summary::of(pod).restarts;
    if count == 0 || latest.is_empty() {
        return count.to_string();
    }
    format!("{count} ({} ago)", duration::since(latest, now))
}

/// What a pod's row says of its containers.
#[derive(Debug, Clone, Default)]
struct Summary<'a> {
    status: String,
    ready: usize,
    total: usize,
    restarts: Restarts<'a>,
}

/// How often containers were restarted, and when the latest ended.
#[derive(Debug, Clone, Copy, Default)]
struct Restarts<'a> {
    count: i64,
    latest: &'a str,
}

impl<'a> Restarts<'a> {
    fn add(&mut self, container: &'a Value) {
        self.count += number(container, "/restartCount");
        self.latest = self.latest.max(text(container, "/lastState/terminated/finishedAt"));
    }
}

impl<'a> Summary<'a> {
    /// Sums a pod up.
    fn of(pod: &'a Value) -> Self {
        let sidecars = items(pod, "/spec/initContainers")
            .iter()
            .filter(|container| is_sidecar(container));
        let mut summary = Self {
            status: or(text(pod, "/status/reason"), text(pod, "/status/phase")).to_owned(),
            total: items(pod, "/spec/containers").len() + sidecars.count(),
            ..Self::default()
        };
        let gated = |condition: &Value| {
            text(condition, "/type") == "PodScheduled" && text(condition, "/reason") == "SchedulingGated"
        };
        if items(pod, "/status/conditions").iter().any(gated) {
            "SchedulingGated".clone_into(&mut summary.status);
        }
        let (initializing, sidecar_restarts) = summary.initialize(pod);
        if !initializing || has_condition(pod, "Initialized") {
            summary.restarts = sidecar_restarts;
            summary.run(pod);
        }
        let phase = text(pod, "/status/phase");
        if pod
            .pointer("/metadata/deletionTimestamp")
            .is_some_and(|time| !time.is_null())
        {
            if text(pod, "/status/reason") == "NodeLost" {
                "Unknown".clone_into(&mut summary.status);
            } else if !matches!(phase, "Failed" | "Succeeded") {
                "Terminating".clone_into(&mut summary.status);
            }
        }
        summary
    }

    /// The init containers, up to the first that is not done. Whether there is one, and the restarts of sidecars.
    fn initialize(&mut self, pod: &'a Value) -> (bool, Restarts<'a>) {
        let specs = items(pod, "/spec/initContainers");
        let mut sidecar_restarts = Restarts::default();
        for (index, container) in items(pod, "/status/initContainerStatuses").iter().enumerate() {
            let mut spec = specs.iter().filter(|spec| spec.get("name") == container.get("name"));
            let sidecar = spec.next_back().is_some_and(is_sidecar);
            self.restarts.add(container);
            if sidecar {
                sidecar_restarts.add(container);
            }
            let terminated = container.pointer("/state/terminated").filter(|state| !state.is_null());
            let started = container.get("started") == Some(&Value::Bool(true));
            let waiting = text(container, "/state/waiting/reason");
            match terminated {
                Some(state) if number(state, "/exitCode") == 0 => continue,
                _ if sidecar && started => {
                    self.ready += usize::from(is_ready(container));
                    continue;
                }
                Some(state) => self.status = format!("Init:{}", termination(state)),
                None if !matches!(waiting, "" | "PodInitializing") => self.status = format!("Init:{waiting}"),
                None => self.status = format!("Init:{index}/{}", specs.len()),
            }
            return (true, sidecar_restarts);
        }
        (false, sidecar_restarts)
    }

    /// The containers, from the last to the first: what the first says counts.
    fn run(&mut self, pod: &'a Value) {
        let mut running = false;
        let mut failure = None;
        for container in items(pod, "/status/containerStatuses").iter().rev() {
            self.restarts.add(container);
            let state = |name: &str| container.get("state")?.get(name).filter(|state| !state.is_null());
            let waiting = text(container, "/state/waiting/reason");
            if !waiting.is_empty() {
                waiting.clone_into(&mut self.status);
            } else if let Some(state) = state("terminated") {
                self.status = termination(state);
                if number(state, "/exitCode") != 0 {
                    failure = Some(self.status.clone());
                }
            } else if is_ready(container) && state("running").is_some() {
                running = true;
                self.ready += 1;
            }
        }
        if self.status == "Completed" {
            let is_ready =
                |condition: &Value| text(condition, "/type") == "Ready" && text(condition, "/status") == "True";
            if running && items(pod, "/status/conditions").iter().any(is_ready) {
                "Running".clone_into(&mut self.status);
            } else if let Some(failure) = failure {
                self.status = failure;
            } else if running {
                "NotReady".clone_into(&mut self.status);
            }
        }
    }
}

fn is_sidecar(container: &Value) -> bool {
    text(container, "/restartPolicy") == "Always"
}

fn is_ready(container: &Value) -> bool {
    container.get("ready") == Some(&Value::Bool(true))
}

/// Why a container ended.
fn termination(state: &Value) -> String {
    match (text(state, "/reason"), number(state, "/signal")) {
        ("", 0) => format!("ExitCode:{}", number(state, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// The pod's first address.
pub(super) fn ip(pod: &Value) -> String {
    or(text(pod, "/status/podIPs/0/ip"), "<none>").to_owned()
}

/// How many of the pod's readiness gates are open.
pub(super) fn readiness_gates(pod: &Value) -> String {
    let gates = items(pod, "/spec/readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let open = gates
        .iter()
        .filter(|gate| has_condition(pod, text(gate, "/conditionType")));
    format!("{}/{}", open.count(), gates.len())
}

/// What a row says of a pod that has ended.
pub(super) fn row_conditions(pod: &Value) -> Option<Value> {
    let phase = text(pod, "/status/phase");
    let message = match phase {
        "Succeeded" => "The pod has completed successfully.",
        "Failed" => "The pod failed.",
        _ => return None,
    };
    Some(json!([{"type": "Completed", "status": "True", "reason": phase, "message": message}]))
}
