//! How a rule is written, its expressions aside: a rule in, errors out.

use serde_json::{Value, json};

use crate::server::field::{FieldError, FieldPath};
use crate::server::schema::fieldpath;
use crate::server::schema::fields::text;
use crate::server::schema::structural::Node;

const REASONS: [&str; 4] = [
    "FieldValueDuplicate",
    "FieldValueForbidden",
    "FieldValueInvalid",
    "FieldValueRequired",
];

/// What is wrong with how a rule is written, its expressions aside.
pub(super) fn written(rule: &Value, node: &Node, path: &FieldPath) -> Vec<FieldError> {
    let mut found = Vec::new();
    let breaks = |text: &str| text.contains(['\n', '\r']);
    let (source, message) = (text(rule, "rule"), text(rule, "message"));
    if source.trim().is_empty() {
        found.push(FieldError::required(&path.child("rule"), "rule is not specified"));
    } else if !message.is_empty() && message.trim().is_empty() {
        found.push(FieldError::invalid(
            &path.child("message"),
            message.as_str(),
            "must be non-empty if specified",
        ));
    } else if breaks(message.trim()) {
        found.push(FieldError::invalid(
            &path.child("message"),
            message.as_str(),
            "must not contain line breaks",
        ));
    } else if breaks(source.trim()) && message.trim().is_empty() {
        let why = "message must be specified if rule contains line breaks";
        found.push(FieldError::required(&path.child("message"), why));
    }
    let expression = text(rule, "messageExpression");
    if !expression.is_empty() && expression.trim().is_empty() {
        let why = "messageExpression must be non-empty if specified";
        found.push(FieldError::required(&path.child("messageExpression"), why));
    }
    if let Some(reason) = rule
        .get("reason")
        .and_then(Value::as_str)
        .filter(|reason| !REASONS.contains(reason))
    {
        found.push(FieldError::not_supported(&path.child("reason"), reason, &REASONS));
    }
    let (field, here) = (text(rule, "fieldPath"), path.child("fieldPath"));
    if !field.is_empty() && field.trim().is_empty() {
        found.push(FieldError::invalid(
            &here,
            field.as_str(),
            "must be non-empty if specified",
        ));
    }
    if breaks(&field) {
        found.push(FieldError::invalid(
            &here,
            field.as_str(),
            "must not contain line breaks",
        ));
    }
    if !field.is_empty() && fieldpath::resolve(&field, node, true).is_err() {
        found.push(FieldError::invalid(&here, field.as_str(), "must be a valid path"));
    }
    found
}

/// A rule as the server's internal type is printed.
pub(super) fn shown_rule(rule: &Value) -> String {
    let shown = |name: &str| json!(text(rule, name)).to_string();
    let or_null = |name: &str| rule.get(name).cloned().unwrap_or_default().to_string();
    let printed = format!(
        "{{\"Rule\":{},\"Message\":{},\"MessageExpression\":{},\"Reason\":{},\"FieldPath\":{},\"OptionalOldSelf\":{}}}",
        shown("rule"),
        shown("message"),
        shown("messageExpression"),
        or_null("reason"),
        shown("fieldPath"),
        or_null("optionalOldSelf"),
    );
    printed
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}
