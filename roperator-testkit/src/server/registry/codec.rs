//! Objects as they are stored, and back: values in, bytes with what selectors ask for out. An object is stored without its
//! `apiVersion` and `kind`, which depend on the version that is asked for, and without its `resourceVersion`, which depends
//! on the write: showing it in another version is another beginning.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Map, Value};

use super::{
    custom::{Definition, Unconverted},
    object::{metadata_mut, set_meta},
    resource::{Nature, Resource},
};
use crate::server::{
    status::ApiError,
    store::{Content, Object, Revision},
    types::Types,
};

/// How stored objects begin. Their resource version is empty, and shown right after this.
const BEGINNING: &str = r#"{"metadata":{"resourceVersion":""#;

/// An object as it is stored.
///
/// # Errors
///
/// 500 if storing it takes a webhook.
pub fn encode(resource: &Resource, mut object: Value) -> Result<Content, ApiError> {
    let fields = resource.selectable(&object);
    let definition = resource.definition();
    let schema = definition.map(|definition| store(resource, definition, &mut object));
    let schema = schema.transpose()?;
    if let Some(twin) = &resource.twin {
        (twin.store)(&mut object);
    }
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten();
    let labels = labels.filter_map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into())));
    let labels = labels.collect();
    Ok(Content {
        json: write(object),
        schema,
        labels,
        fields: fields
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
    })
}

/// An object as bytes that begin as all do.
fn write(mut object: Value) -> Bytes {
    let mut metadata = std::mem::take(metadata_mut(&mut object));
    metadata.remove("resourceVersion");
    let mut others = object.as_object_mut().map(std::mem::take).unwrap_or_default();
    for field in ["apiVersion", "kind", "metadata"] {
        others.remove(field);
    }
    format!("{BEGINNING}\"{}{}", members(metadata), members(others)).into()
}

/// More members of an object that has some already, and its end.
fn members(map: Map<String, Value>) -> String {
    if map.is_empty() {
        return "}".to_owned();
    }
    let mut text = Value::Object(map).to_string();
    text.replace_range(..1, ",");
    text
}

/// Whether writing `new` in the place of `old`, which is how `live` is read, would store what is stored already. A custom
/// object that reads the same may be stored anew: in another version, or with defaults that it did not have.
///
/// # Errors
///
/// As [`encode`].
pub fn is_stored(resource: &Resource, live: &Object, old: &Value, new: &Value) -> Result<bool, ApiError> {
    let Some(definition) = resource.definition() else {
        return Ok(new == old);
    };
    if new != old && !definition.is_stored_otherwise() {
        return Ok(false);
    }
    let (new, old) = (encode(resource, new.clone())?, encode(resource, old.clone())?);
    Ok(new.json == old.json && new.json == live.content.json && new.schema == live.content.schema)
}

/// What an object would be shown as if it were stored.
///
/// # Errors
///
/// As [`encode`].
pub fn as_if_stored(resource: &Resource, mut object: Value) -> Result<Value, ApiError> {
    if let Some(definition) = resource.definition() {
        let schema = store(resource, definition, &mut object)?;
        read(resource, definition, &schema, &mut object)?;
    }
    Ok(object)
}

/// A stored object as a value, in the version of a resource.
///
/// # Errors
///
/// 500 if it is no JSON, which cannot be, or cannot be had in this version.
pub fn decode(resource: &Resource, object: &Object) -> Result<Value, ApiError> {
    let mut value: Value = serde_json::from_slice(&object.content.json).map_err(ApiError::internal)?;
    set_meta(&mut value, "resourceVersion", &object.revision.to_string());
    if let (Some(twin), Nature::BuiltIn(id)) = (&resource.twin, &resource.nature) {
        (twin.show)(&mut value);
        let decoded = Types::kubernetes().decode(*id, value).map_err(ApiError::internal)?;
        value = decoded.object;
    }
    if let Some(map) = value.as_object_mut() {
        set_kind(map, resource);
    }
    if let (Some(definition), Some(schema)) = (resource.definition(), &object.content.schema)
        && !definition.is_shown_as_stored(schema)
    {
        read(resource, definition, schema, &mut value)?;
    }
    Ok(value)
}

fn store(resource: &Resource, definition: &Definition, object: &mut Value) -> Result<Arc<str>, ApiError> {
    let stored = definition.store(object);
    stored.map_err(|why| unconverted(resource, &why))
}

fn read(resource: &Resource, definition: &Definition, schema: &str, object: &mut Value) -> Result<(), ApiError> {
    let read = definition.read(schema, object);
    read.map_err(|why| unconverted(resource, &why))
}

fn unconverted(resource: &Resource, why: &Unconverted) -> ApiError {
    ApiError::unexpected(why.told(&resource.group, &resource.kind))
}

/// Writes the `apiVersion` and the `kind` of a resource into an object.
pub fn set_kind(object: &mut Map<String, Value>, resource: &Resource) {
    object.insert("apiVersion".to_owned(), resource.api_version().into());
    object.insert("kind".to_owned(), resource.kind.clone().into());
}

/// How objects of a resource are shown: the bytes that stand for the opening brace.
#[derive(Debug, Clone)]
pub struct Opening(Bytes);

impl Opening {
    /// The opening of a single object.
    #[must_use]
    pub fn single(resource: &Resource) -> Self {
        let kind = Value::from(resource.kind.as_str());
        let version = Value::from(resource.api_version());
        Self(format!("{{\"kind\":{kind},\"apiVersion\":{version},").into())
    }

    /// The opening of an item of a list: items of built-in lists do not say what they are.
    #[must_use]
    pub fn item(resource: &Resource) -> Self {
        if resource.is_custom() {
            return Self::single(resource);
        }
        Self(Bytes::from_static(b"{"))
    }

    /// Writes an object, as the version of a revision.
    ///
    /// # Errors
    ///
    /// As [`decode`]; nothing is written then.
    pub fn show(
        &self,
        resource: &Resource,
        object: &Object,
        revision: Revision,
        out: &mut BytesMut,
    ) -> Result<(), ApiError> {
        let is_shown_as_stored = match (resource.definition(), &object.content.schema) {
            (Some(definition), Some(schema)) => definition.is_shown_as_stored(schema),
            _ => resource.twin.is_none(),
        };
        let other = (!is_shown_as_stored).then(|| decode(resource, object)).transpose()?;
        let other = other.map(write);
        let json = other.as_ref().unwrap_or(&object.content.json);
        out.reserve(self.size(object));
        out.put_slice(&self.0);
        out.put_slice(BEGINNING.get(1..).unwrap_or_default().as_bytes());
        out.put_slice(revision.to_string().as_bytes());
        out.put_slice(json.get(BEGINNING.len()..).unwrap_or_default());
        Ok(())
    }

    /// About how many bytes an object takes.
    #[must_use]
    pub fn size(&self, object: &Object) -> usize {
        // A revision has at most so many digits.
        self.0.len() + object.content.json.len() + 20
    }
}
