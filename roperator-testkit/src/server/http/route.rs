//! Where a request leads: a method and a path in, the verb or the refusal out.
//!
//! The real server has routes for its built-in kinds, each with the media types that it takes and gives; custom kinds are
//! served by one handler, which goes by the verb alone. So they refuse in different words.

use http::{Method, StatusCode, header};

use super::{Whole, path::Objects};
use crate::server::{registry::resource::Resource, status::ApiError};

/// What a built-in kind's answers may be.
pub const OBJECTS: [&str; 3] = [
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];
const LISTS: [&str; 5] = [
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
];
/// What a built-in kind's patches may be.
const PATCHES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

/// The verb that a request asks for; `None` if the path leads nowhere at all.
///
/// # Errors
///
/// 404 and 405 for paths and methods that there are not, 406 and 415 for media types that a route does not have.
pub fn verb(resource: &Resource, request: &Whole, target: &Objects) -> Result<Option<&'static str>, ApiError> {
    if resource.is_custom() {
        return custom(resource, &request.method, target);
    }
    let routes = routes(resource, target);
    if routes.is_empty() {
        return Err(ApiError::no_such_resource());
    }
    let found = routes.into_iter().find(|(method, _)| request.method == *method);
    let (_, verb) = found.ok_or_else(ApiError::method_not_allowed)?;
    if verb == "patch" {
        takes(request, &PATCHES)?;
    }
    gives(request, if verb == "list" { &LISTS } else { &OBJECTS })?;
    Ok(Some(verb))
}

/// The methods of a path of a built-in kind, with their verbs.
fn routes(resource: &Resource, target: &Objects) -> Vec<(Method, &'static str)> {
    let part = target.subresource.as_deref().unwrap_or_default();
    let verbs = match resource.subresource(part) {
        Some(subresource) => &subresource.verbs,
        None if part.is_empty() => &resource.verbs,
        None => return Vec::new(),
    };
    let is_everywhere = resource.namespaced && target.namespace.is_none();
    let is_too_long = target.is_longer && part != "proxy";
    if is_too_long || target.namespace.is_some() && !resource.namespaced || is_everywhere && target.name.is_some() {
        return Vec::new();
    }
    let possible = match &target.name {
        _ if target.is_watch => vec![(Method::GET, "list")],
        None if is_everywhere => vec![(Method::GET, "list")],
        None => vec![
            (Method::GET, "list"),
            (Method::POST, "create"),
            (Method::DELETE, "deletecollection"),
        ],
        Some(_) => vec![
            (Method::GET, "get"),
            (Method::PUT, "update"),
            (Method::PATCH, "patch"),
            (Method::DELETE, "delete"),
            (Method::POST, "create"),
        ],
    };
    let creates_here = target.name.is_none() || !part.is_empty();
    let has = |verb: &str| verbs.iter().any(|known| known == verb) && (verb != "create" || creates_here);
    possible.into_iter().filter(|(_, verb)| has(verb)).collect()
}

fn custom(resource: &Resource, method: &Method, target: &Objects) -> Result<Option<&'static str>, ApiError> {
    let verb = match (method.as_str(), target.name.is_some()) {
        _ if target.is_watch => "list",
        ("GET" | "HEAD", true) => "get",
        ("GET" | "HEAD", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "delete",
        ("DELETE", false) => "deletecollection",
        _ => "",
    };
    let is_right_scope = resource.namespaced == target.namespace.is_some();
    if !is_right_scope && (!resource.namespaced || verb != "list") {
        return Ok(None);
    }
    let name = target.name.as_deref().unwrap_or_default();
    let verbs = match target.subresource.as_deref() {
        None => &resource.verbs,
        Some(part) => match resource.subresource(part) {
            Some(subresource) => &subresource.verbs,
            None => return Err(ApiError::not_found(&resource.group_resource(), name)),
        },
    };
    if !verbs.iter().any(|known| known == verb) {
        return Err(ApiError::not_supported(&resource.group_resource(), verb));
    }
    if matches!(verb, "update" | "patch") && name.is_empty() {
        return Err(ApiError::bad_request("name must be provided"));
    }
    Ok(Some(verb))
}

/// Whether a route takes the body's media type.
fn takes(request: &Whole, types: &[&str]) -> Result<(), ApiError> {
    let given = request.header(header::CONTENT_TYPE).unwrap_or_default();
    if types.contains(&bare(given)) {
        return Ok(());
    }
    let mut error = ApiError::unsupported_media_type("415: Unsupported Media Type");
    error.details = Some(Box::default());
    Err(error)
}

/// Whether a route gives any of the media types that the client accepts.
///
/// # Errors
///
/// 406 if it does not.
pub fn gives(request: &Whole, types: &[&str]) -> Result<(), ApiError> {
    let accepted = request.header(header::ACCEPT).unwrap_or_default();
    let fits = |wanted: &str| wanted == "*/*" || types.contains(&wanted);
    if accepted.is_empty() || accepted.split(',').map(bare).any(fits) {
        return Ok(());
    }
    let message = format!("406: Not Acceptable\n\nAvailable representations: {}", types.join(", "));
    let mut error = ApiError::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message);
    error.details = Some(Box::default());
    Err(error)
}

/// A media type without its parameters.
fn bare(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}
