//! Handlers that misbehave, and parents that make no sense.

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::{CustomResource, Resource, ResourceExt, api::ObjectMeta};
use roperator::{Dynamic, prelude::*};
use roperator_tests::{
    kinds::{Site, SiteOperator, SiteSpec, SiteStatus, fan_out},
    stage::{Stage, conditions, eventually},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

crate::scenarios![
    shared:
        a_failing_handler_is_retried_with_growing_delays_until_it_recovers,
        a_transient_error_touches_no_child_and_no_other_parent,
        a_terminal_error_stalls_and_touches_no_child_and_no_other_parent,
        a_panic_is_reported_and_touches_no_child_and_no_other_parent,
        a_handler_that_never_answers_is_reported_and_touches_no_child_and_no_other_parent,
        a_terminal_error_is_tried_again_only_when_something_changes,
        a_terminal_error_stays_terminal_through_question_marks,
        a_handler_is_dropped_at_its_deadline,
        a_blocking_handler_is_reported_and_does_not_run_twice_at_a_time,
        errors_that_never_read_the_same_make_no_hot_loop,
        a_child_of_an_undeclared_kind_spoils_the_response,
        a_child_in_a_foreign_namespace_spoils_the_response,
        a_child_returned_twice_spoils_the_response,
        a_child_without_a_name_spoils_the_response,
        a_child_without_a_kind_spoils_the_response,
        a_child_that_names_another_controller_spoils_the_response,
        everything_wrong_with_a_response_is_said_at_once,
        an_unknown_field_in_a_new_child_is_reported_and_nothing_created,
        an_unknown_field_in_an_existing_child_is_reported_and_nothing_changed,
        an_invalid_new_child_is_reported_and_nothing_created,
        an_invalid_change_of_a_child_is_reported_and_nothing_changed,
        a_parent_that_does_not_decode_is_reported_and_others_go_on,
        a_parent_that_decodes_no_longer_keeps_its_children,
        a_deleted_parent_that_decodes_no_longer_keeps_its_finalizer_until_it_is_mended,
        a_child_that_does_not_decode_discards_the_response,
        the_time_is_one_for_a_turn_and_goes_on,
        a_handler_is_called_for_its_own_writes_only_if_it_looks_at_the_children,
        a_resync_comes_after_its_delay_and_costs_no_request,
        the_responses_resync_goes_before_the_configured_one;
    own:
];

/// When a handler was called.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<Instant>>>);

impl Calls {
    /// Notes a call, and says how many came before.
    fn note(&self) -> usize {
        let mut calls = self.0.lock().unwrap();
        calls.push(Instant::now());
        calls.len() - 1
    }

    fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    fn number(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn gaps(&self) -> Vec<Duration> {
        let calls = self.0.lock().unwrap();
        calls.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    async fn wait(&self, number: usize) {
        eventually("the handler is called", async || {
            (self.number() >= number).then_some(())
        })
        .await;
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The status's conditions without their messages.
fn shown(site: &Site) -> Vec<(String, String, String)> {
    let all = conditions(site).into_iter();
    all.map(|(type_, status, reason, _)| (type_, status, reason)).collect()
}

/// The same objects without what every write changes: who wrote it and when.
fn contents(objects: BTreeMap<String, ConfigMap>) -> Vec<ConfigMap> {
    let all = objects.into_values();
    all.map(|mut object| {
        object.metadata.managed_fields = None;
        object.metadata.resource_version = None;
        object
    })
    .collect()
}

fn uids(objects: &BTreeMap<String, ConfigMap>) -> Vec<Option<String>> {
    objects.values().map(ResourceExt::uid).collect()
}

// Handlers that fail, panic or hang.

async fn a_failing_handler_is_retried_with_growing_delays_until_it_recovers(stage: Stage) {
    let (calls, closed) = (Calls::default(), Arc::new(AtomicBool::new(true)));
    let config = stage
        .config_of::<SiteOperator>()
        .with_backoff(millis(100), Duration::from_secs(20));
    let (noted, cloud) = (calls.clone(), closed.clone());
    let sync = move |request: &SyncRequest<SiteOperator>| -> Result<SyncResponse<SiteOperator>> {
        noted.note();
        if cloud.load(Ordering::SeqCst) {
            return Err(Error::transient("the cloud is closed"));
        }
        Ok(fan_out(request))
    };
    let handle = stage.start_with::<SiteOperator, _, _>(config, sync).await;
    stage.site_of("a", "one", 1).await;
    let message = stage.wait_condition("a", "Ready", "False", "HandlerFailed").await;
    assert_eq!(message, "the cloud is closed");
    calls.wait(6).await;
    // Nothing tells that the cloud is open again but the next attempt.
    closed.store(false, Ordering::SeqCst);
    let site = stage.wait_settled("a").await;
    assert_eq!(
        shown(&site),
        [("Ready".into(), "True".into(), "Reconciled".into())],
        "what was said of the failure is gone"
    );
    stage.wait_message("a-0", "one").await;
    for (number, gap) in calls.gaps().into_iter().take(5).enumerate() {
        let delay = millis(100 << number);
        assert!(
            gap >= delay,
            "retry {number} came after {gap:?} instead of {delay:?} or more"
        );
    }
    handle.shutdown().await.unwrap();
}

/// Does what the parent's message says, if that is one of these words.
async fn misbehave(request: SyncRequest<SiteOperator>) -> Result<SyncResponse<SiteOperator>> {
    match request.parent().spec.message.as_str() {
        "fail" => Err(Error::transient("the cloud is closed")),
        "stall" => Err(Error::terminal("there is no such cloud")),
        "panic" => panic!("the cloud is falling"),
        "hang" => pending().await,
        _ => Ok(fan_out(&request)),
    }
}

/// A parent with two children is told to make its handler misbehave: its children stay, its own fields of the status too,
/// another parent goes on; and all is well once the parent is mended.
async fn survives(stage: Stage, word: &str, reason: &str, message: &str, second_condition: &str) {
    let config = stage.config_of::<SiteOperator>().with_handler_deadline(millis(400));
    let handle = stage.start_with::<SiteOperator, _, _>(config, misbehave).await;
    stage.site_of("a", "good", 2).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let before = stage.config_maps().await;
    assert_eq!(before.len(), 2);

    stage
        .edit::<Site>("a", json!({"spec": {"message": word, "count": 0}}))
        .await;
    let said = stage.wait_condition("a", "Ready", "False", reason).await;
    assert!(said.contains(message), "{said}");
    stage.site("b", "good").await;
    stage.wait_settled("b").await;
    stage.rest().await;
    assert_eq!(stage.config_maps().await, before);
    let site = stage.api::<Site>().get("a").await.unwrap();
    assert_eq!(site.status.as_ref().unwrap().message, "good");
    assert_eq!(site.status.as_ref().unwrap().observed_generation, Some(2));
    let expected = [("Ready", "False", reason), (second_condition, "True", reason)];
    assert_eq!(
        shown(&site),
        expected.map(|(type_, status, reason)| (type_.into(), status.into(), reason.into()))
    );

    stage
        .edit::<Site>("a", json!({"spec": {"message": "mended", "count": 2}}))
        .await;
    stage.wait_message("a-0", "mended").await;
    stage.wait_message("a-1", "mended").await;
    stage.wait_settled("a").await;
    assert_eq!(uids(&stage.config_maps().await), uids(&before));
    handle.shutdown().await.unwrap();
}

async fn a_transient_error_touches_no_child_and_no_other_parent(stage: Stage) {
    survives(stage, "fail", "HandlerFailed", "the cloud is closed", "Reconciling").await;
}

async fn a_terminal_error_stalls_and_touches_no_child_and_no_other_parent(stage: Stage) {
    survives(stage, "stall", "HandlerFailed", "there is no such cloud", "Stalled").await;
}

async fn a_panic_is_reported_and_touches_no_child_and_no_other_parent(stage: Stage) {
    survives(stage, "panic", "HandlerPanicked", "the cloud is falling", "Reconciling").await;
}

async fn a_handler_that_never_answers_is_reported_and_touches_no_child_and_no_other_parent(stage: Stage) {
    survives(stage, "hang", "HandlerTimedOut", "0.4 s", "Reconciling").await;
}

async fn a_terminal_error_is_tried_again_only_when_something_changes(stage: Stage) {
    let calls = Calls::default();
    let config = stage
        .config_of::<SiteOperator>()
        .with_backoff(millis(50), Duration::from_secs(600));
    let noted = calls.clone();
    let sync = move |request: &SyncRequest<SiteOperator>| -> Result<SyncResponse<SiteOperator>> {
        noted.note();
        match request.parent().spec.message.as_str() {
            "stall" => Err(Error::terminal("there is no such cloud")),
            _ => Ok(fan_out(request)),
        }
    };
    let handle = stage.start_with::<SiteOperator, _, _>(config, sync).await;
    stage.site_of("a", "good", 1).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    calls.clear();
    stage.say("a", "stall").await;
    stage.wait_condition("a", "Stalled", "True", "HandlerFailed").await;
    stage.rest().await;
    assert_eq!(calls.number(), 1, "its own report is no change");
    // A child is deleted: that is one, and so is a mended parent.
    stage.delete::<ConfigMap>("a-0").await;
    calls.wait(2).await;
    stage.rest().await;
    assert_eq!(calls.number(), 2);
    stage.say("a", "mended").await;
    stage.wait_message("a-0", "mended").await;
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
}

async fn a_terminal_error_stays_terminal_through_question_marks(stage: Stage) {
    /// An error that a library of the user's might have.
    fn port(text: &str) -> Result<u16, Box<dyn StdError + Send + Sync>> {
        let port = text.parse::<u16>().terminal()?;
        Ok(port)
    }
    fn sync(
        request: &SyncRequest<SiteOperator>,
    ) -> Result<SyncResponse<SiteOperator>, Box<dyn StdError + Send + Sync>> {
        port(&request.parent().spec.message)?;
        Ok(fan_out(request))
    }
    let handle = stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await;
    stage.site("a", "http").await;
    let message = stage.wait_condition("a", "Stalled", "True", "HandlerFailed").await;
    assert_eq!(message, "invalid digit found in string");
    stage.say("a", "80").await;
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
}

async fn a_handler_is_dropped_at_its_deadline(stage: Stage) {
    /// Counts itself while it lives.
    struct Alive(Arc<AtomicUsize>);
    impl Alive {
        fn new(count: &Arc<AtomicUsize>) -> (Self, usize) {
            let others = count.fetch_add(1, Ordering::SeqCst);
            (Self(count.clone()), others)
        }
    }
    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let (calls, alive, together) = <(Calls, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let (noted, counted, most) = (calls.clone(), alive.clone(), together.clone());
    let sync = move |_: SyncRequest<SiteOperator>| {
        noted.note();
        let (alive, others) = Alive::new(&counted);
        most.fetch_max(others, Ordering::SeqCst);
        async move {
            let _alive = alive;
            pending::<Result<SyncResponse<SiteOperator>>>().await
        }
    };
    let config = stage.config_of::<SiteOperator>().with_handler_deadline(millis(200));
    let handle = stage.start_with::<SiteOperator, _, _>(config, sync).await;
    stage.site("a", "one").await;
    calls.wait(4).await;
    assert_eq!(
        together.load(Ordering::SeqCst),
        0,
        "the last one was dropped before the next began"
    );
    handle.shutdown().await.unwrap();
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

async fn a_blocking_handler_is_reported_and_does_not_run_twice_at_a_time(stage: Stage) {
    let (calls, blocked) = (Calls::default(), Arc::new(AtomicBool::new(true)));
    let (noted, blocks) = (calls.clone(), blocked.clone());
    let sync = move |request: &SyncRequest<SiteOperator>| -> Result<SyncResponse<SiteOperator>> {
        if request.parent().name_any() == "a" {
            noted.note();
            while blocks.load(Ordering::SeqCst) {
                std::thread::sleep(millis(10));
            }
        }
        Ok(fan_out(request))
    };
    let config = stage
        .config_of::<SiteOperator>()
        .with_handler_deadline(millis(300))
        .with_backoff(millis(50), millis(200));
    let handle = stage.start_with::<SiteOperator, _, _>(config, sync).await;
    stage.site_of("a", "one", 1).await;
    let message = stage.wait_condition("a", "Ready", "False", "HandlerTimedOut").await;
    assert!(message.contains("0.3 s"), "{message}");
    // Its back-off passes several times, and it changes: still no second run.
    stage.say("a", "two").await;
    for other in ["b", "c", "d"] {
        stage.site_of(other, "one", 1).await;
        stage.wait_settled(other).await;
    }
    stage.rest().await;
    assert_eq!(calls.number(), 1);
    assert!(
        !stage.config_maps().await.contains_key("a-0"),
        "what it returns too late counts for nothing"
    );
    blocked.store(false, Ordering::SeqCst);
    stage.wait_message("a-0", "two").await;
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
}

async fn errors_that_never_read_the_same_make_no_hot_loop(stage: Stage) {
    let calls = Calls::default();
    let noted = calls.clone();
    let sync = move |_: &SyncRequest<SiteOperator>| -> Result<SyncResponse<SiteOperator>> {
        Err(Error::transient(format!("attempt {} failed", noted.note())))
    };
    let handle = stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await;
    stage.site("a", "one").await;
    calls.wait(8).await;
    let took: Duration = calls.gaps().into_iter().take(7).sum();
    let delays = millis(50 + 100 + 200 + 400 + 800 + 1600 + 2000);
    assert!(
        took >= delays,
        "seven retries took {took:?}: its own reports woke the parent"
    );
    handle.shutdown().await.unwrap();
    let (statuses, events) = (stage.asked("sites").len(), stage.asked("events").len());
    assert!(
        statuses <= calls.number(),
        "{statuses} reports of {} failures",
        calls.number()
    );
    assert!(
        events <= calls.number(),
        "{events} events of {} failures",
        calls.number()
    );
}

// Responses that cannot be: the children stand in the parent as JSON.

/// Returns the children that the parent's `extra` lists.
fn as_told(request: &SyncRequest) -> Result<SyncResponse> {
    let parent = request.parent_object().to_value();
    let children = parent.pointer("/spec/extra").and_then(Value::as_array);
    Ok(SyncResponse::new().children(children.into_iter().flatten()))
}

fn map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}})
}

fn service(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
}

/// A parent with the ConfigMaps `one` and `two` returns these children instead: that is reported with this reason and a
/// message that has all of these texts, these are the writes, which change no child's content, and all goes well again
/// with other children.
async fn spoils(stage: Stage, children: Value, reason: &str, texts: &[&str], writes: &[&str]) {
    let config = stage
        .dynamic_config("told")
        .with_child(k8s_types::core::v1::ConfigMap, ChildConfig::apply())
        .with_child(k8s_types::core::v1::Service, ChildConfig::apply());
    let handle = stage.start_dynamic(config, as_told).await;
    let spec = SiteSpec {
        extra: Some(json!([map("one", "1"), map("two", "2")])),
        ..SiteSpec::default()
    };
    stage.create(Site::new("a", spec)).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let before = stage.config_maps().await;
    assert_eq!(before.keys().collect::<Vec<_>>(), ["one", "two"]);

    stage.wire.clear();
    stage.edit::<Site>("a", json!({"spec": {"extra": children}})).await;
    let message = stage.wait_condition("a", "Ready", "False", reason).await;
    for text in texts {
        assert!(message.contains(text), "{text:?} is not in {message:?}");
    }
    stage.rest().await;
    assert_eq!(contents(stage.config_maps().await), contents(before.clone()));
    let written: Vec<String> = stage.wire.writes().iter().map(ToString::to_string).collect();
    assert_eq!(written, writes);

    stage
        .edit::<Site>("a", json!({"spec": {"extra": [map("one", "new")]}}))
        .await;
    stage.wait_gone::<ConfigMap>("two").await;
    stage.wait_settled("a").await;
    let after = stage.config_maps().await;
    assert_eq!(after["one"].data, Some([("key".to_owned(), "new".to_owned())].into()));
    assert_eq!(after["one"].uid(), before["one"].uid());
    handle.shutdown().await.unwrap();
}

/// As [`spoils`], where the runtime itself sees what is wrong: not even what is right is done then.
async fn is_refused(stage: Stage, wrong: Vec<Value>, texts: &[&str]) {
    let children = [vec![map("one", "changed"), map("three", "3")], wrong].concat();
    spoils(stage, children.into(), "InvalidResponse", texts, &["STATUS 200"]).await;
}

async fn a_child_of_an_undeclared_kind_spoils_the_response(stage: Stage) {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}});
    is_refused(stage, vec![secret], &["Secret", "key", "undeclared"]).await;
}

