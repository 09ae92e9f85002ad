//! What is wrong with an object's `metadata`: objects in, field errors out, with the real server's paths, words and order
//! (maps by key, where the real server's order is random). It never changes objects and takes names as generated.
//!
//! `managedFields` are not looked at: the server writes them itself.

use std::collections::BTreeSet;

use serde_json::Value;

use super::shown;
use crate::server::field::{FieldError, FieldPath, Problem, quote};
use crate::server::names;
use crate::server::selector::validate;

/// What a kind demands of its objects' metadata.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Whether the kind's objects are in namespaces.
    pub namespaced: bool,
    /// What is wrong with a name.
    pub validate_name: fn(&str) -> Vec<String>,
    /// Whether finalizers must be standard or fully qualified: so for most built-in kinds, but not for custom ones.
    pub qualified_finalizers: bool,
    /// Whether an update is judged as a creation once more, so that the same causes are listed again. The real server lists
    /// some of them after those of the kind.
    pub revalidates: bool,
    /// Whether the kind does not judge metadata itself: what it says against an object to create is then said alone, and
    /// an update's metadata is judged but once.
    pub last: bool,
}

impl Rules {
    /// What a built-in kind demands.
    #[must_use]
    pub fn built_in(group: &str, resource: &str, namespaced: bool, validate_name: fn(&str) -> Vec<String>) -> Self {
        Self {
            namespaced,
            validate_name,
            qualified_finalizers: !PLAIN_FINALIZERS.contains(&group) && !LAST.contains(&(group, resource)),
            revalidates: REVALIDATED.contains(&(group, resource)),
            last: LAST.contains(&(group, resource)),
        }
    }

    /// What a custom kind demands.
    #[must_use]
    pub const fn custom(namespaced: bool) -> Self {
        Self {
            namespaced,
            validate_name: names::subdomain,
            qualified_finalizers: false,
            revalidates: false,
            last: false,
        }
    }
}

/// Groups whose objects' finalizers need not be qualified.
const PLAIN_FINALIZERS: [&str; 5] = [
    "coordination.k8s.io",
    "admissionregistration.k8s.io",
    "node.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
];

/// Kinds whose updates are judged as creations too.
const REVALIDATED: [(&str, &str); 12] = [
    ("", "configmaps"),
    ("", "secrets"),
    ("", "serviceaccounts"),
    ("", "namespaces"),
    ("", "persistentvolumes"),
    ("", "persistentvolumeclaims"),
    ("networking.k8s.io", "ingresses"),
    ("storage.k8s.io", "storageclasses"),
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
];

/// Kinds that judge themselves before their metadata.
const LAST: [(&str, &str); 2] = [("", "events"), ("policy", "poddisruptionbudgets")];

const MOST_ANNOTATION_BYTES: usize = 256 * 1024;
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// What is wrong with an object to create: with its metadata, and what its kind says against it.
#[must_use]
pub fn validate_create(object: &Value, rules: &Rules, of_kind: Vec<FieldError>) -> Vec<FieldError> {
    if rules.last && !of_kind.is_empty() {
        return of_kind;
    }
    let mut errors = created(object, rules);
    errors.extend(of_kind);
    errors
}

/// What is wrong with an update: with its metadata, and what its kind says against it. As in the real server, most of the
/// metadata's errors are said several times: an answer's message says them once, its causes repeat them.
#[must_use]
pub fn validate_update(new: &Value, old: &Value, rules: &Rules, of_kind: Vec<FieldError>) -> Vec<FieldError> {
    let mut errors = common(new, rules.namespaced, names::path_segment);
    errors.extend(changes(new, old));
    if !rules.last {
        errors.extend(changes(new, old));
    }
    errors.extend(qualified_finalizers(new, rules));
    if rules.revalidates {
        errors.extend(created(new, rules));
    }
    errors.extend(of_kind);
    errors
}

fn created(object: &Value, rules: &Rules) -> Vec<FieldError> {
    let mut errors = common(object, rules.namespaced, rules.validate_name);
    errors.extend(qualified_finalizers(object, rules));
    errors
}

fn path() -> FieldPath {
    FieldPath::new("metadata")
}

fn field<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get("metadata")?.get(name).filter(|value| !value.is_null())
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    field(object, name).and_then(Value::as_str).unwrap_or_default()
}

fn number(object: &Value, name: &str) -> i64 {
    field(object, name).and_then(Value::as_i64).unwrap_or_default()
}

fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    field(object, name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    list(object, "finalizers")
        .iter()
        .map(|finalizer| finalizer.as_str().unwrap_or_default())
}

fn invalid(path: &FieldPath, value: &str, problems: Vec<String>) -> impl Iterator<Item = FieldError> {
    problems
        .into_iter()
        .map(move |problem| FieldError::invalid(path, value, problem))
}

/// What every object is asked, when it is created and when it is updated.
fn common(object: &Value, namespaced: bool, validate_name: fn(&str) -> Vec<String>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let prefix = text(object, "generateName");
    if !prefix.is_empty() {
        let problems = validate_name(&with_suffix(prefix));
        errors.extend(invalid(&path().child("generateName"), prefix, problems));
    }
    let (name_path, name) = (path().child("name"), text(object, "name"));
    if name.is_empty() {
        errors.push(FieldError::required(&name_path, "name or generateName is required"));
    } else {
        errors.extend(invalid(&name_path, name, validate_name(name)));
    }
    let (namespace_path, namespace) = (path().child("namespace"), text(object, "namespace"));
    match (namespaced, namespace) {
        (true, "") => errors.push(FieldError::required(&namespace_path, "")),
        (true, _) => errors.extend(invalid(&namespace_path, namespace, names::label(namespace))),
        (false, "") => {}
        (false, _) => errors.push(FieldError::forbidden(&namespace_path, "not allowed on this type")),
    }
    let generation = number(object, "generation");
    if generation < 0 {
        let detail = "must be greater than or equal to 0";
        errors.push(FieldError::invalid(&path().child("generation"), generation, detail));
    }
    errors.extend(maps(object));
    errors.extend(owner_references(object));
    errors.extend(finalizer_names(object));
    errors
}

