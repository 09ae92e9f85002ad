//! Children that went without our deleting them: whose parents to look at again, and when to make a child anew.
//!
//! In: word of each child that went, and of each that is made. Out: whether a parent has to be read before its next turn,
//! and how long a child has to wait. It asks nobody and writes nothing.
//!
//! A child often goes because its parent does: the garbage collector deletes or releases it, and the watch of the
//! children's kind may tell so before the parents' does. One GET of the parent keeps us from making children of a parent
//! that is on its way out. And what somebody takes away or spoils again and again is made again ever more slowly.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    config::Backoff,
    diff::WhyDelete,
    kind::Kind,
    object::{Object, ObjectKey, Uid},
};

/// What somebody undoes this soon after we did it has been undone in a row.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// What was taken away from the parents of one operator.
#[derive(Default)]
pub(crate) struct Losses(Mutex<State>);

#[derive(Default)]
struct State {
    parents: HashMap<ObjectKey, Lost>,
    swept: Option<Instant>,
}

impl State {
    /// Forgets now and then what tells nothing any more.
    fn sweep(&mut self, backoff: &Backoff, now: Instant) {
        if self.swept.is_some_and(|swept| now.duration_since(swept) < SOON) {
            return;
        }
        self.swept = Some(now);
        self.parents.retain(|_, lost| {
            let is_waited_for = !lost.deleting.is_empty();
            lost.children
                .retain(|_, loss| is_waited_for || loss.is_recent(now, backoff));
            lost.is_doubtful || !lost.deleting.is_empty() || !lost.children.is_empty()
        });
    }
}

impl State {
    /// What one parent lost. What another one of its name lost before tells nothing of it.
    fn of(&mut self, parent: &ObjectKey, uid: &Uid) -> &mut Lost {
        let lost = self.parents.entry(parent.clone()).or_default();
        if lost.parent.as_ref() != Some(uid) {
            *lost = Lost {
                parent: Some(uid.clone()),
                ..Lost::default()
            };
        }
        lost
    }

    fn known(&mut self, parent: &Object) -> Option<&mut Lost> {
        self.parents
            .get_mut(parent.key())
            .filter(|lost| lost.parent.as_ref() == Some(parent.uid()))
    }
}

#[derive(Default)]
struct Lost {
    parent: Option<Uid>,
    /// Something went since the parent was last read.
    is_doubtful: bool,
    /// The children that we delete ourselves, and since when.
    deleting: HashMap<Uid, (WhyDelete, Instant)>,
    children: HashMap<(Kind, ObjectKey), Loss>,
}

struct Loss {
    at: Instant,
    in_a_row: u32,
    made: Option<Instant>,
}

impl Loss {
    /// Whether it still tells anything of the next loss.
    fn is_recent(&self, now: Instant, backoff: &Backoff) -> bool {
        let last = self.made.unwrap_or(self.at).max(self.at);
        now.duration_since(last) <= SOON.max(self.delay(backoff))
    }

    /// The first one is made good at once.
    fn delay(&self, backoff: &Backoff) -> Duration {
        match self.in_a_row {
            0 | 1 => Duration::ZERO,
            more => backoff.delay(more - 1),
        }
    }
}

/// A child that has to wait before it is made anew.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub losses: u32,
    pub left: Duration,
}

impl Losses {
    /// We are about to delete a child ourselves: that is no loss, unless it is because somebody spoiled it.
    pub fn deleting(&self, parent: &Object, child: &Uid, why: WhyDelete, now: Instant) {
        let mut state = self.lock();
        let lost = state.of(parent.key(), parent.uid());
        lost.deleting.insert(child.clone(), (why, now));
    }

    /// We did not delete it after all.
    pub fn not_deleting(&self, parent: &Object, child: &Uid) {
        if let Some(lost) = self.lock().known(parent) {
            lost.deleting.remove(child);
        }
    }

    /// A child of this parent, whose controller it names, has gone, or belongs to it no longer.
    pub fn gone(&self, parent: &ObjectKey, child: &Object, backoff: &Backoff, now: Instant) {
        let Some(controller) = child.controller() else { return };
        let mut state = self.lock();
        state.sweep(backoff, now);
        let lost = state.of(parent, &controller.uid);
        // What was spoiled soon after it was made may take its time to go.
        let lost_at = match lost.deleting.remove(child.uid()) {
            Some((WhyDelete::Undesired | WhyDelete::Changed, _)) => return,
            Some((WhyDelete::Drifted, since)) => since,
            None => {
                lost.is_doubtful = true;
                now
            }
        };
        let id = (child.kind().clone(), child.key().clone());
        let loss = lost.children.entry(id).or_insert(Loss {
            at: now,
            in_a_row: 0,
            made: None,
        });
        let is_in_a_row = loss
            .made
            .take()
            .is_some_and(|made| lost_at.duration_since(made) <= SOON);
        loss.in_a_row = if is_in_a_row {
            loss.in_a_row.saturating_add(1)
        } else {
            1
        };
        loss.at = now;
    }

    /// Whether something went since the parent was last read.
    pub fn is_doubtful(&self, parent: &Object) -> bool {
        self.lock().known(parent).is_some_and(|lost| lost.is_doubtful)
    }

    /// The parent could not be read.
    pub fn doubt(&self, parent: &Object) {
        if let Some(lost) = self.lock().known(parent) {
            lost.is_doubtful = true;
        }
    }

    /// The parent is read.
    pub fn looked_at(&self, parent: &Object) {
        if let Some(lost) = self.lock().known(parent) {
            lost.is_doubtful = false;
        }
    }

