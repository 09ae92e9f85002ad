//! Whose turn is next.
//!
//! In: keys with reasons, and the time. Out: the next key, with all reasons since its last turn. First in, first out, one
//! entry a key; live changes before lists and resyncs, which in time get a share of their own; a key whose turn runs waits for its end.
//! Data only: it neither sleeps nor reads a clock.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    fmt,
    hash::Hash,
    time::Duration,
};

use tokio::time::Instant;

/// Why a parent has a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// It was listed, at start or after a lost watch.
    Listed,
    /// It changed.
    Parent,
    /// Somebody else changed its status.
    Status,
    /// A child changed.
    Child,
    /// Its last turn failed.
    Retry,
    /// Its time has come.
    Resync,
}

impl Reason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Parent => "parent",
            Self::Status => "status",
            Self::Child => "child",
            Self::Retry => "retry",
            Self::Resync => "resync",
        }
    }

    const fn urgency(self) -> Urgency {
        match self {
            Self::Parent | Self::Child | Self::Retry => Urgency::Live,
            Self::Listed | Self::Status | Self::Resync => Urgency::Background,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Background,
    Live,
}

/// So long in the background, and a key is served between live changes.
const AGE: Duration = Duration::from_secs(5);

/// So many live changes are served before one that has aged in the background.
const LIVE_IN_A_ROW: u32 = 3;

/// How many keys wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Depth {
    pub live: usize,
    pub background: usize,
}

impl Depth {
    const fn of(&mut self, urgency: Urgency) -> &mut usize {
        match urgency {
            Urgency::Live => &mut self.live,
            Urgency::Background => &mut self.background,
        }
    }
}

/// A queue of keys.
pub(crate) struct Queue<K> {
    entries: HashMap<K, Entry>,
    live: VecDeque<Ticket<K>>,
    background: VecDeque<Ticket<K>>,
    timers: BTreeMap<(Instant, u64), K>,
    sequence: u64,
    waiting: Depth,
    live_in_a_row: u32,
}

#[derive(Default)]
struct Entry {
    reasons: BTreeSet<Reason>,
    /// The ticket that counts; others of the same key are void.
    ticket: Option<(u64, Urgency)>,
    timer: Option<(Instant, u64, Reason)>,
    /// Not before this time, whatever happens: the API server asked for it.
    held_until: Option<Instant>,
    is_running: bool,
    failures: u32,
}

impl Entry {
    fn is_held(&self, now: Instant) -> bool {
        self.timer.is_some() && self.held_until.is_some_and(|until| now < until)
    }
}

struct Ticket<K> {
    key: K,
    number: u64,
    since: Instant,
}

/// A turn to be run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Job<K> {
    pub key: K,
    pub reasons: BTreeSet<Reason>,
    /// How long it waited.
    pub waited: Duration,
}

impl<K: Clone + Eq + Hash> Queue<K> {
    pub fn new() -> Self {
        Self {
            entries: HashMap::new(),
            live: VecDeque::new(),
            background: VecDeque::new(),
            timers: BTreeMap::new(),
            sequence: 0,
            waiting: Depth::default(),
            live_in_a_row: 0,
        }
    }

    /// How many keys wait for their turn.
    pub fn depth(&self) -> Depth {
        self.waiting
    }

    /// Adds a reason for a turn.
    pub fn add(&mut self, key: &K, reason: Reason, now: Instant) {
        let entry = self.entries.entry(key.clone()).or_default();
        entry.reasons.insert(reason);
        self.settle(key, now);
    }

