//! Watches: a place in the store's log in, a stream of events out, each a line of JSON, as long as the client reads it. What
//! there is at the beginning, and what comes faster than it is read, is written piece by piece, as the client takes it.

use std::{sync::Arc, time::Duration};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::{future, stream};
use http::Response;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{
    body::Body,
    negotiate::{Encoding, Form, Representation},
    options::Query as Parameters,
    respond, show,
};
use crate::server::{
    registry::{
        Registry,
        codec::{Opening, decode, set_kind},
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
/// The last bookmark comes so long before the end, so that the next watch begins close to it.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);
/// How long a watch lasts when the client does not say: the real server takes 30 to 60 minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(45 * 60);
/// What there is at the beginning is written in pieces of about so many bytes.
const PIECE: usize = 64 << 10;

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
    registry.check_readable(resource)?;
    if representation.encoding == Encoding::Yaml {
        return Err(ApiError::not_acceptable(
            "only the following media types are accepted: application/json;stream=watch, \
             application/vnd.kubernetes.protobuf;stream=watch",
        ));
    }
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
    // Now, and not when the client begins to read: what it asks for is what there is now.
    Ok(match Follower::begin(lines, options, wanted) {
        Ok(follower) => respond::stream(stream::unfold(follower, |mut follower| async move {
            let piece = follower.next().await?;
            Some((piece, follower))
        })),
        Err(refused) => respond::stream(stream::once(future::ready(refusal(&refused)))),
    })
}

/// A watch on its way.
struct Follower {
    lines: Lines,
    /// What of the state at the beginning is still to be told.
    state: std::vec::IntoIter<Arc<Object>>,
    /// Whether the end of that state is still to be told.
    tells_end: bool,
    /// The state that it began with.
    begun: Revision,
    watch: Watch,
    ends: Instant,
    /// When the next bookmark is due, if there is one before the end.
    next_bookmark: Option<Instant>,
    bookmarks: bool,
    is_over: bool,
}

impl Follower {
    /// Finds the place to begin at.
    fn begin(lines: Lines, options: &ListOptions, wanted: Revision) -> Result<Self, ApiError> {
        let place = lines.resource.place();
        let store = &lines.registry.store;
        let current = store.revision();
        // Who says nothing, by the old path, begins with what there is unless he says where.
        let begins_with_state = options.send_initial_events.unwrap_or(wanted == 0);
        let (begun, state) = if begins_with_state {
            if wanted > current {
                return Err(too_large(wanted, current));
            }
            // The versions themselves are shared with everybody who reads them; only what is sent now is written out.
            let filter = |object: &Object| lines.selection.takes(object);
            let page = store.list(&Query {
                resource: &place,
                namespace: &lines.namespace,
                at: At::Newest,
                start: None,
                limit: None,
                filter: lines.selection.filter(&filter),
            });
            let page = page.map_err(expired)?;
            (page.revision, page.objects)
        } else if wanted == 0 {
            // Who begins anywhere, and does not want what there is, begins now.
            (current, Vec::new())
        } else {
            (wanted, Vec::new())
        };
        let watch = store.watch(&place, begun).map_err(expired)?;
        // What ended all watches of what was served before came before this one: it ends like them.
        let is_over = !lines.is_served();
        let timeout = match options.timeout_seconds {
            Some(seconds) if seconds > 0 => Duration::from_secs(seconds.unsigned_abs()),
            _ => DEFAULT_TIMEOUT,
        };
        let mut follower = Self {
            lines,
            state: state.into_iter(),
            tells_end: begins_with_state && options.allow_bookmarks,
            begun,
            watch,
            ends: Instant::now() + timeout,
            next_bookmark: None,
            bookmarks: options.allow_bookmarks,
            is_over,
        };
        follower.plan_bookmark();
        Ok(follower)
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            // A watch that always has something to tell ends in time, too.
            if self.is_over || Instant::now() >= self.ends {
                return None;
            }
            let piece = match self.state() {
                Some(piece) => piece,
                None => self.news().await?,
            };
            if !piece.is_empty() {
                return Some(piece);
            }
        }
    }

    /// The next piece of the state at the beginning; `None` once all of it was told.
    fn state(&mut self) -> Option<Bytes> {
        let mut bytes = BytesMut::new();
        while bytes.len() < PIECE
            && let Some(object) = self.state.next()
        {
            if let Err(refused) = self.lines.line("ADDED", &object, object.revision, &mut bytes) {
                return Some(self.end(bytes, &refused));
            }
        }
        if self.state.len() == 0 && std::mem::take(&mut self.tells_end) {
            bytes.put(self.lines.bookmark(self.begun, true));
        }
        (!bytes.is_empty()).then(|| bytes.freeze())
    }

    /// What happened since, and a bookmark if one is due; nothing if none of it is for this watch, `None` at the end.
    async fn news(&mut self) -> Option<Bytes> {
        let registry = Arc::clone(&self.lines.registry);
        let until = self.next_bookmark.unwrap_or(self.ends);
        let news = match timeout_at(until, self.watch.next(&registry.store)).await {
            Ok(news) => news,
            Err(_) => self.watch.poll(&registry.store),
        };
        let events = self.events(news)?;
        if self.is_over || self.next_bookmark.is_none_or(|due| due > Instant::now()) {
            return Some(events);
        }
        self.plan_bookmark();
        let mut bytes = BytesMut::from(events);
        // One that tells nothing new is not sent.
        if self.watch.revision() > self.begun {
            bytes.put(self.lines.bookmark(self.watch.revision(), false));
        }
        Some(bytes.freeze())
    }

    fn events(&mut self, news: Result<Vec<Arc<Event>>, ReadError>) -> Option<Bytes> {
        match news {
            Ok(events) => {
                let mut bytes = BytesMut::new();
                match self.lines.events(&events, &mut bytes) {
                    Ok(()) => Some(bytes.freeze()),
                    Err(refused) => Some(self.end(bytes, &refused)),
                }
            }
            Err(ReadError::Closed) => None,
            Err(error) => Some(self.end(BytesMut::new(), &expired(error))),
        }
    }

    /// Ends with what was told until then, and why.
    fn end(&mut self, mut told: BytesMut, why: &ApiError) -> Bytes {
        self.is_over = true;
        told.put(refusal(why));
        told.freeze()
    }

    /// Bookmarks come every minute, and once shortly before the end.
    fn plan_bookmark(&mut self) {
        let now = Instant::now();
        let last = self.ends.checked_sub(LAST_BOOKMARK);
        let next = last.map(|last| last.min(now + BOOKMARK_EVERY));
        self.next_bookmark = next.filter(|next| self.bookmarks && *next > now);
    }
}

