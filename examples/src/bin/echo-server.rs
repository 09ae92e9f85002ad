//! Runs the `echo-server` example against the cluster of the current kubeconfig.

use roperator_examples::echo::EchoOperator;

#[tokio::main]
async fn main() -> roperator::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(roperator_examples::log_filter())
        .init();
    roperator::run(EchoOperator).await
}
