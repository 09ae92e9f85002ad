//! What is wrong with the environment of a container, and with references to fields and resources of a pod, which
//! volumes have too. Reads only.

use super::at::{At, Errors};
use super::{check, quantity, text};
use crate::server::field::FieldError;
use crate::server::names;

const ENV_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// The fields of a pod that volumes can hold.
pub const VOLUME_FIELDS: [&str; 5] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

/// The fields of a pod that can be named at all, though not everywhere.
const NAMEABLE: [&str; 14] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// What is wrong with a container's list of variables.
pub fn variables(errors: &mut Errors, env: &At<'_>) {
    for variable in env.items() {
        check::required_text(errors, &variable.child("name"), text::env_name);
        if let Some(from) = variable.child("valueFrom").set() {
            value_from(errors, &variable, &from);
        }
    }
}

fn value_from(errors: &mut Errors, variable: &At<'_>, from: &At<'_>) {
    let mut sources = 0;
    if let Some(field) = from.child("fieldRef").set() {
        sources += 1;
        field_ref(errors, &field, &ENV_FIELDS);
    }
    if let Some(resource) = from.child("resourceFieldRef").set() {
        sources += 1;
        resource_ref(errors, &resource, false);
    }
    for name in ["configMapKeyRef", "secretKeyRef"] {
        if let Some(key) = from.child(name).set() {
            sources += 1;
            check::text(errors, &key.child("name"), names::subdomain);
            check::required_text(errors, &key.child("key"), text::config_key);
        }
    }
    if let Some(file) = from.child("fileKeyRef").set() {
        sources += 1;
        check::required_text(errors, &file.child("key"), text::env_name);
        check::required_text(errors, &file.child("volumeName"), names::label);
        check::required_text(errors, &file.child("path"), text::no_backsteps);
    }
    let problem = if sources == 0 {
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
    } else if !variable.text_of("value").is_empty() {
        "may not be specified when `value` is not empty"
    } else if sources > 1 {
        "may not have more than one field specified at a time"
    } else {
        return;
    };
    errors.push(FieldError::invalid(&from.path, "", problem));
}

/// What is wrong with a container's list of config maps and secrets whose keys become variables.
pub fn variables_from(errors: &mut Errors, from: &At<'_>) {
    for source in from.items() {
        let prefix = source.child("prefix");
        if !prefix.text().is_empty() {
            check::text(errors, &prefix, text::env_name);
        }
        let mut sources = 0;
        for name in ["configMapRef", "secretRef"] {
            if let Some(reference) = source.child(name).set() {
                sources += 1;
                check::required_text(errors, &reference.child("name"), names::subdomain);
            }
        }
        let problem = match sources {
            0 => "must specify one of: `configMapRef` or `secretRef`",
            1 => continue,
            _ => "may not have more than one field specified at a time",
        };
        errors.push(FieldError::invalid(&from.path, "", problem));
    }
}

/// What is wrong with a reference to a field of the pod, which must be one of these.
pub fn field_ref(errors: &mut Errors, at: &At<'_>, fields: &[&str]) {
    for name in ["apiVersion", "fieldPath"] {
        if at.text_of(name).is_empty() {
            errors.push(FieldError::required(&at.child(name).path, ""));
            return;
        }
    }
    let path = at.child("fieldPath");
    let named = path.text();
    let subscripted = named
        .strip_suffix("']")
        .and_then(|rest| rest.split_once("['"))
        .filter(|(field, _)| !field.is_empty());
    let unconverted = match (at.text_of("apiVersion"), subscripted) {
        ("v1", Some(("metadata.annotations" | "metadata.labels", _))) => None,
        ("v1", Some(_)) => Some(format!("field label does not support subscript: {named}")),
        ("v1", None) if NAMEABLE.contains(&named) || named == "spec.host" => None,
        ("v1", None) => Some(format!("field label not supported: {named}")),
        (version, _) => Some(format!("unsupported pod version: {version}")),
    };
    if let Some(problem) = unconverted {
        let detail = format!("error converting fieldPath: {problem}");
        errors.push(FieldError::invalid(&path.path, named, detail));
        return;
    }
    let field = if named == "spec.host" { "spec.nodeName" } else { named };
    match subscripted {
        Some(("metadata.annotations", key)) => {
            let key = key.to_lowercase();
            check::problems(errors, &at.path, key.as_str(), names::qualified(&key));
        }
        Some((_, key)) => check::problems(errors, &at.path, key, names::qualified(key)),
        None if !fields.contains(&field) => errors.push(FieldError::not_supported(&path.path, field, fields)),
        None => {}
    }
}

/// What is wrong with a reference to a resource of a container; volumes must name the container.
pub fn resource_ref(errors: &mut Errors, at: &At<'_>, in_volume: bool) {
    let resource = at.child("resource");
    let name = resource.text();
    let is_huge = ["requests.hugepages-", "limits.hugepages-"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    if in_volume && at.text_of("containerName").is_empty() {
        errors.push(FieldError::required(&at.child("containerName").path, ""));
    } else if name.is_empty() {
        errors.push(FieldError::required(&resource.path, ""));
    } else if !RESOURCES.contains(&name) && !is_huge {
        errors.push(FieldError::not_supported(&resource.path, name, &RESOURCES));
    }
    divisor(errors, at, name, is_huge);
}

fn divisor(errors: &mut Errors, at: &At<'_>, resource: &str, is_huge: bool) {
    const SIZES: [&str; 13] = [
        "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
    ];
    let divisor = at.child("divisor");
    if quantity::parse(divisor.text()).is_none_or(|value| value == 0) {
        return;
    }
    let (possible, of): (&[&str], &str) = match resource.split_once('.') {
        Some(("limits" | "requests", "cpu")) => (&["1m", "1"], "cpu"),
        Some(("limits" | "requests", "memory")) => (&SIZES, "memory"),
        Some(("limits" | "requests", "ephemeral-storage")) => (&SIZES, "local ephemeral storage"),
        _ if is_huge => (&SIZES, "hugepages"),
        _ => return,
    };
    if possible.contains(&divisor.text()) {
        return;
    }
    let listed = if of == "cpu" {
        "1m and 1".to_owned()
    } else {
        possible.join(", ")
    };
    let detail = format!("only divisor's values {listed} are supported with the {of} resource");
    errors.push(FieldError::invalid(&divisor.path, resource, detail));
}
