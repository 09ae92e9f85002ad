use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::super::STRATEGY;
use super::*;

/// A cluster with the `kubernetes` Service.
fn with_kubernetes() -> Allocations {
    let mut allocations = Allocations::new();
    let address = KUBERNETES_ADDRESS.to_string();
    allocations.apply(Allocations::held(&json!({"spec": {"clusterIPs": [address]}})));
    allocations
}

/// Creates a Service as the pipeline does: defaults, allocation, validation.
fn create(allocations: &mut Allocations, spec: Value) -> Result<Value, String> {
    let mut service = json!({"metadata": {"name": "b"}, "spec": spec});
    (STRATEGY.default)(&mut service);
    let change = allocations.create(&mut service, false).map_err(|error| error.message)?;
    let errors = (STRATEGY.validate_create)(&service);
    if !errors.is_empty() {
        return Err(ApiError::invalid("", "Service", "b", &errors).message);
    }
    allocations.apply(change);
    Ok(service)
}

fn update(allocations: &mut Allocations, old: &Value, spec: Value) -> Result<Value, String> {
    let mut service = json!({"metadata": {"name": "b"}, "spec": spec});
    (STRATEGY.default)(&mut service);
    let change = allocations
        .update(&mut service, old, false)
        .map_err(|error| error.message)?;
    (STRATEGY.prepare_update)(&mut service, old);
    let errors = (STRATEGY.validate_update)(&service, old);
    if !errors.is_empty() {
        return Err(ApiError::invalid("", "Service", "b", &errors).message);
    }
    allocations.apply(change);
    Ok(service)
}

#[test]
fn refusals_are_those_of_the_real_server() {
    let mut allocations = with_kubernetes();
    create(
        &mut allocations,
        json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30100}]}),
    )
    .unwrap();
    let ports = json!([{"port": 80}]);
    let cases = [
        (
            json!({"clusterIP": "10.0.0.1"}),
            "spec.clusterIPs: Invalid value: [\"10.0.0.1\"]: failed to allocate IP 10.0.0.1: provided IP is already allocated",
        ),
        (
            json!({"clusterIP": "10.1.0.1"}),
            "spec.clusterIPs: Invalid value: [\"10.1.0.1\"]: failed to allocate IP 10.1.0.1: the provided network does not match the current range",
        ),
        (
            json!({"clusterIP": "10.0.255.255"}),
            "spec.clusterIPs: Invalid value: [\"10.0.255.255\"]: failed to allocate IP 10.0.255.255: the provided network does not match the current range",
        ),
        (
            json!({"clusterIP": "foo"}),
            "spec.clusterIPs[0]: Invalid value: \"foo\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        ),
        (
            json!({"clusterIP": "010.0.0.9"}),
            "spec.clusterIPs[0]: Invalid value: \"010.0.0.9\": must not have leading 0s",
        ),
        (
            json!({"clusterIP": "fd00::1"}),
            "spec.clusterIPs[0]: Invalid value: [\"fd00::1\"]: IPv6 is not configured on this cluster",
        ),
        (
            json!({"clusterIPs": ["10.0.3.3"]}),
            "spec.clusterIPs: Invalid value: [\"10.0.3.3\"]: must be empty when `clusterIP` is not specified",
        ),
        (
            json!({"clusterIP": "10.0.3.3", "clusterIPs": ["10.0.3.4"]}),
            "spec.clusterIPs: Invalid value: [\"10.0.3.4\"]: first value must match `clusterIP`",
        ),
        (
            json!({"ipFamilyPolicy": "RequireDualStack"}),
            "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services",
        ),
        (
            json!({"ipFamilies": ["IPv6"]}),
            "spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster",
        ),
        (
            json!({"ipFamilies": ["IPv5"], "ipFamilyPolicy": "z"}),
            "[spec.ipFamilies[0]: Unsupported value: \"IPv5\": supported values: \"IPv4\", \"IPv6\", spec.ipFamilyPolicy: Unsupported value: \"z\": supported values: \"PreferDualStack\", \"RequireDualStack\", \"SingleStack\"]",
        ),
        (
            json!({"clusterIP": "10.0.9.9", "clusterIPs": ["10.0.9.9", "10.0.9.8"]}),
            "spec.clusterIPs: Invalid value: [\"10.0.9.9\",\"10.0.9.8\"]: may specify no more than one IP for each IP family",
        ),
        (
            json!({"clusterIP": "10.0.9.9", "clusterIPs": ["10.0.9.9", "fd00::1"], "ipFamilyPolicy": "PreferDualStack"}),
            "spec.clusterIPs[1]: Invalid value: [\"10.0.9.9\",\"fd00::1\"]: IPv6 is not configured on this cluster",
        ),
        (
            json!({"type": "NodePort", "clusterIP": "None"}),
            "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services",
        ),
        (
            json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30100}]}),
            "spec.ports[0].nodePort: Invalid value: 30100: provided port is already allocated",
        ),
        (
            json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]}),
            "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767",
        ),
        (
            json!({"type": "NodePort", "ports": [{"port": 80, "name": "a", "nodePort": 30300}, {"port": 81, "name": "b", "nodePort": 30300}]}),
            "spec.ports[1].nodePort: Invalid value: 30300: provided port is already allocated",
        ),
    ];
    for (mut spec, message) in cases {
        if spec.get("ports").is_none() {
            spec["ports"] = ports.clone();
        }
        let refused = create(&mut allocations, spec);
        assert_eq!(refused, Err(format!("Service \"b\" is invalid: {message}")));
    }
    let health = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 30100,
        "ports": ports});
    assert_eq!(
        create(&mut allocations, health).unwrap_err(),
        "Internal error occurred: failed to allocate requested HealthCheck NodePort 30100: provided port is already allocated"
    );
}

