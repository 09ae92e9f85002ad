//! PersistentVolumeClaims, PersistentVolumes and StorageClasses: defaults, and the commonest of what is refused. Metadata
//! excepted. Left out: the sources of volumes, resizing, and the difference that the real server's refusal of a changed
//! claim ends with.

use serde_json::{Value, json};

use super::values::{default, default_absent, get, invalid, items, object, one_of, same, set, text, texts};
use crate::server::field::{FieldError, FieldPath};
use crate::server::names;
use crate::server::registry::strategy::Strategy;
use crate::server::selector::validate::label_selector;

/// What is special about PersistentVolumeClaims.
pub const PERSISTENT_VOLUME_CLAIM: Strategy = Strategy {
    default: |claim| {
        volume_mode(claim);
        pending(claim);
    },
    prepare_create: |claim| {
        set(claim, "status", json!({"phase": "Pending"}));
        protect(claim, "kubernetes.io/pvc-protection");
    },
    validate_create: claim,
    validate_update: |new, old| {
        let mut errors = claim(new);
        let bound = text(get(old, "status"), "phase") == "Bound";
        let fixed = |claim: &Value| {
            let mut spec = get(claim, "spec").clone();
            if let Some(resources) = object(&mut spec, "resources").filter(|_| bound) {
                resources.remove("requests");
            }
            spec
        };
        if fixed(new) != fixed(old) {
            let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName \
                for bound claims";
            errors.push(FieldError::forbidden(&FieldPath::new("spec"), detail));
        }
        errors
    },
    has_status: true,
    ..Strategy::PLAIN
};

/// What is special about PersistentVolumes.
pub const PERSISTENT_VOLUME: Strategy = Strategy {
    default: |volume| {
        volume_mode(volume);
        if let Some(spec) = volume.get_mut("spec") {
            default(spec, "persistentVolumeReclaimPolicy", "Retain");
            let untyped = |path: &&mut Value| path.is_object() && get(path, "type").is_null();
            if let Some(path) = spec.get_mut("hostPath").filter(untyped) {
                set(path, "type", "");
            }
        }
        pending(volume);
    },
    prepare_create: |volume| {
        let since = get(get(volume, "metadata"), "creationTimestamp").clone();
        set(
            volume,
            "status",
            json!({"phase": "Pending", "lastPhaseTransitionTime": since}),
        );
        protect(volume, "kubernetes.io/pv-protection");
    },
    has_status: true,
    ..Strategy::PLAIN
};

/// What is special about StorageClasses.
pub const STORAGE_CLASS: Strategy = Strategy {
    default: |class| {
        default_absent(class, "reclaimPolicy", "Delete");
        default_absent(class, "volumeBindingMode", "Immediate");
    },
    validate_create: class,
    validate_update: |new, old| {
        let mut errors = class(new);
        for field in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
            if !same(get(new, field), get(old, field)) {
                let detail = "field is immutable";
                errors.push(FieldError::invalid(
                    &FieldPath::new(field),
                    get(new, field).clone(),
                    detail,
                ));
            }
        }
        errors
    },
    ..Strategy::PLAIN
};

fn volume_mode(volume: &mut Value) {
    if let Some(spec) = volume.get_mut("spec").filter(|spec| get(spec, "volumeMode").is_null()) {
        set(spec, "volumeMode", "Filesystem");
    }
}

fn pending(volume: &mut Value) {
    if let Some(status) = volume.get_mut("status").filter(|status| status.is_object()) {
        default(status, "phase", "Pending");
    }
}

/// Admission protects what may be in use.
fn protect(volume: &mut Value, finalizer: &str) {
    let Some(metadata) = volume.get_mut("metadata") else {
        return;
    };
    let mut finalizers = texts(metadata, "finalizers");
    if !finalizers.contains(&finalizer) {
        finalizers.push(finalizer);
        let finalizers = json!(finalizers);
        set(metadata, "finalizers", finalizers);
    }
}

