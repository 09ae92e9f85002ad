//! Observed × desired → changes.
//!
//! In: what is there ([`ObservedState`]), what should be ([`DesiredChild`]ren), and what earlier writes taught us of the
//! server ([`Memory`]). Out: the [`Change`]s that make the one the other, in the order in which they are made. It asks
//! nobody, and the same input gives the same changes. What it finds current it notes, in the version itself and in the memory, so
//! as not to look again.
//!
//! A child is current when the content recorded in its annotation is the desired content and our field manager still owns
//! every field that we state. Values are not compared: the server normalises and defaults them, others add to them, and
//! none of that is drift. Whoever overwrites a value of ours takes its ownership with it, and that is.

mod fields;
mod kept;

#[cfg(test)]
mod tests;

use std::{
    cell::LazyCell,
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    ops::Deref,
    sync::Arc,
};

use serde_json::{Value, json};

use self::fields::FieldSet;
pub(crate) use self::kept::Kept;
use crate::{
    config::OperatorConfig,
    declaration::{OnImmutable, Strategy},
    desired::{
        DesiredChild,
        applied::{Applied, Recorded},
    },
    object::{ManagedEntry, Object, ResourceVersion, Uid},
    observed::ObservedState,
};

/// One change to one child.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Nothing is there under the name, as far as we see: create it, and take nothing that is there after all.
    Create { child: Arc<DesiredChild>, body: Value },
    /// Apply, under our field manager, with the observed uid.
    Apply(Update),
    /// Put, with the observed version: the desired fields laid over the live object.
    Replace { update: Update, put: Value },
    /// Delete, with the observed uid.
    Delete { observed: Object, why: WhyDelete },
    /// It is being deleted; what follows waits until it is gone.
    AwaitDeletion { observed: Object },
    /// It differs, and is left until somebody deletes it.
    Leave { observed: Object },
}

/// What an update of one child states, and what to do if it cannot be.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    pub observed: Object,
    pub body: Value,
    /// What is recorded of the desired content.
    pub applied: Applied,
    /// A patch of `managedFields` that has to come before it.
    pub convert: Option<Value>,
    /// Delete the child for this if an immutable field is in the way; otherwise report it.
    pub recreate: Option<WhyDelete>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhyDelete {
    /// The handler no longer returns it.
    Undesired,
    /// Other content is desired than it was made with, and it cannot be updated to that.
    Changed,
    /// The same content is desired; somebody else changed it, and it cannot be changed back.
    Drifted,
}

/// What our writes taught us about one parent's children. A server or a webhook may drop some of what we state: writing it
/// again would go on for ever, so that what became of a write is accepted as it is until something changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    pub written: HashMap<Uid, Written>,
    accepted: HashMap<Uid, Accepted>,
    kept: Arc<Kept>,
}

/// Our last write of a child.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub applied: Applied,
    pub version: ResourceVersion,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Accepted {
    applied: Applied,
    deviation: Deviation,
}

/// How an observed child differs from the desired one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Deviation {
    /// The recorded content is another one, or unreadable.
    content: bool,
    /// The user's fields that our manager does not own.
    lost: Vec<String>,
    /// Our own label, annotation or owner reference is missing or different.
    marks: bool,
}

