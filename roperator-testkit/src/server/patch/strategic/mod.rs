//! Strategic merge patch (`application/strategic-merge-patch+json`): what becomes of lists is said by the shape of the
//! kind and by directives in the patch. Data in: an object, a patch and their shape. Data out: the patched object, or
//! the refusal in the real server's words. Where a patch has several faults, the first by name is reported.
//!
//! Directives: `$patch` (`replace`, `delete`), `$retainKeys`, `$setElementOrder/<list>`,
//! `$deleteFromPrimitiveList/<list>`.

use http::StatusCode;
use serde_json::{Map, Value};

use crate::server::patch::{go, json};
use crate::server::shape::{Shape, ShapeId, Shapes, Strategic};
use crate::server::status::ApiError;

use lists::Merging;

mod lists;
mod order;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList";
const SET_ORDER: &str = "$setElementOrder";

type Fields = Map<String, Value>;

/// Applies a patch to an object.
///
/// # Errors
///
/// 400, 422 or 500, as the real server has it for the fault at hand.
pub fn apply(shapes: &Shapes, root: ShapeId, object: &Value, patch: &Value) -> Result<Value, ApiError> {
    let patch = match patch {
        Value::Object(fields) => fields.clone(),
        Value::Null => Fields::new(),
        other => {
            let name = go::json_name(other);
            return Err(ApiError::bad_request(format!(
                "json: cannot unmarshal {name} into Go value of type map[string]interface {{}}"
            )));
        }
    };
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let fields = object.as_object().cloned().unwrap_or_default();
    let merged = Strategist { shapes, kind }.merge(fields, patch, root);
    merged.map(Value::Object).map_err(Fault::refuse)
}

/// What is wrong with a patch.
#[derive(Debug, PartialEq)]
enum Fault {
    /// The patch is malformed: 400.
    Malformed(&'static str),
    /// The patch asks for what cannot be: 422, without a reason.
    Impossible,
    /// Anything else: 500.
    Other(String),
}

impl Fault {
    fn refuse(self) -> ApiError {
        match self {
            Self::Malformed(message) => ApiError::bad_request(message),
            Self::Impossible => json::failed(),
            Self::Other(message) => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "", message),
        }
    }

    fn no_merge_key(item: &Fields, key: &str) -> Self {
        let shown = go::print(&Value::Object(item.clone()));
        Self::Other(format!("map: {shown} does not contain declared merge key: {key}"))
    }

    fn wrong_type(expected: &str, actual: &Value) -> Self {
        Self::Other(format!(
            "expected a {expected}, but received a {}",
            go::type_name(actual)
        ))
    }

    fn unknown_directive(directive: &Value, patch: &Fields) -> Self {
        let shown = go::print(&Value::Object(patch.clone()));
        Self::Other(format!("unknown patch type: {} in map: {shown}", go::print(directive)))
    }
}

/// Merges along shapes.
#[derive(Clone, Copy)]
struct Strategist<'a> {
    shapes: &'a Shapes,
    /// The object's kind, which is named where the real server names its type for a part of the object.
    kind: &'a str,
}

impl<'a> Strategist<'a> {
    /// Merges a patch into an object or a part of it.
    fn merge(self, original: Fields, mut patch: Fields, shape: ShapeId) -> Result<Fields, Fault> {
        if let Some(directive) = patch.remove(DIRECTIVE) {
            return match directive.as_str() {
                Some("replace") => Ok(patch),
                Some("delete") => Ok(Fields::new()),
                _ => {
                    patch.insert(DIRECTIVE.to_owned(), directive.clone());
                    Err(Fault::unknown_directive(&directive, &patch))
                }
            };
        }
        let mut original = original;
        retain_keys(&mut original, &mut patch)?;
        self.merge_ordered(&mut original, &mut patch, shape)?;
        for (name, value) in patch {
            self.merge_field(&mut original, &name, value, shape)?;
        }
        Ok(original)
    }

    fn merge_field(self, original: &mut Fields, name: &str, mut patch: Value, shape: ShapeId) -> Result<(), Fault> {
        let deletes = name.starts_with(DELETE_FROM);
        let name = if deletes {
            directed(name, DELETE_FROM, "invalid patch format of primitive list")?
        } else {
            name
        };
        if patch.is_null() {
            original.remove(name);
            return Ok(());
        }
        match (original.remove(name), patch) {
            (Some(Value::Object(theirs)), Value::Object(ours)) if !deletes => {
                let (_, below) = self.field(shape, name)?;
                let merged = self.merge(theirs, ours, below)?;
                original.insert(name.to_owned(), Value::Object(merged));
            }
            (Some(Value::Array(theirs)), Value::Array(ours)) => {
                let (strategic, below) = self.field(shape, name)?;
                let merging = self.merging(&strategic, below);
                let merged = if strategic.merge || deletes {
                    merging.merge(theirs, ours, deletes)?
                } else {
                    ours
                };
                original.insert(name.to_owned(), Value::Array(merged));
            }
            (theirs, _) if deletes => {
                original.extend(theirs.map(|theirs| (name.to_owned(), theirs)));
            }
            (_, ours) => {
                patch = ours;
                drop_nulls(&mut patch);
                let kept = without_directives(patch);
                original.extend(kept.map(|kept| (name.to_owned(), kept)));
            }
        }
        Ok(())
    }

