//! Kinds → stores that follow the API server, and word of every change.
//!
//! In: the operators' configurations. Out: one [`Store`] a kind and namespace, shared by all operators of the process,
//! which holds the newest state seen and tells its listeners of each change. It never writes to the API server.
//!
//! Listeners are told under the store's lock, so that nobody sees a change of which they do not know. They must not come
//! back to any store.
//!
//! A list after a lost watch is compared with the store object by object, so that what vanished in between is seen as
//! deleted.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    hash::{Hash, Hasher},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use futures::StreamExt;
use kube::{
    Client,
    runtime::watcher::{self, Event},
};
use tokio::sync::{oneshot, watch};

use crate::{
    config::{Backoff, OperatorConfig},
    connection::told,
    kind::Kind,
    object::{Object, ObjectKey, Received, ResourceVersion, Uid},
};

/// What is watched together: a kind, and a namespace where not all of them are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WatchKey {
    pub kind: Kind,
    pub namespace: Option<String>,
}

/// How a kind is watched so that every operator sees what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WatchSpec {
    pub key: WatchKey,
    /// `None`: every object.
    pub selector: Option<String>,
    /// Whose `managedFields` are kept.
    pub managers: BTreeSet<String>,
}

/// The fewest watches that serve all operators: parents unfiltered, children by the operators' label where nobody watches
/// the same kind as a parent.
pub(crate) fn plan(configs: &[Arc<OperatorConfig>]) -> Vec<WatchSpec> {
    #[derive(Default)]
    struct Need {
        everything: bool,
        labels: BTreeMap<String, BTreeSet<String>>,
        managers: BTreeSet<String>,
    }
    let mut needs: BTreeMap<WatchKey, Need> = BTreeMap::new();
    for config in configs {
        for key in watch_keys(config, &config.parent) {
            needs.entry(key).or_default().everything = true;
        }
        for child in &config.children {
            for key in watch_keys(config, &child.kind) {
                let need = needs.entry(key).or_default();
                let values = need.labels.entry(config.operator_label.clone()).or_default();
                values.extend(config.names().map(str::to_owned));
                need.managers.extend(config.own_managers().map(str::to_owned));
            }
        }
    }
    // A watch of all namespaces serves those of single ones.
    let all: BTreeSet<Kind> = needs
        .keys()
        .filter(|key| key.namespace.is_none())
        .map(|key| key.kind.clone())
        .collect();
    let mut specs: BTreeMap<WatchKey, Need> = BTreeMap::new();
    for (key, need) in needs {
        let namespace = key.namespace.filter(|_| !all.contains(&key.kind));
        let merged = specs
            .entry(WatchKey {
                kind: key.kind,
                namespace,
            })
            .or_default();
        merged.everything |= need.everything;
        merged.managers.extend(need.managers);
        for (label, values) in need.labels {
            merged.labels.entry(label).or_default().extend(values);
        }
    }
    specs
        .into_iter()
        .map(|(key, need)| {
            let selector = match need.labels.iter().next() {
                Some((label, values)) if !need.everything && need.labels.len() == 1 => Some(selector(label, values)),
                _ => None,
            };
            WatchSpec {
                key,
                selector,
                managers: need.managers,
            }
        })
        .collect()
}

fn selector(label: &str, values: &BTreeSet<String>) -> String {
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    match values.as_slice() {
        [value] => format!("{label}={value}"),
        values => format!("{label} in ({})", values.join(", ")),
    }
}

fn watch_keys(config: &OperatorConfig, kind: &Kind) -> Vec<WatchKey> {
    let key = |namespace| WatchKey {
        kind: kind.clone(),
        namespace,
    };
    if kind.is_namespaced() && !config.namespaces.is_empty() {
        config
            .namespaces
            .iter()
            .map(|namespace| key(Some(namespace.clone())))
            .collect()
    } else {
        vec![key(None)]
    }
}

