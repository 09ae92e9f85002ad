//! Runs the `temp-namespace` example against the cluster of the current kubeconfig.

use roperator::Declared as _;
use roperator_examples::{deployed, log_filter, temp_namespace::TempNamespaceOperator};

#[tokio::main]
async fn main() -> roperator::Result<()> {
    tracing_subscriber::fmt().with_env_filter(log_filter()).init();
    roperator::run_operator(deployed(TempNamespaceOperator::config())?, TempNamespaceOperator).await
}