/// A refusal as the last event of a watch.
fn refusal(error: &ApiError) -> Bytes {
    line("ERROR", &error.to_json()).into()
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
    /// Writes events, up to the first that cannot be shown.
    fn events(&mut self, events: &[Arc<Event>], bytes: &mut BytesMut) -> Result<(), ApiError> {
        for event in events {
            if !self.is_here(&event.object) {
                continue;
            }
            let was = event
                .previous
                .as_ref()
                .is_some_and(|previous| self.selection.takes(previous));
            let is = event.kind != EventKind::Deleted && self.selection.takes(&event.object);
            let (kind, object) = match (was, is, &event.previous) {
                (false, true, _) => ("ADDED", &event.object),
                (true, true, _) => ("MODIFIED", &event.object),
                (true, false, _) if event.kind == EventKind::Deleted => ("DELETED", &event.object),
                // What the selection no longer takes is shown as it last was, under the revision of its leaving.
                (true, false, Some(previous)) => ("DELETED", previous),
                _ => continue,
            };
            self.line(kind, object, event.revision(), bytes)?;
        }
        Ok(())
    }

    /// Whether the resource is still served as it was found.
    fn is_served(&self) -> bool {
        let Resource {
            group, version, plural, ..
        } = &*self.resource;
        let served = self.registry.resource(group, version, plural);
        served.is_some_and(|served| Arc::ptr_eq(&served, &self.resource))
    }

    fn is_here(&self, object: &Object) -> bool {
        self.namespace.is_empty() || object.namespace() == self.namespace
    }

    fn line(&mut self, kind: &str, object: &Object, revision: Revision, bytes: &mut BytesMut) -> Result<(), ApiError> {
        if self.representation.form != Form::Whole {
            let mut value = decode(&self.resource, object)?;
            set_meta(&mut value, "resourceVersion", &revision.to_string());
            self.value(kind, value, bytes);
            return Ok(());
        }
        let before = bytes.len();
        bytes.reserve(self.opening.size(object) + 40);
        bytes.put_slice(b"{\"type\":\"");
        bytes.put_slice(kind.as_bytes());
        bytes.put_slice(b"\",\"object\":");
        let shown = self.opening.show(&self.resource, object, revision, bytes);
        match shown {
            Ok(()) => bytes.put_slice(b"}\n"),
            Err(_) => bytes.truncate(before),
        }
        shown
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
            set_kind(map, &self.resource);
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

#[cfg(test)]
mod tests;
