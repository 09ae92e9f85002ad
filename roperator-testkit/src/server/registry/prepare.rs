//! What becomes of an object before it is written, whatever its kind, and who judges it: the object and the one that it
//! replaces in; the object to write, or what is wrong with it, out. What is special about kinds is in their strategies.

use serde_json::Value;

use super::{
    metadata,
    object::{copy, copy_meta, is_deleted, meta, meta_number, metadata_mut},
    resource::{Nature, Resource},
};
use crate::server::field::{FieldError, FieldPath};

/// Before a creation.
pub fn create(resource: &Resource, object: &mut Value) {
    if resource.strategy.has_status && !resource.strategy.created_with_status {
        copy(&resource.blank, object, "status");
    }
    if !resource.strategy.generation.is_empty() || resource.is_custom() {
        metadata_mut(object).insert("generation".to_owned(), 1.into());
    }
    (resource.strategy.prepare_create)(object);
}

/// What is wrong with an object to create.
pub fn validate_create(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let rules = rules(resource);
    match &resource.nature {
        Nature::Custom(definition) => {
            let wrong = of_another_kind(resource, object);
            if !wrong.is_empty() {
                return wrong;
            }
            let metadata = metadata::validate_create(object, &rules, Vec::new());
            definition.validate(metadata, object, None, "")
        }
        Nature::BuiltIn(_) => {
            let errors = (resource.strategy.validate_create)(object);
            metadata::validate_create(object, &rules, errors)
        }
    }
}

/// What is wrong with what an object says that it is.
fn of_another_kind(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let must = [("kind", resource.kind.clone()), ("apiVersion", resource.api_version())];
    let given = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let wrong = must.iter().filter(|(name, wanted)| given(name) != *wanted);
    let told = |(name, wanted): &(&str, String)| {
        FieldError::invalid(&FieldPath::new(name), given(name), format!("must be {wanted}"))
    };
    wrong.map(told).collect()
}

/// What a resource demands of its objects' metadata.
fn rules(resource: &Resource) -> metadata::Rules {
    if resource.is_custom() {
        return metadata::Rules::custom(resource.namespaced);
    }
    let validate_name = resource.strategy.validate_name;
    metadata::Rules::built_in(&resource.group, &resource.plural, resource.namespaced, validate_name)
}

/// Before an update of an object, or of a part of it.
pub fn update(resource: &Resource, subresource: &str, new: &mut Value, old: &Value) {
    copy_meta(old, new, "generation");
    match (subresource, resource.strategy.part(subresource)) {
        ("" | "scale", _) => {
            if resource.strategy.has_status {
                copy(old, new, "status");
            }
            (resource.strategy.prepare_update)(new, old);
        }
        (_, Some(part)) => (part.prepare)(new, old),
        _ if resource.is_custom() => {
            let mut kept = old.clone();
            copy(new, &mut kept, "status");
            copy_meta(new, &mut kept, "managedFields");
            *new = kept;
        }
        _ => {
            let fields: Vec<String> = fields(old).chain(fields(new)).cloned().collect();
            let kept = |field: &&String| !matches!(field.as_str(), "status" | "metadata");
            fields.iter().filter(kept).for_each(|field| copy(old, new, field));
            (resource.strategy.prepare_status)(new, old);
        }
    }
    if subresource != "status" && is_new_generation(resource, new, old) {
        let generation = meta_number(old, "generation").unwrap_or(0) + 1;
        metadata_mut(new).insert("generation".to_owned(), generation.into());
    }
    keep_system_metadata(new, old);
}

fn fields(object: &Value) -> impl Iterator<Item = &String> {
    object.as_object().into_iter().flatten().map(|(field, _)| field)
}

fn is_new_generation(resource: &Resource, new: &Value, old: &Value) -> bool {
    if !resource.is_custom() {
        return resource
            .strategy
            .generation
            .iter()
            .any(|field| new.get(field) != old.get(field));
    }
    let counts = |field: &str| field != "metadata" && !(resource.strategy.has_status && field == "status");
    let differs = |one: &Value, other: &Value| {
        let fields = one.as_object().into_iter().flatten();
        fields
            .filter(|(field, _)| counts(field))
            .any(|(field, value)| other.get(field) != Some(value))
    };
    differs(new, old) || differs(old, new)
}

/// What an update can never change, whatever it says.
fn keep_system_metadata(new: &mut Value, old: &Value) {
    if meta(new, "uid").is_empty() {
        copy_meta(old, new, "uid");
    }
    copy_meta(old, new, "creationTimestamp");
    if is_deleted(old) {
        copy_meta(old, new, "deletionTimestamp");
    }
    if meta_number(new, "deletionGracePeriodSeconds").is_none() {
        copy_meta(old, new, "deletionGracePeriodSeconds");
    }
}

/// What is wrong with an update.
pub fn validate_update(resource: &Resource, subresource: &str, new: &Value, old: &Value) -> Vec<FieldError> {
    let rules = rules(resource);
    let judge = match &resource.nature {
        Nature::Custom(definition) => {
            let wrong = of_another_kind(resource, new);
            if !wrong.is_empty() {
                return wrong;
            }
            let metadata = metadata::validate_update(new, old, &rules, Vec::new());
            return definition.validate(metadata, new, Some(old), subresource);
        }
        Nature::BuiltIn(_) => match (subresource, resource.strategy.part(subresource)) {
            ("" | "scale", _) => resource.strategy.validate_update,
            (_, Some(part)) => part.validate,
            _ => resource.strategy.validate_status,
        },
    };
    metadata::validate_update(new, old, &rules, judge(new, old))
}
