//! What the original roperator got wrong, one scenario each, by the numbers of `facts/roperator-0.3-and-metacontroller.md`
//! §4; then what §3 of the same page claims to do better.
//!
//! Impossible by design, so that there is nothing to run:
//!
//! - #2, giving up: there is no response that means "do not retry". Only `FinalizeResponse::done` removes a finalizer.
//! - #5, claiming by label: ownership is the controller reference's uid; what remains of it is tested here.
//! - #6, #8, locks held across sends and a second index to go stale: a store tells its listeners after it has let go of its
//!   lock, nothing in it waits, and its only index is rebuilt with each object. The bursts and label changes are run anyway.
//! - #9, a process without its runtime: `supervise` ends everything when one part ends, and nothing can make it end from
//!   outside; what is left to see is that a shutdown is quick and that nobody answers for healthy afterwards.
//! - #11, credentials: kube's client reads, renews and sends them.
//! - #12, scope: it is part of `Kind`, and `OwnsScope` and `OperatorConfig::check` refuse what cannot be.
//! - #13, names in metrics: their labels are types without a place for one; run anyway.
//! - #14, hot loops that tests do not see: the test kit's matter. That the runtime itself makes none is tested here.
//!
//! Of §3: credentials (R#17) are kube's. Related objects (GCP#98), declared dependencies (GCP#123), deletion of the parent
//! by a response (M#77) and orphaning (GCP#179) are not promised. Classes of errors (R#3) are `handlers`, drift and loops
//! (M#501, GCP#171) `children` and `strategies`, cluster-scoped checks and namespaces (GCP#154) `builder`, new versions
//! (M#1050) `lifecycle`; and every scenario runs with the rights of its generated manifests alone (GCP#81).

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all};
use http::{Method, StatusCode};
use k8s_openapi::{
    api::{
        core::v1::{ConfigMap, Pod, Secret, Service},
        events::v1::Event,
    },
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Resource, ResourceExt,
    api::{ListParams, ObjectMeta},
};
use roperator::{
    Dynamic, Failable, FailableHandler, OPERATOR_LABEL, OperatorHandle, Scope, WithFinalize, WithFinalizer, prelude::*,
};
use roperator_tests::server::Server;
use roperator_tests::{
    kinds::{Site, config_map_of, definition, message_of},
    stage::{Gate, Stage, conditions, eventually, http_get, install, metric, parameter},
    wire::{Fault, Sent},
};
use serde_json::{Value, json};

crate::scenarios![
    shared:
        an_error_deletes_no_children,
        a_failed_stage_deletes_no_children,
        a_failed_finalize_keeps_the_finalizer,
        a_service_does_not_shield_a_config_map_of_the_same_name,
        fields_and_items_no_longer_desired_go,
        a_null_is_the_same_as_nothing,
        a_replaced_child_keeps_what_others_added,
        nothing_but_our_own_label_is_watched,
        a_label_without_our_owner_reference_claims_nothing,
        a_burst_of_events_is_swallowed_while_handlers_run,
        a_watch_that_is_answered_gone_is_listed_anew,
        a_label_that_somebody_changes_does_no_harm,
        a_shutdown_takes_less_than_a_second_and_ends_the_answers,
        the_delay_of_a_finalize_retry_passes_once,
        plain_lists_come_in_pages_and_watches_with_bookmarks,
        deletions_carry_the_uid_and_a_policy,
        a_blocking_handler_holds_nobody_up,
        no_metric_names_a_parent,
        our_own_status_brings_no_turn,
        a_failure_is_told_in_a_condition_and_one_event,
        conditions_of_a_response_reach_the_status,
        no_annotation_copies_a_secret,
        a_parent_without_a_status_subresource_is_served,
        a_child_in_another_namespace_is_refused_before_it_is_sent,
        a_parent_gets_no_finalizer_that_nobody_needs;
    own:
        what_vanished_while_a_watch_was_broken_is_missed,
];

fn of_config_maps(stage: &Stage, name: &str) -> OperatorConfig {
    stage
        .dynamic_config(name)
        .with_child(k8s_types::core::v1::ConfigMap, ChildConfig::apply())
}

fn keep(request: &SyncRequest) -> Result<SyncResponse> {
    Ok(SyncResponse::new().child(config_map_of(request, "config")))
}

/// The deletions that were sent, answered or not.
fn deletions(stage: &Stage) -> Vec<String> {
    stage
        .wire
        .sent()
        .iter()
        .filter(|sent| sent.method == Method::DELETE)
        .map(|sent| sent.path.clone())
        .collect()
}

