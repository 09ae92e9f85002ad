//! The checks that all fields share: a place and a rule in, errors out. No rule of one kind alone is here.

use serde_json::Value;

use super::at::{At, Errors};
use crate::server::field::{FieldError, FieldPath, Problem};

/// What the real server says of negative numbers.
const NEGATIVE: &str = "must be greater than or equal to 0";

/// What the real server says of a field that may not change.
pub const IMMUTABLE: &str = "field is immutable";

/// Errors for a value with these problems.
pub fn problems(errors: &mut Errors, path: &FieldPath, value: impl Into<Value>, problems: Vec<String>) {
    if problems.is_empty() {
        return;
    }
    let value = value.into();
    let each = problems.into_iter();
    errors.extend(each.map(|problem| FieldError::invalid(path, value.clone(), problem)));
}

/// The text at a place may not have these problems.
pub fn text(errors: &mut Errors, at: &At<'_>, rule: fn(&str) -> Vec<String>) {
    problems(errors, &at.path, at.text(), rule(at.text()));
}

/// The text at a place must be there, and may not have these problems.
pub fn required_text(errors: &mut Errors, at: &At<'_>, rule: fn(&str) -> Vec<String>) {
    if at.text().is_empty() {
        errors.push(FieldError::required(&at.path, ""));
    } else {
        text(errors, at, rule);
    }
}

/// There must be text at a place.
pub fn required(errors: &mut Errors, at: &At<'_>) {
    if at.text().is_empty() {
        errors.push(FieldError::required(&at.path, ""));
    }
}

/// The number at a place, if there is one, is not negative.
pub fn not_negative(errors: &mut Errors, at: &At<'_>) {
    if let Some(number) = at.number().filter(|number| *number < 0) {
        errors.push(FieldError::invalid(&at.path, number, NEGATIVE));
    }
}

/// The number of each of these fields, if there is one, is not negative.
pub fn none_negative(errors: &mut Errors, at: &At<'_>, names: &[&str]) {
    for name in names {
        not_negative(errors, &at.child(name));
    }
}

/// The number at a place is in a range.
pub fn in_range(errors: &mut Errors, at: &At<'_>, least: i64, most: i64) {
    if let Some(number) = at.number() {
        problems(errors, &at.path, number, super::text::in_range(number, least, most));
    }
}

/// The text at a place is there, and one of these.
pub fn one_of(errors: &mut Errors, at: &At<'_>, supported: &[&str]) {
    errors.extend(FieldError::unless_one_of(&at.path, at.text(), supported));
}

/// The text at a place is one of these; the empty text is no exception.
pub fn known(errors: &mut Errors, at: &At<'_>, supported: &[&str]) {
    if !supported.contains(&at.text()) {
        errors.push(FieldError::not_supported(&at.path, at.text(), supported));
    }
}

/// The value at a place is what it was.
pub fn immutable(errors: &mut Errors, new: &At<'_>, old: &At<'_>) {
    if !super::at::same(new.value, old.value) {
        errors.push(FieldError::invalid(&new.path, new.value.clone(), IMMUTABLE));
    }
}

/// An invalid value whose text is given as it is to be shown: for values that the real server writes with the names and
/// the order of its own structs.
#[must_use]
pub fn shown(path: &FieldPath, problem: Problem, value: &str, detail: &str) -> FieldError {
    FieldError {
        problem,
        ..FieldError::omitted(path, format!("{value}: {detail}"))
    }
}