/// A change of one object in a store.
pub(crate) struct Delta<'a> {
    pub old: Option<&'a Object>,
    pub new: Option<&'a Object>,
    /// Whether it came with a list rather than by itself.
    pub initial: bool,
}

pub(crate) type Listener = Box<dyn Fn(&Delta<'_>) + Send + Sync>;

/// What a write made sure that we will see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// This version or a later one.
    Version(ResourceVersion),
    /// The object gone, being deleted, or another one under its name.
    Deletion(Uid),
}

/// The newest state that was seen of the objects of one [`WatchSpec`].
pub(crate) struct Store {
    spec: WatchSpec,
    kind: Arc<Kind>,
    state: Mutex<State>,
    listeners: RwLock<Vec<Listener>>,
    health: watch::Sender<Health>,
}

/// Whether a store can be relied on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// Whether the first list is complete.
    pub synced: bool,
    /// Why the watch fails at the moment.
    pub problem: Option<String>,
}

#[derive(Default)]
struct State {
    objects: HashSet<ByKey>,
    /// By owner, in no order.
    by_owner: HashMap<Uid, Vec<Object>>,
    waiters: HashMap<ObjectKey, Vec<Waiter>>,
    /// The latest version that an event had: events of a kind come in the order of their versions.
    latest: ResourceVersion,
    /// The keys that the list in progress has named so far.
    listing: Option<HashSet<ObjectKey>>,
    lists_begun: u64,
}

/// An object that is found by its key, without a second copy of it.
struct ByKey(Object);

impl Borrow<ObjectKey> for ByKey {
    fn borrow(&self) -> &ObjectKey {
        self.0.key()
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for ByKey {}

impl Hash for ByKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key().hash(state);
    }
}

struct Waiter {
    expected: Expected,
    /// How many lists had begun when it came: a later one shows what it waits for, whatever that is.
    lists_begun: u64,
    done: oneshot::Sender<()>,
}

impl State {
    fn is_met(&self, key: &ObjectKey, expected: &Expected) -> bool {
        match expected {
            Expected::Version(version) => {
                self.latest.is_at_least(version)
                    || self
                        .get(key)
                        .is_some_and(|object| object.resource_version().is_at_least(version))
            }
            Expected::Deletion(uid) => self
                .get(key)
                .is_none_or(|object| object.uid() != uid || object.is_deleting()),
        }
    }

    fn get(&self, key: &ObjectKey) -> Option<&Object> {
        self.objects.get(key).map(|entry| &entry.0)
    }

    fn insert(&mut self, object: Object) -> Option<Object> {
        let old = self.objects.replace(ByKey(object.clone())).map(|entry| entry.0);
        if let Some(old) = &old {
            self.unindex(old);
        }
        if let Some(owner) = object.controller() {
            self.by_owner.entry(owner.uid.clone()).or_default().push(object);
        }
        old
    }

    fn remove(&mut self, key: &ObjectKey) -> Option<Object> {
        let old = self.objects.take(key)?.0;
        self.unindex(&old);
        Some(old)
    }

    fn unindex(&mut self, object: &Object) {
        let Some(owner) = object.controller() else { return };
        if let Some(owned) = self.by_owner.get_mut(&owner.uid) {
            owned.retain(|owned| owned.key() != object.key());
            if owned.is_empty() {
                self.by_owner.remove(&owner.uid);
            }
        }
    }

    fn release(&mut self, key: &ObjectKey) {
        let Some(waiters) = self.waiters.remove(key) else {
            return;
        };
        let (met, waiting): (Vec<_>, Vec<_>) = waiters
            .into_iter()
            .partition(|waiter| self.is_met(key, &waiter.expected));
        met.into_iter().for_each(Waiter::release);
        if !waiting.is_empty() {
            self.waiters.insert(key.clone(), waiting);
        }
    }

    fn advance(&mut self, version: &ResourceVersion) {
        if self.listing.is_none() && !self.latest.is_at_least(version) {
            self.latest = version.clone();
        }
    }
}

