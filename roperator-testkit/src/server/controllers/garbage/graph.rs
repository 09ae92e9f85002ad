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
    /// Its key below its resource.
    pub(super) key: Arc<str>,
    /// Its resource.
    pub(super) resource: GroupResource,
    /// Its `apiVersion`, the one that discovery prefers, and its kind; `None` if it was no longer served when it was seen.
    pub(super) kind: Option<(String, String)>,
}

impl Identity {
    /// Its namespace; empty for objects of the cluster.
    pub(super) fn namespace(&self) -> &str {
        self.key.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.key.split_once('/').map_or(&*self.key, |(_, name)| name)
    }

    /// Whether a reference names the version that this object is known in.
    pub(super) fn has_version_of(&self, reference: &OwnerReference) -> bool {
        let mut known = self.kind.iter();
        known.all(|(api_version, _)| *api_version == reference.api_version)
    }

    /// Whether a reference of an object in a namespace means this object, its uid and version apart.
    fn is_meant(&self, reference: &OwnerReference, namespace: &str) -> bool {
        let own = self.namespace();
        let is_kind =
            reference.group() == self.resource.group && self.kind.iter().all(|(_, kind)| *kind == reference.kind);
        is_kind && (own.is_empty() || own == namespace) && self.name() == reference.name
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
        let dependents = self
            .nodes
            .get(uid)
            .into_iter()
            .flat_map(|node| node.dependents.values());
        dependents
            .filter_map(|uid| Some((Arc::clone(uid), self.get(uid)?)))
            .collect()
    }

    /// The dependents that the foreground deletion of an object waits for.
    pub(super) fn blocking(&self, uid: &str) -> Vec<(Uid, &Node)> {
        let blocks = |node: &Node| node.owners.iter().any(|owner| owner.uid == uid && owner.blocks());
        let mut dependents = self.dependents(uid);
        dependents.retain(|(_, node)| blocks(node));
        dependents
    }

    /// The object that a reference of an object in a namespace means, in whatever version, if it is known to be gone.
    pub(super) fn gone(&self, reference: &OwnerReference, namespace: &str) -> Option<&Identity> {
        let known = self.nodes.get(reference.uid.as_str()).filter(|node| node.is_gone);
        known
            .map(|node| &node.identity)
            .filter(|identity| identity.is_meant(reference, namespace))
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
        let Some(node) = self.nodes.get_mut(uid) else {
            return Vec::new();
        };
        let starts_orphaning = head.waits_for_orphans() && !node.waits_for_orphans;
        let starts_deleting = head.waits_for_dependents() && !node.waits_for_dependents;
        node.is_deleted |= head.is_deleted();
        node.deletes_dependents |= head.waits_for_dependents();
        node.waits_for_orphans = head.waits_for_orphans();
        node.waits_for_dependents = head.waits_for_dependents();
        let strays = self.update_owners(uid, head.owners(), tasks);
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
        let Some(node) = self.nodes.get_mut(uid) else { return };
        node.is_gone = true;
        let number = node.number;
        let owners = std::mem::take(&mut node.owners);
        for dependent in node.dependents.values() {
            tasks.push(Task::Delete(Arc::clone(dependent)));
        }
        self.drop_if_unknown(uid);
        for owner in &owners {
            self.unlink(number, &owner.uid);
            if let Some((uid, _)) = self
                .nodes
                .get_key_value(owner.uid.as_str())
                .filter(|(_, node)| node.deletes_dependents)
            {
                tasks.push(Task::Delete(Arc::clone(uid)));
            }
        }
    }

    fn update_owners(&mut self, uid: &Uid, owners: &[OwnerReference], tasks: &mut Tasks) -> Vec<Stray> {
        let Some(node) = self.nodes.get_mut(uid) else {
            return Vec::new();
        };
        if node.owners == owners {
            return Vec::new();
        }
        let number = node.number;
        let before = std::mem::replace(&mut node.owners, owners.to_vec());
        for old in &before {
            let new = owners.iter().rfind(|owner| owner.uid == old.uid);
            if old.blocks() && !new.is_some_and(OwnerReference::blocks) {
                // The owner may have waited for this object alone.
                if let Some((owner, _)) = self.nodes.get_key_value(old.uid.as_str()) {
                    tasks.push(Task::Delete(Arc::clone(owner)));
                }
            }
            if new.is_none() {
                self.unlink(number, &old.uid);
            }
        }
        let is_new = |owner: &&OwnerReference| !before.iter().any(|old| old.uid == owner.uid);
        self.link(uid, owners.iter().filter(is_new), tasks)
    }

