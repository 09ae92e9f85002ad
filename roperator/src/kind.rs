//! Group, version, kind, plural and scope: what the API server needs to be told about a type.
//!
//! Data only. A [`Kind`] is made at compile time (constants such as those of [`k8s_types`](crate::k8s_types)), from a Rust
//! type ([`TypedKind`]) or from strings; it never asks a cluster.

use std::{borrow::Cow, fmt};

use kube::core::{ClusterResourceScope, NamespaceResourceScope};
use serde::{Serialize, de::DeserializeOwned};

/// Whether the objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Objects live in a namespace.
    Namespaced,
    /// Objects belong to the cluster.
    Cluster,
}

/// A kind of Kubernetes object, as URLs and manifests name it.
///
/// ```
/// use roperator::Kind;
///
/// const ECHO_SERVER: Kind = Kind::namespaced("example.com/v1alpha1", "EchoServer", "echoservers");
/// assert_eq!(ECHO_SERVER.group(), "example.com");
/// assert_eq!(ECHO_SERVER.version(), "v1alpha1");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind {
    api_version: Cow<'static, str>,
    kind: Cow<'static, str>,
    plural: Cow<'static, str>,
    scope: Scope,
}

impl Kind {
    /// A kind whose objects live in namespaces: `apiVersion`, `kind`, and the plural that URLs use.
    #[must_use]
    pub const fn namespaced(api_version: &'static str, kind: &'static str, plural: &'static str) -> Self {
        Self::constant(api_version, kind, plural, Scope::Namespaced)
    }

    /// A kind whose objects belong to the cluster: `apiVersion`, `kind`, and the plural that URLs use.
    #[must_use]
    pub const fn cluster(api_version: &'static str, kind: &'static str, plural: &'static str) -> Self {
        Self::constant(api_version, kind, plural, Scope::Cluster)
    }

    const fn constant(api_version: &'static str, kind: &'static str, plural: &'static str, scope: Scope) -> Self {
        Self {
            api_version: Cow::Borrowed(api_version),
            kind: Cow::Borrowed(kind),
            plural: Cow::Borrowed(plural),
            scope,
        }
    }

    /// A kind that is known only at run time.
    #[must_use]
    pub fn dynamic(
        api_version: impl Into<String>,
        kind: impl Into<String>,
        plural: impl Into<String>,
        scope: Scope,
    ) -> Self {
        Self {
            api_version: Cow::Owned(api_version.into()),
            kind: Cow::Owned(kind.into()),
            plural: Cow::Owned(plural.into()),
            scope,
        }
    }

    /// `group/version`, or the version alone for the core group.
    #[must_use]
    pub fn api_version(&self) -> &str {
        &self.api_version
    }

    /// The API group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The version without its group.
    #[must_use]
    pub fn version(&self) -> &str {
        self.api_version
            .split_once('/')
            .map_or(&self.api_version, |(_, version)| version)
    }

    /// The kind's name in manifests, such as `Pod`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The kind's name in URLs and RBAC rules, such as `pods`.
    #[must_use]
    pub fn plural(&self) -> &str {
        &self.plural
    }

    /// Whether objects of this kind live in namespaces.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether objects of this kind live in namespaces.
    #[must_use]
    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    /// The name of the custom resource definition that would define this kind.
    #[must_use]
    pub fn crd_name(&self) -> String {
        format!("{}.{}", self.plural, self.group())
    }

    /// Whether Kubernetes itself defines this kind, so that its lists' merge keys are the well-known ones.
    pub(crate) fn is_built_in(&self) -> bool {
        is_built_in_group(self.group())
    }

    /// Whether an `apiVersion` and `kind` name this kind, in whatever version of its group.
    pub(crate) fn is_named(&self, api_version: &str, kind: &str) -> bool {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.kind == kind && self.group() == group
    }

    /// The URL path of one object (`name`), or of all in a namespace, or of all.
    pub(crate) fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let root = if self.api_version.contains('/') {
            "/apis"
        } else {
            "/api"
        };
        let mut path = format!("{root}/{}", self.api_version);
        if let (Scope::Namespaced, Some(namespace)) = (self.scope, namespace) {
            path.push_str("/namespaces/");
            path.push_str(namespace);
        }
        path.push('/');
        path.push_str(&self.plural);
        if let Some(name) = name {
            path.push('/');
            path.push_str(name);
        }
        path
    }
}

/// The groups of Kubernetes itself. Others that end in `.k8s.io` are defined by custom resource definitions.
const BUILT_IN_GROUPS: [&str; 23] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// Whether Kubernetes itself defines the kinds of a group.
pub(crate) fn is_built_in_group(group: &str) -> bool {
    BUILT_IN_GROUPS.contains(&group)
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.kind, self.api_version)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} ({:?})", self.api_version, self.plural, self.scope)
    }
}

/// A scope that is known at compile time.
pub trait KnownScope {
    /// The scope as a value.
    const SCOPE: Scope;
}

impl KnownScope for NamespaceResourceScope {
    const SCOPE: Scope = Scope::Namespaced;
}

impl KnownScope for ClusterResourceScope {
    const SCOPE: Scope = Scope::Cluster;
}

/// Which scopes a parent's scope may own: the garbage collector deletes a cluster-scoped object at once whose owner is
/// namespaced, so such a child is refused when the operator is compiled.
#[diagnostic::on_unimplemented(
    message = "a namespaced parent cannot own a cluster-scoped child",
    label = "this child is cluster-scoped and the parent is namespaced",
    note = "make the parent cluster-scoped (remove `namespaced` from its `#[kube(…)]`), or choose a namespaced child: the \
            garbage collector would delete this child at once"
)]
pub trait OwnsScope<ChildScope> {}

impl OwnsScope<NamespaceResourceScope> for NamespaceResourceScope {}
impl<ChildScope: KnownScope> OwnsScope<ChildScope> for ClusterResourceScope {}

/// A Rust type that knows its [`Kind`]: every type of `k8s-openapi` and every `#[derive(CustomResource)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a Kubernetes type",
    note = "use a type of `k8s_openapi`, or one that derives `kube::CustomResource`, `Serialize` and `Deserialize`"
)]
pub trait TypedKind:
    kube::Resource<DynamicType = (), Scope: KnownScope> + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The kind of this type.
    #[must_use]
    fn kind_of() -> Kind {
        Kind {
            api_version: Self::api_version(&()),
            kind: Self::kind(&()),
            plural: Self::plural(&()),
            scope: <Self::Scope as KnownScope>::SCOPE,
        }
    }
}

// What the compiler says about a type that is none ends at `TypedKind`, not at the traits of other crates.
#[diagnostic::do_not_recommend]
impl<K> TypedKind for K where
    K: kube::Resource<DynamicType = (), Scope: KnownScope> + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_paths() {
        let pod = Kind::namespaced("v1", "Pod", "pods");
        assert_eq!((pod.group(), pod.version()), ("", "v1"));
        assert_eq!(pod.path(Some("a"), Some("b")), "/api/v1/namespaces/a/pods/b");
        assert_eq!(pod.path(None, None), "/api/v1/pods");
        let role = Kind::cluster("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles");
        assert_eq!(
            role.path(Some("ignored"), None),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles"
        );
        assert!(role.is_built_in() && pod.is_built_in());
        assert!(!Kind::cluster("example.com/v1", "X", "xs").is_built_in());
        assert!(!Kind::cluster("gateway.networking.k8s.io/v1", "Gateway", "gateways").is_built_in());
        assert_eq!(k8s_openapi::api::core::v1::Pod::kind_of(), pod);
    }
}
