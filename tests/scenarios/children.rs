//! What happens to children: created, repaired, left alone, pruned.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        autoscaling::v1::Scale,
        core::v1::{ConfigMap, Container, EnvVar, PodSpec, PodTemplateSpec, Secret, Service, ServicePort, ServiceSpec},
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use roperator::{APPLIED_ANNOTATION, Kind, OPERATOR_LABEL, OperatorHandle, Scope, k8s_types, prelude::*};
use roperator_tests::{
    kinds::{Site, SiteOperator, SiteStatus},
    stage::{Stage, eventually, install},
    wire::Fault,
};
use serde_json::{Value, json};

crate::scenarios![
    shared:
        a_child_is_created_by_post_with_label_annotation_owner_and_field_manager,
        what_a_child_states_of_its_own_metadata_is_kept_beside_ours,
        children_are_created_in_the_order_of_the_response,
        a_changed_child_costs_one_write_and_the_unchanged_ones_none,
        a_changed_argument_costs_one_write,
        many_changes_in_a_row_neither_conflict_nor_create_twice,
        a_write_that_the_watch_does_not_show_is_read_once,
        a_value_edited_by_someone_else_is_repaired_with_one_write,
        a_value_removed_by_someone_else_is_repaired_with_one_write,
        an_empty_value_removed_or_filled_by_someone_else_is_repaired,
        a_zero_value_that_someone_else_sets_is_repaired,
        an_empty_value_removed_from_a_pod_template_is_repaired,
        a_zero_value_removed_from_a_custom_child_is_repaired,
        an_unknown_field_in_the_update_of_a_custom_child_is_reported_and_nothing_changed,
        stripped_managed_fields_cost_one_write_and_no_field,
        a_list_item_removed_by_someone_else_is_repaired_with_one_write,
        a_deployment_scaled_by_someone_else_is_scaled_back_with_one_write,
        a_child_that_someone_else_applied_over_is_repaired_with_one_write,
        a_child_replaced_by_someone_else_is_repaired_with_one_write,
        a_child_deleted_by_someone_else_is_created_again,
        a_child_that_is_being_deleted_is_waited_for,
        a_stripped_label_is_healed_with_one_post_two_gets_and_one_apply,
        a_stripped_applied_annotation_is_written_again_once,
        a_garbled_applied_annotation_is_written_again_once,
        a_change_made_while_the_applied_annotation_is_gone_is_not_lost,
        what_others_add_is_left_alone_without_a_write,
        what_others_add_survives_our_updates,
        a_key_no_longer_desired_disappears_at_first_after_a_conversion_and_then_by_apply_alone,
        a_list_item_no_longer_desired_disappears,
        an_environment_variable_no_longer_desired_disappears,
        a_label_and_an_annotation_no_longer_desired_disappear,
        a_whole_map_no_longer_desired_disappears,
        a_key_of_string_data_no_longer_desired_disappears,
        children_no_longer_returned_are_deleted_with_their_uid,
        a_held_child_no_longer_returned_is_deleted_once,
        a_child_of_another_kind_under_the_same_name_shields_none,
        objects_that_are_not_the_parents_are_never_deleted,
        two_parents_leave_each_others_children_alone,
        a_service_with_server_filled_fields_settles,
        a_deployment_with_unnormalised_quantities_settles,
        empty_lists_and_maps_settle,
        empty_lists_of_typed_children_settle,
        zero_values_settle,
        null_fields_settle,
        a_secret_with_string_data_settles,
        common_kinds_settle,
        a_custom_child_settles,
        atomic_lists_that_the_server_completes_settle,
        fields_that_another_manager_adds_right_after_creation_settle,
        fields_that_admission_adds_settle,
        a_value_that_admission_overwrites_settles;
    own:;
    only on a real server:
        a_value_that_admission_overwrites_settles,
        fields_that_admission_adds_settle,
];

const CONFIG_MAPS: &[(Kind, ChildConfig)] = &[(k8s_types::core::v1::ConfigMap, ChildConfig::apply())];
const SERVICES: &[(Kind, ChildConfig)] = &[(k8s_types::core::v1::Service, ChildConfig::apply())];
const DEPLOYMENTS: &[(Kind, ChildConfig)] = &[(k8s_types::apps::v1::Deployment, ChildConfig::apply())];
const SECRETS: &[(Kind, ChildConfig)] = &[(k8s_types::core::v1::Secret, ChildConfig::apply())];

fn config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

/// One ConfigMap that holds the message.
fn message(message: &str) -> Vec<Value> {
    vec![config_map("config", json!({"message": message}))]
}

/// A Service with a port for each word of the message.
fn ports(message: &str) -> Vec<Value> {
    let ports: Vec<Value> = message
        .split(' ')
        .zip(80..)
        .map(|(name, port)| json!({"name": name, "port": port}))
        .collect();
    vec![json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc"}, "spec": {"ports": ports}})]
}

/// A Deployment whose container has an environment variable for each word of the message.
fn variables(message: &str) -> Vec<Value> {
    let variables: Vec<Value> = message
        .split(' ')
        .map(|name| json!({"name": name, "value": "x"}))
        .collect();
    vec![deployment(
        json!({"name": "main", "image": "example.com/main:1", "env": variables}),
    )]
}

fn deployment(container: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "main"}},
            "template": {"metadata": {"labels": {"app": "main"}}, "spec": {"containers": [container]}},
        },
    })
}

fn port_names(service: &Service) -> Vec<String> {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref());
    ports
        .into_iter()
        .flatten()
        .filter_map(|port| port.name.clone())
        .collect()
}

fn variable_names(deployment: &Deployment) -> Vec<String> {
    let spec = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let containers = spec.into_iter().flat_map(|spec| &spec.containers);
    containers
        .flat_map(|container| container.env.iter().flatten())
        .map(|variable| variable.name.clone())
        .collect()
}

fn keys(config_map: &ConfigMap) -> Vec<&str> {
    config_map
        .data
        .iter()
        .flat_map(BTreeMap::keys)
        .map(String::as_str)
        .collect()
}

fn uid(object: &impl ResourceExt) -> String {
    object.uid().expect("an object of the server has a uid")
}

fn version(object: &impl ResourceExt) -> String {
    object
        .resource_version()
        .expect("an object of the server has a version")
}

/// An operator with one ConfigMap a parent, and one parent `a` that says `one`, at rest.
async fn with_a_config_map(stage: &Stage) -> OperatorHandle {
    let handle = stage.start_desired(CONFIG_MAPS, message).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201"]);
    handle
}

/// What [`settle`] leaves behind: the bill of a parent at rest, after a sync in vain and after a restart.
async fn settle(
    stage: &Stage,
    kinds: &[(Kind, ChildConfig)],
    desired: impl Fn(&str) -> Vec<Value> + Clone + Send + Sync + 'static,
) {
    let count = desired("one").len();
    let handle = stage.start_desired(kinds, desired.clone()).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    let writes: Vec<String> = stage
        .rest()
        .await
        .iter()
        .filter(|sent| sent.is_write())
        .map(ToString::to_string)
        .collect();
    let bill = [vec!["POST 201"; count], vec!["STATUS 200"]].concat();
    assert_eq!(writes, bill, "the children and one status");
    sync_in_vain(stage, "a").await;
    handle.shutdown().await.unwrap();
    restart_in_vain(stage, kinds, desired).await;
}

/// Makes the operator sync a parent without a reason to write anything.
async fn sync_in_vain(stage: &Stage, site: &str) {
    stage.wire.clear();
    stage
        .edit::<Site>(site, json!({"metadata": {"labels": {"touched": "yes"}}}))
        .await;
    let sent = stage.rest().await;
    assert!(sent.is_empty(), "a sync that changes nothing asks nothing: {sent:#?}");
}

