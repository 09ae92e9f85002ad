//! How children are updated: replaced, recreated, left, and what happens when the server refuses.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use http::StatusCode;
use k8s_openapi::api::{
    apps::v1::Deployment,
    batch::v1::Job,
    core::v1::{ConfigMap, Pod, Secret, Service},
};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use roperator::{ChildConfig, Kind, OPERATOR_LABEL, OperatorHandle, k8s_types};
use roperator_tests::{
    kinds::Site,
    stage::{Stage, condition, eventually},
    wire::{Fault, Sent},
};
use serde_json::{Value, json};

crate::scenarios![
    shared:
        replace_puts_the_desired_fields_over_the_live_object_with_its_version,
        replace_keeps_what_others_added_and_drops_what_is_no_longer_desired,
        replace_repairs_a_foreign_edit_with_one_put_and_then_rests,
        replace_that_conflicts_with_another_writer_loses_neither_write,
        replaced_children_cost_nothing_at_rest_and_on_restart,
        recreate_deletes_with_the_uid_and_creates_anew,
        recreate_waits_until_a_held_object_is_gone,
        recreate_leaves_a_pod_alone_that_others_extended,
        recreate_leaves_a_pod_alone_that_admission_rewrote,
        recreate_heals_the_label_of_a_pod_that_admission_rewrote,
        recreate_of_what_admission_rewrites_and_others_touch_slows_down,
        recreate_heals_a_stripped_label_without_recreating,
        recreate_takes_a_foreign_edit_for_a_change,
        recreated_children_cost_nothing_at_rest_and_on_restart,
        a_recreated_pod_as_people_write_it_survives_restarts,
        a_replaced_deployment_as_people_write_it_is_put_once,
        on_delete_leaves_a_child_until_somebody_deletes_it,
        on_delete_leaves_a_foreign_edit_too_and_says_so,
        on_delete_still_creates_and_prunes,
        an_immutable_field_refused_on_apply_is_reported_with_its_mend_and_does_not_spin,
        an_immutable_field_refused_on_replace_is_reported_and_does_not_spin,
        a_reported_immutable_field_is_forgotten_once_it_is_as_before,
        on_immutable_recreate_heals_a_jobs_template,
        on_immutable_recreate_heals_a_replaced_config_map,
        on_immutable_recreate_updates_in_place_what_it_can,
        a_recreated_jobs_pods_go_with_it,
        an_invalid_child_is_reported_and_does_not_spin,
        an_invalid_change_is_reported_and_recreates_nothing,
        an_invalid_change_to_an_immutable_field_recreates_nothing,
        a_child_that_becomes_valid_is_created,
        an_update_that_is_answered_with_500_is_tried_ever_less_often;
    own:;
    only on a real server:
        recreate_heals_the_label_of_a_pod_that_admission_rewrote,
        recreate_leaves_a_pod_alone_that_admission_rewrote,
        recreate_of_what_admission_rewrites_and_others_touch_slows_down,
];

type Kinds = [(Kind, ChildConfig)];

fn child(api_version: &str, kind: &str, name: &str, rest: Value) -> Value {
    let mut child = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}});
    if let (Some(child), Value::Object(rest)) = (child.as_object_mut(), rest) {
        child.extend(rest);
    }
    child
}

/// A ConfigMap with a key for each word of the message.
fn keyed(message: &str) -> Vec<Value> {
    let data: serde_json::Map<String, Value> = message.split(' ').map(|key| (key.to_owned(), "x".into())).collect();
    vec![child("v1", "ConfigMap", "config", json!({"data": data}))]
}

/// An immutable ConfigMap that holds the message.
fn immutable(message: &str) -> Vec<Value> {
    vec![child(
        "v1",
        "ConfigMap",
        "config",
        json!({"immutable": true, "data": {"message": message}}),
    )]
}

/// A Pod whose container has the message as its argument.
fn pod(message: &str) -> Vec<Value> {
    let container = json!({"name": "main", "image": "example.com/main:1", "args": [message]});
    vec![child("v1", "Pod", "pod", json!({"spec": {"containers": [container]}}))]
}

/// A Secret that holds the message.
fn secret(message: &str) -> Vec<Value> {
    vec![child(
        "v1",
        "Secret",
        "keys",
        json!({"stringData": {"message": message}}),
    )]
}

/// A Job whose template, which is immutable, has the message as its image; `parallelism` is not.
fn job(message: &str) -> Vec<Value> {
    let (image, parallelism) = message.split_once(' ').unwrap_or((message, "1"));
    let container = json!({"name": "main", "image": image});
    let spec = json!({
        "parallelism": parallelism.parse::<u32>().unwrap_or(1),
        "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
    });
    vec![child("batch/v1", "Job", "job", json!({"spec": spec}))]
}

/// A Deployment that selects by the message: selectors are immutable.
fn selecting(message: &str) -> Vec<Value> {
    let container = json!({"name": "main", "image": "example.com/main:1"});
    let labels = json!({"app": message});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    vec![child(
        "apps/v1",
        "Deployment",
        "app",
        json!({"spec": {"selector": {"matchLabels": labels}, "template": template}}),
    )]
}

