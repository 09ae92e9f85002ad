//! The wire between an operator and its API server: it notes every request, and breaks those that a scenario says.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::StreamExt;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use kube::{
    Client,
    client::{Body, ClientBuilder},
};
use tokio::sync::watch;

/// A request that an operator made, and what it was answered.
#[derive(Clone, Debug)]
pub struct Sent {
    /// `POST`, `PATCH`, …
    pub method: Method,
    /// The path without its query.
    pub path: String,
    /// The query, empty where there is none.
    pub query: String,
    /// The body, as JSON where it is JSON.
    pub body: serde_json::Value,
    /// The status of the answer; `None` while there is none, or where there never will be.
    pub code: Option<StatusCode>,
}

impl Sent {
    /// Whether it follows changes.
    #[must_use]
    pub fn is_watch(&self) -> bool {
        self.query.contains("watch=")
    }

    /// Whether it changes something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.method != Method::GET && !self.query.contains("dryRun") && !self.is_event()
    }

    /// Whether it writes an Event.
    #[must_use]
    pub fn is_event(&self) -> bool {
        self.path.contains("/events")
    }
}

/// What happens to a request instead of being answered.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The server is not asked; it answers this, and these seconds in the status if any.
    Answer(StatusCode, Option<u32>),
    /// The server is not asked; it has too much to do, and says so as its own filters do: in plain text, and these seconds
    /// in the header alone.
    Throttle(u32),
    /// The server is not asked, and the connection breaks.
    Refuse,
    /// The server does what it is asked, and the connection breaks before the answer.
    LoseAnswer,
    /// The server is asked after this time.
    Delay(Duration),
    /// The server does what it is asked, and its answer comes after this time.
    DelayAnswer(Duration),
}

/// An answer's body: as it came, or gated.
type AnswerBody = UnsyncBoxBody<bytes::Bytes, tower::BoxError>;

type Rule = Box<dyn FnMut(&Sent) -> Option<Fault> + Send>;

/// A wire, shared by the client that is made of it and the scenario.
#[derive(Clone)]
pub struct Wire(Arc<Inner>);

struct Inner {
    sent: Mutex<Vec<Sent>>,
    rules: Mutex<Vec<Rule>>,
    /// Counts up to cut all watches that run.
    cut: watch::Sender<u64>,
    /// The end of the paths whose watches deliver nothing at the moment.
    held: watch::Sender<Option<String>>,
}

impl Default for Wire {
    fn default() -> Self {
        Self(Arc::new(Inner {
            sent: Mutex::default(),
            rules: Mutex::default(),
            cut: watch::Sender::new(0),
            held: watch::Sender::new(None),
        }))
    }
}

impl Wire {
    /// A client whose requests go over this wire.
    pub fn client(&self, mut config: kube::Config) -> Client {
        config.default_retry = false;
        let inner = ClientBuilder::try_from(config).expect("a client").build();
        let wire = self.clone();
        Client::new(
            tower::service_fn(move |request: Request<Body>| {
                let (wire, inner) = (wire.clone(), inner.clone());
                async move { wire.pass(inner, request).await }
            }),
            "default",
        )
    }

    /// Breaks requests: the first rule that names a fault for a request decides.
    pub fn fault(&self, rule: impl FnMut(&Sent) -> Option<Fault> + Send + 'static) {
        lock(&self.0.rules).push(Box::new(rule));
    }

    /// Breaks the next `times` requests that match.
    pub fn fault_times(&self, times: usize, fault: Fault, matches: impl Fn(&Sent) -> bool + Send + 'static) {
        let mut left = times;
        self.fault(move |sent| {
            if left > 0 && matches(sent) {
                left -= 1;
                return Some(fault.clone());
            }
            None
        });
    }

    /// Breaks nothing any more.
    pub fn heal(&self) {
        lock(&self.0.rules).clear();
    }

    /// Ends all watches that run, as a server that goes away does.
    pub fn cut_watches(&self) {
        self.0.cut.send_modify(|cuts| *cuts += 1);
    }

    /// Holds back what watches deliver, until told otherwise.
    pub fn hold_watches(&self, hold: bool) {
        self.0.held.send_replace(hold.then(String::new));
    }

    /// Holds back what the watches of one kind deliver, until [`Self::hold_watches`] says otherwise.
    pub fn hold_watches_of(&self, plural: &str) {
        self.0.held.send_replace(Some(format!("/{plural}")));
    }