/// Lets the parent of two children say something that fails, and sees that the children stay.
async fn fails_without_harm(stage: &Stage, message: &str) {
    let before = stage.config_maps().await;
    assert_eq!(before.len(), 2, "{before:?}");
    stage.say("a", message).await;
    stage.wait_condition("a", "Ready", "False", "").await;
    stage.rest().await;
    assert_eq!(
        stage.config_maps().await,
        before,
        "nothing was written, let alone deleted"
    );
    assert_eq!(deletions(stage), Vec::<String>::new());
    stage.say("a", "hello").await;
    stage.wait_settled("a").await;
}

/// #1: the response of an error had no children, and so deleted them all.
async fn an_error_deletes_no_children(stage: Stage) {
    fn sync(request: &SyncRequest) -> Result<SyncResponse> {
        match &*message_of(request) {
            "fails" => Err(Error::transient("not now")),
            "fails for good" => Err(Error::terminal("never")),
            "panics" => panic!("as it should"),
            "fails with a status" => {
                Ok(SyncResponse::from_status(json!({"message": "failed", "observed": 0}))
                    .failed(Error::transient("no")))
            }
            _ => Ok(SyncResponse::new()
                .child(config_map_of(request, "one"))
                .child(config_map_of(request, "two"))),
        }
    }
    let handle = stage.start_dynamic(of_config_maps(&stage, "seed-1"), sync).await;
    stage.site("a", "hello").await;
    stage.wait_settled("a").await;
    for message in ["fails", "fails for good", "panics", "fails with a status"] {
        fails_without_harm(&stage, message).await;
    }
    handle.shutdown().await.unwrap();
}

/// The three stages of the original's `failable` feature.
struct Staged;

impl FailableHandler<Dynamic> for Staged {
    type Validated = String;

    async fn validate(&self, request: &SyncRequest) -> Result<String> {
        let message = message_of(request);
        if message == "invalid" {
            Err(Error::terminal("it is invalid"))
        } else {
            Ok(message)
        }
    }

    async fn sync_children(&self, request: &SyncRequest, message: String) -> Result<SyncResponse> {
        if message == "fails" {
            return Err(Error::transient("not now"));
        }
        Ok(SyncResponse::new()
            .child(config_map_of(request, "one"))
            .child(config_map_of(request, "two")))
    }

    fn determine_status(&self, _: &SyncRequest, outcome: Result<(), &Error>) -> Value {
        json!({"message": if outcome.is_ok() { "fine" } else { "broken" }, "observed": 0})
    }
}

/// #1, in the original's other place for it.
async fn a_failed_stage_deletes_no_children(stage: Stage) {
    let handle = stage
        .start_dynamic(of_config_maps(&stage, "seed-1-staged"), Failable(Staged))
        .await;
    stage.site("a", "hello").await;
    stage.wait_settled("a").await;
    for message in ["invalid", "fails"] {
        fails_without_harm(&stage, message).await;
    }
    handle.shutdown().await.unwrap();
}

type Finalizing = Dynamic<WithFinalizer>;

fn keep_finalizing(request: &SyncRequest<Finalizing>) -> Result<SyncResponse<Finalizing>> {
    Ok(SyncResponse::new().child(config_map_of(request, "config")))
}

/// #2: a finalize that failed and was not to be retried let the parent go.
async fn a_failed_finalize_keeps_the_finalizer(stage: Stage) {
    let works = Arc::new(AtomicBool::new(false));
    let asked = works.clone();
    let finalize = move |_: &SyncRequest<Finalizing>| match asked.load(Ordering::Relaxed) {
        true => Ok(FinalizeResponse::done()),
        false => Err(Error::terminal("the bucket is not empty")),
    };
    let handle = stage
        .start_with(
            of_config_maps(&stage, "seed-2"),
            WithFinalize::new(keep_finalizing, finalize),
        )
        .await;
    stage.site("a", "hello").await;
    stage.wait_settled("a").await;
    stage.delete::<Site>("a").await;
    let message = stage.wait_condition("a", "Ready", "False", "").await;
    assert!(message.contains("the bucket is not empty"), "{message}");
    stage.rest().await;
    let site = stage.api::<Site>().get("a").await.unwrap();
    assert_eq!(site.finalizers(), ["roperator.dev/seed-2"]);
    stage.wait_message("a-config", "hello").await;
    works.store(true, Ordering::Relaxed);
    stage.wait_gone::<Site>("a").await;
    handle.shutdown().await.unwrap();
}

/// #3: what is undesired was decided by name alone.
async fn a_service_does_not_shield_a_config_map_of_the_same_name(stage: Stage) {
    fn sync(request: &SyncRequest) -> Result<SyncResponse> {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": request.child_meta("same"), "spec": {"ports": [{"port": 80}]},
        });
        let both = message_of(request) == "both";
        Ok(SyncResponse::new()
            .child(service)
            .children(both.then(|| config_map_of(request, "same"))))
    }
    let config = of_config_maps(&stage, "seed-3").with_child(k8s_types::core::v1::Service, ChildConfig::apply());
    let handle = stage.start_dynamic(config, sync).await;
    stage.site("a", "both").await;
    stage.wait_message("a-same", "both").await;
    let service = stage.wait_for::<Service>("a-same", "it is there", |_| true).await;
    stage.say("a", "one").await;
    stage.wait_gone::<ConfigMap>("a-same").await;
    stage.rest().await;
    assert_eq!(
        stage.api::<Service>().get("a-same").await.unwrap().resource_version(),
        service.resource_version()
    );
    handle.shutdown().await.unwrap();
}

