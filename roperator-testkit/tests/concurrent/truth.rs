//! What happened, as it follows from what those who wrote were told: the sequence of all versions. Only when objects went
//! is taken from the stories, in which all must agree. Stories go in, what is wrong with them comes out.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::{
    client::{key, uid},
    records::{Claim, Records, Told},
    watchers::{Event, Scope, Story},
};

/// One write.
struct Change {
    revision: u64,
    before: Option<Version>,
    after: Option<Version>,
}

/// A version: its number, and the object without it.
type Version = (u64, Value);

pub struct Truth(Vec<Change>);

impl Truth {
    /// # Panics
    ///
    /// When what was told cannot be true.
    pub fn new(records: &Records, stories: &[Story]) -> Self {
        let told = records.told();
        let mut writes: BTreeMap<u64, Option<Value>> = BTreeMap::new();
        let mut keys = HashMap::new();
        for (revision, object) in &told.versions {
            let mut object = object.clone();
            object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
            keys.insert(uid(&object), key(&object));
            writes.insert(*revision, Some(object));
        }
        let mut gone = HashMap::new();
        for (revision, uid) in deletions(&told, stories) {
            let before = writes.insert(revision, None);
            assert!(before.is_none(), "a deletion and a version have the number {revision}");
            gone.insert(revision, keys[&uid].clone());
        }
        let mut state: BTreeMap<String, Version> = BTreeMap::new();
        let mut changes = Vec::new();
        for (revision, object) in writes {
            let key = object.as_ref().map_or_else(|| gone[&revision].clone(), key);
            let after = object.map(|object| (revision, object));
            let before = match &after {
                Some(version) => state.insert(key, version.clone()),
                None => state.remove(&key),
            };
            if let (Some((_, before)), Some((_, after))) = (&before, &after) {
                assert_eq!(uid(before), uid(after), "an object took the place of another");
            }
            assert!(before.is_some() || after.is_some(), "{revision} deletes nothing");
            changes.push(Change {
                revision,
                before,
                after,
            });
        }
        let truth = Self(changes);
        truth.check_claims(&told);
        truth
    }

    /// No write is lost in another one.
    fn check_claims(&self, told: &Told) {
        let changes: HashMap<u64, &Change> = self.0.iter().map(|change| (change.revision, change)).collect();
        for (revision, claim) in &told.claims {
            // One that changed nothing answers with the version that was there.
            let change = changes[revision];
            let Some((_, after)) = &change.after else {
                panic!("{revision} is a deletion")
            };
            match (claim, &change.before) {
                (Claim::Replaced(replaced), _) if replaced == revision => {}
                (Claim::Replaced(replaced), before) => {
                    let number = before.as_ref().map(|(number, _)| number);
                    assert_eq!(Some(replaced), number, "{revision} replaced another version");
                }
                (Claim::Patched(fields), before) => {
                    let has = |object: &Value, (field, value): (&String, &Value)| object["data"][field] == *value;
                    assert!(
                        fields.iter().all(|field| has(after, field)),
                        "{revision}: a patch is lost"
                    );
                    let Some((_, before)) = before else { continue };
                    let is_its_own = !fields.iter().all(|field| has(before, field));
                    let others = |object: &Value| {
                        let mut data = object["data"].as_object().cloned().unwrap_or_default();
                        data.retain(|field, _| !fields.contains_key(field));
                        data
                    };
                    assert!(
                        !is_its_own || others(before) == others(after),
                        "{revision}: a patch changed more"
                    );
                }
            }
        }
    }

    /// What is wrong with a story.
    pub fn judge(&self, story: &Story) -> Result<(), String> {
        let scope = &story.scope;
        if let Some((began, items)) = &story.began {
            let state = self.state(scope, *began);
            let wanted: Vec<Value> = state.into_iter().map(numbered).collect();
            if *items != wanted {
                return Err(format!("it began at {began} with\n{items:?}\nand not with\n{wanted:?}"));
            }
            compare(&story.events, &self.events(scope, *began))?;
        } else {
            // Where it began is not told: there must be a place that the story fits.
            let candidates = std::iter::once(0).chain(self.0.iter().map(|change| change.revision));
            let fits = |began: u64| {
                let state = self.state(scope, began).into_iter();
                let state = state.map(|(revision, object)| ("ADDED", *revision, object));
                let wanted: Vec<_> = state.chain(self.events(scope, began)).collect();
                compare(&story.events, &wanted).is_ok()
            };
            if !candidates.into_iter().any(fits) {
                return Err(format!("it begins nowhere: {:?}", brief(&story.events)));
            }
        }
        for (place, revision) in &story.bookmarks {
            let (before, after) = story.events.split_at(*place);
            let is_true = before.last().is_none_or(|last| last.revision <= *revision)
                && after.first().is_none_or(|next| next.revision > *revision);
            if !is_true {
                return Err(format!("a bookmark lies: {revision}"));
            }
        }
        Ok(())
    }

