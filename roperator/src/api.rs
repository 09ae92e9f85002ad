//! Requests to the API server, one at a time, each with a time limit, and what their failures mean.
//!
//! In: a method, a path, a body. Out: the answer, or an [`ApiError`] that says whether retrying helps. It decides nothing.

use std::{sync::Arc, time::Duration};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::{
    Client,
    client::Body,
    core::{Status, response::StatusDetails},
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{connection::told, error::Retry};

/// The longest that one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest pause, in seconds, that is kept at a server's word.
const LONGEST_PAUSE: u32 = 600;

/// The API server.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    observer: Arc<dyn Observer>,
}

/// Is told of every request, for metrics.
pub(crate) trait Observer: Send + Sync + 'static {
    fn requested(&self, method: &Method, code: Option<StatusCode>, took: Duration);
}

/// The part of an answer to a write that we need: where its object is to be found in the watch.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    pub metadata: AnswerMetadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AnswerMetadata {
    pub uid: String,
    pub resource_version: String,
}

/// What the body of a request is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    Json,
    JsonPatch,
    Apply,
}

impl Content {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JsonPatch => "application/json-patch+json",
            // YAML is what the API calls it, and JSON is YAML.
            Self::Apply => "application/apply-patch+yaml",
        }
    }
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{}", .0.message)]
    Status(Box<Status>),
    #[error("the API server did not answer within {} s", REQUEST_TIMEOUT.as_secs())]
    Timeout,
    #[error("the API server could not be asked: {}", told(.0))]
    Transport(#[source] kube::Error),
    #[error("the request cannot be written: {0}")]
    Encode(#[source] serde_json::Error),
    #[error("the request cannot be made: {0}")]
    Request(#[source] http::Error),
}

impl ApiError {
    /// The HTTP status, if the server answered.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status.code),
            _ => None,
        }
    }

    /// Whether the server refused the object as invalid.
    pub fn is_invalid(&self) -> bool {
        self.code() == Some(422)
    }

    /// Whether the object is not the one that was meant: gone, or recreated under its name.
    pub fn is_stale(&self) -> bool {
        match self.code() {
            Some(404 | 409) => true,
            Some(422) => self.has_cause("metadata.uid"),
            _ => false,
        }
    }

    /// Whether the path itself leads nowhere, rather than to an object that is not there: then no object is named.
    pub fn is_missing_resource(&self) -> bool {
        let Self::Status(status) = self else { return false };
        status.code == 404 && status.details.as_ref().is_none_or(|details| details.name.is_empty())
    }

    /// Whether a JSON patch found its `test` untrue: the server says 422 without naming a field.
    pub fn is_failed_test(&self) -> bool {
        let Self::Status(status) = self else { return false };
        status.code == 422 && status.details.as_ref().is_none_or(|details| details.causes.is_empty())
    }

    fn has_cause(&self, field: &str) -> bool {
        let Self::Status(status) = self else { return false };
        status
            .details
            .as_ref()
            .is_some_and(|details| details.causes.iter().any(|cause| cause.field == field))
    }

    /// Whether retrying helps. 403 does, though it looks final: a terminating namespace, a quota, or RBAC that is not
    /// there yet answer so; and 500, with which an apply answers an unknown field.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Encode(_) | Self::Request(_) => Retry::Terminal,
            Self::Status(status) if matches!(status.code, 400 | 405 | 406 | 413 | 415 | 422) => Retry::Terminal,
            _ => Retry::Transient,
        }
    }

    /// How long the server asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        let Self::Status(status) = self else { return None };
        let seconds = status.details.as_ref()?.retry_after_seconds.min(LONGEST_PAUSE);
        (seconds > 0).then(|| Duration::from_secs(seconds.into()))
    }
}

impl Api {
    pub fn new(client: Client, observer: Arc<dyn Observer>) -> Self {
        Self { client, observer }
    }

    pub async fn get(&self, path: &str) -> Result<String, ApiError> {
        self.text(Method::GET, path, None).await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: (Content, &impl serde::Serialize),
    ) -> Result<Answer, ApiError> {
        let (content, body) = body;
        let body = serde_json::to_vec(body).map_err(ApiError::Encode)?;
        decode(&self.text(method, path, Some((content, body))).await?)
    }

