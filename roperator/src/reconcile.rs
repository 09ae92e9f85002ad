//! One turn: one parent from observed to desired.
//!
//! In: a parent's key. Out: [`TurnEnd`]: what was written, how it went, and when to come back. A turn never branches on what
//! kind of event caused it. A failed turn touches no child for the failure's sake, and no finalizer.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    api::{Api, ApiError},
    apply::{Applier, ApplyError, Effect, Seen, called},
    config::{Backoff, OperatorConfig},
    desired::{DesiredError, desired},
    diff::{self, Change, diff},
    error::Retry,
    event, finalize,
    losses::{Losses, Wait},
    object::{DecodeError, Object, ObjectKey, ResourceVersion, Uid},
    observed::ObservedState,
    operator::{Condition, Dispatch, Handler, Operator, SyncRequest},
    status::{self, Parts, Patched, Support, Verdict},
    support,
    sync::{HandlerError, Hung, guarded},
    watch::{Expected, Store},
};

/// So long is believed what the parent's definition says of its status.
const SUPPORT_AGE: Duration = Duration::from_secs(300);

/// A status that somebody overwrites this soon after we wrote it has been overwritten in a row.
const SOON: Duration = Duration::from_secs(10);

/// So often in a row an overwritten status is written again at once.
const FREE_REWRITES: u32 = 3;

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

/// Why a turn failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub retry: Retry,
    pub retry_after: Option<Duration>,
    pub reason: &'static str,
    pub message: String,
}

impl Failure {
    fn verdict(&self) -> Verdict {
        let (reason, message) = (self.reason, self.message.clone());
        match self.retry {
            Retry::Transient => Verdict::Failing { reason, message },
            Retry::Terminal => Verdict::Stalled { reason, message },
        }
    }
}

impl From<&HandlerError> for Failure {
    fn from(error: &HandlerError) -> Self {
        Self {
            retry: error.retry(),
            retry_after: None,
            reason: error.reason(),
            message: error.to_string(),
        }
    }
}

impl From<DesiredError> for Failure {
    fn from(error: DesiredError) -> Self {
        Self {
            retry: Retry::Terminal,
            retry_after: None,
            reason: "InvalidResponse",
            message: error.to_string(),
        }
    }
}

impl Failure {
    fn api(reason: &'static str, error: &ApiError) -> Self {
        Self {
            retry: error.retry(),
            retry_after: error.retry_after(),
            reason,
            message: error.to_string(),
        }
    }

    fn parent(error: &DecodeError) -> Self {
        Self {
            retry: Retry::Terminal,
            retry_after: None,
            reason: "InvalidParent",
            message: error.to_string(),
        }
    }

    fn child(error: &DecodeError) -> Self {
        let message = format!("{error}; the response was discarded, because it was made without this child");
        Self {
            retry: Retry::Terminal,
            retry_after: None,
            reason: "UndecodableChild",
            message,
        }
    }

    /// All that went wrong with the children: transient if any of it may go away.
    fn children(errors: &[ApplyError]) -> Option<Self> {
        let first = errors.first()?;
        let is_transient = errors.iter().any(|error| error.retry() == Retry::Transient);
        Some(Self {
            retry: if is_transient {
                Retry::Transient
            } else {
                Retry::Terminal
            },
            retry_after: errors.iter().filter_map(ApplyError::retry_after).max(),
            reason: first.reason(),
            message: errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        })
    }
}

/// What is remembered of a parent from turn to turn, beside what the API server holds.
#[derive(Default)]
struct Remembered {
    children: diff::Memory,
    status: Option<WrittenStatus>,
    /// What the server made of it, if that is something else.
    kept_status: Option<(u64, u64)>,
    /// The failure that was last told of in an Event.
    told: Option<u64>,
}

