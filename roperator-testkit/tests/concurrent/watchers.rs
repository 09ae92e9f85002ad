//! Somebody who watches: how it begins, what of all objects it watches, and the story that it is told.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    NAMESPACES,
    client::{Client, Watch, key, revision},
    random::Random,
};

/// Where the objects of a namespace are; all of them, if it is empty.
pub fn path(namespace: &str) -> String {
    if namespace.is_empty() {
        return "/api/v1/configmaps".to_owned();
    }
    format!("/api/v1/namespaces/{namespace}/configmaps")
}

/// What is written last, and all selectors take.
pub fn marker() -> Value {
    json!({"metadata": {"name": MARKER, "labels": {"tier": "x"}}})
}

const MARKER: &str = "the-end";

/// How a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With a list.
    List,
    /// With a list in pages.
    Pages,
    /// With what there is, whose end is told.
    State,
    /// With what there is, whose end is not told.
    Anywhere,
}

impl Begin {
    pub fn any(random: &mut Random) -> Self {
        random.of(&[Self::List, Self::Pages, Self::State, Self::Anywhere])
    }
}

/// What is watched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope {
    namespace: &'static str,
    selector: &'static str,
}

impl Scope {
    pub fn any(random: &mut Random) -> Self {
        Self {
            namespace: random.of(&["", NAMESPACES[0], NAMESPACES[1]]),
            selector: random.of(&["", "", "tier=x", "tier in (x,z)", "!odd"]),
        }
    }

    pub fn path(&self) -> String {
        path(self.namespace)
    }

    pub fn query(&self) -> String {
        let selector = self.selector.replace('=', "%3D").replace(' ', "%20");
        format!("labelSelector={selector}")
    }

    pub fn takes(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let tier = metadata["labels"]["tier"].as_str();
        let is_here = self.namespace.is_empty() || metadata["namespace"] == self.namespace;
        is_here
            && match self.selector {
                "" => true,
                "tier=x" => tier == Some("x"),
                "tier in (x,z)" => matches!(tier, Some("x" | "z")),
                "!odd" => metadata["labels"]["odd"].is_null(),
                other => panic!("{other}"),
            }
    }

    /// The last object that is written.
    fn end(&self) -> String {
        let namespace = if self.namespace.is_empty() {
            NAMESPACES[1]
        } else {
            self.namespace
        };
        format!("{namespace}/{MARKER}")
    }
}

/// An event as it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub kind: String,
    pub revision: u64,
    /// The object, without its version.
    pub object: Value,
}

impl Event {
    fn new(event: &Value) -> Self {
        let mut object = event["object"].clone();
        let revision = revision(&object);
        object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        Self {
            kind: event["type"].as_str().unwrap().to_owned(),
            revision,
            object,
        }
    }
}

/// All that somebody was told.
#[derive(Debug)]
pub struct Story {
    pub begin: Begin,
    pub scope: Scope,
    /// The state that it began with, if that was told.
    pub began: Option<(u64, Vec<Value>)>,
    /// What it was told next; if it began anywhere, what there was, first.
    pub events: Vec<Event>,
    /// The bookmarks, each with how many events there were before.
    pub bookmarks: Vec<(usize, u64)>,
}

#[derive(Clone)]
pub struct Watcher {
    client: Client,
    begin: Begin,
    scope: Scope,
    random: Random,
}

impl Watcher {
    pub const fn new(client: Client, begin: Begin, scope: Scope, random: Random) -> Self {
        Self {
            client,
            begin,
            scope,
            random,
        }
    }

    /// Begins: the state at the beginning, if it is known, and the watch.
    pub async fn begin(&self) -> (Option<(u64, Vec<Value>)>, Watch) {
        let (path, query) = (self.scope.path(), self.scope.query());
        let began = match self.begin {
            Begin::List => {
                let list = self.client.list(&path, &query).await;
                Some((list.revision(), list.items()))
            }
            Begin::Pages => Some(self.pages(&path, &query).await),
            Begin::State | Begin::Anywhere => None,
        };
        let from = match &began {
            Some((revision, _)) => format!("{query}&resourceVersion={revision}"),
            None if self.begin == Begin::Anywhere => format!("{query}&resourceVersion=0"),
            None => format!("{query}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1"),
        };
        let mut watch = self.client.watch(&path, &from).await.unwrap();
        if self.begin != Begin::State {
            return (began, watch);
        }
        let mut items = Vec::new();
        loop {
            let event = watch.next().await.unwrap();
            if event["type"] == "BOOKMARK" {
                let annotations = &event["object"]["metadata"]["annotations"];
                assert_eq!(annotations["k8s.io/initial-events-end"], "true", "{event}");
                return (Some((revision(&event["object"]), items)), watch);
            }
            assert_eq!(event["type"], "ADDED", "{event}");
            items.push(event["object"].clone());
        }
    }

    async fn pages(&self, path: &str, query: &str) -> (u64, Vec<Value>) {
        let first = self.client.list(path, &format!("{query}&limit=3")).await;
        let (mut items, mut page) = (first.items(), first.0.clone());
        let mut expected = None;
        loop {
            let remaining = page["metadata"]["remainingItemCount"].as_u64();
            if self.scope.query().ends_with('=') {
                assert!(
                    expected.is_none() || expected == remaining,
                    "{expected:?} {remaining:?}"
                );
                expected = remaining
                    .map(|remaining| remaining.checked_sub(3))
                    .and_then(|rest| rest.filter(|rest| *rest > 0));
            }
            let Some(token) = page["metadata"]["continue"].as_str() else {
                return (first.revision(), items);
            };
            let next = self
                .client
                .list(path, &format!("{query}&limit=3&continue={token}"))
                .await;
            assert_eq!(next.revision(), first.revision(), "all pages are of one state");
            items.extend(next.items());
            page = next.0;
        }
    }

    /// Watches until everything was written; goes away now and then and comes back where it was.
    pub async fn follow(mut self, (began, mut watch): (Option<(u64, Vec<Value>)>, Watch)) -> Story {
        let mut story = Story {
            begin: self.begin,
            scope: self.scope,
            began,
            events: Vec::new(),
            bookmarks: Vec::new(),
        };
        let mut place = story.began.as_ref().map(|(revision, _)| *revision);
        loop {
            let event = watch
                .next()
                .await
                .unwrap_or_else(|| panic!("the watch ended: {:?}", self.scope));
            if event["type"] == "BOOKMARK" {
                let revision = revision(&event["object"]);
                story.bookmarks.push((story.events.len(), revision));
                place = Some(revision);
                continue;
            }
            let event = Event::new(&event);
            place = place.map(|_| event.revision);
            let is_last = key(&event.object) == self.scope.end();
            story.events.push(event);
            if is_last {
                return story;
            }
            match (self.random.below(40), place) {
                (0, Some(place)) => {
                    let query = format!(
                        "{}&resourceVersion={place}&allowWatchBookmarks=true",
                        self.scope.query()
                    );
                    watch = self.client.watch(&self.scope.path(), &query).await.unwrap();
                }
                // Some are slow.
                (1, _) => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => {}
            }
        }
    }
}