async fn a_child_in_a_foreign_namespace_spoils_the_response(stage: Stage) {
    let mut child = map("elsewhere", "1");
    child["metadata"]["namespace"] = "default".into();
    let own = stage.namespace.clone();
    is_refused(stage, vec![child], &["elsewhere", "`default`", &own]).await;
}

async fn a_child_returned_twice_spoils_the_response(stage: Stage) {
    is_refused(
        stage,
        vec![map("twin", "1"), map("twin", "2")],
        &["ConfigMap", "twin", "twice"],
    )
    .await;
}

async fn a_child_without_a_name_spoils_the_response(stage: Stage) {
    // Names that the server makes are none: each sync would create another child.
    let generated = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "some-"}});
    is_refused(stage, vec![generated], &["ConfigMap", "metadata.name"]).await;
}

async fn a_child_without_a_kind_spoils_the_response(stage: Stage) {
    is_refused(
        stage,
        vec![json!({"metadata": {"name": "what"}})],
        &["apiVersion", "kind"],
    )
    .await;
}

async fn a_child_that_names_another_controller_spoils_the_response(stage: Stage) {
    let mut child = map("theirs", "1");
    child["metadata"]["ownerReferences"] = json!([
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "somebody", "uid": "1-2-3", "controller": true},
    ]);
    is_refused(stage, vec![child], &["theirs", "ConfigMap `somebody`"]).await;
}

