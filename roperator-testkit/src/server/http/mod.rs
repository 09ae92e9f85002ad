//! The server's face: HTTP requests in, answers out. It takes requests apart, asks the registry, and writes what it is
//! told; what objects are and may become is not decided here.
//!
//! [`path`], [`route`], [`options`], [`negotiate`] and [`bodies`] take a request apart; [`objects`] answers for objects, [`watch`] for watches,
//! [`discovery`] for everything else, from the [`catalog`]; [`respond`] writes.

pub mod access;
pub mod bodies;
pub mod body;
pub mod catalog;
pub mod discovery;
pub mod negotiate;
pub mod objects;
pub mod openapi;
pub mod options;
pub mod path;
pub mod respond;
pub mod route;
pub mod show;
pub mod watch;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt as _, Limited};

use self::{body::Body, catalog::Catalogs, options::Query, path::Target};
use crate::server::{registry::Registry, status::ApiError};

/// No body may be larger: 3 MiB.
const MOST_BYTES: usize = 3 << 20;
/// So much of one that is larger is read on, for so long: 32 MiB.
const MOST_DISCARDED: usize = 32 << 20;
const PATIENCE: Duration = Duration::from_secs(1);

/// A request whose body is there.
#[derive(Debug)]
pub struct Whole {
    /// The verb.
    pub method: Method,
    /// The query.
    pub query: Query,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Whole {
    /// A header's text, if it has one.
    #[must_use]
    pub fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Who writes: what the query says, or else the beginning of the user agent.
    #[must_use]
    pub fn manager(&self, named: &str) -> String {
        if !named.is_empty() {
            return named.to_owned();
        }
        let agent = self.header(header::USER_AGENT).unwrap_or_default();
        let name = agent.split('/').next().unwrap_or_default();
        let mut manager = String::new();
        for character in name.chars().filter(|character| !character.is_control()) {
            if manager.len() + character.len_utf8() > 128 {
                break;
            }
            manager.push(character);
        }
        manager
    }
}

/// Answers a request. Whoever may send it was decided before.
pub async fn answer<B>(registry: Arc<Registry>, catalogs: Arc<Catalogs>, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let target = path::parse(head.uri.path());
    let collected = match head.method {
        // Nobody reads the body of a question, however large it is.
        Method::GET | Method::HEAD => Ok(Bytes::new()),
        _ => whole(body).await,
    };
    let body = match collected {
        Ok(body) => body,
        Err(error) => return respond::error(&error),
    };
    let mut request = Whole {
        query: Query::parse(head.uri.query()),
        method: head.method,
        headers: head.headers,
        body,
    };
    let content_type = request.header(header::CONTENT_TYPE).unwrap_or_default();
    if content_type.is_empty() || content_type.contains("json") {
        request.body = with_replacements(request.body);
    }
    let answered = guarded(|| match target {
        Target::Objects(target) => objects::answer(&registry, &request, &target),
        Target::Other(segments) => discovery::answer(&registry, &catalogs, &request, &segments),
    });
    let response = answered.unwrap_or_else(|error| respond::refusal(&request, &error));
    if request.method == Method::HEAD {
        return respond::head(response);
    }
    response
}

/// Reads a body.
async fn whole<B>(body: B) -> Result<Bytes, ApiError>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = pin!(body);
    match Limited::new(body.as_mut(), MOST_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            // Over HTTP/2, a client that still sends may lose the answer with the stream.
            let _ = tokio::time::timeout(PATIENCE, discard(body)).await;
            Err(ApiError::too_large(format_args!("limit is {MOST_BYTES}")))
        }
        Err(error) => Err(ApiError::bad_request(error.to_string())),
    }
}

/// Reads the rest of a body, as long as it is not much more than was allowed.
async fn discard<B: http_body::Body<Data = Bytes>>(mut body: Pin<&mut B>) {
    let mut left = MOST_DISCARDED;
    while let Some(Ok(frame)) = body.frame().await {
        let size = frame.data_ref().map_or(0, Bytes::len);
        let Some(less) = left.checked_sub(size) else { return };
        left = less;
    }
}

/// A panic is an error of the request that met it, and takes neither a connection nor a client's task with it. What it was in
/// the middle of is released: no lock of the server stays poisoned.
fn guarded<T>(answer: impl FnOnce() -> Result<T, ApiError>) -> Result<T, ApiError> {
    catch_unwind(AssertUnwindSafe(answer)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        tracing::error!(panic = text.unwrap_or_default(), "an answer panicked");
        Err(ApiError::internal(
            "This request caused apiserver to panic. Look in the logs for details.",
        ))
    })
}

/// Text as Go's JSON decoder reads it: in the place of every byte that is no text is a replacement character.
fn with_replacements(text: Bytes) -> Bytes {
    if std::str::from_utf8(&text).is_ok() {
        return text;
    }
    let mut replaced = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        replaced.push_str(chunk.valid());
        replaced.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    replaced.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_internal_error() {
        let lock = std::sync::Mutex::new(1);
        let answered: Result<(), ApiError> = guarded(|| {
            let _held = lock.lock();
            panic!("{}", "a bug")
        });
        let error = answered.unwrap_err();
        assert_eq!(error.code, http::StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(guarded(|| Ok(1)).ok(), Some(1));
    }
}