/// A Service at the port that the message says.
fn at_port(message: &str) -> Vec<Value> {
    vec![child(
        "v1",
        "Service",
        "svc",
        json!({"spec": {"ports": [{"port": message.parse::<u32>().unwrap_or(80)}]}}),
    )]
}

fn config_maps(config: ChildConfig) -> Vec<(Kind, ChildConfig)> {
    vec![(k8s_types::core::v1::ConfigMap, config)]
}

fn pods() -> Vec<(Kind, ChildConfig)> {
    vec![(k8s_types::core::v1::Pod, ChildConfig::recreate())]
}

fn secrets() -> Vec<(Kind, ChildConfig)> {
    vec![(k8s_types::core::v1::Secret, ChildConfig::on_delete())]
}

fn jobs() -> Vec<(Kind, ChildConfig)> {
    vec![(k8s_types::batch::v1::Job, ChildConfig::apply().on_immutable_recreate())]
}

fn services(config: ChildConfig) -> Vec<(Kind, ChildConfig)> {
    vec![(k8s_types::core::v1::Service, config)]
}

fn uid(object: &impl ResourceExt) -> String {
    object.uid().expect("an object of the server has a uid")
}

fn keys(found: &ConfigMap) -> Vec<&str> {
    found
        .data
        .iter()
        .flat_map(|data| data.keys())
        .map(String::as_str)
        .collect()
}

fn argument(found: &Pod) -> Option<&str> {
    let containers = found.spec.as_ref().map(|spec| &spec.containers);
    containers?.first()?.args.as_ref()?.first().map(String::as_str)
}

/// An operator and a parent `a` that has settled with this message.
async fn settled(stage: &Stage, kinds: &Kinds, desired: fn(&str) -> Vec<Value>, message: &str) -> OperatorHandle {
    let handle = stage.start_desired(kinds, desired).await;
    stage.site("a", message).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    handle
}

/// The same, with back-offs that are not over before the scenario is.
async fn settled_patiently(
    stage: &Stage,
    kinds: &Kinds,
    desired: fn(&str) -> Vec<Value>,
    message: &str,
) -> OperatorHandle {
    let config = stage
        .dynamic_config("site")
        .with_backoff(Duration::from_millis(50), Duration::from_secs(600));
    let config = kinds
        .iter()
        .fold(config, |config, (kind, child)| config.with_child(kind.clone(), *child));
    let handle = stage.start_desired_with(config, desired).await;
    stage.site("a", message).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    stage.wire.clear();
    handle
}

/// The bill at rest: nothing for a sync that changes nothing, nothing for a restart.
async fn rests_and_restarts(stage: &Stage, handle: OperatorHandle, kinds: &Kinds, desired: fn(&str) -> Vec<Value>) {
    stage.wire.clear();
    stage
        .edit::<Site>("a", json!({"metadata": {"labels": {"touched": "yes"}}}))
        .await;
    let sent = stage.rest().await;
    assert!(sent.is_empty(), "{sent:#?}");
    handle.shutdown().await.unwrap();
    let handle = stage.start_desired(kinds, desired).await;
    stage.rest().await;
    assert!(stage.wire.attempts().is_empty(), "{:#?}", stage.wire.attempts());
    handle.shutdown().await.unwrap();
}

fn of_method(stage: &Stage, method: &http::Method, plural: &str) -> Vec<Sent> {
    let is_it = |sent: &Sent| sent.method == *method && sent.path.split('/').any(|segment| segment == plural);
    stage.wire.others().into_iter().filter(is_it).collect()
}

// Replace.

async fn replace_puts_the_desired_fields_over_the_live_object_with_its_version(stage: Stage) {
    let handle = settled(&stage, &config_maps(ChildConfig::replace()), keyed, "a").await;
    let before = stage.api::<ConfigMap>().get("a-config").await.unwrap();
    stage.say("a", "a b").await;
    let after = stage
        .wait_for("a-config", "b is there", |found| keys(found) == ["a", "b"])
        .await;
    assert_eq!(uid(&after), uid(&before));
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "PUT 200"]);
    let puts = of_method(&stage, &http::Method::PUT, "configmaps");
    assert_eq!(
        puts[0].body["metadata"]["resourceVersion"].as_str(),
        before.resource_version().as_deref()
    );
    handle.shutdown().await.unwrap();
}

