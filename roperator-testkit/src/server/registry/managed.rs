//! Which part of an object counts as written through which endpoint, and who then owns it: what [`crate::server::patch`]
//! needs to know of a resource. Nothing is stored here.

use std::sync::LazyLock;

use serde_json::Value;

use super::custom::Definition;
use super::resource::{Nature, Resource};
use crate::server::patch::apply::{FieldManager, FieldSet, OneVersion, PathElement, Pattern, Reset, Schema, Versions};

static NOTHING: Reset = Reset::Nothing;
static STATUS: LazyLock<Reset> = LazyLock::new(|| Reset::Fields(FieldSet::of_fields(&[&["status"]])));
static SPEC: LazyLock<Reset> = LazyLock::new(|| Reset::Fields(FieldSet::of_fields(&[&["spec"]])));
static SPEC_AND_LABELS: LazyLock<Reset> =
    LazyLock::new(|| Reset::Fields(FieldSet::of_fields(&[&["spec"], &["metadata", "labels"]])));
static SPEC_AND_OWNERS: LazyLock<Reset> = LazyLock::new(|| {
    Reset::Fields(FieldSet::of_fields(&[
        &["spec"],
        &["metadata", "deletionTimestamp"],
        &["metadata", "ownerReferences"],
    ]))
});
static SPEC_AND_METADATA: LazyLock<Reset> =
    LazyLock::new(|| Reset::Fields(FieldSet::of_fields(&[&["spec"], &["metadata"]])));
static ONLY_EPHEMERAL_CONTAINERS: LazyLock<Reset> =
    LazyLock::new(|| Reset::AllBut(vec![pattern(&["spec", "ephemeralContainers"])]));
static ONLY_RESOURCES: LazyLock<Reset> = LazyLock::new(|| {
    let paths = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| ["resources", "resizePolicy"].map(|field| pattern(&["spec", list, "*", field])));
    Reset::AllBut(paths.collect())
});

/// A path in which `*` stands for any step.
fn pattern(path: &[&str]) -> Pattern {
    let step = |name: &&str| (*name != "*").then(|| PathElement::field(name));
    path.iter().map(step).collect()
}

/// The fields that writes through an endpoint put back to what they were.
fn reset(resource: &Resource, subresource: &str) -> &'static Reset {
    match (subresource, resource.group.as_str(), resource.plural.as_str()) {
        ("", _, _) if resource.strategy.has_status => &STATUS,
        ("status", "apps", "deployments") => &SPEC_AND_LABELS,
        ("status", "", "pods") => &SPEC_AND_OWNERS,
        ("status", group, _) if resource.is_custom() || group == "apiextensions.k8s.io" => &SPEC_AND_METADATA,
        ("status", _, _) => &SPEC,
        ("finalize", _, _) => &STATUS,
        ("ephemeralcontainers", "", "pods") => &ONLY_EPHEMERAL_CONTAINERS,
        ("resize", "", "pods") => &ONLY_RESOURCES,
        _ => &NOTHING,
    }
}

/// All versions of a custom kind convert into each other by their `apiVersion` alone.
struct ByVersionAlone<'a>(&'a str, &'a Definition);

impl Versions for ByVersionAlone<'_> {
    fn schema(&self, api_version: &str) -> Option<Schema<'_>> {
        let (group, version) = api_version.split_once('/')?;
        let (shapes, root) = self.1.shapes_of(version).filter(|_| group == self.0)?;
        Some(Schema { shapes, root })
    }

    fn convert(&self, object: &Value, api_version: &str) -> Value {
        let mut object = object.clone();
        if let Some(map) = object.as_object_mut() {
            map.insert("apiVersion".to_owned(), api_version.into());
        }
        object
    }
}

/// Hands what keeps the managed fields of a resource's objects to `run`.
pub fn of<T>(resource: &Resource, subresource: &str, run: impl FnOnce(FieldManager<'_>) -> T) -> T {
    let (shapes, root) = resource.shapes();
    let schema = Schema { shapes, root };
    let api_version = resource.api_version();
    let custom = match &resource.nature {
        Nature::Custom(definition) => Some(ByVersionAlone(&resource.group, definition)),
        Nature::BuiltIn(_) => None,
    };
    let versions: &dyn Versions = match &custom {
        Some(custom) => custom,
        None => &OneVersion,
    };
    run(FieldManager {
        schema,
        api_version: &api_version,
        kind: &resource.kind,
        subresource,
        blank: &resource.blank,
        reset: reset(resource, subresource),
        versions,
    })
}
