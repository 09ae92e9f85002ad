//! Start, shutdown, missing kinds, renamed operators, health and metrics.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::{BoxFuture, join_all};
use http::{Method, StatusCode};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};
use kube::{Api, Resource, ResourceExt, api::PostParams};
use roperator::{
    Dynamic, IntoHandler, OperatorHandle, RuntimeError, Scope, ServerConfig, WithFinalize, WithFinalizer, prelude::*,
};
use roperator_examples::echo::{EchoServer, EchoServerSpec};
use roperator_tests::server::Server;
use roperator_tests::{
    kinds::{Site, config_map_of, message_of},
    stage::{Gate, Stage, eventually, http_get, metric, parameter},
    wire::{Fault, Sent},
};
use serde_json::{Value, json};

crate::scenarios![
    shared:
        a_missing_parent_kind_is_named_and_served_once_it_is_installed,
        a_missing_child_kind_holds_back_every_turn,
        a_missing_kind_holds_up_no_other_operator,
        a_kind_without_rights_is_named_and_served_once_they_are_granted,
        no_turn_runs_before_every_child_is_listed,
        live_changes_are_served_before_the_initial_list,
        what_was_listed_is_not_starved_by_live_changes,
        initial_lists_are_streamed,
        plain_lists_stand_in_where_streams_are_refused,
        a_shutdown_waits_for_the_turn_that_runs_and_begins_no_other,
        a_turn_that_outlives_the_grace_period_is_aborted_and_told_of,
        a_dropped_handle_stops_everything,
        health_and_readiness_are_served,
        metrics_count_what_happens,
        metrics_count_errors_and_panics,
        reasons_of_a_turn_are_merged_and_counted,
        health_and_metrics_can_be_switched_off,
        a_taken_port_is_told_of_at_start,
        a_renamed_operator_keeps_its_children,
        a_renamed_operator_leaves_no_field_behind,
        a_renamed_operator_prunes_what_its_old_name_left,
        previous_names_can_be_forgotten_once_all_is_taken_over,
        a_changed_field_manager_leaves_no_field_behind,
        a_previous_field_manager_can_be_forgotten_once_all_is_taken_over,
        a_finalizer_of_a_previous_name_is_replaced,
        a_parent_that_was_deleted_under_a_previous_name_is_finalized,
        a_version_that_no_longer_finalizes_lets_parents_go,
        a_new_version_changes_what_it_wants_otherwise_and_nothing_else,
        every_parent_is_synced_again_after_the_resync_period,
        a_response_that_names_a_time_is_synced_again_then,
        concurrency_is_bounded_and_one_for_a_parent;
    own:
        a_process_ends_with_success_when_it_is_told_to;
    only on a real server:
        a_kind_without_rights_is_named_and_served_once_they_are_granted,
];

fn of_config_maps(stage: &Stage, name: &str) -> OperatorConfig {
    stage
        .dynamic_config(name)
        .with_child(k8s_types::core::v1::ConfigMap, ChildConfig::apply())
}

fn keep(request: &SyncRequest) -> Result<SyncResponse> {
    Ok(SyncResponse::new().child(config_map_of(request, "config")))
}

/// Starts an operator without waiting until it is ready.
async fn begin<S>(stage: &Stage, config: OperatorConfig, handler: impl IntoHandler<Dynamic, S>) -> OperatorHandle {
    let runtime = Runtime::new(stage.operator_client())
        .server_port(0)
        .add_with(config, handler);
    runtime
        .start()
        .await
        .expect("it starts, whatever is missing on the cluster")
}

/// Waits until the operator says that it waits for something, and returns how it says so.
async fn wait_unready(handle: &OperatorHandle, what: &str) -> String {
    eventually(&format!("it says that it waits for {what}"), async || {
        handle.unready().into_iter().find(|problem| problem.contains(what))
    })
    .await
}

/// Runs an operator until it rests, and says what it wrote.
async fn run_once<S>(stage: &Stage, config: OperatorConfig, handler: impl IntoHandler<Dynamic, S>) -> Vec<Sent> {
    stage.wire.clear();
    let handle = stage.start_dynamic(config, handler).await;
    stage.rest().await;
    handle.shutdown().await.unwrap();
    stage.wire.writes()
}

async fn a_missing_parent_kind_is_named_and_served_once_it_is_installed(stage: Stage) {
    let kind = stage.own_kind("Garden", Scope::Namespaced);
    let config = stage.config(OperatorConfig::new("waiting", kind.clone()));
    let config = config.with_child(k8s_types::core::v1::ConfigMap, ChildConfig::apply());
    stage.grant(&config).await;
    let handle = begin(&stage, config, keep).await;
    let problem = wait_unready(&handle, &kind.crd_name()).await;
    assert!(problem.contains("Garden") && problem.contains("install"), "{problem}");
    let address = handle.server_address().unwrap();
    let ready = http_get(address, "/ready").await.unwrap();
    assert_eq!(ready.code, 503);
    assert!(ready.body.contains(&kind.crd_name()), "{ready:?}");
    assert_eq!(
        http_get(address, "/health").await.unwrap().code,
        200,
        "it does what it can: no reason to restart it"
    );

    // It asks again, less and less often.
    stage.wire.clear();
    stage.rest().await;
    stage.rest().await;
    let asked = stage
        .wire
        .sent()
        .iter()
        .filter(|sent| sent.path.ends_with("/gardens"))
        .count();
    assert!((1..=8).contains(&asked), "asked {asked} times in three seconds");

    stage.install(&kind).await;
    stage.ready(&handle).await;
    assert_eq!(http_get(address, "/ready").await.unwrap().code, 200);
    stage.create_of(&kind, "a", json!({"message": "hello"})).await;
    stage.wait_message("a-config", "hello").await;
    handle.shutdown().await.unwrap();
}

