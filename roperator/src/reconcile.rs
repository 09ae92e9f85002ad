//! One turn: one parent from observed to desired.
//!
//! In: a parent's key. Out: [`TurnEnd`]: what was written, how it went, and when to come back. A turn never branches on what
//! kind of event caused it. A failed turn touches no child for the failure's sake, and no finalizer.

mod failure;
mod remembered;
mod report;

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

pub(crate) use self::failure::Failure;
use self::{
    failure::unreachable_failure,
    remembered::Remembered,
    report::{Reported, Stated},
};
use crate::{
    api::{Api, ApiError},
    apply::{Applier, ApplyError, Effect, Seen, called},
    config::OperatorConfig,
    desired::{DesiredChild, desired},
    diff::{Change, Kept, Update, WhyDelete, diff},
    error::Retry,
    finalize,
    losses::{Losses, Wait},
    object::{Object, ObjectKey, ResourceVersion, Uid},
    observed::ObservedState,
    operator::{Dispatch, Handler, Operator, SyncRequest},
    status::{Support, Verdict},
    sync::{HandlerError, Hung, guarded},
    watch::{Expected, Store},
};

/// The stores of one kind that an operator sees: one, or one a namespace.
#[derive(Clone)]
pub(crate) struct Stores(pub Vec<Arc<Store>>);

impl Stores {
    /// The store that an object of this key is in.
    pub fn of(&self, key: &ObjectKey) -> Option<&Arc<Store>> {
        self.0.iter().find(|store| {
            store.key().namespace.is_none() || store.key().namespace.as_deref() == key.namespace.as_deref()
        })
    }

    pub fn get(&self, key: &ObjectKey) -> Option<Object> {
        self.of(key)?.get(key)
    }

    fn owned_by(&self, owner: &Uid) -> Vec<Object> {
        self.0.iter().flat_map(|store| store.owned_by(owner)).collect()
    }
}

/// What a turn came to.
pub(crate) struct TurnEnd {
    pub outcome: Outcome,
    /// The writes that the next turn of this parent has to see.
    pub seen: Vec<Seen>,
    /// A handler that still runs: the next turn of this parent waits for it.
    pub hung: Option<Hung>,
    /// What the handler wants whatever the children are: it did not look at them.
    pub regardless: Option<Regardless>,
}

/// What a handler wanted that did not look at the children, and how its turn left them.
pub(crate) struct Regardless {
    desired: Vec<Arc<DesiredChild>>,
    left: HashMap<Uid, ResourceVersion>,
}

