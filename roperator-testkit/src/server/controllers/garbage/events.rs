//! What the collector tells: an object refers to an owner in another namespace, and will be deleted for that.

use serde_json::json;

use super::{Collector, graph::Stray};
use crate::server::{
    clock::seconds,
    controllers::MANAGER,
    registry::{
        body::{Document, decode},
        options::WriteOptions,
        warnings::Warnings,
        write::Target,
    },
    status::ApiError,
};

const COMPONENT: &str = "garbage-collector-controller";

impl Collector {
    /// Writes an Event about a reference into another namespace.
    pub(super) fn report(&self, stray: &Stray) -> Result<(), ApiError> {
        let Some(events) = self.registry.resource("", "v1", "events") else {
            return Ok(());
        };
        let dependent = &stray.dependent;
        let (namespace, name) = (dependent.namespace(), dependent.name());
        let (api_version, kind) = dependent.kind.clone().unwrap_or_default();
        let owner = &stray.reference;
        let now = self.registry.clock.now();
        let mut about = json!({
            "kind": kind,
            "name": name,
            "uid": *stray.uid,
            "apiVersion": api_version,
        });
        let placed = if namespace.is_empty() { "default" } else { namespace };
        if let (Some(about), false) = (about.as_object_mut(), namespace.is_empty()) {
            about.insert("namespace".to_owned(), namespace.into());
        }
        let message = format!(
            "ownerRef [{}/{}, namespace: {namespace}, name: {}, uid: {}] does not exist in namespace {namespace:?}",
            owner.api_version, owner.kind, owner.name, owner.uid
        );
        let event = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": format!("{name}.{:016x}", now.as_nanosecond()), "namespace": placed},
            "involvedObject": about,
            "reason": "OwnerRefInvalidNamespace",
            "message": message,
            "source": {"component": COMPONENT},
            "firstTimestamp": seconds(now),
            "lastTimestamp": seconds(now),
            "count": 1,
            "type": "Warning",
            "reportingComponent": COMPONENT,
        });
        let options = WriteOptions::default();
        let target = Target {
            resource: &events,
            namespace: placed,
            name: "",
            subresource: "",
            options: &options,
            manager: MANAGER,
            warnings: &Warnings::default(),
        };
        let decoded = decode(&events, Document::of(event)).map_err(ApiError::internal)?;
        self.registry.create(&target, decoded.object)?;
        Ok(())
    }
}
