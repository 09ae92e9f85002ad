//! One Service's allocation: its `spec` and what is taken in; the addresses and ports that it gets, in the `spec` and as a
//! [`Change`], or a refusal, out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use http::StatusCode;
use serde_json::{Value, json};

use super::super::super::values::{get, items, items_mut, number, set, text, texts};
use super::super::spec;
use super::{Allocations, Change, ports};
use crate::server::field::{FieldError, FieldPath};
use crate::server::status::{ApiError, invalid_field};

/// What the cluster IPs are in, and the one that a dry run gives.
const NETWORK: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);
/// The first node port that a dry run gives: one that there is not.
const DRY_PORT: u32 = 32769;

/// One Service's allocation: what it took so far is taken for what follows. A dry run looks for nothing that is free, and
/// what it is asked for need not be had.
pub(super) struct Operation<'a> {
    allocations: &'a Allocations,
    name: &'a str,
    is_dry: bool,
    pub(super) change: Change,
}

impl<'a> Operation<'a> {
    /// Nothing is taken yet.
    pub(super) fn new(allocations: &'a Allocations, name: &'a str, is_dry: bool) -> Self {
        Self {
            allocations,
            name,
            is_dry,
            change: Change::default(),
        }
    }

    /// Gives it a cluster IP, or takes the one that it asks for.
    pub(super) fn cluster_ips(&mut self, spec: &mut Value) -> Result<(), ApiError> {
        if !spec::needs_cluster_ip(spec) || texts(spec, "clusterIPs").first() == Some(&"None") {
            return Ok(());
        }
        let wanted = texts(spec, "clusterIPs")
            .first()
            .copied()
            .unwrap_or_default()
            .to_owned();
        if wanted.is_empty() {
            let free = self.next_address()?;
            let address = Ipv4Addr::from_bits(free).to_string();
            set(spec, "clusterIPs", json!([address]));
            set(spec, "clusterIP", address);
            self.change.taken_addresses.push(free);
            return Ok(());
        }
        let number = wanted.parse::<Ipv4Addr>().map_or(0, Ipv4Addr::to_bits);
        let problem = if !self.allocations.addresses.has(number) {
            self.out_of_range(&wanted)
        } else if self.allocations.addresses.is_taken(number) && !self.is_dry {
            "provided IP is already allocated".to_owned()
        } else {
            self.change.taken_addresses.push(number);
            return Ok(());
        };
        let all = get(spec, "clusterIPs").clone();
        let detail = format!("failed to allocate IP {wanted}: {problem}");
        let error = FieldError::invalid(&FieldPath::new("spec.clusterIPs"), all, detail);
        Err(invalid(self.name, &[error]))
    }

    fn next_address(&self) -> Result<u32, ApiError> {
        if self.is_dry {
            return Ok(NETWORK.to_bits());
        }
        self.allocations.addresses.next(&[]).ok_or_else(|| {
            ApiError::internal(format!(
                "failed to allocate a serviceIP for Service \"{}\": range is full",
                self.name
            ))
        })
    }

    fn out_of_range(&self, wanted: &str) -> String {
        if self.is_dry {
            return format!(
                "the provided IP ({wanted}) is not in the valid range. The range of valid IPs is {NETWORK}/16"
            );
        }
        "the provided network does not match the current range".to_owned()
    }