/// #4: only what was desired was compared, so that nothing ever went.
async fn fields_and_items_no_longer_desired_go(stage: Stage) {
    fn sync(request: &SyncRequest) -> Result<SyncResponse> {
        let mut config_map = config_map_of(request, "config");
        let mut ports = vec![json!({"name": "http", "port": 80})];
        if message_of(request) == "more" {
            config_map["data"]["extra"] = "something".into();
            config_map["metadata"]["labels"] = json!({"extra": "something"});
            ports.push(json!({"name": "https", "port": 443}));
        }
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": request.child_meta("svc"), "spec": {"ports": ports}});
        Ok(SyncResponse::new().child(config_map).child(service))
    }
    let config = of_config_maps(&stage, "seed-4").with_child(k8s_types::core::v1::Service, ChildConfig::apply());
    let handle = stage.start_dynamic(config, sync).await;
    stage.site("a", "more").await;
    let config_map = stage.wait_message("a-config", "more").await;
    assert_eq!(
        (config_map.data.as_ref().unwrap().len(), config_map.labels().len()),
        (2, 2)
    );
    stage.say("a", "less").await;
    let config_map = stage.wait_message("a-config", "less").await;
    assert_eq!(
        (config_map.data.as_ref().unwrap().len(), config_map.labels().len()),
        (1, 1),
        "{config_map:?}"
    );
    let ports = |service: &Service| {
        service
            .spec
            .as_ref()
            .and_then(|spec| spec.ports.as_ref())
            .map_or(0, Vec::len)
    };
    stage
        .wait_for::<Service>("a-svc", "one port is left", |service| ports(service) == 1)
        .await;
    handle.shutdown().await.unwrap();
}

/// #4: a null that the server does not keep was taken for a difference, and the Pod recreated for ever.
async fn a_null_is_the_same_as_nothing(stage: Stage) {
    fn sync(request: &SyncRequest) -> Result<SyncResponse> {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("{}-pod", request.parent().name()), "creationTimestamp": null, "annotations": null},
            "spec": {"containers": [{"name": "main", "image": "main:1", "command": null, "resources": {"limits": null}}], "hostname": null},
            "status": null,
        });
        Ok(SyncResponse::from_status(json!({"message": "hello", "observed": 0, "nothing": null})).child(pod))
    }
    let config = stage
        .dynamic_config("seed-4-null")
        .with_child(k8s_types::core::v1::Pod, ChildConfig::recreate());
    let handle = stage.start_dynamic(config, sync).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    let pod = stage.api::<Pod>().get("a-pod").await.unwrap();
    // Another turn, for which nothing has changed.
    stage.say("a", "two").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.api::<Pod>().get("a-pod").await.unwrap().uid(), pod.uid());
    assert_eq!(stage.asked("pods"), ["POST 201"]);
    handle.shutdown().await.unwrap();
}

/// #4: a PUT wiped out what others had added.
async fn a_replaced_child_keeps_what_others_added(stage: Stage) {
    let config = stage
        .dynamic_config("seed-4-put")
        .with_child(k8s_types::core::v1::ConfigMap, ChildConfig::replace());
    let handle = stage.start_dynamic(config, keep).await;
    stage.site("a", "one").await;
    stage.wait_message("a-config", "one").await;
    stage
        .edit::<ConfigMap>(
            "a-config",
            json!({"metadata": {"labels": {"theirs": "1"}}, "data": {"theirs": "2"}}),
        )
        .await;
    stage.say("a", "two").await;
    let child = stage.wait_message("a-config", "two").await;
    assert_eq!(child.labels()["theirs"], "1");
    assert_eq!(child.data.unwrap()["theirs"], "2");
    handle.shutdown().await.unwrap();
}

/// A ConfigMap that somebody else creates.
fn foreign(name: &str, labels: &[(&str, &str)]) -> ConfigMap {
    let labels = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(labels),
        ..ObjectMeta::default()
    };
    ConfigMap {
        metadata,
        ..ConfigMap::default()
    }
}

