//! Values against their schema, as the server's OpenAPI validator judges them: a value in, what is wrong with it out, in
//! its order and words. Lists of unique items, embedded resources and rules are judged elsewhere.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::correlate::Pair;
use super::formats;
use super::numbers;
use super::structural::{Additional, Node};
use super::violation::{Body, Violation};
use crate::server::field::{FieldError, FieldPath, Problem};

/// What is wrong with a value. With the old value, what did not change is tolerated. Errors are below `base`.
pub fn validate(node: &Node, value: &Value, pair: Option<Pair<'_>>, base: &FieldPath) -> Vec<FieldError> {
    let outcome = Body { base }.ratcheted(node, value, "", pair);
    outcome
        .violations
        .into_iter()
        .map(|violation| violation.error)
        .collect()
}

/// What is wrong, and how much was right: the latter chooses among the branches of `anyOf` and `oneOf`.
#[derive(Debug, Default)]
struct Outcome {
    violations: Vec<Violation>,
    matches: usize,
}

impl Outcome {
    const fn is_valid(&self) -> bool {
        self.violations.is_empty()
    }

    /// The same text is told once.
    fn add(&mut self, violation: Violation) {
        if self.violations.iter().all(|known| known.text != violation.text) {
            self.violations.push(violation);
        }
    }

    fn merge(&mut self, other: Self) {
        other.violations.into_iter().for_each(|violation| self.add(violation));
        self.matches += other.matches;
    }
}

