//! Objects that are in the way, and others who write.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use http::Method;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        core::v1::{ConfigMap, Namespace},
        events::v1::Event,
    },
};
use kube::{
    Api, CustomResource, Resource, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use roperator::{
    manifest::{ManifestInput, rbac},
    prelude::*,
};
use roperator_tests::{
    kinds::{Site, SiteOperator, SiteStatus, fan_out},
    stage::{Gate, Stage, condition, eventually, install},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

crate::scenarios![
    shared:
        an_object_that_nobody_owns_is_left_alone_and_reported,
        an_object_that_something_else_controls_is_left_alone_and_reported,
        an_object_that_another_parent_controls_is_left_alone_and_reported,
        an_object_with_the_labels_of_helm_is_left_alone_and_reported,
        an_object_with_our_label_alone_is_left_alone_and_reported,
        a_child_without_its_owner_reference_is_left_alone_until_it_has_it_again,
        the_orphan_of_a_predecessor_is_left_alone_and_reported,
        the_child_of_a_deleted_predecessor_is_waited_for,
        nothing_of_an_old_turn_lands_on_a_recreated_parent,
        a_forced_apply_by_another_manager_is_taken_back_once,
        edits_of_many_at_a_time_neither_conflict_nor_get_lost,
        a_terminating_child_is_waited_for_and_reported,
        a_terminating_namespace_makes_no_hot_loop_and_is_overcome,
        operators_of_one_parent_prune_only_their_own_children,
        operators_of_one_parent_that_want_the_same_child_do_not_fight_over_it;
    own:
];

fn sync(request: &SyncRequest<SiteOperator>) -> Result<SyncResponse<SiteOperator>> {
    Ok(fan_out(request))
}

/// Starts the operator whose children are those of [`fan_out`].
async fn start(stage: &Stage) -> roperator::OperatorHandle {
    stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await
}

fn uid<K: Resource>(object: &K) -> String {
    object.uid().expect("an object of the server has a uid")
}

/// The owner that a controller reference names.
fn controller(object: &ConfigMap) -> Option<String> {
    let mut owners = object.owner_references().iter();
    owners
        .find(|owner| owner.controller == Some(true))
        .map(|owner| owner.uid.clone())
}

fn controlled_by<K: Resource<DynamicType = ()>>(owner: &K) -> ObjectMeta {
    ObjectMeta {
        owner_references: owner.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

fn labelled<const N: usize>(labels: [(&str, &str); N]) -> ObjectMeta {
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    ObjectMeta {
        labels: Some(labels.into()),
        ..ObjectMeta::default()
    }
}

fn theirs(name: &str, metadata: ObjectMeta) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..metadata
        },
        data: Some([("message".to_owned(), "theirs".to_owned())].into()),
        ..ConfigMap::default()
    }
}

// Foreign objects under a child's name.

/// Waits for an Event about a site.
async fn wait_event(stage: &Stage, site: &Site, reason: &str) -> Event {
    let events = stage.api::<Event>();
    eventually("an event tells of it", async || {
        let all = events.list(&ListParams::default()).await.ok()?;
        all.items.into_iter().find(|event| {
            let about = event.regarding.as_ref();
            event.reason.as_deref() == Some(reason) && about.is_some_and(|about| about.uid == site.uid())
        })
    })
    .await
}

/// A ConfigMap with this metadata has the name of a child: it is never written to, but reported with a message that has
/// this text, and an Event; the parent's other child is made; and so is this one once the name is free.
async fn is_left_alone(stage: Stage, metadata: ObjectMeta, text: &str) {
    let foreign = stage.create(theirs("a-0", metadata)).await;
    let handle = start(&stage).await;
    let site = stage.site_of("a", "ours", 2).await;
    let message = stage.wait_condition("a", "Ready", "False", "ForeignObject").await;
    assert!(message.contains("a-0") && message.contains(text), "{message}");
    stage.wait_message("a-1", "ours").await;
    let event = wait_event(&stage, &site, "ForeignObject").await;
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    assert_eq!(event.note, Some(message));
    assert_eq!(
        event.regarding.and_then(|about| about.kind).as_deref(),
        Some("Site"),
        "kubectl shows it under the site"
    );
    stage.rest().await;
    assert_eq!(stage.config_maps().await["a-0"], foreign);
    // Nor does anybody delete it when it is not wanted any more.
    stage.edit::<Site>("a", json!({"spec": {"count": 0}})).await;
    stage.wait_gone::<ConfigMap>("a-1").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.config_maps().await["a-0"], foreign);
    stage.edit::<Site>("a", json!({"spec": {"count": 1}})).await;
    stage.wait_condition("a", "Ready", "False", "ForeignObject").await;
    stage.delete::<ConfigMap>("a-0").await;
    let child = stage.wait_message("a-0", "ours").await;
    assert_eq!(controller(&child), site.uid());
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
}

