//! The parent's status: what is written into it, when, and how seldom.

use std::{sync::Arc, time::Duration};

use k8s_openapi::{
    api::core::v1::ConfigMap, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, CustomResource, ResourceExt,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use roperator::{
    ChildConfig, Condition, ConditionStatus, Dynamic, Kind, OperatorConfig, OperatorHandle, Scope, k8s_types,
    prelude::*,
};
use roperator_tests::{
    kinds::{Site, SiteOperator, SiteStatus},
    stage::{Stage, condition, conditions, eventually, install},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

crate::scenarios![
    shared:
        the_observed_generation_follows_the_generation,
        all_is_well_is_one_condition,
        a_condition_keeps_the_time_of_its_transition_while_its_status_is_the_same,
        fields_of_the_user_are_written_and_dropped,
        a_response_without_a_status_keeps_the_fields_that_are_there,
        each_distinct_status_costs_one_write_and_the_same_none,
        a_foreign_edit_of_the_status_is_repaired_with_one_write,
        a_status_that_somebody_emptied_is_written_again_once,
        a_status_that_is_overwritten_again_and_again_makes_no_hot_loop,
        a_status_write_conflicts_with_nobody,
        a_recreated_parent_never_gets_the_status_of_the_old_turn,
        a_parent_whose_status_does_not_decode_is_still_a_parent,
        a_response_can_say_that_the_parent_is_not_ready,
        a_condition_of_the_users_comes_and_goes,
        a_ready_condition_of_the_users_replaces_the_runtimes,
        null_fields_in_a_status_settle,
        a_parent_without_a_status_subresource_is_reconciled_without_a_status,
        a_schema_without_conditions_and_generation_costs_no_repeated_writes,
        a_status_field_that_the_schema_defaults_costs_nothing_on_restart,
        a_status_field_that_the_schema_prunes_costs_nothing_at_rest_and_on_restart,
        a_status_that_the_schema_refuses_is_reported_and_does_not_spin;
    own:
];

type Response = SyncResponse<Dynamic>;

/// An operator without types and children whose response follows from the parent's message.
async fn start(stage: &Stage, config: OperatorConfig, respond: fn(&str) -> Response) -> OperatorHandle {
    let sync = move |request: &SyncRequest<Dynamic>| -> Result<Response> {
        let parent = request.parent_object().to_value();
        Ok(respond(
            parent
                .pointer("/spec/message")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        ))
    };
    stage.start_dynamic(config, sync).await
}

/// The same for [`Site`] parents, with back-offs that are not over before the scenario is.
async fn start_site(stage: &Stage, respond: fn(&str) -> Response) -> OperatorHandle {
    let config = stage
        .dynamic_config("site")
        .with_backoff(Duration::from_millis(50), Duration::from_secs(600));
    start(stage, config, respond).await
}

fn said(message: &str) -> Response {
    SyncResponse::from_status(json!({"message": message, "observed": 0}))
}

/// The schema of what the runtime writes.
fn own_properties() -> Value {
    let condition = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({"observedGeneration": {"type": "integer"}, "conditions": {"type": "array", "items": condition}})
}

/// Defines a kind of the stage's own, whose status has these properties, and returns it.
async fn define(stage: &Stage, subresources: Value, properties: Value) -> Kind {
    let group = format!("{}.example.com", stage.namespace);
    let spec = json!({"type": "object", "properties": {"message": {"type": "string"}}});
    let status = json!({"type": "object", "properties": properties});
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}});
    let crd = json!({
        "metadata": {"name": format!("pages.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"plural": "pages", "singular": "page", "kind": "Page"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema, "subresources": subresources}],
        },
    });
    let crd: CustomResourceDefinition = serde_json::from_value(crd).unwrap();
    install(&stage.client, &crd).await;
    Kind::dynamic(format!("{group}/v1"), "Page", "pages", Scope::Namespaced)
}

fn page_config(stage: &Stage, kind: &Kind) -> OperatorConfig {
    stage.config(OperatorConfig::new("page", kind.clone()))
}

/// The objects of a defined kind in the stage's namespace.
fn pages(stage: &Stage, kind: &Kind) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk(kind.group(), kind.version(), kind.kind());
    Api::namespaced_with(
        stage.client.clone(),
        &stage.namespace,
        &ApiResource::from_gvk_with_plural(&gvk, kind.plural()),
    )
}