    /// All requests so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        lock(&self.0.sent).clone()
    }

    /// All writes so far, whatever became of them, Events left out.
    #[must_use]
    pub fn attempts(&self) -> Vec<Sent> {
        self.sent().into_iter().filter(Sent::is_write).collect()
    }

    /// All writes so far that were answered with success, Events left out.
    #[must_use]
    pub fn writes(&self) -> Vec<Sent> {
        let succeeded = |sent: &Sent| sent.code.is_some_and(|code| code.is_success());
        self.attempts().into_iter().filter(succeeded).collect()
    }

    /// All requests so far beside watches and their lists.
    #[must_use]
    pub fn others(&self) -> Vec<Sent> {
        self.sent().into_iter().filter(|sent| !sent.is_watch()).collect()
    }

    /// Forgets what was sent so far.
    pub fn clear(&self) {
        lock(&self.0.sent).clear();
    }

    async fn pass(&self, inner: Client, request: Request<Body>) -> Result<Response<AnswerBody>, std::io::Error> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
        let sent = Sent {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            code: None,
        };
        let fault = lock(&self.0.rules).iter_mut().find_map(|rule| rule(&sent));
        let place = {
            let mut all = lock(&self.0.sent);
            all.push(sent.clone());
            all.len() - 1
        };
        let broken = || std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the scenario broke the connection");
        match &fault {
            Some(Fault::Answer(code, retry_after)) => {
                self.note(place, *code);
                return Ok(answer(*code, *retry_after).map(boxed));
            }
            Some(Fault::Throttle(seconds)) => {
                self.note(place, StatusCode::TOO_MANY_REQUESTS);
                return Ok(throttle(*seconds).map(boxed));
            }
            Some(Fault::Refuse) => return Err(broken()),
            Some(Fault::Delay(delay)) => tokio::time::sleep(*delay).await,
            _ => {}
        }
        let request = Request::from_parts(parts, Body::from(bytes.to_vec()));
        let response = inner.send(request).await.map_err(std::io::Error::other)?;
        match fault {
            Some(Fault::LoseAnswer) => return Err(broken()),
            Some(Fault::DelayAnswer(delay)) => tokio::time::sleep(delay).await,
            _ => {}
        }
        self.note(place, response.status());
        Ok(if sent.is_watch() {
            self.hold_and_cut(&sent.path, response)
        } else {
            response.map(boxed)
        })
    }

    fn note(&self, place: usize, code: StatusCode) {
        if let Some(sent) = lock(&self.0.sent).get_mut(place) {
            sent.code = Some(code);
        }
    }

    /// A watch's answer, which stands still while watches are held and ends when they are cut.
    fn hold_and_cut(&self, path: &str, response: Response<Body>) -> Response<AnswerBody> {
        let mut cut = self.0.cut.subscribe();
        let held = self.0.held.subscribe();
        let path: Arc<str> = path.into();
        response.map(|body| {
            let frames = http_body_util::BodyStream::new(body);
            let gated = frames.then(move |frame| {
                let (mut held, path) = (held.clone(), path.clone());
                async move {
                    let is_free = |held: &Option<String>| held.as_ref().is_none_or(|end| !path.ends_with(&**end));
                    let _ = held.wait_for(is_free).await;
                    frame
                }
            });
            let ended = async move {
                let _ = cut.changed().await;
            };
            StreamBody::new(gated.take_until(ended))
                .map_err(Into::into)
                .boxed_unsync()
        })
    }
}

fn boxed(body: Body) -> AnswerBody {
    body.map_err(Into::into).boxed_unsync()
}

fn answer(code: StatusCode, retry_after: Option<u32>) -> Response<Body> {
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code.as_u16(),
        "reason": code.canonical_reason().unwrap_or_default().replace(' ', ""),
        "message": format!("the scenario answers {code}"),
        "details": {"retryAfterSeconds": retry_after.unwrap_or(0)},
    });
    Response::builder()
        .status(code)
        .header("content-type", "application/json")
        .body(Body::from(status.to_string().into_bytes()))
        .expect("a response")
}

fn throttle(seconds: u32) -> Response<Body> {
    Response::builder()
        .status(StatusCode::TOO_MANY_REQUESTS)
        .header("content-type", "text/plain; charset=utf-8")
        .header("retry-after", seconds)
        .body(Body::from(b"Too many requests, please try again later.\n".to_vec()))
        .expect("a response")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was asked, and what was answered: `POST 201`, `APPLY 200`, `JSON PATCH 200`, `STATUS 200`, `DRY POST 409`.
impl std::fmt::Display for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verb = match self.method.as_str() {
            "PATCH" if self.path.ends_with("/status") => "STATUS",
            "PATCH" if self.query.contains("force=") => "APPLY",
            "PATCH" if self.body.is_array() => "JSON PATCH",
            verb => verb,
        };
        let dry = if self.query.contains("dryRun") { "DRY " } else { "" };
        let code = self
            .code
            .map_or_else(|| "unanswered".to_owned(), |code| code.as_u16().to_string());
        write!(f, "{dry}{verb} {code}")
    }
}
