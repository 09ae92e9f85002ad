//! Objects as they are stored, and back: values in, bytes with what selectors ask for out. An object is stored without its
//! `apiVersion` and `kind`, which depend on the version that is asked for: showing it in another one is another beginning.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Map, Value};

use super::{
    object::metadata_mut,
    resource::{Nature, Resource},
};
use crate::server::{
    status::ApiError,
    store::{Object, Revision},
    types::Types,
};

/// An object as it is stored under a key, at a revision.
#[must_use]
pub fn encode(resource: &Resource, key: &str, mut object: Value, revision: Revision) -> Object {
    if let Nature::Custom(definition) = &resource.nature
        && definition.is_stored_otherwise()
    {
        definition.fit_stored(&mut object);
    }
    let fields = resource.selectable(&object);
    if let Some(twin) = &resource.twin {
        (twin.store)(&mut object);
    }
    metadata_mut(&mut object).insert("resourceVersion".to_owned(), revision.to_string().into());
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten();
    let labels = labels.filter_map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into())));
    let labels = labels.collect();
    if let Some(map) = object.as_object_mut() {
        map.remove("apiVersion");
        map.remove("kind");
    }
    Object {
        key: key.into(),
        revision,
        json: object.to_string().into(),
        labels,
        fields: fields
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
    }
}

/// A stored object as a value, in the version of a resource.
///
/// # Errors
///
/// 500 if it is no JSON, which cannot be.
pub fn decode(resource: &Resource, object: &Object) -> Result<Value, ApiError> {
    let mut value: Value = serde_json::from_slice(&object.json).map_err(ApiError::internal)?;
    if let (Some(twin), Nature::BuiltIn(id)) = (&resource.twin, &resource.nature) {
        (twin.show)(&mut value);
        let decoded = Types::kubernetes().decode(*id, value).map_err(ApiError::internal)?;
        value = decoded.object;
    }
    if let Some(map) = value.as_object_mut() {
        set_kind(map, resource);
    }
    // What was stored under an older schema gets the defaults of this one.
    if let Nature::Custom(definition) = &resource.nature
        && object.revision < definition.since
    {
        definition.fit_stored(&mut value);
    }
    Ok(value)
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

    /// Writes an object.
    pub fn show(&self, resource: &Resource, object: &Object, out: &mut BytesMut) {
        let is_shown_anew = match &resource.nature {
            Nature::Custom(definition) => object.revision < definition.since,
            Nature::BuiltIn(_) => resource.twin.is_some(),
        };
        let other = is_shown_anew.then(|| decode(resource, object)).and_then(Result::ok);
        let other = other.map(|mut value| {
            if let Some(map) = value.as_object_mut() {
                map.remove("apiVersion");
                map.remove("kind");
            }
            Bytes::from(value.to_string())
        });
        let json = other.as_ref().unwrap_or(&object.json);
        out.reserve(self.0.len() + json.len());
        out.put_slice(&self.0);
        out.put_slice(json.get(1..).unwrap_or_default());
    }

    /// About how many bytes an object takes.
    #[must_use]
    pub fn size(&self, object: &Object) -> usize {
        self.0.len() + object.json.len()
    }
}
