//! The OpenAPI v3 documents: an index, and one for each version of a group.

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::{Whole, body::Body, discovery, respond};
use crate::server::{
    registry::{
        Registry,
        resource::{Nature, Resource},
    },
    status::ApiError,
    types::{Types, openapi::CustomKind},
};

/// Answers for `/openapi/…`; `rest` is what follows.
///
/// # Errors
///
/// None of its own.
pub fn answer(registry: &Registry, request: &Whole, rest: &[&str]) -> Result<Response<Body>, ApiError> {
    let found = match rest {
        ["v3"] => return Ok(index(registry)),
        ["v3", "version"] => Some(Document {
            hash: Types::kubernetes().openapi_hash("", "version", &[]),
            value: Types::kubernetes().openapi_of_version(),
        }),
        ["v3", "api", version] => document(registry, "", version),
        ["v3", "apis", group, version] => document(registry, group, version),
        ["v3", ..] => None,
        _ => return Ok(respond::no_page()),
    };
    let Some(document) = found else {
        return Ok(respond::empty(StatusCode::NOT_FOUND));
    };
    let tag = format!("\"{}\"", document.hash);
    let asked = request.query.get("hash");
    let is_known = request.header(header::IF_NONE_MATCH) == Some(tag.as_str());
    let mut response = if !asked.is_empty() && asked != document.hash {
        // A client that comes with another hash has an old index.
        let place = format!("/openapi/{}?hash={}", rest.join("/"), document.hash);
        let mut moved = respond::empty(StatusCode::MOVED_PERMANENTLY);
        set(&mut moved, header::LOCATION, &place);
        moved
    } else if is_known {
        respond::empty(StatusCode::NOT_MODIFIED)
    } else {
        respond::value(StatusCode::OK, discovery::PLAIN, &document.value)
    };
    set(&mut response, header::ETAG, &tag);
    Ok(response)
}

fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

struct Document {
    hash: String,
    value: Value,
}

/// The index says nothing of what it is in, so that it passes for text.
fn index(registry: &Registry) -> Response<Body> {
    let groups = discovery::groups(registry);
    let custom = groups.iter().flat_map(|group| {
        let versions = group.versions.iter();
        versions.map(|version| (group.name.as_str(), version.name.as_str(), kinds(&version.resources)))
    });
    let custom: Vec<_> = custom.filter(|(_, _, kinds)| !kinds.is_empty()).collect();
    let custom = custom
        .iter()
        .map(|(group, version, kinds)| (*group, *version, kinds.as_slice()));
    let index = Types::kubernetes().openapi_index(custom);
    respond::bytes(StatusCode::OK, respond::TEXT, index.to_string())
}

fn document(registry: &Registry, group: &str, version: &str) -> Option<Document> {
    let groups = discovery::groups(registry);
    let found = groups.iter().find(|known| known.name == group)?;
    let found = found.versions.iter().find(|known| known.name == version)?;
    let (types, kinds) = (Types::kubernetes(), kinds(&found.resources));
    Some(Document {
        hash: types.openapi_hash(group, version, &kinds),
        value: types.openapi(group, version, &kinds)?,
    })
}

fn kinds(resources: &[std::sync::Arc<Resource>]) -> Vec<CustomKind> {
    let custom = resources.iter().filter_map(|resource| match &resource.nature {
        Nature::BuiltIn(_) => None,
        Nature::Custom(definition) => Some(CustomKind {
            plural: resource.plural.clone(),
            kind: resource.kind.clone(),
            list_kind: resource.list_kind.clone(),
            namespaced: resource.namespaced,
            schema: definition.schema().cloned().unwrap_or_default(),
            status: resource.subresource("status").is_some(),
            scale: resource.subresource("scale").is_some(),
        }),
    });
    custom.collect()
}
