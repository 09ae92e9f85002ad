//! Objects in the form that the client asked for: whole, their metadata alone, or rows of a table.

use std::{fmt::Write as _, sync::Arc};

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

/// An object after a read or a write.
///
/// # Errors
///
/// 500 if what is stored cannot be read, which cannot be.
pub fn written(
    registry: &Registry,
    resource: &Resource,
    code: StatusCode,
    representation: Representation,
    query: &Query,
    object: &Written,
) -> Result<Response<Body>, ApiError> {
    if let (Written::Stored(stored), Form::Whole) = (object, representation.form) {
        let mut bytes = BytesMut::new();
        Opening::single(resource).show(resource, stored, &mut bytes);
        return Ok(respond::json(code, representation, bytes.freeze()));
    }
    let value = match object {
        Written::Stored(stored) => decode(resource, stored)?,
        Written::Shown(value) => value.clone(),
    };
    let shown = match representation.form {
        Form::Whole => value,
        Form::Metadata => metadata_of(&value),
        Form::Table => {
            let version = value.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
            table_of(
                registry,
                resource,
                query,
                json!({"resourceVersion": version}),
                &[value],
                true,
            )?
        }
    };
    Ok(respond::value(code, representation, &shown))
}

/// A list.
///
/// # Errors
///
/// 500 if what is stored cannot be read, which cannot be.
pub fn list(
    registry: &Registry,
    resource: &Resource,
    representation: Representation,
    query: &Query,
    list: &List,
) -> Result<Response<Body>, ApiError> {
    let mut metadata = json!({"resourceVersion": list.page.revision.to_string()});
    if let Some(map) = metadata.as_object_mut() {
        if !list.continue_token.is_empty() {
            map.insert("continue".to_owned(), list.continue_token.clone().into());
        }
        if let Some(remaining) = list.remaining {
            map.insert("remainingItemCount".to_owned(), remaining.into());
        }
    }
    listed(registry, resource, representation, query, metadata, &list.page.objects)
}

/// Objects that are no list of the store: those that were deleted together.
///
/// # Errors
///
/// 500 if what is stored cannot be read, which cannot be.
pub fn objects(
    registry: &Registry,
    resource: &Resource,
    representation: Representation,
    query: &Query,
    objects: &[Arc<Object>],
) -> Result<Response<Body>, ApiError> {
    let metadata = json!({"resourceVersion": registry.store.revision().to_string()});
    listed(registry, resource, representation, query, metadata, objects)
}

fn listed(
    registry: &Registry,
    resource: &Resource,
    representation: Representation,
    query: &Query,
    metadata: Value,
    objects: &[Arc<Object>],
) -> Result<Response<Body>, ApiError> {
    let values = || {
        objects
            .iter()
            .map(|object| decode(resource, object))
            .collect::<Result<Vec<_>, _>>()
    };
    let shown = match representation.form {
        Form::Whole => {
            let bytes = whole_list(resource, &metadata, objects);
            return Ok(respond::json(StatusCode::OK, representation, bytes.freeze()));
        }
        Form::Metadata => {
            let items: Vec<Value> = values()?.iter().map(metadata_of).collect();
            json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "items": items,
            })
        }
        Form::Table => table_of(registry, resource, query, metadata, &values()?, true)?,
    };
    Ok(respond::value(StatusCode::OK, representation, &shown))
}

/// Lists are written as bytes: nothing is decoded for them.
fn whole_list(resource: &Resource, metadata: &Value, objects: &[Arc<Object>]) -> BytesMut {
    let opening = Opening::item(resource);
    let size: usize = objects.iter().map(|object| opening.size(object) + 1).sum();
    let mut head = String::new();
    let (kind, version) = (resource.list_kind.as_str(), resource.api_version());
    let _ = write!(
        head,
        "{{\"kind\":{},\"apiVersion\":{},\"metadata\":{metadata},\"items\":[",
        Value::from(kind),
        Value::from(version)
    );
    let mut bytes = BytesMut::with_capacity(head.len() + size + 2);
    bytes.put_slice(head.as_bytes());
    for (index, object) in objects.iter().enumerate() {
        if index > 0 {
            bytes.put_u8(b',');
        }
        opening.show(resource, object, &mut bytes);
    }
    bytes.put_slice(b"]}");
    bytes
}

/// The metadata of an object as an object of its own.
#[must_use]
pub fn metadata_of(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata").cloned().unwrap_or_default(),
    })
}

/// Objects as rows of a table; `headers` says whether the columns are described.
///
/// # Errors
///
/// 400 for an `includeObject` that is none.
pub fn table_of(
    registry: &Registry,
    resource: &Resource,
    query: &Query,
    metadata: Value,
    objects: &[Value],
    headers: bool,
) -> Result<Value, ApiError> {
    let options = table::Options {
        version: "v1",
        include: table::Include::parse(Some(query.get("includeObject")))?,
        headers,
        now: registry.clock.now(),
    };
    let objects: Vec<&Value> = objects.iter().collect();
    Ok(match &resource.nature {
        Nature::Custom(definition) => table::table(&definition.columns, &metadata, &objects, options),
        Nature::BuiltIn(_) => {
            let columns = table::columns(&resource.group, &resource.plural);
            table::table(columns, &metadata, &objects, options)
        }
    })
}