async fn create_page(stage: &Stage, kind: &Kind, message: &str) {
    let page = json!({"apiVersion": kind.api_version(), "kind": "Page", "metadata": {"name": "a"}, "spec": {"message": message}});
    let page: DynamicObject = serde_json::from_value(page).unwrap();
    // A definition that has just been established may take another moment until it is served.
    eventually("it can be created", async || {
        pages(stage, kind).create(&PostParams::default(), &page).await.ok()
    })
    .await;
}

async fn edit_page(stage: &Stage, kind: &Kind, patch: Value) {
    pages(stage, kind)
        .patch("a", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
}

async fn wait_page(stage: &Stage, kind: &Kind, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || {
        let found = pages(stage, kind).get("a").await.ok()?;
        let status = found.data.get("status").cloned().unwrap_or_default();
        is_it(&status).then_some(status)
    })
    .await
}

/// Edits the status, as somebody else than the operator.
async fn edit_status(stage: &Stage, site: &str, patch: Value) {
    let params = PatchParams {
        field_manager: Some("somebody".to_owned()),
        ..PatchParams::default()
    };
    stage
        .api::<Site>()
        .patch_status(site, &params, &Patch::Merge(patch))
        .await
        .unwrap();
}

/// The bodies of the statuses that were written, in order.
fn written(stage: &Stage) -> Vec<Value> {
    let statuses = stage
        .wire
        .writes()
        .into_iter()
        .filter(|sent| sent.path.ends_with("/status"));
    statuses.map(|sent| sent.body[1]["value"].clone()).collect()
}

fn time_of(site: &Site, type_: &str) -> String {
    let conditions = site.status.as_ref().and_then(|status| status.conditions.as_ref());
    let found = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == type_);
    found
        .and_then(|found| found["lastTransitionTime"].as_str())
        .expect("the condition has a time")
        .to_owned()
}

fn status_of(site: &Site, type_: &str) -> Option<String> {
    condition(site, type_).map(|(status, ..)| status)
}

/// Makes the operator sync the stage's page without a reason to write anything, and then start anew.
async fn page_costs_nothing(stage: &Stage, kind: &Kind, handle: OperatorHandle, respond: fn(&str) -> Response) {
    stage.rest().await;
    stage.wire.clear();
    edit_page(stage, kind, json!({"metadata": {"labels": {"touched": "yes"}}})).await;
    let sent = stage.rest().await;
    assert!(sent.is_empty(), "a sync that changes nothing asks nothing: {sent:#?}");
    handle.shutdown().await.unwrap();
    let handle = start(stage, page_config(stage, kind), respond).await;
    stage.rest().await;
    assert!(
        stage.wire.writes().is_empty(),
        "a restart writes nothing: {:#?}",
        stage.wire.writes()
    );
    handle.shutdown().await.unwrap();
}

// What it holds.

async fn the_observed_generation_follows_the_generation(stage: Stage) {
    let handle = start_site(&stage, said).await;
    stage.site("a", "one").await;
    for generation in 1..=3 {
        let site = stage.wait_settled("a").await;
        assert_eq!(site.metadata.generation, Some(generation));
        let status = site.status.expect("a status");
        assert_eq!(status.observed_generation, Some(generation));
        assert!(
            status
                .conditions
                .iter()
                .flatten()
                .all(|condition| condition["observedGeneration"] == generation)
        );
        stage.rest().await;
        assert_eq!(
            stage.asked("sites").len(),
            usize::try_from(generation).unwrap(),
            "one write a generation"
        );
        stage.say("a", &format!("next after {generation}")).await;
    }
    handle.shutdown().await.unwrap();
}

async fn all_is_well_is_one_condition(stage: Stage) {
    let handle = start_site(&stage, said).await;
    stage.site("a", "one").await;
    let site = stage.wait_settled("a").await;
    let is_true: Vec<_> = conditions(&site)
        .into_iter()
        .filter(|(_, status, ..)| status == "True")
        .map(|(type_, ..)| type_)
        .collect();
    assert_eq!(is_true, ["Ready"], "neither reconciling nor stalled");
    assert_eq!(condition(&site, "Ready").unwrap().1, "Reconciled");
    let time: jiff::Timestamp = time_of(&site, "Ready").parse().expect("a time as RFC 3339 has it");
    let age = jiff::Timestamp::now().duration_since(time).as_secs();
    assert!((-1..=60).contains(&age), "{time}");
    handle.shutdown().await.unwrap();
}

