//! Deletions: at once, or marked for those who still have to finish something: finalizers, a grace period, dependents.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Registry, admission,
    codec::{decode, encode},
    definitions,
    object::{FOREGROUND, ORPHAN, finalizers, is_deleted, meta, meta_number, metadata_mut, set_finalizers, set_meta},
    options::{DeleteOptions, ListOptions},
    read::{List, Selection},
    resource::Resource,
    write::Written,
};
use crate::server::{
    clock::seconds,
    status::{ApiError, GroupResource},
    store::{Object, key},
};

/// What became of a deletion.
#[derive(Debug, Clone)]
pub enum Deleted {
    /// The object is gone; this was its last state.
    Gone(Value),
    /// It is marked, or would be.
    Marked(Written),
}

enum Step {
    /// It goes at once.
    Remove,
    /// It changes to this first.
    Mark(Value),
    /// It changes to this, and then goes at once: watches see both.
    MarkAndRemove(Value),
    /// A deletion is under way already, and this one asks for nothing new.
    Pending,
}

impl Registry {
    /// Deletes an object.
    ///
    /// # Errors
    ///
    /// The refusal: it is not there, it is not what the client thinks, it may not be deleted.
    pub fn delete(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted, ApiError> {
        let place = resource.group_resource();
        admission::may_delete(&place, name)?;
        loop {
            let Some(live) = self.store.get(&resource.place(), &key(namespace, name)) else {
                return Err(ApiError::not_found(&place, name));
            };
            if let Some(deleted) = self.delete_live(resource, &live, options)? {
                return Ok(deleted);
            }
        }
    }

    /// Deletes what a list has: all that is selected, or a page of it. The list, as it was.
    ///
    /// # Errors
    ///
    /// Those of a list; the first refusal, other than that an object is gone already.
    pub fn delete_all(
        &self,
        resource: &Resource,
        namespace: &str,
        list: &ListOptions,
        selection: &Selection,
        options: &DeleteOptions,
    ) -> Result<List, ApiError> {
        let list = self.list(resource, namespace, list, selection)?;
        for object in &list.page.objects {
            match self.delete(resource, object.namespace(), object.name(), options) {
                Err(error) if error.reason != "NotFound" => return Err(error),
                _ => {}
            }
        }
        Ok(list)
    }

    /// `None` if the object changed meanwhile.
    fn delete_live(
        &self,
        resource: &Resource,
        live: &Object,
        options: &DeleteOptions,
    ) -> Result<Option<Deleted>, ApiError> {
        let object = decode(resource, live)?;
        check_preconditions(resource, &object, options)?;
        match self.step(resource, &object, options) {
            Step::Pending => Ok(Some(Deleted::Marked(Written::Shown(object)))),
            Step::Remove if options.dry_run => Ok(Some(Deleted::Gone(object))),
            Step::Mark(marked) | Step::MarkAndRemove(marked) if options.dry_run => {
                Ok(Some(Deleted::Marked(Written::Shown(marked))))
            }
            Step::Remove => self.remove_live(resource, live, object),
            Step::Mark(marked) => {
                let Some(stored) = self.put_marked(resource, live, marked)? else {
                    return Ok(None);
                };
                Ok(Some(Deleted::Marked(Written::Stored(stored))))
            }
            Step::MarkAndRemove(marked) => {
                let Some(stored) = self.put_marked(resource, live, marked)? else {
                    return Ok(None);
                };
                let last = decode(resource, &stored)?;
                self.remove_live(resource, &stored, last)
            }
        }
    }

    fn remove_live(&self, resource: &Resource, live: &Object, last: Value) -> Result<Option<Deleted>, ApiError> {
        let removed = self.remove(resource, live, last)?;
        Ok(removed.map(|removed| match removed {
            Written::Shown(last) => Deleted::Gone(last),
            stored @ Written::Stored(_) => Deleted::Marked(stored),
        }))
    }

    /// `None` if the object changed meanwhile.
    fn put_marked(&self, resource: &Resource, live: &Object, marked: Value) -> Result<Option<Arc<Object>>, ApiError> {
        let content = encode(resource, marked)?;
        let stored = self
            .store
            .put(&resource.place(), &live.key, Some(live.revision), content);
        let Ok(stored) = stored else { return Ok(None) };
        self.after_write(resource, &stored);
        Ok(Some(stored))
    }

    fn step(&self, resource: &Resource, object: &Value, options: &DeleteOptions) -> Step {
        if is_namespace(resource) {
            return self.step_of_namespace(resource, object, options);
        }
        if definitions::is_definition(resource) && !is_deleted(object) {
            let mut marked = object.clone();
            definitions::mark_deleted(&mut marked, &seconds(self.clock.now()));
            return Step::Mark(marked);
        }
        let mut marked = object.clone();
        let grace = match self.mark_gracefully(resource, &mut marked, options) {
            Grace::Pending => return Step::Pending,
            Grace::None => false,
            Grace::Marked => true,
        };
        let wanted = dependents_finalizers(resource, object, options);
        set_finalizers(&mut marked, wanted);
        let waits = !finalizers(&marked).is_empty();
        if !grace && !waits {
            return Step::Remove;
        }
        if !grace {
            self.mark(&mut marked);
        } else if !waits && meta_number(&marked, "deletionGracePeriodSeconds") == Some(0) {
            return Step::MarkAndRemove(marked);
        }
        if marked == *object {
            return Step::Pending;
        }
        Step::Mark(marked)
    }

    /// Gives an object the time that its kind grants it before it goes.
    fn mark_gracefully(&self, resource: &Resource, object: &mut Value, options: &DeleteOptions) -> Grace {
        let asked = options.grace_period_seconds;
        if is_deleted(object) {
            return self.shorten(object, asked.map(|seconds| if seconds < 0 { 1 } else { seconds }));
        }
        let Some(period) = (resource.strategy.grace_seconds)(object, asked) else {
            return Grace::None;
        };
        let at = self.clock.now().saturating_add(jiff::SignedDuration::from_secs(period));
        let at = at.unwrap_or(jiff::Timestamp::MAX);
        set_meta(object, "deletionTimestamp", &seconds(at));
        metadata_mut(object).insert("deletionGracePeriodSeconds".to_owned(), period.into());
        next_generation(object);
        Grace::Marked
    }

    /// A deletion that is under way may be asked to be faster, never slower.
    fn shorten(&self, object: &mut Value, asked: Option<i64>) -> Grace {
        let before = meta_number(object, "deletionGracePeriodSeconds").unwrap_or(0);
        if before == 0 {
            return Grace::None;
        }
        let Some(mut period) = asked.filter(|period| *period < before) else {
            return Grace::Pending;
        };
        let now = self.clock.now();
        let moved = meta(object, "deletionTimestamp")
            .parse::<jiff::Timestamp>()
            .unwrap_or(now);
        let moved = moved
            .saturating_sub(jiff::SignedDuration::from_secs(before - period))
            .unwrap_or(now);
        if moved < now && period != 0 {
            period = 1;
        }
        set_meta(object, "deletionTimestamp", &seconds(moved.max(now)));
        metadata_mut(object).insert("deletionGracePeriodSeconds".to_owned(), period.into());
        Grace::Marked
    }

    /// Marks an object as one that goes as soon as its finalizers let it.
    fn mark(&self, object: &mut Value) {
        if !is_deleted(object) {
            next_generation(object);
            set_meta(object, "deletionTimestamp", &seconds(self.clock.now()));
        }
        metadata_mut(object).insert("deletionGracePeriodSeconds".to_owned(), 0.into());
    }

    /// A namespace waits for what is in it: its finalizers are in its spec.
    fn step_of_namespace(&self, resource: &Resource, object: &Value, options: &DeleteOptions) -> Step {
        let waits = object.pointer("/spec/finalizers").and_then(Value::as_array);
        let waits = waits.is_some_and(|list| !list.is_empty()) || !finalizers(object).is_empty();
        if !waits {
            return Step::Remove;
        }
        if is_deleted(object) {
            return Step::Pending;
        }
        let mut marked = object.clone();
        set_finalizers(&mut marked, dependents_finalizers(resource, object, options));
        set_meta(&mut marked, "deletionTimestamp", &seconds(self.clock.now()));
        if let Some(status) = marked.pointer_mut("/status").and_then(Value::as_object_mut) {
            status.insert("phase".to_owned(), "Terminating".into());
        }
        Step::Mark(marked)
    }
}

enum Grace {
    /// The kind knows no grace, or its time is over.
    None,
    /// The object was marked.
    Marked,
    /// It was marked before, and nothing changes.
    Pending,
}

fn is_namespace(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.plural == "namespaces"
}

fn next_generation(object: &mut Value) {
    if let Some(generation) = meta_number(object, "generation").filter(|generation| *generation > 0) {
        metadata_mut(object).insert("generation".to_owned(), (generation + 1).into());
    }
}

/// Whether an object is the one that is meant.
pub(super) fn check_preconditions(
    resource: &Resource,
    object: &Value,
    options: &DeleteOptions,
) -> Result<(), ApiError> {
    let name = meta(object, "name");
    let (uid, version) = (meta(object, "uid"), meta(object, "resourceVersion"));
    let other_uid = options.uid.as_deref().filter(|wanted| *wanted != uid);
    let other_version = options.resource_version.as_deref().filter(|wanted| *wanted != version);
    let (what, wanted, is, happened) = match (other_uid, other_version) {
        (Some(wanted), _) => ("UID", wanted, uid, "deleted and then recreated"),
        (None, Some(wanted)) => ("ResourceVersion", wanted, version, "modified"),
        (None, None) => return Ok(()),
    };
    // What is deleted in steps is asked before the first of them, in other words.
    if is_namespace(resource) || definitions::is_definition(resource) {
        let why = format!("Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {is}");
        return Err(ApiError::conflict(&resource.group_resource(), name, &why));
    }
    let why = format!(
        "the {what} in the precondition ({wanted}) does not match the {what} in record ({is}). The object might have been \
         {happened}"
    );
    let kind = GroupResource::new(&resource.group, &resource.kind);
    Err(ApiError::conflict(&kind, name, &why))
}

/// The finalizers that an object has once its dependents are thought of.
fn dependents_finalizers(resource: &Resource, object: &Value, options: &DeleteOptions) -> Vec<String> {
    let present = finalizers(object);
    let has = |wanted: &str| present.iter().any(|finalizer| finalizer == wanted);
    let policy = match (options.orphan_dependents, options.propagation_policy.as_deref()) {
        (Some(true), _) | (None, Some("Orphan")) => Some(ORPHAN),
        (None, Some("Foreground")) => Some(FOREGROUND),
        (Some(false), _) | (None, Some(_)) => None,
        (None, None) if has(ORPHAN) => Some(ORPHAN),
        (None, None) if has(FOREGROUND) => Some(FOREGROUND),
        (None, None) => resource.strategy.orphans_by_default.then_some(ORPHAN),
    };
    let others = present
        .iter()
        .filter(|finalizer| !matches!(finalizer.as_str(), FOREGROUND | ORPHAN));
    others.cloned().chain(policy.map(str::to_owned)).collect()
}
