//! What an update may change of a pod that waits at scheduling gates: its node selector and its node affinity may ask
//! for more. Errors out, and the changes that are judged here are taken back from the spec that is judged elsewhere.

use serde_json::Value;

use super::super::values;
use super::at::{At, Errors, same};
use super::{check, go_json};
use crate::server::field::{FieldError, Problem};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// What is wrong with the changes of a gated pod's spec; `judged` is the new one.
pub fn changes(errors: &mut Errors, new: &At<'_>, old: &At<'_>, judged: &mut Value) {
    let (selector, before) = (new.child("nodeSelector"), old.child("nodeSelector"));
    if before
        .entries()
        .any(|(key, value)| selector.value.get(key) != Some(value))
    {
        let detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        let value = selector.value.clone();
        errors.push(FieldError::invalid(&selector.path, value, detail));
    }
    restore(judged, "nodeSelector", before.value);
    let affinity = new.child("affinity");
    let before = old.child("affinity");
    let (nodes, nodes_before) = (affinity.child("nodeAffinity"), before.child("nodeAffinity"));
    if same(nodes.value, nodes_before.value) {
        return;
    }
    node_affinity(errors, &nodes, &nodes_before);
    let of_pods = ["podAffinity", "podAntiAffinity"];
    let only_nodes = of_pods.iter().all(|name| !affinity.child(name).is_set());
    if affinity.is_set() && !before.is_set() && only_nodes {
        values::remove(judged, "affinity");
    } else if affinity.is_set() || nodes_before.is_set() {
        values::object(judged, "affinity");
        if let Some(affinity) = judged.get_mut("affinity") {
            restore(affinity, "nodeAffinity", nodes_before.value);
        }
    }
}

/// Gives a field the value that it had.
pub fn restore(object: &mut Value, name: &str, before: &Value) {
    if before.is_null() {
        values::remove(object, name);
    } else {
        values::set(object, name, before.clone());
    }
}

fn node_affinity(errors: &mut Errors, new: &At<'_>, old: &At<'_>) {
    let (now, before) = (new.child(REQUIRED), old.child(REQUIRED));
    let terms = now.child("nodeSelectorTerms");
    let (given, before) = (terms.items(), before.child("nodeSelectorTerms").items());
    if !before.is_empty() && given.len() != before.len() {
        let shown: Vec<String> = given.iter().map(shown).collect();
        let value = if terms.is_set() {
            format!("[{}]", shown.join(","))
        } else {
            "null".to_owned()
        };
        let detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        errors.push(check::shown(&terms.path, Problem::Invalid, &value, detail));
        return;
    }
    for (term, before) in given.iter().zip(&before) {
        if !only_adds(term, before) {
            let detail = "only additions are allowed (no mutations or deletions)";
            errors.push(check::shown(&term.path, Problem::Invalid, &shown(term), detail));
        }
    }
}

fn shown(term: &At<'_>) -> String {
    go_json::compact("NodeSelectorTerm", term.value)
}

fn only_adds(term: &At<'_>, before: &At<'_>) -> bool {
    let lists = ["matchExpressions", "matchFields"];
    let count = |at: &At<'_>| lists.iter().map(|list| at.child(list).items().len()).sum::<usize>();
    if count(before) == 0 {
        return count(term) == 0;
    }
    lists.iter().all(|list| {
        let (now, before) = (term.child(list).items(), before.child(list).items());
        now.len() >= before.len()
            && now
                .iter()
                .zip(&before)
                .all(|(now, before)| same(now.value, before.value))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requirements_may_only_be_added() {
        let term = |keys: &[&str]| {
            let each = keys.iter().map(|key| json!({"key": key, "operator": "Exists"}));
            json!({"matchExpressions": each.collect::<Vec<Value>>()})
        };
        let adds = |now: &[&str], before: &[&str]| only_adds(&At::root(&term(now)), &At::root(&term(before)));
        assert!(adds(&["a", "b"], &["a"]) && adds(&[], &[]));
        assert!(!adds(&["b", "a"], &["a"]) && !adds(&["a"], &[]) && !adds(&[], &["a"]));
    }
}
