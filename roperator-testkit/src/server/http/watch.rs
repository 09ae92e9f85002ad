//! Watches: a place in the store's log in, a stream of events out, each a line of JSON, as long as the client reads it.

use std::{sync::Arc, time::Duration};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::stream;
use http::Response;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{
    body::Body,
    negotiate::{Form, Representation},
    options::Query as Parameters,
    respond, show,
};
use crate::server::{
    registry::{
        Registry,
        codec::{Opening, decode},
        object::set_meta,
        options::ListOptions,
        read::{Selection, parse_version, too_large},
        resource::Resource,
    },
    status::ApiError,
    store::{At, Event, EventKind, Object, Query, ReadError, Revision, Watch},
};

/// How often a watch that wants bookmarks gets one.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// How long a watch lasts when the client does not say: the real server takes 30 to 60 minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(45 * 60);

/// Begins a watch.
///
/// # Errors
///
/// The refusal; a version that is too old, or still to come, is an event of the watch, as in the real server.
pub fn answer(
    registry: &Arc<Registry>,
    resource: &Arc<Resource>,
    namespace: &str,
    options: &ListOptions,
    selection: Selection,
    representation: Representation,
    parameters: &Parameters,
) -> Result<Response<Body>, ApiError> {
    let wanted = parse_version(&options.resource_version)?;
    let current = registry.store.revision();
    // Who begins anywhere, and does not want what there is, begins now.
    let begins_now = wanted == 0 && options.send_initial_events == Some(false);
    let wanted = if begins_now { current } else { wanted };
    let timeout = match options.timeout_seconds {
        Some(seconds) if seconds > 0 => Duration::from_secs(seconds.unsigned_abs()),
        _ => DEFAULT_TIMEOUT,
    };
    let lines = Lines {
        registry: Arc::clone(registry),
        resource: Arc::clone(resource),
        namespace: namespace.to_owned(),
        selection,
        representation,
        parameters: parameters.clone(),
        opening: Opening::single(resource),
        has_columns: false,
    };
    let mut follower = Follower {
        lines,
        begins_with: (options.send_initial_events == Some(true)).then_some(()),
        tells_end: options.allow_bookmarks && options.send_initial_events == Some(true),
        bookmarks: options.allow_bookmarks,
        wanted,
        watch: None,
        ends: Instant::now() + timeout,
        next_bookmark: Instant::now() + BOOKMARK_EVERY,
        is_over: false,
        first: None,
    };
    // Now, and not when the client begins to read: what it asks for is what there is now.
    follower.first = Some(match follower.begin() {
        Ok(bytes) => bytes,
        Err(error) => follower.end(&error),
    });
    let pieces = stream::unfold(follower, |mut follower| async move {
        let piece = follower.next().await?;
        Some((piece, follower))
    });
    Ok(respond::stream(pieces))
}

/// A watch on its way.
struct Follower {
    lines: Lines,
    /// Present until the state at the beginning was sent.
    begins_with: Option<()>,
    /// Whether the end of that state is told.
    tells_end: bool,
    bookmarks: bool,
    /// What the client has seen.
    wanted: Revision,
    watch: Option<Watch>,
    ends: Instant,
    next_bookmark: Instant,
    is_over: bool,
    /// What is told before anything else.
    first: Option<Bytes>,
}

impl Follower {
    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take().filter(|bytes| !bytes.is_empty()) {
            return Some(first);
        }
        if self.is_over {
            return None;
        }
        loop {
            let registry = Arc::clone(&self.lines.registry);
            let watch = self.watch.as_mut()?;
            // A watch that always has events ready ends in time, too.
            if Instant::now() >= self.ends {
                return None;
            }
            let until = if self.bookmarks {
                self.ends.min(self.next_bookmark)
            } else {
                self.ends
            };
            match timeout_at(until, watch.next(&registry.store)).await {
                Ok(Ok(events)) => {
                    let bytes = self.lines.events(&events);
                    if !bytes.is_empty() {
                        return Some(bytes);
                    }
                }
                Ok(Err(ReadError::Closed)) => return None,
                Ok(Err(error)) => return Some(self.end(&expired(error))),
                Err(_) if Instant::now() >= self.ends => return None,
                Err(_) => {
                    self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
                    let events = match watch.poll(&registry.store) {
                        Ok(events) => events,
                        Err(ReadError::Closed) => return None,
                        Err(error) => return Some(self.end(&expired(error))),
                    };
                    let revision = watch.revision();
                    let mut bytes = BytesMut::from(self.lines.events(&events));
                    bytes.put(self.lines.bookmark(revision, false));
                    return Some(bytes.freeze());
                }
            }
        }
    }

    /// Finds the place to begin at, and sends what there is if the client wants that.
    fn begin(&mut self) -> Result<Bytes, ApiError> {
        let store = &self.lines.registry.store;
        let place = self.lines.resource.place();
        if self.begins_with.take().is_none() {
            self.watch = Some(store.watch(&place, self.wanted).map_err(expired)?);
            return Ok(Bytes::new());
        }
        let current = store.revision();
        if self.wanted > current {
            return Err(too_large(self.wanted, current));
        }
        let takes = |object: &Object| self.lines.selection.takes(object);
        let query = Query {
            resource: &place,
            namespace: &self.lines.namespace,
            at: At::Newest,
            start: None,
            limit: None,
            filter: &takes,
        };
        let page = store.list(&query).map_err(expired)?;
        self.watch = Some(store.watch(&place, page.revision).map_err(expired)?);
        let mut bytes = BytesMut::new();
        for object in &page.objects {
            self.lines.line("ADDED", object, &mut bytes);
        }
        if self.tells_end {
            bytes.put(self.lines.bookmark(page.revision, true));
        }
        Ok(bytes.freeze())
    }

    fn end(&mut self, error: &ApiError) -> Bytes {
        self.is_over = true;
        line("ERROR", &error.to_json()).into()
    }
}