/// Starts the operator anew, which must not write anything.
async fn restart_in_vain(
    stage: &Stage,
    kinds: &[(Kind, ChildConfig)],
    desired: impl Fn(&str) -> Vec<Value> + Send + Sync + 'static,
) {
    stage.wire.clear();
    let handle = stage.start_desired(kinds, desired).await;
    stage.rest().await;
    let writes = stage.wire.attempts();
    assert!(writes.is_empty(), "a restart writes nothing: {writes:#?}");
    handle.shutdown().await.unwrap();
}

// Creation.

async fn a_child_is_created_by_post_with_label_annotation_owner_and_field_manager(stage: Stage) {
    let handle = with_a_config_map(&stage).await;
    let site = stage.wait_settled("a").await;
    let writes = stage.wire.writes();
    let post = writes
        .iter()
        .find(|sent| sent.path.ends_with("/configmaps"))
        .expect("a POST of the ConfigMap");
    assert_eq!(post.method, http::Method::POST);
    assert!(post.query.contains("fieldManager=site"), "{}", post.query);
    let child = stage.wait_message("a-config", "one").await;
    assert_eq!(
        child.labels(),
        &BTreeMap::from([(OPERATOR_LABEL.to_owned(), "site".to_owned())])
    );
    assert_eq!(child.annotations().keys().collect::<Vec<_>>(), [APPLIED_ANNOTATION]);
    let owners = serde_json::to_value(child.owner_references()).unwrap();
    // No `blockOwnerDeletion`: it would need a right on the parent's finalizers.
    let owner = json!({"apiVersion": "tests.example.com/v1", "kind": "Site", "name": "a", "uid": uid(&site), "controller": true});
    assert_eq!(owners, json!([owner]));
    let managers: Vec<_> = child
        .managed_fields()
        .iter()
        .map(|entry| (entry.manager.as_deref(), entry.operation.as_deref()))
        .collect();
    assert_eq!(managers, [(Some("site"), Some("Update"))]);
    handle.shutdown().await.unwrap();
}

async fn what_a_child_states_of_its_own_metadata_is_kept_beside_ours(stage: Stage) {
    let desired = |_: &str| {
        let metadata = json!({"name": "config", "labels": {"tier": "web"}, "annotations": {"note": "mine"}});
        vec![json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})]
    };
    let handle = stage.start_desired(CONFIG_MAPS, desired).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    let child = stage.api::<ConfigMap>().get("a-config").await.unwrap();
    assert_eq!(child.labels().keys().collect::<Vec<_>>(), [OPERATOR_LABEL, "tier"]);
    assert_eq!(
        child.annotations().keys().collect::<Vec<_>>(),
        ["note", APPLIED_ANNOTATION]
    );
    // What is stated is owned: whoever takes it away is told so.
    stage
        .edit::<ConfigMap>("a-config", json!({"metadata": {"labels": {"tier": null}}}))
        .await;
    let has_tier = |found: &ConfigMap| found.labels().get("tier").is_some_and(|tier| tier == "web");
    stage.wait_for("a-config", "the label is back", has_tier).await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "APPLY 200"]);
    handle.shutdown().await.unwrap();
}

async fn children_are_created_in_the_order_of_the_response(stage: Stage) {
    let desired = |_: &str| {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "m"}, "spec": {"ports": [{"port": 80}]}});
        vec![
            config_map("z", json!({})),
            service,
            config_map("a", json!({})),
            config_map("k", json!({})),
        ]
    };
    let handle = stage.start_desired(&[SERVICES, CONFIG_MAPS].concat(), desired).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    let posted = stage
        .wire
        .writes()
        .into_iter()
        .filter(|sent| sent.method == http::Method::POST);
    let names: Vec<String> = posted
        .map(|sent| sent.body["metadata"]["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(names, ["a-z", "a-m", "a-a", "a-k"]);
    handle.shutdown().await.unwrap();
}

// What things cost.

async fn a_changed_child_costs_one_write_and_the_unchanged_ones_none(stage: Stage) {
    let desired = |message: &str| {
        let fixed = (0..4).map(|number| config_map(&number.to_string(), json!({"message": "fixed"})));
        fixed
            .chain([config_map("config", json!({"message": message}))])
            .collect()
    };
    let handle = stage.start_desired(CONFIG_MAPS, desired).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    stage.wire.clear();
    stage.say("a", "two").await;
    stage.wait_settled("a").await;
    let sent: Vec<String> = stage.rest().await.iter().map(ToString::to_string).collect();
    assert_eq!(sent, ["APPLY 200", "STATUS 200"]);
    stage.wait_message("a-config", "two").await;
    sync_in_vain(&stage, "a").await;
    handle.shutdown().await.unwrap();
    restart_in_vain(&stage, CONFIG_MAPS, desired).await;
}

async fn a_changed_argument_costs_one_write(stage: Stage) {
    // A list that is one value to the server: another item in it is another value, not another field.
    let desired = |said: &str| {
        vec![deployment(
            json!({"name": "main", "image": "example.com/main:1", "args": [said]}),
        )]
    };
    let handle = stage.start_desired(DEPLOYMENTS, desired).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.say("a", "two").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("deployments"), ["POST 201", "APPLY 200"]);
    handle.shutdown().await.unwrap();
}

async fn many_changes_in_a_row_neither_conflict_nor_create_twice(stage: Stage) {
    let handle = stage
        .start_desired(&[CONFIG_MAPS, SERVICES].concat(), |said| {
            [message(said), ports(said)].concat()
        })
        .await;
    stage.site("a", "m0").await;
    for number in 1..20 {
        stage.say("a", &format!("m{number}")).await;
    }
    stage.wait_message("a-config", "m19").await;
    stage.wait_settled("a").await;
    let refused: Vec<_> = stage
        .rest()
        .await
        .into_iter()
        .filter(|sent| !sent.code.is_some_and(|code| code.is_success()))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let posts = stage
        .asked("configmaps")
        .iter()
        .filter(|asked| asked.starts_with("POST"))
        .count();
    assert_eq!(posts, 1);
    handle.shutdown().await.unwrap();
}

async fn a_write_that_the_watch_does_not_show_is_read_once(stage: Stage) {
    let handle = stage.start_desired(CONFIG_MAPS, message).await;
    let wire = stage.wire.clone();
    // From the moment of the creation on, no watch shows anything.
    stage.wire.fault(move |sent| {
        if sent.method == http::Method::POST && sent.path.ends_with("/configmaps") {
            wire.hold_watches(true);
        }
        None
    });
    stage.site("a", "one").await;
    eventually("the write is read", async || {
        stage.asked("configmaps").contains(&"GET 200".to_owned()).then_some(())
    })
    .await;
    stage.rest().await;
    stage.wire.heal();
    stage.wire.hold_watches(false);
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "GET 200"]);
    stage.say("a", "two").await;
    stage.wait_message("a-config", "two").await;
    handle.shutdown().await.unwrap();
}

// What others break.

async fn a_value_edited_by_someone_else_is_repaired_with_one_write(stage: Stage) {
    let handle = with_a_config_map(&stage).await;
    stage
        .edit::<ConfigMap>("a-config", json!({"data": {"message": "hacked"}}))
        .await;
    stage.wait_message("a-config", "one").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "APPLY 200"]);
    // The second time it is an `Apply` entry that loses the field.
    stage
        .edit::<ConfigMap>("a-config", json!({"data": {"message": "hacked again"}}))
        .await;
    stage.wait_message("a-config", "one").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "APPLY 200", "APPLY 200"]);
    handle.shutdown().await.unwrap();
    restart_in_vain(&stage, CONFIG_MAPS, message).await;
}

