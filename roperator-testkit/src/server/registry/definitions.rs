//! CustomResourceDefinitions at work: a definition that is written gets its names and is served, one that is deleted takes
//! its objects with it. What the real server's controllers do a moment later is done here at once, as writes of their own.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError},
};

use serde_json::{Map, Value, json};

use super::{
    Registry,
    codec::decode,
    custom,
    object::{child_mut, finalizers, is_deleted, meta, set_finalizers, set_meta, text},
    options::{DeleteOptions, ListOptions},
    read::Selection,
    resource::{Resource, version_priority},
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

/// The kinds that definitions define now.
#[derive(Debug, Default)]
pub struct Definitions {
    served: HashMap<(String, String, String), Arc<Resource>>,
    /// The versions that the server itself reads and writes: the preferred ones, or the stored ones where none is served.
    homes: HashMap<GroupResource, Arc<Resource>>,
    /// The definitions by name, as they were last served.
    known: HashMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    definition: Value,
    /// The write that made it what it is.
    revision: Revision,
    /// Whether it is being deleted, so that nothing more may be created.
    is_terminating: bool,
}

impl Definitions {
    pub(super) fn resource(&self, place: &(String, String, String)) -> Option<Arc<Resource>> {
        self.served.get(place).cloned()
    }

    pub(super) fn resources(&self) -> Vec<Arc<Resource>> {
        self.served.values().cloned().collect()
    }

    pub(super) fn home(&self, place: &GroupResource) -> Option<Arc<Resource>> {
        self.homes.get(place).cloned()
    }

    /// Whether the definition of a resource is being deleted.
    pub(super) fn is_terminating(&self, resource: &Resource) -> bool {
        let name = format!("{}.{}", resource.plural, resource.group);
        self.known.get(&name).is_some_and(|known| known.is_terminating)
    }

    /// Serves what a definition defines, and no longer what it defined before. Tells whether something else was served till
    /// then.
    fn serve(&mut self, definition: Value, revision: Revision) -> bool {
        let name = meta(&definition, "name").to_owned();
        let before = self.known.get(&name);
        if before.is_some_and(|known| known.revision > revision) {
            return false;
        }
        let is_same = before.is_some_and(|known| known.definition.get("spec") == definition.get("spec"));
        let has_served = before.is_some_and(|known| is_established(&known.definition));
        let is_kept = is_same && is_established(&definition);
        if !(is_kept && has_served) {
            self.forget(&name);
            if is_established(&definition) {
                self.insert(&custom::resources(&definition));
            }
        }
        let known = Known {
            definition,
            revision,
            is_terminating: false,
        };
        self.known.insert(name, known);
        has_served && !is_kept
    }

    fn insert(&mut self, versions: &[custom::Version]) {
        let served = || versions.iter().filter(|version| version.is_served);
        for version in served() {
            let resource = &version.resource;
            let place = (
                resource.group.clone(),
                resource.version.clone(),
                resource.plural.clone(),
            );
            self.served.insert(place, Arc::clone(resource));
        }
        let preferred = served().max_by_key(|version| version_priority(&version.resource.version));
        let home = preferred.or_else(|| versions.iter().find(|version| version.is_stored));
        if let Some(home) = home {
            self.homes
                .insert(home.resource.group_resource(), Arc::clone(&home.resource));
        }
    }

    fn forget(&mut self, name: &str) {
        let is_other = |resource: &Resource| format!("{}.{}", resource.plural, resource.group) != name;
        self.known.remove(name);
        self.served.retain(|_, resource| is_other(resource));
        self.homes.retain(|_, resource| is_other(resource));
    }

    fn terminate(&mut self, name: &str) {
        if let Some(known) = self.known.get_mut(name) {
            known.is_terminating = true;
        }
    }

    /// The definitions of a group that wait for names.
    fn waiting(&self, group: &str) -> Vec<String> {
        let waits = |known: &Known| {
            text(&known.definition, "/spec/group") == group
                && !has_condition(&known.definition, "NamesAccepted", "True")
        };
        let waiting = self.known.iter().filter(|(_, known)| waits(known));
        waiting.map(|(name, _)| name.clone()).collect()
    }

    fn others(&self, name: &str) -> Vec<&Value> {
        let others = self.known.iter().filter(|(other, _)| *other != name);
        others.map(|(_, known)| &known.definition).collect()
    }
}

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
        let name = meta(&definition, "name").to_owned();
        if is_deleted(&definition) {
            self.definitions_mut().terminate(&name);
            self.empty(resource, &definition);
            return;
        }
        // One after the other: two definitions may want the same names.
        let _one_at_a_time = self.defining.lock().unwrap_or_else(PoisonError::into_inner);
        let now = seconds(self.clock.now());
        let accepted = self.rewrite(resource, &name, |live| {
            let definitions = self.definitions();
            let claims = accept_names(live, &definitions.others(&name));
            child_mut(live, "status").insert("acceptedNames".to_owned(), claims.accepted);
            for condition in &claims.conditions {
                apply(live, &now, condition);
            }
        });
        let Some(accepted) = accepted else { return };
        let has_names = has_condition(&accepted.0, "NamesAccepted", "True");
        let established = if has_names && !is_established(&accepted.0) {
            self.rewrite(resource, &name, |live| apply(live, &now, &establish()))
        } else {
            None
        };
        let (definition, revision) = established.unwrap_or(accepted);
        let place = place_of(&definition);
        if self.definitions_mut().serve(definition, revision) {
            self.store.end_watches_of(&place);
        }
    }

    /// What follows from the removal of a definition.
    pub(super) fn undefine(&self, last: &Value) {
        self.definitions_mut().forget(meta(last, "name"));
        self.store.close(&place_of(last));
        let waiting = self.definitions().waiting(text(last, "/spec/group"));
        let Some(resource) = self.resource("apiextensions.k8s.io", "v1", "customresourcedefinitions") else {
            return;
        };
        for name in waiting {
            if let Some(stored) = self.store.get(&resource.group_resource(), &name) {
                self.define(&resource, &stored);
            }
        }
    }

    /// Deletes the objects of a definition that is being deleted, and lets it go once there are none.
    fn empty(&self, resource: &Resource, definition: &Value) {
        if !finalizers(definition).iter().any(|finalizer| finalizer == CLEANUP) {
            return;
        }
        let now = seconds(self.clock.now());
        let name = meta(definition, "name");
        if !has_reason(definition, "InstanceDeletionInProgress") {
            let message = "CustomResource deletion is in progress";
            // This write leads back here, and then on.
            self.rewrite_and_follow(resource, name, |live| {
                set_condition(live, &now, "Terminating", true, "InstanceDeletionInProgress", message);
            });
            return;
        }
        let place = place_of(definition);
        if let Some(custom) = self.any_version(&place) {
            // What stays has a finalizer: its removal leads back here.
            let all = ListOptions::default();
            let _ = Selection::new(&custom, &all, None)
                .and_then(|selection| self.delete_all(&custom, "", &all, &selection, &DeleteOptions::default()));
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
        self.rewrite_and_follow(resource, name, |live| {
            set_condition(live, &now, "Terminating", false, reason, message);
            let waits = finalizers(live)
                .into_iter()
                .filter(|finalizer| finalizer != CLEANUP)
                .collect();
            set_finalizers(live, waits);
        });
    }

    /// The definition of a custom kind, which must be the same when an object of it is stored; `None` for built-in kinds.
    ///
    /// # Errors
    ///
    /// 403 about the object of this name if it is being deleted, 404 if it is gone.
    pub(super) fn living_definition(&self, resource: &Resource, name: &str) -> Result<Option<Arc<Object>>, ApiError> {
        if !resource.is_custom() {
            return Ok(None);
        }
        // First what it is, and then whether it lives: a deletion in between makes another version of it.
        let found = self
            .store
            .get(&DEFINITIONS, &format!("{}.{}", resource.plural, resource.group));
        if self.definitions().is_terminating(resource) {
            let why = "create not allowed while custom resource definition is terminating";
            return Err(ApiError::forbidden(&resource.group_resource(), name, why));
        }
        found.map(Some).ok_or_else(ApiError::no_such_resource)
    }

    /// What follows from the removal of a custom object: its definition may have waited for it.
    pub(super) fn after_custom_removal(&self, custom: &Resource) {
        let Some(resource) = self.resource("apiextensions.k8s.io", "v1", "customresourcedefinitions") else {
            return;
        };
        if !self.definitions().is_terminating(custom) {
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

    fn rewrite_and_follow(&self, resource: &Resource, key: &str, change: impl Fn(&mut Value)) {
        if let Some((definition, _)) = self.rewrite(resource, key, change) {
            self.empty(resource, &definition);
        }
    }
}

fn place_of(definition: &Value) -> GroupResource {
    GroupResource::new(text(definition, "/spec/group"), text(definition, "/spec/names/plural"))
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
