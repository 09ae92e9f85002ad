//! What is wrong with the files that volumes are made of. Reads only.

use super::at::{At, Errors};
use super::{check, env, text};
use crate::server::field::FieldError;

/// What is wrong with the mode of files: `0644` and the like.
pub fn mode(errors: &mut Errors, at: &At<'_>) {
    if let Some(mode) = at.number().filter(|mode| !(0..=0o777).contains(mode)) {
        let detail = "must be a number between 0 and 0777 (octal), both inclusive";
        errors.push(FieldError::invalid(&at.path, mode, detail));
    }
}

/// What is wrong with the keys of a source that become files.
pub fn of_keys(errors: &mut Errors, source: &At<'_>) {
    mode(errors, &source.child("defaultMode"));
    for item in source.child("items").items() {
        key_to_path(errors, &item);
    }
}

/// What is wrong with a key that becomes a file.
pub fn key_to_path(errors: &mut Errors, item: &At<'_>) {
    check::required(errors, &item.child("key"));
    let path = item.child("path");
    check::required(errors, &path);
    check::text(errors, &path, text::projected_path);
    mode(errors, &item.child("mode"));
}

/// What is wrong with a file that holds a field or a resource of the pod.
pub fn downward(errors: &mut Errors, file: &At<'_>) {
    let path = file.child("path");
    check::required(errors, &path);
    check::text(errors, &path, text::projected_path);
    let field = file.child("fieldRef");
    let resource = file.child("resourceFieldRef");
    if field.is_set() {
        env::field_ref(errors, &field, &env::VOLUME_FIELDS);
        if resource.is_set() {
            let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
            errors.push(FieldError::invalid(&file.path, "resource", detail));
        }
    } else if resource.is_set() {
        env::resource_ref(errors, &resource, true);
    } else {
        let detail = "one of fieldRef and resourceFieldRef is required";
        errors.push(FieldError::required(&file.path, detail));
    }
    mode(errors, &file.child("mode"));
}