#[test]
fn services_get_addresses() {
    let mut allocations = with_kubernetes();
    let service = create(&mut allocations, json!({"ports": [{"port": 80}]})).unwrap();
    assert_eq!(
        service["spec"],
        json!({
            "ports": [{"protocol": "TCP", "port": 80, "targetPort": 80}],
            "clusterIP": "10.0.1.1", "clusterIPs": ["10.0.1.1"], "type": "ClusterIP", "sessionAffinity": "None",
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster",
        })
    );
    let headless = create(&mut allocations, json!({"clusterIP": "None"})).unwrap();
    assert_eq!(headless["spec"]["ipFamilies"], json!(["IPv4", "IPv6"]));
    assert_eq!(headless["spec"]["ipFamilyPolicy"], "RequireDualStack");
    let selecting = create(&mut allocations, json!({"clusterIP": "None", "selector": {"a": "b"}})).unwrap();
    assert_eq!(selecting["spec"]["ipFamilies"], json!(["IPv4"]));
    assert_eq!(selecting["spec"]["ipFamilyPolicy"], "SingleStack");
    let both = json!([{"port": 80, "name": "a"}, {"port": 80, "name": "b", "protocol": "UDP"}]);
    let balanced = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": both});
    let balanced = create(&mut allocations, balanced).unwrap();
    let ports = &balanced["spec"]["ports"];
    assert_eq!(
        ports[0]["nodePort"], ports[1]["nodePort"],
        "protocols share a node port"
    );
    assert_eq!(balanced["spec"]["healthCheckNodePort"], 30087);
    let freed = allocations.delete(&balanced);
    allocations.apply(freed);
    assert!(allocations.ports.taken.is_empty());
    let external = create(&mut allocations, json!({"type": "ExternalName", "externalName": "a.b"})).unwrap();
    assert!(external["spec"].get("clusterIP").is_none() && external["spec"].get("ipFamilies").is_none());
}