async fn a_value_removed_by_someone_else_is_repaired_with_one_write(stage: Stage) {
    let handle = with_a_config_map(&stage).await;
    for (attempt, patch) in [json!({"data": {"message": null}}), json!({"data": null})]
        .into_iter()
        .enumerate()
    {
        stage.edit::<ConfigMap>("a-config", patch).await;
        stage.wait_message("a-config", "one").await;
        stage.rest().await;
        assert_eq!(
            stage.asked("configmaps").len(),
            attempt + 2,
            "{:?}",
            stage.asked("configmaps")
        );
    }
    assert_eq!(stage.asked("configmaps"), ["POST 201", "APPLY 200", "APPLY 200"]);
    handle.shutdown().await.unwrap();
}

async fn an_empty_value_removed_or_filled_by_someone_else_is_repaired(stage: Stage) {
    // An empty value is one, and its absence another: the server keeps both in a map.
    let desired = |_: &str| {
        let metadata = json!({"name": "config", "annotations": {"empty": ""}, "labels": {"empty": ""}});
        vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"empty": "", "message": "one"}}),
        ]
    };
    let handle = stage.start_desired(CONFIG_MAPS, desired).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    let is_repaired = |found: &ConfigMap| {
        let maps = [Some(found.annotations()), Some(found.labels()), found.data.as_ref()];
        maps.into_iter()
            .flatten()
            .all(|map| map.get("empty").is_some_and(String::is_empty))
    };
    let damages = [
        json!({"data": {"empty": null}}),
        json!({"data": {"empty": "full"}}),
        json!({"metadata": {"annotations": {"empty": null}}}),
        json!({"metadata": {"labels": {"empty": null}}}),
    ];
    for (count, damage) in damages.into_iter().enumerate() {
        stage.edit::<ConfigMap>("a-config", damage.clone()).await;
        stage
            .wait_for("a-config", &format!("{damage} is repaired"), is_repaired)
            .await;
        stage.rest().await;
        assert_eq!(
            stage.asked("configmaps").len(),
            count + 2,
            "one write each: {:?}",
            stage.asked("configmaps")
        );
    }
    handle.shutdown().await.unwrap();
}

async fn a_zero_value_that_someone_else_sets_is_repaired(stage: Stage) {
    let desired = |_: &str| {
        let variable = json!({"name": "A", "value": ""});
        let mut app = deployment(json!({"name": "main", "image": "example.com/main:1", "env": [variable]}));
        app["spec"]["paused"] = json!(false);
        app["spec"]["minReadySeconds"] = json!(0);
        vec![app]
    };
    let handle = stage.start_desired(DEPLOYMENTS, desired).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let variable = json!([{"name": "A", "value": "theirs"}]);
    let template = json!({"spec": {"containers": [{"name": "main", "image": "example.com/main:1", "env": variable}]}});
    stage
        .edit::<Deployment>(
            "a-app",
            json!({"spec": {"paused": true, "minReadySeconds": 9, "template": template}}),
        )
        .await;
    let is_repaired = |found: &Deployment| {
        let text = serde_json::to_string(&found.spec).unwrap();
        !text.contains("theirs") && !text.contains("\"paused\":true") && !text.contains("\"minReadySeconds\":9")
    };
    stage.wait_for("a-app", "it is repaired", is_repaired).await;
    stage.rest().await;
    assert_eq!(stage.asked("deployments"), ["POST 201", "APPLY 200"]);
    handle.shutdown().await.unwrap();
}

async fn an_empty_value_removed_from_a_pod_template_is_repaired(stage: Stage) {
    let desired = |_: &str| {
        let mut app = deployment(json!({"name": "main", "image": "example.com/main:1"}));
        app["spec"]["template"]["metadata"]["annotations"] = json!({"empty": "", "full": "x"});
        app["spec"]["template"]["spec"]["nodeSelector"] = json!({"empty": ""});
        vec![app]
    };
    let handle = stage.start_desired(DEPLOYMENTS, desired).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let template = |found: &Deployment| serde_json::to_value(&found.spec.as_ref().unwrap().template).unwrap();
    let damages = [
        json!({"metadata": {"annotations": {"empty": null}}}),
        json!({"spec": {"nodeSelector": {"empty": null}}}),
    ];
    for (count, damage) in damages.into_iter().enumerate() {
        stage
            .edit::<Deployment>("a-app", json!({"spec": {"template": damage}}))
            .await;
        let is_repaired = |found: &Deployment| {
            let template = template(found);
            template["metadata"]["annotations"]["empty"] == "" && template["spec"]["nodeSelector"]["empty"] == ""
        };
        stage
            .wait_for("a-app", &format!("{damage} is repaired"), is_repaired)
            .await;
        stage.rest().await;
        assert_eq!(
            stage.asked("deployments").len(),
            count + 2,
            "{:?}",
            stage.asked("deployments")
        );
    }
    handle.shutdown().await.unwrap();
}

/// Defines a kind of the stage's own for children, with a bit of everything in its schema, and returns it.
async fn define_widget(stage: &Stage) -> Kind {
    let group = format!("{}.example.com", stage.namespace);
    let text = json!({"type": "string"});
    let item = json!({"type": "object", "required": ["name"], "properties": {"name": text, "on": {"type": "boolean", "default": true}}});
    let properties = json!({
        "on": {"type": "boolean"}, "count": {"type": "integer"}, "text": text, "mode": {"type": "string", "default": "auto"},
        "map": {"type": "object", "additionalProperties": text}, "atoms": {"type": "array", "items": text},
        "set": {"type": "array", "items": text, "x-kubernetes-list-type": "set"},
        "whole": {"type": "array", "items": item},
        "keyed": {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        "port": {"x-kubernetes-int-or-string": true}, "nothing": {"type": "string", "nullable": true},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    });
    let spec = json!({"type": "object", "properties": properties});
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}});
    let crd = json!({
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
        },
    });
    install(&stage.client, &serde_json::from_value(crd).unwrap()).await;
    Kind::dynamic(format!("{group}/v1"), "Widget", "widgets", Scope::Namespaced)
}

fn widget(kind: &Kind) -> Value {
    json!({"apiVersion": kind.api_version(), "kind": "Widget", "metadata": {"name": "widget"}, "spec": {
        "on": false, "count": 0, "text": "", "map": {"a": "", "b": "x"}, "atoms": ["x", "y"], "set": ["x", "y"],
        "whole": [{"name": "x"}, {"name": "y", "on": false}], "keyed": [{"name": "x"}, {"name": "y", "on": false}],
        "port": "http", "nothing": null, "free": {"on": false, "list": [], "map": {}, "number": 1.0, "deep": [{"x": ""}]},
    }})
}

async fn a_zero_value_removed_from_a_custom_child_is_repaired(stage: Stage) {
    let kind = define_widget(&stage).await;
    let desired = {
        let kind = kind.clone();
        move |_: &str| vec![widget(&kind)]
    };
    let handle = stage
        .start_desired(&[(kind.clone(), ChildConfig::apply())], desired)
        .await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    let gvk = GroupVersionKind::gvk(kind.group(), kind.version(), kind.kind());
    let resource = ApiResource::from_gvk_with_plural(&gvk, kind.plural());
    let api: Api<DynamicObject> = Api::namespaced_with(stage.client.clone(), &stage.namespace, &resource);
    // Nothing is left out of a kind with a schema of its own: each of these is a removal.
    for (count, field) in ["on", "count", "text"].into_iter().enumerate() {
        stage.rest().await;
        api.patch(
            "a-widget",
            &PatchParams::default(),
            &Patch::Merge(json!({"spec": {field: null}})),
        )
        .await
        .unwrap();
        eventually(&format!("{field} is back"), async || {
            api.get("a-widget").await.ok()?.data["spec"].get(field).map(|_| ())
        })
        .await;
        stage.rest().await;
        assert_eq!(stage.asked("widgets").len(), count + 2, "{:?}", stage.asked("widgets"));
    }
    handle.shutdown().await.unwrap();
}