async fn replace_keeps_what_others_added_and_drops_what_is_no_longer_desired(stage: Stage) {
    let handle = settled(&stage, &config_maps(ChildConfig::replace()), keyed, "a b c").await;
    let theirs =
        json!({"metadata": {"labels": {"theirs": "x"}, "annotations": {"theirs": "x"}}, "data": {"theirs": "x"}});
    stage.edit::<ConfigMap>("a-config", theirs).await;
    stage.rest().await;
    assert_eq!(
        stage.asked("configmaps"),
        ["POST 201"],
        "what others add is no reason to write"
    );
    for said in ["a b", "a", "a d"] {
        stage.say("a", said).await;
        stage.wait_settled("a").await;
        let found = stage.api::<ConfigMap>().get("a-config").await.unwrap();
        let ours: Vec<&str> = keys(&found).into_iter().filter(|key| *key != "theirs").collect();
        assert_eq!(ours, said.split(' ').collect::<Vec<_>>());
        let has_theirs = keys(&found).contains(&"theirs")
            && found.labels().contains_key("theirs")
            && found.annotations().contains_key("theirs");
        assert!(has_theirs, "after {said:?}: {found:#?}");
    }
    assert_eq!(stage.asked("configmaps"), ["POST 201", "PUT 200", "PUT 200", "PUT 200"]);
    handle.shutdown().await.unwrap();
}

async fn replace_repairs_a_foreign_edit_with_one_put_and_then_rests(stage: Stage) {
    let handle = settled(&stage, &config_maps(ChildConfig::replace()), keyed, "a b").await;
    stage
        .edit::<ConfigMap>("a-config", json!({"data": {"a": "hacked", "b": null}}))
        .await;
    let is_repaired =
        |found: &ConfigMap| keys(found) == ["a", "b"] && found.data.iter().flatten().all(|(_, value)| value == "x");
    stage.wait_for("a-config", "it is repaired", is_repaired).await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "PUT 200"]);
    rests_and_restarts(&stage, handle, &config_maps(ChildConfig::replace()), keyed).await;
}

async fn replace_that_conflicts_with_another_writer_loses_neither_write(stage: Stage) {
    let handle = settled(&stage, &config_maps(ChildConfig::replace()), keyed, "a").await;
    let is_put = |sent: &Sent| sent.method == http::Method::PUT;
    stage.wire.fault_times(1, Fault::Delay(Duration::from_secs(1)), is_put);
    stage.say("a", "a b").await;
    // While the PUT is on its way, somebody else writes.
    eventually("the PUT is on its way", async || {
        stage.wire.sent().iter().any(is_put).then_some(())
    })
    .await;
    stage
        .edit::<ConfigMap>("a-config", json!({"data": {"theirs": "x"}}))
        .await;
    stage
        .wait_for("a-config", "both writes are there", |found| {
            keys(found) == ["a", "b", "theirs"]
        })
        .await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "PUT 409", "PUT 200"]);
    handle.shutdown().await.unwrap();
}

async fn replaced_children_cost_nothing_at_rest_and_on_restart(stage: Stage) {
    let kinds = [
        (k8s_types::core::v1::Service, ChildConfig::replace()),
        (k8s_types::apps::v1::Deployment, ChildConfig::replace()),
        (k8s_types::core::v1::Secret, ChildConfig::replace()),
    ];
    let desired: fn(&str) -> Vec<Value> = |said| [at_port("80"), selecting("app"), secret(said)].concat();
    let handle = settled(&stage, &kinds, desired, "one").await;
    assert_eq!(stage.wire.writes().len(), 4, "{:#?}", stage.wire.writes());
    stage.say("a", "two").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("secrets"), ["POST 201", "PUT 200"]);
    assert_eq!(
        stage.wire.writes().len(),
        6,
        "one write of the Secret, one of the status"
    );
    rests_and_restarts(&stage, handle, &kinds, desired).await;
}

// Recreate.

async fn recreate_deletes_with_the_uid_and_creates_anew(stage: Stage) {
    let handle = settled(&stage, &pods(), pod, "one").await;
    let before = stage.api::<Pod>().get("a-pod").await.unwrap();
    stage.say("a", "two").await;
    let after = stage
        .wait_for::<Pod>("a-pod", "it is another Pod", |found| uid(found) != uid(&before))
        .await;
    assert_eq!(argument(&after), Some("two"));
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("pods"), ["POST 201", "DELETE 200", "POST 201"]);
    let deletions = of_method(&stage, &http::Method::DELETE, "pods");
    assert_eq!(deletions[0].body["preconditions"]["uid"], uid(&before));
    assert_eq!(deletions[0].body["propagationPolicy"], "Background");
    handle.shutdown().await.unwrap();
}