async fn a_condition_keeps_the_time_of_its_transition_while_its_status_is_the_same(stage: Stage) {
    let handle = start_site(&stage, |message| {
        if message.starts_with("down") {
            said(message).not_ready("Down", format!("it is {message}"))
        } else {
            said(message)
        }
    })
    .await;
    stage.site("a", "up").await;
    let up = time_of(&stage.wait_settled("a").await, "Ready");
    // Times are in seconds: each rest is longer than one.
    stage.rest().await;
    stage.say("a", "up again").await;
    stage
        .wait_for::<Site>("a", "it is observed", |site| {
            site.status
                .as_ref()
                .is_some_and(|status| status.observed_generation == Some(2))
        })
        .await;
    assert_eq!(time_of(&stage.wait_settled("a").await, "Ready"), up);
    stage.say("a", "down").await;
    stage.wait_condition("a", "Ready", "False", "Down").await;
    let down = time_of(&stage.api::<Site>().get("a").await.unwrap(), "Ready");
    assert!(down > up, "{down} > {up}");
    stage.rest().await;
    stage.say("a", "down and out").await;
    let has_new_message =
        |site: &Site| condition(site, "Ready").is_some_and(|(_, _, message)| message == "it is down and out");
    let site = stage.wait_for("a", "the message is another one", has_new_message).await;
    assert_eq!(
        time_of(&site, "Ready"),
        down,
        "the status is the same, whatever the message"
    );
    handle.shutdown().await.unwrap();
}

async fn fields_of_the_user_are_written_and_dropped(stage: Stage) {
    let mut properties = own_properties();
    for name in ["a", "b"] {
        properties[name] = json!({"type": "object", "properties": {"x": {"type": "string"}, "y": {"type": "string"}}});
    }
    let kind = define(&stage, json!({"status": {}}), properties).await;
    let handle = start(&stage, page_config(&stage, &kind), |message| {
        SyncResponse::from_status(match message {
            "all" => json!({"a": {"x": "1", "y": "2"}, "b": {"x": "3"}}),
            "some" => json!({"a": {"x": "1"}}),
            _ => json!({}),
        })
    })
    .await;
    create_page(&stage, &kind, "all").await;
    let expected = [
        ("all", json!({"a": {"x": "1", "y": "2"}, "b": {"x": "3"}})),
        ("some", json!({"a": {"x": "1"}})),
        ("none", json!({})),
    ];
    for (message, expected) in expected {
        edit_page(&stage, &kind, json!({"spec": {"message": message}})).await;
        wait_page(&stage, &kind, message, |status| {
            let mut fields = status.clone();
            let Some(fields) = fields.as_object_mut() else {
                return false;
            };
            let is_ours = fields.remove("conditions").is_some() && fields.remove("observedGeneration").is_some();
            is_ours && Value::Object(fields.clone()) == expected
        })
        .await;
    }
    handle.shutdown().await.unwrap();
}

async fn a_response_without_a_status_keeps_the_fields_that_are_there(stage: Stage) {
    let handle = start_site(&stage, |message| {
        if message == "silent" {
            SyncResponse::new()
        } else {
            said(message)
        }
    })
    .await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.say("a", "silent").await;
    stage
        .wait_for::<Site>("a", "it is observed", |site| {
            site.status
                .as_ref()
                .is_some_and(|status| status.observed_generation == Some(2))
        })
        .await;
    let site = stage.wait_settled("a").await;
    assert_eq!(site.status.unwrap().message, "one");
    handle.shutdown().await.unwrap();
}

// How seldom it is written.

