//! The garbage collector. Data in: heads of objects as they are written. Data out: deletions of objects whose owners are all
//! gone, patches of those that keep some, and the end of deletions that waited for dependents.
//!
//! [`graph`] knows who owns whom and says what to look at; the object and its owners are then read afresh from the store
//! before anything is done. What is refused, or refers to a kind that nobody serves, waits until the object or what is
//! served changes. A deletion that was asked to wait for dependents which own each other in a circle ends as the real
//! one does: the circle's references stop blocking.

mod events;
mod graph;
mod patches;
mod tasks;

use std::sync::Arc;

use self::{
    graph::{Graph, Identity},
    tasks::{Task, Tasks},
};
use super::head::{Head, OwnerReference, Uid};
use crate::server::{
    registry::{
        Registry,
        object::{FOREGROUND, ORPHAN},
        options::DeleteOptions,
        resource::Resource,
    },
    status::{ApiError, GroupResource},
    store::{EventKind, Object, Write, key},
    types::Types,
};

/// The garbage collector.
#[derive(Debug)]
pub(super) struct Collector {
    registry: Arc<Registry>,
    graph: Graph,
    tasks: Tasks,
}

/// Why something could not be done.
#[derive(Debug)]
enum Trouble {
    /// Nobody serves the kind of an owner. It may be served later.
    UnknownKind,
    /// An object of the cluster says that one in a namespace owns it. That will never be true.
    Impossible,
    /// The registry refused it.
    Refused(ApiError),
    /// These dependents could not be freed.
    Held(Vec<Uid>),
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

/// The owners of an object as they are now.
#[derive(Debug, Default)]
struct Owners {
    /// They are there, and stay.
    solid: usize,
    /// The uids of those who are not there.
    dangling: Vec<String>,
    /// The uids of those whose deletion waits for their dependents.
    waiting: Vec<String>,
}

impl Collector {
    /// A collector that knows these objects.
    pub(super) fn new(registry: Arc<Registry>, objects: &[(GroupResource, Arc<Object>)]) -> Self {
        let mut collector = Self {
            registry,
            graph: Graph::default(),
            tasks: Tasks::default(),
        };
        let heads = objects.iter().filter(|(resource, _)| !is_ignored(resource));
        let heads = heads.filter_map(|(resource, object)| Some((resource, object, Head::of(object)?)));
        let mut heads: Vec<_> = heads.collect();
        heads.sort_by_key(|(_, object, _)| object.revision);
        // All of them first: an owner may have been written after its dependents.
        for (resource, object, head) in &heads {
            collector.insert(resource, object, head);
        }
        for (_, _, head) in &heads {
            collector.update(&Uid::from(head.uid.as_str()), head);
        }
        collector
    }

    /// Takes note of a write.
    pub(super) fn observe(&mut self, write: &Write) {
        if is_ignored(&write.resource) {
            return;
        }
        let object = &write.event.object;
        let Some(head) = Head::of(object) else { return };
        let uid = Uid::from(head.uid.as_str());
        self.tasks.resume(&uid);
        if write.event.kind == EventKind::Deleted {
            self.graph.remove(&uid, &mut self.tasks);
            return;
        }
        if self.graph.get(&uid).is_none() {
            self.insert(&write.resource, object, &head);
        }
        self.update(&uid, &head);
    }

    /// Takes note that other kinds are served: what could not be done may be now.
    pub(super) fn resume(&mut self) {
        self.tasks.resume_all();
    }

