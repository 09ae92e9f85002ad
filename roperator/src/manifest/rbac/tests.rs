use super::super::{ChildVerbs, fixtures, yaml};
use super::*;

fn text(rules: &[PolicyRule]) -> Vec<String> {
    rules
        .iter()
        .map(|rule| {
            let list = |list: &Option<Vec<String>>| list.as_deref().unwrap_or_default().join(",");
            let names = rule
                .resource_names
                .as_ref()
                .map(|names| format!(" [{}]", names.join(",")))
                .unwrap_or_default();
            format!(
                "{}: {}{names}: {}",
                list(&rule.api_groups),
                list(&rule.resources),
                rule.verbs.join(",")
            )
        })
        .collect()
}

fn all(rbac: &Rbac) -> String {
    let mut documents = vec![
        yaml::document(&rbac.service_account).unwrap(),
        yaml::document(&rbac.cluster_role).unwrap(),
        yaml::document(&rbac.cluster_role_binding).unwrap(),
    ];
    for (role, binding) in &rbac.roles {
        documents.extend([yaml::document(role).unwrap(), yaml::document(binding).unwrap()]);
    }
    documents.join("---\n")
}

#[test]
fn an_operator_of_all_namespaces_has_one_cluster_role() {
    let (_, input) = fixtures::echo();
    fixtures::assert_manifest!(all(&rbac(&input, "echoservers.example.com", "default")));
}

#[test]
fn listed_namespaces_get_a_role_each_and_the_cluster_role_keeps_the_rest() {
    let (_, mut input) = fixtures::echo();
    input.namespaces = ["team-b", "team-a", "team-b"].map(str::to_owned).to_vec();
    fixtures::assert_manifest!(all(&rbac(&input, "echoservers.example.com", "operators")));
}

#[test]
fn kinds_of_a_group_with_the_same_verbs_share_a_rule() {
    let (_, mut input) = fixtures::echo();
    input.children = vec![
        (ManifestKind::namespaced("", "services"), ChildVerbs::APPLY),
        (ManifestKind::namespaced("apps", "deployments"), ChildVerbs::REPLACE),
        (ManifestKind::namespaced("", "configmaps"), ChildVerbs::RECREATE),
        (ManifestKind::namespaced("", "secrets"), ChildVerbs::REPLACE),
        (ManifestKind::namespaced("", "secrets"), ChildVerbs::APPLY),
    ];
    let rules = rules(&input, "echoservers.example.com");
    assert_eq!(
        text(&rules.cluster),
        [
            ": configmaps,services: get,list,watch,create,patch,delete",
            ": secrets: get,list,watch,create,update,patch,delete",
            "apiextensions.k8s.io: customresourcedefinitions [echoservers.example.com]: get",
            "apps: deployments: get,list,watch,create,update,patch,delete",
            "events.k8s.io: events: create",
            "example.com: echoservers: get,list,watch,patch",
            "example.com: echoservers/status: patch",
        ]
    );
    assert!(rules.namespaced.is_empty());

    input.children.reverse();
    assert_eq!(
        super::rules(&input, "echoservers.example.com"),
        rules,
        "the order of declaration does not matter"
    );
}

#[test]
fn a_parent_that_is_its_own_kind_of_child_gets_the_verbs_of_both() {
    let (_, mut input) = fixtures::echo();
    input.children = vec![(input.parent.clone(), ChildVerbs::APPLY)];
    let rules = text(&rules(&input, "echoservers.example.com").cluster);
    assert!(
        rules.contains(&"example.com: echoservers: get,list,watch,create,patch,delete".to_owned()),
        "{rules:?}"
    );
}

#[test]
fn a_parent_of_the_whole_cluster_stays_in_the_cluster_role() {
    let (_, mut input) = fixtures::temp_namespace();
    input.namespaces = vec!["team-a".to_owned()];
    input
        .children
        .push((ManifestKind::namespaced("", "configmaps"), ChildVerbs::APPLY));
    let rules = rules(&input, "tempnamespaces.example.com");
    assert_eq!(
        text(&rules.cluster),
        [
            ": namespaces: get,list,watch,create,patch,delete",
            "apiextensions.k8s.io: customresourcedefinitions [tempnamespaces.example.com]: get",
            "events.k8s.io: events: create",
            "example.com: tempnamespaces: get,list,watch,patch",
            "example.com: tempnamespaces/status: patch",
        ]
    );
    assert_eq!(
        text(&rules.namespaced),
        [": configmaps: get,list,watch,create,patch,delete"]
    );
}

#[test]
fn roles_without_rules_are_not_written() {
    let (_, mut input) = fixtures::temp_namespace();
    input.namespaces = vec!["team-a".to_owned()];
    assert!(rbac(&input, "tempnamespaces.example.com", "default").roles.is_empty());
}