/// Our last write of a status.
struct WrittenStatus {
    hash: u64,
    version: ResourceVersion,
    at: Instant,
    /// How often in a row the same was written because somebody had overwritten it.
    rewrites: u32,
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
            own_statuses: Mutex::default(),
            operator: std::marker::PhantomData,
        }
    }

    /// Learns what the parent's kind can hold in its status.
    pub async fn check_support(&self) {
        let found = support::find(&self.api, &self.config).await;
        *lock(&self.support) = (found, Instant::now());
    }

    fn known_support(&self) -> Support {
        lock(&self.support).0.clone()
    }

    /// Whether a parent's status is the one that we wrote last.
    pub fn is_own_status(&self, parent: &Object) -> bool {
        let hash = parent.member::<Value>("status").map(|status| hash(&status));
        hash.is_some() && lock(&self.own_statuses).get(parent.key()).copied() == hash
    }

    /// Reads the parent where its store may be behind: while its watch is down, and when children went without our deleting
    /// them. Children of a parent that is gone would be made and collected over and over.
    async fn see_parent(&self, key: &ObjectKey) -> Result<(), ApiError> {
        let Some(store) = self.parents.of(key) else {
            return Ok(());
        };
        if store.is_failing() || self.losses.is_doubtful(key) {
            // Before it is read: what goes meanwhile makes it doubtful again.
            self.losses.looked_at(key);
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
        let owner = child.controller().map(|owner| &owner.uid);
        let is_parents = self
            .parents
            .get(parent)
            .is_some_and(|parent| owner == Some(parent.uid()));
        if is_parents {
            self.losses.gone(parent, child, &self.config.backoff, Instant::now());
        }
    }

    /// One turn of one parent.
    pub async fn turn(&self, key: &ObjectKey) -> TurnEnd {
        let seen = self.see_parent(key).await;
        let mut turn = Turn {
            remembered: lock(&self.memory).remove(key).unwrap_or_default(),
            seen: Vec::new(),
            hung: None,
        };
        let outcome = match (self.parents.get(key), seen) {
            (None, _) => {
                lock(&self.own_statuses).remove(key);
                self.losses.forget(key);
                return TurnEnd {
                    outcome: Outcome::Gone,
                    seen: Vec::new(),
                    hung: None,
                };
            }
            (Some(parent), Err(error)) => {
                self.losses.doubt(key);
                self.unseen(&parent, &error, &mut turn).await
            }
            (Some(parent), Ok(())) if parent.is_deleting() => self.finalize(&parent, &mut turn).await,
            (Some(parent), Ok(())) => self.reconcile(&parent, &mut turn).await,
        };
        if !turn.remembered.is_empty() {
            lock(&self.memory).insert(key.clone(), turn.remembered);
        }
        TurnEnd {
            outcome,
            seen: turn.seen,
            hung: turn.hung,
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
            None => Verdict::Ready,
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
                    why: diff::WhyDelete::Undesired,
                    ..
                }
            );
            if is_deletion && (!applied.errors.is_empty() || applied.stale.is_some()) {
                continue;
            }
            let Some(store) = self.store_of(change) else { continue };
            let (kind, key) = change.target();
            if matches!(change, Change::Create { .. })
                && let Some(wait) = self.losses.wait(parent.key(), kind, key, &self.config.backoff, now)
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

    /// Reports a failure in the parent's status and as an Event.
    async fn fail(&self, parent: &Object, failure: Failure, stated: Option<Stated>, turn: &mut Turn) -> Outcome {
        let verdict = failure.verdict();
        let mut reported = Ok(Reported::Done);
        for stated in stated.map(Some).into_iter().chain([None]) {
            reported = self.report(parent, stated, &verdict, turn).await;
            // What the handler stated may be what is refused: then without it.
            if !matches!(&reported, Err(second) if second.retry == Retry::Terminal) {
                break;
            }
        }
        if let Err(second) = reported {
            tracing::warn!(
                reason = second.reason,
                "the failure cannot be reported in the parent's status: {}",
                second.message
            );
        }
        self.fail_without_status(parent, failure, turn).await
    }

    /// Reports a failure as an Event alone, once for each distinct one.
    async fn fail_without_status(&self, parent: &Object, failure: Failure, turn: &mut Turn) -> Outcome {
        let told = hash(&(failure.reason, &failure.message));
        if turn.remembered.told.replace(told) != Some(told) {
            let (reason, message) = (failure.reason, &failure.message);
            event::tell(&self.api, &self.config, parent, reason, message, (self.clock)()).await;
        }
        Outcome::Failed(failure)
    }

    /// Writes the status if it differs from the observed one.
    async fn report(
        &self,
        parent: &Object,
        stated: Option<Stated>,
        verdict: &Verdict,
        turn: &mut Turn,
    ) -> Result<Reported, Failure> {
        if matches!(verdict, Verdict::Ready) {
            turn.remembered.told = None;
        }
        let Stated {
            status: user,
            conditions,
        } = stated.unwrap_or_default();
        let now = (self.clock)();
        let compose = |support: &Support| {
            status::compose(Parts {
                parent,
                user: user.clone(),
                conditions: conditions.clone(),
                verdict,
                now,
                support,
            })
        };
        let mut support = self.known_support();
        let mut composed = compose(&support);
        let is_settled = support.subresource && composed.is_same();
        if !is_settled && lock(&self.support).1.elapsed() > SUPPORT_AGE {
            // Definitions are upgraded while operators run. At rest nothing is asked.
            self.check_support().await;
            support = self.known_support();
            composed = compose(&support);
        }
        if !support.subresource {
            return Ok(Reported::Done);
        }
        if composed.is_same() {
            turn.remembered.status = None;
            turn.remembered.kept_status = None;
            return Ok(Reported::Done);
        }
        let desired_hash = hash(&composed.desired);
        let observed_hash = composed.observed.as_ref().map_or(0, hash);
        if turn.remembered.keeps_status(parent, desired_hash, observed_hash) {
            return Ok(Reported::Done);
        }
        let rewrites = turn.remembered.rewrites(desired_hash, &self.config.backoff);
        if let Err(left) = rewrites {
            tracing::warn!(
                "somebody overwrites the status of {} again and again; it is written again after a pause: has its kind another \
                 operator, or another controller that keeps conditions in it?",
                called(parent.kind(), parent.key())
            );
            return Ok(Reported::Held(left));
        }
        lock(&self.own_statuses).insert(parent.key().clone(), desired_hash);
        match status::patch(&self.api, &self.config, parent, &composed.desired).await {
            Ok(Patched::Written(version)) => {
                turn.remembered.status = Some(WrittenStatus {
                    hash: desired_hash,
                    version: version.clone(),
                    at: Instant::now(),
                    rewrites: rewrites.unwrap_or_default(),
                });
                turn.saw_parent(parent, version, "status written");
                Ok(Reported::Done)
            }
            Ok(Patched::Stale) => Ok(Reported::Stale),
            Ok(Patched::Missing) => {
                self.check_support().await;
                let mut support = lock(&self.support);
                if support.0.subresource && support.0.schema.is_some() {
                    // There is one, says the definition: it was just being installed.
                    return Ok(Reported::Stale);
                }
                support.0.subresource = false;
                tracing::warn!(
                    "{} has no status subresource, so that no status is written; add one to its definition",
                    parent.kind()
                );
                Ok(Reported::Done)
            }
            Err(error) => Err(Failure::api("StatusRefused", &error)),
        }
    }
}

