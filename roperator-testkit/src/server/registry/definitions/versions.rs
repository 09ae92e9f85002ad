//! What a definition offers: each of its versions as a resource. Data in: the CustomResourceDefinition. Data out: resources;
//! whether they are served is for others to say.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::server::{
    names,
    registry::{
        custom::Definition,
        object::text,
        resource::{Nature, Resource, Subresource, join, version_priority},
        strategy::Strategy,
    },
    schema::{definition::versions, flag},
};

/// The resources that a definition offers, one for each version.
#[must_use]
pub(super) fn resources(crd: &Value) -> Vec<Version> {
    let versions = Definition::all(crd).into_iter().map(|(version, definition)| Version {
        resource: Arc::new(resource(crd, version, definition)),
        is_served: flag(version, "served"),
        is_stored: flag(version, "storage"),
    });
    versions.collect()
}

/// A version of what a definition defines.
#[derive(Debug)]
pub(super) struct Version {
    /// The resource in it.
    pub(super) resource: Arc<Resource>,
    /// Whether clients can ask for it.
    pub(super) is_served: bool,
    /// Whether objects are stored in it.
    pub(super) is_stored: bool,
}

fn resource(crd: &Value, version: &Value, definition: Definition) -> Resource {
    let group = text(crd, "/spec/group");
    let api_version = join(group, text(version, "/name"));
    let kind = text(crd, "/status/acceptedNames/kind");
    let owned = |verbs: &[&str]| verbs.iter().map(|verb| (*verb).to_owned()).collect::<Vec<_>>();
    let mut subresources = Vec::new();
    if definition.has_status() {
        subresources.push(Subresource {
            name: "status".to_owned(),
            verbs: owned(&["get", "patch", "update"]),
            api_version: api_version.clone(),
            kind: kind.to_owned(),
        });
    }
    if definition.scale.is_some() {
        subresources.push(Subresource {
            name: "scale".to_owned(),
            verbs: owned(&["get", "patch", "update"]),
            api_version: "autoscaling/v1".to_owned(),
            kind: "Scale".to_owned(),
        });
    }
    let strategy = Strategy {
        has_status: definition.has_status(),
        unconditional_update: false,
        validate_name: names::subdomain,
        ..Strategy::PLAIN
    };
    Resource {
        group: group.to_owned(),
        version: text(version, "/name").to_owned(),
        plural: text(crd, "/status/acceptedNames/plural").to_owned(),
        singular: text(crd, "/status/acceptedNames/singular").to_owned(),
        short_names: texts(crd, "/status/acceptedNames/shortNames"),
        categories: texts(crd, "/status/acceptedNames/categories"),
        storage_hash: Some(storage_hash(crd)),
        kind: kind.to_owned(),
        list_kind: text(crd, "/status/acceptedNames/listKind").to_owned(),
        deprecation: deprecation(crd, version),
        namespaced: text(crd, "/spec/scope") == "Namespaced",
        verbs: owned(&[
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "create",
            "update",
            "watch",
        ]),
        subresources,
        strategy,
        nature: Nature::Custom(Arc::new(definition)),
        twin: None,
        blank: Value::Object(Map::new()),
    }
}

/// What is warned of in a deprecated version: in the author's words, or else of the best version that is not.
fn deprecation(crd: &Value, version: &Value) -> Option<String> {
    if !flag(version, "deprecated") {
        return None;
    }
    if let Some(warning) = version.get("deprecationWarning").and_then(Value::as_str) {
        return Some(warning.to_owned());
    }
    let (group, kind) = (text(crd, "/spec/group"), text(crd, "/spec/names/kind"));
    let this = text(version, "/name");
    let better = versions(crd)
        .iter()
        .filter(|other| flag(other, "served") && !flag(other, "deprecated"))
        .map(|other| text(other, "/name"))
        .filter(|other| version_priority(other) > version_priority(this))
        .max_by_key(|other| version_priority(other));
    let instead = better.map_or_else(String::new, |better| format!("; use {group}/{better} {kind}"));
    Some(format!("{group}/{this} {kind} is deprecated{instead}"))
}

fn texts(object: &Value, pointer: &str) -> Vec<String> {
    let list = object.pointer(pointer).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// As the real server makes it: of the group, the stored version and the kind.
fn storage_hash(crd: &Value) -> String {
    let stored = versions(crd).iter().find(|version| flag(version, "storage"));
    let version = stored.map_or("", |version| text(version, "/name"));
    let place = format!(
        "{}/{version}/{}",
        text(crd, "/spec/group"),
        text(crd, "/status/acceptedNames/kind")
    );
    let digest = Sha256::digest(place.as_bytes());
    STANDARD.encode(digest.get(..8).unwrap_or_default())
}
