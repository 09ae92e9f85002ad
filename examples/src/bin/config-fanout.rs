//! Runs the `config-fanout` example against the cluster of the current kubeconfig.

use roperator_examples::config_fanout::ConfigFanoutOperator;

#[tokio::main]
async fn main() -> roperator::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(roperator_examples::log_filter())
        .init();
    roperator::run(ConfigFanoutOperator).await
}