    fn take_port(&mut self, port: i64) -> Result<(), &'static str> {
        let port = u32::try_from(port).unwrap_or_default();
        if !self.allocations.ports.has(port) && !self.is_dry {
            return Err("provided port is not in the valid range. The range of valid ports is 30000-32767");
        }
        if self.allocations.ports.is_taken(port) || self.change.taken_ports.contains(&port) {
            return Err("provided port is already allocated");
        }
        self.change.taken_ports.push(port);
        Ok(())
    }

    fn take_node_port(&mut self, index: usize, port: i64) -> Result<(), ApiError> {
        self.take_port(port).map_err(|problem| {
            let path = FieldPath::new("spec.ports").index(index).child("nodePort");
            invalid(self.name, &[FieldError::invalid(&path, port, problem)])
        })
    }

    fn next_port(&mut self) -> Option<u32> {
        let port = if self.is_dry {
            self.change
                .taken_ports
                .iter()
                .max()
                .map_or(DRY_PORT, |latest| latest + 1)
        } else {
            self.allocations.ports.next(&self.change.taken_ports)?
        };
        self.change.taken_ports.push(port);
        Some(port)
    }

    fn next_node_port(&mut self) -> Result<i64, ApiError> {
        let port = self.next_port();
        let port = port.ok_or_else(|| ApiError::internal("failed to allocate a nodePort: range is full"))?;
        Ok(i64::from(port))
    }

    /// Ports with the same number, for different protocols, share a node port unless the client says otherwise.
    pub(super) fn node_ports_of_new(&mut self, spec: &mut Value) -> Result<(), ApiError> {
        let allocates = spec::allocates_node_ports(spec);
        let mut requested = BTreeMap::new();
        for port in items(spec, "ports").iter().filter(|port| number(port, "nodePort") != 0) {
            requested
                .entry(number(port, "port"))
                .or_insert(number(port, "nodePort"));
        }
        let mut given = BTreeMap::new();
        for (index, port) in items_mut(spec, "ports").iter_mut().enumerate() {
            let (number, wanted) = (number(port, "port"), number(port, "nodePort"));
            if wanted == 0 && !allocates {
                continue;
            }
            match given.get(&number).copied() {
                None => {
                    let node_port = if let Some(node_port) = requested.get(&number).copied() {
                        self.take_node_port(index, node_port)?;
                        node_port
                    } else {
                        self.next_node_port()?
                    };
                    given.insert(number, node_port);
                    set(port, "nodePort", node_port);
                }
                Some(shared) if wanted == 0 => set(port, "nodePort", shared),
                Some(shared) if wanted != shared => self.take_node_port(index, wanted)?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Node ports that were there before are kept, others taken, and those that are gone freed.
    pub(super) fn node_ports_of_updated(&mut self, spec: &mut Value, old: &Value) -> Result<(), ApiError> {
        let before = spec::node_ports(old);
        let allocates = spec::allocates_node_ports(spec);
        let mut seen = BTreeSet::new();
        let mut reserved = BTreeSet::new();
        for (index, port) in items_mut(spec, "ports").iter_mut().enumerate() {
            let mut node_port = number(port, "nodePort");
            if node_port == 0 {
                if !allocates {
                    continue;
                }
                node_port = self.next_node_port()?;
                set(port, "nodePort", node_port);
            } else if !before.contains(&node_port) && reserved.insert(node_port) {
                self.take_node_port(index, node_port)?;
            }
            let protocol = text(port, "protocol").to_owned();
            if !seen.insert((protocol.clone(), node_port)) {
                let message = format!("duplicate nodePort: {{{protocol} {node_port}}}");
                return Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "", message));
            }
        }
        let after = spec::node_ports(spec);
        self.change.freed_ports = ports(before.into_iter().filter(|port| !after.contains(port)));
        Ok(())
    }

    /// Gives it a port for health checks, or takes the one that it asks for.
    pub(super) fn health_port(&mut self, spec: &mut Value) -> Result<(), ApiError> {
        let wanted = number(spec, "healthCheckNodePort");
        if wanted != 0 {
            return self.take_port(wanted).map_err(|problem| {
                let text = format!("failed to allocate requested HealthCheck NodePort {wanted}: {problem}");
                ApiError::internal(text)
            });
        }
        let port = self.next_port();
        let port =
            port.ok_or_else(|| ApiError::internal("failed to allocate a HealthCheck NodePort 0: range is full"))?;
        set(spec, "healthCheckNodePort", port);
        Ok(())
    }
}

/// The refusal of what is asked for.
pub(super) fn invalid(name: &str, errors: &[FieldError]) -> ApiError {
    match errors {
        [one] => invalid_field("", "Service", name, one.clone()),
        many => ApiError::invalid("", "Service", name, many),
    }
}