async fn recreate_waits_until_a_held_object_is_gone(stage: Stage) {
    let handle = settled(&stage, &pods(), pod, "one").await;
    let before = stage
        .edit::<Pod>("a-pod", json!({"metadata": {"finalizers": ["tests.example.com/hold"]}}))
        .await;
    stage.rest().await;
    stage.say("a", "two").await;
    let message = stage.wait_condition("a", "Reconciling", "True", "Recreating").await;
    assert!(message.contains("a-pod"), "{message}");
    stage.wait_condition("a", "Ready", "False", "Recreating").await;
    stage.rest().await;
    assert_eq!(
        stage.asked("pods"),
        ["POST 201", "DELETE 200"],
        "nothing is created, and nothing asked again"
    );
    let held = stage.api::<Pod>().get("a-pod").await.unwrap();
    assert!(uid(&held) == uid(&before) && held.metadata.deletion_timestamp.is_some());
    stage
        .edit::<Pod>("a-pod", json!({"metadata": {"finalizers": null}}))
        .await;
    let after = stage
        .wait_for::<Pod>("a-pod", "it is another Pod", |found| uid(found) != uid(&before))
        .await;
    assert_eq!(argument(&after), Some("two"));
    let site = stage.wait_settled("a").await;
    assert_eq!(
        condition(&site, "Reconciling")
            .map(|(status, ..)| status)
            .filter(|status| status == "True"),
        None
    );
    stage.rest().await;
    assert_eq!(stage.asked("pods"), ["POST 201", "DELETE 200", "POST 201"]);
    handle.shutdown().await.unwrap();
}

async fn recreate_leaves_a_pod_alone_that_others_extended(stage: Stage) {
    let handle = settled(&stage, &pods(), pod, "one").await;
    let before = stage.api::<Pod>().get("a-pod").await.unwrap();
    let theirs = json!({
        "metadata": {"labels": {"theirs": "x"}, "annotations": {"theirs": "x"}},
        "spec": {"tolerations": [{"key": "theirs", "operator": "Exists"}]},
    });
    stage.edit::<Pod>("a-pod", theirs).await;
    let status = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    stage
        .api::<Pod>()
        .patch_status("a-pod", &PatchParams::default(), &Patch::Merge(&status))
        .await
        .unwrap();
    stage.rest().await;
    let after = stage.api::<Pod>().get("a-pod").await.unwrap();
    assert_eq!(uid(&after), uid(&before));
    assert!(after.labels().contains_key("theirs"));
    assert_eq!(stage.asked("pods"), ["POST 201"]);
    rests_and_restarts(&stage, handle, &pods(), pod).await;
}

/// Admission rewrites the arguments of the stage's Pods as they are created, as most webhooks do: not when they are updated.
async fn rewrite_pods(stage: &Stage) {
    let mutation = json!({"patchType": "JSONPatch", "jsonPatch": {
        "expression": "[JSONPatch{op: 'replace', path: '/spec/containers/0/args', value: ['rewritten']}]",
    }});
    let probe: Pod = serde_json::from_value(pod("probe").remove(0)).unwrap();
    let is_rewritten = |pod: &Pod| args(pod) == ["rewritten"];
    stage.admit("pods", &["CREATE"], mutation, &probe, is_rewritten).await;
}

fn args(pod: &Pod) -> Vec<String> {
    pod.spec.as_ref().unwrap().containers[0]
        .args
        .clone()
        .unwrap_or_default()
}

async fn recreate_leaves_a_pod_alone_that_admission_rewrote(stage: Stage) {
    rewrite_pods(&stage).await;
    let kinds = [(k8s_types::core::v1::Pod, ChildConfig::recreate())];
    let handle = stage.start_desired(&kinds, pod).await;
    // As a kubelet does, somebody writes its status before the operator sees what became of it.
    stage.wire.hold_watches_of("pods");
    stage.site("a", "one").await;
    let made = stage.wait_for::<Pod>("a-pod", "it is there", |_| true).await;
    let status = json!({"status": {"phase": "Running"}});
    stage
        .api::<Pod>()
        .patch_status("a-pod", &PatchParams::default(), &Patch::Merge(status))
        .await
        .unwrap();
    stage.wire.hold_watches(false);
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("pods"), ["POST 201"]);
    rests_and_restarts(&stage, handle, &kinds, pod).await;
    let left = stage.api::<Pod>().get("a-pod").await.unwrap();
    assert_eq!((left.uid(), args(&left)), (made.uid(), vec!["rewritten".to_owned()]));

    // Somebody's edit is still one.
    let handle = stage.start_desired(&kinds, pod).await;
    let edit = json!({"spec": {"containers": [{"name": "main", "image": "example.com/main:2"}]}});
    stage
        .api::<Pod>()
        .patch("a-pod", &PatchParams::default(), &Patch::Strategic(edit))
        .await
        .unwrap();
    let is_new = |found: &Pod| found.uid() != made.uid();
    stage.wait_for::<Pod>("a-pod", "it is made anew", is_new).await;
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
}

async fn recreate_heals_the_label_of_a_pod_that_admission_rewrote(stage: Stage) {
    rewrite_pods(&stage).await;
    let kinds = [(k8s_types::core::v1::Pod, ChildConfig::recreate())];
    let handle = stage.start_desired(&kinds, pod).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage
        .edit::<Pod>("a-pod", json!({"metadata": {"labels": {OPERATOR_LABEL: null}}}))
        .await;
    // The arguments that are desired can no longer be applied to it: only a new one can have the label.
    let is_labelled = |found: &Pod| found.labels().contains_key(OPERATOR_LABEL);
    stage.wait_for::<Pod>("a-pod", "it has its label", is_labelled).await;
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
}