async fn everything_wrong_with_a_response_is_said_at_once(stage: Stage) {
    let mut elsewhere = map("elsewhere", "1");
    elsewhere["metadata"]["namespace"] = "default".into();
    let wrong = vec![
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}}),
        elsewhere,
        map("twin", "1"),
        map("twin", "2"),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}),
    ];
    is_refused(stage, wrong, &["Secret", "elsewhere", "twin", "metadata.name"]).await;
}

// Responses that the API server refuses. `two` is not wanted any more, but no failed sync deletes.

/// What an update costs that the server refuses: its set of fields is another one, so that an apply was prepared.
const PREPARED: &[&str] = &["JSON PATCH 200", "STATUS 200"];

async fn an_unknown_field_in_a_new_child_is_reported_and_nothing_created(stage: Stage) {
    let unknown = service("web", json!({"ports": [{"port": 80}], "nonsense": 1}));
    let children = json!([map("one", "1"), unknown]);
    let services = stage.api::<Service>();
    spoils(
        stage,
        children,
        "ChildRefused",
        &["web", "spec.nonsense"],
        &["STATUS 200"],
    )
    .await;
    assert!(services.get_opt("web").await.unwrap().is_none());
}

async fn an_unknown_field_in_an_existing_child_is_reported_and_nothing_changed(stage: Stage) {
    let mut unknown = map("one", "changed");
    unknown["nonsense"] = 1.into();
    spoils(stage, json!([unknown]), "ChildRefused", &["one", "nonsense"], PREPARED).await;
}

