//! Operators built without the macro: kinds known only at run time, JSON children, several operators in a process.

use std::{
    collections::BTreeSet,
    error::Error as StdError,
    num::ParseIntError,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use http::{Method, StatusCode};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use roperator::{Dynamic, Kind, Scope, TypedKind, WithFinalize, WithFinalizer, prelude::*};
use roperator_tests::{
    kinds::{Realm, Site, SiteOperator, SiteSpec, config_map_of, message_of},
    stage::{Stage, eventually, parameter},
    wire::Sent,
};
use serde_json::{Value, json};

crate::scenarios![
    shared:
        json_children_are_created_updated_and_pruned,
        views_show_the_observed_children_by_kind_and_by_type,
        handlers_of_every_shape_sync,
        errors_of_every_type_are_reported_and_retried,
        the_class_of_an_error_survives_a_box,
        a_handler_with_a_function_that_finalizes_finalizes,
        the_named_namespaces_are_served_and_no_other,
        an_operator_without_namespaces_serves_all_of_them,
        label_annotation_manager_and_finalizer_can_be_chosen,
        failures_are_retried_between_the_limits_of_the_back_off,
        success_starts_the_back_off_anew,
        operators_of_a_process_share_one_watch_of_a_kind,
        operators_of_a_process_do_not_touch_each_others_children,
        a_watch_of_all_namespaces_serves_an_operator_of_one,
        a_handler_for_another_parent_is_refused_at_start,
        a_configuration_without_its_handlers_children_is_refused_at_start,
        operators_of_one_name_are_refused_at_start,
        configurations_that_make_no_sense_are_refused_at_start,
        a_kind_unknown_at_compile_time_can_be_parent_and_child,
        a_cluster_scoped_parent_owns_children_anywhere_and_a_namespace,
        a_child_of_a_cluster_scoped_parent_needs_a_namespace,
        a_child_outside_of_the_named_namespaces_is_refused;
    own:
];

/// An operator of ConfigMaps alone.
fn of_config_maps(stage: &Stage, name: &str) -> OperatorConfig {
    stage
        .dynamic_config(name)
        .with_child(k8s_types::core::v1::ConfigMap, ChildConfig::apply())
}

/// A handler that keeps one ConfigMap, and notes how many children it last saw.
fn keeper(suffix: &'static str, seen: Arc<AtomicUsize>) -> impl Fn(&SyncRequest) -> Result<SyncResponse> + Send + Sync {
    move |request| {
        seen.store(request.children().len(), Ordering::Relaxed);
        Ok(SyncResponse::new().child(config_map_of(request, suffix)))
    }
}

async fn json_children_are_created_updated_and_pruned(stage: Stage) {
    fn sync(request: &SyncRequest) -> Result<SyncResponse> {
        let message = message_of(request);
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": request.child_meta("svc"),
            "spec": {"ports": [{"port": 80}]},
        });
        let status = json!({"message": message});
        let services = (message == "served").then_some(service);
        Ok(SyncResponse::from_status(status)
            .child(config_map_of(request, "config"))
            .children(services))
    }
    let config = of_config_maps(&stage, "json").with_child(k8s_types::core::v1::Service, ChildConfig::apply());
    let handle = stage.start_dynamic(config, sync).await;
    let site = stage.site("a", "served").await;
    stage.wait_condition("a", "Ready", "True", "Reconciled").await;
    let config_map = stage.wait_message("a-config", "served").await;
    assert_eq!(config_map.labels()["roperator.dev/operator"], "json");
    let [owner] = config_map.owner_references() else {
        panic!("{:?}", config_map.owner_references())
    };
    assert_eq!((owner.kind.as_str(), owner.name.as_str()), ("Site", "a"));
    assert_eq!(
        (&owner.uid, owner.controller),
        (site.metadata.uid.as_ref().unwrap(), Some(true))
    );
    assert_eq!(owner.block_owner_deletion, None);
    stage.wait_for::<Service>("a-svc", "it is there", |_| true).await;

    stage.edit::<Site>("a", json!({"spec": {"message": "alone"}})).await;
    let updated = stage.wait_message("a-config", "alone").await;
    assert_eq!(updated.uid(), config_map.uid(), "it was updated in its place");
    stage.wait_gone::<Service>("a-svc").await;
    let says = |site: &Site| site.status.as_ref().is_some_and(|status| status.message == "alone");
    stage.wait_for::<Site>("a", "its status is written", says).await;
    handle.shutdown().await.unwrap();
}

/// What the views of a request said.
#[derive(Clone, Debug, Default, PartialEq)]
struct Views {
    typed: Vec<String>,
    raw: Vec<String>,
    said: Vec<Option<String>>,
    counts: Vec<usize>,
    truths: Vec<bool>,
    falsehoods: Vec<bool>,
}