async fn each_distinct_status_costs_one_write_and_the_same_none(stage: Stage) {
    fn sync(request: &SyncRequest<SiteOperator>) -> Result<SyncResponse<SiteOperator>> {
        let child = request.children().config_maps().first();
        let theirs = child
            .and_then(|child| child.data.as_ref())
            .and_then(|data| data.get("theirs"));
        let status = SiteStatus {
            message: theirs.cloned().unwrap_or_default(),
            ..Default::default()
        };
        Ok(SyncResponse::from_status(status).child(ConfigMap {
            metadata: request.child_meta("config"),
            ..Default::default()
        }))
    }
    let handle = stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    for patch in [
        json!({"data": {"theirs": "x"}}),
        // Neither of these is anything to the status.
        json!({"data": {"unrelated": "y"}}),
        json!({"metadata": {"labels": {"unrelated": "y"}}}),
        json!({"data": {"theirs": "z"}}),
        json!({"data": {"theirs": null}}),
    ] {
        stage.edit::<ConfigMap>("a-config", patch).await;
        stage.rest().await;
    }
    let messages: Vec<Value> = written(&stage)
        .into_iter()
        .map(|status| status["message"].clone())
        .collect();
    assert_eq!(messages, ["", "x", "z", ""]);
    assert_eq!(stage.wire.writes().len(), 5, "those and the child");
    handle.shutdown().await.unwrap();
}