async fn an_invalid_new_child_is_reported_and_nothing_created(stage: Stage) {
    let invalid = service("web", json!({"ports": [{"port": 0}]}));
    let services = stage.api::<Service>();
    spoils(
        stage,
        json!([map("one", "1"), invalid]),
        "ChildRefused",
        &["web", "spec.ports[0].port"],
        &["STATUS 200"],
    )
    .await;
    assert!(services.get_opt("web").await.unwrap().is_none());
}

async fn an_invalid_change_of_a_child_is_reported_and_nothing_changed(stage: Stage) {
    let mut invalid = map("one", "changed");
    invalid["data"]["not a key!"] = "1".into();
    spoils(
        stage,
        json!([invalid]),
        "ChildRefused",
        &["one", "not a key!"],
        PREPARED,
    )
    .await;
}

// Parents and children that do not decode.

/// What the handler below takes for the spec of a [`Site`]. The definition that is installed allows more.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(
    group = "tests.example.com",
    version = "v1",
    kind = "Site",
    root = "StrictSite",
    namespaced,
    status = "SiteStatus"
)]
struct StrictSpec {
    message: Colour,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Green,
}

#[operator(parent = StrictSite, children(ConfigMap = apply))]
struct StrictOperator;

fn paint(request: &SyncRequest<StrictOperator>) -> Result<SyncResponse<StrictOperator>> {
    let colour = match request.parent().spec.message {
        Colour::Red => "red",
        Colour::Green => "green",
    };
    let child = ConfigMap {
        metadata: request.child_meta("colour"),
        data: Some([("message".to_owned(), colour.to_owned())].into()),
        ..ConfigMap::default()
    };
    Ok(SyncResponse::new().child(child))
}

