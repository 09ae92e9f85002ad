//! What is wrong with a definition's `spec`: a definition in, errors out. What all versions have in common is judged once,
//! at the top level, where the server's internal type has it.

use serde_json::{Value, json};

use super::serving::{columns, selectable_fields, subresources};
use super::{conversion, schemas};
use crate::server::field::{FieldError, FieldPath};
use crate::server::names;
use crate::server::schema::fields::{flag, text};

/// What is wrong with the `spec`, of which the old definition may have the same.
pub(super) fn validate(definition: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let spec = definition.get("spec").unwrap_or(&Value::Null);
    let versions = super::versions(definition);
    let shared = Shared::of(versions);
    let path = FieldPath::new("spec");
    let mut found = group_and_scope(spec, &path);
    if !(shared.schema && versions.iter().any(has_schema)) {
        let missing = versions.iter().enumerate().filter(|(_, version)| !has_schema(version));
        found.extend(missing.map(|(index, _)| {
            let path = path
                .child("versions")
                .index(index)
                .child("schema")
                .child("openAPIV3Schema");
            FieldError::required(&path, "")
        }));
    }
    let preserves = flag(spec, "preserveUnknownFields");
    if preserves
        && versions
            .iter()
            .any(|version| schemas::has_defaults(version.get("schema")))
    {
        let why = "must be false in order to use defaults in the schema";
        found.push(FieldError::invalid(&path.child("preserveUnknownFields"), true, why));
    }
    for (index, version) in versions.iter().enumerate() {
        let unchanged = has_same_schema(version, old);
        let path = path.child("versions").index(index);
        found.extend(one_version(version, &shared, unchanged, &path));
    }
    found.extend(all_versions(
        versions,
        spec.get("versions").is_some_and(Value::is_array),
        &path,
    ));
    let requested = spec.get("names").unwrap_or(&Value::Null);
    for name in ["plural", "singular", "kind", "listKind"] {
        if text(requested, name).is_empty() {
            found.push(FieldError::required(&path.child("names").child(name), ""));
        }
    }
    found.extend(validate_names(requested, &path.child("names")));
    if let Some(first) = versions.first() {
        let any_status = versions.iter().any(has_status);
        if shared.schema {
            found.extend(schemas::validate(
                first.get("schema"),
                any_status,
                has_same_schema(first, old),
                &path.child("validation"),
            ));
        }
        if shared.subresources {
            found.extend(subresources(first, &path.child("subresources")));
        }
        if shared.columns {
            found.extend(columns(first, &path.child("additionalPrinterColumns")));
        }
        if shared.selectable {
            found.extend(selectable_fields(first, &path.child("selectableFields")));
        }
    }
    found.extend(conversion::validate(spec, preserves, &path.child("conversion")));
    found
}

/// What all versions have the same.
struct Shared {
    schema: bool,
    subresources: bool,
    columns: bool,
    selectable: bool,
}

impl Shared {
    fn of(versions: &[Value]) -> Self {
        let same = |name: &str| {
            let given = |version: &Value| {
                let value = version.get(name).filter(|value| !value.is_null())?;
                (!value.as_array().is_some_and(Vec::is_empty)).then(|| value.clone())
            };
            versions
                .iter()
                .map(given)
                .all(|value| value == versions.first().and_then(given))
        };
        Self {
            schema: same("schema"),
            subresources: same("subresources"),
            columns: same("additionalPrinterColumns"),
            selectable: same("selectableFields"),
        }
    }
}

fn has_schema(version: &Value) -> bool {
    version.pointer("/schema/openAPIV3Schema").is_some_and(Value::is_object)
}

/// Whether the old definition has the version with the same schema.
fn has_same_schema(version: &Value, old: Option<&Value>) -> bool {
    let named = |other: &&Value| other.get("name") == version.get("name");
    let other = old.and_then(|old| super::versions(old).iter().find(named));
    other.is_some_and(|other| other.get("schema") == version.get("schema"))
}

fn has_status(version: &Value) -> bool {
    version.pointer("/subresources/status").is_some_and(Value::is_object)
}

fn group_and_scope(spec: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    let (group, here) = (text(spec, "group"), path.child("group"));
    let problems = names::subdomain(&group);
    if group.is_empty() {
        found.push(FieldError::required(&here, ""));
    } else if !problems.is_empty() {
        found.push(FieldError::invalid(&here, group, problems.join(",")));
    } else if !group.contains('.') {
        found.push(FieldError::invalid(
            &here,
            group,
            "should be a domain with at least one dot",
        ));
    }
    found.extend(FieldError::unless_one_of(
        &path.child("scope"),
        &text(spec, "scope"),
        &["Cluster", "Namespaced"],
    ));
    found
}

