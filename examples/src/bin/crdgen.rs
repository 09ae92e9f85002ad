//! Prints, writes or checks the manifests of all examples.

use std::process::ExitCode;

use roperator::manifest::{Manifests, cli};
use roperator_examples::{
    config_fanout::ConfigFanoutOperator, echo::EchoOperator, temp_namespace::TempNamespaceOperator,
};

fn main() -> ExitCode {
    cli::run([
        Manifests::of::<EchoOperator>(),
        Manifests::of::<TempNamespaceOperator>(),
        Manifests::of::<ConfigFanoutOperator>(),
    ])
}