async fn a_parent_that_does_not_decode_is_reported_and_others_go_on(stage: Stage) {
    let handle = stage
        .start_with::<StrictOperator, _, _>(stage.config_of::<StrictOperator>(), paint)
        .await;
    stage.site("odd", "infrared").await;
    let message = stage.wait_condition("odd", "Stalled", "True", "InvalidParent").await;
    assert!(message.contains("infrared") && message.contains("odd"), "{message}");
    stage.site("fine", "red").await;
    stage.wait_message("fine-colour", "red").await;
    stage.wait_settled("fine").await;
    assert_eq!(stage.config_maps().await.len(), 1);
    stage.say("odd", "green").await;
    stage.wait_message("odd-colour", "green").await;
    let odd = stage.wait_settled("odd").await;
    assert_eq!(shown(&odd), [("Ready".into(), "True".into(), "Reconciled".into())]);
    handle.shutdown().await.unwrap();
}

async fn a_parent_that_decodes_no_longer_keeps_its_children(stage: Stage) {
    let handle = stage
        .start_with::<StrictOperator, _, _>(stage.config_of::<StrictOperator>(), paint)
        .await;
    stage.site("a", "red").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let before = stage.config_maps().await;
    stage.wire.clear();
    stage.say("a", "infrared").await;
    stage.wait_condition("a", "Ready", "False", "InvalidParent").await;
    stage.rest().await;
    assert_eq!(stage.config_maps().await, before);
    let writes: Vec<String> = stage.wire.writes().iter().map(ToString::to_string).collect();
    assert_eq!(writes, ["STATUS 200"]);
    // It goes as any other, too: nobody would mend what is to be deleted.
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;
    stage.wait_gone::<ConfigMap>("a-colour").await;
    handle.shutdown().await.unwrap();
}