async fn a_missing_child_kind_holds_back_every_turn(stage: Stage) {
    let plant = stage.own_kind("Plant", Scope::Namespaced);
    let config = of_config_maps(&stage, "waiting").with_child(plant.clone(), ChildConfig::apply());
    stage.grant(&config).await;
    stage.site("a", "hello").await;
    let syncs = Arc::new(AtomicUsize::new(0));
    let counted = syncs.clone();
    let sync = move |request: &SyncRequest| {
        counted.fetch_add(1, Ordering::Relaxed);
        keep(request)
    };
    let handle = begin(&stage, config, sync).await;
    wait_unready(&handle, &plant.crd_name()).await;
    stage.rest().await;
    assert_eq!(syncs.load(Ordering::Relaxed), 0, "who knows whether there are Plants");
    assert_eq!(stage.wire.writes().len(), 0);
    stage.install(&plant).await;
    stage.wait_message("a-config", "hello").await;
    assert_eq!(handle.unready(), Vec::<String>::new());
    handle.shutdown().await.unwrap();
}

async fn a_missing_kind_holds_up_no_other_operator(stage: Stage) {
    let plant = stage.own_kind("Plant", Scope::Namespaced);
    let waiting = of_config_maps(&stage, "waiting").with_child(plant.clone(), ChildConfig::apply());
    stage.grant(&waiting).await;
    let working = of_config_maps(&stage, "working");
    stage.grant(&working).await;
    let runtime = Runtime::new(stage.operator_client()).add_with(waiting, keep);
    let runtime = runtime.add_with(working, |request: &SyncRequest| -> Result<SyncResponse> {
        Ok(SyncResponse::new().child(config_map_of(request, "working")))
    });
    let handle = runtime.server_port(0).start().await.unwrap();
    stage.site("a", "hello").await;
    stage.wait_message("a-working", "hello").await;
    wait_unready(&handle, &plant.crd_name()).await;
    wait_unready(&handle, "`waiting`").await;
    assert!(
        !handle.unready().iter().any(|problem| problem.contains("`working`")),
        "{:?}",
        handle.unready()
    );
    handle.shutdown().await.unwrap();
}

async fn a_kind_without_rights_is_named_and_served_once_they_are_granted(stage: Stage) {
    // Rights are everybody's who shares the account, so that only a kind of the stage's own surely has none.
    let plant = stage.own_kind("Plant", Scope::Namespaced);
    stage.install(&plant).await;
    let config = of_config_maps(&stage, "powerless").with_child(plant.clone(), ChildConfig::apply());
    stage.grant(&of_config_maps(&stage, "powerless")).await;
    let handle = begin(&stage, config.clone(), keep).await;
    let problem = wait_unready(&handle, "`plants`").await;
    for part in ["list", "watch", plant.group()] {
        assert!(problem.contains(part), "{problem}");
    }
    stage.grant(&config).await;
    stage.ready(&handle).await;
    stage.site("a", "hello").await;
    stage.wait_message("a-config", "hello").await;
    handle.shutdown().await.unwrap();
}

async fn no_turn_runs_before_every_child_is_listed(stage: Stage) {
    const SITES: usize = 30;
    let handle = stage.start_dynamic(of_config_maps(&stage, "keeper"), keep).await;
    let names: Vec<String> = (0..SITES).map(|number| format!("site-{number}")).collect();
    join_all(names.iter().map(|name| stage.site(name, "hello"))).await;
    join_all(names.iter().map(|name| stage.wait_settled(name))).await;
    stage.rest().await;
    handle.shutdown().await.unwrap();

    stage.wire.clear();
    stage.wire.fault(|sent| {
        (sent.is_watch() && sent.path.ends_with("/configmaps")).then_some(Fault::Delay(Duration::from_secs(2)))
    });
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = seen.clone();
    let sync = move |request: &SyncRequest| {
        noted.lock().unwrap().push(request.children().len());
        keep(request)
    };
    let handle = stage.start_dynamic(of_config_maps(&stage, "keeper"), sync).await;
    eventually("all sites are synced", async || {
        (seen.lock().unwrap().len() >= SITES).then_some(())
    })
    .await;
    stage.rest().await;
    assert_eq!(
        *seen.lock().unwrap(),
        [1; SITES],
        "each sync saw the child that was there, and there was one a site"
    );
    let others = stage.wire.others();
    assert!(others.iter().all(|sent| sent.method == Method::GET), "{others:#?}");
    handle.shutdown().await.unwrap();
}

async fn live_changes_are_served_before_the_initial_list(stage: Stage) {
    for number in 0..5 {
        stage.site(&format!("listed-{number}"), "hello").await;
    }
    let (gate, order) = (Gate::default(), Arc::new(Mutex::new(Vec::new())));
    gate.close();
    let (pass, noted) = (gate.clone(), order.clone());
    let sync = move |request: SyncRequest| {
        noted.lock().unwrap().push(request.parent().name().to_owned());
        let gate = pass.clone();
        async move {
            gate.pass().await;
            Ok::<_, Error>(SyncResponse::new())
        }
    };
    let config = of_config_maps(&stage, "one-by-one")
        .with_concurrency(1)
        .with_handler_deadline(Duration::from_secs(60));
    let handle = stage.start_dynamic(config, sync).await;
    gate.wait_came(1).await;
    stage.site("live", "hello").await;
    eventually("the operator has seen it", async || {
        (metric(&handle.metrics(), "roperator_cached_objects", &["kind=\"Site\""]) == Some(6.0)).then_some(())
    })
    .await;
    gate.open();
    eventually("all are synced", async || {
        (order.lock().unwrap().iter().collect::<BTreeSet<_>>().len() == 6).then_some(())
    })
    .await;
    let order = order.lock().unwrap().clone();
    assert_eq!(order[1], "live", "{order:?}");
    handle.shutdown().await.unwrap();
}

