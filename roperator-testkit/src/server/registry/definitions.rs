//! CustomResourceDefinitions at work: a definition that is written gets its names and is served, one that is deleted takes
//! its objects with it. What the real server's controllers do a moment later is done here at once, as writes of their own.

mod known;
mod versions;

use std::sync::{Arc, LazyLock, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

pub use self::known::Definitions;
use self::known::Known;
use super::{
    Registry,
    codec::decode,
    object::{child_mut, finalizers, is_deleted, meta, set_finalizers, set_meta, text},
    options::DeleteOptions,
    resource::Resource,
};
use crate::server::{
    clock::seconds,
    schema::definition::{Condition, accept_names, establish},
    status::{ApiError, GroupResource},
    store::{Object, Revision},
};

/// The finalizer of a definition that is deleted: its objects go first.
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Where definitions are stored.
pub static DEFINITIONS: LazyLock<GroupResource> =
    LazyLock::new(|| GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions"));

/// Held by the one whose turn it is to give definitions their names, or to look at what they are now.
type Turn<'a> = MutexGuard<'a, ()>;

/// Whether a resource is that of the definitions.
#[must_use]
pub fn is_definition(resource: &Resource) -> bool {
    resource.group == "apiextensions.k8s.io" && resource.plural == "customresourcedefinitions"
}

/// What a deletion of a definition marks it with before anything else.
pub(super) fn mark_deleted(definition: &mut Value, now: &str) {
    let mut waits = finalizers(definition);
    if !waits.iter().any(|finalizer| finalizer == CLEANUP) {
        waits.push(CLEANUP.to_owned());
    }
    set_finalizers(definition, waits);
    set_meta(definition, "deletionTimestamp", now);
    let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    set_condition(definition, now, "Terminating", true, "InstanceDeletionPending", message);
}

impl Registry {
    /// What follows from a write of a definition.
    pub(super) fn define(&self, resource: &Resource, stored: &Arc<Object>) {
        let Ok(definition) = decode(resource, stored) else {
            return;
        };
        let name = meta(&definition, "name");
        if is_deleted(&definition) {
            self.learn(resource, name, &self.turn());
            self.empty(resource, &definition);
            return;
        }
        // Two definitions may want the same names.
        let turn = self.turn();
        let now = seconds(self.clock.now());
        let accepted = self.rewrite(resource, name, |live| {
            let definitions = self.definitions();
            let claims = accept_names(live, &definitions.others(name));
            child_mut(live, "status").insert("acceptedNames".to_owned(), claims.accepted);
            for condition in &claims.conditions {
                apply(live, &now, condition);
            }
        });
        let is_named = |(accepted, _): &(Value, Revision)| has_condition(accepted, "NamesAccepted", "True");
        if accepted.as_ref().is_some_and(is_named) {
            self.rewrite(resource, name, |live| {
                if !is_established(live) {
                    apply(live, &now, &establish());
                }
            });
        }
        self.learn(resource, name, &turn);
        drop(turn);
        let names = |definition: &Value| definition.pointer("/status/acceptedNames").cloned();
        if accepted.is_some_and(|(accepted, _)| names(&accepted) != names(&definition)) {
            // Some of the names that it had may be free now.
            self.define_waiting(resource, &definition);
        }
    }

    /// What follows from the removal of a definition.
    pub(super) fn undefine(&self, resource: &Resource, last: &Value) {
        self.learn(resource, meta(last, "name"), &self.turn());
        self.define_waiting(resource, last);
    }

    /// Gives the names that a definition has left to those of its group that wait for them.
    fn define_waiting(&self, resource: &Resource, left: &Value) {
        let waiting = self.definitions().waiting(text(left, "/spec/group"));
        for name in waiting {
            if let Some(stored) = self.store.get(&DEFINITIONS, &name) {
                self.define(resource, &stored);
            }
        }
    }

    fn turn(&self) -> Turn<'_> {
        self.defining.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves what a definition defines as it is stored now, and nothing if it is gone. Whoever changed it does this after
    /// the change and in turn, so that the last who looks has seen the last change.
    fn learn(&self, resource: &Resource, name: &str, _: &Turn<'_>) {
        let now = self.store.get(&DEFINITIONS, name).and_then(|stored| {
            Some(Known {
                definition: decode(resource, &stored).ok()?,
                revision: stored.revision,
            })
        });
        let changes = self.definitions().changes(name, now.as_ref());
        // What takes long is done before anybody has to wait for it.
        let established = now.as_ref().filter(|now| is_established(&now.definition));
        let versions = established
            .filter(|_| changes)
            .map(|now| versions::resources(&now.definition));
        let mut definitions = self.definitions_mut();
        if changes {
            definitions.forget(name);
            definitions.insert(&versions.unwrap_or_default());
        }
        match now {
            Some(now) => drop(definitions.known.insert(name.to_owned(), now)),
            None => drop(definitions.known.remove(name)),
        }
        // Nobody finds what is served now before the watches of what was served have ended.
        if changes {
            self.store.begin_anew(&place_of(name));
            self.kinds.send_replace(());
        }
    }

    /// Deletes the objects of a definition that is being deleted, and lets it go once there are none.
    fn empty(&self, resource: &Resource, definition: &Value) {
        if !is_deleted(definition) || !finalizers(definition).iter().any(|finalizer| finalizer == CLEANUP) {
            return;
        }
        let now = seconds(self.clock.now());
        let name = meta(definition, "name");
        if !has_reason(definition, "InstanceDeletionInProgress") {
            let message = "CustomResource deletion is in progress";
            // This write leads back here, and then on.
            self.rewrite_and_follow(resource, definition, |live| {
                set_condition(live, &now, "Terminating", true, "InstanceDeletionInProgress", message);
            });
            return;
        }
        let place = place_of(name);
        let custom = self.definitions().stored(&place);
        if let Some(custom) = custom {
            // What stays has a finalizer: its removal leads back here.
            self.delete_objects(resource, definition, &custom);
            if self.store.count(&place) > 0 {
                return;
            }
        }
        let was_served = is_established(definition);
        let (reason, message) = if was_served {
            ("InstanceDeletionCompleted", "removed all instances")
        } else {
            ("NeverEstablished", "resource was never established")
        };
        self.rewrite_and_follow(resource, definition, |live| {
            set_condition(live, &now, "Terminating", false, reason, message);
            let waits = finalizers(live)
                .into_iter()
                .filter(|finalizer| finalizer != CLEANUP)
                .collect();
            set_finalizers(live, waits);
        });
    }

    /// Deletes the objects of a definition, and none of another that has its name by now.
    fn delete_objects(&self, resource: &Resource, definition: &Value, custom: &Resource) {
        let place = custom.place();
        let objects = self.store.all(&place, "");
        let stored = self.store.get(&resource.place(), meta(definition, "name"));
        let now = stored.and_then(|stored| decode(resource, &stored).ok());
        if now.is_none_or(|now| meta(&now, "uid") != meta(definition, "uid")) {
            return;
        }
        for object in objects {
            let Ok(content) = decode(custom, &object) else { continue };
            let options = DeleteOptions {
                uid: Some(meta(&content, "uid").to_owned()),
                ..DeleteOptions::default()
            };
            // It may be gone already, or be another.
            let _ = self.delete(custom, object.namespace(), object.name(), &options);
        }
    }

    /// The definition of a custom kind, which must be the same when an object of it is stored; `None` for built-in kinds.
    ///
    /// # Errors
    ///
    /// 403 about the object of this name if its objects are being deleted, 404 if it is gone.
    pub(super) fn living_definition(&self, resource: &Resource, name: &str) -> Result<Option<Arc<Object>>, ApiError> {
        if !resource.is_custom() {
            return Ok(None);
        }
        let found = self
            .store
            .get(&DEFINITIONS, &format!("{}.{}", resource.plural, resource.group));
        let found = found.ok_or_else(ApiError::no_such_resource)?;
        if self.is_living(&found)? {
            return Ok(Some(found));
        }
        let why = "create not allowed while custom resource definition is terminating";
        Err(ApiError::forbidden(&resource.group_resource(), name, why))
    }

    /// Whether the objects of a definition are not being deleted: once they are gone, it may wait for others, and has objects
    /// again meanwhile. As it is stored, which may be newer than what is known.
    ///
    /// # Errors
    ///
    /// 404 if it is not the one that is served.
    fn is_living(&self, stored: &Object) -> Result<bool, ApiError> {
        let definitions = self.definitions();
        let known = definitions
            .known
            .get(&*stored.key)
            .ok_or_else(ApiError::no_such_resource)?;
        if known.revision == stored.revision {
            return Ok(!is_terminating(&known.definition));
        }
        let definition: Value = serde_json::from_slice(&stored.content.json).map_err(ApiError::internal)?;
        if meta(&definition, "uid") != meta(&known.definition, "uid") {
            return Err(ApiError::no_such_resource());
        }
        Ok(!is_terminating(&definition))
    }

    /// What follows from the removal of a custom object: its definition may have waited for it.
    pub(super) fn after_custom_removal(&self, custom: &Resource) {
        let Some(resource) = self.resource("apiextensions.k8s.io", "v1", "customresourcedefinitions") else {
            return;
        };
        if !self.definitions().is_being_deleted(custom) {
            return;
        }
        let name = format!("{}.{}", custom.plural, custom.group);
        let place = resource.group_resource();
        let Some(stored) = self.store.get(&place, &name) else {
            return;
        };
        let Ok(definition) = decode(&resource, &stored) else {
            return;
        };
        if is_deleted(&definition) && self.store.count(&custom.group_resource()) == 0 {
            self.empty(&resource, &definition);
        }
    }

    /// Changes a definition that is being deleted, unless it is gone and another has its name.
    fn rewrite_and_follow(&self, resource: &Resource, definition: &Value, change: impl Fn(&mut Value)) {
        let is_it = |live: &Value| meta(live, "uid") == meta(definition, "uid") && is_deleted(live);
        let rewritten = self.rewrite(resource, meta(definition, "name"), |live| {
            if is_it(live) {
                change(live);
            }
        });
        if let Some((live, _)) = rewritten.filter(|(live, _)| is_it(live)) {
            self.empty(resource, &live);
        }
    }
}

/// Where the objects of a definition are: its name says so.
fn place_of(name: &str) -> GroupResource {
    let (plural, group) = name.split_once('.').unwrap_or((name, ""));
    GroupResource::new(group, plural)
}

fn is_terminating(definition: &Value) -> bool {
    has_condition(definition, "Terminating", "True")
}

fn is_established(definition: &Value) -> bool {
    has_condition(definition, "Established", "True")
}

fn conditions(definition: &Value) -> impl Iterator<Item = &Value> {
    let conditions = definition.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten()
}

fn has_condition(definition: &Value, kind: &str, status: &str) -> bool {
    conditions(definition).any(|condition| text(condition, "/type") == kind && text(condition, "/status") == status)
}

fn has_reason(definition: &Value, reason: &str) -> bool {
    conditions(definition).any(|condition| text(condition, "/reason") == reason)
}

fn apply(definition: &mut Value, now: &str, condition: &Condition) {
    set_condition(
        definition,
        now,
        condition.kind,
        condition.status,
        condition.reason,
        &condition.message,
    );
}

/// Sets a condition; its time changes with its status alone.
fn set_condition(definition: &mut Value, now: &str, kind: &str, status: bool, reason: &str, message: &str) {
    let status = if status { "True" } else { "False" };
    let list = child_mut(definition, "status")
        .entry("conditions")
        .or_insert(Value::Null);
    if !list.is_array() {
        *list = json!([]);
    }
    let Some(list) = list.as_array_mut() else { return };
    let mut condition = Map::new();
    for (field, value) in [
        ("type", kind),
        ("status", status),
        ("reason", reason),
        ("message", message),
    ] {
        condition.insert(field.to_owned(), value.into());
    }
    condition.insert("lastTransitionTime".to_owned(), now.into());
    match list.iter_mut().find(|known| text(known, "/type") == kind) {
        None => list.push(Value::Object(condition)),
        Some(known) => {
            if text(known, "/status") == status {
                let since = known.get("lastTransitionTime").cloned().unwrap_or_default();
                condition.insert("lastTransitionTime".to_owned(), since);
            }
            *known = Value::Object(condition);
        }
    }
}
