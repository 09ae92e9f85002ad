//! The operator of `benches/versus` that is written with controller-runtime, built by Go and unmodified: its informers, its
//! cache and its client, which sends protobuf. Ignored where there is no Go.

use std::{path::Path, process::Command};

use k8s_openapi::{
    api::core::v1::{ConfigMap, Service},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use libtest_mimic::{Completion, Trial};
use rustix::process::Signal;
use serde_json::json;

use crate::{
    go, run,
    sandbox::{Process, Sandbox, soon},
};

pub fn trials() -> Vec<Trial> {
    vec![Trial::ignorable_test("controller_runtime::an_operator", || {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/versus/site-controller-runtime");
        match go::build(&source, &["build"], &folder.path().join("operator")) {
            Ok(()) => {
                an_operator(&folder.path().join("operator"));
                Ok(Completion::Completed)
            }
            Err(reason) => Ok(Completion::ignored_with(reason)),
        }
    })]
}

fn definition() -> CustomResourceDefinition {
    let spec = json!({"type": "object", "properties": {"message": {"type": "string"}, "port": {"type": "integer", "format": "int32"}}});
    let status =
        json!({"type": "object", "properties": {"ready": {"type": "boolean"}, "observedMessage": {"type": "string"}}});
    let definition = json!({
        "metadata": {"name": "sites.bench.example.com"},
        "spec": {
            "group": "bench.example.com", "scope": "Namespaced",
            "names": {"plural": "sites", "singular": "site", "kind": "Site", "listKind": "SiteList"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}},
            }],
        },
    });
    serde_json::from_value(definition).unwrap()
}

fn an_operator(binary: &Path) {
    let sandbox = Sandbox::start();
    run(async {
        let client = sandbox.client().await;
        let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
        definitions.create(&PostParams::default(), &definition()).await.unwrap();
        let kind =
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("bench.example.com", "v1", "Site"), "sites");
        let sites: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &kind);
        let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
        let services: Api<Service> = Api::namespaced(client, "default");
        let site = |name: &str| DynamicObject::new(name, &kind).data(json!({"spec": {"message": "hello", "port": 80}}));
        // One is there before the operator, the others come while it runs.
        sites.create(&PostParams::default(), &site("site-0")).await.unwrap();
        let operator = Process::start(Command::new(binary).env("KUBECONFIG", sandbox.kubeconfig()), "");
        for number in 1..10 {
            sites
                .create(&PostParams::default(), &site(&format!("site-{number}")))
                .await
                .unwrap();
        }
        let all_say = async |message: &str| {
            soon(&format!("all say {message}; {}", operator.err()), async || {
                for number in 0..10 {
                    let site = sites.get(&format!("site-{number}")).await.unwrap();
                    let map = maps.get_opt(&format!("site-{number}-config")).await.unwrap();
                    let service = services.get_opt(&format!("site-{number}-svc")).await.unwrap();
                    let said = map.and_then(|map| map.data?.remove("message"));
                    let is_so = site.data["status"] == json!({"ready": true, "observedMessage": message});
                    if said.as_deref() != Some(message) || service.is_none() || !is_so {
                        return false;
                    }
                }
                true
            })
            .await;
        };
        all_say("hello").await;
        let owner = maps.get("site-3-config").await.unwrap().owner_references()[0].clone();
        assert_eq!(owner.uid, sites.get("site-3").await.unwrap().uid().unwrap());
        assert_eq!((owner.controller, owner.block_owner_deletion), (Some(true), Some(true)));

        let params = PatchParams::default();
        for number in 0..10 {
            let patch = Patch::Merge(json!({"spec": {"message": "bye"}}));
            sites.patch(&format!("site-{number}"), &params, &patch).await.unwrap();
        }
        all_say("bye").await;
        // What somebody deletes or spoils comes back.
        maps.delete("site-1-config", &DeleteParams::default()).await.unwrap();
        let spoil = Patch::Merge(json!({"data": {"message": "spoilt"}}));
        maps.patch("site-2-config", &params, &spoil).await.unwrap();
        all_say("bye").await;

        sites.delete("site-5", &DeleteParams::default()).await.unwrap();
        soon("the children are gone", async || {
            let map = maps.get_opt("site-5-config").await.unwrap();
            map.is_none() && services.get_opt("site-5-svc").await.unwrap().is_none()
        })
        .await;
        operator.signal(Signal::TERM);
        let ended = operator.wait();
        assert!(ended.status.success(), "{ended:?}");
        // A cache that is behind makes for conflicts, and for creations of what is there already, which are tried again. A
        // server that is at fault would be told of in other words.
        for fault in [
            "is invalid",
            "Internal error",
            "could not find the requested",
            "decode",
            "forbidden",
            "panic",
        ] {
            assert!(!ended.err.contains(fault), "{fault}: {ended:?}");
        }
    });
}
