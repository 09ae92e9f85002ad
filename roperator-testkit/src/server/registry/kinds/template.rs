//! PodTemplates, and ReplicationControllers, which came before ReplicaSets: defaults and what their templates must be. Whole
//! objects in, changed objects or errors out.

use serde_json::{Value, json};

use super::pod::at::{At, Errors};
use super::pod::{check, defaults, spec};
use super::values;
use crate::server::field::FieldError;
use crate::server::registry::object::copy;
use crate::server::registry::strategy::Strategy;

/// What is special about PodTemplates.
pub const POD_TEMPLATE: Strategy = Strategy {
    default: |object| {
        values::object(object, "template");
        if let Some(template) = object.get_mut("template") {
            defaults::template(template);
        }
    },
    validate_create: |object| {
        let mut errors = Errors::new();
        spec::template(&mut errors, &At::root(object).child("template"));
        errors
    },
    validate_update: |new, _| {
        let mut errors = Errors::new();
        spec::template(&mut errors, &At::root(new).child("template"));
        errors
    },
    generation: &["template"],
    ..Strategy::PLAIN
};

/// What is special about ReplicationControllers.
pub const REPLICATION_CONTROLLER: Strategy = Strategy {
    default,
    prepare_create: |controller| values::set(controller, "status", json!({"replicas": 0})),
    validate_create: validate,
    validate_update: |new, _| validate(new),
    selectable: |controller| {
        let replicas = At::root(controller).child("status").number_of("replicas");
        vec![("status.replicas", replicas.unwrap_or_default().to_string())]
    },
    generation: &["spec"],
    has_status: true,
    orphans_by_default: true,
    ..Strategy::PLAIN
};

/// The labels of the template are the selector and the labels, where there are none.
fn default(controller: &mut Value) {
    values::object(controller, "spec");
    let labels = json!({"labels": controller.pointer("/spec/template/metadata/labels")});
    let has_labels = labels.pointer("/labels").is_some_and(Value::is_object);
    let is_empty = |value: Option<&Value>| value.and_then(Value::as_object).is_none_or(serde_json::Map::is_empty);
    if has_labels && is_empty(controller.pointer("/metadata/labels")) {
        values::object(controller, "metadata");
        if let Some(metadata) = controller.get_mut("metadata") {
            copy(&labels, metadata, "labels");
        }
    }
    let Some(spec) = controller.get_mut("spec") else {
        return;
    };
    if has_labels && is_empty(spec.get("selector")) {
        values::set(spec, "selector", labels.get("labels").cloned().unwrap_or_default());
    }
    values::default_absent(spec, "replicas", 1);
    if let Some(template) = spec.get_mut("template") {
        defaults::template(template);
    }
}

fn validate(controller: &Value) -> Vec<FieldError> {
    let mut errors = Errors::new();
    let spec = At::root(controller).child("spec");
    check::none_negative(&mut errors, &spec, &["minReadySeconds"]);
    let selector = spec.child("selector");
    if selector.entries().next().is_none() {
        errors.push(FieldError::required(&selector.path, ""));
    }
    check::not_negative(&mut errors, &spec.child("replicas"));
    let template = spec.child("template");
    if !template.is_set() {
        errors.push(FieldError::required(&template.path, ""));
        return errors;
    }
    let labels = template.child("metadata").child("labels");
    if selector
        .entries()
        .any(|(key, value)| labels.value.get(key) != Some(value))
    {
        let detail = "`selector` does not match template `labels`";
        let labels_path = &labels.path;
        errors.push(FieldError::invalid(labels_path, labels.value.clone(), detail));
    }
    spec::template(&mut errors, &template);
    errors
}
