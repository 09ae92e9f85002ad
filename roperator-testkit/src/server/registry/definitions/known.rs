//! What is known of definitions: what each was when it was last looked at goes in, the resources that are served come out.
//! It reads nothing from the store.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::{
    super::{
        object::{is_deleted, text},
        resource::{Resource, version_priority},
    },
    has_condition, is_established,
    versions::Version,
};
use crate::server::{status::GroupResource, store::Revision};

/// The kinds that definitions define now.
#[derive(Debug, Default)]
pub struct Definitions {
    served: HashMap<(String, String, String), Arc<Resource>>,
    /// The versions that the server itself reads and writes: the preferred ones, or the stored ones where none is served.
    homes: HashMap<GroupResource, Arc<Resource>>,
    /// The versions that objects are stored in.
    stored: HashMap<GroupResource, Arc<Resource>>,
    /// The definitions by name, as they were last served.
    pub(super) known: HashMap<String, Known>,
}

/// A definition, as it was last looked at.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) definition: Value,
    /// The write that made it what it is.
    pub(super) revision: Revision,
}

impl Definitions {
    pub(in crate::server::registry) fn resource(&self, place: &(String, String, String)) -> Option<Arc<Resource>> {
        self.served.get(place).cloned()
    }

    pub(in crate::server::registry) fn resources(&self) -> Vec<Arc<Resource>> {
        self.served.values().cloned().collect()
    }

    pub(in crate::server::registry) fn home(&self, place: &GroupResource) -> Option<Arc<Resource>> {
        self.homes.get(place).cloned()
    }

    /// The version that the objects of a resource are stored in.
    pub(super) fn stored(&self, place: &GroupResource) -> Option<Arc<Resource>> {
        self.stored.get(place).cloned()
    }

    /// Whether the definition of a resource is being deleted.
    pub(in crate::server::registry) fn is_being_deleted(&self, resource: &Resource) -> bool {
        let name = format!("{}.{}", resource.plural, resource.group);
        self.known.get(&name).is_some_and(|known| is_deleted(&known.definition))
    }

    /// Whether what a definition served is served otherwise, or no longer, now that it is this.
    pub(super) fn changes(&self, name: &str, now: Option<&Known>) -> bool {
        let (before, now) = match (self.known.get(name), now) {
            (None, None) => return false,
            (None, Some(_)) | (Some(_), None) => return true,
            (Some(before), Some(now)) => (&before.definition, &now.definition),
        };
        let is_same = |pointer| before.pointer(pointer) == now.pointer(pointer);
        let is_all_same = ["/metadata/uid", "/spec", "/status/acceptedNames"]
            .into_iter()
            .all(is_same);
        !is_all_same || is_established(before) != is_established(now)
    }

    /// Serves what a definition defines.
    pub(super) fn insert(&mut self, versions: &[Version]) {
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
        let stored = versions.iter().find(|version| version.is_stored);
        for (map, version) in [(&mut self.homes, preferred.or(stored)), (&mut self.stored, stored)] {
            if let Some(version) = version {
                map.insert(version.resource.group_resource(), Arc::clone(&version.resource));
            }
        }
    }

    /// No longer serves what a definition defined.
    pub(super) fn forget(&mut self, name: &str) {
        let is_other = |resource: &Resource| format!("{}.{}", resource.plural, resource.group) != name;
        self.served.retain(|_, resource| is_other(resource));
        self.homes.retain(|_, resource| is_other(resource));
        self.stored.retain(|_, resource| is_other(resource));
    }

    /// The definitions of a group that wait for names.
    pub(super) fn waiting(&self, group: &str) -> Vec<String> {
        let waits = |known: &Known| {
            text(&known.definition, "/spec/group") == group
                && !has_condition(&known.definition, "NamesAccepted", "True")
        };
        let waiting = self.known.iter().filter(|(_, known)| waits(known));
        waiting.map(|(name, _)| name.clone()).collect()
    }

    /// The other definitions, which may have the names that one wants.
    pub(super) fn others(&self, name: &str) -> Vec<&Value> {
        let others = self.known.iter().filter(|(other, _)| *other != name);
        others.map(|(_, known)| &known.definition).collect()
    }
}