fn one_version(version: &Value, shared: &Shared, unchanged: bool, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    let name = text(version, "name");
    let problems = names::label_1035(&name);
    if !problems.is_empty() {
        found.push(FieldError::invalid(&path.child("name"), name, problems.join(",")));
    }
    let warning = version.get("deprecationWarning").and_then(Value::as_str);
    let here = path.child("deprecationWarning");
    let problems = deprecation(flag(version, "deprecated"), warning).into_iter();
    found.extend(problems.map(|why| FieldError::invalid(&here, warning.unwrap_or_default(), why)));
    if !shared.schema {
        found.extend(schemas::validate(
            version.get("schema"),
            has_status(version),
            unchanged,
            &path.child("schema"),
        ));
    }
    if !shared.subresources {
        found.extend(subresources(version, &path.child("subresources")));
    }
    if !shared.columns {
        found.extend(columns(version, &path.child("additionalPrinterColumns")));
    }
    if !shared.selectable {
        found.extend(selectable_fields(version, &path.child("selectableFields")));
    }
    found
}

fn deprecation(deprecated: bool, warning: Option<&str>) -> Vec<String> {
    let Some(warning) = warning else { return Vec::new() };
    if !deprecated {
        return vec!["can only be set for deprecated versions".to_owned()];
    }
    let mut problems = Vec::new();
    if warning.len() > 256 {
        problems.push("must be <= 256 characters long".to_owned());
    }
    if warning.is_empty() {
        problems.push("must not be an empty string".to_owned());
    }
    if let Some((at, _)) = warning.char_indices().find(|(_, character)| character.is_control()) {
        problems.push(format!(
            "must only contain printable UTF-8 characters; non-printable character found at index {at}"
        ));
    }
    problems
}

fn all_versions(versions: &[Value], is_given: bool, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    let here = path.child("versions");
    let names: Vec<String> = versions.iter().map(|version| text(version, "name")).collect();
    let unique = names
        .iter()
        .enumerate()
        .all(|(index, name)| !names.iter().take(index).any(|other| other == name));
    let mut complain = |why: &str| {
        let shown: Vec<String> = versions.iter().map(shown_version).collect();
        let shown = if is_given {
            format!("[{}]", shown.join(","))
        } else {
            "null".to_owned()
        };
        found.push(FieldError::omitted(&here, format!("{shown}: {why}")));
    };
    if !unique {
        complain("must contain unique version names");
    }
    if versions.iter().filter(|version| flag(version, "storage")).count() != 1 {
        complain("must have exactly one version marked as storage version");
    }
    if let Some(first) = names.first().filter(|name| !name.is_empty()) {
        let problems = names::label_1035(first);
        if !problems.is_empty() {
            found.push(FieldError::invalid(
                &path.child("version"),
                first.as_str(),
                problems.join(","),
            ));
        }
    }
    found
}

/// A version as the server's internal type is printed. What is not shared between versions is left out.
fn shown_version(version: &Value) -> String {
    let warning = version.get("deprecationWarning").cloned().unwrap_or_default();
    format!(
        "{{\"Name\":{},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":{warning},\"Schema\":null,\
         \"Subresources\":null,\"AdditionalPrinterColumns\":null,\"SelectableFields\":null}}",
        json!(text(version, "name")),
        flag(version, "served"),
        flag(version, "storage"),
        flag(version, "deprecated"),
    )
}

/// What is wrong with the names that a definition asks for, or has been given.
pub(super) fn validate_names(given: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    let mut label = |here: FieldPath, name: String, mixed: bool| {
        let problems = names::label_1035(&if mixed { name.to_lowercase() } else { name.clone() });
        if !problems.is_empty() {
            let prefix = if mixed {
                "may have mixed case, but should otherwise match: "
            } else {
                ""
            };
            found.push(FieldError::invalid(
                &here,
                name,
                format!("{prefix}{}", problems.join(",")),
            ));
        }
    };
    for (name, mixed) in [
        ("plural", false),
        ("singular", false),
        ("kind", true),
        ("listKind", true),
    ] {
        if !text(given, name).is_empty() {
            label(path.child(name), text(given, name), mixed);
        }
    }
    for name in ["shortNames", "categories"] {
        let list = given
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate();
        list.for_each(|(index, name_given)| {
            label(
                path.child(name).index(index),
                name_given.as_str().unwrap_or_default().to_owned(),
                false,
            );
        });
    }
    if !text(given, "kind").is_empty() && text(given, "kind") == text(given, "listKind") {
        let why = "kind and listKind may not be the same";
        found.push(FieldError::invalid(
            &path.child("listKind"),
            text(given, "listKind"),
            why,
        ));
    }
    found
}
