//! The examples, as their readers run them.

use std::time::{Duration, Instant};

use http::Method;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Namespace, Pod, Service},
};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use roperator_examples::{
    config_fanout::{ConfigFanout, ConfigFanoutOperator, ConfigFanoutSpec, ConfigFanoutStatus},
    echo::{EchoOperator, EchoServer, EchoServerSpec},
    temp_namespace::{HOLD_LABEL, TempNamespace, TempNamespaceOperator, TempNamespaceSpec},
};
use roperator_tests::server::Server;
use roperator_tests::stage::{Stage, eventually};
use serde_json::json;

crate::scenarios![
    shared:
        an_echo_server_has_a_pod_and_a_service,
        an_echo_server_is_ready_when_its_pod_is,
        an_echo_servers_pod_is_recreated_for_another_image,
        an_echo_servers_service_moves_with_its_name,
        an_echo_servers_children_go_with_it,
        a_fanout_has_as_many_children_as_it_says,
        a_fanouts_message_reaches_every_child,
        a_fanout_that_shrinks_is_pruned;
    own:
        a_temporary_namespace_lives_for_its_time,
        a_temporary_namespace_goes_with_its_parent,
        a_held_namespace_keeps_its_parent,
];

/// Creates an [`EchoServer`] and waits for its Pod.
async fn echo(stage: &Stage, name: &str) -> Pod {
    let spec = EchoServerSpec {
        service_name: format!("{name}-service"),
        image: "echo:1".to_owned(),
    };
    stage.create(EchoServer::new(name, spec)).await;
    stage
        .wait_for(&format!("{name}-server"), "the Pod is there", |_| true)
        .await
}

async fn wait_echo_ready(stage: &Stage, name: &str, ready: bool) {
    let says = |echo: &EchoServer| echo.status.as_ref().is_some_and(|status| status.ready == ready);
    stage.wait_for(name, &format!("ready is {ready}"), says).await;
}

/// Says of a Pod, as its kubelet does, whether it is ready.
async fn report_ready(stage: &Stage, pod: &str, status: &str) {
    let patch = json!({"status": {"conditions": [{"type": "Ready", "status": status}]}});
    let params = PatchParams::default();
    stage
        .api::<Pod>()
        .patch_status(pod, &params, &Patch::Strategic(patch))
        .await
        .expect("the Pod's status");
}

async fn an_echo_server_has_a_pod_and_a_service(stage: Stage) {
    let handle = stage.start(EchoOperator).await;
    let pod = echo(&stage, "hello").await;
    let parent = stage.api::<EchoServer>().get("hello").await.unwrap();
    assert_eq!(pod.owner_references()[0].uid, parent.uid().unwrap());
    assert_eq!(
        pod.spec.as_ref().unwrap().containers[0].image.as_deref(),
        Some("echo:1")
    );
    let service = stage
        .wait_for::<Service>("hello-service", "the Service is there", |_| true)
        .await;
    assert_eq!(service.owner_references()[0].uid, parent.uid().unwrap());
    let selector = service.spec.unwrap().selector.unwrap();
    assert!(
        selector.iter().all(|(key, value)| pod.labels().get(key) == Some(value)),
        "it selects the Pod: {selector:?}"
    );
    wait_echo_ready(&stage, "hello", false).await;
    handle.shutdown().await.unwrap();
}

async fn an_echo_server_is_ready_when_its_pod_is(stage: Stage) {
    let handle = stage.start(EchoOperator).await;
    echo(&stage, "hello").await;
    wait_echo_ready(&stage, "hello", false).await;
    report_ready(&stage, "hello-server", "True").await;
    wait_echo_ready(&stage, "hello", true).await;
    report_ready(&stage, "hello-server", "False").await;
    wait_echo_ready(&stage, "hello", false).await;
    handle.shutdown().await.unwrap();
}

async fn an_echo_servers_pod_is_recreated_for_another_image(stage: Stage) {
    let handle = stage.start(EchoOperator).await;
    let first = echo(&stage, "hello").await;
    let service = stage
        .wait_for::<Service>("hello-service", "the Service is there", |_| true)
        .await;
    stage
        .edit::<EchoServer>("hello", json!({"spec": {"image": "echo:2"}}))
        .await;
    let second = stage
        .wait_for::<Pod>("hello-server", "it is another Pod", |pod| pod.uid() != first.uid())
        .await;
    assert_eq!(second.spec.unwrap().containers[0].image.as_deref(), Some("echo:2"));
    stage.rest().await;
    let same = stage.api::<Service>().get("hello-service").await.unwrap();
    assert_eq!(
        same.resource_version(),
        service.resource_version(),
        "nobody touches the Service for it"
    );
    handle.shutdown().await.unwrap();
}