    async fn text(&self, method: Method, path: &str, body: Option<(Content, Vec<u8>)>) -> Result<String, ApiError> {
        let mut request = Request::builder().method(method.clone()).uri(path);
        if let Some((content, _)) = &body {
            request = request.header(http::header::CONTENT_TYPE, content.media_type());
        }
        let request = request
            .body(body.map(|(_, body)| body).unwrap_or_default())
            .map_err(ApiError::Request)?;
        let started = tokio::time::Instant::now();
        let (code, result) = match tokio::time::timeout(REQUEST_TIMEOUT, self.exchange(request)).await {
            Err(_) => (None, Err(ApiError::Timeout)),
            Ok(Err(error)) => (None, Err(ApiError::Transport(error))),
            Ok(Ok(answer)) if answer.status().is_success() => (Some(answer.status()), Ok(answer.into_body())),
            Ok(Ok(answer)) => (Some(answer.status()), Err(ApiError::Status(status(&answer)))),
        };
        self.observer.requested(&method, code, started.elapsed());
        result
    }

    async fn exchange(&self, request: Request<Vec<u8>>) -> Result<Response<String>, kube::Error> {
        let (head, body) = self.client.send(request.map(Body::from)).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response::from_parts(head, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// What the server says of a failure. Where it throttles, it says so in plain text and how long in a header; proxies in
/// between may say things in other ways.
fn status(answer: &Response<String>) -> Box<Status> {
    let mut status =
        serde_json::from_str::<Status>(answer.body()).unwrap_or_else(|_| Status::failure(answer.body().trim(), ""));
    status.code = answer.status().as_u16();
    if status.message.is_empty() {
        status.message = answer.status().to_string();
    }
    let asked = answer.headers().get(http::header::RETRY_AFTER);
    if let Some(seconds) = asked.and_then(|seconds| seconds.to_str().ok()?.parse().ok()) {
        let details = status.details.get_or_insert_with(no_details);
        details.retry_after_seconds = details.retry_after_seconds.max(seconds);
    }
    Box::new(status)
}

fn no_details() -> StatusDetails {
    StatusDetails {
        name: String::new(),
        group: String::new(),
        kind: String::new(),
        uid: String::new(),
        causes: Vec::new(),
        retry_after_seconds: 0,
    }
}

fn decode<T: DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    serde_json::from_str(text).map_err(|error| ApiError::Transport(kube::Error::SerdeError(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: u16, retry_after: Option<&str>, body: &str) -> ApiError {
        let mut answer = Response::builder().status(code);
        if let Some(pause) = retry_after {
            answer = answer.header("retry-after", pause);
        }
        ApiError::Status(status(&answer.body(body.to_owned()).unwrap()))
    }

    #[test]
    fn a_pause_is_read_from_the_header_and_the_status_and_the_longer_one_holds() {
        let text = "Too many requests, please try again later.\n";
        let throttled = answered(429, Some("2"), text);
        assert_eq!(throttled.retry_after(), Some(Duration::from_secs(2)));
        assert_eq!(throttled.to_string(), text.trim());
        let body = r#"{"code":429,"message":"m","details":{"retryAfterSeconds":3}}"#;
        assert_eq!(
            answered(429, Some("2"), body).retry_after(),
            Some(Duration::from_secs(3))
        );
        assert_eq!(
            answered(429, Some("4294967295"), body).retry_after(),
            Some(Duration::from_secs(600))
        );
        assert_eq!(
            answered(503, Some("Wed, 21 Oct 2026 07:28:00 GMT"), "").retry_after(),
            None
        );
        assert_eq!(answered(503, None, "").to_string(), "503 Service Unavailable");
    }

    #[test]
    fn a_header_changes_nothing_of_what_a_status_means() {
        let failed_test = r#"{"code":422,"reason":"Invalid","message":"m"}"#;
        for pause in [None, Some("1")] {
            assert!(answered(422, pause, failed_test).is_failed_test());
            assert!(answered(404, pause, "404 page not found").is_missing_resource());
            assert!(!answered(404, pause, r#"{"code":404,"details":{"name":"a"}}"#).is_missing_resource());
        }
    }
}