impl Views {
    fn of(request: &SyncRequest) -> Self {
        let children = request.children();
        let kind = k8s_types::core::v1::ConfigMap;
        let (typed, raw) = (children.with_type::<ConfigMap>(), children.of_type(&kind));
        let services = children.with_type::<Service>();
        let says = |config_map: &ConfigMap| config_map.data.as_ref().and_then(|data| data.get("message").cloned());
        let said = |json: &Value| json.pointer("/data/message").and_then(Value::as_str).map(str::to_owned);
        let name = |object: &roperator::Object| object.name().to_owned();
        Self {
            typed: typed.iter().map(ResourceExt::name_any).collect(),
            raw: raw.iter().map(name).chain(typed.as_raw().map(name)).collect(),
            said: vec![
                typed.get("a-one").and_then(says),
                typed.first().and_then(says),
                raw.get("a-two").and_then(|object| said(&object.to_value())),
                raw.first().and_then(|object| said(&object.to_value())),
            ],
            counts: vec![
                typed.count(),
                raw.count(),
                services.count(),
                children.len(),
                children.iter().count(),
            ],
            truths: vec![
                typed.exists("a-one"),
                raw.exists("a-two"),
                services.is_empty(),
                services.first().is_none(),
            ],
            falsehoods: vec![
                typed.exists("a-three"),
                raw.exists("a-three"),
                typed.is_empty(),
                raw.is_empty(),
                typed.get("a-three").is_some(),
                raw.get("a-three").is_some(),
                children.of_type(&k8s_types::core::v1::Service).exists("a-one"),
            ],
        }
    }
}

async fn views_show_the_observed_children_by_kind_and_by_type(stage: Stage) {
    let config = of_config_maps(&stage, "views").with_child(k8s_types::core::v1::Service, ChildConfig::apply());
    let all = Arc::new(Mutex::new(Vec::new()));
    let seen = all.clone();
    let sync = move |request: &SyncRequest| -> Result<SyncResponse> {
        seen.lock().unwrap().push(Views::of(request));
        Ok(SyncResponse::new()
            .child(config_map_of(request, "one"))
            .child(config_map_of(request, "two")))
    };
    let handle = stage.start_dynamic(config, sync).await;
    stage.site("a", "hello").await;
    stage.wait_message("a-two", "hello").await;
    stage.rest().await;
    let (first, last) = {
        let all = all.lock().unwrap();
        (all.first().cloned().unwrap(), all.last().cloned().unwrap())
    };
    assert_eq!(first.counts, [0, 0, 0, 0, 0], "there was nothing yet");
    let hello = Some("hello".to_owned());
    let expected = Views {
        typed: vec!["a-one".to_owned(), "a-two".to_owned()],
        raw: ["a-one", "a-two", "a-one", "a-two"].map(str::to_owned).to_vec(),
        said: vec![hello; 4],
        counts: vec![2, 2, 0, 2, 2],
        truths: vec![true; 4],
        falsehoods: vec![false; 7],
    };
    assert_eq!(last, expected);
    handle.shutdown().await.unwrap();
}

/// A handler with state of its own.
struct Counter {
    suffix: &'static str,
    syncs: Arc<AtomicUsize>,
}

impl Handler<Dynamic> for Counter {
    async fn sync(&self, request: &SyncRequest) -> Result<SyncResponse> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(SyncResponse::new().child(config_map_of(request, self.suffix)))
    }
}

async fn handlers_of_every_shape_sync(stage: Stage) {
    fn function(request: &SyncRequest) -> Result<SyncResponse, ParseIntError> {
        Ok(SyncResponse::new().child(config_map_of(request, "function")))
    }
    async fn async_function(request: &SyncRequest) -> Result<SyncResponse, Box<dyn StdError + Send + Sync>> {
        tokio::task::yield_now().await;
        Ok(SyncResponse::new().child(config_map_of(request, "async-function")))
    }
    let captured = Arc::new("closure".to_owned());
    let closure = move |request: SyncRequest| {
        let suffix = captured.clone();
        async move {
            tokio::task::yield_now().await;
            Ok::<_, std::io::Error>(SyncResponse::new().child(config_map_of(&request, &suffix)))
        }
    };
    let syncs = Arc::new(AtomicUsize::new(0));
    let structure = Counter {
        suffix: "structure",
        syncs: syncs.clone(),
    };

    let config = |name| of_config_maps(&stage, name);
    for name in ["function", "async-function", "closure", "structure"] {
        stage.grant(&config(name)).await;
    }
    let runtime = Runtime::new(stage.operator_client())
        .add_with(config("function"), function)
        .add_with(config("async-function"), async_function)
        .add_with(config("closure"), closure)
        .add_with(config("structure"), structure);
    let handle = stage.launch(runtime).await;
    stage.site("a", "hello").await;
    for name in ["function", "async-function", "closure", "structure"] {
        let child = stage.wait_message(&format!("a-{name}"), "hello").await;
        assert_eq!(child.labels()["roperator.dev/operator"], name);
    }
    assert_ne!(syncs.load(Ordering::Relaxed), 0);
    handle.shutdown().await.unwrap();
}

