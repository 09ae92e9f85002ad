//! Namespaces: their label, finalizer and phase are filled in, finalizers checked. Metadata excepted. How a namespace is
//! deleted is not said here.

use serde_json::{Value, json};

use super::values::{default, get, invalid, object, set, text, texts};
use crate::server::field::{FieldError, FieldPath};
use crate::server::names;
use crate::server::registry::object::copy;
use crate::server::registry::strategy::{Part, Strategy};

/// What is special about Namespaces.
pub const STRATEGY: Strategy = Strategy {
    default: label_with_name,
    prepare_create: |namespace| {
        set(namespace, "status", json!({"phase": "Active"}));
        let mut finalizers = texts(get(namespace, "spec"), "finalizers");
        if !finalizers.contains(&"kubernetes") {
            finalizers.push("kubernetes");
        }
        let finalizers = json!(finalizers);
        if let Some(spec) = object(namespace, "spec") {
            spec.insert("finalizers".to_owned(), finalizers);
        }
        // A name that is generated was not there to be a default.
        label_with_name(namespace);
    },
    validate_create: |namespace| finalizers(namespace, false),
    prepare_update: |new, old| {
        let finalizers = get(get(old, "spec"), "finalizers").clone();
        if let Some(spec) = object(new, "spec") {
            spec.remove("finalizers");
            if !finalizers.is_null() {
                spec.insert("finalizers".to_owned(), finalizers);
            }
        }
    },
    validate_update: |new, _| finalizers(new, false),
    validate_status: |new, _| {
        let phase = text(get(new, "status"), "phase");
        let deleted = !get(get(new, "metadata"), "deletionTimestamp").is_null();
        let (only, when) = if deleted {
            ("Terminating", "not empty")
        } else {
            ("Active", "empty")
        };
        let detail = format!("may only be '{only}' if `deletionTimestamp` is {when}");
        let wrong = (phase != only).then(|| FieldError::invalid(&FieldPath::new("status.Phase"), phase, detail));
        wrong.into_iter().collect()
    },
    parts: &[Part {
        name: "finalize",
        prepare: |new, old| copy(old, new, "status"),
        validate: |new, _| finalizers(new, true),
    }],
    selectable: |namespace| {
        vec![
            ("status.phase", text(get(namespace, "status"), "phase").to_owned()),
            ("name", text(get(namespace, "metadata"), "name").to_owned()),
        ]
    },
    validate_name: names::label,
    has_status: true,
    ..Strategy::PLAIN
};

/// Labels a namespace with its name.
fn label_with_name(namespace: &mut Value) {
    let name = text(get(namespace, "metadata"), "name").to_owned();
    if !name.is_empty()
        && let Some(metadata) = namespace.get_mut("metadata")
        && let Some(labels) = object(metadata, "labels")
    {
        labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
    }
    if let Some(status) = namespace.get_mut("status") {
        default(status, "phase", "Active");
    }
}

fn finalizers(namespace: &Value, numbered: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, finalizer) in texts(get(namespace, "spec"), "finalizers").into_iter().enumerate() {
        let all = FieldPath::new("spec.finalizers");
        let path = if numbered { all.index(index) } else { all };
        errors.extend(invalid(&path, finalizer, names::qualified(finalizer)));
        if !finalizer.contains('/') && !["kubernetes", "orphan", "foregroundDeletion"].contains(&finalizer) {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            errors.push(FieldError::invalid(&path, finalizer, detail));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::super::values::printed;
    use super::*;

    #[test]
    fn namespaces_are_labelled_active_and_finalized() {
        let mut namespace = json!({"metadata": {"name": "a"}, "spec": {"finalizers": ["b/c"]}});
        (STRATEGY.default)(&mut namespace);
        (STRATEGY.prepare_create)(&mut namespace);
        assert_eq!(
            namespace,
            json!({
                "metadata": {"name": "a", "labels": {"kubernetes.io/metadata.name": "a"}},
                "spec": {"finalizers": ["b/c", "kubernetes"]}, "status": {"phase": "Active"},
            })
        );
        let mut new = json!({"metadata": {"name": "a"}});
        (STRATEGY.prepare_update)(&mut new, &namespace);
        assert_eq!(new["spec"], namespace["spec"]);
    }

    #[test]
    fn finalizers_are_refused_as_by_the_real_server() {
        let namespace = json!({"spec": {"finalizers": ["a", "b/c", "-"]}});
        let texts = printed(&(STRATEGY.validate_create)(&namespace));
        assert_eq!(texts.len(), 3);
        assert_eq!(
            texts[0],
            "spec.finalizers: Invalid value: \"a\": name is neither a standard finalizer name nor is it fully qualified"
        );
        assert!(printed(&(STRATEGY.parts[0].validate)(&namespace, &json!({})))[0].starts_with("spec.finalizers[0]: "));
    }

    #[test]
    fn the_phase_follows_the_deletion() {
        let wrong = (STRATEGY.validate_status)(&json!({"status": {"phase": "Terminating"}}), &json!({}));
        assert_eq!(
            printed(&wrong),
            ["status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"]
        );
    }
}