fn claim(claim: &Value) -> Vec<FieldError> {
    const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    let spec = get(claim, "spec");
    let path = FieldPath::new("spec");
    let mut errors = Vec::new();
    if items(spec, "accessModes").is_empty() {
        let detail = "at least 1 access mode is required";
        errors.push(FieldError::required(&path.child("accessModes"), detail));
    }
    errors.extend(label_selector(spec.get("selector"), &path.child("selector")));
    for mode in texts(spec, "accessModes")
        .into_iter()
        .filter(|mode| !MODES.contains(mode))
    {
        errors.push(FieldError::not_supported(&path.child("accessModes"), mode, &MODES));
    }
    let storage = get(get(get(spec, "resources"), "requests"), "storage");
    let storage_path = path.child("resources").key("storage");
    match storage {
        Value::Null => errors.push(FieldError::required(&storage_path, "")),
        quantity if is_not_positive(quantity) => {
            errors.push(FieldError::invalid(
                &storage_path,
                quantity.clone(),
                "must be greater than zero",
            ));
        }
        _ => {}
    }
    let class = text(spec, "storageClassName");
    if !class.is_empty() {
        errors.extend(invalid(&path.child("storageClassName"), class, names::subdomain(class)));
    }
    if let Some(mode) = get(spec, "volumeMode").as_str() {
        errors.extend(one_of(mode, &path.child("volumeMode"), &["Block", "Filesystem"]));
    }
    errors
}

fn is_not_positive(quantity: &Value) -> bool {
    let text = quantity.as_str().unwrap_or_default();
    text.starts_with('-') || !text.bytes().any(|byte| (b'1'..=b'9').contains(&byte))
}

fn class(class: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let (path, provisioner) = (FieldPath::new("provisioner"), text(class, "provisioner"));
    if provisioner.is_empty() {
        errors.push(FieldError::required(&path, ""));
    } else {
        let problems = names::qualified(&provisioner.to_lowercase());
        errors.extend(invalid(&path, provisioner, problems));
    }
    let supported = [
        ("reclaimPolicy", ["Delete", "Retain"]),
        ("volumeBindingMode", ["Immediate", "WaitForFirstConsumer"]),
    ];
    for (field, supported) in supported {
        let value = text(class, field);
        // An empty policy passes, an empty mode does not.
        if !supported.contains(&value) && (field, value) != ("reclaimPolicy", "") {
            errors.push(FieldError::not_supported(&FieldPath::new(field), value, &supported));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::super::values::printed;
    use super::*;

    #[test]
    fn claims_are_refused_as_by_the_real_server() {
        assert_eq!(
            printed(&claim(&json!({"spec": {}}))),
            [
                "spec.accessModes: Required value: at least 1 access mode is required",
                "spec.resources[storage]: Required value",
            ]
        );
        let wrong =
            json!({"spec": {"accessModes": ["Foo"], "resources": {"requests": {"storage": "0"}}, "volumeMode": "x"}});
        assert_eq!(
            printed(&claim(&wrong)),
            [
                "spec.accessModes: Unsupported value: \"Foo\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
                "spec.resources[storage]: Invalid value: \"0\": must be greater than zero",
                "spec.volumeMode: Unsupported value: \"x\": supported values: \"Block\", \"Filesystem\"",
            ]
        );
    }

    #[test]
    fn claims_are_filled_in_and_fixed() {
        let mut claim = json!({"metadata": {"name": "a"}, "spec": {"accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}}});
        (PERSISTENT_VOLUME_CLAIM.default)(&mut claim);
        (PERSISTENT_VOLUME_CLAIM.prepare_create)(&mut claim);
        assert_eq!(claim["spec"]["volumeMode"], "Filesystem");
        assert_eq!(claim["metadata"]["finalizers"], json!(["kubernetes.io/pvc-protection"]));
        let mut grown = claim.clone();
        grown["spec"]["resources"]["requests"]["storage"] = json!("2Gi");
        assert_eq!((PERSISTENT_VOLUME_CLAIM.validate_update)(&grown, &claim).len(), 1);
        claim["status"]["phase"] = json!("Bound");
        assert!((PERSISTENT_VOLUME_CLAIM.validate_update)(&grown, &claim).is_empty());
    }

    #[test]
    fn classes_are_refused_as_by_the_real_server() {
        let wrong = json!({"provisioner": "", "reclaimPolicy": "X", "volumeBindingMode": "Immediate"});
        assert_eq!(
            printed(&class(&wrong)),
            [
                "provisioner: Required value",
                "reclaimPolicy: Unsupported value: \"X\": supported values: \"Delete\", \"Retain\"",
            ]
        );
        let mut old = json!({"provisioner": "a/b"});
        (STORAGE_CLASS.default)(&mut old);
        let mut new = old.clone();
        new["parameters"] = json!({"a": "b"});
        assert_eq!(
            printed(&(STORAGE_CLASS.validate_update)(&new, &old)),
            ["parameters: Invalid value: {\"a\":\"b\"}: field is immutable"]
        );
    }
}