async fn errors_of_every_type_are_reported_and_retried(stage: Stage) {
    fn std_error(request: &SyncRequest) -> Result<SyncResponse, ParseIntError> {
        let number: u32 = message_of(request).parse()?;
        Ok(SyncResponse::new().child(config_map_of(request, &number.to_string())))
    }
    async fn boxed_error(request: &SyncRequest) -> Result<SyncResponse, Box<dyn StdError + Send + Sync>> {
        if message_of(request) == "x" {
            return Err("x is no number".into());
        }
        Ok(SyncResponse::new().child(config_map_of(request, "boxed")))
    }
    let handle = stage
        .start_dynamic(of_config_maps(&stage, "std-error"), std_error)
        .await;
    stage.site("a", "x").await;
    let message = stage.wait_condition("a", "Ready", "False", "").await;
    assert!(message.contains("invalid digit found in string"), "{message}");
    stage.edit::<Site>("a", json!({"spec": {"message": "7"}})).await;
    stage.wait_message("a-7", "7").await;
    stage.wait_condition("a", "Ready", "True", "").await;
    handle.shutdown().await.unwrap();

    let handle = stage
        .start_dynamic(of_config_maps(&stage, "boxed-error"), boxed_error)
        .await;
    stage.edit::<Site>("a", json!({"spec": {"message": "x"}})).await;
    let message = stage.wait_condition("a", "Ready", "False", "").await;
    assert!(message.contains("x is no number"), "{message}");
    stage.edit::<Site>("a", json!({"spec": {"message": "8"}})).await;
    stage.wait_message("a-boxed", "8").await;
    handle.shutdown().await.unwrap();
}

async fn the_class_of_an_error_survives_a_box(stage: Stage) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let sync = move |_: SyncRequest| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            // Through `?` into a box, and out of it again.
            Err(Error::terminal("it will never work"))?;
            Ok::<_, Box<dyn StdError + Send + Sync>>(SyncResponse::new())
        }
    };
    let config = of_config_maps(&stage, "boxed").with_backoff(Duration::from_millis(10), Duration::from_secs(600));
    let handle = stage.start_dynamic(config, sync).await;
    stage.site("a", "hello").await;
    let message = stage.wait_condition("a", "Stalled", "True", "").await;
    assert!(message.contains("it will never work"), "{message}");
    stage.rest().await;
    assert_eq!(
        calls.load(Ordering::Relaxed),
        1,
        "a terminal error waits for the longest delay"
    );
    handle.shutdown().await.unwrap();
}

async fn a_handler_with_a_function_that_finalizes_finalizes(stage: Stage) {
    type Finalizing = Dynamic<WithFinalizer>;
    let finalized = Arc::new(AtomicUsize::new(0));
    let counted = finalized.clone();
    let handler = WithFinalize::new(
        |request: &SyncRequest<Finalizing>| -> Result<SyncResponse<Finalizing>> {
            Ok(SyncResponse::new().child(config_map_of(request, "config")))
        },
        move |request: &SyncRequest<Finalizing>| {
            assert!(
                request
                    .children()
                    .of_type(&k8s_types::core::v1::ConfigMap)
                    .exists("a-config")
            );
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(FinalizeResponse::done())
        },
    );
    let handle = stage.start_with(of_config_maps(&stage, "with-finalize"), handler).await;
    stage.site("a", "hello").await;
    stage.wait_message("a-config", "hello").await;
    let site = stage
        .wait_for::<Site>("a", "it has the finalizer", |site| !site.finalizers().is_empty())
        .await;
    assert_eq!(site.finalizers(), ["roperator.dev/with-finalize"]);
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;
    assert_eq!(finalized.load(Ordering::Relaxed), 1);
    handle.shutdown().await.unwrap();
}

/// Creates a [`Site`] in any namespace.
async fn site_in(stage: &Stage, namespace: &str, name: &str) {
    let sites: Api<Site> = Api::namespaced(stage.client.clone(), namespace);
    let spec = SiteSpec {
        message: "hello".to_owned(),
        ..SiteSpec::default()
    };
    sites
        .create(&PostParams::default(), &Site::new(name, spec))
        .await
        .unwrap();
}

/// Waits for a ConfigMap in any namespace.
async fn config_map_in(stage: &Stage, namespace: &str, name: &str) -> ConfigMap {
    let config_maps: Api<ConfigMap> = Api::namespaced(stage.client.clone(), namespace);
    eventually(name, async || config_maps.get_opt(name).await.ok()?).await
}

