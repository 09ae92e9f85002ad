//! How a turn went, told to the world: in the parent's status and, where it failed, as an Event.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{Failure, Outcome, Reconciler, Turn, hash, lock, remembered::WrittenStatus};
use crate::{
    apply::called,
    error::Retry,
    event,
    object::Object,
    operator::{Condition, Dispatch, Handler, Operator},
    status::{self, Parts, Patched, Support, Verdict},
    support,
};

/// So long is believed what the parent's definition says of its status.
const SUPPORT_AGE: Duration = Duration::from_secs(300);

/// What became of a report in the status.
pub(super) enum Reported {
    /// It is there.
    Done,
    /// The parent is not what it was, or the server gave up on a conflict.
    Stale,
    /// Somebody overwrites it again and again: it waits for so long.
    Held(Duration),
}

/// What a handler states of the parent's status.
#[derive(Default)]
pub(super) struct Stated {
    pub(super) status: Option<Value>,
    pub(super) conditions: Vec<Condition>,
}

impl<O, H> Reconciler<O, H>
where
    O: Operator<Finalization: Dispatch<O, H>>,
    H: Handler<O>,
{
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

    /// Reports a failure in the parent's status and as an Event.
    pub(super) async fn fail(
        &self,
        parent: &Object,
        failure: Failure,
        stated: Option<Stated>,
        turn: &mut Turn,
    ) -> Outcome {
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
    pub(super) async fn fail_without_status(&self, parent: &Object, failure: Failure, turn: &mut Turn) -> Outcome {
        let told = hash(&(failure.reason, &failure.message));
        if turn.remembered.told.replace(told) != Some(told) {
            let (reason, message) = (failure.reason, &failure.message);
            event::tell(&self.api, &self.config, parent, reason, message, (self.clock)()).await;
        }
        Outcome::Failed(failure)
    }

    /// Writes the status if it differs from the observed one.
    pub(super) async fn report(
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