/// A prefix of names as it is judged: a trailing dash, and oddly the character before it, become a letter.
fn with_suffix(prefix: &str) -> String {
    match prefix.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => {
            let mut characters = rest.chars();
            characters.next_back();
            format!("{}a", characters.as_str())
        }
        _ => prefix.to_owned(),
    }
}

fn maps(object: &Value) -> Vec<FieldError> {
    let mut errors = validate::labels(field(object, "labels"), &path().child("labels"));
    let annotations_path = path().child("annotations");
    let mut size = 0;
    for (key, value) in field(object, "annotations")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        size += key.len() + value.as_str().map_or(0, str::len);
        errors.extend(invalid(&annotations_path, key, names::qualified(&key.to_lowercase())));
    }
    if size > MOST_ANNOTATION_BYTES {
        errors.push(FieldError::too_long(&annotations_path, MOST_ANNOTATION_BYTES));
    }
    errors
}

fn owner_references(object: &Value) -> Vec<FieldError> {
    let references_path = path().child("ownerReferences");
    let mut errors = Vec::new();
    let mut controller: Option<String> = None;
    for reference in list(object, "ownerReferences") {
        let text = |name: &str| reference.get(name).and_then(Value::as_str).unwrap_or_default();
        errors.extend(owner_reference(reference, &references_path));
        if reference.get("controller") == Some(&Value::Bool(true)) {
            let current = format!("{}/{}", text("kind"), text("name"));
            if let Some(first) = &controller {
                let detail = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {current}"
                );
                let all = shown::list(list(object, "ownerReferences").iter().map(shown_owner));
                errors.push(shown::error(&references_path, Problem::Invalid, &all, &detail));
            } else {
                controller = Some(current);
            }
        }
    }
    errors
}

fn shown_owner(reference: &Value) -> String {
    let order = ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];
    shown::object(reference, &order)
}

fn owner_reference(reference: &Value, path: &FieldPath) -> Vec<FieldError> {
    let text = |name: &str| reference.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut errors = Vec::new();
    let api_version = text("apiVersion");
    if api_version.is_empty() || api_version == "/" || api_version.matches('/').count() > 1 {
        let detail = "version must not be empty";
        errors.push(FieldError::invalid(&path.child("apiVersion"), api_version, detail));
    }
    for name in ["kind", "name", "uid"] {
        if text(name).is_empty() {
            errors.push(FieldError::invalid(&path.child(name), "", "must not be empty"));
        }
    }
    if (api_version, text("kind")) == ("v1", "Event") {
        let detail = "/v1, Kind=Event is disallowed from being an owner";
        errors.push(shown::error(path, Problem::Invalid, &shown_owner(reference), detail));
    }
    errors
}

fn finalizer_names(object: &Value) -> Vec<FieldError> {
    let finalizers_path = path().child("finalizers");
    let mut errors = Vec::new();
    for finalizer in finalizers(object) {
        errors.extend(invalid(&finalizers_path, finalizer, names::qualified(finalizer)));
    }
    let has = |name: &str| finalizers(object).any(|finalizer| finalizer == name);
    if has("orphan") && has("foregroundDeletion") {
        let all = field(object, "finalizers").cloned().unwrap_or_default();
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid(&finalizers_path, all, detail));
    }
    errors
}

fn qualified_finalizers(object: &Value, rules: &Rules) -> Vec<FieldError> {
    if !rules.qualified_finalizers {
        return Vec::new();
    }
    let plain = |finalizer: &str| !finalizer.contains('/') && !STANDARD_FINALIZERS.contains(&finalizer);
    finalizers(object)
        .enumerate()
        .filter(|(_, finalizer)| plain(finalizer))
        .map(|(index, finalizer)| {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            FieldError::invalid(&path().child("finalizers").index(index), finalizer, detail)
        })
        .collect()
}

/// What an update may not do.
fn changes(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if field(old, "deletionTimestamp").is_some() {
        let known: BTreeSet<&str> = finalizers(old).collect();
        let added: BTreeSet<&str> = finalizers(new).filter(|finalizer| !known.contains(finalizer)).collect();
        if !added.is_empty() {
            let added: Vec<String> = added.into_iter().map(quote).collect();
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                added.join(", ")
            );
            errors.push(FieldError::forbidden(&path().child("finalizers"), detail));
        }
    }
    if text(new, "resourceVersion").is_empty() {
        let detail = "must be specified for an update";
        errors.push(FieldError::invalid(&path().child("resourceVersion"), "", detail));
    }
    let generation = number(new, "generation");
    if generation < number(old, "generation") {
        let detail = "must not be decremented";
        errors.push(FieldError::invalid(&path().child("generation"), generation, detail));
    }
    for name in ["name", "namespace", "uid"] {
        if text(new, name) != text(old, name) {
            errors.push(FieldError::invalid(
                &path().child(name),
                text(new, name),
                "field is immutable",
            ));
        }
    }
    for name in ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let (value, before) = (field(new, name), field(old, name));
        if value != before {
            let shown = value.cloned().unwrap_or_default();
            errors.push(FieldError::invalid(&path().child(name), shown, "field is immutable"));
        }
    }
    errors.extend(maps(new));
    errors.extend(owner_references(new));
    errors
}

#[cfg(test)]
mod tests;