#[operator(parent = StrictSite, children(ConfigMap = apply), finalizer)]
struct StrictFinalizingOperator;

impl Handler for StrictFinalizingOperator {
    async fn sync(&self, _: &SyncRequest<Self>) -> Result<SyncResponse<Self>> {
        Ok(SyncResponse::new())
    }
}

impl Finalize for StrictFinalizingOperator {
    async fn finalize(&self, _: &SyncRequest<Self>) -> Result<FinalizeResponse<Self>> {
        Ok(FinalizeResponse::done())
    }
}

async fn a_deleted_parent_that_decodes_no_longer_keeps_its_finalizer_until_it_is_mended(stage: Stage) {
    let handle = stage.start(StrictFinalizingOperator).await;
    stage.site("a", "red").await;
    stage.wait_settled("a").await;
    stage.say("a", "infrared").await;
    stage.wait_condition("a", "Stalled", "True", "InvalidParent").await;
    stage.delete::<Site>("a").await;
    stage.rest().await;
    // What it cannot read it cannot clean up after.
    let message = stage.wait_condition("a", "Stalled", "True", "InvalidParent").await;
    assert!(message.contains("infrared"), "{message}");
    let held = stage.api::<Site>().get("a").await.unwrap();
    assert_eq!(held.finalizers(), ["roperator.dev/strict-finalizing"]);
    stage.say("a", "green").await;
    stage.wait_gone::<Site>("a").await;
    handle.shutdown().await.unwrap();
}