async fn what_was_listed_is_not_starved_by_live_changes(stage: Stage) {
    let listed: BTreeSet<String> = (0..6).map(|number| format!("listed-{number}")).collect();
    let busy: Vec<String> = (0..4).map(|number| format!("busy-{number}")).collect();
    for name in listed.iter().chain(&busy) {
        stage.site(name, "hello").await;
    }
    let order = Arc::new(Mutex::new(Vec::new()));
    let noted = order.clone();
    let sync = move |request: SyncRequest| {
        noted.lock().unwrap().push(request.parent().name().to_owned());
        async move {
            // Longer than it takes to change all that is busy: there is always a live change that waits.
            tokio::time::sleep(Duration::from_millis(150)).await;
            Ok::<_, Error>(SyncResponse::new())
        }
    };
    let handle = stage
        .start_dynamic(of_config_maps(&stage, "ageing").with_concurrency(1), sync)
        .await;
    let edits = async {
        for round in 0.. {
            let message = format!("round {round}");
            join_all(busy.iter().map(|name| stage.say(name, &message))).await;
        }
    };
    let served = eventually("all that was listed has its turn", async || {
        let order = order.lock().unwrap();
        listed.iter().all(|name| order.contains(name)).then_some(())
    });
    tokio::select! {
        () = edits => {}
        () = served => {}
    }
    let order = order.lock().unwrap().clone();
    let live = order.iter().filter(|name| busy.contains(name)).count();
    assert!(live > order.len() - live, "live changes go first: {order:?}");
    handle.shutdown().await.unwrap();
}

/// The lists and watches of a kind.
fn follows<'s>(sent: &'s [Sent], plural: &str) -> Vec<&'s Sent> {
    sent.iter()
        .filter(|sent| sent.method == Method::GET && sent.path.ends_with(&format!("/{plural}")))
        .collect()
}

async fn initial_lists_are_streamed(stage: Stage) {
    let handle = stage.start_dynamic(of_config_maps(&stage, "streaming"), keep).await;
    let sent = stage.wire.sent();
    for plural in ["sites", "configmaps"] {
        let [only] = follows(&sent, plural)[..] else {
            panic!("{plural}: {sent:#?}")
        };
        assert_eq!(
            parameter(only, "sendInitialEvents").as_deref(),
            Some("true"),
            "{only:#?}"
        );
        assert_eq!(
            parameter(only, "allowWatchBookmarks").as_deref(),
            Some("true"),
            "{only:#?}"
        );
    }
    handle.shutdown().await.unwrap();
}

async fn plain_lists_stand_in_where_streams_are_refused(stage: Stage) {
    for code in [StatusCode::UNPROCESSABLE_ENTITY, StatusCode::BAD_REQUEST] {
        stage.wire.clear();
        stage.wire.heal();
        stage.wire.fault(move |sent| {
            sent.query
                .contains("sendInitialEvents")
                .then_some(Fault::Answer(code, None))
        });
        let name = format!("{}-{}", stage.namespace, code.as_u16());
        stage.site(&name, "before").await;
        let handle = stage.start_dynamic(of_config_maps(&stage, "plain"), keep).await;
        stage.wait_message(&format!("{name}-config"), "before").await;
        stage.say(&name, "after").await;
        stage.wait_message(&format!("{name}-config"), "after").await;
        let sent = stage.wire.sent();
        for plural in ["sites", "configmaps"] {
            let follows = follows(&sent, plural);
            let refused = follows.iter().filter(|sent| sent.code == Some(code)).count();
            let lists = follows.iter().filter(|sent| !sent.is_watch()).count();
            assert_eq!((refused, lists), (1, 1), "{code}, {plural}: {follows:#?}");
        }
        handle.shutdown().await.unwrap();
    }
}

/// A handler that waits at a gate.
fn gated(gate: &Gate) -> impl Fn(SyncRequest) -> BoxFuture<'static, Result<SyncResponse>> + Send + Sync + use<> {
    let gate = gate.clone();
    move |request: SyncRequest| {
        let gate = gate.clone();
        Box::pin(async move {
            gate.pass().await;
            keep(&request)
        })
    }
}

async fn a_shutdown_waits_for_the_turn_that_runs_and_begins_no_other(stage: Stage) {
    let gate = Gate::default();
    gate.close();
    let config = of_config_maps(&stage, "orderly")
        .with_concurrency(1)
        .with_handler_deadline(Duration::from_secs(60));
    let handle = stage.start_dynamic(config, gated(&gate)).await;
    assert!(handle.is_active());
    stage.site("a", "hello").await;
    gate.wait_came(1).await;
    stage.site("b", "hello").await;
    let shutdown = tokio::spawn(handle.shutdown());
    stage.rest().await;
    assert!(!shutdown.is_finished(), "a turn runs");
    gate.open();
    shutdown.await.unwrap().unwrap();
    stage.wait_message("a-config", "hello").await;
    stage.wait_condition("a", "Ready", "True", "").await;
    let sent = stage.wire.sent().len();
    stage.rest().await;
    assert_eq!(stage.wire.sent().len(), sent, "it is over");
    assert_eq!(gate.came(), 1, "`b` is the next process's");
}

