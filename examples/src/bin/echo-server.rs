//! Runs the `echo-server` example against the cluster of the current kubeconfig.

use roperator::Declared as _;
use roperator_examples::{deployed, echo::EchoOperator, log_filter};

#[tokio::main]
async fn main() -> roperator::Result<()> {
    tracing_subscriber::fmt().with_env_filter(log_filter()).init();
    roperator::run_operator(deployed(EchoOperator::config())?, EchoOperator).await
}