async fn a_foreign_edit_of_the_status_is_repaired_with_one_write(stage: Stage) {
    let handle = start_site(&stage, said).await;
    stage.site("a", "one").await;
    let before = stage.wait_settled("a").await;
    let theirs = json!({"status": {"message": "hacked", "observedGeneration": 99, "conditions": [
        {"type": "Theirs", "status": "True", "reason": "Theirs", "message": "", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}});
    edit_status(&stage, "a", theirs).await;
    let is_repaired = |site: &Site| {
        site.status
            .as_ref()
            .is_some_and(|status| status.message == "one" && status.observed_generation == Some(1))
    };
    let site = stage.wait_for("a", "it is repaired", is_repaired).await;
    assert_eq!(conditions(&site), conditions(&before));
    stage.rest().await;
    assert_eq!(stage.asked("sites"), ["STATUS 200", "STATUS 200"]);
    handle.shutdown().await.unwrap();
}

async fn a_status_that_somebody_emptied_is_written_again_once(stage: Stage) {
    let handle = start_site(&stage, said).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    let patch: Patch<()> = Patch::Json(serde_json::from_value(json!([{"op": "remove", "path": "/status"}])).unwrap());
    stage
        .api::<Site>()
        .patch_status("a", &PatchParams::default(), &patch)
        .await
        .unwrap();
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("sites"), ["STATUS 200", "STATUS 200"]);
    handle.shutdown().await.unwrap();
}

async fn a_status_write_conflicts_with_nobody(stage: Stage) {
    let handle = start_site(&stage, said).await;
    stage.site("a", "m0").await;
    // Others write the parent without a pause, so that no version that the operator sees is the present one for long.
    for number in 1..30 {
        stage.edit::<Site>("a", json!({"spec": {"message": format!("m{number}")}, "metadata": {"annotations": {"theirs": number.to_string()}}})).await;
    }
    let site = stage.wait_settled("a").await;
    assert_eq!(site.status.unwrap().message, "m29");
    stage.rest().await;
    let asked = stage.asked("sites");
    assert!(asked.iter().all(|asked| asked == "STATUS 200"), "{asked:?}");
    handle.shutdown().await.unwrap();
}

/// Two operators, or an operator and another controller, that each write the whole status.
async fn a_status_that_is_overwritten_again_and_again_makes_no_hot_loop(stage: Stage) {
    let handle = stage.start_desired(&[], |_| Vec::new()).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.wire.clear();
    let api = stage.api::<Site>();
    let other = tokio::spawn(async move {
        let theirs = Patch::Merge(json!({"status": {"message": "theirs"}}));
        loop {
            // Whether it has been written again does not matter.
            let _ = api.patch_status("a", &PatchParams::default(), &theirs).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    tokio::time::sleep(Duration::from_secs(4)).await;
    let writes = written(&stage).len();
    // Four at once, and after 0.1, 0.2, 0.4, 0.8, 1.6 s.
    assert!((5..=10).contains(&writes), "{writes} writes");
    // A new status is news, and written at once.
    stage.say("a", "two").await;
    eventually("the new status is written", async || {
        written(&stage)
            .iter()
            .any(|status| status["message"] == "two")
            .then_some(())
    })
    .await;
    other.abort();
    // Theirs leaves the generation and the conditions as they are, so that these tell nothing.
    let says_two = |site: &Site| site.status.as_ref().is_some_and(|status| status.message == "two");
    stage
        .wait_for::<Site>("a", "the operator has the last word", says_two)
        .await;
    handle.shutdown().await.unwrap();
}

async fn a_recreated_parent_never_gets_the_status_of_the_old_turn(stage: Stage) {
    let (entered, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (entered.clone(), gate.clone());
    let sync = move |request: SyncRequest<SiteOperator>| {
        let (tell, wait) = (tell.clone(), wait.clone());
        async move {
            let message = request.parent().spec.message.clone();
            if message == "old" {
                tell.notify_one();
                wait.notified().await;
            }
            Ok::<_, Error>(SyncResponse::from_status(SiteStatus {
                message,
                ..Default::default()
            }))
        }
    };
    let handle = stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await;
    let old = stage.site("a", "old").await;
    entered.notified().await;
    stage.delete::<Site>("a").await;
    let new = stage.site("a", "new").await;
    assert_ne!(old.uid(), new.uid());
    gate.notify_one();
    let site = stage.wait_settled("a").await;
    assert_eq!(site.status.unwrap().message, "new");
    stage.rest().await;
    assert!(
        written(&stage).iter().all(|status| status["message"] == "new"),
        "{:#?}",
        stage.wire.writes()
    );
    assert_eq!(written(&stage).len(), 1);
    handle.shutdown().await.unwrap();
}

/// A parent whose definition keeps any status.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(
    group = "tests.example.com",
    version = "v1",
    kind = "Loose",
    plural = "looses",
    namespaced,
    status = "LooseStatus"
)]
pub struct LooseSpec {
    /// What the status says.
    pub message: String,
}

/// Its status, as its operator knows it.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
pub struct LooseStatus {
    /// What the spec says.
    pub message: String,
}

/// Repeats messages.
#[operator(parent = Loose, children())]
pub struct LooseOperator;

#[sync]
fn repeat(request: &SyncRequest<LooseOperator>) -> Result<SyncResponse<LooseOperator>> {
    let message = request.parent().spec.message.clone();
    Ok(SyncResponse::from_status(LooseStatus { message }))
}

async fn a_parent_whose_status_does_not_decode_is_still_a_parent(stage: Stage) {
    let mut crd = LooseOperator::crd();
    let schema = crd.spec.versions[0]
        .schema
        .as_mut()
        .and_then(|schema| schema.open_api_v3_schema.as_mut());
    let keeps_all =
        serde_json::from_value(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})).unwrap();
    schema
        .and_then(|schema| schema.properties.as_mut())
        .unwrap()
        .insert("status".to_owned(), keeps_all);
    install(&stage.client, &crd).await;
    let api = stage.api::<Loose>();
    let untyped = ApiResource::erase::<Loose>(&());
    let untyped: Api<DynamicObject> = Api::namespaced_with(stage.client.clone(), &stage.namespace, &untyped);
    let broken = json!({"status": {"message": {"not": "a string"}, "unknown": 5}});
    let loose = Loose::new(
        "a",
        LooseSpec {
            message: "one".to_owned(),
        },
    );
    eventually("it can be created", async || {
        api.create(&PostParams::default(), &loose).await.ok()
    })
    .await;
    untyped
        .patch_status("a", &PatchParams::default(), &Patch::Merge(&broken))
        .await
        .unwrap();
    let handle = stage.start(LooseOperator).await;
    stage
        .wait_for::<Loose>("a", "it has a status that decodes", |found| {
            found.status.as_ref().is_some_and(|status| status.message == "one")
        })
        .await;
    stage.rest().await;
    assert_eq!(stage.asked("looses"), ["STATUS 200"]);
    let [status] = &written(&stage)[..] else {
        panic!("one status")
    };
    assert!(status.get("unknown").is_none(), "{status}");
    assert_eq!(status["conditions"][0]["status"], "True", "{status}");
    handle.shutdown().await.unwrap();
}

// Conditions of the user's.

async fn a_response_can_say_that_the_parent_is_not_ready(stage: Stage) {
    let handle = start_site(&stage, |message| match message {
        "one" => said(message).not_ready("WaitingForPods", "2 of 3 Pods are ready"),
        _ => said(message),
    })
    .await;
    stage.site("a", "one").await;
    let message = stage.wait_condition("a", "Ready", "False", "WaitingForPods").await;
    assert_eq!(message, "2 of 3 Pods are ready");
    assert_eq!(
        stage.wait_condition("a", "Reconciling", "True", "WaitingForPods").await,
        message
    );
    assert_ne!(
        status_of(&stage.api::<Site>().get("a").await.unwrap(), "Stalled").as_deref(),
        Some("True")
    );
    stage.rest().await;
    assert_eq!(stage.asked("sites"), ["STATUS 200"]);
    stage.say("a", "two").await;
    let site = stage.wait_settled("a").await;
    assert_ne!(status_of(&site, "Reconciling").as_deref(), Some("True"));
    handle.shutdown().await.unwrap();
}

async fn a_condition_of_the_users_comes_and_goes(stage: Stage) {
    let handle = start_site(&stage, |message| match message {
        "one" => said(message).condition(Condition::new(
            "Certified",
            ConditionStatus::Unknown,
            "Asking",
            "the authority was asked",
        )),
        _ => said(message),
    })
    .await;
    stage.site("a", "one").await;
    let site = stage.wait_settled("a").await;
    assert_eq!(
        condition(&site, "Certified"),
        Some((
            "Unknown".to_owned(),
            "Asking".to_owned(),
            "the authority was asked".to_owned()
        ))
    );
    let _: jiff::Timestamp = time_of(&site, "Certified").parse().expect("the runtime adds the time");
    stage.rest().await;
    stage
        .edit::<Site>("a", json!({"metadata": {"labels": {"touched": "yes"}}}))
        .await;
    stage.rest().await;
    assert_eq!(
        stage.asked("sites"),
        ["STATUS 200"],
        "the same condition is no reason to write"
    );
    stage.say("a", "two").await;
    let is_gone = |site: &Site| {
        site.status.as_ref().is_some_and(|status| status.message == "two") && condition(site, "Certified").is_none()
    };
    stage.wait_for("a", "the condition is gone", is_gone).await;
    handle.shutdown().await.unwrap();
}

async fn a_ready_condition_of_the_users_replaces_the_runtimes(stage: Stage) {
    let handle = start_site(&stage, |message| {
        said(message).condition(Condition::new(
            "Ready",
            ConditionStatus::Unknown,
            "WhoKnows",
            "ask again",
        ))
    })
    .await;
    stage.site("a", "one").await;
    assert_eq!(
        stage.wait_condition("a", "Ready", "Unknown", "WhoKnows").await,
        "ask again"
    );
    let site = stage.api::<Site>().get("a").await.unwrap();
    assert_eq!(
        conditions(&site).iter().filter(|(type_, ..)| type_ == "Ready").count(),
        1
    );
    stage.rest().await;
    assert_eq!(stage.asked("sites"), ["STATUS 200"]);
    handle.shutdown().await.unwrap();
}

// Schemas.

async fn null_fields_in_a_status_settle(stage: Stage) {
    let mut properties = own_properties();
    properties["a"] = json!({"type": "string"});
    properties["b"] = json!({"type": "object", "properties": {"x": {"type": "string"}}});
    let kind = define(&stage, json!({"status": {}}), properties).await;
    let respond: fn(&str) -> Response = |_| SyncResponse::from_status(json!({"a": null, "b": {"x": null}}));
    let handle = start(&stage, page_config(&stage, &kind), respond).await;
    create_page(&stage, &kind, "one").await;
    wait_page(&stage, &kind, "it is written", |status| {
        status["observedGeneration"] == 1
    })
    .await;
    stage.rest().await;
    assert_eq!(stage.asked("pages"), ["STATUS 200"]);
    page_costs_nothing(&stage, &kind, handle, respond).await;
}

async fn a_parent_without_a_status_subresource_is_reconciled_without_a_status(stage: Stage) {
    let mut properties = own_properties();
    properties["message"] = json!({"type": "string"});
    let kind = define(&stage, json!({}), properties).await;
    let desired = |said: &str| {
        vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config"}, "data": {"message": said}}),
        ]
    };
    let config = || page_config(&stage, &kind).with_child(k8s_types::core::v1::ConfigMap, ChildConfig::apply());
    let handle = stage.start_desired_with(config(), desired).await;
    create_page(&stage, &kind, "one").await;
    stage.wait_message("a-config", "one").await;
    edit_page(&stage, &kind, json!({"spec": {"message": "two"}})).await;
    stage.wait_message("a-config", "two").await;
    stage.delete::<ConfigMap>("a-config").await;
    stage.wait_message("a-config", "two").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201", "APPLY 200", "POST 201"]);
    assert_eq!(stage.asked("pages"), ["GET 200"], "read once, for the child that went");
    handle.shutdown().await.unwrap();
    stage.wire.clear();
    let handle = stage.start_desired_with(config(), desired).await;
    stage.rest().await;
    assert!(stage.wire.writes().is_empty(), "{:#?}", stage.wire.writes());
    handle.shutdown().await.unwrap();
}