async fn a_turn_that_outlives_the_grace_period_is_aborted_and_told_of(stage: Stage) {
    let gate = Gate::default();
    gate.close();
    let config = of_config_maps(&stage, "impatient").with_handler_deadline(Duration::from_secs(60));
    stage.grant(&config).await;
    let runtime = Runtime::new(stage.operator_client()).add_with(config, gated(&gate));
    let handle = stage.launch(runtime.shutdown_grace(Duration::from_millis(200))).await;
    stage.site("a", "hello").await;
    gate.wait_came(1).await;
    let error = handle.shutdown().await.unwrap_err();
    assert!(matches!(error, RuntimeError::Aborted(_)), "{error}");
    assert!(error.to_string().contains("aborted"), "{error}");
    gate.open();
    stage.rest().await;
    assert_eq!(
        stage.wire.writes().len(),
        0,
        "an aborted turn writes nothing afterwards"
    );
}

async fn a_dropped_handle_stops_everything(stage: Stage) {
    for (name, stop) in [
        ("dropped", (|handle| drop(handle)) as fn(OperatorHandle)),
        ("stopped", OperatorHandle::shutdown_now),
    ] {
        let handle = stage.start_dynamic(of_config_maps(&stage, name), keep).await;
        assert!(handle.is_active());
        let address = handle.server_address().unwrap();
        assert_eq!(http_get(address, "/health").await.unwrap().code, 200);
        stop(handle);
        eventually("nobody listens", async || {
            http_get(address, "/health").await.is_none().then_some(())
        })
        .await;
        let sent = stage.wire.sent().len();
        stage.site(name, "hello").await;
        stage.rest().await;
        assert_eq!(stage.wire.sent().len(), sent);
    }
}

async fn health_and_readiness_are_served(stage: Stage) {
    let handle = stage.start_dynamic(of_config_maps(&stage, "healthy"), keep).await;
    let address = handle.server_address().unwrap();
    assert!(
        address.ip().is_loopback(),
        "outside of a cluster nobody else has to know: {address}"
    );
    for path in ["/health", "/ready"] {
        let answer = http_get(address, path).await.unwrap();
        assert_eq!((answer.code, answer.body.as_str()), (200, "ok\n"), "{path}");
    }
    assert_eq!(http_get(address, "/nothing").await.unwrap().code, 404);
    // A watch that breaks later on is no reason to take a working operator away.
    stage.wire.fault(|sent| sent.is_watch().then_some(Fault::Refuse));
    stage.wire.cut_watches();
    let problem = wait_unready(&handle, "ConfigMap").await;
    assert!(problem.contains("retrying"), "{problem}");
    assert_eq!(http_get(address, "/health").await.unwrap().code, 200);
    stage.wire.heal();
    stage.ready(&handle).await;
    handle.shutdown().await.unwrap();
    assert!(
        http_get(address, "/health").await.is_none(),
        "after the end nobody answers"
    );
}

async fn metrics_count_what_happens(stage: Stage) {
    let handle = stage.start_dynamic(of_config_maps(&stage, "counted"), keep).await;
    let operator = "controller=\"counted\"";
    let success = [operator, "result=\"success\""];
    assert_eq!(
        metric(&handle.metrics(), "controller_runtime_reconcile_total", &success),
        None
    );
    stage.site("a", "hello").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let answer = http_get(handle.server_address().unwrap(), "/metrics").await.unwrap();
    assert!(
        answer.head.contains("openmetrics-text") && answer.body.ends_with("# EOF\n"),
        "{answer:?}"
    );
    let value = |name: &str, labels: &[&str]| {
        metric(&answer.body, name, labels).unwrap_or_else(|| panic!("no {name} {labels:?}: {}", answer.body))
    };
    assert!(value("controller_runtime_reconcile_total", &success) >= 1.0);
    assert!(value("controller_runtime_reconcile_time_seconds_count", &[operator]) >= 1.0);
    assert_eq!(value("controller_runtime_max_concurrent_reconciles", &[operator]), 8.0);
    assert_eq!(value("workqueue_depth", &["name=\"counted\"", operator]), 0.0);
    assert_eq!(
        value("rest_client_requests_total", &["method=\"POST\"", "code=\"201\""]),
        1.0
    );
    assert_eq!(
        value("rest_client_requests_total", &["method=\"PATCH\"", "code=\"200\""]),
        1.0
    );
    for kind in ["kind=\"Site\"", "kind=\"ConfigMap\""] {
        assert_eq!(value("roperator_cached_objects", &[kind]), 1.0);
    }
    handle.shutdown().await.unwrap();
}

async fn metrics_count_errors_and_panics(stage: Stage) {
    fn sync(request: &SyncRequest) -> Result<SyncResponse> {
        match &*message_of(request) {
            "fails" => Err(Error::transient("as it should")),
            "fails for good" => Err(Error::terminal("as it should")),
            "panics" => panic!("as it should"),
            _ => keep(request),
        }
    }
    let handle = stage.start_dynamic(of_config_maps(&stage, "counted"), sync).await;
    let counted = |name: &str, labels: &[&str]| metric(&handle.metrics(), name, labels).unwrap_or_default();
    // A turn is counted at its end, a moment after the status says how it went.
    let wait_counted = async |name: &str, labels: &[&str]| {
        eventually(name, async || (counted(name, labels) >= 1.0).then_some(())).await;
    };
    let operator = "controller=\"counted\"";
    let (terminal, panics) = (
        "controller_runtime_terminal_reconcile_errors_total",
        "controller_runtime_reconcile_panics_total",
    );
    stage.site("a", "hello").await;
    stage.wait_settled("a").await;
    assert_eq!(counted("controller_runtime_reconcile_errors_total", &[operator]), 0.0);
    stage.say("a", "fails").await;
    wait_counted("controller_runtime_reconcile_errors_total", &[operator]).await;
    wait_counted("controller_runtime_reconcile_total", &[operator, "result=\"error\""]).await;
    wait_counted("workqueue_retries_total", &[operator]).await;
    assert_eq!(counted(terminal, &[operator]), 0.0);
    stage.say("a", "fails for good").await;
    wait_counted(terminal, &[operator]).await;
    assert_eq!(counted(panics, &[operator]), 0.0);
    stage.say("a", "panics").await;
    wait_counted(panics, &[operator]).await;
    handle.shutdown().await.unwrap();
}