impl Change {
    fn target(&self) -> (&crate::kind::Kind, &ObjectKey) {
        match self {
            Self::Create { child, .. } => (&child.kind, &child.key),
            Self::Apply { observed, .. }
            | Self::Replace { observed, .. }
            | Self::Delete { observed, .. }
            | Self::AwaitDeletion { observed }
            | Self::Leave { observed } => (observed.kind(), observed.key()),
        }
    }
}

/// What became of a report in the status.
enum Reported {
    /// It is there.
    Done,
    /// The parent is not what it was, or the server gave up on a conflict.
    Stale,
    /// Somebody overwrites it again and again: it waits for so long.
    Held(Duration),
}

/// What a handler states of the parent's status.
#[derive(Default)]
struct Stated {
    status: Option<Value>,
    conditions: Vec<Condition>,
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
            "{child} was taken away {} times in a row, each time within seconds of being made; it is made again after a pause: \
             find out who deletes it",
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
}

impl Turn {
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

impl Remembered {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.status.is_none() && self.kept_status.is_none() && self.told.is_none()
    }

    /// Whether the observed status is what the server made of the same status when we wrote it: its schema may prune or
    /// default fields, and writing them again would change nothing.
    fn keeps_status(&mut self, parent: &Object, desired: u64, observed: u64) -> bool {
        if self.kept_status == Some((desired, observed)) {
            return true;
        }
        let is_own = self
            .status
            .as_ref()
            .is_some_and(|written| written.hash == desired && written.version == *parent.resource_version());
        if is_own {
            tracing::warn!(parent = %parent.key(), "the API server does not keep the status as it was written: its schema prunes or defaults a field");
            self.kept_status = Some((desired, observed));
        }
        is_own
    }
}

impl Remembered {
    /// How often in a row this status has been written again, this time included.
    ///
    /// # Errors
    /// How long to wait before it is.
    fn rewrites(&self, desired: u64, backoff: &Backoff) -> Result<u32, Duration> {
        let Some(last) = self.status.as_ref().filter(|last| last.hash == desired) else {
            return Ok(0);
        };
        let rewrites = last.rewrites.saturating_add(1);
        let pause = match rewrites.saturating_sub(FREE_REWRITES) {
            0 => Duration::ZERO,
            beyond => backoff.delay(beyond),
        };
        let passed = last.at.elapsed();
        if passed > SOON.max(pause * 2) {
            return Ok(0);
        }
        match pause.saturating_sub(passed) {
            Duration::ZERO => Ok(rewrites),
            left => Err(left),
        }
    }
}

fn unreachable_failure() -> Failure {
    Failure {
        retry: Retry::Transient,
        retry_after: None,
        reason: "HandlerFailed",
        message: "a child did not decode".to_owned(),
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