impl Body<'_> {
    fn ratcheted(self, node: &Node, value: &Value, name: &str, pair: Option<Pair<'_>>) -> Outcome {
        let mut outcome = self.value(node, value, name, pair);
        if !outcome.is_valid() && pair.is_some_and(Pair::is_unchanged) {
            outcome.violations.clear();
        }
        outcome
    }

    fn value(self, node: &Node, value: &Value, name: &str, pair: Option<Pair<'_>>) -> Outcome {
        let mut outcome = Outcome::default();
        if value.is_null() {
            outcome.merge(self.json_type(node, value, name));
            outcome.merge(self.choices(node, value, name));
            return outcome;
        }
        let mut steps = 1;
        if !node.kind.is_empty() || node.int_or_string || !node.format.is_empty() {
            outcome.merge(self.json_type(node, value, name));
            steps += 1;
        }
        outcome.merge(self.branches(node, value, name));
        match value {
            Value::String(text) => outcome.merge(self.text(node, text, name)),
            Value::Number(_) => {
                let found = numbers::check(self, node, value, name);
                outcome.matches += 1;
                found.into_iter().for_each(|violation| outcome.add(violation));
            }
            Value::Array(items) => outcome.merge(self.list(node, items, name, pair)),
            _ => {}
        }
        outcome.merge(self.choices(node, value, name));
        if let Value::Object(map) = value {
            outcome.merge(self.object(node, map, name, pair));
        }
        // Every validator that applied counts: type, branches, choices, and those of the value's own type.
        steps += 2 + match value {
            Value::String(_) if !node.format.is_empty() => 2,
            Value::Bool(_) => 0,
            _ => 1,
        };
        outcome.matches += steps;
        outcome
    }

    fn json_type(self, node: &Node, value: &Value, name: &str) -> Outcome {
        let types = node.types();
        let fine = Outcome {
            matches: 1,
            ..Outcome::default()
        };
        let (found, found_format) = go_type(value);
        if value.is_null() {
            if types.is_empty() || types.contains(&"null") || node.nullable {
                return fine;
            }
            return self.type_error(name, &types.join(","), "null");
        }
        let float_is_integer = value.as_f64().is_some_and(numbers::is_integer) && types.contains(&"integer");
        let fits = types.contains(&found)
            || (found == "number" && float_is_integer)
            || (found == "integer" && types.contains(&"number"));
        let shaped = value.is_string() || value.is_array();
        if !shaped && !node.format.is_empty() && !fits && found_format != node.format {
            return self.type_error(name, &node.format, found_format);
        }
        let numeric = types.iter().any(|kind| matches!(*kind, "number" | "integer"));
        if !numeric && !node.format.is_empty() && shaped {
            return fine;
        }
        if fits {
            fine
        } else {
            self.type_error(name, &types.join(","), found)
        }
    }

    fn type_error(self, name: &str, wanted: &str, found: &str) -> Outcome {
        let text = format!(
            "{name} in body must be of type {wanted}: {}",
            crate::server::field::quote(found)
        );
        let error = FieldError::type_invalid(&self.at(name), found, &text);
        Outcome::from(Violation { text, error })
    }

    fn branches(self, node: &Node, value: &Value, name: &str) -> Outcome {
        let mut outcome = Outcome::default();
        self.any_of(node, value, name, &mut outcome);
        self.one_of(node, value, name, &mut outcome);
        if !node.all_of.is_empty() {
            let mut valid = 0;
            for branch in &node.all_of {
                let found = self.value(branch, value, name, None);
                valid += usize::from(found.is_valid());
                outcome.merge(found);
            }
            if valid < node.all_of.len() {
                let none = if valid == 0 { ". None validated" } else { "" };
                outcome.add(self.composite(&format!("\"{name}\" must validate all the schemas (allOf){none}")));
            }
        }
        if let Some(branch) = &node.not
            && self.value(branch, value, name, None).is_valid()
        {
            outcome.add(self.composite(&format!("\"{name}\" must not validate the schema (not)")));
        }
        outcome.matches += 1;
        outcome
    }

    fn any_of(self, node: &Node, value: &Value, name: &str, outcome: &mut Outcome) {
        let mut best: Option<Outcome> = None;
        for branch in &node.any_of {
            let found = self.value(branch, value, name, None);
            if found.is_valid() {
                outcome.merge(found);
                return;
            }
            if best.as_ref().is_none_or(|best| found.matches > best.matches) {
                best = Some(found);
            }
        }
        if let Some(best) = best {
            outcome.add(self.composite(&format!("\"{name}\" must validate at least one schema (anyOf)")));
            outcome.merge(best);
        }
    }

    fn one_of(self, node: &Node, value: &Value, name: &str, outcome: &mut Outcome) {
        if node.one_of.is_empty() {
            return;
        }
        let (valid, invalid): (Vec<_>, Vec<_>) = node
            .one_of
            .iter()
            .map(|branch| self.value(branch, value, name, None))
            .partition(Outcome::is_valid);
        let count = valid.len();
        if count == 1 {
            valid.into_iter().for_each(|found| outcome.merge(found));
            return;
        }
        let why = match count {
            0 => "Found none valid".to_owned(),
            many => format!("Found {many} valid alternatives"),
        };
        outcome.add(self.composite(&format!(
            "\"{name}\" must validate one and only one schema (oneOf). {why}"
        )));
        if count == 0 {
            let best = invalid
                .into_iter()
                .reduce(|best, next| if next.matches > best.matches { next } else { best });
            best.into_iter().for_each(|best| outcome.merge(best));
        }
    }

    fn text(self, node: &Node, text: &str, name: &str) -> Outcome {
        let mut outcome = Outcome::default();
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        let bounds = &node.bounds;
        if let Some(most) = bounds.max_length.filter(|most| length > *most) {
            let bytes = if most == 1 { "byte" } else { "bytes" };
            let error = FieldError {
                path: self.at(name),
                problem: Problem::TooLong,
                value: None,
                detail: format!("may not be more than {most} {bytes}"),
            };
            let text = format!("{name} in body should be at most {most} chars long");
            outcome.add(Violation { text, error });
        } else if let Some(least) = bounds.min_length.filter(|least| length < *least) {
            outcome.add(self.invalid(name, &text.into(), &format!("should be at least {least} chars long")));
        } else if let Some(pattern) = node.pattern.as_ref().filter(|pattern| !pattern.matches(text)) {
            outcome.add(self.invalid(name, &text.into(), &format!("should match '{}'", pattern.text())));
        }
        if !node.format.is_empty() && formats::is_known(&node.format) && !formats::matches(&node.format, text) {
            outcome.merge(self.type_error(name, &node.format, text));
        }
        outcome
    }

    fn list(self, node: &Node, items: &[Value], name: &str, pair: Option<Pair<'_>>) -> Outcome {
        let mut outcome = Outcome::default();
        if let Some(inner) = node.items.as_deref() {
            for (index, item) in items.iter().enumerate() {
                let pair = pair.and_then(|pair| pair.index(index));
                outcome.merge(self.ratcheted(inner, item, &format!("{name}[{index}]"), pair));
            }
        }
        let size = items.len();
        if let Some(least) = node.bounds.min_items.filter(|least| count(size) < *least) {
            outcome.add(self.invalid(name, &json!(size), &format!("should have at least {least} items")));
        }
        if let Some(most) = node.bounds.max_items.filter(|most| count(size) > *most) {
            outcome.add(self.too_many(name, size, most, "items"));
        }
        let mut seen = HashSet::new();
        if node.bounds.unique_items && !items.iter().all(|item| seen.insert(item.to_string())) {
            outcome.add(self.invalid(name, &json!(""), "shouldn't contain duplicates"));
        }
        outcome.matches += 1;
        outcome
    }

    /// Numbers are converted to the choice's type, which cuts off fractions; what is `null` matches no choice.
    fn choices(self, node: &Node, value: &Value, name: &str) -> Outcome {
        let same = |choice: &Value| match (choice.as_f64(), value.as_f64()) {
            (Some(_), Some(value)) if choice.is_i64() => choice.as_i64() == Some(numbers::truncate(value)),
            (Some(choice), Some(value)) => choice.total_cmp(&value).is_eq(),
            _ => !choice.is_null() && choice == value,
        };
        if node.choices.is_empty() || node.choices.iter().any(same) {
            return Outcome::default();
        }
        let shown: Vec<String> = node.choices.iter().map(shown_choice).collect();
        let error = FieldError::not_supported(&self.at(name), value.clone(), &shown);
        let text = format!("{name} in body should be one of [{}]", shown.join(" "));
        Outcome::from(Violation { text, error })
    }

    fn object(self, node: &Node, map: &Map<String, Value>, name: &str, pair: Option<Pair<'_>>) -> Outcome {
        let mut outcome = Outcome::default();
        let size = map.len();
        if let Some(least) = node.bounds.min_properties.filter(|least| count(size) < *least) {
            outcome.add(self.invalid(name, &json!(size), &format!("should have at least {least} properties")));
        }
        if let Some(most) = node.bounds.max_properties.filter(|most| count(size) > *most) {
            outcome.add(self.too_many(name, size, most, "properties"));
        }
        for (key, value) in map.iter().filter(|(key, _)| !node.properties.contains_key(*key)) {
            let inner = format!("{name}.{key}");
            match &node.additional {
                Additional::Forbidden => {
                    let text = format!("{inner} in body is a forbidden property");
                    let error = FieldError::invalid(&self.at(name), key.as_str(), &text);
                    outcome.add(Violation { text, error });
                }
                Additional::Schema(schema) => {
                    let pair = pair.and_then(|pair| pair.key(key));
                    outcome.merge(self.ratcheted(schema, value, &inner, pair));
                }
                Additional::Any | Additional::Unset => {}
            }
        }
        for (key, property) in &node.properties {
            if let Some(value) = map.get(key) {
                // An object's version and kind are never known to be unchanged.
                let hidden = name.is_empty() && matches!(key.as_str(), "kind" | "apiVersion");
                let pair = pair.filter(|_| !hidden).and_then(|pair| pair.key(key));
                let inner = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                outcome.merge(self.ratcheted(property, value, &inner, pair));
            }
        }
        for key in node.required.iter().filter(|key| !map.contains_key(*key)) {
            let inner = format!("{name}.{key}");
            let error = FieldError::required(&self.at(&inner), "");
            let text = format!("{inner} in body is required");
            outcome.add(Violation { text, error });
        }
        outcome
    }
}

impl From<Violation> for Outcome {
    fn from(violation: Violation) -> Self {
        Self {
            violations: vec![violation],
            matches: 0,
        }
    }
}

/// The names that Go's types have here: the JSON type, and the format that the type implies.
fn go_type(value: &Value) -> (&'static str, &'static str) {
    match value {
        Value::Null => ("null", ""),
        Value::Bool(_) => ("boolean", ""),
        Value::String(_) => ("string", ""),
        Value::Array(_) => ("array", ""),
        Value::Object(_) => ("object", ""),
        Value::Number(number) if number.is_i64() => ("integer", "int64"),
        Value::Number(_) => ("number", "float64"),
    }
}

fn shown_choice(choice: &Value) -> String {
    choice.as_str().map_or_else(|| choice.to_string(), str::to_owned)
}

fn count(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