async fn an_unknown_field_in_the_update_of_a_custom_child_is_reported_and_nothing_changed(stage: Stage) {
    let kind = define_widget(&stage).await;
    let desired = {
        let kind = kind.clone();
        move |message: &str| {
            let mut widget = widget(&kind);
            if message == "spoiled" {
                widget["spec"]["text"] = "changed".into();
                widget["spec"]["nonsense"] = 1.into();
            }
            vec![widget]
        }
    };
    let handle = stage
        .start_desired(&[(kind.clone(), ChildConfig::apply())], desired)
        .await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.say("a", "spoiled").await;
    let message = stage.wait_condition("a", "Ready", "False", "ChildRefused").await;
    assert!(message.contains("nonsense"), "{message}");
    let api = stage.api_of(&kind);
    assert_eq!(api.get("a-widget").await.unwrap().data["spec"]["text"], "");
    stage.say("a", "mended").await;
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
}

async fn stripped_managed_fields_cost_one_write_and_no_field(stage: Stage) {
    let handle = with_a_config_map(&stage).await;
    let strip: Patch<()> = Patch::Json(
        serde_json::from_value(json!([{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}])).unwrap(),
    );
    stage
        .api::<ConfigMap>()
        .patch("a-config", &PatchParams::default(), &strip)
        .await
        .unwrap();
    let is_ours = |found: &ConfigMap| {
        found
            .managed_fields()
            .iter()
            .any(|entry| entry.manager.as_deref() == Some("site"))
    };
    stage.wait_for("a-config", "the fields are ours again", is_ours).await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "APPLY 200"]);
    stage
        .edit::<ConfigMap>("a-config", json!({"data": {"message": "hacked"}}))
        .await;
    stage.wait_message("a-config", "one").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "APPLY 200", "APPLY 200"]);
    handle.shutdown().await.unwrap();
}

async fn a_list_item_removed_by_someone_else_is_repaired_with_one_write(stage: Stage) {
    let handle = stage.start_desired(SERVICES, ports).await;
    stage.site("a", "http metrics").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    stage
        .edit::<Service>("a-svc", json!({"spec": {"ports": [{"name": "http", "port": 80}]}}))
        .await;
    stage
        .wait_for("a-svc", "both ports are back", |found| {
            port_names(found) == ["http", "metrics"]
        })
        .await;
    stage.rest().await;
    assert_eq!(stage.asked("services"), ["POST 201", "APPLY 200"]);
    handle.shutdown().await.unwrap();
}

async fn a_deployment_scaled_by_someone_else_is_scaled_back_with_one_write(stage: Stage) {
    let handle = stage.start_desired(DEPLOYMENTS, variables).await;
    stage.site("a", "A").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let scale = json!({"spec": {"replicas": 7}});
    stage
        .api::<Deployment>()
        .patch_scale("a-app", &PatchParams::default(), &Patch::Merge(&scale))
        .await
        .unwrap();
    let replicas = |found: &Deployment| found.spec.as_ref().and_then(|spec| spec.replicas);
    stage
        .wait_for("a-app", "it is scaled back", |found| replicas(found) == Some(2))
        .await;
    stage.rest().await;
    assert_eq!(stage.asked("deployments"), ["POST 201", "APPLY 200"]);
    let scale: Scale = serde_json::from_value(
        serde_json::to_value(stage.api::<Deployment>().get_scale("a-app").await.unwrap()).unwrap(),
    )
    .unwrap();
    assert_eq!(scale.spec.and_then(|spec| spec.replicas), Some(2));
    handle.shutdown().await.unwrap();
}

async fn a_child_that_someone_else_applied_over_is_repaired_with_one_write(stage: Stage) {
    let handle = with_a_config_map(&stage).await;
    let theirs = config_map("a-config", json!({"message": "theirs", "other": "theirs"}));
    let params = PatchParams::apply("somebody").force();
    stage
        .api::<ConfigMap>()
        .patch("a-config", &params, &Patch::Apply(&theirs))
        .await
        .unwrap();
    let repaired = stage.wait_message("a-config", "one").await;
    assert_eq!(keys(&repaired), ["message", "other"], "what we do not state is theirs");
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "APPLY 200"]);
    handle.shutdown().await.unwrap();
}

async fn a_child_replaced_by_someone_else_is_repaired_with_one_write(stage: Stage) {
    let handle = with_a_config_map(&stage).await;
    let api = stage.api::<ConfigMap>();
    let mut found = api.get("a-config").await.unwrap();
    found.data = Some([("other".to_owned(), "theirs".to_owned())].into());
    found.metadata.managed_fields = None;
    let params = PostParams {
        field_manager: Some("somebody".to_owned()),
        ..PostParams::default()
    };
    api.replace("a-config", &params, &found).await.unwrap();
    let repaired = stage.wait_message("a-config", "one").await;
    assert_eq!(keys(&repaired), ["message", "other"]);
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "APPLY 200"]);
    handle.shutdown().await.unwrap();
}

async fn a_child_deleted_by_someone_else_is_created_again(stage: Stage) {
    let handle = with_a_config_map(&stage).await;
    let before = uid(&stage.wait_message("a-config", "one").await);
    stage.delete::<ConfigMap>("a-config").await;
    stage
        .wait_for::<ConfigMap>("a-config", "it is there again", |found| uid(found) != before)
        .await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "POST 201"]);
    handle.shutdown().await.unwrap();
}

async fn a_child_that_is_being_deleted_is_waited_for(stage: Stage) {
    let handle = with_a_config_map(&stage).await;
    stage
        .edit::<ConfigMap>(
            "a-config",
            json!({"metadata": {"finalizers": ["tests.example.com/hold"]}}),
        )
        .await;
    stage.rest().await;
    let before = uid(&stage.wait_message("a-config", "one").await);
    stage.delete::<ConfigMap>("a-config").await;
    // An apply to it would be answered with 200 and be lost.
    stage.say("a", "two").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201"]);
    stage
        .edit::<ConfigMap>("a-config", json!({"metadata": {"finalizers": null}}))
        .await;
    let after = stage.wait_message("a-config", "two").await;
    assert_ne!(uid(&after), before);
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "POST 201"]);
    handle.shutdown().await.unwrap();
}

async fn a_stripped_label_is_healed_with_one_post_two_gets_and_one_apply(stage: Stage) {
    let handle = with_a_config_map(&stage).await;
    let before = uid(&stage.wait_message("a-config", "one").await);
    stage
        .edit::<ConfigMap>("a-config", json!({"metadata": {"labels": {OPERATOR_LABEL: null}}}))
        .await;
    let is_labelled = |found: &ConfigMap| found.labels().get(OPERATOR_LABEL).is_some_and(|value| value == "site");
    let healed = stage.wait_for("a-config", "it is labelled", is_labelled).await;
    assert_eq!(uid(&healed), before);
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(
        stage.asked("configmaps"),
        ["POST 201", "POST 409", "GET 200", "APPLY 200"]
    );
    // To the watch it looks as if it had gone: its parent is read before anything is made anew.
    assert_eq!(reads_of_the_parent(&stage), 1);
    // It is watched again.
    stage.say("a", "two").await;
    stage.wait_message("a-config", "two").await;
    handle.shutdown().await.unwrap();
}

fn reads_of_the_parent(stage: &Stage) -> usize {
    let others = stage.wire.others();
    others
        .iter()
        .filter(|sent| sent.method == http::Method::GET && sent.path.ends_with("/sites/a"))
        .count()
}

async fn a_stripped_applied_annotation_is_written_again_once(stage: Stage) {
    annotation_is_healed(&stage, Value::Null).await;
}

