//! The conditions that the server itself gives a Pod: a Pod in, the Pod with its condition out.

use serde_json::{Value, json};

use super::super::values::{self, get, text};

/// Why a condition holds: a reason and a message.
pub type Why<'a> = (&'a str, &'a str);

/// Whether a Pod has a condition, and it is true.
#[must_use]
pub fn holds(pod: &Value, kind: &str) -> bool {
    let mut conditions = values::items(get(pod, "status"), "conditions").iter();
    conditions.any(|condition| text(condition, "type") == kind && text(condition, "status") == "True")
}

/// Makes a condition true; since when it is stays as it was if it was before.
pub fn hold(pod: &mut Value, kind: &str, why: Option<Why<'_>>, now: &str) {
    let Some(status) = values::object(pod, "status") else {
        return;
    };
    let conditions = status.entry("conditions").or_insert(Value::Null);
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(conditions) = conditions.as_array_mut() else {
        return;
    };
    let mut condition = json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": now});
    if let Some((reason, message)) = why {
        values::set(&mut condition, "reason", reason);
        values::set(&mut condition, "message", message);
    }
    match conditions.iter_mut().find(|known| text(known, "type") == kind) {
        None => conditions.push(condition),
        Some(known) => {
            if text(known, "status") == "True" {
                values::set(
                    &mut condition,
                    "lastTransitionTime",
                    get(known, "lastTransitionTime").clone(),
                );
            }
            *known = condition;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_holds_keeps_its_time() {
        let mut pod = json!({});
        hold(&mut pod, "A", Some(("Because", "so")), "then");
        let before = pod.clone();
        hold(&mut pod, "A", Some(("Because", "so")), "later");
        assert_eq!(pod, before);
        assert!(holds(&pod, "A") && !holds(&pod, "B"));
        pod["status"]["conditions"][0]["status"] = "False".into();
        hold(&mut pod, "A", None, "later");
        let wanted = json!([{"type": "A", "status": "True", "lastProbeTime": null, "lastTransitionTime": "later"}]);
        assert_eq!(pod["status"]["conditions"], wanted);
    }
}