async fn an_echo_servers_service_moves_with_its_name(stage: Stage) {
    let handle = stage.start(EchoOperator).await;
    let pod = echo(&stage, "hello").await;
    stage
        .wait_for::<Service>("hello-service", "the Service is there", |_| true)
        .await;
    stage
        .edit::<EchoServer>("hello", json!({"spec": {"serviceName": "renamed"}}))
        .await;
    stage
        .wait_for::<Service>("renamed", "the Service is there", |_| true)
        .await;
    stage.wait_gone::<Service>("hello-service").await;
    assert_eq!(stage.api::<Pod>().get("hello-server").await.unwrap().uid(), pod.uid());
    handle.shutdown().await.unwrap();
}

async fn an_echo_servers_children_go_with_it(stage: Stage) {
    let handle = stage.start(EchoOperator).await;
    echo(&stage, "hello").await;
    stage
        .wait_for::<Service>("hello-service", "the Service is there", |_| true)
        .await;
    stage.rest().await;
    let written = stage.wire.writes().len();
    stage.delete::<EchoServer>("hello").await;
    stage.wait_gone::<EchoServer>("hello").await;
    stage.wait_gone::<Pod>("hello-server").await;
    stage.wait_gone::<Service>("hello-service").await;
    stage.rest().await;
    assert_eq!(stage.wire.writes().len(), written, "the garbage collector does it");
    handle.shutdown().await.unwrap();
}

/// Creates a [`ConfigFanout`].
async fn fan_out(stage: &Stage, config_maps: u32, deployments: u32) {
    let spec = ConfigFanoutSpec {
        config_maps,
        deployments,
        message: "one".to_owned(),
    };
    stage.create(ConfigFanout::new("fan", spec)).await;
}

/// Waits until the status counts so many children with the present message.
async fn wait_fanned_out(stage: &Stage, config_maps: usize, deployments: usize) {
    let expected = ConfigFanoutStatus {
        config_maps,
        deployments,
    };
    stage
        .wait_for::<ConfigFanout>("fan", &format!("{expected:?}"), |fan| {
            fan.status.as_ref() == Some(&expected)
        })
        .await;
}

/// The names of all objects of a kind in the stage's namespace that have a controller.
async fn names<K>(stage: &Stage) -> Vec<String>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let all = stage.api::<K>().list(&ListParams::default()).await.expect("a list");
    all.items
        .iter()
        .filter(|object| !object.owner_references().is_empty())
        .map(ResourceExt::name_any)
        .collect()
}

async fn a_fanout_has_as_many_children_as_it_says(stage: Stage) {
    let handle = stage.start(ConfigFanoutOperator).await;
    fan_out(&stage, 12, 3).await;
    wait_fanned_out(&stage, 12, 3).await;
    stage.rest().await;
    assert_eq!(names::<ConfigMap>(&stage).await.len(), 12);
    assert_eq!(names::<Deployment>(&stage).await, ["fan-0", "fan-1", "fan-2"]);
    let posts = stage
        .wire
        .writes()
        .iter()
        .filter(|sent| sent.method == Method::POST)
        .count();
    assert_eq!(posts, 15);
    stage.delete::<ConfigMap>("fan-7").await;
    stage.wait_message("fan-7", "one").await;
    handle.shutdown().await.unwrap();
}

async fn a_fanouts_message_reaches_every_child(stage: Stage) {
    let handle = stage.start(ConfigFanoutOperator).await;
    fan_out(&stage, 5, 2).await;
    wait_fanned_out(&stage, 5, 2).await;
    stage
        .edit::<ConfigFanout>("fan", json!({"spec": {"message": "two"}}))
        .await;
    for number in 0..5 {
        stage.wait_message(&format!("fan-{number}"), "two").await;
    }
    let argument = |deployment: &Deployment| {
        let template = &deployment.spec.as_ref()?.template;
        template.spec.as_ref()?.containers[0].args.as_ref()?.first().cloned()
    };
    for number in 0..2 {
        let says = |deployment: &Deployment| argument(deployment).as_deref() == Some("two");
        stage.wait_for(&format!("fan-{number}"), "it says two", says).await;
    }
    wait_fanned_out(&stage, 5, 2).await;
    handle.shutdown().await.unwrap();
}

async fn a_fanout_that_shrinks_is_pruned(stage: Stage) {
    let handle = stage.start(ConfigFanoutOperator).await;
    fan_out(&stage, 6, 2).await;
    wait_fanned_out(&stage, 6, 2).await;
    stage
        .edit::<ConfigFanout>("fan", json!({"spec": {"configMaps": 2, "deployments": 0}}))
        .await;
    wait_fanned_out(&stage, 2, 0).await;
    assert_eq!(names::<ConfigMap>(&stage).await, ["fan-0", "fan-1"]);
    assert_eq!(names::<Deployment>(&stage).await, Vec::<String>::new());
    handle.shutdown().await.unwrap();
}