#[test]
fn updates_keep_what_was_allocated() {
    let mut allocations = with_kubernetes();
    let first = create(&mut allocations, json!({"ports": [{"port": 80}]})).unwrap();
    let same = update(&mut allocations, &first, json!({"ports": [{"port": 81}]})).unwrap();
    assert_eq!(same["spec"]["clusterIPs"], first["spec"]["clusterIPs"]);
    assert_eq!(
        update(
            &mut allocations,
            &first,
            json!({"ports": [{"port": 81}], "clusterIP": "10.0.55.55"})
        )
        .unwrap_err(),
        "Service \"b\" is invalid: spec.clusterIPs[0]: Invalid value: [\"10.0.55.55\"]: may not change once set"
    );
    let node = update(
        &mut allocations,
        &same,
        json!({"type": "NodePort", "ports": [{"port": 81}]}),
    )
    .unwrap();
    assert_eq!(node["spec"]["ports"][0]["nodePort"], 30086);
    let kept = update(
        &mut allocations,
        &node,
        json!({"type": "NodePort", "ports": [{"port": 82}]}),
    )
    .unwrap();
    assert_eq!(kept["spec"]["ports"][0]["nodePort"], 30086);
    let twice = json!([{"port": 82, "name": "x", "nodePort": 30444}, {"port": 83, "name": "y", "nodePort": 30444}]);
    assert_eq!(
        update(&mut allocations, &kept, json!({"type": "NodePort", "ports": twice})).unwrap_err(),
        "duplicate nodePort: {TCP 30444}"
    );
    let plain = update(
        &mut allocations,
        &kept,
        json!({"type": "ClusterIP", "ports": [{"port": 82}]}),
    )
    .unwrap();
    assert!(plain["spec"]["ports"][0].get("nodePort").is_none());
    assert!(allocations.ports.taken.is_empty());
    let local = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"port": 82}]});
    let local = update(&mut allocations, &plain, local).unwrap();
    let changed = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 31333,
        "ports": [{"port": 82}]});
    assert_eq!(
        update(&mut allocations, &local, changed).unwrap_err(),
        "Service \"b\" is invalid: spec.healthCheckNodePort: Forbidden: field is immutable"
    );
    let mut sent = local["spec"].clone();
    sent["type"] = json!("ExternalName");
    sent["externalName"] = json!("x.y");
    let external = update(&mut allocations, &local, sent).unwrap();
    assert_eq!(
        external["spec"],
        json!({
            "ports": [{"protocol": "TCP", "port": 82, "targetPort": 82}],
            "type": "ExternalName", "sessionAffinity": "None", "externalName": "x.y",
        })
    );
    assert_eq!(
        allocations.addresses.taken.len(),
        1,
        "only that of the kubernetes Service"
    );
    assert!(allocations.ports.taken.is_empty());
}

#[test]
fn a_headless_service_stays_headless() {
    let mut allocations = with_kubernetes();
    let headless = create(&mut allocations, json!({"clusterIP": "None"})).unwrap();
    let kept = update(&mut allocations, &headless, json!({"ports": [{"port": 82}]})).unwrap();
    assert_eq!(kept["spec"]["clusterIP"], "None");
    let refused = update(
        &mut allocations,
        &headless,
        json!({"ports": [{"port": 82}], "clusterIP": "10.0.44.44"}),
    );
    assert_eq!(
        refused.unwrap_err(),
        "Service \"b\" is invalid: spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services"
    );
}

proptest! {
    /// Whatever is created, updated and deleted: what is held is what Services have, each address once.
    #[test]
    fn what_is_held_is_what_services_have(steps in prop::collection::vec((0..3_usize, 0..3_usize), 1..40)) {
        let mut allocations = with_kubernetes();
        let mut services: Vec<Value> = Vec::new();
        for (action, kind) in steps {
            let kind = ["ClusterIP", "NodePort", "LoadBalancer"][kind];
            let spec = json!({"type": kind, "ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]});
            match (action, services.pop()) {
                (1, Some(old)) => services.push(update(&mut allocations, &old, spec).unwrap()),
                (2, Some(old)) => {
                    let change = allocations.delete(&old);
                    allocations.apply(change);
                }
                (_, kept) => {
                    services.extend(kept);
                    services.push(create(&mut allocations, spec).unwrap());
                }
            }
        }
        let addresses: Vec<u32> = services.iter().flat_map(|service| cluster_ips(&service["spec"])).collect();
        let held: BTreeSet<u32> = addresses.iter().copied().chain([KUBERNETES_ADDRESS.to_bits()]).collect();
        prop_assert_eq!(addresses.len() + 1, held.len());
        prop_assert_eq!(held, allocations.addresses.taken);
        let held: Vec<u32> = services.iter().flat_map(|service| ports(spec::node_ports(&service["spec"]))).collect();
        prop_assert_eq!(held.len(), allocations.ports.taken.len());
        prop_assert_eq!(held.into_iter().collect::<BTreeSet<_>>(), allocations.ports.taken);
    }
}