async fn a_garbled_applied_annotation_is_written_again_once(stage: Stage) {
    annotation_is_healed(&stage, json!("v1:not-a-hash\n{")).await;
}

async fn annotation_is_healed(stage: &Stage, damage: Value) {
    let handle = with_a_config_map(stage).await;
    let before = stage.wait_message("a-config", "one").await;
    stage
        .edit::<ConfigMap>(
            "a-config",
            json!({"metadata": {"annotations": {APPLIED_ANNOTATION: damage}}}),
        )
        .await;
    let is_healed = |found: &ConfigMap| found.annotations() == before.annotations();
    stage
        .wait_for("a-config", "the annotation is as it was", is_healed)
        .await;
    stage.rest().await;
    // What was applied last is unknown, so that fields may have to go: the entry of the POST is converted.
    assert_eq!(stage.asked("configmaps"), ["POST 201", "JSON PATCH 200", "APPLY 200"]);
    handle.shutdown().await.unwrap();
    restart_in_vain(stage, CONFIG_MAPS, message).await;
}

async fn a_change_made_while_the_applied_annotation_is_gone_is_not_lost(stage: Stage) {
    let desired = |said: &str| vec![config_map("config", json!({"message": said, said: "x"}))];
    let handle = stage.start_desired(CONFIG_MAPS, desired).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
    stage
        .edit::<ConfigMap>(
            "a-config",
            json!({"metadata": {"annotations": {APPLIED_ANNOTATION: null}}}),
        )
        .await;
    stage.say("a", "two").await;
    let handle = stage.start_desired(CONFIG_MAPS, desired).await;
    let found = stage.wait_message("a-config", "two").await;
    assert_eq!(
        keys(&found),
        ["message", "two"],
        "the key that is no longer desired is gone"
    );
    stage.wait_settled("a").await;
    sync_in_vain(&stage, "a").await;
    handle.shutdown().await.unwrap();
}

// What others add.

/// What others add to a ConfigMap without touching anything of ours.
fn additions() -> Value {
    json!({
        "metadata": {
            "labels": {"theirs": "label"},
            "annotations": {"theirs": "annotation"},
            "finalizers": ["tests.example.com/theirs"],
        },
        "data": {"theirs": "value"},
        "binaryData": {"bytes": "AAEC"},
    })
}

fn has_additions(found: &ConfigMap) -> bool {
    found.labels().contains_key("theirs")
        && found.annotations().contains_key("theirs")
        && found.finalizers() == ["tests.example.com/theirs"]
        && keys(found).contains(&"theirs")
        && found.binary_data.is_some()
}

async fn what_others_add_is_left_alone_without_a_write(stage: Stage) {
    let handle = with_a_config_map(&stage).await;
    stage.edit::<ConfigMap>("a-config", additions()).await;
    stage.rest().await;
    sync_in_vain(&stage, "a").await;
    let found = stage.wait_message("a-config", "one").await;
    assert!(has_additions(&found), "{found:#?}");
    handle.shutdown().await.unwrap();
    restart_in_vain(&stage, CONFIG_MAPS, message).await;
    stage
        .edit::<ConfigMap>("a-config", json!({"metadata": {"finalizers": null}}))
        .await;
}

async fn what_others_add_survives_our_updates(stage: Stage) {
    let desired = |said: &str| {
        let data: serde_json::Map<String, Value> = said.split(' ').map(|key| (key.to_owned(), "x".into())).collect();
        vec![config_map("config", Value::Object(data))]
    };
    let handle = stage.start_desired(CONFIG_MAPS, desired).await;
    stage.site("a", "a b c").await;
    stage.wait_settled("a").await;
    stage.edit::<ConfigMap>("a-config", additions()).await;
    // One key less, another one less, one that is new: by conversion, by apply, by apply.
    for said in ["a b", "a", "a d"] {
        stage.say("a", said).await;
        stage.wait_settled("a").await;
        let found = stage.api::<ConfigMap>().get("a-config").await.unwrap();
        let ours: Vec<&str> = keys(&found).into_iter().filter(|key| *key != "theirs").collect();
        assert_eq!(ours, said.split(' ').collect::<Vec<_>>());
        assert!(has_additions(&found), "after {said:?}: {found:#?}");
    }
    stage
        .edit::<ConfigMap>("a-config", json!({"metadata": {"finalizers": null}}))
        .await;
    handle.shutdown().await.unwrap();
}

// What is no longer desired.

async fn a_key_no_longer_desired_disappears_at_first_after_a_conversion_and_then_by_apply_alone(stage: Stage) {
    let desired = |said: &str| {
        let data: serde_json::Map<String, Value> = said.split(' ').map(|key| (key.to_owned(), "x".into())).collect();
        vec![config_map("config", Value::Object(data))]
    };
    let handle = stage.start_desired(CONFIG_MAPS, desired).await;
    stage.site("a", "a b c").await;
    stage.wait_settled("a").await;
    stage.say("a", "a b").await;
    stage
        .wait_for("a-config", "c is gone", |found| keys(found) == ["a", "b"])
        .await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "JSON PATCH 200", "APPLY 200"]);
    let found = stage.api::<ConfigMap>().get("a-config").await.unwrap();
    let managers: Vec<_> = found
        .managed_fields()
        .iter()
        .map(|entry| (entry.manager.as_deref(), entry.operation.as_deref()))
        .collect();
    assert_eq!(managers, [(Some("site"), Some("Apply"))]);
    stage.say("a", "a").await;
    stage
        .wait_for("a-config", "b is gone", |found| keys(found) == ["a"])
        .await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps")[3..], ["APPLY 200"]);
    handle.shutdown().await.unwrap();
    restart_in_vain(&stage, CONFIG_MAPS, desired).await;
}

async fn a_list_item_no_longer_desired_disappears(stage: Stage) {
    let handle = stage.start_desired(SERVICES, ports).await;
    stage.site("a", "http metrics admin").await;
    stage.wait_settled("a").await;
    let before = stage.api::<Service>().get("a-svc").await.unwrap();
    for said in ["http metrics", "http"] {
        stage.say("a", said).await;
        let is_it = |found: &Service| port_names(found) == said.split(' ').collect::<Vec<_>>();
        stage.wait_for("a-svc", said, is_it).await;
        stage.wait_settled("a").await;
    }
    stage.rest().await;
    assert_eq!(
        stage.asked("services"),
        ["POST 201", "JSON PATCH 200", "APPLY 200", "APPLY 200"]
    );
    let after = stage.api::<Service>().get("a-svc").await.unwrap();
    let address = |service: &Service| service.spec.as_ref().and_then(|spec| spec.cluster_ip.clone());
    assert_eq!(address(&after), address(&before), "what the server filled in stays");
    handle.shutdown().await.unwrap();
    restart_in_vain(&stage, SERVICES, ports).await;
}

async fn an_environment_variable_no_longer_desired_disappears(stage: Stage) {
    let handle = stage.start_desired(DEPLOYMENTS, variables).await;
    stage.site("a", "A B C").await;
    stage.wait_settled("a").await;
    for said in ["A C", "C"] {
        stage.say("a", said).await;
        let is_it = |found: &Deployment| variable_names(found) == said.split(' ').collect::<Vec<_>>();
        stage.wait_for("a-app", said, is_it).await;
        stage.wait_settled("a").await;
    }
    stage.rest().await;
    assert_eq!(
        stage.asked("deployments"),
        ["POST 201", "JSON PATCH 200", "APPLY 200", "APPLY 200"]
    );
    sync_in_vain(&stage, "a").await;
    handle.shutdown().await.unwrap();
    restart_in_vain(&stage, DEPLOYMENTS, variables).await;
}