async fn reasons_of_a_turn_are_merged_and_counted(stage: Stage) {
    let gate = Gate::default();
    let handle = stage
        .start_dynamic(of_config_maps(&stage, "merging"), gated(&gate))
        .await;
    stage.site("a", "hello").await;
    stage.wait_message("a-config", "hello").await;
    stage.rest().await;
    let count = |name: &str, label: &str| metric(&handle.metrics(), name, &[label]).unwrap_or_default();
    let counts = || {
        [
            count("roperator_turn_reasons_total", "reason=\"parent\""),
            count("roperator_turn_reasons_total", "reason=\"child\""),
            count("workqueue_adds_total", "name=\"merging\""),
        ]
    };
    let before = counts();
    gate.close();
    let came = gate.came();
    stage.say("a", "one").await;
    gate.wait_came(came + 1).await;
    // A turn runs: all that happens meanwhile is one turn's matter.
    for message in ["two", "three", "four"] {
        stage.say("a", message).await;
    }
    stage
        .edit::<ConfigMap>("a-config", json!({"data": {"message": "edited"}}))
        .await;
    stage.rest().await;
    gate.open();
    stage.wait_message("a-config", "four").await;
    stage.rest().await;
    let after = counts();
    // One for the first change, and one for the three after it and the edit; what is written last comes back as a child's.
    let [parent, child, turns] = [0, 1, 2].map(|index| after[index] - before[index]);
    assert_eq!(parent, 2.0, "{before:?} {after:?}");
    assert!((1.0..=2.0).contains(&child), "{before:?} {after:?}");
    assert!((2.0..=3.0).contains(&turns), "{before:?} {after:?}");
    handle.shutdown().await.unwrap();
}

async fn health_and_metrics_can_be_switched_off(stage: Stage) {
    let config = of_config_maps(&stage, "quiet");
    stage.grant(&config).await;
    let served = |expose_health, expose_metrics| ServerConfig {
        port: 0,
        expose_health,
        expose_metrics,
    };
    for (server, expected) in [
        (served(true, false), [200, 200, 404]),
        (served(false, true), [404, 404, 200]),
    ] {
        let runtime = Runtime::new(stage.operator_client())
            .add_with(config.clone(), keep)
            .server(server);
        let handle = runtime.start().await.unwrap();
        stage.ready(&handle).await;
        let address = handle.server_address().unwrap();
        let mut codes = Vec::new();
        for path in ["/health", "/ready", "/metrics"] {
            codes.push(http_get(address, path).await.unwrap().code);
        }
        assert_eq!(codes, expected, "{server:?}");
        handle.shutdown().await.unwrap();
    }
    let runtime = Runtime::new(stage.operator_client())
        .add_with(config, keep)
        .server(served(false, false));
    let handle = runtime.start().await.unwrap();
    assert_eq!(handle.server_address(), None);
    assert!(handle.metrics().contains("# EOF"), "they are counted all the same");
    handle.shutdown().await.unwrap();
}

async fn a_taken_port_is_told_of_at_start(stage: Stage) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let runtime = Runtime::new(stage.operator_client()).add_with(of_config_maps(&stage, "port"), keep);
    let error = runtime
        .server_port(address.port())
        .start()
        .await
        .err()
        .expect("the port is taken")
        .to_string();
    assert!(
        error.contains(&address.to_string()) && error.contains("another port"),
        "{error}"
    );
    assert_eq!(stage.wire.sent().len(), 0);
}

/// Children of every strategy. The parent's message goes to the first, with a second field unless it is `slim`.
fn sync_all(request: &SyncRequest) -> Result<SyncResponse> {
    let message = message_of(request);
    let mut config_map = config_map_of(request, "config");
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": request.child_meta("svc"),
        "spec": {"ports": [{"port": 80}], "selector": {"app": "a"}},
    });
    if message != "slim" {
        config_map["data"]["extra"] = "something".into();
        service["spec"]["selector"]["extra"] = "something".into();
    }
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": request.child_meta("pod"),
        "spec": {"containers": [{"name": "main", "image": "main:1"}]},
    });
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": request.child_meta("secret"),
        "stringData": {"key": "value"},
    });
    Ok(SyncResponse::new()
        .child(config_map)
        .child(service)
        .child(pod)
        .child(secret))
}

fn of_all_strategies(stage: &Stage, name: &str) -> OperatorConfig {
    of_config_maps(stage, name)
        .with_child(k8s_types::core::v1::Service, ChildConfig::replace())
        .with_child(k8s_types::core::v1::Pod, ChildConfig::recreate())
        .with_child(k8s_types::core::v1::Secret, ChildConfig::on_delete())
}

/// A child's uid, the operator's label, and who manages anything of it.
type Belonging = (String, String, BTreeSet<String>);

fn belonging<K: Resource>(child: &K) -> Belonging {
    let managers = child
        .managed_fields()
        .iter()
        .filter_map(|entry| entry.manager.clone())
        .collect();
    (
        child.uid().unwrap(),
        child.labels()["roperator.dev/operator"].clone(),
        managers,
    )
}

