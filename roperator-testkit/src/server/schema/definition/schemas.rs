//! What is wrong with the schema of a version: `schema` of a version in, errors out: of its structure, of its defaults, of
//! what definitions may not say, and of its rules.

use serde_json::Value;

use super::costs::Costs;
use super::merging::{list_keys, list_type, map_type};
use super::root::root_with_status;
use super::written::{shown_rule, written};
use super::{defaults, structure};
use crate::server::field::{FieldError, FieldPath};
use crate::server::schema::cel::{Wanted, check, is_seen, most_times};
use crate::server::schema::fields::{flag, text};
use crate::server::schema::formats;
use crate::server::schema::structural::Node;

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
/// What is wrong with a version's `schema`, of which the update may have changed nothing.
pub(super) fn validate(
    validation: Option<&Value>,
    has_status: bool,
    unchanged: bool,
    path: &FieldPath,
) -> Vec<FieldError> {
    let schema = validation.and_then(|validation| validation.get("openAPIV3Schema"));
    let Some(schema) = schema.filter(|schema| schema.is_object()) else {
        return Vec::new();
    };
    let path = path.child("openAPIV3Schema");
    let mut found = Vec::new();
    if has_status {
        found.extend(root_with_status(schema, &path));
    }
    if flag(schema, "nullable") {
        found.push(FieldError::forbidden(
            &path.child("nullable"),
            "nullable cannot be true at the root",
        ));
    }
    let node = Node::new(schema);
    let unreadable = structure::unsupported(schema);
    let mut structural = Vec::new();
    if unreadable.is_none() {
        structural.extend(structure::validate(schema, &path));
        if structural.is_empty() {
            structural.extend(defaults::validate(&node, &path));
        }
    }
    let mut checker = Checker {
        rules: unreadable.is_none() && structural.is_empty(),
        errors: Vec::new(),
        rule_errors: Vec::new(),
        costs: Costs::new(unchanged),
    };
    found.extend(structural);
    checker.schema(schema, Some(&node), &Context::root(), true, &path);
    found.extend(checker.errors);
    found.extend(checker.rule_errors);
    if let (Some(error), true) = (unreadable, found.is_empty()) {
        found.push(FieldError::invalid(&path, "", error));
    }
    found.extend(checker.costs.total(&path));
    found
}

/// Whether there is a default anywhere in a schema.
pub(super) fn has_defaults(schema: Option<&Value>) -> bool {
    let schema = schema.and_then(|schema| schema.get("openAPIV3Schema"));
    schema.is_some_and(has_default)
}

fn has_default(schema: &Value) -> bool {
    schema.get("default").is_some_and(|default| !default.is_null()) || structure::children(schema).any(has_default)
}

/// The formats that the server does not know, wherever they are in a schema.
pub(super) fn unrecognized_formats(schema: &Value, found: &mut Vec<String>) {
    let (kind, format) = (text(schema, "type"), text(schema, "format"));
    let known = match kind.as_str() {
        "" | "string" => formats::is_known(&format),
        "integer" => matches!(format.as_str(), "int32" | "int64"),
        "number" => matches!(format.as_str(), "float" | "double"),
        _ => false,
    };
    if !format.is_empty() && !known {
        found.push(format);
    }
    structure::children(schema).for_each(|child| unrecognized_formats(child, found));
}

/// What surrounds a schema.
#[derive(Clone)]
struct Context {
    no_defaults: Option<String>,
    in_metadata: bool,
    /// Where the items of a list cannot be told apart between two states of an object.
    uncorrelatable: Option<FieldPath>,
    /// How many values of the schema an object has at most, if the schemas above say so.
    most: Option<u64>,
}

impl Context {
    const fn root() -> Self {
        Self {
            no_defaults: None,
            in_metadata: false,
            uncorrelatable: None,
            most: Some(1),
        }
    }

    /// What surrounds the parts of a schema.
    fn within(&self, schema: &Value) -> Self {
        let bound = |name: &str| schema.get(name).and_then(Value::as_i64);
        let each = match text(schema, "type").as_str() {
            "object" if schema.get("additionalProperties").is_some_and(|any| !any.is_null()) => bound("maxProperties"),
            "array" => bound("maxItems"),
            _ => Some(1),
        };
        let each = each.map(|each| u64::try_from(each).unwrap_or_default());
        Self {
            most: self.most.zip(each).map(|(most, each)| most.saturating_mul(each)),
            ..self.clone()
        }
    }
}