/// A ConfigMap as the handler below understands it.
#[derive(Resource, Serialize, Deserialize, Clone, Debug)]
#[resource(inherit = "ConfigMap")]
struct Painted {
    metadata: ObjectMeta,
    data: BTreeMap<String, Colour>,
}

/// Wants two children, and none once it sees but one: what it does not see, it takes for gone.
fn trusting(request: &SyncRequest<Dynamic>) -> Result<SyncResponse<Dynamic>> {
    let seen = request.children().with_type::<Painted>().iter().count();
    let wanted = if seen == 1 { vec![] } else { vec!["one", "two"] };
    Ok(SyncResponse::new().children(wanted.into_iter().map(|name| map(name, "red"))))
}

async fn a_child_that_does_not_decode_discards_the_response(stage: Stage) {
    let config = stage
        .dynamic_config("trusting")
        .with_child(k8s_types::core::v1::ConfigMap, ChildConfig::apply());
    let handle = stage.start_dynamic(config, trusting).await;
    stage.site("a", "").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    stage.wire.clear();
    stage
        .edit::<ConfigMap>("two", json!({"data": {"key": "infrared"}}))
        .await;
    let before = stage.config_maps().await;
    let message = stage.wait_condition("a", "Ready", "False", "UndecodableChild").await;
    assert!(message.contains("/two") && message.contains("infrared"), "{message}");
    stage.rest().await;
    assert_eq!(stage.config_maps().await, before);
    let writes: Vec<String> = stage.wire.writes().iter().map(ToString::to_string).collect();
    assert_eq!(writes, ["STATUS 200"]);
    stage.edit::<ConfigMap>("two", json!({"data": {"key": "green"}})).await;
    stage
        .wait_for::<ConfigMap>("two", "it is repaired", |found| {
            found.data == Some([("key".to_owned(), "red".to_owned())].into())
        })
        .await;
    stage.wait_settled("a").await;
    assert_eq!(uids(&stage.config_maps().await), uids(&before));
    handle.shutdown().await.unwrap();
}

// The clock.

async fn the_time_is_one_for_a_turn_and_goes_on(stage: Stage) {
    let times: Arc<Mutex<Vec<[Timestamp; 3]>>> = Arc::default();
    let noted = times.clone();
    let sync = move |request: SyncRequest<SiteOperator>| {
        let noted = noted.clone();
        async move {
            let first = request.now();
            tokio::time::sleep(millis(20)).await;
            noted.lock().unwrap().push([first, request.now(), Timestamp::now()]);
            Ok::<_, Error>(SyncResponse::new().resync_after(millis(50)))
        }
    };
    let handle = stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await;
    stage.site("a", "one").await;
    eventually("three turns", async || (times.lock().unwrap().len() >= 3).then_some(())).await;
    handle.shutdown().await.unwrap();
    let times = times.lock().unwrap().clone();
    for [first, second, clock] in &times {
        assert_eq!(first, second, "one moment for a whole turn");
        let late = clock.duration_since(*first).as_secs_f64();
        assert!(
            (0.0..5.0).contains(&late),
            "the turn's time is {late} s behind the clock"
        );
    }
    for pair in times.windows(2) {
        let later = pair[1][0].duration_since(pair[0][0]).as_secs_f64();
        assert!(later >= 0.07, "the next turn's time is only {later} s later");
    }
}

