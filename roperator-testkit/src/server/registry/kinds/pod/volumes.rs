//! What is wrong with the volumes of a pod. Reads only.
//!
//! Of the sources that need a storage vendor's driver within Kubernetes (iscsi, rbd, cephfs, azureDisk, flexVolume and
//! the like) only that there is exactly one source is judged.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::at::{At, Errors};
use super::{check, claim, files, projected, quantity, text};
use crate::server::field::{FieldError, FieldPath};
use crate::server::names;

/// The sources of volumes in the order in which they are judged.
const SOURCES: [&str; 30] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
];

const HOST_PATH_TYPES: [&str; 8] = [
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
];

/// The good volumes of a pod by name.
pub type Volumes<'a> = BTreeMap<&'a str, &'a Value>;

/// What is wrong with a pod's volumes; the good ones can be mounted. `pod` is the name of the pod, if it is one.
pub fn volumes<'a>(errors: &mut Errors, at: &At<'a>, pod: Option<&str>) -> Volumes<'a> {
    let all = at.items();
    let pod = pod.filter(|name| !name.is_empty());
    let created: BTreeSet<String> = all
        .iter()
        .filter(|volume| volume.child("ephemeral").is_set())
        .filter_map(|volume| pod.map(|pod| format!("{pod}-{}", volume.text_of("name"))))
        .collect();
    let mut good = Volumes::new();
    for volume in all {
        let mut wrong = Errors::new();
        source(&mut wrong, &volume, pod);
        let name = volume.child("name");
        check::required_text(&mut wrong, &name, names::label);
        if good.contains_key(name.text()) {
            wrong.push(FieldError::duplicate(&name.path, name.text()));
        }
        if wrong.is_empty() {
            good.insert(name.text(), volume.value);
        }
        errors.append(&mut wrong);
        let claim = volume.child("persistentVolumeClaim").child("claimName");
        if created.contains(claim.text()) {
            let detail = "must not reference a PVC that gets created for an ephemeral volume";
            errors.push(FieldError::invalid(&claim.path, claim.text(), detail));
        }
    }
    good
}

fn source(errors: &mut Errors, volume: &At<'_>, pod: Option<&str>) {
    let mut sources = 0;
    for name in SOURCES {
        let Some(source) = volume.child(name).set() else {
            continue;
        };
        sources += 1;
        if sources == 1 {
            one_source(errors, volume, name, &source, pod);
        } else {
            // The real server's own spelling.
            let shown = match name {
                "downwardAPI" => "downwarAPI",
                "cephfs" => "cephFS",
                other => other,
            };
            let detail = "may not specify more than 1 volume type";
            errors.push(FieldError::forbidden(&volume.path.child(shown), detail));
        }
    }
    if sources == 0 {
        errors.push(FieldError::required(&volume.path, "must specify a volume type"));
    }
}

fn one_source(errors: &mut Errors, volume: &At<'_>, name: &str, source: &At<'_>, pod: Option<&str>) {
    match name {
        "emptyDir" => {
            let limit = source.child("sizeLimit");
            if quantity::parse(limit.text()).is_some_and(|limit| limit < 0) {
                let detail = "SizeLimit field must be a valid resource quantity";
                errors.push(FieldError::forbidden(&limit.path, detail));
            }
        }
        "hostPath" => host_path(errors, source),
        "gitRepo" => {
            check::required(errors, &source.child("repository"));
            check::text(errors, &source.child("directory"), text::descending_path);
        }
        "secret" => {
            check::required(errors, &source.child("secretName"));
            files::of_keys(errors, source);
        }
        "configMap" => {
            check::required(errors, &source.child("name"));
            files::of_keys(errors, source);
        }
        "nfs" => {
            check::required(errors, &source.child("server"));
            let path = source.child("path");
            check::required(errors, &path);
            if !path.text().starts_with('/') {
                errors.push(FieldError::invalid(&path.path, path.text(), "must be an absolute path"));
            }
        }
        "persistentVolumeClaim" => check::required(errors, &source.child("claimName")),
        "downwardAPI" => {
            files::mode(errors, &source.child("defaultMode"));
            for file in source.child("items").items() {
                files::downward(errors, &file.shown_at(source.path.clone()));
            }
        }
        "projected" => projected::source(errors, source),
        "csi" => csi(errors, source),
        "ephemeral" => ephemeral(errors, volume, source, pod),
        "image" => {
            if pod.is_some() {
                check::required(errors, &source.child("reference"));
            }
            check::one_of(
                errors,
                &source.child("pullPolicy"),
                &["Always", "IfNotPresent", "Never"],
            );
        }
        _ => {}
    }
}

