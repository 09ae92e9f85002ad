//! What is served: a resource in one version, whether built in or defined by a CustomResourceDefinition, with all that the
//! pipelines need to know of it. Data and its look-up; nothing is written here.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use serde_json::Value;

use super::{
    custom::Definition,
    kinds::{
        self,
        twins::{self, Twin},
    },
    object::text,
    strategy::Strategy,
};
use crate::server::{
    shape::{ShapeId, Shapes},
    status::GroupResource,
    types::{self, StructId, Types},
};

/// A resource in one of its versions.
#[derive(Debug)]
pub struct Resource {
    /// The group; empty for the core group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The plural name, as in paths.
    pub plural: String,
    /// The name of a single object, for humans.
    pub singular: String,
    /// Other names for humans.
    pub short_names: Vec<String>,
    /// The groups of resources (`all`) that it is in.
    pub categories: Vec<String>,
    /// A hash of the version in which it is stored; absent for what is not stored.
    pub storage_hash: Option<String>,
    /// The kind.
    pub kind: String,
    /// The kind of a list.
    pub list_kind: String,
    /// What every answer warns of, if this version is on its way out.
    pub deprecation: Option<String>,
    /// Whether objects are in namespaces.
    pub namespaced: bool,
    /// What clients may do.
    pub verbs: Vec<String>,
    /// What there is below an object.
    pub subresources: Vec<Subresource>,
    /// What is special about it.
    pub strategy: Strategy,
    /// Where its objects come from.
    pub nature: Nature,
    /// As what it is stored, if not as itself.
    pub twin: Option<Twin>,
    /// What an object is in which nothing is set: Go's types always write some of their fields.
    pub blank: Value,
}

/// What there is below an object: `status`, `scale`, `finalize`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subresource {
    /// Its name in paths.
    pub name: String,
    /// What clients may do.
    pub verbs: Vec<String>,
    /// `group/version` (or `version`) and kind of what is sent and answered.
    pub api_version: String,
    /// The kind of what is sent and answered.
    pub kind: String,
}

/// Whether a kind is built in.
#[derive(Debug, Clone)]
pub enum Nature {
    /// It is in the table of Kubernetes' kinds.
    BuiltIn(StructId),
    /// A CustomResourceDefinition defines it.
    Custom(Arc<Definition>),
}

impl Resource {
    /// `group/version`, or the version alone for the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        join(&self.group, &self.version)
    }

    /// The group and the plural name: how messages name objects.
    #[must_use]
    pub fn group_resource(&self) -> GroupResource {
        GroupResource::new(&self.group, &self.plural)
    }

    /// Where its objects are stored.
    #[must_use]
    pub fn place(&self) -> GroupResource {
        let twin = self.twin.as_ref();
        twin.map_or_else(|| self.group_resource(), |twin| twin.place.clone())
    }

    /// The subresource of that name.
    #[must_use]
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|subresource| subresource.name == name)
    }

    /// Whether clients may do that.
    #[must_use]
    pub fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|known| known == verb)
    }

    /// Whether a CustomResourceDefinition defines it.
    #[must_use]
    pub const fn is_custom(&self) -> bool {
        matches!(self.nature, Nature::Custom(_))
    }

    /// What a CustomResourceDefinition says of it.
    #[must_use]
    pub const fn definition(&self) -> Option<&Arc<Definition>> {
        match &self.nature {
            Nature::Custom(definition) => Some(definition),
            Nature::BuiltIn(_) => None,
        }
    }

    /// How its objects merge.
    #[must_use]
    pub fn shapes(&self) -> (&Shapes, ShapeId) {
        match &self.nature {
            Nature::BuiltIn(id) => {
                let types = Types::kubernetes();
                (types.shapes(), types.shape(*id))
            }
            Nature::Custom(definition) => definition.shapes(),
        }
    }

    /// The fields that its field selectors know, with their values. What selectors ask of a custom object is read from it
    /// then: that depends on the version that is asked for, and on what the definition is by then.
    #[must_use]
    pub fn selectable(&self, object: &Value) -> Vec<(&'static str, String)> {
        (self.strategy.selectable)(object)
    }
}

fn deprecation(group: &str, version: &str, kind: &str) -> Option<String> {
    let told = match (group, version, kind) {
        ("", "v1", "Endpoints") => "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
        ("", "v1", "ComponentStatus") => "v1 ComponentStatus is deprecated in v1.19+",
        _ => return None,
    };
    Some(told.to_owned())
}

