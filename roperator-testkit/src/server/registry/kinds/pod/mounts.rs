//! What is wrong with the volume mounts and the block devices of a container. Reads only.

use std::collections::BTreeSet;

use super::at::{At, Errors};
use super::volumes::{self, Volumes};
use super::{check, text};
use crate::server::field::FieldError;

/// What is wrong with a container's mounts and devices, of these volumes.
pub fn mounts_and_devices(errors: &mut Errors, container: &At<'_>, volumes: &Volumes<'_>) {
    let mounts = container.child("volumeMounts");
    let devices = container.child("volumeDevices");
    let privileged = container.child("securityContext").is_true("privileged");
    self::mounts(errors, &mounts, &devices, volumes, privileged);
    self::devices(errors, &devices, &mounts, volumes);
}

fn mounts(errors: &mut Errors, mounts: &At<'_>, devices: &At<'_>, volumes: &Volumes<'_>, privileged: bool) {
    let devices = devices.items();
    let mut paths = BTreeSet::new();
    for mount in mounts.items() {
        let name = mount.child("name");
        let path = mount.child("mountPath");
        check::required(errors, &name);
        if !volumes.contains_key(name.text()) {
            errors.push(FieldError::not_found(&name.path, name.text()));
        }
        check::required(errors, &path);
        if !paths.insert(path.text()) {
            errors.push(FieldError::invalid(&path.path, path.text(), "must be unique"));
        }
        if devices.iter().any(|device| device.text_of("name") == name.text()) {
            let detail = "must not already exist in volumeDevices";
            errors.push(FieldError::invalid(&name.path, name.text(), detail));
        }
        if devices.iter().any(|device| device.text_of("devicePath") == path.text()) {
            let detail = "must not already exist as a path in volumeDevices";
            errors.push(FieldError::invalid(&path.path, path.text(), detail));
        }
        sub_path(errors, mounts, &mount);
        propagation(errors, mounts, &mount, privileged);
        read_only(errors, mounts, &mount);
    }
}

/// The paths of these errors have no index in the real server.
fn sub_path(errors: &mut Errors, mounts: &At<'_>, mount: &At<'_>) {
    let plain = mount.text_of("subPath");
    if !plain.is_empty() {
        let path = mounts.path.child("subPath");
        check::problems(errors, &path, plain, text::descending_path(plain));
    }
    let expression = mount.child("subPathExpr");
    if !expression.text().is_empty() {
        if !plain.is_empty() {
            let detail = "subPathExpr and subPath are mutually exclusive";
            errors.push(FieldError::invalid(&expression.path, expression.text(), detail));
        }
        let path = mounts.path.child("subPathExpr");
        check::problems(
            errors,
            &path,
            expression.text(),
            text::descending_path(expression.text()),
        );
    }
}

fn propagation(errors: &mut Errors, mounts: &At<'_>, mount: &At<'_>, privileged: bool) {
    let propagation = mount.child("mountPropagation");
    if !propagation.is_set() {
        return;
    }
    let propagation = propagation.shown_at(mounts.path.child("mountPropagation"));
    check::known(errors, &propagation, &["Bidirectional", "HostToContainer", "None"]);
    if propagation.text() == "Bidirectional" && !privileged {
        let detail = "Bidirectional mount propagation is available only to privileged containers";
        errors.push(FieldError::forbidden(&propagation.path, detail));
    }
}

fn read_only(errors: &mut Errors, mounts: &At<'_>, mount: &At<'_>) {
    let recursive = mount.child("recursiveReadOnly");
    if !recursive.is_set() {
        return;
    }
    let recursive = recursive.shown_at(mounts.path.child("recursiveReadOnly"));
    match recursive.text() {
        "Disabled" => {}
        "Enabled" | "IfPossible" => {
            if !mount.is_true("readOnly") {
                let detail = "may only be specified when readOnly is true";
                errors.push(FieldError::forbidden(&recursive.path, detail));
            }
            if !matches!(mount.text_of("mountPropagation"), "" | "None") {
                let detail = "may only be specified when mountPropagation is None or not specified";
                errors.push(FieldError::forbidden(&recursive.path, detail));
            }
        }
        _ => check::known(errors, &recursive, &["Disabled", "Enabled", "IfPossible"]),
    }
}

fn devices(errors: &mut Errors, devices: &At<'_>, mounts: &At<'_>, volumes: &Volumes<'_>) {
    let mounts = mounts.items();
    let mut known_names = BTreeSet::new();
    let mut known_paths = BTreeSet::new();
    for device in devices.items() {
        let name = device.child("name");
        let path = device.child("devicePath");
        let invalid = |at: &At<'_>, detail: &str| FieldError::invalid(&at.path, at.text(), detail);
        check::required(errors, &name);
        if known_names.contains(name.text()) {
            errors.push(invalid(&name, "must be unique"));
        }
        match volumes.get(name.text()) {
            Some(volume) if !volumes::is_claim(volume) => errors.push(invalid(
                &name,
                "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
            )),
            Some(_) => {}
            None => errors.push(FieldError::not_found(&name.path, name.text())),
        }
        check::required(errors, &path);
        if known_paths.contains(path.text()) {
            errors.push(invalid(&path, "must be unique"));
        }
        if text::no_backsteps(path.text()).is_empty() {
            known_paths.insert(path.text());
        } else {
            errors.push(invalid(&path, "can not contain backsteps ('..')"));
        }
        if mounts.iter().any(|mount| mount.text_of("name") == name.text()) {
            errors.push(invalid(&name, "must not already exist in volumeMounts"));
        }
        if mounts.iter().any(|mount| mount.text_of("mountPath") == path.text()) {
            errors.push(invalid(&path, "must not already exist as a path in volumeMounts"));
        }
        if !name.text().is_empty() {
            known_names.insert(name.text());
        }
    }
}