    /// Whether a child has to wait before it is made anew, and for how long.
    pub fn wait(
        &self,
        parent: &Object,
        kind: &Kind,
        child: &ObjectKey,
        backoff: &Backoff,
        now: Instant,
    ) -> Option<Wait> {
        let mut state = self.lock();
        let loss = state.known(parent)?.children.get(&(kind.clone(), child.clone()))?;
        let left = (loss.at + loss.delay(backoff)).saturating_duration_since(now);
        (!left.is_zero()).then_some(Wait {
            losses: loss.in_a_row,
            left,
        })
    }

    /// A child is about to be made.
    pub fn making(&self, parent: &Object, kind: &Kind, child: &ObjectKey, now: Instant) {
        if let Some(lost) = self.lock().known(parent)
            && let Some(loss) = lost.children.get_mut(&(kind.clone(), child.clone()))
        {
            loss.made = Some(now);
        }
    }

    /// The parent is gone.
    pub fn forget(&self, parent: &ObjectKey) {
        self.lock().parents.remove(parent);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s_types::core::v1::ConfigMap;

    fn object(name: &str, uid: &str, owner: &str) -> Object {
        let json = serde_json::json!({"metadata": {"name": name, "namespace": "n", "uid": uid, "resourceVersion": "1",
            "ownerReferences": [{"apiVersion": "e/v1", "kind": "E", "name": "p", "uid": owner, "controller": true}]}});
        Object::from_json(&json.to_string(), &std::sync::Arc::new(ConfigMap), &|_| false).unwrap()
    }

    fn parent() -> Object {
        object("p", "of-p", "")
    }

    fn child() -> Object {
        object("c", "u", "of-p")
    }

    fn wait(losses: &Losses, now: Instant) -> Option<Wait> {
        let (parent, child) = (parent(), child());
        losses.wait(&parent, &ConfigMap, child.key(), &Backoff::default(), now)
    }

    #[test]
    fn what_is_taken_away_in_a_row_is_made_again_ever_more_slowly() {
        let (losses, parent, child) = (Losses::default(), parent(), child());
        let mut now = Instant::now();
        let mut delays = Vec::new();
        for _ in 0..4 {
            losses.gone(parent.key(), &child, &Backoff::default(), now);
            let left = wait(&losses, now).map_or(Duration::ZERO, |wait| wait.left);
            delays.push(left.as_millis());
            now += left;
            assert_eq!(wait(&losses, now), None);
            losses.making(&parent, &ConfigMap, child.key(), now);
            now += Duration::from_secs(1);
        }
        assert_eq!(delays, [0, 100, 200, 400]);
        losses.deleting(&parent, child.uid(), WhyDelete::Drifted, now);
        now += SOON * 2;
        losses.gone(parent.key(), &child, &Backoff::default(), now);
        assert_eq!(
            wait(&losses, now).map(|wait| wait.left.as_millis()),
            Some(800),
            "what is spoiled so often counts as well, however long it takes to go"
        );
        now += Duration::from_secs(1);
        losses.making(&parent, &ConfigMap, child.key(), now);
        now += Duration::from_secs(1);
        now += SOON;
        losses.gone(parent.key(), &child, &Backoff::default(), now);
        assert_eq!(wait(&losses, now), None, "it stood for a while");
    }

    #[test]
    fn a_loss_makes_its_parent_doubtful_until_it_is_read() {
        let (losses, parent, child) = (Losses::default(), parent(), child());
        losses.gone(parent.key(), &child, &Backoff::default(), Instant::now());
        assert!(losses.is_doubtful(&parent));
        losses.looked_at(&parent);
        assert!(!losses.is_doubtful(&parent));
    }

    #[test]
    fn what_we_delete_ourselves_is_no_loss() {
        let (losses, parent, child) = (Losses::default(), parent(), child());
        losses.deleting(&parent, child.uid(), WhyDelete::Changed, Instant::now());
        losses.gone(parent.key(), &child, &Backoff::default(), Instant::now());
        assert!(!losses.is_doubtful(&parent));
        losses.deleting(&parent, child.uid(), WhyDelete::Changed, Instant::now());
        losses.not_deleting(&parent, child.uid());
        losses.gone(parent.key(), &child, &Backoff::default(), Instant::now());
        assert!(
            losses.is_doubtful(&parent),
            "the deletion failed, so that it was somebody else's"
        );
        losses.forget(parent.key());
        assert!(losses.lock().parents.is_empty());
    }

    #[test]
    fn old_losses_are_forgotten() {
        let (losses, child, backoff) = (Losses::default(), child(), Backoff::default());
        let (parent, other) = (parent(), ObjectKey::new(Some("n"), "other"));
        let now = Instant::now();
        losses.gone(parent.key(), &child, &backoff, now);
        losses.looked_at(&parent);
        losses.gone(&other, &child, &backoff, now + SOON);
        assert_eq!(losses.lock().parents.len(), 2);
        losses.gone(&other, &child, &backoff, now + SOON * 2);
        assert!(!losses.lock().parents.contains_key(parent.key()));
    }

    #[test]
    fn what_a_parent_lost_is_not_said_of_the_next_one_of_its_name() {
        let (losses, child, backoff) = (Losses::default(), child(), Backoff::default());
        let next = object("p", "of-the-next", "");
        losses.gone(next.key(), &child, &backoff, Instant::now());
        assert!(!losses.is_doubtful(&next));
        assert!(losses.is_doubtful(&parent()));
        losses.deleting(&next, child.uid(), WhyDelete::Changed, Instant::now());
        assert!(!losses.is_doubtful(&parent()));
    }
}
