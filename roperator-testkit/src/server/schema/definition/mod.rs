//! CustomResourceDefinitions as objects: a definition as `apiextensions.k8s.io/v1` JSON, and on updates its old state, in;
//! the definition with its defaults, or errors in the server's order and words, out. What is wrong with a definition's
//! metadata other than that its name does not fit is judged elsewhere.
//!
//! Left out: errors that show a whole schema as Go's types
//! print it show none; defaults inside the metadata of embedded resources are not judged; and a definition that was stored
//! by an older server with a looser schema gets no mercy.

mod address;
mod approval;
mod condition;
mod conversion;
mod costs;
mod defaults;
mod merging;
mod names;
mod normal;
mod root;
mod schemas;
mod serving;
mod spec;
mod structure;
mod written;

use serde_json::{Map, Value, json};

use crate::server::field::{FieldError, FieldPath};

pub use condition::Condition;
pub use names::{accept_names, establish};

/// Fills in what the server fills in whenever it reads a definition, and drops what is empty.
pub fn default(definition: &mut Value) {
    let storage = storage_version(definition);
    definition.get_mut("spec").into_iter().for_each(normal::normalize);
    if let Some(spec) = definition.get_mut("spec").and_then(Value::as_object_mut) {
        if let Some(names) = spec.entry("names").or_insert_with(|| json!({})).as_object_mut() {
            let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
            let absent = |value: Option<&Value>| value.and_then(Value::as_str).is_none_or(str::is_empty);
            if absent(names.get("singular")) && !kind.is_empty() {
                names.insert("singular".to_owned(), kind.to_lowercase().into());
            }
            if absent(names.get("listKind")) && !kind.is_empty() {
                names.insert("listKind".to_owned(), format!("{kind}List").into());
            }
        }
        if spec.get("conversion").is_none_or(Value::is_null) {
            spec.insert("conversion".to_owned(), json!({"strategy": "None"}));
        }
        let service = spec
            .get_mut("conversion")
            .and_then(|conversion| conversion.pointer_mut("/webhook/clientConfig/service"));
        if let Some(service) = service.and_then(Value::as_object_mut) {
            service.entry("port").or_insert_with(|| 443.into());
        }
    }
    let stored = definition.pointer("/status/storedVersions").and_then(Value::as_array);
    if let (Some(storage), true) = (storage, stored.is_none_or(Vec::is_empty))
        && let Some(status) = status(definition)
    {
        status.insert("storedVersions".to_owned(), json!([storage]));
    }
}

/// Before a creation: the status is the server's.
pub fn prepare_create(definition: &mut Value) {
    let stored: Vec<String> = storage_version(definition).into_iter().collect();
    let fresh = json!({
        "conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored,
    });
    if let Some(map) = definition.as_object_mut() {
        map.insert("status".to_owned(), fresh);
    }
}

/// Before an update: the status is the old one, and knows of a new storage version.
pub fn prepare_update(new: &mut Value, old: &Value) {
    if let Some(map) = new.as_object_mut() {
        map.insert(
            "status".to_owned(),
            old.get("status").cloned().unwrap_or_else(|| json!({})),
        );
    }
    let storage = storage_version(new);
    let stored = status(new).map(|status| status.entry("storedVersions").or_insert_with(|| json!([])));
    if let (Some(storage), Some(Value::Array(stored))) = (storage, stored)
        && stored.iter().all(|version| *version != *storage)
    {
        stored.push(storage.into());
    }
}

/// What is wrong with a definition to create.
#[must_use]
pub fn validate_create(definition: &Value) -> Vec<FieldError> {
    let mut found = Vec::new();
    let path = FieldPath::new("metadata.name");
    let text = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let wanted = format!("{}.{}", text("/spec/names/plural"), text("/spec/group"));
    if text("/metadata/name") != wanted {
        let why = "must be spec.names.plural+\".\"+spec.group";
        found.push(FieldError::invalid(&path, text("/metadata/name"), why));
    }
    found.extend(validate(definition, None));
    found
}

/// What is wrong with an update.
#[must_use]
pub fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    validate(new, Some(old))
}