async fn an_object_that_nobody_owns_is_left_alone_and_reported(stage: Stage) {
    is_left_alone(stage, ObjectMeta::default(), "not controlled by anything").await;
}

async fn an_object_that_something_else_controls_is_left_alone_and_reported(stage: Stage) {
    let owner = stage.create(theirs("somebody", ObjectMeta::default())).await;
    is_left_alone(stage, controlled_by(&owner), "ConfigMap `somebody`").await;
}

async fn an_object_that_another_parent_controls_is_left_alone_and_reported(stage: Stage) {
    let owner = stage.site("b", "other").await;
    is_left_alone(stage, controlled_by(&owner), "Site `b`").await;
}

async fn an_object_with_the_labels_of_helm_is_left_alone_and_reported(stage: Stage) {
    let labels = labelled([
        ("app.kubernetes.io/managed-by", "Helm"),
        ("app.kubernetes.io/instance", "a"),
    ]);
    is_left_alone(stage, labels, "not controlled by anything").await;
}

async fn an_object_with_our_label_alone_is_left_alone_and_reported(stage: Stage) {
    let labels = labelled([(roperator::OPERATOR_LABEL, "site")]);
    is_left_alone(stage, labels, "not controlled by anything").await;
}

// Children that were ours.

async fn a_child_without_its_owner_reference_is_left_alone_until_it_has_it_again(stage: Stage) {
    let handle = start(&stage).await;
    let site = stage.site_of("a", "one", 1).await;
    let child = stage.wait_message("a-0", "one").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let stripped: ConfigMap = stage.edit("a-0", json!({"metadata": {"ownerReferences": null}})).await;
    let message = stage.wait_condition("a", "Ready", "False", "ForeignObject").await;
    assert!(message.contains("a-0") && message.contains(&uid(&site)), "{message}");
    stage.say("a", "two").await;
    stage.rest().await;
    assert_eq!(stage.config_maps().await["a-0"], stripped);
    stage
        .edit::<ConfigMap>(
            "a-0",
            json!({"metadata": {"ownerReferences": child.metadata.owner_references}}),
        )
        .await;
    let after = stage.wait_message("a-0", "two").await;
    assert_eq!(uid(&after), uid(&child));
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
}

async fn the_orphan_of_a_predecessor_is_left_alone_and_reported(stage: Stage) {
    let handle = start(&stage).await;
    stage.site_of("a", "old", 1).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let sites = stage.api::<Site>();
    sites.delete("a", &DeleteParams::orphan()).await.unwrap();
    stage.wait_gone::<Site>("a").await;
    let orphan = stage.config_maps().await["a-0"].clone();
    assert_eq!(controller(&orphan), None);

    let site = stage.site_of("a", "new", 1).await;
    let message = stage.wait_condition("a", "Ready", "False", "ForeignObject").await;
    assert!(message.contains("a-0"), "{message}");
    stage.rest().await;
    assert_eq!(stage.config_maps().await["a-0"], orphan);
    stage.delete::<ConfigMap>("a-0").await;
    let child = stage.wait_message("a-0", "new").await;
    assert_eq!(controller(&child), site.uid());
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
}

