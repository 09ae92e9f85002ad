//! Objects that are right, from which those that are almost right are made.

use serde_json::{Value, json};

/// A kind, and an object of it that every server of these tests has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Before its objects.
    Definition,
    ConfigMap,
    Pod,
    Deployment,
    Service,
    Custom,
}

impl Sample {
    pub const ALL: [Self; 6] = [
        Self::Definition,
        Self::ConfigMap,
        Self::Pod,
        Self::Deployment,
        Self::Service,
        Self::Custom,
    ];

    /// Where its objects are.
    pub const fn collection(self) -> &'static str {
        match self {
            Self::Definition => "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            Self::ConfigMap => "/api/v1/namespaces/default/configmaps",
            Self::Pod => "/api/v1/namespaces/default/pods",
            Self::Deployment => "/apis/apps/v1/namespaces/default/deployments",
            Self::Service => "/api/v1/namespaces/default/services",
            Self::Custom => "/apis/example.com/v1/namespaces/default/widgets",
        }
    }

    /// Where the objects of all namespaces are.
    pub const fn everywhere(self) -> &'static str {
        match self {
            Self::Definition => "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            Self::ConfigMap => "/api/v1/configmaps",
            Self::Pod => "/api/v1/pods",
            Self::Deployment => "/apis/apps/v1/deployments",
            Self::Service => "/api/v1/services",
            Self::Custom => "/apis/example.com/v1/widgets",
        }
    }

    /// The name of the object.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Definition => "widgets.example.com",
            _ => "sample",
        }
    }

    /// The parts of its objects that are addressed by themselves.
    pub const fn subresources(self) -> &'static [&'static str] {
        match self {
            Self::Definition | Self::Service => &["", "/status"],
            Self::ConfigMap => &[""],
            Self::Pod => &[
                "",
                "/status",
                "/ephemeralcontainers",
                "/resize",
                "/eviction",
                "/binding",
            ],
            Self::Deployment | Self::Custom => &["", "/status", "/scale"],
        }
    }

    /// The object.
    pub fn object(self) -> Value {
        match self {
            Self::Definition => definition(),
            Self::ConfigMap => json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(), "immutable": false,
                "data": {"a": "1", "b": "2"}, "binaryData": {"c": "AAEC"},
            }),
            Self::Pod => json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata(), "spec": pod_spec()}),
            Self::Deployment => json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(),
                "spec": {
                    "replicas": 2, "selector": {"matchLabels": {"app": "a"}}, "minReadySeconds": 1,
                    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}},
                    "template": {"metadata": {"labels": {"app": "a"}}, "spec": pod_spec()},
                },
            }),
            Self::Service => json!({
                "apiVersion": "v1", "kind": "Service", "metadata": metadata(),
                "spec": {
                    "type": "NodePort", "selector": {"app": "a"}, "sessionAffinity": "ClientIP",
                    "ports": [
                        {"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080},
                        {"name": "dns", "port": 53, "targetPort": 53, "protocol": "UDP"},
                    ],
                },
            }),
            Self::Custom => json!({
                "apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata(),
                "spec": {
                    "a": 1, "b": 2, "name": "abc", "port": "80%", "set": ["x", "y"],
                    "map": [{"key": "k", "value": 4}], "free": {"z": [1, {"y": null}]}, "quantity": "1Gi",
                    "when": "2026-01-01T00:00:00Z", "replicas": 1, "tree": {"left": {"left": {}}},
                },
            }),
        }
    }
}

fn metadata() -> Value {
    json!({
        "name": "sample", "labels": {"app": "a"}, "annotations": {"example.com/note": "n"},
        "finalizers": ["example.com/hold"],
        "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "u"}],
    })
}

fn pod_spec() -> Value {
    json!({
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
        "nodeSelector": {"a": "b"}, "tolerations": [{"key": "k", "operator": "Exists", "tolerationSeconds": 5, "effect": "NoExecute"}],
        "initContainers": [{"name": "init", "image": "i"}],
        "containers": [{
            "name": "a", "image": "a:1", "args": ["x"], "env": [{"name": "E", "value": "v"}],
            "ports": [{"containerPort": 80, "name": "http"}],
            "resources": {"requests": {"cpu": "100m", "memory": "1.5Gi"}, "limits": {"cpu": 1}},
            "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 3},
            "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        }],
        "volumes": [{"name": "v", "configMap": {"name": "c", "items": [{"key": "a", "path": "b"}]}}],
    })
}

fn definition() -> Value {
    let tree = json!({"type": "object", "properties": {"left": {"type": "object", "properties": {
        "left": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    }}}});
    let spec = json!({
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": {"type": "integer", "minimum": 0, "maximum": 1_000_000, "format": "int32"},
            "b": {"type": "integer", "default": 5},
            "name": {"type": "string", "pattern": "^[a-z]*$", "maxLength": 20, "x-kubernetes-validations": [
                {"rule": "self == oldSelf", "message": "it stays"},
            ]},
            "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            "set": {"type": "array", "maxItems": 10, "items": {"type": "string", "maxLength": 10}, "x-kubernetes-list-type": "set"},
            "map": {
                "type": "array", "maxItems": 10, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["key"],
                "items": {"type": "object", "required": ["key"], "properties": {
                    "key": {"type": "string", "default": "none"}, "value": {"type": "number", "multipleOf": 2},
                }},
            },
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "quantity": {"type": "string", "maxLength": 20, "x-kubernetes-validations": [
                {"rule": "isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))"},
            ]},
            "when": {"type": "string", "format": "date-time"},
            "replicas": {"type": "integer", "format": "int32"},
            "embedded": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
            "tree": tree,
        },
        "x-kubernetes-validations": [
            {"rule": "self.a <= self.b", "messageExpression": "self.a > 9 ? 'a is large' : 'a is small'", "fieldPath": ".a", "reason": "FieldValueForbidden"},
            {"rule": "!has(self.set) || self.set.all(x, self.set.exists(y, x == y))"},
            {"rule": "!has(self.map) || self.map.map(m, m.value).sum() * 1.0 < 1e6 || self.a / (self.b - self.a) > 0"},
        ],
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList", "shortNames": ["wd"], "categories": ["all"]},
            "versions": [
                {
                    "name": "v1", "served": true, "storage": true,
                    "subresources": {"status": {}, "scale": {
                        "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector",
                    }},
                    "additionalPrinterColumns": [
                        {"name": "A", "type": "integer", "jsonPath": ".spec.a"},
                        {"name": "Set", "type": "string", "jsonPath": ".spec.set[*]"},
                        {"name": "When", "type": "date", "jsonPath": ".spec.when", "priority": 1},
                    ],
                    "selectableFields": [{"jsonPath": ".spec.name"}],
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                        "spec": spec,
                        "status": {"type": "object", "properties": {
                            "replicas": {"type": "integer"}, "selector": {"type": "string"},
                        }},
                    }}},
                },
                {
                    "name": "v2", "served": true, "storage": false,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
                },
            ],
        },
    })
}
