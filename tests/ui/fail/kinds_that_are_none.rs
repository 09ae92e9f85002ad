//! Parents and children are kinds of Kubernetes.

use roperator::prelude::*;

struct Config;

#[operator(parent = Config, children(String = apply))]
struct EchoOperator;

#[sync]
fn sync(request: &SyncRequest<EchoOperator>) -> Result<SyncResponse<EchoOperator>> {
    let _ = request;
    Ok(SyncResponse::new())
}

fn main() {
    let _ = roperator::run(EchoOperator);
}