    /// Makes an object a dependent of its owners. If one of them is not what the reference says, that is looked into.
    fn link<'a>(
        &mut self,
        uid: &Uid,
        owners: impl Iterator<Item = &'a OwnerReference>,
        tasks: &mut Tasks,
    ) -> Vec<Stray> {
        let Some(node) = self.nodes.get(uid) else {
            return Vec::new();
        };
        let (number, identity) = (node.number, node.identity.clone());
        let namespace = identity.namespace();
        let mut strays = Vec::new();
        let mut is_doubtful = false;
        for reference in owners {
            let Some(owner) = self.nodes.get_mut(reference.uid.as_str()) else {
                is_doubtful = true;
                continue;
            };
            owner.dependents.insert(number, Arc::clone(uid));
            let own = owner.identity.namespace();
            if !is_doubtful && !owner.is_gone && !own.is_empty() && own != namespace {
                strays.push(Stray {
                    dependent: identity.clone(),
                    uid: Arc::clone(uid),
                    reference: reference.clone(),
                });
            }
            let is_meant = owner.identity.is_meant(reference, namespace) && owner.identity.has_version_of(reference);
            is_doubtful |= owner.is_gone || !is_meant;
        }
        if is_doubtful {
            tasks.push(Task::Delete(Arc::clone(uid)));
        }
        strays
    }

    fn unlink(&mut self, number: u64, owner: &str) {
        if let Some(node) = self.nodes.get_mut(owner) {
            node.dependents.remove(&number);
        }
        self.drop_if_unknown(owner);
    }

    /// Forgets an object that is gone once nobody refers to it.
    fn drop_if_unknown(&mut self, uid: &str) {
        if self
            .nodes
            .get(uid)
            .is_some_and(|node| node.is_gone && node.dependents.is_empty())
        {
            self.nodes.remove(uid);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::server::store::{Content, Object};

    fn object(name: &str, namespace: &str, more: serde_json::Value) -> (Uid, Identity, Head) {
        let mut metadata = json!({"name": name, "uid": name});
        for (key, value) in more.as_object().unwrap() {
            metadata[key] = value.clone();
        }
        let object = Object {
            key: crate::server::store::key(namespace, name).into(),
            revision: 1,
            content: Content {
                json: json!({"metadata": metadata}).to_string().into(),
                schema: None,
                labels: Box::default(),
                fields: Box::default(),
            },
        };
        let head = Head::of(&object).unwrap();
        let identity = Identity {
            key: object.key,
            resource: GroupResource::new("", "configmaps"),
            kind: Some(("v1".to_owned(), "ConfigMap".to_owned())),
        };
        (name.into(), identity, head)
    }

    fn owned(name: &str, block: bool) -> serde_json::Value {
        json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": name, "blockOwnerDeletion": block}])
    }

    fn write(graph: &mut Graph, tasks: &mut Tasks, (uid, identity, head): (Uid, Identity, Head)) -> usize {
        if graph.get(&uid).is_none() {
            graph.insert(&uid, identity);
        }
        graph.update(&uid, &head, tasks).len()
    }

    fn drain(tasks: &mut Tasks) -> Vec<Task> {
        std::iter::from_fn(|| tasks.pop()).collect()
    }

    fn delete(uid: &str) -> Task {
        Task::Delete(uid.into())
    }

    #[test]
    fn dependents_are_looked_at_when_their_owner_goes() {
        let (mut graph, mut tasks) = (Graph::default(), Tasks::default());
        write(&mut graph, &mut tasks, object("a", "ns", json!({})));
        write(
            &mut graph,
            &mut tasks,
            object("b", "ns", json!({"ownerReferences": owned("a", true)})),
        );
        assert_eq!(drain(&mut tasks), [], "the owner is there");
        graph.remove(&"a".into(), &mut tasks);
        assert_eq!(drain(&mut tasks), [delete("b")]);
        let reference = OwnerReference {
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            name: "a".to_owned(),
            uid: "a".to_owned(),
            ..OwnerReference::default()
        };
        assert!(graph.gone(&reference, "ns").is_some() && graph.gone(&reference, "other").is_none());
        graph.remove(&"b".into(), &mut tasks);
        assert!(graph.nodes.is_empty(), "nobody refers to what is gone");
    }

    #[test]
    fn references_to_what_is_not_there_are_looked_into() {
        let (mut graph, mut tasks) = (Graph::default(), Tasks::default());
        write(&mut graph, &mut tasks, object("a", "ns", json!({})));
        write(
            &mut graph,
            &mut tasks,
            object("b", "ns", json!({"ownerReferences": owned("x", true)})),
        );
        assert_eq!(drain(&mut tasks), [delete("b")]);
        let strays = write(
            &mut graph,
            &mut tasks,
            object("c", "other", json!({"ownerReferences": owned("a", true)})),
        );
        assert_eq!((drain(&mut tasks), strays), (vec![delete("c")], 1));
    }

    #[test]
    fn deletions_with_finalizers_begin_once() {
        let (mut graph, mut tasks) = (Graph::default(), Tasks::default());
        write(&mut graph, &mut tasks, object("a", "ns", json!({})));
        write(
            &mut graph,
            &mut tasks,
            object("b", "ns", json!({"ownerReferences": owned("a", true)})),
        );
        let foreground = json!({"deletionTimestamp": "now", "finalizers": ["foregroundDeletion"]});
        for expected in [vec![delete("b"), delete("a")], vec![]] {
            write(&mut graph, &mut tasks, object("a", "ns", foreground.clone()));
            assert_eq!(drain(&mut tasks), expected);
        }
        assert_eq!(graph.blocking("a").len(), 1);
        write(
            &mut graph,
            &mut tasks,
            object("b", "ns", json!({"ownerReferences": owned("a", false)})),
        );
        assert_eq!(drain(&mut tasks), [delete("a")]);
        assert_eq!((graph.blocking("a").len(), graph.dependents("a").len()), (0, 1));
        let orphan = json!({"deletionTimestamp": "now", "finalizers": ["orphan"]});
        write(&mut graph, &mut tasks, object("c", "ns", orphan));
        assert_eq!(drain(&mut tasks), [Task::Orphan("c".into())]);
    }
}