impl Waiter {
    fn release(self) {
        // Nobody listens any more when the wait was given up.
        let _ = self.done.send(());
    }
}

impl Store {
    pub fn new(spec: WatchSpec) -> Arc<Self> {
        Arc::new(Self {
            kind: Arc::new(spec.key.kind.clone()),
            spec,
            state: Mutex::default(),
            listeners: RwLock::default(),
            health: watch::Sender::new(Health::default()),
        })
    }

    pub fn key(&self) -> &WatchKey {
        &self.spec.key
    }

    /// Calls a listener of every change from now on.
    pub fn listen(&self, listener: Listener) {
        self.listeners
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
    }

    /// Whether a list has begun and is not complete.
    fn is_listing(&self) -> bool {
        self.lock().listing.is_some()
    }

    /// Whether the watch is down at the moment.
    pub fn is_failing(&self) -> bool {
        self.health.borrow().problem.is_some()
    }

    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    pub fn len(&self) -> usize {
        self.lock().objects.len()
    }

    pub fn get(&self, key: &ObjectKey) -> Option<Object> {
        self.lock().get(key).cloned()
    }

    /// The objects whose controller has this uid, by key.
    pub fn owned_by(&self, owner: &Uid) -> Vec<Object> {
        let mut owned = self.lock().by_owner.get(owner).cloned().unwrap_or_default();
        owned.sort_by(|a, b| a.key().cmp(b.key()));
        owned
    }

    /// Something to wait for until a write is seen; `None` if it was seen already.
    pub fn expect(&self, key: &ObjectKey, expected: Expected) -> Option<oneshot::Receiver<()>> {
        let mut state = self.lock();
        if state.is_met(key, &expected) {
            return None;
        }
        let (done, receiver) = oneshot::channel();
        let waiter = Waiter {
            expected,
            lists_begun: state.lists_begun,
            done,
        };
        state.waiters.entry(key.clone()).or_default().push(waiter);
        Some(receiver)
    }

    /// Takes over what a GET answered, unless the watch is past that already: then it has the object as it is, or knows that
    /// it is gone.
    pub fn take_over(&self, object: Object) {
        self.put(object, false, |state, object| {
            let version = object.resource_version();
            state.latest.is_at_least(version)
                || state
                    .get(object.key())
                    .is_some_and(|known| known.resource_version().is_at_least(version))
        });
    }

    /// A GET found that there is no such object: what was known of it before is gone. What has come since stays.
    pub fn forget(&self, key: &ObjectKey, known: Option<&Object>) {
        self.take_out(key, |state| match (state.get(key), known) {
            (Some(held), Some(known)) => held.uid() == known.uid(),
            (held, _) => held.is_none(),
        });
    }

    /// An object out of an answer of the API server.
    ///
    /// # Errors
    /// When the answer is no Kubernetes object.
    pub fn parse(&self, json: &str) -> Result<Object, serde_json::Error> {
        Object::from_json(json, &self.kind, &|manager| self.spec.managers.contains(manager))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, delta: &Delta<'_>) {
        for listener in self.listeners.read().unwrap_or_else(PoisonError::into_inner).iter() {
            listener(delta);
        }
    }

    fn on_event(&self, event: Event<Received>) {
        match event {
            Event::Init => {
                let mut state = self.lock();
                state.listing = Some(HashSet::new());
                state.lists_begun += 1;
            }
            Event::InitApply(received) => self.decoded(received, |object| self.apply(object, true)),
            Event::InitDone => self.list_done(),
            Event::Apply(received) => self.decoded(received, |object| self.apply(object, false)),
            Event::Delete(received) => self.decoded(received, |object| {
                self.delete(object.key(), object.resource_version());
            }),
        }
    }

