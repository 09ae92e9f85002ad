//! A declaration in, the permissions that its operator needs out.
//!
//! Rules of kinds that share group and verbs are merged, and everything is sorted, so that the text changes only when
//! the permissions do.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject};

use super::{ManifestInput, ManifestKind, Verb};

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// The permissions of one operator, by where they have to hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// For a ClusterRole.
    pub cluster: Vec<PolicyRule>,
    /// For a Role in each watched namespace; empty when all namespaces are watched.
    pub namespaced: Vec<PolicyRule>,
}

/// An operator's account, its roles, and the bindings between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Rbac {
    /// Who the operator is.
    pub service_account: ServiceAccount,
    /// What it may do in the whole cluster; with listed namespaces, only what no Role can grant.
    pub cluster_role: ClusterRole,
    /// Gives the cluster role to the account.
    pub cluster_role_binding: ClusterRoleBinding,
    /// A role and its binding for each watched namespace; empty when all are watched.
    pub roles: Vec<(Role, RoleBinding)>,
}

/// The minimal rules of an operator whose parent is defined by the CRD called `crd_name`.
///
/// - Parents: `get`, `list`, `watch`; `patch` of them and of their status. `patch` is for finalizers, and is there for
///   operators without one too: an operator that no longer finalizes has to take away the finalizers of its earlier
///   version, or their parents could never be deleted.
/// - Children: what their strategy needs, see [`super::ChildVerbs`].
/// - Events: `create`. They are written where the parent is, and into `default` for a cluster's parent.
/// - `get` of the parent's CRD alone, for the check of its schema at start.
///
/// Owner references need no rule of their own: without `blockOwnerDeletion`, the admission plugin that guards them
/// (`OwnerReferencesPermissionEnforcement`) only asks for `delete` of the child. A child that is itself a Role or a
/// binding is another matter: to write it, the operator must hold the permissions that it grants.
pub fn rules(input: &ManifestInput, crd_name: &str) -> Rules {
    let mut cluster = Grants::default();
    let mut namespaced = Grants::default();
    let everywhere = |kind: &ManifestKind| input.namespaces.is_empty() || !kind.namespaced;

    let parent = &input.parent;
    let grants = if everywhere(parent) {
        &mut cluster
    } else {
        &mut namespaced
    };
    grants.allow(
        &parent.group,
        &parent.plural,
        &[Verb::Get, Verb::List, Verb::Watch, Verb::Patch],
    );
    grants.allow(&parent.group, &format!("{}/status", parent.plural), &[Verb::Patch]);
    grants.allow("events.k8s.io", "events", &[Verb::Create]);
    for (child, verbs) in &input.children {
        let grants = if everywhere(child) {
            &mut cluster
        } else {
            &mut namespaced
        };
        grants.allow(&child.group, &child.plural, verbs.verbs());
    }
    cluster.allow_named(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        crd_name,
        &[Verb::Get],
    );

    Rules {
        cluster: cluster.into_rules(),
        namespaced: namespaced.into_rules(),
    }
}

/// The account, roles and bindings of an operator that runs in `namespace`.
pub fn rbac(input: &ManifestInput, crd_name: &str, namespace: &str) -> Rbac {
    let name = input.object_name();
    let rules = rules(input, crd_name);
    let subject = Subject {
        kind: "ServiceAccount".to_owned(),
        name: name.clone(),
        namespace: Some(namespace.to_owned()),
        ..Subject::default()
    };
    // The group became optional in the types of Kubernetes 1.36, hence `into`.
    let role_ref = |kind: &str| RoleRef {
        api_group: RBAC_GROUP.to_owned().into(),
        kind: kind.to_owned(),
        name: name.clone(),
    };
    let watched: BTreeSet<&String> = input.namespaces.iter().collect();
    Rbac {
        service_account: ServiceAccount {
            metadata: input.metadata(Some(namespace)),
            ..ServiceAccount::default()
        },
        cluster_role: ClusterRole {
            metadata: input.metadata(None),
            rules: Some(rules.cluster),
            ..ClusterRole::default()
        },
        cluster_role_binding: ClusterRoleBinding {
            metadata: input.metadata(None),
            role_ref: role_ref("ClusterRole"),
            subjects: Some(vec![subject.clone()]),
        },
        roles: watched
            .into_iter()
            .filter(|_| !rules.namespaced.is_empty())
            .map(|watched| {
                let metadata = input.metadata(Some(watched));
                let role = Role {
                    metadata: metadata.clone(),
                    rules: Some(rules.namespaced.clone()),
                };
                let subjects = Some(vec![subject.clone()]);
                (
                    role,
                    RoleBinding {
                        metadata,
                        role_ref: role_ref("Role"),
                        subjects,
                    },
                )
            })
            .collect(),
    }
}

/// Verbs by group, resource and object name; no name means all objects.
#[derive(Default)]
struct Grants(BTreeMap<(String, String, Option<String>), BTreeSet<Verb>>);

impl Grants {
    fn allow(&mut self, group: &str, resource: &str, verbs: &[Verb]) {
        self.0
            .entry((group.to_owned(), resource.to_owned(), None))
            .or_default()
            .extend(verbs);
    }

    fn allow_named(&mut self, group: &str, resource: &str, name: &str, verbs: &[Verb]) {
        self.0
            .entry((group.to_owned(), resource.to_owned(), Some(name.to_owned())))
            .or_default()
            .extend(verbs);
    }

    /// One rule for all resources of a group with the same verbs, sorted by group and first resource.
    fn into_rules(self) -> Vec<PolicyRule> {
        let mut merged: BTreeMap<(String, Option<String>, BTreeSet<Verb>), Vec<String>> = BTreeMap::new();
        for ((group, resource, name), verbs) in self.0 {
            merged.entry((group, name, verbs)).or_default().push(resource);
        }
        let mut rules: Vec<_> = merged
            .into_iter()
            .map(|((group, name, verbs), resources)| PolicyRule {
                api_groups: Some(vec![group]),
                resources: Some(resources),
                resource_names: name.map(|name| vec![name]),
                verbs: verbs.into_iter().map(|verb| verb.as_str().to_owned()).collect(),
                ..PolicyRule::default()
            })
            .collect();
        rules.sort_by(|a, b| (&a.api_groups, &a.resources).cmp(&(&b.api_groups, &b.resources)));
        rules
    }
}

#[cfg(test)]
mod tests;
