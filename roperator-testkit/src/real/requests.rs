//! What clients asked of the server: the text of `/metrics` goes in; counts that tests can subtract, filter and print
//! come out.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Sub;

const METRIC: &str = "apiserver_request_total{";
const WRITES: [&str; 6] = ["APPLY", "DELETE", "DELETECOLLECTION", "PATCH", "POST", "PUT"];

/// What is common to the requests of one counter: the labels of `apiserver_request_total`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct RequestKind {
    /// `configmaps`; empty for paths outside the API, such as `/readyz`.
    pub resource: String,
    /// `status`, or empty.
    pub subresource: String,
    /// `apps`; empty for the core group.
    pub group: String,
    /// `v1`.
    pub version: String,
    /// `namespace`, `cluster` or `resource` (one object).
    pub scope: String,
    /// `GET`, `LIST`, `WATCH`, `POST`, `PUT`, `PATCH`, `APPLY` (a server-side apply), `DELETE`, `DELETECOLLECTION`, ….
    pub verb: String,
    /// The HTTP status of the answer.
    pub code: u16,
    /// True for requests that asked not to be persisted.
    pub dry_run: bool,
}

/// Counts of requests since the API server started, by kind; or, after a subtraction, between two moments.
///
/// All clients count: kube-controller-manager (its garbage collector lists and watches every resource, and deletes) and
/// the API server's own (it keeps a Lease, for one) too. Tests that count look at the resources which only they write.
/// A watch is counted when it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    counts: BTreeMap<RequestKind, u64>,
}

impl Requests {
    /// Reads the counters in the text of `/metrics`; other lines are passed over.
    pub(super) fn parse(metrics: &str) -> Self {
        let mut counts = BTreeMap::new();
        for (kind, count) in metrics.lines().filter_map(parse_line) {
            *counts.entry(kind).or_default() += count;
        }
        Self { counts }
    }

    /// Those of a resource (`configmaps`), its subresources included.
    #[must_use]
    pub fn resource(&self, resource: &str) -> Self {
        self.only(|kind| kind.resource == resource)
    }

    /// Those of a subresource (`status`); of the resource itself with `""`.
    #[must_use]
    pub fn subresource(&self, subresource: &str) -> Self {
        self.only(|kind| kind.subresource == subresource)
    }

    /// Those with a verb, as [`RequestKind::verb`] writes it.
    #[must_use]
    pub fn verb(&self, verb: &str) -> Self {
        self.only(|kind| kind.verb == verb)
    }

    /// Those that were answered with an HTTP status.
    #[must_use]
    pub fn code(&self, code: u16) -> Self {
        self.only(|kind| kind.code == code)
    }

    /// Those whose verb writes, whatever the answer, dry runs included.
    #[must_use]
    pub fn writes(&self) -> Self {
        self.only(|kind| WRITES.contains(&kind.verb.as_str()))
    }

    /// Those that were answered with 409 Conflict (which `AlreadyExists` is too).
    #[must_use]
    pub fn conflicts(&self) -> Self {
        self.code(409)
    }

    /// Those that a predicate accepts.
    #[must_use]
    pub fn only(&self, accept: impl Fn(&RequestKind) -> bool) -> Self {
        let accepted = self.counts.iter().filter(|(kind, _)| accept(kind));
        Self {
            counts: accepted.map(|(kind, count)| (kind.clone(), *count)).collect(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Each kind with its count, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&RequestKind, u64)> {
        self.counts.iter().map(|(kind, count)| (kind, *count))
    }
}

/// `after - before`: what happened in between. A counter that went back, because the API server was restarted, counts as
/// zero.
impl Sub for Requests {
    type Output = Self;

    fn sub(mut self, before: Self) -> Self {
        for (kind, earlier) in &before.counts {
            if let Some(count) = self.counts.get_mut(kind) {
                *count = count.saturating_sub(*earlier);
            }
        }
        self.counts.retain(|_, count| *count > 0);
        self
    }
}

/// One kind a line, for the messages of failed assertions.
impl fmt::Display for Requests {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, count) in &self.counts {
            writeln!(out, "{count:>6} × {kind}")?;
        }
        Ok(())
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} {}", self.code, self.verb, self.resource)?;
        for (mark, part) in [(".", &self.group), ("/", &self.subresource)] {
            if !part.is_empty() {
                write!(out, "{mark}{part}")?;
            }
        }
        if self.dry_run {
            write!(out, " (dry run)")?;
        }
        Ok(())
    }
}

/// `apiserver_request_total{code="200",…,version="v1"} 3`. No value of these labels has a quote or a backslash in it.
fn parse_line(line: &str) -> Option<(RequestKind, u64)> {
    let (labels, count) = line.strip_prefix(METRIC)?.rsplit_once("\"} ")?;
    let mut kind = RequestKind::default();
    for label in labels.split("\",") {
        let (name, value) = label.split_once("=\"")?;
        match name {
            "resource" => kind.resource = value.to_owned(),
            "subresource" => kind.subresource = value.to_owned(),
            "group" => kind.group = value.to_owned(),
            "version" => kind.version = value.to_owned(),
            "scope" => kind.scope = value.to_owned(),
            "verb" => kind.verb = value.to_owned(),
            "code" => kind.code = value.parse().ok()?,
            "dry_run" => kind.dry_run = !value.is_empty(),
            _ => {}
        }
    }
    // A float, as all of Prometheus: 1.234567e+06 from a million on.
    let count: f64 = count.trim().parse().ok()?;
    Some((kind, count as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = r#"
# TYPE apiserver_request_total counter
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="POST",version="v1"} 2
apiserver_request_total{code="0",component="apiserver",dry_run="",group="",resource="configmaps",scope="cluster",subresource="",verb="WATCH",version="v1"} 1
apiserver_request_duration_seconds_count{code="201"} 7
"#;
    const AFTER: &str = r#"
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="POST",version="v1"} 1.000002e+06
apiserver_request_total{code="201",component="apiserver",dry_run="All",group="",resource="configmaps",scope="resource",subresource="",verb="POST",version="v1"} 3
apiserver_request_total{code="0",component="apiserver",dry_run="",group="",resource="configmaps",scope="cluster",subresource="",verb="WATCH",version="v1"} 1
apiserver_request_total{code="409",component="apiserver",dry_run="",group="apps",resource="deployments",scope="resource",subresource="status",verb="PUT",version="v1"} 5
"#;

    #[test]
    fn counters_are_read_and_subtracted() {
        let between = Requests::parse(AFTER) - Requests::parse(BEFORE);
        assert_eq!(between.resource("configmaps").verb("POST").total(), 1_000_003);
        assert_eq!(between.only(|kind| kind.dry_run).total(), 3);
        assert_eq!(between.conflicts().total(), 5);
        assert_eq!(between.subresource("status").code(409).total(), 5);
        assert_eq!(between.verb("WATCH").total(), 0);
        assert_eq!(between.writes().total(), 1_000_008);
    }

    #[test]
    fn counters_that_went_back_count_as_zero() {
        assert_eq!((Requests::parse(BEFORE) - Requests::parse(AFTER)).total(), 0);
    }

    #[test]
    fn they_print_one_kind_a_line() {
        let text = (Requests::parse(AFTER) - Requests::parse(BEFORE)).to_string();
        assert_eq!(
            text,
            "1000000 × 201 POST configmaps\n     3 × 201 POST configmaps (dry run)\n     5 × 409 PUT deployments.apps/status\n"
        );
    }
}