/// How the children of `a` that [`sync_all`] wants belong, by kind.
async fn belongings(stage: &Stage) -> BTreeMap<&'static str, Belonging> {
    [
        (
            "ConfigMap",
            belonging(&stage.api::<ConfigMap>().get("a-config").await.unwrap()),
        ),
        (
            "Service",
            belonging(&stage.api::<Service>().get("a-svc").await.unwrap()),
        ),
        ("Pod", belonging(&stage.api::<Pod>().get("a-pod").await.unwrap())),
        (
            "Secret",
            belonging(&stage.api::<Secret>().get("a-secret").await.unwrap()),
        ),
    ]
    .into()
}

/// The same children, but with another name's label and manager.
fn handed_over(
    before: &BTreeMap<&'static str, Belonging>,
    name: &str,
    manager: &str,
) -> BTreeMap<&'static str, Belonging> {
    let heir = |(uid, ..): &Belonging| (uid.clone(), name.to_owned(), BTreeSet::from([manager.to_owned()]));
    before
        .iter()
        .map(|(kind, belonging)| (*kind, heir(belonging)))
        .collect()
}

/// `a` with its children, as an operator called `old` left them.
async fn left_by_old(stage: &Stage) -> BTreeMap<&'static str, Belonging> {
    stage.site("a", "hello").await;
    run_once(stage, of_all_strategies(stage, "old"), sync_all).await;
    belongings(stage).await
}

async fn a_renamed_operator_keeps_its_children(stage: Stage) {
    let before = left_by_old(&stage).await;
    let renamed = || of_all_strategies(&stage, "new").with_previous_names(["old"]);
    let writes = run_once(&stage, renamed(), sync_all).await;
    assert!(
        writes
            .iter()
            .all(|sent| sent.method != Method::DELETE && sent.method != Method::POST),
        "{writes:#?}"
    );
    assert_eq!(belongings(&stage).await, handed_over(&before, "new", "new"));
    stage.wait_condition("a", "Ready", "True", "").await;
    let writes = run_once(&stage, renamed(), sync_all).await;
    assert!(writes.is_empty(), "once is enough: {writes:#?}");
}

async fn a_renamed_operator_leaves_no_field_behind(stage: Stage) {
    left_by_old(&stage).await;
    let handle = stage
        .start_dynamic(of_all_strategies(&stage, "new").with_previous_names(["old"]), sync_all)
        .await;
    stage.rest().await;
    let pod = stage.api::<Pod>().get("a-pod").await.unwrap();
    stage.say("a", "slim").await;
    let config_map = stage.wait_message("a-config", "slim").await;
    assert_eq!(config_map.data.unwrap().len(), 1, "`extra` is gone");
    let selector = |service: &Service| {
        service
            .spec
            .as_ref()
            .and_then(|spec| spec.selector.clone())
            .unwrap_or_default()
    };
    stage
        .wait_for::<Service>("a-svc", "`extra` is gone", |service| selector(service).len() == 1)
        .await;
    stage.rest().await;
    assert_eq!(stage.api::<Pod>().get("a-pod").await.unwrap().uid(), pod.uid());
    handle.shutdown().await.unwrap();
}

async fn a_renamed_operator_prunes_what_its_old_name_left(stage: Stage) {
    left_by_old(&stage).await;
    let renamed = of_all_strategies(&stage, "new").with_previous_names(["old"]);
    // The new version wants the ConfigMap alone.
    let handle = stage.start_dynamic(renamed, keep).await;
    stage.wait_gone::<Service>("a-svc").await;
    stage.wait_gone::<Pod>("a-pod").await;
    stage.wait_gone::<Secret>("a-secret").await;
    stage.wait_settled("a").await;
    let (_, label, _) = belonging(&stage.api::<ConfigMap>().get("a-config").await.unwrap());
    assert_eq!(label, "new");
    handle.shutdown().await.unwrap();
}

async fn previous_names_can_be_forgotten_once_all_is_taken_over(stage: Stage) {
    let before = left_by_old(&stage).await;
    run_once(
        &stage,
        of_all_strategies(&stage, "new").with_previous_names(["old"]),
        sync_all,
    )
    .await;
    let writes = run_once(&stage, of_all_strategies(&stage, "new"), sync_all).await;
    assert!(writes.is_empty(), "{writes:#?}");
    assert_eq!(belongings(&stage).await, handed_over(&before, "new", "new"));
}

/// `a` with its children, as an operator with a field manager of its own, which is no name, left them.
async fn left_by_first_manager(stage: &Stage) -> BTreeMap<&'static str, Belonging> {
    stage.site("a", "hello").await;
    let first = of_all_strategies(stage, "keeper").with_field_manager("Acme Keeper/1");
    run_once(stage, first, sync_all).await;
    belongings(stage).await
}

async fn a_changed_field_manager_leaves_no_field_behind(stage: Stage) {
    let before = left_by_first_manager(&stage).await;
    stage.say("a", "slim").await;
    let second = of_all_strategies(&stage, "keeper").with_field_manager("Acme Keeper/2");
    let writes = run_once(&stage, second.with_previous_names(["Acme Keeper/1"]), sync_all).await;
    assert!(
        writes
            .iter()
            .all(|sent| sent.method != Method::DELETE && sent.method != Method::POST),
        "{writes:#?}"
    );
    assert_eq!(
        stage.wait_message("a-config", "slim").await.data.unwrap().len(),
        1,
        "`extra` is gone"
    );
    let service = stage.api::<Service>().get("a-svc").await.unwrap();
    assert_eq!(service.spec.unwrap().selector.unwrap().len(), 1, "`extra` is gone");
    let uids = |all: BTreeMap<&str, Belonging>| all.into_values().map(|(uid, ..)| uid).collect::<Vec<_>>();
    assert_eq!(uids(belongings(&stage).await), uids(before));
}

