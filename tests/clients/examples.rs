//! The examples' binaries, as processes with a kubeconfig.

use std::{
    net::TcpListener,
    process::Command,
    sync::{Mutex, PoisonError},
};

use k8s_openapi::{
    api::core::v1::{Namespace, Pod, Service},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use libtest_mimic::{Completion, Trial};
use roperator::Declared as _;
use roperator_examples::{
    echo::{EchoOperator, EchoServer, EchoServerSpec},
    temp_namespace::{TempNamespace, TempNamespaceOperator, TempNamespaceSpec},
};
use rustix::process::Signal;
use serde_json::json;

use crate::{
    run,
    sandbox::{Process, Sandbox, binary, soon},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("examples::an_echo_server", an_echo_server),
        trial("examples::a_temporary_namespace", a_temporary_namespace),
    ]
}

/// Operators serve health on the same port, so there is one at a time; and none if somebody else has the port.
static PORT: Mutex<()> = Mutex::new(());

fn trial(name: &str, body: fn()) -> Trial {
    Trial::ignorable_test(name, move || {
        let _one = PORT.lock().unwrap_or_else(PoisonError::into_inner);
        if TcpListener::bind("0.0.0.0:8080").is_err() {
            return Ok(Completion::ignored_with(
                "port 8080, at which the examples serve health, is taken",
            ));
        }
        body();
        Ok(Completion::Completed)
    })
}

fn operator(name: &str, sandbox: &Sandbox) -> Process {
    let mut command = Command::new(binary(name));
    command.env("KUBECONFIG", sandbox.kubeconfig());
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
