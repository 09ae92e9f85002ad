//! A module whose names hide those of the standard library and of roperator: an expansion relies on none of them.

#![deny(warnings, missing_docs, unreachable_pub, clippy::all)]

/// Custom resources.
pub mod crds {
    use kube::CustomResource;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    /// What a kind with an unfortunate name should be.
    #[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
    #[kube(group = "example.com", version = "v1", kind = "Children", namespaced)]
    pub struct ChildrenSpec {}
}

#[no_implicit_prelude]
mod hidden {
    use ::k8s_openapi::api::core::v1::Service as Result;
    use ::roperator::{FinalizeResponse as Operator, SyncRequest, SyncResponse as From, finalize, operator, sync};

    use super::crds::Children;

    mod core {}
    mod roperator {}
    mod std {}

    #[operator(parent = Children, children(Result = apply), finalizer)]
    pub(crate) struct Deref;

    #[sync]
    fn request(state: &Deref, request: &SyncRequest<Deref>) -> ::roperator::Result<From<Deref>> {
        let Deref = state;
        let _ = request.children().results();
        ::std::result::Result::Ok(From::new())
    }

    #[finalize]
    async fn self_(_: &SyncRequest<Deref>) -> ::roperator::Result<Operator<Deref>> {
        ::std::result::Result::Ok(Operator::done())
    }
}

fn main() {
    let _ = roperator::run(hidden::Deref);
}
