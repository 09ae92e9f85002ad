//! How answers are written: values in, responses with their headers out.

use futures::Stream;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::{
    Whole,
    body::Body,
    catalog::Page,
    negotiate::{self, Encoding, Offer, Representation},
};
use crate::server::{status::ApiError, types::Types};

/// More characters of warnings are not sent without being cut.
const MOST_WARNED: usize = 4096;
/// So many characters are left of a warning that is cut.
const MOST_OF_ONE: usize = 256;

/// The media type of text.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// A refusal, in the encoding that the client prefers.
#[must_use]
pub fn refusal(request: &Whole, refused: &ApiError) -> Response<Body> {
    match negotiate::accept(request.header(header::ACCEPT), Offer::Plain) {
        Ok(agreed) if agreed.encoding == Encoding::Yaml => with_retry(yaml(refused.code, &refused.to_json()), refused),
        _ => error(refused),
    }
}

/// A refusal.
#[must_use]
pub fn error(error: &ApiError) -> Response<Body> {
    with_retry(
        bytes(error.code, "application/json", error.to_json().to_string()),
        error,
    )
}

/// Tells when another try is worth it.
fn with_retry(mut response: Response<Body>, error: &ApiError) -> Response<Body> {
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
    let mut response = bytes(code, TEXT, text);
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

/// Nothing but a status.
#[must_use]
pub fn empty(code: StatusCode) -> Response<Body> {
    let mut response = bytes(code, TEXT, bytes::Bytes::new());
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
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

/// What was written before, or that it is what the client has.
#[must_use]
pub fn page(is_known: bool, media_type: &'static str, page: &Page) -> Response<Body> {
    let mut response = if is_known {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        bytes(StatusCode::OK, media_type, page.bytes.clone())
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&page.tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
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

/// Adds warnings to an answer, each once. Where they are too long together, each of them is cut, and what then still is too
/// much is left out.
pub fn warn(response: &mut Response<Body>, warnings: &[String]) {
    let mut told: Vec<&str> = Vec::new();
    for warning in warnings {
        if !warning.is_empty() && !told.contains(&warning.as_str()) {
            told.push(warning);
        }
    }
    let length = |text: &str| text.chars().count();
    let is_too_much = told.iter().map(|warning| length(warning)).sum::<usize>() > MOST_WARNED;
    let mut written = 0;
    for warning in told {
        let text: String = match is_too_much {
            true if written >= MOST_WARNED => return,
            true => warning.chars().take(MOST_OF_ONE).collect(),
            false => warning.to_owned(),
        };
        written += length(&text);
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::try_from(format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(warnings: &[String]) -> Vec<String> {
        let mut response = text(StatusCode::OK, "ok");
        warn(&mut response, warnings);
        let headers = response.headers().get_all(header::WARNING).into_iter();
        headers.map(|header| header.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn warnings_are_told_once_and_are_cut_when_they_are_too_much() {
        let warnings = ["a \"b\"", "c", "c", ""].map(str::to_owned);
        assert_eq!(warned(&warnings), [r#"299 - "a \"b\"""#, r#"299 - "c""#]);
        let long: Vec<String> = (10..60).map(|number| format!("{number}{}", "x".repeat(300))).collect();
        let told = warned(&long);
        assert_eq!(told.len(), 16);
        assert!(told.iter().all(|warning| warning.len() == r#"299 - """#.len() + 256));
    }
}