async fn recreate_of_what_admission_rewrites_and_others_touch_slows_down(stage: Stage) {
    // A Service has no generation, by which it could be told that it was never changed, and its selector is one value.
    let mutation = json!({"patchType": "JSONPatch", "jsonPatch": {
        "expression": "[JSONPatch{op: 'replace', path: '/spec/selector/app', value: 'rewritten'}]",
    }});
    let desired = |message: &str| {
        let spec = json!({"selector": {"app": message}, "ports": [{"port": 80}]});
        vec![child("v1", "Service", "web", json!({"spec": spec}))]
    };
    let probe: Service = serde_json::from_value(desired("probe").remove(0)).unwrap();
    let is_admitted = |made: &Service| made.spec.as_ref().unwrap().selector.as_ref().unwrap()["app"] == "rewritten";
    stage
        .admit("services", &["CREATE"], mutation, &probe, is_admitted)
        .await;
    let kinds = [(k8s_types::core::v1::Service, ChildConfig::recreate())];
    let handle = stage.start_desired(&kinds, desired).await;
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let noted = times.clone();
    // The answer comes late, so that what is made is touched before the operator knows which version it wrote.
    stage.wire.fault(move |sent| {
        let is_creation = sent.method == http::Method::POST && sent.path.ends_with("/services");
        is_creation.then(|| {
            noted.lock().unwrap().push(Instant::now());
            Fault::DelayAnswer(Duration::from_millis(300))
        })
    });
    stage.site("a", "one").await;
    let mut round = 0;
    eventually("it is made six times", async || {
        round += 1;
        let touch = json!({"metadata": {"labels": {"touched": round.to_string()}}});
        let patch = Patch::Merge(touch);
        let _ = stage
            .api::<Service>()
            .patch("a-web", &PatchParams::default(), &patch)
            .await;
        (times.lock().unwrap().len() >= 6).then_some(())
    })
    .await;
    let times = times.lock().unwrap().clone();
    // The answer's 300 ms, and from the second time on 50 ms, 100 ms, 200 ms, 400 ms.
    assert!(times[5] - times[4] >= Duration::from_millis(300 + 400), "{times:?}");
    stage.wait_condition("a", "Ready", "False", "TakenAway").await;
    handle.shutdown().await.unwrap();
}

async fn recreate_heals_a_stripped_label_without_recreating(stage: Stage) {
    let handle = settled(&stage, &pods(), pod, "one").await;
    let before = stage.api::<Pod>().get("a-pod").await.unwrap();
    stage
        .edit::<Pod>("a-pod", json!({"metadata": {"labels": {OPERATOR_LABEL: null}}}))
        .await;
    let is_labelled = |found: &Pod| found.labels().contains_key(OPERATOR_LABEL);
    let after = stage.wait_for::<Pod>("a-pod", "it is labelled", is_labelled).await;
    assert_eq!(uid(&after), uid(&before));
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("pods"), ["POST 201", "POST 409", "GET 200", "APPLY 200"]);
    rests_and_restarts(&stage, handle, &pods(), pod).await;
}

async fn recreate_takes_a_foreign_edit_for_a_change(stage: Stage) {
    let handle = settled(&stage, &pods(), pod, "one").await;
    let before = stage.api::<Pod>().get("a-pod").await.unwrap();
    let image = json!([{"op": "replace", "path": "/spec/containers/0/image", "value": "example.com/hacked:1"}]);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(image).unwrap());
    stage
        .api::<Pod>()
        .patch("a-pod", &PatchParams::default(), &patch)
        .await
        .unwrap();
    stage
        .wait_for::<Pod>("a-pod", "it is another Pod", |found| uid(found) != uid(&before))
        .await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("pods"), ["POST 201", "DELETE 200", "POST 201"]);
    handle.shutdown().await.unwrap();
}

async fn recreated_children_cost_nothing_at_rest_and_on_restart(stage: Stage) {
    let handle = settled(&stage, &pods(), pod, "one").await;
    stage.say("a", "two").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    rests_and_restarts(&stage, handle, &pods(), pod).await;
}

/// A container of which the server makes something else: it normalises, leaves out, fills in.
fn as_people_write_it(message: &str) -> Value {
    json!({
        "name": "main", "image": "example.com/main", "args": [message], "command": [], "stdin": false, "workingDir": "",
        "env": [{"name": "A", "value": ""}, {"name": "B", "value": message}], "ports": [{"containerPort": 80}],
        "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {}},
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch", "readOnly": false}],
    })
}

async fn a_recreated_pod_as_people_write_it_survives_restarts(stage: Stage) {
    let desired: fn(&str) -> Vec<Value> = |said| {
        let spec = json!({"containers": [as_people_write_it(said)], "hostNetwork": false, "volumes": [{"name": "scratch", "emptyDir": {}}]});
        vec![child("v1", "Pod", "pod", json!({"spec": spec}))]
    };
    let handle = settled(&stage, &pods(), desired, "one").await;
    let before = stage.api::<Pod>().get("a-pod").await.unwrap();
    assert_eq!(stage.asked("pods"), ["POST 201"]);
    rests_and_restarts(&stage, handle, &pods(), desired).await;
    let after = stage.api::<Pod>().get("a-pod").await.unwrap();
    assert_eq!(
        uid(&after),
        uid(&before),
        "a restart of the operator is no reason to end a Pod"
    );
}