/// #5: whatever had `app.kubernetes.io/instance` was watched and held in memory.
async fn nothing_but_our_own_label_is_watched(stage: Stage) {
    let site = stage.site("a", "hello").await;
    let common = [
        ("app.kubernetes.io/instance", &*site.uid().unwrap()),
        ("app.kubernetes.io/managed-by", "seed-5"),
    ];
    stage.create(foreign("common-labels", &common)).await;
    stage
        .create(foreign("another-operators", &[("roperator.dev/operator", "another")]))
        .await;
    let handle = stage.start_dynamic(of_config_maps(&stage, "seed-5"), keep).await;
    stage.wait_message("a-config", "hello").await;
    stage.wait_settled("a").await;
    assert_eq!(
        metric(&handle.metrics(), "roperator_cached_objects", &["kind=\"ConfigMap\""]),
        Some(1.0)
    );
    let sent = stage.wire.sent();
    let watch = sent.iter().find(|sent| sent.path.ends_with("/configmaps")).unwrap();
    assert_eq!(
        parameter(watch, "labelSelector").as_deref(),
        Some("roperator.dev/operator=seed-5")
    );
    handle.shutdown().await.unwrap();
}

/// #5: children were claimed by their labels.
async fn a_label_without_our_owner_reference_claims_nothing(stage: Stage) {
    let site = stage.site("a", "hello").await;
    let ours = [
        ("roperator.dev/operator", "seed-5-owner"),
        ("app.kubernetes.io/instance", &*site.uid().unwrap()),
    ];
    stage.create(foreign("nobodys", &ours)).await;
    let owner = stage.create(foreign("owner", &[])).await;
    let mut owned = foreign("owned", &ours);
    let owner: OwnerReference = owner.controller_owner_ref(&()).unwrap();
    owned.owner_references_mut().push(owner);
    stage.create(owned).await;
    // An owner, but not the controller.
    let mut shared = foreign("shared", &ours);
    shared.owner_references_mut().push(site.owner_ref(&()).unwrap());
    stage.create(shared).await;
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = seen.clone();
    let sync = move |request: &SyncRequest| {
        noted
            .lock()
            .unwrap()
            .extend(request.children().iter().map(|child| child.name().to_owned()));
        keep(request)
    };
    let handle = stage.start_dynamic(of_config_maps(&stage, "seed-5-owner"), sync).await;
    stage.wait_message("a-config", "hello").await;
    stage.say("a", "again").await;
    stage.wait_message("a-config", "again").await;
    stage.rest().await;
    assert_eq!(*seen.lock().unwrap(), BTreeSet::from(["a-config".to_owned()]));
    assert_eq!(deletions(&stage), Vec::<String>::new());
    handle.shutdown().await.unwrap();
}

/// #6: with 1024 events in its channel, the original stood still for ever.
async fn a_burst_of_events_is_swallowed_while_handlers_run(stage: Stage) {
    const EDITS: usize = 1200;
    let gate = Gate::default();
    let pass = gate.clone();
    let sync = move |request: SyncRequest| {
        let gate = pass.clone();
        async move {
            gate.pass().await;
            keep(&request)
        }
    };
    let config = of_config_maps(&stage, "seed-6").with_handler_deadline(Duration::from_secs(300));
    let handle = stage.start_dynamic(config, sync).await;
    stage.site("a", "before").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    gate.close();
    let before = gate.came();
    stage.say("a", "during").await;
    gate.wait_came(before + 1).await;
    let writers = (0..8).map(async |writer| {
        for number in 0..EDITS / 8 {
            let annotation = format!("example.com/writer-{writer}");
            stage
                .edit::<ConfigMap>(
                    "a-config",
                    json!({"metadata": {"annotations": {annotation: number.to_string()}}}),
                )
                .await;
        }
    });
    join_all(writers).await;
    let labels = ["kind=\"ConfigMap\"", "event=\"applied\""];
    eventually("all events have come in", async || {
        let events = metric(&handle.metrics(), "roperator_watch_events_total", &labels)?;
        (events > EDITS as f64).then_some(())
    })
    .await;
    assert_eq!(gate.came(), before + 1);
    gate.open();
    stage.say("a", "after").await;
    stage.wait_message("a-config", "after").await;
    stage.rest().await;
    let turns = gate.came() - before;
    assert!(turns <= 6, "{EDITS} events became {turns} turns");
    handle.shutdown().await.unwrap();
}

/// How many objects of a kind the operator holds.
fn held(handle: &OperatorHandle, kind: &str) -> Option<f64> {
    metric(
        &handle.metrics(),
        "roperator_cached_objects",
        &[&format!("kind=\"{kind}\"")],
    )
}

/// How often a kind was listed, as a stream, with success.
fn lists(stage: &Stage, plural: &str) -> usize {
    let is_list = |sent: &&Sent| sent.path.ends_with(plural) && sent.query.contains("sendInitialEvents");
    stage
        .wire
        .sent()
        .iter()
        .filter(is_list)
        .filter(|sent| sent.code == Some(StatusCode::OK))
        .count()
}

/// Waits until both kinds were listed a second time.
async fn wait_listed_anew(stage: &Stage) {
    eventually("both are listed anew", async || {
        (lists(stage, "/sites") == 2 && lists(stage, "/configmaps") == 2).then_some(())
    })
    .await;
}