async fn a_schema_without_conditions_and_generation_costs_no_repeated_writes(stage: Stage) {
    let properties = json!({"message": {"type": "string"}, "observed": {"type": "integer"}});
    let kind = define(&stage, json!({"status": {}}), properties).await;
    let handle = start(&stage, page_config(&stage, &kind), said).await;
    create_page(&stage, &kind, "one").await;
    let status = wait_page(&stage, &kind, "it is written", |status| status["message"] == "one").await;
    assert_eq!(status, json!({"message": "one", "observed": 0}));
    stage.rest().await;
    assert_eq!(stage.asked("pages"), ["STATUS 200"]);
    edit_page(&stage, &kind, json!({"spec": {"message": "two"}})).await;
    wait_page(&stage, &kind, "it is written", |status| status["message"] == "two").await;
    stage.rest().await;
    assert_eq!(stage.asked("pages"), ["STATUS 200", "STATUS 200"]);
    page_costs_nothing(&stage, &kind, handle, said).await;
}

async fn a_status_field_that_the_schema_defaults_costs_nothing_on_restart(stage: Stage) {
    let mut properties = own_properties();
    properties["message"] = json!({"type": "string"});
    properties["replicas"] = json!({"type": "integer", "default": 1});
    let mode = json!({"type": "string", "default": "auto"});
    properties["nested"] =
        json!({"type": "object", "properties": {"mode": mode, "x": {"type": "string"}}, "default": {}});
    let kind = define(&stage, json!({"status": {}}), properties).await;
    let respond: fn(&str) -> Response = |message| SyncResponse::from_status(json!({"message": message}));
    let handle = start(&stage, page_config(&stage, &kind), respond).await;
    create_page(&stage, &kind, "one").await;
    let status = wait_page(&stage, &kind, "it is written", |status| status["message"] == "one").await;
    assert_eq!(
        (&status["replicas"], &status["nested"]["mode"]),
        (&json!(1), &json!("auto"))
    );
    stage.rest().await;
    assert_eq!(stage.asked("pages"), ["STATUS 200"]);
    page_costs_nothing(&stage, &kind, handle, respond).await;
}