/// Keeps an object from going before it is told to.
async fn hold(stage: &Stage, name: &str, held: bool) -> ConfigMap {
    let finalizers = held.then_some(["tests.example.com/hold"]);
    stage.edit(name, json!({"metadata": {"finalizers": finalizers}})).await
}

async fn the_child_of_a_deleted_predecessor_is_waited_for(stage: Stage) {
    let handle = start(&stage).await;
    let old = stage.site_of("a", "old", 1).await;
    stage.wait_settled("a").await;
    hold(&stage, "a-0", true).await;
    stage.rest().await;
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;
    let is_deleting = |child: &ConfigMap| child.metadata.deletion_timestamp.is_some();
    let child = stage.wait_for::<ConfigMap>("a-0", "it is garbage", is_deleting).await;
    assert_eq!(controller(&child), old.uid());

    stage.wire.clear();
    let new = stage.site_of("a", "new", 1).await;
    let message = stage
        .wait_condition("a", "Ready", "False", "AwaitingGarbageCollection")
        .await;
    assert!(message.contains("a-0") && message.contains("Site `a`"), "{message}");
    stage.rest().await;
    assert_eq!(stage.config_maps().await["a-0"], child);
    hold(&stage, "a-0", false).await;
    let after = stage.wait_message("a-0", "new").await;
    assert_eq!(controller(&after), new.uid());
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
}

async fn nothing_of_an_old_turn_lands_on_a_recreated_parent(stage: Stage) {
    let gate = Gate::default();
    let passed = gate.clone();
    let sync = move |request: SyncRequest<SiteOperator>| {
        let gate = passed.clone();
        async move {
            gate.pass().await;
            Ok::<_, Error>(fan_out(&request))
        }
    };
    gate.close();
    let handle = stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await;
    let old = stage.site_of("a", "old", 2).await;
    gate.wait_came(1).await;
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;
    let new = stage.site_of("a", "new", 1).await;
    gate.open();
    stage.wait_message("a-0", "new").await;
    stage.wait_gone::<ConfigMap>("a-1").await;
    stage.wait_settled("a").await;
    stage.rest().await;

    let children = stage.config_maps().await;
    assert_eq!(children.keys().collect::<Vec<_>>(), ["a-0"]);
    assert_eq!(controller(&children["a-0"]), new.uid());
    let statuses: Vec<_> = stage
        .wire
        .writes()
        .into_iter()
        .filter(|sent| sent.path.ends_with("/status"))
        .collect();
    for sent in &statuses {
        let text = sent.body.to_string();
        assert!(text.contains(&uid(&new)) && !text.contains(&uid(&old)), "{sent:#?}");
        assert!(
            !text.contains("\"old\""),
            "what the old one said was told of the new one: {sent:#?}"
        );
    }
    assert!(!statuses.is_empty());
    handle.shutdown().await.unwrap();
}

// Others who write.

async fn a_forced_apply_by_another_manager_is_taken_back_once(stage: Stage) {
    let handle = start(&stage).await;
    stage.site_of("a", "ours", 1).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    stage.wire.clear();
    let forced = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a-0"}, "data": {"message": "theirs", "more": "theirs"},
    });
    let params = PatchParams::apply("kubectl").force();
    let config_maps = stage.api::<ConfigMap>();
    config_maps.patch("a-0", &params, &Patch::Apply(&forced)).await.unwrap();
    let child = stage.wait_message("a-0", "ours").await;
    assert_eq!(child.data.unwrap().get("more").map(String::as_str), Some("theirs"));
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["APPLY 200"]);
    assert_eq!(stage.asked("sites").len(), 0, "the status says nothing new");
    handle.shutdown().await.unwrap();
}