    fn decoded(&self, received: Received, then: impl FnOnce(Object)) {
        match received.into_object(&self.kind, &|manager| self.spec.managers.contains(manager)) {
            Ok(object) => then(object),
            // The API server validates metadata of every object, so that this is no object of Kubernetes at all.
            Err(error) => tracing::error!(kind = %self.kind, %error, "an object without readable metadata is left out"),
        }
    }

    fn apply(&self, object: Object, initial: bool) {
        self.put(object, initial, |state, object| {
            if let Some(listing) = &mut state.listing {
                listing.insert(object.key().clone());
            }
            state.advance(object.resource_version());
            state.get(object.key()).is_some_and(|known| {
                known.uid() == object.uid() && known.resource_version().is_at_least(object.resource_version())
            })
        });
    }

    /// Puts an object in its place, unless it tells nothing new, and tells of it.
    fn put(&self, object: Object, initial: bool, is_known: impl FnOnce(&mut State, &Object) -> bool) {
        let mut state = self.lock();
        if !is_known(&mut state, &object) {
            let old = state.insert(object.clone());
            self.tell(&Delta {
                old: old.as_ref(),
                new: Some(&object),
                initial,
            });
        }
        state.release(object.key());
    }

    fn delete(&self, key: &ObjectKey, version: &ResourceVersion) {
        self.take_out(key, |state| {
            state.advance(version);
            true
        });
    }

    /// Takes an object out, if it is to be, and tells of it.
    fn take_out(&self, key: &ObjectKey, is_gone: impl FnOnce(&mut State) -> bool) {
        let mut state = self.lock();
        if !is_gone(&mut state) {
            return;
        }
        if let Some(old) = state.remove(key) {
            self.tell(&Delta {
                old: Some(&old),
                new: None,
                initial: false,
            });
        }
        state.release(key);
    }

    /// Forgets what the list did not name, and releases all who waited since before it began.
    fn list_done(&self) {
        {
            let mut state = self.lock();
            let listed = state.listing.take().unwrap_or_default();
            let unlisted: Vec<ObjectKey> = state
                .objects
                .iter()
                .map(|entry| entry.0.key())
                .filter(|key| !listed.contains(*key))
                .cloned()
                .collect();
            for old in unlisted.iter().filter_map(|key| state.remove(key)) {
                self.tell(&Delta {
                    old: Some(&old),
                    new: None,
                    initial: true,
                });
            }
            let versions: Vec<ResourceVersion> = state
                .objects
                .iter()
                .map(|entry| entry.0.resource_version().clone())
                .collect();
            versions.iter().for_each(|version| state.advance(version));
            let begun = state.lists_begun;
            for (key, waiters) in std::mem::take(&mut state.waiters) {
                let (met, waiting): (Vec<_>, Vec<_>) = waiters
                    .into_iter()
                    .partition(|waiter| waiter.lists_begun < begun || state.is_met(&key, &waiter.expected));
                met.into_iter().for_each(Waiter::release);
                if !waiting.is_empty() {
                    state.waiters.insert(key, waiting);
                }
            }
        }
        self.health.send_modify(|health| health.synced = true);
    }

    /// Follows the API server until the future is dropped.
    pub async fn follow(self: Arc<Self>, client: Client, observer: Arc<dyn WatchObserver>) {
        let mut streaming = true;
        let mut failures = 0;
        loop {
            let mut stream = pin!(self.stream(&client, streaming));
            while let Some(event) = stream.next().await {
                match event {
                    Ok(event) => {
                        if matches!(event, Event::Init) && self.is_listing() {
                            // The last list broke off: the watcher itself would begin the next one at once.
                            failures += 1;
                            tokio::time::sleep(WATCH_BACKOFF.delay(failures)).await;
                        } else if matches!(event, Event::InitDone | Event::Apply(_) | Event::Delete(_)) {
                            failures = 0;
                        }
                        observer.received(&self.kind, &event_name(&event));
                        self.on_event(event);
                    }
                    Err(error) if streaming && refuses_streaming(&error) => {
                        tracing::info!(kind = %self.kind, "the API server has no streaming lists; plain ones are used");
                        streaming = false;
                        break;
                    }
                    Err(error) => {
                        let is_refused_as_gone =
                            is_desync(&error) && matches!(error, watcher::Error::WatchStartFailed(_));
                        failures += 1;
                        observer.failed(&self.kind);
                        self.report(&error, failures);
                        tokio::time::sleep(WATCH_BACKOFF.delay(failures)).await;
                        if is_refused_as_gone {
                            // The watcher would ask for the same version for ever; a new one lists anew.
                            break;
                        }
                    }
                }
            }
        }
    }