async fn a_status_field_that_the_schema_prunes_costs_nothing_at_rest_and_on_restart(stage: Stage) {
    let mut properties = own_properties();
    properties["message"] = json!({"type": "string"});
    let kind = define(&stage, json!({"status": {}}), properties).await;
    let respond: fn(&str) -> Response =
        |message| SyncResponse::from_status(json!({"message": message, "unknown": {"a": 1}}));
    let handle = start(&stage, page_config(&stage, &kind), respond).await;
    create_page(&stage, &kind, "one").await;
    let status = wait_page(&stage, &kind, "it is written", |status| status["message"] == "one").await;
    assert_eq!(status.get("unknown"), None);
    stage.rest().await;
    assert_eq!(stage.asked("pages"), ["STATUS 200"]);
    page_costs_nothing(&stage, &kind, handle, respond).await;
}

async fn a_status_that_the_schema_refuses_is_reported_and_does_not_spin(stage: Stage) {
    let handle = start_site(&stage, |message| match message {
        "bad" => SyncResponse::from_status(json!({"message": 5})),
        _ => said(message),
    })
    .await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    stage.wire.clear();
    stage.say("a", "bad").await;
    let message = stage.wait_condition("a", "Ready", "False", "").await;
    assert!(message.contains("status.message"), "{message}");
    stage.rest().await;
    let asked = stage.asked("sites");
    assert!(asked.len() <= 3, "refused, and reported: {asked:?}");
    stage.rest().await;
    assert_eq!(stage.asked("sites").len(), asked.len(), "nobody tries again");
    stage.say("a", "two").await;
    let is_fine = |site: &Site| {
        site.status
            .as_ref()
            .is_some_and(|status| status.message == "two" && status.observed_generation == Some(3))
    };
    stage.wait_for("a", "all is well again", is_fine).await;
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
}