struct Checker {
    rules: bool,
    errors: Vec<FieldError>,
    rule_errors: Vec<FieldError>,
    costs: Costs,
}

impl Checker {
    /// `node` is the compiled schema where rules may be.
    fn schema(&mut self, schema: &Value, node: Option<&Node>, context: &Context, root: bool, path: &FieldPath) {
        let before = self.errors.len();
        self.forbidden(schema, context, path);
        self.additional(schema, node, context, path);
        self.properties(schema, node, context, root, path);
        if let Some(not) = schema.get("not").filter(|not| not.is_object()) {
            self.schema(not, None, context, false, &path.child("not"));
        }
        for name in ["allOf", "oneOf", "anyOf"] {
            for (index, branch) in schema
                .get(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .enumerate()
            {
                self.schema(branch, None, context, false, &path.child(name).index(index));
            }
        }
        self.items(schema, node, context, path);
        if schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
            let here = path.child("x-kubernetes-preserve-unknown-fields");
            self.errors
                .push(FieldError::invalid(&here, false, "must be true or undefined"));
        }
        self.errors.extend(map_type(schema, path));
        self.errors.extend(list_type(schema, path));
        self.errors.extend(list_keys(schema, path));
        let sound = self.errors.len() == before;
        self.validations(schema, node.filter(|_| sound), context, root, path, before);
    }

    fn forbidden(&mut self, schema: &Value, context: &Context, path: &FieldPath) {
        let kind = text(schema, "type");
        if !kind.is_empty() && !TYPES.contains(&kind.as_str()) {
            self.errors
                .push(FieldError::not_supported(&path.child("type"), kind.as_str(), &TYPES));
        }
        let given = |name: &str| schema.get(name).filter(|value| !value.is_null());
        if let (Some(reason), Some(_)) = (&context.no_defaults, given("default")) {
            self.errors.push(FieldError::forbidden(
                &path.child("default"),
                format!("must not be set {reason}"),
            ));
        }
        for name in [
            "id",
            "additionalItems",
            "patternProperties",
            "definitions",
            "dependencies",
            "$ref",
        ] {
            let empty = |value: &Value| value.as_object().is_some_and(serde_json::Map::is_empty) || *value == "";
            if given(name).is_some_and(|value| !empty(value)) {
                self.errors.push(FieldError::forbidden(
                    &path.child(name),
                    format!("{name} is not supported"),
                ));
            }
        }
        if kind == "null" {
            let why = "type cannot be set to null, use nullable as an alternative";
            self.errors.push(FieldError::forbidden(&path.child("type"), why));
        }
        if given("items")
            .and_then(Value::as_array)
            .is_some_and(|items| !items.is_empty())
        {
            let why = "items must be a schema object and not an array";
            self.errors.push(FieldError::forbidden(&path.child("items"), why));
        }
        if context.in_metadata && flag(schema, "x-kubernetes-embedded-resource") {
            let here = path.child("x-kubernetes-embedded-resource");
            self.errors
                .push(FieldError::forbidden(&here, "must not be used inside of resource meta"));
        }
        if flag(schema, "uniqueItems") {
            let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
            self.errors.push(FieldError::forbidden(&path.child("uniqueItems"), why));
        }
    }

    fn additional(&mut self, schema: &Value, node: Option<&Node>, context: &Context, path: &FieldPath) {
        let Some(additional) = schema.get("additionalProperties").filter(|value| !value.is_null()) else {
            return;
        };
        let here = path.child("additionalProperties");
        let has_properties = schema
            .get("properties")
            .and_then(Value::as_object)
            .is_some_and(|map| !map.is_empty());
        if has_properties && *additional != Value::Bool(true) {
            self.errors.push(FieldError::forbidden(
                &here,
                "additionalProperties and properties are mutual exclusive",
            ));
        }
        if additional.is_object() {
            let mut context = context.within(schema);
            if context.in_metadata {
                context.no_defaults = Some("inside additionalProperties applying to object metadata".to_owned());
            }
            self.schema(
                additional,
                node.and_then(|node| node.additional.schema()),
                &context,
                false,
                &here,
            );
        }
    }