async fn a_label_and_an_annotation_no_longer_desired_disappear(stage: Stage) {
    let desired = |said: &str| {
        let marks = if said == "one" { json!({"mark": "x"}) } else { json!({}) };
        let metadata = json!({"name": "config", "labels": marks, "annotations": marks});
        vec![json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"message": "same"}})]
    };
    let handle = stage.start_desired(CONFIG_MAPS, desired).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.say("a", "two").await;
    let is_unmarked =
        |found: &ConfigMap| !found.labels().contains_key("mark") && !found.annotations().contains_key("mark");
    let found = stage
        .wait_for("a-config", "label and annotation are gone", is_unmarked)
        .await;
    assert!(found.labels().contains_key(OPERATOR_LABEL) && found.annotations().contains_key(APPLIED_ANNOTATION));
    assert_eq!(found.owner_references().len(), 1);
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "JSON PATCH 200", "APPLY 200"]);
    handle.shutdown().await.unwrap();
}

async fn a_whole_map_no_longer_desired_disappears(stage: Stage) {
    let desired = |said: &str| {
        let metadata = json!({"name": "config"});
        let mut child = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        // Present, left out, and there but empty.
        match said {
            "full" => child["data"] = json!({"a": "x", "b": "y"}),
            "empty" => child["data"] = json!({}),
            _ => {}
        }
        vec![child]
    };
    let handle = stage.start_desired(CONFIG_MAPS, desired).await;
    stage.site("a", "full").await;
    for (said, expected) in [("absent", 0), ("full", 2), ("empty", 0), ("full", 2)] {
        stage.wait_settled("a").await;
        stage.say("a", said).await;
        stage
            .wait_for("a-config", said, |found: &ConfigMap| keys(found).len() == expected)
            .await;
    }
    stage.wait_settled("a").await;
    sync_in_vain(&stage, "a").await;
    handle.shutdown().await.unwrap();
}

async fn a_key_of_string_data_no_longer_desired_disappears(stage: Stage) {
    let desired = |said: &str| {
        let data: serde_json::Map<String, Value> = said.split(' ').map(|key| (key.to_owned(), "hush".into())).collect();
        vec![json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": data})]
    };
    let handle = stage.start_desired(SECRETS, desired).await;
    stage.site("a", "a b c").await;
    stage.wait_settled("a").await;
    for said in ["a b", "b"] {
        stage.say("a", said).await;
        let keys = |found: &Secret| found.data.iter().flat_map(BTreeMap::keys).cloned().collect::<Vec<_>>();
        let found = stage
            .wait_for("a-keys", said, |found| {
                keys(found) == said.split(' ').collect::<Vec<_>>()
            })
            .await;
        assert!(
            found
                .data
                .iter()
                .flat_map(BTreeMap::values)
                .all(|value| value.0 == b"hush")
        );
        stage.wait_settled("a").await;
    }
    stage.rest().await;
    assert_eq!(
        stage.asked("secrets"),
        ["POST 201", "JSON PATCH 200", "APPLY 200", "APPLY 200"]
    );
    handle.shutdown().await.unwrap();
}

// Deletion.

async fn children_no_longer_returned_are_deleted_with_their_uid(stage: Stage) {
    let desired = |said: &str| said.split(' ').map(|name| config_map(name, json!({}))).collect();
    let handle = stage.start_desired(CONFIG_MAPS, desired).await;
    stage.site("a", "x y z").await;
    stage.wait_settled("a").await;
    let api = stage.api::<ConfigMap>();
    let mut uids = vec![uid(&api.get("a-x").await.unwrap()), uid(&api.get("a-z").await.unwrap())];
    stage.wire.clear();
    stage.say("a", "y").await;
    stage.wait_gone::<ConfigMap>("a-x").await;
    stage.wait_gone::<ConfigMap>("a-z").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["DELETE 200", "DELETE 200"]);
    let deletions = stage
        .wire
        .writes()
        .into_iter()
        .filter(|sent| sent.method == http::Method::DELETE);
    let mut deleted: Vec<String> = deletions
        .map(|sent| {
            assert_eq!(sent.body["propagationPolicy"], "Background");
            sent.body["preconditions"]["uid"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    uids.sort();
    deleted.sort();
    assert_eq!(deleted, uids);
    assert!(api.get_opt("a-y").await.unwrap().is_some());
    handle.shutdown().await.unwrap();
}

async fn a_held_child_no_longer_returned_is_deleted_once(stage: Stage) {
    let handle = stage
        .start_desired(CONFIG_MAPS, |said| if said == "none" { vec![] } else { message(said) })
        .await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage
        .edit::<ConfigMap>(
            "a-config",
            json!({"metadata": {"finalizers": ["tests.example.com/hold"]}}),
        )
        .await;
    stage.rest().await;
    let before = uid(&stage.wait_message("a-config", "one").await);
    stage.say("a", "none").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "DELETE 200"]);
    // It is wanted again before it is gone: it goes all the same, and comes back as another.
    stage.say("a", "two").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "DELETE 200"]);
    stage
        .edit::<ConfigMap>("a-config", json!({"metadata": {"finalizers": null}}))
        .await;
    assert_ne!(uid(&stage.wait_message("a-config", "two").await), before);
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "DELETE 200", "POST 201"]);
    handle.shutdown().await.unwrap();
}

async fn a_child_of_another_kind_under_the_same_name_shields_none(stage: Stage) {
    let desired = |said: &str| {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "same"}});
        if said == "both" {
            vec![config_map("same", json!({})), secret]
        } else {
            vec![secret]
        }
    };
    let handle = stage.start_desired(&[CONFIG_MAPS, SECRETS].concat(), desired).await;
    stage.site("a", "both").await;
    stage.wait_settled("a").await;
    stage.say("a", "one").await;
    stage.wait_gone::<ConfigMap>("a-same").await;
    assert!(stage.api::<Secret>().get_opt("a-same").await.unwrap().is_some());
    handle.shutdown().await.unwrap();
}

async fn objects_that_are_not_the_parents_are_never_deleted(stage: Stage) {
    let handle = stage
        .start_desired(CONFIG_MAPS, |said| if said == "none" { vec![] } else { message(said) })
        .await;
    let parent = stage.site("a", "one").await;
    stage.wait_settled("a").await;
    let owner = |controller: Option<bool>| json!([{"apiVersion": "tests.example.com/v1", "kind": "Site", "name": "a", "uid": uid(&parent), "controller": controller}]);
    let label = json!({OPERATOR_LABEL: "site"});
    let objects = [
        // Labels never prove ownership, and neither does a reference that is not the controller's.
        json!({"name": "a-labelled", "labels": label}),
        json!({"name": "a-mentioned", "labels": label, "ownerReferences": owner(None)}),
        json!({"name": "a-not-controlled", "labels": label, "ownerReferences": owner(Some(false))}),
        // Controlled by the parent, but of another operator's making.
        json!({"name": "a-of-another-operator", "labels": {OPERATOR_LABEL: "other"}, "ownerReferences": owner(Some(true))}),
        json!({"name": "a-unlabelled", "ownerReferences": owner(Some(true))}),
    ];
    for metadata in &objects {
        stage
            .create::<ConfigMap>(serde_json::from_value(json!({"metadata": metadata})).unwrap())
            .await;
    }
    stage.say("a", "none").await;
    stage.wait_gone::<ConfigMap>("a-config").await;
    stage.rest().await;
    for metadata in &objects {
        let name = metadata["name"].as_str().unwrap();
        let found = stage.api::<ConfigMap>().get_opt(name).await.unwrap();
        assert!(
            found.is_some_and(|found| found.metadata.deletion_timestamp.is_none()),
            "{name} is gone"
        );
    }
    assert_eq!(stage.asked("configmaps"), ["POST 201", "DELETE 200"]);
    handle.shutdown().await.unwrap();
}

