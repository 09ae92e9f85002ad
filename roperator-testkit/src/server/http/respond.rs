//! How answers are written: values in, responses with their headers out.

use futures::Stream;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::{
    body::Body,
    negotiate::{Encoding, Representation},
};
use crate::server::{status::ApiError, types::Types};

/// A refusal.
#[must_use]
pub fn error(error: &ApiError) -> Response<Body> {
    let body = error.to_json().to_string();
    let mut response = bytes(error.code, "application/json", body);
    if let Some(seconds) = error.details.as_ref().and_then(|details| details.retry_after_seconds) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// A value in the representation that was agreed on.
#[must_use]
pub fn value(code: StatusCode, representation: Representation, value: &Value) -> Response<Body> {
    match representation.encoding {
        Encoding::Json => bytes(code, "application/json", value.to_string()),
        Encoding::Yaml => yaml(code, value),
    }
}

fn yaml(code: StatusCode, value: &Value) -> Response<Body> {
    match serde_saphyr::to_string(value) {
        Ok(text) => bytes(code, "application/yaml", text),
        Err(why) => error(&ApiError::internal(why)),
    }
}

/// JSON that is written already, in the representation that was agreed on.
#[must_use]
pub fn json(code: StatusCode, representation: Representation, json: bytes::Bytes) -> Response<Body> {
    match representation.encoding {
        Encoding::Json => bytes(code, "application/json", json),
        Encoding::Yaml => match serde_json::from_slice::<Value>(&json) {
            Ok(value) => yaml(code, &value),
            Err(why) => error(&ApiError::internal(why)),
        },
    }
}

/// The answer for a path that leads nowhere in a group: groups of built-in kinds refuse, of others nothing is known.
///
/// # Errors
///
/// 404 as a refusal.
pub fn nowhere(group: &str) -> Result<Response<Body>, ApiError> {
    match Types::kubernetes().group(group) {
        Some(_) => Err(ApiError::no_such_resource()),
        None => Ok(no_page()),
    }
}

/// 404 as text.
#[must_use]
pub fn no_page() -> Response<Body> {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// Text for humans and health checks.
#[must_use]
pub fn text(code: StatusCode, text: &'static str) -> Response<Body> {
    bytes(code, "text/plain; charset=utf-8", text)
}

/// Bytes of a media type.
#[must_use]
pub fn bytes(code: StatusCode, media_type: &'static str, bytes: impl Into<bytes::Bytes>) -> Response<Body> {
    let bytes = bytes.into();
    let length = bytes.len();
    let mut response = of(code, media_type, Body::whole(bytes));
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}

/// A stream of JSON.
#[must_use]
pub fn stream(pieces: impl Stream<Item = bytes::Bytes> + Send + 'static) -> Response<Body> {
    of(StatusCode::OK, "application/json", Body::stream(pieces))
}

fn of(code: StatusCode, media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// An answer without its body.
#[must_use]
pub fn head(mut response: Response<Body>) -> Response<Body> {
    *response.body_mut() = Body::whole(bytes::Bytes::new());
    response
}

/// Adds warnings to an answer.
pub fn warn(response: &mut Response<Body>, warnings: &[String]) {
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::try_from(format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
}