impl Deviation {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The changes that bring the children to what is desired: creations and updates in the order of the response, then
/// deletions.
pub(crate) fn diff(
    config: &OperatorConfig,
    observed: &ObservedState,
    desired: &[Arc<DesiredChild>],
    memory: &mut Memory,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for child in desired {
        let live = observed.child(&child.kind, &child.key);
        changes.extend(diff_child(config, &observed.parent, child, live, memory));
    }
    let is_desired = |live: &Object| {
        desired
            .iter()
            .any(|child| *child.kind == *live.kind() && child.key == *live.key())
    };
    let undesired = observed
        .children
        .iter()
        .filter(|live| !is_desired(live) && !live.is_deleting());
    changes.extend(undesired.map(|live| Change::Delete {
        observed: live.clone(),
        why: WhyDelete::Undesired,
    }));
    let lives = |uid: &Uid| observed.children.iter().any(|live| live.uid() == uid);
    memory.accepted.retain(|uid, _| lives(uid));
    memory.written.retain(|uid, _| lives(uid));
    changes
}

/// The change that one child needs, if any.
pub(crate) fn diff_child(
    config: &OperatorConfig,
    parent: &Object,
    child: &Arc<DesiredChild>,
    live: Option<&Object>,
    memory: &mut Memory,
) -> Option<Change> {
    let Some(live) = live else {
        return Some(Change::Create {
            child: child.clone(),
            body: child.body(config, parent),
        });
    };
    if live.is_deleting() {
        return Some(Change::AwaitDeletion { observed: live.clone() });
    }
    // Of what this function looks at only the desired content can be another one for the same version and operator.
    let asked = known_by(config, &child.applied);
    if live.is_known_current(asked) {
        memory.forget(live.uid());
        return None;
    }
    let is_own_write = memory.is_own_write(live, child);
    let recorded = recorded(config, live);
    let has_content = recorded
        .as_ref()
        .is_some_and(|recorded| recorded.same_content(&child.applied));
    let strategy = child.config.strategy;
    // The other strategies write a child once. What became of that has to be known for as long as the child is there.
    let is_written_again = matches!(strategy, Strategy::Apply | Strategy::Replace);
    if is_own_write && is_written_again && has_content && memory.kept.has(child) {
        // Nobody touched it since, and nothing was taken off the way.
        live.found_current(asked);
        memory.forget(live.uid());
        return None;
    }
    let entries: Vec<&ManagedEntry> = live
        .managed()
        .iter()
        .filter(|entry| config.is_own_manager(&entry.manager))
        .collect();
    let owned = LazyCell::new(|| owned_fields(&entries));
    let is_compared_later = is_own_write || memory.accepted.contains_key(live.uid());
    let deviation = if recorded.is_some() && !has_content && !is_compared_later {
        // It is written anew in any case, whoever owns its fields by now.
        Deviation {
            content: true,
            ..Deviation::default()
        }
    } else {
        deviation(config, parent, child, (live, recorded.as_ref()), &entries, &owned)
    };
    if deviation.is_none() {
        if is_own_write {
            memory.kept.add(child);
        }
        live.found_current(asked);
        memory.forget(live.uid());
        return None;
    }
    if !deviation.content {
        memory.kept.remove(child);
    }
    if memory.accepts(live, child.applied, &deviation, is_own_write) {
        return None;
    }
    let observed = live.clone();
    // A record that is gone or damaged is somebody's doing as well.
    let why = match recorded {
        Some(_) if deviation.content => WhyDelete::Changed,
        _ => WhyDelete::Drifted,
    };
    let content_differs = deviation.content || !deviation.lost.is_empty();
    match strategy {
        Strategy::Recreate if content_differs => return Some(Change::Delete { observed, why }),
        Strategy::OnDelete if content_differs => return Some(Change::Leave { observed }),
        // What is left for these two are our own marks.
        Strategy::Recreate | Strategy::OnDelete | Strategy::Apply | Strategy::Replace => {}
    }
    let fields_changed = !recorded.is_some_and(|recorded| recorded.same_fields(&child.applied));
    let recreates = match strategy {
        Strategy::Apply | Strategy::Replace => child.config.on_immutable == OnImmutable::Recreate,
        // What admission changed as it was made may make it impossible to write the marks again.
        Strategy::Recreate => true,
        Strategy::OnDelete => false,
    };
    let update = Update {
        convert: conversion(config, live, &entries, strategy == Strategy::Apply && fields_changed),
        recreate: recreates.then_some(why),
        observed,
        body: child.body(config, parent),
        applied: child.applied,
    };
    Some(match strategy {
        Strategy::Replace => Change::Replace {
            put: laid_over(live, &update.body, &owned, fields_changed),
            update,
        },
        Strategy::Apply | Strategy::Recreate | Strategy::OnDelete => Change::Apply(update),
    })
}

/// What a version that is current is remembered by.
fn known_by(config: &OperatorConfig, desired: &Applied) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&config.name, desired.short_content()).hash(&mut hasher);
    // 0 is nothing.
    hasher.finish() | 1
}

impl Memory {
    /// Nothing is remembered yet but what all parents share.
    pub fn new(kept: &Arc<Kept>) -> Self {
        Self {
            kept: kept.clone(),
            ..Self::default()
        }
    }

    /// Whether this version is what our own last write of just this content made.
    fn is_own_write(&self, live: &Object, child: &DesiredChild) -> bool {
        self.written
            .get(live.uid())
            .is_some_and(|written| written.version == *live.resource_version() && written.applied == child.applied)
    }

    /// Its last write, and what became of it, are of no interest any more.
    fn forget(&mut self, uid: &Uid) {
        self.accepted.remove(uid);
        self.written.remove(uid);
    }

    pub fn is_empty(&self) -> bool {
        self.written.is_empty() && self.accepted.is_empty()
    }

    /// Whether this deviation is what became of our own last write of the same content, now or when it was first seen.
    fn accepts(&mut self, live: &Object, applied: Applied, deviation: &Deviation, is_own_write: bool) -> bool {
        let accepted = Accepted {
            applied,
            deviation: deviation.clone(),
        };
        if self.accepted.get(live.uid()) == Some(&accepted) {
            return true;
        }
        if is_own_write {
            tracing::warn!(
                object = %live.key(), kind = live.kind().kind(), lost = ?deviation.lost,
                "the API server does not keep everything that was written; it is left as it is until something changes"
            );
            self.accepted.insert(live.uid().clone(), accepted);
        }
        is_own_write
    }
}

fn owned_fields(entries: &[&ManagedEntry]) -> FieldSet {
    entries
        .iter()
        .filter_map(|entry| {
            // An `Update` entry does not tell an atomic value from a map whose members others took.
            if entry.is_apply {
                FieldSet::parse(&entry.fields)
            } else {
                FieldSet::parse_update(&entry.fields)
            }
            .inspect_err(|error| tracing::debug!(%error, "managedFields that cannot be read are taken as empty"))
            .ok()
        })
        .reduce(FieldSet::union)
        .unwrap_or_default()
}