fn host_path(errors: &mut Errors, source: &At<'_>) {
    let path = source.child("path");
    if path.text().is_empty() {
        errors.push(FieldError::required(&path.path, ""));
        return;
    }
    check::text(errors, &path, text::no_backsteps);
    check::known(errors, &source.child("type"), &HOST_PATH_TYPES);
}

fn csi(errors: &mut Errors, source: &At<'_>) {
    let driver = source.child("driver");
    if driver.text().is_empty() {
        errors.push(FieldError::required(&driver.path, ""));
    } else {
        if driver.text().len() > 63 {
            errors.push(FieldError::too_long(&driver.path, 63));
        }
        let problems = names::subdomain(&driver.text().to_lowercase());
        check::problems(errors, &driver.path, driver.text(), problems);
    }
    if let Some(secret) = source.child("nodePublishSecretRef").set() {
        let name = secret.child("name");
        if name.text().is_empty() {
            errors.push(FieldError::required(&name.path, ""));
        } else {
            check::text(errors, &name.shown_at(source.path.child("name")), names::subdomain);
        }
    }
}

fn ephemeral(errors: &mut Errors, volume: &At<'_>, source: &At<'_>, pod: Option<&str>) {
    let template = source.child("volumeClaimTemplate");
    if template.is_set() {
        claim::template(errors, &template);
    } else {
        errors.push(FieldError::required(&template.path, ""));
    }
    if let Some(pod) = pod {
        let name = volume.child("name");
        let claim = format!("{pod}-{}", name.text());
        for problem in names::subdomain(&claim) {
            let detail = format!("PVC name {}: {problem}", crate::server::field::quote(&claim));
            errors.push(FieldError::invalid(&name.path, name.text(), detail));
        }
    }
}

/// A token of a service account in a volume needs an account.
pub fn tokens_need_account(errors: &mut Errors, spec: &At<'_>) {
    if !spec.text_of("serviceAccountName").is_empty() {
        return;
    }
    for volume in spec.child("volumes").items() {
        for source in volume.child("projected").child("sources").items() {
            if let Some(token) = source.child("serviceAccountToken").set() {
                let detail = "must not be specified when serviceAccountName is not set";
                errors.push(FieldError::forbidden(&token.path, detail));
            }
        }
    }
}

/// Whether a volume is a claim, which alone can be a block device.
#[must_use]
pub fn is_claim(volume: &Value) -> bool {
    let has = |name: &str| volume.get(name).is_some_and(|source| !source.is_null());
    has("persistentVolumeClaim") || has("ephemeral")
}

/// Variables from files need an `emptyDir` to hold them.
pub fn files_need_empty_dir(errors: &mut Errors, spec: &At<'_>) {
    let volumes = spec.child("volumes").items();
    for list in super::defaults::CONTAINER_LISTS {
        for container in spec.child(list).items() {
            for variable in container.child("env").items() {
                let Some(reference) = variable.child("valueFrom").child("fileKeyRef").set() else {
                    continue;
                };
                let name = reference.child("volumeName");
                let volume = volumes.iter().rfind(|volume| volume.text_of("name") == name.text());
                file_volume(errors, &name.path, name.text(), volume);
            }
        }
    }
}

fn file_volume(errors: &mut Errors, path: &FieldPath, name: &str, volume: Option<&At<'_>>) {
    match volume {
        None => errors.push(FieldError::not_found(path, name)),
        Some(volume) if !volume.child("emptyDir").is_set() => {
            let detail = "referenced volume must be of type emptyDir";
            errors.push(FieldError::invalid(path, name, detail));
        }
        Some(_) => {}
    }
}