async fn two_parents_leave_each_others_children_alone(stage: Stage) {
    let desired = |said: &str| if said == "none" { vec![] } else { message(said) };
    let handle = stage.start_desired(CONFIG_MAPS, desired).await;
    stage.site("a", "one").await;
    stage.site("b", "one").await;
    stage.wait_settled("a").await;
    let before = stage.wait_message("b-config", "one").await;
    stage.wait_settled("b").await;
    stage.say("a", "two").await;
    stage.wait_message("a-config", "two").await;
    stage
        .edit::<ConfigMap>("a-config", json!({"data": {"message": "hacked"}}))
        .await;
    stage.wait_message("a-config", "two").await;
    stage.say("a", "none").await;
    stage.wait_gone::<ConfigMap>("a-config").await;
    stage.rest().await;
    let after = stage.wait_message("b-config", "one").await;
    assert_eq!((uid(&after), version(&after)), (uid(&before), version(&before)));
    handle.shutdown().await.unwrap();
}

// What the server makes of children: none of it is drift.

async fn a_service_with_server_filled_fields_settles(stage: Stage) {
    settle(&stage, SERVICES, |_| {
        let spec = json!({"selector": {"app": "main"}, "ports": [{"port": 80, "targetPort": "http"}, {"name": "b", "port": 81, "protocol": "UDP"}]});
        let with_names = json!({"type": "NodePort", "ports": [{"name": "a", "port": 80}], "sessionAffinity": "ClientIP"});
        ["plain", "node"]
            .into_iter()
            .zip([spec, with_names])
            .map(|(name, mut spec)| {
                // The server insists on names where there is more than one port.
                if let Some(port) = spec["ports"].get_mut(0) {
                    port["name"] = "first".into();
                }
                json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
            })
            .collect()
    })
    .await;
}

async fn a_deployment_with_unnormalised_quantities_settles(stage: Stage) {
    settle(&stage, DEPLOYMENTS, |_| {
        let resources = json!({
            "requests": {"cpu": "1000m", "memory": "1024Mi", "ephemeral-storage": "0.5Gi"},
            "limits": {"cpu": 2, "memory": "2147483648"},
        });
        let probe = json!({"httpGet": {"port": "http"}, "timeoutSeconds": 1});
        vec![deployment(json!({
            "name": "main", "image": "example.com/main:1", "resources": resources, "livenessProbe": probe,
            "ports": [{"name": "http", "containerPort": 80}, {"name": "dns", "containerPort": 80, "protocol": "UDP"}],
        }))]
    })
    .await;
}

async fn empty_lists_and_maps_settle(stage: Stage) {
    settle(&stage, &[CONFIG_MAPS, SERVICES, DEPLOYMENTS].concat(), |_| {
        let container = json!({"name": "main", "image": "example.com/main:1", "args": [], "env": [], "ports": [], "resources": {},
            "volumeMounts": [], "securityContext": {}});
        let mut app = deployment(container);
        app["spec"]["template"]["spec"]["volumes"] = json!([{"name": "scratch", "emptyDir": {}}]);
        app["spec"]["template"]["spec"]["nodeSelector"] = json!({});
        app["spec"]["template"]["metadata"]["annotations"] = json!({});
        app["spec"]["strategy"] = json!({});
        vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config", "labels": {}, "annotations": {}}, "data": {}, "binaryData": {}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc", "finalizers": []},
                "spec": {"ports": [{"port": 80}], "externalIPs": [], "selector": {}, "loadBalancerSourceRanges": []}}),
            app,
        ]
    })
    .await;
}

/// Children of every type with empty lists and maps, as constructors in Rust leave them.
fn typed_empties(request: &SyncRequest<SiteOperator>) -> Result<SyncResponse<SiteOperator>> {
    let labels = Some(BTreeMap::from([("app".to_owned(), "main".to_owned())]));
    let container = Container {
        name: "main".to_owned(),
        image: Some("example.com/main:1".to_owned()),
        args: Some(vec![]),
        env: Some(vec![EnvVar {
            name: "A".to_owned(),
            value: Some(String::new()),
            ..Default::default()
        }]),
        volume_mounts: Some(vec![]),
        resources: Some(Default::default()),
        ..Default::default()
    };
    let mut template = PodTemplateSpec::default();
    template.metadata.get_or_insert_default().labels = labels.clone();
    template.spec = Some(PodSpec {
        containers: vec![container],
        volumes: Some(vec![]),
        ..Default::default()
    });
    let selector = LabelSelector {
        match_labels: labels,
        ..Default::default()
    };
    let mut app = Deployment {
        metadata: request.child_meta("app"),
        ..Default::default()
    };
    let spec = app.spec.get_or_insert_default();
    (spec.selector, spec.template) = (selector, template);
    let ports = vec![ServicePort {
        port: 80,
        ..Default::default()
    }];
    let spec = ServiceSpec {
        ports: Some(ports),
        external_ips: Some(vec![]),
        selector: Some(BTreeMap::new()),
        ..Default::default()
    };
    let service = Service {
        metadata: request.child_meta("svc"),
        spec: Some(spec),
        ..Default::default()
    };
    let config = ConfigMap {
        metadata: request.child_meta("config"),
        data: Some(BTreeMap::new()),
        ..Default::default()
    };
    let secret = Secret {
        metadata: request.child_meta("keys"),
        string_data: Some([("a".to_owned(), "b".to_owned())].into()),
        ..Default::default()
    };
    Ok(SyncResponse::from_status(SiteStatus::default())
        .child(app)
        .child(service)
        .child(config)
        .child(secret))
}

async fn empty_lists_of_typed_children_settle(stage: Stage) {
    let start = async || {
        stage
            .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), typed_empties)
            .await
    };
    let handle = start().await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    let sent: Vec<String> = stage
        .rest()
        .await
        .iter()
        .filter(|sent| sent.is_write())
        .map(ToString::to_string)
        .collect();
    assert_eq!(sent, ["POST 201", "POST 201", "POST 201", "POST 201", "STATUS 200"]);
    sync_in_vain(&stage, "a").await;
    handle.shutdown().await.unwrap();
    stage.wire.clear();
    let handle = start().await;
    stage.rest().await;
    assert!(stage.wire.writes().is_empty(), "{:#?}", stage.wire.writes());
    handle.shutdown().await.unwrap();
}

async fn zero_values_settle(stage: Stage) {
    // The server leaves most of these out, since they are what is taken for a field that is not there.
    settle(&stage, &[SECRETS, SERVICES, DEPLOYMENTS].concat(), |_| {
        let variable = json!({"name": "A", "value": ""});
        let mount = json!({"name": "scratch", "mountPath": "/scratch", "readOnly": false, "subPath": ""});
        let mut app = deployment(json!({"name": "main", "image": "example.com/main:1", "stdin": false, "env": [variable],
            "volumeMounts": [mount], "workingDir": ""}));
        app["spec"]["replicas"] = json!(0);
        app["spec"]["minReadySeconds"] = json!(0);
        app["spec"]["paused"] = json!(false);
        app["spec"]["template"]["spec"]["hostNetwork"] = json!(false);
        app["spec"]["template"]["spec"]["nodeName"] = json!("");
        app["spec"]["template"]["spec"]["volumes"] = json!([{"name": "scratch", "emptyDir": {"medium": ""}}]);
        vec![
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": {"empty": ""}, "immutable": false}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc"},
                "spec": {"ports": [{"name": "", "port": 80}], "publishNotReadyAddresses": false, "externalName": ""}}),
            app,
        ]
    })
    .await;
}

