//! Runs the `config-fanout` example against the cluster of the current kubeconfig.

use roperator::Declared as _;
use roperator_examples::{config_fanout::ConfigFanoutOperator, deployed, log_filter};

#[tokio::main]
async fn main() -> roperator::Result<()> {
    tracing_subscriber::fmt().with_env_filter(log_filter()).init();
    roperator::run_operator(deployed(ConfigFanoutOperator::config())?, ConfigFanoutOperator).await
}
