use serde_json::json;

use super::*;
use crate::{
    config::ChildConfig, desired::desired, k8s_types::core::v1::ConfigMap, kind::Kind, object::ResourceVersion,
};

const SITE: Kind = Kind::namespaced("example.com/v1", "Site", "sites");

fn config() -> OperatorConfig {
    OperatorConfig::new("site", SITE).with_child(ConfigMap, ChildConfig::apply())
}

fn parent() -> Object {
    Object::from_value(&SITE, &json!({"metadata": {"name": "p", "namespace": "n", "uid": "u"}})).unwrap()
}

fn child(name: &str, value: &str) -> Arc<DesiredChild> {
    let config_map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}});
    desired(&config(), &parent(), vec![config_map]).unwrap().remove(0)
}

/// The child as a server holds that keeps it whole, or drops its data.
fn live(child: &DesiredChild, version: &str, keeps_data: bool) -> Object {
    let mut object = child.body(&config(), &parent());
    let annotation = &config().applied_annotation;
    let mut owned = json!({"f:metadata": {
        "f:labels": {".": {}, "f:roperator.dev/operator": {}},
        "f:annotations": {".": {}, format!("f:{annotation}"): {}},
        "f:ownerReferences": {".": {}, "k:{\"uid\":\"u\"}": {}}}});
    if keeps_data {
        owned["f:data"] = json!({".": {}, "f:k": {}});
    } else {
        object.as_object_mut().unwrap().remove("data");
    }
    let metadata = &mut object["metadata"];
    metadata["uid"] = json!(format!("uid-{}", child.key.name));
    metadata["resourceVersion"] = json!(version);
    metadata["managedFields"] = json!([
        {"manager": "site", "operation": "Update", "apiVersion": "v1", "fieldsV1": owned}]);
    Object::from_json(&object.to_string(), &child.kind, &|manager| manager == "site").unwrap()
}

fn write(memory: &mut Memory, child: &DesiredChild, live: &Object) {
    let written = Written {
        applied: child.applied,
        version: live.resource_version().clone(),
    };
    memory.written.insert(live.uid().clone(), written);
}

fn change(memory: &mut Memory, child: &Arc<DesiredChild>, live: &Object) -> Option<Change> {
    diff_child(&config(), &parent(), child, Some(live), memory)
}

#[test]
fn a_version_is_current_for_the_content_that_it_was_compared_with() {
    let (one, two) = (child("a", "1"), child("a", "2"));
    let object = live(&one, "7", true);
    let memory = &mut Memory::default();
    for _ in 0..2 {
        assert!(change(memory, &one, &object).is_none());
        assert!(matches!(change(memory, &two, &object), Some(Change::Apply(_))));
    }
    // For another operator it is not.
    let other = OperatorConfig::new("other", SITE).with_child(ConfigMap, ChildConfig::apply());
    assert!(diff_child(&other, &parent(), &one, Some(&object), memory).is_some());
}

#[test]
fn what_the_server_drops_is_accepted_until_something_changes() {
    let memory = &mut Memory::default();
    let one = child("a", "1");
    let dropped = live(&one, "7", false);
    write(memory, &one, &dropped);
    for _ in 0..2 {
        assert!(change(memory, &one, &dropped).is_none());
    }
    assert!(
        change(memory, &one, &live(&one, "8", false)).is_none(),
        "nothing of ours changed"
    );
    assert!(change(memory, &child("a", "2"), &dropped).is_some());
}

/// A set of fields that was kept once is not checked again as we wrote it. Where it was not kept after all, that is found
/// with the next change of the child, written once more, and then accepted.
#[test]
fn what_was_kept_once_is_trusted_until_it_is_found_dropped() {
    let kept = Arc::new(Kept::default());
    let (first, second) = (&mut Memory::new(&kept), &mut Memory::new(&kept));
    let (one, other) = (child("a", "1"), child("b", "2"));
    let whole = live(&one, "7", true);
    write(first, &one, &whole);
    assert!(change(first, &one, &whole).is_none());
    assert!(kept.has(&other), "it has the same fields");

    let dropped = live(&other, "8", false);
    write(second, &other, &dropped);
    assert!(change(second, &other, &dropped).is_none());
    assert!(matches!(
        change(second, &other, &live(&other, "9", false)),
        Some(Change::Apply(_))
    ));
    assert!(!kept.has(&one) && !kept.has(&other));
    let rewritten = live(&other, "10", false);
    write(second, &other, &rewritten);
    for version in ["10", "11", "12"] {
        assert!(change(second, &other, &live(&other, version, false)).is_none());
    }
    assert_eq!(
        second.written.values().map(|written| &written.version).next(),
        Some(&ResourceVersion::from("10"))
    );
}

/// A mistake would cost the child: it would be deleted, or wait for ever to be.
#[test]
fn what_is_written_once_is_looked_at_each_time() {
    for child_config in [ChildConfig::recreate(), ChildConfig::on_delete()] {
        let config = OperatorConfig::new("site", SITE).with_child(ConfigMap, child_config);
        let content = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "1"}});
        let one = desired(&config, &parent(), vec![content]).unwrap().remove(0);
        let memory = &mut Memory::default();
        memory.kept.add(&one);
        let dropped = live(&one, "7", false);
        write(memory, &one, &dropped);
        for version in ["7", "8", "9"] {
            let object = live(&one, version, false);
            assert!(diff_child(&config, &parent(), &one, Some(&object), memory).is_none());
        }
    }
}
