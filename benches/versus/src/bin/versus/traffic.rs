//! The API server's counters go in; how often the objects of the job were written and read comes out.

use std::ops::Sub;

use roperator_testkit::real::{RequestKind, Requests};

const WRITES: [&str; 6] = ["APPLY", "DELETE", "DELETECOLLECTION", "PATCH", "POST", "PUT"];

/// Counts of requests. All but the last three concern the kinds of the job alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub config_writes: u64,
    pub service_writes: u64,
    pub status_writes: u64,
    /// Of the parent itself.
    pub parent_writes: u64,
    /// Writes answered with 409.
    pub conflicts: u64,
    /// Anything else that was refused.
    pub refused: u64,
    pub dry_runs: u64,
    pub gets: u64,
    pub lists: u64,
    /// Those that ended: the server counts a watch then.
    pub watches: u64,
    pub events: u64,
    pub leases: u64,
}

impl Traffic {
    /// Sorts all counters.
    pub fn from_requests(requests: &Requests) -> Self {
        let mut traffic = Self::default();
        for (kind, count) in requests.iter() {
            if let Some(counter) = traffic.counter(kind) {
                *counter += count;
            }
        }
        traffic
    }

    /// Writes that were accepted.
    pub fn writes(&self) -> u64 {
        self.config_writes + self.service_writes + self.status_writes + self.parent_writes
    }

    /// All requests for objects of the job but watches.
    pub fn requests(&self) -> u64 {
        self.writes() + self.conflicts + self.refused + self.dry_runs + self.gets + self.lists
    }

    fn counter(&mut self, kind: &RequestKind) -> Option<&mut u64> {
        let resource = (kind.group.as_str(), kind.resource.as_str());
        let object = match resource {
            ("", "configmaps") => &mut self.config_writes,
            ("", "services") => &mut self.service_writes,
            ("bench.example.com", "sites") if kind.subresource == "status" => &mut self.status_writes,
            ("bench.example.com", "sites") => &mut self.parent_writes,
            ("" | "events.k8s.io", "events") => return Some(&mut self.events),
            // The API server keeps leases of its own.
            ("coordination.k8s.io", "leases") => return Some(&mut self.leases),
            _ => return None,
        };
        Some(match kind.verb.as_str() {
            "WATCH" => &mut self.watches,
            _ if kind.dry_run => &mut self.dry_runs,
            verb if WRITES.contains(&verb) && kind.code == 409 => &mut self.conflicts,
            _ if kind.code >= 300 => &mut self.refused,
            "GET" => &mut self.gets,
            "LIST" => &mut self.lists,
            _ => object,
        })
    }
}

/// What happened in between.
impl Sub for Traffic {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            config_writes: self.config_writes.saturating_sub(before.config_writes),
            service_writes: self.service_writes.saturating_sub(before.service_writes),
            status_writes: self.status_writes.saturating_sub(before.status_writes),
            parent_writes: self.parent_writes.saturating_sub(before.parent_writes),
            conflicts: self.conflicts.saturating_sub(before.conflicts),
            refused: self.refused.saturating_sub(before.refused),
            dry_runs: self.dry_runs.saturating_sub(before.dry_runs),
            gets: self.gets.saturating_sub(before.gets),
            lists: self.lists.saturating_sub(before.lists),
            watches: self.watches.saturating_sub(before.watches),
            events: self.events.saturating_sub(before.events),
            leases: self.leases.saturating_sub(before.leases),
        }
    }
}
