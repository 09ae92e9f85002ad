//! Which part of an object counts as written through which endpoint, and who then owns it: what [`crate::server::patch`]
//! needs to know of a resource. Nothing is stored here.

use std::sync::LazyLock;

use serde_json::Value;

use super::resource::Resource;
use crate::server::patch::apply::{FieldManager, FieldSet, OneVersion, PathElement, Reset, Schema, Versions};

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
static ONLY_STATUS: LazyLock<Reset> = LazyLock::new(|| Reset::AllBut(vec![vec![Some(PathElement::field("status"))]]));

/// The fields that writes through an endpoint put back to what they were.
fn reset(resource: &Resource, subresource: &str) -> &'static Reset {
    match (subresource, resource.group.as_str(), resource.plural.as_str()) {
        ("", _, _) if resource.strategy.has_status => &STATUS,
        ("status", _, _) if resource.is_custom() => &ONLY_STATUS,
        ("status", "apps", "deployments") => &SPEC_AND_LABELS,
        ("status", "", "pods") => &SPEC_AND_OWNERS,
        ("status", "apiextensions.k8s.io", _) => &SPEC_AND_METADATA,
        ("status", _, _) => &SPEC,
        ("finalize", _, _) => &STATUS,
        _ => &NOTHING,
    }
}

/// All versions of a custom kind convert into each other by their `apiVersion` alone.
struct SameShape<'a>(Schema<'a>, &'a str);

impl Versions for SameShape<'_> {
    fn schema(&self, api_version: &str) -> Option<Schema<'_>> {
        let group = |version: &str| version.split_once('/').map(|(group, _)| group.to_owned());
        (group(api_version) == group(self.1)).then_some(self.0)
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
    let schema = Schema {
        shapes,
        root,
        closed: true,
    };
    let api_version = resource.api_version();
    let same = SameShape(schema, &api_version);
    run(FieldManager {
        schema,
        api_version: &api_version,
        kind: &resource.kind,
        subresource,
        blank: &resource.blank,
        reset: reset(resource, subresource),
        versions: if resource.is_custom() { &same } else { &OneVersion },
    })
}