    /// Whether there is something to do.
    pub(super) fn is_busy(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Does one thing, if there is one to do.
    pub(super) fn work(&mut self) {
        let Some(task) = self.tasks.pop() else { return };
        let done = match &task {
            Task::Delete(uid) => self.attempt(uid),
            Task::Orphan(uid) => self.orphan(uid),
        };
        match done {
            Ok(()) | Err(Trouble::Impossible) => {}
            Err(Trouble::Refused(error)) if error.reason == "NotFound" => {}
            // It changed meanwhile: that write is in the feed, and comes before the next attempt.
            Err(Trouble::Refused(error)) if error.reason == "Conflict" => self.tasks.push(task),
            Err(Trouble::UnknownKind | Trouble::Refused(_)) => self.tasks.park(task, &[]),
            Err(Trouble::Held(dependents)) => self.tasks.park(task, &dependents),
        }
    }

    fn insert(&mut self, resource: &GroupResource, object: &Arc<Object>, head: &Head) {
        let served = self.registry.any_version(resource);
        let identity = Identity {
            key: Arc::clone(&object.key),
            resource: resource.clone(),
            kind: served.map(|served| (served.api_version(), served.kind.clone())),
        };
        self.graph.insert(&Uid::from(head.uid.as_str()), identity);
    }

    fn update(&mut self, uid: &Uid, head: &Head) {
        for stray in self.graph.update(uid, head, &mut self.tasks) {
            // It is only a message; the reference is looked into anyway.
            let _ = self.report(&stray);
        }
    }

    /// Deletes an object that has no owner left, or goes on with a deletion that waits for dependents.
    fn attempt(&mut self, uid: &Uid) -> Result<(), Trouble> {
        let Some(node) = self.graph.get(uid) else { return Ok(()) };
        if node.is_deleted && !node.deletes_dependents {
            return Ok(());
        }
        let Some(head) = self.live(uid, &node.identity) else {
            return Ok(());
        };
        if node.deletes_dependents {
            return self.delete_dependents(uid);
        }
        if head.owners().is_empty() {
            return Ok(());
        }
        let identity = node.identity.clone();
        let owners = self.classify(&head, identity.namespace())?;
        if owners.solid > 0 {
            let gone: Vec<String> = owners.dangling.into_iter().chain(owners.waiting).collect();
            if gone.is_empty() {
                return Ok(());
            }
            return self.remove_owners(&identity, &head, &gone);
        }
        if owners.waiting.is_empty() || self.graph.dependents(uid).is_empty() {
            let wished = [(ORPHAN, "Orphan"), (FOREGROUND, "Foreground")];
            let wished = wished.iter().find(|(finalizer, _)| head.has(finalizer));
            let policy = wished.map_or("Background", |(_, policy)| policy);
            return self.delete(&identity, &head, policy);
        }
        let is_circle = self
            .graph
            .dependents(uid)
            .iter()
            .any(|(_, node)| node.deletes_dependents);
        let head = if is_circle {
            self.unblock(&identity, head)?
        } else {
            head
        };
        self.delete(&identity, &head, "Foreground")
    }

    /// Goes on with a deletion that waits for dependents.
    fn delete_dependents(&mut self, uid: &Uid) -> Result<(), Trouble> {
        let blocking = self.graph.blocking(uid);
        if blocking.is_empty() {
            return self.remove_finalizer(uid, FOREGROUND);
        }
        let pending = blocking.iter().filter(|(_, node)| !node.is_deleted);
        let pending: Vec<Uid> = pending.map(|(uid, _)| Arc::clone(uid)).collect();
        for dependent in pending {
            self.tasks.push(Task::Delete(dependent));
        }
        Ok(())
    }

    /// Frees the dependents of an object from it, and then the object from waiting for that. One that cannot be freed holds
    /// the object, and no other dependent.
    fn orphan(&self, uid: &Uid) -> Result<(), Trouble> {
        let mut held = Vec::new();
        for (dependent, node) in self.graph.dependents(uid) {
            let Some(head) = self.live(&dependent, &node.identity) else {
                continue;
            };
            match self.remove_owners(&node.identity, &head, &[uid.to_string()]) {
                Ok(()) => {}
                Err(Trouble::Refused(error)) if error.reason == "NotFound" => {}
                // If it changed meanwhile, or another has its name now, then that write is in the feed.
                Err(_) => held.push(dependent),
            }
        }
        if !held.is_empty() {
            return Err(Trouble::Held(held));
        }
        self.remove_finalizer(uid, ORPHAN)
    }

    fn delete(&self, identity: &Identity, head: &Head, policy: &str) -> Result<(), Trouble> {
        let resource = self
            .registry
            .any_version(&identity.resource)
            .ok_or(Trouble::UnknownKind)?;
        let options = DeleteOptions {
            propagation_policy: Some(policy.to_owned()),
            uid: Some(head.uid.clone()),
            resource_version: Some(head.resource_version.clone()),
            ..DeleteOptions::default()
        };
        self.registry
            .delete(&resource, identity.namespace(), identity.name(), &options)?;
        Ok(())
    }

    /// The head of an object as it is now, if it is still the same object.
    fn live(&self, uid: &str, identity: &Identity) -> Option<Head> {
        let stored = self.registry.store.get(&identity.resource, &identity.key)?;
        Head::of(&stored).filter(|head| head.uid == *uid)
    }

    fn classify(&self, head: &Head, namespace: &str) -> Result<Owners, Trouble> {
        let mut owners = Owners::default();
        for reference in head.owners() {
            match self.owner(reference, namespace)? {
                None => owners.dangling.push(reference.uid.clone()),
                Some(owner) if owner.waits_for_dependents() => owners.waiting.push(reference.uid.clone()),
                Some(_) => owners.solid += 1,
            }
        }
        Ok(owners)
    }

    /// Whom a reference of an object in a namespace means; `None` if there is no such object.
    fn owner(&self, reference: &OwnerReference, namespace: &str) -> Result<Option<Head>, Trouble> {
        // A version that a kind never had is unknown as long as the kind is served, and later nobody knows which it had.
        let is_certain =
            |owner: &Identity| owner.has_version_of(reference) || self.registry.any_version(&owner.resource).is_none();
        if self.graph.gone(reference, namespace).is_some_and(is_certain) {
            return Ok(None);
        }
        let resource = self.resource_of_kind(reference).ok_or(Trouble::UnknownKind)?;
        if resource.namespaced && namespace.is_empty() {
            return Err(Trouble::Impossible);
        }
        let namespace = if resource.namespaced { namespace } else { "" };
        let place = key(namespace, &reference.name);
        let stored = self.registry.store.get(&resource.place(), &place);
        let head = stored.and_then(|stored| Head::of(&stored));
        Ok(head.filter(|head| head.uid == reference.uid))
    }

    fn resource_of_kind(&self, reference: &OwnerReference) -> Option<Arc<Resource>> {
        let (group, version) = (reference.group(), reference.version());
        let built_in = Types::kubernetes().group(group);
        let built_in = built_in.and_then(|group| group.version(version));
        let built_in = built_in.and_then(|version| {
            let mut resources = version.resources.iter();
            resources.find(|resource| resource.kind == reference.kind)
        });
        if let Some(found) = built_in {
            return self.registry.resource(group, version, found.name);
        }
        let is_meant = |resource: &Arc<Resource>| {
            (&*resource.group, &*resource.version, &*resource.kind) == (group, version, &*reference.kind)
        };
        self.registry.custom_resources().into_iter().find(is_meant)
    }
}

/// Events own nothing and are owned by nobody.
fn is_ignored(resource: &GroupResource) -> bool {
    resource.resource == "events" && matches!(resource.group.as_str(), "" | "events.k8s.io")
}
