//! Roles and their bindings: API groups are filled in, rules, references and subjects checked. Metadata excepted.

use serde_json::{Value, json};

use super::values::{default, get, invalid, is_unset, items, items_mut, set, text, texts};
use crate::server::field::{FieldError, FieldPath};
use crate::server::names;
use crate::server::registry::strategy::Strategy;
use crate::server::selector::labels::Selector;
use crate::server::selector::validate::label_selector;

/// What is special about Roles.
pub const ROLE: Strategy = Strategy {
    validate_create: |role| rules(role, true),
    validate_update: |new, _| rules(new, true),
    ..ANY
};

/// What is special about ClusterRoles.
pub const CLUSTER_ROLE: Strategy = Strategy {
    validate_create: cluster_role,
    validate_update: |new, _| cluster_role(new),
    ..ANY
};

/// What is special about RoleBindings.
pub const ROLE_BINDING: Strategy = Strategy {
    default: binding_defaults,
    validate_create: |binding| self::binding(binding, true),
    validate_update: |new, old| changed_binding(new, old, true),
    ..ANY
};

/// What is special about ClusterRoleBindings.
pub const CLUSTER_ROLE_BINDING: Strategy = Strategy {
    default: binding_defaults,
    validate_create: |binding| self::binding(binding, false),
    validate_update: |new, old| changed_binding(new, old, false),
    ..ANY
};

const ANY: Strategy = Strategy {
    validate_name: names::path_segment,
    creates_on_update: true,
    ..Strategy::PLAIN
};

const GROUP: &str = "rbac.authorization.k8s.io";

fn binding_defaults(binding: &mut Value) {
    if let Some(reference) = binding.get_mut("roleRef") {
        default(reference, "apiGroup", GROUP);
    }
    for subject in items_mut(binding, "subjects") {
        if matches!(text(subject, "kind"), "User" | "Group") && is_unset(get(subject, "apiGroup")) {
            set(subject, "apiGroup", GROUP);
        }
    }
}

fn rules(role: &Value, namespaced: bool) -> Vec<FieldError> {
    let rules = items(role, "rules").iter().enumerate();
    rules
        .flat_map(|(index, rule)| policy_rule(rule, namespaced, &FieldPath::new("rules").index(index)))
        .collect()
}

fn policy_rule(rule: &Value, namespaced: bool, path: &FieldPath) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut required = |field: &str, detail: &str| {
        if items(rule, field).is_empty() {
            errors.push(FieldError::required(&path.child(field), detail));
        }
    };
    required("verbs", "verbs must contain at least one value");
    let urls = texts(rule, "nonResourceURLs");
    if urls.is_empty() {
        required("apiGroups", "resource rules must supply at least one api group");
        required("resources", "resource rules must supply at least one resource");
        return errors;
    }
    let regular = ["apiGroups", "resources", "resourceNames"];
    let wrong = [
        (namespaced, "namespaced rules cannot apply to non-resource URLs"),
        (
            regular.iter().any(|field| !items(rule, field).is_empty()),
            "rules cannot apply to both regular resources and non-resource URLs",
        ),
    ];
    for (_, detail) in wrong.into_iter().filter(|(wrong, _)| *wrong) {
        errors.push(FieldError::invalid(&path.child("nonResourceURLs"), json!(urls), detail));
    }
    errors
}

fn cluster_role(role: &Value) -> Vec<FieldError> {
    let mut errors = rules(role, false);
    let aggregation = get(role, "aggregationRule");
    if aggregation.is_null() {
        return errors;
    }
    let path = FieldPath::new("aggregationRule.clusterRoleSelectors");
    let selectors = items(aggregation, "clusterRoleSelectors");
    if selectors.is_empty() {
        let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        errors.push(FieldError::required(&path, detail));
    }
    for (index, selector) in selectors.iter().enumerate() {
        errors.extend(label_selector(Some(selector), &path.index(index)));
        if Selector::from_object(Some(selector)).is_err() {
            let detail = "invalid label selector.";
            errors.push(FieldError::invalid(&path.index(index), Value::Null, detail));
        }
    }
    errors
}

fn binding(binding: &Value, namespaced: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let reference = get(binding, "roleRef");
    let path = FieldPath::new("roleRef");
    let group = text(reference, "apiGroup");
    if group != GROUP {
        errors.push(FieldError::not_supported(&path.child("apiGroup"), group, &[GROUP]));
    }
    let kinds: &[&str] = if namespaced {
        &["Role", "ClusterRole"]
    } else {
        &["ClusterRole"]
    };
    let kind = text(reference, "kind");
    if !kinds.contains(&kind) {
        errors.push(FieldError::not_supported(&path.child("kind"), kind, kinds));
    }
    match text(reference, "name") {
        "" => errors.push(FieldError::required(&path.child("name"), "")),
        name => errors.extend(invalid(&path.child("name"), name, names::path_segment(name))),
    }
    for (index, subject) in items(binding, "subjects").iter().enumerate() {
        errors.extend(self::subject(
            subject,
            namespaced,
            &FieldPath::new("subjects").index(index),
        ));
    }
    errors
}