/// Edits an object as `kubectl edit` does: reads it, and replaces what was read, again if somebody was faster.
async fn replace<K>(stage: &Stage, name: &str, edit: impl Fn(&mut K))
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + Serialize
        + for<'de> Deserialize<'de>,
{
    let api = stage.api::<K>();
    eventually("the edit is taken", async || {
        let mut object = api.get(name).await.ok()?;
        edit(&mut object);
        api.replace(name, &PostParams::default(), &object).await.ok()
    })
    .await;
}

async fn edits_of_many_at_a_time_neither_conflict_nor_get_lost(stage: Stage) {
    let handle = start(&stage).await;
    stage.site_of("a", "start", 1).await;
    stage.wait_settled("a").await;
    let child = stage.wait_message("a-0", "start").await;
    let speaker = async {
        for number in 0..12 {
            stage.say("a", &format!("word {number}")).await;
        }
    };
    let labeller = async {
        for number in 0..12 {
            let label = |site: &mut Site| {
                site.labels_mut().insert(format!("label-{number}"), "set".to_owned());
            };
            replace(&stage, "a", label).await;
        }
    };
    let meddler = async {
        for number in 0..12 {
            let meddle = |child: &mut ConfigMap| {
                let data = child.data.get_or_insert_default();
                data.insert("message".to_owned(), format!("meddled {number}"));
                data.insert(format!("more-{number}"), "theirs".to_owned());
            };
            replace(&stage, "a-0", meddle).await;
        }
    };
    futures::join!(speaker, labeller, meddler);
    stage.wait_message("a-0", "word 11").await;
    let site = stage.wait_settled("a").await;
    assert_eq!(site.status.as_ref().map(|status| &*status.message), Some("word 11"));
    assert_eq!(site.labels().len(), 12);
    stage.rest().await;
    let after = stage.wait_message("a-0", "word 11").await;
    assert_eq!(uid(&after), uid(&child));
    assert_eq!(after.data.unwrap().len(), 13, "what others added is theirs");
    let failed: Vec<_> = stage
        .wire
        .others()
        .into_iter()
        .filter(|sent| sent.code.is_none_or(|code| !code.is_success()))
        .collect();
    assert!(failed.is_empty(), "no write of ours conflicts: {failed:#?}");
    handle.shutdown().await.unwrap();
}

async fn a_terminating_child_is_waited_for_and_reported(stage: Stage) {
    let handle = start(&stage).await;
    stage.site_of("a", "one", 2).await;
    stage.wait_settled("a").await;
    hold(&stage, "a-0", true).await;
    stage.rest().await;
    stage.delete::<ConfigMap>("a-0").await;
    let dying = stage.config_maps().await["a-0"].clone();
    assert!(dying.metadata.deletion_timestamp.is_some());
    stage.wire.clear();
    stage.say("a", "two").await;
    stage.wait_message("a-1", "two").await;
    let message = stage.wait_condition("a", "Reconciling", "True", "").await;
    assert!(message.contains("a-0"), "{message}");
    stage.rest().await;
    assert_eq!(stage.config_maps().await["a-0"], dying);
    assert_eq!(stage.asked("configmaps"), ["APPLY 200"], "to `a-1` alone");
    let site = stage.api::<Site>().get("a").await.unwrap();
    assert_eq!(
        condition(&site, "Ready").map(|(status, ..)| status).as_deref(),
        Some("False")
    );
    hold(&stage, "a-0", false).await;
    let after = stage.wait_message("a-0", "two").await;
    assert_ne!(uid(&after), uid(&dying));
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["APPLY 200", "POST 201"]);
    handle.shutdown().await.unwrap();
}

/// A parent that outlives the namespace that its child is in.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(
    group = "conflicts.example.com",
    version = "v1",
    kind = "Domain",
    status = "SiteStatus"
)]
struct DomainSpec {
    namespace: String,
}

#[operator(parent = Domain, children(ConfigMap = apply))]
struct DomainOperator;

