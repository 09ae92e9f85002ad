//! A name made of the struct's is short enough too.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use roperator::prelude::*;

#[operator(parent = Deployment, children(Pod = recreate))]
struct AnOperatorWithANameThatIsLongerThanAnyLabelOfKubernetesMayEverBe;

#[sync]
fn sync(
    request: &SyncRequest<AnOperatorWithANameThatIsLongerThanAnyLabelOfKubernetesMayEverBe>,
) -> Result<SyncResponse<AnOperatorWithANameThatIsLongerThanAnyLabelOfKubernetesMayEverBe>> {
    let _ = request.children().pods().first();
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(AnOperatorWithANameThatIsLongerThanAnyLabelOfKubernetesMayEverBe);
}