    /// A client that notes when a watch stands again. The watcher tells of nothing but objects, of which a kind at rest may
    /// have none for hours.
    fn noting(self: &Arc<Self>, client: Client) -> Client {
        let store = Arc::downgrade(self);
        let namespace = client.default_namespace().to_owned();
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let (client, store) = (client.clone(), store.clone());
            async move {
                let is_watch = request.uri().query().is_some_and(|query| query.contains("watch="));
                // A connection that nobody serves any more would keep it waiting for ever.
                let response = tokio::time::timeout(ANSWER_TIMEOUT, client.send(request)).await;
                let response =
                    response.map_err(|_| kube::Error::Service("the API server does not answer".into()))??;
                if is_watch
                    && response.status().is_success()
                    && let Some(store) = store.upgrade()
                {
                    store.works();
                }
                Ok::<_, kube::Error>(response)
            }
        });
        Client::new(service, namespace)
    }

    fn works(&self) {
        self.health.send_if_modified(|health| {
            let had_problem = health.problem.take().is_some();
            if had_problem {
                tracing::info!(kind = %self.kind, "the watch works again");
            }
            had_problem
        });
    }

    fn stream(
        self: &Arc<Self>,
        client: &Client,
        streaming: bool,
    ) -> impl futures::Stream<Item = Result<Event<Received>, watcher::Error>> + Send + use<> {
        let client = self.noting(client.clone());
        let api = match &self.spec.key.namespace {
            Some(namespace) => kube::Api::<Received>::namespaced_with(client, namespace, &self.kind),
            None => kube::Api::<Received>::all_with(client, &self.kind),
        };
        let mut config = watcher::Config::default();
        if let Some(selector) = &self.spec.selector {
            config = config.labels(selector);
        }
        if streaming {
            config = config.streaming_lists();
        }
        watcher::watcher(api, config)
    }

    fn report(&self, error: &watcher::Error, failures: u32) {
        let problem = self.problem(error);
        if is_desync(error) {
            tracing::info!(kind = %self.kind, "the watch fell behind the API server's history; listing anew");
        } else if self.health.borrow().problem.as_deref() != Some(&*problem) || failures.is_power_of_two() {
            tracing::warn!(kind = %self.kind, failures, "{problem}");
        }
        self.health.send_modify(|health| health.problem = Some(problem));
    }

    /// What is wrong, and what to do about it.
    fn problem(&self, error: &watcher::Error) -> String {
        let kind = &self.kind;
        match status_code(error) {
            Some(404) => format!(
                "{kind} is not served by the API server: install its custom resource definition ({}); retrying until it is",
                kind.crd_name()
            ),
            Some(403) => format!(
                "{kind} may not be listed and watched: grant `get`, `list` and `watch` on `{}` in group `{}`; retrying until they are",
                kind.plural(),
                kind.group()
            ),
            _ => match api_status(error) {
                Some(status) => format!("{kind} cannot be watched: {}; retrying", status.message),
                None => format!("{kind} cannot be watched: {}; retrying", told(error)),
            },
        }
    }
}

/// How long a watch or list may take to begin.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Delays between attempts to watch.
const WATCH_BACKOFF: Backoff = Backoff {
    initial: Duration::from_millis(100),
    max: Duration::from_secs(10),
};

