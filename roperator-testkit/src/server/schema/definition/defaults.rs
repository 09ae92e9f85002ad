//! Whether the defaults of a schema are values of it: a compiled schema in, what is wrong with its defaults out.

use crate::server::field::{FieldError, FieldPath};
use crate::server::schema::structural::Node;
use crate::server::schema::{decode, embedded, openapi, prune, rules};

/// What is wrong with the defaults of a schema.
pub(super) fn validate(node: &Node, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    visit(node, true, path, &mut found);
    found
}

fn visit(node: &Node, resource: bool, path: &FieldPath, found: &mut Vec<FieldError>) {
    found.extend(here(node, &path.child("default")));
    if let Some(items) = node.items.as_deref() {
        visit(items, items.embedded, &path.child("items"), found);
    }
    for (name, property) in &node.properties {
        // What metadata may be is not the schema's to say.
        if resource && matches!(name.as_str(), "metadata" | "apiVersion" | "kind") {
            continue;
        }
        visit(property, property.embedded, &path.child("properties").key(name), found);
    }
}

fn here(node: &Node, path: &FieldPath) -> Vec<FieldError> {
    let Some(default) = &node.default else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut value = default.clone();
    prune::prune_value(&mut value, node);
    if value != *default {
        found.push(FieldError::invalid(
            path,
            default.clone(),
            "must not have unknown fields",
        ));
    }
    let mut value = default.clone();
    if let Err(error) = decode::coerce(&mut value, node, path, &mut Vec::new()) {
        found.push(error);
        return found;
    }
    // The first kind of errors hides the others.
    let checks: [&dyn Fn() -> Vec<FieldError>; 4] = [
        &|| embedded::validate(node, &value, path),
        &|| openapi::validate(node, &value, None, path),
        &|| rules::broken(node, &value, Some(&value), false, path),
        &|| rules::broken(node, &value, None, false, path),
    ];
    found.extend(
        checks
            .iter()
            .map(|check| check())
            .find(|errors| !errors.is_empty())
            .unwrap_or_default(),
    );
    found
}