async fn a_previous_field_manager_can_be_forgotten_once_all_is_taken_over(stage: Stage) {
    let before = left_by_first_manager(&stage).await;
    // Back to the default, with nothing else to change.
    let config = || of_all_strategies(&stage, "keeper");
    run_once(&stage, config().with_previous_names(["Acme Keeper/1"]), sync_all).await;
    let writes = run_once(&stage, config(), sync_all).await;
    assert!(writes.is_empty(), "{writes:#?}");
    assert_eq!(belongings(&stage).await, handed_over(&before, "keeper", "keeper"));
}

type Finalizing = Dynamic<WithFinalizer>;

/// A handler that counts what it finalizes.
fn finalizing(
    finalized: &Arc<AtomicUsize>,
) -> impl IntoHandler<Finalizing, roperator::AsHandler, Handler: roperator::Finalize<Finalizing>> + use<> {
    let finalized = finalized.clone();
    WithFinalize::new(
        |request: &SyncRequest<Finalizing>| -> Result<SyncResponse<Finalizing>> {
            Ok(SyncResponse::new().child(config_map_of(request, "config")))
        },
        move |_: &SyncRequest<Finalizing>| {
            finalized.fetch_add(1, Ordering::Relaxed);
            Ok(FinalizeResponse::done())
        },
    )
}

/// Waits until `a` has this finalizer and no other.
async fn wait_finalizer(stage: &Stage, finalizer: &str) {
    stage
        .wait_for::<Site>("a", finalizer, |site| site.finalizers() == [finalizer])
        .await;
}

async fn a_finalizer_of_a_previous_name_is_replaced(stage: Stage) {
    let finalized = Arc::new(AtomicUsize::new(0));
    stage.site("a", "hello").await;
    let handle = stage
        .start_with(of_config_maps(&stage, "old"), finalizing(&finalized))
        .await;
    wait_finalizer(&stage, "roperator.dev/old").await;
    handle.shutdown().await.unwrap();
    let named = of_config_maps(&stage, "new")
        .with_previous_names(["old"])
        .with_finalizer("example.com/new");
    let handle = stage.start_with(named, finalizing(&finalized)).await;
    wait_finalizer(&stage, "example.com/new").await;
    handle.shutdown().await.unwrap();
    // Back to a default, from one that was chosen.
    let last = of_config_maps(&stage, "last").with_previous_names(["new", "example.com/new"]);
    let handle = stage.start_with(last, finalizing(&finalized)).await;
    wait_finalizer(&stage, "roperator.dev/last").await;
    assert_eq!(finalized.load(Ordering::Relaxed), 0);
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;
    assert_eq!(finalized.load(Ordering::Relaxed), 1);
    handle.shutdown().await.unwrap();
}

async fn a_parent_that_was_deleted_under_a_previous_name_is_finalized(stage: Stage) {
    let finalized = Arc::new(AtomicUsize::new(0));
    stage.site("a", "hello").await;
    let handle = stage
        .start_with(of_config_maps(&stage, "old"), finalizing(&finalized))
        .await;
    wait_finalizer(&stage, "roperator.dev/old").await;
    handle.shutdown().await.unwrap();
    stage.delete::<Site>("a").await;
    let handle = stage
        .start_with(
            of_config_maps(&stage, "new").with_previous_names(["old"]),
            finalizing(&finalized),
        )
        .await;
    stage.wait_gone::<Site>("a").await;
    assert_eq!(finalized.load(Ordering::Relaxed), 1);
    handle.shutdown().await.unwrap();
}

async fn a_version_that_no_longer_finalizes_lets_parents_go(stage: Stage) {
    let finalized = Arc::new(AtomicUsize::new(0));
    stage.site("a", "hello").await;
    let handle = stage
        .start_with(of_config_maps(&stage, "keeper"), finalizing(&finalized))
        .await;
    wait_finalizer(&stage, "roperator.dev/keeper").await;
    handle.shutdown().await.unwrap();
    let handle = stage.start_dynamic(of_config_maps(&stage, "keeper"), keep).await;
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;
    assert_eq!(finalized.load(Ordering::Relaxed), 0);
    handle.shutdown().await.unwrap();
}