fn subject(subject: &Value, namespaced: bool, path: &FieldPath) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let (name, group) = (text(subject, "name"), text(subject, "apiGroup"));
    if name.is_empty() {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
    let group_path = path.child("apiGroup");
    match text(subject, "kind") {
        "ServiceAccount" => {
            if !name.is_empty() {
                errors.extend(invalid(&path.child("name"), name, names::subdomain(name)));
            }
            if !group.is_empty() {
                errors.push(FieldError::not_supported(&group_path, group, &[""]));
            }
            if !namespaced && text(subject, "namespace").is_empty() {
                errors.push(FieldError::required(&path.child("namespace"), ""));
            }
        }
        "User" | "Group" => {
            if group != GROUP {
                errors.push(FieldError::not_supported(&group_path, group, &[GROUP]));
            }
        }
        kind => {
            let kinds = ["ServiceAccount", "User", "Group"];
            errors.push(FieldError::not_supported(&path.child("kind"), kind, &kinds));
        }
    }
    errors
}

fn changed_binding(new: &Value, old: &Value, namespaced: bool) -> Vec<FieldError> {
    let mut errors = binding(new, namespaced);
    let (reference, before) = (get(new, "roleRef"), get(old, "roleRef"));
    let field = |reference, field| text(reference, field).to_owned();
    let fields = |reference| ["apiGroup", "kind", "name"].map(|name| field(reference, name));
    if fields(reference) != fields(before) {
        let [group, kind, name] = fields(reference);
        let shown = json!({"APIGroup": group, "Kind": kind, "Name": name});
        errors.push(FieldError::invalid(
            &FieldPath::new("roleRef"),
            shown,
            "cannot change roleRef",
        ));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::super::values::printed;
    use super::*;

    #[test]
    fn rules_are_refused_as_by_the_real_server() {
        let role = json!({"rules": [
            {},
            {"verbs": ["get"], "nonResourceURLs": ["/x"]},
            {"verbs": ["get"], "resources": ["pods"], "apiGroups": [""]},
            {"verbs": [], "nonResourceURLs": ["/x"], "resources": ["pods"]},
        ]});
        assert_eq!(
            printed(&(ROLE.validate_create)(&role)),
            [
                "rules[0].verbs: Required value: verbs must contain at least one value",
                "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
                "rules[0].resources: Required value: resource rules must supply at least one resource",
                "rules[1].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs",
                "rules[3].verbs: Required value: verbs must contain at least one value",
                "rules[3].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs",
                "rules[3].nonResourceURLs: Invalid value: [\"/x\"]: rules cannot apply to both regular resources and non-resource URLs",
            ]
        );
        let cluster = json!({"aggregationRule": {"clusterRoleSelectors": [{"matchExpressions": [
            {"key": "-", "operator": "X"}]}]}});
        let texts = printed(&(CLUSTER_ROLE.validate_create)(&cluster));
        assert_eq!(
            texts[2],
            "aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector."
        );
    }

    #[test]
    fn bindings_are_refused_as_by_the_real_server() {
        let mut binding = json!({"roleRef": {"kind": "X", "name": "a/b"}, "subjects": [
            {"kind": "User"}, {"kind": "Group", "name": "g", "apiGroup": "y"}, {"kind": "Z", "name": "q"},
        ]});
        (ROLE_BINDING.default)(&mut binding);
        assert_eq!(
            printed(&(ROLE_BINDING.validate_create)(&binding)),
            [
                "roleRef.kind: Unsupported value: \"X\": supported values: \"Role\", \"ClusterRole\"",
                "roleRef.name: Invalid value: \"a/b\": may not contain '/'",
                "subjects[0].name: Required value",
                "subjects[1].apiGroup: Unsupported value: \"y\": supported values: \"rbac.authorization.k8s.io\"",
                "subjects[2].kind: Unsupported value: \"Z\": supported values: \"ServiceAccount\", \"User\", \"Group\"",
            ]
        );
        let cluster = json!({"roleRef": {"kind": "Role", "name": "x", "apiGroup": "q"},
            "subjects": [{"kind": "ServiceAccount", "name": "a"}]});
        assert_eq!(
            printed(&(CLUSTER_ROLE_BINDING.validate_create)(&cluster)),
            [
                "roleRef.apiGroup: Unsupported value: \"q\": supported values: \"rbac.authorization.k8s.io\"",
                "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"",
                "subjects[0].namespace: Required value",
            ]
        );
    }

    #[test]
    fn the_role_of_a_binding_stays() {
        let bound = |name: &str| json!({"roleRef": {"apiGroup": GROUP, "kind": "Role", "name": name}});
        assert_eq!(
            printed(&(ROLE_BINDING.validate_update)(&bound("y"), &bound("x"))),
            [
                "roleRef: Invalid value: {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"Role\",\"Name\":\"y\"}: cannot change roleRef"
            ]
        );
    }
}