async fn a_replaced_deployment_as_people_write_it_is_put_once(stage: Stage) {
    let kinds = [(k8s_types::apps::v1::Deployment, ChildConfig::replace())];
    let desired: fn(&str) -> Vec<Value> = |said| {
        let spec = json!({"containers": [as_people_write_it(said)], "volumes": [{"name": "scratch", "emptyDir": {}}]});
        let template = json!({"metadata": {"labels": {"app": "main"}}, "spec": spec});
        let selector = json!({"matchLabels": {"app": "main"}});
        vec![child(
            "apps/v1",
            "Deployment",
            "app",
            json!({"spec": {"paused": false, "selector": selector, "template": template}}),
        )]
    };
    let handle = settled(&stage, &kinds, desired, "one").await;
    stage.say("a", "two").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("deployments"), ["POST 201", "PUT 200"]);
    // A PUT leaves the same kind of entry each time, so that what is drift once would be drift on every restart.
    rests_and_restarts(&stage, handle, &kinds, desired).await;
}

// On delete.

async fn on_delete_leaves_a_child_until_somebody_deletes_it(stage: Stage) {
    let handle = settled(&stage, &secrets(), secret, "one").await;
    let before = stage.api::<Secret>().get("a-keys").await.unwrap();
    stage.say("a", "two").await;
    let message = stage
        .wait_condition("a", "Reconciling", "True", "AwaitingDeletion")
        .await;
    assert!(message.contains("a-keys") && message.contains("delete"), "{message}");
    stage.rest().await;
    assert_eq!(stage.asked("secrets"), ["POST 201"]);
    let left = stage.api::<Secret>().get("a-keys").await.unwrap();
    assert_eq!(left.resource_version(), before.resource_version());
    stage.delete::<Secret>("a-keys").await;
    let holds = |found: &Secret| found.data.iter().flatten().any(|(_, value)| value.0 == b"two");
    stage.wait_for("a-keys", "it has its new state", holds).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("secrets"), ["POST 201", "POST 201"]);
    rests_and_restarts(&stage, handle, &secrets(), secret).await;
}

async fn on_delete_leaves_a_foreign_edit_too_and_says_so(stage: Stage) {
    let handle = settled(&stage, &secrets(), secret, "one").await;
    stage
        .edit::<Secret>("a-keys", json!({"stringData": {"message": "hacked"}}))
        .await;
    stage
        .wait_condition("a", "Reconciling", "True", "AwaitingDeletion")
        .await;
    stage.rest().await;
    assert_eq!(stage.asked("secrets"), ["POST 201"]);
    handle.shutdown().await.unwrap();
}

async fn on_delete_still_creates_and_prunes(stage: Stage) {
    let desired: fn(&str) -> Vec<Value> = |said| if said == "none" { vec![] } else { secret(said) };
    let handle = settled(&stage, &secrets(), desired, "one").await;
    stage.say("a", "none").await;
    stage.wait_gone::<Secret>("a-keys").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("secrets"), ["POST 201", "DELETE 200"]);
    handle.shutdown().await.unwrap();
}

// Immutable fields.

/// Asserts that the parent says why it stalls, and how to go on.
async fn says_immutable(stage: &Stage, child: &str) {
    let message = stage.wait_condition("a", "Stalled", "True", "ImmutableField").await;
    assert!(
        message.contains(child) && message.contains("on_immutable = recreate"),
        "{message}"
    );
    let ready = stage.wait_condition("a", "Ready", "False", "ImmutableField").await;
    assert_eq!(ready, message);
}

async fn an_immutable_field_refused_on_apply_is_reported_with_its_mend_and_does_not_spin(stage: Stage) {
    let kinds = [(k8s_types::apps::v1::Deployment, ChildConfig::apply())];
    let handle = settled_patiently(&stage, &kinds, selecting, "one").await;
    let before = stage.api::<Deployment>().get("a-app").await.unwrap();
    stage.say("a", "two").await;
    says_immutable(&stage, "a-app").await;
    stage.rest().await;
    assert_eq!(stage.asked("deployments"), ["APPLY 422", "DRY POST 409"]);
    assert_eq!(stage.asked("sites"), ["STATUS 200"]);
    // Nobody asks again, for as long as nothing changes.
    stage.rest().await;
    assert_eq!(stage.asked("deployments").len(), 2);
    let after = stage.api::<Deployment>().get("a-app").await.unwrap();
    assert_eq!(
        (uid(&after), after.metadata.generation),
        (uid(&before), before.metadata.generation)
    );
    handle.shutdown().await.unwrap();
}