    /// Lets a key wait for its turn, or for what comes before that.
    fn settle(&mut self, key: &K, now: Instant) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        // What only touched the status of a failing parent waits for its back-off: the change may well be our own report.
        let only_status = entry.reasons.iter().all(|reason| *reason == Reason::Status);
        let waits_for_timer = only_status && entry.failures > 0 && entry.timer.is_some();
        if waits_for_timer || entry.is_running {
            return;
        }
        match (entry.held_until.filter(|_| entry.is_held(now)), entry.timer) {
            // What changed is looked at as soon as the API server allows, not after the whole back-off.
            (Some(until), Some((_, _, reason))) => {
                entry.reasons.insert(reason);
                self.add_at(key, reason, until);
            }
            _ => self.enqueue(key, now),
        }
    }

    fn enqueue(&mut self, key: &K, now: Instant) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let urgency = entry
            .reasons
            .iter()
            .map(|reason| reason.urgency())
            .max()
            .unwrap_or(Urgency::Background);
        if entry.ticket.is_some_and(|(_, held)| held >= urgency) {
            return;
        }
        if let Some((_, held)) = entry.ticket {
            *self.waiting.of(held) -= 1;
        }
        *self.waiting.of(urgency) += 1;
        self.sequence += 1;
        entry.ticket = Some((self.sequence, urgency));
        let ticket = Ticket {
            key: key.clone(),
            number: self.sequence,
            since: now,
        };
        match urgency {
            Urgency::Live => self.live.push_back(ticket),
            Urgency::Background => self.background.push_back(ticket),
        }
    }

    /// The next turn, if one is due. It runs until [`Self::release`].
    pub fn next(&mut self, now: Instant) -> Option<Job<K>> {
        self.fire_timers(now);
        Self::drop_void(&self.entries, &mut self.live);
        Self::drop_void(&self.entries, &mut self.background);
        let has_aged = self
            .background
            .front()
            .is_some_and(|ticket| now.duration_since(ticket.since) >= AGE);
        // After a start all of a cluster may have aged: live changes must not wait for that.
        let is_backgrounds_turn = has_aged && self.live_in_a_row >= LIVE_IN_A_ROW;
        let ticket = if is_backgrounds_turn {
            None
        } else {
            self.live.pop_front()
        };
        self.live_in_a_row = if ticket.is_some() { self.live_in_a_row + 1 } else { 0 };
        let ticket = ticket.or_else(|| self.background.pop_front())?;
        let entry = self.entries.get_mut(&ticket.key)?;
        if let Some((_, urgency)) = entry.ticket.take() {
            *self.waiting.of(urgency) -= 1;
        }
        entry.held_until = None;
        entry.is_running = true;
        if let Some((at, number, _)) = entry.timer.take() {
            self.timers.remove(&(at, number));
        }
        let reasons = std::mem::take(&mut entry.reasons);
        Some(Job {
            key: ticket.key,
            reasons,
            waited: now.duration_since(ticket.since),
        })
    }

    fn drop_void(entries: &HashMap<K, Entry>, tickets: &mut VecDeque<Ticket<K>>) {
        let is_void = |ticket: &Ticket<K>| {
            entries
                .get(&ticket.key)
                .is_none_or(|entry| entry.ticket.is_none_or(|(number, _)| number != ticket.number))
        };
        while tickets.front().is_some_and(is_void) {
            tickets.pop_front();
        }
    }

    fn fire_timers(&mut self, now: Instant) {
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let key = entry.remove();
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            let Some((_, _, reason)) = entry.timer.take() else {
                continue;
            };
            entry.reasons.insert(reason);
            if !entry.is_running {
                self.enqueue(&key, now);
            }
        }
    }

    /// When to ask again at the latest.
    pub fn next_timer(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Notes that a turn failed, and says how often it has in a row.
    pub fn failed(&mut self, key: &K) -> u32 {
        let entry = self.entries.entry(key.clone()).or_default();
        entry.failures = entry.failures.saturating_add(1);
        entry.failures
    }

    /// Notes that a turn succeeded.
    pub fn succeeded(&mut self, key: &K) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.failures = 0;
        }
    }

    /// Asks for a turn at a time, in place of an earlier such wish.
    pub fn add_at(&mut self, key: &K, reason: Reason, at: Instant) {
        self.sequence += 1;
        let entry = self.entries.entry(key.clone()).or_default();
        if let Some((at, number, _)) = entry.timer.replace((at, self.sequence, reason)) {
            self.timers.remove(&(at, number));
        }
        self.timers.insert((at, self.sequence), key.clone());
    }

    /// Gives a key no turn before a time; there must be a timer for it.
    pub fn hold(&mut self, key: &K, until: Instant) {
        self.entries.entry(key.clone()).or_default().held_until = Some(until);
    }

    /// Takes back the only reason for a running key's next turn, and says whether it was that.
    pub fn pardon(&mut self, key: &K, reason: Reason) -> bool {
        let Some(entry) = self.entries.get_mut(key) else {
            return false;
        };
        let is_only = entry.is_running && entry.reasons.iter().eq([&reason]);
        if is_only {
            entry.reasons.clear();
        }
        is_only
    }

    /// The turn is over, its writes are seen, and the next one may come.
    pub fn release(&mut self, key: &K, now: Instant) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.is_running = false;
        if !entry.reasons.is_empty() {
            self.settle(key, now);
        } else if entry.timer.is_none() && entry.failures == 0 {
            self.entries.remove(key);
        }
    }

    /// Forgets a key that is gone, unless something new is known of it.
    pub fn forget(&mut self, key: &K) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.failures = 0;
            if let Some((at, number, _)) = entry.timer.take() {
                self.timers.remove(&(at, number));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(queue: &mut Queue<&'static str>, now: Instant) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.next(now)).map(|job| job.key).collect()
    }

    #[test]
    fn live_changes_come_first_in_their_order_and_the_background_ages() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        queue.add(&"listed", Reason::Listed, now);
        queue.add(&"a", Reason::Parent, now);
        queue.add(&"b", Reason::Child, now);
        queue.add(&"a", Reason::Child, now);
        assert_eq!(queue.depth(), Depth { live: 2, background: 1 });
        assert_eq!(keys(&mut queue, now), ["a", "b", "listed"]);
        assert_eq!(queue.depth(), Depth::default());
        for key in ["a", "b", "listed"] {
            queue.release(&key, now);
        }
        queue.add(&"listed", Reason::Listed, now);
        queue.add(&"a", Reason::Parent, now + AGE);
        assert_eq!(keys(&mut queue, now + AGE), ["a", "listed"]);
    }

    #[test]
    fn a_listed_key_that_changes_becomes_live() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        queue.add(&"a", Reason::Listed, now);
        queue.add(&"b", Reason::Listed, now);
        queue.add(&"b", Reason::Parent, now);
        let job = queue.next(now).unwrap();
        assert_eq!((job.key, job.reasons.len()), ("b", 2));
        assert_eq!(keys(&mut queue, now), ["a"]);
    }

    #[test]
    fn one_turn_a_key_at_a_time_and_no_reason_is_lost() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        queue.add(&"a", Reason::Parent, now);
        assert!(queue.next(now).is_some());
        queue.add(&"a", Reason::Child, now);
        assert!(queue.next(now).is_none());
        queue.release(&"a", now);
        assert_eq!(queue.next(now).unwrap().reasons, [Reason::Child].into());
    }

    #[test]
    fn timers_fire_once_and_are_replaced_by_later_wishes_and_earlier_turns() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        let second = Duration::from_secs(1);
        queue.add_at(&"a", Reason::Resync, now + second);
        queue.add_at(&"a", Reason::Resync, now + second * 3);
        assert!(queue.next(now + second).is_none());
        assert_eq!(queue.next_timer(), Some(now + second * 3));
        queue.add(&"a", Reason::Parent, now + second);
        assert!(queue.next(now + second).is_some(), "a turn makes the wish void");
        assert_eq!(queue.next_timer(), None);
    }

    #[test]
    fn a_status_change_does_not_cut_a_failing_parents_delay_short() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        queue.add(&"a", Reason::Parent, now);
        queue.next(now).unwrap();
        assert_eq!(queue.failed(&"a"), 1);
        queue.add_at(&"a", Reason::Retry, now + Duration::from_secs(9));
        queue.add(&"a", Reason::Status, now);
        queue.release(&"a", now);
        assert!(queue.next(now).is_none());
        queue.add(&"a", Reason::Status, now);
        assert!(queue.next(now).is_none());
        queue.add(&"a", Reason::Parent, now);
        assert!(queue.next(now).is_some(), "a real change does");
    }

    #[test]
    fn a_held_key_waits_whatever_happens() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        let second = Duration::from_secs(1);
        queue.add(&"a", Reason::Parent, now);
        queue.next(now).unwrap();
        queue.failed(&"a");
        queue.add_at(&"a", Reason::Retry, now + second);
        queue.hold(&"a", now + second);
        queue.add(&"a", Reason::Child, now);
        queue.release(&"a", now);
        queue.add(&"a", Reason::Parent, now);
        assert!(queue.next(now).is_none());
        let reasons = queue.next(now + second).unwrap().reasons;
        assert_eq!(reasons, [Reason::Parent, Reason::Child, Reason::Retry].into());
    }

    #[test]
    fn a_change_during_a_throttled_turn_is_looked_at_as_soon_as_the_server_allows() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        let second = Duration::from_secs(1);
        queue.add(&"a", Reason::Parent, now);
        queue.next(now).unwrap();
        queue.add(&"a", Reason::Parent, now);
        queue.failed(&"a");
        queue.add_at(&"a", Reason::Retry, now + second * 600);
        queue.hold(&"a", now + second);
        queue.release(&"a", now);
        assert!(queue.next(now).is_none());
        let reasons = queue.next(now + second).unwrap().reasons;
        assert_eq!(reasons, [Reason::Parent, Reason::Retry].into());
    }

    #[test]
    fn a_key_at_rest_takes_no_memory() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        queue.add(&"a", Reason::Parent, now);
        queue.next(now).unwrap();
        queue.failed(&"a");
        queue.succeeded(&"a");
        queue.release(&"a", now);
        assert!(queue.entries.is_empty() && queue.timers.is_empty());
    }

    #[test]
    fn live_changes_do_not_wait_for_all_that_has_aged() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        for listed in ["l0", "l1", "l2", "l3"] {
            queue.add(&listed, Reason::Listed, now);
        }
        for live in ["a", "b", "c", "d"] {
            queue.add(&live, Reason::Parent, now);
        }
        let order = keys(&mut queue, now + AGE);
        assert_eq!(order, ["a", "b", "c", "l0", "d", "l1", "l2", "l3"]);
    }

    #[test]
    fn a_change_while_the_server_asked_to_wait_is_looked_at_when_it_may() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        let second = Duration::from_secs(1);
        queue.failed(&"a");
        queue.add_at(&"a", Reason::Retry, now + second * 400);
        queue.hold(&"a", now + second);
        queue.add(&"a", Reason::Parent, now);
        assert_eq!(queue.next(now), None);
        let job = queue.next(now + second).expect("not after the whole back-off");
        assert!(job.reasons.contains(&Reason::Parent));
    }
}
