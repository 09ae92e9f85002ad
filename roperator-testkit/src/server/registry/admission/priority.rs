//! The priorities of Pods: what a Pod's PriorityClass says is filled in, and a Pod that says something else is refused;
//! so is one whose RuntimeClass is not there. Pods and the store in, changed Pods or refusals out.

use serde_json::Value;

use crate::server::{
    registry::object::{child_mut, meta, text},
    status::{ApiError, GroupResource},
    store::Store,
};

struct Class {
    name: String,
    value: i64,
    preemption: String,
}

/// Fills in the priority of a Pod that is to be created.
pub fn admit(store: &Store, pods: &GroupResource, pod: &mut Value) -> Result<(), ApiError> {
    let name = meta(pod, "name").to_owned();
    let refuse = |why: String| ApiError::forbidden(pods, &name, &why);
    let wanted = text(pod, "/spec/priorityClassName").to_owned();
    let class = if wanted.is_empty() {
        default(store)
    } else {
        let found = read(store, "scheduling.k8s.io", "priorityclasses", &wanted);
        let missing = || refuse(format!("no PriorityClass with name {wanted} was found"));
        class(&found.ok_or_else(missing)?)
    };
    let given = pod.pointer("/spec/priority").and_then(Value::as_i64);
    if let Some(given) = given.filter(|given| *given != class.value) {
        return Err(refuse(format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller \
             computed {} from the given PriorityClass name",
            class.value
        )));
    }
    let given = text(pod, "/spec/preemptionPolicy");
    if !given.is_empty() && given != class.preemption {
        return Err(refuse(format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission \
             controller computed {} from the given PriorityClass name",
            class.preemption
        )));
    }
    let runtime = text(pod, "/spec/runtimeClassName");
    if !runtime.is_empty() && read(store, "node.k8s.io", "runtimeclasses", runtime).is_none() {
        return Err(refuse(format!("pod rejected: RuntimeClass \"{runtime}\" not found")));
    }
    let spec = child_mut(pod, "spec");
    if !class.name.is_empty() {
        spec.insert("priorityClassName".to_owned(), class.name.into());
    }
    spec.insert("priority".to_owned(), class.value.into());
    spec.insert("preemptionPolicy".to_owned(), class.preemption.into());
    Ok(())
}

/// The class of Pods that name none: the least of those that say so, or else no class and the priority zero.
fn default(store: &Store) -> Class {
    let classes = GroupResource::new("scheduling.k8s.io", "priorityclasses");
    let listed = store.all(&classes, "");
    let found = listed
        .iter()
        .filter_map(|stored| serde_json::from_slice::<Value>(&stored.content.json).ok());
    let defaults = found.filter(|class| class.get("globalDefault").and_then(Value::as_bool) == Some(true));
    let none = Class {
        name: String::new(),
        value: 0,
        preemption: "PreemptLowerPriority".to_owned(),
    };
    defaults
        .map(|found| class(&found))
        .min_by_key(|class| class.value)
        .unwrap_or(none)
}

fn class(object: &Value) -> Class {
    Class {
        name: meta(object, "name").to_owned(),
        value: object.get("value").and_then(Value::as_i64).unwrap_or_default(),
        preemption: text(object, "/preemptionPolicy").to_owned(),
    }
}

fn read(store: &Store, group: &str, plural: &str, name: &str) -> Option<Value> {
    let found = store.get(&GroupResource::new(group, plural), name)?;
    serde_json::from_slice(&found.content.json).ok()
}
