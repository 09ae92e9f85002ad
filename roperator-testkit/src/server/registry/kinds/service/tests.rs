use serde_json::{Value, json};

use super::STRATEGY;
use crate::server::registry::kinds::values::printed;

fn defaulted(spec: Value) -> Value {
    let mut service = json!({"metadata": {"name": "b"}, "spec": spec});
    (STRATEGY.default)(&mut service);
    let once = service.clone();
    (STRATEGY.default)(&mut service);
    assert_eq!(service, once, "defaults change nothing twice");
    service
}

fn refused(spec: Value) -> Vec<String> {
    printed(&(STRATEGY.validate_create)(&defaulted(spec)))
}

#[test]
fn defaults_are_those_of_the_real_server() {
    assert_eq!(
        defaulted(json!({"ports": [{"port": 80}]}))["spec"],
        json!({
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
            "type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
        })
    );
    assert_eq!(
        defaulted(json!({"type": "ExternalName", "externalName": "a.b.", "internalTrafficPolicy": "Cluster"}))["spec"],
        json!({"type": "ExternalName", "externalName": "a.b.", "sessionAffinity": "None"})
    );
    let balanced = defaulted(json!({"type": "LoadBalancer", "sessionAffinity": "ClientIP"}));
    assert_eq!(
        balanced["spec"],
        json!({
            "type": "LoadBalancer", "sessionAffinity": "ClientIP", "allocateLoadBalancerNodePorts": true,
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
            "externalTrafficPolicy": "Cluster", "internalTrafficPolicy": "Cluster",
        })
    );
}

#[test]
fn refusals_are_those_of_the_real_server() {
    assert_eq!(refused(json!({})), ["spec.ports: Required value"]);
    assert_eq!(
        refused(json!({"ports": [{"port": 80, "targetPort": "X_"}, {"port": 81, "name": "a", "targetPort": 70000}]})),
        [
            "spec.ports[0].name: Required value",
            "spec.ports[0].targetPort: Invalid value: \"X_\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
            "spec.ports[0].targetPort: Invalid value: \"X_\": must contain at least one letter (a-z)",
            "spec.ports[1].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ]
    );
    assert_eq!(
        refused(json!({"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "a"}]})),
        [
            "spec.ports[1].name: Duplicate value: \"a\"",
            "spec.ports[1]: Duplicate value: {\"Name\":\"\",\"Protocol\":\"TCP\",\"AppProtocol\":null,\"Port\":80,\"TargetPort\":0,\"NodePort\":0}",
        ]
    );
    assert_eq!(
        refused(json!({"ports": [{"port": 80}], "type": "Foo", "sessionAffinity": "x"})),
        [
            "spec.sessionAffinity: Unsupported value: \"x\": supported values: \"ClientIP\", \"None\"",
            "spec.type: Unsupported value: \"Foo\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"",
        ]
    );
    assert_eq!(
        refused(json!({"ports": [{"port": 80, "nodePort": 31000}]})),
        ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]
    );
    assert_eq!(
        refused(json!({"type": "ExternalName"})),
        ["spec.externalName: Required value"]
    );
    assert_eq!(
        refused(json!({"externalIPs": ["1.2.3.4", "x", "127.0.0.1"], "ports": [{"port": 80}]})),
        [
            "spec.externalIPs[1]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            "spec.externalIPs[2]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
        ]
    );
    let affinity = json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 0}},
        "ports": [{"port": 80}]});
    assert_eq!(
        refused(affinity),
        [
            "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400"
        ]
    );
}

#[test]
fn fields_of_other_types_are_refused_in_order() {
    assert_eq!(
        refused(json!({
            "ports": [{"port": 80}], "loadBalancerClass": "a/b", "allocateLoadBalancerNodePorts": true,
            "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000,
            "loadBalancerSourceRanges": ["1.2.3.0/24"], "internalTrafficPolicy": "x",
        })),
        [
            "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
            "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
            "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
            "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally-accessible services",
            "spec.healthCheckNodePort: Invalid value: 31000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
            "spec.internalTrafficPolicy: Unsupported value: \"x\": supported values: \"Cluster\", \"Local\"",
        ]
    );
    let ranges = json!({"type": "LoadBalancer", "ports": [{"port": 80}],
        "loadBalancerSourceRanges": ["x", " 10.0.0.1/8"]});
    assert_eq!(
        refused(ranges),
        [
            "spec.LoadBalancerSourceRanges[0]: Invalid value: \"x\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
            "spec.LoadBalancerSourceRanges[1]: Invalid value: \"10.0.0.1/8\": must not have bits set beyond the prefix length",
        ]
    );
    let external = json!({"type": "ExternalName", "externalName": "x", "clusterIP": "None", "clusterIPs": ["None"],
        "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"});
    assert_eq!(
        refused(external),
        ["clusterIPs", "ipFamilies", "ipFamilyPolicy"]
            .map(|field| format!("spec.{field}: Forbidden: may not be set for ExternalName services"))
    );
}

#[test]
fn a_status_is_of_a_load_balancer() {
    let with = |kind: &str, ingress: Value| {
        let service = json!({"spec": {"type": kind}, "status": {"loadBalancer": {"ingress": ingress}}});
        printed(&(STRATEGY.validate_status)(&service, &json!({})))
    };
    assert_eq!(
        with("ClusterIP", json!([{"ip": "1.2.3.4"}])),
        ["status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"]
    );
    assert!(
        with(
            "LoadBalancer",
            json!([{"ip": "1.2.3.4", "ipMode": "VIP"}, {"hostname": "a.b"}])
        )
        .is_empty()
    );
}
