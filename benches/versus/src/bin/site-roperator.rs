//! The benchmark's operator with roperator.

use k8s_openapi::api::core::v1::{ConfigMap, Service};
use roperator::prelude::*;
use versus::{Site, SiteStatus, config_map, log_errors, service};

/// Keeps a ConfigMap and a Service for every [`Site`]. Its concurrency is the default, 8.
#[operator(parent = Site, children(ConfigMap = apply, Service = apply))]
struct SiteOperator;

#[sync]
fn sync(request: &SyncRequest<SiteOperator>) -> Result<SyncResponse<SiteOperator>> {
    let spec = &request.parent().spec;
    let name = request.parent_object().name();
    Ok(SyncResponse::from_status(SiteStatus::of(spec))
        .child(config_map(request.child_meta("config"), spec))
        .child(service(request.child_meta("svc"), name, spec)))
}

#[tokio::main]
async fn main() -> Result<()> {
    serve().await
}

/// Serves until it is told to stop.
pub async fn serve() -> Result<()> {
    log_errors();
    let client = roperator::client().await?;
    Ok(Runtime::new(client).server_port(0).add(SiteOperator).run().await?)
}
