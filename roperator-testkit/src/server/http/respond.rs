//! How answers are written: values in, responses with their headers out.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::{
    body::Body,
    negotiate::{Encoding, Representation},
};
use crate::server::status::ApiError;

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

/// Text for humans and health checks.
#[must_use]
pub fn text(code: StatusCode, text: &'static str) -> Response<Body> {
    bytes(code, "text/plain; charset=utf-8", text)
}

/// Bytes of a media type.
#[must_use]
pub fn bytes(code: StatusCode, media_type: &'static str, bytes: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::whole(bytes));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
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