fn expired(error: ReadError) -> ApiError {
    ApiError::expired(error.to_string())
}

/// An event as a line. Its type comes first: clients decide by it how to read the object.
fn line(kind: &str, object: &Value) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

/// How the events of a watch are written.
struct Lines {
    registry: Arc<Registry>,
    resource: Arc<Resource>,
    namespace: String,
    selection: Selection,
    representation: Representation,
    parameters: Parameters,
    opening: Opening,
    /// Whether the columns of the table were told: the first event tells them.
    has_columns: bool,
}

impl Lines {
    fn events(&mut self, events: &[Arc<Event>]) -> Bytes {
        let mut bytes = BytesMut::new();
        for event in events {
            if !self.is_here(&event.object) {
                continue;
            }
            let was = event
                .previous
                .as_ref()
                .is_some_and(|previous| self.selection.takes(previous));
            let is = event.kind != EventKind::Deleted && self.selection.takes(&event.object);
            match (was, is) {
                (false, false) => {}
                (false, true) => self.line("ADDED", &event.object, &mut bytes),
                (true, true) => self.line("MODIFIED", &event.object, &mut bytes),
                (true, false) if event.kind == EventKind::Deleted => self.line("DELETED", &event.object, &mut bytes),
                (true, false) => self.left(event, &mut bytes),
            }
        }
        bytes.freeze()
    }

    fn is_here(&self, object: &Object) -> bool {
        self.namespace.is_empty() || object.namespace() == self.namespace
    }

    /// An object that the selection no longer takes: it is shown as it last was, under the revision of its leaving.
    fn left(&mut self, event: &Event, bytes: &mut BytesMut) {
        let Some(previous) = &event.previous else { return };
        let Ok(mut object) = decode(&self.resource, previous) else {
            return;
        };
        set_meta(&mut object, "resourceVersion", &event.revision().to_string());
        self.value("DELETED", object, bytes);
    }

    fn line(&mut self, kind: &str, object: &Object, bytes: &mut BytesMut) {
        if self.representation.form != Form::Whole {
            if let Ok(value) = decode(&self.resource, object) {
                self.value(kind, value, bytes);
            }
            return;
        }
        bytes.reserve(self.opening.size(object) + 40);
        bytes.put_slice(b"{\"type\":\"");
        bytes.put_slice(kind.as_bytes());
        bytes.put_slice(b"\",\"object\":");
        self.opening.show(&self.resource, object, bytes);
        bytes.put_slice(b"}\n");
    }

    fn value(&mut self, kind: &str, object: Value, bytes: &mut BytesMut) {
        let shown = match self.representation.form {
            Form::Whole => object,
            Form::Metadata | Form::MetadataList => show::metadata_of(&object, self.representation.version),
            Form::Table => self.table(&[object]),
        };
        bytes.put_slice(line(kind, &shown).as_bytes());
    }

    fn table(&mut self, objects: &[Value]) -> Value {
        let version = objects
            .first()
            .and_then(|object| object.pointer("/metadata/resourceVersion"));
        let metadata = json!({"resourceVersion": version.cloned().unwrap_or_default()});
        let headers = !std::mem::replace(&mut self.has_columns, true);
        let source = show::Source {
            registry: &self.registry,
            resource: &self.resource,
            query: &self.parameters,
            representation: self.representation,
        };
        source.table(metadata, objects, headers).unwrap_or_default()
    }

    /// Tells how far the watch is, without an event.
    fn bookmark(&mut self, revision: Revision, is_end_of_state: bool) -> Bytes {
        let mut object = self.resource.blank.clone();
        if let Some(map) = object.as_object_mut() {
            crate::server::registry::codec::set_kind(map, &self.resource);
        }
        set_meta(&mut object, "resourceVersion", &revision.to_string());
        if is_end_of_state && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("annotations".to_owned(), json!({"k8s.io/initial-events-end": "true"}));
        }
        let shown = match self.representation.form {
            Form::Whole => object,
            Form::Metadata | Form::MetadataList => show::metadata_of(&object, self.representation.version),
            Form::Table => json!({
                "kind": "Table",
                "apiVersion": format!("meta.k8s.io/{}", self.representation.version),
                "metadata": object.get("metadata").cloned().unwrap_or_default(),
                "columnDefinitions": null,
                "rows": [],
            }),
        };
        line("BOOKMARK", &shown).into()
    }
}
