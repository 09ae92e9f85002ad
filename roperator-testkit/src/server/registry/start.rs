//! What every cluster has from its start: the namespaces and the Service of the API server itself.

use serde_json::{Value, json};

use super::{
    Registry,
    body::{Document, decode},
    options::WriteOptions,
    warnings::Warnings,
    write::Target,
};

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

impl Registry {
    /// Writes what every cluster has from its start.
    pub(super) fn populate(&self) {
        for name in NAMESPACES {
            self.make("", "v1", "namespaces", "", json!({"metadata": {"name": name}}));
        }
        let service = json!({
            "metadata": {
                "name": "kubernetes",
                "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {
                "type": "ClusterIP",
                "clusterIP": "10.0.0.1",
                "clusterIPs": ["10.0.0.1"],
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
            },
        });
        self.make("", "v1", "services", "default", service);
        for (name, value) in [
            ("system-cluster-critical", 2_000_000_000),
            ("system-node-critical", 2_000_001_000),
        ] {
            let class = json!({"metadata": {"name": name}, "value": value});
            self.make("scheduling.k8s.io", "v1", "priorityclasses", "", class);
        }
    }

    /// Creates an object of the server's own. One that cannot be created would be seen by the first test.
    fn make(&self, group: &str, version: &str, plural: &str, namespace: &str, object: Value) {
        let Some(resource) = self.resource(group, version, plural) else {
            return;
        };
        let mut object = object;
        if let Some(map) = object.as_object_mut() {
            super::codec::set_kind(map, &resource);
        }
        let options = WriteOptions::default();
        let target = Target {
            resource: &resource,
            namespace,
            name: "",
            subresource: "",
            options: &options,
            manager: "kube-apiserver",
            warnings: &Warnings::default(),
        };
        let made = decode(&resource, Document::of(object)).map(|decoded| self.create(&target, decoded.object));
        debug_assert!(matches!(made, Ok(Ok(_))), "{made:?}");
    }
}