/// #7: a list after a lost watch cleared the cache and told nobody what had gone.
async fn what_vanished_while_a_watch_was_broken_is_missed(mut server: Server) {
    let stage = Stage::new(&server).await;
    let handle = stage.start_dynamic(of_config_maps(&stage, "seed-7"), keep).await;
    stage.site("a", "hello").await;
    stage.site("b", "hello").await;
    let child = stage.wait_message("a-config", "hello").await;
    stage.wait_message("b-config", "hello").await;
    stage.rest().await;
    // First nobody answers; then the server has forgotten what happened meanwhile.
    stage.wire.fault(|sent| sent.is_watch().then_some(Fault::Refuse));
    stage.wire.cut_watches();
    eventually("the watches are broken", async || {
        (handle.unready().len() >= 2).then_some(())
    })
    .await;
    stage.delete::<ConfigMap>("a-config").await;
    stage.delete::<Site>("b").await;
    server.forget_history().await.unwrap();
    stage.wire.heal();
    let again = stage.wait_message("a-config", "hello").await;
    assert_ne!(again.uid(), child.uid());
    wait_listed_anew(&stage).await;
    eventually("the deleted parent and its child are forgotten", async || {
        (held(&handle, "Site") == Some(1.0) && held(&handle, "ConfigMap") == Some(1.0)).then_some(())
    })
    .await;
    handle.shutdown().await.unwrap();
}

/// #7, where a server says with its answer to the watch, rather than with an event in it, that it has forgotten.
async fn a_watch_that_is_answered_gone_is_listed_anew(stage: Stage) {
    let handle = stage.start_dynamic(of_config_maps(&stage, "seed-7-gone"), keep).await;
    stage.site("a", "hello").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let is_resumed = |sent: &Sent| sent.is_watch() && !sent.query.contains("sendInitialEvents");
    stage
        .wire
        .fault(move |sent| is_resumed(sent).then_some(Fault::Answer(StatusCode::GONE, None)));
    stage.wire.cut_watches();
    wait_listed_anew(&stage).await;
    stage.delete::<ConfigMap>("a-config").await;
    stage.wait_message("a-config", "hello").await;
    handle.shutdown().await.unwrap();
}

/// #8: a child whose label changed left an index behind that killed the loop.
async fn a_label_that_somebody_changes_does_no_harm(stage: Stage) {
    let handle = stage.start_dynamic(of_config_maps(&stage, "seed-8"), keep).await;
    stage.site("a", "hello").await;
    let child = stage.wait_message("a-config", "hello").await;
    let is_healed = |child: &ConfigMap| {
        child
            .labels()
            .get("roperator.dev/operator")
            .is_some_and(|label| label == "seed-8")
    };
    for label in [json!("another"), json!(null), json!("another"), json!("seed-8")] {
        stage
            .edit::<ConfigMap>(
                "a-config",
                json!({"metadata": {"labels": {"roperator.dev/operator": label}}}),
            )
            .await;
        let healed = stage.wait_for("a-config", "its label is healed", is_healed).await;
        assert_eq!(healed.uid(), child.uid());
        stage.rest().await;
    }
    assert!(handle.is_active());
    stage.say("a", "again").await;
    stage.wait_message("a-config", "again").await;
    assert_eq!(
        metric(&handle.metrics(), "controller_runtime_reconcile_panics_total", &[]).unwrap_or_default(),
        0.0
    );
    handle.shutdown().await.unwrap();
}

/// #9: a shutdown waited for timers, up to an hour, and health stayed 200 after the end.
async fn a_shutdown_takes_less_than_a_second_and_ends_the_answers(stage: Stage) {
    fn sync(request: &SyncRequest) -> Result<SyncResponse> {
        if message_of(request) == "fails" {
            Err(Error::terminal("for a long time"))
        } else {
            keep(request)
        }
    }
    let hour = Duration::from_secs(3600);
    let config = of_config_maps(&stage, "seed-9")
        .with_backoff(hour, hour)
        .with_resync(hour);
    let handle = stage.start_dynamic(config, sync).await;
    let address = handle.server_address().unwrap();
    stage.site("a", "hello").await;
    stage.site("b", "fails").await;
    stage.wait_settled("a").await;
    stage.wait_condition("b", "Ready", "False", "").await;
    stage.rest().await;
    assert_eq!(http_get(address, "/health").await.unwrap().code, 200);
    let started = Instant::now();
    handle.shutdown().await.unwrap();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(http_get(address, "/health").await.is_none());
}

