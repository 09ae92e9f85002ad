//! The OpenAPI v3 documents: an index, and one for each version of a group.

use http::{Response, StatusCode};
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
pub fn answer(registry: &Registry, _request: &Whole, rest: &[&str]) -> Result<Response<Body>, ApiError> {
    let types = Types::kubernetes();
    let found = match rest {
        ["v3"] => {
            let groups = discovery::groups(registry);
            let custom = groups.iter().flat_map(|group| {
                let versions = group.versions.iter();
                versions.map(|version| (group.name.as_str(), version.name.as_str(), kinds(&version.resources)))
            });
            let custom: Vec<_> = custom.filter(|(_, _, kinds)| !kinds.is_empty()).collect();
            let custom = custom
                .iter()
                .map(|(group, version, kinds)| (*group, *version, kinds.as_slice()));
            Some(types.openapi_index(custom))
        }
        ["v3", "api", version] => document(registry, "", version),
        ["v3", "apis", group, version] => document(registry, group, version),
        _ => None,
    };
    Ok(match found {
        Some(found) => respond::value(StatusCode::OK, discovery::PLAIN, &found),
        None => respond::text(StatusCode::NOT_FOUND, "404 page not found\n"),
    })
}

fn document(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let groups = discovery::groups(registry);
    let found = groups.iter().find(|known| known.name == group)?;
    let found = found.versions.iter().find(|known| known.name == version)?;
    Types::kubernetes().openapi(group, version, &kinds(&found.resources))
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