async fn the_named_namespaces_are_served_and_no_other(stage: Stage) {
    let (second, foreign) = (
        stage.other_namespace("second").await,
        stage.other_namespace("foreign").await,
    );
    let config = of_config_maps(&stage, "named").within_namespace(&second);
    let handle = stage.start_dynamic(config, keeper("config", Arc::default())).await;
    for namespace in [&foreign, &stage.namespace, &second] {
        site_in(&stage, namespace, "a").await;
    }
    config_map_in(&stage, &stage.namespace, "a-config").await;
    config_map_in(&stage, &second, "a-config").await;
    stage.rest().await;
    let expected: BTreeSet<String> = [&stage.namespace, &second]
        .iter()
        .flat_map(|namespace| {
            [
                format!("/apis/tests.example.com/v1/namespaces/{namespace}/sites"),
                format!("/api/v1/namespaces/{namespace}/configmaps"),
            ]
        })
        .collect();
    let watched: BTreeSet<String> = stage
        .wire
        .sent()
        .into_iter()
        .filter(|sent| sent.is_watch())
        .map(|sent| sent.path)
        .collect();
    assert_eq!(watched, expected);
    let sites: Api<Site> = Api::namespaced(stage.client.clone(), &foreign);
    assert_eq!(sites.get("a").await.unwrap().status, None);
    let config_maps: Api<ConfigMap> = Api::namespaced(stage.client.clone(), &foreign);
    assert!(config_maps.get_opt("a-config").await.unwrap().is_none());
    handle.shutdown().await.unwrap();
}

async fn an_operator_without_namespaces_serves_all_of_them(stage: Stage) {
    // A kind of the scenario's own: Sites of other scenarios would be served as well.
    let kind = stage.own_kind("Garden", Scope::Namespaced);
    stage.install(&kind).await;
    let config = OperatorConfig::new("everywhere", kind.clone())
        .with_child(k8s_types::core::v1::ConfigMap, ChildConfig::apply());
    let handle = stage.start_dynamic(config, keeper("config", Arc::default())).await;
    stage.create_of(&kind, "a", json!({"message": "hello"})).await;
    stage.wait_message("a-config", "hello").await;
    stage.rest().await;
    // The server answers 429 to the first watches of a kind that it has just learnt.
    let is_watch = |sent: &Sent| sent.is_watch() && sent.code == Some(StatusCode::OK);
    let watches: Vec<_> = stage.wire.sent().into_iter().filter(is_watch).collect();
    let paths: BTreeSet<_> = watches.iter().map(|sent| sent.path.clone()).collect();
    assert_eq!(
        paths,
        BTreeSet::from([
            "/api/v1/configmaps".to_owned(),
            format!("/apis/{}/gardens", kind.api_version())
        ])
    );
    assert_eq!(watches.len(), 2, "{watches:#?}");
    handle.shutdown().await.unwrap();
}

async fn label_annotation_manager_and_finalizer_can_be_chosen(stage: Stage) {
    type Finalizing = Dynamic<WithFinalizer>;
    let config = of_config_maps(&stage, "chosen")
        .with_operator_label("example.com/owner")
        .with_applied_annotation("example.com/applied")
        .with_field_manager("Example Manager/1")
        .with_finalizer("example.com/clean-up");
    let handler = WithFinalize::new(
        |request: &SyncRequest<Finalizing>| -> Result<SyncResponse<Finalizing>> {
            Ok(SyncResponse::new().child(config_map_of(request, "config")))
        },
        |_: &SyncRequest<Finalizing>| Ok(FinalizeResponse::done()),
    );
    let handle = stage.start_with(config, handler).await;
    stage.site("a", "one").await;
    stage.wait_message("a-config", "one").await;
    stage.edit::<Site>("a", json!({"spec": {"message": "two"}})).await;
    let child = stage.wait_message("a-config", "two").await;
    assert_eq!(
        child.labels().iter().collect::<Vec<_>>(),
        [(&"example.com/owner".to_owned(), &"chosen".to_owned())]
    );
    assert_eq!(child.annotations().keys().collect::<Vec<_>>(), ["example.com/applied"]);
    let managers: BTreeSet<_> = child
        .managed_fields()
        .iter()
        .filter_map(|entry| entry.manager.as_deref())
        .collect();
    assert_eq!(managers, BTreeSet::from(["Example Manager/1"]));
    let site = stage
        .wait_for::<Site>("a", "it is finalized", |site| !site.finalizers().is_empty())
        .await;
    assert_eq!(site.finalizers(), ["example.com/clean-up"]);
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;

    let sent = stage.wire.sent();
    let config_maps = sent
        .iter()
        .find(|sent| sent.is_watch() && sent.path.ends_with("/configmaps"))
        .unwrap();
    assert_eq!(
        parameter(config_maps, "labelSelector").as_deref(),
        Some("example.com/owner=chosen")
    );
    for write in stage.wire.writes() {
        assert_eq!(
            parameter(&write, "fieldManager").as_deref(),
            Some("Example Manager/1"),
            "{write:#?}"
        );
    }
    handle.shutdown().await.unwrap();
}

/// A handler that fails while `fails` says so, and notes when it was called.
fn failing(
    calls: Arc<Mutex<Vec<Instant>>>,
    fails: impl Fn(usize) -> bool + Send + Sync + 'static,
) -> impl Fn(&SyncRequest) -> Result<SyncResponse> + Send + Sync {
    move |_| {
        let mut calls = calls.lock().unwrap();
        calls.push(Instant::now());
        if fails(calls.len()) {
            Err(Error::transient("not now"))
        } else {
            Ok(SyncResponse::new())
        }
    }
}

