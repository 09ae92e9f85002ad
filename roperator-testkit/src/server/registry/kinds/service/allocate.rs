//! Hands out cluster IPs and node ports. A Service in; the Service with its addresses, and the [`Change`] to apply once it
//! is stored, out. Nothing is taken or freed before that, so a dry run and a write that fails need no undoing.
//!
//! Ask it before the Service is validated, as the real server does. Where the real server draws lots, this one counts up
//! from the same dynamic range, so that what was freed is not used again at once.

mod operation;
mod pool;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::Value;

use self::operation::{Operation, invalid};
use self::pool::Pool;
use super::super::values::{get, is_unset, items, items_mut, number, set, text, texts};
use super::{addresses, spec};
use crate::server::status::ApiError;

/// The address of the `kubernetes` Service: the first of 10.0.0.0/16.
pub const KUBERNETES_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// The cluster IPs and node ports that are taken.
#[derive(Debug, Clone)]
pub struct Allocations {
    addresses: Pool,
    ports: Pool,
}

/// What a write takes and frees, once it is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "nothing is taken before it is applied"]
pub struct Change {
    taken_addresses: Vec<u32>,
    freed_addresses: Vec<u32>,
    taken_ports: Vec<u32>,
    freed_ports: Vec<u32>,
}

impl Default for Allocations {
    fn default() -> Self {
        Self::new()
    }
}

impl Allocations {
    /// Nothing is taken. The first Service should be `kubernetes`, which has the first address everywhere.
    #[must_use]
    pub fn new() -> Self {
        Self {
            addresses: Pool::addresses(),
            ports: Pool::ports(),
        }
    }

    /// Gives a new Service its addresses.
    ///
    /// # Errors
    /// If what it asks for cannot be had.
    pub fn create(&self, service: &mut Value, is_dry: bool) -> Result<Change, ApiError> {
        let name = name(service);
        let mut operation = Operation::new(self, &name, is_dry);
        let Some(spec) = service.get_mut("spec") else {
            return Ok(Change::default());
        };
        addresses::normalize(spec, None);
        addresses::fill_in_families(spec, None).map_err(|errors| invalid(&name, &errors))?;
        operation.cluster_ips(spec)?;
        if matches!(spec::kind(spec), "NodePort" | "LoadBalancer") {
            operation.node_ports_of_new(spec)?;
        }
        if spec::needs_health_port(spec) {
            operation.health_port(spec)?;
        }
        Ok(operation.change)
    }

    /// Gives an updated Service its addresses: those that it had, where the client leaves them out.
    ///
    /// # Errors
    /// If what it asks for cannot be had.
    pub fn update(&self, service: &mut Value, old: &Value, is_dry: bool) -> Result<Change, ApiError> {
        let name = name(service);
        let mut operation = Operation::new(self, &name, is_dry);
        let (Some(spec), old) = (service.get_mut("spec"), get(old, "spec")) else {
            return Ok(Change::default());
        };
        addresses::carry_over(spec, old);
        carry_over_ports(spec, old);
        addresses::normalize(spec, Some(old));
        addresses::fill_in_families(spec, Some(old)).map_err(|errors| invalid(&name, &errors))?;
        match (spec::needs_cluster_ip(old), spec::needs_cluster_ip(spec)) {
            (false, true) => operation.cluster_ips(spec)?,
            (true, false) => operation.change.freed_addresses = cluster_ips(old),
            _ => {}
        }
        let typed = |spec: &Value| matches!(spec::kind(spec), "NodePort" | "LoadBalancer");
        if typed(spec) {
            operation.node_ports_of_updated(spec, old)?;
        } else if typed(old) {
            operation.change.freed_ports = ports(spec::node_ports(old));
        }
        match (spec::needs_health_port(old), spec::needs_health_port(spec)) {
            (false, true) => operation.health_port(spec)?,
            (true, false) => operation
                .change
                .freed_ports
                .extend(ports([number(old, "healthCheckNodePort")])),
            _ => {}
        }
        Ok(operation.change)
    }

    /// What a Service's deletion frees.
    pub fn delete(&self, service: &Value) -> Change {
        let held = Self::held(service);
        Change {
            freed_addresses: held.taken_addresses,
            freed_ports: held.taken_ports,
            ..Change::default()
        }
    }

    /// What a Service holds: for Services that are stored without asking.
    pub fn held(service: &Value) -> Change {
        let spec = get(service, "spec");
        let mut taken_ports = ports(spec::node_ports(spec));
        if spec::needs_health_port(spec) {
            taken_ports.extend(ports([number(spec, "healthCheckNodePort")]));
        }
        Change {
            taken_addresses: cluster_ips(spec),
            taken_ports,
            ..Change::default()
        }
    }

    /// Takes and frees.
    pub fn apply(&mut self, change: Change) {
        self.addresses.apply(change.taken_addresses, &change.freed_addresses);
        self.ports.apply(change.taken_ports, &change.freed_ports);
    }
}

/// Node ports that the client leaves out stay, by the ports' names, unless another port takes them.
fn carry_over_ports(spec: &mut Value, old: &Value) {
    if spec::allocates_node_ports(old) && spec::allocates_node_ports(spec) {
        let before = spec::node_ports(old);
        let mut used = spec::node_ports(spec);
        used.retain(|port| before.contains(port));
        let named: BTreeMap<&str, i64> = items(old, "ports")
            .iter()
            .map(|port| (text(port, "name"), number(port, "nodePort")))
            .collect();
        for port in items_mut(spec, "ports") {
            let known = named.get(text(port, "name")).copied().unwrap_or_default();
            if number(port, "nodePort") == 0 && known != 0 && !used.contains(&known) {
                set(port, "nodePort", known);
            }
        }
    }
    let health = number(old, "healthCheckNodePort");
    if spec::needs_health_port(old) && spec::needs_health_port(spec) && health != 0 {
        let unset = get(spec, "healthCheckNodePort");
        if is_unset(unset) || unset == 0 {
            set(spec, "healthCheckNodePort", health);
        }
    }
}

fn name(service: &Value) -> String {
    text(get(service, "metadata"), "name").to_owned()
}

fn cluster_ips(spec: &Value) -> Vec<u32> {
    let addresses = texts(spec, "clusterIPs").into_iter();
    addresses
        .filter_map(|address| address.parse::<Ipv4Addr>().ok())
        .map(Ipv4Addr::to_bits)
        .collect()
}

fn ports(numbers: impl IntoIterator<Item = i64>) -> Vec<u32> {
    let numbers = numbers.into_iter().filter(|number| *number != 0);
    numbers.filter_map(|number| u32::try_from(number).ok()).collect()
}

#[cfg(test)]
mod tests;
