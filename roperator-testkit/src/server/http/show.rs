//! Objects in the form that the client asked for: whole, their metadata alone, or rows of a table.

use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    body::Body,
    negotiate::{Form, Representation},
    options::Query,
    respond,
};
use crate::server::{
    registry::{
        Registry,
        codec::{Opening, decode},
        read::List,
        resource::{Nature, Resource},
        write::Written,
    },
    status::ApiError,
    store::Object,
    table,
};

/// What is shown, and how.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Everything that there is.
    pub registry: &'a Registry,
    /// Of which kind the objects are.
    pub resource: &'a Resource,
    /// How tables are to be.
    pub query: &'a Query,
    /// What the client accepts.
    pub representation: Representation,
}

impl Source<'_> {
    /// An object after a read or a write.
    ///
    /// # Errors
    ///
    /// 406 if a list was asked for.
    pub fn written(&self, code: StatusCode, object: &Written) -> Result<Response<Body>, ApiError> {
        let Representation { form, version, .. } = self.representation;
        if let (Written::Stored(stored), Form::Whole) = (object, form) {
            let mut bytes = BytesMut::new();
            Opening::single(self.resource).show(self.resource, stored, stored.revision, &mut bytes)?;
            return Ok(respond::json(code, self.representation, bytes.freeze()));
        }
        let value = match object {
            Written::Stored(stored) => decode(self.resource, stored)?,
            Written::Shown(value) => value.clone(),
        };
        let shown = match form {
            Form::Whole => value,
            Form::Metadata => metadata_of(&value, version),
            // The real server does not know what is no list among custom objects.
            Form::MetadataList if self.resource.is_custom() => {
                return Err(ApiError::unexpected("content is not a list"));
            }
            Form::MetadataList => return Err(self.not_acceptable("PartialObjectMetadataList", false)),
            Form::Table => {
                let version = value.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
                self.table(json!({"resourceVersion": version}), &[value], true)?
            }
        };
        Ok(respond::value(code, self.representation, &shown))
    }

    /// A list.
    ///
    /// # Errors
    ///
    /// 406 if a single object was asked for.
    pub fn list(&self, list: &List) -> Result<Response<Body>, ApiError> {
        let mut metadata = json!({"resourceVersion": list.page.revision.to_string()});
        if let Some(map) = metadata.as_object_mut() {
            if !list.continue_token.is_empty() {
                map.insert("continue".to_owned(), list.continue_token.clone().into());
            }
            if let Some(remaining) = list.remaining {
                map.insert("remainingItemCount".to_owned(), remaining.into());
            }
        }
        self.listed(metadata, &list.page.objects)
    }

    fn listed(&self, metadata: Value, objects: &[Arc<Object>]) -> Result<Response<Body>, ApiError> {
        let Representation { form, version, .. } = self.representation;
        let values = || {
            let decoded = objects.iter().map(|object| decode(self.resource, object));
            decoded.collect::<Result<Vec<_>, _>>()
        };
        let shown = match form {
            Form::Whole => {
                let bytes = whole_list(self.resource, metadata, objects)?;
                return Ok(respond::json(StatusCode::OK, self.representation, bytes.freeze()));
            }
            Form::Metadata => return Err(self.not_acceptable("PartialObjectMetadata", true)),
            Form::MetadataList => {
                let items = values()?;
                let items: Vec<Value> = items.iter().map(|item| metadata_of(item, version)).collect();
                json!({
                    "kind": "PartialObjectMetadataList",
                    "apiVersion": format!("meta.k8s.io/{version}"),
                    "metadata": metadata,
                    // Go writes a list into which nothing was put as null.
                    "items": if items.is_empty() { Value::Null } else { items.into() },
                })
            }
            Form::Table => self.table(metadata, &values()?, true)?,
        };
        Ok(respond::value(StatusCode::OK, self.representation, &shown))
    }

    fn not_acceptable(&self, asked: &str, is_list: bool) -> ApiError {
        let is = if is_list { "is a list" } else { "is not a list" };
        let shown = self.resource.internal_type(is_list);
        ApiError::not_acceptable(format!(
            "you requested {asked}, but the requested object {is} (*{shown})"
        ))
    }

    /// Objects as rows of a table; `headers` says whether the columns are described.
    ///
    /// # Errors
    ///
    /// 400 for an `includeObject` that is none.
    pub fn table(&self, metadata: Value, objects: &[Value], headers: bool) -> Result<Value, ApiError> {
        let options = table::Options {
            version: self.representation.version,
            include: table::Include::parse(Some(self.query.get("includeObject")))?,
            headers,
            now: self.registry.clock.now(),
        };
        let objects: Vec<&Value> = objects.iter().collect();
        Ok(match &self.resource.nature {
            Nature::Custom(definition) => table::table(&definition.columns, &metadata, &objects, options),
            Nature::BuiltIn(_) => {
                let columns = table::columns(&self.resource.group, &self.resource.plural);
                table::table(columns, &metadata, &objects, options)
            }
        })
    }
}

/// Lists are written as bytes: nothing is decoded for them.
fn whole_list(resource: &Resource, mut metadata: Value, objects: &[Arc<Object>]) -> Result<BytesMut, ApiError> {
    // Lists of custom objects tell where they go on even if they do not.
    if let (Some(map), true) = (metadata.as_object_mut(), resource.is_custom()) {
        map.entry("continue").or_insert_with(|| "".into());
    }
    let opening = Opening::item(resource);
    let size: usize = objects.iter().map(|object| opening.size(object) + 1).sum();
    let kind = Value::from(resource.list_kind.as_str());
    let version = Value::from(resource.api_version());
    let head = format!("{{\"kind\":{kind},\"apiVersion\":{version},\"metadata\":{metadata},\"items\":[");
    let mut bytes = BytesMut::with_capacity(head.len() + size + 2);
    bytes.put_slice(head.as_bytes());
    for (index, object) in objects.iter().enumerate() {
        if index > 0 {
            bytes.put_u8(b',');
        }
        opening.show(resource, object, object.revision, &mut bytes)?;
    }
    bytes.put_slice(b"]}");
    Ok(bytes)
}

/// The metadata of an object as an object of its own, of a version of `meta.k8s.io`.
#[must_use]
pub fn metadata_of(object: &Value, version: &str) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": object.get("metadata").cloned().unwrap_or_default(),
    })
}