async fn null_fields_settle(stage: Stage) {
    settle(&stage, &[CONFIG_MAPS, SERVICES, DEPLOYMENTS].concat(), |_| {
        let mut app = deployment(json!({"name": "main", "image": "example.com/main:1", "args": null, "resources": {"limits": null}}));
        app["spec"]["strategy"] = Value::Null;
        app["status"] = Value::Null;
        vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config", "creationTimestamp": null, "labels": null}, "data": null}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc"}, "status": {"loadBalancer": {}},
                "spec": {"ports": [{"port": 80, "targetPort": null, "appProtocol": null}], "selector": null, "clusterIP": null}}),
            app,
        ]
    })
    .await;
}

async fn a_secret_with_string_data_settles(stage: Stage) {
    settle(&stage, SECRETS, |_| {
        let metadata = json!({"name": "keys"});
        vec![json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": {"a": "YQ=="}, "stringData": {"b": "ä"}})]
    })
    .await;
    let found = stage.api::<Secret>().get("a-keys").await.unwrap();
    assert_eq!(
        found.data.unwrap().get("b").map(|value| value.0.clone()),
        Some("ä".as_bytes().to_vec())
    );
}

async fn common_kinds_settle(stage: Stage) {
    use k8s_types::{apps, autoscaling, batch, core, networking, policy};
    let kinds = [
        apps::v1::DaemonSet,
        batch::v1::CronJob,
        batch::v1::Job,
        networking::v1::Ingress,
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
        autoscaling::v2::HorizontalPodAutoscaler,
        core::v1::ServiceAccount,
        core::v1::PersistentVolumeClaim,
        core::v1::Pod,
    ];
    settle(&stage, &kinds.map(|kind| (kind, ChildConfig::apply())), |_| {
        common_children()
    })
    .await;
}

async fn a_custom_child_settles(stage: Stage) {
    let kind = define_widget(&stage).await;
    let kinds = [(kind.clone(), ChildConfig::apply())];
    settle(&stage, &kinds, move |_| vec![widget(&kind)]).await;
}

/// One child of each kind that operators make most, written as people write them.
fn common_children() -> Vec<Value> {
    let labels = json!({"app": "main"});
    let pod =
        json!({"containers": [{"name": "main", "image": "example.com/main", "resources": {"requests": {"cpu": 0.5}}}]});
    let once = json!({"restartPolicy": "Never", "containers": pod["containers"]});
    let template = json!({"metadata": {"labels": labels}, "spec": pod});
    let selector = json!({"matchLabels": labels});
    let claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}});
    let backend = json!({"service": {"name": "svc", "port": {"number": 80}}});
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"});
    let child = |api_version: &str, kind: &str, spec: Value| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": kind.to_lowercase()}, "spec": spec});
    vec![
        child(
            "apps/v1",
            "DaemonSet",
            json!({"selector": selector, "template": template}),
        ),
        child(
            "batch/v1",
            "CronJob",
            json!({"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": {"spec": once}}}}),
        ),
        child("batch/v1", "Job", json!({"template": {"spec": once}})),
        child(
            "networking.k8s.io/v1",
            "Ingress",
            json!({"rules": [{"host": "example.com",
            "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]}),
        ),
        child(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}),
        ),
        child(
            "policy/v1",
            "PodDisruptionBudget",
            json!({"minAvailable": "50%", "selector": selector}),
        ),
        child(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({"maxReplicas": 3, "scaleTargetRef": target,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]}),
        ),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "account"}, "imagePullSecrets": [{"name": "pull"}]}),
        child("v1", "PersistentVolumeClaim", claim),
        child("v1", "Pod", pod),
    ]
}

async fn atomic_lists_that_the_server_completes_settle(stage: Stage) {
    let kinds = [
        k8s_types::apps::v1::StatefulSet,
        k8s_types::networking::v1::NetworkPolicy,
    ]
    .map(|kind| (kind, ChildConfig::apply()));
    settle(&stage, &kinds, |_| {
        let labels = json!({"app": "main"});
        let pod = json!({"containers": [{"name": "main", "image": "example.com/main:1"}]});
        // Defaults and normalised quantities in the items of a list that `managedFields` knows only as a whole.
        let claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}});
        let set = json!({
            "serviceName": "svc", "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        });
        let policy = json!({"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]});
        vec![
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "set"}, "spec": set}),
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "policy"}, "spec": policy}),
        ]
    })
    .await;
}

async fn fields_that_another_manager_adds_right_after_creation_settle(stage: Stage) {
    // The answer comes only after the other manager's write, so that the operator has to learn of both at once.
    stage
        .wire
        .fault_times(1, Fault::DelayAnswer(std::time::Duration::from_millis(500)), |sent| {
            sent.method == http::Method::POST && sent.path.ends_with("/services")
        });
    let handle = stage.start_desired(SERVICES, ports).await;
    stage.site("a", "http").await;
    stage.wait_for::<Service>("a-svc", "it is there", |_| true).await;
    let metadata = json!({"name": "a-svc", "labels": {"injected": "yes"}, "annotations": {"injected": "yes"}});
    let theirs = json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata,
        "spec": {"externalIPs": ["192.0.2.1"], "ports": [{"name": "sidecar", "port": 9000, "protocol": "TCP"}]}});
    stage
        .api::<Service>()
        .patch("a-svc", &PatchParams::apply("injector"), &Patch::Apply(&theirs))
        .await
        .unwrap();
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("services"), ["POST 201"]);
    // Ours goes, theirs stays.
    stage.say("a", "web").await;
    stage
        .wait_for("a-svc", "both ports", |found| {
            port_names(found) == ["web", "sidecar"] || port_names(found) == ["sidecar", "web"]
        })
        .await;
    stage.wait_settled("a").await;
    sync_in_vain(&stage, "a").await;
    handle.shutdown().await.unwrap();
    restart_in_vain(&stage, SERVICES, ports).await;
}

/// Admission makes of each of the stage's ConfigMaps what the expression says.
async fn admit(stage: &Stage, expression: &str) {
    let probe: ConfigMap =
        serde_json::from_value(json!({"metadata": {"name": "probe"}, "data": {"message": "probe"}})).unwrap();
    let mutation = json!({"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}});
    let is_admitted = |made: &ConfigMap| made.annotations().contains_key("admitted");
    let operations = ["CREATE", "UPDATE"];
    stage
        .admit("configmaps", &operations, mutation, &probe, is_admitted)
        .await;
}

async fn fields_that_admission_adds_settle(stage: Stage) {
    let expression = "Object{metadata: Object.metadata{labels: {'admitted': 'yes'}, annotations: {'admitted': 'yes'}}, data: {'admitted': 'yes'}}";
    admit(&stage, expression).await;
    settle(&stage, CONFIG_MAPS, message).await;
    let handle = stage.start_desired(CONFIG_MAPS, message).await;
    stage.say("a", "two").await;
    let found = stage.wait_message("a-config", "two").await;
    assert_eq!(keys(&found), ["admitted", "message"]);
    stage.wait_settled("a").await;
    sync_in_vain(&stage, "a").await;
    handle.shutdown().await.unwrap();
    restart_in_vain(&stage, CONFIG_MAPS, message).await;
}

async fn a_value_that_admission_overwrites_settles(stage: Stage) {
    // Nobody wins against this policy; the operator must not try for ever.
    admit(
        &stage,
        "Object{metadata: Object.metadata{annotations: {'admitted': 'yes'}}, data: {'message': 'overwritten'}}",
    )
    .await;
    let handle = stage.start_desired(CONFIG_MAPS, message).await;
    stage.site("a", "one").await;
    stage.wait_message("a-config", "overwritten").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201"]);
    sync_in_vain(&stage, "a").await;
    stage.say("a", "two").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["APPLY 200"]);
    sync_in_vain(&stage, "a").await;
    handle.shutdown().await.unwrap();
}