/// Waits for so many calls, and returns the time between them.
async fn gaps(calls: &Mutex<Vec<Instant>>, number: usize) -> Vec<Duration> {
    eventually("the handler is called again and again", async || {
        (calls.lock().unwrap().len() >= number).then_some(())
    })
    .await;
    let calls = calls.lock().unwrap();
    calls
        .windows(2)
        .take(number - 1)
        .map(|pair| pair[1].duration_since(pair[0]))
        .collect()
}

async fn failures_are_retried_between_the_limits_of_the_back_off(stage: Stage) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let (first, last) = (Duration::from_millis(100), Duration::from_millis(400));
    let config = of_config_maps(&stage, "back-off").with_backoff(first, last);
    let handle = stage.start_dynamic(config, failing(calls.clone(), |_| true)).await;
    stage.site("a", "hello").await;
    let gaps = gaps(&calls, 10).await;
    for (gap, least) in gaps.iter().zip([1, 2, 4, 4, 4, 4, 4, 4, 4]) {
        assert!(*gap >= first * least, "{gaps:?}");
    }
    // Without a limit the last delay were 25.6 s, the one before half of it; the machine may be slow, but not so slow.
    assert!(gaps.iter().all(|gap| *gap < last * 10), "{gaps:?}");
    handle.shutdown().await.unwrap();
}

async fn success_starts_the_back_off_anew(stage: Stage) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    // The ninth call succeeds, and the tenth, which the edit brings, fails again.
    let sync = failing(calls.clone(), |call| call != 9);
    let config = of_config_maps(&stage, "reset").with_backoff(Duration::from_millis(50), Duration::from_secs(600));
    let handle = stage.start_dynamic(config, sync).await;
    stage.site("a", "one").await;
    stage.wait_condition("a", "Ready", "True", "").await;
    stage.edit::<Site>("a", json!({"spec": {"message": "two"}})).await;
    let gaps = gaps(&calls, 11).await;
    assert!(gaps[7] >= Duration::from_millis(6400), "{gaps:?}");
    assert!(gaps[9] < Duration::from_millis(6400), "{gaps:?}");
    handle.shutdown().await.unwrap();
}

fn typed(request: &SyncRequest<SiteOperator>) -> Result<SyncResponse<SiteOperator>> {
    let data = Some([("message".to_owned(), request.parent().spec.message.clone())].into());
    Ok(SyncResponse::new().child(ConfigMap {
        metadata: request.child_meta("typed"),
        data,
        ..Default::default()
    }))
}

async fn operators_of_a_process_share_one_watch_of_a_kind(stage: Stage) {
    let (one, two) = (of_config_maps(&stage, "one"), of_config_maps(&stage, "two"));
    let site = stage.config_of::<SiteOperator>();
    for config in [&one, &two, &site] {
        stage.grant(config).await;
    }
    let runtime = Runtime::new(stage.operator_client())
        .add_with(one, keeper("one", Arc::default()))
        .add_with::<SiteOperator, _, _>(site, typed)
        .add_with(two, keeper("two", Arc::default()));
    let handle = stage.launch(runtime).await;
    stage.site("a", "hello").await;
    for suffix in ["one", "two", "typed"] {
        stage.wait_message(&format!("a-{suffix}"), "hello").await;
    }
    stage.rest().await;
    let mut watches: Vec<_> = stage
        .wire
        .sent()
        .iter()
        .filter(|sent| sent.is_watch())
        .map(|sent| {
            let resource = sent.path.rsplit('/').next().unwrap_or_default().to_owned();
            (resource, parameter(sent, "labelSelector").unwrap_or_default())
        })
        .collect();
    watches.sort();
    let shared = "roperator.dev/operator in (one, site, two)";
    let alone = "roperator.dev/operator=site";
    let expected = [
        ("configmaps", shared),
        ("deployments", alone),
        ("secrets", alone),
        ("services", alone),
        ("sites", ""),
    ];
    assert_eq!(
        watches,
        expected.map(|(resource, selector)| (resource.to_owned(), selector.to_owned()))
    );
    handle.shutdown().await.unwrap();
}

