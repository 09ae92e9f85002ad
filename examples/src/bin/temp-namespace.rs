//! Runs the `temp-namespace` example against the cluster of the current kubeconfig.

use roperator_examples::temp_namespace::TempNamespaceOperator;

#[tokio::main]
async fn main() -> roperator::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(roperator_examples::log_filter())
        .init();
    roperator::run(TempNamespaceOperator).await
}