    fn properties(&mut self, schema: &Value, node: Option<&Node>, context: &Context, root: bool, path: &FieldPath) {
        for (name, property) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let mut context = context.within(schema);
            let is_resource = root || flag(schema, "x-kubernetes-embedded-resource");
            if is_resource && matches!(name.as_str(), "metadata" | "kind" | "apiVersion") {
                context.in_metadata = true;
                if root {
                    context.no_defaults = Some(format!("in top-level {name}"));
                }
            }
            let node = node.and_then(|node| node.properties.get(name));
            self.schema(property, node, &context, false, &path.child("properties").key(name));
        }
    }

    fn items(&mut self, schema: &Value, node: Option<&Node>, context: &Context, path: &FieldPath) {
        let mut context = context.within(schema);
        if text(schema, "x-kubernetes-list-type") != "map" {
            context.uncorrelatable.get_or_insert_with(|| path.clone());
        }
        match schema.get("items") {
            Some(items @ Value::Object(_)) => {
                self.schema(
                    items,
                    node.and_then(|node| node.items.as_deref()),
                    &context,
                    false,
                    &path.child("items"),
                );
            }
            Some(Value::Array(all)) => {
                for (index, items) in all.iter().enumerate() {
                    self.schema(items, None, &context, false, &path.child("items").index(index));
                }
            }
            _ => {}
        }
    }

    fn validations(
        &mut self,
        schema: &Value,
        node: Option<&Node>,
        context: &Context,
        root: bool,
        path: &FieldPath,
        before: usize,
    ) {
        let rules = schema.get("x-kubernetes-validations").and_then(Value::as_array);
        let rules = rules.map_or(&[][..], Vec::as_slice);
        let here = |index: usize| path.child("x-kubernetes-validations").index(index);
        if rules.is_empty() {
            return;
        }
        let own = Node::new(schema);
        for (index, rule) in rules.iter().enumerate() {
            self.errors.extend(written(rule, &own, &here(index)));
        }
        let Some(node) = node.filter(|_| self.rules && self.errors.len() == before) else {
            return;
        };
        let resource = root || node.embedded;
        if !is_seen(node) {
            let why = "internal error: failed to construct type information for x-kubernetes-validations rules: unable to \
                       convert structural schema to CEL declarations";
            let here = path.child("x-kubernetes-validations");
            self.rule_errors.push(FieldError::internal(&here, why));
            return;
        }
        for (index, rule) in rules.iter().enumerate() {
            self.compiled(rule, node, context, resource, &here(index));
        }
    }

    fn compiled(&mut self, rule: &Value, node: &Node, context: &Context, resource: bool, path: &FieldPath) {
        let optional = rule.get("optionalOldSelf").and_then(Value::as_bool);
        let source = text(rule, "rule");
        let here = path.child("rule");
        let checked = check(&source, node, resource, optional == Some(true), Wanted::Rule);
        let uses_old = checked.as_ref().is_ok_and(|checked| checked.uses_old);
        match checked {
            Err(why) => self
                .rule_errors
                .push(FieldError::omitted(&here, format!("{}: {why}", shown_rule(rule)))),
            Ok(checked) => {
                let times = context.most.unwrap_or_else(|| most_times(node, resource));
                let cost = checked.cost.saturating_mul(times);
                self.rule_errors.extend(self.costs.add(here.clone(), "rule", cost));
                self.message(rule, node, resource, &path.child("messageExpression"));
            }
        }
        match (uses_old, &context.uncorrelatable, optional) {
            (true, Some(within), _) => {
                let why = format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {within}");
                self.rule_errors.push(FieldError::invalid(&here, source, why));
            }
            (false, _, Some(optional)) => {
                let why = "may not be set if oldSelf is not used in rule";
                self.rule_errors
                    .push(FieldError::invalid(&path.child("optionalOldSelf"), optional, why));
            }
            _ => {}
        }
    }
    /// The message of a rule that can be evaluated. It is made once at most.
    fn message(&mut self, rule: &Value, node: &Node, resource: bool, path: &FieldPath) {
        let source = text(rule, "messageExpression");
        if source.is_empty() {
            return;
        }
        match check(&source, node, resource, flag(rule, "optionalOldSelf"), Wanted::Message) {
            Err(why) => {
                let why = format!("{}: {why}", shown_rule(rule));
                self.rule_errors.push(FieldError::omitted(path, why));
            }
            Ok(checked) => {
                let error = self.costs.add(path.clone(), "messageExpression", checked.cost);
                self.rule_errors.extend(error);
            }
        }
    }
}