/// #10: a delay was slept through and then scheduled again.
async fn the_delay_of_a_finalize_retry_passes_once(stage: Stage) {
    let delay = Duration::from_secs(3);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let noted = calls.clone();
    let finalize = move |_: &SyncRequest<Finalizing>| {
        let mut calls = noted.lock().unwrap();
        calls.push(Instant::now());
        Ok(if calls.len() < 3 {
            FinalizeResponse::retry_after(delay)
        } else {
            FinalizeResponse::done()
        })
    };
    let handle = stage
        .start_with(
            of_config_maps(&stage, "seed-10"),
            WithFinalize::new(keep_finalizing, finalize),
        )
        .await;
    stage.site("a", "hello").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;
    let calls = calls.lock().unwrap().clone();
    let gaps: Vec<Duration> = calls.windows(2).map(|pair| pair[1].duration_since(pair[0])).collect();
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    assert!(gaps.iter().all(|gap| *gap >= delay && *gap < delay * 2), "{gaps:?}");
    handle.shutdown().await.unwrap();
}

/// One more than a page of kube's lists.
const MANY: u32 = 501;

/// #12: lists had no pages and watches no bookmarks.
async fn plain_lists_come_in_pages_and_watches_with_bookmarks(stage: Stage) {
    let refused = Fault::Answer(StatusCode::UNPROCESSABLE_ENTITY, None);
    stage
        .wire
        .fault(move |sent| sent.query.contains("sendInitialEvents").then(|| refused.clone()));
    // More than a page of what the operator's label selects.
    let metadata = |number| json!({"name": format!("many-{number}"), "labels": {OPERATOR_LABEL: "seed-12"}});
    let many: Vec<ConfigMap> = (0..MANY)
        .map(|number| serde_json::from_value(json!({"metadata": metadata(number)})).unwrap())
        .collect();
    futures::stream::iter(many)
        .for_each_concurrent(16, async |object| drop(stage.create(object).await))
        .await;
    let handle = stage.start_dynamic(of_config_maps(&stage, "seed-12"), keep).await;
    let sent = stage.wire.sent();
    let lists: Vec<_> = sent
        .iter()
        .filter(|sent| sent.path.ends_with("/configmaps") && !sent.is_watch())
        .collect();
    assert_eq!(lists.len(), 2, "{lists:#?}");
    assert!(parameter(lists[1], "continue").is_some(), "{lists:#?}");
    let held = metric(&handle.metrics(), "roperator_cached_objects", &["kind=\"ConfigMap\""]);
    assert_eq!(held, Some(f64::from(MANY)));
    for plural in ["/sites", "/configmaps"] {
        let list = sent
            .iter()
            .find(|sent| sent.path.ends_with(plural) && !sent.is_watch())
            .unwrap();
        let limit: u32 = parameter(list, "limit").unwrap().parse().unwrap();
        assert!((1..=1000).contains(&limit), "{list:#?}");
    }
    let watches: Vec<_> = sent.iter().filter(|sent| sent.is_watch()).collect();
    assert!(
        watches
            .iter()
            .all(|sent| parameter(sent, "allowWatchBookmarks").as_deref() == Some("true")),
        "{watches:#?}"
    );
    handle.shutdown().await.unwrap();
}

/// #12: a deletion hit whatever had the name by then, and left to the kind what becomes of its dependents.
async fn deletions_carry_the_uid_and_a_policy(stage: Stage) {
    fn sync(request: &SyncRequest) -> Result<SyncResponse> {
        let image = message_of(request);
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": request.child_meta("pod"),
            "spec": {"containers": [{"name": "main", "image": image}]},
        });
        Ok(SyncResponse::new()
            .child(pod)
            .children((image == "main:1").then(|| config_map_of(request, "config"))))
    }
    let config = of_config_maps(&stage, "seed-12-delete").with_child(k8s_types::core::v1::Pod, ChildConfig::recreate());
    let handle = stage.start_dynamic(config, sync).await;
    stage.site("a", "main:1").await;
    let undesired = stage.wait_message("a-config", "main:1").await;
    let outdated = stage.wait_for::<Pod>("a-pod", "it is there", |_| true).await;
    stage.wait_settled("a").await;
    stage.say("a", "main:2").await;
    stage.wait_gone::<ConfigMap>("a-config").await;
    stage
        .wait_for::<Pod>("a-pod", "it is another one", |pod| pod.uid() != outdated.uid())
        .await;
    let sent = stage.wire.sent();
    for (plural, uid) in [
        ("/configmaps/a-config", undesired.uid()),
        ("/pods/a-pod", outdated.uid()),
    ] {
        let mut deletes = sent.iter().filter(|sent| sent.method == Method::DELETE);
        let delete = deletes.find(|sent| sent.path.ends_with(plural)).unwrap();
        assert_eq!(delete.body["preconditions"]["uid"], json!(uid), "{delete:#?}");
        assert_eq!(delete.body["propagationPolicy"], "Background", "{delete:#?}");
    }
    handle.shutdown().await.unwrap();
}

