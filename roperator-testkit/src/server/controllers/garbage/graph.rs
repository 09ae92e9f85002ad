//! Who owns whom: heads of objects go in as they are written, and what has to be looked at because of that comes out as
//! tasks. It reads and writes nothing else.
//!
//! Unlike the real graph it needs no nodes for owners that were only heard of: writes come in the order in which they were
//! made, so an owner that is not here when its dependent is does not exist.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::tasks::{Task, Tasks};
use crate::server::{
    controllers::head::{Head, OwnerReference, Uid},
    status::GroupResource,
    store::Object,
};

/// An object.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it is.
    pub(super) identity: Identity,
    /// Nodes are numbered as they come, so that dependents have an order.
    number: u64,
    owners: Vec<OwnerReference>,
    dependents: BTreeMap<u64, Uid>,
    /// Its deletion began.
    pub(super) is_deleted: bool,
    /// Its deletion waits, or waited, for its dependents.
    pub(super) deletes_dependents: bool,
    waits_for_orphans: bool,
    waits_for_dependents: bool,
    /// It does not exist any more, but others still refer to it.
    is_gone: bool,
}

/// Where an object is, and what it is.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// The object, as it was when it was first seen.
    pub(super) object: Arc<Object>,
    /// Its resource.
    pub(super) resource: GroupResource,
    /// Its kind, in the version that discovery prefers.
    pub(super) api_version: String,
    /// Its kind.
    pub(super) kind: String,
}

impl Identity {
    /// Whether a reference of an object in a namespace means this object, its uid apart.
    fn is_meant(&self, reference: &OwnerReference, namespace: &str) -> bool {
        let own = self.object.namespace();
        (own.is_empty() || own == namespace)
            && self.object.name() == reference.name
            && self.kind == reference.kind
            && self.api_version == reference.api_version
    }
}

/// A reference to an owner that is in another namespace.
#[derive(Debug)]
pub(super) struct Stray {
    pub(super) dependent: Identity,
    pub(super) uid: Uid,
    pub(super) reference: OwnerReference,
}

/// Who owns whom.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: HashMap<Uid, Node>,
    next: u64,
}

impl Graph {
    pub(super) fn get(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid).filter(|node| !node.is_gone)
    }

    /// The dependents of an object, in the order in which they came.
    pub(super) fn dependents(&self, uid: &str) -> Vec<(Uid, &Node)> {
        let dependents = self.nodes.get(uid).into_iter().flat_map(|node| node.dependents.values());
        dependents.filter_map(|uid| Some((Arc::clone(uid), self.get(uid)?))).collect()
    }

    /// The dependents that the foreground deletion of an object waits for.
    pub(super) fn blocking(&self, uid: &str) -> Vec<(Uid, &Node)> {
        let blocks = |node: &Node| node.owners.iter().any(|owner| owner.uid == uid && owner.blocks());
        let mut dependents = self.dependents(uid);
        dependents.retain(|(_, node)| blocks(node));
        dependents
    }

    /// Whether a reference of an object in a namespace is to an object that is known to be gone.
    pub(super) fn is_gone(&self, reference: &OwnerReference, namespace: &str) -> bool {
        let known = self.nodes.get(reference.uid.as_str());
        known.is_some_and(|node| node.is_gone && node.identity.is_meant(reference, namespace))
    }

    /// Takes note of an object, without its owners.
    pub(super) fn insert(&mut self, uid: &Uid, identity: Identity) {
        self.next += 1;
        let node = Node {
            identity,
            number: self.next,
            owners: Vec::new(),
            dependents: BTreeMap::new(),
            is_deleted: false,
            deletes_dependents: false,
            waits_for_orphans: false,
            waits_for_dependents: false,
            is_gone: false,
        };
        self.nodes.insert(Arc::clone(uid), node);
    }

    /// Takes note of how an object is now. References into other namespaces are told.
    pub(super) fn update(&mut self, uid: &Uid, head: &Head, tasks: &mut Tasks) -> Vec<Stray> {
        let Some(node) = self.nodes.get_mut(uid) else { return Vec::new() };
        let before = std::mem::replace(&mut node.owners, head.owners().to_vec());
        node.is_deleted |= head.is_deleted();
        let starts_orphaning = head.waits_for_orphans() && !node.waits_for_orphans;
        let starts_deleting = head.waits_for_dependents() && !node.waits_for_dependents;
        node.waits_for_orphans = head.waits_for_orphans();
        node.waits_for_dependents = head.waits_for_dependents();
        node.deletes_dependents |= head.waits_for_dependents();
        let find = |list: &[OwnerReference], uid: &str| list.iter().rfind(|owner| owner.uid == uid).cloned();
        for old in &before {
            let new = find(head.owners(), &old.uid);
            if old.blocks() && !new.as_ref().is_some_and(OwnerReference::blocks) {
                self.push_if_known(&old.uid, tasks);
            }
            if new.is_none() {
                self.unlink(uid, &old.uid);
            }
        }
        let mut added = head.owners().to_vec();
        added.retain(|owner| find(&before, &owner.uid).is_none());
        let strays = self.link(uid, &added, tasks);
        if starts_orphaning {
            tasks.push(Task::Orphan(Arc::clone(uid)));
        } else if starts_deleting {
            for (dependent, _) in self.dependents(uid) {
                tasks.push(Task::Delete(dependent));
            }
            tasks.push(Task::Delete(Arc::clone(uid)));
        }
        strays
    }

    /// Takes note that an object is gone.
    pub(super) fn remove(&mut self, uid: &Uid, tasks: &mut Tasks) {
        let Some(node) = self.nodes.get_mut(uid).filter(|node| !node.is_gone) else { return };
        node.is_gone = true;
        let owners = std::mem::take(&mut node.owners);
        let dependents: Vec<Uid> = node.dependents.values().cloned().collect();
        if dependents.is_empty() {
            let number = node.number;
            self.nodes.remove(uid);
            self.unlink_all(number, &owners);
        } else {
            let number = node.number;
            self.unlink_all(number, &owners);
        }
        for dependent in dependents {
            tasks.push(Task::Delete(dependent));
        }
        for owner in &owners {
            if self.get(&owner.uid).is_some_and(|node| node.deletes_dependents) {
                tasks.push(Task::Delete(Uid::from(owner.uid.as_str())));
            }
        }
    }
}