/// Is told of watches, for metrics.
pub(crate) trait WatchObserver: Send + Sync + 'static {
    fn received(&self, kind: &Kind, event: &str);
    fn failed(&self, kind: &Kind);
}

fn event_name(event: &Event<Received>) -> String {
    match event {
        Event::Init => "list",
        Event::InitApply(_) => "listed",
        Event::InitDone => "list_done",
        Event::Apply(_) => "applied",
        Event::Delete(_) => "deleted",
    }
    .to_owned()
}

/// What the API server says of a failure, if it says anything.
fn api_status(error: &watcher::Error) -> Option<&kube::core::Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    }
}

fn status_code(error: &watcher::Error) -> Option<u16> {
    api_status(error).map(|status| status.code)
}

fn is_desync(error: &watcher::Error) -> bool {
    status_code(error) == Some(410)
}

/// Servers before 1.34 may refuse `sendInitialEvents` as invalid.
fn refuses_streaming(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if matches!(status.code, 400 | 422))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::{config::ChildConfig, k8s_types::core::v1::ConfigMap};

    const SITE: Kind = Kind::namespaced("example.com/v1", "Site", "sites");

    fn store() -> Arc<Store> {
        Store::new(WatchSpec {
            key: WatchKey {
                kind: ConfigMap,
                namespace: None,
            },
            selector: None,
            managers: BTreeSet::new(),
        })
    }

    fn received(name: &str, version: &str, owner: &str) -> Received {
        let json = serde_json::json!({"metadata": {"name": name, "namespace": "n", "uid": name,
            "resourceVersion": version, "ownerReferences": [
                {"apiVersion": "e/v1", "kind": "E", "name": "p", "uid": owner, "controller": true}]}});
        serde_json::from_str(&json.to_string()).unwrap()
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new(Some("n"), name)
    }

    #[test]
    fn operators_share_watches() {
        let a = Arc::new(OperatorConfig::new("a", SITE).with_child(ConfigMap, ChildConfig::apply()));
        let b = Arc::new(
            OperatorConfig::new("b", SITE)
                .with_child(ConfigMap, ChildConfig::apply())
                .with_previous_names(["old"]),
        );
        let specs = plan(&[a.clone(), b]);
        assert_eq!(specs.len(), 2);
        let config_maps = specs.iter().find(|spec| spec.key.kind == ConfigMap).unwrap();
        assert_eq!(
            config_maps.selector.as_deref(),
            Some("roperator.dev/operator in (a, b, old)")
        );
        let parent_too = Arc::new(OperatorConfig::new("c", ConfigMap));
        let specs = plan(&[a, parent_too]);
        assert_eq!(
            specs.iter().find(|spec| spec.key.kind == ConfigMap).unwrap().selector,
            None
        );
    }

    #[test]
    fn what_a_list_does_not_name_is_deleted() {
        let store = store();
        let deleted = Arc::new(AtomicUsize::new(0));
        let count = deleted.clone();
        store.listen(Box::new(move |delta| {
            count.fetch_add(usize::from(delta.new.is_none()), Ordering::Relaxed);
        }));
        for event in [
            Event::Init,
            Event::InitApply(received("a", "1", "u")),
            Event::InitApply(received("b", "2", "u")),
            Event::InitDone,
        ] {
            store.on_event(event);
        }
        assert_eq!(store.owned_by(&Uid::from("u")).len(), 2);
        for event in [Event::Init, Event::InitApply(received("b", "2", "u")), Event::InitDone] {
            store.on_event(event);
        }
        assert_eq!(deleted.load(Ordering::Relaxed), 1);
        assert!(store.get(&key("a")).is_none());
        assert_eq!(store.owned_by(&Uid::from("u")).len(), 1);
    }

    #[test]
    fn nobody_sees_a_change_before_its_listeners_know_of_it() {
        let store = store();
        store.on_event(Event::Apply(received("a", "1", "u")));
        let readers = Arc::new(Mutex::new(Vec::new()));
        let (seen, read) = (Arc::downgrade(&store), readers.clone());
        store.listen(Box::new(move |_| {
            let store = seen.upgrade().unwrap();
            let reader =
                std::thread::spawn(move || store.get(&key("a")).map(|object| object.resource_version().clone()));
            std::thread::sleep(Duration::from_millis(50));
            assert!(!reader.is_finished(), "it waits for the listener");
            read.lock().unwrap().push(reader);
        }));
        store.on_event(Event::Apply(received("a", "2", "u")));
        store.on_event(Event::Delete(received("a", "3", "u")));
        let readers = std::mem::take(&mut *readers.lock().unwrap());
        let read = readers.into_iter().map(|reader| reader.join().unwrap());
        assert_eq!(read.last(), Some(None));
    }

    #[test]
    fn an_owner_that_changes_leaves_no_stale_index() {
        let store = store();
        store.on_event(Event::Apply(received("a", "1", "u")));
        store.on_event(Event::Apply(received("a", "2", "v")));
        assert!(store.owned_by(&Uid::from("u")).is_empty());
        assert_eq!(store.owned_by(&Uid::from("v")).len(), 1);
    }

    #[test]
    fn waits_end_with_the_version_a_later_one_or_a_later_list() {
        let store = store();
        let mut wait = store.expect(&key("a"), Expected::Version("5".into())).unwrap();
        store.on_event(Event::Apply(received("a", "4", "u")));
        assert!(wait.try_recv().is_err());
        store.on_event(Event::Apply(received("a", "5", "u")));
        assert!(wait.try_recv().is_ok());
        assert!(
            store.expect(&key("b"), Expected::Version("3".into())).is_none(),
            "events come in order"
        );
        let mut wait = store.expect(&key("b"), Expected::Version("9".into())).unwrap();
        store.on_event(Event::Init);
        assert!(wait.try_recv().is_err());
        store.on_event(Event::InitDone);
        assert!(wait.try_recv().is_ok());
        let mut wait = store.expect(&key("c"), Expected::Deletion("c".into()));
        assert!(wait.take().is_none(), "it is not there");
    }

    #[test]
    fn an_older_state_never_replaces_a_newer_one() {
        let store = store();
        store.on_event(Event::Apply(received("a", "7", "u")));
        store.on_event(Event::Apply(received("a", "6", "v")));
        assert_eq!(store.get(&key("a")).unwrap().resource_version().as_str(), "7");
    }

    fn object(store: &Store, name: &str, version: &str) -> Object {
        let json =
            serde_json::json!({"metadata": {"name": name, "namespace": "n", "uid": name, "resourceVersion": version}});
        store.parse(&json.to_string()).unwrap()
    }

    #[test]
    fn what_a_get_answered_brings_nothing_back_that_the_watch_saw_go() {
        let store = store();
        store.on_event(Event::Apply(received("a", "5", "u")));
        let got = object(&store, "a", "5");
        store.on_event(Event::Delete(received("a", "6", "u")));
        store.take_over(got);
        assert!(store.get(&key("a")).is_none());
    }

    #[test]
    fn what_a_get_answered_says_nothing_of_other_objects() {
        let store = store();
        store.take_over(object(&store, "a", "50"));
        assert!(store.get(&key("a")).is_some());
        assert!(store.expect(&key("b"), Expected::Version("40".into())).is_some());
    }

    #[test]
    fn what_came_since_a_get_found_nothing_stays() {
        let store = store();
        store.on_event(Event::Apply(received("a", "5", "u")));
        let known = store.get(&key("a"));
        store.forget(&key("a"), known.as_ref());
        assert!(store.get(&key("a")).is_none());
        store.on_event(Event::Apply(received("a", "9", "u")));
        store.forget(&key("a"), None);
        assert!(store.get(&key("a")).is_some(), "it was made after the GET");
    }
}
