//! The scale subresource of custom resources: the paths of a definition and an object in, an `autoscaling/v1` Scale out, and
//! its replicas back into the object.

use serde_json::{Map, Value, json};

use super::fields::text;
use crate::server::field::{FieldError, FieldPath};

/// Where a custom resource has its replicas and its selector: `spec.versions[*].subresources.scale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalePaths {
    /// `specReplicasPath`.
    pub spec: String,
    /// `statusReplicasPath`.
    pub status: String,
    /// `labelSelectorPath`; empty where there is none.
    pub selector: String,
}

impl ScalePaths {
    /// The paths of a version of a definition, if it has a scale.
    #[must_use]
    pub fn of_version(version: &Value) -> Option<Self> {
        let scale = version
            .get("subresources")?
            .get("scale")
            .filter(|scale| scale.is_object())?;
        Some(Self {
            spec: text(scale, "specReplicasPath"),
            status: text(scale, "statusReplicasPath"),
            selector: text(scale, "labelSelectorPath"),
        })
    }

    /// The Scale of an object, and whether the object has its replicas set.
    ///
    /// # Errors
    ///
    /// A value of a wrong type at one of the paths, as the server's helpers put it.
    pub fn scale(&self, object: &Value) -> Result<(Value, bool), String> {
        let desired = integer(object, &self.spec)?;
        let actual = integer(object, &self.status)?.unwrap_or_default();
        let selector = if self.selector.is_empty() {
            None
        } else {
            string(object, &self.selector)?
        };
        let mut metadata = Map::new();
        for name in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            if let Some(value) = object.get("metadata").and_then(|metadata| metadata.get(name)) {
                metadata.insert(name.to_owned(), value.clone());
            }
        }
        let mut spec = Map::new();
        if let Some(desired) = desired.filter(|desired| *desired != 0) {
            spec.insert("replicas".to_owned(), desired.into());
        }
        let mut status = json!({"replicas": actual});
        if let (Some(selector), Some(status)) = (selector.filter(|text| !text.is_empty()), status.as_object_mut()) {
            status.insert("selector".to_owned(), selector.into());
        }
        let scale = json!({
            "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": spec, "status": status,
        });
        Ok((scale, desired.is_some()))
    }

    /// Writes the replicas of a Scale into its object.
    ///
    /// # Errors
    ///
    /// What is in the path's way.
    pub fn set_replicas(&self, object: &mut Value, replicas: i64) -> Result<(), String> {
        let mut here = object;
        for name in segments(&self.spec) {
            let Value::Object(map) = here else {
                return Err(format!(
                    "value cannot be set because {} is not a map[string]interface{{}}",
                    self.spec
                ));
            };
            here = map.entry(name).or_insert_with(|| json!({}));
        }
        *here = replicas.into();
        Ok(())
    }

    /// What the server answers, with 500, where replicas were never set.
    #[must_use]
    pub fn missing_replicas(&self) -> String {
        format!("the spec replicas field \"{}\" does not exist", self.spec)
    }

    /// What is wrong with the desired replicas.
    pub(super) fn validate_spec(&self, object: &Value) -> Vec<FieldError> {
        replicas(object, &self.spec).into_iter().collect()
    }

    /// What is wrong with the actual replicas and the selector.
    pub(super) fn validate_status(&self, object: &Value) -> Vec<FieldError> {
        let mut found: Vec<FieldError> = replicas(object, &self.status).into_iter().collect();
        if let (false, Err(error)) = (self.selector.is_empty(), string(object, &self.selector)) {
            found.push(FieldError::invalid(&FieldPath::new(&self.selector), "", error));
        }
        found
    }
}

fn replicas(object: &Value, path: &str) -> Option<FieldError> {
    let here = FieldPath::new(path);
    match integer(object, path) {
        Err(error) => Some(FieldError::invalid(&here, 0, error)),
        Ok(Some(few)) if few < 0 => Some(FieldError::invalid(&here, few, "should be a non-negative integer")),
        Ok(Some(many)) if many > i64::from(i32::MAX) => {
            let why = format!("should be less than or equal to {}", i32::MAX);
            Some(FieldError::invalid(&here, many, why))
        }
        Ok(_) => None,
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('.').unwrap_or(path).split('.')
}

/// The value at a path; nothing where a part of the path is absent.
fn lookup<'a>(object: &'a Value, path: &str) -> Result<Option<&'a Value>, String> {
    let mut here = object;
    let mut walked: Vec<&str> = Vec::new();
    for name in segments(path) {
        walked.push(name);
        match here {
            Value::Object(map) => match map.get(name) {
                Some(value) => here = value,
                None => return Ok(None),
            },
            Value::Null => return Ok(None),
            other => {
                let (shown, kind) = (go_value(other), go_type(other));
                return Err(format!(
                    ".{} accessor error: {shown} is of the type {kind}, expected map[string]interface{{}}",
                    walked.join(".")
                ));
            }
        }
    }
    Ok(Some(here))
}

fn integer(object: &Value, path: &str) -> Result<Option<i64>, String> {
    let Some(found) = lookup(object, path)? else {
        return Ok(None);
    };
    found.as_i64().map(Some).ok_or_else(|| wrong_type(found, path, "int64"))
}

fn string<'a>(object: &'a Value, path: &str) -> Result<Option<&'a str>, String> {
    let Some(found) = lookup(object, path)? else {
        return Ok(None);
    };
    found
        .as_str()
        .map(Some)
        .ok_or_else(|| wrong_type(found, path, "string"))
}

fn wrong_type(found: &Value, path: &str, wanted: &str) -> String {
    let path = path.strip_prefix('.').unwrap_or(path);
    format!(
        ".{path} accessor error: {} is of the type {}, expected {wanted}",
        go_value(found),
        go_type(found)
    )
}

/// A value as Go's `%v` writes it; for lists and objects, which no definition lets be here, as JSON.
fn go_value(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_go_out_and_in() {
        let version = json!({"subresources": {"scale": {
            "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}}});
        let paths = ScalePaths::of_version(&version).unwrap();
        let mut object = json!({"metadata": {"name": "x", "labels": {}}, "status": {"replicas": 2, "selector": "a=b"}});
        let (scale, found) = paths.scale(&object).unwrap();
        assert!(!found);
        assert_eq!(scale["metadata"], json!({"name": "x"}));
        assert_eq!(scale["status"], json!({"replicas": 2, "selector": "a=b"}));
        paths.set_replicas(&mut object, 3).unwrap();
        assert_eq!(paths.scale(&object).unwrap().0["spec"], json!({"replicas": 3}));
        let wrong = json!({"spec": {"replicas": "3"}});
        assert_eq!(
            paths.validate_spec(&wrong)[0].to_string(),
            ".spec.replicas: Invalid value: 0: .spec.replicas accessor error: 3 is of the type string, expected int64"
        );
        assert_eq!(
            paths.validate_spec(&json!({"spec": 5}))[0].detail,
            ".spec.replicas accessor error: 5 is of the type int64, expected map[string]interface{}"
        );
        assert!(ScalePaths::of_version(&json!({})).is_none());
    }
}
