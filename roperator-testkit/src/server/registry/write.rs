//! Creations and updates: an object, or a way to make it of the live one, goes in; a version in the store comes out, or a
//! refusal. The steps are the real server's and in its order: ownership, admission, preparation, validation, the write.
//! What is special about kinds is in their strategies.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::{
    Registry, admission,
    codec::{as_if_stored, decode, encode, is_stored},
    definitions::DEFINITIONS,
    generate, managed,
    object::{finalizers, is_deleted, meta, meta_number, metadata_mut, set_meta},
    options::WriteOptions,
    prepare,
    resource::{Resource, kind_of},
    warnings::{self, Warnings},
};
use crate::server::{
    clock::seconds,
    field::FieldError,
    go::parse_error,
    patch::apply::{Author, keep_times},
    status::{ApiError, GroupResource, invalid_field, resource_version_path},
    store::{Content, NotCreated, Object, key},
    types::json::{MOST_LEVELS, is_deeper},
};

/// What a write is about.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The resource, in the version of the request.
    pub resource: &'a Resource,
    /// The namespace; empty for objects of the cluster.
    pub namespace: &'a str,
    /// The name; empty for a creation whose body has it.
    pub name: &'a str,
    /// The part of the object; empty for all of it.
    pub subresource: &'a str,
    /// How to write.
    pub options: &'a WriteOptions,
    /// Who writes.
    pub manager: &'a str,
    /// Takes what the writer is to be warned of.
    pub warnings: &'a Warnings,
}

impl Target<'_> {
    /// Its key in the store.
    #[must_use]
    pub fn key(&self) -> String {
        key(self.namespace, self.name)
    }

    /// The refusal of an object that is not valid. It names the group in which the kind is stored, and a custom object's
    /// kind as the object has it.
    fn invalid(&self, object: &Value, errors: &[FieldError]) -> ApiError {
        let place = self.resource.place();
        let (api_version, given) = kind_of(object);
        let (group, kind) = if self.resource.is_custom() && !given.is_empty() {
            (api_version.split_once('/').map_or("", |(group, _)| group), given)
        } else {
            (&*place.group, &*self.resource.kind)
        };
        ApiError::invalid(group, kind, meta(object, "name"), errors)
    }
}

/// An object after a write.
#[derive(Debug, Clone)]
pub enum Written {
    /// A version in the store.
    Stored(Arc<Object>),
    /// What a dry run would have stored, or the last state of what was removed.
    Shown(Value),
}