    /// What there is in the end.
    pub fn newest(&self, scope: &Scope) -> Vec<Value> {
        self.state(scope, u64::MAX).into_iter().map(numbered).collect()
    }

    fn state(&self, scope: &Scope, revision: u64) -> Vec<&Version> {
        let mut state = BTreeMap::new();
        for change in self.0.iter().take_while(|change| change.revision <= revision) {
            let version = change.after.as_ref().or(change.before.as_ref());
            let key = key(&version.unwrap().1);
            match &change.after {
                Some(after) => drop(state.insert(key, after)),
                None => drop(state.remove(&key)),
            }
        }
        state.into_values().filter(|(_, object)| scope.takes(object)).collect()
    }

    fn events(&self, scope: &Scope, after: u64) -> Vec<(&'static str, u64, &Value)> {
        let changes = self.0.iter().filter(|change| change.revision > after);
        let takes = |version: &&Version| scope.takes(&version.1);
        changes
            .filter_map(|change| {
                let was = change.before.as_ref().filter(takes);
                let is = change.after.as_ref().filter(takes);
                let (kind, (_, object)) = match (was, is) {
                    (None, None) => return None,
                    (None, Some(is)) => ("ADDED", is),
                    (Some(_), Some(is)) => ("MODIFIED", is),
                    (Some(was), None) => ("DELETED", was),
                };
                Some((kind, change.revision, object))
            })
            .collect()
    }
}

/// When which object went, as all stories tell it.
fn deletions(told: &Told, stories: &[Story]) -> BTreeMap<u64, String> {
    let mut when = BTreeMap::new();
    for event in stories.iter().flat_map(|story| &story.events) {
        // Of those that left a selection, some are still there, or were for a while.
        if event.kind == "DELETED" && !told.versions.contains_key(&event.revision) {
            let known = when.entry(event.revision).or_insert_with(|| uid(&event.object));
            assert_eq!(
                *known,
                uid(&event.object),
                "two deletions have the number {}",
                event.revision
            );
        }
    }
    let mut seen: Vec<&String> = when.values().collect();
    seen.sort();
    let mut wanted: Vec<&String> = told.deleted.iter().collect();
    wanted.sort();
    assert_eq!(seen, wanted, "what was deleted, and what was seen to go");
    when
}

fn compare(told: &[Event], wanted: &[(&str, u64, &Value)]) -> Result<(), String> {
    let is_same = |(told, wanted): (&Event, &(&str, u64, &Value))| {
        told.kind == wanted.0 && told.revision == wanted.1 && told.object == *wanted.2
    };
    let same = told.iter().zip(wanted).take_while(|pair| is_same(*pair)).count();
    if same == told.len() && same == wanted.len() {
        return Ok(());
    }
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(kind, revision, object)| (*kind, *revision, key(object)))
        .collect();
    let near = same.saturating_sub(2)..same + 3;
    Err(format!(
        "of {} events, {same} are right; then it was told {:?}, and happened {:?}",
        wanted.len(),
        brief(told).get(near.start..near.end.min(told.len())),
        wanted.get(near.start..near.end.min(wanted.len())),
    ))
}

fn brief(events: &[Event]) -> Vec<(&str, u64, String)> {
    let brief = |event: &'_ Event| (event.revision, key(&event.object));
    events
        .iter()
        .map(|event| (event.kind.as_str(), brief(event).0, brief(event).1))
        .collect()
}

fn numbered((revision, object): &Version) -> Value {
    let mut object = object.clone();
    object["metadata"]["resourceVersion"] = revision.to_string().into();
    object
}
