//! What is wrong with the specification of a claim for storage, which stateful sets and ephemeral volumes have. Reads
//! only.

use std::cmp::Ordering;

use super::at::{At, Errors};
use super::{check, labels, quantity};
use crate::server::field::FieldError;
use crate::server::names;

const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// What is wrong with the template of an ephemeral volume's claim: its metadata may only have labels and annotations.
pub fn template(errors: &mut Errors, at: &At<'_>) {
    let metadata = at.child("metadata");
    labels::annotations(errors, &metadata.child("annotations"));
    labels::labels(errors, &metadata.child("labels"));
    let of_metadata = [
        "name",
        "generateName",
        "namespace",
        "selfLink",
        "uID",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "ownerReferences",
        "finalizers",
        "managedFields",
    ];
    for name in of_metadata {
        let field = if name == "uID" { "uid" } else { name };
        if metadata.child(field).is_set() {
            errors.push(FieldError::forbidden(&metadata.path.child(name), "cannot be set"));
        }
    }
    spec(errors, &at.child("spec"));
}

/// What is wrong with the specification of a claim.
pub fn spec(errors: &mut Errors, at: &At<'_>) {
    access_modes(errors, at);
    storage(errors, at);
    let class = at.child("storageClassName");
    if !class.text().is_empty() {
        check::text(errors, &class, names::subdomain);
    }
    let mode = at.child("volumeMode");
    if mode.is_set() {
        check::known(errors, &mode, &["Block", "Filesystem"]);
    }
    for name in ["dataSource", "dataSourceRef"] {
        if let Some(source) = at.child(name).set() {
            data_source(errors, &source);
        }
    }
    let attributes = at.child("volumeAttributesClassName");
    if !attributes.text().is_empty() {
        check::text(errors, &attributes, names::subdomain);
    }
}

fn access_modes(errors: &mut Errors, at: &At<'_>) {
    let modes = at.child("accessModes");
    let given = modes.items();
    if given.is_empty() {
        let detail = "at least 1 access mode is required";
        errors.push(FieldError::required(&modes.path, detail));
    }
    if let Some(selector) = at.child("selector").set() {
        labels::selector(errors, &selector);
    }
    for mode in &given {
        check::known(errors, &mode.shown_at(modes.path.clone()), &MODES);
    }
    let of_one_pod = |mode: &At<'_>| mode.text() == "ReadWriteOncePod";
    let of_others = |mode: &At<'_>| !of_one_pod(mode) && MODES.contains(&mode.text());
    if given.iter().any(of_one_pod) && given.iter().any(of_others) {
        let detail = "may not use ReadWriteOncePod with other access modes";
        errors.push(FieldError::forbidden(&modes.path, detail));
    }
}

fn storage(errors: &mut Errors, at: &At<'_>) {
    let resources = at.child("resources");
    let path = resources.path.key("storage");
    let storage = resources.child("requests").child("storage");
    if !storage.is_set() {
        errors.push(FieldError::required(&path, ""));
    } else if quantity::compare(storage.text(), "0") != Ordering::Greater {
        errors.push(FieldError::invalid(&path, storage.text(), "must be greater than zero"));
    } else if !quantity::is_whole(storage.text()) {
        errors.push(FieldError::invalid(&path, storage.text(), "must be an integer"));
    }
}

fn data_source(errors: &mut Errors, at: &At<'_>) {
    check::required(errors, &at.child("name"));
    check::required(errors, &at.child("kind"));
    let group = at.child("apiGroup");
    let kind = at.text_of("kind");
    if group.text().is_empty() && kind != "PersistentVolumeClaim" {
        let detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
        errors.push(FieldError::invalid(&at.path, kind, detail));
    }
    if !group.text().is_empty() {
        check::text(errors, &group, names::subdomain);
    }
    let namespace = at.child("namespace");
    if !namespace.text().is_empty() {
        check::text(errors, &namespace, names::label);
    }
}