async fn operators_of_a_process_do_not_touch_each_others_children(stage: Stage) {
    let (seen_by_one, seen_by_two) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (one, two) = (of_config_maps(&stage, "one"), of_config_maps(&stage, "two"));
    stage.grant(&one).await;
    stage.grant(&two).await;
    let runtime = Runtime::new(stage.operator_client())
        .add_with(one, keeper("one", seen_by_one.clone()))
        .add_with(two, keeper("two", seen_by_two.clone()));
    let handle = stage.launch(runtime).await;
    stage.site("a", "first").await;
    stage.wait_message("a-one", "first").await;
    stage.wait_message("a-two", "first").await;
    stage.edit::<Site>("a", json!({"spec": {"message": "second"}})).await;
    stage.wait_message("a-one", "second").await;
    stage.wait_message("a-two", "second").await;
    stage.rest().await;
    assert_eq!(
        (seen_by_one.load(Ordering::Relaxed), seen_by_two.load(Ordering::Relaxed)),
        (1, 1)
    );
    let writes = stage.wire.writes();
    let deletes: Vec<_> = writes.iter().filter(|sent| sent.method == Method::DELETE).collect();
    assert!(deletes.is_empty(), "{deletes:#?}");
    for (name, manager) in [("a-one", "one"), ("a-two", "two")] {
        let child = stage.wait_message(name, "second").await;
        let managers: BTreeSet<_> = child
            .managed_fields()
            .iter()
            .filter_map(|entry| entry.manager.as_deref())
            .collect();
        assert_eq!(managers, BTreeSet::from([manager]), "{name}");
    }
    handle.shutdown().await.unwrap();
}

async fn a_watch_of_all_namespaces_serves_an_operator_of_one(stage: Stage) {
    let kind = stage.own_kind("Garden", Scope::Namespaced);
    stage.install(&kind).await;
    let config = |name: &str| {
        OperatorConfig::new(name, kind.clone()).with_child(k8s_types::core::v1::ConfigMap, ChildConfig::apply())
    };
    let (all, one) = (config("of-all"), config("of-one").within_namespace(&stage.namespace));
    stage.grant(&all).await;
    stage.grant(&one).await;
    let runtime = Runtime::new(stage.operator_client())
        .add_with(all, keeper("all", Arc::default()))
        .add_with(one, keeper("one", Arc::default()));
    let handle = stage.launch(runtime).await;
    let other = stage.other_namespace("other").await;
    stage.create_in(&kind, &other, "a", json!({"message": "hello"})).await;
    stage.create_of(&kind, "a", json!({"message": "hello"})).await;
    for (namespace, name) in [
        (&stage.namespace, "a-all"),
        (&stage.namespace, "a-one"),
        (&other, "a-all"),
    ] {
        config_map_in(&stage, namespace, name).await;
    }
    stage.rest().await;
    let config_maps: Api<ConfigMap> = Api::namespaced(stage.client.clone(), &other);
    assert!(
        config_maps.get_opt("a-one").await.unwrap().is_none(),
        "that namespace is not its business"
    );
    let is_watch = |sent: &Sent| sent.is_watch() && sent.code == Some(StatusCode::OK);
    let watches: Vec<_> = stage.wire.sent().into_iter().filter(is_watch).collect();
    assert_eq!(watches.len(), 2, "{watches:#?}");
    assert!(
        watches.iter().all(|sent| !sent.path.contains("/namespaces/")),
        "{watches:#?}"
    );
    handle.shutdown().await.unwrap();
}

/// Why a runtime does not start, which it must decide without asking the API server.
async fn refusal(stage: &Stage, what: &str, runtime: Runtime) -> String {
    let error = runtime.server_port(0).start().await.err();
    assert!(stage.wire.sent().is_empty(), "{what}: {:#?}", stage.wire.sent());
    error.unwrap_or_else(|| panic!("{what}: it starts")).to_string()
}

async fn a_handler_for_another_parent_is_refused_at_start(stage: Stage) {
    let config = OperatorConfig::new("site", Realm::kind_of());
    let runtime = Runtime::new(stage.operator_client()).add_with::<SiteOperator, _, _>(config, typed);
    let error = refusal(&stage, "another parent", runtime).await;
    for part in ["`site`", "Realm (tests.example.com/v1)", "Site (tests.example.com/v1)"] {
        assert!(error.contains(part), "{error}");
    }
}

async fn a_configuration_without_its_handlers_children_is_refused_at_start(stage: Stage) {
    // The handler may return ConfigMaps, which this configuration neither watches nor has rights for.
    let config =
        OperatorConfig::new("site", Site::kind_of()).with_child(k8s_types::core::v1::Secret, ChildConfig::apply());
    let runtime = Runtime::new(stage.operator_client()).add_with::<SiteOperator, _, _>(config, typed);
    let error = refusal(&stage, "other children", runtime).await;
    assert!(error.contains("`site`") && error.contains("ConfigMap"), "{error}");
}

async fn operators_of_one_name_are_refused_at_start(stage: Stage) {
    let twice = Runtime::new(stage.operator_client())
        .add_with(of_config_maps(&stage, "same"), keeper("one", Arc::default()))
        .add_with(of_config_maps(&stage, "same"), keeper("two", Arc::default()));
    let error = refusal(&stage, "twice", twice).await;
    assert!(error.contains("`same`") && error.contains("another name"), "{error}");

    let heir = of_config_maps(&stage, "heir").with_previous_names(["same"]);
    let inherited = Runtime::new(stage.operator_client())
        .add_with(of_config_maps(&stage, "same"), keeper("one", Arc::default()))
        .add_with(heir, keeper("two", Arc::default()));
    let error = refusal(&stage, "inherited", inherited).await;
    assert!(error.contains("`same`"), "{error}");
}

