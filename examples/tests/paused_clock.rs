//! An operator, its API server and hours of waiting in a moment, as the guide shows it.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, ResourceExt as _, api::PostParams};
use roperator::prelude::*;
use roperator_examples::echo::{EchoOperator, EchoServer, EchoServerSpec};
use roperator_testkit::server::ApiServer;

#[tokio::test(start_paused = true)]
async fn an_operator_waits_for_its_definition_for_an_hour() {
    let server = ApiServer::start();
    let client = Client::new(server.clone(), "default");
    let runtime = Runtime::new(client.clone()).server_port(0).add(EchoOperator);
    let operator = runtime.start().await.unwrap();
    // Nobody serves EchoServers yet: the watch is tried again, at least every ten seconds.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(!operator.unready().is_empty());
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let crd = crds.create(&PostParams::default(), &EchoOperator::crd()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(operator.unready(), Vec::<String>::new());
    // The server's time is the clock's.
    let echos: Api<EchoServer> = Api::namespaced(client, "default");
    let spec = EchoServerSpec {
        service_name: "echo".to_owned(),
        image: "echo:1".to_owned(),
    };
    let echo = EchoServer::new("hello", spec);
    let echo = echos.create(&PostParams::default(), &echo).await.unwrap();
    let between = echo
        .creation_timestamp()
        .unwrap()
        .0
        .duration_since(crd.creation_timestamp().unwrap().0);
    assert_eq!(between.as_secs(), 10);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let status = echos.get("hello").await.unwrap().status.unwrap();
    assert!(!status.ready);
    operator.shutdown().await.unwrap();
}
