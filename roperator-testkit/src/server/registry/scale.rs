//! The scale of an object: a small object of its own, made of the large one and written back into it. Objects and their
//! scales in and out; the writes themselves are [`super::write`]'s.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{
    Registry,
    kinds::values,
    object::{copy_meta, meta, metadata_mut},
    resource::{Nature, Resource, unstored},
    strategy::Strategy,
    write::{Target, Written},
};
use crate::server::{
    field::{FieldError, FieldPath},
    patch::apply::{Managers, PathElement, scale},
    selector::labels::Selector,
    status::{ApiError, invalid_field},
};

/// What a Scale is, for whoever decodes or merges one.
static SCALE: LazyLock<Option<Resource>> = LazyLock::new(|| {
    let strategy = Strategy {
        has_status: true,
        ..Strategy::PLAIN
    };
    unstored("autoscaling", "v1", "Scale", strategy)
});

/// The resource that scales are decoded and merged as.
///
/// # Errors
///
/// 500 if the table of kinds has no Scale, which cannot be.
pub fn resource() -> Result<&'static Resource, ApiError> {
    SCALE
        .as_ref()
        .ok_or_else(|| ApiError::internal("there is no Scale among the built-in kinds"))
}

/// The replicas of a custom object that has none, in the scale that a write begins with: none that anybody may want.
const UNSET: i64 = i32::MIN as i64;

/// The scale of an object.
///
/// # Errors
///
/// 500 for a custom object that has no replicas, or something else in their place.
pub fn of(resource: &Resource, object: &Value) -> Result<Value, ApiError> {
    if let Nature::Custom(definition) = &resource.nature {
        let Some(paths) = &definition.scale else {
            return Err(ApiError::no_such_resource());
        };
        let (scale, is_set) = paths.scale(object).map_err(ApiError::internal)?;
        if !is_set {
            return Err(ApiError::internal(paths.missing_replicas()));
        }
        return Ok(scale);
    }
    let mut scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {}, "spec": {}});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        copy_meta(object, &mut scale, field);
    }
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    if number("/spec/replicas") != 0 {
        values::set(&mut scale, "spec", json!({"replicas": number("/spec/replicas")}));
    }
    let mut status = json!({"replicas": number("/status/replicas")});
    let selector = selector(resource, object);
    if !selector.is_empty() {
        values::set(&mut status, "selector", selector);
    }
    values::set(&mut scale, "status", status);
    Ok(scale)
}

/// The scale that a write begins with.
fn to_change(resource: &Resource, object: &Value) -> Result<Value, ApiError> {
    let Nature::Custom(definition) = &resource.nature else {
        return of(resource, object);
    };
    let paths = definition.scale.as_ref().ok_or_else(ApiError::no_such_resource)?;
    let (mut scale, is_set) = paths.scale(object).map_err(ApiError::unexpected)?;
    if !is_set {
        values::set(&mut scale, "spec", json!({"replicas": UNSET}));
    }
    Ok(scale)
}

fn check_is_set(resource: &Resource, replicas: i64) -> Result<(), ApiError> {
    match &resource.nature {
        Nature::Custom(definition) if replicas == UNSET => {
            let path = definition.scale.as_ref().map_or("", |paths| &paths.spec);
            let message = format!("the spec replicas field {path:?} cannot be empty");
            Err(ApiError::bad_request(message))
        }
        _ => Ok(()),
    }
}

fn selector(resource: &Resource, object: &Value) -> String {
    let Some(selector) = object.pointer("/spec/selector") else {
        return String::new();
    };
    if resource.group.is_empty() {
        return Selector::from_map(selector).to_string();
    }
    Selector::from_object(Some(selector)).map_or_else(|_| String::new(), |selector| selector.to_string())
}

impl Registry {
    /// Changes an object through its scale. `make` makes the new scale of the old one, managed fields included.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn update_scale(
        &self,
        target: &Target<'_>,
        make: &dyn Fn(&Value) -> Result<Value, ApiError>,
    ) -> Result<Value, ApiError> {
        let through = |live: Option<&Value>| {
            let parent = target.resource;
            let place = parent.group_resource();
            let Some(live) = live else {
                return Err(ApiError::not_found(&place, target.name));
            };
            let path = replicas_path(parent);
            let managers = Managers::of(live).unwrap_or_default();
            let mut old = to_change(parent, live)?;
            scale::to_scale(&managers, &|_| path.clone()).write(&mut old);
            let new = make(&old)?;
            check(target, &new, live)?;
            let mut object = live.clone();
            let replicas = new.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
            check_is_set(parent, replicas)?;
            set_replicas(parent, &mut object, replicas)?;
            if !meta(&new, "resourceVersion").is_empty() {
                copy_meta(&new, &mut object, "resourceVersion");
            }
            let owners = Managers::of(&new).unwrap_or_default();
            let owners = scale::from_scale(&managers, &owners, &parent.api_version(), &|_| path.clone());
            metadata_mut(&mut object).remove("managedFields");
            owners.write(&mut object);
            Ok(object)
        };
        let (written, _) = self.update(target, false, &through)?;
        let object = match written {
            Written::Stored(stored) => super::codec::decode(target.resource, &stored)?,
            Written::Shown(object) => object,
        };
        of(target.resource, &object)
    }

    /// Notes who owns what of a scale that was sent whole.
    ///
    /// # Errors
    ///
    /// As [`resource`].
    pub fn own_scale(&self, target: &Target<'_>, old: &Value, new: &mut Value) -> Result<(), ApiError> {
        let scale = Target {
            resource: resource()?,
            ..*target
        };
        self.own(&scale, Some(old), new);
        Ok(())
    }
}

fn check(target: &Target<'_>, scale: &Value, live: &Value) -> Result<(), ApiError> {
    let replicas = scale.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
    // A custom object's replicas are judged with it.
    if replicas < 0 && !target.resource.is_custom() {
        let path = FieldPath::new("spec.replicas");
        let error = FieldError::invalid(&path, replicas, "must be greater than or equal to 0");
        return Err(invalid_field("autoscaling", "Scale", target.name, error));
    }
    let (given, uid) = (meta(scale, "uid"), meta(live, "uid"));
    if !given.is_empty() && given != uid {
        let mut place = target.resource.group_resource();
        place.resource.push_str("/scale");
        let why = format!("Precondition failed: UID in precondition: {given}, UID in object meta: {uid}");
        return Err(ApiError::conflict(&place, target.name, &why));
    }
    Ok(())
}

fn set_replicas(resource: &Resource, object: &mut Value, replicas: i64) -> Result<(), ApiError> {
    if let Nature::Custom(definition) = &resource.nature
        && let Some(paths) = &definition.scale
    {
        return paths.set_replicas(object, replicas).map_err(ApiError::internal);
    }
    if let Some(spec) = object.get_mut("spec") {
        values::set(spec, "replicas", replicas);
    }
    Ok(())
}

fn replicas_path(resource: &Resource) -> Option<Vec<PathElement>> {
    let path = match &resource.nature {
        Nature::Custom(definition) => definition.scale.as_ref().map(|paths| paths.spec.clone())?,
        Nature::BuiltIn(_) => ".spec.replicas".to_owned(),
    };
    let names = path.split('.').filter(|name| !name.is_empty());
    Some(names.map(PathElement::field).collect())
}
