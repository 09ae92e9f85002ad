//! What discovery shows of a definition: a definition and a version in, entries of an `APIResourceList` out. The hash of the
//! storage version, which is only good for migrations, is left out.

use serde_json::{Map, Value, json};

use crate::server::schema::structural::{flag, text};

const VERBS: [&str; 8] = [
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "create",
    "update",
    "watch",
];
const SUBRESOURCE_VERBS: [&str; 3] = ["get", "patch", "update"];

/// The resources of a version that is served: the resource itself, its status and its scale.
#[must_use]
pub fn api_resources(definition: &Value, version: &str) -> Vec<Value> {
    let served = |known: &&Value| text(known, "name") == version && flag(known, "served");
    let Some(version) = super::versions(definition).iter().find(served) else {
        return Vec::new();
    };
    let names = definition.pointer("/status/acceptedNames").unwrap_or(&Value::Null);
    let (plural, kind) = (text(names, "plural"), text(names, "kind"));
    let namespaced = definition
        .pointer("/spec/scope")
        .is_some_and(|scope| scope == "Namespaced");
    let mut resource = Map::new();
    let fields = [
        ("name", json!(plural)),
        ("singularName", json!(text(names, "singular"))),
        ("namespaced", json!(namespaced)),
        ("kind", json!(kind)),
        ("verbs", json!(VERBS)),
    ];
    resource.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    for name in ["shortNames", "categories"] {
        if let Some(list) = names
            .get(name)
            .filter(|list| list.as_array().is_some_and(|list| !list.is_empty()))
        {
            resource.insert(name.to_owned(), list.clone());
        }
    }
    let mut resources = vec![Value::Object(resource)];
    let has = |name: &str| {
        version
            .get("subresources")
            .and_then(|all| all.get(name))
            .is_some_and(Value::is_object)
    };
    if has("status") {
        resources.push(json!({
            "name": format!("{plural}/status"), "singularName": "", "namespaced": namespaced, "kind": kind,
            "verbs": SUBRESOURCE_VERBS,
        }));
    }
    if has("scale") {
        resources.push(json!({
            "name": format!("{plural}/scale"), "singularName": "", "namespaced": namespaced, "group": "autoscaling",
            "version": "v1", "kind": "Scale", "verbs": SUBRESOURCE_VERBS,
        }));
    }
    resources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discovery_shows_the_accepted_names() {
        let names =
            json!({"plural": "tabs", "singular": "tab", "kind": "Tab", "listKind": "TabList", "shortNames": ["tb"]});
        let version = json!({"name": "v1", "served": true, "subresources": {"status": {}, "scale": {}}});
        let definition =
            json!({"spec": {"scope": "Cluster", "versions": [version]}, "status": {"acceptedNames": names}});
        let resources = api_resources(&definition, "v1");
        assert_eq!(
            resources[0],
            json!({"name": "tabs", "singularName": "tab", "namespaced": false, "kind": "Tab",
            "verbs": VERBS, "shortNames": ["tb"]})
        );
        assert_eq!(
            (&resources[1]["name"], &resources[2]["group"]),
            (&json!("tabs/status"), &json!("autoscaling"))
        );
        assert!(api_resources(&definition, "v2").is_empty());
    }
}