    /// Merges the lists for which the patch says in which order their items are to be.
    fn merge_ordered(self, original: &mut Fields, patch: &mut Fields, shape: ShapeId) -> Result<(), Fault> {
        let directives: Vec<String> = patch
            .keys()
            .filter(|name| name.starts_with(SET_ORDER))
            .cloned()
            .collect();
        for directive in directives {
            let wanted = match patch.remove(&directive) {
                Some(Value::Array(wanted)) => wanted,
                Some(other) => return Err(Fault::wrong_type("[]interface {}", &other)),
                None => continue,
            };
            let name = directed(&directive, SET_ORDER, "invalid patch format of setElementOrder list")?;
            let (theirs, ours) = (list(original.get(name))?, list(patch.get(name))?);
            let (strategic, below) = self.field(shape, name)?;
            let merging = self.merging(&strategic, below);
            merging.check_order(ours.as_deref().unwrap_or_default(), &wanted)?;
            let merged = match (theirs.clone(), ours.clone()) {
                (None, None) => continue,
                (Some(theirs), None) => theirs,
                (None, Some(ours)) => ours.into_iter().filter_map(without_directives).collect(),
                (Some(theirs), Some(ours)) if strategic.merge => merging.merge(theirs, ours, false)?,
                (Some(_), Some(ours)) => ours,
            };
            let (theirs, ours) = (theirs.unwrap_or_default(), ours.unwrap_or_default());
            lists::element_type(&[&theirs, &ours])?;
            let sorted = merging.order(merged, &wanted, &theirs)?;
            original.insert(name.to_owned(), Value::Array(sorted));
            patch.remove(name);
        }
        Ok(())
    }

    /// How a field is merged, and the shape of its value or, for a list, of its items.
    fn field(self, shape: ShapeId, name: &str) -> Result<(Strategic, ShapeId), Fault> {
        let Shape::Struct(fields) = self.shapes.get(shape) else {
            return Err(Fault::Other(
                "merging an object in json but data type is not struct, instead is: map".to_owned(),
            ));
        };
        let field = fields.fields.get(name).ok_or_else(|| {
            let kind = self.kind;
            Fault::Other(format!(
                "unable to find api field in struct {kind} for the json field \"{name}\""
            ))
        })?;
        let below = match self.shapes.get(field.shape) {
            Shape::List { items, .. } => *items,
            _ => field.shape,
        };
        Ok((field.strategic.clone(), below))
    }

    fn merging<'s>(self, strategic: &'s Strategic, items: ShapeId) -> Merging<'a, 's> {
        Merging {
            strategist: self,
            key: strategic.key.as_deref(),
            items,
        }
    }
}

/// The list that a directive is about.
fn directed<'n>(name: &'n str, prefix: &str, fault: &'static str) -> Result<&'n str, Fault> {
    match name.split_once('/') {
        Some((before, list)) if before == prefix => Ok(list),
        _ => Err(Fault::Malformed(fault)),
    }
}

fn list(value: Option<&Value>) -> Result<Option<Vec<Value>>, Fault> {
    match value {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items.clone())),
        Some(other) => Err(Fault::wrong_type("[]interface {}", other)),
    }
}

/// Drops the fields that the patch does not name, if it names those to keep.
fn retain_keys(original: &mut Fields, patch: &mut Fields) -> Result<(), Fault> {
    const FAULT: Fault = Fault::Malformed("invalid patch format of retainKeys");
    let kept = match patch.remove(RETAIN_KEYS) {
        None => return Ok(()),
        Some(Value::Array(kept)) => kept,
        Some(_) => return Err(FAULT),
    };
    let keeps = |name: &str| kept.iter().any(|kept| kept == name);
    let sets =
        |name: &str, value: &Value| !value.is_null() && !name.starts_with(DELETE_FROM) && !name.starts_with(SET_ORDER);
    if patch.iter().any(|(name, value)| sets(name, value) && !keeps(name)) {
        return Err(FAULT);
    }
    original.retain(|name, _| keeps(name));
    Ok(())
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// A value of a patch for which there is nothing to merge into; `None` if a directive makes it nothing.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(fields) if fields.contains_key(DIRECTIVE) => None,
        Value::Object(fields) => Some(Value::Object(
            fields
                .into_iter()
                .filter_map(|(name, value)| Some((name, without_directives(value)?)))
                .collect(),
        )),
        Value::Array(items) => Some(items.into_iter().filter_map(without_directives).collect()),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests;