fn sync_domain(request: &SyncRequest<DomainOperator>) -> Result<SyncResponse<DomainOperator>> {
    let child = ConfigMap {
        metadata: ObjectMeta {
            namespace: Some(request.parent().spec.namespace.clone()),
            ..request.child_meta("child")
        },
        ..ConfigMap::default()
    };
    Ok(SyncResponse::new().child(child))
}

/// Waits for a [`Domain`]'s condition, and returns its message.
async fn wait_domain(domains: &Api<Domain>, name: &str, status: &str, reason: &str) -> String {
    eventually(&format!("Ready is {status} ({reason})"), async || {
        let domain = domains.get(name).await.ok()?;
        let conditions = domain.status?.conditions?;
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready")?;
        let is_it = ready["status"] == status && ready["reason"] == reason;
        is_it.then(|| ready["message"].as_str().unwrap_or_default().to_owned())
    })
    .await
}

async fn a_terminating_namespace_makes_no_hot_loop_and_is_overcome(stage: Stage) {
    install(&stage.client, &DomainOperator::crd()).await;
    let config = stage.config_of::<DomainOperator>();
    // The namespace's Role goes with it.
    let rules = rbac::rules(&ManifestInput::from_config(&config), &config.parent().crd_name());
    stage
        .bind(&format!("{}-rules", stage.namespace), rules.namespaced)
        .await;
    let handle = stage.start_with::<DomainOperator, _, _>(config, sync_domain).await;
    let spec = DomainSpec {
        namespace: stage.namespace.clone(),
    };
    let domains = Api::<Domain>::all(stage.client.clone());
    domains
        .create(&PostParams::default(), &Domain::new("d", spec))
        .await
        .unwrap();
    wait_domain(&domains, "d", "True", "Reconciled").await;
    stage.create(theirs("held", ObjectMeta::default())).await;
    hold(&stage, "held", true).await;
    stage.rest().await;
    let attempts: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let noted = attempts.clone();
    stage.wire.fault(move |sent| {
        if sent.method == Method::POST && sent.path.ends_with("/configmaps") {
            noted.lock().unwrap().push(Instant::now());
        }
        None
    });

    stage.wire.clear();
    let namespaces = Api::<Namespace>::all(stage.client.clone());
    namespaces
        .delete(&stage.namespace, &DeleteParams::background())
        .await
        .unwrap();
    let message = wait_domain(&domains, "d", "False", "ChildRefused").await;
    assert!(message.contains("being terminated"), "{message}");
    eventually("eight attempts", async || {
        (attempts.lock().unwrap().len() >= 8).then_some(())
    })
    .await;
    let times = attempts.lock().unwrap().clone();
    let took = times[7] - times[0];
    let delays = Duration::from_millis(50 + 100 + 200 + 400 + 800 + 1600 + 2000);
    assert!(took >= delays, "seven retries took {took:?}");
    let reported = stage.asked("domains");
    let reported: Vec<_> = reported.iter().filter(|sent| !sent.starts_with("GET")).collect();
    assert_eq!(reported, ["STATUS 200"], "the same news are told once");

    hold(&stage, "held", false).await;
    eventually("the namespace is gone", async || {
        namespaces.get_opt(&stage.namespace).await.ok()?.is_none().then_some(())
    })
    .await;
    let again = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stage.namespace}});
    let again = serde_json::from_value(again).unwrap();
    namespaces.create(&PostParams::default(), &again).await.unwrap();
    wait_domain(&domains, "d", "True", "Reconciled").await;
    assert!(stage.config_maps().await.contains_key("d-child"));
    handle.shutdown().await.unwrap();
    domains.delete("d", &DeleteParams::background()).await.unwrap();
}

// Two operators of one parent.

#[operator(parent = Site, children(ConfigMap = apply))]
struct LeftOperator;

#[operator(parent = Site, children(ConfigMap = apply))]
struct RightOperator;

