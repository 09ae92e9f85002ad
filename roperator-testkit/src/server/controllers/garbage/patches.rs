//! The collector's writes to objects that stay: references to owners and finalizers go. As the real one does, it sends
//! strategic merge patches where the kind knows them, and others where it does not; who owns which field afterwards
//! follows from that.

use serde_json::{Value, json};

use super::{Collector, Identity, Trouble};
use crate::server::{
    controllers::{
        MANAGER,
        head::{Head, OwnerReference},
    },
    registry::{options::WriteOptions, patching::Patch, warnings::Warnings, write::Target},
};

impl Collector {
    /// Removes the references of an object to these owners.
    pub(super) fn remove_owners(&self, identity: &Identity, head: &Head, owners: &[String]) -> Result<(), Trouble> {
        let deleted = owners.iter().map(|uid| json!({"$patch": "delete", "uid": uid}));
        let deleted: Vec<Value> = deleted.collect();
        let strategic = json!({"metadata": {"ownerReferences": deleted, "uid": head.uid}});
        let kept = head.owners().iter().filter(|owner| !owners.contains(&owner.uid));
        self.patch_owners(identity, head, strategic, kept.cloned().collect())
    }

    /// Makes the references of an object block nobody's deletion; the object afterwards.
    pub(super) fn unblock(&self, identity: &Identity, head: Head) -> Result<Head, Trouble> {
        let unblocked = head.owners().iter().cloned().map(|owner| OwnerReference {
            block_owner_deletion: Some(false),
            ..owner
        });
        let unblocked: Vec<OwnerReference> = unblocked.collect();
        let blocking = unblocked.iter().zip(head.owners()).filter(|(_, owner)| owner.blocks());
        let blocking: Vec<&OwnerReference> = blocking.map(|(unblocked, _)| unblocked).collect();
        let strategic = json!({"metadata": {"ownerReferences": blocking, "uid": head.uid}});
        self.patch_owners(identity, &head, strategic, unblocked)?;
        Ok(self.live(&head.uid, identity).unwrap_or(head))
    }

    /// Removes a finalizer of an object.
    pub(super) fn remove_finalizer(&self, uid: &str, finalizer: &str) -> Result<(), Trouble> {
        let Some(node) = self.graph.get(uid) else { return Ok(()) };
        let Some(head) = self.live(uid, &node.identity).filter(|head| head.has(finalizer)) else {
            return Ok(());
        };
        let kept: Vec<&String> = head.finalizers().iter().filter(|known| *known != finalizer).collect();
        let kept = if kept.is_empty() { Value::Null } else { json!(kept) };
        let patch = json!({"metadata": {"resourceVersion": head.resource_version, "finalizers": kept}});
        self.patch(&node.identity, &Patch::Merge(patch))
    }

    fn patch_owners(
        &self,
        identity: &Identity,
        head: &Head,
        strategic: Value,
        merged: Vec<OwnerReference>,
    ) -> Result<(), Trouble> {
        let resource = self
            .registry
            .any_version(&identity.resource)
            .ok_or(Trouble::UnknownKind)?;
        if !resource.is_custom() {
            return self.patch(identity, &Patch::Strategic(strategic));
        }
        let owners = if merged.is_empty() { Value::Null } else { json!(merged) };
        let patch = json!({"metadata": {"resourceVersion": head.resource_version, "ownerReferences": owners}});
        self.patch(identity, &Patch::Merge(patch))
    }

    fn patch(&self, identity: &Identity, patch: &Patch) -> Result<(), Trouble> {
        let resource = self
            .registry
            .any_version(&identity.resource)
            .ok_or(Trouble::UnknownKind)?;
        let options = WriteOptions::default();
        let target = Target {
            resource: &resource,
            namespace: identity.namespace(),
            name: identity.name(),
            subresource: "",
            options: &options,
            manager: MANAGER,
            warnings: &Warnings::default(),
        };
        self.registry.patch(&target, patch, &[])?;
        Ok(())
    }
}
