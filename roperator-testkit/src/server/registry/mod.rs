//! What is served and how it is written: requests about objects, already taken apart, go in; versions in the store or
//! refusals come out. It knows neither HTTP nor tasks.
//!
//! Read it in this order: [`resource`] (what is served), [`body`] (an object as a request brings it), [`write`](mod@write),
//! [`patching`], [`delete`], [`read`]; [`kinds`] has what is special about built-in kinds, [`custom`] and [`definitions`]
//! what CustomResourceDefinitions bring.

pub mod admission;
mod binding;
pub mod body;
pub mod codec;
pub mod connect;
pub mod custom;
pub mod definitions;
pub mod delete;
mod eviction;
mod generate;
pub mod kinds;
pub mod managed;
#[cfg(test)]
mod meanwhile;
pub mod metadata;

pub mod object;
pub mod options;
pub mod patching;
pub mod prepare;
pub mod read;
pub mod resource;
pub mod reviews;
mod rewrite;
pub mod scale;
pub mod shown;
pub mod special;
pub mod start;
pub mod strategy;
mod token;
pub mod warnings;
pub mod write;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use serde_json::Value;
use tokio::sync::watch;

use self::{definitions::Definitions, kinds::service::allocate::Allocations, resource::Resource, token::Tokens};
use crate::server::{
    clock::Clock,
    status::GroupResource,
    store::{Limits, Object, Store},
    types::Types,
};

type ByPlace = HashMap<(String, String, String), Arc<Resource>>;

/// The built-in resources are the same for all servers of a process.
static BUILT_IN: LazyLock<ByPlace> = LazyLock::new(|| resource::built_in(Types::kubernetes()));

/// Everything that one server knows.
#[derive(Debug)]
pub struct Registry {
    /// The objects.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    definitions: RwLock<Definitions>,
    /// Held while a definition is given its names, and while what it defines is served.
    defining: Mutex<()>,
    /// Tells when custom kinds are served, served otherwise, or no longer.
    kinds: watch::Sender<()>,
    allocations: Mutex<Allocations>,
    tokens: Mutex<Tokens>,
}

impl Registry {
    /// A registry with what every cluster has from its start.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let registry = Self {
            store: Store::new(limits),
            clock: Clock::start(),
            definitions: RwLock::default(),
            defining: Mutex::default(),
            kinds: watch::Sender::default(),
            allocations: Mutex::new(Allocations::new()),
            tokens: Mutex::default(),
        };
        registry.populate();
        registry
    }

    /// A resource in one of its versions.
    #[must_use]
    pub fn resource(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        let place = (group.to_owned(), version.to_owned(), plural.to_owned());
        if let Some(found) = BUILT_IN.get(&place) {
            return Some(Arc::clone(found));
        }
        self.definitions().resource(&place)
    }

    /// All resources of CustomResourceDefinitions, in all their versions.
    #[must_use]
    pub fn custom_resources(&self) -> Vec<Arc<Resource>> {
        self.definitions().resources()
    }

    /// Tells when other custom kinds are served than before. Their definitions were written earlier.
    #[must_use]
    pub fn kinds(&self) -> watch::Receiver<()> {
        self.kinds.subscribe()
    }

    /// The version of a resource that the server itself reads and writes: the preferred one.
    #[must_use]
    pub fn any_version(&self, place: &GroupResource) -> Option<Arc<Resource>> {
        let built_in = Types::kubernetes().group(&place.group);
        let version = built_in.and_then(|group| {
            let mut versions = group.versions.iter();
            versions.find(|version| version.resource(&place.resource).is_some())
        });
        if let Some(version) = version {
            return self.resource(&place.group, version.name, &place.resource);
        }
        self.definitions().home(place)
    }

    /// The allocations, for the kind that has some.
    fn allocations(&self, resource: &Resource) -> Option<MutexGuard<'_, Allocations>> {
        is_service(resource).then(|| self.allocations.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What follows from a write of these kinds at once.
    fn after_write(&self, resource: &Resource, stored: &Arc<Object>) {
        if definitions::is_definition(resource) {
            self.define(resource, stored);
        }
    }

    /// What follows from a removal at once.
    fn after_removal(&self, resource: &Resource, last: &Value) {
        if let Some(mut held) = self.allocations(resource) {
            let change = held.delete(last);
            held.apply(change);
        }
        if is_service(resource) {
            self.remove_endpoints(last);
        }
        if definitions::is_definition(resource) {
            self.undefine(resource, last);
        }
        if resource.is_custom() {
            self.after_custom_removal(resource);
        }
    }

    /// The endpoints of a Service go with it.
    fn remove_endpoints(&self, service: &Value) {
        if let Some(endpoints) = self.resource("", "v1", "endpoints") {
            let (namespace, name) = (object::meta(service, "namespace"), object::meta(service, "name"));
            // There may be none.
            let _ = self.delete(&endpoints, namespace, name, &options::DeleteOptions::default());
        }
    }

    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn definitions(&self) -> RwLockReadGuard<'_, Definitions> {
        self.definitions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn definitions_mut(&self) -> RwLockWriteGuard<'_, Definitions> {
        self.definitions.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_service(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.plural == "services"
}