fn recorded(config: &OperatorConfig, live: &Object) -> Option<Recorded> {
    live.annotations()
        .get(&config.applied_annotation)
        .map(|text| Recorded::parse(text))
        .filter(|recorded| *recorded != Recorded::Unknown)
}

fn deviation(
    config: &OperatorConfig,
    parent: &Object,
    child: &DesiredChild,
    (live, recorded): (&Object, Option<&Recorded>),
    entries: &[&ManagedEntry],
    owned: &impl Deref<Target = FieldSet>,
) -> Deviation {
    // Often nobody asks for it.
    let value = LazyCell::new(|| live.to_value());
    let content = match recorded {
        Some(recorded) => !recorded.same_content(&child.applied),
        // Somebody removed or damaged the annotation. What we still own has the values that we gave it, which may be others than
        // those desired now: here alone values are compared.
        None => !fields::says(&value, &child.content),
    };
    let mut lost = owned.drifted(&child.content, &value);
    let has_label = live.label(&config.operator_label) == Some(&*config.name);
    // What stands under a former field manager is handed over while that is still known as ours.
    let is_handed_over = entries.iter().all(|entry| &*entry.manager == config.field_manager());
    let marks = !has_label
        || !is_handed_over
        || recorded.is_none()
        || !owned.drifted(&child.marks(config, parent), &value).is_empty();
    if child.config.strategy == Strategy::Apply {
        // An empty map that others put something into: only an apply can own it, and thereby empty it again.
        lost.extend(owned.filled(&child.content, &value));
    }
    if child.config.strategy != Strategy::Apply && !content && fields::says(&value, &child.content) {
        // The fields are somebody else's, or nobody's as far as the entries tell, and yet hold what is desired. An apply would
        // just own them again; the other strategies would replace or recreate a child that is as it should be.
        lost.clear();
    }
    let is_as_we_made_it = live.generation() == Some(1) && entries.iter().any(|entry| !entry.is_apply);
    if matches!(child.config.strategy, Strategy::Recreate | Strategy::OnDelete) && is_as_we_made_it {
        // These strategies write a child once, when it is made. Our entry says that we made this one, and its generation that only
        // its metadata and status have changed since: what else is not as desired, admission changed on the way in, and would again.
        lost.retain(|path| path.starts_with(".metadata.") || path.starts_with(".status."));
    }
    Deviation { content, lost, marks }
}

fn laid_over(live: &Object, body: &Value, owned: &FieldSet, fields_shrank: bool) -> Value {
    let mut put = live.to_value();
    if fields_shrank {
        owned.remove_dropped(&mut put, body);
    }
    owned.overlay(&mut put, body);
    put
}

/// A JSON patch that makes our `managedFields` entries one `Apply` entry under our present field manager, if they are not.
///
/// A POST leaves an `Update` entry, from which no apply ever drops a field: as soon as the set of desired fields changes it
/// has to become an `Apply` entry. An entry under a previous name only needs the new name.
fn conversion(
    config: &OperatorConfig,
    live: &Object,
    entries: &[&ManagedEntry],
    fields_changed: bool,
) -> Option<Value> {
    let manager = config.field_manager();
    let has_foreign_name = entries.iter().any(|entry| &*entry.manager != manager);
    let has_update = entries.iter().any(|entry| !entry.is_apply);
    if !(has_foreign_name || has_update && fields_changed) {
        return None;
    }
    let mut patch = vec![json!({"op": "test", "path": "/metadata/uid", "value": live.uid().as_str()})];
    for entry in entries {
        let path = format!("/metadata/managedFields/{}", entry.index);
        let operation = if entry.is_apply { "Apply" } else { "Update" };
        patch.push(json!({"op": "test", "path": format!("{path}/manager"), "value": &*entry.manager}));
        patch.push(json!({"op": "test", "path": format!("{path}/operation"), "value": operation}));
    }
    if fields_changed {
        let target = entries
            .iter()
            .find(|entry| entry.is_apply)
            .or_else(|| entries.first())?;
        let path = format!("/metadata/managedFields/{}", target.index);
        patch.push(json!({"op": "replace", "path": format!("{path}/manager"), "value": manager}));
        patch.push(json!({"op": "replace", "path": format!("{path}/operation"), "value": "Apply"}));
        patch.push(
            json!({"op": "replace", "path": format!("{path}/fieldsV1"), "value": owned_fields(entries).to_value()}),
        );
        let mut others: Vec<usize> = entries
            .iter()
            .map(|entry| entry.index)
            .filter(|&index| index != target.index)
            .collect();
        others.sort_unstable_by(|a, b| b.cmp(a));
        patch.extend(
            others
                .iter()
                .map(|index| json!({"op": "remove", "path": format!("/metadata/managedFields/{index}")})),
        );
    } else {
        for entry in entries.iter().filter(|entry| &*entry.manager != manager) {
            let path = format!("/metadata/managedFields/{}/manager", entry.index);
            patch.push(json!({"op": "replace", "path": path, "value": manager}));
        }
    }
    Some(Value::Array(patch))
}