async fn an_immutable_field_refused_on_replace_is_reported_and_does_not_spin(stage: Stage) {
    let handle = settled_patiently(&stage, &config_maps(ChildConfig::replace()), immutable, "one").await;
    stage.say("a", "two").await;
    says_immutable(&stage, "a-config").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["PUT 422", "DRY POST 409"]);
    stage.wait_message("a-config", "one").await;
    handle.shutdown().await.unwrap();
}

async fn a_reported_immutable_field_is_forgotten_once_it_is_as_before(stage: Stage) {
    let handle = settled_patiently(&stage, &config_maps(ChildConfig::apply()), immutable, "one").await;
    stage.say("a", "two").await;
    says_immutable(&stage, "a-config").await;
    stage.say("a", "one").await;
    let site = stage.wait_settled("a").await;
    let stalled = condition(&site, "Stalled").map(|(status, ..)| status);
    assert!(stalled.is_none_or(|status| status == "False"), "{site:#?}");
    stage.rest().await;
    assert_eq!(
        stage.asked("configmaps"),
        ["APPLY 422", "DRY POST 409"],
        "it is as it was: there is nothing to write"
    );
    handle.shutdown().await.unwrap();
}

async fn on_immutable_recreate_heals_a_jobs_template(stage: Stage) {
    let handle = settled_patiently(&stage, &jobs(), job, "one").await;
    let before = stage.api::<Job>().get("a-job").await.unwrap();
    stage.say("a", "two").await;
    stage
        .wait_for::<Job>("a-job", "it is another Job", |found| uid(found) != uid(&before))
        .await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(
        stage.asked("jobs"),
        ["APPLY 422", "DRY POST 409", "DELETE 200", "POST 201"]
    );
    let deletions = of_method(&stage, &http::Method::DELETE, "jobs");
    assert_eq!(deletions[0].body["preconditions"]["uid"], uid(&before));
    assert_eq!(deletions[0].body["propagationPolicy"], "Background");
    rests_and_restarts(&stage, handle, &jobs(), job).await;
}

async fn on_immutable_recreate_heals_a_replaced_config_map(stage: Stage) {
    let kinds = config_maps(ChildConfig::replace().on_immutable_recreate());
    let handle = settled_patiently(&stage, &kinds, immutable, "one").await;
    stage.say("a", "two").await;
    stage.wait_message("a-config", "two").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(
        stage.asked("configmaps"),
        ["PUT 422", "DRY POST 409", "DELETE 200", "POST 201"]
    );
    handle.shutdown().await.unwrap();
}

async fn on_immutable_recreate_updates_in_place_what_it_can(stage: Stage) {
    let handle = settled_patiently(&stage, &jobs(), job, "one 1").await;
    let before = stage.api::<Job>().get("a-job").await.unwrap();
    stage.say("a", "one 2").await;
    let parallelism = |found: &Job| found.spec.as_ref().and_then(|spec| spec.parallelism);
    let after = stage
        .wait_for("a-job", "it is updated", |found| parallelism(found) == Some(2))
        .await;
    assert_eq!(uid(&after), uid(&before));
    stage.rest().await;
    assert_eq!(stage.asked("jobs"), ["APPLY 200"]);
    handle.shutdown().await.unwrap();
}

async fn a_recreated_jobs_pods_go_with_it(stage: Stage) {
    let handle = settled(&stage, &jobs(), job, "one").await;
    let before = stage.api::<Job>().get("a-job").await.unwrap();
    // There is no controller of Jobs here: its Pod is made by hand.
    let owner =
        json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "a-job", "uid": uid(&before), "controller": true}]);
    let metadata = json!({"name": "of-the-job", "ownerReferences": owner, "finalizers": []});
    let spec = json!({"containers": [{"name": "main", "image": "example.com/main:1"}]});
    stage
        .create::<Pod>(serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap())
        .await;
    stage.say("a", "two").await;
    stage
        .wait_for::<Job>("a-job", "it is another Job", |found| uid(found) != uid(&before))
        .await;
    stage.wait_gone::<Pod>("of-the-job").await;
    handle.shutdown().await.unwrap();
}

// Invalid children.

async fn an_invalid_child_is_reported_and_does_not_spin(stage: Stage) {
    for (config, said) in [
        (ChildConfig::apply(), "99999999"),
        (ChildConfig::recreate(), "99999998"),
    ] {
        let handle = settled_patiently(
            &stage,
            &services(config.on_immutable_recreate()),
            at_port_unless_zero,
            "0",
        )
        .await;
        stage.say("a", said).await;
        let message = stage.wait_condition("a", "Ready", "False", "ChildRefused").await;
        assert!(
            message.contains("a-svc") && message.contains("spec.ports[0].port"),
            "{message}"
        );
        stage.wait_condition("a", "Stalled", "True", "ChildRefused").await;
        stage.rest().await;
        stage.rest().await;
        assert_eq!(stage.asked("services"), ["POST 422"]);
        handle.shutdown().await.unwrap();
        stage.delete::<Site>("a").await;
        stage.wait_gone::<Site>("a").await;
    }
}