/// #13: a handler that blocked its thread blocked the operator.
async fn a_blocking_handler_holds_nobody_up(stage: Stage) {
    let blocked = Arc::new((Mutex::new(true), Condvar::new()));
    let held = blocked.clone();
    let sync = move |request: &SyncRequest| {
        if message_of(request) == "blocks" {
            let (lock, released) = &*held;
            drop(released.wait_while(lock.lock().unwrap(), |blocked| *blocked).unwrap());
        }
        keep(request)
    };
    let config = of_config_maps(&stage, "seed-13").with_handler_deadline(Duration::from_secs(1));
    let handle = stage.start_dynamic(config, sync).await;
    stage.site("a", "blocks").await;
    stage.site("b", "hello").await;
    stage.wait_message("b-config", "hello").await;
    let message = stage.wait_condition("a", "Ready", "False", "").await;
    assert!(message.contains("within 1 s"), "{message}");
    stage.say("b", "again").await;
    stage.wait_message("b-config", "again").await;
    *blocked.0.lock().unwrap() = false;
    blocked.1.notify_all();
    stage.wait_message("a-config", "blocks").await;
    handle.shutdown().await.unwrap();
}

/// #13: each parent had metrics of its own.
async fn no_metric_names_a_parent(stage: Stage) {
    fn sync(request: &SyncRequest) -> Result<SyncResponse> {
        if message_of(request) == "fails" {
            Err(Error::transient("not now"))
        } else {
            keep(request)
        }
    }
    let handle = stage
        .start_dynamic(of_config_maps(&stage, "seed-13-metrics"), sync)
        .await;
    let lines = |text: &str| text.lines().count();
    stage.site("first-parent", "hello").await;
    stage.wait_settled("first-parent").await;
    stage.site("first-failure", "fails").await;
    stage.wait_condition("first-failure", "Ready", "False", "").await;
    stage.rest().await;
    let before = handle.metrics();
    for number in 0..5 {
        stage.site(&format!("other-parent-{number}"), "hello").await;
        stage.wait_settled(&format!("other-parent-{number}")).await;
    }
    stage.site("second-failure", "fails").await;
    stage.wait_condition("second-failure", "Ready", "False", "").await;
    let after = handle.metrics();
    assert!(
        !after.contains("-parent") && !after.contains(&stage.namespace),
        "{after}"
    );
    assert_eq!(
        lines(&after),
        lines(&before),
        "they grew with the number of parents:\n{before}\n\n{after}"
    );
    handle.shutdown().await.unwrap();
}

/// #14, and M#986: a status that is written brings an event, which must not bring another turn.
async fn our_own_status_brings_no_turn(stage: Stage) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let sync = move |_: &SyncRequest| -> Result<SyncResponse> {
        let call = counted.fetch_add(1, Ordering::Relaxed);
        Ok(SyncResponse::from_status(
            json!({"message": format!("call {call}"), "observed": call}),
        ))
    };
    let handle = stage.start_dynamic(stage.dynamic_config("seed-14"), sync).await;
    stage.site("a", "hello").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(calls.load(Ordering::Relaxed), 1, "each call wants another status");
    assert_eq!(stage.wire.writes().len(), 1);
    stage.say("a", "again").await;
    stage.rest().await;
    assert_eq!((calls.load(Ordering::Relaxed), stage.wire.writes().len()), (2, 2));
    handle.shutdown().await.unwrap();
}

/// R#5, M#249, M#170: failures were in the log alone.
async fn a_failure_is_told_in_a_condition_and_one_event(stage: Stage) {
    fn sync(_: &SyncRequest) -> Result<SyncResponse> {
        Err(Error::transient("the database is away"))
    }
    let handle = stage.start_dynamic(of_config_maps(&stage, "seed-events"), sync).await;
    let site = stage.site("a", "hello").await;
    let message = stage.wait_condition("a", "Ready", "False", "").await;
    assert!(message.contains("the database is away"), "{message}");
    let events = stage.api::<Event>();
    let event = eventually("the Event", async || {
        let all = events.list(&ListParams::default()).await.ok()?.items.into_iter();
        all.into_iter().find(|event| {
            event
                .regarding
                .as_ref()
                .is_some_and(|regarding| regarding.uid == site.uid())
        })
    })
    .await;
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    assert_eq!(event.reporting_controller.as_deref(), Some("seed-events"));
    assert!(
        event
            .note
            .as_deref()
            .is_some_and(|note| note.contains("the database is away")),
        "{event:?}"
    );
    eventually("it is retried some times", async || {
        (metric(&handle.metrics(), "controller_runtime_reconcile_errors_total", &[])? >= 4.0).then_some(())
    })
    .await;
    let sent = stage.wire.sent().iter().filter(|sent| sent.is_event()).count();
    assert_eq!(sent, 1, "the same failure is told once");
    handle.shutdown().await.unwrap();
}

