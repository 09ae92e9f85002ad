//! The facts about Kubernetes' built-in kinds, and what follows from them alone: what Go's decoder makes of an object, how
//! objects merge, what a protobuf body says, what discovery and OpenAPI tell.
//!
//! In goes the table that `scripts/k8s-kinds` generates from Kubernetes' own Go types and documents; out come objects as
//! the real server would hold them, and facts. Nothing here defaults, validates or stores.

mod decode;
mod place;
mod shapes;
mod syntax;
mod table;

/// JSON documents.
pub mod json;
/// OpenAPI v3 documents.
pub mod openapi;
/// Bodies in protobuf.
pub mod proto;
/// Quantities.
pub mod quantity;

/// What is served, for discovery.
pub mod resources;
/// YAML documents.
pub mod yaml;

use std::collections::HashMap;
use std::sync::OnceLock;

pub use place::Place;
pub use resources::{Group, Resource};
pub use table::StructId;
use table::Table;

/// The table of the release that this server behaves like.
static KUBERNETES: &str = include_str!("kubernetes-1.36.3.txt");

/// All built-in kinds of a release.
#[derive(Debug)]
pub struct Types {
    release: &'static str,
    groups: Vec<Group>,
    kinds: HashMap<(&'static str, &'static str, &'static str), StructId>,
    everywhere: HashMap<&'static str, StructId>,
    table: Table,
    shapes: OnceLock<shapes::Built>,
}

impl Types {
    /// The built-in kinds of Kubernetes, read from the table when they are first asked for.
    pub fn kubernetes() -> &'static Self {
        static TYPES: OnceLock<Types> = OnceLock::new();
        TYPES.get_or_init(|| Self::read(KUBERNETES))
    }

    fn read(text: &'static str) -> Self {
        let table = Table::read(text);
        let groups = resources::read(text);
        let mut kinds = HashMap::new();
        for group in &groups {
            for version in &group.versions {
                let known = version
                    .kinds
                    .iter()
                    .filter_map(|(kind, name)| Some((*kind, table.named(name)?)));
                kinds.extend(known.map(|(kind, id)| ((group.name, version.name, kind), id)));
            }
        }
        let everywhere = text.lines().filter_map(|line| {
            let (kind, name) = line.strip_prefix("kind ")?.split_once(' ')?;
            Some((kind, table.named(name)?))
        });
        Self {
            release: text
                .lines()
                .next()
                .and_then(|line| line.strip_prefix("release "))
                .unwrap_or_default(),
            everywhere: everywhere.collect(),
            groups,
            kinds,
            table,
            shapes: OnceLock::new(),
        }
    }

    /// The release of Kubernetes that the table is of, such as `1.36.3`.
    #[must_use]
    pub fn release(&self) -> &'static str {
        self.release
    }

    /// All groups in the order of `/apis`, after the core group, whose name is empty.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// A group by its name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The type of the JSON schemas in a CustomResourceDefinition.
    fn json_schema(&self) -> Option<StructId> {
        self.table
            .named("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps")
    }

    /// The type of a kind. Lists are kinds too, and so are `DeleteOptions` and `Status` in every group and version.
    #[must_use]
    pub fn kind(&self, group: &str, version: &str, kind: &str) -> Option<StructId> {
        let found = self.kinds.get(&(group, version, kind));
        found.or_else(|| self.everywhere.get(kind)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_resources_are_found() {
        let types = Types::kubernetes();
        assert_eq!(types.release(), "1.36.3");
        assert!(types.kind("apps", "v1", "Deployment").is_some());
        assert!(types.kind("", "v1", "PodList").is_some());
        assert!(types.kind("apps", "v1", "DeleteOptions").is_some());
        assert_eq!(types.kind("apps", "v1beta1", "Deployment"), None);
        let resource = |plural| types.group("")?.version("v1")?.resource(plural);
        let pods = resource("pods").unwrap();
        assert_eq!(
            (pods.kind, pods.namespaced, &pods.short_names[..]),
            ("Pod", true, &["po"][..])
        );
        let eviction = pods.subresource("eviction").unwrap();
        assert_eq!(
            (eviction.group, eviction.version, eviction.kind),
            ("policy", "v1", "Eviction")
        );
        assert_eq!(resource("pod"), None);
    }

    #[test]
    fn every_kind_that_is_served_with_a_body_is_described() {
        let types = Types::kubernetes();
        for group in types.groups() {
            for version in &group.versions {
                for resource in &version.resources {
                    assert!(
                        types.kind(group.name, version.name, resource.kind).is_some(),
                        "{}",
                        resource.kind
                    );
                    for sub in &resource.subresources {
                        let found = types.kind(sub.group, sub.version, sub.kind).is_some();
                        assert_eq!(found, !sub.kind.ends_with("Options"), "{}", sub.kind);
                    }
                }
            }
        }
    }
}