async fn configurations_that_make_no_sense_are_refused_at_start(stage: Stage) {
    let apply = ChildConfig::apply;
    let named = |name: &str| of_config_maps(&stage, name);
    let longest = "a".repeat(63);
    let refused = [
        (named(""), "cannot name an operator"),
        (named("Upper"), "`Upper` cannot name an operator"),
        (named("under_score"), "`under_score` cannot name an operator"),
        (named("-dash"), "`-dash` cannot name an operator"),
        (named(&"a".repeat(64)), "at most 63"),
        (named("new").with_previous_names(["new"]), "`new`"),
        (named("a").with_field_manager(""), "field manager"),
        (named("a").with_field_manager("m".repeat(129)), "field manager"),
        (named("a").with_finalizer("nodomain"), "`nodomain`"),
        (
            named("a").with_child(k8s_types::core::v1::ConfigMap, ChildConfig::recreate()),
            "ConfigMap (v1) is declared twice",
        ),
        (
            named("a").with_child(k8s_types::core::v1::Namespace, apply()),
            "Namespace (v1) is cluster-scoped",
        ),
        (
            named("a").with_child(Site::kind_of(), apply()),
            "Site (tests.example.com/v1) is both the parent and a child",
        ),
        (named("a").with_operator_label("not a key"), "`not a key`"),
        (named("a").with_applied_annotation("not a key"), "`not a key`"),
    ];
    for (config, expected) in refused {
        let name = config.name().to_owned();
        let runtime = Runtime::new(stage.operator_client()).add_with(config, keeper("config", Arc::default()));
        let error = refusal(&stage, expected, runtime).await;
        assert!(
            error.contains(expected) && error.contains(&format!("`{name}`")),
            "expected {expected:?}: {error}"
        );
    }
    let nothing = refusal(&stage, "nothing", Runtime::new(stage.operator_client())).await;
    assert!(nothing.contains("no operator"), "{nothing}");
    assert!(named(&longest).check().is_ok());
}

/// Keeps the plants that a garden names, and counts the tall ones.
fn sync_garden(plant: Kind) -> impl Fn(&SyncRequest) -> Result<SyncResponse> + Send + Sync {
    move |request| {
        let spec = request.parent().to_value()["spec"].clone();
        let plants = spec["plants"].as_object().cloned().unwrap_or_default();
        let plants = plants.into_iter().map(|(name, height)| {
            json!({
                "apiVersion": plant.api_version(), "kind": plant.kind(), "metadata": {"name": name},
                "spec": {"height": height},
            })
        });
        let is_tall = |plant: &&roperator::Object| plant.to_value()["spec"]["height"] == "tall";
        let tall = request.children().of_type(&plant).iter().filter(is_tall).count();
        Ok(SyncResponse::from_status(json!({"tall": tall})).children(plants))
    }
}

async fn a_kind_unknown_at_compile_time_can_be_parent_and_child(stage: Stage) {
    let (garden, plant) = (
        stage.own_kind("Garden", Scope::Namespaced),
        stage.own_kind("Plant", Scope::Namespaced),
    );
    stage.install(&garden).await;
    stage.install(&plant).await;
    let config = OperatorConfig::new("gardener", garden.clone()).with_child(plant.clone(), ChildConfig::apply());
    let handle = stage
        .start_dynamic(stage.config(config), sync_garden(plant.clone()))
        .await;
    let (gardens, plants) = (stage.api_of(&garden), stage.api_of(&plant));
    let wait_tall = async |number: usize| {
        eventually("the plants are counted", async || {
            let garden = gardens.get("g").await.ok()?;
            let status = garden.data.get("status")?;
            (status["tall"] == number && status["conditions"][0]["status"] == "True").then_some(garden)
        })
        .await
    };
    let created = stage
        .create_of(&garden, "g", json!({"plants": {"rose": "tall", "moss": "low"}}))
        .await;
    wait_tall(1).await;
    let rose = plants.get("rose").await.unwrap();
    assert_eq!(rose.owner_references()[0].uid, created.uid().unwrap());
    assert_eq!(rose.data["spec"], json!({"height": "tall"}));
    let edit = json!({"spec": {"plants": {"rose": null, "moss": "tall", "oak": "tall"}}});
    gardens
        .patch("g", &PatchParams::default(), &Patch::Merge(edit))
        .await
        .unwrap();
    let garden = wait_tall(2).await;
    assert!(plants.get_opt("rose").await.unwrap().is_none());
    assert_eq!(
        plants.get("moss").await.unwrap().data["spec"],
        json!({"height": "tall"})
    );
    assert_eq!(garden.data["status"]["observedGeneration"], 2);
    handle.shutdown().await.unwrap();
}