/// M#249: a handler's own conditions beside ours.
async fn conditions_of_a_response_reach_the_status(stage: Stage) {
    fn sync(request: &SyncRequest) -> Result<SyncResponse> {
        let paid = if message_of(request) == "paid" {
            ConditionStatus::True
        } else {
            ConditionStatus::False
        };
        Ok(SyncResponse::new().condition(Condition::new("Paid", paid, "Asked", "the bank was asked")))
    }
    let handle = stage
        .start_dynamic(of_config_maps(&stage, "seed-conditions"), sync)
        .await;
    stage.site("a", "broke").await;
    let message = stage.wait_condition("a", "Paid", "False", "Asked").await;
    assert_eq!(message, "the bank was asked");
    stage.say("a", "paid").await;
    stage.wait_condition("a", "Paid", "True", "Asked").await;
    let site = stage.wait_settled("a").await;
    let types: Vec<String> = conditions(&site).into_iter().map(|(type_, ..)| type_).collect();
    assert_eq!(types, ["Paid", "Ready"]);
    handle.shutdown().await.unwrap();
}

/// M#680, M#523, M#1139: the last applied content in an annotation copied Secrets and halved the largest size.
async fn no_annotation_copies_a_secret(stage: Stage) {
    fn sync(request: &SyncRequest) -> Result<SyncResponse> {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": request.child_meta("secret"),
            "stringData": {"password": "correct horse battery staple"}, "data": {"large": "QUJD".repeat(50_000)},
        });
        Ok(SyncResponse::new().child(secret))
    }
    let config = stage
        .dynamic_config("seed-secret")
        .with_child(k8s_types::core::v1::Secret, ChildConfig::apply());
    let handle = stage.start_dynamic(config, sync).await;
    stage.site("a", "hello").await;
    stage.wait_settled("a").await;
    let secret = stage.api::<Secret>().get("a-secret").await.unwrap();
    assert_eq!(
        secret.data.as_ref().unwrap()["password"].0,
        b"correct horse battery staple"
    );
    let annotations: usize = secret
        .annotations()
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    assert!(annotations < 300, "{:?}", secret.annotations());
    handle.shutdown().await.unwrap();
}

/// GCP#176, M#68: without the status subresource every sync failed with a 404.
async fn a_parent_without_a_status_subresource_is_served(stage: Stage) {
    let kind = stage.own_kind("Plain", Scope::Namespaced);
    let mut crd = definition(&kind);
    crd.spec.versions[0].subresources = None;
    install(&stage.client, &crd).await;
    let sync = |request: &SyncRequest| keep(request).map(|response| response.with_status(json!({"phase": "fine"})));
    let config = stage.config(OperatorConfig::new("seed-plain", kind.clone()));
    let config = config.with_child(k8s_types::core::v1::ConfigMap, ChildConfig::apply());
    let handle = stage.start_dynamic(config, sync).await;
    stage.create_of(&kind, "a", json!({"message": "hello"})).await;
    stage.wait_message("a-config", "hello").await;
    stage.rest().await;
    let writes = stage
        .wire
        .sent()
        .into_iter()
        .filter(|sent| sent.method != Method::GET)
        .collect::<Vec<_>>();
    assert_eq!(
        writes.len(),
        1,
        "the child alone, and nothing that can only fail: {writes:#?}"
    );
    assert_eq!(
        metric(&handle.metrics(), "controller_runtime_reconcile_errors_total", &[]).unwrap_or_default(),
        0.0
    );
    handle.shutdown().await.unwrap();
}

/// M#236, M#238: a child in another namespace was created and then collected as garbage.
async fn a_child_in_another_namespace_is_refused_before_it_is_sent(stage: Stage) {
    let other = stage.other_namespace("other").await;
    let namespace = other.clone();
    let sync = move |request: &SyncRequest| -> Result<SyncResponse> {
        let mut child = config_map_of(request, "config");
        child["metadata"]["namespace"] = namespace.clone().into();
        Ok(SyncResponse::new().child(child))
    };
    let handle = stage
        .start_dynamic(of_config_maps(&stage, "seed-namespace"), sync)
        .await;
    stage.site("a", "hello").await;
    let message = stage.wait_condition("a", "Ready", "False", "").await;
    assert!(message.contains("a-config") && message.contains(&other), "{message}");
    let sent = stage.wire.sent();
    assert!(sent.iter().all(|sent| !sent.path.contains(&other)), "{sent:#?}");
    handle.shutdown().await.unwrap();
}

/// M#1062, GCP#60: every parent got a finalizer, and was stuck when the operator was gone.
async fn a_parent_gets_no_finalizer_that_nobody_needs(stage: Stage) {
    let handle = stage
        .start_dynamic(of_config_maps(&stage, "seed-finalizer"), keep)
        .await;
    stage.site("a", "hello").await;
    let site = stage.wait_settled("a").await;
    assert_eq!(site.finalizers(), Vec::<String>::new());
    handle.shutdown().await.unwrap();
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;
}