async fn a_handler_is_called_for_its_own_writes_only_if_it_looks_at_the_children(stage: Stage) {
    let (calls, looks) = (Calls::default(), Arc::new(AtomicBool::new(false)));
    let (noted, looking) = (calls.clone(), looks.clone());
    let sync = move |request: &SyncRequest<SiteOperator>| -> Result<SyncResponse<SiteOperator>> {
        noted.note();
        if looking.load(Ordering::Relaxed) {
            let _ = request.children();
        }
        Ok(fan_out(request))
    };
    let handle = stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await;
    stage.site_of("a", "one", 3).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(calls.number(), 1, "for the parent alone");

    // What others do to the children is another matter.
    let foreign = json!({"data": {"message": "foreign"}});
    stage.edit::<ConfigMap>("a-0", foreign).await;
    stage.wait_message("a-0", "one").await;
    stage.rest().await;
    assert_eq!(calls.number(), 2, "for the foreign edit alone");
    stage.delete::<ConfigMap>("a-1").await;
    stage.wait_message("a-1", "one").await;
    stage.rest().await;
    assert_eq!(calls.number(), 3, "for the deletion alone");

    let labelled = json!({"metadata": {"labels": {"by": "others"}}});
    stage.edit::<ConfigMap>("a-0", labelled).await;
    calls.wait(4).await;
    stage.rest().await;
    assert_eq!(calls.number(), 4, "for a foreign addition, which takes nothing of ours");

    looks.store(true, Ordering::Relaxed);
    stage.say("a", "two").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert!(
        calls.number() > 5,
        "what it wrote may tell it something: {}",
        calls.number()
    );
    handle.shutdown().await.unwrap();
}

async fn a_resync_comes_after_its_delay_and_costs_no_request(stage: Stage) {
    let calls = Calls::default();
    let noted = calls.clone();
    let sync = move |request: &SyncRequest<SiteOperator>| -> Result<SyncResponse<SiteOperator>> {
        noted.note();
        Ok(fan_out(request).resync_after(millis(300)))
    };
    let handle = stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await;
    stage.site_of("a", "one", 2).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    calls.clear();
    stage.wire.clear();
    calls.wait(5).await;
    assert!(calls.gaps().iter().all(|gap| *gap >= millis(300)), "{:?}", calls.gaps());
    let others = stage.wire.others();
    assert!(others.is_empty(), "{others:#?}");
    handle.shutdown().await.unwrap();
}

async fn the_responses_resync_goes_before_the_configured_one(stage: Stage) {
    let (quick, slow) = <(Calls, Calls)>::default();
    let (quick_noted, slow_noted) = (quick.clone(), slow.clone());
    let sync = move |request: &SyncRequest<SiteOperator>| -> Result<SyncResponse<SiteOperator>> {
        Ok(if request.parent().spec.message == "quick" {
            quick_noted.note();
            fan_out(request).resync_after(millis(200))
        } else {
            slow_noted.note();
            fan_out(request)
        })
    };
    let config = stage.config_of::<SiteOperator>().with_resync(Duration::from_secs(1));
    let handle = stage.start_with::<SiteOperator, _, _>(config, sync).await;
    stage.site("a", "quick").await;
    stage.site("b", "slow").await;
    stage.wait_settled("a").await;
    stage.wait_settled("b").await;
    stage.rest().await;
    quick.clear();
    slow.clear();
    slow.wait(3).await;
    assert!(slow.gaps().iter().all(|gap| *gap >= millis(1000)), "{:?}", slow.gaps());
    assert!(quick.gaps().iter().all(|gap| *gap >= millis(200)), "{:?}", quick.gaps());
    assert!(quick.gaps().iter().any(|gap| *gap < millis(1000)), "{:?}", quick.gaps());
    handle.shutdown().await.unwrap();
}
