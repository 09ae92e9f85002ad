//! Hands out cluster IPs and node ports. A Service in; the Service with its addresses, and the [`Change`] to apply once it
//! is stored, out. Nothing is taken or freed before that, so a dry run and a write that fails need no undoing.
//!
//! Ask it before the Service is validated, as the real server does. Where the real server draws lots, this one counts up
//! from the same dynamic range, so that what was freed is not used again at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use http::StatusCode;
use serde_json::{Value, json};

use super::super::values::{get, is_unset, items, items_mut, number, set, text, texts};
use super::{addresses, spec};
use crate::server::field::{FieldError, FieldPath};
use crate::server::status::{ApiError, invalid_field};

/// The address of the `kubernetes` Service: the first of 10.0.0.0/16.
pub const KUBERNETES_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

const FIRST_ADDRESS: u32 = KUBERNETES_ADDRESS.to_bits();
const LAST_ADDRESS: u32 = Ipv4Addr::new(10, 0, 255, 254).to_bits();
const FIRST_DYNAMIC_ADDRESS: u32 = Ipv4Addr::new(10, 0, 1, 1).to_bits();
const FIRST_PORT: u32 = 30000;
const LAST_PORT: u32 = 32767;
const FIRST_DYNAMIC_PORT: u32 = 30086;

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
            addresses: Pool::new(FIRST_ADDRESS, LAST_ADDRESS, FIRST_DYNAMIC_ADDRESS),
            ports: Pool::new(FIRST_PORT, LAST_PORT, FIRST_DYNAMIC_PORT),
        }
    }

    /// Gives a new Service its addresses.
    ///
    /// # Errors
    /// If what it asks for cannot be had.
    pub fn create(&self, service: &mut Value) -> Result<Change, ApiError> {
        let name = name(service);
        let mut operation = Operation::new(self, &name);
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
    pub fn update(&self, service: &mut Value, old: &Value) -> Result<Change, ApiError> {
        let name = name(service);
        let mut operation = Operation::new(self, &name);
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

/// Numbers to hand out.
#[derive(Debug, Clone)]
struct Pool {
    first: u32,
    last: u32,
    dynamic: u32,
    latest: u32,
    taken: BTreeSet<u32>,
}

impl Pool {
    const fn new(first: u32, last: u32, dynamic: u32) -> Self {
        Self {
            first,
            last,
            dynamic,
            latest: dynamic - 1,
            taken: BTreeSet::new(),
        }
    }

    /// The next free number: after the latest, else anywhere in the dynamic range, else below.
    fn next(&self, also_taken: &[u32]) -> Option<u32> {
        let after = self.latest.saturating_add(1)..=self.last;
        let order = after.chain(self.dynamic..=self.last).chain(self.first..self.dynamic);
        let mut free = order.filter(|number| !self.taken.contains(number) && !also_taken.contains(number));
        free.next()
    }

    fn apply(&mut self, taken: Vec<u32>, freed: &[u32]) {
        for number in freed {
            self.taken.remove(number);
        }
        for number in taken {
            if number >= self.dynamic {
                self.latest = number;
            }
            self.taken.insert(number);
        }
    }
}

/// One Service's allocation: what it took so far is taken for what follows.
struct Operation<'a> {
    allocations: &'a Allocations,
    name: &'a str,
    change: Change,
}

impl<'a> Operation<'a> {
    fn new(allocations: &'a Allocations, name: &'a str) -> Self {
        Self {
            allocations,
            name,
            change: Change::default(),
        }
    }

    fn cluster_ips(&mut self, spec: &mut Value) -> Result<(), ApiError> {
        if !spec::needs_cluster_ip(spec) || texts(spec, "clusterIPs").first() == Some(&"None") {
            return Ok(());
        }
        let wanted = texts(spec, "clusterIPs")
            .first()
            .copied()
            .unwrap_or_default()
            .to_owned();
        if wanted.is_empty() {
            let free = self.allocations.addresses.next(&[]).ok_or_else(|| {
                ApiError::internal(format!(
                    "failed to allocate a serviceIP for Service \"{}\": range is full",
                    self.name
                ))
            })?;
            let address = Ipv4Addr::from_bits(free).to_string();
            set(spec, "clusterIPs", json!([address]));
            set(spec, "clusterIP", address);
            self.change.taken_addresses.push(free);
            return Ok(());
        }
        let number = wanted.parse::<Ipv4Addr>().map_or(0, Ipv4Addr::to_bits);
        let problem = if !(FIRST_ADDRESS..=LAST_ADDRESS).contains(&number) {
            "the provided network does not match the current range"
        } else if self.allocations.addresses.taken.contains(&number) {
            "provided IP is already allocated"
        } else {
            self.change.taken_addresses.push(number);
            return Ok(());
        };
        let all = get(spec, "clusterIPs").clone();
        let detail = format!("failed to allocate IP {wanted}: {problem}");
        let error = FieldError::invalid(&FieldPath::new("spec.clusterIPs"), all, detail);
        Err(invalid(self.name, &[error]))
    }

    fn take_port(&mut self, port: i64) -> Result<(), &'static str> {
        let port = u32::try_from(port).unwrap_or_default();
        if !(FIRST_PORT..=LAST_PORT).contains(&port) {
            return Err("provided port is not in the valid range. The range of valid ports is 30000-32767");
        }
        if self.allocations.ports.taken.contains(&port) || self.change.taken_ports.contains(&port) {
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
        let port = self.allocations.ports.next(&self.change.taken_ports)?;
        self.change.taken_ports.push(port);
        Some(port)
    }

    fn next_node_port(&mut self) -> Result<i64, ApiError> {
        let port = self.next_port();
        let port = port.ok_or_else(|| ApiError::internal("failed to allocate a nodePort: range is full"))?;
        Ok(i64::from(port))
    }

    /// Ports with the same number, for different protocols, share a node port unless the client says otherwise.
    fn node_ports_of_new(&mut self, spec: &mut Value) -> Result<(), ApiError> {
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

    fn node_ports_of_updated(&mut self, spec: &mut Value, old: &Value) -> Result<(), ApiError> {
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

    fn health_port(&mut self, spec: &mut Value) -> Result<(), ApiError> {
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

fn invalid(name: &str, errors: &[FieldError]) -> ApiError {
    match errors {
        [one] => invalid_field("", "Service", name, one.clone()),
        many => ApiError::invalid("", "Service", name, many),
    }
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