/// A cluster-scoped kind of the stage's own, whose operator keeps a ConfigMap in each of the parent's namespaces and a
/// Namespace with the parent's name if it says so.
async fn realm(stage: &Stage, name: &str) -> (Kind, OperatorConfig) {
    let kind = stage.own_kind("Realm", Scope::Cluster);
    stage.install(&kind).await;
    let config = OperatorConfig::new(name, kind.clone())
        .with_child(k8s_types::core::v1::ConfigMap, ChildConfig::apply())
        .with_child(k8s_types::core::v1::Namespace, ChildConfig::apply());
    (kind, config)
}

fn sync_realm(request: &SyncRequest) -> Result<SyncResponse> {
    let spec = request.parent().to_value()["spec"].clone();
    let config_maps = spec["namespaces"].as_array().cloned().unwrap_or_default().into_iter().map(|namespace| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": request.parent().name(), "namespace": namespace},
            "data": {"message": "hello"},
        })
    });
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": request.parent().name()}});
    Ok(SyncResponse::new()
        .children(config_maps)
        .children((spec["own"] == true).then_some(namespace)))
}

/// A condition of an object without a type: status and message.
async fn wait_ready(stage: &Stage, kind: &Kind, name: &str, status: &str) -> String {
    let api = stage.api_of(kind);
    eventually("the condition", async || {
        let object = api.get(name).await.ok()?;
        let ready = object.data.get("status")?["conditions"]
            .as_array()?
            .iter()
            .find(|found| found["type"] == "Ready")?
            .clone();
        (ready["status"] == status).then(|| ready["message"].as_str().unwrap_or_default().to_owned())
    })
    .await
}

async fn a_cluster_scoped_parent_owns_children_anywhere_and_a_namespace(stage: Stage) {
    let (kind, config) = realm(&stage, "realm-anywhere").await;
    let second = stage.other_namespace("second").await;
    let handle = stage.start_dynamic(config, sync_realm).await;
    let name = format!("{}-realm", stage.namespace);
    let started = stage.rest().await.len();
    let parent = stage
        .create_of(
            &kind,
            &name,
            json!({"namespaces": [stage.namespace, second], "own": true}),
        )
        .await;
    wait_ready(&stage, &kind, &name, "True").await;
    for namespace in [&stage.namespace, &second] {
        let child = config_map_in(&stage, namespace, &name).await;
        assert_eq!(child.owner_references()[0].uid, parent.uid().unwrap());
    }
    let namespaces: Api<Namespace> = Api::all(stage.client.clone());
    assert_eq!(namespaces.get(&name).await.unwrap().owner_references()[0].kind, "Realm");
    let sent = stage.rest().await;
    assert_eq!(
        sent.len() - started,
        4,
        "three children and a status: {:#?}",
        &sent[started..]
    );

    let edit = json!({"spec": {"namespaces": [second], "own": false}});
    stage
        .api_of(&kind)
        .patch(&name, &PatchParams::default(), &Patch::Merge(edit))
        .await
        .unwrap();
    stage.wait_gone::<ConfigMap>(&name).await;
    // A Namespace takes its time to go.
    eventually("the Namespace is deleted", async || {
        match namespaces.get_opt(&name).await.ok()? {
            Some(namespace) => namespace.metadata.deletion_timestamp.map(|_| ()),
            None => Some(()),
        }
    })
    .await;
    config_map_in(&stage, &second, &name).await;
    handle.shutdown().await.unwrap();
}

async fn a_child_of_a_cluster_scoped_parent_needs_a_namespace(stage: Stage) {
    let (kind, config) = realm(&stage, "realm-needs-namespace").await;
    let handle = stage.start_dynamic(config, sync_realm).await;
    stage
        .create_of(&kind, "lost", json!({"namespaces": [null, stage.namespace]}))
        .await;
    let message = wait_ready(&stage, &kind, "lost", "False").await;
    assert!(
        message.contains("ConfigMap `lost`") && message.contains("namespace"),
        "{message}"
    );
    stage.rest().await;
    let posts: Vec<_> = stage
        .wire
        .writes()
        .into_iter()
        .filter(|sent| sent.method == Method::POST)
        .collect();
    assert!(
        posts.is_empty(),
        "not even the child that has one is created: {posts:#?}"
    );
    handle.shutdown().await.unwrap();
}

async fn a_child_outside_of_the_named_namespaces_is_refused(stage: Stage) {
    let (kind, config) = realm(&stage, "realm-outside").await;
    let foreign = stage.other_namespace("foreign").await;
    let handle = stage.start_dynamic(stage.config(config), sync_realm).await;
    stage.create_of(&kind, "far", json!({"namespaces": [foreign]})).await;
    let message = wait_ready(&stage, &kind, "far", "False").await;
    assert!(
        message.contains(&foreign) && message.contains("does not watch"),
        "{message}"
    );
    let config_maps: Api<ConfigMap> = Api::namespaced(stage.client.clone(), &foreign);
    assert!(config_maps.get_opt("far").await.unwrap().is_none());
    handle.shutdown().await.unwrap();
}