/// A stage on a server of its own: an operator of a cluster-scoped parent sees all of them.
async fn alone(server: &Server) -> (Stage, Api<TempNamespace>, Api<Namespace>) {
    let stage = Stage::new(server).await;
    let (parents, namespaces) = (Api::all(stage.client.clone()), Api::all(stage.client.clone()));
    (stage, parents, namespaces)
}

async fn temporary(parents: &Api<TempNamespace>, name: &str, delete_after_seconds: u32) -> TempNamespace {
    let object = TempNamespace::new(name, TempNamespaceSpec { delete_after_seconds });
    parents
        .create(&PostParams::default(), &object)
        .await
        .expect("a TempNamespace")
}

async fn wait_phase(parents: &Api<TempNamespace>, name: &str, phase: &str) -> TempNamespace {
    eventually(phase, async || {
        let found = parents.get(name).await.ok()?;
        (found.status.as_ref()?.phase.as_deref() == Some(phase)).then_some(found)
    })
    .await
}

async fn wait_namespace(namespaces: &Api<Namespace>, name: &str) -> Namespace {
    eventually("the Namespace is there", async || {
        namespaces.get_opt(name).await.ok()?
    })
    .await
}

async fn wait_none<K>(api: &Api<K>, name: &str)
where
    K: Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    eventually(&format!("{name} is gone"), async || {
        api.get_opt(name).await.ok()?.is_none().then_some(())
    })
    .await;
}

async fn a_temporary_namespace_lives_for_its_time(server: Server) {
    const LIFE: Duration = Duration::from_secs(4);
    let (stage, parents, namespaces) = alone(&server).await;
    let handle = stage.start(TempNamespaceOperator).await;
    let parent = temporary(&parents, "short", LIFE.as_secs() as u32).await;
    let namespace = wait_namespace(&namespaces, "short").await;
    assert_eq!(namespace.owner_references()[0].uid, parent.uid().unwrap());
    let active = wait_phase(&parents, "short", "Active").await;
    let created = active.creation_timestamp().unwrap().0;
    let expires: jiff::Timestamp = active.status.unwrap().expires.unwrap().parse().unwrap();
    assert_eq!(Duration::try_from(expires.duration_since(created)).unwrap(), LIFE);
    assert!(
        namespaces
            .get("short")
            .await
            .unwrap()
            .metadata
            .deletion_timestamp
            .is_none()
    );
    wait_phase(&parents, "short", "Expired").await;
    let expired = jiff::Timestamp::now();
    assert!(expired >= expires, "{expired} is before {expires}");
    wait_none(&namespaces, "short").await;
    // The parent outlives its Namespace, and nothing is made anew.
    stage.rest().await;
    assert!(namespaces.get_opt("short").await.unwrap().is_none());
    assert_eq!(
        parents.get("short").await.unwrap().finalizers(),
        ["roperator.dev/temp-namespace"]
    );
    handle.shutdown().await.unwrap();
}

async fn a_temporary_namespace_goes_with_its_parent(server: Server) {
    let (stage, parents, namespaces) = alone(&server).await;
    let handle = stage.start(TempNamespaceOperator).await;
    temporary(&parents, "long", 3600).await;
    wait_namespace(&namespaces, "long").await;
    wait_phase(&parents, "long", "Active").await;
    parents.delete("long", &DeleteParams::background()).await.unwrap();
    wait_none(&parents, "long").await;
    wait_none(&namespaces, "long").await;
    handle.shutdown().await.unwrap();
}

async fn a_held_namespace_keeps_its_parent(server: Server) {
    let (stage, parents, namespaces) = alone(&server).await;
    let handle = stage.start(TempNamespaceOperator).await;
    temporary(&parents, "held", 3600).await;
    wait_namespace(&namespaces, "held").await;
    wait_phase(&parents, "held", "Active").await;
    let label = |value: serde_json::Value| Patch::Merge(json!({"metadata": {"labels": {HOLD_LABEL: value}}}));
    namespaces
        .patch("held", &PatchParams::default(), &label("yes".into()))
        .await
        .unwrap();
    stage.rest().await;
    parents.delete("held", &DeleteParams::background()).await.unwrap();
    stage.rest().await;
    let parent = parents.get("held").await.unwrap();
    assert!(parent.metadata.deletion_timestamp.is_some());
    assert_eq!(parent.finalizers(), ["roperator.dev/temp-namespace"]);
    assert!(
        namespaces
            .get("held")
            .await
            .unwrap()
            .metadata
            .deletion_timestamp
            .is_none()
    );
    // It comes back when the label goes, long before the minute that it would wait otherwise.
    let started = Instant::now();
    namespaces
        .patch("held", &PatchParams::default(), &label(serde_json::Value::Null))
        .await
        .unwrap();
    wait_none(&parents, "held").await;
    assert!(started.elapsed() < Duration::from_secs(30));
    wait_none(&namespaces, "held").await;
    handle.shutdown().await.unwrap();
}