/// As [`at_port`], but no Service at port 0.
fn at_port_unless_zero(message: &str) -> Vec<Value> {
    if message == "0" { vec![] } else { at_port(message) }
}

async fn an_invalid_change_is_reported_and_recreates_nothing(stage: Stage) {
    let handle = settled_patiently(
        &stage,
        &services(ChildConfig::apply().on_immutable_recreate()),
        at_port,
        "80",
    )
    .await;
    let before = stage.api::<Service>().get("a-svc").await.unwrap();
    stage.say("a", "99999999").await;
    let message = stage.wait_condition("a", "Stalled", "True", "ChildRefused").await;
    assert!(message.contains("a-svc") && message.contains("99999999"), "{message}");
    stage.rest().await;
    let asked = stage.asked("services");
    // The port is a key: its change is one of the set of fields, which the entry of the POST is converted for. Seeing that
    // write may cause one more attempt, and no other.
    assert_eq!(asked[..3], ["JSON PATCH 200", "APPLY 422", "DRY POST 422"]);
    assert!(
        asked.len() <= 5 && !asked.iter().any(|asked| asked.starts_with("DELETE")),
        "{asked:?}"
    );
    stage.rest().await;
    assert_eq!(stage.asked("services").len(), asked.len());
    let after = stage.api::<Service>().get("a-svc").await.unwrap();
    assert_eq!(uid(&after), uid(&before));
    handle.shutdown().await.unwrap();
}

async fn an_invalid_change_to_an_immutable_field_recreates_nothing(stage: Stage) {
    // The selector changes, which recreating would heal; and no longer matches the template, which it would not.
    let desired: fn(&str) -> Vec<Value> = |said| {
        let mut children = selecting("one");
        children[0]["spec"]["selector"]["matchLabels"]["app"] = said.into();
        children
    };
    let kinds = [(
        k8s_types::apps::v1::Deployment,
        ChildConfig::apply().on_immutable_recreate(),
    )];
    let handle = settled_patiently(&stage, &kinds, desired, "one").await;
    let before = stage.api::<Deployment>().get("a-app").await.unwrap();
    stage.say("a", "two").await;
    stage.wait_condition("a", "Stalled", "True", "ChildRefused").await;
    stage.rest().await;
    assert_eq!(stage.asked("deployments"), ["APPLY 422", "DRY POST 422"]);
    let after = stage.api::<Deployment>().get("a-app").await.unwrap();
    assert_eq!(uid(&after), uid(&before));
    handle.shutdown().await.unwrap();
}

async fn a_child_that_becomes_valid_is_created(stage: Stage) {
    let handle = settled_patiently(&stage, &services(ChildConfig::apply()), at_port_unless_zero, "0").await;
    stage.say("a", "99999999").await;
    stage.wait_condition("a", "Ready", "False", "ChildRefused").await;
    stage.say("a", "81").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("services"), ["POST 422", "POST 201"]);
    let refused = stage
        .wire
        .others()
        .into_iter()
        .filter(|sent| sent.code == Some(StatusCode::UNPROCESSABLE_ENTITY))
        .count();
    assert_eq!(refused, 1);
    handle.shutdown().await.unwrap();
}

async fn an_update_that_is_answered_with_500_is_tried_ever_less_often(stage: Stage) {
    fn desired(message: &str) -> Vec<Value> {
        let mut spec = json!({"ports": [{"port": 80}]});
        match message {
            "an unknown field" => spec["nonsense"] = 1.into(),
            "a key twice" => spec["ports"] = json!([{"port": 80, "protocol": "TCP"}, {"port": 80, "protocol": "TCP"}]),
            _ => {}
        }
        vec![child("v1", "Service", "web", json!({"spec": spec}))]
    }
    let max = Duration::from_millis(400);
    let config = stage
        .dynamic_config("site")
        .with_child(k8s_types::core::v1::Service, ChildConfig::apply())
        .with_backoff(Duration::from_millis(20), max);
    let handle = stage.start_desired_with(config, desired).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    for message in ["an unknown field", "a key twice"] {
        stage.wire.clear();
        let tries: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let noted = tries.clone();
        stage.wire.fault(move |sent| {
            if sent.to_string().starts_with("APPLY") {
                noted.lock().unwrap().push(Instant::now());
            }
            None
        });
        stage.say("a", message).await;
        eventually("it is tried again and again", async || {
            (tries.lock().unwrap().len() >= 9).then_some(())
        })
        .await;
        stage.wait_condition("a", "Ready", "False", "ChildRefused").await;
        let tries = tries.lock().unwrap().clone();
        assert!(tries[8] - tries[7] >= max && tries[2] - tries[1] < max, "{tries:?}");
        assert!(stage.wire.sent().iter().any(|sent| sent.to_string() == "APPLY 500"));
        stage.wire.heal();
        stage.say("a", "mended").await;
        stage.wait_settled("a").await;
    }
    handle.shutdown().await.unwrap();
}