/// What is wrong with an update of the status.
#[must_use]
pub fn validate_status(new: &Value) -> Vec<FieldError> {
    let accepted = new.pointer("/status/acceptedNames").unwrap_or(&Value::Null);
    spec::validate_names(accepted, &FieldPath::new("status.acceptedNames"))
}

/// The formats in a definition's schemas that the server does not know: it warns of those that are new.
#[must_use]
pub fn unrecognized_formats(definition: &Value) -> Vec<String> {
    let schemas = versions(definition)
        .iter()
        .filter_map(|version| version.pointer("/schema/openAPIV3Schema"));
    let mut found = Vec::new();
    let mut distinct: Vec<&Value> = Vec::new();
    for schema in schemas {
        if !distinct.contains(&schema) {
            distinct.push(schema);
            schemas::unrecognized_formats(schema, &mut found);
        }
    }
    found
}

fn validate(definition: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut found = spec::validate(definition, old);
    if let Some(old) = old {
        found.extend(immutable(definition, old));
    }
    found.extend(validate_status(definition));
    found.extend(stored_versions(definition));
    found.extend(approval::validate(definition, old));
    let preserves = |definition: &Value| definition.pointer("/spec/preserveUnknownFields") == Some(&Value::Bool(true));
    if preserves(definition) && !old.is_some_and(preserves) {
        let why =
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        found.push(FieldError::invalid(
            &FieldPath::new("spec.preserveUnknownFields"),
            true,
            why,
        ));
    }
    found
}

/// What may never change, and what may not once objects may exist.
fn immutable(new: &Value, old: &Value) -> Vec<FieldError> {
    let established: &[&str] = if names::is_true(old, "Established") {
        &["scope", "names.kind"]
    } else {
        &[]
    };
    let fields = established.iter().chain(&["group", "names.plural"]);
    let changed = fields.filter_map(|name| {
        let pointer = format!("/spec/{}", name.replace('.', "/"));
        let (new, old) = (new.pointer(&pointer), old.pointer(&pointer));
        let shown = new.cloned().unwrap_or_else(|| "".into());
        let path = FieldPath::new("spec").child(name);
        (new != old).then(|| FieldError::invalid(&path, shown, "field is immutable"))
    });
    changed.collect()
}

fn stored_versions(definition: &Value) -> Vec<FieldError> {
    let path = FieldPath::new("status.storedVersions");
    let stored = definition
        .pointer("/status/storedVersions")
        .cloned()
        .unwrap_or_default();
    let names: Vec<&str> = stored
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if names.is_empty() {
        return vec![FieldError::invalid(
            &path,
            Value::Null,
            "must have at least one stored version",
        )];
    }
    let mut found = Vec::new();
    let mut missing: Vec<(usize, &str)> = names.iter().copied().enumerate().collect();
    for version in versions(definition) {
        let name = version.get("name").and_then(Value::as_str).unwrap_or_default();
        let is_storage = version.get("storage") == Some(&Value::Bool(true));
        if is_storage && !missing.iter().any(|(_, stored)| *stored == name) {
            let why = format!("must have the storage version {name}");
            found.push(FieldError::invalid(&path, stored.clone(), why));
        }
        missing.retain(|(_, stored)| *stored != name);
    }
    found.extend(missing.into_iter().map(|(index, name)| {
        let why = format!(
            "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a \
             storage migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions"
        );
        FieldError::invalid(&path.index(index), name, why)
    }));
    found
}

/// The versions of a definition.
#[must_use]
pub fn versions(definition: &Value) -> &[Value] {
    definition
        .pointer("/spec/versions")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn storage_version(definition: &Value) -> Option<String> {
    let storage = versions(definition)
        .iter()
        .find(|version| version.get("storage") == Some(&Value::Bool(true)))?;
    storage.get("name").and_then(Value::as_str).map(str::to_owned)
}

/// The status, which is made where there is none.
fn status(definition: &mut Value) -> Option<&mut Map<String, Value>> {
    definition
        .as_object_mut()?
        .entry("status")
        .or_insert_with(|| json!({}))
        .as_object_mut()
}
