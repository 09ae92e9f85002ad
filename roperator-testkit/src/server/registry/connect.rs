//! Connections to what runs: logs, commands, ports, proxies. Nothing runs here, so that none is ever made: what is asked for is
//! looked up as the real server does before it connects, and the refusals are its own.

use serde_json::Value;

use super::{
    Registry,
    codec::decode,
    object::{meta, text},
    resource::Resource,
};
use crate::server::{
    status::{ApiError, GroupResource},
    store::key,
};

/// Whether a request is about something that runs, not about an object.
#[must_use]
pub fn is_connection(resource: &Resource, subresource: &str) -> bool {
    resource.group.is_empty() && matches!(subresource, "log" | "exec" | "attach" | "portforward" | "proxy")
}

impl Registry {
    /// Connects to what an object stands for. All that can come of it is the log of a container that never ran: nothing.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn connect(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        subresource: &str,
        container: &str,
    ) -> Result<(), ApiError> {
        let place = resource.group_resource();
        if resource.plural == "services" {
            return self.connect_service(resource, namespace, name);
        }
        let stored = self.store.get(&resource.place(), &key(namespace, name));
        let object = decode(resource, &*stored.ok_or_else(|| ApiError::not_found(&place, name))?)?;
        let node = match (resource.plural.as_str(), subresource) {
            ("pods", "proxy") if text(&object, "/status/podIP").is_empty() => {
                return Err(ApiError::bad_request("address not allowed"));
            }
            ("pods", "log" | "exec" | "attach") => {
                check_container(&object, container)?;
                text(&object, "/spec/nodeName")
            }
            ("pods", _) => text(&object, "/spec/nodeName"),
            _ => meta(&object, "name"),
        };
        match (node, subresource) {
            ("", "log") => Ok(()),
            ("", _) => Err(ApiError::bad_request(format!(
                "pod {name} does not have a host assigned"
            ))),
            (node, _) if self.store.get(&GroupResource::new("", "nodes"), node).is_none() => {
                Err(ApiError::not_found(&place, node))
            }
            (node, _) => Err(ApiError::unexpected(format!("no kubelet runs at node {node}"))),
        }
    }

    /// A service is called by its name, which may have a scheme before it and a port after it.
    fn connect_service(&self, services: &Resource, namespace: &str, name: &str) -> Result<(), ApiError> {
        let parts: Vec<&str> = name.split(':').collect();
        let (name, port) = match parts.as_slice() {
            [_, name, port] | [name, port] => (*name, *port),
            _ => (name, ""),
        };
        let place = services.group_resource();
        let stored = self.store.get(&services.place(), &key(namespace, name));
        let service = decode(services, &*stored.ok_or_else(|| ApiError::not_found(&place, name))?)?;
        let ports = service.pointer("/spec/ports").and_then(Value::as_array);
        let number = port.parse::<u64>().ok();
        let is_known = |known: &Value| known["name"] == port || number.is_some() && known["port"].as_u64() == number;
        if !port.is_empty() && !ports.into_iter().flatten().any(is_known) {
            let message = format!("no service port {port} found for service \"{name}\"");
            return Err(ApiError::unavailable(message));
        }
        // The real server looks for its endpoints, behind which nothing runs here.
        let endpoints = self
            .store
            .get(&GroupResource::new("", "endpoints"), &key(namespace, name));
        Err(match endpoints {
            None => ApiError::not_found(&place, name),
            Some(_) => ApiError::unavailable(format!("no endpoints available for service \"{name}\"")),
        })
    }
}

/// Which container of several is meant must be said, and there must be one of that name.
fn check_container(pod: &Value, container: &str) -> Result<(), ApiError> {
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let names = |list: &str| {
        let containers = pod.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
        let containers = containers.into_iter().flatten();
        containers
            .filter_map(|container| container["name"].as_str())
            .collect::<Vec<_>>()
    };
    let all: Vec<&str> = lists.into_iter().flat_map(names).collect();
    let name = meta(pod, "name");
    match container {
        "" if names("containers").len() == 1 => Ok(()),
        "" => Err(ApiError::bad_request(format!(
            "a container name must be specified for pod {name}, choose one of: [{}]",
            all.join(" ")
        ))),
        named if all.contains(&named) => Ok(()),
        named => Err(ApiError::bad_request(format!(
            "container {named} is not valid for pod {name}"
        ))),
    }
}
