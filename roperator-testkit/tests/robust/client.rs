//! A client that expects little of the answers, and everything of the server: an answer at once, from the task that asks.

use std::{sync::mpsc, time::Duration};

use bytes::Bytes;
use futures::FutureExt as _;
use http_body_util::{BodyExt as _, Full};
use proptest::{prelude::*, test_runner::TestCaseResult};
use roperator_testkit::server::ApiServer;
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::Service as _;

use crate::samples::Sample;

/// Nothing that is answered at all takes that long, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, Shown)>,
    pub body: Shown,
}

/// Bytes, shown as text where they are one.
#[derive(Clone, Default)]
pub struct Shown(pub Vec<u8>);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(text) => write!(f, "r#\"{text}\"#"),
            Err(_) => write!(f, "b\"{}\"", self.0.escape_ascii()),
        }
    }
}

impl Request {
    /// A request without a header.
    pub fn new(method: &str, path: impl Into<String>, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: method.to_owned(),
            path: path.into(),
            headers: vec![("content-type".to_owned(), Shown(content_type.into()))],
            body: Shown(body.into()),
        }
    }
}

/// An answer: its code and what of its body was there at once.
pub struct Answer {
    pub code: u16,
    pub body: Bytes,
}

/// A server of its own, on a runtime of its own.
pub struct Client {
    runtime: Runtime,
    server: ApiServer,
}

impl Client {
    /// Starts a server that has the samples already.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let server = runtime.block_on(async { ApiServer::start() });
        let client = Self { runtime, server };
        for sample in Sample::ALL {
            let body = sample.object().to_string();
            let request = Request::new("POST", sample.collection(), "application/json", body);
            let answer = client.answer(&request);
            assert_eq!(answer.code, 201, "{sample:?}: {:?}", answer.body);
        }
        client
    }

    /// Sends a request, and looks whether the server did as it says.
    pub fn send(&self, request: &Request) -> Result<Answer, TestCaseError> {
        // What controllers write is not the request's doing: they run between requests alone.
        self.runtime.block_on(async {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        });
        let before = self.server.revision();
        let answer = self.answer(request);
        let after = self.server.revision();
        if answer.code >= 400 {
            prop_assert_eq!(
                before,
                after,
                "refused with {}, but written: {:?}",
                answer.code,
                answer.body
            );
        }
        // Some mistakes of clients are answered with 500; those of the server have a reason of their own.
        let status: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let is_own = answer.code >= 500 && status["reason"] == "InternalError";
        prop_assert!(!is_own, "{}: {:?}", answer.code, answer.body);
        Ok(answer)
    }

    /// Sends a request whose answer may be anything.
    pub fn answer(&self, request: &Request) -> Answer {
        let mut made = http::Request::builder()
            .method(request.method.as_str())
            .uri(request.path.as_str());
        for (name, value) in &request.headers {
            made = made.header(name.as_str(), value.0.as_slice());
        }
        let Ok(made) = made.body(Full::new(Bytes::from(request.body.0.clone()))) else {
            // No HTTP library sends or receives such a thing.
            return Answer {
                code: 0,
                body: Bytes::new(),
            };
        };
        let _watched = Watchdog::set(request);
        self.runtime.block_on(async {
            let response = self.server.clone().call(made).now_or_never();
            let response = response.unwrap_or_else(|| panic!("the server waits for something: {request:?}"));
            let (head, mut body) = response.unwrap_or_else(|never| match never {}).into_parts();
            let mut all = Vec::new();
            // A watch goes on; what it has to say at once is enough.
            while let Some(Some(Ok(frame))) = body.frame().now_or_never() {
                all.extend(frame.into_data().unwrap_or_default());
            }
            Answer {
                code: head.status.as_u16(),
                body: all.into(),
            }
        })
    }

    /// Whatever was stored can be read, as a whole and as a table.
    pub fn everything_can_be_read(&self) -> TestCaseResult {
        for sample in Sample::ALL {
            let all = sample.everywhere();
            for accept in ["application/json", "application/json;as=Table;v=v1;g=meta.k8s.io"] {
                let mut request = Request::new("GET", all, "", "");
                request.headers = vec![("accept".to_owned(), Shown(accept.into()))];
                let answer = self.answer(&request);
                // The definition may be gone, and its objects with it.
                let gone = sample == Sample::Custom && answer.code == 404;
                prop_assert!(answer.code == 200 || gone, "{}: {:?}", answer.code, answer.body);
                if !gone {
                    prop_assert!(
                        serde_json::from_slice::<Value>(&answer.body).is_ok(),
                        "{:?}",
                        answer.body
                    );
                }
            }
        }
        Ok(())
    }
}

/// Ends the test when a request is not answered: a loop without an end cannot be interrupted otherwise.
struct Watchdog(#[expect(dead_code, reason = "dropping it calls the dog off")] mpsc::Sender<()>);

impl Watchdog {
    fn set(request: &Request) -> Self {
        let (sender, receiver) = mpsc::channel();
        let shown = request.clone();
        std::thread::spawn(move || {
            if receiver.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("not answered within {PATIENCE:?}: {shown:?}");
                std::process::abort();
            }
        });
        Self(sender)
    }
}