/// Kubernetes' order of versions: `v2`, `v1`, `v1beta2`, `v1beta1`, `v1alpha1`; the greater the better.
#[must_use]
pub fn version_priority(name: &str) -> (u8, u32, u32, Reverse<String>) {
    let other = (0, 0, 0, Reverse(name.to_owned()));
    let Some(rest) = name.strip_prefix('v') else {
        return other;
    };
    let digits = rest
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(rest.len());
    let (major, stage) = rest.split_at(digits);
    let Ok(major) = major.parse() else { return other };
    let (class, number) = if stage.is_empty() {
        (3, "0")
    } else if let Some(number) = stage.strip_prefix("beta") {
        (2, number)
    } else if let Some(number) = stage.strip_prefix("alpha") {
        (1, number)
    } else {
        return other;
    };
    match number.parse() {
        Ok(number) => (class, major, number, Reverse(String::new())),
        Err(_) => other,
    }
}

/// `group/version`, or the version alone for the core group.
#[must_use]
pub fn join(group: &str, version: &str) -> String {
    if group.is_empty() {
        return version.to_owned();
    }
    format!("{group}/{version}")
}

/// The kind of an object and its `apiVersion`.
#[must_use]
pub fn kind_of(object: &Value) -> (&str, &str) {
    (text(object, "/apiVersion"), text(object, "/kind"))
}

/// All built-in resources, by group, version and plural name.
#[must_use]
pub fn built_in(types: &Types) -> HashMap<(String, String, String), Arc<Resource>> {
    let mut resources = HashMap::new();
    for group in types.groups() {
        for version in &group.versions {
            for resource in &version.resources {
                let Some(id) = types.kind(group.name, version.name, resource.kind) else {
                    continue;
                };
                let place = (group.name.to_owned(), version.name.to_owned(), resource.name.to_owned());
                resources.insert(place, Arc::new(of_table(types, group.name, version.name, resource, id)));
            }
        }
    }
    resources
}

/// A kind that is sent to endpoints of other kinds, and answered by them, and stored nowhere.
#[must_use]
pub fn unstored(group: &str, version: &str, kind: &str, strategy: Strategy) -> Option<Resource> {
    let types = Types::kubernetes();
    let id = types.kind(group, version, kind)?;
    let singular = kind.to_lowercase();
    Some(Resource {
        group: group.to_owned(),
        version: version.to_owned(),
        plural: format!("{singular}s"),
        singular,
        short_names: Vec::new(),
        categories: Vec::new(),
        storage_hash: None,
        kind: kind.to_owned(),
        list_kind: format!("{kind}List"),
        deprecation: None,
        namespaced: true,
        verbs: Vec::new(),
        subresources: Vec::new(),
        strategy,
        nature: Nature::BuiltIn(id),
        twin: None,
        blank: blank(types, id),
    })
}

fn blank(types: &Types, id: StructId) -> Value {
    types
        .decode(id, Value::Null)
        .map_or(Value::Null, |decoded| decoded.object)
}

fn of_table(types: &Types, group: &str, version: &str, resource: &types::Resource, id: StructId) -> Resource {
    let owned = |verbs: &[&str]| verbs.iter().map(|verb| (*verb).to_owned()).collect();
    let subresources = resource.subresources.iter().map(|subresource| Subresource {
        name: subresource.name.to_owned(),
        verbs: owned(&subresource.verbs),
        api_version: join(subresource.group, subresource.version),
        kind: subresource.kind.to_owned(),
    });
    let mut strategy = kinds::strategy(group, version, resource.kind);
    strategy.has_status |= resource.subresource("status").is_some();
    Resource {
        group: group.to_owned(),
        version: version.to_owned(),
        plural: resource.name.to_owned(),
        singular: resource.singular.to_owned(),
        short_names: owned(&resource.short_names),
        categories: owned(&resource.categories),
        storage_hash: resource.storage_version_hash.map(str::to_owned),
        kind: resource.kind.to_owned(),
        list_kind: format!("{}List", resource.kind),
        deprecation: deprecation(group, version, resource.kind),
        namespaced: resource.namespaced,
        verbs: owned(&resource.verbs),
        subresources: subresources.collect(),
        strategy,
        nature: Nature::BuiltIn(id),
        twin: twins::twin(group, version, resource.name),
        blank: blank(types, id),
    }
}
