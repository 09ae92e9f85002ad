//! What an operator does when nothing goes wrong.

use k8s_openapi::api::core::v1::{ConfigMap, Service, ServicePort, ServiceSpec};
use roperator::prelude::*;
use roperator_tests::{
    kinds::{Site, SiteOperator, SiteStatus},
    stage::Stage,
};
use serde_json::json;

crate::scenarios![shared: a_parent_costs_its_children_and_one_status; own: ];

fn sync(request: &SyncRequest<SiteOperator>) -> Result<SyncResponse<SiteOperator>> {
    let message = &request.parent().spec.message;
    let config_map = ConfigMap {
        metadata: request.child_meta("config"),
        data: Some([("message".to_owned(), message.clone())].into()),
        ..Default::default()
    };
    let service = Service {
        metadata: request.child_meta("svc"),
        spec: Some(ServiceSpec {
            ports: Some(vec![ServicePort {
                port: 80,
                ..Default::default()
            }]),
            ..Default::default()
        }),
        ..Default::default()
    };
    let status = SiteStatus {
        message: message.clone(),
        ..Default::default()
    };
    Ok(SyncResponse::from_status(status).child(config_map).child(service))
}

async fn a_parent_costs_its_children_and_one_status(stage: Stage) {
    let handle = stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await;
    let started = stage.rest().await.len();
    stage.site("a", "one").await;
    stage.wait_condition("a", "Ready", "True", "Reconciled").await;
    stage.wait_message("a-config", "one").await;
    let sent = stage.rest().await;
    assert_eq!(sent.len() - started, 3, "{:#?}", &sent[started..]);
    stage.edit::<Site>("a", json!({"spec": {"message": "two"}})).await;
    stage.wait_message("a-config", "two").await;
    let sent = stage.rest().await;
    assert_eq!(sent.len() - started, 5, "{:#?}", &sent[started..]);
    handle.shutdown().await.unwrap();
    // A restart writes nothing.
    stage.wire.clear();
    let handle = stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await;
    stage.rest().await;
    assert_eq!(stage.wire.attempts().len(), 0, "{:#?}", stage.wire.attempts());
    handle.shutdown().await.unwrap();
}