async fn a_new_version_changes_what_it_wants_otherwise_and_nothing_else(stage: Stage) {
    fn with_data(request: &SyncRequest, data: &Value) -> Result<SyncResponse> {
        let mut changed = config_map_of(request, "changed");
        changed["data"] = data.clone();
        let same = config_map_of(request, "same");
        Ok(SyncResponse::new().child(changed).child(same))
    }
    stage.site("a", "hello").await;
    let config = || of_config_maps(&stage, "versioned");
    run_once(&stage, config(), |request: &SyncRequest| {
        with_data(request, &json!({"one": "1", "two": "2"}))
    })
    .await;
    let same = stage.api::<ConfigMap>().get("a-same").await.unwrap();
    let second = |request: &SyncRequest| with_data(request, &json!({"one": "1", "three": "3"}));
    let writes = run_once(&stage, config(), second).await;
    assert!(
        writes.iter().all(|sent| sent.path.ends_with("/a-changed")),
        "{writes:#?}"
    );
    let changed = stage.api::<ConfigMap>().get("a-changed").await.unwrap();
    let data = BTreeMap::from([("one", "1"), ("three", "3")].map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(changed.data.unwrap(), data);
    assert_eq!(
        stage.api::<ConfigMap>().get("a-same").await.unwrap().resource_version(),
        same.resource_version()
    );
    assert!(run_once(&stage, config(), second).await.is_empty());
}

/// A handler that counts its calls and asks for the next one.
fn counting(
    calls: &Arc<AtomicUsize>,
    again: Option<Duration>,
) -> impl Fn(&SyncRequest) -> Result<SyncResponse> + Send + Sync + use<> {
    let calls = calls.clone();
    move |request: &SyncRequest| -> Result<SyncResponse> {
        calls.fetch_add(1, Ordering::Relaxed);
        let response = keep(request)?;
        Ok(if let Some(delay) = again {
            response.resync_after(delay)
        } else {
            response
        })
    }
}

async fn every_parent_is_synced_again_after_the_resync_period(stage: Stage) {
    let calls = Arc::new(AtomicUsize::new(0));
    let config = of_config_maps(&stage, "periodic").with_resync(Duration::from_secs(1));
    let handle = stage.start_dynamic(config, counting(&calls, None)).await;
    stage.site("a", "hello").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let (before, sent) = (calls.load(Ordering::Relaxed), stage.wire.others().len());
    eventually("it is synced again and again", async || {
        (calls.load(Ordering::Relaxed) >= before + 3).then_some(())
    })
    .await;
    assert_eq!(stage.wire.others().len(), sent, "which costs no request");
    handle.shutdown().await.unwrap();
}

async fn a_response_that_names_a_time_is_synced_again_then(stage: Stage) {
    let calls = Arc::new(AtomicUsize::new(0));
    let config = of_config_maps(&stage, "asked").with_resync(Duration::from_secs(600));
    let handle = stage
        .start_dynamic(config, counting(&calls, Some(Duration::from_millis(200))))
        .await;
    stage.site("a", "hello").await;
    stage.wait_settled("a").await;
    let before = calls.load(Ordering::Relaxed);
    eventually("it is synced again and again", async || {
        (calls.load(Ordering::Relaxed) >= before + 5).then_some(())
    })
    .await;
    handle.shutdown().await.unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let handle = stage
        .start_dynamic(of_config_maps(&stage, "asked"), counting(&calls, None))
        .await;
    stage.rest().await;
    assert_eq!(
        calls.load(Ordering::Relaxed),
        1,
        "nobody asks for it: nothing is synced again"
    );
    handle.shutdown().await.unwrap();
}

/// How many syncs run, by parent, and the most that ever did: of all, and of one.
#[derive(Default)]
struct Parallel {
    running: BTreeMap<String, usize>,
    most: usize,
    most_of_one: usize,
}

impl Parallel {
    fn begin(&mut self, name: &str) {
        let of_one = self.running.entry(name.to_owned()).or_default();
        *of_one += 1;
        self.most_of_one = self.most_of_one.max(*of_one);
        self.most = self.most.max(self.running.values().sum());
    }

    fn end(&mut self, name: &str) {
        *self.running.entry(name.to_owned()).or_default() -= 1;
    }
}

async fn concurrency_is_bounded_and_one_for_a_parent(stage: Stage) {
    let (gate, parallel) = (Gate::default(), Arc::new(Mutex::new(Parallel::default())));
    gate.close();
    let (pass, counted) = (gate.clone(), parallel.clone());
    let sync = move |request: SyncRequest| {
        let (gate, parallel) = (pass.clone(), counted.clone());
        async move {
            let name = request.parent().name().to_owned();
            parallel.lock().unwrap().begin(&name);
            gate.pass().await;
            tokio::task::yield_now().await;
            parallel.lock().unwrap().end(&name);
            keep(&request)
        }
    };
    let config = of_config_maps(&stage, "bounded")
        .with_concurrency(3)
        .with_handler_deadline(Duration::from_secs(60));
    // They are there at once, so that there is always one that waits.
    let names: Vec<String> = (0..20).map(|number| format!("site-{number}")).collect();
    join_all(names.iter().map(|name| stage.site(name, "one"))).await;
    let handle = stage.start_dynamic(config, sync).await;
    gate.wait_came(3).await;
    // More reasons for those that run and for those that wait.
    join_all(names.iter().map(|name| stage.say(name, "two"))).await;
    stage.rest().await;
    assert_eq!(gate.came(), 3, "three turns run, and no more");
    let labels = ["controller=\"bounded\"", "priority=\"0\""];
    let waiting = metric(&handle.metrics(), "workqueue_depth", &labels);
    assert_eq!(waiting, Some(17.0), "the others wait, each once");
    gate.open();
    for name in &names {
        stage.wait_message(&format!("{name}-config"), "two").await;
    }
    stage.rest().await;
    let (most, most_of_one) = {
        let parallel = parallel.lock().unwrap();
        (parallel.most, parallel.most_of_one)
    };
    assert_eq!((most, most_of_one), (3, 1));
    handle.shutdown().await.unwrap();
}

async fn a_process_ends_with_success_when_it_is_told_to(server: Server) {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    server.kubeconfig(&kubeconfig).await.unwrap();
    let client = server.client().await.unwrap();
    let namespaced = |name: &str| {
        EchoServer::new(
            name,
            EchoServerSpec {
                service_name: name.to_owned(),
                image: "echo:1".to_owned(),
            },
        )
    };
    let echos: Api<EchoServer> = Api::default_namespaced(client.clone());
    let services: Api<Service> = Api::default_namespaced(client);
    for signal in ["TERM", "INT"] {
        // This program, as an operator's: `main.rs` runs it.
        let mut process = tokio::process::Command::new(std::env::current_exe().unwrap())
            .env(crate::PROCESS, "1")
            .env("KUBECONFIG", &kubeconfig)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let name = format!("echo-{}", signal.to_lowercase());
        echos.create(&PostParams::default(), &namespaced(&name)).await.unwrap();
        eventually("its Service", async || services.get_opt(&name).await.ok()?).await;
        let told = std::process::Command::new("kill")
            .args([format!("-{signal}"), process.id().unwrap().to_string()])
            .status();
        assert!(told.unwrap().success());
        let ended = eventually("its end", async || process.try_wait().unwrap()).await;
        assert_eq!(ended.code(), Some(0), "{ended}");
    }
}