/// The parent's `extra` says which children each operator has: `{"left": ["name"], "right": []}`.
fn told<O>(request: &SyncRequest<O>, side: &str) -> SyncResponse<O>
where
    O: roperator::Operator<Parent = Site> + roperator::Declares<ConfigMap>,
{
    let names = request
        .parent()
        .spec
        .extra
        .as_ref()
        .and_then(|extra| extra[side].as_array());
    let child = |name: &Value| ConfigMap {
        metadata: request.child_meta(name.as_str().unwrap_or_default()),
        data: Some([("message".to_owned(), side.to_owned())].into()),
        ..ConfigMap::default()
    };
    SyncResponse::new().children(names.into_iter().flatten().map(child))
}

async fn start_both(stage: &Stage) -> roperator::OperatorHandle {
    let left = stage.config_of::<LeftOperator>();
    let right = stage.config_of::<RightOperator>();
    stage.grant(&left).await;
    stage.grant(&right).await;
    let sync_left =
        |request: &SyncRequest<LeftOperator>| -> Result<SyncResponse<LeftOperator>> { Ok(told(request, "left")) };
    let sync_right =
        |request: &SyncRequest<RightOperator>| -> Result<SyncResponse<RightOperator>> { Ok(told(request, "right")) };
    let runtime = Runtime::new(stage.operator_client())
        .add_with::<LeftOperator, _, _>(left, sync_left)
        .add_with::<RightOperator, _, _>(right, sync_right);
    stage.launch(runtime).await
}

async fn operators_of_one_parent_prune_only_their_own_children(stage: Stage) {
    let handle = start_both(&stage).await;
    stage.site("a", "").await;
    stage
        .edit::<Site>(
            "a",
            json!({"spec": {"extra": {"left": ["l1", "l2"], "right": ["r1", "r2"]}}}),
        )
        .await;
    for (name, side) in [("a-l1", "left"), ("a-l2", "left"), ("a-r1", "right"), ("a-r2", "right")] {
        stage.wait_message(name, side).await;
    }
    stage.rest().await;
    let before = stage.config_maps().await;
    stage
        .edit::<Site>("a", json!({"spec": {"extra": {"left": ["l1"]}}}))
        .await;
    stage.wait_gone::<ConfigMap>("a-l2").await;
    stage.rest().await;
    let mut expected = before;
    expected.remove("a-l2");
    assert_eq!(stage.config_maps().await, expected);
    stage
        .edit::<Site>("a", json!({"spec": {"extra": {"left": [], "right": ["r2"]}}}))
        .await;
    stage.wait_gone::<ConfigMap>("a-l1").await;
    stage.wait_gone::<ConfigMap>("a-r1").await;
    stage.rest().await;
    expected.retain(|name, _| name == "a-r2");
    assert_eq!(stage.config_maps().await, expected);
    handle.shutdown().await.unwrap();
}

async fn operators_of_one_parent_that_want_the_same_child_do_not_fight_over_it(stage: Stage) {
    let handle = start_both(&stage).await;
    stage.site("a", "").await;
    stage
        .edit::<Site>("a", json!({"spec": {"extra": {"left": ["same"]}}}))
        .await;
    let before = stage.wait_message("a-same", "left").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    stage
        .edit::<Site>("a", json!({"spec": {"extra": {"right": ["same"]}}}))
        .await;
    let site = stage.api::<Site>().get("a").await.unwrap();
    let event = wait_event(&stage, &site, "ForeignObject").await;
    let note = event.note.unwrap_or_default();
    assert!(note.contains("a-same") && note.contains("`left`"), "{note}");
    // The right one's retries grow rarer up to every two seconds; what they find stays as it is.
    let refused = async || {
        let posts = stage
            .asked("configmaps")
            .into_iter()
            .filter(|asked| asked == "POST 409")
            .count();
        (posts >= 4).then_some(())
    };
    eventually("four refusals", refused).await;
    assert_eq!(stage.config_maps().await["a-same"], before);
    handle.shutdown().await.unwrap();
}