/// What an object is written beside, each as it was seen.
type Beside = Vec<(&'static GroupResource, Arc<Object>)>;

/// Makes the new object of the live one, which is `None` if there is none: decoded, defaulted and with its managed fields.
pub type Make<'a> = &'a dyn Fn(Option<&Value>) -> Result<Value, ApiError>;

impl Registry {
    /// Creates an object that was decoded, defaulted and [`cleaned`](clean).
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn create(&self, target: &Target<'_>, mut object: Value) -> Result<Written, ApiError> {
        set_namespace(target, &mut object)?;
        self.own(target, None, &mut object);
        self.create_owned(target, object)
    }

    /// Changes an object, or creates it where the kind or the request allows that. Tells whether it was created.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn update(&self, target: &Target<'_>, creates: bool, make: Make<'_>) -> Result<(Written, bool), ApiError> {
        let resource = target.resource.group_resource();
        // Made anew as often as the object changes meanwhile: each time, somebody else has got on.
        loop {
            let Some(live) = self.store.get(&target.resource.place(), &target.key()) else {
                if !creates {
                    return Err(ApiError::not_found(&resource, target.name));
                }
                let mut object = make(None)?;
                set_namespace(target, &mut object)?;
                clean_new(&mut object);
                match self.create_owned(target, object) {
                    // Somebody else was faster: theirs is changed.
                    Err(error) if error.reason == "AlreadyExists" => continue,
                    created => return Ok((created?, true)),
                }
            };
            if let Some(written) = self.update_live(target, &live, make)? {
                return Ok((written, false));
            }
        }
    }

    fn create_owned(&self, target: &Target<'_>, mut object: Value) -> Result<Written, ApiError> {
        let resource = target.resource;
        let place = resource.group_resource();
        let beside = self.may_create(resource, target.namespace, meta(&object, "name"))?;
        let is_generated = meta(&object, "name").is_empty() && !meta(&object, "generateName").is_empty();
        if is_generated {
            let prefix = meta(&object, "generateName");
            let is_free = |name: &str| {
                self.store
                    .get(&resource.place(), &key(target.namespace, name))
                    .is_none()
            };
            let name = generate::name(prefix, &is_free);
            set_meta(&mut object, "name", &name);
        }
        set_meta(&mut object, "uid", &Uuid::new_v4().to_string());
        set_meta(&mut object, "creationTimestamp", &seconds(self.clock.now()));
        let version = meta(&object, "resourceVersion").parse::<u64>().unwrap_or(0);
        admission::admit(&self.store, &place, &mut object)?;
        prepare::create(resource, &mut object);
        let name = meta(&object, "name").to_owned();
        check_depth(&object)?;
        let mut allocations = self.allocations(resource);
        let change = allocations
            .as_ref()
            .map(|held| held.create(&mut object, target.options.dry_run))
            .transpose()?;
        let errors = prepare::validate_create(resource, &object);
        if !errors.is_empty() {
            return Err(target.invalid(&object, &errors));
        }
        warnings::of(resource, &object, None, target.warnings);
        if version != 0 && !target.options.dry_run {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(ApiError::unexpected(message));
        }
        let place_key = key(target.namespace, &name);
        if let Some(live) = self.store.get(&resource.place(), &place_key) {
            return Err(exists(
                &place,
                &name,
                decode(resource, &live).is_ok_and(|live| is_deleted(&live)),
            ));
        }
        if target.options.dry_run {
            return as_if_stored(resource, object).map(Written::Shown);
        }
        let content = encode(resource, object)?;
        let stored = self.put_new(resource, &place_key, content, beside)?;
        if let (Some(held), Some(change)) = (&mut allocations, change) {
            held.apply(change);
        }
        drop(allocations);
        self.after_write(resource, &stored);
        Ok(Written::Stored(stored))
    }

    /// Whether an object may be created; beside what alone it may be written: its namespace, and the definition of its kind.
    fn may_create(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Beside, ApiError> {
        let namespace = admission::may_create(&self.store, &resource.group_resource(), namespace, name)?;
        let definition = self.living_definition(resource, name)?;
        let namespace = namespace.map(|object| (&*admission::NAMESPACES, object));
        let definition = definition.map(|object| (&*DEFINITIONS, object));
        Ok(namespace.into_iter().chain(definition).collect())
    }

    /// Writes a new object beside its namespace and its definition, which are asked again if they have changed since they
    /// were asked: what is in one that is being deleted is counted, and nothing may come after that.
    fn put_new(
        &self,
        resource: &Resource,
        key: &str,
        content: Content,
        mut beside: Beside,
    ) -> Result<Arc<Object>, ApiError> {
        let (namespace, name) = key.split_once('/').unwrap_or(("", key));
        loop {
            match self.store.create(&resource.place(), key, content.clone(), &beside) {
                Ok(stored) => return Ok(stored),
                Err(NotCreated::Exists) => return Err(ApiError::already_exists(&resource.group_resource(), name)),
                Err(NotCreated::Moved) => beside = self.may_create(resource, namespace, name)?,
            }
        }
    }

    /// `None` if the object changed meanwhile.
    fn update_live(
        &self,
        target: &Target<'_>,
        live: &Arc<Object>,
        make: Make<'_>,
    ) -> Result<Option<Written>, ApiError> {
        let resource = target.resource;
        let old = decode(resource, live)?;
        let mut new = make(Some(&old))?;
        set_namespace(target, &mut new)?;
        admission::may_write(&self.store, target.namespace)?;
        check_revision(target, &old, &mut new)?;
        prepare::update(resource, target.subresource, &mut new, &old);
        check_depth(&new)?;
        let mut allocations = self.allocations(resource).filter(|_| target.subresource.is_empty());
        let change = allocations
            .as_ref()
            .map(|held| held.update(&mut new, &old, target.options.dry_run))
            .transpose()?;
        let errors = prepare::validate_update(resource, target.subresource, &new, &old);
        if !errors.is_empty() {
            return Err(target.invalid(&new, &errors));
        }
        warnings::of(resource, &new, Some(&old), target.warnings);
        keep_times(&old, &mut new);
        if is_due(resource, &new, &old) {
            drop(allocations);
            if target.options.dry_run {
                return Ok(Some(Written::Shown(new)));
            }
            // The last event shows the object as it was stored, the answer as it was to become.
            let removed = self.remove(resource, live, old)?;
            return Ok(removed.map(|_| Written::Shown(new)));
        }
        if is_stored(resource, live, &old, &new)? {
            return Ok(Some(Written::Stored(Arc::clone(live))));
        }
        if target.options.dry_run {
            return as_if_stored(resource, new).map(|new| Some(Written::Shown(new)));
        }
        let content = encode(resource, new)?;
        let Ok(stored) = self
            .store
            .put(&resource.place(), &live.key, Some(live.revision), content)
        else {
            return Ok(None);
        };
        if let (Some(held), Some(change)) = (&mut allocations, change) {
            held.apply(change);
        }
        drop(allocations);
        self.after_write(resource, &stored);
        Ok(Some(Written::Stored(stored)))
    }

    /// Removes an object whose last state is `last`; `None` if it changed meanwhile.
    pub(super) fn remove(&self, resource: &Resource, live: &Object, last: Value) -> Result<Option<Written>, ApiError> {
        // Watches see the object as it was before the write that let it go; who wrote is shown what came of it.
        let content = live.content.clone();
        let mut shown = last;
        let Ok(removed) = self.store.remove(&resource.place(), &live.key, live.revision, content) else {
            return Ok(None);
        };
        set_meta(&mut shown, "resourceVersion", &removed.revision.to_string());
        self.after_removal(resource, &shown);
        Ok(Some(Written::Shown(shown)))
    }

    /// Notes who owns what of an object that was changed by anything but an apply.
    pub fn own(&self, target: &Target<'_>, live: Option<&Value>, new: &mut Value) {
        let now = seconds(self.clock.now());
        managed::of(target.resource, target.subresource, |fields| {
            let author = Author {
                manager: target.manager,
                now: &now,
            };
            fields.own_update(live, new, author);
        });
    }
}

/// Removes from a body what only the server sets. Comes before everything that looks at the object's ownership.
pub fn clean(object: &mut Value) {
    let metadata = metadata_mut(object);
    for field in [
        "creationTimestamp",
        "uid",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
    ] {
        metadata.remove(field);
    }
}

/// Removes what no new object has. A manifest of an object that was being deleted makes one that is being deleted.
fn clean_new(object: &mut Value) {
    let metadata = metadata_mut(object);
    for field in ["resourceVersion", "selfLink"] {
        metadata.remove(field);
    }
}

/// The object's namespace is the request's.
///
/// # Errors
///
/// 400 if the object names another.
pub fn set_namespace(target: &Target<'_>, object: &mut Value) -> Result<(), ApiError> {
    let given = meta(object, "namespace");
    if given == target.namespace {
        return Ok(());
    }
    if !given.is_empty() && !target.namespace.is_empty() {
        return Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    set_meta(object, "namespace", target.namespace);
    Ok(())
}

fn exists(resource: &GroupResource, name: &str, is_deleted: bool) -> ApiError {
    let mut error = ApiError::already_exists(resource, name);
    if is_deleted {
        error.message = format!("object is being deleted: {}", error.message);
    }
    error
}

/// An object is read again where it is three levels down: in a row of a table of a list.
const MOST_LEVELS_STORED: usize = MOST_LEVELS - 3;

/// What is stored must be readable, its managed fields included, which are deeper than what they are about.
fn check_depth(object: &Value) -> Result<(), ApiError> {
    if is_deeper(object, MOST_LEVELS_STORED) {
        let message =
            format!("the object exceeded max depth: this server keeps no more than {MOST_LEVELS_STORED} levels");
        return Err(ApiError::bad_request(message));
    }
    Ok(())
}

/// A client that names a resource version means that version.
fn check_revision(target: &Target<'_>, old: &Value, new: &mut Value) -> Result<(), ApiError> {
    let resource = target.resource;
    let given = meta(new, "resourceVersion");
    let live = meta(old, "resourceVersion");
    if given.is_empty() || given == "0" {
        if resource.strategy.unconditional_update {
            set_meta(new, "resourceVersion", live);
            return Ok(());
        }
        let error = FieldError::invalid(&resource_version_path(), 0, "must be specified for an update");
        return Err(invalid_field(&resource.group, &resource.plural, target.name, error));
    }
    if let Err(why) = given.parse::<u64>() {
        return Err(ApiError::unexpected(parse_error("ParseUint", given, why.kind())));
    }
    if given != live {
        return Err(ApiError::modified(&resource.group_resource(), target.name));
    }
    Ok(())
}

/// Whether an update lets go of an object whose deletion waited for that.
pub(super) fn is_due(resource: &Resource, new: &Value, old: &Value) -> bool {
    let grace = meta_number(old, "deletionGracePeriodSeconds").unwrap_or(0);
    let is_namespace = resource.group.is_empty() && resource.plural == "namespaces";
    // A namespace has finalizers of its own beside those of all objects.
    let inner = new.pointer("/spec/finalizers").and_then(Value::as_array);
    let waits = is_namespace && inner.is_some_and(|list| !list.is_empty());
    finalizers(new).is_empty() && is_deleted(old) && grace == 0 && !waits
}
