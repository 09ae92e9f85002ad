//! The examples' binaries, as processes with a kubeconfig.

use std::{path::Path, process::Command};

use k8s_openapi::{
    api::core::v1::{Namespace, Pod, Service},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use libtest_mimic::Trial;
use roperator::Declared as _;
use roperator_examples::{
    echo::{EchoOperator, EchoServer, EchoServerSpec},
    temp_namespace::{TempNamespace, TempNamespaceOperator, TempNamespaceSpec},
};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    run,
    sandbox::{Process, Sandbox, binary, client, eventually, soon},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("examples::an_echo_server", an_echo_server),
        trial("examples::a_temporary_namespace", a_temporary_namespace),
        trial("examples::a_port_that_is_none", a_port_that_is_none),
        trial("examples::a_server_that_is_not_there", a_server_that_is_not_there),
        trial("examples::a_demo_that_stays", a_demo_that_stays),
    ]
}

fn operator(name: &str, sandbox: &Sandbox) -> Process {
    let mut command = Command::new(binary(name));
    command.env("KUBECONFIG", sandbox.kubeconfig()).env("SERVER_PORT", "0");
    Process::start(&mut command, "")
}

async fn install(client: &Client, definition: CustomResourceDefinition) {
    let all: Api<CustomResourceDefinition> = Api::all(client.clone());
    all.create(&PostParams::default(), &definition).await.unwrap();
}

fn an_echo_server() {
    let sandbox = Sandbox::start();
    run(async {
        let client = sandbox.client().await;
        install(&client, EchoOperator::crd()).await;
        let operator = operator("echo-server", &sandbox);
        let parents: Api<EchoServer> = Api::namespaced(client.clone(), "default");
        let spec = EchoServerSpec {
            service_name: "hello-service".to_owned(),
            image: "echo:1".to_owned(),
        };
        let parent = EchoServer::new("hello", spec);
        let parent = parents.create(&PostParams::default(), &parent).await.unwrap();
        let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
        let services: Api<Service> = Api::namespaced(client, "default");
        soon("both children are there", async || {
            let pod = pods.get_opt("hello-server").await.unwrap();
            pod.is_some() && services.get_opt("hello-service").await.unwrap().is_some()
        })
        .await;
        let pod = pods.get("hello-server").await.unwrap();
        assert_eq!(pod.owner_references()[0].uid, parent.uid().unwrap());
        let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let params = PatchParams::default();
        pods.patch_status("hello-server", &params, &Patch::Strategic(ready))
            .await
            .unwrap();
        soon("the parent is ready", async || {
            let parent = parents.get("hello").await.unwrap();
            parent.status.is_some_and(|status| status.ready)
        })
        .await;
        parents.delete("hello", &DeleteParams::default()).await.unwrap();
        soon("the children are gone", async || {
            let pod = pods.get_opt("hello-server").await.unwrap();
            pod.is_none() && services.get_opt("hello-service").await.unwrap().is_none()
        })
        .await;
        operator.signal(Signal::TERM);
        let ended = operator.wait();
        assert!(ended.status.success(), "{ended:?}");
    });
}

fn a_temporary_namespace() {
    let sandbox = Sandbox::start();
    run(async {
        let client = sandbox.client().await;
        install(&client, TempNamespaceOperator::crd()).await;
        let operator = operator("temp-namespace", &sandbox);
        let parents: Api<TempNamespace> = Api::all(client.clone());
        let spec = TempNamespaceSpec {
            delete_after_seconds: 3,
        };
        parents
            .create(&PostParams::default(), &TempNamespace::new("short", spec))
            .await
            .unwrap();
        let namespaces: Api<Namespace> = Api::all(client);
        soon("the namespace is there", async || {
            namespaces.get_opt("short").await.unwrap().is_some()
        })
        .await;
        soon("its time has come", async || {
            namespaces.get_opt("short").await.unwrap().is_none()
        })
        .await;
        parents.delete("short", &DeleteParams::default()).await.unwrap();
        soon("the parent is gone", async || {
            parents.get_opt("short").await.unwrap().is_none()
        })
        .await;
        operator.signal(Signal::TERM);
        let ended = operator.wait();
        assert!(ended.status.success(), "{ended:?}");
    });
}

fn a_port_that_is_none() {
    let mut command = Command::new(binary("echo-server"));
    let ended = Process::start(command.env("SERVER_PORT", "many"), "").wait();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.err.contains("SERVER_PORT is many, which is no port"), "{ended:?}");
}

fn a_server_that_is_not_there() {
    let sandbox = Sandbox::start();
    let kubeconfig = sandbox.folder.path().join("left");
    std::fs::copy(sandbox.kubeconfig(), &kubeconfig).unwrap();
    let url = sandbox.url.clone();
    sandbox.process.signal(Signal::TERM);
    let (_, _folder) = sandbox.wait();
    let mut command = Command::new(binary("echo-server"));
    command.env("KUBECONFIG", kubeconfig).env("SERVER_PORT", "0");
    let operator = Process::start(&mut command, "");
    let told = format!("cannot be watched: the API server at {url} cannot be reached (");
    eventually("it says which server", || operator.out().contains(&told));
    assert!(!operator.out().contains("ERROR"), "{}", operator.out());
    operator.signal(Signal::TERM);
    let ended = operator.wait();
    assert!(ended.status.success(), "{ended:?}");
}

/// What the demo says is what kubectl shows.
fn a_demo_that_stays() {
    let mut command = Command::new(binary("demo"));
    let demo = Process::start(command.arg("--stay"), "");
    eventually("everything stays up", || demo.out().contains("kubectl edit echoserver"));
    let out = demo.out();
    assert!(out.contains("the demo writes that the Pod runs and is ready"), "{out}");
    let kubeconfig = out
        .lines()
        .find_map(|line| line.trim().strip_prefix("export KUBECONFIG="));
    run(async {
        let client = client(Path::new(kubeconfig.unwrap())).await;
        let table = http::Request::get("/api/v1/namespaces/default/pods")
            .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
            .body(Vec::new());
        let table: Value = client.request(table.unwrap()).await.unwrap();
        let columns = table["columnDefinitions"].as_array().unwrap();
        let names = columns.iter().map(|column| column["name"].as_str().unwrap());
        assert_eq!(names.take(3).collect::<Vec<_>>(), ["Name", "Ready", "Status"]);
        assert_eq!(table["rows"].as_array().unwrap().len(), 1);
        let cells = table["rows"][0]["cells"].as_array().unwrap();
        assert_eq!(cells[..3], ["hello-server", "1/1", "Running"]);
        let parents: Api<EchoServer> = Api::namespaced(client, "default");
        assert!(parents.get("hello").await.unwrap().status.unwrap().ready);
    });
    demo.signal(Signal::INT);
    let ended = demo.wait();
    assert!(ended.status.success(), "{ended:?}");
}
