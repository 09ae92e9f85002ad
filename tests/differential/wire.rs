//! One request goes in; status, headers and body come out, the body whole or as a stream of lines. Works for every server
//! that a [`kube::Client`] can talk to, since it asks no more of it than `send`. It never interprets an answer.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use serde_json::Value;
use tokio::{sync::Notify, task::JoinHandle, time::timeout};

/// How long any answer may take. A watch's first line is no answer: it may take for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a server answered.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers, all of them.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Vec<u8>,
}

/// What a server answered to a watch.
pub enum Opened {
    /// It is open.
    Watch(Watch),
    /// It was refused.
    Refused(Answer),
}

/// A watch that is open: its events come in behind the scenes, until it is dropped.
pub struct Watch {
    events: Arc<Events>,
    reader: JoinHandle<()>,
}

#[derive(Default)]
struct Events {
    state: Mutex<(VecDeque<Value>, bool)>,
    changed: Notify,
}

/// Sends a request and waits for the whole answer.
pub async fn send(client: &Client, request: Request<Vec<u8>>) -> Result<Answer, String> {
    let (parts, body) = open(client, request).await?.into_parts();
    whole(parts, body).await
}

/// Sends a request for a watch and waits until the server has accepted or refused it.
pub async fn watch(client: &Client, request: Request<Vec<u8>>) -> Result<Opened, String> {
    let (parts, body) = open(client, request).await?.into_parts();
    if parts.status != http::StatusCode::OK {
        return whole(parts, body).await.map(Opened::Refused);
    }
    let events = Arc::new(Events::default());
    let reader = tokio::spawn(read(body, Arc::clone(&events)));
    Ok(Opened::Watch(Watch { events, reader }))
}

impl Watch {
    /// The next events, in order: so many, or with `None` all until the server ends the watch.
    pub async fn events(&self, count: Option<usize>) -> Result<Vec<Value>, String> {
        timeout(PATIENCE, self.collect(count)).await.map_err(|_| {
            let (arrived, _) = &*self.events.state.lock().unwrap_or_else(PoisonError::into_inner);
            format!("the watch had only {} of {count:?} events: {arrived:#?}", arrived.len())
        })
    }

    async fn collect(&self, count: Option<usize>) -> Vec<Value> {
        loop {
            let changed = self.events.changed.notified();
            {
                let (arrived, ended) = &mut *self.events.state.lock().unwrap_or_else(PoisonError::into_inner);
                match count {
                    Some(count) if arrived.len() >= count || *ended => {
                        return arrived.drain(..count.min(arrived.len())).collect();
                    }
                    None if *ended => return arrived.drain(..).collect(),
                    _ => {}
                }
            }
            changed.await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn open(client: &Client, request: Request<Vec<u8>>) -> Result<http::Response<Body>, String> {
    let line = format!("{} {}", request.method(), request.uri());
    match timeout(PATIENCE, client.send(request.map(Body::from))).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(format!("{line}: {error}: {error:?}")),
        Err(_) => Err(format!("{line}: no answer within {PATIENCE:?}")),
    }
}

async fn whole(parts: http::response::Parts, body: Body) -> Result<Answer, String> {
    let body = match timeout(PATIENCE, body.collect()).await {
        Ok(Ok(body)) => body.to_bytes().to_vec(),
        Ok(Err(error)) => return Err(format!("the body broke off: {error}")),
        Err(_) => return Err(format!("the body did not end within {PATIENCE:?}")),
    };
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    })
}

/// Reads lines until the stream ends.
async fn read(mut body: Body, events: Arc<Events>) {
    let mut rest: Vec<u8> = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        rest.extend_from_slice(&data);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let event = serde_json::from_slice(&line)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&line).into_owned()));
            if !is_heartbeat(&event) {
                events
                    .state
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
                    .push_back(event);
                events.changed.notify_waiters();
            }
        }
    }
    events.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
    events.changed.notify_waiters();
}

/// A bookmark that says only how late it is; when they come is the server's choice.
fn is_heartbeat(event: &Value) -> bool {
    let ends_the_list = event.pointer("/object/metadata/annotations/k8s.io~1initial-events-end");
    event.pointer("/type").is_some_and(|kind| kind == "BOOKMARK") && ends_the_list.is_none()
}
