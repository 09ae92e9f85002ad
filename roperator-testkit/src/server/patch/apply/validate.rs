//! Whether a value fits its shape. Data in: a value and its shape. Data out: what is wrong, in the real server's words.

use std::collections::BTreeSet;

use serde_json::Value;

use super::path::PathElement;
use super::schema::{Kind, ListAtom, MapAtom, Schema, as_list, as_map};
use crate::server::patch::go;
use crate::server::shape::{Scalar, ShapeId};

impl Schema<'_> {
    /// Whether an object fits; `duplicates` says whether items of a list may be there twice.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn validate(self, object: &Value, duplicates: bool) -> Result<(), String> {
        let mut check = Check {
            schema: self,
            duplicates,
            path: Vec::new(),
            problems: Vec::new(),
        };
        check.value(self.root, object);
        match check.problems.as_slice() {
            [] => Ok(()),
            [one] => Err(one.clone()),
            many => Err(format!("errors:\n  {}", many.join("\n  "))),
        }
    }
}

/// A step of the path to what is checked; put into words only if something is wrong there.
enum Step<'v> {
    Field(&'v str),
    Item(PathElement),
}

struct Check<'s, 'v> {
    schema: Schema<'s>,
    duplicates: bool,
    path: Vec<Step<'v>>,
    problems: Vec<String>,
}

impl<'v> Check<'_, 'v> {
    fn value(&mut self, shape: ShapeId, value: &'v Value) {
        match (self.schema.atom(shape).deduce(Some(value)).kind(), value) {
            (Kind::Map(map), Value::Object(_) | Value::Null) => self.fields(map, value),
            (Kind::Map(_), other) => self.problem(&format!("expected map, got &{{{}}}", go::print(other))),
            (Kind::List(list), Value::Array(_) | Value::Null) => self.items(list, value),
            (Kind::List(_), other) => self.problem(&format!("expected list, got &{{{}}}", go::print(other))),
            (Kind::Scalar(scalar), _) => self.scalar(scalar, value),
        }
    }

    fn scalar(&mut self, scalar: Scalar, value: &Value) {
        let fits = match scalar {
            Scalar::Number => value.is_number(),
            Scalar::String => value.is_string(),
            Scalar::Boolean => value.is_boolean(),
            Scalar::Any => !value.is_object() && !value.is_array(),
        };
        if fits || value.is_null() {
            return;
        }
        self.problem(&match scalar {
            Scalar::Number => format!("expected numeric (int or float), got {}", go::type_name(value)),
            Scalar::String => {
                let value = go::syntax(value);
                format!("expected string, got &value.valueUnstructured{{Value:{value}}}")
            }
            Scalar::Boolean => format!("expected boolean, got &{{{}}}", go::print(value)),
            Scalar::Any => format!("expected any scalar, got &{{{}}}", go::print(value)),
        });
    }

    fn fields(&mut self, map: MapAtom<'_>, value: &'v Value) {
        for (name, value) in as_map(Some(value)).into_iter().flatten() {
            self.path.push(Step::Field(name));
            if map.is_undeclared(name) {
                self.problem("field not declared in schema");
            } else {
                self.value(map.field(name), value);
            }
            self.path.pop();
        }
    }

    fn items(&mut self, list: ListAtom<'_>, value: &'v Value) {
        let mut seen = BTreeSet::new();
        for (index, item) in as_list(Some(value)).unwrap_or_default().iter().enumerate() {
            let element = match list.element(item) {
                _ if list.is_atomic() => PathElement::Index(i64::try_from(index).unwrap_or(i64::MAX)),
                Ok(element) => element,
                Err(why) => {
                    self.problem(&format!("element {index}: {why}"));
                    return;
                }
            };
            if !self.duplicates && !seen.insert(element.clone()) {
                self.problem(&format!("duplicate entries for key {element}"));
            }
            self.path.push(Step::Item(element));
            self.value(list.items(), item);
            self.path.pop();
        }
    }

    fn problem(&mut self, message: &str) {
        let path: String = self
            .path
            .iter()
            .map(|step| match step {
                Step::Field(name) => format!(".{name}"),
                Step::Item(element) => element.to_string(),
            })
            .collect();
        self.problems.push(if path.is_empty() {
            message.to_owned()
        } else {
            format!("{path}: {message}")
        });
    }
}
