//! The declaration's outputs as Kubernetes objects: CRDs, RBAC rules and a Deployment, as YAML.
//!
//! Data in: a [`ManifestInput`] and a CRD. Data out: objects, which [`cli`] prints, writes or compares with files.
//! Only [`cli`] and what stands below it touch the disk; nothing here ever talks to a cluster.

pub mod cli;
pub mod crd;
pub mod deploy;
mod files;
#[cfg(test)]
mod fixtures;
pub mod rbac;
pub mod yaml;

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{
    config::{ConfigError, OperatorConfig, ServerConfig},
    declaration::Strategy,
    kind::Kind,
};

/// A resource as the API server names it in paths and in RBAC rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManifestKind {
    /// The API group; empty for the core group.
    pub group: String,
    /// The plural in lower case, as in the path: `pods`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

impl ManifestKind {
    /// A kind whose objects live in namespaces.
    pub fn namespaced(group: impl Into<String>, plural: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            plural: plural.into(),
            namespaced: true,
        }
    }

    /// A kind whose objects belong to the whole cluster.
    pub fn cluster(group: impl Into<String>, plural: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            plural: plural.into(),
            namespaced: false,
        }
    }
}

/// A verb of the Kubernetes API, in the order in which rules list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Read one object by name.
    Get,
    /// Read all objects.
    List,
    /// Follow changes.
    Watch,
    /// POST.
    Create,
    /// PUT.
    Update,
    /// PATCH, server-side apply included.
    Patch,
    /// DELETE.
    Delete,
}

impl Verb {
    /// The verb as RBAC spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// What an operator does to the children of one kind; follows from the update strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildVerbs(&'static [Verb]);

impl ChildVerbs {
    /// Server-side apply. Children are created by POST and deleted when no longer desired.
    pub const APPLY: Self = Self(&[
        Verb::Get,
        Verb::List,
        Verb::Watch,
        Verb::Create,
        Verb::Patch,
        Verb::Delete,
    ]);
    /// Delete and create anew. `patch` heals a stripped label.
    pub const RECREATE: Self = Self::APPLY;
    /// Left alone until somebody deletes the child. `patch` heals a stripped label; children no longer desired are
    /// deleted.
    pub const ON_DELETE: Self = Self::APPLY;
    /// PUT of the whole object, hence `update`.
    pub const REPLACE: Self = Self(&[
        Verb::Get,
        Verb::List,
        Verb::Watch,
        Verb::Create,
        Verb::Update,
        Verb::Patch,
        Verb::Delete,
    ]);

    /// Exactly these verbs, for a strategy that none of the constants fits.
    pub const fn new(verbs: &'static [Verb]) -> Self {
        Self(verbs)
    }

    /// The verbs.
    pub const fn verbs(self) -> &'static [Verb] {
        self.0
    }
}

/// What the manifests of one operator are made from: its declaration, as plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestInput {
    /// The operator's name on the cluster, a DNS label: `echo`.
    pub name: String,
    /// The custom resource that it serves.
    pub parent: ManifestKind,
    /// The kinds of its children, and what it does to them.
    pub children: Vec<(ManifestKind, ChildVerbs)>,
    /// The namespaces that it watches; empty means all of them.
    pub namespaces: Vec<String>,
    /// What it serves about itself.
    pub server: ServerConfig,
}

impl ManifestInput {
    /// The name of the ServiceAccount, the roles, the bindings and the Deployment. The suffix keeps an operator called
    /// `admin` or `view` away from the cluster roles that Kubernetes brings along under these names.
    pub fn object_name(&self) -> String {
        if self.name == "operator" || self.name.ends_with("-operator") {
            self.name.clone()
        } else {
            format!("{}-operator", self.name)
        }
    }

    /// The labels of everything that is generated for the operator.
    fn labels(&self) -> BTreeMap<String, String> {
        [("app.kubernetes.io/name".to_owned(), self.object_name())].into()
    }

    /// Name, labels and namespace of an object that belongs to the operator.
    fn metadata(&self, namespace: Option<&str>) -> ObjectMeta {
        ObjectMeta {
            name: Some(self.object_name()),
            namespace: namespace.map(str::to_owned),
            labels: Some(self.labels()),
            ..ObjectMeta::default()
        }
    }
}

/// Everything that can be printed about one operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifests {
    name: String,
    input: ManifestInput,
    crd: CustomResourceDefinition,
    wrong: Option<ConfigError>,
}

impl ManifestInput {
    /// What a configuration says.
    #[must_use]
    pub fn from_config(config: &OperatorConfig) -> Self {
        let verbs = |strategy| match strategy {
            Strategy::Apply => ChildVerbs::APPLY,
            Strategy::Replace => ChildVerbs::REPLACE,
            Strategy::Recreate => ChildVerbs::RECREATE,
            Strategy::OnDelete => ChildVerbs::ON_DELETE,
        };
        Self {
            name: config.name().to_owned(),
            parent: config.parent().into(),
            children: config
                .children()
                .map(|(kind, child)| (kind.into(), verbs(child.strategy)))
                .collect(),
            namespaces: config.namespaces().map(str::to_owned).collect(),
            server: config.server,
        }
    }
}

impl From<&Kind> for ManifestKind {
    fn from(kind: &Kind) -> Self {
        Self {
            group: kind.group().to_owned(),
            plural: kind.plural().to_owned(),
            namespaced: kind.is_namespaced(),
        }
    }
}

impl Manifests {
    /// `name` says in the header of generated files where they come from: `EchoOperator`.
    pub fn new(name: impl Into<String>, config: &ManifestInput, crd: CustomResourceDefinition) -> Self {
        Self {
            name: name.into(),
            input: config.clone(),
            crd,
            wrong: None,
        }
    }

    /// The same, with what is wrong with the configuration: nothing is generated from one that could not run.
    pub(crate) fn checked(self, checked: Result<(), ConfigError>) -> Self {
        let wrong = checked.err();
        Self { wrong, ..self }
    }

    /// What the generated files say they were generated from.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The declaration as data.
    pub fn input(&self) -> &ManifestInput {
        &self.input
    }

    /// The name of the CRD: `echoservers.example.com`.
    pub fn crd_name(&self) -> String {
        crd::name(&self.crd)
    }

    /// The custom resource definition of the parent.
    pub fn crd(&self) -> &CustomResourceDefinition {
        &self.crd
    }
}
