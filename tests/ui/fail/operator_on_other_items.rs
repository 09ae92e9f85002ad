//! An operator is a struct, and nothing else that an attribute can stand on.

use k8s_openapi::api::apps::v1::Deployment;
use roperator::prelude::*;

#[operator(parent = Deployment)]
fn function() {}

#[operator(parent = Deployment)]
trait Trait {}

#[operator(parent = Deployment)]
union Union {
    byte: u8,
}

#[operator(parent = Deployment)]
type Alias = Union;

fn main() {
    function();
}