impl TurnEnd {
    fn gone() -> Self {
        Self {
            outcome: Outcome::Gone,
            seen: Vec::new(),
            hung: None,
            regardless: None,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Outcome {
    /// There is no such parent.
    Gone,
    /// All is done that can be done now.
    Settled { resync_after: Option<Duration> },
    /// What was seen is not what is there.
    Stale(String),
    /// It failed.
    Failed(Failure),
}

/// Runs the turns of one operator.
pub(crate) struct Reconciler<O: Operator, H> {
    pub config: Arc<OperatorConfig>,
    pub handler: Arc<H>,
    pub api: Api,
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub parents: Stores,
    /// In the order of the declaration.
    pub children: Vec<Stores>,
    support: Mutex<(Support, Instant)>,
    pub losses: Losses,
    memory: Mutex<HashMap<ObjectKey, Remembered>>,
    kept: Arc<Kept>,
    /// The hash of the last status written or being written, by which its echo is known.
    own_statuses: Mutex<HashMap<ObjectKey, u64>>,
    operator: std::marker::PhantomData<fn() -> O>,
}

impl<O, H> Reconciler<O, H>
where
    O: Operator<Finalization: Dispatch<O, H>>,
    H: Handler<O>,
{
    pub fn new(
        config: Arc<OperatorConfig>,
        handler: Arc<H>,
        api: Api,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
        parents: Stores,
        children: Vec<Stores>,
    ) -> Self {
        Self {
            config,
            handler,
            api,
            clock,
            parents,
            children,
            support: Mutex::new((Support::ALL, Instant::now())),
            losses: Losses::default(),
            memory: Mutex::default(),
            kept: Arc::default(),
            own_statuses: Mutex::default(),
            operator: std::marker::PhantomData,
        }
    }

    /// Reads the parent where its store may be behind: while its watch is down, and when children went without our deleting
    /// them. Children of a parent that is gone would be made and collected over and over.
    async fn see_parent(&self, key: &ObjectKey) -> Result<(), ApiError> {
        let Some(store) = self.parents.of(key) else {
            return Ok(());
        };
        let known = store.get(key);
        let is_doubtful = known.as_ref().is_some_and(|parent| self.losses.is_doubtful(parent));
        if store.is_failing() || is_doubtful {
            // Before it is read: what goes meanwhile makes it doubtful again.
            known.iter().for_each(|parent| self.losses.looked_at(parent));
            self.read(store, key).await?;
        }
        Ok(())
    }

    /// A parent that should be read and cannot be. Where the API server says why, so does its status.
    async fn unseen(&self, parent: &Object, error: &ApiError, turn: &mut Turn) -> Outcome {
        if error.code().is_none() {
            return Outcome::Stale(format!(
                "{} cannot be seen: {error}",
                called(parent.kind(), parent.key())
            ));
        }
        self.fail(parent, Failure::api("ParentUnreadable", error), None, turn)
            .await
    }

    /// Reads one object and gives it to its store.
    ///
    /// # Errors
    /// When the API server does not tell.
    pub async fn read(&self, store: &Store, key: &ObjectKey) -> Result<(), ApiError> {
        let known = store.get(key);
        let path = store.key().kind.path(key.namespace.as_deref(), Some(&key.name));
        match self.api.get(&path).await {
            Ok(json) => match store.parse(&json) {
                Ok(object) => store.take_over(object),
                Err(error) => tracing::warn!(%error, "the API server answered a GET with no object"),
            },
            Err(error) if error.code() == Some(404) => store.forget(key, known.as_ref()),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// A child has gone, or is no child of this parent any more.
    pub fn lost(&self, parent: &ObjectKey, child: &Object) {
        self.losses.gone(parent, child, &self.config.backoff, Instant::now());
    }

    /// One turn of one parent.
    pub async fn turn(&self, key: &ObjectKey) -> TurnEnd {
        let seen = self.see_parent(key).await;
        let mut turn = Turn {
            remembered: self.recall(key),
            seen: Vec::new(),
            hung: None,
            regardless: None,
        };
        let outcome = match (self.parents.get(key), seen) {
            (None, _) => {
                lock(&self.own_statuses).remove(key);
                self.losses.forget(key);
                return TurnEnd::gone();
            }
            (Some(parent), Err(error)) => {
                self.losses.doubt(&parent);
                self.unseen(&parent, &error, &mut turn).await
            }
            (Some(parent), Ok(())) if parent.is_deleting() => self.finalize(&parent, &mut turn).await,
            (Some(parent), Ok(())) => self.reconcile(&parent, &mut turn).await,
        };
        self.remember(key, turn.remembered);
        TurnEnd {
            // A turn that did not go well has another one.
            regardless: turn.regardless.filter(|_| matches!(outcome, Outcome::Settled { .. })),
            outcome,
            seen: turn.seen,
            hung: turn.hung,
        }
    }

    /// Whether a turn would find nothing to do now: nothing changed since the last one but by its own writes, which its handler
    /// would not see.
    pub fn is_done(&self, key: &ObjectKey, last: &Regardless) -> bool {
        let Some(parent) = self.parents.get(key) else {
            return false;
        };
        let is_in_doubt =
            self.parents.of(key).is_none_or(|store| store.is_failing()) || self.losses.is_doubtful(&parent);
        let observed = self.observe(&parent);
        let is_as_left = |child: &Object| last.left.get(child.uid()) == Some(child.resource_version());
        if is_in_doubt || parent.is_deleting() || !observed.children.iter().all(is_as_left) {
            return false;
        }
        let mut remembered = self.recall(key);
        let changes = diff(&self.config, &observed, &last.desired, &mut remembered.children);
        self.remember(key, remembered);
        changes.is_empty()
    }

    fn recall(&self, key: &ObjectKey) -> Remembered {
        let remembered = lock(&self.memory).remove(key);
        remembered.unwrap_or_else(|| Remembered::new(&self.kept))
    }

    fn remember(&self, key: &ObjectKey, remembered: Remembered) {
        if !remembered.is_empty() {
            lock(&self.memory).insert(key.clone(), remembered);
        }
    }

    async fn reconcile(&self, parent: &Object, turn: &mut Turn) -> Outcome {
        if O::Finalization::FINALIZES
            && let Some(patch) = finalize::addition(&self.config, parent)
            && let Err(outcome) = self.patch_finalizer(parent, &patch, turn).await
        {
            return outcome;
        }
        let observed = self.observe(parent);
        let request = match SyncRequest::<O>::new(parent.clone(), observed.children.clone(), (self.clock)()) {
            Ok(request) => request,
            Err(error) => return self.fail(parent, Failure::parent(&error), None, turn).await,
        };
        let (handler, asked) = (self.handler.clone(), request.clone());
        let (result, hung) = guarded(self.config.handler_deadline, async move { handler.sync(&asked).await }).await;
        turn.hung = hung;
        let response = match result {
            _ if request.poisoned().is_some() => Err(request.poisoned().map(|error| Failure::child(&error))),
            Err(error) => Err(Some(Failure::from(&error))),
            Ok(response) => Ok(response.desired),
        };
        let mut response = match response {
            Ok(response) => response,
            Err(failure) => {
                return self
                    .fail(parent, failure.unwrap_or_else(unreachable_failure), None, turn)
                    .await;
            }
        };
        if let Some(error) = response.error.take() {
            let stated = Stated {
                status: response.status,
                conditions: response.conditions,
            };
            return self
                .fail(parent, Failure::from(&HandlerError::Failed(error)), Some(stated), turn)
                .await;
        }
        let children = match desired(&self.config, parent, std::mem::take(&mut response.children)) {
            Ok(children) => children,
            Err(error) => return self.fail(parent, error.into(), None, turn).await,
        };
        let changes = diff(&self.config, &observed, &children, &mut turn.remembered.children);
        let applied = self.apply(parent, &changes, turn).await;
        let stated = Stated {
            status: response.status,
            conditions: response.conditions,
        };
        if let Some(failure) = Failure::children(&applied.errors) {
            return self.fail(parent, failure, Some(stated), turn).await;
        }
        if let Some(stale) = applied.stale {
            return Outcome::Stale(stale);
        }
        let verdict = match applied.waiting {
            Some((reason, message)) => Verdict::Waiting { reason, message },
            None => {
                turn.regardless = (!request.has_looked()).then(|| turn.regardless(children, &observed));
                Verdict::Ready
            }
        };
        let resync = response.resync_after.or(self.config.resync);
        match self.report(parent, Some(stated), &verdict, turn).await {
            Ok(Reported::Stale) => {
                Outcome::Stale(format!("{} has changed meanwhile", called(parent.kind(), parent.key())))
            }
            Ok(Reported::Done) => Outcome::Settled {
                resync_after: resync.into_iter().chain(applied.held).min(),
            },
            Ok(Reported::Held(left)) => Outcome::Settled {
                resync_after: resync.into_iter().chain(applied.held).chain([left]).min(),
            },
            // A status that is refused for what the handler stated is reported without that.
            Err(failure) if failure.retry == Retry::Terminal => self.fail(parent, failure, None, turn).await,
            Err(failure) => self.fail_without_status(parent, failure, turn).await,
        }
    }

    /// The parent's children: of a declared kind, with the parent as their controller and a label of this operator.
    fn observe(&self, parent: &Object) -> ObservedState {
        let is_ours = |child: &Object| {
            child
                .label(&self.config.operator_label)
                .is_some_and(|value| self.config.names().any(|name| name == value))
        };
        let children = self
            .children
            .iter()
            .flat_map(|stores| stores.owned_by(parent.uid()))
            .filter(is_ours)
            .collect();
        ObservedState {
            parent: parent.clone(),
            children,
        }
    }

    /// Makes the changes in their order. One that fails does not stop the others, but nothing is deleted for not being
    /// desired before all that is desired is there.
    async fn apply(&self, parent: &Object, changes: &[Change], turn: &mut Turn) -> Applied {
        let now = Instant::now();
        let mut applier = Applier {
            losses: &self.losses,
            api: &self.api,
            config: &self.config,
            parent,
            seen: Vec::new(),
        };
        let mut applied = Applied::default();
        for change in changes {
            let is_deletion = matches!(
                change,
                Change::Delete {
                    why: WhyDelete::Undesired,
                    ..
                }
            );
            if is_deletion && (!applied.errors.is_empty() || applied.stale.is_some()) {
                continue;
            }
            let Some(store) = self.store_of(change) else { continue };
            let (kind, key) = change.target();
            if matches!(change, Change::Create { .. })
                && let Some(wait) = self.losses.wait(parent, kind, key, &self.config.backoff, now)
            {
                applied.hold(called(kind, key), &wait);
                continue;
            }
            match applier.apply(change, &store, &mut turn.remembered.children).await {
                Ok(Effect::Done) => {}
                Ok(Effect::Deleting(message)) => applied.waiting = Some(("Recreating", message)),
                Ok(Effect::Left(message)) => applied.waiting = Some(("AwaitingDeletion", message)),
                Ok(Effect::Stale(message)) => applied.stale = Some(message),
                Err(error) => applied.errors.push(error),
            }
        }
        turn.seen.append(&mut applier.seen);
        applied
    }

    fn store_of(&self, change: &Change) -> Option<Arc<Store>> {
        let (kind, key) = change.target();
        let place = self.config.children.iter().position(|child| *child.kind == *kind)?;
        self.children.get(place)?.of(key).cloned()
    }

    async fn finalize(&self, parent: &Object, turn: &mut Turn) -> Outcome {
        let Some(removal) = finalize::removal(&self.config, parent) else {
            return Outcome::Settled { resync_after: None };
        };
        if !O::Finalization::FINALIZES {
            // An earlier version of the operator finalized; nobody else would ever take its finalizer away.
            return self
                .patch_finalizer(parent, &removal, turn)
                .await
                .err()
                .unwrap_or(Outcome::Settled { resync_after: None });
        }
        let request = match SyncRequest::<O>::new(parent.clone(), self.observe(parent).children, (self.clock)()) {
            Ok(request) => request,
            Err(error) => return self.fail(parent, Failure::parent(&error), None, turn).await,
        };
        let (handler, asked) = (self.handler.clone(), request.clone());
        let call = async move {
            match O::Finalization::finalize(&handler, &asked) {
                Some(call) => call.await.map(|response| response.finalized),
                None => Err(crate::error::Error::terminal("the operator does not finalize")),
            }
        };
        let (result, hung) = guarded(self.config.handler_deadline, call).await;
        turn.hung = hung;
        let mut finalized = match (request.poisoned(), result) {
            (Some(error), _) => return self.fail(parent, Failure::child(&error), None, turn).await,
            (None, Err(error)) => return self.fail(parent, Failure::from(&error), None, turn).await,
            (None, Ok(finalized)) => finalized,
        };
        if let Some(error) = finalized.error.take() {
            return self
                .fail(parent, Failure::from(&HandlerError::Failed(error)), None, turn)
                .await;
        }
        let stated = Stated {
            status: finalized.status.take(),
            conditions: Vec::new(),
        };
        match finalized.retry_after {
            None => self
                .patch_finalizer(parent, &removal, turn)
                .await
                .err()
                .unwrap_or(Outcome::Settled { resync_after: None }),
            Some(delay) => {
                let message = "waiting for `finalize` to be done".to_owned();
                let verdict = Verdict::Waiting {
                    reason: "Finalizing",
                    message,
                };
                match self.report(parent, Some(stated), &verdict, turn).await {
                    Ok(_) => Outcome::Settled {
                        resync_after: Some(delay),
                    },
                    Err(failure) => self.fail_without_status(parent, failure, turn).await,
                }
            }
        }
    }

    async fn patch_finalizer(&self, parent: &Object, patch: &Value, turn: &mut Turn) -> Result<(), Outcome> {
        match finalize::patch(&self.api, &self.config, parent, patch).await {
            Ok(Some(version)) => {
                turn.saw_parent(parent, version, "finalizer changed");
                Ok(())
            }
            Ok(None) => Err(Outcome::Stale(format!(
                "{} has changed meanwhile",
                called(parent.kind(), parent.key())
            ))),
            Err(error) => Err(self
                .fail(parent, Failure::api("FinalizerRefused", &error), None, turn)
                .await),
        }
    }
}

impl Change {
    fn target(&self) -> (&crate::kind::Kind, &ObjectKey) {
        match self {
            Self::Create { child, .. } => (&child.kind, &child.key),
            Self::Apply(Update { observed, .. })
            | Self::Replace {
                update: Update { observed, .. },
                ..
            }
            | Self::Delete { observed, .. }
            | Self::AwaitDeletion { observed }
            | Self::Leave { observed } => (observed.kind(), observed.key()),
        }
    }
}

#[derive(Default)]
struct Applied {
    errors: Vec<ApplyError>,
    stale: Option<String>,
    waiting: Option<(&'static str, String)>,
    /// How long until the first child that waits may be made anew.
    held: Option<Duration>,
}

impl Applied {
    fn hold(&mut self, child: String, wait: &Wait) {
        let message = format!(
            "{child} was deleted or spoiled by somebody else {} times in a row, each time within seconds of being made; it is made \
             again after a pause: find out who does that",
            wait.losses
        );
        self.waiting = Some(("TakenAway", message));
        self.held = self.held.into_iter().chain([wait.left]).min();
    }
}

/// What a turn gathers.
struct Turn {
    remembered: Remembered,
    seen: Vec<Seen>,
    hung: Option<Hung>,
    regardless: Option<Regardless>,
}

impl Turn {
    /// The versions are those that were observed, or that our writes made since.
    fn regardless(&self, desired: Vec<Arc<DesiredChild>>, observed: &ObservedState) -> Regardless {
        let written = &self.remembered.children.written;
        let versions = written.iter().map(|(uid, written)| (uid, &written.version));
        let mut left: HashMap<Uid, ResourceVersion> =
            versions.map(|(uid, version)| (uid.clone(), version.clone())).collect();
        for child in &observed.children {
            let (uid, version) = (child.uid(), child.resource_version());
            if left.get(uid).is_none_or(|written| version.is_at_least(written)) {
                left.insert(uid.clone(), version.clone());
            }
        }
        Regardless { desired, left }
    }

    fn saw_parent(&mut self, parent: &Object, version: ResourceVersion, verb: &'static str) {
        let expected = Expected::Version(version);
        self.seen.push(Seen {
            kind: parent.kind().clone(),
            key: parent.key().clone(),
            expected,
            verb: Some(verb),
        });
    }
}

fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
